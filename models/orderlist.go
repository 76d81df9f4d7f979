package models

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"till/money"

	"gorm.io/gorm"
)

// OrderSort is the order that a list of orders has.
type OrderSort string

// The orders of a list. By amount goes only within one currency.
const (
	SortNewest  OrderSort = "" // by number; between days, by the moment
	SortOldest  OrderSort = "oldest"
	SortHighest OrderSort = "highest"
	SortLowest  OrderSort = "lowest"
)

func (s OrderSort) byAmount() bool   { return s == SortHighest || s == SortLowest }
func (s OrderSort) descending() bool { return s == SortNewest || s == SortHighest }

// OrderFilter chooses orders for a list. What is left out chooses nothing.
type OrderFilter struct {
	Status   OrderStatus
	Needy    bool // only those that need attention
	ToPack   bool // only those whose goods may leave and are not packed
	ToShip   bool // only those whose goods may leave and are here
	Provider string
	Method   *string // of Provider, which it needs; "" where that has one
	Currency money.Currency
	From     *int64     // minor units of Currency, which it needs
	To       *int64     // up to and with
	Since    *time.Time // placed then or later
	Until    *time.Time // placed before
	Test     *bool
	Search   string // order numbers, and beginnings of words: see OrderWord
	Sort     OrderSort
	Before   int64 // what follows this order in the list; 0 for the beginning
	After    int64 // what comes before it; 0 for none
	Limit    int
}

// OrderRow is one line of a list of orders.
type OrderRow struct{ Order }

// OrderPage is a part of a list of orders.
type OrderPage struct {
	Rows []OrderRow
	More bool // there are further ones in the direction asked for
	// Looked is set when there may be further ones behind so many that the
	// filter leaves out that we stopped looking: at this order, which Before, or
	// After, may name. A page takes the same time in any shop.
	Looked int64
	// Broad are the words of the search that more words begin with than are
	// looked for.
	Broad []string
}

const (
	// reach is how many orders are looked at for one page.
	reach = 20_000
	// few is up to how many rows are counted to see what is rarest.
	few = 1_000
	// maxExpansions is how many stored words one word of a search stands for.
	maxExpansions = 20
	// maxTerms is how many words of a search are looked for.
	maxTerms = 8
)

// List is Page for those who need no more than its rows.
func (o *Orders) List(ctx context.Context, f OrderFilter) (rows []OrderRow, more bool, err error) {
	p, err := o.Page(ctx, f)
	return p.Rows, p.More, err
}

// Page returns a part of a list of orders: in the order of the list, whichever
// way it was asked for. An order that Before or After names and that is not
// there is ErrNotFound where the list is not sorted by number.
func (o *Orders) Page(ctx context.Context, f OrderFilter) (page OrderPage, err error) {
	if strings.ContainsRune(f.Search, 0) || !utf8.ValidString(f.Search) {
		return page, nil // no row can have that, and PostgreSQL refuses to look
	}
	if (f.Sort.byAmount() || f.From != nil || f.To != nil) && f.Currency == "" || f.Method != nil && f.Provider == "" {
		return page, errors.New("models: a filter of orders that is missing a half")
	}
	err = o.db.snapshot(ctx, func(tx *gorm.DB) error {
		q := orderQuery{tx: tx.WithContext(ctx), f: f, postgres: o.db.postgres}
		page, err = q.page()
		return err
	})
	return page, named(err, "orders")
}

// condition is a part of a WHERE about orders o.
type condition struct {
	sql  string
	args []any
}

// lane is one way to walk over orders: an index whose first columns a filter
// says, and that has them in the order of the list.
type lane struct {
	index string      // of orders, for SQLite, which has no idea how many rows a value has
	own   []condition // what walking it means already
	key   string      // what it is sorted by before the number; may be empty
	words []string    // instead of an index: walk along these stored words at once,
	ids   []int64     // beside orders that were found directly
	rows  int         // how many rows it has, counted up to few
	short bool        // it is known to have few rows
}

