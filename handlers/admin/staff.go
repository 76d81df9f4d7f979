package admin

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"till/handlers/web"
	"till/models"

	"github.com/gin-gonic/gin"

	page "till/views/admin"
)

const staffURL = "/admin/staff"

// Members is GET /admin/staff: who is on the staff, and what each role may do.
func (h Pages) Members(c *gin.Context) error {
	p, err := h.members(c)
	if err != nil {
		return err
	}
	if kept := h.draft(c, staffURL+"/invitations"); kept != nil {
		p.Invite = inviteForm(kept.Get("email"), kept.Get("role"))
	}
	return h.showMembers(c, http.StatusOK, p)
}

// members is the page as things are now.
func (h Pages) members(c *gin.Context) (page.StaffPage, error) {
	ctx, k, me := c.Request.Context(), h.clock(), member(c)
	p := page.StaffPage{Rights: rightRows(), CanChange: has(me, rightStaff), Invite: inviteForm("", string(models.RoleClerk))}
	for _, r := range models.Roles() {
		p.Roles = append(p.Roles, string(r))
	}
	all, err := h.Staff.All(ctx)
	if err != nil {
		return p, err
	}
	for _, one := range all {
		p.Members = append(p.Members, memberRow(one, k, me))
	}
	if !p.CanChange {
		return p, nil
	}
	open, err := models.NewInvitations(h.DB).Open(ctx)
	for _, i := range open {
		p.Invitations = append(p.Invitations, page.InvitationRow{ID: i.ID, Email: i.Email, Role: string(i.Role), Sent: k.at(i.CreatedAt), Until: k.at(i.ExpiresAt)})
	}
	return p, err
}

func memberRow(one models.Staff, k clock, me models.Staff) page.MemberRow {
	return page.MemberRow{
		ID: one.ID, Email: one.Email, Name: one.Name, Role: string(one.Role), SecondFactor: one.SecondFactor(), Seen: k.maybe(one.SeenAt),
		Disabled: k.maybe(one.DisabledAt), Me: one.ID == me.ID,
	}
}

// rightRows is who may do what, in sentences: what most may do first.
func rightRows() []page.RightRow {
	all := make([]right, 0, len(rights))
	for r := range rights {
		all = append(all, r)
	}
	slices.SortFunc(all, func(a, b right) int {
		if n := len(rights[b]) - len(rights[a]); n != 0 {
			return n
		}
		return strings.Compare(string(a), string(b))
	})
	rows := []page.RightRow{{What: "looks at everything else", Roles: map[string]bool{}}}
	for _, r := range models.Roles() {
		rows[0].Roles[string(r)] = true
	}
	for _, r := range all {
		row := page.RightRow{What: strings.TrimSuffix(string(r), ","), Roles: map[string]bool{}}
		for _, role := range rights[r] {
			row.Roles[string(role)] = true
		}
		rows = append(rows, row)
	}
	return rows
}

func (h Pages) showMembers(c *gin.Context, status int, p page.StaffPage) error {
	var err error
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, status, page.Staff(p))
}

// Member is GET /admin/staff/:member: one person, and what may be changed about
// them.
func (h Pages) Member(c *gin.Context) error {
	one, err := h.memberByID(c)
	if err != nil {
		return err
	}
	p := page.MemberPage{Choice: string(one.Role)}
	if kept := h.draft(c, memberURL(one)+"/role"); kept != nil {
		p.Choice = kept.Get("role")
	}
	return h.showMember(c, http.StatusOK, one, p)
}

func memberURL(one models.Staff) string { return staffURL + "/" + strconv.FormatInt(one.ID, 10) }

// memberByID is the member of staff that the address means, or models.ErrNotFound.
func (h Pages) memberByID(c *gin.Context) (models.Staff, error) {
	id, err := strconv.ParseInt(c.Param("member"), 10, 64)
	if err != nil {
		return models.Staff{}, fmt.Errorf("%w: staff by another word than their number", models.ErrNotFound)
	}
	return h.Staff.ByID(c.Request.Context(), id)
}

