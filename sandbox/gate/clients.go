package gate

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/sandbox/world"
)

const maxCards = 50 // of one client

// client is a saved customer. The provider's lock guards it.
type client struct {
	id      string
	created int64
	about   object // what the shop wrote of it
	cards   []*savedCard
	deleted bool
}

// savedCard is a card that may be charged without the buyer.
type savedCard struct {
	id       string
	owner    *client
	card     card
	scenario string // what it was saved for
	gone     bool
}

func (c *client) show() object {
	out := maps.Clone(c.about)
	out["type"], out["id"], out["created"] = "client", c.id, c.created
	return out
}

func (s *savedCard) show() object {
	return object{
		"id": s.id, "client": s.owner.id, "merchant": nil, "method_type": "card", "transaction_type": s.scenario, "transaction_uid": nil,
		"card": object{"exp_month": 12, "exp_year": 2030, "is_default": s == s.owner.cards[0]},
	}
}

// scenarios are the kinds of saved cards. OUR CHOICE: what a card is charged for
// has the words of what it is saved for.
func scenarios() []string { return []string{"one-click", "automatic", "recurring"} }

func (p *parser) scenario(field string, raw json.RawMessage) string {
	word := p.text(field, raw)
	if word != "" && !slices.Contains(scenarios(), word) {
		p.complaints.add(field, "invalid_choice", "This is not a valid choice.")
	}
	return word
}

// saving refuses a request about saved cards that lacks a part of it. OUR
// CHOICE: a card is saved for a saved client alone, and charged with both its
// name and what for.
func (p *parser) saving(o newOrder) {
	client, method := o.saved()
	required := func(field string) {
		inner, ok := p.complaints["client"].(complaints)
		if !ok {
			inner = complaints{}
		}
		inner.add(field, "required", "This field is required.")
		p.complaints["client"] = inner
	}
	switch {
	case p.complaints["client"] != nil:
	case client == "" && (o.SetupFuture != "" || o.ForceSave || method != ""):
		required("original_client")
	case method == "" && o.Scenario != "":
		required("recurring_payment_method")
	}
	switch {
	case method != "" && o.Scenario == "" && p.complaints["use_scenario"] == nil:
		p.complaints.add("use_scenario", "required", "This field is required.")
	case o.ForceSave && o.SetupFuture == "" && p.complaints["setup_future_use"] == nil:
		p.complaints.add("setup_future_use", "required", "This field is required.")
	}
}

// checkSaved adds a complaint when a good request names a client or a card that
// is not there.
func (p *Provider) checkSaved(wanted newOrder, wrong complaints) {
	id, method := wanted.saved()
	if id == "" || len(wrong) > 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	missing := ""
	if c, ok := p.clientByID(id); !ok {
		missing = "original_client"
	} else if _, ok := c.cardByID(method); method != "" && !ok {
		missing = "recurring_payment_method"
	}
	if missing != "" {
		wrong["client"] = complaints{missing: []fault{{"Invalid pk - object does not exist.", "does_not_exist"}}}
	}
}

// clientByID is a client that was not deleted. The caller has the lock.
func (p *Provider) clientByID(id string) (*client, bool) {
	c, ok := p.clients.Get(id)
	return c, ok && !c.deleted
}

func (c *client) cardByID(id string) (*savedCard, bool) {
	at := slices.IndexFunc(c.cards, func(s *savedCard) bool { return s.id == id })
	if at < 0 {
		return nil, false
	}
	return c.cards[at], true
}

// forget takes a card away.
func (c *client) forget(s *savedCard) {
	s.gone = true
	c.cards = slices.DeleteFunc(c.cards, func(one *savedCard) bool { return one == s })
}

// newID makes the id of a client or a card. The caller has the lock.
func (p *Provider) newID(kind string) string {
	p.known++
	h := p.world.Hex(32, Name, kind, p.known)
	return fmt.Sprintf("%s-%s-4%s-a%s-%s", h[:8], h[8:12], h[13:16], h[17:20], h[20:])
}