// orderQuery is a filter on its way to rows.
type orderQuery struct {
	tx       *gorm.DB
	f        OrderFilter
	postgres bool
	terms    []searchTerm
	lanes    []lane
}

// searchTerm is one word of a search.
type searchTerm struct {
	text  string
	words []string // stored words that begin with it, itself first
	ids   []int64  // the order with that number, and that of the payment with that id
	broad bool     // there are more words
}

func (q *orderQuery) page() (p OrderPage, err error) {
	if err := q.readSearch(); err != nil {
		return p, err
	}
	for _, t := range q.terms {
		if t.broad {
			p.Broad = append(p.Broad, t.text)
		}
		if len(t.words)+len(t.ids) == 0 {
			return p, nil
		}
	}
	if strings.TrimSpace(q.f.Search) != "" && len(q.terms) == 0 {
		return p, nil // it has no word in it
	}
	q.lay()
	n, err := q.choose()
	if err != nil {
		return p, err
	}
	w := walk{lane: q.lanes[n], desc: q.f.Sort.descending()}
	from, back := q.f.Before, false
	if from == 0 && q.f.After > 0 {
		from, back, w.desc = q.f.After, true, !w.desc
	}
	if from > 0 {
		if w.from, err = q.place(w.lane, from); err != nil {
			return p, err
		}
	}
	rest := q.rest(n)
	if len(rest) > 0 && !w.short {
		if w.to, err = q.end(w); err != nil {
			return p, err
		}
	}
	if len(w.words) > 0 {
		p.Rows, err = q.byWords(w, rest)
	} else {
		p.Rows, err = q.byIndex(w, rest)
	}
	if err != nil {
		return p, err
	}
	if p.More = len(p.Rows) > q.f.Limit; p.More {
		p.Rows = p.Rows[:q.f.Limit]
	} else if w.to != nil {
		p.Looked = w.to.id
	}
	if back {
		slices.Reverse(p.Rows)
	}
	return p, nil
}

// lay finds the ways to these orders, the best first where we cannot tell.
func (q *orderQuery) lay() {
	f := q.f
	is := func(column string, v any) condition { return condition{"o." + column + " = ?", []any{v}} }
	add := func(index, key string, own ...condition) {
		q.lanes = append(q.lanes, lane{index: index, key: key, own: own})
	}
	var amounts []condition
	if f.From != nil {
		amounts = append(amounts, condition{"o.total_minor >= ?", []any{*f.From}})
	}
	if f.To != nil {
		amounts = append(amounts, condition{"o.total_minor <= ?", []any{*f.To}})
	}
	if f.Sort.byAmount() || len(amounts) > 0 { // the first, whenever it is there: see choose
		add("orders_amount", keyAmount, append([]condition{is("total_currency", f.Currency)}, amounts...)...)
	}
	if f.Since != nil || f.Until != nil {
		var own []condition
		if f.Since != nil {
			own = append(own, condition{"o.created_at >= ?", []any{f.Since.UTC()}})
		}
		if f.Until != nil {
			own = append(own, condition{"o.created_at < ?", []any{f.Until.UTC()}})
		}
		add("orders_created", keyMoment, own...)
	}
	if f.ToPack {
		add("orders_to_pack", "", condition{sql: sqlToPack})
	}
	if f.ToShip {
		add("orders_to_ship", "", condition{sql: sqlToShip})
	}
	if f.Needy {
		add("orders_attention", "", condition{sql: "o.attention <> ''"})
	}
	for _, t := range q.terms {
		q.lanes = append(q.lanes, lane{own: []condition{t.condition()}, words: t.words, ids: t.ids, short: len(t.words) == 0})
	}
	switch {
	case f.Status != "" && f.Provider != "":
		add("orders_status_provider", "", is("status", f.Status), is("provider", f.Provider))
	case f.Status != "":
		add("orders_status", "", is("status", f.Status))
	}
	switch {
	case f.Method != nil:
		add("orders_method", "", is("provider", f.Provider), is("method", *f.Method))
	case f.Provider != "" && f.Status == "":
		add("orders_provider", "", is("provider", f.Provider))
	}
	if f.Currency != "" && !f.Sort.byAmount() {
		add("orders_currency", "", is("total_currency", f.Currency))
	}
	if f.Test != nil {
		add("orders_test", "", is("test", *f.Test))
	}
	if len(q.lanes) == 0 {
		add("", "")
	}
}