func (h Pages) showMember(c *gin.Context, status int, one models.Staff, p page.MemberPage) error {
	all, err := h.Staff.All(c.Request.Context())
	if err != nil {
		return err
	}
	owners := 0
	for _, o := range all {
		if o.Role == models.RoleOwner && o.DisabledAt == nil {
			owners++
		}
	}
	p.Member = memberRow(one, h.clock(), member(c))
	p.CanChange = has(member(c), rightStaff)
	p.LastOwner = owners == 1 && one.Role == models.RoleOwner && one.DisabledAt == nil
	for _, r := range models.Roles() {
		p.Roles = append(p.Roles, string(r))
	}
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, status, page.Member(p))
}

// SetRole is POST /admin/staff/:member/role.
func (h Pages) SetRole(c *gin.Context) error {
	if err := need(c, rightStaff); err != nil {
		return err
	}
	form, err := readForm(c)
	if err != nil {
		return err
	}
	one, err := h.memberByID(c)
	if err != nil {
		return err
	}
	role := models.Role(form.Get("role"))
	if !slices.Contains(models.Roles(), role) {
		return h.showMember(c, http.StatusUnprocessableEntity, one, page.MemberPage{RoleProblem: "Choose a role"})
	}
	err = h.Staff.SetRole(c.Request.Context(), member(c).ID, one.ID, models.Role(form.Get("was")), role)
	return h.governed(c, one, err, one.Email+" is "+page.RoleWord(string(role))+" now.")
}

// Disable is POST /admin/staff/:member/disable.
func (h Pages) Disable(c *gin.Context) error {
	if err := need(c, rightStaff); err != nil {
		return err
	}
	one, err := h.memberByID(c)
	if err != nil {
		return err
	}
	err = h.Staff.Disable(c.Request.Context(), member(c).ID, one.ID)
	return h.governed(c, one, err, one.Email+" is signed out everywhere and cannot sign in any more.")
}

// Enable is POST /admin/staff/:member/enable.
func (h Pages) Enable(c *gin.Context) error {
	if err := need(c, rightStaff); err != nil {
		return err
	}
	one, err := h.memberByID(c)
	if err != nil {
		return err
	}
	err = h.Staff.Enable(c.Request.Context(), member(c).ID, one.ID)
	return h.governed(c, one, err, one.Email+" can sign in again.")
}

// ResetFactor is POST /admin/staff/:member/reset: turns the second factor off of
// somebody who has lost it.
func (h Pages) ResetFactor(c *gin.Context) error {
	if err := need(c, rightStaff); err != nil {
		return err
	}
	one, err := h.memberByID(c)
	if err != nil {
		return err
	}
	if one.ID == member(c).ID {
		return h.governed(c, one, fmt.Errorf("%w: second factor of who asks", models.ErrIllegal), "")
	}
	err = h.Staff.ResetTOTP(c.Request.Context(), member(c).ID, one.ID)
	return h.governed(c, one, err, "The second factor of "+one.Email+" is off. They are signed out everywhere, and the password alone lets them in now.")
}

// governed answers what came of a change to a member of staff.
func (h Pages) governed(c *gin.Context, one models.Staff, err error, said string) error {
	var why string
	switch {
	case err == nil && one.ID == member(c).ID && c.FullPath() == staffURL+"/:member/disable":
		c.Redirect(http.StatusSeeOther, loginURL+"?signed_out=1") // the session went with it
		return nil
	case err == nil:
		return h.back(c, memberURL(one), answer{text: said})
	case errors.Is(err, models.ErrLastOwner):
		why = "This is the last owner: nobody could change the staff any more. Make somebody else an owner first. Nothing was done."
	case errors.Is(err, models.ErrStale):
		why = "Somebody else has changed the role meanwhile. Nothing was done."
	case errors.Is(err, models.ErrIllegal) && one.ID == member(c).ID:
		why = "Your own second factor is turned off on the page of your account, with your password and a code. Nothing was done."
	case errors.Is(err, models.ErrIllegal):
		why = "You are no owner any more. Nothing was done."
	default:
		return err
	}
	now, err := h.Staff.ByID(c.Request.Context(), one.ID)
	if err != nil {
		return err
	}
	return h.showMember(c, http.StatusConflict, now, page.MemberPage{Choice: string(now.Role), Refused: why})
}
