package vertex_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"till/providers"
	"till/providers/providertest"
	"till/providers/vertex"
)

const (
	token    = "5f0c1d2e-3a4b-4c5d-8e6f-901112131415"
	secret   = "sbx_vertex_callback_1"
	former   = "sbx_vertex_callback_0"
	stranger = "sbx_vertex_callback_2"
	shopID   = 115
)

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2030, 6, 15, 10, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// object is a JSON object.
type object = map[string]any

// fake is Vertex Gateway as its page describes it. It refuses what the page
// does not name.
type fake struct {
	mu       sync.Mutex
	server   *providertest.Server
	orders   map[string]*fakeOrder // by order number
	requests []string              // method and path
	bodies   []string              // of the POSTs

	methods json.RawMessage // the list; nil is the page's example
	page    string          // where payment links lead; empty is the fake itself
	shape   func(o object)  // last change to an order before it is sent
	refuse  map[string]int  // path to status
	after   func(path string)
	lose    string // a path whose next answer is a 503, after the work is done
	slow    bool   // capture, cancel, reject and refund are taken, and done later
}

type fakeOrder struct {
	Number, Status, Amount, Currency string
	AutoCapture                      bool
	Due                              any
	Payments                         []object
	Body                             []byte
}

func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{orders: map[string]*fakeOrder{}, refuse: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /api/v1/shops/115/payment-methods", f.do(f.list))
	mux.HandleFunc("POST /api/v1/order", f.do(f.create))
	mux.HandleFunc("GET /api/v1/order/115/{number}", f.do(f.read))
	for _, verb := range []string{"cancel", "reject", "capture", "refund"} {
		mux.HandleFunc("POST /api/v1/order/"+verb, f.do(func(w http.ResponseWriter, r *http.Request) { f.act(w, r, verb) }))
	}
	f.server = providertest.NewServer(t, mux, nil)
	return f
}

