package models

import (
	"context"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// StaffSession is one browser that is logged in to the dashboard, or about to.
type StaffSession struct {
	Digest    string `gorm:"primaryKey"` // of the token in the cookie; the token itself is not kept
	StaffID   *int64
	Data      []byte
	CreatedAt time.Time
	SeenAt    time.Time
	ExpiresAt time.Time
}

// StaffSessions reads and writes sessions.
type StaffSessions struct{ db *DB }

// NewStaffSessions returns the sessions kept in db.
func NewStaffSessions(db *DB) *StaffSessions { return &StaffSessions{db} }

// Find returns a session that has not expired, or ErrNotFound.
func (s *StaffSessions) Find(ctx context.Context, digest string) (StaffSession, error) {
	one, err := gorm.G[StaffSession](s.db.r).Where("digest = ? AND expires_at > ?", digest, s.db.Now()).First(ctx)
	return one, named(err, "session")
}

// Create writes a session that lives for the given time.
func (s *StaffSessions) Create(ctx context.Context, digest string, staffID *int64, data []byte, life time.Duration) error {
	return s.db.Write(ctx, func(tx *gorm.DB) error {
		now := tx.NowFunc()
		return named(gorm.G[StaffSession](tx).Create(ctx, &StaffSession{
			Digest: digest, StaffID: staffID, Data: data, CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(life),
		}), "session")
	})
}

// Touch keeps a session's data and gives it new life. One that is gone stays
// gone: ErrNotFound, so that a slow request cannot undo a logout.
func (s *StaffSessions) Touch(ctx context.Context, digest string, data []byte, life time.Duration) error {
	return s.db.Write(ctx, func(tx *gorm.DB) error {
		now := tx.NowFunc()
		n, err := gorm.G[StaffSession](tx).Where("digest = ? AND expires_at > ?", digest, now).
			Set(clause.Assignments(map[string]any{"data": data, "seen_at": now, "expires_at": now.Add(life)})).Update(ctx)
		if err == nil && n == 0 {
			return fmt.Errorf("%w: session", ErrNotFound)
		}
		return named(err, "session")
	})
}

// Delete ends a session, and drops those that have expired.
func (s *StaffSessions) Delete(ctx context.Context, digest string) error {
	return s.db.Write(ctx, func(tx *gorm.DB) error {
		_, err := gorm.G[StaffSession](tx).Where("digest = ? OR expires_at <= ?", digest, tx.NowFunc()).Delete(ctx)
		return named(err, "session")
	})
}
