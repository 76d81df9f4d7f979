package models_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"till/models"
	"till/models/modelstest"
	"till/money"

	"gorm.io/gorm"
	"pgregory.net/rapid"
)

var shopper = models.Cause{Actor: "shopper", Source: "checkout"}

// The whole table of steps, so that a new edge is a decision someone reads.
// Columns: created unknown redirected processing authorized accepted mismatch
// paid failed cancelled expired.
func TestPaymentState_CanMove(t *testing.T) {
	t.Parallel()
	states := strings.Fields("created unknown redirected processing authorized accepted mismatch paid failed cancelled expired")
	const marks = "curpaAmPfxe"
	for from, want := range map[string]string{
		"created":    ".urpaAmPfxe",
		"unknown":    "c.rpaAmPfxe",
		"redirected": "...paAmPfxe",
		"processing": "....aAmPfxe",
		"authorized": "......mPfxe",
		"accepted":   "......mPfxe",
		"mismatch":   "...paA.Pfxe",
		"paid":       "...........",
		"failed":     "...paAmP...",
		"cancelled":  "...paAmP...",
		"expired":    "...paAmP...",
	} {
		got := []byte(strings.Repeat(".", len(states)))
		for i, to := range states {
			if models.PaymentState(from).CanMove(models.PaymentState(to)) {
				got[i] = marks[i]
			}
		}
		if string(got) != want {
			t.Errorf("%-10s %s, want %s", from, got, want)
		}
	}
}

// Fold comes to the same in whatever order the facts are read, and what it says
// can be told from the facts alone.
func TestFold_OrderDoesNotMatter(t *testing.T) {
	t.Parallel()
	kinds := []models.FactKind{
		models.FactAuthorized, models.FactReleased, models.FactCaptured, models.FactCorrected, models.FactRefundReserved,
		models.FactRefunded, models.FactRefundFailed, models.FactRefundReversed, models.FactDisputed, models.FactDisputeClosed,
	}
	rapid.Check(t, func(t *rapid.T) {
		facts := rapid.SliceOf(rapid.Custom(func(t *rapid.T) models.Fact {
			return models.Fact{
				Kind:   rapid.SampledFrom(kinds).Draw(t, "kind"),
				Amount: money.Amount{Minor: rapid.Int64Range(1, 1e9).Draw(t, "minor"), Currency: rapid.SampledFrom([]money.Currency{"NZD", "USD"}).Draw(t, "currency")},
			}
		})).Draw(t, "facts")
		want := models.Fold("NZD", facts)
		if got := models.Fold("NZD", rapid.Permutation(facts).Draw(t, "shuffled")); got != want {
			t.Fatalf("%+v, then %+v", want, got)
		}
	})
}

func TestFold_Refunds(t *testing.T) {
	t.Parallel()
	nzd := func(kind models.FactKind, minor int64) models.Fact {
		return models.Fact{Kind: kind, Amount: money.Amount{Minor: minor, Currency: "NZD"}}
	}
	got := models.Fold("NZD", []models.Fact{
		nzd(models.FactCaptured, 100), nzd(models.FactRefundReserved, 60), nzd(models.FactRefunded, 60), nzd(models.FactRefundReserved, 30),
		nzd(models.FactRefundFailed, 30), nzd(models.FactRefundReserved, 10), nzd(models.FactRefundReversed, 20), nzd(models.FactCorrected, -5),
		{Kind: models.FactCaptured, Amount: money.Amount{Minor: 7, Currency: "USD"}},
	})
	want := models.Balances{Captured: 95, RefundPending: 10, Refunded: 40}
	if got != want {
		t.Fatalf("%+v, want %+v", got, want)
	}
}

// paid is what a report of the whole amount does.
func paid(p models.Payment, because string) models.Change {
	return models.Change{
		PaymentID: p.ID, Version: p.Version, State: models.PaymentPaid, Word: "completed", Cause: models.Cause{Actor: "provider", Source: because},
		Facts: []models.Fact{{Kind: models.FactCaptured, Amount: p.Amount, Ref: "ref-1"}},
	}
}

func count(t *testing.T, b modelstest.Bench, table, where string, args ...any) (n int64) {
	t.Helper()
	if err := b.DB.Write(t.Context(), func(tx *gorm.DB) error { return tx.Table(table).Where(where, args...).Count(&n).Error }); err != nil {
		t.Fatal(err)
	}
	return n
}

