package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"till/cashier"
	"till/models"
	"till/money"
)

const (
	pastOpenFor = 7 * 24 * time.Hour // an order without money is kept for so long, as at the checkout
	pastWait    = 20 * time.Second   // for a callback to be dealt with; it takes milliseconds
	pastLook    = 5 * time.Millisecond
)

// shiftedClock is the real time, or some time before it.
type shiftedClock struct {
	mu     sync.Mutex
	behind time.Duration
}

func (c *shiftedClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().UTC().Add(-c.behind)
}

// be sets how far the clock is behind. It is only ever set forward.
func (c *shiftedClock) be(behind time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.behind = behind
}

func (c *shiftedClock) catchUp() { c.be(0) }

// past makes orders that happened before the demo began. Everything is done by
// the real parts, on a clock that is behind: orders are placed, the cashier
// opens them at the sandbox over HTTP, the sandbox's buyers decide, its
// callbacks come in at the shop's door, and jobs settle them.
type past struct {
	*demo
	http     *http.Client
	products map[string]models.Product
	orders   *models.Orders
	steps    []step
}

// step is something that happened some time before now.
type step struct {
	ago time.Duration
	do  func(ctx context.Context) error
}

// pastOrder is an order while its past is being told.
type pastOrder struct {
	models.Order
	payment models.Payment
	former  models.Payment // the one before it
}

type buyer struct {
	name, email string
	address     models.Address
}

type piece struct {
	slug     string
	quantity int64
}

// way is how an order is paid.
type way struct {
	provider, method string
	reserve          bool // the money is reserved first
}

// remember gives the shop a past, unless it has one.
func (d *demo) remember(ctx context.Context) error {
	p := &past{demo: d, http: &http.Client{Timeout: pastWait}, products: map[string]models.Product{}, orders: models.NewOrders(d.db)}
	defer p.http.CloseIdleConnections()
	if rows, _, err := p.orders.List(ctx, models.OrderFilter{Limit: 1}); err != nil || len(rows) > 0 {
		return err
	}
	products, err := models.NewProducts(d.db).All(ctx)
	if err != nil {
		return err
	}
	for _, one := range products {
		p.products[one.Slug] = one
	}
	p.tell()
	slices.SortStableFunc(p.steps, func(a, b step) int { return cmp.Compare(b.ago, a.ago) })
	for _, s := range p.steps {
		d.clock.be(s.ago)
		if err := s.do(ctx); err != nil {
			return err
		}
	}
	d.clock.catchUp()
	return p.control(ctx, http.MethodDelete, "/control/faults", nil, nil)
}

