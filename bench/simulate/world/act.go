package world

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"till/models"
	"till/money"
	"till/sandbox"
)

const (
	mostOrders = 5   // of one run: few orders meet each other more often
	mostThings = 400 // that fall due while time passes
)

// deed is something that can happen, and how often it does.
type deed struct {
	weight int
	do     func(*world)
	alone  bool // never while somebody waits for an answer
}

func deeds() []deed {
	return []deed{
		{11, (*world).place, true},
		{22, (*world).buyerDecides, false},
		{8, (*world).comesBack, false},
		{7, (*world).paysAgain, false},
		{3, (*world).sendsAgain, false},
		{4, (*world).shopperCancels, false},
		{11, (*world).operates, false},
		{6, (*world).takes, false},
		{4, (*world).staffCancels, false},
		{1, (*world).receives, false},
		{3, (*world).asks, false},
		{4, (*world).clears, false},
		{3, (*world).repeatsOrForgets, false},
		{9, (*world).bankDecides, false},
		{16, (*world).rings, false},
		{9, (*world).ticks, false},
		{2, (*world).forges, false},
		{2, (*world).housekeeps, false},
		{8, (*world).timePasses, true},
	}
}

// step is one thing that happens, and what of the invariants can be seen at
// once.
func (w *world) step(n int) error {
	w.foretell()
	w.clock.pass(time.Duration(w.rng.IntN(3000)) * time.Millisecond)
	w.note("%d.", n)
	w.guard("a step", w.act)
	if err := w.bury(); err != nil {
		return err
	}
	w.glance()
	return nil
}

// act draws what happens, and has it happen.
func (w *world) act() {
	total := 0
	all := slices.DeleteFunc(deeds(), func(d deed) bool { return d.alone && w.depth > 0 })
	for _, d := range all {
		total += d.weight
	}
	lot := w.rng.IntN(total)
	for _, d := range all {
		if lot -= d.weight; lot < 0 {
			d.do(w)
			return
		}
	}
}

// till is the process that serves whoever acts now.
func (w *world) till() *process {
	if w.depth > 0 {
		return w.other
	}
	return w.shop
}

// place has a shopper order and be sent to a provider.
func (w *world) place() {
	if w.result.Orders >= mostOrders {
		w.buyerDecides()
		return
	}
	var lines []models.OrderLine
	total := int64(0)
	for _, at := range w.rng.Perm(len(w.products))[:1+w.rng.IntN(len(w.products))] {
		p := w.products[at]
		price, _ := p.In("EUR")
		l := models.OrderLine{ProductID: p.ID, Slug: p.Slug, Name: p.Name, Picture: p.Picture, UnitMinor: price.Minor, Quantity: int64(1 + w.rng.IntN(2))}
		lines, total = append(lines, l), total+l.UnitMinor*l.Quantity
	}
	provider, method := w.chooses()
	pay := w.till().NewPayment(provider, method)
	email := fmt.Sprintf("buyer%d@example.test", w.result.Orders)
	order := models.Order{
		Token: w.newID(), Fingerprint: models.Fingerprint(email, lines), Email: email, Name: "Ann Lee",
		Address: models.Address{Line1: "1 Kauri Road", City: "Nelson", Postcode: "7010", Country: "NZ"},
		Total:   money.Amount{Minor: total, Currency: "EUR"}, DueAt: w.clock.now().Add(7 * 24 * time.Hour),
	}
	order.CheckoutKey = models.CheckoutKey(w.newID(), order, lines)
	w.result.Orders++
	w.note("a shopper orders for %d and pays at %s %s", total, provider, method)
	placed, _, err := w.orders.Place(w.ctx, models.Placement{Order: order, Lines: lines, Payment: pay}, shopper("checkout"))
	if err != nil {
		w.heard("place", err)
		return
	}
	w.focus = pay.ID
	_, err = w.till().Pay(w.ctx, placed.ID, provider, method, shopper("checkout"))
	w.heard("pay", err)
}

// chooses draws a provider, and one of its methods.
func (w *world) chooses() (provider, method string) {
	p, _ := pick(w, w.shop.providers)
	method, _ = pick(w, w.shop.methods[p.Name()])
	return p.Name(), method
}

func shopper(source string) models.Cause { return models.Cause{Actor: "shopper", Source: source} }

var staff = models.Cause{Actor: "staff ann@example.test", Source: "dashboard"}

