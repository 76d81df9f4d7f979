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
// provider has and what is written down. Money in another currency cannot be
// compared with what is written; it is written down when it is first seen.
func facts(p models.Payment, r providers.Report) []models.Fact {
	authorized, captured := totals(p, r)
	var all []models.Fact
	for _, one := range []struct {
		kind    models.FactKind
		has     money.Amount
		written int64
	}{
		{models.FactAuthorized, authorized, p.Authorized},
		{models.FactCaptured, captured, p.Captured},
	} {
		switch more := one.has.Minor - one.written; {
		case one.has.Currency == "":
		case one.has.Currency != p.Amount.Currency:
			if p.State != models.PaymentMismatch && one.has.Minor > 0 {
				all = append(all, models.Fact{Kind: one.kind, Amount: one.has, Ref: r.Ref})
			}
		case more > 0:
			all = append(all, fact(p, one.kind, more, r.Ref))
		case more < 0 && one.kind == models.FactCaptured:
			all = append(all, fact(p, models.FactCorrected, more, r.Ref))
		}
	}
	if n := p.Authorized - p.Released - captured.Minor; p.Authorized > 0 && n > 0 && lapsed(r.Outcome) {
		all = append(all, fact(p, models.FactReleased, n, r.Ref))
	}
	return append(all, returned(p, r)...)
}

// totals is what a report says was reserved and taken; an amount without a
// currency says nothing. A provider that gives no such sums says it by its
// outcome.
func totals(p models.Payment, r providers.Report) (authorized, captured money.Amount) {
	whole := r.Amount
	if whole == (money.Amount{}) {
		whole = p.Amount
	}
	authorized, captured = r.Authorized, r.Captured
	if authorized == (money.Amount{}) && r.Outcome == providers.Authorized {
		authorized = whole
	}
	if captured == (money.Amount{}) && r.Outcome == providers.Paid {
		captured = whole
	}
	return authorized, captured
}

// lapsed reports whether what was reserved and not taken is reserved no longer.
func lapsed(o providers.Outcome) bool {
	return o == providers.Paid || o == providers.Declined || o == providers.Cancelled || o == providers.Expired
}

// returned is money that went back without our asking, such as a refund made on
// the provider's own pages: it is reserved and refunded at once.
func returned(p models.Payment, r providers.Report) []models.Fact {
	_, captured := totals(p, r)
	held := max(captured.Minor, p.Captured) - p.Refunded - p.RefundPending // no more can go back than was taken
	more := min(r.Refunded.Minor-p.Refunded-p.RefundPending, held)
	if r.Refunded.Currency != p.Amount.Currency || more <= 0 {
		return nil
	}
	return []models.Fact{fact(p, models.FactRefundReserved, more, r.Ref), fact(p, models.FactRefunded, more, r.Ref)}
}

func fact(p models.Payment, kind models.FactKind, minor int64, ref string) models.Fact {
	return models.Fact{Kind: kind, Amount: money.Amount{Minor: minor, Currency: p.Amount.Currency}, Ref: ref}
}

// stillPaid looks at a report about a payment that is paid. Nothing takes paid
// back; a provider that tries to is a matter for a person. What went back since
// is written down.
func stillPaid(p models.Payment, r providers.Report, ch models.Change) models.Change {
	if r.Outcome == providers.Paid && !differs(p, r) {
		ch.Facts = returned(p, r)
		return ch
	}
	if r.Word == p.Word {
		return ch // told before
	}
	ch.Attention = models.AttentionContradiction
	ch.Events = []models.Event{{Kind: models.EventContradiction, Detail: r.Word}}
	return ch
}
