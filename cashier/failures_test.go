package cashier_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"till/cashier"
	"till/models"
	"till/providers"

	"pgregory.net/rapid"
)

// The tests of this file are named after real failures of other systems; the
// numbers are those of docs/failures.md.

// Two payments after a refresh, because the key was made anew on each.
func TestFailure01_KeyBelongsToThePayment(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		var wg sync.WaitGroup
		urls := make([]string, 20)
		for i := range urls {
			wg.Go(func() {
				p, err := b.Start(t.Context(), b.id, shopper)
				if err != nil {
					t.Error(err)
				}
				urls[i] = p.RedirectURL
			})
		}
		wg.Wait()
		for _, url := range urls {
			if url == "" || url != urls[0] {
				t.Fatalf("sent to different places: %v", urls)
			}
		}
		if b.pay.Creates != 1 {
			t.Fatalf("%d created", b.pay.Creates)
		}
	})
}

// A retried call carried a new key, because the row with the old one was gone.
func TestFailure02_TheSameKeyUntilTheOutcomeIsKnown(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.pay.StartErr, b.pay.Lost = unavailable("start"), true
		if p, err := b.Start(t.Context(), b.id, shopper); err == nil || p.State != models.PaymentUnknown {
			t.Fatalf("%+v %v", p, err)
		}
		if p, err := b.Start(t.Context(), b.id, shopper); err != nil || p.Ref != "acme-1" {
			t.Fatalf("%+v %v", p, err)
		}
		if len(b.pay.ByKey) != 1 || b.pay.Creates != 1 {
			t.Fatalf("the provider saw keys %v", b.pay.ByKey)
		}
	})
}

// Two mails, and stock reduced twice, because callback and browser both
// finished the order.
func TestFailure03_OneFinaliser(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		p := b.start(t)
		b.pay.Say(p.Ref, providers.Paid, 0)
		var wg sync.WaitGroup
		for i := range 50 {
			cause := returned
			if i%2 == 0 {
				cause = callback
			}
			wg.Go(func() {
				if _, err := b.Settle(t.Context(), b.id, cause); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		d := b.want(t, models.OrderPaid, "")
		if moved(d) != 2 || len(d.Facts) != 1 { // to the provider's page, and paid
			t.Fatalf("%d moves, %d facts", moved(d), len(d.Facts))
		}
		if mails := b.Queue.Take("send_mail"); len(mails) != 1 {
			t.Fatalf("%d mails", len(mails))
		}
	})
}

// Charged, then refused, because the stock was gone by then.
func TestFailure05_AfterMoneyNothingRefuses(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		p := b.start(t)
		products := models.NewProducts(b.DB)
		mug, err := products.BySlug(t.Context(), "mug")
		if err != nil {
			t.Fatal(err)
		}
		none := int64(0)
		mug.Stock = &none
		if err := products.Import(t.Context(), []models.Product{mug}); err != nil {
			t.Fatal(err)
		}
		b.pay.Say(p.Ref, providers.Paid, 0)
		b.settle(t, callback)
		b.want(t, models.OrderPaid, "sold_out")
	})
}

// A declined payment ended the purchase.
func TestFailure09_ADeclineEndsNothing(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		p := b.start(t)
		b.pay.Say(p.Ref, providers.Declined, 0)
		b.settle(t, callback)
		before := b.want(t, models.OrderFailed, "")
		again, err := b.Pay(t.Context(), b.order.ID, "bank", "", shopper)
		if err != nil {
			t.Fatal(err)
		}
		b.other.Say(again.Ref, providers.Paid, 0)
		if _, err := b.Settle(t.Context(), again.ID, callback); err != nil {
			t.Fatal(err)
		}
		after := b.want(t, models.OrderPaid, "")
		if after.ID != before.ID || after.Address != before.Address || len(after.Lines) != len(before.Lines) {
			t.Fatalf("not the same order: %+v", after.Order)
		}
	})
}

// The order paid was not the one charged, because the cart had changed
// meanwhile: a payment is a snapshot, whatever the catalogue does.
func TestFailure14_APaymentIsASnapshot(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		p := b.start(t)
		products := models.NewProducts(b.DB)
		mug, _ := products.BySlug(t.Context(), "mug")
		mug.Prices = []models.Price{{Currency: "NZD", Minor: 99999}}
		if err := products.Import(t.Context(), []models.Product{mug}); err != nil {
			t.Fatal(err)
		}
		b.pay.Say(p.Ref, providers.Paid, 0)
		b.settle(t, callback)
		if d := b.want(t, models.OrderPaid, ""); d.Total.Minor != 2500 || d.Lines[0].UnitMinor != 1250 || d.Payments[0].Captured != 2500 {
			t.Fatalf("%+v", d)
		}
	})
}

// "captured" came before "approved". Any order and number of rings, with any
// of the provider's true states in between, ends where the provider ends.
func TestFailure21_OrderOfArrivalDoesNotMatter(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		rapid.Check(t, func(rt *rapid.T) {
			b.order, b.id = b.place(t, "acme")
			p := b.start(t)
			for _, o := range []providers.Outcome{providers.Open, providers.Processing, providers.Paid} {
				b.pay.Say(p.Ref, o, 0)
				for range rapid.IntRange(0, 2).Draw(rt, "rings") {
					b.settle(t, callback)
				}
			}
			for range rapid.IntRange(1, 3).Draw(rt, "last rings") {
				b.settle(t, cashier.Timer)
			}
			if d := b.want(t, models.OrderPaid, ""); len(d.Facts) != 1 {
				t.Fatalf("%d facts", len(d.Facts))
			}
		})
	})
}

// An old answer that arrives after a newer one: the question was asked before
// the money came, its answer recorded after.
func TestFailure21_AnOldAnswerUndoesNothing(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		p := b.start(t)
		once := sync.OnceFunc(func() {
			b.pay.Mu.Lock()
			b.pay.OnLookup = nil
			b.pay.Mu.Unlock()
			b.pay.Say(p.Ref, providers.Paid, 0)
			b.settle(t, callback) // a whole other settle, between our question and our record
		})
		b.pay.Say(p.Ref, providers.Cancelled, 0)
		b.pay.Mu.Lock()
		b.pay.OnLookup = once
		b.pay.Mu.Unlock()
		if got := b.settle(t, returned); got.State != models.PaymentPaid {
			t.Fatalf("%+v", got)
		}
		b.want(t, models.OrderPaid, "")
	})
}

// A timeout was taken for a refusal although the charge had gone through.
func TestFailure25_NoAnswerIsNotANo(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.pay.StartErr, b.pay.Lost = unavailable("start"), true
		p, err := b.Start(t.Context(), b.id, shopper)
		if err == nil || p.State != models.PaymentUnknown || p.AskAt == nil {
			t.Fatalf("%+v %v", p, err)
		}
		b.want(t, models.OrderInProgress, "")
		if _, err := b.Pay(t.Context(), b.order.ID, "bank", "", shopper); !errors.Is(err, cashier.ErrUndecided) {
			t.Fatalf("another payment began beside one that nobody knows of: %v", err)
		}
		if err := b.Cancel(t.Context(), b.order.ID, "", shopper); !errors.Is(err, cashier.ErrUndecided) {
			t.Fatalf("cancelled without asking: %v", err)
		}
		b.pay.Say("acme-1", providers.Paid, 0) // the charge had succeeded
		b.Clock.Pass(10 * time.Second)
		if n, err := b.Sweep(t.Context()); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		b.want(t, models.OrderPaid, "")
		if b.pay.Creates != 1 {
			t.Fatalf("%d created", b.pay.Creates)
		}
	})
}
