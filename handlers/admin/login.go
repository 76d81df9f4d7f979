package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"till/handlers/web"
	"till/models"

	"github.com/gin-gonic/gin"

	page "till/views/admin"
)

const (
	// triesPerEmail and triesPerHost are how often a password may be tried
	// within triesWindow, by all processes together.
	triesPerEmail = 5
	triesPerHost  = 20
	triesWindow   = 15 * time.Minute
)

const memberKey = "staff"

// member is who is signed in, behind Guard; elsewhere it is nobody, with ID 0.
func member(c *gin.Context) models.Staff {
	me, _ := c.Value(memberKey).(models.Staff)
	return me
}

// Guard lets staff in, and sends everybody else to the login. A POST goes there
// too, and nothing is done.
func (h Pages) Guard() gin.HandlerFunc {
	room := web.Room{Log: h.Log, Problem: h.Problem}
	return func(c *gin.Context) {
		me, err := h.signedIn(c)
		switch {
		case errors.Is(err, errSignedOut):
			c.Abort()
			if err := h.askLogin(c); err != nil {
				room.Fail(c, err)
			}
		case err != nil:
			room.Fail(c, err)
		default:
			c.Set(memberKey, me)
		}
	}
}

// signedIn is who is signed in, or errSignedOut. That they were seen is kept
// where the database can; where it can only be read, they may still look.
func (h Pages) signedIn(c *gin.Context) (models.Staff, error) {
	now := h.Payments.Now()
	sess, l, err := h.Sessions.current(c.Request, now)
	if err != nil {
		return models.Staff{}, err
	}
	me, err := h.Staff.ByID(c.Request.Context(), l.StaffID)
	if errors.Is(err, models.ErrNotFound) || err == nil && me.DisabledAt != nil {
		return models.Staff{}, errSignedOut
	}
	if err != nil {
		return me, err
	}
	err = h.Sessions.prolong(c.Request, c.Writer, sess, now)
	if errors.Is(err, models.ErrUnavailable) {
		h.Log.WarnContext(c.Request.Context(), "session not prolonged", "staff_id", me.ID, "err", err)
		return me, nil
	}
	return me, err
}

// askLogin is the answer to who is not signed in: nothing is done. What was
// typed into a form waits on the page of the login, under a seal.
func (h Pages) askLogin(c *gin.Context) error {
	if c.Request.Method != http.MethodPost || c.FullPath() == logoutURL {
		h.toLogin(c)
		return nil
	}
	kept, err := h.keep(c)
	if err != nil {
		return err
	}
	if kept == "" {
		h.toLogin(c)
		return nil
	}
	p := page.LoginPage{Frame: h.outside(), Next: destination(h.Drafts.page(c)), Draft: kept, Problem: page.LoginUnsent}
	return web.Render(c, http.StatusUnauthorized, page.Login(p))
}

// toLogin sends a browser to the login, and from there back to where it was
// going. What was to be done is not: from there it goes to the page it was on.
func (h Pages) toLogin(c *gin.Context) {
	next := c.Request.URL.RequestURI()
	if c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead {
		if next = h.Drafts.page(c); c.FullPath() == logoutURL {
			next = ""
		}
	}
	to := loginURL
	if next = destination(next); next != "" {
		to += "?" + url.Values{"next": {next}}.Encode()
	}
	c.Redirect(http.StatusSeeOther, to)
}

// orLogin turns "no longer signed in" into the way to the login.
func (h Pages) orLogin(c *gin.Context, err error) error {
	if errors.Is(err, errSignedOut) {
		h.toLogin(c)
		return nil
	}
	return err
}

// destination is a page of the dashboard that a login may lead to, or "" when
// the address is another site's, another room's, or the login's own.
func destination(raw string) string {
	const maxLength = 1000
	if len(raw) > maxLength || strings.ContainsAny(raw, "\\") {
		return ""
	}
	u, err := url.Parse(raw)
	if err != nil || u.IsAbs() || u.Host != "" || u.User != nil || u.Opaque != "" {
		return ""
	}
	if u.Path != "/admin" && !strings.HasPrefix(u.Path, "/admin/") || path.Clean(u.Path) != u.Path {
		return ""
	}
	if strings.ContainsAny(u.Path, "\\\r\n") || u.Path == loginURL || u.Path == codeURL || u.Path == logoutURL {
		return ""
	}
	return u.RequestURI()
}

// LoginForm is GET /admin/login.
func (h Pages) LoginForm(c *gin.Context) error {
	p := page.LoginPage{Frame: h.outside(), Next: destination(c.Query("next"))}
	_, err := h.signedIn(c)
	switch {
	case err == nil:
		c.Redirect(http.StatusSeeOther, cmp.Or(p.Next, overviewURL))
		return nil
	case !errors.Is(err, errSignedOut):
		return err
	}
	_, err = h.Sessions.halfOpen(c.Request)
	switch {
	case c.Query("signed_out") != "":
		p.Problem = page.LoginSignedOut
	case c.Query("late") != "":
		p.Problem = page.LoginLate
	case errors.Is(err, errSignedOut) && h.Sessions.brought(c.Request):
		p.Problem = page.LoginExpired
	}
	return web.Render(c, http.StatusOK, page.Login(p))
}

