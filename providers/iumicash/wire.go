package iumicash

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/money"
	"till/providers"
)

// The status words of an order, as revision A lists them.
const (
	statusCreated   = "created"
	statusApproved  = "approved"
	statusCaptured  = "captured"
	statusCompleted = "completed"
	statusCancelled = "cancelled"
	statusCanceled  = "canceled" // not documented; the other spelling
)

// The links of an order that are used. capture is not: it tells iumiCash to
// send no more callbacks, and perhaps more.
const (
	relSelf    = "self"
	relApprove = "approve"
	relCancel  = "cancel"
)

const maxLink = 2048 // characters of a link that is kept

// token is the answer of the token endpoint.
type token struct {
	AccessToken string   `json:"access_token"`
	ExpiresIn   *seconds `json:"expires_in"`
}

// seconds is a lifetime, as a number or as text.
type seconds int64

// UnmarshalJSON implements json.Unmarshaler. Nothing readable counts as no time
// at all, so that such a token is used once.
func (s *seconds) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseInt(string(bytes.Trim(b, `"`)), 10, 64)
	if err != nil || n < 0 {
		n = 0
	}
	*s = seconds(n)
	return nil
}

// newOrder is the body of POST /api/v1/orders/. It holds what the documents
// name and nothing else.
type newOrder struct {
	ExternalID         string             `json:"external_id"`
	Items              []newItem          `json:"items"`
	ApplicationContext applicationContext `json:"application_context"`
}

type newItem struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Amount      newPrice `json:"amount"` // of one
	Count       int64    `json:"count"`
}

type newPrice struct {
	Value        json.Number    `json:"value"` // major units
	CurrencyCode money.Currency `json:"currency_code"`
}

type applicationContext struct {
	CallbackURL string `json:"callback_url"`
	SuccessURL  string `json:"success_url"`
	ErrorURL    string `json:"error_url"`
}

// newOrder makes the body of a create, or says why iumiCash would not take it
// or, worse, would take another sum than ours.
func (c *Client) newOrder(req providers.StartRequest) ([]byte, error) {
	if err := c.checkStart(req); err != nil {
		return nil, err
	}
	body := newOrder{
		ExternalID: req.PaymentID,
		Items:      make([]newItem, 0, len(req.Items)),
		ApplicationContext: applicationContext{
			CallbackURL: req.CallbackURL, SuccessURL: req.SuccessURL, ErrorURL: req.ErrorURL,
		},
	}
	for _, it := range req.Items {
		if it.Unit.IsZero() { // whether a price may be 0 is not documented, and the sum does not need it
			continue
		}
		description := it.Description
		if description == "" { // whether it may be empty is not documented
			description = it.Name
		}
		body.Items = append(body.Items, newItem{
			Name: it.Name, Description: description, Count: it.Quantity,
			Amount: newPrice{Value: it.Unit.JSONNumber(), CurrencyCode: it.Unit.Currency},
		})
	}
	return json.Marshal(body)
}

func (c *Client) checkStart(req providers.StartRequest) error {
	switch {
	case req.PaymentID == "", req.Key == "":
		return errors.New("a payment id and a key are required")
	case req.CallbackURL == "", req.SuccessURL == "", req.ErrorURL == "":
		return errors.New("callback, success and error addresses are required")
	case !slices.Contains(c.currencies, req.Amount.Currency):
		return fmt.Errorf("currency %.12q is not one of IUMICASH_CURRENCIES", string(req.Amount.Currency))
	case req.Amount.Sign() <= 0:
		return errors.New("there is nothing to pay")
	}
	total, err := checkItems(req)
	if err != nil {
		return err
	}
	if total != req.Amount {
		return fmt.Errorf("the items come to %s, the payment to %s", total, req.Amount)
	}
	return nil
}

// checkItems adds the items up.
func checkItems(req providers.StartRequest) (money.Amount, error) {
	lines := make([]money.Amount, 0, len(req.Items))
	for i, it := range req.Items {
		if it.Unit.Sign() < 0 || it.Quantity < 1 {
			return money.Amount{}, fmt.Errorf("item %d: a negative price or a count below one", i+1)
		}
		line, err := it.Unit.Mul(it.Quantity)
		if err != nil {
			return money.Amount{}, fmt.Errorf("item %d: %w", i+1, err)
		}
		lines = append(lines, line)
	}
	return money.Sum(req.Amount.Currency, lines...)
}

