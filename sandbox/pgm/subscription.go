package pgm

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"till/sandbox/world"
)

// The states of a subscription.
const (
	subPending  = "PENDING"
	subActive   = "ACTIVE"
	subPastDue  = "PAST_DUE"
	subExpired  = "EXPIRED"
	subCanceled = "CANCELED"
)

// How often a charge that failed is tried again before the subscription is
// given up, and how long after one another. Not documented: OUR CHOICE.
const (
	maxRetries = 3
	retryAfter = 24 * time.Hour
)

// subscription is one agreement to pay again and again. The provider's lock
// guards it.
type subscription struct {
	token     string
	first     *payment // that it was agreed to with
	automatic bool
	amount    int64
	limit     int64 // the most that one charge may be; 0 for no limit
	info      period
	status    string
	told      bool // the token is known to the shop
	mute      bool // by a fault: nothing ever tells it

	paid   int       // payments that were accepted
	since  time.Time // what due dates are counted from
	turn   int       // the one that is due next, from 1
	missed int       // tries in vain of the charge that is due
	drop   func()    // takes the next charge back
}

// period says how often is paid.
type period struct {
	Interval string // DAY, WEEK, MONTH, YEAR
	Count    int
	Times    int // payments in all; 0 is no end
}

// at is the date of turn n. A month that is too short ends the period on its
// last day, and the next one is not shorter for it.
func (d period) at(since time.Time, n int) time.Time {
	n *= d.Count
	switch d.Interval {
	case "DAY":
		return since.AddDate(0, 0, n)
	case "WEEK":
		return since.AddDate(0, 0, 7*n)
	case "YEAR":
		n *= 12
	}
	first := time.Date(since.Year(), since.Month()+time.Month(n), 1, since.Hour(), since.Minute(), since.Second(), since.Nanosecond(), since.Location())
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(since.Day(), last)-1)
}

// terms says to the buyer what is agreed to: "every 3 months, 12 times".
func (s *subscription) terms() string {
	unit := strings.ToLower(s.info.Interval)
	out := "every " + unit
	if s.info.Count > 1 {
		out = fmt.Sprintf("every %d %ss", s.info.Count, unit)
	}
	if s.info.Times > 0 {
		out += fmt.Sprintf(", %d times in all", s.info.Times)
	}
	if !s.automatic {
		out += ", when the shop asks for it"
	}
	return out
}

// over reports whether nothing more will be taken.
func (s *subscription) over() bool { return s.status == subExpired || s.status == subCanceled }

// end ends a subscription. The caller has the lock.
func (s *subscription) end(status string) {
	s.drop()
	s.status = status
}

// Subscription is a subscription as it truly is.
type Subscription struct {
	Token, Status string
	Minor         int64     // of the next payment
	Paid          int       // payments that were accepted
	Next          time.Time // when the next one is due; zero when the shop charges, or when it is over
}

// Subscription returns the subscription that was begun with a payment, by that
// payment's name or the shop's, or world.ErrNotFound.
func (p *Provider) Subscription(ref string) (Subscription, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pay, err := p.find(ref)
	if err != nil {
		return Subscription{}, err
	}
	s := pay.sub
	if s == nil {
		return Subscription{}, world.ErrNotFound
	}
	out := Subscription{Token: s.token, Status: s.status, Minor: s.amount, Paid: s.paid}
	if s.automatic && s.status == subActive {
		out.Next = s.info.at(s.since, s.turn)
	}
	return out, nil
}

