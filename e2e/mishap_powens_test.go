package e2e_test

import (
	"strings"
	"testing"
)

// Everything that can go wrong at Powens.
func TestMisdelivery_Powens(t *testing.T) {
	suite{
		provider: "powens", method: "powens", currencies: "EUR", mug: 2100, board: 5400, reply: "OK",
		alone: powensAlone(), together: powensTogether(),
		never: map[string]string{
			"connectors": "the buyer chooses the bank there", "connectors_flattened": "the buyer chooses the bank there",
			"webhooks": "the key is a setting", "makelink": "payment links", "listlinks": "payment links", "readlink": "payment links", "revoke": "payment links",
		},
	}.run(t)
}

func powensTakesBack(v *visit) { isTakenBack(v, "rejected") }

// The bank asks the shopper whether the transfer is to be cancelled.
func agreesToCancel(v *visit) {
	v.goes()
	if p := v.follow(v.post(v.order+"/cancel", map[string][]string{"then": {"order"}})); !strings.Contains(p.text(), "We could not cancel it") {
		v.t().Errorf("nothing says that it is not cancelled: %s", p)
	}
	v.box.decide(v.only().Ref, "cancel", "")
}

func powensAlone() []mishap {
	forgets := wish{Fault: "unauthorised", Endpoint: "create", Times: 1} // so that another token is asked for
	lost := wish{Fault: "answer_lost", Endpoint: "create", Times: 1}
	return join(
		wires("token", 1, returns, paid(""), nil, forgets),
		[]mishap{{wish: wish{Fault: "token_short", Delay: "1s"}, story: returns, end: paid(""), beside: []wish{forgets}}},
		wires("create", 1, returns, paid(""), nil),
		[]mishap{
			{wish: wish{Fault: "amounts_as_strings", Endpoint: "create"}, story: returns, end: paid("")},
			{wish: wish{Fault: "currency_as_text", Endpoint: "create"}, story: returns, end: paid("")},
			{wish: wish{Fault: "amounts_as_strings", Endpoint: "list"}, story: returns, end: paid(""), beside: []wish{lost}},
			{wish: wish{Fault: "currency_as_text", Endpoint: "list"}, story: returns, end: paid(""), beside: []wish{lost}},
			{wish: wish{Fault: "amount_cap"}, story: isRefused, end: unpaid("failed", "did not accept")},
		},
		wires("list", lasting, returns, paid(""), nil, lost),
	)
}

