package admin

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"till/models"

	"github.com/pquerna/otp/totp"
)

// lines are the newest lines of the audit, as "actor action subject detail".
func (b *bench) lines(t *testing.T) []string {
	t.Helper()
	all, err := models.NewAudits(b.DB).List(t.Context(), models.AuditFilter{}, models.AuditCursor{}, 500)
	if err != nil {
		t.Fatal(err)
	}
	texts := make([]string, len(all))
	for i, a := range all {
		texts[i] = strings.TrimSpace(a.Actor + " " + a.Action + " " + a.Subject + " " + a.Detail)
	}
	return texts
}

// written checks the newest line of the audit.
func (b *bench) written(t *testing.T, line string) {
	t.Helper()
	if all := b.lines(t); len(all) == 0 || all[0] != line {
		t.Errorf("audit has %q, want %q on top", all[:min(3, len(all))], line)
	}
}

func (b *bench) person(t *testing.T, email string) models.Staff {
	t.Helper()
	one, err := b.pages.Staff.ByEmail(t.Context(), email)
	if err != nil {
		t.Fatal(err)
	}
	return one
}

func TestStaffRoom(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		clerk := b.staff(t, clerkEmail, models.RoleClerk)
		owner, at := b.signedIn(t, ownerEmail), memberURL(clerk)
		theirs := b.signedIn(t, clerkEmail)
		want(t, owner.get(staffURL), 200, clerkEmail, ownerEmail, "Invite somebody", "Gives money back", "Changes who is on the staff")
		want(t, owner.get(at), 200, "Change the role", "Shut out")
		viewer := b.signedIn(t, viewerEmail)
		want(t, viewer.get(staffURL), 200, clerkEmail, "Gives money back", "Only an owner changes")
		lacks(t, viewer.get(staffURL), "Invite somebody", "<form method=\"post\" action=\"/admin/staff")
		lacks(t, viewer.get(at), "Change the role", "Shut out\"")
		want(t, viewer.get(staffURL+"/99"), 404)
		want(t, viewer.get(staffURL+"/x"), 404)

		before := b.lines(t)
		want(t, owner.post(at+"/role", url.Values{"was": {"clerk"}, "role": {"king"}}), 422, "Choose a role")
		want(t, owner.post(at+"/role", url.Values{"was": {"viewer"}, "role": {"manager"}}), 409, "Somebody else has changed the role meanwhile")
		want(t, owner.post(memberURL(b.owner)+"/disable", nil), 409, "This is the last owner")
		want(t, owner.post(memberURL(b.owner)+"/role", url.Values{"was": {"owner"}, "role": {"viewer"}}), 409, "This is the last owner")
		want(t, owner.post(memberURL(b.owner)+"/reset", nil), 409, "on the page of your account")
		if now := b.person(t, ownerEmail); now.Role != models.RoleOwner || now.DisabledAt != nil || b.person(t, clerkEmail).Role != models.RoleClerk || !slices.Equal(b.lines(t), before) {
			t.Fatal("a refusal changed something", now, b.lines(t))
		}

		wantAway(t, owner.post(at+"/role", url.Values{"was": {"clerk"}, "role": {"manager"}}), at)
		want(t, owner.get(at), 200, clerkEmail+" is a manager now.")
		b.written(t, "staff "+ownerEmail+" role_changed staff "+clerkEmail+" clerk → manager")

		want(t, theirs.get(ordersURL), 200)
		wantAway(t, owner.post(at+"/disable", nil), at)
		want(t, owner.get(at), 200, "Let in again", "Shut out since")
		wantAway(t, theirs.get(ordersURL), "/admin/login?next=%2Fadmin%2Forders")
		want(t, b.browser().login(clerkEmail, password), 422, "do not belong together")
		wantAway(t, owner.post(at+"/enable", nil), at)
		want(t, b.browser().login(clerkEmail, password), 303)

		second := b.staff(t, "second@shop.test", models.RoleOwner)
		wantAway(t, owner.post(memberURL(b.owner)+"/disable", nil), "/admin/login?signed_out=1") // oneself, with another owner there
		wantAway(t, owner.get(ordersURL), "/admin/login?next=%2Fadmin%2Forders")
		if b.person(t, second.Email).DisabledAt != nil {
			t.Error("the wrong owner is shut out")
		}
	})
}

