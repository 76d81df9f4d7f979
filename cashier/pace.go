package cashier

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"till/models"
	"till/providers"
)

// askFor is how long after its creation a payment is asked about by the timer.
// After that, only a callback or a person rings.
const askFor = 60 * 24 * time.Hour

// Pace says how long to wait before the next question, after asked questions
// without news about a payment that is age old.
type Pace func(asked int64, age time.Duration) time.Duration

// Growing is the pace of a shop: 5 s, 10 s, 20 s, 40 s, 1 min, 2 min, then every
// 5 min for the first hour, half-hourly for a day, and every 6 h after that.
func Growing(asked int64, age time.Duration) time.Duration {
	first := []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, 2 * time.Minute}
	switch {
	case age < time.Hour && asked < int64(len(first)):
		return first[max(asked, 0)]
	case age < time.Hour:
		return 5 * time.Minute
	case age < 24*time.Hour:
		return 30 * time.Minute
	default:
		return 6 * time.Hour
	}
}

// next is when to ask about a payment again, or nil when there is nothing left
// to ask: the provider has said its last word, nothing that was asked of it is
// open, and no clock runs; or too much time has passed.
func (c *Cashier) next(p models.Payment, ops []models.Operation, change models.Change, outcome providers.Outcome, asked int64) *time.Time {
	now, state := c.payments.Now(), cmp.Or(change.State, p.State)
	last := false
	switch outcome { //nolint:exhaustive // the others are not a last word
	case providers.Paid:
		last = state != models.PaymentMismatch
	case providers.Declined, providers.Cancelled, providers.Expired:
		last = true
	}
	open := stillOpen(ops, change.Operations)
	if last && !open {
		return nil
	}
	age := now.Sub(p.CreatedAt)
	if age > askFor && open {
		age = 0 // an old payment with a new refund
	}
	if age > askFor {
		return nil
	}
	gap := c.pace(asked, age)
	if one, ok := c.providers[p.Provider].(providers.Pacer); ok && !last {
		gap = one.NextAsk(outcome, int(asked))
	}
	at := now.Add(gap)
	if state == models.PaymentAuthorized {
		at = c.look(now, at, cmp.Or(change.HoldUntil, p.HoldUntil))
	}
	return &at
}

// stillOpen reports whether something that was asked of the provider has no
// outcome, after what became of some of it.
func stillOpen(ops []models.Operation, now []models.Outcome) bool {
	return slices.ContainsFunc(ops, func(op models.Operation) bool {
		for _, o := range now {
			if o.ID == op.ID {
				op.State = o.State
			}
		}
		return op.Kind != models.OperationStart && op.Open()
	})
}

// retry is when to ask again after an error: later still when the provider asks
// for that.
func (c *Cashier) retry(p models.Payment, ops []models.Operation, err error) *time.Time {
	at := c.next(p, ops, models.Change{}, providers.Unknown, p.Asked+1)
	var call *providers.Error
	if at != nil && errors.As(err, &call) && call.RetryAfter > 0 {
		if later := c.payments.Now().Add(min(call.RetryAfter, time.Hour)); later.After(*at) {
			at = &later
		}
	}
	return at
}
