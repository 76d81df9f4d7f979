package admin

import (
	"net/url"
	"slices"
	"strings"

	"till/views/ui"
)

// AuditPage is what staff did, newest first.
type AuditPage struct {
	Frame       Frame
	Actor       string // the filters, as typed; empty for none
	Action      AuditAction
	Subject     string
	From        string
	To          string
	FromProblem string
	ToProblem   string
	Actors      []string // addresses of everybody who is or was on the staff
	Lines       []AuditLine
	Older       string // cursor for ?before=; empty on the last page
	Newer       string // cursor for ?after=; empty on the first page
	CanExport   bool
}

// AuditLine is one thing that was done.
type AuditLine struct {
	At      When
	Actor   string
	Action  AuditAction
	Subject string
	Detail  string
}

// AuditAction is the machine's word for what was done.
type AuditAction string

// word is an action as the list has it, after whoever did it. A word that we do
// not know stays as it is.
func (a AuditAction) word() string {
	switch a {
	case "signed_in":
		return "Signed in"
	case "sign_in_failed":
		return "Was not let in"
	case "signed_out":
		return "Signed out"
	case "session_ended":
		return "Ended sessions elsewhere"
	case "password_changed":
		return "Changed a password"
	case "name_changed":
		return "Changed their name"
	case "second_factor_on":
		return "Turned on their second factor"
	case "second_factor_off":
		return "Turned off their second factor"
	case "second_factor_reset":
		return "Turned off somebody’s second factor"
	case "recovery_codes_renewed":
		return "Made new recovery codes"
	case "staff_added":
		return "Added somebody to the staff"
	case "staff_disabled":
		return "Shut somebody out"
	case "staff_enabled":
		return "Let somebody in again"
	case "role_changed":
		return "Changed a role"
	case "staff_invited":
		return "Invited somebody"
	case "invitation_revoked":
		return "Took an invitation back"
	case "invitation_accepted":
		return "Accepted an invitation"
	case "audit_exported":
		return "Took the audit out as a file"
	case "settings_saved":
		return "Saved the settings"
	case "statement_read":
		return "Read a statement in"
	case "statement_removed":
		return "Removed a statement"
	case "closes_exported":
		return "Took daily closes out as a file"
	case "statement_exported":
		return "Took a statement out as a file"
	case "orders_exported":
		return "Took orders out as a file"
	case "product_added":
		return "Added a product"
	case "product_changed":
		return "Changed a product"
	case "product_archived":
		return "Archived a product"
	case "product_restored":
		return "Put a product on sale again"
	case "product_moved":
		return "Moved a product"
	case "redelivered":
		return "Read a callback again"
	case "line_tested":
		return "Tested a provider"
	case "packed":
		return "Packed an order"
	case "unpacked":
		return "Unpacked an order"
	case "shipped":
		return "Shipped an order"
	case "unshipped":
		return "Took back that an order was shipped"
	case "approval_asked":
		return "Asked a second person about a refund"
	case "approval_given":
		return "Approved a refund"
	case "approval_declined":
		return "Declined a refund"
	case "approval_withdrawn":
		return "Withdrew a refund"
	case "note":
		return "Wrote a note"
	case "recomputed":
		return "Recomputed an order from its history"
	case "mail_again":
		return "Sent a mail again"
	case "placed":
		return "Placed an order"
	case "payment_created":
		return "Began a payment"
	case "state":
		return "Moved a payment on"
	case "superseded":
		return "Turned to another payment"
	case "cancel_asked":
		return "Asked to cancel a payment"
	case "cancelled":
		return "Cancelled an order"
	case "expired":
		return "Let an order expire"
	case "attention":
		return "Changed what needs attention"
	case "operation":
		return "Asked a provider"
	case "dispute":
		return "Changed a dispute"
	case "accepted":
		return "Accepted what the inbox had"
	case "attached":
		return "Attached a payment to an order"
	case "contradiction":
		return "Found a contradiction"
	case "callback":
		return "Kept a callback"
	case "no_answer":
		return "Got no answer from a provider"
	case "provider_refused":
		return "Was refused by a provider"
	case "start":
		return "Start of a payment"
	case "capture":
		return "Capture"
	case "void":
		return "Release"
	case "refund":
		return "Refund"
	case "cancel":
		return "Cancellation of a payment"
	case "reverse":
		return "Reversal"
	case "received":
		return "Payment made outside"
	case "renew":
		return "Renewal"
	default:
		return string(a)
	}
}

// auditActions is every action that can be chosen, by its word.
var auditActions = []AuditAction{
	"signed_in", "sign_in_failed", "signed_out", "session_ended", "password_changed", "name_changed", "second_factor_on", "second_factor_off",
	"second_factor_reset", "recovery_codes_renewed", "staff_added", "staff_disabled", "staff_enabled", "role_changed", "staff_invited",
	"invitation_revoked", "invitation_accepted", "audit_exported", "orders_exported", "closes_exported", "statement_exported", "statement_read",
	"statement_removed", "settings_saved", "product_added", "product_changed", "product_archived", "product_restored", "product_moved", "redelivered",
	"line_tested", "packed", "unpacked", "shipped", "unshipped", "approval_asked", "approval_given", "approval_declined", "approval_withdrawn", "note",
	"recomputed", "mail_again", "state", "superseded", "cancel_asked", "cancelled", "attention", "accepted", "attached", "no_answer",
	"provider_refused", "capture", "void", "refund", "cancel", "reverse", "received",
}

