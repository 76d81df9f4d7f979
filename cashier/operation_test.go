package cashier_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"till/cashier"
	"till/models"
	"till/money"
	"till/providers"
)

var ann = models.Cause{Actor: "staff ann@example.test", Source: "dashboard"}

// till is a shop with an order of NZD 25.00 at a provider that can do everything.
type till struct {
	*bench
	t *testing.T
	p models.Payment
}

// full runs a test on both databases, with the order's payment opened.
func full(t *testing.T, test func(t *testing.T, s *till)) {
	t.Helper()
	each(t, func(t *testing.T, b *bench) {
		b.pay = b.full
		b.order, b.id = b.place(t, "full")
		test(t, &till{bench: b, t: t, p: b.start(t)})
	})
}

// paid has the provider take the money.
func (s *till) paid() *till {
	s.pay.Say(s.p.Ref, providers.Paid, 0)
	s.p = s.settle(s.t, callback)
	s.Queue.Take("send_mail")
	return s
}

// reserved has the provider reserve the money.
func (s *till) reserved() *till {
	s.pay.Reserve(s.p.Ref)
	s.p = s.settle(s.t, callback)
	return s
}

func (s *till) ask(kind models.OperationKind, minor int64) models.Reservation {
	r := models.Reservation{PaymentID: s.p.ID, Kind: kind, Key: rand.Text(), Note: "because", Cause: ann}
	if minor != 0 {
		r.Amount = nzd(minor)
	}
	return r
}

// do asks for an operation and checks what state it is in then.
func (s *till) do(r models.Reservation, want models.OperationState) models.Operation {
	s.t.Helper()
	op, err := s.Do(s.t.Context(), r)
	if err != nil || op.State != want {
		s.t.Fatalf("%s: %+v %v, want %s", r.Kind, op, err, want)
	}
	return op
}

// refuse checks that an operation is refused and that nothing was written.
func (s *till) refuse(r models.Reservation, want error) {
	s.t.Helper()
	before := s.detail(s.t)
	_, err := s.Do(s.t.Context(), r)
	after := s.detail(s.t)
	if !errors.Is(err, want) {
		s.t.Fatalf("%s: %v, want %v", r.Kind, err, want)
	}
	if len(after.Operations) != len(before.Operations) || len(after.Facts) != len(before.Facts) || len(after.Events) != len(before.Events) {
		s.t.Fatalf("%s was refused and wrote", r.Kind)
	}
}

// balances checks what the payment's ledger comes to.
func (s *till) balances(captured, pending, refunded int64) models.Payment {
	s.t.Helper()
	d := s.detail(s.t)
	p, _ := d.Payment(s.p.ID)
	if p.Captured != captured || p.RefundPending != pending || p.Refunded != refunded {
		s.t.Fatalf("captured %d, pending %d, refunded %d, want %d %d %d", p.Captured, p.RefundPending, p.Refunded, captured, pending, refunded)
	}
	return p
}

func (s *till) mails() int { return len(s.Queue.Take("send_mail")) }

// sweep lets time pass and the timer work.
func (s *till) sweep(d time.Duration) {
	s.t.Helper()
	s.Clock.Pass(d)
	for range 50 {
		n, err := s.Sweep(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		if n == 0 {
			return
		}
	}
	s.t.Fatal("the timer never comes to an end")
}

func refused(op string) error {
	return &providers.Error{Provider: "full", Op: op, Kind: providers.KindRejected, Status: 400, Code: "no"}
}

func unreachable(op string) error {
	return &providers.Error{Provider: "full", Op: op, Kind: providers.KindUnreachable}
}

func TestCapture(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.reserved().want(t, models.OrderHold, "")
		s.do(s.ask(models.OperationCapture, 0), models.OperationSucceeded)
		s.want(t, models.OrderPaid, "")
		s.balances(2500, 0, 0)
		if s.mails() != 1 || s.pay.Captures != 1 {
			t.Fatal("not confirmed once, or not captured once")
		}
		s.refuse(s.ask(models.OperationCapture, 0), models.ErrIllegal)
		s.refuse(s.ask(models.OperationVoid, 0), models.ErrIllegal)
	})
}

func TestCapture_Part(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.reserved()
		s.refuse(s.ask(models.OperationCapture, 2501), models.ErrBalance)
		s.refuse(s.ask(models.OperationCapture, -1), models.ErrBalance)
		s.do(s.ask(models.OperationCapture, 1000), models.OperationSucceeded)
		p := s.balances(1000, 0, 0)
		if p.Released != 1500 {
			t.Fatalf("released %d", p.Released)
		}
		s.want(t, models.OrderPaid, "")
		s.do(s.ask(models.OperationRefund, 400), models.OperationSucceeded)
		s.refuse(s.ask(models.OperationRefund, 601), models.ErrBalance)
		s.want(t, models.OrderPartiallyRefunded, "")
	})
}

func TestCapture_OnlyWhole(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.reserved()
		s.pay.WholeOnly = true
		if w := s.Powers(s.p); !w.Capture || w.CaptureParts {
			t.Fatalf("%+v", w)
		}
		s.refuse(s.ask(models.OperationCapture, 1000), cashier.ErrCannot)
		s.do(s.ask(models.OperationCapture, 2500), models.OperationSucceeded)
	})
}

// The answer is lost, or never came to be: the next look tells which, and the
// money is taken once.
func TestFailure02_ACaptureWithoutAnswer(t *testing.T) {
	for _, done := range []bool{true, false} {
		t.Run(fmt.Sprintf("done %v", done), func(t *testing.T) {
			full(t, func(t *testing.T, s *till) {
				s.reserved()
				s.pay.Errs["capture"], s.pay.LostOps["capture"] = unavailable("capture"), done
				s.do(s.ask(models.OperationCapture, 1500), models.OperationUnknown)
				s.refuse(s.ask(models.OperationCapture, 1500), models.ErrBusy)
				s.refuse(s.ask(models.OperationVoid, 0), models.ErrBusy)
				s.sweep(time.Hour)
				s.want(t, models.OrderPaid, "")
				s.balances(1500, 0, 0)
				keys := s.pay.Keys["capture"]
				if s.pay.Captures != 1 || keys[0] != keys[len(keys)-1] {
					t.Fatalf("%d captures under %v", s.pay.Captures, keys)
				}
			})
		})
	}
}

