package models_test

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"till/models"
	"till/models/modelstest"
	"till/money"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

func ordersPaid(all []models.PaymentRow) (numbers []int64) {
	for _, r := range all {
		numbers = append(numbers, r.OrderID)
	}
	return numbers
}

// The list goes down and up again, also among payments of the same moment, and
// every filter finds what it says.
func TestPayments_List(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		products, payments := modelstest.Catalogue(t, b), models.NewPayments(b.DB)
		var ids []string
		for i := range 7 {
			p := modelstest.Placement(t, products, []string{"acme", "zeta"}[i%2])
			p.Order.Test = i == 3
			modelstest.Place(t, b, p)
			ids = append(ids, p.Payment.ID)
			if i%3 == 2 {
				b.Clock.Pass(time.Second) // three of the same moment, three more, and one
			}
		}
		pay, err := payments.ByID(t.Context(), ids[0])
		if err != nil {
			t.Fatal(err)
		}
		change := paid(pay, "callback 1")
		change.Ref = "ref-of-it"
		if _, _, err := payments.Record(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		list := func(f models.PaymentFilter, more bool) []models.PaymentRow {
			t.Helper()
			rows, has, err := payments.List(t.Context(), f)
			if err != nil || has != more {
				t.Fatal(has, err)
			}
			return rows
		}
		all := list(models.PaymentFilter{Limit: 50}, false)
		if len(all) != 7 || !slices.IsSortedFunc(all, func(a, b models.PaymentRow) int {
			if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
				return c
			}
			return strings.Compare(b.ID, a.ID)
		}) {
			t.Fatalf("%v", ordersPaid(all))
		}
		for _, r := range all {
			if r.Test != (r.ID == ids[3]) || len(r.Data) > 0 || r.RedirectURL != "" {
				t.Errorf("%+v", r)
			}
		}
		place := func(r models.PaymentRow) models.PaymentPlace { return models.PaymentPlace{At: r.CreatedAt, ID: r.ID} }
		for size := 1; size <= 7; size++ {
			var down []models.PaymentRow
			f := models.PaymentFilter{Limit: size}
			for {
				rows, more, err := payments.List(t.Context(), f)
				if err != nil {
					t.Fatal(err)
				}
				down = append(down, rows...)
				if !more {
					break
				}
				f.Before = place(rows[len(rows)-1])
			}
			if !slices.Equal(ordersPaid(down), ordersPaid(all)) {
				t.Errorf("down by %d: %v, want %v", size, ordersPaid(down), ordersPaid(all))
			}
		}
		if up := list(models.PaymentFilter{After: place(all[4]), Limit: 3}, true); !slices.Equal(ordersPaid(up), ordersPaid(all[1:4])) {
			t.Errorf("up: %v, want %v", ordersPaid(up), ordersPaid(all[1:4]))
		}
		for _, tt := range []struct {
			filter models.PaymentFilter
			want   int
		}{
			{models.PaymentFilter{Provider: "acme"}, 4},
			{models.PaymentFilter{Provider: "nobody"}, 0},
			{models.PaymentFilter{State: models.PaymentPaid}, 1},
			{models.PaymentFilter{State: models.PaymentCreated}, 6},
			{models.PaymentFilter{State: models.PaymentCreated, Provider: "acme"}, 3},
			{models.PaymentFilter{State: "bogus"}, 0},
			{models.PaymentFilter{Ref: "ref-of-it"}, 1},
			{models.PaymentFilter{Ref: "ref-of"}, 0},
			{models.PaymentFilter{Ref: "ref-of-it", State: models.PaymentPaid, Provider: "acme"}, 1},
			{models.PaymentFilter{Ref: "ref-of-it", Provider: "zeta"}, 0},
		} {
			tt.filter.Limit = 50
			if got := list(tt.filter, false); len(got) != tt.want {
				t.Errorf("%+v finds %v", tt.filter, ordersPaid(got))
			}
		}
	})
}

