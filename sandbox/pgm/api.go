package pgm

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"till/sandbox/world"
)

// errorAnswer is the body of every failure. Its fields are not documented: OUR
// CHOICE.
type errorAnswer struct {
	StatusCode int    `json:"statusCode"`
	Error      string `json:"error"`
	Message    string `json:"message"`
}

// payAnswer is the answer of pay.
type payAnswer struct {
	Result      string            `json:"result"`
	Description string            `json:"resultDescription"`
	PaymentID   string            `json:"paymentId,omitempty"`
	WebURL      string            `json:"redirectToUrl,omitempty"`
	MobileURL   string            `json:"redirectToUrlMobile,omitempty"`
	Token       string            `json:"subscriptionToken,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
}

// refundAnswer is the answer of refund.
type refundAnswer struct {
	Result string `json:"result"`
}

func answerJSON(status int, v any) world.Answer {
	// Everything answered here is made of texts and numbers and marshals.
	body, _ := json.Marshal(v)
	return world.Answer{Status: status, Type: "application/json", Body: body}
}

func refusal(status int, message string) world.Answer {
	return answerJSON(status, errorAnswer{StatusCode: status, Error: http.StatusText(status), Message: message})
}

// about names the payment in hand in an answer.
func about(a world.Answer, pay *payment) world.Answer {
	a.Order, a.External = pay.id, pay.request.ShopID
	return a
}

// jsonBody reads a body that must be there and must be declared as JSON.
func jsonBody(r *http.Request) ([]byte, *world.Answer) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		a := refusal(http.StatusUnsupportedMediaType, "the content type must be application/json")
		return nil, &a
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, &world.Answer{Cut: true} // whoever sent it is gone
	}
	if len(body) > maxBody {
		a := refusal(http.StatusRequestEntityTooLarge, "the body is too large")
		return nil, &a
	}
	return body, nil
}

// admitted reports whether the gateway in front lets a request through.
func (p *Provider) admitted(r *http.Request) bool {
	values := r.Header.Values("secret")
	return len(values) == 1 && subtle.ConstantTimeCompare([]byte(values[0]), []byte(p.config.Secret)) == 1
}

func unauthorised() world.Answer {
	return refusal(http.StatusUnauthorized, "the key in the header secret is missing or wrong")
}

func noPayment() world.Answer {
	return refusal(http.StatusNotFound, "there is no such payment")
}

// pay answers POST /{provider}/{payment-method}/pay, and /{external}/pay.
//
// There is no idempotency key. OUR CHOICE: the same shopTransactionId with
// another content is refused, and with the same content it opens a second
// payment, as a gateway manager that keeps nothing would.
func (p *Provider) pay(r *http.Request, provider, method string) world.Answer {
	s := p.services[provider]
	body, problem := jsonBody(r)
	if problem != nil {
		return *problem
	}
	wanted, problems := parsePayment(body, s)
	if len(problems) > 0 {
		return refusal(http.StatusBadRequest, strings.Join(problems, "; "))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if clash := p.clash(wanted, call{provider: provider, way: method}); clash != nil {
		return *clash
	}
	p.world.Faults.Meet(Name, "", wanted.ShopID, decimal(wanted.Amount))
	if _, ok := p.world.Faults.Take(Name, payKOBare, "", wanted.ShopID); ok {
		a := answerJSON(http.StatusOK, payAnswer{Result: resultKO, Description: "The payment creation failed"})
		a.Faults = []string{payKOBare}
		return a
	}
	pay, struck := p.add(wanted, provider, method, p.world.Site.Base(r, Name), nil)
	a := about(answerJSON(http.StatusOK, pay.answer()), pay)
	a.Faults = append(a.Faults, struck...)
	return a
}

// clash is the refusal of a shopTransactionId that has another content already;
// nil when it has none. The caller has the lock.
func (p *Provider) clash(wanted newPayment, c call) *world.Answer {
	before, ok := p.byShop[wanted.ShopID]
	if !ok || content(before.provider, before.method, before.request) == content(c.provider, c.way, wanted) {
		return nil
	}
	a := about(refusal(http.StatusConflict, "this shopTransactionId was used for another payment"), before)
	return &a
}

// content is the fingerprint of a payment's request.
func content(provider, method string, wanted newPayment) string {
	body, _ := json.Marshal(wanted) // made of texts and numbers
	sum := sha256.Sum256(append([]byte(provider+"/"+method+"\n"), body...))
	return hex.EncodeToString(sum[:])
}

// add makes a payment, a subscription's or, with nil, a single one. The caller
// has the lock.
func (p *Provider) add(wanted newPayment, provider, method, base string, sub *subscription) (*payment, []string) {
	p.made++
	now := p.world.Clock.Now()
	pay := &payment{
		id: p.name(provider), intent: "pi_" + p.world.Hex(24, Name, "intent", p.made), request: wanted, base: base,
		service: p.services[provider], provider: provider, method: method,
		createdAt: now, updatedAt: now, status: pending, result: resultRedirect, drop: func() {}, sub: sub,
	}
	if pay.service.atOnce || sub != nil && sub.first != nil {
		pay.result, pay.status = resultOK, accepted
	}
	p.world.Faults.Meet(Name, pay.id, wanted.ShopID, decimal(wanted.Amount))
	var struck []string
	var end ending
	for _, f := range p.faults.payments {
		if f.create == nil {
			continue
		}
		if rule, ok := p.world.Faults.Take(Name, f.Name, "", pay.id, wanted.ShopID); ok {
			f.create(rule, pay, &end)
			struck = append(struck, f.Name)
		}
	}
	pay.note(now, "the shop made it: "+pay.result)
	if pay.open() {
		pay.drop = p.later(p.life(pay.service), pay, func(now time.Time) bool {
			if !pay.open() {
				return false
			}
			pay.move(now, failed, "the page expired")
			return true
		})
	}
	p.settle(pay, end)
	p.byShop[wanted.ShopID] = pay
	if old, forgot := p.payments.Put(pay.id, pay); forgot {
		p.forget(old)
	}
	return pay, struck
}

// name is a payment id, in the shape that each service is known for.
func (p *Provider) name(provider string) string {
	hex := p.world.Hex(32, Name, "payment", p.made)
	if provider == "stripe" {
		return "cs_test_" + hex
	}
	return fmt.Sprintf("%s-%s-%s-%s-%s", hex[:8], hex[8:12], hex[12:16], hex[16:20], hex[20:])
}

func (p *Provider) life(s service) time.Duration {
	if p.config.Life > 0 {
		return p.config.Life
	}
	return s.life
}

func (p *Provider) forget(old *payment) {
	old.drop()
	if s := old.sub; s != nil && s.first == old {
		s.end(subCanceled)
		delete(p.subs, s.token)
	}
	if p.byShop[old.request.ShopID] == old {
		delete(p.byShop, old.request.ShopID)
	}
}

// answer is what pay answers.
func (pay *payment) answer() payAnswer {
	a := payAnswer{Result: pay.result, Description: describe(pay.result), PaymentID: pay.id, Metadata: pay.showPayment().Metadata}
	if pay.nameless {
		a.PaymentID = ""
	}
	if pay.result != resultRedirect {
		return a
	}
	a.WebURL = pay.page()
	if pay.service.mobile {
		a.MobileURL = pay.provider + "://payments/" + pay.id
	}
	if pay.webURL != nil {
		a.WebURL = *pay.webURL
	}
	if pay.mobileURL != nil {
		a.MobileURL = *pay.mobileURL
	}
	return a
}

func describe(result string) string {
	switch result {
	case resultOK:
		return "Payment Authorised"
	case resultKO:
		return "Payment refused"
	case resultRedirect:
		return "The buyer is to be redirected"
	default:
		return "The payment is being looked at"
	}
}

// refund answers POST /{provider}/refund. OUR CHOICE: of a payment that is not
// paid it is KO, more than the rest is a conflict, a service without refunds
// cannot be asked.
func (p *Provider) refund(r *http.Request, provider string) world.Answer {
	if p.services[provider].noRefund {
		return refusal(http.StatusUnprocessableEntity, provider+" has no refunds")
	}
	body, problem := jsonBody(r)
	if problem != nil {
		return *problem
	}
	wanted, problems := parseRefund(body)
	if len(problems) > 0 {
		return refusal(http.StatusBadRequest, strings.Join(problems, "; "))
	}
	a, pay, tell := p.giveBack(provider, wanted)
	if tell {
		p.callback(context.WithoutCancel(r.Context()), pay)
	}
	return a
}

// giveBack makes a refund, and says whether the shop is called about it at once.
func (p *Provider) giveBack(provider string, wanted newRefund) (a world.Answer, pay *payment, tell bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pay, ok := p.payments.Get(wanted.PaymentID)
	switch {
	case !ok || pay.provider != provider:
		return noPayment(), nil, false
	case wanted.Amount > pay.rest():
		return about(refusal(http.StatusConflict, "only "+decimal(pay.rest())+" is left"), pay), pay, false
	case !pay.paid():
		return about(answerJSON(http.StatusOK, refundAnswer{Result: resultKO}), pay), pay, false
	}
	out := outcome{result: resultOK, status: accepted}
	var struck []string
	for _, f := range p.faults.refunds {
		if rule, ok := p.world.Faults.Take(Name, f.Name, "", pay.id, pay.request.ShopID); ok {
			f.change(rule, &out)
			struck = append(struck, f.Name)
		}
	}
	now := p.world.Clock.Now()
	if out.status == "" {
		pay.note(now, "a refund was refused: "+pay.request.Currency+" "+decimal(wanted.Amount))
	} else {
		p.addRefund(pay, now, wanted.Amount, out.status, "the shop asked for a refund, "+out.result)
		p.endLater(pay, out)
	}
	a = about(answerJSON(http.StatusOK, refundAnswer{Result: out.result}), pay)
	a.Faults = struck
	return a, pay, out.tell
}

// outcome is how a refund goes.
type outcome struct {
	result string
	status string // at once; empty is that there is no refund
	end    string // in the end; empty is that it stays as it is
	later  time.Duration
	tell   bool // the shop is called at once, about a refund that is done
}

// endLater ends a refund later. The caller has the lock.
func (p *Provider) endLater(pay *payment, out outcome) {
	if out.end == "" || out.later == 0 {
		return
	}
	n := len(pay.refunds)
	p.later(out.later, pay, func(now time.Time) bool {
		if len(pay.refunds) != n || pay.refunds[n-1].Status != out.status {
			return false // it was ended by hand, or another refund came
		}
		pay.endRefund(now, out.end)
		return true
	})
}

// status answers GET /{provider}/status?paymentId=.
func (p *Provider) status(r *http.Request, provider string) world.Answer {
	a, _ := p.tell(r, provider, "status")
	return a
}

// check answers GET /{provider}/check?paymentId=, and calls the shop. OUR
// CHOICE: the answer is the status.
func (p *Provider) check(r *http.Request, provider string) world.Answer {
	a, pay := p.tell(r, provider, "check")
	if pay != nil {
		p.callback(context.WithoutCancel(r.Context()), pay)
	}
	return a
}

// tell answers with a payment's status, with what faults do to it.
func (p *Provider) tell(r *http.Request, provider, endpoint string) (world.Answer, *payment) {
	id := r.URL.Query().Get("paymentId")
	if id == "" {
		return refusal(http.StatusBadRequest, "paymentId is required"), nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	pay, ok := p.payments.Get(id)
	if !ok || pay.provider != provider {
		return noPayment(), nil
	}
	var struck world.Answer
	shown := pay.show()
	if _, ok := p.take(&struck, staysPayment, endpoint, pay.id, pay.request.ShopID); ok {
		shown = pay.showPayment()
	}
	for _, f := range p.faults.answers {
		if rule, ok := p.take(&struck, f.Name, endpoint, pay.id, pay.request.ShopID); ok {
			f.change(rule, &shown)
		}
	}
	var body any = shown
	if _, ok := p.take(&struck, oddTypes, endpoint, pay.id, pay.request.ShopID); ok {
		body = odd(shown)
	}
	a := about(answerJSON(http.StatusOK, body), pay)
	a.Faults = struck.Faults
	return a, pay
}

// odd is a status with everything but its word and its ids of another type.
func odd(s wireStatus) map[string]any {
	return map[string]any{
		"status": s.Status, "paymentId": s.PaymentID, "shopTransactionId": s.ShopID, "action": s.Action,
		"providerName": []string{s.ProviderName}, "paymentMethod": 7, "metadata": "none", "amount": "12,00", "somethingNew": map[string]any{"a": nil},
	}
}
