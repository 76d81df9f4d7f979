package iumicash_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"till/money"
	"till/providers"
	"till/providers/iumicash"
	"till/providers/providertest"
)

func TestConforms(t *testing.T) {
	t.Parallel()
	providertest.Run(t, func(t *testing.T) providertest.Bench {
		const old, other = "sbx_client_secret_0", "sbx_client_secret_2"
		b := setup(t, func(cfg *iumicash.Config) { cfg.CallbackSecrets = []providers.Secret{old} })
		return providertest.Bench{
			Provider: b.Client, Server: b.server, Opened: b.opened, Set: b.set, Sum: b.sum,
			Words: map[providers.Outcome]string{
				providers.Open: "created", providers.Processing: "approved",
				providers.Paid: "completed", providers.Cancelled: "cancelled",
			},
			Keyed: true, Tokens: true,
			Optional: []string{"created_at", "updated_at", "application_context", "links", "description"},
			Deliver: func(ref string) providers.Delivery {
				var body []byte
				b.change(func(f *fake) { body = f.json(f.orders[ref]) })
				return sign(clientSecret, body)
			},
			Sign:            func(body []byte) providers.Delivery { return sign(clientSecret, body) },
			Forge:           func(body []byte) providers.Delivery { return sign(other, body) },
			SignatureHeader: "iumicash-signature",
			Secrets:         []string{clientSecret, old, basicVector, "sbx-at-"},
			Config:          b.cfg,
		}
	})
}

func request() providers.StartRequest {
	return providertest.Request(money.Amount{Minor: 1999, Currency: "NZD"})
}

func payment(to providers.Started) providers.Payment {
	return providers.Payment{ID: request().PaymentID, Ref: to.Ref, Amount: request().Amount, Data: to.Data}
}

func start(t *testing.T, b bench) (providers.Started, providers.Payment) {
	t.Helper()
	to, err := b.Start(t.Context(), request())
	if err != nil {
		t.Fatal(err)
	}
	return to, payment(to)
}

// asError returns err as what every method must fail with.
func asError(t *testing.T, err error) *providers.Error {
	t.Helper()
	var e *providers.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *providers.Error", err)
	}
	return e
}

func TestNew_NamesEverySettingAtFault(t *testing.T) {
	t.Parallel()
	now := func() time.Time { return time.Time{} }
	for _, tt := range []struct {
		name string
		cfg  iumicash.Config
		want []string
	}{
		{"nothing set", iumicash.Config{}, []string{"IUMICASH_BASE_URL is required", "IUMICASH_CLIENT_ID", "IUMICASH_CLIENT_SECRET", "clock"}},
		{"not absolute", iumicash.Config{BaseURL: "api.iumi.cash", ClientID: "c", ClientSecret: "s", Now: now}, []string{"IUMICASH_BASE_URL is not an absolute"}},
		{"another scheme", iumicash.Config{BaseURL: "ftp://api.iumi.cash", ClientID: "c", ClientSecret: "s", Now: now}, []string{"IUMICASH_BASE_URL"}},
		{"the secret in the clear", iumicash.Config{BaseURL: "http://api.iumi.cash", ClientID: "c", ClientSecret: "s", Now: now}, []string{"IUMICASH_BASE_URL must be https"}},
		{"a password in the URL", iumicash.Config{BaseURL: "https://u:hunter2@api.iumi.cash", ClientID: "c", ClientSecret: "s", Now: now}, []string{"IUMICASH_BASE_URL must not hold a user"}},
		{"all the rest at once", iumicash.Config{
			BaseURL: "https://api.iumi.cash", ClientID: "a:b", ClientSecret: "s", CallbackSecrets: []providers.Secret{""}, Now: now,
			Currencies: []money.Currency{"NZD", "NZD", "KWD", "XXX"}, PaidStatuses: []string{"created", ""}, ApproveHosts: []string{"https://x"},
		}, []string{
			"IUMICASH_CLIENT_ID must not hold a colon", "IUMICASH_CALLBACK_SECRETS", "NZD twice", "KWD has more than 2", `"XXX" is not a currency`,
			"created never means paid", "holds an empty word", "IUMICASH_APPROVE_HOSTS",
		}},
		{"empty lists", iumicash.Config{
			BaseURL: "https://api.iumi.cash", ClientID: "c", ClientSecret: "s", Now: now, Currencies: []money.Currency{}, PaidStatuses: []string{},
		}, []string{"IUMICASH_CURRENCIES is empty", "IUMICASH_PAID_STATUSES is empty"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := iumicash.New(tt.cfg)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in %q", want, err)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a password is in %q", err)
			}
		})
	}
}

