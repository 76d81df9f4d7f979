package models

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"maps"
	"slices"
	"time"

	"till/money"

	"gorm.io/gorm"
)

// Close is what one provider's facts in one currency came to on one day. It is
// written once and never changes; what is booked later counts to a later day.
// Its hash covers the facts, the figures and the hash of the close before, so
// that nobody can change one without changing all that follow.
type Close struct {
	ID            int64
	Day           string // 2026-11-21, in TimeZone
	TimeZone      string
	Provider      string
	Currency      money.Currency
	Test          bool
	Facts         int64
	TakenMinor    int64
	RefundedMinor int64
	DisputedMinor int64
	FeesMinor     int64 // as told by statements read in on that day
	ReservedMinor int64 // reserved and neither taken nor released at the day's end
	PayoutMinor   int64 // taken - refunded - disputed - fees: what the provider owes for the day
	Previous      string
	Hash          string
	At            time.Time
}

// closeGrace is how long after midnight a day is closed: a commit that was
// under way at midnight is over by then. One that is not counts to the next day.
const closeGrace = 15 * time.Minute

// Closes reads and writes daily closes.
type Closes struct{ db *DB }

// NewCloses returns the closes kept in db.
func NewCloses(db *DB) *Closes { return &Closes{db} }

// account identifies whose figures a close has.
type closeKey struct {
	provider string
	currency money.Currency
	test     bool
}

func (k closeKey) compare(o closeKey) int {
	return cmp.Or(cmp.Compare(k.provider, o.provider), cmp.Compare(k.currency, o.currency), compareBool(k.test, o.test))
}

// CloseDays closes every day that is over and has something that is not closed,
// oldest first, each in a transaction of its own. It may be called any number
// of times, by several processes at once; days is how many this call closed.
func (c *Closes) CloseDays(ctx context.Context) (days int, err error) {
	for {
		var closed bool
		err := c.db.Write(ctx, func(tx *gorm.DB) error {
			closed, err = closeDay(ctx, tx, c.db.zone)
			return err
		})
		switch {
		case errors.Is(err, ErrDuplicate): // another process closed it
		case err != nil:
			return days, err
		case !closed:
			return days, nil
		default:
			days++
		}
	}
}

// closeDay closes the oldest day that is over, if there is one.
func closeDay(ctx context.Context, tx *gorm.DB, fallback *time.Location) (bool, error) {
	s, err := currentSettings(ctx, tx)
	if err != nil {
		return false, err
	}
	zone := s.location(fallback)
	now := tx.NowFunc()
	today := Day(now.Add(-closeGrace), zone)
	var oldest *string
	err = tx.WithContext(ctx).Raw(`SELECT MIN(day) FROM (
		SELECT MIN(day) AS day FROM bookings WHERE close_id IS NULL
		UNION ALL SELECT MIN(day) AS day FROM fees WHERE close_id IS NULL) AS open`).Scan(&oldest).Error
	if err != nil || oldest == nil || *oldest >= today {
		return false, named(err, "open days")
	}
	last, err := rowsOf[Close](tx, forUpdate()).Order("id DESC").Limit(1).Find(ctx)
	if err != nil {
		return false, named(err, "last close")
	}
	day, previous := *oldest, ""
	if len(last) > 0 {
		previous = last[0].Hash
		if day <= last[0].Day { // booked late, or cut by another zone
			day = nextDay(last[0].Day)
		}
		if day >= today {
			return false, nil
		}
	}
	d := dayClose{tx: tx, day: day, zone: zone, sums: map[closeKey]*Close{}, facts: map[closeKey][]int64{}, payments: map[string]closeKey{}, holds: map[int64]bool{}, fees: map[closeKey][]int64{}, hashes: map[closeKey]hash.Hash{}, at: now}
	if err := d.gather(ctx); err != nil {
		return false, err
	}
	return true, d.write(ctx, previous)
}

func nextDay(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return t.AddDate(0, 0, 1).Format(time.DateOnly)
}

// dayClose is a day while it is closed.
type dayClose struct {
	tx       *gorm.DB
	day      string
	zone     *time.Location
	at       time.Time
	sums     map[closeKey]*Close
	facts    map[closeKey][]int64
	payments map[string]closeKey // that something was booked for
	holds    map[int64]bool      // facts
	fees     map[closeKey][]int64
	hashes   map[closeKey]hash.Hash // over the facts, by id
}

func (d *dayClose) sum(k closeKey) *Close {
	if d.sums[k] == nil {
		d.sums[k] = &Close{Day: d.day, TimeZone: d.zone.String(), Provider: k.provider, Currency: k.currency, Test: k.test, At: d.at}
		d.hashes[k] = sha256.New()
	}
	return d.sums[k]
}

