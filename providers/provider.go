// Package providers says what Till needs of a payment provider, and what every
// provider's client shares. Each provider lives in its own folder; providertest
// checks that it keeps this contract.
package providers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"till/money"
)

// Provider sends a buyer away to pay and learns what became of it.
//
// Implementations are safe for concurrent use and keep nothing that a restart
// may lose but caches. Every method that calls out obeys ctx, reads a bounded
// answer, and fails with an [*Error].
type Provider interface {
	// Name is the constant that rows and URLs carry, such as "iumicash".
	Name() string

	// Label is the provider's name as people know it, such as "iumiCash".
	Label() string

	// Currencies lists what this provider takes here, in the order of its setting.
	Currencies() []money.Currency

	// PageOrigins lists where buyers are sent: scheme and host of every page
	// that Started.URL may lead to, such as "https://pay.example".
	PageOrigins() []string

	// Start opens a payment and says where to send the buyer. Where the
	// provider knows idempotency keys, calling it again with the same Key
	// opens nothing new and answers with the payment as it is now.
	//
	// After an Error of KindUnavailable the payment may or may not exist: only
	// a [Finder] can tell. Where the provider has opened one to which the buyer
	// cannot be sent, Start fails with KindRejected and returns what was opened
	// all the same: whoever has its Ref asks about it as about any other.
	Start(ctx context.Context, req StartRequest) (Started, error)

	// Lookup asks the provider for the truth about one payment. It has no side
	// effect at the provider.
	Lookup(ctx context.Context, p Payment) (Report, error)

	// Callback verifies a delivery over its raw bytes and reads which payment
	// it is about. What the body claims beyond that is not used.
	//
	// Errors: ErrSignature for one that the provider did not sign, ErrMalformed
	// for a signed one that cannot be read, ErrIgnored for an event that needs
	// no action.
	Callback(d Delivery) (Notice, error)

	// CallbackAnswer is what the provider wants to hear once its delivery is
	// stored.
	CallbackAnswer() Answer
}

// Finder is a Provider that can be asked about a payment whose Start had no
// answer.
type Finder interface {
	// Find looks the payment up by our own reference or key. found is false
	// when the provider says for certain that it has no such payment; then,
	// and only then, Start may be called again.
	Find(ctx context.Context, req StartRequest) (s Started, found bool, err error)
}

// Canceller is a Provider that can be told to take no money for a payment.
type Canceller interface {
	// Cancel asks the provider to cancel. The answer is what the provider
	// says of the payment afterwards, which may be that it is paid.
	Cancel(ctx context.Context, p Payment, key string) (Report, error)
}

// Capturer is a Provider that can reserve money first and take it later.
type Capturer interface {
	// Capture takes some or all of what is reserved. What it leaves is
	// released where the provider captures once only. The answer is what the
	// provider says of the payment afterwards.
	Capture(ctx context.Context, p Payment, amount money.Amount, key string) (Report, error)

	// Void gives back what is reserved and not taken.
	Void(ctx context.Context, p Payment, key string) (Report, error)
}

// WholeCapturer is a Capturer that may take only all of what is reserved.
type WholeCapturer interface {
	CapturesWhole() bool
}

// Refunder is a Provider that can send money back.
type Refunder interface {
	// Refund sends some or all of what was taken back. The answer is this
	// refund as the provider has it now, which may be that it is on its way.
	Refund(ctx context.Context, p Payment, r RefundRequest) (Refund, error)
}

// Reverser is a Provider that can undo a payment as a whole before it is
// cleared.
type Reverser interface {
	Reverse(ctx context.Context, p Payment, key string) (Report, error)
}

// Receiver is a Provider that can be told that a payment was made outside.
type Receiver interface {
	Received(ctx context.Context, p Payment, key string) (Report, error)
}

// MethodLister is a Provider with more than one way to pay.
type MethodLister interface {
	// Methods lists the ways to pay in a currency, in the order to show them.
	// It may answer from a cache.
	Methods(ctx context.Context, currency money.Currency) ([]Method, error)
	// MethodLabel is a method for people, from what is known without asking: of a
	// payment long ago too, whose method is offered no more. It is the name itself
	// when nothing is known of it.
	MethodLabel(name string) string
}

// LinkMaker is a Provider that makes a link to pay by which a merchant sends
// out, and which the buyer opens later.
type LinkMaker interface {
	// MakeLink opens a payment as Start does; Started.URL is the link. Lookup and
	// the other calls take its Ref and Data like those of any other payment.
	MakeLink(ctx context.Context, req StartRequest) (Started, error)
}

