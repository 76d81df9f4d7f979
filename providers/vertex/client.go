// Package vertex speaks Vertex Gateway's merchant API: an order with its
// payment link, taken at once or in two stages, the methods of a shop, cancel,
// reject, capture, refunds, and the signed callback. What the documents leave
// open, and what was chosen there, is in docs/providers/vertex.md.
package vertex

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/money"
	"till/providers"
)

const (
	name  = "vertex"
	label = "Vertex Gateway"

	tokenHeader = "Api-Access-Token"

	maxText = 255 // characters of a text
)

// Client talks to Vertex Gateway.
type Client struct {
	settings
	line   *providers.Line
	keys   *keys
	offers *offers
	turns  *turns // of refunds, by order
}

// keys are the credentials.
type keys struct {
	token    providers.Secret
	accepted []providers.Secret // that a callback may be signed with
}

var (
	_ providers.Provider      = (*Client)(nil)
	_ providers.Finder        = (*Client)(nil)
	_ providers.Canceller     = (*Client)(nil)
	_ providers.Capturer      = (*Client)(nil)
	_ providers.WholeCapturer = (*Client)(nil)
	_ providers.Refunder      = (*Client)(nil)
	_ providers.Reverser      = (*Client)(nil)
	_ providers.MethodLister  = (*Client)(nil)
	_ providers.LinkMaker     = (*Client)(nil)
	_ providers.Mailer        = (*Client)(nil)
	_ providers.Pacer         = (*Client)(nil)
)

// New returns a client, or an error that names every setting at fault.
func New(cfg Config) (*Client, error) {
	set, err := check(cfg)
	if err != nil {
		return nil, err
	}
	k := &keys{token: cfg.Token, accepted: slices.Clone(cfg.CallbackSecrets)}
	transport := providers.NewTransport(cfg.Transport, cfg.Patience, cfg.Now)
	c := &Client{
		settings: set,
		line:     providers.NewLine(name, transport, cfg.Now, append([]providers.Secret{k.token}, k.accepted...)...),
		keys:     k,
		turns:    &turns{busy: map[string]chan struct{}{}},
	}
	c.offers = newOffers(c.fetchOffers, cfg.Now)
	return c, nil
}

// Format implements fmt.Formatter: whatever the verb, a client prints as its
// name, and none of the credentials that it holds.
func (*Client) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, name) }

// Name implements providers.Provider.
func (*Client) Name() string { return name }

// Label implements providers.Provider.
func (*Client) Label() string { return label }

// Currencies implements providers.Provider.
func (c *Client) Currencies() []money.Currency { return slices.Clone(c.currencies) }

// PageOrigins implements providers.Provider.
func (c *Client) PageOrigins() []string { return slices.Clone(c.origins) }

// MailsBuyer implements providers.Mailer. The gateway writes when it was given
// the e-mail address, which is a setting, and which it takes only together with
// a first and a last name.
func (c *Client) MailsBuyer(b providers.Buyer) bool { return c.mails && customerOf(b) != nil }

// NextAsk implements providers.Pacer. Until the buyer has paid it is 5, 10, 20,
// 40, 60 s and then 5 min for a day; while the money is being cleared, which
// takes days, or a person is waited for, an hour for four days and then a day.
func (*Client) NextAsk(outcome providers.Outcome, asked int) time.Duration {
	slow := []providers.Outcome{providers.Processing, providers.Authorized, providers.Paid, providers.NeedsPerson}
	if slices.Contains(slow, outcome) {
		if asked < 4*24 {
			return time.Hour
		}
		return 24 * time.Hour
	}
	first := []time.Duration{5 * time.Second, 10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute}
	switch {
	case asked < len(first):
		return first[max(asked, 0)]
	case asked < 24*60/5:
		return 5 * time.Minute
	default:
		return 6 * time.Hour
	}
}

// Start implements providers.Provider with POST /order, under the payment's own
// id as order number. There is no idempotency key, so it is sent once.
//
// A refusal may be one of the number, which is taken when an earlier create, or
// a proxy's second try of this one, was heard: so the order is looked for before
// a refusal is believed, and when it is there, or nobody can say, the error is
// KindUnavailable.
//
// An order that comes without a payment link, or with one to a host that is not
// allowed, is KindRejected although it exists there: nobody holds a link to pay
// it with, so it can take no money.
func (c *Client) Start(ctx context.Context, req providers.StartRequest) (providers.Started, error) {
	return c.create(ctx, "start", req)
}

