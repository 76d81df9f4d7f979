package vertex

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"till/sandbox/world"
)

// Names of the faults that an endpoint looks for itself.
const (
	methodsNone    = "methods_none"
	numberConflict = "number_taken_is_409"
	verbSlow       = "done_later"
	refundPending  = "refund_pending"
	refundFails    = "refund_fails_later"
	refundRefused  = "refund_refused"
	buyerAbandons  = "buyer_abandons"
)

// faults is everything that can go wrong at Vertex Gateway, as lists: adding one
// is adding a value.
type faults struct {
	wires   []world.Wire
	plain   []world.Fault // looked for by name where they strike
	reads   []readFault
	orders  []orderFault
	letters []letterFault
	post    []world.Callback
	sequels []world.Fault // callbacks about the first state after the true one
}

// readFault changes how an order is shown when it is read.
type readFault struct {
	world.Fault
	change func(*wireOrder)
}

// orderFault changes an order when it is made, or when the buyer pays.
type orderFault struct {
	world.Fault
	create func(world.Rule, *order)
	pay    func(world.Rule, *order)
}

// letterFault changes what stands in a callback, or its signature.
type letterFault struct {
	world.Fault
	change func(world.Rule, *letter)
}

func (f faults) catalogue() []world.Fault {
	var all []world.Fault
	for _, x := range f.wires {
		all = append(all, x.Fault)
	}
	all = append(all, f.plain...)
	for _, x := range f.reads {
		all = append(all, x.Fault)
	}
	for _, x := range f.orders {
		all = append(all, x.Fault)
	}
	for _, x := range f.post {
		all = append(all, x.Fault)
	}
	all = append(all, f.sequels...)
	for _, x := range f.letters {
		all = append(all, x.Fault)
	}
	return all
}

func (p *Provider) allFaults() faults {
	api := []string{"methods", "create", "read", "cancel", "reject", "capture", "refund"}
	return faults{
		wires:   append(p.world.Wires(api, []string{"page", "pay"}), ownWires(api)...),
		plain:   plainFaults(),
		reads:   readFaults(),
		orders:  orderFaults(),
		letters: letterFaults(),
		post:    world.Callbacks(),
		sequels: sequelFaults(),
	}
}

// ownWires are the refusals of the documented table that need no cause.
func ownWires(api []string) []world.Wire {
	refuse := func(name string, status int, says string) world.Wire {
		return world.Wire{
			Fault:  world.Fault{Name: name, Says: says, Strikes: "wire", Endpoints: api},
			Before: func(world.Rule) (world.Answer, bool) { return refusal(status, "as the sandbox was told"), true },
		}
	}
	return []world.Wire{
		refuse("unauthorised", http.StatusUnauthorized, "The access token is not accepted: 401, and nothing is done."),
		refuse("forbidden", http.StatusForbidden, "The token is not for this shop: 403, and nothing is done."),
		refuse("refused", http.StatusBadRequest, "Something in the request is wrong: 400, and nothing is done."),
		refuse("conflict", http.StatusConflict, "The order is already processed: 409, and nothing is done."),
		refuse("precondition_failed", http.StatusPreconditionFailed, "A precondition failed: 412, and nothing is done."),
		refuse("unprocessable", http.StatusUnprocessableEntity, "This kind of transaction cannot be: 422, and nothing is done."),
	}
}

func plainFaults() []world.Fault {
	return []world.Fault{
		{Name: methodsNone, Says: "The shop's list of payment methods is empty.", Strikes: "wire", Endpoints: []string{"methods"}},
		{
			Name: numberConflict, Says: "An order number that is taken is refused with 409 instead of 400.", Strikes: "wire",
			Endpoints: []string{"create"},
		},
		{
			Name: verbSlow, Says: "What is asked for is accepted, and done later.", Strikes: "wire",
			Endpoints: []string{"cancel", "reject", "capture"},
			Takes:     []world.Param{{Name: world.Delay, Default: "1m", Says: "how much later"}},
		},
		{
			Name: refundPending, Says: "A refund is on its way for a while before it is made.", Strikes: "order",
			Takes: []world.Param{{Name: world.Delay, Default: "1h", Says: "how long"}},
		},
		{
			Name: refundFails, Says: "A refund is on its way for a while, and then fails.", Strikes: "order",
			Takes: []world.Param{{Name: world.Delay, Default: "1h", Says: "how long"}},
		},
		{Name: refundRefused, Says: "A refund is refused with 422.", Strikes: "order"},
		{Name: buyerAbandons, Says: "Whatever the buyer presses, they have left: nothing is paid and nobody is sent back.", Strikes: "buyer"},
	}
}

