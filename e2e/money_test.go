package e2e_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// bothWays runs a test with script and without.
func bothWays(t *testing.T, test func(t *testing.T, open func(t *testing.T, shop string) *person)) {
	t.Helper()
	t.Parallel()
	t.Run("with script", func(t *testing.T) { t.Parallel(); sit(t); test(t, newPerson) })
	t.Run("without script", func(t *testing.T) { t.Parallel(); sit(t); test(t, newPlainPerson) })
}

// buyer is a visit by somebody who buys so many mugs and pays so.
func buyer(t *testing.T, h *house, method string, mugs int) *visit {
	t.Helper()
	v := &visit{house: h.lent(t), shopper: newShopper(t, h.url), email: fmt.Sprintf("buyer-%d@example.test", mugs)}
	provider, _, _ := strings.Cut(method, ":")
	v.box = v.box.at(provider)
	v.method, v.mugs, v.minor = method, mugs, int64(mugs)*2100
	return v
}

// Money goes back in part, then the rest; a refund fails later; money that came
// for a cancelled order goes back by itself, once; and money that came twice is
// found and given back.
func TestRefund(t *testing.T) {
	bothWays(t, func(t *testing.T, open func(*testing.T, string) *person) {
		h := furnish(t, "sqlite", "EUR", nil, "gate", "pgm")
		p := open(t, h.url)
		p.goes("/admin")
		p.signsIn(staffEmail, staffPassword)
		p.at("admin-overview")

		v := buyer(t, h, "gate:card", 1)
		returns(v)
		v.sees(v.order, "paid", patience)
		p.opensOrder("1001", "paid")
		p.look(p.named("admin-order-powers"))
		p.clicks("link", "Refund")
		p.at("admin-refund")
		p.look(p.named("admin-refund"))
		p.types("Amount", "50.00")
		p.clicks("button", "Look at it first")
		p.sees("There is a problem")
		p.look(p.named("admin-refund-mistake"))
		p.refunds("5.00", "EUR 5.00")
		p.sees("Gone back: Gate has given EUR 5.00 back to the shopper.")
		p.status("partially_refunded")
		p.clicks("link", "Refund")
		p.at("admin-refund")
		p.refunds("16.00", "EUR 16.00")
		p.sees("Gone back: Gate has given EUR 16.00 back to the shopper.")
		p.status("refunded")
		p.misses("link", "Refund")
		p.look(p.named("admin-order-refunded"))
		if o := v.only(); o.Money.Refunded != 2100 || len(o.Money.Refunds) != 2 {
			t.Errorf("at the provider: %+v", o.Money)
		}
		p.goes(v.order)
		p.at("order")
		p.sees("Your payment was refunded")
		p.look(p.named("order-refunded"))

		v = buyer(t, h, "gate:card", 2)
		returns(v)
		v.sees(v.order, "paid", patience)
		h.box.goesWrong(wish{Fault: "refund_fails", Delay: "2h", Times: 1, Total: v.total()})
		p.opensOrder("1002", "paid")
		p.clicks("link", "Refund")
		p.at("admin-refund")
		p.refunds("42.00", "EUR 42.00")
		p.sees("On its way")
		p.status("refund_initiated")
		p.look(p.named("admin-order-refund-under-way"))
		h.box.lets(3 * time.Hour)
		v.sees(v.order, "refund_failed", patience)
		p.opensOrder("1002", "refund_failed")
		p.sees("A refund did not happen")
		p.look(p.named("admin-order-refund-failed"))
		if got := signIn(t, h.url).order("1002"); got.mails != 1 {
			t.Errorf("the shopper was told of a refund that did not happen: %s", got)
		}
		p.goes(v.order)
		p.at("order")
		p.look(p.named("order-refund-failed"))
		p.goes("/admin/inbox")
		p.at("admin-inbox")
		p.called("link", "Refund", "a refund did not happen")
		p.look(p.named("admin-inbox-refund-failed"))

		v = buyer(t, h, "gate:card", 3)
		cancelsHere(v)
		v.box.decide(v.only().Ref, "complete", "")
		eventually(t, patience, "the money goes back", func() (string, bool) {
			o := v.only()
			return fmt.Sprintf("%+v", o.Money), o.Money.Refunded == 6300
		})
		h.box.lets(time.Hour)
		if o := v.only(); len(o.Money.Refunds) != 1 || o.Money.Refunded != o.Money.Captured {
			t.Errorf("it did not go back once: %+v", o.Money)
		}
		eventually(t, patience, "the shop knows that it went back", func() (string, bool) {
			shown := v.get(v.order).String()
			return shown, strings.Contains(shown, "Sent back")
		})
		p.opensOrder("1003", "cancelled")
		p.sees("Captured EUR 63.00")
		p.sees("Refunded EUR 63.00")
		p.look(p.named("admin-order-cancelled-late-money"))
		p.goes(v.order)
		p.at("order")
		p.sees("This order is cancelled")
		p.status("cancelled")
		p.look(p.named("order-cancelled-late-money"))

		v = buyer(t, h, "gate:card", 4)
		v.goes()
		first := v.only().Ref
		v.method = "pgm:stripe/credit-cards"
		again, ok := v.get(v.order).form(strings.TrimPrefix(v.order, v.url) + "/payments")
		if !ok {
			t.Fatalf("the order cannot be paid elsewhere: %s", v.get(v.order))
		}
		v.chooses(v.get(v.order), again)
		v.comesBack(v.decides(v.post(v.order+"/payments", again).to, "approve"))
		v.sees(v.order, "paid", patience)
		v.box.decide(first, "complete", "")
		eventually(t, patience, "a second payment is found", func() (string, bool) {
			got := signIn(t, h.url).order("1004")
			return got.String(), strings.Join(got.attention, "") == "Paid twice"
		})
		p.goes("/admin/inbox")
		p.at("admin-inbox")
		p.sees("Order 1004 was paid more than once: EUR 84.00 more was taken than it costs.")
		p.look(p.named("admin-inbox-paid-twice"))
		p.clicks("link", p.called("link", "Refund", "paid twice"))
		p.at("admin-refund")
		p.refunds("84.00", "EUR 84.00")
		p.at("admin-order")
		eventually(t, patience, "one payment is left", func() (string, bool) {
			got := signIn(t, h.url).order("1004")
			return got.String(), len(got.attention) == 0 && len(got.captured) == 2
		})
		kept := int64(0)
		for _, o := range h.box.orders() {
			if o.Minor == 8400 {
				kept += o.Money.Captured - o.Money.Refunded
			}
		}
		if kept != 8400 {
			t.Errorf("%d is kept for an order of 8400", kept)
		}
		p.look(p.named("admin-order-paid-twice-refunded"))
	})
}

