package gate

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/sandbox/world"
)

const (
	defaultPage = 20  // orders on a page of a list
	maxPage     = 100 // the same
)

func answerJSON(status int, v any) world.Answer {
	// Everything answered here is made of texts and numbers and marshals.
	body, _ := json.Marshal(v)
	return world.Answer{Status: status, Type: "application/json", Body: body}
}

func badRequest(c complaints) world.Answer { return answerJSON(http.StatusBadRequest, c) }

func notFound() world.Answer {
	return answerJSON(http.StatusNotFound, general("not_found", "Not found."))
}

func notPermitted(what string) complaints {
	return general("action_not_permitted", "This action is not permitted for an order that is "+what+".")
}

func unauthorised() world.Answer {
	return answerJSON(http.StatusUnauthorized, general("authentication_failed", "Invalid secret key."))
}

// admit lets a caller in who has the key and does not come too often.
func (p *Provider) admit(r *http.Request) *world.Answer {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if scheme != "Bearer" || subtle.ConstantTimeCompare([]byte(key), []byte(p.config.SecretKey)) != 1 {
		a := unauthorised()
		return &a
	}
	if p.config.RatePerMinute == 0 {
		return nil
	}
	now := p.world.Clock.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if now.Sub(p.rate.since) >= minute {
		p.rate = rate{since: now}
	}
	p.rate.n++
	if p.rate.n <= p.config.RatePerMinute {
		return nil
	}
	a := answerJSON(http.StatusTooManyRequests, general("throttled", "Request was throttled."))
	wait := p.rate.since.Add(minute).Sub(now)
	a.Header = http.Header{"Retry-After": {strconv.Itoa(int(wait/time.Second) + 1)}}
	return &a
}

// jsonBody reads a body that must be declared as JSON.
func jsonBody(r *http.Request) ([]byte, *world.Answer) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		a := answerJSON(http.StatusUnsupportedMediaType, general("unsupported_media_type", "Unsupported media type in request."))
		return nil, &a
	}
	return readBody(r)
}

func readBody(r *http.Request) ([]byte, *world.Answer) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, &world.Answer{Cut: true} // whoever sent it is gone
	}
	if len(body) > maxBody {
		a := answerJSON(http.StatusRequestEntityTooLarge, general("too_large", "The body is too large."))
		return nil, &a
	}
	return body, nil
}

// create answers POST /orders/.
func (p *Provider) create(r *http.Request, _ string) world.Answer {
	body, problem := jsonBody(r)
	if problem != nil {
		return *problem
	}
	wanted, wrong := parseOrder(body, p.config.Currencies, p.shopNow())
	p.checkSaved(wanted, wrong)
	size := r.URL.Query().Get("response_type")
	switch size {
	case "":
		size = minimum
	case minimum, standard, full:
	default:
		wrong.add("response_type", "invalid_choice", "This is not a valid choice.")
	}
	if len(wrong) > 0 {
		return badRequest(wrong)
	}
	sum, _ := total(wanted.Products) // parseOrder has seen to it that it fits
	p.world.Faults.Meet(Name, "", wanted.Number, sum.String())
	var a world.Answer
	if _, refused := p.take(&a, numberTaken, "create", wanted.Number); refused {
		answer := badRequest(complaints{"number": []fault{{"An order with this number exists already.", "unique"}}})
		answer.Faults = a.Faults
		return answer
	}
	p.mu.Lock()
	o, told, struck := p.add(wanted, p.world.Site.Base(r, Name))
	answer := p.answerOrder(http.StatusCreated, size, "create", o)
	p.mu.Unlock()
	answer.Faults = append(answer.Faults, struck...)
	p.callback(r.Context(), o, told)
	return answer
}

// shopNow is the time as the shop has it, whose clock is not moved on with the
// sandbox's: a due time is so far away as the shop meant it to be, and comes
// nearer when this clock is moved.
func (p *Provider) shopNow() time.Time { return p.world.Clock.Now().Add(-p.world.Clock.Ahead()) }

