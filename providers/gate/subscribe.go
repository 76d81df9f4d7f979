package gate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"till/money"
	"till/providers"
)

// recurring is the kind of agreement for which the documents have "regular, same
// amount", where "automatic" is one of irregular dates and amounts.
const recurring = "recurring"

// agreement is what Subscription.Data holds.
type agreement struct {
	Ref      string         `json:"ref"`    // the first payment's order
	Client   string         `json:"client"` // the Gate's record of the buyer, made for this subscription alone
	Minor    int64          `json:"minor"`  // what the buyer agreed to each time, in Currency
	Currency money.Currency `json:"currency"`
}

func (a agreement) amount() money.Amount { return money.Amount{Minor: a.Minor, Currency: a.Currency} }

// agreementOf is what was agreed to with an order.
func agreementOf(ref, client string, amount money.Amount) agreement {
	return agreement{Ref: ref, Client: client, Minor: amount.Minor, Currency: amount.Currency}
}

// data is the agreement as it is kept.
func (a agreement) data() (json.RawMessage, error) { return json.Marshal(a) }

// read takes the agreement from a subscription; ok is false where it holds none.
func (a *agreement) read(s providers.Subscription) (ok bool, err error) {
	if missing(s.Data) {
		return false, nil
	}
	if json.Unmarshal(s.Data, a) != nil || checkRef(a.Ref) != nil || checkRef(a.Client) != nil {
		return false, errors.New("the subscription's data is not what Subscribe made")
	}
	return true, nil
}

// Subscribe implements providers.Subscriber by saving the card of the first
// payment: a client is made for this subscription alone, and then an order of
// that client with setup_future_use "recurring" and force_save_method. A client
// of its own keeps the cards of two subscriptions apart, whoever types whose
// address; what is left of a first order that could not be made is a client
// without a card.
//
// Neither request has a key, so each is sent once. After an Error of
// KindUnavailable Find tells whether there is an order, and Subscription reads
// the rest from it.
//
// The Gate's own subscriptions are not used: the words for their intervals are
// documented nowhere. So one that is Automatic is refused, as KindRejected.
func (c *Client) Subscribe(ctx context.Context, req providers.SubscribeRequest) (providers.Started, providers.Subscription, error) {
	const op = "subscribe"
	err := checkSubscribe(req)
	var body newOrder
	if err == nil {
		body, err = c.newPage(req.StartRequest)
	}
	if err != nil {
		return providers.Started{}, providers.Subscription{}, rejected(op, err)
	}
	client, err := c.newClient(ctx, op, req.Buyer.Email)
	if err != nil {
		return providers.Started{}, providers.Subscription{}, err
	}
	body.Client.OriginalClient, body.SetupFutureUse, body.ForceSaveMethod = client, recurring, true
	to, err := c.open(ctx, op, req.StartRequest, body, page)
	if err != nil {
		return providers.Started{}, providers.Subscription{}, err
	}
	data, err := agreementOf(to.Ref, client, req.Amount).data()
	if err != nil {
		return providers.Started{}, providers.Subscription{}, unmade(op, err)
	}
	return to, providers.Subscription{PaymentID: req.PaymentID, Method: req.Method, Data: data}, nil
}

// unmade is the error for something of ours that cannot be written down after
// the Gate has acted.
func unmade(op string, err error) *providers.Error {
	return &providers.Error{Provider: name, Op: op, Kind: providers.KindUnavailable, Err: err}
}

func checkSubscribe(req providers.SubscribeRequest) error {
	switch {
	case req.Automatic:
		return errors.New("the Gate does not charge by itself here: only a subscription that is not automatic can be had")
	case !slices.Contains([]providers.Interval{providers.Day, providers.Week, providers.Month, providers.Year}, req.Unit):
		return fmt.Errorf("%.12q is no interval", string(req.Unit))
	case req.Count < 1, req.Times < 0:
		return errors.New("an interval of at least one unit, and no negative number of payments, are required")
	default:
		return nil
	}
}

// newClient has the Gate write a buyer down, and returns its id.
func (c *Client) newClient(ctx context.Context, op, email string) (string, error) {
	body, err := json.Marshal(newClient{Email: email})
	if err != nil {
		return "", rejected(op, err)
	}
	reply, err := c.do(ctx, providers.Call{Op: op, Method: http.MethodPost, URL: c.address(clientsPath), Body: body})
	if err != nil {
		return "", err
	}
	var made struct {
		ID text `json:"id"`
	}
	if err = json.Unmarshal(reply.Body, &made); err == nil {
		err = checkRef(string(made.ID))
	}
	if err != nil {
		return "", unusable(op, reply, fmt.Errorf("the answer is no client: %w", err))
	}
	return string(made.ID), nil
}