func TestVoid(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.reserved()
		s.do(s.ask(models.OperationVoid, 0), models.OperationSucceeded)
		d := s.want(t, models.OrderIssued, "")
		if d.Payments[0].State != models.PaymentCancelled || d.Payments[0].Released != 2500 {
			t.Fatalf("%+v", d.Payments[0])
		}
	})
}

func TestRefund(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.paid()
		s.refuse(s.ask(models.OperationRefund, 2501), models.ErrBalance)
		s.do(s.ask(models.OperationRefund, 1000), models.OperationSucceeded)
		s.want(t, models.OrderPartiallyRefunded, "")
		s.do(s.ask(models.OperationRefund, 0), models.OperationSucceeded)
		s.want(t, models.OrderRefunded, "")
		s.balances(2500, 0, 2500)
		if s.mails() != 2 {
			t.Fatal("not one mail for each refund")
		}
		s.refuse(s.ask(models.OperationRefund, 0), models.ErrBalance)
		for range 3 {
			s.settle(t, callback)
		}
		s.balances(2500, 0, 2500)
	})
}

func TestRefund_OnlyTheSumIsTold(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.pay.SumsOnly = true
		s.paid()
		for range 2 {
			s.do(s.ask(models.OperationRefund, 500), models.OperationSucceeded)
			s.settle(t, callback)
		}
		s.balances(2500, 0, 1000)
	})
}

func TestRefund_TheSameFormTwice(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		r := s.paid().ask(models.OperationRefund, 1000)
		first, second := s.do(r, models.OperationSucceeded), s.do(r, models.OperationSucceeded)
		if first.ID != second.ID || s.pay.Refunds != 1 {
			t.Fatal("one form made two refunds")
		}
		s.balances(2500, 0, 1000)
	})
}

func TestFailure18_TwoRefundsOfTheSameMoney(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.paid()
		var wg sync.WaitGroup
		errs := make([]error, 2)
		for i := range errs {
			r := s.ask(models.OperationRefund, 1500)
			wg.Go(func() { _, errs[i] = s.Do(t.Context(), r) })
		}
		wg.Wait()
		var left *models.BalanceError
		if one := errors.Join(errs...); !errors.As(one, &left) || left.Left != nzd(1000) || errs[0] != nil && errs[1] != nil {
			t.Fatal(errs)
		}
		if s.pay.Refunds != 1 {
			t.Fatalf("the provider was asked for %d refunds", s.pay.Refunds)
		}
		s.balances(2500, 0, 1500)
	})
}

func TestRefund_FiftyAtOnce(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.paid()
		var wg sync.WaitGroup
		for range 50 {
			r := s.ask(models.OperationRefund, 100)
			wg.Go(func() {
				if _, err := s.Do(t.Context(), r); err != nil && !errors.Is(err, models.ErrBalance) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		s.sweep(time.Hour)
		s.balances(2500, 0, 2500)
		if s.pay.Refunds != 25 {
			t.Fatalf("%d refunds", s.pay.Refunds)
		}
		s.want(t, models.OrderRefunded, "")
	})
}

func TestFailure19_ARefundThatFailsLater(t *testing.T) {
	for _, sums := range []bool{false, true} {
		t.Run(fmt.Sprintf("sums only %v", sums), func(t *testing.T) {
			full(t, func(t *testing.T, s *till) {
				s.pay.RefundsPend = true
				s.paid()
				s.do(s.ask(models.OperationRefund, 1000), models.OperationRequested)
				s.want(t, models.OrderRefundInitiated, "")
				s.balances(2500, 1000, 0)
				s.refuse(s.ask(models.OperationRefund, 1501), models.ErrBalance)
				s.pay.FinishRefund(s.p.Ref, 0, providers.RefundFailed)
				s.sweep(time.Hour)
				s.want(t, models.OrderRefundFailed, "refund_failed")
				s.balances(2500, 0, 0)
				if n := s.mails(); n != 0 {
					t.Fatalf("%d mails about money that did not go back", n)
				}
				s.accept(models.AttentionRefundFailed)
				s.want(t, models.OrderPaid, "")
				s.sweep(time.Hour)
				s.settle(t, callback)
				s.want(t, models.OrderPaid, "")
			})
		})
	}
}

// accept closes the one open item of a kind.
func (s *till) accept(kind models.Attention) {
	s.t.Helper()
	if err := s.Accept(s.t.Context(), s.item(kind).ID, "looked into it", ann); err != nil {
		s.t.Fatal(err)
	}
}

func (s *till) item(kind models.Attention) models.InboxItem {
	s.t.Helper()
	items, err := s.inbox.Open(s.t.Context(), 0, 100)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, i := range items {
		if i.Kind == kind {
			return i
		}
	}
	s.t.Fatalf("no open item %s in %+v", kind, items)
	return models.InboxItem{}
}

func TestRefund_PendingThenDoneThenReversed(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.pay.RefundsPend = true
		s.paid()
		s.do(s.ask(models.OperationRefund, 1000), models.OperationRequested)
		if s.mails() != 0 {
			t.Fatal("told before it was true")
		}
		s.pay.FinishRefund(s.p.Ref, 0, providers.RefundDone)
		s.sweep(time.Hour)
		s.want(t, models.OrderPartiallyRefunded, "")
		if s.mails() != 1 {
			t.Fatal("not told")
		}
		s.pay.FinishRefund(s.p.Ref, 0, providers.RefundReversed)
		for range 2 {
			s.settle(t, callback)
		}
		s.want(t, models.OrderRefundReversed, "refund_reversed")
		s.balances(2500, 0, 0)
	})
}

