package pgm_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"till/sandbox/pgm"
	"till/sandbox/world"
)

// agreement is the body of a schedule or a start that holds, with changes.
func agreement(shopID, interval string, count, times int, changes ...func(map[string]any)) string {
	info := map[string]any{"interval": interval, "intervalCount": count}
	if times > 0 {
		info["expiresAfter"] = times
	}
	b := map[string]any{"amount": 1250, "currency": "EUR", "shopTransactionId": shopID, "subscriptionInfo": info}
	for _, change := range changes {
		change(b)
	}
	body, _ := json.Marshal(b) // made of texts and numbers
	return string(body)
}

// subscribed is a payAnswer with the subscription's token.
type subscribed struct {
	payAnswer
	Token string `json:"subscriptionToken"`
}

func (r reply) subscribed() (a subscribed) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.want(200).body), &a); err != nil {
		r.t.Fatal(err)
	}
	return a
}

// scheduled begins a subscription at Stripe, once a month, that is agreed to.
func (s *stand) scheduled(times int) string {
	s.t.Helper()
	s.send("POST", "/v3/stripe/credit-cards/subscription/schedule", agreement("o1", "MONTH", 1, times)).want(200)
	s.decide("o1", "approve")
	s.drain()
	return s.truth().Token
}

// started begins one at the external integration that the shop charges.
func (s *stand) started(times int) string {
	s.t.Helper()
	return s.send("POST", "/v3/house-account/subscription/start", agreement("o1", "WEEK", 1, times)).subscribed().Token
}

func (s *stand) charge(token, shopID string, minor int) reply {
	s.t.Helper()
	return s.send("POST", "/v3/house-account/subscription/pay",
		fmt.Sprintf(`{"amount":%d,"currency":"EUR","shopTransactionId":%q,"subscriptionInfo":{"token":%q}}`, minor, shopID, token))
}

// truth is the subscription that o1 began, as it truly is.
func (s *stand) truth() pgm.Subscription {
	s.t.Helper()
	sub, err := s.pgm.Subscription("o1")
	if err != nil {
		s.t.Fatal(err)
	}
	return sub
}

func (s *stand) subscriptionStatus(provider, token string) string {
	s.t.Helper()
	var a struct{ Status, SubscriptionToken, ProviderName string }
	r := s.send("GET", "/v3/"+provider+"/subscription/status/"+token, "").want(200)
	if err := json.Unmarshal([]byte(r.body), &a); err != nil || a.SubscriptionToken != token || a.ProviderName != provider {
		s.t.Errorf("got %s", r.body)
	}
	return a.Status
}

func TestPayByLink(t *testing.T) {
	s := setup(t)
	r := s.send("POST", "/v3/stripe/pay-by-link", s.body("o1")).want(200)
	var a struct{ ResultCode, Result, PaymentID, Link string }
	if err := json.Unmarshal([]byte(r.body), &a); err != nil {
		t.Fatal(err)
	}
	equal(t, "answer", a, struct{ ResultCode, Result, PaymentID, Link string }{"OK", "OK", s.order("o1").Ref, s.base + "/page/" + s.order("o1").Ref})
	equal(t, "status", s.status(a.PaymentID).Status, "PENDING")
	yes, _ := s.press(payAnswer{PaymentID: a.PaymentID}, "works", "approve")
	equal(t, "on to", yes.want(303).header.Get("Location"), s.shop.URL+"/return/o1/success")
	s.drain()
	equal(t, "told", s.shop.words(), "[ACCEPTED]")
	s.send("POST", "/v3/stripe/pay-by-link", s.body("o1")).want(200)
	s.send("POST", "/v3/stripe/pay-by-link", s.body("o1", func(b map[string]any) { b["amount"] = 1 })).refused(409, "shopTransactionId")
	s.send("POST", "/v3/stripe/pay-by-link", s.body("o2", func(b map[string]any) { b["providerData"] = map[string]any{"buyerEmail": "x"} })).
		refused(400, `"buyerEmail" is not a known field`)
	equal(t, "made", len(s.pgm.Orders(0)), 2)
}

