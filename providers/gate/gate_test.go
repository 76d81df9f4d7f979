package gate_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"till/money"
	"till/providers"
	"till/providers/gate"
	"till/providers/providertest"
)

func TestConforms(t *testing.T) {
	t.Parallel()
	const oldKey, otherKey = "whsec_of_the_year_before", "whsec_of_somebody_else"
	key, other := rsaKeys()
	conform := func(t *testing.T, set func(*gate.Config), header string, sign, forge func([]byte) providers.Delivery) {
		t.Helper()
		t.Parallel()
		providertest.Run(t, func(t *testing.T) providertest.Bench {
			b := setup(t, set, func(cfg *gate.Config) { cfg.Currencies = append(cfg.Currencies, "EUR", "JPY") })
			return providertest.Bench{
				Provider: b.Client, Server: b.server, Opened: b.opened, Set: b.set, Sum: b.sum,
				Words: map[providers.Outcome]string{
					providers.Open: "issued", providers.Processing: "in_progress", providers.Authorized: "hold",
					providers.Paid: "paid", providers.Cancelled: "cancelled", providers.Expired: "expired",
				},
				Optional: []string{
					"number", "type", "is_test", "skip_capture", "issued", "modified", "status_changes", "permitted_actions",
					"amount_refunded", "api_do_url", "client", "products", "transaction_details", "event_type", "amount",
				},
				Deliver:         func(ref string) providers.Delivery { return sign(b.body(ref, "order.issued")) },
				Sign:            sign,
				Forge:           forge,
				SignatureHeader: header,
				Secrets:         []string{secretKey, token, oldToken, hmacKey, oldKey},
				Config:          b.cfg,
				Links:           &providertest.Links{},
				Subscriptions: &providertest.Subscriptions{
					SecretToken: true, Before: 1, BeforeTake: 1, Agree: func(ref string) { b.save(ref, savedCard) },
					Charged: func() (n int) {
						b.change(func(f *fake) {
							for _, o := range f.orders {
								if o.In.UseScenario != "" && o.Status == "paid" {
									n++
								}
							}
						})
						return n
					},
				},
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		plain := func(body []byte) providers.Delivery { return delivery(body, "", "") }
		conform(t, func(*gate.Config) {}, "", plain, plain)
	})
	t.Run("hmac", func(t *testing.T) {
		conform(t, func(cfg *gate.Config) {
			cfg.CallbackVerify, cfg.CallbackKeys = gate.VerifyHMAC, []providers.Secret{hmacKey, oldKey}
		}, "X-Webhook-Signature",
			func(body []byte) providers.Delivery { return signHMAC(hmacKey, body) },
			func(body []byte) providers.Delivery { return signHMAC(otherKey, body) })
	})
	t.Run("rsa", func(t *testing.T) {
		conform(t, func(cfg *gate.Config) {
			cfg.CallbackVerify, cfg.CallbackKeys = gate.VerifyRSA, []providers.Secret{publicPEM(t, key)}
		}, "X-Signature",
			func(body []byte) providers.Delivery { return signRSA(t, key, body) },
			func(body []byte) providers.Delivery { return signRSA(t, other, body) })
	})
}

func eur(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }

func request() providers.StartRequest { return providertest.Request(eur(1999)) }

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

func read(t testing.TB, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestNew_NamesEverySettingAtFault(t *testing.T) {
	t.Parallel()
	good := func() gate.Config {
		return gate.Config{
			BaseURL: "https://gate.decta.com/api/v0.6", SecretKey: "hunter2", CallbackTokens: []providers.Secret{token}, Now: clock,
		}
	}
	for _, tt := range []struct {
		name  string
		spoil func(*gate.Config)
		want  []string
	}{
		{"nothing set", func(c *gate.Config) { *c = gate.Config{} }, []string{
			"GATE_BASE_URL is required", "GATE_SECRET_KEY is required", "GATE_CALLBACK_TOKEN is required", "clock",
		}},
		{"not absolute", func(c *gate.Config) { c.BaseURL = "gate.decta.com" }, []string{"GATE_BASE_URL is not an absolute"}},
		{"another scheme", func(c *gate.Config) { c.BaseURL = "ftp://gate.decta.com" }, []string{"GATE_BASE_URL"}},
		{"the key in the clear", func(c *gate.Config) { c.BaseURL = "http://gate.decta.com/api/v0.6" }, []string{"GATE_BASE_URL must be https"}},
		{"a password in the address", func(c *gate.Config) { c.BaseURL = "https://u:hunter2@gate.decta.com" }, []string{"GATE_BASE_URL must not hold a user"}},
		{"a short token", func(c *gate.Config) { c.CallbackTokens = []providers.Secret{token, "hunter2"} }, []string{"GATE_CALLBACK_TOKEN must have 16"}},
		{"a token that is no part of an address", func(c *gate.Config) { c.CallbackTokens = []providers.Secret{"hunter2/hunter2/hunter2"} }, []string{"GATE_CALLBACK_TOKEN must"}},
		{"a key that nothing uses", func(c *gate.Config) { c.CallbackKeys = []providers.Secret{"hunter2"} }, []string{"GATE_CALLBACK_KEY is set, but"}},
		{"hmac without a key", func(c *gate.Config) { c.CallbackVerify = gate.VerifyHMAC }, []string{"GATE_CALLBACK_KEY is missing"}},
		{"hmac with an empty key", func(c *gate.Config) { c.CallbackVerify, c.CallbackKeys = gate.VerifyHMAC, []providers.Secret{""} }, []string{"GATE_CALLBACK_KEY"}},
		{"rsa without a key", func(c *gate.Config) { c.CallbackVerify = gate.VerifyRSA }, []string{"GATE_CALLBACK_KEY is required"}},
		{"rsa with no key", func(c *gate.Config) { c.CallbackVerify, c.CallbackKeys = gate.VerifyRSA, []providers.Secret{"hunter2"} }, []string{"GATE_CALLBACK_KEY must be a public RSA key"}},
		{"all the rest at once", func(c *gate.Config) {
			c.SecretKey, c.CallbackVerify, c.Currencies = "", "hunter", []money.Currency{"EUR", "EUR", "KWD", "XXX"}
			c.PageHosts, c.MaxAttempts, c.HoldDays = []string{"https://x"}, -1, 29
		}, []string{
			"GATE_SECRET_KEY", "GATE_CALLBACK_VERIFY", "EUR twice", "KWD has more than 2", `"XXX" is not a currency`, "GATE_PAGE_HOSTS",
			"GATE_MAX_ATTEMPTS", "GATE_HOLD_DAYS",
		}},
		{"an empty list", func(c *gate.Config) { c.Currencies = []money.Currency{} }, []string{"GATE_CURRENCIES is empty"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := good()
			tt.spoil(&cfg)
			_, err := gate.New(cfg)
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
	c, err := gate.New(gate.Config{
		BaseURL: "https://Gate.decta.com/api/v0.6/", SecretKey: "k", CallbackTokens: []providers.Secret{token}, Now: clock,
		PageHosts: []string{"pay.EXAMPLE:8443"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := c.Currencies(); !slices.Equal(got, []money.Currency{"EUR", "GBP", "USD"}) {
		t.Errorf("currencies %v", got)
	}
	if got := c.PageOrigins(); !slices.Equal(got, []string{"https://gate.decta.com", "https://pay.example:8443"}) {
		t.Errorf("origins %v", got)
	}
	if c.Name() != "gate" || c.Label() != "Gate" || setup(t, func(cfg *gate.Config) { cfg.Label = "Cardaq" }).Label() != "Cardaq" {
		t.Errorf("%q, %q", c.Name(), c.Label())
	}
	for currency, want := range map[money.Currency]int{"GBP": 1, "NZD": 0} {
		got, err := c.Methods(t.Context(), currency)
		if err != nil || len(got) != want || want == 1 && got[0] != (providers.Method{Name: "card", Label: "Card"}) {
			t.Errorf("%s: got %v, %v", currency, got, err)
		}
	}
	if got := c.MethodLabel("card") + ", " + c.MethodLabel("cheque"); got != "Card, cheque" {
		t.Errorf("they are called %s", got)
	}
}

func TestNextAsk(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var got []time.Duration
	for asked := range 20 {
		got = append(got, b.NextAsk(providers.Open, asked))
	}
	want := []time.Duration{7 * time.Second, 10 * time.Second, 15 * time.Second, 25 * time.Second, 40 * time.Second, time.Minute}
	want = append(want, slices.Repeat([]time.Duration{5 * time.Minute}, 12)...)
	if want = append(want, time.Hour, time.Hour); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if b.NextAsk(providers.Unknown, -1) != 7*time.Second || b.NextAsk(providers.Authorized, 0) != time.Hour {
		t.Error("the ends are not as they should be")
	}
}

func TestStart_SendsWhatThePageNames(t *testing.T) {
	t.Parallel()
	const buyer = `{"client":{"email":"ada@example.test"},"products":[` +
		`{"title":"Crumb","price":0.01,"quantity":1,"description":"The smallest thing there is"},` +
		`{"title":"Mug \"blue\" \u0026 \u003cwhite\u003e","price":19.98,"quantity":1}],"currency":"EUR","number":"p7k2m9",`
	const back = `"success_redirect":"https://shop.test/return/p7k2m9/success","in_progress_redirect":"https://shop.test/return/p7k2m9/pending",` +
		`"failure_redirect":"https://shop.test/return/p7k2m9/error","cancel_redirect":"https://shop.test/return/p7k2m9/error",`
	t.Run("the least", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		to, _ := start(t, b)
		if got, want := string(b.order(to.Ref).Body), buyer+back+`"skip_capture":false,"max_payment_attempts":5}`; got != want {
			t.Errorf("sent\n%s\nwant\n%s", got, want)
		}
		if got := b.log(); !slices.Equal(got, []string{"POST /orders/?response_type=full"}) {
			t.Errorf("requests %q", got)
		}
		if want := b.server.URL + "/pay/" + to.Ref + "/"; to.URL != want || to.Data != nil {
			t.Errorf("buyer goes to %q, want %q; kept %s", to.URL, want, to.Data)
		}
		if at := clock().Add(time.Second); !to.Report.At.Equal(at) {
			t.Errorf("changed at %s, want %s", to.Report.At, at)
		}
	})
	t.Run("the most", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(cfg *gate.Config) { cfg.Brand, cfg.MaxAttempts = "b-1", 3 })
		req := request()
		req.Reserve, req.Due, req.Method = true, time.Unix(1760000000, 999), "card"
		req.Items = append(req.Items, providers.Item{Name: "Card", Unit: eur(0), Quantity: 1})
		to, err := b.Start(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		want := buyer + `"brand":"b-1",` + back + `"due":1760000000,"deny_overdue_payment":true,"skip_capture":true,"max_payment_attempts":3}`
		if got := string(b.order(to.Ref).Body); got != want {
			t.Errorf("sent\n%s\nwant\n%s", got, want)
		}
	})
}

func TestStart_RefusesLocally(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*providers.StartRequest){
		"another currency":      func(r *providers.StartRequest) { *r = providertest.Request(money.Amount{Minor: 100, Currency: "NZD"}) },
		"two currencies":        func(r *providers.StartRequest) { r.Items[0].Unit.Currency = "USD" },
		"a negative price":      func(r *providers.StartRequest) { r.Items[0].Unit.Minor, r.Items[1].Unit.Minor = -1, 2000 },
		"a count of none":       func(r *providers.StartRequest) { r.Items[0].Quantity = 0 },
		"items that do not add": func(r *providers.StartRequest) { r.Items[0].Unit.Minor++ },
		"no items":              func(r *providers.StartRequest) { r.Items = nil },
		"an overflow":           func(r *providers.StartRequest) { r.Items[0].Unit.Minor, r.Items[0].Quantity = 1<<62, 4 },
		"nothing to pay":        func(r *providers.StartRequest) { r.Amount.Minor, r.Items = 0, nil },
		"another method":        func(r *providers.StartRequest) { r.Method = "cash" },
		"no id":                 func(r *providers.StartRequest) { r.PaymentID = "" },
		"no e-mail address":     func(r *providers.StartRequest) { r.Buyer.Email = "" },
		"no way back":           func(r *providers.StartRequest) { r.PendingURL = "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, req := setup(t), request()
			spoil(&req)
			_, err := b.Start(t.Context(), req)
			if e := asError(t, err); e.Kind != providers.KindRejected || e.Status != 0 || len(b.log()) != 0 {
				t.Errorf("got %v, sent %q", e, b.log())
			}
		})
	}
}

// Without a key a second create would be a second order.
func TestStart_IsSentOnce(t *testing.T) {
	t.Parallel()
	for _, status := range []int{408, 409, 425, 429, 500, 502, 503, 504} {
		n := 0
		b := setup(t, func(cfg *gate.Config) {
			cfg.Transport = always(func(*http.Request) (int, string, string) { n++; return status, "text/plain", "no" })
		})
		_, err := b.Start(t.Context(), request())
		if asError(t, err); n != 1 {
			t.Errorf("%d: sent %d times", status, n)
		}
	}
}

func TestStart_Page(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		page any
		ok   bool
	}{
		{"none", nil, false},
		{"a host of the setting", "https://Pay.example/1", true},
		{"the base URL's scheme on a host of the setting", "http://pay.example/1", true},
		{"its other port", "https://pay.example:8443/1", false},
		{"another host", "https://evil.example/1", false},
		{"a host behind a user", "https://pay.example@evil.example/1", false},
		{"an allowed host with a user", "https://u@pay.example/1", false},
		{"script", "javascript:alert(1)//pay.example", false},
		{"relative", "/pay/1", false},
		{"no address", "http://[", false},
		{"a number", 7, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(cfg *gate.Config) { cfg.PageHosts = []string{"pay.EXAMPLE"} })
			b.shape = func(o object) { o["full_page_checkout"] = tt.page }
			to, err := b.Start(t.Context(), request())
			if tt.ok {
				if err != nil || to.URL != tt.page {
					t.Errorf("got %q, %v", to.URL, err)
				}
				return
			}
			if e := asError(t, err); e.Kind != providers.KindRejected || e.Status != http.StatusCreated || len(e.Raw) == 0 || e.Op != "start" {
				t.Errorf("got %+v", e)
			}
			if got := b.order(b.orders[0].ID).Status; got != "cancelled" {
				t.Errorf("the order that nobody can be sent to is %s", got)
			}
		})
	}
	t.Run("and it cannot be taken back", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.shape = func(o object) { delete(o, "full_page_checkout") }
		b.refuse["cancel"] = `{}`
		_, err := b.Start(t.Context(), request())
		if e := asError(t, err); e.Kind != providers.KindUnavailable {
			t.Errorf("got %+v", e)
		}
		to, found, err := b.Find(t.Context(), request())
		if err != nil || !found || to.Ref == "" || to.URL != "" {
			t.Errorf("found %+v, %v, %v", to, found, err)
		}
	})
}

func TestStart_Refusals(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, contentType, body string
		status                  int
		kind                    providers.Kind
		code                    string
	}{
		{"by field", "application/json", string(read(t, "error_fields.json")), 400, providers.KindRejected, "client.email:invalid, due:invalid, products.1.price:min_value"},
		{"as a whole", "application/json; charset=utf-8", string(read(t, "error_all.json")), 400, providers.KindRejected, "action_not_permitted"},
		{"both", "application/json", `{"a":[{"code":"x"}],"__all__":[{"message":"m"},{"code":"y"}]}`, 400, providers.KindRejected, "y, a:x"},
		{"under errors", "application/json", `{"errors":{"a":[{"code":"x","message":"m"}]}}`, 400, providers.KindRejected, "a:x"},
		{"texts alone", "application/json", `{"a":["This is required."],"b":"no","errors":["x"]}`, 400, providers.KindRejected, "a, b, errors"},
		{"odd types", "application/json", `{"a":[{"code":7,"message":8}],"b":null,"c":[[]],"d e":[{"code":"x"}],"e":[{"code":"Bob paid <b>"}]}`, 400, providers.KindRejected, "a:7, c, e"},
		{"too many", "application/json", `{"a":[{"code":"1"},{"code":"2"},{"code":"3"},{"code":"4"},{"code":"5"},{"code":"6"}]}`, 400, providers.KindRejected, "a:1, a:2, a:3, a:4, a:5"},
		{"too deep", "application/json", strings.Repeat(`{"a":`, 50) + `[{"code":"x"}]` + strings.Repeat("}", 50), 400, providers.KindRejected, ""},
		{"the number is taken", "application/json", `{"number":[{"message":"m","code":"unique"}]}`, 400, providers.KindUnavailable, "number:unique"},
		{"the number and more", "application/json", `{"number":[{"code":"unique"}],"due":[{"code":"invalid"}]}`, 400, providers.KindRejected, "due:invalid, number:unique"},
		{"not JSON by its type", "text/html", `{"__all__":[{"code":"x"}]}`, 400, providers.KindRejected, ""},
		{"not JSON by its body", "application/json", `<html>`, 400, providers.KindRejected, ""},
		{"a list", "application/json", `["x"]`, 400, providers.KindRejected, ""},
		{"a wrong key", "application/json", `{"__all__":[{"code":"invalid_key"}]}`, 401, providers.KindUnauthorized, "invalid_key"},
		{"a key that may not", "application/json", `{"__all__":[{"code":"forbidden"}]}`, 403, providers.KindUnauthorized, "forbidden"},
		{"too fast", "application/json", `{"__all__":[{"code":"throttled"}]}`, 429, providers.KindUnreachable, "throttled"},
		{"a 500 that says JSON", "application/json", `{"__all__":[{"code":"x"}]}`, 500, providers.KindUnavailable, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(cfg *gate.Config) {
				cfg.Transport = always(func(*http.Request) (int, string, string) { return tt.status, tt.contentType, tt.body })
			})
			_, err := b.Start(t.Context(), request())
			e := asError(t, err)
			if e.Kind != tt.kind || e.Code != tt.code || e.Status != tt.status || string(e.Raw) != tt.body {
				t.Errorf("got %+v with %q", e, e.Raw)
			}
			if strings.Contains(err.Error(), "Bob") || strings.Contains(err.Error(), "buyer@") {
				t.Errorf("what the Gate wrote is in %q", err)
			}
		})
	}
}

