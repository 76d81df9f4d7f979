package web_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"till/cashier"
	"till/handlers/web"
	"till/models"
	"till/providers"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.ReleaseMode)
	os.Exit(m.Run())
}

func page(text string, err error) templ.Component {
	return templ.ComponentFunc(func(_ context.Context, w io.Writer) error {
		_, _ = io.WriteString(w, text)
		return err
	})
}

func room(out io.Writer) web.Room {
	return web.Room{
		Log:     slog.New(slog.NewJSONHandler(out, nil)),
		Problem: func(_ *gin.Context, status int) templ.Component { return page(fmt.Sprintf("problem %d", status), nil) },
	}
}

// A page that breaks half-way, and a handler that panics, become one clean
// error page and one log line that names the request.
func TestRoom_FailsWhole(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	r, in := gin.New(), room(&log)
	r.Use(web.Identify(), web.Recover(in))
	r.GET("/half", in.Handle(func(c *gin.Context) error { return web.Render(c, http.StatusOK, page("half", errors.New("broke"))) }))
	r.GET("/panic", in.Handle(func(*gin.Context) error { panic("boom") }))
	for _, path := range []string{"/half", "/panic"} {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusInternalServerError || w.Body.String() != "problem 500" {
			t.Errorf("%s: %d %q", path, w.Code, w.Body)
		}
		if !strings.Contains(log.String(), w.Header().Get("X-Request-Id")) {
			t.Errorf("%s: the log does not name the request: %s", path, log.String())
		}
	}
}

// Neither an order's token nor a payment's id is in the log, however it came into
// an error or a panic.
func TestRoom_LogsNothingThatOpensAnOrder(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	r, in := gin.New(), room(&log)
	token, id := rand.Text(), rand.Text()
	clock := func() time.Time { return time.Date(2026, 3, 6, 12, 0, 0, 0, time.UTC) }
	r.Use(web.Identify(), web.AccessLog(in.Log, clock), web.Recover(in))
	r.GET("/orders/:token", in.Handle(func(c *gin.Context) error {
		return fmt.Errorf("cashier: settle %s: order %s: %w", id, c.Param("token"), errors.New("broke"))
	}))
	r.GET("/panic/:token", in.Handle(func(c *gin.Context) error { panic("payment " + id + " of " + c.Param("token")) }))
	r.NoRoute(in.Handle(func(*gin.Context) error { return models.ErrNotFound }))
	for _, path := range []string{"/orders/" + token + "?look=" + id, "/panic/" + token, "/nowhere/" + token} {
		r.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
	}
	if s := log.String(); strings.Contains(s, token) || strings.Contains(s, id) {
		t.Errorf("the log opens an order: %s", s)
	}
	for _, want := range []string{`"route":"/orders/:token"`, `"err":"cashier: settle …: order …: broke"`, `"value":"payment … of …"`, `"status":404`} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log has no %s: %s", want, log.String())
		}
	}
}

func TestStatus(t *testing.T) {
	t.Parallel()
	for want, errs := range map[int][]error{
		400: {web.ErrBadRequest, providers.ErrMalformed},
		401: {providers.ErrSignature},
		403: {web.ErrForbidden},
		404: {models.ErrNotFound, cashier.ErrNoProvider},
		405: {web.ErrMethod},
		413: {&http.MaxBytesError{}},
		429: {web.ErrTooMany},
		500: {errors.New("anything else"), models.ErrStale},
		503: {models.ErrUnavailable},
	} {
		for _, err := range errs {
			if got := web.Status(fmt.Errorf("wrapped: %w", err)); got != want {
				t.Errorf("%v is %d, want %d", err, got, want)
			}
		}
	}
}

