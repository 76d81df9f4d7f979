package models

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"
)

// SavedView is a filter of the list of orders that one member of staff has
// given a name.
type SavedView struct {
	ID        int64
	StaffID   int64
	Name      string
	Query     string // of the list's address
	CreatedAt time.Time
}

// SavedViews reads and writes saved views. Everybody has their own, and nobody
// another's.
type SavedViews struct{ db *DB }

// NewSavedViews returns the saved views kept in db.
func NewSavedViews(db *DB) *SavedViews { return &SavedViews{db} }

// MaxSavedViews is how many one member of staff may have.
const MaxSavedViews = 30

// ErrFull is returned for one saved view too many.
var ErrFull = errors.New("models: as many as there may be")

// Of returns a member's saved views, by name.
func (v *SavedViews) Of(ctx context.Context, staffID int64) ([]SavedView, error) {
	all, err := gorm.G[SavedView](v.db.r).Where("staff_id = ?", staffID).Order("name").Limit(MaxSavedViews).Find(ctx)
	return all, named(err, "saved views")
}

// Save gives a filter a name. The same again changes nothing. Where the name is
// another filter's it is ErrDuplicate, unless that one is to be replaced.
//
// Errors: ErrDuplicate, ErrFull.
func (v *SavedViews) Save(ctx context.Context, one SavedView, replace bool) error {
	return v.db.Write(ctx, func(tx *gorm.DB) error {
		// whoever saves twice at once waits here for himself
		if _, err := gorm.G[Staff](tx, forUpdate()).Where("id = ?", one.StaffID).First(ctx); err != nil {
			return named(err, "staff")
		}
		all, err := gorm.G[SavedView](tx).Where("staff_id = ?", one.StaffID).Find(ctx)
		if err != nil {
			return named(err, "saved views")
		}
		for _, have := range all {
			switch {
			case have.Name != one.Name:
				continue
			case have.Query == one.Query:
				return nil
			case !replace:
				return named(gorm.ErrDuplicatedKey, "name of a saved view")
			}
			_, err := gorm.G[SavedView](tx).Where("id = ?", have.ID).Update(ctx, "query", one.Query)
			return named(err, "saved view")
		}
		if len(all) >= MaxSavedViews {
			return ErrFull
		}
		one.ID, one.CreatedAt = 0, tx.NowFunc()
		return named(gorm.G[SavedView](tx).Create(ctx, &one), "saved view")
	})
}

// Delete removes a member's saved view; one that is not there, or another's, is
// ErrNotFound.
func (v *SavedViews) Delete(ctx context.Context, staffID, id int64) error {
	return v.db.Write(ctx, func(tx *gorm.DB) error {
		n, err := gorm.G[SavedView](tx).Where("id = ? AND staff_id = ?", id, staffID).Delete(ctx)
		if err == nil && n == 0 {
			err = gorm.ErrRecordNotFound
		}
		return named(err, "saved view")
	})
}
