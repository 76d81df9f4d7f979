package shop

import "till/views/ui"

// OrderState is which face the order page shows. It is about what the shopper
// should know and do; the machine's word beside it is OrderPage.Status.
type OrderState string

// The faces of the order page.
const (
	StateOpen           OrderState = "open"            // not paid yet; nothing is wrong
	StateNotPaid        OrderState = "not_paid"        // the provider said no or the shopper stopped: Reason says which
	StateStartFailed    OrderState = "start_failed"    // the provider could not be reached, and surely made nothing
	StateConfirming     OrderState = "confirming"      // came back, and we ask; with RefreshSeconds 0 we asked often enough
	StateUnknown        OrderState = "unknown"         // no answer: money may have moved or not
	StateAccepted       OrderState = "accepted"        // the bank took it and says no more for a while
	StateReserved       OrderState = "reserved"        // authorised, not taken
	StatePaid           OrderState = "paid"            // the money is here
	StateRefunding      OrderState = "refunding"       // a refund is on its way
	StatePartlyRefunded OrderState = "partly_refunded" // some of it went back
	StateRefunded       OrderState = "refunded"        // all of it went back
	StateAttention      OrderState = "attention"       // a person is looking at it
	StateCancelled      OrderState = "cancelled"
	StateExpired        OrderState = "expired"
)

// OrderPage is the truth about one order, as far as we know it.
type OrderPage struct {
	Frame  ui.Frame
	Number string
	Token  string     // of the page's own address
	Status string     // the machine's word, models' vocabulary: data-status
	State  OrderState // which face
	Reason Reason     // for StateNotPaid

	Provider string // label of the provider of the last payment, such as "iumiCash"; may be empty
	PlacedAt string // such as "Friday 21 November 2026, 14:32"
	PaidAt   string // same; empty when not paid
	AskedAt  string // when we last asked the provider, such as "14:32"; may be empty

	Lines    []Line
	Rows     []Row // between lines and total; may be empty
	Total    string
	Refunded string // with currency; empty when nothing went back
	Name     string
	Email    string
	Address  []string // lines of the delivery address, without the name

	Mails       bool     // the shop sends mail
	ContinueURL string   // the provider's page that is still open; empty when there is none
	Methods     []Method // to pay again with; empty when that is not possible now
	Method      string   // the one chosen before; may be empty
	Problem     string   // about the chosen method, after a refused form; may be empty
	CanCancel   bool

	// RefreshSeconds above 0 has the page look again by itself at RefreshURL.
	// After the last time both are empty and the page says what to do.
	RefreshSeconds int
	RefreshURL     string
}

func (p OrderPage) page() ui.Page {
	return ui.Page{
		Name: "order", Title: p.Headline() + " – Order " + p.Number, Quiet: true,
		Problem:        p.State == StateStartFailed || p.Problem != "",
		RefreshSeconds: p.RefreshSeconds, RefreshURL: p.RefreshURL,
	}
}

func (p OrderPage) url() string { return "/orders/" + p.Token }

func (p OrderPage) provider() string {
	if p.Provider == "" {
		return "the provider"
	}
	return p.Provider
}

// Headline is the state in a few words.
func (p OrderPage) Headline() string {
	switch p.State {
	case StatePaid:
		return "Thank you, your order is paid"
	case StateConfirming:
		if p.RefreshSeconds == 0 {
			return "This takes longer than usual"
		}
		return "We are confirming your payment"
	case StateUnknown:
		return "We do not know yet whether you paid"
	case StateAccepted:
		return "Your bank accepted the payment"
	case StateReserved:
		return "Your payment is reserved"
	case StateOpen, StateNotPaid:
		return "This order is not paid yet"
	case StateStartFailed:
		return "We could not reach " + p.provider()
	case StateRefunding:
		return "Your refund is on its way"
	case StatePartlyRefunded:
		return "Part of your payment was refunded"
	case StateRefunded:
		return "Your payment was refunded"
	case StateAttention:
		return "A person is looking at your payment"
	case StateCancelled:
		return "This order is cancelled"
	case StateExpired:
		return "This order has expired"
	default:
		return "We are looking at your order"
	}
}

