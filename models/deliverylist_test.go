package models_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"till/models"
	"till/models/modelstest"
)

// rung is n callbacks of a provider, about payments that nobody knows.
func rung(t *testing.T, b modelstest.Bench, provider string, n int) (ids []int64) {
	t.Helper()
	d := models.NewDeliveries(b.DB)
	for i := range n {
		id, err := d.Receive(t.Context(), models.Delivery{
			Provider: provider, EventID: fmt.Sprintf("event %d", i), Ref: fmt.Sprintf("%s-ref-%d", provider, i), Word: "paid", Body: []byte(`{"id":1}`),
		})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

func TestDeliveries_List(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		d := models.NewDeliveries(b.DB)
		acme, bank := rung(t, b, "acme", 7), rung(t, b, "bank", 3)
		for _, id := range bank[:2] {
			if _, err := d.Match(t.Context(), id); !errors.Is(err, models.ErrNotFound) {
				t.Fatal(err)
			}
		}
		order := modelstest.Place(t, b, modelstest.Placement(t, modelstest.Catalogue(t, b), "acme"))
		detail, err := models.NewOrders(b.DB).ByNumber(t.Context(), order.ID)
		if err != nil {
			t.Fatal(err)
		}
		known, err := d.Receive(t.Context(), models.Delivery{Provider: "acme", EventID: "known", Ref: "r", Payment: detail.Payments[0].ID, Body: []byte("{}")})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Match(t.Context(), known); err != nil {
			t.Fatal(err)
		}
		want := func(name string, f models.DeliveryFilter, more bool, ids ...int64) []models.DeliveryRow {
			t.Helper()
			rows, gotMore, err := d.List(t.Context(), f)
			if err != nil {
				t.Fatal(name, err)
			}
			got := make([]int64, len(rows))
			for i, r := range rows {
				got[i] = r.ID
				if r.Body != nil {
					t.Errorf("%s: a list has bodies", name)
				}
			}
			if !slices.Equal(got, ids) || gotMore != more {
				t.Errorf("%s: %v, more %t, want %v, %t", name, got, gotMore, ids, more)
			}
			return rows
		}
		all := append(append(slices.Clone(acme), bank...), known)
		slices.Reverse(all)
		first := want("newest first", models.DeliveryFilter{Limit: 4}, true, all[:4]...)
		if first[0].OrderID == nil || *first[0].OrderID != order.ID || first[1].OrderID != nil {
			t.Errorf("whose: %v, %v", first[0].OrderID, first[1].OrderID)
		}
		want("the next ones", models.DeliveryFilter{Before: all[3], Limit: 4}, true, all[4:8]...)
		want("the last ones", models.DeliveryFilter{Before: all[7], Limit: 4}, false, all[8:]...)
		want("and back", models.DeliveryFilter{After: all[7], Limit: 4}, true, all[3:7]...)
		want("of one provider", models.DeliveryFilter{Provider: "bank", Limit: 9}, false, bank[2], bank[1], bank[0])
		want("unmatched", models.DeliveryFilter{Verdict: models.DeliveryUnmatched, Limit: 9}, false, bank[1], bank[0])
		want("both", models.DeliveryFilter{Provider: "bank", Verdict: models.DeliveryNew, Limit: 9}, false, bank[2])
		want("of nobody", models.DeliveryFilter{Provider: "x' OR 1=1", Limit: 9}, false)
	})
}

func TestDeliveries_Newest(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		d := models.NewDeliveries(b.DB)
		if _, ok, err := d.Newest(t.Context(), "acme"); ok || err != nil {
			t.Fatal(ok, err)
		}
		rung(t, b, "acme", 2)
		b.Clock.Pass(time.Hour)
		rung(t, b, "bank", 1)
		at, ok, err := d.Newest(t.Context(), "acme")
		if err != nil || !ok || !at.Equal(b.Clock.Now().Add(-time.Hour)) {
			t.Error(at, ok, err)
		}
	})
}

