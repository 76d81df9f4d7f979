package models

import (
	"context"
	"slices"
	"time"

	"gorm.io/gorm"
)

// countBatch is how many rows are counted at once.
const countBatch = 1000

// Count makes what follows from orders and facts that were written without it:
// by a version before there were bookings, or by a program that filled the
// tables. Where every order has its words it changes nothing.
func (db *DB) Count(ctx context.Context) error {
	var todo bool
	const uncounted = "SELECT EXISTS (SELECT 1 FROM orders) AND NOT EXISTS (SELECT 1 FROM order_words)"
	err := db.r.WithContext(ctx).Raw(uncounted).Scan(&todo).Error
	if err != nil || !todo {
		return named(err, "orders that were not counted")
	}
	return db.Write(ctx, func(tx *gorm.DB) error {
		if db.postgres { // one process counts, and another that began with it finds it done
			if err := tx.Exec("LOCK TABLE order_words IN SHARE ROW EXCLUSIVE MODE").Error; err != nil {
				return named(err, "orders that were not counted")
			}
		}
		if err := tx.Raw(uncounted).Scan(&todo).Error; err != nil || !todo {
			return named(err, "orders that were not counted")
		}
		if db.postgres { // it guesses badly about tables that it does not know, and takes hours
			if err := tx.Exec("ANALYZE orders, order_lines, payments, operations, facts").Error; err != nil {
				return named(err, "statistics")
			}
		}
		now, err := currentSettings(ctx, tx)
		if err != nil {
			return err
		}
		c := counter{tx: tx, settings: now.ID, zone: now.location(db.zone), sums: map[Figure]*Figure{}}
		if err := c.orders(ctx); err != nil {
			return err
		}
		if err := c.facts(ctx); err != nil {
			return err
		}
		return addFigures(ctx, tx, c.figures())
	})
}

// counter counts everything there is, some rows at a time.
type counter struct {
	tx       *gorm.DB
	settings int64
	zone     *time.Location
	sums     map[Figure]*Figure
}

// add adds what was noted to the sums, and empties the daybook.
func (c *counter) add(t *daybook) {
	for _, one := range t.figures {
		key := Figure{Day: Day(one.at, c.zone), Test: one.Test, Currency: one.Currency, Provider: one.Provider, Method: one.Method}
		if c.sums[key] == nil {
			sum := key
			c.sums[key] = &sum
		}
		c.sums[key].add(one.Figure)
	}
	*t = daybook{}
}

func (c *counter) figures() []Figure {
	all := make([]Figure, 0, len(c.sums))
	for _, sum := range c.sums {
		all = append(all, *sum)
	}
	return all
}

// orders counts orders and payments, and writes what orders are found by.
func (c *counter) orders(ctx context.Context) error {
	err := c.tx.Exec(`UPDATE orders SET
		provider = COALESCE((SELECT provider FROM payments WHERE order_id = orders.id ORDER BY created_at DESC, id DESC LIMIT 1), ''),
		method = COALESCE((SELECT method FROM payments WHERE order_id = orders.id ORDER BY created_at DESC, id DESC LIMIT 1), '')`).Error
	if err != nil {
		return named(err, "providers of orders")
	}
	t := daybook{}
	for last := int64(0); ; {
		orders, err := rowsOf[Order](c.tx).Where("id > ?", last).Order("id").Limit(countBatch).Find(ctx)
		if err != nil || len(orders) == 0 {
			return named(err, "orders")
		}
		from := orders[0].ID
		last = orders[len(orders)-1].ID
		lines, err := rowsOf[OrderLine](c.tx).Where("order_id >= ? AND order_id <= ?", from, last).Find(ctx)
		if err != nil {
			return named(err, "lines of orders")
		}
		payments, err := rowsOf[Payment](c.tx).Where("order_id >= ? AND order_id <= ?", from, last).Order(asBegun).Find(ctx)
		if err != nil {
			return named(err, "payments of orders")
		}
		linesOf, paymentsOf := map[int64][]OrderLine{}, map[int64][]Payment{}
		for _, l := range lines {
			linesOf[l.OrderID] = append(linesOf[l.OrderID], l)
		}
		for _, p := range payments {
			paymentsOf[p.OrderID] = append(paymentsOf[p.OrderID], p)
		}
		var words []OrderWord
		for _, o := range orders {
			all := wordsOf(o, linesOf[o.ID])
			for i, p := range paymentsOf[o.ID] {
				t.begun(o, p, i == 0)
				all = append(all, Words(p.Ref)...)
			}
			slices.Sort(all)
			for _, w := range slices.Compact(all) {
				words = append(words, OrderWord{Word: w, OrderID: o.ID})
			}
		}
		if err := c.tx.CreateInBatches(&words, countBatch).Error; err != nil {
			return named(err, "words of orders")
		}
		c.add(&t)
	}
}

// facts books facts in their order, and counts them.
func (c *counter) facts(ctx context.Context) error {
	seen := map[string]bool{} // payments that have money
	for last := int64(0); ; {
		facts, err := rowsOf[Fact](c.tx).Where("id > ?", last).Order("id").Limit(countBatch).Find(ctx)
		if err != nil || len(facts) == 0 {
			return named(err, "facts")
		}
		last = facts[len(facts)-1].ID
		t := daybook{facts: facts}
		var first []string
		for _, f := range facts {
			if (f.Kind == FactAuthorized || f.Kind == FactCaptured) && !seen[f.PaymentID] {
				seen[f.PaymentID] = true
				first = append(first, f.PaymentID)
			}
		}
		if t.first, err = rowsOf[Payment](c.tx).Where("id IN ?", first).Find(ctx); err != nil {
			return named(err, "payments of facts")
		}
		if err := t.book(ctx, c.tx, c.settings, c.zone); err != nil {
			return err
		}
		c.add(&t)
	}
}