// bookedFact is a fact with what a close needs to know about it.
type bookedFact struct {
	ID        int64
	PaymentID string
	Kind      FactKind
	Minor     int64
	Currency  money.Currency
	Provider  string
	Test      bool
	Day       string
}

// seal is the line of a fact in the hash of its close.
func (f bookedFact) seal() string {
	return fmt.Sprintf("fact %d %s %s %d %s\n", f.ID, f.PaymentID, f.Kind, f.Minor, f.Currency)
}

const bookedFacts = `SELECT f.id, f.payment_id, f.kind, f.minor, f.currency, p.provider, b.test, b.day
	FROM bookings b JOIN facts f ON f.id = b.fact_id JOIN payments p ON p.id = f.payment_id `

// openFacts is some facts of no close, up to a day, after a place. It reads the
// index of those alone: in the order of their ids it would read all that was
// ever closed.
const openFacts = bookedFacts + "WHERE b.close_id IS NULL AND (b.day, b.fact_id) > (?, ?) AND b.day <= ? ORDER BY b.day, b.fact_id LIMIT ?"

// gather reads what the day's closes will hold.
func (d *dayClose) gather(ctx context.Context) error {
	var facts []bookedFact
	for last := (FactPlace{}); ; {
		var some []bookedFact
		err := d.tx.WithContext(ctx).Raw(openFacts, last.Day, last.FactID, d.day, countBatch).Scan(&some).Error
		if err != nil {
			return named(err, "facts of "+d.day)
		}
		facts = append(facts, some...)
		if len(some) < countBatch {
			break
		}
		last = FactPlace{some[len(some)-1].Day, some[len(some)-1].ID}
	}
	slices.SortFunc(facts, func(a, b bookedFact) int { return cmp.Compare(a.ID, b.ID) })
	for _, f := range facts {
		k := closeKey{f.Provider, f.Currency, f.Test}
		d.sum(k).count(f)
		_, _ = d.hashes[k].Write([]byte(f.seal())) // a hash cannot fail
		d.facts[k] = append(d.facts[k], f.ID)
		d.payments[f.PaymentID], d.holds[f.ID] = k, true
	}
	fees, err := rowsOf[Fee](d.tx, forUpdate()).Where("close_id IS NULL AND day <= ?", d.day).Order("day, id").Find(ctx)
	if err != nil {
		return named(err, "fees of "+d.day)
	}
	for _, f := range fees {
		k := closeKey{f.Provider, f.Currency, f.Test}
		d.sum(k).FeesMinor += f.Minor
		d.fees[k] = append(d.fees[k], f.ID)
	}
	return d.reserved(ctx)
}

// count adds a fact.
func (c *Close) count(f bookedFact) {
	var sum Figure
	sum.count(f.Kind, f.Minor)
	c.Facts++
	c.TakenMinor += sum.TakenMinor
	c.RefundedMinor += sum.RefundedMinor
	c.DisputedMinor += sum.DisputedMinor
}

// reserved adds what was reserved when the day ended: what the close before
// had, and how the payments of this day changed it. What was booked since does
// not count, so that it is told as it was.
func (d *dayClose) reserved(ctx context.Context) error {
	for k, sum := range d.sums {
		before, err := rowsOf[Close](d.tx).Where("provider = ? AND currency = ? AND test = ?", k.provider, k.currency, k.test).Order("id DESC").Limit(1).Find(ctx)
		if err != nil {
			return named(err, "close before "+d.day)
		}
		if len(before) > 0 {
			sum.ReservedMinor = before[0].ReservedMinor
		}
	}
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(d.payments)), countBatch) {
		var rows []struct {
			ID        int64
			PaymentID string
			Kind      FactKind
			Minor     int64
			Currency  money.Currency
			Fresh     bool
		}
		err := d.tx.WithContext(ctx).Raw(`SELECT f.id, f.payment_id, f.kind, f.minor, f.currency, b.close_id IS NULL AS fresh
			FROM facts f JOIN bookings b ON b.fact_id = f.id
			WHERE f.payment_id IN ? AND f.kind IN ('authorized','released','captured','corrected') AND (b.close_id IS NOT NULL OR b.day <= ?)`, ids, d.day).Scan(&rows).Error
		if err != nil {
			return named(err, "reservations")
		}
		before, after := map[string]aside{}, map[string]aside{}
		for _, f := range rows {
			if f.Currency != d.payments[f.PaymentID].currency || f.Fresh && !d.holds[f.ID] {
				continue // committed since they were gathered
			}
			if !f.Fresh {
				before[f.PaymentID] = before[f.PaymentID].add(f.Kind, f.Minor)
			}
			after[f.PaymentID] = after[f.PaymentID].add(f.Kind, f.Minor)
		}
		for id, h := range after {
			d.sums[d.payments[id]].ReservedMinor += h.left() - before[id].left()
		}
	}
	return nil
}

