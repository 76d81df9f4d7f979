package models_test

import (
	"sync"
	"testing"
	"time"

	"till/models"
	"till/models/modelstest"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		h := models.NewHealth(b.DB)
		if all, err := h.All(t.Context()); err != nil || len(all) != 0 {
			t.Fatal(all, err)
		}
		note := func(provider, failure string) {
			t.Helper()
			b.Clock.Pass(time.Minute)
			if err := h.Note(t.Context(), provider, failure); err != nil {
				t.Fatal(err)
			}
		}
		begun := b.Clock.Now()
		note("acme", "")
		note("acme", "unavailable lookup 503")
		note("bank", "unauthorized start 401")
		note("acme", "")
		all, err := h.All(t.Context())
		if err != nil || len(all) != 2 {
			t.Fatal(all, err)
		}
		acme, bank := all["acme"], all["bank"]
		if acme.OKAt == nil || !acme.OKAt.Equal(begun.Add(4*time.Minute)) || acme.FailedAt == nil || !acme.FailedAt.Equal(begun.Add(2*time.Minute)) ||
			acme.Failure != "unavailable lookup 503" {
			t.Errorf("a success forgets the failure, or is not kept: %+v", acme)
		}
		if bank.OKAt != nil || bank.FailedAt == nil || bank.Failure != "unauthorized start 401" {
			t.Errorf("%+v", bank)
		}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if err := h.Note(t.Context(), "new", ""); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		cause := models.Cause{Actor: models.StaffActor("ann@example.test"), Source: "dashboard"}
		if err := h.Probed(t.Context(), "acme", "works", cause); err != nil {
			t.Fatal(err)
		}
		if n := countRows(t, b, "audit WHERE action = 'line_tested' AND subject = 'provider acme' AND detail = 'works'"); n != 1 {
			t.Errorf("%d lines of audit", n)
		}
	})
}

func TestPayments_OpenAt(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		payments, products := models.NewPayments(b.DB), modelstest.Catalogue(t, b)
		for _, state := range []string{"created", "redirected", "processing", "authorized", "unknown", "paid", "failed", "cancelled"} {
			p := modelstest.Placement(t, products, "acme")
			modelstest.Place(t, b, p)
			if err := raw(t, b, `UPDATE payments SET state = ? WHERE id = ?`, state, p.Payment.ID); err != nil {
				t.Fatal(err)
			}
		}
		for provider, want := range map[string]int64{"acme": 4, "bank": 0} {
			if n, err := payments.OpenAt(t.Context(), provider); err != nil || n != want {
				t.Errorf("%s: %d, %v", provider, n, err)
			}
		}
	})
}
