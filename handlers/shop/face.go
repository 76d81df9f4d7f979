package shop

import (
	"slices"
	"time"

	"till/models"
	"till/providers"
	"till/views/shop"
)

// current is the payment that an order page is about: the one whose money is
// being moved back or argued about, then one with money, then one that may have
// some soon, then the one being made, or the last one.
func current(d models.OrderDetail) (p models.Payment, ok bool) {
	best := -1
	for _, one := range d.Payments {
		if w := weight(one); w > best || w == best && w == 0 {
			p, best, ok = one, w, true
		}
	}
	return p, ok
}

func weight(p models.Payment) int {
	switch {
	case p.Dispute != "" || p.Reversal != "" || p.Refund != "" || p.RefundPending > 0:
		return 6
	case p.State == models.PaymentPaid:
		return 5
	case p.State == models.PaymentAuthorized:
		return 4
	case p.State == models.PaymentMismatch:
		return 3
	case p.State == models.PaymentProcessing || p.State == models.PaymentAccepted || p.State == models.PaymentUnknown:
		return 2
	case p.Live:
		return 1
	default:
		return 0
	}
}

// situation is what a face is decided from.
type situation struct {
	models.OrderDetail
	payment models.Payment // the current one
	silent  bool           // its provider gave no answer when it was last asked
	slow    bool           // its provider takes days to move money
}

// face is which face of the order page the rows come to, and why when it is
// not paid.
func (s situation) face() (shop.OrderState, shop.Reason) {
	switch s.Status {
	case models.OrderPaid, models.OrderReceived:
		if s.needs(models.AttentionSecondPayment, models.AttentionOverpayment) {
			return shop.StateOverpaid, shop.ReasonNone
		}
		return shop.StatePaid, shop.ReasonNone
	case models.OrderHold:
		return shop.StateReserved, shop.ReasonNone
	case models.OrderCancelled:
		return shop.StateCancelled, shop.ReasonNone
	case models.OrderExpired:
		return shop.StateExpired, shop.ReasonNone
	case models.OrderRefundInitiated, models.OrderReversalInitiated:
		return shop.StateRefunding, shop.ReasonNone
	case models.OrderPartiallyRefunded:
		return shop.StatePartlyRefunded, shop.ReasonNone
	case models.OrderRefunded:
		return shop.StateRefunded, shop.ReasonNone
	case models.OrderReversed:
		return shop.StateReversed, shop.ReasonNone
	case models.OrderRefundFailed, models.OrderReversalFailed:
		return shop.StateRefundStuck, shop.ReasonNone
	case models.OrderRefundReversed:
		return shop.StateRefundCameBack, shop.ReasonNone
	case models.OrderChargeback, models.OrderRepresentation, models.OrderRetrieval, models.OrderPrearbitration, models.OrderArbitration,
		models.OrderPrecompliance, models.OrderCompliance, models.OrderGoodFaith, models.OrderFraudAdvice:
		return shop.StateDisputed, shop.ReasonNone
	case models.OrderCreated: // a payout: nothing for a shopper to do
		return shop.StateAttention, shop.ReasonNone
	case models.OrderIssued, models.OrderViewed, models.OrderInProgress, models.OrderFailed, models.OrderRejected, models.OrderOverdue:
	}
	if s.needs(models.AttentionMismatch, models.AttentionNeedAction, models.AttentionUnknown) {
		return shop.StateAttention, shop.ReasonNone
	}
	return s.open()
}

func (s situation) needs(kinds ...models.Attention) bool {
	return slices.ContainsFunc(kinds, func(k models.Attention) bool { return slices.Contains(s.Attention, k) })
}

// open is face for an order without money, by its payment.
func (s situation) open() (shop.OrderState, shop.Reason) {
	switch p := s.payment; p.State {
	case models.PaymentProcessing:
		if s.slow {
			return shop.StateClearing, shop.ReasonNone
		}
		return shop.StateConfirming, shop.ReasonNone
	case models.PaymentAccepted:
		return shop.StateAccepted, shop.ReasonNone
	case models.PaymentUnknown:
		return shop.StateUnknown, shop.ReasonNone
	case models.PaymentMismatch:
		return shop.StateAttention, shop.ReasonNone
	case models.PaymentFailed:
		return shop.StateNotPaid, reasonFor(p.Reason)
	case models.PaymentCancelled:
		return shop.StateNotPaid, s.ended()
	case models.PaymentExpired:
		if p.Captured > 0 {
			return shop.StateNotPaid, shop.ReasonReturned
		}
		return shop.StateNotPaid, shop.ReasonExpired
	case models.PaymentRedirected:
		switch {
		case s.silent && p.Live:
			return shop.StateConfirming, shop.ReasonNone
		case p.Reason == models.ReasonOverdue:
			return shop.StateOpen, shop.ReasonOverdue
		case p.Reason == models.ReasonDeclined:
			return shop.StateNotPaid, shop.ReasonDeclined
		default:
			return shop.StateOpen, shop.ReasonNone
		}
	case models.PaymentCreated:
		return s.created(), shop.ReasonNone
	case models.PaymentPaid, models.PaymentAuthorized:
		return shop.StateConfirming, shop.ReasonNone // more is to come before the order is covered
	}
	return shop.StateConfirming, shop.ReasonNone
}

// ended is why a payment was cancelled. It was the shopper, unless our own rows
// say that it was not.
func (s situation) ended() shop.Reason {
	if s.payment.Captured > 0 {
		return shop.ReasonReturned
	}
	why := shop.ReasonCancelled
	if s.payment.Reason == models.ReasonDeclined {
		why = shop.ReasonDeclined // and no further try was left
	}
	for _, op := range s.Operations {
		if op.PaymentID != s.payment.ID || op.State != models.OperationSucceeded {
			continue
		}
		switch op.Kind { //nolint:exhaustive // the others end no payment
		case models.OperationVoid:
			why = shop.ReasonReleased
		case models.OperationReverse:
			why = shop.ReasonStopped
		case models.OperationCancel:
			why = shop.ReasonSuperseded
		}
	}
	return why
}

// created tells a payment that is being started, or was not tried, from one
// whose provider was not reached.
func (s situation) created() shop.OrderState {
	for _, op := range s.Operations {
		if op.PaymentID != s.payment.ID || op.Kind != models.OperationStart || op.Calls == 0 {
			continue
		}
		if op.MayHaveBeenHeard() {
			return shop.StateUnknown
		}
		return shop.StateStartFailed
	}
	return shop.StateOpen
}

// slowAfter is how long money is on its way where that takes seconds. A provider
// that means to be asked again only after as long, two looks into it, is one where
// it takes days.
const slowAfter = 10 * time.Minute

func slow(p providers.Provider) bool {
	one, ok := p.(providers.Pacer)
	return ok && one.NextAsk(providers.Processing, 2) >= slowAfter
}

func reasonFor(word string) shop.Reason {
	switch providers.Reason(word) {
	case providers.ReasonBalance:
		return shop.ReasonBalance
	case providers.ReasonLimit:
		return shop.ReasonLimit
	case providers.ReasonInactive:
		return shop.ReasonInactive
	case providers.ReasonBlocked:
		return shop.ReasonBlocked
	case providers.ReasonNone, providers.ReasonDeclined, providers.ReasonRejected, providers.ReasonOverdue, providers.ReasonPayout:
		return shop.ReasonDeclined
	default:
		return shop.ReasonDeclined
	}
}
