package e2e_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// wayTo is a way to one status of an order.
type wayTo struct {
	status string       // the machine's word, on the shopper's page and in the dashboard
	word   string       // the dashboard's, for people
	how    func(*visit) // what shopper, buyer, staff, provider and banks do
	house  string       // "manual": money is reserved first; "test": for tests; "brief": an order waits for moments
	mails  int          // that the shopper got; -1 is not looked at
}

// Every status of an order is reached by what people, banks and the provider do,
// and is said in the same word to the shopper and to staff. Withdrawn and draft
// are no statuses of a shop's orders: money that the acquirer has moved to the
// merchant's account is paid, and a draft is issued.
func waysToStatuses() []wayTo {
	return []wayTo{
		{"issued", "Issued", inTurn(goesToThePage, portal("cancel", ""), asksNow), "", 0},
		{"viewed", "Viewed", goesToThePage, "", 0},
		{"viewed", "Viewed", inTurn(goesToThePage, portal("set", "draft"), asksNow), "", 0},
		{"in_progress", "In progress", presses("pend"), "", 0},
		{"hold", "On hold", presses("approve"), "manual", -1},
		{"paid", "Paid", presses("approve"), "", 1},
		{"paid", "Paid", presses("ask"), "", 1},
		{"paid", "Paid", inTurn(presses("approve"), staff("captures", nil)), "manual", 1},
		{"paid", "Paid", inTurn(presses("approve"), portal("set", "withdrawn"), asksNow), "", 1},
		{"paid", "Paid", presses("approve"), "test", 1},
		{"received", "Received", inTurn(goesToThePage, staff("received", reason("paid in cash"))), "", 1},
		{"failed", "Failed", inTurn(fails("order_no_page"), isRefused), "", 0},
		{"failed", "Failed", presses("decline"), "", 0},
		{"rejected", "Rejected", presses("reject"), "", 0},
		{"overdue", "Overdue", inTurn(goesToThePage, portal("overdue", ""), asksNow), "", 0},
		{"expired", "Expired", goesToThePage, "brief", 0},
		{"cancelled", "Cancelled", cancelsHere, "", 0},
		{"cancelled", "Cancelled", inTurn(goesToThePage, staff("cancel", reason("out of clay"))), "", 0},
		{"cancelled", "Cancelled", inTurn(presses("approve"), staff("cancel", reason("out of clay"))), "manual", 0},
		{"refund_initiated", "Refund initiated", inTurn(presses("approve"), fails("refund_slow"), refund("21.00")), "", 1},
		{"partially_refunded", "Partially refunded", inTurn(presses("approve"), refund("10.00")), "", 2},
		{"partially_refunded", "Partially refunded", inTurn(presses("approve"), portal("refund_part", "")), "", -1},
		{"refunded", "Refunded", inTurn(presses("approve"), refund("")), "", 2},
		{"refunded", "Refunded", inTurn(presses("approve"), refund("10.00"), refund("")), "", 3},
		{"refunded", "Refunded", inTurn(presses("approve"), fails("refund_slow"), refund(""), portal("refund_done", "")), "", 2},
		{"refund_failed", "Refund failed", inTurn(presses("approve"), fails("refund_slow"), refund(""), portal("refund_fail", "")), "", 1},
		{"refund_reversed", "Refund reversed", inTurn(presses("approve"), refund(""), until("refunded"), portal("refund_reverse", "")), "", -1},
		{"reversal_initiated", "Reversal initiated", inTurn(presses("approve"), fails("reversal_slow"), staff("reversals", reason("a test of the till"))), "", 1},
		{"reversed", "Reversed", inTurn(presses("approve"), staff("reversals", reason("a test of the till"))), "", -1},
		{"reversal_failed", "Reversal failed", inTurn(presses("approve"), fails("reversal_slow"), staff("reversals", reason("a test of the till")), portal("reversal_fail", "")), "", 1},
		{"chargeback", "Chargeback", disputed("chargeback"), "", 1},
		{"representation", "Representation", disputed("chargeback", "representation"), "", 1},
		{"retrieval", "Retrieval", disputed("retrieval"), "", 1},
		{"prearbitration", "Pre-arbitration", disputed("chargeback", "prearbitration"), "", 1},
		{"arbitration", "Arbitration", disputed("chargeback", "prearbitration", "arbitration"), "", 1},
		{"precompliance", "Pre-compliance", disputed("precompliance"), "", 1},
		{"compliance", "Compliance", disputed("precompliance", "compliance"), "", 1},
		{"good_faith", "Good faith", disputed("good_faith"), "", 1},
		{"fraud_advice", "Fraud advice", disputed("fraud_advice"), "", 1},
		{"paid", "Paid", disputed("chargeback", "representation", "won"), "", 1},
	}
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	settings := map[string][]string{
		"": nil, "manual": {"GATE_CAPTURE=manual"}, "test": {"GATE_TEST=true"}, "brief": {"TILL_ORDER_OPEN_FOR=3s"},
	}
	for kind, more := range settings {
		t.Run("house "+kind, func(t *testing.T) {
			t.Parallel()
			h := furnish(t, "sqlite", "EUR", more, "gate")
			desk := signIn(t, h.url)
			for i, w := range waysToStatuses() {
				if w.house == kind {
					t.Run(fmt.Sprintf("%s %d", w.status, i), func(t *testing.T) { t.Parallel(); w.try(t, h, desk, i+1) })
				}
			}
		})
	}
}

