package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// way is how somebody pays at one provider, with a mouse.
type way struct {
	provider, currency, total string
	method                    string // its name at the checkout
	pays                      func(*person, string)
	declines                  func(*person, string) // comes back unpaid
	says                      string                // what the order page says once it is paid at the provider
	status                    string
}

func ways() []way {
	return []way{
		{
			"gate", "EUR", "EUR 21.00", "Card",
			func(p *person, total string) {
				p.at("gate-pay")
				p.sees(total)
				p.look(p.named("gate-pay"))
				p.clicks("radio", "4000 0000 0000 3220 Asks your bank first (3-D Secure).")
				p.clicks("button", "Pay "+total)
				p.at("gate-bank")
				p.clicks("button", "Yes, confirm "+total)
			},
			func(p *person, total string) {
				p.at("gate-pay")
				p.clicks("button", "I refuse to pay")
			},
			thanks, "paid",
		},
		{
			"powens", "EUR", "EUR 21.00", "Powens",
			func(p *person, total string) {
				p.at("powens-choose")
				p.look(p.named("powens-choose"))
				p.clicks("radio", "Banque Azur Everything works.")
				p.clicks("button", "Continue to my bank")
				p.at("powens-bank")
				p.look(p.named("powens-bank"))
				p.clicks("button", "Approve "+total)
			},
			func(p *person, total string) {
				p.at("powens-choose")
				p.clicks("radio", "Banque Azur Everything works.")
				p.clicks("button", "Continue to my bank")
				p.at("powens-bank")
				p.clicks("button", "Refuse the transfer")
			},
			thanks, "paid",
		},
		{
			"pgm", "EUR", "EUR 21.00", "Card",
			func(p *person, total string) {
				p.at("pgm-pay")
				p.look(p.named("pgm-pay"))
				p.clicks("button", "Pay € 21.00")
			},
			func(p *person, total string) {
				p.at("pgm-pay")
				p.clicks("button", "Go back to "+shopName)
			},
			thanks, "paid",
		},
		{
			"pgm", "EUR", "EUR 21.00", "Satispay",
			func(p *person, total string) {
				p.at("pgm-pay")
				p.look(p.named("pgm-satispay"))
				p.clicks("button", "Pay € 21.00")
			},
			func(p *person, total string) {
				p.at("pgm-pay")
				p.clicks("button", "Go back to "+shopName)
			},
			thanks, "paid",
		},
		{
			"vertex", "NZD", "NZD 38.00", "Card",
			func(p *person, total string) {
				p.at("vertex-pay")
				p.look(p.named("vertex-pay"))
				p.clicks("button", "Pay "+total)
			},
			func(p *person, total string) {
				p.at("vertex-pay")
				p.clicks("button", "Leave without paying")
			},
			clearing, "in_progress",
		},
	}
}

// A first order at each provider: the shopper turns back there, pays the same
// order after all, and staff see it. Vertex's money takes days, and the page
// says so meanwhile.
func TestPay(t *testing.T) {
	t.Parallel()
	for _, script := range []bool{true, false} {
		for _, w := range ways() {
			name := w.provider + " " + w.method
			if !script {
				name += " plain"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				sit(t)
				h := furnish(t, "sqlite", w.currency, nil, w.provider)
				w.try(h, openWindow(t, h.url, script))
			})
		}
	}
}

func (w way) try(h *house, p *person) {
	p.t.Helper()
	p.picks()
	p.fillsIn()
	p.picksMethod(w.method)
	p.pays(w.total)
	w.declines(p, w.total)
	p.at("order")
	p.sees("This order is not paid yet")
	p.look(p.named("order-back-from-" + w.provider))
	if p.has("link", "Continue at") {
		p.opens("Start the payment anew")
	}
	p.picksMethod(w.method)
	p.pays(w.total)
	w.pays(p, w.total)
	p.at("order")
	p.sees(w.says)
	p.status(w.status)
	p.look(p.named("order-" + w.provider + "-" + w.status))
	if w.status != "paid" {
		h.box.lets(4 * 24 * time.Hour)
		p.seesWithin(patience, thanks)
		p.status("paid")
	}
	v := signIn(p.t, h.url).order("1001")
	if v.status != "paid" || len(v.captured) != 1 || v.mails != 1 {
		p.t.Errorf("%s", v)
	}
	paid := 0
	for _, o := range h.box.orders() {
		if o.Money.Captured > 0 {
			paid++
		}
	}
	if paid != 1 {
		p.t.Errorf("paid %d times at the provider: %+v", paid, h.box.orders())
	}
}

