package cashier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"till/models"
)

const (
	followAtOnce = 64 // operations of one payment that are done one after the other
	repeats      = 6  // calls about one operation, after which only people repeat it
)

// tryAgain is how long Till waits before it asks again for something of its own
// that was refused, after so many refusals; then it is left to people.
var tryAgain = []time.Duration{time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour, 24 * time.Hour, 24 * time.Hour}

// follow does what is left to do about a payment: operations that nobody got
// round to, that had no answer and may safely be repeated, or that the shop's
// rules ask for. It ends when there is nothing left, or a provider has not done
// it: that is written down, and no fault of what was asked before.
func (c *Cashier) follow(ctx context.Context, pay models.Payment, cause models.Cause) (models.Payment, error) {
	if cause.Actor == "shopper" {
		cause = Timer // it is not they who ask for what follows
	}
	var tried []int64
	for range followAtOnce {
		now, ops, err := c.payments.Operations(ctx, pay.ID)
		if err != nil {
			return pay, err
		}
		pay = now
		op, ok, err := c.todo(ctx, pay, ops, tried)
		if err != nil || !ok {
			return pay, err
		}
		tried = append(tried, op.ID)
		after, mine, err := c.perform(ctx, op, cause)
		if after.ID == "" {
			return pay, err
		}
		pay = after
		if err != nil {
			c.log.WarnContext(ctx, "operation had no success", "operation", op.ID, "kind", op.Kind,
				"order", pay.OrderID, "provider", pay.Provider, "ref", pay.Ref, "err", err)
			return pay, nil
		}
		if !mine {
			return pay, nil
		}
	}
	return pay, nil
}

// todo is the next operation to call the provider about.
func (c *Cashier) todo(ctx context.Context, pay models.Payment, ops []models.Operation, tried []int64) (op models.Operation, ok bool, err error) {
	now := c.payments.Now()
	for _, op := range ops {
		if op.Kind == models.OperationStart || !op.Open() || op.Claimed(now) || slices.Contains(tried, op.ID) || !c.can(pay, op.Kind) {
			continue
		}
		if !op.MayHaveBeenHeard() || c.repeatable(pay, ops, op) {
			return op, true, nil
		}
	}
	if slices.ContainsFunc(ops, func(op models.Operation) bool { return op.Kind != models.OperationStart && op.Open() }) {
		return op, false, nil // one thing after the other
	}
	r, ok, err := c.rule(ctx, pay, ops)
	if err != nil || !ok {
		return op, false, err
	}
	op, _, err = c.payments.Reserve(ctx, r)
	if errors.Is(err, models.ErrBalance) || errors.Is(err, models.ErrIllegal) || errors.Is(err, models.ErrBusy) {
		return op, false, nil // somebody else was quicker
	}
	return op, err == nil, err
}

// repeatable reports whether an operation without an answer may be asked for
// again, now that a look has shown no trace of it. What decides a payment as a
// whole can be done once only, and so can a refund of all that is left: no
// provider gives back more than it took. Any other refund might go twice, so it
// is left to people.
func (*Cashier) repeatable(pay models.Payment, ops []models.Operation, op models.Operation) bool {
	if op.PendingAt != nil || op.Calls >= repeats {
		return false
	}
	if op.Kind != models.OperationRefund {
		return op.Kind != models.OperationCancel // a new one is made for that
	}
	return op.Amount.Minor == pay.Captured-(pay.Refunded-outside(ops)) // the provider knows nothing of what went outside
}

// rule is what the shop's rules ask for: money for a cancelled order goes back,
// once, and reservations do not lapse unseen.
func (c *Cashier) rule(ctx context.Context, pay models.Payment, ops []models.Operation) (r models.Reservation, ok bool, err error) {
	r = models.Reservation{PaymentID: pay.ID, Key: c.newKey(), Cause: Timer}
	held, left := pay.Held().Minor > 0, pay.Left().Minor > 0
	if !pay.State.HoldsMoney() || !held && !left {
		return r, false, nil
	}
	detail, err := c.orders.OfPayment(ctx, pay.ID)
	if err != nil {
		return r, false, err
	}
	switch cancelled := detail.CancelledAt != nil; {
	case cancelled && held:
		r.Kind, r.Note = models.OperationVoid, "the order is cancelled"
	case cancelled && pay.Dispute != "":
		return r, false, nil // the bank has taken it back, or may
	case cancelled:
		r.Kind, r.Note = models.OperationRefund, "the order is cancelled"
	case c.lapses(pay) && c.holdRule() == HoldVoid:
		r.Kind, r.Note = models.OperationVoid, "the reservation was about to lapse"
	case c.lapses(pay) && c.holdRule() == HoldCapture:
		r.Kind, r.Note = models.OperationCapture, "the reservation was about to lapse"
	default:
		return r, false, nil
	}
	if !c.can(pay, r.Kind) {
		return r, false, nil
	}
	wait, err := c.notYet(ctx, pay, ops, r.Kind)
	return r, err == nil && !wait, err
}

// notYet reports whether what Till would do by itself must wait, because it was
// refused before, or because staff have decided to keep the money.
func (c *Cashier) notYet(ctx context.Context, pay models.Payment, ops []models.Operation, kind models.OperationKind) (bool, error) {
	refused := slices.DeleteFunc(slices.Clone(ops), func(op models.Operation) bool {
		return op.Kind != kind || op.State != models.OperationFailed || op.Actor != Timer.Actor
	})
	items, err := c.inbox.OfOrder(ctx, pay.OrderID)
	if err != nil {
		return true, err
	}
	kept := func(i models.InboxItem) bool {
		return i.Resolution == models.ResolutionAccepted && (i.Kind == models.AttentionPaidAfterCancel || i.Kind == models.AttentionRefundFailed)
	}
	switch {
	case slices.ContainsFunc(items, kept), len(refused) > len(tryAgain):
		return true, nil
	case len(refused) == 0:
		return false, nil
	}
	at := refused[len(refused)-1].UpdatedAt.Add(tryAgain[len(refused)-1])
	if now := c.payments.Now(); at.After(now) {
		return true, c.payments.AskAt(ctx, pay.ID, at)
	}
	return false, nil
}