// No answer: one that was done is found and not sent again.
func TestRefund_LostAnswer(t *testing.T) {
	for _, minor := range []int64{1000, 2500} {
		t.Run(fmt.Sprint(minor), func(t *testing.T) {
			full(t, func(t *testing.T, s *till) {
				s.paid()
				s.pay.Errs["refund"], s.pay.LostOps["refund"] = unavailable("refund"), true
				s.do(s.ask(models.OperationRefund, minor), models.OperationUnknown)
				s.want(t, models.OrderRefundInitiated, "refund_unknown")
				s.sweep(time.Hour)
				s.balances(2500, 0, minor)
				if d := s.detail(t); s.pay.Refunds != 1 || len(s.pay.Keys["refund"]) != 1 || d.Attention != nil {
					t.Fatalf("%d refunds, %q", s.pay.Refunds, d.Attention)
				}
			})
		})
	}
}

// No answer, and nothing happened: a part may go twice, so a person decides.
func TestRefund_NoAnswer_APersonDecides(t *testing.T) {
	for _, again := range []bool{true, false} {
		t.Run(fmt.Sprintf("send it again %v", again), func(t *testing.T) {
			full(t, func(t *testing.T, s *till) {
				s.paid()
				s.pay.Errs["refund"] = unavailable("refund")
				op := s.do(s.ask(models.OperationRefund, 1000), models.OperationUnknown)
				for range 5 {
					s.sweep(time.Hour)
				}
				s.want(t, models.OrderRefundInitiated, "refund_unknown")
				if n := len(s.pay.Keys["refund"]); n != 1 {
					t.Fatalf("sent %d times", n)
				}
				if again {
					if after, err := s.Repeat(t.Context(), op.ID, ann); err != nil || after.State != models.OperationSucceeded {
						t.Fatalf("%+v %v", after, err)
					}
					s.want(t, models.OrderPartiallyRefunded, "")
					s.balances(2500, 0, 1000)
					return
				}
				if err := s.Forget(t.Context(), op.ID, "the bank has nothing", ann); err != nil {
					t.Fatal(err)
				}
				s.want(t, models.OrderPaid, "")
				s.balances(2500, 0, 0)
			})
		})
	}
}

// No answer to a refund of all that is left: it cannot go twice, so it is sent
// again under the same key.
func TestRefund_NoAnswer_AllThatIsLeft(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.paid()
		s.pay.Errs["refund"] = unavailable("refund")
		s.do(s.ask(models.OperationRefund, 0), models.OperationUnknown)
		s.sweep(time.Hour)
		s.want(t, models.OrderRefunded, "")
		if keys := s.pay.Keys["refund"]; len(keys) != 2 || keys[0] != keys[1] {
			t.Fatalf("keys %v", keys)
		}
	})
}

// Sent again, and refused because it had been done: the look decides.
func TestRefund_RefusedTheSecondTime(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.paid()
		s.pay.Errs["refund"] = unavailable("refund")
		op := s.do(s.ask(models.OperationRefund, 1000), models.OperationUnknown)
		s.pay.Errs["refund"], s.pay.LostOps["refund"] = refused("refund"), true
		if after, err := s.Repeat(t.Context(), op.ID, ann); err != nil || after.State != models.OperationUnknown {
			t.Fatalf("%+v %v", after, err)
		}
		s.sweep(time.Hour)
		s.balances(2500, 0, 1000)
	})
}

func TestRefund_RefusedAndNotReached(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.paid()
		s.pay.Errs["refund"] = refused("refund")
		if op := s.do(s.ask(models.OperationRefund, 1000), models.OperationFailed); op.Code != "no" {
			t.Fatalf("%+v", op)
		}
		s.want(t, models.OrderPaid, "")
		s.balances(2500, 0, 0)
		s.pay.Errs["refund"] = unreachable("refund")
		s.do(s.ask(models.OperationRefund, 1000), models.OperationRequested)
		s.sweep(time.Hour)
		s.want(t, models.OrderPartiallyRefunded, "")
	})
}

// The process dies between the commit and the call.
func TestDeathBeforeTheCall(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.paid()
		if _, fresh, err := models.NewPayments(s.DB).Reserve(t.Context(), s.ask(models.OperationRefund, 1000)); err != nil || !fresh {
			t.Fatal(err)
		}
		s.balances(2500, 1000, 0)
		s.sweep(time.Minute)
		s.balances(2500, 0, 1000)
	})
}

// The process dies during the call: nobody knows whether it was heard.
func TestDeathDuringTheCall(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.paid()
		payments := models.NewPayments(s.DB)
		op, _, err := payments.Reserve(t.Context(), s.ask(models.OperationRefund, 1000))
		if err != nil {
			t.Fatal(err)
		}
		if _, mine, err := payments.Claim(t.Context(), op.ID, 30*time.Second); err != nil || !mine {
			t.Fatal(mine, err)
		}
		s.sweep(time.Hour)
		s.balances(2500, 1000, 0)
		if len(s.pay.Keys["refund"]) != 0 {
			t.Fatal("sent although it may have been heard")
		}
		s.want(t, models.OrderRefundInitiated, "refund_unknown")
	})
}

func TestRefund_OfLinesBringsThemBack(t *testing.T) {
	for _, restock := range []bool{true, false} {
		t.Run(fmt.Sprintf("restock %v", restock), func(t *testing.T) {
			full(t, func(t *testing.T, s *till) {
				ten, err := models.NewProducts(s.DB).BySlug(t.Context(), "mug")
				if err != nil {
					t.Fatal(err)
				}
				left := int64(10)
				ten.Stock = &left
				if err := models.NewProducts(s.DB).Import(t.Context(), []models.Product{ten}); err != nil {
					t.Fatal(err)
				}
				s.paid()
				r := s.ask(models.OperationRefund, 1250)
				r.Lines = []models.RefundLine{{Position: 0, Quantity: 1, Restock: restock}}
				s.do(r, models.OperationSucceeded)
				s.do(r, models.OperationSucceeded)
				want := int64(8)
				if restock {
					want = 9
				}
				if got, err := models.NewProducts(s.DB).BySlug(t.Context(), "mug"); err != nil || *got.Stock != want {
					t.Fatalf("%v in stock, want %d (%v)", *got.Stock, want, err)
				}
			})
		})
	}
}

