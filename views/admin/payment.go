package admin

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode"

	"till/money"
)

// Payment is one attempt to pay.
type Payment struct {
	ID         string // ours
	State      PaymentState
	Live       bool   // the one that the shopper is making
	Provider   string // label
	Ref        string // the provider's id; empty before it gave one
	Word       string // the provider's own status word, as last heard; may be empty
	Reason     string // why it was declined, in the provider contract's words; may be empty
	Amount     money.Amount
	Manual     bool // taking the money is a step of its own
	Started    When
	Asked      int64       // questions since the last news
	LastAsk    When        // zero when never
	NextAsk    When        // zero when no question is planned
	CanAsk     bool        // whether asking now is possible
	Powers     Powers      // what may be done about its money now
	HoldUntil  When        // when what is reserved lapses; zero when nothing is
	Hold       HoldRule    // what happens then
	Dispute    Status      // stage of a dispute; empty when there is none
	Outside    bool        // nobody's but ours: staff said that it was paid outside
	Balances   Balances    // as the payment's row has them
	Facts      []Fact      // oldest first; the ledger is drawn from them
	Operations []Operation // oldest first
	Reports    []Report    // newest first
	Deliveries []Delivery  // newest first
}

// Powers is what the one who looks may do about a payment's money now.
type Powers struct {
	Capture bool
	Void    bool
	Refund  bool // at the provider, or to record one that was made by other means
	Reverse bool
}

// HoldRule is what becomes of reserved money that nobody has taken when the
// reservation is about to lapse: the cashier's words.
type HoldRule string

// The rules.
const (
	HoldVoid    HoldRule = "void"
	HoldCapture HoldRule = "capture"
	HoldKeep    HoldRule = "keep"
)

// says is the rule as a sentence.
func (r HoldRule) says() string {
	switch r {
	case HoldVoid:
		return "It is given back a day before, unless somebody takes it."
	case HoldCapture:
		return "It is taken by itself a day before, unless somebody gives it back."
	case HoldKeep:
		return "Nothing is done by itself: what nobody takes goes back to the shopper."
	default:
		return ""
	}
}

// OperationKind is what was asked of a provider: models' words.
type OperationKind string

// The kinds of operation.
const (
	OperationStart    OperationKind = "start"
	OperationCapture  OperationKind = "capture"
	OperationVoid     OperationKind = "void"
	OperationRefund   OperationKind = "refund"
	OperationCancel   OperationKind = "cancel"
	OperationReverse  OperationKind = "reverse"
	OperationReceived OperationKind = "received"
	OperationRenew    OperationKind = "renew"
)

// Operation is one thing asked of the provider.
type Operation struct {
	ID      int64
	Kind    OperationKind
	Key     string // its idempotency key
	State   OperationState
	Pending bool   // the provider has it and has not said how it ended
	Outside bool   // staff did it by other means
	Decide  bool   // there was no answer, and who looks may say what to do
	Amount  string // with currency; empty when the operation is not about an amount
	Code    string // why not, as a code; may be empty
	Note    string // why, in the words of whoever asked; may be empty
	Calls   int64  // how often the provider was called for it
	Actor   string
	Source  string
	At      When // when it was asked for
}

// Report is one of the provider's own answers.
type Report struct {
	Operation string // what was asked: start, lookup, cancel, …
	Outcome   string // in our words
	Word      string // in the provider's; may be empty
	Status    int64  // HTTP status; 0 when there was no answer
	Body      []byte // as it came
	Times     int64  // how often the same answer came in a row
	First     When
	Last      When
}

// Delivery is one callback that the provider sent.
type Delivery struct {
	EventID  string
	Word     string // the status word it carried, which we do not believe; may be empty
	Verdict  Verdict
	Times    int64 // how often it came
	Received When
	Settled  When // zero when it has not led to a settle
	Body     []byte
}

// word is what was asked for, as people read it.
func (k OperationKind) word() string {
	switch k {
	case OperationStart:
		return "Start"
	case OperationCapture:
		return "Capture"
	case OperationVoid:
		return "Void"
	case OperationRefund:
		return "Refund"
	case OperationCancel:
		return "Cancel"
	case OperationReverse:
		return "Reversal"
	case OperationReceived:
		return "Paid outside"
	case OperationRenew:
		return "Renew"
	default:
		return string(k)
	}
}

// done is what it means that it succeeded.
func (k OperationKind) done() string {
	switch k {
	case OperationCapture:
		return "Taken"
	case OperationVoid:
		return "Released"
	case OperationRefund:
		return "Gone back"
	case OperationCancel:
		return "Cancelled"
	case OperationReverse:
		return "Undone"
	case OperationReceived:
		return "Recorded"
	case OperationStart, OperationRenew:
		return "Succeeded"
	default:
		return "Succeeded"
	}
}

