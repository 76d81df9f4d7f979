package powens

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/money"
	"till/providers"
)

// maxAttempts is how many payments of one link are looked at.
const maxAttempts = 200

// Words for a link of which no payment has come; Powens has none of its own.
const (
	wordNoAttempt   = "no attempt"
	wordRevoked     = "revoked"
	attemptNone     = "unavailable" // of attempt_state: no payment yet, or the state is not at hand
	zonelessLayout  = "2006-01-02 15:04:05"
	zonelessLayoutT = "2006-01-02T15:04:05"
	widestZone      = 12 * time.Hour // how far behind UTC a zone may be
)

var uuid = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

// isLink reports whether a reference is that of a payment link. Payments have
// whole numbers.
func isLink(ref string) bool { return uuid.MatchString(ref) }

// newLink is the body of POST /payment-links. The reference_id of its payments
// is left to Powens, as it recommends. Source: Powens API reference, "Payment
// links", from which all of this file is.
type newLink struct {
	Amount              json.Number    `json:"amount"` // major units
	Currency            money.Currency `json:"currency"`
	Label               string         `json:"label"`
	ExecutionDateType   Execution      `json:"execution_date_type"`
	Beneficiary         newAccount     `json:"beneficiary"`
	BeneficiaryIdentity newIdentity    `json:"beneficiary_identity"`
	Payer               *newAccount    `json:"payer"` // required, null when not known
	PayerIdentity       newIdentity    `json:"payer_identity"`
	Redirect            bool           `json:"redirect"`
	RedirectURI         string         `json:"redirect_uri"`
	RedirectState       string         `json:"redirect_state"`
}

// link is a payment link as Powens answers it.
type link struct {
	instruction
	ID          text   `json:"id"`
	State       text   `json:"redirect_state"`
	LastPayment number `json:"last_payment_id"`
	URL         text   `json:"url"`
	RevokedAt   text   `json:"revoked_at"`
	Attempt     text   `json:"attempt_state"` // of the latest payment
}

// foundLink is a link and what has come of it.
type foundLink struct {
	link
	attempts []attempt
	report   providers.Report
}

// attempt is one payment that was made by a link.
type attempt struct {
	payment
	report providers.Report
}

// MakeLink implements providers.LinkMaker with POST /payment-links. Like a
// payment, a link is asked for once whatever happens. It stays good until it is
// revoked, because the request has no field for an end: who has a Due must
// Cancel then. A link cannot be deferred.
func (c *Client) MakeLink(ctx context.Context, req providers.StartRequest) (providers.Started, error) {
	const op = "link"
	body, err := c.newLink(req)
	if err != nil {
		return providers.Started{}, rejected(op, err)
	}
	reply, err := c.doWith(ctx, c.linkTokens, providers.Call{Op: op, Method: http.MethodPost, URL: c.links.String(), Body: body})
	if err != nil {
		return providers.Started{}, unkept(err)
	}
	l, err := readLink(reply.Body, expected{paymentID: req.PaymentID})
	if err == nil && l.address() == "" {
		err = errors.New("the link has no address")
	}
	var found foundLink
	if err == nil {
		found, err = c.sum(l, nil, reply, req.PaymentID, c.beneficiary.Identification, false)
	}
	if err != nil {
		return providers.Started{}, unkept(unusable(op, reply, err))
	}
	return c.startedLink(req, found), nil
}

func (c *Client) startedLink(req providers.StartRequest, found foundLink) providers.Started {
	s := providers.Started{Ref: string(found.ID), Data: c.remember(req, ""), Report: found.report}
	if found.report.Outcome == providers.Open || found.report.Outcome == providers.Unknown {
		s.URL = found.address()
	}
	return s
}