// Sentences say what the state means for the shopper's money, and what happens
// or can be done next.
func (p OrderPage) sentences() []string {
	who := p.provider()
	switch p.State {
	case StatePaid:
		return []string{
			"We received " + p.Total + "." + p.weWrite(" with the receipt"),
			"Next we pack your order. There is nothing more for you to do.",
		}
	case StateConfirming:
		if p.RefreshSeconds == 0 {
			return []string{
				"We keep asking " + who + " about your payment. Please do not pay again.",
				"You can close this page and open it again later: it always shows how the payment stands." + p.weWrite(" as soon as it is confirmed"),
			}
		}
		return []string{
			"We are asking " + who + ". This usually takes a few seconds, and this page looks again by itself.",
			"Please do not pay again.",
		}
	case StateUnknown:
		return []string{
			"We asked " + who + " about your payment and got no clear answer. It may have gone through or not, so please do not pay again yet.",
			"We keep asking, and this page shows the answer as soon as we have it." + p.weWrite(" if you paid"),
		}
	case StateAccepted:
		return []string{
			"The money is on its way. Some banks take a day or two to confirm it.",
			"There is nothing more for you to do." + p.weWrite(" when it has arrived"),
		}
	case StateReserved:
		return []string{
			p.Total + " is reserved and not yet taken.",
			"We take it when we send your order. There is nothing more for you to do.",
		}
	case StateOpen:
		return []string{"Nothing was charged.", "Your order is kept. You can pay it whenever you are ready."}
	case StateNotPaid:
		return []string{p.Reason.sentence(p.Provider), p.Reason.advice(p.Provider, len(p.Methods) > 1)}
	case StateStartFailed:
		return []string{
			"Nothing was charged. Your order is kept as it is.",
			"Try again in a moment, or come back to this page later.",
		}
	case StateRefunding:
		return []string{
			"We asked " + who + " to send your money back.",
			"It can take a few working days to arrive in your account.",
		}
	case StatePartlyRefunded:
		return []string{
			"We sent back " + p.Refunded + " of " + p.Total + ".",
			"It can take a few working days to arrive in your account.",
		}
	case StateRefunded:
		return []string{
			"We sent back " + p.Refunded + ".",
			"It can take a few working days to arrive in your account.",
		}
	case StateAttention:
		return []string{
			"Something about this payment needs a human eye, and one of us has been told. Please do not pay again.",
			"Your money is not lost: we either send your order or send the money back, and tell you either way.",
		}
	case StateCancelled:
		return []string{
			"Nothing will be charged for it.",
			"If money arrives for it all the same, we notice, and one of us sees to it.",
		}
	case StateExpired:
		return []string{
			"It was not paid in time, and nothing was charged.",
			"If you still want these things, put them in your cart once more.",
		}
	default:
		return []string{"Please do not pay again. Look at this page again in a minute."}
	}
}

// weWrite promises a mail, where mails are sent.
func (p OrderPage) weWrite(when string) string {
	if !p.Mails {
		return ""
	}
	return " We write to " + p.Email + when + "."
}

func (p OrderPage) tone() ui.Tone {
	switch p.State {
	case StatePaid, StateReserved:
		return ui.Good
	case StateConfirming, StateAccepted, StateRefunding, StateRefunded, StatePartlyRefunded, StateOpen:
		return ui.Info
	case StateUnknown, StateAttention, StateNotPaid:
		return ui.Warn
	case StateStartFailed:
		return ui.Bad
	case StateCancelled, StateExpired:
		return ui.Plain
	default:
		return ui.Warn
	}
}

func (p OrderPage) icon() ui.IconName {
	switch p.State {
	case StatePaid, StateReserved:
		return ui.IconCheck
	case StateConfirming, StateAccepted, StateOpen, StateExpired:
		return ui.IconClock
	case StateRefunding, StateRefunded, StatePartlyRefunded:
		return ui.IconReturn
	case StateUnknown:
		return ui.IconAsk
	case StateNotPaid, StateStartFailed:
		return ui.IconWarn
	case StateAttention:
		return ui.IconPerson
	case StateCancelled:
		return ui.IconStop
	default:
		return ui.IconAsk
	}
}

