package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"till/money"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// PaymentState says how far one attempt to pay has got.
type PaymentState string

// The states of a payment. In every one of them the process may die: the row
// says what is known, its ask_at says when the timer asks the provider next,
// and nothing else is needed to go on.
const (
	// PaymentCreated: the row is written, the provider has not been heard of
	// it. Start moves it on, the first time the shopper asks. Dead before the
	// call, it stays and the shopper may press Pay again; dead during the call,
	// its operation's claim runs out and the timer treats it as unknown.
	PaymentCreated PaymentState = "created"
	// PaymentRedirected: the provider has it and the shopper was sent there.
	// Settle moves it on.
	PaymentRedirected PaymentState = "redirected"
	// PaymentProcessing: the shopper agreed, the money is on its way. Settle
	// moves it on.
	PaymentProcessing PaymentState = "processing"
	// PaymentAuthorized: reserved, not taken. A capture or a void moves it on.
	PaymentAuthorized PaymentState = "authorized"
	// PaymentPaid: the provider has the money. Nothing takes that back; refunds
	// and disputes are balances.
	PaymentPaid PaymentState = "paid"
	// PaymentFailed: the provider said no. Only money moves it on.
	PaymentFailed PaymentState = "failed"
	// PaymentCancelled: the shopper or we gave it up. Only money moves it on.
	PaymentCancelled PaymentState = "cancelled"
	// PaymentExpired: its time was over. Only money moves it on.
	PaymentExpired PaymentState = "expired"
	// PaymentUnknown: Start had no answer, so that it may exist or not. The
	// timer looks it up by our reference.
	PaymentUnknown PaymentState = "unknown"
	// PaymentAccepted: the bank took the order to pay and will say no more.
	// The shop's rule or a person moves it on.
	PaymentAccepted PaymentState = "accepted"
	// PaymentMismatch: the provider has another amount or currency than we do.
	// A person, or the provider's own correction, moves it on.
	PaymentMismatch PaymentState = "mismatch"
)

// paymentNext is every allowed step. Money wins: a payment thought failed,
// cancelled or expired may still turn out to have money, and nothing leads away
// from paid.
var paymentNext = map[PaymentState][]PaymentState{
	PaymentCreated:    {PaymentRedirected, PaymentProcessing, PaymentAuthorized, PaymentPaid, PaymentFailed, PaymentCancelled, PaymentExpired, PaymentUnknown, PaymentAccepted, PaymentMismatch},
	PaymentUnknown:    {PaymentCreated, PaymentRedirected, PaymentProcessing, PaymentAuthorized, PaymentPaid, PaymentFailed, PaymentCancelled, PaymentExpired, PaymentAccepted, PaymentMismatch},
	PaymentRedirected: {PaymentProcessing, PaymentAuthorized, PaymentPaid, PaymentFailed, PaymentCancelled, PaymentExpired, PaymentAccepted, PaymentMismatch},
	PaymentProcessing: {PaymentAuthorized, PaymentPaid, PaymentFailed, PaymentCancelled, PaymentExpired, PaymentAccepted, PaymentMismatch},
	PaymentAuthorized: {PaymentPaid, PaymentFailed, PaymentCancelled, PaymentExpired, PaymentMismatch},
	PaymentAccepted:   {PaymentPaid, PaymentFailed, PaymentCancelled, PaymentExpired, PaymentMismatch},
	PaymentMismatch:   {PaymentProcessing, PaymentAuthorized, PaymentPaid, PaymentFailed, PaymentCancelled, PaymentExpired, PaymentAccepted},
	PaymentFailed:     {PaymentProcessing, PaymentAuthorized, PaymentPaid, PaymentAccepted, PaymentMismatch},
	PaymentCancelled:  {PaymentProcessing, PaymentAuthorized, PaymentPaid, PaymentAccepted, PaymentMismatch},
	PaymentExpired:    {PaymentProcessing, PaymentAuthorized, PaymentPaid, PaymentAccepted, PaymentMismatch},
	PaymentPaid:       {},
}

// CanMove reports whether a payment in state s may move to next.
func (s PaymentState) CanMove(next PaymentState) bool { return slices.Contains(paymentNext[s], next) }