// Two members of staff take the same pieces back.
func TestRefund_OfPiecesOnlyOnce(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.paid()
		r := s.ask(models.OperationRefund, 1250)
		r.Lines = []models.RefundLine{{Position: 0, Quantity: 1, Restock: true}}
		s.do(r, models.OperationSucceeded)
		again := s.ask(models.OperationRefund, 1250)
		again.Lines = []models.RefundLine{{Position: 0, Quantity: 2, Restock: true}}
		s.refuse(again, models.ErrIllegal)
		again.Lines[0].Quantity = 1
		s.do(again, models.OperationSucceeded)
	})
}

// A provider that cannot send money back: staff do, and say so.
func TestRefund_MadeOutside(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		s := &till{bench: b, t: t, p: b.start(t)}
		s.paid()
		if w := s.Powers(s.p); w.Refund || !w.Record {
			t.Fatalf("%+v", w)
		}
		r := s.ask(models.OperationRefund, 1000)
		s.refuse(r, cashier.ErrCannot)
		r.Done = true
		s.do(r, models.OperationSucceeded)
		s.want(t, models.OrderPartiallyRefunded, "")
		s.settle(t, callback)
		s.balances(2500, 0, 1000)
		if s.mails() != 1 {
			t.Fatal("not told")
		}
		r = s.ask(models.OperationRefund, 1501)
		r.Done = true
		s.refuse(r, models.ErrBalance)
	})
}

func TestReverse(t *testing.T) {
	for state, want := range map[providers.RefundState]models.OrderStatus{
		providers.RefundDone:   models.OrderReversed,
		providers.RefundFailed: models.OrderReversalFailed,
	} {
		t.Run(string(state), func(t *testing.T) {
			full(t, func(t *testing.T, s *till) {
				s.pay.RefundsPend = true
				s.paid()
				s.do(s.ask(models.OperationReverse, 0), models.OperationRequested)
				s.want(t, models.OrderReversalInitiated, "")
				s.refuse(s.ask(models.OperationRefund, 1), models.ErrIllegal)
				s.pay.FinishReversal(s.p.Ref, state)
				s.sweep(time.Hour)
				look := ""
				if state == providers.RefundFailed {
					look = "refund_failed"
				}
				s.want(t, want, look)
				if state == providers.RefundDone {
					s.balances(2500, 0, 2500)
					s.refuse(s.ask(models.OperationRefund, 1), models.ErrIllegal)
				} else {
					s.balances(2500, 0, 0)
					s.do(s.ask(models.OperationRefund, 100), models.OperationRequested)
				}
			})
		})
	}
}

func TestReverse_RefusedAtOnceStaysPaid(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.paid()
		s.pay.Errs["reverse"] = refused("reverse")
		s.do(s.ask(models.OperationReverse, 0), models.OperationFailed)
		s.want(t, models.OrderPaid, "")
		s.balances(2500, 0, 0)
	})
}

func TestReceived(t *testing.T) {
	t.Run("the provider is told", func(t *testing.T) {
		full(t, func(t *testing.T, s *till) {
			if err := s.Received(t.Context(), s.order.ID, "cash", ann); err != nil {
				t.Fatal(err)
			}
			d := s.want(t, models.OrderReceived, "")
			if len(d.Payments) != 1 || s.mails() != 1 {
				t.Fatalf("%+v", d.Payments)
			}
		})
	})
	t.Run("the provider is asked to take no money", func(t *testing.T) {
		each(t, func(t *testing.T, b *bench) {
			b.start(t)
			for range 2 {
				err := b.Received(t.Context(), b.order.ID, "cash", ann)
				if err != nil && !errors.Is(err, cashier.ErrPaid) {
					t.Fatal(err)
				}
			}
			d := b.want(t, models.OrderReceived, "")
			if len(d.Payments) != 2 || b.pay.Cancels != 1 || d.Payments[0].Captured+d.Payments[1].Captured != 2500 {
				t.Fatalf("%+v", d.Payments)
			}
		})
	})
	t.Run("it was paid meanwhile", func(t *testing.T) {
		each(t, func(t *testing.T, b *bench) {
			p := b.start(t)
			b.pay.Say(p.Ref, providers.Paid, 0)
			if err := b.Received(t.Context(), b.order.ID, "cash", ann); !errors.Is(err, cashier.ErrPaid) {
				t.Fatal(err)
			}
			b.want(t, models.OrderPaid, "")
		})
	})
}

func TestFailure07_LateMoneyForACancelledOrder(t *testing.T) {
	for _, how := range []string{"taken", "reserved"} {
		t.Run(how, func(t *testing.T) {
			full(t, func(t *testing.T, s *till) {
				if err := s.Cancel(t.Context(), s.order.ID, "", shopper); err != nil {
					t.Fatal(err)
				}
				for range 2 { // success is delivered twice
					if how == "taken" {
						s.pay.Say(s.p.Ref, providers.Paid, 0)
					} else if s.pay.Voids == 0 {
						s.pay.Reserve(s.p.Ref)
					}
					s.settle(t, callback)
				}
				s.sweep(time.Hour)
				d := s.want(t, models.OrderCancelled, "")
				if s.pay.Refunds+s.pay.Voids != 1 {
					t.Fatalf("%d refunds, %d voids", s.pay.Refunds, s.pay.Voids)
				}
				var shown []string
				for _, e := range d.Events {
					if e.Kind == models.EventOperation && e.ToState == string(models.OperationSucceeded) {
						shown = append(shown, e.FromState)
					}
				}
				if len(shown) != 1 || d.PaidAt != nil {
					t.Fatalf("timeline %v", shown)
				}
			})
		})
	}
}

