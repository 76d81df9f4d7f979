package pgm_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"till/money"
	"till/providers"
	"till/providers/pgm"
	"till/providers/providertest"
)

const card = "stripe/credit-cards"

func TestConforms(t *testing.T) {
	for _, auto := range []bool{true, false} {
		t.Run(map[bool]string{true: "charged by the service", false: "charged by us"}[auto], func(t *testing.T) {
			providertest.Run(t, func(t *testing.T) providertest.Bench {
				b := setup(t, func(cfg *pgm.Config) { cfg.Methods = []string{card, "axerve/pay-pal"} })
				subs := &providertest.Subscriptions{
					Method: "axerve/pay-pal", Automatic: auto, SecretToken: true,
					Opened: func() (n int) {
						b.change(func(f *fake) { n = len(f.subscriptions) })
						return n
					},
					Agree: func(ref string) {
						b.change(func(f *fake) {
							f.payments[ref].Status = "ACCEPTED"
							f.subscriptions[f.payments[ref].Token].Status = "ACTIVE"
						})
					},
					Words: map[providers.SubscriptionStatus]string{
						providers.SubscriptionPending: "PENDING", providers.SubscriptionActive: "ACTIVE", providers.SubscriptionPastDue: "PAST_DUE",
						providers.SubscriptionExpired: "EXPIRED", providers.SubscriptionCanceled: "CANCELED", providers.SubscriptionUnknown: "UNKNOWN",
					},
					Set: func(token, word string) { b.change(func(f *fake) { f.subscriptions[token].Status = word }) },
					Sum: func(t *testing.T, token string) (s providertest.Sums) {
						b.change(func(f *fake) {
							bodies := f.subscriptions[token].Bodies
							if strings.Contains(bodies[len(bodies)-1], `"amount":2999,`) {
								s = providertest.Sums{Amount: "29.99", Code: "EUR"}
							}
						})
						return s
					},
				}
				if auto {
					subs.Method = card
				} else {
					subs.Unit, subs.Count = providers.Day, 30
					subs.Charged = func() (n int) {
						b.change(func(f *fake) {
							for _, p := range f.payments {
								if strings.Contains(p.Body, `"token"`) {
									n++
								}
							}
						})
						return n
					}
				}
				return providertest.Bench{
					Provider: b.Client, Server: b.server, Opened: b.opened, Set: b.set, Sum: b.sum, Method: card, NoAmounts: true,
					Words: map[providers.Outcome]string{
						providers.Open: "PENDING", providers.Paid: "ACCEPTED", providers.Declined: "FAILED",
					},
					Optional:      []string{"shopTransactionId", "providerName", "paymentMethod", "metadata", "resultDescription"},
					Deliver:       b.deliver,
					Sign:          func(body []byte) providers.Delivery { return to(callbackSecret, body) },
					Secrets:       []string{gatewayKey, callbackSecret, formerSecret},
					Config:        b.cfg,
					Links:         &providertest.Links{},
					Subscriptions: subs,
				}
			})
		})
	}
}

func request(method string) providers.StartRequest {
	req := providertest.Request(money.Amount{Minor: 1999, Currency: "EUR"})
	req.Method, req.Buyer.Name = method, "Ada Weber"
	return req
}

func payment(to providers.Started) providers.Payment {
	req := request(card)
	return providers.Payment{ID: req.PaymentID, Ref: to.Ref, Amount: req.Amount, Data: to.Data}
}

func start(t *testing.T, b bench, method string) (providers.Started, providers.Payment) {
	t.Helper()
	to, err := b.Start(t.Context(), request(method))
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
	good := func(change func(*pgm.Config)) pgm.Config {
		cfg := pgm.Config{
			BaseURL: "https://pay.example/v3", Methods: []string{card}, Secret: "hunter2-key", CallbackSecrets: []providers.Secret{callbackSecret}, Now: now,
		}
		change(&cfg)
		return cfg
	}
	base := func(s string) pgm.Config { return good(func(c *pgm.Config) { c.BaseURL = s }) }
	methods := func(s ...string) pgm.Config { return good(func(c *pgm.Config) { c.Methods = s }) }
	for _, tt := range []struct {
		name string
		cfg  pgm.Config
		want []string
	}{
		{"nothing set", pgm.Config{}, []string{"PGM_BASE_URL is required", "PGM_METHODS is required", "PGM_CALLBACK_SECRET is required", "clock"}},
		{"not absolute", base("pay.example/v3"), []string{"PGM_BASE_URL is not an absolute"}},
		{"another scheme", base("ftp://pay.example/v3"), []string{"PGM_BASE_URL is not an absolute"}},
		{"the key in the clear", base("http://pay.example/v3"), []string{"PGM_BASE_URL must be https"}},
		{"a password in it", base("https://u:hunter2@pay.example/v3"), []string{"PGM_BASE_URL must not hold a user"}},
		{"a query in it", base("https://pay.example/v3?x=hunter2"), []string{"PGM_BASE_URL must not hold"}},
		{"ourselves", good(func(c *pgm.Config) { c.PublicURL = "https://PAY.example:443/shop" }), []string{"TILL_PUBLIC_URL"}},
		{"no method", methods("stripe"), []string{"stripe needs a method: credit-cards, pay-pal"}},
		{"a method that is not there", methods("stripe/credit-card"), []string{"stripe has no method credit-card; it has credit-cards, pay-pal"}},
		{"card fields", methods("adyen/credit-cards"), []string{"adyen/credit-cards cannot be offered", "encrypts"}},
		{"a token", methods("axerve/credit-cards"), []string{"axerve/credit-cards cannot be offered", "token"}},
		{"a vault", methods("braintree/pay-pal"), []string{"braintree/pay-pal cannot be offered"}},
		{"fiscal codes", methods("flowpay/wire-transfer"), []string{"flowpay/wire-transfer cannot be offered"}},
		{"an address", methods("scalapay/scalapay"), []string{"scalapay/scalapay cannot be offered"}},
		{"twice", methods(card, "satispay/satispay", card), []string{"names stripe/credit-cards twice"}},
		{"no names", methods("", "/", "a/b/c", "a b", "../x", "x/", "é"), []string{`"" is not provider/method`, `"a/b/c"`, `"../x"`, `"x/"`}},
		{"a header that is taken", good(func(c *pgm.Config) { c.SecretHeader = "Content-Type" }), []string{"PGM_SECRET_HEADER: Content-Type"}},
		{"no header", good(func(c *pgm.Config) { c.SecretHeader = "a b" }), []string{"PGM_SECRET_HEADER is not the name"}},
		{"a key of two lines", good(func(c *pgm.Config) { c.Secret = "hunter2\nX: y" }), []string{"PGM_SECRET cannot be sent"}},
		{"a short callback secret", good(func(c *pgm.Config) { c.CallbackSecrets = []providers.Secret{"hunter2"} }), []string{"PGM_CALLBACK_SECRET: one is shorter than 16"}},
		{"an empty one behind", good(func(c *pgm.Config) { c.CallbackSecrets = append(c.CallbackSecrets, "") }), []string{"PGM_CALLBACK_SECRET: one is shorter"}},
		{"one that no address can hold", good(func(c *pgm.Config) { c.CallbackSecrets[0] = "hunter2/hunter2/hunter2" }), []string{"PGM_CALLBACK_SECRET stands in an address"}},
		{"the key itself", good(func(c *pgm.Config) { c.Secret = callbackSecret }), []string{"PGM_CALLBACK_SECRET must differ"}},
		{"a label of two lines", good(func(c *pgm.Config) { c.Label = "Card\nPayPal" }), []string{"PGM_LABEL has a character"}},
		{"a label that is a speech", good(func(c *pgm.Config) { c.Label = strings.Repeat("x", 65) }), []string{"PGM_LABEL is longer than 64"}},
		{"no host", good(func(c *pgm.Config) { c.PageHosts = []string{"https://x", ""} }), []string{`PGM_PAGE_HOSTS: "https://x" is not a host`, `PGM_PAGE_HOSTS: ""`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := pgm.New(tt.cfg)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in %q", want, err)
				}
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a secret is in %q", err)
			}
		})
	}
}

