package admin

import (
	"net/url"

	"till/views/ui"
)

// RefundsPage is the list of refunds that were asked for, newest first.
type RefundsPage struct {
	Frame   Frame
	State   OperationState // the chosen one; empty for all
	Refunds []RefundRow
	Older   string // cursor for ?before=; empty on the last page
	Newer   string // cursor for ?after=; empty on the first page
	Any     bool   // whether a refund was ever asked for
}

// RefundRow is one refund of the list.
type RefundRow struct {
	Operation
	Order    string // number
	Test     bool
	Provider string // label
	Method   string // empty when the provider has one
}

func (p RefundsPage) page() ui.Page {
	return ui.Page{Name: "admin-refunds", Title: "Refunds", Quiet: true}
}

// turn is the list with the same filter at another place; empty for no place.
func (p RefundsPage) turn(cursor, value string) string {
	if value == "" {
		return ""
	}
	q := url.Values{cursor: {value}}
	if p.State != "" {
		q.Set("state", string(p.State))
	}
	return "/admin/refunds?" + q.Encode()
}

func (p RefundsPage) stateChoice() ui.Choice {
	return keeping(ui.Choice{Name: "state", Label: "State", Value: string(p.State), Empty: "All", Options: []ui.Option{
		{Value: string(OperationRequested), Label: "Asked for, or on its way"},
		{Value: string(OperationSucceeded), Label: OperationRefund.done()},
		{Value: string(OperationFailed), Label: Operation{State: OperationFailed}.state()},
		{Value: string(OperationUnknown), Label: Operation{State: OperationUnknown}.state()},
	}}, string(p.State))
}

// emptiness says why there is nothing to see: a title and a sentence.
func (p RefundsPage) emptiness() (title, text string) {
	switch {
	case !p.Any:
		return "No refunds yet", "A refund is asked for on the page of its order. Each appears here, with what came of it."
	case p.State != "":
		return "Nothing found", "No refund is like that right now."
	default:
		return "No more refunds", "There are none further this way."
	}
}

func (r RefundRow) orderURL() string { return orderURL(r.Order) }

func (r RefundRow) with() string { return with(r.Provider, ", ", r.Method) }

// pressing is why a person should look at it; empty when nobody must.
func (r RefundRow) pressing() string {
	switch r.State {
	case OperationUnknown:
		return "It may have happened or not. We ask; do not send it again."
	case OperationFailed:
		return "No money went back."
	case OperationRequested, OperationSucceeded:
		return ""
	default:
		return "We do not know this state."
	}
}
