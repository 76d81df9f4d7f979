// Dashboard measures how long the pages of the dashboard take to make, on shops
// of different sizes, and how much memory an export of all orders takes. A page
// is measured from the request to its last byte, in this process: no network,
// one page at a time.
package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	mrand "math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"till/bench/shop"
	"till/cashier"
	"till/handlers"
	"till/handlers/admin"
	"till/handlers/web"
	"till/jobs"
	"till/models"
	"till/money"
	"till/static"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "dashboard:", err)
		os.Exit(1)
	}
}

// errSlow is why a measurement ends badly.
var errSlow = errors.New("a page of the largest shop takes more than 1.5 times as long as that of the smallest, for as much to show")

type options struct {
	sizes    []int
	dir      string
	postgres string
	times    int
	keep     bool
	only     string
	page     string
}

func run(ctx context.Context, args []string, out io.Writer) error {
	time.Local = time.UTC
	gin.SetMode(gin.ReleaseMode)
	var o options
	set := flag.NewFlagSet("dashboard", flag.ContinueOnError)
	sizes := set.String("sizes", "10000,100000,1000000", "how many orders the shops have")
	set.StringVar(&o.dir, "dir", "", "a folder for the SQLite files; one that goes away with the program")
	set.StringVar(&o.postgres, "postgres", "", "postgres://… of a server where schemas may be made; none, and PostgreSQL is left out")
	set.IntVar(&o.times, "times", 200, "how often each page is asked for")
	set.BoolVar(&o.keep, "keep", false, "keep the databases, and use those that are there")
	set.StringVar(&o.only, "only", "", "sqlite or postgres")
	set.StringVar(&o.page, "page", "", "only the pages whose names begin so, and no export")
	profile := set.String("cpuprofile", "", "a file for a profile of the CPU")
	if err := set.Parse(args); err != nil {
		return err
	}
	if *profile != "" {
		file, err := os.Create(*profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer func() { pprof.StopCPUProfile(); _ = file.Close() }()
	}
	for word := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 {
			return fmt.Errorf("-sizes has %q, which is no number of orders", word)
		}
		o.sizes = append(o.sizes, n)
	}
	if o.dir == "" {
		dir, err := os.MkdirTemp("", "till-bench")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		o.dir = dir
	}
	slow := false
	for _, kind := range []string{"sqlite", "postgres"} {
		if kind == "postgres" && o.postgres == "" || o.only != "" && o.only != kind {
			continue
		}
		worse, err := o.kind(ctx, kind, out)
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		slow = slow || worse
	}
	if slow {
		return errSlow
	}
	return nil
}

// spent is how long a page took.
type spent struct {
	p50, p95 time.Duration
	bytes    int // of a page, on average
}

