package admin

import (
	"net/url"
	"slices"
	"strconv"
	"strings"

	"till/views/ui"
)

// OrderPage is everything we know of one order.
type OrderPage struct {
	Frame    Frame
	Number   string
	Status   Status
	Test     bool
	Items    []Item // why a person is needed; empty when nobody is
	Refused  string // why what was asked for was not done; empty when nothing was
	Receive  bool   // who looks may say that it was paid outside
	Cancel   bool   // who looks may cancel it
	Placed   When
	Paid     When   // when its money was first here, which it may be no longer; zero when it never was
	Expired  bool   // its time was over once, though money may have come since
	Total    string // with currency
	Lines    []Line
	Name     string
	Email    string
	Address  []string  // lines of the delivery address, without the name
	Shopper  string    // address of the order page that the shopper sees; may be empty
	Payments []Payment // newest first
	Timeline []Event   // events and facts together, newest first
	Mails    []Mail    // newest first

	Due       When   // when it is given up, while nobody has paid; else zero
	Held      When   // until when pieces are kept for it; zero when none are
	Tax       string // that the total holds: "GST 15 %: NZD 5.48"; empty when none
	Approvals []Approval
	Documents []Document
	Parcel    Parcel
	Notes     bool   // who looks may write one, and have it recomputed
	Note      string // as typed, as the next
	NoteKey   string // what makes the same form twice one note
	NoteWrong string // what is wrong with what was typed; empty when nothing is
}

// Line is one line of the order.
type Line struct {
	Name     string
	Slug     string // of the product, which may be gone
	Picture  string // its file, or its digest; may be empty
	Quantity int64
	Unit     string // with currency
	Total    string
}

// Mail is one mail about the order.
type Mail struct {
	ID      int64
	Kind    MailKind
	Resend  bool // who looks may have it sent once more
	To      string
	Subject string
	Body    string
	Created When
	Sent    When // zero when it is kept here only, or still to be sent
}

func (p OrderPage) page() ui.Page {
	return ui.Page{Name: "admin-order", Title: "Order " + p.Number, Quiet: true, Problem: p.Refused != "" || p.NoteWrong != ""}
}

// verdict is the order in one or two sentences, for somebody who reads nothing
// else.
func (p OrderPage) verdict() string {
	who := p.provider()
	if lost := p.lost(); lost != "" {
		return lost
	}
	switch p.Status {
	case StatusCreated:
		return "A payout that has not left yet."
	case StatusIssued:
		return "Not paid yet, and nobody is paying it right now."
	case StatusViewed:
		return "Not paid yet. The shopper was sent to " + who + " and has not come back with a decision."
	case StatusInProgress:
		return p.inProgress(who)
	case StatusHold:
		return p.reserved()
	case StatusPaid, StatusReceived:
		return p.paid()
	case StatusFailed:
		return "Not paid: " + who + " declined the last payment. The shopper can still pay this order another way."
	case StatusRejected:
		return "Not paid: the shopper refused to pay."
	case StatusOverdue:
		return "Not paid, and its time is over. A late payment is still taken."
	case StatusExpired:
		return "Not paid in time. Should money come all the same, it is recorded."
	case StatusCancelled:
		if len(p.Items) > 0 {
			return "Cancelled. Look at what needs attention."
		}
		return "Cancelled. " + p.kept()
	case StatusRefundInitiated:
		return p.refunding()
	case StatusPartiallyRefunded:
		return "Paid, and a part of it was refunded."
	case StatusRefunded:
		return "Paid, and all of it was refunded."
	case StatusRefundFailed:
		return "A refund did not reach the shopper. The money is still here."
	case StatusRefundReversed:
		return "A refund came back. The money is here again."
	case StatusReversalInitiated:
		return "The payment is being undone."
	case StatusReversed:
		return "The payment was undone. Nothing is left of it."
	case StatusReversalFailed:
		return "The payment could not be undone. The money is still here."
	case StatusChargeback, StatusRepresentation, StatusRetrieval, StatusPrearbitration, StatusArbitration,
		StatusPrecompliance, StatusCompliance, StatusGoodFaith:
		return "The shopper's bank disputes the payment (" + lower(p.Status.word()) + "). Answer in " + who + "'s own pages."
	case StatusFraudAdvice:
		return "The shopper's bank warns of fraud. Send nothing before a person has looked."
	default:
		return "We do not know this status. Look at the timeline."
	}
}

