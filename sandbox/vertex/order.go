package vertex

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"time"

	"till/sandbox/world"
)

// The documented status words of an order; those of its payments are among
// them, with authorized. OUR CHOICE for payments: completed and failed.
const (
	inProgress = "in_progress"
	completed  = "completed"
	failed     = "failed"
	cancelled  = "cancelled"
	rejected   = "rejected"
	refunded   = "refunded"
	needAction = "need_action"
	authorized = "authorized"
)

const (
	paymentType = "payment" // OUR CHOICE: the word for it is not documented
	refundType  = "refund"

	// utc is how times are written.
	utc = "2006-01-02T15:04:05.000Z"

	firstID  = 800_000
	maxSteps = 50 // that are kept of one order
)

// order is one order. The provider's lock guards it, but for id, session,
// request and base, which never change. The states that it has been in are kept
// as they looked, because an old one may be told again.
type order struct {
	id        string // of the gateway, a number; for support
	session   string // in the address of its page
	pageID    string
	request   newOrder
	base      string // where this gateway is, for links
	createdAt time.Time
	updatedAt time.Time
	paidAt    time.Time // zero until then
	status    string
	cost      amount // what it says that is to be paid; the payer may have changed it
	items     []*item
	notified  bool
	linkless  bool   // by a fault: made without a payment link
	pageURL   string // by a fault: not its own
	ending    ending
	by        method // that the buyer pays by
	steps     []step
	epoch     int // raised by a reset, which ends all its deadlines
}

// item is a payment or a refund of an order.
type item struct {
	id, kind, status string
	cost             amount
	method           method
	at               time.Time
	of               string // of a refund: the payment that was named, if any
}

// ending is how clearing ends, as faults have it.
type ending struct {
	status string        // empty: as the sums say
	after  time.Duration // until then
	never  bool
}

// step is one thing that happened to an order and what it looked like then.
type step struct {
	at      time.Time
	because string
	shown   wireOrder
}

// wireOrder is an order as answers and callbacks show it.
type wireOrder struct {
	ID             int64       `json:"id"`
	ShopID         int64       `json:"shopId"`
	OrderNumber    string      `json:"orderNumber"`
	OrderStatus    string      `json:"orderStatus"`
	Cost           wireCost    `json:"cost"`
	TimeLimit      *string     `json:"timeLimit"`
	OrderCreatedAt string      `json:"orderCreatedAt"`
	OrderPaidAt    *string     `json:"orderPaidAt"`
	AutoCapture    bool        `json:"autoCapture"`
	Payments       *[]wireItem `json:"payments,omitempty"`
}

type wireCost struct {
	Amount   any    `json:"amount"` // a text, or a number by a fault
	Currency string `json:"currency"`
}

// wireItem is one of payments[]. OUR CHOICE: the names paymentId, paymentStatus
// and createdAt.
type wireItem struct {
	PaymentID      string    `json:"paymentId"`
	PaymentType    string    `json:"paymentType"`
	PaymentStatus  string    `json:"paymentStatus"`
	InstrumentType string    `json:"instrumentType,omitempty"`
	Cost           wireCost  `json:"cost"`
	CreatedAt      string    `json:"createdAt"`
	Card           *wireCard `json:"card,omitempty"`
}

type wireCard struct {
	MaskedNumber string `json:"maskedNumber"`
}

// add makes an order. The caller has the lock.
func (p *Provider) add(wanted newOrder, base string) (*order, []string) {
	p.made++
	now := p.world.Clock.Now()
	hex := p.world.Hex(32, Name, "session", p.made)
	o := &order{
		id: strconv.Itoa(firstID + p.made), pageID: strconv.Itoa(p.made%9 + 1), request: wanted, base: base, cost: wanted.Cost,
		session:   hex[:8] + "-" + hex[8:12] + "-4" + hex[13:16] + "-8" + hex[17:20] + "-" + hex[20:],
		createdAt: now, updatedAt: now, status: inProgress, by: wanted.Settings.Method,
	}
	if o.by.Type == "" {
		o.by = allMethods(p.config.Currencies)[0]
	}
	p.world.Faults.Meet(Name, o.id, wanted.Number, wanted.Cost.String())
	var struck []string
	for _, f := range p.faults.orders {
		if f.create == nil {
			continue
		}
		if rule, ok := p.world.Faults.Take(Name, f.Name, "", o.names()...); ok {
			f.create(rule, o)
			struck = append(struck, f.Name)
		}
	}
	o.note(now, "the shop made it")
	p.byNumber[wanted.Number], p.bySession[o.session] = o, o
	if old, forgot := p.orders.Put(o.id, o); forgot {
		old.epoch++
		delete(p.byNumber, old.request.Number)
		delete(p.bySession, old.session)
	}
	if end := wanted.Settings.TimeLimit; !end.IsZero() {
		p.at(o, end.Sub(p.shopTime()), func() sequel { return p.expire(o) })
	}
	return o, struck
}

