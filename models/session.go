package models

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// StaffSession is one browser that is logged in to the dashboard, or about to.
type StaffSession struct {
	Digest    string `gorm:"primaryKey"` // of the token in the cookie; the token itself is not kept
	StaffID   *int64
	Half      bool // the password was right, and the second factor was not shown yet: nobody is signed in
	Agent     string
	Address   string
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
	one, err := rowsOf[StaffSession](s.db.r).Where("digest = ? AND expires_at > ?", digest, s.db.Now()).First(ctx)
	return one, named(err, "session")
}

// Whose returns whose a session is or was, for as long as its row is kept after
// its end; else ErrNotFound.
func (s *StaffSessions) Whose(ctx context.Context, digest string) (staffID int64, err error) {
	one, err := rowsOf[StaffSession](s.db.r).Where("digest = ? AND staff_id IS NOT NULL", digest).First(ctx)
	if err != nil {
		return 0, named(err, "session")
	}
	return *one.StaffID, nil
}

// Of returns somebody's sessions, the one seen last first. Half-open ones are
// none.
func (s *StaffSessions) Of(ctx context.Context, staffID int64) ([]StaffSession, error) {
	all, err := rowsOf[StaffSession](s.db.r).Where("staff_id = ? AND expires_at > ? AND half = ?", staffID, s.db.Now(), false).
		Order("seen_at DESC, digest").Find(ctx)
	return all, named(err, "sessions")
}

// SignIn is a session that is to begin.
type SignIn struct {
	Digest  string // of its token
	Instead string // digest of the session that it follows; empty for none
	StaffID int64
	Hash    string // the password's, as it was when it was checked
	Half    bool   // the second factor comes next
	Proof   Proof  // of the second factor; none for who has none, or comes next
	Agent   string
	Address string
	Data    []byte
	Life    time.Duration
}

// Begin signs somebody in. Errors: ErrStale when they may not sign in any more,
// or their password is another by now; ErrSecondFactor when they have one and
// the proof is missing or does not count; ErrNotFound when the proof is for a
// half-open session that has ended.
func (s *StaffSessions) Begin(ctx context.Context, in SignIn) error {
	return s.db.Write(ctx, func(tx *gorm.DB) error { return begin(ctx, tx, in) })
}

func begin(ctx context.Context, tx *gorm.DB, in SignIn) error {
	one, err := rowsOf[Staff](tx, forUpdate()).Where("id = ?", in.StaffID).First(ctx)
	if err != nil {
		return named(err, "staff")
	}
	if one.DisabledAt != nil || one.PasswordHash != in.Hash {
		return fmt.Errorf("%w: whoever signs in", ErrStale)
	}
	if in.Instead != "" {
		old := rowsOf[StaffSession](tx).Where("digest = ?", in.Instead)
		if in.Proof.Given() {
			old = old.Where("half = ? AND staff_id = ? AND expires_at > ?", true, in.StaffID, tx.NowFunc())
		}
		n, err := old.Delete(ctx)
		if err != nil {
			return named(err, "session")
		}
		if n == 0 && in.Proof.Given() {
			return fmt.Errorf("%w: half-open session", ErrNotFound)
		}
	}
	how := "with a password"
	if one.SecondFactor() && !in.Half {
		if err := in.Proof.use(ctx, tx, one.ID); err != nil {
			return err
		}
		if how = "with a password and a code"; in.Proof.Recovery != "" {
			how = "with a password and a recovery code"
		}
	}
	now := tx.NowFunc()
	err = rowsOf[StaffSession](tx).Create(ctx, &StaffSession{
		Digest: in.Digest, StaffID: &in.StaffID, Half: in.Half, Agent: in.Agent, Address: in.Address, Data: in.Data,
		CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(in.Life),
	})
	if err != nil || in.Half {
		return named(err, "session")
	}
	if err := saw(ctx, tx, one.ID); err != nil {
		return err
	}
	return addAudit(ctx, tx, Audit{Actor: StaffActor(one.Email), Action: ActionSignedIn, Subject: one.subject(), Detail: how})
}

