package cashier

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"till/models"
	"till/money"
	"till/providers"
)

// Do asks a provider to capture, void, refund, reverse, or to know of money that
// was received outside. The operation is committed, with the money it needs,
// before the provider hears of it; then the provider is called, and the
// operation is returned as it is after that: succeeded, failed with the
// provider's code, requested while the provider has it in hand or was not
// reached, unknown when there was no answer. The timer goes on with those.
//
// Errors say that nothing was asked: ErrCannot, models.ErrBalance, ErrIllegal,
// ErrBusy, ErrNotFound.
func (c *Cashier) Do(ctx context.Context, r models.Reservation) (models.Operation, error) {
	pay, err := c.payments.ByID(ctx, r.PaymentID)
	if err != nil {
		return models.Operation{}, err
	}
	if !r.Done && !c.can(pay, r.Kind) {
		return models.Operation{}, fmt.Errorf("%w: %s at %s", ErrCannot, r.Kind, pay.Provider)
	}
	if r.Kind == models.OperationCapture && r.Amount != (money.Amount{}) && r.Amount != pay.Held() && c.capturesWhole(pay) {
		return models.Operation{}, fmt.Errorf("%w: only all of %s can be taken at %s", ErrCannot, pay.Held(), pay.Provider)
	}
	op, fresh, err := c.payments.Reserve(ctx, r)
	if err != nil || !fresh || r.Done {
		return op, err
	}
	ctx = context.WithoutCancel(ctx) // whoever asked may leave; what is begun is finished
	after, mine, callErr := c.perform(ctx, op, r.Cause)
	if callErr != nil {
		c.log.WarnContext(ctx, "operation had no success", "operation", op.ID, "kind", op.Kind,
			"order", pay.OrderID, "provider", pay.Provider, "ref", pay.Ref, "err", callErr)
	}
	if mine && callErr == nil {
		if _, err := c.follow(ctx, after, r.Cause); err != nil { // others may wait behind it
			c.log.WarnContext(ctx, "payment not followed", "order", pay.OrderID, "provider", pay.Provider, "ref", pay.Ref, "err", err)
		}
	}
	if !mine && callErr == nil {
		return c.outcome(ctx, op.ID)
	}
	return c.payments.Operation(ctx, op.ID)
}

// can reports whether a payment's provider has the power that a kind of
// operation needs.
func (c *Cashier) can(pay models.Payment, kind models.OperationKind) (ok bool) {
	p := c.providers[pay.Provider]
	switch kind {
	case models.OperationCapture, models.OperationVoid:
		_, ok = p.(providers.Capturer)
	case models.OperationRefund:
		_, ok = p.(providers.Refunder)
	case models.OperationReverse:
		_, ok = p.(providers.Reverser)
	case models.OperationReceived:
		_, ok = p.(providers.Receiver)
	case models.OperationCancel:
		_, ok = p.(providers.Canceller)
	case models.OperationStart, models.OperationRenew:
	}
	return ok
}

func (c *Cashier) capturesWhole(pay models.Payment) bool {
	w, ok := c.providers[pay.Provider].(providers.WholeCapturer)
	return ok && w.CapturesWhole()
}

// Powers is what can be done about a payment now.
type Powers struct {
	Capture      bool
	CaptureParts bool // else only all of Held
	Void         bool
	Refund       bool // at the provider
	Record       bool // a refund that staff have made by other means
	Reverse      bool
	Received     bool // the provider can be told that it was paid outside
	Ask          bool // the provider can be asked
	Held         money.Amount
	Left         money.Amount // to refund
}

// Powers says what can be done about a payment now: what its provider can do
// and its state allows.
func (c *Cashier) Powers(p models.Payment) Powers {
	_, ask := c.providers[p.Provider]
	held, left := p.Held(), p.Left()
	undone := p.Reversal == models.ReversalPending || p.Reversal == models.ReversalDone
	w := Powers{Held: held, Left: left, Ask: ask && p.Ref != ""}
	w.Capture = held.Minor > 0 && c.can(p, models.OperationCapture)
	w.CaptureParts = w.Capture && !c.capturesWhole(p)
	w.Void = held.Minor > 0 && c.can(p, models.OperationVoid)
	w.Record = left.Minor > 0 && !undone
	w.Refund = w.Record && c.can(p, models.OperationRefund)
	whole := p.State == models.PaymentPaid && p.Captured > 0 && left.Minor == p.Captured
	w.Reverse = (whole || p.State == models.PaymentProcessing) && !undone && !p.Outside && c.can(p, models.OperationReverse)
	w.Received = w.Ask && p.Live && !p.State.HoldsMoney() && !p.State.Ended() && c.can(p, models.OperationReceived)
	return w
}