func TestFailure08_StrandedMoneyHasAnOwner(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		if err := s.Cancel(t.Context(), s.order.ID, "", shopper); err != nil {
			t.Fatal(err)
		}
		s.pay.Say(s.p.Ref, providers.Paid, 0)
		for range 2 {
			s.pay.Errs["refund"] = refused("refund")
			s.sweep(0)
			s.settle(t, callback)
			s.want(t, models.OrderCancelled, "paid_after_cancel,refund_failed")
			s.Clock.Pass(10 * time.Minute)
		}
		s.sweep(time.Hour)
		s.want(t, models.OrderCancelled, "")
		if n := len(s.pay.Keys["refund"]); s.pay.Refunds != 1 || n != 3 {
			t.Fatalf("%d refunds in %d tries", s.pay.Refunds, n)
		}
	})
}

// Staff keep the money: Till does not try again.
func TestFailure08_StaffKeepTheMoney(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		if err := s.Cancel(t.Context(), s.order.ID, "", shopper); err != nil {
			t.Fatal(err)
		}
		s.pay.Say(s.p.Ref, providers.Paid, 0)
		s.pay.Errs["refund"] = refused("refund")
		s.settle(t, callback)
		s.accept(models.AttentionPaidAfterCancel)
		s.accept(models.AttentionRefundFailed)
		s.sweep(48 * time.Hour)
		s.want(t, models.OrderCancelled, "")
		s.balances(2500, 0, 0)
	})
}

func TestHold_TheClock(t *testing.T) {
	for rule, want := range map[cashier.HoldRule]models.OrderStatus{
		cashier.HoldVoid: models.OrderIssued, cashier.HoldCapture: models.OrderPaid, cashier.HoldKeep: models.OrderHold,
	} {
		t.Run(string(rule), func(t *testing.T) {
			full(t, func(t *testing.T, s *till) {
				s.Cashier = s.with(rule)
				s.reserved()
				for range 24 {
					s.sweep(24 * time.Hour)
				}
				s.want(t, models.OrderHold, "")
				s.sweep(25 * time.Hour)
				s.want(t, models.OrderHold, "lapsing")
				for range 4 {
					s.sweep(12 * time.Hour)
				}
				look := ""
				if rule == cashier.HoldKeep {
					look = "lapsing"
				}
				s.want(t, want, look)
			})
		})
	}
}

// with is a cashier with another rule over the same rows.
func (b *bench) with(rule cashier.HoldRule) *cashier.Cashier {
	cfg := b.config
	cfg.Hold = rule
	return cashier.New(cfg)
}

func TestCancel_StaffGiveBackWhatIsReserved(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.reserved()
		if err := s.Cancel(t.Context(), s.order.ID, "", shopper); !errors.Is(err, cashier.ErrPaid) {
			t.Fatal(err)
		}
		if err := s.Cancel(t.Context(), s.order.ID, "out of clay", ann); err != nil {
			t.Fatal(err)
		}
		s.want(t, models.OrderCancelled, "")
		if s.pay.Voids != 1 {
			t.Fatal("not given back")
		}
	})
}

func TestDispute(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.paid()
		for _, stage := range []providers.Dispute{
			providers.DisputeRetrieval, providers.DisputeChargeback, providers.DisputeRepresentation, providers.DisputePrearbitration,
			providers.DisputeArbitration, providers.DisputePrecompliance, providers.DisputeCompliance, providers.DisputeGoodFaith, providers.DisputeFraudAdvice,
		} {
			s.dispute(stage)
			s.want(t, models.OrderStatus(stage), "dispute")
		}
		s.dispute("")
		d := s.want(t, models.OrderPaid, "")
		if p := d.Payments[0]; p.Disputed != 0 || p.Dispute != "" {
			t.Fatalf("%+v", p)
		}
	})
}

func (s *till) dispute(stage providers.Dispute) {
	s.pay.Mu.Lock()
	r := s.pay.Books[s.p.Ref]
	r.Dispute, r.Word = stage, "paid "+string(stage)
	s.pay.Books[s.p.Ref] = r
	s.pay.Mu.Unlock()
	for range 2 {
		s.settle(s.t, callback)
	}
}

func TestAccept_Mismatch(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.pay.Say(s.p.Ref, providers.Paid, 2400)
		s.settle(t, callback)
		s.want(t, models.OrderInProgress, "mismatch")
		item := s.item(models.AttentionMismatch)
		s.accept(models.AttentionMismatch)
		s.want(t, models.OrderPaid, "")
		if err := s.Accept(t.Context(), item.ID, "again", ann); !errors.Is(err, models.ErrStale) {
			t.Fatal(err)
		}
		s.settle(t, callback)
		s.want(t, models.OrderPaid, "")
		if s.balances(2400, 0, 0); s.mails() != 1 {
			t.Fatal("not confirmed once")
		}
	})
}

func TestAccept_MismatchWithoutMoney(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.pay.Say(s.p.Ref, providers.Processing, 2400)
		s.settle(t, callback)
		if err := s.Accept(t.Context(), s.item(models.AttentionMismatch).ID, "fine", ann); !errors.Is(err, models.ErrIllegal) {
			t.Fatal(err)
		}
		s.want(t, models.OrderInProgress, "mismatch")
	})
}