// kind measures shops of every size on one kind of database.
func (o options) kind(ctx context.Context, kind string, out io.Writer) (slow bool, err error) {
	all := make([]map[string]spent, len(o.sizes))
	var names []string
	for i, size := range o.sizes {
		if names, all[i], err = o.size(ctx, kind, size, out); err != nil {
			return false, err
		}
	}
	_, _ = fmt.Fprintf(out, "\n%s, %d requests a page, p50/p95 in milliseconds\n%-34s", kind, o.times, "page")
	for _, size := range o.sizes {
		_, _ = fmt.Fprintf(out, "%18d", size)
	}
	_, _ = fmt.Fprintf(out, "%14s%12s\n", "p95 grows  ", "page grows")
	for _, name := range names {
		_, _ = fmt.Fprintf(out, "%-34s", name)
		for i := range o.sizes {
			_, _ = fmt.Fprintf(out, "%18s", fmt.Sprintf("%.2f/%.2f", ms(all[i][name].p50), ms(all[i][name].p95)))
		}
		first, last := all[0][name], all[len(all)-1][name]
		grows, more := float64(last.p95)/float64(first.p95), float64(last.bytes)/float64(first.bytes)
		mark := "  "
		// A page that has more to show may take longer by as much, and less than a
		// millisecond is not the database's.
		if grows > 1.5*max(more, 1) && last.p95-first.p95 > time.Millisecond {
			mark, slow = " !", true
		}
		_, _ = fmt.Fprintf(out, "%14s%12s\n", fmt.Sprintf("×%.2f%s", grows, mark), fmt.Sprintf("×%.2f", more))
	}
	return slow, nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// database opens a shop of the given size, which is made when it is not there.
func (o options) database(ctx context.Context, kind string, size int, out io.Writer) (db *models.DB, name string, err error) {
	name = filepath.Join(o.dir, fmt.Sprintf("till-%d.db", size))
	if kind == "postgres" {
		if name, err = schema(ctx, o.postgres, fmt.Sprintf("bench_%d", size)); err != nil {
			return nil, "", err
		}
	}
	db, err = models.Open(ctx, models.Options{Name: name, Now: time.Now})
	if err != nil {
		return nil, "", err
	}
	if err := errors.Join(db.Migrate(ctx), jobs.Migrate(ctx, db)); err != nil {
		return nil, "", errors.Join(err, db.Close())
	}
	if err := o.fill(ctx, db, kind, size, out); err != nil {
		return nil, "", errors.Join(err, db.Close())
	}
	return db, name, nil
}

// fill makes the shop's past where there is none, and closes its days.
func (o options) fill(ctx context.Context, db *models.DB, kind string, size int, out io.Writer) error {
	there, err := models.NewOrders(db).Any(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	if !there {
		if err := shop.Fill(ctx, db, shop.Past{Orders: size, Seed: 1, Until: began.UTC()}); err != nil {
			return err
		}
		_, _ = fmt.Fprintf(out, "%s: made %d orders in %s\n", kind, size, time.Since(began).Round(time.Second))
	}
	began = time.Now()
	days, err := models.NewCloses(db).CloseDays(ctx)
	if err != nil || there && days == 0 {
		return err
	}
	_, _ = fmt.Fprintf(out, "  closed %d days in %s\n", days, time.Since(began).Round(time.Second))
	return analyze(ctx, db)
}

// analyze does at once what PostgreSQL does by itself after a while.
func analyze(ctx context.Context, db *models.DB) error {
	pool, postgres, err := db.SQL()
	if err != nil || !postgres {
		return err
	}
	_, err = pool.ExecContext(ctx, "VACUUM ANALYZE")
	return err
}

// size measures one shop.
func (o options) size(ctx context.Context, kind string, size int, out io.Writer) (names []string, all map[string]spent, err error) {
	db, name, err := o.database(ctx, kind, size, out)
	if err != nil {
		return nil, nil, err
	}
	defer func() {
		err = errors.Join(err, db.Close())
		if kind == "postgres" && !o.keep {
			err = errors.Join(err, drop(context.WithoutCancel(ctx), o.postgres, name))
		}
	}()
	v, err := visit(ctx, db)
	if err != nil {
		return nil, nil, err
	}
	all = map[string]spent{}
	for _, p := range v.pages(size) {
		if !strings.HasPrefix(p.name, o.page) {
			continue
		}
		names = append(names, p.name)
		if all[p.name], err = v.measure(ctx, p, o.times); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", p.name, err)
		}
	}
	if o.page != "" {
		return names, all, nil
	}
	return names, all, v.export(ctx, out, size)
}

// visitor is a member of staff with a browser that waits for nobody.
type visitor struct {
	handler http.Handler
	cookies []*http.Cookie
	orders  []models.OrderRow // some of all ages
	rand    *mrand.Rand
}

const (
	owner    = "owner@example.test"
	password = "kauri-rata-kowhai-totara" //nolint:gosec // of a shop that nobody owns
)

// visit opens the shop and signs in.
func visit(ctx context.Context, db *models.DB) (*visitor, error) {
	hash, err := admin.HashPassword(password)
	if err != nil {
		return nil, err
	}
	if _, err := models.NewStaff(db).Add(ctx, owner, models.RoleOwner, hash); err != nil && !errors.Is(err, models.ErrDuplicate) {
		return nil, err
	}
	log := slog.New(slog.DiscardHandler)
	assets, err := static.New()
	if err != nil {
		return nil, err
	}
	desk := cashier.New(cashier.Config{
		Payments: models.NewPayments(db), Orders: models.NewOrders(db), Inbox: models.NewInbox(db), Health: models.NewHealth(db),
		PublicURL: "http://127.0.0.1", NewID: rand.Text, NewKey: uuid.NewString, Log: log, Pace: cashier.Growing,
	})
	h, err := handlers.New(handlers.Deps{
		Log: log, DB: db, Cashier: desk, Assets: assets, Secret: password, NewID: rand.Text,
		Shop: web.Shop{Name: "Kauri", Currencies: []money.Currency{"EUR", "NZD", "USD"}, Location: time.UTC, PublicURL: "http://127.0.0.1"},
	})
	if err != nil {
		return nil, err
	}
	v := &visitor{handler: h, rand: mrand.New(mrand.NewPCG(1, 1))} //nolint:gosec // the same pages every time
	form := strings.NewReader(url.Values{"email": {owner}, "password": {password}}.Encode())
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1/admin/login", form)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if v.cookies = w.Result().Cookies(); w.Code != http.StatusSeeOther || len(v.cookies) == 0 {
		return nil, fmt.Errorf("signing in: status %d", w.Code)
	}
	return v, v.know(ctx, db)
}

