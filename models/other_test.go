package models_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"till/models"
	"till/models/modelstest"
)

func TestProducts_Import(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		ctx, products := t.Context(), models.NewProducts(b.DB)
		old := modelstest.Catalogue(t, b)
		err := products.Import(ctx, []models.Product{
			{Slug: "bowl", Name: "Bowl", Prices: []models.Price{{Currency: "NZD", Minor: 3000}}},
			{Slug: "mug", Name: "Bigger mug", Prices: []models.Price{{Currency: "NZD", Minor: 1400}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		all, err := products.All(ctx)
		if err != nil || len(all) != 2 || all[0].Slug != "bowl" || all[1].Name != "Bigger mug" || all[1].ID != old["mug"].ID || len(all[1].Prices) != 1 {
			t.Fatalf("%+v %v", all, err)
		}
		if _, err := products.BySlug(ctx, "honey"); !errors.Is(err, models.ErrNotFound) {
			t.Fatalf("what is not in the file is still sold: %v", err)
		}
		err = products.Import(ctx, []models.Product{{Slug: "cup", Name: "Cup"}, {Slug: "bad", Name: "Bad", Prices: []models.Price{{Currency: "NZD", Minor: 0}}}})
		if err == nil {
			t.Fatal("a price of nothing was imported")
		}
		if again, _ := products.All(ctx); len(again) != 2 {
			t.Fatalf("half an import: %+v", again)
		}
	})
}

func TestDeliveries(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		ctx, in, payments := t.Context(), models.NewDeliveries(b.DB), models.NewPayments(b.DB)
		p := modelstest.Placement(t, modelstest.Catalogue(t, b), "acme")
		order := modelstest.Place(t, b, p)
		came := models.Delivery{Provider: "acme", EventID: "e1", Ref: "ref-1", Word: "completed", Body: []byte("{}")}
		var id int64
		for range 3 {
			var err error
			if id, err = in.Receive(ctx, came); err != nil {
				t.Fatal(err)
			}
		}
		if jobs := b.Queue.Take("settle_delivery"); len(jobs) != 3 {
			t.Errorf("%d rings, want 3: a repeated delivery rings again", len(jobs))
		}
		if one, _ := in.ByID(ctx, id); one.Times != 3 || count(t, b, "deliveries", "1=1") != 1 {
			t.Errorf("kept %+v", one)
		}
		if _, err := in.Match(ctx, id); !errors.Is(err, models.ErrNotFound) {
			t.Fatalf("matched to nothing: %v", err)
		}
		if one, _ := in.ByID(ctx, id); one.Verdict != models.DeliveryUnmatched {
			t.Errorf("verdict %s", one.Verdict)
		}

		pay, _ := payments.ByID(ctx, p.Payment.ID)
		if _, _, err := payments.Record(ctx, models.Change{PaymentID: pay.ID, Version: pay.Version, State: models.PaymentRedirected, Ref: "ref-1"}); err != nil {
			t.Fatal(err)
		}
		if jobs := b.Queue.Take("settle_delivery"); len(jobs) != 1 {
			t.Errorf("%d rings for what had waited, want 1", len(jobs))
		}
		select {
		case <-b.DB.Due():
		default:
			t.Error("nobody was woken")
		}
		if of, _ := in.OfOrder(ctx, order.ID); len(of) != 1 {
			t.Errorf("%d deliveries of the order", len(of))
		}
		for range 2 {
			if got, err := in.Match(ctx, id); err != nil || got.ID != pay.ID {
				t.Fatal(got.ID, err)
			}
		}
		if n := count(t, b, "events", "kind = 'callback'"); n != 1 {
			t.Errorf("%d lines on the timeline", n)
		}
		for range 2 {
			if err := in.Refuse(ctx, "acme", "signature"); err != nil {
				t.Fatal(err)
			}
		}
		if all, err := in.Refusals(ctx); err != nil || len(all) != 1 || all[0].Times != 2 {
			t.Errorf("refusals %+v %v", all, err)
		}
	})
}

func TestThrottles(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		ctx, throttles := t.Context(), models.NewThrottles(b.DB)
		var wg sync.WaitGroup
		var mu sync.Mutex
		let := 0
		for range 20 {
			wg.Go(func() {
				ok, err := throttles.Take(ctx, 5, time.Minute, "login ann")
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				if ok {
					let++
				}
			})
		}
		wg.Wait()
		if let != 5 {
			t.Errorf("%d of 20 let through, want 5", let)
		}
		b.Clock.Pass(2 * time.Minute)
		if ok, err := throttles.Take(ctx, 5, time.Minute, "login ann", "ip"); err != nil || !ok {
			t.Errorf("after the window: %v %v", ok, err)
		}
	})
}

