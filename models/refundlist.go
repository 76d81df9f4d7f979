package models

import (
	"context"
	"slices"

	"gorm.io/gorm"
)

// RefundFilter chooses refunds for a list.
type RefundFilter struct {
	State  OperationState // "" for all
	Before int64          // older than this operation; 0 for the newest
	After  int64          // newer than this operation; 0 for none
	Limit  int
}

// RefundRow is one line of a list of refunds.
type RefundRow struct {
	Operation
	OrderID  int64
	Provider string
	Method   string
	Test     bool // of the order
}

// sqlRefund is what the indexes of refunds hold, word for word.
const sqlRefund = "operations.kind = 'refund'"

// Refunds returns the refunds that were asked for, newest first. more tells
// whether there are further ones in the direction asked for.
func (p *Payments) Refunds(ctx context.Context, f RefundFilter) (rows []RefundRow, more bool, err error) {
	q, newestFirst := refundList(p.db.r.WithContext(ctx), f)
	if err := q.Scan(&rows).Error; err != nil {
		return nil, false, named(err, "refunds")
	}
	if more = len(rows) > f.Limit; more {
		rows = rows[:f.Limit]
	}
	if !newestFirst {
		slices.Reverse(rows)
	}
	return rows, more, nil
}

// refundList looks for the page of refunds first, and for what it says about
// each of them after that.
func refundList(db *gorm.DB, f RefundFilter) (q *gorm.DB, newestFirst bool) {
	page := db.Model(&Operation{}).Where(sqlRefund)
	if f.State != "" {
		page = page.Where("operations.state = ?", f.State)
	}
	newestFirst = true
	switch {
	case f.Before > 0:
		page = page.Where("operations.id < ?", f.Before)
	case f.After > 0:
		page, newestFirst = page.Where("operations.id > ?", f.After), false
	}
	order := "operations.id"
	if newestFirst {
		order += " DESC"
	}
	page = page.Order(order).Limit(f.Limit + 1)
	return db.Table("(?) AS operations", page).
		Select("operations.*, payments.order_id, payments.provider, payments.method, orders.test").
		Joins("JOIN payments ON payments.id = operations.payment_id").
		Joins("JOIN orders ON orders.id = payments.order_id").Order(order), newestFirst
}

// AnyRefund reports whether a refund was ever asked for.
func (p *Payments) AnyRefund(ctx context.Context) (bool, error) {
	some, err := rowsOf[Operation](p.db.r).Select("id").Where(sqlRefund).Limit(1).Find(ctx)
	return len(some) > 0, named(err, "refunds")
}