func TestNew_Defaults(t *testing.T) {
	t.Parallel()
	c, err := iumicash.New(iumicash.Config{BaseURL: "https://api.iumi.cash", ClientID: "c", ClientSecret: "s", Now: newClock().now})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Currencies(); !slices.Equal(got, []money.Currency{"SBD", "NZD", "USD"}) {
		t.Errorf("currencies %v", got)
	}
	if got := c.PageOrigins(); !slices.Equal(got, []string{"https://api.iumi.cash", "https://sandbox-api.iumi.cash"}) {
		t.Errorf("origins %v", got)
	}
	if a := c.CallbackAnswer(); a != (providers.Answer{Status: 200, ContentType: "text/plain", Body: "OK"}) {
		t.Errorf("answer %+v", a)
	}
	if c.Name() != "iumicash" || c.Label() != "iumiCash" {
		t.Errorf("%q, %q", c.Name(), c.Label())
	}
}

func TestStart_SendsWhatThePageNames(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to, _ := start(t, b)
	const want = `{"external_id":"p7k2m9","items":[` +
		`{"name":"Crumb","description":"The smallest thing there is","amount":{"value":0.01,"currency_code":"NZD"},"count":1},` +
		`{"name":"Mug \"blue\" \u0026 \u003cwhite\u003e","description":"Mug \"blue\" \u0026 \u003cwhite\u003e","amount":{"value":19.98,"currency_code":"NZD"},"count":1}],` +
		`"application_context":{"callback_url":"https://shop.test/callbacks/x","success_url":"https://shop.test/return/p7k2m9/success","error_url":"https://shop.test/return/p7k2m9/error"}}`
	b.change(func(f *fake) {
		if got := string(f.orders[to.Ref].Body); got != want {
			t.Errorf("sent\n%s\nwant\n%s", got, want)
		}
	})
	if got, want := b.log(), []string{"POST /api/v1/orders/ " + request().Key}; !slices.Equal(got, want) {
		t.Errorf("requests %q, want %q", got, want)
	}
	if want := b.server.URL + "/checkout/" + to.Ref + "/"; to.URL != want {
		t.Errorf("buyer goes to %q, want %q", to.URL, want)
	}
	var links map[string]string
	if err := json.Unmarshal(to.Data, &links); err != nil || len(links) != 2 || links["self"] == "" || links["cancel"] == "" {
		t.Errorf("kept %s", to.Data)
	}
	if at := time.Date(2024, 5, 1, 10, 0, 0, 123456000, time.UTC); !to.Report.At.Equal(at) {
		t.Errorf("changed at %s, want %s", to.Report.At, at)
	}
}

func TestStart_LeavesOutWhatCostsNothing(t *testing.T) {
	t.Parallel()
	b, req := setup(t), request()
	req.Items = append(req.Items, providers.Item{Name: "Card", Unit: money.Amount{Currency: "NZD"}, Quantity: 1})
	to, err := b.Start(t.Context(), req)
	if err != nil || to.Report.Amount != req.Amount {
		t.Fatalf("got %+v, %v", to, err)
	}
	b.change(func(f *fake) {
		if strings.Contains(string(f.orders[to.Ref].Body), "Card") {
			t.Errorf("sent %s", f.orders[to.Ref].Body)
		}
	})
}

