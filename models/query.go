package models

import (
	"context"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// query is a query for rows of one kind, as GORM's own generic one reads. That
// one costs the compiler a second for every kind there is.
type query[T any] struct{ chain }

// chain is what is asked of GORM when the query ends. It is never changed, so
// that one beginning may have several ends.
type chain struct {
	db  *gorm.DB
	ops []func(*gorm.DB) *gorm.DB
}

// rowsOf begins a query in db, which is a pool or a transaction. Clauses that were
// put on db do not count; opts do.
func rowsOf[T any](db *gorm.DB, opts ...clause.Expression) query[T] {
	c := chain{db: db}
	if len(opts) > 0 {
		c = c.with(func(db *gorm.DB) *gorm.DB { return db.Clauses(opts...) })
	}
	return query[T]{c}
}

func (c chain) with(op func(*gorm.DB) *gorm.DB) chain {
	ops := make([]func(*gorm.DB) *gorm.DB, 0, len(c.ops)+1)
	return chain{c.db, append(append(ops, c.ops...), op)}
}

func (c chain) end(ctx context.Context) *gorm.DB {
	db := c.db.Session(&gorm.Session{NewDB: true, Context: ctx})
	for _, op := range c.ops {
		db = op(db)
	}
	return db
}

func (c chain) where(q any, args ...any) chain {
	return c.with(func(db *gorm.DB) *gorm.DB { return db.Where(q, args...) })
}

func (c chain) or(q any, args ...any) chain {
	return c.with(func(db *gorm.DB) *gorm.DB { return db.Or(q, args...) })
}

func (c chain) order(by string) chain {
	return c.with(func(db *gorm.DB) *gorm.DB { return db.Order(by) })
}

func (c chain) limit(n int) chain {
	return c.with(func(db *gorm.DB) *gorm.DB { return db.Limit(n) })
}

func (c chain) columns(q string, args ...any) chain {
	return c.with(func(db *gorm.DB) *gorm.DB { return db.Select(q, args...) })
}

func (c chain) preload(association, order string) chain {
	return c.with(func(db *gorm.DB) *gorm.DB {
		return db.Preload(association, func(db *gorm.DB) *gorm.DB { return db.Order(order) })
	})
}

func (q query[T]) Where(cond any, args ...any) query[T] { return query[T]{q.where(cond, args...)} }
func (q query[T]) Or(cond any, args ...any) query[T]    { return query[T]{q.or(cond, args...)} }
func (q query[T]) Order(by string) query[T]             { return query[T]{q.order(by)} }
func (q query[T]) Limit(n int) query[T]                 { return query[T]{q.limit(n)} }
func (q query[T]) Select(columns string, args ...any) query[T] {
	return query[T]{q.columns(columns, args...)}
}

// Preload reads an association too, in the given order.
func (q query[T]) Preload(association, order string) query[T] {
	return query[T]{q.preload(association, order)}
}

// First returns the first row by its key, or by Order; gorm.ErrRecordNotFound
// when there is none.
func (q query[T]) First(ctx context.Context) (one T, err error) {
	err = q.end(ctx).First(&one).Error
	return one, err
}

// Take returns any row; gorm.ErrRecordNotFound when there is none.
func (q query[T]) Take(ctx context.Context) (one T, err error) {
	err = q.end(ctx).Take(&one).Error
	return one, err
}

// Find returns all rows.
func (q query[T]) Find(ctx context.Context) (all []T, err error) {
	err = q.end(ctx).Find(&all).Error
	return all, err
}

// Count is how many rows have a value in a column.
func (q query[T]) Count(ctx context.Context, column string) (n int64, err error) {
	err = q.end(ctx).Model(new(T)).Select(column).Count(&n).Error
	return n, err
}

// Create writes a row, and fills in what the database made of it.
func (q query[T]) Create(ctx context.Context, one *T) error { return q.end(ctx).Create(one).Error }

// CreateInBatches writes rows, some with each statement.
func (q query[T]) CreateInBatches(ctx context.Context, all *[]T, size int) error {
	return q.end(ctx).CreateInBatches(all, size).Error
}

// Update changes one column, and returns how many rows that was.
func (q query[T]) Update(ctx context.Context, column string, value any) (int, error) {
	res := q.end(ctx).Model(new(T)).Update(column, value)
	return int(res.RowsAffected), res.Error
}

// Set is what Update of the result will change.
func (q query[T]) Set(to clause.Set) change[T] { return change[T]{q.chain, to} }

// Delete removes rows, and returns how many.
func (q query[T]) Delete(ctx context.Context) (int, error) {
	res := q.end(ctx).Delete(new(T))
	return int(res.RowsAffected), res.Error
}

// change is a query with what it changes.
type change[T any] struct {
	chain
	to clause.Set
}

// Update changes rows, and returns how many.
func (c change[T]) Update(ctx context.Context) (int, error) {
	res := c.end(ctx).Model(new(T)).Clauses(c.to).Updates(map[string]any{})
	return int(res.RowsAffected), res.Error
}
