package models

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// OrderStatus is what an order's payments come to, in the gateway's words.
type OrderStatus string

// The statuses of an order.
const (
	OrderCreated           OrderStatus = "created" // a payout, not a sale
	OrderIssued            OrderStatus = "issued"  // waits for a payment
	OrderViewed            OrderStatus = "viewed"  // the shopper was sent to the provider's page
	OrderInProgress        OrderStatus = "in_progress"
	OrderHold              OrderStatus = "hold" // money reserved, not taken
	OrderPaid              OrderStatus = "paid"
	OrderReceived          OrderStatus = "received" // paid outside, says staff
	OrderFailed            OrderStatus = "failed"   // the last payment was declined; another may follow
	OrderRejected          OrderStatus = "rejected"
	OrderOverdue           OrderStatus = "overdue"
	OrderExpired           OrderStatus = "expired"
	OrderCancelled         OrderStatus = "cancelled"
	OrderRefundInitiated   OrderStatus = "refund_initiated"
	OrderPartiallyRefunded OrderStatus = "partially_refunded"
	OrderRefunded          OrderStatus = "refunded"
	OrderRefundFailed      OrderStatus = "refund_failed"
	OrderRefundReversed    OrderStatus = "refund_reversed"
	OrderReversalInitiated OrderStatus = "reversal_initiated"
	OrderReversed          OrderStatus = "reversed"
	OrderReversalFailed    OrderStatus = "reversal_failed"
	OrderChargeback        OrderStatus = "chargeback"
	OrderRepresentation    OrderStatus = "representation"
	OrderRetrieval         OrderStatus = "retrieval"
	OrderPrearbitration    OrderStatus = "prearbitration"
	OrderArbitration       OrderStatus = "arbitration"
	OrderPrecompliance     OrderStatus = "precompliance"
	OrderCompliance        OrderStatus = "compliance"
	OrderGoodFaith         OrderStatus = "good_faith"
	OrderFraudAdvice       OrderStatus = "fraud_advice"
)

// OrderStatuses is every status that an order of a shop can show, in the order
// of an order's life.
func OrderStatuses() []OrderStatus {
	return []OrderStatus{
		OrderIssued, OrderViewed, OrderInProgress, OrderHold, OrderPaid, OrderReceived, OrderFailed, OrderRejected,
		OrderOverdue, OrderExpired, OrderCancelled, OrderRefundInitiated, OrderPartiallyRefunded, OrderRefunded,
		OrderRefundFailed, OrderRefundReversed, OrderReversalInitiated, OrderReversed, OrderReversalFailed,
		OrderChargeback, OrderRepresentation, OrderRetrieval, OrderPrearbitration, OrderArbitration,
		OrderPrecompliance, OrderCompliance, OrderGoodFaith, OrderFraudAdvice,
	}
}

// Attention is one reason for a person to look at an order.
type Attention string

// The reasons.
const (
	AttentionMismatch        Attention = "mismatch"          // a provider has another amount or currency than we do
	AttentionSecondPayment   Attention = "second_payment"    // more was taken than the order costs
	AttentionPaidAfterCancel Attention = "paid_after_cancel" // money came for a cancelled order
	AttentionSoldOut         Attention = "sold_out"          // paid, but more was sold than there was
	AttentionUnknown         Attention = "unknown"           // a provider that cannot be asked never answered
	AttentionContradiction   Attention = "contradiction"     // a provider takes back a payment that it had called paid
)

// Attentions is a set of reasons, kept as text, comma separated.
type Attentions []Attention

// Value implements driver.Valuer.
func (a Attentions) Value() (driver.Value, error) { return a.String(), nil }

// String is the set as it is stored.
func (a Attentions) String() string {
	words := make([]string, len(a))
	for i, one := range a {
		words[i] = string(one)
	}
	return strings.Join(words, ",")
}

// Scan implements sql.Scanner.
func (a *Attentions) Scan(v any) error {
	var s string
	switch v := v.(type) {
	case string:
		s = v
	case []byte:
		s = string(v)
	default:
		return fmt.Errorf("models: attention is a %T", v)
	}
	*a = nil
	if s != "" {
		for word := range strings.SplitSeq(s, ",") {
			*a = append(*a, Attention(word))
		}
	}
	return nil
}

// sticky are the reasons that no row but the event that raised them shows.
var sticky = []Attention{AttentionSoldOut, AttentionContradiction}

// Verdict is what an order comes to.
type Verdict struct {
	Status    OrderStatus
	Attention Attentions // sorted
	Paid      bool       // its money has covered the total; refunds later do not undo that
}