// The table of the page, whole, with every spelling that the parser's rule knows.
func TestStatuses(t *testing.T) {
	t.Parallel()
	none := providers.RefundState("")
	for _, tt := range []struct {
		label, wire string
		outcome     providers.Outcome
		refund      providers.RefundState
		reversal    providers.RefundState
		dispute     providers.Dispute
	}{
		{"Issued", "issued", providers.Open, none, none, ""},
		{"Viewed", "viewed", providers.Open, none, none, ""},
		{"In progress", "in_progress", providers.Processing, none, none, ""},
		{"Failed", "failed", providers.Open, none, none, ""},
		{"Hold", "hold", providers.Authorized, none, none, ""},
		{"Paid", "paid", providers.Paid, none, none, ""},
		{"Overdue", "overdue", providers.Open, none, none, ""},
		{"Expired", "expired", providers.Expired, none, none, ""},
		{"Cancelled", "cancelled", providers.Cancelled, none, none, ""},
		{"Canceled", "canceled", providers.Cancelled, none, none, ""},
		{"Rejected", "rejected", providers.Cancelled, none, none, ""},
		{"Recieved", "received", providers.Paid, none, none, ""}, //nolint:misspell // as the page has it
		{"Refund initiated", "refund_initiated", providers.Paid, providers.RefundPending, none, ""},
		{"Refunded", "refunded", providers.Paid, providers.RefundDone, none, ""},
		{"Refund failed", "refund_failed", providers.Paid, providers.RefundFailed, none, ""},
		{"Refund reversed", "refund_reversed", providers.Paid, providers.RefundReversed, none, ""},
		{"Reversal initiated", "reversal_initiated", providers.Paid, none, providers.RefundPending, ""},
		{"Reversed", "reversed", providers.Paid, none, providers.RefundDone, ""},
		{"Reversal failed", "reversal_failed", providers.Paid, none, providers.RefundFailed, ""},
		{"Chargeback", "chargeback", providers.Paid, none, none, providers.DisputeChargeback},
		{"Representation", "representation", providers.Paid, none, none, providers.DisputeRepresentation},
		{"Retrieval", "retrieval", providers.Paid, none, none, providers.DisputeRetrieval},
		{"Pre-arbitration", "prearbitration", providers.Paid, none, none, providers.DisputePrearbitration},
		{"Arbitration", "arbitration", providers.Paid, none, none, providers.DisputeArbitration},
		{"Pre-compliance", "precompliance", providers.Paid, none, none, providers.DisputePrecompliance},
		{"Compliance", "compliance", providers.Paid, none, none, providers.DisputeCompliance},
		{"Good faith", "good_faith", providers.Paid, none, none, providers.DisputeGoodFaith},
		{"Fraud advice", "fraud_advice", providers.Paid, none, none, providers.DisputeFraudAdvice},
		{"Created", "created", providers.Unknown, none, none, ""},
		{"Test", "test", providers.Unknown, none, none, ""},
		{"Draft", "draft", providers.Open, none, none, ""},
		{"Withdrawn", "withdrawn", providers.Paid, none, none, ""},
		{"Something New", "something_new", providers.Unknown, none, none, ""},
		{"", "  ", providers.Unknown, none, none, ""},
	} {
		t.Run(tt.wire, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			to, p := start(t, b)
			for _, word := range []string{tt.wire, tt.label, strings.ToUpper(tt.wire), strings.ReplaceAll(tt.wire, "_", ""), strings.ReplaceAll(tt.wire, "_", "-")} {
				b.set(to.Ref, word)
				got, err := b.Lookup(t.Context(), p)
				if err != nil || got.Outcome != tt.outcome || got.Word != word || got.Dispute != tt.dispute || got.Reversal != tt.reversal {
					t.Errorf("%q: got %+v, %v", word, got, err)
				}
				var refund providers.RefundState
				if len(got.Refunds) > 0 {
					refund = got.Refunds[0].State
				}
				if refund != tt.refund || len(got.Refunds) > 1 {
					t.Errorf("%q: refunds %+v", word, got.Refunds)
				}
			}
		})
	}
}

