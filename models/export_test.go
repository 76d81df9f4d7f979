package models

import "gorm.io/gorm"

// WatchReads tells f of every query that reads, until stop.
func (db *DB) WatchReads(f func(sql string, vars []any)) (stop func()) {
	on := true
	tell := func(tx *gorm.DB) {
		if on && tx.Statement.SQL.Len() > 0 {
			f(tx.Statement.SQL.String(), tx.Statement.Vars)
		}
	}
	for _, err := range []error{
		db.r.Callback().Query().After("gorm:query").Register("watch", tell),
		db.r.Callback().Row().After("gorm:row").Register("watch", tell),
	} {
		if err != nil {
			panic(err)
		}
	}
	return func() {
		on = false
		_ = db.r.Callback().Query().Remove("watch")
		_ = db.r.Callback().Row().Remove("watch")
	}
}
