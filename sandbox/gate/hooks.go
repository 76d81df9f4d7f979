package gate

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"till/sandbox/world"
)

// hook is a webhook. The provider's lock guards it.
type hook struct {
	id                   string
	title, version, url  string
	isTest, all          bool
	events               []string
	created              int64
	secret, publicKeyPEM string
}

// events are the names that a webhook may ask for: those of the documents'
// list, those that other clients prove, and after the break in the list the
// cousins' and OUR CHOICE.
func events() []string {
	list := []string{
		"order.issued", "order.payment_success", "order.payment_failure", "order.hold", "order.canceled", "order.in_progress",
		"order.invoice_viewed", "order.invoice_refunded", "order.invoice_reversal", "order.refund_failure",
		"order.invoice_refund_reversed", "order.refund_init_failure", "order.reversal_init_failure", "order.reversal_failure",
		"order.refund_in_progress", "order.reversal_in_progress", "order.received", "order.rejected",
		"order.expired", "transfer.withdrawn",
	}
	for _, stage := range disputes() {
		list = append(list, "order."+stage)
	}
	return list
}

func (h *hook) show() object {
	return object{
		"type": "webhook", "id": h.id, "created": h.created, "title": h.title, "version": h.version, "url": h.url,
		"is_test": h.isTest, "all_events": h.all, "events": h.events, "secret": h.secret, "public_key": h.publicKeyPEM,
	}
}

// hears reports whether a webhook is for an event of an order.
func (h *hook) hears(event string, o *order) bool {
	return h.isTest == o.test && (h.all || slices.Contains(h.events, event))
}

func (p *Provider) listHooks(*http.Request, string) world.Answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := []object{}
	for _, h := range p.hooks {
		list = append(list, h.show())
	}
	return answerJSON(http.StatusOK, object{"next": nil, "previous": nil, "results": list})
}

func (p *Provider) makeHook(r *http.Request, _ string) world.Answer {
	body, problem := jsonBody(r)
	if problem != nil {
		return *problem
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	h := &hook{secret: p.config.HookSecret, publicKeyPEM: publicPEM(p.key), created: p.world.Clock.Now().Unix()}
	wrong := h.read(body, true)
	if len(p.hooks) >= maxHooks {
		wrong.add(allFields, "limit", "There are too many webhooks.")
	}
	if len(wrong) > 0 {
		return badRequest(wrong)
	}
	p.hooked++
	h.id = fmt.Sprintf("%s-%d", p.world.Hex(8, Name, "webhook", p.hooked), p.hooked)
	p.hooks = append(p.hooks, h)
	return answerJSON(http.StatusCreated, h.show())
}

// hookAt is where a webhook is, or -1. The caller has the lock.
func (p *Provider) hookAt(id string) int {
	return slices.IndexFunc(p.hooks, func(h *hook) bool { return h.id == id })
}

func (p *Provider) readHook(_ *http.Request, id string) world.Answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.hookAt(id)
	if at < 0 {
		return notFound()
	}
	return answerJSON(http.StatusOK, p.hooks[at].show())
}

// changeHook answers PUT, which brings everything, and PATCH, which brings some.
func (p *Provider) changeHook(r *http.Request, id string) world.Answer {
	body, problem := jsonBody(r)
	if problem != nil {
		return *problem
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.hookAt(id)
	if at < 0 {
		return notFound()
	}
	changed := *p.hooks[at]
	if wrong := changed.read(body, r.Method == http.MethodPut); len(wrong) > 0 {
		return badRequest(wrong)
	}
	p.hooks[at] = &changed
	return answerJSON(http.StatusOK, changed.show())
}

func (p *Provider) removeHook(_ *http.Request, id string) world.Answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.hookAt(id)
	if at < 0 {
		return notFound()
	}
	p.hooks = slices.Delete(p.hooks, at, at+1)
	return world.Answer{Status: http.StatusNoContent}
}

// read takes a webhook's fields from a body: all of them, or those that are
// there. Without a complaint it is either for all events or for some.
func (h *hook) read(body []byte, all bool) complaints {
	fields, ok := readObject(body)
	if !ok {
		return general("invalid", notObject)
	}
	p := &parser{complaints{}}
	has := func(name string) bool { return all || !missing(fields[name]) }
	if has("title") {
		h.title = p.text("title", fields["title"])
	}
	if has("version") {
		h.version = p.text("version", fields["version"])
	}
	if has("url") {
		h.url = p.url("url", fields["url"])
	}
	if has("is_test") {
		h.isTest = p.flag("is_test", fields["is_test"])
	}
	if has("all_events") {
		h.all = p.flag("all_events", fields["all_events"])
	}
	if has("events") {
		h.events = p.events(fields["events"])
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains([]string{"title", "version", "url", "is_test", "all_events", "events"}, name) {
			p.complaints.add(name, "unknown_field", "This field is not known.")
		}
	}
	h.check(p)
	return p.complaints
}

func (h *hook) check(p *parser) {
	if u, err := url.Parse(h.url); p.complaints["url"] == nil && (err != nil || u.Host == "") {
		p.complaints.add("url", "required", "This field is required.")
	}
	if h.title == "" && p.complaints["title"] == nil {
		p.complaints.add("title", "required", "This field is required.")
	}
	if h.version != "v0.6" && h.version != "v0.5" && p.complaints["version"] == nil {
		p.complaints.add("version", "invalid_choice", "This is not a valid choice.")
	}
	if h.all == (len(h.events) > 0) && p.complaints["events"] == nil {
		p.complaints.add(allFields, "invalid", "Either all_events or events must be given.")
	}
}

func (p *parser) events(raw json.RawMessage) []string {
	list := []string{}
	if missing(raw) {
		return list
	}
	if json.Unmarshal(raw, &list) != nil {
		p.complaints.add("events", "not_a_list", "Expected a list of items.")
		return []string{}
	}
	for _, e := range list {
		if !slices.Contains(events(), e) {
			p.complaints.add("events", "invalid_choice", "This is not a valid choice.")
			break
		}
	}
	return list
}