// Sixty hands bring the same good news: the ledger gets it once, the stock goes
// down once, one mail is written.
func TestPayments_Record_OneWinner(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		products := modelstest.Catalogue(t, b)
		p := modelstest.Placement(t, products, "acme")
		honey := products["honey"]
		p.Lines = append(p.Lines, models.OrderLine{ProductID: honey.ID, Slug: "honey", Name: "Honey", UnitMinor: 1, Quantity: 2})
		modelstest.Place(t, b, p)
		payments := models.NewPayments(b.DB)
		pay, err := payments.ByID(t.Context(), p.Payment.ID)
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		won, stale := 0, 0
		for range 60 {
			wg.Go(func() {
				_, _, err := payments.Record(t.Context(), paid(pay, "race"))
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won++
				case errors.Is(err, models.ErrStale):
					stale++
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won != 1 || stale != 59 {
			t.Errorf("%d won, %d were stale", won, stale)
		}
		for table, want := range map[string]int64{"facts": 1, "mails": 1, "stock_movements": 1} {
			if n := count(t, b, table, "1=1"); n != want {
				t.Errorf("%d %s, want %d", n, table, want)
			}
		}
		if n := count(t, b, "events", "kind = 'state'"); n != 1 {
			t.Errorf("%d moves on the timeline", n)
		}
		if left, _ := models.NewProducts(b.DB).BySlug(t.Context(), "honey"); *left.Stock != 3 {
			t.Errorf("%d left of 5, 2 were sold", *left.Stock)
		}
		if jobs := b.Queue.Take("send_mail"); len(jobs) != 1 {
			t.Errorf("%d mails queued", len(jobs))
		}
	})
}

func TestPayments_Record_Refuses(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		p := modelstest.Placement(t, modelstest.Catalogue(t, b), "acme")
		modelstest.Place(t, b, p)
		payments := models.NewPayments(b.DB)
		pay, _ := payments.ByID(t.Context(), p.Payment.ID)
		pay, _, err := payments.Record(t.Context(), paid(pay, "first"))
		if err != nil {
			t.Fatal(err)
		}
		for name, c := range map[string]struct {
			change models.Change
			want   error
		}{
			"a step away from paid": {models.Change{PaymentID: pay.ID, Version: pay.Version, State: models.PaymentCancelled}, models.ErrMove},
			"a decision of before":  {models.Change{PaymentID: pay.ID, Version: pay.Version - 1, State: models.PaymentCancelled}, models.ErrStale},
			"a payment of no one":   {models.Change{PaymentID: "nobody", Version: 1, State: models.PaymentPaid}, models.ErrNotFound},
			"more back than there is": {models.Change{
				PaymentID: pay.ID, Version: pay.Version,
				Facts: []models.Fact{{Kind: models.FactRefundReserved, Amount: money.Amount{Minor: 2501, Currency: "NZD"}}},
			}, nil},
		} {
			before := count(t, b, "events", "1=1") + count(t, b, "facts", "1=1")
			_, _, err := payments.Record(t.Context(), c.change)
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%s: %v, want %v", name, err, c.want)
			}
			if after := count(t, b, "events", "1=1") + count(t, b, "facts", "1=1"); after != before {
				t.Errorf("%s: %d rows were written", name, after-before)
			}
		}
	})
}

func TestOrders_Place_TwiceIsOne(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		products := modelstest.Catalogue(t, b)
		first := modelstest.Placement(t, products, "acme")
		var wg sync.WaitGroup
		var mu sync.Mutex
		numbers, placed := map[int64]bool{}, 0
		for range 20 {
			again := modelstest.Placement(t, products, "acme") // other token, other payment, same form
			again.Order.CheckoutKey = first.Order.CheckoutKey
			wg.Go(func() {
				order, is, err := models.NewOrders(b.DB).Place(t.Context(), again, shopper)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				numbers[order.ID] = true
				if is {
					placed++
				}
			})
		}
		wg.Wait()
		if len(numbers) != 1 || placed != 1 || !numbers[1001] && b.DB != nil && len(numbers) != 1 {
			t.Errorf("orders %v, %d placed", numbers, placed)
		}
		for _, table := range []string{"orders", "payments", "operations"} {
			if n := count(t, b, table, "1=1"); n != 1 {
				t.Errorf("%d %s", n, table)
			}
		}
	})
}