var linkIn = regexp.MustCompile(`http://shop\.test(/admin/invitations/[A-Za-z0-9_-]{43})`)

func TestInvitation(t *testing.T) {
	const good = "three-kererū-in-a-rimu"
	each(t, func(t *testing.T, b *bench) {
		owner := b.signedIn(t, ownerEmail)
		people := b.count(t, "staff")
		for _, tt := range []struct{ email, role, says string }{
			{"", "clerk", "Type an e-mail address"},
			{"nobody", "clerk", "Type an e-mail address"},
			{"Ann <ann@shop.test>", "clerk", "Type an e-mail address"},
			{"ann@shop.test", "king", "Choose a role"},
			{strings.ToUpper(viewerEmail), "clerk", "is on the staff already"},
		} {
			want(t, owner.post(staffURL+"/invitations", url.Values{"email": {tt.email}, "role": {tt.role}}), 422, tt.says)
		}
		if b.count(t, "invitations") != 0 {
			t.Fatal("a refusal wrote an invitation")
		}
		got := owner.post(staffURL+"/invitations", url.Values{"email": {"Nia@shop.test"}, "role": {"clerk"}})
		want(t, got, 200, "Hand over this link", "no mail is sent", "nia@shop.test")
		link := linkIn.FindStringSubmatch(got.Body.String())[1]
		b.written(t, "staff "+ownerEmail+" staff_invited staff nia@shop.test clerk")
		lacks(t, owner.get(staffURL), link)
		if b.count(t, "invitations WHERE digest = '"+strings.TrimPrefix(link, invitationURL)+"'") != 0 || strings.Contains(b.log.String(), link) {
			t.Error("the token is kept")
		}

		guest := b.browser()
		want(t, guest.get(link), 200, "nia@shop.test", "a clerk", "Your name")
		want(t, guest.get(link), 200) // looking uses nothing up
		for _, tt := range []struct{ name, password, repeat, says string }{
			{"Nia", "short", "short", "needs at least 12"},
			{"Nia", "password1234", "password1234", "everybody would guess it"},
			{"Nia", good, good + "x", "The second time it was another one"},
			{strings.Repeat("n", 81), good, good, "too long for a name"},
		} {
			got := guest.post(link, url.Values{"name": {tt.name}, "new_password": {tt.password}, "repeat_password": {tt.repeat}})
			want(t, got, 422, tt.says, tt.name)
			lacks(t, got, good)
		}
		if b.count(t, "staff") != people || len(guest.cookies) != 0 {
			t.Fatal("a refusal made a member")
		}
		wantAway(t, guest.post(link, url.Values{"name": {" Nia  Tūī "}, "new_password": {good}, "repeat_password": {good}}), overviewURL)
		want(t, guest.get(ordersURL), 200, "Welcome. You are on the staff", "nia@shop.test")
		if nia := b.person(t, "nia@shop.test"); nia.Name != "Nia Tūī" || nia.Role != models.RoleClerk {
			t.Errorf("%+v", nia)
		}
		want(t, b.browser().login("nia@shop.test", good), 303)
		for _, w := range []*browser{b.browser(), guest} { // it counts once
			want(t, w.get(link), 404, "This invitation is over")
			want(t, w.post(link, url.Values{"new_password": {good}, "repeat_password": {good}}), 404, "This invitation is over")
		}

		got = owner.post(staffURL+"/invitations", url.Values{"email": {"pip@shop.test"}, "role": {"viewer"}})
		link = linkIn.FindStringSubmatch(got.Body.String())[1]
		revoke := regexp.MustCompile(`/admin/staff/invitations/\d+/revoke`).FindString(owner.get(staffURL).Body.String())
		wantAway(t, owner.post(revoke, nil), staffURL)
		want(t, b.browser().get(link), 404, "This invitation is over")
		want(t, b.browser().get(invitationURL+newToken()), 404)
	})
}