func TestSchedule(t *testing.T) {
	s := setup(t)
	a := s.send("POST", "/v3/stripe/credit-cards/subscription/schedule", agreement("o1", "MONTH", 1, 3, func(b map[string]any) {
		b["providerData"] = map[string]any{"productName": "Tea", "buyerEmail": "ada@example.test"}
	})).subscribed()
	equal(t, "answer", []string{a.Result, a.WebURL, a.Token}, []string{"REDIRECT_TO_URL", s.base + "/page/" + a.PaymentID, ""})
	s.send("GET", "/page/"+a.PaymentID, "").want(200).has("€ 12.50 every month, 3 times in all", "Tea")
	equal(t, "nobody has agreed", s.truth().Status, "PENDING")
	s.send("GET", "/v3/stripe/subscription/status/"+s.truth().Token, "").refused(404, "no such subscription")
	yes, _ := s.press(a.payAnswer, "works", "approve")
	equal(t, "back to", yes.want(303).header.Get("Location"), s.shop.URL+"/")
	s.drain()
	token := s.status(a.PaymentID).Metadata["subscriptionToken"]
	equal(t, "the payment tells it", token, s.truth().Token)
	equal(t, "status", s.subscriptionStatus("stripe", token), "ACTIVE")

	s.advance(31 * 24 * time.Hour) // to the 1st of June
	equal(t, "told", s.shop.words(), "[ACCEPTED ACCEPTED]")
	renewal := statusOf(s.shop.heard()[1].body)
	equal(t, "of a payment of its own", []any{renewal.PaymentID != a.PaymentID, renewal.ShopID, renewal.Metadata["subscriptionToken"]}, []any{true, "o1", token})
	equal(t, "which can be asked about", s.status(renewal.PaymentID).Status, "ACCEPTED")
	equal(t, "and paid back", s.refund(renewal.PaymentID, 1250).want(200).body, `{"result":"OK"}`)
	equal(t, "the shop's name means the first", s.order("o1").Ref, a.PaymentID)
	equal(t, "the next one", s.truth().Next, time.Date(2024, 7, 1, 10, 0, 0, 0, time.UTC))
	s.advance(30 * 24 * time.Hour)
	equal(t, "over as agreed", []any{s.subscriptionStatus("stripe", token), s.truth().Paid}, []any{"EXPIRED", 3})
	equal(t, "nothing is left to happen", s.world.Clock.Pending(), 0)
	s.advance(100 * 24 * time.Hour)
	equal(t, "payments", len(s.pgm.Orders(0)), 3)
}

func TestSchedule_NobodyAgrees(t *testing.T) {
	for _, decision := range []string{"decline", "expire"} {
		s := setup(t)
		s.send("POST", "/v3/stripe/subscription/schedule", agreement("o1", "MONTH", 1, 0)).want(200)
		s.decide("o1", decision)
		equal(t, decision, []any{s.truth().Status, s.order("o1").Status}, []any{"CANCELED", "FAILED"})
		s.advance(100 * 24 * time.Hour)
		equal(t, "payments", len(s.pgm.Orders(0)), 1)
	}
}

func TestSchedule_Dates(t *testing.T) {
	s := setup(t)
	s.advance(30 * 24 * time.Hour) // to the 31st of May
	s.scheduled(0)
	for _, want := range []time.Time{
		time.Date(2024, 6, 30, 10, 0, 0, 0, time.UTC), time.Date(2024, 7, 31, 10, 0, 0, 0, time.UTC), time.Date(2024, 8, 31, 10, 0, 0, 0, time.UTC),
	} {
		equal(t, "next", s.truth().Next, want)
		s.advance(want.Sub(s.world.Clock.Now()))
	}
	for interval, want := range map[string]time.Time{
		"DAY": time.Date(2024, 5, 4, 10, 0, 0, 0, time.UTC), "WEEK": time.Date(2024, 5, 22, 10, 0, 0, 0, time.UTC),
		"MONTH": time.Date(2024, 8, 1, 10, 0, 0, 0, time.UTC), "YEAR": time.Date(2027, 5, 1, 10, 0, 0, 0, time.UTC),
	} {
		s := setup(t)
		a := s.send("POST", "/v3/house-account/subscription/schedule", agreement("o1", interval, 3, 0)).subscribed()
		equal(t, interval, []any{a.Result, a.WebURL, a.Token == s.truth().Token, s.truth().Next}, []any{"OK", "", true, want})
	}
}

