// Package pgm speaks the provider API of Mia-Platform's Payment Gateway
// Manager, version 3: pay, links, subscriptions, refund, status, and the callback
// that rings. Behind one gateway manager stand several payment services; each
// that is configured is a way to pay. What the pages leave open, and what was
// chosen there, is in docs/providers/pgm.md.
package pgm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"till/money"
	"till/providers"
)

const (
	name  = "pgm"
	label = "Payment Gateway Manager"
)

// Client talks to a gateway manager.
type Client struct {
	settings
	line *providers.Line
	keys *keys
}

// keys are the credentials.
type keys struct {
	gateway  providers.Secret   // may be empty
	accepted []providers.Secret // that a callback may come to
}

var (
	_ providers.Provider     = (*Client)(nil)
	_ providers.Refunder     = (*Client)(nil)
	_ providers.MethodLister = (*Client)(nil)
	_ providers.LinkMaker    = (*Client)(nil)
	_ providers.Subscriber   = (*Client)(nil)
)

// New returns a client, or an error that names every setting at fault.
func New(cfg Config) (*Client, error) {
	set, err := check(cfg)
	if err != nil {
		return nil, err
	}
	k := &keys{gateway: cfg.Secret, accepted: slices.Clone(cfg.CallbackSecrets)}
	transport := providers.NewTransport(cfg.Transport, cfg.Patience, cfg.Now)
	return &Client{
		settings: set, keys: k,
		line: providers.NewLine(name, transport, cfg.Now, append([]providers.Secret{k.gateway}, k.accepted...)...),
	}, nil
}

// Format implements fmt.Formatter: whatever the verb, a client prints as its
// name, and none of the credentials that it holds.
func (*Client) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, name) }

// Name implements providers.Provider.
func (*Client) Name() string { return name }

// Label implements providers.Provider with the setting: shoppers know a gateway
// manager by what is behind it.
func (c *Client) Label() string { return c.label }

// Currencies implements providers.Provider.
func (*Client) Currencies() []money.Currency { return []money.Currency{euro} }

// PageOrigins implements providers.Provider.
func (c *Client) PageOrigins() []string { return slices.Clone(c.origins) }

// Methods implements providers.MethodLister from the settings: a gateway manager
// cannot be asked what it offers.
func (c *Client) Methods(_ context.Context, currency money.Currency) ([]providers.Method, error) {
	if currency != euro {
		return nil, nil
	}
	return labelled(c.choices), nil
}

// MethodLabel implements providers.MethodLister.
func (c *Client) MethodLabel(name string) string {
	for _, m := range labelled(c.choices) {
		if m.Name == name {
			return m.Label
		}
	}
	var was choice
	was.Provider, was.Method, _ = strings.Cut(name, "/")
	if was.label() == was.service() {
		return was.label()
	}
	return was.label() + " (" + was.service() + ")"
}

// Start implements providers.Provider with pay. There is no idempotency key, so
// that it is sent once, whatever happens to it; and a payment whose answer is
// lost can only be known by its callback, which names it by our PaymentID.
//
// OK without a page to go to is Processing: the gateway manager can be asked at
// once, and its status counts. KO is Declined. A page on a host that is not
// allowed is a KindRejected although the payment exists: nobody holds a link to
// pay it with, so it takes no money.
func (c *Client) Start(ctx context.Context, req providers.StartRequest) (providers.Started, error) {
	const op = "start"
	way, body, err := c.newPayment(req)
	if err != nil {
		return providers.Started{}, rejected(op, err)
	}
	reply, err := c.do(ctx, providers.Call{Op: op, Method: http.MethodPost, URL: c.address(way.Provider, way.Method, "pay"), Body: body})
	if err != nil {
		return providers.Started{}, err
	}
	to, _, err := c.started(op, way, reply)
	return to, err
}

