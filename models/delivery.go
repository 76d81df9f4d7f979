package models

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// DeliveryVerdict says what became of a callback.
type DeliveryVerdict string

// The verdicts.
const (
	DeliveryNew       DeliveryVerdict = "new"       // stored, its job is to come
	DeliverySettled   DeliveryVerdict = "settled"   // its payment was settled after it
	DeliveryUnmatched DeliveryVerdict = "unmatched" // no payment of ours has its reference, so far
)

// Delivery is one verified callback, kept as it came. The same event delivered
// again raises its Times and rings again.
type Delivery struct {
	ID         int64
	Provider   string
	EventID    string
	Ref        string  // the provider's id of the payment
	Payment    string  // our id of it as the provider has it; not looked up yet
	PaymentID  *string // nil while no payment of ours is known to be meant
	Word       string
	Verdict    DeliveryVerdict
	Body       []byte
	Times      int64
	ReceivedAt time.Time
	LastAt     time.Time
	SettledAt  *time.Time
}

// Refusal counts the callbacks that were refused: nothing else of them is kept.
type Refusal struct {
	Provider string `gorm:"primaryKey"`
	Day      string `gorm:"primaryKey"` // YYYY-MM-DD, UTC
	Reason   string `gorm:"primaryKey"` // "signature", "malformed", "too large"
	Times    int64
}

// Deliveries reads and writes callbacks.
type Deliveries struct{ db *DB }

// NewDeliveries returns the callbacks kept in db.
func NewDeliveries(db *DB) *Deliveries { return &Deliveries{db} }

// Receive stores a verified callback and, in the same commit, the job that
// follows it. One that came before is counted, and followed once more.
func (d *Deliveries) Receive(ctx context.Context, in Delivery) (id int64, err error) {
	err = d.db.Write(ctx, func(tx *gorm.DB) error {
		in, now := in, tx.NowFunc()
		in.Verdict, in.Times, in.ReceivedAt, in.LastAt = DeliveryNew, 1, now, now
		again := clause.OnConflict{
			Columns:   []clause.Column{{Name: "provider"}, {Name: "event_id"}},
			DoUpdates: clause.Assignments(map[string]any{"times": gorm.Expr("deliveries.times + 1"), "last_at": now}),
		}
		if err := tx.Clauses(again, clause.Returning{Columns: []clause.Column{{Name: "id"}}}).Create(&in).Error; err != nil {
			return named(err, "delivery "+in.EventID)
		}
		id = in.ID
		return d.db.enqueue(ctx, tx, SettleDelivery{DeliveryID: id})
	})
	return id, err
}

// Refuse counts a callback that was refused.
func (d *Deliveries) Refuse(ctx context.Context, provider, reason string) error {
	return d.db.Write(ctx, func(tx *gorm.DB) error {
		r := Refusal{Provider: provider, Day: tx.NowFunc().Format(time.DateOnly), Reason: reason, Times: 1}
		return named(tx.Clauses(clause.OnConflict{
			Columns:   []clause.Column{{Name: "provider"}, {Name: "day"}, {Name: "reason"}},
			DoUpdates: clause.Assignments(map[string]any{"times": gorm.Expr("refusals.times + 1")}),
		}).Create(&r).Error, "refusal")
	})
}

// Refusals returns how many callbacks were refused, newest day first.
func (d *Deliveries) Refusals(ctx context.Context) ([]Refusal, error) {
	all, err := rowsOf[Refusal](d.db.r).Order("day DESC, provider, reason").Find(ctx)
	return all, named(err, "refusals")
}

// ByID returns one callback, or ErrNotFound.
func (d *Deliveries) ByID(ctx context.Context, id int64) (Delivery, error) {
	one, err := rowsOf[Delivery](d.db.r).Where("id = ?", id).First(ctx)
	return one, named(err, "delivery")
}

// OfOrder returns the callbacks about an order's payments, oldest first.
func (d *Deliveries) OfOrder(ctx context.Context, orderID int64) ([]Delivery, error) {
	all, err := rowsOf[Delivery](d.db.r).Where("payment_id IN (SELECT id FROM payments WHERE order_id = ?)", orderID).Order("id").Find(ctx)
	return all, named(err, "deliveries")
}

