package models_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"till/models"
	"till/models/modelstest"
)

// crew is a database with people in it.
type crew struct {
	modelstest.Bench
	t           *testing.T
	staff       *models.StaffMembers
	sessions    *models.StaffSessions
	invitations *models.Invitations
	audits      *models.Audits
}

func crews(t *testing.T, test func(t *testing.T, c *crew)) {
	t.Helper()
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		test(t, &crew{b, t, models.NewStaff(b.DB), models.NewStaffSessions(b.DB), models.NewInvitations(b.DB), models.NewAudits(b.DB)})
	})
}

func (c *crew) add(email string, role models.Role) models.Staff {
	c.t.Helper()
	one, err := c.staff.Add(c.t.Context(), email, role, "hash")
	if err != nil {
		c.t.Fatal(err)
	}
	return one
}

func (c *crew) now(id int64) models.Staff {
	c.t.Helper()
	one, err := c.staff.ByID(c.t.Context(), id)
	if err != nil {
		c.t.Fatal(err)
	}
	return one
}

// in opens a session with a digest.
func (c *crew) in(one models.Staff, digest string) {
	c.t.Helper()
	if err := c.sessions.Begin(c.t.Context(), signIn(one, digest)); err != nil {
		c.t.Fatal(err)
	}
}

func signIn(one models.Staff, digest string) models.SignIn {
	return models.SignIn{Digest: digest, StaffID: one.ID, Hash: one.PasswordHash, Agent: "Firefox on Linux", Address: "192.0.2.1", Data: []byte("{}"), Life: time.Hour}
}

// lines are what the audit has, newest first, as "actor action subject detail".
func (c *crew) lines() []string {
	c.t.Helper()
	var all []string
	err := c.audits.Each(c.t.Context(), models.AuditFilter{}, func(a models.Audit) error {
		all = append(all, strings.TrimSpace(a.Actor+" "+a.Action+" "+a.Subject+" "+a.Detail))
		return nil
	})
	if err != nil {
		c.t.Fatal(err)
	}
	return all
}

// last checks the newest line.
func (c *crew) last(want string) {
	c.t.Helper()
	if all := c.lines(); len(all) == 0 || all[0] != want {
		c.t.Errorf("audit has %q, want %q on top", all, want)
	}
}

// at20 runs f twenty times at once and returns how many did not fail; every
// other error must be one of those allowed.
func at20(t *testing.T, f func(i int) error, allowed ...error) int {
	t.Helper()
	var done atomic.Int64
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			err := f(i)
			if err == nil {
				done.Add(1)
				return
			}
			if !slices.ContainsFunc(allowed, func(one error) bool { return errors.Is(err, one) }) {
				t.Errorf("%d: %v", i, err)
			}
		})
	}
	all.Wait()
	return int(done.Load())
}