func TestDeliveries_RefusalsSince(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		d := models.NewDeliveries(b.DB)
		for _, r := range []struct{ provider, reason string }{{"acme", "signature"}, {"acme", "signature"}, {"bank", "malformed"}} {
			if err := d.Refuse(t.Context(), r.provider, r.reason); err != nil {
				t.Fatal(err)
			}
			b.Clock.Pass(24 * time.Hour)
		}
		got, err := d.RefusalsSince(t.Context(), "2026-03-07")
		want := []models.Refusal{{Provider: "bank", Day: "2026-03-08", Reason: "malformed", Times: 1}, {Provider: "acme", Day: "2026-03-07", Reason: "signature", Times: 1}}
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// Twenty who follow one callback again at the same moment leave it settled once,
// and a line of the audit each.
func TestDeliveries_Redelivered(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		d := models.NewDeliveries(b.DB)
		id := rung(t, b, "acme", 1)[0]
		cause := models.Cause{Actor: models.StaffActor("ann@example.test"), Source: models.DeliverySource(id)}
		if err := d.Redelivered(t.Context(), id, false, "nobody knows it", cause); err != nil {
			t.Fatal(err)
		}
		if one, err := d.ByID(t.Context(), id); err != nil || one.Verdict != models.DeliveryNew || one.SettledAt != nil {
			t.Fatalf("%+v, %v", one, err)
		}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if err := d.Redelivered(t.Context(), id, true, "paid", cause); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		one, err := d.ByID(t.Context(), id)
		if err != nil || one.Verdict != models.DeliverySettled || one.SettledAt == nil || one.Times != 1 {
			t.Fatalf("%+v, %v", one, err)
		}
		if n := countRows(t, b, "audit WHERE action = 'redelivered' AND subject = '"+models.DeliverySource(id)+"' AND actor = 'staff ann@example.test'"); n != 21 {
			t.Errorf("%d lines of audit", n)
		}
	})
}

func countRows(t *testing.T, b modelstest.Bench, from string) (n int) {
	t.Helper()
	pool, _, err := b.DB.SQL()
	if err != nil {
		t.Fatal(err)
	}
	if err := pool.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+from).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestMails_List(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		mails := models.NewMails(b.DB)
		var ids []int64
		for range 3 {
			order := modelstest.Place(t, b, modelstest.Placement(t, modelstest.Catalogue(t, b), "acme"))
			if err := raw(t, b, `INSERT INTO mails (order_id, kind, recipient, subject, body, created_at) VALUES (?, 'order_paid', 'ann@example.test', 'Paid', 'long', ?)`, order.ID, b.Clock.Now()); err != nil {
				t.Fatal(err)
			}
			all, err := mails.OfOrder(t.Context(), order.ID)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, all[0].ID)
		}
		for _, refused := range []bool{false, true} {
			if err := mails.NotSent(t.Context(), ids[0], refused); err != nil {
				t.Fatal(err)
			}
		}
		if err := mails.Sent(t.Context(), ids[1]); err != nil {
			t.Fatal(err)
		}
		rows, more, err := mails.List(t.Context(), 0, 0, 2)
		if err != nil || !more || len(rows) != 2 || rows[0].ID != ids[2] || rows[1].ID != ids[1] || rows[0].Body != "" {
			t.Fatalf("%+v, %t, %v", rows, more, err)
		}
		if rows[1].Attempts != 1 || rows[1].SentAt == nil || rows[1].RefusedAt != nil || rows[0].Attempts != 0 {
			t.Errorf("%+v", rows)
		}
		rows, more, err = mails.List(t.Context(), ids[1], 0, 2)
		if err != nil || more || len(rows) != 1 || rows[0].Attempts != 2 || rows[0].RefusedAt == nil || rows[0].SentAt != nil {
			t.Fatalf("%+v, %t, %v", rows, more, err)
		}
		if rows, _, err = mails.List(t.Context(), 0, ids[0], 1); err != nil || len(rows) != 1 || rows[0].ID != ids[1] {
			t.Errorf("%+v, %v", rows, err)
		}
		if err := mails.Sent(t.Context(), ids[0]); err != nil { // the address is there after all
			t.Fatal(err)
		}
		if one, err := mails.ByID(t.Context(), ids[0]); err != nil || one.RefusedAt != nil || one.Attempts != 3 {
			t.Errorf("%+v, %v", one, err)
		}
	})
}

