package shop_test

import (
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"till/cashier"
	"till/handlers"
	"till/handlers/web"
	"till/models"
	"till/models/modelstest"
	"till/money"
	"till/providers"
	"till/providers/providertest"
	"till/static"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // as the program does
	gin.SetMode(gin.ReleaseMode)
	os.Exit(m.Run())
}

var assets = sync.OnceValues(static.New)

// bench is the whole site over a fresh database, with two fake providers, and
// more where a test has some.
type bench struct {
	modelstest.Bench
	acme, bank *providertest.Fake
	cashier    *cashier.Cashier
	products   map[string]models.Product
	srv        *httptest.Server
	more       []providers.Provider
	assets     *static.Set
	proxies    []string
}

func each(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Helper()
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, db modelstest.Bench) { test(t, setup(t, db)) })
}

func setup(t *testing.T, db modelstest.Bench, more ...providers.Provider) *bench {
	t.Helper()
	b := &bench{Bench: db, acme: providertest.NewFake("acme"), bank: providertest.NewFake("bank"), products: modelstest.Catalogue(t, db)}
	set, err := assets()
	if err != nil {
		t.Fatal(err)
	}
	b.srv = httptest.NewUnstartedServer(nil)
	b.srv.Start()
	t.Cleanup(b.srv.Close)
	b.more, b.assets = more, set
	b.serve(t, slog.New(slog.DiscardHandler))
	return b
}

