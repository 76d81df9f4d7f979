package e2e_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver for making schemas
)

const (
	staffEmail    = "ann@shop.example"
	staffPassword = "rain on a tin roof"

	// postgres is where a PostgreSQL is looked for unless TILL_TEST_POSTGRES says.
	postgres = "postgres://till:till@127.0.0.1:5432/till_test"

	shopName = "Kauri & Clay"
)

// house is a shop with its sandbox, each a process of its own.
type house struct {
	t     testing.TB
	url   string // of the shop
	addr  string
	env   []string
	serve *process
	box   *box
}

// setup opens a shop over a database with a small catalogue and one member of
// staff. The kind is "sqlite" or "postgres".
func setup(t testing.TB, kind string) *house {
	t.Helper()
	return furnish(t, kind, "NZD,USD,SBD", nil, "iumicash")
}

// furnish is setup with a choice of currencies, of further settings, and of the
// providers that are on. The sandbox is looked at as the first of them.
func furnish(t testing.TB, kind, currencies string, settings []string, providers ...string) *house {
	t.Helper()
	h := &house{t: t, addr: freePort(t)}
	database := stocked(t, kind)
	h.url = "http://" + h.addr
	h.box = openBox(t, h.url, settings...).at(providers[0])
	h.env = slices.Concat([]string{
		"TILL_ADDR=" + h.addr, "TILL_PUBLIC_URL=" + h.url, "TILL_DATABASE=" + database,
		"TILL_SECRET=correct horse battery staple, and more of it", "TILL_CURRENCIES=" + currencies,
		"TILL_SHOP_NAME=" + shopName, "TILL_SHOP_HEADLINE=Small things for the house, made slowly.",
		"TILL_SHOP_CONTACT=hello@kauri.example", "TILL_TIMEZONE=Pacific/Auckland",
	}, h.box.settings(providers...), settings)
	h.open()
	if slices.Contains(providers, "gate") { // which calls nobody before it was told where
		awaits(t, h.serve, h.serve.log, "that the Gate knows where to call", func(text string) (string, bool) {
			return text, strings.Contains(text, "webhook is registered")
		})
	}
	return h
}

// lent is the house as one of several tests at once uses it.
func (h *house) lent(t testing.TB) *house {
	mine := *h
	mine.t = t
	mine.box = h.box.at(h.box.provider)
	mine.box.t = t
	return &mine
}

// open starts the shop, or starts it again after a kill, and waits until it
// takes orders.
func (h *house) open() {
	h.t.Helper()
	h.serve = launch(h.t, command{args: []string{"serve"}, env: h.env})
	if at := h.serve.listening(h.t); at != h.addr {
		h.t.Fatalf("listens on %s, was told %s", at, h.addr)
	}
	eventually(h.t, patience, "the shop is ready", func() (string, bool) {
		p, err := newShopper(h.t, h.url).try("GET", h.url+"/-/ready", nil)
		if err != nil {
			return err.Error(), false
		}
		return p.text(), p.status == 200
	})
}

// each runs a test on both databases, side by side.
func each(t *testing.T, test func(t *testing.T, h *house)) {
	t.Helper()
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, setup(t, kind))
		})
	}
}

// stocked makes a database with the catalogue and the staff in it, and returns
// its name. A SQLite file is made once and copied.
func stocked(t testing.TB, kind string) string {
	t.Helper()
	if kind == "postgres" {
		name := schema(t)
		fill(t, name)
		return name
	}
	template.Do(func() {
		fill(t, filepath.Join(filepath.Dir(program), "template.db"))
	})
	name := filepath.Join(t.TempDir(), "till.db")
	copyFile(t, filepath.Join(filepath.Dir(program), "template.db"), name)
	return name
}

var template sync.Once

// fill does what the owner of a new shop does.
func fill(t testing.TB, database string) {
	t.Helper()
	catalogue, err := filepath.Abs("testdata/catalogue.csv")
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"TILL_DATABASE=" + database}
	runs(t, command{args: []string{"catalogue", "import", catalogue}, env: env})
	runs(t, command{args: []string{"staff", "add", "--email", staffEmail, "--role", "owner"}, env: env, stdin: staffPassword + "\n"})
}

// schema makes an empty schema of its own and returns a database name that
// means it.
func schema(t testing.TB) string {
	t.Helper()
	at := os.Getenv("TILL_TEST_POSTGRES")
	if at == "" {
		at = postgres
	}
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal("TILL_TEST_POSTGRES is no URL")
	}
	db, err := sql.Open("pgx", at)
	if err != nil {
		t.Fatal(err)
	}
	name := "e2e_" + strings.ToLower(rand.Text())
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := db.ExecContext(ctx, "CREATE SCHEMA "+name); err != nil {
		_ = db.Close()
		missing(t, "postgres", "nothing answers at "+u.Redacted()+"; TILL_TEST_POSTGRES names another")
	}
	t.Cleanup(func() {
		if _, err := db.ExecContext(context.WithoutCancel(ctx), "DROP SCHEMA "+name+" CASCADE"); err != nil {
			t.Error(err)
		}
		_ = db.Close()
	})
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String()
}

// eventually asks until the answer is yes, and fails the test with the last
// answer when time is over.
func eventually(t testing.TB, within time.Duration, what string, ask func() (got string, ok bool)) {
	t.Helper()
	slowly(t, within, 50*time.Millisecond, what, ask)
}

// slowly is eventually for questions that cost more.
func slowly(t testing.TB, within, pause time.Duration, what string, ask func() (got string, ok bool)) {
	t.Helper()
	deadline := time.Now().Add(within)
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		got, ok := ask()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within %s: %s\nlast: %s", within, what, got)
		}
		<-tick.C
	}
}
