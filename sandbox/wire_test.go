package sandbox_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"till/sandbox"
)

func TestToken(t *testing.T) {
	s := setup(t, func(c *sandbox.Config) { c.IumiCash.TokenLife = 10 * time.Minute })
	right := s.token(`{"grant_type":"client_credentials"}`).want(http.StatusOK)
	var answer map[string]any
	right.into(&answer)
	equal(t, "expires_in", answer["expires_in"], 600)
	equal(t, "refresh_token_expires_in", answer["refresh_token_expires_in"], 86400)
	equal(t, "token_type", answer["token_type"], "Bearer")
	equal(t, "scope", answer["scope"], "profile email")
	equal(t, "fields", len(answer), 7)
	equal(t, "Cache-Control", right.header.Get("Cache-Control"), "no-store")

	refresh, _ := answer["refresh_token"].(string)
	for _, tt := range []struct {
		name, path, body string
		header           []string
		status           int
		word             string
	}{
		{"without the slash", "", `{"grant_type":"client_credentials","state":"x"}`, nil, 200, ""},
		{"charset is fine", "/", `{"grant_type":"client_credentials"}`, []string{"Content-Type", "application/json; charset=utf-8"}, 200, ""},
		{"refresh", "/", `{"grant_type":"refresh_token","refresh_token":"` + refresh + `"}`, nil, 200, ""},
		{"unknown refresh token", "/", `{"grant_type":"refresh_token","refresh_token":"x"}`, nil, 401, "INVALID_AUTHZ"},
		{"no refresh token", "/", `{"grant_type":"refresh_token"}`, nil, 400, "INVALID_REQUEST"},
		{"a code", "/", `{"grant_type":"authorization_code","code":"x","redirect_uri":"https://a.example"}`, nil, 401, "INVALID_AUTHZ"},
		{"wrong secret", "/", `{"grant_type":"client_credentials"}`, []string{"Authorization", "Basic c2J4X2NsaWVudDp4"}, 401, "INVALID_AUTHZ"},
		{"no credentials", "/", `{"grant_type":"client_credentials"}`, []string{"Authorization", ""}, 401, "INVALID_AUTHZ"},
		{"a form", "/", `grant_type=client_credentials`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 400, "INVALID_REQUEST"},
		{"another grant", "/", `{"grant_type":"password"}`, nil, 400, "INVALID_REQUEST"},
		{"no grant", "/", `{}`, nil, 400, "INVALID_REQUEST"},
		{"an unknown field", "/", `{"grant_type":"client_credentials","scope":"x"}`, nil, 400, "INVALID_REQUEST"},
		{"a field of another grant", "/", `{"grant_type":"client_credentials","code":"x"}`, nil, 400, "INVALID_REQUEST"},
		{"not JSON", "/", `grant`, nil, 400, "INVALID_REQUEST"},
		{"no body", "/", ``, []string{"Content-Type", "application/json"}, 400, "INVALID_REQUEST"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.t = t
			header := append([]string{"Authorization", "Basic c2J4X2NsaWVudDpzYnhfY2xpZW50X3NlY3JldF8x"}, tt.header...)
			r := s.send("POST", "/iumicash/api/v1/oauth/token"+tt.path, tt.body, header...)
			r.t = t
			if tt.word == "" {
				r.want(tt.status)
				return
			}
			r.word(tt.status, tt.word)
		})
	}
}

func TestToken_ExpiresByTheClock(t *testing.T) {
	s := setup(t, func(c *sandbox.Config) { c.IumiCash.TokenLife = 10 * time.Minute })
	o := s.create("o1")
	s.advance("9m59s")
	s.read(o.ID)
	s.advance("1s")
	s.api("GET", "orders/"+o.ID+"/", "").word(http.StatusUnauthorized, "INVALID_AUTHZ")
	s.signIn()
	s.read(o.ID)
}

