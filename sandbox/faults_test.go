package sandbox_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"till/sandbox/iumicash"
)

const secret = "sbx_client_secret_1"

// approvedWith makes an order while a fault is set for it, approves it and
// delivers what is due.
func (s *stand) approvedWith(fault, fields string) wireOrder {
	s.t.Helper()
	s.fault(fault, fields)
	return s.paid("o1")
}

func signed(c call) bool { return c.signature == iumicash.Sign(secret, c.body) }

// pressApprove approves on the page, as a buyer does.
func (s *stand) pressApprove(o wireOrder) (reply, error) {
	s.t.Helper()
	s.wallet(o, "aroha")
	return s.try("POST", "/iumicash/checkout/"+o.ID+"/", "decision=approve",
		"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
}

// faultTests has one scenario for each fault of the catalogue.
func faultTests() map[string]func(*testing.T, *stand) {
	refusedBuyer := func(fault, code string) func(*testing.T, *stand) {
		return func(_ *testing.T, s *stand) {
			s.fault(fault, `"times":1`)
			s.api("POST", "orders/", s.orderJSON("o1"), "RequestId", "k1").word(400, code)
			s.api("POST", "orders/", s.orderJSON("o1"), "RequestId", "k1").want(201)
		}
	}
	return map[string]func(*testing.T, *stand){
		// Callbacks: on their way.
		"callback_lost": func(t *testing.T, s *stand) {
			o := s.approvedWith("callback_lost", "")
			s.advance("1000h")
			equal(t, "calls", len(s.shop.heard()), 0)
			equal(t, "truth", s.truth(o.ID).Status, "completed")
			equal(t, "state", s.deliveries()[0].State, "lost")
			s.control("POST", "/deliveries/d1/redeliver", `{}`).want(201)
			s.drain()
			equal(t, "sent again", s.shop.statuses(), "[completed]")
		},
		"callback_late": func(t *testing.T, s *stand) {
			s.approvedWith("callback_late", `"delay":"45s"`)
			s.advance("44s")
			equal(t, "calls", len(s.shop.heard()), 0)
			s.advance("1s")
			equal(t, "tells", s.shop.statuses(), "[completed]")
		},
		"callback_held": func(t *testing.T, s *stand) {
			s.approvedWith("callback_held", "")
			s.advance("1000h")
			equal(t, "calls", len(s.shop.heard()), 0)
			s.control("POST", "/release", `{}`).want(200).has(`"released":1`)
			s.drain()
			equal(t, "tells", s.shop.statuses(), "[completed]")
			s.control("POST", "/deliveries/d1/release", `{}`).want(422)
		},
		"callback_doubled": func(t *testing.T, s *stand) {
			s.approvedWith("callback_doubled", "")
			calls := s.shop.heard()
			equal(t, "calls", len(calls), 2)
			equal(t, "the same bytes", string(calls[0].body), string(calls[1].body))
			equal(t, "the same signature", calls[0].signature, calls[1].signature)
		},
		"callback_before_return": func(t *testing.T, s *stand) {
			s.fault("callback_before_return", "")
			r, err := s.pressApprove(s.create("o1"))
			equal(t, "error", err, nil)
			equal(t, "heard before the answer came", s.shop.statuses(), "[completed]")
			r.want(303)
		},
		"callback_after_return": func(t *testing.T, s *stand) {
			s.fault("callback_after_return", "")
			r, _ := s.pressApprove(s.create("o1"))
			r.want(303)
			s.advance("1s")
			equal(t, "calls", len(s.shop.heard()), 0)
			s.advance("1s")
			equal(t, "tells", s.shop.statuses(), "[completed]")
		},
		"callback_out_of_order": func(t *testing.T, s *stand) {
			s.approvedWith("callback_out_of_order", "")
			equal(t, "tells", s.shop.statuses(), "[completed approved created]")
			for _, c := range s.shop.heard() {
				equal(t, "signed", signed(c), true)
			}
		},
		"callback_stale_replay": func(t *testing.T, s *stand) {
			s.approvedWith("callback_stale_replay", `"delay":"1h"`)
			equal(t, "tells", s.shop.statuses(), "[completed]")
			s.advance("1h")
			equal(t, "tells", s.shop.statuses(), "[completed created]")
			equal(t, "signed", signed(s.shop.heard()[1]), true)
		},

		// Callbacks: what stands in them.
		"callback_wrong_signature": func(t *testing.T, s *stand) {
			s.approvedWith("callback_wrong_signature", "")
			c := s.shop.heard()[0]
			equal(t, "signed", signed(c), false)
			equal(t, "hex digits", len(c.signature), 64)
		},
		"callback_no_signature": func(t *testing.T, s *stand) {
			s.approvedWith("callback_no_signature", "")
			_, there := s.shop.heard()[0].raw["Iumicash-Signature"]
			equal(t, "header", there, false)
		},
		"callback_uppercase_signature": func(t *testing.T, s *stand) {
			s.approvedWith("callback_uppercase_signature", "")
			c := s.shop.heard()[0]
			equal(t, "signature", c.signature, strings.ToUpper(iumicash.Sign(secret, c.body)))
		},
		"callback_wrong_amount": func(t *testing.T, s *stand) {
			o := s.approvedWith("callback_wrong_amount", `"amount":"-12.49"`)
			c := s.shop.heard()[0]
			equal(t, "signed", signed(c), true)
			equal(t, "told", string(body(t, c).Items[0].Amount.Value), "0.01")
			equal(t, "true", string(s.read(o.ID).Items[0].Amount.Value), "12.50")
		},
		"callback_wrong_currency": func(t *testing.T, s *stand) {
			o := s.approvedWith("callback_wrong_currency", "")
			equal(t, "told", body(t, s.shop.heard()[0]).Items[1].Amount.Currency, "EUR")
			equal(t, "true", s.read(o.ID).Items[1].Amount.Currency, "NZD")
		},
		"callback_wrong_external_id": func(t *testing.T, s *stand) {
			s.approvedWith("callback_wrong_external_id", `"word":"o9"`)
			equal(t, "told", body(t, s.shop.heard()[0]).ExternalID, "o9")
		},
		"callback_wrong_id": func(t *testing.T, s *stand) {
			s.approvedWith("callback_wrong_id", "")
			equal(t, "told", body(t, s.shop.heard()[0]).ID, "000000000000000000000000")
		},
		"callback_wrong_status": func(t *testing.T, s *stand) {
			o := s.approvedWith("callback_wrong_status", `"word":"cancelled"`)
			equal(t, "told", s.shop.statuses(), "[cancelled]")
			equal(t, "true", s.read(o.ID).Status, "completed")
		},
		"callback_amounts_as_strings": func(t *testing.T, s *stand) {
			s.approvedWith("callback_amounts_as_strings", "")
			equal(t, "told", string(body(t, s.shop.heard()[0]).Items[0].Amount.Value), `"12.50"`)
		},
		"callback_huge": func(t *testing.T, s *stand) {
			s.approvedWith("callback_huge", "")
			c := s.shop.heard()[0]
			equal(t, "large", len(c.body) > 2<<20, true)
			equal(t, "signed", signed(c), true)
			equal(t, "tells", body(t, c).Status, "completed")
		},

		// The order itself.
		"order_no_approve_link": func(t *testing.T, s *stand) {
			s.fault("order_no_approve_link", "")
			o := s.create("o1")
			equal(t, "links", len(o.Links), 1)
			equal(t, "approve", o.link("approve"), "")
			equal(t, "context", len(o.Context), 0)
			s.send("GET", "/iumicash/checkout/"+o.ID+"/", "").want(404)
			equal(t, "read", s.read(o.ID).link("self"), o.link("self"))
		},
		"order_foreign_approve_link": func(t *testing.T, s *stand) {
			s.fault("order_foreign_approve_link", `"word":"https://evil.example"`)
			o := s.create("o1")
			equal(t, "approve", o.link("approve"), "https://evil.example/checkout/"+o.ID+"/")
		},
		"order_foreign_self_link": func(t *testing.T, s *stand) {
			s.fault("order_foreign_self_link", `"word":"http://169.254.169.254"`)
			o := s.create("o1")
			equal(t, "self", o.link("self"), "http://169.254.169.254/api/v1/orders/"+o.ID+"/")
		},
		"order_wrong_amount": func(t *testing.T, s *stand) {
			o := s.approvedWith("order_wrong_amount", `"amount":"0.01"`)
			equal(t, "made with", string(o.Items[0].Amount.Value), "12.50")
			equal(t, "read", string(s.read(o.ID).Items[0].Amount.Value), "12.51")
			equal(t, "told", string(body(t, s.shop.heard()[0]).Items[0].Amount.Value), "12.51")
			truth := s.truth(o.ID)
			equal(t, "truth", []int64{truth.Minor, truth.Told}, "[2599 2601]")
		},
		"order_wrong_currency": func(t *testing.T, s *stand) {
			o := s.approvedWith("order_wrong_currency", `"word":"USD"`)
			equal(t, "read", s.read(o.ID).Items[0].Amount.Currency, "USD")
			truth := s.truth(o.ID)
			equal(t, "truth", []string{truth.Currency, truth.ToldCurrency}, "[NZD USD]")
		},
		"order_stays_approved": func(t *testing.T, s *stand) {
			o := s.approvedWith("order_stays_approved", "")
			s.advance("1000h")
			s.signIn()
			equal(t, "read", s.read(o.ID).Status, "approved")
			equal(t, "paid", s.truth(o.ID).Paid, false)
			s.decide("o1", "complete")
			s.drain()
			equal(t, "read", s.read(o.ID).Status, "completed")
			equal(t, "tells", s.shop.statuses(), "[approved completed]")
		},
		"order_status": func(t *testing.T, s *stand) {
			o := s.approvedWith("order_status", "")
			equal(t, "read", s.read(o.ID).Status, "in_review")
			equal(t, "tells", s.shop.statuses(), "[in_review]")
			s.fault("order_status", `"word":"captured","order":"o2"`)
			equal(t, "sent to", s.decide(s.create("o2").ID, "approve"), s.shop.URL+"/return/o2/success")
		},

		// The buyer.
		"create_payment_limit":    refusedBuyer("create_payment_limit", "USER_PAYMENT_LIMIT"),
		"create_not_active":       refusedBuyer("create_not_active", "USER_NOT_ACTIVE"),
		"create_balance_low":      refusedBuyer("create_balance_low", "ACCOUNT_BALANCE_IS_LOW"),
		"create_disabled_by_user": refusedBuyer("create_disabled_by_user", "DISABLED_BY_USER"),
		"buyer_abandons": func(t *testing.T, s *stand) {
			s.fault("buyer_abandons", `"times":1`)
			o := s.create("o1")
			r, _ := s.pressApprove(o)
			r.want(200).has("You have left")
			s.drain()
			equal(t, "truth", s.truth(o.ID).Status, "created")
			equal(t, "calls", len(s.shop.heard()), 0)
		},

		// The wire.
		"unavailable": func(t *testing.T, s *stand) {
			s.fault("unavailable", `"endpoint":"create","times":2`)
			for range 2 {
				r := s.api("POST", "orders/", s.orderJSON("o1")).want(503)
				equal(t, "content type", r.header.Get("Content-Type"), "text/plain; charset=utf-8")
				equal(t, "JSON", json.Valid([]byte(r.body)), false)
			}
			s.create("o1")
		},
		"broken": func(_ *testing.T, s *stand) {
			o := s.create("o1")
			s.fault("broken", `"endpoint":"read","times":1`)
			s.api("GET", "orders/"+o.ID+"/", "").want(500)
			s.read(o.ID)
		},
		"rate_limited": func(t *testing.T, s *stand) {
			s.fault("rate_limited", `"endpoint":"token","delay":"7s","times":1`)
			equal(t, "Retry-After", s.token(`{"grant_type":"client_credentials"}`).want(429).header.Get("Retry-After"), "7")
			s.token(`{"grant_type":"client_credentials"}`).want(200)
		},
		"connection_cut": func(t *testing.T, s *stand) {
			s.fault("connection_cut", `"endpoint":"create","times":1`)
			_, err := s.try("POST", "/iumicash/api/v1/orders/", s.orderJSON("o1"), "Authorization", "Bearer "+s.bearer)
			equal(t, "an error", err != nil, true)
			s.control("GET", "/orders", "").has(`"orders":[]`)
			s.create("o1")
		},
		"slow": func(t *testing.T, s *stand) {
			s.fault("slow", `"endpoint":"create","delay":"30s","times":1`)
			answered := make(chan reply, 1)
			go func() {
				r, _ := s.try("POST", "/iumicash/api/v1/orders/", s.orderJSON("o1"), "Authorization", "Bearer "+s.bearer)
				answered <- r
			}()
			s.until("the answer waits", func() bool {
				return strings.Contains(s.control("GET", "/clock", "").body, `"pending":1`)
			})
			equal(t, "done already", s.truth("o1").Status, "created")
			s.advance("29s")
			select {
			case <-answered:
				t.Error("answered too early")
			default:
			}
			s.advance("1s")
			r := <-answered
			equal(t, "status", r.status, http.StatusCreated)
		},
		"answer_not_json": func(t *testing.T, s *stand) {
			s.fault("answer_not_json", `"endpoint":"create","times":1`)
			r := s.api("POST", "orders/", s.orderJSON("o1"), "RequestId", "k1").want(200)
			equal(t, "content type", r.header.Get("Content-Type"), "text/html; charset=utf-8")
			equal(t, "done all the same", s.truth("o1").Status, "created")
			s.api("POST", "orders/", s.orderJSON("o1"), "RequestId", "k1").want(201)
		},
		"answer_huge": func(t *testing.T, s *stand) {
			o := s.create("o1")
			s.fault("answer_huge", `"endpoint":"read","times":1`)
			r := s.api("GET", "orders/"+o.ID+"/", "").want(200)
			equal(t, "large", len(r.body) > 8<<20, true)
			equal(t, "still JSON", r.order().ID, o.ID)
		},
		"answer_lost": func(t *testing.T, s *stand) {
			s.fault("answer_lost", `"endpoint":"create","times":1`)
			_, err := s.try("POST", "/iumicash/api/v1/orders/", s.orderJSON("o1"), "Authorization", "Bearer "+s.bearer, "RequestId", "k1")
			equal(t, "an error", err != nil, true)
			made := s.truth("o1")
			s.fault("answer_lost", `"endpoint":"approve","times":1`)
			o := s.api("POST", "orders/", s.orderJSON("o1"), "RequestId", "k1").want(201).order()
			equal(t, "the same order", o.ID, made.Ref)
			_, err = s.pressApprove(o)
			equal(t, "an error", err != nil, true)
			s.drain()
			equal(t, "the money moved", s.truth("o1").Paid, true)
			equal(t, "tells", s.shop.statuses(), "[completed]")
		},
		"unauthorised": func(_ *testing.T, s *stand) {
			o := s.create("o1")
			s.fault("unauthorised", `"endpoint":"read","times":1`)
			s.api("GET", "orders/"+o.ID+"/", "").word(401, "INVALID_AUTHZ")
			s.api("GET", "orders/"+o.ID+"/", "").word(401, "INVALID_AUTHZ")
			s.signIn()
			s.read(o.ID)
		},
		"forbidden": func(_ *testing.T, s *stand) {
			s.fault("forbidden", `"endpoint":"create","times":1`)
			s.api("POST", "orders/", s.orderJSON("o1")).word(403, "NOT_AUTHORIZED")
			s.create("o1")
		},
		"token_short": func(_ *testing.T, s *stand) {
			s.fault("token_short", `"delay":"3s"`)
			s.token(`{"grant_type":"client_credentials"}`).want(200).has(`"expires_in":3,`)
			s.signIn()
			s.advance("3s")
			s.api("GET", "orders/000/", "").word(401, "INVALID_AUTHZ")
		},
		"amounts_as_strings": func(t *testing.T, s *stand) {
			s.fault("amounts_as_strings", `"endpoint":"create"`)
			o := s.create("o1")
			equal(t, "create", string(o.Items[0].Amount.Value), `"12.50"`)
			equal(t, "read", string(s.read(o.ID).Items[0].Amount.Value), "12.50")
		},
		"get_not_supported": func(t *testing.T, s *stand) {
			s.fault("get_not_supported", "")
			o := s.create("o1")
			s.api("GET", "orders/"+o.ID+"/", "").word(405, "METHOD_NOT_SUPPORTED")
			equal(t, "POST", s.api("POST", "orders/"+o.ID+"/", "").want(200).order().ID, o.ID)
		},
		"read_answers_201": func(_ *testing.T, s *stand) {
			s.fault("read_answers_201", "")
			o := s.create("o1")
			s.api("GET", "orders/"+o.ID+"/", "").want(201)
			s.api("POST", "orders/"+o.ID+"/", "").want(201)
		},
	}
}

func TestFaults(t *testing.T) {
	var answer struct {
		Providers []struct {
			Name   string
			Faults []struct{ Name, Says, Strikes string }
		}
	}
	setup(t).control("GET", "/providers", "").want(200).into(&answer)
	tests := faultTests()
	for _, fault := range answer.Providers[0].Faults {
		test, ok := tests[fault.Name]
		if !ok {
			t.Errorf("the fault %q has no scenario", fault.Name)
			continue
		}
		delete(tests, fault.Name)
		if !strings.HasSuffix(fault.Says, ".") {
			t.Errorf("%s: %q is no sentence", fault.Name, fault.Says)
		}
		t.Run(fault.Name, func(t *testing.T) { test(t, setup(t)) })
	}
	for name := range tests {
		t.Errorf("the scenario %q has no fault", name)
	}
}

// The manual lists every fault, with a body that is taken as it stands there.
func TestFaults_AreInTheManual(t *testing.T) {
	s := setup(t)
	manual := manualOf(t, "iumicash")
	for name := range faultTests() {
		_, row, found := strings.Cut(manual, "| `"+name+"`")
		_, row, _ = strings.Cut(row, "| `")
		fields, _, _ := strings.Cut(row, "` |")
		if !found || !strings.HasPrefix(fields, `"fault":"`+name+`"`) {
			t.Errorf("%s is not in the manual", name)
			continue
		}
		r := s.control("POST", "/faults", `{"provider":"iumicash",`+fields+`}`)
		if r.status != http.StatusCreated {
			t.Errorf("%s: the manual's body is refused: %s", name, r.body)
		}
	}
}

func TestFaults_Rules(t *testing.T) {
	s := setup(t)
	for name, body := range map[string]string{
		"no such fault":     `{"provider":"iumicash","fault":"earthquake"}`,
		"no such provider":  `{"provider":"acme","fault":"callback_lost"}`,
		"no such endpoint":  `{"provider":"iumicash","fault":"unavailable","endpoint":"refund"}`,
		"cannot be aimed":   `{"provider":"iumicash","fault":"callback_lost","endpoint":"create"}`,
		"takes no delay":    `{"provider":"iumicash","fault":"callback_lost","delay":"3s"}`,
		"no duration":       `{"provider":"iumicash","fault":"slow","delay":"soon"}`,
		"back in time":      `{"provider":"iumicash","fault":"slow","delay":"-3s"}`,
		"too late":          `{"provider":"iumicash","fault":"slow","delay":"25h"}`,
		"no amount":         `{"provider":"iumicash","fault":"order_wrong_amount","amount":"1,00"}`,
		"no change":         `{"provider":"iumicash","fault":"order_wrong_amount","amount":"0"}`,
		"no host":           `{"provider":"iumicash","fault":"order_foreign_approve_link","word":"evil"}`,
		"fewer than never":  `{"provider":"iumicash","fault":"callback_lost","times":-1}`,
		"an unknown field":  `{"provider":"iumicash","fault":"callback_lost","chance":0.5}`,
		"something behind":  `{"provider":"iumicash","fault":"callback_lost"} x`,
		"no JSON":           `x`,
		"a number as times": `{"provider":"iumicash","fault":"callback_lost","times":"always"}`,
	} {
		r := s.control("POST", "/faults", body)
		if r.status != http.StatusUnprocessableEntity || !strings.Contains(r.body, `"error"`) {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	s.control("GET", "/faults", "").want(200).has(`{"rules":[]}`)

	// A rule for one order goes before a rule for all, and by either name.
	s.fault("callback_wrong_status", `"word":"general"`)
	s.fault("callback_wrong_status", `"word":"special","order":"o1","times":1`)
	s.paid("o1")
	s.paid("o2")
	equal(t, "tells", s.shop.statuses(), "[special general]")
	s.control("DELETE", "/faults/1", "").want(200)
	s.control("DELETE", "/faults/1", "").want(404)
	s.paid("o3")
	equal(t, "tells", s.shop.statuses(), "[special general completed]")
	s.control("GET", "/faults", "").want(200).has(`"struck":1`)
	s.control("DELETE", "/faults", "").want(200).has(`"removed":1`)
}

func TestFaults_Together(t *testing.T) {
	s := setup(t)
	s.fault("callback_doubled", "")
	s.fault("callback_late", `"delay":"10s"`)
	s.fault("callback_wrong_amount", "")
	s.fault("callback_uppercase_signature", "")
	s.paid("o1")
	s.advance("10s")
	calls := s.shop.heard()
	equal(t, "calls", len(calls), 2)
	equal(t, "amount", string(body(t, calls[1]).Items[0].Amount.Value), "13.50")
	equal(t, "signature", calls[1].signature, strings.ToUpper(iumicash.Sign(secret, calls[1].body)))
	equal(t, "written down", s.deliveries()[0].Faults, "[callback_uppercase_signature callback_wrong_amount callback_late callback_doubled]")
}

func TestFaults_OutOfOrderWhenTheFirstIsLost(t *testing.T) {
	s := setup(t)
	s.fault("callback_lost", "")
	s.fault("callback_out_of_order", "")
	s.paid("o1")
	equal(t, "tells", s.shop.statuses(), "[approved created]")
}

func TestFaults_StaysApprovedForAWhile(t *testing.T) {
	s := setup(t)
	s.fault("order_stays_approved", `"delay":"5m"`)
	s.paid("o1")
	s.paid("o2")
	s.api("POST", "orders/"+s.truth("o2").Ref+"/cancel/", "").want(200)
	s.advance("5m")
	equal(t, "it completes", s.truth("o1").Status, "completed")
	equal(t, "but not what was cancelled meanwhile", s.truth("o2").Status, "cancelled")
	equal(t, "tells", s.shop.statuses(), "[approved approved completed]")
}

func TestFaults_AreInTheRequestLog(t *testing.T) {
	s := setup(t)
	s.fault("unavailable", `"endpoint":"create","times":1`)
	s.api("POST", "orders/?secret=1", s.orderJSON("o1"), "RequestId", "k1").want(503)
	r := s.control("GET", "/requests?limit=1", "").want(200)
	r.has(`"faults":["unavailable"]`, `"status":503`, `"request_id":"k1"`, `"path":"/api/v1/orders/"`, `"endpoint":"create"`)
	for _, never := range []string{s.bearer, "Bearer", "Basic", "secret", "Mug"} {
		if strings.Contains(s.control("GET", "/requests", "").body, never) {
			t.Errorf("%q is in the log", never)
		}
	}
}

// until polls with a deadline.
func (s *stand) until(what string, ok func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			s.t.Fatalf("waited in vain until %s", what)
		}
	}
}

func body(t *testing.T, c call) wireOrder {
	t.Helper()
	var o wireOrder
	if err := json.Unmarshal(c.body, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestDecisions(t *testing.T) {
	s := setup(t)
	post := func(ref, body string) reply {
		return s.control("POST", "/orders/iumicash/"+url.PathEscape(ref)+"/decisions", body)
	}
	s.create("o/1")
	post("o/1", `{"decision":"abandon"}`).want(200).has(`"status":"created"`, `"return_url":""`)
	post("o/1", `{"decision":"cancel"}`).want(200).has(`"status":"cancelled"`, "/error")
	s.drain()
	post("o/1", `{"decision":"approve"}`).want(422)
	post("o/1", `{"decision":"complete"}`).want(200).has(`"status":"completed"`, `"paid":true`)
	post("o/1", `{"decision":"complete"}`).want(422)
	post("o/1", `{"decision":"set","status":"cancelled"}`).want(200).has(`"paid":false`)
	post("o/1", `{"decision":"set"}`).want(422)
	post("o/1", `{"decision":"approve","status":"x"}`).want(422)
	post("o/1", `{"decision":"refund"}`).want(422)
	post("o/1", `{"choice":"approve"}`).want(422)
	post("o/2", `{"decision":"approve"}`).want(404)
	s.control("POST", "/orders/acme/o1/decisions", `{"decision":"approve"}`).want(404)
	s.drain()
	equal(t, "set is silent", s.shop.statuses(), "[cancelled completed]")
}
