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
	Balances   Balances    // as the payment's row has them
	Facts      []Fact      // oldest first; the ledger is drawn from them
	Operations []Operation // oldest first
	Reports    []Report    // newest first
	Deliveries []Delivery  // newest first
}

// OperationKind is what was asked of a provider: models' words.
type OperationKind string

// The kinds of operation.
const (
	OperationStart   OperationKind = "start"
	OperationCapture OperationKind = "capture"
	OperationVoid    OperationKind = "void"
	OperationRefund  OperationKind = "refund"
	OperationCancel  OperationKind = "cancel"
	OperationRenew   OperationKind = "renew"
)

// Operation is one thing asked of the provider.
type Operation struct {
	Kind   OperationKind
	Key    string // its idempotency key
	State  OperationState
	Amount string // with currency; empty when the operation is not about an amount
	Code   string // why not, as a code; may be empty
	Calls  int64  // how often the provider was called for it
	Actor  string
	Source string
	At     When // when it was asked for
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
func (o Operation) word() string {
	switch o.Kind {
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
	case OperationRenew:
		return "Renew"
	default:
		return string(o.Kind)
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

func (p Payment) capture() string {
	if p.Manual {
		return "Reserved first, taken by hand"
	}
	return "Taken at once"
}

// summary names an answer in its folded line.
func (r Report) summary() string {
	s := r.Operation + ": " + r.Outcome
	if r.Word != "" && r.Word != r.Outcome {
		s += " (“" + r.Word + "”)"
	}
	return s
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

func (r Report) text() string { return pretty(r.Body) }

func (d Delivery) text() string { return pretty(d.Body) }

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