// add makes an order. OUR CHOICE: a number may come twice. The caller has the
// lock.
func (p *Provider) add(wanted newOrder, base string) (*order, []news, []string) {
	p.made++
	now := p.world.Clock.Now()
	h := p.world.Hex(32, Name, "order", p.made)
	o := &order{
		id:      fmt.Sprintf("%s-%s-4%s-a%s-%s", h[:8], h[8:12], h[13:16], h[17:20], h[20:]),
		request: wanted, base: base, test: p.config.Test, now: p.world.Clock.Now, createdAt: now, updatedAt: now,
		currency: wanted.Currency, number: wanted.Number,
	}
	o.told = o.total()
	p.world.Faults.Meet(Name, o.id, wanted.Number, o.told.String())
	var struck []string
	for _, f := range p.faults.orders {
		if f.create == nil {
			continue
		}
		if rule, ok := p.struck(f.Name, o); ok {
			f.create(rule, o)
			struck = append(struck, f.Name)
		}
	}
	if wanted.Number != "" {
		p.byNumber[wanted.Number] = o
	}
	if old, forgot := p.orders.Put(o.id, o); forgot && p.byNumber[old.request.Number] == old {
		delete(p.byNumber, old.request.Number)
	}
	told := o.move(now, issued, "order.issued", "the shop made it")
	if wanted.Due > 0 {
		p.watchDue(o, time.Unix(wanted.Due, 0).Sub(p.shopNow()))
	}
	return o, told, struck
}

// answerOrder answers with the order as it is now. The caller has the lock.
func (p *Provider) answerOrder(status int, size, endpoint string, o *order) world.Answer {
	var a world.Answer
	var shown any = o.show(size)
	if _, ok := p.take(&a, amountsAsText, endpoint, o.id, o.request.Number); ok {
		shown = asTexts(shown)
	}
	answer := answerJSON(status, shown)
	answer.Order, answer.External, answer.Faults = o.id, o.request.Number, a.Faults
	return answer
}

// read answers GET /orders/{id}/.
func (p *Provider) read(_ *http.Request, id string) world.Answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, ok := p.byID(id)
	if !ok {
		return notFound()
	}
	o.notified = true
	return p.answerOrder(http.StatusOK, full, "read", o)
}

// remove answers DELETE /orders/{id}/.
func (p *Provider) remove(_ *http.Request, id string) world.Answer {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, ok := p.byID(id)
	if !ok {
		return notFound()
	}
	a := world.Answer{Status: http.StatusNoContent, Order: o.id, External: o.request.Number}
	if !o.receivable() {
		a = badRequest(notPermitted(o.status))
		a.Order, a.External = o.id, o.request.Number
		return a
	}
	o.deleted = true
	return a
}

// list answers GET /orders/: newest first, with quick_search, page_size and
// cursor. OUR CHOICE: the search looks at the number, the e-mail address and
// the start of the id; a line is as long as a standard answer.
func (p *Provider) list(r *http.Request, _ string) world.Answer {
	query := r.URL.Query()
	wrong := complaints{}
	for name := range query {
		if !slices.Contains([]string{"quick_search", "page_size", "cursor"}, name) {
			wrong.add(name, "unknown_field", "This filter is not known.")
		}
	}
	size := defaultPage
	if s := query.Get("page_size"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			wrong.add("page_size", "invalid", "A valid integer is required.")
		}
		size = min(n, maxPage)
	}
	from, ok := readCursor(query.Get("cursor"))
	if !ok {
		wrong.add("cursor", "invalid", "Invalid cursor.")
	}
	if len(wrong) > 0 {
		return badRequest(wrong)
	}
	var a world.Answer
	word := query.Get("quick_search")
	_, blind := p.world.Faults.Take(Name, searchBlind, "list")
	found := p.search(word, blind)
	if blind {
		a.Faults = append(a.Faults, searchBlind)
	}
	page := found[min(from, len(found)):min(from+size, len(found))]
	out := object{"next": nil, "previous": nil, "results": page}
	if from+size < len(found) {
		query.Set("cursor", cursor(from+size))
		out["next"] = p.world.Site.Base(r, Name) + APIPath + "/orders/?" + query.Encode()
	}
	if from > 0 {
		query.Set("cursor", cursor(max(0, from-size)))
		out["previous"] = p.world.Site.Base(r, Name) + APIPath + "/orders/?" + query.Encode()
	}
	answer := answerJSON(http.StatusOK, out)
	answer.Faults = a.Faults
	return answer
}

// search lists the orders that a word is found in, newest first.
func (p *Provider) search(word string, blind bool) []object {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := []object{}
	for o := range p.orders.Newest {
		email, _ := o.request.Client["email"].(string)
		hit := word == "" || strings.Contains(email, word) || !blind && (strings.Contains(o.number, word) || strings.HasPrefix(o.id, word))
		if hit && !o.deleted && !o.late {
			found = append(found, o.show(standard))
		}
	}
	return found
}

// cursor is a place in a list that means nothing to others.
func cursor(from int) string {
	return base64.RawURLEncoding.EncodeToString([]byte("p=" + strconv.Itoa(from)))
}

func readCursor(s string) (int, bool) {
	if s == "" {
		return 0, true
	}
	text, err := base64.RawURLEncoding.DecodeString(s)
	place, ours := strings.CutPrefix(string(text), "p=")
	n, bad := strconv.Atoi(place)
	return n, err == nil && ours && bad == nil && n >= 0
}

