package models

import (
	"cmp"
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"till/money"

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
	AttentionMismatch         Attention = "mismatch"          // a provider has another amount or currency than we do
	AttentionSecondPayment    Attention = "second_payment"    // the order was paid twice
	AttentionOverpayment      Attention = "overpayment"       // one payment took more than the order costs
	AttentionPaidAfterCancel  Attention = "paid_after_cancel" // money came for a cancelled order and is not on its way back
	AttentionSoldOut          Attention = "sold_out"          // paid, but more was sold than there was
	AttentionUnknown          Attention = "unknown"           // a provider that cannot be asked never answered a start
	AttentionRefundUnknown    Attention = "refund_unknown"    // a provider never answered a refund: it may be on its way or not
	AttentionRefundFailed     Attention = "refund_failed"     // a refund that was on its way, or that Till asked for by itself, did not happen
	AttentionRefundReversed   Attention = "refund_reversed"   // a refund came back
	AttentionRefundElsewhere  Attention = "refund_elsewhere"  // money went back that nobody here asked for, and the provider does not say how much
	AttentionCaptureUnknown   Attention = "capture_unknown"   // a capture of a part had no answer, and the provider does not say how much it took
	AttentionUnanswered       Attention = "unanswered"        // a provider was asked to take, give back or undo a payment as a whole, or told of it, and never answered however often
	AttentionUnauthorized     Attention = "unauthorized"      // a provider does not know us, so that it did not do what was asked: our settings are wrong
	AttentionUnknownWord      Attention = "unknown_word"      // a provider's word for a payment that we do not know, for longer than a moment
	AttentionContradiction    Attention = "contradiction"     // a provider takes back what it had said
	AttentionNeedAction       Attention = "need_action"       // a provider waits for the merchant to decide on its own pages
	AttentionAccepted         Attention = "accepted"          // a bank took the order to pay and will say no more
	AttentionClearingLate     Attention = "clearing_late"     // the money has been on its way for longer than it should
	AttentionLapsing          Attention = "lapsing"           // a reservation is about to lapse
	AttentionDispute          Attention = "dispute"           // the buyer's bank disputes a payment
	AttentionUnknownReference Attention = "unknown_reference" // a callback is about a payment that nobody here knows
)

// About is the reason as a payment keeps it that is about one operation: the
// same reason about another one is another concern.
func (a Attention) About(operation int64) Attention {
	return a + Attention(":"+strconv.FormatInt(operation, 10))
}

// cut parts a reason from the operation that it is about; "" when it is about
// the payment.
func (a Attention) cut() (kind Attention, operation string) {
	k, operation, _ := strings.Cut(string(a), ":")
	return Attention(k), operation
}

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

// Verdict is what an order comes to.
type Verdict struct {
	Status   OrderStatus
	Concerns []Concern // what a person must look at, sorted
	Paid     bool      // its money has covered the total; refunds later do not undo that
}

// Concern is one thing that a person must look at. Two are the same when all of
// them is: money that changes is a new concern.
type Concern struct {
	Kind    Attention
	Subject string // the payment's ID, or the order's number
	Detail  string // the provider's word, the stage of a dispute, or an operation's ID
	Amount  money.Amount
}

// Derive judges an order. It is a pure function of the order, its payments and
// what of the inbox was opened or accepted before, so that any process gets the
// same answer from the same rows, in whatever order they were written.
func Derive(o Order, payments []Payment, inbox []InboxItem) Verdict {
	var t tally
	for _, p := range payments {
		t.add(p)
	}
	v := Verdict{Status: t.status(o), Paid: t.fulfils(o)}
	all := t.concerns(o)
	for _, p := range payments {
		all = append(all, p.concerns()...)
	}
	accepted := map[Concern]bool{}
	for _, item := range inbox {
		switch {
		case item.Resolution == ResolutionAccepted && !item.wiped():
			accepted[item.Concern()] = true
		case item.ClosedAt == nil && item.Kind == AttentionSoldOut: // only the commit that raised it knew
			all = append(all, item.Concern())
		}
	}
	for _, c := range all {
		if !accepted[c] {
			v.Concerns = append(v.Concerns, c)
		}
	}
	slices.SortFunc(v.Concerns, func(a, b Concern) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.Detail, b.Detail))
	})
	return v
}

