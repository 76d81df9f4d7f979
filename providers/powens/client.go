// Package powens speaks Powens Pay, formerly Budget Insight: a bank transfer
// that the buyer approves at their own bank, on pages of Powens'. Service token,
// payment, scoped token for the page, signed webhook. What the documents leave
// open, and what was chosen there, is in docs/providers/powens.md.
package powens

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
	name  = "powens"
	label = "Powens"

	scopeAdmin    = "payments:admin"
	scopeValidate = "payments:validate"
	scopeLinks    = "payment-links:admin"

	dateLayout = "2006-01-02"
)

// tokenKept is how long a service token is said to be good: it lives for 30
// minutes, which its answer does not say, and Tokens replaces it a minute before
// its end, so that it is used for 25.
const tokenKept = 26 * time.Minute

// Bounds of a search for a payment whose create had no answer.
const (
	findWithin = 72 * time.Hour // where it is not known when the payment was begun
	findBefore = 24 * time.Hour // for clocks and zones that differ, as the filter knows days only
	pageSize   = 200            // payments; of some two kilobytes each
	maxPages   = 25
)

// Client talks to Powens.
type Client struct {
	settings
	line       *providers.Line
	tokens     *providers.Tokens
	linkTokens *providers.Tokens // of another scope, which not every client is given
	keys       *keys
	now        func() time.Time
}

// keys are the credentials.
type keys struct {
	client   providers.Secret
	accepted []providers.Secret // that a webhook may be signed with
}

var (
	_ providers.Provider   = (*Client)(nil)
	_ providers.Finder     = (*Client)(nil)
	_ providers.Canceller  = (*Client)(nil)
	_ providers.Pacer      = (*Client)(nil)
	_ providers.LinkMaker  = (*Client)(nil)
	_ providers.Subscriber = (*Client)(nil)
)

// New returns a client, or an error that names every setting at fault.
func New(cfg Config) (*Client, error) {
	set, err := check(cfg)
	if err != nil {
		return nil, err
	}
	c := &Client{
		settings: set,
		line:     providers.NewLine(name, providers.NewTransport(cfg.Transport, cfg.Patience, cfg.Now), cfg.Now, printed(cfg)...),
		keys:     &keys{client: cfg.ClientSecret, accepted: slices.Clone(cfg.WebhookKeys)},
		now:      cfg.Now,
	}
	c.tokens = providers.NewTokens(c.fetchToken(scopeAdmin), cfg.Now)
	c.linkTokens = providers.NewTokens(c.fetchToken(scopeLinks), cfg.Now)
	return c, nil
}

