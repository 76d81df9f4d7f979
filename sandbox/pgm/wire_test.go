package pgm_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"till/sandbox/pgm"
	"till/sandbox/world"
)

func TestPay(t *testing.T) {
	s := setup(t)
	a := s.card("o1")
	equal(t, "result", a.Result, "REDIRECT_TO_URL")
	equal(t, "page", a.WebURL, s.base+"/page/"+a.PaymentID)
	equal(t, "for phones", a.MobileURL, "")
	equal(t, "metadata", len(a.Metadata["paymentIntentId"]), 27)
	equal(t, "described", a.Description != "", true)
	st := s.status(a.PaymentID)
	equal(t, "status", st, wireStatus{
		Status: "PENDING", PaymentID: a.PaymentID, ShopID: "o1", ProviderName: "STRIPE", PaymentMethod: "credit-cards", Action: "PAYMENT", Metadata: a.Metadata,
	})
	o := s.order("o1")
	equal(t, "truth", []any{o.Provider, o.Ref, o.Minor, o.Currency, o.Amount, o.Paid, o.Status, o.Page}, []any{"pgm", a.PaymentID, 1250, "EUR", "12.50", false, "PENDING", a.WebURL})

	m := s.pay("satispay/satispay", "o2")
	equal(t, "both addresses", []bool{m.WebURL != "", strings.HasPrefix(m.MobileURL, "satispay://")}, []bool{true, true})

	h := s.pay("house-account", "o3")
	equal(t, "an external integration", []string{h.Result, h.WebURL, h.MobileURL}, []string{"OK", "", ""})
	equal(t, "is paid at once", s.order("o3").Paid, true)
	s.send("GET", "/v3/house-account/status?paymentId="+h.PaymentID, "").want(200).has(`"status":"ACCEPTED"`, `"paymentMethod":"external"`)
	s.send("GET", h.WebURL+"/page/"+h.PaymentID, "").want(404)
}

func TestPay_WithAndWithoutVersion(t *testing.T) {
	s := setup(t)
	s.send("POST", "/stripe/credit-cards/pay", s.body("o1")).want(200)
	s.send("GET", "/stripe/status?paymentId="+s.order("o1").Ref, "").want(200)
	s.send("POST", "/v2/stripe/credit-cards/pay", s.body("o2")).want(404)
}

func TestPay_Refuses(t *testing.T) {
	s := setup(t)
	with := func(name string, value any) string {
		return s.body("o1", func(b map[string]any) { b[name] = value })
	}
	without := func(name string) string { return s.body("o1", func(b map[string]any) { delete(b, name) }) }
	for _, tt := range []struct{ body, about string }{
		{with("amount", 0), "amount"},
		{with("amount", -1), "amount"},
		{with("amount", "1250"), "amount"},
		{with("amount", 12.5), "amount"},
		{strings.Replace(s.body("o1"), "1250", "1250.0", 1), "amount"},
		{strings.Replace(s.body("o1"), "1250", "1e3", 1), "amount"},
		{strings.Replace(s.body("o1"), "1250", "9223372036854775808", 1), "amount"},
		{without("amount"), "amount is required"},
		{with("currency", "NZD"), "currency must be EUR"},
		{with("currency", "eur"), "currency must be EUR"},
		{without("currency"), "currency is required"},
		{without("shopTransactionId"), "shopTransactionId is required"},
		{with("shopTransactionId", 1), "shopTransactionId must be a string"},
		{with("shopTransactionId", ""), "shopTransactionId must not be empty"},
		{with("shopTransactionId", strings.Repeat("x", 300)), "shopTransactionId is too long"},
		{with("successRedirectUrl", "/here"), "successRedirectUrl"},
		{with("failureRedirectUrl", "javascript:1"), "failureRedirectUrl"},
		{with("successRedirect", "https://x"), `"successRedirect" is not a known field`},
		{with("callbackUrl", "https://x"), `"callbackUrl" is not a known field`},
		{with("providerData", []int{}), "providerData must be a JSON object"},
		{with("providerData", map[string]any{"buyerName": "x"}), `"buyerName" is not a known field`},
		{with("providerData", map[string]any{"buyerEmail": 1}), "providerData.buyerEmail must be a string"},
		{`{"amount":1,"amount":2}`, "twice"},
		{`[]`, "the body must be a JSON object"},
		{``, "the body must be a JSON object"},
		{s.body("o1") + "x", "the body must be a JSON object"},
		{"{\"currency\":\"\xff\"}", "UTF-8"},
	} {
		s.send("POST", "/v3/stripe/credit-cards/pay", tt.body, "Content-Type", "application/json").refused(400, tt.about)
	}
	s.send("POST", "/v3/stripe/credit-cards/pay", s.body("o1"), "Content-Type", "text/plain").refused(415, "application/json")
	s.send("POST", "/v3/stripe/credit-cards/pay", with("shopTransactionId", strings.Repeat("x", 70<<10))).refused(413, "too large")
	equal(t, "made", len(s.pgm.Orders(0)), 0)
	s.send("POST", "/v3/stripe/credit-cards/pay", s.body("o1", func(b map[string]any) {
		delete(b, "successRedirectUrl")
		delete(b, "failureRedirectUrl")
		b["providerData"] = map[string]any{"productName": "Order 1", "buyerEmail": "ada@example.test"}
	})).want(200)
	s.send("POST", "/v3/house-account/pay", s.body("o2", func(b map[string]any) { b["providerData"] = map[string]any{"anything": []int{1}} })).want(200)
}

