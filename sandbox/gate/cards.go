package gate

import (
	"net/http"
	"slices"
	"strings"

	"till/sandbox/world"
)

// card is a test card. No page lists any for this Gate; the first two are those
// of Appla-X's SDK, the others OUR CHOICE.
type card struct {
	key, pan, does string
	refusal        string // what the bank says; empty when it agrees
	secure         bool   // the bank asks the buyer first (3-D Secure)
	slow           bool   // the attempt stays in progress
}

func cards() []card {
	return []card{
		{key: "good", pan: "4111111111111111", does: "works"},
		{key: "secure", pan: "4000000000003220", does: "asks your bank first (3-D Secure)", secure: true},
		{key: "declined", pan: "4000000000000002", does: "the bank declines", refusal: "Do not honour"},
		{key: "funds", pan: "4000000000009995", does: "has too little money", refusal: "Insufficient funds"},
		{key: "slow", pan: "4000000000000077", does: "takes its time", slow: true},
	}
}

// cardOf finds a card by its key.
func cardOf(key string) (card, bool) {
	at := slices.IndexFunc(cards(), func(c card) bool { return c.key == key })
	if at < 0 {
		return card{}, false
	}
	return cards()[at], true
}

// payByServer answers POST to api_do_url: a card's data instead of the page, or
// an empty object for an order that names a saved card. The answer is empty but
// for threed_check_url, when the buyer must go there.
func (p *Provider) payByServer(r *http.Request, id string) world.Answer {
	body, problem := jsonBody(r)
	if problem != nil {
		return *problem
	}
	p.mu.Lock()
	o, ok := p.byID(id)
	switch {
	case !ok:
		p.mu.Unlock()
		return notFound()
	case !o.payable():
		a := badRequest(notPermitted(o.status))
		p.mu.Unlock()
		return a
	}
	c, wrong := p.cardFor(o, body)
	if len(wrong) > 0 {
		p.mu.Unlock()
		return badRequest(wrong)
	}
	told := p.onAttempt(o, c, p.world.Clock.Now())
	out := object{}
	if o.challenge {
		out["threed_check_url"] = o.base + "/checkout/" + o.id + "/3ds/"
	}
	p.mu.Unlock()
	p.callback(r.Context(), o, told)
	a := answerJSON(http.StatusOK, out)
	a.Order, a.External = o.id, o.request.Number
	return a
}

// cardFor is the card that an order is paid with by server. The caller has the
// lock.
func (p *Provider) cardFor(o *order, body []byte) (card, complaints) {
	if _, method := o.request.saved(); method == "" {
		return parseCard(body)
	}
	return p.savedFor(o, body)
}

// parseCard reads a card's data. Of the many optional keys only the documented
// ones are taken; the code's name is csc, and cvv in one doubtful place.
func parseCard(body []byte) (card, complaints) {
	fields, ok := readObject(body)
	if !ok {
		return card{}, general("invalid", notObject)
	}
	p := &parser{complaints{}}
	number := strings.ReplaceAll(p.text("card_number", fields["card_number"]), " ", "")
	for _, name := range []string{"cardholder_name", "card_number", "exp_month", "exp_year"} {
		if missing(fields[name]) {
			p.complaints.add(name, "required", "This field is required.")
		}
	}
	if missing(fields["csc"]) && missing(fields["cvv"]) {
		p.complaints.add("csc", "required", "This field is required.")
	}
	p.whole("exp_month", fields["exp_month"], 1, 12)
	p.whole("exp_year", fields["exp_year"], 2000, 2100)
	for name := range fields {
		if !slices.Contains(ofCard(), name) {
			p.complaints.add(name, "unknown_field", "This field is not known.")
		}
	}
	at := slices.IndexFunc(cards(), func(c card) bool { return c.pan == number })
	if at < 0 && p.complaints["card_number"] == nil {
		p.complaints.add("card_number", "invalid", "This is not one of the test cards.")
	}
	if len(p.complaints) > 0 {
		return card{}, p.complaints
	}
	return cards()[at], nil
}

func ofCard() []string {
	return []string{
		"cardholder_name", "card_number", "exp_month", "exp_year", "csc", "cvv", "ip_address", "save_card", "eci", "cavv", "xid",
		"three_ds_protocol", "three_ds_ds_id", "card_saved_by_merchant", "saved_by_merchant", "initial_transaction_id", "scenario", "cof_trace_id",
	}
}
