package gate

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"till/sandbox/world"
)

func TestCents(t *testing.T) {
	for text, want := range map[string]string{
		"1": "1.0", "0.01": "0.01", "12.5": "12.5", "12.50": "12.5", "24.70": "24.7", "999999999999.99": "999999999999.99", "0.3": "0.3", "1.000": "1.0",
	} {
		c, wrong := parseCents(text)
		if wrong != (fault{}) || string(c.number()) != want {
			t.Errorf("%s: %s, %v", text, c.number(), wrong)
		}
	}
	for text, code := range map[string]string{
		"": "invalid", "-": "invalid", ".": "invalid", "1.": "invalid", ".5": "invalid", "+1": "invalid", "1e2": "invalid", "01": "invalid",
		"1,00": "invalid", " 1": "invalid", "٣": "invalid", `"1"`: "invalid", "null": "invalid", "--1": "invalid", "NaN": "invalid",
		"0": "min_value", "0.00": "min_value", "-1": "min_value", "1.005": "max_decimal_places", "1000000000000": "max_whole_digits",
	} {
		if c, wrong := parseCents(text); wrong.Code != code {
			t.Errorf("%q is %s, %v", text, c, wrong)
		}
	}
	for minor, want := range map[cents]string{1: "0.01", 123: "1.23", 123456: "1,234.56", 100000000: "1,000,000.00"} {
		equal(t, "grouped", grouped(minor), want)
	}
	if _, ok := cents(1 << 62).times(4); ok {
		t.Error("a product that does not fit passed")
	}
	equal(t, "less than nothing", plus(1250, "-100.00"), 1)
}

// Every status of the table can be reached by decisions, and what may follow it
// is what the table says.
func TestDecide_ReachesEveryStatus(t *testing.T) {
	s := setup(t, func(c *Config) { c.MaxOrders = 1000 })
	n := 0
	walk := func(fields, path string) string {
		n++
		id := s.make(fmt.Sprintf("walk%d", n), strings.Split(fields, "|")...)
		for _, d := range strings.Fields(path) {
			switch d {
			case "refund_slow", "reversal_slow":
				s.fault(world.Wish{Fault: d, Order: id, Times: 1})
			case "due":
				s.advance(2 * time.Hour)
			default:
				s.decide(id, d)
			}
		}
		return s.truth(id).Status
	}
	due := fmt.Sprintf(`"due":%d`, begin.Add(1000*time.Hour).Unix())
	reached := map[string]bool{}
	for _, tt := range []struct{ fields, path, want string }{
		{`"notes":""`, "", issued},
		{`"notes":""`, "view", viewed},
		{`"notes":""`, "pend", inProgress},
		{`"notes":""`, "decline", failed},
		{`"skip_capture":true`, "view approve", hold},
		{`"notes":""`, "approve", paid},
		{`"notes":""`, "pend complete", paid},
		{`"notes":""`, "pend fail", failed},
		{`"notes":""`, "decline approve", paid},
		{`"notes":""`, "reject", rejected},
		{`"notes":""`, "abandon", issued},
		{`"notes":""`, "cancel", cancelled},
		{`"notes":""`, "cancel complete", paid}, // late money
		{`"skip_capture":true`, "approve capture", paid},
		{`"skip_capture":true`, "approve cancel", cancelled},
		{`"notes":""`, "approve refund_slow refund", refundInitiated},
		{`"notes":""`, "approve refund_slow refund refund_done", refunded},
		{`"notes":""`, "approve refund_slow refund refund_fail", refundFailed},
		{`"notes":""`, "approve refund_slow refund refund_fail refund", refunded},
		{`"notes":""`, "approve refund refund_reverse", refundReversed},
		{`"notes":""`, "approve refund refund_reverse refund", refunded},
		{`"notes":""`, "approve reversal_slow reverse", reversalInitiated},
		{`"notes":""`, "approve reversal_slow reverse reversal_done", reversed},
		{`"notes":""`, "approve reversal_slow reverse reversal_fail", reversalFailed},
		{`"notes":""`, "approve reversal_slow reverse reversal_fail refund", refunded},
		{`"notes":""`, "approve withdraw", withdrawn},
		{`"notes":""`, "approve withdraw refund", refunded},
		{`"notes":""`, "approve retrieval", retrieval},
		{`"notes":""`, "approve retrieval won", paid},
		{`"notes":""`, "approve chargeback", chargeback},
		{`"notes":""`, "approve chargeback representation", representation},
		{`"notes":""`, "approve chargeback representation won", paid},
		{`"notes":""`, "approve chargeback prearbitration", prearbitration},
		{`"notes":""`, "approve chargeback prearbitration arbitration", arbitration},
		{`"notes":""`, "approve chargeback prearbitration arbitration chargeback", chargeback},
		{`"notes":""`, "approve precompliance", precompliance},
		{`"notes":""`, "approve precompliance compliance", compliance},
		{`"notes":""`, "approve good_faith", goodFaith},
		{`"notes":""`, "approve fraud_advice", fraudAdvice},
		{`"notes":""`, "approve fraud_advice refund", refunded},
		{due + `|"deny_overdue_payment":true`, "", issued},
	} {
		got := walk(tt.fields, tt.path)
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.path, got, tt.want)
		}
		reached[got] = true
	}
	s.api("POST", "orders/"+s.make("outside")+"/received/", "").want(200)
	reached[s.truth("outside").Status] = true
	soon := fmt.Sprintf(`"due":%d`, begin.Add(time.Hour).Unix())
	reached[walk(soon, "due")] = true
	reached[walk(soon+`|"deny_overdue_payment":true`, "view due")] = true
	for _, status := range append(disputes(), issued, viewed, inProgress, failed, hold, paid, overdue, expired, cancelled, rejected, received,
		refundInitiated, refunded, refundFailed, refundReversed, reversalInitiated, reversed, reversalFailed, withdrawn) {
		if !reached[status] {
			t.Errorf("%s was not reached", status)
		}
		for _, after := range next(status) {
			if next(after) == nil && after != cancelled && after != reversed {
				t.Errorf("%s may be followed by %q, which the table does not have", status, after)
			}
		}
	}
}