func powensTogether() []mishap {
	cancelled := unpaid("cancelled", "This order is cancelled")
	return join(
		bells("", "callback"), // a callback about the bank that was chosen may find that it is paid already
		[]mishap{
			{wish: wish{Fault: "callback_old_domain"}, story: returns, end: paid("")},
			{wish: wish{Fault: "callback_wrong_signature"}, story: leaves, end: paid(""), answer: 401},
			{wish: wish{Fault: "callback_no_signature"}, story: leaves, end: paid(""), answer: 401},
			{wish: wish{Fault: "callback_no_date"}, story: leaves, end: paid(""), answer: 401},
			{wish: wish{Fault: "callback_full_url"}, story: leaves, end: paid(""), answer: 401},
			{wish: wish{Fault: "callback_old_date", Delay: "10m"}, story: leaves, end: paid("callback"), answer: 200},
			{wish: wish{Fault: "callback_future_date", Delay: "10m"}, story: leaves, end: paid("callback"), answer: 200},
			{wish: wish{Fault: "callback_gzip"}, story: leaves, end: paid("callback"), answer: 200},
			{wish: wish{Fault: "callback_gzip_bomb"}, story: leaves, end: paid(""), answer: 401},
			{wish: wish{Fault: "callback_no_event_id"}, story: leaves, end: paid("callback"), answer: 200},
			{wish: wish{Fault: "callback_wrong_amount"}, story: leaves, end: paid("callback"), answer: 200},
			{wish: wish{Fault: "callback_wrong_currency"}, story: leaves, end: paid("callback"), answer: 200},
			{wish: wish{Fault: "callback_wrong_external_id"}, story: leaves, end: paid("callback"), answer: 200},
			{wish: wish{Fault: "callback_wrong_id", Word: "999999"}, story: leaves, end: paid(""), answer: 200},
			{wish: wish{Fault: "callback_wrong_status", Word: "rejected"}, story: leaves, end: paid("callback"), answer: 200},
			{wish: wish{Fault: "callback_amounts_as_strings"}, story: leaves, end: paid("callback"), answer: 200},
			{wish: wish{Fault: "callback_huge"}, story: leaves, end: paid(""), answer: 413},

			{wish: wish{Fault: "order_wrong_amount", Amount: "1.00"}, story: returns, end: doubtful("in_progress", mismatch)},
			{wish: wish{Fault: "order_wrong_currency", Word: "GBP"}, story: returns, end: doubtful("in_progress", mismatch)},
			{wish: wish{Fault: "order_wrong_beneficiary"}, story: returns, end: ending{status: "in_progress", says: looking, attention: mismatch, paid: true}},
			{wish: wish{Fault: "order_stays_pending"}, story: staysApproved, end: unread("in_progress", confirming)},
			{wish: wish{Fault: "order_stays_pending"}, story: completesLater, end: paid("")},
			{wish: wish{Fault: "order_accepted"}, story: returns, end: ending{status: "in_progress", says: accepted, attention: "The bank says no more", unread: true}},
			{wish: wish{Fault: "order_accepted"}, story: acceptedByStaff, end: ending{status: "paid", says: thanks, captured: 1, unread: true}},
			{wish: wish{Fault: "order_rejected", Word: "insufficientFunds"}, story: returns, end: unpaid("failed", "This order is not paid yet")},
			{wish: wish{Fault: "order_expired"}, story: returns, end: unpaid("issued", "This order is not paid yet")},
			{wish: wish{Fault: "order_status", Word: "in_review"}, story: returns, end: unread("viewed", confirming)},
			{wish: wish{Fault: "client_state_missing"}, story: returns, end: paid("")},
			{wish: wish{Fault: "cancel_not_supported"}, story: cannotCancel, end: paid("")},
			{wish: wish{Fault: "cancel_needs_buyer"}, story: agreesToCancel, end: unpaid("issued", "This order is not paid yet")},
			{wish: wish{Fault: "buyer_abandons"}, story: walksAway, end: unpaid("viewed", "Nothing was charged")},
			{story: returns, end: paid("")},
			{story: goesAway, end: unpaid("viewed", "Nothing was charged")},
			{story: cancelsThere, end: unpaid("issued", "This order is not paid yet")},
			{story: paidAfterCancelThere, end: paid("")},
			{story: paidAfterCancelHere, end: ending{status: "cancelled", says: "This order is cancelled", attention: "Paid after it was cancelled", paid: true, captured: 1}},
			{story: powensTakesBack, end: ending{status: "paid", says: thanks, attention: "The provider contradicts itself", captured: 1}},
			{story: paidTwice, end: ending{status: "paid", says: "more came than it costs", attention: "Paid twice", paid: true, captured: 2}},
			{wish: wish{Fault: "answer_lost", Endpoint: "read"}, story: hiddenSuccess, end: paid("")},
		},
		wires("scopedtoken", 2, returns, paid(""), nil),
		wires("read", lasting, returns, paid(""), nil),
		[]mishap{
			{wish: wish{Fault: "amounts_as_strings", Endpoint: "read"}, story: returns, end: paid("")},
			{wish: wish{Fault: "currency_as_text", Endpoint: "read"}, story: returns, end: paid("")},
			{wish: wish{Fault: "amounts_as_strings", Endpoint: "cancel"}, story: cancelsHere, end: cancelled},
			{wish: wish{Fault: "currency_as_text", Endpoint: "cancel"}, story: cancelsHere, end: cancelled},
		},
		wires("cancel", 1, cancelsHere, cancelled, nil),
		pages("page", returns, paid("")),
		pages("approve", returns, paid("")),
	)
}
