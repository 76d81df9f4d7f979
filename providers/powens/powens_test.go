package powens_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"till/money"
	"till/providers"
	"till/providers/powens"
	"till/providers/providertest"
)

func TestConforms(t *testing.T) {
	t.Parallel()
	providertest.Run(t, func(t *testing.T) providertest.Bench {
		const old, other = "sbx_webhook_key_0", "sbx_webhook_key_2"
		b := setup(t, func(cfg *powens.Config) {
			cfg.WebhookKeys = append(cfg.WebhookKeys, old)
			withLinks(cfg)
			cfg.Currencies = []money.Currency{"EUR", "GBP", "JPY", "KWD"}
		})
		events := 9000
		return providertest.Bench{
			Provider: b.Client, Server: b.server, Opened: b.opened, Set: b.set, Sum: b.sum,
			Words: map[providers.Outcome]string{
				providers.Open: "created", providers.Processing: "pending", providers.Paid: "done",
				providers.Accepted: "accepted", providers.Declined: "rejected", providers.Expired: "expired",
			},
			Tokens: true,
			Optional: []string{
				"state_detail", "action", "error_code", "error_description", "fields", "validate_uri", "connector_uuid", "id_connector",
				"validate_mechanism", "register_date", "client_redirect_uri", "client_state", "payer", "payer_identity", "label",
				"execution_date_type", "exec_date", "reference_id", "start_date", "beneficiary", "beneficiary_identity", "precision", "symbol",
			},
			Deliver: func(ref string) providers.Delivery {
				events++
				return sign(webhookKey, b.event(ref, events))
			},
			Sign:            func(body []byte) providers.Delivery { return sign(webhookKey, body) },
			Forge:           func(body []byte) providers.Delivery { return sign(other, body) },
			SignatureHeader: "BI-Signature",
			Secrets:         []string{clientSecret, strings.Trim(strconv.Quote(clientSecret), `"`), webhookKey, old, "svc-token-"},
			Config:          b.cfg,
			Links: &providertest.Links{
				Opened: func() (n int) {
					b.change(func(f *fake) { n = len(f.links) })
					return n
				},
				Pay:    func(ref string) { b.pay(ref, "done") },
				Silent: true, Elsewhere: true,
			},
			Subscriptions: &providertest.Subscriptions{
				Automatic: true, First: providers.Processing,
				Agree: func(ref string) {
					b.change(func(f *fake) {
						f.onCancel = func(p *fakePayment) (int, string) {
							p.State, p.Code = "rejected", "CancelledByClient"
							return http.StatusOK, ""
						}
						f.payment(ref).State, f.payment(ref).Connector = "pending", "0f2b1c7e-5a0d-5a53-8e2f-6a1c0b7d4e01"
					})
				},
				Set: b.set,
				Words: map[providers.SubscriptionStatus]string{
					providers.SubscriptionPending: "created", providers.SubscriptionActive: "pending",
					providers.SubscriptionExpired: "done", providers.SubscriptionCanceled: "rejected",
				},
			},
		}
	})
}

func request() providers.StartRequest {
	r := providertest.Request(money.Amount{Minor: 1999, Currency: "EUR"})
	r.Buyer.Name = "Ada Martin"
	return r
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
	for _, tt := range []struct {
		name  string
		spoil func(*powens.Config)
		want  []string
	}{
		{"nothing set", func(cfg *powens.Config) { *cfg = powens.Config{} }, []string{
			"POWENS_BASE_URL is required", "POWENS_CLIENT_ID is required", "POWENS_CLIENT_SECRET is required", "POWENS_WEBHOOK_KEY is required",
			"POWENS_BENEFICIARY_IBAN is required", "POWENS_BENEFICIARY_LABEL is required", "POWENS_BENEFICIARY_ORG_NAME is required",
			"POWENS_BENEFICIARY_ORG_LEGAL_STATUS is required", "POWENS_BENEFICIARY_ORG_ADDRESS is required", "POWENS_BENEFICIARY_SIREN is required", "clock",
		}},
		{"not absolute", func(cfg *powens.Config) { cfg.BaseURL = "shop.biapi.pro/2.0" }, []string{"POWENS_BASE_URL is not an absolute"}},
		{"the secret in the clear", func(cfg *powens.Config) { cfg.BaseURL = "http://shop.biapi.pro/2.0" }, []string{"POWENS_BASE_URL must be https"}},
		{"a password in the URL", func(cfg *powens.Config) { cfg.BaseURL = "https://u:hunter2@shop.biapi.pro/2.0" }, []string{"POWENS_BASE_URL must not hold a user"}},
		{"no version", func(cfg *powens.Config) { cfg.BaseURL = "https://shop.biapi.pro" }, []string{"POWENS_BASE_URL must end in /2.0"}},
		{"an empty key", func(cfg *powens.Config) { cfg.WebhookKeys = []providers.Secret{"hunter2", ""} }, []string{"POWENS_WEBHOOK_KEY holds an empty key"}},
		{"a webview with braces", func(cfg *powens.Config) { cfg.WebviewURL = "https://webview.powens.com/{lang}/payment" }, []string{"POWENS_WEBVIEW_URL holds braces"}},
		{"a webview with parameters", func(cfg *powens.Config) { cfg.WebviewURL = "https://webview.powens.com/en/payment?domain=x" }, []string{"POWENS_WEBVIEW_URL must not hold"}},
		{"a webview of another kind", func(cfg *powens.Config) { cfg.WebviewURL = "https://webview.powens.com/en/connect" }, []string{"POWENS_WEBVIEW_URL must end in /payment"}},
		{"a webview in the clear", func(cfg *powens.Config) { cfg.WebviewURL = "http://webview.powens.com/en/payment" }, []string{"POWENS_WEBVIEW_URL must be https"}},
		{"links that are none", func(cfg *powens.Config) { cfg.LinksURL = "payment-links" }, []string{"POWENS_LINKS_URL is not an absolute"}},
		{"links in the clear", func(cfg *powens.Config) { cfg.LinksURL = "http://payment-links.powens.com/api/payment-links" }, []string{"POWENS_LINKS_URL must be https"}},
		{"links with parameters", func(cfg *powens.Config) {
			cfg.LinksURL = "https://u:hunter2@payment-links.powens.com/api/payment-links"
		}, []string{"POWENS_LINKS_URL must not hold"}},
		{"links of another kind", func(cfg *powens.Config) { cfg.LinksURL = "https://payment-links.powens.com/api/links" }, []string{"POWENS_LINKS_URL must end in /payment-links"}},
		{"a webview that is none", func(cfg *powens.Config) { cfg.WebviewURL = "::" }, []string{"POWENS_WEBVIEW_URL is not an absolute"}},
		{"an execution of another kind", func(cfg *powens.Config) { cfg.Execution = "periodic" }, []string{`POWENS_EXECUTION: "periodic"`}},
		{"days without need", func(cfg *powens.Config) { cfg.ExecutionDays = 2 }, []string{"POWENS_EXECUTION_DAYS is for POWENS_EXECUTION=deferred"}},
		{"too many days", func(cfg *powens.Config) { cfg.Execution, cfg.ExecutionDays = powens.Deferred, 366 }, []string{"POWENS_EXECUTION_DAYS is not from 1 to 365"}},
		{"all the rest at once", func(cfg *powens.Config) {
			cfg.WebhookPath, cfg.WebhookTolerance, cfg.Accepted = "webhooks?x", -1, "yes"
			cfg.Currencies = []money.Currency{"EUR", "EUR", "XXX"}
			cfg.Beneficiary.IBAN, cfg.Beneficiary.SIREN = "FR7630006000011234567890188", "732829321"
			cfg.Beneficiary.OrgLegalStatus = strings.Repeat("é", 129)
		}, []string{
			"POWENS_WEBHOOK_PATH", "POWENS_WEBHOOK_TOLERANCE", `POWENS_ACCEPTED: "yes"`, "EUR twice", `"XXX" is not a currency`,
			"POWENS_BENEFICIARY_IBAN is not an IBAN", "POWENS_BENEFICIARY_SIREN is not a SIREN", "POWENS_BENEFICIARY_ORG_LEGAL_STATUS is longer than 128",
		}},
		{"no currency", func(cfg *powens.Config) { cfg.Currencies = []money.Currency{} }, []string{"POWENS_CURRENCIES is empty"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := config(newClock())
			tt.spoil(&cfg)
			_, err := powens.New(cfg)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in %q", want, err)
				}
			}
			if got := len(strings.Split(err.Error(), "\n")); got != len(tt.want) {
				t.Errorf("%d problems in %q, want %d", got, err, len(tt.want))
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a secret is in %q", err)
			}
		})
	}
}

