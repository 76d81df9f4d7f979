package pgm

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/sandbox/world"
)

// The results of pay and refund.
const (
	resultOK       = "OK"
	resultKO       = "KO"
	resultRedirect = "REDIRECT_TO_URL"
)

// The states of a payment and of a refund. PENDING is a result too.
const (
	accepted = "ACCEPTED"
	failed   = "FAILED"
	pending  = "PENDING"
)

// What a status is about.
const (
	aboutPayment = "PAYMENT"
	aboutRefund  = "REFUND"
)

const maxSteps = 50 // that are kept of one payment

// payment is one payment. The provider's lock guards it, but for id, request,
// base, service, provider and method, which never change. The looks that it has
// had are kept, because an old one may be told again.
type payment struct {
	id        string
	intent    string // the service's other name of it
	request   newPayment
	base      string // where this gateway manager is, for links
	service   service
	provider  string
	method    string
	createdAt time.Time
	updatedAt time.Time

	result   string // of pay
	status   string
	settling bool // the buyer has agreed, the money is still to come
	refunds  []Refund
	notified bool
	steps    []step
	drop     func()        // takes the end of the page's life back
	sub      *subscription // nil for a single payment
	counted  bool          // by its subscription

	// By a fault: other links than its own, no name in the answer.
	webURL, mobileURL *string
	nameless          bool
}

// step is one thing that happened to a payment and what it looked like then.
type step struct {
	at      time.Time
	because string
	shown   wireStatus
}

// wireStatus is a PaymentStatus.
type wireStatus struct {
	Status        string            `json:"status"`
	PaymentID     string            `json:"paymentId,omitempty"`
	ShopID        string            `json:"shopTransactionId,omitempty"`
	ProviderName  string            `json:"providerName"`
	PaymentMethod string            `json:"paymentMethod"`
	Action        string            `json:"action,omitempty"`
	Metadata      map[string]string `json:"metadata,omitempty"`
}

// word is the state that a status tells, for people.
func (s wireStatus) word() string {
	if s.Action == aboutRefund {
		return aboutRefund + " " + s.Status
	}
	return s.Status
}

// move takes the payment to a status and writes it down.
func (pay *payment) move(now time.Time, status, because string) {
	pay.status, pay.settling = status, false
	if status != pending {
		pay.drop()
	}
	pay.note(now, because)
}

// note writes something down. Of a very long story the first step and the
// latest are kept.
func (pay *payment) note(now time.Time, because string) {
	pay.updatedAt = now
	if len(pay.steps) >= maxSteps {
		pay.steps = slices.Delete(pay.steps, 1, 2)
	}
	pay.steps = append(pay.steps, step{at: now, because: because, shown: pay.show()})
}

// show is the payment as the API shows it now. OUR CHOICE: once a refund was
// asked for, its status is about that.
func (pay *payment) show() wireStatus {
	s := pay.showPayment()
	if n := len(pay.refunds); n > 0 {
		s.Action, s.Status = aboutRefund, pay.refunds[n-1].Status
	}
	return s
}

// showPayment is show as if there were no refunds.
func (pay *payment) showPayment() wireStatus {
	s := wireStatus{
		Status: pay.status, PaymentID: pay.id, ShopID: pay.request.ShopID,
		ProviderName: strings.ToUpper(pay.provider), PaymentMethod: pay.method, Action: aboutPayment,
	}
	if s.PaymentMethod == "" {
		s.PaymentMethod = "external"
	}
	if pay.service.metadataName != "" {
		s.Metadata = map[string]string{pay.service.metadataName: pay.intent}
		if pay.sub != nil && pay.sub.told && !pay.sub.mute {
			s.Metadata["subscriptionToken"] = pay.sub.token
		}
	}
	return s
}

// paid reports whether the money has moved.
func (pay *payment) paid() bool { return pay.status == accepted }

// open reports whether the buyer can still decide.
func (pay *payment) open() bool {
	return pay.status == pending && pay.result == resultRedirect && !pay.settling
}