// word is the state in one or two words, for the pill.
func (p OrderPage) word() string {
	switch p.State {
	case StatePaid:
		return "Paid"
	case StateConfirming:
		return "Confirming"
	case StateUnknown:
		return "Not known yet"
	case StateAccepted:
		return "Accepted"
	case StateReserved:
		return "Reserved"
	case StateOpen, StateNotPaid, StateStartFailed:
		return "Not paid"
	case StateRefunding:
		return "Refund on its way"
	case StatePartlyRefunded:
		return "Partly refunded"
	case StateRefunded:
		return "Refunded"
	case StateAttention:
		return "Being looked at"
	case StateCancelled:
		return "Cancelled"
	case StateExpired:
		return "Expired"
	default:
		return "Being looked at"
	}
}

// hasReceipt reports whether money came in, so that a receipt can be given.
func (p OrderPage) hasReceipt() bool {
	switch p.State {
	case StatePaid, StateRefunding, StatePartlyRefunded, StateRefunded:
		return true
	case StateOpen, StateNotPaid, StateStartFailed, StateConfirming, StateUnknown, StateAccepted, StateReserved,
		StateAttention, StateCancelled, StateExpired:
		return false
	default:
		return false
	}
}

// canPay reports whether paying is safe. It is not where money may have moved
// already, whatever Methods says.
func (p OrderPage) canPay() bool {
	switch p.State {
	case StateOpen, StateNotPaid, StateStartFailed:
		return len(p.Methods) > 0
	case StateConfirming, StateUnknown, StateAccepted, StateReserved, StatePaid, StateRefunding, StatePartlyRefunded,
		StateRefunded, StateAttention, StateCancelled, StateExpired:
		return false
	default:
		return false
	}
}

// canCheck reports whether looking again may show something new.
func (p OrderPage) canCheck() bool {
	switch p.State {
	case StateConfirming, StateUnknown, StateAccepted:
		return true
	case StateOpen, StateNotPaid, StateStartFailed, StateReserved, StatePaid, StateRefunding, StatePartlyRefunded,
		StateRefunded, StateAttention, StateCancelled, StateExpired:
		return false
	default:
		return false
	}
}

// canContinue reports whether the provider's page waits for the shopper.
func (p OrderPage) canContinue() bool {
	return p.ContinueURL != "" && (p.State == StateOpen || p.State == StateNotPaid)
}

func (p OrderPage) only() (Method, bool) {
	if len(p.Methods) == 1 {
		return p.Methods[0], true
	}
	return Method{}, false
}

// checkKind keeps the button quiet while the page looks by itself.
func (p OrderPage) checkKind() ui.Kind {
	if p.RefreshSeconds > 0 {
		return ui.Secondary
	}
	return ui.Primary
}

func (p OrderPage) methods() ui.Choice {
	c := ui.Choice{
		Name: "method", Label: "How to pay", Value: p.Method, Problem: p.Problem, Required: true,
	}
	for _, m := range p.Methods {
		c.Options = append(c.Options, ui.Option{Value: m.Name, Label: m.Label, Hint: m.hint()})
	}
	return c
}

func (p OrderPage) pay() ui.Action {
	a := ui.Action{Label: "Pay " + p.Total, Kind: ui.Primary, Busy: "Sending you on…"}
	if p.canContinue() {
		a.Kind = ui.Secondary
	}
	if p.State == StateStartFailed {
		a.Label = "Try again: pay " + p.Total
	}
	if m, ok := p.only(); ok {
		a.Label += " with " + m.Label
		a.Busy = "Sending you to " + m.Label + "…"
	}
	return a
}

func (p OrderPage) next() string {
	if p.canContinue() {
		return "The payment page that is open now is closed first, so that you pay only once."
	}
	if m, ok := p.only(); ok {
		return m.hint()
	}
	return "You approve the payment at the provider you chose and come back here."
}

// paymentLine is the payment in one line of the details.
func (p OrderPage) paymentLine() string {
	line := p.word()
	if p.State == StatePaid && p.PaidAt != "" {
		line = "Paid " + p.PaidAt
	}
	if p.Provider != "" {
		line += ", with " + p.Provider
	}
	return line
}

func (p OrderPage) cancelMeans() string {
	if p.canContinue() {
		return "We close the payment at " + p.provider() + " first. If you have paid there already, your order is not lost: this page will say so."
	}
	return "Nothing will be charged for it. If you change your mind, you can order again at any time."
}