func TestNew_Defaults(t *testing.T) {
	t.Parallel()
	c, err := powens.New(config(newClock()))
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Currencies(); !slices.Equal(got, []money.Currency{"EUR"}) {
		t.Errorf("currencies %v", got)
	}
	if got := c.PageOrigins(); !slices.Equal(got, []string{"https://shop.biapi.pro", "https://webview.powens.com"}) {
		t.Errorf("origins %v", got)
	}
	if a := c.CallbackAnswer(); a.Status != 200 {
		t.Errorf("answer %+v", a)
	}
	if c.Name() != "powens" || c.Label() != "Powens" {
		t.Errorf("%q, %q", c.Name(), c.Label())
	}
	if _, ok := any(c).(providers.Refunder); ok {
		t.Error("Powens cannot send money back")
	}
}

func TestStart_SendsWhatThePageNames(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to, _ := start(t, b)
	const want = `{"client_redirect_uri":"https://shop.test/return/p7k2m9/pending","client_state":"p7k2m9","instructions":[` +
		`{"label":"1001 Kauri Clay","amount":19.99,"currency":"EUR","execution_date_type":"instant",` +
		`"beneficiary":{"scheme_name":"iban","identification":"FR7630006000011234567890189","label":"Kauri \u0026 Clay"},` +
		`"beneficiary_identity":{"kind":"corporate","org_name":"Kauri et Clay","org_legal_status":"SAS","org_hq_address":"1 rue Verte, 75000 Paris",` +
		`"scheme_name":"siren","identification":"732829320"}}],` +
		`"payer_identity":{"kind":"individual","first_name":"Ada","last_name":"Martin"}}`
	b.change(func(f *fake) {
		if got := string(f.payment(to.Ref).Body); got != want {
			t.Errorf("sent\n%s\nwant\n%s", got, want)
		}
		const token = `{"grant_type":"client_credentials","client_id":"sbx_client","client_secret":"sbx_\"client\"_secret_1","scope":"payments:admin"}`
		if got := string(f.tokenBody); got != token {
			t.Errorf("asked for a token with %s", got)
		}
	})
	if got, want := b.log(), []string{"POST /2.0/payments", "POST /2.0/payments/501/scopedtoken"}; !slices.Equal(got, want) {
		t.Errorf("requests %q, want %q", got, want)
	}
	if to.Ref != "501" || to.Report.Word != "created" || to.Report.PaymentID != "p7k2m9" || !to.Report.At.IsZero() {
		t.Errorf("got %+v", to)
	}
}

func TestStart_AlwaysNamesThePayment(t *testing.T) {
	t.Parallel()
	for _, number := range []string{"", "王", " - "} {
		b, req := setup(t), request()
		req.OrderNumber = number
		to, err := b.Start(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		b.change(func(f *fake) {
			if got := f.payment(to.Ref).Create.Instructions[0].Label; got != "p7k2m9 Kauri Clay" {
				t.Errorf("%q: the statement says %q", number, got)
			}
		})
	}
}

func TestStart_Executions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		execution powens.Execution
		days      int
		at        time.Time
		want      string
	}{
		{"", 0, time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC), `"execution_date_type":"instant","beneficiary"`},
		{powens.FirstOpenDay, 0, time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC), `"execution_date_type":"first_open_day","beneficiary"`},
		{powens.Deferred, 0, time.Date(2024, 5, 31, 10, 0, 0, 0, time.UTC), `"execution_date_type":"deferred","execution_date":"2024-06-01"`},
		{powens.Deferred, 30, time.Date(2024, 2, 1, 5, 0, 0, 0, time.FixedZone("NZDT", 13*3600)), `"execution_date_type":"deferred","execution_date":"2024-03-01"`},
	} {
		b := setup(t, func(cfg *powens.Config) {
			cfg.Execution, cfg.ExecutionDays, cfg.Now = tt.execution, tt.days, func() time.Time { return tt.at }
		})
		to, _ := start(t, b)
		b.change(func(f *fake) {
			if got := string(f.payment(to.Ref).Body); !strings.Contains(got, tt.want) {
				t.Errorf("%s: %q is not in %s", tt.execution, tt.want, got)
			}
		})
	}
}

