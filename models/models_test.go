package models_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"till/models"
	"till/models/modelstest"

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

func TestOpen_NoServer(t *testing.T) {
	t.Parallel()
	_, err := models.Open(t.Context(), models.Options{Name: "postgres://till:hunter2@127.0.0.1:1/none?connect_timeout=1", Now: time.Now})
	if !errors.Is(err, models.ErrUnavailable) || strings.Contains(err.Error(), "hunter2") {
		t.Fatalf("got %v", err)
	}
}
