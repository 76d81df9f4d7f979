package gate

import (
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"till/sandbox/world"
)

// genuine reports whether a callback is signed as it should be, both ways.
func (s *stand) genuine(c call) bool {
	return c.header.Get(hmacHeader) == SignHMAC(DemoHookSecret, c.body) && c.header.Get(rsaHeader) == SignRSA(s.key, c.body)
}

// paidWith pays an order while a fault is set for it.
func (s *stand) paidWith(wish world.Wish) string {
	s.t.Helper()
	wish.Order = "o1"
	s.fault(wish)
	return s.paid("o1")
}

// statuses are the statuses that the shop was told, in their order.
func (s *shop) statuses() string {
	var list []string
	for _, c := range s.heard() {
		list = append(list, fmt.Sprint(c.fields["status"]))
	}
	return strings.Join(list, " ")
}

// said is a field of the order as the API shows it now.
func (s *stand) said(id, field string) string {
	s.t.Helper()
	return fmt.Sprint(s.api("GET", "orders/"+id+"/", "").want(200).fields[field])
}

func (s *stand) post(id, verb, body string) reply {
	s.t.Helper()
	r := s.api("POST", "orders/"+id+"/"+verb+"/", body)
	s.drain()
	return r
}

// faultTests has one scenario for each fault of the catalogue.
func faultTests() map[string]func(*testing.T, *stand) {
	return map[string]func(*testing.T, *stand){
		// The wire.
		"unavailable": func(t *testing.T, s *stand) {
			s.fault(world.Wish{Fault: "unavailable", Endpoint: "create", Times: 1})
			r := s.api("POST", "orders/", s.orderJSON("o1")).want(503)
			equal(t, "type", r.header.Get("Content-Type"), "text/plain; charset=utf-8")
			equal(t, "orders", len(s.Orders(0)), 0)
			s.make("o1")
		},
		"broken": func(_ *testing.T, s *stand) {
			s.fault(world.Wish{Fault: "broken", Endpoint: "page"})
			s.page("/checkout/" + s.make("o1") + "/").want(500)
		},
		"rate_limited": func(t *testing.T, s *stand) {
			s.fault(world.Wish{Fault: "rate_limited", Endpoint: "list", Delay: "9s"})
			equal(t, "Retry-After", s.api("GET", "orders/", "").want(429).header.Get("Retry-After"), "9")
		},
		"connection_cut": func(t *testing.T, s *stand) {
			s.fault(world.Wish{Fault: "connection_cut", Endpoint: "create"})
			if _, err := s.do("POST", s.base+APIPath+"/orders/", s.orderJSON("o1")); err == nil {
				t.Error("there was an answer")
			}
			equal(t, "orders", len(s.Orders(0)), 0)
		},
		"slow": func(t *testing.T, s *stand) {
			s.fault(world.Wish{Fault: "slow", Endpoint: "create", Delay: "20s"})
			answered := make(chan reply, 1)
			go func() { answered <- s.api("POST", "orders/", s.orderJSON("o1")) }()
			for len(s.Orders(0)) == 0 || s.world.Clock.Pending() == 0 { // the work is done at once
				if t.Context().Err() != nil {
					t.Fatal("the order is not made")
				}
				runtime.Gosched()
			}
			s.advance(20 * time.Second)
			r := <-answered
			r.want(201)
		},
		"answer_not_json": func(_ *testing.T, s *stand) {
			id := s.paid("o1")
			s.fault(world.Wish{Fault: "answer_not_json", Endpoint: "refund"})
			s.post(id, "refund", `{"amount":24.70}`).want(200)
			if s.truth(id).Status != refunded {
				s.t.Error("the work was not done")
			}
		},
		"answer_huge": func(t *testing.T, s *stand) {
			id := s.make("o1")
			s.fault(world.Wish{Fault: "answer_huge", Endpoint: "read"})
			if r := s.api("GET", "orders/"+id+"/", ""); len(r.body) < 8<<20 {
				t.Errorf("%d bytes", len(r.body))
			}
		},
		"answer_lost": func(t *testing.T, s *stand) {
			s.fault(world.Wish{Fault: "answer_lost", Endpoint: "create"})
			if _, err := s.do("POST", s.base+APIPath+"/orders/", s.orderJSON("o1"), "Authorization", "Bearer "+DemoSecretKey, "Content-Type", "application/json"); err == nil {
				t.Error("there was an answer")
			}
			equal(t, "orders", len(s.Orders(0)), 1)
		},
		"unauthorised": func(t *testing.T, s *stand) {
			s.fault(world.Wish{Fault: "unauthorised", Endpoint: "create"})
			s.api("POST", "orders/", s.orderJSON("o1")).code(401, "__all__:authentication_failed")
			equal(t, "orders", len(s.Orders(0)), 0)
		},
		"forbidden": func(t *testing.T, s *stand) {
			id := s.paid("o1")
			s.fault(world.Wish{Fault: "forbidden", Endpoint: "refund"})
			s.post(id, "refund", `{}`).code(403, "__all__:permission_denied")
			equal(t, "status", s.truth(id).Status, paid)
		},
		amountsAsText: func(t *testing.T, s *stand) {
			s.fault(world.Wish{Fault: amountsAsText, Endpoint: "read"})
			r := s.api("GET", "orders/"+s.make("o1")+"/", "")
			equal(t, "total", r.text("total"), "24.7")
			if !strings.Contains(string(r.body), `"price":"12.35"`) || !strings.Contains(string(r.body), `"amount_refunded":"0.0"`) {
				t.Errorf("got %s", r.body)
			}
		},
		searchBlind: func(t *testing.T, s *stand) {
			s.make("o1")
			s.fault(world.Wish{Fault: searchBlind})
			for word, want := range map[string]int{"o1": 0, "buyer": 1} {
				results, _ := s.api("GET", "orders/?quick_search="+word, "").fields["results"].([]any)
				equal(t, word, len(results), want)
			}
		},
		numberTaken: func(t *testing.T, s *stand) {
			s.fault(world.Wish{Fault: numberTaken, Order: "o1", Times: 1})
			s.api("POST", "orders/", s.orderJSON("o1")).code(400, "number:unique")
			equal(t, "orders", len(s.Orders(0)), 0)
			s.make("o1")
		},

		// The buyer and the order.
		buyerAbandons: func(t *testing.T, s *stand) {
			id := s.make("o1")
			s.fault(world.Wish{Fault: buyerAbandons, Order: id, Times: 1})
			s.press("/checkout/"+id+"/", "decision", "pay", "card", "good").want(200)
			equal(t, "status", s.truth(id).Status, issued)
			s.press("/checkout/"+id+"/", "decision", "pay", "card", "good").want(303)
			equal(t, "status", s.truth(id).Status, paid)
		},
		staysInProgress: func(t *testing.T, s *stand) {
			id := s.paidWith(world.Wish{Fault: staysInProgress, Delay: "1h"})
			equal(t, "status", s.truth(id).Status, inProgress)
			s.advance(time.Hour)
			equal(t, "later", s.truth(id).Status, paid)
			s.fault(world.Wish{Fault: staysInProgress, Order: "o2"})
			id = s.make("o2")
			_, to := s.decide(id, "approve")
			equal(t, "sent", to, "/wait")
			s.advance(1000 * time.Hour)
			equal(t, "until told", s.truth(id).Status, inProgress)
		},
		anotherStatus: func(t *testing.T, s *stand) {
			id := s.paidWith(world.Wish{Fault: anotherStatus, Word: "settling"})
			equal(t, "status", s.said(id, "status"), "settling")
			equal(t, "paid", s.truth(id).Paid, true)
			equal(t, "told", s.shop.statuses(), "issued in_progress settling")
		},
		"order_no_page": func(t *testing.T, s *stand) {
			s.fault(world.Wish{Fault: "order_no_page"})
			id := s.make("o1")
			equal(t, "page", s.said(id, "full_page_checkout"), "<nil>")
			s.page("/checkout/" + id + "/").want(404)
		},
		"order_foreign_page": func(t *testing.T, s *stand) {
			s.fault(world.Wish{Fault: "order_foreign_page"})
			id := s.make("o1")
			equal(t, "page", s.said(id, "full_page_checkout"), "https://pay.example.net/checkout/"+id+"/")
		},
		"order_not_listed": func(t *testing.T, s *stand) {
			s.fault(world.Wish{Fault: "order_not_listed", Order: "o1"})
			id := s.make("o1")
			results, _ := s.api("GET", "orders/", "").fields["results"].([]any)
			equal(t, "listed", len(results), 0)
			equal(t, "read", s.said(id, "number"), "o1")
		},
		"order_wrong_amount": func(t *testing.T, s *stand) {
			id := s.paidWith(world.Wish{Fault: "order_wrong_amount", Amount: "-1.00"})
			equal(t, "total", s.said(id, "total"), "23.7")
			equal(t, "asked for", s.truth(id).Amount, "24.70")
			equal(t, "told", s.truth(id).ToldAmount, "23.70")
		},
		"order_wrong_currency": func(t *testing.T, s *stand) {
			id := s.paidWith(world.Wish{Fault: "order_wrong_currency", Word: "USD"})
			equal(t, "currency", s.said(id, "currency"), "USD")
			equal(t, "told", fmt.Sprint(s.last().fields["currency"]), "USD")
		},
		"order_wrong_number": func(t *testing.T, s *stand) {
			id := s.paidWith(world.Wish{Fault: "order_wrong_number", Word: "o99"})
			equal(t, "number", s.said(id, "number"), "o99")
		},

		// The money.
		holdLapses: func(t *testing.T, s *stand) {
			s.fault(world.Wish{Fault: holdLapses, Delay: "30m"})
			id := s.held("o1")
			s.advance(30 * time.Minute)
			equal(t, "status", s.truth(id).Status, cancelled)
		},
		releaseUntold: func(t *testing.T, s *stand) {
			id := s.held("o1")
			s.fault(world.Wish{Fault: releaseUntold})
			if r := s.post(id, "capture", `{"amount":10}`).want(200); strings.Contains(string(r.body), "amount_reversed") {
				t.Errorf("got %s", r.body)
			}
		},
		captureRefused: func(t *testing.T, s *stand) {
			id := s.held("o1")
			s.fault(world.Wish{Fault: captureRefused, Times: 1})
			s.post(id, "capture", `{}`).code(400, "__all__:capture_failed")
			equal(t, "status", s.truth(id).Status, hold)
			s.post(id, "capture", `{}`).want(200)
		},
		cancelRefused: func(t *testing.T, s *stand) {
			id := s.held("o1")
			s.fault(world.Wish{Fault: cancelRefused, Order: "o1", Times: 1})
			s.post(id, "cancel", "").code(400, "__all__:cancel_failed")
			equal(t, "status", s.truth(id).Status, hold)
		},
		refundRefused: func(t *testing.T, s *stand) {
			id := s.paid("o1")
			s.fault(world.Wish{Fault: refundRefused})
			s.post(id, "refund", `{}`).code(400, "__all__:refund_failed")
			equal(t, "status", s.truth(id).Status, paid)
			equal(t, "told", fmt.Sprint(s.last().fields["event_type"]), "order.refund_init_failure")
		},
		refundSlow: func(t *testing.T, s *stand) {
			id := s.paid("o1")
			s.fault(world.Wish{Fault: refundSlow, Delay: "2h", Times: 2})
			equal(t, "status", s.post(id, "refund", `{"amount":4.7}`).want(200).text("status"), refundInitiated)
			equal(t, "refunded", s.said(id, "amount_refunded"), "0.0")
			s.advance(2 * time.Hour)
			equal(t, "status", s.said(id, "status"), paid)
			equal(t, "refunded", s.said(id, "amount_refunded"), "4.7")
			s.post(id, "refund", `{"amount":20}`).want(200)
			s.advance(2 * time.Hour)
			equal(t, "status", s.said(id, "status"), refunded)
			equal(t, "told", s.shop.events(), "issued in_progress payment_success refund_in_progress invoice_refunded refund_in_progress invoice_refunded")
		},
		refundFails: func(t *testing.T, s *stand) {
			id := s.paid("o1")
			s.fault(world.Wish{Fault: refundFails, Times: 1})
			equal(t, "status", s.post(id, "refund", `{"amount":4.7}`).want(200).text("status"), refundInitiated)
			s.post(id, "refund", `{"amount":4.7}`).code(400, "__all__:action_not_permitted")
			s.advance(10 * time.Second)
			equal(t, "status", s.said(id, "status"), refundFailed)
			equal(t, "refunded", s.said(id, "amount_refunded"), "0.0")
			equal(t, "again", s.post(id, "refund", `{"amount":4.7}`).want(200).text("status"), paid)
		},
		reversalRefused: func(t *testing.T, s *stand) {
			id := s.paid("o1")
			s.fault(world.Wish{Fault: reversalRefused})
			s.post(id, "reverse", "").code(400, "__all__:reversal_failed")
			equal(t, "told", fmt.Sprint(s.last().fields["event_type"]), "order.reversal_init_failure")
		},
		reversalSlow: func(t *testing.T, s *stand) {
			id := s.paid("o1")
			s.fault(world.Wish{Fault: reversalSlow, Delay: "1h"})
			equal(t, "status", s.post(id, "reverse", "").want(200).text("status"), reversalInitiated)
			s.advance(time.Hour)
			equal(t, "status", s.said(id, "status"), reversed)
			equal(t, "paid", s.truth(id).Paid, false)
		},
		reversalFails: func(t *testing.T, s *stand) {
			id := s.paid("o1")
			s.fault(world.Wish{Fault: reversalFails})
			s.post(id, "reverse", "").want(200)
			s.advance(10 * time.Second)
			equal(t, "status", s.said(id, "status"), reversalFailed)
			equal(t, "refund instead", s.post(id, "refund", `{}`).want(200).text("status"), refunded)
		},

		// Callbacks: on their way.
		"callback_lost": func(t *testing.T, s *stand) {
			id := s.paidWith(world.Wish{Fault: "callback_lost"})
			s.advance(1000 * time.Hour)
			equal(t, "told", s.shop.statuses(), "issued") // all of one act is lost: nothing says that it began either
			equal(t, "truth", s.truth(id).Status, paid)
			equal(t, "state", s.world.Post.Latest(1, "")[0].State, world.Lost)
		},
		"callback_late": func(t *testing.T, s *stand) {
			s.paidWith(world.Wish{Fault: "callback_late", Delay: "45s"})
			s.advance(44 * time.Second)
			equal(t, "told", s.shop.statuses(), "issued")
			s.advance(time.Second)
			if got := s.shop.statuses(); !strings.Contains(got, paid) {
				t.Errorf("told %s", got)
			}
		},
		"callback_held": func(t *testing.T, s *stand) {
			s.paidWith(world.Wish{Fault: "callback_held"})
			s.advance(1000 * time.Hour)
			equal(t, "told", s.shop.statuses(), "issued")
			equal(t, "held", s.world.Post.ReleaseHeld(), 2)
			s.drain()
			equal(t, "calls", len(s.shop.heard()), 3)
		},
		"callback_doubled": func(t *testing.T, s *stand) {
			s.paidWith(world.Wish{Fault: "callback_doubled"})
			equal(t, "paid twice", strings.Count(s.shop.events(), "payment_success"), 2)
		},
		"callback_before_return": func(t *testing.T, s *stand) {
			id := s.make("o1")
			s.fault(world.Wish{Fault: "callback_before_return"})
			if _, _, err := s.Decide(t.Context(), id, world.Decision{Decision: "approve"}); err != nil {
				t.Fatal(err)
			}
			equal(t, "told, though nobody drained", s.shop.statuses(), "issued in_progress paid")
		},
		"callback_after_return": func(t *testing.T, s *stand) {
			s.paidWith(world.Wish{Fault: "callback_after_return"})
			equal(t, "told", s.shop.statuses(), "issued")
			s.advance(2 * time.Second)
			equal(t, "calls", len(s.shop.heard()), 3)
		},
		"callback_out_of_order": func(t *testing.T, s *stand) {
			id := s.make("o1", `"skip_capture":true`)
			s.decide(id, "view")
			s.decide(id, "approve")
			s.forget()
			s.fault(world.Wish{Fault: "callback_out_of_order", Delay: "1s"})
			s.decide(id, "capture")
			s.advance(time.Minute)
			equal(t, "told", s.shop.statuses(), "paid hold in_progress viewed issued")
			for _, c := range s.shop.heard() {
				if !s.genuine(c) {
					t.Errorf("%s is not signed", c.body)
				}
			}
		},
		"callback_stale_replay": func(t *testing.T, s *stand) {
			s.paidWith(world.Wish{Fault: "callback_stale_replay"})
			s.advance(5 * time.Second)
			equal(t, "told", s.shop.statuses(), "issued in_progress paid issued")
			equal(t, "genuine", s.genuine(s.last()), true)
		},

		// Saved cards.
		"card_not_saved": func(t *testing.T, s *stand) {
			s.fault(world.Wish{Fault: "card_not_saved"})
			client, _ := s.subscribed("o1")
			equal(t, "cards", len(s.cards(client)), 0)
		},
		"saved_card_declined": func(t *testing.T, s *stand) {
			client, _ := s.subscribed("o1")
			id := s.renewal("o2", client, s.cards(client)[0])
			s.fault(world.Wish{Fault: "saved_card_declined", Order: id})
			equal(t, "asks", s.charge(id, `{}`).want(200).text("threed_check_url"), "")
			equal(t, "status", s.truth(id).Status, cancelled)
		},
		"saved_card_challenged": func(t *testing.T, s *stand) {
			client, _ := s.subscribed("o1")
			id := s.renewal("o2", client, s.cards(client)[0])
			s.fault(world.Wish{Fault: "saved_card_challenged", Order: id})
			equal(t, "asks", s.charge(id, `{}`).want(200).text("threed_check_url"), s.base+"/checkout/"+id+"/3ds/")
			equal(t, "status", s.truth(id).Status, inProgress)
			s.press("/checkout/"+id+"/3ds/", "decision", "confirm").want(303)
			equal(t, "status", s.truth(id).Status, paid)
		},

		// Callbacks: what stands in them.
		"callback_wrong_signature": func(t *testing.T, s *stand) {
			s.paidWith(world.Wish{Fault: "callback_wrong_signature"})
			c := s.last()
			equal(t, "hmac", c.header.Get(hmacHeader), SignHMAC(anotherKey, c.body))
			if sig, err := base64.StdEncoding.DecodeString(c.header.Get(rsaHeader)); err != nil || len(sig) == 0 {
				t.Errorf("rsa %q", c.header.Get(rsaHeader))
			}
		},
		"callback_no_signature": func(t *testing.T, s *stand) {
			s.paidWith(world.Wish{Fault: "callback_no_signature"})
			c := s.last()
			equal(t, "signatures", c.header.Get(hmacHeader)+c.header.Get(rsaHeader), "")
			equal(t, "type", c.header.Get("Content-Type"), "application/json")
		},
		"callback_uppercase_signature": func(t *testing.T, s *stand) {
			s.paidWith(world.Wish{Fault: "callback_uppercase_signature"})
			c := s.last()
			equal(t, "hmac", c.header.Get(hmacHeader), strings.ToUpper(SignHMAC(DemoHookSecret, c.body)))
			equal(t, "rsa", c.header.Get(rsaHeader), SignRSA(s.key, c.body))
		},
		"callback_wrong_token": func(t *testing.T, s *stand) {
			s.paidWith(world.Wish{Fault: "callback_wrong_token"})
			equal(t, "path", s.last().path, "/callbacks/gate/somebody-elses-token")
		},
		"callback_no_token": func(t *testing.T, s *stand) {
			s.paidWith(world.Wish{Fault: "callback_no_token"})
			equal(t, "path", s.last().path, "/callbacks/gate")
		},
		"callback_wrong_amount": func(t *testing.T, s *stand) {
			id := s.paidWith(world.Wish{Fault: "callback_wrong_amount"})
			equal(t, "told", fmt.Sprint(s.last().fields["total"]), "25.7")
			equal(t, "truth", s.said(id, "total"), "24.7")
			equal(t, "genuine", s.genuine(s.last()), true)
		},
		"callback_wrong_currency":     spoilt("callback_wrong_currency", "currency", "EUR"),
		"callback_wrong_number":       spoilt("callback_wrong_number", "number", "no-such-order"),
		"callback_wrong_id":           spoilt("callback_wrong_id", "id", "00000000-0000-4000-a000-000000000000"),
		"callback_wrong_status":       spoilt("callback_wrong_status", "status", "in_review"),
		"callback_wrong_event":        spoilt("callback_wrong_event", "event_type", "transfer.withdrawn"),
		"callback_no_event":           spoilt("callback_no_event", "event_type", "<nil>"),
		"callback_amounts_as_strings": spoilt("callback_amounts_as_strings", "total", "24.7"),
		"callback_huge": func(t *testing.T, s *stand) {
			s.paidWith(world.Wish{Fault: "callback_huge"})
			if c := s.last(); len(c.body) < callbackPad || !s.genuine(c) || c.fields["status"] != paid {
				t.Errorf("%d bytes", len(c.body))
			}
		},
	}
}