// The page is found in each of the three documented spellings.
func TestStart_Webview(t *testing.T) {
	t.Parallel()
	const query = "client_id=sbx_client&code=scoped%2Ftoken%2B1&"
	const rest = "payment_id=501&redirect_uri=https%3A%2F%2Fshop.test%2Freturn%2Fp7k2m9%2Fpending&state=p7k2m9"
	for _, tt := range []struct {
		name, setting string // %s stands for the fake
		want          string
	}{
		{"of the domain", "", "%s/2.0/auth/webview/payment?" + query + rest},
		{"of the domain, with a language", "%s/2.0/auth/webview/fr/payment", "%s/2.0/auth/webview/fr/payment?" + query + rest},
		{"of Powens", "https://webview.powens.com/fr/payment", "https://webview.powens.com/fr/payment?" + query + "domain=%d&" + rest},
		{"elsewhere on the domain's host", "%s/webview/fr/payment", "%s/webview/fr/payment?" + query + "domain=%d&" + rest},
	} {
		var host string
		b := setup(t, func(cfg *powens.Config) {
			host = strings.TrimSuffix(cfg.BaseURL, "/2.0")
			cfg.WebviewURL = strings.ReplaceAll(tt.setting, "%s", host)
		})
		to, _ := start(t, b)
		want := strings.ReplaceAll(tt.want, "%s", host)
		want = strings.ReplaceAll(want, "%d", url.QueryEscape(strings.TrimPrefix(host, "http://")))
		if to.URL != want {
			t.Errorf("%s:\n%s, want\n%s", tt.name, to.URL, want)
		}
		u, err := url.Parse(to.URL)
		if err != nil || !slices.Contains(b.PageOrigins(), u.Scheme+"://"+u.Host) {
			t.Errorf("%s: %s is on none of %q", tt.name, to.URL, b.PageOrigins())
		}
	}
}

func TestStart_RefusesLocally(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*providers.StartRequest){
		"another currency":           func(r *providers.StartRequest) { r.Amount.Currency = "NZD" },
		"nothing to pay":             func(r *providers.StartRequest) { r.Amount.Minor = 0 },
		"less than nothing":          func(r *providers.StartRequest) { r.Amount.Minor = -1 },
		"no id":                      func(r *providers.StartRequest) { r.PaymentID = "" },
		"an id without end":          func(r *providers.StartRequest) { r.PaymentID = strings.Repeat("x", 2001) },
		"nobody's name":              func(r *providers.StartRequest) { r.Buyer.Name = " \n\u200b" },
		"no way back":                func(r *providers.StartRequest) { r.PendingURL = "" },
		"a relative way back":        func(r *providers.StartRequest) { r.PendingURL = "/return/p7k2m9/pending" },
		"a way back with a query":    func(r *providers.StartRequest) { r.PendingURL += "?x=1" },
		"a way back with no query":   func(r *providers.StartRequest) { r.PendingURL += "?" },
		"a way back with a fragment": func(r *providers.StartRequest) { r.PendingURL += "#x" },
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

func TestStart_Refusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, contentType, body string
		status                  int
		kind                    providers.Kind
		code                    string
	}{
		{"invalid", "application/json", string(read(t, "error_invalid.json")), 400, providers.KindRejected, "invalidValue"},
		{"the bank's fault", "application/json; charset=utf-8", string(read(t, "error_bank.json")), 400, providers.KindUnavailable, "websiteUnavailable"},
		{"their fault", "application/json", `{"code":"bug","request_id":null}`, 422, providers.KindUnavailable, "bug"},
		{"no scope", "application/json", `{"code":"forbidden"}`, 403, providers.KindUnauthorized, "forbidden"},
		{"a conflict", "application/json", `{"code":"x"}`, 409, providers.KindUnavailable, "x"},
		{"odd types", "application/json", `{"code":7,"request_id":{}}`, 400, providers.KindRejected, ""},
		{"not JSON by its type", "text/html", `{"code":"bug"}`, 400, providers.KindRejected, ""},
		{"not JSON by its body", "application/json", `<html>`, 400, providers.KindRejected, ""},
		{"their fault, and they say so", "application/json", `{"code":"bug"}`, 500, providers.KindUnavailable, "bug"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(cfg *powens.Config) {
				cfg.Transport = wire(func(*http.Request) (int, string, string) { return tt.status, tt.contentType, tt.body })
			})
			_, err := b.Start(t.Context(), request())
			e := asError(t, err)
			if e.Kind != tt.kind || e.Code != tt.code || e.Status != tt.status || string(e.Raw) != tt.body || e.Reason != "" {
				t.Errorf("got %+v with %q", e, e.Raw)
			}
		})
	}
}

