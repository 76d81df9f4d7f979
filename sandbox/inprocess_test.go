package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"till/sandbox"
)

// inside is a sandbox with a shop in one goroutine: no socket, no Run, and a
// clock that the test itself moves.
type inside struct {
	t     *testing.T
	now   time.Time
	box   *sandbox.Sandbox
	says  int      // status that the shop answers
	asks  func()   // what the shop asks before it answers; nil is nothing
	story []string // what the shop heard, and when
	began int      // goroutines at the start
}

func newInside(t *testing.T, change ...func(*sandbox.Config)) *inside {
	t.Helper()
	in := &inside{t: t, now: start, says: http.StatusOK, began: runtime.NumGoroutine()}
	config := sandbox.Config{
		Now: func() time.Time { return in.now }, Seed: 7, HTTP: &http.Client{Transport: in},
		PublicURL: "http://sandbox.test", ShopURL: "http://shop.test",
		Wait: func(_ context.Context, d time.Duration) error { in.now = in.now.Add(d); return nil },
	}
	for _, c := range change {
		c(&config)
	}
	var err error
	if in.box, err = sandbox.New(config); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(in.box.Close)
	return in
}

// RoundTrip is the shop, which takes callbacks.
func (in *inside) RoundTrip(r *http.Request) (*http.Response, error) {
	in.story = append(in.story, fmt.Sprintf("%s %s %d", in.box.Now().Sub(start), r.URL.Path, r.ContentLength))
	if in.asks != nil {
		in.asks()
	}
	return &http.Response{StatusCode: in.says, Body: io.NopCloser(strings.NewReader("OK")), Request: r}, nil
}