func TestCreate(t *testing.T) {
	s := setup(t)
	r := s.api("POST", "orders/", s.orderJSON("ord_1001")).want(http.StatusCreated)
	o := r.order()
	equal(t, "external_id", o.ExternalID, "ord_1001")
	equal(t, "status", o.Status, "created")
	equal(t, "created_at", o.CreatedAt, "2024-05-01T10:00:00.123456")
	equal(t, "updated_at", o.UpdatedAt, "2024-05-01T10:00:00.123456")
	if !regexp.MustCompile(`^[0-9a-f]{24}$`).MatchString(o.ID) {
		t.Errorf("id %q is not 24 hex digits", o.ID)
	}
	equal(t, "value", string(o.Items[0].Amount.Value), "12.50")
	equal(t, "count", o.Items[0].Count, 2)
	equal(t, "context", o.Context["callback_url"], s.shop.URL+"/callbacks/iumicash")
	equal(t, "self", o.link("self"), s.base+"/iumicash/api/v1/orders/"+o.ID+"/")
	equal(t, "approve", o.link("approve"), s.base+"/iumicash/checkout/"+o.ID+"/")
	equal(t, "capture", o.link("capture"), s.base+"/iumicash/api/v1/orders/"+o.ID+"/capture/")
	equal(t, "cancel", o.link("cancel"), s.base+"/iumicash/api/v1/orders/"+o.ID+"/cancel/")
	for _, l := range o.Links {
		want := map[string]string{"self": "get", "approve": "get", "capture": "post", "cancel": "post"}[l.Rel]
		equal(t, l.Rel, l.Method, want)
	}
	equal(t, "body", compact(t, r.body), r.body)
}

func TestCreate_PublicURLBeginsLinks(t *testing.T) {
	s := setup(t, func(c *sandbox.Config) { c.PublicURL = "https://sandbox.example/" })
	equal(t, "approve", s.create("o1").link("approve")[:41], "https://sandbox.example/iumicash/checkout")
}