// subscribe answers POST …/subscription/schedule and …/subscription/start. The
// buyer agrees on the page of the first payment, where there is one. The request
// has no addresses to come back to. OUR CHOICE: it is the shop's front page, as
// the gateway manager could be set up.
func (p *Provider) subscribe(r *http.Request, c call) world.Answer {
	s := p.services[c.provider]
	body, problem := jsonBody(r)
	if problem != nil {
		return *problem
	}
	wanted, problems := parseSubscription(body, s)
	if len(problems) > 0 {
		return refusal(http.StatusBadRequest, strings.Join(problems, "; "))
	}
	if shop := strings.TrimRight(p.world.Site.ShopURL, "/"); shop != "" {
		wanted.Success, wanted.Failure = shop+"/", shop+"/"
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if clash := p.clash(wanted.newPayment, c); clash != nil {
		return *clash
	}
	p.agreed++
	sub := &subscription{
		token: "sub_" + p.world.Hex(24, Name, "subscription", p.agreed), automatic: c.endpoint == "schedule", amount: wanted.Amount, limit: wanted.Limit,
		info: wanted.Info, status: subPending, told: s.tokenAtOnce, drop: func() {},
	}
	pay, struck := p.add(wanted.newPayment, c.provider, c.way, p.world.Site.Base(r, Name), sub)
	sub.first = pay
	if _, ok := p.world.Faults.Take(Name, subNoToken, "", pay.id, wanted.ShopID); ok {
		sub.mute = true
		struck = append(struck, subNoToken)
	}
	p.subs[sub.token] = sub
	p.follow(pay)
	a := about(answerJSON(http.StatusOK, pay.subscriptionAnswer()), pay)
	a.Faults = append(a.Faults, struck...)
	return a
}

// subscriptionAnswer is what schedule, start and pay answer.
func (pay *payment) subscriptionAnswer() payAnswer {
	a := pay.answer()
	if pay.sub.told && !pay.sub.mute {
		a.Token = pay.sub.token
	}
	return a
}

// charge answers POST …/subscription/pay. OUR CHOICE: what cannot be charged is
// KO, as a refused card is, and nothing is made.
func (p *Provider) charge(r *http.Request, c call) world.Answer {
	body, problem := jsonBody(r)
	if problem != nil {
		return *problem
	}
	wanted, problems := parseCharge(body, p.services[c.provider])
	if len(problems) > 0 {
		return refusal(http.StatusBadRequest, strings.Join(problems, "; "))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	sub, ok := p.subs[wanted.Token]
	switch {
	case !ok || sub.first.provider != c.provider || c.way != "" && sub.first.method != c.way:
		return noSubscription()
	case sub.automatic:
		return about(refusal(http.StatusUnprocessableEntity, "this subscription is charged by itself"), sub.first)
	case sub.status == subPending, sub.over(), sub.limit > 0 && wanted.Amount > sub.limit:
		return about(answerJSON(http.StatusOK, payAnswer{Result: resultKO, Description: describe(resultKO)}), sub.first)
	}
	c.way = sub.first.method
	if clash := p.clash(wanted.newPayment, c); clash != nil {
		return *clash
	}
	pay, struck := p.add(wanted.newPayment, c.provider, c.way, p.world.Site.Base(r, Name), sub)
	p.follow(pay)
	a := about(answerJSON(http.StatusOK, pay.subscriptionAnswer()), pay)
	a.Faults = append(a.Faults, struck...)
	return a
}

// follow takes a subscription where its payment has gone. The caller has the
// lock.
func (p *Provider) follow(pay *payment) {
	s := pay.sub
	if s == nil || pay.counted || s.over() {
		return
	}
	switch pay.status {
	case accepted:
		pay.counted = true
		p.accepted(s)
	case failed:
		switch {
		case pay == s.first:
			s.end(subCanceled) // nobody has agreed
		case !s.automatic:
			s.status = subPastDue
		}
	}
}

// accepted counts a payment, and makes the appointment for the next one. The
// caller has the lock.
func (p *Provider) accepted(s *subscription) {
	now := p.world.Clock.Now()
	if s.status == subPending {
		s.since = now
	}
	s.paid++
	s.missed, s.status, s.told = 0, subActive, true
	switch {
	case s.info.Times > 0 && s.paid >= s.info.Times:
		s.end(subExpired)
	case s.automatic:
		p.appoint(s, now)
	}
}

// appoint makes the next due date. Those that have passed while a charge was
// tried again are left out. The caller has the lock.
func (p *Provider) appoint(s *subscription, now time.Time) {
	s.turn++
	for !s.info.at(s.since, s.turn).After(now) {
		s.turn++
	}
	p.chargeIn(s, s.info.at(s.since, s.turn).Sub(now))
}

// chargeIn has the service charge once that time has passed. The caller has the
// lock.
func (p *Provider) chargeIn(s *subscription, d time.Duration) {
	s.drop()
	s.drop = p.world.Clock.After(d, func(ctx context.Context) {
		if pay := p.renew(s); pay != nil {
			p.callback(ctx, pay)
		}
	})
}

// renew takes the payment that is due, and returns it; nil when there is none.
// OUR CHOICE: it has a paymentId of its own, and the shopTransactionId of the
// payment that the subscription began with.
func (p *Provider) renew(s *subscription) *payment {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.over() {
		return nil
	}
	first := s.first
	wanted := first.request
	wanted.Amount = s.amount
	p.made++
	now := p.world.Clock.Now()
	pay := &payment{
		id: p.name(first.provider), intent: "pi_" + p.world.Hex(24, Name, "intent", p.made), request: wanted, base: first.base,
		service: first.service, provider: first.provider, method: first.method, sub: s,
		createdAt: now, updatedAt: now, status: accepted, result: resultOK, drop: func() {},
	}
	p.world.Faults.Meet(Name, pay.id, "", decimal(wanted.Amount)) // the shop's name means the first payment
	because := first.service.title + " charged the subscription"
	_, fails := p.world.Faults.Take(Name, renewalFails, "", first.id, wanted.ShopID)
	if fails {
		pay.status = failed
		because += ", in vain"
	}
	if old, forgot := p.payments.Put(pay.id, pay); forgot {
		p.forget(old)
	}
	if !fails {
		p.follow(pay)
		pay.note(now, because)
		return pay
	}
	pay.note(now, because)
	s.missed++
	if s.missed > maxRetries {
		s.end(subCanceled)
		return pay
	}
	s.status = subPastDue
	p.chargeIn(s, retryAfter)
	return pay
}

// subscriptionStatus is the answer of GET …/subscription/status/{token}.
type subscriptionStatus struct {
	Status       string            `json:"status"`
	Token        string            `json:"subscriptionToken,omitempty"`
	ProviderName string            `json:"providerName"`
	Metadata     map[string]string `json:"metadata"`
}

// updateAnswer is the answer of update.
type updateAnswer struct {
	Result      string `json:"result"`
	Description string `json:"resultDescription"`
	Token       string `json:"subscriptionToken,omitempty"`
}

// subscription answers what is asked about a subscription by its token.
func (p *Provider) subscription(r *http.Request, c call) world.Answer {
	var changes newSubscription
	if c.endpoint == "update" {
		body, problem := jsonBody(r)
		if problem != nil {
			return *problem
		}
		var problems []string
		if changes, problems = parseUpdate(body, p.services[c.provider]); len(problems) > 0 {
			return refusal(http.StatusBadRequest, strings.Join(problems, "; "))
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	sub, ok := p.subs[c.id]
	if !ok || sub.first.provider != c.provider || !sub.told {
		return noSubscription()
	}
	switch c.endpoint {
	case "update":
		return p.update(sub, changes)
	case "expire":
		return p.expire(r, sub)
	default:
		return p.showSubscription(sub)
	}
}

func (p *Provider) showSubscription(sub *subscription) world.Answer {
	refs := []string{sub.first.id, sub.first.request.ShopID}
	shown := subscriptionStatus{Status: sub.status, Token: sub.token, ProviderName: sub.first.provider, Metadata: map[string]string{}}
	var struck world.Answer
	if rule, ok := p.take(&struck, subStatus, "subscription", refs...); ok {
		shown.Status = rule.Word
	}
	if rule, ok := p.take(&struck, subWrongToken, "subscription", refs...); ok {
		shown.Token = rule.Word
	}
	var body any = shown
	if _, ok := p.take(&struck, subOddTypes, "subscription", refs...); ok {
		body = map[string]any{"status": shown.Status, "providerName": 7, "metadata": "none", "somethingNew": map[string]any{"a": nil}}
	}
	a := about(answerJSON(http.StatusOK, body), sub.first)
	a.Faults = struck.Faults
	return a
}

// update changes what is taken from now on. OUR CHOICE: the next payment is due
// one new period after the last one.
func (p *Provider) update(sub *subscription, changes newSubscription) world.Answer {
	answer := updateAnswer{Result: resultOK, Description: "Successful transaction", Token: sub.token}
	var struck world.Answer
	if _, ok := p.take(&struck, updateKO, "update", sub.first.id, sub.first.request.ShopID); ok || sub.over() || sub.limit > 0 && changes.Amount > sub.limit {
		answer.Result, answer.Description = resultKO, "The subscription cannot be changed"
	} else {
		now := p.world.Clock.Now()
		if sub.automatic && sub.status != subPending {
			last := sub.turn // a charge that is being tried again belongs to it
			if sub.status == subActive {
				last--
			}
			sub.since, sub.turn = sub.info.at(sub.since, last), 0
		}
		sub.amount, sub.info = changes.Amount, changes.Info
		switch {
		case sub.info.Times > 0 && sub.paid >= sub.info.Times:
			sub.end(subExpired)
		case sub.automatic && sub.status == subActive:
			p.appoint(sub, now)
		}
		sub.first.note(now, "the shop changed the subscription: "+decimal(sub.amount))
	}
	a := about(answerJSON(http.StatusOK, answer), sub.first)
	a.Faults = struck.Faults
	return a
}

// expire ends a subscription. OUR CHOICE: the answer is 200 and {}, and 409 when
// it is over already.
func (p *Provider) expire(r *http.Request, sub *subscription) world.Answer {
	query := r.URL.Query()
	want := []string(nil)
	if sub.first.service.expireNamed {
		want = []string{sub.first.request.ShopID}
	}
	if !slices.Equal(query["shopTransactionId"], want) || len(query) != len(want) {
		return about(refusal(http.StatusBadRequest, "the query must have the subscription's shopTransactionId where the service wants it, and nothing else"), sub.first)
	}
	var struck world.Answer
	refs := []string{sub.first.id, sub.first.request.ShopID}
	if _, ok := p.take(&struck, expireKO, "expire", refs...); ok {
		a := about(answerJSON(http.StatusOK, updateAnswer{Result: resultKO, Description: "The subscription cannot be expired"}), sub.first)
		a.Faults = struck.Faults
		return a
	}
	if sub.over() {
		return about(refusal(http.StatusConflict, "the subscription is "+sub.status), sub.first)
	}
	sub.end(subCanceled)
	sub.first.note(p.world.Clock.Now(), "the shop ended the subscription")
	return about(answerJSON(http.StatusOK, struct{}{}), sub.first)
}

func noSubscription() world.Answer {
	return refusal(http.StatusNotFound, "there is no such subscription")
}

// payByLink answers POST /{provider}/pay-by-link. OUR CHOICE: the link is the
// page of a payment that is made with it, by the service's first method, and the
// result is in both spellings.
func (p *Provider) payByLink(r *http.Request, c call) world.Answer {
	body, problem := jsonBody(r)
	if problem != nil {
		return *problem
	}
	s := p.services[c.provider]
	s.data = []string{}
	wanted, problems := parsePayment(body, s)
	if len(problems) > 0 {
		return refusal(http.StatusBadRequest, strings.Join(problems, "; "))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c.way = s.methods[0]
	if clash := p.clash(wanted, c); clash != nil {
		return *clash
	}
	pay, struck := p.add(wanted, c.provider, c.way, p.world.Site.Base(r, Name), nil)
	answer := linkAnswer{Code: pay.result, Result: pay.result, Description: "Link created", PaymentID: pay.answer().PaymentID, Link: pay.answer().WebURL}
	if pay.result == resultRedirect {
		answer.Code, answer.Result = resultOK, resultOK
	}
	a := world.Answer{Faults: struck}
	if _, ok := p.take(&a, linkResult, "pay_by_link", pay.id, wanted.ShopID); ok {
		answer.Code = ""
	}
	out := about(answerJSON(http.StatusOK, answer), pay)
	out.Faults = a.Faults
	return out
}

// linkAnswer is the answer of pay-by-link.
type linkAnswer struct {
	Code        string `json:"resultCode,omitempty"`
	Result      string `json:"result"`
	Description string `json:"resultDescription"`
	PaymentID   string `json:"paymentId,omitempty"`
	Link        string `json:"link,omitempty"`
}
