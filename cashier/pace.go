package cashier

import (
	"errors"
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
// to ask: the provider has said its last word, or too much time has passed.
func (c *Cashier) next(p models.Payment, state models.PaymentState, outcome providers.Outcome, asked int64) *time.Time {
	now := c.payments.Now()
	age := now.Sub(p.CreatedAt)
	switch outcome { //nolint:exhaustive // the others are not a last word
	case providers.Paid:
		if state != models.PaymentMismatch {
			return nil
		}
	case providers.Declined, providers.Cancelled, providers.Expired:
		return nil
	}
	if age > askFor {
		return nil
	}
	gap := c.pace(asked, age)
	if one, ok := c.providers[p.Provider].(providers.Pacer); ok {
		gap = one.NextAsk(outcome, int(asked))
	}
	at := now.Add(gap)
	return &at
}

// retry is next after an error: later still when the provider asks for that.
func (c *Cashier) retry(p models.Payment, asked int64, err error) *time.Time {
	at := c.next(p, p.State, providers.Unknown, asked)
	var call *providers.Error
	if at != nil && errors.As(err, &call) && call.RetryAfter > 0 {
		if later := c.payments.Now().Add(min(call.RetryAfter, time.Hour)); later.After(*at) {
			at = &later
		}
	}
	return at
}
