package models

import (
	"cmp"
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"till/money"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Decision is what became of a question for approval; empty while it is open.
type Decision string

// The decisions.
const (
	DecisionApproved  Decision = "approved"
	DecisionDeclined  Decision = "declined"
	DecisionWithdrawn Decision = "withdrawn"
)

// The events of an approval. Detail is the amount and why.
const (
	EventApprovalAsked     EventKind = "approval_asked"
	EventApprovalGiven     EventKind = "approval_given"
	EventApprovalDeclined  EventKind = "approval_declined"
	EventApprovalWithdrawn EventKind = "approval_withdrawn"
)

// Approval is a refund above the limit, which a second person must agree to. It
// becomes the refund with the same Key.
type Approval struct {
	ID          int64
	Key         string // of the refund to be; the same one twice is one approval
	OrderID     int64
	PaymentID   string
	Amount      money.Amount `gorm:"embedded"`
	Lines       ApprovalLines
	Note        string // why, in the words of whoever asked
	Done        bool   // the money has gone back by other means already: it is only written down
	AskedBy     string // an Actor, as DecidedBy
	AskedAt     time.Time
	Decision    Decision
	Reason      string // why not; may be empty
	DecidedBy   string
	DecidedAt   *time.Time
	OperationID *int64 // the refund that it became
}

// ApprovalLines is what the refund is for, kept as JSON.
type ApprovalLines []RefundLine

// Value implements driver.Valuer.
func (l ApprovalLines) Value() (driver.Value, error) {
	if l == nil {
		l = ApprovalLines{}
	}
	raw, err := json.Marshal(l)
	return string(raw), err
}

// Scan implements sql.Scanner.
func (l *ApprovalLines) Scan(v any) error {
	var raw []byte
	switch v := v.(type) {
	case string:
		raw = []byte(v)
	case []byte:
		raw = v
	default:
		return fmt.Errorf("models: lines of an approval from %T", v)
	}
	*l = nil
	if err := json.Unmarshal(raw, l); err != nil {
		return fmt.Errorf("models: lines of an approval: %w", err)
	}
	return nil
}

// Stuck reports whether it was approved and the refund was not written: whoever
// approved it was interrupted, or the refund was refused then.
func (a Approval) Stuck() bool { return a.Decision == DecisionApproved && a.OperationID == nil }

// Waits reports whether somebody has to do something about it.
func (a Approval) Waits() bool { return a.Decision == "" || a.Stuck() }

// Reservation is the refund that it asks for.
func (a Approval) Reservation(cause Cause) Reservation {
	return Reservation{
		PaymentID: a.PaymentID, Kind: OperationRefund, Key: a.Key, Amount: a.Amount, Lines: a.Lines, Note: a.Note, Done: a.Done, Cause: cause,
	}
}

var (
	// ErrLimit is returned for a refund by staff that a second person must
	// agree to first.
	ErrLimit = errors.New("models: above the limit of one person")
	// ErrOwn is returned when somebody approves or declines what they asked for
	// themselves, or withdraws what another did.
	ErrOwn = errors.New("models: a second person decides, and only who asked withdraws")
)

// LimitError is an ErrLimit that says what the limit is and how much of it is
// used.
type LimitError struct {
	Limit money.Amount
	Used  money.Amount // refunded of this payment by the same person in the last day
}

// Error implements error.
func (e *LimitError) Error() string { return ErrLimit.Error() + ": " + e.Limit.String() }

// Unwrap makes it an ErrLimit.
func (*LimitError) Unwrap() error { return ErrLimit }

// limitDay is how long small refunds of one payment by one person are added up.
const limitDay = 24 * time.Hour

// limited is a *LimitError when staff may not give back an amount alone. What
// was given back in parts within a day counts together; what a second person has
// agreed to does not.
func limited(ctx context.Context, tx *gorm.DB, pay Payment, amount money.Amount, actor string) error {
	if !strings.HasPrefix(actor, staffActor) {
		return nil
	}
	settings, err := currentSettings(ctx, tx)
	if err != nil {
		return err
	}
	limit, ok := settings.Limits[amount.Currency]
	if !ok {
		return nil
	}
	var used int64
	err = tx.WithContext(ctx).Raw(`SELECT COALESCE(SUM(minor), 0) FROM operations WHERE payment_id = ? AND kind = ? AND state <> ? AND actor = ? AND created_at > ?
		AND NOT EXISTS (SELECT 1 FROM approvals WHERE approvals.operation_id = operations.id)`,
		pay.ID, OperationRefund, OperationFailed, actor, tx.NowFunc().Add(-limitDay)).Scan(&used).Error
	if err != nil {
		return named(err, "refunds of a day")
	}
	if amount.Minor <= limit-used {
		return nil
	}
	c := amount.Currency
	return &LimitError{Limit: money.Amount{Minor: limit, Currency: c}, Used: money.Amount{Minor: used, Currency: c}}
}

// allowed refuses what staff want to give back above their limit, unless a
// second person has agreed to exactly that; approval is the one that allows it.
// A payment that is undone as a whole is no way around it.
func (r Reservation) allowed(ctx context.Context, tx *gorm.DB, pay Payment, amount money.Amount) (approval *Approval, err error) {
	switch {
	case r.Kind == OperationReverse && pay.Captured > 0:
		return nil, limited(ctx, tx, pay, amount, r.Cause.Actor)
	case r.Kind != OperationRefund:
		return nil, nil //nolint:nilnil // nothing to allow
	}
	one, err := rowsOf[Approval](tx, forUpdate()).Where("key = ?", r.Key).First(ctx)
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		return nil, limited(ctx, tx, pay, amount, r.Cause.Actor)
	case err != nil:
		return nil, named(err, "approval")
	case !one.asks(r, amount):
		return nil, fmt.Errorf("%w: key of another approval", ErrDuplicate)
	case one.Decision != DecisionApproved:
		return nil, fmt.Errorf("%w: approval %d is %s", ErrLimit, one.ID, cmp.Or(string(one.Decision), "open"))
	}
	return &one, nil
}