// MakeLink implements providers.LinkMaker with POST /order as well: the payment
// link of an order is all that is needed to pay it, by whoever opens it, until
// the order's time limit. It cannot be asked for again.
func (c *Client) MakeLink(ctx context.Context, req providers.StartRequest) (providers.Started, error) {
	return c.create(ctx, "link", req)
}

func (c *Client) create(ctx context.Context, op string, req providers.StartRequest) (providers.Started, error) {
	body, err := c.newOrder(req)
	if err != nil {
		return providers.Started{}, refused(op, err)
	}
	reply, err := c.do(ctx, op, http.MethodPost, body, "order")
	if err != nil {
		return providers.Started{}, c.believe(ctx, req, err)
	}
	var out created
	if err := open(reply.Body, &out); err != nil {
		return providers.Started{}, unusable(op, reply, err)
	}
	switch number := string(out.OrderNumber); {
	case number != "" && number != req.PaymentID:
		return providers.Started{}, unusable(op, reply, errors.New("the answer is about another order"))
	case number == "" && out.PaymentLink == "":
		return providers.Started{}, unusable(op, reply, errors.New("the answer has neither number nor link"))
	}
	link, err := c.payLink(string(out.PaymentLink))
	s := providers.Started{Ref: req.PaymentID, URL: link, Report: providers.Report{
		Ref: req.PaymentID, PaymentID: req.PaymentID,
		Outcome: providers.Open, Word: statusInProgress, // which the documents say that it is then
		Status: reply.Status, Raw: reply.Raw(),
	}}
	if err != nil {
		return s, &providers.Error{
			Provider: name, Op: op, Kind: providers.KindRejected, Status: reply.Status, Raw: reply.Raw(), Err: err,
		}
	}
	return s, nil
}

// believe is the error of a create, once it is known what is there.
func (c *Client) believe(ctx context.Context, req providers.StartRequest, err error) error {
	var e *providers.Error
	if !errors.As(err, &e) || e.Kind != providers.KindRejected {
		return err
	}
	_, found, lookErr := c.Find(ctx, req)
	switch {
	case lookErr != nil:
		e.Kind, e.Err = providers.KindUnavailable, errors.New("an order with this number may exist already")
	case found:
		e.Kind, e.Err = providers.KindUnavailable, errors.New("an order with this number exists already")
	}
	return e
}

// newOrder makes the body of a create, or says why the gateway would not take it.
func (c *Client) newOrder(req providers.StartRequest) ([]byte, error) {
	m, err := c.checkStart(req)
	if err != nil {
		return nil, err
	}
	body := newOrder{
		ShopID: c.shop,
		Order:  orderPart{OrderNumber: req.PaymentID, Cost: costOf(req.Amount)},
		PaymentSettings: paymentSettings{
			method: m, AutoCapture: !c.reserves(req),
			RedirectURLs: redirectURLs{Success: req.SuccessURL, Failure: req.ErrorURL}, WebhookURL: req.CallbackURL,
		},
	}
	if c.mails {
		body.Customer = customerOf(req.Buyer)
	}
	if !req.Due.IsZero() {
		body.PaymentSettings.TimeLimit = req.Due.UTC().Format(millis)
	}
	return json.Marshal(body)
}

func (c *Client) reserves(req providers.StartRequest) bool { return req.Reserve || c.manual }

func (c *Client) checkStart(req providers.StartRequest) (method, error) {
	m, err := parseMethod(req.Method)
	switch {
	case err != nil:
		return method{}, err
	case req.CallbackURL == "", req.SuccessURL == "", req.ErrorURL == "":
		return method{}, errors.New("callback, success and error addresses are required")
	case !slices.Contains(c.currencies, req.Amount.Currency):
		return method{}, fmt.Errorf("currency %.12q is not one of VERTEX_CURRENCIES", string(req.Amount.Currency))
	case req.Amount.Sign() <= 0:
		return method{}, errors.New("there is nothing to pay")
	case c.reserves(req) && m.InstrumentType != "" && m.InstrumentType != typeCard:
		return method{}, fmt.Errorf("money can be reserved on cards only, not by %.40q", m.InstrumentType)
	}
	return m, checkNumber(req.PaymentID)
}

// payLink is where the buyer pays, if it is an address that a buyer may be sent
// to.
func (c *Client) payLink(s string) (string, error) {
	u, err := url.Parse(s)
	switch {
	case s == "":
		return "", errors.New("the order has no payment link")
	case err != nil, u.Host == "", u.User != nil:
		return "", errors.New("the payment link is not an absolute address")
	case !slices.Contains(c.origins, providers.Origin(u)):
		return "", fmt.Errorf("the payment link goes to %.80q, which VERTEX_PAGE_HOSTS does not allow", providers.Origin(u))
	default:
		return s, nil
	}
}