// Subscriber is a Provider that takes money from a buyer again who agreed to it
// once.
type Subscriber interface {
	// Subscribe opens the first payment of a subscription, at which the buyer
	// agrees to those that follow. The token may be empty until Subscription has
	// been asked.
	Subscribe(ctx context.Context, req SubscribeRequest) (Started, Subscription, error)

	// Charge takes one further payment. It is for a subscription that is not
	// Automatic; the buyer is not there.
	Charge(ctx context.Context, s Subscription, req StartRequest) (Started, error)

	// Resubscribe changes amount and interval of what is taken from now on.
	Resubscribe(ctx context.Context, s Subscription, req SubscribeRequest) error

	// Subscription asks the provider how a subscription stands.
	Subscription(ctx context.Context, s Subscription) (SubscriptionReport, error)

	// Unsubscribe ends a subscription. One that is over already is no error.
	Unsubscribe(ctx context.Context, s Subscription) error
}

// SubscribeRequest is what a provider may need to begin a subscription.
type SubscribeRequest struct {
	StartRequest          // the first payment
	Unit         Interval // of time between two payments
	Count        int      // how many of them; at least 1
	Times        int      // payments in all; 0 for no end
	Automatic    bool     // the provider takes the money when it is time; else Charge does
}

// Interval is a unit of the time between two payments.
type Interval string

// The intervals.
const (
	Day   Interval = "day"
	Week  Interval = "week"
	Month Interval = "month"
	Year  Interval = "year"
)

// Subscription names a subscription that was begun.
type Subscription struct {
	Token     string          // the provider's; a credential where a charge needs nothing else, so it is kept out of logs
	PaymentID string          // ours, of the first payment
	Method    string          // of the first payment
	Data      json.RawMessage // handed back with every later call; nil when nothing is needed
}

// SubscriptionStatus is how a subscription stands.
type SubscriptionStatus string

// The statuses of a subscription.
const (
	SubscriptionPending  SubscriptionStatus = "PENDING" // the first payment is not made
	SubscriptionActive   SubscriptionStatus = "ACTIVE"
	SubscriptionPastDue  SubscriptionStatus = "PAST_DUE" // a payment did not come; it may yet
	SubscriptionExpired  SubscriptionStatus = "EXPIRED"  // over as agreed; final
	SubscriptionCanceled SubscriptionStatus = "CANCELED" // ended by somebody; final
	SubscriptionUnknown  SubscriptionStatus = "UNKNOWN"
)

// SubscriptionReport is a provider's own answer about a subscription.
type SubscriptionReport struct {
	Subscription Subscription // with the token and Data to keep from now on
	Status       SubscriptionStatus
	Word         string // the provider's own
	HTTPStatus   int
	Raw          []byte // the answer as it came; bounded, holds no credential
}

// Mailer is a Provider that may write to buyers itself.
type Mailer interface {
	// MailsBuyer reports whether the provider confirms a payment of this buyer by
	// mail, so that a second confirmation would be one too many.
	MailsBuyer(b Buyer) bool
}

// Prober is a Provider that can be asked for something harmless, to learn
// whether it is there and lets us in.
type Prober interface {
	// Probe makes an authenticated request of which the provider's documents
	// say that it changes nothing there. It asks anew each time, and fails as
	// every other call does.
	Probe(ctx context.Context) error
}

// Describer is a Provider that says how it is set up here.
type Describer interface {
	Setup() Setup
}

// Setup is how a provider is set up here.
type Setup struct {
	Host   string // that its API is asked at, with a port where it is not the scheme's own
	Test   bool   // the setting says that no real money is meant
	Path   string // of the address that callbacks come to; empty is that of all providers
	Secret Secret // the last part of that address; empty for a provider that signs
	Bell   Bell
}

// Bell is how a provider learns where to send its callbacks.
type Bell string

// The ways.
const (
	BellWithPayment Bell = "with each payment" // the address goes along with each payment
	BellRegistered  Bell = "registered"        // the shop registers it there when it starts
	BellByHand      Bell = "by hand"           // somebody types it in there
)

// Method is one of a provider's ways to pay.
type Method struct {
	Name  string // kept with the payment as StartRequest.Method, such as "stripe/credit-cards"
	Label string // as people know it
}