// Asks reports whether the approval is about the given refund.
func (a Approval) Asks(r Reservation) bool { return a.asks(r, r.Amount) }

func (a Approval) asks(r Reservation, amount money.Amount) bool {
	same := slices.EqualFunc(a.Lines, r.Lines, func(a, b RefundLine) bool {
		return a.Position == b.Position && a.Quantity == b.Quantity && a.Restock == b.Restock
	})
	return same && a.PaymentID == r.PaymentID && a.Amount == amount && a.Note == r.Note && a.Done == r.Done
}

// becomes keeps which refund an approval became.
func (a *Approval) becomes(ctx context.Context, tx *gorm.DB, operation int64) error {
	_, err := rowsOf[Approval](tx).Where("id = ?", a.ID).Update(ctx, "operation_id", operation)
	return named(err, "approval")
}

// Approvals reads and writes what waits for a second person.
type Approvals struct{ db *DB }

// NewApprovals returns the approvals kept in db.
func NewApprovals(db *DB) *Approvals { return &Approvals{db} }

// Needed is a *LimitError when who asks may not give back an amount of a payment
// alone, as things are now.
func (a *Approvals) Needed(ctx context.Context, pay Payment, amount money.Amount, actor string) error {
	return limited(ctx, a.db.r, pay, amount, actor)
}

// Ask writes that a refund waits for a second person. The same Key again returns
// what was asked then. What could not be refunded now is not asked for.
//
// Errors: those of Payments.Reserve; ErrDuplicate for a key with something else.
func (a *Approvals) Ask(ctx context.Context, r Reservation) (one Approval, err error) {
	err = a.db.Write(ctx, func(tx *gorm.DB) error {
		pay, err := lockPayment(ctx, tx, r.PaymentID)
		if err != nil {
			return err
		}
		one, err = rowsOf[Approval](tx).Where("key = ?", r.Key).First(ctx)
		if err == nil {
			if !one.Asks(r) {
				return fmt.Errorf("%w: key of another approval", ErrDuplicate)
			}
			return nil
		}
		if !errors.Is(err, gorm.ErrRecordNotFound) {
			return named(err, "approval")
		}
		done, err := rowsOf[Operation](tx).Where("key = ?", r.Key).Count(ctx, "id")
		if err != nil {
			return named(err, "operation")
		}
		if done > 0 {
			return fmt.Errorf("%w: key of a refund that was asked for alone", ErrDuplicate)
		}
		amount, err := r.refundable(ctx, tx, pay)
		if err != nil {
			return err
		}
		one = Approval{
			Key: r.Key, OrderID: pay.OrderID, PaymentID: pay.ID, Amount: amount, Lines: r.Lines, Note: r.Note, Done: r.Done,
			AskedBy: r.Cause.Actor, AskedAt: tx.NowFunc(),
		}
		if err := rowsOf[Approval](tx).Create(ctx, &one); err != nil {
			return named(err, "approval")
		}
		return one.event(ctx, tx, EventApprovalAsked, r.Note, r.Cause)
	})
	return one, err
}

// refundable is the amount of a refund, or why it is not possible now.
func (r Reservation) refundable(ctx context.Context, tx *gorm.DB, pay Payment) (money.Amount, error) {
	amount, err := r.amount(pay)
	if err == nil {
		err = pieces(ctx, tx, pay.OrderID, r.Lines)
	}
	return amount, err
}

func (a *Approval) event(ctx context.Context, tx *gorm.DB, kind EventKind, why string, cause Cause) error {
	detail := a.Amount.String()
	if why != "" {
		detail += ": " + why
	}
	return addEvent(ctx, tx, Event{OrderID: a.OrderID, PaymentID: &a.PaymentID, Kind: kind, Detail: detail, Cause: cause})
}

