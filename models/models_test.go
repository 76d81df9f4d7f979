package models_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"till/models"
	"till/models/modelstest"
	"till/money"

	"github.com/jackc/pgx/v5/pgconn"
	"gorm.io/gorm"
	"gorm.io/gorm/schema"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // as the program does
	os.Exit(m.Run())
}

// raw runs SQL that no query of ours would.
func raw(t *testing.T, b modelstest.Bench, sql string, args ...any) error {
	t.Helper()
	return b.DB.Write(t.Context(), func(tx *gorm.DB) error { return tx.Exec(sql, args...).Error })
}

// Every field of every model has its column, and every column its field.
func TestSchema_MatchesModels(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		rows := []any{
			models.Product{},
			models.Price{},
			models.Order{},
			models.OrderLine{},
			models.Payment{},
			models.Operation{},
			models.Fact{},
			models.Event{},
			models.Report{},
			models.Delivery{},
			models.RefundLine{},
			models.StockHold{},
			models.InboxItem{},
			models.Refusal{},
			models.StockMovement{},
			models.Mail{},
			models.Staff{},
			models.StaffSession{},
			models.Throttle{},
		}
		err := b.DB.Write(t.Context(), func(tx *gorm.DB) error {
			for _, row := range rows {
				s, err := schema.Parse(row, &sync.Map{}, tx.NamingStrategy)
				if err != nil {
					return err
				}
				columns, err := tx.Migrator().ColumnTypes(row)
				if err != nil {
					return err
				}
				have := map[string]bool{}
				for _, c := range columns {
					have[c.Name()] = true
				}
				for _, name := range s.DBNames {
					if !have[name] {
						t.Errorf("%s: field column %q is not in the schema", s.Table, name)
					}
					delete(have, name)
				}
				for name := range have {
					t.Errorf("%s: column %q has no field", s.Table, name)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// Go gives the good message; SQL gives the guarantee.
func TestSchema_Refuses(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		products := modelstest.Catalogue(t, b)
		p := modelstest.Placement(t, products, "acme")
		modelstest.Place(t, b, p)
		if err := raw(t, b, `INSERT INTO facts (payment_id, kind, minor, currency, ref, actor, source, at) VALUES (?, 'captured', 2500, 'NZD', '', '', '', ?)`,
			p.Payment.ID, b.Clock.Now()); err != nil {
			t.Fatal(err)
		}
		for name, sql := range map[string]string{
			"a state nobody knows":      `UPDATE payments SET state = 'bogus'`,
			"a status nobody knows":     `UPDATE orders SET status = 'bogus'`,
			"a payment of nothing":      `UPDATE payments SET minor = 0`,
			"more refunded than taken":  `UPDATE payments SET refunded_minor = 1`,
			"more reserved than taken":  `UPDATE payments SET captured_minor = 10, refund_pending_minor = 11`,
			"a changed fact":            `UPDATE facts SET minor = 1`,
			"a deleted fact":            `DELETE FROM facts`,
			"a fact of no payment":      `INSERT INTO facts (payment_id, kind, minor, currency, ref, actor, source, at) VALUES ('ghost', 'captured', 1, 'NZD', '', '', '', '2026-01-01')`,
			"a fact of no money":        `INSERT INTO facts (payment_id, kind, minor, currency, ref, actor, source, at) SELECT id, 'captured', 0, 'NZD', '', '', '', '2026-01-01' FROM payments`,
			"two live payments":         `INSERT INTO payments SELECT 'x' || id, order_id, provider, method, 'r2', state, live, minor, currency, capture, word, reason, redirect_url, data, version, authorized_minor, released_minor, captured_minor, refund_pending_minor, refunded_minor, disputed_minor, asked, asked_at, ask_at, created_at, updated_at FROM payments`,
			"a price of nothing":        `UPDATE prices SET minor = 0`,
			"a role nobody knows":       `INSERT INTO staff (email, role, password_hash, created_at, updated_at) VALUES ('a@b', 'king', '', '2026-01-01', '2026-01-01')`,
			"an order with a bad token": `UPDATE orders SET token = 'short'`,
		} {
			if err := raw(t, b, sql); err == nil {
				t.Errorf("%s: was written", name)
			} else if errors.Is(err, models.ErrUnavailable) {
				t.Errorf("%s: %v, which is no answer", name, err)
			}
		}
	})
}

func TestOpen_SettingsOfSQLite(t *testing.T) {
	t.Parallel()
	b := modelstest.Open(t, "sqlite")
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "busy_timeout": "5000"} {
		var got string
		if err := b.DB.Write(t.Context(), func(tx *gorm.DB) error { return tx.Raw("PRAGMA " + pragma).Scan(&got).Error }); err != nil || got != want {
			t.Errorf("%s is %q, want %q (%v)", pragma, got, want, err)
		}
	}
}

func TestMigrate_TwiceAndFromTwoProcesses(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			name := modelstest.Name(t, kind)
			db, err := models.Open(t.Context(), models.Options{Name: name, Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if err := db.CheckSchema(t.Context()); !errors.Is(err, models.ErrOldSchema) {
				t.Fatalf("an empty database: %v", err)
			}
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					other, err := models.Open(t.Context(), models.Options{Name: name, Now: time.Now})
					if err != nil {
						t.Error(err)
						return
					}
					defer other.Close()
					if kind == "sqlite" {
						return // one process is SQLite's rule; opening beside it does no harm
					}
					if err := other.Migrate(t.Context()); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			for range 2 {
				if err := db.Migrate(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if err := db.CheckSchema(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Both databases must make the same of the same schema.
func TestMigrations_SayTheSame(t *testing.T) {
	t.Parallel()
	names := func(dir string) []string {
		all, err := filepath.Glob(filepath.Join("migrations", dir, "*.sql"))
		if err != nil {
			t.Fatal(err)
		}
		for i := range all {
			all[i] = filepath.Base(all[i])
		}
		return all
	}
	if lite, pg := names("sqlite"), names("postgres"); !slices.Equal(lite, pg) || len(lite) == 0 {
		t.Fatalf("%v and %v", lite, pg)
	}
}

func TestWrite_LockedOrReadOnly(t *testing.T) {
	t.Parallel()
	b := modelstest.Open(t, "sqlite")
	modelstest.Catalogue(t, b)
	if os.Geteuid() == 0 {
		// root may write anything, so the file is made to say no by itself
		if err := raw(t, b, "PRAGMA query_only = ON"); err != nil {
			t.Fatal(err)
		}
	} else if err := os.Chmod(b.Name, 0o400); err != nil {
		t.Fatal(err)
	}
	err := b.DB.Write(t.Context(), func(tx *gorm.DB) error { return tx.Exec("DELETE FROM mails").Error })
	if !errors.Is(err, models.ErrUnavailable) {
		t.Fatalf("a database that cannot be written: %v", err)
	}
	if err := b.DB.Ping(t.Context()); !errors.Is(err, models.ErrUnavailable) {
		t.Fatalf("ping: %v", err)
	}
}

// Somebody holds the database: everybody in the queue hears so, and nobody
// waits for the sum of the others' patience.
func TestWrite_HeldBySomebodyElse(t *testing.T) {
	t.Parallel()
	b := modelstest.Open(t, "sqlite")
	open := func(patience time.Duration) *models.DB {
		db, err := models.Open(t.Context(), models.Options{Name: b.Name, Now: b.Clock.Now, Patience: patience})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	held, release, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		done <- open(time.Minute).Write(t.Context(), func(*gorm.DB) error {
			close(held)
			<-release
			return nil
		})
	}()
	<-held
	waiting := open(20 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second) // less than even one of them waits by itself
	defer cancel()
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			err := waiting.Write(ctx, func(*gorm.DB) error { t.Error("it was written"); return nil })
			if !errors.Is(err, models.ErrUnavailable) {
				t.Errorf("got %v", err)
			}
		})
	}
	wg.Wait()
	close(release)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := open(0).Ping(t.Context()); err != nil {
		t.Fatalf("after it was released: %v", err)
	}
}

// PostgreSQL gives a transaction up for another one's sake: it is run again, a
// few times, and then it is a matter of now and not of so.
func TestWrite_RunAgain(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		for _, code := range []string{"40P01", "40001"} {
			write := func(fails int) (runs int, err error) {
				err = b.DB.Write(t.Context(), func(tx *gorm.DB) error {
					runs++
					if err := tx.Exec("INSERT INTO throttles (key, times, expires_at) VALUES (?, ?, ?)", code+rand.Text(), runs, b.Clock.Now()).Error; err != nil {
						return err
					}
					if runs <= fails {
						return fmt.Errorf("models: order 1001: %w", &pgconn.PgError{Code: code})
					}
					return nil
				})
				return runs, err
			}
			if runs, err := write(2); err != nil || runs != 3 {
				t.Errorf("%s twice: run %d times, %v", code, runs, err)
			}
			if n := count(t, b, "throttles", "key LIKE ?", code+"%"); n != 1 {
				t.Errorf("%s: %d rows of one write", code, n)
			}
			if runs, err := write(99); !errors.Is(err, models.ErrUnavailable) || runs != 5 {
				t.Errorf("%s always: run %d times, %v", code, runs, err)
			}
			if n := count(t, b, "throttles", "key LIKE ?", code+"%"); n != 1 {
				t.Errorf("%s: a write that was given up left %d rows", code, n-1)
			}
		}
		runs := 0
		err := b.DB.Write(t.Context(), func(*gorm.DB) error { runs++; return models.ErrStale })
		if !errors.Is(err, models.ErrStale) || runs != 1 {
			t.Errorf("run %d times for a reason of its own: %v", runs, err)
		}
	})
}

// Two transactions hold what the other wants. Both come to be.
func TestWrite_Deadlock(t *testing.T) {
	t.Parallel()
	b := modelstest.Open(t, "postgres")
	modelstest.Catalogue(t, b)
	var both, wg sync.WaitGroup
	both.Add(2)
	for _, slugs := range [][]string{{"mug", "honey"}, {"honey", "mug"}} {
		wg.Go(func() {
			held := sync.OnceFunc(func() { both.Done(); both.Wait() }) // the first time only
			err := b.DB.Write(t.Context(), func(tx *gorm.DB) error {
				for _, slug := range slugs {
					if err := tx.Exec("UPDATE products SET description = description || '!' WHERE slug = ?", slug).Error; err != nil {
						return err
					}
					held()
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := count(t, b, "products", "description LIKE '%!!'"); n != 2 {
		t.Fatalf("%d of 2 products have both writes", n)
	}
}

// A key that was found missing by a write that was given up may have been taken
// by somebody else when it is run again: then nothing is fresh.
func TestWrite_RunAgainStartsClean(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		s := newShelf(t, b)
		p := s.paid()
		queue := &outrun{Queue: b.Queue}
		b.DB.SetQueue(queue)
		defer b.DB.SetQueue(b.Queue)
		r := models.Reservation{
			PaymentID: p.ID, Kind: models.OperationRefund, Key: rand.Text(), Amount: money.Amount{Minor: 1000, Currency: "NZD"}, Done: true, Cause: shopper,
		}
		queue.times = 2
		op, fresh, err := s.payments.Reserve(t.Context(), r)
		if err != nil || !fresh || queue.times != 0 {
			t.Fatal(op, fresh, err)
		}
		if again, fresh, err := s.payments.Reserve(t.Context(), r); err != nil || fresh || again.ID != op.ID {
			t.Fatal(again, fresh, err)
		}
		if n := count(t, b, "operations", "kind = 'refund'"); n != 1 {
			t.Fatalf("%d refunds", n)
		}
		if n := count(t, b, "mails", "kind = 'refunded'"); n != 1 {
			t.Fatalf("%d mails", n)
		}

		deliveries := models.NewDeliveries(b.DB)
		queue.times = 2
		id, err := deliveries.Receive(t.Context(), models.Delivery{Provider: "acme", EventID: "e1", Ref: "r1", Body: []byte("{}")})
		if one, rerr := deliveries.ByID(t.Context(), id); err != nil || rerr != nil || one.Times != 1 {
			t.Fatalf("%+v %v %v", one, err, rerr)
		}
		queue.times = 2
		placement := modelstest.Placement(t, s.products, "acme")
		order, placed, err := models.NewOrders(b.DB).Place(t.Context(), placement, shopper)
		if err != nil || !placed || count(t, b, "payments", "order_id = ?", order.ID) != 1 {
			t.Fatal(order, placed, err)
		}
	})
}

// outrun is a queue that says a few times that the transaction was given up.
type outrun struct {
	*modelstest.Queue
	times int
}

func (o *outrun) InsertTx(ctx context.Context, tx *sql.Tx, args models.JobArgs) error {
	if o.times > 0 {
		o.times--
		return &pgconn.PgError{Code: "40P01"}
	}
	return o.Queue.InsertTx(ctx, tx, args)
}

// Many begin at once over a database that has prepared nothing yet, some in
// transactions and some not, with more of them than connections: none waits for
// ever for a statement of another one who waits for its connection.
func TestRead_ManyAtOnceTheFirstTime(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		p := newShelf(t, b).paid()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for range 8 {
			db, err := models.Open(ctx, models.Options{Name: b.Name, Now: b.Clock.Now, Queue: b.Queue})
			if err != nil {
				t.Fatal(err)
			}
			payments, orders := models.NewPayments(db), models.NewOrders(db)
			var wg sync.WaitGroup
			for i := range 120 {
				wg.Go(func() {
					var err error
					switch i % 6 {
					case 0:
						_, err = payments.Due(ctx, time.Minute, 5)
					case 1:
						_, _, err = payments.NextDue(ctx)
					case 2:
						_, err = orders.ByNumber(ctx, p.OrderID)
					case 3:
						_, err = payments.ByID(ctx, p.ID)
					default:
						_, _, err = payments.Operations(ctx, p.ID)
					}
					if err != nil {
						t.Error(i, err)
					}
				})
			}
			wg.Wait()
			if err := db.Close(); err != nil {
				t.Error(err)
			}
			if t.Failed() {
				return
			}
		}
	})
}

// Text that no row can have is not there, whatever the database says of it.
func TestRead_TextThatNoRowCanHave(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		s := newShelf(t, b)
		s.paid()
		ctx, orders, products := t.Context(), models.NewOrders(b.DB), models.NewProducts(b.DB)
		for _, text := range []string{"mug\x00", "\x00", "\xff", "a\xc3("} {
			for what, read := range map[string]func() error{
				"order's token":      func() error { _, err := orders.ByToken(ctx, text); return err },
				"order of a payment": func() error { _, err := orders.OfPayment(ctx, text); return err },
				"checkout key":       func() error { _, err := orders.ByCheckoutKey(ctx, text); return err },
				"checkout form":      func() error { _, err := orders.ByCheckout(ctx, text); return err },
				"product's slug":     func() error { _, err := products.BySlug(ctx, text); return err },
				"payment":            func() error { _, err := s.payments.ByID(ctx, text); return err },
				"start":              func() error { _, err := s.payments.Start(ctx, text); return err },
				"operations":         func() error { _, _, err := s.payments.Operations(ctx, text); return err },
				"session":            func() error { _, err := models.NewStaffSessions(b.DB).Find(ctx, text); return err },
				"staff":              func() error { _, err := models.NewStaff(b.DB).ByEmail(ctx, text); return err },
			} {
				if err := read(); !errors.Is(err, models.ErrNotFound) {
					t.Errorf("%s %q: %v", what, text, err)
				}
			}
			rows, more, err := orders.List(ctx, models.OrderFilter{Search: text, Limit: 10})
			if err != nil || more || len(rows) != 0 {
				t.Errorf("search for %q: %d rows, %v", text, len(rows), err)
			}
		}
	})
}

func TestOpen_NoServer(t *testing.T) {
	t.Parallel()
	_, err := models.Open(t.Context(), models.Options{Name: "postgres://till:hunter2@127.0.0.1:1/none?connect_timeout=1", Now: time.Now})
	if !errors.Is(err, models.ErrUnavailable) || strings.Contains(err.Error(), "hunter2") {
		t.Fatalf("got %v", err)
	}
}
