package providertest_test

import (
	"errors"
	"slices"
	"testing"

	"till/money"
	"till/providers"
	"till/providers/providertest"
)

func nzd(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "NZD"} }

// full is a fake with one payment of 25.00.
func full(t *testing.T) (providertest.Full, providers.Payment) {
	t.Helper()
	f := providertest.NewFake("acme").Full()
	to, err := f.Start(t.Context(), providertest.Request(nzd(2500)))
	if err != nil {
		t.Fatal(err)
	}
	return f, providers.Payment{ID: "p7k2m9", Ref: to.Ref, Amount: nzd(2500), Data: to.Data}
}

func ask(key string, minor int64) providers.RefundRequest {
	return providers.RefundRequest{Key: key, Amount: nzd(minor)}
}

// wantRejected asserts a no, after which the books are as they were.
func wantRejected(t *testing.T, f providertest.Full, p providers.Payment, call func() error) {
	t.Helper()
	before, _ := f.Lookup(t.Context(), p)
	err := call()
	var e *providers.Error
	if !errors.As(err, &e) || e.Kind != providers.KindRejected || e.Provider != "acme" || e.Op == "" {
		t.Fatalf("got %v", err)
	}
	after, _ := f.Lookup(t.Context(), p)
	if before.Word != after.Word || before.Outcome != after.Outcome || before.Captured != after.Captured || before.Refunded != after.Refunded ||
		!slices.EqualFunc(before.Refunds, after.Refunds, func(a, b providers.Refund) bool { return a.Ref == b.Ref && a.State == b.State }) {
		t.Fatalf("refused, and yet %+v became %+v", before, after)
	}
}

func TestFullReservations(t *testing.T) {
	t.Parallel()
	t.Run("a capture of a part releases the rest, once", func(t *testing.T) {
		t.Parallel()
		f, p := full(t)
		wantRejected(t, f, p, func() error { _, err := f.Capture(t.Context(), p, nzd(2500), "k0"); return err })
		f.Reserve(p.Ref)
		wantRejected(t, f, p, func() error { _, err := f.Capture(t.Context(), p, nzd(2501), "k1"); return err })
		for range 2 {
			r, err := f.Capture(t.Context(), p, nzd(1000), "k2")
			if err != nil || r.Outcome != providers.Paid || r.Authorized != nzd(2500) || r.Captured != nzd(1000) || r.Amount != nzd(2500) {
				t.Fatalf("got %+v, %v", r, err)
			}
		}
		wantRejected(t, f, p, func() error { _, err := f.Capture(t.Context(), p, nzd(1000), "k3"); return err })
		wantRejected(t, f, p, func() error { _, err := f.Void(t.Context(), p, "k4"); return err })
		wantRejected(t, f, p, func() error { _, err := f.Refund(t.Context(), p, ask("k5", 1001)); return err })
		if f.Captures != 1 || f.Voids != 0 || !slices.Equal(f.Keys["capture"], []string{"k0", "k1", "k2", "k2", "k3"}) {
			t.Fatalf("%d captured, %d voided, keys %v", f.Captures, f.Voids, f.Keys)
		}
	})
	t.Run("or only the whole", func(t *testing.T) {
		t.Parallel()
		f, p := full(t)
		f.Reserve(p.Ref)
		if f.CapturesWhole() {
			t.Error("it does so without being told")
		}
		f.WholeOnly = true
		wantRejected(t, f, p, func() error { _, err := f.Capture(t.Context(), p, nzd(2499), "k0"); return err })
		if r, err := f.Capture(t.Context(), p, nzd(2500), "k1"); err != nil || !f.CapturesWhole() || r.Captured != nzd(2500) {
			t.Fatalf("got %+v, %v", r, err)
		}
	})
	t.Run("a void gives everything back, once", func(t *testing.T) {
		t.Parallel()
		f, p := full(t)
		wantRejected(t, f, p, func() error { _, err := f.Void(t.Context(), p, "k0"); return err })
		f.Reserve(p.Ref)
		for range 2 {
			if r, err := f.Void(t.Context(), p, "k1"); err != nil || r.Outcome != providers.Cancelled || r.Captured != (money.Amount{}) {
				t.Fatalf("got %+v, %v", r, err)
			}
		}
		wantRejected(t, f, p, func() error { _, err := f.Capture(t.Context(), p, nzd(1), "k2"); return err })
		if f.Voids != 1 {
			t.Fatalf("%d voided", f.Voids)
		}
	})
}