// With the payment made and no token for its page, nothing may say that nothing
// happened.
func TestStart_WithoutScopedToken(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		status int
		body   string
		kind   providers.Kind
		asked  int
	}{
		{"down", 503, `{"code":"bug"}`, providers.KindUnavailable, 2},
		{"too many", 429, ``, providers.KindUnavailable, 1},
		{"refused", 400, `{"code":"invalidValue"}`, providers.KindRejected, 1},
		{"no scope for it", 403, `{"code":"forbidden"}`, providers.KindUnavailable, 1},
		{"none in it", 200, `{"access_token":"scoped/token+9"}`, providers.KindUnavailable, 2},
		{"another payment's", 200, `{"token":"scoped/token+9","id_payment":502}`, providers.KindUnavailable, 2},
		{"no JSON", 200, `scoped/token+9`, providers.KindUnavailable, 2},
		{"no end", 200, `{"token":"scoped/token+9","x":"` + strings.Repeat("x", 1<<20), providers.KindUnavailable, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, asked := setup(t), 0
			b.onScope = func() (int, string) { asked++; return tt.status, tt.body }
			_, err := b.Start(t.Context(), request())
			e := asError(t, err)
			if e.Kind != tt.kind || e.Op != "start" || asked != tt.asked || b.opened() != 1 {
				t.Errorf("got %v after %d requests", e, asked)
			}
			if strings.Contains(string(e.Raw)+e.Error(), "scoped/token") {
				t.Errorf("a token is kept in %q", e.Raw)
			}
			b.change(func(f *fake) { f.onScope = nil })
			to, found, err := b.Find(t.Context(), request())
			if err != nil || !found || to.Ref != "501" || to.URL == "" || b.opened() != 1 {
				t.Errorf("then found %+v, %v, %v", to, found, err)
			}
		})
	}
	t.Run("once more is enough", func(t *testing.T) {
		t.Parallel()
		b, asked := setup(t), 0
		b.onScope = func() (int, string) {
			if asked++; asked == 1 {
				return 502, ""
			}
			return 0, ""
		}
		if to, _ := start(t, b); to.URL == "" || asked != 2 {
			t.Errorf("got %+v after %d", to, asked)
		}
	})
	t.Run("without expires_in and id_payment", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.onScope = func() (int, string) { return 200, `{"token":"t"}` }
		if to, _ := start(t, b); !strings.Contains(to.URL, "code=t&") {
			t.Errorf("got %+v", to)
		}
	})
}

func TestFind(t *testing.T) {
	t.Parallel()
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		if _, found, err := b.Find(t.Context(), request()); err != nil || found {
			t.Errorf("got %v, %v", found, err)
		}
		if got, want := b.log(), []string{"GET /2.0/payments?filter=register_date&limit=200&min_date=2024-04-28&offset=0"}; !slices.Equal(got, want) {
			t.Errorf("requests %q, want %q", got, want)
		}
	})
	t.Run("since it was begun, however long ago", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		req := request()
		req.Begun = time.Date(2024, 4, 2, 10, 0, 0, 0, time.UTC)
		if _, found, err := b.Find(t.Context(), req); err != nil || found {
			t.Errorf("got %v, %v", found, err)
		}
		if got, want := b.log(), []string{"GET /2.0/payments?filter=register_date&limit=200&min_date=2024-04-01&offset=0"}; !slices.Equal(got, want) {
			t.Errorf("requests %q, want %q", got, want)
		}
	})
	t.Run("on the third page", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		to, _ := start(t, b)
		b.change(func(f *fake) {
			ours := f.payments[0]
			f.payments = nil
			for n := range 450 {
				other := *ours
				other.ID, other.Create.ClientState = 1000+n, "p"+strconv.Itoa(n)
				f.payments = append(f.payments, &other)
			}
			f.payments = append(f.payments, ours)
		})
		again, found, err := b.Find(t.Context(), request())
		if err != nil || !found || again.Ref != to.Ref || again.URL == "" || again.Report.Amount != request().Amount {
			t.Errorf("got %+v, %v, %v", again, found, err)
		}
		if strings.Contains(string(again.Report.Raw), `"p17"`) {
			t.Error("another buyer's payment is kept")
		}
	})
	t.Run("of several the one that a bank has, else the latest", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		for range 3 {
			start(t, b)
		}
		if to, _, err := b.Find(t.Context(), request()); err != nil || to.Ref != "503" {
			t.Errorf("got %+v, %v", to, err)
		}
		b.set("502", "done")
		to, found, err := b.Find(t.Context(), request())
		if err != nil || !found || to.Ref != "502" || to.URL != "" || to.Report.Outcome != providers.Paid {
			t.Errorf("got %+v, %v, %v", to, found, err)
		}
		b.set("502", "expired")
		b.set("503", "rejected")
		if to, _, err := b.Find(t.Context(), request()); err != nil || to.Ref != "501" {
			t.Errorf("got %+v, %v", to, err)
		}
	})
	t.Run("a list without client_state names nothing", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		start(t, b)
		b.change(func(f *fake) { f.shape = func(o object) { delete(o, "client_state") } })
		if _, found, err := b.Find(t.Context(), request()); err != nil || found {
			t.Errorf("got %v, %v", found, err)
		}
	})
	t.Run("found, but there is no page for it", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		start(t, b)
		b.onScope = func() (int, string) { return 400, `{"code":"invalidValue"}` }
		if to, found, err := b.Find(t.Context(), request()); err != nil || !found || to.Ref != "501" || to.URL != "" {
			t.Errorf("got %+v, %v, %v", to, found, err)
		}
		b.onScope = func() (int, string) { return 503, `` }
		_, found, err := b.Find(t.Context(), request())
		if e := asError(t, err); found || e.Kind != providers.KindUnavailable {
			t.Errorf("got %v, %v", found, err)
		}
	})
	t.Run("too many to look through is no answer", func(t *testing.T) {
		t.Parallel()
		entry := `{"id":1,"state":"created","client_state":"another"},`
		full := `{"payments":[` + strings.TrimSuffix(strings.Repeat(entry, 200), ",") + `]}`
		b := setup(t, func(cfg *powens.Config) {
			cfg.Transport = wire(func(*http.Request) (int, string, string) { return 200, "application/json", full })
		})
		_, found, err := b.Find(t.Context(), request())
		if e := asError(t, err); found || e.Kind != providers.KindUnavailable {
			t.Errorf("got %v, %v", found, err)
		}
	})
	for name, tt := range map[string]struct {
		status int
		body   string
		want   providers.Kind
	}{
		"refused":       {400, `{"code":"invalidValue"}`, providers.KindUnavailable},
		"no list":       {200, `{}`, providers.KindUnavailable},
		"null":          {200, `{"payments":null}`, providers.KindUnavailable},
		"an odd list":   {200, `{"payments":"x"}`, providers.KindUnavailable},
		"no JSON":       {200, `<html>`, providers.KindUnavailable},
		"not our scope": {403, `{"code":"forbidden"}`, providers.KindUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(cfg *powens.Config) {
				cfg.Transport = wire(func(*http.Request) (int, string, string) { return tt.status, "application/json", tt.body })
			})
			_, found, err := b.Find(t.Context(), request())
			if e := asError(t, err); found || e.Kind != tt.want || e.Op != "find" || tt.status == 200 && e.Raw != nil {
				t.Errorf("got %v, %+v", found, e)
			}
		})
	}
	t.Run("odd entries are passed over", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(cfg *powens.Config) {
			cfg.Transport = wire(func(*http.Request) (int, string, string) {
				return 200, "application/json", `{"payments":[7,null,"x",{"id":{},"client_state":"p7k2m9"},{"client_state":["p7k2m9"],"id":3}]}`
			})
		})
		if _, found, err := b.Find(t.Context(), request()); err != nil || found {
			t.Errorf("got %v, %v", found, err)
		}
	})
}

