package gate_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"till/providers"
	"till/providers/gate"
)

const (
	savedCard = "22222222-0000-4b51-9a53-0000000000c1"
	otherCard = "22222222-0000-4b51-9a53-0000000000c2"
)

func subscription() providers.SubscribeRequest {
	return providers.SubscribeRequest{StartRequest: request(), Unit: providers.Month, Count: 1}
}

// subscribed is a subscription whose first payment is made and whose card is
// saved.
func subscribed(t *testing.T, b bench) providers.Subscription {
	t.Helper()
	to, s, err := b.Subscribe(t.Context(), subscription())
	if err != nil {
		t.Fatal(err)
	}
	b.save(to.Ref, savedCard)
	report, err := b.Subscription(t.Context(), s)
	if err != nil || report.Status != providers.SubscriptionActive || report.Subscription.Token != savedCard {
		t.Fatalf("got %+v, %v", report, err)
	}
	forget(b)
	return report.Subscription
}

// another is the request for the nth payment.
func another() providers.StartRequest {
	req := request()
	req.PaymentID, req.SuccessURL, req.ErrorURL, req.PendingURL = "p7k2n0", "", "", ""
	return req
}

func TestSubscribe_SendsWhatThePageNames(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to, s, err := b.Subscribe(t.Context(), subscription())
	if err != nil {
		t.Fatal(err)
	}
	client := b.clients[0]
	if client.Email != "ada@example.test" || s.Token != "" || s.PaymentID != "p7k2m9" {
		t.Errorf("got %+v, %+v", client, s)
	}
	if want := b.server.URL + "/pay/" + to.Ref + "/"; to.URL != want || to.Report.Outcome != providers.Open {
		t.Errorf("buyer goes to %q, want %q", to.URL, want)
	}
	if got := b.log(); !slices.Equal(got, []string{"POST /clients/", "POST /orders/?response_type=full"}) {
		t.Errorf("requests %q", got)
	}
	if _, err := b.Start(t.Context(), request()); err != nil {
		t.Fatal(err)
	}
	plain := string(b.orders[1].Body)
	want := strings.Replace(plain, `"ada@example.test"`, `"ada@example.test","original_client":"`+client.ID+`"`, 1)
	want = strings.TrimSuffix(want, "}") + `,"setup_future_use":"recurring","force_save_method":true}`
	if got := string(b.orders[0].Body); got != want {
		t.Errorf("sent\n%s\nwant\n%s", got, want)
	}
}

func TestSubscribe_RefusesLocally(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*providers.SubscribeRequest){
		"automatic":            func(r *providers.SubscribeRequest) { r.Automatic = true },
		"no interval":          func(r *providers.SubscribeRequest) { r.Unit = "" },
		"a made-up interval":   func(r *providers.SubscribeRequest) { r.Unit = "moon" },
		"no time in between":   func(r *providers.SubscribeRequest) { r.Count = 0 },
		"less than no payment": func(r *providers.SubscribeRequest) { r.Times = -1 },
		"nothing to pay":       func(r *providers.SubscribeRequest) { r.Amount.Minor, r.Items = 0, nil },
		"no e-mail address":    func(r *providers.SubscribeRequest) { r.Buyer.Email = "" },
		"no way back":          func(r *providers.SubscribeRequest) { r.SuccessURL = "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, req := setup(t), subscription()
			spoil(&req)
			_, _, err := b.Subscribe(t.Context(), req)
			if e := asError(t, err); e.Kind != providers.KindRejected || e.Op != "subscribe" || len(b.log()) != 0 {
				t.Errorf("got %+v, sent %q", e, b.log())
			}
		})
	}
}

