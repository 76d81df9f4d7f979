package iumicash

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"till/sandbox/world"
)

// Names of the faults that an endpoint looks for itself.
const (
	tokenShort    = "token_short"
	amountsAsText = "amounts_as_strings"
	getRefused    = "get_not_supported"
	readCreated   = "read_answers_201"
	buyerAbandons = "buyer_abandons"
)

// faults is everything that can go wrong at iumiCash, as lists: adding one is
// adding a value.
type faults struct {
	wires   []world.Wire
	plain   []world.Fault // looked for by name where they strike
	buyer   []buyerFault
	orders  []orderFault
	letters []letterFault
	post    []world.Callback
	sequels []sequelFault
}

// buyerFault has create-order refused because of the buyer.
type buyerFault struct {
	world.Fault
	code, says string
}

// orderFault changes an order when it is made, or how its approval ends.
type orderFault struct {
	world.Fault
	create  func(world.Rule, *order)
	approve func(world.Rule, *order, *ending)
}

// letterFault changes what stands in a callback, or its signature.
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
	for _, x := range f.buyer {
		all = append(all, x.Fault)
	}
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
	api := []string{"token", "create", "read", "capture", "cancel"}
	return faults{
		wires:   append(p.world.Wires(api, []string{"page", "approve"}), p.ownWires(api)...),
		plain:   plainFaults(),
		buyer:   buyerFaults(),
		orders:  orderFaults(),
		letters: letterFaults(),
		post:    world.Callbacks(),
		sequels: sequelFaults(),
	}
}

func (p *Provider) ownWires(api []string) []world.Wire {
	return []world.Wire{
		{
			Fault: world.Fault{
				Name: "unauthorised", Says: "All access tokens become worthless: 401, and nothing is done.",
				Strikes: "wire", Endpoints: api,
			},
			Before: func(world.Rule) (world.Answer, bool) {
				p.revoke()
				return unauthorised(), true
			},
		},
		{
			Fault: world.Fault{
				Name: "forbidden", Says: "The caller is not allowed to: 403, and nothing is done.",
				Strikes: "wire", Endpoints: api,
			},
			Before: func(world.Rule) (world.Answer, bool) {
				return refusal(http.StatusForbidden, notAuthorized, "the caller's address is not on the list"), true
			},
		},
	}
}

func plainFaults() []world.Fault {
	return []world.Fault{
		{
			Name: tokenShort, Says: "Access tokens hold only for a moment.", Strikes: "wire",
			Endpoints: []string{"token"},
			Takes:     []world.Param{{Name: world.Delay, Default: "5s", Says: "how long, in whole seconds"}},
		},
		{
			Name: amountsAsText, Says: "Amounts in answers are texts instead of numbers.", Strikes: "wire",
			Endpoints: []string{"create", "read", "capture", "cancel"},
		},
		{
			Name: getRefused, Says: "Reading an order by GET is answered 405; only POST reads.", Strikes: "wire",
			Endpoints: []string{"read"},
		},
		{
			Name: readCreated, Says: "Reading an order is answered 201 instead of 200.", Strikes: "wire",
			Endpoints: []string{"read"},
		},
		{
			Name: buyerAbandons, Says: "Whatever the buyer presses, they have left: nothing is decided and nobody is sent back.",
			Strikes: "buyer",
		},
	}
}

func buyerFaults() []buyerFault {
	fault := func(name, code, says string) buyerFault {
		return buyerFault{
			Fault: world.Fault{Name: name, Says: "Making an order is refused with " + code + ": " + says + ".", Strikes: "buyer"},
			code:  code, says: says,
		}
	}
	return []buyerFault{
		fault("create_payment_limit", codeLimit, "the payment is over a limit that the user has set"),
		fault("create_not_active", codeNotActive, "the user is not active"),
		fault("create_balance_low", codeBalance, "the balance of the account is too low"),
		fault("create_disabled_by_user", codeDisabled, "the user has blocked this vendor"),
	}
}

func orderFaults() []orderFault {
	fault := func(name, says string, takes ...world.Param) world.Fault {
		return world.Fault{Name: name, Says: says, Strikes: "order", Takes: takes}
	}
	return []orderFault{
		{
			Fault:  fault("order_no_approve_link", "The order has no approve link and no context, as in revision B."),
			create: func(_ world.Rule, o *order) { o.bare = true },
		},
		{
			Fault: fault("order_foreign_approve_link", "The order's approve link leads to a foreign host.",
				world.Param{Name: world.Word, Default: "https://pay.example.net", Says: "scheme and host", Check: checkURL}),
			create: func(r world.Rule, o *order) { o.pageURL = r.Word + "/checkout/" + o.id + "/" },
		},
		{
			Fault: fault("order_foreign_self_link", "The order's self link leads to a foreign host.",
				world.Param{Name: world.Word, Default: "https://api.example.net", Says: "scheme and host", Check: checkURL}),
			create: func(r world.Rule, o *order) { o.selfURL = r.Word + "/api/v1/orders/" + o.id + "/" },
		},
		{
			Fault: fault("order_wrong_amount", "From the approval on, iumiCash says another amount, in answers and in callbacks.",
				world.Param{Name: world.Amount, Default: "1.00", Says: "added to the price of the first item; -1.00 takes away", Check: checkDelta}),
			approve: func(r world.Rule, o *order, _ *ending) { o.told = dearer(o.told, r.Amount) },
		},
		{
			Fault: fault("order_wrong_currency", "From the approval on, iumiCash says another currency, in answers and in callbacks.",
				world.Param{Name: world.Word, Default: "EUR", Says: "the currency that it says", Check: checkWord}),
			approve: func(r world.Rule, o *order, _ *ending) { o.told = inCurrency(o.told, r.Word) },
		},
		{
			Fault: fault("order_stays_approved", "After the approval the order rests at approved.",
				world.Param{Name: world.Delay, Default: "0s", Says: "until it completes after all; 0s is until it is told to"}),
			approve: func(r world.Rule, _ *order, e *ending) { e.status, e.later = approved, time.Duration(r.Delay) },
		},
		{
			Fault: fault("order_status", "After the approval the order's status is another word than completed.",
				world.Param{Name: world.Word, Default: "in_review", Says: "the word; captured is the documented other one", Check: checkWord}),
			approve: func(r world.Rule, _ *order, e *ending) { e.status = r.Word },
		},
	}
}

