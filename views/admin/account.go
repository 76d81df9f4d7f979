package admin

import (
	"strconv"
	"strings"

	"till/views/ui"
)

// AccountPage is what somebody may change about themselves.
type AccountPage struct {
	Frame            Frame
	Email            string
	Role             string
	Name             string // as typed
	NameProblem      string
	PasswordProblems PasswordProblems
	SecondFactor     When       // since when it is on; zero while it is off
	RecoveryLeft     int64      // recovery codes that can still be used
	Factor           FactorForm // which form about the second factor came back
	FactorProblems   FactorProblems
	Sessions         []SessionRow
	Refused          string // why what was asked for was not done; empty when nothing was
}

// PasswordProblems is what is wrong with a new password, field by field.
type PasswordProblems struct {
	Old    string
	New    string
	Repeat string
}

// FactorForm is one of the forms about a second factor that is on.
type FactorForm string

// The forms.
const (
	FactorOff   FactorForm = "off"
	FactorCodes FactorForm = "codes"
)

// FactorProblems is what is wrong with one of them.
type FactorProblems struct {
	Password string
	Code     string
}

// SessionRow is a browser that somebody is signed in with.
type SessionRow struct {
	ID      string
	Agent   string // "Firefox on Linux"
	Address string
	Since   When
	Seen    When
	Here    bool // the one that looks
}

// FactorPage shows a secret that does not count yet.
type FactorPage struct {
	Frame   Frame
	Secret  string
	QR      [][]bool // rows of squares; true is dark
	Problem string   // of the code
}

// CodesPage shows recovery codes, once.
type CodesPage struct {
	Frame Frame
	Codes []string
}

func (p AccountPage) page() ui.Page {
	return ui.Page{Name: "admin-account", Title: "Your account", Quiet: true, Problem: p.Refused != "" || len(p.problems()) > 0}
}

func (p FactorPage) page() ui.Page {
	return ui.Page{Name: "admin-factor", Title: "Turn on the second factor", Quiet: true, Problem: p.Problem != ""}
}

func (p CodesPage) page() ui.Page {
	return ui.Page{Name: "admin-codes", Title: "Your recovery codes", Quiet: true}
}

func (p PasswordProblems) list() []ui.FieldProblem {
	return problemsOf([2]string{"old_password", p.Old}, [2]string{"new_password", p.New}, [2]string{"repeat_password", p.Repeat})
}

func (p AccountPage) problems() []ui.FieldProblem {
	all := append(problemsOf([2]string{"name", p.NameProblem}), p.PasswordProblems.list()...)
	return append(all, problemsOf(
		[2]string{string(p.Factor) + "-password", p.FactorProblems.Password}, [2]string{string(p.Factor) + "-code", p.FactorProblems.Code},
	)...)
}

func (p AccountPage) name() ui.Field {
	return ui.Field{Name: "name", Label: "Name", Value: p.Name, Problem: p.NameProblem, Autocomplete: "name", MaxLength: MaxName, Optional: true, Hint: "As colleagues read it."}
}

func (p AccountPage) oldPassword() ui.Field {
	return ui.Field{Name: "old_password", Label: "Password now", Type: "password", Problem: p.PasswordProblems.Old, Autocomplete: "current-password", MaxLength: 200, Required: true}
}

func (p PasswordProblems) newPassword() ui.Field {
	return ui.Field{
		Name: "new_password", Label: "New password", Type: "password", Problem: p.New, Autocomplete: "new-password", MaxLength: 200, Required: true,
		Hint: "At least 12 characters. A few words in a row are good.",
	}
}

func (p PasswordProblems) repeatPassword() ui.Field {
	return ui.Field{Name: "repeat_password", Label: "Once more", Type: "password", Problem: p.Repeat, Autocomplete: "new-password", MaxLength: 200, Required: true}
}

func (p AccountPage) factorProblems(form FactorForm) FactorProblems {
	if p.Factor == form {
		return p.FactorProblems
	}
	return FactorProblems{}
}

func (p AccountPage) factorPassword(form FactorForm) ui.Field {
	return ui.Field{
		Name: "password", ID: string(form) + "-password", Label: "Password", Type: "password", Problem: p.factorProblems(form).Password,
		Autocomplete: "current-password", MaxLength: 200, Required: true,
	}
}

func (p AccountPage) factorCode(form FactorForm) ui.Field {
	f := codeField(p.factorProblems(form).Code)
	f.ID, f.Hint = string(form)+"-code", "From your app, or a recovery code."
	return f
}

func codeField(problem string) ui.Field {
	return ui.Field{Name: "code", Label: "Code", Problem: problem, Autocomplete: "one-time-code", MaxLength: 20, Required: true, Narrow: true}
}

func (p FactorPage) code() ui.Field {
	f := codeField(p.Problem)
	f.InputMode, f.Hint = "numeric", "The six figures that the app shows now."
	return f
}

// others reports whether somebody is signed in elsewhere, too.
func (p AccountPage) others() bool { return len(p.Sessions) > 1 }

// recovery says how many recovery codes are left.
func (p AccountPage) recovery() string {
	switch p.RecoveryLeft {
	case 0:
		return "No recovery code is left. Make new ones."
	case 1:
		return "One recovery code is left. Make new ones soon."
	default:
		return strconv.FormatInt(p.RecoveryLeft, 10) + " recovery codes are left."
	}
}

// viewBox is the size of the picture, in squares.
func (p FactorPage) viewBox() string {
	n := strconv.Itoa(len(p.QR))
	return "0 0 " + n + " " + n
}

// path draws the dark squares, run by run.
func (p FactorPage) path() string {
	var b strings.Builder
	for y, row := range p.QR {
		for x := 0; x < len(row); x++ {
			from := x
			for x < len(row) && row[x] {
				x++
			}
			if n := strconv.Itoa(x - from); x > from {
				b.WriteString("M" + strconv.Itoa(from) + " " + strconv.Itoa(y) + "h" + n + "v1h-" + n + "z")
			}
		}
	}
	return b.String()
}

// spaced is the secret in groups of four, as people type it.
func (p FactorPage) spaced() string {
	var b strings.Builder
	for i, r := range p.Secret {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}
