package models

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"gorm.io/gorm"
)

// books compares what is kept beside the ledger with it: the day of every fact,
// the papers about money, and the figures of the days.
//
// Sums only agree as of one moment, so that all of it is read in one snapshot,
// some rows at a time. What is kept meanwhile is a sum per day and method: more
// days need more memory, more orders do not.
func (v *verifier) books(ctx context.Context) error {
	b := bookVerifier{
		v: v, money: map[Figure]*Figure{}, placed: map[Figure]*Figure{},
		numbers: map[seriesOf]int64{}, counted: map[seriesOf]int64{},
	}
	var told error // the caller's own end of it is not the database's
	err := v.db.snapshot(ctx, func(tx *gorm.DB) error {
		for _, part := range []func(context.Context, *gorm.DB) error{b.facts, b.series, b.payments, b.figures} {
			if told = part(ctx, tx); told != nil {
				return told
			}
		}
		return nil
	})
	if told != nil {
		return told
	}
	return err
}

type bookVerifier struct {
	v       *verifier
	money   map[Figure]*Figure // what the bookings come to, by the key of a figure
	placed  map[Figure]*Figure // what the payments come to, by the same without a day
	numbers map[seriesOf]int64 // the highest number of a series
	counted map[seriesOf]int64 // how many papers it has
}

type seriesOf struct {
	Kind DocumentKind
	Test bool
}

func (s seriesOf) text() string { return Document{Kind: s.Kind, Test: s.Test, Number: 0}.series() }

// series is the beginning of the document's number: R, C, TEST-R.
func (d Document) series() string {
	label := d.Label()
	return label[:len(label)-len("-"+strconv.FormatInt(d.Number, 10))]
}

// key is the figure without its numbers.
func (f Figure) key() Figure {
	return Figure{Day: f.Day, Test: f.Test, Currency: f.Currency, Provider: f.Provider, Method: f.Method}
}

// sumOf is the sum of a key, which may be new.
func sumOf(sums map[Figure]*Figure, key Figure) *Figure {
	if sums[key] == nil {
		sum := key
		sums[key] = &sum
	}
	return sums[key]
}

// facts looks at every fact with its booking and its paper.
func (b *bookVerifier) facts(ctx context.Context, tx *gorm.DB) error {
	for last := int64(0); ; {
		facts, err := rowsOf[Fact](tx).Where("id > ?", last).Order("id").Limit(verifyBatch).Find(ctx)
		if err != nil || len(facts) == 0 {
			return named(err, "facts")
		}
		from := facts[0].ID
		last = facts[len(facts)-1].ID
		whose, err := accountsOf(ctx, tx, facts)
		if err != nil {
			return err
		}
		bookings, err := rowsOf[Booking](tx).Where("fact_id >= ? AND fact_id <= ?", from, last).Find(ctx)
		if err != nil {
			return named(err, "bookings")
		}
		documents, err := rowsOf[Document](tx).Where("fact_id >= ? AND fact_id <= ?", from, last).Find(ctx)
		if err != nil {
			return named(err, "documents")
		}
		booked, written := make(map[int64]Booking, len(bookings)), make(map[int64]Document, len(documents))
		for _, one := range bookings {
			booked[one.FactID] = one
		}
		for _, one := range documents {
			written[one.FactID] = one
		}
		for _, f := range facts {
			if err := b.fact(f, whose[f.PaymentID], booked, written); err != nil {
				return err
			}
		}
	}
}