func TestStart_RefusesLocally(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*providers.StartRequest){
		"another currency":      func(r *providers.StartRequest) { *r = providertest.Request(money.Amount{Minor: 100, Currency: "EUR"}) },
		"two currencies":        func(r *providers.StartRequest) { r.Items[0].Unit.Currency = "USD" },
		"a negative price":      func(r *providers.StartRequest) { r.Items[0].Unit.Minor, r.Items[1].Unit.Minor = -1, 2000 },
		"a count of none":       func(r *providers.StartRequest) { r.Items[0].Quantity = 0 },
		"items that do not add": func(r *providers.StartRequest) { r.Items[0].Unit.Minor++ },
		"no items":              func(r *providers.StartRequest) { r.Items = nil },
		"an overflow":           func(r *providers.StartRequest) { r.Items[0].Unit.Minor, r.Items[0].Quantity = 1<<62, 4 },
		"nothing to pay": func(r *providers.StartRequest) {
			r.Amount.Minor, r.Items[0].Unit.Minor, r.Items[1].Unit.Minor = 0, 0, 0
		},
		"no key":      func(r *providers.StartRequest) { r.Key = "" },
		"no id":       func(r *providers.StartRequest) { r.PaymentID = "" },
		"no callback": func(r *providers.StartRequest) { r.CallbackURL = "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, req := setup(t), request()
			spoil(&req)
			_, err := b.Start(t.Context(), req)
			if e := asError(t, err); e.Kind != providers.KindRejected || e.Status != 0 {
				t.Errorf("got %v", e)
			}
			if len(b.log()) != 0 || b.tokensIssued() != 0 {
				t.Errorf("sent %q", b.log())
			}
		})
	}
}

func TestStart_ApproveLink(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		link order
		ok   bool
	}{
		{"none at all", nil, false},
		{"upper case", order{"link": "https://api.iumi.cash/checkout/1/", "rel": "APPROVE", "method": "GET"}, true},
		{"without a method", order{"link": "https://sandbox-api.iumi.cash/checkout/1/", "rel": "approve"}, true},
		{"a host that is allowed", order{"link": "https://Pay.example/1", "rel": "approve", "method": "get"}, true},
		{"its other port", order{"link": "https://pay.example:8443/1", "rel": "approve", "method": "get"}, false},
		{"another host", order{"link": "https://evil.example/1", "rel": "approve", "method": "get"}, false},
		{"a host behind a user", order{"link": "https://api.iumi.cash@evil.example/1", "rel": "approve", "method": "get"}, false},
		{"an allowed host with a user", order{"link": "https://u@api.iumi.cash/1", "rel": "approve", "method": "get"}, false},
		{"script", order{"link": "javascript:alert(1)//api.iumi.cash", "rel": "approve", "method": "get"}, false},
		{"the base URL's scheme on a host of the setting", order{"link": "http://pay.example/1", "rel": "approve", "method": "get"}, true},
		{"in the clear on a documented host", order{"link": "http://api.iumi.cash/1", "rel": "approve", "method": "get"}, false},
		{"another scheme", order{"link": "ftp://api.iumi.cash/1", "rel": "approve", "method": "get"}, false},
		{"relative", order{"link": "/checkout/1/", "rel": "approve", "method": "get"}, false},
		{"for POST", order{"link": "https://api.iumi.cash/checkout/1/", "rel": "approve", "method": "post"}, false},
		{"only capture", order{"link": "https://api.iumi.cash/api/v1/orders/1/capture/", "rel": "capture", "method": "post"}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(cfg *iumicash.Config) { cfg.ApproveHosts = []string{"pay.EXAMPLE"} })
			b.shape = func(o order) { o["links"] = []order{tt.link} }
			to, err := b.Start(t.Context(), request())
			if tt.ok {
				if err != nil || to.URL != tt.link["link"] {
					t.Errorf("got %q, %v", to.URL, err)
				}
				return
			}
			if e := asError(t, err); e.Kind != providers.KindRejected || e.Status != http.StatusCreated || len(e.Raw) == 0 {
				t.Errorf("got %+v", e)
			}
			found, ok, err := b.Find(t.Context(), request())
			if err != nil || !ok || found.Ref == "" || found.URL != "" {
				t.Errorf("found %+v, %v, %v", found, ok, err)
			}
		})
	}
}

func TestStart_AgainAfterItWasPaid(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to, _ := start(t, b)
	b.set(to.Ref, "completed")
	again, _ := start(t, b)
	if again.Ref != to.Ref || again.URL != "" || again.Report.Outcome != providers.Paid {
		t.Errorf("got %+v", again)
	}
}

