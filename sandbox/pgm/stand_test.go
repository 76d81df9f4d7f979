package pgm_test

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"till/sandbox/pgm"
	"till/sandbox/world"
)

const key = "sbx_pgm_secret_1"

// start is when every test begins. The clock stands still unless it is moved.
var start = time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC)

// stand is a gateway manager with a shop beside it. Nobody runs the world: what
// is due happens by drain or by advance.
type stand struct {
	t     *testing.T
	base  string
	shop  *shop
	world *world.World
	pgm   *pgm.Provider
	http  *http.Client
}

func setup(t *testing.T, change ...func(*pgm.Config)) *stand {
	t.Helper()
	s := &stand{t: t, shop: newShop(t)}
	s.world = world.New(world.Options{
		Now: func() time.Time { return start }, Seed: 7, Log: slog.New(slog.DiscardHandler),
		Site: world.Site{ShopURL: s.shop.URL, ShopName: "Kauri & Clay"},
	})
	var config pgm.Config
	for _, c := range change {
		c(&config)
	}
	var err error
	if s.pgm, err = pgm.New(s.world, config); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.StripPrefix("/pgm", s.pgm))
	t.Cleanup(func() { s.world.Close(); server.Close() })
	s.base = server.URL + "/pgm"
	s.http = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return s
}

// shop is where callbacks come in.
type shop struct {
	*httptest.Server
	mu     sync.Mutex
	calls  []heard
	status int
}

type heard struct {
	method, path, kind string
	header             http.Header
	body               string
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{status: http.StatusOK}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.calls = append(s.calls, heard{r.Method, r.URL.Path, r.Header.Get("Content-Type"), r.Header, string(body)})
		status := s.status
		s.mu.Unlock()
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *shop) says(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

func (s *shop) heard() []heard {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// words are the states that the callbacks told, in order.
func (s *shop) words() []string {
	var list []string
	for _, c := range s.heard() {
		list = append(list, statusOf(c.body).word())
	}
	return list
}

// wireStatus is a PaymentStatus as this test reads it.
type wireStatus struct {
	Status        string            `json:"status"`
	PaymentID     string            `json:"paymentId"`
	ShopID        string            `json:"shopTransactionId"`
	ProviderName  string            `json:"providerName"`
	PaymentMethod string            `json:"paymentMethod"`
	Action        string            `json:"action"`
	Metadata      map[string]string `json:"metadata"`
}

func (s wireStatus) word() string {
	if s.Action == "REFUND" {
		return "REFUND " + s.Status
	}
	return s.Status
}

func statusOf(body string) wireStatus {
	var s wireStatus
	if json.Unmarshal([]byte(body), &s) != nil {
		s.Status = "?"
	}
	return s
}

type payAnswer struct {
	Result      string            `json:"result"`
	Description string            `json:"resultDescription"`
	PaymentID   string            `json:"paymentId"`
	WebURL      string            `json:"redirectToUrl"`
	MobileURL   string            `json:"redirectToUrlMobile"`
	Metadata    map[string]string `json:"metadata"`
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

// refused is a failure with its envelope.
func (r reply) refused(status int, about string) reply {
	r.t.Helper()
	r.want(status)
	var e struct {
		StatusCode int    `json:"statusCode"`
		Error      string `json:"error"`
		Message    string `json:"message"`
	}
	if err := json.Unmarshal([]byte(r.body), &e); err != nil || e.StatusCode != status || e.Error != http.StatusText(status) || !strings.Contains(e.Message, about) {
		r.t.Errorf("got %s, want something about %q", r.body, about)
	}
	return r
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
	req.Header.Set("secret", key)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.http.Do(req)
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

// body is that of a pay that holds, with changes.
func (s *stand) body(shopID string, changes ...func(map[string]any)) string {
	s.t.Helper()
	b := map[string]any{
		"amount": 1250, "currency": "EUR", "shopTransactionId": shopID,
		"successRedirectUrl": s.shop.URL + "/return/" + shopID + "/success", "failureRedirectUrl": s.shop.URL + "/return/" + shopID + "/error",
	}
	for _, change := range changes {
		change(b)
	}
	body, err := json.Marshal(b)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(body)
}

// pay makes a payment of 12.50 that is expected to be made.
func (s *stand) pay(method, shopID string) payAnswer {
	s.t.Helper()
	var a payAnswer
	r := s.send("POST", "/v3/"+method+"/pay", s.body(shopID)).want(http.StatusOK)
	if err := json.Unmarshal([]byte(r.body), &a); err != nil {
		s.t.Fatal(err)
	}
	return a
}

// card makes one at Stripe.
func (s *stand) card(shopID string) payAnswer {
	s.t.Helper()
	return s.pay("stripe/credit-cards", shopID)
}

// paid makes one at Stripe and has it approved, with all callbacks that are due.
func (s *stand) paid(shopID string) payAnswer {
	s.t.Helper()
	a := s.card(shopID)
	s.decide(shopID, "approve")
	s.drain()
	return a
}

// paidWith is paid with a fault set before.
func (s *stand) paidWith(fault string, w ...world.Wish) payAnswer {
	s.t.Helper()
	s.fault(fault, w...)
	return s.paid("o1")
}

func (s *stand) status(id string) wireStatus {
	s.t.Helper()
	return statusOf(s.send("GET", "/v3/stripe/status?paymentId="+id, "").want(http.StatusOK).body)
}

func (s *stand) refund(id string, minor int) reply {
	s.t.Helper()
	return s.send("POST", "/v3/stripe/refund", fmt.Sprintf(`{"amount":%d,"currency":"EUR","paymentId":%q}`, minor, id))
}

// fault sets a rule; the wish has what is to be told to it.
func (s *stand) fault(name string, w ...world.Wish) {
	s.t.Helper()
	wish := world.Wish{}
	if len(w) > 0 {
		wish = w[0]
	}
	wish.Provider, wish.Fault = pgm.Name, name
	if _, err := s.world.Faults.Add(wish); err != nil {
		s.t.Fatal(err)
	}
}

// decide decides, and says where the buyer is sent.
func (s *stand) decide(ref, decision string) string {
	s.t.Helper()
	_, to, err := s.pgm.Decide(s.t.Context(), ref, world.Decision{Decision: decision})
	if err != nil {
		s.t.Fatalf("%s: %v", decision, err)
	}
	return strings.TrimPrefix(to, s.shop.URL)
}

func (s *stand) drain() {
	s.t.Helper()
	if err := s.world.Clock.Drain(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stand) advance(d time.Duration) {
	s.t.Helper()
	if err := s.world.Clock.Advance(s.t.Context(), d); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stand) order(ref string) world.Order {
	s.t.Helper()
	o, err := s.pgm.Order(ref)
	if err != nil {
		s.t.Fatal(err)
	}
	return o
}

// refunds are the true ones, as texts.
func (s *stand) refunds(ref string) []string {
	s.t.Helper()
	all, err := s.pgm.Refunds(ref)
	if err != nil {
		s.t.Fatal(err)
	}
	list := []string{}
	for _, r := range all {
		list = append(list, fmt.Sprintf("%d %s", r.Minor, r.Status))
	}
	return list
}

// press posts the form of a page, as a browser does.
func (s *stand) press(a payAnswer, payer, decision string) (reply, error) {
	s.t.Helper()
	form := url.Values{"payer": {payer}, "decision": {decision}}
	return s.try("POST", "/page/"+a.PaymentID, form.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want)
	if g != w {
		t.Errorf("%s: got %s, want %s", what, g, w)
	}
}
