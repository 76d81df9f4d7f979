package models

import (
	"time"

	"till/money"
)

// OperationKind is what was asked of a provider.
type OperationKind string

// The kinds of operation.
const (
	OperationStart   OperationKind = "start"
	OperationCapture OperationKind = "capture"
	OperationVoid    OperationKind = "void"
	OperationRefund  OperationKind = "refund"
	OperationCancel  OperationKind = "cancel"
	OperationRenew   OperationKind = "renew"
)

// OperationState says what came of it.
type OperationState string

// The states of an operation. Its row, with its key, is committed before the
// provider hears of it; when the process dies in between, it is found again as
// requested, with a claim that has run out, and is treated as unknown.
const (
	OperationRequested OperationState = "requested" // not called yet, or being called, or certainly not heard
	OperationSucceeded OperationState = "succeeded"
	OperationFailed    OperationState = "failed"  // the provider refused it and did nothing
	OperationUnknown   OperationState = "unknown" // no answer: ask with the same key, or look it up
)

// Operation is one thing asked of a provider about a payment.
type Operation struct {
	ID           int64
	PaymentID    string
	Kind         OperationKind
	Key          string // a UUID; the provider's idempotency key where it knows them; never changes
	State        OperationState
	Amount       money.Amount `gorm:"embedded"`
	Code         string       // the provider's code or ours for why not
	Calls        int64        // how often the provider was called
	ClaimedUntil *time.Time   // one caller at a time: until then, nobody else calls
	Cause        `gorm:"embedded"`
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// MayHaveBeenHeard reports whether the provider may know of the operation
// although we have no answer.
func (o Operation) MayHaveBeenHeard() bool {
	return o.State == OperationUnknown || o.State == OperationRequested && o.ClaimedUntil != nil
}