// tell is the past itself, order by order.
func (p *past) tell() {
	const hour, day = time.Hour, 24 * time.Hour
	mere := buyer{"Mere Tautahi", "mere.tautahi@mail.test", models.Address{Line1: "12 Rātā Street", City: "Nelson", Postcode: "7010", Country: "NZ"}}
	tom := buyer{"Tom Aldridge", "tom.aldridge@mail.test", models.Address{Line1: "4 Marine Parade", Line2: "Flat 2", City: "Napier", Postcode: "4110", Country: "NZ"}}
	grace := buyer{"Grace Kwaimani", "grace@kwaimani.test", models.Address{Line1: "Mendana Avenue", City: "Honiara", Country: "SB"}}
	june := buyer{"June Park", "june.park@mail.test", models.Address{Line1: "2210 Alder Street", City: "Portland", Region: "OR", Postcode: "97205", Country: "US"}}
	wiremu := buyer{"Wiremu Hohepa", "wiremu@hohepa.test", models.Address{Line1: "88 Karangahape Road", City: "Auckland", Postcode: "1010", Country: "NZ"}}
	lea := buyer{"Léa Moreau", "lea.moreau@mail.test", models.Address{Line1: "14 rue des Capucins", City: "Lyon", Postcode: "69001", Country: "FR"}}
	marta := buyer{"Marta Bianchi", "marta@bianchi.test", models.Address{Line1: "Via Po 27", City: "Torino", Postcode: "10124", Country: "IT"}}

	iumi, transfer, card := way{provider: "iumicash"}, way{provider: "powens"}, way{provider: "gate", method: "card"}
	stripe, satispay := way{provider: "pgm", method: "stripe/credit-cards"}, way{provider: "pgm", method: "satispay/satispay"}
	slowCard := way{provider: "vertex", method: "card/alps/lyra/cnp/redirect"}
	held := way{provider: "gate", method: "card", reserve: true}

	p.paid(9*day+5*hour, p.order(9*day+5*hour, mere, iumi, "NZD", piece{"stoneware-mug", 2}, piece{"olive-oil", 1}))
	p.paid(8*day+9*hour, p.order(8*day+9*hour, lea, transfer, "EUR", piece{"manuka-honey", 3}))

	cleared := p.order(8*day+2*hour, june, slowCard, "USD", piece{"linen-tea-towel", 3}) // the money takes a day and a half
	p.paid(8*day+2*hour, cleared)
	p.at(8*day+hour-demoClearing, func(ctx context.Context) error { return p.heard(ctx, cleared) })

	nobody := p.order(7*day+20*hour, tom, iumi, "NZD", piece{"harakeke-basket", 1}) // left at iumiCash's page, and given up a week later
	p.at(20*hour-time.Minute, func(ctx context.Context) error {
		return p.decidedly(ctx, nobody, func(ctx context.Context) error {
			if err := p.cashier.Expire(ctx, nobody.ID); err != nil && !errors.Is(err, models.ErrNotPayable) { // a job expires it, too
				return err
			}
			order, err := p.orders.ByNumber(ctx, nobody.ID)
			if err == nil && order.ExpiredAt == nil {
				err = cashier.ErrUndecided
			}
			return err
		})
	})

	other := p.order(6*day+22*hour, marta, stripe, "EUR", piece{"stoneware-mug", 1}, piece{"olive-oil", 2}) // too late on one page, and paid on another
	p.decided(6*day+22*hour-2*time.Minute, other, "expire")
	p.again(6*day+22*hour-5*time.Minute, other, satispay)
	p.paid(6*day+22*hour-5*time.Minute, other)

	twice := p.refused(6*day, grace, "SBD", "create_balance_low", piece{"glazed-bowl", 1})
	p.again(6*day-20*time.Minute, twice, iumi)
	p.paid(6*day-20*time.Minute, twice)

	gone := p.order(5*day+3*hour, wiremu, card, "NZD", piece{"wool-blanket", 1})
	p.cancelled(5*day+2*hour, gone)

	p.paid(4*day+20*hour, p.order(4*day+20*hour, tom, held, "NZD", piece{"kauri-bread-board", 2})) // reserved, and to be taken by somebody

	unsure := p.order(4*day+7*hour, june, iumi, "USD", piece{"brass-hook", 4})
	p.decided(4*day+7*hour-2*time.Minute, unsure, "cancel")

	silent := p.order(3*day+9*hour, lea, transfer, "EUR", piece{"beeswax-candle", 2}, piece{"linen-tea-towel", 2}) // the bank took it and will say no more
	p.strike(3*day+9*hour-time.Minute, silent, "order_accepted")
	p.paid(3*day+9*hour, silent)

	p.refused(3*day+hour, tom, "NZD", "create_payment_limit", piece{"wool-blanket", 1}, piece{"kauri-bread-board", 1})

	lost := p.order(2*day+4*hour, mere, iumi, "NZD", piece{"manuka-honey", 1}, piece{"beeswax-candle", 2}) // neither callback nor return: the timer found it
	p.strike(2*day+4*hour-time.Minute, lost, "callback_lost")
	p.at(2*day+4*hour-time.Minute, func(ctx context.Context) error {
		if err := p.decide(ctx, lost, "approve"); err != nil {
			return err
		}
		_, err := p.cashier.Settle(ctx, lost.payment.ID, cashier.Timer)
		return err
	})

	p.paid(20*hour+30*time.Minute, p.order(20*hour+30*time.Minute, wiremu, slowCard, "NZD", piece{"glazed-bowl", 2})) // and the money takes until tomorrow

	wrong := p.order(day+6*hour, grace, iumi, "SBD", piece{"beeswax-candle", 1}, piece{"olive-clay-soap", 2}) // the provider says another amount
	p.strike(day+6*hour-time.Minute, wrong, "order_wrong_amount")
	p.paid(day+6*hour, wrong)

	declined := p.order(21*hour, marta, card, "EUR", piece{"harakeke-basket", 1}) // may be tried again on the same page
	p.decided(21*hour-2*time.Minute, declined, "decline")

	double := p.order(15*hour, wiremu, iumi, "NZD", piece{"stoneware-mug", 4})
	p.strike(15*hour-time.Minute, double, "callback_doubled")
	p.paid(15*hour, double)

	p.paid(8*hour, p.order(8*hour, june, card, "USD", piece{"brass-hook", 2}, piece{"garden-seeds", 3}))

	slow := p.order(3*hour, tom, iumi, "NZD", piece{"garden-seeds", 2}, piece{"brass-hook", 1}) // agreed to; the money is on its way
	p.strike(3*hour-time.Minute, slow, "order_stays_approved")
	p.paid(3*hour, slow)

	late := p.order(2*day+12*hour, june, card, "USD", piece{"beeswax-candle", 3}) // cancelled, then paid all the same: Till gave it back by itself
	p.cancelled(2*day+11*hour, late)
	p.decided(2*day+10*hour, late, "complete")
	p.at(2*day+10*hour, func(ctx context.Context) error { return p.heard(ctx, late) }) // of the refund, too

	both := p.order(day+20*hour, tom, iumi, "NZD", piece{"brass-hook", 2}) // the first way to pay came through after the second
	p.again(day+20*hour-5*time.Minute, both, card)
	p.paid(day+20*hour-5*time.Minute, both)
	p.at(day+18*hour, func(ctx context.Context) error {
		return p.decide(ctx, &pastOrder{Order: both.Order, payment: both.former}, "complete")
	})

	disputed := p.order(8*day+20*hour, wiremu, card, "NZD", piece{"kauri-bread-board", 1})
	p.paid(8*day+20*hour, disputed)
	p.decided(day+10*hour, disputed, "chargeback")

	market := p.order(3*day+5*hour, mere, iumi, "NZD", piece{"olive-oil", 2})
	p.at(2*day+22*hour, func(ctx context.Context) error {
		return p.decidedly(ctx, market, func(ctx context.Context) error {
			return p.cashier.Received(ctx, market.ID, "paid in cash at the Saturday market", theOwner)
		})
	})

	taken := p.order(6*day+2*hour, wiremu, held, "NZD", piece{"linen-tea-towel", 4})
	p.paid(6*day+2*hour, taken)
	p.does(5*day+20*hour, taken, models.Reservation{Kind: models.OperationCapture}, models.OperationSucceeded)

	returned := p.order(7*day+4*hour, june, card, "USD", piece{"glazed-bowl", 2})
	p.paid(7*day+4*hour, returned)
	p.does(5*day+6*hour, returned, models.Reservation{
		Kind: models.OperationRefund, Note: "the bowls are too small, and came back", Lines: []models.RefundLine{{Position: 0, Quantity: 2, Restock: true}},
	}, models.OperationSucceeded)

	mugs := p.order(5*day+9*hour, marta, stripe, "EUR", piece{"beeswax-candle", 2}, piece{"stoneware-mug", 3}) // one of the mugs came back
	p.paid(5*day+9*hour, mugs)
	p.does(4*day+2*hour, mugs, models.Reservation{
		Kind: models.OperationRefund, Amount: money.Amount{Minor: 2100, Currency: "EUR"}, Note: "one mug too many",
		Lines: []models.RefundLine{{Position: 1, Quantity: 1, Restock: true}},
	}, models.OperationSucceeded)

	stuck := p.order(4*day+12*hour, lea, card, "EUR", piece{"glazed-bowl", 2}) // the bank took the refund, and gave it up later
	p.paid(4*day+12*hour, stuck)
	p.at(3*day+20*hour, func(ctx context.Context) error { return p.faultFor(ctx, stuck, "refund_fails", time.Hour) })
	p.does(3*day+20*hour, stuck, models.Reservation{Kind: models.OperationRefund, Note: "they never arrived"}, models.OperationRequested)
	p.at(3*day+18*hour, func(ctx context.Context) error { return p.heard(ctx, stuck) })

	undone := p.order(14*hour, lea, card, "EUR", piece{"manuka-honey", 1})
	p.paid(14*hour, undone)
	p.does(12*hour, undone, models.Reservation{Kind: models.OperationReverse, Note: "ordered by mistake"}, models.OperationSucceeded)

	p.order(25*time.Minute, lea, stripe, "EUR", piece{"manuka-honey", 2}) // at Stripe's page now
	p.paid(12*time.Minute, p.order(12*time.Minute, mere, iumi, "NZD", piece{"olive-clay-soap", 1}, piece{"linen-tea-towel", 1}))
}

