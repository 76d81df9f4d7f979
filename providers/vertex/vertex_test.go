package vertex_test

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
	"till/providers/providertest"
	"till/providers/vertex"
)

const key = "0b8f1f5e-3c1d-4b51-9a53-6a3a44a5a009"

func TestConforms(t *testing.T) {
	t.Parallel()
	for mode, sign := range map[string]func(string, []byte) string{vertex.SignHMAC: signHMAC, vertex.SignConcat: signConcat} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			providertest.Run(t, func(t *testing.T) providertest.Bench {
				b := setup(t, func(cfg *vertex.Config) {
					cfg.SignMode, cfg.Currencies = mode, []money.Currency{"NZD", "CLP", "KWD", "PHP"}
				})
				return providertest.Bench{
					Provider: b.Client, Server: b.server, Opened: b.opened, Set: b.set, Sum: b.sum,
					Words: map[providers.Outcome]string{
						providers.Open: "in_progress", providers.Paid: "completed",
						providers.Cancelled: "cancelled", providers.Declined: "failed", providers.NeedsPerson: "need_action",
					},
					Person: func(ref string) {
						b.of(ref, func(o *fakeOrder) {
							o.Status = "need_action"
							o.add("payment", "completed", o.Amount)
						})
					},
					Links:    &providertest.Links{},
					Bare:     true,
					Optional: []string{"id", "shopId", "timeLimit", "orderCreatedAt", "orderPaidAt", "autoCapture"},
					Deliver: func(ref string) providers.Delivery {
						var body []byte
						b.of(ref, func(o *fakeOrder) { body, _ = json.Marshal(object{"data": b.shown(o)}) })
						return signed(sign(secret, body), body)
					},
					Sign:            func(body []byte) providers.Delivery { return signed(sign(secret, body), body) },
					Forge:           func(body []byte) providers.Delivery { return signed(sign(stranger, body), body) },
					SignatureHeader: "api-notification-sign",
					Secrets:         []string{token, secret, former},
					Config:          b.cfg,
				}
			})
		})
	}
}

func nzd(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "NZD"} }

func request() providers.StartRequest {
	req := providertest.Request(nzd(1999))
	req.Buyer = providers.Buyer{Name: "Ada Rimu", Email: "ada@example.test"}
	return req
}

