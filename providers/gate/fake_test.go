package gate_test

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"till/providers"
	"till/providers/gate"
	"till/providers/providertest"
)

const (
	secretKey = "key_secret_of_the_set"
	token     = "tok_0123456789abcdef"
	oldToken  = "tok_fedcba9876543210"
	hmacKey   = "whsec_of_the_webhook"
)

// clock is the time of every test.
func clock() time.Time { return time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC) }

// fake is a Gate as its page describes it. It refuses what the page does not
// name, and keeps amounts as the digits that came.
type fake struct {
	mu       sync.Mutex
	server   *providertest.Server
	orders   []*fakeOrder // oldest first
	hooks    []object
	requests []string // method, path and query

	pageSize   int               // at most, of a list
	blind      bool              // quick_search looks at e-mail addresses alone
	refuse     map[string]string // verb → body of a 400
	lose       string            // verb that is done and then answered 503
	keepRefund bool              // a refund stays refund_initiated
	shape      func(o object)    // last change to an order before it is sent
}

// object is a JSON object.
type object = map[string]any

type fakeOrder struct {
	ID       string
	Status   string
	Body     []byte // of the create
	In       newOrder
	Changes  []object
	Total    int64 // minor units, as the next two
	Refunded int64
	Released int64
}

// newOrder is what may be in a create, and no more.
type newOrder struct {
	Client struct {
		Email string `json:"email"`
	} `json:"client"`
	Products []struct {
		Title       string      `json:"title"`
		Price       json.Number `json:"price"`
		Quantity    int64       `json:"quantity"`
		Description string      `json:"description"`
	} `json:"products"`
	Currency           string `json:"currency"`
	Number             string `json:"number"`
	Brand              string `json:"brand"`
	SuccessRedirect    string `json:"success_redirect"`
	InProgressRedirect string `json:"in_progress_redirect"`
	FailureRedirect    string `json:"failure_redirect"`
	CancelRedirect     string `json:"cancel_redirect"`
	Due                int64  `json:"due"`
	DenyOverduePayment bool   `json:"deny_overdue_payment"`
	SkipCapture        bool   `json:"skip_capture"`
	MaxPaymentAttempts int    `json:"max_payment_attempts"`
}

func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{pageSize: 50, hooks: []object{}, refuse: map[string]string{}}
	mux := http.NewServeMux()
	on := func(pattern string, do http.HandlerFunc) { mux.HandleFunc(pattern, f.authorized(do)) }
	on("POST /api/v0.6/orders/{$}", f.create)
	on("GET /api/v0.6/orders/{$}", f.list)
	on("GET /api/v0.6/orders/{id}/{$}", f.onOrder(func(w http.ResponseWriter, _ *http.Request, o *fakeOrder) { f.send(w, 200, o) }))
	on("POST /api/v0.6/orders/{id}/{verb}/{$}", f.onOrder(f.act))
	on("GET /api/v0.6/webhooks/{$}", f.listHooks)
	on("POST /api/v0.6/webhooks/{$}", f.makeHook)
	on("PUT /api/v0.6/webhooks/{id}/{$}", f.putHook)
	f.server = providertest.NewServer(t, mux, nil)
	return f
}

func (f *fake) authorized(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.requests = append(f.requests, r.Method+" "+r.URL.RequestURI())
		if r.Header.Get("Authorization") != "Bearer "+secretKey {
			fail(w, 401, `{"__all__":[{"message":"Wrong key","code":"invalid_key"}]}`)
			return
		}
		next(w, r)
	}
}

