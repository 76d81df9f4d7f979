package jobs

import (
	"context"
	"errors"
	"time"

	"github.com/riverqueue/river"

	"till/models"
)

const (
	unmatchedFor  = time.Hour       // a callback whose payment is not known is looked at again for so long
	unmatchedSoon = 5 * time.Second // and first after this
	unmatchedLate = 5 * time.Minute // and at least so often
)

type settler interface {
	Settle(ctx context.Context, id string, cause models.Cause) (models.Payment, error)
	Adopt(ctx context.Context, id, ref string, cause models.Cause) (models.Payment, error)
}

// settleWorker settles the payment that a callback is about.
type settleWorker struct {
	river.WorkerDefaults[settleDelivery]
	deliveries *models.Deliveries
	cashier    settler
	now        func() time.Time
}

// Work implements river.Worker.
func (w *settleWorker) Work(ctx context.Context, job *river.Job[settleDelivery]) error {
	id := job.Args.DeliveryID
	pay, err := w.deliveries.Match(ctx, id)
	if errors.Is(err, models.ErrNotFound) {
		return w.later(ctx, id)
	}
	if err != nil {
		return err
	}
	cause := models.Cause{Actor: "provider", Source: models.DeliverySource(id)}
	found := pay.Ref != ""
	if pay, err = w.settle(ctx, id, pay, cause); err != nil {
		return err
	}
	if !found && pay.Ref != "" { // that only found what our start had no answer about
		if _, err = w.cashier.Settle(ctx, pay.ID, cause); err != nil {
			return err
		}
	}
	if pay.Ref == "" {
		return w.later(ctx, id)
	}
	return w.deliveries.Settled(ctx, id)
}

// settle settles a payment; one whose start had no answer is told the reference
// that the callback has.
func (w *settleWorker) settle(ctx context.Context, id int64, pay models.Payment, cause models.Cause) (models.Payment, error) {
	if pay.Ref != "" {
		return w.cashier.Settle(ctx, pay.ID, cause)
	}
	one, err := w.deliveries.ByID(ctx, id)
	if err != nil {
		return pay, err
	}
	return w.cashier.Adopt(ctx, pay.ID, one.Ref, cause)
}

// later puts off a callback that nothing can be done about yet: it came before
// our own call to start had its answer, which rings again when it comes; or it
// is about no payment of ours, and stays to be seen.
func (w *settleWorker) later(ctx context.Context, id int64) error {
	one, err := w.deliveries.ByID(ctx, id)
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	age := w.now().Sub(one.LastAt)
	if age >= unmatchedFor {
		return nil
	}
	return river.JobSnooze(min(max(age, unmatchedSoon), unmatchedLate))
}
