package admin

import (
	"context"
	"encoding/csv"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"till/models"

	"github.com/gin-gonic/gin"
)

func TestExport(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) { // 1001
		s.with(func(p *models.Placement) { p.Order.Name, p.Order.Email = "=HYPERLINK(1)", "-x@shop.test" }).paid(0) // 1002
		if err := s.pages.Orders.Ship(t.Context(), s.order.ID, "@Post", "+1,\"2\"", by2(ownerEmail)); err != nil {
			t.Fatal(err)
		}
		s.with(func(p *models.Placement) { p.Order.Test = true }) // 1003
		read := func(query string) [][]string {
			t.Helper()
			got := s.w.get("/admin/orders.csv" + query)
			if got.Code != 200 || got.Header().Get("Content-Type") != "text/csv; charset=utf-8" || !strings.HasPrefix(got.Header().Get("Content-Disposition"), `attachment; filename="orders-2026-03-07.csv"`) {
				t.Fatalf("%d %v", got.Code, got.Header())
			}
			lines, err := csv.NewReader(got.Body).ReadAll()
			if err != nil || !slices.Equal(lines[0], exportHead) {
				t.Fatal(lines, err)
			}
			return lines[1:]
		}
		lines := read("?before=1001&q=mug+zebra")
		if len(lines) != 0 {
			t.Errorf("two words found %v", lines)
		}
		lines = read("?before=1001") // the place in the list is not part of what is asked for
		if len(lines) != 2 || lines[0][0] != "1002" || lines[1][0] != "1001" {
			t.Fatalf("%v", lines)
		}
		o := lines[0]
		wanted := []string{
			"1002", "2026-03-07T01:00:00+13:00", "paid", "", "'=HYPERLINK(1)", "'-x@shop.test", "NZ", "full", "", s.detailOf(1002).Payments[0].Ref, "NZD", "25.00",
			"25.00", "0.00", "0.00", "25.00", "", "2026-03-07T01:00:00+13:00", "'@Post", "'+1,\"2\"", "no",
		}
		if !slices.Equal(o, wanted) {
			t.Errorf("%q\nwant %q", o, wanted)
		}
		if lines := read("?test=all&sort=oldest"); len(lines) != 3 || lines[2][20] != "yes" {
			t.Errorf("%v", lines)
		}
		if n := s.count(t, "audit WHERE action = 'orders_exported'"); n != 3 {
			t.Errorf("%d lines of the audit", n)
		}
		if n := s.count(t, "audit WHERE detail LIKE '%mug%'"); n != 0 {
			t.Error("the audit has what was searched for")
		}
		s.staff(t, clerkEmail, models.RoleClerk)
		s.staff(t, managerEmail, models.RoleManager)
		for email, status := range map[string]int{viewerEmail: 403, clerkEmail: 403, managerEmail: 200} {
			if got := s.signedIn(t, email).get("/admin/orders.csv"); got.Code != status {
				t.Errorf("%s gets %d", email, got.Code)
			}
		}
		if n := s.count(t, "audit WHERE action = 'orders_exported'"); n != 4 {
			t.Errorf("%d lines of the audit after two refusals", n)
		}
	})
}

// by2 is somebody as a cause.
func by2(email string) models.Cause {
	return models.Cause{Actor: models.StaffActor(email), Source: "dashboard"}
}

func (s *desk) detailOf(number int64) models.OrderDetail {
	s.t.Helper()
	d, err := s.pages.Orders.ByNumber(s.t.Context(), number)
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

// More orders than one batch are all there, once.
func TestExport_Batches(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.many(2*exportBatch + 7)
		for _, query := range []string{"", "?sort=lowest&currency=NZD", "?sort=oldest", "?since=2026-01-01"} {
			lines, err := csv.NewReader(s.w.get("/admin/orders.csv" + query).Body).ReadAll()
			seen := map[string]bool{}
			for _, l := range lines[1:] {
				seen[l[0]] = true
			}
			if err != nil || len(lines) != 2*exportBatch+7+2 || len(seen) != len(lines)-1 {
				t.Errorf("%q: %d lines, %d orders (%v)", query, len(lines), len(seen), err)
			}
		}
	})
}

// many are more orders, written without going the long way.
func (s *desk) many(n int) {
	s.t.Helper()
	pool, _, err := s.DB.SQL()
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = pool.ExecContext(s.t.Context(), `INSERT INTO orders (id, token, checkout_key, fingerprint, email, name, line1, line2, city, region, postcode, country, total_minor, total_currency, status, attention, test, due_at, created_at, updated_at)
		WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < `+strconv.Itoa(n)+`)
		SELECT 5000 + s.n, token || s.n, checkout_key || s.n, '', email, name, '', '', '', '', '', country, s.n % 13 + 1, 'NZD', 'issued', '', FALSE, due_at, created_at, updated_at FROM orders, s WHERE id = 1001`)
	if err != nil {
		s.t.Fatal(err)
	}
}

