package pgm_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"till/money"
	"till/providers"
	"till/providers/pgm"
)

const token = "sub_secret/1" // of the fake's first subscription

// monthly is a subscription of a year at the service's own charge.
func monthly(method string) providers.SubscribeRequest {
	return providers.SubscribeRequest{StartRequest: request(method), Unit: providers.Month, Count: 1, Times: 12, Automatic: true}
}

// daily is one that we charge, without end.
func daily(method string) providers.SubscribeRequest {
	return providers.SubscribeRequest{StartRequest: request(method), Unit: providers.Day, Count: 30}
}

func subscribed(t *testing.T, b bench, req providers.SubscribeRequest) (providers.Started, providers.Subscription) {
	t.Helper()
	to, s, err := b.Subscribe(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return to, s
}

// last is the last request, and what the fake's first subscription was last told.
func (b bench) last() (request, body string) {
	b.change(func(f *fake) {
		request = f.requests[len(f.requests)-1]
		if s := f.subscriptions[token]; s != nil && len(s.Bodies) > 0 {
			body = s.Bodies[len(s.Bodies)-1]
		}
	})
	return request, body
}

func (f *fake) subscriptionIs(status string) {
	f.change(func(f *fake) { f.subscriptions[token].Status = status })
}

func TestSubscribe_SendsWhatThePageNames(t *testing.T) {
	t.Parallel()
	const common = `{"amount":1999,"currency":"EUR","shopTransactionId":"p7k2m9","subscriptionInfo":`
	for _, tt := range []struct {
		name string
		req  providers.SubscribeRequest
		path string
		rest string
	}{
		{
			"scheduled", monthly(card), "/v3/stripe/credit-cards/subscription/schedule",
			`{"interval":"MONTH","intervalCount":1,"expiresAfter":12},"providerData":{"buyerEmail":"ada@example.test","productName":"Order 1001"}}`,
		},
		{
			"years are twelve months", func() providers.SubscribeRequest {
				r := monthly("stripe/pay-pal")
				r.Unit, r.Count, r.Times = providers.Year, 2, 0
				return r
			}(), "/v3/stripe/pay-pal/subscription/schedule",
			`{"interval":"MONTH","intervalCount":24},"providerData":{"buyerEmail":"ada@example.test","productName":"Order 1001"}}`,
		},
		{
			"started", daily("axerve/pay-pal"), "/v3/axerve/pay-pal/subscription/start",
			`{"interval":"DAY","intervalCount":30},"providerData":{"authenticationAmount":1999,"buyerEmail":"ada@example.test","buyerName":"Ada Weber"}}`,
		},
		{
			"weeks are seven days", func() providers.SubscribeRequest {
				r := daily("axerve/pay-pal")
				r.Unit, r.Count = providers.Week, 2
				return r
			}(), "/v3/axerve/pay-pal/subscription/start",
			`{"interval":"DAY","intervalCount":14},"providerData":{"authenticationAmount":1999,"buyerEmail":"ada@example.test","buyerName":"Ada Weber"}}`,
		},
		{"scheduled outside", func() providers.SubscribeRequest {
			r := monthly("house-account")
			r.Unit = providers.Year
			return r
		}(), "/v3/house-account/subscription/schedule", `{"interval":"YEAR","intervalCount":1,"expiresAfter":12}}`},
		{"started outside", daily("house-account"), "/v3/house-account/subscription/start", `{"interval":"DAY","intervalCount":30}}`},
		{"a service that no page describes", daily("fnmpay/bank-app"), "/v3/fnmpay/bank-app/subscription/start", `{"interval":"DAY","intervalCount":30}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(cfg *pgm.Config) { cfg.Methods = []string{tt.req.Method} })
			to, s := subscribed(t, b, tt.req)
			if request, body := b.last(); request != "POST "+tt.path || body != common+tt.rest {
				t.Errorf("sent %s\n%s\nwant %s\n%s", request, body, tt.path, common+tt.rest)
			}
			if to.URL != b.server.URL+"/page/"+to.Ref || to.Report.Outcome != providers.Open {
				t.Errorf("got %+v", to)
			}
			if s.Token != token || s.PaymentID != "p7k2m9" || s.Method != tt.req.Method || strings.Contains(string(s.Data), token) || strings.Contains(string(to.Data), token) {
				t.Errorf("got %+v with %s and %s", s, s.Data, to.Data)
			}
			b.set(to.Ref, "ACCEPTED")
			if got, err := b.Lookup(t.Context(), payment(to)); err != nil || got.Outcome != providers.Paid {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestSubscribe_Results(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]struct {
		outcome providers.Outcome
		token   string
		url     string
	}{
		"subscription_ok.json":       {providers.Processing, "0987654321", ""},
		"subscription_redirect.json": {providers.Open, "987654321", "https://checkout.stripe.com/c/pay/1"},
		"pay_ko.json":                {providers.Declined, "", ""},
		"pay_pending.json":           {providers.Processing, "", ""},
		"pay_redirect.json":          {providers.Open, "", "https://checkout.stripe.com/c/pay/1"},
	} {
		b := setup(t, func(cfg *pgm.Config) {
			cfg.Transport = answers(200, "application/json", func() []byte { return read(t, file) })
		})
		to, s, err := b.Subscribe(t.Context(), monthly(card))
		if err != nil || to.Report.Outcome != want.outcome || s.Token != want.token || to.URL != want.url {
			t.Errorf("%s: got %+v, %+v, %v", file, to, s, err)
		}
		if want.token != "" && strings.Contains(string(to.Report.Raw), want.token) {
			t.Errorf("%s: kept %s", file, to.Report.Raw)
		}
	}
	for body, kind := range map[string]providers.Kind{
		`{"result":"KO"}`: providers.KindRejected,
		`{"result":"OK","subscriptionToken":"sub_secret"}`:                                                              providers.KindUnavailable,
		`{"result":"REDIRECT_TO_URL","paymentId":"p","subscriptionToken":"sub_secret"}`:                                 providers.KindRejected,
		`{"result":"REDIRECT_TO_URL","paymentId":"p","subscriptionToken":"sub_secret","redirectToUrl":"http://evil.x"}`: providers.KindRejected,
		`{"paymentId":"p","subscriptionToken":"sub_secret","methodToken":"sub_secret"}`:                                 providers.KindUnavailable,
	} {
		b := setup(t, func(cfg *pgm.Config) {
			cfg.Transport = answers(200, "application/json", func() []byte { return []byte(body) })
		})
		_, s, err := b.Subscribe(t.Context(), monthly(card))
		if e := asError(t, err); e.Kind != kind || e.Op != "subscribe" || s.Token != "" || strings.Contains(fmt.Sprintf("%v %s", e, e.Raw), "sub_secret") {
			t.Errorf("%s: got %+v with %s", body, e, e.Raw)
		}
	}
}

func TestSubscribe_RefusesLocally(t *testing.T) {
	t.Parallel()
	with := func(req providers.SubscribeRequest, change func(*providers.SubscribeRequest)) providers.SubscribeRequest {
		change(&req)
		return req
	}
	for name, req := range map[string]providers.SubscribeRequest{
		"charged by us at Stripe":  daily(card),
		"charged by Axerve":        monthly("axerve/pay-pal"),
		"Axerve's other method":    daily("axerve/satispay"),
		"Satispay":                 daily("satispay/satispay"),
		"Nexi":                     monthly("nexi/credit-cards"),
		"Soisy":                    daily("soisy/soisy"),
		"not on offer":             monthly("braintree/pay-pal"),
		"days at Stripe":           with(monthly(card), func(r *providers.SubscribeRequest) { r.Unit = providers.Day }),
		"weeks at Stripe":          with(monthly(card), func(r *providers.SubscribeRequest) { r.Unit = providers.Week }),
		"months at Axerve":         with(daily("axerve/pay-pal"), func(r *providers.SubscribeRequest) { r.Unit = providers.Month }),
		"years at Axerve":          with(daily("axerve/pay-pal"), func(r *providers.SubscribeRequest) { r.Unit = providers.Year }),
		"no unit":                  with(monthly(card), func(r *providers.SubscribeRequest) { r.Unit = "" }),
		"no count":                 with(monthly(card), func(r *providers.SubscribeRequest) { r.Count = 0 }),
		"a count without end":      with(monthly(card), func(r *providers.SubscribeRequest) { r.Count = 1_000_000 }),
		"fewer payments than none": with(monthly(card), func(r *providers.SubscribeRequest) { r.Times = -1 }),
		"another currency":         with(monthly(card), func(r *providers.SubscribeRequest) { r.Amount.Currency = "NZD" }),
		"nothing to pay":           with(monthly(card), func(r *providers.SubscribeRequest) { r.Amount.Minor = 0 }),
		"no id":                    with(monthly(card), func(r *providers.SubscribeRequest) { r.PaymentID = "" }),
		"money to be reserved":     with(monthly(card), func(r *providers.SubscribeRequest) { r.Reserve = true }),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(cfg *pgm.Config) {
				cfg.Methods = []string{card, "axerve/pay-pal", "axerve/satispay", "satispay/satispay", "nexi/credit-cards", "soisy/soisy"}
			})
			_, _, err := b.Subscribe(t.Context(), req)
			if e := asError(t, err); e.Kind != providers.KindRejected || e.Status != 0 || e.Err == nil {
				t.Errorf("got %v", e)
			}
			if len(b.log()) != 0 {
				t.Errorf("sent %q", b.log())
			}
		})
	}
}

func TestSubscribes(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *pgm.Config) {
		cfg.Methods = []string{card, "stripe/pay-pal", "axerve/pay-pal", "satispay/satispay", "house-account", "fnmpay/bank-app"}
	})
	for method, want := range map[string][2]bool{ // automatic, by us
		card: {true, false}, "stripe/pay-pal": {true, false}, "axerve/pay-pal": {false, true}, "satispay/satispay": {false, false},
		"house-account": {true, true}, "fnmpay/bank-app": {true, true}, "nexi/credit-cards": {false, false}, "": {false, false},
	} {
		if got := [2]bool{b.Subscribes(method, true), b.Subscribes(method, false)}; got != want {
			t.Errorf("%s: got %v", method, got)
		}
	}
}

func TestSubscription(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]providers.SubscriptionStatus{
		"PENDING": providers.SubscriptionPending, "ACTIVE": providers.SubscriptionActive, "PAST_DUE": providers.SubscriptionPastDue,
		"EXPIRED": providers.SubscriptionExpired, "CANCELED": providers.SubscriptionCanceled, "UNKNOWN": providers.SubscriptionUnknown,
		" active ": providers.SubscriptionActive, "CANCELLED": providers.SubscriptionUnknown, "PAUSED": providers.SubscriptionUnknown,
	} {
		b := setup(t)
		_, s := subscribed(t, b, monthly(card))
		b.subscriptionIs(word)
		got, err := b.Subscription(t.Context(), s)
		if err != nil || got.Status != want || got.Word != word || got.Subscription.Token != token || got.HTTPStatus != 200 ||
			len(got.Raw) == 0 || strings.Contains(string(got.Raw), "sub_secret") {
			t.Errorf("%s: got %+v with %s, %v", word, got, got.Raw, err)
		}
		if request, _ := b.last(); request != "GET /v3/stripe/subscription/status/"+token { // the log has it unescaped
			t.Errorf("asked %s", request)
		}
	}
	for name, shape := range map[string]func(object){
		"another's":        func(o object) { o["subscriptionToken"] = "sub_secret_other" },
		"without a status": func(o object) { delete(o, "status") },
		"an odd status":    func(o object) { o["status"] = []int{1} },
	} {
		b := setup(t)
		_, s := subscribed(t, b, monthly(card))
		b.change(func(f *fake) { f.shape = shape })
		_, err := b.Subscription(t.Context(), s)
		if e := asError(t, err); e.Kind != providers.KindUnavailable || strings.Contains(fmt.Sprintf("%v %s", e, e.Raw), "sub_secret") {
			t.Errorf("%s: got %+v with %s", name, e, e.Raw)
		}
	}
	b := setup(t)
	_, s := subscribed(t, b, monthly(card))
	b.subscriptionIs("ACTIVE")
	b.change(func(f *fake) {
		f.shape = func(o object) {
			delete(o, "subscriptionToken")
			o["metadata"], o["providerName"], o["new"] = "x", 7, object{}
		}
	})
	if got, err := b.Subscription(t.Context(), s); err != nil || got.Status != providers.SubscriptionActive || got.Subscription.Token != token {
		t.Errorf("little in it: got %+v, %v", got, err)
	}
}

// Where the token comes into being on the buyer's page, the first payment tells
// it.
func TestSubscription_TokenFromTheFirstPayment(t *testing.T) {
	t.Parallel()
	open := func(t *testing.T) (bench, providers.Started, providers.Subscription) {
		t.Helper()
		b := setup(t)
		b.token = false
		to, s := subscribed(t, b, monthly(card))
		if s.Token != "" {
			t.Fatalf("got %+v", s)
		}
		return b, to, s
	}
	for _, tt := range []struct {
		action, word string
		want         providers.SubscriptionStatus
	}{
		{"PAYMENT", "PENDING", providers.SubscriptionPending},
		{"PAYMENT", "FAILED", providers.SubscriptionPending},
		{"PAYMENT", "ACCEPTED", providers.SubscriptionUnknown},
		{"PAYMENT", "VOIDED", providers.SubscriptionUnknown},
		{"REFUND", "PENDING", providers.SubscriptionUnknown},
	} {
		b, to, s := open(t)
		b.change(func(f *fake) { f.payments[to.Ref].Status, f.payments[to.Ref].Action = tt.word, tt.action })
		if got, err := b.Subscription(t.Context(), s); err != nil || got.Status != tt.want || got.Subscription.Token != "" {
			t.Errorf("%+v: got %+v, %v", tt, got, err)
		}
	}
	b, to, s := open(t)
	b.set(to.Ref, "ACCEPTED")
	b.subscriptionIs("ACTIVE")
	b.change(func(f *fake) { f.metaToken = true })
	got, err := b.Subscription(t.Context(), s)
	if err != nil || got.Status != providers.SubscriptionActive || got.Subscription.Token != token || strings.Contains(string(got.Raw), "sub_secret") {
		t.Errorf("got %+v, %v", got, err)
	}
	if told, err := b.Lookup(t.Context(), payment(to)); err != nil || strings.Contains(string(told.Raw), "sub_secret") {
		t.Errorf("a payment's status keeps %s, %v", told.Raw, err)
	}
	if again, err := b.Subscription(t.Context(), got.Subscription); err != nil || again.Status != providers.SubscriptionActive {
		t.Errorf("got %+v, %v", again, err)
	}
	t.Run("what else needs it asks for it", func(t *testing.T) {
		t.Parallel()
		for name, do := range map[string]func(bench, providers.Subscription) error{
			"update": func(b bench, s providers.Subscription) error { return b.Resubscribe(t.Context(), s, monthly(card)) },
			"expire": func(b bench, s providers.Subscription) error { return b.Unsubscribe(t.Context(), s) },
		} {
			b, to, s := open(t)
			if e := asError(t, do(b, s)); e.Kind != providers.KindRejected || e.Status != 0 {
				t.Errorf("%s before the buyer agreed: got %v", name, e)
			}
			b.change(func(f *fake) { f.noStatus = http.StatusBadGateway })
			if e := asError(t, do(b, s)); e.Kind != providers.KindUnreachable {
				t.Errorf("%s, not sent: got %v", name, e)
			}
			b.change(func(f *fake) { f.noStatus, f.metaToken = 0, true })
			b.set(to.Ref, "ACCEPTED")
			if err := do(b, s); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
	t.Run("nothing names it", func(t *testing.T) {
		t.Parallel()
		for name, s := range map[string]providers.Subscription{
			"no data":   {PaymentID: "p7k2m9", Method: card},
			"odd data":  {PaymentID: "p7k2m9", Method: card, Data: json.RawMessage(`{"payment":7}`)},
			"no method": {PaymentID: "p7k2m9", Token: token},
			"outwards":  {PaymentID: "p7k2m9", Token: token, Method: "../x"},
			"dots":      {PaymentID: "p7k2m9", Token: "..", Method: card},
			"two lines": {PaymentID: "p7k2m9", Token: "a\nb", Method: card},
			"no end":    {PaymentID: "p7k2m9", Token: strings.Repeat("x", 2000), Method: card},
		} {
			b := setup(t)
			_, err := b.Subscription(t.Context(), s)
			for _, err := range []error{err, b.Unsubscribe(t.Context(), s), b.Resubscribe(t.Context(), s, monthly(card))} {
				if e := asError(t, err); e.Kind != providers.KindRejected || e.Status != 0 {
					t.Errorf("%s: got %v", name, err)
				}
			}
			if len(b.log()) != 0 {
				t.Errorf("%s: sent %q", name, b.log())
			}
		}
	})
}

// A token is kept out of whatever carries one, also where nobody looks for it.
func TestTokensAreNotKept(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"status":"ACCEPTED","paymentId":"payment-1","metadata":{"subscriptionToken":"sub_secret"}}`: `{"status":"ACCEPTED","paymentId":"payment-1","metadata":{"subscriptionToken":"[secret]"}}`,
		`{"status":"ACCEPTED","paymentId":"payment-1","methodToken" : "a\"b","x":1}`:                  `{"status":"ACCEPTED","paymentId":"payment-1","methodToken" : "[secret]","x":1}`,
		`{"status":"ACCEPTED","paymentId":"payment-1","recurrenceToken":12345,"x":1}`:                 `{"status":"ACCEPTED","paymentId":"payment-1","recurrenceToken":"[secret]","x":1}`,
		`{"status":"ACCEPTED","paymentId":"payment-1","SubscriptionTOKEN":null}`:                      `{"status":"ACCEPTED","paymentId":"payment-1","SubscriptionTOKEN":null}`,
		`{"status":"ACCEPTED","paymentId":"payment-1","metadata":{"a":["tokens",{"token":"x"}]}}`:     `{"status":"ACCEPTED","paymentId":"payment-1","metadata":{"a":["tokens",{"token":"[secret]"}]}}`,
	} {
		for status, b := range map[int]bench{
			200: setup(t, func(cfg *pgm.Config) {
				cfg.Transport = answers(200, "application/json", func() []byte { return []byte(body) })
			}),
			422: setup(t, func(cfg *pgm.Config) {
				cfg.Transport = answers(422, "application/json", func() []byte { return []byte(body) })
			}),
		} {
			got, err := b.Lookup(t.Context(), providers.Payment{ID: "p7k2m9", Ref: "payment-1", Data: json.RawMessage(`{"provider":"stripe"}`)})
			raw := got.Raw
			if status != 200 {
				raw = asError(t, err).Raw
			}
			if string(raw) != want {
				t.Errorf("%d: kept %s, want %s", status, raw, want)
			}
		}
	}
}

func TestCharge(t *testing.T) {
	t.Parallel()
	for result, want := range map[string]providers.Outcome{
		"OK": providers.Processing, "PENDING": providers.Processing, "KO": providers.Declined, "REDIRECT_TO_URL": providers.Open, "NEW": providers.Unknown,
	} {
		b := setup(t)
		_, s := subscribed(t, b, daily("house-account"))
		b.change(func(f *fake) { f.result = result })
		req := request("")
		req.PaymentID, req.Amount.Minor = "p8", 2500
		to, err := b.Charge(t.Context(), s, req)
		if err != nil || to.Report.Outcome != want || (to.URL != "") != (result == "REDIRECT_TO_URL") || strings.Contains(string(to.Report.Raw), "sub_secret") {
			t.Errorf("%s: got %+v, %v", result, to, err)
		}
		path, body := b.last()
		if path != "POST /v3/house-account/subscription/pay" ||
			body != `{"amount":2500,"currency":"EUR","shopTransactionId":"p8","subscriptionInfo":{"token":"`+token+`"}}` {
			t.Errorf("%s: sent %s %s", result, path, body)
		}
		b.set(to.Ref, "ACCEPTED")
		p := providers.Payment{ID: "p8", Ref: to.Ref, Amount: req.Amount, Data: to.Data}
		if got, err := b.Lookup(t.Context(), p); err != nil || got.Outcome != providers.Paid || got.PaymentID != "p8" {
			t.Errorf("%s: got %+v, %v", result, got, err)
		}
	}
	t.Run("with a method", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(cfg *pgm.Config) { cfg.Methods = []string{"axerve/pay-pal"} })
		_, s := subscribed(t, b, daily("axerve/pay-pal"))
		if _, err := b.Charge(t.Context(), s, request("")); err != nil {
			t.Fatal(err)
		}
		if path, body := b.last(); path != "POST /v3/axerve/pay-pal/subscription/pay" || strings.Contains(body, "providerData") {
			t.Errorf("sent %s %s", path, body)
		}
	})
	t.Run("refused here", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, automatic := subscribed(t, b, monthly("house-account"))
		_, stripe := subscribed(t, b, monthly(card))
		_, manual := subscribed(t, b, daily("house-account"))
		sent := len(b.log())
		free, nameless := request(""), request("")
		free.Amount, nameless.PaymentID = money.Amount{Currency: "EUR"}, ""
		for name, try := range map[string]func() error{
			"charged by the service": func() error { _, err := b.Charge(t.Context(), automatic, request("")); return err },
			"no such operation":      func() error { _, err := b.Charge(t.Context(), stripe, request("")); return err },
			"nothing to pay":         func() error { _, err := b.Charge(t.Context(), manual, free); return err },
			"no id":                  func() error { _, err := b.Charge(t.Context(), manual, nameless); return err },
			"no token": func() error {
				_, err := b.Charge(t.Context(), providers.Subscription{Method: "house-account"}, request(""))
				return err
			},
		} {
			if e := asError(t, try()); e.Kind != providers.KindRejected || e.Status != 0 || e.Op != "charge" {
				t.Errorf("%s: got %v", name, e)
			}
		}
		if len(b.log()) != sent {
			t.Errorf("sent %q", b.log()[sent:])
		}
	})
	t.Run("an error that echoes the token", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		s := providers.Subscription{Token: "sub_secret_gone", PaymentID: "p7k2m9", Method: "house-account"}
		_, err := b.Charge(t.Context(), s, request(""))
		if e := asError(t, err); e.Kind != providers.KindRejected || e.Code != "no subscription [secret]" || strings.Contains(fmt.Sprintf("%v %s", e, e.Raw), "sub_secret") {
			t.Errorf("got %v with %s", err, e.Raw)
		}
	})
}

