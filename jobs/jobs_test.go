package jobs

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/riverqueue/river/rivertype"

	"till/cashier"
	"till/models"
	"till/models/modelstest"
	"till/money"
	"till/providers"
)

// Not parallel: it looks at every goroutine there is.
func TestRun_LeavesNothingRunning(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			b := setup(t, modelstest.Open(t, kind), nil)
			stop := run(t, b.Runner)
			b.pay.say(providers.Paid, nil)
			b.start(t)
			b.settled(t, b.ring(t, "e1"))
			stop()
			stacks := make([]byte, 1<<20)
			eventually(t, "no goroutine of the runner's", func() bool {
				all := string(stacks[:runtime.Stack(stacks, true)])
				return !strings.Contains(all, "riverqueue/river") && !strings.Contains(all, "till/jobs.(*sweeper)")
			})
		})
	}
}

// A job is there if and only if the rows that it follows are.
func TestInsertTx_GoesWithItsTransaction(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		pool, _, err := b.DB.SQL()
		if err != nil {
			t.Fatal(err)
		}
		tx, err := pool.BeginTx(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.InsertTx(t.Context(), tx, models.SettleDelivery{DeliveryID: 7}); err != nil {
			t.Fatal(err)
		}
		if err := tx.Rollback(); err != nil {
			t.Fatal(err)
		}
		if got := b.jobs(t, "settle_delivery"); len(got) != 0 {
			t.Fatalf("a job of a transaction that was rolled back: %+v", got)
		}
		b.ring(t, "e1")
		got := b.jobs(t, "settle_delivery")
		if len(got) != 1 || string(got[0].EncodedArgs) != `{"delivery_id":1,"round":0}` && !strings.Contains(string(got[0].EncodedArgs), `"delivery_id": 1`) {
			t.Fatalf("%+v", got)
		}
	})
}

func TestInsertTx_UnknownKind(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		if err := b.InsertTx(t.Context(), nil, tidy{}); err == nil {
			t.Fatal("a job that nobody does was taken")
		}
	})
}

func TestCallback_SettlesAndMails(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		run(t, b.Runner)
		b.start(t)
		b.pay.say(providers.Paid, nil)
		id := b.ring(t, "e1")
		b.settled(t, id)
		d, err := b.orders.ByNumber(t.Context(), b.order.ID)
		if err != nil || d.Status != models.OrderPaid {
			t.Fatalf("%s %v", d.Status, err)
		}
		last := d.Facts[len(d.Facts)-1]
		if last.Actor != "provider" || last.Source != "callback 1" {
			t.Errorf("captured because of %+v", last.Cause)
		}
		eventually(t, "mail written", func() bool {
			mails, err := b.mails.OfOrder(t.Context(), b.order.ID)
			return err == nil && len(mails) == 1 && strings.Contains(mails[0].Body, "https://shop.test/orders/"+b.order.Token)
		})
		mails, err := b.mails.OfOrder(t.Context(), b.order.ID)
		if err != nil || mails[0].SentAt != nil || mails[0].Recipient != "ann@example.test" {
			t.Fatalf("%+v %v", mails, err)
		}
		want := "Order " + b.order.Number() + " is paid: NZD 25.00 – Kauri & Clay"
		if mails[0].Subject != want {
			t.Errorf("%q, want %q", mails[0].Subject, want)
		}
		for _, part := range []string{"2 × Mug: NZD", "Acme Pay", "Saturday 7 March 2026, 01:00", "Nelson 7010"} {
			if !strings.Contains(mails[0].Body, part) {
				t.Errorf("no %q in %s", part, mails[0].Body)
			}
		}
	})
}

// A refund is told of when it is true, once, with what stays paid.
func TestRefund_Mails(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		run(t, b.Runner)
		p := b.start(t)
		b.pay.say(providers.Paid, nil)
		b.settled(t, b.ring(t, "e1"))
		r := models.Reservation{
			PaymentID: p.ID, Kind: models.OperationRefund, Key: "k1", Amount: money.Amount{Minor: 1000, Currency: "NZD"}, Done: true, Note: "cash",
			Cause: models.Cause{Actor: "staff ann@example.test", Source: "dashboard"},
		}
		for range 2 {
			if _, err := b.cashier.Do(t.Context(), r); err != nil {
				t.Fatal(err)
			}
		}
		var told []models.Mail
		eventually(t, "mail written", func() bool {
			mails, err := b.mails.OfOrder(t.Context(), b.order.ID)
			told = mails
			return err == nil && len(mails) == 2 && mails[1].Body != ""
		})
		if told[1].Subject != "Order "+b.order.Number()+": we have given back NZD 10.00 – Kauri & Clay" ||
			!strings.Contains(told[1].Body, "NZD 15.00 stays paid") || strings.Contains(told[1].Body, "Acme Pay") {
			t.Fatalf("%s\n%s", told[1].Subject, told[1].Body)
		}
	})
}

// Rings that come before the job has begun are one job.
func TestRing_WaitingOnce(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.start(t)
		b.pay.say(providers.Paid, nil)
		ids := make([]int64, 10)
		var wg sync.WaitGroup
		for i := range ids {
			wg.Go(func() { ids[i] = b.ring(t, "e1") })
		}
		wg.Wait()
		if one := slices.Compact(ids); len(one) != 1 {
			t.Fatalf("deliveries %d of one event", one)
		}
		if d := b.delivery(t, ids[0]); d.Times != 10 {
			t.Errorf("counted %d times, came 10", d.Times)
		}
		if got := b.jobs(t, "settle_delivery"); len(got) != 1 {
			t.Fatalf("%d jobs", len(got))
		}
		run(t, b.Runner)
		b.settled(t, ids[0])
		eventually(t, "job completed", func() bool { return b.jobs(t, "settle_delivery")[0].State == rivertype.JobStateCompleted })
		if n := b.pay.times(); n != 1 {
			t.Errorf("asked %d times", n)
		}
		b.ring(t, "e1") // a job that has ended is no reason not to ring
		eventually(t, "asked again", func() bool { return b.pay.times() == 2 })
	})
}

