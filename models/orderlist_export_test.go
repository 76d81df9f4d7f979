package models

import "gorm.io/gorm"

// Watch has f hear of every statement that reads through GORM's Raw.
func (db *DB) Watch(f func(sql string, args []any)) error {
	return db.r.Callback().Row().After("gorm:row").Register("watch", func(tx *gorm.DB) { f(tx.Statement.SQL.String(), tx.Statement.Vars) })
}

// Reach is how many orders are looked at for one page.
const Reach = reach
