package gate

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"till/sandbox/world"
)

const (
	callbackPad = 2 << 20 // bytes
	anotherKey  = "not the webhook's secret"
)

// letter is a callback before it is handed to the post office. What a fault
// does to it, it does here.
type letter struct {
	shown   object // the order, with the event
	status  string
	pad     int
	quoted  bool                // amounts are texts
	address func(string) string // what becomes of the webhook's address
	sign    func(body []byte) http.Header
	faults  []string
}

// quiet reports whether an event is one of those that only lead up to a
// payment. Faults do not strike these on their own, so that one that is set for
// an order waits for what matters.
func quiet(event string) bool {
	return event == "order.issued" || event == "order.invoice_viewed" || event == "order.in_progress"
}

// callback tells the shop's webhooks what has happened to an order, one after
// the other, as far as the faults let it: they strike all that was caused by
// one act. The caller does not have the lock. That the buyer's browser goes
// away meanwhile changes nothing.
func (p *Provider) callback(ctx context.Context, o *order, told []news) {
	if len(told) == 0 {
		return
	}
	ctx = context.WithoutCancel(ctx)
	loud := slices.ContainsFunc(told, func(n news) bool { return !quiet(n.event) })
	refs := []string{o.id, o.request.Number}
	spoil, struck := func(*letter) {}, []string(nil)
	var plan world.Plan
	if loud {
		spoil, struck = p.spoilers(refs)
		var more []string
		plan, more = p.world.Faults.Plan(Name, p.faults.post, refs...)
		struck = append(struck, more...)
	}
	last := p.send(ctx, o, told, plan, spoil, struck)
	if loud {
		p.sequels(o, told[len(told)-1].status, last, refs)
	}
}

// spoilers takes the faults of what stands in a callback that strike now.
func (p *Provider) spoilers(refs []string) (func(*letter), []string) {
	var changes []func(*letter)
	var struck []string
	for _, f := range p.faults.letters {
		if rule, ok := p.world.Faults.Take(Name, f.Name, "", refs...); ok {
			changes = append(changes, func(l *letter) { f.change(rule, l) })
			struck = append(struck, f.Name)
		}
	}
	return func(l *letter) {
		for _, change := range changes {
			change(l)
		}
	}, struck
}

// send hands out the news, to each webhook in their order, and returns the last
// delivery of each.
func (p *Provider) send(ctx context.Context, o *order, told []news, plan world.Plan, spoil func(*letter), struck []string) map[*hook]string {
	last := make(map[*hook]string)
	for _, n := range told {
		for _, h := range p.hearing(n.event, o) {
			l := p.letter(n.event, n.status, n.shown)
			spoil(&l)
			l.faults = struck
			m := p.message(o, h, l)
			if before, ok := last[h]; ok && plan == (world.Plan{}) {
				last[h] = p.world.Post.SendAfter(before, m, 0).ID
				continue
			}
			last[h] = p.world.Post.Send(ctx, m, plan)[0].ID
		}
	}
	return last
}

// sequels sends callbacks about old states after the true one, where a fault
// says so.
func (p *Provider) sequels(o *order, now string, last map[*hook]string, refs []string) {
	for _, f := range p.faults.sequels {
		rule, ok := p.world.Faults.Take(Name, f.Name, "", refs...)
		if !ok {
			continue
		}
		hooks := slices.SortedFunc(maps.Keys(last), func(a, b *hook) int { return strings.Compare(a.id, b.id) })
		for _, h := range hooks {
			after := last[h]
			for _, status := range f.statuses {
				l, was := p.old(o, status)
				if !was || status == now {
					continue
				}
				l.faults = []string{f.Name}
				after = p.world.Post.SendAfter(after, p.message(o, h, l), time.Duration(rule.Delay)).ID
			}
		}
	}
}

// hearing are the webhooks for an event.
func (p *Provider) hearing(event string, o *order) []*hook {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []*hook
	for _, h := range p.hooks {
		if h.hears(event, o) {
			list = append(list, h)
		}
	}
	return list
}