// one is a payment that somebody acts on: often the one in hand.
func (w *world) one() (models.Payment, bool) {
	if w.focus != "" && w.chance(50) {
		p, err := w.payments.ByID(w.ctx, w.focus)
		return p, err == nil
	}
	all := w.everyPayment()
	id, ok := pick(w, all)
	if !ok {
		return models.Payment{}, false
	}
	p, err := w.payments.ByID(w.ctx, id)
	w.take(id)
	return p, err == nil
}

// take makes a payment the one in hand.
func (w *world) take(id string) {
	if w.depth == 0 {
		w.focus = id
	}
}

// everyPayment lists the payments in the order in which they were made.
func (w *world) everyPayment() []string { return w.texts("SELECT id FROM payments ORDER BY rowid") }

func (w *world) texts(query string, args ...any) (all []string) {
	rows, err := w.queue.pool.QueryContext(w.ctx, query, args...)
	if err != nil {
		return nil
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var one string
		if rows.Scan(&one) == nil {
			all = append(all, one)
		}
	}
	if rows.Err() != nil {
		return nil
	}
	return all
}

// waits reports whether whoever starts or looks for a payment would only wait
// for a process that is at it, or died over it. The shop does so in real time.
func (w *world) waits(p models.Payment) bool {
	if p.Ref != "" || p.State != models.PaymentCreated && p.State != models.PaymentUnknown {
		return false
	}
	op, err := w.payments.Start(w.ctx, p.ID)
	if err != nil || !op.Claimed(w.clock.now()) {
		return false
	}
	w.note("payment %s is being started: waited in vain", p.ID)
	if w.depth == 0 {
		w.clock.pass(5 * time.Second)
	}
	return true
}

// buyerDecides has a buyer do something on a provider's page.
func (w *world) buyerDecides() {
	w.decides("the buyer", func(o sandbox.Order) []string {
		var all []string
		for _, d := range o.Decisions {
			switch d {
			case "approve":
				all = append(all, d, d, d, d, d, d)
			case "decline", "cancel", "reject", "leave", "abandon", "pend", "view":
				all = append(all, d)
			}
		}
		return all
	})
}

// bankDecides has the bank, time, or the provider's own staff do something.
func (w *world) bankDecides() {
	w.decides("the provider", func(o sandbox.Order) []string {
		return slices.DeleteFunc(slices.Clone(o.Decisions), func(d string) bool {
			switch d {
			case "set", "view", "forget_card", "cancel_subscription", "abandon":
				return true
			default:
				return false
			}
		})
	})
}

func (w *world) decides(who string, possible func(sandbox.Order) []string) {
	var all []sandbox.Order
	for _, o := range w.box.Orders(0) {
		if len(possible(o)) > 0 {
			all = append(all, o)
		}
	}
	o, ok := pick(w, all)
	if !ok {
		return
	}
	decision, _ := pick(w, possible(o))
	after, _, err := w.box.Decide(w.ctx, o.Provider, o.Ref, decision)
	switch decision {
	case "refund", "refund_part", "refund_done", "refund_fail", "refund_failed", "refund_reverse", "reverse", "reversal_done", "reversal_fail":
		w.touched[o.Provider+"/"+o.Ref] = true
	}
	w.note("%s: %s at %s %s: %s -> %s", who, decision, o.Provider, o.ExternalID, o.Status, after.Status)
	var refused *sandbox.RefusedError
	if err != nil && !errors.As(err, &refused) {
		w.broken("surprise", "%s at %s: %v", decision, o.Provider, err)
	}
	if err == nil && w.depth == 0 && w.chance(45) {
		w.focus, w.news = o.ExternalID, true
		w.comesBack()
	}
}

// comesBack is the return page, which asks, and waits for 4 seconds.
func (w *world) comesBack() {
	p, ok := w.one()
	if !ok {
		return
	}
	w.note("the shopper comes back to %s", p.ID)
	_, err := w.till().Settle(w.ctx, p.ID, shopper("return page"))
	w.heard("return page", err)
}

// paysAgain is the button on the order's page.
func (w *world) paysAgain() {
	p, ok := w.one()
	if !ok || w.waits(w.live(p)) {
		return
	}
	provider, method := w.chooses()
	w.note("the shopper pays order %d again, at %s", p.OrderID, provider)
	_, err := w.till().Pay(w.ctx, p.OrderID, provider, method, shopper("order page"))
	w.heard("pay again", err)
}