// know gets to know some orders of all ages.
func (v *visitor) know(ctx context.Context, db *models.DB) error {
	newest, _, err := models.NewOrders(db).List(ctx, models.OrderFilter{Limit: 1})
	if err != nil || len(newest) == 0 {
		return cmp.Or(err, errors.New("the shop has no orders"))
	}
	for range 50 {
		some, _, err := models.NewOrders(db).List(ctx, models.OrderFilter{Before: 1002 + v.rand.Int64N(newest[0].ID-1000), Limit: 1})
		if err != nil {
			return err
		}
		v.orders = append(v.orders, some...)
	}
	return nil
}

// one is one of the orders that are known.
func (v *visitor) one() models.OrderRow { return v.orders[v.rand.IntN(len(v.orders))] }

// asked is a page, and the address of one of its kind.
type asked struct {
	name string
	path func() string
}

// pages are the pages that are measured.
func (v *visitor) pages(size int) []asked {
	list := func(name string, pairs ...string) asked {
		q := url.Values{}
		for pair := range slices.Chunk(pairs, 2) {
			q.Set(pair[0], pair[1])
		}
		return asked{"orders, " + name, func() string { return "/admin/orders?" + q.Encode() }}
	}
	fixed := func(name, path string) asked { return asked{name, func() string { return path }} }
	ago := func(days int) string { return time.Now().AddDate(0, 0, -days).Format(time.DateOnly) }
	all := []asked{
		fixed("overview, today", "/admin?days=1"), fixed("overview, 7 days", "/admin?days=7"), fixed("overview, 30 days", "/admin?days=30"), fixed("overview, 90 days", "/admin?days=90"),
		list("newest"), list("in the middle", "before", strconv.Itoa(1000+size/2)), list("the oldest", "after", "1000"),
		list("paid", "status", "paid"), list("failed", "status", "failed"), list("refunded", "status", "refunded"), list("on hold", "status", "hold"), list("disputed", "status", "chargeback"),
		list("need attention", "attention", "yes"), list("provider", "provider", "gate"), list("method", "method", "pgm:satispay/satispay"),
		list("currency", "currency", "NZD"), list("amount", "currency", "EUR", "from", "100.00", "to", "120.00"),
		list("a week long ago", "since", ago(400), "until", ago(393)), list("tests", "test", "test"), list("to ship", "todo", "ship"),
		list("paid, provider, currency", "status", "paid", "provider", "vertex", "currency", "USD"),
		list("highest amount", "currency", "EUR", "sort", "highest"), list("oldest first", "sort", "oldest"),
		{"search, number", func() string { return "/admin/orders?q=" + v.one().Number() }},
		{"search, e-mail", func() string { return "/admin/orders?q=" + url.QueryEscape(v.one().Email) }},
		{"search, beginning of an e-mail", func() string { return "/admin/orders?q=" + url.QueryEscape(v.one().Email[:6]) }},
		list("search, common name", "q", "ann"), list("search, two common words", "q", "ann mug"), list("search, word of half", "q", "gmail.com"), list("search, nothing", "q", "zebra"),
		{"order", func() string { return "/admin/orders/" + v.one().Number() }},
		fixed("payments", "/admin/payments"), fixed("payments, failed", "/admin/payments?state=failed"), fixed("refunds", "/admin/refunds"),
		fixed("inbox", "/admin/inbox"), fixed("deliveries", "/admin/deliveries"), fixed("mails", "/admin/deliveries?way=out"), fixed("providers", "/admin/providers"),
		fixed("daily close", "/admin/closes"),
		{"a closed day", func() string { return "/admin/closes/" + v.one().CreatedAt.Format(time.DateOnly) }},
		fixed("products", "/admin/products"), fixed("audit", "/admin/audit"),
	}
	return all
}

