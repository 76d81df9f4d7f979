package models

import (
	"context"
	"errors"

	"gorm.io/gorm"
)

// WatchReads tells f of every query that reads, those of a transaction that
// writes too, until stop.
func (db *DB) WatchReads(f func(sql string, vars []any)) (stop func()) {
	on := true
	tell := func(tx *gorm.DB) {
		if on && tx.Statement.SQL.Len() > 0 {
			f(tx.Statement.SQL.String(), tx.Statement.Vars)
		}
	}
	handles := []*gorm.DB{db.r, db.w}
	if db.s != db.w {
		handles = append(handles, db.s)
	}
	for _, handle := range handles {
		err := errors.Join(
			handle.Callback().Query().After("gorm:query").Register("watch", tell),
			handle.Callback().Row().After("gorm:row").Register("watch", tell),
		)
		if err != nil {
			panic(err)
		}
	}
	return func() {
		on = false
		for _, handle := range handles {
			_ = handle.Callback().Query().Remove("watch")
			_ = handle.Callback().Row().Remove("watch")
		}
	}
}

// DownTo takes back the migrations after a version.
func (db *DB) DownTo(ctx context.Context, version int64) error {
	p, err := db.migrations()
	if err != nil {
		return err
	}
	_, err = p.DownTo(ctx, version)
	return err
}