// A provider that cannot be asked never answered a start: somebody looks there,
// and the order can be paid another way. Money that comes all the same is found.
func TestAccept_AStartWithoutAnswer(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.order, b.id = b.place(t, "bank")
		s := &till{bench: b, t: t}
		b.other.StartErr, b.other.Lost = unavailable("start"), true
		if p, err := b.Start(t.Context(), b.id, shopper); err == nil || p.State != models.PaymentUnknown {
			t.Fatal(p.State, err)
		}
		b.Clock.Pass(time.Hour)
		if _, err := b.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.want(t, models.OrderInProgress, "unknown")
		if _, err := b.Pay(t.Context(), b.order.ID, "acme", "", shopper); !errors.Is(err, cashier.ErrUndecided) {
			t.Fatal(err)
		}
		s.accept(models.AttentionUnknown)
		b.want(t, models.OrderIssued, "")
		if p, err := b.Pay(t.Context(), b.order.ID, "acme", "", shopper); err != nil || p.State != models.PaymentRedirected {
			t.Fatal(p.State, err)
		}
		b.other.Say("bank-1", providers.Paid, 0)
		if _, err := b.Adopt(t.Context(), b.id, "bank-1", callback); err != nil {
			t.Fatal(err)
		}
		b.want(t, models.OrderPaid, "")
	})
}

func TestMismatch_GivenBack(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.pay.Say(s.p.Ref, providers.Paid, 2400)
		s.settle(t, callback)
		s.do(s.ask(models.OperationRefund, 0), models.OperationSucceeded)
		for range 3 {
			s.settle(t, callback)
		}
		d := s.want(t, models.OrderIssued, "")
		if d.Payments[0].State != models.PaymentCancelled {
			t.Fatalf("%s", d.Payments[0].State)
		}
		if _, err := s.Pay(t.Context(), s.order.ID, "bank", "", shopper); err != nil {
			t.Fatal(err) // the order can be paid again
		}
	})
}

func TestAccept_WhatABankTook(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.pay.Say(s.p.Ref, providers.Accepted, 0)
		s.settle(t, callback)
		s.want(t, models.OrderInProgress, "accepted")
		s.accept(models.AttentionAccepted)
		s.settle(t, callback)
		s.want(t, models.OrderPaid, "")
		s.balances(2500, 0, 0)
		s.pay.Say(s.p.Ref, providers.Declined, 0) // and bounces
		s.settle(t, callback)
		s.want(t, models.OrderPaid, "contradiction")
	})
}

func TestSecondPayment_GivenBack(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.pay.CancErr = unavailable("cancel")
		second, err := s.Pay(t.Context(), s.order.ID, "bank", "", shopper)
		if err != nil {
			t.Fatal(err)
		}
		s.other.Say(second.Ref, providers.Paid, 0)
		if _, err := s.Settle(t.Context(), second.ID, callback); err != nil {
			t.Fatal(err)
		}
		s.paid().want(t, models.OrderPaid, "second_payment")
		s.do(s.ask(models.OperationRefund, 0), models.OperationSucceeded)
		s.want(t, models.OrderPartiallyRefunded, "")
	})
}

func TestOverpayment(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.paid()
		s.pay.Mu.Lock()
		r := s.pay.Books[s.p.Ref]
		r.Captured = nzd(2600)
		s.pay.Books[s.p.Ref] = r
		s.pay.Mu.Unlock()
		s.settle(t, callback)
		s.want(t, models.OrderPaid, "overpayment")
		s.do(s.ask(models.OperationRefund, 100), models.OperationSucceeded)
		s.settle(t, callback)
		s.want(t, models.OrderPartiallyRefunded, "")
	})
}

func TestAttach(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		if _, err := s.Pay(t.Context(), s.order.ID, "bank", "", shopper); err != nil {
			t.Fatal(err)
		}
		s.pay.Mu.Lock()
		s.pay.Books["stray"] = providers.Report{Ref: "stray", PaymentID: "somebody", Outcome: providers.Paid, Amount: nzd(2500), Word: "paid"}
		s.pay.Mu.Unlock()
		deliveries := models.NewDeliveries(s.DB)
		id, err := deliveries.Receive(t.Context(), models.Delivery{Provider: "full", EventID: "e1", Ref: "stray", Body: []byte("{}")})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := deliveries.Match(t.Context(), id); !errors.Is(err, models.ErrNotFound) {
			t.Fatal(err)
		}
		if err := s.Strays(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, err := s.inbox.Count(t.Context()); err != nil || n != 0 {
			t.Fatal(n, err) // it may yet be met
		}
		s.Clock.Pass(time.Hour)
		for range 2 {
			if err := s.Strays(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		item := s.item(models.AttentionUnknownReference)
		p, err := s.Attach(t.Context(), item.ID, s.order.ID, "the buyer wrote to us", ann)
		if err != nil || p.State != models.PaymentPaid {
			t.Fatalf("%+v %v", p, err)
		}
		s.want(t, models.OrderPaid, "")
		if n, err := s.inbox.Count(t.Context()); err != nil || n != 0 {
			t.Fatal(n, err)
		}
	})
}

// Every step of staff is in the timeline, with who and why.
func TestTimelineSaysWhoAndWhy(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.paid()
		s.do(s.ask(models.OperationRefund, 1000), models.OperationSucceeded)
		var lines []string
		for _, e := range s.detail(t).Events {
			if e.Kind == models.EventOperation {
				lines = append(lines, strings.Join([]string{e.FromState, e.ToState, e.Detail, e.Actor}, " "))
			}
		}
		want := []string{"refund requested because staff ann@example.test", "refund succeeded because staff ann@example.test"}
		if fmt.Sprint(lines) != fmt.Sprint(want) {
			t.Fatalf("%q", lines)
		}
	})
}

// say changes what the books of the provider say, and settles twice: the second
// time must change nothing.
func (s *till) say(change func(r *providers.Report)) {
	s.t.Helper()
	s.pay.Mu.Lock()
	r := s.pay.Books[s.p.Ref]
	change(&r)
	s.pay.Books[s.p.Ref] = r
	s.pay.Mu.Unlock()
	s.p = s.settle(s.t, callback)
	facts := len(s.detail(s.t).Facts)
	s.p = s.settle(s.t, callback)
	if n := len(s.detail(s.t).Facts); n != facts {
		s.t.Fatalf("the same report twice wrote %d facts more", n-facts)
	}
}

