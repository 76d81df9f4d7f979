package pgm_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"till/sandbox/pgm"
	"till/sandbox/world"
)

// faultTests has one scenario for each fault of the catalogue.
func faultTests() map[string]func(*testing.T, *stand) {
	return map[string]func(*testing.T, *stand){
		// Callbacks: on their way.
		"callback_lost": func(t *testing.T, s *stand) {
			s.paidWith("callback_lost")
			s.advance(1000 * time.Hour)
			equal(t, "told", s.shop.words(), "[]")
			equal(t, "truth", s.order("o1").Status, "ACCEPTED")
		},
		"callback_late": func(t *testing.T, s *stand) {
			s.paidWith("callback_late", world.Wish{Delay: "45s"})
			s.advance(44 * time.Second)
			equal(t, "told", s.shop.words(), "[]")
			s.advance(time.Second)
			equal(t, "told", s.shop.words(), "[ACCEPTED]")
		},
		"callback_held": func(t *testing.T, s *stand) {
			s.paidWith("callback_held")
			s.advance(1000 * time.Hour)
			equal(t, "told", s.shop.words(), "[]")
			s.world.Post.ReleaseHeld()
			s.drain()
			equal(t, "told", s.shop.words(), "[ACCEPTED]")
		},
		"callback_doubled": func(t *testing.T, s *stand) {
			s.paidWith("callback_doubled")
			calls := s.shop.heard()
			equal(t, "told", len(calls), 2)
			equal(t, "the same bytes", calls[0].body, calls[1].body)
		},
		"callback_before_return": func(t *testing.T, s *stand) {
			s.fault("callback_before_return")
			r, err := s.press(s.card("o1"), "works", "approve")
			equal(t, "error", err, nil)
			equal(t, "heard before the answer came", s.shop.words(), "[ACCEPTED]")
			r.want(303)
		},
		"callback_after_return": func(t *testing.T, s *stand) {
			s.fault("callback_after_return")
			r, _ := s.press(s.card("o1"), "works", "approve")
			r.want(303)
			s.advance(time.Second)
			equal(t, "told", s.shop.words(), "[]")
			s.advance(time.Second)
			equal(t, "told", s.shop.words(), "[ACCEPTED]")
		},
		"callback_out_of_order": func(t *testing.T, s *stand) {
			a := s.paid("o1")
			s.fault("callback_out_of_order")
			s.decide("o1", "refund")
			s.drain()
			equal(t, "told", s.shop.words(), "[ACCEPTED REFUND ACCEPTED ACCEPTED PENDING]")
			equal(t, "all of one payment", statusOf(s.shop.heard()[3].body).PaymentID, a.PaymentID)
		},
		"callback_stale_replay": func(t *testing.T, s *stand) {
			s.paidWith("callback_stale_replay", world.Wish{Delay: "1h"})
			equal(t, "told", s.shop.words(), "[ACCEPTED]")
			s.advance(time.Hour)
			equal(t, "told", s.shop.words(), "[ACCEPTED PENDING]")
		},

		// Callbacks: what stands in them, and where they go.
		"callback_v2": func(t *testing.T, s *stand) {
			a := s.paidWith("callback_v2")
			equal(t, "body", s.shop.heard()[0].body, `{"providerName":"STRIPE","paymentType":"UNKNOWN","isSuccessful":true,`+
				`"resultDescription":"Transaction ACCEPTED","paymentID":"`+a.PaymentID+`","shopTransactionID":"o1"}`)
		},
		"callback_wrong_secret": func(t *testing.T, s *stand) {
			s.paidWith("callback_wrong_secret")
			equal(t, "path", s.shop.heard()[0].path, "/callbacks/pgm/sbx-pgm-callback-x")
		},
		"callback_no_secret": func(t *testing.T, s *stand) {
			s.paidWith("callback_no_secret")
			equal(t, "path", s.shop.heard()[0].path, "/callbacks/pgm")
		},
		"callback_wrong_status": func(t *testing.T, s *stand) {
			a := s.paidWith("callback_wrong_status")
			equal(t, "told", s.shop.words(), "[FAILED]")
			equal(t, "true", s.status(a.PaymentID).Status, "ACCEPTED")
		},
		"callback_wrong_id": func(t *testing.T, s *stand) {
			s.paidWith("callback_wrong_id", world.Wish{Word: "x1"})
			equal(t, "told", statusOf(s.shop.heard()[0].body).PaymentID, "x1")
		},
		"callback_wrong_shop_id": func(t *testing.T, s *stand) {
			s.paidWith("callback_wrong_shop_id", world.Wish{Word: "o9"})
			equal(t, "told", statusOf(s.shop.heard()[0].body).ShopID, "o9")
		},
		"callback_no_action": func(t *testing.T, s *stand) {
			s.paidWith("callback_no_action")
			body := s.shop.heard()[0].body
			equal(t, "told", []bool{strings.Contains(body, `"action"`), strings.Contains(body, "metadata")}, "[false false]")
		},
		"callback_no_ids": func(t *testing.T, s *stand) {
			s.paidWith("callback_no_ids")
			equal(t, "told", strings.Contains(s.shop.heard()[0].body, `"paymentId"`) || strings.Contains(s.shop.heard()[0].body, `"shopTransactionId"`), false)
		},
		"callback_not_json": func(t *testing.T, s *stand) {
			s.paidWith("callback_not_json")
			equal(t, "JSON", json.Valid([]byte(s.shop.heard()[0].body)), false)
		},
		"callback_huge": func(t *testing.T, s *stand) {
			s.paidWith("callback_huge")
			body := s.shop.heard()[0].body
			equal(t, "large", len(body) > 2<<20, true)
			equal(t, "told", statusOf(body).Status, "ACCEPTED")
		},

		// Paying.
		"pay_ok": func(t *testing.T, s *stand) {
			s.fault("pay_ok")
			a := s.card("o1")
			equal(t, "answer", []string{a.Result, a.WebURL}, []string{"OK", ""})
			equal(t, "paid", s.order("o1").Paid, true)
		},
		"pay_ok_not_paid": func(t *testing.T, s *stand) {
			s.fault("pay_ok_not_paid", world.Wish{Delay: "1h"})
			a := s.card("o1")
			equal(t, "answer", a.Result, "OK")
			equal(t, "status", s.status(a.PaymentID).Status, "PENDING")
			s.advance(time.Hour)
			equal(t, "told", s.shop.words(), "[FAILED]")
		},
		"pay_pending": func(t *testing.T, s *stand) {
			s.fault("pay_pending", world.Wish{Order: "o1", Delay: "1h"})
			s.fault("pay_pending", world.Wish{Order: "o2"})
			a := s.card("o1")
			equal(t, "answer", []string{a.Result, a.WebURL}, []string{"PENDING", ""})
			s.send("GET", "/page/"+a.PaymentID, "").want(404)
			s.card("o2")
			s.advance(time.Hour)
			equal(t, "told", s.shop.words(), "[ACCEPTED]")
			equal(t, "the other waits to be told", s.order("o2").Status, "PENDING")
			s.decide("o2", "decline")
			s.drain()
			equal(t, "told", s.shop.words(), "[ACCEPTED FAILED]")
		},
		"pay_ko": func(t *testing.T, s *stand) {
			s.fault("pay_ko")
			a := s.card("o1")
			equal(t, "answer", []any{a.Result, a.WebURL, a.PaymentID != ""}, []any{"KO", "", true})
			equal(t, "status", s.status(a.PaymentID).Status, "FAILED")
		},
		"pay_ko_bare": func(t *testing.T, s *stand) {
			s.fault("pay_ko_bare")
			a := s.card("o1")
			equal(t, "answer", []string{a.Result, a.PaymentID}, []string{"KO", ""})
			equal(t, "made", len(s.pgm.Orders(0)), 0)
		},
		"pay_result": func(t *testing.T, s *stand) {
			s.fault("pay_result", world.Wish{Word: "CHALLENGE"})
			a := s.card("o1")
			equal(t, "answer", []string{a.Result, a.WebURL}, []string{"CHALLENGE", ""})
			equal(t, "status", s.status(a.PaymentID).Status, "PENDING")
			s.decide("o1", "complete")
		},
		"pay_no_page": func(t *testing.T, s *stand) {
			s.fault("pay_no_page")
			a := s.card("o1")
			equal(t, "answer", []string{a.Result, a.WebURL, a.MobileURL}, []string{"REDIRECT_TO_URL", "", ""})
		},
		"pay_app_page": func(t *testing.T, s *stand) {
			s.fault("pay_app_page")
			a := s.card("o1")
			equal(t, "answer", []string{a.WebURL, a.MobileURL}, []string{"", "provider-app://payments/" + a.PaymentID})
		},
		"pay_mobile_page": func(t *testing.T, s *stand) {
			s.fault("pay_mobile_page")
			a := s.card("o1")
			equal(t, "answer", []string{a.WebURL, a.MobileURL}, []string{"", s.base + "/page/" + a.PaymentID})
		},
		"pay_foreign_page": func(t *testing.T, s *stand) {
			s.fault("pay_foreign_page", world.Wish{Word: "https://evil.example"})
			a := s.card("o1")
			equal(t, "answer", a.WebURL, "https://evil.example/page/"+a.PaymentID)
		},
		"pay_no_id": func(t *testing.T, s *stand) {
			s.fault("pay_no_id")
			a := s.card("o1")
			equal(t, "answer", []any{a.PaymentID, a.WebURL != ""}, []any{"", true})
			equal(t, "made all the same", s.order("o1").Status, "PENDING")
		},

		// How the buyer's consent ends.
		"payment_stays_pending": func(t *testing.T, s *stand) {
			s.fault("payment_stays_pending", world.Wish{Order: "o1", Delay: "5m"})
			s.fault("payment_stays_pending", world.Wish{Order: "o2"})
			s.card("o1")
			s.card("o2")
			equal(t, "sent to", s.decide("o1", "approve"), "/return/o1/success")
			s.decide("o2", "approve")
			s.drain()
			equal(t, "told", s.shop.words(), "[]")
			s.advance(5 * time.Minute)
			equal(t, "told", s.shop.words(), "[ACCEPTED]")
			s.advance(48 * time.Hour)
			equal(t, "it does not expire", s.order("o2").Status, "PENDING")
			s.decide("o2", "complete")
		},
		"payment_fails_later": func(t *testing.T, s *stand) {
			s.fault("payment_fails_later", world.Wish{Delay: "5m"})
			s.card("o1")
			equal(t, "sent to", s.decide("o1", "approve"), "/return/o1/success")
			s.advance(5 * time.Minute)
			equal(t, "told", s.shop.words(), "[FAILED]")
		},
		"payment_status": func(t *testing.T, s *stand) {
			a := s.paidWith("payment_status")
			equal(t, "told", s.shop.words(), "[IN_REVIEW]")
			equal(t, "status", s.status(a.PaymentID).Status, "IN_REVIEW")
			s.send("GET", "/page/"+a.PaymentID, "").want(200).has("IN_REVIEW")
			s.decide("o1", "complete")
		},

		// Refunds.
		"refund_ko": func(t *testing.T, s *stand) {
			a := s.paidWith("refund_ko")
			s.refund(a.PaymentID, 100).want(200).has(`{"result":"KO"}`)
			equal(t, "truth", s.refunds("o1"), "[]")
			equal(t, "status", s.status(a.PaymentID).word(), "ACCEPTED")
		},
		"refund_pending": func(t *testing.T, s *stand) {
			a := s.paidWith("refund_pending", world.Wish{Delay: "24h", Times: 1})
			s.refund(a.PaymentID, 100).want(200).has(`{"result":"PENDING"}`)
			equal(t, "status", s.status(a.PaymentID).word(), "REFUND PENDING")
			s.advance(24 * time.Hour)
			equal(t, "told", s.shop.words(), "[ACCEPTED REFUND ACCEPTED]")
			s.fault("refund_pending")
			s.refund(a.PaymentID, 100).want(200)
			s.decide("o1", "refund_done")
			s.drain()
			equal(t, "truth", s.refunds("o1"), "[100 ACCEPTED 100 ACCEPTED]")
		},
		"refund_fails_later": func(t *testing.T, s *stand) {
			a := s.paidWith("refund_fails_later", world.Wish{Delay: "24h", Times: 1})
			s.refund(a.PaymentID, 1250).want(200).has(`{"result":"PENDING"}`)
			s.refund(a.PaymentID, 1).want(409)
			s.advance(24 * time.Hour)
			equal(t, "told", s.shop.words(), "[ACCEPTED REFUND FAILED]")
			equal(t, "truth", s.refunds("o1"), "[1250 FAILED]")
			s.refund(a.PaymentID, 1250).want(200).has("OK")
		},
		"refund_done_then_fails": func(t *testing.T, s *stand) {
			a := s.paidWith("refund_done_then_fails", world.Wish{Delay: "24h"})
			s.refund(a.PaymentID, 100).want(200).has(`{"result":"OK"}`)
			s.advance(24 * time.Hour)
			equal(t, "told", s.shop.words(), "[ACCEPTED REFUND FAILED]")
		},
		"refund_calls_back": func(t *testing.T, s *stand) {
			a := s.paidWith("refund_calls_back")
			s.refund(a.PaymentID, 100).want(200)
			s.drain()
			equal(t, "told", s.shop.words(), "[ACCEPTED REFUND ACCEPTED]")
		},
		"refund_result": func(t *testing.T, s *stand) {
			a := s.paidWith("refund_result")
			s.refund(a.PaymentID, 100).want(200).has(`{"result":"QUEUED"}`)
			s.decide("o1", "refund_failed")
			equal(t, "truth", s.refunds("o1"), "[100 FAILED]")
		},

		// Links and subscriptions.
		"link_result_only": func(t *testing.T, s *stand) {
			s.fault("link_result_only")
			r := s.send("POST", "/v3/stripe/pay-by-link", s.body("o1")).want(200).has(`"result":"OK"`, `"link":`)
			equal(t, "the other spelling", strings.Contains(r.body, "resultCode"), false)
		},
		"subscription_no_token": func(t *testing.T, s *stand) {
			s.fault("subscription_no_token")
			equal(t, "answer", s.started(0), "")
			s.fault("subscription_no_token")
			s.send("POST", "/v3/stripe/subscription/schedule", agreement("o2", "MONTH", 1, 0)).want(200)
			s.decide("o2", "approve")
			equal(t, "status", s.status(s.order("o2").Ref).Metadata["subscriptionToken"], "")
		},
		"renewal_fails": func(t *testing.T, s *stand) {
			token := s.scheduled(0)
			s.fault("renewal_fails", world.Wish{Times: 1})
			s.advance(31 * 24 * time.Hour)
			equal(t, "told", s.shop.words(), "[ACCEPTED FAILED]")
			equal(t, "status", s.subscriptionStatus("stripe", token), "PAST_DUE")
		},
		"subscription_status": func(t *testing.T, s *stand) {
			token := s.scheduled(0)
			s.fault("subscription_status")
			equal(t, "status", s.subscriptionStatus("stripe", token), "PAUSED")
			equal(t, "truth", s.truth().Status, "ACTIVE")
		},
		"subscription_wrong_token": func(_ *testing.T, s *stand) {
			token := s.scheduled(0)
			s.fault("subscription_wrong_token")
			s.send("GET", "/v3/stripe/subscription/status/"+token, "").want(200).has(`"subscriptionToken":"another-subscription"`)
		},
		"subscription_odd_types": func(_ *testing.T, s *stand) {
			token := s.scheduled(0)
			s.fault("subscription_odd_types")
			s.send("GET", "/v3/stripe/subscription/status/"+token, "").want(200).has(`"status":"ACTIVE"`, `"providerName":7`)
		},
		"update_ko": func(t *testing.T, s *stand) {
			token := s.scheduled(0)
			s.fault("update_ko")
			s.send("POST", "/v3/stripe/subscription/update/"+token, agreement("o1", "MONTH", 2, 0)).want(200).has(`"result":"KO"`)
			equal(t, "truth", s.truth().Next, start.AddDate(0, 1, 0))
		},
		"expire_ko": func(t *testing.T, s *stand) {
			token := s.scheduled(0)
			s.fault("expire_ko")
			s.send("POST", "/v3/stripe/subscription/expire/"+token+"?shopTransactionId=o1", "").want(200).has(`"result":"KO"`)
			equal(t, "truth", s.truth().Status, "ACTIVE")
		},
		"expire_not_found": func(t *testing.T, s *stand) {
			token := s.started(0)
			s.fault("expire_not_found")
			s.send("DELETE", "/v3/house-account/subscription/expire/"+token, "").refused(404, "nothing at this address")
			equal(t, "truth", s.truth().Status, "ACTIVE")
			s.send("POST", "/v3/house-account/subscription/expire/"+token, "").want(200)
			equal(t, "truth", s.truth().Status, "CANCELED")
		},

		// What a status says.
		"status_stays_payment": func(t *testing.T, s *stand) {
			a := s.paidWith("status_stays_payment")
			s.fault("refund_pending", world.Wish{Delay: "1h"})
			s.refund(a.PaymentID, 100).want(200)
			equal(t, "status", s.status(a.PaymentID).word(), "ACCEPTED")
			s.advance(time.Hour)
			equal(t, "told all the same", s.shop.words(), "[ACCEPTED REFUND ACCEPTED]")
		},
		"status_no_action": func(t *testing.T, s *stand) {
			a := s.paidWith("status_no_action")
			st := s.status(a.PaymentID)
			equal(t, "status", []any{st.Status, st.Action, len(st.Metadata)}, []any{"ACCEPTED", "", 0})
		},
		"status_wrong_id": func(t *testing.T, s *stand) {
			equal(t, "status", s.status(s.paidWith("status_wrong_id").PaymentID).PaymentID, "another-payment")
		},
		"status_wrong_shop_id": func(t *testing.T, s *stand) {
			equal(t, "status", s.status(s.paidWith("status_wrong_shop_id").PaymentID).ShopID, "no-such-order")
		},
		"status_no_ids": func(t *testing.T, s *stand) {
			st := s.status(s.paidWith("status_no_ids").PaymentID)
			equal(t, "status", st.PaymentID+st.ShopID, "")
		},
		"status_odd_types": func(_ *testing.T, s *stand) {
			a := s.paidWith("status_odd_types")
			s.send("GET", "/v3/stripe/status?paymentId="+a.PaymentID, "").want(200).has(`"paymentMethod":7`, `"status":"ACCEPTED"`)
		},

		// The buyer.
		"buyer_abandons": func(t *testing.T, s *stand) {
			s.fault("buyer_abandons", world.Wish{Times: 1})
			r, _ := s.press(s.card("o1"), "works", "approve")
			r.want(200).has("You have left")
			s.drain()
			equal(t, "truth", s.order("o1").Status, "PENDING")
			equal(t, "told", s.shop.words(), "[]")
		},

		// The wire.
		"unavailable": func(t *testing.T, s *stand) {
			s.fault("unavailable", world.Wish{Endpoint: "pay", Times: 2})
			for range 2 {
				r := s.send("POST", "/v3/stripe/credit-cards/pay", s.body("o1")).want(503)
				equal(t, "JSON", json.Valid([]byte(r.body)), false)
			}
			s.card("o1")
		},
		"broken": func(_ *testing.T, s *stand) {
			a := s.card("o1")
			s.fault("broken", world.Wish{Endpoint: "status", Times: 1})
			s.send("GET", "/v3/stripe/status?paymentId="+a.PaymentID, "").want(500)
			s.status(a.PaymentID)
		},
		"rate_limited": func(t *testing.T, s *stand) {
			s.fault("rate_limited", world.Wish{Endpoint: "refund", Delay: "7s"})
			equal(t, "Retry-After", s.refund("x", 1).want(429).header.Get("Retry-After"), "7")
		},
		"connection_cut": func(t *testing.T, s *stand) {
			s.fault("connection_cut", world.Wish{Endpoint: "pay", Times: 1})
			_, err := s.try("POST", "/v3/stripe/credit-cards/pay", s.body("o1"))
			equal(t, "an error", err != nil, true)
			equal(t, "made", len(s.pgm.Orders(0)), 0)
		},
		"slow": func(t *testing.T, s *stand) {
			s.fault("slow", world.Wish{Endpoint: "pay", Delay: "30s"})
			answered := make(chan reply, 1)
			go func() {
				r, _ := s.try("POST", "/v3/stripe/credit-cards/pay", s.body("o1"))
				answered <- r
			}()
			s.until("the answer waits", func() bool { return s.world.Clock.Pending() == 2 }) // and the page's end
			equal(t, "made already", s.order("o1").Status, "PENDING")
			s.advance(30 * time.Second)
			r := <-answered
			equal(t, "status", r.status, 200)
		},
		"answer_not_json": func(t *testing.T, s *stand) {
			s.fault("answer_not_json", world.Wish{Endpoint: "pay", Times: 1})
			r := s.send("POST", "/v3/stripe/credit-cards/pay", s.body("o1")).want(200)
			equal(t, "content type", r.header.Get("Content-Type"), "text/html; charset=utf-8")
			equal(t, "made all the same", s.order("o1").Status, "PENDING")
		},
		"answer_huge": func(t *testing.T, s *stand) {
			a := s.card("o1")
			s.fault("answer_huge", world.Wish{Endpoint: "status", Times: 1})
			r := s.send("GET", "/v3/stripe/status?paymentId="+a.PaymentID, "").want(200)
			equal(t, "large", len(r.body) > 8<<20, true)
		},
		"answer_lost": func(t *testing.T, s *stand) {
			s.fault("answer_lost", world.Wish{Endpoint: "pay", Times: 1})
			_, err := s.try("POST", "/v3/stripe/credit-cards/pay", s.body("o1"))
			equal(t, "an error", err != nil, true)
			equal(t, "made all the same", s.order("o1").Status, "PENDING")
			a := s.paid("o2")
			s.fault("answer_lost", world.Wish{Endpoint: "refund", Times: 1})
			_, err = s.try("POST", "/v3/stripe/refund", `{"amount":100,"currency":"EUR","paymentId":"`+a.PaymentID+`"}`)
			equal(t, "an error", err != nil, true)
			equal(t, "the money went back", s.refunds("o2"), "[100 ACCEPTED]")
		},
		"unauthorised": func(_ *testing.T, s *stand) {
			s.fault("unauthorised", world.Wish{Times: 1})
			s.send("POST", "/v3/stripe/credit-cards/pay", s.body("o1")).refused(401, "secret")
			s.card("o1")
		},
		"forbidden": func(_ *testing.T, s *stand) {
			s.fault("forbidden", world.Wish{Endpoint: "pay"})
			s.send("POST", "/v3/stripe/credit-cards/pay", s.body("o1")).refused(403, "allowed")
		},
		"bad_gateway": func(t *testing.T, s *stand) {
			s.fault("bad_gateway", world.Wish{Endpoint: "pay"})
			s.send("POST", "/v3/stripe/credit-cards/pay", s.body("o1")).refused(502, "answered badly")
			equal(t, "made", len(s.pgm.Orders(0)), 0)
		},
		"service_timeout": func(t *testing.T, s *stand) {
			s.fault("service_timeout", world.Wish{Endpoint: "pay"})
			s.send("POST", "/v3/stripe/credit-cards/pay", s.body("o1")).refused(504, "in time")
			equal(t, "made all the same", s.order("o1").Status, "PENDING")
		},
		"not_implemented": func(_ *testing.T, s *stand) {
			a := s.card("o1")
			s.fault("not_implemented", world.Wish{Endpoint: "status"})
			s.send("GET", "/v3/stripe/status?paymentId="+a.PaymentID, "").refused(501, "does not support")
		},
	}
}

