package sandbox_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"till/sandbox"
)

// start is when every test begins. The clock stands still unless it is moved.
var start = time.Date(2024, 5, 1, 10, 0, 0, 123456000, time.UTC)

// stand is a sandbox with a shop beside it. Nobody runs the sandbox: a delivery
// that is due is made by drain or by advance.
type stand struct {
	t       *testing.T
	base    string // of the sandbox
	shop    *shop
	sandbox *sandbox.Sandbox
	bearer  string
	browser *http.Client
}

func setup(t *testing.T, change ...func(*sandbox.Config)) *stand {
	t.Helper()
	s := &stand{t: t, shop: newShop(t)}
	config := sandbox.Config{
		Now: func() time.Time { return start }, Seed: 7, ShopURL: s.shop.URL, ShopName: "Kauri & Clay",
	}
	for _, c := range change {
		c(&config)
	}
	var err error
	if s.sandbox, err = sandbox.New(config); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.sandbox.Handler())
	t.Cleanup(func() { s.sandbox.Close(); server.Close() })
	s.base = server.URL
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	s.browser = &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	s.signIn()
	return s
}

// shop is where callbacks come in.
type shop struct {
	*httptest.Server
	mu     sync.Mutex
	calls  []call
	answer func(n int) (int, string) // for call n, from 0
}

type call struct {
	path      string
	signature string
	raw       http.Header
	body      []byte
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{answer: func(int) (int, string) { return http.StatusOK, "OK" }}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		n := len(s.calls)
		s.calls = append(s.calls, call{path: r.URL.Path, signature: r.Header.Get("iumicash-signature"), raw: r.Header, body: body})
		status, text := s.answer(n)
		s.mu.Unlock()
		if status == http.StatusFound {
			w.Header().Set("Location", "/elsewhere")
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}))
	t.Cleanup(s.Close)
	return s
}

// says makes the shop answer every callback like this from now on.
func (s *shop) says(status int, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer = func(int) (int, string) { return status, text }
}

func (s *shop) heard() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// statuses are the states that the callbacks told, in order.
func (s *shop) statuses() []string {
	var list []string
	for _, c := range s.heard() {
		var o wireOrder
		if json.Unmarshal(c.body, &o) != nil {
			o.Status = "?"
		}
		list = append(list, o.Status)
	}
	return list
}

// The wire as this test reads it.
type wireOrder struct {
	ID         string `json:"id"`
	ExternalID string `json:"external_id"`
	CreatedAt  string `json:"created_at"`
	UpdatedAt  string `json:"updated_at"`
	Status     string `json:"status"`
	Items      []struct {
		Name   string `json:"name"`
		Amount struct {
			Value    json.RawMessage `json:"value"`
			Currency string          `json:"currency_code"`
		} `json:"amount"`
		Count int `json:"count"`
	} `json:"items"`
	Context map[string]string `json:"application_context"`
	Links   []struct{ Link, Rel, Method string }
}

func (o wireOrder) link(rel string) string {
	for _, l := range o.Links {
		if l.Rel == rel {
			return l.Link
		}
	}
	return ""
}

// reply is an answer with its body read.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

func (r reply) want(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("status %d, want %d; body %.300s", r.status, status, r.body)
	}
	return r
}

// word is the error word of a refusal.
func (r reply) word(status int, word string) reply {
	r.t.Helper()
	r.want(status)
	var e struct{ Error, Description string }
	if err := json.Unmarshal([]byte(r.body), &e); err != nil || e.Error != word || e.Description == "" {
		r.t.Fatalf("error %q, want %q with a description; body %s", e.Error, word, r.body)
	}
	if got := r.header.Get("Content-Type"); got != "application/json" {
		r.t.Errorf("content type %q", got)
	}
	return r
}

func (r reply) field(name string) reply {
	r.t.Helper()
	r.word(http.StatusBadRequest, "INVALID_REQUEST")
	var e struct {
		Fields []struct{ Field, Message string } `json:"field_errors"`
	}
	if err := json.Unmarshal([]byte(r.body), &e); err != nil {
		r.t.Fatal(err)
	}
	for _, f := range e.Fields {
		if f.Field == name && f.Message != "" {
			return r
		}
	}
	r.t.Fatalf("no complaint about %q in %s", name, r.body)
	return r
}

func (r reply) order() wireOrder {
	r.t.Helper()
	var o wireOrder
	r.into(&o)
	return o
}

func (r reply) into(v any) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.body), v); err != nil {
		r.t.Fatalf("%v in %.300s", err, r.body)
	}
}

func (r reply) has(texts ...string) reply {
	r.t.Helper()
	for _, text := range texts {
		if !strings.Contains(r.body, text) {
			r.t.Errorf("%q is not in %s", text, r.body)
		}
	}
	return r
}

// try sends a request and returns the error of the connection, if any.
func (s *stand) try(method, path, body string, header ...string) (reply, error) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.base+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.browser.Do(req)
	if err != nil {
		return reply{t: s.t}, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return reply{t: s.t, status: resp.StatusCode, header: resp.Header, body: string(answer)}, err
}