// Charge implements providers.Subscriber: an order that names the saved card,
// with one attempt alone, and then POST to its api_do_url with an empty object.
// The order is looked at afterwards, since that answer says nothing of the
// money. The documents break off before this call; it is the first thing to
// check with an acquirer.
//
// Nothing here is sent twice. After an Error of KindUnavailable the order may be
// there, and its card may be charged yet: Find and then Lookup tell. One that
// stays Open was not charged; it must be cancelled, or have expired, before
// another is made. Where the Gate refuses to charge, the order is cancelled
// before the error is returned.
//
// A URL is where the bank wants to ask the buyer, which it should not.
func (c *Client) Charge(ctx context.Context, s providers.Subscription, req providers.StartRequest) (providers.Started, error) {
	const op = "charge"
	body, err := c.newCharge(s, req)
	if err != nil {
		return providers.Started{}, rejected(op, err)
	}
	o, report, err := c.create(ctx, op, body)
	if err != nil {
		return providers.Started{}, hiding(err, s.Token)
	}
	to, err := c.take(ctx, op, req, o, report)
	to.Report.Raw = without(to.Report.Raw, s.Token)
	return to, hiding(err, s.Token)
}

// newCharge makes the body of a create for a saved card.
func (c *Client) newCharge(s providers.Subscription, req providers.StartRequest) (newOrder, error) {
	var agreed agreement
	known, err := agreed.read(s)
	switch {
	case err != nil:
		return newOrder{}, err
	case !known, s.Token == "":
		return newOrder{}, errors.New("the subscription has no saved card yet: it has to be asked for first")
	case req.Amount != agreed.amount():
		return newOrder{}, agreed.another(req.Amount)
	}
	body, err := c.newOrder(req)
	body.Client.OriginalClient, body.Client.RecurringPaymentMethod = agreed.Client, s.Token
	body.UseScenario, body.MaxPaymentAttempts = recurring, 1
	return body, err
}

// another is the error for an amount that the buyer did not agree to.
func (a agreement) another(amount money.Amount) error {
	return fmt.Errorf("the buyer agreed to %s each time, not to %s: that takes another subscription", a.amount(), amount)
}

// take has the saved card charged for an order that was made for it.
func (c *Client) take(ctx context.Context, op string, req providers.StartRequest, o order, report providers.Report) (providers.Started, error) {
	if report.Outcome != providers.Open {
		return providers.Started{Ref: o.ID, Report: report}, nil
	}
	p := providers.Payment{ID: req.PaymentID, Ref: o.ID, Amount: req.Amount}
	at, err := c.chargeAt(o)
	if err != nil {
		return providers.Started{}, c.takeBack(ctx, op, req, report, err)
	}
	reply, asked := c.do(ctx, providers.Call{Op: op, Method: http.MethodPost, URL: at, Body: []byte("{}")})
	after, err := c.after(ctx, op, p)
	switch {
	case err != nil:
		return providers.Started{}, err
	case asked != nil && after.Outcome == providers.Open:
		return providers.Started{}, c.uncharged(ctx, p, asked)
	case after.Outcome == providers.Open && normal(after.Word) == failed:
		return providers.Started{Ref: o.ID, Report: c.closed(ctx, p, after)}, nil
	default:
		return providers.Started{Ref: o.ID, URL: c.challenge(reply, after), Report: after}, nil
	}
}

// chargeAt is where an order's card is charged. Our key goes there, so it must
// be a place of the base URL, whatever pages are allowed besides.
func (c *Client) chargeAt(o order) (string, error) {
	u, err := url.Parse(string(o.APIDoURL))
	switch {
	case o.APIDoURL == "":
		return "", errors.New("the order has no api_do_url")
	case err != nil, u.Host == "", u.User != nil:
		return "", errors.New("api_do_url is not an absolute address")
	case providers.Origin(u) != providers.Origin(c.base):
		return "", fmt.Errorf("api_do_url is at %.80q, where the key may not go", providers.Origin(u))
	default:
		return string(o.APIDoURL), nil
	}
}

// challenge is where the bank wants to ask the buyer; empty when it does not, or
// at a place that is not allowed.
func (c *Client) challenge(reply providers.Reply, after providers.Report) string {
	var out struct {
		At text `json:"threed_check_url"`
	}
	waits := after.Outcome == providers.Open || after.Outcome == providers.Processing
	if !waits || json.Unmarshal(reply.Body, &out) != nil || c.checkPage(string(out.At)) != nil {
		return ""
	}
	return string(out.At)
}