func (o *order) names() []string { return []string{o.id, o.request.Number} }

// at makes an appointment for something to happen to an order. What do finds
// then may be another state: it has to look. The caller has the lock.
func (p *Provider) at(o *order, after time.Duration, do func() sequel) {
	epoch := o.epoch
	p.world.Clock.After(after, func(ctx context.Context) {
		p.mu.Lock()
		var next sequel
		if o.epoch == epoch {
			next = do()
		}
		p.mu.Unlock()
		p.callback(ctx, o, next)
	})
}

// move takes the order to a status and writes it down.
func (o *order) move(now time.Time, status, because string) {
	o.status = status
	o.note(now, because)
}

// note writes something down that did not change the status. Of a very long
// story the first step and the latest are kept.
func (o *order) note(now time.Time, because string) {
	o.updatedAt = now
	if len(o.steps) >= maxSteps {
		o.steps = slices.Delete(o.steps, 1, 2)
	}
	o.steps = append(o.steps, step{at: now, because: because, shown: o.show()})
}

// add puts a payment or a refund into the order.
func (o *order) add(p *Provider, kind, status string, cost amount) *item {
	it := &item{
		id: p.world.Hex(12, Name, "payment", o.id, len(o.items)), kind: kind, status: status, cost: cost,
		method: o.by, at: p.world.Clock.Now(),
	}
	o.items = append(o.items, it)
	return it
}

// choose notes by which of the methods, named by its title, the buyer pays.
func (o *order) choose(from []method, title string) {
	if at := slices.IndexFunc(from, func(m method) bool { return m.title() == title }); at >= 0 && o.open() {
		o.by = from[at]
	}
}

// payments are the order's payments in a status, refunds not among them.
func (o *order) payments(status string) []*item {
	var found []*item
	for _, it := range o.items {
		if it.kind == paymentType && it.status == status {
			found = append(found, it)
		}
	}
	return found
}

func (o *order) count(status string) int { return len(o.payments(status)) }

// turn takes the payments that are in one of the given statuses to another.
func (o *order) turn(to string, from ...string) {
	for _, it := range o.items {
		if it.kind == paymentType && slices.Contains(from, it.status) {
			it.status = to
		}
	}
}

// has reports whether there is a completed payment of that id.
func (o *order) has(id string) bool {
	return slices.ContainsFunc(o.payments(completed), func(it *item) bool { return it.id == id })
}

// taken is what completed payments come to.
func (o *order) taken() int64 {
	var sum int64
	for _, it := range o.payments(completed) {
		sum += it.cost.minor
	}
	return sum
}

// left is what can still be refunded, of all payments or of one. Refunds on
// their way count, those that failed do not.
func (o *order) left(id string) int64 {
	var left int64
	for _, it := range o.items {
		switch {
		case it.kind == paymentType && it.status == completed && (id == "" || it.id == id):
			left += it.cost.minor
		case it.kind == refundType && it.status != failed && (id == "" || it.of == id):
			left -= it.cost.minor
		}
	}
	return left
}

// live reports whether the buyer has paid, as far as anybody knows.
func (o *order) live() bool { return o.count(inProgress)+o.count(authorized)+o.count(completed) > 0 }

// open reports whether the buyer can still pay.
func (o *order) open() bool { return o.status == inProgress && !o.live() }

// paid reports whether the money has moved, and not all of it back.
func (o *order) paid() bool { return o.left("") > 0 }

// show is the order as the API shows it now.
func (o *order) show() wireOrder {
	id, _ := strconv.ParseInt(o.id, 10, 64) // it was made of a number
	payments := make([]wireItem, 0, len(o.items))
	for _, it := range o.items {
		shown := wireItem{
			PaymentID: it.id, PaymentType: it.kind, PaymentStatus: it.status, InstrumentType: it.method.Type,
			Cost: wireCost{it.cost.String(), it.cost.currency}, CreatedAt: it.at.Format(utc),
		}
		if it.method.Type == "card" {
			shown.Card = &wireCard{MaskedNumber: "411111******1111"}
		}
		payments = append(payments, shown)
	}
	return wireOrder{
		ID: id, ShopID: o.request.ShopID, OrderNumber: o.request.Number, OrderStatus: o.status,
		Cost: wireCost{o.cost.String(), o.cost.currency}, TimeLimit: timeOf(o.request.Settings.TimeLimit),
		OrderCreatedAt: o.createdAt.Format(utc), OrderPaidAt: timeOf(o.paidAt), AutoCapture: o.request.Settings.AutoCapture,
		Payments: &payments,
	}
}

