package powens

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"till/money"
	"till/providers"
)

// The states of a payment, as the reference lists them, the list being open.
const (
	stateCreated    = "created"
	stateValidating = "validating"
	statePending    = "pending"
	stateDone       = "done"
	stateAccepted   = "accepted"
	stateRejected   = "rejected"
	stateExpired    = "expired"
	statePartial    = "partial" // of several instructions; we send one
)

// The error codes of a payment that say more than "rejected", in lower case:
// the reference and the guides disagree about capitals. The others are
// invalidCurrency, invalidDate, invalidBeneficiary, invalidLabel,
// invalidReferenceId, invalidEmitter, regulatoryReason, authenticationFailed,
// noAnswerFromCustomer, noSpecifiedReason, confirmationRefused, bankMessage,
// invalidValue, websiteUnavailable and bug.
const (
	codeByUser    = "cancelledbyuser"
	codeByClient  = "cancelledbyclient"
	codeFunds     = "insufficientfunds"
	codeAmount    = "invalidamount"
	codeBug       = "bug"
	codeNoWebsite = "websiteunavailable"
)

// actionConfirm is the action of a payment that waits for the merchant to
// confirm it, on domains where that is not automatic.
const actionConfirm = "confirm"

// testConnector is the connector of Powens' own that moves no money.
const testConnector = "338178e6-3d01-564f-9a7b-52ca442459bf"

// detailCancelling is the one state_detail: the buyer has to approve at the bank
// that the payment is cancelled.
const detailCancelling = "cancelling"

// longAgo is the first day of a periodic payment that does not say which.
const longAgo = "0000-00-00"

const maxWord = 100 // characters of a state or code that are kept

