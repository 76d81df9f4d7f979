package jobs

import (
	"context"
	"time"

	"github.com/riverqueue/river"

	"till/models"
)

const (
	closeEvery = 10 * time.Minute // so that a day is closed soon after it is over, in any time zone
	closeFor   = 10 * time.Minute // for the days of years, the first time
)

// closeDays is the job that closes days that are over.
type closeDays struct{}

// Kind implements river.JobArgs.
func (closeDays) Kind() string { return "close_days" }

type closeWorker struct {
	river.WorkerDefaults[closeDays]
	closes *models.Closes
}

// Timeout implements river.Worker.
func (w *closeWorker) Timeout(*river.Job[closeDays]) time.Duration { return closeFor }

// Work implements river.Worker.
func (w *closeWorker) Work(ctx context.Context, _ *river.Job[closeDays]) error {
	_, err := w.closes.CloseDays(ctx)
	return err
}
