package vertex

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"till/money"
	"till/providers"
)

// The status words of an order. Older documents write canceled, and have no
// need_action.
const (
	statusInProgress = "in_progress"
	statusFailed     = "failed"
	statusCompleted  = "completed"
	statusRejected   = "rejected"
	statusCancelled  = "cancelled"
	statusCanceled   = "canceled"
	statusRefunded   = "refunded"
	statusNeedAction = "need_action"
)

// The status words of a payment of an order that are none of an order's, and
// its one documented type.
const (
	statusAuthorized = "authorized"
	statusDeclined   = "declined" // not documented
	statusExpired    = "expired"  // not documented
	typeRefund       = "refund"
)

// millis is how the documents write a time that is sent.
const millis = "2006-01-02T15:04:05.000Z"

// newOrder is the body of POST /order. It holds what the documents name and
// nothing else.
type newOrder struct {
	ShopID          int64           `json:"shopId"`
	Order           orderPart       `json:"order"`
	Customer        *customer       `json:"customer,omitempty"`
	PaymentSettings paymentSettings `json:"paymentSettings"`
}

type orderPart struct {
	OrderNumber string `json:"orderNumber"`
	Cost        cost   `json:"cost"`
}

type cost struct {
	Amount   string         `json:"amount"` // major units
	Currency money.Currency `json:"currency"`
}

type customer struct {
	FirstName string `json:"firstName"`
	LastName  string `json:"lastName"`
	Email     string `json:"email"`
}

type paymentSettings struct {
	method
	AutoCapture  bool         `json:"autoCapture"`
	TimeLimit    string       `json:"timeLimit,omitempty"`
	RedirectURLs redirectURLs `json:"redirectUrls"`
	WebhookURL   string       `json:"webhookUrl"`
}

type redirectURLs struct {
	Success string `json:"success"`
	Failure string `json:"failure"`
}

// orderKey is the body of cancel, reject and capture, and the beginning of
// that of refund.
type orderKey struct {
	ShopID      int64  `json:"shopId"`
	OrderNumber string `json:"orderNumber"`
}

type newRefund struct {
	orderKey
	PaymentID string `json:"paymentId,omitempty"`
	Cost      cost   `json:"cost"`
}

func costOf(a money.Amount) cost { return cost{Amount: a.Decimal(), Currency: a.Currency} }

// customerOf is what the gateway may know of a buyer, or nil: it wants a first
// and a last name, and half a customer is none.
func customerOf(b providers.Buyer) *customer {
	first, last, _ := strings.Cut(strings.Join(strings.Fields(b.Name), " "), " ")
	if first == "" || last == "" || b.Email == "" || len(first) > maxText || len(last) > maxText || len(b.Email) > maxText {
		return nil
	}
	return &customer{FirstName: first, LastName: last, Email: b.Email}
}

// created is the answer to a create.
type created struct {
	OrderNumber text `json:"orderNumber"`
	PaymentLink text `json:"paymentLink"`
}

// details is an order as it is answered and delivered. What it does not name is
// skipped, what is missing stays empty, and of what we only show or pass on no
// odd type makes the rest unreadable.
type details struct {
	ShopID         text            `json:"shopId"`
	OrderNumber    text            `json:"orderNumber"`
	OrderStatus    text            `json:"orderStatus"`
	Cost           json.RawMessage `json:"cost"`
	TimeLimit      stamp           `json:"timeLimit"`
	OrderCreatedAt stamp           `json:"orderCreatedAt"`
	OrderPaidAt    stamp           `json:"orderPaidAt"`
	AutoCapture    flag            `json:"autoCapture"`
	Payments       items           `json:"payments"`
	PaymentLink    text            `json:"paymentLink"` // not documented here
}

// item is one payment or refund of an order. Of its fields only cost and
// paymentType are certain; id and status are how the rest may be spelt.
type item struct {
	PaymentID     text            `json:"paymentId"`
	ID            text            `json:"id"`
	PaymentType   text            `json:"paymentType"`
	PaymentStatus text            `json:"paymentStatus"`
	Status        text            `json:"status"`
	Cost          json.RawMessage `json:"cost"`
}

func (it item) ref() string {
	if it.PaymentID != "" {
		return string(it.PaymentID)
	}
	return string(it.ID)
}

func (it item) word() string {
	if it.PaymentStatus != "" {
		return string(it.PaymentStatus)
	}
	return string(it.Status)
}

func (it item) isRefund() bool { return normal(string(it.PaymentType)) == typeRefund }

// over reports whether an attempt to pay, or a refund, came to nothing.
func (it item) over() bool {
	switch normal(it.word()) {
	case statusFailed, statusCancelled, statusCanceled, statusRejected, statusDeclined, statusExpired:
		return true
	default:
		return false
	}
}

// items are an order's payments. One that is no object is one of which nothing
// is known.
type items struct {
	list []item
	odd  bool // something is there, and it is no list
}

