package models_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"till/models"
	"till/models/modelstest"
	"till/money"

	"gorm.io/gorm"
)

// shelf makes orders of NZD 25.00 for Verify.
type shelf struct {
	*testing.T
	modelstest.Bench
	products map[string]models.Product
	payments *models.Payments
}

func newShelf(t *testing.T, b modelstest.Bench) *shelf {
	return &shelf{t, b, modelstest.Catalogue(t, b), models.NewPayments(b.DB)}
}

// issued is an order that nobody has paid.
func (s *shelf) issued() models.Payment {
	s.Helper()
	p := modelstest.Placement(s.T, s.products, "acme")
	modelstest.Place(s.T, s.Bench, p)
	pay, err := s.payments.ByID(s.Context(), p.Payment.ID)
	if err != nil {
		s.Fatal(err)
	}
	return pay
}

func (s *shelf) record(c models.Change) models.Payment {
	s.Helper()
	pay, _, err := s.payments.Record(s.Context(), c)
	if err != nil {
		s.Fatal(err)
	}
	return pay
}

func (s *shelf) paid() models.Payment {
	s.Helper()
	return s.record(paid(s.issued(), "callback 1"))
}

// mismatch is an order for which the provider took a dollar less.
func (s *shelf) mismatch() models.Payment {
	s.Helper()
	p := s.issued()
	return s.record(models.Change{
		PaymentID: p.ID, Version: p.Version, State: models.PaymentMismatch, Word: "completed", Cause: shopper,
		Facts: []models.Fact{{Kind: models.FactCaptured, Amount: money.Amount{Minor: 2400, Currency: "NZD"}}},
	})
}

// unheard is an order whose start had no answer, and about which nobody can ask.
func (s *shelf) unheard() models.Payment {
	s.Helper()
	p := s.issued()
	return s.record(models.Change{PaymentID: p.ID, Version: p.Version, State: models.PaymentUnknown, Cause: shopper})
}

// refunding is a paid order of which NZD 10.00 are about to go back.
func (s *shelf) refunding() models.Payment {
	s.Helper()
	p := s.paid()
	if _, _, err := s.payments.Reserve(s.Context(), models.Reservation{
		PaymentID: p.ID, Kind: models.OperationRefund, Key: rand.Text(), Amount: money.Amount{Minor: 1000, Currency: "NZD"}, Cause: shopper,
	}); err != nil {
		s.Fatal(err)
	}
	return p
}

// stray puts a callback whose payment nobody knows into the inbox.
func (s *shelf) stray() {
	s.Helper()
	deliveries := models.NewDeliveries(s.DB)
	id, err := deliveries.Receive(s.Context(), models.Delivery{Provider: "acme", EventID: rand.Text(), Ref: "nobody's", Body: []byte("{}")})
	if err != nil {
		s.Fatal(err)
	}
	if _, err := deliveries.Match(s.Context(), id); !errors.Is(err, models.ErrNotFound) {
		s.Fatal(err)
	}
	if err := models.NewInbox(s.DB).Strays(s.Context(), s.Clock.Now()); err != nil {
		s.Fatal(err)
	}
}

// sql does what no code of ours does.
func (s *shelf) sql(statements string, args ...any) {
	s.Helper()
	if err := raw(s.T, s.Bench, statements, args...); err != nil {
		s.Fatal(statements, err)
	}
}

// unlock takes away what keeps rows from being changed like that.
func (s *shelf) unlock(kind string) {
	s.Helper()
	s.sql("DROP INDEX payments_live")
	s.sql("DROP INDEX mails_order")
	if kind == "postgres" {
		s.sql("DROP TRIGGER facts_append_only ON facts")
		s.sql("DROP TRIGGER documents_append_only ON documents")
		s.sql("ALTER TABLE bookings DROP CONSTRAINT bookings_fact_id_fkey")
		s.sql("ALTER TABLE documents DROP CONSTRAINT documents_fact_id_fkey")
		s.sql("ALTER TABLE payments DROP CONSTRAINT payments_check")
		return
	}
	s.sql("DROP TRIGGER facts_append_only_update")
	s.sql("DROP TRIGGER facts_append_only_delete")
	s.sql("DROP TRIGGER documents_append_only_update")
	s.sql("DROP TRIGGER documents_append_only_delete")
	s.connection("PRAGMA foreign_keys = OFF") // which a transaction cannot
	s.sql("PRAGMA ignore_check_constraints = ON")
}

