package models

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Throttle counts how often something was tried.
type Throttle struct {
	Key       string `gorm:"primaryKey"` // what is counted, such as "login ann@example.test"
	Times     int64
	ExpiresAt time.Time // when counting begins anew
}

// Throttles counts, for all processes together.
type Throttles struct{ db *DB }

// NewThrottles returns the counters kept in db.
func NewThrottles(db *DB) *Throttles { return &Throttles{db} }

// Take counts one try at each key before it is made and reports whether every
// one is still within limit tries per window.
func (t *Throttles) Take(ctx context.Context, limit int64, window time.Duration, keys ...string) (ok bool, err error) {
	err = t.db.Write(ctx, func(tx *gorm.DB) error {
		ok = true
		now := tx.NowFunc()
		if _, err := rowsOf[Throttle](tx).Where("expires_at <= ?", now).Delete(ctx); err != nil {
			return named(err, "throttles")
		}
		for _, key := range keys {
			one := Throttle{Key: key, Times: 1, ExpiresAt: now.Add(window)}
			err := tx.Clauses(clause.OnConflict{
				Columns: []clause.Column{{Name: "key"}}, DoUpdates: clause.Assignments(map[string]any{"times": gorm.Expr("throttles.times + 1")}),
			}, clause.Returning{}).Create(&one).Error
			if err != nil {
				return named(err, "throttle")
			}
			ok = ok && one.Times <= limit
		}
		return nil
	})
	return ok, err
}

// GiveBack takes one try back at each key: it was none.
func (t *Throttles) GiveBack(ctx context.Context, keys ...string) error {
	return t.db.Write(ctx, func(tx *gorm.DB) error {
		_, err := rowsOf[Throttle](tx).Where("key IN ? AND times > 0", keys).
			Set(clause.Assignments(map[string]any{"times": gorm.Expr("times - 1")})).Update(ctx)
		return named(err, "throttle")
	})
}

// Clear forgets the tries at a key.
func (t *Throttles) Clear(ctx context.Context, keys ...string) error {
	return t.db.Write(ctx, func(tx *gorm.DB) error {
		_, err := rowsOf[Throttle](tx).Where("key IN ?", keys).Delete(ctx)
		return named(err, "throttle")
	})
}
