package world

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"till/models"
	"till/money"
	"till/sandbox"
)

// glance checks after every step what can be seen at once: one query.
func (w *world) glance() {
	for _, says := range w.texts(`
		SELECT 'reserved payment ' || id || ' has refunded ' || refunded_minor || ' and pending ' || refund_pending_minor || ' of ' || captured_minor
		  FROM payments WHERE refunded_minor + refund_pending_minor > captured_minor OR refund_pending_minor < 0 OR refunded_minor < 0
		UNION ALL
		SELECT 'live order ' || order_id || ' has ' || count(*) || ' live payments' FROM payments WHERE live GROUP BY order_id HAVING count(*) > 1
		UNION ALL
		SELECT 'reserved payment ' || p.id || ' has refunds under way of ' || o.minor || ' and reserved ' || p.refund_pending_minor
		  FROM payments p JOIN (
		    SELECT payment_id, sum(minor) AS minor FROM operations
		    WHERE kind IN ('refund', 'reverse') AND state IN ('requested', 'unknown') GROUP BY payment_id) o ON o.payment_id = p.id
		  WHERE p.captured_minor > 0 AND o.minor <> p.refund_pending_minor`) {
		rule, rest, _ := strings.Cut(says, " ")
		w.broken(rule, "%s", rest)
	}
}

// finish lets the weather clear and the time go by until nobody has anything
// left to do.
func (w *world) finish() {
	w.calm, w.storm, w.doom = true, storm{}, doom{}
	w.note("the weather clears")
	w.guard("the end", func() {
		for len(w.late) > 0 {
			w.comesLate()
		}
		w.lastWords()
		const day = 24 * time.Hour
		for _, span := range []time.Duration{time.Minute, 10 * time.Minute, 3 * time.Hour, 30 * time.Hour, 3 * day, 5 * day, 10 * day, 20 * day, 30 * day} {
			w.quietly(span)
		}
	})
}

// lastWords has some of those who have not decided do so.
func (w *world) lastWords() {
	for _, o := range w.box.Orders(0) {
		for _, d := range []string{"approve", "cancel", "reject", "refund_done", "refund_fail", "reversal_done", "won"} {
			if slices.Contains(o.Decisions, d) && w.chance(40) {
				w.note("at last: %s at %s %s", d, o.Provider, o.ExternalID)
				if _, _, err := w.box.Decide(w.ctx, o.Provider, o.Ref, d); err != nil {
					w.note("%v", err)
				}
				break
			}
		}
	}
}

// quietly lets time pass while the shop is open, and then do all it has to.
func (w *world) quietly(span time.Duration) {
	w.goBy(span, 1, false)
	for range 60 {
		n := w.work(20) + w.sweep(20)
		if n == 0 {
			break
		}
	}
	w.housekeeps()
}

// truth checks every invariant that can be seen in the rows, and the rows
// against the providers' books.
func (w *world) truth() error {
	known := map[string]bool{}
	var story strings.Builder
	for _, d := range w.box.Deliveries(0, "") {
		if d.State != "delivered" {
			w.missed[d.Provider+"/"+d.Order] = true // tried as often as the provider tries
		}
	}
	for _, id := range w.everyPayment() {
		w.hears(id)
	}
	for _, n := range w.numbers("SELECT id FROM orders ORDER BY id") {
		d, err := w.orders.ByNumber(w.ctx, n)
		if err != nil {
			return err
		}
		items, err := w.inbox.OfOrder(w.ctx, n)
		if err != nil {
			return err
		}
		mails, err := models.NewMails(w.db).OfOrder(w.ctx, n)
		if err != nil {
			return err
		}
		a := account{w: w, d: d, items: items, mails: mails}
		a.check()
		for _, p := range d.Payments {
			if o, err := w.box.Order(p.Provider, p.Ref); err == nil && p.Ref != "" {
				known[o.Provider+"/"+o.Ref] = true
			}
			fmt.Fprintf(&story, "%s %s %s %+v\n", p.ID, p.Provider, p.State, p.Balances)
			w.result.Payments++
			w.saw("payment", p.State)
		}
		w.saw("order", d.Status)
		for _, op := range d.Operations {
			w.saw("operation "+string(op.Kind), op.State)
		}
		for _, i := range items {
			w.saw("inbox", i.Kind)
		}
		fmt.Fprintf(&story, "%d %s %s\n", n, d.Status, d.Attention)
	}
	w.strays(known)
	sum := sha256.Sum256([]byte(story.String()))
	w.result.Digest = hex.EncodeToString(sum[:8])
	w.note("the end: %s", w.result.Digest)
	return nil
}

