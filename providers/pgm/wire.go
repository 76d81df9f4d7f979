package pgm

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"till/money"
	"till/providers"
)

// The results of pay, and but for the last those of refund.
const (
	resultOK       = "OK"
	resultKO       = "KO"
	resultPending  = "PENDING"
	resultRedirect = "REDIRECT_TO_URL"
)

// The status words of a payment, or of its refund.
const (
	statusAccepted = "ACCEPTED"
	statusFailed   = "FAILED"
	statusPending  = "PENDING"
)

// The actions that a status can be about.
const (
	actionPayment = "PAYMENT"
	actionRefund  = "REFUND"
)

const (
	maxRef   = 255  // characters of a payment id
	maxLink  = 8192 // characters of a link that a buyer is sent to
	maxCount = 1000 // intervals between two payments
)

// euro is all that a gateway manager takes.
const euro = money.Currency("EUR")

// newPayment is the body of pay. It holds what the pages name and nothing else.
type newPayment struct {
	Amount             int64          `json:"amount"` // minor units
	Currency           money.Currency `json:"currency"`
	ShopTransactionID  string         `json:"shopTransactionId"`
	SuccessRedirectURL string         `json:"successRedirectUrl"`
	FailureRedirectURL string         `json:"failureRedirectUrl"`
	ProviderData       map[string]any `json:"providerData,omitempty"`
}

// newRefund is the body of refund. It has no id of its own.
type newRefund struct {
	Amount    int64          `json:"amount"`
	Currency  money.Currency `json:"currency"`
	PaymentID string         `json:"paymentId"`
}

// newPayment makes the body of a pay, or says why it would not be taken.
func (c *Client) newPayment(req providers.StartRequest) (choice, []byte, error) {
	way, err := c.checkStart(req)
	if err != nil {
		return choice{}, nil, err
	}
	out := newPayment{
		Amount: req.Amount.Minor, Currency: req.Amount.Currency, ShopTransactionID: req.PaymentID,
		SuccessRedirectURL: req.SuccessURL, FailureRedirectURL: req.ErrorURL,
	}
	if data := services()[way.Provider].data; data != nil {
		out.ProviderData = data(req)
	}
	body, err := json.Marshal(out)
	return way, body, err
}

func (c *Client) checkStart(req providers.StartRequest) (choice, error) {
	way, ok := c.offered(req.Method)
	switch {
	case !ok:
		return choice{}, fmt.Errorf("%.80q is not one of PGM_METHODS", req.Method)
	case req.SuccessURL == "", req.ErrorURL == "":
		return choice{}, errors.New("success and error addresses are required")
	}
	return way, checkOne(req)
}

// offered reads a method that is one of the settings.
func (c *Client) offered(method string) (choice, bool) {
	way, ok := parseChoice(method)
	return way, ok && slices.Contains(c.choices, way)
}

// checkOne checks what every payment needs, with a buyer or without.
func checkOne(req providers.StartRequest) error {
	switch {
	case req.PaymentID == "":
		return errors.New("a payment id is required")
	case req.Reserve:
		return errors.New("a gateway manager takes money at once: it cannot reserve")
	default:
		return checkAmount(req.Amount)
	}
}

func checkAmount(a money.Amount) error {
	switch {
	case a.Currency != euro:
		return fmt.Errorf("currency %.12q: a gateway manager takes only EUR", string(a.Currency))
	case a.Sign() <= 0:
		return errors.New("the amount is not above zero")
	default:
		return nil
	}
}

// payAnswer is the answer of pay, and of a subscription's payments. It does not
// say how much.
type payAnswer struct {
	Result      text  `json:"result"`
	PaymentID   ident `json:"paymentId"`
	RedirectURL text  `json:"redirectToUrl"`
	MobileURL   text  `json:"redirectToUrlMobile"`
	Token       ident `json:"subscriptionToken"`
}

// refundAnswer is the answer of refund.
type refundAnswer struct {
	Result text `json:"result"`
}