func TestStart_Refusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, contentType, body string
		status                  int
		kind                    providers.Kind
		code                    string
		reason                  providers.Reason
	}{
		{"limit", "application/json", `{"error":"USER_PAYMENT_LIMIT"}`, 400, providers.KindRejected, "USER_PAYMENT_LIMIT", providers.ReasonLimit},
		{"inactive, lower case", "application/json; charset=utf-8", `{"error":"user_not_active"}`, 400, providers.KindRejected, "user_not_active", providers.ReasonInactive},
		{"balance", "application/problem+json", `{"error":"ACCOUNT_BALANCE_IS_LOW"}`, 400, providers.KindRejected, "ACCOUNT_BALANCE_IS_LOW", providers.ReasonBalance},
		{"blocked", "application/json", `{"error":"DISABLED_BY_USER"}`, 400, providers.KindRejected, "DISABLED_BY_USER", providers.ReasonBlocked},
		{"the code at another status", "application/json", `{"error":"DISABLED_BY_USER"}`, 404, providers.KindRejected, "DISABLED_BY_USER", providers.ReasonNone},
		{"a code we do not know", "application/json", `{"error":"bad_request"}`, 400, providers.KindRejected, "bad_request", providers.ReasonNone},
		{"not JSON by its type", "text/html", `{"error":"USER_PAYMENT_LIMIT"}`, 400, providers.KindRejected, "", providers.ReasonNone},
		{"not JSON by its body", "application/json", `<html>`, 400, providers.KindRejected, "", providers.ReasonNone},
		{"odd types", "application/json", `{"error":7,"field_errors":"x"}`, 400, providers.KindRejected, "", providers.ReasonNone},
		{"forbidden", "application/json", `{"error":"NOT_AUTHORIZED"}`, 403, providers.KindUnauthorized, "NOT_AUTHORIZED", providers.ReasonNone},
		{"business rule", "application/json", `{"error":"UNPROCESSIBLE_ENTITY"}`, 422, providers.KindRejected, "UNPROCESSIBLE_ENTITY", providers.ReasonNone},
		{"external_id taken", "application/json", `{"error":"INVALID_REQUEST","field_errors":[{"field":"external_id"}]}`, 400, providers.KindUnavailable, "INVALID_REQUEST", providers.ReasonNone},
		{"external_id and more", "application/json", `{"error":"INVALID_REQUEST","field_errors":[{"field":"external_id"},{"field":"items"}]}`, 400, providers.KindRejected, "INVALID_REQUEST", providers.ReasonNone},
		{"a 500 that says JSON", "application/json", `{"error":"USER_PAYMENT_LIMIT"}`, 500, providers.KindUnavailable, "", providers.ReasonNone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(cfg *iumicash.Config) {
				cfg.Transport = orders(func(*http.Request) (int, string, string) { return tt.status, tt.contentType, tt.body })
			})
			_, err := b.Start(t.Context(), request())
			e := asError(t, err)
			if e.Kind != tt.kind || e.Code != tt.code || e.Reason != tt.reason || e.Status != tt.status || string(e.Raw) != tt.body {
				t.Errorf("got %+v with %q", e, e.Raw)
			}
		})
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	t.Run("an order that never was is opened", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		to, found, err := b.Find(t.Context(), request())
		if err != nil || !found || to.URL == "" || b.opened() != 1 {
			t.Errorf("got %+v, %v, %v", to, found, err)
		}
	})
	t.Run("a plain refusal means that there is none", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(cfg *iumicash.Config) {
			cfg.Transport = orders(func(*http.Request) (int, string, string) {
				return 400, "application/json", `{"error":"USER_NOT_ACTIVE"}`
			})
		})
		if _, found, err := b.Find(t.Context(), request()); err != nil || found {
			t.Errorf("got %v, %v", found, err)
		}
	})
	t.Run("a RequestId that was forgotten leaves it unknown", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		start(t, b)
		b.change(func(f *fake) { f.forget = true })
		_, found, err := b.Find(t.Context(), request())
		if e := asError(t, err); found || e.Kind != providers.KindUnavailable || e.Status != http.StatusBadRequest {
			t.Errorf("got %v, %v", found, err)
		}
	})
	t.Run("a RequestId with another body leaves it unknown", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		start(t, b)
		req := request()
		req.CallbackURL = "https://moved.test/callbacks/x"
		_, found, err := b.Find(t.Context(), req)
		if e := asError(t, err); found || e.Kind != providers.KindUnavailable || e.Status != http.StatusUnprocessableEntity {
			t.Errorf("got %v, %v", found, err)
		}
	})
	t.Run("a request that cannot be sent is no answer", func(t *testing.T) {
		t.Parallel()
		b, req := setup(t), request()
		req.Key = ""
		if _, found, err := b.Find(t.Context(), req); found || asError(t, err).Kind != providers.KindUnavailable {
			t.Errorf("got %v, %v", found, err)
		}
	})
	t.Run("an address that is wrong now is no answer", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(cfg *iumicash.Config) {
			cfg.Transport = orders(func(*http.Request) (int, string, string) { return 404, "text/html", "not here" })
		})
		if _, found, err := b.Find(t.Context(), request()); found || asError(t, err).Kind != providers.KindUnavailable {
			t.Errorf("got %v, %v", found, err)
		}
	})
}

