package iumicash

import (
	"net/http"
	"slices"
	"strings"

	"till/sandbox/world"
)

// route is one thing that can be asked for.
type route struct {
	method, path string // {id} stands for an order
	endpoint     string // its name for faults and in the list of requests; empty: not listed
	answer       func(r *http.Request, id string) world.Answer
}

// allRoutes is the only list of addresses.
func (p *Provider) allRoutes() []route {
	plain := func(answer func(*http.Request) world.Answer) func(*http.Request, string) world.Answer {
		return func(r *http.Request, _ string) world.Answer { return answer(r) }
	}
	return []route{
		{"POST", "api/v1/oauth/token", "token", plain(p.token)},
		{"POST", "api/v1/orders", "create", plain(p.create)},
		{"GET", "api/v1/orders/{id}", "read", p.read},
		{"POST", "api/v1/orders/{id}", "read", p.read},
		{"POST", "api/v1/orders/{id}/capture", "capture", p.capture},
		{"POST", "api/v1/orders/{id}/cancel", "cancel", p.cancel},
		{"GET", "checkout/{id}", "page", p.showPage},
		{"POST", "checkout/{id}", "approve", p.submitPage},
		{"POST", "checkout/{id}/login", "login", p.login},
		{"POST", "checkout/{id}/logout", "logout", p.logout},
		{"GET", "assets/pay.css", "", plain(p.style)},
	}
}

// match reports whether an address, taken apart, is the route's, and the order
// in it.
func (t route) match(parts []string) (id string, ok bool) {
	pattern := strings.Split(t.path, "/")
	if len(pattern) != len(parts) {
		return "", false
	}
	for i, part := range pattern {
		switch {
		case part == "{id}" && parts[i] != "":
			id = parts[i]
		case part != parts[i]:
			return "", false
		}
	}
	return id, true
}

// ServeHTTP implements world.Provider. Every address has two spellings, with
// and without the slash at its end, and neither redirects to the other.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.TrimSuffix(strings.TrimPrefix(r.URL.Path, "/"), "/"), "/")
	var methods []string
	for _, t := range p.routes {
		id, ok := t.match(parts)
		if !ok {
			continue
		}
		if t.method == r.Method && t.endpoint == "" {
			t.answer(r, id).Write(w)
			return
		}
		if t.method == r.Method {
			p.serve(w, r, t.endpoint, id, func() world.Answer { return t.answer(r, id) })
			return
		}
		methods = append(methods, t.method)
	}
	p.serve(w, r, "", "", func() world.Answer {
		if len(methods) > 0 {
			return notSupported(slices.Compact(methods)...)
		}
		return refusal(http.StatusNotFound, notFound, "there is nothing at this address")
	})
}

func (p *Provider) serve(w http.ResponseWriter, r *http.Request, endpoint, id string, work func() world.Answer) {
	p.door.Serve(w, r, endpoint, r.Header.Get("RequestId"), p.names(id), work)
}

// names are both names of an order, the one given when it is not known, and
// none when none is given.
func (p *Provider) names(id string) []string {
	if id == "" {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if o, ok := p.orders.Get(id); ok {
		return []string{o.id, o.request.ExternalID}
	}
	return []string{id}
}
