package admin

import (
	"net/url"
	"strconv"

	"till/views/ui"
)

// RefundWay is how money goes back.
type RefundWay string

// The ways.
const (
	RefundAtProvider RefundWay = "provider" // its provider gives it back
	RefundOutside    RefundWay = "outside"  // staff have given it back by other means already
)

// RefundPage is the form for giving money back, with what was typed into it.
type RefundPage struct {
	Frame      Frame
	Number     string
	Name       string // of the payment, where the order has several; else empty
	Payment    string // ours
	Provider   string // label
	AtProvider bool   // the provider can give it back
	Total      string // with currency: what was taken, as the next three
	Left       string // what can go back
	Unanswered string // what was asked to go back and has no answer; empty when nothing
	Disputed   string // what the shopper's bank wants back; empty when nothing
	Lines      []RefundLine
	Amount     string
	Way        RefundWay
	Reason     string
	Key        string // what makes the same form twice one refund
	Seen       string // which state of the payment was looked at
	Refused    string // why what was asked for was not done; empty when nothing was
	Problems   RefundProblems
}

// RefundProblems is what is wrong with the form, field by field.
type RefundProblems struct {
	Amount string
	Way    string
	Reason string
}

// RefundLine is one line of the order, of which pieces may come back.
type RefundLine struct {
	Position int64
	Name     string
	Unit     string // price of one, with currency
	Of       int64  // pieces that were sold
	Left     int64  // pieces that were not refunded before
	Restocks bool   // whether they can go back into a stock that is counted
	Quantity string // as typed
	Restock  bool
	Problem  string
}

// RefundPreview is what a refund will do, before it is asked for.
type RefundPreview struct {
	Form  RefundPage
	Back  string   // with currency: what goes back
	After string   // what can go back after that
	Worth string   // what the chosen pieces cost, where that is another amount; else empty
	Goods []string // the chosen pieces
	Stock []string // what comes back into the stock
	Tax   string   // of what goes back: "GST 15 %: NZD 1.30"; empty when it holds none
	Keeps string   // what of the order's money stays here then
	Limit string   // above which a second person must agree, as this is; empty when it is not
	Mail  MailText // that the shopper gets
}

func (p RefundPage) page() ui.Page {
	return ui.Page{Name: "admin-refund", Title: p.title(), Quiet: true, Problem: p.Refused != "" || len(p.problems()) > 0}
}

func (p RefundPage) title() string { return "Refund of order " + p.Number }

// about is the payment that the money came by.
func (p RefundPage) about() string {
	if p.Name == "" {
		return "Paid with " + p.Provider
	}
	return p.Name + ", paid with " + p.Provider
}

func (p RefundPage) url() string { return orderURL(p.Number) + "/refunds" }

func (p RefundPage) previewURL() string { return p.url() + "/preview" }

// problems is everything that is wrong, in the order of the form.
func (p RefundPage) problems() []ui.FieldProblem {
	var all []ui.FieldProblem
	if p.Problems.Amount != "" {
		all = append(all, ui.FieldProblem{Field: "amount", Text: p.Problems.Amount})
	}
	for _, l := range p.Lines {
		if l.Problem != "" {
			all = append(all, ui.FieldProblem{Field: l.field(), Text: l.Name + ": " + lower(l.Problem)})
		}
	}
	if p.Problems.Way != "" {
		all = append(all, ui.FieldProblem{Field: "way", Text: p.Problems.Way})
	}
	if p.Problems.Reason != "" {
		all = append(all, ui.FieldProblem{Field: "reason", Text: p.Problems.Reason})
	}
	return all
}

func (p RefundPage) amount() ui.Field {
	return ui.Field{
		Name: "amount", Label: "Amount", Value: p.Amount, Problem: p.Problems.Amount, InputMode: "decimal", MaxLength: 24, Autocomplete: "off",
		Narrow: true, Hint: p.Left + " can go back. Left empty, it is what the pieces chosen below cost.",
	}
}

func (p RefundPage) way() ui.Choice {
	return ui.Choice{
		Name: "way", Label: "How it goes back", Value: string(p.Way), Problem: p.Problems.Way, Required: true,
		Options: []ui.Option{
			{Value: string(RefundAtProvider), Label: p.Provider + " gives it back", Hint: "It is asked for at once."},
			{Value: string(RefundOutside), Label: "It was given back in another way", Hint: "In cash, say, or by bank transfer. It is only written down: " + p.Provider + " is not asked."},
		},
	}
}

