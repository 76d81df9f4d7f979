package cashier_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"till/cashier"
	"till/models"
	"till/providers"
)

func unauthorized(op string) error {
	return &providers.Error{Provider: "full", Op: op, Kind: providers.KindUnauthorized, Status: 401, Code: "bad_token"}
}

// silent has every call of a kind end without an answer for some hours.
func (s *till) silent(kind models.OperationKind) {
	s.t.Helper()
	for range 10 {
		s.pay.Errs[string(kind)] = unavailable(string(kind))
		s.sweep(7 * time.Hour)
	}
}

// What decides a payment as a whole is asked for a few times. When that is over
// without an answer a person hears of it.
func TestUnanswered_APersonHears(t *testing.T) {
	for _, kind := range []models.OperationKind{models.OperationCapture, models.OperationVoid, models.OperationReverse, models.OperationReceived} {
		t.Run(string(kind), func(t *testing.T) {
			full(t, func(t *testing.T, s *till) {
				switch kind { //nolint:exhaustive // the others need nothing
				case models.OperationCapture, models.OperationVoid:
					s.pay.Reserve(s.p.Ref)
					s.say(func(r *providers.Report) { r.HoldUntil = s.Clock.Now().Add(300 * 24 * time.Hour) })
				case models.OperationReverse:
					s.paid()
				}
				before := s.detail(t).Status
				s.pay.Errs[string(kind)] = unavailable(string(kind))
				op := s.do(s.ask(kind, 0), models.OperationUnknown)
				if d := s.detail(t); d.Attention != nil {
					t.Fatalf("told at once: %q", d.Attention)
				}
				s.silent(kind)
				calls := len(s.pay.Keys[string(kind)])
				d := s.detail(t)
				if d.Attention.String() != "unanswered" || calls != 6 {
					t.Fatalf("%q after %d calls", d.Attention, calls)
				}
				if item := s.item(models.AttentionUnanswered); item.Detail != fmt.Sprint(op.ID) || item.PaymentID == nil || *item.PaymentID != s.p.ID {
					t.Fatalf("%+v", item)
				}
				s.silent(kind)
				if n := len(s.pay.Keys[string(kind)]); n != calls {
					t.Fatalf("sent %d times more by itself", n-calls)
				}
				s.accept(models.AttentionUnanswered)
				s.silent(kind)
				if d := s.detail(t); d.Attention != nil {
					t.Fatalf("told again: %q", d.Attention)
				}
				delete(s.pay.Errs, string(kind))
				if after, err := s.Repeat(t.Context(), op.ID, ann); err != nil || after.State != models.OperationSucceeded {
					t.Fatalf("%+v %v", after, err)
				}
				if d := s.detail(t); d.Attention != nil || d.Status == before {
					t.Fatalf("%s %q", d.Status, d.Attention)
				}
			})
		})
	}
}

// It closes by itself when the provider shows what became of it.
func TestUnanswered_ClosesWithTheOutcome(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.pay.Reserve(s.p.Ref)
		s.say(func(r *providers.Report) { r.HoldUntil = s.Clock.Now().Add(300 * 24 * time.Hour) })
		s.pay.Errs["void"] = unavailable("void")
		s.do(s.ask(models.OperationVoid, 0), models.OperationUnknown)
		s.silent(models.OperationVoid)
		s.want(t, models.OrderHold, "unanswered")
		s.pay.Say(s.p.Ref, providers.Cancelled, 0)
		s.settle(t, callback)
		s.want(t, models.OrderIssued, "")
	})
}

// Staff have accepted one refund without an answer. Another one of the same sum
// is another matter.
func TestRefundUnknown_EachByItself(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.paid()
		s.pay.Errs["refund"] = unavailable("refund")
		first := s.do(s.ask(models.OperationRefund, 1000), models.OperationUnknown)
		if item := s.item(models.AttentionRefundUnknown); item.Detail != fmt.Sprint(first.ID) || item.Amount != nzd(1000) {
			t.Fatalf("%+v", item)
		}
		s.accept(models.AttentionRefundUnknown)
		s.want(t, models.OrderRefundInitiated, "")
		s.sweep(time.Hour)
		s.want(t, models.OrderRefundInitiated, "")
		if err := s.Forget(t.Context(), first.ID, "the bank has nothing", ann); err != nil {
			t.Fatal(err)
		}
		s.pay.Errs["refund"] = unavailable("refund")
		second := s.do(s.ask(models.OperationRefund, 1000), models.OperationUnknown)
		s.want(t, models.OrderRefundInitiated, "refund_unknown")
		if item := s.item(models.AttentionRefundUnknown); item.Detail != fmt.Sprint(second.ID) {
			t.Fatalf("%+v", item)
		}
		if p, err := models.NewPayments(s.DB).ByID(t.Context(), s.p.ID); err != nil || len(p.Concerns) != 2 || p.Concerns[0] != models.AttentionRefundUnknown {
			t.Fatalf("who reads the payment does not find it: %v %v", p.Concerns, err)
		}
		if _, err := s.DB.Verify(t.Context(), func(f models.Finding) error { return fmt.Errorf("%+v", f) }); err != nil {
			t.Fatal(err)
		}
	})
}

