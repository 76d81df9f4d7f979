package models

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"till/money"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// OperationKind is what was asked of a provider.
type OperationKind string

// The kinds of operation.
const (
	OperationStart    OperationKind = "start"
	OperationCapture  OperationKind = "capture"
	OperationVoid     OperationKind = "void"
	OperationRefund   OperationKind = "refund"
	OperationCancel   OperationKind = "cancel"
	OperationReverse  OperationKind = "reverse"
	OperationReceived OperationKind = "received"
	OperationRenew    OperationKind = "renew"
)

// OperationState says what came of it.
type OperationState string

// The states of an operation. Its row, with its key, is committed before the
// provider hears of it; when the process dies in between, it is found again as
// requested, with a claim that has run out, and is treated as unknown.
const (
	OperationRequested OperationState = "requested" // not called yet, or being called, or certainly not heard, or on its way there
	OperationSucceeded OperationState = "succeeded"
	OperationFailed    OperationState = "failed"  // the provider refused it and did nothing, or took it and gave it up
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
	Ref          string       // the provider's id of it, where it gives one
	Note         string       // why, in the words of whoever asked
	Calls        int64        // how often the provider was called
	ClaimedUntil *time.Time   // one caller at a time: until then, nobody else calls
	PendingAt    *time.Time   // since when the provider has it and has not said how it ended
	Cause        `gorm:"embedded"`
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// CodeOutside is the Code of a refund that staff made by other means.
const CodeOutside = "outside"

// Open reports whether the operation has no outcome.
func (o Operation) Open() bool { return o.State == OperationRequested || o.State == OperationUnknown }

// MayHaveBeenHeard reports whether the provider may know of the operation
// although it has no outcome.
func (o Operation) MayHaveBeenHeard() bool {
	return o.State == OperationUnknown || o.State == OperationRequested && (o.ClaimedUntil != nil || o.PendingAt != nil)
}

// Claimed reports whether somebody is calling the provider about it now.
func (o Operation) Claimed(now time.Time) bool {
	return o.ClaimedUntil != nil && o.ClaimedUntil.After(now)
}

// RefundLine is pieces of an order's line that a refund is for.
type RefundLine struct {
	OperationID int64 `gorm:"primaryKey"`
	Position    int64 `gorm:"primaryKey"` // of the order's line
	Quantity    int64
	Restock     bool // they go back into the stock when the money has gone back
}

// Outcome is what came of an operation.
type Outcome struct {
	ID      int64
	State   OperationState
	Code    string
	Ref     string // "" to keep
	Heard   bool   // false when the provider certainly never heard of it
	Pending bool   // the provider has it and has not said how it ended
}

// write brings an operation to its outcome; succeeded tells that this is when
// it succeeded.
func (o Outcome) write(ctx context.Context, tx *gorm.DB, pay Payment) (before Operation, succeeded bool, err error) {
	now := tx.NowFunc()
	before, err = rowsOf[Operation](tx).Where("id = ?", o.ID).First(ctx)
	if err != nil {
		return before, false, named(err, "operation")
	}
	succeeded = o.State == OperationSucceeded && before.State != OperationSucceeded
	set := map[string]any{"state": o.State, "code": o.Code, "updated_at": now}
	if o.Ref != "" {
		set["ref"] = o.Ref
	}
	switch {
	case o.Pending:
		set["claimed_until"] = nil
		if before.PendingAt == nil {
			set["pending_at"] = now
		}
	case !o.Heard:
		set["claimed_until"] = nil
	case o.State == OperationUnknown:
		set["claimed_until"] = now // over, and not forgotten
	}
	if _, err := rowsOf[Operation](tx).Where("id = ?", o.ID).Set(clause.Assignments(set)).Update(ctx); err != nil {
		return before, false, named(err, "operation")
	}
	news := before.State != o.State || o.Pending && before.PendingAt == nil
	if before.Kind == OperationStart || before.Kind == OperationCancel || !news {
		return before, succeeded, nil
	}
	word := string(o.State)
	if o.Pending {
		word = "pending"
	}
	err = addEvent(ctx, tx, Event{
		OrderID: pay.OrderID, PaymentID: &pay.ID, Kind: EventOperation, FromState: string(before.Kind), ToState: word,
		Detail: cmp.Or(o.Code, before.Note), Cause: before.Cause,
	})
	return before, succeeded, err
}

var (
	// ErrBalance is returned for an operation about more than is left.
	ErrBalance = errors.New("models: more than is left")
	// ErrIllegal is returned for an operation that the payment's state forbids.
	ErrIllegal = errors.New("models: not possible in this state")
	// ErrBusy is returned while another operation that decides the payment as a
	// whole has no outcome.
	ErrBusy = errors.New("models: another operation is under way")
)

// BalanceError is an ErrBalance that says how much is left.
type BalanceError struct{ Left money.Amount }

// Error implements error.
func (e *BalanceError) Error() string { return ErrBalance.Error() + ": " + e.Left.String() }

// Unwrap makes it an ErrBalance.
func (*BalanceError) Unwrap() error { return ErrBalance }

// Reservation is an operation to be.
type Reservation struct {
	PaymentID string
	Kind      OperationKind
	Key       string       // a UUID; the same one twice is one operation
	Amount    money.Amount // the zero Amount for all there is
	Lines     []RefundLine // what a refund is for; may be empty
	Note      string       // why
	Done      bool         // staff have done it by other means already; only for a refund
	Cause     Cause
}

// callSoon is how long whoever reserved an operation has to call the provider
// before the timer does.
const callSoon = 10 * time.Second

// Reserve writes an operation before its provider hears of it, and takes what
// it needs of the payment's balance in the same commit: no two refunds can have
// the same money. The caller calls the provider now; should it die first, the
// timer does.
//
// The same Key again returns the operation made then, and so does a second
// cancel or void while one is under way; fresh tells which.
//
// Errors: a *BalanceError; a *LimitError or ErrLimit; ErrIllegal; ErrBusy.
func (p *Payments) Reserve(ctx context.Context, r Reservation) (op Operation, fresh bool, err error) {
	err = p.db.Write(ctx, func(tx *gorm.DB) error {
		fresh = false
		pay, err := lockPayment(ctx, tx, r.PaymentID)
		if err != nil {
			return err
		}
		op, err = rowsOf[Operation](tx).Where("key = ?", r.Key).First(ctx)
		if err == nil && (op.PaymentID != r.PaymentID || op.Kind != r.Kind) {
			return fmt.Errorf("%w: key of another operation", ErrDuplicate)
		}
		if err == nil || !errors.Is(err, gorm.ErrRecordNotFound) {
			return named(err, "operation")
		}
		if r.Kind != OperationRefund {
			op, err = rowsOf[Operation](tx).Where("payment_id = ? AND kind IN ? AND state IN ?", r.PaymentID, deciding,
				[]OperationState{OperationRequested, OperationUnknown}).First(ctx)
			if err == nil && op.Kind == r.Kind && op.Kind != OperationCapture {
				return nil
			}
			if err == nil {
				return fmt.Errorf("%w: %s of payment %s", ErrBusy, op.Kind, Mark(r.PaymentID))
			}
			if !errors.Is(err, gorm.ErrRecordNotFound) {
				return named(err, "operation")
			}
		}
		amount, err := r.amount(pay)
		if err != nil {
			return err
		}
		approval, err := r.allowed(ctx, tx, pay, amount)
		if err != nil {
			return err
		}
		fresh = true
		if op, err = p.db.reserve(ctx, tx, pay, r, amount); err != nil || approval == nil {
			return err
		}
		return approval.becomes(ctx, tx, op.ID)
	})
	return op, fresh && err == nil, err
}

// deciding are the kinds that decide a payment as a whole.
var deciding = []OperationKind{OperationCapture, OperationVoid, OperationCancel, OperationReverse, OperationReceived}

// amount is what the operation is about, or why it cannot be.
func (r Reservation) amount(pay Payment) (money.Amount, error) {
	illegal := fmt.Errorf("%w: %s of payment %s, which is %s", ErrIllegal, r.Kind, Mark(pay.ID), pay.State)
	switch r.Kind {
	case OperationCapture, OperationVoid:
		held := pay.Held()
		if pay.State != PaymentAuthorized {
			return held, illegal
		}
		if r.Kind == OperationVoid {
			return held, nil
		}
		return within(r.Amount, held)
	case OperationRefund:
		if pay.Captured == 0 || pay.Reversal == ReversalPending || pay.Reversal == ReversalDone {
			return money.Amount{}, illegal
		}
		return within(r.Amount, pay.Left())
	case OperationReverse:
		if pay.State == PaymentProcessing && pay.Captured == 0 {
			return pay.Amount, nil // on its way: it is stopped
		}
		if pay.State != PaymentPaid || pay.Left().Minor != pay.Captured || pay.Captured == 0 || pay.Reversal == ReversalDone {
			return money.Amount{}, illegal
		}
		return pay.Left(), nil
	case OperationReceived:
		if pay.State.HoldsMoney() || pay.Ref == "" {
			return money.Amount{}, illegal
		}
		return pay.Amount, nil
	case OperationCancel:
		if pay.State.HoldsMoney() {
			return money.Amount{}, illegal
		}
		return pay.Amount, nil
	case OperationStart, OperationRenew:
	}
	return money.Amount{}, illegal
}

// within is the amount, or all of what there is when none is named.
func within(amount, left money.Amount) (money.Amount, error) {
	if amount == (money.Amount{}) {
		amount = left
	}
	if amount.Currency != left.Currency || amount.Minor <= 0 || amount.Minor > left.Minor {
		return amount, &BalanceError{Left: left}
	}
	return amount, nil
}

// reserve writes the rows of a reservation.
func (db *DB) reserve(ctx context.Context, tx *gorm.DB, pay Payment, r Reservation, amount money.Amount) (Operation, error) {
	now := tx.NowFunc()
	op := Operation{PaymentID: pay.ID, Kind: r.Kind, Key: r.Key, State: OperationRequested, Amount: amount, Note: r.Note, Cause: r.Cause}
	set := map[string]any{"version": pay.Version + 1, "updated_at": now, "ask_at": now.Add(callSoon)}
	if r.Done {
		op.State, op.Code = OperationSucceeded, CodeOutside
		set["ask_at"] = pay.AskAt
	}
	if err := pieces(ctx, tx, pay.OrderID, r.Lines); err != nil {
		return op, err
	}
	if err := rowsOf[Operation](tx).Create(ctx, &op); err != nil {
		return op, named(err, string(r.Kind)+" of payment "+Mark(pay.ID))
	}
	for _, l := range r.Lines {
		l.OperationID = op.ID
		if err := rowsOf[RefundLine](tx).Create(ctx, &l); err != nil {
			return op, named(err, "line of refund")
		}
	}
	word := string(OperationRequested)
	switch r.Kind { //nolint:exhaustive // the others move no money by being asked for
	case OperationRefund:
		facts := []Fact{{Kind: FactRefundReserved, Amount: amount}}
		if r.Done {
			facts = append(facts, Fact{Kind: FactRefunded, Amount: amount})
			word = "done outside"
		}
		set["refund"] = ""
		if err := addFacts(ctx, tx, pay, facts, r.Cause, set); err != nil {
			return op, err
		}
		if r.Done && pay.State == PaymentMismatch && pay.Left().Minor == amount.Minor {
			set["state"], set["live"] = PaymentCancelled, false
		}
	case OperationReverse:
		set["reversal"] = ReversalPending
		var facts []Fact
		if pay.Captured > 0 {
			facts = append(facts, Fact{Kind: FactRefundReserved, Amount: amount})
		}
		if err := addFacts(ctx, tx, pay, facts, r.Cause, set); err != nil {
			return op, err
		}
	}
	if _, err := rowsOf[Payment](tx).Where("id = ?", pay.ID).Set(clause.Assignments(set)).Update(ctx); err != nil {
		return op, named(err, "payment "+Mark(pay.ID))
	}
	if r.Kind != OperationCancel {
		err := addEvent(ctx, tx, Event{
			OrderID: pay.OrderID, PaymentID: &pay.ID, Kind: EventOperation, FromState: string(r.Kind), ToState: word,
			Detail: r.Note, Cause: r.Cause,
		})
		if err != nil {
			return op, err
		}
	}
	order, err := db.derive(ctx, tx, pay.OrderID)
	if err == nil && r.Done {
		err = db.goneBack(ctx, tx, order, op)
	}
	return op, err
}

// pieces refuses a refund of more pieces of a line than were sold and are not
// refunded yet: they would go back into the stock twice.
func pieces(ctx context.Context, tx *gorm.DB, orderID int64, lines []RefundLine) error {
	for _, l := range lines {
		sold, err := rowsOf[OrderLine](tx).Where("order_id = ? AND position = ?", orderID, l.Position).First(ctx)
		if err != nil {
			return named(err, "line of the order")
		}
		var back int64
		err = tx.Model(&RefundLine{}).Where(`position = ? AND operation_id IN (SELECT id FROM operations WHERE payment_id IN
			(SELECT id FROM payments WHERE order_id = ?) AND (state <> ? OR id IN (SELECT operation_id FROM stock_movements WHERE order_id = ?)))`,
			l.Position, orderID, OperationFailed, orderID).
			Select("COALESCE(SUM(quantity), 0)").Scan(&back).Error
		if err != nil {
			return named(err, "pieces refunded before")
		}
		if l.Quantity > sold.Quantity-back {
			return fmt.Errorf("%w: of %d × %s, %d are refunded already", ErrIllegal, sold.Quantity, sold.Slug, back)
		}
	}
	return nil
}

// Claim makes the caller the only one to call a provider about an operation for
// the given time, and returns the operation as it was before; ok is false
// when somebody else is calling, when it has an outcome, or when it must wait
// for a refund before it that cannot be told apart from it. Should the process
// die, the timer looks at the payment after that.
func (p *Payments) Claim(ctx context.Context, id int64, lease time.Duration) (before Operation, ok bool, err error) {
	err = p.db.Write(ctx, func(tx *gorm.DB) error {
		ok = false
		op, err := rowsOf[Operation](tx).Where("id = ?", id).First(ctx)
		if err != nil {
			return named(err, "operation")
		}
		pay, err := lockPayment(ctx, tx, op.PaymentID)
		if err != nil {
			return err
		}
		if before, err = rowsOf[Operation](tx, forUpdate()).Where("id = ?", id).First(ctx); err != nil {
			return named(err, "operation")
		}
		now := tx.NowFunc() // now that it is our turn: it may have been a long wait
		until := now.Add(lease)
		if !before.Open() || before.Claimed(now) {
			return nil
		}
		if waits, err := before.waits(ctx, tx); err != nil || waits {
			return err
		}
		ok = true
		_, err = rowsOf[Operation](tx).Where("id = ?", id).
			Set(clause.Assignments(map[string]any{"calls": before.Calls + 1, "claimed_until": until, "updated_at": now})).Update(ctx)
		if err != nil {
			return named(err, "claim")
		}
		// What was decided before the provider could hear of this does not hold.
		_, err = rowsOf[Payment](tx).Where("id = ?", before.PaymentID).
			Set(clause.Assignments(map[string]any{"ask_at": until, "version": pay.Version + 1})).Update(ctx)
		return named(err, "claim")
	})
	return before, ok && err == nil, err
}

// waits reports whether a refund must wait for one before it: sums tell which
// of two it was only when one is under way at a time.
func (o Operation) waits(ctx context.Context, tx *gorm.DB) (bool, error) {
	if o.Kind != OperationRefund {
		return false, nil
	}
	before, err := rowsOf[Operation](tx).
		Where("payment_id = ? AND kind = ? AND id <> ? AND state IN ? AND ref = ''", o.PaymentID, OperationRefund, o.ID,
			[]OperationState{OperationRequested, OperationUnknown}).Find(ctx)
	heard := slices.ContainsFunc(before, func(b Operation) bool { return b.MayHaveBeenHeard() })
	return heard, named(err, "refunds")
}

// Operations returns a payment and everything asked about it, oldest first, as
// of one moment.
func (p *Payments) Operations(ctx context.Context, paymentID string) (pay Payment, ops []Operation, err error) {
	err = p.db.snapshot(ctx, func(tx *gorm.DB) error {
		if pay, err = rowsOf[Payment](tx).Where("id = ?", paymentID).First(ctx); err != nil {
			return named(err, "payment "+Mark(paymentID))
		}
		ops, err = rowsOf[Operation](tx).Where("payment_id = ?", paymentID).Order("id").Find(ctx)
		return named(err, "operations of payment "+Mark(paymentID))
	})
	return pay, ops, err
}

// Operation returns one operation, or ErrNotFound.
func (p *Payments) Operation(ctx context.Context, id int64) (Operation, error) {
	op, err := rowsOf[Operation](p.db.r).Where("id = ?", id).First(ctx)
	return op, named(err, "operation")
}

// RefundLines returns what the refunds of an order were for.
func (p *Payments) RefundLines(ctx context.Context, orderID int64) ([]RefundLine, error) {
	all, err := rowsOf[RefundLine](p.db.r).
		Where("operation_id IN (SELECT id FROM operations WHERE payment_id IN (SELECT id FROM payments WHERE order_id = ?))", orderID).
		Order("operation_id, position").Find(ctx)
	return all, named(err, "refund lines")
}