const (
	keyAmount = "total_minor"
	keyMoment = "created_at"
)

// choose returns the lane with the fewest rows; of long ones the first. Where
// that lane is not in the order of the list, and short, its orders are gathered
// and become a lane that is; where it is long, it cannot be had.
func (q *orderQuery) choose() (int, error) {
	if len(q.lanes) == 1 {
		return 0, nil
	}
	for i := range q.lanes {
		l := &q.lanes[i]
		if l.index == "orders_test" {
			l.rows = few + 2 // it is half of everything
			continue
		}
		var err error
		if l.rows, err = q.count(*l); err != nil {
			return 0, err
		}
		l.short = l.rows <= few
	}
	n, first := 0, q.lanes[0].index == "orders_amount"
	if first && !q.f.Sort.byAmount() && !q.lanes[0].short {
		q.lanes[0].rows = few + 3 // the numbers are not in order there
	}
	for i, l := range q.lanes {
		if l.rows < q.lanes[n].rows {
			n = i
		}
	}
	switch l := q.lanes[n]; {
	case !q.f.Sort.byAmount() && l.key != keyAmount, q.f.Sort.byAmount() && n == 0:
		return n, nil
	case !l.short:
		return 0, nil
	default:
		return n, q.gather(n)
	}
}

// count is how many rows a lane has, or more than few.
func (q *orderQuery) count(l lane) (n int, err error) {
	switch {
	case len(l.words) > 0:
		err = q.tx.Raw("SELECT COUNT(*) FROM (SELECT 1 FROM order_words WHERE word IN ? LIMIT ?) x", l.words, few+1).Scan(&n).Error
		return n + len(l.ids), err
	case len(l.ids) > 0:
		return len(l.ids), nil
	default:
		err = q.tx.Raw("SELECT COUNT(*) FROM (SELECT 1 FROM "+q.from(l.index)+where(l.own)+" LIMIT ?) x", append(args(l.own), few+1)...).Scan(&n).Error
		return n, err
	}
}

// gather makes the nth lane, which is short, one of orders by their numbers, in
// the order of the list.
func (q *orderQuery) gather(n int) (err error) {
	l, ids := q.lanes[n], slices.Clone(q.lanes[n].ids)
	switch {
	case len(l.words) > 0:
		var more []int64
		err = q.tx.Raw("SELECT order_id FROM order_words WHERE word IN ?", l.words).Scan(&more).Error
		ids = append(ids, more...)
	case len(ids) == 0:
		err = q.tx.Raw("SELECT o.id FROM "+q.from(l.index)+where(l.own), args(l.own)...).Scan(&ids).Error
	}
	slices.Sort(ids)
	short := lane{own: []condition{{"o.id IN ?", []any{slices.Compact(ids)}}}, short: true}
	if q.f.Sort.byAmount() {
		short.key = keyAmount
	}
	q.lanes[n] = short
	return err
}

// rest is what walking the nth lane does not mean already.
func (q *orderQuery) rest(n int) (rest []condition) {
	for i, l := range q.lanes {
		if i != n {
			rest = append(rest, l.own...)
		}
	}
	return rest
}

// place is where an order stands in a lane.
type place struct {
	key any // its value of the lane's key; nil where the lane has none
	id  int64
}

// place is where the order with a number stands. By number that is known
// without looking, so that one which is gone, or never was, is a place too.
func (q *orderQuery) place(l lane, id int64) (*place, error) {
	if l.key == "" {
		return &place{id: id}, nil
	}
	o, err := rowsOf[Order](q.tx).Select("id", keyMoment, keyAmount).Where("id = ?", id).First(q.tx.Statement.Context)
	return placeOf(l, o), err
}