// saveCard saves the card that an order is paid with, where the order asks for
// it. OUR CHOICE: the page has no box to tick, so without force_save_method no
// buyer wants it. The caller has the lock.
func (p *Provider) saveCard(o *order, now time.Time) {
	id, _ := o.request.saved()
	c, ok := p.clientByID(id)
	if !ok || o.request.SetupFuture == "" || !o.request.ForceSave || o.card.pan == "" || len(c.cards) >= maxCards {
		return
	}
	if _, not := p.struck(cardNotSaved, o); not {
		o.note(now, "the card was not saved")
		return
	}
	o.saved = &savedCard{id: p.newID("card"), owner: c, card: o.card, scenario: o.request.SetupFuture}
	c.cards = append(c.cards, o.saved)
	o.note(now, "the card was saved: "+o.saved.scenario)
}

// onForgetCard is the deletion of the saved card in the portal.
func (*Provider) onForgetCard(o *order, now time.Time) []news {
	o.saved.owner.forget(o.saved)
	o.note(now, "the saved card was deleted in the portal")
	return nil
}

// savedFor is the saved card that an order names, as the bank has it now. Its
// body is an empty object. OUR CHOICE. The caller has the lock.
func (p *Provider) savedFor(o *order, body []byte) (card, complaints) {
	fields, ok := readObject(body)
	if !ok {
		return card{}, general("invalid", notObject)
	}
	wrong := complaints{}
	for name := range fields {
		wrong.add(name, "unknown_field", "This field is not known.")
	}
	if len(wrong) > 0 {
		return card{}, wrong
	}
	id, method := o.request.saved()
	owner, ok := p.clientByID(id)
	if !ok {
		return card{}, general("payment_method_not_found", "The saved card is not there any more.")
	}
	saved, ok := owner.cardByID(method)
	if !ok {
		return card{}, general("payment_method_not_found", "The saved card is not there any more.")
	}
	c := saved.card
	c.secure = false // the buyer has been asked when it was saved
	if _, no := p.struck(savedDeclined, o); no {
		c.refusal = "Insufficient funds"
	}
	if _, asks := p.struck(savedChallenged, o); asks {
		c.secure = true
	}
	return c, nil
}

// listClients answers GET /clients/, newest first, with filter_email and
// filter_phone.
func (p *Provider) listClients(r *http.Request, _ string) world.Answer {
	query := r.URL.Query()
	wrong := complaints{}
	for name := range query {
		if !slices.Contains([]string{"filter_email", "filter_phone", "page_size", "cursor"}, name) {
			wrong.add(name, "unknown_field", "This filter is not known.")
		}
	}
	size, from := pageOfList(query.Get("page_size"), query.Get("cursor"), wrong)
	if len(wrong) > 0 {
		return badRequest(wrong)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	found := []object{}
	for c := range p.clients.Newest {
		fits := func(field string) bool {
			return query.Get("filter_"+field) == "" || query.Get("filter_"+field) == c.about[field]
		}
		if !c.deleted && fits("email") && fits("phone") {
			found = append(found, c.show())
		}
	}
	out := object{"next": nil, "previous": nil, "results": found[min(from, len(found)):min(from+size, len(found))]}
	if from+size < len(found) {
		query.Set("cursor", cursor(from+size))
		out["next"] = p.world.Site.Base(r, Name) + APIPath + "/clients/?" + query.Encode()
	}
	return answerJSON(http.StatusOK, out)
}

// pageOfList reads how many lines of a list are asked for, and from where.
func pageOfList(pageSize, place string, wrong complaints) (size, from int) {
	size = defaultPage
	if pageSize != "" {
		n, err := strconv.Atoi(pageSize)
		if err != nil || n < 1 {
			wrong.add("page_size", "invalid", "A valid integer is required.")
		}
		size = min(n, maxPage)
	}
	from, ok := readCursor(place)
	if !ok {
		wrong.add("cursor", "invalid", "Invalid cursor.")
	}
	return size, from
}

// makeClient answers POST /clients/. OUR CHOICE: an address may come twice.
func (p *Provider) makeClient(r *http.Request, _ string) world.Answer {
	body, problem := jsonBody(r)
	if problem != nil {
		return *problem
	}
	about, wrong := readClient(body, object{})
	if len(wrong) > 0 {
		return badRequest(wrong)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c := &client{id: p.newID("client"), created: p.world.Clock.Now().Unix(), about: about}
	p.clients.Put(c.id, c)
	return answerJSON(http.StatusCreated, c.show())
}

// readClient reads a client's fields over those that it has. Other than in an
// order it names no saved client or card.
func readClient(body []byte, had object) (object, complaints) {
	fields, ok := readObject(body)
	if !ok {
		return nil, general("invalid", notObject)
	}
	p := &parser{complaints{}}
	about := maps.Clone(had)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		switch {
		case !slices.Contains(ofClient(), name), name == "original_client", strings.HasPrefix(name, "recurring_"):
			p.complaints.add(name, "unknown_field", "This field is not known.")
		case name != "cc" && name != "bcc" && !strings.HasPrefix(name, "send_to_"): // these are taken as they are
			about[name] = p.text(name, fields[name])
		}
	}
	email, _ := about["email"].(string)
	switch {
	case p.complaints["email"] != nil:
	case email == "":
		p.complaints.add("email", "required", "This field is required.")
	case !strings.Contains(strings.Trim(email, "@"), "@"):
		p.complaints.add("email", "invalid", "Enter a valid email address.")
	}
	return about, p.complaints
}

// onClient answers with what is done to a client.
func (p *Provider) onClient(id string, do func(*client) world.Answer) world.Answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, ok := p.clientByID(id)
	if !ok {
		return notFound()
	}
	return do(c)
}

