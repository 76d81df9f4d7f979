package admin

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"till/models"
	"till/models/modelstest"
)

func TestLogin(t *testing.T) {
	const no = "That e-mail address and password do not belong together. Try again."
	each(t, func(t *testing.T, b *bench) {
		broken, err := b.pages.Staff.Add(t.Context(), "broken@shop.test", models.RoleOwner, "$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAA")
		if err != nil {
			t.Fatal(err)
		}
		for i, tt := range []struct {
			name, email, password string
			status                int
			text                  string
		}{
			{"right", ownerEmail, password, 303, ""},
			{"right, as a phone types it", " OLIVE@Shop.test ", password, 303, ""},
			{"wrong password", ownerEmail, password + "!", 422, no},
			{"no password", ownerEmail, "", 422, no},
			{"unknown", "nobody@shop.test", password, 422, no},
			{"no address", "", password, 422, no},
			{"address that no row can hold", "a\x00b\xff", password, 422, no},
			{"hash that would take 4 GiB", broken.Email, password, 422, no},
		} {
			w := b.browser()
			w.host = "192.0.2." + string(rune('1'+i)) + ":1"
			got := w.login(tt.email, tt.password)
			want(t, got, tt.status, tt.text)
			if tt.password != "" && strings.Contains(got.Body.String(), tt.password) {
				t.Errorf("%s: the password is on the page", tt.name)
			}
			if (tt.status == 303) != (w.cookies["till-staff"] != "") {
				t.Errorf("%s: cookies %v", tt.name, w.cookies)
			}
		}
		if n := b.count(t, "staff_sessions"); n != 2 {
			t.Errorf("%d sessions, want 2", n)
		}
		if log := b.log.String(); strings.Contains(log, "shop.test") || strings.Contains(log, password) || !strings.Contains(log, "staff signed in") {
			t.Errorf("log says too much or too little: %s", log)
		}
	})
}

// The fifth wrong try is the last one: the sixth is refused before the password
// is looked at, on whichever process it arrives.
func TestLogin_LimitPerAddress(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		for i := range triesPerEmail {
			w := b.browser()
			w.host = "198.51.100." + string(rune('1'+i)) + ":1"
			want(t, w.login(ownerEmail, "wrong, all wrong"), http.StatusUnprocessableEntity)
		}
		w := b.browser()
		leave := b.fillChecks()
		for _, tt := range []struct {
			passes      time.Duration
			wait, after string
		}{
			{0, "15 minutes", "900"},
			{time.Second, "15 minutes", "899"},
			{4 * time.Minute, "11 minutes", "659"},
			{9*time.Minute + 59*time.Second, "a minute", "60"},
			{59*time.Second + time.Millisecond, "a minute", "1"},
		} {
			b.Clock.Pass(tt.passes)
			got := w.login(ownerEmail, password)
			want(t, got, http.StatusTooManyRequests, "There were too many tries. Wait "+tt.wait+", then try again.")
			if got.Header().Get("Retry-After") != tt.after || len(w.cookies) != 0 {
				t.Errorf("after %s: %v %v", tt.passes, got.Header(), w.cookies)
			}
		}
		leave()
		want(t, w.login(viewerEmail, password), http.StatusSeeOther) // somebody else's try is somebody else's
		b.Clock.Pass(time.Second - time.Millisecond)                 // as the page said
		want(t, w.login(ownerEmail, password), http.StatusSeeOther)
	})
}

// fillChecks takes every place for checking a password, so that whoever wants
// one waits, until leave.
func (b *bench) fillChecks() (leave func()) {
	room := b.pages.Sessions.checks
	for range cap(room) {
		room <- struct{}{}
	}
	return func() {
		for range cap(room) {
			<-room
		}
	}
}

// An address that nobody has takes a hash like any other: with no place to make
// one, nobody gets an answer.
func TestLogin_UnknownCostsTheSame(t *testing.T) {
	t.Parallel()
	b := setup(t, modelstest.Open(t, "sqlite"), "http://shop.test")
	defer b.fillChecks()()
	for _, email := range []string{ownerEmail, "nobody@shop.test", "a\x00b"} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		_, _, err := b.pages.authenticate(ctx, email, password)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%q was answered without a hash: %v", email, err)
		}
	}
}

func TestLogin_SuccessForgetsTheTries(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		w := b.browser()
		for range 2 {
			for range triesPerEmail - 1 {
				want(t, w.login(ownerEmail, "wrong, all wrong"), http.StatusUnprocessableEntity)
			}
			want(t, w.login(ownerEmail, password), http.StatusSeeOther)
		}
	})
}