// Derive judges an order. It is a pure function of the order and its payments,
// so that any process gets the same answer from the same rows, in whatever
// order they were written.
func Derive(o Order, payments []Payment) Verdict {
	var t tally
	for _, p := range payments {
		t.add(p)
	}
	v := Verdict{Status: t.status(o), Paid: t.fulfils(o)}
	for _, one := range o.Attention {
		if slices.Contains(sticky, one) {
			v.Attention = append(v.Attention, one)
		}
	}
	for why, is := range map[Attention]bool{
		AttentionMismatch:        t.states[PaymentMismatch] > 0,
		AttentionSecondPayment:   t.paid > 1 && t.kept > o.Total.Minor,
		AttentionPaidAfterCancel: o.CancelledAt != nil && t.kept > 0,
		AttentionUnknown:         t.forgotten > 0,
	} {
		if is {
			v.Attention = append(v.Attention, why)
		}
	}
	v.Attention = v.Attention.normal()
	return v
}

// normal sorts and drops what is there twice; the empty set is nil.
func (a Attentions) normal() Attentions {
	slices.Sort(a)
	return slices.Compact(a)
}

// tally is what the payments of an order come to together.
type tally struct {
	states                                  map[PaymentState]int
	paid                                    int
	captured, refunded, refunding, disputed int64
	kept                                    int64 // taken and not given back
	forgotten                               int   // unknown, with nobody left to ask
	manual                                  bool  // some of it was taken by hand, as much as was meant to be
	newest, live                            *Payment
}

func (t *tally) add(p Payment) {
	if t.states == nil {
		t.states = map[PaymentState]int{}
	}
	t.states[p.State]++
	if p.State == PaymentPaid {
		t.paid++
		t.captured += p.Captured
		t.refunded += p.Refunded
		t.refunding += p.RefundPending
		t.disputed += p.Disputed
		t.kept += p.Captured - p.Refunded
		t.manual = t.manual || p.Capture == CaptureManual
	}
	if p.State == PaymentUnknown && p.AskAt == nil {
		t.forgotten++
	}
	if t.newest == nil || p.CreatedAt.After(t.newest.CreatedAt) {
		t.newest = &p
	}
	if p.Live {
		t.live = &p
	}
}

// fulfils reports whether the order was paid for and is to be kept so. Money
// for a cancelled order is kept for a person to decide on.
func (t *tally) fulfils(o Order) bool {
	return o.CancelledAt == nil && t.paid > 0 && (t.captured >= o.Total.Minor || t.manual)
}

// status weighs what the order says for good first, then money, then what is
// still open.
func (t *tally) status(o Order) OrderStatus {
	switch {
	case o.CancelledAt != nil:
		return OrderCancelled
	case t.fulfils(o):
		return t.money()
	case t.states[PaymentAuthorized] > 0:
		return OrderHold
	case t.states[PaymentProcessing]+t.states[PaymentAccepted]+t.states[PaymentMismatch]+t.states[PaymentUnknown] > 0:
		return OrderInProgress
	case o.ExpiredAt != nil:
		return OrderExpired
	case t.live != nil && t.live.State == PaymentRedirected:
		return OrderViewed
	case t.live == nil && t.newest != nil && t.newest.State == PaymentFailed:
		return OrderFailed
	default:
		return OrderIssued
	}
}

func (t *tally) money() OrderStatus {
	switch {
	case t.disputed > 0:
		return OrderChargeback
	case t.refunding > 0:
		return OrderRefundInitiated
	case t.refunded > 0 && t.refunded >= t.captured:
		return OrderRefunded
	case t.refunded > 0:
		return OrderPartiallyRefunded
	default:
		return OrderPaid
	}
}

// derive brings an order's stored verdict to what its rows say, in the same
// commit, and does what follows from becoming paid: once. Reasons to look that
// only the caller can know are added.
func (db *DB) derive(ctx context.Context, tx *gorm.DB, id int64, add ...Attention) (Order, error) {
	order, err := gorm.G[Order](tx, forUpdate()).Where("id = ?", id).First(ctx)
	if err != nil {
		return order, named(err, "order")
	}
	payments, err := gorm.G[Payment](tx).Where("order_id = ?", id).Order("created_at, id").Find(ctx)
	if err != nil {
		return order, named(err, "payments of order "+order.Number())
	}
	v, set := Derive(order, payments), map[string]any{}
	if v.Paid && order.PaidAt == nil {
		now := tx.NowFunc()
		order.PaidAt, set["paid_at"] = &now, now
		short, err := db.becomePaid(ctx, tx, order)
		if err != nil {
			return order, err
		}
		if short {
			add = append(add, AttentionSoldOut)
		}
	}
	v.Attention = append(v.Attention, add...).normal()
	if v.Status != order.Status {
		set["status"] = v.Status
	}
	if !slices.Equal(v.Attention, order.Attention) {
		set["attention"] = v.Attention
		err := addEvent(ctx, tx, Event{
			OrderID: id, Kind: EventAttention, FromState: order.Attention.String(), ToState: v.Attention.String(),
			Cause: Cause{Actor: "till", Source: "ledger"},
		})
		if err != nil {
			return order, err
		}
	}
	if len(set) == 0 {
		return order, nil
	}
	order.Status, order.Attention = v.Status, v.Attention
	set["updated_at"] = tx.NowFunc()
	_, err = gorm.G[Order](tx).Where("id = ?", id).Set(clause.Assignments(set)).Update(ctx)
	return order, named(err, "order "+order.Number())
}
