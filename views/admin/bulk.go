package admin

import (
	"strconv"

	"till/views/ui"
)

// BulkAction is something that can be done to many orders at once.
type BulkAction string

// The actions.
const (
	BulkPack   BulkAction = "pack"
	BulkShip   BulkAction = "ship"
	BulkCancel BulkAction = "cancel"
	BulkRefund BulkAction = "refund"
)

// NeedsWhy reports whether a reason is asked for.
func (a BulkAction) NeedsWhy() bool { return a == BulkCancel || a == BulkRefund }

func (a BulkAction) word() string {
	switch a {
	case BulkPack:
		return "Mark as packed"
	case BulkShip:
		return "Mark as shipped"
	case BulkCancel:
		return "Cancel"
	case BulkRefund:
		return "Give all money back"
	default:
		return string(a)
	}
}

// consequence is what the action means, as a sentence.
func (a BulkAction) consequence(mails bool) string {
	switch a {
	case BulkPack:
		return "The goods are marked as packed. Nobody is told."
	case BulkShip:
		if mails {
			return "The goods are marked as having left, and each shopper gets a mail that says so, once."
		}
		return "The goods are marked as having left. A mail to each shopper is written and kept: no mail server is set."
	case BulkCancel:
		return "The orders are closed for good. Where money is reserved it is released, and a provider that knows of the payment is asked to cancel it first."
	case BulkRefund:
		return "Each provider is asked to give back all that is left of the payment. That cannot be undone."
	default:
		return ""
	}
}

func (a BulkAction) kind() ui.Kind {
	if a.NeedsWhy() {
		return ui.Danger
	}
	return ui.Primary
}

// TrackingField is the name of the field for an order's tracking number.
func TrackingField(number string) string { return "tracking-" + number }

// SeenField is the name of the value that carries what was looked at.
func SeenField(number string) string { return "seen-" + number }

// BulkPage asks once more before something is done to many orders.
type BulkPage struct {
	Frame    Frame
	Action   BulkAction
	Key      string
	Back     string // the list that it comes from
	Rows     []BulkRow
	Left     []BulkRow // left out, with Why
	Totals   []string  // of Rows, one for each currency
	Mails    bool
	Carrier  string            // as typed
	Tracking map[string]string // as typed, by number
	Reason   string            // as typed
	Problems map[string]string // by field
}

// BulkRow is one of the orders.
type BulkRow struct {
	Number string
	Name   string
	Status Status
	Test   bool
	Amount string // that it is about, with currency
	Seen   string // the same, to be sent along
	Why    string // it is left out; empty when it is not
}

func (p BulkPage) page() ui.Page {
	return ui.Page{Name: "admin-orders-bulk", Title: p.title(), Quiet: true, Problem: len(p.Problems) > 0}
}

func (p BulkPage) title() string { return p.Action.word() + ": " + orders2(len(p.Rows)) }

func orders2(n int) string {
	if n == 1 {
		return "1 order"
	}
	return strconv.Itoa(n) + " orders"
}

func (p BulkPage) button() string { return p.Action.word() + ", " + orders2(len(p.Rows)) }

func (p BulkPage) carrier() ui.Field {
	return ui.Field{Name: "carrier", Label: "Carrier", Value: p.Carrier, Optional: true, Autocomplete: "off", MaxLength: 80, Hint: "For all of them", Problem: p.Problems["carrier"]}
}

func (p BulkPage) tracking(r BulkRow) ui.Field {
	name := TrackingField(r.Number)
	return ui.Field{Name: name, Label: "Tracking number of order " + r.Number, Value: p.Tracking[r.Number], Optional: true, Autocomplete: "off", MaxLength: 80, Problem: p.Problems[name]}
}

func (p BulkPage) reason() ui.Field {
	return ui.Field{Name: "reason", Label: "Reason", Value: p.Reason, Required: true, Autocomplete: "off", MaxLength: MaxReason, Hint: "For the record of every order. Shoppers do not see it", Problem: p.Problems["reason"]}
}

func (p BulkPage) problems() (all []ui.FieldProblem) {
	fields := []string{"carrier", "reason"}
	for _, r := range p.Rows {
		fields = append(fields, TrackingField(r.Number))
	}
	for _, f := range fields {
		if text := p.Problems[f]; text != "" {
			all = append(all, ui.FieldProblem{Field: f, Text: text})
		}
	}
	return all
}

func (r BulkRow) url() string { return orderURL(r.Number) }

// BulkOutcome is what became of one order.
type BulkOutcome string

// The outcomes.
const (
	BulkHappened BulkOutcome = "done"
	BulkUnderWay BulkOutcome = "under_way"
	BulkRefused  BulkOutcome = "refused"
	BulkSilent   BulkOutcome = "no_answer"
)

func (o BulkOutcome) word() string {
	switch o {
	case BulkHappened:
		return "Done"
	case BulkUnderWay:
		return "Under way"
	case BulkRefused:
		return "Not done"
	case BulkSilent:
		return "No answer"
	default:
		return string(o)
	}
}

func (o BulkOutcome) tone() ui.Tone {
	switch o {
	case BulkHappened:
		return ui.Good
	case BulkUnderWay:
		return ui.Info
	case BulkRefused, BulkSilent:
		return ui.Warn
	default:
		return ui.Plain
	}
}

// BulkResult is what came of it, order by order.
type BulkResult struct {
	Frame  Frame
	Action BulkAction
	Back   string
	Rows   []BulkResultRow
}

// BulkResultRow is what became of one order.
type BulkResultRow struct {
	Number  string
	Name    string
	Outcome BulkOutcome
	Text    string
}

func (p BulkResult) page() ui.Page {
	return ui.Page{Name: "admin-orders-bulk-done", Title: p.title(), Quiet: true}
}

func (p BulkResult) title() string {
	n := 0
	for _, r := range p.Rows {
		if r.Outcome == BulkHappened {
			n++
		}
	}
	return p.Action.word() + ": " + strconv.Itoa(n) + " of " + strconv.Itoa(len(p.Rows)) + " done"
}

func (r BulkResultRow) url() string { return orderURL(r.Number) }