func (p RefundPage) reason() ui.Field {
	return ui.Field{
		Name: "reason", Label: "Why", Value: p.Reason, Problem: p.Problems.Reason, MaxLength: MaxReason, Required: true,
		Hint: "Kept in the timeline with your name. " + p.Provider + " may see it.",
	}
}

// warning is something to know before money goes back.
type warning struct{ title, text string }

func (p RefundPage) warnings() []warning {
	var all []warning
	if p.Unanswered != "" {
		all = append(all, warning{"A refund has no answer", p.Provider + " never said what became of " + p.Unanswered + ". Do not ask for the same money again: it may go back twice."})
	}
	if p.Disputed != "" {
		all = append(all, warning{"In dispute", "The shopper's bank wants " + p.Disputed + " back. What is refunded as well goes back twice."})
	}
	return all
}

// pair is one value that goes along with a form.
type pair struct{ name, value string }

// pairs is the form as it was typed, to go along with the next one.
func (p RefundPage) pairs() []pair {
	all := []pair{{"payment", p.Payment}, {"key", p.Key}, {"seen", p.Seen}, {"amount", p.Amount}, {"way", string(p.Way)}, {"reason", p.Reason}}
	for _, l := range p.Lines {
		if l.Quantity != "" {
			all = append(all, pair{l.field(), l.Quantity})
		}
		if l.Restock {
			all = append(all, pair{l.restock(), "yes"})
		}
	}
	return all
}

// field is the name of the line's quantity in the form.
func (l RefundLine) field() string { return RefundQuantity(l.Position) }

func (l RefundLine) restock() string { return RefundRestock(l.Position) }

// RefundQuantity is the name that the quantity of the line at a position has in
// the form.
func RefundQuantity(position int64) string { return "quantity-" + strconv.FormatInt(position, 10) }

// RefundRestock is the name of its choice about the stock.
func RefundRestock(position int64) string { return "restock-" + strconv.FormatInt(position, 10) }

func (l RefundLine) quantity() ui.Field {
	return ui.Field{
		Name: l.field(), Label: "How many come back", Value: l.Quantity, Problem: l.Problem, InputMode: "numeric", MaxLength: 9, Autocomplete: "off", Narrow: true,
		Hint: l.hint(),
	}
}

// hint says how many pieces were sold, and what one costs.
func (l RefundLine) hint() string {
	of := strconv.FormatInt(l.Of, 10) + " at " + l.Unit + " each"
	if l.Left < l.Of {
		of += ", " + strconv.FormatInt(l.Of-l.Left, 10) + " of them refunded before"
	}
	return of
}

// outside reports whether it is only written down.
func (p RefundPreview) outside() bool { return p.Form.Way == RefundOutside }

func (p RefundPreview) page() ui.Page {
	return ui.Page{Name: "admin-refund-preview", Title: "Look once more: " + lower(p.Form.title()), Quiet: true}
}

// what says in one sentence what will happen.
func (p RefundPreview) what() string {
	if p.Limit != "" {
		return "A second person has to agree before " + p.Back + " goes back. Nothing goes back by this."
	}
	if p.outside() {
		return "You write down that " + p.Back + " went back to the shopper in another way. " + p.Form.Provider + " is not asked for anything."
	}
	return p.Form.Provider + " is asked to give " + p.Back + " back to the shopper. That cannot be taken back."
}

// mail says what the shopper hears of it.
func (p RefundPreview) mail() string {
	if p.outside() {
		return "The shopper gets a mail about it."
	}
	return "The shopper gets a mail when the money has gone back, and not before."
}

// button is the last step.
func (p RefundPreview) button() ui.Action {
	if p.Limit != "" {
		return ui.Action{Label: "Ask a second person", Kind: ui.Primary, Busy: "Asking…"}
	}
	if p.outside() {
		return ui.Action{Label: "Record " + p.Back + " as given back", Kind: ui.Danger, Busy: "Recording…"}
	}
	return ui.Action{Label: "Give back " + p.Back, Kind: ui.Danger, Busy: "Asking " + p.Form.Provider + "…"}
}

// RefundURL is the address of the form for giving back a payment's money. The
// amount, as people type it, may be empty.
func RefundURL(number, payment, amount string) string {
	q := url.Values{"payment": {payment}}
	if amount != "" {
		q.Set("amount", amount)
	}
	return orderURL(number) + "/refunds?" + q.Encode()
}
