package iumicash

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"till/sandbox/world"
)

// The documented error words. The spelling of the last is the documents'.
const (
	invalidRequest = "INVALID_REQUEST"
	invalidAuthz   = "INVALID_AUTHZ"
	notAuthorized  = "NOT_AUTHORIZED"
	notFound       = "RESOURCE_NOT_FOUND"
	methodRefused  = "METHOD_NOT_SUPPORTED"
	unprocessible  = "UNPROCESSIBLE_ENTITY"
)

const (
	maxRequestID = 200 // bytes; the wire sets no limit
	maxKeys      = 50  // RequestIds that are kept of one order; how long is not documented
)

type errorAnswer struct {
	Error       string       `json:"error"`
	Description string       `json:"description"`
	FieldErrors []fieldError `json:"field_errors,omitempty"`
}

func answerJSON(status int, v any) world.Answer {
	// Everything answered here is made of texts and numbers and marshals.
	body, _ := json.Marshal(v)
	return world.Answer{Status: status, Type: "application/json", Body: body}
}

func refusal(status int, word, description string) world.Answer {
	return answerJSON(status, errorAnswer{Error: word, Description: description})
}

func invalid(problems []fieldError) world.Answer {
	return answerJSON(http.StatusBadRequest, errorAnswer{
		Error: invalidRequest, Description: "the request is not valid", FieldErrors: problems,
	})
}

func notSupported(methods ...string) world.Answer {
	a := refusal(http.StatusMethodNotAllowed, methodRefused, "the method is not supported here")
	a.Header = http.Header{"Allow": {strings.Join(methods, ", ")}}
	return a
}

// jsonBody reads a body that must be there and must be declared as JSON.
func jsonBody(r *http.Request) ([]byte, *world.Answer) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		a := refusal(http.StatusBadRequest, invalidRequest, "the content type must be application/json")
		return nil, &a
	}
	return readBody(r)
}

// noBody sees to it that a request that takes nothing brings nothing. OUR
// CHOICE: an empty object is nothing too.
func noBody(r *http.Request) *world.Answer {
	body, problem := readBody(r)
	if problem != nil {
		return problem
	}
	if text := strings.TrimSpace(string(body)); text != "" && text != "{}" {
		a := refusal(http.StatusBadRequest, invalidRequest, "this request takes no body")
		return &a
	}
	return nil
}

func readBody(r *http.Request) ([]byte, *world.Answer) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, &world.Answer{Cut: true} // whoever sent it is gone
	}
	if len(body) > maxBody {
		a := refusal(http.StatusBadRequest, invalidRequest, "the body is too large")
		return nil, &a
	}
	return body, nil
}

// requestID returns the idempotency key. It is optional.
func requestID(r *http.Request) (string, *world.Answer) {
	id := r.Header.Get("RequestId")
	if len(id) > maxRequestID || len(r.Header.Values("RequestId")) > 1 {
		a := refusal(http.StatusBadRequest, invalidRequest, "the header RequestId must come once and be short")
		return "", &a
	}
	return id, nil
}

// print is the fingerprint of a request, by which its repetition is known.
func print(place string, v any) string {
	body, _ := json.Marshal(v) // made of texts and numbers
	h := sha256.Sum256(append([]byte(place+"\n"), body...))
	return hex.EncodeToString(h[:])
}

func unauthorised() world.Answer {
	return refusal(http.StatusUnauthorized, invalidAuthz, "the access token is missing, wrong or expired")
}

func noOrder() world.Answer {
	return refusal(http.StatusNotFound, notFound, "there is no such order")
}

func otherRequest() world.Answer {
	return refusal(http.StatusUnprocessableEntity, unprocessible, "this RequestId was used for another request")
}

// create answers POST /api/v1/orders/.
func (p *Provider) create(r *http.Request) world.Answer {
	if !p.isBearer(r) {
		return unauthorised()
	}
	body, problem := jsonBody(r)
	if problem != nil {
		return *problem
	}
	key, problem := requestID(r)
	if problem != nil {
		return *problem
	}
	wanted, problems := parseOrder(body, p.config.Currencies)
	if len(problems) > 0 {
		return invalid(problems)
	}
	asked := print("create", wanted)

	p.mu.Lock()
	defer p.mu.Unlock()
	if before, ok := p.byRequest[key]; ok && key != "" {
		if before.print != asked {
			return otherRequest()
		}
		return p.answerOrder(http.StatusCreated, "create", before.order)
	}
	if o, ok := p.byExternal[wanted.ExternalID]; ok {
		a := invalid([]fieldError{{Field: "external_id", Message: "an order with this external_id exists"}})
		a.Order, a.External = o.id, o.request.ExternalID
		return a
	}
	p.world.Faults.Meet(Name, "", wanted.ExternalID, sum(wanted.Items).String())
	if a, refused := p.refuseBuyer(wanted.ExternalID); refused {
		return a
	}
	o, struck := p.add(wanted, p.world.Site.Base(r, Name))
	p.remember(key, asked, o)
	a := p.answerOrder(http.StatusCreated, "create", o)
	a.Faults = append(a.Faults, struck...)
	return a
}

// refuseBuyer answers with one of the four codes about the buyer. The caller
// has the lock.
func (p *Provider) refuseBuyer(external string) (world.Answer, bool) {
	for _, f := range p.faults.buyer {
		if _, ok := p.world.Faults.Take(Name, f.Name, "", external); ok {
			a := refusal(http.StatusBadRequest, f.code, f.says)
			a.Faults = []string{f.Name}
			return a, true
		}
	}
	return world.Answer{}, false
}