// Ended reports whether the payment came to nothing, as far as anybody knows.
func (s PaymentState) Ended() bool {
	return s == PaymentFailed || s == PaymentCancelled || s == PaymentExpired
}

// HoldsMoney reports whether money has been taken or reserved.
func (s PaymentState) HoldsMoney() bool { return s == PaymentPaid || s == PaymentAuthorized }

// CaptureMode says when money is taken.
type CaptureMode string

// The capture modes.
const (
	CaptureAuto   CaptureMode = "auto"   // at once
	CaptureManual CaptureMode = "manual" // reserved first, taken by staff
)

// Payment is one attempt to pay one order at one provider: what is to be paid
// is fixed when it is written.
type Payment struct {
	ID          string // random; in return addresses, and our reference at the provider
	OrderID     int64
	Provider    string // a provider's name
	Method      string // which of the provider's methods; empty when it has one
	Ref         string // the provider's own id; empty until it has answered
	State       PaymentState
	Live        bool         // the one that the shopper is making; at most one per order
	Amount      money.Amount `gorm:"embedded"`
	Capture     CaptureMode
	Word        string // the provider's own status word, as last heard
	Reason      string // why not, in the provider contract's words; empty when not said
	RedirectURL string // where the shopper pays
	Data        []byte // what the provider's client wants back with every call
	Version     int64  // raised by every change that matters; a change decided on an older one is refused
	Balances    `gorm:"embedded"`
	Refund      RefundMark    // how the latest refund ended badly, until somebody has seen to it
	Reversal    ReversalState // how far undoing it as a whole has got
	Dispute     string        // stage of a dispute, in the gateway's words; empty when there is none
	Concerns    Attentions    // what the last answers showed that a person must look at
	Outside     bool          // paid outside, by the word of staff
	Mailed      bool          // the provider confirms it to the buyer by mail itself
	Attached    bool          // staff found it at the provider and said whose it is
	Agreed      money.Amount  `gorm:"embedded;embeddedPrefix:agreed_"` // what staff took instead of Amount; the zero Amount when nothing
	HoldUntil   *time.Time    // when a reservation lapses
	Asked       int64         // questions since the last news
	AskedAt     *time.Time    // when the provider last answered or should have
	AskAt       *time.Time    // when the timer asks next; nil when there is nothing left to ask
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// RefundMark is how a payment's latest refund ended when it did not end well.
type RefundMark string

// The marks.
const (
	RefundMarkFailed   RefundMark = "failed"   // it was on its way and did not happen
	RefundMarkReversed RefundMark = "reversed" // it had gone back and came again
)

// ReversalState is how far undoing a payment as a whole has got.
type ReversalState string

// The states of a reversal; empty when nobody asked for one.
const (
	ReversalPending ReversalState = "pending"
	ReversalDone    ReversalState = "done"
	ReversalFailed  ReversalState = "failed"
)

// Reasons that say more than why a payment was refused.
const (
	ReasonDeclined = "declined" // the last try was declined; on the same page another is possible
	ReasonRejected = "rejected" // the buyer refused to pay on the provider's page
	ReasonOverdue  = "overdue"  // its time is over; the provider still takes the money
	ReasonPayout   = "payout"   // it pays out, not in
)

// Left is what was taken and has neither gone back nor is about to.
func (p Payment) Left() money.Amount {
	return money.Amount{Minor: p.Captured - p.Refunded - p.RefundPending, Currency: p.Amount.Currency}
}

// Held is what is reserved and neither taken nor released.
func (p Payment) Held() money.Amount {
	if p.State != PaymentAuthorized {
		return money.Amount{Currency: p.Amount.Currency}
	}
	return money.Amount{Minor: p.Authorized - p.Released, Currency: p.Amount.Currency}
}

// NewPayment is what a caller chooses about a payment.
type NewPayment struct {
	ID       string
	Key      string // of its start operation
	Provider string
	Method   string
	Capture  CaptureMode
}

// Payments reads and writes payments.
type Payments struct{ db *DB }

// NewPayments returns the payments kept in db.
func NewPayments(db *DB) *Payments { return &Payments{db} }

// Now is the clock that payments are stamped by.
func (p *Payments) Now() time.Time { return p.db.Now() }

// addPayment writes a payment of an order, which may be placed with it.
func addPayment(ctx context.Context, tx *gorm.DB, o Order, n NewPayment, placed bool, cause Cause) error {
	pay := Payment{
		ID: n.ID, OrderID: o.ID, Provider: n.Provider, Method: n.Method, Capture: n.Capture,
		State: PaymentCreated, Live: true, Amount: o.Total, Version: 1,
	}
	if err := tx.Create(&pay).Error; err != nil {
		return named(err, "payment of order "+o.Number())
	}
	if err := beginPayment(ctx, tx, o, pay, placed); err != nil {
		return err
	}
	op := Operation{PaymentID: n.ID, Kind: OperationStart, Key: n.Key, State: OperationRequested, Amount: o.Total, Cause: cause}
	if err := rowsOf[Operation](tx).Create(ctx, &op); err != nil {
		return named(err, "start of payment "+Mark(n.ID))
	}
	return addEvent(ctx, tx, Event{OrderID: o.ID, PaymentID: &pay.ID, Kind: EventPaymentCreated, Detail: n.Provider, Cause: cause})
}

// ErrNotPayable is returned for an attempt to pay an order that is paid,
// cancelled, expired, or being paid.
var ErrNotPayable = errors.New("models: the order cannot be paid now")

// Retry adds another payment to an order that is open and has no live one: the
// first caller's. A second caller gets ErrNotPayable. The pieces are kept for
// another while; ErrSoldOut when others have them by now.
func (p *Payments) Retry(ctx context.Context, orderID int64, n NewPayment, cause Cause) error {
	err := p.db.Write(ctx, func(tx *gorm.DB) error {
		order, err := rowsOf[Order](tx, forUpdate()).Where("id = ?", orderID).First(ctx)
		if err != nil {
			return named(err, "order")
		}
		if order.PaidAt != nil || order.CancelledAt != nil || order.ExpiredAt != nil {
			return fmt.Errorf("%w: order %s is %s", ErrNotPayable, order.Number(), order.Status)
		}
		lines, err := rowsOf[OrderLine](tx).Where("order_id = ?", orderID).Find(ctx)
		if err != nil {
			return named(err, "lines of order "+order.Number())
		}
		if err := hold(ctx, tx, orderID, lines); err != nil {
			return err
		}
		if err := addPayment(ctx, tx, order, n, false, cause); err != nil {
			return err
		}
		_, err = p.db.derive(ctx, tx, orderID)
		return err
	})
	if errors.Is(err, ErrDuplicate) { // payments_live
		return fmt.Errorf("%w: %w", ErrNotPayable, err)
	}
	return err
}

// beginPayment counts a new payment, and lets lists show its order with it.
func beginPayment(ctx context.Context, tx *gorm.DB, o Order, p Payment, placed bool) error {
	daybookOf(tx).begun(o, p, placed)
	if placed {
		return nil
	}
	_, err := rowsOf[Order](tx).Where("id = ?", o.ID).Set(clause.Assignments(map[string]any{"provider": p.Provider, "method": p.Method})).Update(ctx)
	return named(err, "order "+o.Number())
}

// Supersede lets go of a payment that the shopper turns away from. It stays
// open to late money. Superseding one that is not live changes nothing.
func (p *Payments) Supersede(ctx context.Context, id string, cause Cause) error {
	return p.db.Write(ctx, func(tx *gorm.DB) error {
		pay, err := lockPayment(ctx, tx, id)
		if err != nil || !pay.Live || pay.State.HoldsMoney() {
			return err
		}
		_, err = rowsOf[Payment](tx).Where("id = ?", id).
			Set(clause.Assignments(map[string]any{"live": false, "version": pay.Version + 1, "updated_at": tx.NowFunc()})).Update(ctx)
		if err != nil {
			return named(err, "supersede payment "+Mark(id))
		}
		if err := addEvent(ctx, tx, Event{OrderID: pay.OrderID, PaymentID: &pay.ID, Kind: EventSuperseded, Cause: cause}); err != nil {
			return err
		}
		_, err = p.db.derive(ctx, tx, pay.OrderID)
		return err
	})
}

// ByID returns one payment, or ErrNotFound.
func (p *Payments) ByID(ctx context.Context, id string) (Payment, error) {
	pay, err := rowsOf[Payment](p.db.r).Where("id = ?", id).First(ctx)
	return pay, named(err, "payment "+Mark(id))
}

// lockPayment locks a payment's order, then the payment: always in that order,
// so that two changes wait for each other instead of for ever.
func lockPayment(ctx context.Context, tx *gorm.DB, id string) (Payment, error) {
	_, err := rowsOf[Order](tx, forUpdate()).Where("id = (SELECT order_id FROM payments WHERE id = ?)", id).First(ctx)
	if err != nil {
		return Payment{}, named(err, "order of payment "+Mark(id))
	}
	pay, err := rowsOf[Payment](tx, forUpdate()).Where("id = ?", id).First(ctx)
	return pay, named(err, "payment "+Mark(id))
}

// Start returns the operation that starts a payment, or ErrNotFound.
func (p *Payments) Start(ctx context.Context, paymentID string) (Operation, error) {
	op, err := rowsOf[Operation](p.db.r).Where("payment_id = ? AND kind = ?", paymentID, OperationStart).First(ctx)
	return op, named(err, "start of payment "+Mark(paymentID))
}

// Due claims payments whose next question is due, longest waiting first, and
// puts the question off by lease: should the process die, they come up again.
func (p *Payments) Due(ctx context.Context, lease time.Duration, limit int) (ids []string, err error) {
	return p.claimDue(ctx, lease, limit, "", nil)
}

// DueAt is Due for the payments of one provider.
func (p *Payments) DueAt(ctx context.Context, provider string, lease time.Duration, limit int) (ids []string, err error) {
	return p.claimDue(ctx, lease, limit, "AND provider = ?", provider)
}

// DueElsewhere is Due for the payments of all providers but the given ones.
func (p *Payments) DueElsewhere(ctx context.Context, but []string, lease time.Duration, limit int) (ids []string, err error) {
	return p.claimDue(ctx, lease, limit, "AND provider NOT IN ?", append([]string{""}, but...))
}

func (p *Payments) claimDue(ctx context.Context, lease time.Duration, limit int, where string, of any) (ids []string, err error) {
	now := p.db.Now()
	due, args := "ask_at <= ? "+where, []any{now}
	if where != "" {
		args = append(args, of)
	}
	var n int64 // a look that finds nothing costs no commit
	if err := p.db.r.WithContext(ctx).Model(&Payment{}).Where(due, args...).Limit(1).Count(&n).Error; err != nil || n == 0 {
		return nil, named(err, "due payments")
	}
	err = p.db.Write(ctx, func(tx *gorm.DB) error {
		ids = nil
		skip := ""
		if p.db.postgres {
			skip = "FOR UPDATE SKIP LOCKED"
		}
		all := append(append([]any{now.Add(lease)}, args...), limit)
		return named(tx.Raw(`UPDATE payments SET ask_at = ? WHERE id IN
			(SELECT id FROM payments WHERE `+due+` ORDER BY ask_at LIMIT ? `+skip+`) RETURNING id`, all...).Scan(&ids).Error, "due payments")
	})
	return ids, err
}

// Ring has the timer look again.
func (p *Payments) Ring() { p.db.wake() }

// NextDue returns when the next question is due of providers other than those
// given; ok is false when none is.
func (p *Payments) NextDue(ctx context.Context, but ...string) (at time.Time, ok bool, err error) {
	pay, err := rowsOf[Payment](p.db.r).Where("ask_at IS NOT NULL AND provider NOT IN ?", append([]string{""}, but...)).Order("ask_at").First(ctx)
	if errors.Is(err, gorm.ErrRecordNotFound) {
		return at, false, nil
	}
	if err != nil {
		return at, false, named(err, "next due payment")
	}
	return *pay.AskAt, true, nil
}

// Report is a provider's raw answer about a payment. An answer that only
// repeats the last one raises its Times instead of making a row.
type Report struct {
	ID         int64
	PaymentID  string
	Operation  string // what was asked: "start", "lookup", …
	Outcome    string
	Word       string
	HTTPStatus int64
	Body       []byte
	Digest     string
	Times      int64
	FirstAt    time.Time
	LastAt     time.Time
}

// Change is what one answer of a provider, or the lack of one, does to a
// payment. It is decided on a payment's Version and refused on another.
type Change struct {
	PaymentID   string
	Version     int64        // of the payment that it was decided on
	State       PaymentState // "" to keep
	Ref         string       // "" to keep, as the next three
	RedirectURL string
	Data        []byte
	Word        string
	Reason      string // kept when "" unless State is given
	Outside     bool   // paid outside, as the provider was told
	Test        bool   // no real money is meant, as the provider says
	Facts       []Fact // kind, amount and ref; the rest is filled in
	Events      []Event
	Operations  []Outcome   // what came of operations
	Report      *Report     // the answer itself; PaymentID, Digest and times are filled in
	Refund      *RefundMark // nil to keep, as the next two
	Reversal    *ReversalState
	Dispute     *string
	Concerns    map[Attention]bool // which reasons to look this answer raises, and which it lays to rest
	Mailed      bool               // the provider writes to the buyer itself
	HoldUntil   *time.Time         // nil to keep
	AskAt       *time.Time         // when to ask next; nil for never
	Cause       Cause
}

// changes reports whether the change is more than having asked.
func (c Change) changes(p Payment) bool {
	return c.State != "" && c.State != p.State || c.Reason != "" && c.Reason != p.Reason || c.Outside && !p.Outside || c.Ref != "" && c.Ref != p.Ref || len(c.Facts) > 0 || len(c.Operations) > 0 ||
		c.RedirectURL != "" && c.RedirectURL != p.RedirectURL || c.Word != "" && c.Word != p.Word ||
		c.Refund != nil && *c.Refund != p.Refund || c.Reversal != nil && *c.Reversal != p.Reversal ||
		c.Dispute != nil && *c.Dispute != p.Dispute || !slices.Equal(c.concerns(p), p.Concerns)
}

// concerns is the payment's concerns after the change.
func (c Change) concerns(p Payment) Attentions {
	var after Attentions
	for _, one := range p.Concerns {
		if raised, said := c.Concerns[one]; !said || raised {
			after = append(after, one)
		}
	}
	for one, raised := range c.Concerns {
		if raised {
			after = append(after, one)
		}
	}
	return after.normal()
}

// Record writes a change, everything that follows from it, and nothing else,
// in one commit: ledger, balances, order status, timeline, and, when it is the
// one that makes the order paid, stock and the confirmation mail.
//
// Errors: ErrNotFound; ErrStale when the payment has another version by now;
// ErrMove when the step is not allowed.
func (p *Payments) Record(ctx context.Context, c Change) (pay Payment, order Order, err error) {
	woken := false
	err = p.db.Write(ctx, func(tx *gorm.DB) error {
		woken = false
		if pay, err = lockPayment(ctx, tx, c.PaymentID); err != nil {
			return err
		}
		changes := c.changes(pay)
		if changes && pay.Version != c.Version {
			return fmt.Errorf("%w: payment %s has version %d, not %d", ErrStale, Mark(pay.ID), pay.Version, c.Version)
		}
		if err := addReport(ctx, tx, c); err != nil {
			return err
		}
		set := map[string]any{"asked": pay.Asked + 1, "asked_at": tx.NowFunc(), "ask_at": c.AskAt}
		if !changes && pay.Version != c.Version {
			delete(set, "ask_at") // planned from older rows than these
		}
		var succeeded []Operation
		if changes {
			set["asked"] = 0
			if succeeded, err = c.apply(ctx, tx, pay, set); err != nil {
				return err
			}
		}
		if _, err = rowsOf[Payment](tx).Where("id = ?", pay.ID).Set(clause.Assignments(set)).Update(ctx); err != nil {
			return named(err, "payment "+Mark(pay.ID))
		}
		for _, e := range c.Events {
			e.OrderID, e.PaymentID, e.Cause = pay.OrderID, &pay.ID, c.Cause
			if err := addEvent(ctx, tx, e); err != nil {
				return err
			}
		}
		if c.Test {
			if err := becomeTest(ctx, tx, pay.OrderID); err != nil {
				return err
			}
		}
		if order, err = p.db.derive(ctx, tx, pay.OrderID); err != nil {
			return err
		}
		for _, op := range succeeded {
			if op.Kind == OperationRefund || op.Kind == OperationReverse && pay.Captured > 0 { // what was stopped on its way never came
				if err := p.db.goneBack(ctx, tx, order, op); err != nil {
					return err
				}
			}
		}
		if order.CancelledAt != nil && c.AskAt == nil {
			if woken, err = giveBackSoon(ctx, tx, pay.ID, changes); err != nil {
				return err
			}
		}
		if c.Ref != "" && c.Ref != pay.Ref {
			if err := addWords(ctx, tx, pay.OrderID, Words(c.Ref)); err != nil {
				return err
			}
		}
		if c.Ref != "" {
			met, err := p.meetDeliveries(ctx, tx, pay, c.Ref)
			if err != nil {
				return err
			}
			woken = woken || met
		}
		pay, err = rowsOf[Payment](tx).Where("id = ?", pay.ID).First(ctx)
		return named(err, "payment "+Mark(c.PaymentID))
	})
	if err == nil && (woken || c.AskAt != nil) {
		p.db.wake()
	}
	return pay, order, err
}

// becomeTest marks an order as one in which no real money is meant.
func becomeTest(ctx context.Context, tx *gorm.DB, id int64) error {
	n, err := rowsOf[Order](tx).Where("id = ? AND NOT test", id).Update(ctx, "test", true)
	if err != nil || n == 0 {
		return named(err, "order")
	}
	return retest(ctx, tx, Order{ID: id})
}

// giveBackSoon sees to it that money for a cancelled order is looked at, even
// where there is nothing left to ask: at once when it is news, and now and then
// after that, until it has gone back or staff have decided to keep it.
func giveBackSoon(ctx context.Context, tx *gorm.DB, id string, news bool) (bool, error) {
	pay, err := rowsOf[Payment](tx).Where("id = ?", id).First(ctx)
	if err != nil || !pay.State.HoldsMoney() || pay.Left().Minor == 0 && pay.Held().Minor == 0 {
		return false, named(err, "payment "+Mark(id))
	}
	kept, err := rowsOf[InboxItem](tx).Where("order_id = ? AND kind = ? AND resolution = ?", pay.OrderID, AttentionPaidAfterCancel, ResolutionAccepted).Find(ctx)
	if err != nil || len(kept) > 0 {
		return false, named(err, "inbox")
	}
	at := tx.NowFunc()
	if !news {
		at = at.Add(6 * time.Hour)
	}
	_, err = rowsOf[Payment](tx).Where("id = ?", id).Set(clause.Assignments(map[string]any{"ask_at": at})).Update(ctx)
	return news, named(err, "payment "+Mark(id))
}

// ErrMove is returned for a step that paymentNext does not allow.
var ErrMove = errors.New("models: payment may not move")

// apply adds to set what the change does to the payment's row, and writes the
// rows that hang on it. It returns the operations that it made succeed.
func (c Change) apply(ctx context.Context, tx *gorm.DB, pay Payment, set map[string]any) (succeeded []Operation, err error) {
	set["version"], set["updated_at"] = pay.Version+1, tx.NowFunc()
	for column, v := range map[string]string{"ref": c.Ref, "redirect_url": c.RedirectURL, "word": c.Word, "reason": c.Reason} {
		if v != "" {
			set[column] = v
		}
	}
	if c.Word != "" && c.Word != pay.Word {
		set["reason"] = c.Reason // a new word has its own, or none
	}
	if c.Data != nil {
		set["data"] = c.Data
	}
	if c.Refund != nil {
		set["refund"] = *c.Refund
	}
	if c.Reversal != nil {
		set["reversal"] = *c.Reversal
	}
	if c.Dispute != nil {
		set["dispute"] = *c.Dispute
	}
	if c.Mailed {
		set["mailed"] = true
	}
	if c.Outside {
		set["outside"] = true
	}
	if c.HoldUntil != nil {
		set["hold_until"] = *c.HoldUntil
	}
	set["concerns"] = c.concerns(pay)
	if c.State != "" && c.State != pay.State {
		if !pay.State.CanMove(c.State) {
			return nil, fmt.Errorf("%w: %s from %s to %s", ErrMove, Mark(pay.ID), pay.State, c.State)
		}
		set["state"], set["reason"] = c.State, c.Reason
		if c.State.Ended() {
			set["live"] = false
		}
		err := addEvent(ctx, tx, Event{
			OrderID: pay.OrderID, PaymentID: &pay.ID, Kind: EventState,
			FromState: string(pay.State), ToState: string(c.State), Detail: c.Word, Cause: c.Cause,
		})
		if err != nil {
			return nil, err
		}
	}
	if err := addFacts(ctx, tx, pay, c.Facts, c.Cause, set); err != nil {
		return nil, err
	}
	for _, o := range c.Operations {
		op, now, err := o.write(ctx, tx, pay)
		if err != nil {
			return nil, err
		}
		if now {
			succeeded = append(succeeded, op)
		}
	}
	return succeeded, nil
}

// addFacts writes facts and adds to set what the whole ledger then comes to.
func addFacts(ctx context.Context, tx *gorm.DB, pay Payment, facts []Fact, cause Cause, set map[string]any) error {
	if len(facts) == 0 {
		return nil
	}
	had, err := hasMoney(ctx, tx, pay.ID)
	if err != nil {
		return err
	}
	t := daybookOf(tx)
	for _, f := range facts {
		f.PaymentID, f.Cause, f.At = pay.ID, cause, tx.NowFunc()
		if err := rowsOf[Fact](tx).Create(ctx, &f); err != nil {
			return named(err, "fact "+string(f.Kind))
		}
		t.facts = append(t.facts, f)
		if !had && (f.Kind == FactAuthorized || f.Kind == FactCaptured) {
			had = true
			t.first = append(t.first, pay)
		}
	}
	all, err := rowsOf[Fact](tx).Where("payment_id = ?", pay.ID).Find(ctx)
	if err != nil {
		return named(err, "facts")
	}
	b := Fold(pay.Amount.Currency, all)
	set["authorized_minor"], set["released_minor"], set["captured_minor"] = b.Authorized, b.Released, b.Captured
	set["refund_pending_minor"], set["refunded_minor"], set["disputed_minor"] = b.RefundPending, b.Refunded, b.Disputed
	return nil
}

func addReport(ctx context.Context, tx *gorm.DB, c Change) error {
	if c.Report == nil {
		return nil
	}
	r, now := *c.Report, tx.NowFunc()
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %d\n%s", r.Operation, r.Word, r.HTTPStatus, r.Body))
	r.PaymentID, r.Digest, r.Times, r.FirstAt, r.LastAt = c.PaymentID, hex.EncodeToString(sum[:]), 1, now, now
	if r.Body == nil {
		r.Body = []byte{}
	}
	last, err := rowsOf[Report](tx).Where("payment_id = ?", c.PaymentID).Order("id DESC").First(ctx)
	switch {
	case err == nil && last.Digest == r.Digest:
		_, err = rowsOf[Report](tx).Where("id = ?", last.ID).
			Set(clause.Assignments(map[string]any{"times": last.Times + 1, "last_at": now})).Update(ctx)
		return named(err, "report")
	case err != nil && !errors.Is(err, gorm.ErrRecordNotFound):
		return named(err, "report")
	}
	return named(rowsOf[Report](tx).Create(ctx, &r), "report")
}

// Reports returns the raw answers about the payments of an order, oldest first.
func (p *Payments) Reports(ctx context.Context, orderID int64) ([]Report, error) {
	all, err := rowsOf[Report](p.db.r).Where("payment_id IN (SELECT id FROM payments WHERE order_id = ?)", orderID).Order("id").Find(ctx)
	return all, named(err, "reports")
}

// LastReport returns the newest answer about a payment, or ErrNotFound.
func (p *Payments) LastReport(ctx context.Context, id string) (Report, error) {
	r, err := rowsOf[Report](p.db.r).Where("payment_id = ?", id).Order("id DESC").First(ctx)
	return r, named(err, "report")
}

// AskSoon brings a payment's next question forward to now.
func (p *Payments) AskSoon(ctx context.Context, id string) error { return p.AskAt(ctx, id, p.db.Now()) }

// AskAt says when the timer looks at a payment next.
func (p *Payments) AskAt(ctx context.Context, id string, at time.Time) error {
	err := p.db.Write(ctx, func(tx *gorm.DB) error {
		_, err := rowsOf[Payment](tx).Where("id = ?", id).Set(clause.Assignments(map[string]any{"ask_at": at})).Update(ctx)
		return named(err, "payment "+Mark(id))
	})
	if err == nil {
		p.db.wake()
	}
	return err
}
