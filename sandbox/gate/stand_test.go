package gate

import (
	"bytes"
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

	"till/sandbox/world"
)

// begin is when every test begins. The clock stands still unless it is moved.
var begin = time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC)

const hookPath = "/callbacks/gate/tok_0123456789abcdef"

// stand is a Gate with a shop beside it, which has one webhook for everything.
type stand struct {
	*Provider
	t    *testing.T
	base string // of the Gate
	shop *shop
}

func setup(t *testing.T, change ...func(*Config)) *stand {
	t.Helper()
	s := bare(t, change...)
	s.api("POST", "webhooks/", fmt.Sprintf(`{"title":"shop","version":"v0.6","url":%q,"is_test":%v,"all_events":true}`, s.shop.URL+hookPath, s.config.Test)).want(201)
	return s
}

// bare is a stand whose shop has no webhook.
func bare(t *testing.T, change ...func(*Config)) *stand {
	t.Helper()
	w := world.New(world.Options{Now: func() time.Time { return begin }, Seed: 7, Log: slog.New(slog.DiscardHandler), Site: world.Site{ShopName: "Kauri & Clay"}})
	config := Config{}
	for _, c := range change {
		c(&config)
	}
	p, err := New(w, config)
	if err != nil {
		t.Fatal(err)
	}
	s := &stand{Provider: p, t: t, shop: newShop(t)}
	server := httptest.NewServer(http.StripPrefix("/gate", p))
	t.Cleanup(func() { w.Close(); server.Close() })
	s.base = server.URL + "/gate"
	return s
}

// shop is where callbacks come in.
type shop struct {
	*httptest.Server
	mu     sync.Mutex
	calls  []call
	answer func(n int) int // status for call n, from 0
}

type call struct {
	path   string
	header http.Header
	body   []byte
	fields map[string]any
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{answer: func(int) int { return http.StatusOK }}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := call{path: r.URL.Path, header: r.Header}
		c.body, _ = io.ReadAll(r.Body)
		_ = json.Unmarshal(c.body, &c.fields)
		s.mu.Lock()
		n := len(s.calls)
		s.calls = append(s.calls, c)
		status := s.answer(n)
		s.mu.Unlock()
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *shop) heard() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// events are the events that the shop was told, in their order.
func (s *shop) events() string {
	var list []string
	for _, c := range s.heard() {
		list = append(list, strings.TrimPrefix(fmt.Sprint(c.fields["event_type"]), "order."))
	}
	return strings.Join(list, " ")
}

// last is the latest call.
func (s *stand) last() call {
	s.t.Helper()
	calls := s.shop.heard()
	if len(calls) == 0 {
		s.t.Fatal("the shop heard nothing")
	}
	return calls[len(calls)-1]
}

func (s *stand) forget() {
	s.shop.mu.Lock()
	defer s.shop.mu.Unlock()
	s.shop.calls = nil
}

// reply is an answer.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
	fields map[string]any
}

func (r reply) want(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("%d, want %d: %.500s", r.status, status, r.body)
	}
	return r
}

// code asserts on a refusal by the path of a fault: "client.email:required".
func (r reply) code(status int, where string) {
	r.t.Helper()
	r.want(status)
	path, code, _ := strings.Cut(where, ":")
	var v any = r.fields
	for _, part := range strings.Split(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[part]
		case []any:
			v = at[int(part[0]-'0')]
		}
	}
	list, _ := v.([]any)
	for _, one := range list {
		if m, ok := one.(map[string]any); ok && m["code"] == code && m["message"] != "" {
			return
		}
	}
	r.t.Errorf("%s is not in %s", where, r.body)
}

func (r reply) text(field string) string {
	s, _ := r.fields[field].(string)
	return s
}

func (s *stand) do(method, address, body string, headers ...string) (reply, error) {
	req, err := http.NewRequestWithContext(s.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer resp.Body.Close()
	r := reply{t: s.t, status: resp.StatusCode, header: resp.Header}
	if r.body, err = io.ReadAll(resp.Body); err != nil {
		return reply{}, err
	}
	d := json.NewDecoder(bytes.NewReader(r.body))
	d.UseNumber()
	_ = d.Decode(&r.fields)
	return r, nil
}

// api asks the API with the right key.
func (s *stand) api(method, path, body string) reply {
	s.t.Helper()
	r, err := s.do(method, s.base+APIPath+"/"+path, body, "Authorization", "Bearer "+DemoSecretKey, "Content-Type", "application/json")
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// orderJSON is a good create, with more or other fields.
func (s *stand) orderJSON(number string, fields ...string) string {
	all := []string{
		`"client":{"email":"buyer@example.test"}`, `"products":[{"title":"Tea","price":12.35,"quantity":2}]`, `"currency":"EUR"`,
		fmt.Sprintf(`"number":%q`, number), fmt.Sprintf(`"success_redirect":"%s/ok"`, s.shop.URL), fmt.Sprintf(`"in_progress_redirect":"%s/wait"`, s.shop.URL),
		fmt.Sprintf(`"failure_redirect":"%s/failed"`, s.shop.URL), fmt.Sprintf(`"cancel_redirect":"%s/cancelled"`, s.shop.URL),
	}
	for _, f := range fields {
		name, _, _ := strings.Cut(f, ":")
		all = slices.DeleteFunc(all, func(old string) bool { return strings.HasPrefix(old, name+":") })
		all = append(all, f)
	}
	return "{" + strings.Join(all, ",") + "}"
}

// make makes an order and returns its id.
func (s *stand) make(number string, fields ...string) string {
	s.t.Helper()
	r := s.api("POST", "orders/?response_type=full", s.orderJSON(number, fields...)).want(201)
	s.drain()
	return r.text("id")
}

// paid makes an order that is paid.
func (s *stand) paid(number string) string {
	s.t.Helper()
	id := s.make(number)
	s.decide(id, "approve")
	return id
}

// held makes an order that is on hold.
func (s *stand) held(number string) string {
	s.t.Helper()
	id := s.make(number, `"skip_capture":true`)
	s.decide(id, "approve")
	return id
}

// decide decides and delivers what is due.
func (s *stand) decide(ref, decision string) (world.Order, string) {
	s.t.Helper()
	o, to, err := s.Decide(s.t.Context(), ref, world.Decision{Decision: decision})
	if err != nil {
		s.t.Fatalf("%s: %v", decision, err)
	}
	s.drain()
	return o, strings.TrimPrefix(to, s.shop.URL)
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

// fault makes a fault strike.
func (s *stand) fault(wish world.Wish) {
	s.t.Helper()
	wish.Provider = Name
	if _, err := s.world.Faults.Add(wish); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stand) truth(ref string) world.Order {
	s.t.Helper()
	o, err := s.Order(ref)
	if err != nil {
		s.t.Fatal(err)
	}
	return o
}

// press submits a form of a hosted page.
func (s *stand) press(path string, form ...string) reply {
	s.t.Helper()
	values := url.Values{}
	for i := 0; i < len(form); i += 2 {
		values.Set(form[i], form[i+1])
	}
	r, err := s.do("POST", s.base+path, values.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
	if err != nil {
		s.t.Fatal(err)
	}
	s.drain()
	return r
}

func (s *stand) page(path string) reply {
	s.t.Helper()
	r, err := s.do("GET", s.base+path, "")
	if err != nil {
		s.t.Fatal(err)
	}
	s.drain()
	return r
}

func (r reply) location(s *stand) string {
	return strings.TrimPrefix(strings.TrimPrefix(r.header.Get("Location"), s.shop.URL), s.base)
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
