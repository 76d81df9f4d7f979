package shop

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"till/views/ui"
)

// CartPage is what the shopper has picked, at today's prices.
type CartPage struct {
	Frame   ui.Frame
	Lines   []CartLine
	Total   string        // with currency, of the lines that can be bought; may be empty when none can
	Pending *PendingOrder // the order of this browser that waits for its payment; nil when there is none
}

// CartLine is one product in the cart.
type CartLine struct {
	Slug     string // also the name in POST /cart/lines/:product
	Name     string // of a withdrawn product: the name if it is still known, else its slug
	Picture  string // file name, such as "mug.svg"
	Quantity string // as typed, or the number in the cart
	Unit     string // price of one, with currency; empty when it has none
	Total    string // with currency; empty when it has none
	Problem  LineProblem
	Left     int // pieces left, for ProblemTooMany
}

// LineProblem is what stands between a line and the checkout.
type LineProblem string

// The problems of a line. The zero value means that there is none.
const (
	ProblemNone      LineProblem = ""
	ProblemSoldOut   LineProblem = "sold_out"
	ProblemKept      LineProblem = "kept"       // the last ones are kept for somebody who is paying
	ProblemWithdrawn LineProblem = "withdrawn"  // no longer in the catalogue
	ProblemNotPriced LineProblem = "not_priced" // not in the chosen currency
	ProblemTooMany   LineProblem = "too_many"   // fewer are left than asked for
	ProblemQuantity  LineProblem = "quantity"   // what was typed is not a number from 0 to 99
)

// PendingOrder is an order that was placed from this browser and is not paid.
type PendingOrder struct {
	Number    string
	Total     string
	URL       string // its order page
	CancelURL string // POST, with then=cart; empty when it cannot be cancelled now
}

func (p CartPage) page() ui.Page {
	return ui.Page{Name: "cart", Title: "Cart", Problem: len(p.problems()) > 0}
}

// CanCheckout reports whether every line can be bought as it stands.
func (p CartPage) CanCheckout() bool {
	return len(p.Lines) > 0 && len(p.problems()) == 0
}

// checkoutKind leaves the first place to an order that waits.
func (p CartPage) checkoutKind() ui.Kind {
	if p.Pending != nil {
		return ui.Secondary
	}
	return ui.Primary
}

func (p CartPage) problems() []ui.FieldProblem {
	var out []ui.FieldProblem
	for _, l := range p.Lines {
		if text := l.problem(p.Frame.Currency); text != "" {
			out = append(out, ui.FieldProblem{Field: l.fieldID(), Text: l.Name + ": " + text})
		}
	}
	return out
}

// fieldID is where the summary's link leads: the quantity, or what stands in
// its place.
func (l CartLine) fieldID() string {
	if l.canChange() {
		return "quantity-" + l.Slug
	}
	return "remove-" + l.Slug
}

// canChange reports whether another quantity would help.
func (l CartLine) canChange() bool {
	switch l.Problem {
	case ProblemNone, ProblemTooMany, ProblemQuantity:
		return true
	case ProblemSoldOut, ProblemKept, ProblemWithdrawn, ProblemNotPriced:
		return false
	default:
		return false
	}
}

func (l CartLine) problem(currency string) string {
	switch l.Problem {
	case ProblemSoldOut:
		return "sold out. Remove it to go on."
	case ProblemKept:
		return "somebody else is paying for the last ones. Look again in half an hour, or remove it to go on."
	case ProblemWithdrawn:
		return "no longer sold. Remove it to go on."
	case ProblemNotPriced:
		return "not sold in " + currency + ". Remove it or choose another currency."
	case ProblemTooMany:
		if l.Left == 1 {
			return "only 1 is left. Lower the quantity."
		}
		return "only " + strconv.Itoa(l.Left) + " are left. Lower the quantity."
	case ProblemQuantity:
		return "type a whole number from 0 to 99."
	case ProblemNone:
		return ""
	default:
		return ""
	}
}

// sentence is the problem where it stands alone, beside its line.
func (l CartLine) sentence(currency string) string {
	s := l.problem(currency)
	if s == "" {
		return ""
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

func (l CartLine) action() templ.SafeURL {
	return templ.SafeURL("/cart/lines/" + url.PathEscape(l.Slug))
}