// newToken is the body of POST /auth/token.
type newToken struct {
	GrantType    string `json:"grant_type"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	Scope        string `json:"scope"`
}

// newPayment is the body of POST /payments. It holds what the reference names
// and nothing else. A reference_id is left to Powens, as it recommends.
type newPayment struct {
	RedirectURI   string           `json:"client_redirect_uri"`
	State         string           `json:"client_state"`
	Instructions  []newInstruction `json:"instructions"`
	PayerIdentity newIdentity      `json:"payer_identity"`
}

type newInstruction struct {
	Label               string         `json:"label"`
	Amount              json.Number    `json:"amount"` // major units
	Currency            money.Currency `json:"currency"`
	ExecutionDateType   Execution      `json:"execution_date_type"`
	ExecutionDate       string         `json:"execution_date,omitempty"` // of a deferred one, in UTC
	schedule                           // of a periodic one
	Beneficiary         newAccount     `json:"beneficiary"`
	BeneficiaryIdentity newIdentity    `json:"beneficiary_identity"`
}

// schedule says when the bank makes the payments of a periodic one. Its dates
// are in UTC.
type schedule struct {
	Frequency string `json:"frequency,omitempty"`
	Start     string `json:"start_date,omitempty"`
	End       string `json:"end_date,omitempty"` // empty is without end
}

type newAccount struct {
	SchemeName     string `json:"scheme_name"`
	Identification string `json:"identification"`
	Label          string `json:"label"`
}

// newIdentity is a corporate or an individual one.
type newIdentity struct {
	Kind           string `json:"kind"`
	OrgName        string `json:"org_name,omitempty"`
	OrgLegalStatus string `json:"org_legal_status,omitempty"`
	OrgHQAddress   string `json:"org_hq_address,omitempty"`
	SchemeName     string `json:"scheme_name,omitempty"`
	Identification string `json:"identification,omitempty"`
	FirstName      string `json:"first_name,omitempty"`
	LastName       string `json:"last_name,omitempty"`
}

// newScope is the body of POST /payments/{id}/scopedtoken.
type newScope struct {
	Scope []string `json:"scope"`
}

// newCancel is the body of POST /payments/{id} that asks to cancel. The buyer
// may have to approve that at the bank, and comes back to the address.
type newCancel struct {
	Cancel      bool   `json:"cancel"`
	RedirectURI string `json:"client_redirect_uri,omitempty"`
	State       string `json:"client_state,omitempty"`
}

// newPayment makes the body of a create, or says why Powens would not take it.
func (c *Client) newPayment(req providers.StartRequest, when schedule) ([]byte, error) {
	payer, err := c.checkStart(req)
	if err != nil {
		return nil, err
	}
	instruction := newInstruction{
		Label: c.label(req), Amount: req.Amount.JSONNumber(), Currency: req.Amount.Currency,
		ExecutionDateType: c.execution, Beneficiary: c.beneficiary, BeneficiaryIdentity: c.merchant,
	}
	switch {
	case when != schedule{}:
		instruction.ExecutionDateType, instruction.schedule = periodic, when
	case c.execution == Deferred:
		instruction.ExecutionDate = c.now().UTC().AddDate(0, 0, c.days).Format(dateLayout)
	}
	return json.Marshal(newPayment{
		RedirectURI: req.PendingURL, State: req.PaymentID, Instructions: []newInstruction{instruction},
		PayerIdentity: payer,
	})
}

// label is the text on the buyer's statement. It always names the order, or
// else the payment, because that is what a transfer is recognised by.
func (c *Client) label(req providers.StartRequest) string {
	number := req.OrderNumber
	if statement(number, "") == "" {
		number = req.PaymentID
	}
	return statement(number, c.beneficiary.Label)
}

// checkStart refuses what Powens would not take, and returns who pays.
func (c *Client) checkStart(req providers.StartRequest) (newIdentity, error) {
	back, err := url.Parse(req.PendingURL)
	first, last := splitName(req.Buyer.Name)
	payer := newIdentity{Kind: "individual", FirstName: first, LastName: last}
	switch {
	case req.PaymentID == "":
		return payer, errors.New("a payment id is required")
	case utf8.RuneCountInString(req.PaymentID) > maxState:
		return payer, fmt.Errorf("the payment id is longer than %d characters", maxState)
	case err != nil, back.Host == "", back.Scheme != "http" && back.Scheme != "https":
		return payer, errors.New("the address to come back to is not absolute")
	case back.RawQuery != "", back.ForceQuery, back.Fragment != "":
		return payer, errors.New("the address to come back to has a query or a fragment, which Powens does not take")
	case !slices.Contains(c.currencies, req.Amount.Currency):
		return payer, fmt.Errorf("currency %.12q is not one of POWENS_CURRENCIES", string(req.Amount.Currency))
	case req.Amount.Sign() <= 0:
		return payer, errors.New("there is nothing to pay")
	case last == "":
		return payer, errors.New("the buyer's name is required")
	default:
		return payer, nil
	}
}

// payment is a payment as Powens answers and delivers it. What it does not name
// is skipped, what is missing stays empty, and of what we only show or compare
// no odd type makes the rest unreadable.
type payment struct {
	ID           number          `json:"id"`
	State        text            `json:"state"`
	StateDetail  text            `json:"state_detail"`
	Action       text            `json:"action"`
	ErrorCode    text            `json:"error_code"`
	ClientState  text            `json:"client_state"`
	ValidateURI  text            `json:"validate_uri"`
	Connector    json.RawMessage `json:"connector_uuid"` // kept as it is: null is a bank that nobody chose, absent is not said
	Instructions json.RawMessage `json:"instructions"`
	EventID      number          `json:"id_webhook_data"` // of a delivery
}

// word is the state as Powens wrote it, with its error code or detail behind it
// in brackets where there is one.
func (p payment) word() string {
	word := cut(string(p.State), maxWord)
	for _, more := range []text{p.ErrorCode, p.StateDetail} {
		if more != "" {
			return word + " (" + cut(string(more), maxWord) + ")"
		}
	}
	return word
}

// ended reports whether there is nothing left to cancel.
func (p payment) ended() bool {
	return slices.Contains([]text{stateDone, stateAccepted, stateRejected, stateExpired}, normal(p.State))
}

// cancelling reports whether the buyer has to approve a cancellation.
func (p payment) cancelling() bool { return normal(p.StateDetail) == detailCancelling }

// approval is where they do that; empty when they need not, or it is no
// address to send anybody to.
func (p payment) approval() string {
	u, err := url.Parse(string(p.ValidateURI))
	if err != nil || !p.cancelling() || u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !providers.Near(u.Hostname())) {
		return ""
	}
	return u.String()
}

// testing reports whether the payment is at the connector that moves no money.
func (p payment) testing() bool {
	var at text
	return json.Unmarshal(p.Connector, &at) == nil && strings.EqualFold(string(at), testConnector)
}

// list are the payment's instructions, as far as they can be read.
func (p payment) list() []instruction {
	var list []instruction
	if json.Unmarshal(p.Instructions, &list) != nil {
		return nil
	}
	return list
}

// start is the first day of a periodic payment, longAgo when it does not say
// which; empty for a payment of another kind.
func (p payment) start() string {
	for _, it := range p.list() {
		if normal(it.Type) == text(periodic) {
			return orElse(string(it.Start), longAgo)
		}
	}
	return ""
}

type instruction struct {
	Reference   text            `json:"reference_id"`
	Type        text            `json:"execution_date_type"`
	Start       text            `json:"start_date"`
	Amount      json.RawMessage `json:"amount"`
	Currency    code            `json:"currency"`
	Beneficiary account         `json:"beneficiary"`
}

// account is who is paid. Its identification is empty when the answer does not
// show it.
type account struct{ Identification string }

// UnmarshalJSON implements json.Unmarshaler; an odd value is no account.
func (a *account) UnmarshalJSON(b []byte) error {
	var in struct {
		Identification text `json:"identification"`
	}
	*a = account{}
	if json.Unmarshal(b, &in) == nil {
		a.Identification = string(in.Identification)
	}
	return nil
}

// code is a currency, which is sent as text and comes back as an object.
type code string

// UnmarshalJSON implements json.Unmarshaler; neither of the two is no currency.
func (c *code) UnmarshalJSON(b []byte) error {
	var in struct {
		ID text `json:"id"`
	}
	var plain text
	*c = ""
	if json.Unmarshal(b, &in) == nil && in.ID != "" {
		*c = code(in.ID)
	} else if json.Unmarshal(b, &plain) == nil {
		*c = code(plain)
	}
	return nil
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

// number is the digits of a whole number above zero, written as a number or as
// text; anything else is none.
type number string

// UnmarshalJSON implements json.Unmarshaler.
func (n *number) UnmarshalJSON(b []byte) error {
	*n = number(bytes.TrimSuffix(bytes.TrimPrefix(b, []byte(`"`)), []byte(`"`)))
	if checkRef(string(*n)) != nil {
		*n = ""
	}
	return nil
}

// checkRef refuses what can be no payment's id.
func checkRef(ref string) error {
	if ref == "" || ref[0] == '0' || len(ref) > 19 || strings.ContainsFunc(ref, func(r rune) bool { return r < '0' || r > '9' }) {
		return errors.New("the payment's id is missing or cannot be one")
	}
	return nil
}

// expected is the payment that an answer has to be about.
type expected struct {
	ref       string // empty when Powens has just given it one
	paymentID string
	iban      string // of who is paid
	from      string // the first day of a periodic payment; empty for any other
	byLink    bool   // it came of a link, whose own client_state it may have
}

// read decodes a payment and puts it in our words. The error says why the
// answer cannot be used.
func (c *Client) read(reply providers.Reply, want expected) (payment, providers.Report, error) {
	var p payment
	if err := json.Unmarshal(reply.Body, &p); err != nil {
		return payment{}, providers.Report{}, fmt.Errorf("the answer is no payment: %w", err)
	}
	switch {
	case p.ID == "":
		return payment{}, providers.Report{}, errors.New("the payment's id is missing or cannot be one")
	case p.State == "":
		return payment{}, providers.Report{}, errors.New("the payment has no state")
	case want.ref != "" && string(p.ID) != want.ref:
		return payment{}, providers.Report{}, errors.New("the answer is about another payment")
	case p.ClientState != "" && want.paymentID != "" && string(p.ClientState) != want.paymentID && !want.byLink:
		return payment{}, providers.Report{}, errors.New("the answer's client_state is another payment's")
	}
	outcome, reason := c.outcome(p)
	if c.mayHavePaid(p, want) {
		outcome, reason = providers.Unknown, providers.ReasonNone
	}
	amount, err := total(p.Instructions, want.iban)
	if err == nil && outcome == providers.Paid && amount == (money.Amount{}) {
		err = errors.New("the payment is paid but does not say how much")
	}
	if err != nil {
		return payment{}, providers.Report{}, err
	}
	return p, providers.Report{
		Ref: string(p.ID), PaymentID: string(p.ClientState), Outcome: outcome, Amount: amount, Word: p.word(),
		Reason: reason, Test: p.testing(), Status: reply.Status, Raw: reply.Raw(),
	}, nil
}

// mayHavePaid reports whether a periodic payment that has ended may have paid
// something before: its state tells no single execution, and "rejected" is also
// one that the buyer stopped at the bank after a year. Before its first day, or
// while no bank was chosen, nothing can have moved.
func (c *Client) mayHavePaid(p payment, want expected) bool {
	from := orElse(want.from, p.start())
	state := normal(p.State)
	if from == "" || state != stateRejected && state != stateExpired || string(p.Connector) == "null" {
		return false
	}
	return c.now().UTC().Format(dateLayout) >= from
}

// outcome puts a state in our words; the error code only colours a rejected
// one. A state that we have not seen before is Unknown, never a failure, and so
// is partial: a payment of one instruction cannot be paid in part.
func (c *Client) outcome(p payment) (providers.Outcome, providers.Reason) {
	switch normal(p.State) {
	case stateValidating:
		if normal(p.Action) == actionConfirm {
			return providers.NeedsPerson, providers.ReasonNone
		}
		return providers.Open, providers.ReasonNone
	case stateCreated:
		return providers.Open, providers.ReasonNone
	case statePending:
		return providers.Processing, providers.ReasonNone
	case stateDone:
		return providers.Paid, providers.ReasonNone
	case stateAccepted:
		if c.accepted == Paid {
			return providers.Paid, providers.ReasonNone
		}
		return providers.Accepted, providers.ReasonNone
	case stateRejected:
		return refused(p.ErrorCode)
	case stateExpired:
		return providers.Expired, providers.ReasonNone
	case statePartial:
		return providers.Unknown, providers.ReasonNone
	default:
		return providers.Unknown, providers.ReasonNone
	}
}

// refused tells a payment that somebody cancelled from one that the bank
// refused, and reads the codes on which a buyer can act.
func refused(code text) (providers.Outcome, providers.Reason) {
	switch normal(code) {
	case codeByUser, codeByClient:
		return providers.Cancelled, providers.ReasonNone
	case codeFunds:
		return providers.Declined, providers.ReasonBalance
	case codeAmount:
		return providers.Declined, providers.ReasonLimit
	default:
		return providers.Declined, providers.ReasonNone
	}
}

func normal(word text) text { return text(strings.ToLower(strings.TrimSpace(string(word)))) }

// total is what a payment's instructions come to; without any it is the zero
// Amount. Two currencies, or an amount that cannot be read, are an error: half
// a sum is worse than none.
//
// Money that goes to another account than ours pays us nothing, so it counts as
// nothing: the cashier then finds a difference and calls a person. An account
// that the answer hides or masks is taken for ours.
func total(raw json.RawMessage, iban string) (money.Amount, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return money.Amount{}, nil
	}
	var list []instruction
	if err := json.Unmarshal(raw, &list); err != nil {
		return money.Amount{}, fmt.Errorf("the payment's instructions: %w", err)
	}
	var sum money.Amount
	for i, it := range list {
		one, err := it.amount(iban)
		if err == nil && i > 0 {
			one, err = sum.Add(one)
		}
		if err != nil {
			return money.Amount{}, fmt.Errorf("instruction %d of the payment: %w", i+1, err)
		}
		sum = one
	}
	return sum, nil
}

func (it instruction) amount(iban string) (money.Amount, error) {
	currency, err := money.ParseCurrency(string(it.Currency))
	if err != nil {
		return money.Amount{}, err
	}
	amount, err := money.ParseJSON(it.Amount, currency)
	if err != nil {
		return money.Amount{}, err
	}
	if amount.Sign() < 0 {
		return money.Amount{}, errors.New("a negative amount")
	}
	if paid := strings.ToUpper(compact(it.Beneficiary.Identification)); paid != iban && isIBAN(paid) {
		amount.Minor = 0
	}
	return amount, nil
}

// saved is what Started.Data holds: what later calls need that no Payment
// carries.
type saved struct {
	Back string `json:"back"`           // where the buyer comes back to
	IBAN string `json:"iban"`           // whom the payment is to pay, should the setting change
	From string `json:"from,omitempty"` // the first day of a periodic payment
}

// remember makes Started.Data.
func (c *Client) remember(req providers.StartRequest, from string) json.RawMessage {
	data, err := json.Marshal(saved{Back: req.PendingURL, IBAN: c.beneficiary.Identification, From: from})
	if err != nil {
		return nil
	}
	return data
}

// recall reads Started.Data. Without it the account is that of the settings.
func (c *Client) recall(p providers.Payment) saved {
	var s saved
	if len(p.Data) > 0 && json.Unmarshal(p.Data, &s) != nil {
		s = saved{}
	}
	if s.IBAN == "" {
		s.IBAN = c.beneficiary.Identification
	}
	return s
}

// readCode reads the code of an error body; empty when there is none.
func readCode(b []byte) string {
	var in struct {
		Code text `json:"code"`
	}
	if json.Unmarshal(b, &in) != nil {
		return ""
	}
	return cut(string(in.Code), maxWord)
}
