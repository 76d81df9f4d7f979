package cashier

import (
	"time"

	"till/models"
	"till/providers"
)

const (
	holdFor  = 28 * 24 * time.Hour // how long a reservation lasts where the provider does not say
	holdAct  = 24 * time.Hour      // so long before it lapses the shop's rule is followed
	clearFor = 4 * 24 * time.Hour  // longer than any bank should take
	wordFor  = time.Hour           // longer than a word that we do not know should last
)

// HoldRule says what becomes of reserved money that nobody has taken when the
// reservation is about to lapse.
type HoldRule string

// The rules.
const (
	HoldVoid    HoldRule = "void"    // given back
	HoldCapture HoldRule = "capture" // taken
	HoldKeep    HoldRule = "keep"    // staff are told, and nothing is done
)

// set is what staff have set; the zero Settings where they have not.
func (c *Cashier) set() models.Settings {
	if c.settings == nil {
		return models.Settings{}
	}
	return c.settings()
}

// holdRule is the shop's rule as it is now.
func (c *Cashier) holdRule() HoldRule {
	if set := c.set(); set.ID != 0 {
		return HoldRule(set.HoldRule)
	}
	return c.hold
}

// look is when to look at a reservation again: at the latest when staff are to
// be told, and when the rule is due.
func (c *Cashier) look(now, at time.Time, until *time.Time) time.Time {
	if until == nil {
		return at
	}
	for _, before := range []time.Duration{c.set().WarnBefore(), holdAct} {
		if due := until.Add(-before); due.After(now) && due.Before(at) {
			at = due
		}
	}
	return at
}

// clocks keeps until when money is reserved, and sees what takes too long.
func (c *Cashier) clocks(p models.Payment, r providers.Report, ch *models.Change) {
	now := c.payments.Now()
	until := p.HoldUntil
	if r.Outcome == providers.Authorized {
		lapses := r.HoldUntil
		if lapses.IsZero() && until == nil {
			lapses = now.Add(holdFor)
		}
		if !lapses.IsZero() && (until == nil || !until.Equal(lapses)) {
			lapses = lapses.UTC().Truncate(time.Microsecond)
			ch.HoldUntil, until = &lapses, &lapses
		}
	}
	ch.Concerns[models.AttentionLapsing] = r.Outcome == providers.Authorized && until != nil && until.Sub(now) <= c.set().WarnBefore()
	ch.Concerns[models.AttentionUnknownWord] = r.Outcome == providers.Unknown && r.Reason != providers.ReasonPayout &&
		p.State != models.PaymentPaid && !p.State.Ended() && now.Sub(p.CreatedAt) > wordFor
	ch.Concerns[models.AttentionClearingLate] = r.Outcome == providers.Processing && p.State == models.PaymentProcessing && now.Sub(p.UpdatedAt) > clearFor
}

// lapses reports whether the shop's rule about a reservation is due.
func (c *Cashier) lapses(p models.Payment) bool {
	return p.State == models.PaymentAuthorized && p.HoldUntil != nil && p.HoldUntil.Sub(c.payments.Now()) <= holdAct
}
