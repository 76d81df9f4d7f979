package powens

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"till/sandbox/world"
)

// Names of the faults that are looked for where they strike.
const (
	tokenShort          = "token_short"
	amountsAsText       = "amounts_as_strings"
	currencyAsText      = "currency_as_text"
	noClientState       = "client_state_missing"
	amountCap           = "amount_cap"
	cancelUnsupported   = "cancel_not_supported"
	cancelAsksBuyer     = "cancel_needs_buyer"
	connectorsFlattened = "connectors_flattened"
	buyerAbandons       = "buyer_abandons"
	oldDomain           = "callback_old_domain"
)

// faults is everything that can go wrong at Powens, as lists: adding one is
// adding a value.
type faults struct {
	wires   []world.Wire
	plain   []world.Fault // looked for by name where they strike
	orders  []orderFault
	letters []letterFault
	post    []world.Callback
	sequels []sequelFault
}

// orderFault changes what a payment says, or what becomes of it, from its
// approval on.
type orderFault struct {
	world.Fault
	approve func(world.Rule, *payment, []stage) []stage
}

// letterFault changes what stands in a webhook, or its signature.
type letterFault struct {
	world.Fault
	change func(world.Rule, *letter)
}

// sequelFault sends webhooks about old states after the true one.
type sequelFault struct {
	world.Fault
	states []string
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
	api := []string{"token", "create", "list", "read", "cancel", "scopedtoken", "connectors", "webhooks", "makelink", "listlinks", "readlink", "revoke"}
	return faults{
		wires:   append(p.world.Wires(api, []string{"page", "approve"}), p.ownWires(api)...),
		plain:   plainFaults(),
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
				Name: "unauthorised", Says: "All service tokens become worthless, as after half an hour: 401, and nothing is done.",
				Strikes: "wire", Endpoints: api,
			},
			Before: func(world.Rule) (world.Answer, bool) {
				p.revoke()
				return p.unauthorised(), true
			},
		},
		{
			Fault: world.Fault{
				Name: "forbidden", Says: "The token's scope does not cover it: 403, and nothing is done.",
				Strikes: "wire", Endpoints: api,
			},
			Before: func(world.Rule) (world.Answer, bool) { return p.forbidden(), true },
		},
	}
}

func plainFaults() []world.Fault {
	answers := []string{"create", "list", "read", "cancel"}
	return []world.Fault{
		{
			Name: tokenShort, Says: "Service tokens hold only for a moment, and nothing says so.", Strikes: "wire",
			Endpoints: []string{"token"},
			Takes:     []world.Param{{Name: world.Delay, Default: "5s", Says: "how long"}},
		},
		{Name: amountsAsText, Says: "Amounts in answers are texts instead of numbers.", Strikes: "wire", Endpoints: answers},
		{Name: currencyAsText, Says: "Currencies in answers are texts instead of objects.", Strikes: "wire", Endpoints: answers},
		{
			Name: connectorsFlattened, Says: "Lists of the connectors' settings are bare texts, null and empty objects.", Strikes: "wire",
			Endpoints: []string{"connectors"},
		},
		{
			Name: amountCap, Says: "Payments of more than 10.00 are refused with 400, as the real sandbox does.", Strikes: "order",
			Endpoints: []string{"create"},
		},
		{Name: noClientState, Says: "The payment is made, but answers about it never show its client_state.", Strikes: "order"},
		{Name: cancelUnsupported, Says: "Cancelling is answered 400 notSupported.", Strikes: "order"},
		{Name: cancelAsksBuyer, Says: "Cancelling needs the buyer, who has to approve it at the bank.", Strikes: "order"},
		{
			Name: buyerAbandons, Says: "Whatever the buyer presses, they have left: nothing is decided and nobody is sent back.",
			Strikes: "buyer",
		},
		{
			Name: oldDomain, Says: "A state that the buyer's browser brings back is not told besides, as on domains from before 13 September 2024.",
			Strikes: "callback",
		},
	}
}