// Find implements providers.Finder by reading the order of our number. found is
// false only after a 404 that the gateway itself has given, in JSON. The
// documents do not show a payment link in that answer: where there is none, the
// order is found with an empty URL, and cannot be paid by anybody.
//
// A refusal of the question says nothing about the payment: Find never fails
// with KindRejected.
func (c *Client) Find(ctx context.Context, req providers.StartRequest) (providers.Started, bool, error) {
	o, report, err := c.look(ctx, "find", req.PaymentID)
	var e *providers.Error
	switch {
	case err == nil:
		s := providers.Started{Ref: report.Ref, Report: report}
		if report.Outcome == providers.Open || report.Outcome == providers.Unknown {
			s.URL, _ = c.payLink(string(o.PaymentLink))
		}
		return s, true, nil
	case !errors.As(err, &e):
		return providers.Started{}, false, err
	case e.Kind == providers.KindRejected && e.Status == http.StatusNotFound && isError(e.Raw):
		return providers.Started{}, false, nil
	case e.Kind == providers.KindRejected && e.Status != 0:
		e.Kind = providers.KindUnavailable
	}
	return providers.Started{}, false, e
}

// Lookup implements providers.Provider with GET /order/{shopId}/{orderNumber}.
func (c *Client) Lookup(ctx context.Context, p providers.Payment) (providers.Report, error) {
	_, report, err := c.look(ctx, "lookup", p.Ref)
	return report, err
}

func (c *Client) look(ctx context.Context, op, number string) (details, providers.Report, error) {
	if err := checkNumber(number); err != nil {
		return details{}, providers.Report{}, refused(op, err)
	}
	reply, err := c.do(ctx, op, http.MethodGet, nil, "order", c.shopID(), number)
	if err != nil {
		return details{}, providers.Report{}, err
	}
	var o details
	if err = open(reply.Body, &o); err == nil {
		err = c.isAbout(o, number)
	}
	if err != nil {
		return details{}, providers.Report{}, unusable(op, reply, err)
	}
	report, err := o.report(reply)
	if err != nil {
		return details{}, providers.Report{}, unusable(op, reply, err)
	}
	return o, report, nil
}

// isAbout refuses an answer that is about another order than the one asked for.
func (c *Client) isAbout(o details, number string) error {
	switch {
	case string(o.OrderNumber) != number:
		return errors.New("the answer is about another order")
	case c.anotherShops(o):
		return errors.New("the answer is about another shop")
	default:
		return nil
	}
}

// anotherShops reports whether an order says that it is not this shop's.
func (c *Client) anotherShops(o details) bool {
	shop, err := strconv.ParseInt(string(o.ShopID), 10, 64)
	return err == nil && shop != c.shop
}

// Cancel implements providers.Canceller with POST /order/cancel: for an order
// that nobody has paid, and for one whose money is reserved. The order is read
// again afterwards, and only that counts; so it is after a refusal, which is
// what an order that is already paid answers.
func (c *Client) Cancel(ctx context.Context, p providers.Payment, _ string) (providers.Report, error) {
	return c.act(ctx, "cancel", p, providers.Open, providers.Authorized, providers.Unknown)
}

// Void implements providers.Capturer: at the gateway it is a cancel.
func (c *Client) Void(ctx context.Context, p providers.Payment, _ string) (providers.Report, error) {
	return c.actAs(ctx, "void", "cancel", p, providers.Open, providers.Authorized, providers.Unknown)
}

// Reverse implements providers.Reverser with POST /order/reject, which stops an
// order that is being processed. The newest documents call it deprecated in
// favour of cancel, but describe a cancel of what is reserved only. It may take
// the gateway some time: until then the reversal is pending.
func (c *Client) Reverse(ctx context.Context, p providers.Payment, _ string) (providers.Report, error) {
	moving := []providers.Outcome{providers.Authorized, providers.Processing, providers.NeedsPerson}
	report, err := c.actAs(ctx, "reverse", "reject", p, append(moving, providers.Open, providers.Unknown, providers.Paid)...)
	if err == nil && slices.Contains(moving, report.Outcome) {
		report.Reversal = providers.RefundPending
	}
	return report, err
}

