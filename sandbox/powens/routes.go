package powens

import (
	"net/http"
	"slices"
	"strings"

	"till/sandbox/world"
)

// route is one thing that can be asked for.
type route struct {
	method, path string // {id} stands for a payment, {lang} and {mark} for any word
	endpoint     string // its name for faults and in the list of requests; empty: not listed
	answer       func(r *http.Request, id string) world.Answer
}

// allRoutes is the only list of addresses. The webview stands at all three of
// its documented ones, the last for https://webview.powens.com. The payment
// links are those of https://payment-links.powens.com.
func (p *Provider) allRoutes() []route {
	plain := func(answer func(*http.Request) world.Answer) func(*http.Request, string) world.Answer {
		return func(r *http.Request, _ string) world.Answer { return answer(r) }
	}
	routes := []route{
		{"POST", "2.0/auth/token", "token", plain(p.token)},
		{"POST", "2.0/payments", "create", plain(p.create)},
		{"GET", "2.0/payments", "list", plain(p.list)},
		{"GET", "2.0/payments/{id}", "read", p.read},
		{"POST", "2.0/payments/{id}", "cancel", p.cancel},
		{"PUT", "2.0/payments/{id}", "cancel", p.cancel},
		{"POST", "2.0/payments/{id}/scopedtoken", "scopedtoken", p.scopedToken},
		{"GET", "2.0/connectors", "connectors", plain(p.connectors)},
		{"POST", "2.0/webhooks/auth", "webhooks", plain(p.makeKey)},
		{"POST", "api/payment-links", "makelink", plain(p.makeLink)},
		{"GET", "api/payment-links", "listlinks", plain(p.listLinks)},
		{"GET", "api/payment-links/{id}", "readlink", p.readLink},
		{"POST", "api/payment-links/{id}", "revoke", p.revokeLink},
		{"GET", "link/{mark}", "page", plain(p.showLink)},
		{"POST", "link/{mark}", "approve", plain(p.submitLink)},
		{"GET", "bank/{id}/{mark}", "page", p.showCancel},
		{"POST", "bank/{id}/{mark}", "approve", p.submitCancel},
		{"GET", "assets/pay.css", "", plain(p.style)},
	}
	for _, path := range []string{"2.0/auth/webview/payment", "2.0/auth/webview/{lang}/payment", "webview/{lang}/payment"} {
		routes = append(routes,
			route{"GET", path, "page", plain(p.showPage)},
			route{"POST", path, "approve", plain(p.submitPage)})
	}
	return routes
}

// match reports whether an address, taken apart, is the route's, and the
// payment in it.
func (t route) match(parts []string) (id string, ok bool) {
	pattern := strings.Split(t.path, "/")
	if len(pattern) != len(parts) {
		return "", false
	}
	for i, part := range pattern {
		switch {
		case part == "{id}" && parts[i] != "":
			id = parts[i]
		case (part == "{lang}" || part == "{mark}") && parts[i] != "":
		case part != parts[i]:
			return "", false
		}
	}
	return id, true
}

// ServeHTTP implements world.Provider.
func (p *Provider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/"), "/")
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
			if id == "" && (t.endpoint == "page" || t.endpoint == "approve") {
				id = r.URL.Query().Get("payment_id")
			}
			p.door.Serve(w, r, t.endpoint, "", p.names(id), func() world.Answer { return t.answer(r, id) })
			return
		}
		methods = append(methods, t.method)
	}
	p.door.Serve(w, r, "", "", nil, func() world.Answer {
		if len(methods) > 0 {
			a := p.refusal(http.StatusMethodNotAllowed, "methodNotAllowed", "the method is not allowed here")
			a.Header = http.Header{"Allow": {strings.Join(slices.Compact(methods), ", ")}}
			return a
		}
		return p.refusal(http.StatusNotFound, "notFound", "there is nothing at this address")
	})
}

// names are both names of a payment or a link, the one given when it is not known, and
// none when none is given.
func (p *Provider) names(id string) []string {
	if id == "" {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if o, ok := p.payments.Get(id); ok {
		return o.refs()
	}
	if l, ok := p.links.Get(strings.TrimSuffix(id, revokes)); ok {
		return []string{l.id, l.request.RedirectState}
	}
	return []string{id}
}