func TestStaff_Govern(t *testing.T) {
	crews(t, func(t *testing.T, c *crew) {
		ctx := t.Context()
		ann, bo := c.add("Ann@shop.test", models.RoleOwner), c.add("bo@shop.test", models.RoleClerk)
		if _, err := c.staff.Add(ctx, "ann@SHOP.test", models.RoleViewer, "hash"); !errors.Is(err, models.ErrDuplicate) {
			t.Errorf("added twice: %v", err)
		}
		c.in(bo, "d1")
		before := len(c.lines())
		for name, refused := range map[string]struct{ got, want error }{
			"last owner's role":     {c.staff.SetRole(ctx, ann.ID, ann.ID, models.RoleOwner, models.RoleViewer), models.ErrLastOwner},
			"last owner disabled":   {c.staff.Disable(ctx, ann.ID, ann.ID), models.ErrLastOwner},
			"by a clerk":            {c.staff.SetRole(ctx, bo.ID, bo.ID, models.RoleClerk, models.RoleOwner), models.ErrIllegal},
			"disabled by a clerk":   {c.staff.Disable(ctx, bo.ID, ann.ID), models.ErrIllegal},
			"enabled by a clerk":    {c.staff.Enable(ctx, bo.ID, ann.ID), models.ErrIllegal},
			"reset by a clerk":      {c.staff.ResetTOTP(ctx, bo.ID, ann.ID), models.ErrIllegal},
			"nobody":                {c.staff.Disable(ctx, ann.ID, 99), models.ErrNotFound},
			"another role was seen": {c.staff.SetRole(ctx, ann.ID, bo.ID, models.RoleManager, models.RoleViewer), models.ErrStale},
		} {
			if !errors.Is(refused.got, refused.want) {
				t.Errorf("%s: %v, want %v", name, refused.got, refused.want)
			}
		}
		if one, two := c.now(ann.ID), c.now(bo.ID); one.Role != models.RoleOwner || one.DisabledAt != nil || two.Role != models.RoleClerk || len(c.lines()) != before {
			t.Fatalf("a refusal changed something: %+v %+v %v", one, two, c.lines())
		}

		for range 2 { // done twice is done once
			if err := c.staff.SetRole(ctx, ann.ID, bo.ID, models.RoleClerk, models.RoleManager); err != nil {
				t.Fatal(err)
			}
		}
		c.last("staff ann@shop.test role_changed staff bo@shop.test clerk → manager")
		for range 2 {
			if err := c.staff.Disable(ctx, ann.ID, bo.ID); err != nil {
				t.Fatal(err)
			}
		}
		c.last("staff ann@shop.test staff_disabled staff bo@shop.test")
		if n := len(c.lines()); n != before+2 {
			t.Errorf("%d new lines, want 2", n-before)
		}
		if _, err := c.sessions.Find(ctx, "d1"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("signed in while disabled: %v", err)
		}
		if err := c.sessions.Begin(ctx, signIn(bo, "d2")); !errors.Is(err, models.ErrStale) {
			t.Errorf("signed in while disabled: %v", err)
		}
		if err := c.staff.Enable(ctx, ann.ID, bo.ID); err != nil {
			t.Fatal(err)
		}
		c.in(bo, "d3")
		if all, err := c.staff.All(ctx); err != nil || len(all) != 2 || all[1].SeenAt == nil {
			t.Errorf("%+v %v", all, err)
		}
	})
}

// However many owners want to be rid of each other at the same moment, one stays.
func TestStaff_LastOwner(t *testing.T) {
	for name, away := range map[string]func(ctx context.Context, s *models.StaffMembers, by, id int64) error{
		"disabled": func(ctx context.Context, s *models.StaffMembers, by, id int64) error { return s.Disable(ctx, by, id) },
		"no owner": func(ctx context.Context, s *models.StaffMembers, by, id int64) error {
			return s.SetRole(ctx, by, id, models.RoleOwner, models.RoleViewer)
		},
	} {
		t.Run(name, func(t *testing.T) {
			crews(t, func(t *testing.T, c *crew) {
				var all []models.Staff
				for i := range 20 {
					all = append(all, c.add(fmt.Sprintf("owner%02d@shop.test", i), models.RoleOwner))
				}
				at20(t, func(i int) error { return away(t.Context(), c.staff, all[i].ID, all[(i+1)%20].ID) }, models.ErrIllegal)
				at20(t, func(i int) error { return away(t.Context(), c.staff, all[i].ID, all[i].ID) }, models.ErrIllegal, models.ErrLastOwner)
				owners := 0
				for _, one := range all {
					if now := c.now(one.ID); now.Role == models.RoleOwner && now.DisabledAt == nil {
						owners++
					}
				}
				if owners != 1 {
					t.Errorf("%d owners are left, want 1", owners)
				}
			})
		})
	}
}

func TestStaff_Password(t *testing.T) {
	crews(t, func(t *testing.T, c *crew) {
		ctx := t.Context()
		ann := c.add("ann@shop.test", models.RoleOwner)
		c.in(ann, "here")
		c.in(ann, "there")
		if err := c.staff.ChangePassword(ctx, ann.ID, "another hash", "new", "here"); !errors.Is(err, models.ErrStale) {
			t.Fatal(err)
		}
		if n := at20(t, func(int) error { return c.staff.ChangePassword(ctx, ann.ID, "hash", "new", "here") }, models.ErrStale); n != 1 {
			t.Errorf("changed %d times", n)
		}
		c.last("staff ann@shop.test password_changed staff ann@shop.test")
		if all, err := c.sessions.Of(ctx, ann.ID); err != nil || len(all) != 1 || all[0].Digest != "here" {
			t.Errorf("%+v %v", all, err)
		}
		if err := c.sessions.Begin(ctx, signIn(ann, "late")); !errors.Is(err, models.ErrStale) {
			t.Errorf("signed in with the password of before: %v", err)
		}
		if err := c.staff.SetPassword(ctx, ann.ID, "third"); err != nil {
			t.Fatal(err)
		}
		c.last("operator password_changed staff ann@shop.test")
		if all, err := c.sessions.Of(ctx, ann.ID); err != nil || len(all) != 0 {
			t.Errorf("%+v %v", all, err)
		}
		before := len(c.lines())
		for range 2 {
			if err := c.staff.Rename(ctx, ann.ID, "Ann"); err != nil {
				t.Fatal(err)
			}
		}
		if c.now(ann.ID).Name != "Ann" || len(c.lines()) != before+1 {
			t.Errorf("%+v %v", c.now(ann.ID), c.lines())
		}
	})
}

