package admin

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"till/models"

	"github.com/gorilla/sessions"
)

const (
	// idleLife is how long a session lives after it was last seen.
	idleLife = 12 * time.Hour
	// wholeLife is how long it lives however often it is seen.
	wholeLife = 7 * 24 * time.Hour
	// halfLife is how long there is to show a second factor.
	halfLife = 10 * time.Minute
	// touchEvery is how old a session's last sight may be before it is written
	// down again, so that looking at pages costs no commit each.
	touchEvery = 5 * time.Minute
	// tokenLength is 32 bytes in base64.
	tokenLength = 43
)

// errSignedOut is returned when nobody is signed in, or no longer.
var errSignedOut = errors.New("admin: nobody is signed in")

// Sessions keeps who is signed in. The cookie holds a random token and nothing
// else; the database holds what belongs to it under the token's digest, so that
// neither a log of one nor a copy of the other opens the door.
//
// It is a sessions.Store. Where such a store says MaxAge it means how long the
// row lives from the next Save on; the cookie ends with the browser, and what
// ends before that is the row.
type Sessions struct {
	rows   *models.StaffSessions
	name   string
	secure bool
	checks checks // of passwords: what opens a session
}

var _ sessions.Store = (*Sessions)(nil)

// NewSessions returns sessions kept in rows. secure is whether browsers reach
// us over TLS only.
func NewSessions(rows *models.StaffSessions, secure bool) *Sessions {
	s := &Sessions{rows: rows, name: "till-staff", secure: secure, checks: make(checks, checksAtOnce)}
	if secure {
		s.name = "__Host-till-staff" // no other host, and no page over plain HTTP, can set a cookie of this name
	}
	return s
}

// login is what a session holds.
type login struct {
	StaffID   int64
	Half      bool // the second factor was not shown yet: nobody is signed in
	CreatedAt time.Time
	SeenAt    time.Time
	data
}

// data is what a page keeps for the next one.
type data struct {
	Flash string `json:"flash,omitempty"` // a sentence or two about what was just done
	Alarm bool   `json:"alarm,omitempty"` // which did not go as it should
	Draft *draft `json:"draft,omitempty"` // a form that was sent before the login
	Next  string `json:"next,omitempty"`  // of a half-open session: where the login leads to
}

type valueKey int

const loginKey valueKey = 0

// loginOf is what a session of ours holds; a change to it is written by Save.
func loginOf(sess *sessions.Session) *login {
	l, ok := sess.Values[loginKey].(*login)
	if !ok {
		l = &login{}
		sess.Values[loginKey] = l
	}
	return l
}

// Get implements sessions.Store: one look at the database per request.
func (s *Sessions) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(s, name)
}

// New implements sessions.Store. A browser without a session that lives has a
// new, empty one. An error is the database's: it says nothing about whether
// somebody is signed in.
func (s *Sessions) New(r *http.Request, name string) (*sessions.Session, error) {
	sess := sessions.NewSession(s, name)
	sess.IsNew = true
	sess.Options = &sessions.Options{
		Path: "/", HttpOnly: true, Secure: s.secure, SameSite: http.SameSiteLaxMode, MaxAge: int(idleLife.Seconds()),
	}
	cookie, err := r.Cookie(name)
	if err != nil || len(cookie.Value) != tokenLength {
		return sess, nil // no cookie of ours
	}
	row, err := s.rows.Find(r.Context(), digest(cookie.Value))
	if errors.Is(err, models.ErrNotFound) {
		return sess, nil
	}
	if err != nil {
		return sess, err
	}
	l := loginOf(sess)
	if err := json.Unmarshal(row.Data, &l.data); err != nil {
		return sess, fmt.Errorf("admin: data of a session: %w", err)
	}
	if row.StaffID != nil {
		l.StaffID = *row.StaffID
	}
	l.Half, l.CreatedAt, l.SeenAt = row.Half, row.CreatedAt, row.SeenAt
	sess.ID, sess.IsNew = cookie.Value, false
	return sess, nil
}

// Save implements sessions.Store. A session that has ended meanwhile stays
// ended, whatever a slow request still wants to keep in it: errSignedOut. The
// cookie is left alone then, for it may be that of a newer session by now.
func (s *Sessions) Save(r *http.Request, w http.ResponseWriter, sess *sessions.Session) error {
	ctx := r.Context()
	if sess.Options.MaxAge < 0 {
		if sess.ID != "" {
			if err := s.rows.Delete(ctx, digest(sess.ID)); err != nil {
				return err
			}
		}
		http.SetCookie(w, sessions.NewCookie(sess.Name(), "", sess.Options))
		return nil
	}
	l := loginOf(sess)
	raw, err := json.Marshal(l.data)
	if err != nil {
		return fmt.Errorf("admin: data of a session: %w", err)
	}
	life := time.Duration(sess.Options.MaxAge) * time.Second
	if sess.ID == "" {
		return errSignedOut // a session begins with open
	}
	err = s.rows.Touch(ctx, digest(sess.ID), l.StaffID, raw, life)
	if errors.Is(err, models.ErrNotFound) {
		return errSignedOut
	}
	return err
}