// The provider does not know us: nothing was done, staff must mend the
// settings, and then it is done without anybody asking again.
func TestUnauthorized_APersonHears(t *testing.T) {
	for _, kind := range []models.OperationKind{models.OperationRefund, models.OperationReverse} {
		t.Run(string(kind), func(t *testing.T) {
			full(t, func(t *testing.T, s *till) {
				s.paid()
				s.pay.Errs[string(kind)] = unauthorized(string(kind))
				op := s.do(s.ask(kind, 0), models.OperationRequested)
				d := s.detail(t)
				if d.Attention.String() != "unauthorized" || op.Code != "unauthorized" || op.MayHaveBeenHeard() {
					t.Fatalf("%q %+v", d.Attention, op)
				}
				if item := s.item(models.AttentionUnauthorized); item.Detail != fmt.Sprint(op.ID) {
					t.Fatalf("%+v", item)
				}
				s.pay.Errs[string(kind)] = unauthorized(string(kind))
				s.sweep(time.Minute)
				if d := s.detail(t); d.Attention.String() != "unauthorized" {
					t.Fatalf("%q", d.Attention)
				}
				s.sweep(time.Hour) // the settings are right by now
				after, err := models.NewPayments(s.DB).Operation(t.Context(), op.ID)
				if err != nil || after.State != models.OperationSucceeded || after.Code != "" {
					t.Fatalf("%+v %v", after, err)
				}
				s.balances(2500, 0, 2500)
				if d := s.detail(t); d.Attention != nil {
					t.Fatalf("%q", d.Attention)
				}
			})
		})
	}
}

// The process dies in the call after that: now it may have been heard, and what
// was said before proves nothing.
func TestUnauthorized_ThenDeathDuringTheCall(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.reserved()
		s.pay.Errs["void"] = unauthorized("void")
		op := s.do(s.ask(models.OperationVoid, 0), models.OperationRequested)
		if _, mine, err := models.NewPayments(s.DB).Claim(t.Context(), op.ID, 30*time.Second); err != nil || !mine {
			t.Fatal(mine, err)
		}
		s.Clock.Pass(time.Minute)
		s.pay.Errs["void"] = unreachable("void") // what is asked next does not get there
		s.settle(t, callback)
		after, err := models.NewPayments(s.DB).Operation(t.Context(), op.ID)
		if err != nil || !after.Open() {
			t.Fatalf("closed although nobody knows: %+v %v", after, err)
		}
	})
}

// Less was taken than the payment is, and nothing was reserved of which somebody
// could have taken a part: nothing is sent, and a person hears of it.
func TestPaid_LessThanAll(t *testing.T) {
	for _, minor := range []int64{0, 1, 2499} {
		t.Run(fmt.Sprint(minor), func(t *testing.T) {
			full(t, func(t *testing.T, s *till) {
				s.say(took(minor, 0))
				s.want(t, models.OrderInProgress, "mismatch")
				s.balances(minor, 0, 0)
				if s.mails() != 0 {
					t.Fatal("confirmed")
				}
				if item := s.item(models.AttentionMismatch); item.Amount != nzd(minor) {
					t.Fatalf("%+v", item)
				}
				s.say(took(2500, 0)) // the rest came
				s.want(t, models.OrderPaid, "")
				s.balances(2500, 0, 0)
			})
		})
	}
}

// took has the provider say what it took, of what was reserved before if
// anything was.
func took(captured, authorized int64) func(r *providers.Report) {
	return func(r *providers.Report) {
		r.Outcome, r.Word, r.Captured = providers.Paid, "paid", nzd(captured)
		if authorized > 0 {
			r.Authorized = nzd(authorized)
		}
	}
}

