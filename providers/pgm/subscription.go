package pgm

import (
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

const maxToken = 1024 // characters of a subscription's token

// subscriptionInfo says how often is paid, or by which agreement.
type subscriptionInfo struct {
	Interval      string `json:"interval,omitempty"`
	IntervalCount int    `json:"intervalCount,omitempty"`
	ExpiresAfter  int    `json:"expiresAfter,omitempty"` // payments at most; 0 is without end
	Token         string `json:"token,omitempty"`
}

// newSubscription is the body of schedule, start, update and pay. Unlike that of
// a single payment it has no addresses to come back to.
type newSubscription struct {
	Amount            int64            `json:"amount"` // minor units
	Currency          money.Currency   `json:"currency"`
	ShopTransactionID string           `json:"shopTransactionId"`
	Info              subscriptionInfo `json:"subscriptionInfo"`
	ProviderData      map[string]any   `json:"providerData,omitempty"`
}

// subscriptionAnswer is the answer of a subscription's status, and of update.
type subscriptionAnswer struct {
	Status text  `json:"status"`
	Result text  `json:"result"`
	Token  ident `json:"subscriptionToken"`
}

// agreement is what Subscription.Data holds: what else names a subscription, and
// who takes the money.
type agreement struct {
	Payment   string `json:"payment"` // the provider's id of the first payment
	Automatic bool   `json:"automatic,omitempty"`
}

func (a agreement) save() json.RawMessage {
	data, err := json.Marshal(a)
	if err != nil {
		return nil
	}
	return data
}

// agreed reads an agreement; ok is false when there is none.
func agreed(data json.RawMessage) (a agreement, ok bool) {
	if len(data) == 0 || json.Unmarshal(data, &a) != nil {
		return agreement{}, false
	}
	return a, true
}

// Subscribe implements providers.Subscriber with schedule where the service
// takes the money itself, else with start. There is no idempotency key, so that
// either is sent once.
//
// The buyer is sent to a page where the answer has one. The token is empty until
// Subscription has been asked where it comes into being on that page, as
// Stripe's does.
func (c *Client) Subscribe(ctx context.Context, req providers.SubscribeRequest) (providers.Started, providers.Subscription, error) {
	const op = "subscribe"
	way, body, err := c.newSubscription(req)
	if err != nil {
		return providers.Started{}, providers.Subscription{}, rejected(op, err)
	}
	verb := "start"
	if req.Automatic {
		verb = "schedule"
	}
	reply, err := c.do(ctx, providers.Call{
		Op: op, Method: http.MethodPost, URL: c.address(way.Provider, way.Method, "subscription", verb), Body: body,
	})
	if err != nil {
		return providers.Started{}, providers.Subscription{}, err
	}
	to, token, err := c.started(op, way, reply)
	if err != nil {
		return providers.Started{}, providers.Subscription{}, err
	}
	return to, providers.Subscription{
		Token: token, PaymentID: req.PaymentID, Method: way.String(), Data: agreement{Payment: to.Ref, Automatic: req.Automatic}.save(),
	}, nil
}

// Subscribes reports whether Subscribe can be asked with a method. It is no part
// of the contract, as Links.
func (c *Client) Subscribes(method string, automatic bool) bool {
	way, ok := c.offered(method)
	return ok && checkSubscribe(way, automatic) == nil
}

// checkSubscribe says why a choice has no subscriptions of a kind. A service
// that no page describes is asked.
func checkSubscribe(way choice, automatic bool) error {
	s, known := services()[way.Provider]
	kind, methods := "that are charged by us", s.starts
	if automatic {
		kind, methods = "that it charges itself", s.schedules
	}
	switch {
	case !known, slices.Contains(methods, way.Method):
		return nil
	case s.startNeeds != "" && !automatic:
		return fmt.Errorf("%s cannot be subscribed to: it needs %s", way, s.startNeeds)
	default:
		return fmt.Errorf("%s has no subscriptions %s", way, kind)
	}
}

// newSubscription makes the body of a schedule or a start, or says why it would
// not be taken.
func (c *Client) newSubscription(req providers.SubscribeRequest) (choice, []byte, error) {
	way, ok := c.offered(req.Method)
	if !ok {
		return choice{}, nil, fmt.Errorf("%.80q is not one of PGM_METHODS", req.Method)
	}
	if err := errors.Join(checkSubscribe(way, req.Automatic), checkOne(req.StartRequest)); err != nil {
		return choice{}, nil, err
	}
	info, err := period(way, req)
	if err != nil {
		return choice{}, nil, err
	}
	out := newSubscription{Amount: req.Amount.Minor, Currency: req.Amount.Currency, ShopTransactionID: req.PaymentID, Info: info}
	if data := services()[way.Provider].agree; data != nil {
		out.ProviderData = data(req.StartRequest)
	}
	body, err := json.Marshal(out)
	return way, body, err
}

// period says how often is paid in the service's words: some know but one unit,
// in which weeks are seven days, and years twelve months.
func period(way choice, req providers.SubscribeRequest) (subscriptionInfo, error) {
	units := map[providers.Interval]string{
		providers.Day: "DAY", providers.Week: "WEEK", providers.Month: "MONTH", providers.Year: "YEAR",
	}
	unit, ok := units[req.Unit]
	switch {
	case !ok:
		return subscriptionInfo{}, fmt.Errorf("%.20q is no interval", string(req.Unit))
	case req.Count < 1 || req.Count > maxCount:
		return subscriptionInfo{}, fmt.Errorf("%d is no number of intervals", req.Count)
	case req.Times < 0:
		return subscriptionInfo{}, errors.New("the number of payments is below zero")
	}
	info := subscriptionInfo{Interval: unit, IntervalCount: req.Count, ExpiresAfter: req.Times}
	s := services()[way.Provider]
	switch {
	case s.interval == "" || s.interval == unit:
		return info, nil
	case s.interval == "DAY" && req.Unit == providers.Week:
		info.IntervalCount *= 7
	case s.interval == "MONTH" && req.Unit == providers.Year:
		info.IntervalCount *= 12
	default:
		return subscriptionInfo{}, fmt.Errorf("%s counts in intervals of a %s only", s.label, strings.ToLower(s.interval))
	}
	info.Interval = s.interval
	return info, nil
}

// Charge implements providers.Subscriber. It is sent once, as Start is. A
// subscription that the service charges itself is refused, because the buyer
// would pay twice.
func (c *Client) Charge(ctx context.Context, s providers.Subscription, req providers.StartRequest) (providers.Started, error) {
	const op = "charge"
	way, err := ofSubscription(s)
	if err == nil {
		err = errors.Join(checkSubscribe(way, false), checkOne(req))
	}
	if a, _ := agreed(s.Data); err == nil && a.Automatic {
		err = errors.New("this subscription is charged by the service itself")
	}
	if err != nil {
		return providers.Started{}, rejected(op, err)
	}
	if s.Token, err = c.token(ctx, op, way, s); err != nil {
		return providers.Started{}, err
	}
	body, err := json.Marshal(newSubscription{
		Amount: req.Amount.Minor, Currency: req.Amount.Currency, ShopTransactionID: req.PaymentID, Info: subscriptionInfo{Token: s.Token},
	})
	if err != nil {
		return providers.Started{}, rejected(op, err)
	}
	reply, err := c.do(ctx, providers.Call{
		Op: op, Method: http.MethodPost, URL: c.address(way.Provider, way.Method, "subscription", "pay"), Body: body,
	}, s.Token)
	if err != nil {
		return providers.Started{}, err
	}
	to, _, err := c.started(op, way, reply, s.Token)
	return to, err
}

// Resubscribe implements providers.Subscriber with update. It is sent once: a
// KindUnavailable leaves open which of the two agreements holds.
func (c *Client) Resubscribe(ctx context.Context, s providers.Subscription, req providers.SubscribeRequest) error {
	const op = "resubscribe"
	way, err := ofSubscription(s)
	if err != nil {
		return rejected(op, err)
	}
	if req.PaymentID == "" {
		req.PaymentID = s.PaymentID
	}
	info, err := period(way, req)
	if err = errors.Join(err, checkOne(req.StartRequest)); err != nil {
		return rejected(op, err)
	}
	if s.Token, err = c.token(ctx, op, way, s); err != nil {
		return err
	}
	body, err := json.Marshal(newSubscription{
		Amount: req.Amount.Minor, Currency: req.Amount.Currency, ShopTransactionID: req.PaymentID, Info: info,
	})
	if err != nil {
		return rejected(op, err)
	}
	reply, err := c.do(ctx, providers.Call{
		Op: op, Method: http.MethodPost, URL: c.address(way.Provider, "subscription", "update", s.Token), Body: body,
	}, s.Token)
	if err != nil {
		return err
	}
	var out subscriptionAnswer
	if err := json.Unmarshal(reply.Body, &out); err != nil {
		return unusable(op, reply, fmt.Errorf("the answer is no result: %w", err), s.Token)
	}
	switch result := normal(out.Result); {
	case result == resultKO:
		return refused(op, reply, resultKO, nil, s.Token)
	case result != resultOK:
		return unusable(op, reply, errors.New("the answer has no result that we know"), s.Token)
	case out.Token != "" && string(out.Token) != s.Token:
		return unusable(op, reply, errors.New("the answer is about another subscription"), s.Token, string(out.Token))
	}
	return nil
}

// Subscription implements providers.Subscriber. Without a token the first
// payment is asked for it; as long as that has none, the subscription is Pending
// where the payment is PENDING or FAILED, and Word is the payment's.
func (c *Client) Subscription(ctx context.Context, s providers.Subscription) (providers.SubscriptionReport, error) {
	const op = "subscription"
	way, err := ofSubscription(s)
	if err != nil {
		return providers.SubscriptionReport{}, rejected(op, err)
	}
	if s.Token == "" {
		first, err := c.first(ctx, op, way, s)
		if err != nil || first.Subscription.Token == "" {
			return first, err
		}
		s = first.Subscription
	}
	return c.subscription(ctx, op, way, s)
}

// first asks the first payment what it knows of its subscription: its token, or
// that there is none yet.
func (c *Client) first(ctx context.Context, op string, way choice, s providers.Subscription) (providers.SubscriptionReport, error) {
	a, ok := agreed(s.Data)
	if !ok || checkRef(a.Payment) != nil || s.PaymentID == "" {
		return providers.SubscriptionReport{}, rejected(op, errors.New("neither a token nor a first payment names the subscription"))
	}
	p := providers.Payment{ID: s.PaymentID, Ref: a.Payment}
	reply, err := c.do(ctx, providers.Call{
		Op: op, Method: http.MethodGet, URL: c.about(place{choice: way}, "status", p), Repeatable: true,
	})
	if err != nil {
		return providers.SubscriptionReport{}, err
	}
	told, err := readStatus(reply.Body, p)
	if err != nil {
		return providers.SubscriptionReport{}, unusable(op, reply, err)
	}
	s.Token = told.token()
	report := providers.SubscriptionReport{
		Subscription: s, Status: providers.SubscriptionUnknown, Word: told.word(), HTTPStatus: reply.Status, Raw: kept(reply, s.Token),
	}
	if word := normal(told.Status); told.action() == actionPayment && (word == statusPending || word == statusFailed) {
		report.Status = providers.SubscriptionPending
	}
	return report, nil
}

// subscription asks for the truth about a subscription with a token.
func (c *Client) subscription(ctx context.Context, op string, way choice, s providers.Subscription) (providers.SubscriptionReport, error) {
	if err := checkToken(s.Token); err != nil {
		return providers.SubscriptionReport{}, rejected(op, err)
	}
	reply, err := c.do(ctx, providers.Call{
		Op: op, Method: http.MethodGet, URL: c.address(way.Provider, "subscription", "status", s.Token), Repeatable: true,
	}, s.Token)
	if err != nil {
		return providers.SubscriptionReport{}, err
	}
	var out subscriptionAnswer
	if err := json.Unmarshal(reply.Body, &out); err != nil {
		return providers.SubscriptionReport{}, unusable(op, reply, fmt.Errorf("the answer is no status: %w", err), s.Token)
	}
	switch {
	case out.Status == "":
		return providers.SubscriptionReport{}, unusable(op, reply, errors.New("the answer has no status"), s.Token)
	case out.Token != "" && string(out.Token) != s.Token:
		return providers.SubscriptionReport{}, unusable(op, reply, errors.New("the answer is about another subscription"), s.Token, string(out.Token))
	}
	return providers.SubscriptionReport{
		Subscription: s, Status: subscriptionStatus(normal(out.Status)), Word: string(out.Status), HTTPStatus: reply.Status, Raw: kept(reply, s.Token),
	}, nil
}

// subscriptionStatus puts the status word of a subscription in ours, which are
// the same.
func subscriptionStatus(word string) providers.SubscriptionStatus {
	switch s := providers.SubscriptionStatus(word); s {
	case providers.SubscriptionPending, providers.SubscriptionActive, providers.SubscriptionPastDue,
		providers.SubscriptionExpired, providers.SubscriptionCanceled, providers.SubscriptionUnknown:
		return s
	default:
		return providers.SubscriptionUnknown
	}
}

// Unsubscribe implements providers.Subscriber with expire. The pages differ about
// its verb: DELETE is sent, and POST where there is nothing to DELETE. Sent twice
// it does no more than once.
//
// Whatever is answered besides success, the subscription's status has the last
// word. Where the service has no such operation, one that only Charge takes
// money from is over all the same.
func (c *Client) Unsubscribe(ctx context.Context, s providers.Subscription) error {
	const op = "unsubscribe"
	way, err := ofSubscription(s)
	if err != nil {
		return rejected(op, err)
	}
	if s.Token == "" {
		first, err := c.first(ctx, op, way, s)
		switch {
		case err != nil:
			return asked(err)
		case first.Subscription.Token == "" && normal(text(first.Word)) == statusFailed:
			return nil // it never came about
		}
		s = first.Subscription
	}
	if err := checkToken(s.Token); err != nil {
		return rejected(op, err)
	}
	reply, err := c.expire(ctx, op, way, s)
	if err == nil && expired(reply) {
		return nil
	}
	if err != nil && !saysNo(reply.Status) {
		return err
	}
	if a, ok := agreed(s.Data); err != nil && ok && !a.Automatic && (notOffered(reply.Status) || reply.Status == http.StatusNotFound) {
		return nil
	}
	now, problem := c.subscription(ctx, op, way, s)
	switch {
	case problem == nil && (now.Status == providers.SubscriptionExpired || now.Status == providers.SubscriptionCanceled):
		return nil
	case err != nil:
		return err
	case resultIn(reply) == resultKO:
		return refused(op, reply, resultKO, nil, s.Token)
	default:
		return unusable(op, reply, errors.New("the answer does not say that the subscription is over"), s.Token)
	}
}

// expire sends expire by one verb, and where there is nothing by the other. Of
// two refusals the one that is not about the verb is returned.
func (c *Client) expire(ctx context.Context, op string, way choice, s providers.Subscription) (providers.Reply, error) {
	call := providers.Call{
		Op: op, Method: http.MethodDelete, URL: c.address(way.Provider, "subscription", "expire", s.Token), Repeatable: true,
	}
	if services()[way.Provider].expireNamed {
		call.URL += "?" + url.Values{"shopTransactionId": {s.PaymentID}}.Encode()
	}
	reply, err := c.do(ctx, call, s.Token)
	if reply.Status != http.StatusNotFound && reply.Status != http.StatusMethodNotAllowed {
		return reply, err
	}
	call.Method = http.MethodPost
	if again, problem := c.do(ctx, call, s.Token); again.Status != http.StatusMethodNotAllowed {
		return again, problem
	}
	return reply, err
}

// expired reports whether a 2xx answer of expire, whose body no page describes,
// says that it was done: by OK, or by saying nothing of a result.
func expired(reply providers.Reply) bool {
	if len(strings.TrimSpace(string(reply.Body))) == 0 {
		return true
	}
	result := resultIn(reply)
	return result == resultOK || result == "" && reply.IsJSON() && json.Valid(reply.Body)
}

// resultIn is the result that an answer has; empty when it has none.
func resultIn(reply providers.Reply) string {
	var out subscriptionAnswer
	if json.Unmarshal(reply.Body, &out) != nil {
		return ""
	}
	return normal(out.Result)
}

// saysNo reports whether an answer is a refusal of what was asked, as opposed to
// no answer, wrong credentials or a plea for patience.
func saysNo(status int) bool {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	default:
		return status >= 400 && status < 500 || status == http.StatusNotImplemented
	}
}