func TestLookup_FallsBackToPOST(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to, p := start(t, b)
	b.change(func(f *fake) { f.noGet = true })
	got, err := b.Lookup(t.Context(), p)
	if err != nil || got.Outcome != providers.Open || got.Status != http.StatusCreated {
		t.Errorf("got %+v, %v", got, err)
	}
	path := "/api/v1/orders/" + to.Ref + "/"
	if log := b.log(); !slices.Equal(log[1:], []string{"GET " + path, "POST " + path}) {
		t.Errorf("requests %q", log)
	}
}

// A link that names another host would carry the token there.
func TestLookup_FollowsSelfOnlyToOurProvider(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to, _ := start(t, b)
	host := strings.TrimPrefix(b.server.URL, "http://")
	for name, data := range map[string]string{
		"none kept":        ``,
		"no JSON":          `{`,
		"another host":     `{"self":"http://evil.example/api/v1/orders/` + to.Ref + `/"}`,
		"another scheme":   `{"self":"https://` + host + `/api/v1/orders/` + to.Ref + `/"}`,
		"a user":           `{"self":"http://` + host + `@evil.example/"}`,
		"no address":       `{"self":"::"}`,
		"its own, in caps": `{"self":"HTTP://` + strings.ToUpper(host) + `/api/v1/orders/` + to.Ref + `/#x"}`,
	} {
		p := payment(to)
		p.Data = json.RawMessage(data)
		if got, err := b.Lookup(t.Context(), p); err != nil || got.Ref != to.Ref {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestLookup_WrongOrder(t *testing.T) {
	t.Parallel()
	for name, shape := range map[string]func(order){
		"another id":          func(o order) { o["id"] = "another" },
		"another external_id": func(o order) { o["external_id"] = "another" },
		"no id":               func(o order) { delete(o, "id") },
	} {
		b := setup(t)
		_, p := start(t, b)
		b.change(func(f *fake) { f.shape = shape })
		_, err := b.Lookup(t.Context(), p)
		if e := asError(t, err); e.Kind != providers.KindUnavailable || len(e.Raw) == 0 {
			t.Errorf("%s: got %+v", name, e)
		}
	}
	b := setup(t)
	for _, ref := range []string{"", ".", "..", "a\nb", strings.Repeat("x", 300)} {
		if _, err := b.Lookup(t.Context(), providers.Payment{Ref: ref}); asError(t, err).Kind != providers.KindRejected {
			t.Errorf("%q: got %v", ref, err)
		}
	}
	_, err := b.Lookup(t.Context(), providers.Payment{Ref: "a/../../b?c"})
	if e := asError(t, err); e.Status != http.StatusNotFound {
		t.Errorf("got %v", err)
	}
}

func TestCancel_TrustsOnlyTheOrder(t *testing.T) {
	t.Parallel()
	t.Run("no kept link", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, p := start(t, b)
		p.Data = nil
		if got, err := b.Cancel(t.Context(), p, "key-2"); err != nil || got.Outcome != providers.Cancelled {
			t.Errorf("got %+v, %v", got, err)
		}
		if want := "POST /api/v1/orders/" + p.Ref + "/cancel/ key-2"; !slices.Contains(b.log(), want) {
			t.Errorf("%q is not in %q", want, b.log())
		}
	})
	t.Run("an order that is not there", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, err := b.Cancel(t.Context(), providers.Payment{Ref: "gone"}, "key-2")
		if e := asError(t, err); e.Kind != providers.KindRejected || e.Status != http.StatusNotFound || e.Op != "cancel" {
			t.Errorf("got %v", e)
		}
	})
	t.Run("heard, but then silence", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(cfg *iumicash.Config) {
			cfg.Transport = orders(func(r *http.Request) (int, string, string) {
				if r.Method == http.MethodPost {
					return 204, "", ""
				}
				return 404, "application/json", `{"error":"RESOURCE_NOT_FOUND"}`
			})
		})
		_, err := b.Cancel(t.Context(), providers.Payment{Ref: "7d0f"}, "key-2")
		if e := asError(t, err); e.Kind != providers.KindUnavailable {
			t.Errorf("got %v", e)
		}
	})
}

func TestPaidStatuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		paid []string
		want map[string]providers.Outcome
	}{
		{nil, map[string]providers.Outcome{
			"approved": providers.Processing, "captured": providers.Paid, "completed": providers.Paid,
			"Completed ": providers.Paid, "canceled": providers.Cancelled, "success": providers.Unknown, "expired": providers.Unknown,
		}},
		{[]string{"Completed"}, map[string]providers.Outcome{"captured": providers.Processing, "completed": providers.Paid}},
		{[]string{"approved", "success"}, map[string]providers.Outcome{
			"approved": providers.Paid, "success": providers.Paid, "completed": providers.Processing, "created": providers.Open,
		}},
	} {
		b := setup(t, func(cfg *iumicash.Config) { cfg.PaidStatuses = tt.paid })
		to, p := start(t, b)
		for word, want := range tt.want {
			b.set(to.Ref, word)
			if got, err := b.Lookup(t.Context(), p); err != nil || got.Outcome != want {
				t.Errorf("paid is %q: %q is %s, %v; want %s", tt.paid, word, got.Outcome, err, want)
			}
		}
	}
}

// orders answers every request but the token's from one function.
func orders(answer func(*http.Request) (status int, contentType, body string)) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		status, contentType, body := answer(r)
		if strings.Contains(r.URL.Path, "/oauth/") {
			status, contentType, body = 200, "application/json", `{"access_token":"sbx-at-1","expires_in":28800}`
		}
		return reply(r, status, contentType, body), nil
	})
}