// order is an order as iumiCash answers and delivers it. Both revisions read
// into it: what it does not name is skipped, what is missing stays empty, and
// of what we only show or pass on no odd type makes the rest unreadable.
type order struct {
	ID         string          `json:"id"`
	ExternalID string          `json:"external_id"`
	Status     text            `json:"status"`
	UpdatedAt  stamp           `json:"updated_at"`
	Items      json.RawMessage `json:"items"`
	Links      links           `json:"links"`
}

type item struct {
	Amount struct {
		Value        json.RawMessage `json:"value"`
		CurrencyCode string          `json:"currency_code"`
	} `json:"amount"`
	Count json.RawMessage `json:"count"`
}

type link struct {
	Link   text `json:"link"`
	Rel    text `json:"rel"`
	Method text `json:"method"`
}

// links are the order's links; those that are not objects are left out.
type links []link

// UnmarshalJSON implements json.Unmarshaler.
func (l *links) UnmarshalJSON(b []byte) error {
	var raw []json.RawMessage
	*l = nil
	if json.Unmarshal(b, &raw) != nil {
		return nil
	}
	for _, r := range raw {
		var one link
		if json.Unmarshal(r, &one) == nil {
			*l = append(*l, one)
		}
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

// stamp is one of iumiCash's datetimes, which have microseconds and no zone.
// They are taken for UTC, shown to people and used for nothing. One that cannot
// be read is the zero time.
type stamp struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (s *stamp) UnmarshalJSON(b []byte) error {
	s.Time = time.Time{}
	var v string
	if json.Unmarshal(b, &v) != nil {
		return nil
	}
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02 15:04:05", time.RFC3339} { // each also reads a fraction
		if at, err := time.Parse(layout, v); err == nil {
			s.Time = at.UTC()
			return nil
		}
	}
	return nil
}

// read decodes an order and puts it in our words.
func (c *Client) read(reply providers.Reply) (order, providers.Report, error) {
	var o order
	if err := json.Unmarshal(reply.Body, &o); err != nil {
		return order{}, providers.Report{}, fmt.Errorf("the answer is no order: %w", err)
	}
	if err := checkRef(o.ID); err != nil {
		return order{}, providers.Report{}, err
	}
	outcome := c.outcome(string(o.Status))
	amount, err := total(o.Items)
	if err == nil && outcome == providers.Paid && amount == (money.Amount{}) {
		err = errors.New("the order is paid but does not say how much")
	}
	if err != nil {
		return order{}, providers.Report{}, err
	}
	return o, providers.Report{
		Ref: o.ID, PaymentID: o.ExternalID, Outcome: outcome, Amount: amount, Word: string(o.Status),
		At: o.UpdatedAt.Time, Status: reply.Status, Raw: reply.Raw(),
	}, nil
}

// outcome puts a status word in ours. Which words mean paid is a setting,
// because no page defines them; one of the later words that is not in it
// says that the buyer agreed and the money is on its way. A word that we have
// not seen before is Unknown, never a failure.
func (c *Client) outcome(status string) providers.Outcome {
	word := normal(status)
	if slices.Contains(c.paid, word) {
		return providers.Paid
	}
	switch word {
	case statusCreated:
		return providers.Open
	case statusApproved, statusCaptured, statusCompleted:
		return providers.Processing
	case statusCancelled, statusCanceled:
		return providers.Cancelled
	default:
		return providers.Unknown
	}
}

func normal(word string) string { return strings.ToLower(strings.TrimSpace(word)) }

// total is what an order's items come to, since an order has no total of its
// own: the sum of value times count. Without items it is the zero Amount. An
// order in two currencies, or with a line that cannot be read, is an error:
// half a sum is worse than none.
func total(raw json.RawMessage) (money.Amount, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return money.Amount{}, nil
	}
	var items []item
	if err := json.Unmarshal(raw, &items); err != nil {
		return money.Amount{}, fmt.Errorf("the order's items: %w", err)
	}
	if len(items) == 0 {
		return money.Amount{}, nil
	}
	currency, err := money.ParseCurrency(items[0].Amount.CurrencyCode)
	if err != nil {
		return money.Amount{}, fmt.Errorf("the order's items: %w", err)
	}
	sum := money.Amount{Currency: currency}
	for i, it := range items {
		line, err := it.total()
		if err == nil {
			sum, err = sum.Add(line)
		}
		if err != nil {
			return money.Amount{}, fmt.Errorf("item %d of the order: %w", i+1, err)
		}
	}
	return sum, nil
}