func start(t *testing.T, b bench, with ...func(*providers.StartRequest)) providers.Payment {
	t.Helper()
	req := request()
	for _, w := range with {
		w(&req)
	}
	to, err := b.Start(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return providers.Payment{ID: req.PaymentID, Ref: to.Ref, Amount: req.Amount, Data: to.Data}
}

// pay starts a payment whose order has come to a status with these payments.
func pay(t *testing.T, b bench, status string, with func(o *fakeOrder)) providers.Payment {
	t.Helper()
	p := start(t, b)
	b.of(p.Ref, func(o *fakeOrder) {
		o.Status = status
		with(o)
	})
	return p
}

func lookup(t *testing.T, b bench, p providers.Payment) providers.Report {
	t.Helper()
	r, err := b.Lookup(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func asError(t *testing.T, err error) *providers.Error {
	t.Helper()
	var e *providers.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *providers.Error", err)
	}
	return e
}

func wantKind(t *testing.T, err error, want providers.Kind) *providers.Error {
	t.Helper()
	e := asError(t, err)
	if e.Kind != want {
		t.Fatalf("got %v, want %s", e, want)
	}
	return e
}

func TestNew_NamesEverySettingAtFault(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		cfg  vertex.Config
		want []string
	}{
		{"nothing set", vertex.Config{}, []string{
			"VERTEX_BASE_URL is required", "VERTEX_TOKEN is required", "VERTEX_SHOP_ID is required", "VERTEX_CALLBACK_SECRET is required", "clock",
		}},
		{"all at once", config(func(cfg *vertex.Config) {
			cfg.BaseURL, cfg.Token, cfg.ShopID = "http://gateway.example", "hunter2 ", "0"
			cfg.CallbackSecrets = []providers.Secret{"hunter2", ""}
			cfg.SignMode, cfg.Capture, cfg.Mail = "md5", "later", "both"
			cfg.Currencies, cfg.PageHosts = []money.Currency{"NZD", "NZD", "USDT"}, []string{"https://x", ""}
		}), []string{
			"VERTEX_BASE_URL must be https", "VERTEX_TOKEN holds a space", "VERTEX_SHOP_ID", "VERTEX_CALLBACK_SECRET holds an empty",
			`VERTEX_SIGN_MODE: "md5" is neither hmac nor concat`, `VERTEX_CAPTURE: "later" is neither auto nor manual`,
			`VERTEX_MAIL: "both" is neither shop nor gateway`, "NZD twice", `"USDT" is not a currency`, `VERTEX_PAGE_HOSTS: "https://x"`,
		}},
		{"not absolute", config(func(cfg *vertex.Config) { cfg.BaseURL = "gateway.example/api/v1" }), []string{"VERTEX_BASE_URL is not an absolute"}},
		{"a password in the URL", config(func(cfg *vertex.Config) { cfg.BaseURL = "https://u:hunter2@gateway.example" }), []string{"must not hold a user"}},
		{"no currency", config(func(cfg *vertex.Config) { cfg.Currencies = []money.Currency{} }), []string{"VERTEX_CURRENCIES is empty"}},
		{"a shop with a name", config(func(cfg *vertex.Config) { cfg.ShopID = "kauri" }), []string{`VERTEX_SHOP_ID: "kauri"`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := vertex.New(tt.cfg)
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

func TestPageOrigins(t *testing.T) {
	t.Parallel()
	const test = "https://payment-page.stage.vertexgateway.com"
	for base, want := range map[string][]string{
		"https://gateway.stage.vertexgateway.com/api/v1": {"https://gateway.stage.vertexgateway.com", test},
		"https://gateway.live.example/api/v1":            {"https://gateway.live.example", "https://payment-page.live.example", test},
		"http://127.0.0.1:8081/vertex/api/v1":            {"http://127.0.0.1:8081", test},
	} {
		c, err := vertex.New(config(func(cfg *vertex.Config) { cfg.BaseURL = base }))
		if err != nil {
			t.Fatal(err)
		}
		got := c.PageOrigins()
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", base, got, want)
		}
	}
	c, err := vertex.New(config(func(cfg *vertex.Config) { cfg.PageHosts = []string{" Pay.Example:8443 "} }))
	if err != nil || !slices.Contains(c.PageOrigins(), "https://pay.example:8443") {
		t.Errorf("got %q, %v", c.PageOrigins(), err)
	}
	if got := c.Currencies(); !slices.Equal(got, []money.Currency{"NZD", "USD", "SBD"}) {
		t.Errorf("got %q", got)
	}
}

// What is sent, byte by byte.
func TestStart_Body(t *testing.T) {
	t.Parallel()
	const urls = `"redirectUrls":{"success":"https://shop.test/return/p7k2m9/success","failure":"https://shop.test/return/p7k2m9/error"},` +
		`"webhookUrl":"https://shop.test/callbacks/x"`
	order := `"shopId":115,"order":{"orderNumber":"p7k2m9","cost":{"amount":"19.99","currency":"NZD"}},`
	for _, tt := range []struct {
		name string
		cfg  func(*vertex.Config)
		req  func(*providers.StartRequest)
		want string
	}{
		{"the buyer chooses there", nil, nil, `{` + order + `"paymentSettings":{"autoCapture":true,` + urls + `}}`},
		{
			"a method of ours", nil, func(r *providers.StartRequest) { r.Method = "card/alps/lyra/cnp/redirect" },
			`{` + order + `"paymentSettings":{"instrumentType":"card","providerCode":"alps","acquirerCode":"lyra","entryMode":"cnp","dataEntryMode":"redirect","autoCapture":true,` + urls + `}}`,
		},
		{
			"a method with gaps", nil, func(r *providers.StartRequest) { r.Method = "wallet/al%2Fps///" },
			`{` + order + `"paymentSettings":{"instrumentType":"wallet","providerCode":"al/ps","autoCapture":true,` + urls + `}}`,
		},
		{"reserved, with an end", nil, func(r *providers.StartRequest) {
			r.Reserve, r.Due = true, time.Date(2030, 6, 15, 22, 51, 49, 86e6, time.FixedZone("NZST", 12*3600))
		}, `{` + order + `"paymentSettings":{"autoCapture":false,"timeLimit":"2030-06-15T10:51:49.086Z",` + urls + `}}`},
		{
			"reserved by the setting", func(cfg *vertex.Config) { cfg.Capture = vertex.CaptureManual }, nil,
			`{` + order + `"paymentSettings":{"autoCapture":false,` + urls + `}}`,
		},
		{
			"the gateway mails", func(cfg *vertex.Config) { cfg.Mail = vertex.MailGateway }, nil,
			`{` + order + `"customer":{"firstName":"Ada","lastName":"Rimu","email":"ada@example.test"},"paymentSettings":{"autoCapture":true,` + urls + `}}`,
		},
		{
			"the gateway would mail, but half a name is none", func(cfg *vertex.Config) { cfg.Mail = vertex.MailGateway },
			func(r *providers.StartRequest) { r.Buyer.Name = "Ada" }, `{` + order + `"paymentSettings":{"autoCapture":true,` + urls + `}}`,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if tt.cfg == nil {
				tt.cfg = func(*vertex.Config) {}
			}
			if tt.req == nil {
				tt.req = func(*providers.StartRequest) {}
			}
			b := setup(t, tt.cfg)
			start(t, b, tt.req)
			if got := b.last(); got != tt.want {
				t.Errorf("sent\n%s, want\n%s", got, tt.want)
			}
			var req providers.StartRequest
			req.Buyer = request().Buyer
			tt.req(&req)
			if got, want := b.MailsBuyer(req.Buyer), strings.Contains(tt.want, `"email"`); got != want {
				t.Errorf("it says that the gateway mails: %v", got)
			}
		})
	}
}

// A link is an order, which takes its time limit with it and is sent once.
func TestMakeLink(t *testing.T) {
	t.Parallel()
	b := setup(t)
	req := request()
	req.Due = time.Date(2030, 7, 1, 0, 0, 0, 0, time.UTC)
	to, err := b.MakeLink(t.Context(), req)
	if err != nil || to.Ref != "p7k2m9" || !strings.HasPrefix(to.URL, b.server.URL+"/payment?") || to.Report.Outcome != providers.Open {
		t.Fatalf("got %+v, %v", to, err)
	}
	if !strings.Contains(b.last(), `"timeLimit":"2030-07-01T00:00:00.000Z"`) {
		t.Errorf("sent %s", b.last())
	}
	_, err = b.MakeLink(t.Context(), req)
	if e := wantKind(t, err, providers.KindUnavailable); e.Op != "link" || b.count("POST /api/v1/order") != 2 || b.opened() != 1 {
		t.Errorf("again: got %v after %d creates of %d orders", e, b.count("POST /api/v1/order"), b.opened())
	}
	req.PaymentID = "p7k2m9-"
	_, err = b.MakeLink(t.Context(), req)
	if e := wantKind(t, err, providers.KindRejected); e.Op != "link" || b.count("POST /api/v1/order") != 2 {
		t.Errorf("got %v", e)
	}
}

func TestStart_RefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*providers.StartRequest){
		"no number":               func(r *providers.StartRequest) { r.PaymentID = "" },
		"a hyphen at the end":     func(r *providers.StartRequest) { r.PaymentID = "p-" },
		"another alphabet":        func(r *providers.StartRequest) { r.PaymentID = "плата" },
		"too long":                func(r *providers.StartRequest) { r.PaymentID = strings.Repeat("x", 256) },
		"another currency":        func(r *providers.StartRequest) { r.Amount.Currency = "EUR" },
		"nothing to pay":          func(r *providers.StartRequest) { r.Amount.Minor = 0 },
		"nowhere to call":         func(r *providers.StartRequest) { r.CallbackURL = "" },
		"nowhere to go":           func(r *providers.StartRequest) { r.ErrorURL = "" },
		"a method of another":     func(r *providers.StartRequest) { r.Method = "stripe/credit-cards" },
		"a method of nothing":     func(r *providers.StartRequest) { r.Method = "////" },
		"a method badly escaped":  func(r *providers.StartRequest) { r.Method = "card/%zz///" },
		"a transfer, on reserve":  func(r *providers.StartRequest) { r.Method, r.Reserve = "bank_transfer/alps///", true },
		"a wallet with no issuer": func(r *providers.StartRequest) { r.Method = "wallet////redirect" },
	} {
		b := setup(t)
		req := request()
		change(&req)
		_, err := b.Start(t.Context(), req)
		if e := wantKind(t, err, providers.KindRejected); e.Err == nil || len(b.log()) != 0 {
			t.Errorf("%s: got %v after %q", name, e, b.log())
		}
	}
}

// A create is never sent twice, and a refusal is believed only when the order is
// certainly not there.
func TestStart_WhenTheNumberMayBeTaken(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		status int  // of the create
		taken  bool // the order is there already
		look   int  // status of the look-up; 0 is the truth
		want   providers.Kind
	}{
		{"refused, and not there", 400, false, 0, providers.KindRejected},
		{"refused, for it is there", 0, true, 0, providers.KindUnavailable},
		{"refused, and nobody can say", 400, false, 503, providers.KindUnavailable},
		{"refused, and we may not look", 422, false, 403, providers.KindUnavailable},
		{"in conflict", 409, false, 0, providers.KindUnavailable},
		{"not let in", 401, false, 0, providers.KindUnauthorized},
		{"broken", 500, false, 0, providers.KindUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			if tt.taken {
				start(t, b)
			}
			b.change(func() { b.refuse["/api/v1/order"], b.refuse["/api/v1/order/115/p7k2m9"] = tt.status, tt.look })
			_, err := b.Start(t.Context(), request())
			e := wantKind(t, err, tt.want)
			creates := b.count("POST /api/v1/order")
			if tt.taken {
				creates--
			}
			if creates != 1 || e.Op != "start" || (e.Code == "") != (tt.status == 500) {
				t.Errorf("%d creates; %+v", creates, e)
			}
		})
	}
}