func TestFullRefunds(t *testing.T) {
	t.Parallel()
	t.Run("parts until nothing is left", func(t *testing.T) {
		t.Parallel()
		f, p := full(t)
		wantRejected(t, f, p, func() error { _, err := f.Refund(t.Context(), p, ask("k0", 1)); return err })
		f.Say(p.Ref, providers.Paid, 0)
		for range 2 {
			r, err := f.Refund(t.Context(), p, ask("k1", 1000))
			if err != nil || r.Ref != "acme-1-refund-1" || r.State != providers.RefundDone || r.Amount != nzd(1000) {
				t.Fatalf("got %+v, %v", r, err)
			}
		}
		wantRejected(t, f, p, func() error { _, err := f.Refund(t.Context(), p, ask("k2", 1501)); return err })
		wantRejected(t, f, p, func() error {
			_, err := f.Refund(t.Context(), p, providers.RefundRequest{Key: "k3", Amount: money.Amount{Minor: 1, Currency: "USD"}})
			return err
		})
		if _, err := f.Refund(t.Context(), p, ask("k4", 1500)); err != nil {
			t.Fatal(err)
		}
		r, err := f.Lookup(t.Context(), p)
		if err != nil || r.Outcome != providers.Paid || r.Refunded != nzd(2500) || len(r.Refunds) != 2 || f.Refunds != 2 {
			t.Fatalf("got %+v, %v; %d refunded", r, err, f.Refunds)
		}
	})
	t.Run("on its way until somebody says", func(t *testing.T) {
		t.Parallel()
		f, p := full(t)
		f.Say(p.Ref, providers.Paid, 0)
		f.RefundsPend = true
		first, err := f.Refund(t.Context(), p, ask("k1", 2000))
		if err != nil || first.State != providers.RefundPending {
			t.Fatalf("got %+v, %v", first, err)
		}
		wantRejected(t, f, p, func() error { _, err := f.Refund(t.Context(), p, ask("k2", 600)); return err })
		old, _ := f.Lookup(t.Context(), p)
		for state, refunded := range map[providers.RefundState]int64{
			providers.RefundDone: 2000, providers.RefundFailed: 0, providers.RefundReversed: 0, providers.RefundPending: 0,
		} {
			f.FinishRefund(p.Ref, 0, state)
			if r, err := f.Lookup(t.Context(), p); err != nil || r.Refunds[0].State != state || r.Refunded != nzd(refunded) {
				t.Fatalf("%s: got %+v, %v", state, r, err)
			}
		}
		if old.Refunds[0].State != providers.RefundPending {
			t.Fatal("a report that was handed out has changed")
		}
		f.FinishRefund(p.Ref, 0, providers.RefundFailed)
		if _, err := f.Refund(t.Context(), p, ask("k3", 2500)); err != nil {
			t.Fatalf("a failed refund holds its money: %v", err)
		}
	})
	t.Run("only the sum is told", func(t *testing.T) {
		t.Parallel()
		f, p := full(t)
		f.Say(p.Ref, providers.Paid, 0)
		f.SumsOnly = true
		made, err := f.Refund(t.Context(), p, ask("k1", 700))
		r, _ := f.Lookup(t.Context(), p)
		if err != nil || made.Ref != "" || made.Amount != nzd(700) || r.Refunds != nil || r.Refunded != nzd(700) {
			t.Fatalf("got %+v, %+v, %v", made, r, err)
		}
	})
}