func TestCreate_Refusals(t *testing.T) {
	s := setup(t)
	item := func(change func(map[string]any)) func(map[string]any) {
		return func(o map[string]any) {
			items, _ := o["items"].([]any)
			first, _ := items[0].(map[string]any)
			change(first)
		}
	}
	amount := func(name string, value any) func(map[string]any) {
		return item(func(i map[string]any) {
			a, _ := i["amount"].(map[string]any)
			a[name] = value
		})
	}
	context := func(name string, value any) func(map[string]any) {
		return func(o map[string]any) {
			c, _ := o["application_context"].(map[string]any)
			c[name] = value
		}
	}
	for _, tt := range []struct {
		name   string
		change func(map[string]any)
		field  string
	}{
		{"no external_id", func(o map[string]any) { delete(o, "external_id") }, "external_id"},
		{"empty external_id", func(o map[string]any) { o["external_id"] = "" }, "external_id"},
		{"external_id is a number", func(o map[string]any) { o["external_id"] = 7 }, "external_id"},
		{"no items", func(o map[string]any) { delete(o, "items") }, "items"},
		{"empty items", func(o map[string]any) { o["items"] = []any{} }, "items"},
		{"items is null", func(o map[string]any) { o["items"] = nil }, "items"},
		{"item is a text", func(o map[string]any) { o["items"] = []any{"Mug"} }, "items[0]"},
		{"no context", func(o map[string]any) { delete(o, "application_context") }, "application_context"},
		{"unknown field", func(o map[string]any) { o["total"] = 1 }, "total"},
		{"unknown field in an item", item(func(i map[string]any) { i["sku"] = "x" }), "items[0].sku"},
		{"unknown field in an amount", amount("minor", 1), "items[0].amount.minor"},
		{"unknown field in the context", context("cancel_url", "https://a.example"), "application_context.cancel_url"},
		{"another case", func(o map[string]any) { o["External_ID"] = "x" }, "External_ID"},
		{"no name", item(func(i map[string]any) { delete(i, "name") }), "items[0].name"},
		{"no description", item(func(i map[string]any) { delete(i, "description") }), "items[0].description"},
		{"no amount", item(func(i map[string]any) { delete(i, "amount") }), "items[0].amount"},
		{"amount is a text", amount("value", "12.50"), "items[0].amount.value"},
		{"three decimals", amount("value", json.Number("12.505")), "items[0].amount.value"},
		{"zero", amount("value", 0), "items[0].amount.value"},
		{"negative", amount("value", json.Number("-1.00")), "items[0].amount.value"},
		{"exponent", amount("value", json.Number("1e2")), "items[0].amount.value"},
		{"huge", amount("value", json.Number("9999999999999")), "items[0].amount.value"},
		{"currency not allowed", amount("currency_code", "EUR"), "items[0].amount.currency_code"},
		{"lower-case currency", amount("currency_code", "nzd"), "items[0].amount.currency_code"},
		{"two currencies", amount("currency_code", "SBD"), "items[1].amount.currency_code"},
		{"count zero", item(func(i map[string]any) { i["count"] = 0 }), "items[0].count"},
		{"count with a fraction", item(func(i map[string]any) { i["count"] = json.Number("1.5") }), "items[0].count"},
		{"count is a text", item(func(i map[string]any) { i["count"] = "2" }), "items[0].count"},
		{"total too large", item(func(i map[string]any) {
			i["count"] = 1000000
			i["amount"] = map[string]any{"value": json.Number("999999999999"), "currency_code": "NZD"}
		}), "items"},
		{"relative URL", context("success_url", "/return"), "application_context.success_url"},
		{"script URL", context("error_url", "javascript:alert(1)"), "application_context.error_url"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := s.api("POST", "orders/", s.orderJSON("bad", tt.change))
			r.t = t
			r.field(tt.field)
		})
	}
	for name, body := range map[string]string{
		"not JSON": `{`, "a list": `[]`, "nothing": ` `, "two objects": `{} {}`, "null": `null`,
		"twice the same field": `{"external_id":"a","external_id":"b"}`, "broken UTF-8": "{\"external_id\":\"\xff\"}",
	} {
		t.Run(name, func(t *testing.T) {
			r := s.api("POST", "orders/", body)
			r.t = t
			r.field("body")
		})
	}
	s.api("POST", "orders/", s.orderJSON("bad"), "Content-Type", "text/plain").word(400, "INVALID_REQUEST")
	s.api("POST", "orders/", `{"external_id":"`+strings.Repeat("x", 70<<10)+`"}`).word(400, "INVALID_REQUEST")
	s.send("POST", "/iumicash/api/v1/orders/", s.orderJSON("bad")).word(401, "INVALID_AUTHZ")
	s.send("POST", "/iumicash/api/v1/orders/", s.orderJSON("bad"), "Authorization", "Bearer nonsense").word(401, "INVALID_AUTHZ")
	s.control("GET", "/orders", "").has(`"orders":[]`)
}

func TestAddressesAndMethods(t *testing.T) {
	s := setup(t)
	o := s.create("o1")
	for _, slash := range []string{"", "/"} {
		equal(t, "GET", s.api("GET", "orders/"+o.ID+slash, "").want(200).order().ID, o.ID)
		equal(t, "POST", s.api("POST", "orders/"+o.ID+slash, "").want(200).order().ID, o.ID)
		s.api("POST", "orders"+slash, s.orderJSON("o2"+slash)).want(201)
		s.api("DELETE", "orders/"+o.ID+slash, "").word(405, "METHOD_NOT_SUPPORTED")
		s.api("GET", "orders"+slash, "").word(405, "METHOD_NOT_SUPPORTED")
		s.api("GET", "oauth/token"+slash, "").word(405, "METHOD_NOT_SUPPORTED")
		s.api("GET", "orders/"+o.ID+"/capture"+slash, "").word(405, "METHOD_NOT_SUPPORTED")
		s.api("POST", "orders/000"+slash, "").word(404, "RESOURCE_NOT_FOUND")
		s.api("POST", "orders/000/cancel"+slash, "").word(404, "RESOURCE_NOT_FOUND")
		s.api("GET", "refunds"+slash, "").word(404, "RESOURCE_NOT_FOUND")
	}
	s.send("GET", "/iumicash/", "").word(404, "RESOURCE_NOT_FOUND")
	s.send("GET", "/iumicash", "").word(404, "RESOURCE_NOT_FOUND")
	s.api("POST", "orders/"+o.ID+"/", `{"status":"completed"}`).word(400, "INVALID_REQUEST")
	s.send("GET", "/iumicash/api/v1/orders/"+o.ID+"/", "").word(401, "INVALID_AUTHZ")
	equal(t, "Allow", s.api("PUT", "orders/"+o.ID, "{}").header.Get("Allow"), "GET, POST")
}