func (b *bookVerifier) fact(f Fact, a account, booked map[int64]Booking, written map[int64]Document) error {
	what := fmt.Sprintf("fact %d of payment %s", f.ID, f.PaymentID)
	booking, ok := booked[f.ID]
	if !ok {
		if err := b.v.found(a.OrderID, "booking of "+what, "a day", "nothing"); err != nil {
			return err
		}
		booking = Booking{Test: a.Test}
	} else {
		key := Figure{Day: booking.Day, Test: booking.Test, Currency: f.Amount.Currency, Provider: a.Provider, Method: a.Method}
		sumOf(b.money, key).count(f.Kind, f.Amount.Minor)
		if first, last := daysOf(f.At); booking.Day < first || booking.Day > last {
			if err := b.v.found(a.OrderID, "day of "+what, first+" to "+last, booking.Day); err != nil {
				return err
			}
		}
		if booking.Test && !a.Test { // a test does not become real; what was real before it became a test stays
			if err := b.v.found(a.OrderID, "booking of "+what, "a real one", "a test"); err != nil {
				return err
			}
		}
	}
	want, asked := documentOf(f)
	want.OrderID, want.Test = a.OrderID, booking.Test
	d, has := written[f.ID]
	if has {
		series := seriesOf{d.Kind, d.Test}
		b.counted[series]++
		b.numbers[series] = max(b.numbers[series], d.Number)
	}
	switch {
	case !asked && !has:
		return nil
	case !has:
		return b.v.found(a.OrderID, "document of "+what, want.text(), "nothing")
	case !asked:
		return b.v.found(a.OrderID, "document of "+what, "nothing", d.text())
	case d.Kind != want.Kind || d.Test != want.Test || d.Amount != want.Amount || d.OrderID != want.OrderID:
		return b.v.found(a.OrderID, "document of "+what, want.text(), d.text())
	default:
		return nil
	}
}

// text is the document without its number.
func (d Document) text() string {
	return fmt.Sprintf("%s over %s for order %d", d.series(), d.Amount.String(), d.OrderID)
}

// daysOf are the days that any clock on earth may show at a moment. Which zone
// the shop's was in then is not kept with the fact.
func daysOf(t time.Time) (first, last string) {
	const west, east = -12 * time.Hour, 14 * time.Hour
	return t.UTC().Add(west).Format(time.DateOnly), t.UTC().Add(east).Format(time.DateOnly)
}