// status is a PaymentStatus: the answer of status, and the body of a callback.
// Go matches names in any case, so that paymentID of older gateway managers is
// read too.
type status struct {
	Status            text            `json:"status"`
	PaymentID         ident           `json:"paymentId"`
	ShopTransactionID ident           `json:"shopTransactionId"`
	Action            json.RawMessage `json:"action"`
	IsSuccessful      json.RawMessage `json:"isSuccessful"` // only in callbacks of version 2
	Metadata          json.RawMessage `json:"metadata"`
}

// token is that of the subscription which a payment has begun, where its service
// tells it there; else empty.
func (s status) token() string {
	var in struct {
		Token ident `json:"subscriptionToken"`
	}
	if json.Unmarshal(s.Metadata, &in) != nil || !isToken(string(in.Token)) {
		return ""
	}
	return string(in.Token)
}

// text is a string; any other JSON value is none.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) != nil {
		s = ""
	}
	*t = text(s)
	return nil
}

// ident is an id as a string, or as the whole number that it reads like; any
// other JSON value is none.
type ident string

// UnmarshalJSON implements json.Unmarshaler.
func (i *ident) UnmarshalJSON(b []byte) error {
	*i = ""
	var s string
	if json.Unmarshal(b, &s) == nil {
		*i = ident(s)
		return nil
	}
	if _, err := strconv.ParseUint(string(b), 10, 64); err == nil {
		*i = ident(b)
	}
	return nil
}

// normal is a word as the enums are written.
func normal(word text) string { return strings.ToUpper(strings.TrimSpace(string(word))) }

// action is what a status is about. Gateway managers before 3.2.0 do not say,
// and mean the payment.
func (s status) action() string {
	raw := bytes.TrimSpace(s.Action)
	if len(raw) == 0 || string(raw) == "null" || string(raw) == `""` {
		return actionPayment
	}
	var word text
	if json.Unmarshal(raw, &word) != nil || word == "" {
		return "?"
	}
	return normal(word)
}

// word is the status word for people and the ledger.
func (s status) word() string {
	if s.action() == actionPayment {
		return string(s.Status)
	}
	return s.action() + " " + string(s.Status)
}

// report puts a status in our words. That it has no amount is the gateway
// manager's way: what was asked for is what is paid.
//
// A status that is about a refund says of the payment that it was paid, for
// else there would be nothing to refund; and of the refund, which is the last
// one asked for, how far it has got.
func (s status) report(pay place, p providers.Payment, reply providers.Reply) providers.Report {
	r := providers.Report{
		Ref: p.Ref, PaymentID: string(s.ShopTransactionID), Outcome: providers.Unknown, Word: s.word(),
		Status: reply.Status, Raw: kept(reply, s.token()),
	}
	switch s.action() {
	case actionPayment:
		r.Outcome = outcomeOf(normal(s.Status), pay)
	case actionRefund:
		if state, ok := refundStates()[normal(s.Status)]; ok {
			r.Outcome = providers.Paid
			r.Refunds = []providers.Refund{{State: state, Word: string(s.Status), Status: reply.Status}}
		}
	}
	return r
}

// outcomeOf puts the status word of a payment in ours. PENDING says nothing of
// the buyer: one who was sent to a page may not have decided yet, one who was
// not has nothing left to do.
func outcomeOf(word string, pay place) providers.Outcome {
	switch word {
	case statusAccepted:
		return providers.Paid
	case statusFailed:
		return providers.Declined
	case statusPending:
		if pay.Result == resultOK || pay.Result == resultPending {
			return providers.Processing
		}
		return providers.Open
	default:
		return providers.Unknown
	}
}

func refundStates() map[string]providers.RefundState {
	return map[string]providers.RefundState{
		statusAccepted: providers.RefundDone, statusFailed: providers.RefundFailed, statusPending: providers.RefundPending,
	}
}

// outcomeOfResult puts the result of pay in our words. OK is not paid yet: the
// status decides, which can be asked for at once.
func outcomeOfResult(result string) providers.Outcome {
	switch result {
	case resultRedirect:
		return providers.Open
	case resultOK, resultPending:
		return providers.Processing
	case resultKO:
		return providers.Declined
	default:
		return providers.Unknown
	}
}