// nameless is a refund that a provider tells of without saying which it is.
func nameless(word string, state providers.RefundState) func(*providers.Report) {
	return func(r *providers.Report) {
		r.Word, r.Refunds = word, []providers.Refund{{State: state, Word: word}}
		r.Refunded = money.Amount{}
	}
}

// A provider without names or sums said that a refund was done, and then that it
// failed.
func TestRefund_Nameless_DoneThenFailed(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.paid()
		s.do(s.ask(models.OperationRefund, 0), models.OperationSucceeded)
		s.say(nameless("refund accepted", providers.RefundDone))
		s.want(t, models.OrderRefunded, "")
		s.say(nameless("refund failed", providers.RefundFailed))
		s.want(t, models.OrderRefundReversed, "refund_reversed")
		s.balances(2500, 0, 0)
	})
}

// It says that money went back that nobody asked for, and not how much.
func TestRefund_Nameless_MadeElsewhere(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.paid()
		s.say(nameless("refund accepted", providers.RefundDone))
		s.want(t, models.OrderPaid, "refund_elsewhere")
		r := s.ask(models.OperationRefund, 0)
		r.Done = true
		s.do(r, models.OperationSucceeded)
		s.settle(t, callback)
		s.want(t, models.OrderRefunded, "refund_elsewhere") // that may be another one
		s.accept(models.AttentionRefundElsewhere)
		s.settle(t, callback)
		s.want(t, models.OrderRefunded, "")
	})
}

func sum(minor int64) func(*providers.Report) {
	return func(r *providers.Report) { r.Refunded = nzd(minor) }
}

// What staff sent back by other means is no part of the provider's sum.
func TestRefund_OutsideAndElsewhere(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.paid()
		r := s.ask(models.OperationRefund, 500)
		r.Done = true
		s.do(r, models.OperationSucceeded)
		s.say(sum(700))
		s.balances(2500, 0, 1200)
		s.do(s.ask(models.OperationRefund, 300), models.OperationSucceeded)
		s.settle(t, callback)
		s.balances(2500, 0, 1500)
		s.say(sum(2500)) // with the 500 that is more than was ever taken
		s.balances(2500, 0, 2500)
		s.want(t, models.OrderRefunded, "contradiction")
	})
}

// A refund made on the provider's own pages comes back.
func TestRefund_ElsewhereComesBack(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.paid()
		s.say(sum(700))
		s.say(func(r *providers.Report) {
			r.Word, r.Refunded, r.Refunds = "refund_reversed", nzd(0), []providers.Refund{{State: providers.RefundReversed, Word: "refund_reversed"}}
		})
		s.balances(2500, 0, 0)
		s.want(t, models.OrderRefundReversed, "refund_reversed")
	})
}

// The sum falls and nobody says why.
func TestRefund_TheSumFalls(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.paid()
		s.say(sum(700))
		s.say(sum(0))
		s.balances(2500, 0, 700)
		s.want(t, models.OrderPartiallyRefunded, "contradiction")
		s.say(sum(700))
		s.want(t, models.OrderPartiallyRefunded, "")
	})
}

// While a reversal is on its way everything is refunded on the provider's pages.
func TestReverse_RefundedElsewhere(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.pay.RefundsPend = true
		s.paid()
		s.do(s.ask(models.OperationReverse, 0), models.OperationRequested)
		s.say(func(r *providers.Report) { r.Reversal, r.Refunded = "", nzd(2500) })
		s.want(t, models.OrderReversed, "")
		s.balances(2500, 0, 2500)
	})
}

// It was asked for while the money was on its way, and the money was quicker.
func TestReverse_TheMoneyIsQuicker(t *testing.T) {
	for _, state := range []providers.RefundState{providers.RefundDone, providers.RefundFailed} {
		t.Run(string(state), func(t *testing.T) {
			full(t, func(t *testing.T, s *till) {
				s.pay.RefundsPend = true
				s.say(func(r *providers.Report) { r.Outcome, r.Word = providers.Processing, "processing" })
				s.pay.Errs["reverse"] = unreachable("reverse")
				s.do(s.ask(models.OperationReverse, 0), models.OperationRequested)
				s.paid()
				s.balances(2500, 2500, 0)
				s.refuse(s.ask(models.OperationRefund, 100), models.ErrIllegal)
				s.sweep(time.Hour)
				s.pay.FinishReversal(s.p.Ref, state)
				s.sweep(time.Hour)
				if state == providers.RefundDone {
					s.balances(2500, 0, 2500)
				} else {
					s.balances(2500, 0, 0)
				}
			})
		})
	}
}

// The payment is undone on the provider's pages while a refund is under way,
// which is refused.
func TestReverse_ElsewhereBesideARefund(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.paid()
		s.pay.Errs["refund"] = unavailable("refund")
		op := s.do(s.ask(models.OperationRefund, 1000), models.OperationUnknown)
		s.say(func(r *providers.Report) { r.Reversal, r.Word = providers.RefundDone, "reversed" })
		if err := s.Forget(t.Context(), op.ID, "refused", ann); err != nil {
			t.Fatal(err)
		}
		s.settle(t, callback)
		s.balances(2500, 0, 2500)
		s.want(t, models.OrderReversed, "")
	})
}

// A payment that is too old to be asked about for its own sake is looked after
// while something that was asked of it is open.
func TestRefund_OfAnOldPayment(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.paid()
		s.Clock.Pass(90 * 24 * time.Hour)
		s.pay.Errs["refund"] = unreachable("refund")
		s.do(s.ask(models.OperationRefund, 1000), models.OperationRequested)
		s.sweep(time.Hour)
		s.balances(2500, 0, 1000)
	})
}

