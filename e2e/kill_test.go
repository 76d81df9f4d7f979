package e2e_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// defaultKills is how often the shop is killed unless TILL_TEST_KILLS says.
const defaultKills = 30

// The shop is killed at a random point of a payment, again and again, and every
// time opened anew over the same database. In the end every order has settled
// to the provider's truth.
//
// TILL_TEST_KILLS says how often; TILL_TEST_SEED repeats a run.
func TestKill(t *testing.T) {
	kills, seed := defaultKills, rand.Uint64()
	if v := os.Getenv("TILL_TEST_KILLS"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			t.Fatalf("TILL_TEST_KILLS is %q", v)
		}
		kills = n
	}
	if v := os.Getenv("TILL_TEST_SEED"); v != "" {
		n, err := strconv.ParseUint(v, 10, 64)
		if err != nil {
			t.Fatalf("TILL_TEST_SEED is %q", v)
		}
		seed = n
	}
	each(t, func(t *testing.T, h *house) {
		t.Logf("TILL_TEST_SEED=%d TILL_TEST_KILLS=%d", seed, kills)
		d := &doom{house: h, rand: rand.New(rand.NewPCG(seed, 0))}
		// A provider as far away as a real one: most of a payment is waiting for it.
		for _, endpoint := range []string{"token", "create", "read", "approve"} {
			h.box.goesWrong(wish{Fault: "slow", Endpoint: endpoint, Delay: "60ms"})
		}
		d.measure()
		for n := range kills {
			d.round(n + 1)
		}
		d.reckon(kills)
	})
}

// doom is a run of kills.
type doom struct {
	*house
	rand *rand.Rand
	long time.Duration  // of a whole payment
	at   map[string]int // how many kills fell where
	done int            // payments without a kill
	late []*payer       // who wait for the shop to know
}

// measure makes two payments without a kill; the first one warms up.
func (d *doom) measure() {
	d.t.Helper()
	d.at = map[string]int{}
	for range 2 {
		begin := time.Now()
		p := d.payer(-d.done)
		if err := p.goOn(); err != nil {
			d.t.Fatalf("%s: %v", p.where(), err)
		}
		d.long = time.Since(begin)
		d.done++
	}
	d.t.Logf("a payment takes %s", d.long.Round(time.Millisecond))
}

// round makes one payment and kills the shop meanwhile. Half of the shoppers
// press the button again when the shop is back; the others have left.
func (d *doom) round(n int) {
	d.t.Helper()
	p := d.payer(n)
	delay := time.Duration(d.rand.Int64N(int64(d.long)))
	insists := d.rand.IntN(2) == 0
	killed := make(chan struct{})
	dying := d.serve
	timer := time.AfterFunc(delay, func() { defer close(killed); dying.kill() })
	defer timer.Stop()
	begin := time.Now()
	err := p.goOn()
	if err == nil { // the kill comes, or came, too late to matter: a payment takes less by now
		d.long = min(d.long, time.Since(begin))
	}
	<-killed
	if errors.Is(err, errNotYet) {
		d.t.Fatalf("before kill %d, %s: %v", n, p.where(), err)
	}
	d.at[p.where()]++
	d.open()
	if !insists {
		return
	}
	if err := p.goOn(); errors.Is(err, errNotYet) {
		d.late = append(d.late, p)
	} else if err != nil {
		d.t.Fatalf("after kill %d, %s: %v", n, p.where(), err)
	}
}

// payer is a shopper who can go on where the line was cut.
type payer struct {
	*shopper
	email    string
	step     int
	form     url.Values // of the checkout, with its key
	order    string
	provider string
	back     string // where the provider sends the browser
}

func (d *doom) payer(n int) *payer {
	return &payer{shopper: newShopper(d.t, d.url), email: fmt.Sprintf("kill-%03d@example.test", n)}
}

// steps is a whole payment. Each one can be repeated, as a person would.
func (p *payer) steps() []struct {
	name string
	do   func() error
} {
	return []struct {
		name string
		do   func() error
	}{
		{"at the cart", p.fills},
		{"at the checkout", p.typesIn},
		{"placing the order", p.orders},
		{"at the provider", p.approves},
		{"coming back", p.returns},
		{"on the order page", p.looks},
	}
}

func (p *payer) where() string {
	if p.step == len(p.steps()) {
		return "after it all"
	}
	return p.steps()[p.step].name
}

// goOn goes on to the end, or to what stands in the way.
func (p *payer) goOn() error {
	for p.step < len(p.steps()) {
		if err := p.steps()[p.step].do(); err != nil {
			return err
		}
		p.step++
	}
	return nil
}

// errNotYet is returned while the shop asks the provider what became of a call
// that it died in. The page says so, and looks again by itself.
var errNotYet = errors.New("the order page offers no way to pay yet")

// visits is try, where an answer of 5xx is a cut line, too: nobody pays on one.
func (p *payer) visits(method, address string, form url.Values) (page, error) {
	a, err := p.try(method, address, form)
	if err == nil && a.status >= 400 {
		err = fmt.Errorf("%s %s: %s", method, address, a)
	}
	return a, err
}

func (p *payer) fills() error {
	_, err := p.visits("POST", p.shop+"/cart/lines", url.Values{"product": {"stoneware-mug"}, "quantity": {"1"}})
	return err
}

func (p *payer) typesIn() error {
	a, err := p.visits("GET", p.shop+"/checkout", nil)
	if err != nil {
		return err
	}
	form, ok := a.form("/checkout")
	if !ok {
		return fmt.Errorf("no checkout form: %s", a)
	}
	for name, value := range map[string]string{"name": "Aroha", "email": p.email, "line1": "1 Kauri Road", "city": "Nelson", "country": "NZ"} {
		form.Set(name, value)
	}
	p.form = form
	return nil
}