func TestStart_Answers(t *testing.T) {
	t.Parallel()
	const page = "https://payment-page.stage.vertexgateway.com/payment?session-id=x&page-id=7"
	for _, tt := range []struct {
		name, body string
		want       providers.Kind // empty when it is good
	}{
		{"good", `{"data":{"orderNumber":"p7k2m9","paymentLink":"` + page + `"}}`, ""},
		{"without its number", `{"data":{"paymentLink":"` + page + `"},"more":1}`, ""},
		{"another's", `{"data":{"orderNumber":"p7k2m8","paymentLink":"` + page + `"}}`, providers.KindUnavailable},
		{"nothing in it", `{"data":{}}`, providers.KindUnavailable},
		{"a list", `{"data":[]}`, providers.KindUnavailable},
		{"no link", `{"data":{"orderNumber":"p7k2m9"}}`, providers.KindRejected},
		{"a link of an odd type", `{"data":{"orderNumber":"p7k2m9","paymentLink":{}}}`, providers.KindRejected},
		{"a foreign link", `{"data":{"orderNumber":"p7k2m9","paymentLink":"https://evil.example/pay"}}`, providers.KindRejected},
		{"a link in the clear", `{"data":{"orderNumber":"p7k2m9","paymentLink":"http://payment-page.stage.vertexgateway.com/"}}`, providers.KindRejected},
		{"a link with a user", `{"data":{"orderNumber":"p7k2m9","paymentLink":"https://payment-page.stage.vertexgateway.com@evil.example/"}}`, providers.KindRejected},
		{"a path", `{"data":{"orderNumber":"p7k2m9","paymentLink":"/payment"}}`, providers.KindRejected},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := vertex.New(config(func(cfg *vertex.Config) {
				cfg.Transport = answers(func(*http.Request) (int, string) { return 200, tt.body })
			}))
			if err != nil {
				t.Fatal(err)
			}
			to, err := c.Start(t.Context(), request())
			if tt.want == "" {
				if err != nil || to.URL != page || to.Ref != "p7k2m9" || to.Report.Word != "in_progress" || to.Report.Status != 200 || to.Report.PaymentID != "p7k2m9" {
					t.Errorf("got %+v, %v", to, err)
				}
				return
			}
			if e := wantKind(t, err, tt.want); string(e.Raw) != tt.body {
				t.Errorf("kept %q", e.Raw)
			}
		})
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	t.Run("there, with a link after all", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		start(t, b)
		b.change(func() { b.shape = func(o object) { o["paymentLink"] = b.server.URL + "/payment?session-id=x" } })
		to, found, err := b.Find(t.Context(), request())
		if err != nil || !found || to.Ref != "p7k2m9" || to.URL != b.server.URL+"/payment?session-id=x" || to.Report.Amount != nzd(1999) {
			t.Errorf("got %+v, %v, %v", to, found, err)
		}
		b.set("p7k2m9", "completed")
		if to, _, _ = b.Find(t.Context(), request()); to.URL != "" || to.Report.Outcome != providers.Paid {
			t.Errorf("paid: got %+v", to)
		}
	})
	for _, tt := range []struct {
		name, body string
		status     int
		want       providers.Kind // empty when it is certainly not there
	}{
		{"not there", `{"code":"404","title":"Not found","detail":"x"}`, 404, ""},
		{"a proxy's 404", `<html>404</html>`, 404, providers.KindUnavailable},
		{"an empty 404", ``, 404, providers.KindUnavailable},
		{"another JSON", `{"message":"no route"}`, 404, providers.KindUnavailable},
		{"wrong parameters", `{"code":"400"}`, 400, providers.KindUnavailable},
		{"not let in", `{"code":"401"}`, 401, providers.KindUnauthorized},
		{"down", ``, 503, providers.KindUnavailable},
		{"too many", ``, 429, providers.KindUnreachable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, err := vertex.New(config(func(cfg *vertex.Config) {
				cfg.Transport = answers(func(*http.Request) (int, string) { return tt.status, tt.body })
			}))
			if err != nil {
				t.Fatal(err)
			}
			to, found, err := c.Find(t.Context(), request())
			if found || to.Ref != "" {
				t.Errorf("found %+v", to)
			}
			if tt.want == "" {
				if err != nil {
					t.Errorf("got %v", err)
				}
				return
			}
			wantKind(t, err, tt.want)
		})
	}
}