func (f *fake) create(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var in newOrder
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	switch err := dec.Decode(&in); {
	case err != nil, r.Header.Get("Content-Type") != "application/json":
		fail(w, 400, `{"__all__":[{"message":"Not JSON, or not known","code":"invalid"}]}`)
		return
	case in.Client.Email == "":
		fail(w, 400, `{"client":{"email":[{"message":"This field is required.","code":"required"}]}}`)
		return
	case len(in.Products) == 0, in.MaxPaymentAttempts < 1:
		fail(w, 400, `{"products":[{"message":"This field is required.","code":"required"}]}`)
		return
	case !slices.Contains([]string{"", "minimum", "standard", "full"}, r.URL.Query().Get("response_type")):
		fail(w, 400, `{"response_type":[{"message":"Not a choice.","code":"invalid_choice"}]}`)
		return
	}
	digits := 2
	if in.Currency == "JPY" {
		digits = 0
	}
	o := &fakeOrder{
		ID: fmt.Sprintf("0b8f1f5e-0000-4b51-9a53-%012d", len(f.orders)+1), Status: "issued", Body: body, In: in,
		Changes: []object{{"new_status": "issued", "on": clock().Unix()}},
	}
	for _, p := range in.Products {
		unit, ok := minor(p.Price.String(), digits)
		if !ok || unit < 1 || p.Quantity < 1 || p.Title == "" {
			fail(w, 400, `{"products":[{"price":[{"message":"Too small.","code":"min_value"}]}]}`)
			return
		}
		o.Total += unit * p.Quantity
	}
	f.orders = append(f.orders, o)
	f.send(w, 201, o)
}

// minor reads an amount by its digits.
func minor(s string, digits int) (int64, bool) {
	whole, part, point := strings.Cut(s, ".")
	if len(part) != digits || point != (digits > 0) {
		return 0, false
	}
	n, err := strconv.ParseInt(whole+part, 10, 64)
	return n, err == nil
}

func decimal(n int64, currency string) json.Number {
	if currency == "JPY" {
		return json.Number(strconv.FormatInt(n, 10))
	}
	return json.Number(fmt.Sprintf("%d.%02d", n/100, n%100))
}

func (f *fake) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	var found []*fakeOrder
	for _, o := range slices.Backward(f.orders) {
		word := q.Get("quick_search")
		hit := word == "" || strings.Contains(o.In.Client.Email, word) || !f.blind && strings.Contains(o.In.Number, word)
		if hit {
			found = append(found, o)
		}
	}
	size, _ := strconv.Atoi(q.Get("page_size"))
	size = max(1, min(size, f.pageSize))
	from, _ := strconv.Atoi(strings.TrimPrefix(q.Get("cursor"), "c"))
	from = min(from, len(found))
	to := min(from+size, len(found))
	results := []object{}
	for _, o := range found[from:to] {
		results = append(results, f.object(o))
	}
	out := object{"next": nil, "previous": nil, "results": results}
	if to < len(found) {
		q.Set("cursor", fmt.Sprintf("c%d", to))
		out["next"] = "https://elsewhere.example/api/v0.6/orders/?" + q.Encode()
	}
	answer(w, 200, out)
}

func (f *fake) onOrder(do func(http.ResponseWriter, *http.Request, *fakeOrder)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for _, o := range f.orders {
			if o.ID == r.PathValue("id") {
				do(w, r, o)
				return
			}
		}
		fail(w, 404, `{"__all__":[{"message":"Not found","code":"not_found"}]}`)
	}
}

// act does what the page says of each verb. Its answers say little, as nothing
// says what they hold.
func (f *fake) act(w http.ResponseWriter, r *http.Request, o *fakeOrder) {
	verb := r.PathValue("verb")
	body, _ := io.ReadAll(r.Body)
	var in struct{ Amount json.Number }
	takes := verb == "capture" || verb == "refund"
	if takes != (len(body) > 0) || takes && json.Unmarshal(body, &in) != nil {
		fail(w, 400, `{"__all__":[{"message":"The body","code":"invalid"}]}`)
		return
	}
	if said, ok := f.refuse[verb]; ok {
		fail(w, 400, said)
		return
	}
	amount, _ := minor(in.Amount.String(), 2)
	if !f.do(verb, o, amount) {
		fail(w, 400, `{"__all__":[{"message":"This action is not permitted","code":"action_not_permitted"}]}`)
		return
	}
	if f.lose == verb {
		fail(w, 503, "down")
		return
	}
	answer(w, 200, object{"ok": true})
}