// The whole table of states and error codes.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to, p := start(t, b)
	look := func(state, code string) providers.Report {
		t.Helper()
		b.change(func(f *fake) { f.payment(to.Ref).State, f.payment(to.Ref).Code = state, code })
		got, err := b.Lookup(t.Context(), p)
		if err != nil {
			t.Fatalf("%s %s: %v", state, code, err)
		}
		return got
	}
	for state, want := range map[string]providers.Outcome{
		"created": providers.Open, "validating": providers.Open, "pending": providers.Processing, "done": providers.Paid,
		"accepted": providers.Accepted, "rejected": providers.Declined, "expired": providers.Expired, "partial": providers.Unknown,
		"Done": providers.Paid, " done ": providers.Paid, "in_review": providers.Unknown, "refunded": providers.Unknown,
	} {
		if got := look(state, ""); got.Outcome != want || got.Word != state || got.Reason != "" {
			t.Errorf("%q: got %s, %q, %q; want %s", state, got.Outcome, got.Word, got.Reason, want)
		}
	}
	codes := map[string]struct {
		outcome providers.Outcome
		reason  providers.Reason
	}{
		"insufficientFunds": {providers.Declined, providers.ReasonBalance}, "invalidAmount": {providers.Declined, providers.ReasonLimit},
		"CancelledByUser": {providers.Cancelled, ""}, "cancelledByUser": {providers.Cancelled, ""},
		"CancelledByClient": {providers.Cancelled, ""}, "cancelledByClient": {providers.Cancelled, ""},
	}
	for _, code := range []string{
		"invalidEmitter", "invalidCurrency", "invalidDate", "invalidBeneficiary", "invalidLabel", "invalidReferenceId", "regulatoryReason",
		"authenticationFailed", "noAnswerFromCustomer", "noSpecifiedReason", "confirmationRefused", "bankMessage", "invalidValue",
		"websiteUnavailable", "bug", "aNewOne",
	} {
		codes[code] = struct {
			outcome providers.Outcome
			reason  providers.Reason
		}{outcome: providers.Declined}
	}
	for code, want := range codes {
		got := look("rejected", code)
		if got.Outcome != want.outcome || got.Reason != want.reason || got.Word != "rejected ("+code+")" {
			t.Errorf("%s: got %s, %q, %q", code, got.Outcome, got.Reason, got.Word)
		}
		// The state decides, whatever code stands beside it.
		if got := look("done", code); got.Outcome != providers.Paid || got.Reason != "" {
			t.Errorf("done with %s: got %s, %q", code, got.Outcome, got.Reason)
		}
	}
}

// A domain that does not confirm by itself waits for the merchant.
func TestLookup_WaitsForThePerson(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to, p := start(t, b)
	for _, tt := range []struct {
		state, action string
		want          providers.Outcome
	}{
		{"validating", "confirm", providers.NeedsPerson},
		{"validating", "redirect", providers.Open},
		{"validating", "", providers.Open},
		{"done", "confirm", providers.Paid},
	} {
		b.change(func(f *fake) { f.payment(to.Ref).State, f.payment(to.Ref).Action = tt.state, tt.action })
		if got, err := b.Lookup(t.Context(), p); err != nil || got.Outcome != tt.want || got.Amount != p.Amount {
			t.Errorf("%s, %s: got %+v, %v", tt.state, tt.action, got, err)
		}
	}
}

// The connector that moves no money says so by its name.
func TestLookup_Test(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to, p := start(t, b)
	for connector, want := range map[string]bool{
		"338178e6-3d01-564f-9a7b-52ca442459bf": true, "338178E6-3D01-564F-9A7B-52CA442459BF": true,
		"": false, "0f2b1c7e-5a0d-5a53-8e2f-6a1c0b7d4e01": false,
	} {
		b.change(func(f *fake) { f.payment(to.Ref).State, f.payment(to.Ref).Connector = "done", connector })
		if got, err := b.Lookup(t.Context(), p); err != nil || got.Test != want || got.Outcome != providers.Paid {
			t.Errorf("%q: got %+v, %v", connector, got, err)
		}
	}
}

// Where a buyer approves a cancellation, for who shows them the way.
func TestApproval(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to, p := start(t, b)
	for _, tt := range []struct{ detail, address, want string }{
		{"cancelling", "https://bank.example/approve?x=1", "https://bank.example/approve?x=1"},
		{"Cancelling", "http://127.0.0.1:1/approve", "http://127.0.0.1:1/approve"},
		{"", "https://bank.example/login", ""},
		{"cancelling", "", ""},
		{"cancelling", "http://bank.example/approve", ""},
		{"cancelling", "https://user@bank.example/approve", ""},
		{"cancelling", "javascript:alert(1)", ""},
		{"cancelling", "/approve", ""},
		{"cancelling", "::", ""},
	} {
		b.change(func(f *fake) {
			one := f.payment(to.Ref)
			one.State, one.State2, one.Approve = "pending", tt.detail, tt.address
		})
		if got, err := b.Approval(t.Context(), p); err != nil || got != tt.want {
			t.Errorf("%+v: got %q, %v", tt, got, err)
		}
	}
	if _, err := b.Approval(t.Context(), providers.Payment{ID: "x", Ref: "9"}); asError(t, err).Op != "approval" {
		t.Errorf("got %v", err)
	}
}