func (p *past) at(ago time.Duration, do func(ctx context.Context) error) {
	p.steps = append(p.steps, step{ago, do})
}

// order has a buyer place an order and be sent to the provider's page.
func (p *past) order(ago time.Duration, by buyer, pay way, currency money.Currency, pieces ...piece) *pastOrder {
	o := &pastOrder{}
	p.at(ago, func(ctx context.Context) error {
		if err := p.place(ctx, o, by, pay, currency, pieces); err != nil {
			return err
		}
		return p.start(ctx, o)
	})
	return o
}

// refused is order with a start that iumiCash refuses.
func (p *past) refused(ago time.Duration, by buyer, currency money.Currency, fault string, pieces ...piece) *pastOrder {
	o := &pastOrder{}
	p.at(ago, func(ctx context.Context) error {
		if err := p.place(ctx, o, by, way{provider: "iumicash"}, currency, pieces); err != nil {
			return err
		}
		if err := p.fault(ctx, o, fault); err != nil {
			return err
		}
		if err := p.start(ctx, o); err == nil {
			return fmt.Errorf("order %s was not refused", o.Number())
		}
		return nil
	})
	return o
}

// strike has a fault strike an order once.
func (p *past) strike(ago time.Duration, o *pastOrder, fault string) {
	p.at(ago, func(ctx context.Context) error { return p.fault(ctx, o, fault) })
}