// The whole table of §6, with both spellings and what came of the payments.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	none := func(*fakeOrder) {}
	with := func(kind, status string) func(*fakeOrder) {
		return func(o *fakeOrder) { o.add(kind, status, o.Amount) }
	}
	hold := func(status string) func(*fakeOrder) {
		return func(o *fakeOrder) { o.AutoCapture = false; o.add("payment", status, o.Amount) }
	}
	due := func(more func(*fakeOrder)) func(*fakeOrder) {
		return func(o *fakeOrder) { o.Due = "2030-06-15T10:51:49.086Z"; more(o) }
	}
	for _, tt := range []struct {
		name, status string
		with         func(*fakeOrder)
		want         providers.Outcome
	}{
		{"not paid", "in_progress", none, providers.Open},
		{"clearing", "in_progress", with("payment", "in_progress"), providers.Processing},
		{"clearing, reserved by itself", "in_progress", with("payment", "authorized"), providers.Processing},
		{"clearing, taken", "in_progress", with("payment", "completed"), providers.Processing},
		{"clearing, in a word that we do not know", "in_progress", with("payment", "settling"), providers.Processing},
		{"clearing, in no word", "in_progress", with("payment", ""), providers.Processing},
		{"one attempt failed", "in_progress", with("payment", "failed"), providers.Open},
		{"one attempt was given up", "in_progress", with("payment", "canceled"), providers.Open},
		{"one attempt failed, the next is under way", "in_progress", func(o *fakeOrder) {
			o.add("payment", "failed", o.Amount)
			o.add("payment", "in_progress", o.Amount)
		}, providers.Processing},
		{"reserved", "in_progress", hold("authorized"), providers.Authorized},
		{"reserved, being taken", "in_progress", hold("in_progress"), providers.Processing},
		{"reserved, taken", "in_progress", hold("completed"), providers.Processing},
		{"cleared", "completed", with("payment", "completed"), providers.Paid},
		{"cleared, in capitals", "COMPLETED ", with("payment", "completed"), providers.Paid},
		{"refunded", "refunded", with("refund", "completed"), providers.Paid},
		{"nobody came", "failed", due(none), providers.Expired},
		{"nobody came in time, but tried", "failed", due(with("payment", "failed")), providers.Declined},
		{"failed", "failed", with("payment", "failed"), providers.Declined},
		{"failed of itself", "failed", none, providers.Declined},
		{"cancelled", "cancelled", none, providers.Cancelled},
		{"cancelled, in the older spelling", "canceled", with("payment", "cancelled"), providers.Cancelled},
		{"rejected", "rejected", with("payment", "cancelled"), providers.Cancelled},
		{"cancelled, and the money sent back", "cancelled", func(o *fakeOrder) {
			o.add("payment", "completed", o.Amount)
			o.add("refund", "completed", o.Amount)
		}, providers.Cancelled},
		{"failed, yet money was taken", "failed", with("payment", "completed"), providers.NeedsPerson},
		{"cancelled, yet money was taken", "cancelled", with("payment", "completed"), providers.NeedsPerson},
		{"someone must look", "need_action", none, providers.NeedsPerson},
		{"someone must look, though the sum is right", "need_action", with("payment", "completed"), providers.NeedsPerson},
		{"failed, yet money was taken, and more is on its way", "failed", func(o *fakeOrder) {
			o.add("payment", "completed", "5.00")
			o.add("payment", "in_progress", "14.99")
		}, providers.NeedsPerson},
		{"cancelled, yet money was taken, and nobody says how much", "cancelled", func(o *fakeOrder) { o.add("payment", "completed", "?") }, providers.NeedsPerson},
		{"rejected, yet money was taken", "rejected", with("payment", "completed"), providers.NeedsPerson},
		{"another sum was paid, and more is on its way", "need_action", func(o *fakeOrder) {
			o.add("payment", "completed", "5.00")
			o.add("payment", "in_progress", "14.99")
		}, providers.NeedsPerson},
		{"another sum was paid", "need_action", func(o *fakeOrder) { o.add("payment", "completed", "5.00") }, providers.Paid},
		{"a word that we do not know", "on_hold", with("payment", "completed"), providers.Unknown},
		{"no word", "", none, providers.Unknown},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			p := pay(t, b, tt.status, tt.with)
			got := lookup(t, b, p)
			if got.Outcome != tt.want || got.Word != tt.status || got.Ref != p.Ref || got.PaymentID != p.ID || got.Status != 200 || len(got.Raw) == 0 {
				t.Errorf("got %+v, want %s", got, tt.want)
			}
			if tt.want == providers.NeedsPerson && got.Reversal != "" {
				t.Errorf("money is there, and the reversal is %s", got.Reversal)
			}
			if got.At != time.Date(2030, 6, 15, 10, 0, 0, 0, time.UTC) {
				t.Errorf("at %s", got.At)
			}
		})
	}
}