func (w *world) saw(what string, how any) { w.result.Seen[fmt.Sprint(what, " ", how)]++ }

// hears asks about a payment whose doorbell was lost for good: that is what
// brings it right.
func (w *world) hears(id string) {
	p, err := w.payments.ByID(w.ctx, id)
	w.heard("payment", err)
	o, err := w.box.Order(p.Provider, p.Ref)
	if err != nil || !w.missed[o.Provider+"/"+o.Ref] {
		return
	}
	w.note("a doorbell of %s was lost: asked", p.ID)
	_, err = w.shop.Settle(w.ctx, p.ID, timer)
	w.heard("ask", err)
	w.quietly(time.Minute)
}

// strays finds money at providers that no payment of ours knows.
func (w *world) strays(known map[string]bool) {
	for _, o := range w.box.Orders(0) {
		if known[o.Provider+"/"+o.Ref] || o.Money.Captured == o.Money.Refunded && o.Money.Authorized == 0 {
			continue
		}
		named := len(w.numbers(`SELECT id FROM inbox WHERE (closed_at IS NULL OR resolution = 'accepted')
			AND (payment_id = ? OR delivery_id IS NOT NULL AND detail = ?)`, o.ExternalID, o.Ref)) > 0
		if p, err := w.payments.ByID(w.ctx, o.ExternalID); err == nil && !named {
			w.broken("stray", "%s has %d (reserved %d) for %s, which is %s here and knows nothing of it", o.Provider, o.Money.Captured-o.Money.Refunded, o.Money.Authorized, p.ID, p.State)
		} else if !named {
			w.broken("stray", "%s has %d for %q, which nobody here knows", o.Provider, o.Money.Captured, o.ExternalID)
		}
	}
}

// account is an order with everything that hangs on it.
type account struct {
	w     *world
	d     models.OrderDetail
	items []models.InboxItem
	mails []models.Mail
}

func (a account) check() {
	a.derived()
	a.mailed()
	a.moved()
	for _, p := range a.d.Payments {
		a.folded(p)
		a.books(p)
		a.refused(p)
		a.elsewhere(p)
		a.ended(p)
	}
}

// inInbox reports whether a person has been told, or has said that it is right
// so: about this payment, or about its order. What says nothing of how much
// money there is does not count.
func (a account) inInbox(p models.Payment) bool {
	return slices.ContainsFunc(a.items, func(i models.InboxItem) bool {
		switch i.Kind {
		case models.AttentionSoldOut, models.AttentionLapsing, models.AttentionDispute:
			return false
		default:
		}
		mine := i.PaymentID == nil || *i.PaymentID == p.ID
		return mine && (i.ClosedAt == nil || i.Resolution == models.ResolutionAccepted)
	})
}

// derived: what is stored of an order is what its rows come to.
func (a account) derived() {
	v := models.Derive(a.d.Order, a.d.Payments, a.items)
	if v.Status != a.d.Status || v.Attentions().String() != a.d.Attention.String() {
		a.w.broken("derive", "order %d says %s %q, its rows %s %q", a.d.ID, a.d.Status, a.d.Attention, v.Status, v.Attentions())
	}
	var open models.Attentions
	for _, i := range a.items {
		if i.ClosedAt == nil {
			open = append(open, i.Kind)
		}
	}
	slices.Sort(open)
	if got := slices.Compact(open); got.String() != a.d.Attention.String() {
		a.w.broken("inbox", "of order %d it has %q, the order says %q", a.d.ID, got, a.d.Attention)
	}
	live := 0
	for _, p := range a.d.Payments {
		if p.Live {
			live++
		}
	}
	if live > 1 {
		a.w.broken("live", "order %d has %d live payments", a.d.ID, live)
	}
}

