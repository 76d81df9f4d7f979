package powens

import (
	"context"
	"errors"
	"time"

	"till/providers"
)

// codeApproval is the code of a subscription that is not over before the buyer
// approves it. It is ours: Powens answers 200.
const codeApproval = "approvalNeeded"

var (
	errTooMany  = errors.New("too many payments for a schedule with an end")
	errBankPays = errors.New("the buyer's bank makes the payments by itself, as they were agreed")
)

// Subscribe implements providers.Subscriber with a periodic payment. The bank
// makes the transfers by itself, so it has to be Automatic, and the first one
// is made tomorrow at the earliest, counted in UTC.
//
// Powens tells one state for all transfers together and none of each: the
// payment stays Processing while they go on, is Paid when the last is made, and
// is Unknown when it ends otherwise after its first day.
func (c *Client) Subscribe(ctx context.Context, req providers.SubscribeRequest) (providers.Started, providers.Subscription, error) {
	const op = "subscribe"
	when, err := c.schedule(req)
	if err != nil {
		return providers.Started{}, providers.Subscription{}, rejected(op, err)
	}
	s, err := c.open(ctx, op, req.StartRequest, when)
	if err != nil {
		return providers.Started{}, providers.Subscription{}, err
	}
	s.Data = c.remember(req.StartRequest, when.Start)
	return s, providers.Subscription{Token: s.Ref, PaymentID: req.PaymentID, Method: req.Method, Data: s.Data}, nil
}

// schedule says when the bank is to pay, or why it cannot.
func (c *Client) schedule(req providers.SubscribeRequest) (schedule, error) {
	frequency, days, months := frequency(req.Unit, req.Count)
	switch {
	case !req.Automatic:
		return schedule{}, errBankPays
	case frequency == "":
		return schedule{}, errors.New("banks do not pay at this interval")
	case req.Times < 0:
		return schedule{}, errors.New("fewer than no payments")
	case req.Times > maxTimes:
		return schedule{}, errTooMany
	}
	first := c.now().UTC().AddDate(0, 0, max(c.days, 1))
	when := schedule{Frequency: frequency, Start: first.Format(dateLayout)}
	if req.Times > 0 {
		n := req.Times - 1
		last := inMonths(first, n*months).AddDate(0, 0, n*days)
		if days != 1 {
			last = last.AddDate(0, 0, grace)
		}
		if last.Year() > maxYear {
			return schedule{}, errTooMany
		}
		when.End = last.Format(dateLayout)
	}
	return when, nil
}

const (
	maxTimes = 10000
	maxYear  = 9999 // that a date has room for
	// grace is how many days after the last payment a schedule ends, where the
	// next is further away: it is not documented whether the end itself counts,
	// and banks do not pay on Sundays.
	grace = 3
)

// frequency is the wire's word for an interval, and its length in days or
// months; empty when there is none.
func frequency(unit providers.Interval, count int) (word string, days, months int) {
	switch unit {
	case providers.Day:
		days = count
	case providers.Week:
		days = count * 7
	case providers.Month:
		months = count
	case providers.Year:
		months = count * 12
	}
	byDays := map[int]string{1: "daily", 7: "weekly", 14: "two-weekly"}
	byMonths := map[int]string{1: "monthly", 2: "two-monthly", 3: "quarterly", 4: "four-monthly", 6: "semiannually", 12: "yearly"}
	if days != 0 {
		return byDays[days], days, 0
	}
	return byMonths[months], 0, months
}

// inMonths is the same day some months later, or the last one of a month that
// is too short.
func inMonths(day time.Time, months int) time.Time {
	first := time.Date(day.Year(), day.Month(), 1, 0, 0, 0, 0, time.UTC).AddDate(0, months, 0)
	return first.AddDate(0, 0, min(day.Day(), first.AddDate(0, 1, -1).Day())-1)
}

// Charge implements providers.Subscriber. There is no such thing: only the bank
// makes the payments.
func (*Client) Charge(context.Context, providers.Subscription, providers.StartRequest) (providers.Started, error) {
	return providers.Started{}, rejected("charge", errBankPays)
}

// Resubscribe implements providers.Subscriber. There is no such thing: another
// amount or interval is another subscription, to which the buyer has to agree.
func (*Client) Resubscribe(context.Context, providers.Subscription, providers.SubscribeRequest) error {
	return rejected("resubscribe", errBankPays)
}

// Subscription implements providers.Subscriber with GET /payments/{id}. Without
// a token it is looked for by its first payment.
func (c *Client) Subscription(ctx context.Context, s providers.Subscription) (providers.SubscriptionReport, error) {
	const op = "subscription"
	if s.Token == "" {
		ref, err := c.search(ctx, op, s.PaymentID, time.Time{})
		if err == nil && ref == "" {
			err = rejected(op, errors.New("there is no such payment"))
		}
		if err != nil {
			return providers.SubscriptionReport{}, err
		}
		s.Token = ref
	}
	p, report, err := c.lookup(ctx, op, c.expected(ofSubscription(s)))
	if err != nil {
		return providers.SubscriptionReport{}, err
	}
	return providers.SubscriptionReport{
		Subscription: s, Status: c.standing(p), Word: report.Word, HTTPStatus: report.Status, Raw: report.Raw,
	}, nil
}

// ofSubscription is a subscription's one payment at Powens.
func ofSubscription(s providers.Subscription) providers.Payment {
	return providers.Payment{ID: s.PaymentID, Ref: s.Token, Data: s.Data}
}

// standing puts the state of a periodic payment in our words. Of one that has
// expired nothing more will be heard, and the bank may pay on; unless no bank
// was ever chosen.
func (c *Client) standing(p payment) providers.SubscriptionStatus {
	switch normal(p.State) {
	case stateCreated, stateValidating:
		return providers.SubscriptionPending
	case statePending:
		return providers.SubscriptionActive
	case stateAccepted:
		if c.accepted == Paid {
			return providers.SubscriptionActive
		}
		return providers.SubscriptionUnknown
	case stateDone:
		return providers.SubscriptionExpired
	case stateRejected:
		return providers.SubscriptionCanceled
	case stateExpired:
		if string(p.Connector) == "null" {
			return providers.SubscriptionCanceled
		}
		return providers.SubscriptionUnknown
	default:
		return providers.SubscriptionUnknown
	}
}

// Unsubscribe implements providers.Subscriber by cancelling the periodic
// payment. The error is of KindRejected when that is not enough: the bank
// cannot, or has said its last word, or the buyer has to approve it first, with
// the code approvalNeeded; Approval is where.
func (c *Client) Unsubscribe(ctx context.Context, s providers.Subscription) error {
	const op = "unsubscribe"
	of := ofSubscription(s)
	p, _, err := c.cancel(ctx, op, of, c.expected(of))
	if err != nil {
		return err
	}
	switch standing := c.standing(p); {
	case standing == providers.SubscriptionCanceled, standing == providers.SubscriptionExpired:
		return nil
	case p.cancelling():
		e := rejected(op, errors.New("the buyer has to approve it at the bank"))
		e.Code = codeApproval
		return e
	case p.ended():
		return rejected(op, errors.New("nothing more is heard of it: only the buyer can end it, at the bank"))
	default:
		return &providers.Error{Provider: name, Op: op, Kind: providers.KindUnavailable, Err: errors.New("it was asked to end and has not")}
	}
}
