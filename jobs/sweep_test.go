package jobs

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// book is a till that writes down when it was asked.
type book struct {
	began    time.Time
	at       []time.Duration // of sweeps
	expired  []time.Duration
	strays   int
	finished int
	sweep    func(n int) (int, error) // nil finds nothing
	next     func() (time.Time, bool) // nil plans nothing
}

func (b *book) Begin(context.Context) (int, error) {
	b.at = append(b.at, time.Since(b.began))
	if b.sweep == nil {
		return 0, nil
	}
	return b.sweep(len(b.at))
}

func (b *book) Finish() { b.finished++ }

func (b *book) NextDue(context.Context) (time.Time, bool, error) {
	if b.next == nil {
		return time.Time{}, false, nil
	}
	at, ok := b.next()
	return at, ok, nil
}

func (b *book) ExpireOrders(context.Context) error {
	b.expired = append(b.expired, time.Since(b.began))
	return errors.New("some order cannot be expired")
}

func (b *book) Strays(context.Context) error {
	b.strays++
	return errors.New("the inbox cannot be written")
}

// sweeping runs a sweeper on a clock that passes by itself.
func sweeping(t *testing.T, b *book, test func(t *testing.T, ring chan<- struct{})) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b.began = time.Now()
		ring := make(chan struct{}, 1)
		s := &sweeper{till: b, due: ring, now: time.Now, longest: sweepSQLite, log: slog.New(slog.DiscardHandler)}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); s.run(ctx) }()
		go s.expire(ctx)
		test(t, ring)
		stop()
		<-done
		if b.finished != 1 {
			t.Errorf("what was in hand was waited for %d times", b.finished)
		}
	})
}

// wait lets time pass until everybody else only waits, too.
func wait(t *testing.T, d time.Duration) {
	t.Helper()
	pause(t.Context(), d)
	synctest.Wait()
}

func TestSweeper_LooksNowAndThen(t *testing.T) {
	t.Parallel()
	b := &book{}
	sweeping(t, b, func(t *testing.T, _ chan<- struct{}) {
		wait(t, 2*time.Minute+time.Second)
		if len(b.at) != 25 || b.at[1] != 5*time.Second {
			t.Errorf("looked at %v", b.at)
		}
		if len(b.expired) != 25 || b.expired[1] != expireEvery {
			t.Errorf("expired at %v", b.expired)
		}
	})
}

func TestSweeper_RingsAndPlans(t *testing.T) {
	t.Parallel()
	b := &book{}
	b.next = func() (time.Time, bool) {
		planned := len(b.at) == 2 // what rang came with a question for later
		return b.began.Add(3 * time.Second), planned
	}
	sweeping(t, b, func(t *testing.T, ring chan<- struct{}) {
		wait(t, time.Second)
		ring <- struct{}{} // something is due: it looks at once, and learns of 3 s
		wait(t, 3*time.Second)
		if want := []time.Duration{0, time.Second, 3 * time.Second}; !slices.Equal(b.at, want) {
			t.Errorf("looked at %v, want %v", b.at, want)
		}
	})
}

// Rings without end are not looks without end.
func TestSweeper_TakesABreath(t *testing.T) {
	t.Parallel()
	b := &book{next: func() (time.Time, bool) { return time.Time{}, true }} // somebody else holds what is due
	sweeping(t, b, func(t *testing.T, _ chan<- struct{}) {
		wait(t, time.Second+time.Millisecond)
		if len(b.at) != 21 {
			t.Errorf("%d looks in a second", len(b.at))
		}
	})
}

// While there is more it goes on without a pause.
func TestSweeper_FullBatches(t *testing.T) {
	t.Parallel()
	b := &book{sweep: func(n int) (int, error) {
		if n < 4 {
			return 20, nil
		}
		return 0, nil
	}}
	sweeping(t, b, func(t *testing.T, _ chan<- struct{}) {
		wait(t, time.Millisecond)
		if !slices.Equal(b.at, make([]time.Duration, 4)) {
			t.Errorf("looked at %v", b.at)
		}
	})
}

// A database that is gone is not asked in a hot loop, and its return is seen.
func TestSweeper_Errors(t *testing.T) {
	t.Parallel()
	b := &book{sweep: func(n int) (int, error) {
		if n < 8 {
			return 0, errors.New("database is gone")
		}
		return 0, nil
	}}
	sweeping(t, b, func(t *testing.T, ring chan<- struct{}) {
		ring <- struct{}{} // changes nothing
		wait(t, 94*time.Second)
		s := time.Second
		if want := []time.Duration{0, s, 3 * s, 7 * s, 15 * s, 31 * s, 61 * s, 91 * s, 91*s + sweepBreath}; !slices.Equal(b.at, want) {
			t.Errorf("looked at %v, want %v", b.at, want)
		}
	})
}

func TestOutlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		work, stop := outlive(ctx, 15*time.Second)
		defer stop()
		cancel()
		wait(t, 14*time.Second)
		if work.Err() != nil {
			t.Fatal("work in hand was cut off at once")
		}
		wait(t, 2*time.Second)
		if work.Err() == nil {
			t.Fatal("work in hand may go on for ever")
		}
	})
}