// state is what came of it, in plain words.
func (o Operation) state() string {
	switch o.State {
	case OperationSucceeded:
		if o.Outside {
			return "Done outside"
		}
		return o.Kind.done()
	case OperationFailed:
		return "Did not happen"
	case OperationUnknown:
		return "No answer"
	case OperationRequested:
		switch {
		case o.Pending:
			return "On its way"
		case o.Calls == 0:
			return "To be sent"
		default:
			return "Being sent"
		}
	default:
		return string(o.State)
	}
}

// reason is why the payment was declined, as a sentence; empty when the
// provider did not say.
func (p Payment) reason() string {
	switch p.Reason {
	case "":
		return ""
	case "limit":
		return "The amount is over a limit of the shopper."
	case "inactive":
		return "The shopper's account is not active."
	case "balance":
		return "There is not enough money in the shopper's account."
	case "blocked":
		return "The shopper has blocked this shop."
	default:
		return p.Reason
	}
}

// with is the payment's amount and who has it, as its heading goes on.
func (p Payment) with() string {
	if p.Outside {
		return " paid outside"
	}
	return " with " + p.Provider
}

// meaning is what its state says about the money, as one sentence.
func (p Payment) meaning() string {
	if p.Outside {
		return "Staff said that the money came in another way. No provider has it."
	}
	return p.State.meaning(p.Provider)
}

// held is what is reserved and neither taken nor released; empty when nothing
// is.
func (p Payment) held() string {
	if n := p.Balances.Authorized - p.Balances.Released; p.State == PaymentAuthorized && n > 0 {
		return p.format(n)
	}
	return ""
}

// left is what can go back to the shopper; empty when nothing was taken.
func (p Payment) left() string {
	if p.Balances.Captured == 0 {
		return ""
	}
	return p.format(p.Balances.Captured - p.Balances.Refunded - p.Balances.RefundPending)
}

// dispute is how far a dispute has got, and about how much.
func (p Payment) dispute() string {
	return with(p.Dispute.word(), ", ", p.format(p.Balances.Disputed))
}

// silent reports whether questions without news are worth a word: a payment
// that has come to its end has none to give.
func (p Payment) silent() bool { return p.Asked > 0 && p.State.open() }

func (p Payment) capture() string {
	if p.Manual {
		return "Reserved first, taken by hand"
	}
	return "Taken at once"
}

// summary names an answer in its folded line.
func (r Report) summary() string {
	s := r.asked() + ": " + r.outcome()
	if r.Word != "" && r.Word != r.Outcome {
		s += " (" + quoted(r.Word) + ")"
	}
	return s
}

// asked is what the answer is to.
func (r Report) asked() string {
	switch r.Operation {
	case "lookup":
		return "Asked how it stands"
	case "find":
		return "Looked for it"
	case "token":
		return "Asked for access"
	default:
		return OperationKind(r.Operation).word()
	}
}

// outcome is the answer: how the payment or its refund stands, or why there is
// none that counts.
func (r Report) outcome() string {
	switch r.Outcome {
	case "open":
		return "not decided yet"
	case "processing":
		return "on its way"
	case "authorized":
		return "reserved"
	case "needs_person":
		return "waits for the shop"
	case "rejected":
		return "refused"
	case "unauthorized":
		return "our credentials were refused"
	case "unavailable":
		return "no usable answer"
	case "unreachable":
		return "not reached"
	default:
		return spoken(r.Outcome)
	}
}

// status is the HTTP side of an answer.
func (r Report) status() string {
	if r.Status == 0 {
		return "no answer"
	}
	return "HTTP " + strconv.FormatInt(r.Status, 10)
}

// repeated says how often the answer came, before the time of the last one.
func (r Report) repeated() string {
	if r.Times < 2 {
		return ""
	}
	return times(r.Times) + " in a row, last "
}

func (r Report) text() string { return pretty(masked(r.Body)) }

func (d Delivery) text() string { return pretty(masked(d.Body)) }

// pretty indents JSON and leaves everything else as it came. What a browser
// would not show is made visible: a body may hold anything.
func pretty(body []byte) string {
	var out bytes.Buffer
	if json.Indent(&out, body, "", "  ") != nil {
		out.Reset()
		out.Write(body)
	}
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(strings.ReplaceAll(out.String(), "\r\n", "\n"), string(unicode.ReplacementChar)))
}
