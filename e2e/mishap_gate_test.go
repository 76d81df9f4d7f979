package e2e_test

import (
	"net/url"
	"testing"
)

// Everything that can go wrong at the Gate.
func TestMisdelivery_Gate(t *testing.T) {
	suite{
		provider: "gate", method: "gate:card", currencies: "EUR", mug: 2100, board: 5400, reply: "OK",
		alone: gateAlone(), together: gateTogether(), reserved: gateReserved(), manual: "GATE_CAPTURE=manual",
		never: map[string]string{
			"delete": "the shop cancels, and deletes nothing", "do": "subscriptions", "clients": "subscriptions", "cards": "subscriptions",
			"webhooks": "before anybody pays", "card_not_saved": "subscriptions", "saved_card_declined": "subscriptions",
			"saved_card_challenged": "subscriptions",
		},
	}.run(t)
}

func gateAlone() []mishap {
	lost := wish{Fault: "answer_lost", Endpoint: "create", Times: 1}
	return join(
		wires("create", 1, returns, paid(""), nil),
		[]mishap{
			{wish: wish{Fault: "amounts_as_strings", Endpoint: "create"}, story: returns, end: paid("")},
			{wish: wish{Fault: "create_number_taken", Times: 1}, story: returns, end: paid("")},
			{wish: wish{Fault: "search_ignores_number"}, story: returns, end: paid(""), beside: []wish{lost}},
		},
		wires("list", lasting, returns, paid(""), nil, lost),
	)
}

func gateTogether() []mishap {
	return join(
		bells("", "callback"), // a callback about the page may find that it is paid already
		[]mishap{
			{wish: wish{Fault: "callback_wrong_signature"}, story: leaves, end: paid(""), answer: 401},
			{wish: wish{Fault: "callback_no_signature"}, story: leaves, end: paid(""), answer: 401},
			{wish: wish{Fault: "callback_uppercase_signature"}, story: leaves, end: paid("callback"), answer: 200},
			{wish: wish{Fault: "callback_wrong_token"}, story: leaves, end: paid(""), answer: 401},
			{wish: wish{Fault: "callback_no_token"}, story: leaves, end: paid(""), answer: 401},
			{wish: wish{Fault: "callback_wrong_amount", Amount: "-1.00"}, story: leaves, end: paid("callback"), answer: 200},
			{wish: wish{Fault: "callback_wrong_currency", Word: "USD"}, story: leaves, end: paid("callback"), answer: 200},
			{wish: wish{Fault: "callback_wrong_number"}, story: leaves, end: paid("callback"), answer: 200},
			{wish: wish{Fault: "callback_wrong_id"}, story: leaves, end: paid(""), answer: 200},
			{wish: wish{Fault: "callback_wrong_status", Word: "cancelled"}, story: leaves, end: paid("callback"), answer: 200},
			{wish: wish{Fault: "callback_wrong_event"}, story: leaves, end: paid("callback"), answer: 200},
			{wish: wish{Fault: "callback_no_event"}, story: leaves, end: paid("callback"), answer: 200},
			{wish: wish{Fault: "callback_amounts_as_strings"}, story: leaves, end: paid("callback"), answer: 200},
			{wish: wish{Fault: "callback_huge"}, story: leaves, end: paid(""), answer: 413},

			{wish: wish{Fault: "order_no_page"}, story: isRefused, end: unpaid("failed", "did not accept")},
			{wish: wish{Fault: "order_foreign_page"}, story: isRefused, end: unpaid("failed", "did not accept")},
			{wish: wish{Fault: "order_wrong_amount", Amount: "1.00"}, story: returns, end: doubtful("in_progress", mismatch)},
			{wish: wish{Fault: "order_wrong_amount", Amount: "-1.00"}, story: leaves, end: doubtful("in_progress", mismatch)},
			{wish: wish{Fault: "order_wrong_currency", Word: "USD"}, story: returns, end: doubtful("in_progress", mismatch)},
			{wish: wish{Fault: "order_wrong_number"}, story: returns, end: unread("viewed", confirming)},
			{wish: wish{Fault: "order_stays_in_progress"}, story: staysApproved, end: unpaid("in_progress", confirming)},
			{wish: wish{Fault: "order_stays_in_progress"}, story: completesLater, end: paid("")},
			{wish: wish{Fault: "order_status", Word: "in_review"}, story: returns, end: unread("viewed", confirming)},
			{wish: wish{Fault: "order_status", Word: "withdrawn"}, story: returns, end: paid("")},
			{wish: wish{Fault: "buyer_abandons"}, story: walksAway, end: unpaid("viewed", "Nothing was charged")},
		},
		wires("read", lasting, returns, paid(""), nil),
		[]mishap{{wish: wish{Fault: "amounts_as_strings", Endpoint: "read"}, story: returns, end: paid("")}},
		wires("cancel", lasting, cancelsHere, unpaid("cancelled", "This order is cancelled"), nil),
		[]mishap{
			{wish: wish{Fault: "amounts_as_strings", Endpoint: "cancel"}, story: cancelsHere, end: unpaid("cancelled", "This order is cancelled")},
		},
		pages("page", returns, paid("")),
		pages("pay", returns, paid("")),
		pages("bank", isAsked, paid("")),
		wires("refund", 1, givesBack, gone, nil),
		wires("reverse", 1, undoes, undone, nil),
		wires("received", 1, isPaidCash, received, nil),
		[]mishap{
			{wish: wish{Fault: "amounts_as_strings", Endpoint: "refund"}, story: givesBack, end: gone},
			{wish: wish{Fault: "amounts_as_strings", Endpoint: "reverse"}, story: undoes, end: undone},
			{wish: wish{Fault: "amounts_as_strings", Endpoint: "received"}, story: isPaidCash, end: received},
			{wish: wish{Fault: "refund_refused", Times: 1}, story: givesBack, end: gone},
			{wish: wish{Fault: "refund_slow", Delay: "1s", Times: 1}, story: givesBack, end: gone},
			{wish: wish{Fault: "refund_fails", Delay: "1s", Times: 1}, story: givesBack, end: gone},
			{wish: wish{Fault: "reversal_refused", Times: 1}, story: undoes, end: undone},
			{wish: wish{Fault: "reversal_slow", Delay: "1s", Times: 1}, story: undoes, end: undone},
			{wish: wish{Fault: "reversal_fails", Delay: "1s", Times: 1}, story: undoes, end: undone},
			{wish: wish{Fault: "cancel_refused", Times: 1}, story: cancelsHere, end: unpaid("cancelled", "This order is cancelled")},
			{wish: wish{Fault: "order_not_listed"}, story: returns, end: paid("")},
		},
		[]mishap{
			{story: returns, end: paid("")},
			{story: triesAgain, end: paid("")},
			{story: isAsked, end: paid("")},
			{story: paidAfterCancelHere, end: ending{status: "cancelled", says: "This order is cancelled", paid: true, captured: 1}},
			{story: paidThenLess, end: ending{status: "paid", says: thanks, attention: "The provider contradicts itself", paid: true, captured: 1}},
			{wish: wish{Fault: "answer_lost", Endpoint: "read"}, story: hiddenSuccess, end: paid("")},
		},
	)
}