// enrol turns somebody's second factor on and returns its secret, and the
// recovery codes. The clock has passed the code that showed it.
func (b *bench) enrol(t *testing.T, w *browser) (secret string, codes []string) {
	t.Helper()
	wantAway(t, w.post(factorURL, nil), factorURL)
	got := w.get(factorURL)
	want(t, got, 200, "<svg", "Key")
	secret = strings.ReplaceAll(regexp.MustCompile(`data-testid="secret">([A-Z2-7 ]+)<`).FindStringSubmatch(got.Body.String())[1], " ", "")
	lacks(t, got, "data:image", "style=")
	got = w.post(factorURL+"/confirm", url.Values{"code": {b.codeAt(t, secret, 0)}})
	want(t, got, 200, "They are shown this once.")
	for _, m := range regexp.MustCompile(`<li>([A-Z2-7]{4}-[A-Z2-7]{4}-[A-Z2-7]{4})</li>`).FindAllStringSubmatch(got.Body.String(), -1) {
		codes = append(codes, m[1])
	}
	if len(codes) != recoveryCodes {
		t.Fatalf("%d recovery codes", len(codes))
	}
	b.Clock.Pass(codeEvery)
	return secret, codes
}

// codeAt is what an app shows that is some steps off our clock. It is another
// library than ours that says so, where the library goes.
func (b *bench) codeAt(t *testing.T, secret string, steps int) string {
	t.Helper()
	text, err := totp.GenerateCode(secret, b.Clock.Now().Add(time.Duration(steps)*codeEvery))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestSecondFactor(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		w := b.signedIn(t, ownerEmail)
		wantAway(t, w.get(factorURL), accountURL) // nothing was begun
		wantAway(t, w.post(factorURL, nil), factorURL)
		want(t, w.post(factorURL+"/confirm", url.Values{"code": {"000000x"}}), 422, "That code is not right")
		want(t, b.browser().login(ownerEmail, password), 303) // it does not count yet
		if b.person(t, ownerEmail).SecondFactor() {
			t.Fatal("it counts without a code")
		}
		before := b.signedIn(t, ownerEmail)
		secret, codes := b.enrol(t, w)
		wantAway(t, before.get(ordersURL), "/admin/login?next=%2Fadmin%2Forders") // it was begun with a password alone
		b.written(t, "staff "+ownerEmail+" second_factor_on staff "+ownerEmail)
		stored := string(b.person(t, ownerEmail).TOTPSecret)
		if strings.Contains(stored, secret) || b.count(t, "recovery_codes WHERE digest = '"+strings.ReplaceAll(codes[0], "-", "")+"'") != 0 {
			t.Error("the database can be read")
		}
		lacks(t, w.get(accountURL), secret, codes[0])
		want(t, w.get(accountURL), 200, "10 recovery codes are left.")
		want(t, w.post(factorURL, nil), 409, "on already")
		want(t, w.post(factorURL+"/confirm", url.Values{"code": {b.codeAt(t, secret, 0)}}), 409)

		half := b.browser()
		wantAway(t, half.post("/admin/login", url.Values{"email": {ownerEmail}, "password": {password}, "next": {"/admin/inbox"}}), codeURL)
		wantAway(t, half.get(ordersURL), "/admin/login?next=%2Fadmin%2Forders") // not signed in
		want(t, half.get(codeURL), 200, "Your code")
		signed := b.count(t, "audit WHERE action = 'signed_in'")
		for _, wrong := range []string{"", "000000x", b.codeAt(t, secret, -3), b.codeAt(t, secret, 3)} {
			want(t, half.post(codeURL, url.Values{"code": {wrong}}), 422, "That code is not right")
		}
		b.written(t, "nobody sign_in_failed staff "+ownerEmail+" a wrong code")
		if b.count(t, "audit WHERE action = 'signed_in'") != signed {
			t.Error("a wrong code signed in")
		}
		wantAway(t, half.post(codeURL, url.Values{"code": {" " + b.codeAt(t, secret, 1)[:3] + " " + b.codeAt(t, secret, 1)[3:]}}), "/admin/inbox") // a clock that is ahead
		want(t, half.get(ordersURL), 200)
		b.written(t, "staff "+ownerEmail+" signed_in staff "+ownerEmail+" with a password and a code")

		in := func(code string) *httptest.ResponseRecorder {
			t.Helper()
			w := b.browser()
			wantAway(t, w.login(ownerEmail, password), codeURL)
			return w.post(codeURL, url.Values{"code": {code}})
		}
		want(t, in(b.codeAt(t, secret, 1)), 422) // a code counts once
		want(t, in(b.codeAt(t, secret, 0)), 422) // nor does an older one
		b.Clock.Pass(2 * codeEvery)
		want(t, in(b.codeAt(t, secret, 0)), 303)
		want(t, in(strings.ToLower(codes[3])), 303)
		b.written(t, "staff "+ownerEmail+" signed_in staff "+ownerEmail+" with a password and a recovery code")
		want(t, in(codes[3]), 422)
		want(t, w.get(accountURL), 200, "9 recovery codes are left.")

		late := b.browser()
		wantAway(t, late.login(ownerEmail, password), codeURL)
		b.Clock.Pass(halfLife)
		wantAway(t, late.post(codeURL, url.Values{"code": {b.codeAt(t, secret, 0)}}), "/admin/login?late=1")
		want(t, late.get("/admin/login?late=1"), 200, "That took too long.")
		wantAway(t, b.browser().post(codeURL, url.Values{"code": {b.codeAt(t, secret, 0)}}), "/admin/login?late=1")
		wantAway(t, b.browser().get(codeURL), "/admin/login")

		b.Clock.Pass(triesWindow)
		form := func(pass, code string) url.Values { return url.Values{"password": {pass}, "code": {code}} }
		want(t, w.post(factorURL+"/codes", form("not mine", b.codeAt(t, secret, 0))), 422, "That is not your password")
		want(t, w.post(factorURL+"/off", form(password, "")), 422, "That code is not right")
		if !b.person(t, ownerEmail).SecondFactor() {
			t.Fatal("off without a code")
		}
		want(t, w.post(factorURL+"/codes", form(password, b.codeAt(t, secret, 0))), 200, "They are shown this once.")
		b.written(t, "staff "+ownerEmail+" recovery_codes_renewed staff "+ownerEmail)
		want(t, in(codes[4]), 422) // those from before
		b.Clock.Pass(codeEvery)
		wantAway(t, w.post(factorURL+"/off", form(password, b.codeAt(t, secret, 0))), accountURL)
		b.written(t, "staff "+ownerEmail+" second_factor_off staff "+ownerEmail)
		wantAway(t, b.browser().login(ownerEmail, password), overviewURL)
		want(t, w.post(factorURL+"/off", form(password, "123456")), 409, "is off")
		want(t, w.post(factorURL+"/codes", form(password, "123456")), 409, "is off")
		if log := b.log.String(); strings.Contains(log, secret) || strings.Contains(log, codes[0]) || strings.Contains(log, "shop.test") {
			t.Error("the log says too much")
		}
	})
}