// saw keeps that somebody was here now.
func saw(ctx context.Context, tx *gorm.DB, staffID int64) error {
	_, err := rowsOf[Staff](tx).Where("id = ?", staffID).Set(clause.Assignments(map[string]any{"seen_at": tx.NowFunc()})).Update(ctx)
	return named(err, "staff")
}

// Touch keeps a session's data and gives it new life. One that is gone stays
// gone: ErrNotFound, so that a slow request cannot undo a logout.
func (s *StaffSessions) Touch(ctx context.Context, digest string, staffID int64, data []byte, life time.Duration) error {
	return s.db.Write(ctx, func(tx *gorm.DB) error {
		if err := saw(ctx, tx, staffID); err != nil { // first, as wherever both are written
			return err
		}
		now := tx.NowFunc()
		n, err := rowsOf[StaffSession](tx).Where("digest = ? AND staff_id = ? AND expires_at > ?", digest, staffID, now).
			Set(clause.Assignments(map[string]any{"data": data, "seen_at": now, "expires_at": now.Add(life)})).Update(ctx)
		if err == nil && n == 0 {
			return fmt.Errorf("%w: session", ErrNotFound)
		}
		return named(err, "session")
	})
}

// SignOut ends somebody's own session.
func (s *StaffSessions) SignOut(ctx context.Context, digest string, by Staff) error {
	return s.db.Write(ctx, func(tx *gorm.DB) error {
		n, err := rowsOf[StaffSession](tx).Where("digest = ?", digest).Delete(ctx)
		if err != nil || n == 0 {
			return named(err, "session")
		}
		return addAudit(ctx, tx, Audit{Actor: StaffActor(by.Email), Action: ActionSignedOut, Subject: by.subject()})
	})
}

// End ends one of somebody's sessions elsewhere. One that is gone is ended.
func (s *StaffSessions) End(ctx context.Context, digest string, by Staff) error {
	return s.db.Write(ctx, func(tx *gorm.DB) error {
		n, err := rowsOf[StaffSession](tx).Where("digest = ? AND staff_id = ?", digest, by.ID).Delete(ctx)
		if err != nil || n == 0 {
			return named(err, "session")
		}
		return addAudit(ctx, tx, Audit{Actor: StaffActor(by.Email), Action: ActionSessionEnded, Subject: by.subject(), Detail: "1"})
	})
}

// EndOthers ends all of somebody's sessions but the one with the digest keep,
// and returns how many those were.
func (s *StaffSessions) EndOthers(ctx context.Context, keep string, by Staff) (n int, err error) {
	err = s.db.Write(ctx, func(tx *gorm.DB) error {
		if n, err = endSessions(ctx, tx, by.ID, keep); err != nil || n == 0 {
			return err
		}
		return addAudit(ctx, tx, Audit{Actor: StaffActor(by.Email), Action: ActionSessionEnded, Subject: by.subject(), Detail: strconv.Itoa(n)})
	})
	return n, err
}

// endSessions ends every session of somebody but one, and returns how many.
func endSessions(ctx context.Context, tx *gorm.DB, staffID int64, keep string) (int, error) {
	now := tx.NowFunc() // the rows stay for a while: whose they were is known when a form comes from them
	n, err := rowsOf[StaffSession](tx).Where("staff_id = ? AND digest <> ? AND expires_at > ?", staffID, keep, now).
		Set(clause.Assignments(map[string]any{"expires_at": now})).Update(ctx)
	return n, named(err, "sessions")
}

// remembered is how long after its end it is known whose a session was, so that
// what they had typed waits for nobody else.
const remembered = 7 * 24 * time.Hour

// Delete ends a session, and drops those that ended long ago.
func (s *StaffSessions) Delete(ctx context.Context, digest string) error {
	return s.db.Write(ctx, func(tx *gorm.DB) error {
		_, err := rowsOf[StaffSession](tx).Where("digest = ? OR expires_at <= ?", digest, tx.NowFunc().Add(-remembered)).Delete(ctx)
		return named(err, "session")
	})
}