// rest is what has not been paid back, nor is on its way back.
func (pay *payment) rest() int64 {
	rest := pay.request.Amount
	for _, r := range pay.refunds {
		if r.Status != failed {
			rest -= r.Minor
		}
	}
	return rest
}

// sendTo is where the browser goes once the buyer has decided. Without an
// address it stays.
func (pay *payment) sendTo() string {
	if pay.status == failed || pay.open() {
		return pay.request.Failure
	}
	return pay.request.Success
}

// page is the address of the page where the buyer pays.
func (pay *payment) page() string { return pay.base + "/page/" + pay.id }

// at returns the latest look of the payment in a state; empty means now.
func (pay *payment) at(word string) (wireStatus, bool) {
	if word == "" {
		return pay.show(), true
	}
	for _, s := range slices.Backward(pay.steps) {
		if s.shown.word() == word {
			return s.shown, true
		}
	}
	return wireStatus{}, false
}

func (pay *payment) view() world.Order {
	// What a payment looks like always marshals: it is made of texts.
	wire, _ := json.Marshal(pay.show())
	v := world.Order{
		Provider: Name, Ref: pay.id, ExternalID: pay.request.ShopID, Status: pay.show().word(), Paid: pay.paid(),
		Currency: pay.request.Currency, Minor: pay.request.Amount, Amount: decimal(pay.request.Amount),
		ToldCurrency: pay.request.Currency, ToldMinor: pay.request.Amount, ToldAmount: decimal(pay.request.Amount),
		Money: pay.money(), Notified: pay.notified, CreatedAt: pay.createdAt, UpdatedAt: pay.updatedAt,
		Decisions: pay.decisions(), Wire: wire,
	}
	if pay.result == resultRedirect {
		v.Page = pay.page()
	}
	for _, s := range pay.steps {
		v.Steps = append(v.Steps, world.Step{At: s.at, Status: s.shown.word(), Because: s.because})
	}
	return v
}

// decimal writes euros: "12.50".
func decimal(minor int64) string {
	s := strconv.FormatInt(minor, 10)
	if len(s) < 3 {
		s = strings.Repeat("0", 3-len(s)) + s
	}
	return s[:len(s)-2] + "." + s[len(s)-2:]
}

func (pay *payment) decisions() []string {
	var possible []string
	add := func(when bool, what ...string) {
		if when {
			possible = append(possible, what...)
		}
	}
	last := ""
	if n := len(pay.refunds); n > 0 {
		last = pay.refunds[n-1].Status
	}
	add(pay.open(), "approve", "cancel", "expire", "abandon")
	add(pay.status == pending, "decline")
	add(!pay.paid(), "complete")
	add(pay.paid() && pay.rest() > 0 && !pay.service.noRefund, "refund")
	add(last == pending, "refund_done")
	add(pay.sub != nil && pay.sub.first == pay && !pay.sub.over(), "cancel_subscription")
	add(last == pending || last == accepted, "refund_failed")
	return append(possible, "set")
}

// sequel is what follows a decision once the lock is free again.
type sequel struct {
	tell   bool   // the shop is called
	sendTo string // where the browser goes; empty means nowhere
}