// Staff sent money back by other means, and all of it was undone as well.
func TestReverse_BesideMoneySentOutside(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.paid()
		r := s.ask(models.OperationRefund, 1000)
		r.Done = true
		s.do(r, models.OperationSucceeded)
		s.say(func(r *providers.Report) { r.Reversal, r.Word = providers.RefundDone, "reversed" })
		s.balances(2500, 0, 2500)
		s.want(t, models.OrderReversed, "contradiction")
	})
}

// It was stopped on its way, and came after all.
func TestReverse_TheMoneyComesAfterAll(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.say(func(r *providers.Report) { r.Outcome, r.Word = providers.Processing, "processing" })
		s.do(s.ask(models.OperationReverse, 0), models.OperationSucceeded)
		s.want(t, models.OrderIssued, "")
		s.say(func(r *providers.Report) { r.Outcome, r.Word, r.Reversal = providers.Paid, "completed", "" })
		s.want(t, models.OrderPaid, "")
		s.say(sum(2500))
		s.want(t, models.OrderRefunded, "")
	})
}

// A part was asked for and had no answer; the provider says paid, and not how
// much.
func TestCapture_NobodySaysHowMuch(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.reserved()
		s.pay.Errs["capture"] = unavailable("capture")
		s.do(s.ask(models.OperationCapture, 1000), models.OperationUnknown)
		s.say(func(r *providers.Report) { r.Outcome, r.Word, r.Captured = providers.Paid, "paid", money.Amount{} })
		s.balances(1000, 0, 0)
		s.want(t, models.OrderPaid, "capture_unknown")
		s.accept(models.AttentionCaptureUnknown)
		s.settle(t, callback)
		s.want(t, models.OrderPaid, "")
	})
}

// Reserved, let go, and reserved again there: what is held now can be taken.
func TestHold_ASecondTime(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.reserved()
		s.do(s.ask(models.OperationVoid, 0), models.OperationSucceeded)
		s.say(func(r *providers.Report) { r.Outcome, r.Word = providers.Authorized, "hold again" })
		s.want(t, models.OrderHold, "")
		if held := s.p.Held(); held != nzd(2500) {
			t.Fatalf("held %s", held)
		}
		s.say(func(r *providers.Report) { r.Outcome, r.Word, r.Captured = providers.Paid, "paid", nzd(2500) })
		s.want(t, models.OrderPaid, "")
		s.balances(2500, 0, 0)
	})
}

// A refund on the provider's pages that came back before we heard of it.
func TestRefund_CameBackUnseen(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.paid()
		s.say(func(r *providers.Report) {
			r.Word, r.Refunded, r.Refunds = "refund_reversed", nzd(0), []providers.Refund{{State: providers.RefundReversed, Word: "refund_reversed"}}
		})
		s.want(t, models.OrderRefundReversed, "refund_reversed")
		s.accept(models.AttentionRefundReversed)
		s.settle(t, callback)
		s.want(t, models.OrderPaid, "")
	})
}

// A word that nobody knows changes nothing; when it lasts somebody is told.
func TestUnknownWord(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.say(func(r *providers.Report) { r.Outcome, r.Word = providers.Unknown, "in_review" })
		s.want(t, models.OrderViewed, "")
		s.sweep(2 * time.Hour)
		s.want(t, models.OrderViewed, "unknown_word")
		s.say(func(r *providers.Report) { r.Outcome, r.Word = providers.Paid, "paid" })
		s.want(t, models.OrderPaid, "")
	})
}

// A try was declined and another may follow on the same page; none does.
func TestDeclined_OnTheSamePage(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.say(func(r *providers.Report) { r.Word, r.Reason = "failed", providers.ReasonDeclined })
		s.want(t, models.OrderFailed, "")
		s.say(func(r *providers.Report) { r.Word, r.Reason = "viewed", "" })
		s.want(t, models.OrderViewed, "")
		s.say(func(r *providers.Report) { r.Word, r.Reason = "failed", providers.ReasonDeclined })
		s.say(func(r *providers.Report) { r.Outcome, r.Word, r.Reason = providers.Cancelled, "cancelled", "" })
		if s.p.Reason != models.ReasonDeclined {
			t.Fatalf("ended because of %q", s.p.Reason)
		}
	})
}

func TestTestPaymentsAreMarked(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.say(func(r *providers.Report) { r.Outcome, r.Word, r.Test = providers.Paid, "paid", true })
		if d := s.want(t, models.OrderPaid, ""); !d.Test {
			t.Fatal("not marked")
		}
	})
}

// While the answer "it is being undone" is on its way, it fails, and the
// callback is quicker: the older answer undoes nothing.
func TestReverse_TheCallbackIsQuicker(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.pay.RefundsPend = true
		s.paid()
		s.pay.OnAct = func() {
			s.pay.FinishReversal(s.p.Ref, providers.RefundFailed)
			s.settle(t, callback)
		}
		s.do(s.ask(models.OperationReverse, 0), models.OperationFailed)
		s.want(t, models.OrderReversalFailed, "refund_failed")
		s.balances(2500, 0, 0)
	})
}

// Staff cancel what is reserved; the callback about it is quicker than the
// answer.
func TestCancel_TheCallbackIsQuicker(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.reserved()
		s.pay.OnAct = func() { s.settle(t, callback) }
		if err := s.Cancel(t.Context(), s.order.ID, "out of clay", ann); err != nil {
			t.Fatal(err)
		}
		s.want(t, models.OrderCancelled, "")
	})
}

// Somebody else has begun the very thing: one waits for the other.
func TestCancel_BesideTheTimer(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		s.reserved()
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				if err := s.Cancel(t.Context(), s.order.ID, "out of clay", ann); err != nil && !errors.Is(err, models.ErrNotPayable) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		s.want(t, models.OrderCancelled, "")
		if s.pay.Voids != 1 {
			t.Fatalf("%d voids", s.pay.Voids)
		}
	})
}
