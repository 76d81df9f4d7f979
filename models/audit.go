package models

import (
	"context"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
)

// Audit is one thing that a member of staff did. It is written in the
// transaction that did it; the database refuses to change or delete one.
type Audit struct {
	ID      int64
	Actor   string // "staff ann@example.test"
	Action  string // such as "refund", "settings_saved", "signed_in"
	Subject string // such as "order 1007", "product 3", "staff bo@example.test"
	Detail  string // no secret, and nothing about a shopper
	At      time.Time
}

// TableName implements GORM's tabler.
func (Audit) TableName() string { return "audit" }

// The actions about staff themselves. What staff do about orders is called as
// its event or its operation is; other rooms have words of their own.
const (
	ActionSignedIn           = "signed_in"
	ActionSignInFailed       = "sign_in_failed" // nobody was signed in; Detail says what was wrong
	ActionSignedOut          = "signed_out"
	ActionSessionEnded       = "session_ended" // elsewhere; Detail is how many
	ActionPasswordChanged    = "password_changed"
	ActionNameChanged        = "name_changed"
	ActionTOTPOn             = "second_factor_on"
	ActionTOTPOff            = "second_factor_off"
	ActionTOTPReset          = "second_factor_reset" // by somebody else
	ActionRecoveryCodes      = "recovery_codes_renewed"
	ActionStaffAdded         = "staff_added" // by whoever runs the shop
	ActionStaffDisabled      = "staff_disabled"
	ActionStaffEnabled       = "staff_enabled"
	ActionRoleChanged        = "role_changed"
	ActionInvited            = "staff_invited"
	ActionInvitationRevoked  = "invitation_revoked"
	ActionInvitationAccepted = "invitation_accepted"
	ActionAuditExported      = "audit_exported"
)

// StaffActions is every action about staff themselves.
func StaffActions() []string {
	return []string{
		ActionSignedIn, ActionSignInFailed, ActionSignedOut, ActionSessionEnded, ActionPasswordChanged, ActionNameChanged, ActionTOTPOn, ActionTOTPOff,
		ActionTOTPReset, ActionRecoveryCodes, ActionStaffAdded, ActionStaffDisabled, ActionStaffEnabled, ActionRoleChanged, ActionInvited,
		ActionInvitationRevoked, ActionInvitationAccepted, ActionAuditExported,
	}
}

const (
	// staffActor begins the Actor of a Cause that is a member of staff.
	staffActor = "staff "
	// ActorOperator is whoever runs the shop, at its command line.
	ActorOperator = "operator"
	// ActorNobody is whoever was not signed in.
	ActorNobody = "nobody"
)

// StaffActor is the Actor of a Cause for a member of staff.
func StaffActor(email string) string { return staffActor + email }

func addAudit(ctx context.Context, tx *gorm.DB, a Audit) error {
	a.At = tx.NowFunc()
	return named(rowsOf[Audit](tx).Create(ctx, &a), "audit")
}

// audited is the line for an event of an order that staff brought about; ok is
// false when somebody else did.
func audited(e Event) (a Audit, ok bool) {
	if !strings.HasPrefix(e.Actor, staffActor) {
		return a, false
	}
	a = Audit{Actor: e.Actor, Action: string(e.Kind), Subject: "order " + Order{ID: e.OrderID}.Number(), Detail: e.Detail}
	if e.Kind == EventNote {
		a.Detail = "" // it is about a shopper
	}
	if e.Kind == EventOperation {
		a.Action = e.FromState
		a.Detail = strings.TrimSpace(e.ToState + " " + e.Detail)
	}
	return a, true
}

// Audits reads what staff did.
type Audits struct{ db *DB }

// NewAudits returns the audit kept in db.
func NewAudits(db *DB) *Audits { return &Audits{db} }

// Add writes a line of its own, for what is no row: signing in, an export.
func (a *Audits) Add(ctx context.Context, one Audit) error {
	return a.db.Write(ctx, func(tx *gorm.DB) error { return addAudit(ctx, tx, one) })
}

// AuditFilter chooses lines. What is empty is not asked for.
type AuditFilter struct {
	Actor   string
	Action  string
	Subject string
	From    time.Time // of the first line
	Until   time.Time // before which the last line is
}

// where puts a filter into a query. Each of its shapes is a range of an index
// that begins with what is asked for and goes on with the time.
func (f AuditFilter) where(q query[Audit]) query[Audit] {
	for _, one := range []struct {
		is    bool
		where string
		value any
	}{
		{f.Actor != "", "actor = ?", f.Actor},
		{f.Action != "", "action = ?", f.Action},
		{f.Subject != "", "subject = ?", f.Subject},
		{!f.From.IsZero(), "at >= ?", f.From.UTC()},
		{!f.Until.IsZero(), "at < ?", f.Until.UTC()},
	} {
		if one.is {
			q = q.Where(one.where, one.value)
		}
	}
	return q
}

// AuditCursor is a place in the audit: before is older, after newer than the
// line with the ID. The zero value is its newest end.
type AuditCursor struct {
	Before int64
	After  int64
}

// List returns at most limit lines, newest first, next to the cursor. A cursor
// that is no line's is ErrNotFound.
func (a *Audits) List(ctx context.Context, f AuditFilter, c AuditCursor, limit int) ([]Audit, error) {
	q := f.where(rowsOf[Audit](a.db.r).Limit(limit))
	id, older := c.Before, true
	if c.After > 0 {
		id, older = c.After, false
	}
	if id != 0 {
		at, err := rowsOf[Audit](a.db.r).Where("id = ?", id).First(ctx)
		if err != nil {
			return nil, named(err, "audit")
		}
		if older {
			q = q.Where("(at, id) < (?, ?)", at.At, id)
		} else {
			q = q.Where("(at, id) > (?, ?)", at.At, id)
		}
	}
	order := "at DESC, id DESC"
	if !older {
		order = "at, id"
	}
	all, err := q.Order(order).Find(ctx)
	if !older {
		slices.Reverse(all)
	}
	return all, named(err, "audit")
}

// Each runs f over every line of a filter, newest first, some at a time. It ends
// with the first error.
func (a *Audits) Each(ctx context.Context, f AuditFilter, do func(Audit) error) error {
	const some = 500
	var c AuditCursor
	for {
		all, err := a.List(ctx, f, c, some)
		if err != nil {
			return err
		}
		for _, one := range all {
			if err := do(one); err != nil {
				return err
			}
		}
		if len(all) < some {
			return nil
		}
		c.Before = all[len(all)-1].ID
	}
}
