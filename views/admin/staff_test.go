package admin

import (
	"strings"
	"testing"

	"github.com/a-h/templ"
)

func people() []MemberRow {
	return []MemberRow{
		{ID: 1, Email: "ann@kauri.example", Name: "Ann Lee", Role: "owner", SecondFactor: true, Seen: at(21, 14, 58, 0), Me: true},
		{ID: 2, Email: "bo@kauri.example", Role: "clerk", Seen: at(20, 9, 0, 0)},
		{ID: 3, Email: "cy@kauri.example", Name: "Cy", Role: "viewer", Disabled: at(19, 9, 0, 0)},
	}
}

func theStaff() StaffPage {
	return StaffPage{
		Frame: staff(), Members: people(), Roles: []string{"owner", "manager"}, CanChange: true, Invite: InviteForm{Role: "manager", Roles: []string{"owner", "manager"}},
		Rights:      []RightRow{{"looks at everything else", map[string]bool{"owner": true, "manager": true}}, {"changes who is on the staff", map[string]bool{"owner": true}}},
		Invitations: []InvitationRow{{ID: 4, Email: "di@kauri.example", Role: "manager", Sent: at(21, 9, 0, 0), Until: at(28, 9, 0, 0)}},
	}
}

func theAccount() AccountPage {
	return AccountPage{
		Frame: staff(), Email: "ann@kauri.example", Role: "owner", Name: "Ann Lee",
		Sessions: []SessionRow{
			{ID: "d1", Agent: "Firefox on Linux", Address: "192.0.2.1", Since: at(21, 9, 0, 0), Seen: at(21, 14, 0, 0), Here: true},
			{ID: "d2", Agent: "Safari on iPhone", Address: "2001:db8::1", Since: at(20, 9, 0, 0), Seen: at(20, 10, 0, 0)},
		},
	}
}

func theAudit() AuditPage {
	return AuditPage{
		Frame: staff(), Actors: []string{"ann@kauri.example"}, CanExport: true, Older: "7",
		Lines: []AuditLine{
			{At: at(21, 14, 0, 0), Actor: "ann@kauri.example", Action: "role_changed", Subject: "staff bo@kauri.example", Detail: "clerk → manager"},
			{At: at(21, 13, 0, 0), Actor: "nobody", Action: "sign_in_failed", Detail: "an address that nobody here has"},
			{At: at(21, 12, 0, 0), Actor: "bo@kauri.example", Action: "refund", Subject: "order 1042", Detail: "succeeded"},
			{At: at(21, 11, 0, 0), Actor: "operator", Action: "novelty", Subject: "thing 3"},
		},
	}
}

