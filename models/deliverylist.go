package models

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// DeliveryFilter says which callbacks to list. The zero value of a field leaves
// it out.
type DeliveryFilter struct {
	Provider string
	Verdict  DeliveryVerdict
	Before   int64 // only those with a smaller ID
	After    int64 // only those with a greater ID, and of them the nearest; Before wins
	Limit    int
}

// DeliveryRow is one callback of a list. Its Body is left out.
type DeliveryRow struct {
	Delivery `gorm:"embedded"`
	OrderID  *int64 // whose payment it is about; nil while no payment of ours is known to be meant
}

// List returns callbacks, newest first, and whether there are more that way.
func (d *Deliveries) List(ctx context.Context, f DeliveryFilter) (rows []DeliveryRow, more bool, err error) {
	q := d.db.r.WithContext(ctx).Table("deliveries").
		Select("deliveries.id, deliveries.provider, deliveries.event_id, deliveries.ref, deliveries.payment, deliveries.payment_id, deliveries.word, " +
			"deliveries.verdict, deliveries.times, deliveries.received_at, deliveries.last_at, deliveries.settled_at, payments.order_id").
		Joins("LEFT JOIN payments ON payments.id = deliveries.payment_id")
	if f.Provider != "" {
		q = q.Where("deliveries.provider = ?", f.Provider)
	}
	if f.Verdict != "" {
		q = q.Where("deliveries.verdict = ?", f.Verdict)
	}
	q, newestFirst := keyset(q, "deliveries.id", f.Before, f.After)
	if err := q.Limit(f.Limit + 1).Scan(&rows).Error; err != nil {
		return nil, false, named(err, "deliveries")
	}
	if more = len(rows) > f.Limit; more {
		rows = rows[:f.Limit]
	}
	if !newestFirst {
		slices.Reverse(rows)
	}
	return rows, more, nil
}

// keyset cuts a list at an ID and puts what is next to the cut first; newestFirst
// is false where that is the oldest.
func keyset(q *gorm.DB, column string, before, after int64) (cut *gorm.DB, newestFirst bool) {
	switch {
	case before > 0:
		return q.Where(column+" < ?", before).Order(column + " DESC"), true
	case after > 0:
		return q.Where(column+" > ?", after).Order(column), false
	default:
		return q.Order(column + " DESC"), true
	}
}

// Newest returns when a provider last sent a new callback, or sent it again; ok
// is false when it never did.
func (d *Deliveries) Newest(ctx context.Context, provider string) (at time.Time, ok bool, err error) {
	all, err := rowsOf[Delivery](d.db.r).Select("id, last_at").Where("provider = ?", provider).Order("id DESC").Limit(1).Find(ctx)
	if err != nil || len(all) == 0 {
		return at, false, named(err, "deliveries")
	}
	return all[0].LastAt, true, nil
}

// RefusalsSince returns how many callbacks were refused per day, from a day
// (YYYY-MM-DD, UTC) on, newest day first.
func (d *Deliveries) RefusalsSince(ctx context.Context, day string) ([]Refusal, error) {
	all, err := rowsOf[Refusal](d.db.r).Where("day >= ?", day).Order("day DESC, provider, reason").Find(ctx)
	return all, named(err, "refusals")
}

// Redelivered keeps that a member of staff had a callback followed as if it came
// now, with what came of it, and that its payment is settled where it is.
func (d *Deliveries) Redelivered(ctx context.Context, id int64, settled bool, outcome string, cause Cause) error {
	return d.db.Write(ctx, func(tx *gorm.DB) error {
		if settled {
			_, err := rowsOf[Delivery](tx).Where("id = ?", id).
				Set(clause.Assignments(map[string]any{"verdict": DeliverySettled, "settled_at": tx.NowFunc()})).Update(ctx)
			if err != nil {
				return named(err, "delivery")
			}
		}
		return addAudit(ctx, tx, Audit{Actor: cause.Actor, Action: "redelivered", Subject: DeliverySource(id), Detail: outcome})
	})
}

// List returns mails, newest first, without what they say, and whether there are
// more that way.
func (m *Mails) List(ctx context.Context, before, after int64, limit int) (rows []Mail, more bool, err error) {
	q, newestFirst := keyset(m.db.r.WithContext(ctx).Model(&Mail{}), "id", before, after)
	err = q.Select("id, order_id, operation_id, kind, recipient, subject, attempts, refused_at, sent_at, created_at").Limit(limit + 1).Find(&rows).Error
	if err != nil {
		return nil, false, named(err, "mails")
	}
	if more = len(rows) > limit; more {
		rows = rows[:limit]
	}
	if !newestFirst {
		slices.Reverse(rows)
	}
	return rows, more, nil
}
