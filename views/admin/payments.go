package admin

import (
	"net/url"

	"till/money"
	"till/views/ui"
)

// PaymentsPage is the list of payments, newest first.
type PaymentsPage struct {
	Frame     Frame
	Provider  string       // the chosen one; empty for all
	State     PaymentState // the chosen one; empty for all
	Ref       string       // looked for, as typed; empty for none
	Providers []ui.Option
	Payments  []PaymentRow
	Older     string // cursor for ?before=; empty on the last page
	Newer     string // cursor for ?after=; empty on the first page
	Any       bool   // whether the shop has a payment at all
}

// PaymentRow is one payment of the list.
type PaymentRow struct {
	ID       string // ours
	Order    string // number
	Test     bool
	Begun    When
	Provider string // label
	Method   string // empty when the provider has one
	Ref      string // the provider's; empty before it gave one
	State    PaymentState
	Amount   money.Amount
	Balances Balances
	Outside  bool // nobody's but ours
	NextAsk  When // zero when no question is planned
	Late     bool // the question should have been asked by now
}

func (p PaymentsPage) page() ui.Page {
	return ui.Page{Name: "admin-payments", Title: "Payments", Quiet: true}
}

func (p PaymentsPage) filtered() bool { return p.Provider != "" || p.State != "" || p.Ref != "" }

// turn is the list with the same filter at another place; empty for no place.
func (p PaymentsPage) turn(cursor, value string) string {
	if value == "" {
		return ""
	}
	q := url.Values{cursor: {value}}
	for name, v := range map[string]string{"provider": p.Provider, "state": string(p.State), "ref": p.Ref} {
		if v != "" {
			q.Set(name, v)
		}
	}
	return "/admin/payments?" + q.Encode()
}

func (p PaymentsPage) search() ui.Field {
	return ui.Field{
		Name: "ref", Label: "Reference", Type: "search", Value: p.Ref, MaxLength: 200, Autocomplete: "off", Hint: "The provider's, whole",
	}
}

func (p PaymentsPage) providerChoice() ui.Choice {
	return keeping(ui.Choice{Name: "provider", Label: "Provider", Value: p.Provider, Empty: "All", Options: p.Providers}, p.Provider)
}

func (p PaymentsPage) stateChoice() ui.Choice {
	c := ui.Choice{Name: "state", Label: "State", Value: string(p.State), Empty: "All"}
	for _, s := range []PaymentState{
		PaymentCreated, PaymentRedirected, PaymentProcessing, PaymentAccepted, PaymentAuthorized, PaymentPaid, PaymentFailed, PaymentCancelled,
		PaymentExpired, PaymentUnknown, PaymentMismatch,
	} {
		c.Options = append(c.Options, ui.Option{Value: string(s), Label: s.word()})
	}
	return keeping(c, p.State.word())
}

// keeping offers the chosen value too where it is none of the options.
func keeping(c ui.Choice, label string) ui.Choice {
	for _, o := range c.Options {
		if o.Value == c.Value {
			return c
		}
	}
	if c.Value != "" {
		c.Options = append(c.Options, ui.Option{Value: c.Value, Label: label})
	}
	return c
}

// emptiness says why there is nothing to see: a title and a sentence.
func (p PaymentsPage) emptiness() (title, text string) {
	switch {
	case !p.Any:
		return "No payments yet", "Each attempt to pay an order appears here, whatever comes of it. Place an order in the shop to see the first."
	case p.Ref != "":
		return "Nothing found", "No such payment has the reference “" + p.Ref + "”. It is looked for whole, as the provider writes it."
	case p.filtered():
		return "Nothing found", "No payment is like that right now."
	default:
		return "No more payments", "There are none further this way."
	}
}

func (r PaymentRow) orderURL() string { return orderURL(r.Order) }

func (r PaymentRow) with() string { return with(r.Provider, ", ", r.Method) }

// meaning is what its state says about the money.
func (r PaymentRow) meaning() string {
	return Payment{State: r.State, Provider: r.Provider, Outside: r.Outside}.meaning()
}

// balance is one thing that money of the payment is.
type balance struct{ name, amount string }

// balances are what its money is now; none when none ever moved.
func (r PaymentRow) balances() []balance {
	b := r.Balances
	held := int64(0)
	if r.State == PaymentAuthorized {
		held = b.Authorized - b.Released
	}
	var all []balance
	for _, one := range []struct {
		name  string
		minor int64
	}{
		{"reserved", held}, {"taken", b.Captured}, {"on its way back", b.RefundPending}, {"gone back", b.Refunded}, {"disputed", b.Disputed},
	} {
		if one.minor != 0 {
			all = append(all, balance{one.name, amountOf(r.Amount.Currency, one.minor)})
		}
	}
	return all
}