// Every status that the list of orders can be narrowed to has a way to it.
func TestStatuses_AllHaveAWay(t *testing.T) {
	t.Parallel()
	h := setup(t, "sqlite")
	(&visit{house: h, shopper: newShopper(t, h.url), email: "aroha@example.test"}).goes()
	offered := 0
	for _, a := range tagged(signIn(t, h.url).get("/admin/orders").doc, "option") {
		status := value(a, "value")
		if value(a.Parent, "name") != "status" || status == "" || status == "needs_attention" {
			continue
		}
		offered++
		if !slices.ContainsFunc(waysToStatuses(), func(w wayTo) bool { return w.status == status }) {
			t.Errorf("no way to %s", status)
		}
	}
	if offered < 25 {
		t.Errorf("the list offers %d statuses", offered)
	}
}

func (w wayTo) try(t *testing.T, shared *house, desk office, n int) {
	h := shared.lent(t)
	v := &visit{house: h, shopper: newShopper(t, h.url), email: fmt.Sprintf("buyer-%d@example.test", n), staff: desk.lent(t)}
	v.method, v.mugs, v.minor = "gate:card", n, int64(n)*2100
	w.how(v)
	number := v.sees(v.order, w.status, patience).orderNumber()
	var got orderView
	eventually(t, patience, "the dashboard says "+w.status, func() (string, bool) {
		got = v.staff.order(number)
		return got.String(), got.status == w.status && (w.mails < 0 || got.mails == w.mails)
	})
	at := v.staff.get("/admin/orders/" + number)
	if says := words(tagged(at.doc, "h1")[0].Parent); !strings.Contains(says, w.word) {
		t.Errorf("the dashboard says %q, want %q", says, w.word)
	}
	if badge := strings.Contains(words(tagged(at.doc, "h1")[0].Parent), "TEST"); badge != (w.house == "test") {
		t.Errorf("marked as a test: %v", badge)
	}
	if !got.agrees {
		t.Errorf("the ledger does not add up: %s", got)
	}
	for _, line := range v.staff.list(v.email) {
		if line.status != w.status || line.number != number {
			t.Errorf("the list has %+v", line)
		}
	}
}

// inTurn does one thing after the other, each once the one before is known.
func inTurn(steps ...func(*visit)) func(*visit) {
	return func(v *visit) {
		for _, step := range steps {
			step(v)
		}
	}
}

func goesToThePage(v *visit) { v.goes() }

// presses pays, or does not, on the provider's page, and comes back.
func presses(decision string) func(*visit) {
	return func(v *visit) {
		v.goes()
		if to := v.decides(v.provider, decision); to != "" {
			v.comesBack(to)
		}
		want := map[string]string{"approve": "paid hold", "ask": "paid", "pend": "in_progress", "decline": "failed", "reject": "rejected"}[decision]
		eventually(v.t(), patience, "the shop knows of "+decision, func() (string, bool) {
			p := v.get(v.order)
			return p.String(), slices.Contains(strings.Fields(want), p.orderStatus())
		})
	}
}

// portal is what the merchant, or the bank, decides on pages that are not ours.
func portal(decision, status string) func(*visit) {
	return func(v *visit) { v.box.decide(v.only().Ref, decision, status) }
}

// until waits for a status.
func until(status string) func(*visit) {
	return func(v *visit) { v.sees(v.order, status, patience) }
}

func asksNow(v *visit) { v.staff.asks(v.get(v.order).orderNumber()) }

// fails has the next thing of this order go wrong.
func fails(fault string) func(*visit) {
	return func(v *visit) { v.rules = append(v.rules, v.box.goesWrong(wish{Fault: fault, Total: v.total()})) }
}

// staff do what the page of the order offers them.
func staff(verb string, fields url.Values) func(*visit) {
	return func(v *visit) {
		if p := v.staff.acts(v.get(v.order).orderNumber(), verb, fields); p.status != 200 {
			v.t().Errorf("%s is answered %s", verb, p)
		}
	}
}

func reason(text string) url.Values { return url.Values{"note": {text}} }

// refund gives an amount back; "" is what is left.
func refund(amount string) func(*visit) {
	return func(v *visit) {
		number := v.get(v.order).orderNumber()
		back := amount
		if back == "" {
			back = v.staff.left(number)
		}
		v.staff.refunds(number, back, "provider")
	}
}

// disputed pays, and goes through stages of a dispute.
func disputed(stages ...string) func(*visit) {
	return func(v *visit) {
		presses("approve")(v)
		for _, stage := range stages {
			portal(stage, "")(v)
			if stage == "won" {
				stage = "paid"
			}
			v.sees(v.order, stage, patience)
		}
	}
}

// total is what the order costs, as people write it.
func (v *visit) total() string { return fmt.Sprintf("%d.%02d", v.minor/100, v.minor%100) }
