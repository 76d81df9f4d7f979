package pgm

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"till/sandbox/world"
)

// Names of the faults that an endpoint looks for itself.
const (
	payKOBare     = "pay_ko_bare"
	staysPayment  = "status_stays_payment"
	oddTypes      = "status_odd_types"
	buyerAbandons = "buyer_abandons"

	linkResult     = "link_result_only"
	subNoToken     = "subscription_no_token"
	subStatus      = "subscription_status"
	subWrongToken  = "subscription_wrong_token"
	subOddTypes    = "subscription_odd_types"
	renewalFails   = "renewal_fails"
	updateKO       = "update_ko"
	expireKO       = "expire_ko"
	expireNotFound = "expire_not_found"
)

// faults is everything that can go wrong, as lists: adding one is adding a
// value.
type faults struct {
	wires    []world.Wire
	plain    []world.Fault // looked for by name where they strike
	payments []paymentFault
	refunds  []refundFault
	answers  []answerFault
	letters  []letterFault
	post     []world.Callback
	sequels  []sequelFault
}

// paymentFault changes a payment when it is made, or how its approval ends.
type paymentFault struct {
	world.Fault
	create  func(world.Rule, *payment, *ending)
	approve func(world.Rule, *ending)
}

// refundFault changes how a refund goes.
type refundFault struct {
	world.Fault
	change func(world.Rule, *outcome)
}

// answerFault changes what status and check say.
type answerFault struct {
	world.Fault
	change func(world.Rule, *wireStatus)
}

// letterFault changes a notification, or the address that it goes to.
type letterFault struct {
	world.Fault
	change func(world.Rule, *letter)
}

// sequelFault sends notifications about old states after the true one.
type sequelFault struct {
	world.Fault
	words func(past []string) []string // past has the latest first
}

func (f faults) catalogue() []world.Fault {
	var all []world.Fault
	for _, x := range f.wires {
		all = append(all, x.Fault)
	}
	all = append(all, f.plain...)
	for _, x := range f.payments {
		all = append(all, x.Fault)
	}
	for _, x := range f.refunds {
		all = append(all, x.Fault)
	}
	for _, x := range f.answers {
		all = append(all, x.Fault)
	}
	for _, x := range f.post {
		all = append(all, x.Fault)
	}
	for _, x := range f.sequels {
		all = append(all, x.Fault)
	}
	for _, x := range f.letters {
		all = append(all, x.Fault)
	}
	return all
}

func (p *Provider) allFaults() faults {
	api := []string{
		"pay", "refund", "status", "check", "pay_by_link", "schedule", "start", "charge", "update", "subscription", "expire",
	}
	return faults{
		wires:    append(p.world.Wires(api, []string{"page", "decide"}), ownWires(api)...),
		plain:    append(plainFaults(), subscriptionFaults()...),
		payments: append(createFaults(), approveFaults()...),
		refunds:  refundFaults(),
		answers:  answerFaults(),
		letters:  letterFaults(),
		post:     world.Callbacks(),
		sequels:  sequelFaults(),
	}
}

func ownWires(api []string) []world.Wire {
	before := func(name, says string, endpoints []string, answer func() world.Answer) world.Wire {
		return world.Wire{
			Fault:  world.Fault{Name: name, Says: says, Strikes: "wire", Endpoints: endpoints},
			Before: func(world.Rule) (world.Answer, bool) { return answer(), true },
		}
	}
	return []world.Wire{
		before("unauthorised", "The key is not accepted: 401, and nothing is done.", api, unauthorised),
		before("forbidden", "The caller is not allowed to: 403, and nothing is done.", api, func() world.Answer {
			return refusal(http.StatusForbidden, "the caller is not allowed to")
		}),
		before("bad_gateway", "The service behind answers badly: 502, and nothing is done.", api, func() world.Answer {
			return refusal(http.StatusBadGateway, "the service answered badly")
		}),
		before("not_implemented", "The provider has no such operation: 501.", api[1:], func() world.Answer {
			return refusal(http.StatusNotImplemented, "the provider does not support this operation")
		}),
		{
			Fault: world.Fault{
				Name: "service_timeout", Says: "The work is done, but the gateway manager did not hear of it in time: 504.", Strikes: "wire", Endpoints: api,
			},
			After: func(_ context.Context, _ world.Rule, a world.Answer) world.Answer {
				late := refusal(http.StatusGatewayTimeout, "the service did not answer in time")
				late.Order, late.External = a.Order, a.External
				return late
			},
		},
	}
}