// A charge that fails is tried again, three times.
func TestSchedule_PastDue(t *testing.T) {
	s := setup(t)
	token := s.scheduled(0)
	s.fault("renewal_fails", world.Wish{Order: "o1", Times: 2})
	s.advance(31 * 24 * time.Hour)
	equal(t, "told", s.shop.words(), "[ACCEPTED FAILED]")
	equal(t, "status", s.subscriptionStatus("stripe", token), "PAST_DUE")
	s.advance(24 * time.Hour)
	equal(t, "still", s.subscriptionStatus("stripe", token), "PAST_DUE")
	s.advance(24 * time.Hour)
	equal(t, "paid at last", s.subscriptionStatus("stripe", token), "ACTIVE")
	equal(t, "told", s.shop.words(), "[ACCEPTED FAILED FAILED ACCEPTED]")
	equal(t, "the next one keeps its date", s.truth().Next, time.Date(2024, 7, 1, 10, 0, 0, 0, time.UTC))

	s.fault("renewal_fails", world.Wish{Order: "o1"})
	s.advance(33 * 24 * time.Hour)
	equal(t, "given up", s.subscriptionStatus("stripe", token), "CANCELED")
	equal(t, "nothing is left to happen", s.world.Clock.Pending(), 0)
	equal(t, "tries", len(s.shop.heard()), 8)
}

// Due dates that pass while a charge is tried again are not made up for.
func TestSchedule_PastDueAcrossDates(t *testing.T) {
	s := setup(t)
	s.send("POST", "/v3/house-account/subscription/schedule", agreement("o1", "DAY", 1, 0)).want(200)
	s.fault("renewal_fails", world.Wish{Times: 2})
	s.advance(72 * time.Hour)
	equal(t, "told", s.shop.words(), "[FAILED FAILED ACCEPTED]")
	equal(t, "next", s.truth().Next, start.AddDate(0, 0, 4))
	s.advance(24 * time.Hour)
	equal(t, "paid", s.truth().Paid, 3)
}

func TestStart(t *testing.T) {
	s := setup(t)
	s.send("POST", "/v3/axerve/pay-pal/subscription/start", agreement("o1", "DAY", 30, 0)).refused(400, "authenticationAmount is required")
	body := agreement("o1", "DAY", 30, 0, func(b map[string]any) {
		b["providerData"] = map[string]any{"buyerName": "Ada", "buyerEmail": "ada@example.test", "authenticationAmount": 2000}
	})
	a := s.send("POST", "/v3/axerve/pay-pal/subscription/start", body).subscribed()
	equal(t, "answer", []any{a.Result, a.Token == s.truth().Token}, []any{"REDIRECT_TO_URL", true})
	s.send("GET", "/page/"+a.PaymentID, "").want(200).has("every 30 days, when the shop asks for it")
	pay := func(shopID string, minor int) reply {
		return s.send("POST", "/v3/axerve/pay-pal/subscription/pay",
			fmt.Sprintf(`{"amount":%d,"currency":"EUR","shopTransactionId":%q,"subscriptionInfo":{"token":%q}}`, minor, shopID, a.Token))
	}
	pay("o2", 1000).want(200).has(`"result":"KO"`)
	s.decide("o1", "approve")
	s.advance(100 * 24 * time.Hour)
	equal(t, "it does not charge by itself", len(s.pgm.Orders(0)), 1)
	equal(t, "status", s.subscriptionStatus("axerve", a.Token), "ACTIVE")
	pay("o2", 2001).want(200).has(`"result":"KO"`)
	equal(t, "more than was agreed is not made", len(s.pgm.Orders(0)), 1)
	pay("o2", 2000).want(200).has(`"result":"OK"`)
	equal(t, "paid", []any{s.order("o2").Paid, s.order("o2").Minor}, []any{true, 2000})
	s.send("DELETE", "/v3/axerve/subscription/expire/"+a.Token, "").want(200)
	pay("o3", 1000).want(200).has(`"result":"KO"`)
}

