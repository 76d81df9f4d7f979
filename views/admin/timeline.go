package admin

import (
	"strings"

	"till/views/ui"
)

// EventKind is what an entry of the timeline tells: models' words, for events
// and for facts.
type EventKind string

// The kinds of events. Every FactKind is one too.
const (
	EventPlaced          EventKind = "placed"
	EventPaymentCreated  EventKind = "payment_created"
	EventState           EventKind = "state"
	EventSuperseded      EventKind = "superseded"
	EventCancelAsked     EventKind = "cancel_asked"
	EventCancelled       EventKind = "cancelled"
	EventExpired         EventKind = "expired"
	EventAttention       EventKind = "attention"
	EventOperation       EventKind = "operation"
	EventDispute         EventKind = "dispute"
	EventAccepted        EventKind = "accepted"
	EventAttached        EventKind = "attached"
	EventContradiction   EventKind = "contradiction"
	EventCallback        EventKind = "callback"
	EventNoAnswer        EventKind = "no_answer"
	EventProviderRefused EventKind = "provider_refused"
	EventPacked          EventKind = "packed"
	EventUnpacked        EventKind = "unpacked"
	EventShipped         EventKind = "shipped"
	EventNote            EventKind = "note"
	EventMailAgain       EventKind = "mail_again"
	EventRecomputed      EventKind = "recomputed"
	EventApprovalAsked   EventKind = "approval_asked"
	EventApprovalGiven   EventKind = "approval_given"
	EventApprovalDenied  EventKind = "approval_declined"
	EventApprovalGone    EventKind = "approval_withdrawn"
	EventUnshipped       EventKind = "unshipped"

	EventAuthorized     = EventKind(FactAuthorized)
	EventReleased       = EventKind(FactReleased)
	EventCaptured       = EventKind(FactCaptured)
	EventCorrected      = EventKind(FactCorrected)
	EventRefundReserved = EventKind(FactRefundReserved)
	EventRefunded       = EventKind(FactRefunded)
	EventRefundFailed   = EventKind(FactRefundFailed)
	EventRefundReversed = EventKind(FactRefundReversed)
	EventDisputed       = EventKind(FactDisputed)
	EventDisputeClosed  = EventKind(FactDisputeClosed)
)

// Event is one entry of the order's timeline: an event, or a fact.
type Event struct {
	Kind    EventKind
	Payment string // id of the payment it is about; empty when it is about the order
	From    string // before and after, where something changed
	To      string
	Detail  string // may be empty
	Amount  string // with currency; of facts only
	Actor   string // who: "shopper", "provider", "till", "staff ann@example.test"
	Source  string // by which way: "return page", "callback 7", "timer", …
	At      When
}

// what tells the entry as a sentence without a full stop.
func (e Event) what() string {
	switch e.Kind {
	case EventPlaced:
		return "Order placed"
	case EventPaymentCreated:
		return with("Payment written", ", to be made with ", e.Detail)
	case EventState:
		return "From " + PaymentState(e.From).word() + " to " + PaymentState(e.To).word()
	case EventSuperseded:
		return "The shopper turned to another payment"
	case EventCancelAsked:
		return "The provider was asked to cancel"
	case EventCancelled:
		return "Order cancelled"
	case EventExpired:
		return "Order expired"
	case EventAttention:
		if e.To == "" {
			return "No longer needs attention"
		}
		return "Needs attention: " + reasons(e.To)
	case EventOperation:
		return OperationKind(e.From).word() + ": " + operationNews(OperationKind(e.From), e.To)
	case EventDispute:
		switch {
		case e.To == "":
			return "The dispute is over"
		case e.From == "":
			return "Disputed: " + lower(Status(e.To).word())
		default:
			return "The dispute went from " + lower(Status(e.From).word()) + " to " + lower(Status(e.To).word())
		}
	case EventAccepted:
		return "Accepted as it is: " + lower(Attention(e.From).word())
	case EventAttached:
		return with("Said to be this order's", ": ", e.From)
	case EventContradiction:
		return "The provider contradicts itself; nothing was changed"
	case EventCallback:
		return "Callback received"
	case EventNoAnswer:
		return "No answer from the provider"
	case EventProviderRefused:
		return "The provider refused"
	case EventNote:
		return "Note"
	case EventMailAgain:
		return "Sent once more: " + lower(MailKind(e.Detail).word())
	case EventRecomputed:
		return "Recomputed from history, and mended"
	case EventApprovalAsked:
		return "A second person was asked to agree to a refund"
	case EventApprovalGiven:
		return "A second person agreed to the refund"
	case EventApprovalDenied:
		return "A second person declined the refund"
	case EventApprovalGone:
		return "The question for a second person was withdrawn"
	case EventPacked:
		return "Packed"
	case EventUnpacked:
		return "Not packed after all"
	case EventShipped:
		return with("Shipped", " with ", e.Detail)
	case EventUnshipped:
		return with("Not shipped after all", ", and not with ", e.Detail)
	case EventAuthorized, EventReleased, EventCaptured, EventCorrected, EventRefundReserved, EventRefunded,
		EventRefundFailed, EventRefundReversed, EventDisputed, EventDisputeClosed:
		return with(FactKind(e.Kind).word(), " ", e.Amount)
	default:
		return string(e.Kind)
	}
}