func TestAddresses(t *testing.T) {
	s := setup(t)
	a := s.card("o1")
	for _, tt := range []struct {
		method, path string
		status       int
	}{
		{"POST", "/v3/adyen/credit-cards/pay", 404},
		{"POST", "/v3/stripe/applepay/pay", 404},
		{"POST", "/v3/stripe/pay", 404},
		{"POST", "/v3/house-account/account/pay", 404},
		{"GET", "/v3/stripe/credit-cards/pay", 405},
		{"GET", "/v3/stripe/refund", 405},
		{"POST", "/v3/stripe/status?paymentId=" + a.PaymentID, 405},
		{"POST", "/v3/stripe/check?paymentId=" + a.PaymentID, 405},
		{"GET", "/v3/stripe/status", 400},
		{"GET", "/v3/stripe/status?paymentId=gone", 404},
		{"GET", "/v3/satispay/status?paymentId=" + a.PaymentID, 404},
		{"GET", "/v3/stripe/check?paymentId=gone", 404},
		{"GET", "/v3/stripe/callback", 404},
		{"POST", "/v3/adyen/pay-by-link", 404},
		{"POST", "/v3/satispay/pay-by-link", 422},
		{"GET", "/v3/stripe/pay-by-link", 405},
		{"POST", "/v3/stripe/credit-cards/subscription/start", 422},
		{"POST", "/v3/stripe/credit-cards/subscription/pay", 422},
		{"POST", "/v3/stripe/applepay/subscription/schedule", 404},
		{"POST", "/v3/axerve/satispay/subscription/start", 422},
		{"POST", "/v3/axerve/pay-pal/subscription/schedule", 422},
		{"POST", "/v3/satispay/satispay/subscription/start", 422},
		{"POST", "/v3/house-account/account/subscription/start", 404},
		{"POST", "/v3/stripe/credit-cards/subscription/stop", 404},
		{"GET", "/v3/stripe/credit-cards/subscription/schedule", 405},
		{"GET", "/v3/stripe/subscription/status/sub_0", 404},
		{"POST", "/v3/stripe/subscription/status/sub_0", 405},
		{"GET", "/v3/stripe/subscription/update/sub_0", 405},
		{"DELETE", "/v3/stripe/subscription/expire/sub_0", 405},
		{"POST", "/v3/house-account/subscription/expire/sub_0", 405},
		{"POST", "/v3/stripe/subscription/expire/sub_0", 404},
		{"POST", "/v3/stripe/subscription/end/sub_0", 404},
		{"POST", "/v3//credit-cards/pay", 404},
		{"GET", "/v3/stripe/status/", 404},
		{"GET", "/", 404},
	} {
		r := s.send(tt.method, tt.path, "").refused(tt.status, "")
		if tt.status == 405 && r.header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow", tt.method, tt.path)
		}
	}
	for _, secret := range []string{"", "wrong", key + "1"} {
		s.send("GET", "/v3/stripe/status?paymentId="+a.PaymentID, "", "secret", secret).refused(401, "secret")
		s.send("POST", "/v3/stripe/credit-cards/pay", s.body("o2"), "secret", secret).refused(401, "secret")
	}
	equal(t, "made", len(s.pgm.Orders(0)), 1)
}