// Match finds the payment that a callback is about and ties the two, or
// answers ErrNotFound and marks the callback unmatched. The provider's
// reference decides; our own serves while our call to start has no answer yet.
func (d *Deliveries) Match(ctx context.Context, id int64) (pay Payment, err error) {
	err = d.db.Write(ctx, func(tx *gorm.DB) error {
		pay = Payment{}
		one, err := rowsOf[Delivery](tx).Where("id = ?", id).First(ctx)
		if err != nil {
			return named(err, "delivery")
		}
		pay, err = paymentOf(ctx, tx, one)
		if errors.Is(err, gorm.ErrRecordNotFound) {
			_, err = rowsOf[Delivery](tx).Where("id = ?", id).Update(ctx, "verdict", DeliveryUnmatched)
			return named(err, "delivery")
		}
		if err != nil {
			return named(err, "payment of delivery")
		}
		if pay, err = lockPayment(ctx, tx, pay.ID); err != nil { // as everybody does, before the delivery
			return err
		}
		return tie(ctx, tx, one, pay)
	})
	if err == nil && pay.ID == "" {
		return pay, ErrNotFound
	}
	return pay, err
}

// paymentOf is the payment that a callback names. Each of its two names is
// looked for alone, since no index serves both; ours counts while the payment's
// reference is unknown, or became the callback's between the two looks.
func paymentOf(ctx context.Context, tx *gorm.DB, one Delivery) (pay Payment, err error) {
	err = gorm.ErrRecordNotFound
	if one.Ref != "" {
		pay, err = rowsOf[Payment](tx).Where("provider = ? AND ref = ? AND ref <> ''", one.Provider, one.Ref).First(ctx)
	}
	if one.Payment != "" && errors.Is(err, gorm.ErrRecordNotFound) {
		pay, err = rowsOf[Payment](tx).Where("id = ? AND provider = ? AND ref IN ?", one.Payment, one.Provider, []string{"", one.Ref}).First(ctx)
	}
	return pay, err
}

// tie says which payment a callback is about, and puts it on the timeline: once.
func tie(ctx context.Context, tx *gorm.DB, one Delivery, pay Payment) error {
	n, err := rowsOf[Delivery](tx).Where("id = ? AND payment_id IS NULL", one.ID).
		Set(clause.Assignments(map[string]any{"payment_id": pay.ID, "verdict": DeliveryNew})).Update(ctx)
	if err != nil || n == 0 {
		return named(err, "delivery")
	}
	return addEvent(ctx, tx, Event{
		OrderID: pay.OrderID, PaymentID: &pay.ID, Kind: EventCallback, Detail: one.Word,
		Cause: Cause{Actor: "provider", Source: DeliverySource(one.ID)}, At: one.ReceivedAt,
	})
}

// Settled keeps that a callback's payment was settled after it.
func (d *Deliveries) Settled(ctx context.Context, id int64) error {
	return d.db.Write(ctx, func(tx *gorm.DB) error {
		_, err := rowsOf[Delivery](tx).Where("id = ?", id).
			Set(clause.Assignments(map[string]any{"verdict": DeliverySettled, "settled_at": tx.NowFunc()})).Update(ctx)
		return named(err, "delivery")
	})
}

// meetDeliveries ties the callbacks that came before we knew a payment's
// reference, and asks soon when there were any.
func (p *Payments) meetDeliveries(ctx context.Context, tx *gorm.DB, pay Payment, ref string) (met bool, err error) {
	waiting, err := rowsOf[Delivery](tx).Where("provider = ? AND ref = ? AND payment_id IS NULL", pay.Provider, ref).Find(ctx)
	if err != nil || len(waiting) == 0 {
		return false, named(err, "waiting deliveries")
	}
	for _, one := range waiting {
		if err := tie(ctx, tx, one, pay); err != nil {
			return false, err
		}
		if err := p.db.enqueue(ctx, tx, SettleDelivery{DeliveryID: one.ID}); err != nil {
			return false, err
		}
	}
	_, err = rowsOf[Payment](tx).Where("id = ?", pay.ID).Set(clause.Assignments(map[string]any{"ask_at": tx.NowFunc()})).Update(ctx)
	return true, named(err, "payment "+Mark(pay.ID))
}