// serve wires the site, or wires it anew with another log.
func (b *bench) serve(t *testing.T, log *slog.Logger) {
	t.Helper()
	db := b.Bench
	b.cashier = cashier.New(cashier.Config{
		Payments: models.NewPayments(db.DB), Orders: models.NewOrders(db.DB), Inbox: models.NewInbox(db.DB),
		Providers: append([]providers.Provider{providertest.Finder{Fake: b.acme}, b.bank}, b.more...),
		PublicURL: b.srv.URL, NewID: rand.Text, NewKey: rand.Text, Log: slog.New(slog.DiscardHandler), Pace: cashier.Growing,
	})
	h, err := handlers.New(handlers.Deps{
		Log: log, DB: db.DB, Cashier: b.cashier, Assets: b.assets, Secret: "a secret of at least 32 characters", NewID: rand.Text, Proxies: b.proxies,
		Shop: web.Shop{Name: "Test shop", Currencies: []money.Currency{"NZD", "USD", "SBD", "JPY", "KWD"}, Location: time.UTC, PublicURL: b.srv.URL},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.srv.Config.Handler = h
}

// browser is a shopper's: it keeps cookies and shows where it was sent.
type browser struct {
	t    *testing.T
	b    *bench
	http *http.Client
}

type answer struct {
	status int
	to     string // Location
	body   string
	header http.Header
}

func (b *bench) browser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{t, b, &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (s *browser) do(req *http.Request) answer {
	s.t.Helper()
	resp, err := s.http.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header.Get("Location"), string(body), resp.Header}
}

func (s *browser) get(path string) answer {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodGet, s.b.srv.URL+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.do(req)
}

func (s *browser) post(path string, form url.Values) answer {
	s.t.Helper()
	req, err := http.NewRequest(http.MethodPost, s.b.srv.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.do(req)
}

// add puts a product into the cart.
func (s *browser) add(slug, quantity string) {
	s.t.Helper()
	if a := s.post("/cart/lines", url.Values{"product": {slug}, "quantity": {quantity}}); a.status != http.StatusSeeOther || a.to != "/cart" {
		s.t.Fatalf("%d %s", a.status, a.to)
	}
}

// form is the checkout form as shown, filled in by Ann.
func (s *browser) form() url.Values {
	s.t.Helper()
	a := s.get("/checkout")
	if a.status != http.StatusOK {
		s.t.Fatalf("checkout: %d to %s", a.status, a.to)
	}
	return fill(a.body)
}

func fill(page string) url.Values {
	return url.Values{
		"key": {hidden(page, "key")}, "shown": {hidden(page, "shown")}, "method": {"acme"},
		"name": {"Ann Lee"}, "email": {"ann@example.test"}, "line1": {"1 Kauri Road"}, "city": {"Nelson"}, "postcode": {"7010"}, "country": {"NZ"},
	}
}

func hidden(page, name string) string {
	m := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(page)
	if m == nil {
		return ""
	}
	return strings.NewReplacer("&#43;", "+", "&amp;", "&").Replace(m[1])
}

func with(form url.Values, name, value string) url.Values {
	other := url.Values{}
	for k, v := range form {
		other[k] = v
	}
	other.Set(name, value)
	return other
}

// order puts two mugs in the cart and submits the checkout.
func (s *browser) order() answer {
	s.t.Helper()
	s.add("mug", "2")
	a := s.post("/checkout", s.form())
	if a.status != http.StatusSeeOther || !strings.HasPrefix(a.to, "https://pay.test/") {
		s.t.Fatalf("%d to %q\n%s", a.status, a.to, a.body)
	}
	return a
}

// detail is the one order there is, or the newest.
func (b *bench) detail(t *testing.T) models.OrderDetail {
	t.Helper()
	rows, _, err := models.NewOrders(b.DB).List(t.Context(), models.OrderFilter{Limit: 10})
	if err != nil || len(rows) == 0 {
		t.Fatal(rows, err)
	}
	d, err := models.NewOrders(b.DB).ByNumber(t.Context(), rows[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (b *bench) orders(t *testing.T) int {
	t.Helper()
	rows, _, err := models.NewOrders(b.DB).List(t.Context(), models.OrderFilter{Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return len(rows)
}

func (s *browser) status(token, want string) answer {
	s.t.Helper()
	a := s.get("/orders/" + token)
	if got := attr(a.body, "data-status"); a.status != http.StatusOK || got != want {
		s.t.Fatalf("order page is %d, %q; want %q", a.status, got, want)
	}
	return a
}

func attr(page, name string) string {
	m := regexp.MustCompile(name + `="([^"]*)"`).FindStringSubmatch(page)
	if m == nil {
		return ""
	}
	return m[1]
}

func TestJourney(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		s := b.browser(t)
		if a := s.get("/"); a.status != 200 || !strings.Contains(a.body, "Mug") || !strings.Contains(a.body, "12.50") {
			t.Fatalf("home: %d %s", a.status, a.body)
		}
		s.order()
		d := b.detail(t)
		if len(d.Lines) != 1 || d.Total != (money.Amount{Minor: 2500, Currency: "NZD"}) || d.Payments[0].Ref != "acme-1" {
			t.Fatalf("%+v", d)
		}
		b.acme.Say("acme-1", providers.Paid, 0)
		back := s.get("/return/" + d.Payments[0].ID + "/success")
		if back.status != http.StatusSeeOther || back.to != "/orders/"+d.Token {
			t.Fatalf("%d %s", back.status, back.to)
		}
		s.status(d.Token, "paid")
		if a := s.get("/orders/" + d.Token + "/receipt"); a.status != 200 || !strings.Contains(a.body, "25.00") {
			t.Fatalf("receipt: %d", a.status)
		}
		if a := s.get("/cart"); strings.Contains(a.body, "/cart/lines/mug") {
			t.Fatal("the cart is still full")
		}
	})
}

func TestRefused(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		s := b.browser(t)
		s.add("mug", "2")
		good := s.form()
		for _, tt := range []struct {
			name, field, value, want string
		}{
			{"no name", "name", "", "Enter your name."},
			{"no e-mail", "email", " ", "Enter your e-mail address."},
			{"no e-mail address", "email", "ann", "Enter an e-mail address like"},
			{"two addresses", "email", "ann@example.test, bob@example.test", "Enter an e-mail address like"},
			{"a header in the address", "email", "ann@example.test\r\nBcc: all@example.test", "cannot be printed"},
			{"no street", "line1", "", "Enter the street"},
			{"a country nobody knows", "country", "ZZ", "Choose a country."},
			{"no way to pay", "method", "", "Choose how to pay."},
			{"a way to pay that is not offered", "method", "cash", "The way to pay that you chose is not offered any more. Choose another."},
			{"a long name", "name", strings.Repeat("ā", 101), "too long"},
			{"a broken name", "name", "a\xffb", "cannot be printed"},
		} {
			a := s.post("/checkout", with(good, tt.field, tt.value))
			if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, tt.want) {
				t.Errorf("%s: %d, no %q", tt.name, a.status, tt.want)
			}
			if !strings.Contains(a.body, "1 Kauri Road") && tt.field != "line1" {
				t.Errorf("%s: what was typed is gone", tt.name)
			}
		}
		for path, want := range map[string]int{"/products/none": 404, "/orders/none": 404, "/return/none/success": 404, "/nowhere": 404, "/return/x/y/z": 404} {
			if a := s.get(path); a.status != want || !strings.Contains(a.body, `data-page="problem"`) {
				t.Errorf("GET %s: %d, want %d", path, a.status, want)
			}
		}
		if a := s.post("/cart/lines", url.Values{"product": {"none"}}); a.status != 404 {
			t.Errorf("an unknown product in the cart: %d", a.status)
		}
		for _, quantity := range []string{"0", "-1", "100", "1.5", "x"} {
			if a := s.post("/cart/lines", url.Values{"product": {"mug"}, "quantity": {quantity}}); a.status != 422 {
				t.Errorf("%s mugs: %d", quantity, a.status)
			}
		}
		if a := s.post("/checkout", url.Values{"name": {strings.Repeat("x", 70<<10)}}); a.status != 413 {
			t.Errorf("a large form: %d", a.status)
		}
		if a := s.post("/", nil); a.status != 405 {
			t.Errorf("POST /: %d", a.status)
		}
		if b.orders(t) != 0 || b.acme.Creates != 0 {
			t.Fatalf("%d orders, %d payments were made", b.orders(t), b.acme.Creates)
		}
	})
}

func TestCrossSite(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		s := b.browser(t)
		s.add("mug", "2")
		form := s.form()
		send := func(path string) int {
			req, _ := http.NewRequest(http.MethodPost, b.srv.URL+path, strings.NewReader(form.Encode()))
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			req.Header.Set("Sec-Fetch-Site", "cross-site")
			req.Header.Set("Origin", "https://evil.test")
			return s.do(req).status
		}
		if got := send("/checkout"); got != 403 {
			t.Errorf("checkout from another site: %d", got)
		}
		if got := send("/return/none/success"); got != 404 {
			t.Errorf("a provider's POST must get through: %d", got)
		}
		if b.orders(t) != 0 {
			t.Error("an order was placed")
		}
	})
}

func TestHeaders(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		h := b.browser(t).get("/").header
		for name, want := range map[string]string{
			"Content-Security-Policy": "default-src 'none'", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store",
		} {
			if !strings.Contains(h.Get(name), want) {
				t.Errorf("%s: %q", name, h.Get(name))
			}
		}
		if p := h.Get("Content-Security-Policy"); strings.Contains(p, "unsafe") || !strings.Contains(p, "https://pay.test") {
			t.Errorf("policy %q", p)
		}
		s := b.browser(t)
		a := s.post("/currency", url.Values{"currency": {"USD"}, "back": {"//evil.test"}})
		if cookie := a.header.Get("Set-Cookie"); !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Lax") {
			t.Errorf("cookie %q", cookie)
		}
		if a.to != "/" {
			t.Errorf("sent to %q", a.to)
		}
		if page := s.get("/"); !strings.Contains(page.body, "8.00") {
			t.Error("prices are not in USD")
		}
	})
}