// series compares the papers' numbers, which have no gap when there are as many
// as the highest of them says.
func (b *bookVerifier) series(ctx context.Context, tx *gorm.DB) error {
	for _, kind := range []DocumentKind{DocumentReceipt, DocumentCreditNote} {
		for _, test := range []bool{false, true} {
			s := seriesOf{kind, test}
			var given int64
			err := tx.WithContext(ctx).Raw("SELECT COALESCE(MAX(number), 0) FROM series WHERE kind = ? AND test = ?", kind, test).Scan(&given).Error
			if err != nil {
				return named(err, "series")
			}
			if b.numbers[s] != b.counted[s] {
				err = b.v.found(0, "numbers of "+s.text(), "1 to "+strconv.FormatInt(b.counted[s], 10), "up to "+strconv.FormatInt(b.numbers[s], 10))
			}
			if err == nil && given != b.numbers[s] {
				err = b.v.found(0, "last number of "+s.text(), strconv.FormatInt(b.numbers[s], 10), strconv.FormatInt(given, 10))
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// payments counts orders, payments and those that had money, of all days
// together: on which day a payment was begun is not kept with it, and a shop may
// change its time zone.
func (b *bookVerifier) payments(ctx context.Context, tx *gorm.DB) error {
	for last := int64(0); ; {
		orders, err := rowsOf[Order](tx).Select("id", "test").Where("id > ?", last).Order("id").Limit(verifyBatch).Find(ctx)
		if err != nil || len(orders) == 0 {
			return named(err, "orders")
		}
		from := orders[0].ID
		last = orders[len(orders)-1].ID
		payments, err := rowsOf[Payment](tx).Select("id", "order_id", "provider", "method", "currency", "created_at").
			Where("order_id >= ? AND order_id <= ?", from, last).Order("created_at, id").Find(ctx)
		if err != nil {
			return named(err, "payments")
		}
		if payments, err = inTurn(ctx, tx, payments, from, last); err != nil {
			return err
		}
		var moneyed []string
		err = tx.WithContext(ctx).Model(&Fact{}).Distinct("payment_id").
			Where("kind IN ? AND payment_id IN (SELECT id FROM payments WHERE order_id >= ? AND order_id <= ?)", []FactKind{FactAuthorized, FactCaptured}, from, last).
			Scan(&moneyed).Error
		if err != nil {
			return named(err, "facts")
		}
		slices.Sort(moneyed)
		test := make(map[int64]bool, len(orders))
		for _, o := range orders {
			test[o.ID] = o.Test
		}
		first := map[int64]bool{}
		for _, p := range payments {
			sum := sumOf(b.placed, Figure{Test: test[p.OrderID], Currency: p.Amount.Currency, Provider: p.Provider, Method: p.Method})
			sum.Attempts++
			if !first[p.OrderID] {
				first[p.OrderID] = true
				sum.Orders++
			}
			if _, ok := slices.BinarySearch(moneyed, p.ID); ok {
				sum.Succeeded++
			}
		}
	}
}

// inTurn is payments in the order in which they were written. Their times may be
// the same, and a clock may have been put back.
func inTurn(ctx context.Context, tx *gorm.DB, payments []Payment, from, to int64) ([]Payment, error) {
	var begun []struct {
		PaymentID string
		First     int64
	}
	err := tx.WithContext(ctx).Raw(`SELECT payment_id, MIN(id) AS first FROM operations
		WHERE payment_id IN (SELECT id FROM payments WHERE order_id >= ? AND order_id <= ?) GROUP BY payment_id`, from, to).Scan(&begun).Error
	first := make(map[string]int64, len(begun))
	for _, one := range begun {
		first[one.PaymentID] = one.First
	}
	slices.SortStableFunc(payments, func(a, b Payment) int { return cmp.Compare(first[a.ID], first[b.ID]) })
	return payments, named(err, "operations")
}

// figures compares the figures with the sums.
func (b *bookVerifier) figures(ctx context.Context, tx *gorm.DB) error {
	stored := map[Figure]*Figure{}
	var seen Figure
	for {
		rows, err := rowsOf[Figure](tx).Where("(day, test, currency, provider, method) > (?, ?, ?, ?, ?)", seen.Day, seen.Test, seen.Currency, seen.Provider, seen.Method).
			Order("day, test, currency, provider, method").Limit(verifyBatch).Find(ctx)
		if err != nil {
			return named(err, "figures")
		}
		if len(rows) == 0 {
			break
		}
		seen = rows[len(rows)-1]
		for _, f := range rows {
			all := f.key()
			all.Day = ""
			sum := sumOf(stored, all)
			sum.Orders, sum.Attempts, sum.Succeeded = sum.Orders+f.Orders, sum.Attempts+f.Attempts, sum.Succeeded+f.Succeeded
			want := Figure{}
			if b.money[f.key()] != nil {
				want = *b.money[f.key()]
			}
			delete(b.money, f.key())
			if err := b.compare(f, want, moneyOf); err != nil {
				return err
			}
		}
	}
	for _, want := range sortedFigures(b.money) {
		if err := b.compare(want.key(), want, moneyOf); err != nil {
			return err
		}
	}
	for key := range stored {
		sumOf(b.placed, key)
	}
	for _, want := range sortedFigures(b.placed) {
		found := want.key()
		if stored[found] != nil {
			found = *stored[found]
		}
		if err := b.compare(found, want, countsOf); err != nil {
			return err
		}
	}
	return nil
}

// column is one number of a figure.
type column struct {
	name  string
	value int64
}

func moneyOf(f Figure) []column {
	return []column{{"taken", f.TakenMinor}, {"refunded", f.RefundedMinor}, {"disputed", f.DisputedMinor}}
}

func countsOf(f Figure) []column {
	return []column{{"orders", f.Orders}, {"payments", f.Attempts}, {"payments that had money", f.Succeeded}}
}

func (b *bookVerifier) compare(found, want Figure, columns func(Figure) []column) error {
	wanted := columns(want)
	for i, c := range columns(found) {
		if c.value == wanted[i].value {
			continue
		}
		err := b.v.found(0, "figures, "+c.name+" "+found.where(), strconv.FormatInt(wanted[i].value, 10), strconv.FormatInt(c.value, 10))
		if err != nil {
			return err
		}
	}
	return nil
}

// where is the figure's key as text.
func (f Figure) where() string {
	s := "in " + string(f.Currency) + " by " + f.Provider
	if f.Method != "" {
		s += " " + f.Method
	}
	if f.Day != "" {
		s += " on " + f.Day
	}
	if f.Test {
		s += ", tests"
	}
	return s
}

// sortedFigures is the sums in one order, so that the same is told the same way.
func sortedFigures(sums map[Figure]*Figure) []Figure {
	all := make([]Figure, 0, len(sums))
	for _, sum := range sums {
		all = append(all, *sum)
	}
	slices.SortFunc(all, func(a, b Figure) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), compareBool(a.Test, b.Test), cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Method, b.Method))
	})
	return all
}
