package models

import (
	"context"
	"strconv"
	"time"

	"gorm.io/gorm"
)

// Cause is who did something and how we came to know.
type Cause struct {
	Actor  string // "shopper", "provider", "till", "staff ann@example.test"
	Source string // "checkout", "return page", "callback 7", "timer", "order page", "dashboard"
}

// EventKind says what an Event tells.
type EventKind string

// The kinds of event.
const (
	EventPlaced          EventKind = "placed"           // the order was written
	EventPaymentCreated  EventKind = "payment_created"  // a payment was written
	EventState           EventKind = "state"            // a payment went from one state to another
	EventSuperseded      EventKind = "superseded"       // the shopper turned to another payment
	EventCancelAsked     EventKind = "cancel_asked"     // the provider was asked to cancel a payment
	EventCancelled       EventKind = "cancelled"        // the order was cancelled
	EventExpired         EventKind = "expired"          // the order's time was over
	EventAttention       EventKind = "attention"        // a reason for a person to look appeared or went
	EventOperation       EventKind = "operation"        // something was asked of a provider, from_state, or came to what to_state says
	EventDispute         EventKind = "dispute"          // a dispute went from one stage to another; an empty one is none
	EventAccepted        EventKind = "accepted"         // staff took what the inbox had, as it is
	EventAttached        EventKind = "attached"         // staff said that a provider's payment is this order's
	EventContradiction   EventKind = "contradiction"    // a provider took back what it had said; nothing was changed
	EventCallback        EventKind = "callback"         // a callback for the payment was stored
	EventNoAnswer        EventKind = "no_answer"        // the provider did not answer a start or a cancel
	EventProviderRefused EventKind = "provider_refused" // the provider refused a start or a cancel
	EventPacked          EventKind = "packed"           // the goods are packed; from_state is the key of the form for many orders
	EventUnpacked        EventKind = "unpacked"         // that was taken back
	EventShipped         EventKind = "shipped"          // the goods have left, with the carrier and number that detail says; from_state as for packed
	EventUnshipped       EventKind = "unshipped"        // that was taken back
)

// Event is one line of an order's timeline that is not a fact about money.
type Event struct {
	ID        int64
	OrderID   int64
	PaymentID *string
	Kind      EventKind
	FromState string // for EventState; what it is for others stands beside them
	ToState   string
	Detail    string
	Cause     `gorm:"embedded"`
	At        time.Time
}

func addEvent(ctx context.Context, tx *gorm.DB, e Event) error {
	if e.At.IsZero() {
		e.At = tx.NowFunc()
	}
	if err := rowsOf[Event](tx).Create(ctx, &e); err != nil {
		return named(err, "event "+string(e.Kind))
	}
	if a, ok := audited(e); ok {
		return addAudit(ctx, tx, a)
	}
	return nil
}

// DeliverySource is the Source of what a callback brought about.
func DeliverySource(id int64) string { return "callback " + strconv.FormatInt(id, 10) }
