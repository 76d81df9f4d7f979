package gate

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"till/sandbox/world"
)

// Names of the faults that an endpoint, or what happens to an order, looks for
// itself.
const (
	amountsAsText   = "amounts_as_strings"
	searchBlind     = "search_ignores_number"
	numberTaken     = "create_number_taken"
	buyerAbandons   = "buyer_abandons"
	staysInProgress = "order_stays_in_progress"
	anotherStatus   = "order_status"
	holdLapses      = "hold_lapses"
	releaseUntold   = "capture_untold"
	captureRefused  = "capture_refused"
	cancelRefused   = "cancel_refused"
	refundRefused   = "refund_refused"
	refundSlow      = "refund_slow"
	refundFails     = "refund_fails"
	reversalRefused = "reversal_refused"
	reversalSlow    = "reversal_slow"
	reversalFails   = "reversal_fails"
	cardNotSaved    = "card_not_saved"
	savedDeclined   = "saved_card_declined"
	savedChallenged = "saved_card_challenged"
)

// faults is everything that can go wrong at the Gate, as lists: adding one is
// adding a value.
type faults struct {
	wires   []world.Wire
	plain   []world.Fault // looked for by name where they strike
	orders  []orderFault
	letters []letterFault
	post    []world.Callback
	sequels []sequelFault
}

// orderFault changes an order when it is made, or when it is paid.
type orderFault struct {
	world.Fault
	create func(world.Rule, *order)
	pay    func(world.Rule, *order)
}

// letterFault changes what stands in a callback, where it goes, or its
// signature.
type letterFault struct {
	world.Fault
	change func(world.Rule, *letter)
}

// sequelFault sends callbacks about old states after the true one.
type sequelFault struct {
	world.Fault
	statuses []string
}