// decided has something be decided at the provider, and nobody come back.
func (p *past) decided(ago time.Duration, o *pastOrder, decision string) {
	p.at(ago, func(ctx context.Context) error { return p.decide(ctx, o, decision) })
}

// again has an order that was not paid be paid in another way, or in the same
// once more.
func (p *past) again(ago time.Duration, o *pastOrder, by way) {
	p.at(ago, func(ctx context.Context) error {
		pay, err := p.cashier.Pay(ctx, o.ID, by.provider, by.method, models.Cause{Actor: "shopper", Source: "order page"})
		o.former, o.payment = o.payment, pay
		return err
	})
}

// paid has a buyer approve a minute after the order, and come back.
func (p *past) paid(ago time.Duration, o *pastOrder) {
	p.at(ago-time.Minute, func(ctx context.Context) error {
		if err := p.decide(ctx, o, "approve"); err != nil {
			return err
		}
		_, err := p.cashier.Settle(ctx, o.payment.ID, models.Cause{Actor: "shopper", Source: "return page"})
		return err
	})
}

// does has staff ask for something about an order's payment, and waits until it
// has come to the given state.
func (p *past) does(ago time.Duration, o *pastOrder, r models.Reservation, want models.OperationState) {
	p.at(ago, func(ctx context.Context) error {
		r.PaymentID, r.Key, r.Cause = o.payment.ID, uuid.NewString(), theOwner
		op, err := p.cashier.Do(ctx, r)
		if err != nil {
			return err
		}
		err = p.until(ctx, o, func(ctx context.Context) (bool, error) { // the timer may be at it instead
			op, err := models.NewPayments(p.db).Operation(ctx, op.ID)
			return op.State == want && (!op.Open() || op.PendingAt != nil), err
		})
		return errors.Join(err, p.heard(ctx, o))
	})
}

// theOwner is who works at the demo's dashboard.
var theOwner = models.Cause{Actor: "staff " + demoStaff, Source: "dashboard"}

func (p *past) place(ctx context.Context, o *pastOrder, by buyer, pay way, currency money.Currency, pieces []piece) error {
	placement := models.Placement{
		Order: models.Order{
			Token: rand.Text(), CheckoutKey: rand.Text(), Email: by.email, Name: by.name, Address: by.address,
			Total: money.Amount{Currency: currency}, Test: true, DueAt: p.clock.now().Add(pastOpenFor),
		},
		Payment: p.cashier.NewPayment(pay.provider, pay.method),
	}
	if pay.reserve {
		placement.Payment.Capture = models.CaptureManual
	}
	for _, one := range pieces {
		product := p.products[one.slug]
		unit, ok := product.In(currency)
		if !ok {
			return fmt.Errorf("%s has no price in %s", one.slug, currency)
		}
		sum, err := unit.Mul(one.quantity)
		if err == nil {
			placement.Order.Total, err = placement.Order.Total.Add(sum)
		}
		if err != nil {
			return err
		}
		placement.Lines = append(placement.Lines, models.OrderLine{
			ProductID: product.ID, Slug: product.Slug, Name: product.Name, Picture: product.Picture, UnitMinor: unit.Minor, Quantity: one.quantity,
		})
	}
	placement.Order.Fingerprint = models.Fingerprint(by.email, placement.Lines)
	order, _, err := p.orders.Place(ctx, placement, models.Cause{Actor: "shopper", Source: "checkout"})
	o.Order, o.payment.ID, o.payment.Provider = order, placement.Payment.ID, pay.provider
	return err
}