// part is what a capture or a refund asks for.
type part struct {
	amount cents
	given  bool
}

// result is what came of an action: news, or why not.
type result struct {
	told  []news
	wrong complaints
}

// action is something that can be done to one order.
type action struct {
	endpoint, id string
	takes        bool // an amount
	do           func(*order, part) (result, bool)
}

// act does something to an order and answers with the order. OUR CHOICE for the
// answer, as no page describes it, and that an empty object is no body too.
func (p *Provider) act(r *http.Request, what action) world.Answer {
	asked, problem := readPart(r, what.takes)
	if problem != nil {
		return *problem
	}
	p.mu.Lock()
	o, ok := p.byID(what.id)
	if !ok {
		p.mu.Unlock()
		return notFound()
	}
	res, done := what.do(o, asked)
	var a world.Answer
	switch {
	case done:
		a = p.answerOrder(http.StatusOK, full, what.endpoint, o)
	case res.wrong != nil:
		a = badRequest(res.wrong)
	default:
		a = badRequest(notPermitted(o.status))
	}
	a.Order, a.External = o.id, o.request.Number
	p.mu.Unlock()
	p.callback(r.Context(), o, res.told)
	return a
}

// readPart reads the body of an action. A reason is taken and not used.
func readPart(r *http.Request, takes bool) (part, *world.Answer) {
	body, problem := readBody(r)
	if problem != nil {
		return part{}, problem
	}
	fields, ok := readObject(body)
	if len(strings.TrimSpace(string(body))) == 0 {
		fields, ok = nil, true
	}
	if !ok {
		a := badRequest(general("invalid", notObject))
		return part{}, &a
	}
	p := &parser{complaints{}}
	asked := part{amount: p.cents("amount", fields["amount"], false), given: !missing(fields["amount"])}
	for name := range fields {
		if !takes || name != "amount" && name != "reason" {
			p.complaints.add(name, "unknown_field", "This field is not known.")
		}
	}
	if len(p.complaints) > 0 {
		a := badRequest(p.complaints)
		return part{}, &a
	}
	return asked, nil
}

func (p *Provider) capture(o *order, asked part) (result, bool) {
	if o.status != hold {
		return result{}, false
	}
	if _, refused := p.struck(captureRefused, o); refused {
		return result{wrong: general("capture_failed", "The acquirer refused to capture.")}, false
	}
	amount := o.total()
	if asked.given {
		amount = asked.amount
	}
	if amount > o.total() {
		return tooMuch(o.total()), false
	}
	return result{told: p.onCapture(o, amount, p.world.Clock.Now())}, true
}

func (p *Provider) cancel(o *order, _ part) (result, bool) {
	if !o.cancellable() {
		return result{}, false
	}
	if _, refused := p.struck(cancelRefused, o); refused {
		return result{wrong: general("cancel_failed", "The acquirer refused to cancel.")}, false
	}
	return result{told: p.onCancel(o, p.world.Clock.Now())}, true
}

func (p *Provider) refund(o *order, asked part) (result, bool) {
	if !o.refundable() {
		return result{}, false
	}
	amount := o.left()
	if asked.given {
		amount = asked.amount
	}
	if amount > o.left() {
		return tooMuch(o.left()), false
	}
	now := p.world.Clock.Now()
	if _, refused := p.struck(refundRefused, o); refused {
		return result{
			told:  o.tell(now, "order.refund_init_failure", "a refund of "+amount.String()+" was refused"),
			wrong: general("refund_failed", "The acquirer refused to refund."),
		}, false
	}
	return result{told: p.onRefund(o, amount, now)}, true
}

func tooMuch(most cents) result {
	return result{wrong: complaints{"amount": []fault{{"Ensure this value is less than or equal to " + most.String() + ".", "max_value"}}}}
}

func (p *Provider) reverse(o *order, _ part) (result, bool) {
	if !o.reversible() {
		return result{}, false
	}
	now := p.world.Clock.Now()
	if _, refused := p.struck(reversalRefused, o); refused {
		return result{
			told:  o.tell(now, "order.reversal_init_failure", "a reversal was refused"),
			wrong: general("reversal_failed", "The acquirer refused to reverse."),
		}, false
	}
	return result{told: p.onReverse(o, now)}, true
}

func (p *Provider) received(o *order, _ part) (result, bool) {
	if !o.receivable() {
		return result{}, false
	}
	return result{told: p.onReceived(o, p.world.Clock.Now())}, true
}

func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "/" + Name
	}
	return u.Path
}