func TestPayments_Refunds(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		s := newShelf(t, b)
		if some, err := s.payments.AnyRefund(t.Context()); err != nil || some {
			t.Fatal(some, err)
		}
		var all []int64
		for range 5 {
			p := s.refunding()
			_, ops, err := s.payments.Operations(t.Context(), p.ID)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, ops[len(ops)-1].ID)
		}
		s.issued() // and what is no refund
		s.sql("UPDATE operations SET state = 'unknown' WHERE id = ?", all[1])
		s.sql("UPDATE operations SET state = 'failed', code = 'over' WHERE id = ?", all[3])
		slices.Reverse(all)
		for _, tt := range []struct {
			filter models.RefundFilter
			want   []int64
			more   bool
		}{
			{models.RefundFilter{Limit: 50}, all, false},
			{models.RefundFilter{Limit: 2}, all[:2], true},
			{models.RefundFilter{Limit: 2, Before: all[1]}, all[2:4], true},
			{models.RefundFilter{Limit: 2, Before: all[3]}, all[4:], false},
			{models.RefundFilter{Limit: 2, After: all[4]}, all[2:4], true},
			{models.RefundFilter{Limit: 50, State: models.OperationUnknown}, all[3:4], false},
			{models.RefundFilter{Limit: 50, State: models.OperationFailed}, all[1:2], false},
			{models.RefundFilter{Limit: 50, State: models.OperationSucceeded}, nil, false},
		} {
			rows, more, err := s.payments.Refunds(t.Context(), tt.filter)
			var got []int64
			for _, r := range rows {
				got = append(got, r.ID)
				if r.OrderID == 0 || r.Provider != "acme" || r.Amount.Minor != 1000 || r.Kind != models.OperationRefund {
					t.Errorf("%+v", r)
				}
			}
			if err != nil || more != tt.more || !slices.Equal(got, tt.want) {
				t.Errorf("%+v: %v %t, want %v %t: %v", tt.filter, got, more, tt.want, tt.more, err)
			}
		}
		if some, err := s.payments.AnyRefund(t.Context()); err != nil || !some {
			t.Fatal(some, err)
		}
	})
}

func TestOverview_Needs(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		s, o := newShelf(t, b), models.NewOverview(b.DB)
		now := b.Clock.Now()
		check := func(what string, want int) {
			t.Helper()
			kinds, err := o.Inbox(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			lapsing, err := o.Lapsing(t.Context(), now.Add(3*24*time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			late, err := o.Late(t.Context(), now.Add(-10*time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]int{"inbox": len(kinds), "lapsing": len(lapsing), "late": len(late)}[what]
			if got != want {
				t.Errorf("%s: %d, want %d", what, got, want)
			}
		}
		for _, what := range []string{"inbox", "lapsing", "late"} {
			check(what, 0)
		}
		s.mismatch()
		second := s.mismatch()
		s.stray()
		kinds, err := o.Inbox(t.Context())
		if err != nil || len(kinds) != 2 || kinds[0].Kind != models.AttentionMismatch || kinds[0].Times != 2 || kinds[0].Item.OrderID == nil ||
			*kinds[0].Item.OrderID >= second.OrderID || kinds[1].Kind != models.AttentionUnknownReference || kinds[1].Item.ID != kinds[1].First {
			t.Fatalf("%+v %v", kinds, err)
		}

		hold := func(state models.PaymentState, until time.Time) models.Payment {
			p := s.issued()
			return s.record(models.Change{
				PaymentID: p.ID, Version: p.Version, State: state, HoldUntil: &until, Cause: shopper,
				Facts: []models.Fact{{Kind: models.FactAuthorized, Amount: p.Amount}},
			})
		}
		hold(models.PaymentAuthorized, now.Add(4*24*time.Hour)) // later than that
		check("lapsing", 0)
		last := hold(models.PaymentAuthorized, now.Add(2*24*time.Hour))
		first := hold(models.PaymentAuthorized, now.Add(24*time.Hour))
		check("lapsing", 2)
		if lapsing, err := o.Lapsing(t.Context(), now.Add(3*24*time.Hour)); err != nil || lapsing[0].ID != first.ID || lapsing[1].ID != last.ID {
			t.Errorf("%+v %v", lapsing, err)
		}

		if err := s.payments.AskAt(t.Context(), first.ID, now.Add(-9*time.Minute)); err != nil {
			t.Fatal(err)
		}
		check("late", 0)
		if err := s.payments.AskAt(t.Context(), first.ID, now.Add(-11*time.Minute)); err != nil {
			t.Fatal(err)
		}
		check("late", 1)
	})
}

// A provider is not heard when there was news of a payment that it has not
// called for, by now. Silence about a payment without news says nothing.
func TestOverview_Unheard(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		s, o := newShelf(t, b), models.NewOverview(b.DB)
		unheard := func() (models.Payment, models.Delivery, bool) {
			t.Helper()
			now := b.Clock.Now()
			pay, last, err := o.Unheard(t.Context(), "acme", now.Add(-24*time.Hour), now.Add(-15*time.Minute))
			if errors.Is(err, models.ErrNotFound) {
				return pay, last, false
			}
			if err != nil {
				t.Fatal(err)
			}
			return pay, last, true
		}
		s.issued()
		b.Clock.Pass(time.Hour)
		if _, _, ok := unheard(); ok {
			t.Error("a payment without news")
		}
		first := s.paid()
		if _, _, ok := unheard(); ok {
			t.Error("it had no time to call yet")
		}
		b.Clock.Pass(time.Hour)
		if pay, last, ok := unheard(); !ok || pay.ID != first.ID || last.ID != 0 {
			t.Errorf("%+v %+v %t", pay, last, ok)
		}
		ring := func() {
			t.Helper()
			if _, err := models.NewDeliveries(b.DB).Receive(t.Context(), models.Delivery{Provider: "acme", EventID: rand.Text(), Body: []byte("{}")}); err != nil {
				t.Fatal(err)
			}
		}
		ring()
		called := b.Clock.Now()
		if _, _, ok := unheard(); ok {
			t.Error("it called since")
		}
		b.Clock.Pass(time.Hour)
		second := s.paid()
		b.Clock.Pass(time.Hour)
		if pay, last, ok := unheard(); !ok || pay.ID != second.ID || !last.LastAt.Equal(called) {
			t.Errorf("%+v %+v %t", pay, last, ok)
		}
		b.Clock.Pass(24 * time.Hour)
		if _, _, ok := unheard(); ok {
			t.Error("a payment of another day")
		}
	})
}