func TestPaid_LessThanAll_Accepted(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.say(took(2000, 0))
		s.accept(models.AttentionMismatch)
		s.want(t, models.OrderPaid, "")
		s.say(took(2000, 0))
		s.want(t, models.OrderPaid, "")
		s.balances(2000, 0, 0)
	})
}

// Of what was reserved a part may be taken, on the provider's own pages too.
func TestPaid_APartOfWhatWasReserved(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.say(took(2000, 2500))
		s.want(t, models.OrderPaid, "")
		s.balances(2000, 0, 0)
	})
}

// What was to cancel a payment had not left when the money came: it never does.
func TestCancel_LeftOverIsNeverSent(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		op, fresh, err := models.NewPayments(s.DB).Reserve(t.Context(), s.ask(models.OperationCancel, 0))
		if err != nil || !fresh {
			t.Fatal(op, err)
		}
		s.paid()
		s.sweep(time.Hour)
		after, err := models.NewPayments(s.DB).Operation(t.Context(), op.ID)
		if err != nil || after.State != models.OperationFailed || after.Code != "too late" || after.Calls != 0 || s.pay.Cancels != 0 {
			t.Fatalf("%+v %v, sent %d times", after, err, s.pay.Cancels)
		}
		s.want(t, models.OrderPaid, "")
	})
}

// The first call to start had no answer, the second is refused: it may be
// refused because the first was heard. Only a look tells.
func TestStart_RefusedAfterNoAnswer(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		no := &providers.Error{Provider: "acme", Op: "start", Kind: providers.KindRejected, Status: 409, Code: "number_taken", Reason: providers.ReasonBlocked}
		begin := func(late bool) {
			b.order, b.id = b.place(t, "acme")
			b.pay.StartErr, b.pay.Lost = unavailable("start"), false
			if p, err := b.Start(t.Context(), b.id, shopper); err == nil || p.State != models.PaymentUnknown {
				t.Fatal(p.State, err)
			}
			b.pay.StartErr, b.pay.Lost = no, late // late: the first call gets there now
			p, err := b.Start(t.Context(), b.id, shopper)
			if !errors.Is(err, no) || p.State != models.PaymentUnknown || p.AskAt == nil || !p.Live {
				t.Fatalf("%+v %v", p, err)
			}
			b.want(t, models.OrderInProgress, "")
			b.Clock.Pass(time.Minute)
			if n, err := b.Sweep(t.Context()); err != nil || n != 1 {
				t.Fatal(n, err)
			}
		}
		begin(false)
		d := b.want(t, models.OrderFailed, "")
		if p := d.Payments[0]; p.Reason != string(providers.ReasonBlocked) || p.AskAt != nil || d.Operations[0].Code != "number_taken" || b.pay.Creates != 0 {
			t.Fatalf("%+v %+v, %d created", p, d.Operations[0], b.pay.Creates)
		}
		begin(true)
		d = b.want(t, models.OrderViewed, "")
		if p := d.Payments[0]; p.Ref != "acme-1" || b.pay.Creates != 1 {
			t.Fatalf("%+v, %d created", p, b.pay.Creates)
		}
	})
}

// badFinder is a provider that refuses to say what it has.
type badFinder struct{ providers.Provider }

func (badFinder) Find(context.Context, providers.StartRequest) (providers.Started, bool, error) {
	return providers.Started{}, false, &providers.Error{Provider: "acme", Op: "find", Kind: providers.KindRejected, Status: 400, Code: "bad_filter"}
}

// A look that is refused is no refusal of the payment.
func TestStart_TheLookIsRefused(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.pay.StartErr, b.pay.Lost = unavailable("start"), true
		if p, err := b.Start(t.Context(), b.id, shopper); err == nil || p.State != models.PaymentUnknown {
			t.Fatal(p.State, err)
		}
		config := b.config
		config.Providers = []providers.Provider{badFinder{b.pay}}
		p, err := cashier.New(config).Start(t.Context(), b.id, shopper)
		if err == nil || p.State != models.PaymentUnknown || p.AskAt == nil {
			t.Fatalf("%+v %v", p, err)
		}
		if p, err = b.Start(t.Context(), b.id, shopper); err != nil || p.Ref != "acme-1" || b.pay.Creates != 1 {
			t.Fatalf("%+v %v", p, err)
		}
	})
}
