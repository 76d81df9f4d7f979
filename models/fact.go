package models

import (
	"time"

	"till/money"
)

// FactKind says what happened to money.
type FactKind string

// The kinds of fact.
const (
	FactAuthorized     FactKind = "authorized"      // reserved for us
	FactReleased       FactKind = "released"        // reserved no longer
	FactCaptured       FactKind = "captured"        // taken for us
	FactCorrected      FactKind = "corrected"       // the provider corrected what it had said was captured; signed
	FactRefundReserved FactKind = "refund_reserved" // a refund was asked for: nobody else may refund this
	FactRefunded       FactKind = "refunded"        // a reserved refund reached the buyer
	FactRefundFailed   FactKind = "refund_failed"   // a reserved refund did not happen
	FactRefundReversed FactKind = "refund_reversed" // a refund came back to us
	FactDisputed       FactKind = "disputed"        // the buyer's bank took it back, or may
	FactDisputeClosed  FactKind = "dispute_closed"  // and gave it up
)

// Fact is one line of the append-only ledger of a payment. The database refuses
// to change or delete one.
type Fact struct {
	ID        int64
	PaymentID string
	Kind      FactKind
	Amount    money.Amount `gorm:"embedded"`
	Ref       string       // the provider's reference of this movement, where it has one
	Stage     string       // of a dispute, in the gateway's words
	Cause     `gorm:"embedded"`
	At        time.Time
}

// Balances is what a payment's facts come to, in minor units of its currency.
type Balances struct {
	Authorized    int64 `gorm:"column:authorized_minor"`     // ever reserved
	Released      int64 `gorm:"column:released_minor"`       // of that, reserved no longer and not taken
	Captured      int64 `gorm:"column:captured_minor"`       // taken
	RefundPending int64 `gorm:"column:refund_pending_minor"` // asked to go back
	Refunded      int64 `gorm:"column:refunded_minor"`       // gone back
	Disputed      int64 `gorm:"column:disputed_minor"`       // in dispute now
}

// Fold adds facts up. It counts those in the given currency: money in another
// one is a mismatch, not a balance. Their order does not matter.
func Fold(c money.Currency, facts []Fact) Balances {
	var b Balances
	for _, f := range facts {
		if f.Amount.Currency != c {
			continue
		}
		n := f.Amount.Minor
		switch f.Kind {
		case FactAuthorized:
			b.Authorized += n
		case FactReleased:
			b.Released += n
		case FactCaptured, FactCorrected:
			b.Captured += n
		case FactRefundReserved:
			b.RefundPending += n
		case FactRefunded:
			b.RefundPending -= n
			b.Refunded += n
		case FactRefundFailed:
			b.RefundPending -= n
		case FactRefundReversed:
			b.Refunded -= n
		case FactDisputed:
			b.Disputed += n
		case FactDisputeClosed:
			b.Disputed -= n
		}
	}
	return b
}
