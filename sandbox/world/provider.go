package world

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Provider is one payment provider of the sandbox. ServeHTTP speaks its wire
// protocol and shows its hosted pages, at addresses without the prefix under
// which the sandbox has it. All methods are safe for concurrent use.
//
// Methods that name an order take the provider's own name of it or the shop's,
// and return ErrNotFound when there is none, and a RefusedError when the order
// is not in a state for it.
type Provider interface {
	http.Handler

	// Name is one word for addresses and JSON: "iumicash".
	Name() string
	// Title is the name as people write it.
	Title() string
	// Settings are what a shop must be told to use it, the base URL first; base
	// is the address under which the sandbox has it.
	Settings(base string) []Setting
	// Orders lists up to limit orders, newest first; 0 means all.
	Orders(limit int) []Order
	// Order returns one order.
	Order(ref string) (Order, error)
	// Decide does to an order what the buyer or the provider's staff would, and
	// returns it with the address to which the buyer's browser is sent, empty
	// when it stays where it is.
	Decide(ctx context.Context, ref string, d Decision) (Order, string, error)
	// Send sends a callback about an order that nothing has caused.
	Send(ctx context.Context, ref string, c Call) ([]Delivery, error)
	// Reset forgets all orders.
	Reset()
}

// Setting is one thing that a shop must be told. None is a secret: it opens
// nothing but the sandbox.
type Setting struct {
	Name  string `json:"name"` // "base_url", "client_secret" …
	Value string `json:"value"`
}

// Decision is what is done to an order. Which there are is the provider's
// business; an order lists those that it is in a state for.
type Decision struct {
	Decision string `json:"decision"`
	// Status is for "set" alone: the word that the order's status becomes.
	Status string `json:"status"`
}

// Call is a callback to be sent by hand.
type Call struct {
	// Status picks an old state of the order to tell; empty is the present one.
	Status string `json:"status"`
	// Fault is the name of what is done to the text or its signature; empty
	// leaves it as it should be.
	Fault string `json:"fault"`
	Word  string `json:"word"`
	// Amount is for faults that take one.
	Amount string `json:"amount"`
}

// Order is what a provider knows about one order, as the one truth that tests
// compare with.
type Order struct {
	Provider   string `json:"provider"`
	Ref        string `json:"ref"` // the provider's name of it
	ExternalID string `json:"external_id"`
	Status     string `json:"status"`
	Paid       bool   `json:"paid"` // the money has moved
	Currency   string `json:"currency"`
	Minor      int64  `json:"minor"`  // what was asked for, in minor units
	Amount     string `json:"amount"` // the same for people: "42.50"
	// Told is what the provider says the amount is; it differs only by a fault.
	ToldCurrency string    `json:"told_currency"`
	ToldMinor    int64     `json:"told_minor"`
	ToldAmount   string    `json:"told_amount"`
	Money        Money     `json:"money"`
	Notified     bool      `json:"notified"` // a callback was accepted, or the order was pulled
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`
	// Page is where the buyer pays; empty when the order was made without one.
	Page      string          `json:"page"`
	Steps     []Step          `json:"steps"`
	Decisions []string        `json:"decisions"` // those that are possible now
	Wire      json.RawMessage `json:"wire"`      // the order as the provider's API shows it
}

// Money is what has truly moved, in minor units of Currency, whatever faults
// make the provider say.
type Money struct {
	Currency   string   `json:"currency"`
	Authorized int64    `json:"authorized"` // reserved now, and neither taken nor released
	Captured   int64    `json:"captured"`   // taken, ever
	Refunded   int64    `json:"refunded"`   // of that, gone back for good so far
	Refunds    []Refund `json:"refunds"`    // oldest first, those that failed too; never nil
}

// RefundState is what has become of a refund.
type RefundState string

// The states of a refund.
const (
	RefundPending  RefundState = "pending"
	RefundDone     RefundState = "done"
	RefundFailed   RefundState = "failed"
	RefundReversed RefundState = "reversed" // it was done, and came back
)

// Refund is one refund, or the reversal of a whole payment.
type Refund struct {
	Minor int64       `json:"minor"`
	State RefundState `json:"state"`
	At    time.Time   `json:"at"` // when it was asked for
}

// MoneyOf adds up refunds.
func MoneyOf(currency string, authorized, captured int64, refunds []Refund) Money {
	m := Money{Currency: currency, Authorized: authorized, Captured: captured, Refunds: append([]Refund{}, refunds...)}
	for _, r := range refunds {
		if r.State == RefundDone {
			m.Refunded += r.Minor
		}
	}
	return m
}

// Step is one thing that happened to an order.
type Step struct {
	At      time.Time `json:"at"`
	Status  string    `json:"status"`
	Because string    `json:"because"`
}