// There is no idempotency key: what is sent twice is made twice.
func TestPay_Twice(t *testing.T) {
	s := setup(t)
	first, second := s.card("o1"), s.card("o1")
	equal(t, "made", []any{len(s.pgm.Orders(0)), first.PaymentID != second.PaymentID}, []any{2, true})
	equal(t, "the shop's name means the latest", s.order("o1").Ref, second.PaymentID)
	s.send("POST", "/v3/stripe/credit-cards/pay", s.body("o1", func(b map[string]any) { b["amount"] = 1251 })).refused(409, "shopTransactionId")
	s.send("POST", "/v3/stripe/pay-pal/pay", s.body("o1")).refused(409, "shopTransactionId")
	equal(t, "made", len(s.pgm.Orders(0)), 2)
}

func TestDecide(t *testing.T) {
	for _, tt := range []struct {
		method, decision, sendTo, status string
		told                             string
	}{
		{"stripe/credit-cards", "approve", "/return/o1/success", "ACCEPTED", "[ACCEPTED]"},
		{"stripe/credit-cards", "decline", "/return/o1/error", "FAILED", "[FAILED]"},
		{"stripe/credit-cards", "cancel", "/return/o1/error", "PENDING", "[]"},
		{"satispay/satispay", "cancel", "/return/o1/error", "FAILED", "[FAILED]"},
		{"nexi/credit-cards", "cancel", "/return/o1/error", "FAILED", "[FAILED]"},
		{"axerve/pay-pal", "approve", "/return/o1/success", "ACCEPTED", "[ACCEPTED]"},
		{"soisy/soisy", "approve", "/return/o1/success", "PENDING", "[]"},
		{"stripe/credit-cards", "expire", "", "FAILED", "[FAILED]"},
		{"stripe/credit-cards", "complete", "/return/o1/success", "ACCEPTED", "[ACCEPTED]"},
		{"stripe/credit-cards", "abandon", "", "PENDING", "[]"},
	} {
		s := setup(t)
		s.pay(tt.method, "o1")
		what := tt.method + " " + tt.decision
		equal(t, what, s.decide("o1", tt.decision), tt.sendTo)
		s.drain()
		equal(t, what, s.order("o1").Status, tt.status)
		equal(t, what, s.shop.words(), tt.told)
	}
	s := setup(t)
	a := s.paid("o1")
	for _, d := range []world.Decision{{Decision: "approve"}, {Decision: "complete"}, {Decision: "refund_done"}, {Decision: "win"}, {Decision: "set"}, {Decision: "refund", Status: "x"}} {
		var refused *world.RefusedError
		if _, _, err := s.pgm.Decide(t.Context(), "o1", d); !errors.As(err, &refused) {
			t.Errorf("%+v: got %v", d, err)
		}
	}
	if _, _, err := s.pgm.Decide(t.Context(), a.PaymentID, world.Decision{Decision: "set", Status: "ODD"}); err != nil {
		t.Error(err)
	}
	equal(t, "set", s.status(a.PaymentID).Status, "ODD")
	equal(t, "silently", s.shop.words(), "[ACCEPTED]")
	if _, _, err := s.pgm.Decide(t.Context(), "gone", world.Decision{Decision: "set", Status: "x"}); !errors.Is(err, world.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestClock(t *testing.T) {
	t.Run("a page expires", func(t *testing.T) {
		s := setup(t)
		a := s.card("o1")
		m := s.pay("satispay/satispay", "o2")
		s.advance(15 * time.Minute)
		equal(t, "Satispay", s.order(m.PaymentID).Status, "FAILED")
		s.advance(24*time.Hour - 15*time.Minute - time.Second)
		equal(t, "Stripe", s.status(a.PaymentID).Status, "PENDING")
		s.advance(time.Second)
		equal(t, "Stripe", s.status(a.PaymentID).Status, "FAILED")
		equal(t, "told", s.shop.words(), "[FAILED FAILED]")
		equal(t, "nothing is left to happen", s.world.Clock.Pending(), 0)
	})
	t.Run("a page that was decided does not", func(t *testing.T) {
		s := setup(t)
		s.paid("o1")
		equal(t, "nothing is left to happen", s.world.Clock.Pending(), 0)
		s.advance(48 * time.Hour)
		equal(t, "told", s.shop.words(), "[ACCEPTED]")
	})
	t.Run("a life of one's own", func(t *testing.T) {
		s := setup(t, func(c *pgm.Config) { c.Life = time.Minute })
		s.card("o1")
		s.advance(time.Minute)
		equal(t, "status", s.order("o1").Status, "FAILED")
	})
	t.Run("instalments clear after two days", func(t *testing.T) {
		s := setup(t)
		s.pay("soisy/soisy", "o1")
		equal(t, "sent to", s.decide("o1", "approve"), "/return/o1/success")
		s.advance(48*time.Hour - time.Second)
		equal(t, "told", s.shop.words(), "[]")
		s.advance(time.Second)
		equal(t, "told", s.shop.words(), "[ACCEPTED]")
		s.advance(72 * time.Hour)
		equal(t, "stays", s.order("o1").Status, "ACCEPTED")
	})
	t.Run("money that comes after a failure", func(t *testing.T) {
		s := setup(t)
		s.card("o1")
		s.decide("o1", "expire")
		s.drain()
		s.decide("o1", "complete")
		s.drain()
		equal(t, "told", s.shop.words(), "[FAILED ACCEPTED]")
	})
}

func TestRefund(t *testing.T) {
	s := setup(t)
	a := s.card("o1")
	s.refund(a.PaymentID, 100).want(200).has(`{"result":"KO"}`)
	s.decide("o1", "approve")
	s.drain()
	s.refund(a.PaymentID, 500).want(200).has(`{"result":"OK"}`)
	equal(t, "told", s.shop.words(), "[ACCEPTED]")
	equal(t, "status", s.status(a.PaymentID).word(), "REFUND ACCEPTED")
	s.refund(a.PaymentID, 751).refused(409, "only 7.50 is left")
	s.refund(a.PaymentID, 750).want(200)
	s.refund(a.PaymentID, 1).refused(409, "only 0.00")
	equal(t, "truth", s.refunds("o1"), "[500 ACCEPTED 750 ACCEPTED]")
	equal(t, "the money had moved", s.order("o1").Paid, true)

	for _, tt := range []struct {
		path, body string
		status     int
	}{
		{"/v3/stripe/refund", `{"amount":1,"currency":"EUR","paymentId":"gone"}`, 404},
		{"/v3/nexi/refund", fmt.Sprintf(`{"amount":1,"currency":"EUR","paymentId":%q}`, a.PaymentID), 404},
		{"/v3/soisy/refund", fmt.Sprintf(`{"amount":1,"currency":"EUR","paymentId":%q}`, a.PaymentID), 422},
		{"/v3/stripe/refund", fmt.Sprintf(`{"amount":0,"currency":"EUR","paymentId":%q}`, a.PaymentID), 400},
		{"/v3/stripe/refund", fmt.Sprintf(`{"amount":1,"currency":"USD","paymentId":%q}`, a.PaymentID), 400},
		{"/v3/stripe/refund", fmt.Sprintf(`{"amount":1,"paymentId":%q}`, a.PaymentID), 400},
		{"/v3/stripe/refund", `{"amount":1,"currency":"EUR"}`, 400},
		{"/v3/stripe/refund", fmt.Sprintf(`{"amount":1,"currency":"EUR","paymentId":%q,"reason":"x"}`, a.PaymentID), 400},
		{"/v3/stripe/refund", fmt.Sprintf(`{"amount":1,"currency":"EUR","paymentId":%q,"providerData":{"x":1}}`, a.PaymentID), 400},
	} {
		s.send("POST", tt.path, tt.body).refused(tt.status, "")
	}
}

func TestRefund_FromTheBackOffice(t *testing.T) {
	s := setup(t)
	a := s.paid("o1")
	s.refund(a.PaymentID, 250).want(200)
	s.decide("o1", "refund")
	s.drain()
	equal(t, "truth", s.refunds("o1"), "[250 ACCEPTED 1000 ACCEPTED]")
	equal(t, "told", s.shop.words(), "[ACCEPTED REFUND ACCEPTED]")
	s.decide("o1", "refund_failed")
	s.drain()
	equal(t, "truth", s.refunds("o1"), "[250 ACCEPTED 1000 FAILED]")
	equal(t, "told", s.shop.words(), "[ACCEPTED REFUND ACCEPTED REFUND FAILED]")
	s.refund(a.PaymentID, 1000).want(200).has("OK")
}

func TestCheck(t *testing.T) {
	s := setup(t)
	a := s.card("o1")
	r := s.send("GET", "/v3/stripe/check?paymentId="+a.PaymentID, "").want(200)
	equal(t, "answer", statusOf(r.body).word(), "PENDING")
	s.drain()
	equal(t, "told", s.shop.words(), "[PENDING]")
	equal(t, "the shop knows", s.order("o1").Notified, true)
}

func TestCallback(t *testing.T) {
	s := setup(t)
	a := s.paid("o1")
	c := s.shop.heard()[0]
	equal(t, "request", []string{c.method, c.path, c.kind}, []string{"POST", "/callbacks/pgm/sbx-pgm-callback-1", "application/json"})
	equal(t, "body", c.body, s.send("GET", "/v3/stripe/status?paymentId="+a.PaymentID, "").body)
	for name := range c.header {
		if strings.HasPrefix(name, "X-") || strings.Contains(strings.ToLower(name), "sign") {
			t.Errorf("a header that no page names: %s", name)
		}
	}

	t.Run("tried again until it is taken, and given up", func(t *testing.T) {
		s := setup(t)
		s.shop.says(http.StatusServiceUnavailable)
		s.paid("o1")
		s.advance(10 * time.Second)
		equal(t, "tries", len(s.shop.heard()) >= 3, true)
		s.shop.says(http.StatusNoContent)
		s.advance(time.Minute)
		equal(t, "taken", s.order("o1").Notified, true)
		s.shop.says(http.StatusServiceUnavailable)
		s.paid("o2")
		s.advance(24 * time.Hour)
		d := s.world.Post.Latest(1, "o2")[0]
		equal(t, "given up", []any{d.State, d.Tries}, []any{world.GivenUp, 14})
	})
	t.Run("at an address of the setting", func(t *testing.T) {
		var other *shop
		s := setup(t, func(c *pgm.Config) { other = newShop(t); c.CallbackURL = other.URL + "/hook/abc" })
		s.paid("o1")
		equal(t, "path", other.heard()[0].path, "/hook/abc")
	})
	t.Run("nobody to call", func(t *testing.T) {
		w := world.New(world.Options{Now: func() time.Time { return start }, Log: slog.New(slog.DiscardHandler)})
		t.Cleanup(w.Close)
		p, err := pgm.New(w, pgm.Config{})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/v3/house-account/pay", strings.NewReader(`{"amount":1,"currency":"EUR","shopTransactionId":"o1"}`))
		r.Header.Set("secret", key)
		r.Header.Set("Content-Type", "application/json")
		answer := httptest.NewRecorder()
		p.ServeHTTP(answer, r)
		equal(t, "made", answer.Code, 200)
		if _, _, err := p.Decide(t.Context(), "o1", world.Decision{Decision: "refund"}); err != nil {
			t.Error(err)
		}
		equal(t, "callbacks", len(w.Post.Latest(0, "")), 0)
		var refused *world.RefusedError
		if _, err := p.Send(t.Context(), "o1", world.Call{}); !errors.As(err, &refused) {
			t.Errorf("got %v", err)
		}
	})
}

func TestSend(t *testing.T) {
	s := setup(t)
	a := s.paid("o1")
	s.refund(a.PaymentID, 100)
	send := func(c world.Call) error {
		_, err := s.pgm.Send(t.Context(), "o1", c)
		s.drain()
		return err
	}
	for _, c := range []world.Call{{}, {Status: "PENDING"}, {Status: "ACCEPTED", Fault: "callback_wrong_id"}} {
		if err := send(c); err != nil {
			t.Error(err)
		}
	}
	equal(t, "told", s.shop.words(), "[ACCEPTED REFUND ACCEPTED PENDING ACCEPTED]")
	equal(t, "id", statusOf(s.shop.heard()[3].body).PaymentID, "another-payment")
	for _, c := range []world.Call{{Status: "FAILED"}, {Fault: "callback_out_of_order"}, {Fault: "unavailable"}, {Fault: "nothing"}} {
		var refused *world.RefusedError
		if err := send(c); !errors.As(err, &refused) {
			t.Errorf("%+v: got %v", c, err)
		}
	}
}

func TestPages(t *testing.T) {
	t.Run("a card", func(t *testing.T) {
		s := setup(t)
		s.send("POST", "/v3/stripe/credit-cards/pay", s.body("o1", func(b map[string]any) {
			b["amount"], b["providerData"] = 123456, map[string]any{"productName": "Order <1>", "buyerEmail": "ada@example.test"}
		})).want(200)
		path := "/page/" + s.order("o1").Ref
		r := s.send("GET", path, "").want(200)
		r.has("Kauri &amp; Clay", "€ 1,234.56", "Order &lt;1&gt;", "ada@example.test", `data-page="pgm-pay"`, `class="brand-stripe"`, "4242 4242 4242 4242")
		if csp := r.header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' "+s.shop.URL) || strings.Contains(r.body, "<script") {
			t.Errorf("policy %s", csp)
		}
		a := payAnswer{PaymentID: s.order("o1").Ref}
		for _, y := range []string{"declined", "empty"} {
			no, err := s.press(a, y, "approve")
			if err != nil {
				t.Fatal(err)
			}
			no.want(422).has(`role="alert"`, `data-page="pgm-declined"`)
		}
		equal(t, "still open", s.order("o1").Status, "PENDING")
		back, _ := s.press(a, "works", "cancel")
		equal(t, "back to", back.want(303).header.Get("Location"), s.shop.URL+"/return/o1/error")
		yes, _ := s.press(a, "works", "approve")
		equal(t, "on to", yes.want(303).header.Get("Location"), s.shop.URL+"/return/o1/success")
		again, _ := s.press(a, "works", "cancel")
		equal(t, "pressed again", again.want(303).header.Get("Location"), s.shop.URL+"/return/o1/success")
		s.drain()
		equal(t, "told once", s.shop.words(), "[ACCEPTED]")
		s.send("GET", path, "").want(200).has("You have paid")
	})
	t.Run("an app that refuses", func(t *testing.T) {
		s := setup(t)
		a := s.pay("satispay/satispay", "o1")
		s.send("GET", "/page/"+a.PaymentID, "").want(200).has("Confirm in the app", `class="brand-satispay"`)
		r, _ := s.press(a, "declined", "approve")
		equal(t, "back to", r.want(303).header.Get("Location"), s.shop.URL+"/return/o1/error")
		equal(t, "status", s.order("o1").Status, "FAILED")
		s.send("GET", "/page/"+a.PaymentID, "").want(200).has("This payment is over")
	})
	t.Run("each has its own", func(t *testing.T) {
		s := setup(t)
		for method, text := range map[string]string{
			"stripe/pay-pal": "Pay with your wallet", "axerve/satispay": "Confirm in the app", "nexi/credit-cards": "Pay by card", "soisy/soisy": "Pay in instalments",
		} {
			s.send("GET", "/page/"+s.pay(method, method).PaymentID, "").want(200).has(text)
		}
		soisy := payAnswer{PaymentID: s.order("soisy/soisy").Ref}
		r, _ := s.press(soisy, "works", "approve")
		r.want(303)
		s.send("GET", "/page/"+soisy.PaymentID, "").want(200).has("You have agreed")
	})
	t.Run("without addresses one stays", func(t *testing.T) {
		s := setup(t)
		s.send("POST", "/v3/stripe/credit-cards/pay", `{"amount":1,"currency":"EUR","shopTransactionId":"o1"}`).want(200)
		a := payAnswer{PaymentID: s.order("o1").Ref}
		r, _ := s.press(a, "works", "approve")
		equal(t, "to", r.want(303).header.Get("Location"), "/pgm/page/"+a.PaymentID)
	})
	t.Run("what is not right", func(t *testing.T) {
		s := setup(t)
		a := s.card("o1")
		s.send("GET", "/page/gone", "").want(404).has(`data-page="pgm-problem"`)
		s.send("POST", "/page/gone", "", "Content-Type", "application/x-www-form-urlencoded").want(404)
		s.send("DELETE", "/page/"+a.PaymentID, "").want(405)
		for _, form := range [][2]string{{"works", "steal"}, {"nobody", "approve"}, {"works", ""}} {
			r, _ := s.press(a, form[0], form[1])
			r.want(400)
		}
		r := s.send("POST", "/page/"+a.PaymentID, "payer=works&decision=approve", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site")
		r.want(403)
		equal(t, "nothing happened", s.order("o1").Status, "PENDING")
		s.send("GET", "/assets/pay.css", "").want(200)
	})
}

// One payment, many hands: exactly one of them decides.
func TestDecide_OneWinner(t *testing.T) {
	s := setup(t)
	a := s.card("o1")
	var wg sync.WaitGroup
	won := make(chan string, 40)
	for n := range 40 {
		decision := []string{"approve", "decline"}[n%2]
		wg.Go(func() {
			if _, _, err := s.pgm.Decide(t.Context(), a.PaymentID, world.Decision{Decision: decision}); err == nil {
				won <- decision
			}
			s.pgm.Orders(0)
		})
	}
	wg.Wait()
	s.drain()
	equal(t, "decisions", len(won), 1)
	equal(t, "callbacks", len(s.shop.heard()), 1)
}

// Many refunds at once give back no more than there is.
func TestRefund_NeverTooMuch(t *testing.T) {
	s := setup(t)
	a := s.paid("o1")
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := s.try("POST", "/v3/stripe/refund", fmt.Sprintf(`{"amount":250,"currency":"EUR","paymentId":%q}`, a.PaymentID)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	equal(t, "refunds", len(s.refunds("o1")), 5)
}

func TestMemory(t *testing.T) {
	s := setup(t, func(c *pgm.Config) { c.MaxPayments = 2 })
	for _, id := range []string{"o1", "o2", "o3"} {
		s.card(id)
	}
	if _, err := s.pgm.Order("o1"); !errors.Is(err, world.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	equal(t, "kept", len(s.pgm.Orders(0)), 2)
	equal(t, "limited", len(s.pgm.Orders(1)), 1)
	equal(t, "pages to expire", s.world.Clock.Pending(), 2)
	first := s.order("o3").Ref
	s.world.Reset(7)
	s.pgm.Reset()
	equal(t, "forgotten", len(s.pgm.Orders(0)), 0)
	s.card("o1")
	s.card("o2")
	s.card("o3")
	equal(t, "the same seed, the same names", s.order("o3").Ref, first)
}

func TestNew_Refuses(t *testing.T) {
	w := world.New(world.Options{Now: func() time.Time { return start }})
	t.Cleanup(w.Close)
	for _, c := range []pgm.Config{{Life: -1}, {RetryUnit: -1}, {MaxPayments: -1}} {
		if _, err := pgm.New(w, c); err == nil {
			t.Errorf("%+v: taken", c)
		}
	}
}