// newLink makes the body, or says why Powens would not take it.
func (c *Client) newLink(req providers.StartRequest) ([]byte, error) {
	switch {
	case c.links == nil:
		return nil, errNoLinks
	case c.execution == Deferred:
		return nil, errors.New("a payment link cannot be deferred, as POWENS_EXECUTION says")
	}
	payer, err := c.checkStart(req)
	if err != nil {
		return nil, err
	}
	return json.Marshal(newLink{
		Amount: req.Amount.JSONNumber(), Currency: req.Amount.Currency, Label: c.label(req), ExecutionDateType: c.execution,
		Beneficiary: c.beneficiary, BeneficiaryIdentity: c.merchant, PayerIdentity: payer,
		Redirect: true, RedirectURI: req.PendingURL, RedirectState: req.PaymentID,
	})
}

var errNoLinks = errors.New("there are no payment links: POWENS_LINKS_URL is not set")

// readLink decodes a link that has to be the expected one.
func readLink(body []byte, want expected) (link, error) {
	var l link
	if err := json.Unmarshal(body, &l); err != nil {
		return link{}, fmt.Errorf("the answer is no payment link: %w", err)
	}
	switch {
	case !isLink(string(l.ID)):
		return link{}, errors.New("the link's id is missing or cannot be one")
	case want.ref != "" && !strings.EqualFold(string(l.ID), want.ref):
		return link{}, errors.New("the answer is about another link")
	case l.State != "" && want.paymentID != "" && string(l.State) != want.paymentID:
		return link{}, errors.New("the link's redirect_state is another payment's")
	default:
		return l, nil
	}
}

// address is where the buyer pays by the link; empty when it is no address.
func (l link) address() string {
	u, err := url.Parse(string(l.URL))
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && (u.Scheme != "http" || !providers.Near(u.Hostname())) {
		return ""
	}
	return string(l.URL)
}

// revoked reports whether a link can certainly be used no more. The time may be
// to come, and may lack a zone: then it is taken to be in the latest there is.
func (l link) revoked(now time.Time) bool {
	at, err := time.Parse(time.RFC3339, string(l.RevokedAt))
	for _, layout := range []string{zonelessLayout, zonelessLayoutT} {
		if err == nil {
			break
		}
		if at, err = time.Parse(layout, string(l.RevokedAt)); err == nil {
			at = at.Add(widestZone)
		}
	}
	return err == nil && !at.After(now)
}

// raw is the link as it came but for its address, which is the buyer's.
func (l link) raw(reply providers.Reply) []byte {
	var all map[string]json.RawMessage
	if json.Unmarshal(reply.Body, &all) != nil {
		return nil
	}
	delete(all, "url")
	body, err := json.Marshal(all)
	if err != nil {
		return nil
	}
	reply.Body = body
	return reply.Raw()
}

// lookupLink reads a link and every payment that came of it: the last one is
// named by the link, and the others carry its reference_id, where it has one.
// revoked says that it is known to be.
func (c *Client) lookupLink(ctx context.Context, op string, p providers.Payment, revoked bool) (foundLink, error) {
	if c.links == nil {
		return foundLink{}, &providers.Error{Provider: name, Op: op, Kind: providers.KindUnreachable, Err: errNoLinks}
	}
	reply, err := c.doWith(ctx, c.linkTokens, providers.Call{Op: op, Method: http.MethodGet, URL: c.linkAddress(p.Ref), Repeatable: true})
	if err != nil {
		return foundLink{}, unkept(err)
	}
	want := c.expected(p)
	l, err := readLink(reply.Body, want)
	if err != nil {
		return foundLink{}, unkept(unusable(op, reply, err))
	}
	attempts, err := c.attempts(ctx, op, l, want)
	if err != nil {
		return foundLink{}, noRefusal(err)
	}
	found, err := c.sum(l, attempts, reply, p.ID, want.iban, revoked)
	if err != nil {
		return foundLink{}, unkept(unusable(op, reply, err))
	}
	return found, nil
}

func (c *Client) linkAddress(ref string) string {
	return c.links.JoinPath(url.PathEscape(ref)).String()
}

