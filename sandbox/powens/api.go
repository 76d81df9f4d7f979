package powens

import (
	"encoding/json"
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
	defaultLimit = 100 // of a list; not documented
	maxLimit     = 1000
	capCents     = 1000 // EUR 10.00, which the real sandbox takes at most
)

func answerJSON(status int, v any) world.Answer {
	// Everything answered here is made of texts and numbers and marshals.
	body, _ := json.Marshal(v)
	return world.Answer{Status: status, Type: "application/json", Body: body}
}

// refusal is an answer with the documented error body. The caller may or may
// not have the lock, so the request's id comes from elsewhere.
func (p *Provider) refusal(status int, code, description string) world.Answer {
	return answerJSON(status, map[string]any{
		"code": code, "description": description, "message": nil, "request_id": json.Number(strconv.FormatInt(p.requestID.Add(1), 10)),
	})
}

// invalid answers with all complaints, under the code of the first.
func (p *Provider) invalid(problems []problem) world.Answer {
	code, texts := "invalidValue", make([]string, 0, len(problems))
	for i, one := range problems {
		if i == 0 && one.missing {
			code = "missingParameter"
		}
		texts = append(texts, one.field+" "+one.says)
	}
	return p.refusal(http.StatusBadRequest, code, strings.Join(texts, "; "))
}

func (p *Provider) unauthorised() world.Answer {
	return p.refusal(http.StatusUnauthorized, "unauthorized", "the token is missing, wrong or expired")
}

func (p *Provider) forbidden() world.Answer {
	return p.refusal(http.StatusForbidden, "forbidden", "the token's scope does not cover this")
}

func (p *Provider) noPayment() world.Answer {
	return p.refusal(http.StatusNotFound, "notFound", "there is no such payment")
}

// objectBody reads a body that must be a JSON object and be declared as JSON.
func (p *Provider) objectBody(r *http.Request) (map[string]json.RawMessage, *world.Answer) {
	body, problem := p.jsonBody(r)
	if problem != nil {
		return nil, problem
	}
	fields, err := readObject(body)
	if err != nil {
		a := p.refusal(http.StatusBadRequest, "invalidValue", "the body "+err.Error())
		return nil, &a
	}
	return fields, nil
}

func (p *Provider) jsonBody(r *http.Request) ([]byte, *world.Answer) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		a := p.refusal(http.StatusBadRequest, "invalidValue", "the content type must be application/json")
		return nil, &a
	}
	return p.readBody(r)
}

func (p *Provider) readBody(r *http.Request) ([]byte, *world.Answer) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, &world.Answer{Cut: true} // whoever sent it is gone
	}
	if len(body) > maxBody {
		a := p.refusal(http.StatusBadRequest, "invalidValue", "the body is too large")
		return nil, &a
	}
	return body, nil
}

