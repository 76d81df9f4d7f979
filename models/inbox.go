package models

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"till/money"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Resolution is how an item left the inbox.
type Resolution string

// The resolutions; an open item has none.
const (
	ResolutionAccepted Resolution = "accepted" // staff took it as it is
	ResolutionAttached Resolution = "attached" // staff said whose it is
	ResolutionGone     Resolution = "gone"     // its cause went away: refunded, decided, matched
)

// InboxItem is money that does not add up, waiting for a person. It opens and
// closes with the commit that shows it; staff may accept it, with a reason.
type InboxItem struct {
	ID         int64
	Kind       Attention
	Subject    string // the payment's ID, the order's number, or the callback's
	Detail     string
	Amount     money.Amount `gorm:"embedded"`
	OrderID    *int64
	PaymentID  *string
	DeliveryID *int64 // of a callback whose payment nobody knows
	Resolution Resolution
	Reason     string // why, in the words of whoever closed it
	Actor      string // who that was
	OpenedAt   time.Time
	ClosedAt   *time.Time
}

// TableName implements GORM's Tabler.
func (InboxItem) TableName() string { return "inbox" }

// wiped reports whether accepting the item took its cause away, so that the same
// again is another one.
func (i InboxItem) wiped() bool {
	return i.Detail == "" && (i.Kind == AttentionRefundFailed || i.Kind == AttentionRefundReversed)
}

// Concern is what the item is about.
func (i InboxItem) Concern() Concern {
	return Concern{Kind: i.Kind, Subject: i.Subject, Detail: i.Detail, Amount: i.Amount}
}

// reconcile opens what is new of an order's concerns and closes what is gone.
// One whose amount or detail changes is another one.
func reconcile(ctx context.Context, tx *gorm.DB, order Order, items []InboxItem, concerns []Concern) error {
	now := tx.NowFunc()
	var open []Concern
	for _, item := range items {
		if item.ClosedAt != nil {
			continue
		}
		if slices.Contains(concerns, item.Concern()) {
			open = append(open, item.Concern())
			continue
		}
		if err := closeItem(ctx, tx, item.ID, ResolutionGone, "", "till"); err != nil {
			return err
		}
	}
	for _, c := range concerns {
		if slices.Contains(open, c) {
			continue
		}
		item := InboxItem{Kind: c.Kind, Subject: c.Subject, Detail: c.Detail, Amount: c.Amount, OrderID: &order.ID, OpenedAt: now}
		if c.Subject != order.Number() {
			item.PaymentID = &c.Subject
		}
		if err := rowsOf[InboxItem](tx).Create(ctx, &item); err != nil {
			return named(err, "inbox of order "+order.Number())
		}
		open = append(open, c)
	}
	return nil
}

func closeItem(ctx context.Context, tx *gorm.DB, id int64, how Resolution, reason, actor string) error {
	_, err := rowsOf[InboxItem](tx).Where("id = ? AND closed_at IS NULL", id).Set(clause.Assignments(map[string]any{
		"resolution": how, "reason": reason, "actor": actor, "closed_at": tx.NowFunc(),
	})).Update(ctx)
	return named(err, "inbox")
}

// Inbox reads and closes what waits for a person.
type Inbox struct{ db *DB }

// NewInbox returns the inbox kept in db.
func NewInbox(db *DB) *Inbox { return &Inbox{db} }

// Open returns the items that wait, oldest first, at most limit, that come
// after the item with the given id.
func (i *Inbox) Open(ctx context.Context, after int64, limit int) ([]InboxItem, error) {
	all, err := rowsOf[InboxItem](i.db.r).Where("closed_at IS NULL AND id > ?", after).Order("id").Limit(limit).Find(ctx)
	return all, named(err, "inbox")
}

// Count is how many items wait.
func (i *Inbox) Count(ctx context.Context) (n int64, err error) {
	err = i.db.r.WithContext(ctx).Model(&InboxItem{}).Where("closed_at IS NULL").Count(&n).Error
	return n, named(err, "inbox")
}

// ByID returns one item, or ErrNotFound.
func (i *Inbox) ByID(ctx context.Context, id int64) (InboxItem, error) {
	item, err := rowsOf[InboxItem](i.db.r).Where("id = ?", id).First(ctx)
	return item, named(err, "inbox item")
}

