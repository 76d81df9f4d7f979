package shop_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"till/bench/shop"
	"till/models"
	"till/models/modelstest"
)

// What is written is what the shop itself would have written: verify finds
// nothing, the shop goes on from there, and the same seed gives the same past.
func TestFill(t *testing.T) {
	t.Parallel()
	const orders = 1200
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		p := shop.Past{Orders: orders, Seed: 3, Until: b.Clock.Now()}
		if err := shop.Fill(t.Context(), b.DB, p); err != nil {
			t.Fatal(err)
		}
		sum, err := b.DB.Verify(t.Context(), func(f models.Finding) error { return fmt.Errorf("%+v", f) })
		if err != nil || sum.Orders != orders || sum.Findings != 0 {
			t.Fatalf("%+v %v", sum, err)
		}
		if err := shop.Fill(t.Context(), b.DB, p); !errors.Is(err, shop.ErrNotEmpty) {
			t.Errorf("filled twice: %v", err)
		}
		statuses := map[models.OrderStatus]int{}
		rows, _, err := models.NewOrders(b.DB).List(t.Context(), models.OrderFilter{Limit: orders})
		if err != nil || len(rows) != orders {
			t.Fatal(len(rows), err)
		}
		for _, o := range rows {
			statuses[o.Status]++
		}
		for _, s := range []models.OrderStatus{models.OrderPaid, models.OrderRefunded, models.OrderPartiallyRefunded, models.OrderExpired, models.OrderCancelled} {
			if statuses[s] == 0 {
				t.Errorf("no order is %s: %v", s, statuses)
			}
		}
		placed := modelstest.Placement(t, map[string]models.Product{"mug": product(t, b)}, "acme")
		if order := modelstest.Place(t, b, placed); order.ID != 1001+orders {
			t.Errorf("the next order is number %d", order.ID)
		}
		if n, err := models.NewCloses(b.DB).CloseDays(t.Context()); err != nil || n < 500 {
			t.Errorf("closed %d days: %v", n, err)
		}
	})
}

func product(t *testing.T, b modelstest.Bench) models.Product {
	t.Helper()
	all, err := models.NewProducts(b.DB).All(t.Context())
	if err != nil || len(all) == 0 || !strings.HasPrefix(all[0].Slug, "mug-") {
		t.Fatal(all, err)
	}
	return all[0]
}

func TestFill_SameSeedSamePast(t *testing.T) {
	t.Parallel()
	past := func(seed uint64) string {
		b := modelstest.Open(t, "sqlite")
		err := shop.Fill(t.Context(), b.DB, shop.Past{Orders: 50, Seed: seed, Until: b.Clock.Now(), Span: 24 * time.Hour})
		if err != nil {
			t.Fatal(err)
		}
		rows, _, err := models.NewOrders(b.DB).List(t.Context(), models.OrderFilter{Limit: 50})
		if err != nil {
			t.Fatal(err)
		}
		var all strings.Builder
		for _, o := range rows {
			fmt.Fprintln(&all, o.ID, o.Token, o.Status, o.Total, o.Provider, o.CreatedAt)
		}
		return all.String()
	}
	first, again, other := past(5), past(5), past(6)
	if first != again || first == other {
		t.Error("a seed is not what makes a past")
	}
}