// create answers POST /payments. It knows no idempotency key: the same request
// twice makes two payments.
func (p *Provider) create(r *http.Request) world.Answer {
	if problem := p.allowed(r); problem != nil {
		return *problem
	}
	body, problem := p.jsonBody(r)
	if problem != nil {
		return *problem
	}
	sensitive, problem := p.showsSensitive(r, "show_sensitive")
	if problem != nil {
		return *problem
	}
	now := p.world.Clock.Now()
	wanted, problems := parsePayment(body, p.config.Currencies, now)
	if len(problems) > 0 {
		return p.invalid(problems)
	}
	p.world.Faults.Meet(Name, "", wanted.State, wanted.Instruction.Amount.String())
	var a world.Answer
	if wanted.Instruction.Amount > capCents {
		if _, capped := p.take(&a, amountCap, "create", wanted.State); capped {
			answer := p.refusal(http.StatusBadRequest, "invalidValue", "instructions[0].amount is over the sandbox's 10 EUR, which cannot be raised")
			answer.External, answer.Faults = wanted.State, a.Faults
			return answer
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.add(wanted, p.world.Site.Base(r, Name), now)
	if _, hides := p.take(&a, noClientState, "create", o.refs()...); hides {
		o.noState = true
	}
	answer := p.answerPayment("create", o, sensitive)
	answer.Faults = append(answer.Faults, a.Faults...)
	return answer
}

// add makes a payment. The caller has the lock.
func (p *Provider) add(wanted newPayment, base string, now time.Time) *payment {
	o := &payment{
		id: p.nextID(), request: wanted, base: base, createdAt: now, connector: wanted.Connector,
		backTo: wanted.RedirectURI, backState: wanted.State,
		toldAmount: wanted.Instruction.Amount, toldCode: wanted.Instruction.Currency, toldIBAN: wanted.Instruction.Beneficiary.Identification,
	}
	if o.request.Instruction.Reference == "" {
		o.request.Instruction.Reference = p.world.Hex(maxReference, Name, "reference", p.made)
	}
	p.world.Faults.Meet(Name, o.id, wanted.State, wanted.Instruction.Amount.String())
	p.expireLater(o)
	o.move(now, created, "", "the shop made the payment")
	if o.request.State != "" {
		p.byState[o.request.State] = o
	}
	if old, forgot := p.payments.Put(o.id, o); forgot {
		old.drop()
		if p.byState[old.request.State] == old {
			delete(p.byState, old.request.State)
		}
	}
	return o
}

// showsSensitive reads the query of a request that knows no other parameter
// than those named: whether it asks for sensitive fields and may.
func (p *Provider) showsSensitive(r *http.Request, known ...string) (bool, *world.Answer) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		a := p.refusal(http.StatusBadRequest, "invalidValue", "the query cannot be read")
		return false, &a
	}
	for name := range query {
		if !slices.Contains(known, name) {
			a := p.refusal(http.StatusBadRequest, "invalidValue", "the query has a parameter that is not known: "+name)
			return false, &a
		}
	}
	wanted, _ := strconv.ParseBool(query.Get("show_sensitive"))
	token, _ := p.service(r)
	may := slices.ContainsFunc(token.scopes, func(s string) bool { return s == scopeSensitive || s == scopeValidate })
	return wanted && may, nil
}

// answerPayment answers 200 with the payment as it is now. The caller has the
// lock.
func (p *Provider) answerPayment(endpoint string, o *payment, sensitive bool) world.Answer {
	var a world.Answer
	answer := answerJSON(http.StatusOK, p.dressed(&a, endpoint, o, sensitive))
	answer.Order, answer.External, answer.Faults = o.id, o.request.State, a.Faults
	return answer
}

// dressed is a payment as one answer shows it, with the faults of answers.
func (p *Provider) dressed(a *world.Answer, endpoint string, o *payment, sensitive bool) wirePayment {
	shown := o.show()
	if sensitive {
		shown.PayerIdentity = o.request.PayerIdentity.shown(true)
	}
	if _, ok := p.take(a, amountsAsText, endpoint, o.refs()...); ok {
		shown = shown.quoted()
	}
	if _, ok := p.take(a, currencyAsText, endpoint, o.refs()...); ok {
		shown.Instructions = slices.Clone(shown.Instructions)
		for i := range shown.Instructions {
			shown.Instructions[i].Currency.quoted = true
		}
	}
	return shown
}

// quoted is the same payment with its amounts as texts.
func (w wirePayment) quoted() wirePayment {
	w.Instructions = slices.Clone(w.Instructions)
	for i := range w.Instructions {
		w.Instructions[i].Amount.quoted = true
	}
	return w
}