func (p *Provider) readClient(_ *http.Request, id string) world.Answer {
	return p.onClient(id, func(c *client) world.Answer { return answerJSON(http.StatusOK, c.show()) })
}

// changeClient answers PUT, which brings everything, and PATCH, which brings some.
func (p *Provider) changeClient(r *http.Request, id string) world.Answer {
	body, problem := jsonBody(r)
	if problem != nil {
		return *problem
	}
	return p.onClient(id, func(c *client) world.Answer {
		had := object{}
		if r.Method == http.MethodPatch {
			had = c.about
		}
		about, wrong := readClient(body, had)
		if len(wrong) > 0 {
			return badRequest(wrong)
		}
		c.about = about
		return answerJSON(http.StatusOK, c.show())
	})
}

// removeClient answers DELETE /clients/{id}/. Its cards go with it.
func (p *Provider) removeClient(_ *http.Request, id string) world.Answer {
	return p.onClient(id, func(c *client) world.Answer {
		for _, s := range slices.Clone(c.cards) {
			c.forget(s)
		}
		c.deleted = true
		return world.Answer{Status: http.StatusNoContent}
	})
}

func (p *Provider) listCards(_ *http.Request, id string) world.Answer {
	return p.onClient(id, func(c *client) world.Answer {
		list := []object{}
		for _, s := range c.cards {
			list = append(list, s.show())
		}
		return answerJSON(http.StatusOK, object{"next": nil, "previous": nil, "results": list})
	})
}

// onCard answers with what is done to a saved card.
func (p *Provider) onCard(id string, do func(*savedCard) world.Answer) world.Answer {
	owner, method, _ := strings.Cut(id, "/")
	return p.onClient(owner, func(c *client) world.Answer {
		s, ok := c.cardByID(method)
		if !ok {
			return notFound()
		}
		return do(s)
	})
}

func (p *Provider) readCard(_ *http.Request, id string) world.Answer {
	return p.onCard(id, func(s *savedCard) world.Answer { return answerJSON(http.StatusOK, s.show()) })
}

func (p *Provider) removeCard(_ *http.Request, id string) world.Answer {
	return p.onCard(id, func(s *savedCard) world.Answer {
		s.owner.forget(s)
		return world.Answer{Status: http.StatusNoContent}
	})
}
