package vertex

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"till/money"
	"till/providers"
)

// Refund implements providers.Refunder with POST /order/refund. It has no
// idempotency key and its answer has no id, so the order is read before and
// after, and the refund is the one that has come to it. That makes up for most
// answers that are lost. Refunds of one order take turns, so that none is taken
// for another; those of another process may be, which is why a refusal with a
// new refund beside it is KindUnavailable.
//
// After a KindUnavailable the caller must not ask again, because the second
// request would be a second refund: it has to look at Report.Refunds until it is
// clear what became of the first.
//
// A refund that would make more of what was taken go back is refused without
// asking. An order that was paid in several payments needs to be told which one:
// the smallest that has enough left.
func (c *Client) Refund(ctx context.Context, p providers.Payment, r providers.RefundRequest) (providers.Refund, error) {
	const op = "refund"
	done, err := c.turns.take(ctx, p.Ref)
	if err != nil {
		return providers.Refund{}, &providers.Error{Provider: name, Op: op, Kind: providers.KindUnreachable, Err: err}
	}
	defer done()
	before, report, err := c.look(ctx, op, p.Ref)
	if err != nil {
		return providers.Refund{}, untouched(err)
	}
	body, err := c.newRefund(before, report, r.Amount)
	if err != nil {
		return providers.Refund{}, refused(op, err)
	}
	reply, err := c.do(ctx, op, http.MethodPost, body, "order", "refund")
	if no := refusal(err); no != nil {
		err = no
	}
	var e *providers.Error
	if errors.As(err, &e) && (e.Kind == providers.KindUnauthorized || e.Kind == providers.KindUnreachable) {
		return providers.Refund{}, err
	}
	made, found := providers.Refund{}, false
	if after, _, lookErr := c.look(ctx, op, p.Ref); lookErr == nil {
		made, found = since(before, after, r.Amount)
	}
	made.Status, made.Raw = reply.Status, reply.Raw()
	switch {
	case found && e != nil && e.Kind == providers.KindRejected:
		e.Kind, e.Err = providers.KindUnavailable, errors.New("refused, but a refund of this amount has come to the order")
		return providers.Refund{}, e
	case found:
		return made, nil
	case err != nil:
		return providers.Refund{}, err
	}
	made.State, made.Amount, made.Word = providers.RefundPending, r.Amount, operationType(reply.Body)
	return made, nil
}

// newRefund makes the body of a refund, or says why none can be made.
func (c *Client) newRefund(o details, report providers.Report, amount money.Amount) ([]byte, error) {
	if amount.Sign() <= 0 {
		return nil, errors.New("there is nothing to refund")
	}
	taken := report.Captured
	if taken == (money.Amount{}) && report.Outcome == providers.Paid {
		taken = report.Amount
	}
	if taken != (money.Amount{}) { // else nobody says what there is, and the gateway knows
		if err := fits(taken, report.Refunds, amount); err != nil {
			return nil, err
		}
	}
	paymentID, err := o.refundable(amount)
	if err != nil {
		return nil, err
	}
	return json.Marshal(newRefund{
		orderKey: orderKey{ShopID: c.shop, OrderNumber: string(o.OrderNumber)}, PaymentID: paymentID, Cost: costOf(amount),
	})
}

// fits refuses a refund of more than what was taken and has neither gone back
// nor is about to.
func fits(taken money.Amount, refunds []providers.Refund, amount money.Amount) error {
	left := taken
	for _, r := range refunds {
		if r.State != providers.RefundDone && r.State != providers.RefundPending || r.Amount == (money.Amount{}) {
			continue
		}
		var err error
		if left, err = left.Sub(r.Amount); err != nil {
			return err
		}
	}
	short, err := left.Less(amount)
	if err != nil {
		return err
	}
	if short {
		return fmt.Errorf("of %s no more than %s is left to refund, not %s", taken, left, amount)
	}
	return nil
}

// refundable is the id of the payment to refund from; empty where the order has
// one only, which the gateway then finds itself. Refunds do not say which
// payment they were of, so they are laid to the payments by the rule that made
// them: the smallest payment that has enough left.
func (o details) refundable(amount money.Amount) (string, error) {
	type part struct {
		ref  string
		left money.Amount
	}
	var parts []part
	var back []money.Amount
	for _, it := range o.Payments.list {
		paid, err := readCost(it.Cost)
		switch {
		case err != nil || it.over() || paid == (money.Amount{}):
		case it.isRefund():
			back = append(back, paid)
		default:
			parts = append(parts, part{it.ref(), paid})
		}
	}
	if len(parts) < 2 {
		return "", nil
	}
	slices.SortStableFunc(parts, func(a, b part) int {
		order, _ := a.left.Cmp(b.left) // of one currency, or in the order they came
		return order
	})
	take := func(a money.Amount) (string, bool) {
		for i := range parts {
			if short, err := parts[i].left.Less(a); err == nil && !short && parts[i].ref != "" {
				parts[i].left, _ = parts[i].left.Sub(a) // it has enough
				return parts[i].ref, true
			}
		}
		return "", false
	}
	for _, a := range back {
		take(a)
	}
	ref, ok := take(amount)
	if !ok {
		return "", fmt.Errorf("the order was paid in %d payments, and none of them has %s left: refund them one by one", len(parts), amount)
	}
	return ref, nil
}

// since is the refund of that amount that has come to an order. Of two alike
// nobody can tell which is ours: then it has no reference, and is pending until
// it is looked up.
func since(before, after details, amount money.Amount) (providers.Refund, bool) {
	old := before.books().refunds
	var fresh []providers.Refund
	for _, r := range after.books().refunds {
		i := slices.IndexFunc(old, func(o providers.Refund) bool { return o.Ref == r.Ref && (r.Ref != "" || o.Amount == r.Amount) })
		if i >= 0 {
			old = slices.Delete(old, i, i+1)
			continue
		}
		if r.Amount == amount {
			fresh = append(fresh, r)
		}
	}
	switch len(fresh) {
	case 0:
		return providers.Refund{}, false
	case 1:
		return fresh[0], true
	default:
		return providers.Refund{State: providers.RefundPending, Amount: amount, Word: fresh[0].Word}, true
	}
}

// operationType reads the word of a refund's answer.
func operationType(body []byte) string {
	var out struct {
		OperationType text `json:"operationType"`
	}
	_ = open(body, &out) // an answer without it is as good
	return string(out.OperationType)
}

// turns lets one at a time through for each key.
type turns struct {
	mu   sync.Mutex
	busy map[string]chan struct{} // closed when its turn is over
}

// take waits for the key's turn, until ctx ends, and returns what ends it.
func (t *turns) take(ctx context.Context, key string) (done func(), err error) {
	for {
		t.mu.Lock()
		wait, taken := t.busy[key]
		if !taken {
			mine := make(chan struct{})
			t.busy[key] = mine
			t.mu.Unlock()
			return func() {
				t.mu.Lock()
				defer t.mu.Unlock()
				delete(t.busy, key)
				close(mine)
			}, nil
		}
		t.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