func plainFaults() []world.Fault {
	return []world.Fault{
		{Name: payKOBare, Says: "Paying is refused with KO and no payment id: nothing is made.", Strikes: "order"},
		{
			Name: staysPayment, Says: "After a refund, status goes on to tell of the payment; only callbacks tell of the refund.",
			Strikes: "order", Endpoints: []string{"status", "check"},
		},
		{
			Name: oddTypes, Says: "A status has fields of odd types, and new ones.", Strikes: "wire", Endpoints: []string{"status", "check"},
		},
		{
			Name: buyerAbandons, Says: "Whatever the buyer presses, they have left: nothing is decided and nobody is sent back.", Strikes: "buyer",
		},
	}
}

// subscriptionFaults are those of links and subscriptions.
func subscriptionFaults() []world.Fault {
	word := func(fallback, says string) []world.Param {
		return []world.Param{{Name: world.Word, Default: fallback, Says: says, Check: checkWord}}
	}
	return []world.Fault{
		{Name: linkResult, Says: "The answer of pay-by-link has result alone, as the page's prose says, and no resultCode.", Strikes: "order"},
		{Name: subNoToken, Says: "Neither the answer to a subscription nor a status tells its token.", Strikes: "order"},
		{Name: renewalFails, Says: "The charge of a subscription that is due fails: PAST_DUE, tried again a day later, and three times in vain CANCELED.", Strikes: "order"},
		{Name: subStatus, Says: "A subscription's status is another word.", Strikes: "wire", Takes: word("PAUSED", "the word")},
		{Name: subWrongToken, Says: "A subscription's status names another subscription.", Strikes: "wire", Takes: word("another-subscription", "the token that it names")},
		{Name: subOddTypes, Says: "A subscription's status has no token, fields of odd types, and new ones.", Strikes: "wire"},
		{Name: updateKO, Says: "Changing a subscription is answered KO: nothing is changed.", Strikes: "order"},
		{Name: expireKO, Says: "Ending a subscription is answered 200 and KO: it goes on.", Strikes: "order"},
		{Name: expireNotFound, Says: "Ending a subscription by DELETE is answered 404, as by a router that has only the POST, and POST works.", Strikes: "wire"},
	}
}

// laterParam is how long something takes.
func laterParam(says string) world.Param {
	return world.Param{Name: world.Delay, Default: "0s", Says: says + "; 0s is not before it is told to"}
}

func createFaults() []paymentFault {
	fault := func(name, says string, takes ...world.Param) world.Fault {
		return world.Fault{Name: name, Says: says, Strikes: "order", Takes: takes}
	}
	empty := ""
	return []paymentFault{
		{
			Fault:  fault("pay_ok", "Paying is answered OK, without a page, and it is paid."),
			create: func(_ world.Rule, pay *payment, _ *ending) { pay.result, pay.status = resultOK, accepted },
		},
		{
			Fault: fault("pay_ok_not_paid", "Paying is answered OK, but its status is PENDING, and then FAILED.", laterParam("until it fails")),
			create: func(r world.Rule, pay *payment, e *ending) {
				pay.result, pay.status = resultOK, pending
				e.status, e.later = failed, time.Duration(r.Delay)
			},
		},
		{
			Fault: fault("pay_pending", "Paying is answered PENDING, without a page, and is paid later.", laterParam("until it is paid")),
			create: func(r world.Rule, pay *payment, e *ending) {
				pay.result, pay.status = pending, pending
				e.status, e.later = accepted, time.Duration(r.Delay)
			},
		},
		{
			Fault:  fault("pay_ko", "Paying is answered KO, with a payment id, and is FAILED."),
			create: func(_ world.Rule, pay *payment, _ *ending) { pay.result, pay.status = resultKO, failed },
		},
		{
			Fault: fault("pay_result", "Paying is answered with a result that no page names, and is PENDING.",
				world.Param{Name: world.Word, Default: "CHALLENGE", Says: "the result", Check: checkWord}),
			create: func(r world.Rule, pay *payment, _ *ending) { pay.result, pay.status = r.Word, pending },
		},
		{
			Fault:  fault("pay_no_page", "The buyer is to be redirected, but neither address comes."),
			create: func(_ world.Rule, pay *payment, _ *ending) { pay.webURL, pay.mobileURL = &empty, &empty },
		},
		{
			Fault: fault("pay_app_page", "The buyer is to be redirected, but only to an app."),
			create: func(_ world.Rule, pay *payment, _ *ending) {
				app := "provider-app://payments/" + pay.id
				pay.webURL, pay.mobileURL = &empty, &app
			},
		},
		{
			Fault: fault("pay_mobile_page", "Only the address for phones comes, and it is a web page."),
			create: func(_ world.Rule, pay *payment, _ *ending) {
				page := pay.page()
				pay.webURL, pay.mobileURL = &empty, &page
			},
		},
		{
			Fault: fault("pay_foreign_page", "The buyer is to be redirected to a foreign host.",
				world.Param{Name: world.Word, Default: "https://pay.example.net", Says: "scheme and host", Check: checkURL}),
			create: func(r world.Rule, pay *payment, _ *ending) {
				page := r.Word + "/page/" + pay.id
				pay.webURL = &page
			},
		},
		{
			Fault:  fault("pay_no_id", "The payment is made, but the answer has no payment id."),
			create: func(_ world.Rule, pay *payment, _ *ending) { pay.nameless = true },
		},
	}
}