// OfOrder returns everything that ever waited about an order, oldest first.
func (i *Inbox) OfOrder(ctx context.Context, orderID int64) ([]InboxItem, error) {
	all, err := rowsOf[InboxItem](i.db.r).Where("order_id = ?", orderID).Order("id").Find(ctx)
	return all, named(err, "inbox of order")
}

// Accept takes what an item has as it is: a mismatch or an order that a bank
// took becomes paid with the money that is there, a start that nobody answered
// came to nothing, the others are laid to rest.
// An item that is closed already gives ErrStale.
func (i *Inbox) Accept(ctx context.Context, id int64, reason string, cause Cause) error {
	return i.db.Write(ctx, func(tx *gorm.DB) error {
		item, pay, err := i.take(ctx, tx, id)
		if err != nil {
			return err
		}
		if err := closeItem(ctx, tx, id, ResolutionAccepted, reason, cause.Actor); err != nil {
			return err
		}
		if item.OrderID == nil {
			return nil
		}
		err = addEvent(ctx, tx, Event{OrderID: *item.OrderID, PaymentID: item.PaymentID, Kind: EventAccepted, FromState: string(item.Kind), Detail: reason, Cause: cause})
		if err != nil {
			return err
		}
		if item.PaymentID != nil {
			if err := acceptPayment(ctx, tx, item, pay, cause); err != nil {
				return err
			}
		}
		_, err = i.db.derive(ctx, tx, *item.OrderID)
		return err
	})
}

// take locks what an open item is about, in the order of all locks.
func (*Inbox) take(ctx context.Context, tx *gorm.DB, id int64) (item InboxItem, pay Payment, err error) {
	item, err = rowsOf[InboxItem](tx).Where("id = ?", id).First(ctx)
	if err != nil {
		return item, pay, named(err, "inbox item")
	}
	switch {
	case item.PaymentID != nil:
		if pay, err = lockPayment(ctx, tx, *item.PaymentID); err != nil {
			return item, pay, err
		}
	case item.OrderID != nil:
		if _, err = rowsOf[Order](tx, forUpdate()).Where("id = ?", *item.OrderID).First(ctx); err != nil {
			return item, pay, named(err, "order")
		}
	}
	item, err = rowsOf[InboxItem](tx, forUpdate()).Where("id = ?", id).First(ctx) // as it is under the lock
	if err == nil && item.ClosedAt != nil {
		return item, pay, fmt.Errorf("%w: inbox item %d is closed", ErrStale, id)
	}
	return item, pay, named(err, "inbox item")
}

// acceptPayment does to a payment what accepting it means.
func acceptPayment(ctx context.Context, tx *gorm.DB, item InboxItem, pay Payment, cause Cause) error {
	now := tx.NowFunc()
	set := map[string]any{"version": pay.Version + 1, "updated_at": now}
	switch item.Kind { //nolint:exhaustive // the others only stop being looked at
	case AttentionMismatch, AttentionAccepted:
		if err := agree(ctx, tx, item, pay, cause, set); err != nil {
			return err
		}
	case AttentionUnknown:
		if err := giveUpStart(ctx, tx, pay, cause, set); err != nil {
			return err
		}
	case AttentionRefundFailed, AttentionRefundReversed:
		set["refund"] = ""
	}
	_, err := rowsOf[Payment](tx).Where("id = ?", pay.ID).Set(clause.Assignments(set)).Update(ctx)
	return named(err, "payment "+Mark(pay.ID))
}

// giveUpStart says that a start without an answer came to nothing, so that the
// order can be paid another way. Should the provider name it all the same, it
// is found.
func giveUpStart(ctx context.Context, tx *gorm.DB, pay Payment, cause Cause, set map[string]any) error {
	if pay.State != PaymentUnknown {
		return nil
	}
	set["state"], set["live"] = PaymentCancelled, false
	_, err := rowsOf[Operation](tx).Where("payment_id = ? AND kind = ?", pay.ID, OperationStart).
		Set(clause.Assignments(map[string]any{"state": OperationFailed, "code": "given up", "updated_at": tx.NowFunc()})).Update(ctx)
	if err != nil {
		return named(err, "start of payment "+Mark(pay.ID))
	}
	return addEvent(ctx, tx, Event{
		OrderID: pay.OrderID, PaymentID: &pay.ID, Kind: EventState, FromState: string(pay.State), ToState: string(PaymentCancelled), Detail: "given up", Cause: cause,
	})
}

