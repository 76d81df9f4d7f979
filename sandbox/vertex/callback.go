package vertex

import (
	"context"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"till/sandbox/world"
)

const (
	signatureHeader = "api-notification-sign" // sent in lower case, as written in the documents
	callbackPad     = 2 << 20                 // bytes
	anotherKey      = "not the callback secret"
)

// Sign returns the signature of a callback's body: 128 lower-case hex digits of
// SHA-512. OUR CHOICE: which formula, because the documents' is not known.
func Sign(mode, secret string, body []byte) string {
	if mode == SignConcat {
		h := sha512.New()
		h.Write(body)
		h.Write([]byte(secret))
		return hex.EncodeToString(h.Sum(nil))
	}
	mac := hmac.New(sha512.New, []byte(secret))
	mac.Write(body)
	return hex.EncodeToString(mac.Sum(nil))
}

// letter is a callback before it is handed to the post office. What a fault
// does to it, it does here.
type letter struct {
	shown  wireOrder
	pad    int
	mode   string
	secret string
	change func(signature string) string // nil: as it is
	bare   bool                          // no signature
	faults []string
}

// callback tells the shop about an order whose status has changed, as far as the
// faults let it. The caller does not have the lock. That whoever changed it goes
// away meanwhile changes nothing.
func (p *Provider) callback(ctx context.Context, o *order, next sequel) {
	if !next.tell || p.address(o) == "" {
		return
	}
	ctx = context.WithoutCancel(ctx)
	refs := o.names()
	first := p.letter(o, "")
	told := first.shown.OrderStatus
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
		if !ok || told == inProgress {
			continue
		}
		old := p.letter(o, inProgress)
		old.faults = []string{f.Name}
		after = p.world.Post.SendAfter(after, p.message(o, old), time.Duration(rule.Delay)).ID
	}
}

// address is where callbacks about an order go; empty when nowhere.
func (p *Provider) address(o *order) string {
	if o.request.Settings.WebhookURL != "" {
		return o.request.Settings.WebhookURL
	}
	return p.config.CallbackURL
}

// letter is the truth about a state of the order, well signed. Its order has no
// number when the order never was in that state.
func (p *Provider) letter(o *order, status string) letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	shown, _ := o.seen(status)
	return letter{shown: shown, mode: p.config.SignMode, secret: p.config.CallbackSecret}
}

func (l letter) sign(body []byte) string {
	s := Sign(l.mode, l.secret, body)
	if l.change != nil {
		s = l.change(s)
	}
	return s
}

func (p *Provider) message(o *order, l letter) world.Message {
	body, _ := json.Marshal(envelope{l.shown}) // made of texts and numbers
	return world.Message{
		Provider: Name, Order: o.id, External: o.request.Number, What: l.shown.OrderStatus, Faults: l.faults,
		URL: p.address(o), Body: body, Pad: l.pad, Proof: signatureHeader,
		Sign: func(_ time.Time, body []byte) http.Header {
			header := http.Header{"Content-Type": {"application/json"}}
			if !l.bare {
				header[signatureHeader] = []string{l.sign(body)}
			}
			return header
		},
		Accepted:  func(status int, _ []byte) bool { return status >= 200 && status < 300 },
		Retry:     p.retry,
		Delivered: func() { p.notified(o) },
	}
}

// retry is the wait before retry n, from 0. OUR CHOICE: 1, 5 and 25 s, and then
// no more.
func (p *Provider) retry(_ string, n int) (time.Duration, bool) {
	units := []int{1, 5, 25}
	if n >= len(units) {
		return 0, false
	}
	return time.Duration(units[n]) * p.config.RetryUnit, true
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
	switch {
	case l.shown.OrderNumber == "":
		return nil, &world.RefusedError{Says: fmt.Sprintf("the order never was %q", c.Status)}
	case p.address(o) == "":
		return nil, &world.RefusedError{Says: "the order has no address for callbacks, and the shop has none either"}
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
