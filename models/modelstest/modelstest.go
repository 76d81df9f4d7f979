// Package modelstest opens databases for tests: a fresh SQLite file, and a
// fresh PostgreSQL schema where a server is there.
package modelstest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"till/models"
	"till/money"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver for making schemas
)

// server is where a PostgreSQL is looked for unless TILL_TEST_POSTGRES says.
const server = "postgres://till:till@127.0.0.1:5432/till_test"

// Clock is a clock that tests move.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// NewClock returns a clock that stands at a Friday noon.
func NewClock() *Clock { return &Clock{at: time.Date(2026, 3, 6, 12, 0, 0, 0, time.UTC)} }

// Now is the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Pass moves the clock on.
func (c *Clock) Pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// Queue is a queue that only remembers what it was given. Jobs of transactions
// that were rolled back are remembered, too.
type Queue struct {
	mu   sync.Mutex
	jobs []models.JobArgs
}

// InsertTx implements models.Queue.
func (q *Queue) InsertTx(_ context.Context, _ *sql.Tx, args models.JobArgs) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.jobs = append(q.jobs, args)
	return nil
}

// Take returns the jobs of one kind and forgets them.
func (q *Queue) Take(kind string) []models.JobArgs {
	q.mu.Lock()
	defer q.mu.Unlock()
	var taken, rest []models.JobArgs
	for _, job := range q.jobs {
		if job.Kind() == kind {
			taken = append(taken, job)
		} else {
			rest = append(rest, job)
		}
	}
	q.jobs = rest
	return taken
}

// Bench is a migrated database with a clock and a queue.
type Bench struct {
	DB    *models.DB
	Name  string // as models.Options has it
	Clock *Clock
	Queue *Queue
}

// Each runs a test on every kind of database there is.
func Each(t *testing.T, test func(t *testing.T, b Bench)) {
	t.Helper()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, Open(t, kind))
		})
	}
}

// Open opens a fresh database of one kind, and migrates it. Without a
// PostgreSQL it skips the test, unless TILL_TEST_REQUIRE names postgres.
func Open(t testing.TB, kind string) Bench {
	t.Helper()
	return OpenNamed(t, Name(t, kind))
}

// Name makes room for a fresh database of one kind and returns its name.
func Name(t testing.TB, kind string) string {
	t.Helper()
	if kind == "postgres" {
		return schema(t)
	}
	return filepath.Join(t.TempDir(), "till.db")
}

// OpenNamed opens a database that may be there already, and migrates it.
func OpenNamed(t testing.TB, name string) Bench {
	t.Helper()
	b := Bench{Name: name, Clock: NewClock(), Queue: &Queue{}}
	db, err := models.Open(t.Context(), models.Options{Name: name, Now: b.Clock.Now, Queue: b.Queue})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.DB = db
	return b
}

// schema makes an empty schema and returns a database name that means it.
func schema(t testing.TB) string {
	t.Helper()
	at := os.Getenv("TILL_TEST_POSTGRES")
	if at == "" {
		at = server
	}
	db, err := sql.Open("pgx", at)
	if err != nil {
		t.Fatal(err)
	}
	name := "t_" + strings.ToLower(rand.Text())
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := db.ExecContext(ctx, "CREATE SCHEMA "+name); err != nil {
		_ = db.Close()
		if strings.Contains(os.Getenv("TILL_TEST_REQUIRE"), "postgres") {
			t.Fatalf("no PostgreSQL at %s: %v", redacted(at), err)
		}
		t.Skipf("no PostgreSQL at %s; set TILL_TEST_POSTGRES to use one", redacted(at))
	}
	t.Cleanup(func() {
		if _, err := db.ExecContext(context.WithoutCancel(ctx), "DROP SCHEMA "+name+" CASCADE"); err != nil {
			t.Error(err)
		}
		_ = db.Close()
	})
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}

func redacted(at string) string {
	u, err := url.Parse(at)
	if err != nil {
		return "TILL_TEST_POSTGRES"
	}
	return u.Redacted()
}

// Catalogue puts products named mug (NZD 12.50, USD 8.00) and honey (NZD 9.90,
// 5 in stock) on sale and returns them by slug.
func Catalogue(t testing.TB, b Bench) map[string]models.Product {
	t.Helper()
	five := int64(5)
	all := []models.Product{
		{Slug: "mug", Name: "Mug", Description: "Holds tea.", Picture: "mug.svg", Prices: []models.Price{{Currency: "NZD", Minor: 1250}, {Currency: "USD", Minor: 800}}},
		{Slug: "honey", Name: "Honey", Description: "Sweet.", Picture: "honey.svg", Stock: &five, Prices: []models.Price{{Currency: "NZD", Minor: 990}}},
	}
	products := models.NewProducts(b.DB)
	if err := products.Import(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	bySlug := map[string]models.Product{}
	for _, p := range all {
		got, err := products.BySlug(t.Context(), p.Slug)
		if err != nil {
			t.Fatal(err)
		}
		bySlug[p.Slug] = got
	}
	return bySlug
}

// Placement is an order of two mugs for NZD 25.00 with a payment at the given
// provider.
func Placement(t testing.TB, products map[string]models.Product, provider string) models.Placement {
	t.Helper()
	mug := products["mug"]
	lines := []models.OrderLine{{ProductID: mug.ID, Slug: mug.Slug, Name: mug.Name, Picture: mug.Picture, UnitMinor: 1250, Quantity: 2}}
	const email = "ann@example.test"
	return models.Placement{
		Order: models.Order{
			Token: rand.Text(), CheckoutKey: rand.Text(), Fingerprint: models.Fingerprint(email, lines),
			Email: email, Name: "Ann Lee", Address: models.Address{Line1: "1 Kauri Road", City: "Nelson", Postcode: "7010", Country: "NZ"},
			Total: money.Amount{Minor: 2500, Currency: "NZD"}, DueAt: NewClock().Now().Add(7 * 24 * time.Hour),
		},
		Lines:   lines,
		Payment: models.NewPayment{ID: rand.Text(), Key: fmt.Sprintf("key-%s", rand.Text()), Provider: provider, Capture: models.CaptureAuto},
	}
}

// Place writes an order with its first payment.
func Place(t testing.TB, b Bench, p models.Placement) models.Order {
	t.Helper()
	order, placed, err := models.NewOrders(b.DB).Place(t.Context(), p, models.Cause{Actor: "shopper", Source: "checkout"})
	if err != nil || !placed {
		t.Fatal(placed, err)
	}
	return order
}