// agree makes the money that is there the money of the payment. Where a bank
// took the order to pay and says no more, the money is there because staff say
// so. Where there is none nothing can be accepted.
func agree(ctx context.Context, tx *gorm.DB, item InboxItem, pay Payment, cause Cause, set map[string]any) error {
	facts, err := rowsOf[Fact](tx).Where("payment_id = ? AND kind IN ?", pay.ID, []FactKind{FactCaptured, FactAuthorized}).Find(ctx)
	if err != nil {
		return named(err, "facts")
	}
	taken := slices.ContainsFunc(facts, func(f Fact) bool { return f.Kind == FactCaptured })
	state, agreed := PaymentPaid, money.Amount{Minor: pay.Captured, Currency: pay.Amount.Currency}
	switch {
	case taken:
	case item.Kind == AttentionAccepted:
		agreed = pay.Amount
		if err := addFacts(ctx, tx, pay, []Fact{{Kind: FactCaptured, Amount: agreed}}, cause, set); err != nil {
			return err
		}
	case pay.Authorized > pay.Released:
		state, agreed.Minor = PaymentAuthorized, pay.Authorized-pay.Released
	default:
		return fmt.Errorf("%w: no money was taken for payment %s", ErrIllegal, Mark(pay.ID))
	}
	set["state"], set["live"] = state, false
	set["agreed_minor"], set["agreed_currency"] = agreed.Minor, agreed.Currency
	return addEvent(ctx, tx, Event{
		OrderID: pay.OrderID, PaymentID: &pay.ID, Kind: EventState, FromState: string(pay.State), ToState: string(state), Detail: "accepted", Cause: cause,
	})
}

// Attach says that the payment that an unmatched callback is about is of the
// given order: it is written there, and its provider is asked soon.
func (i *Inbox) Attach(ctx context.Context, id, orderID int64, n NewPayment, reason string, cause Cause) (pay Payment, err error) {
	err = i.db.Write(ctx, func(tx *gorm.DB) error {
		order, err := rowsOf[Order](tx, forUpdate()).Where("id = ?", orderID).First(ctx)
		if err != nil {
			return named(err, "order")
		}
		item, _, err := i.take(ctx, tx, id)
		if err != nil {
			return err
		}
		if item.DeliveryID == nil {
			return fmt.Errorf("%w: only a callback can be attached", ErrIllegal)
		}
		one, err := rowsOf[Delivery](tx).Where("id = ?", *item.DeliveryID).First(ctx)
		if err != nil {
			return named(err, "delivery")
		}
		now := tx.NowFunc()
		pay = Payment{
			ID: n.ID, OrderID: orderID, Provider: one.Provider, Method: n.Method, Capture: n.Capture, Ref: one.Ref, Attached: true,
			State: PaymentCreated, Amount: order.Total, Version: 1, AskAt: &now,
		}
		if err := tx.Create(&pay).Error; err != nil {
			return named(err, "payment of order "+order.Number())
		}
		if err := beginPayment(ctx, tx, order, pay, false); err != nil {
			return err
		}
		if err := addWords(ctx, tx, orderID, Words(one.Ref)); err != nil {
			return err
		}
		op := Operation{PaymentID: n.ID, Kind: OperationStart, Key: n.Key, State: OperationSucceeded, Amount: order.Total, Note: reason, Cause: cause}
		if err := rowsOf[Operation](tx).Create(ctx, &op); err != nil {
			return named(err, "start of payment "+Mark(n.ID))
		}
		if err := tie(ctx, tx, one, pay); err != nil {
			return err
		}
		if err := closeItem(ctx, tx, id, ResolutionAttached, reason, cause.Actor); err != nil {
			return err
		}
		err = addEvent(ctx, tx, Event{OrderID: orderID, PaymentID: &pay.ID, Kind: EventAttached, FromState: one.Ref, Detail: reason, Cause: cause})
		if err != nil {
			return err
		}
		_, err = i.db.derive(ctx, tx, orderID)
		return err
	})
	if err == nil {
		i.db.wake()
	}
	return pay, err
}