func timeOf(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.Format(utc)
	return &s
}

// page is where the buyer pays; empty when the order was made without a link.
func (o *order) page() string {
	query := "/payment?" + url.Values{"session-id": {o.session}, "page-id": {o.pageID}}.Encode()
	switch {
	case o.linkless:
		return ""
	case o.pageURL != "":
		return o.pageURL + query
	default:
		return o.base + query
	}
}

// sendTo is where the buyer goes back to.
func (o *order) sendTo() string {
	if o.live() || o.status == completed || o.status == refunded {
		return o.request.Settings.Success
	}
	return o.request.Settings.Failure
}

// seen returns the latest look of the order in a status; empty means now.
func (o *order) seen(status string) (wireOrder, bool) {
	if status == "" {
		return o.show(), true
	}
	for _, s := range slices.Backward(o.steps) {
		if s.shown.OrderStatus == status {
			return s.shown, true
		}
	}
	return wireOrder{}, false
}

func (o *order) view() world.Order {
	// What an order looks like always marshals: it is made of texts and numbers.
	wire, _ := json.Marshal(o.show())
	asked := o.request.Cost
	v := world.Order{
		Provider: Name, Ref: o.id, ExternalID: o.request.Number, Status: o.status, Paid: o.paid(),
		Currency: asked.currency, Minor: asked.minor, Amount: asked.String(),
		ToldCurrency: o.cost.currency, ToldMinor: o.cost.minor, ToldAmount: o.cost.String(),
		Money: o.money(), Notified: o.notified, CreatedAt: o.createdAt, UpdatedAt: o.updatedAt, Page: o.page(),
		Decisions: o.decisions(), Wire: wire,
	}
	if o.taken() > 0 {
		v.ToldMinor = o.taken()
		v.ToldAmount = amount{v.ToldMinor, o.cost.currency}.String()
	}
	for _, s := range o.steps {
		v.Steps = append(v.Steps, world.Step{At: s.at, Status: s.shown.OrderStatus, Because: s.because})
	}
	return v
}

func (o *order) decisions() []string {
	var possible []string
	if o.open() {
		possible = append(possible, "approve", "pay_less", "pay_more", "decline", "abandon", "expire")
	}
	if o.status == inProgress || o.status == needAction {
		possible = append(possible, "fail", "cancel")
	}
	if o.status != completed && o.status != refunded {
		possible = append(possible, "complete")
	}
	if o.status == inProgress && o.count(authorized) > 0 {
		possible = append(possible, "lapse")
	}
	if (o.status == completed || o.status == refunded) && o.left("") > 0 {
		possible = append(possible, "refund")
	}
	return append(possible, "set")
}

// sequel is what follows a change once the lock is free again.
type sequel struct {
	tell   bool   // a callback about the order as it is
	sendTo string // where the browser goes; empty means nowhere
}

// decide takes the order through a decision. The caller has the lock.
func (p *Provider) decide(o *order, d world.Decision) (sequel, error) {
	now := p.world.Clock.Now()
	all := []string{"approve", "pay_less", "pay_more", "decline", "fail", "abandon", "complete", "cancel", "expire", "lapse", "refund", "set"}
	switch {
	case !slices.Contains(all, d.Decision):
		return sequel{}, &world.RefusedError{Says: fmt.Sprintf("there is no decision %q; there are %q", d.Decision, all)}
	case !slices.Contains(o.decisions(), d.Decision):
		return sequel{}, &world.RefusedError{Says: fmt.Sprintf("the order is %s; now it can only be decided %q", o.status, o.decisions())}
	}
	switch d.Decision {
	case "set":
		if err := checkWord(d.Status); err != nil {
			return sequel{}, &world.RefusedError{Says: "the decision set needs a status that " + err.Error()}
		}
		o.move(now, d.Status, "set by hand")
		return sequel{}, nil
	case "approve":
		return p.pay(o, o.request.Cost), nil
	case "pay_less":
		return p.pay(o, amount{max(1, o.cost.minor/2), o.cost.currency}), nil
	case "pay_more":
		return p.pay(o, amount{2 * o.cost.minor, o.cost.currency}), nil
	case "decline":
		p.decline(o)
		return sequel{}, nil
	case "abandon":
		o.note(now, "the buyer left without paying")
		return sequel{sendTo: o.request.Settings.Failure}, nil
	case "expire":
		return p.expire(o), nil
	case "lapse":
		return p.lapse(o), nil
	case "cancel":
		o.turn(cancelled, inProgress, authorized)
		o.move(now, cancelled, "the merchant cancelled it in the panel")
	case "fail":
		return p.fail(o), nil
	case "complete":
		return p.complete(o), nil
	case "refund":
		left := amount{o.left(""), o.cost.currency}
		o.add(p, refundType, completed, left)
		o.move(now, refunded, "the merchant refunded "+left.String()+" in the panel")
	}
	return sequel{tell: true, sendTo: o.sendTo()}, nil
}