func sequelFaults() []sequelFault {
	return []sequelFault{
		{
			Fault: world.Fault{
				Name: "callback_out_of_order", Says: "After the true callback come those about the earlier states, the oldest last.",
				Strikes: "callback",
				Takes:   []world.Param{{Name: world.Delay, Default: "0s", Says: "how long after one another"}},
			},
			statuses: []string{approved, created},
		},
		{
			Fault: world.Fault{
				Name: "callback_stale_replay", Says: "Some time after the true callback comes the one about the order's first state.",
				Strikes: "callback",
				Takes:   []world.Param{{Name: world.Delay, Default: "5s", Says: "how long after"}},
			},
			statuses: []string{created},
		},
	}
}

func letterFaults() []letterFault {
	fault := func(name, says string, takes ...world.Param) world.Fault {
		return world.Fault{Name: name, Says: says, Strikes: "callback", Takes: takes, ByHand: true}
	}
	return []letterFault{
		{
			fault("callback_wrong_signature", "The callback is signed with another key."),
			func(_ world.Rule, l *letter) { l.sign = func(body []byte) string { return Sign(anotherKey, body) } },
		},
		{
			fault("callback_no_signature", "The callback has no signature."),
			func(_ world.Rule, l *letter) { l.sign = nil },
		},
		{
			fault("callback_uppercase_signature", "The callback's signature is right, but in upper-case hex."),
			func(_ world.Rule, l *letter) {
				sign := l.sign
				l.sign = func(body []byte) string { return strings.ToUpper(sign(body)) }
			},
		},
		{
			fault("callback_wrong_amount", "The callback says another amount than the order has, well signed.",
				world.Param{Name: world.Amount, Default: "1.00", Says: "added to the price of the first item; -1.00 takes away", Check: checkDelta}),
			func(r world.Rule, l *letter) {
				l.shown.Items = slices.Clone(l.shown.Items)
				unit := &l.shown.Items[0].Amount.Value.cents
				*unit = plus(*unit, r.Amount)
			},
		},
		{
			fault("callback_wrong_currency", "The callback says another currency than the order has, well signed.",
				world.Param{Name: world.Word, Default: "EUR", Says: "the currency that it says", Check: checkWord}),
			func(r world.Rule, l *letter) {
				l.shown.Items = slices.Clone(l.shown.Items)
				for i := range l.shown.Items {
					l.shown.Items[i].Amount.Currency = r.Word
				}
			},
		},
		{
			fault("callback_wrong_external_id", "The callback names another order of the shop, well signed.",
				world.Param{Name: world.Word, Default: "no-such-order", Says: "the external_id that it names", Check: checkWord}),
			func(r world.Rule, l *letter) { l.shown.ExternalID = r.Word },
		},
		{
			fault("callback_wrong_id", "The callback is about an order that iumiCash does not have, well signed.",
				world.Param{Name: world.Word, Default: "000000000000000000000000", Says: "the id that it names", Check: checkWord}),
			func(r world.Rule, l *letter) { l.shown.ID = r.Word },
		},
		{
			fault("callback_wrong_status", "The callback tells a status that the order does not have, well signed.",
				world.Param{Name: world.Word, Default: "in_review", Says: "the status that it tells", Check: checkWord}),
			func(r world.Rule, l *letter) { l.shown.Status = r.Word },
		},
		{
			fault("callback_amounts_as_strings", "The callback's amounts are texts instead of numbers."),
			func(_ world.Rule, l *letter) { l.shown = l.shown.quoted() },
		},
		{
			fault("callback_huge", "The callback has two megabytes too many, well signed."),
			func(_ world.Rule, l *letter) { l.pad = callbackPad },
		},
	}
}

// quoted is the same order with its amounts as texts.
func (w wireOrder) quoted() wireOrder {
	w.Items = slices.Clone(w.Items)
	for i := range w.Items {
		w.Items[i].Amount.Value.quoted = true
	}
	return w
}

func dearer(items []item, delta string) []item {
	items = slices.Clone(items)
	items[0].Unit = plus(items[0].Unit, delta)
	return items
}

func inCurrency(items []item, code string) []item {
	items = slices.Clone(items)
	for i := range items {
		items[i].Currency = code
	}
	return items
}

// plus adds an amount that checkDelta has let through. The sum is never less
// than the smallest price.
func plus(c cents, delta string) cents {
	text, less := strings.CutPrefix(delta, "-")
	d, _ := parseCents(text)
	if less {
		d = -d
	}
	return max(1, c+d)
}

func checkDelta(s string) error {
	_, err := parseCents(strings.TrimPrefix(s, "-"))
	return err
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
