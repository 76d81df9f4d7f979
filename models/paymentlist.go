package models

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"
)

// PaymentPlace is a place between two payments of the list: at one of them.
type PaymentPlace struct {
	At time.Time // when it was begun
	ID string
}

// PaymentFilter chooses payments for a list.
type PaymentFilter struct {
	Provider string       // "" for all
	State    PaymentState // "" for all
	Ref      string       // the provider's reference, whole; "" for all
	Before   PaymentPlace // older than this; zero for the newest
	After    PaymentPlace // newer than this; zero for none
	Limit    int
}

// PaymentRow is one line of a list of payments. What only a provider's client
// and the shopper's page need of the payment is left out.
type PaymentRow struct {
	Payment
	Test bool // of the order
}

const paymentRow = `payments.id, payments.order_id, payments.provider, payments.method, payments.ref, payments.state, payments.live, payments.minor,
	payments.currency, payments.word, payments.reason, payments.authorized_minor, payments.released_minor, payments.captured_minor,
	payments.refund_pending_minor, payments.refunded_minor, payments.disputed_minor, payments.outside, payments.hold_until, payments.asked,
	payments.ask_at, payments.created_at, (SELECT test FROM orders WHERE orders.id = payments.order_id) AS test`

// List returns payments, newest first. more tells whether there are further
// ones in the direction asked for.
func (p *Payments) List(ctx context.Context, f PaymentFilter) (rows []PaymentRow, more bool, err error) {
	q, newestFirst := paymentList(p.db.r.WithContext(ctx), f)
	if err := q.Scan(&rows).Error; err != nil {
		return nil, false, named(err, "payments")
	}
	if more = len(rows) > f.Limit; more {
		rows = rows[:f.Limit]
	}
	if !newestFirst {
		slices.Reverse(rows)
	}
	return rows, more, nil
}

func paymentList(db *gorm.DB, f PaymentFilter) (q *gorm.DB, newestFirst bool) {
	q = db.Model(&Payment{}).Select(paymentRow)
	if f.Provider != "" {
		q = q.Where("payments.provider = ?", f.Provider)
	}
	if f.State != "" {
		q = q.Where("payments.state = ?", f.State)
	}
	if f.Ref != "" {
		q = q.Where("payments.ref = ? AND payments.ref <> ''", f.Ref)
	}
	newestFirst = true
	switch {
	case f.Before != PaymentPlace{}:
		q = q.Where("(payments.created_at, payments.id) < (?, ?)", f.Before.At, f.Before.ID)
	case f.After != PaymentPlace{}:
		q, newestFirst = q.Where("(payments.created_at, payments.id) > (?, ?)", f.After.At, f.After.ID), false
	}
	if newestFirst {
		q = q.Order("payments.created_at DESC, payments.id DESC")
	} else {
		q = q.Order("payments.created_at, payments.id")
	}
	return q.Limit(f.Limit + 1), newestFirst
}

// Any reports whether there is a payment at all.
func (p *Payments) Any(ctx context.Context) (bool, error) {
	some, err := rowsOf[Payment](p.db.r).Select("id").Limit(1).Find(ctx)
	return len(some) > 0, named(err, "payments")
}
