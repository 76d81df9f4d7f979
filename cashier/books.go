package cashier

import (
	"slices"

	"till/models"
	"till/money"
	"till/providers"
)

// books compares what a report says with what was asked of the provider, and
// adds to a change what became of it. Every rule here decides from what the
// report shows and never from what it does not: an operation that it says
// nothing of stays open.
type books struct {
	p        models.Payment
	ops      []models.Operation // as the change leaves them
	r        providers.Report
	ch       *models.Change
	captured int64 // with what the change adds, as the next two
	refunded int64
	pending  int64
	outside  int64 // of refunded, what staff sent back by other means: no provider knows of it
	reversal int64 // of pending, what is kept for undoing the payment as a whole
}

func newBooks(p models.Payment, ops []models.Operation, r providers.Report, ch *models.Change) *books {
	return &books{
		p: p, ops: slices.Clone(ops), r: r, ch: ch, refunded: p.Refunded, pending: p.RefundPending,
		captured: p.Captured + models.Fold(p.Amount.Currency, ch.Facts).Captured,
		outside:  outside(ops), reversal: reserved(p, ops),
	}
}

// outside is what staff have sent back by other means.
func outside(ops []models.Operation) (minor int64) {
	for _, op := range ops {
		if op.Kind == models.OperationRefund && op.Code == models.CodeOutside {
			minor += op.Amount.Minor
		}
	}
	return minor
}

// reserved is what is kept for undoing a payment as a whole: what is pending and
// not for a refund. One that was asked for before the money came kept nothing
// then.
func reserved(p models.Payment, ops []models.Operation) int64 {
	left := p.RefundPending
	for _, op := range ops {
		if op.Kind == models.OperationRefund && op.Open() {
			left -= op.Amount.Minor
		}
	}
	return left
}

// left is what was taken and has neither gone back nor is about to.
func (b *books) left() int64 { return b.captured - b.refunded - b.pending }

// close gives an operation its outcome.
func (b *books) close(op *models.Operation, state models.OperationState, code string) {
	op.State, op.Code = state, code
	b.ch.Operations = append(b.ch.Operations, models.Outcome{ID: op.ID, State: state, Code: code, Ref: op.Ref, Heard: true})
}

// wait keeps that the provider has an operation in hand.
func (b *books) wait(op *models.Operation) {
	if op.PendingAt != nil && op.State == models.OperationRequested {
		return
	}
	op.State = models.OperationRequested
	b.ch.Operations = append(b.ch.Operations, models.Outcome{ID: op.ID, State: op.State, Ref: op.Ref, Heard: true, Pending: true})
}

func (b *books) add(kind models.FactKind, minor int64, ref string) {
	b.ch.Facts = append(b.ch.Facts, fact(b.p, kind, minor, ref))
}

// resolve closes the operations that decide a payment as a whole, as far as the
// outcome tells. One that was asked for again and refused, and of which there
// is no trace, did not happen.
func (b *books) resolve() {
	paid := b.r.Outcome == providers.Paid
	ended := stateFor[b.r.Outcome].Ended()
	for i := range b.ops {
		op := &b.ops[i]
		if op.Kind == models.OperationCancel && op.Open() && !op.MayHaveBeenHeard() && b.r.Outcome != providers.Open {
			b.close(op, models.OperationFailed, "too late") // and never sent
		}
		if !op.Open() || !op.MayHaveBeenHeard() {
			continue
		}
		var done, undone bool
		switch op.Kind {
		case models.OperationCapture, models.OperationReceived:
			done, undone = paid, ended
		case models.OperationVoid:
			done, undone = ended, paid
		case models.OperationCancel:
			done, undone = ended, !ended
		case models.OperationStart, models.OperationRefund, models.OperationReverse, models.OperationRenew:
			continue
		}
		switch {
		case done:
			b.close(op, models.OperationSucceeded, "")
		case undone:
			b.close(op, models.OperationFailed, b.r.Word)
		case op.State == models.OperationUnknown && op.Code != "":
			b.close(op, models.OperationFailed, op.Code)
		}
	}
}