// attempts are the payments that came of a link.
func (c *Client) attempts(ctx context.Context, op string, l link, want expected) ([]attempt, error) {
	want = expected{paymentID: want.paymentID, iban: want.iban, byLink: true}
	var all []attempt
	if l.Reference != "" {
		found, err := c.referred(ctx, op, string(l.Reference), want)
		if err != nil {
			return nil, err
		}
		all = found
	}
	if l.LastPayment == "" || slices.ContainsFunc(all, func(a attempt) bool { return a.ID == l.LastPayment }) {
		return all, nil
	}
	want.ref = string(l.LastPayment)
	last, report, err := c.lookup(ctx, op, want)
	if err != nil {
		return nil, err
	}
	return append(all, attempt{last, report}), nil
}

// referred lists the payments with a reference_id. The filter is not relied on.
func (c *Client) referred(ctx context.Context, op, reference string, want expected) ([]attempt, error) {
	query := url.Values{"reference_id": {reference}, "limit": {strconv.Itoa(maxAttempts)}}
	reply, page, err := c.payments(ctx, op, query)
	if err != nil {
		return nil, err
	}
	if len(page) >= maxAttempts {
		return nil, unkept(unusable(op, reply, fmt.Errorf("there are %d payments of one reference, or more", maxAttempts)))
	}
	var all []attempt
	for _, raw := range page {
		var p payment
		if json.Unmarshal(raw, &p) != nil || !slices.ContainsFunc(p.list(), func(it instruction) bool { return string(it.Reference) == reference }) {
			continue
		}
		one := reply
		one.Body = raw
		p, report, err := c.read(one, want)
		if err != nil {
			return nil, unkept(unusable(op, reply, err))
		}
		all = append(all, attempt{p, report})
	}
	return all, nil
}

// sum makes one report of a link and its payments. Money that came goes before
// money on its way, and that before a payment that may still be made; more than
// one that is paid counts with all of its money, so that the difference is seen.
// While the link is good, a payment that failed can be followed by another.
func (c *Client) sum(l link, attempts []attempt, reply providers.Reply, paymentID, iban string, revoked bool) (foundLink, error) {
	found := foundLink{link: l, attempts: attempts}
	revoked = revoked || l.revoked(c.now())
	if len(attempts) == 0 {
		report, err := l.unpaid(reply, iban, revoked)
		found.report = report
		found.report.PaymentID = paymentID
		return found, err
	}
	best := attempts[0].report
	for _, one := range attempts[1:] {
		r := one.report
		switch {
		case best.Outcome == providers.Paid && r.Outcome == providers.Paid:
			both, err := best.Amount.Add(r.Amount)
			if err != nil {
				return foundLink{}, fmt.Errorf("two payments of one link: %w", err)
			}
			best.Amount, best.Test = both, best.Test && r.Test
		case rank(r.Outcome) > rank(best.Outcome), rank(r.Outcome) == rank(best.Outcome) && later(r.Ref, best.Ref):
			best = r
		}
	}
	if rank(best.Outcome) == 0 {
		best.Outcome, best.Reason = providers.Open, providers.ReasonNone
		if revoked {
			best.Outcome = providers.Cancelled
		}
	}
	best.Ref, best.PaymentID = string(l.ID), paymentID
	found.report = best
	return found, nil
}

// unpaid is the report of a link of which no payment has come.
func (l link) unpaid(reply providers.Reply, iban string, revoked bool) (providers.Report, error) {
	r := providers.Report{
		Ref: string(l.ID), Outcome: providers.Open, Word: cut(string(l.Attempt), maxWord),
		Status: reply.Status, Raw: l.raw(reply),
	}
	switch normal(l.Attempt) {
	case "", attemptNone:
		r.Word = wordNoAttempt
		if revoked {
			r.Outcome, r.Word = providers.Cancelled, wordRevoked
		}
	default:
		r.Outcome = providers.Unknown // there is a payment, and the link does not name it
	}
	if len(l.Amount) == 0 || string(l.Amount) == "null" {
		return r, nil
	}
	amount, err := l.amount(iban)
	if err != nil {
		return providers.Report{}, fmt.Errorf("the link: %w", err)
	}
	r.Amount = amount
	return r, nil
}

