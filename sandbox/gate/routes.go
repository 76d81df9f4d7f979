package gate

import (
	"net/http"
	"slices"
	"strings"

	"till/sandbox/world"
)

// route is one thing that can be asked for.
type route struct {
	method, path string // {id} stands for an order, a webhook, a client or its card
	endpoint     string // its name for faults and in the list of requests; empty: not listed
	answer       func(r *http.Request, id string) world.Answer
}

// allRoutes is the only list of addresses.
func (p *Provider) allRoutes() []route {
	keyed := func(answer func(*http.Request, string) world.Answer) func(*http.Request, string) world.Answer {
		return func(r *http.Request, id string) world.Answer {
			if problem := p.admit(r); problem != nil {
				return *problem
			}
			return answer(r, id)
		}
	}
	act := func(name string, takes bool, do func(*order, part) (result, bool)) route {
		return route{"POST", "api/v0.6/orders/{id}/" + name, name, keyed(func(r *http.Request, id string) world.Answer {
			return p.act(r, action{name, id, takes, do})
		})}
	}
	const orders, hooks, clients = "api/v0.6/orders", "api/v0.6/webhooks", "api/v0.6/clients"
	return []route{
		{"POST", orders, "create", keyed(p.create)},
		{"GET", orders, "list", keyed(p.list)},
		{"GET", orders + "/{id}", "read", keyed(p.read)},
		{"DELETE", orders + "/{id}", "delete", keyed(p.remove)},
		act("capture", true, p.capture),
		act("cancel", false, p.cancel),
		act("refund", true, p.refund),
		act("reverse", false, p.reverse),
		act("received", false, p.received),
		{"POST", "do/{id}", "do", keyed(p.payByServer)},
		{"GET", clients, "clients", keyed(p.listClients)},
		{"POST", clients, "clients", keyed(p.makeClient)},
		{"GET", clients + "/{id}", "clients", keyed(p.readClient)},
		{"PUT", clients + "/{id}", "clients", keyed(p.changeClient)},
		{"PATCH", clients + "/{id}", "clients", keyed(p.changeClient)},
		{"DELETE", clients + "/{id}", "clients", keyed(p.removeClient)},
		{"GET", clients + "/{id}/payment_methods", "cards", keyed(p.listCards)},
		{"GET", clients + "/{id}/payment_methods/{id}", "cards", keyed(p.readCard)},
		{"DELETE", clients + "/{id}/payment_methods/{id}", "cards", keyed(p.removeCard)},
		{"GET", hooks, "webhooks", keyed(p.listHooks)},
		{"POST", hooks, "webhooks", keyed(p.makeHook)},
		{"GET", hooks + "/{id}", "webhooks", keyed(p.readHook)},
		{"PUT", hooks + "/{id}", "webhooks", keyed(p.changeHook)},
		{"PATCH", hooks + "/{id}", "webhooks", keyed(p.changeHook)},
		{"DELETE", hooks + "/{id}", "webhooks", keyed(p.removeHook)},
		{"GET", "checkout/{id}", "page", p.showPage},
		{"POST", "checkout/{id}", "pay", p.submitPage},
		{"GET", "checkout/{id}/3ds", "page", p.showBank},
		{"POST", "checkout/{id}/3ds", "bank", p.submitBank},
		{"GET", "assets/pay.css", "", func(*http.Request, string) world.Answer { return style() }},
	}
}

// match reports whether an address, taken apart, is the route's, and the id in
// it; two of them have a slash between.
func (t route) match(parts []string) (id string, ok bool) {
	pattern := strings.Split(t.path, "/")
	if len(pattern) != len(parts) {
		return "", false
	}
	for i, part := range pattern {
		switch {
		case part == "{id}" && parts[i] != "" && id == "":
			id = parts[i]
		case part == "{id}" && parts[i] != "":
			id += "/" + parts[i]
		case part != parts[i]:
			return "", false
		}
	}
	return id, true
}

// ServeHTTP implements world.Provider. Every address ends in a slash. OUR
// CHOICE: without one it is the same, and nothing is redirected.
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
		if len(methods) == 0 {
			return notFound()
		}
		a := answerJSON(http.StatusMethodNotAllowed, general("method_not_allowed", "Method not allowed."))
		a.Header = http.Header{"Allow": {strings.Join(slices.Compact(methods), ", ")}}
		return a
	})
}

func (p *Provider) serve(w http.ResponseWriter, r *http.Request, endpoint, id string, work func() world.Answer) {
	p.door.Serve(w, r, endpoint, "", p.names(id), work)
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
		return []string{o.id, o.request.Number}
	}
	return []string{id}
}
