package models

import (
	"context"
	"errors"
	"fmt"
	"slices"
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

// ErrLastOwner is returned for a change after which nobody could change who is
// on the staff any more.
var ErrLastOwner = errors.New("models: the last owner")

// Staff is a person who may see the dashboard.
type Staff struct {
	ID           int64
	Email        string // lower case
	Name         string // may be empty
	Role         Role
	PasswordHash string     // argon2id in its own text form
	TOTPSecret   []byte     `gorm:"column:totp_secret"` // sealed; nil when there is none. It counts once TOTPAt is set
	TOTPStep     int64      `gorm:"column:totp_step"`   // of the last code that was used: a code counts once
	TOTPAt       *time.Time `gorm:"column:totp_at"`     // when the second factor was turned on
	DisabledAt   *time.Time // since when they may not sign in
	SeenAt       *time.Time // now and then while they look
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// TableName implements GORM's tabler: staff has no plural.
func (Staff) TableName() string { return "staff" }

// SecondFactor reports whether a password alone does not let them in.
func (s Staff) SecondFactor() bool { return s.TOTPAt != nil }

// subject is the member as the audit has them.
func (s Staff) subject() string { return StaffSubject(s.Email) }

// StaffSubject is the Subject of an audit line about a member of staff.
func StaffSubject(email string) string { return "staff " + email }

// StaffMembers reads and writes staff.
type StaffMembers struct{ db *DB }

// NewStaff returns the staff kept in db.
func NewStaff(db *DB) *StaffMembers { return &StaffMembers{db} }

// Add writes a member of staff, as whoever runs the shop does. Errors:
// ErrDuplicate when the address is there.
func (s *StaffMembers) Add(ctx context.Context, email string, role Role, hash string) (one Staff, err error) {
	err = s.db.Write(ctx, func(tx *gorm.DB) error {
		one = Staff{Email: strings.ToLower(email), Role: role, PasswordHash: hash}
		if err := named(tx.Create(&one).Error, "staff "+one.Email); err != nil {
			return err
		}
		return addAudit(ctx, tx, Audit{Actor: ActorOperator, Action: ActionStaffAdded, Subject: one.subject(), Detail: string(role)})
	})
	return one, err
}

// SetPassword replaces a password, as whoever runs the shop does, and ends every
// session of its owner.
func (s *StaffMembers) SetPassword(ctx context.Context, id int64, hash string) error {
	return s.change(ctx, id, func(tx *gorm.DB, one Staff) error {
		return setPassword(ctx, tx, one, hash, "", ActorOperator)
	})
}

// ChangePassword replaces somebody's own password, and ends every session of
// theirs but the one with the digest keep. before is the hash that they showed
// to know: when it is another by now the error is ErrStale.
func (s *StaffMembers) ChangePassword(ctx context.Context, id int64, before, hash, keep string) error {
	return s.change(ctx, id, func(tx *gorm.DB, one Staff) error {
		if one.PasswordHash != before {
			return fmt.Errorf("%w: password", ErrStale)
		}
		return setPassword(ctx, tx, one, hash, keep, StaffActor(one.Email))
	})
}

func setPassword(ctx context.Context, tx *gorm.DB, one Staff, hash, keep, actor string) error {
	if err := setStaff(ctx, tx, one.ID, map[string]any{"password_hash": hash}); err != nil {
		return err
	}
	if _, err := endSessions(ctx, tx, one.ID, keep); err != nil {
		return err
	}
	return addAudit(ctx, tx, Audit{Actor: actor, Action: ActionPasswordChanged, Subject: one.subject()})
}

// Rename gives somebody the name that colleagues read.
func (s *StaffMembers) Rename(ctx context.Context, id int64, name string) error {
	return s.change(ctx, id, func(tx *gorm.DB, one Staff) error {
		if one.Name == name {
			return nil
		}
		if err := setStaff(ctx, tx, id, map[string]any{"name": name}); err != nil {
			return err
		}
		return addAudit(ctx, tx, Audit{Actor: StaffActor(one.Email), Action: ActionNameChanged, Subject: one.subject()})
	})
}

// change runs f over a member of staff, whose row is held.
func (s *StaffMembers) change(ctx context.Context, id int64, f func(tx *gorm.DB, one Staff) error) error {
	return s.db.Write(ctx, func(tx *gorm.DB) error {
		one, err := rowsOf[Staff](tx, forUpdate()).Where("id = ?", id).First(ctx)
		if err != nil {
			return named(err, "staff")
		}
		return f(tx, one)
	})
}

// govern runs f over a member of staff on behalf of an owner. It holds the rows
// of all owners in one order, so that who is the last of them does not change
// meanwhile. Errors: ErrIllegal when whoever asks is no owner any more.
func (s *StaffMembers) govern(ctx context.Context, by, id int64, f func(tx *gorm.DB, one Staff, actor string, last bool) error) error {
	return s.db.Write(ctx, func(tx *gorm.DB) error {
		held, err := rowsOf[Staff](tx, forUpdate()).Where("id = ? OR role = ? AND disabled_at IS NULL", id, RoleOwner).Order("id").Find(ctx)
		if err != nil {
			return named(err, "staff")
		}
		owners := slices.DeleteFunc(slices.Clone(held), func(one Staff) bool { return one.Role != RoleOwner || one.DisabledAt != nil })
		who := slices.IndexFunc(owners, func(one Staff) bool { return one.ID == by })
		if who < 0 {
			return fmt.Errorf("%w: by somebody who is no owner any more", ErrIllegal)
		}
		i := slices.IndexFunc(held, func(one Staff) bool { return one.ID == id })
		if i < 0 {
			return fmt.Errorf("%w: staff", ErrNotFound)
		}
		return f(tx, held[i], StaffActor(owners[who].Email), len(owners) == 1 && owners[0].ID == id)
	})
}

// SetRole gives a member of staff another role. was is the role that the owner
// saw: when it is another by now the error is ErrStale. The last owner stays
// one: ErrLastOwner.
func (s *StaffMembers) SetRole(ctx context.Context, by, id int64, was, role Role) error {
	return s.govern(ctx, by, id, func(tx *gorm.DB, one Staff, actor string, last bool) error {
		switch {
		case one.Role == role:
			return nil
		case one.Role != was:
			return fmt.Errorf("%w: role of staff %d", ErrStale, id)
		case last:
			return ErrLastOwner
		}
		if err := setStaff(ctx, tx, id, map[string]any{"role": role}); err != nil {
			return err
		}
		return addAudit(ctx, tx, Audit{Actor: actor, Action: ActionRoleChanged, Subject: one.subject(), Detail: string(was) + " → " + string(role)})
	})
}

// Disable keeps somebody out from now on, and ends every session of theirs. The
// last owner cannot be kept out: ErrLastOwner.
func (s *StaffMembers) Disable(ctx context.Context, by, id int64) error {
	return s.govern(ctx, by, id, func(tx *gorm.DB, one Staff, actor string, last bool) error {
		switch {
		case one.DisabledAt != nil:
			return nil
		case last:
			return ErrLastOwner
		}
		if err := setStaff(ctx, tx, id, map[string]any{"disabled_at": tx.NowFunc()}); err != nil {
			return err
		}
		if _, err := endSessions(ctx, tx, id, ""); err != nil {
			return err
		}
		return addAudit(ctx, tx, Audit{Actor: actor, Action: ActionStaffDisabled, Subject: one.subject()})
	})
}

// Enable lets somebody in again.
func (s *StaffMembers) Enable(ctx context.Context, by, id int64) error {
	return s.govern(ctx, by, id, func(tx *gorm.DB, one Staff, actor string, _ bool) error {
		if one.DisabledAt == nil {
			return nil
		}
		if err := setStaff(ctx, tx, id, map[string]any{"disabled_at": nil}); err != nil {
			return err
		}
		return addAudit(ctx, tx, Audit{Actor: actor, Action: ActionStaffEnabled, Subject: one.subject()})
	})
}

// setStaff writes columns of a row that is held.
func setStaff(ctx context.Context, tx *gorm.DB, id int64, set map[string]any) error {
	set["updated_at"] = tx.NowFunc()
	_, err := rowsOf[Staff](tx).Where("id = ?", id).Set(clause.Assignments(set)).Update(ctx)
	return named(err, "staff")
}

// All returns everybody who is or was on the staff, those who may sign in first.
// They are few.
func (s *StaffMembers) All(ctx context.Context) ([]Staff, error) {
	all, err := rowsOf[Staff](s.db.r).Order("CASE WHEN disabled_at IS NULL THEN 0 ELSE 1 END, email").Find(ctx)
	return all, named(err, "staff")
}

// ByEmail returns one member of staff, or ErrNotFound.
func (s *StaffMembers) ByEmail(ctx context.Context, email string) (Staff, error) {
	one, err := rowsOf[Staff](s.db.r).Where("email = ?", strings.ToLower(email)).First(ctx)
	return one, named(err, "staff")
}

// ByID returns one member of staff, or ErrNotFound.
func (s *StaffMembers) ByID(ctx context.Context, id int64) (Staff, error) {
	one, err := rowsOf[Staff](s.db.r).Where("id = ?", id).First(ctx)
	return one, named(err, "staff")
}