// reverse reads what became of undoing the payment as a whole.
func (b *books) reverse() {
	state := models.ReversalState("")
	switch b.r.Reversal {
	case providers.RefundPending:
		state = models.ReversalPending
	case providers.RefundDone:
		state = models.ReversalDone
	case providers.RefundFailed:
		state = models.ReversalFailed
	case providers.RefundReversed:
		return
	}
	if left := b.left(); b.reversal == 0 && left > 0 && b.asked(models.OperationReverse) {
		b.add(models.FactRefundReserved, left, "") // the money came after it was asked for
		b.pending, b.reversal = b.pending+left, left
	}
	if state == models.ReversalDone && b.outside > 0 {
		b.ch.Concerns[models.AttentionContradiction] = true // that went back twice
	}
	op := b.open(models.OperationReverse)
	if op == nil {
		left := b.left()
		if state == models.ReversalDone && left > 0 {
			b.elsewhere(left, b.r.Ref) // on the provider's own pages
		}
		cameAfterAll := state == "" && b.p.Reversal == models.ReversalDone && left > 0
		if state != "" && state != b.p.Reversal || cameAfterAll {
			b.ch.Reversal = &state
		}
		return
	}
	gone := b.captured > 0 && b.sum().Minor >= b.captured || b.captured == 0 && stateFor[b.r.Outcome].Ended()
	switch {
	case state == models.ReversalDone || gone:
		state = models.ReversalDone
		if b.reversal > 0 {
			b.add(models.FactRefunded, b.reversal, b.r.Ref)
			b.refunded, b.pending, b.reversal = b.refunded+b.reversal, b.pending-b.reversal, 0
		}
		b.close(op, models.OperationSucceeded, "")
	case state == models.ReversalFailed && b.news(models.OperationReverse),
		state == "" && op.State == models.OperationUnknown && op.Code != "":
		if b.reversal > 0 {
			b.add(models.FactRefundFailed, b.reversal, b.r.Ref)
			b.pending, b.reversal = b.pending-b.reversal, 0
		}
		b.close(op, models.OperationFailed, b.r.Word)
	case state == models.ReversalPending:
		b.wait(op)
		return
	default:
		return
	}
	b.ch.Reversal = &state
}

// asked reports whether an operation of a kind has no outcome, heard or not.
func (b *books) asked(kind models.OperationKind) bool {
	return slices.ContainsFunc(b.ops, func(op models.Operation) bool { return op.Kind == kind && op.Open() })
}

// news reports whether a report that speaks of the latest of a kind, without
// saying which that is, can only mean the one that is open.
func (b *books) news(kind models.OperationKind) bool {
	before := slices.ContainsFunc(b.ops, func(op models.Operation) bool { return op.Kind == kind && !op.Open() })
	return !before || b.r.Word != b.p.Word
}

// open is the operation of a kind that the provider may have heard of and that
// has no outcome: the oldest.
func (b *books) open(kind models.OperationKind) *models.Operation {
	for i := range b.ops {
		if op := &b.ops[i]; op.Kind == kind && op.Open() && op.MayHaveBeenHeard() {
			return op
		}
	}
	return nil
}

// refund reads what became of refunds: one by one where the provider tells them
// apart, and by their sum.
func (b *books) refund() {
	elsewhere := false
	defer func() { b.ch.Concerns[models.AttentionRefundElsewhere] = elsewhere }()
	if undone := b.r.Reversal == providers.RefundDone || b.p.Reversal == models.ReversalDone; undone && b.left() <= 0 {
		return // whatever sums say now, all of it has gone back
	}
	sum := b.sum()
	told := sum.Currency == b.p.Amount.Currency
	back := false // a refund that is none of ours, or not the one it seems, came back
	for _, one := range b.r.Refunds {
		switch done := b.one(one, told, sum.Minor); {
		case done:
		case one.State == providers.RefundFailed || one.State == providers.RefundReversed:
			back = true
			if one.State == providers.RefundReversed && told && sum.Minor == b.there() && b.r.Word != b.p.Word {
				b.mark(models.RefundMarkReversed) // we never saw it go
			}
		case one.State == providers.RefundDone && !told && b.there() == 0:
			elsewhere = true // and nobody says how much
		}
	}
	if !told {
		return
	}
	for i := range b.ops {
		op := &b.ops[i]
		more := sum.Minor - b.there()
		if op.Kind == models.OperationRefund && op.Open() && op.MayHaveBeenHeard() && op.Ref == "" && op.Amount.Minor <= more {
			b.done(op)
		}
	}
	more := sum.Minor - b.there()
	switch room := b.left(); {
	case more > room:
		// What was not asked for here is written down as far as there was money.
		b.ch.Concerns[models.AttentionContradiction] = true
		if more = room; room > 0 {
			b.elsewhere(more, b.r.Ref)
		}
	case more > 0:
		b.elsewhere(more, b.r.Ref)
	case more < 0 && back:
		b.add(models.FactRefundReversed, -more, b.r.Ref)
		b.refunded += more
		b.mark(models.RefundMarkReversed)
	case more < 0:
		b.ch.Concerns[models.AttentionContradiction] = true
	}
}

