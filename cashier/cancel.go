package cashier

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"till/models"
	"till/providers"
)

// giveUp ends a payment that nobody has paid yet: at the provider where it
// knows of it, or here where it never heard. The payment is returned as the
// provider says it is then, which may be paid.
func (c *Cashier) giveUp(ctx context.Context, pay models.Payment, cause models.Cause) (models.Payment, error) {
	if pay.Ref != "" {
		return c.letGo(ctx, pay, cause)
	}
	undecided := false
	after, err := c.record(ctx, pay.ID, func(now models.Payment, ops []models.Operation) models.Change {
		change := models.Change{PaymentID: now.ID, Version: now.Version, AskAt: now.AskAt, Cause: cause}
		start := slices.IndexFunc(ops, func(op models.Operation) bool { return op.Kind == models.OperationStart })
		undecided = start >= 0 && ops[start].MayHaveBeenHeard()
		if !undecided && start >= 0 && now.State == models.PaymentCreated && now.Ref == "" {
			change.State = models.PaymentCancelled
			change.Operations = []models.Outcome{{ID: ops[start].ID, State: models.OperationFailed, Code: "never sent"}}
		}
		return change
	})
	switch {
	case err != nil:
		return pay, err
	case after.Ref != "": // it was started meanwhile
		return c.letGo(ctx, after, cause)
	case undecided:
		return after, fmt.Errorf("%w: the start of payment %s had no answer", ErrUndecided, models.Mark(pay.ID))
	}
	return after, nil
}

// letGo asks the provider to take no money for a payment. Where it cannot be
// asked that, it is asked what became of the payment.
func (c *Cashier) letGo(ctx context.Context, pay models.Payment, cause models.Cause) (models.Payment, error) {
	p, err := c.provider(pay)
	if err != nil {
		return pay, err
	}
	if _, ok := p.(providers.Canceller); !ok {
		if cause.Actor == Timer.Actor {
			return pay, nil // it was just asked
		}
		return c.Settle(ctx, pay.ID, cause)
	}
	op, _, err := c.payments.Reserve(ctx, models.Reservation{PaymentID: pay.ID, Kind: models.OperationCancel, Key: c.newKey(), Cause: cause})
	if errors.Is(err, models.ErrIllegal) { // there is money by now
		return c.payments.ByID(ctx, pay.ID)
	}
	if errors.Is(err, models.ErrBusy) {
		return pay, fmt.Errorf("%w: %w", ErrUndecided, err)
	}
	if err != nil {
		return pay, err
	}
	after, mine, err := c.perform(ctx, op, cause)
	if err != nil || mine {
		return after, err
	}
	if op, err = c.outcome(ctx, op.ID); err != nil {
		return after, err
	}
	if op.Open() {
		return after, fmt.Errorf("%w: payment %s is being cancelled", ErrUndecided, models.Mark(pay.ID))
	}
	return c.payments.ByID(ctx, pay.ID)
}

// outcome waits a moment for somebody else who is calling the provider about an
// operation.
func (c *Cashier) outcome(ctx context.Context, id int64) (op models.Operation, err error) {
	for range awaitTimes {
		op, err = c.payments.Operation(ctx, id)
		begun := op.Claimed(c.payments.Now()) || op.Kind != models.OperationRefund && op.State == models.OperationRequested && op.PendingAt == nil
		if err != nil || !op.Open() || !begun || c.wait(ctx, awaitGap) != nil {
			return op, err
		}
	}
	return op, nil
}

// Cancel cancels an order that is not paid: it asks the provider first, says
// what it found, then acts. Money that is only reserved is given back when it is
// staff who cancel.
//
// Errors: ErrPaid when money came, or is reserved; ErrUndecided while a payment
// is on its way, or its provider does not answer: nothing is cancelled then.
func (c *Cashier) Cancel(ctx context.Context, number int64, why string, cause models.Cause) error {
	return c.close(ctx, number, models.EventCancelled, why, cause)
}

// Expire closes an order whose time is over, in the same way as Cancel. One
// that cannot be closed now is given more time.
func (c *Cashier) Expire(ctx context.Context, number int64) error {
	err := c.close(ctx, number, models.EventExpired, "nobody paid in time", Timer)
	if errors.Is(err, ErrPaid) || errors.Is(err, ErrUndecided) {
		c.log.InfoContext(ctx, "order kept open", "order", number, "err", err)
		return c.orders.PutOff(ctx, number, c.payments.Now().Add(time.Hour))
	}
	return err
}

func (c *Cashier) close(ctx context.Context, number int64, kind models.EventKind, why string, cause models.Cause) error {
	detail, err := c.orders.ByNumber(ctx, number)
	if err != nil {
		return err
	}
	for _, p := range detail.Payments {
		if p.State == models.PaymentAuthorized && byStaff(cause) {
			if p, err = c.release(ctx, p, why, cause); err != nil {
				return err
			}
		}
		if !p.Live || p.State.HoldsMoney() {
			if err := bars(p); err != nil {
				return err
			}
			continue
		}
		after, err := c.giveUp(ctx, p, cause)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUndecided, err)
		}
		if err := bars(after); err != nil {
			return err
		}
		if err := c.payments.Supersede(ctx, after.ID, cause); err != nil {
			return err
		}
	}
	closed, err := c.orders.Close(ctx, number, kind, why, cause)
	if err == nil && !closed {
		if detail, err = c.orders.ByNumber(ctx, number); err != nil {
			return err
		}
		for _, p := range detail.Payments { // something came meanwhile
			if err := bars(p); err != nil && detail.CancelledAt == nil && detail.ExpiredAt == nil {
				return err
			}
		}
		err = fmt.Errorf("%w: order %d is closed already", models.ErrNotPayable, number)
	}
	return err
}

// byStaff reports whether a person of the shop did something.
func byStaff(cause models.Cause) bool { return strings.HasPrefix(cause.Actor, "staff ") }

// release gives back what is reserved, for an order that is being cancelled.
func (c *Cashier) release(ctx context.Context, p models.Payment, why string, cause models.Cause) (models.Payment, error) {
	op, err := c.Do(ctx, models.Reservation{PaymentID: p.ID, Kind: models.OperationVoid, Key: c.newKey(), Note: why, Cause: cause})
	if err == nil {
		op, err = c.outcome(ctx, op.ID)
	}
	if err != nil && !errors.Is(err, models.ErrIllegal) { // somebody else was quicker: then it has ended
		return p, err
	}
	after, readErr := c.payments.ByID(ctx, p.ID)
	switch {
	case readErr != nil:
		return p, readErr
	case after.State.Ended():
		return after, nil
	case err != nil:
		return after, err
	}
	return after, fmt.Errorf("%w: giving back payment %s is %s", ErrUndecided, models.Mark(p.ID), op.State)
}