func placeOf(l lane, o Order) *place {
	switch l.key {
	case keyAmount:
		return &place{o.Total.Minor, o.ID}
	case keyMoment:
		return &place{o.CreatedAt, o.ID}
	default:
		return &place{nil, o.ID}
	}
}

// walk is a part of a lane.
type walk struct {
	lane
	desc bool
	from *place // where it begins, without it; nil for the lane's beginning
	to   *place // where it ends, with it; nil for the lane's end
}

// bounds are the walk's two ends as conditions; id is how the query calls an
// order's number.
func (w walk) bounds(id string) (all []condition) {
	after, upTo := ">", "<="
	if w.desc {
		after, upTo = "<", ">="
	}
	for _, b := range []struct {
		at *place
		op string
	}{{w.from, after}, {w.to, upTo}} {
		switch {
		case b.at == nil:
		case w.key == "":
			all = append(all, condition{id + " " + b.op + " ?", []any{b.at.id}})
		default:
			all = append(all, condition{"(o." + w.key + ", " + id + ") " + b.op + " (?, ?)", []any{b.at.key, b.at.id}})
		}
	}
	return all
}

func (w walk) orderBy(id string) string {
	way, by := "", " ORDER BY "
	if w.desc {
		way = " DESC"
	}
	if w.key != "" {
		by += "o." + w.key + way + ", "
	}
	return by + id + way
}

// end is where a walk ends that leaves some out: so far that it never takes
// long. It is nil when the lane ends before.
func (q *orderQuery) end(w walk) (*place, error) {
	if len(w.words) > 0 {
		return q.endOfWords(w)
	}
	all := slices.Concat(w.own, w.bounds("o.id"))
	columns := "o.id"
	if w.key != "" {
		columns += ", o." + w.key
	}
	var last []Order
	err := q.tx.Raw("SELECT "+columns+" FROM "+q.from(w.index)+where(all)+w.orderBy("o.id")+" LIMIT 1 OFFSET ?", append(args(all), reach-1)...).Scan(&last).Error
	if err != nil || len(last) == 0 {
		return nil, err
	}
	return placeOf(w.lane, last[0]), nil
}

// endOfWords is the first place where the walk along one of the words ends.
func (q *orderQuery) endOfWords(w walk) (*place, error) {
	var u union
	for _, word := range w.words {
		all := append([]condition{{"w.word = ?", []any{word}}}, w.bounds("w.order_id")...)
		u.add("w.order_id AS id FROM order_words w", all, w.orderBy("w.order_id")+" LIMIT 1 OFFSET ?", reach/len(w.words)-1)
	}
	ends, err := u.ids(q.tx)
	if err != nil || len(ends) == 0 {
		return nil, err
	}
	if w.desc {
		return &place{id: slices.Max(ends)}, nil
	}
	return &place{id: slices.Min(ends)}, nil
}

// byIndex walks over orders.
func (q *orderQuery) byIndex(w walk, rest []condition) (rows []OrderRow, err error) {
	all := slices.Concat(w.own, w.bounds("o.id"), rest)
	err = q.tx.Raw("SELECT o.* FROM "+q.from(w.index)+where(all)+w.orderBy("o.id")+" LIMIT ?", append(args(all), q.f.Limit+1)...).Scan(&rows).Error
	return rows, err
}

