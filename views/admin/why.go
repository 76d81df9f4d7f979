package admin

// evidence is one thing that the verdict rests on.
type evidence struct {
	text   string
	detail string // may be empty
	who    string // who said so, and by which way
	at     When
}

// next is something that happens without anybody's doing.
type next struct {
	text string
	at   When // zero where nobody knows when
}

// ground is what an entry of the timeline is evidence of: only the newest entry
// of a ground counts. It is empty for an entry that explains nothing.
func (e Event) ground() string {
	switch e.Kind {
	case EventState, EventContradiction, EventAttached:
		return string(e.Kind) + " " + e.Payment
	case EventOperation:
		return string(e.Kind) + " " + e.From + " " + e.Payment
	case EventDispute, EventCancelled, EventExpired, EventRecomputed:
		return string(e.Kind)
	case EventAccepted:
		return string(e.Kind) + " " + e.From + " " + e.Payment
	case EventPacked, EventUnpacked, EventShipped, EventUnshipped:
		return "parcel"
	case EventApprovalAsked, EventApprovalGiven, EventApprovalDenied, EventApprovalGone:
		return "approval"
	case EventPlaced, EventPaymentCreated, EventSuperseded, EventCancelAsked, EventAttention, EventCallback, EventNoAnswer, EventProviderRefused,
		EventNote, EventMailAgain, EventAuthorized, EventReleased, EventCaptured, EventCorrected, EventRefundReserved, EventRefunded,
		EventRefundFailed, EventRefundReversed, EventDisputed, EventDisputeClosed:
		return ""
	default:
		return ""
	}
}

// why is what the order's state rests on, newest first: the last step of each
// payment and of what was asked about it, with who said so; then what each
// provider answered last.
func (p OrderPage) why() []evidence {
	var all []evidence
	seen := map[string]bool{}
	for _, e := range p.Timeline {
		ground := e.ground()
		if ground == "" || seen[ground] {
			continue
		}
		seen[ground] = true
		all = append(all, evidence{p.about(e.Payment) + e.what(), e.detail(), with(e.Actor, ", ", e.Source), e.At})
	}
	for _, pay := range p.Payments {
		if len(pay.Reports) > 0 {
			r := pay.Reports[0]
			all = append(all, evidence{p.about(pay.ID) + "The last answer of " + pay.Provider + ". " + r.summary(), r.status() + r.often(), "", r.Last})
		}
		if len(pay.Deliveries) > 0 {
			d := pay.Deliveries[0]
			all = append(all, evidence{
				p.about(pay.ID) + "The last callback of " + pay.Provider + with("", ": ", quoted(d.Word)), d.Verdict.word(), "", d.Received,
			})
		}
	}
	if len(all) == 0 {
		return []evidence{{"Order placed, and nothing since", "", "shopper", p.Placed}}
	}
	return all
}

// about says which payment something is about, where there are several.
func (p OrderPage) about(payment string) string {
	if len(p.Payments) < 2 || p.name(payment) == "" {
		return ""
	}
	return p.name(payment) + ": "
}

// often says that an answer came more than once.
func (r Report) often() string {
	if r.Times < 2 {
		return ""
	}
	return ", the same " + times(r.Times) + " in a row"
}

// next is what happens by itself, and when, as far as anybody knows. The rest
// waits for a person.
func (p OrderPage) next() []next {
	var all []next
	for _, pay := range p.Payments {
		all = append(all, p.nextOf(pay)...)
	}
	for _, a := range p.Approvals {
		if a.State == ApprovalOpen {
			all = append(all, next{"The refund of " + a.Amount + " waits for a second person to agree", When{}})
		}
	}
	if p.Due.known() {
		all = append(all, next{"When it is not paid by then, the order is given up", p.Due})
	}
	if p.Held.known() {
		all = append(all, next{"Until then the pieces are kept for the shopper", p.Held})
	}
	return all
}

// nextOf is what happens about one payment.
func (p OrderPage) nextOf(pay Payment) []next {
	var all []next
	about := p.about(pay.ID)
	if pay.NextAsk.known() {
		text := about + "We ask " + pay.Provider + " again"
		if pay.State == PaymentProcessing {
			text += ": the money is on its way, and when it takes too long staff are told"
		}
		all = append(all, next{text, pay.NextAsk})
	}
	if pay.held() != "" && pay.HoldUntil.known() {
		all = append(all, next{about + "The reservation of " + pay.held() + " lapses. " + pay.Hold.says(), pay.HoldUntil})
	}
	for _, o := range pay.Operations {
		switch {
		case o.Kind == OperationStart || o.State != OperationRequested:
		case o.Pending:
			all = append(all, next{about + o.Kind.word() + with("", " of ", o.Amount) + " is in the hands of " + pay.Provider + ", until it says how it ended", When{}})
		default:
			all = append(all, next{about + o.Kind.word() + with("", " of ", o.Amount) + " is sent by itself", pay.NextAsk})
		}
	}
	return all
}
