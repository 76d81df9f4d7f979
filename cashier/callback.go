package cashier

import (
	"context"
	"errors"
	"time"

	"till/models"
)

const (
	unmatchedFor  = time.Hour       // a callback whose payment is not known is looked at again for so long
	unmatchedSoon = 5 * time.Second // and first after this
	unmatchedLate = 5 * time.Minute // and at least so often
)

// Callback settles the payment that a stored callback is about. One about which
// nothing can be done yet is to be looked at again after the given time: it came
// before our own call to start had its answer, which rings again when it comes;
// or it is about no payment of ours, and stays to be seen. again is 0 when there
// is nothing left to do.
func (c *Cashier) Callback(ctx context.Context, deliveries *models.Deliveries, id int64) (again time.Duration, err error) {
	pay, err := deliveries.Match(ctx, id)
	if errors.Is(err, models.ErrNotFound) {
		return c.unmatched(ctx, deliveries, id)
	}
	if err != nil {
		return 0, err
	}
	cause := models.Cause{Actor: "provider", Source: models.DeliverySource(id)}
	found := pay.Ref != ""
	if found {
		pay, err = c.Settle(ctx, pay.ID, cause)
	} else {
		pay, err = c.named(ctx, deliveries, id, pay, cause)
	}
	if err == nil && !found && pay.Ref != "" { // that only found what our start had no answer about
		_, err = c.Settle(ctx, pay.ID, cause)
	}
	switch {
	case err != nil:
		return 0, err
	case pay.Ref == "":
		return c.unmatched(ctx, deliveries, id)
	}
	return 0, deliveries.Settled(ctx, id)
}

// named settles a payment whose start had no answer, by the reference that a
// callback has.
func (c *Cashier) named(ctx context.Context, deliveries *models.Deliveries, id int64, pay models.Payment, cause models.Cause) (models.Payment, error) {
	one, err := deliveries.ByID(ctx, id)
	if err != nil {
		return pay, err
	}
	return c.Adopt(ctx, pay.ID, one.Ref, cause)
}

// unmatched is when to look again at a callback that nothing can be done about.
func (c *Cashier) unmatched(ctx context.Context, deliveries *models.Deliveries, id int64) (again time.Duration, err error) {
	one, err := deliveries.ByID(ctx, id)
	if errors.Is(err, models.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	age := c.payments.Now().Sub(one.LastAt)
	if age >= unmatchedFor {
		return 0, nil
	}
	return min(max(age, unmatchedSoon), unmatchedLate), nil
}
