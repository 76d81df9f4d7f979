package admin

import (
	"strconv"

	"till/views/ui"
)

// Verb is something that staff do about an order's money, on a page of its own:
// the last word of its address.
type Verb string

// The verbs.
const (
	VerbCapture  Verb = "captures"
	VerbVoid     Verb = "voids"
	VerbReverse  Verb = "reversals"
	VerbReceived Verb = "received"
	VerbCancel   Verb = "cancel"
	VerbRepeat   Verb = "repeat" // of an operation, as the next one
	VerbForget   Verb = "forget"
)

// ActPage says what a verb would do, and asks whether to do it.
type ActPage struct {
	Frame     Frame
	Number    string
	Verb      Verb
	Name      string // of the payment, where the order has several; else empty
	Payment   string // ours; empty for what is about the order as a whole
	Provider  string // label
	Order     Standing
	Money     string // with currency: what it is about; empty when it is about none
	Asks      bool   // a cancel or a "received": the provider of the payment that is being made is asked first
	Reserved  string // a cancel: what is given back by it; empty for nothing
	Disputed  string // a reversal: what the shopper's bank wants back; empty for nothing
	Parts     bool   // a capture: a part may be taken
	Amount    string // a capture: as typed
	Operation Operation
	Note      string // as typed
	Key       string // what makes the same form twice one operation
	Problems  ActProblems
}

// Standing is what an order has come to already, whatever the payment has that
// a page is about.
type Standing struct {
	Paid      bool // its money was here once
	Cancelled bool
	Expired   bool
	Test      bool
}

// ActProblems is what is wrong with the form, field by field.
type ActProblems struct {
	Amount string
	Note   string
}

func (p ActPage) page() ui.Page {
	return ui.Page{Name: "admin-act", Title: p.title(), Quiet: true, Problem: len(p.problems()) > 0}
}

// title is the question.
func (p ActPage) title() string {
	switch p.Verb {
	case VerbCapture:
		return "Take the reserved money?"
	case VerbVoid:
		return "Release the reserved money?"
	case VerbReverse:
		return "Undo the whole payment?"
	case VerbReceived:
		return "Was it paid in another way?"
	case VerbCancel:
		return "Cancel order " + p.Number + "?"
	case VerbRepeat:
		return "Send it again?"
	case VerbForget:
		return "Did it not happen?"
	default:
		return string(p.Verb)
	}
}

// about says which payment of which order.
func (p ActPage) about() string {
	s := with("Order "+p.Number, ", ", lower(p.Name))
	if p.Payment == "" {
		return s
	}
	return s + ", with " + p.Provider
}

// consequence says what will happen, a sentence to a line.
func (p ActPage) consequence() []string {
	switch p.Verb {
	case VerbCapture:
		lines := []string{p.Money + " is reserved at " + p.Provider + ". What you take is paid for good" + p.taken()}
		if p.Parts {
			return append(lines, "Take less, and the rest is released to the shopper: it cannot be taken later.")
		}
		return append(lines, p.Provider+" takes all of it or nothing.")
	case VerbVoid:
		return []string{p.Money + " is reserved at " + p.Provider + " and goes back to the shopper. Nothing was taken" + p.released()}
	case VerbReverse:
		lines := []string{p.Provider + " is asked to undo the whole payment of " + p.Money + ". That cannot be taken back. To give back a part, refund it."}
		if p.Disputed != "" {
			lines = append(lines, "The shopper's bank wants "+p.Disputed+" back. What is undone as well goes back twice.")
		}
		return lines
	case VerbReceived:
		lines := []string{"You say that " + p.Money + " is here: in cash, say, or by bank transfer. The order becomes paid by your word" + p.sent()}
		if p.Asks {
			return append(lines, p.Provider+" is told first, so that it takes no money as well.")
		}
		return lines
	case VerbCancel:
		var lines []string
		if p.Reserved != "" {
			lines = append(lines, p.Reserved+" is reserved and goes back to the shopper.")
		} else if p.Asks {
			lines = append(lines, p.Provider+" is asked first. Should the money have come meanwhile, nothing is cancelled.")
		}
		return append(lines, "A cancelled order cannot be paid any more. Money that comes all the same goes back.")
	case VerbRepeat:
		return []string{
			p.Provider + " never answered this. It may have been done. Sent again, it may be done twice: look in " + p.Provider + "'s own pages first.",
			"It is sent with the same key, so that a provider which knows keys does it once.",
		}
	case VerbForget:
		return []string{
			p.Provider + " never answered this. Say so only when you have seen in " + p.Provider + "'s own pages that it did not happen.",
			"The money that was set aside for it is free again. Should it have happened after all, " + p.Provider + " is believed.",
		}
	default:
		return nil
	}
}