// live is the order's payment that is being made, or the one given.
func (w *world) live(p models.Payment) models.Payment {
	for _, id := range w.texts("SELECT id FROM payments WHERE order_id = ? AND live", p.OrderID) {
		if one, err := w.payments.ByID(w.ctx, id); err == nil {
			return one
		}
	}
	return p
}

// sendsAgain is the same choice again: a double click, or a reload.
func (w *world) sendsAgain() {
	p, ok := w.one()
	if !ok {
		return
	}
	p = w.live(p)
	if w.waits(p) {
		return
	}
	w.note("the shopper presses pay again for order %d", p.OrderID)
	_, err := w.till().Pay(w.ctx, p.OrderID, p.Provider, p.Method, shopper("order page"))
	if p.Provider != models.Outside {
		w.heard("pay", err)
	}
}

func (w *world) shopperCancels() {
	if p, ok := w.one(); ok {
		w.note("the shopper cancels order %d", p.OrderID)
		w.heard("cancel", w.till().Cancel(w.ctx, p.OrderID, "changed my mind", shopper("order page")))
	}
}

func (w *world) staffCancels() {
	if p, ok := w.one(); ok {
		w.note("staff cancel order %d", p.OrderID)
		w.heard("cancel", w.till().Cancel(w.ctx, p.OrderID, "out of stock", staff))
	}
}

func (w *world) receives() {
	if p, ok := w.one(); ok {
		w.note("staff say that order %d was paid outside", p.OrderID)
		w.heard("received", w.till().Received(w.ctx, p.OrderID, "in cash", staff))
	}
}

func (w *world) asks() {
	p, ok := w.one()
	if !ok || w.waits(p) {
		return
	}
	w.note("staff ask about %s", p.ID)
	_, err := w.till().Settle(w.ctx, p.ID, staff)
	w.heard("ask", err)
}

// operates has staff capture, void, refund or reverse, as the dashboard offers.
func (w *world) operates() {
	p, ok := w.one()
	if !ok {
		return
	}
	if w.chance(60) {
		if one, ok := w.oneOf("'paid', 'authorized', 'mismatch'"); ok {
			p = one
		}
	}
	w.operate(p)
}

// takes has staff look at money that is only reserved.
func (w *world) takes() {
	if p, ok := w.oneOf("'authorized'"); ok {
		w.operate(p)
		return
	}
	w.buyerDecides()
}

// oneOf is a payment in one of the states, which are written as SQL has them.
func (w *world) oneOf(states string) (models.Payment, bool) {
	id, ok := pick(w, w.texts("SELECT id FROM payments WHERE state IN ("+states+") ORDER BY rowid"))
	if !ok {
		return models.Payment{}, false
	}
	w.take(id)
	p, err := w.payments.ByID(w.ctx, id)
	return p, err == nil
}

func (w *world) operate(p models.Payment) {
	can := w.till().Powers(p)
	var all []models.Reservation
	add := func(when bool, r models.Reservation, weight int) {
		for range weight {
			if when {
				all = append(all, r)
			}
		}
	}
	half := func(a money.Amount) money.Amount {
		return money.Amount{Minor: 1 + w.rng.Int64N(max(a.Minor, 1)), Currency: a.Currency}
	}
	add(can.Capture, models.Reservation{Kind: models.OperationCapture}, 3)
	add(can.CaptureParts, models.Reservation{Kind: models.OperationCapture, Amount: half(can.Held)}, 2)
	add(can.Void, models.Reservation{Kind: models.OperationVoid}, 1)
	add(can.Refund, models.Reservation{Kind: models.OperationRefund}, 2)
	add(can.Refund, models.Reservation{Kind: models.OperationRefund, Amount: half(can.Left)}, 4)
	add(can.Refund, models.Reservation{Kind: models.OperationRefund, Amount: p.Amount}, 1) // more than is left, maybe
	add(can.Record, models.Reservation{Kind: models.OperationRefund, Amount: half(can.Left), Done: true}, 1)
	add(can.Reverse, models.Reservation{Kind: models.OperationReverse}, 1)
	r, ok := pick(w, all)
	if !ok {
		return
	}
	r.PaymentID, r.Key, r.Note, r.Cause = p.ID, w.newKey(), "as asked for", staff
	if r.Kind == models.OperationRefund && w.chance(30) {
		r.Lines = []models.RefundLine{{Position: 0, Quantity: 1, Restock: w.chance(50)}}
	}
	times := 1
	if w.chance(15) {
		times = 2 // a double click
	}
	for range times {
		op, err := w.till().Do(w.ctx, r)
		w.note("staff %s %s of %s: %s %s", r.Kind, r.Amount, p.ID, op.State, op.Code)
		w.heard(string(r.Kind), err)
	}
}