// aside is what of a payment was reserved, and what of that was taken or let go.
type aside struct{ authorized, gone int64 }

func (h aside) add(kind FactKind, minor int64) aside {
	if kind == FactAuthorized {
		h.authorized += minor
	} else {
		h.gone += minor
	}
	return h
}

func (h aside) left() int64 { return max(h.authorized-h.gone, 0) }

// write writes the closes, each with the hash of the one before, and marks what
// they hold.
func (d *dayClose) write(ctx context.Context, previous string) error {
	keys := make([]closeKey, 0, len(d.sums))
	for k := range d.sums {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, closeKey.compare)
	for _, k := range keys {
		one := d.sums[k]
		one.PayoutMinor = one.TakenMinor - one.RefundedMinor - one.DisputedMinor - one.FeesMinor
		one.Previous = previous
		one.Hash = one.seal(d.hashes[k])
		previous = one.Hash
		if err := d.tx.WithContext(ctx).Create(one).Error; err != nil {
			return named(err, "close of "+d.day)
		}
		for ids := range slices.Chunk(d.facts[k], countBatch) {
			n, err := rowsOf[Booking](d.tx).Where("close_id IS NULL AND fact_id IN ?", ids).Update(ctx, "close_id", one.ID)
			if err != nil {
				return named(err, "bookings of "+d.day)
			}
			if n != len(ids) {
				return fmt.Errorf("%w: close of %s", ErrDuplicate, d.day) // another process closed them
			}
		}
		if len(d.fees[k]) == 0 {
			continue
		}
		n, err := rowsOf[Fee](d.tx).Where("close_id IS NULL AND id IN ?", d.fees[k]).Update(ctx, "close_id", one.ID)
		if err != nil {
			return named(err, "fees of "+d.day)
		}
		if n != len(d.fees[k]) {
			return fmt.Errorf("%w: close of %s", ErrDuplicate, d.day)
		}
	}
	return nil
}

// seal is the close's hash, given that over its facts.
func (c *Close) seal(facts hash.Hash) string {
	all := sha256.New()
	_, _ = fmt.Fprintf(all, "close\n%s\n%s\n%s\n%s %s %t\n%d %d %d %d %d %d %d\n%x\n", // a hash cannot fail
		c.Previous, c.Day, c.TimeZone, c.Provider, c.Currency, c.Test,
		c.Facts, c.TakenMinor, c.RefundedMinor, c.DisputedMinor, c.FeesMinor, c.ReservedMinor, c.PayoutMinor, facts.Sum(nil))
	return hex.EncodeToString(all.Sum(nil))
}

// CloseFilter chooses closes for a list.
type CloseFilter struct {
	Provider string
	Currency money.Currency
	Test     bool
	Before   int64 // older than the close with this id; 0 for the newest
	After    int64 // newer than this one, and next to it; counts where Before is 0
	Limit    int
}

// List returns closes, newest first; more tells whether there are others further
// that way.
func (c *Closes) List(ctx context.Context, f CloseFilter) (all []Close, more bool, err error) {
	q := rowsOf[Close](c.db.r).Where("test = ?", f.Test)
	if f.Provider != "" {
		q = q.Where("provider = ?", f.Provider)
	}
	if f.Currency != "" {
		q = q.Where("currency = ?", f.Currency)
	}
	order := "id DESC"
	switch {
	case f.Before > 0:
		q = q.Where("id < ?", f.Before)
	case f.After > 0:
		q, order = q.Where("id > ?", f.After), "id"
	}
	all, err = q.Order(order).Limit(f.Limit + 1).Find(ctx)
	if more = len(all) > f.Limit; more {
		all = all[:f.Limit]
	}
	if order == "id" {
		slices.Reverse(all)
	}
	return all, more, named(err, "closes")
}

// Any reports whether a day was ever closed.
func (c *Closes) Any(ctx context.Context) (bool, error) {
	all, err := rowsOf[Close](c.db.r).Order("id").Limit(1).Find(ctx)
	return len(all) > 0, named(err, "closes")
}

// Currencies are those that closes are in.
func (c *Closes) Currencies(ctx context.Context) ([]string, error) {
	return kindsOf(ctx, c.db.r, "closes", "currency")
}

// Providers are those that closes are about.
func (c *Closes) Providers(ctx context.Context) ([]string, error) {
	return kindsOf(ctx, c.db.r, "closes", "provider")
}

// kindsOf is every value of a column that leads an index: as many steps as there
// are values, however many rows there are.
func kindsOf(ctx context.Context, db *gorm.DB, table, column string) (all []string, err error) {
	for last := ""; ; {
		var next *string
		err := db.WithContext(ctx).Raw("SELECT MIN("+column+") FROM "+table+" WHERE "+column+" > ?", last).Scan(&next).Error
		if err != nil || next == nil {
			return all, named(err, table)
		}
		last = *next
		all = append(all, last)
	}
}

