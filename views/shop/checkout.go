package shop

import "till/views/ui"

// CheckoutPage is the one page between cart and payment.
type CheckoutPage struct {
	Frame     ui.Frame
	Form      CheckoutForm
	Countries []ui.Option // value is an ISO 3166 code
	Methods   []Method    // that take the chosen currency; none draws a page that says so
	Lines     []Line
	Rows      []Row // between lines and total; may be empty
	Total     string
	Key       string // hidden field "key": makes two submits one order
	Shown     string // hidden field "shown": what the summary on this page said

	// At most one of the following is set, and it says why the page came back.
	PriceChange  *PriceChange  // prices moved since the page was shown
	CartChanged  bool          // lines moved since the page was shown, in another tab perhaps
	Earlier      *EarlierOrder // much the same was paid a moment ago
	Unreachable  string        // label of the provider that did not answer; nothing was placed
	RetrySeconds int           // too many tries: when to try again; 0 for not so
}

// CheckoutForm is what the shopper typed, as typed, with what is wrong with
// it. The names of the fields in the form are the same in lower case.
type CheckoutForm struct {
	Name     string
	Email    string
	Line1    string
	Line2    string
	City     string
	Region   string
	Postcode string
	Country  string
	Method   string
	Again    bool              // "yes" when ticked: buy it although it was bought a moment ago
	Problems map[string]string // by form name; empty when the form is good
}

// PriceChange shows what the summary said before and what it says now.
type PriceChange struct {
	Lines    []ChangedLine
	OldTotal string
	NewTotal string
}

// ChangedLine is one line whose price moved.
type ChangedLine struct {
	Name string
	Old  string // of one piece, with currency
	New  string
}

// EarlierOrder is an order of this browser that looks like this one, and is
// paid or may yet be.
type EarlierOrder struct {
	Number string
	Total  string
	When   string // such as "12 minutes ago"
	URL    string // its order page
	Paid   bool
}

func (o EarlierOrder) stands() string {
	if o.Paid {
		return "It is paid."
	}
	return "Its payment is under way."
}

func (p CheckoutPage) page() ui.Page {
	return ui.Page{Name: "checkout", Title: "Checkout", Problem: p.cameBack(), Quiet: true}
}

// cameBack reports whether the page has something to say before its form.
func (p CheckoutPage) cameBack() bool {
	return len(p.problems()) > 0 || p.PriceChange != nil || p.CartChanged || p.Earlier != nil ||
		p.Unreachable != "" || p.RetrySeconds > 0
}

// problems lists the form's problems in the order of its fields.
func (p CheckoutPage) problems() []ui.FieldProblem {
	var out []ui.FieldProblem
	for _, name := range []string{
		"name", "email", "line1", "line2", "city", "region", "postcode", "country", "method", "again",
	} {
		if text := p.Form.Problems[name]; text != "" {
			out = append(out, ui.FieldProblem{Field: name, Text: text})
		}
	}
	if text := p.Form.Problems[""]; text != "" {
		out = append(out, ui.FieldProblem{Text: text})
	}
	return out
}

// only is the one way to pay, when there is no choice.
func (p CheckoutPage) only() (Method, bool) {
	if len(p.Methods) == 1 {
		return p.Methods[0], true
	}
	return Method{}, false
}

func (p CheckoutPage) pay() ui.Action {
	a := ui.Action{Label: "Pay " + p.Total, Kind: ui.Primary, Wide: true, Busy: "Sending you on…"}
	if m, ok := p.only(); ok {
		a.Label += " with " + m.Label
		a.Busy = "Sending you to " + m.Label + "…"
	}
	return a
}

func (p CheckoutPage) next() string {
	if m, ok := p.only(); ok {
		return "You approve the payment at " + m.Label + " and come back here. Nothing is charged before you approve it there."
	}
	return "You approve the payment at the provider you chose and come back here. Nothing is charged before you approve it there."
}

func (p CheckoutPage) methods() ui.Choice {
	c := ui.Choice{
		Name: "method", Label: "How to pay", Value: p.Form.Method, Problem: p.Form.Problems["method"],
		Required: true, LegendHidden: true,
	}
	c.Options = options(p.Methods)
	if m, ok := p.only(); ok {
		// What happens next stands below the button, in the same words.
		c.Value, c.Options[0].Hint = m.Name, m.Hint
	}
	return c
}