// rank orders outcomes by how much of the money is there.
func rank(o providers.Outcome) int {
	switch o {
	case providers.Paid:
		return 6
	case providers.Accepted:
		return 5
	case providers.Processing, providers.Authorized:
		return 4
	case providers.NeedsPerson:
		return 3
	case providers.Unknown:
		return 2
	case providers.Open:
		return 1
	default:
		return 0
	}
}

// later reports whether a payment's id is above another's.
func later(a, b string) bool { return len(a) > len(b) || len(a) == len(b) && a > b }

// findLink looks for the link with our id as its redirect_state. The list has
// no documented parameters, so it is read whole; one that is too long to read
// is no answer.
func (c *Client) findLink(ctx context.Context, op string, req providers.StartRequest) (providers.Started, bool, error) {
	reply, err := c.doWith(ctx, c.linkTokens, providers.Call{Op: op, Method: http.MethodGet, URL: c.links.String(), Repeatable: true})
	if err != nil {
		return providers.Started{}, false, noRefusal(unkept(err))
	}
	var all []json.RawMessage
	if err := json.Unmarshal(reply.Body, &all); err != nil || all == nil {
		return providers.Started{}, false, unkept(unusable(op, reply, errors.New("the answer is no list of payment links")))
	}
	ref := ""
	for _, raw := range all {
		var l link
		if json.Unmarshal(raw, &l) != nil || string(l.State) != req.PaymentID || !isLink(string(l.ID)) {
			continue
		}
		if ref == "" || !l.revoked(c.now()) {
			ref = string(l.ID)
		}
	}
	if ref == "" {
		return providers.Started{}, false, nil
	}
	p := providers.Payment{ID: req.PaymentID, Ref: ref, Amount: req.Amount, Data: c.remember(req, "")}
	found, err := c.lookupLink(ctx, op, p, false)
	if err != nil {
		return providers.Started{}, false, noRefusal(err)
	}
	return c.startedLink(req, found), true, nil
}

// cancelLink revokes a link, so that nobody begins to pay by it, and then
// cancels what has been begun. A link that is not there is answered like one
// that was revoked before; which of the two is seen when it is looked up.
func (c *Client) cancelLink(ctx context.Context, op string, p providers.Payment) (providers.Report, error) {
	if c.links == nil {
		return providers.Report{}, &providers.Error{Provider: name, Op: op, Kind: providers.KindUnreachable, Err: errNoLinks}
	}
	_, err := c.doWith(ctx, c.linkTokens, providers.Call{Op: op, Method: http.MethodPost, URL: c.linkAddress(p.Ref) + ":revoke"})
	var e *providers.Error
	if errors.As(err, &e) && e.Status != http.StatusNotFound {
		return providers.Report{}, unkept(e)
	}
	found, err := c.lookupLink(ctx, op, p, true)
	if err != nil {
		return providers.Report{}, heard(err)
	}
	var no *providers.Error
	asked := false
	for _, one := range found.attempts {
		if one.ended() || one.cancelling() {
			continue
		}
		refusal, err := c.askToCancel(ctx, op, p, string(one.ID))
		if err != nil {
			return providers.Report{}, heard(err)
		}
		if refusal != nil {
			no = refusal
		}
		asked = true
	}
	if !asked {
		return found.report, nil
	}
	found, err = c.lookupLink(ctx, op, p, true)
	if err != nil {
		return providers.Report{}, heard(err)
	}
	if no != nil && slices.ContainsFunc(found.attempts, func(a attempt) bool { return !a.ended() && !a.cancelling() }) {
		return providers.Report{}, no
	}
	return found.report, nil
}
