// Package gate speaks the Gate API v0.6 of Cardaq, DECTA and Appla-X, which are
// one engine: orders with a bearer key, the hosted card page, capture, void,
// refund and reversal, saved cards and webhooks. What the documents leave open, and what
// was chosen there, is in docs/providers/gate.md.
package gate

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"till/money"
	"till/providers"
)

const (
	name   = "gate"
	label  = "Gate" // where the setting is empty
	method = "card"

	ordersPath   = "orders/"
	clientsPath  = "clients/"
	webhooksPath = "webhooks/"

	// createQuery asks for every field of the new order. The smallest answer
	// may leave out the number, by which we know that it is ours.
	createQuery = "response_type=full"
)

// Client talks to a Gate.
type Client struct {
	settings
	line *providers.Line
	keys *keys
}

// keys are the credentials.
type keys struct {
	bearer providers.Secret
	tokens []providers.Secret // that an address of ours may end in; the first is registered
	verify string
	hmac   []providers.Secret // with VerifyHMAC
	rsa    []*rsa.PublicKey   // with VerifyRSA
}

var (
	_ providers.Provider  = (*Client)(nil)
	_ providers.Finder    = (*Client)(nil)
	_ providers.Canceller = (*Client)(nil)
	_ providers.Capturer  = (*Client)(nil)
	_ providers.Refunder  = (*Client)(nil)
	_ providers.Reverser  = (*Client)(nil)
	_ providers.Receiver  = (*Client)(nil)
	_ providers.Pacer     = (*Client)(nil)

	_ providers.MethodLister = (*Client)(nil)
	_ providers.LinkMaker    = (*Client)(nil)
	_ providers.Subscriber   = (*Client)(nil)
)

// New returns a client, or an error that names every setting at fault.
func New(cfg Config) (*Client, error) {
	set, k, err := check(cfg)
	if err != nil {
		return nil, err
	}
	secrets := slices.Concat([]providers.Secret{k.bearer}, k.tokens, k.hmac)
	transport := providers.NewTransport(cfg.Transport, cfg.Patience, cfg.Now)
	return &Client{settings: set, line: providers.NewLine(name, transport, cfg.Now, secrets...), keys: k}, nil
}

// Format implements fmt.Formatter: whatever the verb, a client prints as its
// name, and none of the credentials that it holds.
func (*Client) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, name) }

// Name implements providers.Provider.
func (*Client) Name() string { return name }

// Label implements providers.Provider with the setting, since each acquirer
// sells the Gate under a name of its own.
func (c *Client) Label() string { return c.label }

// Methods implements providers.MethodLister with the one that there is: buyers
// know the card that they pay with, not who asks them for it.
func (c *Client) Methods(_ context.Context, currency money.Currency) ([]providers.Method, error) {
	if !slices.Contains(c.currencies, currency) {
		return nil, nil
	}
	return []providers.Method{{Name: method, Label: c.MethodLabel(method)}}, nil
}

// MethodLabel implements providers.MethodLister.
func (*Client) MethodLabel(name string) string {
	if name == method {
		return "Card"
	}
	return name
}

// Currencies implements providers.Provider.
func (c *Client) Currencies() []money.Currency { return slices.Clone(c.currencies) }

// PageOrigins implements providers.Provider.
func (c *Client) PageOrigins() []string { return slices.Clone(c.origins) }

// NextAsk implements providers.Pacer with 7, 10, 15, 25, 40 and 60 seconds, then
// every 5 minutes for an hour, then hourly. The documents ask for a first wait
// of 5 to 10 seconds and growing ones after it, and for callbacks in the first
// place. A reservation changes only by what we do, or after weeks: hourly.
func (*Client) NextAsk(outcome providers.Outcome, asked int) time.Duration {
	first := []time.Duration{7 * time.Second, 10 * time.Second, 15 * time.Second, 25 * time.Second, 40 * time.Second, time.Minute}
	switch {
	case outcome == providers.Authorized:
		return time.Hour
	case asked < len(first):
		return first[max(asked, 0)]
	case asked < len(first)+12:
		return 5 * time.Minute
	default:
		return time.Hour
	}
}

