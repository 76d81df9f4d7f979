package admin

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"till/models/modelstest"
)

func TestSession_Cookie(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		for _, tt := range []struct {
			publicURL, name string
			secure          bool
		}{
			{"http://127.0.0.1:8080", "till-staff", false},
			{"https://shop.test", "__Host-till-staff", true},
		} {
			h := b.pages
			h.Shop.PublicURL = tt.publicURL
			h.Sessions = NewSessions(b.pages.Sessions.rows, h.Shop.Secure())
			w := &browser{engine: engine(t, h), host: "192.0.2.1:1", cookies: map[string]string{}}
			got := w.login(ownerEmail, password)
			want(t, got, http.StatusSeeOther)
			all := got.Result().Cookies()
			if len(all) != 1 {
				t.Fatalf("%d cookies", len(all))
			}
			c := all[0]
			if c.Name != tt.name || c.Secure != tt.secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" ||
				c.Domain != "" || c.MaxAge != 0 || len(c.Value) != tokenLength {
				t.Errorf("%+v", c)
			}
			if _, err := b.pages.Sessions.rows.Find(t.Context(), c.Value); err == nil {
				t.Error("the token stands in the database")
			}
			if _, err := b.pages.Sessions.rows.Find(t.Context(), digest(c.Value)); err != nil {
				t.Error(err)
			}
			out := w.post("/admin/logout", nil)
			if gone := out.Result().Cookies(); len(gone) != 1 || gone[0].Name != tt.name || gone[0].MaxAge >= 0 || gone[0].Path != "/" || gone[0].Secure != tt.secure {
				t.Errorf("%v", gone)
			}
		}
	})
}

func TestLogout(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		w := b.signedIn(t, ownerEmail)
		kept := w.cookies["till-staff"]
		other := b.signedIn(t, ownerEmail)
		wantAway(t, w.post("/admin/logout", nil), "/admin/login?signed_out=1")
		want(t, w.get("/admin/login?signed_out=1"), 200, "You are signed out.")
		w.cookies["till-staff"] = kept // a copy of the cookie opens nothing
		wantAway(t, w.get("/admin/orders"), "/admin/login?next=%2Fadmin%2Forders")
		want(t, other.get("/admin/orders"), 200)
	})
}

// A token that was in the browser before the login, perhaps put there by
// somebody else, is worth nothing after it.
func TestLogin_RotatesTheSession(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		w := b.signedIn(t, ownerEmail)
		old := w.cookies["till-staff"]
		want(t, w.login(viewerEmail, password), http.StatusSeeOther)
		if w.cookies["till-staff"] == old || b.count(t, "staff_sessions") != 1 {
			t.Fatal("the old session lives on")
		}
		want(t, w.get("/admin/orders"), 200, viewerEmail)

		planted := b.browser()
		planted.cookies["till-staff"] = old
		want(t, planted.login(ownerEmail, password), http.StatusSeeOther)
		if planted.cookies["till-staff"] == old {
			t.Error("a planted token became a session")
		}
	})
}

// A slow request that saves after the logout must not bring the session back:
// libraries.md, what is wrong with gormstore.
func TestSession_NotResurrected(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		order, pay := b.order(t, nil)
		slow := b.signedIn(t, ownerEmail)
		token := slow.cookies["till-staff"]
		quick := b.browser()
		quick.cookies["till-staff"] = token
		b.pay.during = func() { wantAway(t, quick.post("/admin/logout", nil), "/admin/login?signed_out=1") }
		got := slow.post(orderURL(order.Number())+"/payments/"+pay.ID+"/settle", nil)
		wantAway(t, got, "/admin/login?next=%2Fadmin%2Forders%2F"+order.Number())
		if len(got.Result().Cookies()) != 0 {
			t.Error("the slow request touched the cookie")
		}
		if b.count(t, "staff_sessions") != 0 {
			t.Error("the session is back")
		}
		wantAway(t, slow.get("/admin/orders"), "/admin/login?next=%2Fadmin%2Forders")
	})
}

func TestSession_SaveAfterTheEnd(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		s, w := b.pages.Sessions, b.signedIn(t, ownerEmail)
		r := httptest.NewRequest(http.MethodGet, "/admin/orders", nil)
		r.AddCookie(&http.Cookie{Name: s.name, Value: w.cookies[s.name]})
		sess, err := s.Get(r, s.name)
		if err != nil || sess.IsNew {
			t.Fatal(sess, err)
		}
		want(t, w.post("/admin/logout", nil), http.StatusSeeOther)
		out := httptest.NewRecorder()
		if err := sess.Save(r, out); !errors.Is(err, errSignedOut) {
			t.Errorf("saved: %v", err)
		}
		if b.count(t, "staff_sessions") != 0 || len(out.Result().Cookies()) != 0 {
			t.Error("the session is back")
		}
	})
}

// Looking at pages writes nothing for a while; a session lives while it is
// used, and no longer than a week.
func TestSession_Life(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		w := b.signedIn(t, ownerEmail)
		began := b.Clock.Now()
		row := func() (seen, expires time.Time) {
			one, err := b.pages.Sessions.rows.Find(t.Context(), digest(w.cookies["till-staff"]))
			if err != nil {
				t.Fatal(err)
			}
			return one.SeenAt, one.ExpiresAt
		}
		b.Clock.Pass(touchEvery - time.Second)
		want(t, w.get("/admin/orders"), 200)
		if seen, _ := row(); !seen.Equal(began) {
			t.Error("a look was written down at once")
		}
		b.Clock.Pass(time.Second)
		want(t, w.get("/admin/orders"), 200)
		if seen, expires := row(); !seen.Equal(b.Clock.Now()) || !expires.Equal(b.Clock.Now().Add(idleLife)) {
			t.Errorf("seen %s, ends %s", seen, expires)
		}
		for b.Clock.Now().Sub(began) < wholeLife-11*time.Hour {
			b.Clock.Pass(11 * time.Hour)
			want(t, w.get("/admin/orders"), 200)
		}
		if _, expires := row(); expires.After(began.Add(wholeLife)) {
			t.Errorf("will live until %s", expires)
		}
		b.Clock.Pass(began.Add(wholeLife).Sub(b.Clock.Now()))
		wantAway(t, w.get("/admin/orders"), "/admin/login?next=%2Fadmin%2Forders")

		idle := b.signedIn(t, ownerEmail)
		b.Clock.Pass(idleLife)
		wantAway(t, idle.get("/admin/orders"), "/admin/login?next=%2Fadmin%2Forders")
	})
}

// Whoever gets a new password is signed out everywhere.
func TestSession_EndsWithThePassword(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		w := b.signedIn(t, ownerEmail)
		if err := b.pages.Staff.SetPassword(t.Context(), b.owner.ID, b.owner.PasswordHash); err != nil {
			t.Fatal(err)
		}
		wantAway(t, w.get("/admin/orders"), "/admin/login?next=%2Fadmin%2Forders")
	})
}

func TestSession_OddCookies(t *testing.T) {
	t.Parallel()
	b := setup(t, modelstest.Open(t, "sqlite"), "http://shop.test")
	for _, value := range []string{"", "short", newToken() + "x", "%00", strings.Repeat("'", tokenLength)} {
		w := b.browser()
		w.cookies["till-staff"] = value
		wantAway(t, w.get("/admin/orders"), "/admin/login?next=%2Fadmin%2Forders")
	}
}
