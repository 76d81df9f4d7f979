package e2e_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// misdelivery is one thing that can go wrong with a payment, and how it ends.
type misdelivery struct {
	wish  wish         // the fault, with its endpoint and parameters
	story func(*visit) // what shopper, buyer and provider do meanwhile

	status    string // of the order in the end, in shop and dashboard
	says      string // what the shopper reads then
	attention string // what a person is told, in the dashboard's words; "" for nobody
	paid      bool   // at the provider
	captured  int    // facts of captured money
	by        string // what brought the news of the money: part of the fact's source; "" where several may
	answer    int    // our answer to the first try of the first callback; 0 is not looked at
}

// lasting is what a fault of the wire is told to strike often enough to outlast
// the client's own three tries.
const lasting = 3

// The table: one line per misdelivery. TestMisdelivery_TableIsWhole holds it to
// the sandbox's catalogue.
func misdeliveries() []misdelivery {
	wire := func(endpoint, fault string, times int) wish {
		return wish{Fault: fault, Endpoint: endpoint, Times: times}
	}
	slow := func(endpoint, delay string) wish {
		return wish{Fault: "slow", Endpoint: endpoint, Times: 1, Delay: delay}
	}
	return []misdelivery{
		// Callbacks. The buyer closes the window after Approve, so that nobody but
		// the callback and the timer can bring the news.
		{wish{Fault: "callback_lost"}, leaves, "paid", thanks, "", true, 1, "timer", 0},
		{wish{Fault: "callback_late", Delay: "10m"}, leaves, "paid", thanks, "", true, 1, "timer", 200},
		{wish{Fault: "callback_held"}, leaves, "paid", thanks, "", true, 1, "timer", 200},
		{wish{Fault: "callback_doubled"}, leaves, "paid", thanks, "", true, 1, "callback", 200},
		{wish{Fault: "callback_before_return"}, returns, "paid", thanks, "", true, 1, "", 200},
		{wish{Fault: "callback_after_return", Delay: "15s"}, returns, "paid", thanks, "", true, 1, "return page", 200},
		{wish{Fault: "callback_out_of_order"}, leaves, "paid", thanks, "", true, 1, "callback", 200},
		{wish{Fault: "callback_stale_replay"}, leaves, "paid", thanks, "", true, 1, "callback", 200},
		{wish{Fault: "callback_wrong_signature"}, leaves, "paid", thanks, "", true, 1, "timer", 401},
		{wish{Fault: "callback_no_signature"}, leaves, "paid", thanks, "", true, 1, "timer", 401},
		{wish{Fault: "callback_uppercase_signature"}, leaves, "paid", thanks, "", true, 1, "callback", 200},
		{wish{Fault: "callback_wrong_amount", Amount: "-1.00"}, leaves, "paid", thanks, "", true, 1, "callback", 200},
		{wish{Fault: "callback_wrong_currency", Word: "EUR"}, leaves, "paid", thanks, "", true, 1, "callback", 200},
		{wish{Fault: "callback_wrong_external_id"}, leaves, "paid", thanks, "", true, 1, "callback", 200},
		{wish{Fault: "callback_wrong_id"}, leaves, "paid", thanks, "", true, 1, "timer", 200},
		{wish{Fault: "callback_wrong_status", Word: "cancelled"}, leaves, "paid", thanks, "", true, 1, "callback", 200},
		{wish{Fault: "callback_amounts_as_strings"}, leaves, "paid", thanks, "", true, 1, "callback", 200},
		{wish{Fault: "callback_huge"}, leaves, "paid", thanks, "", true, 1, "timer", 413},

		// The order itself.
		{wish{Fault: "order_no_approve_link"}, isRefused, "failed", "did not accept", "", false, 0, "", 0},
		{wish{Fault: "order_foreign_approve_link"}, isRefused, "failed", "did not accept", "", false, 0, "", 0},
		{wish{Fault: "order_foreign_self_link"}, returns, "paid", thanks, "", true, 1, "", 200},
		{wish{Fault: "order_wrong_amount", Amount: "1.00"}, returns, "in_progress", looking, mismatch, true, 1, "", 200},
		{wish{Fault: "order_wrong_amount", Amount: "-1.00"}, leaves, "in_progress", looking, mismatch, true, 1, "", 200},
		{wish{Fault: "order_wrong_currency", Word: "EUR"}, returns, "in_progress", looking, mismatch, true, 1, "", 200},
		{wish{Fault: "order_stays_approved"}, staysApproved, "in_progress", confirming, "", false, 0, "", 200},
		{wish{Fault: "order_stays_approved"}, completesLater, "paid", thanks, "", true, 1, "", 200},
		{wish{Fault: "order_status", Word: "in_review"}, returns, "viewed", confirming, "", false, 0, "", 200},
		{wish{Fault: "order_status", Word: "captured"}, returns, "paid", thanks, "", true, 1, "", 200},

		// The buyer.
		{wish{Fault: "create_payment_limit"}, isRefused, "failed", "above a limit", "", false, 0, "", 0},
		{wish{Fault: "create_not_active"}, isRefused, "failed", "not active", "", false, 0, "", 0},
		{wish{Fault: "create_balance_low"}, isRefused, "failed", "not enough money", "", false, 0, "", 0},
		{wish{Fault: "create_disabled_by_user"}, isRefused, "failed", "turned off", "", false, 0, "", 0},
		{wish{Fault: "buyer_abandons"}, walksAway, "viewed", "Nothing was charged", "", false, 0, "", 0},

		// The wire, when the shop asks for its token.
		{wire("token", "unavailable", lasting), returns, "paid", thanks, "", true, 1, "", 200},
		{wire("token", "broken", lasting), returns, "paid", thanks, "", true, 1, "", 200},
		{wire("token", "connection_cut", lasting), returns, "paid", thanks, "", true, 1, "", 200},
		{slow("token", "9s"), returns, "paid", thanks, "", true, 1, "", 200},
		{wire("token", "answer_lost", lasting), returns, "paid", thanks, "", true, 1, "", 200},
		{wish{Fault: "rate_limited", Endpoint: "token", Times: lasting, Delay: "1s"}, returns, "paid", thanks, "", true, 1, "", 200},
		{wire("token", "answer_not_json", 1), returns, "paid", thanks, "", true, 1, "", 200},
		{wire("token", "answer_huge", 1), returns, "paid", thanks, "", true, 1, "", 200},
		{wire("token", "unauthorised", 1), returns, "paid", thanks, "", true, 1, "", 200},
		{wire("token", "forbidden", 1), returns, "paid", thanks, "", true, 1, "", 200},
		{wish{Fault: "token_short", Delay: "1s"}, leaves, "paid", thanks, "", true, 1, "", 200},

		// The wire, when the order is made.
		{wire("create", "unavailable", lasting), returns, "paid", thanks, "", true, 1, "", 200},
		{wire("create", "broken", lasting), returns, "paid", thanks, "", true, 1, "", 200},
		{wire("create", "connection_cut", lasting), returns, "paid", thanks, "", true, 1, "", 200},
		{slow("create", "9s"), returns, "paid", thanks, "", true, 1, "", 200},
		{wire("create", "answer_lost", 1), returns, "paid", thanks, "", true, 1, "", 200},
		{wire("create", "answer_lost", lasting), returns, "paid", thanks, "", true, 1, "", 200},
		{wish{Fault: "rate_limited", Endpoint: "create", Times: lasting, Delay: "1s"}, returns, "paid", thanks, "", true, 1, "", 200},
		{wire("create", "answer_not_json", 1), returns, "paid", thanks, "", true, 1, "", 200},
		{wire("create", "answer_huge", 1), returns, "paid", thanks, "", true, 1, "", 200},
		{wire("create", "unauthorised", 2), returns, "paid", thanks, "", true, 1, "", 200},
		{wire("create", "forbidden", 1), returns, "paid", thanks, "", true, 1, "", 200},
		{wire("create", "amounts_as_strings", 0), returns, "paid", thanks, "", true, 1, "", 200},

		// The wire, when the shop asks what became of it.
		{wire("read", "unavailable", lasting), leaves, "paid", thanks, "", true, 1, "", 200},
		{wire("read", "broken", lasting), returns, "paid", thanks, "", true, 1, "", 200},
		{wire("read", "connection_cut", lasting), returns, "paid", thanks, "", true, 1, "", 200},
		{slow("read", "9s"), returns, "paid", thanks, "", true, 1, "", 200},
		{wire("read", "answer_lost", lasting), leaves, "paid", thanks, "", true, 1, "", 200},
		{wish{Fault: "rate_limited", Endpoint: "read", Times: lasting, Delay: "1s"}, returns, "paid", thanks, "", true, 1, "", 200},
		{wire("read", "answer_not_json", 1), returns, "paid", thanks, "", true, 1, "", 200},
		{wire("read", "answer_huge", 1), leaves, "paid", thanks, "", true, 1, "", 200},
		{wire("read", "unauthorised", 2), leaves, "paid", thanks, "", true, 1, "", 200},
		{wire("read", "forbidden", 1), returns, "paid", thanks, "", true, 1, "", 200},
		{wire("read", "amounts_as_strings", 0), returns, "paid", thanks, "", true, 1, "", 200},
		{wire("read", "get_not_supported", 0), leaves, "paid", thanks, "", true, 1, "", 200},
		{wire("read", "read_answers_201", 0), leaves, "paid", thanks, "", true, 1, "", 200},

		// The wire, when the shop takes the order back.
		{wire("cancel", "unavailable", lasting), cancelsHere, "cancelled", "This order is cancelled", "", false, 0, "", 0},
		{wire("cancel", "broken", lasting), cancelsHere, "cancelled", "This order is cancelled", "", false, 0, "", 0},
		{wire("cancel", "connection_cut", lasting), cancelsHere, "cancelled", "This order is cancelled", "", false, 0, "", 0},
		{slow("cancel", "9s"), cancelsHere, "cancelled", "This order is cancelled", "", false, 0, "", 0},
		{wire("cancel", "answer_lost", lasting), cancelsHere, "cancelled", "This order is cancelled", "", false, 0, "", 0},
		{wish{Fault: "rate_limited", Endpoint: "cancel", Times: lasting, Delay: "1s"}, cancelsHere, "cancelled", "This order is cancelled", "", false, 0, "", 0},
		{wire("cancel", "answer_not_json", 1), cancelsHere, "cancelled", "This order is cancelled", "", false, 0, "", 0},
		{wire("cancel", "answer_huge", 1), cancelsHere, "cancelled", "This order is cancelled", "", false, 0, "", 0},
		{wire("cancel", "unauthorised", 2), cancelsHere, "cancelled", "This order is cancelled", "", false, 0, "", 0},
		{wire("cancel", "forbidden", 1), cancelsHere, "cancelled", "This order is cancelled", "", false, 0, "", 0},
		{wire("cancel", "amounts_as_strings", 0), cancelsHere, "cancelled", "This order is cancelled", "", false, 0, "", 0},

		// The wire, when the buyer is on the provider's page.
		{wire("page", "unavailable", 1), returns, "paid", thanks, "", true, 1, "", 200},
		{wire("page", "broken", 1), returns, "paid", thanks, "", true, 1, "", 200},
		{wire("page", "connection_cut", 1), returns, "paid", thanks, "", true, 1, "", 200},
		{slow("page", "1s"), returns, "paid", thanks, "", true, 1, "", 200},
		{wire("page", "answer_lost", 1), returns, "paid", thanks, "", true, 1, "", 200},
		{wire("approve", "unavailable", 1), returns, "paid", thanks, "", true, 1, "", 200},
		{wire("approve", "broken", 1), returns, "paid", thanks, "", true, 1, "", 200},
		{wire("approve", "connection_cut", 1), returns, "paid", thanks, "", true, 1, "", 200},
		{slow("approve", "1s"), returns, "paid", thanks, "", true, 1, "callback", 200},
		{wire("approve", "answer_lost", 1), returns, "paid", thanks, "", true, 1, "", 200},

		// Stories made of several.
		{wish{}, returns, "paid", thanks, "", true, 1, "", 200},
		{wish{}, cancelsThere, "issued", "You stopped the payment", "", false, 0, "", 200},
		{slow("create", "3s"), approvedBeforeWeKnew, "paid", thanks, "", true, 1, "", 200},
		{wish{}, paidAfterCancelThere, "paid", thanks, "", true, 1, "", 200},
		{wish{}, paidAfterCancelHere, "cancelled", "Money came for it all the same", "Paid after it was cancelled", true, 1, "", 200},
		{wish{}, paidThenLess, "paid", thanks, "The provider contradicts itself", false, 1, "", 200},
		{wish{}, paidTwice, "paid", "more came than it costs", "Paid twice", true, 2, "", 200},
		{wire("read", "answer_lost", 0), hiddenSuccess, "paid", thanks, "", true, 1, "", 200},
	}
}