// token is a subscription's token, asked for when it is not known yet.
func (c *Client) token(ctx context.Context, op string, way choice, s providers.Subscription) (string, error) {
	if s.Token == "" {
		first, err := c.first(ctx, op, way, s)
		if err != nil {
			return "", asked(err)
		}
		s = first.Subscription
	}
	if err := checkToken(s.Token); err != nil {
		return "", rejected(op, err)
	}
	return s.Token, nil
}

// asked is the error of a question that came before what was to be done: nothing
// was done.
func asked(err error) error {
	var e *providers.Error
	if errors.As(err, &e) && e.Kind == providers.KindUnavailable {
		e.Kind = providers.KindUnreachable
	}
	return err
}

// ofSubscription is where a subscription was made. It need not be on offer any
// more.
func ofSubscription(s providers.Subscription) (choice, error) {
	way, ok := parseChoice(s.Method)
	if !ok {
		return choice{}, errors.New("the subscription's method cannot be one")
	}
	return way, nil
}

// checkToken refuses what can be no token in an address.
func checkToken(token string) error {
	switch {
	case token == "":
		return errors.New("the subscription has no token yet")
	case !isToken(token):
		return errors.New("the subscription's token cannot be one")
	default:
		return nil
	}
}

func isToken(s string) bool {
	return s != "" && len(s) <= maxToken && strings.Trim(s, ".") != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}