func (it item) total() (money.Amount, error) {
	currency, err := money.ParseCurrency(it.Amount.CurrencyCode)
	if err != nil {
		return money.Amount{}, err
	}
	unit, err := money.ParseJSON(it.Amount.Value, currency)
	if err != nil {
		return money.Amount{}, err
	}
	count, err := strconv.ParseInt(string(bytes.Trim(it.Count, `"`)), 10, 64)
	if err != nil || count < 1 || unit.Sign() < 0 {
		return money.Amount{}, errors.New("a negative price, or a count that is no number above zero")
	}
	return unit.Mul(count)
}

// isAbout refuses an answer that is about another order than the one asked for.
func isAbout(o order, ref, paymentID string) error {
	if o.ID != ref {
		return errors.New("the answer is about another order")
	}
	if o.ExternalID != "" && paymentID != "" && o.ExternalID != paymentID {
		return errors.New("the answer's external_id is another payment's")
	}
	return nil
}

// checkRef refuses what can be no order's id in an address.
func checkRef(ref string) error {
	bad := ref == "" || ref == "." || ref == ".." || len(ref) > maxRef ||
		strings.ContainsFunc(ref, func(r rune) bool { return r < ' ' || r == 0x7f })
	if bad {
		return errors.New("the order's id is missing or cannot be one")
	}
	return nil
}

// saved is what Started.Data holds: the links that later calls need.
type saved struct {
	Self   string `json:"self,omitempty"`
	Cancel string `json:"cancel,omitempty"`
}

// keepLinks returns the links worth keeping, or nil. They are checked when they
// are used, since the base URL may have changed by then.
func keepLinks(o order) json.RawMessage {
	var s saved
	for _, l := range o.Links {
		if len(l.Link) > maxLink {
			continue
		}
		switch strings.ToLower(string(l.Rel)) {
		case relSelf:
			s.Self = string(l.Link)
		case relCancel:
			s.Cancel = string(l.Link)
		}
	}
	if s == (saved{}) {
		return nil
	}
	data, err := json.Marshal(s)
	if err != nil {
		return nil
	}
	return data
}

// savedLink reads a kept link; empty when there is none.
func savedLink(data json.RawMessage, rel string) string {
	var s saved
	if len(data) == 0 || json.Unmarshal(data, &s) != nil {
		return ""
	}
	if rel == relCancel {
		return s.Cancel
	}
	return s.Self
}

// errorBody is the body of a 4xx.
type errorBody struct {
	Code   string
	Fields []string // names of the fields at fault
}

// readError reads as much of an error body as can be read.
func readError(b []byte) errorBody {
	var in struct {
		Error       text            `json:"error"`
		FieldErrors json.RawMessage `json:"field_errors"`
	}
	if json.Unmarshal(b, &in) != nil {
		return errorBody{}
	}
	out := errorBody{Code: string(in.Error)}
	var fields []struct {
		Field text `json:"field"`
	}
	if json.Unmarshal(in.FieldErrors, &fields) == nil {
		for _, f := range fields {
			out.Fields = append(out.Fields, string(f.Field))
		}
	}
	return out
}

// onlyAbout reports whether one field, and no other, is at fault.
func (b errorBody) onlyAbout(field string) bool {
	return len(b.Fields) > 0 && !slices.ContainsFunc(b.Fields, func(f string) bool { return f != field })
}

// reasonOf reads the four codes that tell the buyer something. The documents
// write codes in upper case and show one in lower case.
func reasonOf(code string) providers.Reason {
	switch strings.ToUpper(code) {
	case "USER_PAYMENT_LIMIT":
		return providers.ReasonLimit
	case "USER_NOT_ACTIVE":
		return providers.ReasonInactive
	case "ACCOUNT_BALANCE_IS_LOW":
		return providers.ReasonBalance
	case "DISABLED_BY_USER":
		return providers.ReasonBlocked
	default:
		return providers.ReasonNone
	}
}