// A ring while a job is asking is not lost: the answer on its way may be older.
func TestRing_DuringARun(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.start(t)
		release := b.pay.block()
		arrived := b.pay.arrived
		run(t, b.Runner)
		id := b.ring(t, "e1")
		<-arrived // the job asked while the payment was open
		b.pay.say(providers.Paid, nil)
		again := models.SettleDelivery{DeliveryID: id}
		b.asks(t, again, again, again)
		release()
		eventually(t, "paid", func() bool {
			d, err := b.orders.ByNumber(t.Context(), b.order.ID)
			return err == nil && d.Status == models.OrderPaid
		})
		if got := b.jobs(t, "settle_delivery"); len(got) != 2 {
			t.Errorf("%d jobs for one ring and three during its run, want 2", len(got))
		}
	})
}

// A callback that comes before our call to start has its answer waits for it.
func TestFailure04_CallbackBeforeThePaymentIsKnown(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		run(t, b.Runner)
		id := b.ring(t, "e1")
		eventually(t, "unmatched", func() bool {
			jobs := b.jobs(t, "settle_delivery")
			return b.delivery(t, id).Verdict == models.DeliveryUnmatched && jobs[0].State != rivertype.JobStateRunning && jobs[0].Attempt == 0
		})
		b.pay.say(providers.Paid, nil)
		b.start(t)
		b.settled(t, id)
		eventually(t, "nothing left to do", func() bool {
			return !slices.ContainsFunc(b.jobs(t, "settle_delivery"), func(job *rivertype.JobRow) bool { return job.State != rivertype.JobStateCompleted })
		})
	})
}

func TestUnmatched_GivenUpAfterAnHour(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		id := b.ring(t, "e1")
		b.Clock.Pass(time.Hour)
		run(t, b.Runner)
		eventually(t, "job completed", func() bool { return b.jobs(t, "settle_delivery")[0].State == rivertype.JobStateCompleted })
		if v := b.delivery(t, id).Verdict; v != models.DeliveryUnmatched {
			t.Errorf("an unknown callback shows as %s", v)
		}
	})
}

// A provider that does not answer is asked again, later and later, and at once
// when it rings.
func TestProviderDown_RetriedLater(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.start(t)
		b.pay.say(providers.Open, errDown)
		run(t, b.Runner)
		id := b.ring(t, "e1")
		eventually(t, "failed once", func() bool {
			job := b.jobs(t, "settle_delivery")[0]
			return len(job.Errors) == 1 && job.State != rivertype.JobStateRunning
		})
		job := b.jobs(t, "settle_delivery")[0]
		if gap := job.ScheduledAt.Sub(job.Errors[0].At); gap < 4*time.Second || gap > time.Minute {
			t.Errorf("next try %s after the first", gap)
		}
		b.pay.say(providers.Paid, nil)
		b.ring(t, "e1")
		b.settled(t, id)
	})
}

// What was in hand when a process was killed is done by the next one.
func TestRestart_PicksUpAJobThatWasRunning(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.start(t)
		b.pay.say(providers.Paid, nil)
		id := b.ring(t, "e1")
		pool, postgres, err := b.DB.SQL()
		if err != nil {
			t.Fatal(err)
		}
		// As kill -9 leaves it: running, begun by somebody who is not there.
		by := `jsonb('["gone"]')`
		if postgres {
			by = `'{gone}'`
		}
		_, err = pool.ExecContext(t.Context(), `UPDATE river_job SET state = 'running', attempt = 1, attempted_at = '2026-01-01 00:00:00', attempted_by = `+by)
		if err != nil {
			t.Fatal(err)
		}
		run(t, b.another(t, nil))
		b.settled(t, id)
	})
}

// Stopping finishes the job in hand.
func TestRun_FinishesTheJobInHand(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.start(t)
		release := b.pay.block()
		arrived := b.pay.arrived
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- b.Run(ctx) }()
		id := b.ring(t, "e1")
		<-arrived
		b.pay.say(providers.Paid, nil)
		cancel()
		release()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if v := b.delivery(t, id).Verdict; v != models.DeliverySettled {
			t.Errorf("the job in hand left its callback %s", v)
		}
		if got := b.jobs(t, "settle_delivery")[0].State; got != rivertype.JobStateCompleted {
			t.Errorf("the job in hand is %s", got)
		}
	})
}

// The timer asks without any job.
func TestTimer_AsksWhenDue(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		run(t, b.Runner)
		b.start(t)
		b.pay.say(providers.Paid, nil)
		b.Clock.Pass(6 * time.Second)
		eventually(t, "paid", func() bool {
			d, err := b.orders.ByNumber(t.Context(), b.order.ID)
			return err == nil && d.Status == models.OrderPaid && d.Facts[0].Cause == cashier.Timer
		})
	})
}

func TestMigrate_ManyAtOnce(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			name := modelstest.Name(t, kind)
			var wg sync.WaitGroup
			for range 4 {
				db := modelstest.OpenNamed(t, name).DB
				wg.Go(func() {
					if err := Migrate(t.Context(), db); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		})
	}
}