// ask calls the handler. The error is a connection that was cut.
func (in *inside) ask(method, path, body string, header ...string) (answer *httptest.ResponseRecorder, err error) {
	in.t.Helper()
	defer func() {
		if p := recover(); p != nil {
			if e, ok := p.(error); !ok || !errors.Is(e, http.ErrAbortHandler) {
				panic(p)
			}
			err = io.ErrUnexpectedEOF
		}
	}()
	r := httptest.NewRequestWithContext(in.t.Context(), method, "http://sandbox.test"+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer = httptest.NewRecorder()
	in.box.Handler().ServeHTTP(answer, r)
	return answer, nil
}

// order makes an order at Vertex.
func (in *inside) order(number string) (*httptest.ResponseRecorder, error) {
	return in.ask("POST", "/vertex/api/v1/order", fmt.Sprintf(`{"shopId":115,"order":{"orderNumber":%q,"cost":{"amount":"12.50","currency":"NZD"}},
		"paymentSettings":{"redirectUrls":{"success":"http://shop.test/ok","failure":"http://shop.test/no"},"webhookUrl":"http://shop.test/hook/%[1]s"}}`, number),
		"Api-Access-Token", sandbox.VertexToken)
}

func (in *inside) decide(provider, ref, decision string) string {
	in.t.Helper()
	_, to, err := in.box.Decide(in.t.Context(), provider, ref, decision)
	if err != nil {
		in.t.Fatal(err)
	}
	return to
}

func (in *inside) book(provider, ref string) sandbox.Order {
	in.t.Helper()
	o, err := in.box.Order(provider, ref)
	if err != nil {
		in.t.Fatal(err)
	}
	return o
}

func TestInProcess_NothingHappensUntilItIsDriven(t *testing.T) {
	in := newInside(t)
	if _, ok := in.box.Next(); ok {
		t.Error("something is to happen in an empty world")
	}
	if _, err := in.order("o1"); err != nil {
		t.Fatal(err)
	}
	equal(t, "sent to", in.decide("vertex", "o1", "approve"), "http://shop.test/ok")
	clears, ok := in.box.Next()
	equal(t, "clearing ends", ok, true)
	if wait := clears.Sub(start); wait < 24*time.Hour || wait > 72*time.Hour {
		t.Errorf("clearing takes %s", wait)
	}
	equal(t, "not due yet", in.box.Step(t.Context()), false)

	in.now = clears
	in.says = http.StatusInternalServerError
	n, err := in.box.Deliver(t.Context())
	equal(t, "the end of clearing, and the callback", fmt.Sprint(n, err), "2 <nil>")
	book := in.book("vertex", "o1")
	equal(t, "book", fmt.Sprintf("%s %s %s %d %+v", book.Provider, book.ExternalID, book.Status, book.Minor, book.Money), "vertex o1 completed 1250 {Currency:NZD Authorized:0 Captured:1250 Refunded:0 Refunds:[]}")
	equal(t, "told", book.Notified, false)

	next, _ := in.box.Next()
	equal(t, "tried again", next.Sub(clears), time.Second)
	in.says = http.StatusOK
	in.now = next
	equal(t, "one thing", in.box.Step(t.Context()), true)
	equal(t, "told", in.book("vertex", "o1").Notified, true)
	if _, ok := in.box.Next(); ok {
		t.Error("something is left")
	}
	equal(t, "tries", len(in.story), 2)
	if now := runtime.NumGoroutine(); now > in.began {
		t.Errorf("%d goroutines, %d at the start", now, in.began)
	}
}

// A shop asks how the order is before it says that it has heard: all that in the
// goroutine that delivers.
func TestInProcess_TheShopAsksBackWhileItIsTold(t *testing.T) {
	in := newInside(t)
	var asked []string
	in.asks = func() {
		answer, err := in.ask("GET", "/vertex/api/v1/order/115/o1", "", "Api-Access-Token", sandbox.VertexToken)
		if err != nil {
			t.Error(err)
			return
		}
		_, status, _ := strings.Cut(answer.Body.String(), `"orderStatus":"`)
		status, _, _ = strings.Cut(status, `"`)
		asked = append(asked, status)
	}
	if _, err := in.order("o1"); err != nil {
		t.Fatal(err)
	}
	in.decide("vertex", "o1", "approve")
	if _, err := in.box.Advance(t.Context(), 100*time.Hour); err != nil {
		t.Fatal(err)
	}
	in.decide("vertex", "o1", "refund")
	if _, err := in.box.Deliver(t.Context()); err != nil {
		t.Fatal(err)
	}
	equal(t, "what the shop read", asked, "[completed refunded]")
}

func TestInProcess_TheSameSeedTellsTheSameStory(t *testing.T) {
	tell := func(seed int64) []string {
		in := newInside(t, func(c *sandbox.Config) { c.Seed = seed })
		in.says = http.StatusServiceUnavailable
		for n := range 8 {
			if _, err := in.order(fmt.Sprintf("o%d", n)); err != nil {
				t.Fatal(err)
			}
			in.decide("vertex", fmt.Sprintf("o%d", n), "approve")
		}
		n, err := in.box.Advance(t.Context(), 100*time.Hour)
		// Of each, clearing and four tries.
		equal(t, "things", fmt.Sprint(n, err), "40 <nil>")
		equal(t, "moved on", in.box.Now().Sub(start), 100*time.Hour)
		return in.story
	}
	first := tell(7)
	equal(t, "the same seed", tell(7), first)
	if fmt.Sprint(tell(8)) == fmt.Sprint(first) {
		t.Error("two seeds told the same story")
	}
}

func TestInProcess_WithoutJitterWaitsAreRound(t *testing.T) {
	in := newInside(t, func(c *sandbox.Config) { c.NoJitter = true })
	in.says = http.StatusServiceUnavailable
	body := `{"amount":1250,"currency":"EUR","shopTransactionId":"o1","successRedirectUrl":"http://shop.test/ok","failureRedirectUrl":"http://shop.test/no"}`
	if _, err := in.ask("POST", "/pgm/v3/stripe/credit-cards/pay", body, "secret", sandbox.PGMSecret); err != nil {
		t.Fatal(err)
	}
	in.decide("pgm", "o1", "approve")
	if _, err := in.box.Advance(t.Context(), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	var at []string
	for _, line := range in.story {
		at = append(at, strings.Fields(line)[0])
	}
	equal(t, "tries", at, "[0s 1s 3s 7s]")
}

func TestInProcess_SlowAndCutAnswers(t *testing.T) {
	in := newInside(t)
	if _, err := in.box.Add(sandbox.Wish{Provider: "vertex", Fault: "slow", Endpoint: "create", Delay: "20s", Times: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := in.order("o1"); err != nil {
		t.Fatal(err)
	}
	equal(t, "the clock was moved", in.now.Sub(start), 20*time.Second)
	if _, err := in.box.Add(sandbox.Wish{Provider: "vertex", Fault: "answer_lost", Endpoint: "create", Times: 1}); err != nil {
		t.Fatal(err)
	}
	if _, err := in.order("o2"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
	equal(t, "made all the same", in.book("vertex", "o2").Status, "in_progress")
}

func TestInProcess_Refusals(t *testing.T) {
	in := newInside(t)
	if _, err := in.order("o1"); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	var refused *sandbox.RefusedError
	if _, _, err := in.box.Decide(ctx, "vertex", "o1", "refund"); !errors.As(err, &refused) {
		t.Errorf("a refund of nothing: %v", err)
	}
	for name, err := range map[string]error{
		"order":    second(in.box.Order("vertex", "o9")),
		"provider": second(in.box.Order("acme", "o1")),
		"status":   second(in.box.SetStatus(ctx, "acme", "o1", "paid")),
		"callback": second(in.box.Send(ctx, "acme", "o1", sandbox.Call{})),
		"delivery": second(in.box.Release("d9")),
		"replay":   second(in.box.Replay("d9", 1, 0)),
		"rule":     in.box.Remove(9),
	} {
		if !errors.Is(err, sandbox.ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := in.box.Advance(ctx, -time.Second); !errors.As(err, &refused) {
		t.Errorf("back in time: %v", err)
	}
	ended, end := context.WithCancel(ctx)
	end()
	if _, err := in.box.Deliver(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("without a context: %v", err)
	}
	in.box.Close()
	if _, err := in.box.Deliver(ctx); !errors.Is(err, sandbox.ErrClosed) {
		t.Errorf("after the end: %v", err)
	}
	equal(t, "nothing was done", fmt.Sprintf("%s %d", in.book("vertex", "o1").Status, len(in.story)), "in_progress 0")
}

func second[T any](_ T, err error) error { return err }

func TestInProcess_EverythingByHand(t *testing.T) {
	in := newInside(t)
	ctx := t.Context()
	if _, err := in.order("o1"); err != nil {
		t.Fatal(err)
	}
	rule, err := in.box.Add(sandbox.Wish{Provider: "vertex", Fault: "callback_held", Order: "o1"})
	if err != nil {
		t.Fatal(err)
	}
	in.decide("vertex", "o1", "complete")
	held := in.box.Deliveries(0, "o1")
	equal(t, "held", held[0].State, "held")
	if err := errors.Join(second(in.box.Release(held[0].ID)), in.box.Remove(rule.ID), second(in.box.Replay(held[0].ID, 2, 0)),
		second(in.box.Send(ctx, "vertex", "o1", sandbox.Call{Status: "in_progress"})), second(in.box.Deliver(ctx))); err != nil {
		t.Fatal(err)
	}
	equal(t, "heard", len(in.story), 4)
	in.decide("vertex", "o1", "refund")
	equal(t, "money", fmt.Sprintf("%d of %d", in.book("vertex", "o1").Money.Refunded, in.book("vertex", "o1").Money.Captured), "1250 of 1250")
	if _, err := in.box.SetStatus(ctx, "vertex", "o1", "in_review"); err != nil {
		t.Fatal(err)
	}
	equal(t, "orders", fmt.Sprintf("%d %s", len(in.box.Orders(0)), in.box.Orders(0)[0].Status), "1 in_review")
	equal(t, "requests", len(in.box.Requests(0)), 1)
	equal(t, "rules", fmt.Sprint(len(in.box.Rules()), in.box.Clear()), "0 0")
	list := in.box.Providers("http://sandbox.test")
	var urls []string
	for _, p := range list {
		urls = append(urls, p.BaseURL)
	}
	equal(t, "base URLs", urls, "[http://sandbox.test/iumicash http://sandbox.test/powens/2.0 http://sandbox.test/pgm/v3 http://sandbox.test/gate/api/v0.6 http://sandbox.test/vertex/api/v1]")
	in.box.Reset(8)
	equal(t, "after a reset", len(in.box.Orders(0)), 0)
}

// still is a stand without a network: the shop hears in the goroutine that
// delivers.
func still(t *testing.T, seed int64) *stand {
	t.Helper()
	s := &stand{t: t, base: "http://sandbox.test", shop: &shop{Server: &httptest.Server{URL: "http://shop.test"}}}
	hears := roundTrip(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		s.shop.calls = append(s.shop.calls, call{path: r.URL.Path, raw: r.Header, body: body})
		status := http.StatusOK
		if len(s.shop.calls)%3 == 0 {
			status = http.StatusBadGateway
		}
		return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader("OK")), Request: r}, err
	})
	var err error
	s.sandbox, err = sandbox.New(sandbox.Config{
		Now: func() time.Time { return start }, Seed: seed, HTTP: &http.Client{Transport: hears}, PublicURL: s.base, ShopURL: s.shop.URL,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.sandbox.Close)
	s.browser = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		s.sandbox.Handler().ServeHTTP(w, r)
		return w.Result(), nil
	})}
	return s
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// All providers at once, with faults and a shop that often does not hear: what
// is sent, to whom, in which order and when, comes from the seed alone.
func TestInProcess_AllProvidersTellTheSameStory(t *testing.T) {
	tell := func(seed int64) string {
		s := still(t, seed)
		var story strings.Builder
		for _, name := range names() {
			k := s.at(name)
			k.fault("callback_out_of_order", `"share":50`)
			k.fault("callback_doubled", `"share":30`)
			k.fault("callback_late", `"orders":2,"delay":"1h"`)
			for n := range 6 {
				k.create(fmt.Sprintf("%s-%d", name, n), want{minor: 990 + n})
			}
		}
		for n := range 6 {
			for _, name := range names() {
				if _, _, err := s.sandbox.Decide(t.Context(), name, fmt.Sprintf("%s-%d", name, n), "approve"); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := s.sandbox.Advance(t.Context(), 3*time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := s.sandbox.Advance(t.Context(), 100*time.Hour); err != nil {
			t.Fatal(err)
		}
		for _, c := range s.shop.calls {
			fmt.Fprintf(&story, "%s %s %s\n", c.path, c.raw, c.body)
		}
		for _, o := range s.sandbox.Orders(0) {
			fmt.Fprintf(&story, "%+v\n", o)
		}
		for _, d := range s.sandbox.Deliveries(0, "") {
			fmt.Fprintf(&story, "%s %v\n", d.ID, d.Attempts)
		}
		return story.String()
	}
	first := tell(7)
	if n := strings.Count(first, "\n"); n < 100 {
		t.Errorf("a short story of %d lines", n)
	}
	if tell(7) != first {
		t.Error("the same seed told two stories")
	}
	if tell(8) == first {
		t.Error("two seeds told the same story")
	}
}