func TestNew_Defaults(t *testing.T) {
	t.Parallel()
	c, err := pgm.New(pgm.Config{
		BaseURL: "https://pay.example/v3", Methods: []string{card, "satispay/satispay", "nexi/credit-cards"},
		CallbackSecrets: []providers.Secret{callbackSecret}, PageHosts: []string{"xpay.nexigroup.com"}, Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Currencies(); !slices.Equal(got, []money.Currency{"EUR"}) {
		t.Errorf("currencies %v", got)
	}
	want := []string{"https://buy.stripe.com", "https://checkout.stripe.com", "https://online.satispay.com", "https://pay.example", "https://xpay.nexigroup.com"}
	if got := c.PageOrigins(); !slices.Equal(got, want) {
		t.Errorf("origins %v", got)
	}
	if c.Label() != "Payment Gateway Manager" || setup(t, func(cfg *pgm.Config) { cfg.Label = "Kauri Pay" }).Label() != "Kauri Pay" {
		t.Errorf("known as %q", c.Label())
	}
	if _, ok := any(c).(providers.Finder); ok {
		t.Error("a gateway manager cannot be asked by our reference")
	}
	if _, ok := any(c).(providers.Canceller); ok {
		t.Error("a gateway manager cannot be told to cancel")
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *pgm.Config) {
		cfg.Methods = []string{card, " satispay/satispay ", "nexi/credit-cards", "stripe/pay-pal", "soisy/soisy", "house-account", "fnmpay/bank-app"}
	})
	want := []providers.Method{
		{Name: "stripe/credit-cards", Label: "Card (Stripe)"},
		{Name: "satispay/satispay", Label: "Satispay"},
		{Name: "nexi/credit-cards", Label: "Card (Nexi)"},
		{Name: "stripe/pay-pal", Label: "PayPal"},
		{Name: "soisy/soisy", Label: "Soisy"},
		{Name: "house-account", Label: "House account"},
		{Name: "fnmpay/bank-app", Label: "Bank app"},
	}
	if got, err := b.Methods(t.Context(), "EUR"); err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := b.Methods(t.Context(), "NZD"); err != nil || len(got) != 0 {
		t.Errorf("in NZD: got %+v, %v", got, err)
	}
	for name, want := range map[string]string{
		card: "Card (Stripe)", "stripe/pay-pal": "PayPal", "house-account": "House account",
		"axerve/pay-pal": "PayPal (Axerve)", "axerve/satispay": "Satispay (Axerve)", "other-shop": "Other shop", // not offered any more
	} {
		if got := b.MethodLabel(name); got != want {
			t.Errorf("%s is called %q, want %q", name, got, want)
		}
	}
}

func TestStart_SendsWhatThePageNames(t *testing.T) {
	t.Parallel()
	const common = `{"amount":1999,"currency":"EUR","shopTransactionId":"p7k2m9",` +
		`"successRedirectUrl":"https://shop.test/return/p7k2m9/success","failureRedirectUrl":"https://shop.test/return/p7k2m9/error"`
	for method, tt := range map[string]struct{ path, rest, data string }{
		"stripe/credit-cards": {
			"/v3/stripe/credit-cards/pay", `,"providerData":{"buyerEmail":"ada@example.test","productName":"Order 1001"}}`,
			`{"provider":"stripe","method":"credit-cards","result":"REDIRECT_TO_URL"}`,
		},
		"satispay/satispay": {"/v3/satispay/satispay/pay", `}`, `{"provider":"satispay","method":"satispay","result":"REDIRECT_TO_URL"}`},
		"axerve/pay-pal": {
			"/v3/axerve/pay-pal/pay", `,"providerData":{"buyerEmail":"ada@example.test","buyerName":"Ada Weber"}}`,
			`{"provider":"axerve","method":"pay-pal","result":"REDIRECT_TO_URL"}`,
		},
		"soisy/soisy":   {"/v3/soisy/soisy/pay", `,"providerData":{"email":"ada@example.test"}}`, `{"provider":"soisy","method":"soisy","result":"REDIRECT_TO_URL"}`},
		"house-account": {"/v3/house-account/pay", `}`, `{"provider":"house-account","result":"REDIRECT_TO_URL"}`},
	} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(cfg *pgm.Config) { cfg.Methods = []string{method} })
			to, p := start(t, b, method)
			b.change(func(f *fake) {
				if got := f.payments[to.Ref].Body; got != common+tt.rest {
					t.Errorf("sent\n%s\nwant\n%s", got, common+tt.rest)
				}
			})
			if string(to.Data) != tt.data {
				t.Errorf("kept %s", to.Data)
			}
			if to.URL != b.server.URL+"/page/"+to.Ref || to.Report.Word != "REDIRECT_TO_URL" {
				t.Errorf("got %+v", to)
			}
			if _, err := b.Lookup(t.Context(), p); err != nil {
				t.Error(err)
			}
			provider, _, _ := strings.Cut(method, "/")
			if got, want := b.log(), []string{"POST " + tt.path, "GET /v3/" + provider + "/status?paymentId=" + to.Ref}; !slices.Equal(got, want) {
				t.Errorf("requests %q, want %q", got, want)
			}
		})
	}
	t.Run("nothing known of the buyer", func(t *testing.T) {
		t.Parallel()
		b, req := setup(t), request(card)
		req.Buyer, req.OrderNumber = providers.Buyer{}, ""
		to, err := b.Start(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		b.change(func(f *fake) {
			if got := f.payments[to.Ref].Body; got != common+"}" {
				t.Errorf("sent %s", got)
			}
		})
	})
}

