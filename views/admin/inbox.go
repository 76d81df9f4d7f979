package admin

import (
	"net/url"
	"strconv"

	"till/views/ui"
)

// Item is money that does not add up, waiting for a person.
type Item struct {
	ID        int64
	Kind      Attention
	Provider  string // label; empty when it is about an order as a whole
	Amount    string // with currency; empty when nobody knows
	Detail    string // the provider's word, the stage of a dispute, or its reference; may be empty
	Order     string // number; empty when nobody knows whose it is
	Payment   string // ours; empty when it is about the order as a whole
	Opened    When
	Closed    When   // zero while it waits
	Closing   string // how it was closed, as a sentence
	CanDecide bool   // who looks may accept it, or attach it
	Refund    string // address of the refund that would settle it; empty when there is none
}

// InboxPage is what waits for a person, oldest first.
type InboxPage struct {
	Frame Frame
	Items []Item
	First bool   // this is where the list begins
	Next  string // cursor for ?after=; empty on the last page
}

// ItemPage is one item, with what may be done about it.
type ItemPage struct {
	Frame   Frame
	Item    Item
	Back    Back
	Refused string // why what was asked for was not done; empty when nothing was
	Accept  ItemForm
	Attach  ItemForm
}

// ItemForm is what was typed about an item, and what is wrong with it.
type ItemForm struct {
	Order         string
	Reason        string
	OrderProblem  string
	ReasonProblem string
}

// Back is the page that a decision leads back to.
type Back string

// The pages that one may come from.
const (
	BackInbox Back = "inbox"
	BackOrder Back = "order"
)

func (p InboxPage) page() ui.Page {
	return ui.Page{Name: "admin-inbox", Title: "Inbox", Quiet: true}
}

// clear reports whether nothing waits at all: that the list is empty is not
// enough to say so.
func (p InboxPage) clear() bool { return len(p.Items) == 0 && p.Frame.Inbox == 0 }

func (p InboxPage) nextURL() string { return "/admin/inbox?" + url.Values{"after": {p.Next}}.Encode() }

func (p ItemPage) page() ui.Page {
	return ui.Page{
		Name: "admin-inbox-item", Title: p.Item.Kind.word(), Quiet: true,
		Problem: p.Refused != "" || len(p.problems()) > 0,
	}
}

// problems is everything that is wrong with what was typed, in the order of the
// page.
func (p ItemPage) problems() []ui.FieldProblem {
	var all []ui.FieldProblem
	for _, one := range []ui.FieldProblem{
		{Field: "order", Text: p.Attach.OrderProblem},
		{Field: "attach-reason", Text: p.Attach.ReasonProblem},
		{Field: "accept-reason", Text: p.Accept.ReasonProblem},
	} {
		if one.Text != "" {
			all = append(all, one)
		}
	}
	return all
}

// backURL is where one came from.
func (p ItemPage) backURL() string {
	if p.Back == BackOrder && p.Item.Order != "" {
		return orderURL(p.Item.Order)
	}
	return "/admin/inbox"
}

func (p ItemPage) backLabel() string {
	if p.Back == BackOrder && p.Item.Order != "" {
		return "Order " + p.Item.Order
	}
	return "Inbox"
}

func (p ItemPage) acceptReason() ui.Field {
	return ui.Field{
		Name: "reason", ID: "accept-reason", Label: "Why", Value: p.Accept.Reason, Problem: p.Accept.ReasonProblem, MaxLength: MaxReason, Required: true,
		Hint: "Kept in the timeline with your name.",
	}
}

func (p ItemPage) attachOrder() ui.Field {
	return ui.Field{
		Name: "order", Label: "Order number", Value: p.Attach.Order, Problem: p.Attach.OrderProblem, InputMode: "numeric", MaxLength: 20,
		Required: true, Narrow: true, Autocomplete: "off",
	}
}

func (p ItemPage) attachReason() ui.Field {
	return ui.Field{
		Name: "reason", ID: "attach-reason", Label: "How you know", Value: p.Attach.Reason, Problem: p.Attach.ReasonProblem, MaxLength: MaxReason,
		Required: true, Hint: "Kept in the timeline with your name.",
	}
}

// MaxReason bounds what staff write about what they do, in characters.
const MaxReason = 500

func (i Item) url(from Back) string {
	u := "/admin/inbox/" + strconv.FormatInt(i.ID, 10)
	if from == BackOrder {
		u += "?from=" + string(from)
	}
	return u
}

func (i Item) actionURL(verb string) string { return i.url(BackInbox) + "/" + verb }

// attachable reports whether it can be said whose it is.
func (i Item) attachable() bool { return i.Kind == AttentionUnknownReference }

