package e2e_test

import "testing"

// Everything that can go wrong at a Payment Gateway Manager.
func TestMisdelivery_PGM(t *testing.T) {
	suite{
		provider: "pgm", method: "pgm:stripe/credit-cards", currencies: "EUR", mug: 2100, board: 5400, reply: "{}",
		alone: pgmAlone(), together: pgmTogether(),
		never: map[string]string{
			"check": "the shop asks for the status", "pay_by_link": "links", "schedule": "subscriptions", "start": "subscriptions", "charge": "subscriptions",
			"update": "subscriptions", "subscription": "subscriptions", "expire": "subscriptions", "link_result_only": "links",
			"subscription_no_token": "subscriptions", "renewal_fails": "subscriptions", "subscription_status": "subscriptions",
			"subscription_wrong_token": "subscriptions", "subscription_odd_types": "subscriptions", "update_ko": "subscriptions",
			"expire_ko": "subscriptions", "expire_not_found": "subscriptions",
		},
	}.run(t)
}

// A payment whose start had no answer cannot be looked up: nothing is sent again,
// and a person is told.
var neverAnswered = ending{status: "in_progress", says: looking, attention: "The provider never answered"}

func pgmTakesBack(v *visit) { isTakenBack(v, "FAILED") }

func pgmAlone() []mishap {
	return join(
		only(wires("pay", 1, returns, paid(""), nil), "rate_limited", "unauthorised", "forbidden"),
		only(wires("pay", 1, hasNoAnswer, neverAnswered, nil),
			"unavailable", "broken", "connection_cut", "slow", "answer_lost", "answer_not_json", "answer_huge"),
		[]mishap{
			{wish: wish{Fault: "bad_gateway", Endpoint: "pay", Times: 1}, story: hasNoAnswer, end: neverAnswered},
			{wish: wish{Fault: "service_timeout", Endpoint: "pay", Times: 1}, story: hasNoAnswer, end: neverAnswered},
		},
		// A refund names its payment in the body, where no fault is aimed by.
		wires("refund", 1, givesBack, gone, nil),
		[]mishap{
			{wish: wish{Fault: "bad_gateway", Endpoint: "refund", Times: 1}, story: givesBack, end: gone},
			{wish: wish{Fault: "service_timeout", Endpoint: "refund", Times: 1}, story: givesBack, end: gone},
			{wish: wish{Fault: "not_implemented", Endpoint: "refund", Times: 1}, story: givesBack, end: gone},
		},
	)
}