func TestReplies(t *testing.T) {
	t.Parallel()
	held := func(r *providers.Report) {
		r.Outcome, r.Word, r.Authorized = providers.Authorized, "hold", eur(2470)
		r.Refunded, r.Test = eur(0), true
	}
	for _, tt := range []struct {
		file, id string
		want     func(*providers.Report)
	}{
		{"order_minimum.json", "p7k2m9", func(r *providers.Report) { r.Outcome, r.Word, r.PaymentID = providers.Open, "issued", "" }},
		{"order_standard.json", "p7k2m9", held},
		{"order_full.json", "p7k2m9", func(r *providers.Report) {
			r.Outcome, r.Word, r.Authorized, r.Captured, r.Refunded = providers.Paid, "paid", eur(2470), eur(2000), eur(250)
			r.At = time.Unix(1714557711, 0).UTC()
		}},
		{"order_odd.json", "1001", func(r *providers.Report) {
			r.Outcome, r.Word, r.PaymentID, r.Captured = providers.Paid, "Refund initiated", "1001", eur(2470)
			r.Refunds = []providers.Refund{{State: providers.RefundPending, Word: "Refund initiated"}}
			r.At = time.Unix(1714557711, 0).UTC()
		}},
	} {
		t.Run(tt.file, func(t *testing.T) {
			t.Parallel()
			body := read(t, tt.file)
			b := setup(t, func(cfg *gate.Config) {
				cfg.Transport = always(func(*http.Request) (int, string, string) { return 200, "application/json", string(body) })
			})
			const ref = "5f1c9a3e-7d2b-4c7e-9a51-0c2f6f0f1a01"
			got, err := b.Lookup(t.Context(), providers.Payment{ID: tt.id, Ref: ref, Amount: eur(2470)})
			if err != nil {
				t.Fatal(err)
			}
			want := providers.Report{Ref: ref, PaymentID: "p7k2m9", Amount: eur(2470), Status: 200, Raw: body}
			tt.want(&want)
			if g, w := show(got), show(want); g != w {
				t.Errorf("got\n%s\nwant\n%s", g, w)
			}
		})
	}
}