// there is what has gone back as the provider must see it.
func (b *books) there() int64 { return b.refunded - b.outside }

// sum is all that has gone back; the zero Amount when the provider does not say.
func (b *books) sum() money.Amount {
	if b.r.Refunded.Currency != "" {
		return b.r.Refunded
	}
	var all money.Amount
	for _, one := range b.r.Refunds {
		switch {
		case one.State != providers.RefundDone:
		case one.Amount.Currency != b.p.Amount.Currency:
			return money.Amount{}
		default:
			all = money.Amount{Minor: all.Minor + one.Amount.Minor, Currency: one.Amount.Currency}
		}
	}
	return all
}

// one reads one refund of a report, and reports whether it is one of ours, so
// that there is nothing more to say about it. told tells whether the provider
// gives a sum, which then has the last word on every refund that it does not
// name by the reference that we know: two of the same amount look the same.
func (b *books) one(one providers.Refund, told bool, sum int64) bool {
	op, exact := b.match(one)
	if op == nil {
		return false // made elsewhere: the sum tells
	}
	named := exact || b.named(one)
	switch one.State {
	case providers.RefundPending:
		if op.Open() {
			b.adopt(op, one)
			b.wait(op)
		}
	case providers.RefundDone:
		old := op.State == models.OperationUnknown && b.r.Word == b.p.Word // said before ours was asked for, perhaps
		switch more := sum-b.there() >= op.Amount.Minor; {
		case !op.Open():
		case exact, named && told && more, named && !told && b.only(op), !named && !told && !old && b.news(models.OperationRefund):
			b.adopt(op, one)
			b.done(op)
		}
		return !op.Open() && op.State == models.OperationSucceeded || told
	case providers.RefundFailed, providers.RefundReversed:
		cameBack := exact || told && b.there()-sum == op.Amount.Minor || !told && (named && b.only(op) || b.r.Word != b.p.Word)
		switch {
		case op.Open() && (exact || named && b.another(one) || !named && b.news(models.OperationRefund)):
			b.adopt(op, one)
			b.failed(op, one.Word)
		case op.Open() && named:
			b.doubt(op, one)
		case op.State == models.OperationSucceeded && cameBack:
			b.cameBack(op, one.Word)
		case op.State == models.OperationSucceeded:
			return false
		}
	}
	return true
}

// adopt takes the reference that the provider gives a refund of ours.
func (*books) adopt(op *models.Operation, one providers.Refund) {
	if one.Ref != "" {
		op.Ref = one.Ref
	}
}

// only reports whether no other refund of ours that was made, or came back, may
// be the one of the same amount that a report has.
func (b *books) only(op *models.Operation) bool {
	return !slices.ContainsFunc(b.ops, func(o models.Operation) bool {
		return o.ID != op.ID && nameless(o) && o.Amount == op.Amount && !o.Open()
	})
}

// nameless reports whether an operation is a refund that the provider may have
// and of which we do not know its reference.
func nameless(op models.Operation) bool {
	return op.Kind == models.OperationRefund && op.Ref == "" && op.Code != models.CodeOutside
}

// alike counts the refunds of a report that are as the given one, and that none
// of ours is known to be: in the given states.
func (b *books) alike(one providers.Refund, states ...providers.RefundState) (n int) {
	for _, r := range b.r.Refunds {
		known := r.Ref != "" && slices.ContainsFunc(b.ops, func(op models.Operation) bool {
			return op.Kind == models.OperationRefund && op.Ref == r.Ref
		})
		if !known && r.Amount == one.Amount && slices.Contains(states, r.State) {
			n++
		}
	}
	return n
}

