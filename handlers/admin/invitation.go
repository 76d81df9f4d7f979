package admin

import (
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"till/handlers/web"
	"till/models"

	"github.com/gin-gonic/gin"

	page "till/views/admin"
)

// invitationURL is followed by the token of an invitation.
const invitationURL = "/admin/invitations/"

func inviteForm(email, role string) page.InviteForm {
	f := page.InviteForm{Email: email, Role: role}
	for _, r := range models.Roles() {
		f.Roles = append(f.Roles, string(r))
	}
	return f
}

// Invite is POST /admin/staff/invitations. The link is shown in the answer and
// nowhere else: only its digest is kept.
func (h Pages) Invite(c *gin.Context) error {
	if err := need(c, rightStaff); err != nil {
		return err
	}
	form, err := readForm(c)
	if err != nil {
		return err
	}
	f := inviteForm(form.Get("email"), form.Get("role"))
	email := strings.ToLower(strings.TrimSpace(f.Email))
	if !isAddress(email) {
		f.EmailProblem = "Type an e-mail address, such as ann@shop.example"
	}
	if !slices.Contains(models.Roles(), models.Role(f.Role)) {
		f.RoleProblem = "Choose a role"
	}
	if f.EmailProblem != "" || f.RoleProblem != "" {
		return h.inviteProblem(c, http.StatusUnprocessableEntity, f)
	}
	token := newToken()
	one, err := models.NewInvitations(h.DB).Create(c.Request.Context(), member(c).ID, digest(token), email, models.Role(f.Role))
	switch {
	case errors.Is(err, models.ErrDuplicate):
		f.EmailProblem = email + " is on the staff already, or was"
		return h.inviteProblem(c, http.StatusUnprocessableEntity, f)
	case errors.Is(err, models.ErrIllegal):
		p, err := h.members(c)
		if err != nil {
			return err
		}
		p.Refused = "You are no owner any more. Nothing was done."
		return h.showMembers(c, http.StatusConflict, p)
	case err != nil:
		return err
	}
	p := page.InvitedPage{Email: one.Email, Role: string(one.Role), Link: h.Shop.PublicURL + invitationURL + token, Until: h.clock().at(one.ExpiresAt)}
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, http.StatusOK, page.Invited(p))
}

func (h Pages) inviteProblem(c *gin.Context, status int, f page.InviteForm) error {
	p, err := h.members(c)
	if err != nil {
		return err
	}
	p.Invite = f
	return h.showMembers(c, status, p)
}

// isAddress reports whether a text is a bare e-mail address.
func isAddress(s string) bool {
	a, err := mail.ParseAddress(s)
	return err == nil && a.Address == s && len(s) <= page.MaxEmail
}

// RevokeInvitation is POST /admin/staff/invitations/:invitation/revoke.
func (h Pages) RevokeInvitation(c *gin.Context) error {
	if err := need(c, rightStaff); err != nil {
		return err
	}
	id, err := strconv.ParseInt(c.Param("invitation"), 10, 64)
	if err != nil {
		return fmt.Errorf("%w: invitation by another word than its number", models.ErrNotFound)
	}
	err = models.NewInvitations(h.DB).Revoke(c.Request.Context(), member(c).ID, id)
	if errors.Is(err, models.ErrStale) || errors.Is(err, models.ErrIllegal) {
		p, lookErr := h.members(c)
		if lookErr != nil {
			return lookErr
		}
		p.Refused = "The invitation was accepted already: they are on the staff now. Nothing was done."
		if errors.Is(err, models.ErrIllegal) {
			p.Refused = "You are no owner any more. Nothing was done."
		}
		return h.showMembers(c, http.StatusConflict, p)
	}
	if err != nil {
		return err
	}
	return h.back(c, staffURL, answer{text: "The invitation is taken back. Its link opens nothing any more."})
}

// Invitation is GET /admin/invitations/:token: who has the link is asked for a
// name and a password. Looking uses nothing up.
func (h Pages) Invitation(c *gin.Context) error {
	one, err := models.NewInvitations(h.DB).Find(c.Request.Context(), digest(c.Param("token")))
	if err != nil {
		return err
	}
	return h.showInvitation(c, http.StatusOK, one, page.InvitationPage{})
}

func (h Pages) showInvitation(c *gin.Context, status int, one models.Invitation, p page.InvitationPage) error {
	p.Frame, p.Email, p.Role = h.outside(), one.Email, string(one.Role)
	p.Action = invitationURL + url.PathEscape(c.Param("token"))
	return web.Render(c, status, page.Invitation(p))
}

// AcceptInvitation is POST to the same: makes the member, and signs them in.
func (h Pages) AcceptInvitation(c *gin.Context) error {
	form, err := readForm(c)
	if err != nil {
		return err
	}
	ctx, all := c.Request.Context(), models.NewInvitations(h.DB)
	key := digest(c.Param("token"))
	one, err := all.Find(ctx, key)
	if err != nil {
		return err
	}
	p := page.InvitationPage{Name: form.Get("name"), Problems: newPassword(form.Get("new_password"), form.Get("repeat_password"), one.Email)}
	name, problem := nameOf(p.Name)
	p.NameProblem = problem
	if problem != "" || p.Problems != (page.PasswordProblems{}) {
		return h.showInvitation(c, http.StatusUnprocessableEntity, one, p)
	}
	hash, err := h.hashed(ctx, form.Get("new_password"))
	if err != nil {
		return err
	}
	in := models.SignIn{Agent: agent(c.Request.UserAgent()), Address: c.ClientIP()}
	keep := data{Flash: "Welcome. You are on the staff of " + h.Shop.Now().Name + " now."}
	err = h.Sessions.open(c.Request, c.Writer, in, keep, func(in models.SignIn) error {
		_, err := all.Accept(ctx, key, name, hash, in)
		return err
	})
	if errors.Is(err, models.ErrDuplicate) {
		return fmt.Errorf("%w: %w", models.ErrNotFound, err)
	}
	if err != nil {
		return err
	}
	c.Redirect(http.StatusSeeOther, overviewURL)
	return nil
}
