package models_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"till/models"
	"till/models/modelstest"
	"till/money"
)

var (
	bo  = models.Cause{Actor: models.StaffActor("bo@example.test"), Source: "dashboard"}
	cyn = models.Cause{Actor: models.StaffActor("cyn@example.test"), Source: "dashboard"}
)

// limited is a shop in which a refund above NZD 10.00 needs a second person,
// with an order of NZD 25.00 that is paid.
type limited struct {
	*parcel
	payments  *models.Payments
	approvals *models.Approvals
}

func newLimited(t *testing.T, b modelstest.Bench) *limited {
	t.Helper()
	if _, err := b.DB.BeginSettings(t.Context(), models.Settings{
		ShopName: "Kauri", TimeZone: "UTC", OpenSeconds: 1, KeepSeconds: 1, HoldRule: "void", HoldWarning: 1, Limits: models.Limits{"NZD": 1000},
	}); err != nil {
		t.Fatal(err)
	}
	return &limited{newPaidParcel(t, b), models.NewPayments(b.DB), models.NewApprovals(b.DB)}
}

func (l *limited) refund(minor int64, by models.Cause) models.Reservation {
	return models.Reservation{
		PaymentID: l.pay.ID, Kind: models.OperationRefund, Key: uuid.NewString(), Amount: money.Amount{Minor: minor, Currency: "NZD"}, Note: "broken", Cause: by,
	}
}

func (l *limited) reserve(r models.Reservation) error {
	_, _, err := l.payments.Reserve(l.Context(), r)
	return err
}

func (l *limited) ask(r models.Reservation) models.Approval {
	l.Helper()
	one, err := l.approvals.Ask(l.Context(), r)
	if err != nil {
		l.Fatal(err)
	}
	return one
}

func (l *limited) refused(err, want error) {
	l.Helper()
	if !errors.Is(err, want) {
		l.Errorf("%v, want %v", err, want)
	}
}

func TestReserve_Limit(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		l := newLimited(t, b)
		l.refused(l.reserve(l.refund(1001, ann)), models.ErrLimit)
		l.refused(l.reserve(models.Reservation{PaymentID: l.pay.ID, Kind: models.OperationReverse, Key: uuid.NewString(), Cause: ann}), models.ErrLimit) // no way around it
		if n := count(t, b, "operations", "kind <> 'start'"); n != 0 {
			t.Fatalf("%d operations", n)
		}
		if err := l.reserve(l.refund(600, ann)); err != nil {
			t.Fatal(err)
		}
		var over *models.LimitError
		if err := l.reserve(l.refund(401, ann)); !errors.As(err, &over) || over.Limit.Minor != 1000 || over.Used.Minor != 600 {
			t.Errorf("in parts: %v", err)
		}
		if err := l.approvals.Needed(t.Context(), l.pay, money.Amount{Minor: 401, Currency: "NZD"}, ann.Actor); !errors.Is(err, models.ErrLimit) {
			t.Error(err)
		}
		if err := l.approvals.Needed(t.Context(), l.pay, money.Amount{Minor: 400, Currency: "NZD"}, ann.Actor); err != nil {
			t.Error(err)
		}
		if err := l.reserve(l.refund(1000, bo)); err != nil { // another person's
			t.Error(err)
		}
		b.Clock.Pass(24*time.Hour + time.Minute)
		if err := l.reserve(l.refund(900, ann)); err != nil { // another day
			t.Error(err)
		}
		l = &limited{newPaidParcel(t, b), l.payments, l.approvals}
		if err := l.reserve(l.refund(2500, models.Cause{Actor: "till", Source: "timer"})); err != nil { // what is nobody's doing
			t.Error(err)
		}
	})
}

// Parts that are asked for at once count together, too.
func TestReserve_LimitAtOnce(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		l := newLimited(t, b)
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if err := l.reserve(l.refund(300, ann)); err != nil && !errors.Is(err, models.ErrLimit) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := count(t, b, "operations", "kind = 'refund'"); n != 3 {
			t.Errorf("%d refunds of NZD 3.00", n)
		}
	})
}

