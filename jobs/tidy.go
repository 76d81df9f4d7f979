package jobs

import (
	"context"
	"errors"

	"github.com/riverqueue/river"

	"till/models"
)

// tidy is the daily job that throws away what has expired.
type tidy struct{}

// Kind implements river.JobArgs.
func (tidy) Kind() string { return "tidy" }

type tidyWorker struct {
	river.WorkerDefaults[tidy]
	sessions  *models.StaffSessions
	throttles *models.Throttles
}

// Work implements river.Worker. Both calls drop what has expired beside what
// they are asked to, which is nothing here.
func (w *tidyWorker) Work(ctx context.Context, _ *river.Job[tidy]) error {
	_, err := w.throttles.Take(ctx, 0, 0)
	return errors.Join(w.sessions.Delete(ctx, ""), err)
}
