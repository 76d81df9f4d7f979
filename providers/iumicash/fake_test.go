package iumicash_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"till/providers"
	"till/providers/iumicash"
	"till/providers/providertest"
)

const (
	clientID     = "sbx_client"
	clientSecret = "sbx_client_secret_1"
	basicVector  = "c2J4X2NsaWVudDpzYnhfY2xpZW50X3NlY3JldF8x" // of the two, from the page
)

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC)} }

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

// fake is iumiCash as its page describes it, revision A. It refuses what the
// page does not name.
type fake struct {
	mu       sync.Mutex
	server   *providertest.Server
	orders   map[string]*fakeOrder // by id
	byKey    map[string]string     // RequestId → id
	tokens   map[string]bool       // that are good
	issued   int
	requests []string // method and path, and RequestId of POSTs

	expiresIn string        // raw JSON; empty leaves it out
	noGet     bool          // GET of an order is 405
	forget    bool          // RequestIds are not remembered
	shape     func(o order) // last change to an order before it is sent
	onToken   func()        // called for each token request, before the answer
}

// order is a JSON object.
type order = map[string]any

type fakeOrder struct {
	ID, ExternalID, Status string
	Items                  json.RawMessage
	Body                   []byte // of the create
}

func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{
		orders: map[string]*fakeOrder{}, byKey: map[string]string{}, tokens: map[string]bool{},
		expiresIn: "28800",
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/oauth/token/{$}", f.token)
	mux.HandleFunc("POST /api/v1/orders/{$}", f.authorized(f.create))
	mux.HandleFunc("GET /api/v1/orders/{id}/{$}", f.authorized(f.read))
	mux.HandleFunc("POST /api/v1/orders/{id}/{$}", f.authorized(f.read))
	mux.HandleFunc("POST /api/v1/orders/{id}/cancel/{$}", f.authorized(f.cancel))
	f.server = providertest.NewServer(t, mux, func(r *http.Request) bool { return strings.Contains(r.URL.Path, "/oauth/") })
	return f
}