func TestApprovals(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		l := newLimited(t, b)
		r := l.refund(2000, ann)
		r.Lines = []models.RefundLine{{Position: 0, Quantity: 1, Restock: true}}
		one := l.ask(r)
		if again := l.ask(r); again.ID != one.ID {
			t.Error("the same form asked twice")
		}
		other := r
		other.Note = "another"
		_, err := l.approvals.Ask(t.Context(), other)
		l.refused(err, models.ErrDuplicate)
		_, err = l.approvals.Ask(t.Context(), l.refund(2501, ann))
		l.refused(err, models.ErrBalance)
		l.refused(l.reserve(r), models.ErrLimit) // nobody has agreed
		_, err = l.approvals.Approve(t.Context(), one.ID, ann)
		l.refused(err, models.ErrOwn)
		_, err = l.approvals.Decline(t.Context(), one.ID, "no", ann)
		l.refused(err, models.ErrOwn)
		_, err = l.approvals.Withdraw(t.Context(), one.ID, bo)
		l.refused(err, models.ErrOwn)
		if n, err := l.approvals.Count(t.Context()); n != 1 || err != nil {
			t.Error(n, err)
		}

		one, err = l.approvals.Approve(t.Context(), one.ID, bo)
		if err != nil || !one.Stuck() {
			t.Fatal(one, err)
		}
		if open, err := l.approvals.Open(t.Context()); err != nil || len(open) != 1 || !open[0].Stuck() || len(open[0].Lines) != 1 {
			t.Error("approved and not done, it is seen no more", open, err)
		}
		l.refused(l.reserve(other), models.ErrDuplicate) // agreed to was something else
		if err := l.reserve(one.Reservation(bo)); err != nil {
			t.Fatal(err)
		}
		if err := l.reserve(one.Reservation(cyn)); err != nil { // once more is the same one
			t.Error(err)
		}
		if n := count(t, b, "operations", "kind = 'refund'"); n != 1 {
			t.Errorf("%d refunds", n)
		}
		if one, err = l.approvals.ByKey(t.Context(), r.Key); err != nil || one.OperationID == nil || one.Waits() {
			t.Error(one, err)
		}
		if n, err := l.approvals.Count(t.Context()); n != 0 || err != nil {
			t.Error(n, err)
		}
		_, err = l.approvals.Decline(t.Context(), one.ID, "too late", cyn)
		l.refused(err, models.ErrStale)
		if err := l.reserve(l.refund(500, bo)); err != nil { // what was agreed to uses up nobody's limit
			t.Error(err)
		}
		for _, action := range []string{"approval_asked", "approval_given"} {
			if n := count(t, b, "audit", "action = '"+action+"' AND detail = 'NZD 20.00: broken'"); action == "approval_asked" && n != 1 {
				t.Errorf("%d lines of audit %s", n, action)
			}
		}
		if n := count(t, b, "audit", "action = 'approval_given' AND actor = '"+bo.Actor+"'"); n != 1 {
			t.Errorf("%d lines of audit by who approved", n)
		}
	})
}

func TestApprovals_NotPossibleAnyMore(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		l := newLimited(t, b)
		one := l.ask(l.refund(2000, ann))
		if err := l.reserve(l.refund(1000, cyn)); err != nil {
			t.Fatal(err)
		}
		events := count(t, b, "events", "")
		_, err := l.approvals.Approve(t.Context(), one.ID, bo)
		var left *models.BalanceError
		if !errors.As(err, &left) || left.Left.Minor != 1500 {
			t.Error(err)
		}
		if one, err = l.approvals.ByID(t.Context(), one.ID); err != nil || one.Decision != "" || count(t, b, "events", "") != events {
			t.Error("refused, and something was written", one, err)
		}
		if one, err = l.approvals.Withdraw(t.Context(), one.ID, ann); err != nil || one.Waits() {
			t.Error(one, err)
		}
	})
}

// One that was approved and never became a refund can be ended: from then on
// its key gives nothing back.
func TestApprovals_Stuck(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		l := newLimited(t, b)
		one := l.ask(l.refund(2000, ann))
		if _, err := l.approvals.Approve(t.Context(), one.ID, bo); err != nil {
			t.Fatal(err)
		}
		_, err := l.approvals.Approve(t.Context(), one.ID, cyn)
		l.refused(err, models.ErrStale)
		if one, err = l.approvals.Decline(t.Context(), one.ID, "sent by hand", cyn); err != nil || one.Waits() {
			t.Error(one, err)
		}
		l.refused(l.reserve(one.Reservation(bo)), models.ErrLimit)
	})
}

// Twenty decide at once: one does.
func TestApprovals_AtOnce(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		l := newLimited(t, b)
		one := l.ask(l.refund(2000, ann))
		var (
			wg   sync.WaitGroup
			mu   sync.Mutex
			won  int
			done int
		)
		for i := range 20 {
			who := models.Cause{Actor: models.StaffActor(fmt.Sprintf("s%d@example.test", i)), Source: "dashboard"}
			wg.Go(func() {
				_, err := l.approvals.Approve(t.Context(), one.ID, who)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won++
					if l.reserve(one.Reservation(who)) == nil {
						done++
					}
				case !errors.Is(err, models.ErrStale):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won != 1 || done != 1 || count(t, b, "operations", "kind = 'refund'") != 1 {
			t.Errorf("%d won, %d refunded", won, done)
		}
	})
}

// One form sent twice at once, above the limit and at it: the refund that was
// made alone counts, and its key asks for nothing more.
func TestApprovals_KeyOfARefund(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		l := newLimited(t, b)
		alone := l.refund(1000, bo)
		if err := l.reserve(alone); err != nil {
			t.Fatal(err)
		}
		above := l.refund(1500, bo)
		above.Key = alone.Key
		_, err := l.approvals.Ask(t.Context(), above)
		l.refused(err, models.ErrDuplicate)
		other := l.refund(1100, bo)
		l.ask(other)
		l.refused(l.reserve(l.refund(1, bo)), models.ErrLimit)
		if n := count(t, b, "approvals", "1 = 1"); n != 1 {
			t.Errorf("%d approvals", n)
		}
	})
}
