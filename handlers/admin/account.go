package admin

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"till/handlers/web"
	"till/models"

	"github.com/gin-gonic/gin"

	page "till/views/admin"
)

const wrongPassword = "That is not your password"

// Account is GET /admin/account: what somebody may change about themselves.
func (h Pages) Account(c *gin.Context) error {
	p, err := h.account(c)
	if err != nil {
		return err
	}
	if kept := h.draft(c, accountURL+"/name"); kept != nil {
		p.Name = kept.Get("name")
	}
	return h.showAccount(c, http.StatusOK, p)
}

// account is the page as things are now.
func (h Pages) account(c *gin.Context) (page.AccountPage, error) {
	ctx, k, me := c.Request.Context(), h.clock(), member(c)
	p := page.AccountPage{Email: me.Email, Role: string(me.Role), Name: me.Name, SecondFactor: k.maybe(me.TOTPAt)}
	here, err := h.Sessions.here(c.Request)
	if err != nil {
		return p, err
	}
	all, err := h.Sessions.rows.Of(ctx, me.ID)
	if err != nil {
		return p, err
	}
	for _, s := range all {
		p.Sessions = append(p.Sessions, page.SessionRow{
			ID: s.Digest, Agent: s.Agent, Address: s.Address, Since: k.at(s.CreatedAt), Seen: k.at(s.SeenAt), Here: s.Digest == here,
		})
	}
	if me.SecondFactor() {
		p.RecoveryLeft, err = h.Staff.RecoveryLeft(ctx, me.ID)
	}
	return p, err
}

func (h Pages) showAccount(c *gin.Context, status int, p page.AccountPage) error {
	var err error
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, status, page.Account(p))
}

// accountRefused answers with the account as it is now, and why nothing was done.
func (h Pages) accountRefused(c *gin.Context, why string) error {
	me, err := h.Staff.ByID(c.Request.Context(), member(c).ID)
	if err != nil {
		return err
	}
	c.Set(memberKey, me)
	p, err := h.account(c)
	if err != nil {
		return err
	}
	p.Refused = why
	return h.showAccount(c, http.StatusConflict, p)
}

// Rename is POST /admin/account/name.
func (h Pages) Rename(c *gin.Context) error {
	form, err := readForm(c)
	if err != nil {
		return err
	}
	name, problem := nameOf(form.Get("name"))
	if problem != "" {
		p, err := h.account(c)
		if err != nil {
			return err
		}
		p.Name, p.NameProblem = form.Get("name"), problem
		return h.showAccount(c, http.StatusUnprocessableEntity, p)
	}
	if err := h.Staff.Rename(c.Request.Context(), member(c).ID, name); err != nil {
		return err
	}
	return h.back(c, accountURL, answer{text: "Your name is saved."})
}

// nameOf is a name as it is kept, or what is wrong with it.
func nameOf(typed string) (name, problem string) {
	name = strings.Join(strings.Fields(typed), " ")
	if utf8.RuneCountInString(name) > page.MaxName {
		return "", "That is too long for a name"
	}
	return name, ""
}

// ChangePassword is POST /admin/account/password. All other sessions end.
func (h Pages) ChangePassword(c *gin.Context) error {
	form, err := readForm(c)
	if err != nil {
		return err
	}
	ctx, me := c.Request.Context(), member(c)
	if may, err := h.mayProve(ctx, me); err != nil {
		return err
	} else if !may {
		return h.passwordProblem(c, http.StatusTooManyRequests, page.PasswordProblems{Old: "There were too many tries. Wait " + h.wait(c) + ", then try again"})
	}
	right, err := h.knows(ctx, me, form.Get("old_password"))
	if err != nil {
		return err
	}
	problems := newPassword(form.Get("new_password"), form.Get("repeat_password"), me.Email)
	if !right {
		problems.Old = wrongPassword
	}
	if problems != (page.PasswordProblems{}) {
		return h.passwordProblem(c, http.StatusUnprocessableEntity, problems)
	}
	hash, err := h.hashed(ctx, form.Get("new_password"))
	if err != nil {
		return err
	}
	here, err := h.Sessions.here(c.Request)
	if err != nil {
		return err
	}
	err = h.Staff.ChangePassword(ctx, me.ID, me.PasswordHash, hash, here)
	if errors.Is(err, models.ErrStale) {
		return h.accountRefused(c, "Your password was changed meanwhile. Nothing was done now.")
	}
	if err != nil {
		return err
	}
	h.proved(ctx, me)
	return h.back(c, accountURL, answer{text: "Your password is changed, and you are signed out everywhere else."})
}