// started puts the answer of pay, or of a subscription's payment, in our words,
// with the subscription's token when it has one.
func (c *Client) started(op string, way choice, reply providers.Reply, secrets ...string) (s providers.Started, token string, err error) {
	var out payAnswer
	if err := json.Unmarshal(reply.Body, &out); err != nil {
		return providers.Started{}, "", unusable(op, reply, fmt.Errorf("the answer is no result: %w", err), secrets...)
	}
	if isToken(string(out.Token)) {
		token = string(out.Token)
	}
	secrets = append(secrets, token)
	result := normal(out.Result)
	err = checkRef(string(out.PaymentID))
	switch {
	case result == "":
		return providers.Started{}, "", unusable(op, reply, errors.New("the answer has no result"), secrets...)
	case err != nil && result == resultKO:
		return providers.Started{}, "", refused(op, reply, resultKO, nil, secrets...) // nothing was made that could be named
	case err != nil:
		return providers.Started{}, "", unusable(op, reply, err, secrets...)
	}
	s = providers.Started{
		Ref: string(out.PaymentID), Data: place{choice: way, Result: result}.save(),
		Report: providers.Report{
			Ref: string(out.PaymentID), Outcome: outcomeOfResult(result), Word: string(out.Result),
			Status: reply.Status, Raw: kept(reply, secrets...),
		},
	}
	if s.Report.Outcome != providers.Open && s.Report.Outcome != providers.Unknown {
		return s, token, nil
	}
	s.URL, err = c.page(out)
	if err != nil && result == resultRedirect {
		return s, token, refused(op, reply, "", err, secrets...)
	}
	return s, token, nil
}

// page is where the buyer is sent: the web page, else the link for phones where
// that is a web page too. A link that only an app can open is of no use to a
// browser.
func (c *Client) page(out payAnswer) (string, error) {
	problem := errors.New("the answer has no page to send the buyer to")
	for _, link := range []text{out.RedirectURL, out.MobileURL} {
		if link == "" {
			continue
		}
		err := c.checkPage(string(link))
		if err == nil {
			return string(link), nil
		}
		problem = err
	}
	return "", problem
}

func (c *Client) checkPage(link string) error {
	u, err := url.Parse(link)
	switch {
	case err != nil, u.Host == "", u.User != nil, len(link) > maxLink:
		return errors.New("the page is not an absolute address")
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("the page can only be opened by an app")
	case !slices.Contains(c.origins, providers.Origin(u)):
		return fmt.Errorf("the page is at %.80q, which PGM_PAGE_HOSTS does not allow", providers.Origin(u))
	default:
		return nil
	}
}

// Lookup implements providers.Provider with status.
//
// A payment without Data is one whose start had no answer: only its callback has
// said what it is called, and not by whom. It is asked for at every provider of
// the settings in turn, and belongs to the one that names our PaymentID.
func (c *Client) Lookup(ctx context.Context, p providers.Payment) (providers.Report, error) {
	_, report, err := c.lookup(ctx, "lookup", p)
	return report, err
}

func (c *Client) lookup(ctx context.Context, op string, p providers.Payment) (place, providers.Report, error) {
	if err := checkRef(p.Ref); err != nil {
		return place{}, providers.Report{}, rejected(op, err)
	}
	if at, ok := savedIn(p.Data); ok {
		report, err := c.status(ctx, op, at, p)
		return at, report, err
	}
	var first error
	for _, at := range c.places() {
		report, err := c.status(ctx, op, at, p)
		if err == nil && report.PaymentID == "" {
			err = &providers.Error{
				Provider: name, Op: op, Kind: providers.KindUnavailable, Status: report.Status, Raw: report.Raw,
				Err: errors.New("the answer has no shopTransactionId, and nothing else says whose payment it is"),
			}
		}
		if err == nil {
			return at, report, nil
		}
		if first == nil || isRejected(first) {
			first = err
		}
	}
	return place{}, providers.Report{}, first
}

// places are the providers of the settings, each once.
func (c *Client) places() []place {
	var all []place
	for _, way := range c.choices {
		if !slices.ContainsFunc(all, func(p place) bool { return p.Provider == way.Provider }) {
			all = append(all, place{choice: way})
		}
	}
	return all
}

func isRejected(err error) bool {
	var e *providers.Error
	return errors.As(err, &e) && e.Kind == providers.KindRejected
}

// status asks for the truth at one place. Where a provider has no status, and
// pay itself said OK, that is all there will ever be, and it is believed.
func (c *Client) status(ctx context.Context, op string, at place, p providers.Payment) (providers.Report, error) {
	reply, err := c.do(ctx, providers.Call{
		Op: op, Method: http.MethodGet, URL: c.about(at, "status", p), Repeatable: true,
	})
	if err != nil && at.Result == resultOK && notOffered(reply.Status) {
		return providers.Report{Ref: p.Ref, Outcome: providers.Paid, Word: resultOK, Status: reply.Status, Raw: kept(reply)}, nil
	}
	if err != nil {
		return providers.Report{}, err
	}
	s, err := readStatus(reply.Body, p)
	if err != nil {
		return providers.Report{}, unusable(op, reply, err)
	}
	return s.report(at, p, reply), nil
}

// notOffered reports whether an answer says that there is no such operation, as
// opposed to no such payment.
func notOffered(status int) bool {
	return status == http.StatusMethodNotAllowed || status == http.StatusNotImplemented || status == http.StatusUnprocessableEntity
}