// never are endpoints that no payment of the shop's comes by.
var never = map[string]string{"capture": "the shop takes no money by hand from iumiCash"}

// aboutConcurrency are those that are tried on both databases.
var aboutConcurrency = []string{"callback_doubled", "callback_before_return", "callback_out_of_order", "approvedBeforeWeKnew", "paidTwice"}

func (m misdelivery) name() string {
	parts := slices.DeleteFunc([]string{m.wish.Endpoint, m.wish.Fault, m.wish.Word, m.wish.Amount, storyName(m.story)}, func(s string) bool { return s == "" })
	if m.wish.Times > 0 && m.wish.Endpoint != "" {
		parts = append(parts, fmt.Sprintf("%dx", m.wish.Times))
	}
	return strings.Join(parts, " ")
}

func TestMisdelivery(t *testing.T) {
	t.Parallel()
	for _, m := range misdeliveries() {
		for _, kind := range []string{"sqlite", "postgres"} {
			if kind == "postgres" && !slices.ContainsFunc(aboutConcurrency, func(s string) bool { return strings.Contains(m.name(), s) }) {
				continue
			}
			t.Run(m.name()+" "+kind, func(t *testing.T) {
				t.Parallel()
				m.try(t, setup(t, kind))
			})
		}
	}
}

// The table has a line for everything that the sandbox can do wrong, wherever
// it can strike.
func TestMisdelivery_TableIsWhole(t *testing.T) {
	t.Parallel()
	tried := map[string]bool{}
	for _, m := range misdeliveries() {
		tried[m.wish.Fault+" "+m.wish.Endpoint] = true
		tried[m.wish.Fault] = true
	}
	known := map[string]bool{"": true}
	for _, f := range openBox(t, "http://shop.test").catalogue() {
		known[f.Name] = true
		if !tried[f.Name] {
			t.Errorf("no line for %s", f.Name)
		}
		for _, endpoint := range f.Endpoints {
			if alone := len(f.Endpoints) == 1; never[endpoint] == "" && !alone && !tried[f.Name+" "+endpoint] {
				t.Errorf("no line for %s at %s", f.Name, endpoint)
			}
		}
	}
	for _, m := range misdeliveries() {
		if !known[m.wish.Fault] {
			t.Errorf("the sandbox has no %s", m.wish.Fault)
		}
	}
}