func TestStaffSessions(t *testing.T) {
	crews(t, func(t *testing.T, c *crew) {
		ctx := t.Context()
		ann, bo := c.add("ann@shop.test", models.RoleOwner), c.add("bo@shop.test", models.RoleClerk)
		c.in(ann, "d1")
		c.last("staff ann@shop.test signed_in staff ann@shop.test with a password")
		if one, err := c.sessions.Find(ctx, "d1"); err != nil || *one.StaffID != ann.ID || one.Agent != "Firefox on Linux" || one.Address != "192.0.2.1" {
			t.Fatal(one, err)
		}
		if err := c.sessions.Touch(ctx, "d1", bo.ID, []byte("{}"), time.Hour); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("touched as somebody else: %v", err)
		}
		c.Clock.Pass(time.Minute)
		if err := c.sessions.Touch(ctx, "d1", ann.ID, []byte("{}"), time.Hour); err != nil {
			t.Fatal(err)
		}
		if seen := c.now(ann.ID).SeenAt; seen == nil || !seen.Equal(c.Clock.Now()) {
			t.Errorf("seen %v", seen)
		}
		if err := c.sessions.SignOut(ctx, "d1", ann); err != nil {
			t.Fatal(err)
		}
		c.last("staff ann@shop.test signed_out staff ann@shop.test")
		if err := c.sessions.Touch(ctx, "d1", ann.ID, []byte("{}"), time.Hour); !errors.Is(err, models.ErrNotFound) {
			t.Fatalf("a session came back after logout: %v", err)
		}

		c.in(ann, "d2")
		c.Clock.Pass(2 * time.Hour)
		if _, err := c.sessions.Find(ctx, "d2"); !errors.Is(err, models.ErrNotFound) {
			t.Fatalf("an old session: %v", err)
		}
		if who, err := c.sessions.Whose(ctx, "d2"); err != nil || who != ann.ID {
			t.Errorf("whose it was: %d %v", who, err)
		}
		c.Clock.Pass(8 * 24 * time.Hour)
		if err := c.sessions.Delete(ctx, ""); err != nil {
			t.Fatal(err)
		}
		if _, err := c.sessions.Whose(ctx, "d2"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("kept for ever: %v", err)
		}

		for _, d := range []string{"a", "b", "c", "d"} {
			c.in(ann, d)
		}
		c.in(bo, "e")
		before := len(c.lines())
		if err := c.sessions.End(ctx, "e", ann); err != nil {
			t.Fatal(err)
		}
		if _, err := c.sessions.Find(ctx, "e"); err != nil || len(c.lines()) != before {
			t.Errorf("somebody else's session was ended: %v", err)
		}
		for range 2 {
			if err := c.sessions.End(ctx, "a", ann); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := c.sessions.EndOthers(ctx, "b", ann); n != 2 || err != nil {
			t.Errorf("ended %d: %v", n, err)
		}
		c.last("staff ann@shop.test session_ended staff ann@shop.test 2")
		if all, err := c.sessions.Of(ctx, ann.ID); err != nil || len(all) != 1 || all[0].Digest != "b" {
			t.Errorf("%+v %v", all, err)
		}
	})
}

// confirmed turns a second factor on, with recovery codes "r1" and "r2".
func (c *crew) confirmed(one models.Staff) models.Staff {
	c.t.Helper()
	ctx := c.t.Context()
	if err := c.staff.BeginTOTP(ctx, one.ID, []byte("sealed")); err != nil {
		c.t.Fatal(err)
	}
	if err := c.staff.ConfirmTOTP(ctx, one.ID, "here", []byte("sealed"), 100, []string{"r1", "r2"}); err != nil {
		c.t.Fatal(err)
	}
	return c.now(one.ID)
}