func TestStart_KeyInItsHeader(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		secret providers.Secret
		header string
		want   http.Header
	}{
		{"k1", "", http.Header{"secret": {"k1"}}},
		{"Bearer k1", "Authorization", http.Header{"Authorization": {"Bearer k1"}}},
		{"", "", http.Header{}},
	} {
		var got http.Header
		b := setup(t, func(cfg *pgm.Config) {
			cfg.Secret, cfg.SecretHeader = tt.secret, tt.header
			cfg.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				got = r.Header.Clone()
				return nil, errors.New("enough")
			})
		})
		_, err := b.Start(t.Context(), request(card))
		asError(t, err)
		for _, common := range []string{"Accept", "Content-Type", "User-Agent"} {
			got.Del(common)
		}
		if len(got) != len(tt.want) {
			t.Errorf("%q: sent %v", tt.header, got)
		}
		for k, v := range tt.want {
			if !slices.Equal(got[k], v) {
				t.Errorf("%q: sent %v", tt.header, got)
			}
		}
	}
}

func TestStart_RefusesLocally(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*providers.StartRequest){
		"another currency":        func(r *providers.StartRequest) { r.Amount.Currency = "NZD" },
		"nothing to pay":          func(r *providers.StartRequest) { r.Amount.Minor = 0 },
		"a negative amount":       func(r *providers.StartRequest) { r.Amount.Minor = -1 },
		"no method":               func(r *providers.StartRequest) { r.Method = "" },
		"a method not on offer":   func(r *providers.StartRequest) { r.Method = "stripe/pay-pal" },
		"a way out of the path":   func(r *providers.StartRequest) { r.Method = "../secrets" },
		"no id":                   func(r *providers.StartRequest) { r.PaymentID = "" },
		"nowhere to come back to": func(r *providers.StartRequest) { r.ErrorURL = "" },
		"money to be reserved":    func(r *providers.StartRequest) { r.Reserve = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, req := setup(t), request(card)
			spoil(&req)
			_, err := b.Start(t.Context(), req)
			if e := asError(t, err); e.Kind != providers.KindRejected || e.Status != 0 || e.Err == nil {
				t.Errorf("got %v", e)
			}
			if len(b.log()) != 0 {
				t.Errorf("sent %q", b.log())
			}
		})
	}
}