// taken goes on about money that is taken, with what it means for the order.
func (p ActPage) taken() string {
	switch o := p.Order; {
	case o.Cancelled:
		return ". The order is cancelled: nothing is sent for it, and what you take has to go back. Release it instead."
	case o.Paid:
		return ". The order was paid with another payment before: what you take is too much, and has to go back. Release it instead."
	default:
		return p.sent()
	}
}

// sent goes on about an order that becomes paid: whether it can be sent.
func (p ActPage) sent() string {
	switch o := p.Order; {
	case o.Test:
		return ". It is a test order: nothing is to be sent."
	case o.Expired:
		return ". The order had expired and becomes paid all the same: before you send it, see that everything is still there."
	case p.Verb == VerbCapture:
		return "; the order can be sent then."
	default:
		return " and can be sent."
	}
}

// released goes on about money that is let go.
func (p ActPage) released() string {
	switch o := p.Order; {
	case o.Cancelled:
		return ". The order stays cancelled."
	case o.Paid:
		return " of it. What another payment took stays as it is."
	case o.Expired:
		return ". The order stays expired, and unpaid."
	default:
		return ". The order is unpaid then, and stays open."
	}
}

func (p ActPage) button() ui.Action {
	a := ui.Action{Kind: ui.Danger, Busy: "Asking " + p.Provider + "…"}
	switch p.Verb {
	case VerbCapture:
		a.Label, a.Kind = "Take "+p.Money, ui.Primary
		if p.Parts {
			a.Label = "Take it"
		}
	case VerbVoid:
		a.Label = "Release " + p.Money
	case VerbReverse:
		a.Label = "Undo the payment of " + p.Money
	case VerbReceived:
		a.Label, a.Kind, a.Busy = "Yes, "+p.Money+" is here", ui.Primary, "Recording…"
	case VerbCancel:
		a.Label, a.Busy = "Cancel the order", "Cancelling…"
	case VerbRepeat:
		a.Label = "Send it again"
	case VerbForget:
		a.Label, a.Busy = "It did not happen", "Recording…"
	default:
		a.Label = string(p.Verb)
	}
	return a
}

func (p ActPage) url() string {
	if p.Verb == VerbRepeat || p.Verb == VerbForget {
		return orderURL(p.Number) + "/operations/" + strconv.FormatInt(p.Operation.ID, 10) + "/" + string(p.Verb)
	}
	return orderURL(p.Number) + "/" + string(p.Verb)
}

func (p ActPage) amount() ui.Field {
	return ui.Field{
		Name: "amount", Label: "Amount", Value: p.Amount, Problem: p.Problems.Amount, InputMode: "decimal", MaxLength: 24, Autocomplete: "off",
		Required: true, Narrow: true, Hint: "At most " + p.Money + ".",
	}
}

// asksWhy reports whether a reason is written down with it.
func (p ActPage) asksWhy() bool { return p.Verb != VerbRepeat }

// NeedsWhy reports whether it is not done without a reason.
func (v Verb) NeedsWhy() bool {
	switch v {
	case VerbReverse, VerbReceived, VerbCancel, VerbForget:
		return true
	case VerbCapture, VerbVoid, VerbRepeat:
		return false
	default:
		return true
	}
}

func (p ActPage) note() ui.Field {
	f := ui.Field{
		Name: "note", Label: "Why", Value: p.Note, Problem: p.Problems.Note, MaxLength: MaxReason,
		Required: p.Verb.NeedsWhy(), Optional: !p.Verb.NeedsWhy(), Hint: "Kept in the timeline with your name.",
	}
	switch p.Verb {
	case VerbReceived:
		f.Label = "How it was paid"
	case VerbForget:
		f.Label = "How you know"
	case VerbCapture, VerbVoid, VerbReverse, VerbCancel, VerbRepeat:
	}
	return f
}

func (p ActPage) problems() []ui.FieldProblem {
	var all []ui.FieldProblem
	if p.Problems.Amount != "" {
		all = append(all, ui.FieldProblem{Field: "amount", Text: p.Problems.Amount})
	}
	if p.Problems.Note != "" {
		all = append(all, ui.FieldProblem{Field: "note", Text: p.Problems.Note})
	}
	return all
}