func TestReport_Sums(t *testing.T) {
	t.Parallel()
	zero := money.Amount{}
	for _, tt := range []struct {
		name, status                           string
		with                                   func(*fakeOrder)
		amount, authorized, captured, refunded money.Amount
	}{
		{"the buyer paid less", "need_action", func(o *fakeOrder) { o.add("payment", "completed", "5.00") }, nzd(500), zero, nzd(500), zero},
		{"the buyer changed the sum", "in_progress", func(o *fakeOrder) { o.Amount = "20.50"; o.add("payment", "in_progress", "20.50") }, nzd(2050), zero, zero, zero},
		{"paid in two", "completed", func(o *fakeOrder) { o.add("payment", "completed", "9.99"); o.add("payment", "completed", "10.00") }, nzd(1999), zero, nzd(1999), zero},
		{"cleared, but less than it says", "completed", func(o *fakeOrder) { o.add("payment", "completed", "9.99") }, nzd(999), zero, nzd(999), zero},
		{"cleared, in words that we do not know", "completed", func(o *fakeOrder) { o.add("payment", "settled", "9.99") }, nzd(1999), zero, zero, zero},
		{"cleared after a failed attempt", "completed", func(o *fakeOrder) { o.add("payment", "failed", "19.99"); o.add("payment", "completed", "19.99") }, nzd(1999), zero, nzd(1999), zero},
		{"reserved", "in_progress", func(o *fakeOrder) { o.AutoCapture = false; o.add("payment", "authorized", "19.99") }, nzd(1999), nzd(1999), zero, zero},
		{"reserved, less", "in_progress", func(o *fakeOrder) { o.AutoCapture = false; o.add("payment", "authorized", "19.98") }, nzd(1998), nzd(1998), zero, zero},
		{"partly back", "refunded", func(o *fakeOrder) {
			o.add("payment", "completed", "19.99")
			o.add("refund", "completed", "5.00")
			o.add("refund", "", "1.00")
			o.add("refund", "in_progress", "2.00")
			o.add("refund", "failed", "3.00")
		}, nzd(1999), zero, nzd(1999), nzd(600)},
		{"back, with a sign", "refunded", func(o *fakeOrder) { o.add("payment", "completed", "19.99"); o.add("Refund", "completed", "-19.99") }, nzd(1999), zero, nzd(1999), nzd(1999)},
		{"back, but nobody says how much", "refunded", func(o *fakeOrder) {
			o.add("payment", "completed", "19.99")
			o.add("refund", "completed", "?")
		}, nzd(1999), zero, nzd(1999), zero},
		{"someone must look, nothing is there", "need_action", func(*fakeOrder) {}, nzd(1999), zero, zero, zero},
		{"someone must look, the sum is right", "need_action", func(o *fakeOrder) { o.add("payment", "completed", "19.99") }, nzd(1999), zero, nzd(1999), zero},
		{"someone must look, and a part is back", "need_action", func(o *fakeOrder) {
			o.add("payment", "completed", "19.99")
			o.add("refund", "completed", "5.00")
		}, nzd(1999), zero, nzd(1999), nzd(500)},
		{"someone must look, some is reserved", "need_action", func(o *fakeOrder) {
			o.add("payment", "completed", "5.00")
			o.add("payment", "authorized", "14.99")
		}, nzd(1999), nzd(1499), nzd(500), zero},
		{"failed, yet a part was taken", "failed", func(o *fakeOrder) { o.add("payment", "completed", "5.00") }, nzd(1999), zero, nzd(500), zero},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			got := lookup(t, b, pay(t, b, tt.status, tt.with))
			if got.Amount != tt.amount || got.Authorized != tt.authorized || got.Captured != tt.captured || got.Refunded != tt.refunded {
				t.Errorf("got %s, reserved %s, taken %s, back %s", got.Amount, got.Authorized, got.Captured, got.Refunded)
			}
		})
	}
	b := setup(t)
	got := lookup(t, b, pay(t, b, "refunded", func(o *fakeOrder) {
		o.add("payment", "completed", "19.99")
		o.add("refund", "completed", "5.00")
		o.add("refund", "reviewing", "2.00")
		o.add("refund", "cancelled", "3.00")
	}))
	want := []providers.Refund{
		{Ref: "pay-2", State: providers.RefundDone, Amount: nzd(500), Word: "completed"},
		{Ref: "pay-3", State: providers.RefundPending, Amount: nzd(200), Word: "reviewing"},
		{Ref: "pay-4", State: providers.RefundFailed, Amount: nzd(300), Word: "cancelled"},
	}
	if len(got.Refunds) != len(want) {
		t.Fatalf("got %+v", got.Refunds)
	}
	for i, w := range want {
		if g := got.Refunds[i]; g.Ref != w.Ref || g.State != w.State || g.Amount != w.Amount || g.Word != w.Word {
			t.Errorf("got %+v, want %+v", g, w)
		}
	}
}