// clears has staff look at the inbox, and accept something as it is.
func (w *world) clears() {
	items, err := w.inbox.Open(w.ctx, 0, 100)
	item, ok := pick(w, items)
	if err != nil || !ok || item.OrderID == nil {
		return
	}
	w.note("staff accept %s of %s", item.Kind, item.Subject)
	err = w.till().Accept(w.ctx, item.ID, "so be it", staff)
	if !errors.Is(err, models.ErrStale) {
		w.heard("accept", err)
	}
}

// repeatsOrForgets has staff decide about an operation without an answer.
func (w *world) repeatsOrForgets() {
	ids := w.numbers("SELECT id FROM operations WHERE kind <> 'start' AND state = 'unknown' ORDER BY id")
	id, ok := pick(w, ids)
	if !ok {
		return
	}
	if w.chance(70) {
		w.note("staff repeat operation %d", id)
		_, err := w.till().Repeat(w.ctx, id, staff)
		w.heard("repeat", err)
		return
	}
	op, err := w.payments.Operation(w.ctx, id)
	if err != nil || w.didHappen(op) {
		return // they look before they say that it did not
	}
	w.note("staff forget operation %d", id)
	w.heard("forget", w.till().Forget(w.ctx, id, "not done, says the provider", staff))
}

// didHappen reports whether a person who looks at the provider's own pages may
// see that an operation was done.
func (w *world) didHappen(op models.Operation) bool {
	p, err := w.payments.ByID(w.ctx, op.PaymentID)
	if err != nil {
		return true
	}
	o, err := w.box.Order(p.Provider, p.Ref)
	return err != nil || len(o.Money.Refunds) > 0 || op.Kind != models.OperationRefund
}

func (w *world) numbers(query string, args ...any) (all []int64) {
	rows, err := w.queue.pool.QueryContext(w.ctx, query, args...)
	if err != nil {
		return nil
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var one int64
		if rows.Scan(&one) == nil {
			all = append(all, one)
		}
	}
	if rows.Err() != nil {
		return nil
	}
	return all
}

// rings brings callbacks, late ones among them, and does their jobs.
func (w *world) rings() {
	if len(w.late) > 0 && w.chance(60) {
		w.comesLate()
	}
	for range 1 + w.rng.IntN(4) {
		if !w.box.Step(w.ctx) {
			break
		}
	}
	if w.chance(80) {
		w.work(1 + w.rng.IntN(3))
	}
}

// comesLate delivers one of the callbacks that are on their way: not the oldest.
func (w *world) comesLate() {
	at := w.rng.IntN(len(w.late))
	l := w.late[at]
	w.late = slices.Delete(w.late, at, at+1)
	w.note("a late callback")
	if got := w.deliver(l); got == nil || got.Code >= 300 {
		w.miss(l) // nobody sends it again
	}
}

// ticks has the timer ask what is due.
func (w *world) ticks() {
	w.sweep(1 + w.rng.IntN(4))
	w.work(1)
}

// housekeeps does what the shop does every minute.
func (w *world) housekeeps() {
	w.heard("expire", w.till().ExpireOrders(w.ctx))
	w.heard("strays", w.till().Strays(w.ctx))
}

// forges sends callbacks that no provider sent, or not so.
func (w *world) forges() {
	d, ok := pick(w, w.box.Deliveries(0, ""))
	if !ok {
		return
	}
	l := letter{path: strings.TrimPrefix(d.URL, shopURL), header: map[string][]string{}, body: []byte(d.Body)}
	for _, name := range slices.Sorted(maps.Keys(d.Header)) {
		l.header.Set(name, d.Header[name])
	}
	w.note("somebody forges a callback")
	switch w.rng.IntN(4) {
	case 0:
		l.body = []byte(strings.Replace(string(l.body), `"`, `" `, 1))
	case 1:
		l.header = map[string][]string{"Content-Type": {"application/json"}}
	case 2:
		l.body = l.body[:len(l.body)/2]
	case 3: // the real one once more, out of its time
	}
	w.deliver(l)
	w.work(1)
}

