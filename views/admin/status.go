package admin

import "till/views/ui"

// Status is an order's status, in the gateway's vocabulary: models' words.
type Status string

// The statuses of an order.
const (
	StatusCreated           Status = "created" // a payout order
	StatusIssued            Status = "issued"
	StatusViewed            Status = "viewed"
	StatusInProgress        Status = "in_progress"
	StatusHold              Status = "hold"
	StatusPaid              Status = "paid"
	StatusReceived          Status = "received"
	StatusFailed            Status = "failed"
	StatusRejected          Status = "rejected"
	StatusOverdue           Status = "overdue"
	StatusExpired           Status = "expired"
	StatusCancelled         Status = "cancelled"
	StatusRefundInitiated   Status = "refund_initiated"
	StatusPartiallyRefunded Status = "partially_refunded"
	StatusRefunded          Status = "refunded"
	StatusRefundFailed      Status = "refund_failed"
	StatusRefundReversed    Status = "refund_reversed"
	StatusReversalInitiated Status = "reversal_initiated"
	StatusReversed          Status = "reversed"
	StatusReversalFailed    Status = "reversal_failed"
	StatusChargeback        Status = "chargeback"
	StatusRepresentation    Status = "representation"
	StatusRetrieval         Status = "retrieval"
	StatusPrearbitration    Status = "prearbitration"
	StatusArbitration       Status = "arbitration"
	StatusPrecompliance     Status = "precompliance"
	StatusCompliance        Status = "compliance"
	StatusGoodFaith         Status = "good_faith"
	StatusFraudAdvice       Status = "fraud_advice"
)

// StatusAttention is no status: as a filter it asks for the orders of every
// status that need attention.
const StatusAttention Status = "needs_attention"

// statuses is what the list can be narrowed to, in the order of an order's
// life.
func statuses() []Status {
	return []Status{
		StatusIssued, StatusViewed, StatusInProgress, StatusHold, StatusPaid, StatusReceived, StatusFailed, StatusRejected,
		StatusOverdue, StatusExpired, StatusCancelled, StatusRefundInitiated, StatusPartiallyRefunded, StatusRefunded,
		StatusRefundFailed, StatusRefundReversed, StatusReversalInitiated, StatusReversed, StatusReversalFailed,
		StatusChargeback, StatusRepresentation, StatusRetrieval, StatusPrearbitration, StatusArbitration,
		StatusPrecompliance, StatusCompliance, StatusGoodFaith, StatusFraudAdvice,
	}
}

// word is the status as people read it. A word that we do not know is shown as
// it came.
func (s Status) word() string {
	switch s {
	case StatusCreated:
		return "Created"
	case StatusIssued:
		return "Issued"
	case StatusViewed:
		return "Viewed"
	case StatusInProgress:
		return "In progress"
	case StatusHold:
		return "On hold"
	case StatusPaid:
		return "Paid"
	case StatusReceived:
		return "Received"
	case StatusFailed:
		return "Failed"
	case StatusRejected:
		return "Rejected"
	case StatusOverdue:
		return "Overdue"
	case StatusExpired:
		return "Expired"
	case StatusCancelled:
		return "Cancelled"
	case StatusRefundInitiated:
		return "Refund initiated"
	case StatusPartiallyRefunded:
		return "Partially refunded"
	case StatusRefunded:
		return "Refunded"
	case StatusRefundFailed:
		return "Refund failed"
	case StatusRefundReversed:
		return "Refund reversed"
	case StatusReversalInitiated:
		return "Reversal initiated"
	case StatusReversed:
		return "Reversed"
	case StatusReversalFailed:
		return "Reversal failed"
	case StatusChargeback:
		return "Chargeback"
	case StatusRepresentation:
		return "Representation"
	case StatusRetrieval:
		return "Retrieval"
	case StatusPrearbitration:
		return "Pre-arbitration"
	case StatusArbitration:
		return "Arbitration"
	case StatusPrecompliance:
		return "Pre-compliance"
	case StatusCompliance:
		return "Compliance"
	case StatusGoodFaith:
		return "Good faith"
	case StatusFraudAdvice:
		return "Fraud advice"
	case StatusAttention:
		return "Needs attention"
	default:
		return string(s)
	}
}

