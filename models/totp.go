package models

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// ErrSecondFactor is returned when a second factor is needed and was not shown,
// or counts no more: a code counts once.
var ErrSecondFactor = errors.New("models: second factor")

// RecoveryCode lets somebody in once who has lost their second factor.
type RecoveryCode struct {
	StaffID int64  `gorm:"primaryKey"`
	Digest  string `gorm:"primaryKey"` // keyed; the code itself is not kept
	UsedAt  *time.Time
}

// Proof is what somebody showed of their second factor: one of the two.
type Proof struct {
	Step     int64  // of the code that matched; 0 for none
	Recovery string // digest of a recovery code; empty for none
}

// Given reports whether anything was shown.
func (p Proof) Given() bool { return p.Step > 0 || p.Recovery != "" }

// use spends a proof. A code that was used, or is older than one that was, and a
// recovery code that is nobody's or was used, is ErrSecondFactor.
func (p Proof) use(ctx context.Context, tx *gorm.DB, staffID int64) error {
	if !p.Given() {
		return ErrSecondFactor
	}
	var n int
	var err error
	if p.Recovery != "" {
		n, err = rowsOf[RecoveryCode](tx).Where("staff_id = ? AND digest = ? AND used_at IS NULL", staffID, p.Recovery).
			Set(clause.Assignments(map[string]any{"used_at": tx.NowFunc()})).Update(ctx)
	} else {
		n, err = rowsOf[Staff](tx).Where("id = ? AND totp_step < ? AND totp_at IS NOT NULL", staffID, p.Step).
			Set(clause.Assignments(map[string]any{"totp_step": p.Step})).Update(ctx)
	}
	if err == nil && n == 0 {
		return ErrSecondFactor
	}
	return named(err, "second factor")
}

// BeginTOTP keeps a sealed secret that does not count yet. One that was begun
// before is replaced; one that counts is not: ErrStale.
func (s *StaffMembers) BeginTOTP(ctx context.Context, id int64, sealed []byte) error {
	return s.change(ctx, id, func(tx *gorm.DB, one Staff) error {
		if one.SecondFactor() {
			return fmt.Errorf("%w: second factor is on", ErrStale)
		}
		return setStaff(ctx, tx, id, map[string]any{"totp_secret": sealed})
	})
}

// ConfirmTOTP makes a secret count, once a code of the given step has shown that
// somebody has it, with the digests of their recovery codes. sealed is the
// secret that the code is of: when it is another by now, or one counts already,
// the error is ErrStale. Every session of theirs ends but the one with the digest
// here: the others were begun without it.
func (s *StaffMembers) ConfirmTOTP(ctx context.Context, id int64, here string, sealed []byte, step int64, recovery []string) error {
	return s.change(ctx, id, func(tx *gorm.DB, one Staff) error {
		if one.SecondFactor() || string(one.TOTPSecret) != string(sealed) || len(sealed) == 0 {
			return fmt.Errorf("%w: second factor", ErrStale)
		}
		if step <= one.TOTPStep {
			return ErrSecondFactor
		}
		if err := setStaff(ctx, tx, id, map[string]any{"totp_at": tx.NowFunc(), "totp_step": step}); err != nil {
			return err
		}
		if err := setRecovery(ctx, tx, id, recovery); err != nil {
			return err
		}
		if _, err := endSessions(ctx, tx, id, here); err != nil { // they were begun without it
			return err
		}
		return addAudit(ctx, tx, Audit{Actor: StaffActor(one.Email), Action: ActionTOTPOn, Subject: one.subject()})
	})
}

// StopTOTP turns somebody's own second factor off, for a proof that they have it.
func (s *StaffMembers) StopTOTP(ctx context.Context, id int64, p Proof) error {
	return s.change(ctx, id, func(tx *gorm.DB, one Staff) error {
		if !one.SecondFactor() {
			return nil
		}
		if err := p.use(ctx, tx, id); err != nil {
			return err
		}
		return dropTOTP(ctx, tx, one, Audit{Actor: StaffActor(one.Email), Action: ActionTOTPOff, Subject: one.subject()})
	})
}

// ResetTOTP turns the second factor off of somebody who has lost it, on behalf
// of an owner, and ends every session of theirs.
func (s *StaffMembers) ResetTOTP(ctx context.Context, by, id int64) error {
	return s.govern(ctx, by, id, func(tx *gorm.DB, one Staff, actor string, _ bool) error {
		return resetTOTP(ctx, tx, one, actor)
	})
}

// ForgetTOTP is ResetTOTP by whoever runs the shop.
func (s *StaffMembers) ForgetTOTP(ctx context.Context, id int64) error {
	return s.change(ctx, id, func(tx *gorm.DB, one Staff) error { return resetTOTP(ctx, tx, one, ActorOperator) })
}

func resetTOTP(ctx context.Context, tx *gorm.DB, one Staff, actor string) error {
	if !one.SecondFactor() {
		return nil
	}
	if _, err := endSessions(ctx, tx, one.ID, ""); err != nil {
		return err
	}
	return dropTOTP(ctx, tx, one, Audit{Actor: actor, Action: ActionTOTPReset, Subject: one.subject()})
}

// dropTOTP leaves the step where it is, so that a code which was used does not
// count again when the same secret comes back.
func dropTOTP(ctx context.Context, tx *gorm.DB, one Staff, why Audit) error {
	if err := setStaff(ctx, tx, one.ID, map[string]any{"totp_secret": nil, "totp_at": nil}); err != nil {
		return err
	}
	if err := setRecovery(ctx, tx, one.ID, nil); err != nil {
		return err
	}
	return addAudit(ctx, tx, why)
}

// NewRecovery replaces somebody's recovery codes, for a proof that they have
// their second factor.
func (s *StaffMembers) NewRecovery(ctx context.Context, id int64, p Proof, digests []string) error {
	return s.change(ctx, id, func(tx *gorm.DB, one Staff) error {
		if !one.SecondFactor() {
			return fmt.Errorf("%w: second factor is off", ErrStale)
		}
		if err := p.use(ctx, tx, id); err != nil {
			return err
		}
		if err := setRecovery(ctx, tx, id, digests); err != nil {
			return err
		}
		return addAudit(ctx, tx, Audit{Actor: StaffActor(one.Email), Action: ActionRecoveryCodes, Subject: one.subject()})
	})
}

func setRecovery(ctx context.Context, tx *gorm.DB, id int64, digests []string) error {
	if _, err := rowsOf[RecoveryCode](tx).Where("staff_id = ?", id).Delete(ctx); err != nil {
		return named(err, "recovery codes")
	}
	for _, d := range digests {
		if err := rowsOf[RecoveryCode](tx).Create(ctx, &RecoveryCode{StaffID: id, Digest: d}); err != nil {
			return named(err, "recovery code")
		}
	}
	return nil
}

// RecoveryLeft is how many recovery codes somebody can still use.
func (s *StaffMembers) RecoveryLeft(ctx context.Context, id int64) (int64, error) {
	n, err := rowsOf[RecoveryCode](s.db.r).Where("staff_id = ? AND used_at IS NULL", id).Count(ctx, "*")
	return n, named(err, "recovery codes")
}