func (p *past) start(ctx context.Context, o *pastOrder) error {
	pay, err := p.cashier.Start(ctx, o.payment.ID, models.Cause{Actor: "shopper", Source: "checkout"})
	o.payment = pay
	return err
}

// decide does what the buyer does on the provider's page, and sees to it that the
// shop has dealt with the callback about it.
func (p *past) decide(ctx context.Context, o *pastOrder, decision string) error {
	err := p.control(ctx, http.MethodPost, "/control/orders/"+o.payment.Provider+"/"+o.payment.Ref+"/decisions", map[string]any{"decision": decision}, nil)
	return errors.Join(err, p.heard(ctx, o))
}

func (p *past) fault(ctx context.Context, o *pastOrder, fault string) error {
	return p.faultFor(ctx, o, fault, 0)
}

// faultFor is fault for one that takes a while.
func (p *past) faultFor(ctx context.Context, o *pastOrder, fault string, delay time.Duration) error {
	wish := map[string]any{"provider": o.payment.Provider, "fault": fault, "order": o.payment.ID, "times": 1}
	if delay > 0 {
		wish["delay"] = delay.String()
	}
	return p.control(ctx, http.MethodPost, "/control/faults", wish, nil)
}

// heard waits until the sandbox has nothing more to deliver, and until the jobs
// have dealt with what it delivered about an order.
func (p *past) heard(ctx context.Context, o *pastOrder) error {
	if err := p.control(ctx, http.MethodPost, "/control/drain", map[string]any{}, nil); err != nil {
		return err
	}
	var sent struct {
		Deliveries []struct{ State, Body string }
	}
	if err := p.control(ctx, http.MethodGet, "/control/deliveries?order="+url.QueryEscape(o.payment.Ref), nil, &sent); err != nil {
		return err
	}
	events := map[string]bool{} // the same bytes twice are one event
	for _, d := range sent.Deliveries {
		if d.State == "delivered" {
			events[d.Body] = true
		}
	}
	return p.dealtWith(ctx, o, len(events))
}

// dealtWith waits until so many callbacks about an order's payment were followed
// by a settling.
func (p *past) dealtWith(ctx context.Context, o *pastOrder, events int) error {
	return p.until(ctx, o, func(ctx context.Context) (bool, error) {
		all, err := models.NewDeliveries(p.db).OfOrder(ctx, o.ID)
		all = slices.DeleteFunc(all, func(d models.Delivery) bool {
			return d.Verdict != models.DeliverySettled || d.PaymentID == nil || *d.PaymentID != o.payment.ID
		})
		return len(all) >= events, err
	})
}

// until looks at an order, or tries something, until it is done.
func (*past) until(ctx context.Context, o *pastOrder, done func(ctx context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, pastWait)
	defer cancel()
	tick := time.NewTicker(pastLook)
	defer tick.Stop()
	for {
		if ok, err := done(ctx); err != nil || ok {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("what was to happen to order %s did not: %w", o.Number(), ctx.Err())
		}
	}
}

// decidedly does something about an order as soon as its payment is decided: the
// timer may be asking the provider the same at this moment.
func (p *past) decidedly(ctx context.Context, o *pastOrder, do func(ctx context.Context) error) error {
	err := p.until(ctx, o, func(ctx context.Context) (bool, error) {
		err := do(ctx)
		if errors.Is(err, cashier.ErrUndecided) {
			return false, nil
		}
		return true, err
	})
	return errors.Join(err, p.heard(ctx, o))
}

// cancelled has the shopper cancel an order on its page.
func (p *past) cancelled(ago time.Duration, o *pastOrder) {
	p.at(ago, func(ctx context.Context) error {
		return p.decidedly(ctx, o, func(ctx context.Context) error {
			return p.cashier.Cancel(ctx, o.ID, "the shopper cancelled it", models.Cause{Actor: "shopper", Source: "order page"})
		})
	})
}

// control asks the sandbox for something, as its console would. What it answers
// is read into answer unless that is nil.
func (p *past) control(ctx context.Context, method, path string, body, answer any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, urlOf(p.boxLn)+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := p.http.Do(req)
	if err != nil {
		return err
	}
	raw, err = io.ReadAll(io.LimitReader(res.Body, 1<<20))
	err = errors.Join(err, res.Body.Close())
	if err == nil && res.StatusCode >= http.StatusMultipleChoices {
		err = fmt.Errorf("sandbox: %s %s: %d %s", method, path, res.StatusCode, raw)
	}
	if err == nil && answer != nil {
		err = json.Unmarshal(raw, answer)
	}
	return err
}
