package e2e_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// mishap is one thing that can go wrong with a payment in a shop that many
// others use at the same time, and how it ends.
type mishap struct {
	wish   wish         // the fault, with its endpoint and parameters
	story  func(*visit) // what shopper, buyer, staff and provider do meanwhile
	end    ending
	answer int    // our answer to the first try of the first callback that it struck, or of the first at all; 0 is not looked at
	beside []wish // what else goes wrong, so that it can
}

// ending is how an order ends, in shop, dashboard and at the provider.
type ending struct {
	status    string // of the order in the end, in shop and dashboard
	says      string // what the shopper reads then
	attention string // what a person is told, in the dashboard's words; "" for nobody
	paid      bool   // at the provider
	captured  int    // facts of captured money
	by        string // what brought the news of the money: part of the fact's source; "" where several may
	unread    bool   // the provider's answers cannot be understood, and asking goes on
}

func (m mishap) name() string {
	parts := slices.DeleteFunc([]string{m.wish.Endpoint, m.wish.Fault, m.wish.Word, m.wish.Amount, storyName(m.story)}, func(s string) bool { return s == "" })
	if m.wish.Times > 0 {
		parts = append(parts, fmt.Sprintf("%dx", m.wish.Times))
	}
	return strings.Join(parts, " ")
}

// The endings that most stories have.
const (
	thanks     = "Thank you, your order is paid"
	confirming = "We are confirming your payment"
	looking    = "We are looking at your payment"
	clearing   = "Your payment is on its way"
	accepted   = "Your bank has taken the order to pay"
	mismatch   = "The amount does not match"
)

func paid(by string) ending {
	return ending{status: "paid", says: thanks, paid: true, captured: 1, by: by}
}

// unpaid is an ending without money.
func unpaid(status, says string) ending { return ending{status: status, says: says} }

// The endings of what staff do.
var (
	gone     = ending{status: "refunded", says: "Your payment was refunded", paid: true, captured: 1}
	undone   = ending{status: "reversed", says: "Your payment was undone", paid: true, captured: 1}
	received = ending{status: "received", says: thanks, paid: true, captured: 1}
)

// unread is an ending of a payment of which the shop hears nothing that it knows.
func unread(status, says string) ending {
	return ending{status: status, says: says, paid: true, unread: true}
}

// doubtful is an ending with money that a person must look at.
func doubtful(status, attention string) ending {
	return ending{status: status, says: looking, attention: attention, paid: true, captured: 1}
}

// wires are the mishaps of the wire at one endpoint, which all providers have:
// they strike as often as the client tries by itself. What ends otherwise than
// the rest is given by the fault's name.
func wires(endpoint string, tries int, story func(*visit), end ending, otherwise map[string]ending, beside ...wish) []mishap {
	var all []mishap
	for _, w := range []wish{
		{Fault: "unavailable", Times: tries},
		{Fault: "broken", Times: tries},
		{Fault: "connection_cut", Times: tries},
		{Fault: "slow", Times: 1, Delay: "9s"},
		{Fault: "answer_lost", Times: tries},
		{Fault: "rate_limited", Times: tries, Delay: "1s"},
		{Fault: "answer_not_json", Times: 1},
		{Fault: "answer_huge", Times: 1},
		{Fault: "unauthorised", Times: 1},
		{Fault: "forbidden", Times: 1},
	} {
		w.Endpoint = endpoint
		m := mishap{wish: w, story: story, end: end, beside: beside}
		if other, ok := otherwise[w.Fault]; ok {
			m.end = other
		}
		all = append(all, m)
	}
	return all
}

// bells are the mishaps of callbacks that all providers have. The buyer closes
// the window after paying, so that nobody but the callback and the timer can
// bring the news: both are told by their part of the source. Where timer is "",
// an earlier callback about the same payment may be quicker than timer and return.
func bells(timer, by string, beside ...wish) []mishap {
	returned := "return page"
	if timer == "" {
		returned = ""
	}
	all := []mishap{
		{wish: wish{Fault: "callback_lost"}, story: leaves, end: paid(timer)},
		{wish: wish{Fault: "callback_late", Delay: "10m"}, story: leaves, end: paid(timer), answer: 200},
		{wish: wish{Fault: "callback_held"}, story: leaves, end: paid(timer), answer: 200},
		{wish: wish{Fault: "callback_doubled"}, story: leaves, end: paid(by), answer: 200},
		{wish: wish{Fault: "callback_before_return"}, story: returns, end: paid(""), answer: 200},
		{wish: wish{Fault: "callback_after_return", Delay: "15s"}, story: returns, end: paid(returned), answer: 200},
		{wish: wish{Fault: "callback_out_of_order"}, story: leaves, end: paid(by), answer: 200},
		{wish: wish{Fault: "callback_stale_replay"}, story: leaves, end: paid(by), answer: 200},
	}
	for i := range all {
		all[i].beside = beside
	}
	return all
}