// UnmarshalJSON implements json.Unmarshaler.
func (l *items) UnmarshalJSON(b []byte) error {
	var raw []json.RawMessage
	*l = items{}
	if json.Unmarshal(b, &raw) != nil {
		l.odd = true
		return nil
	}
	for _, r := range raw {
		var one item
		if json.Unmarshal(r, &one) != nil {
			one = item{}
		}
		l.list = append(l.list, one)
	}
	return nil
}

// text is a string, or a number as it is written; any other JSON value is none.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(b []byte) error {
	*t = ""
	var s string
	var n json.Number
	switch {
	case json.Unmarshal(b, &s) == nil:
		*t = text(s)
	case len(b) > 0 && b[0] != '"' && json.Unmarshal(b, &n) == nil:
		*t = text(n)
	}
	return nil
}

// flag is a boolean, also as text; any other JSON value is neither.
type flag struct{ yes, no bool }

// UnmarshalJSON implements json.Unmarshaler.
func (f *flag) UnmarshalJSON(b []byte) error {
	word := strings.ToLower(string(bytes.Trim(b, `"`)))
	*f = flag{yes: word == "true", no: word == "false"}
	return nil
}

// stamp is a time in RFC 3339. One that cannot be read is the zero time.
type stamp struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (s *stamp) UnmarshalJSON(b []byte) error {
	s.Time = time.Time{}
	var v string
	if json.Unmarshal(b, &v) != nil {
		return nil
	}
	if at, err := time.Parse(time.RFC3339, v); err == nil {
		s.Time = at.UTC()
	}
	return nil
}

// envelope is what a success comes in.
type envelope struct {
	Data json.RawMessage `json:"data"`
}

// open takes an answer out of its envelope.
func open(body []byte, into any) error {
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil {
		return fmt.Errorf("the answer is no JSON object: %w", err)
	}
	if len(e.Data) == 0 || string(e.Data) == "null" {
		return errors.New("the answer has no data")
	}
	if err := json.Unmarshal(e.Data, into); err != nil {
		return fmt.Errorf("the answer's data: %w", err)
	}
	return nil
}

// report puts an order in our words.
func (o details) report(reply providers.Reply) (providers.Report, error) {
	total, err := readCost(o.Cost)
	if err != nil {
		return providers.Report{}, fmt.Errorf("the order's cost: %w", err)
	}
	b := o.books()
	r := providers.Report{
		Ref: string(o.OrderNumber), PaymentID: string(o.OrderNumber), Outcome: o.outcome(b, total), Amount: total,
		Word: string(o.OrderStatus), Refunds: b.refunds, At: o.changed(), Status: reply.Status, Raw: reply.Raw(),
	}
	r.Refunded, _ = b.refunded.value()
	if normal(string(o.OrderStatus)) == statusRejected && r.Outcome == providers.Cancelled {
		r.Reversal = providers.RefundDone
	}
	switch r.Outcome {
	case providers.Paid:
		if taken, ok := b.taken.value(); ok {
			r.Amount, r.Captured = taken, taken
		}
	case providers.Authorized:
		if reserved, ok := b.reserved.value(); ok {
			r.Amount, r.Authorized = reserved, reserved
		}
	case providers.NeedsPerson: // the order's own amount stays beside what is there of it
		r.Authorized, _ = b.reserved.value()
		r.Captured, _ = b.completed.value()
		return r, nil
	default:
		return r, nil
	}
	if r.Amount == (money.Amount{}) {
		return providers.Report{}, fmt.Errorf("the order is %s but does not say how much", r.Outcome)
	}
	return r, nil
}

// outcome puts the status in ours. A word that we have not seen before is
// Unknown, never a failure.
//
// need_action is what the gateway says when, among others, the buyer paid
// another sum than the order's: then it is Paid, and the amount of the report is
// that sum. Anything else needs a person, and so does an order that says that it
// came to nothing while money was taken for it.
func (o details) outcome(b books, total money.Amount) providers.Outcome {
	switch normal(string(o.OrderStatus)) {
	case statusInProgress:
		return o.progress(b)
	case statusCompleted, statusRefunded:
		return providers.Paid
	case statusCancelled, statusCanceled, statusRejected:
		if b.holdsMoney() {
			return providers.NeedsPerson
		}
		return providers.Cancelled
	case statusFailed:
		if b.holdsMoney() {
			return providers.NeedsPerson
		}
		if b.attempts == 0 && !o.Payments.odd && !o.TimeLimit.IsZero() {
			return providers.Expired // nobody tried, and there was a time to
		}
		return providers.Declined
	case statusNeedAction:
		if taken, ok := b.taken.value(); ok && taken != total {
			return providers.Paid
		}
		return providers.NeedsPerson
	default:
		return providers.Unknown
	}
}