func TestOverview_ToSend(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		s, o := newShelf(t, b), models.NewOverview(b.DB)
		s.issued()
		first, second := s.paid(), s.paid()
		orders := models.NewOrders(b.DB)
		by := models.Cause{Actor: models.StaffActor("carl@shop.test"), Source: "dashboard"}
		if err := errors.Join(orders.Pack(t.Context(), first.OrderID, by), orders.Ship(t.Context(), second.OrderID, "", "", by)); err != nil {
			t.Fatal(err)
		}
		s.paid()
		for what, want := range map[string]int64{"pack": 1, "ship": 2} {
			count := map[string]func(context.Context) (int64, error){"pack": o.ToPack, "ship": o.ToShip}[what]
			if n, err := count(t.Context()); err != nil || n != want {
				t.Errorf("to %s: %d, want %d: %v", what, n, want, err)
			}
		}
		columns := columnsBut(s, "orders", map[string]string{"id": "id + i", "token": "'token-of-one-of-many-copies-' || i", "checkout_key": "'copy-' || i"})
		s.sql(fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 150) INSERT INTO orders SELECT %s FROM orders, n WHERE orders.id = (SELECT MAX(id) FROM orders)", columns))
		if n, err := o.ToPack(t.Context()); err != nil || n != models.CountUpTo {
			t.Errorf("of many %d are counted: %v", n, err)
		}
	})
}