func (s Status) tone() ui.Tone {
	switch s {
	case StatusPaid, StatusReceived:
		return ui.Good
	case StatusInProgress, StatusHold, StatusRefundInitiated, StatusPartiallyRefunded, StatusRefunded, StatusRefundReversed,
		StatusReversalInitiated, StatusReversed, StatusRepresentation:
		return ui.Info
	case StatusFailed, StatusOverdue, StatusRetrieval, StatusPrearbitration, StatusArbitration, StatusPrecompliance,
		StatusCompliance, StatusGoodFaith, StatusFraudAdvice, StatusAttention:
		return ui.Warn
	case StatusRefundFailed, StatusReversalFailed, StatusChargeback:
		return ui.Bad
	case StatusCreated, StatusIssued, StatusViewed, StatusRejected, StatusExpired, StatusCancelled:
		return ui.Plain
	default:
		return ui.Warn
	}
}

func (s Status) icon() ui.IconName {
	switch s {
	case StatusPaid, StatusReceived:
		return ui.IconCheck
	case StatusInProgress, StatusHold, StatusOverdue, StatusExpired:
		return ui.IconClock
	case StatusRefundInitiated, StatusPartiallyRefunded, StatusRefunded, StatusRefundReversed, StatusReversalInitiated,
		StatusReversed:
		return ui.IconReturn
	case StatusFailed, StatusRefundFailed, StatusReversalFailed, StatusChargeback, StatusAttention:
		return ui.IconWarn
	case StatusRejected, StatusCancelled:
		return ui.IconStop
	case StatusRepresentation, StatusRetrieval, StatusPrearbitration, StatusArbitration, StatusPrecompliance,
		StatusCompliance, StatusGoodFaith, StatusFraudAdvice:
		return ui.IconPerson
	case StatusCreated, StatusIssued, StatusViewed:
		return ui.IconDot
	default:
		return ui.IconAsk
	}
}

// Attention is one reason for a person to look at an order: models' words.
type Attention string

// The reasons.
const (
	AttentionMismatch         Attention = "mismatch"
	AttentionSecondPayment    Attention = "second_payment"
	AttentionOverpayment      Attention = "overpayment"
	AttentionPaidAfterCancel  Attention = "paid_after_cancel"
	AttentionSoldOut          Attention = "sold_out"
	AttentionUnknown          Attention = "unknown"
	AttentionRefundUnknown    Attention = "refund_unknown"
	AttentionRefundFailed     Attention = "refund_failed"
	AttentionRefundReversed   Attention = "refund_reversed"
	AttentionRefundElsewhere  Attention = "refund_elsewhere"
	AttentionCaptureUnknown   Attention = "capture_unknown"
	AttentionUnanswered       Attention = "unanswered"
	AttentionUnauthorized     Attention = "unauthorized"
	AttentionContradiction    Attention = "contradiction"
	AttentionUnknownWord      Attention = "unknown_word"
	AttentionNeedAction       Attention = "need_action"
	AttentionAccepted         Attention = "accepted"
	AttentionClearingLate     Attention = "clearing_late"
	AttentionLapsing          Attention = "lapsing"
	AttentionDispute          Attention = "dispute"
	AttentionUnknownReference Attention = "unknown_reference"
)

// word is the reason in a few words.
func (a Attention) word() string {
	switch a {
	case AttentionMismatch:
		return "The amount does not match"
	case AttentionSecondPayment:
		return "Paid twice"
	case AttentionOverpayment:
		return "Paid too much"
	case AttentionPaidAfterCancel:
		return "Paid after it was cancelled"
	case AttentionSoldOut:
		return "Sold out"
	case AttentionUnknown:
		return "The provider never answered"
	case AttentionRefundUnknown:
		return "A refund without an answer"
	case AttentionRefundFailed:
		return "A refund did not happen"
	case AttentionRefundReversed:
		return "A refund came back"
	case AttentionRefundElsewhere:
		return "A refund that nobody here asked for"
	case AttentionCaptureUnknown:
		return "Nobody says how much was taken"
	case AttentionUnanswered:
		return "The provider does not answer"
	case AttentionUnauthorized:
		return "The provider does not know us"
	case AttentionContradiction:
		return "The provider contradicts itself"
	case AttentionUnknownWord:
		return "The provider says something new"
	case AttentionNeedAction:
		return "The provider waits for you"
	case AttentionAccepted:
		return "The bank says no more"
	case AttentionClearingLate:
		return "The money is late"
	case AttentionLapsing:
		return "A reservation is about to lapse"
	case AttentionDispute:
		return "In dispute"
	case AttentionUnknownReference:
		return "A payment that nobody knows"
	default:
		return string(a)
	}
}