func (s *stand) send(method, path, body string, header ...string) reply {
	s.t.Helper()
	r, err := s.try(method, path, body, header...)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// api calls iumiCash with the token in hand.
func (s *stand) api(method, path, body string, header ...string) reply {
	s.t.Helper()
	return s.send(method, "/iumicash/api/v1/"+path, body, append([]string{"Authorization", "Bearer " + s.bearer}, header...)...)
}

func (s *stand) token(body string, header ...string) reply {
	s.t.Helper()
	return s.send("POST", "/iumicash/api/v1/oauth/token/", body,
		append([]string{"Authorization", "Basic c2J4X2NsaWVudDpzYnhfY2xpZW50X3NlY3JldF8x"}, header...)...)
}

func (s *stand) signIn() {
	s.t.Helper()
	var answer struct {
		Token string `json:"access_token"`
	}
	s.token(`{"grant_type":"client_credentials"}`).want(http.StatusOK).into(&answer)
	s.bearer = answer.Token
}

// orderJSON is a create-order request that holds, with changes.
func (s *stand) orderJSON(external string, changes ...func(map[string]any)) string {
	s.t.Helper()
	order := map[string]any{
		"external_id": external,
		"items": []any{
			map[string]any{"name": "Mug", "description": "Blue mug", "amount": map[string]any{"value": json.Number("12.50"), "currency_code": "NZD"}, "count": 2},
			map[string]any{"name": "Honey <b>", "description": "", "amount": map[string]any{"value": json.Number("0.99"), "currency_code": "NZD"}, "count": 1},
		},
		"application_context": map[string]any{
			"callback_url": s.shop.URL + "/callbacks/iumicash",
			"success_url":  s.shop.URL + "/return/" + external + "/success",
			"error_url":    s.shop.URL + "/return/" + external + "/error",
		},
	}
	for _, change := range changes {
		change(order)
	}
	body, err := json.Marshal(order)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(body)
}

// create makes an order that is expected to be made.
func (s *stand) create(external string) wireOrder {
	s.t.Helper()
	return s.api("POST", "orders/", s.orderJSON(external)).want(http.StatusCreated).order()
}

func (s *stand) read(id string) wireOrder {
	s.t.Helper()
	return s.api("GET", "orders/"+id+"/", "").want(http.StatusOK).order()
}

func (s *stand) control(method, path, body string) reply {
	s.t.Helper()
	return s.send(method, "/control"+path, body)
}

// fault sets a rule; fields is the inside of a JSON object after the provider.
func (s *stand) fault(name, fields string) {
	s.t.Helper()
	if fields != "" {
		fields = "," + fields
	}
	s.control("POST", "/faults", fmt.Sprintf(`{"provider":"iumicash","fault":%q%s}`, name, fields)).want(http.StatusCreated)
}

func (s *stand) drain() {
	s.t.Helper()
	s.control("POST", "/drain", "{}").want(http.StatusOK)
}

func (s *stand) advance(d string) {
	s.t.Helper()
	s.control("POST", "/clock", fmt.Sprintf(`{"advance":%q}`, d)).want(http.StatusOK)
}

// decide decides over the control, and says where the buyer is sent.
func (s *stand) decide(ref, decision string) string {
	s.t.Helper()
	var answer struct {
		URL string `json:"return_url"`
	}
	s.control("POST", "/orders/iumicash/"+ref+"/decisions", fmt.Sprintf(`{"decision":%q}`, decision)).want(http.StatusOK).into(&answer)
	return answer.URL
}

// paid makes an order and has it approved, with all callbacks that are due.
func (s *stand) paid(external string) wireOrder {
	s.t.Helper()
	o := s.create(external)
	s.decide(o.ID, "approve")
	s.drain()
	return o
}

type delivery struct {
	ID, State, What, Signature, Body string
	External                         string `json:"external_id"`
	Replay                           string `json:"replay_of"`
	Tries                            int
	Faults                           []string
	NextAt                           *time.Time `json:"next_at"`
	Attempts                         []struct {
		At     time.Time
		Status int
		Answer string
		Error  string
	}
}

// deliveries lists them oldest first.
func (s *stand) deliveries() []delivery {
	s.t.Helper()
	var answer struct{ Deliveries []delivery }
	s.control("GET", "/deliveries?limit=0", "").want(http.StatusOK).into(&answer)
	slices.Reverse(answer.Deliveries)
	return answer.Deliveries
}

type truth struct {
	Ref, Status, Page  string
	External           string `json:"external_id"`
	Paid, Notified     bool
	Minor              int64
	Told               int64  `json:"told_minor"`
	ToldCurrency       string `json:"told_currency"`
	Currency           string
	Decisions          []string
	Steps              []struct{ Status, Because string }
	CreatedAt, Updated time.Time
}

func (s *stand) truth(ref string) truth {
	s.t.Helper()
	var o truth
	s.control("GET", "/orders/iumicash/"+ref, "").want(http.StatusOK).into(&o)
	return o
}

// press posts a form of a page, as a browser does.
func (s *stand) press(path string, form url.Values) reply {
	s.t.Helper()
	return s.send("POST", path, form.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
}

// wallet signs a buyer in.
func (s *stand) wallet(o wireOrder, key string) {
	s.t.Helper()
	s.press("/iumicash/checkout/"+o.ID+"/login", url.Values{"wallet": {key}}).want(http.StatusSeeOther)
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want)
	if g != w {
		t.Errorf("%s: got %s, want %s", what, g, w)
	}
}

func compact(t *testing.T, raw string) string {
	t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, []byte(raw)); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