func (f *fake) do(verb string, o *fakeOrder, amount int64) bool {
	switch {
	case verb == "cancel" && slices.Contains([]string{"issued", "viewed", "overdue", "expired", "rejected", "hold", "received", "failed"}, o.Status):
		f.move(o, "cancelled")
	case verb == "capture" && o.Status == "hold" && amount > 0 && amount <= o.Total:
		o.Released = o.Total - amount
		f.move(o, "paid")
	case verb == "refund" && (o.Status == "paid" || o.Status == "refund_failed") && amount > 0 && amount <= o.Total-o.Refunded && f.keepRefund:
		f.move(o, "refund_initiated")
	case verb == "refund" && o.Status == "paid" && amount > 0 && amount <= o.Total-o.Refunded:
		o.Refunded += amount
		if o.Refunded == o.Total {
			f.move(o, "refunded")
		}
	case verb == "reverse" && o.Status == "paid":
		f.move(o, "reversal_initiated")
	case verb == "received" && (o.Status == "issued" || o.Status == "viewed"):
		f.move(o, "received")
	default:
		return false
	}
	return true
}

func (f *fake) move(o *fakeOrder, status string) {
	o.Status = status
	o.Changes = append(o.Changes, object{"new_status": status, "on": clock().Unix() + int64(len(o.Changes))})
}

func (f *fake) listHooks(w http.ResponseWriter, r *http.Request) {
	from, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
	out := object{"next": nil, "previous": nil, "results": f.hooks[min(from, len(f.hooks)):min(from+1, len(f.hooks))]}
	if from+1 < len(f.hooks) {
		out["next"] = strconv.Itoa(from + 1) // a bare cursor
	}
	answer(w, 200, out)
}

func (f *fake) readHook(w http.ResponseWriter, r *http.Request) (object, bool) {
	var in struct {
		Title     string `json:"title"`
		Version   string `json:"version"`
		URL       string `json:"url"`
		IsTest    *bool  `json:"is_test"`
		AllEvents bool   `json:"all_events"`
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if dec.Decode(&in) != nil || in.Title == "" || in.URL == "" || in.IsTest == nil || in.Version != "v0.6" {
		fail(w, 400, `{"url":[{"message":"Bad","code":"invalid"}]}`)
		return nil, false
	}
	return object{"url": in.URL, "version": in.Version, "is_test": *in.IsTest, "all_events": in.AllEvents}, true
}

func (f *fake) makeHook(w http.ResponseWriter, r *http.Request) {
	if h, ok := f.readHook(w, r); ok {
		h["id"], h["secret"], h["public_key"] = fmt.Sprintf("hook-%d", len(f.hooks)+1), hmacKey, "PEM"
		f.hooks = append(f.hooks, h)
		answer(w, 201, h)
	}
}

func (f *fake) putHook(w http.ResponseWriter, r *http.Request) {
	for i, old := range f.hooks {
		if old["id"] != r.PathValue("id") {
			continue
		}
		if h, ok := f.readHook(w, r); ok {
			h["id"] = old["id"]
			f.hooks[i] = h
			answer(w, 200, h)
		}
		return
	}
	fail(w, 404, `{}`)
}

func (f *fake) send(w http.ResponseWriter, status int, o *fakeOrder) { answer(w, status, f.object(o)) }

// object is an order as the API and the callback show it.
func (f *fake) object(o *fakeOrder) object {
	out := object{
		"type": "order", "id": o.ID, "number": o.In.Number, "status": o.Status, "currency": o.In.Currency,
		"total": decimal(o.Total, o.In.Currency), "is_test": false, "skip_capture": o.In.SkipCapture,
		"issued": clock().Unix(), "modified": clock().Unix() + int64(len(o.Changes)), "status_changes": o.Changes,
		"permitted_actions": []string{"cancel"}, "amount_refunded": decimal(o.Refunded, o.In.Currency),
		"full_page_checkout": f.server.URL + "/pay/" + o.ID + "/", "api_do_url": f.server.URL + "/do/" + o.ID + "/",
		"client": object{"email": o.In.Client.Email}, "products": []object{{"title": "x"}},
		"transaction_details": object{"errors": []object{}, "method": "card"},
	}
	if o.Released > 0 {
		out["transaction_details"] = object{"amount_reversed": decimal(o.Released, o.In.Currency)}
	}
	if f.shape != nil {
		f.shape(out)
	}
	return out
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func fail(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

func (f *fake) order(ref string) *fakeOrder {
	for _, o := range f.orders {
		if o.ID == ref {
			return o
		}
	}
	return &fakeOrder{}
}

func (f *fake) set(ref, status string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.move(f.order(ref), status)
}

func (f *fake) change(do func(f *fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do(f)
}

func (f *fake) opened() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.orders)
}

// log is what was asked for, without the version.
func (f *fake) log() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := []string{}
	for _, r := range f.requests {
		out = append(out, strings.Replace(r, "/api/v0.6", "", 1))
	}
	return out
}

func (f *fake) sum(_ *testing.T, ref string) providertest.Sums {
	f.mu.Lock()
	defer f.mu.Unlock()
	o := f.order(ref)
	return providertest.Sums{Amount: decimal(o.Total, o.In.Currency).String(), Code: o.In.Currency}
}

// body is a delivery's.
func (f *fake) body(ref, event string) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := f.object(f.order(ref))
	out["event_type"] = event
	b, _ := json.Marshal(out)
	return b
}

