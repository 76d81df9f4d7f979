// Package jobs is where what happens later lives: settling after a callback,
// writing and sending mail, asking about payments whose time has come, giving
// up orders, tidying.
//
// What must not be forgotten is a row of River's, written in the commit that it
// follows; it is done at least once, so every job may run twice and must not
// mind. When a payment is asked about next is a column of the payment and no
// job: a loop of ours sweeps what is due.
//
// The process must run in UTC (time.Local = time.UTC): on SQLite, River 0.42
// keeps some times as local text.
package jobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivertype"

	"till/cashier"
	"till/models"
)

const (
	jobFor      = 30 * time.Second // for one run of a job: longer than a conversation of the cashier's
	rescueAfter = time.Minute      // a job that has run for longer died with its process, and is run again
	finishFor   = 15 * time.Second // for what is in hand when the program stops

	// queueMail is apart, so that a slow mail server holds up no money.
	queueMail      = "mail"
	settlesAtOnce  = 20
	mailsAtOnce    = 4
	fetchCooldown  = 50 * time.Millisecond
	fetchPoll      = 250 * time.Millisecond // over database/sql PostgreSQL announces no new jobs, and SQLite not all
	keepFinished   = 24 * time.Hour
	keepDiscarded  = 30 * 24 * time.Hour // somebody may want to know why
	tidyEvery      = 24 * time.Hour
	settleAttempts = 25 // over about 17 hours; the timer asks beside it
	mailAttempts   = 60 // over about two days: mail servers stand still for a weekend
)

// Options is what New needs. All fields but SMTP are required.
type Options struct {
	DB      *models.DB
	Cashier *cashier.Cashier
	Shop    Shop
	SMTP    *SMTP // nil keeps mails in the database and sends none
	Log     *slog.Logger
}

// Runner keeps jobs and does them. It implements models.Queue.
type Runner struct {
	client  *river.Client[*sql.Tx]
	sweeper *sweeper
	log     *slog.Logger
}

var _ models.Queue = (*Runner)(nil)

// New returns a runner over a migrated database; give it to the database with
// SetQueue. It starts nothing: Run does.
func New(o Options) (*Runner, error) {
	driver, postgres, err := driverOf(o.DB)
	if err != nil {
		return nil, err
	}
	workers := river.NewWorkers()
	err = errors.Join(
		river.AddWorkerSafely(workers, &settleWorker{deliveries: models.NewDeliveries(o.DB), cashier: o.Cashier}),
		river.AddWorkerSafely(workers, &mailWorker{
			mails: models.NewMails(o.DB), orders: models.NewOrders(o.DB), label: labels(o.Cashier), shop: o.Shop, live: o.DB.Known, post: poster(o.SMTP), log: o.Log,
		}),
		river.AddWorkerSafely(workers, &tidyWorker{sessions: models.NewStaffSessions(o.DB), throttles: models.NewThrottles(o.DB)}),
		river.AddWorkerSafely(workers, &closeWorker{closes: models.NewCloses(o.DB)}),
	)
	if err != nil {
		return nil, fmt.Errorf("jobs: new: %w", err)
	}
	longest := sweepSQLite
	if postgres {
		longest = sweepPostgres
	}
	client, err := river.NewClient(driver, &river.Config{
		Workers: workers,
		Queues: map[string]river.QueueConfig{
			river.QueueDefault: {MaxWorkers: settlesAtOnce},
			queueMail:          {MaxWorkers: mailsAtOnce},
		},
		FetchCooldown: fetchCooldown, FetchPollInterval: fetchPoll,
		JobTimeout: jobFor, RescueStuckJobsAfter: rescueAfter, SoftStopTimeout: finishFor,
		CompletedJobRetentionPeriod: keepFinished, CancelledJobRetentionPeriod: keepDiscarded, DiscardedJobRetentionPeriod: keepDiscarded,
		RetryPolicy:  growing{},
		ErrorHandler: failures{o.Log},
		Logger:       slog.New(warnings{o.Log.Handler()}),
		PeriodicJobs: []*river.PeriodicJob{
			river.NewPeriodicJob(river.PeriodicInterval(tidyEvery),
				func() (river.JobArgs, *river.InsertOpts) { return tidy{}, nil }, &river.PeriodicJobOpts{RunOnStart: true}),
			river.NewPeriodicJob(river.PeriodicInterval(closeEvery),
				func() (river.JobArgs, *river.InsertOpts) { return closeDays{}, nil }, &river.PeriodicJobOpts{RunOnStart: true}),
		},
	})
	if err != nil {
		return nil, fmt.Errorf("jobs: new: %w", err)
	}
	return &Runner{client: client, log: o.Log, sweeper: &sweeper{
		till: o.Cashier, due: o.DB.Due(), now: o.DB.Now, longest: longest, log: o.Log,
	}}, nil
}

// driverOf is River's way into a database, in the dialect that it speaks.
func driverOf(db *models.DB) (driver riverdriver.Driver[*sql.Tx], postgres bool, err error) {
	pool, postgres, err := db.SQL()
	if err != nil {
		return nil, false, fmt.Errorf("jobs: database: %w", err)
	}
	if postgres {
		return riverdatabasesql.New(pool), true, nil
	}
	return riversqlite.New(pool), false, nil
}

// Run does jobs and sweeps until ctx ends, then finishes what is in hand, for
// some seconds, and returns. A runner runs once. The error says why it could
// not begin.
func (r *Runner) Run(ctx context.Context) error {
	if err := r.client.Start(ctx); err != nil {
		return fmt.Errorf("jobs: start: %w", err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { r.sweeper.run(ctx) })
	wg.Go(func() { r.sweeper.expire(ctx) })
	wg.Wait()
	<-r.client.Stopped()
	return nil
}

// failures writes a line for every run of a job that had no success.
type failures struct{ log *slog.Logger }

// HandleError implements river.ErrorHandler.
func (f failures) HandleError(ctx context.Context, job *rivertype.JobRow, err error) *river.ErrorHandlerResult {
	if job.Attempt >= job.MaxAttempts {
		f.log.ErrorContext(ctx, "job given up", "kind", job.Kind, "job_id", job.ID, "attempt", job.Attempt, "err", err)
		return nil
	}
	f.log.WarnContext(ctx, "job failed", "kind", job.Kind, "job_id", job.ID, "attempt", job.Attempt, "err", err)
	return nil
}

// HandlePanic implements river.ErrorHandler.
func (f failures) HandlePanic(ctx context.Context, job *rivertype.JobRow, v any, trace string) *river.ErrorHandlerResult {
	f.log.ErrorContext(ctx, "job panicked", "kind", job.Kind, "job_id", job.ID, "attempt", job.Attempt, "value", v, "trace", trace)
	return nil
}

// warnings lets pass of River's own log what a person may want to see.
type warnings struct{ slog.Handler }

// Enabled implements slog.Handler.
func (w warnings) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && w.Handler.Enabled(ctx, l)
}

// WithAttrs implements slog.Handler.
func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }

// growing is the pause after a run that had no success.
type growing struct{}

// NextRetry implements river.ClientRetryPolicy: 5 s, 10 s, 20 s, doubled up to
// an hour. The answer is in UTC, which SQLite's text wants.
func (growing) NextRetry(job *rivertype.JobRow) time.Time {
	gap := time.Hour
	if n := len(job.Errors); n < 10 {
		gap = min(gap, 5*time.Second<<n)
	}
	return time.Now().UTC().Add(gap) //nolint:forbidigo // River's own clock, which its rows are compared with
}