func TestLogin_LimitPerHost(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		for i := range triesPerHost {
			w := b.browser()
			w.host = "[2001:db8::" + string(rune('a'+i%6)) + "]:1"
			want(t, w.login("nobody"+string(rune('a'+i))+"@shop.test", "wrong, all wrong"), http.StatusUnprocessableEntity)
		}
		w := b.browser()
		w.host = "[2001:db8::ffff]:1" // the same network
		want(t, w.login(ownerEmail, password), http.StatusTooManyRequests)
		w.host = "[2001:db8:0:1::1]:1"
		want(t, w.login(ownerEmail, password), http.StatusSeeOther)
	})
}

// A whole staff may be behind one address: who signs in takes no try from the
// others.
func TestLogin_WholeStaffBehindOneAddress(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		for range triesPerHost + 5 {
			want(t, b.browser().login(ownerEmail, password), http.StatusSeeOther)
		}
		for i := range triesPerHost {
			want(t, b.browser().login("nobody"+string(rune('a'+i))+"@shop.test", "wrong, all wrong"), http.StatusUnprocessableEntity)
		}
		want(t, b.browser().login("nobody@shop.test", "wrong, all wrong"), http.StatusTooManyRequests)
	})
}

func TestLogin_Next(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		for _, tt := range []struct{ next, to string }{
			{"", overviewURL},
			{"/admin/orders/1001", "/admin/orders/1001"},
			{"/admin/orders?q=a%26b&status=paid", "/admin/orders?q=a%26b&status=paid"},
			{"/admin", "/admin"},
			{"https://evil.test/admin/orders", overviewURL},
			{"//evil.test/admin/", overviewURL},
			{"/\\evil.test/admin/", overviewURL},
			{"/admin/../checkout", overviewURL},
			{"/admin/..//evil.test", overviewURL},
			{"/admin/%2e%2e/%2e%2e//evil.test", overviewURL},
			{"/admin/%0d%0aSet-Cookie:a=b", overviewURL},
			{"/admin/%5c%5cevil.test", overviewURL},
			{"/administrator", overviewURL},
			{"/admin/login", overviewURL},
			{"/admin/logout", overviewURL},
			{"javascript:alert(1)", overviewURL},
			{"admin/orders", overviewURL},
			{"\tjavascript:alert(1)", overviewURL},
			{"/admin/" + strings.Repeat("a", 2000), overviewURL},
		} {
			w := b.browser()
			if form := w.get("/admin/login?" + url.Values{"next": {tt.next}}.Encode()); tt.to != tt.next {
				lacks(t, form, "evil.test", "javascript:")
			}
			wantAway(t, w.post("/admin/login", url.Values{"email": {ownerEmail}, "password": {password}, "next": {tt.next}}), tt.to)
		}
	})
}

func TestLogin_KeepsWhatWasTyped(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		const typed = `"><script>alert(1)</script>@shop.test`
		got := b.browser().post("/admin/login", url.Values{"email": {typed}, "password": {"wrong, all wrong"}, "next": {"/admin/orders/7"}})
		want(t, got, http.StatusUnprocessableEntity, typed, `value="/admin/orders/7"`)
		if strings.Contains(got.Body.String(), "<script>alert") {
			t.Error("what was typed is markup")
		}
	})
}

func TestLogin_TooLong(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		want(t, b.browser().login(ownerEmail, strings.Repeat("a", 1<<20)), http.StatusRequestEntityTooLarge, "That was too much")
		if b.count(t, "throttles") != 0 || b.count(t, "staff_sessions") != 0 {
			t.Error("something was written")
		}
	})
}

func FuzzDestination(f *testing.F) {
	for _, s := range []string{"/admin/orders?q=1", "//evil.test", "/admin/..", "/admin/%2e%2e/x", "/admin/\\x", "/admin;//x", "/admin/a?b#c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		to := destination(raw)
		if to == "" {
			return
		}
		base, err := url.Parse("https://shop.test/")
		if err != nil {
			t.Fatal(err)
		}
		u, err := base.Parse(to)
		if err != nil || u.Scheme != "https" || u.Host != "shop.test" || u.Path != "/admin" && !strings.HasPrefix(u.Path, "/admin/") ||
			strings.ContainsAny(to, "\\\r\n\t") || destination(to) != to {
			t.Fatalf("%q leads to %q: %v", raw, to, u)
		}
	})
}
