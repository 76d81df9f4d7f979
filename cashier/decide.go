package cashier

import (
	"slices"

	"till/models"
	"till/money"
	"till/providers"
)

// stateFor says which state an outcome leads to. Open is where the shopper has
// been sent; Unknown leads nowhere.
var stateFor = map[providers.Outcome]models.PaymentState{
	providers.Open:        models.PaymentRedirected,
	providers.Processing:  models.PaymentProcessing,
	providers.NeedsPerson: models.PaymentProcessing,
	providers.Authorized:  models.PaymentAuthorized,
	providers.Paid:        models.PaymentPaid,
	providers.Accepted:    models.PaymentAccepted,
	providers.Declined:    models.PaymentFailed,
	providers.Cancelled:   models.PaymentCancelled,
	providers.Expired:     models.PaymentExpired,
}

// decide says what a report does to a payment and to what was asked about it.
// It is a pure function: the same report twice does nothing the second time,
// and reports in any order end where the last one asked for ends.
func decide(p models.Payment, ops []models.Operation, r providers.Report) models.Change {
	ch := models.Change{
		PaymentID: p.ID, Version: p.Version, Ref: r.Ref, Word: r.Word, Reason: string(r.Reason), Outside: r.Outside, Test: r.Test,
		Concerns: map[models.Attention]bool{},
	}
	state, known := stateFor[r.Outcome]
	if !known {
		return ch
	}
	ch.Concerns[models.AttentionNeedAction] = r.Outcome == providers.NeedsPerson
	if p.State == models.PaymentPaid {
		stillPaid(p, r, &ch)
	} else {
		ch.Facts = facts(p, ops, r)
		if guessed(p, ops, r) {
			ch.Concerns[models.AttentionCaptureUnknown] = true
		}
	}
	b := newBooks(p, ops, r, &ch)
	b.resolve()
	b.reverse()
	b.refund()
	b.dispute()
	switch {
	case !differs(p, r) && !short(p, r):
	case b.captured > 0 && b.captured == b.refunded:
		state = models.PaymentCancelled // all of it went back, so there is nothing left to disagree about
	default:
		state = models.PaymentMismatch
	}
	if p.State != state && p.State.CanMove(state) {
		ch.State = state
		if state.Ended() && ch.Reason == "" && p.Reason == models.ReasonDeclined {
			ch.Reason = p.Reason // that is why it ended
		}
	}
	return ch
}

// unheard says in a change which operations a person must hear of, each by
// itself, after what became of some: a refund without an answer; what decides a
// payment as a whole and is not asked for again by itself; what a provider did
// not do because it does not know us.
func unheard(ops []models.Operation, ch *models.Change) {
	if ch.Concerns == nil {
		ch.Concerns = map[models.Attention]bool{}
	}
	kinds := []models.Attention{models.AttentionRefundUnknown, models.AttentionUnanswered, models.AttentionUnauthorized}
	for _, kind := range kinds {
		ch.Concerns[kind] = false
	}
	for _, op := range ops {
		if op.Kind == models.OperationStart {
			continue
		}
		for _, o := range ch.Operations {
			if o.ID == op.ID {
				op.State, op.Code = o.State, o.Code
			}
		}
		for _, kind := range kinds {
			now := concerns(op, kind)
			ch.Concerns[kind] = ch.Concerns[kind] || now
			ch.Concerns[kind.About(op.ID)] = now
		}
	}
}

// concerns reports whether a person must hear of an operation, for a reason.
func concerns(op models.Operation, kind models.Attention) bool {
	unknown, refund := op.State == models.OperationUnknown, op.Kind == models.OperationRefund
	switch kind { //nolint:exhaustive // the others are not about operations
	case models.AttentionRefundUnknown:
		return unknown && refund
	case models.AttentionUnanswered:
		return unknown && !refund && op.Kind != models.OperationCancel && op.Calls >= repeats
	case models.AttentionUnauthorized:
		return op.State == models.OperationRequested && op.Code == codeUnauthorized
	}
	return false
}

// codeUnauthorized is the Code of an operation that the provider did not do
// because it does not know us. It is asked for again.
const codeUnauthorized = "unauthorized"

// differs reports whether a report is about other money than the payment is,
// or about another payment altogether. What staff have agreed to is compared no
// more.
func differs(p models.Payment, r providers.Report) bool {
	if p.Agreed != (money.Amount{}) {
		return false
	}
	return r.Amount != (money.Amount{}) && r.Amount != p.Amount || r.PaymentID != "" && r.PaymentID != p.ID && !p.Attached
}