// try lets it go wrong and looks at the end, then lets everything that is still
// on its way arrive and looks again.
func (m misdelivery) try(t *testing.T, h *house) {
	if m.wish.Fault != "" {
		h.box.goesWrong(m.wish)
	}
	v := &visit{house: h, shopper: newShopper(t, h.url), email: "aroha@example.test"}
	m.story(v)
	shop := v.sees(v.order, m.status, patience)
	staff := signIn(t, h.url)
	number := shop.orderNumber()
	mails := 0 // the shopper gets one when the order is paid, whatever comes after
	if m.status == "paid" {
		mails = 1
	}
	var got orderView
	ends := func() (string, bool) {
		got = staff.order(number)
		return got.String(), got.status == m.status && strings.Join(got.attention, ", ") == m.attention && len(got.captured) == m.captured &&
			got.waiting == 0 && got.mails == mails
	}
	end := fmt.Sprintf("order %s ends %q, attention %q, %d captured, %d mails", number, m.status, m.attention, m.captured, mails)
	eventually(t, patience, end, ends)
	if m.wish.Fault != "" {
		if n := h.box.struck(); n < max(1, m.wish.Times) {
			t.Errorf("it struck %d times, so nothing was tried", n)
		}
		h.box.allIsWell()
	}
	h.box.release()
	h.box.lets(time.Hour)
	eventually(t, patience, end+", after everything has arrived", ends)

	if m.by != "" && !strings.Contains(got.captured[0].by, m.by) {
		t.Errorf("the news came by %q, want %q", got.captured[0].by, m.by)
	}
	if !got.agrees {
		t.Error("the ledger does not add up")
	}
	if shown := v.get(v.order); shown.orderStatus() != m.status || !strings.Contains(shown.text(), m.says) {
		t.Errorf("the shopper is not shown %q, %q: %s", m.status, m.says, shown)
	}
	m.compare(t, h, got)
}

