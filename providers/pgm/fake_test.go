package pgm_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"till/providers"
	"till/providers/pgm"
	"till/providers/providertest"
)

const (
	gatewayKey     = "sbx_pgm_key_1"
	callbackSecret = "sbx-callback-secret-1"
	formerSecret   = "sbx-callback-former-0"
)

func now() time.Time { return time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC) }

// fake is a gateway manager as its page describes it, version 3, at /v3. It
// refuses what the page does not name.
type fake struct {
	mu       sync.Mutex
	server   *providertest.Server
	payments map[string]*fakePayment // by paymentId
	requests []string                // method, path and query

	result    string               // of the next pay
	refund    string               // result of refunds
	noStatus  int                  // what status answers where there is none; 0 is that there is one
	shape     func(object)         // last change to an answer before it is sent
	shapePay  func(object)         // the same, of pay alone
	onRefund  func(p *fakePayment) // what a refund does besides
	refundLog []refund

	link          func(object) // last change to the answer of pay-by-link
	subscriptions map[string]*fakeSubscription
	token         bool           // the answer of schedule and start has the token
	metaToken     bool           // a payment's status has it
	noSuch        map[string]int // what a verb and an operation are answered with, such as "DELETE expire"
	expired       string         // body of expire
}

// fakeSubscription is one subscription.
type fakeSubscription struct {
	Token, Provider, Status string
	Bodies                  []string // of schedule or start, update and pay
}

// object is a JSON object.
type object = map[string]any

type refund struct {
	Amount    int64          `json:"amount"`
	Currency  string         `json:"currency"`
	PaymentID string         `json:"paymentId"`
	Data      map[string]any `json:"providerData"`
}

type fakePayment struct {
	ID, ShopID, Provider, Method, Status, Action string
	Amount                                       int64
	Currency                                     string
	Body                                         string // of the pay
	Token                                        string // of its subscription
}

func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{
		payments: map[string]*fakePayment{}, result: "REDIRECT_TO_URL", refund: "OK", subscriptions: map[string]*fakeSubscription{}, token: true,
		noSuch: map[string]int{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v3/{provider}/{method}/pay", f.admitted(f.pay))
	mux.HandleFunc("POST /v3/{provider}/pay", f.admitted(f.pay))
	mux.HandleFunc("POST /v3/{provider}/refund", f.admitted(f.takeBack))
	mux.HandleFunc("GET /v3/{provider}/status", f.admitted(f.status))
	mux.HandleFunc("GET /v3/{provider}/check", f.admitted(f.status))
	mux.HandleFunc("POST /v3/{provider}/pay-by-link", f.admitted(f.payByLink))
	for _, verb := range []string{"schedule", "start", "pay"} {
		for _, path := range []string{"/v3/{provider}/{method}/subscription/", "/v3/{provider}/subscription/"} {
			mux.HandleFunc("POST "+path+verb, f.admitted(func(w http.ResponseWriter, r *http.Request) { f.subscribe(w, r, verb) }))
		}
	}
	for _, what := range []string{"POST update", "GET status", "DELETE expire", "POST expire"} {
		method, op, _ := strings.Cut(what, " ")
		mux.HandleFunc(method+" /v3/{provider}/subscription/"+op+"/{token}", f.admitted(func(w http.ResponseWriter, r *http.Request) {
			f.subscription(w, r, what)
		}))
	}
	f.server = providertest.NewServer(t, mux, nil)
	return f
}

func (f *fake) admitted(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.requests = append(f.requests, strings.TrimSuffix(r.Method+" "+r.URL.Path+"?"+r.URL.RawQuery, "?"))
		if r.Header.Get("secret") != gatewayKey {
			fail(w, http.StatusUnauthorized, "Unauthorized")
			return
		}
		next(w, r)
	}
}

func (f *fake) pay(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var in struct {
		Amount   int64          `json:"amount"`
		Currency string         `json:"currency"`
		ShopID   string         `json:"shopTransactionId"`
		Success  string         `json:"successRedirectUrl"`
		Failure  string         `json:"failureRedirectUrl"`
		Data     map[string]any `json:"providerData"`
	}
	if !strict(body, &in) || r.Header.Get("Content-Type") != "application/json" || in.Amount <= 0 || in.Currency != "EUR" || in.ShopID == "" {
		fail(w, http.StatusBadRequest, "Bad Request")
		return
	}
	known := map[string][]string{
		"stripe": {"productName", "buyerEmail"}, "axerve": {"buyerName", "buyerEmail", "serverRedirect"}, "soisy": {"email"},
	}
	for k := range in.Data {
		if !slices.Contains(known[r.PathValue("provider")], k) {
			fail(w, http.StatusBadRequest, "Bad Request")
			return
		}
	}
	p := f.add(r, in.ShopID, in.Amount, body)
	send(w, f.payAnswer(p))
}