// A million orders make neither list and no part of the overview slower: each
// walks an index, and stops.
func TestOverview_Plans(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		o, payments := models.NewOverview(b.DB), models.NewPayments(b.DB)
		now := b.Clock.Now()
		at := models.PaymentPlace{At: now, ID: "x"}
		list := func(f models.PaymentFilter) func() error {
			return func() error { f.Limit = 50; _, _, err := payments.List(t.Context(), f); return err }
		}
		refunds := func(f models.RefundFilter) func() error {
			return func() error { f.Limit = 50; _, _, err := payments.Refunds(t.Context(), f); return err }
		}
		for _, q := range []struct {
			name, index string
			sorts       bool // what it found, which is little
			run         func() error
		}{
			{"figures by day", "figures", true, func() error { _, err := o.ByDay(t.Context(), "2026-01-01", "2026-03-31", false); return err }},
			{"figures by method", "figures", true, func() error { _, err := o.ByMethod(t.Context(), "2026-01-01", "2026-03-31", false); return err }},
			{"inbox", "inbox_waiting", true, func() error { _, err := o.Inbox(t.Context()); return err }},
			{"lapsing", "payments_lapsing", false, func() error { _, err := o.Lapsing(t.Context(), now); return err }},
			{"late", "payments_due", false, func() error { _, err := o.Late(t.Context(), now); return err }},
			{"to pack", "orders_to_", false, func() error { _, err := o.ToPack(t.Context()); return err }},
			{"to ship", "orders_to_", false, func() error { _, err := o.ToShip(t.Context()); return err }},
			{"unheard", "", false, func() error {
				if _, _, err := o.Unheard(t.Context(), "acme", now, now); !errors.Is(err, models.ErrNotFound) {
					return err
				}
				return nil
			}},
			{"payments", "payments_created", false, list(models.PaymentFilter{})},
			{"payments on", "payments_created", false, list(models.PaymentFilter{Before: at})},
			{"payments back", "payments_created", false, list(models.PaymentFilter{After: at})},
			{"provider", "payments_provider", false, list(models.PaymentFilter{Provider: "acme", Before: at})},
			{"state", "payments_state", false, list(models.PaymentFilter{State: models.PaymentPaid})},
			{"provider and state", "payments_provider_state", false, list(models.PaymentFilter{Provider: "acme", State: models.PaymentPaid, After: at})},
			{"reference", "ref", true, list(models.PaymentFilter{Ref: "r"})},
			{"reference and more", "ref", true, list(models.PaymentFilter{Ref: "r", Provider: "acme", State: models.PaymentPaid, Before: at})},
			{"refunds", "operations_refund", false, refunds(models.RefundFilter{})},
			{"refunds on", "operations_refund", false, refunds(models.RefundFilter{Before: 9})},
			{"refunds back", "operations_refund", false, refunds(models.RefundFilter{After: 9})},
			{"refunds by state", "operations_refund_state", false, refunds(models.RefundFilter{State: models.OperationUnknown, Before: 9})},
		} {
			plans := plansOf(t, b, q.run)
			if len(plans) == 0 {
				t.Errorf("%s: nothing was asked", q.name)
			}
			for _, plan := range plans {
				full := strings.Contains(plan, "Seq Scan")
				for line := range strings.Lines(plan) {
					if line = strings.TrimSpace(line); strings.HasPrefix(line, "SCAN ") && !bounded(line) {
						full = true
					}
				}
				sorted := strings.Contains(plan, "TEMP B-TREE") || strings.Contains(plan, "Sort")
				if full || sorted && !q.sorts || !strings.Contains(plan, q.index) {
					t.Errorf("%s:\n%s", q.name, plan)
				}
			}
		}
	})
}

// bounded reports whether SQLite's SCAN is of an index that is walked only as
// far as the page goes, or of what was found before.
func bounded(line string) bool {
	for _, of := range []string{
		"SCAN payments USING INDEX payments_created", "SCAN inbox USING ", "SCAN waiting", "SCAN orders USING ", "SCAN orders",
		"SCAN operations USING INDEX operations_refund", "SCAN operations",
	} {
		if strings.HasPrefix(line, of) {
			return true
		}
	}
	return false
}

// The figures are read by day, and by whether they are of tests.
func TestOverview_Figures(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		h := ledgerHand{b.DB, models.NewPayments(b.DB)}
		products := modelstest.Catalogue(t, b)
		for i := range 4 {
			if err := h.step("capture", h.place(t, products, int64(i)), 0); err != nil { // the first is a test
				t.Fatal(err)
			}
			b.Clock.Pass(24 * time.Hour)
		}
		for _, tt := range []struct {
			from, to string
			test     bool
			want     []string
		}{
			{"2026-03-06", "2026-03-09", false, []string{"2026-03-07", "2026-03-08", "2026-03-09"}},
			{"2026-03-06", "2026-03-09", true, []string{"2026-03-06"}},
			{"2026-03-08", "2026-03-08", false, []string{"2026-03-08"}},
			{"2026-03-10", "2026-03-20", false, nil},
		} {
			figures, err := models.NewOverview(b.DB).ByDay(t.Context(), tt.from, tt.to, tt.test)
			var days []string
			for _, f := range figures {
				days = append(days, f.Day)
				if want := (money.Amount{Minor: 2500, Currency: "NZD"}); f.TakenMinor != want.Minor || f.Currency != want.Currency || f.Net() != 2500 {
					t.Errorf("%+v", f)
				}
			}
			if err != nil || !slices.Equal(days, tt.want) {
				t.Errorf("%+v: %v %v", tt, days, err)
			}
			methods, err := models.NewOverview(b.DB).ByMethod(t.Context(), tt.from, tt.to, tt.test)
			var taken int64
			for _, m := range methods {
				taken += m.TakenMinor
			}
			if err != nil || taken != 2500*int64(len(tt.want)) {
				t.Errorf("%+v: %+v %v", tt, methods, err)
			}
		}
	})
}