// advice says what it means and what to do.
func (a Attention) advice() string {
	switch a {
	case AttentionMismatch:
		return "The provider has another amount or currency than this order. Send nothing. Compare the payment with the provider's own pages."
	case AttentionSecondPayment:
		return "More was taken than the order costs. Give the second payment back."
	case AttentionOverpayment:
		return "One payment took more than the order costs. Give the rest back, or agree with the shopper to keep it."
	case AttentionPaidAfterCancel:
		return "Money came for an order that is cancelled. Give it back, or agree with the shopper to send the goods after all."
	case AttentionSoldOut:
		return "The money is here, and more was sold than there was. Agree with the shopper on a later delivery, or give the money back."
	case AttentionUnknown:
		return "We asked the provider to start a payment, never heard back, and cannot ask any more. Look in the provider's own pages: when there is nothing, accept, and the order can be paid another way."
	case AttentionRefundUnknown:
		return "It may have happened or not. Look in the provider's own pages before you do anything: sent again, the money may go back twice."
	case AttentionRefundFailed:
		return "The money is still here. Find out why, then give it back once more or in another way."
	case AttentionRefundReversed:
		return "The money is here again. Ask the shopper where it should go, then give it back once more."
	case AttentionRefundElsewhere:
		return "The provider says that money went back, and not how much. Look in its own pages, record the refund as made in another way, and accept."
	case AttentionCaptureUnknown:
		return "A capture of a part had no answer, and the provider does not say how much it took. Look in its own pages; we count what was asked for."
	case AttentionUnanswered:
		return "We asked several times and never heard back. Look in the provider's own pages; then send it again, or say that it did not happen."
	case AttentionUnauthorized:
		return "The provider refused our keys, so nothing was done. Mend its settings: it is tried again by itself."
	case AttentionUnknownWord:
		return "We do not know the provider's word for this payment, so we believe nothing. Look in its own pages whether there is money."
	case AttentionContradiction:
		return "The provider now says something else about a payment that it had called paid. Nothing was changed. Ask the provider before you send anything."
	case AttentionNeedAction:
		return "The payment stands still until somebody decides in the provider's own pages."
	case AttentionAccepted:
		return "The bank took the order to pay and reports nothing after that. Look at the bank account: when the money is there, accept."
	case AttentionClearingLate:
		return "It should have been here by now. Ask the provider, and send nothing before it is."
	case AttentionLapsing:
		return "Take the money before the reservation ends, or give it back."
	case AttentionDispute:
		return "Answer in the provider's own pages before its time is over. Do not refund what is disputed: the money would go twice."
	case AttentionUnknownReference:
		return "Look the reference up in the provider's own pages. When it is one of our orders, attach it; when it is not ours, accept."
	default:
		return "Look at the timeline below."
	}
}

// PaymentState is the state of one payment: models' words.
type PaymentState string

// The states of a payment.
const (
	PaymentCreated    PaymentState = "created"
	PaymentRedirected PaymentState = "redirected"
	PaymentProcessing PaymentState = "processing"
	PaymentAuthorized PaymentState = "authorized"
	PaymentPaid       PaymentState = "paid"
	PaymentFailed     PaymentState = "failed"
	PaymentCancelled  PaymentState = "cancelled"
	PaymentExpired    PaymentState = "expired"
	PaymentUnknown    PaymentState = "unknown"
	PaymentAccepted   PaymentState = "accepted"
	PaymentMismatch   PaymentState = "mismatch"
)

// word is the state as people read it.
func (s PaymentState) word() string {
	switch s {
	case PaymentCreated:
		return "Created"
	case PaymentRedirected:
		return "Redirected"
	case PaymentProcessing:
		return "Processing"
	case PaymentAuthorized:
		return "Authorised"
	case PaymentPaid:
		return "Paid"
	case PaymentFailed:
		return "Failed"
	case PaymentCancelled:
		return "Cancelled"
	case PaymentExpired:
		return "Expired"
	case PaymentUnknown:
		return "Unknown"
	case PaymentAccepted:
		return "Accepted"
	case PaymentMismatch:
		return "Mismatch"
	default:
		return string(s)
	}
}