// printed lists the secrets in each form that an answer could echo them in: the
// client secret travels in a JSON body.
func printed(cfg Config) []providers.Secret {
	all := append([]providers.Secret{cfg.ClientSecret}, cfg.WebhookKeys...)
	quoted, err := json.Marshal(string(cfg.ClientSecret))
	if err != nil {
		return all
	}
	return append(all, providers.Secret(strings.Trim(string(quoted), `"`)))
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

// PageOrigins implements providers.Provider: where the webview is, and Powens'
// own host, to which the webview of a domain may redirect. Payment links are
// taken to be where their API is, which is not documented.
func (c *Client) PageOrigins() []string {
	all := []string{providers.Origin(c.webview), powensPages}
	if c.links != nil {
		all = append(all, providers.Origin(c.links))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Start implements providers.Provider with POST /payments and, for the page, a
// scoped token. Powens knows no idempotency key, so the create is sent once
// whatever happens: after a lost answer, Find looks for the payment.
//
// A payment that is there, but for which Powens gives no scoped token, fails
// like one that is not: nobody holds a link to it, so it can take no money.
func (c *Client) Start(ctx context.Context, req providers.StartRequest) (providers.Started, error) {
	return c.open(ctx, "start", req, schedule{})
}

// open creates a payment, a periodic one when it has a schedule.
func (c *Client) open(ctx context.Context, op string, req providers.StartRequest, when schedule) (providers.Started, error) {
	body, err := c.newPayment(req, when)
	if err != nil {
		return providers.Started{}, rejected(op, err)
	}
	reply, err := c.do(ctx, providers.Call{Op: op, Method: http.MethodPost, URL: c.address("payments"), Body: body})
	if err != nil {
		return providers.Started{}, err
	}
	p, report, err := c.read(reply, expected{paymentID: req.PaymentID, iban: c.beneficiary.Identification, from: when.Start})
	if err != nil {
		return providers.Started{}, unusable(op, reply, err)
	}
	s, err := c.started(ctx, op, req, p, report)
	var e *providers.Error
	if err != nil && (!errors.As(err, &e) || e.Kind != providers.KindRejected) {
		return providers.Started{}, err // Find gets another token
	}
	return s, err
}

// rejected is the error of a request that was not made.
func rejected(op string, err error) *providers.Error {
	return &providers.Error{Provider: name, Op: op, Kind: providers.KindRejected, Err: err}
}

// started adds to a payment the page to send the buyer to, while there is
// something to do there. The error says why there is no page; then the URL is
// empty and the rest holds.
func (c *Client) started(ctx context.Context, op string, req providers.StartRequest, p payment, report providers.Report) (providers.Started, error) {
	s := providers.Started{Ref: string(p.ID), Data: c.remember(req, p.start()), Report: report}
	if report.Outcome != providers.Open && report.Outcome != providers.Unknown {
		return s, nil
	}
	token, err := c.scopedToken(ctx, op, string(p.ID))
	if err == nil {
		s.URL = c.page(req, string(p.ID), token)
	}
	return s, err
}

// page is the address of Powens' pages for one payment. It holds a token that
// is good for days: it must not be logged, nor leave as a referrer.
func (c *Client) page(req providers.StartRequest, ref string, token providers.Secret) string {
	u := *c.webview
	q := u.Query() // the domain, where the host does not say it
	q.Set("client_id", c.clientID)
	q.Set("redirect_uri", req.PendingURL)
	q.Set("code", string(token))
	q.Set("payment_id", ref)
	q.Set("state", req.PaymentID)
	u.RawQuery = q.Encode()
	return u.String()
}

// scopedToken asks for a token that can do one thing: execute this payment. It
// is asked for once more when there was no usable answer. By now the payment is
// there, so "nothing happened" is not among the ways to fail.
func (c *Client) scopedToken(ctx context.Context, op, ref string) (providers.Secret, error) {
	token, err := c.askScopedToken(ctx, op, ref)
	var e *providers.Error
	if errors.As(err, &e) && e.Kind == providers.KindUnavailable && ctx.Err() == nil {
		token, err = c.askScopedToken(ctx, op, ref)
	}
	if errors.As(err, &e) && (e.Kind == providers.KindUnreachable || e.Kind == providers.KindUnauthorized) {
		e.Kind = providers.KindUnavailable
	}
	return token, err
}

func (c *Client) askScopedToken(ctx context.Context, op, ref string) (providers.Secret, error) {
	body, err := json.Marshal(newScope{Scope: []string{scopeValidate}})
	if err != nil {
		return "", rejected(op, err)
	}
	reply, err := c.do(ctx, providers.Call{
		Op: op, Method: http.MethodPost, URL: c.address("payments", ref, "scopedtoken"), Body: body,
	})
	if err != nil {
		return "", unkept(err)
	}
	var out struct {
		Token   text   `json:"token"`
		Payment number `json:"id_payment"`
	}
	if err := json.Unmarshal(reply.Body, &out); err != nil || out.Token == "" {
		return "", unkept(unusable(op, reply, errors.New("the answer holds no scoped token")))
	}
	if out.Payment != "" && string(out.Payment) != ref {
		return "", unkept(unusable(op, reply, errors.New("the scoped token is another payment's")))
	}
	return providers.Secret(out.Token), nil
}

// unkept drops a good answer that may hold a token, or other buyers' payments.
func unkept(err error) error {
	var e *providers.Error
	if errors.As(err, &e) && e.Status >= http.StatusOK && e.Status < http.StatusMultipleChoices {
		e.Raw = nil
	}
	return err
}

// Find implements providers.Finder: the payments of the last three days are
// listed, and the one with our id as its client_state is it. Should there be
// several, one that a bank has heard of goes before one that none has, and then
// the latest.
//
// A payment that is older, or that Powens lists without its client_state, is
// not found and may be started again. That does no harm: the link of the first
// one was never handed out, so it can take no money. One that is found, but for
// which Powens refuses a scoped token, has an empty URL.
//
// Where there are payment links, they are looked through when no payment is
// found.
func (c *Client) Find(ctx context.Context, req providers.StartRequest) (providers.Started, bool, error) {
	const op = "find"
	ref, err := c.search(ctx, op, req.PaymentID, req.Begun)
	switch {
	case err != nil:
		return providers.Started{}, false, noRefusal(err)
	case ref == "" && c.links != nil:
		return c.findLink(ctx, op, req)
	case ref == "":
		return providers.Started{}, false, nil
	}
	p, report, err := c.lookup(ctx, op, expected{ref: ref, paymentID: req.PaymentID, iban: c.beneficiary.Identification})
	if err != nil {
		return providers.Started{}, false, noRefusal(err)
	}
	s, err := c.started(ctx, op, req, p, report)
	var e *providers.Error
	if errors.As(err, &e) && e.Kind != providers.KindRejected {
		return providers.Started{}, false, e
	}
	return s, true, nil
}

// noRefusal makes a refusal of a question what it is: no answer about the
// payment.
func noRefusal(err error) error {
	var e *providers.Error
	if errors.As(err, &e) && e.Kind == providers.KindRejected {
		e.Kind = providers.KindUnavailable
	}
	return err
}

// search returns the payment with this client_state that was made since begun;
// empty when there is none.
func (c *Client) search(ctx context.Context, op, clientState string, begun time.Time) (string, error) {
	from := c.now().Add(-findWithin)
	if !begun.IsZero() {
		from = begun.Add(-findBefore)
	}
	since := from.UTC().Format(dateLayout)
	var best payment
	for n := range maxPages {
		page, err := c.list(ctx, op, since, n*pageSize)
		if err != nil {
			return "", err
		}
		for _, one := range page {
			if clientState != "" && string(one.ClientState) == clientState && one.ID != "" {
				best = c.better(best, one)
			}
		}
		if len(page) < pageSize {
			return string(best.ID), nil
		}
	}
	if best.ID == "" {
		return "", &providers.Error{
			Provider: name, Op: op, Kind: providers.KindUnavailable,
			Err: fmt.Errorf("there are more than %d payments to look through", maxPages*pageSize),
		}
	}
	return string(best.ID), nil
}

// better chooses between two payments of one client_state.
func (c *Client) better(a, b payment) payment {
	rank := func(p payment) int {
		switch o, _ := c.outcome(p); o {
		case providers.Paid, providers.Accepted, providers.Processing:
			return 2
		case providers.Open, providers.Unknown, providers.NeedsPerson:
			return 1
		default:
			return 0
		}
	}
	switch {
	case a.ID == "", rank(b) > rank(a):
		return b
	case rank(b) < rank(a):
		return a
	case later(string(b.ID), string(a.ID)):
		return b
	default:
		return a
	}
}

// list is one page of the payments since a day. Entries that are no payments
// are empty ones.
func (c *Client) list(ctx context.Context, op, since string, offset int) ([]payment, error) {
	_, all, err := c.payments(ctx, op, url.Values{
		"filter": {"register_date"}, "min_date": {since},
		"limit": {strconv.Itoa(pageSize)}, "offset": {strconv.Itoa(offset)},
	})
	page := make([]payment, len(all))
	for i, raw := range all {
		if json.Unmarshal(raw, &page[i]) != nil {
			page[i] = payment{}
		}
	}
	return page, err
}

// payments asks for a list of payments.
func (c *Client) payments(ctx context.Context, op string, query url.Values) (providers.Reply, []json.RawMessage, error) {
	reply, err := c.do(ctx, providers.Call{
		Op: op, Method: http.MethodGet, URL: c.address("payments") + "?" + query.Encode(), Repeatable: true,
	})
	if err != nil {
		return reply, nil, unkept(err)
	}
	var out struct {
		Payments *[]json.RawMessage `json:"payments"`
	}
	if err := json.Unmarshal(reply.Body, &out); err != nil || out.Payments == nil {
		return reply, nil, unkept(unusable(op, reply, errors.New("the answer is no list of payments")))
	}
	return reply, *out.Payments, nil
}

// Lookup implements providers.Provider with GET /payments/{id}, and for a
// payment link with what has come of it.
func (c *Client) Lookup(ctx context.Context, p providers.Payment) (providers.Report, error) {
	const op = "lookup"
	if isLink(p.Ref) {
		found, err := c.lookupLink(ctx, op, p, false)
		return found.report, err
	}
	_, report, err := c.lookup(ctx, op, c.expected(p))
	return report, err
}

func (c *Client) expected(p providers.Payment) expected {
	kept := c.recall(p)
	return expected{ref: p.Ref, paymentID: p.ID, iban: kept.IBAN, from: kept.From}
}

func (c *Client) lookup(ctx context.Context, op string, want expected) (payment, providers.Report, error) {
	if err := checkRef(want.ref); err != nil {
		return payment{}, providers.Report{}, rejected(op, err)
	}
	reply, err := c.do(ctx, providers.Call{Op: op, Method: http.MethodGet, URL: c.address("payments", want.ref), Repeatable: true})
	if err != nil {
		return payment{}, providers.Report{}, err
	}
	p, report, err := c.read(reply, want)
	if err != nil {
		return payment{}, providers.Report{}, unusable(op, reply, err)
	}
	return p, report, nil
}

// Cancel implements providers.Canceller with POST /payments/{id}. Whatever is
// answered, the payment is looked up again and only that counts. It may still
// be pending: some banks want the buyer to approve the cancellation, and the
// report's word then says "cancelling"; Approval is where they do that. It may
// be refused too, by a bank that cannot cancel or for a payment that is too far;
// then, unless the payment has ended or is being cancelled all the same, the
// error is of KindRejected. A payment link is revoked first.
func (c *Client) Cancel(ctx context.Context, p providers.Payment, _ string) (providers.Report, error) {
	const op = "cancel"
	if isLink(p.Ref) {
		return c.cancelLink(ctx, op, p)
	}
	_, report, err := c.cancel(ctx, op, p, c.expected(p))
	return report, err
}

func (c *Client) cancel(ctx context.Context, op string, p providers.Payment, want expected) (payment, providers.Report, error) {
	no, err := c.askToCancel(ctx, op, p, want.ref)
	if err != nil {
		return payment{}, providers.Report{}, err
	}
	after, report, err := c.lookup(ctx, op, want)
	if err != nil {
		return payment{}, providers.Report{}, heard(err)
	}
	if no != nil && !after.ended() && !after.cancelling() {
		return payment{}, providers.Report{}, no
	}
	return after, report, nil
}

// askToCancel asks once. no is the refusal, when it was heard and refused.
func (c *Client) askToCancel(ctx context.Context, op string, p providers.Payment, ref string) (no *providers.Error, err error) {
	if err := checkRef(ref); err != nil {
		return nil, rejected(op, err)
	}
	body, err := json.Marshal(newCancel{Cancel: true, RedirectURI: c.recall(p).Back, State: p.ID})
	if err != nil {
		return nil, rejected(op, err)
	}
	_, err = c.do(ctx, providers.Call{Op: op, Method: http.MethodPost, URL: c.address("payments", ref), Body: body})
	if errors.As(err, &no) {
		if !isRefusal(no) {
			return nil, no
		}
		no.Kind = providers.KindRejected
	}
	return no, nil
}

// heard is the error of a lookup after a cancel that was heard: what it did is
// not known.
func heard(err error) error {
	var e *providers.Error
	if errors.As(err, &e) {
		e.Kind = providers.KindUnavailable
	}
	return err
}

// isRefusal reports whether a cancel was heard and refused. A conflict with the
// payment's state is one too.
func isRefusal(e *providers.Error) bool {
	return e.Kind == providers.KindRejected || e.Status == http.StatusConflict
}

// Approval returns where the buyer approves, at their bank, that a payment is
// cancelled or a subscription ended; empty when nothing waits for that. The
// address is the buyer's alone: like the link of a payment, it must not be
// logged. From there they come back to the payment's PendingURL.
func (c *Client) Approval(ctx context.Context, p providers.Payment) (string, error) {
	const op = "approval"
	if isLink(p.Ref) {
		found, err := c.lookupLink(ctx, op, p, false)
		for _, one := range found.attempts {
			if at := one.approval(); at != "" {
				return at, err
			}
		}
		return "", err
	}
	found, _, err := c.lookup(ctx, op, c.expected(p))
	return found.approval(), err
}

// NextAsk implements providers.Pacer. Powens wants to be read when the buyer
// comes back, and otherwise to call; the sweep is for calls that are lost, so
// it soon slows down. Where the bank waits for a day, it begins slowly.
func (c *Client) NextAsk(outcome providers.Outcome, asked int) time.Duration {
	gaps := []time.Duration{
		10 * time.Second, 20 * time.Second, 40 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute,
		15 * time.Minute, 30 * time.Minute, time.Hour, 6 * time.Hour,
	}
	switch {
	case outcome == providers.Accepted: // its last word
		gaps = []time.Duration{24 * time.Hour}
	case outcome == providers.Processing && c.execution != Instant:
		gaps = []time.Duration{time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour}
	}
	return gaps[min(max(asked, 0), len(gaps)-1)]
}

// address is an address of the API.
func (c *Client) address(parts ...string) string {
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return c.base.JoinPath(parts...).String()
}

// do makes a call with the service token.
func (c *Client) do(ctx context.Context, call providers.Call) (providers.Reply, error) {
	return c.doWith(ctx, c.tokens, call)
}

func (c *Client) doWith(ctx context.Context, tokens *providers.Tokens, call providers.Call) (providers.Reply, error) {
	call.Tokens = tokens
	reply, err := c.line.Do(ctx, call)
	return reply, explain(reply, err)
}

// explain adds to an error what Powens' own error body says. Its code goes
// before the status: a 4xx that is a fault of Powens' or the bank's is no
// refusal.
func explain(reply providers.Reply, err error) error {
	var e *providers.Error
	if !errors.As(err, &e) || e.Status == 0 || !reply.IsJSON() {
		return err
	}
	e.Code = readCode(reply.Body)
	switch strings.ToLower(e.Code) {
	case codeBug, codeNoWebsite:
		if e.Kind == providers.KindRejected {
			e.Kind = providers.KindUnavailable
		}
	}
	return e
}

// unusable is the error for a 2xx answer that cannot be used: something is
// there at Powens, and we do not know what.
func unusable(op string, reply providers.Reply, err error) error {
	return &providers.Error{
		Provider: name, Op: op, Kind: providers.KindUnavailable, Status: reply.Status,
		Raw: reply.Raw(), Err: err,
	}
}

// fetchToken asks for a service token of a scope. Only the token is read: the
// second field of the answer has two names in the documents, and neither is its
// lifetime.
func (c *Client) fetchToken(scope string) func(context.Context) (providers.Token, error) {
	return func(ctx context.Context) (providers.Token, error) {
		const op = "token"
		body, err := json.Marshal(newToken{
			GrantType: "client_credentials", ClientID: c.clientID, ClientSecret: string(c.keys.client), Scope: scope,
		})
		if err != nil {
			return providers.Token{}, rejected(op, err)
		}
		reply, err := c.line.Do(ctx, providers.Call{
			Op: op, Method: http.MethodPost, URL: c.address("auth", "token"), Body: body, Repeatable: true,
		})
		if err != nil {
			return providers.Token{}, tokenError(explain(reply, err))
		}
		var out struct {
			Token text `json:"token"`
		}
		if err := json.Unmarshal(reply.Body, &out); err != nil || out.Token == "" {
			return providers.Token{}, unkept(unusable(op, reply, errors.New("the answer holds no token")))
		}
		return providers.Token{Value: providers.Secret(out.Token), Expires: c.now().Add(tokenKept)}, nil
	}
}

// tokenError makes a refusal of the token what it is, whatever its status: that
// of wrong credentials is not documented.
func tokenError(err error) error {
	var e *providers.Error
	if errors.As(err, &e) && e.Kind == providers.KindRejected {
		e.Kind = providers.KindUnauthorized
	}
	return unkept(err)
}
