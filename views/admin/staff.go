package admin

import (
	"strconv"
	"strings"

	"till/views/ui"
)

// StaffPage is who is on the staff.
type StaffPage struct {
	Frame       Frame
	Members     []MemberRow
	Invitations []InvitationRow // that can be accepted
	Roles       []string        // from most rights to least
	Rights      []RightRow
	CanChange   bool
	Invite      InviteForm
	Refused     string // why what was asked for was not done; empty when nothing was
}

// MemberRow is one member of staff.
type MemberRow struct {
	ID           int64
	Email        string
	Name         string // may be empty
	Role         string
	SecondFactor bool
	Seen         When // zero: never
	Disabled     When // zero: may sign in
	Me           bool // who looks
}

// InvitationRow is an invitation that waits for its answer.
type InvitationRow struct {
	ID    int64
	Email string
	Role  string
	Sent  When
	Until When
}

// RightRow is something that not everybody may do.
type RightRow struct {
	What  string          // reads on after "whoever"
	Roles map[string]bool // who may
}

// InviteForm is an invitation as it was typed.
type InviteForm struct {
	Email, EmailProblem string
	Role, RoleProblem   string
	Roles               []string
}

// MemberPage is one member of staff, and what may be changed about them.
type MemberPage struct {
	Frame       Frame
	Member      MemberRow
	Roles       []string
	Choice      string // the role that is chosen in the form; empty for theirs
	RoleProblem string
	CanChange   bool
	LastOwner   bool
	Refused     string
}

// InvitedPage shows the link of an invitation, once.
type InvitedPage struct {
	Frame Frame
	Email string
	Role  string
	Link  string
	Until When
}

// InvitationPage asks whoever has a link for a name and a password.
type InvitationPage struct {
	Frame       Frame
	Email       string
	Role        string
	Action      string // where the form leads
	Name        string // as typed
	NameProblem string
	Problems    PasswordProblems
}

const (
	// MaxEmail bounds an e-mail address, in bytes.
	MaxEmail = 254
	// MaxName bounds somebody's name, in characters.
	MaxName = 80
)

func (p StaffPage) page() ui.Page {
	return ui.Page{Name: "admin-staff", Title: "Staff", Quiet: true, Problem: p.Refused != "" || len(p.Invite.problems()) > 0}
}

func (p MemberPage) page() ui.Page {
	return ui.Page{Name: "admin-member", Title: p.Member.called(), Quiet: true, Problem: p.Refused != "" || p.RoleProblem != ""}
}

func (p InvitedPage) page() ui.Page {
	return ui.Page{Name: "admin-invited", Title: "Hand over this link", Quiet: true}
}

func (p InvitationPage) page() ui.Page {
	return ui.Page{Name: "admin-invitation", Title: "Join the staff", Quiet: true, Problem: len(p.problems()) > 0}
}

func (m MemberRow) url() string { return "/admin/staff/" + strconv.FormatInt(m.ID, 10) }

// called is their name, or the address of who has none.
func (m MemberRow) called() string {
	if m.Name != "" {
		return m.Name
	}
	return m.Email
}

func (i InvitationRow) revokeURL() string {
	return "/admin/staff/invitations/" + strconv.FormatInt(i.ID, 10) + "/revoke"
}

// RoleWord is a role in the middle of a sentence: "an owner".
func RoleWord(role string) string {
	switch role {
	case "owner":
		return "an owner"
	case "manager", "clerk", "viewer":
		return "a " + role
	default:
		return role
	}
}

// roleTitle is a role at the beginning of a line.
func roleTitle(role string) string {
	if role == "" {
		return ""
	}
	return strings.ToUpper(role[:1]) + role[1:]
}

// roleHint says what a role is for.
func roleHint(role string) string {
	switch role {
	case "owner":
		return "May do everything, and change who is on the staff."
	case "manager":
		return "Runs the shop: money, products and books."
	case "clerk":
		return "Handles orders, and gives no money back."
	case "viewer":
		return "Looks, and changes nothing."
	default:
		return ""
	}
}

func roleOptions(roles []string) []ui.Option {
	all := make([]ui.Option, len(roles))
	for i, r := range roles {
		all[i] = ui.Option{Value: r, Label: roleTitle(r), Hint: roleHint(r)}
	}
	return all
}

// sentence is what the right allows, as a line of a table.
func (r RightRow) sentence() string {
	if r.What == "" {
		return ""
	}
	return strings.ToUpper(r.What[:1]) + r.What[1:]
}

func (f InviteForm) email() ui.Field {
	return ui.Field{Name: "email", Label: "E-mail address", Type: "email", Value: f.Email, Problem: f.EmailProblem, Autocomplete: "off", MaxLength: MaxEmail, Required: true}
}

func (f InviteForm) role() ui.Choice {
	return ui.Choice{Name: "role", Label: "Role", Value: f.Role, Problem: f.RoleProblem, Options: roleOptions(f.Roles), Required: true}
}

func (f InviteForm) problems() []ui.FieldProblem {
	return problemsOf([2]string{"email", f.EmailProblem}, [2]string{"role", f.RoleProblem})
}

// problemsOf are those of fields that have one: pairs of id and text.
func problemsOf(all ...[2]string) []ui.FieldProblem {
	var some []ui.FieldProblem
	for _, one := range all {
		if one[1] != "" {
			some = append(some, ui.FieldProblem{Field: one[0], Text: one[1]})
		}
	}
	return some
}

func (p MemberPage) role() ui.Choice {
	value := p.Choice
	if value == "" {
		value = p.Member.Role
	}
	return ui.Choice{Name: "role", Label: "Role", LegendHidden: true, Value: value, Problem: p.RoleProblem, Options: roleOptions(p.Roles), Required: true}
}

func (p InvitationPage) name() ui.Field {
	return ui.Field{Name: "name", Label: "Your name", Value: p.Name, Problem: p.NameProblem, Autocomplete: "name", MaxLength: MaxName, Optional: true, Hint: "As colleagues read it."}
}

func (p InvitationPage) problems() []ui.FieldProblem {
	return append(problemsOf([2]string{"name", p.NameProblem}), p.Problems.list()...)
}