// read answers GET /payments/{id}.
func (p *Provider) read(r *http.Request, id string) world.Answer {
	if problem := p.allowed(r, scopeRead); problem != nil {
		return *problem
	}
	sensitive, problem := p.showsSensitive(r, "show_sensitive")
	if problem != nil {
		return *problem
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o, ok := p.payments.Get(id)
	if !ok {
		return p.noPayment()
	}
	return p.answerPayment("read", o, sensitive)
}

// filters are the documented parameters of a list, each with what a payment
// has for it. The sandbox's payments have no bank's id, country or website.
func filters() map[string]func(*payment) string {
	none := func(*payment) string { return "" }
	return map[string]func(*payment) string{
		"state":                      func(o *payment) string { return o.state },
		"error_code":                 func(o *payment) string { return o.code },
		"reference_id":               func(o *payment) string { return o.request.Instruction.Reference },
		"beneficiary_identification": func(o *payment) string { return o.request.Instruction.Beneficiary.Identification },
		"execution_date_type":        func(o *payment) string { return o.request.Instruction.Type },
		"connector_uuid":             func(o *payment) string { return o.connector },
		"payer_identification": func(o *payment) string {
			if o.request.Payer == nil {
				return ""
			}
			return o.request.Payer.Identification
		},
		"bank_payment_id": none, "country": none, "website": none,
	}
}

// list answers GET /payments, oldest first. OUR CHOICE: that order, and
// register_date as the only word for order_by; validate_date is the time of
// the last change.
func (p *Provider) list(r *http.Request) world.Answer {
	if problem := p.allowed(r, scopeRead); problem != nil {
		return *problem
	}
	query, problem := p.listQuery(r)
	if problem != nil {
		return *problem
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []*payment
	for o := range p.payments.Newest {
		if query.wants(o) {
			found = append(found, o)
		}
	}
	if !query.newestFirst {
		slices.Reverse(found)
	}
	found = found[min(query.offset, len(found)):]
	found = found[:min(query.limit, len(found))]
	var a world.Answer
	page := make([]wirePayment, 0, len(found))
	for _, o := range found {
		page = append(page, p.dressed(&a, "list", o, false))
	}
	answer := answerJSON(http.StatusOK, map[string]any{"payments": page})
	answer.Faults = a.Faults
	return answer
}

// listQuery is what a list is asked for.
type listQuery struct {
	equal         map[string]string
	by            string // which date is filtered; empty is none
	from, to      time.Time
	limit, offset int
	newestFirst   bool
}

func (p *Provider) listQuery(r *http.Request) (listQuery, *world.Answer) {
	q := listQuery{equal: map[string]string{}, limit: defaultLimit}
	complain := func(says string) (listQuery, *world.Answer) {
		a := p.refusal(http.StatusBadRequest, "invalidValue", says)
		return q, &a
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return complain("the query cannot be read")
	}
	for name, list := range values {
		value := list[0]
		var good bool
		switch name {
		case "filter":
			q.by, good = value, value == "register_date" || value == "validate_date"
		case "min_date":
			q.from, good = parseDate(value)
		case "max_date":
			q.to, good = parseDate(value)
		case "limit":
			q.limit, err = strconv.Atoi(value)
			good = err == nil && q.limit >= 1 && q.limit <= maxLimit
		case "offset":
			q.offset, err = strconv.Atoi(value)
			good = err == nil && q.offset >= 0
		case "order_by":
			good = value == "register_date"
		case "reverse":
			q.newestFirst, err = strconv.ParseBool(value)
			good = err == nil
		default:
			_, good = filters()[name]
			q.equal[name] = value
		}
		if !good || len(list) > 1 {
			return complain("the query's " + name + " is not known or not as it should be")
		}
	}
	if q.by == "" && (!q.from.IsZero() || !q.to.IsZero()) {
		return complain("min_date and max_date need a filter")
	}
	return q, nil
}

// wants reports whether a payment is asked for.
func (q listQuery) wants(o *payment) bool {
	for name, value := range q.equal {
		if filters()[name](o) != value {
			return false
		}
	}
	at := o.createdAt
	if q.by == "validate_date" {
		at = o.updatedAt
	}
	return q.by == "" || !at.Before(q.from) && (q.to.IsZero() || at.Before(q.to))
}

func parseDate(s string) (time.Time, bool) {
	for _, layout := range []string{dateLayout, zoneless} {
		if at, err := time.Parse(layout, s); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// cancel answers POST and PUT /payments/{id}, of whose bodies the sandbox plays
// the one that asks to cancel. Confirming is automatic; the rest is for those
// who make their own webview.
//
// It is allowed for created, and for pending without an instant instruction.
// OUR CHOICE: anything else is a 409, and nobody is called about what the shop
// did itself.
func (p *Provider) cancel(r *http.Request, id string) world.Answer {
	if problem := p.allowed(r, scopeCancel); problem != nil {
		return *problem
	}
	fields, problem := p.objectBody(r)
	if problem != nil {
		return *problem
	}
	read := &parser{}
	for name := range fields {
		if name != "cancel" && name != "client_redirect_uri" && name != "client_state" {
			read.complain(name, "is not a known field of a cancellation")
		}
	}
	if string(fields["cancel"]) != "true" {
		read.complain("cancel", "must be true")
	}
	back := read.redirect("client_redirect_uri", fields["client_redirect_uri"])
	state := read.text("client_state", fields["client_state"], 0, maxState)
	if len(read.problems) > 0 {
		return p.invalid(read.problems)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o, ok := p.payments.Get(id)
	if !ok {
		return p.noPayment()
	}
	answer := p.cancelled(o, back, state)
	answer.Order, answer.External = o.id, o.request.State
	return answer
}

// cancelled cancels as far as the bank can. The caller has the lock.
func (p *Provider) cancelled(o *payment, back, state string) world.Answer {
	var a world.Answer
	now := p.world.Clock.Now()
	b := p.bank(o)
	waits := o.state == pending && o.request.Instruction.Type != instant
	if o.state != created && !waits {
		return p.refusal(http.StatusConflict, "invalidValue", "the payment is "+o.state+" and cannot be cancelled")
	}
	if _, struck := p.take(&a, cancelUnsupported, "cancel", o.refs()...); struck || waits && b.NoCancel {
		answer := p.refusal(http.StatusBadRequest, "notSupported", "this bank cannot cancel payments")
		answer.Faults = a.Faults
		return answer
	}
	if _, struck := p.take(&a, cancelAsksBuyer, "cancel", o.refs()...); struck || waits && b.AsksToCancel {
		if o.state != pending {
			o.move(now, pending, "", "the bank has to cancel it")
		}
		o.backTo, o.backState = orElse(back, o.backTo), orElse(state, o.backState)
		o.detail, o.validateURI = cancelling, o.base+"/bank/"+o.id+"/"+p.mark(o)
		o.note(now, "the shop asked to cancel, and the buyer has to approve it")
	} else {
		o.move(now, rejected, byClient, "the shop cancelled")
	}
	answer := p.answerPayment("cancel", o, false)
	answer.Faults = append(answer.Faults, a.Faults...)
	return answer
}

// mark makes the address of a cancellation's page one that is not guessed.
func (p *Provider) mark(o *payment) string { return p.world.Hex(24, Name, "cancel", o.id) }

// connectors answers GET /connectors.
func (p *Provider) connectors(r *http.Request) world.Answer {
	if problem := p.allowed(r, scopes()...); problem != nil {
		return *problem
	}
	query := r.URL.Query()
	limit, offset := maxLimit, 0
	for name, target := range map[string]*int{"limit": &limit, "top": &limit, "offset": &offset} {
		if text := query.Get(name); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 || n > maxLimit {
				return p.refusal(http.StatusBadRequest, "invalidValue", name+" is a whole number up to 1000")
			}
			*target = n
		}
	}
	var a world.Answer
	_, flat := p.take(&a, connectorsFlattened, "connectors")
	list := []map[string]any{}
	for i, b := range banks() {
		settings := b.settings()
		if flat {
			settings = flattened(settings)
		}
		list = append(list, map[string]any{
			"id": i + 1, "uuid": b.UUID, "name": b.Name, "slug": nil, "beta": false, "products": []string{"bank", "pay"}, "payment_settings": settings,
		})
	}
	list = append(list, map[string]any{
		"id": len(list) + 1, "uuid": "0f2b1c7e-5a0d-5a53-8e2f-6a1c0b7d4e09", "name": "Épargne du Large", "slug": nil, "beta": false,
		"products": []string{"bank"}, "payment_settings": nil,
	})
	list = list[min(offset, len(list)):]
	answer := answerJSON(http.StatusOK, map[string]any{"connectors": list[:min(limit, len(list))]})
	answer.Faults = a.Faults
	return answer
}
