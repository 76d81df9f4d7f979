package gate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/money"
	"till/providers"
)

// numberTaken is a refusal because of the order number alone, with the code that
// Django's forms, by which the Gate's errors look to be made, have for a value
// that is there already.
const numberTaken = "number:unique"

const (
	maxRef   = 255          // characters of an order's id
	maxCodes = 5            // of one refusal that are told
	maxTime  = 253402300799 // unix seconds; the end of the year 9999
	allError = "__all__"    // the field of faults that belong to no field
	maxWord  = 64           // characters of a field's name or a code
	maxDepth = 4            // levels of a refusal's body
)

// newOrder is the body of POST /orders/. It holds what the documents name and
// Till needs, and nothing else. Of the buyer it has the address alone: the
// client object knows first and last names, which nobody asked for apart.
type newOrder struct {
	Client             newClient      `json:"client"`
	Products           []newProduct   `json:"products"`
	Currency           money.Currency `json:"currency"`
	Number             string         `json:"number"`
	Brand              string         `json:"brand,omitempty"`
	SuccessRedirect    string         `json:"success_redirect,omitempty"`
	InProgressRedirect string         `json:"in_progress_redirect,omitempty"`
	FailureRedirect    string         `json:"failure_redirect,omitempty"`
	CancelRedirect     string         `json:"cancel_redirect,omitempty"`
	Due                int64          `json:"due,omitempty"` // unix seconds
	DenyOverduePayment bool           `json:"deny_overdue_payment,omitempty"`
	SkipCapture        bool           `json:"skip_capture"`
	MaxPaymentAttempts int            `json:"max_payment_attempts"`
	SetupFutureUse     string         `json:"setup_future_use,omitempty"`
	ForceSaveMethod    bool           `json:"force_save_method,omitempty"`
	UseScenario        string         `json:"use_scenario,omitempty"`
}

type newClient struct {
	Email                  string `json:"email"`
	OriginalClient         string `json:"original_client,omitempty"`
	RecurringPaymentMethod string `json:"recurring_payment_method,omitempty"`
}

type newProduct struct {
	Title       string      `json:"title"`
	Price       json.Number `json:"price"` // of one, in major units
	Quantity    int64       `json:"quantity"`
	Description string      `json:"description,omitempty"`
}

// part is the body of a capture or a refund.
type part struct {
	Amount json.Number `json:"amount"`
}

// newOrder makes the body of a create, or says why the Gate would not take it
// or, worse, would take another sum than ours.
func (c *Client) newOrder(req providers.StartRequest) (newOrder, error) {
	if err := c.checkStart(req); err != nil {
		return newOrder{}, err
	}
	body := newOrder{
		Client: newClient{Email: req.Buyer.Email}, Products: make([]newProduct, 0, len(req.Items)),
		Currency: req.Amount.Currency, Number: req.PaymentID, Brand: c.brand,
		SuccessRedirect: req.SuccessURL, InProgressRedirect: req.PendingURL,
		FailureRedirect: req.ErrorURL, CancelRedirect: req.ErrorURL,
		SkipCapture: req.Reserve, MaxPaymentAttempts: c.maxAttempts,
	}
	if !req.Due.IsZero() {
		body.Due, body.DenyOverduePayment = req.Due.Unix(), true
	}
	for _, it := range req.Items {
		if it.Unit.IsZero() { // a price is at least 0.01, and the sum does not need it
			continue
		}
		body.Products = append(body.Products, newProduct{
			Title: it.Name, Price: it.Unit.JSONNumber(), Quantity: it.Quantity, Description: it.Description,
		})
	}
	return body, nil
}