func orderFaults() []orderFault {
	fault := func(name, says string, takes ...world.Param) world.Fault {
		return world.Fault{Name: name, Says: says, Strikes: "order", Takes: takes}
	}
	ends := func(state, code, because string) []stage {
		return []stage{{state: state, code: code, because: because}}
	}
	return []orderFault{
		{
			fault("order_wrong_amount", "From the approval on, Powens says another amount, in answers and in callbacks.",
				world.Param{Name: world.Amount, Default: "1.00", Says: "added to the amount; -1.00 takes away", Check: checkDelta}),
			func(r world.Rule, o *payment, s []stage) []stage {
				o.toldAmount = plus(o.toldAmount, r.Amount)
				return s
			},
		},
		{
			fault("order_wrong_currency", "From the approval on, another currency, in answers and in callbacks.",
				world.Param{Name: world.Word, Default: "GBP", Says: "the currency that it says", Check: checkWord}),
			func(r world.Rule, o *payment, s []stage) []stage {
				o.toldCode = r.Word
				return s
			},
		},
		{
			fault("order_wrong_beneficiary", "From the approval on, the money goes to another account.",
				world.Param{Name: world.Word, Default: "DE89370400440532013000", Says: "the IBAN that it says", Check: checkIBAN}),
			func(r world.Rule, o *payment, s []stage) []stage {
				o.toldIBAN = r.Word
				return s
			},
		},
		{
			fault("order_stays_pending", "After the approval the payment rests at pending.",
				world.Param{Name: world.Delay, Default: "0s", Says: "until it is done after all; 0s is until it is told to, or expires"}),
			func(r world.Rule, _ *payment, _ []stage) []stage {
				stages := ends(pending, "", "the bank has it")
				if r.Delay > 0 {
					stages = append(stages, stage{wait: time.Duration(r.Delay), state: done, because: "the bank moved the money"})
				}
				return stages
			},
		},
		{
			fault("order_accepted", "The bank takes the payment and says no more: accepted instead of done."),
			func(_ world.Rule, _ *payment, _ []stage) []stage {
				return ends(accepted, "", "the bank took it and will say no more")
			},
		},
		{
			fault("order_rejected", "After the approval the bank refuses the payment.",
				world.Param{Name: world.Word, Default: noReason, Says: "one of the nineteen error codes, or a new one", Check: checkWord}),
			func(r world.Rule, _ *payment, _ []stage) []stage { return ends(rejected, r.Word, "the bank refused") },
		},
		{
			fault("order_expired", "After the approval nobody ever hears how it ended: expired, here at once."),
			func(_ world.Rule, _ *payment, _ []stage) []stage {
				return ends(expired, "", "nobody ever heard how it ended")
			},
		},
		{
			fault("order_status", "After the approval the payment's state is another word.",
				world.Param{Name: world.Word, Default: "in_review", Says: "the word; partial is the documented one for bulk", Check: checkWord}),
			func(r world.Rule, _ *payment, _ []stage) []stage { return ends(r.Word, "", "the fault says so") },
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
			states: []string{pending, validating, created},
		},
		{
			Fault: world.Fault{
				Name: "callback_stale_replay", Says: "Some time after the true callback comes one about the payment's first state.",
				Strikes: "callback",
				Takes:   []world.Param{{Name: world.Delay, Default: "5s", Says: "how long after"}},
			},
			states: []string{created},
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
			func(_ world.Rule, l *letter) { l.key = anotherKey },
		},
		{
			fault("callback_no_signature", "The callback has no signature."),
			func(_ world.Rule, l *letter) { l.unsigned = true },
		},
		{
			fault("callback_no_date", "The callback's date is signed, but its header is missing."),
			func(_ world.Rule, l *letter) { l.undated = true },
		},
		{
			fault("callback_full_url", "The callback's signature is over the full address instead of the path."),
			func(_ world.Rule, l *letter) { l.fullURL = true },
		},
		{
			fault("callback_old_date", "The callback's date is an old one, well signed.",
				world.Param{Name: world.Delay, Default: "10m", Says: "how old"}),
			func(r world.Rule, l *letter) { l.late = time.Duration(r.Delay) },
		},
		{
			fault("callback_future_date", "The callback's date is still to come, well signed.",
				world.Param{Name: world.Delay, Default: "10m", Says: "how far ahead"}),
			func(r world.Rule, l *letter) { l.late = -time.Duration(r.Delay) },
		},
		{
			fault("callback_gzip", "The callback is compressed, and signed as it is without."),
			func(_ world.Rule, l *letter) { l.gzip = true },
		},
		{
			fault("callback_gzip_bomb", "The callback is compressed and has eight megabytes inside."),
			func(_ world.Rule, l *letter) { l.bomb = true },
		},
		{
			fault("callback_no_event_id", "The callback has no id_webhook_data."),
			func(_ world.Rule, l *letter) { l.shown.Event = "" },
		},
		{
			fault("callback_wrong_amount", "The callback says another amount than the payment has, well signed.",
				world.Param{Name: world.Amount, Default: "1.00", Says: "added to the amount; -1.00 takes away", Check: checkDelta}),
			func(r world.Rule, l *letter) {
				l.shown.Instructions = slices.Clone(l.shown.Instructions)
				amount := &l.shown.Instructions[0].Amount.cents
				*amount = plus(*amount, r.Amount)
			},
		},
		{
			fault("callback_wrong_currency", "The callback says another currency than the payment has, well signed.",
				world.Param{Name: world.Word, Default: "GBP", Says: "the currency that it says", Check: checkWord}),
			func(r world.Rule, l *letter) {
				l.shown.Instructions = slices.Clone(l.shown.Instructions)
				l.shown.Instructions[0].Currency.code = r.Word
			},
		},
		{
			fault("callback_wrong_external_id", "The callback names another payment of the shop, well signed.",
				world.Param{Name: world.Word, Default: "no-such-payment", Says: "the client_state that it names", Check: checkWord}),
			func(r world.Rule, l *letter) { l.shown.ClientState = &r.Word },
		},
		{
			fault("callback_wrong_id", "The callback is about a payment that Powens does not have, well signed.",
				world.Param{Name: world.Word, Default: "99", Says: "the id that it names", Check: checkID}),
			func(r world.Rule, l *letter) { l.shown.ID = json.Number(r.Word) },
		},
		{
			fault("callback_wrong_status", "The callback tells a state that the payment does not have, well signed.",
				world.Param{Name: world.Word, Default: "in_review", Says: "the state that it tells", Check: checkWord}),
			func(r world.Rule, l *letter) { l.shown.State = r.Word },
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

func checkID(s string) error {
	if !isDigits(s) || s[0] == '0' || len(s) > 18 {
		return errors.New("is a whole number above zero")
	}
	return nil
}

func checkIBAN(s string) error {
	if !iban.MatchString(s) {
		return errors.New("has the form of an IBAN, without spaces")
	}
	return nil
}
