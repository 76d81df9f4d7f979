package shop_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"till/models/modelstest"
	"till/providers"
)

// What no row can hold is no address, whichever database looks for it.
func TestAddresses_NoRowCouldHold(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		s := b.browser(t)
		for _, odd := range []string{"%00", "%ff", "a%00b", "mug%00", "%c3%28", "%ed%a0%80", "%f4%90%80%80", "%00%ff"} {
			for _, path := range []string{
				"/products/" + odd, "/orders/" + odd, "/orders/" + odd + "/receipt", "/return/" + odd + "/success", "/return/" + odd + "/" + odd, "/pay/" + odd, "/" + odd,
			} {
				if a := s.get(path); a.status != http.StatusNotFound || !strings.Contains(a.body, `data-page="problem"`) {
					t.Errorf("GET %s: %d", path, a.status)
				}
			}
			for _, path := range []string{"/return/" + odd + "/pending", "/orders/" + odd + "/payments", "/orders/" + odd + "/cancel", "/cart/lines/" + odd, "/pay/" + odd} {
				if a := s.post(path, url.Values{"method": {"acme"}, "quantity": {"1"}}); a.status != http.StatusNotFound || !strings.Contains(a.body, `data-page="problem"`) {
					t.Errorf("POST %s: %d", path, a.status)
				}
			}
			typed, err := url.PathUnescape(odd)
			if err != nil {
				t.Fatal(err)
			}
			if a := s.post("/cart/lines", url.Values{"product": {typed}, "quantity": {"1"}}); a.status != http.StatusNotFound {
				t.Errorf("into the cart %q: %d", typed, a.status)
			}
			if a := s.post("/callbacks/"+odd, nil); a.status != http.StatusNotFound {
				t.Errorf("callback %s: %d", odd, a.status)
			}
		}
		if b.orders(t) != 0 || b.acme.Creates != 0 {
			t.Error("something was made")
		}
	})
}

// What a form carries that no row can hold is refused or left out, and nothing
// breaks.
func TestForms_NoRowCouldHold(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		s := b.browser(t)
		s.add("mug", "1")
		good := s.form()
		for _, odd := range []string{"a\x00b", "a\xffb"} {
			for _, field := range []string{"name", "email", "line1", "line2", "city", "region", "postcode", "country", "method"} {
				if a := s.post("/checkout", with(good, field, odd)); a.status != http.StatusUnprocessableEntity {
					t.Errorf("%s is %q: %d", field, odd, a.status)
				}
			}
			if a := s.post("/checkout", with(good, "shown", odd)); a.status != http.StatusUnprocessableEntity {
				t.Errorf("shown is %q: %d", odd, a.status)
			}
			empty := b.browser(t) // whose form is all that is known of it
			if a := empty.post("/checkout", with(good, "key", odd)); a.status != http.StatusSeeOther || a.to != "/cart" {
				t.Errorf("key is %q: %d to %q", odd, a.status, a.to)
			}
		}
		if b.orders(t) != 0 || b.acme.Creates != 0 {
			t.Error("something was made")
		}
	})
}

// ledger is a log that several requests write.
type ledger struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *ledger) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *ledger) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// Whoever has an order's token or a payment's id has the order page: neither is
// in a line of the log that a request leaves, however it ends.
func TestLog_OpensNoOrder(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		log := &ledger{}
		b.serve(t, slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})))
		s := b.browser(t)
		s.order()
		d := b.detail(t)
		token, id := d.Token, d.Payments[0].ID
		b.acme.LookErr = &providers.Error{Provider: "acme", Op: "lookup", Kind: providers.KindUnavailable}
		s.get("/return/" + id + "/success?id=" + id)
		s.post("/return/"+id+"/error", nil)
		b.acme.CancErr = &providers.Error{Provider: "acme", Op: "cancel", Kind: providers.KindUnavailable}
		s.post("/orders/"+token+"/cancel", nil)
		s.post("/orders/"+token+"/payments", url.Values{"method": {"bank"}})
		b.acme.LookErr, b.acme.CancErr = nil, nil
		b.acme.Say("acme-1", providers.Processing, 0)
		s.get("/return/" + id + "/pending")
		s.post("/orders/"+token+"/payments", url.Values{"method": {"acme"}})
		for _, path := range []string{"/orders/" + token, "/orders/" + token + "/receipt", "/orders/" + token + "/", "/orders//" + token, "/return/" + id, "/orders/" + token + "x", "/" + token} {
			s.get(path)
			s.post(path, nil)
		}
		if err := b.DB.Close(); err != nil {
			t.Fatal(err)
		}
		if a := s.get("/orders/" + token); a.status < 500 {
			t.Fatalf("without a database: %d", a.status)
		}
		for _, line := range strings.Split(log.String(), "\n") {
			if strings.Contains(line, token) || strings.Contains(line, id) {
				t.Errorf("the log opens the order: %s", line)
			}
		}
		for _, want := range []string{`"route":"/orders/:token"`, `"route":"/return/:payment/:outcome"`, `"msg":"request failed"`, `"msg":"not settled on return"`} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("the log has no %s: the test did not reach it", want)
			}
		}
	})
}

// Of a proxy that is trusted the visitor's own address counts, and of nobody else.
func TestProxies(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		proxies []string
		header  string
		many    bool // a visitor is counted as somebody else each time
	}{
		{"no proxy is trusted", nil, "203.0.113.%d", false},
		{"another one is trusted", []string{"10.0.0.0/8"}, "203.0.113.%d", false},
		{"it is trusted", []string{"127.0.0.0/8", "::1"}, "203.0.113.%d", true},
		{"it is trusted, and says nothing", []string{"127.0.0.1", "::1"}, "", false},
		{"it is trusted, and the visitor adds to it", []string{"127.0.0.1", "::1"}, "203.0.113.%d, 198.51.100.7", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			proxied(t, setup(t, modelstest.Open(t, "sqlite")), tt.proxies, tt.header, tt.many)
		})
	}
}

func proxied(t *testing.T, b *bench, proxies []string, header string, many bool) {
	t.Helper()
	b.proxies = proxies
	b.serve(t, slog.New(slog.DiscardHandler))
	s, refused := b.browser(t), 0
	for i := range 25 { // more than one address may try
		form := url.Values{"email": {"nobody" + strings.Repeat("x", i) + "@shop.test"}, "password": {"wrong, all wrong"}}
		req, err := http.NewRequest(http.MethodPost, b.srv.URL+"/admin/login", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("X-Forwarded-For", strings.ReplaceAll(header, "%d", string(rune('1'+i%9))+string(rune('0'+i/9))))
		req.Header.Set("X-Real-Ip", "192.0.2."+string(rune('1'+i%9))) // never believed: a proxy passes it on
		if s.do(req).status == http.StatusTooManyRequests {
			refused++
		}
	}
	if many != (refused == 0) {
		t.Errorf("%d of 25 tries were refused", refused)
	}
}
