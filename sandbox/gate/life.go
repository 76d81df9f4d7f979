package gate

import (
	"context"
	"time"

	"till/sandbox/world"
)

// What happens to an order. Each of these returns what the shop is told; the
// caller has the lock, and tells it once the lock is free again.

// onView is the buyer's opening the page.
func (p *Provider) onView(o *order, now time.Time) []news {
	o.viewedAt = now
	return o.move(now, viewed, "order.invoice_viewed", "the buyer opened the page")
}

// onAbandon is the buyer's leaving.
func (p *Provider) onAbandon(o *order, now time.Time) []news {
	o.note(now, "the buyer left without a decision")
	return nil
}

// onReject is the buyer's refusal.
func (p *Provider) onReject(o *order, now time.Time) []news {
	return o.move(now, rejected, "order.rejected", "the buyer refused to pay")
}

// onAttempt is one try to pay with a card.
func (p *Provider) onAttempt(o *order, c card, now time.Time) []news {
	o.attempts++
	o.card, o.challenge = c, c.secure
	told := o.move(now, inProgress, "order.in_progress", "the buyer pays with a card that "+c.does)
	switch {
	case c.secure, c.slow:
		return told
	case c.refusal != "":
		return append(told, p.onFailure(o, c.refusal, now)...)
	}
	if rule, ok := p.struck(staysInProgress, o); ok {
		p.later(o, time.Duration(rule.Delay), func(o *order) bool { return o.status == inProgress }, p.onSuccess)
		return told
	}
	return append(told, p.onSuccess(o, now)...)
}

// onSuccess is the bank's yes.
func (p *Provider) onSuccess(o *order, now time.Time) []news {
	o.challenge = false
	p.saveCard(o, now)
	for _, f := range p.faults.orders {
		if f.pay == nil {
			continue
		}
		if rule, ok := p.struck(f.Name, o); ok {
			f.pay(rule, o)
		}
	}
	if rule, ok := p.struck(anotherStatus, o); ok {
		o.taken, o.paidAt, o.settled = o.total(), now, paid
		return o.move(now, rule.Word, "order.payment_success", "the bank agreed, and the Gate has a word of its own for it")
	}
	if o.request.SkipCapture {
		told := o.move(now, hold, "order.hold", "the bank reserved the money")
		o.heldAt = now
		lasts := holdFor
		if rule, ok := p.struck(holdLapses, o); ok {
			lasts = time.Duration(rule.Delay)
		}
		p.later(o, lasts, func(o *order) bool { return o.status == hold && o.heldAt.Equal(now) }, p.onLapse)
		return told
	}
	return p.book(o, o.total(), now, "order.payment_success", "the bank paid")
}

// book books money as taken.
func (p *Provider) book(o *order, amount cents, now time.Time, event, because string) []news {
	o.taken, o.paidAt, o.capturedAt, o.settled = amount, now, now, paid
	return o.move(now, paid, event, because)
}

// onFailure is the bank's no. After the last attempt, or with the due date gone by,
// the order is closed as well.
func (p *Provider) onFailure(o *order, why string, now time.Time) []news {
	o.challenge = false
	if len(o.declines) < maxTries {
		o.declines = append(o.declines, decline{now.Unix(), why})
	}
	told := o.move(now, failed, "order.payment_failure", "the attempt failed: "+why)
	if o.request.MaxAttempts > 0 && o.attempts >= int(o.request.MaxAttempts) {
		return append(told, o.move(now, cancelled, "order.canceled", "too many attempts have failed")...)
	}
	if !o.due.IsZero() && !now.Before(o.due) {
		return append(told, p.onDue(o, now)...)
	}
	return told
}

// onDue is the due date's going by. No event is known for "overdue".
func (p *Provider) onDue(o *order, now time.Time) []news {
	if o.request.DenyOverdue {
		return p.onExpire(o, now)
	}
	return p.onOverdue(o, now)
}

// onExpire is its going by where nobody may pay late.
func (*Provider) onExpire(o *order, now time.Time) []news {
	return o.move(now, expired, "order.expired", "the due date went by; nobody can pay any more")
}

// onOverdue is its going by where one may.
func (*Provider) onOverdue(o *order, now time.Time) []news {
	return o.move(now, overdue, "", "the due date went by; it can still be paid")
}

// onLapse is the end of a reservation.
func (p *Provider) onLapse(o *order, now time.Time) []news {
	return o.move(now, cancelled, "order.canceled", "nobody captured the money, and the reservation lapsed")
}

// onCancel is the merchant's cancel, whatever that is of.
func (p *Provider) onCancel(o *order, now time.Time) []news {
	because := "the shop cancelled"
	if o.status == hold {
		because = "the shop voided the reservation"
	}
	return o.move(now, cancelled, "order.canceled", because)
}

// onCapture is the merchant's capture of a reservation, once.
func (p *Provider) onCapture(o *order, amount cents, now time.Time) []news {
	o.released = o.total() - amount
	_, o.silent = p.struck(releaseUntold, o)
	because := "the shop captured the money"
	if o.released > 0 {
		because = "the shop captured " + amount.String() + ", and " + o.released.String() + " was released"
	}
	return p.book(o, amount, now, "order.payment_success", because)
}