// spoilt asserts that a callback tells something else, well signed, and that
// the order does not.
func spoilt(fault, field, want string) func(*testing.T, *stand) {
	return func(t *testing.T, s *stand) {
		id := s.paidWith(world.Wish{Fault: fault})
		c := s.last()
		equal(t, field, fmt.Sprint(c.fields[field]), want)
		equal(t, "genuine", s.genuine(c), true)
		equal(t, "truth", s.said(id, "status"), paid)
		for _, d := range s.world.Post.Latest(1, "") {
			equal(t, "noted", strings.Join(d.Faults, " "), fault)
		}
	}
}

func TestFaults(t *testing.T) {
	tests := faultTests()
	for _, f := range setup(t).faults.catalogue() {
		run, ok := tests[f.Name]
		if !ok {
			t.Errorf("%s has no scenario", f.Name)
			continue
		}
		delete(tests, f.Name)
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			if f.Says == "" || !strings.HasSuffix(f.Says, ".") || f.Strikes == "" {
				t.Errorf("the catalogue says %+v", f)
			}
			run(t, setup(t))
		})
	}
	for name := range tests {
		t.Errorf("%s is no fault", name)
	}
}

// Faults that strike a callback wait for one that matters, and then strike all
// that one act has to tell, once.
func TestFaults_StrikeActs(t *testing.T) {
	s := setup(t)
	s.fault(world.Wish{Fault: "callback_wrong_status", Times: 1})
	id := s.make("o1")
	s.decide(id, "view")
	equal(t, "what leads up to it", s.shop.statuses(), "issued viewed")
	s.decide(id, "decline")
	s.decide(id, "approve")
	equal(t, "told", s.shop.statuses(), "issued viewed in_review in_review in_progress paid")
}