func TestStaff_TOTP(t *testing.T) {
	crews(t, func(t *testing.T, c *crew) {
		ctx := t.Context()
		ann, bo := c.add("ann@shop.test", models.RoleOwner), c.add("bo@shop.test", models.RoleClerk)
		if err := c.staff.ConfirmTOTP(ctx, bo.ID, "here", nil, 100, nil); !errors.Is(err, models.ErrStale) {
			t.Errorf("confirmed what was not begun: %v", err)
		}
		if err := c.staff.BeginTOTP(ctx, bo.ID, []byte("first")); err != nil {
			t.Fatal(err)
		}
		if c.now(bo.ID).SecondFactor() {
			t.Error("counts before it is confirmed")
		}
		c.in(bo, "before")
		if err := c.staff.BeginTOTP(ctx, bo.ID, []byte("sealed")); err != nil {
			t.Fatal(err)
		}
		if err := c.staff.ConfirmTOTP(ctx, bo.ID, "here", []byte("first"), 100, nil); !errors.Is(err, models.ErrStale) {
			t.Errorf("confirmed a secret that was replaced: %v", err)
		}
		if n := at20(t, func(int) error {
			return c.staff.ConfirmTOTP(ctx, bo.ID, "here", []byte("sealed"), 100, []string{"r1", "r2"})
		}, models.ErrStale); n != 1 {
			t.Errorf("confirmed %d times", n)
		}
		c.last("staff bo@shop.test second_factor_on staff bo@shop.test")
		if err := c.staff.BeginTOTP(ctx, bo.ID, []byte("other")); !errors.Is(err, models.ErrStale) {
			t.Errorf("a second factor that counts was replaced: %v", err)
		}
		bo = c.now(bo.ID)

		for name, p := range map[string]models.Proof{"nothing": {}, "the code that confirmed it": {Step: 100}, "older": {Step: 99}, "no such recovery code": {Recovery: "x"}} {
			in := signIn(bo, "no")
			in.Proof = p
			if err := c.sessions.Begin(ctx, in); !errors.Is(err, models.ErrSecondFactor) {
				t.Errorf("%s let in: %v", name, err)
			}
			if err := c.staff.StopTOTP(ctx, bo.ID, p); !errors.Is(err, models.ErrSecondFactor) {
				t.Errorf("%s turned it off: %v", name, err)
			}
			if err := c.staff.NewRecovery(ctx, bo.ID, p, []string{"r9"}); !errors.Is(err, models.ErrSecondFactor) {
				t.Errorf("%s made recovery codes: %v", name, err)
			}
		}
		if n, err := c.staff.RecoveryLeft(ctx, bo.ID); n != 2 || err != nil || !c.now(bo.ID).SecondFactor() {
			t.Fatal("a refusal changed something", n, err)
		}
		if err := c.staff.NewRecovery(ctx, bo.ID, models.Proof{Step: 101}, []string{"r3"}); err != nil {
			t.Fatal(err)
		}
		c.last("staff bo@shop.test recovery_codes_renewed staff bo@shop.test")
		if err := c.staff.StopTOTP(ctx, bo.ID, models.Proof{Recovery: "r1"}); !errors.Is(err, models.ErrSecondFactor) {
			t.Errorf("a recovery code of before: %v", err)
		}
		if err := c.staff.StopTOTP(ctx, bo.ID, models.Proof{Recovery: "r3"}); err != nil || c.now(bo.ID).SecondFactor() || c.now(bo.ID).TOTPSecret != nil {
			t.Fatal(err)
		}
		c.last("staff bo@shop.test second_factor_off staff bo@shop.test")

		bo = c.now(bo.ID)
		if err := c.staff.BeginTOTP(ctx, bo.ID, []byte("sealed")); err != nil {
			t.Fatal(err)
		}
		if err := c.staff.ConfirmTOTP(ctx, bo.ID, "here", []byte("sealed"), 101, nil); !errors.Is(err, models.ErrSecondFactor) {
			t.Errorf("a code that was used before counts again: %v", err)
		}
		if err := c.staff.ConfirmTOTP(ctx, bo.ID, "here", []byte("sealed"), 102, nil); err != nil {
			t.Fatal(err)
		}
		before := len(c.lines())
		for range 2 {
			if err := c.staff.ResetTOTP(ctx, ann.ID, bo.ID); err != nil || c.now(bo.ID).SecondFactor() {
				t.Fatal(err)
			}
		}
		c.last("staff ann@shop.test second_factor_reset staff bo@shop.test")
		if all, err := c.sessions.Of(ctx, bo.ID); err != nil || len(all) != 0 || len(c.lines()) != before+1 {
			t.Errorf("%+v %v", all, err)
		}
		c.confirmed(ann)
		if err := c.staff.ForgetTOTP(ctx, ann.ID); err != nil || c.now(ann.ID).SecondFactor() {
			t.Error(err)
		}
		c.last("operator second_factor_reset staff ann@shop.test")
	})
}