// short reports whether a provider calls a payment paid and has taken less than
// it is, where nothing was reserved of which somebody could have taken a part.
// What was undone as a whole came and went.
func short(p models.Payment, r providers.Report) bool {
	if r.Outcome != providers.Paid || p.Agreed != (money.Amount{}) || p.State == models.PaymentPaid || r.Outside || r.Reversal == providers.RefundDone {
		return false
	}
	reserved := p.Authorized > 0 || r.Authorized.Minor > 0
	return !reserved && r.Captured.Currency == p.Amount.Currency && r.Captured.Minor < p.Amount.Minor
}

// facts is what a report adds to the ledger: the difference between what the
// provider has and what is written down. Money in another currency cannot be
// compared with what is written; it is written down when it is first seen.
func facts(p models.Payment, ops []models.Operation, r providers.Report) []models.Fact {
	authorized, captured := totals(p, ops, r)
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
		case one.kind == models.FactAuthorized && r.Outcome == providers.Authorized && one.has.Currency == p.Amount.Currency:
			// What is held now: it may be a second time, after the first was let go.
			if now := one.has.Minor - captured.Minor - (p.Authorized - p.Released - p.Captured); now > 0 {
				all = append(all, fact(p, one.kind, now, r.Ref))
			}
		case one.has.Currency != p.Amount.Currency:
			if p.State != models.PaymentMismatch && one.has.Minor > 0 {
				all = append(all, models.Fact{Kind: one.kind, Amount: one.has, Ref: r.Ref})
			}
		case more > 0:
			all = append(all, fact(p, one.kind, more, r.Ref))
		case more < 0 && one.kind == models.FactCaptured && one.has.Minor >= p.Refunded+p.RefundPending:
			all = append(all, fact(p, models.FactCorrected, more, r.Ref))
		}
	}
	reserved := max(p.Authorized, authorized.Minor)
	if n := reserved - p.Released - max(captured.Minor, p.Captured); reserved > 0 && n > 0 && lapsed(r.Outcome) {
		all = append(all, fact(p, models.FactReleased, n, r.Ref))
	}
	return all
}

// totals is what a report says was reserved and taken; an amount without a
// currency says nothing. A provider that gives no such sums says it by its
// outcome, and of a part that we asked it to take, by having taken it.
func totals(p models.Payment, ops []models.Operation, r providers.Report) (authorized, captured money.Amount) {
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
		for _, op := range ops {
			if op.Kind == models.OperationCapture && op.MayHaveBeenHeard() && whole == p.Amount {
				captured = op.Amount
			}
		}
	}
	return authorized, captured
}

// guessed reports whether what was taken is only what we asked for: of a part
// whose capture has no answer yet, a provider that does not say how much it took
// leaves that open. The answer, should it come, says so.
func guessed(p models.Payment, ops []models.Operation, r providers.Report) bool {
	return r.Outcome == providers.Paid && r.Captured == (money.Amount{}) && slices.ContainsFunc(ops, func(op models.Operation) bool {
		return op.Kind == models.OperationCapture && op.Open() && op.MayHaveBeenHeard() && op.Amount != p.Amount
	})
}

// lapsed reports whether what was reserved and not taken is reserved no longer.
func lapsed(o providers.Outcome) bool {
	return o == providers.Paid || o == providers.Declined || o == providers.Cancelled || o == providers.Expired
}

func fact(p models.Payment, kind models.FactKind, minor int64, ref string) models.Fact {
	return models.Fact{Kind: kind, Amount: money.Amount{Minor: minor, Currency: p.Amount.Currency}, Ref: ref}
}

// stillPaid looks at a report about a payment that is paid. Nothing takes paid
// back; a provider that tries to is a matter for a person, until it comes round.
// Money that came on top is written down.
func stillPaid(p models.Payment, r providers.Report, ch *models.Change) {
	if more := r.Captured.Minor - p.Captured; r.Captured.Currency == p.Amount.Currency && more > 0 {
		ch.Facts = append(ch.Facts, fact(p, models.FactCaptured, more, r.Ref))
	}
	if told := r.Captured; told == (money.Amount{Minor: p.Captured, Currency: p.Amount.Currency}) {
		ch.Concerns[models.AttentionCaptureUnknown] = false
	}
	stands := r.Outcome == providers.Paid || r.Outcome == providers.NeedsPerson || r.Reversal == providers.RefundDone
	if p.Agreed != (money.Amount{}) { // staff said so before the provider did
		stands = stands || !stateFor[r.Outcome].Ended()
	}
	contradicts := !stands || r.Outcome == providers.Paid && differs(p, r)
	ch.Concerns[models.AttentionContradiction] = contradicts
	if contradicts && r.Word != p.Word {
		ch.Events = append(ch.Events, models.Event{Kind: models.EventContradiction, Detail: r.Word})
	}
}
