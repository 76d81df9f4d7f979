package cashier

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"till/models"
)

const (
	expireBatch = 20
	sweepWide   = 8 // questions of the timer's at once, at each provider
)

// asking is what the timer is asking now. A provider at which it asks as much
// as it may is left out of the next sweep, so that one that does not answer
// keeps nobody waiting for another one.
type asking struct {
	mu sync.Mutex
	at map[string]int  // questions, by provider; "" is all that are not set up
	of map[string]bool // payments
}

// full reports whether a provider is asked as much as it may be.
func (a *asking) full(provider string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.at[provider] >= sweepWide
}

// take takes every place that is free at a provider.
func (a *asking) take(provider string) (places int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.at == nil {
		a.at, a.of = map[string]int{}, map[string]bool{}
	}
	places = sweepWide - a.at[provider]
	a.at[provider] = sweepWide
	return places
}

// giveBack gives places back.
func (a *asking) giveBack(provider string, places int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at[provider] -= places
}

// begin reports whether the caller is the one to ask about a payment.
func (a *asking) begin(id string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of[id] {
		return false
	}
	a.of[id] = true
	return true
}

// end gives back the payment and the place.
func (a *asking) end(provider, id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at[provider]--
	delete(a.of, id)
}

// Sweep asks about payments whose next question is due, waits for the answers,
// and reports how many there were. Several may sweep at once, in several
// processes: each payment is one's.
func (c *Cashier) Sweep(ctx context.Context) (int, error) {
	var wg sync.WaitGroup
	n, err := c.sweep(ctx, &wg)
	wg.Wait()
	return n, err
}

// Begin is Sweep that does not wait. Whoever called it calls Finish before ctx
// ends for good.
func (c *Cashier) Begin(ctx context.Context) (int, error) { return c.sweep(ctx, &c.begun) }

// Finish waits for all that Begin has begun. Nobody may call Begin meanwhile.
func (c *Cashier) Finish() { c.begun.Wait() }

func (c *Cashier) sweep(ctx context.Context, wg *sync.WaitGroup) (n int, err error) {
	at, ok, err := c.NextDue(ctx)
	if err != nil || !ok || at.After(c.payments.Now()) {
		return 0, err // mostly that is all
	}
	for _, provider := range append(slices.Clone(c.names), "") {
		begun, err := c.sweepAt(ctx, provider, wg)
		n += begun
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (c *Cashier) sweepAt(ctx context.Context, provider string, wg *sync.WaitGroup) (n int, err error) {
	places := c.asking.take(provider)
	if places <= 0 {
		return 0, nil
	}
	due, err := c.due(ctx, provider, places)
	for _, id := range due {
		if !c.asking.begin(id) {
			continue // it is being asked, for longer than its lease
		}
		n++
		wg.Go(func() {
			defer c.payments.Ring() // somebody may have waited for the place
			defer c.asking.end(provider, id)
			if pay, err := c.Settle(ctx, id, Timer); err != nil {
				c.log.WarnContext(ctx, "payment not settled", "order", pay.OrderID, "provider", pay.Provider, "ref", pay.Ref, "err", err)
			}
		})
	}
	c.asking.giveBack(provider, places-n)
	return n, err
}

func (c *Cashier) due(ctx context.Context, provider string, limit int) ([]string, error) {
	if provider == "" {
		return c.payments.DueElsewhere(ctx, c.names, claimFor, limit)
	}
	return c.payments.DueAt(ctx, provider, claimFor, limit)
}

// ExpireOrders closes orders whose time is over.
func (c *Cashier) ExpireOrders(ctx context.Context) error {
	numbers, err := c.orders.GivenUp(ctx, c.payments.Now(), expireBatch)
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

// NextDue is when Sweep has something to do; ok is false when nothing is
// planned. What waits for a provider at which the timer asks as much as it may
// rings when there is a place.
func (c *Cashier) NextDue(ctx context.Context) (at time.Time, ok bool, err error) {
	var full []string
	for _, provider := range c.names {
		if c.asking.full(provider) {
			full = append(full, provider)
		}
	}
	return c.payments.NextDue(ctx, full...)
}