// A code and a recovery code open one session, however many ask at once.
func TestStaff_TOTP_Once(t *testing.T) {
	for name, p := range map[string]models.Proof{"code": {Step: 101}, "recovery code": {Recovery: "r1"}} {
		t.Run(name, func(t *testing.T) {
			crews(t, func(t *testing.T, c *crew) {
				bo := c.confirmed(c.add("bo@shop.test", models.RoleClerk))
				for i := range 20 { // twenty half-open sessions
					in := signIn(bo, fmt.Sprintf("half%d", i))
					in.Half = true
					if err := c.sessions.Begin(t.Context(), in); err != nil {
						t.Fatal(err)
					}
				}
				n := at20(t, func(i int) error {
					in := signIn(bo, fmt.Sprintf("whole%d", i))
					in.Instead, in.Proof = fmt.Sprintf("half%d", i), p
					return c.sessions.Begin(t.Context(), in)
				}, models.ErrSecondFactor)
				if all, err := c.sessions.Of(t.Context(), bo.ID); n != 1 || err != nil || len(all) != 1 {
					t.Errorf("%d came in: %+v %v", n, all, err)
				}
				signed := 0
				for _, l := range c.lines() {
					if strings.Contains(l, "signed_in") {
						signed++
					}
				}
				if signed != 1 {
					t.Errorf("%d lines say that somebody signed in", signed)
				}
			})
		})
	}
}

// A half-open session is closed by one proof, and by a new password.
func TestStaffSessions_Half(t *testing.T) {
	crews(t, func(t *testing.T, c *crew) {
		ctx := t.Context()
		bo := c.confirmed(c.add("bo@shop.test", models.RoleClerk))
		half := signIn(bo, "half")
		half.Half = true
		if err := c.sessions.Begin(ctx, half); err != nil {
			t.Fatal(err)
		}
		if all, err := c.sessions.Of(ctx, bo.ID); err != nil || len(all) != 0 {
			t.Errorf("half open is signed in: %+v %v", all, err)
		}
		n := at20(t, func(i int) error {
			in := signIn(bo, fmt.Sprintf("whole%d", i))
			in.Instead, in.Proof = "half", models.Proof{Step: 101 + int64(i)}
			return c.sessions.Begin(ctx, in)
		}, models.ErrNotFound, models.ErrSecondFactor)
		if n != 1 {
			t.Errorf("one half-open session became %d", n)
		}
		half.Digest = "other"
		if err := c.sessions.Begin(ctx, half); err != nil {
			t.Fatal(err)
		}
		if err := c.staff.SetPassword(ctx, bo.ID, "new"); err != nil {
			t.Fatal(err)
		}
		in := signIn(c.now(bo.ID), "late")
		in.Instead, in.Proof = "other", models.Proof{Step: 999}
		if err := c.sessions.Begin(ctx, in); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("went on after the password changed: %v", err)
		}
	})
}

