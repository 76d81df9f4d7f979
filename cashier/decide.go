package cashier

import (
	"till/models"
	"till/money"
	"till/providers"
)

// stateFor says which state an outcome leads to. Open is where the shopper has
// been sent; Unknown leads nowhere.
var stateFor = map[providers.Outcome]models.PaymentState{
	providers.Open:       models.PaymentRedirected,
	providers.Processing: models.PaymentProcessing,
	providers.Authorized: models.PaymentAuthorized,
	providers.Paid:       models.PaymentPaid,
	providers.Accepted:   models.PaymentAccepted,
	providers.Declined:   models.PaymentFailed,
	providers.Cancelled:  models.PaymentCancelled,
	providers.Expired:    models.PaymentExpired,
}

// decide says what a report does to a payment. It is a pure function: the same
// report twice does nothing the second time, and reports in any order end where
// the last one asked for ends.
func decide(p models.Payment, r providers.Report) models.Change {
	ch := models.Change{PaymentID: p.ID, Version: p.Version, Ref: r.Ref, Word: r.Word}
	state, known := stateFor[r.Outcome]
	switch {
	case !known:
		return ch
	case p.State == models.PaymentPaid:
		return stillPaid(p, r, ch)
	case differs(p, r):
		state = models.PaymentMismatch
	}
	ch.Facts = facts(p, r)
	if p.State == state || !p.State.CanMove(state) {
		return ch
	}
	ch.State, ch.Reason = state, string(r.Reason)
	return ch
}

// differs reports whether a report is about other money than the payment is,
// or about another payment altogether.
func differs(p models.Payment, r providers.Report) bool {
	return r.Amount != (money.Amount{}) && r.Amount != p.Amount || r.PaymentID != "" && r.PaymentID != p.ID
}

// facts is what a report adds to the ledger: the difference between what the
// provider has and what is written down.
func facts(p models.Payment, r providers.Report) []models.Fact {
	has := r.Amount
	if has == (money.Amount{}) {
		has = p.Amount
	}
	kind, written := models.FactCaptured, p.Captured
	switch r.Outcome {
	case providers.Authorized:
		kind, written = models.FactAuthorized, p.Authorized
	case providers.Paid:
	default:
		return nil
	}
	if has.Currency != p.Amount.Currency {
		if p.State == models.PaymentMismatch {
			return nil // written down when it was first seen
		}
		return []models.Fact{{Kind: kind, Amount: has, Ref: r.Ref}}
	}
	more := money.Amount{Minor: has.Minor - written, Currency: has.Currency}
	switch {
	case more.Minor == 0:
		return nil
	case more.Minor < 0 && kind == models.FactCaptured:
		kind = models.FactCorrected
	case more.Minor < 0:
		return nil
	}
	return []models.Fact{{Kind: kind, Amount: more, Ref: r.Ref}}
}

// stillPaid looks at a report about a payment that is paid. Nothing takes paid
// back; a provider that tries to is a matter for a person.
func stillPaid(p models.Payment, r providers.Report, ch models.Change) models.Change {
	if r.Outcome == providers.Paid && !differs(p, r) {
		return ch
	}
	if r.Word == p.Word {
		return ch // told before
	}
	ch.Attention = models.AttentionContradiction
	ch.Events = []models.Event{{Kind: models.EventContradiction, Detail: r.Word}}
	return ch
}