// refundOfResult puts the result of a refund in our words. One that we do not
// know was asked for, and may yet go either way.
func refundOfResult(result string) providers.RefundState {
	switch result {
	case resultOK:
		return providers.RefundDone
	case resultKO:
		return providers.RefundFailed
	default:
		return providers.RefundPending
	}
}

// readStatus decodes the answer of status, and refuses one that is about
// another payment or does not say about which. Where we do not know whose the
// payment is, only the gateway manager's own id can say.
func readStatus(body []byte, p providers.Payment) (status, error) {
	var s status
	if err := json.Unmarshal(body, &s); err != nil {
		return status{}, fmt.Errorf("the answer is no status: %w", err)
	}
	switch {
	case s.Status == "":
		return status{}, errors.New("the answer has no status")
	case s.PaymentID == "" && (s.ShopTransactionID == "" || p.ID == ""):
		return status{}, errors.New("the answer does not say which payment it is about")
	case s.PaymentID != "" && string(s.PaymentID) != p.Ref:
		return status{}, errors.New("the answer is about another payment")
	case s.ShopTransactionID != "" && p.ID != "" && string(s.ShopTransactionID) != p.ID:
		return status{}, errors.New("the answer's shopTransactionId is another payment's")
	}
	return s, nil
}

// checkRef refuses what can be no payment's id.
func checkRef(ref string) error {
	if ref == "" || len(ref) > maxRef || strings.ContainsFunc(ref, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return errors.New("the payment id is missing or cannot be one")
	}
	return nil
}

// place is where a payment was made and with what result: all addresses have
// the provider in them, and no answer can be asked for without it. It is what
// Started.Data holds.
type place struct {
	choice
	Result string // of pay; empty when its answer was lost
}

// savedPlace is a place in JSON.
type savedPlace struct {
	Provider string `json:"provider"`
	Method   string `json:"method,omitempty"`
	Result   string `json:"result,omitempty"`
}

func (pl place) save() json.RawMessage {
	data, err := json.Marshal(savedPlace{Provider: pl.Provider, Method: pl.Method, Result: pl.Result})
	if err != nil {
		return nil
	}
	return data
}

// savedIn reads a place; ok is false when there is none that can be one.
func savedIn(data json.RawMessage) (pl place, ok bool) {
	var s savedPlace
	if len(data) == 0 || json.Unmarshal(data, &s) != nil {
		return place{}, false
	}
	pl = place{choice: choice{Provider: s.Provider, Method: s.Method}, Result: s.Result}
	_, ok = parseChoice(pl.String())
	return pl, ok
}

// tokenField is a field whose value charges somebody: subscriptionToken, and the
// methodToken and recurrenceToken of version 2.
var tokenField = regexp.MustCompile(`(?i)("[^"\\]*token"\s*:\s*)("(?:[^"\\]|\\.)*"?|[0-9][0-9.eE+-]*)`)

// kept is an answer for staff, without credentials.
func kept(reply providers.Reply, secrets ...string) []byte { return without(reply.Raw(), secrets...) }

// without takes the tokens of subscriptions out of an answer, and the secrets
// wherever they stand.
func without(raw []byte, secrets ...string) []byte {
	const minSecret = 4 // characters: a shorter one would take half of the answer with it
	if len(raw) == 0 {
		return raw
	}
	raw = tokenField.ReplaceAll(raw, []byte(`${1}"[secret]"`))
	for _, s := range secrets {
		if len(s) < minSecret {
			continue
		}
		for _, spelling := range []string{s, url.PathEscape(s)} {
			raw = bytes.ReplaceAll(raw, []byte(spelling), []byte("[secret]"))
		}
	}
	return raw
}

// errorCode reads what can be read of an error body, whose fields no page
// describes.
func errorCode(body []byte) string {
	const maxCode = 100
	var in struct {
		Error text `json:"error"`
		Code  text `json:"code"`
	}
	if json.Unmarshal(body, &in) != nil {
		return ""
	}
	code := string(in.Error)
	if code == "" {
		code = string(in.Code)
	}
	return code[:min(len(code), maxCode)]
}