// Known reports whether there is a word for it.
func (a AuditAction) Known() bool { return a.word() != string(a) }

// Offered reports whether it can be chosen.
func (a AuditAction) Offered() bool { return slices.Contains(auditActions, a) }

func (p AuditPage) page() ui.Page {
	return ui.Page{Name: "admin-audit", Title: "Audit", Quiet: true, Problem: len(p.problems()) > 0}
}

func (p AuditPage) problems() []ui.FieldProblem {
	return problemsOf([2]string{"from", p.FromProblem}, [2]string{"to", p.ToProblem})
}

// query is the filter as an address has it.
func (p AuditPage) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{"actor": p.Actor, "action": string(p.Action), "subject": p.Subject, "from": p.From, "to": p.To} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q
}

// Asked is the filter as one line, for the audit itself.
func (p AuditPage) Asked() string {
	var all []string
	for _, one := range [][2]string{{"actor", p.Actor}, {"action", string(p.Action)}, {"subject", p.Subject}, {"from", p.From}, {"to", p.To}} {
		if one[1] != "" {
			all = append(all, one[0]+" "+one[1])
		}
	}
	if len(all) == 0 {
		return "all of it"
	}
	return strings.Join(all, ", ")
}

func (p AuditPage) filtered() bool { return len(p.query()) > 0 }

// url is the list with the same filter at another place.
func (p AuditPage) url(cursor, value string) string {
	q := p.query()
	q.Set(cursor, value)
	return "/admin/audit?" + q.Encode()
}

// actor offers everybody, and keeps one that we do not know.
func (p AuditPage) actor() ui.Choice {
	c := ui.Choice{Name: "actor", Label: "Who", Value: p.Actor, Empty: "Everybody"}
	for _, one := range append(slices.Clone(p.Actors), "operator", "nobody") {
		c.Options = append(c.Options, ui.Option{Value: one, Label: actorTitle(one)})
	}
	if p.Actor != "" && !slices.ContainsFunc(c.Options, func(o ui.Option) bool { return o.Value == p.Actor }) {
		c.Options = append(c.Options, ui.Option{Value: p.Actor, Label: p.Actor})
	}
	return c
}

// actorTitle is who did something, as the pages call them.
func actorTitle(actor string) string {
	switch actor {
	case "operator":
		return "Whoever runs the shop"
	case "nobody":
		return "Nobody who was signed in"
	case "till":
		return "Till itself"
	default:
		return actor
	}
}

// action offers every action, and keeps one that we do not know.
func (p AuditPage) action() ui.Choice {
	c := ui.Choice{Name: "action", Label: "What", Value: string(p.Action), Empty: "Everything"}
	all := slices.Clone(auditActions)
	slices.SortFunc(all, func(a, b AuditAction) int { return strings.Compare(a.word(), b.word()) })
	if p.Action != "" && !p.Action.Offered() {
		all = append(all, p.Action)
	}
	for _, a := range all {
		c.Options = append(c.Options, ui.Option{Value: string(a), Label: a.word()})
	}
	return c
}

func (p AuditPage) subject() ui.Field {
	return ui.Field{Name: "subject", Label: "About", Value: p.Subject, MaxLength: 200, Autocomplete: "off", Hint: "An order’s number, or an address"}
}

func (p AuditPage) from() ui.Field {
	return ui.Field{Name: "from", Label: "First day", Type: "date", Value: p.From, Problem: p.FromProblem}
}

func (p AuditPage) to() ui.Field {
	return ui.Field{Name: "to", Label: "Last day", Type: "date", Value: p.To, Problem: p.ToProblem}
}

// detail is what else is known, in the words that an order's page has for it.
func (l AuditLine) detail() string {
	switch l.Action {
	case "start", "capture", "void", "refund", "cancel", "reverse", "received", "renew":
		first, rest, _ := strings.Cut(l.Detail, " ")
		if after, ok := strings.CutPrefix(l.Detail, newsOutside); ok {
			first, rest = newsOutside, strings.TrimSpace(after)
		}
		return with(upper(operationNews(OperationKind(l.Action), first)), ": ", spoken(rest))
	case "state":
		return with("", "The provider's word: ", quoted(l.Detail))
	default:
		return spoken(l.Detail)
	}
}

// about is what a line is about, and where that is; href is empty for what has
// no page.
func (l AuditLine) about() (text, href string) {
	if number, ok := strings.CutPrefix(l.Subject, "order "); ok && number != "" && strings.Trim(number, "0123456789") == "" {
		return "Order " + number, orderURL(number)
	}
	if email, ok := strings.CutPrefix(l.Subject, "staff "); ok {
		return email, ""
	}
	return l.Subject, ""
}