// Tries of codes are counted for all browsers together, and the right one counts
// no more after them until the time is over.
func TestSecondFactor_Limit(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		secret, codes := b.enrol(t, b.signedIn(t, ownerEmail))
		b.Clock.Pass(triesLeft(b.Clock.Now()))
		w := b.browser()
		wantAway(t, w.login(ownerEmail, password), codeURL)
		for range triesPerProof {
			want(t, w.post(codeURL, url.Values{"code": {"not it"}}), 422)
		}
		other := b.browser()
		wantAway(t, other.login(ownerEmail, password), codeURL)
		for _, w := range []*browser{w, other} {
			for _, right := range []string{b.codeAt(t, secret, 0), codes[0]} {
				got := w.post(codeURL, url.Values{"code": {right}})
				want(t, got, http.StatusTooManyRequests, "There were too many tries.")
				if got.Header().Get("Retry-After") == "" {
					t.Error("does not say when")
				}
			}
			wantAway(t, w.get(ordersURL), "/admin/login?next=%2Fadmin%2Forders")
		}
		b.Clock.Pass(triesWindow)
		wantAway(t, other.login(ownerEmail, password), codeURL)
		want(t, other.post(codeURL, url.Values{"code": {b.codeAt(t, secret, 0)}}), 303)
	})
}