func gateReserved() []mishap {
	return join(
		wires("capture", 1, takesIt, paid(""), nil),
		wires("cancel", 1, releases, unpaid("issued", "This order is not paid yet"), nil),
		[]mishap{
			{wish: wish{Fault: "amounts_as_strings", Endpoint: "capture"}, story: takesIt, end: paid("")},
			{wish: wish{Fault: "capture_refused", Times: 1}, story: takesIt, end: paid("")},
			{wish: wish{Fault: "capture_untold"}, story: takesPart, end: paid("")},
			{wish: wish{Fault: "cancel_refused", Times: 1}, story: releases, end: unpaid("issued", "This order is not paid yet")},
			{wish: wish{Fault: "hold_lapses", Delay: "1s"}, story: lapses, end: unpaid("issued", "This order is not paid yet")},
		},
	)
}

// takesPart takes less than what was reserved.
func takesPart(v *visit) {
	returns(v)
	v.sees(v.order, "hold", patience)
	v.staff.acts(v.get(v.order).orderNumber(), "captures", url.Values{"amount": {"10.00"}})
}

// lapses reserves money, and nobody takes it in time.
func lapses(v *visit) {
	returns(v)
	eventually(v.t(), patience, "the reservation has lapsed", func() (string, bool) {
		o := v.only()
		return o.Status, o.Status == "cancelled"
	})
	if number := v.get(v.order).orderNumber(); v.staff.canAsk(number) {
		v.staff.asks(number)
	}
}

// isAsked is returns with a card whose bank asks first.
func isAsked(v *visit) {
	v.goes()
	v.comesBack(v.decides(v.provider, "ask"))
}