func TestResubscribe(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, s := subscribed(t, b, monthly(card))
	req := monthly("")
	req.PaymentID, req.Amount.Minor, req.Count, req.Times = "", 2999, 3, 0
	if err := b.Resubscribe(t.Context(), s, req); err != nil {
		t.Fatal(err)
	}
	if path, body := b.last(); path != "POST /v3/stripe/subscription/update/"+token ||
		body != `{"amount":2999,"currency":"EUR","shopTransactionId":"p7k2m9","subscriptionInfo":{"interval":"MONTH","intervalCount":3}}` {
		t.Errorf("sent %s %s", path, body)
	}
	for name, tt := range map[string]struct {
		shape func(object)
		kind  providers.Kind
	}{
		"no":                  {func(o object) { o["result"] = "KO" }, providers.KindRejected},
		"later":               {func(o object) { o["result"] = "PENDING" }, providers.KindUnavailable},
		"nothing":             {func(o object) { delete(o, "result") }, providers.KindUnavailable},
		"another's":           {func(o object) { o["subscriptionToken"] = "sub_secret_other" }, providers.KindUnavailable},
		"an odd result":       {func(o object) { o["result"] = 1 }, providers.KindUnavailable},
		"without the token":   {func(o object) { delete(o, "subscriptionToken") }, ""},
		"in another spelling": {func(o object) { o["result"], o["new"] = "ok", 1 }, ""},
	} {
		b.change(func(f *fake) { f.shape = tt.shape })
		err := b.Resubscribe(t.Context(), s, req)
		if tt.kind == "" && err == nil {
			continue
		}
		if e := asError(t, err); e.Kind != tt.kind || strings.Contains(fmt.Sprintf("%v %s", e, e.Raw), "sub_secret") {
			t.Errorf("%s: got %v with %s", name, e, e.Raw)
		}
	}
	sent := len(b.log())
	for _, spoil := range []func(*providers.SubscribeRequest){
		func(r *providers.SubscribeRequest) { r.Unit = providers.Day },
		func(r *providers.SubscribeRequest) { r.Amount.Minor = -1 },
		func(r *providers.SubscribeRequest) { r.Count = 0 },
	} {
		bad := req
		spoil(&bad)
		if e := asError(t, b.Resubscribe(t.Context(), s, bad)); e.Kind != providers.KindRejected {
			t.Errorf("got %v", e)
		}
	}
	if len(b.log()) != sent {
		t.Errorf("sent %q", b.log()[sent:])
	}
}

