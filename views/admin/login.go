package admin

import "till/views/ui"

// LoginPage asks who is there.
type LoginPage struct {
	Frame   Frame
	Email   string // as typed
	Next    string // where to go afterwards: a path below /admin; empty means the orders
	Draft   string // what was typed before the login, sealed; empty when there is nothing
	Problem LoginProblem
	Wait    string // for LoginTooMany: "about 5 minutes"; may be empty
}

// LoginProblem is why the page came back.
type LoginProblem string

// The problems of a login. A wrong address and a wrong password are the same
// problem, so that nobody learns who works here.
const (
	LoginFine      LoginProblem = ""
	LoginWrong     LoginProblem = "wrong"
	LoginTooMany   LoginProblem = "too_many"   // answered with 429
	LoginExpired   LoginProblem = "expired"    // was signed in, and too long ago
	LoginSignedOut LoginProblem = "signed_out" // just now, by themselves; good news
	LoginUnsent    LoginProblem = "unsent"     // a form was sent when nobody was signed in any more
	LoginLate      LoginProblem = "late"       // the code came too late
)

func (p LoginPage) page() ui.Page {
	return ui.Page{Name: "admin-login", Title: "Sign in", Quiet: true, Problem: p.problem() != ""}
}

// problem is what went wrong, as a sentence; empty when nothing did.
func (p LoginPage) problem() string {
	switch p.Problem {
	case LoginWrong:
		return "That e-mail address and password do not belong together. Try again."
	case LoginTooMany:
		if p.Wait != "" {
			return "There were too many tries. Wait " + p.Wait + ", then try again."
		}
		return "There were too many tries. Wait a while, then try again."
	case LoginFine, LoginExpired, LoginSignedOut, LoginUnsent, LoginLate:
		return ""
	default:
		return "That did not work. Try again."
	}
}

// news is what else there is to say; empty for nothing.
func (p LoginPage) news() string {
	switch p.Problem {
	case LoginExpired:
		return "You were signed out because nothing happened for a while. Sign in to go on."
	case LoginSignedOut:
		return "You are signed out."
	case LoginUnsent:
		return "You were signed out before this was sent. Nothing was done. Sign in, and you come back to the form with what you typed."
	case LoginLate:
		return "That took too long. Sign in once more."
	case LoginFine, LoginWrong, LoginTooMany:
		return ""
	default:
		return ""
	}
}

func (p LoginPage) email() ui.Field {
	return ui.Field{
		Name: "email", Label: "E-mail address", Type: "email", Value: p.Email, Autocomplete: "username", MaxLength: 254, Required: true,
	}
}

// password is never shown again, whatever was typed.
func (p LoginPage) password() ui.Field {
	return ui.Field{Name: "password", Label: "Password", Type: "password", Autocomplete: "current-password", MaxLength: 200, Required: true}
}

// LoginCodePage asks for the second factor.
type LoginCodePage struct {
	Frame   Frame
	Problem string // as a sentence; empty when there is none
}

func (p LoginCodePage) page() ui.Page {
	return ui.Page{Name: "admin-login-code", Title: "Your code", Quiet: true, Problem: p.Problem != ""}
}

func (p LoginCodePage) code() ui.Field {
	f := codeField("")
	f.Hint = "The six figures that your app shows now, or a recovery code."
	return f
}
