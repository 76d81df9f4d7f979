package sandbox_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"till/sandbox"
)

// till is a shop's client for one provider, as short as can be. It knows no
// address and no credential but those that the sandbox tells.
type till struct {
	*stand
	name     string
	settings map[string]string
	bearer   string
}

// want is what an order is to be like; a provider ignores what it has not.
type want struct {
	minor   int
	capture string // "later" only reserves
	ends    string // an RFC 3339 time by which it is to be paid
}

func names() []string { return []string{"iumicash", "powens", "pgm", "gate", "vertex"} }

// at returns the client of a provider, signed in and with its webhook there.
func (s *stand) at(name string) *till {
	s.t.Helper()
	var answer struct {
		Providers []struct {
			Name     string
			BaseURL  string `json:"base_url"`
			Settings []struct{ Name, Value string }
		}
	}
	s.control("GET", "/providers", "").want(200).into(&answer)
	k := &till{stand: s, name: name, settings: make(map[string]string)}
	for _, p := range answer.Providers {
		if p.Name != name {
			continue
		}
		for _, set := range p.Settings {
			k.settings[set.Name] = set.Value
		}
		equal(s.t, name+" base URL", p.BaseURL, k.settings["base_url"])
	}
	k.begin()
	return k
}

// begin does what a shop does once.
func (k *till) begin() {
	k.t.Helper()
	set := k.settings
	var answer struct {
		Token  string `json:"token"`
		Access string `json:"access_token"`
	}
	switch k.name {
	case "iumicash":
		basic := base64.StdEncoding.EncodeToString([]byte(set["client_id"] + ":" + set["client_secret"]))
		k.ask("POST", "/api/v1/oauth/token/", `{"grant_type":"client_credentials"}`, "Authorization", "Basic "+basic).want(200).into(&answer)
		k.bearer = answer.Access
	case "powens":
		body := fmt.Sprintf(`{"grant_type":"client_credentials","client_id":%q,"client_secret":%q}`, set["client_id"], set["client_secret"])
		k.ask("POST", "/auth/token", body).want(200).into(&answer)
		k.bearer = answer.Token
	case "gate":
		k.bearer = set["secret_key"]
		k.ask("POST", "/webhooks/", fmt.Sprintf(`{"title":"shop","version":"v0.6","url":%q,"is_test":false,"all_events":true}`, k.shop.URL+"/callbacks/gate")).want(201)
	}
}

// ask asks something below the base URL.
func (k *till) ask(method, path, body string, header ...string) reply {
	k.t.Helper()
	all := []string{"secret", k.settings["secret"], "Api-Access-Token", k.settings["token"]}
	if k.bearer != "" {
		all = append(all, "Authorization", "Bearer "+k.bearer)
	}
	return k.send(method, strings.TrimPrefix(k.settings["base_url"], k.base)+path, body, append(all, header...)...)
}