// compare holds the shop to the sandbox's truth: what was paid there is paid
// here, and nothing else is, or a person is told.
func (m misdelivery) compare(t *testing.T, h *house, got orderView) {
	t.Helper()
	paid := 0
	for _, o := range h.box.orders() {
		if !slices.ContainsFunc(got.payments, func(p paymentView) bool { return p.ref == o.Ref || p.id == o.ExternalID }) {
			t.Errorf("the provider has an order that no payment of ours is: %+v", o)
		}
		if o.Paid {
			paid++
		}
		if told := len(got.attention) > 0; o.Paid && (got.status != "paid" || !o.honest()) && !told {
			t.Errorf("paid at the provider, %q here, and nobody is told: %+v", got.status, o)
		}
		if m.answer != 0 && o.Paid {
			m.heard(t, h.box.deliveries(o.Ref))
		}
	}
	if m.paid != (paid > 0) {
		t.Errorf("%d orders are paid at the provider, want paid: %v", paid, m.paid)
	}
	if got.status == "paid" && paid == 0 && len(got.attention) == 0 {
		t.Error("paid here, not at the provider, and nobody is told")
	}
}

// heard looks at our answer to the first callback's first try.
func (m misdelivery) heard(t *testing.T, all []delivery) {
	t.Helper()
	if len(all) == 0 || len(all[len(all)-1].Attempts) == 0 {
		t.Error("nobody was called back")
		return
	}
	first := all[len(all)-1].Attempts[0]
	if first.Status != m.answer || m.answer == http.StatusOK && first.Answer != "OK" {
		t.Errorf("the callback was answered %d %q, want %d", first.Status, first.Answer, m.answer)
	}
}

