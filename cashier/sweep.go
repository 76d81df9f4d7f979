package cashier

import (
	"context"
	"errors"
	"sync"
	"time"

	"till/models"
)

const (
	sweepBatch = 20
	sweepWide  = 8 // questions at once
)

// Sweep asks about payments whose next question is due, and reports how many
// there were. Several processes may sweep at once: each payment is one's.
func (c *Cashier) Sweep(ctx context.Context) (int, error) {
	due, err := c.payments.Due(ctx, claimFor, sweepBatch)
	if err != nil {
		return 0, err
	}
	var wg sync.WaitGroup
	slots := make(chan struct{}, sweepWide)
	for _, id := range due {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if _, err := c.Settle(ctx, id, Timer); err != nil {
				c.log.WarnContext(ctx, "payment not settled", "payment_id", id, "err", err)
			}
		})
	}
	wg.Wait()
	return len(due), nil
}

// ExpireOrders closes orders whose time is over.
func (c *Cashier) ExpireOrders(ctx context.Context) error {
	numbers, err := c.orders.GivenUp(ctx, c.payments.Now(), sweepBatch)
	if err != nil {
		return err
	}
	var failed []error
	for _, number := range numbers {
		if err := c.Expire(ctx, number); err != nil && !errors.Is(err, models.ErrNotPayable) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// NextDue is when Sweep has something to do; ok is false when nothing is planned.
func (c *Cashier) NextDue(ctx context.Context) (at time.Time, ok bool, err error) {
	return c.payments.NextDue(ctx)
}
