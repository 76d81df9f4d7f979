package models

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"till/money"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Booking is the day that a fact counts to, as a clock in the shop showed it
// when the fact was written. Its close is nil until that day is closed.
type Booking struct {
	FactID  int64 `gorm:"primaryKey"`
	Day     string
	Test    bool
	CloseID *int64
}

// Figure is what one day's bookings and payments come to, for one method of one
// provider in one currency. It follows from them; Verify says where it does not.
type Figure struct {
	Day           string         `gorm:"primaryKey"` // 2026-11-21, in the shop's time zone
	Test          bool           `gorm:"primaryKey"`
	Currency      money.Currency `gorm:"primaryKey"`
	Provider      string         `gorm:"primaryKey"`
	Method        string         `gorm:"primaryKey"`
	Orders        int64          // placed on that day, with this as the first choice
	Attempts      int64          // payments begun on that day
	Succeeded     int64          // of these, how many ever had money reserved or taken
	TakenMinor    int64          // captured and corrected on that day
	RefundedMinor int64          // gone back on that day, less what came again
	DisputedMinor int64          // held back by banks on that day, less what they gave up
}

// Net is what was taken and neither went back nor is disputed.
func (f Figure) Net() int64 { return f.TakenMinor - f.RefundedMinor - f.DisputedMinor }

// figureColumns are those that can be added up.
func figureColumns() []string {
	return []string{"orders", "attempts", "succeeded", "taken_minor", "refunded_minor", "disputed_minor"}
}

// add adds another figure of the same key.
func (f *Figure) add(g Figure) {
	f.Orders, f.Attempts, f.Succeeded = f.Orders+g.Orders, f.Attempts+g.Attempts, f.Succeeded+g.Succeeded
	f.TakenMinor, f.RefundedMinor, f.DisputedMinor = f.TakenMinor+g.TakenMinor, f.RefundedMinor+g.RefundedMinor, f.DisputedMinor+g.DisputedMinor
}

// count adds a fact's money.
func (f *Figure) count(kind FactKind, minor int64) {
	switch kind {
	case FactCaptured, FactCorrected:
		f.TakenMinor += minor
	case FactRefunded:
		f.RefundedMinor += minor
	case FactRefundReversed:
		f.RefundedMinor -= minor
	case FactDisputed:
		f.DisputedMinor += minor
	case FactDisputeClosed:
		f.DisputedMinor -= minor
	case FactAuthorized, FactReleased, FactRefundReserved, FactRefundFailed:
	}
}

// daybook is what a transaction has done that is counted when it ends: rows that
// many transactions want are locked last, in one order, and for a moment.
type daybook struct {
	facts   []Fact
	first   []Payment // that have money for the first time
	figures []datedFigure
}

// datedFigure is a figure with the moment that decides its day.
type datedFigure struct {
	at      time.Time
	attempt bool // at is when a payment was begun, which may be long ago
	Figure
}

type daybookKey struct{}

// daybookOf is the daybook of the transaction tx; every write has one.
func daybookOf(tx *gorm.DB) *daybook {
	t, ok := tx.Statement.Context.Value(daybookKey{}).(*daybook)
	if !ok {
		panic("models: a write that did not begin in DB.Write")
	}
	return t
}

func (t *daybook) figure(at time.Time, f Figure) {
	t.figures = append(t.figures, datedFigure{at: at, Figure: f})
}

// attempt notes what is counted to the day on which a payment was begun.
func (t *daybook) attempt(p Payment, f Figure) {
	t.figures = append(t.figures, datedFigure{at: p.CreatedAt, attempt: true, Figure: f})
}

// settle writes what was noted. It is the last thing that a transaction does.
func (t *daybook) settle(ctx context.Context, tx *gorm.DB, fallback *time.Location) error {
	if len(t.facts) == 0 && len(t.figures) == 0 {
		return nil
	}
	now, err := currentSettings(ctx, tx)
	if err != nil {
		return err
	}
	zone := now.location(fallback)
	if err := t.book(ctx, tx, now.ID, zone); err != nil {
		return err
	}
	sums := map[Figure]*Figure{}
	for _, one := range t.figures {
		there := zone
		if one.attempt && now.At.After(one.at) {
			if there, err = zoneAt(ctx, tx, one.at, fallback); err != nil {
				return err
			}
		}
		one.Day = Day(one.at, there)
		key := Figure{Day: one.Day, Test: one.Test, Currency: one.Currency, Provider: one.Provider, Method: one.Method}
		if sums[key] == nil {
			sum := key
			sums[key] = &sum
		}
		sums[key].add(one.Figure)
	}
	all := make([]Figure, 0, len(sums))
	for _, sum := range sums {
		all = append(all, *sum)
	}
	return addFigures(ctx, tx, all)
}

// zoneAt is the shop's time zone as it was at a moment, so that a payment's
// success is counted to the day of its attempt though the zone is another since.
// Before there were settings it is that of the first ones.
func zoneAt(ctx context.Context, tx *gorm.DB, at time.Time, fallback *time.Location) (*time.Location, error) {
	then, err := rowsOf[Settings](tx).Where("at <= ?", at).Order("id DESC").Limit(1).Find(ctx)
	if err == nil && len(then) == 0 {
		then, err = rowsOf[Settings](tx).Order("id").Limit(1).Find(ctx)
	}
	if err != nil || len(then) == 0 {
		return fallback, named(err, "settings")
	}
	return then[0].location(fallback), nil
}

