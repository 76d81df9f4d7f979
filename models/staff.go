package models

import (
	"context"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Role says what a member of staff may do.
type Role string

// The roles, from most to least.
const (
	RoleOwner   Role = "owner"
	RoleManager Role = "manager"
	RoleClerk   Role = "clerk"
	RoleViewer  Role = "viewer"
)

// Roles is every role.
func Roles() []Role { return []Role{RoleOwner, RoleManager, RoleClerk, RoleViewer} }

// Staff is a person who may see the dashboard.
type Staff struct {
	ID           int64
	Email        string // lower case
	Role         Role
	PasswordHash string // argon2id in its own text form
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// TableName implements GORM's tabler: staff has no plural.
func (Staff) TableName() string { return "staff" }

// StaffMembers reads and writes staff.
type StaffMembers struct{ db *DB }

// NewStaff returns the staff kept in db.
func NewStaff(db *DB) *StaffMembers { return &StaffMembers{db} }

// Add writes a member of staff. Errors: ErrDuplicate when the address is there.
func (s *StaffMembers) Add(ctx context.Context, email string, role Role, hash string) (one Staff, err error) {
	one = Staff{Email: strings.ToLower(email), Role: role, PasswordHash: hash}
	err = s.db.Write(ctx, func(tx *gorm.DB) error { return named(tx.Create(&one).Error, "staff "+one.Email) })
	return one, err
}

// SetPassword replaces a password and ends every session of its owner.
func (s *StaffMembers) SetPassword(ctx context.Context, id int64, hash string) error {
	return s.db.Write(ctx, func(tx *gorm.DB) error {
		_, err := gorm.G[Staff](tx).Where("id = ?", id).
			Set(clause.Assignments(map[string]any{"password_hash": hash, "updated_at": tx.NowFunc()})).Update(ctx)
		if err != nil {
			return named(err, "staff")
		}
		_, err = gorm.G[StaffSession](tx).Where("staff_id = ?", id).Delete(ctx)
		return named(err, "sessions")
	})
}

// ByEmail returns one member of staff, or ErrNotFound.
func (s *StaffMembers) ByEmail(ctx context.Context, email string) (Staff, error) {
	one, err := gorm.G[Staff](s.db.r).Where("email = ?", strings.ToLower(email)).First(ctx)
	return one, named(err, "staff")
}

// ByID returns one member of staff, or ErrNotFound.
func (s *StaffMembers) ByID(ctx context.Context, id int64) (Staff, error) {
	one, err := gorm.G[Staff](s.db.r).Where("id = ?", id).First(ctx)
	return one, named(err, "staff")
}