func TestCharge(t *testing.T) {
	s := setup(t)
	token := s.started(3)
	equal(t, "the first is paid", s.order("o1").Paid, true)
	a := s.charge(token, "o2", 700).subscribed()
	equal(t, "answer", []any{a.Result, a.PaymentID, a.Token}, []any{"OK", s.order("o2").Ref, token})
	s.charge(token, "o2", 700).want(200) // there is no key: made again
	equal(t, "made", []any{len(s.pgm.Orders(0)), s.truth().Paid, s.truth().Status}, []any{3, 3, "EXPIRED"})
	s.charge(token, "o3", 700).want(200).has(`"result":"KO"`)
	s.charge("sub_gone", "o3", 700).refused(404, "no such subscription")
	equal(t, "made", len(s.pgm.Orders(0)), 3)

	t.Run("one that fails", func(t *testing.T) {
		s := setup(t)
		token := s.started(0)
		s.fault("pay_ko", world.Wish{Times: 1})
		s.charge(token, "o2", 700).want(200).has(`"result":"KO"`, "paymentId")
		equal(t, "status", s.subscriptionStatus("house-account", token), "PAST_DUE")
		s.fault("pay_pending", world.Wish{Times: 1, Delay: "1h"})
		s.charge(token, "o3", 700).want(200).has(`"result":"PENDING"`)
		equal(t, "status", s.subscriptionStatus("house-account", token), "PAST_DUE")
		s.advance(time.Hour)
		equal(t, "told", s.shop.words(), "[ACCEPTED]")
		equal(t, "status", s.subscriptionStatus("house-account", token), "ACTIVE")
	})
	t.Run("one that charges itself", func(t *testing.T) {
		s := setup(t)
		token := s.send("POST", "/v3/house-account/subscription/schedule", agreement("o1", "DAY", 1, 0)).subscribed().Token
		s.charge(token, "o2", 700).refused(422, "by itself")
		equal(t, "made", len(s.pgm.Orders(0)), 1)
	})
}

func TestUpdate(t *testing.T) {
	s := setup(t)
	token := s.scheduled(0)
	body := strings.Replace(agreement("o1", "MONTH", 2, 3), "1250", "990", 1)
	s.send("POST", "/v3/stripe/subscription/update/"+token, body).want(200).has(`"result":"OK"`, token)
	equal(t, "from now on", []any{s.truth().Minor, s.truth().Next}, []any{990, time.Date(2024, 7, 1, 10, 0, 0, 0, time.UTC)})
	s.advance(62 * 24 * time.Hour)
	equal(t, "charged", s.pgm.Orders(1)[0].Minor, 990)
	s.send("POST", "/v3/stripe/subscription/update/"+token, agreement("o1", "MONTH", 1, 2)).want(200)
	equal(t, "as many as agreed have been paid", s.truth().Status, "EXPIRED")
	s.send("POST", "/v3/stripe/subscription/update/"+token, body).want(200).has(`"result":"KO"`)
	s.send("POST", "/v3/stripe/subscription/update/sub_gone", body).refused(404, "no such subscription")
	equal(t, "nothing was changed", s.truth().Minor, 1250)
}

func TestExpire(t *testing.T) {
	s := setup(t)
	token := s.scheduled(0)
	for _, query := range []string{"", "?shopTransactionId=o2", "?shopTransactionId=o1&x=1", "?reference=o1"} {
		s.send("POST", "/v3/stripe/subscription/expire/"+token+query, "").refused(400, "shopTransactionId")
	}
	equal(t, "goes on", s.truth().Status, "ACTIVE")
	s.send("DELETE", "/v3/stripe/subscription/expire/"+token+"?shopTransactionId=o1", "").refused(405, "POST")
	equal(t, "body", s.send("POST", "/v3/stripe/subscription/expire/"+token+"?shopTransactionId=o1", "").want(200).body, "{}")
	equal(t, "ended", s.subscriptionStatus("stripe", token), "CANCELED")
	s.send("POST", "/v3/stripe/subscription/expire/"+token+"?shopTransactionId=o1", "").refused(409, "CANCELED")
	s.advance(100 * 24 * time.Hour)
	equal(t, "payments", len(s.pgm.Orders(0)), 1)

	s = setup(t)
	token = s.started(0)
	s.send("POST", "/v3/house-account/subscription/expire/"+token, "").refused(405, "DELETE")
	s.send("DELETE", "/v3/house-account/subscription/expire/"+token+"?shopTransactionId=o1", "").refused(400, "nothing else")
	s.send("DELETE", "/v3/house-account/subscription/expire/"+token, "").want(200)
	s.send("DELETE", "/v3/stripe/subscription/expire/"+token, "").want(405)
	equal(t, "ended", s.truth().Status, "CANCELED")
}

func TestSubscription_EndedByTheService(t *testing.T) {
	s := setup(t)
	token := s.scheduled(0)
	equal(t, "can be decided", strings.Contains(fmt.Sprint(s.order("o1").Decisions), "cancel_subscription"), true)
	s.decide("o1", "cancel_subscription")
	equal(t, "status", s.subscriptionStatus("stripe", token), "CANCELED")
	s.advance(100 * 24 * time.Hour)
	equal(t, "told", s.shop.words(), "[ACCEPTED]")
	equal(t, "can be decided", strings.Contains(fmt.Sprint(s.order("o1").Decisions), "cancel_subscription"), false)
}

