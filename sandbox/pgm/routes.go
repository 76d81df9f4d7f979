package pgm

import (
	"net/http"
	"slices"
	"strings"

	"till/sandbox/world"
)

// call is a request taken apart.
type call struct {
	endpoint string // as faults call it; empty is an address where nothing is
	method   string // the HTTP method that is right there
	provider string
	way      string // the payment method in the address; empty for an external integration
	id       string // the payment in the address of a page, the token in that of a subscription
}

// callOf takes an address apart. OUR CHOICE: with and without /v3 in front are
// the same, since the pages write both.
func callOf(path string) call {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(parts) == 2 && parts[0] == "page" {
		return call{endpoint: "page", id: parts[1]}
	}
	if parts[0] == "v3" {
		parts = parts[1:]
	}
	if slices.Contains(parts, "") {
		return call{}
	}
	switch {
	case len(parts) == 4 && parts[1] == "subscription":
		return ofToken(parts)
	case len(parts) == 4 && parts[2] == "subscription":
		return subscribing(call{provider: parts[0], way: parts[1]}, parts[3])
	case len(parts) == 3 && parts[1] == "subscription":
		return subscribing(call{provider: parts[0]}, parts[2])
	case len(parts) == 3 && parts[2] == "pay":
		return call{endpoint: "pay", method: http.MethodPost, provider: parts[0], way: parts[1]}
	case len(parts) != 2:
		return call{}
	}
	c := call{endpoint: parts[1], provider: parts[0]}
	switch c.endpoint {
	case "pay", "refund":
		c.method = http.MethodPost
	case "pay-by-link":
		c.endpoint, c.method = "pay_by_link", http.MethodPost
	case "status", "check":
		c.method = http.MethodGet
	default:
		return call{}
	}
	return c
}

// subscribing completes a call that takes money. OUR CHOICE: it may lack the
// method, since the pages write both.
func subscribing(c call, verb string) call {
	c.method = http.MethodPost
	switch verb {
	case "schedule", "start":
		c.endpoint = verb
	case "pay":
		c.endpoint = "charge"
	default:
		return call{}
	}
	return c
}

// ofToken is a call about a subscription.
func ofToken(parts []string) call {
	c := call{provider: parts[0], id: parts[3]}
	switch parts[2] {
	case "update":
		c.endpoint, c.method = "update", http.MethodPost
	case "status":
		c.endpoint, c.method = "subscription", http.MethodGet
	case "expire":
		c.endpoint = "expire" // its verb is the service's
	default:
		return call{}
	}
	return c
}

// ServeHTTP implements world.Provider.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := callOf(r.URL.Path)
	switch {
	case r.URL.Path == "/assets/pay.css" && r.Method == http.MethodGet:
		p.style().Write(w)
	case c.endpoint == "page":
		p.servePage(w, r, c.id)
	default:
		p.door.Serve(w, r, c.endpoint, "", p.namesIn(r, c), func() world.Answer { return p.answer(r, c) })
	}
}

func (p *Provider) answer(r *http.Request, c call) world.Answer {
	s, known := p.services[c.provider]
	switch {
	case c.endpoint == "":
		return refusal(http.StatusNotFound, "there is nothing at this address")
	case !p.admitted(r):
		return unauthorised()
	case !known:
		return refusal(http.StatusNotFound, "the provider "+c.provider+" is not enabled")
	case c.endpoint == "pay" && !s.has(c.way), c.way != "" && !s.has(c.way):
		return refusal(http.StatusNotFound, "the provider "+c.provider+" has no such payment method")
	case !s.offers(c):
		return refusal(http.StatusUnprocessableEntity, "the provider "+c.provider+" does not support this operation")
	}
	if c.endpoint == "expire" {
		c.method = s.expireBy
		if a := p.expireMoved(r, c); a != nil {
			return *a
		}
	}
	if r.Method != c.method {
		a := refusal(http.StatusMethodNotAllowed, "the method must be "+c.method)
		a.Header = http.Header{"Allow": {c.method}}
		return a
	}
	switch c.endpoint {
	case "pay":
		return p.pay(r, c.provider, c.way)
	case "pay_by_link":
		return p.payByLink(r, c)
	case "schedule", "start":
		if c.way == "" && !s.external {
			c.way = append(s.schedules, s.starts...)[0]
		}
		return p.subscribe(r, c)
	case "charge":
		return p.charge(r, c)
	case "update", "subscription", "expire":
		return p.subscription(r, c)
	case "refund":
		return p.refund(r, c.provider)
	case "check":
		return p.check(r, c.provider)
	default:
		return p.status(r, c.provider)
	}
}

// expireMoved is what a fault makes of expire; nil when none strikes. Then the
// POST works, whatever the service's own verb is.
func (p *Provider) expireMoved(r *http.Request, c call) *world.Answer {
	var a world.Answer
	if _, ok := p.take(&a, expireNotFound, "expire", p.namesIn(r, c)...); !ok {
		return nil
	}
	if r.Method == http.MethodPost {
		a = p.subscription(r, c)
	} else {
		a = refusal(http.StatusNotFound, "there is nothing at this address")
	}
	a.Faults = append(a.Faults, expireNotFound)
	return &a
}

// namesIn are the names of the payment that a call is about, as far as its
// address says.
func (p *Provider) namesIn(r *http.Request, c call) []string {
	p.mu.Lock()
	sub := p.subs[c.id]
	p.mu.Unlock()
	if sub != nil {
		return []string{sub.first.id, sub.first.request.ShopID}
	}
	return p.names(r.URL.Query().Get("paymentId"))
}

// names are both names of a payment, the one given when it is not known, and
// none when none is given.
func (p *Provider) names(id string) []string {
	if id == "" {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if pay, ok := p.payments.Get(id); ok {
		return []string{pay.id, pay.request.ShopID}
	}
	return []string{id}
}