// Pacer is a Provider with its own idea of how often it may be asked.
type Pacer interface {
	// NextAsk is how long to wait before asking again, after asked looks at a
	// payment that last had the given outcome.
	NextAsk(outcome Outcome, asked int) time.Duration
}

// StartRequest is what a provider may need to open a payment. It is built from
// rows only, so that the same payment gives the same request each time.
type StartRequest struct {
	PaymentID   string // ours, unique per attempt; letters and digits
	Key         string // idempotency key of the start operation, a UUID
	OrderNumber string // as the shopper reads it
	Amount      money.Amount
	Items       []Item // their sum is Amount
	Buyer       Buyer
	Method      string    // one of Methods; empty for a provider that lists none
	Reserve     bool      // reserve the money and take it later; only for a Capturer
	Begun       time.Time // when the payment was written here: nothing was sent about it before; zero when not known
	Due         time.Time // pay until then; zero for no end
	SuccessURL  string    // absolute, as all of these
	ErrorURL    string
	PendingURL  string
	CallbackURL string
}

// Item is one line of what is paid for.
type Item struct {
	Name        string
	Description string
	Unit        money.Amount // price of one
	Quantity    int64
}

// Buyer is who pays.
type Buyer struct {
	Name  string
	Email string
}

// Started is an opened payment.
type Started struct {
	Ref    string          // the provider's id
	URL    string          // where to send the buyer; empty when there is nothing left to do there
	Data   json.RawMessage // handed back as Payment.Data with every later call; nil when nothing is needed
	Report Report          // what the provider said of the payment when it answered
}

// Payment names a payment that was started.
type Payment struct {
	ID     string // ours; empty where it is not known whose it is, and an answer about any payment will do
	Ref    string // the provider's
	Amount money.Amount
	Data   json.RawMessage // Started.Data
}

// Outcome is what a provider says of a payment, in our words.
type Outcome string

// The outcomes. Unknown is a word that we do not know: it changes nothing.
const (
	Unknown    Outcome = "unknown"
	Open       Outcome = "open"       // the buyer has not decided
	Processing Outcome = "processing" // the buyer agreed, the money is on its way
	Authorized Outcome = "authorized" // reserved, not taken
	Paid       Outcome = "paid"       // taken
	Accepted   Outcome = "accepted"   // the bank took it and will say no more
	Declined   Outcome = "declined"
	Cancelled  Outcome = "cancelled"
	Expired    Outcome = "expired"
	// NeedsPerson: the provider waits for the merchant to decide something on
	// its own pages. What it says of the money besides still counts.
	NeedsPerson Outcome = "needs_person"
)

// Report is a provider's own answer about one payment.
type Report struct {
	Ref        string // the provider's id
	PaymentID  string // ours, as the provider has it; empty when it does not say
	Outcome    Outcome
	Amount     money.Amount // the whole payment as the provider has it; the zero Amount when it does not say
	Word       string       // the provider's own status word
	Authorized money.Amount // ever reserved; the zero Amount when the provider does not say, as the next two
	Captured   money.Amount // taken so far; when it does not say, a Paid payment was taken as a whole
	Refunded   money.Amount // gone back so far, all refunds together
	Refunds    []Refund     // one by one, where the provider tells them apart
	Reversal   RefundState  // of the payment as a whole; empty when nobody asked for one
	Dispute    Dispute      // how far a dispute has got; empty when there is none
	HoldUntil  time.Time    // when a reservation lapses; zero when the provider does not say
	Reason     Reason       // why not, when the provider says
	Outside    bool         // Paid by the merchant's own word, as a Receiver was told; no money went through the provider
	Test       bool         // the provider says that no real money is meant
	At         time.Time    // when the provider says that it last changed; for people to read, never to decide by; zero when it does not say
	Status     int          // HTTP status of the answer
	Raw        []byte       // the answer as it came; bounded, holds no credential
}

// RefundRequest is what a provider may need to send money back.
type RefundRequest struct {
	Key    string // idempotency key of the refund operation, a UUID
	Amount money.Amount
	Whole  bool   // Amount is all that was taken
	Note   string // for the provider's own pages; may be empty
}

// Refund is one refund as a provider has it.
type Refund struct {
	Ref    string // the provider's id of the refund; empty where it gives none
	State  RefundState
	Amount money.Amount
	Word   string // the provider's own word
	Status int    // HTTP status of the answer
	Raw    []byte // the answer as it came, as in Report
}

// RefundState says how far a refund, or a reversal, has got.
type RefundState string