func TestSend_ByHand(t *testing.T) {
	s := setup(t)
	id := s.paid("o1")
	s.forget()
	for _, c := range []world.Call{{}, {Status: issued}, {Status: inProgress, Fault: "callback_wrong_signature"}, {Fault: "callback_wrong_number", Word: "o7"}, {Fault: "callback_doubled"}} {
		if _, err := s.Send(t.Context(), id, c); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
		s.drain()
	}
	equal(t, "told", s.shop.statuses(), "paid issued in_progress paid paid paid")
	for name, c := range map[string]world.Call{
		"a state that never was": {Status: "hold"}, "no fault": {Fault: "callback_of_the_wild"},
		"a fault of something else": {Fault: "refund_slow"}, "a sequel": {Fault: "callback_stale_replay"}, "a bad amount": {Fault: "callback_wrong_amount", Amount: "x"},
	} {
		if _, err := s.Send(t.Context(), id, c); err == nil {
			t.Errorf("%s was sent", name)
		}
	}
	if _, err := s.Send(t.Context(), "nobody", world.Call{}); err == nil {
		t.Error("it was sent about nobody")
	}
	alone := bare(t)
	if _, err := alone.Send(t.Context(), alone.make("o1"), world.Call{}); err == nil {
		t.Error("it was sent to nobody")
	}
}
