package models

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"gorm.io/gorm"
)

// verifyBatch is how many orders are looked at as of one moment.
const verifyBatch = 500

// Finding is one thing that the rows say otherwise than the rows that it
// follows from.
type Finding struct {
	Order    int64  // its number; 0 for what belongs to no order
	What     string // such as "captured of payment P7…"
	Expected string // what it follows from
	Found    string // what is stored
}

// Verified is how much was looked at.
type Verified struct {
	Orders, Payments, Facts, Items int64 // Items: of the inbox, open or closed
	Findings                       int64
}

// Verify proves that what is stored beside the ledger follows from it: the
// balances of payments from their facts, the verdict of orders and the open
// inbox from their payments, the figures and numbered papers from the facts, the
// daily closes from their facts and from each other. It tells found of everything that does not, by order number, and goes on; an error
// of found ends it and is returned.
//
// It only reads, some hundred orders at a time, each as of one moment: it may
// run beside a shop, and needs no more memory for many orders than for few.
//
// Errors: ErrOldSchema when the database is not at this version.
func (db *DB) Verify(ctx context.Context, found func(Finding) error) (Verified, error) {
	v := verifier{db: db, tell: found}
	if !db.r.WithContext(ctx).Migrator().HasTable("goose_db_version") { // CheckSchema would make it
		return v.sum, ErrOldSchema
	}
	if err := db.CheckSchema(ctx); err != nil {
		return v.sum, err
	}
	for last, more := int64(0), true; more; {
		var batch verifyRows
		err := db.snapshot(ctx, func(tx *gorm.DB) (err error) {
			batch, err = readVerify(ctx, tx, last)
			return err
		})
		if err != nil {
			return v.sum, err
		}
		if more = len(batch.orders) > 0; more {
			last = batch.orders[len(batch.orders)-1].ID
		}
		if err := v.batch(batch); err != nil {
			return v.sum, err
		}
	}
	if err := v.books(ctx); err != nil {
		return v.sum, err
	}
	if _, err := NewCloses(db).Check(ctx, func(f Finding) error { return v.found(0, f.What, f.Expected, f.Found) }); err != nil {
		return v.sum, err
	}
	err := v.strays(ctx)
	return v.sum, err
}

type verifier struct {
	db   *DB
	tell func(Finding) error
	sum  Verified
}

func (v *verifier) found(order int64, what, expected, found string) error {
	v.sum.Findings++
	return v.tell(Finding{Order: order, What: what, Expected: expected, Found: found})
}

// verifyRows is what there is about some orders that follow each other.
type verifyRows struct {
	orders   []Order
	payments map[int64][]Payment // by order, as the next two
	items    map[int64][]InboxItem
	mails    map[int64]int64   // that say that it is paid
	facts    map[string][]Fact // by payment
}

// readVerify reads the orders that come after the one with the given number.
func readVerify(ctx context.Context, tx *gorm.DB, after int64) (r verifyRows, err error) {
	r.orders, err = rowsOf[Order](tx).Where("id > ?", after).Order("id").Limit(verifyBatch).Find(ctx)
	if err != nil || len(r.orders) == 0 {
		return r, named(err, "orders")
	}
	orders := r.orders
	r, err = readVerifyBetween(ctx, tx, orders[0].ID, orders[len(orders)-1].ID)
	r.orders = orders
	return r, err
}

// readVerifyBetween reads what hangs on the orders of some numbers.
func readVerifyBetween(ctx context.Context, tx *gorm.DB, from, to int64) (r verifyRows, err error) {
	const (
		ofOrders   = "order_id >= ? AND order_id <= ?" // not BETWEEN, in which SQLite sees no use for an index of some rows
		ofPayments = "payment_id IN (SELECT id FROM payments WHERE " + ofOrders + ")"
	)
	payments, err := rowsOf[Payment](tx).Where(ofOrders, from, to).Order("created_at, id").Find(ctx)
	if err != nil {
		return r, named(err, "payments")
	}
	facts, err := rowsOf[Fact](tx).Where(ofPayments, from, to).Order("id").Find(ctx)
	if err != nil {
		return r, named(err, "facts")
	}
	items, err := rowsOf[InboxItem](tx).Where(ofOrders, from, to).Order("id").Find(ctx)
	if err != nil {
		return r, named(err, "inbox")
	}
	mails, err := rowsOf[Mail](tx).Select("id", "order_id").Where("operation_id IS NULL AND kind = ? AND "+ofOrders, MailOrderPaid, from, to).Find(ctx)
	if err != nil {
		return r, named(err, "mails")
	}
	odd, err := rowsOf[Mail](tx).Select("id", "order_id").
		Where("operation_id IN (SELECT id FROM operations WHERE "+ofPayments+") AND kind = ?", from, to, MailOrderPaid).Find(ctx)
	if err != nil {
		return r, named(err, "mails")
	}
	r.payments, r.items, r.mails, r.facts = map[int64][]Payment{}, map[int64][]InboxItem{}, map[int64]int64{}, map[string][]Fact{}
	for _, p := range payments {
		r.payments[p.OrderID] = append(r.payments[p.OrderID], p)
	}
	for _, f := range facts {
		r.facts[f.PaymentID] = append(r.facts[f.PaymentID], f)
	}
	for _, i := range items {
		r.items[*i.OrderID] = append(r.items[*i.OrderID], i)
	}
	for _, m := range append(mails, odd...) {
		r.mails[m.OrderID]++
	}
	return r, nil
}

