package models

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Unfit is why an order's goods cannot be packed or sent, or why that cannot be
// undone.
type Unfit string

// The reasons.
const (
	UnfitUnpaid     Unfit = "unpaid"      // no money covers it
	UnfitCancelled  Unfit = "cancelled"   // nobody waits for it
	UnfitReturning  Unfit = "returning"   // its money is going back
	UnfitReturned   Unfit = "returned"    // its money has gone back
	UnfitDisputed   Unfit = "disputed"    // the buyer's bank disputes the payment
	UnfitShipped    Unfit = "shipped"     // it has left
	UnfitNotPacked  Unfit = "not_packed"  // so that there is nothing to undo
	UnfitNotShipped Unfit = "not_shipped" // so that there is nothing to undo
	UnfitLate       Unfit = "late"        // it left longer ago than UnshipFor
	UnfitWords      Unfit = "words"       // the carrier's name or number is too long
)

// UnfitError is an ErrIllegal that says why.
type UnfitError struct{ Why Unfit }

// Error implements error.
func (e *UnfitError) Error() string { return ErrIllegal.Error() + ": " + string(e.Why) }

// Unwrap makes it an ErrIllegal.
func (*UnfitError) Unwrap() error { return ErrIllegal }

const (
	// MaxCarrier bounds who carries an order, in bytes.
	MaxCarrier = 80
	// MaxTracking bounds what they call it, in bytes.
	MaxTracking = 80
	// UnshipFor is how long after an order was marked shipped that can be undone:
	// the time in which a slip is found.
	UnshipFor = 24 * time.Hour
)

// sendable are the statuses of an order that was paid for and whose money is
// kept: its goods may leave. The indexes of what is to pack and to ship have
// the same list, so that SQL must say it in the same words.
var sendable = []OrderStatus{OrderPaid, OrderReceived, OrderPartiallyRefunded, OrderRefundFailed, OrderRefundReversed, OrderReversalFailed}

const (
	sqlSendable = "status IN ('paid','received','partially_refunded','refund_failed','refund_reversed','reversal_failed')"
	sqlToPack   = "packed_at IS NULL AND shipped_at IS NULL AND " + sqlSendable
	sqlToShip   = "shipped_at IS NULL AND " + sqlSendable
)

// MayPack is nil for an order whose goods may be packed, or were; else an *UnfitError.
func (o Order) MayPack() error {
	if o.ShippedAt != nil {
		return &UnfitError{UnfitShipped}
	}
	return o.maySend()
}

// MayShip is nil for an order whose goods may leave; else an *UnfitError.
// Packing comes before it, but nobody has to say so.
func (o Order) MayShip() error { return o.MayPack() }

// MayUnpack is nil for an order that is packed and still here; else an *UnfitError.
func (o Order) MayUnpack() error {
	switch {
	case o.ShippedAt != nil:
		return &UnfitError{UnfitShipped}
	case o.PackedAt == nil:
		return &UnfitError{UnfitNotPacked}
	}
	return nil
}

// MayUnship is nil for an order that was marked shipped less than UnshipFor ago;
// else an *UnfitError.
func (o Order) MayUnship(now time.Time) error {
	switch {
	case o.ShippedAt == nil:
		return &UnfitError{UnfitNotShipped}
	case now.Sub(*o.ShippedAt) > UnshipFor:
		return &UnfitError{UnfitLate}
	}
	return nil
}

func (o Order) maySend() error {
	switch {
	case slices.Contains(sendable, o.Status):
		return nil
	case o.CancelledAt != nil:
		return &UnfitError{UnfitCancelled}
	case o.PaidAt == nil:
		return &UnfitError{UnfitUnpaid}
	case o.Status == OrderRefundInitiated || o.Status == OrderReversalInitiated:
		return &UnfitError{UnfitReturning}
	case o.Status == OrderRefunded || o.Status == OrderReversed:
		return &UnfitError{UnfitReturned}
	default:
		return &UnfitError{UnfitDisputed}
	}
}

// Pack marks an order's goods packed; where they are already it changes nothing.
//
// Errors: an *UnfitError, which is an ErrIllegal; ErrNotFound.
func (o *Orders) Pack(ctx context.Context, id int64, cause Cause) error {
	return o.PackOnce(ctx, id, "", cause)
}

// PackOnce is Pack for a form with a key: it packs an order once, whatever
// became of the goods since.
func (o *Orders) PackOnce(ctx context.Context, id int64, key string, cause Cause) error {
	return o.fulfil(ctx, id, func(tx *gorm.DB, order Order) error {
		if _, sent, err := doneBy(ctx, tx, id, EventPacked, key); sent || err != nil {
			return err
		}
		if err := order.MayPack(); err != nil || order.PackedAt != nil {
			return err
		}
		return fulfilled(ctx, tx, order, map[string]any{"packed_at": tx.NowFunc()}, Event{Kind: EventPacked, FromState: key, Cause: cause})
	})
}

// doneBy is what a form did to an order when it was sent before. A form without
// a key did nothing.
func doneBy(ctx context.Context, tx *gorm.DB, id int64, kind EventKind, key string) (e Event, sent bool, err error) {
	if key == "" {
		return e, false, nil
	}
	all, err := rowsOf[Event](tx).Where("order_id = ? AND kind = ? AND from_state = ?", id, kind, key).Limit(1).Find(ctx)
	if err != nil || len(all) == 0 {
		return e, false, named(err, "events")
	}
	return all[0], true, nil
}