func TestForm(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		want       error
	}{
		{"a form", "a=1", nil},
		{"a broken form", "a=%zz", web.ErrBadRequest},
		{"a large form", strings.Repeat("a", 65<<10), &http.MaxBytesError{}},
	} {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequest(http.MethodPost, "/?a=2", strings.NewReader(tt.body))
		c.Request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		form, err := web.Form(c)
		if tt.want == nil {
			if err != nil || form.Get("a") != "1" {
				t.Errorf("%s: %v %v", tt.name, form, err)
			}
			continue
		}
		if web.Status(err) != web.Status(tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// visits gives a browser's next request the cookie of the last answer.
func visits(secure bool) *web.Visits {
	return web.NewVisits([]byte(strings.Repeat("h", 32)), []byte(strings.Repeat("b", 32)), secure)
}

func context1(cookie string) (*gin.Context, *httptest.ResponseRecorder) {
	w := httptest.NewRecorder()
	c, _ := gin.CreateTestContext(w)
	c.Request = httptest.NewRequest(http.MethodGet, "/", nil)
	if cookie != "" {
		c.Request.Header.Set("Cookie", strings.Split(cookie, ";")[0])
	}
	return c, w
}

func TestVisits(t *testing.T) {
	t.Parallel()
	v := web.Visit{Currency: "NZD"}
	for i := range int64(60) {
		if ok := v.Set(1_000_000+i, 99); ok != (i < 50) {
			t.Fatalf("line %d: %v", i+1, ok)
		}
	}
	for i := range 9 {
		v.Ordered(strings.Repeat(string(rune('a'+i)), 26))
	}
	c, w := context1("")
	if err := visits(true).Save(c, v); err != nil {
		t.Fatalf("a full cart does not fit: %v", err)
	}
	cookie := w.Header().Get("Set-Cookie")
	for _, want := range []string{"__Host-till=", "HttpOnly", "Secure", "SameSite=Lax", "Path=/"} {
		if !strings.Contains(cookie, want) {
			t.Errorf("the cookie lacks %s", want)
		}
	}
	if len(cookie) > 4096 {
		t.Errorf("%d bytes", len(cookie))
	}
	c, _ = context1(cookie)
	if got := visits(true).Get(c); got.Pieces() != 50*99 || len(got.Orders) != 5 || got.Orders[0] != strings.Repeat("i", 26) {
		t.Errorf("%d pieces, orders %v", got.Pieces(), got.Orders)
	}
	for name, keys := range map[string][2]string{"signed": {"x", "b"}, "sealed": {"h", "x"}} {
		other := web.NewVisits([]byte(strings.Repeat(keys[0], 32)), []byte(strings.Repeat(keys[1], 32)), true)
		c, _ = context1(cookie)
		if got := other.Get(c); got.Pieces() != 0 {
			t.Errorf("a cookie %s by somebody else was read", name)
		}
	}
}

// A changed cart is another checkout; the same quantity again is not a change.
func TestVisit_FormFollowsTheCart(t *testing.T) {
	t.Parallel()
	var v web.Visit
	v.Set(7, 2)
	first := v.Form
	v.Set(7, 2)
	if first == "" || v.Form != first {
		t.Fatal("nothing changed, and the form did")
	}
	v.Set(7, 3)
	if v.Form == first {
		t.Fatal("the cart changed, and the form did not")
	}
	v.Set(7, 0)
	if len(v.Cart) != 0 {
		t.Fatal("0 removes")
	}
}

func TestCountries(t *testing.T) {
	t.Parallel()
	all := web.Countries()
	if len(all) < 240 || len(all) > 260 {
		t.Errorf("%d countries", len(all))
	}
	for code, want := range map[string]bool{"NZ": true, "SB": true, "US": true, "GB": true, "DE": true, "EU": false, "ZZ": false, "UK": false, "nz": false, "": false} {
		if web.IsCountry(code) != want {
			t.Errorf("%q is a country: %v", code, !want)
		}
	}
	if got := web.AddressLines(models.Address{Line1: "1 Kauri Road", City: "Nelson", Postcode: "7010", Country: "NZ"}); strings.Join(got, "|") != "1 Kauri Road|Nelson 7010|New Zealand" {
		t.Errorf("%q", got)
	}
}