// Neither the client nor the order has a key, so neither is sent again; what was
// made is found by the payment's id.
func TestSubscribe_LostAnswers(t *testing.T) {
	t.Parallel()
	t.Run("to the client", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.change(func(f *fake) { f.lose = "client" })
		_, _, err := b.Subscribe(t.Context(), subscription())
		if e := asError(t, err); e.Kind != providers.KindUnavailable || e.Op != "subscribe" {
			t.Errorf("got %+v", e)
		}
		if got := b.log(); !slices.Equal(got, []string{"POST /clients/"}) {
			t.Errorf("requests %q", got)
		}
		if _, found, err := b.Find(t.Context(), request()); err != nil || found {
			t.Errorf("found %v, %v", found, err)
		}
	})
	t.Run("to the order", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		made, _, err := b.Subscribe(t.Context(), subscription())
		if err != nil {
			t.Fatal(err)
		}
		to, found, err := b.Find(t.Context(), request())
		if err != nil || !found || to.Ref != made.Ref {
			t.Fatalf("found %+v, %v, %v", to, found, err)
		}
		b.save(to.Ref, savedCard)
		report, err := b.Subscription(t.Context(), providers.Subscription{PaymentID: request().PaymentID})
		if err != nil || report.Status != providers.SubscriptionActive || report.Subscription.Token != savedCard {
			t.Fatalf("got %+v, %v", report, err)
		}
		if _, err := b.Charge(t.Context(), report.Subscription, another()); err != nil {
			t.Errorf("charged: %v", err)
		}
	})
	for name, body := range map[string]string{"not JSON": `<html>`, "without an id": `{"type":"client"}`, "a list": `[]`} {
		t.Run("a client "+name, func(t *testing.T) {
			t.Parallel()
			n := 0
			b := setup(t, func(cfg *gate.Config) {
				cfg.Transport = always(func(*http.Request) (int, string, string) { n++; return 201, "application/json", body })
			})
			if _, _, err := b.Subscribe(t.Context(), subscription()); asError(t, err).Kind != providers.KindUnavailable || n != 1 {
				t.Errorf("got %v after %d requests", err, n)
			}
		})
	}
}

func TestSubscription(t *testing.T) {
	t.Parallel()
	first := func(b bench) string { return b.orders[0].ID }
	for _, tt := range []struct {
		name  string
		do    func(b bench)
		had   string // the token so far
		want  providers.SubscriptionStatus
		token string
	}{
		{"nobody has paid", func(bench) {}, "", providers.SubscriptionPending, ""},
		{"an attempt failed", func(b bench) { b.set(first(b), "failed") }, "", providers.SubscriptionPending, ""},
		{"the bank decides", func(b bench) { b.set(first(b), "in_progress") }, "", providers.SubscriptionPending, ""},
		{"reserved", func(b bench) { b.set(first(b), "hold") }, "", providers.SubscriptionPending, ""},
		{"cancelled", func(b bench) { b.set(first(b), "cancelled") }, "", providers.SubscriptionCanceled, ""},
		{"the buyer refused", func(b bench) { b.set(first(b), "rejected") }, "", providers.SubscriptionCanceled, ""},
		{"too late", func(b bench) { b.set(first(b), "expired") }, "", providers.SubscriptionCanceled, ""},
		{"a new word", func(b bench) { b.set(first(b), "in_review") }, "", providers.SubscriptionUnknown, ""},
		{"paid", func(b bench) { b.save(first(b), savedCard) }, "", providers.SubscriptionActive, savedCard},
		{"paid, and no card is there", func(b bench) { b.set(first(b), "paid") }, "", providers.SubscriptionUnknown, ""},
		{"paid, and the card is gone", func(b bench) { b.set(first(b), "paid") }, savedCard, providers.SubscriptionCanceled, ""},
		{"given back, and the card is still there", func(b bench) { b.save(first(b), savedCard); b.set(first(b), "refunded") }, savedCard, providers.SubscriptionActive, savedCard},
		{"a new word, and the card is still there", func(b bench) { b.save(first(b), savedCard); b.set(first(b), "in_review") }, savedCard, providers.SubscriptionActive, savedCard},
		{"two cards, one of them ours", func(b bench) { b.save(first(b), savedCard); b.save(first(b), otherCard) }, otherCard, providers.SubscriptionActive, otherCard},
		{"two cards, one of them the default", func(b bench) { b.save(first(b), savedCard); b.save(first(b), otherCard) }, "", providers.SubscriptionActive, savedCard},
		{"two cards, one of them named by the order", func(b bench) {
			b.save(first(b), savedCard)
			b.save(first(b), otherCard)
			b.change(func(f *fake) {
				f.shape = func(o object) { o["client"] = object{"recurring_payment_method": otherCard} }
			})
		}, "", providers.SubscriptionActive, otherCard},
		{"two cards, and nothing to tell them apart", func(b bench) {
			b.save(first(b), savedCard)
			b.save(first(b), otherCard)
			b.change(func(f *fake) {
				for _, c := range f.clients[0].Cards {
					c["card"] = "4111"
				}
			})
		}, "", providers.SubscriptionUnknown, ""},
		{"the client is gone", func(b bench) {
			b.save(first(b), savedCard)
			b.change(func(f *fake) { f.clients = nil })
		}, savedCard, providers.SubscriptionCanceled, ""},
		{"a list without an envelope", func(b bench) {
			b.save(first(b), savedCard)
			b.change(func(f *fake) { f.bareCards = true })
		}, "", providers.SubscriptionActive, savedCard},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			to, s, err := b.Subscribe(t.Context(), subscription())
			if err != nil {
				t.Fatal(err)
			}
			tt.do(b)
			for _, data := range []json.RawMessage{s.Data, nil} { // as Subscribe made it, and lost with its answer
				if data == nil && b.shape != nil {
					continue // that order names no client
				}
				got, err := b.Subscription(t.Context(), providers.Subscription{Token: tt.had, PaymentID: s.PaymentID, Method: s.Method, Data: data})
				if err != nil || got.Status != tt.want || got.Subscription.Token != tt.token || string(got.Subscription.Data) != string(s.Data) {
					t.Errorf("got %+v, %v", got, err)
				}
				if got.HTTPStatus != 200 || got.Word != b.order(to.Ref).Status || len(got.Raw) == 0 || strings.Contains(string(got.Raw), "0000000000c") {
					t.Errorf("%d, %q, %s", got.HTTPStatus, got.Word, got.Raw)
				}
			}
		})
	}
}