func approveFaults() []paymentFault {
	fault := func(name, says string, takes ...world.Param) world.Fault {
		return world.Fault{Name: name, Says: says, Strikes: "order", Takes: takes}
	}
	return []paymentFault{
		{
			Fault:   fault("payment_stays_pending", "After the buyer's consent the payment rests at PENDING.", laterParam("until it is paid after all")),
			approve: func(r world.Rule, e *ending) { e.rests, e.later = true, time.Duration(r.Delay) },
		},
		{
			Fault:   fault("payment_fails_later", "After the buyer's consent the payment rests at PENDING, and then fails.", laterParam("until it fails")),
			approve: func(r world.Rule, e *ending) { e.status, e.rests, e.later = failed, true, time.Duration(r.Delay) },
		},
		{
			Fault: fault("payment_status", "After the buyer's consent the status is another word than ACCEPTED.",
				world.Param{Name: world.Word, Default: "IN_REVIEW", Says: "the word", Check: checkWord}),
			approve: func(r world.Rule, e *ending) { e.status, e.later = r.Word, 0 },
		},
	}
}

func refundFaults() []refundFault {
	fault := func(name, says string, takes ...world.Param) world.Fault {
		return world.Fault{Name: name, Says: says, Strikes: "order", Takes: takes}
	}
	return []refundFault{
		{
			fault("refund_ko", "A refund is answered KO: there is none."),
			func(_ world.Rule, o *outcome) { o.result, o.status = resultKO, "" },
		},
		{
			fault("refund_pending", "A refund is answered PENDING, and goes back later.", laterParam("until it has gone back")),
			func(r world.Rule, o *outcome) {
				o.result, o.status, o.end, o.later = pending, pending, accepted, time.Duration(r.Delay)
			},
		},
		{
			fault("refund_fails_later", "A refund is answered PENDING, and fails later.", laterParam("until it fails")),
			func(r world.Rule, o *outcome) {
				o.result, o.status, o.end, o.later = pending, pending, failed, time.Duration(r.Delay)
			},
		},
		{
			fault("refund_done_then_fails", "A refund is answered OK, and fails later all the same.", laterParam("until it fails")),
			func(r world.Rule, o *outcome) { o.end, o.later = failed, time.Duration(r.Delay) },
		},
		{
			fault("refund_calls_back", "A refund is answered OK, and a callback tells of it besides."),
			func(_ world.Rule, o *outcome) { o.tell = true },
		},
		{
			fault("refund_result", "A refund is answered with a result that no page names, and is PENDING.",
				world.Param{Name: world.Word, Default: "QUEUED", Says: "the result", Check: checkWord}),
			func(r world.Rule, o *outcome) { o.result, o.status = r.Word, pending },
		},
	}
}

