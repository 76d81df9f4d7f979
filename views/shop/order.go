package shop

import (
	"cmp"

	"till/views/ui"
)

// OrderState is which face the order page shows. It is about what the shopper
// should know and do; the machine's word beside it is OrderPage.Status.
type OrderState string

// The faces of the order page.
const (
	StateOpen           OrderState = "open"             // not paid yet; nothing is wrong
	StateNotPaid        OrderState = "not_paid"         // the provider said no or the shopper stopped: Reason says which
	StateStartFailed    OrderState = "start_failed"     // the provider could not be reached, and surely made nothing
	StateConfirming     OrderState = "confirming"       // came back, and we ask; with RefreshSeconds 0 we asked often enough
	StateClearing       OrderState = "clearing"         // paid, and the money takes days to arrive
	StateUnknown        OrderState = "unknown"          // no answer: money may have moved or not
	StateAccepted       OrderState = "accepted"         // the bank took it and says no more for a while
	StateReserved       OrderState = "reserved"         // authorised, not taken
	StatePaid           OrderState = "paid"             // the money is here
	StateRefunding      OrderState = "refunding"        // a refund is on its way
	StatePartlyRefunded OrderState = "partly_refunded"  // some of it went back
	StateRefunded       OrderState = "refunded"         // all of it went back
	StateReversed       OrderState = "reversed"         // the payment was undone as a whole
	StateRefundStuck    OrderState = "refund_stuck"     // money should go back and has not
	StateRefundCameBack OrderState = "refund_came_back" // it had gone back and came again
	StateDisputed       OrderState = "disputed"         // the shopper's bank asks about it
	StateOverpaid       OrderState = "overpaid"         // paid, and more came than it costs
	StateAttention      OrderState = "attention"        // a person is looking at it
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
	AskedAt  string // when we last asked the provider, such as "14:32" or "14:32 on Friday 20 November 2026"; may be empty

	Lines   []Line
	Rows    []Row // between lines and total; may be empty
	Total   string
	Money   Money
	Direct  bool // paid outside, straight to the shop
	Late    bool // the money is on its way for longer than it should
	Looking bool // a person is looking at money of this order
	Name    string
	Email   string
	Address []string // lines of the delivery address, without the name

	Parcel   Parcel
	Doubtful bool   // a person must see whether it can be sent at all
	Held     string // hidden field "reserved" of the form that cancels: what this page says is reserved
	Kept     bool   // the shopper cancelled it, and it was not: its money is not as their page said

	Mails       bool     // the shop sends mail
	ContinueURL string   // the provider's page that is still open; empty when there is none
	Methods     []Method // to pay again with; empty when that is not possible now
	Method      string   // the one chosen before; may be empty
	Problem     string   // about the chosen method, after a refused form; may be empty
	CanCancel   bool
	HeldUntil   string // until when the things are kept, such as "14:32"; empty when they are not counted

	// RefreshSeconds above 0 has the page look again by itself at RefreshURL.
	// After the last time both are empty and the page says what to do.
	RefreshSeconds int
	RefreshURL     string
}

// Parcel is how far the goods have got.
type Parcel struct {
	Packed   bool
	Left     bool
	Carrier  string // with whom; may be empty
	Tracking string // what they call it; may be empty
}

// word is that in a line; empty while there is nothing to tell.
func (p Parcel) word() string {
	switch {
	case p.Left:
		return "On its way" + p.with()
	case p.Packed:
		return "Packed"
	default:
		return ""
	}
}

func (p Parcel) with() string {
	var s string
	if p.Carrier != "" {
		s = " with " + p.Carrier
	}
	if p.Tracking != "" {
		s += ", tracking number " + p.Tracking
	}
	return s
}

func (p OrderPage) page() ui.Page {
	return ui.Page{
		Name: "order", Title: p.Headline() + " – Order " + p.Number, Quiet: true,
		Problem:        p.State == StateStartFailed || p.Problem != "" || p.Kept,
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
	case StateClearing:
		return "Your payment is on its way"
	case StateAccepted:
		return "Your bank has taken the order to pay"
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
	case StateReversed:
		return "Your payment was undone"
	case StateRefundStuck:
		return "We could not send the money back yet"
	case StateRefundCameBack:
		return "The money we sent back came back to us"
	case StateDisputed:
		return "Your bank has asked us about this payment"
	case StateOverpaid:
		return "This order is paid, and more came than it costs"
	case StateAttention:
		return "We are looking at your payment"
	case StateCancelled:
		return "This order is cancelled"
	case StateExpired:
		return "This order has expired"
	default:
		return "We are looking at your order"
	}
}