// Received says that an order was paid outside: the provider of the payment
// that is being made is told where it wants to know, and is asked to take no
// money else.
//
// Errors: ErrPaid, ErrUndecided, models.ErrNotPayable.
func (c *Cashier) Received(ctx context.Context, number int64, note string, cause models.Cause) error {
	detail, err := c.orders.ByNumber(ctx, number)
	if err != nil {
		return err
	}
	for _, p := range detail.Payments {
		if err := bars(p); err != nil {
			return err
		}
	}
	if live, ok := detail.Live(); ok {
		if c.Powers(live).Received {
			op, err := c.Do(ctx, models.Reservation{PaymentID: live.ID, Kind: models.OperationReceived, Key: c.newKey(), Note: note, Cause: cause})
			if err != nil || op.State == models.OperationSucceeded {
				return err
			}
			return fmt.Errorf("%w: %s says %s", ErrUndecided, live.Provider, op.State)
		}
		after, err := c.giveUp(ctx, live, cause)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUndecided, err)
		}
		if err := bars(after); err != nil {
			return err
		}
		if err := c.payments.Supersede(ctx, live.ID, cause); err != nil {
			return err
		}
	}
	_, err = c.payments.PaidOutside(ctx, number, models.NewPayment{ID: c.newID(), Key: c.newKey()}, note, cause)
	return err
}

// Repeat asks a provider again for an operation that it never answered, with
// the same key. It is a person's decision, because it may be done twice.
func (c *Cashier) Repeat(ctx context.Context, id int64, cause models.Cause) (models.Operation, error) {
	op, err := c.payments.Operation(ctx, id)
	if err != nil {
		return op, err
	}
	if op.Kind == models.OperationStart || op.State != models.OperationUnknown {
		return op, fmt.Errorf("%w: operation %d is %s", models.ErrIllegal, id, op.State)
	}
	if pay, _, callErr := c.perform(ctx, op, cause); callErr != nil {
		c.log.WarnContext(ctx, "operation had no success", "operation", id, "kind", op.Kind,
			"order", pay.OrderID, "provider", pay.Provider, "ref", pay.Ref, "err", callErr)
	}
	return c.payments.Operation(ctx, id)
}

// Forget gives up an operation that the provider never answered: a person has
// made sure that it did not happen. Should it turn out that it did, the provider
// is believed. models.ErrBusy while somebody is calling the provider about it,
// models.ErrStale when it has an outcome by now.
func (c *Cashier) Forget(ctx context.Context, id int64, note string, cause models.Cause) error {
	op, err := c.payments.Operation(ctx, id)
	if err != nil {
		return err
	}
	if op.Kind == models.OperationStart || !op.Open() || !op.MayHaveBeenHeard() {
		return fmt.Errorf("%w: operation %d is %s", models.ErrIllegal, id, op.State)
	}
	late := error(nil)
	_, err = c.record(ctx, op.PaymentID, func(now models.Payment, ops []models.Operation) models.Change {
		change := models.Change{PaymentID: now.ID, Version: now.Version, Cause: cause, AskAt: now.AskAt}
		switch i := slices.IndexFunc(ops, func(op models.Operation) bool { return op.ID == id }); {
		case i < 0 || !ops[i].Open():
			late = models.ErrStale
		case ops[i].Claimed(c.payments.Now()):
			late = models.ErrBusy
		default:
			late = nil
		}
		if late != nil {
			return change
		}
		giveUpReserve(now, ops, op, &change)
		change.Operations = []models.Outcome{{ID: id, State: models.OperationFailed, Code: note, Heard: true}}
		unheard(ops, &change)
		return change
	})
	return cmp.Or(err, late)
}

// Accept takes what an item of the inbox has as it is, and goes on from there.
func (c *Cashier) Accept(ctx context.Context, item int64, reason string, cause models.Cause) error {
	return c.inbox.Accept(ctx, item, reason, cause)
}

// Attach says that the payment that an unmatched callback is about is of the
// given order, and asks its provider about it. The payment is returned as the
// provider says it is then; without an answer, the timer asks again.
func (c *Cashier) Attach(ctx context.Context, item, number int64, reason string, cause models.Cause) (models.Payment, error) {
	n := models.NewPayment{ID: c.newID(), Key: c.newKey(), Capture: models.CaptureAuto}
	pay, err := c.inbox.Attach(ctx, item, number, n, reason, cause)
	if err != nil {
		return pay, err
	}
	after, err := c.Settle(ctx, pay.ID, cause)
	if err != nil {
		c.log.WarnContext(ctx, "attached payment not settled", "order", pay.OrderID, "provider", pay.Provider, "ref", pay.Ref, "err", err)
		return pay, nil
	}
	return after, nil
}

// strayAfter is how long a callback may wait for its payment before a person
// must look.
const strayAfter = 10 * time.Minute

// Strays puts callbacks whose payment nobody knows into the inbox, and takes
// out those that were met since.
func (c *Cashier) Strays(ctx context.Context) error {
	return c.inbox.Strays(ctx, c.payments.Now().Add(-strayAfter))
}