// show is a report to compare.
func show(r providers.Report) string {
	b, _ := json.MarshalIndent(r, "", " ")
	return string(b)
}

func TestReplies_AmountsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, shape := range map[string]func(object){
		"three decimals":      func(o object) { o["total"] = json.Number("19.991") },
		"a made-up code":      func(o object) { o["currency"] = "ZZZ" },
		"no code":             func(o object) { delete(o, "currency") },
		"no total":            func(o object) { delete(o, "total") },
		"words":               func(o object) { o["total"] = "NaN" },
		"below zero":          func(o object) { o["total"] = json.Number("-1") },
		"an overflow":         func(o object) { o["total"] = json.Number("92233720368547758.08") },
		"a total that is odd": func(o object) { o["total"] = object{"amount": 1} },
	} {
		for _, status := range []string{"paid", "hold", "chargeback"} {
			b := setup(t)
			to, p := start(t, b)
			b.change(func(f *fake) { f.shape = shape })
			b.set(to.Ref, status)
			if got, err := b.Lookup(t.Context(), p); asError(t, err).Kind != providers.KindUnavailable {
				t.Errorf("%s, %s: got %+v, %v", name, status, got, err)
			}
		}
	}
}

func TestLookup_WrongOrder(t *testing.T) {
	t.Parallel()
	for name, shape := range map[string]func(object){
		"another id":     func(o object) { o["id"] = "another" },
		"another number": func(o object) { o["number"] = "another" },
		"no id":          func(o object) { delete(o, "id") },
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
		if _, err := b.Cancel(t.Context(), providers.Payment{Ref: ref}, ""); asError(t, err).Kind != providers.KindRejected {
			t.Errorf("%q: got %v", ref, err)
		}
	}
	_, err := b.Lookup(t.Context(), providers.Payment{Ref: "a/../../b?c"})
	if e := asError(t, err); e.Status != http.StatusNotFound || e.Code != "" && e.Code != "not_found" {
		t.Errorf("got %v", err)
	}
}