func TestOrders_Place_FirstIsNumber1001(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		order := modelstest.Place(t, b, modelstest.Placement(t, modelstest.Catalogue(t, b), "acme"))
		if order.ID != 1001 {
			t.Fatalf("number %d", order.ID)
		}
	})
}

func TestOrders_Place_SoldOut(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		products := modelstest.Catalogue(t, b)
		p := modelstest.Placement(t, products, "acme")
		p.Lines[0] = models.OrderLine{ProductID: products["honey"].ID, Slug: "honey", Name: "Honey", UnitMinor: 990, Quantity: 6}
		if _, _, err := models.NewOrders(b.DB).Place(t.Context(), p, shopper); !errors.Is(err, models.ErrSoldOut) {
			t.Fatalf("six of five: %v", err)
		}
		if n := count(t, b, "orders", "1=1"); n != 0 {
			t.Fatalf("%d orders", n)
		}
	})
}

// The last piece is kept for who is paying, and given free once.
func TestFailure16_TheLastPiece(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		products := modelstest.Catalogue(t, b)
		honey, orders := products["honey"], models.NewOrders(b.DB)
		one := func() models.Placement {
			p := modelstest.Placement(t, products, "acme")
			p.Lines[0] = models.OrderLine{ProductID: honey.ID, Slug: "honey", Name: "Honey", UnitMinor: 990, Quantity: 5}
			return p
		}
		available := func() int64 {
			got, err := models.NewProducts(b.DB).BySlug(t.Context(), "honey")
			if err != nil {
				t.Fatal(err)
			}
			n, _ := got.Available()
			return n
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		var mine []int64
		for range 50 {
			p := one()
			wg.Go(func() {
				order, placed, err := orders.Place(t.Context(), p, shopper)
				if err != nil && !errors.Is(err, models.ErrSoldOut) {
					t.Error(err)
				}
				if placed && err == nil {
					mu.Lock()
					mine = append(mine, order.ID)
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if len(mine) != 1 || count(t, b, "orders", "1=1") != 1 || available() != 0 {
			t.Fatalf("%d orders of the last pieces, %d available", len(mine), available())
		}
		// Cancelled by the shopper and by the timer at once, not while it is being
		// paid: the pieces are free once.
		if closed, err := orders.Close(t.Context(), mine[0], models.EventCancelled, "", shopper); closed || err != nil || available() != 0 {
			t.Fatal(closed, err)
		}
		begun, err := orders.ByNumber(t.Context(), mine[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := models.NewPayments(b.DB).Supersede(t.Context(), begun.Payments[0].ID, shopper); err != nil {
			t.Fatal(err)
		}
		for _, kind := range []models.EventKind{models.EventCancelled, models.EventExpired} {
			wg.Go(func() {
				if _, err := orders.Close(t.Context(), mine[0], kind, "", shopper); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if available() != 5 {
			t.Fatalf("%d available", available())
		}
		// A hold ends by itself; who comes back then is told if the pieces are gone.
		first := modelstest.Place(t, b, one())
		b.Clock.Pass(models.Settings{}.KeepFor())
		if available() != 5 {
			t.Fatalf("%d available after the hold", available())
		}
		modelstest.Place(t, b, one())
		d, err := orders.ByNumber(t.Context(), first.ID)
		if err != nil || d.HeldUntil != nil {
			t.Fatal(d.HeldUntil, err)
		}
		payments := models.NewPayments(b.DB)
		if err := payments.Supersede(t.Context(), d.Payments[0].ID, shopper); err != nil {
			t.Fatal(err)
		}
		err = payments.Retry(t.Context(), first.ID, models.NewPayment{ID: rand.Text(), Key: "k", Provider: "acme", Capture: models.CaptureAuto}, shopper)
		if !errors.Is(err, models.ErrSoldOut) || count(t, b, "payments", "1=1") != 3 {
			t.Fatal(err)
		}
	})
}

func TestPayments_Retry_OneLivePayment(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		products := modelstest.Catalogue(t, b)
		p := modelstest.Placement(t, products, "acme")
		order := modelstest.Place(t, b, p)
		payments := models.NewPayments(b.DB)
		if err := payments.Supersede(t.Context(), p.Payment.ID, shopper); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		won := 0
		for range 20 {
			n := modelstest.Placement(t, products, "acme").Payment
			wg.Go(func() {
				err := payments.Retry(t.Context(), order.ID, n, shopper)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won++
				} else if !errors.Is(err, models.ErrNotPayable) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := count(t, b, "payments", "live"); won != 1 || n != 1 {
			t.Fatalf("%d won, %d live", won, n)
		}
	})
}

func TestPayments_Claim_OneCaller(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		p := modelstest.Placement(t, modelstest.Catalogue(t, b), "acme")
		modelstest.Place(t, b, p)
		payments := models.NewPayments(b.DB)
		op, err := payments.Start(t.Context(), p.Payment.ID)
		if err != nil || op.MayHaveBeenHeard() {
			t.Fatal(op, err)
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		mine := 0
		for range 20 {
			wg.Go(func() {
				_, ok, err := payments.Claim(t.Context(), op.ID, time.Minute)
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				if ok {
					mine++
				}
			})
		}
		wg.Wait()
		if mine != 1 {
			t.Fatalf("%d callers", mine)
		}
		if due, _ := payments.Due(t.Context(), time.Minute, 10); len(due) != 0 {
			t.Fatalf("due during the call: %v", due)
		}
		b.Clock.Pass(2 * time.Minute) // the caller died
		if due, err := payments.Due(t.Context(), time.Minute, 10); err != nil || len(due) != 1 {
			t.Fatal(due, err)
		}
		before, ok, err := payments.Claim(t.Context(), op.ID, time.Minute)
		if err != nil || !ok || !before.MayHaveBeenHeard() {
			t.Fatalf("after a death the provider may know: %+v %v %v", before, ok, err)
		}
	})
}

// Whoever waited long for the lock has the operation for as long as who did not.
func TestPayments_Claim_AfterALongWait(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		p := modelstest.Placement(t, modelstest.Catalogue(t, b), "acme")
		order := modelstest.Place(t, b, p)
		payments := models.NewPayments(b.DB)
		op, err := payments.Start(t.Context(), p.Payment.ID)
		if err != nil {
			t.Fatal(err)
		}
		claimed := make(chan error, 1)
		err = b.DB.Write(t.Context(), func(tx *gorm.DB) error { // somebody is at the order
			if err := tx.Exec("UPDATE orders SET name = name WHERE id = ?", order.ID).Error; err != nil {
				return err
			}
			go func() {
				_, ok, err := payments.Claim(context.WithoutCancel(t.Context()), op.ID, 30*time.Second)
				if !ok {
					err = errors.Join(err, errors.New("not claimed"))
				}
				claimed <- err
			}()
			if err := blocked(t, b, tx, "orders"); err != nil {
				return err
			}
			b.Clock.Pass(20 * time.Second)
			return nil
		})
		if err := errors.Join(err, <-claimed); err != nil {
			t.Fatal(err)
		}
		got, err := payments.Operation(t.Context(), op.ID)
		want := b.Clock.Now().Add(30 * time.Second)
		if err != nil || got.ClaimedUntil == nil || !got.ClaimedUntil.Equal(want) {
			t.Fatalf("claimed until %v %v, want %s", got.ClaimedUntil, err, want)
		}
		if pay, err := payments.ByID(t.Context(), p.Payment.ID); err != nil || !pay.AskAt.Equal(want) {
			t.Fatalf("asked at %v %v, want %s", pay.AskAt, err, want)
		}
	})
}

// blocked waits until somebody else waits for a row of a table that tx holds, or
// on SQLite for the only connection, which tx holds.
func blocked(t *testing.T, b modelstest.Bench, tx *gorm.DB, table string) error {
	t.Helper()
	pool, postgres, err := b.DB.SQL()
	if err != nil {
		return err
	}
	for range 3000 {
		n := pool.Stats().WaitCount
		if postgres {
			err := tx.Raw(`SELECT count(*) FROM pg_locks l JOIN pg_locks mine ON mine.pid = pg_backend_pid() AND mine.locktype = 'transactionid'
				AND mine.transactionid = l.transactionid WHERE NOT l.granted`).Scan(&n).Error
			if err != nil {
				return err
			}
		}
		if n > 0 {
			return nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return errors.New("nobody waits for a row of " + table)
}

// A callback's payment is locked as everybody locks it: order, payment, and the
// delivery last. Whoever has the order finds the delivery free.
func TestDeliveries_Match_LocksTheOrderFirst(t *testing.T) {
	t.Parallel()
	b := modelstest.Open(t, "postgres")
	s := newShelf(t, b)
	p := s.issued()
	s.record(models.Change{PaymentID: p.ID, Version: p.Version, State: models.PaymentRedirected, Ref: "ref-1", Cause: shopper})
	in := models.NewDeliveries(b.DB)
	id, err := in.Receive(t.Context(), models.Delivery{Provider: "acme", EventID: "e1", Ref: "ref-1", Body: []byte("{}")})
	if err != nil {
		t.Fatal(err)
	}
	matched := make(chan error, 1)
	err = b.DB.Write(t.Context(), func(tx *gorm.DB) error {
		if err := tx.Exec("SELECT id FROM orders WHERE id = ? FOR UPDATE", p.OrderID).Error; err != nil {
			return err
		}
		go func() {
			_, err := in.Match(context.WithoutCancel(t.Context()), id)
			matched <- err
		}()
		if err := blocked(t, b, tx, "orders"); err != nil {
			return err
		}
		return tx.Exec("SELECT id FROM deliveries WHERE id = ? FOR UPDATE NOWAIT", id).Error
	})
	if err := errors.Join(err, <-matched); err != nil {
		t.Fatal(err)
	}
	if one, err := in.ByID(t.Context(), id); err != nil || one.PaymentID == nil || *one.PaymentID != p.ID {
		t.Fatalf("%+v %v", one, err)
	}
}

// An answer that says nothing new, to a question from before somebody asked for
// a refund, does not take away the question that was planned for the refund.
func TestPayments_Record_AStaleAnswerPlansNothing(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		s := newShelf(t, b)
		before := s.refunding() // the payment as it was before the refund
		planned, err := s.payments.ByID(t.Context(), before.ID)
		if err != nil || planned.AskAt == nil || planned.Version == before.Version {
			t.Fatalf("%+v %v", planned, err)
		}
		after := s.record(models.Change{PaymentID: before.ID, Version: before.Version, AskAt: nil, Cause: shopper})
		if after.AskAt == nil || !after.AskAt.Equal(*planned.AskAt) || after.Asked != planned.Asked+1 {
			t.Fatalf("asked at %v, %d times; planned was %s", after.AskAt, after.Asked, planned.AskAt)
		}
		later := b.Clock.Now().Add(time.Hour)
		if after = s.record(models.Change{PaymentID: before.ID, Version: planned.Version, AskAt: &later, Cause: shopper}); !after.AskAt.Equal(later) {
			t.Fatalf("asked at %v", after.AskAt)
		}
	})
}

// Many sweepers, each payment is one's.
func TestPayments_Due_EachToOne(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		products := modelstest.Catalogue(t, b)
		payments := models.NewPayments(b.DB)
		for range 30 {
			p := modelstest.Placement(t, products, "acme")
			modelstest.Place(t, b, p)
			if err := payments.AskSoon(t.Context(), p.Payment.ID); err != nil {
				t.Fatal(err)
			}
		}
		var wg sync.WaitGroup
		var mu sync.Mutex
		seen := map[string]int{}
		for range 6 {
			wg.Go(func() {
				for {
					ids, err := payments.Due(t.Context(), time.Minute, 4)
					if err != nil {
						t.Error(err)
					}
					if len(ids) == 0 {
						return
					}
					mu.Lock()
					for _, id := range ids {
						seen[id]++
					}
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		for id, n := range seen {
			if n != 1 {
				t.Errorf("%s was given out %d times", id, n)
			}
		}
		if len(seen) < 30-4*5 { // a sweeper that met only locked rows goes away; nothing is lost, it comes up again
			t.Errorf("%d of 30 given out", len(seen))
		}
	})
}

func TestDerive(t *testing.T) {
	t.Parallel()
	total := money.Amount{Minor: 100, Currency: "NZD"}
	at := time.Date(2026, 3, 6, 12, 0, 0, 0, time.UTC)
	open, cancelled, expired := models.Order{Total: total}, models.Order{Total: total, CancelledAt: &at}, models.Order{Total: total, ExpiredAt: &at}
	pay := func(s models.PaymentState, b models.Balances) models.Payment {
		return models.Payment{State: s, Live: !s.Ended(), Amount: total, Balances: b, AskAt: &at, CreatedAt: at}
	}
	took, reached := models.Balances{Captured: 100}, map[models.OrderStatus]bool{}
	for _, tt := range []struct {
		name     string
		order    models.Order
		payments []models.Payment
		want     models.OrderStatus
		look     string
	}{
		{"nothing yet", open, nil, models.OrderIssued, ""},
		{"written, not sent", open, []models.Payment{pay("created", models.Balances{})}, models.OrderIssued, ""},
		{"at the provider's page", open, []models.Payment{pay("redirected", models.Balances{})}, models.OrderViewed, ""},
		{"agreed", open, []models.Payment{pay("processing", models.Balances{})}, models.OrderInProgress, ""},
		{"no answer", open, []models.Payment{pay("unknown", models.Balances{})}, models.OrderInProgress, ""},
		{"nobody left to ask", open, []models.Payment{{State: "unknown", Live: true, Amount: total}}, models.OrderInProgress, "unknown"},
		{"accepted by the bank", open, []models.Payment{pay("accepted", models.Balances{})}, models.OrderInProgress, "accepted"},
		{"reserved", open, []models.Payment{pay("authorized", models.Balances{Authorized: 100})}, models.OrderHold, ""},
		{"paid", open, []models.Payment{pay("paid", took)}, models.OrderPaid, ""},
		{"declined", open, []models.Payment{pay("failed", models.Balances{})}, models.OrderFailed, ""},
		{"declined, then again", open, []models.Payment{pay("failed", models.Balances{}), pay("redirected", models.Balances{})}, models.OrderViewed, ""},
		{"given up at the provider", open, []models.Payment{pay("cancelled", models.Balances{})}, models.OrderIssued, ""},
		{"declined, then paid", open, []models.Payment{pay("failed", models.Balances{}), pay("paid", took)}, models.OrderPaid, ""},
		{"paid twice", open, []models.Payment{pay("paid", took), pay("paid", took)}, models.OrderPaid, "second_payment"},
		{"paid twice, one given back", open, []models.Payment{pay("paid", took), pay("paid", models.Balances{Captured: 100, Refunded: 100})}, models.OrderPartiallyRefunded, ""},
		{"other amount", open, []models.Payment{pay("mismatch", models.Balances{Captured: 99})}, models.OrderInProgress, "mismatch"},
		{"cancelled", cancelled, nil, models.OrderCancelled, ""},
		{"paid after it was cancelled", cancelled, []models.Payment{pay("paid", took)}, models.OrderCancelled, "paid_after_cancel"},
		{"expired", expired, []models.Payment{pay("expired", models.Balances{})}, models.OrderExpired, ""},
		{"paid after it expired", expired, []models.Payment{pay("paid", took)}, models.OrderPaid, ""},
		{"going back", open, []models.Payment{pay("paid", models.Balances{Captured: 100, RefundPending: 10})}, models.OrderRefundInitiated, ""},
		{"part gone back", open, []models.Payment{pay("paid", models.Balances{Captured: 100, Refunded: 10})}, models.OrderPartiallyRefunded, ""},
		{"gone back", open, []models.Payment{pay("paid", models.Balances{Captured: 100, Refunded: 100})}, models.OrderRefunded, ""},
		{"in dispute", open, []models.Payment{{State: "paid", Amount: total, Balances: models.Balances{Captured: 100, Disputed: 100}, Dispute: "chargeback"}}, models.OrderChargeback, "dispute"},
		{"a payout", open, []models.Payment{{State: "created", Live: true, Amount: total, Reason: models.ReasonPayout}}, models.OrderCreated, ""},
		{"late, and still taken", open, []models.Payment{{State: "redirected", Live: true, Amount: total, Reason: models.ReasonOverdue}}, models.OrderOverdue, ""},
		{"declined, with another try on the same page", open, []models.Payment{{State: "redirected", Live: true, Amount: total, Reason: models.ReasonDeclined}}, models.OrderFailed, ""},
		{"refused by the buyer", open, []models.Payment{{State: "cancelled", Amount: total, Reason: models.ReasonRejected}}, models.OrderRejected, ""},
		{"refused by the buyer, then again", open, []models.Payment{{State: "cancelled", Amount: total, Reason: models.ReasonRejected}, pay("redirected", models.Balances{})}, models.OrderViewed, ""},
		{"paid outside", open, []models.Payment{{State: "paid", Amount: total, Balances: took, Outside: true}}, models.OrderReceived, ""},
		{"paid outside, a part gone back", open, []models.Payment{{State: "paid", Amount: total, Balances: models.Balances{Captured: 100, Refunded: 10}, Outside: true}}, models.OrderPartiallyRefunded, ""},
		{"paid outside and here", open, []models.Payment{{State: "paid", Amount: total, Balances: took, Outside: true}, pay("paid", took)}, models.OrderPaid, "second_payment"},
		{"a refund failed", open, []models.Payment{{State: "paid", Amount: total, Balances: took, Refund: models.RefundMarkFailed}}, models.OrderRefundFailed, "refund_failed"},
		{"a refund failed, another is on its way", open, []models.Payment{{State: "paid", Amount: total, Balances: models.Balances{Captured: 100, RefundPending: 1}, Refund: models.RefundMarkFailed}}, models.OrderRefundInitiated, "refund_failed"},
		{"a refund came back", open, []models.Payment{{State: "paid", Amount: total, Balances: took, Refund: models.RefundMarkReversed}}, models.OrderRefundReversed, "refund_reversed"},
		{"being undone", open, []models.Payment{{State: "paid", Amount: total, Balances: models.Balances{Captured: 100, RefundPending: 100}, Reversal: models.ReversalPending}}, models.OrderReversalInitiated, ""},
		{"undone", open, []models.Payment{{State: "paid", Amount: total, Balances: models.Balances{Captured: 100, Refunded: 100}, Reversal: models.ReversalDone}}, models.OrderReversed, ""},
		{"not undone", open, []models.Payment{{State: "paid", Amount: total, Balances: took, Reversal: models.ReversalFailed}}, models.OrderReversalFailed, "refund_failed"},
		{"a part taken by hand", open, []models.Payment{{State: "paid", Amount: total, Capture: models.CaptureManual, Balances: models.Balances{Authorized: 100, Captured: 40, Released: 60}}}, models.OrderPaid, ""},
		{"less than agreed, and accepted", open, []models.Payment{{State: "paid", Amount: total, Balances: models.Balances{Captured: 90}, Agreed: money.Amount{Minor: 90, Currency: "NZD"}}}, models.OrderPaid, ""},
		{"one payment took too much", open, []models.Payment{pay("paid", models.Balances{Captured: 120})}, models.OrderPaid, "overpayment"},
		{"late money is on its way back", cancelled, []models.Payment{pay("paid", models.Balances{Captured: 100, RefundPending: 100})}, models.OrderCancelled, ""},
		{"reserved for a cancelled order", cancelled, []models.Payment{pay("authorized", models.Balances{Authorized: 100})}, models.OrderCancelled, "paid_after_cancel"},
		{"a person is waited for", open, []models.Payment{{State: "processing", Amount: total, Concerns: models.Attentions{models.AttentionNeedAction}}}, models.OrderInProgress, "need_action"},
	} {
		reached[tt.want] = true
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := models.Derive(tt.order, tt.payments, nil)
			if look := got.Attentions().String(); got.Status != tt.want || look != tt.look {
				t.Fatalf("%s %q, want %s %q", got.Status, look, tt.want, tt.look)
			}
		})
	}
	for _, stage := range []models.OrderStatus{
		models.OrderChargeback, models.OrderRepresentation, models.OrderRetrieval, models.OrderPrearbitration, models.OrderArbitration,
		models.OrderPrecompliance, models.OrderCompliance, models.OrderGoodFaith, models.OrderFraudAdvice,
	} {
		got := models.Derive(open, []models.Payment{{State: "paid", Amount: total, Balances: took, Dispute: string(stage)}}, nil)
		if got.Status != stage || got.Attentions().String() != "dispute" {
			t.Errorf("in dispute, %s: %s %q", stage, got.Status, got.Attentions())
		}
		reached[stage] = true
	}
	for _, status := range append(models.OrderStatuses(), models.OrderCreated) {
		if !reached[status] {
			t.Errorf("no row of the table ends %s", status)
		}
	}
}