// create asks for an order. Its answer says which name the provider gave it.
func (k *till) create(external string, w want) reply {
	k.t.Helper()
	major := fmt.Sprintf("%d.%02d", w.minor/100, w.minor%100)
	back := k.shop.URL + "/return/" + external
	switch k.name {
	case "iumicash":
		return k.ask("POST", "/api/v1/orders/", fmt.Sprintf(`{"external_id":%q,"items":[{"name":"Mug","description":"","amount":{"value":%s,"currency_code":"NZD"},"count":1}],
			"application_context":{"callback_url":"%s","success_url":"%[4]s/success","error_url":"%[4]s/error"}}`, external, major, k.shop.URL+"/callbacks/iumicash", back))
	case "powens":
		return k.ask("POST", "/payments", fmt.Sprintf(`{"client_redirect_uri":"%s/pending","client_state":%q,"payer_identity":{"kind":"individual","first_name":"Ada","last_name":"Martin"},
			"instructions":[{"label":"KC","amount":%s,"currency":"EUR","execution_date_type":"instant",
			"beneficiary":{"scheme_name":"iban","identification":"FR7630006000011234567890189","label":"Kauri"},
			"beneficiary_identity":{"kind":"corporate","org_name":"Kauri","org_legal_status":"SAS","org_hq_address":"Paris","scheme_name":"siren","identification":"732829320"}}]}`,
			back, external, major))
	case "pgm":
		return k.ask("POST", "/stripe/credit-cards/pay", fmt.Sprintf(`{"amount":%d,"currency":"EUR","shopTransactionId":%q,
			"successRedirectUrl":"%s/success","failureRedirectUrl":"%[3]s/error"}`, w.minor, external, back))
	case "gate":
		more := ""
		if w.capture == "later" {
			more = `,"skip_capture":true`
		}
		if w.ends != "" {
			more += fmt.Sprintf(`,"due":%d,"deny_overdue_payment":true`, unix(k.t, w.ends))
		}
		return k.ask("POST", "/orders/", fmt.Sprintf(`{"client":{"email":"ada@example.test"},"products":[{"title":"Mug","price":%s,"quantity":1}],"currency":"EUR","number":%q,
			"success_redirect":"%s/success","failure_redirect":"%[3]s/error"%s}`, major, external, back, more))
	default:
		more := ""
		if w.capture == "later" {
			more = `,"autoCapture":false`
		}
		if w.ends != "" {
			more += fmt.Sprintf(`,"timeLimit":%q`, w.ends)
		}
		return k.ask("POST", "/order", fmt.Sprintf(`{"shopId":%s,"order":{"orderNumber":%q,"cost":{"amount":%q,"currency":"NZD"}},
			"paymentSettings":{"redirectUrls":{"success":"%s/success","failure":"%[4]s/error"},"webhookUrl":%q%s}}`,
			k.settings["shop_id"], external, major, back, k.shop.URL+"/callbacks/vertex", more))
	}
}

// read asks how an order is.
func (k *till) read(external string) reply {
	k.t.Helper()
	ref := k.book(external).Ref
	path := map[string]string{
		"iumicash": "/api/v1/orders/" + ref + "/", "powens": "/payments/" + ref, "pgm": "/stripe/status?paymentId=" + ref,
		"gate": "/orders/" + ref + "/", "vertex": "/order/" + k.settings["shop_id"] + "/" + external,
	}[k.name]
	return k.ask("GET", path, "")
}

// refund asks for money back.
func (k *till) refund(external string, minor int) reply {
	k.t.Helper()
	major := fmt.Sprintf("%d.%02d", minor/100, minor%100)
	ref := k.book(external).Ref
	switch k.name {
	case "pgm":
		return k.ask("POST", "/stripe/refund", fmt.Sprintf(`{"amount":%d,"currency":"EUR","paymentId":%q}`, minor, ref))
	case "gate":
		return k.ask("POST", "/orders/"+ref+"/refund/", `{"amount":`+major+`}`)
	default:
		return k.ask("POST", "/order/refund", fmt.Sprintf(`{"shopId":%s,"orderNumber":%q,"cost":{"amount":%q,"currency":"NZD"}}`, k.settings["shop_id"], external, major))
	}
}

// book is what the provider truly knows, as /control tells it.
func (k *till) book(external string) sandbox.Order {
	k.t.Helper()
	var o sandbox.Order
	k.control("GET", "/orders/"+k.name+"/"+external, "").want(200).into(&o)
	return o
}

func (k *till) decide(external, decision string) reply {
	k.t.Helper()
	return k.control("POST", "/orders/"+k.name+"/"+external+"/decisions", fmt.Sprintf(`{"decision":%q}`, decision))
}

// fault sets a rule; fields is the inside of a JSON object after the fault.
func (k *till) fault(name, fields string) {
	k.t.Helper()
	k.control("POST", "/faults", fmt.Sprintf(`{"provider":%q,"fault":%q,%s}`, k.name, name, fields)).want(201)
}