// connection sets something of SQLite's only writing connection.
func (s *shelf) connection(pragma string) {
	s.Helper()
	pool, _, err := s.DB.SQL()
	if err != nil {
		s.Fatal(err)
	}
	if _, err := pool.ExecContext(s.Context(), pragma); err != nil {
		s.Fatal(err)
	}
}

// ofOrders leaves out what Verify says of the books: they have a test of their
// own.
func ofOrders(lines []string) []string {
	return slices.DeleteFunc(lines, func(line string) bool {
		_, what, _ := strings.Cut(line, " ")
		for _, part := range []string{"figures, ", "numbers of ", "last number of ", "booking of fact ", "document of fact ", "day of fact "} {
			if strings.HasPrefix(what, part) {
				return true
			}
		}
		return false
	})
}

func (s *shelf) verify() (lines []string, sum models.Verified) {
	s.Helper()
	sum, err := s.DB.Verify(s.Context(), func(f models.Finding) error {
		lines = append(lines, fmt.Sprintf("%d %s: %s, not %s", f.Order, f.What, f.Expected, f.Found))
		return nil
	})
	if err != nil {
		s.Fatal(err)
	}
	if int(sum.Findings) != len(lines) {
		s.Errorf("%d findings are counted, and %d told", sum.Findings, len(lines))
	}
	return lines, sum
}

func TestVerify_Sound(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		s := newShelf(t, b)
		if lines, sum := s.verify(); lines != nil || sum != (models.Verified{}) {
			t.Fatalf("an empty shop: %q %+v", lines, sum)
		}
		s.issued()
		s.paid()
		s.refunding()
		s.mismatch()
		accepted := s.mismatch()
		items, err := models.NewInbox(b.DB).OfOrder(t.Context(), accepted.OrderID)
		if err != nil || len(items) != 1 {
			t.Fatal(items, err)
		}
		if err := models.NewInbox(b.DB).Accept(t.Context(), items[0].ID, "they are regulars", shopper); err != nil {
			t.Fatal(err)
		}
		s.unheard()
		if err := s.payments.AskSoon(t.Context(), s.unheard().ID); err != nil { // its answer will take it out of the inbox
			t.Fatal(err)
		}
		if _, err := models.NewOrders(b.DB).Close(t.Context(), s.issued().OrderID, models.EventCancelled, "", shopper); err != nil {
			t.Fatal(err)
		}
		s.stray()

		before := count(t, b, "events", "")
		lines, sum := s.verify()
		if want := (models.Verified{Orders: 8, Payments: 8, Facts: 5, Items: 5}); lines != nil || sum != want {
			t.Errorf("%q %+v, want %+v", lines, sum, want)
		}
		if after := count(t, b, "events", ""); after != before {
			t.Error("it wrote")
		}
	})
}

