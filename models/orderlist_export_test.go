package models

import (
	"context"
	"time"

	"gorm.io/gorm/logger"
)

// Reach is how many orders are looked at for one page.
const Reach = reach

// Watch has f hear of every statement that reads, with its values in it.
func (db *DB) Watch(f func(sql string)) {
	db.r.Logger, db.s.Logger = watcher{logger.Discard, f}, watcher{logger.Discard, f}
}

type watcher struct {
	logger.Interface
	f func(sql string)
}

func (w watcher) LogMode(logger.LogLevel) logger.Interface { return w }

func (w watcher) Trace(_ context.Context, _ time.Time, said func() (string, int64), _ error) {
	sql, _ := said()
	w.f(sql)
}
