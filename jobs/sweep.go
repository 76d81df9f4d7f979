package jobs

import (
	"context"
	"log/slog"
	"time"
)

const (
	sweepSQLite   = 5 * time.Second       // at least so often a look is taken, should a ring be lost
	sweepPostgres = time.Second           // other processes plan questions, too, and their rings are not heard here
	sweepBreath   = 50 * time.Millisecond // at most so often, however it rings
	expireEvery   = 5 * time.Second
	sorryFirst    = time.Second // after an error, doubled
	sorryLongest  = 30 * time.Second
)

// till is the cashier as the timer needs it.
type till interface {
	Begin(ctx context.Context) (int, error)
	Finish()
	NextDue(ctx context.Context) (at time.Time, ok bool, err error)
	ExpireOrders(ctx context.Context) error
	Strays(ctx context.Context) error
}

// sweeper asks about payments when their next question is due, and closes
// orders whose time is over.
type sweeper struct {
	till    till
	due     <-chan struct{} // rings when a question was brought forward in this process
	now     func() time.Time
	longest time.Duration
	log     *slog.Logger
}

// run sweeps until ctx ends. Questions that are in hand then are finished. None
// of them is waited for before: a provider that does not answer must not keep
// the others' money waiting.
func (s *sweeper) run(ctx context.Context) {
	work, stop := outlive(ctx, finishFor)
	defer stop()
	defer s.till.Finish()
	failed := 0
	for ctx.Err() == nil {
		nap, err := s.sweep(ctx, work)
		if err != nil {
			s.log.WarnContext(ctx, "due payments not read", "err", err)
			failed++
			pause(ctx, sorry(failed)) // whatever rings meanwhile
			continue
		}
		failed = 0
		pause(ctx, sweepBreath)
		s.doze(ctx, nap-sweepBreath)
	}
}

// sweep begins to ask about everything that is due, and returns for how long
// nothing will be.
func (s *sweeper) sweep(ctx, work context.Context) (nap time.Duration, err error) {
	for ctx.Err() == nil {
		n, err := s.till.Begin(work)
		if err != nil {
			return 0, err
		}
		if n == 0 {
			break
		}
	}
	at, ok, err := s.till.NextDue(work)
	if err != nil || !ok {
		return s.longest, err
	}
	return min(s.longest, max(0, at.Sub(s.now()))), nil
}

// doze waits until it rings or the time is over.
func (s *sweeper) doze(ctx context.Context, nap time.Duration) {
	timer := time.NewTimer(nap)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-s.due:
	case <-timer.C:
	}
}

// expire closes orders whose time is over, and looks after callbacks whose
// payment nobody knows, until ctx ends.
func (s *sweeper) expire(ctx context.Context) {
	work, stop := outlive(ctx, finishFor)
	defer stop()
	for ctx.Err() == nil {
		if err := s.till.ExpireOrders(work); err != nil {
			s.log.WarnContext(ctx, "orders not expired", "err", err)
		}
		if err := s.till.Strays(work); err != nil {
			s.log.WarnContext(ctx, "stray callbacks not looked at", "err", err)
		}
		pause(ctx, expireEvery)
	}
}

// sorry is the pause after so many errors in a row.
func sorry(failed int) time.Duration {
	return min(sorryLongest, sorryFirst<<min(failed-1, 10))
}

func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// outlive is a context that ends some time after ctx does, for work in hand.
// Call stop when the work is over.
func outlive(ctx context.Context, by time.Duration) (work context.Context, stop func()) {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	forget := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(by)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-work.Done():
		}
	})
	return work, func() {
		forget()
		cancel()
	}
}