// ended counts our refunds that may be the given one and ended so.
func (b *books) ended(one providers.Refund, state models.OperationState) (n int) {
	for _, op := range b.ops {
		if nameless(op) && op.State == state && (one.Amount == (money.Amount{}) || op.Amount == one.Amount) {
			n++
		}
	}
	return n
}

// another reports whether a report has one more refund that came to nothing, of
// the same amount, than we know of.
func (b *books) another(one providers.Refund) bool {
	return b.alike(one, providers.RefundFailed, providers.RefundReversed) > b.ended(one, models.OperationFailed)
}

// doubt leaves a refund to a person that a provider had in hand, and of which
// nothing is left but what may be another one that came to nothing.
func (b *books) doubt(op *models.Operation, one providers.Refund) {
	gone := b.alike(one, providers.RefundDone, providers.RefundPending) <= b.ended(one, models.OperationSucceeded)
	if gone && op.State == models.OperationRequested && op.PendingAt != nil {
		op.State = models.OperationUnknown
		b.ch.Operations = append(b.ch.Operations, models.Outcome{ID: op.ID, State: op.State, Ref: op.Ref, Heard: true})
	}
}

// named reports whether a provider says which refund it means, as far as its
// amount does.
func (*books) named(one providers.Refund) bool {
	return one.Ref != "" || one.Amount != (money.Amount{})
}

// match is the operation that a refund of a report is, or may be: by its
// reference, which is exact, else by its amount, else the one that is under
// way, else the last.
func (b *books) match(one providers.Refund) (op *models.Operation, exact bool) {
	var open, last *models.Operation
	for i := range b.ops {
		op := &b.ops[i]
		if op.Kind != models.OperationRefund || !op.MayHaveBeenHeard() && op.Open() || op.Code == models.CodeOutside {
			continue
		}
		if one.Ref != "" && op.Ref == one.Ref {
			return op, true
		}
		if one.Ref == "" || op.Ref == "" && op.Open() {
			if one.Amount != (money.Amount{}) && one.Amount != op.Amount {
				continue
			}
			if op.Open() && open == nil {
				open = op
			}
			last = op
		}
	}
	switch {
	case open != nil:
		return open, false
	case one.Ref == "":
		return last, false
	}
	return nil, false
}

func (b *books) done(op *models.Operation) {
	b.add(models.FactRefunded, op.Amount.Minor, op.Ref)
	b.refunded, b.pending = b.refunded+op.Amount.Minor, b.pending-op.Amount.Minor
	b.close(op, models.OperationSucceeded, "")
	b.mark("")
}

func (b *books) failed(op *models.Operation, word string) {
	b.add(models.FactRefundFailed, op.Amount.Minor, op.Ref)
	b.pending -= op.Amount.Minor
	b.close(op, models.OperationFailed, word)
	b.mark(models.RefundMarkFailed)
}

// cameBack is a refund that was done and is undone.
func (b *books) cameBack(op *models.Operation, word string) {
	b.add(models.FactRefundReversed, op.Amount.Minor, op.Ref)
	b.refunded -= op.Amount.Minor
	b.close(op, models.OperationFailed, word)
	b.mark(models.RefundMarkReversed)
}

func (b *books) mark(m models.RefundMark) { b.ch.Refund = &m }

// elsewhere is money that went back without our asking, such as a refund made on
// the provider's own pages: it is reserved and refunded at once.
func (b *books) elsewhere(minor int64, ref string) {
	b.add(models.FactRefundReserved, minor, ref)
	b.add(models.FactRefunded, minor, ref)
	b.refunded += minor
}

// dispute keeps the stage of a dispute, with the money it is about.
func (b *books) dispute() {
	stage := string(b.r.Dispute)
	if b.r.Outcome != providers.Paid || stage == b.p.Dispute {
		return
	}
	if b.p.Disputed > 0 {
		b.staged(models.FactDisputeClosed, b.p.Disputed, b.p.Dispute)
	}
	if n := b.captured - b.refunded; stage != "" && n > 0 {
		b.staged(models.FactDisputed, n, stage)
	}
	b.ch.Dispute = &stage
	b.ch.Events = append(b.ch.Events, models.Event{Kind: models.EventDispute, FromState: b.p.Dispute, ToState: stage})
}

func (b *books) staged(kind models.FactKind, minor int64, stage string) {
	one := fact(b.p, kind, minor, b.r.Ref)
	one.Stage = stage
	b.ch.Facts = append(b.ch.Facts, one)
}
