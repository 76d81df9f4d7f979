package gate

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"till/money"
	"till/providers"
)

// Cancel implements providers.Canceller with POST …/cancel/, which cancels an
// unpaid order, voids a reservation, and takes "received" back. A refusal is
// followed by a look at the order, because one that is paid or cancelled
// already is refused too. Cancelling twice does what cancelling once does, so
// the request may be repeated.
func (c *Client) Cancel(ctx context.Context, p providers.Payment, _ string) (providers.Report, error) {
	return c.tell(ctx, "cancel", "cancel", p, func(providers.Report) bool { return true })
}

// Void implements providers.Capturer with POST …/cancel/ as well. A refusal
// stands unless the order turns out to be cancelled.
func (c *Client) Void(ctx context.Context, p providers.Payment, _ string) (providers.Report, error) {
	return c.tell(ctx, "void", "cancel", p, func(r providers.Report) bool { return r.Outcome == providers.Cancelled })
}

// Capture implements providers.Capturer with POST …/capture/. The Gate captures
// once: what is not taken is released. An order that is not on hold is refused,
// and so is a second capture.
//
// The request is sent once. Where the answer does not say how much was taken,
// the report says what was asked for and granted; a later Lookup cannot.
func (c *Client) Capture(ctx context.Context, p providers.Payment, amount money.Amount, _ string) (providers.Report, error) {
	const op = "capture"
	body, err := amountBody(p, amount)
	if err == nil && amount.Minor > p.Amount.Minor {
		err = errors.New("more than is reserved")
	}
	if err != nil {
		return providers.Report{}, rejected(op, err)
	}
	if _, err := c.post(ctx, op, "capture", p, body); err != nil {
		return providers.Report{}, err
	}
	report, err := c.after(ctx, op, p)
	if err == nil && report.Outcome == providers.Paid && report.Captured == (money.Amount{}) {
		report.Captured = amount
	}
	return report, err
}

// Refund implements providers.Refunder with POST …/refund/. The Gate knows
// neither keys nor ids of refunds, so the request is sent once, and whether it
// is done is told by the sum of all refunds before and after: while that has
// not grown, the refund is on its way. One that was accepted and cannot be
// looked at is on its way too. While one is on its way no other is sent: the
// Gate has only its status to say how it ends, which must be about one of them.
//
// After an Error of KindUnavailable the sum in Report.Refunded of a later
// Lookup is all that tells, so Refund must not be called again before.
func (c *Client) Refund(ctx context.Context, p providers.Payment, r providers.RefundRequest) (providers.Refund, error) {
	const op = "refund"
	body, err := amountBody(p, r.Amount)
	if err != nil {
		return providers.Refund{}, rejected(op, err)
	}
	before, err := c.lookup(ctx, op, p)
	if err != nil {
		return providers.Refund{}, notSent(err)
	}
	if slices.ContainsFunc(before.Refunds, func(r providers.Refund) bool { return r.State == providers.RefundPending }) {
		return providers.Refund{}, rejected(op, errors.New("another refund is on its way"))
	}
	reply, err := c.post(ctx, op, "refund", p, body)
	if err != nil {
		return providers.Refund{}, err
	}
	refund := providers.Refund{State: providers.RefundPending, Amount: r.Amount, Status: reply.Status, Raw: reply.Raw()}
	if after, err := c.lookup(ctx, op, p); err == nil {
		refund.State, refund.Word, refund.Status, refund.Raw = refundState(before, after, r.Amount), after.Word, after.Status, after.Raw
	}
	return refund, nil
}

// refundState is how far a refund has got that was asked for between two looks.
func refundState(before, after providers.Report, amount money.Amount) providers.RefundState {
	said := after.Refunded != (money.Amount{})
	if said && after.Refunded.Minor-before.Refunded.Minor >= amount.Minor {
		return providers.RefundDone
	}
	if len(after.Refunds) == 0 {
		return providers.RefundPending
	}
	state := after.Refunds[0].State
	stale := after.Word == before.Word // it still speaks of an earlier refund
	if stale || state == providers.RefundDone && said {
		return providers.RefundPending
	}
	return state
}

// notSent is the error of a look before a request that was then not made:
// nothing happened at the Gate, whatever became of the look.
func notSent(err error) error {
	var e *providers.Error
	if errors.As(err, &e) && e.Kind == providers.KindUnavailable {
		e.Kind = providers.KindUnreachable
	}
	return err
}

// Reverse implements providers.Reverser with POST …/reverse/, which undoes a
// payment as a whole before it is cleared. The request is sent once; a refusal
// stands unless the order turns out to be reversed, or on the way there.
func (c *Client) Reverse(ctx context.Context, p providers.Payment, _ string) (providers.Report, error) {
	return c.tell(ctx, "reverse", "reverse", p, func(r providers.Report) bool {
		return r.Reversal == providers.RefundDone || r.Reversal == providers.RefundPending
	})
}

// Received implements providers.Receiver with POST …/received/. A refusal
// stands unless the order turns out to be received.
func (c *Client) Received(ctx context.Context, p providers.Payment, _ string) (providers.Report, error) {
	return c.tell(ctx, "received", "received", p, func(r providers.Report) bool {
		return r.Outside
	})
}

// tell does something without a body to an order, and looks what came of it. A
// refusal is no error when the order is already as done says.
func (c *Client) tell(ctx context.Context, op, verb string, p providers.Payment, done func(providers.Report) bool) (providers.Report, error) {
	reply, err := c.post(ctx, op, verb, p, nil)
	if err == nil {
		return c.after(ctx, op, p)
	}
	if reply.Status != http.StatusBadRequest {
		return providers.Report{}, err
	}
	report, looked := c.lookup(ctx, op, p)
	if looked != nil || !done(report) {
		return providers.Report{}, err
	}
	return report, nil
}

// post does something to an order. What these answers hold is described on no
// page, so it is not read.
func (c *Client) post(ctx context.Context, op, verb string, p providers.Payment, body []byte) (providers.Reply, error) {
	at, err := c.orderAt(p, verb)
	if err != nil {
		return providers.Reply{}, rejected(op, err)
	}
	return c.do(ctx, providers.Call{Op: op, Method: http.MethodPost, URL: at, Body: body, Repeatable: verb == "cancel"})
}

// after looks at an order that something was done to. What it did is not known
// when the look fails.
func (c *Client) after(ctx context.Context, op string, p providers.Payment) (providers.Report, error) {
	report, err := c.lookup(ctx, op, p)
	var e *providers.Error
	if errors.As(err, &e) {
		e.Kind = providers.KindUnavailable
	}
	return report, err
}