func TestFaults(t *testing.T) {
	tests := faultTests()
	for _, f := range setup(t).world.Faults.Catalogue(pgm.Name) {
		test, ok := tests[f.Name]
		if !ok {
			t.Errorf("%s has no scenario", f.Name)
			continue
		}
		delete(tests, f.Name)
		if f.Says == "" || !strings.HasSuffix(f.Says, ".") || f.Strikes == "" {
			t.Errorf("%s does not say what it does: %+v", f.Name, f)
		}
		t.Run(f.Name, func(t *testing.T) { test(t, setup(t)) })
	}
	for name := range tests {
		t.Errorf("the scenario %q has no fault", name)
	}
}

// The manual lists every fault, with a body that is taken as it stands there.
func TestFaults_AreInTheManual(t *testing.T) {
	s := setup(t)
	var manual strings.Builder
	for _, file := range []string{"README.md", "../README.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		manual.Write(text)
	}
	for name := range faultTests() {
		_, row, found := strings.Cut(manual.String(), "| `"+name+"`")
		_, row, _ = strings.Cut(row, "| `")
		fields, _, _ := strings.Cut(row, "` |")
		var wish world.Wish
		if err := json.Unmarshal([]byte("{"+fields+"}"), &wish); !found || err != nil || wish.Fault != name {
			t.Errorf("%s is not in the manual: %v", name, err)
			continue
		}
		wish.Provider = pgm.Name
		if _, err := s.world.Faults.Add(wish); err != nil {
			t.Errorf("%s: the manual's body is refused: %v", name, err)
		}
	}
}