func TestInvitations(t *testing.T) {
	crews(t, func(t *testing.T, c *crew) {
		ctx, all := t.Context(), c.invitations
		ann, bo := c.add("ann@shop.test", models.RoleOwner), c.add("bo@shop.test", models.RoleClerk)
		invite := func(digest, email string) models.Invitation {
			t.Helper()
			one, err := all.Create(ctx, ann.ID, digest, email, models.RoleClerk)
			if err != nil {
				t.Fatal(err)
			}
			return one
		}
		if _, err := all.Create(ctx, ann.ID, "i0", "BO@shop.test", models.RoleClerk); !errors.Is(err, models.ErrDuplicate) {
			t.Errorf("invited a member: %v", err)
		}
		if _, err := all.Create(ctx, bo.ID, "i0", "cy@shop.test", models.RoleOwner); !errors.Is(err, models.ErrIllegal) {
			t.Errorf("a clerk invited an owner: %v", err)
		}
		invite("i1", "Cy@shop.test")
		second := invite("i2", "cy@shop.test")
		c.last("staff ann@shop.test staff_invited staff cy@shop.test clerk")
		if open, err := all.Open(ctx); err != nil || len(open) != 1 || open[0].ID != second.ID {
			t.Errorf("%+v %v", open, err)
		}
		if _, err := all.Accept(ctx, "i1", "Cy", "h", models.SignIn{Digest: "s1", Life: time.Hour}); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("the link of before: %v", err)
		}
		if n := at20(t, func(i int) error {
			_, err := all.Accept(ctx, "i2", "Cy", "h", models.SignIn{Digest: fmt.Sprintf("s%d", i), Data: []byte("{}"), Life: time.Hour})
			return err
		}, models.ErrNotFound); n != 1 {
			t.Errorf("accepted %d times", n)
		}
		cy, err := c.staff.ByEmail(ctx, "cy@shop.test")
		if err != nil || cy.Role != models.RoleClerk || cy.Name != "Cy" {
			t.Fatal(cy, err)
		}
		if open, err := c.sessions.Of(ctx, cy.ID); err != nil || len(open) != 1 {
			t.Errorf("%+v %v", open, err)
		}
		if err := all.Revoke(ctx, ann.ID, second.ID); !errors.Is(err, models.ErrStale) {
			t.Errorf("an accepted invitation was taken back: %v", err)
		}

		third := invite("i3", "di@shop.test")
		if err := all.Revoke(ctx, bo.ID, third.ID); !errors.Is(err, models.ErrIllegal) {
			t.Errorf("a clerk took it back: %v", err)
		}
		for range 2 {
			if err := all.Revoke(ctx, ann.ID, third.ID); err != nil {
				t.Fatal(err)
			}
		}
		c.last("staff ann@shop.test invitation_revoked staff di@shop.test")
		invite("i4", "di@shop.test")
		invite("i5", "ed@shop.test")
		c.add("ed@shop.test", models.RoleViewer) // meanwhile, in another way
		c.Clock.Pass(models.InvitationLife - time.Second)
		if _, err := all.Accept(ctx, "i5", "Ed", "h", models.SignIn{Digest: "x", Life: time.Hour}); !errors.Is(err, models.ErrDuplicate) {
			t.Errorf("a member twice: %v", err)
		}
		c.Clock.Pass(time.Second)
		for _, digest := range []string{"i3", "i4", "no such"} {
			if _, err := all.Find(ctx, digest); !errors.Is(err, models.ErrNotFound) {
				t.Errorf("%s: %v", digest, err)
			}
			if _, err := all.Accept(ctx, digest, "Di", "h", models.SignIn{Digest: "y", Life: time.Hour}); !errors.Is(err, models.ErrNotFound) {
				t.Errorf("%s: %v", digest, err)
			}
		}
		if _, err := c.staff.ByEmail(ctx, "di@shop.test"); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("a member by an invitation that is over: %v", err)
		}
		invite("i6", "di@shop.test") // the one that is over is in nobody's way
	})
}