func (f *fake) add(r *http.Request, shopID string, amount int64, body []byte) *fakePayment {
	p := &fakePayment{
		ID: fmt.Sprintf("payment-%09d", len(f.payments)+1), ShopID: shopID, Provider: r.PathValue("provider"), Method: r.PathValue("method"),
		Status: "PENDING", Action: "PAYMENT", Amount: amount, Currency: "EUR", Body: string(body),
	}
	f.payments[p.ID] = p
	return p
}

func (f *fake) payAnswer(p *fakePayment) object {
	out := object{"result": f.result, "resultDescription": "text", "paymentId": p.ID, "metadata": object{}}
	if f.result == "REDIRECT_TO_URL" {
		out["redirectToUrl"], out["redirectToUrlMobile"] = f.server.URL+"/page/"+p.ID, "provider-app://pay/"+p.ID
	}
	if p.Token != "" && f.token {
		out["subscriptionToken"] = p.Token
	}
	if f.shapePay != nil {
		f.shapePay(out)
	}
	return out
}

// payByLink takes a pay without providerData: no service's page has any for it.
func (f *fake) payByLink(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var in struct {
		Amount   int64  `json:"amount"`
		Currency string `json:"currency"`
		ShopID   string `json:"shopTransactionId"`
		Success  string `json:"successRedirectUrl"`
		Failure  string `json:"failureRedirectUrl"`
	}
	if !strict(body, &in) || in.Amount <= 0 || in.Currency != "EUR" || in.ShopID == "" {
		fail(w, http.StatusBadRequest, "Bad Request")
		return
	}
	p := f.add(r, in.ShopID, in.Amount, body)
	out := object{"resultCode": "OK", "resultDescription": "text", "paymentId": p.ID, "link": f.server.URL + "/link/" + p.ID}
	if f.link != nil {
		f.link(out)
	}
	send(w, out)
}

// subscribe is schedule, start and pay.
func (f *fake) subscribe(w http.ResponseWriter, r *http.Request, verb string) {
	body, _ := io.ReadAll(r.Body)
	var in struct {
		Amount   int64  `json:"amount"`
		Currency string `json:"currency"`
		ShopID   string `json:"shopTransactionId"`
		Info     struct {
			Interval      string `json:"interval"`
			IntervalCount int    `json:"intervalCount"`
			ExpiresAfter  *int   `json:"expiresAfter"`
			Token         string `json:"token"`
		} `json:"subscriptionInfo"`
		Data map[string]any `json:"providerData"`
	}
	paying := verb == "pay"
	if !strict(body, &in) || in.Amount <= 0 || in.Currency != "EUR" || in.ShopID == "" || paying == (in.Info.Token == "") ||
		paying == (in.Info.Interval != "") || paying == (in.Info.IntervalCount > 0) || in.Info.ExpiresAfter != nil && *in.Info.ExpiresAfter < 1 {
		fail(w, http.StatusBadRequest, "Bad Request")
		return
	}
	token := in.Info.Token
	if !paying {
		token = fmt.Sprintf("sub_secret/%d", len(f.subscriptions)+1) // with a slash, to be escaped
		f.subscriptions[token] = &fakeSubscription{Token: token, Provider: r.PathValue("provider"), Status: "PENDING"}
	}
	s := f.subscriptions[token]
	if s == nil || s.Provider != r.PathValue("provider") {
		fail(w, http.StatusNotFound, "no subscription "+token)
		return
	}
	s.Bodies = append(s.Bodies, string(body))
	p := f.add(r, in.ShopID, in.Amount, body)
	p.Token = token
	send(w, f.payAnswer(p))
}

// subscription is what is asked about one by its token.
func (f *fake) subscription(w http.ResponseWriter, r *http.Request, what string) {
	if status := f.noSuch[what]; status != 0 {
		fail(w, status, "not for "+r.PathValue("token"))
		return
	}
	s := f.subscriptions[r.PathValue("token")]
	if s == nil || s.Provider != r.PathValue("provider") {
		fail(w, http.StatusNotFound, "Not Found")
		return
	}
	out := object{"subscriptionToken": s.Token}
	switch what {
	case "POST update":
		body, _ := io.ReadAll(r.Body)
		s.Bodies = append(s.Bodies, string(body))
		out["result"], out["resultDescription"] = "OK", "Successful transaction"
	case "GET status":
		out["status"], out["providerName"], out["metadata"] = s.Status, s.Provider, object{}
	default:
		if f.expired != "" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, f.expired)
			return
		}
		s.Status = "CANCELED"
		w.WriteHeader(http.StatusNoContent)
		return
	}
	if f.shape != nil {
		f.shape(out)
	}
	send(w, out)
}