// Every state of the pages about staff, as a browser gets it.
func TestStaffPages(t *testing.T) {
	on, wrong, looked, refused := theAccount(), theAccount(), theStaff(), theStaff()
	on.SecondFactor, on.RecoveryLeft = at(20, 9, 0, 0), 1
	wrong.SecondFactor, wrong.Factor, wrong.FactorProblems = at(20, 9, 0, 0), FactorOff, FactorProblems{Password: "That is not your password"}
	wrong.PasswordProblems = PasswordProblems{New: "Choose another one: it is your own address"}
	looked.CanChange, looked.Invitations = false, nil
	refused.Refused = "You are no owner any more. Nothing was done."
	roles := []string{"owner", "manager", "clerk", "viewer"}
	recovered := theAccount()
	recovered.Frame.Recovered = true
	for name, page := range map[string]templ.Component{
		"staff":              Staff(theStaff()),
		"staff_viewer":       Staff(looked),
		"staff_refused":      Staff(refused),
		"member":             Member(MemberPage{Frame: staff(), Member: people()[1], Roles: roles, CanChange: true}),
		"member_last_owner":  Member(MemberPage{Frame: staff(), Member: people()[0], Roles: roles, CanChange: true, LastOwner: true}),
		"member_shut_out":    Member(MemberPage{Frame: staff(), Member: people()[2], Roles: roles, CanChange: true, RoleProblem: "Choose a role"}),
		"invited":            Invited(InvitedPage{Frame: staff(), Email: "di@kauri.example", Role: "owner", Link: "https://kauri.example/admin/invitations/abc", Until: at(28, 9, 0, 0)}),
		"invitation":         Invitation(InvitationPage{Frame: visitor(), Email: "di@kauri.example", Role: "clerk", Action: "/admin/invitations/abc"}),
		"invitation_refused": Invitation(InvitationPage{Frame: visitor(), Email: "di@kauri.example", Role: "clerk", Action: "/admin/invitations/abc", Name: "Di", Problems: PasswordProblems{Repeat: "The second time it was another one"}}),
		"account":            Account(theAccount()),
		"account_factor":     Account(on),
		"account_problems":   Account(wrong),
		"account_recovered":  Account(recovered),
		"factor":             Factor(FactorPage{Frame: staff(), Secret: "JBSWY3DPEHPK3PXP", QR: [][]bool{{true, true, false}, {false, false, false}, {true, false, true}}, Problem: "That code is not right"}),
		"codes":              Codes(CodesPage{Frame: staff(), Codes: []string{"ABCD-EFGH-JKLM", "NPQR-STUV-WXYZ"}}),
		"audit":              Audit(theAudit()),
		"audit_nothing":      Audit(AuditPage{Frame: staff(), Actor: "gone@kauri.example", Action: "novelty", From: "yesterday", FromProblem: "Type a day, such as 2026-11-21"}),
		"login_code":         LoginCode(LoginCodePage{Frame: visitor()}),
		"login_code_wrong":   LoginCode(LoginCodePage{Frame: visitor(), Problem: "That code is not right."}),
		"login_unsent":       Login(LoginPage{Frame: visitor(), Next: "/admin/orders/1042/refunds", Draft: "sealed", Problem: LoginUnsent}),
		"login_late":         Login(LoginPage{Frame: visitor(), Problem: LoginLate}),
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, render(t, page)) })
	}
}

func TestStaffPages_HostileInput(t *testing.T) {
	m := MemberRow{ID: 1, Email: evil, Name: evil, Role: evil, SecondFactor: true}
	for name, page := range map[string]templ.Component{
		"staff": Staff(StaffPage{
			Frame: hostileFrame(), Members: []MemberRow{m}, Roles: []string{evil}, Rights: []RightRow{{What: evil}}, CanChange: true, Refused: evil,
			Invitations: []InvitationRow{{Email: evil, Role: evil}}, Invite: InviteForm{Email: evil, EmailProblem: evil, Role: evil, RoleProblem: evil, Roles: []string{evil}},
		}),
		"member":     Member(MemberPage{Frame: hostileFrame(), Member: m, Roles: []string{evil}, Choice: evil, RoleProblem: evil, CanChange: true, Refused: evil}),
		"invited":    Invited(InvitedPage{Frame: hostileFrame(), Email: evil, Role: evil, Link: evil}),
		"invitation": Invitation(InvitationPage{Frame: visitor(), Email: evil, Role: evil, Action: evil, Name: evil, NameProblem: evil, Problems: PasswordProblems{evil, evil, evil}}),
		"account": Account(AccountPage{
			Frame: hostileFrame(), Email: evil, Role: evil, Name: evil, NameProblem: evil, PasswordProblems: PasswordProblems{evil, evil, evil}, SecondFactor: at(20, 9, 0, 0),
			Factor: FactorOff, FactorProblems: FactorProblems{evil, evil}, Sessions: []SessionRow{{ID: evil, Agent: evil, Address: evil}}, Refused: evil,
		}),
		"factor": Factor(FactorPage{Frame: hostileFrame(), Secret: evil, Problem: evil}),
		"codes":  Codes(CodesPage{Frame: hostileFrame(), Codes: []string{evil}}),
		"audit": Audit(AuditPage{
			Frame: hostileFrame(), Actor: evil, Action: evil, Subject: evil, From: evil, To: evil, FromProblem: evil, ToProblem: evil, Actors: []string{evil},
			Lines: []AuditLine{{Actor: evil, Action: evil, Subject: evil, Detail: evil}}, Older: evil, Newer: evil, CanExport: true,
		}),
		"login": Login(LoginPage{Frame: visitor(), Email: evil, Next: evil, Draft: evil, Problem: LoginUnsent}),
		"code":  LoginCode(LoginCodePage{Frame: visitor(), Problem: evil}),
	} {
		t.Run(name, func(t *testing.T) {
			html := render(t, page)
			if !strings.Contains(html, "&lt;script&gt;") {
				t.Error("the test did not reach the page")
			}
			for _, bad := range []string{"<script>alert", "<img src=x", `" onfocus=`, "javascript:alert(1)"} {
				if strings.Contains(html, bad) {
					t.Errorf("the page contains %q", bad)
				}
			}
		})
	}
}