// warmUps are enough for the pages of every order that is known to be in memory.
const warmUps = 60

// measure asks for a page again and again.
func (v *visitor) measure(ctx context.Context, p asked, times int) (spent, error) {
	took, size := make([]time.Duration, 0, times), 0
	for i := range times + warmUps {
		r := v.request(ctx, p.path())
		w := httptest.NewRecorder()
		began := time.Now()
		v.handler.ServeHTTP(w, r)
		d := time.Since(began)
		if w.Code != http.StatusOK || !bytes.HasSuffix(bytes.TrimSpace(w.Body.Bytes()), []byte("</html>")) {
			return spent{}, fmt.Errorf("%s: status %d", r.URL, w.Code)
		}
		if i >= warmUps {
			took, size = append(took, d), size+w.Body.Len()
		}
	}
	slices.Sort(took)
	return spent{p50: took[len(took)/2], p95: took[len(took)*95/100], bytes: size / times}, nil
}

func (v *visitor) request(ctx context.Context, path string) *http.Request {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1"+path, nil)
	for _, c := range v.cookies {
		r.AddCookie(c)
	}
	return r
}

// counted is a client that reads everything and keeps nothing.
type counted struct {
	header http.Header
	status int
	bytes  int64
	lines  int64
}

func (c *counted) Header() http.Header    { return c.header }
func (c *counted) WriteHeader(status int) { c.status = status }
func (c *counted) Flush()                 {}
func (c *counted) Write(p []byte) (int, error) {
	c.bytes += int64(len(p))
	c.lines += int64(bytes.Count(p, []byte("\n")))
	return len(p), nil
}

// export takes all orders out, and says how much memory was in use meanwhile.
func (v *visitor) export(ctx context.Context, out io.Writer, size int) error {
	runtime.GC()
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	var peak atomic.Uint64
	done, gone := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(gone)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				var now runtime.MemStats
				runtime.ReadMemStats(&now)
				peak.Store(max(peak.Load(), now.HeapInuse))
			}
		}
	}()
	w, began := &counted{header: http.Header{}, status: http.StatusOK}, time.Now()
	v.handler.ServeHTTP(w, v.request(ctx, "/admin/orders.csv"))
	close(done)
	<-gone
	if w.status != http.StatusOK || w.lines != int64(size)+1 {
		return fmt.Errorf("export: status %d, %d lines", w.status, w.lines)
	}
	_, err := fmt.Fprintf(out, "  export of %d orders: %.1f MB in %s, heap %.1f MB before, %.1f MB at its peak\n", size, float64(w.bytes)/1e6,
		time.Since(began).Round(time.Millisecond), float64(before.HeapInuse)/1e6, float64(peak.Load())/1e6)
	return err
}
