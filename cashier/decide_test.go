package cashier_test

import (
	"testing"

	"till/models"
	"till/money"
	"till/providers"
)

func nzd(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "NZD"} }

// What a provider's sums do to the ledger, step by step. After each step the
// balances follow; saying it again changes nothing.
func TestSums(t *testing.T) {
	type step struct {
		outcome                        providers.Outcome
		authorized, captured, refunded int64
		state                          models.PaymentState
		want                           models.Balances
		status                         models.OrderStatus
		look                           string
	}
	for name, steps := range map[string][]step{
		"reserved, then taken": {
			{providers.Authorized, 2500, 0, 0, models.PaymentAuthorized, models.Balances{Authorized: 2500}, models.OrderHold, ""},
			{providers.Paid, 2500, 2500, 0, models.PaymentPaid, models.Balances{Authorized: 2500, Captured: 2500}, models.OrderPaid, ""},
		},
		"reserved, then lapsed": {
			{providers.Authorized, 2500, 0, 0, models.PaymentAuthorized, models.Balances{Authorized: 2500}, models.OrderHold, ""},
			{providers.Cancelled, 2500, 0, 0, models.PaymentCancelled, models.Balances{Authorized: 2500, Released: 2500}, models.OrderIssued, ""},
		},
		"taken, a part refunded on the provider's pages, then the rest": {
			{providers.Paid, 0, 2500, 0, models.PaymentPaid, models.Balances{Captured: 2500}, models.OrderPaid, ""},
			{providers.Paid, 0, 2500, 1000, models.PaymentPaid, models.Balances{Captured: 2500, Refunded: 1000}, models.OrderPartiallyRefunded, ""},
			{providers.Paid, 0, 2500, 2500, models.PaymentPaid, models.Balances{Captured: 2500, Refunded: 2500}, models.OrderRefunded, ""},
		},
		"first heard of when it was refunded already": {
			{providers.Paid, 0, 2500, 700, models.PaymentPaid, models.Balances{Captured: 2500, Refunded: 700}, models.OrderPartiallyRefunded, ""},
		},
		"more refunded than was ever taken": {
			{providers.Paid, 0, 2500, 9900, models.PaymentPaid, models.Balances{Captured: 2500, Refunded: 2500}, models.OrderRefunded, "contradiction"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, b *bench) {
				p := b.start(t)
				for i, s := range steps {
					b.pay.Say(p.Ref, s.outcome, 0)
					b.pay.Mu.Lock()
					r := b.pay.Books[p.Ref]
					r.Authorized, r.Captured, r.Refunded = money.Amount{}, money.Amount{}, money.Amount{}
					if s.authorized > 0 {
						r.Authorized, r.Captured = nzd(s.authorized), nzd(s.captured)
					}
					if s.captured > 0 {
						r.Captured, r.Refunded = nzd(s.captured), nzd(s.refunded)
					}
					b.pay.Books[p.Ref] = r
					b.pay.Mu.Unlock()
					for range 2 {
						p = b.settle(t, callback)
					}
					if p.State != s.state || p.Balances != s.want {
						t.Fatalf("step %d: %s %+v, want %s %+v", i+1, p.State, p.Balances, s.state, s.want)
					}
					b.want(t, s.status, s.look)
				}
			})
		})
	}
}