func TestAudits(t *testing.T) {
	crews(t, func(t *testing.T, c *crew) {
		ctx := t.Context()
		for i := range 12 {
			a := models.Audit{Actor: models.StaffActor([]string{"ann", "bo"}[i%2]), Action: []string{"x", "y", "z"}[i%3], Subject: fmt.Sprintf("order %d", i%4), Detail: fmt.Sprint(i)}
			if err := c.audits.Add(ctx, a); err != nil {
				t.Fatal(err)
			}
			if i%2 == 1 {
				c.Clock.Pass(time.Hour) // two at each moment
			}
		}
		began := modelstest.NewClock().Now()
		read := func(f models.AuditFilter, at models.AuditCursor, limit int) (all []string, page []models.Audit) {
			t.Helper()
			page, err := c.audits.List(ctx, f, at, limit)
			if err != nil {
				t.Fatal(err)
			}
			for _, a := range page {
				all = append(all, a.Detail)
			}
			return all, page
		}
		for _, tt := range []struct {
			name string
			f    models.AuditFilter
			want string
		}{
			{"all", models.AuditFilter{}, "11 10 9 8 7 6 5 4 3 2 1 0"},
			{"actor", models.AuditFilter{Actor: "staff ann"}, "10 8 6 4 2 0"},
			{"action", models.AuditFilter{Action: "y"}, "10 7 4 1"},
			{"subject", models.AuditFilter{Subject: "order 3"}, "11 7 3"},
			{"actor and action", models.AuditFilter{Actor: "staff bo", Action: "y"}, "7 1"},
			{"days", models.AuditFilter{From: began.Add(time.Hour), Until: began.Add(3 * time.Hour)}, "5 4 3 2"},
			{"days, as a clock elsewhere has them", models.AuditFilter{From: began.Add(time.Hour).In(time.FixedZone("NZDT", 13*60*60)), Until: began.Add(3 * time.Hour).In(time.FixedZone("NST", -3*60*60))}, "5 4 3 2"},
			{"everything", models.AuditFilter{Actor: "staff bo", Action: "z", Subject: "order 1", From: began, Until: began.Add(9 * time.Hour)}, "5"},
			{"nothing", models.AuditFilter{Actor: "staff cy"}, ""},
		} {
			if got, _ := read(tt.f, models.AuditCursor{}, 100); strings.Join(got, " ") != tt.want {
				t.Errorf("%s: %v, want %s", tt.name, got, tt.want)
			}
			var paged []string
			var at models.AuditCursor
			for {
				got, page := read(tt.f, at, 2)
				if len(page) == 0 {
					break
				}
				paged = append(paged, got...)
				if at.Before = page[len(page)-1].ID; len(page) < 2 {
					break
				}
				next, _ := read(tt.f, at, 2)
				if len(next) == 0 {
					continue
				}
			}
			if strings.Join(paged, " ") != tt.want {
				t.Errorf("%s: by pages %v, want %s", tt.name, paged, tt.want)
			}
		}
		_, page := read(models.AuditFilter{}, models.AuditCursor{}, 5)
		if got, _ := read(models.AuditFilter{}, models.AuditCursor{After: page[4].ID}, 2); strings.Join(got, " ") != "9 8" {
			t.Errorf("newer: %v", got)
		}
		if _, err := c.audits.List(ctx, models.AuditFilter{}, models.AuditCursor{Before: 999}, 2); !errors.Is(err, models.ErrNotFound) {
			t.Errorf("a cursor that is no line's: %v", err)
		}
		pool, _, err := c.DB.SQL()
		if err != nil {
			t.Fatal(err)
		}
		for _, sql := range []string{"UPDATE audit SET detail = ''", "DELETE FROM audit"} {
			if _, err := pool.ExecContext(ctx, sql); err == nil {
				t.Errorf("%s was let through", sql)
			}
		}
	})
}

// However many lines there are, a page of them is a range of an index.
func TestAudits_Plan(t *testing.T) {
	t.Parallel()
	b := modelstest.Open(t, "sqlite")
	pool, _, err := b.DB.SQL()
	if err != nil {
		t.Fatal(err)
	}
	for where, index := range map[string]string{
		"1 = 1": "audit_at", "actor = 'a'": "audit_actor", "action = 'a'": "audit_action", "subject = 'a'": "audit_subject", "actor = 'a' AND action = 'b'": "audit_both",
	} {
		rows, err := pool.QueryContext(t.Context(), "EXPLAIN QUERY PLAN SELECT * FROM audit WHERE "+where+" AND (at, id) < ('2026-01-01', 7) ORDER BY at DESC, id DESC LIMIT 50")
		if err != nil {
			t.Fatal(err)
		}
		var plan string
		for rows.Next() {
			var id, parent, unused int
			var detail string
			if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
				t.Fatal(err)
			}
			plan += detail + "; "
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil { //nolint:sqlclosecheck // one after the other
			t.Fatal(err)
		}
		if !strings.Contains(plan, "USING INDEX "+index+" ") || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("%s: %s", where, plan)
		}
	}
}