func (f *fake) token(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	hook := f.onToken
	f.mu.Unlock()
	if hook != nil {
		hook()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	f.issued++
	switch {
	case r.Header.Get("Authorization") != "Basic "+basicVector:
		fail(w, http.StatusUnauthorized, "INVALID_AUTHZ")
		return
	case r.Header.Get("Content-Type") != "application/json", string(body) != `{"grant_type":"client_credentials"}`:
		fail(w, http.StatusBadRequest, "INVALID_REQUEST")
		return
	}
	token := fmt.Sprintf("sbx-at-%d", f.issued)
	f.tokens[token] = true
	expires := ""
	if f.expiresIn != "" {
		expires = `,"expires_in":` + f.expiresIn
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"access_token":%q,"token_type":"Bearer"%s}`, token, expires)
}

// revoke makes every token that was handed out bad.
func (f *fake) revoke() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.tokens)
}

func (f *fake) tokensIssued() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.issued
}

func (f *fake) log() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.requests...)
}

func (f *fake) authorized(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.requests = append(f.requests, strings.TrimSpace(r.Method+" "+r.URL.Path+" "+r.Header.Get("RequestId")))
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !f.tokens[token] {
			fail(w, http.StatusUnauthorized, "INVALID_AUTHZ")
			return
		}
		next(w, r)
	}
}

func (f *fake) create(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var in struct {
		ExternalID string `json:"external_id"`
		Items      []struct {
			Name        string `json:"name"`
			Description string `json:"description"`
			Amount      struct {
				Value        json.Number `json:"value"`
				CurrencyCode string      `json:"currency_code"`
			} `json:"amount"`
			Count int `json:"count"`
		} `json:"items"`
		ApplicationContext struct {
			CallbackURL string `json:"callback_url"`
			SuccessURL  string `json:"success_url"`
			ErrorURL    string `json:"error_url"`
		} `json:"application_context"`
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil || r.Header.Get("Content-Type") != "application/json" ||
		in.ExternalID == "" || len(in.Items) == 0 || in.ApplicationContext.CallbackURL == "" {
		fail(w, http.StatusBadRequest, "INVALID_REQUEST", "items")
		return
	}
	for _, it := range in.Items {
		if it.Name == "" || it.Description == "" || it.Count < 1 {
			fail(w, http.StatusBadRequest, "INVALID_REQUEST", "items")
			return
		}
	}
	key := r.Header.Get("RequestId")
	if id, ok := f.byKey[key]; ok && !f.forget {
		if !bytes.Equal(f.orders[id].Body, body) {
			fail(w, http.StatusUnprocessableEntity, "UNPROCESSIBLE_ENTITY")
			return
		}
		f.send(w, http.StatusCreated, f.orders[id])
		return
	}
	for _, o := range f.orders {
		if o.ExternalID == in.ExternalID {
			fail(w, http.StatusBadRequest, "INVALID_REQUEST", "external_id")
			return
		}
	}
	var items struct{ Items json.RawMessage }
	_ = json.Unmarshal(body, &items)
	o := &fakeOrder{
		ID: fmt.Sprintf("65f0c1d2e3a4b5c6d7e8%04x", len(f.orders)+1), ExternalID: in.ExternalID,
		Status: "created", Items: items.Items, Body: body,
	}
	f.orders[o.ID], f.byKey[key] = o, o.ID
	f.send(w, http.StatusCreated, o)
}

func (f *fake) read(w http.ResponseWriter, r *http.Request) {
	if f.noGet && r.Method == http.MethodGet {
		fail(w, http.StatusMethodNotAllowed, "METHOD_NOT_SUPPORTED")
		return
	}
	o := f.orders[r.PathValue("id")]
	if o == nil {
		fail(w, http.StatusNotFound, "RESOURCE_NOT_FOUND")
		return
	}
	status := http.StatusOK
	if r.Method == http.MethodPost {
		status = http.StatusCreated
	}
	f.send(w, status, o)
}

func (f *fake) cancel(w http.ResponseWriter, r *http.Request) {
	o := f.orders[r.PathValue("id")]
	body, _ := io.ReadAll(r.Body)
	switch {
	case o == nil:
		fail(w, http.StatusNotFound, "RESOURCE_NOT_FOUND")
	case len(body) != 0:
		fail(w, http.StatusBadRequest, "INVALID_REQUEST")
	case o.Status == "captured" || o.Status == "completed":
		fail(w, http.StatusUnprocessableEntity, "UNPROCESSIBLE_ENTITY")
	default:
		o.Status = "cancelled"
		f.send(w, http.StatusOK, o)
	}
}

func (f *fake) send(w http.ResponseWriter, status int, o *fakeOrder) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(f.json(o))
}

// json is an order as the API and the callback show it.
func (f *fake) json(o *fakeOrder) []byte {
	api := f.server.URL + "/api/v1/orders/" + o.ID + "/"
	out := order{
		"id": o.ID, "external_id": o.ExternalID, "status": o.Status, "items": o.Items,
		"created_at": "2024-05-01T10:00:00.123456", "updated_at": "2024-05-01T10:00:00.123456",
		"application_context": order{"callback_url": "https://shop.test/callbacks/x"},
		"links": []order{
			{"link": api, "rel": "self", "method": "get"},
			{"link": f.server.URL + "/checkout/" + o.ID + "/", "rel": "approve", "method": "get"},
			{"link": api + "capture/", "rel": "capture", "method": "post"},
			{"link": api + "cancel/", "rel": "cancel", "method": "post"},
		},
	}
	if f.shape != nil {
		f.shape(out)
	}
	b, _ := json.Marshal(out)
	return b
}

func fail(w http.ResponseWriter, status int, code string, fields ...string) {
	body := order{"error": code, "description": "text for logs"}
	for _, name := range fields {
		body["field_errors"] = []order{{"field": name, "message": "text"}}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (f *fake) set(ref, status string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.orders[ref].Status = status
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

// sum adds up what the create asked for, in whole cents.
func (f *fake) sum(t *testing.T, ref string) providertest.Sums {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	var items []struct {
		Amount struct {
			Value        json.Number `json:"value"`
			CurrencyCode string      `json:"currency_code"`
		} `json:"amount"`
		Count int64 `json:"count"`
	}
	if err := json.Unmarshal(f.orders[ref].Items, &items); err != nil {
		t.Fatal(err)
	}
	var cents int64
	for _, it := range items {
		whole, part, ok := strings.Cut(it.Amount.Value.String(), ".")
		n, err := strconv.ParseInt(whole+part, 10, 64)
		if err != nil || !ok || len(part) != 2 {
			t.Fatalf("value %q", it.Amount.Value)
		}
		cents += n * it.Count
	}
	return providertest.Sums{Amount: fmt.Sprintf("%d.%02d", cents/100, cents%100), Code: items[0].Amount.CurrencyCode}
}

func sign(secret string, body []byte) providers.Delivery {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	h := http.Header{}
	h.Set("iumicash-signature", hex.EncodeToString(mac.Sum(nil)))
	return providers.Delivery{Method: http.MethodPost, Path: "/callbacks/iumicash", Header: h, Body: body}
}

// bench is a client, its fake and its clock.
type bench struct {
	*fake
	*iumicash.Client
	clock *clock
	cfg   iumicash.Config
}

func setup(t testing.TB, with ...func(*iumicash.Config)) bench {
	t.Helper()
	f, c := newFake(t), newClock()
	cfg := iumicash.Config{
		BaseURL: f.server.URL, ClientID: clientID, ClientSecret: clientSecret, Now: c.now,
		Patience: providers.Patience{Wait: time.Nanosecond, MaxWait: time.Microsecond},
	}
	for _, w := range with {
		w(&cfg)
	}
	client, err := iumicash.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return bench{fake: f, Client: client, clock: c, cfg: cfg}
}

// roundTrip is a wire without a network.
type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func reply(r *http.Request, status int, contentType, body string) *http.Response {
	h := http.Header{}
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	return &http.Response{
		StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
	}
}