// orders sends the form, the same one again after a cut, and goes on from the
// order page when that is where it leads.
func (p *payer) orders() error {
	a, err := p.visits("POST", p.shop+"/checkout", p.form)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(a.to, p.shop) {
		p.provider = a.to
		return nil
	}
	p.order = a.to
	if a, err = p.visits("GET", p.order, nil); err != nil {
		return err
	}
	pay, ok := a.form(strings.TrimPrefix(p.order, p.shop) + "/payments")
	switch {
	case a.orderStatus() == "paid":
		return nil
	case a.link("Continue at") != "":
		p.provider = a.link("Continue at")
		return nil
	case !ok:
		return errNotYet
	}
	if a, err = p.visits("POST", p.order+"/payments", pay); err != nil {
		return err
	}
	if strings.HasPrefix(a.to, p.shop) {
		return errNotYet
	}
	p.provider = a.to
	return nil
}

// approves is between buyer and provider, whatever becomes of the shop.
func (p *payer) approves() error {
	if p.provider != "" {
		p.back = p.decides(p.provider, "approve")
	}
	return nil
}

func (p *payer) returns() error {
	if p.back == "" {
		return nil
	}
	a, err := p.visits("GET", p.back, nil)
	if err == nil {
		p.order = a.to
	}
	return err
}

func (p *payer) looks() error {
	_, err := p.visits("GET", p.order, nil)
	return err
}

// reckon waits until all orders have settled, and has the last word.
func (d *doom) reckon(kills int) {
	d.t.Helper()
	for _, p := range d.late {
		eventually(d.t, patience, p.email+" can pay", func() (string, bool) {
			err := p.goOn()
			return fmt.Sprint(err), err == nil
		})
	}
	staff := signIn(d.t, d.url)
	settled := func() (string, bool) {
		problems := d.compare(staff, kills)
		return strings.Join(problems, "\n"), len(problems) == 0
	}
	slowly(d.t, 3*time.Minute, time.Second, "every order has settled to the provider's truth", settled)
	// What was on its way to a shop that was down arrives after all.
	d.box.allIsWell()
	d.box.lets(24 * time.Hour)
	slowly(d.t, patience, time.Second, "every order is still as the provider has it", settled)
	paid := 0
	for _, o := range d.box.orders() {
		if o.Paid {
			paid++
		}
	}
	d.t.Logf("killed %d times, %v; %d orders at the provider, %d of them paid", kills, d.at, len(d.box.orders()), paid)
	if kills >= 10 && len(d.at) < 2 {
		d.t.Error("all kills fell in one place, so little was tried")
	}
}

// compare lists where shop and provider differ.
func (d *doom) compare(staff office, kills int) (problems []string) {
	d.t.Helper()
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	there := map[string]boxOrder{} // by the provider's reference
	for _, o := range d.box.orders() {
		there[o.Ref] = o
	}
	seen := map[string]int{} // orders by their shopper
	known := map[string]bool{}
	for _, line := range staff.list("") {
		seen[line.email]++
		v := staff.order(line.number)
		if line.status != v.status || line.needy || len(v.attention) > 0 || !v.agrees {
			wrong("the list says %q, needy %v: %s", line.status, line.needy, v)
		}
		paid := false
		for _, pay := range v.payments {
			if o, ok := there[pay.ref]; ok {
				known[o.Ref] = true
				paid = paid || o.Paid
			} else if pay.ref != "none yet" {
				wrong("the provider does not know %s: %s", pay.ref, v)
			}
		}
		if len(v.payments) != 1 {
			wrong("one checkout, %d payments: %s", len(v.payments), v)
		}
		switch want := map[bool]int{true: 1, false: 0}[paid]; {
		case paid != (v.status == "paid"), len(v.captured) != want, v.mails != want:
			wrong("paid at the provider: %v; here: %s", paid, v)
		case !paid && !slices.Contains([]string{"issued", "viewed"}, v.status):
			wrong("not paid, and not settled: %s", v)
		}
	}
	for ref, o := range there {
		if !known[ref] {
			wrong("no payment of ours is %+v", o)
		}
	}
	for email, n := range seen {
		if n != 1 {
			wrong("%s pressed one button and has %d orders", email, n)
		}
	}
	if len(seen) > kills+d.done {
		wrong("%d orders of %d shoppers", len(seen), kills+d.done)
	}
	return problems
}

// An operator stops the shop in the middle of a payment: it takes no new
// requests, finishes those in hand, and ends well.
func TestStop(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.box.goesWrong(wish{Fault: "slow", Endpoint: "create", Times: 1, Delay: "1s"})
		s := newShopper(t, h.url)
		s.shops()
		form := s.details("aroha@example.test")
		answered := make(chan page, 1)
		go func() {
			p, err := s.try("POST", h.url+"/checkout", form)
			if err != nil {
				t.Errorf("the request in hand: %v", err)
			}
			answered <- p
		}()
		eventually(t, patience, "the provider is being asked", func() (string, bool) {
			n := len(h.box.orders())
			return fmt.Sprint(n), n == 1
		})
		if err := h.serve.stop(t); err != nil {
			t.Errorf("not a good end: %v", err)
		}
		p := <-answered
		if p.status != 303 || !strings.HasPrefix(p.to, h.box.url) {
			t.Fatalf("the request in hand was answered %s", p)
		}
		s.decides(p.to, "approve")
		h.open()
		staff := signIn(t, h.url)
		eventually(t, patience, "what came meanwhile is settled", func() (string, bool) {
			all := staff.list("")
			return fmt.Sprint(all), len(all) == 1 && all[0].status == "paid"
		})
	})
}