// byWords walks along every word at once, and adds what was found directly.
// Orders are looked up on the way only for what else is asked of them.
func (q *orderQuery) byWords(w walk, rest []condition) (rows []OrderRow, err error) {
	var u union
	limit := q.f.Limit + 1
	for _, word := range w.words {
		all := append([]condition{{"w.word = ?", []any{word}}}, w.bounds("w.order_id")...)
		from := "w.order_id AS id FROM order_words w"
		if len(rest) > 0 {
			from += " CROSS JOIN orders o"
			all = append(append(all, condition{sql: "o.id = w.order_id"}), rest...)
		}
		u.add(from, all, w.orderBy("w.order_id")+" LIMIT ?", limit)
	}
	if len(w.ids) > 0 {
		all := slices.Concat([]condition{{"o.id IN ?", []any{w.ids}}}, w.bounds("o.id"), rest)
		u.add("o.id AS id FROM orders o", all, w.orderBy("o.id")+" LIMIT ?", limit)
	}
	ids, err := u.ids(q.tx)
	slices.Sort(ids)
	if ids = slices.Compact(ids); w.desc {
		slices.Reverse(ids)
	}
	if ids = ids[:min(len(ids), limit)]; err != nil || len(ids) == 0 {
		return nil, err
	}
	if err := q.tx.Raw("SELECT o.* FROM orders o WHERE o.id IN ?", ids).Scan(&rows).Error; err != nil {
		return nil, err
	}
	slices.SortFunc(rows, func(a, b OrderRow) int { return cmp.Compare(slices.Index(ids, a.ID), slices.Index(ids, b.ID)) })
	return rows, nil
}

// union is several short lists of orders' numbers.
type union struct {
	parts []string
	args  []any
}

func (u *union) add(from string, all []condition, end string, limit int) {
	u.parts = append(u.parts, "SELECT * FROM (SELECT "+from+where(all)+end+") x")
	u.args = append(append(u.args, args(all)...), limit)
}

func (u *union) ids(tx *gorm.DB) (ids []int64, err error) {
	err = tx.Raw(strings.Join(u.parts, " UNION ALL "), u.args...).Scan(&ids).Error
	return ids, err
}

// from names the index to walk on: SQLite would guess, since it counts nothing.
func (q *orderQuery) from(index string) string {
	if q.postgres || index == "" {
		return "orders o"
	}
	return "orders AS o INDEXED BY " + index
}

func where(all []condition) string {
	if len(all) == 0 {
		return ""
	}
	parts := make([]string, len(all))
	for i, c := range all {
		parts[i] = c.sql
	}
	return " WHERE " + strings.Join(parts, " AND ")
}

func args(all []condition) (values []any) {
	for _, c := range all {
		values = append(values, c.args...)
	}
	return values
}

// condition is the term as something asked of an order.
func (t searchTerm) condition() condition {
	switch {
	case len(t.words) == 0:
		return condition{"o.id IN ?", []any{t.ids}}
	case len(t.ids) == 0:
		return condition{"EXISTS (SELECT 1 FROM order_words x WHERE x.order_id = o.id AND x.word IN ?)", []any{t.words}}
	default:
		return condition{"(o.id IN ? OR EXISTS (SELECT 1 FROM order_words x WHERE x.order_id = o.id AND x.word IN ?))", []any{t.ids, t.words}}
	}
}

// readSearch finds what the words of the search stand for.
func (q *orderQuery) readSearch() error {
	terms := Words(q.f.Search)
	for _, term := range terms[:min(len(terms), maxTerms)] {
		t := searchTerm{text: term}
		var err error
		if t.words, err = q.expand(term); err != nil {
			return err
		}
		if t.broad = len(t.words) > maxExpansions; t.broad {
			t.words = t.words[:maxExpansions]
		}
		if n, err := strconv.ParseInt(term, 10, 64); err == nil && n > 0 {
			t.ids = append(t.ids, n)
		}
		if len(term) >= 26 { // as long as a payment's id
			var of []int64
			err := q.tx.Raw("SELECT order_id FROM payments WHERE id IN ?", []string{term, strings.ToUpper(term)}).Scan(&of).Error
			if err != nil {
				return err
			}
			t.ids = append(t.ids, of...)
		}
		q.terms = append(q.terms, t)
	}
	return nil
}

// expand is the stored words that begin with a term, itself first and at most
// one more than maxExpansions: each is one step down the index, however many
// orders have it.
func (q *orderQuery) expand(term string) (words []string, err error) {
	end := term + string(utf8.MaxRune)
	err = q.tx.Raw(`WITH RECURSIVE v (word, n) AS (
		SELECT (SELECT MIN(word) FROM order_words WHERE word >= ? AND word < ?), 1
		UNION ALL
		SELECT (SELECT MIN(w.word) FROM order_words w WHERE w.word > v.word AND w.word < ?), v.n + 1 FROM v WHERE v.word IS NOT NULL AND v.n <= ?
	) SELECT word FROM v WHERE word IS NOT NULL ORDER BY n`, term, end, end, maxExpansions).Scan(&words).Error
	return words, err
}