// Twenty browsers with the password and one code: one comes in.
func TestSecondFactor_Once(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		secret, _ := b.enrol(t, b.signedIn(t, ownerEmail))
		me := b.person(t, ownerEmail)
		var all []*browser
		for range 20 {
			w := b.browser()
			out := httptest.NewRecorder()
			in := models.SignIn{StaffID: me.ID, Hash: me.PasswordHash, Half: true}
			begin := func(in models.SignIn) error { return b.pages.Sessions.rows.Begin(t.Context(), in) }
			if err := b.pages.Sessions.open(httptest.NewRequest(http.MethodPost, "http://shop.test/admin/login", nil), out, in, data{}, begin); err != nil {
				t.Fatal(err)
			}
			for _, c := range out.Result().Cookies() {
				w.cookies[c.Name] = c.Value
			}
			all = append(all, w)
		}
		code, before := b.codeAt(t, secret, 0), b.count(t, "audit WHERE action = 'signed_in'")
		var done sync.WaitGroup
		for _, w := range all {
			done.Go(func() { w.post(codeURL, url.Values{"code": {code}}) })
		}
		done.Wait()
		in := 0
		for _, w := range all {
			if w.get(ordersURL).Code == 200 {
				in++
			}
		}
		if signed := b.count(t, "audit WHERE action = 'signed_in'") - before; in != 1 || signed != 1 {
			t.Errorf("%d are in, %d lines say so", in, signed)
		}
	})
}

// An owner turns off what somebody has lost; nobody else does.
func TestSecondFactor_Reset(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		clerk := b.staff(t, clerkEmail, models.RoleClerk)
		theirs := b.signedIn(t, clerkEmail)
		b.enrol(t, theirs)
		owner := b.signedIn(t, ownerEmail)
		want(t, owner.get(memberURL(clerk)), 200, "Turn off their second factor")
		wantAway(t, owner.post(memberURL(clerk)+"/reset", nil), memberURL(clerk))
		b.written(t, "staff "+ownerEmail+" second_factor_reset staff "+clerkEmail)
		wantAway(t, theirs.get(ordersURL), "/admin/login?next=%2Fadmin%2Forders")
		wantAway(t, b.browser().login(clerkEmail, password), overviewURL)
	})
}

