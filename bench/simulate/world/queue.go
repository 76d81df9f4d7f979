package world

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"till/models"
)

// queueTable is where jobs wait: in the same file as the rows that they follow,
// as the shop's own are.
const queueTable = `CREATE TABLE simulated_jobs (
  id      INTEGER PRIMARY KEY,
  kind    TEXT NOT NULL,
  subject INTEGER NOT NULL,
  due     INTEGER NOT NULL,
  rung    INTEGER NOT NULL DEFAULT 0,
  tries   INTEGER NOT NULL DEFAULT 0,
  UNIQUE (kind, subject)
)`

// queue keeps jobs as the shop's own does: there if and only if its rows are,
// and one that is rung for while it runs is done again.
type queue struct{ pool *sql.DB }

type job struct {
	id, subject, rung, tries int64
}

// InsertTx implements models.Queue. Mails are not sent.
func (q *queue) InsertTx(ctx context.Context, tx *sql.Tx, args models.JobArgs) error {
	a, ok := args.(models.SettleDelivery)
	if !ok {
		return nil
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO simulated_jobs (kind, subject, due) VALUES (?, ?, 0)
		ON CONFLICT (kind, subject) DO UPDATE SET due = 0, rung = rung + 1`, a.Kind(), a.DeliveryID)
	return err
}

// next is the first job that is due.
func (q *queue) next(ctx context.Context, now time.Time) (j job, ok bool, err error) {
	err = q.pool.QueryRowContext(ctx, `SELECT id, subject, rung, tries FROM simulated_jobs WHERE due <= ? ORDER BY due, id LIMIT 1`, now.UnixMilli()).
		Scan(&j.id, &j.subject, &j.rung, &j.tries)
	if errors.Is(err, sql.ErrNoRows) {
		return j, false, nil
	}
	return j, err == nil, err
}

// begin counts a try and puts the job off, so that nobody else does it meanwhile
// and it comes up again should the process die.
func (q *queue) begin(ctx context.Context, j job, until time.Time) error {
	_, err := q.pool.ExecContext(ctx, `UPDATE simulated_jobs SET tries = tries + 1, due = ? WHERE id = ?`, until.UnixMilli(), j.id)
	return err
}

// done forgets a job unless somebody rang for it meanwhile.
func (q *queue) done(ctx context.Context, j job) error {
	_, err := q.pool.ExecContext(ctx, `DELETE FROM simulated_jobs WHERE id = ? AND rung = ?`, j.id, j.rung)
	return err
}

// later puts a job off, unless somebody rang for it meanwhile.
func (q *queue) later(ctx context.Context, j job, at time.Time) error {
	_, err := q.pool.ExecContext(ctx, `UPDATE simulated_jobs SET due = ? WHERE id = ? AND rung = ?`, at.UnixMilli(), j.id, j.rung)
	return err
}

// nextDue is when the next job is due.
func (q *queue) nextDue(ctx context.Context) (at time.Time, ok bool, err error) {
	var due sql.NullInt64
	err = q.pool.QueryRowContext(ctx, `SELECT min(due) FROM simulated_jobs`).Scan(&due)
	return time.UnixMilli(due.Int64).UTC(), due.Valid, err
}