// folded: balances are what the ledger comes to.
func (a account) folded(p models.Payment) {
	var facts []models.Fact
	for _, f := range a.d.Facts {
		if f.PaymentID == p.ID {
			facts = append(facts, f)
		}
	}
	if got := models.Fold(p.Amount.Currency, facts); got != p.Balances {
		a.w.broken("fold", "payment %s has %+v, its facts come to %+v", p.ID, p.Balances, got)
	}
}

// mailed: one mail for an order that became paid, one for each refund that went
// back, and none else.
func (a account) mailed() {
	paid := 0
	told := map[int64]int{}
	for _, m := range a.mails {
		switch {
		case m.Kind == models.MailOrderPaid:
			paid++
		case m.OperationID != nil:
			told[*m.OperationID]++
		}
	}
	theirs := slices.ContainsFunc(a.d.Payments, func(p models.Payment) bool { return p.Mailed })
	switch {
	case a.d.PaidAt == nil && paid > 0, paid > 1, a.d.PaidAt != nil && paid == 0 && !theirs:
		a.w.broken("mail", "order %d, paid %v, has %d mails that say so", a.d.ID, a.d.PaidAt != nil, paid)
	}
	for _, op := range a.d.Operations {
		if op.Kind != models.OperationRefund && op.Kind != models.OperationReverse {
			continue
		}
		n := told[op.ID]
		back := slices.ContainsFunc(a.d.Facts, func(f models.Fact) bool {
			return f.PaymentID == op.PaymentID && f.Kind == models.FactRefundReversed
		})
		switch {
		case op.State == models.OperationSucceeded && n == 0 && op.Kind == models.OperationReverse: // it stopped money that never came
		case op.State == models.OperationSucceeded && n != 1, op.State != models.OperationSucceeded && n > 0 && !back, n > 1:
			a.w.broken("mail", "%s %d of payment %s is %s and has %d mails", op.Kind, op.ID, op.PaymentID, op.State, n)
		}
	}
}

// moved: goods leave the stock once, when the order becomes paid.
func (a account) moved() {
	sold := map[int64]int64{}
	rows, err := a.w.queue.pool.QueryContext(a.w.ctx, "SELECT product_id, quantity FROM stock_movements WHERE order_id = ? AND reason = 'sold'", a.d.ID)
	if err != nil {
		a.w.heard("stock", err)
		return
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var product, n int64
		if err := rows.Scan(&product, &n); err != nil {
			a.w.heard("stock", err)
		}
		sold[product] -= n
	}
	a.w.heard("stock", rows.Err())
	for _, l := range a.d.Lines {
		want := int64(0)
		if a.d.PaidAt != nil && a.w.counted(l.ProductID) {
			want = l.Quantity
		}
		if sold[l.ProductID] != want {
			a.w.broken("stock", "order %d, paid %v, took %d of %s, not %d", a.d.ID, a.d.PaidAt != nil, sold[l.ProductID], l.Slug, want)
		}
	}
}

func (w *world) counted(product int64) bool {
	return slices.ContainsFunc(w.products, func(p models.Product) bool { return p.ID == product && p.Stock != nil })
}

// books: the provider's truth is ours, or a person was told.
func (a account) books(p models.Payment) {
	if p.Provider == models.Outside {
		return
	}
	o, err := a.w.box.Order(p.Provider, p.Ref)
	if p.Ref == "" || err != nil {
		if p.Captured > 0 || p.Held().Minor > 0 {
			a.w.broken("books", "payment %s is %s with %+v, and %s has no such order", p.ID, p.State, p.Balances, p.Provider)
		}
		return
	}
	theirs := o.Money
	ours := sandbox.Money{Authorized: p.Held().Minor, Captured: p.Captured, Refunded: p.Refunded}
	for _, op := range a.d.Operations {
		if op.PaymentID == p.ID && op.Code == models.CodeOutside && op.State == models.OperationSucceeded {
			ours.Refunded -= op.Amount.Minor
		}
	}
	if p.Outside {
		theirs.Captured = ours.Captured // by the word of staff; no money went through the provider
	}
	if a.untold(p) {
		ours.Refunded = theirs.Refunded
	}
	if ours.Authorized == theirs.Authorized && ours.Captured == theirs.Captured && ours.Refunded == theirs.Refunded || a.inInbox(p) {
		return
	}
	rule := "books"
	if ours.Captured > theirs.Captured {
		rule = "invented"
	}
	a.w.broken(rule, "payment %s is %s with reserved %d, taken %d, given back %d; %s says %s with %d, %d, %d",
		p.ID, p.State, ours.Authorized, ours.Captured, ours.Refunded, p.Provider, o.Status, theirs.Authorized, theirs.Captured, theirs.Refunded)
}