func TestReplies(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		file    string
		want    providers.Outcome
		amount  money.Amount
		refused bool
	}{
		{"order_a_created.json", providers.Open, money.Amount{Minor: 2500, Currency: "SBD"}, false},
		{"order_a_completed.json", providers.Paid, money.Amount{Minor: 2500, Currency: "SBD"}, false},
		{"order_a_cancelled.json", providers.Cancelled, money.Amount{Minor: 2500, Currency: "SBD"}, false},
		{"order_b_created.json", providers.Open, money.Amount{Minor: 2999, Currency: "USD"}, false},
		{"order_odd.json", providers.Paid, money.Amount{Minor: 9000, Currency: "NZD"}, false},
		{"order_two_currencies.json", "", money.Amount{}, true},
		{"callback_vector.json", "", money.Amount{}, true}, // paid, but not how much
	} {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			body := read(t, tt.file)
			var o struct {
				ID         string `json:"id"`
				ExternalID string `json:"external_id"`
			}
			if err := json.Unmarshal(body, &o); err != nil {
				t.Fatal(err)
			}
			b := setup(t, func(cfg *iumicash.Config) {
				cfg.Transport = orders(func(*http.Request) (int, string, string) { return 200, "application/json", string(body) })
			})
			got, err := b.Lookup(t.Context(), providers.Payment{ID: o.ExternalID, Ref: o.ID})
			if tt.refused {
				if e := asError(t, err); e.Kind != providers.KindUnavailable || string(e.Raw) != string(body) {
					t.Errorf("got %+v", e)
				}
				return
			}
			if err != nil || got.Outcome != tt.want || got.Amount != tt.amount || string(got.Raw) != string(body) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestReplies_AmountsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, items := range map[string]string{
		"three decimals":    `[{"amount":{"value":1.001,"currency_code":"NZD"},"count":1}]`,
		"no currency":       `[{"amount":{"value":1}, "count":1}]`,
		"a made-up one":     `[{"amount":{"value":1,"currency_code":"ZZZ"},"count":1}]`,
		"no value":          `[{"amount":{"currency_code":"NZD"},"count":1}]`,
		"words":             `[{"amount":{"value":"NaN","currency_code":"NZD"},"count":1}]`,
		"a negative price":  `[{"amount":{"value":-1,"currency_code":"NZD"},"count":1}]`,
		"no count":          `[{"amount":{"value":1,"currency_code":"NZD"}}]`,
		"half a count":      `[{"amount":{"value":1,"currency_code":"NZD"},"count":0.5}]`,
		"a count of none":   `[{"amount":{"value":1,"currency_code":"NZD"},"count":0}]`,
		"an overflow":       `[{"amount":{"value":92233720368547758.07,"currency_code":"NZD"},"count":2}]`,
		"an overflowed sum": `[{"amount":{"value":92233720368547758.07,"currency_code":"NZD"},"count":1},{"amount":{"value":1,"currency_code":"NZD"},"count":1}]`,
		"no list":           `{"amount":1}`,
		"paid without any":  `[]`,
	} {
		b := setup(t)
		to, p := start(t, b)
		b.change(func(f *fake) { f.shape = func(o order) { o["items"] = json.RawMessage(items) } })
		b.set(to.Ref, "completed")
		if got, err := b.Lookup(t.Context(), p); asError(t, err).Kind != providers.KindUnavailable {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	look := func(t *testing.T, b bench, p providers.Payment) {
		t.Helper()
		if _, err := b.Lookup(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name, expiresIn string
		after           time.Duration
		issued          int
	}{
		{"kept", "28800", 28800*time.Second - 60*time.Second, 1},
		{"replaced when less than a minute is left", "28800", 28800*time.Second - 59*time.Second, 2},
		{"kept until refused when nothing is said", "", 1000 * time.Hour, 1},
		{"a lifetime as text", `"600"`, 9 * time.Minute, 1},
		{"a short life", "30", 0, 2},
		{"an unreadable lifetime", `"soon"`, 0, 2},
		{"a negative one", "-5", 0, 2},
		{"an absurd one", "9223372036854775807", 1000 * time.Hour, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.expiresIn = tt.expiresIn
			_, p := start(t, b)
			b.clock.move(tt.after)
			look(t, b, p)
			if b.tokensIssued() != tt.issued {
				t.Errorf("%d tokens issued, want %d", b.tokensIssued(), tt.issued)
			}
		})
	}
	t.Run("fifty refused at once fetch one new token", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, p := start(t, b)
		b.revoke()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() { look(t, b, p) })
		}
		wg.Wait()
		if b.tokensIssued() != 2 {
			t.Errorf("%d tokens issued, want 2", b.tokensIssued())
		}
	})
	t.Run("one who goes away takes it from nobody", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		asked, answer := make(chan struct{}), make(chan struct{})
		b.onToken = func() { close(asked); <-answer }
		ctx, leave := context.WithCancel(t.Context())
		first, second := make(chan error, 1), make(chan error, 1)
		go func() { _, err := b.Start(ctx, request()); first <- err }()
		<-asked
		go func() { _, err := b.Start(t.Context(), request()); second <- err }()
		leave()
		err := <-first
		if e := asError(t, err); e.Kind != providers.KindUnreachable || !errors.Is(err, context.Canceled) {
			t.Errorf("who went away got %v", err)
		}
		close(answer)
		if err := <-second; err != nil {
			t.Errorf("who stayed got %v", err)
		}
		if b.tokensIssued() != 1 {
			t.Errorf("%d tokens issued", b.tokensIssued())
		}
	})
	for _, tt := range []struct {
		name, contentType, body string
		status                  int
		want                    providers.Kind
	}{
		{"refused", "application/json", `{"error":"INVALID_AUTHZ"}`, 401, providers.KindUnauthorized},
		{"bad parameters", "application/json", `{"error":"INVALID_REQUEST"}`, 400, providers.KindUnauthorized},
		{"down", "text/plain", "no", 503, providers.KindUnreachable},
		{"too many", "text/plain", "no", 429, providers.KindUnreachable},
		{"no token in it", "application/json", `{"token":"sbx-at-9"}`, 200, providers.KindUnreachable},
		{"no JSON", "text/html", `sbx-at-9`, 200, providers.KindUnreachable},
		{"no end", "application/json", `{"access_token":"sbx-at-9","x":"` + strings.Repeat("x", 1<<20), 200, providers.KindUnreachable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(cfg *iumicash.Config) {
				cfg.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
					if !strings.Contains(r.URL.Path, "/oauth/") {
						t.Error("a request without a token")
					}
					return reply(r, tt.status, tt.contentType, tt.body), nil
				})
			})
			_, err := b.Start(t.Context(), request())
			e := asError(t, err)
			if e.Kind != tt.want || e.Op != "start" || strings.Contains(err.Error(), "sbx-at-9") {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			for err := err; err != nil; err = errors.Unwrap(err) {
				var inner *providers.Error
				if errors.As(err, &inner) && strings.Contains(string(inner.Raw), "sbx-at-9") {
					t.Errorf("a token is kept in %q", inner.Raw)
				}
			}
		})
	}
}