func TestAccepted_IsTheShopsRule(t *testing.T) {
	t.Parallel()
	for rule, want := range map[powens.Rule]providers.Outcome{
		"": providers.Accepted, powens.Hold: providers.Accepted, powens.Paid: providers.Paid,
	} {
		b := setup(t, func(cfg *powens.Config) { cfg.Accepted = rule })
		to, p := start(t, b)
		b.set(to.Ref, "accepted")
		if got, err := b.Lookup(t.Context(), p); err != nil || got.Outcome != want || got.Word != "accepted" || got.Amount != p.Amount {
			t.Errorf("%q: got %+v, %v; want %s", rule, got, err, want)
		}
	}
}

func TestLookup_WrongPayment(t *testing.T) {
	t.Parallel()
	for name, shape := range map[string]func(object){
		"another id":           func(o object) { o["id"] = 7 },
		"another client_state": func(o object) { o["client_state"] = "another" },
		"no id":                func(o object) { delete(o, "id") },
		"an odd id":            func(o object) { o["id"] = -501 },
		"half an id":           func(o object) { o["id"] = 501.5 },
		"no state":             func(o object) { delete(o, "state") },
		"an odd state":         func(o object) { o["state"] = object{"name": "done"} },
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
	for _, ref := range []string{"", ".", "..", "0", "01", "5a", "5/../6", "-5", "5.5", "٥", strings.Repeat("9", 20)} {
		if _, err := b.Lookup(t.Context(), providers.Payment{Ref: ref}); asError(t, err).Kind != providers.KindRejected {
			t.Errorf("%q: got %v", ref, err)
		}
		if _, err := b.Cancel(t.Context(), providers.Payment{Ref: ref}, "k"); asError(t, err).Kind != providers.KindRejected {
			t.Errorf("%q: got %v", ref, err)
		}
	}
	if got := b.log(); len(got) != 0 {
		t.Errorf("sent %q", got)
	}
}

func TestReplies(t *testing.T) {
	t.Parallel()
	eur := func(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }
	for _, tt := range []struct {
		file    string
		want    providers.Outcome
		amount  money.Amount
		word    string
		refused bool
	}{
		{"payment_created.json", providers.Open, eur(1999), "created", false},
		{"payment_done.json", providers.Paid, eur(1999), "done", false},
		{"payment_accepted.json", providers.Accepted, eur(1999), "accepted", false},
		{"payment_cancelled.json", providers.Cancelled, eur(1999), "rejected (cancelledByUser)", false},
		{"payment_insufficient.json", providers.Declined, eur(1999), "rejected (insufficientFunds)", false},
		{"payment_done_with_code.json", providers.Paid, eur(1999), "done (CancelledByUser)", false},
		{"payment_cancelling.json", providers.Processing, eur(1999), "pending (cancelling)", false},
		{"payment_odd.json", providers.Paid, eur(1999), "DONE", false},
		{"payment_other_beneficiary.json", providers.Paid, eur(0), "done", false},
		{"payment_two_currencies.json", "", money.Amount{}, "", true},
		{"callback_vector.json", "", money.Amount{}, "", true}, // paid, but not how much
	} {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			body := read(t, tt.file)
			b := setup(t, func(cfg *powens.Config) {
				cfg.Transport = wire(func(*http.Request) (int, string, string) { return 200, "application/json", string(body) })
			})
			got, err := b.Lookup(t.Context(), providers.Payment{ID: "p7k2m9", Ref: "501"})
			if tt.refused {
				if e := asError(t, err); e.Kind != providers.KindUnavailable || string(e.Raw) != string(body) {
					t.Errorf("got %+v", e)
				}
				return
			}
			if err != nil || got.Outcome != tt.want || got.Amount != tt.amount || got.Word != tt.word || string(got.Raw) != string(body) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestReplies_Amounts(t *testing.T) {
	t.Parallel()
	for instructions, want := range map[string]int64{
		`[{"amount":19.9900000000,"currency":{"id":"EUR"}}]`:                                                    1999,
		`[{"amount":"19.9900000000","currency":"EUR"}]`:                                                         1999,
		`[{"amount":1.999e1,"currency":"EUR"}]`:                                                                 1999,
		`[{"amount":20,"currency":"EUR"}]`:                                                                      2000,
		`[{"amount":10,"currency":"EUR"},{"amount":9.99,"currency":{"id":"EUR"}}]`:                              1999,
		`[{"amount":20,"currency":"EUR","beneficiary":{"identification":"FR76 **** **** 0189"}}]`:               2000, // masked
		`[{"amount":20,"currency":"EUR","beneficiary":{"identification":null}}]`:                                2000,
		`[{"amount":20,"currency":"EUR","beneficiary":{"identification":"fr76 3000 6000 0112 3456 7890 189"}}]`: 2000,
		`[{"amount":20,"currency":"EUR","beneficiary":{"identification":"` + otherIBAN + `"}}]`:                 0,
		// Of these no amount can be made.
		`[{"amount":19.995,"currency":"EUR"}]`:    -1,
		`[{"amount":20}]`:                         -1,
		`[{"amount":20,"currency":{"id":"ZZZ"}}]`: -1,
		`[{"amount":20,"currency":[]}]`:           -1,
		`[{"currency":"EUR"}]`:                    -1,
		`[{"amount":"NaN","currency":"EUR"}]`:     -1,
		`[{"amount":-20,"currency":"EUR"}]`:       -1,
		`[{"amount":92233720368547758.07,"currency":"EUR"},{"amount":1,"currency":"EUR"}]`: -1,
		`{"amount":20}`: -1,
		`[7]`:           -1,
		`[]`:            -1, // paid without any
		`null`:          -1,
	} {
		b := setup(t)
		to, p := start(t, b)
		b.change(func(f *fake) { f.shape = func(o object) { o["instructions"] = json.RawMessage(instructions) } })
		b.set(to.Ref, "done")
		got, err := b.Lookup(t.Context(), p)
		if want < 0 {
			if asError(t, err).Kind != providers.KindUnavailable {
				t.Errorf("%s: got %+v, %v", instructions, got, err)
			}
			continue
		}
		if err != nil || got.Amount != (money.Amount{Minor: want, Currency: "EUR"}) {
			t.Errorf("%s: got %+v, %v", instructions, got, err)
		}
	}
}

// A shop that changes its account still recognises the payments to the old one.
func TestLookup_AfterTheAccountChanged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to, p := start(t, b)
	b.set(to.Ref, "done")
	cfg := b.cfg
	cfg.Beneficiary.IBAN = otherIBAN
	moved, err := powens.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := moved.Lookup(t.Context(), p); err != nil || got.Amount != p.Amount {
		t.Errorf("got %+v, %v", got, err)
	}
	p.Data = nil
	if got, err := moved.Lookup(t.Context(), p); err != nil || got.Amount.Minor != 0 {
		t.Errorf("without what was kept: got %+v, %v", got, err)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	cancel := func(t *testing.T, b bench, p providers.Payment) (providers.Report, error) {
		t.Helper()
		return b.Cancel(t.Context(), p, "key-2")
	}
	t.Run("at once", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, p := start(t, b)
		got, err := cancel(t, b, p)
		if err != nil || got.Outcome != providers.Cancelled || got.Word != "rejected (CancelledByClient)" {
			t.Errorf("got %+v, %v", got, err)
		}
		if log := b.log(); !slices.Equal(log[2:], []string{"POST /2.0/payments/501", "GET /2.0/payments/501"}) {
			t.Errorf("requests %q", log)
		}
	})
	t.Run("without what was kept", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, p := start(t, b)
		p.Data = json.RawMessage(`{`)
		if got, err := cancel(t, b, p); err != nil || got.Outcome != providers.Cancelled {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("the buyer must approve", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, p := start(t, b)
		b.onCancel = func(p *fakePayment) (int, string) { p.State, p.State2 = "pending", "cancelling"; return 200, "" }
		got, err := cancel(t, b, p)
		if err != nil || got.Outcome != providers.Processing || got.Word != "pending (cancelling)" {
			t.Errorf("got %+v, %v", got, err)
		}
		b.change(func(f *fake) { f.onCancel = nil }) // again is a conflict, and it is being cancelled all the same
		if got, err := cancel(t, b, p); err != nil || got.Word != "pending (cancelling)" {
			t.Errorf("again: got %+v, %v", got, err)
		}
	})
	t.Run("the bank cannot", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, p := start(t, b)
		b.onCancel = func(p *fakePayment) (int, string) { p.State = "pending"; return 400, "notSupported" }
		_, err := cancel(t, b, p)
		if e := asError(t, err); e.Kind != providers.KindRejected || e.Code != "notSupported" || e.Op != "cancel" {
			t.Errorf("got %+v", e)
		}
	})
	t.Run("too far", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		to, p := start(t, b)
		b.set(to.Ref, "pending")
		_, err := cancel(t, b, p)
		if e := asError(t, err); e.Kind != providers.KindRejected || e.Status != http.StatusConflict {
			t.Errorf("got %+v", e)
		}
	})
	t.Run("refused, for it is paid", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, p := start(t, b)
		b.onCancel = func(p *fakePayment) (int, string) { p.State = "done"; return 400, "invalidValue" }
		if got, err := cancel(t, b, p); err != nil || got.Outcome != providers.Paid {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("a payment that is not there", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, err := cancel(t, b, providers.Payment{ID: "x", Ref: "9"})
		if e := asError(t, err); e.Kind != providers.KindUnavailable || e.Status != http.StatusNotFound {
			t.Errorf("got %+v", e)
		}
	})
	t.Run("no answer, and it is not sent again", func(t *testing.T) {
		t.Parallel()
		b, asked := setup(t), 0
		_, p := start(t, b)
		b.onCancel = func(*fakePayment) (int, string) { asked++; return 503, "" }
		_, err := cancel(t, b, p)
		if e := asError(t, err); e.Kind != providers.KindUnavailable || asked != 1 {
			t.Errorf("got %+v after %d", e, asked)
		}
	})
	t.Run("too many requests", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, p := start(t, b)
		b.onCancel = func(*fakePayment) (int, string) { return 429, "" }
		_, err := cancel(t, b, p)
		if e := asError(t, err); e.Kind != providers.KindUnreachable {
			t.Errorf("got %+v", e)
		}
	})
	t.Run("heard, but then silence", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(cfg *powens.Config) {
			cfg.Transport = wire(func(r *http.Request) (int, string, string) {
				if r.Method == http.MethodPost {
					return 204, "", ""
				}
				return 404, "application/json", `{"code":"notFound"}`
			})
		})
		_, err := cancel(t, b, providers.Payment{ID: "x", Ref: "9"})
		if e := asError(t, err); e.Kind != providers.KindUnavailable || e.Op != "cancel" {
			t.Errorf("got %+v", e)
		}
	})
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
		name   string
		after  time.Duration
		issued int
	}{
		{"kept for 25 minutes", 25 * time.Minute, 1},
		{"and no longer", 25*time.Minute + time.Second, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
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
	for _, tt := range []struct {
		name, contentType, body string
		status                  int
		want                    providers.Kind
	}{
		{"refused", "application/json", `{"code":"unauthorized"}`, 401, providers.KindUnauthorized},
		{"refused in another way", "application/json", `{"code":"invalidValue"}`, 400, providers.KindUnauthorized},
		{"down", "text/plain", "no", 503, providers.KindUnreachable},
		{"too many", "text/plain", "no", 429, providers.KindUnreachable},
		{"as others name it", "application/json", `{"access_token":"svc-token-9"}`, 200, providers.KindUnreachable},
		{"no JSON", "text/html", `svc-token-9`, 200, providers.KindUnreachable},
		{"no end", "application/json", `{"token":"svc-token-9","x":"` + strings.Repeat("x", 1<<20), 200, providers.KindUnreachable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.onToken = func(w http.ResponseWriter) bool {
				w.Header().Set("Content-Type", tt.contentType)
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(tt.body))
				return true
			}
			_, err := b.Start(t.Context(), request())
			e := asError(t, err)
			if e.Kind != tt.want || e.Op != "start" || len(b.log()) != 0 {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			for err := err; err != nil; err = errors.Unwrap(err) {
				var inner *providers.Error
				if errors.As(err, &inner) && strings.Contains(string(inner.Raw)+inner.Error(), "svc-token-9") {
					t.Errorf("a token is kept in %q", inner.Raw)
				}
			}
		})
	}
}

