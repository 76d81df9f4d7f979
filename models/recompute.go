package models

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// EventRecomputed is that what is stored about an order was mended from its
// history. Its Detail says what.
const EventRecomputed EventKind = "recomputed"

// Recomputed is what came of deriving an order from its history once more.
type Recomputed struct {
	Payments, Facts int       // that were looked at
	Mended          []Finding // what was stored otherwise, and is right now
	Left            []Finding // what no rule can mend: a person must look
}

// Recompute folds the facts of an order's payments and judges the order again.
// What is stored otherwise is mended, with a line in the timeline that says
// what it was; when all agrees nothing is written. Facts are never touched.
func (o *Orders) Recompute(ctx context.Context, id int64, cause Cause) (r Recomputed, err error) {
	err = o.db.Write(ctx, func(tx *gorm.DB) error {
		r = Recomputed{}
		before, rows, err := o.compare(ctx, tx, id)
		if err != nil {
			return err
		}
		r.Payments = len(rows.payments[id])
		for _, facts := range rows.facts {
			r.Facts += len(facts)
		}
		if len(before) == 0 {
			return nil
		}
		if err := o.mend(ctx, tx, id, rows); err != nil {
			return err
		}
		if r.Left, _, err = o.compare(ctx, tx, id); err != nil {
			return err
		}
		for _, f := range before {
			if !slices.ContainsFunc(r.Left, func(l Finding) bool { return l.What == f.What && l.Found == f.Found }) {
				r.Mended = append(r.Mended, f)
			}
		}
		if len(r.Mended) == 0 {
			return nil
		}
		texts := make([]string, len(r.Mended))
		for i, f := range r.Mended {
			texts[i] = f.Text()
		}
		return addEvent(ctx, tx, Event{OrderID: id, Kind: EventRecomputed, Detail: strings.Join(texts, "; "), Cause: cause})
	})
	return r, err
}

// Text is the finding for people.
func (f Finding) Text() string { return f.What + ": " + f.Expected + ", was " + f.Found }

// compare is what Verify finds about one order, with its payments called as
// people call them, and the rows that it was found in.
func (o *Orders) compare(ctx context.Context, tx *gorm.DB, id int64) (all []Finding, rows verifyRows, err error) {
	order, err := rowsOf[Order](tx, forUpdate()).Where("id = ?", id).First(ctx)
	if err != nil {
		return nil, rows, named(err, "order")
	}
	if _, err := rowsOf[Payment](tx, forUpdate()).Where("order_id = ?", id).Order("id").Find(ctx); err != nil {
		return nil, rows, named(err, "payments of order "+order.Number())
	}
	if rows, err = readVerifyOne(ctx, tx, order); err != nil {
		return nil, rows, err
	}
	v := verifier{db: o.db, tell: func(f Finding) error {
		for i, p := range rows.payments[id] {
			name := "payment " + strconv.Itoa(i+1)
			for _, text := range []*string{&f.What, &f.Expected, &f.Found} {
				*text = strings.ReplaceAll(strings.ReplaceAll(*text, "payment "+p.ID, name), p.ID, name)
			}
		}
		if !slices.Contains(all, f) {
			all = append(all, f)
		}
		return nil
	}}
	folded := rows
	folded.payments = map[int64][]Payment{id: slices.Clone(rows.payments[id])}
	for i, p := range rows.payments[id] {
		if err := v.balances(p, rows.facts[p.ID]); err != nil {
			return nil, rows, err
		}
		folded.payments[id][i].Balances = Fold(p.Amount.Currency, rows.facts[p.ID])
	}
	err = v.batch(folded) // the verdict follows from the facts, not from a row that is wrong
	return all, rows, err
}

// readVerifyOne is readVerify for one order.
func readVerifyOne(ctx context.Context, tx *gorm.DB, order Order) (verifyRows, error) {
	r, err := readVerifyBetween(ctx, tx, order.ID, order.ID)
	r.orders = []Order{order}
	return r, err
}

// mend writes what an order's rows come to.
func (o *Orders) mend(ctx context.Context, tx *gorm.DB, id int64, rows verifyRows) error {
	for _, p := range rows.payments[id] {
		b := Fold(p.Amount.Currency, rows.facts[p.ID])
		if b == p.Balances {
			continue
		}
		_, err := rowsOf[Payment](tx).Where("id = ?", p.ID).Set(clause.Assignments(map[string]any{
			"authorized_minor": b.Authorized, "released_minor": b.Released, "captured_minor": b.Captured,
			"refund_pending_minor": b.RefundPending, "refunded_minor": b.Refunded, "disputed_minor": b.Disputed,
			"version": p.Version + 1, "updated_at": tx.NowFunc(),
		})).Update(ctx)
		if err != nil {
			return named(err, "balances of payment "+Mark(p.ID))
		}
	}
	if rows.orders[0].PaidAt == nil {
		if err := o.paidBefore(ctx, tx, id); err != nil {
			return err
		}
	}
	_, err := o.db.derive(ctx, tx, id)
	return err
}

// paidBefore gives an order back the time at which it became paid, where its
// goods or its mail show that it did: so that neither leaves a second time.
func (*Orders) paidBefore(ctx context.Context, tx *gorm.DB, id int64) error {
	set := func(at any) error {
		_, err := rowsOf[Order](tx).Where("id = ?", id).Set(clause.Assignments(map[string]any{"paid_at": at})).Update(ctx)
		return named(err, "order")
	}
	moved, err := rowsOf[StockMovement](tx).Where("order_id = ? AND reason = ?", id, "sold").Order("id").Limit(1).Find(ctx)
	if err != nil {
		return named(err, "stock movements")
	}
	if len(moved) > 0 {
		return set(moved[0].At)
	}
	mails, err := rowsOf[Mail](tx).Where("order_id = ? AND operation_id IS NULL AND kind = ?", id, MailOrderPaid).Limit(1).Find(ctx)
	if err != nil || len(mails) == 0 {
		return named(err, "mails")
	}
	return set(mails[0].CreatedAt)
}