// The states of a refund.
const (
	RefundPending  RefundState = "pending"  // asked for and not done; may yet fail
	RefundDone     RefundState = "done"     // gone back
	RefundFailed   RefundState = "failed"   // not gone back
	RefundReversed RefundState = "reversed" // gone back, and come again
)

// Dispute is the stage of a dispute, in the words of the Gate's table.
type Dispute string

// The stages of a dispute.
const (
	DisputeRetrieval      Dispute = "retrieval"
	DisputeChargeback     Dispute = "chargeback"
	DisputeRepresentation Dispute = "representation"
	DisputePrearbitration Dispute = "prearbitration"
	DisputeArbitration    Dispute = "arbitration"
	DisputePrecompliance  Dispute = "precompliance"
	DisputeCompliance     Dispute = "compliance"
	DisputeGoodFaith      Dispute = "good_faith"
	DisputeFraudAdvice    Dispute = "fraud_advice"
)

// Reason is why a payment was refused, as far as a buyer can act on it.
type Reason string

// The reasons. ReasonNone is no reason given.
const (
	ReasonNone     Reason = ""
	ReasonLimit    Reason = "limit"    // over a limit that the buyer or bank set
	ReasonInactive Reason = "inactive" // the buyer's account is not active
	ReasonBalance  Reason = "balance"  // not enough money in the account
	ReasonBlocked  Reason = "blocked"  // the buyer has blocked this shop
	ReasonDeclined Reason = "declined" // the last try was declined, and another may follow on the same page; the payment is Open
	ReasonRejected Reason = "rejected" // the buyer refused to pay on the provider's page; the payment is Cancelled
	ReasonOverdue  Reason = "overdue"  // its time is over and the provider takes the money all the same; the payment is Open
	ReasonPayout   Reason = "payout"   // it pays out, not in; the outcome is Unknown
)

// Delivery is one callback as it came.
type Delivery struct {
	Method string
	Path   string // as registered with the provider, without query
	Header http.Header
	Body   []byte // raw; signatures are over these bytes
	Secret string // last part of the address, for providers that do not sign
}

// Notice is a verified delivery: a doorbell, not a truth.
type Notice struct {
	EventID   string // unique per provider and delivered event; made from the body where the provider gives none
	Ref       string // the provider's id of the payment
	PaymentID string // ours, as the provider has it; empty when it does not say
	Word      string // the status word it carried, for people to read
}

// Answer is what a callback is answered with after its commit.
type Answer struct {
	Status      int
	ContentType string
	Body        string
}

var (
	// ErrSignature is returned for a delivery that the provider did not sign.
	ErrSignature = errors.New("providers: bad signature")
	// ErrMalformed is returned for a signed delivery that cannot be read.
	ErrMalformed = errors.New("providers: malformed delivery")
	// ErrIgnored is returned for an event that needs no action.
	ErrIgnored = errors.New("providers: event ignored")
)

// Kind sorts a failed call by what the caller can do about it.
type Kind string

// The kinds of failure.
const (
	KindRejected     Kind = "rejected"     // the provider said no to this request; it opened nothing and did nothing
	KindUnauthorized Kind = "unauthorized" // our credentials are wrong; the provider did nothing
	KindUnreachable  Kind = "unreachable"  // the request never left or was never taken up; nothing happened there
	KindUnavailable  Kind = "unavailable"  // no usable answer: what happened there is unknown
)

// Error is a failed call to a provider.
type Error struct {
	Provider   string
	Op         string // "start", "lookup", "cancel", …
	Kind       Kind
	Status     int           // HTTP status; 0 when there was no answer
	Code       string        // the provider's code, as it came
	Reason     Reason        // set when the code says why the buyer cannot pay
	RetryAfter time.Duration // as the provider asked; 0 when it did not
	Raw        []byte        // the answer as it came, for staff; bounded; nil when there was none
	Err        error         // cause, or what makes an answer unusable; nil when the answer says it all
}

// Error says what failed and how, without what the provider wrote in its body.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %s: %s", e.Provider, e.Op, e.Kind)
	if e.Status != 0 {
		s += fmt.Sprintf(" (http %d, code %q)", e.Status, e.Code)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Secret is a credential that does not print.
type Secret string

// String hides the secret from fmt and templates.
func (Secret) String() string { return "[secret]" }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return "[secret]" }

// LogValue hides the secret from slog.
func (Secret) LogValue() slog.Value { return slog.StringValue("[secret]") }

// MarshalJSON hides the secret from JSON.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"[secret]"`), nil }