// decideLabel is the link to where it is decided.
func (i Item) decideLabel() string {
	if i.attachable() {
		return "Attach or accept"
	}
	return "Accept"
}

// anchor is the id of its heading.
func (i Item) anchor() string { return "item-" + strconv.FormatInt(i.ID, 10) }

// sentence says what it is, with its figures.
func (i Item) sentence() string {
	who, order := i.Provider, "Order "+i.Order
	if who == "" {
		who = "The provider"
	}
	switch i.Kind {
	case AttentionMismatch:
		return who + " has another amount or currency than " + lower(order) + " costs."
	case AttentionSecondPayment:
		return order + " was paid more than once: " + i.Amount + " more was taken than it costs."
	case AttentionOverpayment:
		return order + " was paid with " + i.Amount + " more than it costs."
	case AttentionPaidAfterCancel:
		return i.Amount + " came for " + lower(order) + ", which is cancelled, and is not on its way back."
	case AttentionSoldOut:
		return order + " is paid, and more was sold than there was."
	case AttentionUnknown:
		return who + " never answered when the payment of " + lower(order) + " was started, and cannot be asked."
	case AttentionRefundUnknown:
		return who + " never answered a refund of " + lower(order) + ". " + i.Amount + " is on its way back or not."
	case AttentionRefundFailed:
		return "A refund of " + lower(order) + " did not happen. " + i.Amount + " is here and not on its way back."
	case AttentionRefundReversed:
		return "A refund of " + lower(order) + " came back. " + i.Amount + " is here and not on its way back."
	case AttentionRefundElsewhere:
		return who + " sent back money of " + lower(order) + " that nobody here asked for, and does not say how much."
	case AttentionCaptureUnknown:
		return who + " does not say how much it took for " + lower(order) + ", and never answered the capture of a part."
	case AttentionUnanswered:
		return who + " never answered what we asked of it for " + lower(order) + ", though we asked several times."
	case AttentionUnauthorized:
		return who + " does not know us any more: what was asked of it for " + lower(order) + " was not done."
	case AttentionUnknownWord:
		return with(who+" says something about "+lower(order)+" that we do not know", ": ", quoted(i.Detail)) + "."
	case AttentionContradiction:
		return with(who+" takes back what it had said about "+lower(order), ". Its word is now: ", quoted(i.Detail)) + "."
	case AttentionNeedAction:
		return who + " waits for you to decide about " + lower(order) + " on its own pages."
	case AttentionAccepted:
		return "The bank took the order to pay " + i.Amount + " for " + lower(order) + " and will say no more."
	case AttentionClearingLate:
		return "The money for " + lower(order) + " has been on its way for longer than it should."
	case AttentionLapsing:
		return "The reservation of " + i.Amount + " for " + lower(order) + " is about to lapse."
	case AttentionDispute:
		return with("The shopper's bank disputes "+i.Amount+" of "+lower(order), ": ", lower(Status(i.Detail).word())) + "."
	case AttentionUnknownReference:
		return who + " told us of a payment that nobody here knows. Its reference is " + orEmpty(i.Detail) + "."
	default:
		return "We do not know this word."
	}
}

// consequence says what accepting it does.
func (i Item) consequence() string {
	switch i.Kind {
	case AttentionMismatch:
		return "The order becomes paid with the money that is there, whatever it was meant to be. It can be sent then."
	case AttentionAccepted:
		return "You say that the money has come. The order becomes paid with " + i.Amount + " and can be sent."
	case AttentionPaidAfterCancel, AttentionSecondPayment, AttentionOverpayment:
		return "The money is kept: it is not given back by itself any more. The order stays as it is."
	case AttentionRefundFailed, AttentionRefundReversed:
		return "The money is kept, and the order is as if the refund had not been asked for. You can still refund it later."
	case AttentionRefundUnknown:
		return "Nobody is reminded of it any more. The money stays set aside for the refund until the provider says what became of it."
	case AttentionUnknownReference:
		return "It is put aside as nothing of ours. No order changes."
	case AttentionUnknown:
		return "You say that the payment came to nothing. The order can be paid another way; should the money come all the same, it is found."
	case AttentionSoldOut, AttentionRefundElsewhere, AttentionCaptureUnknown, AttentionUnanswered, AttentionUnauthorized, AttentionUnknownWord, AttentionContradiction, AttentionNeedAction, AttentionClearingLate, AttentionLapsing, AttentionDispute:
		return "Nobody is reminded of it any more, until its amount or the provider's word changes. The order stays as it is."
	default:
		return "Nobody is reminded of it any more."
	}
}