// Login is POST /admin/login. Tries are counted before the password is looked
// at, and an unknown address takes as long, and is told the same, as a wrong
// password. Who has a second factor is asked for it next, and is not signed in
// until then.
func (h Pages) Login(c *gin.Context) error {
	form, err := wideForm(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	kept := h.unseal(form.Get("draft"))
	p := page.LoginPage{Frame: h.outside(), Email: form.Get("email"), Next: destination(form.Get("next"))}
	if kept != nil {
		p.Draft = form.Get("draft")
	}
	email := strings.ToLower(strings.TrimSpace(p.Email))
	may, err := h.mayTry(ctx, c.ClientIP(), email)
	if err != nil {
		return err
	}
	if !may {
		h.Log.WarnContext(ctx, "login refused", "reason", "too many tries", "request_id", web.RequestID(c))
		p.Problem, p.Wait = page.LoginTooMany, h.wait(c)
		return web.Render(c, http.StatusTooManyRequests, page.Login(p))
	}
	me, ok, err := h.authenticate(ctx, email, form.Get("password"))
	if err != nil {
		return err
	}
	if ok {
		err = errors.Join(h.Throttles.Clear(ctx, emailKey(email)), h.Throttles.GiveBack(ctx, hostKey(c.ClientIP()))) // a whole staff may be behind one address
		if err != nil {
			return err
		}
		if !kept.fresh(me.ID, h.Payments.Now()) {
			kept = nil
		}
		err = h.enter(c, me, data{Draft: kept, Next: p.Next}, models.Proof{})
	}
	switch {
	case !ok || errors.Is(err, models.ErrStale): // whoever was disabled, or has another password, since it was looked up
		h.Log.WarnContext(ctx, "login refused", "reason", "wrong", "request_id", web.RequestID(c))
		if err := h.refusedLogin(ctx, me, "a wrong password"); err != nil {
			return err
		}
		p.Problem = page.LoginWrong
		return web.Render(c, http.StatusUnprocessableEntity, page.Login(p))
	default:
		return err
	}
}

// enter opens a session for who has shown who they are, and sends them on: to
// the second factor when that is missing.
func (h Pages) enter(c *gin.Context, me models.Staff, keep data, proof models.Proof) error {
	in := models.SignIn{
		StaffID: me.ID, Hash: me.PasswordHash, Proof: proof, Half: me.SecondFactor() && proof == models.Proof{},
		Agent: agent(c.Request.UserAgent()), Address: c.ClientIP(),
	}
	to := cmp.Or(keep.Next, overviewURL)
	if in.Half {
		to = codeURL
	} else {
		keep.Next = ""
	}
	begin := func(in models.SignIn) error { return h.Sessions.rows.Begin(c.Request.Context(), in) }
	err := h.Sessions.open(c.Request, c.Writer, in, keep, begin)
	if errors.Is(err, models.ErrSecondFactor) && !proof.Given() { // it was turned on a moment ago
		return fmt.Errorf("%w: %w", models.ErrStale, err)
	}
	if err != nil {
		return err
	}
	if !in.Half {
		h.Log.InfoContext(c.Request.Context(), "staff signed in", "staff_id", me.ID, "role", me.Role)
	}
	c.Redirect(http.StatusSeeOther, to)
	return nil
}

// refusedLogin writes down that somebody did not get in. It costs the same for
// an address that nobody has, of which nothing is kept: people type passwords
// into the wrong box.
func (h Pages) refusedLogin(ctx context.Context, me models.Staff, why string) error {
	line := models.Audit{Actor: models.ActorNobody, Action: models.ActionSignInFailed, Detail: "an address that nobody here has"}
	if me.ID != 0 {
		line.Subject, line.Detail = models.StaffSubject(me.Email), why
	}
	return models.NewAudits(h.DB).Add(ctx, line)
}

// wait says how long until another try, in a header and as people say it.
func (h Pages) wait(c *gin.Context) string {
	left := triesLeft(h.Payments.Now())
	c.Header("Retry-After", strconv.Itoa(int((left+time.Second-1)/time.Second)))
	return minutes(left)
}

// LoginCode is GET /admin/login/code: asks for the second factor.
func (h Pages) LoginCode(c *gin.Context) error {
	_, err := h.Sessions.halfOpen(c.Request)
	if errors.Is(err, errSignedOut) {
		c.Redirect(http.StatusSeeOther, loginURL)
		return nil
	}
	if err != nil {
		return err
	}
	return web.Render(c, http.StatusOK, page.LoginCode(page.LoginCodePage{Frame: h.outside()}))
}

// CheckCode is POST /admin/login/code: signs in who shows their second factor.
func (h Pages) CheckCode(c *gin.Context) error {
	form, err := readForm(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	l, err := h.Sessions.halfOpen(c.Request)
	if errors.Is(err, errSignedOut) {
		c.Redirect(http.StatusSeeOther, loginURL+"?late=1")
		return nil
	}
	if err != nil {
		return err
	}
	p := page.LoginCodePage{Frame: h.outside()}
	me, err := h.Staff.ByID(ctx, l.StaffID)
	if err != nil {
		return err
	}
	if may, err := h.mayProve(ctx, me); err != nil {
		return err
	} else if !may {
		h.Log.WarnContext(ctx, "login refused", "reason", "too many codes", "staff_id", me.ID)
		p.Problem = "There were too many tries. Wait " + h.wait(c) + ", then try again."
		return web.Render(c, http.StatusTooManyRequests, page.LoginCode(p))
	}
	proof, err := h.proof(me, form.Get("code"))
	if err == nil {
		err = h.enter(c, me, l.data, proof)
	}
	switch {
	case errors.Is(err, models.ErrSecondFactor):
		h.Log.WarnContext(ctx, "login refused", "reason", "wrong code", "staff_id", me.ID)
		if err := h.refusedLogin(ctx, me, "a wrong code"); err != nil {
			return err
		}
		p.Problem = wrongCode
		return web.Render(c, http.StatusUnprocessableEntity, page.LoginCode(p))
	case errors.Is(err, models.ErrNotFound), errors.Is(err, models.ErrStale): // the half-open session, or whoever it is of
		c.Redirect(http.StatusSeeOther, loginURL+"?late=1")
		return nil
	case err != nil:
		return err
	}
	h.proved(ctx, me)
	return nil
}

// mayTry counts one try and reports whether it may be made. A host that is over
// its bound no longer counts against anybody's address.
func (h Pages) mayTry(ctx context.Context, ip, email string) (bool, error) {
	left := triesLeft(h.Payments.Now())
	ok, err := h.Throttles.Take(ctx, triesPerHost, left, hostKey(ip))
	if err != nil || !ok {
		return false, err
	}
	return h.Throttles.Take(ctx, triesPerEmail, left, emailKey(email))
}

// triesLeft is how long until tries are counted anew: at the same moments for
// everybody, so that whoever is refused can be told how long that is.
func triesLeft(now time.Time) time.Duration {
	return now.Truncate(triesWindow).Add(triesWindow).Sub(now)
}

// minutes is how long to wait, as people say it, and never less than it is.
func minutes(d time.Duration) string {
	if n := int((d + time.Minute - 1) / time.Minute); n > 1 {
		return strconv.Itoa(n) + " minutes"
	}
	return "a minute"
}

// emailKey is a digest because people type passwords into the wrong box.
func emailKey(email string) string { return "login email " + digest(email) }

// hostKey counts an IPv6 host by its network: it has more addresses than tries.
func hostKey(ip string) string {
	if addr, err := netip.ParseAddr(ip); err == nil && addr.Unmap().Is6() {
		if network, err := addr.WithZone("").Prefix(64); err == nil {
			ip = network.String()
		}
	}
	return "login host " + ip
}

// authenticate checks a password. It costs the same for an address that nobody
// has, so that an answer's time does not say who works here.
func (h Pages) authenticate(ctx context.Context, email, password string) (me models.Staff, ok bool, err error) {
	stored, known := decoy(), false
	if storable(email) {
		me, err = h.Staff.ByEmail(ctx, email)
		switch {
		case err == nil:
			stored, known = h.stored(ctx, me)
		case !errors.Is(err, models.ErrNotFound):
			return me, false, err
		}
	}
	match, err := h.Sessions.checks.match(ctx, stored, password)
	return me, known && match && me.DisabledAt == nil, err
}

// stored is somebody's hash. One that cannot be read is nobody's, and a matter
// for whoever runs the shop.
func (h Pages) stored(ctx context.Context, me models.Staff) (one hash, known bool) {
	one, err := parseHash(me.PasswordHash)
	if err != nil {
		h.Log.ErrorContext(ctx, "password hash unreadable", "staff_id", me.ID, "err", err)
		return decoy(), false
	}
	return one, true
}

// storable reports whether a text could stand in a row at all: PostgreSQL
// refuses to look for one that could not.
func storable(s string) bool { return utf8.ValidString(s) && !strings.Contains(s, "\x00") }

// Logout is POST /admin/logout.
func (h Pages) Logout(c *gin.Context) error {
	if err := h.Sessions.end(c.Request, c.Writer, member(c)); err != nil {
		return err
	}
	h.Log.InfoContext(c.Request.Context(), "staff signed out", "staff_id", member(c).ID)
	c.Redirect(http.StatusSeeOther, loginURL+"?signed_out=1")
	return nil
}