// addFigures adds to the figures that are there, in one order of locks for all.
func addFigures(ctx context.Context, tx *gorm.DB, all []Figure) error {
	slices.SortFunc(all, func(a, b Figure) int {
		return cmp.Or(cmp.Compare(a.Day, b.Day), cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Method, b.Method), compareBool(a.Test, b.Test))
	})
	more := map[string]any{}
	for _, column := range figureColumns() {
		more[column] = gorm.Expr("figures." + column + " + excluded." + column)
	}
	for _, one := range all {
		err := tx.WithContext(ctx).Clauses(clause.OnConflict{
			Columns:   []clause.Column{{Name: "day"}, {Name: "test"}, {Name: "currency"}, {Name: "provider"}, {Name: "method"}},
			DoUpdates: clause.Assignments(more),
		}).Create(&one).Error
		if err != nil {
			return named(err, "figures of "+one.Day)
		}
	}
	return nil
}

// book writes the facts' bookings and documents, and tallies their money.
func (t *daybook) book(ctx context.Context, tx *gorm.DB, settings int64, zone *time.Location) error {
	if len(t.facts) == 0 {
		return nil
	}
	whose, err := accountsOf(ctx, tx, t.facts)
	if err != nil {
		return err
	}
	for _, p := range t.first {
		t.attempt(p, Figure{Test: whose[p.ID].Test, Currency: p.Amount.Currency, Provider: p.Provider, Method: p.Method, Succeeded: 1})
	}
	bookings := make([]Booking, len(t.facts))
	var documents []Document
	for i, f := range t.facts {
		a := whose[f.PaymentID]
		bookings[i] = Booking{FactID: f.ID, Day: Day(f.At, zone), Test: a.Test}
		figure := Figure{Test: a.Test, Currency: f.Amount.Currency, Provider: a.Provider, Method: a.Method}
		figure.count(f.Kind, f.Amount.Minor)
		t.figure(f.At, figure)
		if d, ok := documentOf(f); ok {
			d.Test, d.OrderID, d.At = a.Test, a.OrderID, f.At
			if settings != 0 {
				d.SettingsID = &settings
			}
			documents = append(documents, d)
		}
	}
	if err := rowsOf[Booking](tx).CreateInBatches(ctx, &bookings, 500); err != nil {
		return named(err, "bookings")
	}
	return addDocuments(ctx, tx, documents)
}

// account is whose a payment's money is.
type account struct {
	ID       string
	OrderID  int64
	Provider string
	Method   string
	Ref      string // the provider's, where it was asked for
	Test     bool
}

// accountsOf is the accounts of the facts' payments, by payment.
func accountsOf(ctx context.Context, tx *gorm.DB, facts []Fact) (map[string]account, error) {
	var ids []string
	for _, f := range facts {
		if !slices.Contains(ids, f.PaymentID) {
			ids = append(ids, f.PaymentID)
		}
	}
	var rows []account
	err := tx.WithContext(ctx).Raw(`SELECT p.id, p.order_id, p.provider, p.method, o.test FROM payments p JOIN orders o ON o.id = p.order_id WHERE p.id IN ?`, ids).Scan(&rows).Error
	byID := make(map[string]account, len(rows))
	for _, a := range rows {
		byID[a.ID] = a
	}
	return byID, named(err, "payments of facts")
}

// begun tallies that a payment was begun, for an order that was placed with it
// or before.
func (t *daybook) begun(o Order, p Payment, placed bool) {
	f := Figure{Test: o.Test, Currency: p.Amount.Currency, Provider: p.Provider, Method: p.Method, Attempts: 1}
	if placed {
		f.Orders = 1
	}
	t.attempt(p, f)
}

// asBegun is the order in which payments were begun; two may have been within
// the same moment, and each has an operation from its beginning on.
const asBegun = "(SELECT MIN(operations.id) FROM operations WHERE operations.payment_id = payments.id)"

// retest moves what was counted of an order's placing and payments to the
// figures of tests. Money that was booked before stays where it was.
func retest(ctx context.Context, tx *gorm.DB, o Order) error {
	payments, err := rowsOf[Payment](tx).Where("order_id = ?", o.ID).Order(asBegun).Find(ctx)
	if err != nil {
		return named(err, "payments of order "+o.Number())
	}
	t := daybookOf(tx)
	for i, p := range payments {
		f := Figure{Currency: p.Amount.Currency, Provider: p.Provider, Method: p.Method, Attempts: 1}
		if i == 0 {
			f.Orders = 1
		}
		has, err := hasMoney(ctx, tx, p.ID)
		if err != nil {
			return err
		}
		if has && !slices.ContainsFunc(t.first, func(one Payment) bool { return one.ID == p.ID }) { // which are not counted yet
			f.Succeeded = 1
		}
		to := f
		to.Test = true
		f.Orders, f.Attempts, f.Succeeded = -f.Orders, -f.Attempts, -f.Succeeded
		t.attempt(p, f)
		t.attempt(p, to)
	}
	return nil
}

// hasMoney reports whether a payment ever had money reserved or taken.
func hasMoney(ctx context.Context, tx *gorm.DB, paymentID string) (bool, error) {
	n, err := rowsOf[Fact](tx).Where("payment_id = ? AND kind IN ?", paymentID, []FactKind{FactAuthorized, FactCaptured}).Count(ctx, "id")
	return n > 0, named(err, "facts")
}

// Day is the day of a moment as a clock in a zone shows it: 2026-11-21.
func Day(t time.Time, zone *time.Location) string { return t.In(zone).Format(time.DateOnly) }

var zones sync.Map // of loaded time zones, by name

// Zone is a time zone by its name, such as Pacific/Auckland.
func Zone(name string) (*time.Location, error) {
	if z, ok := zones.Load(name); ok {
		if z, ok := z.(*time.Location); ok {
			return z, nil
		}
	}
	z, err := time.LoadLocation(name)
	if err == nil {
		zones.Store(name, z)
	}
	return z, err
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}