// Start implements providers.Provider with POST /orders/. The Gate knows no
// idempotency key, so the request is sent once and never again: after an Error
// of KindUnavailable only Find can tell what became of it.
//
// An order whose page may not be shown, because it has none or one on a host
// that is not allowed, is cancelled at once and is a KindRejected. Where it
// cannot be cancelled either it is a KindUnavailable, and Find finds it.
func (c *Client) Start(ctx context.Context, req providers.StartRequest) (providers.Started, error) {
	const op = "start"
	body, err := c.newPage(req)
	if err != nil {
		return providers.Started{}, rejected(op, err)
	}
	return c.open(ctx, op, req, body, page)
}

// MakeLink implements providers.LinkMaker. The order is made as Start makes it;
// where it has a link that may be shown that is taken, and its page otherwise.
// Both can be opened until the order is paid, closed or past its due time, so
// there is nothing more to tell the Gate.
func (c *Client) MakeLink(ctx context.Context, req providers.StartRequest) (providers.Started, error) {
	const op = "link"
	body, err := c.newPage(req)
	if err != nil {
		return providers.Started{}, rejected(op, err)
	}
	return c.open(ctx, op, req, body, link, page)
}

// newPage makes the body of a create for a buyer who pays on a page, and comes
// back from there.
func (c *Client) newPage(req providers.StartRequest) (newOrder, error) {
	if req.SuccessURL == "" || req.ErrorURL == "" || req.PendingURL == "" {
		return newOrder{}, errors.New("success, error and pending addresses are required")
	}
	return c.newOrder(req)
}

// The places where a buyer can pay an order.
func page(o order) text { return o.FullPageCheckout }
func link(o order) text { return o.Link }

// open makes an order and sends the buyer to the first of the places that is
// there and allowed.
func (c *Client) open(ctx context.Context, op string, req providers.StartRequest, body newOrder, places ...func(order) text) (providers.Started, error) {
	o, report, err := c.create(ctx, op, body)
	if err != nil {
		return providers.Started{}, err
	}
	s, err := c.started(o, report, places...)
	if err != nil {
		return s, c.takeBack(ctx, op, req, report, err)
	}
	return s, nil
}

// create makes an order, once.
func (c *Client) create(ctx context.Context, op string, body newOrder) (order, providers.Report, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return order{}, providers.Report{}, rejected(op, err)
	}
	reply, err := c.do(ctx, providers.Call{
		Op: op, Method: http.MethodPost, URL: c.address(ordersPath) + "?" + createQuery, Body: text,
	})
	if err != nil {
		return order{}, providers.Report{}, err
	}
	o, report, err := c.read(reply)
	if err == nil {
		err = isAbout(o, o.ID, body.Number)
	}
	if err != nil {
		return order{}, providers.Report{}, unusable(op, reply, err)
	}
	return o, report, nil
}

// started puts an order in our words. The error says why the buyer cannot be
// sent to it; then the URL is empty and the rest holds.
func (c *Client) started(o order, report providers.Report, places ...func(order) text) (providers.Started, error) {
	s := providers.Started{Ref: o.ID, Report: report}
	if report.Outcome != providers.Open && report.Outcome != providers.Unknown {
		return s, nil
	}
	var err error
	for _, place := range places {
		at := string(place(o))
		if err = c.checkPage(at); err == nil {
			s.URL = at
			return s, nil
		}
	}
	return s, err
}

// checkPage refuses a page that a buyer may not be sent to.
func (c *Client) checkPage(page string) error {
	u, err := url.Parse(page)
	switch {
	case page == "":
		return errors.New("the order has no full_page_checkout")
	case err != nil, u.Host == "", u.User != nil:
		return errors.New("full_page_checkout is not an absolute address")
	case !slices.Contains(c.origins, providers.Origin(u)):
		return fmt.Errorf("full_page_checkout is at %.80q, which GATE_PAGE_HOSTS does not allow", providers.Origin(u))
	default:
		return nil
	}
}