func join(lists ...[]mishap) []mishap { return slices.Concat(lists...) }

// only is those of a list with these faults.
func only(list []mishap, faults ...string) []mishap {
	return slices.DeleteFunc(list, func(m mishap) bool { return !slices.Contains(faults, m.wish.Fault) })
}

// pages are the mishaps on one of the provider's pages.
func pages(endpoint string, story func(*visit), end ending, beside ...wish) []mishap {
	var all []mishap
	for _, w := range []wish{
		{Fault: "unavailable", Times: 1},
		{Fault: "broken", Times: 1},
		{Fault: "connection_cut", Times: 1},
		{Fault: "slow", Times: 1, Delay: "1s"},
		{Fault: "answer_lost", Times: 1},
	} {
		w.Endpoint = endpoint
		all = append(all, mishap{wish: w, story: story, end: end, beside: beside})
	}
	return all
}

// suite is every mishap of one provider, and the shop they happen in.
type suite struct {
	provider   string
	method     string // as the checkout's form names it
	currencies string
	settings   []string
	mug, board int64 // what they cost, in minor units
	// Those of alone happen one after the other in a shop of their own: nobody
	// knows whose call it is that goes wrong. Those of together all at once:
	// each order costs what no other does, and that is whom it is aimed at.
	alone, together []mishap
	reserved        []mishap          // as together, where money is reserved first
	manual          string            // the setting for that
	never           map[string]string // endpoints and faults that are not tried, and why
	reply           string            // the body that callbacks are answered with

	bells, rang *atomic.Int64 // news that a callback should have brought, and that it has
}

// run tries the whole suite.
func (s suite) run(t *testing.T) {
	t.Parallel()
	s.bells, s.rang = new(atomic.Int64), new(atomic.Int64)
	t.Cleanup(func() {
		if s.rang.Load() < s.bells.Load()/3 {
			t.Errorf("%d of %d callbacks were quicker than the timer", s.rang.Load(), s.bells.Load())
		}
	})
	t.Run("whole", func(t *testing.T) { t.Parallel(); s.whole(t) })
	t.Run("alone", func(t *testing.T) {
		t.Parallel()
		h := s.furnish(t)
		staff := signIn(t, h.url)
		for i, m := range s.alone {
			t.Run(m.name(), func(t *testing.T) { s.try(t, h, staff, m, i+1, false) })
		}
	})
	for name, lines := range map[string][]mishap{"together": s.together, "reserved": s.reserved} {
		if len(lines) == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			own := s
			if name == "reserved" {
				own.settings = append([]string{s.manual}, s.settings...)
			}
			h := own.furnish(t)
			staff := signIn(t, h.url)
			for i, m := range lines {
				t.Run(m.name(), func(t *testing.T) { t.Parallel(); s.try(t, h, staff, m, i+1, true) })
			}
		})
	}
}

func (s suite) furnish(t *testing.T) *house {
	t.Helper()
	return furnish(t, "sqlite", s.currencies, s.settings, s.provider)
}

// whole holds the suite to the sandbox's catalogue: there is a line for all that
// can go wrong, wherever it can strike.
func (s suite) whole(t *testing.T) {
	t.Helper()
	tried, known := map[string]bool{}, map[string]bool{"": true}
	lines := slices.Concat(s.alone, s.together, s.reserved)
	for _, m := range lines {
		tried[m.wish.Fault+" "+m.wish.Endpoint], tried[m.wish.Fault] = true, true
	}
	for _, f := range openBox(t, "http://shop.test").at(s.provider).catalogue() {
		known[f.Name] = true
		if !tried[f.Name] && s.never[f.Name] == "" {
			t.Errorf("no line for %s", f.Name)
		}
		for _, endpoint := range f.Endpoints {
			if one := f.Name + " " + endpoint; len(f.Endpoints) > 1 && s.never[endpoint]+s.never[f.Name]+s.never[one] == "" && !tried[one] {
				t.Errorf("no line for %s at %s", f.Name, endpoint)
			}
		}
	}
	for _, m := range lines {
		if !known[m.wish.Fault] {
			t.Errorf("the sandbox has no %s", m.wish.Fault)
		}
	}
}