// Jobs without success are told of while what they were for is still to be done.
func TestOverview_Stuck(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		s, o := newShelf(t, b), models.NewOverview(b.DB)
		now := b.Clock.Now()
		stuck := func() (all []string) {
			t.Helper()
			jobs, err := o.Stuck(t.Context(), now.Add(-24*time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			for _, j := range jobs {
				all = append(all, fmt.Sprintf("%s %t %d %d %d", j.Kind, j.GivenUp, j.DeliveryID, j.MailID, j.OrderID))
			}
			return all
		}
		check := func(what string, want ...string) {
			t.Helper()
			if got := stuck(); !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
		}
		check("nobody keeps jobs here")
		s.riverTables()
		check("no job")

		p := s.paid() // whose mail has the number 1
		s.stray()
		id := rows[models.Delivery](t, b.DB, "id")[0].ID
		s.job("settle_delivery", "retryable", fmt.Sprintf(`{"delivery_id": %d, "round": 0}`, id), now)
		check("the callback was looked at")
		s.sql("UPDATE deliveries SET verdict = 'new'")
		check("a callback that was not", fmt.Sprintf("settle_delivery false %d 0 0", id))
		s.sql("UPDATE river_job SET state = 'discarded', finalized_at = created_at")
		check("given up", fmt.Sprintf("settle_delivery true %d 0 0", id))
		s.sql("UPDATE deliveries SET verdict = 'settled'")
		check("settled since")

		mail := rows[models.Mail](t, b.DB, "id")[0].ID
		args := fmt.Sprintf(`{"mail_id": %d}`, mail)
		s.job("send_mail", "retryable", args, now)
		check("a server that stumbles")
		b.Clock.Pass(time.Hour)
		check("for an hour", fmt.Sprintf("send_mail false 0 %d %d", mail, p.OrderID))
		s.job("send_mail", "cancelled", args, now.Add(time.Second))
		check("refused", fmt.Sprintf("send_mail false 0 %d %d", mail, p.OrderID), fmt.Sprintf("send_mail true 0 %d %d", mail, p.OrderID))
		if err := models.NewMails(b.DB).Sent(t.Context(), mail); err != nil {
			t.Fatal(err)
		}
		check("sent since")

		s.job("tidy", "cancelled", "{}", now)
		check("nobody wants it")
		s.job("tidy", "discarded", "{}", now.Add(-25*time.Hour))
		check("long ago")
		s.job("tidy", "discarded", "{}", now)
		s.job("tidy", "completed", "{}", now)
		check("of today", "tidy true 0 0 0")

		for _, plan := range plansOf(t, b, func() error { _, err := o.Stuck(t.Context(), now); return err }) {
			if strings.Contains(plan, "Seq Scan on river_job") || strings.Contains(plan, "SCAN river_job") {
				t.Error(plan)
			}
		}
	})
}

// riverTables are those that package jobs makes.
func (s *shelf) riverTables() {
	s.Helper()
	pool, postgres, err := s.DB.SQL()
	if err != nil {
		s.Fatal(err)
	}
	var driver riverdriver.Driver[*sql.Tx] = riversqlite.New(pool)
	if postgres {
		driver = riverdatabasesql.New(pool)
	}
	migrator, err := rivermigrate.New(driver, nil)
	if err != nil {
		s.Fatal(err)
	}
	if _, err := migrator.Migrate(s.Context(), rivermigrate.DirectionUp, nil); err != nil {
		s.Fatal(err)
	}
}

// job is one that River has kept since then.
func (s *shelf) job(kind, state, args string, at time.Time) {
	s.Helper()
	json := "jsonb(?)"
	if models.IsPostgres(s.Name) {
		json = "?::jsonb"
	}
	var done *time.Time
	if state != "retryable" {
		done = &at
	}
	s.sql("INSERT INTO river_job (kind, state, args, max_attempts, created_at, scheduled_at, finalized_at) VALUES (?, '"+state+"', "+json+", 25, ?, ?, ?)", kind, args, at, at, done)
}