// Who goes away in the middle ends the reading, and half a file is cut off:
// nobody takes it for a whole one.
func TestExport_CutOff(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.many(2 * exportBatch)
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		stop := &leaver{header: http.Header{}, leave: leave}
		aborted := func() (v any) {
			defer func() { v = recover() }()
			c, _ := gin.CreateTestContext(stop)
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "/admin/orders.csv", nil)
			if err != nil {
				t.Fatal(err)
			}
			c.Request = req
			m, err := s.pages.Staff.ByEmail(t.Context(), ownerEmail)
			if err != nil {
				t.Fatal(err)
			}
			c.Set(memberKey, m)
			return s.pages.ExportOrders(c)
		}()
		if err, ok := aborted.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
			t.Fatalf("it ended with %v", aborted)
		}
		if n := strings.Count(stop.String(), "\n"); n <= 1 || n > exportBatch+2 {
			t.Errorf("%d lines were read for somebody who had gone", n)
		}
	})
}

// Over a real connection a file that breaks in the middle is seen to: the client
// has an error, and not the end of the file.
func TestExport_BrokenOverTheWire(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.many(2 * exportBatch)
		pool, _, err := s.DB.SQL()
		if err != nil {
			t.Fatal(err)
		}
		_, err = pool.ExecContext(t.Context(), `INSERT INTO audit (actor, action, subject, detail, at)
			WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 1200) SELECT 'operator', 'order_paid', 'order', 'x', placed.created_at FROM orders placed, s WHERE placed.id = 1001`)
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct{ method, path, head string }{
			{http.MethodGet, "/admin/orders.csv", "number,placed,"}, {http.MethodPost, "/admin/audit/export", "time,actor,"},
		} {
			text, err := s.overTheWire(t, s.w, tt.method, tt.path, nil)
			if err != nil || !strings.HasPrefix(text, tt.head) || strings.Count(text, "\n") < 1000 {
				t.Fatalf("%s: %d lines, %v", tt.path, strings.Count(text, "\n"), err)
			}
			half, err := s.overTheWire(t, s.w, tt.method, tt.path, func(w http.ResponseWriter, stop func()) http.ResponseWriter { return &breaker{w, stop} })
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: the client has seen %v", tt.path, err)
			}
			if !strings.HasPrefix(half, tt.head) || len(half) >= len(text) {
				t.Errorf("%s: %d bytes of %d came", tt.path, len(half), len(text))
			}
		}
	})
}

// overTheWire sends a request over a connection and reads what comes, until its
// end or an error. The answer is written through wrap, which may stop the work.
func (b *bench) overTheWire(t *testing.T, w *browser, method, path string, wrap func(w http.ResponseWriter, stop func()) http.ResponseWriter) (string, error) {
	t.Helper()
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		ctx, stop := context.WithCancel(r.Context())
		defer stop()
		if wrap != nil {
			out = wrap(out, stop)
		}
		b.engine.ServeHTTP(out, r.WithContext(ctx))
	}))
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.Start()
	defer srv.Close()
	r, err := http.NewRequestWithContext(t.Context(), method, srv.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for name, value := range w.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	got, err := srv.Client().Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = got.Body.Close() }()
	if got.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d", path, got.StatusCode)
	}
	text, err := io.ReadAll(got.Body)
	return string(text), err
}

// breaker stops the work when the first bytes have gone.
type breaker struct {
	http.ResponseWriter
	stop func()
}

func (b *breaker) Write(p []byte) (int, error) {
	defer b.stop()
	return b.ResponseWriter.Write(p)
}

func (b *breaker) Unwrap() http.ResponseWriter { return b.ResponseWriter }

func (b *breaker) Flush() { _ = http.NewResponseController(b.ResponseWriter).Flush() }

// leaver goes away when the first batch has come.
type leaver struct {
	strings.Builder
	header http.Header
	leave  func()
}

func (l *leaver) Header() http.Header               { return l.header }
func (l *leaver) WriteHeader(int)                   {}
func (l *leaver) Flush()                            { l.leave() }
func (l *leaver) SetWriteDeadline(time.Time) error  { return nil }
func (l *leaver) WriteString(s string) (int, error) { return l.Builder.WriteString(s) }

var _ io.StringWriter = (*leaver)(nil)

// Days and times are those of the shop's settings, whatever zone it began with.
func TestExport_AnotherZone(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) { // ordered on 7 March in Auckland, where the shop began
		s.pages.Shop.Live = s.DB.Known
		s.engine = engine(t, s.pages)
		rooms(s.engine, s.pages)
		s.w = s.signedIn(t, ownerEmail)
		s.sells(func(n *models.Settings) { n.TimeZone = "Pacific/Honolulu" })
		for query, found := range map[string]bool{"?since=2026-03-06&until=2026-03-06": true, "?since=2026-03-07": false} {
			if got := s.w.get(ordersURL + query); strings.Contains(got.Body.String(), ">"+s.order.Number()+"<") != found {
				t.Errorf("%s: listed is %t", query, !found)
			}
			got := s.w.get(ordersURL + ".csv" + query)
			if lines := strings.Count(got.Body.String(), "\n"); lines != 1 && !found || found && !strings.Contains(got.Body.String(), "1001,2026-03-06T02:00:00-10:00,") {
				t.Errorf("%s: %s", query, got.Body)
			}
			if name := got.Header().Get("Content-Disposition"); !strings.Contains(name, "orders-2026-03-06.csv") {
				t.Error(name)
			}
		}
	})
}