func TestRequestID(t *testing.T) {
	s := setup(t)
	body := s.orderJSON("o1")
	first := s.api("POST", "orders/", body, "RequestId", "k1").want(201).order()
	s.decide(first.ID, "approve")

	again := s.api("POST", "orders/", body, "RequestId", "k1").want(201).order()
	equal(t, "id", again.ID, first.ID)
	equal(t, "latest status", again.Status, "completed")
	spaced := s.api("POST", "orders/", " "+strings.ReplaceAll(body, ",", ", "), "RequestId", "k1").want(201).order()
	equal(t, "the same in other words", spaced.ID, first.ID)

	s.api("POST", "orders/", s.orderJSON("o2"), "RequestId", "k1").word(422, "UNPROCESSIBLE_ENTITY")
	s.api("POST", "orders/"+first.ID+"/cancel/", "", "RequestId", "k1").word(422, "UNPROCESSIBLE_ENTITY")
	s.api("POST", "orders/", body, "RequestId", "k2").field("external_id")
	s.api("POST", "orders/", body).field("external_id")
	s.api("POST", "orders/", s.orderJSON("o3"), "RequestId", strings.Repeat("k", 300)).word(400, "INVALID_REQUEST")

	other := s.create("o4")
	s.api("POST", "orders/"+other.ID+"/cancel/", "", "RequestId", "k4").want(200)
	equal(t, "cancelled again", s.api("POST", "orders/"+other.ID+"/cancel/", "", "RequestId", "k4").want(200).order().Status, "cancelled")
}

func TestCancel(t *testing.T) {
	s := setup(t)
	o := s.create("o1")
	equal(t, "status", s.api("POST", "orders/"+o.ID+"/cancel/", "").want(200).order().Status, "cancelled")
	equal(t, "read", s.read(o.ID).Status, "cancelled")
	s.api("POST", "orders/"+o.ID+"/cancel/", "{}").want(200)
	s.drain()
	equal(t, "nobody is called", len(s.shop.heard()), 0)
	p := s.paid("o2")
	s.api("POST", "orders/"+p.ID+"/cancel/", "").word(422, "UNPROCESSIBLE_ENTITY")
	equal(t, "still paid", s.read(p.ID).Status, "completed")
}