// perform calls the provider about an operation and records what came of it.
// mine is false when somebody else is at it, or it must wait; then nothing is
// done.
func (c *Cashier) perform(ctx context.Context, op models.Operation, cause models.Cause) (after models.Payment, mine bool, err error) {
	before, mine, err := c.payments.Claim(ctx, op.ID, claimFor)
	if err != nil {
		return after, false, err
	}
	pay, err := c.payments.ByID(ctx, op.PaymentID)
	if err != nil || !mine {
		return pay, false, err
	}
	p, err := c.provider(pay)
	if err != nil {
		return pay, true, err
	}
	ctx = context.WithoutCancel(ctx)
	call, stop := context.WithTimeout(ctx, callFor)
	defer stop()
	report, refund, callErr := ask(call, p, pay, before)
	c.heard(ctx, pay.Provider, callErr)
	if errors.Is(callErr, ErrCannot) {
		return pay, true, callErr
	}
	overtaken := false
	after, err = c.record(ctx, pay.ID, func(now models.Payment, ops []models.Operation) models.Change {
		overtaken = false
		switch {
		case callErr != nil:
			return c.notDone(now, ops, before, callErr, cause)
		case before.Kind == models.OperationRefund:
			return c.refunded(now, ops, before, refund, cause)
		case now.Version != pay.Version:
			overtaken = true
			return c.overtaken(now, ops, before, report, cause)
		default:
			return c.done(now, ops, before, report, cause)
		}
	})
	if err == nil && overtaken {
		after, err = c.askAgain(ctx, pay.ID, cause)
	}
	if err == nil && callErr != nil {
		err = fmt.Errorf("cashier: %s %s: %w", before.Kind, models.Mark(pay.ID), callErr)
	}
	return after, true, err
}

// ask makes the call that an operation is.
func ask(ctx context.Context, p providers.Provider, pay models.Payment, op models.Operation) (report providers.Report, refund providers.Refund, err error) {
	err = fmt.Errorf("%w: %s at %s", ErrCannot, op.Kind, pay.Provider)
	q := theirs(pay)
	switch op.Kind {
	case models.OperationRefund:
		if one, ok := p.(providers.Refunder); ok {
			refund, err = one.Refund(ctx, q, providers.RefundRequest{
				Key: op.Key, Amount: op.Amount, Whole: op.Amount.Minor == pay.Captured, Note: op.Note,
			})
		}
	case models.OperationCapture:
		if one, ok := p.(providers.Capturer); ok {
			report, err = one.Capture(ctx, q, op.Amount, op.Key)
		}
	case models.OperationVoid:
		if one, ok := p.(providers.Capturer); ok {
			report, err = one.Void(ctx, q, op.Key)
		}
	case models.OperationCancel:
		if one, ok := p.(providers.Canceller); ok {
			report, err = one.Cancel(ctx, q, op.Key)
		}
	case models.OperationReverse:
		if one, ok := p.(providers.Reverser); ok {
			report, err = one.Reverse(ctx, q, op.Key)
		}
	case models.OperationReceived:
		if one, ok := p.(providers.Receiver); ok {
			report, err = one.Received(ctx, q, op.Key)
		}
	case models.OperationStart, models.OperationRenew:
	}
	return report, refund, err
}

// done is what the provider's answer to an operation does. One that the answer
// does not decide is in the provider's hands.
func (c *Cashier) done(now models.Payment, ops []models.Operation, op models.Operation, report providers.Report, cause models.Cause) models.Change {
	change := c.read(now, ops, string(op.Kind), report, cause)
	if op.Kind == models.OperationCancel && op.Calls == 0 {
		change.Events = append(change.Events, models.Event{Kind: models.EventCancelAsked, Detail: report.Word})
	}
	if isOpen(ops, op.ID) && !decided(change, op.ID) {
		change.Operations = append(change.Operations, models.Outcome{ID: op.ID, State: models.OperationRequested, Heard: true, Pending: true})
		unheard(ops, &change)
		change.AskAt = c.next(now, ops, change, report.Outcome, 0)
	}
	return change
}

// overtaken is what an answer does that says how the payment was, when somebody
// has heard newer things of it since the call began: it only shows that the
// provider has the operation, and everything else is asked anew.
func (c *Cashier) overtaken(now models.Payment, ops []models.Operation, op models.Operation, report providers.Report, cause models.Cause) models.Change {
	soon := c.payments.Now()
	change := models.Change{PaymentID: now.ID, Version: now.Version, Cause: cause, Report: reportRow(string(op.Kind), report), AskAt: &soon}
	if report.Captured == (money.Amount{Minor: now.Captured, Currency: now.Amount.Currency}) {
		change.Concerns = map[models.Attention]bool{models.AttentionCaptureUnknown: false} // that much it said itself
	}
	if isOpen(ops, op.ID) {
		change.Operations = []models.Outcome{{ID: op.ID, State: models.OperationRequested, Heard: true, Pending: true}}
	}
	unheard(ops, &change)
	return change
}