func TestSubscription_Refuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, s := range map[string]providers.Subscription{
		"nothing known":   {},
		"no such payment": {PaymentID: "p7k2m9"},
		"foreign data":    {PaymentID: "p7k2m9", Data: json.RawMessage(`{"self":"x"}`)},
		"no JSON":         {PaymentID: "p7k2m9", Data: json.RawMessage(`x`)},
		"a way out":       {PaymentID: "p7k2m9", Data: json.RawMessage(`{"ref":"..","client":"c"}`)},
		"another way out": {PaymentID: "p7k2m9", Data: json.RawMessage(`{"ref":"0b8f1f5e-0000-4b51-9a53-000000000001","client":".."}`)},
	} {
		if _, err := b.Subscription(t.Context(), s); asError(t, err).Kind != providers.KindRejected {
			t.Errorf("%s: got %v", name, err)
		}
	}
	to, _ := start(t, b) // it is there, and no subscription
	forget(b)
	out := providers.Subscription{PaymentID: "p7k2m9", Data: json.RawMessage(`{"ref":"` + to.Ref + `","client":".."}`)}
	if err := b.Unsubscribe(t.Context(), out); asError(t, err).Kind != providers.KindRejected || len(b.log()) != 0 {
		t.Errorf("got %v, sent %q", err, b.log())
	}
	_, err := b.Subscription(t.Context(), providers.Subscription{PaymentID: "p7k2m9"})
	if asError(t, err).Kind != providers.KindUnavailable {
		t.Errorf("got %v", err)
	}
	s := subscribed(t, setup(t))
	s.Data = json.RawMessage(`{"ref":"` + to.Ref + `","client":"another","minor":1999,"currency":"EUR"}`)
	b.change(func(f *fake) { f.shape = func(o object) { o["client"] = object{"original_client": "somebody"} } })
	if _, err := b.Subscription(t.Context(), s); asError(t, err).Kind != providers.KindUnavailable {
		t.Errorf("another client's: %v", err)
	}
}

