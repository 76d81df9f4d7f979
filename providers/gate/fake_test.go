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
	clients  []*fakeClient
	requests []string // method, path and query

	pageSize   int               // at most, of a list
	blind      bool              // quick_search looks at e-mail addresses alone
	refuse     map[string]string // verb → body of a 400
	lose       string            // verb that is done and then answered 503; "client", "do" and "delete" are verbs too
	bank       string            // status that charging a saved card ends in; empty is paid
	ask        string            // threed_check_url of every charge; empty is a page of its own for one that is in progress
	bareCards  bool              // lists of cards have no envelope
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
		Email                  string `json:"email"`
		OriginalClient         string `json:"original_client"`
		RecurringPaymentMethod string `json:"recurring_payment_method"`
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
	SetupFutureUse     string `json:"setup_future_use"`
	ForceSaveMethod    bool   `json:"force_save_method"`
	UseScenario        string `json:"use_scenario"`
}

// fakeClient is a saved client and its cards.
type fakeClient struct {
	ID, Email string
	Cards     []object
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
	on("POST /do/{id}/{$}", f.onOrder(f.charge))
	on("POST /api/v0.6/clients/{$}", f.makeClient)
	on("GET /api/v0.6/clients/{client}/payment_methods/{$}", f.onClient(f.listCards))
	on("DELETE /api/v0.6/clients/{client}/payment_methods/{card}/{$}", f.onClient(f.deleteCard))
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
	case in.Client.OriginalClient != "" && f.client(in.Client.OriginalClient) == nil:
		fail(w, 400, `{"client":{"original_client":[{"message":"Invalid pk.","code":"does_not_exist"}]}}`)
		return
	case in.Client.RecurringPaymentMethod != "" && f.card(in.Client.OriginalClient, in.Client.RecurringPaymentMethod) < 0:
		fail(w, 400, fmt.Sprintf(`{"client":{"recurring_payment_method":[{"message":"Invalid pk %s.","code":"does_not_exist"}]}}`, in.Client.RecurringPaymentMethod))
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

func (f *fake) makeClient(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Email string `json:"email"`
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if dec.Decode(&in) != nil || in.Email == "" {
		fail(w, 400, `{"email":[{"message":"This field is required.","code":"required"}]}`)
		return
	}
	c := &fakeClient{ID: fmt.Sprintf("11111111-0000-4b51-9a53-%012d", len(f.clients)+1), Email: in.Email, Cards: []object{}}
	f.clients = append(f.clients, c)
	if f.lose == "client" {
		fail(w, 503, "down")
		return
	}
	answer(w, 201, object{"type": "client", "id": c.ID, "email": c.Email})
}

func (f *fake) client(id string) *fakeClient {
	for _, c := range f.clients {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// card is where a client's card is in the list, or -1.
func (f *fake) card(client, id string) int {
	c := f.client(client)
	if c == nil {
		return -1
	}
	return slices.IndexFunc(c.Cards, func(o object) bool { return o["id"] == id })
}

func (f *fake) onClient(do func(http.ResponseWriter, *http.Request, *fakeClient)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := f.client(r.PathValue("client"))
		if c == nil {
			fail(w, 404, `{"__all__":[{"message":"Not found","code":"not_found"}]}`)
			return
		}
		do(w, r, c)
	}
}

// listCards lists one card on a page.
func (f *fake) listCards(w http.ResponseWriter, r *http.Request, c *fakeClient) {
	if f.bareCards {
		answer(w, 200, c.Cards)
		return
	}
	from, _ := strconv.Atoi(r.URL.Query().Get("cursor"))
	out := object{"next": nil, "previous": nil, "results": c.Cards[min(from, len(c.Cards)):min(from+1, len(c.Cards))]}
	if from+1 < len(c.Cards) {
		out["next"] = strconv.Itoa(from + 1)
	}
	answer(w, 200, out)
}

func (f *fake) deleteCard(w http.ResponseWriter, r *http.Request, c *fakeClient) {
	at := f.card(c.ID, r.PathValue("card"))
	if at < 0 {
		fail(w, 404, fmt.Sprintf(`{"__all__":[{"message":"No card %s","code":"not_found"}]}`, r.PathValue("card")))
		return
	}
	if said, ok := f.refuse["delete"]; ok {
		fail(w, 400, said)
		return
	}
	c.Cards = slices.Delete(c.Cards, at, at+1)
	if f.lose == "delete" {
		f.lose = ""
		fail(w, 503, "down")
		return
	}
	w.WriteHeader(204)
}

// charge is POST to api_do_url, for orders that name a saved card.
func (f *fake) charge(w http.ResponseWriter, r *http.Request, o *fakeOrder) {
	body, _ := io.ReadAll(r.Body)
	said, refused := f.refuse["do"]
	switch {
	case string(body) != "{}", o.Status != "issued", o.In.UseScenario == "", r.Header.Get("Content-Type") != "application/json":
		fail(w, 400, `{"__all__":[{"message":"This action is not permitted","code":"action_not_permitted"}]}`)
		return
	case refused:
		fail(w, 400, said)
		return
	}
	status := f.bank
	if status == "" {
		status = "paid"
	}
	f.move(o, "in_progress")
	if status != "in_progress" {
		f.move(o, status)
	}
	if f.lose == "do" {
		fail(w, 503, "down")
		return
	}
	out := object{}
	switch {
	case f.ask != "":
		out["threed_check_url"] = f.ask
	case status == "in_progress":
		out["threed_check_url"] = f.server.URL + "/pay/" + o.ID + "/3ds/"
	}
	answer(w, 200, out)
}

// save pays the order of a payment and saves its card.
func (f *fake) save(ref, card string) {
	f.set(ref, "paid")
	f.mu.Lock()
	defer f.mu.Unlock()
	in := f.order(ref).In
	if in.SetupFutureUse == "recurring" && in.ForceSaveMethod {
		c := f.client(in.Client.OriginalClient)
		c.Cards = append(c.Cards, object{
			"id": card, "client": c.ID, "method_type": "card", "card": object{"exp_month": 12, "exp_year": 2030, "is_default": len(c.Cards) == 0},
		})
	}
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
		"link": f.server.URL + "/invoice/" + o.ID + "/",
		"client": object{
			"email": o.In.Client.Email, "original_client": o.In.Client.OriginalClient,
			"recurring_payment_method": o.In.Client.RecurringPaymentMethod,
		}, "products": []object{{"title": "x"}},
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