func signHMAC(key string, body []byte) providers.Delivery {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(body)
	return delivery(body, "X-Webhook-Signature", hex.EncodeToString(mac.Sum(nil)))
}

func signRSA(t testing.TB, key *rsa.PrivateKey, body []byte) providers.Delivery {
	t.Helper()
	hash := sha256.Sum256(body)
	sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, hash[:])
	if err != nil {
		t.Fatal(err)
	}
	return delivery(body, "X-Signature", base64.StdEncoding.EncodeToString(sig))
}

func delivery(body []byte, header, value string) providers.Delivery {
	h := http.Header{}
	if header != "" {
		h.Set(header, value)
	}
	return providers.Delivery{Method: http.MethodPost, Path: "/callbacks/gate/" + token, Header: h, Body: body, Secret: token}
}

// rsaKeys are made once, since that takes a while.
var rsaKeys = sync.OnceValues(func() (*rsa.PrivateKey, *rsa.PrivateKey) {
	one, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return one, other
})

func publicPEM(t testing.TB, key *rsa.PrivateKey) providers.Secret {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return providers.Secret(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// bench is a client and its fake.
type bench struct {
	*fake
	*gate.Client
	cfg gate.Config
}

func setup(t testing.TB, with ...func(*gate.Config)) bench {
	t.Helper()
	f := newFake(t)
	cfg := gate.Config{
		BaseURL: f.server.URL + "/api/v0.6", SecretKey: secretKey, CallbackTokens: []providers.Secret{token, oldToken}, Now: clock,
		Patience: providers.Patience{Wait: time.Nanosecond, MaxWait: time.Microsecond},
	}
	for _, w := range with {
		w(&cfg)
	}
	client, err := gate.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return bench{fake: f, Client: client, cfg: cfg}
}

// roundTrip is a wire without a network.
type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// always answers every request from one function.
func always(say func(*http.Request) (status int, contentType, body string)) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		status, contentType, body := say(r)
		h := http.Header{}
		if contentType != "" {
			h.Set("Content-Type", contentType)
		}
		return &http.Response{
			StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		}, nil
	})
}