func TestSubscription_Refuses(t *testing.T) {
	s := setup(t)
	with := func(field string, value any) string {
		return agreement("o1", "MONTH", 1, 0, func(b map[string]any) { b[field] = value })
	}
	info := func(field string, value any) string {
		return agreement("o1", "MONTH", 1, 0, func(b map[string]any) { b["subscriptionInfo"].(map[string]any)[field] = value })
	}
	for _, tt := range []struct{ body, about string }{
		{`{}`, "subscriptionInfo is required"},
		{with("amount", 0), "amount"},
		{with("currency", "USD"), "currency must be EUR"},
		{with("shopTransactionId", 1), "shopTransactionId must be a string"},
		{with("successRedirectUrl", "https://x"), `"successRedirectUrl" is not a known field`},
		{with("subscriptionInfo", 1), "subscriptionInfo must be a JSON object"},
		{with("subscriptionInfo", map[string]any{}), "interval is required"},
		{with("providerData", map[string]any{"authenticationAmount": 1}), `"authenticationAmount" is not a known field`},
		{info("interval", "DAY"), "must be one of MONTH"},
		{info("interval", 1), "subscriptionInfo.interval must be a string"},
		{info("intervalCount", 0), "intervalCount must be a whole number"},
		{info("intervalCount", "1"), "intervalCount must be a whole number"},
		{info("expiresAfter", 0), "expiresAfter must be a whole number"},
		{info("token", "x"), `"token" is not a known field`},
	} {
		s.send("POST", "/v3/stripe/credit-cards/subscription/schedule", tt.body).refused(400, tt.about)
	}
	equal(t, "made", len(s.pgm.Orders(0)), 0)
	token := s.started(0)
	for body, complaint := range map[string]string{
		`{"amount":1,"currency":"EUR","shopTransactionId":"o2"}`:                                                       "subscriptionInfo is required",
		`{"amount":1,"currency":"EUR","shopTransactionId":"o2","subscriptionInfo":{}}`:                                 "token is required",
		`{"amount":1,"currency":"EUR","shopTransactionId":"o2","subscriptionInfo":{"token":"` + token + `","x":1}}`:    `"x" is not a known field`,
		`{"amount":0,"currency":"EUR","shopTransactionId":"o2","subscriptionInfo":{"token":"` + token + `"}}`:          "amount",
		`{"amount":1,"currency":"EUR","shopTransactionId":"o2","subscriptionInfo":{"token":"` + token + `"},"y":true}`: `"y" is not a known field`,
	} {
		s.send("POST", "/v3/house-account/subscription/pay", body).refused(400, complaint)
	}
	s.send("POST", "/v3/house-account/subscription/update/"+token, `{"amount":1}`).refused(400, "currency is required")
	s.send("POST", "/v3/house-account/subscription/start", agreement("o1", "DAY", 1, 0, func(b map[string]any) { b["amount"] = 1 })).refused(409, "shopTransactionId")
	equal(t, "made", []any{len(s.pgm.Orders(0)), s.truth().Minor}, []any{1, 1250})
	if _, err := s.pgm.Subscription("gone"); !errors.Is(err, world.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	s.card("o9")
	if _, err := s.pgm.Subscription("o9"); !errors.Is(err, world.ErrNotFound) {
		t.Errorf("a single payment: got %v", err)
	}
}

// What is forgotten charges nobody.
func TestSubscription_Memory(t *testing.T) {
	s := setup(t, func(c *pgm.Config) { c.MaxPayments = 2 })
	token := s.scheduled(0)
	s.paid("o2")
	s.paid("o3")
	s.advance(100 * 24 * time.Hour)
	equal(t, "told", s.shop.words(), "[ACCEPTED ACCEPTED ACCEPTED]")
	s.send("GET", "/v3/stripe/subscription/status/"+token, "").want(404)
	equal(t, "nothing is left to happen", s.world.Clock.Pending(), 0)
	s.scheduled(0)
	s.world.Reset(7)
	s.pgm.Reset()
	s.advance(100 * 24 * time.Hour)
	equal(t, "told", len(s.shop.heard()), 4)
}