// Every action that can be chosen has a word that is no other's.
func TestAuditAction_Words(t *testing.T) {
	names := map[string]AuditAction{}
	for _, a := range auditActions {
		if !a.Known() {
			t.Errorf("%s has no word", a)
		}
		if other, ok := names[a.word()]; ok {
			t.Errorf("%s and %s are both called %q", a, other, a.word())
		}
		names[a.word()] = a
	}
	if a := AuditAction("novelty"); a.Known() || a.word() != "novelty" {
		t.Error("a word that we do not know is another")
	}
}

// What came of an operation reads as on the order's page; what somebody wrote
// stays as they wrote it.
func TestAuditLine_Detail(t *testing.T) {
	for _, tt := range []struct {
		action AuditAction
		detail string
		want   string
	}{
		{"refund", "requested they never arrived", "Asked for: they never arrived"},
		{"refund", "pending", "On its way"},
		{"refund", "failed refund_failed", "Did not happen: refund failed"},
		{"refund", "failed CARD_GONE", "Did not happen: CARD_GONE"},
		{"refund", "done outside in cash", "Done outside: in cash"},
		{"capture", "succeeded", "Taken"},
		{"void", "unknown", "No answer"},
		{"received", "succeeded paid in cash", "Recorded: paid in cash"},
		{"capture", "", ""},
		{"capture", "odd thing", "Odd: thing"},
		{"state", "in_progress", "The provider's word: “in progress”"},
		{"state", "", ""},
		{"signed_in", "with a password", "with a password"},
		{"cancelled", "they asked for snake_case", "they asked for snake_case"},
	} {
		if got := (AuditLine{Action: tt.action, Detail: tt.detail}).detail(); got != tt.want {
			t.Errorf("%s, %q: %q; want %q", tt.action, tt.detail, got, tt.want)
		}
	}
}

func TestAuditLine_About(t *testing.T) {
	for subject, want := range map[string][2]string{
		"order 1042": {"Order 1042", "/admin/orders/1042"}, "staff bo@shop.test": {"bo@shop.test", ""}, "order x": {"order x", ""}, "order ": {"order ", ""}, "": {"", ""},
	} {
		if text, href := (AuditLine{Subject: subject}).about(); text != want[0] || href != want[1] {
			t.Errorf("%q: %q %q", subject, text, href)
		}
	}
}

// The drawing has a square exactly where the picture is dark.
func TestFactorPage_Path(t *testing.T) {
	p := FactorPage{QR: [][]bool{{true, true, false, true}, {false, false, false, false}, {false, true, true, true}, {true, true, true, true}}}
	if got, want := p.path(), "M0 0h2v1h-2zM3 0h1v1h-1zM1 2h3v1h-3zM0 3h4v1h-4z"; got != want || p.viewBox() != "0 0 4 4" {
		t.Errorf("%s in %s, want %s", got, p.viewBox(), want)
	}
	if got := (FactorPage{Secret: "ABCDEFGHIJ"}).spaced(); got != "ABCD EFGH IJ" {
		t.Error(got)
	}
}