// pay does what the buyer's paying does, as far as no fault is in its way: a
// payment shows up, the status stays, and so nobody is called. Then it is
// cleared, or stays reserved until it is captured or lapses. The caller has the
// lock.
func (p *Provider) pay(o *order, cost amount) sequel {
	now := p.world.Clock.Now()
	o.ending = ending{after: p.config.ClearAfter}
	if o.ending.after == 0 {
		o.ending.after = day + p.someSeconds(2*day, "clearing", o.id)
	}
	paysAll := cost == o.cost
	for _, f := range p.faults.orders {
		if f.pay == nil {
			continue
		}
		if rule, ok := p.world.Faults.Take(Name, f.Name, "", o.names()...); ok {
			f.pay(rule, o)
		}
	}
	if paysAll {
		cost = o.cost // the payer, or the provider, has changed it
	}
	o.paidAt = now
	if !o.request.Settings.AutoCapture {
		o.add(p, paymentType, authorized, cost)
		o.note(now, "the buyer paid: the money is reserved")
		p.at(o, p.config.HoldFor, func() sequel { return p.lapse(o) })
	} else {
		it := o.add(p, paymentType, inProgress, cost)
		o.note(now, "the buyer paid: it is being cleared")
		if !o.ending.never {
			p.at(o, o.ending.after, func() sequel { return p.clear(o, it) })
		}
	}
	if o.request.Email != "" {
		o.note(now, "the gateway mailed the buyer a confirmation")
	}
	return sequel{sendTo: o.sendTo()}
}

// someSeconds is a time in whole seconds below limit that depends only on the
// seed and the labels; the world's own jitter is for less than four seconds.
func (p *Provider) someSeconds(limit time.Duration, labels ...any) time.Duration {
	n, _ := strconv.ParseInt(p.world.Hex(8, labels...), 16, 64) // hex digits
	return time.Duration(n) * time.Second % limit
}

// clear ends the clearing of a payment.
func (p *Provider) clear(o *order, it *item) sequel {
	if o.status != inProgress || it.status != inProgress {
		return sequel{}
	}
	it.status = completed
	if o.ending.status == failed {
		it.status = failed
	}
	p.settle(o, "it was cleared")
	return sequel{tell: true}
}

// settle takes an order whose payments are taken to the status that they mean.
func (p *Provider) settle(o *order, because string) {
	status := completed
	switch {
	case o.ending.status != "":
		status = o.ending.status
	case o.taken() != o.cost.minor:
		status = needAction
		because += ", and the sum is not the order's"
	}
	o.move(p.world.Clock.Now(), status, because)
}

// complete has the money there, whatever the order was.
func (p *Provider) complete(o *order) sequel {
	o.turn(completed, inProgress, authorized)
	if o.taken() == 0 {
		o.add(p, paymentType, completed, o.cost)
		o.paidAt = p.world.Clock.Now()
	}
	o.move(p.world.Clock.Now(), completed, "the money is there")
	return sequel{tell: true, sendTo: o.sendTo()}
}

// decline is an attempt that fails while the order stays open.
func (p *Provider) decline(o *order) {
	o.add(p, paymentType, failed, o.cost)
	o.note(p.world.Clock.Now(), "an attempt to pay failed")
}

// fail ends an order because of wrong payment data, or because clearing failed.
func (p *Provider) fail(o *order) sequel {
	if !o.live() {
		o.add(p, paymentType, failed, o.cost)
	}
	o.turn(failed, inProgress, authorized)
	o.move(p.world.Clock.Now(), failed, "the payment failed")
	return sequel{tell: true, sendTo: o.request.Settings.Failure}
}

// expire ends an order that nobody has paid in time.
func (p *Provider) expire(o *order) sequel {
	if !o.open() {
		return sequel{}
	}
	o.move(p.world.Clock.Now(), failed, "nobody paid in time")
	return sequel{tell: true, sendTo: o.request.Settings.Failure}
}

// lapse releases what is reserved. OUR CHOICE: after 28 days, and the order is
// cancelled then.
func (p *Provider) lapse(o *order) sequel {
	if o.status != inProgress || o.count(authorized) == 0 {
		return sequel{}
	}
	o.turn(cancelled, authorized)
	o.move(p.world.Clock.Now(), cancelled, "nobody captured what was reserved")
	return sequel{tell: true}
}

func checkWord(s string) error {
	if s == "" || len(s) > 100 {
		return errors.New("is from 1 to 100 bytes")
	}
	return nil
}
