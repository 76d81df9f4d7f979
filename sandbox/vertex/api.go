package vertex

import (
	"crypto/subtle"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"till/sandbox/world"
)

// errorAnswer is the one documented shape. Its code is a text and not the HTTP
// status; which codes there are is not documented. OUR CHOICE: validation has
// the one of the example, the rest numbers of their own.
type errorAnswer struct {
	Code   string `json:"code"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

type envelope struct {
	Data any `json:"data"`
}

func answerJSON(status int, v any) world.Answer {
	// Everything answered here is made of texts and numbers and marshals.
	body, _ := json.Marshal(v)
	return world.Answer{Status: status, Type: "application/json", Body: body}
}

func success(status int, data any) world.Answer { return answerJSON(status, envelope{data}) }

func refusal(status int, detail string) world.Answer {
	codes := map[int]errorAnswer{
		http.StatusBadRequest:          {"401", "Input data validation error", ""},
		http.StatusUnauthorized:        {"101", "Access denied", ""},
		http.StatusForbidden:           {"103", "Access denied", ""},
		http.StatusNotFound:            {"402", "Not found", ""},
		http.StatusMethodNotAllowed:    {"405", "Method not allowed", ""},
		http.StatusConflict:            {"501", "The order is already processed", ""},
		http.StatusPreconditionFailed:  {"502", "Precondition failed", ""},
		http.StatusUnprocessableEntity: {"503", "This transaction cannot be rejected", ""},
	}
	said := codes[status]
	said.Detail = detail
	return answerJSON(status, said)
}

func invalid(problems ...string) world.Answer {
	return refusal(http.StatusBadRequest, strings.Join(problems, "; "))
}

// letIn checks the token and, where the address names one, the shop.
func (p *Provider) letIn(r *http.Request, shop string) *world.Answer {
	token := r.Header.Get("Api-Access-Token")
	if subtle.ConstantTimeCompare([]byte(token), []byte(p.config.Token)) != 1 {
		a := refusal(http.StatusUnauthorized, "Api-Access-Token is missing or wrong")
		return &a
	}
	if shop == "" {
		return nil
	}
	id, err := strconv.ParseInt(shop, 10, 64)
	if err != nil {
		a := invalid("Parameter shopId must be a whole number")
		return &a
	}
	return p.ownShop(id)
}

func (p *Provider) ownShop(id int64) *world.Answer {
	if id == p.config.ShopID {
		return nil
	}
	a := refusal(http.StatusForbidden, "the token is not for this shop")
	return &a
}

// jsonBody reads a body that must be there and must be declared as JSON.
func jsonBody(r *http.Request) ([]byte, *world.Answer) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		a := invalid("the content type must be application/json")
		return nil, &a
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, &world.Answer{Cut: true} // whoever sent it is gone
	}
	if len(body) > maxBody {
		a := invalid("the body is too large")
		return nil, &a
	}
	return body, nil
}

// shopTime is the time as the shop has it, whose clock is not moved on with the
// sandbox's. What the shop says about times is measured by it.
func (p *Provider) shopTime() time.Time { return p.world.Clock.Now().Add(-p.world.Clock.Ahead()) }

func (p *Provider) parser() *parser {
	return &parser{
		now: p.shopTime(), currencies: p.config.Currencies, methods: allMethods(p.config.Currencies),
	}
}

// created is the answer to a create. There is no id in it.
type created struct {
	OrderNumber string `json:"orderNumber"`
	PaymentLink string `json:"paymentLink,omitempty"`
}

// operation is the answer to what is done to an order. OUR CHOICE for all but
// refund, of which it is documented.
type operation struct {
	OrderNumber   string `json:"orderNumber"`
	OperationType string `json:"operationType"`
}

// create answers POST /order.
func (p *Provider) create(r *http.Request) world.Answer {
	if problem := p.letIn(r, ""); problem != nil {
		return *problem
	}
	body, problem := jsonBody(r)
	if problem != nil {
		return *problem
	}
	parse := p.parser()
	wanted := parse.parseOrder(body)
	if len(parse.problems) > 0 {
		return invalid(parse.problems...)
	}
	if problem := p.ownShop(wanted.ShopID); problem != nil {
		return *problem
	}

	p.mu.Lock()
	defer p.mu.Unlock()
	if o, ok := p.byNumber[wanted.Number]; ok {
		return p.taken(o)
	}
	o, struck := p.add(wanted, p.world.Site.Base(r, Name))
	a := success(http.StatusOK, created{OrderNumber: o.request.Number, PaymentLink: o.page()})
	a.Order, a.External, a.Faults = o.id, o.request.Number, struck
	return a
}

// taken refuses an order number that is there already. OUR CHOICE: 400, because
// which status it has is not documented; 409 by a fault. The caller has the lock.
func (p *Provider) taken(o *order) world.Answer {
	var struck world.Answer
	a := invalid("Parameter order.orderNumber is not unique")
	if _, ok := p.take(&struck, numberConflict, "create", o.names()...); ok {
		a = refusal(http.StatusConflict, "an order with this orderNumber exists")
	}
	a.Order, a.External, a.Faults = o.id, o.request.Number, struck.Faults
	return a
}

// read answers GET /order/{shopId}/{orderNumber}.
func (p *Provider) read(r *http.Request, part map[string]string) world.Answer {
	if problem := p.letIn(r, part["shop"]); problem != nil {
		return *problem
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o, ok := p.byNumber[part["number"]]
	if !ok {
		return refusal(http.StatusNotFound, "there is no such order")
	}
	var struck world.Answer
	shown := o.show()
	for _, f := range p.faults.reads {
		if _, ok := p.take(&struck, f.Name, "read", o.names()...); ok {
			f.change(&shown)
		}
	}
	a := success(http.StatusOK, shown)
	a.Order, a.External, a.Faults = o.id, o.request.Number, struck.Faults
	return a
}

// act answers POST /order/cancel, /order/reject and /order/capture.
func (p *Provider) act(r *http.Request, verb string) world.Answer {
	in, problem := p.about(r, false)
	if problem != nil {
		return *problem
	}
	p.mu.Lock()
	o, ok := p.byNumber[in.Number]
	if !ok {
		p.mu.Unlock()
		return refusal(http.StatusNotFound, "there is no such order")
	}
	a, next := p.do(o, verb)
	a.Order, a.External = o.id, o.request.Number
	p.mu.Unlock()
	p.callback(r.Context(), o, next)
	return a
}

func (p *Provider) about(r *http.Request, refund bool) (about, *world.Answer) {
	if problem := p.letIn(r, ""); problem != nil {
		return about{}, problem
	}
	body, problem := jsonBody(r)
	if problem != nil {
		return about{}, problem
	}
	parse := p.parser()
	in := parse.parseAbout(body, refund)
	if len(parse.problems) > 0 {
		a := invalid(parse.problems...)
		return about{}, &a
	}
	return in, p.ownShop(in.ShopID)
}

// do does one of the three verbs to an order, now or, by a fault, later. The
// caller has the lock.
func (p *Provider) do(o *order, verb string) (world.Answer, sequel) {
	if status, says := o.refuses(verb); status != 0 {
		return refusal(status, says), sequel{}
	}
	a := success(http.StatusAccepted, operation{o.request.Number, verb})
	if rule, ok := p.take(&a, verbSlow, verb, o.names()...); ok {
		o.note(p.world.Clock.Now(), "the shop asked to "+verb+" it")
		p.at(o, time.Duration(rule.Delay), func() sequel {
			if status, _ := o.refuses(verb); status != 0 {
				return sequel{}
			}
			return p.done(o, verb)
		})
		return a, sequel{}
	}
	return a, p.done(o, verb)
}

// refuses says why a verb cannot be done to the order as it is; 0 when it can.
//
// OUR CHOICE: cancel is for both cases that the documents describe, an order
// that nobody has paid and one whose money is reserved.
func (o *order) refuses(verb string) (status int, says string) {
	open := o.status == inProgress
	switch {
	case !open:
		return http.StatusConflict, "the order is " + o.status
	case verb == "cancel" && o.count(inProgress)+o.count(completed) > 0:
		return http.StatusConflict, "the payment is being processed"
	case verb == "reject" && o.count(inProgress) == 0:
		return http.StatusPreconditionFailed, "no payment is being processed"
	case verb == "capture" && o.request.Settings.AutoCapture:
		return http.StatusPreconditionFailed, "the order is captured of itself"
	case verb == "capture" && o.count(authorized) == 0:
		return http.StatusPreconditionFailed, "nothing is authorized"
	default:
		return 0, ""
	}
}

// done is what a verb comes to. The caller has the lock.
func (p *Provider) done(o *order, verb string) sequel {
	now := p.world.Clock.Now()
	switch verb {
	case "cancel":
		o.turn(cancelled, authorized)
		o.move(now, cancelled, "the shop cancelled")
	case "reject":
		o.turn(cancelled, authorized, inProgress)
		o.move(now, rejected, "the shop had it rejected")
	default:
		o.turn(completed, authorized)
		p.settle(o, "the shop captured")
	}
	return sequel{tell: true}
}

// refund answers POST /order/refund.
func (p *Provider) refund(r *http.Request) world.Answer {
	in, problem := p.about(r, true)
	if problem != nil {
		return *problem
	}
	p.mu.Lock()
	o, ok := p.byNumber[in.Number]
	if !ok {
		p.mu.Unlock()
		return refusal(http.StatusNotFound, "there is no such order")
	}
	a, next := p.giveBack(o, in)
	a.Order, a.External = o.id, o.request.Number
	p.mu.Unlock()
	p.callback(r.Context(), o, next)
	return a
}

// giveBack makes a refund, or says why not. The caller has the lock.
func (p *Provider) giveBack(o *order, in about) (world.Answer, sequel) {
	from := o.payments(completed)
	switch {
	case o.status != completed && o.status != refunded:
		return refusal(http.StatusConflict, "the order is "+o.status), sequel{}
	case in.Cost.currency != o.cost.currency:
		return invalid("Parameter cost.currency must be the order's"), sequel{}
	case len(from) > 1 && in.PaymentID == "":
		return invalid("Parameter paymentId is required: the order has several payments"), sequel{}
	case in.PaymentID != "" && !o.has(in.PaymentID):
		return invalid("Parameter paymentId is none of the order's payments"), sequel{}
	case in.Cost.minor > o.left(in.PaymentID):
		return refusal(http.StatusPreconditionFailed, "that is more than is left to refund"), sequel{}
	}
	a := success(http.StatusOK, operation{o.request.Number, "refund"})
	if _, ok := p.take(&a, refundRefused, "refund", o.names()...); ok {
		refused := refusal(http.StatusUnprocessableEntity, "the acquirer does not take it")
		refused.Faults = a.Faults
		return refused, sequel{}
	}
	it := o.add(p, refundType, completed, in.Cost)
	it.of = in.PaymentID
	if rule, ok := p.take(&a, refundPending, "refund", o.names()...); ok {
		p.refundLater(o, it, completed, time.Duration(rule.Delay))
		return a, sequel{}
	}
	if rule, ok := p.take(&a, refundFails, "refund", o.names()...); ok {
		p.refundLater(o, it, failed, time.Duration(rule.Delay))
		return a, sequel{}
	}
	o.move(p.world.Clock.Now(), refunded, "the shop refunded "+in.Cost.String())
	return a, sequel{tell: true}
}

// refundLater leaves a refund on its way until it ends in a status. An order
// none of whose refunds is made is as it was before. The caller has the lock.
func (p *Provider) refundLater(o *order, it *item, end string, after time.Duration) {
	it.status = inProgress
	o.note(p.world.Clock.Now(), "the shop asked to refund "+it.cost.String())
	p.at(o, after, func() sequel {
		if it.status != inProgress {
			return sequel{}
		}
		it.status = end
		if end == failed {
			o.note(p.world.Clock.Now(), "a refund of "+it.cost.String()+" failed")
			return sequel{}
		}
		o.move(p.world.Clock.Now(), refunded, "a refund of "+it.cost.String()+" was made")
		return sequel{tell: true}
	})
}
