package powens_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"till/sandbox/world"
)

const key = "sbx_webhook_key_1"

// approvedWith approves a payment while a fault is set, and delivers what is
// due.
func (s *stand) approvedWith(fault string, change ...func(*world.Wish)) wirePayment {
	s.t.Helper()
	s.fault(fault, change...)
	return s.paid("p1")
}

// only is the one call that the shop heard.
func (s *stand) only() call {
	s.t.Helper()
	calls := s.shop.heard()
	if len(calls) != 1 {
		s.t.Fatalf("%d calls", len(calls))
	}
	return calls[0]
}

// pressApprove approves on the page, as a buyer does.
func (s *stand) pressApprove(o wirePayment) (reply, error) {
	s.t.Helper()
	return s.try("POST", s.webview(o), "decision=approve&account=current",
		"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
}

func (s *stand) post(path, body string) (reply, error) {
	s.t.Helper()
	return s.try("POST", "/2.0/"+path, body, "Authorization", "Bearer "+s.bearer)
}

// faultTests has one scenario for each fault of the catalogue.
func faultTests() map[string]func(*testing.T, *stand) {
	return map[string]func(*testing.T, *stand){
		// Callbacks: on their way.
		"callback_lost": func(t *testing.T, s *stand) {
			s.approvedWith("callback_lost")
			s.advance(100 * time.Hour)
			equal(t, "calls", len(s.shop.heard()), 0)
			equal(t, "truth", s.truth("p1").Status, "done")
		},
		"callback_late": func(t *testing.T, s *stand) {
			s.approvedWith("callback_late", delay("45s"))
			s.advance(44 * time.Second)
			equal(t, "calls", len(s.shop.heard()), 0)
			s.advance(time.Second)
			equal(t, "tells", s.shop.states(), "[done]")
		},
		"callback_held": func(t *testing.T, s *stand) {
			s.approvedWith("callback_held")
			s.advance(100 * time.Hour)
			equal(t, "calls", len(s.shop.heard()), 0)
			equal(t, "released", s.world.Post.ReleaseHeld(), 1)
			s.drain()
			equal(t, "tells", s.shop.states(), "[done]")
		},
		"callback_doubled": func(t *testing.T, s *stand) {
			s.approvedWith("callback_doubled")
			calls := s.shop.heard()
			equal(t, "calls", len(calls), 2)
			equal(t, "the same bytes", string(calls[0].body), string(calls[1].body))
		},
		"callback_before_return": func(t *testing.T, s *stand) {
			s.fault("callback_before_return")
			r, err := s.pressApprove(s.create("p1"))
			equal(t, "error", err, nil)
			equal(t, "heard before the answer came", s.shop.states(), "[done]")
			r.want(303)
		},
		"callback_after_return": func(t *testing.T, s *stand) {
			s.fault("callback_after_return")
			r, _ := s.pressApprove(s.create("p1"))
			r.want(303)
			s.advance(time.Second)
			equal(t, "calls", len(s.shop.heard()), 0)
			s.advance(time.Second)
			equal(t, "tells", s.shop.states(), "[done]")
		},
		"callback_out_of_order": func(t *testing.T, s *stand) {
			s.approvedWith("callback_out_of_order")
			equal(t, "tells", s.shop.states(), "[done validating created]")
			events := map[string]bool{}
			for _, c := range s.shop.heard() {
				equal(t, "signed", c.signed(key), true)
				events[c.payment().Event.String()] = true
			}
			equal(t, "numbers", len(events), 3)
		},
		"callback_stale_replay": func(t *testing.T, s *stand) {
			s.approvedWith("callback_stale_replay", delay("1h"))
			equal(t, "tells", s.shop.states(), "[done]")
			s.advance(time.Hour)
			equal(t, "tells", s.shop.states(), "[done created]")
			equal(t, "signed", s.shop.heard()[1].signed(key), true)
		},
		"callback_old_domain": func(t *testing.T, s *stand) {
			s.fault("callback_old_domain")
			r, _ := s.pressApprove(s.create("p1"))
			r.want(303)
			s.advance(time.Hour)
			equal(t, "what the browser brought back is not told", len(s.shop.heard()), 0)
			s.signIn()
			s.paid("p2", at("slow"))
			s.advance(time.Minute)
			equal(t, "what came later is", s.shop.states(), "[done]")
		},

		// Callbacks: what stands in them.
		"callback_wrong_signature": func(t *testing.T, s *stand) {
			s.approvedWith("callback_wrong_signature")
			c := s.only()
			equal(t, "signed", c.signed(key), false)
			equal(t, "digits", len(c.header.Get("BI-Signature")), 44)
		},
		"callback_no_signature": func(t *testing.T, s *stand) {
			s.approvedWith("callback_no_signature")
			equal(t, "header", len(s.only().header.Values("BI-Signature")), 0)
		},
		"callback_no_date": func(t *testing.T, s *stand) {
			s.approvedWith("callback_no_date")
			c := s.only()
			equal(t, "header", len(c.header.Values("BI-Signature-Date")), 0)
			equal(t, "signature", len(c.header.Get("BI-Signature")), 44)
		},
		"callback_full_url": func(t *testing.T, s *stand) {
			s.approvedWith("callback_full_url")
			c := s.only()
			equal(t, "signed", c.signed(key), false)
			c.path = s.shop.URL + c.path
			equal(t, "signed over the address", c.signed(key), true)
		},
		"callback_old_date": func(t *testing.T, s *stand) {
			s.approvedWith("callback_old_date", delay("1h"))
			c := s.only()
			equal(t, "date", c.header.Get("BI-Signature-Date"), "2024-05-01T09:00:00.123456Z")
			equal(t, "signed", c.signed(key), true)
		},
		"callback_future_date": func(t *testing.T, s *stand) {
			s.approvedWith("callback_future_date")
			c := s.only()
			equal(t, "date", c.header.Get("BI-Signature-Date"), "2024-05-01T10:10:00.123456Z")
			equal(t, "signed", c.signed(key), true)
		},
		"callback_gzip": func(t *testing.T, s *stand) {
			s.approvedWith("callback_gzip")
			c := s.only()
			equal(t, "encoding", c.header.Get("Content-Encoding"), "gzip")
			equal(t, "packed", json.Valid(c.body), false)
			equal(t, "signed as it is without", c.signed(key), true)
			equal(t, "tells", c.payment().State, "done")
		},
		"callback_gzip_bomb": func(t *testing.T, s *stand) {
			s.approvedWith("callback_gzip_bomb")
			c := s.only()
			equal(t, "small", len(c.body) < 256<<10, true)
			equal(t, "large inside", len(c.plain()) > 8<<20, true)
		},
		"callback_no_event_id": func(t *testing.T, s *stand) {
			s.approvedWith("callback_no_event_id")
			c := s.only()
			equal(t, "number", strings.Contains(string(c.body), "id_webhook_data"), false)
			equal(t, "signed", c.signed(key), true)
		},
		"callback_wrong_amount": func(t *testing.T, s *stand) {
			o := s.approvedWith("callback_wrong_amount", plus("-9.89"))
			equal(t, "told", s.only().payment().amount(), "0.0100000000")
			equal(t, "true", s.read(o.ID).amount(), "9.9000000000")
		},
		"callback_wrong_currency": func(t *testing.T, s *stand) {
			o := s.approvedWith("callback_wrong_currency")
			equal(t, "told", strings.Contains(string(s.only().payment().Instructions[0].Currency), `"id":"GBP"`), true)
			equal(t, "true", strings.Contains(string(s.read(o.ID).Instructions[0].Currency), `"id":"EUR"`), true)
		},
		"callback_wrong_external_id": func(t *testing.T, s *stand) {
			s.approvedWith("callback_wrong_external_id", word("p9"))
			equal(t, "told", *s.only().payment().ClientState, "p9")
		},
		"callback_wrong_id": func(t *testing.T, s *stand) {
			s.approvedWith("callback_wrong_id")
			equal(t, "told", s.only().payment().ID, "99")
		},
		"callback_wrong_status": func(t *testing.T, s *stand) {
			o := s.approvedWith("callback_wrong_status", word("rejected"))
			equal(t, "told", s.shop.states(), "[rejected]")
			equal(t, "true", s.read(o.ID).State, "done")
		},
		"callback_amounts_as_strings": func(t *testing.T, s *stand) {
			s.approvedWith("callback_amounts_as_strings")
			equal(t, "told", s.only().payment().amount(), `"9.9000000000"`)
		},
		"callback_huge": func(t *testing.T, s *stand) {
			s.approvedWith("callback_huge")
			c := s.only()
			equal(t, "large", len(c.body) > 2<<20, true)
			equal(t, "signed", c.signed(key), true)
			equal(t, "tells", c.payment().State, "done")
		},

		// The payment itself.
		"order_wrong_amount": func(t *testing.T, s *stand) {
			o := s.approvedWith("order_wrong_amount", plus("0.01"))
			equal(t, "made with", o.amount(), "9.9000000000")
			equal(t, "read", s.read(o.ID).amount(), "9.9100000000")
			equal(t, "told", s.only().payment().amount(), "9.9100000000")
			equal(t, "truth", []int64{s.truth("p1").Minor, s.truth("p1").ToldMinor}, "[990 991]")
		},
		"order_wrong_currency": func(t *testing.T, s *stand) {
			o := s.approvedWith("order_wrong_currency", word("USD"))
			equal(t, "read", strings.Contains(string(s.read(o.ID).Instructions[0].Currency), `"id":"USD"`), true)
			equal(t, "truth", []string{s.truth("p1").Currency, s.truth("p1").ToldCurrency}, "[EUR USD]")
		},
		"order_wrong_beneficiary": func(t *testing.T, s *stand) {
			o := s.approvedWith("order_wrong_beneficiary")
			equal(t, "made with", o.Instructions[0].Beneficiary["identification"], "FR7630006000011234567890189")
			equal(t, "read", s.read(o.ID).Instructions[0].Beneficiary["identification"], "DE89370400440532013000")
		},
		"order_stays_pending": func(t *testing.T, s *stand) {
			s.approvedWith("order_stays_pending")
			s.advance(29 * 24 * time.Hour)
			equal(t, "rests", s.truth("p1").Status, "pending")
			s.decide("p1", "complete")
			equal(t, "tells", s.shop.states(), "[pending done]")
			s.fault("order_stays_pending", delay("5m"), func(w *world.Wish) { w.Order = "p2" })
			s.signIn()
			s.paid("p2")
			s.advance(5 * time.Minute)
			equal(t, "for a while", s.truth("p2").Status, "done")
		},
		"order_accepted": func(t *testing.T, s *stand) {
			o := s.approvedWith("order_accepted")
			equal(t, "read", s.read(o.ID).State, "accepted")
			equal(t, "paid", s.truth("p1").Paid, false)
			s.advance(31 * 24 * time.Hour)
			equal(t, "final", s.truth("p1").Status, "accepted")
			equal(t, "tells", s.shop.states(), "[accepted]")
		},
		"order_rejected": func(t *testing.T, s *stand) {
			for _, code := range []string{
				"invalidEmitter", "insufficientFunds", "invalidAmount", "invalidCurrency", "invalidDate", "invalidBeneficiary", "invalidLabel",
				"invalidReferenceId", "regulatoryReason", "authenticationFailed", "noAnswerFromCustomer", "noSpecifiedReason", "CancelledByUser",
				"CancelledByClient", "confirmationRefused", "bankMessage", "invalidValue", "websiteUnavailable", "bug",
			} {
				s.fault("order_rejected", word(code), func(w *world.Wish) { w.Order = "p-" + code })
				got := s.read(s.paid("p-" + code).ID)
				equal(t, code, got.State+" "+got.code(), "rejected "+code)
			}
			s.fault("order_rejected")
			equal(t, "the usual one", s.read(s.paid("p1").ID).code(), "noSpecifiedReason")
		},
		"order_expired": func(t *testing.T, s *stand) {
			o := s.approvedWith("order_expired")
			equal(t, "read", s.read(o.ID).State, "expired")
			equal(t, "tells", s.shop.states(), "[expired]")
		},
		"order_status": func(t *testing.T, s *stand) {
			o := s.approvedWith("order_status")
			equal(t, "read", s.read(o.ID).State, "in_review")
			equal(t, "tells", s.shop.states(), "[in_review]")
			s.send("GET", s.webview(o), "").want(200).has("in_review")
		},
		"amount_cap": func(t *testing.T, s *stand) {
			s.fault("amount_cap")
			over := func(_, i object) { i["amount"] = json.Number("10.01") }
			s.api("POST", "payments", s.paymentJSON("p1", over)).refused(400, "invalidValue").has("10 EUR")
			equal(t, "made", len(s.powens.Orders(0)), 0)
			s.create("p1", func(_, i object) { i["amount"] = json.Number("10.00") })
		},
		"client_state_missing": func(t *testing.T, s *stand) {
			s.fault("client_state_missing")
			o := s.create("p1")
			equal(t, "made", o.ClientState == nil, true)
			equal(t, "read", s.read(o.ID).ClientState == nil, true)
			equal(t, "kept", s.truth("p1").Ref, o.ID)
		},
		"cancel_not_supported": func(t *testing.T, s *stand) {
			s.fault("cancel_not_supported")
			o := s.create("p1")
			s.api("POST", "payments/"+o.ID.String(), `{"cancel":true}`).refused(400, "notSupported")
			equal(t, "state", s.read(o.ID).State, "created")
		},
		"cancel_needs_buyer": func(t *testing.T, s *stand) {
			s.fault("cancel_needs_buyer")
			o := s.create("p1")
			got := s.api("POST", "payments/"+o.ID.String(), `{"cancel":true}`).want(200).payment()
			equal(t, "state", got.State+" "+*got.StateDetail, "pending cancelling")
			equal(t, "the buyer approves it", s.decide("p1", "cancel") != "", true)
			equal(t, "read", s.read(o.ID).code(), "CancelledByClient")
		},

		// The buyer.
		"buyer_abandons": func(t *testing.T, s *stand) {
			s.fault("buyer_abandons", aimed("", 1))
			o := s.create("p1")
			s.press(s.webview(o), azur).want(303)
			r, _ := s.pressApprove(o)
			r.want(200).has("You have left")
			equal(t, "truth", s.truth("p1").Status, "validating")
		},

		// The wire.
		"unavailable": func(t *testing.T, s *stand) {
			s.fault("unavailable", aimed("create", 2))
			for range 2 {
				r := s.api("POST", "payments", s.paymentJSON("p1")).want(503)
				equal(t, "JSON", json.Valid([]byte(r.body)), false)
			}
			equal(t, "nothing is done", len(s.powens.Orders(0)), 0)
			s.create("p1")
		},
		"broken": func(_ *testing.T, s *stand) {
			o := s.create("p1")
			s.fault("broken", aimed("read", 1))
			s.api("GET", "payments/"+o.ID.String(), "").want(500)
			s.read(o.ID)
		},
		"rate_limited": func(t *testing.T, s *stand) {
			s.fault("rate_limited", aimed("token", 1), delay("7s"))
			equal(t, "Retry-After", s.send("POST", "/2.0/auth/token", goodGrant).want(429).header.Get("Retry-After"), "7")
			s.signIn()
		},
		"connection_cut": func(t *testing.T, s *stand) {
			s.fault("connection_cut", aimed("create", 1))
			_, err := s.post("payments", s.paymentJSON("p1"))
			equal(t, "an error", err != nil, true)
			equal(t, "nothing is done", len(s.powens.Orders(0)), 0)
			s.create("p1")
		},
		"slow": func(t *testing.T, s *stand) {
			s.fault("slow", aimed("create", 1), delay("30s"))
			answered := make(chan reply, 1)
			go func() {
				r, _ := s.post("payments", s.paymentJSON("p1"))
				answered <- r
			}()
			for deadline := time.Now().Add(10 * time.Second); s.world.Clock.Pending() < 2; {
				if time.Now().After(deadline) {
					t.Fatal("the answer does not wait")
				}
			}
			equal(t, "done already", s.truth("p1").Status, "created")
			s.advance(29 * time.Second)
			select {
			case <-answered:
				t.Error("answered too early")
			default:
			}
			s.advance(time.Second)
			equal(t, "status", (<-answered).status, 200)
		},
		"answer_not_json": func(t *testing.T, s *stand) {
			s.fault("answer_not_json", aimed("create", 1))
			s.api("POST", "payments", s.paymentJSON("p1")).want(200).has("<h1>It works!</h1>")
			equal(t, "done all the same", s.truth("p1").Status, "created")
		},
		"answer_huge": func(t *testing.T, s *stand) {
			o := s.create("p1")
			s.fault("answer_huge", aimed("read", 1))
			r := s.api("GET", "payments/"+o.ID.String(), "").want(200)
			equal(t, "large", len(r.body) > 8<<20, true)
			equal(t, "still JSON", r.payment().ID, o.ID)
		},
		"answer_lost": func(t *testing.T, s *stand) {
			s.fault("answer_lost", aimed("create", 1))
			_, err := s.post("payments", s.paymentJSON("p1"))
			equal(t, "an error", err != nil, true)
			made := s.truth("p1")
			s.api("GET", "payments?filter=register_date&min_date=2024-05-01", "").want(200).has(`"client_state":"p1"`)
			s.fault("answer_lost", aimed("approve", 1))
			_, err = s.pressApprove(s.read(json.Number(made.Ref)))
			equal(t, "an error", err != nil, true)
			s.drain()
			equal(t, "the money moved", s.truth("p1").Paid, true)
			equal(t, "tells", s.shop.states(), "[done]")
		},
		"unauthorised": func(_ *testing.T, s *stand) {
			o := s.create("p1")
			s.fault("unauthorised", aimed("read", 1))
			s.api("GET", "payments/"+o.ID.String(), "").refused(401, "unauthorized")
			s.api("GET", "payments/"+o.ID.String(), "").refused(401, "unauthorized")
			s.signIn()
			s.read(o.ID)
		},
		"forbidden": func(_ *testing.T, s *stand) {
			s.fault("forbidden", aimed("create", 1))
			s.api("POST", "payments", s.paymentJSON("p1")).refused(403, "forbidden")
			s.create("p1")
		},
		"token_short": func(t *testing.T, s *stand) {
			s.fault("token_short", delay("3s"))
			equal(t, "nothing says so", strings.Contains(s.send("POST", "/2.0/auth/token", goodGrant).want(200).body, "expires"), false)
			s.signIn()
			s.advance(3 * time.Second)
			s.api("GET", "payments", "").refused(401, "unauthorized")
		},
		"amounts_as_strings": func(t *testing.T, s *stand) {
			s.fault("amounts_as_strings", aimed("create", 0))
			o := s.create("p1")
			equal(t, "create", o.amount(), `"9.9000000000"`)
			equal(t, "read", s.read(o.ID).amount(), "9.9000000000")
		},
		"currency_as_text": func(t *testing.T, s *stand) {
			s.fault("currency_as_text", aimed("read", 0))
			equal(t, "read", string(s.read(s.create("p1").ID).Instructions[0].Currency), `"EUR"`)
		},
		"connectors_flattened": func(_ *testing.T, s *stand) {
			s.fault("connectors_flattened")
			s.api("GET", "connectors", "").want(200).has(`"partial_status_tracking":null`, `"available_validate_mechanisms":"webauth"`, `"execution_frequencies":{}`)
		},
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	tests := faultTests()
	for _, fault := range setup(t).world.Faults.Catalogue("powens") {
		test, ok := tests[fault.Name]
		if !ok {
			t.Errorf("the fault %q has no scenario", fault.Name)
			continue
		}
		delete(tests, fault.Name)
		if !strings.HasSuffix(fault.Says, ".") {
			t.Errorf("%s: %q is no sentence", fault.Name, fault.Says)
		}
		t.Run(fault.Name, func(t *testing.T) {
			t.Parallel()
			test(t, setup(t))
		})
	}
	for name := range tests {
		t.Errorf("the scenario %q has no fault", name)
	}
}

func TestFaults_ParametersAreChecked(t *testing.T) {
	t.Parallel()
	s := setup(t)
	for fault, wish := range map[string]world.Wish{
		"order_wrong_amount":      {Amount: "1,00"},
		"order_wrong_beneficiary": {Word: "FR76 3000"},
		"callback_wrong_id":       {Word: "x"},
		"callback_wrong_status":   {Word: strings.Repeat("x", 101)},
		"callback_gzip":           {Word: "x"},
		"amount_cap":              {Endpoint: "read"},
	} {
		wish.Provider, wish.Fault = "powens", fault
		if _, err := s.world.Faults.Add(wish); err == nil {
			t.Errorf("%+v was taken", wish)
		}
	}
}

// Several faults add up, and a rule for one payment goes before one for all.
func TestFaults_Together(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.fault("callback_doubled")
	s.fault("callback_late", delay("10s"))
	s.fault("callback_gzip")
	s.fault("callback_wrong_status", word("general"))
	s.fault("callback_wrong_status", word("special"), func(w *world.Wish) { w.Order, w.Times = "p1", 1 })
	s.paid("p1")
	s.advance(10 * time.Second)
	equal(t, "tells", s.shop.states(), "[special special]")
	faults := s.world.Post.Latest(1, "")[0].Faults
	slices.Sort(faults)
	equal(t, "written down", faults, "[callback_doubled callback_gzip callback_late callback_wrong_status]")
	s.paid("p2")
	s.advance(10 * time.Second)
	equal(t, "tells", s.shop.states()[2:], "[general general]")
}

// A callback can be sent by hand, for any state that the payment was in.
func TestSend(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.paid("p1")
	send := func(c world.Call) error {
		_, err := s.powens.Send(context.Background(), "p1", c)
		s.drain()
		return err
	}
	for _, c := range []world.Call{{}, {Status: "created"}, {Fault: "callback_wrong_status", Word: "x"}, {Fault: "callback_doubled"}} {
		if err := send(c); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
	equal(t, "tells", s.shop.states(), "[done done created x done done]")
	for _, c := range []world.Call{{Status: "pending"}, {Fault: "earthquake"}, {Fault: "order_accepted"}, {Fault: "callback_wrong_id", Word: "x"}} {
		if err := send(c); err == nil {
			t.Errorf("%+v was sent", c)
		}
	}
	if _, err := s.powens.Send(context.Background(), "p9", world.Call{}); err == nil {
		t.Error("sent about nothing")
	}
}

// What is written down of requests holds no secret.
func TestRequests_AreWrittenDown(t *testing.T) {
	t.Parallel()
	s := setup(t)
	o := s.create("p1")
	view := s.webview(o)
	s.send("GET", view, "").want(200)
	list := fmt.Sprintf("%+v", s.world.Requests.Latest(0))
	for _, want := range []string{"Endpoint:token", "Endpoint:create", "Endpoint:scopedtoken", "Endpoint:page", "Order:" + o.ID.String()} {
		if !strings.Contains(list, want) {
			t.Errorf("%q is not in %s", want, list)
		}
	}
	for _, never := range []string{s.bearer, "sbx-scp", "secret", "Martin"} {
		if strings.Contains(list, never) {
			t.Errorf("%q is in %s", never, list)
		}
	}
}

// The manual lists every fault.
func TestFaults_AreInTheManual(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range faultTests() {
		if !regexp.MustCompile("[`\\s(]" + name + "[`\\s)]").Match(manual) {
			t.Errorf("%s is not in the manual", name)
		}
	}
}