// onReceived is the merchant's saying that the money came outside.
func (p *Provider) onReceived(o *order, now time.Time) []news {
	return o.move(now, received, "order.received", "the shop says that it was paid outside")
}

// onWithdraw passes the money on.
func (p *Provider) onWithdraw(o *order, now time.Time) []news {
	o.settled = withdrawn
	return o.move(now, withdrawn, "transfer.withdrawn", "the money was passed on to the merchant")
}

// onWon ends a dispute.
func (p *Provider) onWon(o *order, now time.Time) []news {
	return o.move(now, paid, "order.payment_success", "the dispute ended for the merchant")
}

// onRefund is a refund. It is done at once unless a fault says otherwise.
func (p *Provider) onRefund(o *order, amount cents, now time.Time) []news {
	o.pending = amount
	o.returns = append(o.returns, world.Refund{Minor: int64(amount), State: world.RefundPending, At: now})
	slow, isSlow := p.struck(refundSlow, o)
	fails, isBad := p.struck(refundFails, o)
	if !isSlow && !isBad {
		return p.onRefundDone(o, now)
	}
	told := o.move(now, refundInitiated, "order.refund_in_progress", "a refund of "+amount.String()+" began")
	running := func(o *order) bool { return o.status == refundInitiated }
	if isBad {
		p.later(o, time.Duration(fails.Delay), running, p.onRefundFailed)
	} else {
		p.later(o, time.Duration(slow.Delay), running, p.onRefundDone)
	}
	return told
}

// onRefundDone is a refund's end. OUR CHOICE: a part leaves the order paid until
// all has gone back.
func (p *Provider) onRefundDone(o *order, now time.Time) []news {
	amount := o.pending
	o.back += amount
	o.latest, o.pending = amount, 0
	o.returned(world.RefundPending, world.RefundDone)
	const event = "order.invoice_refunded"
	because := amount.String() + " went back"
	switch {
	case o.back >= o.taken:
		return o.move(now, refunded, event, because)
	case o.status != o.settled:
		return o.move(now, o.settled, event, because)
	default:
		return o.tell(now, event, because)
	}
}

func (p *Provider) onRefundFailed(o *order, now time.Time) []news {
	amount := o.pending
	o.pending = 0
	o.returned(world.RefundPending, world.RefundFailed)
	return o.move(now, refundFailed, "order.refund_failure", "a refund of "+amount.String()+" failed")
}

// onRefundReversed is the processing centre's taking a refund back.
func (p *Provider) onRefundReversed(o *order, now time.Time) []news {
	amount := o.latest
	o.back -= amount
	o.undone += amount
	o.latest, o.pending = 0, 0
	o.returned(world.RefundPending, world.RefundFailed)
	o.returned(world.RefundDone, world.RefundReversed)
	return o.move(now, refundReversed, "order.invoice_refund_reversed", "the processing centre took the refund of "+amount.String()+" back")
}

// onReverse is a reversal. It is done at once unless a fault says otherwise.
func (p *Provider) onReverse(o *order, now time.Time) []news {
	o.returns = append(o.returns, world.Refund{Minor: int64(o.left()), State: world.RefundPending, At: now})
	slow, isSlow := p.struck(reversalSlow, o)
	fails, isBad := p.struck(reversalFails, o)
	if !isSlow && !isBad {
		return p.onReversalDone(o, now)
	}
	told := o.move(now, reversalInitiated, "order.reversal_in_progress", "a reversal began")
	running := func(o *order) bool { return o.status == reversalInitiated }
	if isBad {
		p.later(o, time.Duration(fails.Delay), running, p.onReversalFailed)
	} else {
		p.later(o, time.Duration(slow.Delay), running, p.onReversalDone)
	}
	return told
}

func (p *Provider) onReversalDone(o *order, now time.Time) []news {
	o.returned(world.RefundPending, world.RefundDone)
	return o.move(now, reversed, "order.invoice_reversal", "the payment was undone")
}

func (p *Provider) onReversalFailed(o *order, now time.Time) []news {
	o.returned(world.RefundPending, world.RefundFailed)
	return o.move(now, reversalFailed, "order.reversal_failure", "the reversal failed")
}

// returned takes the latest refund, or reversal, of one state to another.
func (o *order) returned(from, to world.RefundState) {
	for i := len(o.returns) - 1; i >= 0; i-- {
		if o.returns[i].State == from {
			o.returns[i].State = to
			return
		}
	}
}

// later has something happen to an order after a while, unless something else
// has become of it by then. Without a while it waits for a decision.
func (p *Provider) later(o *order, after time.Duration, still func(*order) bool, do func(*order, time.Time) []news) {
	if after <= 0 {
		return
	}
	p.world.Clock.After(after, func(ctx context.Context) {
		var told []news
		p.mu.Lock()
		if !o.deleted && still(o) {
			told = do(o, p.world.Clock.Now())
		}
		p.mu.Unlock()
		p.callback(ctx, o, told)
	})
}

// watchDue has the due date go by after a while.
func (p *Provider) watchDue(o *order, in time.Duration) {
	o.due = o.createdAt.Add(in)
	p.later(o, in, func(o *order) bool { return o.status == issued || o.status == viewed || o.status == failed }, p.onDue)
}