func TestApprovePage_FromSignInToTheShop(t *testing.T) {
	s := setup(t)
	o := s.create("o1")
	page := "/iumicash/checkout/" + o.ID + "/"
	s.send("GET", page, "").want(200).has("Sign in to pay", "Aroha", "Kauri &amp; Clay", "NZD 25.99", `data-page="iumicash-login"`)
	s.press(page, url.Values{"decision": {"approve"}}).want(303)
	equal(t, "not without signing in", s.truth("o1").Status, "created")
	s.wallet(o, "aroha")
	r := s.send("GET", page, "").want(200).has("Confirm your payment", "Honey &lt;b&gt;", "Blue mug", "Approve NZD 25.99", "Cancel and go back")
	if csp := r.header.Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' "+s.shop.URL) || !strings.Contains(csp, "default-src 'none'") {
		t.Errorf("CSP %q", csp)
	}
	back := s.press(page, url.Values{"decision": {"approve"}}).want(303)
	equal(t, "sent to", back.header.Get("Location"), s.shop.URL+"/return/o1/success")
	equal(t, "truth", s.truth("o1").Status, "completed")

	s.drain()
	calls := s.shop.heard()
	equal(t, "callbacks", len(calls), 1)
	equal(t, "tells", s.shop.statuses(), "[completed]")
	mac := hmac.New(sha256.New, []byte("sbx_client_secret_1"))
	mac.Write(calls[0].body)
	equal(t, "signature", calls[0].signature, hex.EncodeToString(mac.Sum(nil)))
	equal(t, "content type", calls[0].raw.Get("Content-Type"), "application/json")
	equal(t, "body is the order object", string(calls[0].body), compact(t, s.api("GET", "orders/"+o.ID+"/", "").body))

	// A second press, and a late look, change nothing and lead the same way.
	back = s.press(page, url.Values{"decision": {"cancel"}}).want(303)
	equal(t, "sent to", back.header.Get("Location"), s.shop.URL+"/return/o1/success")
	s.send("GET", page, "").want(200).has("This payment is approved", s.shop.URL+"/return/o1/success")
	s.drain()
	equal(t, "callbacks", len(s.shop.heard()), 1)
}

func TestApprovePage_Cancel(t *testing.T) {
	s := setup(t)
	o := s.create("o1")
	s.wallet(o, "aroha")
	back := s.press("/iumicash/checkout/"+o.ID+"/", url.Values{"decision": {"cancel"}}).want(303)
	equal(t, "sent to", back.header.Get("Location"), s.shop.URL+"/return/o1/error")
	s.drain()
	equal(t, "tells", s.shop.statuses(), "[cancelled]")
	s.send("GET", "/iumicash/checkout/"+o.ID+"/", "").want(200).has("This payment is cancelled")
}

func TestApprovePage_WalletsThatCannotPay(t *testing.T) {
	s := setup(t)
	o := s.create("o1")
	page := "/iumicash/checkout/" + o.ID + "/"
	for key, code := range map[string]string{
		"ben": "ACCOUNT_BALANCE_IS_LOW", "cleo": "USER_PAYMENT_LIMIT", "daniel": "USER_NOT_ACTIVE", "ema": "DISABLED_BY_USER",
	} {
		s.wallet(o, key)
		s.press(page, url.Values{"decision": {"approve"}}).want(422).
			has(code, "Nothing was taken", "Try again", "Use another wallet", s.shop.URL+"/return/o1/error")
		equal(t, "truth", s.truth("o1").Status, "created")
	}
	s.press(page+"logout", url.Values{}).want(303)
	s.send("GET", page, "").want(200).has("Sign in to pay")
	s.wallet(o, "aroha")
	s.press(page, url.Values{"decision": {"approve"}}).want(303)
	equal(t, "truth", s.truth("o1").Status, "completed")
}

func TestApprovePage_Refusals(t *testing.T) {
	s := setup(t)
	o := s.create("o1")
	page := "/iumicash/checkout/" + o.ID + "/"
	s.wallet(o, "aroha")
	s.send("GET", "/iumicash/checkout/000/", "").want(404).has("We do not know this payment")
	s.press(page, url.Values{"decision": {"refund"}}).want(400)
	s.press(page, url.Values{}).want(400)
	s.press(page+"login", url.Values{"wallet": {"nobody"}}).want(400)
	s.press(page, url.Values{"decision": {strings.Repeat("x", 8<<10)}}).want(400)
	cross := []string{"Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site"}
	for _, path := range []string{page, page + "login", page + "logout"} {
		s.send("POST", path, "decision=approve&wallet=ben", cross...).want(403)
	}
	s.send("GET", page+"?decision=approve", "").want(200)
	equal(t, "truth", s.truth("o1").Status, "created")
}

