package models_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"till/models"
	"till/models/modelstest"
)

// What is stored beside the facts is bent; recomputed, it is right again and
// said. Once more, nothing is written.
func TestOrders_Recompute(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := modelstest.Open(t, kind)
			s, orders := newShelf(t, b), models.NewOrders(b.DB)
			for _, tt := range []struct {
				name      string
				make      func() models.Payment
				statement string
				want      []string
			}{
				{"nothing", s.paid, "", nil},
				{"a balance", s.paid, "UPDATE payments SET captured_minor = 9999 WHERE id = :p", []string{"captured of payment 1: NZD 25.00, was NZD 99.99"}},
				{
					"two balances", s.refunding, "UPDATE payments SET refund_pending_minor = 0, disputed_minor = 5 WHERE id = :p",
					[]string{"refund pending of payment 1: NZD 10.00, was NZD 0.00", "disputed of payment 1: NZD 0.00, was NZD 0.05"},
				},
				{"the status", s.paid, "UPDATE orders SET status = 'issued' WHERE id = :o", []string{"status: paid, was issued"}},
				{"that it was paid", s.paid, "UPDATE orders SET paid_at = NULL WHERE id = :o", []string{"when it was paid: a time, was nothing"}},
				{
					"the inbox", s.mismatch, "DELETE FROM inbox WHERE order_id = :o",
					[]string{"inbox: mismatch of payment 1 (completed), NZD 24.00, was nothing"},
				},
				{"attention", s.paid, "UPDATE orders SET attention = 'dispute' WHERE id = :o", []string{"attention: nothing, was dispute"}},
			} {
				pay := tt.make()
				if tt.statement != "" {
					s.sql(strings.NewReplacer(":p", "'"+pay.ID+"'", ":o", fmt.Sprint(pay.OrderID)).Replace(tt.statement))
				}
				facts, mails, moved := count(t, b, "facts", ""), count(t, b, "mails", ""), count(t, b, "stock_movements", "")
				r, err := orders.Recompute(t.Context(), pay.OrderID, ann)
				if err != nil {
					t.Fatal(tt.name, err)
				}
				var got []string
				for _, f := range r.Mended {
					got = append(got, f.Text())
				}
				if strings.Join(got, "\n") != strings.Join(tt.want, "\n") || len(r.Left) != 0 || r.Payments != 1 {
					t.Errorf("%s: mended %q, left %v", tt.name, got, r.Left)
				}
				if f, m, v := count(t, b, "facts", ""), count(t, b, "mails", ""), count(t, b, "stock_movements", ""); f != facts || m != mails || v != moved {
					t.Errorf("%s: money, mails or goods moved", tt.name)
				}
				said := int64(0)
				if tt.want != nil {
					said = 1
				}
				if n := count(t, b, "events", fmt.Sprintf("order_id = %d AND kind = 'recomputed'", pay.OrderID)); n != said {
					t.Errorf("%s: said %d times", tt.name, n)
				}
				if n := count(t, b, "audit", fmt.Sprintf("subject = 'order %d' AND action = 'recomputed'", pay.OrderID)); n != said {
					t.Errorf("%s: audited %d times", tt.name, n)
				}
				events := count(t, b, "events", "")
				if r, err = orders.Recompute(t.Context(), pay.OrderID, ann); err != nil || len(r.Mended)+len(r.Left) != 0 {
					t.Errorf("%s, once more: %+v %v", tt.name, r, err)
				}
				if n := count(t, b, "events", ""); n != events {
					t.Errorf("%s: once more wrote", tt.name)
				}
			}
			if lines, _ := s.verify(); len(lines) != 0 {
				t.Errorf("left is %q", lines)
			}
			if _, err := orders.Recompute(t.Context(), 9999, ann); !errors.Is(err, models.ErrNotFound) {
				t.Error(err)
			}
		})
	}
}

// A row that nobody can mend is left alone, and told.
func TestOrders_Recompute_Left(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := newShelf(t, modelstest.Open(t, kind))
			s.unlock(kind)
			pay := s.paid()
			s.sql("INSERT INTO mails (order_id, kind, recipient, subject, body, created_at) SELECT order_id, kind, recipient, subject, body, created_at FROM mails WHERE order_id = " + fmt.Sprint(pay.OrderID))
			r, err := models.NewOrders(s.DB).Recompute(t.Context(), pay.OrderID, ann)
			if err != nil || len(r.Mended) != 0 || len(r.Left) != 1 || r.Left[0].Text() != "mails that it is paid: at most 1, was 2" {
				t.Fatalf("%+v %v", r, err)
			}
			if n := count(t, s.Bench, "events", "kind = 'recomputed'"); n != 0 {
				t.Error("it says that it mended something")
			}
		})
	}
}

func TestOrders_Recompute_AtOnce(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		s := newShelf(t, b)
		pay := s.paid()
		s.sql("UPDATE payments SET captured_minor = 9999 WHERE id = '" + pay.ID + "'")
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, err := models.NewOrders(b.DB).Recompute(t.Context(), pay.OrderID, ann); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := count(t, b, "events", "kind = 'recomputed'"); n != 1 {
			t.Errorf("mended %d times", n)
		}
	})
}