// current is the session of whoever is signed in now, or errSignedOut.
func (s *Sessions) current(r *http.Request, now time.Time) (*sessions.Session, *login, error) {
	sess, err := s.Get(r, s.name)
	if err != nil {
		return nil, nil, err
	}
	l := loginOf(sess)
	left := wholeLife - now.Sub(l.CreatedAt)
	if sess.IsNew || l.StaffID == 0 || l.Half || left <= 0 {
		return nil, nil, errSignedOut
	}
	sess.Options.MaxAge = int(min(idleLife, left).Seconds())
	return sess, l, nil
}

// prolong keeps that a session was seen, now and then.
func (s *Sessions) prolong(r *http.Request, w http.ResponseWriter, sess *sessions.Session, now time.Time) error {
	l := loginOf(sess)
	if now.Sub(l.SeenAt) < touchEvery {
		return nil
	}
	l.SeenAt = now
	return s.Save(r, w, sess)
}

// halfOpen is the session of whoever has still to show their second factor, or
// errSignedOut.
func (s *Sessions) halfOpen(r *http.Request) (*login, error) {
	sess, err := s.Get(r, s.name)
	if err != nil {
		return nil, err
	}
	l := loginOf(sess)
	if sess.IsNew || !l.Half {
		return nil, errSignedOut
	}
	return l, nil
}

// open signs somebody in, or half in, under a new token: one that was in the
// browser before may be known to somebody else. begin writes the session that it
// is given; nothing is different in the browser when it fails.
func (s *Sessions) open(r *http.Request, w http.ResponseWriter, in models.SignIn, keep data, begin func(models.SignIn) error) error {
	sess, err := s.Get(r, s.name)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(keep)
	if err != nil {
		return fmt.Errorf("admin: data of a session: %w", err)
	}
	token := newToken()
	in.Digest, in.Data, in.Life = digest(token), raw, idleLife
	if in.Half {
		in.Life = halfLife
	}
	if sess.ID != "" {
		in.Instead = digest(sess.ID)
	}
	if err := begin(in); err != nil {
		return err
	}
	sess.ID, sess.IsNew = token, false
	sess.Options.MaxAge = int(in.Life.Seconds())
	sess.Values[loginKey] = &login{StaffID: in.StaffID, Half: in.Half, data: keep}
	untilClosed := *sess.Options
	untilClosed.MaxAge = 0
	http.SetCookie(w, sessions.NewCookie(sess.Name(), token, &untilClosed))
	return nil
}

// end signs somebody out.
func (s *Sessions) end(r *http.Request, w http.ResponseWriter, me models.Staff) error {
	sess, err := s.Get(r, s.name)
	if err != nil {
		return err
	}
	if sess.ID != "" {
		if err := s.rows.SignOut(r.Context(), digest(sess.ID), me); err != nil {
			return err
		}
	}
	sess.ID, sess.Options.MaxAge = "", -1
	return s.Save(r, w, sess)
}

// here is the digest of the session of this request.
func (s *Sessions) here(r *http.Request) (string, error) {
	sess, err := s.Get(r, s.name)
	if err != nil {
		return "", err
	}
	return digest(sess.ID), nil
}

// say keeps for the next page what was just done.
func (s *Sessions) say(r *http.Request, w http.ResponseWriter, a answer) error {
	sess, err := s.Get(r, s.name)
	if err != nil {
		return err
	}
	l := loginOf(sess)
	l.Flash, l.Alarm = a.text, a.alarm
	return s.Save(r, w, sess)
}

// takeSaid returns what was kept for this page, and forgets it.
func (s *Sessions) takeSaid(r *http.Request, w http.ResponseWriter) (answer, error) {
	sess, err := s.Get(r, s.name)
	if err != nil {
		return answer{}, err
	}
	l := loginOf(sess)
	said := answer{l.Flash, l.Alarm}
	if said.text == "" {
		return answer{}, nil
	}
	l.Flash, l.Alarm = "", false
	return said, s.Save(r, w, sess)
}

// brought reports whether the browser came with a cookie of ours, living or
// not.
func (s *Sessions) brought(r *http.Request) bool {
	cookie, err := r.Cookie(s.name)
	return err == nil && len(cookie.Value) == tokenLength
}

func newToken() string {
	token := make([]byte, 32)
	_, _ = rand.Read(token) // never fails
	return base64.RawURLEncoding.EncodeToString(token)
}

// digest is what of a token, or of a word that nobody need read, the database
// sees.
func digest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