// lost says that an order was paid and is not any more; empty when that is not
// so.
func (p OrderPage) lost() string {
	if !p.Paid.known() {
		return ""
	}
	switch p.Status {
	case StatusIssued, StatusViewed, StatusFailed, StatusRejected, StatusOverdue, StatusExpired:
		return "It was paid once and is not any more. Send nothing, and look at its payments below."
	case StatusInProgress, StatusHold:
		return "It was paid once and is not any more. A payment of it is still under way: send nothing before that is paid."
	case StatusCreated, StatusPaid, StatusReceived, StatusCancelled, StatusRefundInitiated, StatusPartiallyRefunded, StatusRefunded,
		StatusRefundFailed, StatusRefundReversed, StatusReversalInitiated, StatusReversed, StatusReversalFailed, StatusChargeback,
		StatusRepresentation, StatusRetrieval, StatusPrearbitration, StatusArbitration, StatusPrecompliance, StatusCompliance,
		StatusGoodFaith, StatusFraudAdvice, StatusAttention:
	}
	return ""
}

// paid says whether a paid order can be sent, and what else is reserved for it.
func (p OrderPage) paid() string {
	says := "It is paid. The order can be sent."
	switch {
	case p.Test:
		says = "It is paid, as a test. Nothing is to be sent."
	case len(p.Items) > 0:
		says = "It is paid. Before you send anything, look at what needs attention."
	case p.Expired:
		says = "It is paid, though after its time. Before you send it, see that everything is still there."
	}
	all := []string{says}
	for _, pay := range p.Payments {
		if held := pay.held(); held != "" {
			all = append(all, "Another payment has "+held+" reserved that is not needed: release it.")
		}
	}
	return strings.Join(all, " ")
}

// reserved says who has money that is not taken, and of what order.
func (p OrderPage) reserved() string {
	who := p.provider()
	for _, pay := range p.Payments {
		if pay.held() != "" {
			who = pay.Provider
		}
	}
	says := "The money is reserved at " + who + " and not taken."
	switch {
	case p.Test:
		says += " It is a test: nothing is to be sent."
	case p.Expired:
		says += " It came after the order's time: before you take it, see that everything is still there."
	}
	return says
}

// refunding tells the kinds of refund that have not ended apart. The doubtful
// one is told first.
func (p OrderPage) refunding() string {
	sent := false
	for _, pay := range p.Payments {
		for _, o := range pay.Operations {
			switch {
			case o.Kind != OperationRefund:
			case o.State == OperationUnknown:
				return "A refund was asked for, and " + pay.Provider + " never answered: it is on its way to the shopper or not."
			case o.State == OperationRequested:
				sent = sent || o.Pending
			}
		}
	}
	if sent {
		return "A refund is on its way to the shopper."
	}
	return "A refund was asked for, and is not on its way to the shopper yet."
}

// kept says what became of the money of an order that nobody wants any more.
func (p OrderPage) kept() string {
	var taken, back, going int64
	held := ""
	for _, pay := range p.Payments {
		taken, back, going = taken+pay.Balances.Captured, back+pay.Balances.Refunded, going+pay.Balances.RefundPending
		if pay.held() != "" {
			held = pay.held() + " is still reserved for it at " + pay.Provider + "."
		}
	}
	switch {
	case held != "":
		return held
	case taken == 0:
		return "Nothing was taken for it."
	case back == taken:
		return "The money that came for it has gone back."
	case back+going == taken:
		return "The money that came for it is on its way back."
	default:
		return "Money that came for it is kept."
	}
}

// inProgress tells the kinds of waiting apart, by the payment waited for.
func (p OrderPage) inProgress(who string) string {
	for _, pay := range p.Payments {
		switch pay.State {
		case PaymentMismatch:
			return pay.Provider + " has another amount or currency than this order. Send nothing."
		case PaymentUnknown:
			return "Not known to be paid: " + pay.Provider + " gave no answer when the payment was started. It is not started again before we know."
		case PaymentAccepted:
			return "Not paid yet: the bank took the order to pay and says no more for a while."
		case PaymentCreated, PaymentRedirected, PaymentProcessing, PaymentAuthorized, PaymentPaid, PaymentFailed,
			PaymentCancelled, PaymentExpired:
		}
	}
	return "Not paid yet: the shopper agreed, and " + who + " has not said that the money is there."
}

