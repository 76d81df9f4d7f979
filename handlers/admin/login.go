package admin

import (
	"cmp"
	"context"
	"errors"
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
	triesWait     = "15 minutes"
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
			h.toLogin(c)
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
	if errors.Is(err, models.ErrNotFound) {
		return me, errSignedOut
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

// toLogin sends a browser to the login, and from there back to where it was
// going. What was to be done is not: from there it goes to the page it was on.
func (h Pages) toLogin(c *gin.Context) {
	next := c.Request.URL.RequestURI()
	if c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead {
		next = ""
		if number := c.Param("number"); number != "" {
			next = orderURL(number)
		} else if item := c.Param("item"); item != "" {
			next = inboxURL + "/" + url.PathEscape(item)
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
	if strings.ContainsAny(u.Path, "\\\r\n") || u.Path == loginURL || u.Path == "/admin/logout" {
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
		c.Redirect(http.StatusSeeOther, cmp.Or(p.Next, ordersURL))
		return nil
	case !errors.Is(err, errSignedOut):
		return err
	case c.Query("signed_out") != "":
		p.Problem = page.LoginSignedOut
	case h.Sessions.brought(c.Request):
		p.Problem = page.LoginExpired
	}
	return web.Render(c, http.StatusOK, page.Login(p))
}

// Login is POST /admin/login. Tries are counted before the password is looked
// at, and an unknown address takes as long, and is told the same, as a wrong
// password.
func (h Pages) Login(c *gin.Context) error {
	form, err := web.Form(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	p := page.LoginPage{Frame: h.outside(), Email: form.Get("email"), Next: destination(form.Get("next"))}
	email := strings.ToLower(strings.TrimSpace(p.Email))
	may, err := h.mayTry(ctx, c.ClientIP(), email)
	if err != nil {
		return err
	}
	if !may {
		h.Log.WarnContext(ctx, "login refused", "reason", "too many tries", "request_id", web.RequestID(c))
		c.Header("Retry-After", strconv.Itoa(int(triesWindow.Seconds())))
		p.Problem, p.Wait = page.LoginTooMany, triesWait
		return web.Render(c, http.StatusTooManyRequests, page.Login(p))
	}
	me, ok, err := h.authenticate(ctx, email, form.Get("password"))
	if err != nil {
		return err
	}
	if !ok {
		h.Log.WarnContext(ctx, "login refused", "reason", "wrong", "request_id", web.RequestID(c))
		p.Problem = page.LoginWrong
		return web.Render(c, http.StatusUnprocessableEntity, page.Login(p))
	}
	if err := h.Throttles.Clear(ctx, emailKey(email)); err != nil {
		return err
	}
	if err := h.Sessions.open(c.Request, c.Writer, me.ID); err != nil {
		return err
	}
	h.Log.InfoContext(ctx, "staff signed in", "staff_id", me.ID, "role", me.Role)
	c.Redirect(http.StatusSeeOther, cmp.Or(p.Next, ordersURL))
	return nil
}

// mayTry counts one try and reports whether it may be made. A host that is over
// its bound no longer counts against anybody's address.
func (h Pages) mayTry(ctx context.Context, ip, email string) (bool, error) {
	ok, err := h.Throttles.Take(ctx, triesPerHost, triesWindow, hostKey(ip))
	if err != nil || !ok {
		return false, err
	}
	return h.Throttles.Take(ctx, triesPerEmail, triesWindow, emailKey(email))
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
	return me, known && match, err
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
	if err := h.Sessions.end(c.Request, c.Writer); err != nil {
		return err
	}
	h.Log.InfoContext(c.Request.Context(), "staff signed out", "staff_id", member(c).ID)
	c.Redirect(http.StatusSeeOther, loginURL+"?signed_out=1")
	return nil
}
