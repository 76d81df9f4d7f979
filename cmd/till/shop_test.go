package main

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"till/models"
	"till/models/modelstest"
	"till/providers"
	"till/providers/providertest"
)

// What becomes of reserved money that nobody takes is what the settings say.
func TestShop_HoldRule(t *testing.T) {
	t.Parallel()
	for rule, want := range map[string]models.PaymentState{
		"": models.PaymentCancelled, "void": models.PaymentCancelled, "capture": models.PaymentPaid, "keep": models.PaymentAuthorized,
	} {
		t.Run("rule "+rule, func(t *testing.T) {
			t.Parallel()
			ctx, clock, fake := t.Context(), modelstest.NewClock(), providertest.NewFake("full")
			c, problems := load(t, "TILL_SECRET="+testSecret, "TILL_HOLD_RULE="+rule)
			if problems != nil {
				t.Fatal(problems)
			}
			c.Shop.PublicURL = "http://127.0.0.1:8080"
			c.Providers = []account{{Provider: fake.Full(), reserves: true}}
			db, err := openDatabase(ctx, providers.Secret(filepath.Join(t.TempDir(), "till.db")), clock.Now)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := db.Close(); err != nil {
					t.Error(err)
				}
			}()
			s, err := newShop(c, db, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			bench := modelstest.Bench{DB: db}
			p := modelstest.Placement(t, modelstest.Catalogue(t, bench), "full")
			p.Payment = s.cashier.NewPayment("full", "")
			order := modelstest.Place(t, bench, p)
			pay, err := s.cashier.Start(ctx, p.Payment.ID, models.Cause{Actor: "shopper", Source: "checkout"})
			if err != nil {
				t.Fatal(err)
			}
			fake.Reserve(pay.Ref)
			settled := func(after time.Duration) models.OrderDetail {
				t.Helper()
				clock.Pass(after)
				if _, err := s.cashier.Settle(ctx, pay.ID, models.Cause{Actor: "till", Source: "timer"}); err != nil {
					t.Fatal(err)
				}
				d, err := models.NewOrders(db).ByNumber(ctx, order.ID)
				if err != nil {
					t.Fatal(err)
				}
				return d
			}
			const day = 24 * time.Hour
			for _, at := range []struct {
				after     time.Duration
				state     models.PaymentState
				attention string
			}{
				{0, models.PaymentAuthorized, ""},
				{24 * day, models.PaymentAuthorized, ""},
				{day, models.PaymentAuthorized, "lapsing"}, // of 28 days three are left
				{2*day - time.Minute, models.PaymentAuthorized, "lapsing"},
				{time.Minute, want, map[models.PaymentState]string{models.PaymentAuthorized: "lapsing"}[want]},
			} {
				d := settled(at.after)
				if got := d.Payments[0].State; got != at.state || d.Attention.String() != at.attention {
					t.Errorf("%s later: %s %q, want %s %q", at.after, got, d.Attention, at.state, at.attention)
				}
			}
		})
	}
}