func TestStart_Results(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		file string
		want providers.Outcome
		url  string
		word string
	}{
		{"pay_redirect.json", providers.Open, "https://checkout.stripe.com/c/pay/1", "REDIRECT_TO_URL"},
		{"pay_ok.json", providers.Processing, "", "OK"},
		{"pay_pending.json", providers.Processing, "", "PENDING"},
		{"pay_ko.json", providers.Declined, "", "KO"},
	} {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(cfg *pgm.Config) {
				cfg.Transport = answers(200, "application/json", func() []byte { return read(t, tt.file) })
			})
			to, err := b.Start(t.Context(), request(card))
			if err != nil || to.Ref != "payment-123456789" || to.URL != tt.url {
				t.Fatalf("got %+v, %v", to, err)
			}
			r := to.Report
			if r.Outcome != tt.want || r.Word != tt.word || r.Ref != to.Ref || r.Amount != (money.Amount{}) || r.PaymentID != "" ||
				r.Status != 200 || string(r.Raw) != string(read(t, tt.file)) {
				t.Errorf("got %+v", r)
			}
		})
	}
	t.Run("declined before anything was made", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(cfg *pgm.Config) {
			cfg.Transport = answers(200, "application/json", func() []byte { return read(t, "pay_ko_bare.json") })
		})
		_, err := b.Start(t.Context(), request(card))
		if e := asError(t, err); e.Kind != providers.KindRejected || e.Code != "KO" || e.Status != 200 || len(e.Raw) == 0 {
			t.Errorf("got %+v", e)
		}
	})
	t.Run("a result that we do not know", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.result = "CHALLENGE"
		to, p := start(t, b, card)
		if to.Report.Outcome != providers.Unknown || to.URL != "" || to.Report.Word != "CHALLENGE" {
			t.Errorf("got %+v", to)
		}
		b.set(to.Ref, "ACCEPTED")
		if got, err := b.Lookup(t.Context(), p); err != nil || got.Outcome != providers.Paid {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	for name, body := range map[string]string{
		"no payment id":       `{"result":"REDIRECT_TO_URL","redirectToUrl":"https://checkout.stripe.com/1"}`,
		"no result":           `{"paymentId":"p","redirectToUrl":"https://checkout.stripe.com/1"}`,
		"an id of two lines":  `{"result":"OK","paymentId":"a\nb"}`,
		"an id without end":   `{"result":"OK","paymentId":"` + strings.Repeat("x", 300) + `"}`,
		"a result as a thing": `{"result":{"a":1},"paymentId":"p"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(cfg *pgm.Config) {
				cfg.Transport = answers(200, "application/json", func() []byte { return []byte(body) })
			})
			_, err := b.Start(t.Context(), request(card))
			if e := asError(t, err); e.Kind != providers.KindUnavailable || string(e.Raw) != body {
				t.Errorf("got %+v", e)
			}
		})
	}
}

func TestStart_Page(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, web, mobile, want string
	}{
		{"both", "https://checkout.stripe.com/1", "https://online.satispay.com/m", "https://checkout.stripe.com/1"},
		{"only the one for phones", "", "https://online.satispay.com/m", "https://online.satispay.com/m"},
		{"its host in capitals", "https://Checkout.Stripe.COM/1", "", "https://Checkout.Stripe.COM/1"},
		{"with the scheme's own port", "https://checkout.stripe.com:443/1", "", "https://checkout.stripe.com:443/1"},
		{"a host of the setting", "https://pay.example:8443/1", "", "https://pay.example:8443/1"},
		{"a web page that is not allowed, and one that is", "https://evil.example/1", "https://online.satispay.com/m", "https://online.satispay.com/m"},
		{"only an app", "", "provider-app://pay/1", ""},
		{"none", "", "", ""},
		{"another host", "https://evil.example/1", "", ""},
		{"another port", "https://checkout.stripe.com:8443/1", "", ""},
		{"a host behind a user", "https://checkout.stripe.com@evil.example/1", "", ""},
		{"an allowed host with a user", "https://u@checkout.stripe.com/1", "", ""},
		{"in the clear", "http://checkout.stripe.com/1", "", ""},
		{"script", "javascript:alert(1)//checkout.stripe.com", "", ""},
		{"relative", "/pay/1", "", ""},
		{"no address", "::", "", ""},
		{"without end", "https://checkout.stripe.com/" + strings.Repeat("x", 9000), "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(cfg *pgm.Config) { cfg.PageHosts = []string{"pay.EXAMPLE:8443"} })
			b.shapePay = func(o object) {
				o["redirectToUrl"], o["redirectToUrlMobile"] = tt.web, tt.mobile
				if tt.mobile == "" {
					delete(o, "redirectToUrlMobile")
				}
			}
			to, err := b.Start(t.Context(), request(card))
			if tt.want != "" {
				if err != nil || to.URL != tt.want {
					t.Errorf("got %q, %v", to.URL, err)
				}
				return
			}
			if e := asError(t, err); e.Kind != providers.KindRejected || e.Status != http.StatusOK || len(e.Raw) == 0 || e.Err == nil {
				t.Errorf("got %+v", e)
			}
		})
	}
}

// What changes something and has no key is never sent twice.
func TestNeverSentTwice(t *testing.T) {
	t.Parallel()
	p := providers.Payment{ID: "p7k2m9", Ref: "payment-1", Data: json.RawMessage(`{"provider":"stripe"}`)}
	s := providers.Subscription{Token: "sub_1", PaymentID: "p7k2m9", Method: "house-account"}
	for name, try := range map[string]func(*pgm.Client) error{
		"start":       func(c *pgm.Client) error { _, err := c.Start(t.Context(), request(card)); return err },
		"refund":      func(c *pgm.Client) error { _, err := c.Refund(t.Context(), p, whole()); return err },
		"link":        func(c *pgm.Client) error { _, err := c.MakeLink(t.Context(), request(card)); return err },
		"subscribe":   func(c *pgm.Client) error { _, _, err := c.Subscribe(t.Context(), monthly(card)); return err },
		"charge":      func(c *pgm.Client) error { _, err := c.Charge(t.Context(), s, request("")); return err },
		"resubscribe": func(c *pgm.Client) error { return c.Resubscribe(t.Context(), s, daily("")) },
	} {
		for _, status := range []int{404, 405, 408, 409, 425, 429, 500, 502, 503, 504} {
			n := 0
			b := setup(t, func(cfg *pgm.Config) {
				cfg.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
					n++
					return answers(status, "text/plain", func() []byte { return []byte("no") }).RoundTrip(r)
				})
			})
			if e := asError(t, try(b.Client)); n != 1 || e.Op != name {
				t.Errorf("%s: %d: %d requests, then %v", name, status, n, e)
			}
		}
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, contentType, body string
		status                  int
		kind                    providers.Kind
		code                    string
	}{
		{"bad request", "application/json", string(read(t, "error_envelope.json")), 400, providers.KindRejected, "Bad Request"},
		{"a neighbour's spelling", "application/json; charset=utf-8", string(read(t, "error_neighbour.json")), 400, providers.KindRejected, "Bad request"},
		{"a code of its own", "application/json", `{"code":"E42"}`, 422, providers.KindRejected, "E42"},
		{"odd types", "application/json", `{"error":7,"code":[]}`, 400, providers.KindRejected, ""},
		{"not JSON by its type", "text/html", `{"error":"x"}`, 400, providers.KindRejected, ""},
		{"not JSON by its body", "application/json", `<html>`, 400, providers.KindRejected, ""},
		{"a long one", "application/json", `{"error":"` + strings.Repeat("x", 500) + `"}`, 400, providers.KindRejected, strings.Repeat("x", 100)},
		{"unknown provider", "application/json", `{"error":"Not Found"}`, 404, providers.KindRejected, "Not Found"},
		{"no key", "application/json", `{"error":"Unauthorized"}`, 401, providers.KindUnauthorized, "Unauthorized"},
		{"not allowed", "application/json", `{"error":"Forbidden"}`, 403, providers.KindUnauthorized, "Forbidden"},
		{"the same transaction id", "application/json", `{"error":"Conflict"}`, 409, providers.KindUnavailable, "Conflict"},
		{"the service answered badly", "application/json", `{"error":"Bad Gateway"}`, 502, providers.KindUnavailable, "Bad Gateway"},
		{"a redirect", "text/html", ``, 302, providers.KindUnavailable, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(cfg *pgm.Config) {
				cfg.Transport = answers(tt.status, tt.contentType, func() []byte { return []byte(tt.body) })
			})
			_, err := b.Start(t.Context(), request(card))
			if e := asError(t, err); e.Kind != tt.kind || e.Code != tt.code || e.Status != tt.status || string(e.Raw) != tt.body {
				t.Errorf("got %+v with %q", e, e.Raw)
			}
		})
	}
}

func TestLookup_Replies(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		file    string
		want    providers.Outcome
		word    string
		refunds []providers.RefundState
	}{
		{"status_accepted.json", providers.Paid, "ACCEPTED", nil},
		{"status_old.json", providers.Paid, "ACCEPTED", nil},
		{"status_odd.json", providers.Paid, " accepted ", nil},
		{"status_failed.json", providers.Declined, "FAILED", nil},
		{"status_stripe.json", providers.Open, "PENDING", nil},
		{"status_refunded.json", providers.Paid, "REFUND ACCEPTED", []providers.RefundState{providers.RefundDone}},
		{"status_refund_failed.json", providers.Paid, "REFUND FAILED", []providers.RefundState{providers.RefundFailed}},
	} {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(cfg *pgm.Config) {
				cfg.Transport = answers(200, "application/json", func() []byte { return read(t, tt.file) })
			})
			id := "0987654321"
			if tt.file == "status_odd.json" {
				id = "987654321"
			}
			got, err := b.Lookup(t.Context(), providers.Payment{
				ID: id, Ref: "1234567890", Data: json.RawMessage(`{"provider":"stripe","method":"credit-cards","result":"REDIRECT_TO_URL"}`),
			})
			if err != nil || got.Outcome != tt.want || got.Word != tt.word || got.PaymentID != id || got.Amount != (money.Amount{}) {
				t.Fatalf("got %+v, %v", got, err)
			}
			var states []providers.RefundState
			for _, r := range got.Refunds {
				states = append(states, r.State)
			}
			if !slices.Equal(states, tt.refunds) {
				t.Errorf("refunds %v, want %v", states, tt.refunds)
			}
		})
	}
}

// Every status of every action, after every result of pay.
func TestLookup_StatusTable(t *testing.T) {
	t.Parallel()
	const (
		redirected = "REDIRECT_TO_URL"
		unknown    = providers.Unknown
	)
	for _, tt := range []struct {
		result, action, status string
		want                   providers.Outcome
		refund                 providers.RefundState
	}{
		{redirected, "PAYMENT", "PENDING", providers.Open, ""},
		{redirected, "PAYMENT", "ACCEPTED", providers.Paid, ""},
		{redirected, "PAYMENT", "FAILED", providers.Declined, ""},
		{redirected, "payment", "accepted", providers.Paid, ""},
		{"PENDING", "PAYMENT", "PENDING", providers.Processing, ""},
		{"PENDING", "PAYMENT", "ACCEPTED", providers.Paid, ""},
		{"OK", "PAYMENT", "PENDING", providers.Processing, ""},
		{"OK", "PAYMENT", "ACCEPTED", providers.Paid, ""},
		{"OK", "PAYMENT", "FAILED", providers.Declined, ""},
		{"KO", "PAYMENT", "FAILED", providers.Declined, ""},
		{"KO", "PAYMENT", "ACCEPTED", providers.Paid, ""},
		{redirected, "", "ACCEPTED", providers.Paid, ""},
		{redirected, "REFUND", "PENDING", providers.Paid, providers.RefundPending},
		{redirected, "REFUND", "ACCEPTED", providers.Paid, providers.RefundDone},
		{redirected, "REFUND", "FAILED", providers.Paid, providers.RefundFailed},
		{redirected, "REFUND", "PARTIAL", unknown, ""},
		{redirected, "CHARGEBACK", "ACCEPTED", unknown, ""},
		{redirected, "PAYMENT", "VOIDED", unknown, ""},
		{redirected, "PAYMENT", "REFUNDED", unknown, ""},
	} {
		b := setup(t)
		b.result = tt.result
		to, p := start(t, b, card)
		b.change(func(f *fake) { f.payments[to.Ref].Status, f.payments[to.Ref].Action = tt.status, tt.action })
		got, err := b.Lookup(t.Context(), p)
		if err != nil || got.Outcome != tt.want {
			t.Errorf("%+v: got %+v, %v", tt, got, err)
		}
		if refunded := len(got.Refunds) == 1 && got.Refunds[0].State == tt.refund; refunded != (tt.refund != "") {
			t.Errorf("%+v: refunds %+v", tt, got.Refunds)
		}
	}
	for name, action := range map[string]any{"a number": 7, "a list": []string{"PAYMENT"}, "true": true} {
		b := setup(t)
		to, p := start(t, b, card)
		b.set(to.Ref, "ACCEPTED")
		b.change(func(f *fake) { f.shape = func(o object) { o["action"] = action } })
		if got, err := b.Lookup(t.Context(), p); err != nil || got.Outcome != unknown {
			t.Errorf("an action that is %s: got %+v, %v", name, got, err)
		}
	}
	b := setup(t)
	to, p := start(t, b, card)
	b.set(to.Ref, "ACCEPTED")
	b.change(func(f *fake) { f.shape = func(o object) { delete(o, "action"); delete(o, "metadata") } })
	if got, err := b.Lookup(t.Context(), p); err != nil || got.Outcome != providers.Paid {
		t.Errorf("without an action: got %+v, %v", got, err)
	}
}

func TestLookup_AboutAnother(t *testing.T) {
	t.Parallel()
	for name, shape := range map[string]func(object){
		"another payment":     func(o object) { o["paymentId"] = "another" },
		"another transaction": func(o object) { o["shopTransactionId"] = "another" },
		"nobody's":            func(o object) { delete(o, "paymentId"); delete(o, "shopTransactionId") },
		"no status":           func(o object) { delete(o, "status") },
		"a status as a thing": func(o object) { o["status"] = object{} },
	} {
		b := setup(t)
		_, p := start(t, b, card)
		b.change(func(f *fake) { f.shape = shape })
		_, err := b.Lookup(t.Context(), p)
		if e := asError(t, err); e.Kind != providers.KindUnavailable || len(e.Raw) == 0 {
			t.Errorf("%s: got %+v", name, e)
		}
	}
	b := setup(t)
	_, p := start(t, b, card)
	b.change(func(f *fake) { f.shape = func(o object) { delete(o, "paymentId") } })
	if _, err := b.Lookup(t.Context(), p); err != nil {
		t.Errorf("our own id is enough: %v", err)
	}
	for _, ref := range []string{"", "a\nb", strings.Repeat("x", 300)} {
		p.Ref = ref
		if _, err := b.Lookup(t.Context(), p); asError(t, err).Kind != providers.KindRejected {
			t.Errorf("%.9q: got %v", ref, err)
		}
	}
	p.Ref = "a&b=c/../#d"
	_, err := b.Lookup(t.Context(), p)
	if e := asError(t, err); e.Status != http.StatusNotFound {
		t.Errorf("got %v", err)
	}
	if log := b.log(); log[len(log)-1] != "GET /v3/stripe/status?paymentId=a%26b%3Dc%2F..%2F%23d" {
		t.Errorf("asked %q", log)
	}
}

// A start whose answer was lost has no Data; its callback said what the payment
// is called, and not by whom.
func TestLookup_WithoutData(t *testing.T) {
	t.Parallel()
	for name, data := range map[string]string{
		"none": ``, "no JSON": `{`, "no provider": `{}`, "a way out of the path": `{"provider":".."}`, "another shape": `{"provider":7}`,
	} {
		b := setup(t)
		to, p := start(t, b, "satispay/satispay")
		b.set(to.Ref, "ACCEPTED")
		p.Data = json.RawMessage(data)
		if got, err := b.Lookup(t.Context(), p); err != nil || got.Outcome != providers.Paid || got.PaymentID != p.ID {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
		if got := b.log()[1:]; len(got) != 2 || !strings.Contains(got[1], "/satispay/status") {
			t.Errorf("%s: asked %q", name, got)
		}
	}
	t.Run("nobody has it", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, err := b.Lookup(t.Context(), providers.Payment{ID: "p7k2m9", Ref: "payment-9"})
		if e := asError(t, err); e.Kind != providers.KindRejected || len(b.log()) != 4 {
			t.Errorf("got %v after %q", err, b.log())
		}
	})
	t.Run("one does not answer", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(cfg *pgm.Config) {
			cfg.Transport = roundTrip(func(r *http.Request) (*http.Response, error) {
				status := http.StatusNotFound
				if strings.Contains(r.URL.Path, "/satispay/") {
					status = http.StatusBadGateway
				}
				return answers(status, "application/json", func() []byte { return []byte(`{}`) }).RoundTrip(r)
			})
		})
		_, err := b.Lookup(t.Context(), providers.Payment{ID: "p7k2m9", Ref: "payment-9"})
		if e := asError(t, err); e.Kind != providers.KindUnavailable || e.Status != http.StatusBadGateway {
			t.Errorf("got %v", err)
		}
		_, err = b.Refund(t.Context(), providers.Payment{ID: "p7k2m9", Ref: "payment-9"}, whole())
		if e := asError(t, err); e.Kind != providers.KindUnreachable || e.Op != "refund" {
			t.Errorf("a refund that was not sent: got %v", err)
		}
	})
	t.Run("an answer that does not name our payment proves nothing", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		to, p := start(t, b, card)
		b.set(to.Ref, "ACCEPTED")
		b.change(func(f *fake) { f.shape = func(o object) { delete(o, "shopTransactionId") } })
		p.Data = nil
		if got, err := b.Lookup(t.Context(), p); asError(t, err).Kind != providers.KindUnavailable {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

// A callback may name a payment that is none of our rows: then the answer says
// whose it is.
func TestLookup_OfNobodyWeKnow(t *testing.T) {
	t.Parallel()
	for _, data := range []string{``, `{"provider":"stripe","method":"credit-cards"}`} {
		b := setup(t)
		to, _ := start(t, b, card)
		b.set(to.Ref, "ACCEPTED")
		p := providers.Payment{Ref: to.Ref, Data: json.RawMessage(data)}
		if got, err := b.Lookup(t.Context(), p); err != nil || got.Outcome != providers.Paid || got.PaymentID != "p7k2m9" || got.Ref != to.Ref {
			t.Errorf("%q: got %+v, %v", data, got, err)
		}
		for name, shape := range map[string]func(object){
			"another payment":        func(o object) { o["paymentId"] = "another" },
			"only our id, any one's": func(o object) { delete(o, "paymentId") },
		} {
			b.change(func(f *fake) { f.shape = shape })
			if _, err := b.Lookup(t.Context(), p); asError(t, err).Kind != providers.KindUnavailable {
				t.Errorf("%q: %s: got %v", data, name, err)
			}
		}
	}
}

// Where there is no status, the OK of pay is believed, and nothing else is.
func TestLookup_WhereThereIsNoStatus(t *testing.T) {
	t.Parallel()
	for _, status := range []int{405, 422, 501} {
		for result, paid := range map[string]bool{"OK": true, "PENDING": false, "REDIRECT_TO_URL": false} {
			b := setup(t)
			b.result, b.noStatus = result, status
			_, p := start(t, b, "house-account")
			got, err := b.Lookup(t.Context(), p)
			if paid && (err != nil || got.Outcome != providers.Paid || got.Word != "OK" || got.Ref != p.Ref) {
				t.Errorf("%d after %s: got %+v, %v", status, result, got, err)
			}
			if !paid && err == nil {
				t.Errorf("%d after %s: got %+v", status, result, got)
			}
		}
	}
	b := setup(t)
	b.result, b.noStatus = "OK", http.StatusNotFound
	_, p := start(t, b, "house-account")
	if _, err := b.Lookup(t.Context(), p); asError(t, err).Kind != providers.KindRejected {
		t.Errorf("a payment that is not there: got %v", err)
	}
}

func whole() providers.RefundRequest {
	return providers.RefundRequest{Key: "0b8f1f5e-3c1d-4b51-9a53-6a3a44a5a009", Amount: request(card).Amount, Whole: true, Note: "not sent"}
}

func TestRefund(t *testing.T) {
	t.Parallel()
	for result, want := range map[string]providers.RefundState{
		"OK": providers.RefundDone, "KO": providers.RefundFailed, "PENDING": providers.RefundPending, "ok": providers.RefundDone,
		"QUEUED": providers.RefundPending,
	} {
		b := setup(t)
		to, p := start(t, b, card)
		b.set(to.Ref, "ACCEPTED")
		b.change(func(f *fake) { f.refund = result })
		part := providers.RefundRequest{Key: "k", Amount: money.Amount{Minor: 500, Currency: "EUR"}}
		got, err := b.Refund(t.Context(), p, part)
		if err != nil || got.State != want || got.Amount != part.Amount || got.Word != result || got.Ref != "" || got.Status != 200 || len(got.Raw) == 0 {
			t.Errorf("%s: got %+v, %v", result, got, err)
		}
		if sent := b.refunds(); len(sent) != 1 || sent[0].Amount != 500 || sent[0].Currency != "EUR" || sent[0].PaymentID != to.Ref || sent[0].Data != nil {
			t.Errorf("%s: sent %+v", result, sent)
		}
		if log := b.log(); log[len(log)-1] != "POST /v3/stripe/refund" {
			t.Errorf("%s: requests %q", result, log)
		}
	}
}

func TestRefund_LaterOutcome(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to, p := start(t, b, card)
	b.set(to.Ref, "ACCEPTED")
	b.change(func(f *fake) {
		f.refund = "PENDING"
		f.onRefund = func(p *fakePayment) { p.Action, p.Status = "REFUND", "PENDING" }
	})
	if got, err := b.Refund(t.Context(), p, whole()); err != nil || got.State != providers.RefundPending {
		t.Fatalf("got %+v, %v", got, err)
	}
	for word, want := range map[string]providers.RefundState{
		"PENDING": providers.RefundPending, "FAILED": providers.RefundFailed, "ACCEPTED": providers.RefundDone,
	} {
		b.set(to.Ref, word)
		got, err := b.Lookup(t.Context(), p)
		if err != nil || got.Outcome != providers.Paid || len(got.Refunds) != 1 || got.Refunds[0].State != want || got.Refunds[0].Amount != (money.Amount{}) {
			t.Errorf("%s: got %+v, %v", word, got, err)
		}
	}
}

func TestRefund_RefusesLocally(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		method string
		amount money.Amount
	}{
		"another currency":      {card, money.Amount{Minor: 1, Currency: "NZD"}},
		"nothing":               {card, money.Amount{Currency: "EUR"}},
		"less than nothing":     {card, money.Amount{Minor: -1, Currency: "EUR"}},
		"a service without any": {"soisy/soisy", money.Amount{Minor: 1, Currency: "EUR"}},
	} {
		b := setup(t)
		_, p := start(t, b, tt.method)
		_, err := b.Refund(t.Context(), p, providers.RefundRequest{Key: "k", Amount: tt.amount})
		if e := asError(t, err); e.Kind != providers.KindRejected || e.Status != 0 || len(b.refunds()) != 0 {
			t.Errorf("%s: got %v", name, err)
		}
	}
	b := setup(t)
	if _, err := b.Refund(t.Context(), providers.Payment{}, whole()); asError(t, err).Kind != providers.KindRejected {
		t.Errorf("no payment: got %v", err)
	}
}

func TestRefund_Answers(t *testing.T) {
	t.Parallel()
	for _, body := range []string{``, `null`, `[]`, `{}`, `OK`, `{"result":7}`} {
		b := setup(t, func(cfg *pgm.Config) {
			cfg.Transport = answers(200, "application/json", func() []byte { return []byte(body) })
		})
		p := providers.Payment{ID: "p7k2m9", Ref: "payment-1", Data: json.RawMessage(`{"provider":"stripe"}`)}
		if _, err := b.Refund(t.Context(), p, whole()); asError(t, err).Kind != providers.KindUnavailable {
			t.Errorf("%q: got %v", body, err)
		}
	}
	t.Run("found by asking when it was not kept where", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		to, p := start(t, b, "satispay/satispay")
		b.set(to.Ref, "ACCEPTED")
		p.Data = nil
		if got, err := b.Refund(t.Context(), p, whole()); err != nil || got.State != providers.RefundDone {
			t.Errorf("got %+v, %v", got, err)
		}
		if log := b.log(); log[len(log)-1] != "POST /v3/satispay/refund" {
			t.Errorf("requests %q", log)
		}
	})
	t.Run("a rest that is too small may be our own refund", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(cfg *pgm.Config) {
			cfg.Transport = answers(409, "application/json", func() []byte { return []byte(`{"error":"Conflict"}`) })
		})
		p := providers.Payment{ID: "p7k2m9", Ref: "payment-1", Data: json.RawMessage(`{"provider":"stripe"}`)}
		if _, err := b.Refund(t.Context(), p, whole()); asError(t, err).Kind != providers.KindUnavailable {
			t.Errorf("got %v", err)
		}
	})
}

func TestCheck(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to, p := start(t, b, card)
	if err := b.Check(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if log := b.log(); log[len(log)-1] != "GET /v3/stripe/check?paymentId="+to.Ref {
		t.Errorf("requests %q", log)
	}
	p.Ref = "gone"
	err := b.Check(t.Context(), p)
	if e := asError(t, err); e.Kind != providers.KindRejected || e.Op != "check" {
		t.Errorf("got %v", err)
	}
}

func TestCallback_Bodies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, tt := range []struct{ file, ref, id, word string }{
		{"status_accepted.json", "1234567890", "0987654321", "ACCEPTED"},
		{"status_old.json", "1234567890", "0987654321", "ACCEPTED"},
		{"status_odd.json", "1234567890", "987654321", " accepted "},
		{"status_refunded.json", "1234567890", "0987654321", "REFUND ACCEPTED"},
		{"status_refund_failed.json", "1234567890", "0987654321", "REFUND FAILED"},
		{"callback_v2.json", "payment-123456789", "123456789", "successful"},
		{"callback_v2_extras.json", "payment-1", "1", "not successful"},
	} {
		for _, secret := range []string{callbackSecret, formerSecret} {
			n, err := b.Callback(to(secret, read(t, tt.file)))
			if err != nil || n.Ref != tt.ref || n.PaymentID != tt.id || n.Word != tt.word || len(n.EventID) != 64 {
				t.Errorf("%s: got %+v, %v", tt.file, n, err)
			}
			if strings.Contains(fmt.Sprintf("%+v", n), "mt_1") {
				t.Errorf("%s: a token is in %+v", tt.file, n)
			}
		}
	}
	n, err := b.Callback(to(callbackSecret, []byte(`{"paymentID":"p1","isSuccessful":"maybe"}`)))
	if err != nil || n.Ref != "p1" || n.Word != "" || n.PaymentID != "" {
		t.Errorf("little in it: got %+v, %v", n, err)
	}
}

func TestCallback_EventID(t *testing.T) {
	t.Parallel()
	b := setup(t)
	with := func(id string) string {
		d := to(callbackSecret, read(t, "status_refunded.json"))
		if id != "" {
			d.Header.Set("X-Pgm-Event-Id", id)
		}
		n, err := b.Callback(d)
		if err != nil {
			t.Fatal(err)
		}
		return n.EventID
	}
	bare, first := with(""), with("e1")
	if bare != with("") || first != with("e1") {
		t.Error("one event has two ids")
	}
	if bare == first || first == with("e2") {
		t.Error("two events have one id")
	}
}

func TestCallback_AnotherAddress(t *testing.T) {
	t.Parallel()
	b := setup(t)
	body := read(t, "status_accepted.json")
	refused := func(what, secret string) {
		t.Helper()
		n, err := b.Callback(to(secret, body))
		if !errors.Is(err, providers.ErrSignature) || n != (providers.Notice{}) {
			t.Errorf("%s: got %+v, %v", what, n, err)
		}
	}
	for i := range callbackSecret {
		for _, mask := range []byte{1, 0x20, 0x80} {
			changed := []byte(callbackSecret)
			changed[i] ^= mask
			refused("a byte changed", string(changed))
		}
	}
	for what, secret := range map[string]string{
		"none": "", "one byte less": callbackSecret[1:], "one more": callbackSecret + "1", "the gateway's key": gatewayKey,
		"both": callbackSecret + formerSecret, "in capitals": strings.ToUpper(callbackSecret),
	} {
		refused(what, secret)
	}
	d := to("", body)
	d.Header.Set("secret", callbackSecret)
	if _, err := b.Callback(d); !errors.Is(err, providers.ErrSignature) {
		t.Errorf("in a header: got %v", err)
	}
	if _, err := b.Callback(to("wrong", []byte("{"))); !errors.Is(err, providers.ErrSignature) {
		t.Errorf("unreadable as well: got %v", err)
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

func seeds(f *testing.F) [][]byte {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	var out [][]byte
	for _, file := range files {
		out = append(out, read(f, filepath.Base(file)))
	}
	return out
}

func fuzzed(f *testing.F, body *[]byte) *pgm.Client {
	f.Helper()
	c, err := pgm.New(pgm.Config{
		BaseURL: "https://pay.example/v3", Methods: []string{card}, CallbackSecrets: []providers.Secret{callbackSecret}, Now: now,
		Transport: answers(200, "application/json", func() []byte { return *body }),
	})
	if err != nil {
		f.Fatal(err)
	}
	return c
}

func FuzzCallback(f *testing.F) {
	for _, body := range seeds(f) {
		f.Add(callbackSecret+"x", body)
	}
	c := fuzzed(f, new([]byte))
	f.Fuzz(func(t *testing.T, secret string, body []byte) {
		if _, err := c.Callback(to(secret, body)); secret != callbackSecret && !errors.Is(err, providers.ErrSignature) {
			t.Fatalf("a forged delivery: %v", err)
		}
		n, err := c.Callback(to(callbackSecret, body))
		if err != nil && !errors.Is(err, providers.ErrMalformed) {
			t.Fatalf("a delivery: %v", err)
		}
		if err == nil && (n.Ref == "" || n.EventID == "") {
			t.Fatalf("a notice about nothing: %+v", n)
		}
	})
}

// Whatever is answered, a payment is paid only by a readable ACCEPTED, or by a
// refund of it; and no answer panics or fails otherwise than as unavailable.
func FuzzAnswers(f *testing.F) {
	for _, body := range seeds(f) {
		f.Add(body)
	}
	var body []byte
	c := fuzzed(f, &body)
	p := providers.Payment{ID: "0987654321", Ref: "1234567890", Data: json.RawMessage(`{"provider":"stripe","method":"credit-cards"}`)}
	f.Fuzz(func(t *testing.T, in []byte) {
		body = in
		got, err := c.Lookup(t.Context(), p)
		if err != nil && asError(t, err).Kind != providers.KindUnavailable {
			t.Fatalf("got %v", err)
		}
		upper := bytes.ToUpper(in)
		if err == nil && got.Outcome == providers.Paid && !bytes.ContainsAny(upper, `\`) &&
			!bytes.Contains(upper, []byte("ACCEPTED")) && !bytes.Contains(upper, []byte("REFUND")) {
			t.Fatalf("paid by %q", in)
		}
		to, err := c.Start(t.Context(), request(card))
		if err == nil && (to.Ref == "" || to.Report.Outcome == providers.Paid || to.Report.Outcome == providers.Open && !strings.HasPrefix(strings.ToLower(to.URL), "https://")) {
			t.Fatalf("started %+v by %q", to, in)
		}
		if _, err := c.Refund(t.Context(), p, whole()); err != nil && asError(t, err).Kind != providers.KindUnavailable {
			t.Fatalf("got %v", err)
		}
	})
}