func TestAccount(t *testing.T) {
	const good = "three-kererū-in-a-rimu"
	each(t, func(t *testing.T, b *bench) {
		w, other, third := b.signedIn(t, ownerEmail), b.signedIn(t, ownerEmail), b.signedIn(t, ownerEmail)
		want(t, w.get(accountURL), 200, "Your account", "Firefox on Linux", "192.0.2.1", "This one", "End all others")
		wantAway(t, w.post(accountURL+"/name", url.Values{"name": {" Olive  Oyl "}}), accountURL)
		want(t, w.get(accountURL), 200, "Olive Oyl", "Your name is saved.")
		b.written(t, "staff "+ownerEmail+" name_changed staff "+ownerEmail)
		want(t, w.post(accountURL+"/name", url.Values{"name": {strings.Repeat("o", 81)}}), 422, "too long for a name")

		end := hiddenIn(t, w.get(accountURL), accountURL+"/sessions/end")
		if id := end.Get("session"); id != digest(other.cookies["till-staff"]) && id != digest(third.cookies["till-staff"]) {
			t.Fatal("another session is offered", id)
		}
		want(t, w.post(accountURL+"/sessions/end", url.Values{"session": {digest(w.cookies["till-staff"])}}), 409, "Sign out to end it")
		theirs := b.signedIn(t, viewerEmail)
		wantAway(t, w.post(accountURL+"/sessions/end", url.Values{"session": {digest(theirs.cookies["till-staff"])}}), accountURL)
		want(t, theirs.get(ordersURL), 200) // not hers to end
		wantAway(t, w.post(accountURL+"/sessions/end", url.Values{"session": {digest(other.cookies["till-staff"])}}), accountURL)
		wantAway(t, other.get(ordersURL), "/admin/login?next=%2Fadmin%2Forders")
		want(t, third.get(ordersURL), 200)
		wantAway(t, w.post(accountURL+"/sessions/end-others", nil), accountURL)
		wantAway(t, third.get(ordersURL), "/admin/login?next=%2Fadmin%2Forders")
		want(t, w.get(ordersURL), 200)

		other = b.signedIn(t, ownerEmail)
		before := b.person(t, ownerEmail).PasswordHash
		form := func(old, first, second string) url.Values {
			return url.Values{"old_password": {old}, "new_password": {first}, "repeat_password": {second}}
		}
		for _, tt := range []struct {
			form url.Values
			says string
		}{
			{form("not mine at all", good, good), "That is not your password"},
			{form(password, "short", "short"), "needs at least 12"},
			{form(password, good, good+"x"), "The second time it was another one"},
			{form(password, ownerEmail, ownerEmail), "it is your own address"},
		} {
			got := w.post(accountURL+"/password", tt.form)
			want(t, got, 422, tt.says)
			lacks(t, got, good, password)
		}
		want(t, other.get(ordersURL), 200)
		wantAway(t, w.post(accountURL+"/password", form(password, good, good)), accountURL)
		want(t, w.get(accountURL), 200, "signed out everywhere else")
		wantAway(t, other.get(ordersURL), "/admin/login?next=%2Fadmin%2Forders")
		if b.person(t, ownerEmail).PasswordHash == before {
			t.Error("the password is as it was")
		}
		want(t, b.browser().login(ownerEmail, password), 422)
		b.written(t, "nobody sign_in_failed staff "+ownerEmail+" a wrong password")
		want(t, b.browser().login(ownerEmail, good), 303)
		for range triesPerProof {
			want(t, w.post(accountURL+"/password", form("not mine at all", good, good)), 422)
		}
		want(t, w.post(accountURL+"/password", form(good, password, password)), 429, "There were too many tries.")
	})
}

func TestAgent(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		"": "An unknown browser",
		"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                                  "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0":           "Edge on Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1": "Safari on iPhone",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36":                   "Chrome on macOS",
		"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36":                         "Chrome on Android",
		"curl/8.5.0": "curl",
	} {
		if got := agent(header); got != want {
			t.Errorf("%q is %q, want %q", header, got, want)
		}
	}
}

func TestLogin_Audited(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		const mistake = "my secret word"
		want(t, b.browser().login(mistake, password), 422)
		b.written(t, "nobody sign_in_failed  an address that nobody here has")
		w := b.browser()
		want(t, w.login(ownerEmail, password), 303)
		b.written(t, "staff "+ownerEmail+" signed_in staff "+ownerEmail+" with a password")
		want(t, w.post("/admin/logout", nil), 303)
		b.written(t, "staff "+ownerEmail+" signed_out staff "+ownerEmail)
		for _, line := range b.lines(t) {
			if strings.Contains(line, mistake) || strings.Contains(line, digest(mistake)) || strings.Contains(line, password) {
				t.Errorf("kept: %s", line)
			}
		}
	})
}