// uncharged is the error for an order that was not charged, as far as it shows:
// one that the Gate refused to charge is cancelled, so that nobody pays it on
// its page; one whose charge may be under way is left alone.
func (c *Client) uncharged(ctx context.Context, p providers.Payment, asked error) error {
	var e *providers.Error
	if !errors.As(asked, &e) || e.Kind == providers.KindUnavailable {
		return asked
	}
	if after, err := c.Cancel(ctx, p, ""); err != nil || after.Outcome != providers.Cancelled {
		e.Kind = providers.KindUnavailable
	}
	return asked
}

// closed cancels an order whose one attempt failed, where the Gate has not. It
// says how the order stands then, or how it stood.
func (c *Client) closed(ctx context.Context, p providers.Payment, before providers.Report) providers.Report {
	after, err := c.Cancel(ctx, p, "")
	if err != nil {
		return before
	}
	return after
}

// hiding takes a saved card out of what an error keeps.
func hiding(err error, token string) error {
	var e *providers.Error
	if errors.As(err, &e) {
		e.Raw = without(e.Raw, token)
	}
	return err
}

// Resubscribe implements providers.Subscriber. The Gate knows nothing of the
// interval, so nothing is sent: what Charge asks for, and when, is ours. But the
// buyer has agreed to one amount, and another is refused.
func (c *Client) Resubscribe(_ context.Context, s providers.Subscription, req providers.SubscribeRequest) error {
	const op = "resubscribe"
	var agreed agreement
	known, err := agreed.read(s)
	switch {
	case err != nil:
	case !known:
		err = errors.New("the subscription has to be asked for first")
	case req.Amount != agreed.amount():
		err = agreed.another(req.Amount)
	default:
		err = checkSubscribe(req)
	}
	if err != nil {
		return rejected(op, err)
	}
	return nil
}

// Subscription implements providers.Subscriber by the first payment's order and
// the cards that its client has: it is active with a card and pending without
// the first payment. It is cancelled when that payment is, and when the card is
// gone that was there. Paid and without any card it is unknown: the card may not
// be saved yet, or never be.
//
// Without Data the order is looked for by its number.
func (c *Client) Subscription(ctx context.Context, s providers.Subscription) (providers.SubscriptionReport, error) {
	const op = "subscription"
	o, report, agreed, err := c.first(ctx, op, s)
	if err != nil {
		return providers.SubscriptionReport{}, hiding(err, s.Token)
	}
	if o.ID == "" {
		return providers.SubscriptionReport{}, rejected(op, errors.New("there is no order of the first payment"))
	}
	out := providers.SubscriptionReport{
		Subscription: s, Status: begun(report.Outcome), Word: report.Word, HTTPStatus: report.Status, Raw: without(report.Raw, s.Token),
	}
	if out.Subscription.Data, err = agreed.data(); err != nil {
		return providers.SubscriptionReport{}, unmade(op, err)
	}
	if out.Status != providers.SubscriptionActive && s.Token == "" {
		return out, nil
	}
	cards, known, err := c.cards(ctx, op, agreed.Client)
	if err != nil {
		return providers.SubscriptionReport{}, hiding(err, s.Token)
	}
	out.Subscription.Token = pick(cards, s.Token, string(o.Client.RecurringPaymentMethod))
	switch {
	case out.Subscription.Token != "":
		out.Status = providers.SubscriptionActive
	case !known, len(cards) == 0 && s.Token != "":
		out.Status = providers.SubscriptionCanceled
	default:
		out.Status = providers.SubscriptionUnknown
	}
	out.Raw = without(out.Raw, out.Subscription.Token)
	return out, nil
}

// begun is how a subscription stands by its first payment alone.
func begun(first providers.Outcome) providers.SubscriptionStatus {
	switch first {
	case providers.Open, providers.Processing, providers.Authorized:
		return providers.SubscriptionPending
	case providers.Paid:
		return providers.SubscriptionActive
	case providers.Cancelled, providers.Expired, providers.Declined:
		return providers.SubscriptionCanceled
	default:
		return providers.SubscriptionUnknown
	}
}