func TestOrders_List(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		ctx, orders, products := t.Context(), models.NewOrders(b.DB), modelstest.Catalogue(t, b)
		var last models.Placement
		for range 5 {
			last = modelstest.Placement(t, products, "acme")
			modelstest.Place(t, b, last)
		}
		pay, _ := models.NewPayments(b.DB).ByID(ctx, last.Payment.ID)
		change := paid(pay, "test")
		change.Ref = "REF-9"
		if _, _, err := models.NewPayments(b.DB).Record(ctx, change); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			name   string
			filter models.OrderFilter
			want   []int64
			more   bool
		}{
			{"newest first", models.OrderFilter{Limit: 2}, []int64{1005, 1004}, true},
			{"older", models.OrderFilter{Limit: 2, Before: 1004}, []int64{1003, 1002}, true},
			{"oldest", models.OrderFilter{Limit: 2, Before: 1002}, []int64{1001}, false},
			{"newer", models.OrderFilter{Limit: 2, After: 1002}, []int64{1004, 1003}, true},
			{"paid", models.OrderFilter{Limit: 9, Status: models.OrderPaid}, []int64{1005}, false},
			{"by number", models.OrderFilter{Limit: 9, Search: " #1002 "}, []int64{1002}, false},
			{"by e-mail, any case", models.OrderFilter{Limit: 9, Search: "ANN@exa"}, []int64{1005, 1004, 1003, 1002, 1001}, false},
			{"by the provider's reference", models.OrderFilter{Limit: 9, Search: "REF-9"}, []int64{1005}, false},
			{"nothing", models.OrderFilter{Limit: 9, Search: "%"}, nil, false},
		} {
			rows, more, err := orders.List(ctx, tt.filter)
			var got []int64
			for _, r := range rows {
				got = append(got, r.ID)
				if r.Provider != "acme" {
					t.Errorf("%s: provider %q", tt.name, r.Provider)
				}
			}
			if err != nil || len(got) != len(tt.want) || more != tt.more {
				t.Errorf("%s: %v %v %v, want %v %v", tt.name, got, more, err, tt.want, tt.more)
				continue
			}
			for i := range got {
				if got[i] != tt.want[i] {
					t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
				}
			}
		}
	})
}

// A callback that names no reference is about the payment that it names, and not
// about another one whose reference is not known yet; and one that names nothing
// is about none.
func TestDeliveries_OnlyOurName(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		ctx, in, products := t.Context(), models.NewDeliveries(b.DB), modelstest.Catalogue(t, b)
		var pays []string
		for range 3 {
			p := modelstest.Placement(t, products, "acme")
			modelstest.Place(t, b, p)
			pays = append(pays, p.Payment.ID)
		}
		for _, tt := range []struct{ event, provider, payment, want string }{
			{"ours", "acme", pays[1], pays[1]},
			{"of another provider", "bank", pays[1], ""},
			{"nothing", "acme", "", ""},
			{"unknown", "acme", "nobody's", ""},
		} {
			id, err := in.Receive(ctx, models.Delivery{Provider: tt.provider, EventID: tt.event, Payment: tt.payment, Body: []byte("{}")})
			if err != nil {
				t.Fatal(err)
			}
			got, err := in.Match(ctx, id)
			if got.ID != tt.want || (tt.want == "") != errors.Is(err, models.ErrNotFound) {
				t.Errorf("%s: payment %q, %v; want %q", tt.event, got.ID, err, tt.want)
			}
		}
	})
}

// The answer to a start is written while its callback looks for the payment, by
// one name and then by the other: it is found. On SQLite nobody writes meanwhile.
func TestDeliveries_WhileTheReferenceComes(t *testing.T) {
	t.Parallel()
	b := modelstest.Open(t, "postgres")
	ctx, in, payments := t.Context(), models.NewDeliveries(b.DB), models.NewPayments(b.DB)
	p := modelstest.Placement(t, modelstest.Catalogue(t, b), "acme")
	modelstest.Place(t, b, p)
	pay, err := payments.ByID(ctx, p.Payment.ID)
	if err != nil {
		t.Fatal(err)
	}
	id, err := in.Receive(ctx, models.Delivery{Provider: "acme", EventID: "1", Ref: "ref-1", Payment: pay.ID, Body: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	written := false // by what follows, which reads payments too
	stop := b.DB.WatchReads(func(sql string, _ []any) {
		if written || !strings.Contains(sql, `"payments"`) {
			return
		}
		written = true
		if _, _, err := payments.Record(ctx, models.Change{PaymentID: pay.ID, Version: pay.Version, State: models.PaymentRedirected, Ref: "ref-1"}); err != nil {
			t.Error(err)
		}
	})
	got, err := in.Match(ctx, id)
	stop()
	if err != nil || got.ID != pay.ID {
		t.Errorf("payment %q, %v", got.ID, err)
	}
	if one, err := in.ByID(ctx, id); err != nil || one.PaymentID == nil || one.Verdict != models.DeliveryNew {
		t.Errorf("kept as %+v, %v", one, err)
	}
}