// meaning is what the state says about the money, as one sentence.
func (s PaymentState) meaning(provider string) string {
	switch s {
	case PaymentCreated:
		return provider + " has not heard of it yet."
	case PaymentRedirected:
		return "The shopper was sent to " + provider + " and has not decided yet."
	case PaymentProcessing:
		return "The shopper agreed. The money is on its way."
	case PaymentAuthorized:
		return "The money is reserved and not taken."
	case PaymentPaid:
		return provider + " has the money for us."
	case PaymentFailed:
		return provider + " said no. No money moved."
	case PaymentCancelled:
		return "Given up by the shopper or by us. No money moved."
	case PaymentExpired:
		return "Its time was over. No money moved."
	case PaymentUnknown:
		return provider + " gave no answer. It may have the payment or not, and we do not start it again before we know."
	case PaymentAccepted:
		return "The bank took the order to pay and says no more for a while."
	case PaymentMismatch:
		return provider + " has another amount or currency than we do. It counts for nothing until a person has looked."
	default:
		return "We do not know this state."
	}
}

// open reports whether the provider may still have news.
func (s PaymentState) open() bool {
	switch s {
	case PaymentCreated, PaymentRedirected, PaymentProcessing, PaymentAuthorized, PaymentUnknown, PaymentAccepted, PaymentMismatch:
		return true
	case PaymentPaid, PaymentFailed, PaymentCancelled, PaymentExpired:
		return false
	default:
		return true
	}
}

func (s PaymentState) tone() ui.Tone {
	switch s {
	case PaymentPaid:
		return ui.Good
	case PaymentProcessing, PaymentAuthorized, PaymentAccepted:
		return ui.Info
	case PaymentUnknown, PaymentFailed:
		return ui.Warn
	case PaymentMismatch:
		return ui.Bad
	case PaymentCreated, PaymentRedirected, PaymentCancelled, PaymentExpired:
		return ui.Plain
	default:
		return ui.Warn
	}
}

func (s PaymentState) icon() ui.IconName {
	switch s {
	case PaymentPaid:
		return ui.IconCheck
	case PaymentProcessing, PaymentAuthorized, PaymentAccepted, PaymentExpired:
		return ui.IconClock
	case PaymentFailed, PaymentMismatch:
		return ui.IconWarn
	case PaymentCancelled:
		return ui.IconStop
	case PaymentCreated, PaymentRedirected:
		return ui.IconDot
	case PaymentUnknown:
		return ui.IconAsk
	default:
		return ui.IconAsk
	}
}

// OperationState is what became of one thing asked of a provider.
type OperationState string

// The states of an operation.
const (
	OperationRequested OperationState = "requested"
	OperationSucceeded OperationState = "succeeded"
	OperationFailed    OperationState = "failed"
	OperationUnknown   OperationState = "unknown"
)

func (s OperationState) tone() ui.Tone {
	switch s {
	case OperationSucceeded:
		return ui.Good
	case OperationRequested:
		return ui.Info
	case OperationFailed, OperationUnknown:
		return ui.Warn
	default:
		return ui.Warn
	}
}

// Verdict is what became of a callback that a provider sent.
type Verdict string

// The verdicts on a delivery.
const (
	VerdictNew       Verdict = "new"
	VerdictSettled   Verdict = "settled"
	VerdictUnmatched Verdict = "unmatched"
)

// word is the verdict as people read it.
func (v Verdict) word() string {
	switch v {
	case VerdictNew:
		return "Stored, not acted on yet"
	case VerdictSettled:
		return "Settled after it"
	case VerdictUnmatched:
		return "No payment of ours"
	default:
		return string(v)
	}
}

func (v Verdict) tone() ui.Tone {
	switch v {
	case VerdictSettled:
		return ui.Good
	case VerdictNew:
		return ui.Info
	case VerdictUnmatched:
		return ui.Warn
	default:
		return ui.Warn
	}
}