// first reads the order of the first payment, and what was agreed to with it;
// the zero order when there is certainly none.
func (c *Client) first(ctx context.Context, op string, s providers.Subscription) (order, providers.Report, agreement, error) {
	var agreed agreement
	known, err := agreed.read(s)
	if err != nil {
		return order{}, providers.Report{}, agreed, rejected(op, err)
	}
	if known {
		o, report, err := c.get(ctx, op, providers.Payment{ID: s.PaymentID, Ref: agreed.Ref})
		if of := string(o.Client.OriginalClient); err == nil && of != "" && of != agreed.Client {
			err = unmade(op, errors.New("the order is another client's"))
		}
		return o, report, agreed, err
	}
	o, report, err := c.locate(ctx, op, s.PaymentID)
	if err != nil || o.ID == "" {
		return order{}, providers.Report{}, agreed, err
	}
	client := string(o.Client.OriginalClient)
	if checkRef(client) != nil {
		return order{}, providers.Report{}, agreed, unmade(op, errors.New("the order does not say which client it was made for"))
	}
	return o, report, agreementOf(o.ID, client, report.Amount), nil
}

// card is a saved card as the Gate lists it.
type card struct {
	ID   text        `json:"id"`
	Card cardDetails `json:"card"`
}

// cardDetails is what is used of a saved card's own fields.
type cardDetails struct{ IsDefault flag }

// UnmarshalJSON implements json.Unmarshaler.
func (d *cardDetails) UnmarshalJSON(b []byte) error {
	var in struct {
		IsDefault flag `json:"is_default"`
	}
	*d = cardDetails{}
	if json.Unmarshal(b, &in) == nil {
		*d = cardDetails(in)
	}
	return nil
}

// cards lists the saved cards of a client; known is false when the Gate has no
// such client. The lists themselves are not kept.
func (c *Client) cards(ctx context.Context, op, client string) (all []card, known bool, err error) {
	query := ""
	for range maxPages {
		reply, err := c.do(ctx, providers.Call{Op: op, Method: http.MethodGet, URL: c.cardsAt(client) + query})
		if reply.Status == http.StatusNotFound {
			return nil, false, nil
		}
		if err != nil {
			return nil, false, err
		}
		lines, next, err := readCards(reply.Body, strings.TrimPrefix(query, "?"))
		if err != nil {
			return nil, false, unlisted(op, reply, err)
		}
		all = append(all, lines...)
		if next == "" {
			return all, true, nil
		}
		query = "?" + next
	}
	return nil, false, unmade(op, errors.New("there are too many saved cards"))
}

// readCards reads a page of cards, or a list without the envelope of pages.
func readCards(body []byte, query string) (lines []card, next string, err error) {
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte("[")) {
		err = json.Unmarshal(body, &lines)
	} else {
		lines, next, err = readPage[card](body, query)
	}
	for _, line := range lines {
		if err == nil {
			err = checkRef(string(line.ID))
		}
	}
	return lines, next, err
}

// cardsAt is where the cards of a client are.
func (c *Client) cardsAt(client string) string {
	return c.address(clientsPath) + url.PathEscape(client) + "/payment_methods/"
}

// pick is the card to charge: the one that we had, the one that the order names,
// the default, or the only one. Of several others none is guessed.
func pick(cards []card, token, named string) string {
	for _, want := range []func(card) bool{
		func(one card) bool { return string(one.ID) == token },
		func(one card) bool { return string(one.ID) == named },
		func(one card) bool { return bool(one.Card.IsDefault) },
		func(card) bool { return len(cards) == 1 },
	} {
		if at := slices.IndexFunc(cards, want); at >= 0 {
			return string(cards[at].ID)
		}
	}
	return ""
}

// Unsubscribe implements providers.Subscriber by deleting every card that was
// saved for the subscription, which may be repeated. A first payment that is
// still open must be cancelled besides, or its card is saved later.
func (c *Client) Unsubscribe(ctx context.Context, s providers.Subscription) error {
	const op = "unsubscribe"
	var agreed agreement
	known, err := agreed.read(s)
	switch {
	case err != nil:
		return rejected(op, err)
	case !known:
		o, _, found, err := c.first(ctx, op, s)
		if err != nil || o.ID == "" {
			return hiding(err, s.Token)
		}
		agreed = found
	}
	cards, _, err := c.cards(ctx, op, agreed.Client)
	if err != nil {
		return hiding(err, s.Token)
	}
	for _, one := range cards {
		id := string(one.ID)
		at := c.cardsAt(agreed.Client) + url.PathEscape(id) + "/"
		reply, err := c.do(ctx, providers.Call{Op: op, Method: http.MethodDelete, URL: at, Repeatable: true})
		if err != nil && reply.Status != http.StatusNotFound {
			return hiding(hiding(err, s.Token), id)
		}
	}
	return nil
}