// visit is a shopper's way through one misdelivery.
type visit struct {
	*house
	*shopper
	email    string
	order    string // address of the order page
	provider string // address of the provider's page

	// What is known of one visit among many in one house.
	minor int64 // what the order costs; 0 when it is the only one
	staff office
	rules []rule // what goes wrong
}

// goes brings the shopper to the provider's page.
func (v *visit) goes() {
	v.t().Helper()
	v.order, v.provider = v.goesToPay(v.email)
	if v.provider == "" {
		v.t().Fatalf("the order page leads nowhere: %s", v.get(v.order))
	}
}

func (v *visit) t() testing.TB { return v.house.t }

// comesBack follows the provider's redirect to the order page.
func (v *visit) comesBack(to string) {
	v.t().Helper()
	if to == "" {
		v.t().Fatal("the provider sends nobody back")
	}
	if p := v.follow(v.get(to)); p.url.String() != v.order {
		v.t().Errorf("came back to %s, want %s", p, v.order)
	}
}

// The buyer approves and is sent back to the shop.
func returns(v *visit) {
	v.goes()
	v.comesBack(v.decides(v.provider, "approve"))
}

// The buyer approves and closes the window.
func leaves(v *visit) {
	v.goes()
	v.decides(v.provider, "approve")
}

// The buyer presses Cancel at the provider and is sent back.
func cancelsThere(v *visit) {
	v.goes()
	v.comesBack(v.decides(v.provider, "cancel"))
	eventually(v.t(), patience, "the page says that it was cancelled", func() (string, bool) {
		p := v.get(v.order)
		return p.String(), strings.Contains(p.text(), "This order is not paid yet") && strings.Contains(p.text(), "You stopped the payment")
	})
}

// The provider says no when the order is made: the order page offers to pay the
// same order again.
func isRefused(v *visit) {
	v.order, v.provider = v.goesToPay(v.email)
	p := v.get(v.order)
	if v.provider != "" {
		v.t().Errorf("sent to %s", v.provider)
	}
	if _, ok := p.form(strings.TrimPrefix(v.order, v.url) + "/payments"); !ok {
		v.t().Errorf("the order cannot be paid again: %s", p)
	}
}

