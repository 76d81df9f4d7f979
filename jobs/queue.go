package jobs

import (
	"context"
	"database/sql"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"till/models"
)

// waiting is while a job counts as being there already. River wants running
// among them, which is what settleDelivery.Round is for.
var waiting = []rivertype.JobState{
	rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
	rivertype.JobStateRunning, rivertype.JobStateScheduled,
}

// settleDelivery is models.SettleDelivery as River keeps it. Of one delivery
// and round there is one job at a time.
type settleDelivery struct {
	models.SettleDelivery
	// Round is 0, or the first number whose job is not running just now.
	Round int `json:"round" river:"unique"`
}

// sendMail is models.SendMail as River keeps it, as above: one that is asked for
// once more while its job ends is sent once more.
type sendMail struct {
	models.SendMail
	Round int `json:"round" river:"unique"`
}

// InsertTx implements models.Queue. A job that is there already and has not
// begun is not written a second time: it is brought forward to now. One that is
// running may have asked its question before what we are told here happened, so
// that another follows it.
func (r *Runner) InsertTx(ctx context.Context, tx *sql.Tx, args models.JobArgs) error {
	unique := river.UniqueOpts{ByArgs: true, ByState: waiting}
	switch a := args.(type) {
	case models.SettleDelivery:
		ask := func(round int) river.JobArgs { return settleDelivery{a, round} }
		return r.ring(ctx, tx, ask, &river.InsertOpts{MaxAttempts: settleAttempts, UniqueOpts: unique})
	case models.SendMail:
		send := func(round int) river.JobArgs { return sendMail{a, round} }
		return r.ring(ctx, tx, send, &river.InsertOpts{Queue: queueMail, MaxAttempts: mailAttempts, UniqueOpts: unique})
	default:
		return fmt.Errorf("jobs: nobody does jobs of kind %q", args.Kind())
	}
}

func (r *Runner) ring(ctx context.Context, tx *sql.Tx, job func(round int) river.JobArgs, opts *river.InsertOpts) error {
	for round := 0; ; round++ {
		a := job(round)
		res, err := r.client.InsertTx(ctx, tx, a, opts)
		if err != nil {
			return fmt.Errorf("jobs: insert %s: %w", a.Kind(), err)
		}
		if !res.UniqueSkippedAsDuplicate {
			return nil
		}
		if res.Job.State == rivertype.JobStateRunning {
			continue // as many rounds as there are jobs running for the same, so hardly ever more than one
		}
		if _, err := r.client.JobRetryTx(ctx, tx, res.Job.ID); err != nil {
			return fmt.Errorf("jobs: bring %s forward: %w", a.Kind(), err)
		}
		return nil
	}
}

const (
	migrateTries = 10
	migrateWait  = 300 * time.Millisecond
)

// Migrate makes and changes the tables that jobs are kept in: River's own, with
// their own list of what was done. Several processes may call it at once.
func Migrate(ctx context.Context, db *models.DB) error {
	driver, postgres, err := driverOf(db)
	if err != nil {
		return err
	}
	migrator, err := rivermigrate.New(driver, nil)
	if err != nil {
		return fmt.Errorf("jobs: migrate: %w", err)
	}
	up := func() error {
		_, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
		return err
	}
	if postgres {
		err = alone(ctx, db, up)
	} else {
		err = again(ctx, up)
	}
	if err != nil {
		return fmt.Errorf("jobs: migrate: %w", err)
	}
	return nil
}

// alone runs f while no other process of the same schema does.
func alone(ctx context.Context, db *models.DB, f func() error) (err error) {
	pool, _, err := db.SQL()
	if err != nil {
		return err
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	var schema string
	if err := conn.QueryRowContext(ctx, "SELECT current_schema()").Scan(&schema); err != nil {
		return err
	}
	id := fnv.New32a()
	_, _ = id.Write([]byte("till jobs " + schema)) // never fails
	key := int64(id.Sum32())
	if _, err := conn.ExecContext(ctx, "SELECT pg_advisory_lock($1)", key); err != nil {
		return err
	}
	defer func() {
		_, uerr := conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", key)
		if err == nil {
			err = uerr
		}
	}()
	return f()
}

// again runs f until it has success, a few times: on SQLite, of two processes
// that begin at once one finds the other's tables half made. Every step is a
// transaction, so the next try goes on behind it.
func again(ctx context.Context, f func() error) (err error) {
	for range migrateTries {
		if err = f(); err == nil {
			return nil
		}
		timer := time.NewTimer(migrateWait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
	}
	return err
}