// Attentions is the kinds of the verdict's concerns.
func (v Verdict) Attentions() Attentions {
	var all Attentions
	for _, c := range v.Concerns {
		all = append(all, c.Kind)
	}
	return all.normal()
}

// concerns is what the payments of an order show only together.
func (t *tally) concerns(o Order) []Concern {
	about := func(kind Attention, minor int64) Concern {
		return Concern{Kind: kind, Subject: o.Number(), Amount: money.Amount{Minor: minor, Currency: o.Total.Currency}}
	}
	returning := t.kept - t.refunding
	switch {
	case o.CancelledAt != nil && returning+t.held > 0:
		return []Concern{about(AttentionPaidAfterCancel, returning+t.held)}
	case o.CancelledAt != nil || returning <= o.Total.Minor:
		return nil
	case t.paid > 1:
		return []Concern{about(AttentionSecondPayment, returning-o.Total.Minor)}
	default:
		return []Concern{about(AttentionOverpayment, returning-o.Total.Minor)}
	}
}

// concerns is what one payment shows.
func (p Payment) concerns() []Concern {
	var all []Concern
	add := func(kind Attention, detail string, minor int64) {
		all = append(all, Concern{Kind: kind, Subject: p.ID, Detail: detail, Amount: money.Amount{Minor: minor, Currency: p.Amount.Currency}})
	}
	switch {
	case p.State == PaymentMismatch:
		add(AttentionMismatch, p.Word, p.Captured-p.Refunded)
	case p.State == PaymentAccepted:
		add(AttentionAccepted, p.Word, p.Amount.Minor)
	case p.State == PaymentUnknown && p.AskAt == nil:
		add(AttentionUnknown, "", p.Amount.Minor)
	}
	if p.Reversal == ReversalFailed {
		add(AttentionRefundFailed, "reversal", p.Left().Minor)
	}
	switch p.Refund {
	case RefundMarkFailed:
		add(AttentionRefundFailed, "", p.Left().Minor)
	case RefundMarkReversed:
		add(AttentionRefundReversed, "", p.Left().Minor)
	}
	if p.Dispute != "" {
		add(AttentionDispute, p.Dispute, p.Disputed)
	}
	for _, one := range p.Concerns {
		kind, operation := one.cut()
		minor := p.Amount.Minor
		if kind == AttentionRefundUnknown {
			minor = p.RefundPending
		}
		switch {
		case operation != "":
			add(kind, operation, minor)
		case !p.Concerns.names(kind):
			add(kind, p.Word, minor)
		}
	}
	return all
}

// names reports whether a reason is there about an operation.
func (a Attentions) names(kind Attention) bool {
	return slices.ContainsFunc(a, func(one Attention) bool {
		k, operation := one.cut()
		return k == kind && operation != ""
	})
}

// normal sorts and drops what is there twice; the empty set is nil.
func (a Attentions) normal() Attentions {
	slices.Sort(a)
	return slices.Compact(a)
}

// tally is what the payments of an order come to together.
type tally struct {
	states                        map[PaymentState]int
	paid                          int
	captured, refunded, refunding int64
	kept                          int64 // taken and not given back
	held                          int64 // reserved and neither taken nor released
	settled                       bool  // some of it was taken by hand, as much as was meant to be, or as staff agreed to
	outside                       bool  // all of it was paid outside
	dispute                       string
	reversal                      ReversalState
	refund                        RefundMark
	newest, live                  *Payment
}