func TestCallback_IsTriedUntilItIsTaken(t *testing.T) {
	for name, answer := range map[string]struct {
		status int
		text   string
	}{
		"503": {503, "database is locked"}, "204": {204, ""}, "a line end": {200, "OK\n"},
		"JSON": {200, `{"ok":true}`}, "a redirect": {302, "OK"}, "202": {202, "OK"},
	} {
		t.Run(name, func(t *testing.T) {
			s := setup(t)
			s.shop.says(answer.status, answer.text)
			o := s.paid("o1")
			d := s.deliveries()[0]
			equal(t, "state", d.State, "waiting")
			equal(t, "attempt", d.Attempts[0].Status, answer.status)
			equal(t, "told", s.truth(o.ID).Notified, false)
			s.shop.says(200, "OK")
			s.advance("2s")
			equal(t, "state", s.deliveries()[0].State, "delivered")
			equal(t, "told", s.truth(o.ID).Notified, true)
			s.advance("100h")
			equal(t, "calls", len(s.shop.heard()), 2)
		})
	}
}

func TestCallback_Schedule(t *testing.T) {
	waits := func(unit time.Duration) []time.Duration {
		s := setup(t, func(c *sandbox.Config) { c.IumiCash.RetryUnit = unit })
		s.shop.says(500, "no")
		s.paid("o1")
		s.advance((64 * unit).String())
		d := s.deliveries()[0]
		var list []time.Duration
		for i := 1; i < len(d.Attempts); i++ {
			list = append(list, d.Attempts[i].At.Sub(d.Attempts[i-1].At))
		}
		for n, wait := range list {
			least := (1 << n) * unit
			if wait < least || wait >= least+unit {
				t.Errorf("retry %d after %s, want from %s to less than %s", n, wait, least, least+unit)
			}
		}
		return list
	}
	long := waits(time.Second)
	if len(long) < 5 {
		t.Fatalf("only %d retries in 64 s", len(long))
	}
	equal(t, "the same seed", waits(time.Second), long)
	waits(10 * time.Millisecond)
}

func TestCapture_StopsTheRetries(t *testing.T) {
	s := setup(t)
	s.shop.says(500, "no")
	o := s.paid("o1")
	pulled := s.api("POST", "orders/"+o.ID+"/capture/", "").want(201).order()
	equal(t, "status", pulled.Status, "completed")
	equal(t, "state", s.deliveries()[0].State, "stopped")
	equal(t, "told", s.truth(o.ID).Notified, true)
	s.advance("1000h")
	equal(t, "calls", len(s.shop.heard()), 1)
}

func TestSeed_RepeatsARun(t *testing.T) {
	run := func(seed int64) string {
		s := setup(t, func(c *sandbox.Config) { c.Seed = seed })
		s.shop.says(500, "no")
		token := s.token(`{"grant_type":"client_credentials"}`).body
		s.fault("callback_doubled", "")
		s.paid("o1")
		s.paid("o2")
		s.advance("60s")
		var story strings.Builder
		story.WriteString(token)
		for _, d := range s.deliveries() {
			body := strings.ReplaceAll(strings.ReplaceAll(d.Body, s.base, ""), s.shop.URL, "")
			fmt.Fprintf(&story, "\n%s %s %s", d.ID, d.State, body)
			for _, a := range d.Attempts {
				fmt.Fprint(&story, " ", a.At)
			}
		}
		return story.String()
	}
	if a, b := run(7), run(7); a != b {
		t.Errorf("the same seed told two stories:\n%s\n%s", a, b)
	}
	if run(7) == run(8) {
		t.Error("two seeds told the same story")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	s := setup(t, func(c *sandbox.Config) { c.IumiCash.MaxOrders = 3 })
	first := s.api("POST", "orders/", s.orderJSON("o1"), "RequestId", "k1").want(201).order()
	for _, external := range []string{"o2", "o3", "o4"} {
		s.create(external)
	}
	s.api("GET", "orders/"+first.ID+"/", "").word(404, "RESOURCE_NOT_FOUND")
	fresh := s.api("POST", "orders/", s.orderJSON("o1"), "RequestId", "k1").want(201).order()
	if fresh.ID == first.ID {
		t.Error("a forgotten order came back")
	}
}