func FuzzOrder(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		f.Add(200, read(f, filepath.Base(file)))
		f.Add(400, read(f, filepath.Base(file)))
	}
	const ref, id = "5f1c9a3e-7d2b-4c7e-9a51-0c2f6f0f1a01", "p7k2m9"
	var status int
	var body []byte
	c, err := gate.New(gate.Config{
		BaseURL: "https://gate.decta.com/api/v0.6", SecretKey: secretKey, CallbackTokens: []providers.Secret{token}, Now: clock,
		Transport: always(func(*http.Request) (int, string, string) { return status, "application/json", string(body) }),
		Patience:  providers.Patience{Tries: 1, Cool: time.Nanosecond},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, code int, in []byte) {
		status, body = 200, in
		if code%2 == 1 || code >= 400 {
			status = 400
		}
		got, err := c.Lookup(t.Context(), providers.Payment{ID: id, Ref: ref})
		if err != nil {
			if e := asError(t, err); e.Kind != providers.KindUnavailable && e.Kind != providers.KindRejected || len(e.Code) > 2000 {
				t.Fatalf("got %v", err)
			}
			return
		}
		money := got.Outcome == providers.Paid || got.Outcome == providers.Authorized
		if got.Ref != ref || got.Amount.Minor < 0 || money && got.Amount.Currency == "" || got.Captured.Minor > got.Amount.Minor {
			t.Fatalf("got %+v", got)
		}
	})
}

func FuzzList(f *testing.F) {
	for _, seed := range []string{
		string(read(f, "list.json")), `{"results":[]}`, `{"next":"https://gate.decta.com/api/v0.6/orders/?cursor=a","results":[{"id":"1","number":null}]}`,
		`{"next":"abc","results":[{"id":"1","number":"x"}]}`, `{"next":7,"results":[]}`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	var body []byte
	c, err := gate.New(gate.Config{
		BaseURL: "https://gate.decta.com/api/v0.6", SecretKey: secretKey, CallbackTokens: []providers.Secret{token}, Now: clock,
		Transport: always(func(r *http.Request) (int, string, string) {
			if r.URL.Host != "gate.decta.com" || !strings.HasPrefix(r.URL.Path, "/api/v0.6/orders/") {
				return 599, "text/plain", "led astray"
			}
			return 200, "application/json", string(body)
		}),
		Patience: providers.Patience{Tries: 1, Cool: time.Nanosecond},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		body = in
		_, found, err := c.Find(t.Context(), request())
		if err != nil {
			if e := asError(t, err); e.Kind != providers.KindUnavailable || e.Status == 599 {
				t.Fatalf("got %v", err)
			}
		}
		if err != nil && found {
			t.Fatal("found with an error")
		}
	})
}