// OfDay returns the closes of one day.
func (c *Closes) OfDay(ctx context.Context, day string) ([]Close, error) {
	all, err := rowsOf[Close](c.db.r).Where("day = ?", day).Order("id").Find(ctx)
	return all, named(err, "closes of "+day)
}

// ClosedFact is one fact of a close, with the order that it belongs to.
type ClosedFact struct {
	Fact
	OrderID int64
	Method  string
	Day     string // that it counts to
}

// Facts returns some facts of a close in their order, those after the given id.
func (c *Closes) Facts(ctx context.Context, id, after int64, limit int) (all []ClosedFact, more bool, err error) {
	err = c.db.r.WithContext(ctx).Raw(`SELECT f.*, p.order_id, p.method, b.day FROM bookings b JOIN facts f ON f.id = b.fact_id JOIN payments p ON p.id = f.payment_id
		WHERE b.close_id = ? AND b.fact_id > ? ORDER BY b.fact_id LIMIT ?`, id, after, limit+1).Scan(&all).Error
	if more = len(all) > limit; more {
		all = all[:limit]
	}
	return all, more, named(err, "facts of a close")
}

// Open returns the figures of days that are not closed yet, by day, provider and
// currency.
func (c *Closes) Open(ctx context.Context, test bool) ([]Figure, error) {
	from := ""
	last, err := rowsOf[Close](c.db.r).Order("id DESC").Limit(1).Find(ctx)
	if err != nil {
		return nil, named(err, "last close")
	}
	if len(last) > 0 {
		from = last[0].Day
	}
	var all []Figure
	err = c.db.r.WithContext(ctx).Model(&Figure{}).Where("day > ? AND test = ?", from, test).
		Select("day, currency, provider, SUM(taken_minor) AS taken_minor, SUM(refunded_minor) AS refunded_minor, SUM(disputed_minor) AS disputed_minor").
		Group("day, currency, provider").Order("day DESC, provider, currency").Scan(&all).Error
	return all, named(err, "open days")
}

// Check proves that the closes follow from their facts and from each other. It
// tells found of everything that does not, and returns how many it looked at.
func (c *Closes) Check(ctx context.Context, found func(Finding) error) (n int64, err error) {
	previous := ""
	for last := int64(0); ; {
		all, err := rowsOf[Close](c.db.r).Where("id > ?", last).Order("id").Limit(verifyBatch).Find(ctx)
		if err != nil || len(all) == 0 {
			return n, named(err, "closes")
		}
		for _, one := range all {
			last = one.ID
			n++
			if err := c.check(ctx, one, previous, found); err != nil {
				return n, err
			}
			previous = one.Hash
		}
	}
}

func (c *Closes) check(ctx context.Context, one Close, previous string, found func(Finding) error) error {
	what := fmt.Sprintf("close of %s, %s in %s", one.Day, one.Provider, one.Currency)
	if one.Previous != previous {
		if err := found(Finding{What: "the one before the " + what, Expected: previous, Found: one.Previous}); err != nil {
			return err
		}
	}
	again := one
	again.Facts, again.TakenMinor, again.RefundedMinor, again.DisputedMinor, again.FeesMinor = 0, 0, 0, 0, 0
	sum := sha256.New()
	for last := int64(0); ; {
		var some []bookedFact
		err := c.db.r.WithContext(ctx).Raw(bookedFacts+"WHERE b.close_id = ? AND b.fact_id > ? ORDER BY b.fact_id LIMIT ?", one.ID, last, countBatch).Scan(&some).Error
		if err != nil {
			return named(err, "facts of the "+what)
		}
		for _, f := range some {
			last = f.ID
			again.count(f)
			_, _ = sum.Write([]byte(f.seal())) // a hash cannot fail
		}
		if len(some) < countBatch {
			break
		}
	}
	err := c.db.r.WithContext(ctx).Raw("SELECT COALESCE(SUM(minor), 0) FROM fees WHERE close_id = ?", one.ID).Scan(&again.FeesMinor).Error
	if err != nil {
		return named(err, "fees of the "+what)
	}
	again.PayoutMinor = again.TakenMinor - again.RefundedMinor - again.DisputedMinor - again.FeesMinor
	again.Hash = again.seal(sum)
	if again == one {
		return nil
	}
	say := func(c Close) string {
		return fmt.Sprintf("%d facts, taken %d, refunded %d, disputed %d, fees %d, payout %d, hash %.12s", c.Facts, c.TakenMinor, c.RefundedMinor, c.DisputedMinor, c.FeesMinor, c.PayoutMinor, c.Hash)
	}
	return found(Finding{What: what, Expected: say(again), Found: say(one)})
}