// try lets it go wrong and looks at the end, then lets everything that is still
// on its way arrive and looks again.
func (s suite) try(t *testing.T, shared *house, desk office, m mishap, n int, aimed bool) {
	h, staff := shared.lent(t), desk.lent(t)
	v := &visit{house: h, shopper: newShopper(t, h.url), email: fmt.Sprintf("buyer-%d@example.test", n), staff: staff}
	v.method, v.mugs, v.boards = s.method, 1+n%97, n/97 // so that no two orders cost the same
	v.minor = int64(v.mugs)*s.mug + int64(v.boards)*s.board
	for _, w := range slices.Concat([]wish{m.wish}, m.beside) {
		if w.Fault == "" {
			continue
		}
		if aimed {
			w.Total = v.total()
		}
		v.rules = append(v.rules, h.box.goesWrong(w))
	}
	t.Cleanup(v.mends)
	if !aimed {
		v.help = func(p page) { // before the timer does
			if number := p.orderNumber(); staff.canAsk(number) {
				staff.asks(number)
			}
		}
	}
	m.story(v)
	shop := v.sees(v.order, m.end.status, patience)
	number := shop.orderNumber()
	mails := 0
	if m.end.captured > 0 && took(m.end.status) {
		mails = 1
	}
	var got orderView
	ends := func() (string, bool) {
		got = staff.order(number)
		return got.String(), got.status == m.end.status && strings.Join(got.attention, ", ") == m.end.attention &&
			len(got.captured) == m.end.captured && (got.waiting == 0 || m.end.unread) && got.mails >= mails
	}
	end := fmt.Sprintf("order %s ends %q, attention %q, %d captured, %d mails", number, m.end.status, m.end.attention, m.end.captured, mails)
	eventually(t, patience, end, ends)
	least := max(1, m.wish.Times)
	if m.wish.Fault == "answer_lost" { // it was done at once
		least = 1
	}
	if v.mends(); m.wish.Fault != "" && v.rules[0].Struck < least {
		t.Errorf("it struck %d times, so nothing was tried", v.rules[0].Struck)
	}
	for _, o := range v.mine() {
		h.box.releases(o.Ref)
	}
	eventually(t, patience, end+", after everything has arrived", ends)

	if m.end.by != "" {
		s.came(t, m.end.by, got.captured[0].by)
	}
	if !got.agrees {
		t.Error("the ledger does not add up")
	}
	if shown := v.get(v.order); shown.orderStatus() != m.end.status || !strings.Contains(shown.text(), m.end.says) {
		t.Errorf("the shopper is not shown %q, %q: %s", m.end.status, m.end.says, shown)
	}
	m.compare(t, v, got)
	if m.answer != 0 {
		m.heard(t, v, s.reply)
	}
}

// came looks at what brought the news. A callback may find that the timer was
// quicker, because many wait for their turn here; not always, which run looks at.
func (s suite) came(t *testing.T, want, got string) {
	t.Helper()
	if want == "callback" {
		s.bells.Add(1)
		if strings.Contains(got, want) {
			s.rang.Add(1)
			return
		}
		want = "timer"
	}
	if !strings.Contains(got, want) {
		t.Errorf("the news came by %q, want %q", got, want)
	}
}

// mends takes back what goes wrong for this visit.
func (v *visit) mends() {
	v.t().Helper()
	standing := v.box.rules()
	for i, r := range v.rules {
		if at := slices.IndexFunc(standing, func(one rule) bool { return one.ID == r.ID }); at >= 0 {
			v.rules[i].Struck = standing[at].Struck
			_ = v.box.ask("DELETE", fmt.Sprintf("/faults/%d", r.ID), nil, nil)
		}
	}
}

// compare holds the shop to the sandbox's truth.
func (m mishap) compare(t *testing.T, v *visit, got orderView) {
	t.Helper()
	there := 0
	made := map[string]int{} // by our name
	for _, o := range v.mine() {
		if made[o.ExternalID]++; made[o.ExternalID] > 1 {
			t.Errorf("one payment was made twice at the provider: %+v", o)
		}
		if !slices.ContainsFunc(got.payments, func(p paymentView) bool { return p.ref == o.Ref || p.id == o.ExternalID }) {
			t.Errorf("the provider has an order that no payment of ours is: %+v", o)
		}
		if o.Paid || o.Money.Captured > 0 {
			there++
		}
		if told := len(got.attention) > 0; o.Paid && o.Money.Captured > o.Money.Refunded && !took(got.status) && !told && !m.end.unread {
			t.Errorf("paid at the provider, %q here, and nobody is told: %+v", got.status, o)
		}
	}
	if m.end.paid != (there > 0) && !m.end.unread {
		t.Errorf("%d orders are paid at the provider, want paid: %v", there, m.end.paid)
	}
}