// do is what every request goes through.
func (f *fake) do(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.requests = append(f.requests, r.Method+" "+r.URL.RequestURI())
		if r.Header.Get("Api-Access-Token") != token || r.Header.Get("Accept") != "application/json" {
			fail(w, http.StatusUnauthorized)
			return
		}
		if r.Method == http.MethodPost {
			body, _ := io.ReadAll(r.Body)
			f.bodies = append(f.bodies, string(body))
			if r.Header.Get("Content-Type") != "application/json" {
				fail(w, http.StatusBadRequest)
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
		}
		if status := f.refuse[r.URL.Path]; status != 0 {
			fail(w, status)
			return
		}
		if strings.HasSuffix(r.URL.Path, "/"+f.lose) && f.lose != "" {
			f.lose = ""
			next(discard{}, r)
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		next(w, r)
		if f.after != nil {
			f.after(r.URL.Path)
		}
	}
}

// discard is an answer that nobody gets.
type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(b []byte) (int, error) { return len(b), nil }
func (discard) WriteHeader(int)             {}

func (f *fake) list(w http.ResponseWriter, r *http.Request) {
	list := f.methods
	if list == nil {
		list = json.RawMessage(`[{"providerCode":"alps","acquirerCode":"lyra","instrumentType":"card","entryMode":"cnp",
			"dataEntryModes":["redirect"],"allowedCards":[],"transferType":null,"currencies":["NZD"],"regions":["NZ"],"isDefault":false}]`)
	}
	if r.URL.RawQuery != "" {
		fail(w, http.StatusBadRequest)
		return
	}
	success(w, http.StatusOK, list)
}

var (
	orderNumber = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,253}[A-Za-z0-9])?$`)
	decimal     = regexp.MustCompile(`^[0-9]+(\.[0-9]+)?$`)
)

func (f *fake) create(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var in struct {
		ShopID int `json:"shopId"`
		Order  struct {
			OrderNumber string `json:"orderNumber"`
			Cost        struct {
				Amount   string `json:"amount"`
				Currency string `json:"currency"`
			} `json:"cost"`
		} `json:"order"`
		Customer *struct {
			CustomerID string `json:"customerId"`
			FirstName  string `json:"firstName"`
			LastName   string `json:"lastName"`
			MiddleName string `json:"middleName"`
			Phone      string `json:"phone"`
			Email      string `json:"email"`
		} `json:"customer"`
		PaymentSettings *struct {
			InstrumentType string `json:"instrumentType"`
			ProviderCode   string `json:"providerCode"`
			AcquirerCode   string `json:"acquirerCode"`
			EntryMode      string `json:"entryMode"`
			DataEntryMode  string `json:"dataEntryMode"`
			AutoCapture    *bool  `json:"autoCapture"`
			TimeLimit      string `json:"timeLimit"`
			RedirectURLs   struct {
				Success string `json:"success"`
				Failure string `json:"failure"`
			} `json:"redirectUrls"`
			WebhookURL string `json:"webhookUrl"`
		} `json:"paymentSettings"`
		PaymentPageDesign *struct {
			Alias  string `json:"alias"`
			Format string `json:"format"`
		} `json:"paymentPageDesign"`
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil || !orderNumber.MatchString(in.Order.OrderNumber) || !decimal.MatchString(in.Order.Cost.Amount) {
		fail(w, http.StatusBadRequest)
		return
	}
	switch {
	case in.ShopID != shopID:
		fail(w, http.StatusForbidden)
		return
	case f.orders[in.Order.OrderNumber] != nil, in.Customer != nil && (in.Customer.FirstName == "" || in.Customer.LastName == ""):
		fail(w, http.StatusBadRequest)
		return
	}
	o := &fakeOrder{
		Number: in.Order.OrderNumber, Status: "in_progress", Amount: in.Order.Cost.Amount, Currency: in.Order.Cost.Currency,
		AutoCapture: true, Body: body,
	}
	if s := in.PaymentSettings; s != nil {
		o.AutoCapture = s.AutoCapture == nil || *s.AutoCapture
		if s.TimeLimit != "" {
			o.Due = s.TimeLimit
		}
	}
	f.orders[o.Number] = o
	page := f.page
	if page == "" {
		page = f.server.URL
	}
	success(w, http.StatusOK, object{
		"orderNumber": o.Number, "paymentLink": page + "/payment?session-id=0b8f1f5e-3c1d-4b51-9a53-6a3a44a5a001&page-id=7",
	})
}

func (f *fake) read(w http.ResponseWriter, r *http.Request) {
	o := f.orders[r.PathValue("number")]
	if o == nil {
		fail(w, http.StatusNotFound)
		return
	}
	success(w, http.StatusOK, f.shown(o))
}

// act is what can be done to an order.
func (f *fake) act(w http.ResponseWriter, r *http.Request, verb string) {
	var in struct {
		ShopID      int    `json:"shopId"`
		OrderNumber string `json:"orderNumber"`
		PaymentID   string `json:"paymentId"`
		Cost        *struct {
			Amount   string `json:"amount"`
			Currency string `json:"currency"`
		} `json:"cost"`
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	err := dec.Decode(&in)
	o := f.orders[in.OrderNumber]
	switch {
	case err != nil, (verb == "refund") != (in.Cost != nil):
		fail(w, http.StatusBadRequest)
	case in.ShopID != shopID:
		fail(w, http.StatusForbidden)
	case o == nil:
		fail(w, http.StatusNotFound)
	case verb == "refund":
		f.refund(w, o, in.PaymentID, in.Cost.Amount, in.Cost.Currency)
	case o.Status != "in_progress", verb == "capture" && len(o.Payments) == 0:
		fail(w, http.StatusConflict)
	default:
		if !f.slow {
			o.done(verb)
		}
		success(w, http.StatusAccepted, object{"orderNumber": o.Number, "operationType": verb})
	}
}

// done is what a verb comes to.
func (o *fakeOrder) done(verb string) {
	word := map[string]string{"cancel": "cancelled", "reject": "rejected", "capture": "completed"}[verb]
	o.Status = word
	if word == "rejected" {
		word = "cancelled"
	}
	for _, p := range o.Payments {
		p["paymentStatus"] = word
	}
}

func (f *fake) refund(w http.ResponseWriter, o *fakeOrder, paymentID, amount, currency string) {
	left, payments := 0, 0
	for _, p := range o.Payments {
		switch {
		case p["paymentType"] == "refund":
			left -= cents(p)
		case paymentID == "" || p["paymentId"] == paymentID:
			left += cents(p)
		}
		if p["paymentType"] != "refund" {
			payments++
		}
	}
	asked := object{"cost": object{"amount": amount}}
	switch {
	case o.Status != "completed" && o.Status != "refunded":
		fail(w, http.StatusConflict)
		return
	case currency != o.Currency, payments > 1 && paymentID == "":
		fail(w, http.StatusBadRequest)
		return
	case cents(asked) > left && payments == 1:
		fail(w, http.StatusPreconditionFailed)
		return
	}
	if !f.slow {
		o.add("refund", "completed", amount)
		o.Status = "refunded"
	}
	success(w, http.StatusOK, object{"orderNumber": o.Number, "operationType": "refund"})
}

// cents reads the amount of a payment of a currency with two decimals.
func cents(p object) int {
	c, _ := p["cost"].(object)
	s, _ := c["amount"].(string)
	n, _ := strconv.Atoi(strings.ReplaceAll(s, ".", ""))
	return n
}

// add puts a payment or a refund into an order.
func (o *fakeOrder) add(kind, status, amount string) {
	o.Payments = append(o.Payments, object{
		"paymentId": fmt.Sprintf("pay-%d", len(o.Payments)+1), "paymentType": kind, "paymentStatus": status, "instrumentType": "card",
		"cost": object{"amount": amount, "currency": o.Currency}, "createdAt": "2030-06-15T10:20:00.000Z",
		"card": object{"maskedNumber": "411111******1111"},
	})
}

// shown is an order as the API and the callback show it.
func (f *fake) shown(o *fakeOrder) object {
	payments := o.Payments
	if payments == nil {
		payments = []object{}
	}
	out := object{
		"id": 800003, "shopId": shopID, "orderNumber": o.Number, "orderStatus": o.Status,
		"cost": object{"amount": o.Amount, "currency": o.Currency}, "timeLimit": o.Due,
		"orderCreatedAt": "2030-06-15T10:00:00.000Z", "orderPaidAt": nil, "autoCapture": o.AutoCapture, "payments": payments,
	}
	if f.shape != nil {
		f.shape(out)
	}
	return out
}

func success(w http.ResponseWriter, status int, data any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(object{"data": data})
}

// fail answers with the page's one error shape. The code is not the status.
func fail(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(object{"code": "4" + strconv.Itoa(status), "title": "title", "detail": "Parameter AAAA is required"})
}

func (f *fake) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

// of changes one order.
func (f *fake) of(ref string, do func(o *fakeOrder)) { f.change(func() { do(f.orders[ref]) }) }

func (f *fake) set(ref, status string) { f.of(ref, func(o *fakeOrder) { o.Status = status }) }

func (f *fake) opened() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.orders)
}

func (f *fake) log() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.requests...)
}

// last is the latest body that was sent.
func (f *fake) last() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bodies[len(f.bodies)-1]
}

// count is how often something was asked for.
func (f *fake) count(request string) int {
	n := 0
	for _, r := range f.log() {
		if r == request {
			n++
		}
	}
	return n
}

func (f *fake) sum(_ *testing.T, ref string) providertest.Sums {
	f.mu.Lock()
	defer f.mu.Unlock()
	return providertest.Sums{Amount: f.orders[ref].Amount, Code: f.orders[ref].Currency}
}

// signHMAC and signConcat are the two formulas of the page.
func signHMAC(secret string, body []byte) string {
	mac := hmac.New(sha512.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

func signConcat(secret string, body []byte) string {
	digest := sha512.Sum512(append(bytes.Clone(body), secret...))
	return hex.EncodeToString(digest[:])
}

func signed(signature string, body []byte) providers.Delivery {
	h := http.Header{}
	h.Set("api-notification-sign", signature)
	return providers.Delivery{Method: http.MethodPost, Path: "/callbacks/vertex", Header: h, Body: body}
}

// bench is a client, its fake and its clock.
type bench struct {
	*fake
	*vertex.Client
	clock *clock
	cfg   vertex.Config
}

func config(with ...func(*vertex.Config)) vertex.Config {
	cfg := vertex.Config{
		BaseURL: "https://gateway.stage.vertexgateway.com/api/v1", Token: token, ShopID: "115",
		CallbackSecrets: []providers.Secret{secret, former}, Now: newClock().now,
		Patience: providers.Patience{Wait: time.Nanosecond, MaxWait: time.Microsecond},
	}
	for _, w := range with {
		w(&cfg)
	}
	return cfg
}

func setup(t testing.TB, with ...func(*vertex.Config)) bench {
	t.Helper()
	f, c := newFake(t), newClock()
	cfg := config(append([]func(*vertex.Config){func(cfg *vertex.Config) {
		cfg.BaseURL, cfg.Now = f.server.URL+"/api/v1", c.now
	}}, with...)...)
	client, err := vertex.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return bench{fake: f, Client: client, clock: c, cfg: cfg}
}

// answers is a wire without a network that gives one answer to everything.
type answers func(*http.Request) (status int, body string)

// RoundTrip implements http.RoundTripper.
func (f answers) RoundTrip(r *http.Request) (*http.Response, error) {
	status, body := f(r)
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
	}, nil
}
