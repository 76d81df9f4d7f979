package cashier_test

import (
	"testing"
	"time"

	"till/models"
	"till/money"
	"till/providers"
)

// The tests of this file are about a provider that lists refunds by amount and
// without references: two of the same amount look the same.

// listed has the provider list refunds of NZD 10.00 in the given states, with
// the sum of those that were done, or without one.
func listed(sums bool, states ...providers.RefundState) func(*providers.Report) {
	return func(r *providers.Report) {
		r.Refunds, r.Refunded = nil, money.Amount{}
		done := int64(0)
		for _, state := range states {
			if state == providers.RefundDone {
				done += 1000
			}
			r.Refunds = append(r.Refunds, providers.Refund{State: state, Amount: nzd(1000), Word: string(state)})
		}
		if sums {
			r.Refunded = nzd(done)
		}
	}
}

// refund10 asks for a refund of NZD 10.00, of which the provider gives no
// reference.
func (s *till) refund10(want models.OperationState) models.Operation {
	s.t.Helper()
	s.pay.SumsOnly = true
	op := s.do(s.ask(models.OperationRefund, 1000), want)
	s.pay.SumsOnly = false
	if op.Ref != "" {
		s.t.Fatalf("it has a reference: %+v", op)
	}
	return op
}

func (s *till) outcome(op models.Operation) models.OperationState {
	s.t.Helper()
	after, err := models.NewPayments(s.DB).Operation(s.t.Context(), op.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return after.State
}

// Both databases, with the provider's sum and without it.
func alike(t *testing.T, test func(t *testing.T, s *till, list func(...providers.RefundState))) {
	t.Helper()
	for name, sums := range map[string]bool{"with its sum": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			full(t, func(t *testing.T, s *till) {
				test(t, s.paid(), func(states ...providers.RefundState) { s.say(listed(sums, states...)) })
			})
		})
	}
}

// The first was done. The second had no answer: what is listed is the first.
func TestRefundAlike_TheFirstIsNotTheSecond(t *testing.T) {
	alike(t, func(t *testing.T, s *till, list func(...providers.RefundState)) {
		s.refund10(models.OperationSucceeded)
		list(providers.RefundDone)
		s.pay.Errs["refund"] = unavailable("refund")
		second := s.refund10(models.OperationUnknown)
		list(providers.RefundDone)
		s.balances(2500, 1000, 1000)
		s.want(t, models.OrderRefundInitiated, "refund_unknown")
		if got := s.outcome(second); got != models.OperationUnknown {
			t.Fatalf("the second is %s", got)
		}
		list(providers.RefundDone, providers.RefundDone)
		s.balances(2500, 0, 2000)
		s.want(t, models.OrderPartiallyRefunded, "")
		if got := s.outcome(second); got != models.OperationSucceeded {
			t.Fatalf("the second is %s", got)
		}
	})
}

// The first came to nothing. The second is on its way, and is not given up for
// what happened to the first; when it comes to nothing, too, it is.
func TestRefundAlike_AnotherOneFailed(t *testing.T) {
	alike(t, func(t *testing.T, s *till, list func(...providers.RefundState)) {
		s.pay.RefundsPend = true
		first := s.refund10(models.OperationRequested)
		list(providers.RefundFailed)
		if got := s.outcome(first); got != models.OperationFailed {
			t.Fatalf("the first is %s", got)
		}
		s.balances(2500, 0, 0)
		s.accept(models.AttentionRefundFailed)
		s.pay.Mu.Lock()
		r := s.pay.Books[s.p.Ref]
		r.Refunds = nil // the fake counts its own
		s.pay.Books[s.p.Ref] = r
		s.pay.Mu.Unlock()
		second := s.refund10(models.OperationRequested)
		list(providers.RefundFailed, providers.RefundPending)
		s.balances(2500, 1000, 0)
		s.want(t, models.OrderRefundInitiated, "")
		list(providers.RefundFailed, providers.RefundFailed)
		s.balances(2500, 0, 0)
		s.want(t, models.OrderRefundFailed, "refund_failed")
		if got := s.outcome(second); got != models.OperationFailed {
			t.Fatalf("the second is %s", got)
		}
	})
}

// The first was refused at once, and the second is on its way. Then one is
// listed that came to nothing: either of them. The money stays set aside, and a
// person looks.
func TestRefundAlike_EitherOfThemFailed(t *testing.T) {
	alike(t, func(t *testing.T, s *till, list func(...providers.RefundState)) {
		s.pay.Errs["refund"] = refused("refund")
		s.refund10(models.OperationFailed)
		s.pay.RefundsPend = true
		second := s.refund10(models.OperationRequested)
		list(providers.RefundFailed)
		s.balances(2500, 1000, 0)
		s.want(t, models.OrderRefundInitiated, "refund_unknown")
		if err := s.Forget(t.Context(), second.ID, "says the bank", ann); err != nil {
			t.Fatal(err)
		}
		s.balances(2500, 0, 0)
		list(providers.RefundFailed)
		s.want(t, models.OrderPaid, "")
	})
}

// One that failed long ago does not bring a later one back that was done.
func TestRefundAlike_AnOldFailureUndoesNothing(t *testing.T) {
	alike(t, func(t *testing.T, s *till, list func(...providers.RefundState)) {
		s.pay.RefundsPend = true
		s.refund10(models.OperationRequested)
		list(providers.RefundFailed)
		s.accept(models.AttentionRefundFailed)
		s.pay.RefundsPend = false
		s.pay.Mu.Lock()
		r := s.pay.Books[s.p.Ref]
		r.Refunds = nil
		s.pay.Books[s.p.Ref] = r
		s.pay.Mu.Unlock()
		s.refund10(models.OperationSucceeded)
		list(providers.RefundFailed, providers.RefundDone)
		s.sweep(time.Hour)
		s.balances(2500, 0, 1000)
		s.want(t, models.OrderPartiallyRefunded, "")
	})
}