// sentences say what the state means for the shopper's money, and what happens
// or can be done next.
func (p OrderPage) sentences() []string {
	who, m := p.provider(), p.Money
	switch p.State {
	case StatePaid:
		return p.paid()
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
	case StateClearing:
		if p.Late {
			return []string{
				"Your bank is moving the money, and that takes longer than it should. We are looking at it.",
				"There is nothing more for you to do. Please do not pay again." + p.weWrite(" when the money is here"),
			}
		}
		return []string{
			"You have paid; your bank is moving the money, which takes one to three working days.",
			"There is nothing more for you to do. Please do not pay again." + p.weWrite(" when the money is here"),
		}
	case StateUnknown:
		return []string{
			"We asked " + who + " about your payment and got no clear answer. It may have gone through or not, so please do not pay again yet.",
			"We keep asking, and this page shows the answer as soon as we have it." + p.weWrite(" if you paid"),
		}
	case StateAccepted:
		return []string{
			"It says no more until the money is here, which can take a day or two. Please do not pay again.",
			"There is nothing more for you to do." + cmp.Or(p.weWrite(" when the money is here"), " This page shows when the money is here."),
		}
	case StateReserved:
		return p.reserved()
	case StateOpen:
		if p.Reason != ReasonNone {
			return []string{p.Reason.sentence(p.Provider), p.Reason.advice(p.Provider, len(p.Methods) > 1)}
		}
		return []string{"Nothing was charged.", "Your order is kept. You can pay it whenever you are ready."}
	case StateNotPaid:
		return []string{p.Reason.sentence(p.Provider), p.Reason.advice(p.Provider, len(p.Methods) > 1)}
	case StateStartFailed:
		return []string{
			"Nothing was charged. Your order is kept as it is.",
			"Try again in a moment, or come back to this page later.",
		}
	case StateRefunding:
		return []string{p.asked(), takesDays}
	case StatePartlyRefunded:
		return []string{"We sent back " + m.Sent + " of the " + m.Taken + " that you paid; " + m.Stays + " stays paid.", takesDays}
	case StateRefunded:
		return []string{"We sent back " + m.Sent + ", which is all that you paid.", takesDays}
	case StateReversed:
		return []string{p.provider() + " has undone the payment as a whole. " + p.wentBack(), takesDays}
	case StateRefundStuck:
		return []string{
			"We asked " + who + " to send money back to you, and it did not go. We are looking at it.",
			"Your money is not lost, and there is nothing for you to do.",
		}
	case StateRefundCameBack:
		return []string{
			"We sent money back to you, and it came back to us. We are looking at it.",
			"Your money is not lost. If your account has changed, please write to us.",
		}
	case StateDisputed:
		return []string{
			"We answer your bank, and it decides. There is nothing for you to do here.",
			"If you did not ask your bank about it, tell your bank or us.",
		}
	case StateOverpaid:
		return []string{
			"We received " + m.Taken + ". " + m.Over + " of that is more than it costs.",
			"We are looking at it, so that what is too much goes back to you. Please do not pay again.",
		}
	case StateAttention:
		return []string{
			"Something about this payment needs a human eye, and one of us has been told. Please do not pay again.",
			"Your money is not lost: we either send your order or send the money back, and tell you either way.",
		}
	case StateCancelled:
		return p.cancelled()
	case StateExpired:
		if m.Taken != "" {
			return []string{"It was not paid in time.", "If you still want these things, put them in your cart once more."}
		}
		return []string{
			"It was not paid in time, and nothing was charged.",
			"If you still want these things, put them in your cart once more.",
		}
	default:
		return []string{"Please do not pay again. Look at this page again in a minute."}
	}
}

const takesDays = "Money that we send back can take a few working days to arrive in your account."

func (p OrderPage) paid() []string {
	m, received := p.Money, "We received "+p.Money.Taken
	switch {
	case m.Less && m.LetGo != "":
		received = "We took " + m.Taken + ". The other " + m.LetGo + " was only reserved, and is let go"
	case m.Less:
		received = "We took " + m.Taken + " for it, and no more"
	case p.Direct:
		received += " straight from you"
	}
	next := "Next we pack your order. There is nothing more for you to do."
	switch {
	case p.Parcel.Left:
		next = "Your order is on its way" + p.Parcel.with() + "."
	case p.Parcel.Packed:
		next = "Your order is packed, and leaves next. There is nothing more for you to do."
	}
	switch {
	case p.Doubtful:
		next = "Before anything is sent, one of us has to look at your order, and then writes to you. Please do not pay again."
	case p.Looking:
		next = "We are still looking at another payment for it. There is nothing more for you to do, so please do not pay again."
	}
	return []string{received + "." + p.weWrite(" with the receipt"), next}
}

func (p OrderPage) reserved() []string {
	says := "There is nothing more for you to do."
	if p.Money.Until != "" {
		says = "The reservation ends by " + p.Money.Until + ". " + says
	}
	return []string{p.Money.Reserved + " is reserved in your account, and not taken.", says}
}