// Each corruption is found, told as what it is, and is all that is found.
func TestVerify_FindsEach(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t, modelstest.Open(t, kind))
			s.unlock(kind)
			var want []string
			for _, tt := range []struct {
				make       func() models.Payment
				statements string   // separated by ;, with :p for the payment and :o for the order
				want       []string // with the same
			}{
				{s.paid, "UPDATE facts SET minor = 2400 WHERE payment_id = :p", []string{"captured of payment :p: NZD 24.00, not NZD 25.00"}},
				{s.paid, "UPDATE facts SET currency = 'USD' WHERE payment_id = :p", []string{"captured of payment :p: NZD 0.00, not NZD 25.00"}},
				{s.paid, "DELETE FROM facts WHERE payment_id = :p", []string{"captured of payment :p: NZD 0.00, not NZD 25.00"}},
				{
					s.refunding, "DELETE FROM facts WHERE payment_id = :p AND kind = 'refund_reserved'",
					[]string{"refund pending of payment :p: NZD 0.00, not NZD 10.00"},
				},
				{s.paid, "UPDATE payments SET authorized_minor = 1 WHERE id = :p", []string{"authorized of payment :p: NZD 0.00, not NZD 0.01"}},
				{s.paid, "UPDATE payments SET released_minor = 1 WHERE id = :p", []string{"released of payment :p: NZD 0.00, not NZD 0.01"}},
				{s.paid, "UPDATE payments SET disputed_minor = 1 WHERE id = :p", []string{"disputed of payment :p: NZD 0.00, not NZD 0.01"}},
				{s.paid, "UPDATE payments SET refunded_minor = 1 WHERE id = :p", []string{
					"refunded of payment :p: NZD 0.00, not NZD 0.01", "status: partially_refunded, not paid",
				}},
				{s.paid, "UPDATE payments SET captured_minor = 2600 WHERE id = :p", []string{
					"captured of payment :p: NZD 25.00, not NZD 26.00", "attention: overpayment, not nothing", "inbox: overpayment of :o, NZD 1.00, not nothing",
				}},
				{ // the ledger itself gives back more than was taken
					s.refunding, "UPDATE facts SET minor = 2501 WHERE payment_id = :p AND kind = 'refund_reserved'; UPDATE payments SET refund_pending_minor = 2501 WHERE id = :p",
					[]string{"refunded or about to be of payment :p: at most NZD 25.00, not NZD 25.01"},
				},
				{s.paid, "UPDATE orders SET status = 'refunded' WHERE id = :o", []string{"status: paid, not refunded"}},
				{s.issued, "UPDATE orders SET status = 'paid' WHERE id = :o", []string{"status: issued, not paid"}},
				{s.issued, "UPDATE payments SET state = 'failed', live = FALSE WHERE id = :p", []string{"status: failed, not issued"}},
				{s.paid, "UPDATE orders SET attention = 'mismatch' WHERE id = :o", []string{"attention: nothing, not mismatch"}},
				{s.mismatch, "UPDATE orders SET attention = '' WHERE id = :o", []string{"attention: mismatch, not nothing"}},
				{s.paid, "UPDATE orders SET paid_at = NULL WHERE id = :o", []string{"when it was paid: a time, not nothing"}},
				{
					s.mismatch, "UPDATE inbox SET resolution = 'gone', closed_at = opened_at WHERE order_id = :o",
					[]string{"inbox: mismatch of :p (completed), NZD 24.00, not nothing"},
				},
				{s.mismatch, "DELETE FROM inbox WHERE order_id = :o", []string{"inbox: mismatch of :p (completed), NZD 24.00, not nothing"}},
				{s.mismatch, "UPDATE inbox SET minor = 2300 WHERE order_id = :o", []string{
					"inbox: nothing, not mismatch of :p (completed), NZD 23.00", "inbox: mismatch of :p (completed), NZD 24.00, not nothing",
				}},
				{
					s.paid, "INSERT INTO inbox (kind, subject, detail, minor, currency, order_id, resolution, reason, actor, opened_at) SELECT 'dispute', id, '', 1, 'NZD', order_id, '', '', '', created_at FROM payments WHERE id = :p",
					[]string{"inbox: nothing, not dispute of :p, NZD 0.01"},
				},
				{s.unheard, "UPDATE payments SET ask_at = created_at WHERE id = :p; DELETE FROM inbox WHERE order_id = :o", []string{"attention: nothing, not unknown"}},
				{
					s.issued, "INSERT INTO payments SELECT " + columnsBut(s, "payments", map[string]string{"id": "'copy-of-' || id"}) + " FROM payments WHERE id = :p",
					[]string{"live payments: at most 1, not 2"},
				},
				{
					s.paid, "INSERT INTO mails (order_id, kind, recipient, subject, body, created_at) SELECT order_id, kind, recipient, subject, body, created_at FROM mails WHERE order_id = :o",
					[]string{"mails that it is paid: at most 1, not 2"},
				},
				{
					s.refunding, "INSERT INTO mails (order_id, operation_id, kind, recipient, subject, body, created_at) SELECT order_id, (SELECT MAX(id) FROM operations WHERE payment_id = :p), kind, recipient, subject, body, created_at FROM mails WHERE order_id = :o",
					[]string{"mails that it is paid: at most 1, not 2"},
				},
			} {
				pay := tt.make()
				of := strings.NewReplacer(":p", "'"+pay.ID+"'", ":o", fmt.Sprint(pay.OrderID))
				for statement := range strings.SplitSeq(tt.statements, ";") {
					s.sql(of.Replace(statement))
				}
				for _, line := range tt.want {
					want = append(want, fmt.Sprintf("%d ", pay.OrderID)+strings.NewReplacer(":p", pay.ID, ":o", fmt.Sprint(pay.OrderID)).Replace(line))
				}
			}
			s.stray()
			s.sql("INSERT INTO inbox (kind, subject, detail, minor, currency, resolution, reason, actor, opened_at) SELECT 'mismatch', 'nobody', '', 0, '', '', '', '', opened_at FROM inbox WHERE delivery_id IS NOT NULL")
			lines, _ := s.verify()
			lines = ofOrders(lines)
			if len(lines) == 0 || !strings.HasPrefix(lines[len(lines)-1], "0 inbox item ") || !strings.HasSuffix(lines[len(lines)-1], ": an order, not mismatch of nobody") {
				t.Fatalf("the item of nobody is not found: %q", lines)
			}
			if lines = lines[:len(lines)-1]; !slices.Equal(lines, want) {
				t.Errorf("found\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// columnsBut is a table's columns for a copy of a row, some with other values.
func columnsBut(s *shelf, table string, other map[string]string) string {
	s.Helper()
	var names []string
	err := s.DB.Write(s.Context(), func(tx *gorm.DB) error {
		columns, err := tx.Migrator().ColumnTypes(table)
		for _, c := range columns {
			name := c.Name()
			if v, ok := other[name]; ok {
				name = v
			}
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		s.Fatal(err)
	}
	return strings.Join(names, ", ")
}

// Many orders are read in several batches; none is left out and none is read
// twice, also beside gaps in the numbers.
func TestVerify_ManyOrders(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		s := newShelf(t, b)
		first := s.issued()
		columns := columnsBut(s, "orders", map[string]string{
			"id": "id + i", "token": "'token-of-one-of-many-copies-' || i", "checkout_key": "'copy-' || i",
		})
		s.sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1499) INSERT INTO orders SELECT " + columns + " FROM orders, n")
		s.sql("DELETE FROM orders WHERE id > 1550 AND id < 1560")
		bad := []int64{1500, 1501, 1700, 2000, 2500}
		s.sql("UPDATE orders SET status = 'viewed' WHERE id IN ?", bad)
		lines, sum := s.verify()
		if len(lines) != len(bad) || sum.Orders != 1500-9 || sum.Payments != 1 || first.OrderID != 1001 {
			t.Fatalf("%q %+v", lines, sum)
		}
		for i, number := range bad {
			if want := fmt.Sprintf("%d status: issued, not viewed", number); lines[i] != want {
				t.Errorf("%s, want %s", lines[i], want)
			}
		}

		enough, told := errors.New("enough"), 0
		_, err := b.DB.Verify(t.Context(), func(models.Finding) error {
			told++
			return enough
		})
		if !errors.Is(err, enough) || told != 1 {
			t.Errorf("%v after %d", err, told)
		}
	})
}

// A database of another program, or of a former version, is not touched.
func TestVerify_OldSchema(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			db, err := models.Open(t.Context(), models.Options{Name: modelstest.Name(t, kind), Now: modelstest.NewClock().Now})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			}()
			if _, err := db.Verify(t.Context(), nil); !errors.Is(err, models.ErrOldSchema) {
				t.Fatal(err)
			}
			err = db.Write(t.Context(), func(tx *gorm.DB) error {
				if tx.Migrator().HasTable("goose_db_version") || tx.Migrator().HasTable("orders") {
					t.Error("it made tables")
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if sum, err := db.Verify(t.Context(), nil); err != nil || sum != (models.Verified{}) {
				t.Error(sum, err)
			}
			if err := db.Write(t.Context(), func(tx *gorm.DB) error { return tx.Exec("DELETE FROM goose_db_version WHERE version_id > 1").Error }); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Verify(t.Context(), nil); !errors.Is(err, models.ErrOldSchema) {
				t.Error(err)
			}
		})
	}
}