func (h Pages) passwordProblem(c *gin.Context, status int, problems page.PasswordProblems) error {
	p, err := h.account(c)
	if err != nil {
		return err
	}
	p.PasswordProblems = problems
	return h.showAccount(c, status, p)
}

// newPassword is what is wrong with a password that somebody chose.
func newPassword(password, repeat, email string) (problems page.PasswordProblems) {
	switch why := Poor(password, email); {
	case why != "":
		problems.New = "Choose another one: " + why
	case password != repeat:
		problems.Repeat = "The second time it was another one"
	}
	return problems
}

// hashed is HashPassword in a place where one is made: it takes memory.
func (h Pages) hashed(ctx context.Context, password string) (hash string, err error) {
	err = h.Sessions.checks.in(ctx, func() error {
		hash, err = HashPassword(password)
		return err
	})
	return hash, err
}

// EndSession is POST /admin/account/sessions/end.
func (h Pages) EndSession(c *gin.Context) error {
	form, err := readForm(c)
	if err != nil {
		return err
	}
	here, err := h.Sessions.here(c.Request)
	if err != nil {
		return err
	}
	if form.Get("session") == here {
		return h.accountRefused(c, "This is the session that you look from. Sign out to end it.")
	}
	if err := h.Sessions.rows.End(c.Request.Context(), form.Get("session"), member(c)); err != nil {
		return err
	}
	return h.back(c, accountURL, answer{text: "That session is ended."})
}

// EndOtherSessions is POST /admin/account/sessions/end-others.
func (h Pages) EndOtherSessions(c *gin.Context) error {
	here, err := h.Sessions.here(c.Request)
	if err != nil {
		return err
	}
	if _, err := h.Sessions.rows.EndOthers(c.Request.Context(), here, member(c)); err != nil {
		return err
	}
	return h.back(c, accountURL, answer{text: "You are signed out everywhere else."})
}

// agent is what a browser calls itself, made short: "Firefox on Linux".
func agent(header string) string {
	name := func(fallback string, all ...[2]string) string {
		for _, one := range all {
			if strings.Contains(header, one[0]) {
				return one[1]
			}
		}
		return fallback
	}
	browser := name("", // in this order: each claims to be those below it, too
		[2]string{"Edg", "Edge"}, [2]string{"OPR/", "Opera"}, [2]string{"SamsungBrowser", "Samsung Internet"}, [2]string{"Firefox/", "Firefox"}, [2]string{"FxiOS/", "Firefox"},
		[2]string{"CriOS/", "Chrome"}, [2]string{"Chrome/", "Chrome"}, [2]string{"Safari/", "Safari"}, [2]string{"curl/", "curl"})
	system := name("", [2]string{"iPhone", "iPhone"}, [2]string{"iPad", "iPad"}, [2]string{"Android", "Android"}, [2]string{"Windows", "Windows"},
		[2]string{"Mac OS X", "macOS"}, [2]string{"CrOS", "ChromeOS"}, [2]string{"Linux", "Linux"})
	switch {
	case browser != "" && system != "":
		return browser + " on " + system
	case browser != "" || system != "":
		return browser + system
	default:
		return "An unknown browser"
	}
}