// cancelled tells of money that came for a cancelled order all the same.
func (p OrderPage) cancelled() []string {
	m := p.Money
	switch {
	case m.Pending != "":
		return []string{"Money came for it all the same. " + p.asked(), takesDays}
	case m.Stays != "" && m.Stuck:
		return []string{"Money came for it all the same, and we could not send it back yet. We are looking at it.", "Your money is not lost, and there is nothing for you to do."}
	case m.Stays != "" && p.Looking:
		return []string{"Money came for it all the same: " + m.Stays + ". It goes back to you; we are looking at it.", "There is nothing for you to do."}
	case m.Stays != "":
		return []string{"We have " + m.Stays + " of yours that came for it.", "If you do not know why, please write to us."}
	case m.Reserved != "":
		return []string{m.Reserved + " is still reserved for it, and is being let go. Nothing was taken.", "There is nothing for you to do."}
	case m.Sent != "":
		return []string{"Money came for it all the same. " + p.wentBack(), takesDays}
	case m.LetGo != "":
		return []string{m.LetGo + " was reserved for it and is let go. Nothing was taken.", "If money arrives for it all the same, we notice and see to it."}
	default:
		return []string{"Nothing will be charged for it.", "If money arrives for it all the same, we notice and see to it."}
	}
}

// asked says what is being sent back.
func (p OrderPage) asked() string {
	s := "We asked " + p.provider() + " to send " + p.Money.Pending + " back to you"
	switch {
	case p.Money.Unanswered:
		return s + " and have no clear answer yet. We are looking at it."
	case p.Money.rest():
		return s + "; " + p.Money.Stays + " stays paid."
	default:
		return s + "."
	}
}

func (p OrderPage) wentBack() string {
	if p.Money.Sent == "" {
		return ""
	}
	return p.Money.Sent + " went back to you."
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
	case StateConfirming, StateClearing, StateAccepted, StateRefunding, StateRefunded, StatePartlyRefunded, StateReversed, StateDisputed, StateOpen:
		return ui.Info
	case StateUnknown, StateAttention, StateNotPaid, StateRefundStuck, StateRefundCameBack, StateOverpaid:
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
	case StateConfirming, StateClearing, StateAccepted, StateOpen, StateExpired:
		return ui.IconClock
	case StateRefunding, StateRefunded, StatePartlyRefunded, StateReversed:
		return ui.IconReturn
	case StateUnknown, StateDisputed:
		return ui.IconAsk
	case StateNotPaid, StateStartFailed:
		return ui.IconWarn
	case StateAttention, StateRefundStuck, StateRefundCameBack, StateOverpaid:
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
	case StateClearing:
		return "On its way"
	case StateReversed:
		return "Undone"
	case StateRefundStuck, StateRefundCameBack:
		return "Refund not done"
	case StateDisputed:
		return "Your bank asks"
	case StateOverpaid:
		return "Paid"
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

// hasReceipt reports whether the order was paid, so that a receipt can be given.
func (p OrderPage) hasReceipt() bool {
	switch p.State {
	case StatePaid, StateRefunding, StatePartlyRefunded, StateRefunded, StateReversed, StateRefundStuck, StateRefundCameBack,
		StateDisputed, StateOverpaid:
		return true
	case StateOpen, StateNotPaid, StateStartFailed, StateConfirming, StateClearing, StateUnknown, StateAccepted, StateReserved,
		StateAttention, StateCancelled, StateExpired:
		return false
	default:
		return false
	}
}

// canPay reports whether paying is safe. It is not where money may have moved
// already, whatever Methods says.
func (p OrderPage) canPay() bool { return p.isUnpaid() && len(p.Methods) > 0 }

func (p OrderPage) isUnpaid() bool {
	return p.State == StateOpen || p.State == StateNotPaid || p.State == StateStartFailed
}

// canCheck reports whether looking again may show something new.
func (p OrderPage) canCheck() bool {
	return p.State == StateConfirming || p.State == StateClearing || p.State == StateUnknown || p.State == StateAccepted
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
	c.Options = options(p.Methods)
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

// kept says why an order that its shopper cancelled was not.
func (p OrderPage) kept() string {
	switch {
	case p.Money.Reserved != "":
		return p.Money.Reserved + " was reserved for this order since the page before was made, so we did not cancel it."
	case p.Money.Taken != "":
		return "This order was paid since the page before was made, so we did not cancel it."
	default:
		return "The money for this order is not where it was when the page before was made, so we did not cancel it."
	}
}

// keptNext says what to do then.
func (p OrderPage) keptNext() string {
	if p.CanCancel {
		return "Nothing else was done. Look at the order as it is now, and cancel it below if you still want to."
	}
	return "Nothing else was done. Look at the order as it is now. If you do not want it any more, please write to us."
}

// paymentLine is the payment in one line of the details.
func (p OrderPage) paymentLine() string {
	line := p.word()
	if (p.State == StatePaid || p.State == StateOverpaid) && p.PaidAt != "" {
		line = "Paid " + p.PaidAt
	}
	if p.Direct {
		line += ", straight to us"
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
