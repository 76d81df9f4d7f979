package sandbox

import (
	"slices"
	"strconv"
	"strings"

	"till/sandbox/world"
)

// choices are decisions that belong together on an order's page.
type choices struct {
	Title string
	List  []choice
}

// choice is a decision with what it does, for people.
type choice struct{ Word, Says string }

// choicesOf sorts what can be decided now. "set" has a form of its own.
func choicesOf(o world.Order) []choices {
	groups := []choices{{Title: "The payment"}, {Title: "Money back"}, {Title: "A dispute"}}
	for _, word := range o.Decisions {
		at := 0
		switch {
		case word == "set":
			continue
		case strings.HasPrefix(word, "refund"), strings.HasPrefix(word, "revers"):
			at = 1
		case slices.Contains(stages(), word), word == "won":
			at = 2
		}
		groups[at].List = append(groups[at].List, choice{Word: word, Says: says(o.Provider, word)})
	}
	return slices.DeleteFunc(groups, func(g choices) bool { return len(g.List) == 0 })
}

func stages() []string {
	return []string{
		"retrieval", "chargeback", "representation", "prearbitration", "arbitration", "precompliance", "compliance", "good_faith", "fraud_advice",
	}
}

// says is what a decision does; empty for one that needs no words.
func says(provider, word string) string {
	own := map[string]string{
		"gate reject": "The buyer refuses to pay.", "gate cancel": "The shop cancels, or voids what is reserved.", "gate decline": "The bank refuses the card.",
		"gate refund": "All that is left goes back, from the Gate's portal.", "gate withdraw": "The money is passed on to the shop.",
		"gate fail": "The attempt that is running fails.", "vertex cancel": "The shop's staff cancel in the panel.",
		"vertex complete": "Clearing ends well, or the money comes after all.", "vertex decline": "One attempt fails; the buyer may try again.",
		"vertex fail": "The payment fails, or clearing does.", "vertex refund": "All that is left goes back, from the panel.",
		"vertex expire": "The time to pay is over.", "pgm expire": "The page's time is over.", "pgm decline": "The service behind says no.",
		"pgm refund": "All that is left goes back, from the back office.", "powens cancel": "The buyer refuses at the bank, or approves a cancellation.",
		"pgm cancel_subscription": "The service ends the subscription, and tells nobody.", "gate expire": "The due date goes by; nobody can pay any more.",
		"powens expire": "Nobody ever heard how it ended.",
	}
	common := map[string]string{
		"approve": "The buyer pays.", "cancel": "The buyer cancels.", "decline": "The bank refuses.", "abandon": "The buyer leaves; nothing happens.",
		"leave": "The buyer goes back by the page's own link; nothing is decided.", "complete": "The money arrives, however late.",
		"accept": "The bank took it and will say no more.", "reject": "It is refused after all.", "pend": "The buyer pays, and the bank takes its time.",
		"view": "The buyer opens the page.", "pay_less": "The buyer pays half of it.", "pay_more": "The buyer pays double.",
		"refund_part": "A part of what is left goes back.", "received": "The shop says that it was paid outside.",
		"overdue": "The due date goes by; it can still be paid.", "forget_card": "The saved card cannot be used any more.",
		"lapse": "What is reserved is released.", "capture": "What is reserved is taken.",
		"refund_done": "The refund on its way arrives.", "refund_fail": "The refund on its way fails.", "refund_failed": "The latest refund fails, even one that was done.",
		"refund_reverse": "The refund that was made comes back.", "reverse": "The whole payment is undone before it is cleared.",
		"reversal_done": "The reversal arrives.", "reversal_fail": "The reversal fails.", "won": "The dispute ends for the shop: paid again.",
	}
	if text, ok := own[provider+" "+word]; ok {
		return text
	}
	return common[word]
}

// major writes minor units for people, with as many decimals as the amount that
// the order asks for.
func major(o world.Order, minor int64) string {
	_, fraction, _ := strings.Cut(o.Amount, ".")
	text := strconv.FormatInt(minor, 10)
	if pad := len(fraction) + 1 - len(text); pad > 0 {
		text = strings.Repeat("0", pad) + text
	}
	if whole := len(text) - len(fraction); fraction != "" {
		text = text[:whole] + "." + text[whole:]
	}
	return o.Money.Currency + " " + text
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}
