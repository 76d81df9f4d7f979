// Package iumicash speaks iumiCash's vendor API, revision A of 2022-10-10:
// client-credentials token, order, the buyer's approval on iumiCash's page,
// signed callback. What the documents leave open, and what was chosen there,
// is in docs/providers/iumicash.md.
package iumicash

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"till/money"
	"till/providers"
)

const (
	name  = "iumicash"
	label = "iumiCash"

	oauthPath  = "api/v1/oauth/token/"
	ordersPath = "api/v1/orders/"

	maxRef      = 255                  // characters of an order id
	maxTokenAge = 365 * 24 * time.Hour // a longer expires_in is read as this
)

// Client talks to iumiCash.
type Client struct {
	settings
	line   *providers.Line
	tokens *providers.Tokens
	keys   *keys
	now    func() time.Time
}

// keys are the credentials.
type keys struct {
	basic    providers.Secret   // what follows "Basic " in the token call
	accepted []providers.Secret // that a callback may be signed with
}

var (
	_ providers.Provider  = (*Client)(nil)
	_ providers.Finder    = (*Client)(nil)
	_ providers.Canceller = (*Client)(nil)
)

// New returns a client, or an error that names every setting at fault.
func New(cfg Config) (*Client, error) {
	set, err := check(cfg)
	if err != nil {
		return nil, err
	}
	k := &keys{
		basic:    basicAuth(cfg.ClientID, cfg.ClientSecret),
		accepted: append([]providers.Secret{cfg.ClientSecret}, cfg.CallbackSecrets...),
	}
	transport := providers.NewTransport(cfg.Transport, cfg.Patience, cfg.Now)
	c := &Client{
		settings: set,
		line:     providers.NewLine(name, transport, cfg.Now, append([]providers.Secret{k.basic}, k.accepted...)...),
		keys:     k,
		now:      cfg.Now,
	}
	c.tokens = providers.NewTokens(c.fetchToken, cfg.Now)
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

// Start implements providers.Provider with POST /api/v1/orders/. The key goes
// into the RequestId header, which makes the request safe to repeat.
//
// An order that comes without an approve link, or with one to a host that is
// not allowed, is a KindRejected although it exists at iumiCash: nobody holds
// a link to pay it with, so it can take no money, and trying again with the
// same key gives the same order. This is also what a server of revision B
// looks like.
func (c *Client) Start(ctx context.Context, req providers.StartRequest) (providers.Started, error) {
	const op = "start"
	o, report, err := c.create(ctx, op, req)
	if err != nil {
		return providers.Started{}, err
	}
	s, err := c.started(o, report)
	if err != nil && report.Outcome == providers.Open {
		return s, &providers.Error{
			Provider: name, Op: op, Kind: providers.KindRejected, Status: report.Status, Raw: report.Raw, Err: err,
		}
	}
	return s, nil
}

// Find implements providers.Finder by sending the create again: with the same
// RequestId iumiCash answers with the order that it has, as it is now, and
// opens one only where there was none. It is found either way. There is no
// look-up by external_id.
//
// found is false only after a plain 400: had the order been there, iumiCash
// would have answered with it. A 400 about the external_id says that the order
// is there under a RequestId that iumiCash no longer knows, and a 422 may say
// that the key is known with another body: both leave the payment unknown, and
// the callback, which carries external_id and id, may still name it. So does
// every other refusal, which is one of the question and says nothing about the
// payment: Find never fails with KindRejected. An order that cannot be paid for
// want of an approve link is found, with an empty URL.
func (c *Client) Find(ctx context.Context, req providers.StartRequest) (providers.Started, bool, error) {
	o, report, err := c.create(ctx, "find", req)
	var e *providers.Error
	switch {
	case err == nil:
		s, _ := c.started(o, report)
		return s, true, nil
	case !errors.As(err, &e):
		return providers.Started{}, false, err
	case e.Kind == providers.KindRejected && e.Status == http.StatusBadRequest:
		return providers.Started{}, false, nil
	case e.Kind == providers.KindRejected:
		e.Kind = providers.KindUnavailable
	}
	return providers.Started{}, false, e
}

// create sends the order and reads it back.
func (c *Client) create(ctx context.Context, op string, req providers.StartRequest) (order, providers.Report, error) {
	body, err := c.newOrder(req)
	if err != nil {
		return order{}, providers.Report{}, &providers.Error{Provider: name, Op: op, Kind: providers.KindRejected, Err: err}
	}
	reply, err := c.do(ctx, providers.Call{
		Op: op, Method: http.MethodPost, URL: c.base.JoinPath(ordersPath).String(),
		Header: requestID(req.Key), Body: body, Repeatable: true,
	})
	if err != nil {
		return order{}, providers.Report{}, err
	}
	o, report, err := c.read(reply)
	if err == nil {
		err = isAbout(o, o.ID, req.PaymentID)
	}
	if err != nil {
		return order{}, providers.Report{}, unusable(op, reply, err)
	}
	return o, report, nil
}

// started puts an order in our words. The error says why the buyer cannot be
// sent to it; then the URL is empty and the rest holds.
func (c *Client) started(o order, report providers.Report) (providers.Started, error) {
	s := providers.Started{Ref: o.ID, Data: keepLinks(o), Report: report}
	if report.Outcome != providers.Open && report.Outcome != providers.Unknown {
		return s, nil
	}
	approve, err := c.approveLink(o)
	s.URL = approve
	return s, err
}

// Lookup implements providers.Provider with the order's self link, by GET and,
// where that is not allowed, by POST. The link is followed only to the base
// URL's own scheme and host, because the token travels with it. Without one
// that may be followed the documented address is used instead: the order's id
// and our base are all that it is made of, and a payment whose links were lost
// can still be asked about.
func (c *Client) Lookup(ctx context.Context, p providers.Payment) (providers.Report, error) {
	return c.lookup(ctx, "lookup", p)
}

func (c *Client) lookup(ctx context.Context, op string, p providers.Payment) (providers.Report, error) {
	self, err := c.link(p, relSelf)
	if err != nil {
		return providers.Report{}, &providers.Error{Provider: name, Op: op, Kind: providers.KindRejected, Err: err}
	}
	call := providers.Call{Op: op, Method: http.MethodGet, URL: self, Repeatable: true}
	reply, err := c.do(ctx, call)
	if reply.Status == http.StatusMethodNotAllowed {
		call.Method = http.MethodPost
		reply, err = c.do(ctx, call)
	}
	if err != nil {
		return providers.Report{}, err
	}
	o, report, err := c.read(reply)
	if err == nil {
		err = isAbout(o, p.Ref, p.ID)
	}
	if err != nil {
		return providers.Report{}, unusable(op, reply, err)
	}
	return report, nil
}

// Cancel implements providers.Canceller with the order's cancel link. No page
// describes its answer, so that is not read: the order is looked up again and
// only that counts. So it is after a 422, which is what an order that is
// already paid is expected to answer.
func (c *Client) Cancel(ctx context.Context, p providers.Payment, key string) (providers.Report, error) {
	const op = "cancel"
	cancel, err := c.link(p, relCancel)
	if err != nil {
		return providers.Report{}, &providers.Error{Provider: name, Op: op, Kind: providers.KindRejected, Err: err}
	}
	reply, err := c.do(ctx, providers.Call{
		Op: op, Method: http.MethodPost, URL: cancel, Header: requestID(key), Repeatable: true,
	})
	if err != nil && reply.Status != http.StatusUnprocessableEntity {
		return providers.Report{}, err
	}
	report, err := c.lookup(ctx, op, p)
	var e *providers.Error
	if errors.As(err, &e) {
		e.Kind = providers.KindUnavailable // the cancel was heard; what it did is not known
		return providers.Report{}, e
	}
	return report, err
}

// link is where a payment's order is read or cancelled.
func (c *Client) link(p providers.Payment, rel string) (string, error) {
	if err := checkRef(p.Ref); err != nil {
		return "", err
	}
	if u, ok := c.ownLink(savedLink(p.Data, rel)); ok {
		return u, nil
	}
	path := c.base.JoinPath(ordersPath).String() + url.PathEscape(p.Ref) + "/"
	if rel == relCancel {
		path += "cancel/"
	}
	return path, nil
}

// do makes a call with the vendor's token.
func (c *Client) do(ctx context.Context, call providers.Call) (providers.Reply, error) {
	call.Tokens = c.tokens
	reply, err := c.line.Do(ctx, call)
	return reply, explain(reply, err)
}

// explain adds to an error what iumiCash's own error body says: branching on
// the status first, because a 5xx is a proxy's page and no JSON.
func explain(reply providers.Reply, err error) error {
	var e *providers.Error
	if !errors.As(err, &e) || e.Status == 0 {
		return err
	}
	if e.Status < 400 || e.Status >= 500 || !reply.IsJSON() {
		return e
	}
	body := readError(reply.Body)
	e.Code = body.Code
	if e.Status == http.StatusBadRequest && e.Kind == providers.KindRejected {
		e.Reason = reasonOf(body.Code)
	}
	if body.onlyAbout("external_id") {
		e.Kind = providers.KindUnavailable
		e.Err = errors.New("an order with this external_id may exist already")
	}
	return e
}

// unusable is the error for a 2xx answer that cannot be used: something is
// there at iumiCash, and we do not know what.
func unusable(op string, reply providers.Reply, err error) error {
	return &providers.Error{
		Provider: name, Op: op, Kind: providers.KindUnavailable, Status: reply.Status,
		Raw: reply.Raw(), Err: err,
	}
}

// fetchToken asks for the vendor's token: Basic authentication, and a body of
// JSON where OAuth would have a form. The refresh token is not used, since a
// vendor can always ask anew.
func (c *Client) fetchToken(ctx context.Context) (providers.Token, error) {
	const op = "token"
	reply, err := c.line.Do(ctx, providers.Call{
		Op: op, Method: http.MethodPost, URL: c.base.JoinPath(oauthPath).String(),
		Header: http.Header{"Authorization": {"Basic " + string(c.keys.basic)}},
		Body:   []byte(`{"grant_type":"client_credentials"}`), Repeatable: true,
	})
	if err != nil {
		return providers.Token{}, tokenError(reply, explain(reply, err))
	}
	var out token
	if err := json.Unmarshal(reply.Body, &out); err != nil || out.AccessToken == "" {
		return providers.Token{}, &providers.Error{ // without Raw: it may hold a token
			Provider: name, Op: op, Kind: providers.KindUnavailable, Status: reply.Status,
			Err: errors.New("the answer holds no access token"),
		}
	}
	return providers.Token{Value: providers.Secret(out.AccessToken), Expires: c.expiry(out.ExpiresIn)}, nil
}

// tokenError makes a refusal of the token what it is: iumiCash answers bad
// credentials with 401, and bad OAuth parameters with 400.
func tokenError(reply providers.Reply, err error) error {
	var e *providers.Error
	if errors.As(err, &e) {
		if e.Kind == providers.KindRejected {
			e.Kind = providers.KindUnauthorized
		}
		if reply.Status < 300 {
			e.Raw = nil // an answer that was too long may hold a token
		}
	}
	return err
}

func basicAuth(id string, secret providers.Secret) providers.Secret {
	return providers.Secret(base64.StdEncoding.EncodeToString([]byte(id + ":" + string(secret))))
}

// expiry is when a token that lives for so many seconds ends; zero when the
// answer did not say.
func (c *Client) expiry(in *seconds) time.Time {
	if in == nil {
		return time.Time{}
	}
	return c.now().Add(min(time.Duration(min(int64(*in), math.MaxInt32))*time.Second, maxTokenAge))
}

// requestID carries the idempotency key, spelt as the documents spell it.
func requestID(key string) http.Header { return http.Header{"RequestId": {key}} }

// approveLink is where the buyer approves the order: only as the order's links
// say it, never made by us, and only to a host that is allowed.
func (c *Client) approveLink(o order) (string, error) {
	var problem error
	for _, l := range o.Links {
		if !strings.EqualFold(string(l.Rel), relApprove) {
			continue
		}
		if problem = c.checkApprove(l); problem == nil {
			return string(l.Link), nil
		}
	}
	if problem == nil {
		problem = errors.New("the order has no approve link")
	}
	return "", problem
}

func (c *Client) checkApprove(l link) error {
	u, err := url.Parse(string(l.Link))
	switch {
	case err != nil, u.Host == "", u.User != nil:
		return errors.New("the approve link is not an absolute address")
	case l.Method != "" && !strings.EqualFold(string(l.Method), http.MethodGet):
		return errors.New("the approve link is not for GET")
	case !slices.Contains(c.origins, providers.Origin(u)):
		return fmt.Errorf("the approve link goes to %.80q, which IUMICASH_APPROVE_HOSTS does not allow", providers.Origin(u))
	default:
		return nil
	}
}

// ownLink returns a link that the token may travel to: of the base URL's own
// scheme and host.
func (c *Client) ownLink(s string) (string, bool) {
	u, err := url.Parse(s)
	if err != nil || u.User != nil || providers.Origin(u) != providers.Origin(c.base) {
		return "", false
	}
	u.Fragment = ""
	return u.String(), true
}