// timePasses moves the clock: mostly a little, and sometimes by weeks. What
// falls due at the providers happens at its own time. The shop looks at its own
// in between, or was shut.
func (w *world) timePasses() {
	spans := []time.Duration{
		20 * time.Second, 20 * time.Second, time.Minute, 10 * time.Minute, 31 * time.Minute, 2 * time.Hour, 9 * time.Hour,
		26 * time.Hour, 80 * time.Hour, 9 * 24 * time.Hour, 30 * 24 * time.Hour,
	}
	span, _ := pick(w, spans)
	shut := w.chance(30)
	w.note("%s pass, shut %v", span, shut)
	w.goBy(span, 12, shut)
}

// goBy lets time pass. What falls due at the providers happens at its own time;
// the shop, unless it is shut, looks at most so often on the way.
func (w *world) goBy(span time.Duration, looks int, shut bool) {
	end := w.clock.now().Add(span)
	w.shut = shut
	defer func() { w.shut = false }()
	for range mostThings {
		open := !shut && looks > 0
		next, ok := w.next(open)
		if !ok || next.After(end) || w.doom.dead {
			break
		}
		w.clock.reach(next)
		for more := true; more; {
			more = w.box.Step(w.ctx)
		}
		if open {
			looks--
			w.work(20)
			w.sweep(20)
		}
	}
	w.clock.reach(end)
}

// next is when the next thing is due at the providers, or at the shop if it is
// open.
func (w *world) next(open bool) (at time.Time, ok bool) {
	at, ok = w.box.Next()
	if !open {
		return at, ok
	}
	for _, ask := range []func(context.Context) (time.Time, bool, error){w.shop.NextDue, w.queue.nextDue} {
		due, has, err := ask(w.ctx)
		w.heard("next due", err)
		if has && (!ok || due.Before(at)) {
			at, ok = due, true
		}
	}
	return at, ok
}

// sweep does what the cashier's own does, one payment after the other, so that
// the same seed gives the same run.
func (w *world) sweep(most int) (n int) {
	for range most {
		ids, err := w.payments.Due(w.ctx, 30*time.Second, 1)
		if err != nil || len(ids) == 0 {
			w.heard("due", err)
			return n
		}
		n++
		w.take(ids[0])
		p, err := w.payments.ByID(w.ctx, ids[0])
		if err != nil || w.waits(p) {
			continue
		}
		w.note("the timer asks about %s", p.ID)
		_, err = w.till().Settle(w.ctx, p.ID, timer)
		w.heard("timer", err)
	}
	return n
}

var timer = models.Cause{Actor: "till", Source: "timer"}

// work does jobs that are due, as the shop's own worker does.
func (w *world) work(most int) (n int) {
	for range most {
		j, ok, err := w.queue.next(w.ctx, w.clock.now())
		if err != nil || !ok {
			w.heard("next job", err)
			return n
		}
		n++
		if err := w.queue.begin(w.ctx, j, w.clock.now().Add(time.Minute)); err != nil {
			w.heard("begin job", err)
			return n
		}
		again, err := w.settles(j.subject)
		switch {
		case err != nil && j.tries >= 25:
			err = w.queue.done(w.ctx, j)
		case err != nil:
			w.heard("job", err)
			tries := min(j.tries+1, 10)
			err = w.queue.later(w.ctx, j, w.clock.now().Add(time.Duration(tries*tries*tries*tries)*time.Second))
		case again > 0:
			err = w.queue.later(w.ctx, j, w.clock.now().Add(again))
		default:
			err = w.queue.done(w.ctx, j)
		}
		w.heard("end job", err)
	}
	return n
}

// settles is the job that follows a callback, which is the shop's own; one that
// would only wait for somebody else is put off.
func (w *world) settles(id int64) (again time.Duration, err error) {
	pay, err := w.deliveries.Match(w.ctx, id)
	if err == nil {
		w.note("job: callback %d is about %s", id, pay.ID)
		w.take(pay.ID)
		if w.waits(pay) {
			return 5 * time.Second, nil
		}
	}
	return w.till().Callback(w.ctx, w.deliveries, id)
}
