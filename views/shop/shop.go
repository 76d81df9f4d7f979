// Package shop holds the pages a shopper sees: shelf, product, cart, checkout,
// order, receipt, and the page that says what went wrong. A page is a function
// of its struct; strings in a struct are ready to show, and what a state is
// called is decided here, by methods.
package shop

import (
	"strconv"

	"till/views/ui"
)

// Availability says whether a product can be bought now, in the chosen
// currency.
type Availability string

// The availabilities. The zero value means that it can be bought.
const (
	Available Availability = ""
	SoldOut   Availability = "sold_out"
	NotPriced Availability = "not_priced" // sold, but not in the chosen currency
)

// Line is one line of an order or of a summary, copied from when it was
// placed or shown.
type Line struct {
	Name     string
	Picture  string // file name, such as "mug.svg"; may be empty
	Quantity int
	Unit     string // price of one, with currency
	Total    string // with currency
}

// Row is one line between the goods and the total, such as delivery.
type Row struct {
	Label  string
	Amount string // an amount with currency, or a word such as "Free"
}

// Method is one way to pay.
type Method struct {
	Name     string // form value, such as "iumicash"
	Label    string // what people call it, such as "iumiCash"
	Hint     string // one sentence on how it goes; empty gets one of ours
	Provider string // label of whoever it is at, such as "Vertex"; may be empty
}

func (m Method) hint() string {
	if m.Hint != "" {
		return m.Hint
	}
	return "You approve the payment at " + m.Label + " and come back here."
}

// manyMethods is from how many on the ways to pay stand close together, by
// provider, and leave it to the line below the button to say how it goes.
const manyMethods = 8

// options are the ways to pay to choose from.
func options(methods []Method) []ui.Option {
	many, of := len(methods) >= manyMethods, map[string]int{}
	for _, m := range methods {
		of[m.Provider]++
	}
	var alone, grouped []ui.Option
	for _, m := range methods {
		o := ui.Option{Value: m.Name, Label: m.Label}
		switch {
		case !many:
			o.Hint = m.hint()
			alone = append(alone, o)
		case m.Provider == "" || of[m.Provider] == 1:
			alone = append(alone, o)
		default:
			o.Group = "With " + m.Provider
			grouped = append(grouped, o)
		}
	}
	return append(alone, grouped...)
}

// Reason is why a payment did not happen, as far as the shopper is concerned.
// A word we do not know reads as a plain "was not made".
type Reason string

// The reasons.
const (
	ReasonNone       Reason = ""
	ReasonDeclined   Reason = "declined"         // the provider said no, and no more
	ReasonBalance    Reason = "balance_low"      // not enough money in the account
	ReasonLimit      Reason = "limit"            // over a limit the shopper set at the provider
	ReasonInactive   Reason = "account_inactive" // the account is not active
	ReasonBlocked    Reason = "shop_blocked"     // the shopper turned this shop off at the provider
	ReasonCancelled  Reason = "cancelled"        // the shopper stopped at the provider's page
	ReasonExpired    Reason = "expired"          // the provider's page was open for too long
	ReasonSuperseded Reason = "superseded"       // another payment of the order took its place
	ReasonReleased   Reason = "released"         // what was reserved was let go
	ReasonStopped    Reason = "stopped"          // the shop stopped the payment before the money came
	ReasonReturned   Reason = "returned"         // money came that did not fit the order, and went back
	ReasonOverdue    Reason = "overdue"          // the time to pay is over, and the provider still takes it
)

// sentence says the reason in words, with what it means for the money.
func (r Reason) sentence(provider string) string {
	if provider == "" {
		provider = "The provider"
	}
	switch r {
	case ReasonBalance:
		return "There was not enough money in your " + provider + " account. Nothing was charged."
	case ReasonLimit:
		return "The amount is above a limit you set at " + provider + ". Nothing was charged."
	case ReasonInactive:
		return "Your " + provider + " account is not active. Nothing was charged."
	case ReasonBlocked:
		return "Payments to this shop are turned off in your " + provider + " account. Nothing was charged."
	case ReasonCancelled:
		return "You stopped the payment at " + provider + ". Nothing was charged."
	case ReasonExpired:
		return "The payment page at " + provider + " was open for too long and closed. Nothing was charged."
	case ReasonSuperseded:
		return "The earlier payment was closed. Nothing was charged for it."
	case ReasonReleased:
		return "What was reserved for it is let go. Nothing was charged."
	case ReasonStopped:
		return "We stopped the payment at " + provider + " before any money came. Nothing was charged."
	case ReasonReturned:
		return "What came for it was not what it costs, so we sent it back."
	case ReasonOverdue:
		return "The time to pay it is over, but " + provider + " still takes your payment. Nothing was charged."
	case ReasonDeclined:
		return provider + " did not accept the payment. Nothing was charged."
	case ReasonNone:
		return "Nothing was charged."
	default:
		return "The payment at " + provider + " was not made. Nothing was charged."
	}
}

// advice says what the shopper can do about the reason, where there are other
// ways to pay and where there are none.
func (r Reason) advice(provider string, others bool) string {
	if provider == "" {
		provider = "the provider"
	}
	var do string
	switch r {
	case ReasonBalance:
		do = "Add money to your account there and pay again"
	case ReasonLimit:
		do = "Raise the limit in your account there and pay again"
	case ReasonInactive:
		do = "Ask " + provider + " to make it active and pay again"
	case ReasonBlocked:
		do = "Turn this shop on again in your account there and pay again"
	case ReasonCancelled, ReasonExpired, ReasonSuperseded, ReasonDeclined, ReasonReleased, ReasonStopped, ReasonReturned, ReasonOverdue, ReasonNone:
		return "Your order is kept. You can pay it whenever you are ready."
	default:
		return "Your order is kept. You can pay it whenever you are ready."
	}
	if others {
		do += ", or choose another way to pay"
	}
	return do + ". Your order is kept."
}

func pieces(n int) string {
	if n == 1 {
		return "1 item"
	}
	return strconv.Itoa(n) + " items"
}

func count(lines []Line) int {
	n := 0
	for _, l := range lines {
		n += l.Quantity
	}
	return n
}