// provider is who the newest payment is with.
func (p OrderPage) provider() string {
	if len(p.Payments) == 0 || p.Payments[0].Provider == "" {
		return "the provider"
	}
	return p.Payments[0].Provider
}

// askable are the payments whose provider can be asked now.
func (p OrderPage) askable() []Payment {
	var out []Payment
	for _, pay := range p.Payments {
		if pay.CanAsk {
			out = append(out, pay)
		}
	}
	return out
}

// link is a button that leads to a page of its own.
type link struct {
	kind  ui.Kind
	label string
	url   string
}

// steps are what may be done about the order's money now, payment by payment,
// then as a whole. Taking money that waits to be taken is the step we would
// take.
func (p OrderPage) steps() []link {
	var all []link
	for _, pay := range p.Payments {
		to := func(v Verb) string {
			return orderURL(p.Number) + "/" + string(v) + "?payment=" + url.QueryEscape(pay.ID)
		}
		for _, one := range []struct {
			may bool
			link
		}{
			{pay.Powers.Capture, link{ui.Primary, "Capture", to(VerbCapture)}},
			{pay.Powers.Void, link{ui.Secondary, "Void", to(VerbVoid)}},
			{pay.Powers.Refund, link{ui.Secondary, "Refund", RefundURL(p.Number, pay.ID, "")}},
			{pay.Powers.Reverse, link{ui.Secondary, "Reverse", to(VerbReverse)}},
		} {
			if !one.may {
				continue
			}
			if len(p.Payments) > 1 {
				one.label += " " + lower(p.name(pay.ID))
			}
			if slices.ContainsFunc(all, func(l link) bool { return l.kind == ui.Primary }) {
				one.kind = ui.Secondary
			}
			all = append(all, one.link)
		}
	}
	if p.Receive {
		all = append(all, link{ui.Secondary, "Paid another way", orderURL(p.Number) + "/" + string(VerbReceived)})
	}
	if p.Cancel {
		all = append(all, link{ui.Secondary, "Cancel the order", orderURL(p.Number) + "/" + string(VerbCancel)})
	}
	return all
}

// operationURL is where an operation without an answer is decided.
func (p OrderPage) operationURL(o Operation, v Verb) string {
	return orderURL(p.Number) + "/operations/" + strconv.FormatInt(o.ID, 10) + "/" + string(v)
}

// ask is the button that settles a payment now. Among several it says which
// one it means, and only the first may be the step we would take.
func (p OrderPage) ask(pay Payment, first bool) ui.Action {
	a := ui.Action{Label: "Ask " + pay.Provider + " now", Kind: ui.Secondary, Busy: "Asking " + pay.Provider + "…"}
	if first && pay.State.open() && !pay.Powers.Capture {
		a.Kind = ui.Primary
	}
	if len(p.Payments) > 1 {
		a.Label += " about " + lower(p.name(pay.ID))
	}
	return a
}

func (p OrderPage) askURL(pay Payment) string {
	return orderURL(p.Number) + "/payments/" + pathEscape(pay.ID) + "/settle"
}

// name is how the page calls a payment: the first one made is payment 1. It is
// empty for an id that is not here.
func (p OrderPage) name(id string) string {
	for i, pay := range p.Payments {
		if pay.ID == id {
			return "Payment " + strconv.Itoa(len(p.Payments)-i)
		}
	}
	return ""
}

// anchor is the id of a payment's heading: "payment-1".
func (p OrderPage) anchor(id string) string {
	return strings.ReplaceAll(lower(p.name(id)), " ", "-")
}

// MaxNote bounds a note, in characters.
const MaxNote = 2000

func (p OrderPage) note() ui.Field {
	return ui.Field{
		Name: "note", Label: "Write a note", Value: p.Note, Problem: p.NoteWrong, MaxLength: MaxNote,
		Hint: "For the staff. It stands in the timeline with your name, and the shopper does not see it.",
	}
}

func (p OrderPage) resendURL(m Mail) string {
	return orderURL(p.Number) + "/mails/" + strconv.FormatInt(m.ID, 10) + "/resend"
}

// open are the approvals that somebody has to do something about.
func (p OrderPage) open() []Approval {
	var all []Approval
	for _, a := range p.Approvals {
		if a.State == ApprovalOpen || a.State == ApprovalStuck {
			all = append(all, a)
		}
	}
	return all
}

// state is where a mail has got to.
func (m Mail) state() string {
	if m.Sent.known() {
		return "Sent"
	}
	return "Kept here, not sent"
}
