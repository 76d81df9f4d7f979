package cashier

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"till/models"
	"till/providers"
)

// Settle asks the provider what became of a payment and brings our rows to it.
// Return page, callback, timer and staff all end here. A payment that looks
// finished is asked about like any other: late money is money.
//
// When the provider does not answer, the payment is returned as it was, with
// the error, and the timer asks again.
func (c *Cashier) Settle(ctx context.Context, id string, cause models.Cause) (models.Payment, error) {
	for range decideAgain {
		pay, ops, err := c.payments.Operations(ctx, id)
		if err != nil {
			return pay, err
		}
		if pay.Provider == models.Outside {
			return pay, nil // nobody to ask
		}
		if pay.Ref == "" {
			return c.findStarted(ctx, pay, cause)
		}
		pay, err = c.ask(ctx, pay, ops, cause)
		if errors.Is(err, models.ErrStale) {
			continue
		}
		if err != nil {
			return pay, err
		}
		return c.follow(ctx, pay, cause)
	}
	return models.Payment{}, fmt.Errorf("cashier: settle %s: %w", models.Mark(id), models.ErrStale)
}

// Adopt settles a payment whose start had no answer, by the reference that a
// verified callback gave for it. A provider that can look it up by our own
// reference is asked that way; another one is asked about the reference, and is
// believed when it says that this is our payment. So is one that had refused to
// start it: money is money.
func (c *Cashier) Adopt(ctx context.Context, id, ref string, cause models.Cause) (models.Payment, error) {
	pay, err := c.payments.ByID(ctx, id)
	if err != nil {
		return pay, err
	}
	p, err := c.provider(pay)
	if err != nil {
		return pay, err
	}
	if pay.Ref != "" || ref == "" {
		return c.Settle(ctx, id, cause)
	}
	op, err := c.payments.Start(ctx, id)
	if err != nil {
		return pay, err
	}
	if op.Open() {
		switch _, finds := p.(providers.Finder); {
		case finds, op.Claimed(c.payments.Now()):
			return c.Settle(ctx, id, cause)
		case !op.MayHaveBeenHeard():
			return pay, nil
		}
	}
	call, cancel := context.WithTimeout(ctx, callFor)
	defer cancel()
	there := theirs(pay)
	there.Ref = ref
	report, err := p.Lookup(call, there)
	c.heard(ctx, pay.Provider, err)
	if err != nil {
		return pay, fmt.Errorf("cashier: adopt %s: %w", models.Mark(id), err)
	}
	if report.PaymentID != pay.ID {
		c.log.WarnContext(ctx, "callback names a payment that is not ours", "order", pay.OrderID, "provider", pay.Provider, "ref", ref)
		return pay, nil
	}
	report.Ref = ref
	return c.recordStart(ctx, pay, op, providers.Started{Ref: ref, Report: report}, nil, cause)
}

// ask makes one lookup and records what it says, decided on the payment as it
// was before the question: an answer older than the row is refused there.
func (c *Cashier) ask(ctx context.Context, pay models.Payment, ops []models.Operation, cause models.Cause) (models.Payment, error) {
	p, err := c.provider(pay)
	if err != nil {
		return pay, err
	}
	call, cancel := context.WithTimeout(ctx, callFor)
	defer cancel()
	report, err := p.Lookup(call, theirs(pay))
	c.heard(ctx, pay.Provider, err)
	if err != nil {
		return c.noNews(ctx, pay, ops, err, cause)
	}
	change := c.read(pay, ops, "lookup", report, cause)
	after, _, err := c.payments.Record(ctx, change)
	if err != nil {
		return pay, err
	}
	c.tell(ctx, pay, after, change)
	if report.Outcome == providers.Open && !after.Live && cause.Actor == Timer.Actor && failed(ops, models.OperationCancel) < repeats {
		return c.letGo(ctx, after, cause) // the shopper turned away and the provider has not been told, or has not heard
	}
	return after, nil
}

// read is what a report does to a payment and to what was asked about it, with
// the answer kept, the clocks looked at and the next question planned.
func (c *Cashier) read(pay models.Payment, ops []models.Operation, operation string, report providers.Report, cause models.Cause) models.Change {
	ops, silent := c.silent(ops)
	change := decide(pay, ops, report)
	for _, id := range silent {
		if !decided(change, id) {
			change.Operations = append(change.Operations, models.Outcome{ID: id, State: models.OperationUnknown, Heard: true})
		}
	}
	unheard(ops, &change)
	change.Cause, change.Report = cause, reportRow(operation, report)
	c.clocks(pay, report, &change)
	asked := pay.Asked + 1
	if change.State != "" {
		asked = 0
	}
	change.AskAt = c.next(pay, ops, change, report.Outcome, asked)
	return change
}

// silent turns operations whose caller died before an answer came into what
// they are: unknown. It returns a copy, and which they were.
func (c *Cashier) silent(ops []models.Operation) (all []models.Operation, ids []int64) {
	now := c.payments.Now()
	all = slices.Clone(ops)
	for i := range all {
		op := &all[i]
		if op.Kind != models.OperationStart && op.State == models.OperationRequested && op.ClaimedUntil != nil && op.PendingAt == nil && !op.Claimed(now) {
			op.State, op.Code = models.OperationUnknown, "" // what an earlier call was told says nothing of this one
			ids = append(ids, op.ID)
		}
	}
	return all, ids
}

// noNews keeps that a lookup had no usable answer. That says nothing about the
// payment.
func (c *Cashier) noNews(ctx context.Context, pay models.Payment, ops []models.Operation, cause error, by models.Cause) (models.Payment, error) {
	c.log.WarnContext(ctx, "lookup had no answer", "order", pay.OrderID, "provider", pay.Provider, "ref", pay.Ref, "err", cause)
	ctx = context.WithoutCancel(ctx) // the time for the answer may be over; the next question is planned all the same
	after, _, err := c.payments.Record(ctx, models.Change{
		PaymentID: pay.ID, Version: pay.Version, AskAt: c.retry(pay, ops, cause), Report: errorRow(cause), Cause: by,
	})
	if err != nil {
		return pay, errors.Join(cause, err)
	}
	return after, fmt.Errorf("cashier: settle %s: %w", models.Mark(pay.ID), cause)
}

// Timer is the cause of what the timer does.
var Timer = models.Cause{Actor: "till", Source: "timer"}

// failed is how many operations of a kind had no success.
func failed(ops []models.Operation, kind models.OperationKind) (n int) {
	for _, op := range ops {
		if op.Kind == kind && op.State == models.OperationFailed {
			n++
		}
	}
	return n
}
