package powens_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"till/sandbox/powens"
)

type wireLink struct {
	ID, URL     string
	Reference   string `json:"reference_id"`
	Amount      json.RawMessage
	Currency    string
	State       string       `json:"redirect_state"`
	RedirectURI string       `json:"redirect_uri"`
	LastPayment *json.Number `json:"last_payment_id"`
	RevokedAt   *string      `json:"revoked_at"`
	Attempt     *string      `json:"attempt_state"`
}

// links calls the payment links with a token of their scope.
func (s *stand) links(method, path, body string) reply {
	s.t.Helper()
	return s.send(method, "/api/payment-links"+path, body, "Authorization", "Bearer "+s.token(`"payment-links:admin"`))
}

func (s *stand) linkJSON(state string, changes ...func(object)) string {
	s.t.Helper()
	link := object{
		"amount": json.Number("9.90"), "currency": "EUR", "label": "KC-1001 Kauri Clay", "execution_date_type": "instant",
		"beneficiary": object{"scheme_name": "iban", "identification": "FR7630006000011234567890189", "label": "Kauri & Clay"},
		"beneficiary_identity": object{
			"kind": "corporate", "org_name": "Kauri & Clay", "org_legal_status": "SAS", "scheme_name": "siren", "identification": "732829320",
		},
		"payer": nil, "payer_identity": object{"kind": "individual", "first_name": "Ada", "last_name": "Martin"},
		"redirect": true, "redirect_uri": s.shop.URL + "/return/" + state + "/pending", "redirect_state": state,
	}
	for _, change := range changes {
		change(link)
	}
	body, err := json.Marshal(link)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(body)
}

func (r reply) link() wireLink {
	r.t.Helper()
	var l wireLink
	r.into(&l)
	return l
}

func (s *stand) link(state string) wireLink {
	s.t.Helper()
	return s.links("POST", "", s.linkJSON(state)).want(200).link()
}

func (s *stand) readLink(id string) wireLink {
	s.t.Helper()
	return s.links("GET", "/"+id, "").want(200).link()
}

// pay opens a link's page and goes on, and is where the buyer gets to.
func (s *stand) pay(l wireLink) string {
	s.t.Helper()
	s.send("GET", l.URL, "").want(200).has("Pay by this link", "EUR 9.90", "Kauri &amp; Clay")
	return s.press(l.URL, "decision=pay").want(303).header.Get("Location")
}

func TestLink(t *testing.T) {
	t.Parallel()
	s := setup(t)
	l := s.link("p1")
	equal(t, "amount", string(l.Amount), "9.90")
	equal(t, "currency", l.Currency, "EUR")
	equal(t, "state", l.State, "p1")
	equal(t, "attempt", *l.Attempt, "unavailable")
	equal(t, "payment", l.LastPayment == nil && l.RevokedAt == nil, true)
	s.send("GET", l.URL, "").want(200)
	equal(t, "opening it makes nothing", len(s.powens.Orders(0)), 0)

	view := s.pay(l)
	s.press(view, "decision=bank&bank=0f2b1c7e-5a0d-5a53-8e2f-6a1c0b7d4e01").want(303)
	back := s.press(view, "decision=approve&account=current").want(303).header.Get("Location")
	s.drain()
	u, err := url.Parse(back)
	if err != nil || !strings.HasPrefix(back, s.shop.URL+"/return/p1/pending?") || u.Query().Get("state") != "p1" {
		t.Errorf("came back to %q, %v", back, err)
	}
	l = s.readLink(l.ID)
	equal(t, "attempt", *l.Attempt, "done")
	o := s.read(*l.LastPayment)
	equal(t, "state", o.State, "done")
	equal(t, "reference", o.Instructions[0].Reference, l.Reference)
	equal(t, "done was told", slices.Contains(s.shop.states(), "done"), true)
	s.send("GET", l.URL, "").want(200).has("This transfer is done")
	s.press(l.URL, "decision=pay").want(200).has("This transfer is done")
	equal(t, "payments", len(s.powens.Orders(0)), 1)

	list := s.links("GET", "", "").want(200)
	var all []wireLink
	list.into(&all)
	equal(t, "listed", len(all), 1)
	equal(t, "paid", s.truth("p1").Paid, true)
}

// One payment at a time comes of a link, and a new one after one that failed.
func TestLink_Again(t *testing.T) {
	t.Parallel()
	s := setup(t)
	l := s.link("p1")
	s.pay(l)
	s.pay(l)
	equal(t, "payments", len(s.powens.Orders(0)), 1)
	s.decide("p1", "decline")
	equal(t, "attempt", *s.readLink(l.ID).Attempt, "rejected")
	s.pay(l)
	equal(t, "payments", len(s.powens.Orders(0)), 2)
	s.decide("p1", "approve")
	equal(t, "attempt", *s.readLink(l.ID).Attempt, "done")
	var found struct{ Payments []wirePayment }
	s.api("GET", "payments?reference_id="+l.Reference, "").want(200).into(&found)
	equal(t, "of this link", len(found.Payments), 2)
}

func TestLink_Revoked(t *testing.T) {
	t.Parallel()
	s := setup(t)
	l := s.link("p1")
	s.links("POST", "/"+l.ID+":revoke", "").want(204)
	equal(t, "revoked", *s.readLink(l.ID).RevokedAt, "2024-05-01 10:00:00")
	s.links("POST", "/"+l.ID+":revoke", "").refused(404, "notFound")
	s.links("POST", "/"+l.ID, "").refused(404, "notFound")
	s.links("POST", "/x:revoke", "").refused(404, "notFound")
	s.links("GET", "/x", "").refused(404, "notFound")
	s.send("GET", l.URL, "").want(404).has("not valid")
	s.press(l.URL, "decision=pay").want(404)
	s.send("GET", "/link/x", "").want(404)
	equal(t, "payments", len(s.powens.Orders(0)), 0)
}