func (f *fake) takeBack(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var in refund
	if !strict(body, &in) || in.Amount <= 0 || in.Currency != "EUR" {
		fail(w, http.StatusBadRequest, "Bad Request")
		return
	}
	p := f.payments[in.PaymentID]
	if p == nil || p.Provider != r.PathValue("provider") {
		fail(w, http.StatusNotFound, "Not Found")
		return
	}
	f.refundLog = append(f.refundLog, in)
	if f.onRefund != nil {
		f.onRefund(p)
	}
	out := object{"result": f.refund}
	if f.shape != nil {
		f.shape(out)
	}
	send(w, out)
}

func (f *fake) status(w http.ResponseWriter, r *http.Request) {
	if f.noStatus != 0 {
		fail(w, f.noStatus, "no such operation")
		return
	}
	p := f.payments[r.URL.Query().Get("paymentId")]
	if p == nil || p.Provider != r.PathValue("provider") {
		fail(w, http.StatusNotFound, "Not Found")
		return
	}
	out := p.json()
	if p.Token != "" && f.metaToken {
		out["metadata"] = object{"subscriptionToken": p.Token}
	}
	if f.shape != nil {
		f.shape(out)
	}
	send(w, out)
}

// json is a payment as the API and the callback show it.
func (p *fakePayment) json() object {
	return object{
		"status": p.Status, "paymentId": p.ID, "shopTransactionId": p.ShopID, "providerName": strings.ToUpper(p.Provider),
		"paymentMethod": p.Method, "action": p.Action, "metadata": object{"paymentIntentId": "pi_1"},
	}
}

func strict(body []byte, into any) bool {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	return dec.Decode(into) == nil
}

func send(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func fail(w http.ResponseWriter, status int, word string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(object{"statusCode": status, "error": word, "message": "text for logs"})
}

func (f *fake) change(do func(f *fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do(f)
}

func (f *fake) set(ref, word string) {
	f.change(func(f *fake) { f.payments[ref].Status = word })
}

func (f *fake) opened() (n int) {
	f.change(func(f *fake) { n = len(f.payments) })
	return n
}

func (f *fake) log() (all []string) {
	f.change(func(f *fake) { all = slices.Clone(f.requests) })
	return all
}

func (f *fake) refunds() (all []refund) {
	f.change(func(f *fake) { all = slices.Clone(f.refundLog) })
	return all
}

// sum is what the pay asked for, as a decimal.
func (f *fake) sum(_ *testing.T, ref string) (s providertest.Sums) {
	f.change(func(f *fake) {
		p := f.payments[ref]
		s = providertest.Sums{Amount: fmt.Sprintf("%d.%02d", p.Amount/100, p.Amount%100), Code: p.Currency}
	})
	return s
}

// deliver is the callback about a payment as it is now.
func (f *fake) deliver(ref string) (d providers.Delivery) {
	f.change(func(f *fake) {
		body, _ := json.Marshal(f.payments[ref].json())
		d = to(callbackSecret, body)
	})
	return d
}

// to is a delivery to the address with that secret.
func to(secret string, body []byte) providers.Delivery {
	return providers.Delivery{
		Method: http.MethodPost, Path: "/callbacks/pgm/" + secret, Header: http.Header{"Content-Type": {"application/json"}}, Body: body, Secret: secret,
	}
}

// bench is a client and its fake.
type bench struct {
	*fake
	*pgm.Client
	cfg pgm.Config
}

func setup(t testing.TB, with ...func(*pgm.Config)) bench {
	t.Helper()
	f := newFake(t)
	cfg := pgm.Config{
		BaseURL: f.server.URL + "/v3", Methods: []string{"stripe/credit-cards", "satispay/satispay", "soisy/soisy", "house-account"},
		Secret: gatewayKey, CallbackSecrets: []providers.Secret{callbackSecret, formerSecret}, Now: now,
		Patience: providers.Patience{Wait: time.Nanosecond, MaxWait: time.Microsecond},
	}
	for _, w := range with {
		w(&cfg)
	}
	client, err := pgm.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return bench{fake: f, Client: client, cfg: cfg}
}

// roundTrip is a wire without a network.
type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// answers is a wire that gives every request one answer.
func answers(status int, contentType string, body func() []byte) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		b := body()
		return &http.Response{
			StatusCode: status, Header: http.Header{"Content-Type": {contentType}}, Body: io.NopCloser(bytes.NewReader(b)), ContentLength: int64(len(b)),
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		}, nil
	})
}