func TestCart(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		s := b.browser(t)
		s.add("mug", "2")
		s.add("mug", "1")
		s.add("honey", "9")
		if a := s.get("/cart"); !strings.Contains(a.body, "Only 5 are left") {
			t.Error("nine of five are not told")
		}
		if a := s.get("/checkout"); a.to != "/cart" {
			t.Errorf("checkout of what cannot be bought: %d", a.status)
		}
		if a := s.post("/cart/lines/honey", url.Values{"quantity": {"a"}}); a.status != 422 || !strings.Contains(a.body, `value="a"`) {
			t.Errorf("%d", a.status)
		}
		s.post("/cart/lines/honey", url.Values{"quantity": {"5"}})
		if a := s.get("/cart"); !strings.Contains(a.body, "87.00") { // 3 x 12.50 + 5 x 9.90
			t.Error("wrong total")
		}
		s.post("/currency", url.Values{"currency": {"USD"}})
		if a := s.get("/cart"); !strings.Contains(a.body, "Not sold in USD") {
			t.Error("honey has no price in USD")
		}
		s.post("/cart/lines/honey", url.Values{"quantity": {"0"}})
		if a := s.get("/cart"); strings.Contains(a.body, "Honey</") || !strings.Contains(a.body, "24.00") {
			t.Error("honey is still there")
		}
	})
}