// A list of cards that cannot be read says nothing, and is not kept.
func TestSubscription_CardsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for name, cards := range map[string]string{
		"no JSON": `<html>`, "no results": `{}`, "no id": `{"results":[{"card":{}}]}`, "no objects": `["` + savedCard + `"]`,
		"an id that is none": `[{"id":".."}]`, "itself for ever": `{"results":[{"id":"` + savedCard + `"}],"next":"https://x.example/?a=1"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(cfg *gate.Config) {
				cfg.Transport = always(func(r *http.Request) (int, string, string) {
					if strings.HasSuffix(r.URL.Path, "/payment_methods/") {
						return 200, "application/json", cards
					}
					return 200, "application/json", `{"id":"r","status":"paid","currency":"EUR","total":5}`
				})
			})
			s := providers.Subscription{Token: savedCard, PaymentID: "p7k2m9", Data: json.RawMessage(`{"ref":"r","client":"c","minor":500,"currency":"EUR"}`)}
			_, err := b.Subscription(t.Context(), s)
			if e := asError(t, err); e.Kind != providers.KindUnavailable || len(e.Raw) > 0 || strings.Contains(err.Error(), savedCard) {
				t.Errorf("got %v with %s", e, e.Raw)
			}
		})
	}
}

func TestCharge(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := subscribed(t, b)
	to, err := b.Charge(t.Context(), s, another())
	if err != nil || to.URL != "" || to.Report.Outcome != providers.Paid || to.Report.Captured != eur(1999) || to.Report.PaymentID != "p7k2n0" {
		t.Fatalf("got %+v, %v", to, err)
	}
	const want = `{"client":{"email":"ada@example.test","original_client":"11111111-0000-4b51-9a53-000000000001","recurring_payment_method":"` + savedCard + `"},` +
		`"products":[{"title":"Crumb","price":0.01,"quantity":1,"description":"The smallest thing there is"},` +
		`{"title":"Mug \"blue\" \u0026 \u003cwhite\u003e","price":19.98,"quantity":1}],"currency":"EUR","number":"p7k2n0",` +
		`"skip_capture":false,"max_payment_attempts":1,"use_scenario":"recurring"}`
	if got := string(b.order(to.Ref).Body); got != want {
		t.Errorf("sent\n%s\nwant\n%s", got, want)
	}
	if got := b.log(); !slices.Equal(got, []string{"POST /orders/?response_type=full", "POST /do/" + to.Ref + "/", "GET /orders/" + to.Ref + "/"}) {
		t.Errorf("requests %q", got)
	}
	if strings.Contains(string(to.Report.Raw), savedCard) {
		t.Errorf("the card is kept in %s", to.Report.Raw)
	}
	p := providers.Payment{ID: "p7k2n0", Ref: to.Ref, Amount: eur(1999)}
	if got, err := b.Lookup(t.Context(), p); err != nil || got.Outcome != providers.Paid || strings.Contains(string(got.Raw), savedCard) {
		t.Errorf("looked up: %+v with %s, %v", got, got.Raw, err)
	}
}

func TestCharge_WhatBecomesOfIt(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*fake)
		want   providers.Outcome // of the answer; empty for an error
		kind   providers.Kind
		code   string
		status string // of the order afterwards
	}{
		{"reserved", func(f *fake) { f.bank = "hold" }, providers.Authorized, "", "", "hold"},
		{"the bank says no, and the one attempt is used up", func(f *fake) { f.bank = "cancelled" }, providers.Cancelled, "", "", "cancelled"},
		{"the bank says no, and the order stays open", func(f *fake) { f.bank = "failed" }, providers.Cancelled, "", "", "cancelled"},
		{"the same, and it cannot be closed", func(f *fake) { f.bank = "failed"; f.refuse["cancel"] = `{}` }, providers.Open, "", "", "failed"},
		{"paid, and the answer is lost", func(f *fake) { f.lose = "do" }, providers.Paid, "", "", "paid"},
		{"refused", func(f *fake) { f.refuse["do"] = `{"__all__":[{"code":"card_expired"}]}` }, "", providers.KindRejected, "card_expired", "cancelled"},
		{"refused, and the order cannot be closed", func(f *fake) {
			f.refuse["do"], f.refuse["cancel"] = `{"__all__":[{"code":"card_expired"}]}`, `{}`
		}, "", providers.KindUnavailable, "card_expired", "issued"},
		{"nowhere to charge", func(f *fake) { f.shape = func(o object) { delete(o, "api_do_url") } }, "", providers.KindRejected, "", "cancelled"},
		{"charged elsewhere", func(f *fake) { f.shape = func(o object) { o["api_do_url"] = "https://pay.example/do/" } }, "", providers.KindRejected, "", "cancelled"},
		{"charged behind a user", func(f *fake) {
			f.shape = func(o object) {
				at, _ := o["api_do_url"].(string)
				o["api_do_url"] = strings.Replace(at, "http://", "http://u:p@", 1)
			}
		}, "", providers.KindRejected, "", "cancelled"},
		{"charged at no address", func(f *fake) { f.shape = func(o object) { o["api_do_url"] = "/do/1" } }, "", providers.KindRejected, "", "cancelled"},
		{"paid at once", func(f *fake) { f.shape = func(o object) { o["status"] = "paid" } }, providers.Paid, "", "", "issued"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(cfg *gate.Config) { cfg.PageHosts = []string{"pay.example"} })
			s := subscribed(t, b)
			b.change(tt.change)
			to, err := b.Charge(t.Context(), s, another())
			o := b.orders[len(b.orders)-1]
			if o.Status != tt.status || len(b.orders) != 2 {
				t.Errorf("the order is %s, of %d", o.Status, len(b.orders))
			}
			if tt.want != "" {
				if err != nil || to.Report.Outcome != tt.want || to.Ref != o.ID || to.URL != "" {
					t.Errorf("got %+v, %v", to, err)
				}
				return
			}
			e := asError(t, err)
			if e.Kind != tt.kind || e.Code != tt.code || e.Op != "charge" || strings.Contains(string(e.Raw)+err.Error(), savedCard) {
				t.Errorf("got %+v with %s", e, e.Raw)
			}
			for _, r := range b.log() {
				if strings.HasPrefix(r, "POST ") && !strings.HasPrefix(r, "POST /orders/") && e.Code == "" {
					t.Errorf("charged all the same: %s", r)
				}
			}
		})
	}
}

// A bank that asks the buyer after all leaves the attempt running.
func TestCharge_Challenge(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := subscribed(t, b)
	b.change(func(f *fake) { f.bank = "in_progress" })
	to, err := b.Charge(t.Context(), s, another())
	if err != nil || to.Report.Outcome != providers.Processing || to.URL != b.server.URL+"/pay/"+to.Ref+"/3ds/" {
		t.Errorf("got %+v, %v", to, err)
	}
	for ask, bank := range map[string]string{
		"https://evil.example/3ds/": "in_progress", // no place to send anybody
		b.server.URL + "/3ds/":      "paid",        // nothing left to ask
	} {
		b.change(func(f *fake) { f.ask, f.bank = ask, bank })
		if to, err := b.Charge(t.Context(), s, another()); err != nil || to.URL != "" || to.Report.Word != bank {
			t.Errorf("%s: got %+v, %v", ask, to, err)
		}
	}
}

// A saved card is not kept, wherever in an answer it stands.
func TestSavedCard_IsNotKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := subscribed(t, b)
	b.change(func(f *fake) { f.shape = func(o object) { o["notes"], o["client"] = "charged to "+savedCard, nil } })
	to, err := b.Charge(t.Context(), s, another())
	if err != nil || !strings.Contains(string(to.Report.Raw), "charged to [secret]") {
		t.Errorf("charged: %s, %v", to.Report.Raw, err)
	}
	for name, token := range map[string]string{"one that was known": savedCard, "one that was found": ""} {
		got, err := b.Subscription(t.Context(), providers.Subscription{Token: token, PaymentID: s.PaymentID, Data: s.Data})
		if err != nil || got.Subscription.Token != savedCard || !strings.Contains(string(got.Raw), "charged to [secret]") {
			t.Errorf("%s: %s, %v", name, got.Raw, err)
		}
	}
	b.change(func(f *fake) { f.clients[0].Cards = []object{} })
	if got, err := b.Subscription(t.Context(), s); err != nil || got.Status != providers.SubscriptionCanceled || strings.Contains(string(got.Raw), savedCard) {
		t.Errorf("gone: %s, %v", got.Raw, err)
	}
	b.change(func(f *fake) {
		f.shape = func(o object) {
			o["number"], o["client"] = "another", object{"recurring_payment_method": savedCard, "recurring_card": otherCard}
		}
	})
	_, err = b.Lookup(t.Context(), providers.Payment{ID: "p7k2n0", Ref: to.Ref, Amount: eur(1999)})
	if e := asError(t, err); len(e.Raw) == 0 || strings.Contains(string(e.Raw), "0000000000c") {
		t.Errorf("an answer that cannot be used: %s", e.Raw)
	}
}

// Nothing that may have been heard is sent again, and nothing that may be under
// way is taken back.
func TestCharge_NoAnswerIsNotANo(t *testing.T) {
	t.Parallel()
	const order = `{"id":"r","number":"p7k2n0","status":"issued","currency":"EUR","total":19.99,"api_do_url":"https://gate.example/do/r/"}`
	for _, tt := range []struct {
		name string
		down string // the path that is down
		want string
	}{
		{"to the order", "/api/v0.6/orders/", "POST /api/v0.6/orders/"},
		{"to the charge", "/do/r/", "POST /api/v0.6/orders/,POST /do/r/,GET /api/v0.6/orders/r/"},
		{"to the look after it", "/api/v0.6/orders/r/", "POST /api/v0.6/orders/,POST /do/r/,GET /api/v0.6/orders/r/,GET /api/v0.6/orders/r/,GET /api/v0.6/orders/r/"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var asked []string
			b := setup(t, func(cfg *gate.Config) {
				cfg.BaseURL = "https://gate.example/api/v0.6"
				cfg.Transport = always(func(r *http.Request) (int, string, string) {
					asked = append(asked, r.Method+" "+r.URL.Path)
					if r.URL.Path == tt.down {
						return 503, "text/plain", "down, and so is " + savedCard
					}
					return 200, "application/json", order
				})
			})
			s := providers.Subscription{Token: savedCard, Data: json.RawMessage(`{"ref":"first","client":"c","minor":1999,"currency":"EUR"}`)}
			_, err := b.Charge(t.Context(), s, another())
			e := asError(t, err)
			if e.Kind != providers.KindUnavailable || strings.Join(asked, ",") != tt.want {
				t.Errorf("got %+v after %q", e, asked)
			}
			if len(e.Raw) == 0 || strings.Contains(string(e.Raw), savedCard) {
				t.Errorf("kept %s", e.Raw)
			}
		})
	}
}

func TestCharge_RefusesLocally(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*providers.Subscription, *providers.StartRequest){
		"no card":          func(s *providers.Subscription, _ *providers.StartRequest) { s.Token = "" },
		"no data":          func(s *providers.Subscription, _ *providers.StartRequest) { s.Data = nil },
		"foreign data":     func(s *providers.Subscription, _ *providers.StartRequest) { s.Data = json.RawMessage(`{"client":"x"}`) },
		"another amount":   func(_ *providers.Subscription, r *providers.StartRequest) { r.Amount.Minor++; r.Items[0].Unit.Minor++ },
		"another currency": func(_ *providers.Subscription, r *providers.StartRequest) { r.Amount.Currency = "USD" },
		"no id":            func(_ *providers.Subscription, r *providers.StartRequest) { r.PaymentID = "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			s, req := subscribed(t, b), another()
			spoil(&s, &req)
			_, err := b.Charge(t.Context(), s, req)
			if e := asError(t, err); e.Kind != providers.KindRejected || e.Op != "charge" || len(b.log()) != 0 || strings.Contains(err.Error(), savedCard) {
				t.Errorf("got %v, sent %q", err, b.log())
			}
		})
	}
	t.Run("a card that the Gate does not know", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		s := subscribed(t, b)
		s.Token = otherCard
		_, err := b.Charge(t.Context(), s, another())
		e := asError(t, err)
		if e.Kind != providers.KindRejected || e.Code != "client.recurring_payment_method:does_not_exist" || strings.Contains(string(e.Raw), otherCard) || b.opened() != 1 {
			t.Errorf("got %+v with %s; %d orders", e, e.Raw, b.opened())
		}
	})
}

func TestResubscribe(t *testing.T) {
	t.Parallel()
	b := setup(t)
	s := subscribed(t, b)
	good := subscription()
	good.Unit, good.Count = providers.Week, 2
	if err := b.Resubscribe(t.Context(), s, good); err != nil {
		t.Errorf("another interval: %v", err)
	}
	dearer, automatic := subscription(), subscription()
	dearer.Amount.Minor++
	automatic.Automatic = true
	for name, err := range map[string]error{
		"another amount": b.Resubscribe(t.Context(), s, dearer),
		"automatic":      b.Resubscribe(t.Context(), s, automatic),
		"no data":        b.Resubscribe(t.Context(), providers.Subscription{Token: savedCard}, good),
		"foreign data":   b.Resubscribe(t.Context(), providers.Subscription{Token: savedCard, Data: json.RawMessage(`7`)}, good),
	} {
		if e := asError(t, err); e.Kind != providers.KindRejected || e.Op != "resubscribe" {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if len(b.log()) != 0 {
		t.Errorf("sent %q", b.log())
	}
}

func TestUnsubscribe(t *testing.T) {
	t.Parallel()
	t.Run("deletes every card", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		s := subscribed(t, b)
		b.save(b.orders[0].ID, otherCard)
		for range 2 { // the second time it is over already
			if err := b.Unsubscribe(t.Context(), s); err != nil || len(b.clients[0].Cards) != 0 {
				t.Errorf("got %v with %v", err, b.clients[0].Cards)
			}
		}
		if got, err := b.Subscription(t.Context(), s); err != nil || got.Status != providers.SubscriptionCanceled {
			t.Errorf("got %+v, %v", got, err)
		}
		if _, err := b.Charge(t.Context(), s, another()); asError(t, err).Kind != providers.KindRejected {
			t.Errorf("charged: %v", err)
		}
	})
	t.Run("an answer that is lost", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		s := subscribed(t, b)
		b.change(func(f *fake) { f.lose = "delete" })
		if err := b.Unsubscribe(t.Context(), s); err != nil || len(b.clients[0].Cards) != 0 {
			t.Errorf("got %v with %v", err, b.clients[0].Cards)
		}
	})
	t.Run("whose data was lost", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		subscribed(t, b)
		if err := b.Unsubscribe(t.Context(), providers.Subscription{PaymentID: "p7k2m9"}); err != nil || len(b.clients[0].Cards) != 0 {
			t.Errorf("got %v with %v", err, b.clients[0].Cards)
		}
	})
	t.Run("that never began, or whose client is gone", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		if err := b.Unsubscribe(t.Context(), providers.Subscription{PaymentID: "p7k2m9"}); err != nil {
			t.Errorf("got %v", err)
		}
		s := subscribed(t, b)
		b.change(func(f *fake) { f.clients = nil })
		if err := b.Unsubscribe(t.Context(), s); err != nil {
			t.Errorf("got %v", err)
		}
	})
	t.Run("that the Gate refuses", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		s := subscribed(t, b)
		b.change(func(f *fake) {
			f.refuse["delete"] = `{"__all__":[{"message":"` + savedCard + ` is in use","code":"in_use"}]}`
		})
		err := b.Unsubscribe(t.Context(), s)
		if e := asError(t, err); e.Kind != providers.KindRejected || e.Code != "in_use" || strings.Contains(string(e.Raw)+err.Error(), savedCard) || len(b.clients[0].Cards) != 1 {
			t.Errorf("got %v with %s", err, e.Raw)
		}
		s.Data = json.RawMessage(`[]`)
		if err := b.Unsubscribe(t.Context(), s); asError(t, err).Kind != providers.KindRejected {
			t.Errorf("got %v", err)
		}
	})
}

// Whatever the Gate lists as cards, a card is picked from it or none.
func FuzzCards(f *testing.F) {
	for _, seed := range []string{
		`{"next":null,"results":[{"id":"c1","card":{"exp_month":12,"is_default":true}},{"id":"c2","card":null}]}`,
		`[{"id":7,"card":[]}]`, `{"results":[]}`, `[]`, `{"results":[{"id":".."}]}`, `{"next":"x","results":[{"id":"c1"}]}`, ` [{}]`,
	} {
		f.Add([]byte(seed))
	}
	var body []byte
	c, err := gate.New(gate.Config{
		BaseURL: "https://gate.decta.com/api/v0.6", SecretKey: secretKey, CallbackTokens: []providers.Secret{token}, Now: clock,
		Transport: always(func(r *http.Request) (int, string, string) {
			switch r.URL.Path {
			case "/api/v0.6/orders/r/":
				return 200, "application/json", `{"id":"r","status":"paid","currency":"EUR","total":5}`
			case "/api/v0.6/clients/c/payment_methods/":
				return 200, "application/json", string(body)
			default:
				return 599, "text/plain", "led astray"
			}
		}),
		Patience: providers.Patience{Tries: 1, Cool: time.Nanosecond},
	})
	if err != nil {
		f.Fatal(err)
	}
	s := providers.Subscription{PaymentID: "p7k2m9", Data: json.RawMessage(`{"ref":"r","client":"c","minor":500,"currency":"EUR"}`)}
	f.Fuzz(func(t *testing.T, in []byte) {
		body = in
		got, err := c.Subscription(t.Context(), s)
		if err != nil {
			if e := asError(t, err); e.Kind != providers.KindUnavailable || e.Status == 599 || len(e.Raw) > 0 {
				t.Fatalf("got %v", err)
			}
			return
		}
		if (got.Status == providers.SubscriptionActive) != (got.Subscription.Token != "") {
			t.Fatalf("got %+v", got)
		}
	})
}
