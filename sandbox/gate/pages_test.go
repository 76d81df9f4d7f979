package gate

import (
	"fmt"
	"strings"
	"testing"
)

func TestPages(t *testing.T) {
	s := setup(t)
	id := s.make("o1")
	at := "/checkout/" + id + "/"
	t.Run("the card page marks the order as viewed", func(t *testing.T) {
		r := s.page(at).want(200)
		for _, text := range []string{
			`data-page="gate-pay"`, "EUR 24.70", "Kauri &amp; Clay", "4111 1111 1111 1111", "Pay EUR 24.70", "I refuse to pay", "2 × 12.35",
			`href="` + s.shop.URL + `/cancelled"`, "no real money",
		} {
			if !strings.Contains(string(r.body), text) {
				t.Errorf("%q is not on the page", text)
			}
		}
		equal(t, "status", s.truth(id).Status, viewed)
		csp := r.header.Get("Content-Security-Policy")
		if !strings.Contains(csp, "default-src 'none'") || !strings.HasSuffix(csp, "form-action 'self' "+s.shop.URL) {
			t.Errorf("CSP %s", csp)
		}
		s.page(at)
		equal(t, "told once", s.shop.events(), "issued invoice_viewed")
	})
	t.Run("a form of another site does nothing", func(t *testing.T) {
		r, err := s.do("POST", s.base+at, "decision=pay&card=good", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site")
		if err != nil {
			t.Fatal(err)
		}
		r.want(403)
		s.press(at, "decision", "pay", "card", "gold").want(400)
		s.press(at, "decision", "steal").want(400)
		s.press(at, "decision", strings.Repeat("x", maxForm)).want(400)
		equal(t, "status", s.truth(id).Status, viewed)
	})
	t.Run("a card that is declined can be followed by another", func(t *testing.T) {
		equal(t, "sent", s.press(at, "decision", "pay", "card", "funds").want(303).location(s), "/failed")
		r := s.page(at).want(200)
		if !strings.Contains(string(r.body), "Insufficient funds") || !strings.Contains(string(r.body), `role="alert"`) {
			t.Errorf("the page does not say why: %s", r.body)
		}
	})
	t.Run("the bank asks first", func(t *testing.T) {
		bank := "/gate" + at + "3ds/"
		equal(t, "sent", s.press(at, "decision", "pay", "card", "secure").want(303).location(s), bank)
		equal(t, "status", s.truth(id).Status, inProgress)
		equal(t, "a second press", s.press(at, "decision", "pay", "card", "good").want(303).location(s), bank)
		if r := s.page(at + "3ds/").want(200); !strings.Contains(string(r.body), "ending in 3220") {
			t.Errorf("got %s", r.body)
		}
		if r := s.page(at).want(200); !strings.Contains(string(r.body), "in progress") {
			t.Errorf("got %s", r.body)
		}
		s.press(at+"3ds/", "decision", "perhaps").want(400)
		equal(t, "refused", s.press(at+"3ds/", "decision", "refuse").want(303).location(s), "/failed")
		equal(t, "status", s.truth(id).Status, failed)
		s.press(at, "decision", "pay", "card", "secure")
		equal(t, "confirmed", s.press(at+"3ds/", "decision", "confirm").want(303).location(s), "/ok")
		equal(t, "status", s.truth(id).Status, paid)
		equal(t, "a second press", s.press(at+"3ds/", "decision", "refuse").want(303).location(s), "/ok")
		equal(t, "status", s.truth(id).Status, paid)
		equal(t, "nothing to check", s.page(at+"3ds/").want(303).location(s), "/gate"+at)
	})
	t.Run("what is decided stays so", func(t *testing.T) {
		r := s.page(at).want(200)
		if !strings.Contains(string(r.body), `data-page="gate-done"`) || !strings.Contains(string(r.body), `href="`+s.shop.URL+`/ok"`) {
			t.Errorf("got %s", r.body)
		}
		equal(t, "sent", s.press(at, "decision", "reject").want(303).location(s), "/ok")
	})
	t.Run("an order that nobody knows", func(t *testing.T) {
		for _, path := range []string{"/checkout/nobody/", "/checkout/nobody/3ds/"} {
			s.page(path).want(404)
			s.press(path, "decision", "pay", "card", "good").want(404)
		}
	})
}

func TestPages_Ends(t *testing.T) {
	s := setup(t)
	for n, tt := range []struct{ card, decision, goes, status, says string }{
		{"good", "pay", "/ok", hold, "paid"},
		{"declined", "pay", "/failed", failed, "That did not work"},
		{"slow", "pay", "/wait", inProgress, "in progress"},
		{"good", "reject", "/cancelled", rejected, "closed"},
	} {
		id := s.make(fmt.Sprintf("o%d", n), `"skip_capture":true`)
		equal(t, "sent", s.press("/checkout/"+id+"/", "decision", tt.decision, "card", tt.card).want(303).location(s), tt.goes)
		equal(t, "status", s.truth(id).Status, tt.status)
		if r := s.page("/checkout/" + id + "/").want(200); !strings.Contains(string(r.body), tt.says) {
			t.Errorf("%s: got %s", tt.status, r.body)
		}
	}
	id := s.api("POST", "orders/", `{"client":{"email":"a@b.example"},"products":[{"title":"<b>Tea</b>","price":1}],"max_payment_attempts":3}`).want(201).text("id")
	equal(t, "without a way back", s.press("/checkout/"+id+"/", "decision", "pay", "card", "declined").want(303).location(s), "/gate/checkout/"+id+"/")
	r := s.page("/checkout/" + id + "/").want(200)
	if strings.Contains(string(r.body), "<b>") || !strings.Contains(string(r.body), "2 more times") {
		t.Errorf("got %s", r.body)
	}
	if r := s.page("/assets/pay.css").want(200); !strings.Contains(string(r.body), "prefers-color-scheme") {
		t.Error("no style")
	}
}