// progress tells apart what the one word in_progress stands for: nobody has
// paid, the money is reserved, or it is on its way. The documents say that a
// payment in the list means that the buyer has paid; so does one whose status
// we do not know. Only those that are over do not count.
func (o details) progress(b books) providers.Outcome {
	switch {
	case o.Payments.odd:
		return providers.Unknown
	case b.live == 0:
		return providers.Open
	case b.authorized > 0 && b.authorized == b.live && !o.AutoCapture.yes:
		return providers.Authorized
	default:
		return providers.Processing
	}
}

// changed is the latest time that the order says something happened.
func (o details) changed() time.Time {
	if o.OrderPaidAt.After(o.OrderCreatedAt.Time) {
		return o.OrderPaidAt.Time
	}
	return o.OrderCreatedAt.Time
}

// books is what an order's payments come to.
type books struct {
	attempts   int // to pay, those that are over too
	live       int // of them those that are not
	authorized int // of them those that are reserved and not taken
	reserved   sum // what those come to
	completed  sum // what those that are taken come to
	taken      sum // the same, if all that are live are taken
	refunded   sum // what has gone back
	refunds    []providers.Refund
}

// holdsMoney reports whether a payment was taken that has not gone back, or may
// have been: one that does not say how much counts.
func (b books) holdsMoney() bool {
	if b.completed.broken {
		return true
	}
	taken, ok := b.completed.value()
	if !ok || taken.Sign() <= 0 {
		return false
	}
	back, ok := b.refunded.value()
	if !ok {
		return true
	}
	less, err := back.Less(taken)
	return err != nil || less
}

func (o details) books() books {
	var b books
	for _, it := range o.Payments.list {
		amount, err := readCost(it.Cost)
		if it.isRefund() {
			b.refund(it, amount, err)
			continue
		}
		b.attempts++
		if it.over() {
			continue
		}
		b.live++
		switch normal(it.word()) {
		case statusAuthorized:
			b.authorized++
			b.reserved.add(amount, err)
			b.taken.broken = true
		case statusCompleted:
			b.completed.add(amount, err)
			b.taken.add(amount, err)
		default:
			b.taken.broken = true
		}
	}
	return b
}

// refund counts one refund. A sign, should there be one, says nothing new.
func (b *books) refund(it item, amount money.Amount, err error) {
	if err == nil && amount.Sign() < 0 {
		amount, err = amount.Neg()
	}
	r := providers.Refund{Ref: it.ref(), State: refundState(it), Word: it.word()}
	if err == nil {
		r.Amount = amount
	}
	b.refunds = append(b.refunds, r)
	if r.State == providers.RefundDone {
		b.refunded.add(amount, err)
	}
}

// refundState says how far a refund has got. The documents count one that is in
// the list as made; a word that we do not know may still be on its way.
func refundState(it item) providers.RefundState {
	switch word := normal(it.word()); {
	case it.over():
		return providers.RefundFailed
	case word == "", word == statusCompleted, word == statusRefunded:
		return providers.RefundDone
	default:
		return providers.RefundPending
	}
}

// sum adds amounts up. It has a value once there is something to add, and while
// all of it could be read and was in one currency.
type sum struct {
	amount money.Amount
	broken bool
}

func (s *sum) add(a money.Amount, err error) {
	if err != nil || a == (money.Amount{}) {
		s.broken = true
		return
	}
	if s.amount == (money.Amount{}) {
		s.amount.Currency = a.Currency
	}
	total, err := s.amount.Add(a)
	if err != nil {
		s.broken = true
		return
	}
	s.amount = total
}

func (s *sum) value() (money.Amount, bool) {
	if s.broken || s.amount == (money.Amount{}) {
		return money.Amount{}, false
	}
	return s.amount, true
}

// readCost reads an amount, as text or as a number; the zero Amount when it is
// not there.
func readCost(raw json.RawMessage) (money.Amount, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return money.Amount{}, nil
	}
	var in struct {
		Amount   json.RawMessage `json:"amount"`
		Currency string          `json:"currency"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return money.Amount{}, err
	}
	currency, err := money.ParseCurrency(in.Currency)
	if err != nil {
		return money.Amount{}, err
	}
	return money.ParseJSON(in.Amount, currency)
}

func normal(word string) string { return strings.ToLower(strings.TrimSpace(word)) }

// checkNumber refuses what can be no order number of ours: it has Latin
// letters, digits and hyphens, the latter not at its ends.
func checkNumber(s string) error {
	bad := s == "" || len(s) > maxText || strings.HasPrefix(s, "-") || strings.HasSuffix(s, "-") ||
		strings.ContainsFunc(s, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
		})
	if bad {
		return errors.New("the order number is missing or cannot be one")
	}
	return nil
}

// errorBody is the body of a refusal. The documents say to tell refusals apart
// by the HTTP status alone, so the code is kept for people.
type errorBody struct {
	Code text `json:"code"`
}