func (t *tally) add(p Payment) {
	if t.states == nil {
		t.states = map[PaymentState]int{}
	}
	t.states[p.State]++
	if p.State == PaymentPaid {
		t.outside = p.Outside && (t.outside || t.paid == 0)
		t.paid++
		t.captured += p.Captured
		t.settled = t.settled || p.Authorized > 0 && p.Captured > 0 || p.Agreed != (money.Amount{})
		t.dispute = cmp.Or(p.Dispute, t.dispute)
		t.reversal = cmp.Or(p.Reversal, t.reversal)
		t.refund = cmp.Or(p.Refund, t.refund)
	}
	if p.State == PaymentPaid || p.Captured > 0 && p.State != PaymentMismatch {
		t.refunded += p.Refunded
		t.refunding += p.RefundPending
		t.kept += p.Captured - p.Refunded
	}
	t.held += p.Held().Minor
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
	return o.CancelledAt == nil && t.paid > 0 && (t.captured >= o.Total.Minor || t.settled)
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
	case t.newest != nil && t.newest.Reason == ReasonPayout:
		return OrderCreated
	case t.live != nil && t.live.State == PaymentRedirected && t.live.Reason == ReasonOverdue:
		return OrderOverdue
	case t.live != nil && t.live.State == PaymentRedirected && t.live.Reason == ReasonDeclined:
		return OrderFailed
	case t.live != nil && t.live.State == PaymentRedirected:
		return OrderViewed
	case t.live == nil && t.newest != nil && t.newest.State == PaymentFailed:
		return OrderFailed
	case t.live == nil && t.newest != nil && t.newest.Reason == ReasonRejected:
		return OrderRejected
	default:
		return OrderIssued
	}
}

// money is the status of an order that was paid for: what is in dispute first,
// then what is under way, then what went wrong, then what went back.
func (t *tally) money() OrderStatus {
	switch {
	case t.dispute != "":
		return OrderStatus(t.dispute)
	case t.reversal == ReversalPending:
		return OrderReversalInitiated
	case t.refunding > 0:
		return OrderRefundInitiated
	case t.reversal == ReversalDone:
		return OrderReversed
	case t.refund == RefundMarkFailed:
		return OrderRefundFailed
	case t.refund == RefundMarkReversed:
		return OrderRefundReversed
	case t.reversal == ReversalFailed:
		return OrderReversalFailed
	case t.refunded > 0 && t.refunded >= t.captured:
		return OrderRefunded
	case t.refunded > 0:
		return OrderPartiallyRefunded
	case t.outside:
		return OrderReceived
	default:
		return OrderPaid
	}
}

// derive brings an order's stored verdict and its inbox to what its rows say,
// in the same commit, and does what follows from becoming paid: once.
func (db *DB) derive(ctx context.Context, tx *gorm.DB, id int64) (Order, error) {
	order, err := rowsOf[Order](tx, forUpdate()).Where("id = ?", id).First(ctx)
	if err != nil {
		return order, named(err, "order")
	}
	payments, err := rowsOf[Payment](tx).Where("order_id = ?", id).Order("created_at, id").Find(ctx)
	if err != nil {
		return order, named(err, "payments of order "+order.Number())
	}
	items, err := rowsOf[InboxItem](tx).Where("order_id = ?", id).Order("id").Find(ctx)
	if err != nil {
		return order, named(err, "inbox of order "+order.Number())
	}
	v, set := Derive(order, payments, items), map[string]any{}
	if v.Paid && order.PaidAt == nil {
		now := tx.NowFunc()
		order.PaidAt, set["paid_at"] = &now, now
		mailed := slices.ContainsFunc(payments, func(p Payment) bool { return p.State == PaymentPaid && p.Mailed })
		short, err := db.becomePaid(ctx, tx, order, mailed)
		if err != nil {
			return order, err
		}
		if short {
			v.Concerns = append(v.Concerns, Concern{Kind: AttentionSoldOut, Subject: order.Number(), Amount: order.Total})
		}
	}
	if err := reconcile(ctx, tx, order, items, v.Concerns); err != nil {
		return order, err
	}
	attention := v.Attentions()
	if v.Status != order.Status {
		set["status"] = v.Status
	}
	if !slices.Equal(attention, order.Attention) {
		set["attention"] = attention
		err := addEvent(ctx, tx, Event{
			OrderID: id, Kind: EventAttention, FromState: order.Attention.String(), ToState: attention.String(),
			Cause: Cause{Actor: "till", Source: "ledger"},
		})
		if err != nil {
			return order, err
		}
	}
	if len(set) == 0 {
		return order, nil
	}
	order.Status, order.Attention = v.Status, attention
	set["updated_at"] = tx.NowFunc()
	_, err = rowsOf[Order](tx).Where("id = ?", id).Set(clause.Assignments(set)).Update(ctx)
	return order, named(err, "order "+order.Number())
}