// add makes an order. The caller has the lock.
func (p *Provider) add(wanted newOrder, base string) (*order, []string) {
	p.made++
	now := p.world.Clock.Now()
	o := &order{
		id: p.world.Hex(24, Name, "order", p.made), request: wanted, base: base, told: wanted.Items,
		createdAt: now, updatedAt: now, status: created,
	}
	p.world.Faults.Meet(Name, o.id, wanted.ExternalID, o.total().String())
	var struck []string
	for _, f := range p.faults.orders {
		if f.create == nil {
			continue
		}
		if rule, ok := p.world.Faults.Take(Name, f.Name, "", o.id, wanted.ExternalID); ok {
			f.create(rule, o)
			struck = append(struck, f.Name)
		}
	}
	o.note(now, "the shop made it")
	p.byExternal[wanted.ExternalID] = o
	if old, forgot := p.orders.Put(o.id, o); forgot {
		p.forgetOrder(old)
	}
	return o, struck
}

func (p *Provider) forgetOrder(old *order) {
	delete(p.byExternal, old.request.ExternalID)
	for _, key := range old.keys {
		delete(p.byRequest, key)
	}
}

// remember notes what was done under a RequestId. Of one order the latest few
// are kept. The caller has the lock.
func (p *Provider) remember(key, asked string, o *order) {
	if key == "" {
		return
	}
	p.byRequest[key] = request{print: asked, order: o}
	o.keys = append(o.keys, key)
	if len(o.keys) > maxKeys {
		delete(p.byRequest, o.keys[0])
		o.keys = slices.Delete(o.keys, 0, 1)
	}
}

// answerOrder answers with the order as it is now. The caller has the lock.
func (p *Provider) answerOrder(status int, endpoint string, o *order) world.Answer {
	var a world.Answer
	shown := o.show()
	if _, ok := p.take(&a, amountsAsText, endpoint, o.id, o.request.ExternalID); ok {
		shown = shown.quoted()
	}
	answer := answerJSON(status, shown)
	answer.Order, answer.External, answer.Faults = o.id, o.request.ExternalID, a.Faults
	return answer
}

// read answers GET and POST /api/v1/orders/{id}/: the link of a read says get,
// the page about it says POST, so both are served.
func (p *Provider) read(r *http.Request, id string) world.Answer {
	if !p.isBearer(r) {
		return unauthorised()
	}
	if r.Method == http.MethodPost {
		if problem := noBody(r); problem != nil {
			return *problem
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o, ok := p.orders.Get(id)
	if !ok {
		return noOrder()
	}
	var a world.Answer
	if r.Method == http.MethodGet {
		if _, refused := p.take(&a, getRefused, "read", o.id, o.request.ExternalID); refused {
			answer := notSupported(http.MethodPost)
			answer.Order, answer.External, answer.Faults = o.id, o.request.ExternalID, a.Faults
			return answer
		}
	}
	status := http.StatusOK
	if _, ok := p.take(&a, readCreated, "read", o.id, o.request.ExternalID); ok {
		status = http.StatusCreated
	}
	answer := p.answerOrder(status, "read", o)
	answer.Faults = append(answer.Faults, a.Faults...)
	return answer
}

// capture answers POST …/capture/, which for all its name is how a shop pulls a
// status that it missed: the order is marked as notified, and callbacks about
// it stop. OUR CHOICE: it moves no money.
func (p *Provider) capture(r *http.Request, id string) world.Answer {
	answer, ok := p.act(r, "capture", id, func(o *order) *world.Answer {
		o.notified = true
		return nil
	}, http.StatusCreated)
	if ok {
		p.world.Post.Stop(Name, id)
	}
	return answer
}

// cancel answers POST …/cancel/. OUR CHOICE, as no page describes it: what is
// paid cannot be cancelled, what is cancelled stays so, and nobody is called
// back about what the shop did itself.
func (p *Provider) cancel(r *http.Request, id string) world.Answer {
	answer, _ := p.act(r, "cancel", id, func(o *order) *world.Answer {
		if o.paid() {
			a := refusal(http.StatusUnprocessableEntity, unprocessible, "the order is "+o.status+" and cannot be cancelled")
			return &a
		}
		if o.status != cancelled {
			o.move(p.world.Clock.Now(), cancelled, "the shop cancelled")
		}
		return nil
	}, http.StatusOK)
	return answer
}

// act does something to an order, once for each RequestId, and answers with the
// order. It reports whether the answer is the order.
func (p *Provider) act(r *http.Request, what, id string, do func(*order) *world.Answer, status int) (world.Answer, bool) {
	if !p.isBearer(r) {
		return unauthorised(), false
	}
	if problem := noBody(r); problem != nil {
		return *problem, false
	}
	key, problem := requestID(r)
	if problem != nil {
		return *problem, false
	}
	asked := print(what, id)

	p.mu.Lock()
	defer p.mu.Unlock()
	o, ok := p.orders.Get(id)
	if !ok {
		return noOrder(), false
	}
	before, repeated := p.byRequest[key]
	switch {
	case key != "" && repeated && before.print != asked:
		return otherRequest(), false
	case key != "" && repeated:
		return p.answerOrder(status, what, o), true
	}
	if problem := do(o); problem != nil {
		problem.Order, problem.External = o.id, o.request.ExternalID
		return *problem, false
	}
	p.remember(key, asked, o)
	return p.answerOrder(status, what, o), true
}