// Unpack takes back that an order's goods are packed.
//
// Errors: an *UnfitError, which is an ErrIllegal; ErrNotFound.
func (o *Orders) Unpack(ctx context.Context, id int64, cause Cause) error {
	return o.fulfil(ctx, id, func(tx *gorm.DB, order Order) error {
		if err := order.MayUnpack(); err != nil {
			return err
		}
		return fulfilled(ctx, tx, order, map[string]any{"packed_at": nil}, Event{Kind: EventUnpacked, Cause: cause})
	})
}

// Ship marks an order's goods as given to a carrier, whose name and number may
// be empty, and writes the mail that says so, once per order. The same again
// changes nothing; where they left in another way it is refused.
//
// Errors: an *UnfitError, which is an ErrIllegal; ErrNotFound.
func (o *Orders) Ship(ctx context.Context, id int64, carrier, tracking string, cause Cause) error {
	return o.ShipOnce(ctx, id, "", carrier, tracking, cause)
}

// ShipOnce is Ship for a form with a key: it ships an order once, whatever
// became of the goods since. With another carrier or number in the form the
// error is ErrDuplicate.
func (o *Orders) ShipOnce(ctx context.Context, id int64, key, carrier, tracking string, cause Cause) error {
	carrier, tracking = oneLine(carrier), oneLine(tracking)
	if len(carrier) > MaxCarrier || len(tracking) > MaxTracking {
		return &UnfitError{UnfitWords}
	}
	return o.fulfil(ctx, id, func(tx *gorm.DB, order Order) error {
		if order.ShippedAt != nil && order.Carrier == carrier && order.Tracking == tracking {
			return nil
		}
		event := Event{Kind: EventShipped, FromState: key, Detail: strings.TrimSpace(carrier + " " + tracking), Cause: cause}
		before, sent, err := doneBy(ctx, tx, id, EventShipped, key)
		switch {
		case err != nil:
			return err
		case sent && before.Detail == event.Detail:
			return nil
		}
		if err := order.MayShip(); err != nil {
			return err
		}
		if sent {
			return fmt.Errorf("%w: key of another parcel", ErrDuplicate)
		}
		set := map[string]any{"shipped_at": tx.NowFunc(), "carrier": carrier, "tracking": tracking}
		if err := fulfilled(ctx, tx, order, set, event); err != nil {
			return err
		}
		if err := addWords(ctx, tx, id, Words(tracking)); err != nil {
			return err
		}
		return o.db.mailShipped(ctx, tx, order)
	})
}

// Unship takes back that an order's goods have left. A mail that was not
// written yet is not written while it is so; one that was sent stays sent.
//
// Errors: an *UnfitError, which is an ErrIllegal; ErrNotFound.
func (o *Orders) Unship(ctx context.Context, id int64, cause Cause) error {
	return o.fulfil(ctx, id, func(tx *gorm.DB, order Order) error {
		if err := order.MayUnship(tx.NowFunc()); err != nil {
			return err
		}
		set := map[string]any{"shipped_at": nil, "carrier": "", "tracking": ""}
		return fulfilled(ctx, tx, order, set, Event{Kind: EventUnshipped, Detail: strings.TrimSpace(order.Carrier + " " + order.Tracking), Cause: cause})
	})
}

// fulfil runs f with the order held.
func (o *Orders) fulfil(ctx context.Context, id int64, f func(tx *gorm.DB, order Order) error) error {
	return o.db.Write(ctx, func(tx *gorm.DB) error {
		order, err := rowsOf[Order](tx, forUpdate()).Where("id = ?", id).First(ctx)
		if err != nil {
			return named(err, "order")
		}
		if err := f(tx, order); err != nil {
			return fmt.Errorf("order %s: %w", order.Number(), err)
		}
		return nil
	})
}

func fulfilled(ctx context.Context, tx *gorm.DB, order Order, set map[string]any, event Event) error {
	set["updated_at"] = tx.NowFunc()
	if _, err := rowsOf[Order](tx).Where("id = ?", order.ID).Set(clause.Assignments(set)).Update(ctx); err != nil {
		return named(err, "order")
	}
	event.OrderID = order.ID
	return addEvent(ctx, tx, event)
}

// mailShipped writes the mail of an order that has left. When one waits since
// the order was marked before, and that was undone in time, it is that one.
func (db *DB) mailShipped(ctx context.Context, tx *gorm.DB, order Order) error {
	before, err := rowsOf[Mail](tx).Where("order_id = ? AND kind = ? AND operation_id IS NULL", order.ID, MailShipped).Limit(1).Find(ctx)
	switch {
	case err != nil:
		return named(err, "mails of order "+order.Number())
	case len(before) == 0:
		return db.addMail(ctx, tx, order, MailShipped, nil)
	case before[0].Subject == "":
		return db.enqueue(ctx, tx, SendMail{MailID: before[0].ID})
	default:
		return nil
	}
}

// oneLine is a text without line breaks or spaces around it.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