// paid makes an order that is paid, its money taken.
func (k *till) paid(external string, minor int) {
	k.t.Helper()
	k.create(external, want{minor: minor})
	k.drain() // two acts in one instant are told in any order
	k.decide(external, "approve").want(200)
	if k.drain(); k.name == "vertex" {
		k.advance("96h") // clearing takes up to three days
	}
	if o := k.book(external); !o.Paid || o.Money.Captured != int64(minor) {
		k.t.Fatalf("%s is %s, %+v", external, o.Status, o.Money)
	}
}

// lost are the orders whose callbacks were lost.
func (k *till) lost() string {
	var list []string
	for _, d := range k.deliveries() {
		if d.State == "lost" && !slices.Contains(list, d.External) {
			list = append(list, d.External)
		}
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// each runs a scenario for every provider that is named, with a world of its own.
func each(t *testing.T, providers []string, run func(*testing.T, *till)) {
	t.Helper()
	for _, name := range providers {
		t.Run(name, func(t *testing.T) { run(t, setup(t).at(name)) })
	}
}

func TestProviders_WithNothingButWhatTheSandboxTells(t *testing.T) {
	each(t, names(), func(t *testing.T, k *till) {
		k.paid("o1", 1250)
		k.read("o1").want(200)
		book := k.book("o1")
		equal(t, "asked for", fmt.Sprintf("%d %s %s", book.Minor, book.Amount, book.ExternalID), "1250 12.50 o1")
		equal(t, "money", fmt.Sprint(book.Money.Authorized, book.Money.Captured, book.Money.Refunded, book.Money.Refunds), "0 1250 0 []")
		calls := k.shop.heard()
		if len(calls) == 0 {
			t.Fatal("the shop heard nothing")
		}
		last := calls[len(calls)-1]
		equal(t, "proof", k.proven(last), true)
		seen := k.deliveries()
		d := seen[len(seen)-1]
		equal(t, "state", d.State, "delivered")
		equal(t, "logged body", d.Body, string(last.body))
		if k.name != "pgm" {
			equal(t, "logged signature", slices.Contains(headers(last), d.Signature) && d.Signature != "", true)
		}
		k.send("GET", "/console/deliveries/"+d.ID, "").want(200)
		var log struct {
			Requests []struct{ Provider, Endpoint, Order string }
		}
		k.control("GET", "/requests?limit=0", "").want(200).into(&log)
		logged := slices.ContainsFunc(log.Requests, func(r struct{ Provider, Endpoint, Order string }) bool {
			return r.Provider == k.name && r.Endpoint != "" && r.Order == book.Ref
		})
		equal(t, "requests are logged", logged, true)
	})
}

func unix(t *testing.T, text string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at.Unix()
}

func headers(c call) []string {
	var all []string
	for _, values := range c.raw {
		all = append(all, values...)
	}
	return all
}

// proven checks a callback's proof with the keys that the sandbox tells.
func (k *till) proven(c call) bool {
	set := k.settings
	mac := func(key string, text ...[]byte) []byte {
		m := hmac.New(sha256.New, []byte(key))
		for _, part := range text {
			m.Write(part)
		}
		return m.Sum(nil)
	}
	switch k.name {
	case "iumicash":
		return c.raw.Get("iumicash-signature") == hex.EncodeToString(mac(set["client_secret"], c.body))
	case "powens":
		lead := "POST./callbacks/powens." + c.raw.Get("BI-Signature-Date") + "."
		return c.raw.Get("BI-Signature") == base64.StdEncoding.EncodeToString(mac(set["webhook_key"], []byte(lead), c.body))
	case "pgm":
		return c.path == "/callbacks/pgm/"+set["callback_secret"]
	case "gate":
		return c.raw.Get("X-Webhook-Signature") == hex.EncodeToString(mac(set["callback_hmac_key"], c.body))
	default:
		m := hmac.New(sha512.New, []byte(set["callback_secret"]))
		m.Write(c.body)
		return slices.Contains(headers(c), hex.EncodeToString(m.Sum(nil)))
	}
}

func TestRules_OfATotal(t *testing.T) {
	each(t, names(), func(t *testing.T, k *till) {
		k.fault("callback_lost", `"total":"13.1"`)
		k.paid("o1", 1250)
		k.paid("o2", 1310)
		k.paid("o3", 131)
		equal(t, "lost", k.lost(), "o2")
	})
}

// What strikes once the order is made knows it, though the shop does not yet.
func TestRules_OfATotalWhenItIsMade(t *testing.T) {
	each(t, names(), func(t *testing.T, k *till) {
		k.fault("answer_lost", `"endpoint":"`+map[bool]string{true: "pay", false: "create"}[k.name == "pgm"]+`","total":"13.10"`)
		if r := k.create("o1", want{minor: 1250}); r.status != 200 && r.status != 201 {
			t.Errorf("another amount: %d %s", r.status, r.body)
		}
		broken := *k.browser
		k.browser.Transport = cutMarker{broken.Transport}
		equal(t, "that amount", k.create("o2", want{minor: 1310}).status, 599)
		k.browser.Transport = broken.Transport
		equal(t, "made all the same", k.book("o2").Minor, 1310)
	})
}

// cutMarker makes a connection that was cut an answer 599.
type cutMarker struct{ http.RoundTripper }

func (c cutMarker) RoundTrip(r *http.Request) (*http.Response, error) {
	next := c.RoundTripper
	if next == nil {
		next = http.DefaultTransport
	}
	resp, err := next.RoundTrip(r)
	if err != nil {
		return &http.Response{StatusCode: 599, Body: http.NoBody, Request: r}, nil //nolint:nilerr // that is what it is for
	}
	return resp, nil
}

func TestRules_TheNextOrders(t *testing.T) {
	each(t, names(), func(t *testing.T, k *till) {
		k.paid("o0", 1250)
		k.fault("callback_lost", `"orders":2`)
		for n := 1; n <= 4; n++ {
			k.paid(fmt.Sprintf("o%d", n), 1250)
		}
		equal(t, "lost", k.lost(), "o1 o2")
		k.control("GET", "/faults", "").want(200).has(`"orders":2,"met":2`)
	})
}

func TestRules_AShareOfOrders(t *testing.T) {
	for _, name := range names() {
		t.Run(name, func(t *testing.T) {
			struck := func(seed int64, prefix string) string {
				k := setup(t, func(c *sandbox.Config) { c.Seed = seed }).at(name)
				k.fault("callback_lost", `"share":40`)
				for n := range 12 {
					k.paid(fmt.Sprintf("%s%02d", prefix, n), 1250)
				}
				return strings.ReplaceAll(k.lost(), prefix, "")
			}
			some := struck(7, "o")
			if n := len(strings.Fields(some)); n == 0 || n == 12 {
				t.Errorf("%d of 12 were struck: %s", n, some)
			}
			equal(t, "the same seed, other names", struck(7, "x"), some)
			if struck(8, "o") == some {
				t.Error("another seed struck the same orders")
			}
		})
	}
}

func TestRules_AShareOfRequests(t *testing.T) {
	each(t, names(), func(t *testing.T, k *till) {
		k.paid("o1", 1250)
		k.fault("unavailable", `"endpoint":"`+map[bool]string{true: "status", false: "read"}[k.name == "pgm"]+`","share":30`)
		down := 0
		for range 60 {
			if k.read("o1").status == http.StatusServiceUnavailable {
				down++
			}
		}
		if down < 6 || down > 32 {
			t.Errorf("%d of 60 were struck, want about 18", down)
		}
	})
}

func TestRules_Refusals(t *testing.T) {
	s := setup(t)
	for _, wish := range []string{
		`"total":"free"`, `"total":"-1"`, `"share":101`, `"share":-1`, `"orders":-1`, `"order":"o1","share":5`, `"order":"o1","orders":5`, `"order":"o1","total":"1"`,
	} {
		s.control("POST", "/faults", `{"provider":"gate","fault":"callback_lost",`+wish+`}`).want(422)
	}
	s.control("GET", "/faults", "").has(`"rules":[]`)
}

// What a rule is for is chosen on the console as well.
func TestConsole_ARuleForSome(t *testing.T) {
	k := setup(t).at("gate")
	form := url.Values{"provider": {"gate"}, "fault": {"callback_lost"}, "times": {"0"}, "total": {"13.10"}, "orders": {"1"}, "share": {""}}
	k.press("/console/faults", form).want(303)
	k.send("GET", "/console/faults?provider=gate", "").want(200).has("orders of 13.10", "the next 1")
	k.paid("o1", 1250)
	k.paid("o2", 1310)
	k.paid("o3", 1310)
	equal(t, "lost", k.lost(), "o2")
	for name, value := range map[string]string{"orders": "few", "share": "half", "total": "all"} {
		bad := url.Values{"provider": {"gate"}, "fault": {"callback_lost"}, "times": {"0"}, name: {value}}
		k.press("/console/faults", bad).want(422)
	}
	equal(t, "rules", len(k.sandbox.Rules()), 1)
}

func TestClock_WhatFallsDue(t *testing.T) {
	inAnHour := start.Add(time.Hour).UTC().Format("2006-01-02T15:04:05.000Z")
	for _, tt := range []struct {
		name, provider string
		want           want
		decide         string
		move, before   string
		more, after    string
	}{
		{"the gate's due date", "gate", want{minor: 1250, ends: inAnHour}, "", "59m", "issued", "2m", "expired"},
		{"the gate's reservation", "gate", want{minor: 1250, capture: "later"}, "approve", "671h", "hold", "2h", "cancelled"},
		{"vertex' time limit", "vertex", want{minor: 1250, ends: inAnHour}, "", "59m", "in_progress", "2m", "failed"},
		{"vertex' reservation", "vertex", want{minor: 1250, capture: "later"}, "approve", "671h", "in_progress", "2h", "cancelled"},
		{"vertex' clearing", "vertex", want{minor: 1250}, "approve", "23h", "in_progress", "50h", "completed"},
		{"a page of the gateway manager", "pgm", want{minor: 1250}, "", "23h", "PENDING", "2h", "FAILED"},
		{"a payment that nobody looks after", "powens", want{minor: 1250}, "", "719h", "created", "2h", "expired"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			k := setup(t).at(tt.provider)
			k.create("o1", tt.want)
			if tt.decide != "" {
				k.decide("o1", tt.decide).want(200)
			}
			k.advance(tt.move)
			equal(t, "before", k.book("o1").Status, tt.before)
			k.advance(tt.more)
			equal(t, "after", k.book("o1").Status, tt.after)
			equal(t, "reserved", k.book("o1").Money.Authorized, 0)
			equal(t, "the shop was told", k.book("o1").Notified, true)
		})
	}
}

func TestClock_TokensExpire(t *testing.T) {
	for name, life := range map[string][2]string{"iumicash": {"7h59m", "2m"}, "powens": {"29m", "2m"}} {
		k := setup(t).at(name)
		k.create("o1", want{minor: 1250})
		k.advance(life[0])
		k.read("o1").want(200)
		k.advance(life[1])
		k.read("o1").want(401)
		k.begin()
		k.read("o1").want(200)
	}
}

func TestRefunds_FailLater(t *testing.T) {
	faults := map[string]string{"pgm": "refund_fails_later", "gate": "refund_fails", "vertex": "refund_fails_later"}
	each(t, []string{"pgm", "gate", "vertex"}, func(t *testing.T, k *till) {
		k.paid("o1", 1250)
		k.fault(faults[k.name], `"delay":"2h","times":1`)
		k.refund("o1", 450).want(200)
		equal(t, "on its way", k.refunds(), "450 pending, 0 refunded")
		k.advance("1h")
		equal(t, "on its way", k.refunds(), "450 pending, 0 refunded")
		k.advance("2h")
		equal(t, "at last", k.refunds(), "450 failed, 0 refunded")
		k.refund("o1", 200).want(200)
		equal(t, "again", k.refunds(), "450 failed, 200 done, 200 refunded")
		k.read("o1").want(200)
	})
}

func TestRefunds_DoneThenUndone(t *testing.T) {
	undo := map[string]string{"pgm": "refund_failed", "gate": "refund_reverse"}
	states := map[string]string{"pgm": "failed", "gate": "reversed"}
	each(t, []string{"pgm", "gate"}, func(t *testing.T, k *till) {
		k.paid("o1", 1250)
		k.refund("o1", 450).want(200)
		equal(t, "done", k.refunds(), "450 done, 450 refunded")
		k.decide("o1", undo[k.name]).want(200)
		equal(t, "undone", k.refunds(), "450 "+states[k.name]+", 0 refunded")
	})
}

// refunds is an order's refunds in short.
func (k *till) refunds() string {
	k.t.Helper()
	money := k.book("o1").Money
	var list []string
	for _, r := range money.Refunds {
		list = append(list, fmt.Sprintf("%d %s", r.Minor, r.State))
	}
	return strings.Join(append(list, fmt.Sprintf("%d refunded", money.Refunded)), ", ")
}

func TestGate_WithoutItsDearSignature(t *testing.T) {
	for name, bare := range map[string]bool{"both": false, "without RSA": true} {
		t.Run(name, func(t *testing.T) {
			k := setup(t, func(c *sandbox.Config) { c.Gate.NoRSA = bare }).at("gate")
			k.paid("o1", 1250)
			for _, c := range k.shop.heard() {
				equal(t, "RSA", c.raw.Get("X-Signature") == "", bare)
				equal(t, "HMAC", k.proven(c), true)
			}
			equal(t, "calls", len(k.shop.heard()), 3)
		})
	}
}

func TestGate_AReversalIsARefundOfAll(t *testing.T) {
	k := setup(t).at("gate")
	k.create("o1", want{minor: 1250})
	k.decide("o1", "approve").want(200)
	k.decide("o1", "reverse").want(200)
	equal(t, "reversed", k.refunds(), "1250 done, 1250 refunded")
	k.create("o2", want{minor: 990, capture: "later"})
	k.decide("o2", "approve").want(200)
	equal(t, "reserved", k.book("o2").Money.Authorized, 990)
	k.decide("o2", "capture").want(200)
	equal(t, "taken", fmt.Sprint(k.book("o2").Money.Authorized, k.book("o2").Money.Captured), "0 990")
}

// Each stage of a dispute is a button on the order's page, and a decision.
func TestGate_DisputesAtWill(t *testing.T) {
	for _, way := range []string{
		"retrieval chargeback representation prearbitration arbitration won",
		"retrieval won chargeback good_faith won precompliance compliance chargeback",
		"fraud_advice won precompliance chargeback prearbitration won",
	} {
		t.Run(way, func(t *testing.T) {
			byControl, byConsole := setup(t).at("gate"), setup(t).at("gate")
			byControl.paid("o1", 1250)
			byConsole.paid("o1", 1250)
			page := "/console/orders/gate/" + byConsole.book("o1").Ref
			for _, stage := range strings.Fields(way) {
				word := stage
				if stage == "won" {
					word = "paid"
				}
				byControl.decide("o1", stage).want(200)
				byConsole.send("GET", page, "").want(200).has(`value="` + stage + `"`)
				byConsole.press(page+"/decide", url.Values{"decision": {stage}, "back": {page}}).want(303)
				for _, k := range []*till{byControl, byConsole} {
					equal(t, stage, k.book("o1").Status, word)
					k.read("o1").want(200).has(`"status":"` + word + `"`)
					k.drain()
					equal(t, "told", k.lastEvent(), "order."+map[bool]string{true: "payment_success", false: stage}[stage == "won"])
				}
			}
			byControl.decide("o1", "approve").want(422)
		})
	}
}

func (k *till) lastEvent() string {
	calls := k.shop.heard()
	var body struct {
		Event string `json:"event_type"`
	}
	if len(calls) == 0 || json.Unmarshal(calls[len(calls)-1].body, &body) != nil {
		return ""
	}
	return body.Event
}
