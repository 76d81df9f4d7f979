package admin

import (
	"strconv"

	"till/views/ui"
)

// ApprovalState is how far a question for a second person has got.
type ApprovalState string

// The states.
const (
	ApprovalOpen      ApprovalState = ""
	ApprovalStuck     ApprovalState = "stuck" // agreed to, and no refund was written
	ApprovalApproved  ApprovalState = "approved"
	ApprovalDeclined  ApprovalState = "declined"
	ApprovalWithdrawn ApprovalState = "withdrawn"
)

// Approval is a refund above the limit of one person.
type Approval struct {
	ID       int64
	Order    string // its number
	Provider string // label
	Amount   string // with currency
	Outside  bool   // it has gone back by other means already, and is only written down
	Goods    []string
	Why      string
	AskedBy  string
	Asked    When
	State    ApprovalState
	Reason   string // why it was declined; may be empty
	By       string // who decided; empty while nobody has
	Decided  When
	Decide   bool // who looks is the second person that is wanted
	Withdraw bool // who looks asked for it
}

// ApprovalsPage is what waits for a second person.
type ApprovalsPage struct {
	Frame Frame
	Items []Approval // oldest first
	Limit string     // above which that is, with currency, several with commas; empty when there is no limit
}

// ApprovalPage is one of them, with the forms that decide it.
type ApprovalPage struct {
	Frame   Frame
	One     Approval
	Refused string // why what was asked for was not done; empty when nothing was
	Left    string // what of the payment can go back now
	Tax     string // of the refund: "GST 15 %: NZD 1.30"; empty when it holds none
	Mail    MailText
	Reason  string // as typed
	Problem string
}

// MailText is a mail as the shopper gets it.
type MailText struct {
	To      string
	Subject string
	Text    string
}

func (p ApprovalsPage) page() ui.Page {
	return ui.Page{Name: "admin-approvals", Title: "Waiting for a second person", Quiet: true}
}

// lead says what the page is about.
func (p ApprovalsPage) lead() string {
	if p.Limit == "" {
		return "No limit is set, so that nobody needs a second person for a refund. Limits are in the settings."
	}
	return "Whoever gives back more than " + p.Limit + " of one payment in a day needs a second person who agrees."
}

func (p ApprovalPage) page() ui.Page {
	return ui.Page{Name: "admin-approval", Title: p.title(), Quiet: true, Problem: p.Refused != "" || p.Problem != ""}
}

func (p ApprovalPage) title() string {
	return "Refund of " + p.One.Amount + " for order " + p.One.Order
}

func (a Approval) url() string { return "/admin/approvals/" + strconv.FormatInt(a.ID, 10) }

func (a Approval) word() string {
	switch a.State {
	case ApprovalOpen:
		return "Waiting"
	case ApprovalStuck:
		return "Agreed to, not done"
	case ApprovalApproved:
		return "Agreed to"
	case ApprovalDeclined:
		return "Declined"
	case ApprovalWithdrawn:
		return "Withdrawn"
	default:
		return string(a.State)
	}
}

func (a Approval) tone() ui.Tone {
	switch a.State {
	case ApprovalOpen, ApprovalStuck:
		return ui.Warn
	case ApprovalApproved:
		return ui.Good
	case ApprovalDeclined, ApprovalWithdrawn:
		return ui.Plain
	default:
		return ui.Plain
	}
}

// what says what is asked for.
func (a Approval) what() string {
	if a.Outside {
		return "It is to be written down that " + a.Amount + " went back to the shopper in another way. " + a.Provider + " is not asked for anything."
	}
	return a.Provider + " is to give " + a.Amount + " back to the shopper. That cannot be taken back."
}

// news says how far it has got.
func (a Approval) news() string {
	switch a.State {
	case ApprovalOpen:
		if a.Withdraw {
			return "You asked for it, so that somebody else decides."
		}
		return "Nothing has gone back yet."
	case ApprovalStuck:
		return a.By + " agreed, and then no refund was written. Nothing has gone back yet. Carried on, it is one refund, however often."
	case ApprovalApproved:
		return a.By + " agreed. What came of the refund is on the order's page."
	case ApprovalDeclined:
		return with(a.By+" declined it", ": ", a.Reason) + ". Nothing went back."
	case ApprovalWithdrawn:
		return a.By + " withdrew it. Nothing went back."
	default:
		return ""
	}
}

// approve is the button that agrees, or carries on.
func (a Approval) approve() ui.Action {
	label := "Agree, and give back " + a.Amount
	switch {
	case a.State == ApprovalStuck:
		label = "Carry on, and give back " + a.Amount
	case a.Outside:
		label = "Agree, and record " + a.Amount + " as given back"
	}
	return ui.Action{Label: label, Kind: ui.Danger, Busy: "Asking " + a.Provider + "…"}
}

func (p ApprovalPage) reason() ui.Field {
	return ui.Field{
		Name: "reason", Label: "Why not", Value: p.Reason, Problem: p.Problem, MaxLength: MaxReason, Required: true,
		Hint: "Kept in the timeline with your name.",
	}
}

func (p ApprovalPage) problems() []ui.FieldProblem {
	if p.Problem == "" {
		return nil
	}
	return []ui.FieldProblem{{Field: "reason", Text: p.Problem}}
}
