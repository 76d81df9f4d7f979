package vertex

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"

	"till/sandbox/world"
)

// route is one thing that can be asked for.
type route struct {
	method, path string // {x} stands for any one part
	endpoint     string // its name for faults and in the list of requests; empty: not listed
	answer       func(r *http.Request, part map[string]string) world.Answer
}

// allRoutes is the only list of addresses.
func (p *Provider) allRoutes() []route {
	plain := func(answer func(*http.Request) world.Answer) func(*http.Request, map[string]string) world.Answer {
		return func(r *http.Request, _ map[string]string) world.Answer { return answer(r) }
	}
	act := func(verb string) func(*http.Request, map[string]string) world.Answer {
		return func(r *http.Request, _ map[string]string) world.Answer { return p.act(r, verb) }
	}
	return []route{
		{"GET", "api/v1/shops/{shop}/payment-methods", "methods", p.listMethods},
		{"POST", "api/v1/order", "create", plain(p.create)},
		{"POST", "api/v1/order/cancel", "cancel", act("cancel")},
		{"POST", "api/v1/order/reject", "reject", act("reject")},
		{"POST", "api/v1/order/capture", "capture", act("capture")},
		{"POST", "api/v1/order/refund", "refund", plain(p.refund)},
		{"GET", "api/v1/order/{shop}/{number}", "read", p.read},
		{"GET", "payment", "page", plain(p.showPage)},
		{"POST", "payment", "pay", plain(p.submitPage)},
		{"GET", "assets/pay.css", "", plain(p.style)},
	}
}

// match reports whether an address, taken apart, is the route's, and the parts
// that stand for something.
func (t route) match(parts []string) (map[string]string, bool) {
	pattern := strings.Split(t.path, "/")
	if len(pattern) != len(parts) {
		return nil, false
	}
	found := map[string]string{}
	for i, part := range pattern {
		name, open := strings.CutPrefix(part, "{")
		switch {
		case open && parts[i] != "":
			found[strings.TrimSuffix(name, "}")] = parts[i]
		case part != parts[i]:
			return nil, false
		}
	}
	return found, true
}

// ServeHTTP implements world.Provider.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
	var methods []string
	for _, t := range p.routes {
		part, ok := t.match(parts)
		if !ok {
			continue
		}
		if t.method == r.Method && t.endpoint == "" {
			t.answer(r, part).Write(w)
			return
		}
		if t.method == r.Method {
			p.door.Serve(w, r, t.endpoint, "", p.names(r, t, part), func() world.Answer { return t.answer(r, part) })
			return
		}
		methods = append(methods, t.method)
	}
	p.door.Serve(w, r, "", "", nil, func() world.Answer {
		if len(methods) == 0 {
			return refusal(http.StatusNotFound, "there is nothing at this address")
		}
		a := refusal(http.StatusMethodNotAllowed, "the method is not supported here")
		a.Header = http.Header{"Allow": {strings.Join(slices.Compact(methods), ", ")}}
		return a
	})
}

// names are both names of the order that a request is about, the one given when
// it is not known, and none when none is given. The body is left unread.
func (p *Provider) names(r *http.Request, t route, part map[string]string) []string {
	ref := part["number"]
	switch {
	case t.path == "payment":
		p.mu.Lock()
		defer p.mu.Unlock()
		if o, ok := p.bySession[r.URL.Query().Get("session-id")]; ok {
			return o.names()
		}
		return nil
	case t.method == http.MethodPost:
		ref = numberIn(r)
	}
	if ref == "" {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if o, ok := p.byNumber[ref]; ok {
		return o.names()
	}
	return []string{ref}
}

// numberIn is the order number that stands in a body, wherever the endpoint has
// it; empty when there is none.
func numberIn(r *http.Request) string {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		body = nil
	}
	r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), r.Body))
	var in struct {
		OrderNumber string `json:"orderNumber"`
		Order       struct {
			OrderNumber string `json:"orderNumber"`
		} `json:"order"`
	}
	_ = json.Unmarshal(body, &in) // whatever is wrong with it is the endpoint's to say
	if in.OrderNumber != "" {
		return in.OrderNumber
	}
	return in.Order.OrderNumber
}