func TestDecide_Refuses(t *testing.T) {
	s := setup(t)
	id := s.make("o1")
	for decision, want := range map[string]string{"capture": "issued", "refund": "issued", "nonsense": "no decision", "complete ": "no decision"} {
		_, _, err := s.Decide(t.Context(), id, world.Decision{Decision: decision})
		var refused *world.RefusedError
		if !errors.As(err, &refused) || !strings.Contains(refused.Says, want) {
			t.Errorf("%s: %v", decision, err)
		}
	}
	if _, _, err := s.Decide(t.Context(), id, world.Decision{Decision: "set"}); err == nil {
		t.Error("set without a status passed")
	}
	if _, _, err := s.Decide(t.Context(), id, world.Decision{Decision: "approve", Status: "x"}); err == nil {
		t.Error("a status with approve passed")
	}
	if _, _, err := s.Decide(t.Context(), "nobody", world.Decision{Decision: "approve"}); !errors.Is(err, world.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	o, _, err := s.Decide(t.Context(), "o1", world.Decision{Decision: "set", Status: "in_review"})
	if err != nil || o.Status != "in_review" || !slices.Equal(o.Decisions, []string{"complete", "set"}) {
		t.Errorf("got %+v, %v", o, err)
	}
}

// Each act tells the shop what the documents' list of events has for it.
func TestEvents(t *testing.T) {
	s := setup(t)
	for _, tt := range []struct{ fields, path, want string }{
		{`"notes":""`, "view approve", "issued invoice_viewed in_progress payment_success"},
		{`"notes":""`, "decline", "issued in_progress payment_failure"},
		{`"max_payment_attempts":1`, "decline", "issued in_progress payment_failure canceled"},
		{`"skip_capture":true`, "approve capture", "issued in_progress hold payment_success"},
		{`"skip_capture":true`, "approve cancel", "issued in_progress hold canceled"},
		{`"notes":""`, "reject", "issued rejected"},
		{`"notes":""`, "approve refund refund_reverse", "issued in_progress payment_success invoice_refunded invoice_refund_reversed"},
		{`"notes":""`, "approve reverse", "issued in_progress payment_success invoice_reversal"},
		{`"notes":""`, "approve withdraw", "issued in_progress payment_success transfer.withdrawn"},
		{`"notes":""`, "approve chargeback", "issued in_progress payment_success chargeback"},
	} {
		s.forget()
		id := s.make(tt.path, tt.fields)
		for _, d := range strings.Fields(tt.path) {
			s.decide(id, d)
		}
		equal(t, tt.path, s.shop.events(), tt.want)
		c := s.last()
		if c.fields["id"] != id || c.fields["status"] != s.truth(id).Status || c.path != hookPath ||
			c.header.Get(hmacHeader) != SignHMAC(DemoHookSecret, c.body) || c.header.Get(rsaHeader) != SignRSA(s.key, c.body) {
			t.Errorf("%s: got %+v", tt.path, c)
		}
	}
}

func TestEvents_OfOneWebhook(t *testing.T) {
	s := bare(t)
	add := func(url, rest string) {
		s.api("POST", "webhooks/", fmt.Sprintf(`{"title":"t","version":"v0.6","url":"%s%s",%s}`, s.shop.URL, url, rest)).want(201)
	}
	add("/some", `"events":["order.payment_success","order.hold"]`)
	add("/tests", `"is_test":true,"all_events":true`)
	s.paid("o1")
	equal(t, "events", s.shop.events(), "payment_success")
	equal(t, "address", s.last().path, "/some")
}

func TestRetry(t *testing.T) {
	s := setup(t)
	s.shop.answer = func(int) int { return 500 }
	s.make("o1")
	for _, wait := range []time.Duration{time.Second, 5 * time.Second, 25 * time.Second} {
		n := len(s.shop.heard())
		s.advance(wait - time.Millisecond)
		equal(t, "too early", len(s.shop.heard()), n)
		s.advance(time.Millisecond)
		equal(t, "in time", len(s.shop.heard()), n+1)
	}
	s.advance(1000 * time.Hour)
	equal(t, "calls", len(s.shop.heard()), 4)
	equal(t, "state", s.world.Post.Latest(0, "")[0].State, world.GivenUp)
	equal(t, "notified", s.truth("o1").Notified, false)
	s.shop.answer = func(int) int { return 204 }
	s.decide("o1", "approve")
	equal(t, "notified", s.truth("o1").Notified, true)
}

// One order, many hands: exactly one of them pays, and one captures.
func TestOneWinner(t *testing.T) {
	s := setup(t)
	id := s.make("o1", `"skip_capture":true`)
	all := func(do func() bool) int {
		var wg sync.WaitGroup
		won := make(chan bool, 50)
		for range 50 {
			wg.Go(func() {
				if do() {
					won <- true
				}
				s.Orders(0)
			})
		}
		wg.Wait()
		return len(won)
	}
	equal(t, "approvals", all(func() bool {
		_, _, err := s.Decide(t.Context(), id, world.Decision{Decision: "approve"})
		return err == nil
	}), 1)
	equal(t, "captures", all(func() bool { return s.api("POST", "orders/"+id+"/capture/", `{"amount":20}`).status == 200 }), 1)
	equal(t, "refunds of 5 out of 20", all(func() bool { return s.api("POST", "orders/"+id+"/refund/", `{"amount":5}`).status == 200 }), 4)
	s.drain()
	equal(t, "status", s.truth(id).Status, refunded)
}

func TestReset(t *testing.T) {
	s := setup(t)
	first := s.make("o1")
	s.world.Reset(7)
	s.Reset()
	if _, err := s.Order("o1"); !errors.Is(err, world.ErrNotFound) || len(s.Orders(0)) != 0 {
		t.Errorf("the order is still there: %v", err)
	}
	equal(t, "the same seed, the same id", s.make("o1"), first)
	s.decide("o1", "approve")
	if !strings.Contains(s.shop.events(), "payment_success") {
		t.Error("the webhook is gone")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	s := setup(t, func(c *Config) { c.MaxOrders = 3 })
	var ids []string
	for n := range 5 {
		ids = append(ids, s.make(fmt.Sprintf("o%d", n)))
	}
	equal(t, "orders", len(s.Orders(0)), 3)
	s.api("GET", "orders/"+ids[0]+"/", "").code(404, "__all__:not_found")
	if _, err := s.Order("o0"); !errors.Is(err, world.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestNew_Refuses(t *testing.T) {
	w := world.New(world.Options{Now: func() time.Time { return begin }, Log: nil})
	t.Cleanup(w.Close)
	for _, c := range []Config{{RatePerMinute: -1}, {RetryUnit: -1}, {MaxOrders: -1}, {Currencies: []string{}}} {
		if _, err := New(w, c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

// Whatever comes in, it either has complaints or is an order that holds, and
// the order that is shown for it says what was asked.
func FuzzParseOrder(f *testing.F) {
	const good = `{"client":{"email":"a@b.example"},"products":[{"title":"Tea","price":12.35,"quantity":2}],"currency":"EUR","number":"o1"}`
	for _, body := range []string{good, ``, `{}`, `[]`, `null`, `{"products":[{}]}`, `{"client":1}`, `{"a":1,"a":2}`, "{\"number\":\"\xff\"}", `{"client":{"email":"@"},"due":1}`} {
		f.Add([]byte(body))
	}
	currencies := []string{"EUR", "NZD"}
	f.Fuzz(func(t *testing.T, body []byte) {
		asked, wrong := parseOrder(body, currencies, begin)
		if len(wrong) > 0 {
			if _, err := json.Marshal(wrong); err != nil {
				t.Fatal(err)
			}
			return
		}
		sum, ok := total(asked.Products)
		if !ok || sum < 1 || !slices.Contains(currencies, asked.Currency) || asked.Client["email"] == "" {
			t.Fatalf("passed with something wrong: %+v", asked)
		}
		o := &order{request: asked, told: sum, currency: asked.Currency, number: asked.Number, now: func() time.Time { return begin }, status: issued}
		shown, err := json.Marshal(asTexts(o.show(full)))
		if err != nil || !strings.Contains(string(shown), fmt.Sprintf(`"total":%q`, sum.number())) {
			t.Fatalf("%v %s", err, shown)
		}
	})
}

func FuzzParts(f *testing.F) {
	for _, body := range []string{`{"amount":1.00}`, `{}`, ``, `{"reason":"x"}`, `{"url":"https://x.example/","title":"t","version":"v0.6","all_events":true}`, `{"card_number":"4111111111111111","cardholder_name":"A","exp_month":1,"exp_year":2030,"csc":"1"}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c, wrong := parseCard(body)
		if len(wrong) == 0 && c.pan == "" {
			t.Fatal("a card without a number")
		}
		h := &hook{}
		if wrong := h.read(body, true); len(wrong) == 0 && (h.url == "" || h.title == "" || h.all == (len(h.events) > 0)) {
			t.Fatalf("a webhook that does not hold: %+v", h)
		}
	})
}