// Reserved money is taken in part, given back, and goes back when the order is
// cancelled.
func TestReserved(t *testing.T) {
	bothWays(t, func(t *testing.T, open func(*testing.T, string) *person) {
		h := furnish(t, "sqlite", "EUR", []string{"GATE_CAPTURE=manual"}, "gate")
		p := open(t, h.url)
		p.goes("/admin")
		p.signsIn(staffEmail, staffPassword)
		p.at("admin-overview")
		var all []*visit
		for mugs := range 3 {
			v := buyer(t, h, "gate:card", mugs+1)
			returns(v)
			v.sees(v.order, "hold", patience)
			all = append(all, v)
		}
		p.goes(all[0].order)
		p.at("order")
		p.sees("Your payment is reserved")
		p.look(p.named("order-reserved"))

		p.opensOrder("1001", "hold")
		p.look(p.named("admin-order-hold"))
		p.clicks("link", "Capture")
		p.at("admin-act")
		p.look(p.named("admin-capture"))
		p.types("Amount", "15.00")
		p.clicks("button", "Take it")
		p.at("admin-order")
		p.sees("Taken: EUR 15.00.")
		p.status("paid")
		if o := all[0].only(); o.Money.Captured != 1500 || o.Money.Authorized != 0 {
			t.Errorf("at the provider: %+v", o.Money)
		}
		p.look(p.named("admin-order-captured"))

		p.opensOrder("1002", "hold")
		p.clicks("link", "Void")
		p.at("admin-act")
		p.look(p.named("admin-void"))
		p.clicks("button", "Release EUR 42.00")
		p.at("admin-order")
		p.sees("Released: EUR 42.00 is reserved no longer.")
		p.status("issued")

		p.opensOrder("1003", "hold")
		p.clicks("link", "Cancel the order")
		p.at("admin-act")
		p.look(p.named("admin-cancel"))
		p.clicks("button", "Cancel the order")
		p.sees("There is a problem")
		p.types("Why", "out of clay")
		p.clicks("button", "Cancel the order")
		p.at("admin-order")
		p.status("cancelled")
		for _, v := range all[1:] {
			if o := v.only(); o.Money.Captured != 0 || o.Money.Authorized != 0 {
				t.Errorf("at the provider: %+v", o.Money)
			}
		}
		p.look(p.named("admin-order-cancelled"))
	})
}

// opensOrder opens an order's page in the dashboard.
func (p *person) opensOrder(number, status string) {
	p.t.Helper()
	p.goes("/admin/orders/" + number)
	p.at("admin-order")
	p.status(status)
}

// refunds fills in the form of a refund, looks at what it will do, and does it.
func (p *person) refunds(amount, total string) {
	p.t.Helper()
	p.types("Amount", amount)
	p.types("Why", "broken in the post")
	p.clicks("button", "Look at it first")
	p.at("admin-refund-preview")
	p.look(p.named("admin-refund-preview"))
	p.clicks("button", "Give back "+total)
	p.at("admin-order")
}
