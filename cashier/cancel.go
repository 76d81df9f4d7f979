package cashier

import (
	"context"
	"errors"
	"fmt"
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
	op, err := c.payments.Start(ctx, pay.ID)
	if err != nil {
		return pay, err
	}
	if op.MayHaveBeenHeard() {
		return pay, fmt.Errorf("%w: the start of payment %s had no answer", ErrUndecided, pay.ID)
	}
	return c.record(ctx, pay.ID, func(now models.Payment) models.Change {
		change := models.Change{PaymentID: now.ID, Version: now.Version, Cause: cause}
		if now.State == models.PaymentCreated && now.Ref == "" {
			change.State = models.PaymentCancelled
			change.Operation = &models.Outcome{ID: op.ID, State: models.OperationFailed, Code: "never sent"}
		}
		return change
	})
}

// letGo asks the provider to take no money for a payment. Where it cannot be
// asked that, it is asked what became of the payment.
func (c *Cashier) letGo(ctx context.Context, pay models.Payment, cause models.Cause) (models.Payment, error) {
	p, err := c.provider(pay)
	if err != nil {
		return pay, err
	}
	canceller, ok := p.(providers.Canceller)
	if !ok {
		if cause.Actor == Timer.Actor {
			return pay, nil // it was just asked
		}
		return c.Settle(ctx, pay.ID, cause)
	}
	op, err := c.payments.Request(ctx, pay.ID, models.OperationCancel, c.newKey(), cause)
	if err != nil {
		return pay, err
	}
	op, mine, err := c.payments.Claim(ctx, op.ID, c.payments.Now().Add(claimFor))
	if err != nil {
		return pay, err
	}
	if !mine {
		return pay, fmt.Errorf("%w: payment %s is being cancelled", ErrUndecided, pay.ID)
	}
	ctx = context.WithoutCancel(ctx)
	call, stop := context.WithTimeout(ctx, callFor)
	defer stop()
	report, callErr := canceller.Cancel(call, theirs(pay), op.Key)
	after, err := c.record(ctx, pay.ID, func(now models.Payment) models.Change { return c.letGone(now, op, report, callErr, cause) })
	if err == nil && callErr != nil {
		err = fmt.Errorf("cashier: cancel %s: %w", pay.ID, callErr)
	}
	return after, err
}

// letGone is what came of asking to cancel.
func (c *Cashier) letGone(now models.Payment, op models.Operation, report providers.Report, err error, cause models.Cause) models.Change {
	if err == nil {
		change := c.read(now, "cancel", report, cause)
		change.Operation = &models.Outcome{ID: op.ID, State: models.OperationSucceeded, Heard: true}
		if !stateFor[report.Outcome].Ended() {
			change.Operation.State, change.Operation.Code = models.OperationFailed, report.Word
		}
		change.Events = append(change.Events, models.Event{Kind: models.EventCancelAsked, Detail: report.Word})
		return change
	}
	change := models.Change{
		PaymentID: now.ID, Version: now.Version, Cause: cause, Report: errorRow(err), AskAt: c.retry(now, now.Asked+1, err),
		Operation: &models.Outcome{ID: op.ID, State: models.OperationUnknown, Heard: true},
	}
	kind := kindOf(err)
	if kind == providers.KindRejected {
		change.Operation.State = models.OperationFailed
	}
	if op.Calls == 0 { // one line is enough when it is tried again
		change.Events = []models.Event{{Kind: models.EventCancelAsked, Detail: string(kind)}}
	}
	return change
}

// Cancel cancels an order that is not paid: it asks the provider first, says
// what it found, then acts.
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
		if !p.Live {
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
		err = fmt.Errorf("%w: order %d is closed already", models.ErrNotPayable, number)
	}
	return err
}