// A million callbacks make no page slower: each list walks an index in its own
// order and stops.
func TestDeliveries_Plans(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		d, mails, payments := models.NewDeliveries(b.DB), models.NewMails(b.DB), models.NewPayments(b.DB)
		list := func(f models.DeliveryFilter) func() error {
			return func() error { f.Limit = 50; _, _, err := d.List(t.Context(), f); return err }
		}
		for _, q := range []struct {
			name, index string // of the index, where it is not the primary key
			sorts, all  bool   // it may sort what it found; it may begin at the end of the table
			run         func() error
		}{
			{"first page", "", false, true, list(models.DeliveryFilter{})},
			{"next page", "", false, false, list(models.DeliveryFilter{Before: 9})},
			{"page before", "", false, false, list(models.DeliveryFilter{After: 9})},
			{"provider", "deliveries_provider", false, false, list(models.DeliveryFilter{Provider: "acme", Before: 9})},
			{"verdict", "deliveries_verdict", false, false, list(models.DeliveryFilter{Verdict: models.DeliverySettled})},
			{"both", "deliveries_provider_verdict", false, false, list(models.DeliveryFilter{Provider: "acme", Verdict: models.DeliverySettled, After: 9})},
			{"last callback", "deliveries_provider", false, false, func() error { _, _, err := d.Newest(t.Context(), "acme"); return err }},
			{"refusals", "refusals_day", true, false, func() error { _, err := d.RefusalsSince(t.Context(), "2026-03-01"); return err }},
			{"mails", "", false, true, func() error { _, _, err := mails.List(t.Context(), 0, 0, 50); return err }},
			{"mails on", "", false, false, func() error { _, _, err := mails.List(t.Context(), 9, 0, 50); return err }},
			{"open payments", "payments_provider_state", false, false, func() error { _, err := payments.OpenAt(t.Context(), "acme"); return err }},
		} {
			plans := plansOf(t, b, q.run)
			if len(plans) == 0 {
				t.Fatalf("%s: nothing was asked", q.name)
			}
			for _, plan := range plans {
				full := strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "SCAN ") && !q.all && !strings.Contains(plan, "SCAN found")
				sorted := strings.Contains(plan, "TEMP B-TREE") || strings.Contains(plan, "Sort")
				if full || sorted && !q.sorts || !strings.Contains(plan, q.index) {
					t.Errorf("%s:\n%s", q.name, plan)
				}
			}
		}
	})
}

// plansOf is how the database goes about what run asks of it.
func plansOf(t *testing.T, b modelstest.Bench, run func() error) (plans []string) {
	t.Helper()
	type asked struct {
		sql  string
		vars []any
	}
	var all []asked
	stop := b.DB.WatchReads(func(sql string, vars []any) { all = append(all, asked{sql, vars}) })
	err := run()
	stop()
	if err != nil {
		t.Fatal(err)
	}
	pool, postgres, err := b.DB.SQL()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pool.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	explain := "EXPLAIN QUERY PLAN "
	if postgres {
		explain = "EXPLAIN "
		for _, way := range []string{"seqscan", "sort", "hashjoin", "mergejoin", "bitmapscan"} { // an empty table is read as a whole otherwise
			if _, err := conn.ExecContext(t.Context(), "SET enable_"+way+" = off"); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, one := range all {
		rows, err := conn.QueryContext(t.Context(), explain+one.sql, one.vars...)
		if err != nil {
			t.Fatal(one.sql, err)
		}
		var plan strings.Builder
		for rows.Next() {
			var id, parent, unused int
			var line string
			into := []any{&id, &parent, &unused, &line}
			if postgres {
				into = into[3:]
			}
			if err := rows.Scan(into...); err != nil {
				t.Fatal(err)
			}
			plan.WriteString(line + "\n")
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil { //nolint:sqlclosecheck // one after the other
			t.Fatal(err)
		}
		plans = append(plans, plan.String())
	}
	if postgres {
		if _, err := conn.ExecContext(t.Context(), "RESET ALL"); err != nil {
			t.Fatal(err)
		}
	}
	return plans
}