func answerFaults() []answerFault {
	fault := func(name, says string, takes ...world.Param) world.Fault {
		return world.Fault{Name: name, Says: says, Strikes: "wire", Takes: takes, Endpoints: []string{"status", "check"}}
	}
	word := func(fallback, says string) world.Param {
		return world.Param{Name: world.Word, Default: fallback, Says: says, Check: checkWord}
	}
	return []answerFault{
		{
			fault("status_no_action", "A status has neither action nor metadata, as before version 3.2."),
			func(_ world.Rule, s *wireStatus) { s.Action, s.Metadata = "", nil },
		},
		{
			fault("status_wrong_id", "A status names another payment.", word("another-payment", "the paymentId that it names")),
			func(r world.Rule, s *wireStatus) { s.PaymentID = r.Word },
		},
		{
			fault("status_wrong_shop_id", "A status names another payment of the shop.", word("no-such-order", "the shopTransactionId that it names")),
			func(r world.Rule, s *wireStatus) { s.ShopID = r.Word },
		},
		{
			fault("status_no_ids", "A status does not say which payment it is about."),
			func(_ world.Rule, s *wireStatus) { s.PaymentID, s.ShopID = "", "" },
		},
	}
}

func sequelFaults() []sequelFault {
	delay := func(fallback, says string) []world.Param {
		return []world.Param{{Name: world.Delay, Default: fallback, Says: says}}
	}
	return []sequelFault{
		{
			world.Fault{
				Name: "callback_out_of_order", Says: "After the true callback come those about the earlier states, the oldest last.",
				Strikes: "callback", Takes: delay("0s", "how long after one another"),
			},
			func(past []string) []string { return past },
		},
		{
			world.Fault{
				Name: "callback_stale_replay", Says: "Some time after the true callback comes one about the first state.",
				Strikes: "callback", Takes: delay("5s", "how long after"),
			},
			func(past []string) []string { return past[max(0, len(past)-1):] },
		},
	}
}

func letterFaults() []letterFault {
	fault := func(name, says string, takes ...world.Param) world.Fault {
		return world.Fault{Name: name, Says: says, Strikes: "callback", Takes: takes, ByHand: true}
	}
	word := func(fallback, says string) world.Param {
		return world.Param{Name: world.Word, Default: fallback, Says: says, Check: checkWord}
	}
	return []letterFault{
		{
			fault("callback_v2", "The callback is in the spelling of version 2."),
			func(_ world.Rule, l *letter) { l.v2 = true },
		},
		{
			fault("callback_wrong_secret", "The callback goes to an address with another secret."),
			func(_ world.Rule, l *letter) { l.url = withoutLast(l.url) + "/sbx-pgm-callback-x" },
		},
		{
			fault("callback_no_secret", "The callback goes to an address without a secret."),
			func(_ world.Rule, l *letter) { l.url = withoutLast(l.url) },
		},
		{
			fault("callback_wrong_status", "The callback tells a status that the payment does not have.", word(failed, "the status that it tells")),
			func(r world.Rule, l *letter) { l.shown.Status = r.Word },
		},
		{
			fault("callback_wrong_id", "The callback is about a payment that is not there.", word("another-payment", "the paymentId that it names")),
			func(r world.Rule, l *letter) { l.shown.PaymentID = r.Word },
		},
		{
			fault("callback_wrong_shop_id", "The callback names another payment of the shop.", word("no-such-order", "the shopTransactionId that it names")),
			func(r world.Rule, l *letter) { l.shown.ShopID = r.Word },
		},
		{
			fault("callback_no_action", "The callback has neither action nor metadata, as before version 3.2."),
			func(_ world.Rule, l *letter) { l.shown.Action, l.shown.Metadata = "", nil },
		},
		{
			fault("callback_no_ids", "The callback does not say which payment it is about."),
			func(_ world.Rule, l *letter) { l.shown.PaymentID, l.shown.ShopID = "", "" },
		},
		{
			fault("callback_not_json", "The callback is no JSON."),
			func(_ world.Rule, l *letter) { l.raw = []byte("status=ACCEPTED") },
		},
		{
			fault("callback_huge", "The callback has two megabytes too many."),
			func(_ world.Rule, l *letter) { l.pad = callbackPad },
		},
	}
}

// withoutLast is an address without the last part of its path.
func withoutLast(address string) string { return address[:max(0, strings.LastIndex(address, "/"))] }

func checkWord(s string) error {
	if s == "" || len(s) > 100 {
		return errors.New("is from 1 to 100 bytes")
	}
	return nil
}

func checkURL(s string) error {
	if origin(s) != s {
		return errors.New("is scheme and host alone, as in https://pay.example.net")
	}
	return nil
}