// OrderMethod is a provider, and one of its methods, that orders were made with.
type OrderMethod struct{ Provider, Method string }

// maxMethods is how many methods a list offers.
const maxMethods = 60

// Methods are the providers and methods of the newest payments of orders, each
// found by one step down an index, all in one question.
func (o *Orders) Methods(ctx context.Context) (all []OrderMethod, err error) {
	err = o.db.r.WithContext(ctx).Raw(methodsOfOrders, maxMethods).Scan(&all).Error
	slices.SortFunc(all, func(a, b OrderMethod) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Method, b.Method))
	})
	return all, named(err, "methods of orders")
}

// methodsOfOrders goes from one value to the next, first of the providers and
// then of each one's methods.
const methodsOfOrders = `WITH RECURSIVE takers (provider) AS (
		SELECT MIN(provider) FROM orders
		UNION ALL SELECT (SELECT MIN(o.provider) FROM orders o WHERE o.provider > takers.provider) FROM takers WHERE takers.provider IS NOT NULL
	), ways (provider, method) AS (
		SELECT provider, (SELECT MIN(o.method) FROM orders o WHERE o.provider = takers.provider) FROM takers WHERE takers.provider > ''
		UNION ALL SELECT ways.provider, (SELECT MIN(o.method) FROM orders o WHERE o.provider = ways.provider AND o.method > ways.method) FROM ways WHERE ways.method IS NOT NULL
	) SELECT provider, method FROM ways WHERE method IS NOT NULL LIMIT ?`

// Needy is how many orders need attention.
func (o *Orders) Needy(ctx context.Context) (n int64, err error) {
	err = o.db.r.WithContext(ctx).Model(&Order{}).Where("attention <> ''").Count(&n).Error
	return n, named(err, "orders that need attention")
}

// Any reports whether there is an order at all.
func (o *Orders) Any(ctx context.Context) (bool, error) {
	_, err := rowsOf[Order](o.db.r).Select("id").Take(ctx)
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return false, nil
	}
	return err == nil, named(err, "orders")
}

// OrderSum is what the payments of an order come to together.
type OrderSum struct {
	OrderID  int64
	Taken    int64 // minor units of the order's currency
	Refunded int64
	Disputed int64
	Refs     []string // what providers call them
}

// Net is what was taken and neither went back nor is disputed.
func (s OrderSum) Net() int64 { return s.Taken - s.Refunded - s.Disputed }

// Sums are what the payments of orders come to, by order.
func (o *Orders) Sums(ctx context.Context, ids []int64) (map[int64]OrderSum, error) {
	payments, err := rowsOf[Payment](o.db.r).Where("order_id IN ?", ids).Order("created_at, id").Find(ctx)
	if err != nil {
		return nil, named(err, "payments of orders")
	}
	sums := make(map[int64]OrderSum, len(ids))
	for _, p := range payments {
		s := sums[p.OrderID]
		s.OrderID = p.OrderID
		s.Taken, s.Refunded, s.Disputed = s.Taken+p.Captured, s.Refunded+p.Refunded, s.Disputed+p.Disputed
		if p.Ref != "" {
			s.Refs = append(s.Refs, p.Ref)
		}
		sums[p.OrderID] = s
	}
	return sums, nil
}

// ByNumbers returns the orders with the given numbers that there are, by number.
func (o *Orders) ByNumbers(ctx context.Context, numbers []int64) (map[int64]Order, error) {
	rows, err := rowsOf[Order](o.db.r).Where("id IN ?", numbers).Find(ctx)
	if err != nil {
		return nil, named(err, "orders")
	}
	all := make(map[int64]Order, len(rows))
	for _, r := range rows {
		all[r.ID] = r
	}
	return all, nil
}