func TestLookup_AnswersThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	for name, shape := range map[string]func(object){
		"another order":          func(o object) { o["orderNumber"] = "p7k2m8" },
		"no number":              func(o object) { delete(o, "orderNumber") },
		"another shop":           func(o object) { o["shopId"] = 116 },
		"another shop, as text":  func(o object) { o["shopId"] = "116" },
		"a made-up currency":     func(o object) { o["cost"] = object{"amount": "1.00", "currency": "ZZZ"} },
		"too many decimals":      func(o object) { o["cost"] = object{"amount": "1.001", "currency": "NZD"} },
		"words":                  func(o object) { o["cost"] = object{"amount": "NaN", "currency": "NZD"} },
		"no amount":              func(o object) { o["cost"] = object{"currency": "NZD"} },
		"a cost that is a text":  func(o object) { o["cost"] = "19.99 NZD" },
		"paid, but not how much": func(o object) { delete(o, "cost") },
	} {
		b := setup(t)
		p := pay(t, b, "completed", func(*fakeOrder) {})
		b.change(func() { b.shape = shape })
		_, err := b.Lookup(t.Context(), p)
		if e := wantKind(t, err, providers.KindUnavailable); len(e.Raw) == 0 || e.Err == nil {
			t.Errorf("%s: got %+v", name, e)
		}
	}
	b := setup(t)
	for _, ref := range []string{"", "..", "a/b", "a?b", "a\nb", strings.Repeat("x", 300)} {
		_, err := b.Lookup(t.Context(), providers.Payment{Ref: ref})
		wantKind(t, err, providers.KindRejected)
	}
	if len(b.log()) != 0 {
		t.Errorf("asked %q", b.log())
	}
}