func readFaults() []readFault {
	fault := func(name, says string) world.Fault {
		return world.Fault{Name: name, Says: says, Strikes: "wire", Endpoints: []string{"read"}}
	}
	return []readFault{
		{
			fault("read_amounts_as_numbers", "Amounts in an order's details are numbers instead of texts."),
			func(o *wireOrder) { o.Cost = bare(o.Cost); o.eachItem(func(it *wireItem) { it.Cost = bare(it.Cost) }) },
		},
		{
			fault("read_older_spelling", "Cancelled is written canceled, as in the older documents."),
			func(o *wireOrder) {
				o.OrderStatus = older(o.OrderStatus)
				o.eachItem(func(it *wireItem) { it.PaymentStatus = older(it.PaymentStatus) })
			},
		},
		{
			fault("read_other_payment_words", "The payments' types and states are words that nobody has documented."),
			func(o *wireOrder) {
				o.eachItem(func(it *wireItem) {
					if it.PaymentType == paymentType {
						it.PaymentType, it.PaymentStatus = "sale", "settling"
					}
				})
			},
		},
		{
			fault("read_without_payments", "The list of payments is missing."),
			func(o *wireOrder) { o.Payments = nil },
		},
	}
}

// eachItem changes the payments of an order that is shown, and no other's.
func (o *wireOrder) eachItem(change func(*wireItem)) {
	list := slices.Clone(*o.Payments)
	for i := range list {
		change(&list[i])
	}
	o.Payments = &list
}

// bare is an amount as a JSON number.
func bare(c wireCost) wireCost {
	if s, ok := c.Amount.(string); ok {
		c.Amount = json.Number(s)
	}
	return c
}

func older(word string) string {
	if word == cancelled {
		return "canceled"
	}
	return word
}

func orderFaults() []orderFault {
	fault := func(name, says string, takes ...world.Param) world.Fault {
		return world.Fault{Name: name, Says: says, Strikes: "order", Takes: takes}
	}
	return []orderFault{
		{
			Fault:  fault("order_no_payment_link", "The order is made, but the answer has no payment link."),
			create: func(_ world.Rule, o *order) { o.linkless = true },
		},
		{
			Fault: fault("order_foreign_payment_link", "The payment link leads to a foreign host.",
				world.Param{Name: world.Word, Default: "https://pay.example.net", Says: "scheme and host", Check: checkURL}),
			create: func(r world.Rule, o *order) { o.pageURL = r.Word },
		},
		{
			Fault: fault("order_amount_changed", "The payer, or the acquirer, changes the order's amount when it is paid.",
				world.Param{Name: world.Amount, Default: "100", Says: "added, in minor units; -100 takes away", Check: checkDelta}),
			pay: func(r world.Rule, o *order) { o.cost = o.cost.plus(r.Amount) },
		},
		{
			Fault: fault("order_wrong_currency", "From the payment on, the order's currency is another.",
				world.Param{Name: world.Word, Default: "EUR", Says: "the currency", Check: checkCurrency}),
			pay: func(r world.Rule, o *order) { o.cost.currency = r.Word },
		},
		{
			Fault: fault("order_clears_after", "Clearing takes this long.",
				world.Param{Name: world.Delay, Default: "0s", Says: "how long"}),
			pay: func(r world.Rule, o *order) { o.ending.after = time.Duration(r.Delay) },
		},
		{
			Fault: fault("order_never_clears", "Clearing has no end, until it is decided complete."),
			pay:   func(_ world.Rule, o *order) { o.ending.never = true },
		},
		{
			Fault: fault("order_fails_clearing", "The payment fails in clearing, days after the buyer paid."),
			pay:   func(_ world.Rule, o *order) { o.ending.status = failed },
		},
		{
			Fault: fault("order_needs_action", "After clearing the order needs the merchant, though the sum is right."),
			pay:   func(_ world.Rule, o *order) { o.ending.status = needAction },
		},
		{
			Fault: fault("order_status", "After clearing, or the capture, the order's status is another word than completed.",
				world.Param{Name: world.Word, Default: "in_review", Says: "the word", Check: checkWord}),
			pay: func(r world.Rule, o *order) { o.ending.status = r.Word },
		},
	}
}

