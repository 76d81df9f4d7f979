package shop

import (
	"slices"
	"time"

	"till/handlers/web"
	"till/models"
	"till/money"
	"till/views/shop"
)

// day is a date as shoppers read it: "Friday 6 March 2026".
func (h Pages) day(t time.Time) string {
	return t.In(h.Shop.Now().Location).Format("Monday 2 January 2006")
}

// clock is a time of day, with its day unless that is today.
func (h Pages) clock(t time.Time) string {
	clock := h.Shop.Clock(t)
	if day := h.day(t); day != h.day(h.Payments.Now()) {
		return clock + " on " + day
	}
	return clock
}

// money is what has moved for an order, as its ledger says; p is the payment
// that its page is about.
func (h Pages) money(d models.OrderDetail, p models.Payment) shop.Money {
	var sum models.Balances
	var held int64
	for _, one := range d.Payments {
		sum.Captured += one.Captured
		sum.Refunded += one.Refunded
		sum.RefundPending += one.RefundPending
		held += one.Held().Minor
	}
	show := func(minor int64) string {
		if minor <= 0 {
			return ""
		}
		return money.Amount{Minor: minor, Currency: d.Total.Currency}.Format(web.Locale)
	}
	m := shop.Money{
		Taken: show(sum.Captured), Reserved: show(held), Sent: show(sum.Refunded), Pending: show(sum.RefundPending),
		Stays: show(sum.Captured - sum.Refunded - sum.RefundPending), Over: show(sum.Captured - sum.Refunded - sum.RefundPending - d.Total.Minor),
		LetGo: show(p.Released), Less: sum.Captured > 0 && sum.Captured < d.Total.Minor, Refunds: h.refunds(d.Facts),
	}
	if p.Held().Minor > 0 && p.HoldUntil != nil {
		m.Until = h.day(*p.HoldUntil)
	}
	m.Unanswered = slices.ContainsFunc(d.Payments, func(p models.Payment) bool { return slices.Contains(p.Concerns, models.AttentionRefundUnknown) })
	m.Stuck = slices.ContainsFunc(d.Payments, func(p models.Payment) bool { return p.Refund != "" || p.Reversal == models.ReversalFailed })
	return m
}

// refunds are the movements of money back to the shopper that are done.
func (h Pages) refunds(facts []models.Fact) []shop.Refund {
	var all []shop.Refund
	for _, f := range facts {
		if f.Kind == models.FactRefunded || f.Kind == models.FactRefundReversed {
			all = append(all, shop.Refund{Amount: f.Amount.Format(web.Locale), Day: h.day(f.At), CameBack: f.Kind == models.FactRefundReversed})
		}
	}
	return all
}