func (f faults) catalogue() []world.Fault {
	var all []world.Fault
	for _, x := range f.wires {
		all = append(all, x.Fault)
	}
	all = append(all, f.plain...)
	for _, x := range f.orders {
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
	api := []string{"create", "list", "read", "delete", "capture", "cancel", "refund", "reverse", "received", "do", "clients", "cards", "webhooks"}
	return faults{
		wires:   append(p.world.Wires(api, []string{"page", "pay", "bank"}), ownWires(api)...),
		plain:   append(plainFaults(), moneyFaults()...),
		orders:  orderFaults(),
		letters: letterFaults(),
		post:    world.Callbacks(),
		sequels: sequelFaults(),
	}
}

func ownWires(api []string) []world.Wire {
	return []world.Wire{
		{
			Fault: world.Fault{
				Name: "unauthorised", Says: "The secret key is refused: 401, and nothing is done.", Strikes: "wire", Endpoints: api,
			},
			Before: func(world.Rule) (world.Answer, bool) { return unauthorised(), true },
		},
		{
			Fault: world.Fault{
				Name: "forbidden", Says: "The key set may not do this: 403, and nothing is done.", Strikes: "wire", Endpoints: api,
			},
			Before: func(world.Rule) (world.Answer, bool) {
				return answerJSON(http.StatusForbidden, general("permission_denied", "This key set is not allowed to do this.")), true
			},
		},
	}
}

func plainFaults() []world.Fault {
	return []world.Fault{
		{
			Name: amountsAsText, Says: "Amounts in answers are texts instead of numbers.", Strikes: "wire",
			Endpoints: []string{"create", "read", "capture", "cancel", "refund", "reverse", "received"},
		},
		{
			Name: searchBlind, Says: "The search of the list does not look at order numbers.", Strikes: "wire",
			Endpoints: []string{"list"},
		},
		{
			Name: numberTaken, Says: "Making an order is refused because its number is there already: 400.", Strikes: "wire",
			Endpoints: []string{"create"},
		},
		{
			Name: buyerAbandons, Says: "Whatever the buyer presses, they have left: nothing is decided and nobody is sent back.",
			Strikes: "buyer",
		},
		{
			Name: staysInProgress, Says: "The bank takes its time: a good card stays in progress.", Strikes: "order",
			Takes: []world.Param{{Name: world.Delay, Default: "0s", Says: "until it is paid after all; 0s is until it is told to"}},
		},
		{
			Name: anotherStatus, Says: "The order is paid, but its status is another word.", Strikes: "order",
			Takes: []world.Param{{Name: world.Word, Default: "in_review", Says: "the word", Check: checkWord}},
		},
	}
}

// moneyFaults are those of what comes after the payment.
func moneyFaults() []world.Fault {
	fault := func(name, says string, takes ...world.Param) world.Fault {
		return world.Fault{Name: name, Says: says, Strikes: "order", Takes: takes}
	}
	after := func(standard, what string) world.Param {
		return world.Param{Name: world.Delay, Default: standard, Says: "until it " + what + "; 0s is until it is told to"}
	}
	return []world.Fault{
		fault(holdLapses, "The reservation lapses long before its 28 days.",
			world.Param{Name: world.Delay, Default: "1h", Says: "how long it holds"}),
		fault(releaseUntold, "After a capture in part the order does not say what was released."),
		fault(captureRefused, "The acquirer refuses to capture: 400, and the money stays reserved."),
		fault(cancelRefused, "The acquirer refuses to cancel or void: 400, and nothing is done."),
		fault(refundRefused, "The acquirer refuses to refund: 400, and nothing goes back."),
		fault(refundSlow, "A refund takes its time.", after("0s", "is done")),
		fault(refundFails, "A refund is accepted and fails later.", after("10s", "fails")),
		fault(reversalRefused, "The acquirer refuses to reverse: 400, and nothing goes back."),
		fault(reversalSlow, "A reversal takes its time.", after("0s", "is done")),
		fault(reversalFails, "A reversal is accepted and fails later.", after("10s", "fails")),
		fault(cardNotSaved, "The card of a paid order is not saved, though it should be."),
		fault(savedDeclined, "The bank declines to have a saved card charged."),
		fault(savedChallenged, "The bank wants to ask the buyer before a saved card is charged (3-D Secure)."),
	}
}

func orderFaults() []orderFault {
	fault := func(name, says string, takes ...world.Param) world.Fault {
		return world.Fault{Name: name, Says: says, Strikes: "order", Takes: takes}
	}
	return []orderFault{
		{
			Fault:  fault("order_no_page", "The order has no full_page_checkout."),
			create: func(_ world.Rule, o *order) { o.bare = true },
		},
		{
			Fault: fault("order_foreign_page", "The order's pay page is on a foreign host.",
				world.Param{Name: world.Word, Default: "https://pay.example.net", Says: "scheme and host", Check: checkURL}),
			create: func(r world.Rule, o *order) { o.pageURL = r.Word + "/checkout/" + o.id + "/" },
		},
		{
			Fault:  fault("order_not_listed", "The order is missing from lists."),
			create: func(_ world.Rule, o *order) { o.late = true },
		},
		{
			Fault: fault("order_wrong_amount", "From the payment on, the Gate says another total, in answers and in callbacks.",
				world.Param{Name: world.Amount, Default: "1.00", Says: "added to the total; -1.00 takes away", Check: checkDelta}),
			pay: func(r world.Rule, o *order) { o.told = plus(o.told, r.Amount) },
		},
		{
			Fault: fault("order_wrong_currency", "From the payment on, another currency everywhere.",
				world.Param{Name: world.Word, Default: "EUR", Says: "the currency that it says", Check: checkWord}),
			pay: func(r world.Rule, o *order) { o.currency = r.Word },
		},
		{
			Fault: fault("order_wrong_number", "From the payment on, another number everywhere.",
				world.Param{Name: world.Word, Default: "no-such-order", Says: "the number that it says", Check: checkWord}),
			pay: func(r world.Rule, o *order) { o.number = r.Word },
		},
	}
}

func sequelFaults() []sequelFault {
	fault := func(name, says, standard, what string) world.Fault {
		return world.Fault{
			Name: name, Says: says, Strikes: "callback", Takes: []world.Param{{Name: world.Delay, Default: standard, Says: what}},
		}
	}
	return []sequelFault{
		{
			Fault:    fault("callback_out_of_order", "After the true callback come those about the earlier states, the oldest last.", "0s", "how long after one another"),
			statuses: []string{paid, hold, failed, inProgress, viewed, issued},
		},
		{
			Fault:    fault("callback_stale_replay", "Some time after the true callback comes the one about the order's first state.", "5s", "how long after"),
			statuses: []string{issued},
		},
	}
}

func letterFaults() []letterFault {
	fault := func(name, says string, takes ...world.Param) world.Fault {
		return world.Fault{Name: name, Says: says, Strikes: "callback", Takes: takes, ByHand: true}
	}
	word := func(standard, says string) world.Param {
		return world.Param{Name: world.Word, Default: standard, Says: says, Check: checkWord}
	}
	says := func(key string) func(world.Rule, *letter) {
		return func(r world.Rule, l *letter) { l.shown[key] = r.Word }
	}
	return []letterFault{
		{fault("callback_wrong_signature", "The callback is signed with another key, both ways."), func(_ world.Rule, l *letter) {
			l.sign = func(body []byte) http.Header {
				return http.Header{hmacHeader: {SignHMAC(anotherKey, body)}, rsaHeader: {"c2lnbmVkIGJ5IG5vYm9keQ=="}}
			}
		}},
		{fault("callback_no_signature", "The callback has no signature."), func(_ world.Rule, l *letter) { l.sign = nil }},
		{fault("callback_uppercase_signature", "The callback's hex signature is right, but in upper case."), func(_ world.Rule, l *letter) {
			sign := l.sign
			l.sign = func(body []byte) http.Header {
				h := sign(body)
				h.Set(hmacHeader, strings.ToUpper(h.Get(hmacHeader)))
				return h
			}
		}},
		{
			fault("callback_wrong_token", "The callback goes to an address with another last part.", word("somebody-elses-token", "the last part")),
			func(r world.Rule, l *letter) {
				l.address = func(s string) string { return elsewhere(s, r.Word) }
			},
		},
		{
			fault("callback_no_token", "The callback goes to the address without its last part."),
			func(_ world.Rule, l *letter) { l.address = func(s string) string { return elsewhere(s, "") } },
		},
		{
			fault("callback_wrong_amount", "The callback says another total than the order has, well signed.",
				world.Param{Name: world.Amount, Default: "1.00", Says: "added to the total; -1.00 takes away", Check: checkDelta}),
			func(r world.Rule, l *letter) { l.shown["total"] = toldTotal(l.shown, r.Amount) },
		},
		{fault("callback_wrong_currency", "The callback says another currency than the order has, well signed.", word("EUR", "the currency that it says")), says("currency")},
		{fault("callback_wrong_number", "The callback names another order of the shop, well signed.", word("no-such-order", "the number that it names")), says("number")},
		{fault("callback_wrong_id", "The callback is about an order that the Gate does not have, well signed.",
			word("00000000-0000-4000-a000-000000000000", "the id that it names")), says("id")},
		{fault("callback_wrong_status", "The callback tells a status that the order does not have, well signed.", word("in_review", "the status that it tells")), says("status")},
		{fault("callback_wrong_event", "The callback names another event, well signed.", word("transfer.withdrawn", "the event that it names")), says("event_type")},
		{fault("callback_no_event", "The callback does not name its event."), func(_ world.Rule, l *letter) { delete(l.shown, "event_type") }},
		{fault("callback_amounts_as_strings", "The callback's amounts are texts instead of numbers."), func(_ world.Rule, l *letter) { l.quoted = true }},
		{fault("callback_huge", "The callback has two megabytes too many, well signed."), func(_ world.Rule, l *letter) { l.pad = callbackPad }},
	}
}

// toldTotal is the total of an order as it was shown, and some more.
func toldTotal(shown object, delta string) any {
	text, _ := shown["total"].(json.Number)
	c, _ := parseCents(text.String()) // it is one of ours
	return plus(c, delta).number()
}

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
