package models

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// StockMovement is pieces of a product that came or went.
type StockMovement struct {
	ID          int64
	ProductID   int64
	OrderID     int64
	OperationID *int64 // the refund that brought them back
	Reason      string // "sold", "returned"
	Quantity    int64  // negative when they went
	At          time.Time
}

// StockHold is pieces kept for an order that is being paid: nobody else may
// order them until then. There is one for an order and product, and it goes with
// the money, with the end of the order, or with time.
type StockHold struct {
	OrderID   int64 `gorm:"primaryKey"`
	ProductID int64 `gorm:"primaryKey"`
	Quantity  int64
	Until     time.Time
}

// hold keeps what an order is for, from now on. It refuses what is no longer
// sold, and more than is left when what is kept for others is taken off.
func hold(ctx context.Context, tx *gorm.DB, orderID int64, lines []OrderLine) error {
	lines = slices.Clone(lines)
	slices.SortFunc(lines, func(a, b OrderLine) int { return cmp.Compare(a.ProductID, b.ProductID) }) // one order of locks for all
	now := tx.NowFunc()
	set, err := currentSettings(ctx, tx)
	if err != nil {
		return err
	}
	for _, l := range lines {
		p, err := rowsOf[Product](tx, forUpdate()).Where("id = ?", l.ProductID).First(ctx)
		if err != nil {
			return named(err, "product "+l.Slug)
		}
		if p.ArchivedAt != nil {
			return fmt.Errorf("%w: %s", ErrSoldOut, l.Slug)
		}
		if p.Stock == nil {
			continue
		}
		var held int64
		err = tx.Model(&StockHold{}).Where("product_id = ? AND order_id <> ? AND until > ?", p.ID, orderID, now).
			Select("COALESCE(SUM(quantity), 0)").Scan(&held).Error
		if err != nil {
			return named(err, "holds of "+l.Slug)
		}
		if *p.Stock-held < l.Quantity {
			return fmt.Errorf("%w: %s", ErrSoldOut, l.Slug)
		}
		one := StockHold{OrderID: orderID, ProductID: p.ID, Quantity: l.Quantity, Until: now.Add(set.KeepFor())}
		err = tx.Clauses(clause.OnConflict{
			Columns: []clause.Column{{Name: "order_id"}, {Name: "product_id"}}, DoUpdates: clause.AssignmentColumns([]string{"quantity", "until"}),
		}).Create(&one).Error
		if err != nil {
			return named(err, "hold of "+l.Slug)
		}
	}
	return nil
}

// Held is what is kept for an order now, by product.
func (o *Orders) Held(ctx context.Context, orderID int64) (map[int64]int64, error) {
	holds, err := rowsOf[StockHold](o.db.r).Where("order_id = ? AND until > ?", orderID, o.db.Now()).Find(ctx)
	byProduct := make(map[int64]int64, len(holds))
	for _, one := range holds {
		byProduct[one.ProductID] = one.Quantity
	}
	return byProduct, named(err, "holds of an order")
}

// release lets go of what is kept for an order.
func release(ctx context.Context, tx *gorm.DB, orderID int64) error {
	_, err := rowsOf[StockHold](tx).Where("order_id = ?", orderID).Delete(ctx)
	return named(err, "holds of an order")
}

// becomePaid does what an order's money sets going: pieces leave the stock, and
// the shopper gets a mail. The unique keys of both tables see to it that this
// happens once. Money wins: when there are not enough pieces the stock goes
// below zero, and short tells that a person must look. A shopper to whom the
// provider writes itself is written to once.
func (db *DB) becomePaid(ctx context.Context, tx *gorm.DB, order Order, mailed bool) (short bool, err error) {
	lines, err := rowsOf[OrderLine](tx).Where("order_id = ?", order.ID).Find(ctx)
	if err != nil {
		return false, named(err, "lines of order "+order.Number())
	}
	if err := release(ctx, tx, order.ID); err != nil {
		return false, err
	}
	slices.SortFunc(lines, func(a, b OrderLine) int { return cmp.Compare(a.ProductID, b.ProductID) }) // one order of locks for all
	for _, l := range lines {
		p, err := rowsOf[Product](tx, forUpdate()).Where("id = ?", l.ProductID).First(ctx)
		if err != nil {
			return false, named(err, "product "+l.Slug)
		}
		if p.Stock == nil {
			continue
		}
		left := *p.Stock - l.Quantity
		short = short || left < 0
		if _, err := rowsOf[Product](tx).Where("id = ?", p.ID).Set(clause.Assignments(map[string]any{"stock": left})).Update(ctx); err != nil {
			return false, named(err, "stock of "+l.Slug)
		}
		m := StockMovement{ProductID: p.ID, OrderID: order.ID, Reason: "sold", Quantity: -l.Quantity, At: tx.NowFunc()}
		if err := rowsOf[StockMovement](tx).Create(ctx, &m); err != nil {
			return false, named(err, "stock movement of "+l.Slug)
		}
	}
	if mailed {
		return short, nil
	}
	return short, db.addMail(ctx, tx, order, MailOrderPaid, nil)
}

// goneBack does what a refund that has gone back sets going: the pieces that
// came back with it are in the stock again, and the shopper gets a mail. The
// unique keys of both tables see to it that this happens once per refund.
func (db *DB) goneBack(ctx context.Context, tx *gorm.DB, order Order, op Operation) error {
	lines, err := rowsOf[RefundLine](tx).Where("operation_id = ? AND restock", op.ID).Find(ctx)
	if err != nil {
		return named(err, "lines of refund")
	}
	back := map[int64]int64{}
	for _, l := range lines {
		sold, err := rowsOf[OrderLine](tx).Where("order_id = ? AND position = ?", order.ID, l.Position).First(ctx)
		if err != nil {
			return named(err, "line of order "+order.Number())
		}
		back[sold.ProductID] += l.Quantity
	}
	for _, id := range slices.Sorted(maps.Keys(back)) { // one order of locks for all
		p, err := rowsOf[Product](tx, forUpdate()).Where("id = ?", id).First(ctx)
		if err != nil {
			return named(err, "product")
		}
		if p.Stock == nil {
			continue
		}
		if _, err := rowsOf[Product](tx).Where("id = ?", id).Set(clause.Assignments(map[string]any{"stock": *p.Stock + back[id]})).Update(ctx); err != nil {
			return named(err, "stock of "+p.Slug)
		}
		m := StockMovement{ProductID: id, OrderID: order.ID, OperationID: &op.ID, Reason: "returned", Quantity: back[id], At: tx.NowFunc()}
		if err := rowsOf[StockMovement](tx).Create(ctx, &m); err != nil {
			return named(err, "stock movement of "+p.Slug)
		}
	}
	return db.addMail(ctx, tx, order, MailRefunded, &op.ID)
}
