package iumicash

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"till/sandbox/world"
)

// The vectors are those of the provider's page, §7.
func TestVectors(t *testing.T) {
	body := []byte(`{"id":"65f0c1d2e3a4b5c6d7e8f901","external_id":"ord_1001","status":"completed"}`)
	if len(body) != 79 {
		t.Fatalf("%d bytes", len(body))
	}
	if got, want := Sign("sbx_client_secret_1", body), "58a82cd2b4b649ee4187c86dba37b02845484797c0fe6ba1963ecfa49ebd1a71"; got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
	p := setup(t)
	r := httptest.NewRequestWithContext(t.Context(), "POST", "/", nil)
	r.Header.Set("Authorization", "Basic c2J4X2NsaWVudDpzYnhfY2xpZW50X3NlY3JldF8x")
	if !p.isClient(r) {
		t.Error("the basic auth vector is not let in")
	}
}

func setup(t *testing.T) *Provider {
	t.Helper()
	now := time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC)
	w := world.New(world.Options{Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(w.Close)
	p, err := New(w, Config{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestCents(t *testing.T) {
	for text, want := range map[string]string{
		"1": "1.00", "0.01": "0.01", "12.5": "12.50", "12.50": "12.50", "999999999999.99": "999999999999.99", "0.10": "0.10", "100": "100.00",
	} {
		c, err := parseCents(text)
		if err != nil || c.String() != want {
			t.Errorf("%s: %s, %v", text, c, err)
		}
	}
	for _, text := range []string{
		"", "-", ".", "1.", ".5", "0", "0.00", "-1", "+1", "1e2", "1.005", "01", "1,00", " 1", "1 ", "0x1", "١", "1000000000000", "NaN", `"1"`, "null", "true", "--1", "1.-1",
	} {
		if c, err := parseCents(text); err == nil {
			t.Errorf("%q is %s", text, c)
		}
	}
	for minor, want := range map[cents]string{1: "0.01", 123: "1.23", 123456: "1,234.56", 100000000: "1,000,000.00", 99999: "999.99"} {
		if got := grouped(minor); got != want {
			t.Errorf("%d is %s, want %s", minor, got, want)
		}
	}
	if _, ok := cents(1 << 62).times(4); ok {
		t.Error("a product that does not fit passed")
	}
}

func TestPlus(t *testing.T) {
	for _, tt := range []struct {
		c     cents
		delta string
		want  cents
	}{{1250, "1.00", 1350}, {1250, "-1.00", 1150}, {1250, "-100.00", 1}} {
		if got := plus(tt.c, tt.delta); got != tt.want {
			t.Errorf("%d %s: %d, want %d", tt.c, tt.delta, got, tt.want)
		}
	}
}

func TestOrigin(t *testing.T) {
	for address, want := range map[string]string{
		"https://shop.example/return?x=1": "https://shop.example", "http://127.0.0.1:8080/a": "http://127.0.0.1:8080",
		"http://[::1]:8080/a": "http://[::1]:8080", "https://a;script-src/b": "", "https://a b/": "", "javascript:alert(1)": "", "/a": "", "": "",
		"https://user@shop.example/": "https://shop.example",
	} {
		if got := origin(address); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}

func TestRetry(t *testing.T) {
	p := setup(t)
	for n := range 40 {
		wait, again := p.retry("d1", n)
		least := time.Second << min(n, 22)
		if !again || wait < least || wait > min(least+time.Second, (1<<22)*time.Second) {
			t.Errorf("retry %d after %s", n, wait)
		}
	}
}

// One order, many hands: exactly one of them decides.
func TestDecide_OneWinner(t *testing.T) {
	p := setup(t)
	wanted, problems := parseOrder([]byte(goodOrder), p.config.Currencies)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	p.mu.Lock()
	o, _ := p.add(wanted, "http://sandbox.example/iumicash")
	p.mu.Unlock()
	var wg sync.WaitGroup
	won := make(chan string, 50)
	for n := range 50 {
		decision := []string{"approve", "cancel"}[n%2]
		wg.Go(func() {
			if _, _, err := p.Decide(t.Context(), o.id, world.Decision{Decision: decision}); err == nil {
				won <- decision
			}
			p.Orders(0)
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Errorf("%d decisions were taken", len(won))
	}
	if got := len(p.world.Post.Latest(0, "")); got != 1 {
		t.Errorf("%d callbacks", got)
	}
}

// Many orders under one RequestId at once: one is made.
func TestCreate_OneWinner(t *testing.T) {
	p := setup(t)
	token := "Bearer " + tokenOf(t, p)
	var wg sync.WaitGroup
	ids := make(chan string, 50)
	for range 50 {
		wg.Go(func() {
			r := httptest.NewRequestWithContext(t.Context(), "POST", "/api/v1/orders/", bytes.NewReader([]byte(goodOrder)))
			r.Header.Set("Authorization", token)
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("RequestId", "k1")
			w := httptest.NewRecorder()
			p.ServeHTTP(w, r)
			var answer struct{ ID string }
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 201 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			ids <- answer.ID
		})
	}
	wg.Wait()
	first := <-ids
	for range 49 {
		if id := <-ids; id != first {
			t.Errorf("two orders: %s and %s", first, id)
		}
	}
}

func tokenOf(t *testing.T, p *Provider) string {
	t.Helper()
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal(p.issue().Body, &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Token
}

const goodOrder = `{"external_id":"ord_1001","items":[{"name":"Mug","description":"Blue mug",
	"amount":{"value":12.50,"currency_code":"SBD"},"count":2}],
	"application_context":{"callback_url":"https://shop.example/webhooks/iumicash",
	"success_url":"https://shop.example/return/iumicash/ord_1001/ok",
	"error_url":"https://shop.example/return/iumicash/ord_1001/error"}}`

func TestParseOrder_AllComplaintsAtOnce(t *testing.T) {
	_, problems := parseOrder([]byte(`{"external_id":"","items":[{"name":"","amount":{"value":"1","currency_code":"EUR"},"count":0,"sku":1}],"x":1}`),
		[]string{"NZD"})
	var fields []string
	for _, p := range problems {
		fields = append(fields, p.Field)
	}
	want := "[application_context x external_id items[0].description items[0].sku items[0].name items[0].amount.value items[0].amount.currency_code items[0].count]"
	if got := fmt.Sprint(fields); got != want {
		t.Errorf("complaints about\n%s, want\n%s", got, want)
	}
}

// Whatever comes in, it either has complaints or is an order that holds, and
// the order that is shown for it says what was asked.
func FuzzParseOrder(f *testing.F) {
	f.Add([]byte(goodOrder))
	for _, body := range []string{``, `{}`, `[]`, `null`, `{"items":[{}]}`, `{"external_id":1}`, `{"a":1,"a":2}`, "{\"external_id\":\"\xff\"}"} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		asked, problems := parseOrder(body, []string{"SBD", "NZD", "USD"})
		if len(problems) > 0 {
			for _, p := range problems {
				if p.Field == "" || p.Message == "" {
					t.Errorf("an empty complaint: %+v", p)
				}
			}
			return
		}
		if asked.ExternalID == "" || len(asked.Items) == 0 || asked.Context.CallbackURL == "" {
			t.Fatalf("passed with something missing: %+v", asked)
		}
		sum, ok := total(asked.Items)
		if !ok || sum < 1 {
			t.Fatalf("total %d, %v", sum, ok)
		}
		o := &order{request: asked, told: asked.Items}
		shown, err := json.Marshal(o.show())
		if err != nil || !json.Valid(shown) {
			t.Fatalf("%v %s", err, shown)
		}
		again := fmt.Appendf(nil, `{"external_id":%s,"items":%s,"application_context":%s}`,
			part(t, shown, "external_id"), part(t, shown, "items"), part(t, shown, "application_context"))
		echoed, problems := parseOrder(again, []string{"SBD", "NZD", "USD"})
		if len(problems) > 0 || print("", echoed) != print("", asked) {
			t.Fatalf("what is shown is not what was asked: %s, %+v", again, problems)
		}
	})
}

func part(t *testing.T, object []byte, name string) json.RawMessage {
	t.Helper()
	fields, err := readObject(object)
	if err != nil {
		t.Fatal(err)
	}
	return fields[name]
}