func TestCallback_Vector(t *testing.T) {
	t.Parallel()
	const signature = "58a82cd2b4b649ee4187c86dba37b02845484797c0fe6ba1963ecfa49ebd1a71"
	body := read(t, "callback_vector.json")
	if len(body) != 79 {
		t.Fatalf("the vector has %d bytes, want 79", len(body))
	}
	b := setup(t)
	for _, s := range []string{signature, strings.ToUpper(signature)} {
		h := http.Header{}
		h.Set("Iumicash-Signature", s)
		n, err := b.Callback(providers.Delivery{Header: h, Body: body})
		if err != nil || n.Ref != "65f0c1d2e3a4b5c6d7e8f901" || n.PaymentID != "ord_1001" || n.Word != "completed" {
			t.Errorf("got %+v, %v", n, err)
		}
	}
}

func TestCallback_FormerSecret(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *iumicash.Config) { cfg.CallbackSecrets = []providers.Secret{"older", "old"} })
	body := read(t, "order_a_completed.json")
	for _, secret := range []string{clientSecret, "old", "older"} {
		if _, err := b.Callback(sign(secret, body)); err != nil {
			t.Errorf("%s: %v", secret, err)
		}
	}
	if _, err := b.Callback(sign("oldest", body)); !errors.Is(err, providers.ErrSignature) {
		t.Errorf("got %v", err)
	}
}

func read(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func seeds(f *testing.F, glob string) [][]byte {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", glob))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds %s: %v", glob, err)
	}
	var out [][]byte
	for _, file := range files {
		out = append(out, read(f, filepath.Base(file)))
	}
	return out
}

func FuzzCallback(f *testing.F) {
	for _, body := range seeds(f, "*.json") {
		f.Add("58a82cd2b4b649ee4187c86dba37b02845484797c0fe6ba1963ecfa49ebd1a71", body)
	}
	c, err := iumicash.New(iumicash.Config{BaseURL: "https://api.iumi.cash", ClientID: "c", ClientSecret: clientSecret, Now: newClock().now})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, signature string, body []byte) {
		genuine := sign(clientSecret, body)
		h := http.Header{"Iumicash-Signature": {signature}}
		_, err := c.Callback(providers.Delivery{Header: h, Body: body})
		if !strings.EqualFold(signature, genuine.Header.Get("iumicash-signature")) && !errors.Is(err, providers.ErrSignature) {
			t.Fatalf("a forged delivery: %v", err)
		}
		n, err := c.Callback(genuine)
		if err != nil && !errors.Is(err, providers.ErrMalformed) {
			t.Fatalf("a signed delivery: %v", err)
		}
		if err == nil && (n.Ref == "" || n.EventID == "") {
			t.Fatalf("a notice about nothing: %+v", n)
		}
	})
}

func FuzzOrder(f *testing.F) {
	for _, body := range seeds(f, "*.json") {
		f.Add(body)
	}
	const ref, id = "65f0c1d2e3a4b5c6d7e8f901", "p7k2m9"
	var body []byte
	c, err := iumicash.New(iumicash.Config{
		BaseURL: "https://api.iumi.cash", ClientID: "c", ClientSecret: clientSecret, Now: newClock().now,
		Transport: orders(func(*http.Request) (int, string, string) { return 200, "application/json", string(body) }),
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		body = in
		got, err := c.Lookup(t.Context(), providers.Payment{ID: id, Ref: ref})
		if err != nil {
			if e := asError(t, err); e.Kind != providers.KindUnavailable {
				t.Fatalf("got %v", err)
			}
			return
		}
		if got.Ref != ref || got.Amount.Minor < 0 || got.Outcome == providers.Paid && got.Amount.Currency == "" {
			t.Fatalf("got %+v", got)
		}
	})
}