// takeBack cancels an order that nobody can be sent to, and says how that went.
// The Gate may mail the buyer a link of its own, so it must not stay payable.
func (c *Client) takeBack(ctx context.Context, op string, req providers.StartRequest, report providers.Report, why error) error {
	e := &providers.Error{
		Provider: name, Op: op, Kind: providers.KindUnavailable, Status: report.Status, Raw: report.Raw, Err: why,
	}
	after, err := c.Cancel(ctx, providers.Payment{ID: req.PaymentID, Ref: report.Ref, Amount: req.Amount}, "")
	if err == nil && after.Outcome == providers.Cancelled {
		e.Kind = providers.KindRejected
	}
	return e
}

// Lookup implements providers.Provider with GET /orders/{id}/.
func (c *Client) Lookup(ctx context.Context, p providers.Payment) (providers.Report, error) {
	return c.lookup(ctx, "lookup", p)
}

func (c *Client) lookup(ctx context.Context, op string, p providers.Payment) (providers.Report, error) {
	_, report, err := c.get(ctx, op, p)
	return report, err
}

// get reads one order.
func (c *Client) get(ctx context.Context, op string, p providers.Payment) (order, providers.Report, error) {
	at, err := c.orderAt(p, "")
	if err != nil {
		return order{}, providers.Report{}, rejected(op, err)
	}
	reply, err := c.do(ctx, providers.Call{Op: op, Method: http.MethodGet, URL: at})
	if err != nil {
		return order{}, providers.Report{}, err
	}
	o, report, err := c.read(reply)
	if err == nil {
		err = isAbout(o, p.Ref, p.ID)
	}
	if err != nil {
		return order{}, providers.Report{}, unusable(op, reply, err)
	}
	return o, report, nil
}

// address is where a resource is; every path ends in a slash.
func (c *Client) address(path string) string { return c.base.JoinPath(path).String() }

// orderAt is where a payment's order is, or one of the things that can be done
// to it.
func (c *Client) orderAt(p providers.Payment, verb string) (string, error) {
	if err := checkRef(p.Ref); err != nil {
		return "", err
	}
	at := c.address(ordersPath) + url.PathEscape(p.Ref) + "/"
	if verb != "" {
		at += verb + "/"
	}
	return at, nil
}

// do makes a call with the key set's secret key.
func (c *Client) do(ctx context.Context, call providers.Call) (providers.Reply, error) {
	call.Header = http.Header{"Authorization": {"Bearer " + string(c.keys.bearer)}}
	reply, err := c.line.Do(ctx, call)
	return reply, explain(reply, err)
}

// explain adds to an error the codes of the Gate's own error body. A 5xx may be
// a page, whatever it calls itself, and is not read.
func explain(reply providers.Reply, err error) error {
	var e *providers.Error
	if !errors.As(err, &e) || e.Status < 400 || e.Status >= 500 || !reply.IsJSON() {
		return err
	}
	codes := codesOf(reply.Body)
	e.Code = strings.Join(codes[:min(len(codes), maxCodes)], ", ")
	if e.Kind == providers.KindRejected && len(codes) == 1 && codes[0] == numberTaken {
		e.Kind = providers.KindUnavailable
		e.Err = errors.New("an order with this number may exist already")
	}
	return e
}

// rejected is the error for a request that is not worth sending.
func rejected(op string, err error) *providers.Error {
	return &providers.Error{Provider: name, Op: op, Kind: providers.KindRejected, Err: err}
}

// unusable is the error for a 2xx answer that cannot be used: something is
// there at the Gate, and we do not know what.
func unusable(op string, reply providers.Reply, err error) *providers.Error {
	return &providers.Error{
		Provider: name, Op: op, Kind: providers.KindUnavailable, Status: reply.Status, Raw: rawOf(reply), Err: err,
	}
}

// amountBody is the body of a capture or a refund.
func amountBody(p providers.Payment, amount money.Amount) ([]byte, error) {
	if amount.Currency != p.Amount.Currency || amount.Sign() <= 0 {
		return nil, fmt.Errorf("%s is no part of %s", amount, p.Amount)
	}
	return json.Marshal(part{Amount: amount.JSONNumber()})
}