// took reports whether a status says that money came, at least for a while.
func took(status string) bool {
	return !slices.Contains([]string{"issued", "viewed", "in_progress", "failed", "rejected", "overdue", "expired", "cancelled"}, status)
}

// heard looks at our answer to the first callback that was struck.
func (m mishap) heard(t *testing.T, v *visit, reply string) {
	t.Helper()
	var all []delivery
	struck := -1
	eventually(t, patience, "the shop was called back", func() (string, bool) {
		all = nil
		for _, o := range v.mine() {
			all = append(all, v.box.deliveries(o.Ref)...)
		}
		slices.Reverse(all) // the oldest first
		struck = slices.IndexFunc(all, func(d delivery) bool { return slices.Contains(d.Faults, m.wish.Fault) && len(d.Attempts) > 0 })
		return fmt.Sprintf("%+v", all), struck >= 0
	})
	first := all[struck].Attempts[0]
	if first.Status != m.answer || m.answer == http.StatusOK && first.Answer != reply {
		t.Errorf("the callback was answered %d %q, want %d", first.Status, first.Answer, m.answer)
	}
}

// mine is what the provider has of this visit's order, the oldest first.
func (v *visit) mine() []boxOrder {
	v.t().Helper()
	all := slices.DeleteFunc(v.box.orders(), func(o boxOrder) bool {
		return v.minor != 0 && o.Minor != v.minor || o.Provider != v.box.provider
	})
	slices.Reverse(all)
	return all
}

// only is the one order that the provider has of this visit, as soon as it has
// it.
func (v *visit) only() boxOrder {
	v.t().Helper()
	var all []boxOrder
	eventually(v.t(), patience, "the provider has the order", func() (string, bool) {
		all = v.mine()
		return fmt.Sprint(all), len(all) > 0
	})
	if len(all) != 1 {
		v.t().Fatalf("the provider has %d orders, want 1: %+v", len(all), all)
	}
	return all[0]
}

// The buyer is declined, and pays the same payment with another card.
func triesAgain(v *visit) {
	v.goes()
	v.decides(v.provider, "decline")
	v.comesBack(v.decides(v.provider, "approve"))
}

// The money is refused days after the buyer has paid.
func clearingFails(v *visit) {
	returns(v)
	v.box.decide(v.only().Ref, "fail", "")
}

// The provider waits for somebody to decide on its own pages.
func waitsForStaff(v *visit) {
	returns(v)
	v.staff.asks(v.get(v.order).orderNumber())
}

// The bank took the order to pay and says no more; staff see the money on the
// account and accept.
func acceptedByStaff(v *visit) {
	returns(v)
	v.sees(v.order, "in_progress", patience)
	number := v.get(v.order).orderNumber()
	eventually(v.t(), patience, "a person is told", func() (string, bool) {
		got := v.staff.order(number)
		return got.String(), len(got.attention) == 1
	})
	v.staff.accepts(number, "it is on the account")
}

// The shopper cannot cancel, is told so, and pays after all.
func cannotCancel(v *visit) {
	v.goes()
	if p := v.follow(v.post(v.order+"/cancel", map[string][]string{"then": {"order"}})); !strings.Contains(p.text(), "We could not cancel it") {
		v.t().Errorf("nothing says that it is not cancelled: %s", p)
	}
	v.comesBack(v.decides(v.provider, "approve"))
}

// There is no page to go to: it is paid in the answer.
func isPaidAtOnce(v *visit) {
	hasNoAnswer(v)
	v.sees(v.order, "paid", patience)
}

// There is no page to go to, and what becomes of it is said later.
func isDecidedLater(v *visit) { hasNoAnswer(v) }

// The answer to the start is of no use, and nobody can be asked. A shop that has
// given the provider a rest meanwhile is asked again.
func hasNoAnswer(v *visit) {
	asks(v)
	eventually(v.t(), patience, "the start has no answer", func() (string, bool) {
		at := v.get(v.order)
		pay, canPay := at.form(strings.TrimPrefix(v.order, v.url) + "/payments")
		if canPay {
			v.chooses(at, pay)
			v.post(v.order+"/payments", pay)
		}
		return at.String(), !canPay
	})
}

// The buyer goes back from the provider's page without deciding anything.
func goesAway(v *visit) {
	v.goes()
	if to := v.decides(v.provider, "leave"); to != "" {
		v.comesBack(to)
	}
}