func (c *Client) checkStart(req providers.StartRequest) error {
	switch {
	case req.PaymentID == "":
		return errors.New("a payment id is required")
	case req.Method != "" && req.Method != method:
		return fmt.Errorf("%.40q is no way to pay here", req.Method)
	case req.Buyer.Email == "":
		return errors.New("the buyer's e-mail address is required")
	case !slices.Contains(c.currencies, req.Amount.Currency):
		return fmt.Errorf("currency %.12q is not one of GATE_CURRENCIES", string(req.Amount.Currency))
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

// order is an order as the Gate answers, lists and delivers it, in any of the
// three sizes of an answer: what it does not name is skipped, what is missing
// stays empty, and no odd type of what is not essential makes the rest
// unreadable.
type order struct {
	ID               string          `json:"id"`
	Number           text            `json:"number"`
	Status           text            `json:"status"`
	Currency         text            `json:"currency"`
	Total            json.RawMessage `json:"total"`
	Amount           json.RawMessage `json:"amount"` // as the prose calls the total
	SkipCapture      flag            `json:"skip_capture"`
	IsTest           flag            `json:"is_test"`
	FullPageCheckout text            `json:"full_page_checkout"`
	Link             text            `json:"link"`
	APIDoURL         text            `json:"api_do_url"`
	Client           orderClient     `json:"client"`
	Modified         stamp           `json:"modified"`
	StatusChanges    changes         `json:"status_changes"`
	AmountRefunded   json.RawMessage `json:"amount_refunded"`
	Details          details         `json:"transaction_details"`
	EventType        text            `json:"event_type"` // of a delivery
}

// orderClient is what is used of an order's client.
type orderClient struct {
	OriginalClient         text
	RecurringPaymentMethod text
	RecurringCard          text
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *orderClient) UnmarshalJSON(b []byte) error {
	var in struct {
		OriginalClient         text `json:"original_client"`
		RecurringPaymentMethod text `json:"recurring_payment_method"`
		RecurringCard          text `json:"recurring_card"`
	}
	*c = orderClient{}
	if json.Unmarshal(b, &in) == nil {
		*c = orderClient(in)
	}
	return nil
}

// rawOf is an answer for staff. The saved card that it may name is left out:
// beside our key that is all a charge needs.
func rawOf(reply providers.Reply) []byte {
	var o struct {
		Client orderClient `json:"client"`
	}
	if json.Unmarshal(reply.Body, &o) != nil {
		return reply.Raw()
	}
	return without(reply.Raw(), string(o.Client.RecurringPaymentMethod), string(o.Client.RecurringCard))
}

// without is an answer for staff without the saved cards of these ids.
func without(raw []byte, cards ...string) []byte {
	for _, id := range cards {
		if id != "" {
			raw = bytes.ReplaceAll(raw, []byte(id), []byte("[secret]"))
		}
	}
	return raw
}

// details is what is used of transaction_details.
type details struct {
	AmountRefunded json.RawMessage
	AmountReversed json.RawMessage
}

// UnmarshalJSON implements json.Unmarshaler.
func (d *details) UnmarshalJSON(b []byte) error {
	var in struct {
		AmountRefunded json.RawMessage `json:"amount_refunded"`
		AmountReversed json.RawMessage `json:"amount_reversed"`
	}
	*d = details{}
	if json.Unmarshal(b, &in) == nil {
		*d = details(in)
	}
	return nil
}

// change is one step that an order has taken.
type change struct {
	Status text  `json:"new_status"`
	On     stamp `json:"on"`
}

// changes are the order's steps; those that are not objects are left out.
type changes []change

// UnmarshalJSON implements json.Unmarshaler.
func (c *changes) UnmarshalJSON(b []byte) error {
	var raw []json.RawMessage
	*c = nil
	if json.Unmarshal(b, &raw) != nil {
		return nil
	}
	for _, r := range raw {
		var one change
		if json.Unmarshal(r, &one) == nil {
			*c = append(*c, one)
		}
	}
	return nil
}

// text is a string, or a number as it was written; any other JSON value is none.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	var n json.Number
	switch {
	case json.Unmarshal(b, &s) == nil:
		*t = text(s)
	case json.Unmarshal(b, &n) == nil:
		*t = text(n)
	default:
		*t = ""
	}
	return nil
}

// flag is true for true and nothing else.
type flag bool

// UnmarshalJSON implements json.Unmarshaler.
func (f *flag) UnmarshalJSON(b []byte) error {
	*f = string(b) == "true"
	return nil
}

// stamp is a time in unix seconds. One that cannot be read is the zero time.
type stamp struct{ time.Time }

// UnmarshalJSON implements json.Unmarshaler.
func (s *stamp) UnmarshalJSON(b []byte) error {
	s.Time = time.Time{}
	whole, _, _ := strings.Cut(string(bytes.Trim(b, `"`)), ".")
	n, err := strconv.ParseInt(whole, 10, 64)
	if err == nil && n > 0 && n <= maxTime {
		s.Time = time.Unix(n, 0).UTC()
	}
	return nil
}

// The status of an order whose latest attempt failed, of one that was paid
// outside, and how the page spells the latter.
const (
	failed      = "failed"
	received    = "received"
	receivedToo = "recieved" //nolint:misspell // as the page has it
)

// meaning is a status in our words.
type meaning struct {
	outcome  providers.Outcome
	dispute  providers.Dispute
	refund   providers.RefundState // of the latest refund
	reversal providers.RefundState
	reason   providers.Reason
	outside  bool
}

// meaningOf reads a status word by the rule for all spellings: case, spaces,
// hyphens and underscores do not count. "failed" is Open because the same link
// can be paid again, and "rejected" is Cancelled because it is the buyer who
// said no. Of a payout ("created"), of "test", and of a word that we have not
// seen before nothing is known.
func meaningOf(status string) meaning {
	switch normal(status) {
	case "draft", "issued", "viewed":
		return meaning{outcome: providers.Open}
	case failed:
		return meaning{outcome: providers.Open, reason: providers.ReasonDeclined}
	case "overdue":
		return meaning{outcome: providers.Open, reason: providers.ReasonOverdue}
	case "inprogress":
		return meaning{outcome: providers.Processing}
	case "hold":
		return meaning{outcome: providers.Authorized}
	case "paid", "withdrawn":
		return meaning{outcome: providers.Paid}
	case received, receivedToo:
		return meaning{outcome: providers.Paid, outside: true}
	case "cancelled", "canceled":
		return meaning{outcome: providers.Cancelled}
	case "rejected":
		return meaning{outcome: providers.Cancelled, reason: providers.ReasonRejected}
	case "expired":
		return meaning{outcome: providers.Expired}
	case "created":
		return meaning{outcome: providers.Unknown, reason: providers.ReasonPayout}
	}
	return meaningAfter(normal(status))
}

// meaningAfter reads the words for what comes after a payment. The money was
// taken, whatever became of it.
func meaningAfter(word string) meaning {
	m := meaning{outcome: providers.Paid}
	switch word {
	case "refundinitiated":
		m.refund = providers.RefundPending
	case "refunded":
		m.refund = providers.RefundDone
	case "refundfailed":
		m.refund = providers.RefundFailed
	case "refundreversed":
		m.refund = providers.RefundReversed
	case "reversalinitiated":
		m.reversal = providers.RefundPending
	case "reversed":
		m.reversal = providers.RefundDone
	case "reversalfailed":
		m.reversal = providers.RefundFailed
	default:
		m.dispute = disputeOf(word)
		if m.dispute == "" {
			return meaning{outcome: providers.Unknown}
		}
	}
	return m
}

// disputeOf reads the nine stages of a dispute; empty for another word.
func disputeOf(word string) providers.Dispute {
	for _, d := range []providers.Dispute{
		providers.DisputeChargeback, providers.DisputeRepresentation, providers.DisputeRetrieval,
		providers.DisputePrearbitration, providers.DisputeArbitration, providers.DisputePrecompliance,
		providers.DisputeCompliance, providers.DisputeGoodFaith, providers.DisputeFraudAdvice,
	} {
		if normal(string(d)) == word {
			return d
		}
	}
	return ""
}

func normal(word string) string {
	return strings.NewReplacer(" ", "", "-", "", "_", "").Replace(strings.ToLower(word))
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
	report, err := c.report(o)
	if err != nil {
		return order{}, providers.Report{}, err
	}
	report.Status, report.Raw = reply.Status, rawOf(reply)
	return o, report, nil
}

// report puts an order in our words. An order that has money must say how much.
//
// The Gate does not tell one refund from another: Refunds is the latest alone
// that it took up, without a name or an amount, and only where that is told.
// What has gone back is told by the sum. Captured is what was not released: of
// a reservation whose answer says nothing of a release, it stays unsaid.
func (c *Client) report(o order) (providers.Report, error) {
	total, err := o.total()
	if err != nil {
		return providers.Report{}, err
	}
	m := meaningOf(string(o.Status))
	if total == (money.Amount{}) && (m.outcome == providers.Paid || m.outcome == providers.Authorized) {
		return providers.Report{}, errors.New("the order has money but does not say how much")
	}
	r := providers.Report{
		Ref: o.ID, PaymentID: string(o.Number), Outcome: m.outcome, Amount: total, Word: string(o.Status),
		Refunded: o.refunded(total.Currency), Reversal: m.reversal, Dispute: m.dispute, At: o.Modified.Time,
		Reason: m.reason, Outside: m.outside, Test: bool(o.IsTest) || normal(string(o.Status)) == "test",
	}
	held, since := o.held(m)
	if held {
		r.Authorized = total
	}
	switch m.outcome {
	case providers.Authorized:
		if !since.IsZero() {
			r.HoldUntil = since.Add(c.hold)
		}
	case providers.Paid:
		r.Captured = o.captured(total, held, m)
	default:
	}
	if state, word := o.latestRefund(m); state != "" {
		r.Refunds = []providers.Refund{{State: state, Word: word}}
	}
	return r, nil
}

// latestRefund is how the latest refund stands, and the word that says so: the
// status, or with a dispute, whose word takes its place, the last one before it
// that spoke of refunds. An order that has gone back to being paid in between
// says nothing of it any more.
func (o order) latestRefund(m meaning) (providers.RefundState, string) {
	if m.refund != "" || m.dispute == "" {
		return m.refund, string(o.Status)
	}
	steps := o.StatusChanges
	if len(steps) == 0 || normal(string(steps[len(steps)-1].Status)) != normal(string(o.Status)) {
		return "", "" // the list is not in the order of time, or breaks off
	}
	for _, step := range slices.Backward(steps) {
		if was := meaningOf(string(step.Status)); was.dispute == "" {
			return was.refund, string(step.Status)
		}
	}
	return "", ""
}

// total is the whole order; the zero Amount when the answer does not say.
func (o order) total() (money.Amount, error) {
	raw := o.Total
	if missing(raw) {
		raw = o.Amount
	}
	if missing(raw) || o.Currency == "" {
		return money.Amount{}, nil
	}
	currency, err := money.ParseCurrency(strings.ToUpper(string(o.Currency)))
	if err != nil {
		return money.Amount{}, fmt.Errorf("the order's currency: %w", err)
	}
	total, err := money.ParseJSON(raw, currency)
	if err != nil {
		return money.Amount{}, fmt.Errorf("the order's total: %w", err)
	}
	if total.Sign() < 0 {
		return money.Amount{}, errors.New("the order's total is below zero")
	}
	return total, nil
}

// refunded is what has gone back; the zero Amount when the answer does not say,
// or not in a way that can be read.
func (o order) refunded(currency money.Currency) money.Amount {
	for _, raw := range []json.RawMessage{o.AmountRefunded, o.Details.AmountRefunded} {
		if sum, ok := said(raw, currency); ok {
			return sum
		}
	}
	return money.Amount{}
}

// held reports whether the money was ever only reserved, and since when as far
// as the order says.
func (o order) held(m meaning) (bool, time.Time) {
	for _, c := range slices.Backward(o.StatusChanges) {
		if meaningOf(string(c.Status)).outcome == providers.Authorized {
			return true, c.On.Time
		}
	}
	taken := m.outcome == providers.Paid && !m.outside
	return m.outcome == providers.Authorized || taken && bool(o.SkipCapture), time.Time{}
}

// captured is what was taken of a paid order. Of a reservation it is what the
// Gate does not call reversed, and the zero Amount when it says nothing, or when
// that was the payment itself.
func (o order) captured(total money.Amount, held bool, m meaning) money.Amount {
	if !held {
		return total
	}
	released, ok := said(o.Details.AmountReversed, total.Currency)
	if !ok || m.reversal == providers.RefundDone || released.Sign() <= 0 || released.Minor >= total.Minor {
		return money.Amount{}
	}
	return money.Amount{Minor: total.Minor - released.Minor, Currency: total.Currency}
}

// said reads an amount that is not essential.
func said(raw json.RawMessage, currency money.Currency) (money.Amount, bool) {
	if missing(raw) {
		return money.Amount{}, false
	}
	sum, err := money.ParseJSON(raw, currency)
	return sum, err == nil && sum.Sign() >= 0
}

func missing(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// isAbout refuses an answer that is about another order than the one asked for,
// or that is another payment's, where it is known whose it must be.
func isAbout(o order, ref, paymentID string) error {
	if o.ID != ref {
		return errors.New("the answer is about another order")
	}
	if o.Number != "" && paymentID != "" && string(o.Number) != paymentID {
		return errors.New("the answer's number is another payment's")
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

// codesOf reads the codes of a refusal: a map of fields to lists of code and
// message, where a field may hold fields of its own, and "__all__" stands for
// none of them. The latter come first and bare, the others with their field
// ("client.email:required"), in the order of the alphabet.
func codesOf(body []byte) []string {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return nil
	}
	if inner, ok := fields["errors"]; ok && json.Unmarshal(inner, &fields) == nil { // some plugins look for it there
		delete(fields, "errors")
	}
	general := codesUnder("", fields[allError], 0)
	delete(fields, allError)
	codes := append(general, codesIn("", fields, 0)...)
	return slices.DeleteFunc(codes, func(s string) bool { return s == "" })
}

func codesIn(path string, fields map[string]json.RawMessage, depth int) []string {
	var codes []string
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if isWord(name) {
			codes = append(codes, codesUnder(strings.TrimPrefix(path+"."+name, "."), fields[name], depth)...)
		}
	}
	return codes
}

// codesUnder reads the faults of one field.
func codesUnder(path string, raw json.RawMessage, depth int) []string {
	if depth >= maxDepth || missing(raw) {
		return nil
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) == nil {
		return codesIn(path, fields, depth+1)
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return []string{codeAt(path, "")}
	}
	var codes []string
	for i, one := range list {
		codes = append(codes, codesOfOne(path, i, one, depth)...)
	}
	return codes
}

// codesOfOne reads one element of a list: a fault, its bare text, or the faults
// of one line of a list such as products.
func codesOfOne(path string, i int, raw json.RawMessage, depth int) []string {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return []string{codeAt(path, "")}
	}
	var code text
	_, fault := fields["message"]
	if known, ok := fields["code"]; ok {
		fault = true
		_ = json.Unmarshal(known, &code) // what is no text stays empty
	}
	if fault {
		return []string{codeAt(path, string(code))}
	}
	return codesIn(path+"."+strconv.Itoa(i), fields, depth+1)
}

// codeAt is one fault for people and logs: where it is, and the code, when it
// looks like one. The message is left out, since it may quote what was sent.
func codeAt(path, code string) string {
	switch {
	case !isWord(code):
		return path
	case path == "":
		return code
	default:
		return path + ":" + code
	}
}

// isWord reports whether a name or a code is only that.
func isWord(s string) bool {
	return s != "" && len(s) <= maxWord && !strings.ContainsFunc(s, func(r rune) bool { return notInToken(r) && r != '.' })
}