// Check has the gateway manager ask its service again and send the shop's
// callback. It is for staff who miss one; to learn the state, Lookup is enough,
// so what is answered here is not read.
func (c *Client) Check(ctx context.Context, p providers.Payment) error {
	const op = "check"
	at, err := c.place(ctx, op, p)
	if err != nil {
		return err
	}
	_, err = c.do(ctx, providers.Call{Op: op, Method: http.MethodGet, URL: c.about(at, "check", p), Repeatable: true})
	return err
}

// place is where a payment was made, found by asking when it was not kept.
func (c *Client) place(ctx context.Context, op string, p providers.Payment) (place, error) {
	if err := checkRef(p.Ref); err != nil {
		return place{}, rejected(op, err)
	}
	if at, ok := savedIn(p.Data); ok {
		return at, nil
	}
	at, _, err := c.lookup(ctx, op, p)
	return at, asked(err)
}

// Refund implements providers.Refunder. It has neither a key nor an id of its
// own, so it is sent once: after a KindUnavailable the money may or may not be on
// its way, and a later Lookup may tell. What becomes of one that is pending, a
// Lookup tells as Report.Refunds: one refund, the last, without an amount.
func (c *Client) Refund(ctx context.Context, p providers.Payment, r providers.RefundRequest) (providers.Refund, error) {
	const op = "refund"
	if err := checkAmount(r.Amount); err != nil {
		return providers.Refund{}, rejected(op, err)
	}
	at, err := c.place(ctx, op, p)
	if err != nil {
		return providers.Refund{}, err
	}
	if services()[at.Provider].noRefund {
		return providers.Refund{}, rejected(op, fmt.Errorf("%s has no refunds", at.service()))
	}
	body, err := json.Marshal(newRefund{Amount: r.Amount.Minor, Currency: r.Amount.Currency, PaymentID: p.Ref})
	if err != nil {
		return providers.Refund{}, rejected(op, err)
	}
	reply, err := c.do(ctx, providers.Call{Op: op, Method: http.MethodPost, URL: c.address(at.Provider, "refund"), Body: body})
	if err != nil {
		return providers.Refund{}, err
	}
	var out refundAnswer
	if err := json.Unmarshal(reply.Body, &out); err != nil || out.Result == "" {
		return providers.Refund{}, unusable(op, reply, errors.New("the answer has no result"))
	}
	return providers.Refund{
		State: refundOfResult(normal(out.Result)), Amount: r.Amount, Word: string(out.Result), Status: reply.Status, Raw: kept(reply),
	}, nil
}

// address is one of the gateway manager's own; empty parts are left out.
func (c *Client) address(parts ...string) string {
	var path []string
	for _, p := range parts {
		if p != "" {
			path = append(path, url.PathEscape(p))
		}
	}
	return c.base.JoinPath(path...).String()
}

// about is the address of a question about a payment.
func (c *Client) about(at place, what string, p providers.Payment) string {
	return c.address(at.Provider, what) + "?" + url.Values{"paymentId": {p.Ref}}.Encode()
}

// do makes a call with the gateway's key. The secrets are those of this call, and
// are kept out of its error.
func (c *Client) do(ctx context.Context, call providers.Call, secrets ...string) (providers.Reply, error) {
	if c.keys.gateway != "" {
		call.Header = http.Header{c.header: {string(c.keys.gateway)}}
	}
	reply, err := c.line.Do(ctx, call)
	var e *providers.Error
	if errors.As(err, &e) {
		e.Raw = without(e.Raw, secrets...)
		if e.Status >= 400 && reply.IsJSON() {
			e.Code = errorCode(without(reply.Body, secrets...))
		}
	}
	return reply, err
}

// rejected is the error for what was not even sent.
func rejected(op string, err error) *providers.Error {
	return &providers.Error{Provider: name, Op: op, Kind: providers.KindRejected, Err: err}
}

// refused is the error for a 2xx answer that is a no.
func refused(op string, reply providers.Reply, code string, err error, secrets ...string) *providers.Error {
	return &providers.Error{
		Provider: name, Op: op, Kind: providers.KindRejected, Status: reply.Status, Code: code, Raw: kept(reply, secrets...), Err: err,
	}
}

// unusable is the error for a 2xx answer that cannot be used: something is
// there, and we do not know what.
func unusable(op string, reply providers.Reply, err error, secrets ...string) *providers.Error {
	return &providers.Error{
		Provider: name, Op: op, Kind: providers.KindUnavailable, Status: reply.Status, Raw: kept(reply, secrets...), Err: err,
	}
}