func TestNextAsk(t *testing.T) {
	t.Parallel()
	c, err := powens.New(config(newClock()))
	if err != nil {
		t.Fatal(err)
	}
	cfg := config(newClock())
	cfg.Execution = powens.FirstOpenDay
	slow, err := powens.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		c       *powens.Client
		outcome providers.Outcome
		asked   int
		want    time.Duration
	}{
		{c, providers.Open, 0, 10 * time.Second},
		{c, providers.Open, -1, 10 * time.Second},
		{c, providers.Processing, 3, time.Minute},
		{c, providers.Unknown, 9, 6 * time.Hour},
		{c, providers.Unknown, 1 << 40, 6 * time.Hour},
		{c, providers.Accepted, 0, 24 * time.Hour},
		{slow, providers.Open, 0, 10 * time.Second},
		{slow, providers.Processing, 0, time.Minute},
		{slow, providers.Processing, 7, 6 * time.Hour},
	} {
		if got := tt.c.NextAsk(tt.outcome, tt.asked); got != tt.want {
			t.Errorf("%s after %d: %s, want %s", tt.outcome, tt.asked, got, tt.want)
		}
	}
}

func TestConnectors(t *testing.T) {
	t.Parallel()
	list := func(t *testing.T, with ...func(*powens.Config)) bench {
		t.Helper()
		b := setup(t, with...)
		var page struct{ Connectors []json.RawMessage }
		if err := json.Unmarshal(read(t, "connectors.json"), &page); err != nil {
			t.Fatal(err)
		}
		b.connectors = page.Connectors
		return b
	}
	t.Run("only a true list proves that the end is told", func(t *testing.T) {
		t.Parallel()
		banks, err := list(t).Connectors(t.Context())
		if err != nil || len(banks) != 6 {
			t.Fatalf("got %+v, %v", banks, err)
		}
		silent, without := map[string]bool{}, map[string]bool{}
		for _, bank := range banks {
			silent[bank.UUID], without[bank.UUID] = bank.MayEndAccepted(powens.Instant), !bank.Offers(powens.Instant)
		}
		for uuid, want := range map[string]bool{"u-1": false, "u-2": true, "u-3": true, "u-4": true, "u-6": true, "u-7": true} {
			if silent[uuid] != want || without[uuid] != (uuid == "u-3") {
				t.Errorf("%s: may end accepted %v, does not offer it %v", uuid, silent[uuid], without[uuid])
			}
		}
		if banks[1].MayEndAccepted(powens.FirstOpenDay) {
			t.Error("one execution was taken for another")
		}
		if banks[4].Name != "u-6" {
			t.Errorf("a bank without a name is %q", banks[4].Name)
		}
	})
	t.Run("warnings", func(t *testing.T) {
		t.Parallel()
		got, err := list(t).Warnings(t.Context())
		want := []string{
			"1 of 6 banks do not offer instant payments: Banque Trois.",
			"4 of 6 banks may take a payment and then say no more about it, which is settled by POWENS_ACCEPTED (hold): Banque Deux, Banque Quatre, u-6, Banque Sept.",
		}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("nothing to warn of", func(t *testing.T) {
		t.Parallel()
		b := list(t)
		b.connectors = b.connectors[:1]
		if got, err := b.Warnings(t.Context()); err != nil || len(got) != 0 {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("page by page", func(t *testing.T) {
		t.Parallel()
		b := list(t)
		for n := range 250 {
			b.connectors = append(b.connectors, json.RawMessage(`{"uuid":"x-`+strconv.Itoa(n)+`","name":"X","products":["pay"]}`))
		}
		banks, err := b.Connectors(t.Context())
		if err != nil || len(banks) != 256 || len(b.log()) != 3 {
			t.Errorf("%d banks, %v, %q", len(banks), err, b.log())
		}
		if got, err := b.Warnings(t.Context()); err != nil || !strings.HasSuffix(got[1], "Banque Deux, Banque Quatre, u-6, Banque Sept, X and 249 more.") {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("no list", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(cfg *powens.Config) {
			cfg.Transport = wire(func(*http.Request) (int, string, string) { return 200, "application/json", `{}` })
		})
		_, err := b.Warnings(t.Context())
		if e := asError(t, err); e.Kind != providers.KindUnavailable || e.Op != "connectors" {
			t.Errorf("got %+v", e)
		}
	})
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

func FuzzPayment(f *testing.F) {
	for _, body := range seeds(f, "*.json") {
		f.Add(body)
	}
	const ref, id = "501", "p7k2m9"
	var body []byte
	f.Add([]byte(`{"id":"` + linkID + `","reference_id":"r","url":"https://x.test/1","payments":[{"id":501,"state":"done","instructions":[{"reference_id":"r","amount":1,"currency":"EUR"}]}]}`))
	cfg := config(newClock())
	cfg.LinksURL = "https://payment-links.powens.com/api/payment-links"
	cfg.Transport = wire(func(*http.Request) (int, string, string) { return 200, "application/json", string(body) })
	c, err := powens.New(cfg)
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
		} else if got.Ref != ref || got.Amount.Minor < 0 || got.Outcome == providers.Paid && got.Amount.Currency == "" || got.Word == "" {
			t.Fatalf("got %+v", got)
		}
		link, err := c.Lookup(t.Context(), providers.Payment{ID: id, Ref: linkID})
		if err != nil {
			if e := asError(t, err); e.Kind != providers.KindUnavailable {
				t.Fatalf("link: got %v", err)
			}
		} else if link.Ref != linkID && !strings.EqualFold(link.Ref, linkID) || link.PaymentID != id || link.Amount.Minor < 0 || link.Word == "" ||
			link.Outcome == providers.Paid && link.Amount.Currency == "" {
			t.Fatalf("link: got %+v", link)
		}
		if _, err := c.Subscription(t.Context(), providers.Subscription{Token: ref, PaymentID: id}); err != nil && asError(t, err).Kind != providers.KindUnavailable {
			t.Fatalf("subscription: %v", err)
		}
		if _, _, err := c.Find(t.Context(), request()); err != nil && asError(t, err).Kind == providers.KindRejected {
			t.Fatalf("found %v", err)
		}
		if _, err := c.Warnings(t.Context()); err != nil && asError(t, err).Kind != providers.KindUnavailable {
			t.Fatalf("warned %v", err)
		}
	})
}
