package vertex_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"till/sandbox/vertex"
	"till/sandbox/world"
)

// paid brings an order to completed.
func (s *stand) paid(number string) {
	s.t.Helper()
	s.create(number, "")
	s.decide(number, "complete")
}

// Each fault of the catalogue has a scenario, and the test says so when one has
// none.
func TestFaults(t *testing.T) {
	t.Parallel()
	type scenario func(s *stand)
	wire := func(status int) scenario {
		return func(s *stand) {
			s.api("GET", "order/115/o1", "").want(status)
			s.act("cancel", "o1").want(status)
			s.is2("o1", "in_progress")
		}
	}
	clears := func(status, payments, told string) scenario {
		return func(s *stand) {
			s.decide("o1", "approve")
			s.advance(200 * time.Hour)
			s.is("o1", status, payments, told)
		}
	}
	signed := func(good bool) scenario {
		return func(s *stand) {
			s.decide("o1", "cancel")
			c := s.shop.heard()[0]
			if (c.signature == vertex.Sign(vertex.SignHMAC, vertex.DemoCallbackSecret, c.body)) != good {
				s.t.Errorf("signature %q", c.signature)
			}
		}
	}
	body := func(want string) scenario {
		return func(s *stand) {
			signed(true)(s)
			if got := string(s.shop.heard()[0].body); !strings.Contains(got, want) {
				s.t.Errorf("%q is not in %.300s", want, got)
			}
		}
	}
	reads := func(change func(s *stand), want string) scenario {
		return func(s *stand) {
			change(s)
			if r := s.api("GET", "order/115/o1", "").want(200); !strings.Contains(r.body, want) {
				s.t.Errorf("%q is not in %s", want, r.body)
			}
		}
	}
	approve := func(s *stand) { s.decide("o1", "approve") }
	all := map[string]struct {
		wish  world.Wish
		check scenario
	}{
		"unavailable":         {world.Wish{Times: 2}, wire(503)},
		"broken":              {world.Wish{Times: 2}, wire(500)},
		"rate_limited":        {world.Wish{Times: 2}, wire(429)},
		"unauthorised":        {world.Wish{Times: 2}, wire(401)},
		"forbidden":           {world.Wish{Times: 2}, wire(403)},
		"refused":             {world.Wish{Times: 2}, wire(400)},
		"conflict":            {world.Wish{Times: 2}, wire(409)},
		"precondition_failed": {world.Wish{Times: 2}, wire(412)},
		"unprocessable":       {world.Wish{Times: 2}, wire(422)},
		"connection_cut": {world.Wish{Times: 1, Endpoint: "cancel"}, func(s *stand) {
			if r := s.act("cancel", "o1"); r.err == nil {
				s.t.Errorf("got %d", r.status)
			}
			s.is("o1", "in_progress", "", "")
		}},
		"answer_lost": {world.Wish{Times: 1, Endpoint: "cancel", Order: "o1"}, func(s *stand) {
			if r := s.act("cancel", "o1"); r.err == nil {
				s.t.Errorf("got %d", r.status)
			}
			s.drain()
			s.is("o1", "cancelled", "", "cancelled")
		}},
		"slow": {world.Wish{Times: 1, Endpoint: "create", Delay: "20s"}, func(s *stand) {
			answered := make(chan reply, 1)
			body := s.orderJSON("o2", "")
			go func() { answered <- s.api("POST", "order", body) }()
			for s.world.Clock.Pending() == 0 {
				if s.t.Context().Err() != nil {
					s.t.Fatal("it never came")
				}
			}
			s.is2("o2", "in_progress") // done at once
			s.advance(20 * time.Second)
			(<-answered).want(200)
		}},
		"answer_not_json": {world.Wish{Times: 1}, func(s *stand) {
			if r := s.act("cancel", "o1").want(200); json.Valid([]byte(r.body)) {
				s.t.Error("it is JSON")
			}
			s.is2("o1", "cancelled")
		}},
		"answer_huge": {world.Wish{Times: 1}, func(s *stand) {
			if r := s.api("GET", "order/115/o1", "").want(200); len(r.body) < 8<<20 {
				s.t.Errorf("%d bytes", len(r.body))
			}
		}},
		"methods_none": {world.Wish{}, func(s *stand) {
			if r := s.api("GET", "shops/115/payment-methods", "").want(200); r.body != `{"data":[]}` {
				s.t.Errorf("got %s", r.body)
			}
		}},
		"number_taken_is_409": {world.Wish{}, func(s *stand) { s.api("POST", "order", s.orderJSON("o1", "")).refused(409, "exists") }},
		"done_later": {world.Wish{Delay: "1m"}, func(s *stand) {
			s.act("cancel", "o1").want(202)
			s.drain()
			s.is("o1", "in_progress", "", "")
			s.advance(time.Minute)
			s.is("o1", "cancelled", "", "cancelled")
		}},
		"refund_pending": {world.Wish{Delay: "1h"}, func(s *stand) {
			s.paid("o2")
			s.refund("o2", "5.00", "").want(200)
			s.is("o2", "completed", "payment completed 19.99, refund in_progress 5.00", "completed")
			s.refund("o2", "15.00", "").refused(412, "left")
			s.advance(time.Hour)
			s.is("o2", "refunded", "payment completed 19.99, refund completed 5.00", "completed refunded")
		}},
		"refund_fails_later": {world.Wish{Delay: "1h"}, func(s *stand) {
			s.paid("o2")
			s.refund("o2", "5.00", "").want(200)
			s.advance(time.Hour)
			s.is("o2", "completed", "payment completed 19.99, refund failed 5.00", "completed")
		}},
		"refund_refused": {world.Wish{}, func(s *stand) {
			s.paid("o2")
			s.refund("o2", "5.00", "").refused(422, "acquirer")
			s.is("o2", "completed", "payment completed 19.99", "completed")
		}},
		"buyer_abandons": {world.Wish{}, func(s *stand) {
			page := s.create("o2", "")
			r := s.press(page, url.Values{"decision": {"pay"}, "card": {"good"}}).want(200)
			if !strings.Contains(r.body, `data-page="vertex-left"`) {
				s.t.Error("the buyer has not left")
			}
			s.is("o2", "in_progress", "", "")
		}},
		"read_amounts_as_numbers":  {world.Wish{}, reads(approve, `"cost":{"amount":19.99,"currency":"NZD"},"createdAt"`)},
		"read_older_spelling":      {world.Wish{}, reads(func(s *stand) { s.decide("o1", "cancel") }, `"orderStatus":"canceled"`)},
		"read_other_payment_words": {world.Wish{}, reads(approve, `"paymentType":"sale","paymentStatus":"settling"`)},
		"read_without_payments": {world.Wish{Times: 1}, func(s *stand) {
			if r := s.api("GET", "order/115/o1", "").want(200); strings.Contains(r.body, "payments") {
				s.t.Errorf("got %s", r.body)
			}
			reads(approve, `"payments"`)(s)
		}},
		"order_no_payment_link": {world.Wish{}, func(s *stand) {
			if r := s.api("POST", "order", s.orderJSON("o2", "")).want(200); r.body != `{"data":{"orderNumber":"o2"}}` {
				s.t.Errorf("got %s", r.body)
			}
		}},
		"order_foreign_payment_link": {world.Wish{}, func(s *stand) {
			if page := s.create("o2", ""); !strings.HasPrefix(page, "https://pay.example.net/payment?") {
				s.t.Errorf("got %s", page)
			}
		}},
		"order_amount_changed": {world.Wish{Amount: "-100"}, func(s *stand) {
			clears("completed", "payment completed 18.99", "completed")(s)
			if o, _ := s.provider.Order("o1"); o.Minor != 1999 || o.ToldMinor != 1899 {
				s.t.Errorf("got %+v", o)
			}
		}},
		"order_wrong_currency": {world.Wish{}, func(s *stand) {
			clears("completed", "payment completed 19.99", "completed")(s)
			if d := s.read("o1"); d.Cost.Currency != "EUR" || d.Payments[0].Cost.Currency != "EUR" {
				s.t.Errorf("got %+v", d)
			}
		}},
		"order_clears_after": {world.Wish{}, func(s *stand) {
			s.decide("o1", "approve")
			s.is("o1", "completed", "payment completed 19.99", "completed")
		}},
		"order_never_clears":   {world.Wish{}, clears("in_progress", "payment in_progress 19.99", "")},
		"order_fails_clearing": {world.Wish{}, clears("failed", "payment failed 19.99", "failed")},
		"order_needs_action":   {world.Wish{}, clears("need_action", "payment completed 19.99", "need_action")},
		"order_status":         {world.Wish{}, clears("in_review", "payment completed 19.99", "in_review")},
		"callback_lost": {world.Wish{}, func(s *stand) {
			s.decide("o1", "cancel")
			s.advance(time.Hour)
			s.is("o1", "cancelled", "", "")
		}},
		"callback_late": {world.Wish{Delay: "30s"}, func(s *stand) {
			s.decide("o1", "cancel")
			s.is("o1", "cancelled", "", "")
			s.advance(30 * time.Second)
			s.is("o1", "cancelled", "", "cancelled")
		}},
		"callback_held": {world.Wish{}, func(s *stand) {
			s.decide("o1", "cancel")
			s.advance(time.Hour)
			s.is("o1", "cancelled", "", "")
			s.world.Post.ReleaseHeld()
			s.drain()
			s.is("o1", "cancelled", "", "cancelled")
		}},
		"callback_doubled": {world.Wish{}, func(s *stand) {
			s.decide("o1", "cancel")
			s.is("o1", "cancelled", "", "cancelled cancelled")
		}},
		"callback_before_return": {world.Wish{}, func(s *stand) {
			s.press(s.create("o2", ""), url.Values{"decision": {"pay"}, "card": {"wrong"}}).want(303)
			s.is("o2", "failed", "payment failed 19.99", "failed") // without time passing
		}},
		"callback_after_return": {world.Wish{Delay: "2s"}, func(s *stand) {
			s.press(s.create("o2", ""), url.Values{"decision": {"pay"}, "card": {"wrong"}}).want(303)
			s.drain()
			s.is("o2", "failed", "payment failed 19.99", "")
			s.advance(2 * time.Second)
			s.is("o2", "failed", "payment failed 19.99", "failed")
		}},
		"callback_out_of_order": {world.Wish{}, func(s *stand) {
			s.decide("o1", "cancel")
			s.is("o1", "cancelled", "", "cancelled in_progress")
			c := s.shop.heard()[1]
			if c.signature != vertex.Sign(vertex.SignHMAC, vertex.DemoCallbackSecret, c.body) {
				s.t.Error("badly signed")
			}
		}},
		"callback_stale_replay": {world.Wish{}, func(s *stand) {
			s.decide("o1", "cancel")
			s.is("o1", "cancelled", "", "cancelled")
			s.advance(5 * time.Second)
			s.is("o1", "cancelled", "", "cancelled in_progress")
		}},
		"callback_wrong_signature": {world.Wish{}, signed(false)},
		"callback_other_mode": {world.Wish{}, func(s *stand) {
			signed(false)(s)
			if c := s.shop.heard()[0]; c.signature != vertex.Sign(vertex.SignConcat, vertex.DemoCallbackSecret, c.body) {
				s.t.Error("it is not the other mode's either")
			}
		}},
		"callback_no_signature": {world.Wish{}, func(s *stand) {
			signed(false)(s)
			if s.shop.heard()[0].signature != "" {
				s.t.Error("it is signed")
			}
		}},
		"callback_uppercase_signature": {world.Wish{}, func(s *stand) {
			signed(false)(s)
			if c := s.shop.heard()[0]; !strings.EqualFold(c.signature, vertex.Sign(vertex.SignHMAC, vertex.DemoCallbackSecret, c.body)) {
				s.t.Error("it is another")
			}
		}},
		"callback_wrong_amount":   {world.Wish{}, body(`"cost":{"amount":"0.01"`)},
		"callback_wrong_currency": {world.Wish{}, body(`"currency":"EUR"`)},
		"callback_wrong_number":   {world.Wish{}, body(`"orderNumber":"no-such-order"`)},
		"callback_wrong_shop":     {world.Wish{}, body(`"shopId":116`)},
		"callback_wrong_status":   {world.Wish{}, body(`"orderStatus":"in_review"`)},
		"callback_huge":           {world.Wish{}, body(`{"padding":"xxx`)},
	}
	catalogue := setup(t).world.Faults.Catalogue(vertex.Name)
	for _, f := range catalogue {
		tt, ok := all[f.Name]
		if !ok {
			t.Errorf("%s has no scenario", f.Name)
			continue
		}
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel()
			s := setup(t)
			s.create("o1", "")
			tt.wish.Fault = f.Name
			s.fault(tt.wish)
			tt.check(s)
		})
	}
	if len(all) != len(catalogue) {
		t.Errorf("%d scenarios for %d faults", len(all), len(catalogue))
	}
}