func pgmTogether() []mishap {
	refusedThere := unpaid("failed", "This order is not paid yet")
	return join(
		bells("timer", "callback"),
		[]mishap{
			{wish: wish{Fault: "callback_v2"}, story: leaves, end: paid("callback"), answer: 200},
			{wish: wish{Fault: "callback_wrong_secret"}, story: leaves, end: paid("timer"), answer: 401},
			{wish: wish{Fault: "callback_no_secret"}, story: leaves, end: paid("timer"), answer: 401},
			{wish: wish{Fault: "callback_wrong_status", Word: "FAILED"}, story: leaves, end: paid("callback"), answer: 200},
			{wish: wish{Fault: "callback_wrong_id"}, story: leaves, end: paid("timer"), answer: 200},
			{wish: wish{Fault: "callback_wrong_shop_id"}, story: leaves, end: paid("callback"), answer: 200},
			{wish: wish{Fault: "callback_no_action"}, story: leaves, end: paid("callback"), answer: 200},
			{wish: wish{Fault: "callback_no_ids"}, story: leaves, end: paid("timer"), answer: 400},
			{wish: wish{Fault: "callback_not_json"}, story: leaves, end: paid("timer"), answer: 400},
			{wish: wish{Fault: "callback_huge"}, story: leaves, end: paid("timer"), answer: 413},

			{wish: wish{Fault: "pay_ok"}, story: isPaidAtOnce, end: paid("")},
			{wish: wish{Fault: "pay_ok_not_paid"}, story: isDecidedLater, end: unread("in_progress", confirming)},
			{wish: wish{Fault: "pay_pending"}, story: isDecidedLater, end: unread("in_progress", confirming)},
			{wish: wish{Fault: "pay_ko"}, story: isRefused, end: refusedThere},
			{wish: wish{Fault: "pay_ko_bare"}, story: isRefused, end: refusedThere},
			{wish: wish{Fault: "pay_result", Word: "CHALLENGE", Times: 1}, story: returns, end: paid("")},
			{wish: wish{Fault: "pay_no_page"}, story: isRefused, end: refusedThere},
			{wish: wish{Fault: "pay_app_page"}, story: isRefused, end: refusedThere},
			{wish: wish{Fault: "pay_mobile_page"}, story: returns, end: paid("")},
			{wish: wish{Fault: "pay_foreign_page"}, story: isRefused, end: refusedThere},
			{wish: wish{Fault: "pay_no_id"}, story: hasNoAnswer, end: neverAnswered},
			{wish: wish{Fault: "payment_stays_pending"}, story: returns, end: unread("viewed", "This order is not paid yet")},
			{wish: wish{Fault: "payment_stays_pending"}, story: inTurn(returns, portal("complete", "")), end: paid("")},
			{wish: wish{Fault: "payment_fails_later", Delay: "1s"}, story: returns, end: refusedThere},
			{wish: wish{Fault: "payment_status", Word: "IN_REVIEW"}, story: returns, end: unread("viewed", confirming)},
			{wish: wish{Fault: "buyer_abandons"}, story: walksAway, end: unpaid("viewed", "Nothing was charged")},
			{story: returns, end: paid("")},
			{story: pgmTakesBack, end: ending{status: "paid", says: thanks, attention: "The provider contradicts itself", captured: 1}},
			{wish: wish{Fault: "answer_lost", Endpoint: "status"}, story: hiddenSuccess, end: paid("")},
		},
		wires("status", lasting, returns, paid(""), nil),
		[]mishap{
			{wish: wish{Fault: "bad_gateway", Endpoint: "status", Times: lasting}, story: returns, end: paid("")},
			{wish: wish{Fault: "service_timeout", Endpoint: "status", Times: lasting}, story: returns, end: paid("")},
			{wish: wish{Fault: "not_implemented", Endpoint: "status", Times: 1}, story: returns, end: paid("")},
			{wish: wish{Fault: "status_odd_types", Endpoint: "status"}, story: returns, end: paid("")},
			{wish: wish{Fault: "status_no_action", Endpoint: "status"}, story: returns, end: paid("")},
			{wish: wish{Fault: "status_wrong_id", Endpoint: "status"}, story: returns, end: unread("viewed", confirming)},
			{wish: wish{Fault: "status_wrong_shop_id", Endpoint: "status"}, story: returns, end: unread("viewed", confirming)},
			{wish: wish{Fault: "status_no_ids", Endpoint: "status"}, story: returns, end: unread("viewed", confirming)},
		},
		[]mishap{
			{wish: wish{Fault: "refund_ko", Times: 1}, story: givesBack, end: gone},
			{wish: wish{Fault: "refund_pending", Delay: "1s", Times: 1}, story: givesBack, end: gone},
			{wish: wish{Fault: "refund_fails_later", Delay: "1s", Times: 1}, story: givesBack, end: gone},
			{
				wish: wish{Fault: "refund_done_then_fails", Delay: "1s", Times: 1}, story: inTurn(returns, refund("")),
				end: ending{status: "refund_reversed", says: "The money we sent back came back to us", attention: "A refund came back", paid: true, captured: 1},
			},
			{wish: wish{Fault: "refund_calls_back"}, story: givesBack, end: gone},
			{wish: wish{Fault: "refund_result", Word: "QUEUED", Times: 1}, story: inTurn(returns, refund(""), portal("refund_done", "")), end: gone},
			{wish: wish{Fault: "status_stays_payment", Endpoint: "status"}, story: givesBack, end: gone},
		},
		pages("page", returns, paid("")),
		pages("decide", returns, paid("")),
	)
}