func TestAuditRoom(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		ctx, all := t.Context(), models.NewAudits(b.DB)
		add := func(actor, action, subject, detail string) {
			t.Helper()
			if err := all.Add(ctx, models.Audit{Actor: actor, Action: action, Subject: subject, Detail: detail}); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 120 {
			add(models.StaffActor(clerkEmail), models.ActionNameChanged, "order "+strconv.Itoa(1001+i%3), "n"+strconv.Itoa(i))
		}
		b.Clock.Pass(48 * time.Hour)
		add(models.StaffActor(managerEmail), models.ActionRoleChanged, models.StaffSubject(clerkEmail), `=HYPERLINK("x")`)
		w := b.signedIn(t, ownerEmail)
		got := w.get("/admin/audit")
		want(t, got, 200, "Signed in", "Changed a role", managerEmail, "Older")
		if n := strings.Count(got.Body.String(), `data-testid="line"`); n != linesPerPage {
			t.Errorf("%d lines", n)
		}
		pages, seen := 1, strings.Count(got.Body.String(), `data-testid="line"`)
		for {
			m := regexp.MustCompile(`rel="next" href="([^"]+)"`).FindStringSubmatch(got.Body.String())
			if m == nil {
				break
			}
			got = w.get(strings.ReplaceAll(m[1], "&amp;", "&"))
			want(t, got, 200)
			pages++
			seen += strings.Count(got.Body.String(), `data-testid="line"`)
		}
		if seen != b.count(t, "audit") || pages != 3 {
			t.Errorf("%d lines on %d pages, there are %d", seen, pages, b.count(t, "audit"))
		}
		for pages > 1 { // and back
			m := regexp.MustCompile(`rel="prev" href="([^"]+)"`).FindStringSubmatch(got.Body.String())
			if m == nil {
				t.Fatal("no way back")
			}
			got = w.get(strings.ReplaceAll(m[1], "&amp;", "&"))
			pages--
		}
		want(t, got, 200, "Signed in")
		for q, lines := range map[string]int{
			"actor=" + managerEmail: 1, "action=role_changed": 1, "subject=1001": 40, "subject=" + clerkEmail: 1, "from=2026-03-09": 2, "to=2026-03-08&actor=" + clerkEmail: 50,
			"actor=" + managerEmail + "&action=signed_in": 0, "before=999999": 50, "after=x": 50, "actor=nobody": 0,
		} {
			got := w.get("/admin/audit?" + q)
			want(t, got, 200)
			if n := strings.Count(got.Body.String(), `data-testid="line"`); n != lines {
				t.Errorf("%s: %d lines, want %d", q, n, lines)
			}
		}
		want(t, w.get("/admin/audit?from=yesterday"), 200, "Type a day")

		want(t, b.signedIn(t, viewerEmail).get("/admin/audit"), 403, "Whoever reads what staff did needs the role manager or owner")
		before := b.count(t, "audit")
		want(t, w.post("/admin/audit/export", url.Values{"from": {"x"}}), 422, "Type a day")
		if b.count(t, "audit") != before {
			t.Error("a refused export is written down")
		}
		got = w.post("/admin/audit/export", url.Values{"actor": {managerEmail}})
		want(t, got, 200)
		if file := got.Body.String(); !strings.HasPrefix(file, "time,actor,action,subject,detail\n2026-03-09T01:00:00+13:00,staff "+managerEmail+",role_changed,staff "+clerkEmail+",\"'=HYPERLINK(\"\"x\"\")\"\n") || strings.Count(file, "\n") != 2 {
			t.Errorf("%q", file)
		}
		b.written(t, "staff "+ownerEmail+" audit_exported audit actor "+managerEmail)
		if file := w.post("/admin/audit/export", nil).Body.String(); strings.Count(file, "\n") != b.count(t, "audit")+1 {
			t.Errorf("the file of all has %d lines, there are %d", strings.Count(file, "\n"), b.count(t, "audit"))
		}
	})
}
