package pgm

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"till/sandbox/world"
)

const (
	maxTries    = 14 // the first one included; the last comes more than an hour after it
	callbackPad = 2 << 20
)

// letter is a notification before it is handed to the post office. What a fault
// does to it, it does here.
type letter struct {
	shown  wireStatus
	v2     bool   // in the spelling of version 2
	raw    []byte // instead of all that; nil is not
	pad    int
	url    string // with a secret as its last part
	faults []string
}

// oldStatus is a notification of version 2.
type oldStatus struct {
	ProviderName      string `json:"providerName"`
	PaymentType       string `json:"paymentType"`
	IsSuccessful      bool   `json:"isSuccessful"`
	ResultDescription string `json:"resultDescription"`
	PaymentID         string `json:"paymentID"`
	ShopTransactionID string `json:"shopTransactionID"`
}

func (l letter) body() []byte {
	var v any = l.shown
	if l.v2 {
		v = oldStatus{
			ProviderName: l.shown.ProviderName, PaymentType: "UNKNOWN", IsSuccessful: l.shown.Status == accepted,
			ResultDescription: "Transaction " + l.shown.Status, PaymentID: l.shown.PaymentID, ShopTransactionID: l.shown.ShopID,
		}
	}
	if l.raw != nil {
		return l.raw
	}
	body, _ := json.Marshal(v) // made of texts
	return body
}

// dueChange is what happens to a payment at its time.
func (p *Provider) dueChange(pay *payment, change func(now time.Time) bool) func(context.Context) {
	return func(ctx context.Context) {
		p.mu.Lock()
		tell := change(p.world.Clock.Now())
		p.follow(pay)
		p.mu.Unlock()
		if tell {
			p.callback(ctx, pay)
		}
	}
}

// callback tells the shop about a payment as it is now, as far as the faults let
// it. The caller does not have the lock. That the buyer's browser goes away
// meanwhile changes nothing.
func (p *Provider) callback(ctx context.Context, pay *payment) {
	if p.callbackURL() == "" {
		return
	}
	ctx = context.WithoutCancel(ctx)
	refs := []string{pay.id, pay.request.ShopID}
	first, _ := p.letter(pay, "")
	told := first.shown.word()
	for _, f := range p.faults.letters {
		if rule, ok := p.world.Faults.Take(Name, f.Name, "", refs...); ok {
			f.change(rule, &first)
			first.faults = append(first.faults, f.Name)
		}
	}
	plan, struck := p.world.Faults.Plan(Name, p.faults.post, refs...)
	first.faults = append(first.faults, struck...)
	after := p.world.Post.Send(ctx, p.message(pay, first), plan)[0].ID
	for _, f := range p.faults.sequels {
		rule, ok := p.world.Faults.Take(Name, f.Name, "", refs...)
		if !ok {
			continue
		}
		for _, word := range f.words(p.past(pay, told)) {
			l, _ := p.letter(pay, word)
			l.faults = []string{f.Name}
			after = p.world.Post.SendAfter(after, p.message(pay, l), time.Duration(rule.Delay)).ID
		}
	}
}

// past lists the states that a payment has been in before this one, the latest
// first.
func (p *Provider) past(pay *payment, now string) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var words []string
	for _, s := range slices.Backward(pay.steps) {
		if w := s.shown.word(); w != now && !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	return words
}

// letter is the truth about a state of the payment; false when it never was in
// that state.
func (p *Provider) letter(pay *payment, word string) (letter, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	shown, ok := pay.at(word)
	return letter{shown: shown, url: p.callbackURL()}, ok
}

// message is a letter ready for the post. Verb, headers, answer and retries are
// not documented. OUR CHOICE: POST, JSON, any 2xx, and a wait that doubles.
func (p *Provider) message(pay *payment, l letter) world.Message {
	return world.Message{
		Provider: Name, Order: pay.id, External: pay.request.ShopID, What: l.shown.word(), Faults: l.faults,
		URL: l.url, Body: l.body(), Pad: l.pad,
		Sign:     func(time.Time, []byte) http.Header { return http.Header{"Content-Type": {"application/json"}} },
		Accepted: func(status int, _ []byte) bool { return status >= 200 && status < 300 },
		Retry:    p.retry,
		Delivered: func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			pay.notified = true
		},
	}
}

// retry is the wait before retry n, from 0: 1, 2, 4, 8 … units and a part of one.
func (p *Provider) retry(delivery string, n int) (time.Duration, bool) {
	unit := p.config.RetryUnit
	if n >= maxTries-1 {
		return 0, false
	}
	return (1<<n)*unit + p.world.Jitter(unit, Name, "retry", delivery, n), true
}

// Send implements world.Provider.
func (p *Provider) Send(ctx context.Context, ref string, c world.Call) ([]world.Delivery, error) {
	p.mu.Lock()
	pay, err := p.find(ref)
	p.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if p.callbackURL() == "" {
		return nil, &world.RefusedError{Says: "the gateway manager has no PAYMENT_CALLBACK_URL"}
	}
	l, ok := p.letter(pay, c.Status)
	if !ok {
		return nil, &world.RefusedError{Says: fmt.Sprintf("the payment never was %q", c.Status)}
	}
	var plan world.Plan
	if c.Fault != "" {
		if err := p.spoil(&l, &plan, c); err != nil {
			return nil, err
		}
	}
	return p.world.Post.Send(ctx, p.message(pay, l), plan), nil
}

// spoil does to one letter what the fault of that name does.
func (p *Provider) spoil(l *letter, plan *world.Plan, c world.Call) error {
	rule, err := p.world.Faults.Check(world.Wish{Provider: Name, Fault: c.Fault, Word: c.Word, Amount: c.Amount})
	if err != nil {
		return err
	}
	letterAt := slices.IndexFunc(p.faults.letters, func(f letterFault) bool { return f.Name == c.Fault })
	postAt := slices.IndexFunc(p.faults.post, func(f world.Callback) bool { return f.Name == c.Fault })
	switch {
	case letterAt >= 0:
		p.faults.letters[letterAt].change(rule, l)
	case postAt >= 0:
		p.faults.post[postAt].Change(rule, plan)
	default:
		return &world.RefusedError{Says: c.Fault + " does nothing to a single callback"}
	}
	l.faults = append(l.faults, c.Fault)
	return nil
}