func TestUnsubscribe(t *testing.T) {
	t.Parallel()
	const (
		del  = "DELETE /v3/stripe/subscription/expire/" + token + "?shopTransactionId=p7k2m9"
		post = "POST /v3/stripe/subscription/expire/" + token + "?shopTransactionId=p7k2m9"
		get  = "GET /v3/stripe/subscription/status/" + token
	)
	type no = map[string]int
	for _, tt := range []struct {
		name   string
		noSuch no
		body   string // of expire
		status string // of the subscription
		sent   []string
		kind   providers.Kind // empty: it is over
		http   int
	}{
		{"done", nil, "", "ACTIVE", []string{del}, "", 0},
		{"done, and told so", nil, `{"result":"OK","x":1}`, "ACTIVE", []string{del}, "", 0},
		{"done, and told nothing", nil, `{}`, "ACTIVE", []string{del}, "", 0},
		{"by the other verb, since there is none", no{"DELETE expire": 405}, "", "ACTIVE", []string{del, post}, "", 0},
		{"by the other verb, since nothing is found", no{"DELETE expire": 404}, "", "ACTIVE", []string{del, post}, "", 0},
		{"over already", no{"DELETE expire": 409}, "", "CANCELED", []string{del, get}, "", 0},
		{"over as agreed", no{"DELETE expire": 422}, "", "EXPIRED", []string{del, get}, "", 0},
		{"gone, and over", no{"DELETE expire": 404, "POST expire": 404}, "", "CANCELED", []string{del, post, get}, "", 0},
		{"no, but over", nil, `{"result":"KO"}`, "CANCELED", []string{del, get}, "", 0},
		{"no", nil, `{"result":"KO"}`, "ACTIVE", []string{del, get}, providers.KindRejected, 200},
		{"later", nil, `{"result":"PENDING"}`, "ACTIVE", []string{del, get}, providers.KindUnavailable, 200},
		{"a page instead", nil, `<html>`, "ACTIVE", []string{del, get}, providers.KindUnavailable, 200},
		{"a page instead, and over", nil, `<html>`, "CANCELED", []string{del, get}, "", 0},
		{"not found, and it goes on", no{"DELETE expire": 404, "POST expire": 404}, "", "ACTIVE", []string{del, post, get}, providers.KindRejected, 404},
		{"not found, and not by the other verb", no{"DELETE expire": 404, "POST expire": 405}, "", "ACTIVE", []string{del, post, get}, providers.KindRejected, 404},
		{"no such operation", no{"DELETE expire": 405, "POST expire": 405}, "", "ACTIVE", []string{del, post, get}, providers.KindRejected, 405},
		{"not implemented", no{"DELETE expire": 501}, "", "PAST_DUE", []string{del, get}, providers.KindUnavailable, 501},
		{"nobody can say", no{"DELETE expire": 422, "GET status": 422}, "", "ACTIVE", []string{del, get}, providers.KindRejected, 422},
		{"our key is wrong", no{"DELETE expire": 403}, "", "CANCELED", []string{del}, providers.KindUnauthorized, 403},
		{"it is down", no{"DELETE expire": 502}, "", "CANCELED", []string{del, del, del}, providers.KindUnavailable, 502},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			_, s := subscribed(t, b, monthly(card))
			b.subscriptionIs(tt.status)
			b.change(func(f *fake) {
				f.expired = tt.body
				for k, v := range tt.noSuch {
					f.noSuch[k] = v
				}
			})
			err := b.Unsubscribe(t.Context(), s)
			if got := b.log()[1:]; !slices.Equal(got, tt.sent) {
				t.Errorf("sent %q", got)
			}
			if tt.kind == "" {
				if err != nil {
					t.Errorf("got %v", err)
				}
				return
			}
			if e := asError(t, err); e.Kind != tt.kind || e.Status != tt.http || e.Op != "unsubscribe" || strings.Contains(fmt.Sprintf("%v %s", e, e.Raw), "sub_secret") {
				t.Errorf("got %+v with %s", e, e.Raw)
			}
		})
	}
	t.Run("named by its token alone elsewhere", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, s := subscribed(t, b, daily("house-account"))
		if err := b.Unsubscribe(t.Context(), s); err != nil {
			t.Fatal(err)
		}
		if request, _ := b.last(); request != "DELETE /v3/house-account/subscription/expire/"+token {
			t.Errorf("sent %s", request)
		}
	})
	t.Run("one that only we charge, where it cannot be ended", func(t *testing.T) {
		t.Parallel()
		for _, status := range []int{404, 405, 422, 501} {
			b := setup(t)
			_, manual := subscribed(t, b, daily("house-account"))
			b.change(func(f *fake) { f.noSuch["DELETE expire"], f.noSuch["POST expire"] = status, status })
			if err := b.Unsubscribe(t.Context(), manual); err != nil {
				t.Errorf("%d: got %v", status, err)
			}
			manual.Data = nil // now it may as well be one that goes on by itself
			b.subscriptionIs("ACTIVE")
			asError(t, b.Unsubscribe(t.Context(), manual))
		}
	})
	t.Run("one that never came about", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.token = false
		to, s := subscribed(t, b, monthly(card))
		b.set(to.Ref, "FAILED")
		if err := b.Unsubscribe(t.Context(), s); err != nil {
			t.Errorf("got %v", err)
		}
	})
}