// An order is tried at one provider after the other: it keeps its number and its
// lines, and is paid once.
func TestPayElsewhere(t *testing.T) {
	t.Parallel()
	for _, script := range []bool{true, false} {
		t.Run(map[bool]string{true: "with script", false: "without script"}[script], func(t *testing.T) {
			t.Parallel()
			sit(t)
			h := furnish(t, "sqlite", "EUR,NZD", []string{"GATE_LABEL=Cardaq"}, "gate", "powens", "pgm", "iumicash", "vertex")
			p := openWindow(t, h.url, script)
			p.picks()
			p.look(p.named("cart-several"))
			p.fillsIn()
			p.look(p.named("checkout-several"))
			p.picksMethod("Card (Cardaq)")
			p.pays("EUR 21.00")
			p.at("gate-pay")
			p.clicks("radio", "4000 0000 0000 0002 The bank declines.")
			p.clicks("button", "Pay EUR 21.00")
			p.at("order")
			p.sees("Order 1001")
			p.look(p.named("order-declined"))
			if p.has("link", "Continue at") {
				p.opens("Start the payment anew")
			}
			p.picksMethod("Powens")
			p.pays("EUR 21.00")
			p.at("powens-choose")
			p.clicks("button", "Cancel and go back")
			p.at("order")
			if p.has("link", "Continue at") {
				p.opens("Start the payment anew")
			}
			p.picksMethod("Satispay")
			p.pays("EUR 21.00")
			p.at("pgm-pay")
			p.clicks("button", "Pay € 21.00")
			p.at("order")
			p.sees(thanks)
			p.sees("Order 1001")
			p.sees("1 × EUR 21.00")
			p.status("paid")
			v := signIn(t, h.url).order("1001")
			if v.status != "paid" || len(v.captured) != 1 || len(v.payments) != 3 || v.mails != 1 {
				t.Errorf("%s", v)
			}
			for _, o := range h.box.orders() {
				if o.Paid != (o.Provider == "pgm") {
					t.Errorf("paid %v: %+v", o.Paid, o)
				}
			}
		})
	}
}

// A bank takes the order to pay and says no more: the page says what that means,
// the inbox says it to staff, and what they see on the account counts.
func TestAccepted(t *testing.T) {
	t.Parallel()
	sit(t)
	h := furnish(t, "sqlite", "EUR", nil, "powens")
	p := newPerson(t, h.url)
	p.picks()
	p.fillsIn()
	p.picksMethod("Powens")
	p.pays("EUR 21.00")
	p.at("powens-choose")
	p.clicks("radio", "Caisse du Phare It takes a payment and never says how it ended.")
	p.clicks("button", "Continue to my bank")
	p.at("powens-bank")
	p.clicks("button", "Approve EUR 21.00")
	p.at("order")
	p.sees(accepted)
	p.look("order-accepted")
	order := p.address()

	p.goes("/admin/inbox")
	p.signsIn(staffEmail, staffPassword)
	p.at("admin-inbox")
	p.sees("The bank took the order to pay EUR 21.00")
	p.look("admin-inbox-accepted")
	p.clicks("link", p.called("link", "Accept", "the bank says no more"))
	p.at("admin-inbox-item")
	p.look("admin-inbox-item")
	p.clicks("button", "Accept")
	p.sees("There is a problem")
	p.types("Why", "it is on the account")
	p.clicks("button", "Accept")
	p.at("admin-inbox")
	p.sees("All clear")
	p.look("admin-inbox-clear")
	p.goes(order)
	p.at("order")
	p.sees(thanks)
	p.status("paid")
}

// picks puts a mug into the cart.
func (p *person) picks() {
	p.t.Helper()
	p.goes("/products/stoneware-mug")
	p.at("product")
	p.clicks("button", "Add to cart")
	p.at("cart")
}

// fillsIn goes to the checkout and says who and where to.
func (p *person) fillsIn() {
	p.t.Helper()
	p.clicks("link", "Go to checkout")
	p.at("checkout")
	p.saysWho()
}

// picksMethod chooses how to pay, where there is a choice.
func (p *person) picksMethod(name string) {
	p.t.Helper()
	all, err := p.things("radio")
	p.must(err)
	if slices.ContainsFunc(all, func(g thing) bool { return g.name == name }) {
		p.clicks("radio", name)
	}
}

// pays presses the button that pays, however many ways there are.
func (p *person) pays(total string) {
	p.t.Helper()
	p.clicks("button", p.called("button", "Pay "+total, ""))
}

// called waits for something whose name begins like this and ends like that, and
// returns the name.
func (p *person) called(role, begins, ends string) (name string) {
	p.t.Helper()
	eventually(p.t, soon, "finds "+role+" "+begins+"…"+ends, func() (string, bool) {
		all, err := p.things(role)
		for _, g := range all {
			if strings.HasPrefix(g.name, begins) && strings.HasSuffix(g.name, ends) {
				name = g.name
			}
		}
		return fmt.Sprint(all, err), name != ""
	})
	return name
}

// has reports whether there is something that is called like this.
func (p *person) has(role, begins string) bool {
	p.t.Helper()
	all, err := p.things(role)
	p.must(err)
	for _, g := range all {
		if strings.HasPrefix(g.name, begins) {
			return true
		}
	}
	return false
}

// opens unfolds something.
func (p *person) opens(name string) { p.t.Helper(); p.clicks("DisclosureTriangle", name) }

// named is the name of a picture.
func (p *person) named(name string) string {
	if p.script {
		return name
	}
	return "plain-" + name
}