func TestFaults_Together(t *testing.T) {
	s := setup(t)
	s.fault("callback_doubled")
	s.fault("callback_late", world.Wish{Delay: "10s"})
	s.fault("callback_v2")
	s.fault("callback_wrong_status", world.Wish{Word: "PENDING"})
	s.paid("o1")
	s.advance(10 * time.Second)
	calls := s.shop.heard()
	equal(t, "calls", len(calls), 2)
	if !strings.Contains(calls[1].body, `"isSuccessful":false`) {
		t.Errorf("told %s", calls[1].body)
	}
	equal(t, "written down", s.world.Post.Latest(1, "")[0].Faults, "[callback_v2 callback_wrong_status callback_late callback_doubled]")
}

func TestFaults_AreInTheRequestLog(t *testing.T) {
	s := setup(t)
	s.fault("pay_pending")
	a := s.card("o1")
	s.fault("unavailable", world.Wish{Endpoint: "status", Order: "o1", Times: 1})
	s.send("GET", "/v3/stripe/status?paymentId="+a.PaymentID, "").want(503)
	log := s.world.Requests.Latest(0)
	equal(t, "faults", []any{log[1].Faults, log[0].Faults}, "[[pay_pending] [unavailable]]")
	equal(t, "endpoints", []string{log[1].Endpoint, log[0].Endpoint}, "[pay status]")
	text, err := json.Marshal(log)
	if err != nil {
		t.Fatal(err)
	}
	for _, never := range []string{key, "1250", "paymentId="} {
		if strings.Contains(string(text), never) {
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