func TestLink_RefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	s := setup(t)
	drop := func(name string) func(object) { return func(o object) { delete(o, name) } }
	put := func(name string, v any) func(object) { return func(o object) { o[name] = v } }
	for name, tt := range map[string]struct {
		code   string
		change func(object)
	}{
		"no amount":                 {"missingParameter", drop("amount")},
		"nothing to pay":            {"invalidValue", put("amount", 0)},
		"no payer":                  {"missingParameter", drop("payer")},
		"an odd payer":              {"invalidValue", put("payer", "x")},
		"nobody":                    {"missingParameter", drop("payer_identity")},
		"no word about coming back": {"missingParameter", drop("redirect")},
		"an odd word about it":      {"invalidValue", put("redirect", "yes")},
		"nowhere to come back to":   {"missingParameter", drop("redirect_uri")},
		"no state":                  {"missingParameter", drop("redirect_state")},
		"a way back with a query":   {"invalidValue", put("redirect_uri", "https://shop.test/?x=1")},
		"a way back without need":   {"invalidValue", put("redirect", false)},
		"deferred":                  {"invalidValue", put("execution_date_type", "deferred")},
		"periodic":                  {"invalidValue", put("execution_date_type", "periodic")},
		"another currency":          {"invalidValue", put("currency", "NZD")},
		"an end":                    {"invalidValue", put("expires_at", "2024-06-01")},
		"an instruction":            {"invalidValue", put("instructions", []any{})},
	} {
		if r := s.links("POST", "", s.linkJSON("p1", tt.change)); r.status != 400 || !strings.Contains(r.body, `"code":"`+tt.code+`"`) {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	s.links("GET", "", "").want(200).has("[]")
	s.links("POST", "", s.linkJSON("p1", put("redirect", false), drop("redirect_uri"), drop("redirect_state"))).want(200)
}

// The links have a scope of their own, and it opens nothing else.
func TestLink_Scope(t *testing.T) {
	t.Parallel()
	s := setup(t)
	l := s.link("p1")
	for method, path := range map[string]string{"GET": "/" + l.ID, "POST": "/" + l.ID + ":revoke"} {
		s.send(method, "/api/payment-links"+path, "", "Authorization", "Bearer "+s.bearer).refused(403, "forbidden")
		s.send(method, "/api/payment-links"+path, "").refused(401, "unauthorized")
		s.send(method, "/api/payment-links", "", "Authorization", "Bearer "+s.bearer).refused(403, "forbidden")
	}
	equal(t, "revoked", s.readLink(l.ID).RevokedAt == nil, true)
	s.bearer = s.token(`"payment-links:admin"`)
	s.api("POST", "payments", s.paymentJSON("p2")).refused(403, "forbidden")
	s.api("GET", "payments", "").refused(403, "forbidden")
}

func TestLink_MemoryAndReset(t *testing.T) {
	t.Parallel()
	s := setup(t, func(c *powens.Config) { c.MaxOrders = 2 })
	first := s.link("p1")
	s.link("p2")
	s.link("p3")
	s.links("GET", "/"+first.ID, "").refused(404, "notFound")
	s.send("GET", first.URL, "").want(404)
	s.powens.Reset()
	s.links("GET", "", "").want(200).has("[]")
}

// A periodic payment is pending while the bank pays, and done after its end.
func TestPeriodic(t *testing.T) {
	t.Parallel()
	s := setup(t)
	o := s.create("p1", scheduled("monthly", "2024-05-02", "2024-07-05"))
	s.send("GET", s.webview(o), "").want(200).has("Again and again (monthly), from 2024-05-02 to 2024-07-05")
	s.api("GET", "payments/"+o.ID.String(), "").want(200).has(`"frequency":"monthly"`, `"start_date":"2024-05-02"`, `"end_date":"2024-07-05"`)
	s.decide("p1", "approve")
	equal(t, "state", s.read(o.ID).State, "pending")
	s.advance(60 * 24 * time.Hour)
	s.signIn()
	equal(t, "it does not expire meanwhile", s.read(o.ID).State, "pending")
	s.advance(6 * 24 * time.Hour)
	s.signIn()
	equal(t, "state", s.read(o.ID).State, "done")
	equal(t, "told", s.shop.states(), "[pending done]")

	endless := s.paid("p2", scheduled("daily", "2024-07-20", ""))
	s.advance(400 * 24 * time.Hour)
	s.signIn()
	equal(t, "without end", s.read(endless.ID).State, "pending")
	s.api("POST", "payments/"+endless.ID.String(), `{"cancel":true}`).want(200).has(`"state":"rejected"`, "CancelledByClient")

	s.paid("p3", scheduled("daily", "2025-12-01", ""), at("silent"))
	equal(t, "at a bank that says no more", s.truth("p3").Status, "accepted")
	asks := s.paid("p4", scheduled("daily", "2025-12-01", ""), at("asks"))
	s.api("POST", "payments/"+asks.ID.String(), `{"cancel":true}`).want(200).has(`"state_detail":"cancelling"`, "/bank/")
	test := s.paid("p5", scheduled("daily", "2025-12-01", ""), at("test"))
	equal(t, "at the test connector", s.read(test.ID).State, "pending")
	left := s.create("p6", scheduled("daily", "2025-12-01", ""))
	s.advance(31 * 24 * time.Hour)
	s.signIn()
	equal(t, "one that nobody approved", s.read(left.ID).State, "expired")
}