func sequelFaults() []world.Fault {
	fault := func(name, says, delay string) world.Fault {
		return world.Fault{
			Name: name, Says: says, Strikes: "callback", Takes: []world.Param{{Name: world.Delay, Default: delay, Says: "how long after"}},
		}
	}
	return []world.Fault{
		fault("callback_out_of_order", "After the true callback comes one about in_progress, well signed.", "0s"),
		fault("callback_stale_replay", "Some time after the true callback comes one about in_progress, well signed.", "5s"),
	}
}

func letterFaults() []letterFault {
	fault := func(name, says string, takes ...world.Param) world.Fault {
		return world.Fault{Name: name, Says: says, Strikes: "callback", Takes: takes, ByHand: true}
	}
	return []letterFault{
		{
			fault("callback_wrong_signature", "The callback is signed with another secret."),
			func(_ world.Rule, l *letter) { l.secret = anotherKey },
		},
		{
			fault("callback_other_mode", "The callback is signed by the other formula, with the right secret."),
			func(_ world.Rule, l *letter) {
				if l.mode == SignHMAC {
					l.mode = SignConcat
				} else {
					l.mode = SignHMAC
				}
			},
		},
		{
			fault("callback_no_signature", "The callback has no signature."),
			func(_ world.Rule, l *letter) { l.bare = true },
		},
		{
			fault("callback_uppercase_signature", "The callback's signature is right, but in upper-case hex."),
			func(_ world.Rule, l *letter) { l.change = strings.ToUpper },
		},
		{
			fault("callback_wrong_amount", "The callback says another amount than the order has, well signed.",
				world.Param{Name: world.Word, Default: "0.01", Says: "the amount that it says", Check: checkWord}),
			func(r world.Rule, l *letter) { l.shown.Cost.Amount = r.Word },
		},
		{
			fault("callback_wrong_currency", "The callback says another currency than the order has, well signed.",
				world.Param{Name: world.Word, Default: "EUR", Says: "the currency that it says", Check: checkWord}),
			func(r world.Rule, l *letter) { l.shown.Cost.Currency = r.Word },
		},
		{
			fault("callback_wrong_number", "The callback names another order of the shop, well signed.",
				world.Param{Name: world.Word, Default: "no-such-order", Says: "the order number that it names", Check: checkWord}),
			func(r world.Rule, l *letter) { l.shown.OrderNumber = r.Word },
		},
		{
			fault("callback_wrong_shop", "The callback is about another shop's order, well signed."),
			func(_ world.Rule, l *letter) { l.shown.ShopID++ },
		},
		{
			fault("callback_wrong_status", "The callback tells a status that the order does not have, well signed.",
				world.Param{Name: world.Word, Default: "in_review", Says: "the status that it tells", Check: checkWord}),
			func(r world.Rule, l *letter) { l.shown.OrderStatus = r.Word },
		},
		{
			fault("callback_huge", "The callback has two megabytes too many, well signed."),
			func(_ world.Rule, l *letter) { l.pad = callbackPad },
		},
	}
}

func checkURL(s string) error {
	if origin(s) != s {
		return errors.New("is scheme and host alone, as in https://pay.example.net")
	}
	return nil
}

func checkCurrency(s string) error {
	if len(s) != 3 || strings.ToUpper(s) != s {
		return errors.New("is three capital letters")
	}
	return nil
}
