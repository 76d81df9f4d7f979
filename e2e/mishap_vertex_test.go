package e2e_test

import (
	"fmt"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// Everything that can go wrong at Vertex Gateway.
func TestMisdelivery_Vertex(t *testing.T) {
	suite{
		provider: "vertex", method: "vertex:card/alps/lyra/cnp/redirect", currencies: "NZD", mug: 3800, board: 9600, reply: "",
		alone: vertexAlone(), together: vertexTogether(), reserved: vertexReserved(), manual: "VERTEX_CAPTURE=manual",
		never: map[string]string{
			"reject": "the shop cancels, and rejects nothing", "methods": "before anybody pays: TestMethods", "methods_none": "before anybody pays: TestMethods",
			"number_taken_is_409": "the shop looks for an order before it makes it a second time",
		},
	}.run(t)
}

// cleared has the money come at once, so that it need not be waited for.
var cleared = wish{Fault: "order_clears_after", Delay: "0s"}

func vertexAlone() []mishap {
	return join(
		wires("create", 1, returns, paid(""), nil, cleared),
		only(refusals("create", isRefused, unpaid("failed", "did not accept")), "refused", "precondition_failed", "unprocessable"),
		only(refusals("create", returns, paid(""), cleared), "conflict"), // it may be there already, so it is looked for
	)
}

// refusals are the answers of Vertex that say no in a way of their own.
func refusals(endpoint string, story func(*visit), end ending, beside ...wish) []mishap {
	var all []mishap
	for _, fault := range []string{"refused", "conflict", "precondition_failed", "unprocessable"} {
		all = append(all, mishap{wish: wish{Fault: fault, Endpoint: endpoint, Times: 1}, story: story, end: end, beside: beside})
	}
	return all
}

func vertexTogether() []mishap {
	all := join(
		bells("timer", "callback"),
		[]mishap{
			{wish: wish{Fault: "callback_wrong_signature"}, story: leaves, end: paid("timer"), answer: 401},
			{wish: wish{Fault: "callback_other_mode"}, story: leaves, end: paid("timer"), answer: 401},
			{wish: wish{Fault: "callback_no_signature"}, story: leaves, end: paid("timer"), answer: 401},
			{wish: wish{Fault: "callback_uppercase_signature"}, story: leaves, end: paid("callback"), answer: 200},
			{wish: wish{Fault: "callback_wrong_amount"}, story: leaves, end: paid("callback"), answer: 200},
			{wish: wish{Fault: "callback_wrong_currency", Word: "EUR"}, story: leaves, end: paid("callback"), answer: 200},
			{wish: wish{Fault: "callback_wrong_number"}, story: leaves, end: paid("callback"), answer: 200},
			{wish: wish{Fault: "callback_wrong_shop"}, story: leaves, end: paid("timer"), answer: 200},
			{wish: wish{Fault: "callback_wrong_status", Word: "cancelled"}, story: leaves, end: paid("callback"), answer: 200},
			{wish: wish{Fault: "callback_huge"}, story: leaves, end: paid("timer"), answer: 413},

			{wish: wish{Fault: "order_no_payment_link"}, story: isRefused, end: unpaid("failed", "did not accept")},
			{wish: wish{Fault: "order_foreign_payment_link"}, story: isRefused, end: unpaid("failed", "did not accept")},
			{wish: wish{Fault: "order_amount_changed", Amount: "100"}, story: returns, end: doubtful("in_progress", mismatch)},
			{wish: wish{Fault: "order_wrong_currency", Word: "EUR"}, story: returns, end: doubtful("in_progress", mismatch)},
			{wish: wish{Fault: "order_status", Word: "in_review"}, story: returns, end: unread("viewed", confirming)},
			{wish: wish{Fault: "buyer_abandons"}, story: walksAway, end: unpaid("viewed", "Nothing was charged")},
			{story: returns, end: paid("")},
			{story: goesAway, end: unpaid("viewed", "Nothing was charged")},
			{story: paidAfterCancelHere, end: ending{status: "cancelled", says: "This order is cancelled", paid: true, captured: 1}},
			{story: paidThenLess, end: ending{status: "paid", says: thanks, attention: "The provider waits for you", captured: 1, paid: true}},
			{wish: wish{Fault: "answer_lost", Endpoint: "read"}, story: hiddenSuccess, end: paid("")},
		},
		wires("read", lasting, returns, paid(""), nil),
		refusals("read", returns, paid("")),
		[]mishap{
			{wish: wish{Fault: "read_amounts_as_numbers"}, story: returns, end: paid("")},
			{wish: wish{Fault: "read_older_spelling"}, story: returns, end: paid("")},
			{wish: wish{Fault: "read_other_payment_words"}, story: returns, end: paid("")},
			{wish: wish{Fault: "read_without_payments"}, story: returns, end: paid("")},
		},
		wires("cancel", lasting, cancelsHere, unpaid("cancelled", "This order is cancelled"), nil),
		refusals("cancel", cancelsHere, unpaid("cancelled", "This order is cancelled")),
		wires("refund", 1, givesBack, gone, nil),
		refusals("refund", givesBack, gone),
		[]mishap{
			{wish: wish{Fault: "refund_refused", Times: 1}, story: givesBack, end: gone},
			{wish: wish{Fault: "refund_pending", Delay: "1s", Times: 1}, story: givesBack, end: gone},
			{wish: wish{Fault: "refund_fails_later", Delay: "1s", Times: 1}, story: givesBack, end: gone},
			{wish: wish{Fault: "done_later", Endpoint: "cancel", Delay: "1s"}, story: cancelsHere, end: unpaid("cancelled", "This order is cancelled")},
		},
		pages("page", returns, paid("")),
		pages("pay", returns, paid("")),
	)
	for i := range all {
		all[i].beside = append(all[i].beside, cleared)
	}
	return join(all, []mishap{
		// Days go by until the money is there, or is not.
		{wish: wish{Fault: "order_clears_after", Delay: "24h"}, story: returns, end: unread("in_progress", clearing)},
		{wish: wish{Fault: "order_clears_after", Delay: "24h"}, story: inTurn(returns, portal("complete", "")), end: paid("callback")},
		{wish: wish{Fault: "order_never_clears"}, story: returns, end: unread("in_progress", clearing)},
		{wish: wish{Fault: "order_fails_clearing"}, story: clearingFails, end: unpaid("failed", "This order is not paid yet")},
		{wish: wish{Fault: "order_needs_action"}, story: waitsForStaff, end: ending{status: "in_progress", says: looking, attention: "The provider waits for you", paid: true, captured: 1, unread: true}, beside: []wish{cleared}},
	})
}

func vertexReserved() []mishap {
	free := unpaid("issued", "This order is not paid yet")
	all := join(
		wires("capture", 1, takesIt, paid(""), nil),
		refusals("capture", takesIt, paid("")),
		wires("cancel", 1, releases, free, nil),
		[]mishap{
			{wish: wish{Fault: "done_later", Endpoint: "capture", Delay: "1s"}, story: takesIt, end: paid("")},
			{wish: wish{Fault: "done_later", Endpoint: "cancel", Delay: "1s"}, story: releases, end: free},
		},
	)
	for i := range all {
		all[i].beside = append(all[i].beside, cleared)
	}
	return all
}

// Vertex is asked what a shopper can choose from, once in a while, and that goes
// wrong: there is a way to pay with it all the same, unless it says that there
// is none.
func TestMethods(t *testing.T) {
	t.Parallel()
	h := furnish(t, "sqlite", "NZD", nil, "vertex")
	lines := join(wires("methods", lasting, returns, paid(""), nil), refusals("methods", returns, paid("")), []mishap{{wish: wish{Fault: "methods_none"}, story: returns}})
	for i, m := range lines {
		t.Run(m.name(), func(t *testing.T) {
			h := h.lent(t)
			h.serve.kill() // it knows the list already
			h.box.allIsWell()
			before := h.box.struck()
			h.box.goesWrong(m.wish)
			h.open()
			v := &visit{house: h, shopper: newShopper(t, h.url), email: fmt.Sprintf("buyer-%d@example.test", i)}
			v.shops()
			at := v.get("/checkout")
			if h.box.struck() == before {
				t.Error("it did not strike, so nothing was tried")
			}
			h.box.goesWrong(cleared)
			if m.wish.Fault == "methods_none" {
				if _, ok := at.form("/checkout"); ok || !strings.Contains(at.text(), "We cannot take NZD at the moment") {
					t.Errorf("there is a way to pay: %s", at)
				}
				return
			}
			ways := nodes(at.doc, func(n *html.Node) bool { return value(n, "name") == "method" })
			if len(ways) == 0 {
				t.Fatalf("there is no way to pay: %s", at)
			}
			v.method = value(ways[0], "value")
			v.provider = v.post("/checkout", v.details(v.email)).to
			v.order = v.latestOrder()
			v.comesBack(v.decides(v.provider, "approve"))
			v.sees(v.order, "paid", patience)
		})
	}
}
