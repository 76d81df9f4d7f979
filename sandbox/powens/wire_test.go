package powens_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"till/sandbox/powens"
	"till/sandbox/world"
)

// The vector of the provider's page, section 8.
func TestVector(t *testing.T) {
	t.Parallel()
	body := []byte(`{"id":501,"state":"done","id_webhook_data":9001}`)
	got := powens.Sign("sbx_webhook_key_1", "/webhooks/powens", "2024-05-01T10:00:00.123456Z", body)
	equal(t, "signature", got, "bzHOaCVcxHeWa0Op9kjL3aInPYI5tzGIB7E8W7bno7g=")
}

func TestNew_RefusesNonsense(t *testing.T) {
	t.Parallel()
	w := world.New(world.Options{Now: func() time.Time { return begin }, Log: slog.New(slog.DiscardHandler)})
	defer w.Close()
	if _, err := powens.New(w, powens.Config{PhaseUnit: -1}); err == nil {
		t.Error("a negative duration was taken")
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	s := setup(t)
	r := s.send("POST", "/2.0/auth/token", goodGrant).want(200)
	var answer object
	r.into(&answer)
	equal(t, "fields", len(answer), 2)
	equal(t, "scope", answer["scope"], "payments:admin")
	if _, ok := answer["token"].(string); !ok {
		t.Errorf("no token in %s", r.body)
	}
	for name, tt := range map[string]struct {
		body   string
		status int
		code   string
	}{
		"wrong secret":     {strings.Replace(goodGrant, "secret_1", "secret_2", 1), 401, "unauthorized"},
		"wrong client":     {strings.Replace(goodGrant, `"sbx_client"`, `"x"`, 1), 401, "unauthorized"},
		"another grant":    {strings.Replace(goodGrant, "client_credentials", "password", 1), 400, "invalidValue"},
		"unknown scope":    {strings.Replace(goodGrant, "payments:admin", "world:admin", 1), 400, "invalidValue"},
		"odd scope":        {strings.Replace(goodGrant, `"payments:admin"`, `{}`, 1), 400, "invalidValue"},
		"an unknown field": {strings.Replace(goodGrant, `"scope"`, `"x":1,"scope"`, 1), 400, "invalidValue"},
		"no secret":        {`{"grant_type":"client_credentials","client_id":"sbx_client"}`, 400, "missingParameter"},
		"a trailing comma": {strings.Replace(goodGrant, `"}`, `",}`, 1), 400, "invalidValue"},
		"no object":        {`[]`, 400, "invalidValue"},
		"too much":         {`{"x":"` + strings.Repeat("x", 65<<10) + `"}`, 400, "invalidValue"},
	} {
		if r := s.send("POST", "/2.0/auth/token", tt.body); r.status != tt.status || !strings.Contains(r.body, `"code":"`+tt.code+`"`) {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	s.send("POST", "/2.0/auth/token", goodGrant, "Content-Type", "text/plain").refused(400, "invalidValue")
	s.send("POST", "/2.0/auth/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"sbx_client"}, "client_secret": {"sbx_powens_secret_1"}, "scope": {"payments:read-only"},
	}.Encode(), "Content-Type", "application/x-www-form-urlencoded").want(200).has(`"scope":"payments:read-only"`)
}

func TestToken_HoldsForHalfAnHour(t *testing.T) {
	t.Parallel()
	s := setup(t)
	o := s.create("p1")
	s.advance(30*time.Minute - time.Second)
	s.read(o.ID)
	s.advance(time.Second)
	s.api("GET", "payments/"+o.ID.String(), "").refused(401, "unauthorized")
	s.send("GET", "/2.0/payments/"+o.ID.String(), "").refused(401, "unauthorized")
	s.signIn()
	s.read(o.ID)
}

func TestScopes(t *testing.T) {
	t.Parallel()
	s := setup(t)
	o := s.create("p1")
	id := o.ID.String()
	allowed := map[string]map[string]bool{
		"create": {"payments:admin": true, "payments": true},
		"read":   {"payments:admin": true, "payments": true, "payments:read-only": true},
		"list":   {"payments:admin": true, "payments": true, "payments:read-only": true},
		"scoped": {"payments:admin": true, "payments": true, "payments:validate": true},
		"cancel": {"payments:admin": true, "payments": true, "payments:cancel": true},
	}
	for _, scope := range []string{"payments:admin", "payments", "payments:read-only", "payments:validate", "payments:cancel", "payments:allow-sensitive"} {
		s.bearer = s.token(`["` + scope + `"]`)
		for what, r := range map[string]reply{
			"create": s.api("POST", "payments", s.paymentJSON("p-"+scope)),
			"read":   s.api("GET", "payments/"+id, ""),
			"list":   s.api("GET", "payments", ""),
			"scoped": s.api("POST", "payments/"+id+"/scopedtoken", `{"scope":"payments:validate"}`),
			"cancel": s.api("POST", "payments/"+id, `{"cancel":true}`),
		} {
			if forbidden := r.status == http.StatusForbidden; forbidden == allowed[what][scope] {
				t.Errorf("%s with %s: %d %s", what, scope, r.status, r.body)
			}
		}
	}
}

func TestCreate(t *testing.T) {
	t.Parallel()
	s := setup(t)
	o := s.create("p1")
	equal(t, "state", o.State, "created")
	equal(t, "amount", o.amount(), "9.9000000000")
	equal(t, "registered", o.RegisterDate, "2024-05-01 10:00:00")
	equal(t, "client_state", *o.ClientState, "p1")
	equal(t, "names are hidden", o.Identity, map[string]any{"kind": "individual"})
	equal(t, "reference", len(o.Instructions[0].Reference), 31)
	var currency object
	if err := json.Unmarshal(o.Instructions[0].Currency, &currency); err != nil || currency["id"] != "EUR" || currency["precision"] != 2.0 {
		t.Errorf("currency %s", o.Instructions[0].Currency)
	}
	again := s.create("p1")
	equal(t, "no key, so another payment", again.ID == o.ID, false)
	s.bearer = s.token(`["payments:admin","payments:validate"]`)
	shown := s.api("POST", "payments?show_sensitive=true", s.paymentJSON("p2")).want(200).payment()
	equal(t, "names are shown", shown.Identity["first_name"], "Ada")
	s.api("POST", "payments?verbose=true", s.paymentJSON("p2")).refused(400, "invalidValue")
	s.send("POST", "/2.0/payments", s.paymentJSON("p2"), "Authorization", "Bearer "+s.bearer, "Content-Type", "application/xml").refused(400, "invalidValue")
}

func TestCreate_RefusesWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	s := setup(t)
	for name, tt := range map[string]struct {
		code   string
		change func(payment, instruction object)
	}{
		"a return address with a query": {"invalidValue", func(p, _ object) { p["client_redirect_uri"] = s.shop.URL + "/return?x=1" }},
		"a relative return address":     {"invalidValue", func(p, _ object) { p["client_redirect_uri"] = "/return" }},
		"no return address":             {"missingParameter", func(p, _ object) { delete(p, "client_redirect_uri") }},
		"no payer":                      {"missingParameter", func(p, _ object) { delete(p, "payer_identity") }},
		"half a payer":                  {"missingParameter", func(p, _ object) { p["payer_identity"] = object{"first_name": "Ada"} }},
		"an unknown field":              {"invalidValue", func(p, _ object) { p["order"] = "1001" }},
		"an unknown field inside":       {"invalidValue", func(_, i object) { i["vat"] = 20 }},
		"two instructions":              {"invalidValue", func(p, i object) { p["instructions"] = []any{i, i} }},
		"none":                          {"invalidValue", func(p, _ object) { p["instructions"] = []any{} }},
		"periodic without a schedule":   {"missingParameter", typed("periodic", "")},
		"periodic without a start":      {"missingParameter", scheduled("monthly", "", "")},
		"periodic, how often?":          {"missingParameter", scheduled("", "2024-05-02", "")},
		"periodic at odd times":         {"invalidValue", scheduled("hourly", "2024-05-02", "")},
		"periodic from the past":        {"invalidValue", scheduled("monthly", "2024-04-30", "")},
		"periodic from a date of none":  {"invalidValue", scheduled("monthly", "soon", "")},
		"periodic backwards":            {"invalidValue", scheduled("monthly", "2024-05-02", "2024-05-01")},
		"periodic and deferred": {"invalidValue", func(p, i object) {
			scheduled("monthly", "2024-05-02", "")(p, i)
			i["execution_date"] = "2024-05-02"
		}},
		"a schedule without need":    {"invalidValue", func(_, i object) { i["frequency"] = "monthly" }},
		"deferred without a date":    {"missingParameter", typed("deferred", "")},
		"deferred into the past":     {"invalidValue", typed("deferred", "2024-04-30")},
		"a date that is none":        {"invalidValue", typed("deferred", "1 May 2024")},
		"a date without need":        {"invalidValue", typed("instant", "2024-05-02")},
		"nothing to pay":             {"invalidValue", func(_, i object) { i["amount"] = 0 }},
		"a third decimal":            {"invalidValue", func(_, i object) { i["amount"] = json.Number("9.905") }},
		"an exponent":                {"invalidValue", func(_, i object) { i["amount"] = json.Number("9e1") }},
		"no number":                  {"invalidValue", func(_, i object) { i["amount"] = nil }},
		"another currency":           {"invalidValue", func(_, i object) { i["currency"] = "NZD" }},
		"a currency as an object":    {"invalidValue", func(_, i object) { i["currency"] = object{"id": "EUR"} }},
		"no label":                   {"missingParameter", func(_, i object) { delete(i, "label") }},
		"an empty label":             {"invalidValue", func(_, i object) { i["label"] = "" }},
		"no IBAN":                    {"invalidValue", func(_, i object) { i["beneficiary"].(object)["identification"] = "12345" }},
		"another scheme":             {"invalidValue", func(_, i object) { i["beneficiary"].(object)["scheme_name"] = "bban" }},
		"a siret":                    {"invalidValue", func(_, i object) { i["beneficiary_identity"].(object)["scheme_name"] = "siret" }},
		"a company without a number": {"missingParameter", func(_, i object) { delete(i["beneficiary_identity"].(object), "identification") }},
		"an unknown kind":            {"invalidValue", func(_, i object) { i["beneficiary_identity"].(object)["kind"] = "robot" }},
		"a state without end":        {"invalidValue", func(p, _ object) { p["client_state"] = strings.Repeat("x", 2001) }},
		"an unknown bank":            {"invalidValue", func(p, _ object) { p["connector_uuid"] = "x" }},
	} {
		if r := s.api("POST", "payments", s.paymentJSON("p1", tt.change)); r.status != 400 || !strings.Contains(r.body, `"code":"`+tt.code+`"`) {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	s.api("POST", "payments", "{\"client_state\":\"\xff\"}").refused(400, "invalidValue")
	s.api("POST", "payments", `{"client_state":"a","client_state":"b"}`).refused(400, "invalidValue")
	equal(t, "made", len(s.powens.Orders(0)), 0)
	s.create("p1", func(_, i object) { i["amount"] = "9.90" })
}

func TestList(t *testing.T) {
	t.Parallel()
	s := setup(t)
	first := s.create("p1")
	s.advance(48 * time.Hour)
	s.signIn()
	second, third := s.create("p2"), s.create("p3", typed("first_open_day", ""))
	s.decide("p2", "approve")
	list := func(query string) string {
		t.Helper()
		var answer struct{ Payments []wirePayment }
		s.api("GET", "payments?"+query, "").want(200).into(&answer)
		names := []string{}
		for _, o := range answer.Payments {
			names = append(names, *o.ClientState)
		}
		return strings.Join(names, " ")
	}
	for query, want := range map[string]string{
		"":                                   "p1 p2 p3",
		"reverse=true":                       "p3 p2 p1",
		"limit=1":                            "p1",
		"limit=1&offset=1":                   "p2",
		"offset=9":                           "",
		"state=done":                         "p2",
		"execution_date_type=first_open_day": "p3",
		"country=FR":                         "",
		"filter=register_date":               "p1 p2 p3",
		"filter=register_date&min_date=2024-05-03":                       "p2 p3",
		"filter=register_date&max_date=2024-05-03":                       "p1",
		"filter=register_date&min_date=2024-05-01%2010:00:00&limit=1000": "p1 p2 p3",
		"filter=validate_date&min_date=2024-05-02&state=created":         "p3",
		"reference_id=" + first.Instructions[0].Reference:                "p1",
	} {
		equal(t, query, list(query), want)
	}
	for _, query := range []string{"limit=0", "limit=1001", "offset=-1", "filter=x", "filter=register_date&min_date=soon", "min_date=2024-05-01", "q=1", "limit=1&limit=2"} {
		s.api("GET", "payments?"+query, "").refused(400, "invalidValue")
	}
	equal(t, "ids", second.ID != third.ID, true)
}

func TestScopedToken(t *testing.T) {
	t.Parallel()
	s := setup(t)
	o := s.create("p1")
	var answer object
	s.api("POST", "payments/"+o.ID.String()+"/scopedtoken", `{"scope":["payments:validate"]}`).want(200).into(&answer)
	equal(t, "expires_in", answer["expires_in"], 604800)
	equal(t, "scope", answer["scope"], "payments:validate")
	if id, ok := answer["id_payment"].(float64); !ok || fmt.Sprintf("%.0f", id) != o.ID.String() {
		t.Errorf("id_payment %v, want %s", answer["id_payment"], o.ID)
	}
	for _, body := range []string{`{}`, `{"scope":"payments:admin"}`, `{"scope":["payments:validate","payments:admin"]}`, `{"scope":"payments:validate","x":1}`, `[]`, ``} {
		if r := s.api("POST", "payments/"+o.ID.String()+"/scopedtoken", body); r.status != 400 {
			t.Errorf("%s: %d %s", body, r.status, r.body)
		}
	}
	s.api("POST", "payments/1/scopedtoken", `{"scope":"payments:validate"}`).refused(404, "notFound")
	equal(t, "page", strings.Contains(s.truth("p1").Page, "/powens/2.0/auth/webview/payment?client_id=sbx_client&code="), true)
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.api("GET", "nothing", "").refused(404, "notFound")
	s.api("GET", "payments/1", "").refused(404, "notFound")
	s.api("GET", "payments/", "").refused(404, "notFound")
	equal(t, "Allow", s.api("DELETE", "payments", "").refused(405, "methodNotAllowed").header.Get("Allow"), "POST, GET")
	s.send("GET", "/assets/pay.css", "").want(200)
}

func TestConnectors(t *testing.T) {
	t.Parallel()
	s := setup(t)
	var answer struct {
		Connectors []struct {
			UUID, Name string
			Products   []string
			Settings   *struct {
				Partial []string `json:"partial_status_tracking"`
				Types   []string `json:"execution_date_types"`
			} `json:"payment_settings"`
		}
	}
	s.api("GET", "connectors", "").want(200).into(&answer)
	equal(t, "connectors", len(answer.Connectors), 6)
	for _, c := range answer.Connectors[:5] {
		if c.Settings == nil || c.Settings.Partial == nil || len(c.Settings.Types) != 4 || (len(c.Settings.Partial) > 0) != (c.Name == "Caisse du Phare") {
			t.Errorf("%+v", c)
		}
	}
	s.api("GET", "connectors?limit=2&offset=5", "").want(200).into(&answer)
	equal(t, "the last", len(answer.Connectors), 1)
	equal(t, "no payments there", answer.Connectors[0].Products, []string{"bank"})
	s.api("GET", "connectors?limit=x", "").refused(400, "invalidValue")
	s.send("GET", "/2.0/connectors", "").refused(401, "unauthorized")
}

// A key that is made signs from then on.
func TestWebhookKeys(t *testing.T) {
	t.Parallel()
	s := setup(t)
	ask := func(token, body string) reply {
		t.Helper()
		return s.send("POST", "/2.0/webhooks/auth", body, "Authorization", "Bearer "+token)
	}
	ask(s.bearer, `{"type":"hmac_signature","name":"shop"}`).refused(401, "unauthorized")
	ask("sbx_config_token_1", `{"type":"oauth","name":"shop"}`).refused(400, "invalidValue")
	ask("sbx_config_token_1", `{"type":"hmac_signature"}`).want(400)
	var answer struct {
		Type, Name string
		Config     struct {
			Key string `json:"secret_key"`
		}
	}
	s.paid("p1")
	ask("sbx_config_token_1", `{"type":"hmac_signature","name":"shop"}`).want(200).into(&answer)
	s.paid("p2")
	calls := s.shop.heard()
	equal(t, "the first is signed with the old key", calls[0].signed("sbx_webhook_key_1"), true)
	equal(t, "the second with the new one", calls[1].signed(answer.Config.Key), true)
	equal(t, "and not with the old one", calls[1].signed("sbx_webhook_key_1"), false)
}

func TestWebhook(t *testing.T) {
	t.Parallel()
	s := setup(t)
	o := s.paid("p1")
	calls := s.shop.heard()
	if len(calls) != 1 {
		t.Fatalf("%d calls", len(calls))
	}
	c := calls[0]
	equal(t, "path", c.path, "/callbacks/powens")
	equal(t, "date", c.header.Get("BI-Signature-Date"), "2024-05-01T10:00:00.123456Z")
	equal(t, "signed", c.signed("sbx_webhook_key_1"), true)
	equal(t, "state", c.payment().State, "done")
	equal(t, "id", c.payment().ID, o.ID)
	equal(t, "number", c.payment().Event, "9001")
	equal(t, "notified", s.truth("p1").Notified, true)
	s.paid("p2")
	equal(t, "another number", s.shop.heard()[1].payment().Event, "9002")
}

// Any 2xx acknowledges; all else is tried again, with the same bytes and a new
// date.
func TestWebhook_IsTriedAgain(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.shop.says(http.StatusInternalServerError)
	s.paid("p1")
	s.advance(2 * time.Minute)
	s.shop.says(http.StatusNoContent)
	s.advance(time.Hour)
	calls := s.shop.heard()
	equal(t, "calls", len(calls), 4)
	for i, c := range calls {
		equal(t, "body", string(c.body), string(calls[0].body))
		equal(t, "date", c.header.Get("BI-Signature-Date"), begin.Add(time.Duration(i)*time.Minute).Format("2006-01-02T15:04:05.000000Z"))
		equal(t, "signed", c.signed("sbx_webhook_key_1"), true)
	}
	s.shop.says(http.StatusInternalServerError)
	s.signIn()
	s.paid("p2")
	s.advance(24 * time.Hour)
	equal(t, "tries until it is given up", len(s.shop.heard())-4, 100)
}

func TestWebhook_Address(t *testing.T) {
	t.Parallel()
	s := setup(t, func(c *powens.Config) { c.WebhookURL = "http://127.0.0.1:1/hooks/" })
	s.paid("p1")
	equal(t, "address", s.world.Post.Latest(1, "")[0].URL, "http://127.0.0.1:1/hooks/")
}

func TestJourneys(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for name, tt := range map[string]struct {
		change []func(payment, instruction object)
		at     []time.Duration // after the approval
		want   []string        // the states then
	}{
		"instant":                      {nil, []time.Duration{0}, []string{"done"}},
		"instant at a slow bank":       {[]func(_, _ object){at("slow")}, []time.Duration{0, 14 * time.Second, 15 * time.Second}, []string{"pending", "pending", "done"}},
		"instant at a silent bank":     {[]func(_, _ object){at("silent")}, []time.Duration{0}, []string{"accepted"}},
		"on the next working day":      {[]func(_, _ object){typed("first_open_day", "")}, []time.Duration{0, 21 * time.Hour, 22 * time.Hour}, []string{"pending", "pending", "done"}},
		"on a day":                     {[]func(_, _ object){typed("deferred", "2024-05-11")}, []time.Duration{0, 9 * day, 10 * day}, []string{"pending", "pending", "done"}},
		"on a day, at a silent bank":   {[]func(_, _ object){typed("deferred", "2024-05-02"), at("silent")}, []time.Duration{0, day}, []string{"pending", "accepted"}},
		"at a bank that asks":          {[]func(_, _ object){at("asks")}, []time.Duration{0}, []string{"done"}},
		"test: without a word":         {[]func(_, _ object){at("test")}, []time.Duration{0}, []string{"done"}},
		"test: done":                   {[]func(_, _ object){at("test"), label("done - KC")}, []time.Duration{0}, []string{"done"}},
		"test: a phase":                {[]func(_, _ object){at("test"), label("pdng - KC")}, []time.Duration{0, 15 * time.Second}, []string{"pending", "done"}},
		"test: two phases":             {[]func(_, _ object){at("test"), label("pdng/pdng/rjct - KC")}, []time.Duration{0, 15 * time.Second, 30 * time.Second}, []string{"pending", "pending", "rejected"}},
		"test: a long phase":           {[]func(_, _ object){at("test"), label("pdng/done - KC"), typed("first_open_day", "")}, []time.Duration{0, 14 * time.Minute, 15 * time.Minute}, []string{"pending", "pending", "done"}},
		"test: err":                    {[]func(_, _ object){at("test"), label("err - KC")}, []time.Duration{0}, []string{"rejected"}},
		"test: four words are a label": {[]func(_, _ object){at("test"), label("pdng/pdng/pdng/rjct - KC")}, []time.Duration{0}, []string{"done"}},
		"test: what is no word is too": {[]func(_, _ object){at("test"), label("rejected - KC")}, []time.Duration{0}, []string{"done"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setup(t)
			s.paid("p1", tt.change...)
			var passed time.Duration
			for i, after := range tt.at {
				s.advance(after - passed)
				passed = after
				equal(t, after.String(), s.truth("p1").Status, tt.want[i])
			}
			told := s.shop.states()
			equal(t, "the last that was told", told[len(told)-1], tt.want[len(tt.want)-1])
		})
	}
}

func label(text string) func(payment, instruction object) {
	return func(_, i object) { i["label"] = text }
}

// The first open day after a Friday is a Monday.
func TestJourneys_Weekend(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.advance(48 * time.Hour) // Friday
	s.signIn()
	s.paid("p1", typed("first_open_day", ""))
	s.advance(48 * time.Hour)
	equal(t, "on Sunday", s.truth("p1").Status, "pending")
	s.advance(24 * time.Hour)
	equal(t, "on Monday", s.truth("p1").Status, "done")
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.fault("order_stays_pending", func(w *world.Wish) { w.Order = "p2" })
	s.create("p1")
	s.paid("p2")
	s.paid("p3")
	s.advance(30*24*time.Hour - time.Second)
	equal(t, "just before", []string{s.truth("p1").Status, s.truth("p2").Status}, "[created pending]")
	s.advance(time.Second)
	equal(t, "after 30 days", []string{s.truth("p1").Status, s.truth("p2").Status, s.truth("p3").Status}, "[expired expired done]")
}

func TestPhases_AreCompressed(t *testing.T) {
	t.Parallel()
	s := setup(t, func(c *powens.Config) { c.PhaseUnit = time.Millisecond })
	s.paid("p1", at("slow"))
	s.advance(15 * time.Millisecond)
	equal(t, "state", s.truth("p1").Status, "done")
}

func TestCancel(t *testing.T) {
	t.Parallel()
	s := setup(t)
	body := `{"cancel":true,"client_redirect_uri":"` + s.shop.URL + `/back","client_state":"again"}`
	cancel := func(o wirePayment) reply { return s.api("POST", "payments/"+o.ID.String(), body) }

	made := s.create("p1")
	got := cancel(made).want(200).payment()
	equal(t, "at once", got.State+" "+got.code(), "rejected CancelledByClient")
	equal(t, "nobody is called", len(s.shop.heard()), 0)
	cancel(made).refused(409, "invalidValue")
	cancel(s.paid("p2")).refused(409, "invalidValue")
	cancel(s.paid("p3", at("slow"))).refused(409, "invalidValue") // instant
	got = cancel(s.paid("p4", typed("first_open_day", ""))).want(200).payment()
	equal(t, "while the bank waits", got.State+" "+got.code(), "rejected CancelledByClient")
	s.advance(72 * time.Hour)
	s.signIn()
	equal(t, "and it stays so", s.truth("p4").Status, "rejected")
	cancel(s.paid("p5", typed("deferred", "2024-06-01"), at("silent"))).refused(400, "notSupported")

	for _, wrong := range []string{`{}`, `{"cancel":false}`, `{"cancel":"true"}`, `{"cancel":true,"confirm":true}`, `{"cancel":true,"client_redirect_uri":"https://x.example/?a=1"}`, ``} {
		if r := s.api("POST", "payments/"+made.ID.String(), wrong); r.status != 400 {
			t.Errorf("%s: %d %s", wrong, r.status, r.body)
		}
	}
	s.api("POST", "payments/1", `{"cancel":true}`).refused(404, "notFound")
	s.api("PUT", "payments/"+s.create("p6").ID.String(), `{"cancel":true}`).want(200)
}

// Some banks want the buyer's word, and the buyer may not give it.
func TestCancel_NeedsTheBuyer(t *testing.T) {
	t.Parallel()
	s := setup(t)
	ask := func(state string) (wirePayment, string) {
		t.Helper()
		o := s.paid(state, typed("deferred", "2024-05-20"), at("asks"))
		got := s.api("POST", "payments/"+o.ID.String(), `{"cancel":true,"client_redirect_uri":"`+s.shop.URL+`/back","client_state":"again"}`).want(200).payment()
		equal(t, "state", got.State+" "+*got.StateDetail, "pending cancelling")
		return o, *got.ValidateURI
	}
	o, page := ask("p1")
	s.send("GET", page, "").want(200).has(`data-page="powens-cancel"`, "Banque Brume", "EUR 9.90")
	s.press(page, "decision=maybe").want(400)
	s.send("GET", page[:len(page)-1]+"x", "").want(404)
	r := s.press(page, "decision=cancel").want(303)
	s.drain()
	got := s.read(o.ID)
	equal(t, "cancelled", got.State+" "+got.code(), "rejected CancelledByClient")
	equal(t, "comes back", r.header.Get("Location"), s.shop.URL+"/back?error_code=CancelledByClient&id_payment="+o.ID.String()+"&payment_state=rejected&state=again")
	s.send("GET", page, "").want(200).has("was not made")

	o, page = ask("p2")
	s.press(page, "decision=keep").want(303)
	got = s.read(o.ID)
	equal(t, "kept", got.State, "pending")
	equal(t, "detail", got.StateDetail == nil && got.ValidateURI == nil, true)
	s.advance(19 * 24 * time.Hour)
	equal(t, "and done on its day", s.truth("p2").Status, "done")
}

func TestDecisions(t *testing.T) {
	t.Parallel()
	s := setup(t)
	refused := func(ref, decision, status string) {
		t.Helper()
		if _, _, err := s.powens.Decide(t.Context(), ref, world.Decision{Decision: decision, Status: status}); err == nil {
			t.Errorf("%s %s was done", decision, status)
		}
	}
	back := s.shop.URL + "/return/p1/pending?"
	id := s.create("p1").ID.String()
	equal(t, "abandon", s.decide("p1", "abandon"), "")
	equal(t, "leave", s.decide("p1", "leave"), back+"error=cancelled&id_payment="+id+"&payment_state=created&state=p1")
	equal(t, "nothing is decided", s.truth("p1").Status, "created")
	equal(t, "cancel", s.decide("p1", "cancel"), back+"error_code=CancelledByUser&id_payment="+id+"&payment_state=rejected&state=p1")
	refused("p1", "approve", "")
	refused("p1", "refund", "")
	refused("p1", "set", "")
	refused("p1", "complete", "done")
	refused("p9", "approve", "")
	s.decide("p1", "complete")
	equal(t, "money after all", s.truth("p1").Paid, true)
	refused("p1", "complete", "")
	if _, _, err := s.powens.Decide(t.Context(), "p1", world.Decision{Decision: "set", Status: "rejected/bankMessage"}); err != nil {
		t.Fatal(err)
	}
	s.drain()
	o := s.read(json.Number(id))
	equal(t, "set", o.State+" "+o.code(), "rejected bankMessage")
	equal(t, "set is silent", s.shop.states(), "[rejected done]")
	for decision, want := range map[string]string{"decline": "rejected insufficientFunds", "expire": "expired ", "approve": "done "} {
		o := s.create("p-" + decision)
		s.decide("p-"+decision, decision)
		got := s.read(o.ID)
		equal(t, decision, got.State+" "+got.code(), want)
	}
	for decision, want := range map[string]string{"accept": "accepted ", "reject": "rejected noSpecifiedReason", "expire": "expired ", "complete": "done "} {
		o := s.paid("q-"+decision, at("slow"))
		s.decide("q-"+decision, decision)
		s.advance(time.Minute)
		got := s.read(o.ID)
		equal(t, "pending, then "+decision, got.State+" "+got.code(), want)
	}
}

// One payment, many hands: exactly one of them decides.
func TestDecide_OneWinner(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.create("p1")
	var wg sync.WaitGroup
	won := make(chan string, 50)
	for n := range 50 {
		decision := []string{"approve", "cancel"}[n%2]
		wg.Go(func() {
			if _, _, err := s.powens.Decide(t.Context(), "p1", world.Decision{Decision: decision}); err == nil {
				won <- decision
			}
			s.powens.Orders(0)
		})
	}
	wg.Wait()
	equal(t, "decisions taken", len(won), 1)
	equal(t, "webhooks", len(s.world.Post.Latest(0, "")), 1)
}

func TestReset(t *testing.T) {
	t.Parallel()
	s := setup(t)
	before := s.create("p1").ID
	s.world.Reset(7)
	s.powens.Reset()
	equal(t, "orders", len(s.powens.Orders(0)), 0)
	s.api("GET", "payments", "").refused(401, "unauthorized")
	s.signIn()
	equal(t, "the same seed gives the same id", s.create("p1").ID, before)
	s.world.Reset(8)
	s.powens.Reset()
	s.signIn()
	equal(t, "another gives another", s.create("p1").ID == before, false)
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	s := setup(t, func(c *powens.Config) { c.MaxOrders = 2 })
	first := s.create("p1")
	s.create("p2")
	s.create("p3")
	equal(t, "kept", len(s.powens.Orders(0)), 2)
	s.api("GET", "payments/"+first.ID.String(), "").refused(404, "notFound")
	if _, err := s.powens.Order("p1"); err == nil {
		t.Error("a name outlived its payment")
	}
	equal(t, "appointments", s.world.Clock.Pending(), 2)
	s.decide("p2", "approve")
	equal(t, "none for what is decided", s.world.Clock.Pending(), 1)
}