// detail is what else is known; empty when what says it all.
func (e Event) detail() string {
	switch e.Kind {
	case EventPaymentCreated, EventShipped, EventUnshipped, EventMailAgain:
		return ""
	case EventState, EventContradiction, EventCallback:
		return with("", "The provider's word: ", quoted(e.Detail))
	case EventOperation, EventNoAnswer, EventProviderRefused:
		return spoken(e.Detail)
	case EventPlaced, EventSuperseded, EventCancelAsked, EventCancelled, EventExpired, EventAttention, EventDispute,
		EventAccepted, EventAttached, EventPacked, EventUnpacked, EventNote, EventRecomputed, EventApprovalAsked,
		EventApprovalGiven, EventApprovalDenied, EventApprovalGone, EventAuthorized, EventReleased, EventCaptured, EventCorrected, EventRefundReserved,
		EventRefunded, EventRefundFailed, EventRefundReversed, EventDisputed, EventDisputeClosed:
		return e.Detail
	default:
		return e.Detail
	}
}

func (e Event) tone() ui.Tone {
	switch e.Kind {
	case EventCaptured, EventDisputeClosed:
		return ui.Good
	case EventState:
		return PaymentState(e.To).tone()
	case EventAttention:
		if e.To == "" {
			return ui.Good
		}
		return ui.Warn
	case EventOperation:
		return operationTone(e.To)
	case EventDispute:
		if e.To == "" {
			return ui.Good
		}
		return ui.Bad
	case EventContradiction, EventNoAnswer, EventProviderRefused, EventRefundFailed, EventCorrected:
		return ui.Warn
	case EventDisputed:
		return ui.Bad
	case EventAccepted, EventAttached, EventPacked, EventShipped, EventApprovalGiven:
		return ui.Good
	case EventRecomputed, EventApprovalAsked, EventApprovalDenied:
		return ui.Warn
	case EventNote, EventMailAgain:
		return ui.Info
	case EventApprovalGone:
		return ui.Plain
	case EventAuthorized, EventRefundReserved, EventRefunded, EventRefundReversed, EventCallback:
		return ui.Info
	case EventPlaced, EventPaymentCreated, EventSuperseded, EventCancelAsked, EventCancelled, EventExpired, EventReleased,
		EventUnpacked, EventUnshipped:
		return ui.Plain
	default:
		return ui.Plain
	}
}

// icon gives each kind of entry a shape of its own family: money, doubt,
// callbacks, the rest.
func (e Event) icon() ui.IconName {
	switch e.Kind {
	case EventCaptured, EventDisputeClosed, EventPacked, EventShipped:
		return ui.IconCheck
	case EventState:
		return PaymentState(e.To).icon()
	case EventAttention:
		if e.To == "" {
			return ui.IconCheck
		}
		return ui.IconPerson
	case EventOperation:
		return operationIcon(e.To)
	case EventDispute:
		if e.To == "" {
			return ui.IconCheck
		}
		return ui.IconWarn
	case EventAccepted, EventAttached, EventNote, EventApprovalAsked, EventApprovalGiven:
		return ui.IconPerson
	case EventApprovalDenied, EventApprovalGone:
		return ui.IconStop
	case EventRecomputed:
		return ui.IconWarn
	case EventMailAgain:
		return ui.IconArrow
	case EventContradiction, EventProviderRefused, EventRefundFailed, EventCorrected, EventDisputed:
		return ui.IconWarn
	case EventNoAnswer:
		return ui.IconAsk
	case EventRefundReserved, EventRefunded, EventRefundReversed, EventReleased, EventUnpacked, EventUnshipped:
		return ui.IconReturn
	case EventAuthorized, EventExpired:
		return ui.IconClock
	case EventCallback:
		return ui.IconInfo
	case EventCancelAsked, EventCancelled:
		return ui.IconStop
	case EventPlaced:
		return ui.IconCart
	case EventPaymentCreated, EventSuperseded:
		return ui.IconDot
	default:
		return ui.IconDot
	}
}

// The words that an operation's events have beside its states.
const (
	newsPending = "pending"      // the provider has it in hand
	newsOutside = "done outside" // staff did it by other means
)

// operationNews is what an operation has come to, as people read it.
func operationNews(k OperationKind, word string) string {
	switch word {
	case string(OperationRequested):
		return "asked for"
	case newsPending:
		return "on its way"
	case string(OperationSucceeded):
		return lower(k.done())
	case string(OperationFailed):
		return "did not happen"
	case string(OperationUnknown):
		return "no answer"
	default:
		return word
	}
}

func operationTone(word string) ui.Tone {
	switch word {
	case newsPending:
		return ui.Info
	case newsOutside:
		return ui.Good
	default:
		return OperationState(word).tone()
	}
}

func operationIcon(word string) ui.IconName {
	switch word {
	case string(OperationRequested):
		return ui.IconArrow
	case newsPending:
		return ui.IconClock
	case string(OperationSucceeded), newsOutside:
		return ui.IconCheck
	case string(OperationFailed):
		return ui.IconWarn
	default:
		return ui.IconAsk
	}
}

// reasons turns a stored set of reasons into words.
func reasons(set string) string {
	words := strings.Split(set, ",")
	for i, w := range words {
		words[i] = lower(Attention(w).word())
	}
	return strings.Join(words, ", ")
}

// inkOf is the colour of a tone's shape, for a shape that stands alone.
func inkOf(t ui.Tone) string {
	switch t {
	case ui.Good:
		return "text-good"
	case ui.Warn:
		return "text-warn"
	case ui.Bad:
		return "text-bad"
	case ui.Info:
		return "text-accent"
	case ui.Plain:
		return "text-muted"
	default:
		return "text-muted"
	}
}
