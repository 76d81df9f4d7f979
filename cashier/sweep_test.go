package cashier_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"till/models"
	"till/providers"
	"till/providers/providertest"
)

// stuck has a provider answer no question until release is called, and counts
// those who wait.
func stuck(f *providertest.Fake) (waiting func() int, release func()) {
	var mu sync.Mutex
	n, held := 0, make(chan struct{})
	f.Mu.Lock()
	defer f.Mu.Unlock()
	f.OnLookup = func() {
		mu.Lock()
		n++
		mu.Unlock()
		<-held
	}
	waiting = func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
	return waiting, sync.OnceFunc(func() { close(held) })
}

// eventually waits until ok, or fails after a generous while.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("never: " + what)
		}
	}
}

func (b *bench) opened(t *testing.T, provider string) models.Payment {
	t.Helper()
	_, id := b.place(t, provider)
	p, err := b.Start(t.Context(), id, shopper)
	if err != nil || p.Ref == "" {
		t.Fatal(p, err)
	}
	return p
}

func (b *bench) begin(t *testing.T) int {
	t.Helper()
	n, err := b.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// One provider does not answer. Payments at the others are asked about as if it
// were not there, it is not asked about everything at once, and about no
// payment twice.
func TestSweep_ASlowProviderKeepsNobodyWaiting(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		for range 11 {
			b.opened(t, "bank")
		}
		waiting, release := stuck(b.other)
		defer b.Finish()
		defer release()
		b.Clock.Pass(10 * time.Second)
		if n := b.begin(t); n != 8 {
			t.Fatalf("%d questions at once", n)
		}
		eventually(t, "all of them wait", func() bool { return waiting() == 8 })

		quick := b.opened(t, "acme")
		b.pay.Say(quick.Ref, providers.Paid, 0)
		if at, ok, err := b.NextDue(t.Context()); err != nil || !ok || !at.Equal(*quick.AskAt) {
			t.Fatalf("next at %s %v %v, want %s", at, ok, err, quick.AskAt)
		}
		b.Clock.Pass(10 * time.Second)
		if n := b.begin(t); n != 1 {
			t.Fatalf("%d begun beside the slow ones", n)
		}
		payments := models.NewPayments(b.DB)
		eventually(t, "the quick one is paid", func() bool {
			p, err := payments.ByID(t.Context(), quick.ID)
			return err == nil && p.State == models.PaymentPaid
		})

		b.Clock.Pass(time.Hour) // longer than any lease
		if n := b.begin(t); n != 0 || waiting() != 8 {
			t.Fatalf("%d begun, %d wait at a provider that is asked enough", n, waiting())
		}
		for range len(b.DB.Due()) {
			<-b.DB.Due()
		}
		release()
		select {
		case <-b.DB.Due():
		case <-time.After(30 * time.Second):
			t.Fatal("nobody rings when there is a place")
		}
		b.Finish()
		if n, err := b.Sweep(t.Context()); err != nil || n != 3 && n != 8 {
			t.Fatal(n, err)
		}
	})
}

// A question that lasts longer than its lease is not asked a second time beside
// the first, though there is a place.
func TestSweep_OneAskerPerPayment(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.opened(t, "bank")
		waiting, release := stuck(b.other)
		defer b.Finish()
		defer release()
		b.Clock.Pass(10 * time.Second)
		if n := b.begin(t); n != 1 {
			t.Fatalf("%d begun", n)
		}
		eventually(t, "it waits", func() bool { return waiting() == 1 })
		b.Clock.Pass(time.Hour)
		if n := b.begin(t); n != 0 || waiting() != 1 {
			t.Fatalf("%d begun, %d wait", n, waiting())
		}
	})
}

// Who stops waits for what was begun, and what was begun obeys who stops.
func TestSweep_Finish(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		p := b.opened(t, "bank")
		ctx, stop := context.WithCancel(t.Context())
		b.other.Mu.Lock()
		begun := make(chan struct{})
		b.other.OnLookup = func() { <-begun; stop() } // in the middle of it
		b.other.Mu.Unlock()
		b.Clock.Pass(10 * time.Second)
		if n, err := b.Begin(ctx); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		close(begun)
		b.Finish()
		if ctx.Err() == nil || b.other.Lookups.Load() != 1 {
			t.Fatal("it was not waited for")
		}
		after, err := models.NewPayments(b.DB).ByID(t.Context(), p.ID)
		if err != nil || after.AskAt == nil {
			t.Fatalf("forgotten: %+v %v", after, err)
		}
	})
}

// Payments of a provider that is not set up here any more are looked at, too.
func TestSweep_OfAProviderThatIsGone(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		p := b.opened(t, "bank")
		b.Clock.Pass(10 * time.Second)
		log := &lines{}
		if n, err := b.without("bank", log).Sweep(t.Context()); err != nil || n != 1 {
			t.Fatal(n, err)
		}
		if !slices.ContainsFunc(log.all(), func(l line) bool { return l["msg"] == "payment not settled" && l["provider"] == "bank" }) {
			t.Fatalf("nobody is told: %v", log.all())
		}
		after, err := models.NewPayments(b.DB).ByID(t.Context(), p.ID)
		if err != nil || after.AskAt == nil || !after.AskAt.After(b.Clock.Now()) {
			t.Fatalf("%+v %v", after, err)
		}
	})
}
