package models

import (
	"context"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// InvitationLife is how long an invitation can be accepted.
const InvitationLife = 7 * 24 * time.Hour

// Invitation lets one person become a member of staff.
type Invitation struct {
	ID         int64
	Digest     string // of the token in its link; the token itself is not kept
	Email      string // lower case
	Role       Role
	Actor      string // who invited
	CreatedAt  time.Time
	ExpiresAt  time.Time
	AcceptedAt *time.Time
	RevokedAt  *time.Time
}

// Invitations reads and writes invitations.
type Invitations struct{ db *DB }

// NewInvitations returns the invitations kept in db.
func NewInvitations(db *DB) *Invitations { return &Invitations{db} }

// sqlAcceptable is an invitation that was neither used nor taken back; its time
// is asked for beside it.
const sqlAcceptable = "accepted_at IS NULL AND revoked_at IS NULL"

// Create invites somebody. An older invitation of the same address ends with it.
// Errors: ErrDuplicate when the address is a member's; ErrIllegal when whoever
// invites is no owner any more.
func (i *Invitations) Create(ctx context.Context, by int64, digest, email string, role Role) (one Invitation, err error) {
	err = i.db.Write(ctx, func(tx *gorm.DB) error {
		owner, err := owner(ctx, tx, by)
		if err != nil {
			return err
		}
		now := tx.NowFunc()
		one = Invitation{Digest: digest, Email: strings.ToLower(email), Role: role, Actor: StaffActor(owner.Email), CreatedAt: now, ExpiresAt: now.Add(InvitationLife)}
		members, err := rowsOf[Staff](tx).Where("email = ?", one.Email).Count(ctx, "*")
		if err != nil {
			return named(err, "staff")
		}
		if members > 0 {
			return fmt.Errorf("%w: staff", ErrDuplicate)
		}
		if _, err := rowsOf[Invitation](tx).Where("email = ? AND "+sqlAcceptable, one.Email).
			Set(clause.Assignments(map[string]any{"revoked_at": now})).Update(ctx); err != nil {
			return named(err, "invitation")
		}
		if err := rowsOf[Invitation](tx).Create(ctx, &one); err != nil {
			return named(err, "invitation")
		}
		return addAudit(ctx, tx, Audit{Actor: one.Actor, Action: ActionInvited, Subject: StaffSubject(one.Email), Detail: string(role)})
	})
	return one, err
}

// owner is who may change the staff, whose row is held. Errors: ErrIllegal.
func owner(ctx context.Context, tx *gorm.DB, id int64) (Staff, error) {
	all, err := rowsOf[Staff](tx, forUpdate()).Where("id = ? AND role = ? AND disabled_at IS NULL", id, RoleOwner).Find(ctx)
	if err != nil {
		return Staff{}, named(err, "staff")
	}
	if len(all) == 0 {
		return Staff{}, fmt.Errorf("%w: by somebody who is no owner any more", ErrIllegal)
	}
	return all[0], nil
}

// Open returns the invitations that can be accepted, newest first.
func (i *Invitations) Open(ctx context.Context) ([]Invitation, error) {
	all, err := rowsOf[Invitation](i.db.r).Where(sqlAcceptable+" AND expires_at > ?", i.db.Now()).Order("id DESC").Find(ctx)
	return all, named(err, "invitations")
}

// Find returns an invitation that can be accepted, or ErrNotFound.
func (i *Invitations) Find(ctx context.Context, digest string) (Invitation, error) {
	one, err := rowsOf[Invitation](i.db.r).Where("digest = ? AND "+sqlAcceptable+" AND expires_at > ?", digest, i.db.Now()).First(ctx)
	return one, named(err, "invitation")
}

// Revoke takes an invitation back. Doing so twice is doing it once; one that was
// accepted is ErrStale.
func (i *Invitations) Revoke(ctx context.Context, by, id int64) error {
	return i.db.Write(ctx, func(tx *gorm.DB) error {
		owner, err := owner(ctx, tx, by)
		if err != nil {
			return err
		}
		one, err := rowsOf[Invitation](tx, forUpdate()).Where("id = ?", id).First(ctx)
		switch {
		case err != nil:
			return named(err, "invitation")
		case one.AcceptedAt != nil:
			return fmt.Errorf("%w: invitation %d is accepted", ErrStale, id)
		case one.RevokedAt != nil:
			return nil
		}
		if _, err := rowsOf[Invitation](tx).Where("id = ?", id).Set(clause.Assignments(map[string]any{"revoked_at": tx.NowFunc()})).Update(ctx); err != nil {
			return named(err, "invitation")
		}
		return addAudit(ctx, tx, Audit{Actor: StaffActor(owner.Email), Action: ActionInvitationRevoked, Subject: StaffSubject(one.Email)})
	})
}

// Accept makes a member of staff of whoever has an invitation, and signs them
// in: in.StaffID and in.Hash are filled in here. Of several at once one does.
// Errors: ErrNotFound when it cannot be accepted any more; ErrDuplicate when its
// address became a member's in another way.
func (i *Invitations) Accept(ctx context.Context, digest, name, hash string, in SignIn) (one Staff, err error) {
	err = i.db.Write(ctx, func(tx *gorm.DB) error {
		now := tx.NowFunc()
		inv, err := rowsOf[Invitation](tx, forUpdate()).Where("digest = ? AND "+sqlAcceptable+" AND expires_at > ?", digest, now).First(ctx)
		if err != nil {
			return named(err, "invitation")
		}
		one = Staff{Email: inv.Email, Name: name, Role: inv.Role, PasswordHash: hash}
		if err := tx.Create(&one).Error; err != nil {
			return named(err, "staff")
		}
		if _, err := rowsOf[Invitation](tx).Where("id = ?", inv.ID).Set(clause.Assignments(map[string]any{"accepted_at": now})).Update(ctx); err != nil {
			return named(err, "invitation")
		}
		err = addAudit(ctx, tx, Audit{Actor: StaffActor(one.Email), Action: ActionInvitationAccepted, Subject: one.subject(), Detail: string(one.Role)})
		if err != nil {
			return err
		}
		in := in
		in.StaffID, in.Hash, in.Half = one.ID, hash, false
		return begin(ctx, tx, in)
	})
	return one, err
}