// What a lost answer leaves is unknown, of whatever is asked.
func TestSubscriptions_LostAnswers(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *pgm.Config) {
		cfg.Transport = roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("sub_1: cut off") })
	})
	s := providers.Subscription{Token: "sub_1", PaymentID: "p7k2m9", Method: "house-account"}
	_, _, subscribe := b.Subscribe(t.Context(), daily("house-account"))
	_, link := b.MakeLink(t.Context(), request(card))
	_, charge := b.Charge(t.Context(), s, request(""))
	for op, err := range map[string]error{
		"subscribe": subscribe, "link": link, "charge": charge,
		"resubscribe": b.Resubscribe(t.Context(), s, daily("house-account")), "unsubscribe": b.Unsubscribe(t.Context(), s),
	} {
		if e := asError(t, err); e.Kind != providers.KindUnavailable || e.Op != op {
			t.Errorf("%s: got %v", op, err)
		}
	}
}

// Whatever is answered, nothing of it panics, no token is kept, and no answer is
// taken for an end that does not say so.
func FuzzSubscription(f *testing.F) {
	for _, body := range seeds(f) {
		f.Add(body)
	}
	var body []byte
	c := fuzzed(f, &body)
	s := providers.Subscription{Token: "098764321", PaymentID: "0987654321", Method: card, Data: json.RawMessage(`{"payment":"1234567890","automatic":true}`)}
	f.Fuzz(func(t *testing.T, in []byte) {
		body = in
		for _, token := range []string{s.Token, ""} {
			of := s
			of.Token = token
			got, err := c.Subscription(t.Context(), of)
			if err != nil && asError(t, err).Kind == providers.KindUnauthorized {
				t.Fatalf("got %v", err)
			}
			if err == nil && got.Subscription.Token != "" && len(got.Subscription.Token) > 3 && strings.Contains(string(got.Raw), got.Subscription.Token) {
				t.Fatalf("kept %s", got.Raw)
			}
		}
		to, sub, err := c.Subscribe(t.Context(), monthly(card))
		if err == nil && (to.Ref == "" || to.Report.Outcome == providers.Paid || len(sub.Token) > 3 && strings.Contains(string(to.Report.Raw), sub.Token)) {
			t.Fatalf("subscribed %+v, %+v by %q", to, sub, in)
		}
		link, err := c.MakeLink(t.Context(), request(card))
		if err == nil && (link.URL == "" || link.Report.Outcome != providers.Open) {
			t.Fatalf("linked %+v by %q", link, in)
		}
	})
}
