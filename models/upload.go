package models

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// UploadLife is how long a file waits for somebody to say how it is read.
const UploadLife = time.Hour

// Upload is a file that somebody has sent, of which nothing was read in yet.
type Upload struct {
	ID        int64
	StaffID   int64 // whose it is: nobody else sees it
	Provider  string
	Name      string
	Digest    string
	Body      []byte
	CreatedAt time.Time
}

// Keep keeps a file for UploadLife and returns its id. The same file of the same
// person is kept once. What is too old goes at the same time.
func (s *Statements) Keep(ctx context.Context, u Upload) (id int64, err error) {
	err = s.db.Write(ctx, func(tx *gorm.DB) error {
		u.CreatedAt = tx.NowFunc()
		if _, err := rowsOf[Upload](tx).Where("created_at <= ?", u.CreatedAt.Add(-UploadLife)).Delete(ctx); err != nil {
			return named(err, "old uploads")
		}
		again := clause.OnConflict{
			Columns:   []clause.Column{{Name: "staff_id"}, {Name: "provider"}, {Name: "digest"}},
			DoUpdates: clause.AssignmentColumns([]string{"name", "created_at"}),
		}
		if err := tx.WithContext(ctx).Clauses(again).Create(&u).Error; err != nil {
			return named(err, "upload")
		}
		one, err := rowsOf[Upload](tx).Select("id").Where("staff_id = ? AND provider = ? AND digest = ?", u.StaffID, u.Provider, u.Digest).Take(ctx)
		id = one.ID
		return named(err, "upload")
	})
	return id, err
}

// Upload returns a file that somebody has sent, or ErrNotFound when it is
// somebody else's or too old.
func (s *Statements) Upload(ctx context.Context, id, staffID int64) (Upload, error) {
	one, err := rowsOf[Upload](s.db.r).Where("id = ? AND staff_id = ? AND created_at > ?", id, staffID, s.db.Now().Add(-UploadLife)).First(ctx)
	return one, named(err, "upload")
}

// Forget throws a file away that somebody has sent.
func (s *Statements) Forget(ctx context.Context, id, staffID int64) error {
	return s.db.Write(ctx, func(tx *gorm.DB) error {
		_, err := rowsOf[Upload](tx).Where("id = ? AND staff_id = ?", id, staffID).Delete(ctx)
		return named(err, "upload")
	})
}