// decide takes the payment through a decision, and its subscription with it. The
// caller has the lock.
func (p *Provider) decide(pay *payment, d world.Decision) (sequel, error) {
	defer p.follow(pay)
	now := p.world.Clock.Now()
	if d.Decision == "set" {
		if err := checkWord(d.Status); err != nil {
			return sequel{}, &world.RefusedError{Says: "the decision set needs a status that " + err.Error()}
		}
		pay.move(now, d.Status, "set by hand")
		return sequel{}, nil
	}
	if !slices.Contains(pay.decisions(), d.Decision) {
		return sequel{}, &world.RefusedError{Says: fmt.Sprintf("%q cannot be decided: the payment is %s; now it can only be decided %q", d.Decision, pay.show().word(), pay.decisions())}
	}
	switch d.Decision {
	case "approve":
		return p.approve(pay, now), nil
	case "cancel":
		return p.cancel(pay, now), nil
	case "abandon":
		pay.note(now, "the buyer left without a decision")
		return sequel{}, nil
	case "decline":
		pay.move(now, failed, pay.service.title+" declined")
	case "expire":
		pay.move(now, failed, "the page expired")
		return sequel{tell: true}, nil
	case "complete":
		pay.move(now, accepted, "the money arrived")
	case "refund":
		p.addRefund(pay, now, pay.rest(), accepted, "the back office paid the rest back")
		return sequel{tell: true}, nil
	case "cancel_subscription":
		pay.sub.end(subCanceled)
		pay.note(now, pay.service.title+" ended the subscription")
		return sequel{}, nil
	case "refund_done":
		pay.endRefund(now, accepted)
		return sequel{tell: true}, nil
	case "refund_failed":
		pay.endRefund(now, failed)
		return sequel{tell: true}, nil
	}
	return sequel{tell: true, sendTo: pay.sendTo()}, nil
}

// approve does what the buyer's consent does, as far as no fault is in its way.
func (p *Provider) approve(pay *payment, now time.Time) sequel {
	end := ending{status: accepted, later: pay.service.clears}
	for _, f := range p.faults.payments {
		if f.approve == nil {
			continue
		}
		if rule, ok := p.world.Faults.Take(Name, f.Name, "", pay.id, pay.request.ShopID); ok {
			f.approve(rule, &end)
		}
	}
	if !end.rests && end.later == 0 {
		pay.move(now, end.status, "the buyer agreed")
		return sequel{tell: true, sendTo: pay.sendTo()}
	}
	pay.settling = true
	pay.drop()
	pay.note(now, "the buyer agreed, the money is still to come")
	p.settle(pay, end)
	return sequel{sendTo: pay.sendTo()}
}

// ending is how a consent ends.
type ending struct {
	status string
	later  time.Duration // when it ends so; with rests, 0 is not before it is told to
	rests  bool
}

// settle ends a payment later, unless something else has become of it. The
// caller has the lock.
func (p *Provider) settle(pay *payment, end ending) {
	if end.later == 0 {
		return
	}
	p.later(end.later, pay, func(now time.Time) bool {
		if pay.status != pending {
			return false
		}
		because := "the money arrived"
		if end.status != accepted {
			because = "the money did not come"
		}
		pay.move(now, end.status, because)
		return true
	})
}

// cancel is the buyer's way back. OUR CHOICE, after the table of statuses: a
// Stripe session stays open until it expires, elsewhere it is CANCELED, which is
// FAILED here.
func (p *Provider) cancel(pay *payment, now time.Time) sequel {
	if pay.service.staysOpen {
		pay.note(now, "the buyer went back to the shop; the page stays open")
		return sequel{sendTo: pay.request.Failure}
	}
	pay.move(now, failed, "the buyer cancelled")
	return sequel{tell: true, sendTo: pay.sendTo()}
}

// addRefund writes a refund down. The caller has the lock.
func (p *Provider) addRefund(pay *payment, now time.Time, minor int64, status, because string) {
	pay.refunds = append(pay.refunds, Refund{Minor: minor, Status: status, At: now})
	pay.note(now, because+": "+pay.request.Currency+" "+decimal(minor))
}

// endRefund ends the last refund. The caller has the lock.
func (pay *payment) endRefund(now time.Time, status string) {
	last := &pay.refunds[len(pay.refunds)-1]
	last.Status = status
	because := "the refund has gone back"
	if status == failed {
		because = "the refund failed, the money is still here"
	}
	pay.note(now, because+": "+pay.request.Currency+" "+decimal(last.Minor))
}

// later changes a payment once that time has passed, and calls the shop when
// change says so. It may be called with the lock or without.
func (p *Provider) later(d time.Duration, pay *payment, change func(now time.Time) bool) (drop func()) {
	return p.world.Clock.After(d, p.dueChange(pay, change))
}