// Approve takes an open approval for its second person: the first one's. The
// caller refunds then, with the approval's Key. When the refund is not possible
// any more nothing is written.
//
// Errors: ErrStale when it was decided meanwhile, with the approval as it is;
// ErrOwn; those of Payments.Reserve.
func (a *Approvals) Approve(ctx context.Context, id int64, cause Cause) (Approval, error) {
	return a.decide(ctx, id, DecisionApproved, "", cause)
}

// Decline ends an approval without a refund. One that was approved and did not
// become a refund is ended in the same way.
//
// Errors: ErrStale; ErrOwn.
func (a *Approvals) Decline(ctx context.Context, id int64, reason string, cause Cause) (Approval, error) {
	return a.decide(ctx, id, DecisionDeclined, reason, cause)
}

// Withdraw is Decline by who asked.
func (a *Approvals) Withdraw(ctx context.Context, id int64, cause Cause) (Approval, error) {
	return a.decide(ctx, id, DecisionWithdrawn, "", cause)
}

func (a *Approvals) decide(ctx context.Context, id int64, d Decision, reason string, cause Cause) (one Approval, err error) {
	err = a.db.Write(ctx, func(tx *gorm.DB) error {
		if one, err = rowsOf[Approval](tx).Where("id = ?", id).First(ctx); err != nil {
			return named(err, "approval")
		}
		pay, err := lockPayment(ctx, tx, one.PaymentID)
		if err != nil {
			return err
		}
		if one, err = rowsOf[Approval](tx, forUpdate()).Where("id = ?", id).First(ctx); err != nil { // as it is under the lock
			return named(err, "approval")
		}
		if one.Decision != "" && (d == DecisionApproved || !one.Stuck()) {
			return fmt.Errorf("%w: approval %d is %s", ErrStale, id, one.Decision)
		}
		if own := one.AskedBy == cause.Actor; own != (d == DecisionWithdrawn) {
			return fmt.Errorf("%w: approval %d", ErrOwn, id)
		}
		if d == DecisionApproved {
			if _, err := one.Reservation(cause).refundable(ctx, tx, pay); err != nil {
				return err
			}
		}
		now := tx.NowFunc()
		one.Decision, one.Reason, one.DecidedBy, one.DecidedAt = d, reason, cause.Actor, &now
		_, err = rowsOf[Approval](tx).Where("id = ?", id).Set(clause.Assignments(map[string]any{
			"decision": d, "reason": reason, "decided_by": cause.Actor, "decided_at": now,
		})).Update(ctx)
		if err != nil {
			return named(err, "approval")
		}
		kind := map[Decision]EventKind{DecisionApproved: EventApprovalGiven, DecisionDeclined: EventApprovalDeclined, DecisionWithdrawn: EventApprovalWithdrawn}[d]
		return one.event(ctx, tx, kind, reason, cause)
	})
	return one, err
}

// ByID returns one approval, or ErrNotFound.
func (a *Approvals) ByID(ctx context.Context, id int64) (Approval, error) {
	one, err := rowsOf[Approval](a.db.r).Where("id = ?", id).First(ctx)
	return one, named(err, "approval")
}

// ByKey returns the approval that the form with the given key asked for, or
// ErrNotFound.
func (a *Approvals) ByKey(ctx context.Context, key string) (Approval, error) {
	one, err := rowsOf[Approval](a.db.r).Where("key = ?", key).First(ctx)
	return one, named(err, "approval")
}

// OfOrder returns an order's approvals, oldest first.
func (a *Approvals) OfOrder(ctx context.Context, orderID int64) ([]Approval, error) {
	all, err := rowsOf[Approval](a.db.r).Where("order_id = ?", orderID).Order("id").Find(ctx)
	return all, named(err, "approvals")
}

const (
	approvalOpen  = "decided_at IS NULL"
	approvalStuck = "decision = 'approved' AND operation_id IS NULL" // in the words of its index
)

// Open returns what waits for somebody, oldest first, at most maxOpen of each
// kind: what nobody has decided, and what was approved and is no refund yet.
func (a *Approvals) Open(ctx context.Context) ([]Approval, error) {
	var all []Approval
	for _, where := range []string{approvalStuck, approvalOpen} {
		some, err := rowsOf[Approval](a.db.r).Where(where).Order("id").Limit(maxOpen).Find(ctx)
		if err != nil {
			return nil, named(err, "approvals")
		}
		all = append(all, some...)
	}
	slices.SortFunc(all, func(a, b Approval) int { return cmp.Compare(a.ID, b.ID) })
	return all, nil
}

const maxOpen = 500

// Count is how many wait.
func (a *Approvals) Count(ctx context.Context) (n int64, err error) {
	for _, where := range []string{approvalStuck, approvalOpen} {
		some, err := rowsOf[Approval](a.db.r).Where(where).Count(ctx, "id")
		if err != nil {
			return 0, named(err, "approvals")
		}
		n += some
	}
	return n, nil
}