// Capture implements providers.Capturer with POST /order/capture, which has no
// amount: only the whole of what is reserved can be taken, and another amount is
// KindRejected. The order is read before, so that one whose capture was heard
// before is not captured twice, and after.
func (c *Client) Capture(ctx context.Context, p providers.Payment, amount money.Amount, _ string) (providers.Report, error) {
	const op = "capture"
	_, report, err := c.look(ctx, op, p.Ref)
	switch {
	case err != nil:
		return providers.Report{}, untouched(err)
	case report.Outcome == providers.Paid:
		return report, nil
	case report.Amount != amount:
		return providers.Report{}, refused(op, fmt.Errorf("only the whole of %s can be captured, not %s", report.Amount, amount))
	}
	return c.act(ctx, op, p, providers.Open, providers.Authorized, providers.Unknown)
}

// CapturesWhole implements providers.WholeCapturer.
func (*Client) CapturesWhole() bool { return true }

func (c *Client) act(ctx context.Context, op string, p providers.Payment, still ...providers.Outcome) (providers.Report, error) {
	return c.actAs(ctx, op, op, p, still...)
}

// actAs asks for something to be done to a whole order, and answers with the
// order as it is then. still are the outcomes that bear a refusal out; with
// another the answer to a refusal is what the order has become.
func (c *Client) actAs(ctx context.Context, op, verb string, p providers.Payment, still ...providers.Outcome) (providers.Report, error) {
	if err := checkNumber(p.Ref); err != nil {
		return providers.Report{}, refused(op, err)
	}
	body, err := json.Marshal(orderKey{ShopID: c.shop, OrderNumber: p.Ref})
	if err != nil {
		return providers.Report{}, refused(op, err)
	}
	_, err = c.do(ctx, op, http.MethodPost, body, "order", verb)
	no := refusal(err)
	if err != nil && no == nil {
		return providers.Report{}, err
	}
	_, report, err := c.look(ctx, op, p.Ref)
	switch {
	case err != nil:
		return providers.Report{}, unknown(err)
	case no != nil && slices.Contains(still, report.Outcome):
		return providers.Report{}, no
	default:
		return report, nil
	}
}

// refusal is the error of a call that the gateway has refused because of what
// the order is, as KindRejected; nil when err is another or none.
func refusal(err error) *providers.Error {
	var e *providers.Error
	if !errors.As(err, &e) {
		return nil
	}
	switch e.Status {
	case http.StatusConflict, http.StatusPreconditionFailed, http.StatusUnprocessableEntity:
		e.Kind = providers.KindRejected
		return e
	default:
		return nil
	}
}

// unknown makes the error of a look-up what it is after something was asked for:
// the gateway has heard it, and what it did is not known.
func unknown(err error) error {
	var e *providers.Error
	if errors.As(err, &e) {
		e.Kind = providers.KindUnavailable
	}
	return err
}

// untouched makes the error of a look-up what it is before anything was asked
// for: nothing has happened there.
func untouched(err error) error {
	var e *providers.Error
	if errors.As(err, &e) && e.Kind == providers.KindUnavailable {
		e.Kind = providers.KindUnreachable
	}
	return err
}

// refused is the error of what we would not send.
func refused(op string, err error) error {
	return &providers.Error{Provider: name, Op: op, Kind: providers.KindRejected, Err: err}
}

// unusable is the error for a 2xx answer that cannot be used: something is
// there at the gateway, and we do not know what.
func unusable(op string, reply providers.Reply, err error) error {
	return &providers.Error{
		Provider: name, Op: op, Kind: providers.KindUnavailable, Status: reply.Status, Raw: reply.Raw(), Err: err,
	}
}

func (c *Client) shopID() string { return strconv.FormatInt(c.shop, 10) }

// do makes a call. No call with a body is marked as one that may be repeated:
// there are no idempotency keys.
func (c *Client) do(ctx context.Context, op, verb string, body []byte, path ...string) (providers.Reply, error) {
	reply, err := c.line.Do(ctx, providers.Call{
		Op: op, Method: verb, URL: c.base.JoinPath(path...).String(), Body: body,
		Header: http.Header{tokenHeader: {string(c.keys.token)}},
	})
	var e *providers.Error
	if errors.As(err, &e) && e.Status >= 400 && e.Status < 500 && reply.IsJSON() {
		var said errorBody
		if json.Unmarshal(reply.Body, &said) == nil {
			e.Code = string(said.Code)
		}
	}
	return reply, err
}

// isError reports whether a body is the gateway's own error, and not the page of
// a proxy.
func isError(raw []byte) bool {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return false
	}
	for field := range fields {
		if strings.EqualFold(field, "code") || strings.EqualFold(field, "title") || strings.EqualFold(field, "detail") {
			return true
		}
	}
	return false
}