// old is the letter about an earlier state of the order; empty is the present.
func (p *Provider) old(o *order, status string) (letter, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	shown, ok := o.at(status)
	if !ok {
		return letter{}, false
	}
	if status == "" {
		status = o.status
	}
	return p.letter(eventOf(status), status, shown), true
}

// eventOf is the event that goes with a status, as far as one is known.
func eventOf(status string) string {
	known := map[string]string{
		issued: "order.issued", viewed: "order.invoice_viewed", inProgress: "order.in_progress", paid: "order.payment_success",
		failed: "order.payment_failure", hold: "order.hold", cancelled: "order.canceled", rejected: "order.rejected",
		expired: "order.expired", received: "order.received", refundInitiated: "order.refund_in_progress",
		refunded: "order.invoice_refunded", refundFailed: "order.refund_failure", refundReversed: "order.invoice_refund_reversed",
		reversalInitiated: "order.reversal_in_progress", reversed: "order.invoice_reversal", reversalFailed: "order.reversal_failure",
		withdrawn: "transfer.withdrawn",
	}
	if event, ok := known[status]; ok {
		return event
	}
	return "order." + status
}

// letter is the truth about a state of the order, well signed. OUR CHOICE: the
// event stands in the body, beside the fields of the order.
func (p *Provider) letter(event, status string, shown object) letter {
	shown = maps.Clone(shown)
	shown["event_type"] = event
	return letter{
		shown: shown, status: status, address: func(s string) string { return s },
		sign: func(body []byte) http.Header {
			header := http.Header{hmacHeader: {SignHMAC(p.config.HookSecret, body)}}
			if !p.config.NoRSA {
				header[rsaHeader] = []string{SignRSA(p.key, body)}
			}
			return header
		},
	}
}

func (p *Provider) message(o *order, h *hook, l letter) world.Message {
	var content any = l.shown
	if l.quoted {
		content = asTexts(content)
	}
	body, _ := json.Marshal(content) // made of texts and numbers
	// The bytes never change and a signature by RSA costs a millisecond.
	var once sync.Once
	var signed http.Header
	return world.Message{
		Provider: Name, Order: o.id, External: o.request.Number, What: l.status, Faults: l.faults,
		URL: l.address(h.url), Body: body, Pad: l.pad, Proof: hmacHeader,
		Sign: func(_ time.Time, body []byte) http.Header {
			once.Do(func() {
				if l.sign != nil {
					signed = l.sign(body)
				}
			})
			header := http.Header{}
			maps.Copy(header, signed)
			header.Set("Content-Type", "application/json")
			return header
		},
		Accepted:  func(status int, _ []byte) bool { return status >= 200 && status < 300 },
		Retry:     p.retry,
		Delivered: func() { p.notified(o) },
	}
}

// retry is the wait before retry n, from 0. How often the Gate tries is not
// documented. OUR CHOICE: after 1, 5 and 25 seconds, then no more.
func (p *Provider) retry(_ string, n int) (time.Duration, bool) {
	waits := []time.Duration{1, 5, 25}
	if n >= len(waits) {
		return 0, false
	}
	return p.config.RetryUnit * waits[n], true //nolint:durationcheck // a unit times a number
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
	l, was := p.old(o, c.Status)
	if !was {
		return nil, &world.RefusedError{Says: fmt.Sprintf("the order never was %q", c.Status)}
	}
	var plan world.Plan
	if c.Fault != "" {
		if err := p.spoil(&l, &plan, c); err != nil {
			return nil, err
		}
	}
	p.mu.Lock()
	hooks := slices.Clone(p.hooks)
	p.mu.Unlock()
	if len(hooks) == 0 {
		return nil, &world.RefusedError{Says: "the shop has registered no webhook"}
	}
	var sent []world.Delivery
	for _, h := range hooks {
		sent = append(sent, p.world.Post.Send(ctx, p.message(o, h, l), plan)...)
	}
	return sent, nil
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

// elsewhere changes the last part of a webhook's address, where shops put what
// only the Gate knows; an empty word takes it away.
func elsewhere(address, word string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	u.Path = path.Join(path.Dir(strings.TrimSuffix(u.Path, "/")), word)
	return u.String()
}