// is2 checks an order's status alone, through no wire.
func (s *stand) is2(number, status string) {
	s.t.Helper()
	if o, err := s.provider.Order(number); err != nil || o.Status != status {
		s.t.Errorf("%s is %s, %v; want %s", number, o.Status, err, status)
	}
}

// A rule for one order strikes it alone, whether its number stands in the
// address, in a body or behind a page.
func TestFaults_ForOneOrder(t *testing.T) {
	t.Parallel()
	s := setup(t)
	page := s.create("o1", "")
	s.create("o2", "")
	for _, endpoint := range []string{"read", "cancel", "refund", "page", "create"} {
		s.fault(world.Wish{Fault: "unavailable", Order: "o1", Endpoint: endpoint, Times: 1})
	}
	s.fault(world.Wish{Fault: "order_no_payment_link", Order: "o3"})
	s.api("GET", "order/115/o2", "").want(http.StatusOK)
	s.api("GET", "order/115/o1", "").want(http.StatusServiceUnavailable)
	s.act("cancel", "o1").want(http.StatusServiceUnavailable)
	s.refund("o1", "1.00", "").want(http.StatusServiceUnavailable)
	s.send("GET", page, "").want(http.StatusServiceUnavailable)
	s.api("POST", "order", s.orderJSON("o1", "")).want(http.StatusServiceUnavailable)
	if s.create("o4", "") == "" || s.create("o3", "") != "" {
		t.Error("it struck the wrong order")
	}
	for _, r := range s.world.Requests.Latest(0) {
		if strings.Contains(r.Path, "session") || r.Endpoint == "" {
			t.Errorf("noted %+v", r)
		}
	}
}

func TestSend(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.create("o1", "")
	s.decide("o1", "cancel")
	for _, c := range []world.Call{{}, {Status: "in_progress"}, {Fault: "callback_wrong_signature"}, {Fault: "callback_lost"}, {Fault: "callback_wrong_status", Word: "won"}} {
		if _, err := s.provider.Send(t.Context(), "o1", c); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	s.drain()
	heard := map[string]int{}
	for w := range strings.FieldsSeq(s.shop.told()) {
		heard[w]++
	}
	if heard["cancelled"] != 3 || heard["in_progress"] != 1 || heard["won"] != 1 {
		t.Errorf("told %q", s.shop.told())
	}
	for _, c := range []world.Call{{Status: "completed"}, {Fault: "none"}, {Fault: "order_status"}, {Fault: "callback_stale_replay"}, {Fault: "callback_wrong_status", Word: strings.Repeat("x", 200)}} {
		if _, err := s.provider.Send(t.Context(), "o1", c); err == nil {
			t.Errorf("%+v was sent", c)
		}
	}
	if _, err := s.provider.Send(t.Context(), "none", world.Call{}); err == nil {
		t.Error("sent about nothing")
	}
}