// The buyer presses Approve, but has left.
func walksAway(v *visit) {
	v.goes()
	if to := v.decides(v.provider, "approve"); to != "" {
		v.t().Errorf("sent to %s", to)
	}
}

// The buyer approves, and the money does not come.
func staysApproved(v *visit) {
	returns(v)
	if p := v.get(v.order); !strings.Contains(p.text(), "We are confirming your payment") {
		v.t().Errorf("not confirming: %s", p)
	}
}

// The buyer approves, and the money comes while the shopper looks on.
func completesLater(v *visit) {
	staysApproved(v)
	v.box.decide(v.only().Ref, "complete", "")
}

// The shopper thinks better of it and cancels the order in the shop, as often as
// it takes.
func cancelsHere(v *visit) {
	v.goes()
	eventually(v.t(), patience, "the order is cancelled", func() (string, bool) {
		p := v.follow(v.post(v.order+"/cancel", map[string][]string{"then": {"order"}}))
		return p.String(), p.orderStatus() == "cancelled"
	})
	if o := v.only(); o.Paid || slices.Contains([]string{"approved", "completed"}, o.Status) {
		v.t().Errorf("cancelled here, %q there", o.Status)
	}
}

// The buyer approves before the shop has the answer to its own call: on a second
// device, say, while ours is slow.
func approvedBeforeWeKnew(v *visit) {
	v.shops()
	form := v.details(v.email)
	var wg sync.WaitGroup
	wg.Go(func() {
		p := v.post("/checkout", form)
		v.provider = p.to
	})
	var ref string
	eventually(v.t(), patience, "the provider has the order", func() (string, bool) {
		all := v.mine()
		if len(all) > 0 {
			ref = all[0].Ref
		}
		return fmt.Sprint(all), ref != ""
	})
	v.box.decide(ref, "approve", "")
	wg.Wait()
	p := v.follow(v.get(v.provider))
	if v.order = p.url.String(); !strings.HasPrefix(v.order, v.url+"/orders/") {
		if v.order = p.link("Return to"); v.order == "" {
			v.t().Fatalf("not on the order page: %s", p)
		}
		v.order = v.follow(v.get(v.order)).url.String()
	}
}

// The buyer cancels at the provider, and the money comes all the same.
func paidAfterCancelThere(v *visit) {
	cancelsThere(v)
	v.box.decide(v.only().Ref, "complete", "")
}

// The shopper cancels here, and the money comes all the same.
func paidAfterCancelHere(v *visit) {
	cancelsHere(v)
	v.box.decide(v.only().Ref, "complete", "")
}

// The provider takes back what it had called paid.
func paidThenLess(v *visit) { isTakenBack(v, "cancelled") }

func isTakenBack(v *visit, word string) {
	returns(v)
	v.sees(v.order, "paid", patience)
	ref := v.only().Ref
	v.box.decide(ref, "set", word)
	v.box.calls(ref)
}

// The buyer cancels, pays with a second payment, and the first comes in, too.
func paidTwice(v *visit) {
	cancelsThere(v)
	first := v.only().Ref
	again, ok := v.get(v.order).form(strings.TrimPrefix(v.order, v.url) + "/payments")
	if !ok {
		v.t().Fatal("the order cannot be paid again")
	}
	to := v.post(v.order+"/payments", again).to
	if strings.HasPrefix(to, v.url) || to == v.provider {
		v.t().Fatalf("sent to %s", to)
	}
	v.comesBack(v.decides(to, "approve"))
	v.sees(v.order, "paid", patience)
	v.box.decide(first, "complete", "")
}

// The buyer approves, but every answer about it is lost: the page says that it
// is being confirmed, and never that it failed.
func hiddenSuccess(v *visit) {
	returns(v)
	if p := v.get(v.order); !strings.Contains(p.text(), "We are confirming your payment") {
		v.t().Errorf("not confirming: %s", p)
	}
	if v.minor == 0 {
		v.box.allIsWell()
		return
	}
	eventually(v.t(), patience, "an answer was lost", func() (string, bool) {
		standing := v.box.rules()
		i := slices.IndexFunc(standing, func(r rule) bool { return r.ID == v.rules[0].ID })
		return fmt.Sprint(standing), i >= 0 && standing[i].Struck > 0
	})
	v.mends()
}
