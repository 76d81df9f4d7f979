package powens

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"till/sandbox/world"
)

const (
	signatureHeader = "BI-Signature"
	dateHeader      = "BI-Signature-Date"
	dateFormat      = "2006-01-02T15:04:05.000000Z"

	maxTries    = 100 // of a webhook; how often Powens tries is not documented
	callbackPad = 2 << 20
	bombSize    = 8 << 20
	anotherKey  = "not the webhook key"
)

// Sign returns the signature of a webhook: the base64 HMAC-SHA256, with the
// secret key, of POST.endpoint.date.body.
func Sign(key, endpoint, date string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte("POST." + endpoint + "." + date + "."))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// letter is a webhook before it is handed to the post office. What a fault does
// to it, it does here.
type letter struct {
	shown    wirePayment
	pad      int
	key      string
	unsigned bool
	fullURL  bool          // the whole address is signed instead of its path
	undated  bool          // there is no date header
	late     time.Duration // how old the date is
	gzip     bool
	bomb     bool
	faults   []string
}

// callback tells the shop about a payment after a decision, as far as the
// faults let it. The caller does not have the lock. That the buyer's browser
// goes away meanwhile changes nothing.
func (p *Provider) callback(ctx context.Context, o *payment, next sequel) {
	if next.tell == "" {
		return
	}
	ctx = context.WithoutCancel(ctx)
	if next.sendTo != "" || next.plain {
		if _, old := p.world.Faults.Take(Name, oldDomain, "", o.refs()...); old {
			return
		}
	}
	first := p.letter(o, next.tell)
	if next.plain {
		p.world.Post.Send(ctx, p.message(o, first), world.Plan{})
		return
	}
	for _, f := range p.faults.letters {
		if rule, ok := p.world.Faults.Take(Name, f.Name, "", o.refs()...); ok {
			f.change(rule, &first)
			first.faults = append(first.faults, f.Name)
		}
	}
	plan, struck := p.world.Faults.Plan(Name, p.faults.post, o.refs()...)
	first.faults = append(first.faults, struck...)
	sent := p.world.Post.Send(ctx, p.message(o, first), plan)

	after := sent[0].ID
	for _, f := range p.faults.sequels {
		rule, ok := p.world.Faults.Take(Name, f.Name, "", o.refs()...)
		if !ok {
			continue
		}
		for _, state := range f.states {
			if l := p.letter(o, state); l.shown.ID != "" && state != next.tell {
				l.faults = []string{f.Name}
				after = p.world.Post.SendAfter(after, p.message(o, l), time.Duration(rule.Delay)).ID
			}
		}
	}
}

// letter is the truth about a state of the payment, well signed, with a number
// of its own. Its payment is empty when it never was in that state.
func (p *Provider) letter(o *payment, state string) letter {
	p.mu.Lock()
	defer p.mu.Unlock()
	shown, known := o.at(state)
	if !known {
		return letter{}
	}
	p.events++
	shown.Event = json.Number(strconv.Itoa(9000 + p.events))
	return letter{shown: shown, key: p.key}
}

// webhookURL is what is registered for this event.
func (p *Provider) webhookURL(o *payment) string {
	shop := orElse(p.world.Site.ShopURL, origin(o.request.RedirectURI))
	return orElse(p.config.WebhookURL, shop+"/callbacks/"+Name)
}

func (p *Provider) message(o *payment, l letter) world.Message {
	plain, _ := json.Marshal(l.shown) // made of texts and numbers
	address := p.webhookURL(o)
	endpoint := address
	if u, err := url.Parse(address); err == nil && !l.fullURL {
		endpoint = u.Path
	}
	body := plain
	switch {
	case l.bomb:
		body = packed(world.Padded(plain, bombSize))
	case l.gzip:
		body = packed(plain)
	}
	return world.Message{
		Provider: Name, Order: o.id, External: o.request.State, What: l.shown.State, Faults: l.faults,
		URL: address, Body: body, Pad: l.pad, Proof: signatureHeader,
		Sign: func(at time.Time, body []byte) http.Header {
			date := at.Add(-l.late).UTC().Format(dateFormat)
			header := http.Header{"Content-Type": {"application/json"}}
			if l.gzip || l.bomb {
				header["Content-Encoding"] = []string{"gzip"}
				body = plain // OUR CHOICE: what is signed is what comes out
			}
			if !l.undated {
				header[dateHeader] = []string{date}
			}
			if !l.unsigned {
				header[signatureHeader] = []string{Sign(l.key, endpoint, date, body)}
			}
			return header
		},
		Accepted:  func(status int, _ []byte) bool { return status >= 200 && status < 300 },
		Retry:     p.retry,
		Delivered: func() { p.notified(o) },
	}
}

// packed compresses. Writing to memory does not fail.
func packed(body []byte) []byte {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write(body)
	_ = w.Close()
	return out.Bytes()
}

// retry is the wait before the flusher's next run. That it pauses after ten
// failures or two timeouts and goes on at its next run comes to the same for
// one delivery.
func (p *Provider) retry(_ string, n int) (time.Duration, bool) {
	return p.config.FlushEvery, n < maxTries-1
}

func (p *Provider) notified(o *payment) {
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
		return nil, &world.RefusedError{Says: fmt.Sprintf("the payment never was %q", c.Status)}
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