// refused: what we call refused, the provider did not open.
func (a account) refused(p models.Payment) {
	for _, op := range a.d.Operations {
		if op.PaymentID != p.ID || op.Kind != models.OperationStart || op.State != models.OperationFailed || op.Calls == 0 || p.Ref != "" {
			continue
		}
		if o, err := a.w.box.Order(p.Provider, p.ID); err == nil && !a.inInbox(p) {
			a.w.broken("refused", "payment %s is %s because %s refused it (%q), which has it as %s", p.ID, p.State, p.Provider, op.Code, o.Status)
		}
	}
}

// elsewhere: where nobody gave money back on the provider's own pages, all that
// went back was asked for here and is known to have been.
func (a account) elsewhere(p models.Payment) {
	o, err := a.w.box.Order(p.Provider, p.Ref)
	if p.Ref == "" || err != nil || a.w.touched[o.Provider+"/"+o.Ref] {
		return
	}
	back, ours := int64(0), int64(0)
	for _, f := range a.d.Facts {
		if f.PaymentID == p.ID && f.Kind == models.FactRefunded {
			back += f.Amount.Minor
		}
		if f.PaymentID == p.ID && f.Kind == models.FactRefundReversed {
			return
		}
	}
	for _, op := range a.d.Operations {
		if op.PaymentID != p.ID || op.Kind != models.OperationRefund && op.Kind != models.OperationReverse {
			continue
		}
		if op.Calls > 1 {
			return // it may have been done twice
		}
		if op.State == models.OperationSucceeded && p.Captured > 0 {
			ours += op.Amount.Minor
		}
	}
	if back > ours {
		a.w.broken("elsewhere", "of payment %s %d went back, and the refunds that had success come to %d", p.ID, back, ours)
	}
}

// untold reports whether nobody can know how much went back: the Payment Gateway
// Manager tells of the latest refund alone, without an amount or a name, so that
// one of ours cannot be told from one made in its back office.
func (a account) untold(p models.Payment) bool {
	return p.Provider == "pgm" && slices.ContainsFunc(a.d.Operations, func(op models.Operation) bool {
		return op.PaymentID == p.ID && op.Kind == models.OperationRefund && op.Code != models.CodeOutside && op.Calls > 0
	})
}

// ended: at the end nothing is half done without somebody knowing, and money
// for a cancelled order is on its way back or known to be kept.
func (a account) ended(p models.Payment) {
	for _, op := range a.d.Operations {
		if op.PaymentID != p.ID || !op.Open() || op.Kind == models.OperationStart {
			continue
		}
		if op.PendingAt == nil && !a.inInbox(p) && p.AskAt == nil {
			a.w.broken("open", "%s %d of payment %s is %s (code %q, %d calls), and nobody is told", op.Kind, op.ID, p.ID, op.State, op.Code, op.Calls)
		}
	}
	if a.d.CancelledAt != nil && (p.Left() != money.Amount{Currency: p.Amount.Currency} || p.Held().Minor > 0) && p.State.HoldsMoney() && !a.inInbox(p) {
		a.w.broken("cancelled", "order %d is cancelled, and payment %s keeps %s", a.d.ID, p.ID, p.Left())
	}
	if p.State == models.PaymentUnknown && !a.inInbox(p) && p.AskAt == nil {
		a.w.broken("open", "payment %s is unknown, and nobody is told", p.ID)
	}
}