// Payments that are no list may be anything, so the order says nothing; those
// that are missing are none.
func TestLookup_OddPayments(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		payments any
		want     providers.Outcome
	}{
		"none":         {nil, providers.Open},
		"no list":      {object{"a": 1}, providers.Unknown},
		"a text":       {"x", providers.Unknown},
		"odd items":    {[]any{nil}, providers.Processing},
		"an odd type":  {[]any{object{"paymentType": 7, "cost": 1}}, providers.Processing},
		"other names":  {[]any{object{"id": 5, "status": "failed"}}, providers.Open},
		"a refund yet": {[]any{object{"paymentType": "refund"}}, providers.Open},
	} {
		b := setup(t)
		p := start(t, b)
		b.change(func() { b.shape = func(o object) { o["payments"] = tt.payments } })
		if got := lookup(t, b, p); got.Outcome != tt.want || got.Amount != nzd(1999) {
			t.Errorf("%s: got %+v, want %s", name, got, tt.want)
		}
	}
}

func TestReplies(t *testing.T) {
	t.Parallel()
	php := func(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "PHP"} }
	for file, want := range map[string]providers.Report{
		"order_open.json":          {Outcome: providers.Open, Amount: php(5699), Word: "in_progress"},
		"order_clearing.json":      {Outcome: providers.Processing, Amount: php(5699), Word: "in_progress"},
		"order_authorized.json":    {Outcome: providers.Authorized, Amount: php(5699), Word: "in_progress", Authorized: php(5699)},
		"order_completed.json":     {Outcome: providers.Paid, Amount: php(5699), Word: "completed", Captured: php(5699)},
		"order_refunded_part.json": {Outcome: providers.Paid, Amount: php(5699), Word: "refunded", Captured: php(5699), Refunded: php(1000)},
		"order_need_action.json":   {Outcome: providers.Paid, Amount: php(5000), Word: "need_action", Captured: php(5000)},
		"order_clp.json":           {Outcome: providers.Paid, Amount: money.Amount{Minor: 56, Currency: "CLP"}, Word: "completed"},
		"order_odd.json":           {Outcome: providers.Paid, Amount: php(5699), Word: " Completed "},
		"order_old.json":           {Outcome: providers.Cancelled, Amount: php(5699), Word: "canceled"},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			body := string(read(t, file))
			c, err := vertex.New(config(func(cfg *vertex.Config) {
				cfg.Transport = answers(func(*http.Request) (int, string) { return 200, body })
			}))
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.Lookup(t.Context(), providers.Payment{ID: "WEB-000123", Ref: "WEB-000123"})
			if err != nil || got.Outcome != want.Outcome || got.Amount != want.Amount || got.Word != want.Word ||
				got.Authorized != want.Authorized || got.Captured != want.Captured || got.Refunded != want.Refunded || string(got.Raw) != body {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// The HTTP status alone tells refusals apart, not the code in the body.
func TestErrors(t *testing.T) {
	t.Parallel()
	body := string(read(t, "error.json"))
	for status, want := range map[int]providers.Kind{
		400: providers.KindRejected, 401: providers.KindUnauthorized, 403: providers.KindUnauthorized, 404: providers.KindRejected,
		409: providers.KindUnavailable, 412: providers.KindRejected, 422: providers.KindRejected, 429: providers.KindUnreachable,
		500: providers.KindUnavailable, 502: providers.KindUnavailable, 503: providers.KindUnavailable,
	} {
		c, err := vertex.New(config(func(cfg *vertex.Config) {
			cfg.Transport = answers(func(*http.Request) (int, string) { return status, body })
		}))
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Lookup(t.Context(), providers.Payment{Ref: "p1"})
		e := wantKind(t, err, want)
		if code := map[bool]string{true: "401"}[status < 500]; e.Code != code || strings.Contains(err.Error(), "AAAA") || string(e.Raw) != body {
			t.Errorf("%d: got %+v", status, e)
		}
	}
}

func TestNextAsk(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, tt := range []struct {
		outcome providers.Outcome
		asked   int
		want    time.Duration
	}{
		{providers.Open, -1, 5 * time.Second},
		{providers.Open, 0, 5 * time.Second},
		{providers.Open, 4, time.Minute},
		{providers.Unknown, 5, 5 * time.Minute},
		{providers.Open, 300, 6 * time.Hour},
		{providers.Processing, 0, time.Hour},
		{providers.Processing, 95, time.Hour},
		{providers.Processing, 96, 24 * time.Hour},
		{providers.Authorized, 1, time.Hour},
		{providers.NeedsPerson, 0, time.Hour},
		{providers.NeedsPerson, 96, 24 * time.Hour},
	} {
		if got := b.NextAsk(tt.outcome, tt.asked); got != tt.want {
			t.Errorf("%s after %d: %s, want %s", tt.outcome, tt.asked, got, tt.want)
		}
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