// askAgain asks about a payment as it is now.
func (c *Cashier) askAgain(ctx context.Context, id string, cause models.Cause) (models.Payment, error) {
	for range decideAgain {
		pay, ops, err := c.payments.Operations(ctx, id)
		if err != nil {
			return pay, err
		}
		after, err := c.ask(ctx, pay, ops, cause)
		if !errors.Is(err, models.ErrStale) {
			return after, err
		}
	}
	return c.payments.ByID(ctx, id)
}

// refunded is what the provider's answer to a refund does.
func (c *Cashier) refunded(now models.Payment, ops []models.Operation, op models.Operation, r providers.Refund, cause models.Cause) models.Change {
	change := models.Change{
		PaymentID: now.ID, Version: now.Version, Cause: cause,
		Report: &models.Report{Operation: string(op.Kind), Outcome: string(r.State), Word: r.Word, HTTPStatus: int64(r.Status), Body: r.Raw},
	}
	if isOpen(ops, op.ID) {
		b := newBooks(now, ops, providers.Report{Ref: r.Ref}, &change)
		for i := range b.ops {
			if one := &b.ops[i]; one.ID == op.ID {
				one.Ref = r.Ref
				c.oneRefund(b, one, r)
			}
		}
	}
	unheard(ops, &change)
	if !isOpen(ops, op.ID) { // somebody closed it meanwhile: the provider's sums say what is true
		soon := c.payments.Now()
		change.AskAt = &soon
		return change
	}
	outcome := providers.Unknown
	if now.State == models.PaymentPaid {
		outcome = providers.Paid
	}
	change.AskAt = c.next(now, ops, change, outcome, 0)
	return change
}

func (*Cashier) oneRefund(b *books, op *models.Operation, r providers.Refund) {
	switch r.State {
	case providers.RefundDone:
		b.done(op)
	case providers.RefundFailed, providers.RefundReversed:
		b.failed(op, r.Word)
	case providers.RefundPending:
		b.wait(op)
	}
}

// notDone is what an error does to an operation: a refusal ends it, a provider
// that was not reached is asked again, and so is one that does not know us, of
// which a person hears; and no answer makes it unknown. A refusal
// of what may have been done before proves nothing: the next look does.
func (c *Cashier) notDone(now models.Payment, ops []models.Operation, op models.Operation, err error, cause models.Cause) models.Change {
	change := models.Change{
		PaymentID: now.ID, Version: now.Version, Cause: cause, Report: errorRow(err), AskAt: c.retry(now, ops, err),
	}
	if !isOpen(ops, op.ID) {
		return change // somebody looked meanwhile and knows
	}
	outcome := models.Outcome{ID: op.ID, State: models.OperationUnknown, Heard: true}
	var call *providers.Error
	if errors.As(err, &call) {
		outcome.Code = call.Code
	}
	kind, before := kindOf(err), op.MayHaveBeenHeard()
	switch {
	case kind == providers.KindRejected && !before:
		outcome.State = models.OperationFailed
		giveUpReserve(now, ops, op, &change)
	case kind == providers.KindRejected:
		outcome.Code = cmp.Or(outcome.Code, "refused")
	case !before && (kind == providers.KindUnreachable || kind == providers.KindUnauthorized):
		outcome.State, outcome.Heard, outcome.Code = models.OperationRequested, false, ""
		if kind == providers.KindUnauthorized {
			outcome.Code = codeUnauthorized
		}
	default:
		outcome.Code = ""
	}
	if op.Kind == models.OperationCancel && op.Calls == 0 { // one line is enough when it is tried again
		change.Events = []models.Event{{Kind: models.EventCancelAsked, Detail: string(kind)}}
	}
	change.Operations = []models.Outcome{outcome}
	unheard(ops, &change)
	return change
}

// giveUpReserve frees the money that an operation held which did not happen.
// What Till asked for by itself is nobody's to see but the inbox's.
func giveUpReserve(now models.Payment, ops []models.Operation, op models.Operation, change *models.Change) {
	kept := op.Amount.Minor
	switch op.Kind {
	case models.OperationRefund:
	case models.OperationReverse:
		none := models.ReversalState("")
		change.Reversal = &none
		if kept = reserved(now, ops); kept == 0 {
			return
		}
	default:
		return
	}
	change.Facts = append(change.Facts, fact(now, models.FactRefundFailed, kept, ""))
	if op.Actor == Timer.Actor {
		failed := models.RefundMarkFailed
		change.Refund = &failed
	}
}

func isOpen(ops []models.Operation, id int64) bool {
	for _, op := range ops {
		if op.ID == id {
			return op.Open()
		}
	}
	return false
}

func decided(change models.Change, id int64) bool {
	for _, o := range change.Operations {
		if o.ID == id {
			return true
		}
	}
	return false
}