func (v *verifier) batch(r verifyRows) error {
	for _, o := range r.orders {
		payments, items := r.payments[o.ID], r.items[o.ID]
		v.sum.Orders++
		v.sum.Payments += int64(len(payments))
		v.sum.Items += int64(len(items))
		live := 0
		for _, p := range payments {
			v.sum.Facts += int64(len(r.facts[p.ID]))
			if err := v.balances(p, r.facts[p.ID]); err != nil {
				return err
			}
			if p.Live {
				live++
			}
		}
		if live > 1 {
			if err := v.found(o.ID, "live payments", "at most 1", strconv.Itoa(live)); err != nil {
				return err
			}
		}
		if n := r.mails[o.ID]; n > 1 {
			if err := v.found(o.ID, "mails that it is paid", "at most 1", strconv.FormatInt(n, 10)); err != nil {
				return err
			}
		}
		if err := v.verdict(o, payments, items); err != nil {
			return err
		}
	}
	return nil
}

// balances compares a payment's balances with its facts, and with each other.
func (v *verifier) balances(p Payment, facts []Fact) error {
	b := Fold(p.Amount.Currency, facts)
	for _, one := range []struct {
		name            string
		expected, found int64
	}{
		{"authorized", b.Authorized, p.Authorized},
		{"released", b.Released, p.Released},
		{"captured", b.Captured, p.Captured},
		{"refund pending", b.RefundPending, p.RefundPending},
		{"refunded", b.Refunded, p.Refunded},
		{"disputed", b.Disputed, p.Disputed},
	} {
		if one.expected == one.found {
			continue
		}
		if err := v.found(p.OrderID, one.name+" of payment "+p.ID, p.of(one.expected), p.of(one.found)); err != nil {
			return err
		}
	}
	if back := p.Refunded + p.RefundPending; back > p.Captured {
		return v.found(p.OrderID, "refunded or about to be of payment "+p.ID, "at most "+p.of(p.Captured), p.of(back))
	}
	return nil
}

// of is an amount of the payment's currency as text.
func (p Payment) of(minor int64) string {
	amount := p.Amount
	amount.Minor = minor
	return amount.String()
}

// verdict compares what is stored about an order with what it comes to.
func (v *verifier) verdict(o Order, payments []Payment, items []InboxItem) error {
	want := Derive(o, asJudged(payments, items), items)
	if o.Status != want.Status {
		if err := v.found(o.ID, "status", string(want.Status), string(o.Status)); err != nil {
			return err
		}
	}
	if attention := want.Attentions(); !slices.Equal(attention, o.Attention) {
		if err := v.found(o.ID, "attention", orNothing(attention.String()), orNothing(o.Attention.String())); err != nil {
			return err
		}
	}
	if want.Paid && o.PaidAt == nil {
		if err := v.found(o.ID, "when it was paid", "a time", "nothing"); err != nil {
			return err
		}
	}
	open := map[Concern]bool{}
	for _, item := range items {
		if item.ClosedAt != nil {
			continue
		}
		open[item.Concern()] = true
		if !slices.Contains(want.Concerns, item.Concern()) {
			if err := v.found(o.ID, "inbox", "nothing", item.Concern().text()); err != nil {
				return err
			}
		}
	}
	for _, c := range want.Concerns {
		if open[c] {
			continue
		}
		open[c] = true
		if err := v.found(o.ID, "inbox", c.text(), "nothing"); err != nil {
			return err
		}
	}
	return nil
}

// asJudged is the payments as they were when their order was judged. A start
// without an answer waits for a person only while no question is planned, and
// one can be planned without judging again: the answer does that.
func asJudged(payments []Payment, items []InboxItem) []Payment {
	payments = slices.Clone(payments)
	for i := range payments {
		p := &payments[i]
		waits := slices.ContainsFunc(items, func(i InboxItem) bool {
			return i.ClosedAt == nil && i.Kind == AttentionUnknown && i.Subject == p.ID
		})
		if p.State == PaymentUnknown && p.AskAt != nil && waits {
			p.AskAt = nil
		}
	}
	return payments
}

// text is the concern for people.
func (c Concern) text() string {
	s := string(c.Kind) + " of " + c.Subject
	if c.Detail != "" {
		s += " (" + c.Detail + ")"
	}
	if c.Amount.Currency != "" {
		s += ", " + c.Amount.String()
	}
	return s
}

func orNothing(s string) string {
	if s == "" {
		return "nothing"
	}
	return s
}

// strays finds what waits in the inbox and belongs neither to an order nor to a
// callback: nothing would ever close it.
func (v *verifier) strays(ctx context.Context) error {
	for last := int64(0); ; {
		items, err := rowsOf[InboxItem](v.db.r).Where("closed_at IS NULL AND order_id IS NULL AND id > ?", last).Order("id").Limit(verifyBatch).Find(ctx)
		if err != nil || len(items) == 0 {
			return named(err, "inbox")
		}
		for _, item := range items {
			last = item.ID
			v.sum.Items++
			if item.Kind == AttentionUnknownReference && item.DeliveryID != nil {
				continue
			}
			if err := v.found(0, fmt.Sprintf("inbox item %d", item.ID), "an order", item.Concern().text()); err != nil {
				return err
			}
		}
	}
}
