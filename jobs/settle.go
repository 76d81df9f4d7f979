package jobs

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"till/models"
)

type settler interface {
	Callback(ctx context.Context, deliveries *models.Deliveries, id int64) (again time.Duration, err error)
}

// settleWorker settles the payment that a callback is about.
type settleWorker struct {
	river.WorkerDefaults[settleDelivery]
	deliveries *models.Deliveries
	cashier    settler
}

// Work implements river.Worker.
func (w *settleWorker) Work(ctx context.Context, job *river.Job[settleDelivery]) error {
	again, err := w.cashier.Callback(ctx, w.deliveries, job.Args.DeliveryID)
	if err == nil && again > 0 {
		return river.JobSnooze(again)
	}
	return err
}