// Strays opens an item for every callback that nobody's payment has met for a
// while, and closes those that were met since.
func (i *Inbox) Strays(ctx context.Context, before time.Time) error {
	stray, err := rowsOf[Delivery](i.db.r).Where(`verdict = ? AND received_at <= ? AND payment_id IS NULL
		AND id NOT IN (SELECT delivery_id FROM inbox WHERE delivery_id IS NOT NULL)`, DeliveryUnmatched, before).Order("id").Limit(100).Find(ctx)
	if err != nil {
		return named(err, "stray deliveries")
	}
	met, err := rowsOf[InboxItem](i.db.r).Where("closed_at IS NULL AND EXISTS (SELECT 1 FROM deliveries WHERE deliveries.id = inbox.delivery_id AND deliveries.payment_id IS NOT NULL)").Find(ctx)
	if err != nil || len(stray)+len(met) == 0 {
		return named(err, "inbox")
	}
	err = i.db.Write(ctx, func(tx *gorm.DB) error {
		for _, one := range stray {
			item := InboxItem{
				Kind: AttentionUnknownReference, Subject: DeliverySource(one.ID), Detail: one.Ref, DeliveryID: &one.ID, OpenedAt: tx.NowFunc(),
			}
			if err := rowsOf[InboxItem](tx).Create(ctx, &item); err != nil {
				return named(err, "inbox")
			}
		}
		for _, item := range met {
			if err := closeItem(ctx, tx, item.ID, ResolutionGone, "", "till"); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, ErrDuplicate) { // another process was quicker
		return nil
	}
	return err
}

// PaidOutside says that an order was paid outside: staff have the money. The
// order's open payments must have been given up before.
//
// Errors: ErrNotPayable when it is paid or closed.
func (p *Payments) PaidOutside(ctx context.Context, orderID int64, n NewPayment, note string, cause Cause) (pay Payment, err error) {
	err = p.db.Write(ctx, func(tx *gorm.DB) error {
		order, err := rowsOf[Order](tx, forUpdate()).Where("id = ?", orderID).First(ctx)
		if err != nil {
			return named(err, "order")
		}
		if order.PaidAt != nil || order.CancelledAt != nil {
			return fmt.Errorf("%w: order %s is %s", ErrNotPayable, order.Number(), order.Status)
		}
		open, err := rowsOf[Payment](tx).Where("order_id = ? AND (live OR state IN ?)", orderID,
			[]PaymentState{PaymentAuthorized, PaymentPaid, PaymentProcessing, PaymentAccepted, PaymentMismatch}).Find(ctx)
		if err != nil {
			return named(err, "payments")
		}
		if len(open) > 0 {
			return fmt.Errorf("%w: payment %s is %s", ErrNotPayable, Mark(open[0].ID), open[0].State)
		}
		pay = Payment{
			ID: n.ID, OrderID: orderID, Provider: Outside, Capture: CaptureAuto, Outside: true, State: PaymentPaid, Amount: order.Total, Version: 1,
		}
		set := map[string]any{}
		if err := tx.Create(&pay).Error; err != nil {
			return named(err, "payment of order "+order.Number())
		}
		if err := beginPayment(ctx, tx, order, pay, false); err != nil {
			return err
		}
		op := Operation{PaymentID: n.ID, Kind: OperationReceived, Key: n.Key, State: OperationSucceeded, Amount: order.Total, Note: note, Cause: cause}
		if err := rowsOf[Operation](tx).Create(ctx, &op); err != nil {
			return named(err, "received")
		}
		if err := addFacts(ctx, tx, pay, []Fact{{Kind: FactCaptured, Amount: order.Total}}, cause, set); err != nil {
			return err
		}
		if _, err := rowsOf[Payment](tx).Where("id = ?", pay.ID).Set(clause.Assignments(set)).Update(ctx); err != nil {
			return named(err, "payment "+Mark(pay.ID))
		}
		err = addEvent(ctx, tx, Event{
			OrderID: orderID, PaymentID: &pay.ID, Kind: EventOperation, FromState: string(OperationReceived), ToState: string(OperationSucceeded),
			Detail: note, Cause: cause,
		})
		if err != nil {
			return err
		}
		_, err = p.db.derive(ctx, tx, orderID)
		return err
	})
	return pay, err
}

// Outside is the provider of a payment that was made outside.
const Outside = "outside"