func TestFullReverseAndReceived(t *testing.T) {
	t.Parallel()
	t.Run("what is paid is reversed as a whole", func(t *testing.T) {
		t.Parallel()
		f, p := full(t)
		wantRejected(t, f, p, func() error { _, err := f.Reverse(t.Context(), p, "k0"); return err })
		f.Say(p.Ref, providers.Paid, 0)
		f.RefundsPend = true
		if r, err := f.Reverse(t.Context(), p, "k1"); err != nil || r.Outcome != providers.Paid || r.Reversal != providers.RefundPending {
			t.Fatalf("got %+v, %v", r, err)
		}
		wantRejected(t, f, p, func() error { _, err := f.Reverse(t.Context(), p, "k2"); return err })
		wantRejected(t, f, p, func() error { _, err := f.Refund(t.Context(), p, ask("k3", 1)); return err })
		f.FinishReversal(p.Ref, providers.RefundFailed)
		if _, err := f.Reverse(t.Context(), p, "k4"); err != nil {
			t.Fatalf("after one that failed: %v", err)
		}
		f.FinishReversal(p.Ref, providers.RefundDone)
		if r, err := f.Lookup(t.Context(), p); err != nil || r.Reversal != providers.RefundDone || f.Reversals != 2 {
			t.Fatalf("got %+v, %v; %d reversed", r, err, f.Reversals)
		}
	})
	t.Run("what is on its way is cancelled", func(t *testing.T) {
		t.Parallel()
		f, p := full(t)
		f.Say(p.Ref, providers.Processing, 0)
		if r, err := f.Reverse(t.Context(), p, "k1"); err != nil || r.Outcome != providers.Cancelled {
			t.Fatalf("got %+v, %v", r, err)
		}
	})
	t.Run("received once", func(t *testing.T) {
		t.Parallel()
		f, p := full(t)
		for range 2 {
			if r, err := f.Received(t.Context(), p, "k1"); err != nil || r.Outcome != providers.Paid || r.Word != "received" || !r.Outside {
				t.Fatalf("got %+v, %v", r, err)
			}
		}
		wantRejected(t, f, p, func() error { _, err := f.Received(t.Context(), p, "k2"); return err })
		wantRejected(t, f, p, func() error { _, err := f.Refund(t.Context(), p, ask("k3", 1)); return err })
		wantRejected(t, f, p, func() error { _, err := f.Reverse(t.Context(), p, "k4"); return err })
		if f.Receipts != 1 {
			t.Fatalf("%d received", f.Receipts)
		}
	})
}

func TestFullErrors(t *testing.T) {
	t.Parallel()
	lost := &providers.Error{Provider: "acme", Op: "refund", Kind: providers.KindUnavailable}
	for name, did := range map[string]bool{"it was not heard": false, "its answer was lost": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for op, tt := range map[string]struct {
				from providers.Outcome
				call func(f providertest.Full, p providers.Payment) error
				did  func(f providertest.Full) int
			}{
				"capture": {providers.Authorized, func(f providertest.Full, p providers.Payment) error {
					_, err := f.Capture(t.Context(), p, nzd(2500), "k")
					return err
				}, func(f providertest.Full) int { return f.Captures }},
				"void": {providers.Authorized, func(f providertest.Full, p providers.Payment) error {
					_, err := f.Void(t.Context(), p, "k")
					return err
				}, func(f providertest.Full) int { return f.Voids }},
				"refund": {providers.Paid, func(f providertest.Full, p providers.Payment) error {
					_, err := f.Refund(t.Context(), p, ask("k", 2500))
					return err
				}, func(f providertest.Full) int { return f.Refunds }},
				"reverse": {providers.Paid, func(f providertest.Full, p providers.Payment) error {
					_, err := f.Reverse(t.Context(), p, "k")
					return err
				}, func(f providertest.Full) int { return f.Reversals }},
				"received": {providers.Open, func(f providertest.Full, p providers.Payment) error {
					_, err := f.Received(t.Context(), p, "k")
					return err
				}, func(f providertest.Full) int { return f.Receipts }},
			} {
				f, p := full(t)
				f.Say(p.Ref, tt.from, 0)
				f.Errs[op], f.LostOps[op] = lost, did
				if err := tt.call(f, p); !errors.Is(err, lost) || tt.did(f) == 1 != did {
					t.Errorf("%s: got %v, done %d times", op, err, tt.did(f))
				}
				if err := tt.call(f, p); err != nil || tt.did(f) != 1 || len(f.Keys[op]) != 2 {
					t.Errorf("%s again: got %v, done %d times, keys %v", op, err, tt.did(f), f.Keys)
				}
			}
		})
	}
}
