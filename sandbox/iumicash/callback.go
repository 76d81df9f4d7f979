package iumicash

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"till/sandbox/world"
)

const (
	// maxBackoff and its exponent are the documents' typical maximum_backoff.
	maxBackoff       = 1 << backoffDoublings // seconds
	backoffDoublings = 22
	signatureHeader  = "iumicash-signature" // sent in lower case, as written in the documents
	callbackPad      = 2 << 20              // bytes
	anotherKey       = "not the client secret"
)

// Sign returns the signature of a callback's body: the lower-case hex
// HMAC-SHA256 with the client secret as the key.
func Sign(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// letter is a callback before it is handed to the post office. What a fault
// does to it, it does here.
type letter struct {
	shown  wireOrder
	pad    int
	sign   func(body []byte) string // nil: no signature
	faults []string
}

// callback tells the shop about an order after a decision, as far as the faults
// let it. The caller does not have the lock. That the buyer's browser goes away
// meanwhile changes nothing.
func (p *Provider) callback(ctx context.Context, o *order, next sequel) {
	if next.tell == "" {
		return
	}
	ctx = context.WithoutCancel(ctx)
	refs := []string{o.id, o.request.ExternalID}
	first := p.letter(o, next.tell)
	for _, f := range p.faults.letters {
		if rule, ok := p.world.Faults.Take(Name, f.Name, "", refs...); ok {
			f.change(rule, &first)
			first.faults = append(first.faults, f.Name)
		}
	}
	plan, struck := p.world.Faults.Plan(Name, p.faults.post, refs...)
	first.faults = append(first.faults, struck...)
	sent := p.world.Post.Send(ctx, p.message(o, first), plan)

	after := sent[0].ID
	for _, f := range p.faults.sequels {
		rule, ok := p.world.Faults.Take(Name, f.Name, "", refs...)
		if !ok {
			continue
		}
		for _, status := range f.statuses {
			if l := p.letter(o, status); l.shown.ID != "" && status != next.tell {
				l.faults = []string{f.Name}
				after = p.world.Post.SendAfter(after, p.message(o, l), time.Duration(rule.Delay)).ID
			}
		}
	}
	if next.later > 0 {
		p.world.Clock.After(next.later, func(ctx context.Context) { p.completeLater(ctx, o) })
	}
}

// completeLater ends an order that has rested at approved, unless something
// else has become of it.
func (p *Provider) completeLater(ctx context.Context, o *order) {
	p.mu.Lock()
	still := o.status == approved
	var next sequel
	if still {
		o.move(p.world.Clock.Now(), completed, "the money arrived")
		next = sequel{tell: o.status}
	}
	p.mu.Unlock()
	p.callback(ctx, o, next)
}

// letter is the truth about a state of the order, well signed. Its order is
// empty when the order never was in that state.
func (p *Provider) letter(o *order, status string) letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	shown, _ := o.at(status)
	return letter{shown: shown, sign: func(body []byte) string { return Sign(p.config.ClientSecret, body) }}
}

func (p *Provider) message(o *order, l letter) world.Message {
	body, _ := json.Marshal(l.shown) // made of texts and numbers
	return world.Message{
		Provider: Name, Order: o.id, External: o.request.ExternalID, What: l.shown.Status, Faults: l.faults,
		URL: o.request.Context.CallbackURL, Body: body, Pad: l.pad,
		Proof: signatureHeader,
		Sign: func(_ time.Time, body []byte) http.Header {
			header := http.Header{"Content-Type": {"application/json"}}
			if l.sign != nil {
				header[signatureHeader] = []string{l.sign(body)}
			}
			return header
		},
		Accepted:  func(status int, answer []byte) bool { return status == http.StatusOK && string(answer) == "OK" },
		Retry:     p.retry,
		Delivered: func() { p.notified(o) },
	}
}

// retry is the wait before retry n, from 0: min(2^n + r, maximum_backoff)
// seconds with r up to one second, so about 1, 2, 4, 8 … It never gives up:
// a maximum of attempts is not documented.
func (p *Provider) retry(delivery string, n int) (time.Duration, bool) {
	unit := p.config.RetryUnit
	if n >= backoffDoublings {
		return maxBackoff * unit, true
	}
	return min((1<<n)*unit+p.world.Jitter(unit, Name, "retry", delivery, n), maxBackoff*unit), true
}

func (p *Provider) notified(o *order) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o.notified = true
}

// Send implements world.Provider.
func (p *Provider) Send(ctx context.Context, ref string, c world.Call) ([]world.Delivery, error) {
	p.mu.Lock()
	o, err := p.find(ref)
	p.mu.Unlock()
	if err != nil {
		return nil, err
	}
	l := p.letter(o, c.Status)
	if l.shown.ID == "" {
		return nil, &world.RefusedError{Says: fmt.Sprintf("the order never was %q", c.Status)}
	}
	var plan world.Plan
	if c.Fault != "" {
		if err := p.spoil(&l, &plan, c); err != nil {
			return nil, err
		}
	}
	return p.world.Post.Send(ctx, p.message(o, l), plan), nil
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
