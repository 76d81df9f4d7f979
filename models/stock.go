package models

import (
	"cmp"
	"context"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// StockMovement is pieces of a product that came or went.
type StockMovement struct {
	ID        int64
	ProductID int64
	OrderID   int64
	Reason    string // "sold"
	Quantity  int64  // negative when they went
	At        time.Time
}

// becomePaid does what an order's money sets going: pieces leave the stock, and
// the shopper gets a mail. The unique keys of both tables see to it that this
// happens once. Money wins: when there are not enough pieces the stock goes
// below zero, and short tells that a person must look.
func (db *DB) becomePaid(ctx context.Context, tx *gorm.DB, order Order) (short bool, err error) {
	lines, err := gorm.G[OrderLine](tx).Where("order_id = ?", order.ID).Find(ctx)
	if err != nil {
		return false, named(err, "lines of order "+order.Number())
	}
	slices.SortFunc(lines, func(a, b OrderLine) int { return cmp.Compare(a.ProductID, b.ProductID) }) // one order of locks for all
	for _, l := range lines {
		p, err := gorm.G[Product](tx, forUpdate()).Where("id = ?", l.ProductID).First(ctx)
		if err != nil {
			return false, named(err, "product "+l.Slug)
		}
		if p.Stock == nil {
			continue
		}
		left := *p.Stock - l.Quantity
		short = short || left < 0
		if _, err := gorm.G[Product](tx).Where("id = ?", p.ID).Set(clause.Assignments(map[string]any{"stock": left})).Update(ctx); err != nil {
			return false, named(err, "stock of "+l.Slug)
		}
		m := StockMovement{ProductID: p.ID, OrderID: order.ID, Reason: "sold", Quantity: -l.Quantity, At: tx.NowFunc()}
		if err := gorm.G[StockMovement](tx).Create(ctx, &m); err != nil {
			return false, named(err, "stock movement of "+l.Slug)
		}
	}
	return short, db.addMail(ctx, tx, order, MailOrderPaid)
}