func TestProviderDownAtStart(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		s := b.browser(t)
		s.add("mug", "2")
		b.acme.StartErr = &providers.Error{Provider: "acme", Op: "start", Kind: providers.KindUnreachable}
		a := s.post("/checkout", s.form())
		d := b.detail(t)
		if a.to != "/orders/"+d.Token {
			t.Fatalf("sent to %q", a.to)
		}
		page := s.status(d.Token, "issued")
		if !strings.Contains(page.body, "We could not reach The acme") || !strings.Contains(page.body, "Nothing was charged") {
			t.Fatal(page.body)
		}
		if a := s.post("/orders/"+d.Token+"/payments", url.Values{"method": {"acme"}}); a.to != "https://pay.test/acme-1" {
			t.Fatalf("trying again led to %q", a.to)
		}
	})
}

func TestDatabaseDown(t *testing.T) {
	t.Parallel()
	b := setup(t, modelstest.Open(t, "sqlite"))
	s := b.browser(t)
	s.add("mug", "2")
	form := s.form()
	if err := b.DB.Close(); err != nil {
		t.Fatal(err)
	}
	for _, a := range []answer{s.get("/"), s.get("/orders/x"), s.post("/checkout", form), s.get("/return/x/success"), s.get("/-/ready")} {
		if a.status != http.StatusServiceUnavailable && a.status != http.StatusInternalServerError {
			t.Errorf("%d", a.status)
		}
		if strings.Contains(a.body, "sql: ") || strings.Contains(a.body, "database is closed") {
			t.Errorf("the page tells what is inside: %s", a.body)
		}
	}
	db, err := models.Open(t.Context(), models.Options{Name: b.Name, Now: b.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := models.NewOrders(db).ByNumber(t.Context(), 1001); !errors.Is(err, models.ErrNotFound) {
		t.Fatalf("something was written: %v", err)
	}
}

func TestCallback(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		s := b.browser(t)
		s.order()
		in := models.NewDeliveries(b.DB)
		post := func(provider, signature, body string) answer {
			req, _ := http.NewRequest(http.MethodPost, b.srv.URL+"/callbacks/"+provider, strings.NewReader(body))
			req.Header.Set("Signature", signature)
			return s.do(req)
		}
		for _, tt := range []struct {
			name, provider, signature, body string
			want                            int
		}{
			{"forged", "acme", "bad", `{"ref":"acme-1"}`, 401},
			{"malformed", "acme", "good", `{`, 400},
			{"of nobody", "nobody", "good", `{"ref":"acme-1"}`, 404},
			{"too large", "acme", "good", strings.Repeat("x", 300<<10), 413},
		} {
			if a := post(tt.provider, tt.signature, tt.body); a.status != tt.want {
				t.Errorf("%s: %d, want %d", tt.name, a.status, tt.want)
			}
		}
		if jobs := b.Queue.Take("settle_delivery"); len(jobs) != 0 {
			t.Errorf("%d jobs after nothing but refusals", len(jobs))
		}
		counted := map[string]int64{}
		all, err := in.Refusals(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range all {
			counted[r.Reason] = r.Times
		}
		if counted["signature"] != 1 || counted["malformed"] != 1 || counted["too large"] != 1 {
			t.Errorf("counted %v", counted)
		}
		if a := post("acme", "good", `{"ref":"acme-1","word":"completed"}`); a.status != 200 || a.body != "OK" {
			t.Errorf("%d %q", a.status, a.body)
		}
		if jobs := b.Queue.Take("settle_delivery"); len(jobs) != 1 {
			t.Errorf("%d jobs", len(jobs))
		}
		if d := b.detail(t); d.Status == models.OrderPaid {
			t.Error("a callback was believed")
		}
	})
}
