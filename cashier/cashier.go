// Package cashier takes an order from "pay" to "paid": it is the one place
// where rows and providers meet. Handlers and jobs call it, in any order and
// any number of times; every way in ends in Settle.
package cashier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"till/models"
	"till/providers"

	"golang.org/x/sync/singleflight"
)

const (
	// callFor bounds one conversation with a provider, retries included.
	callFor = 20 * time.Second
	// claimFor is how long an operation is its caller's own: longer than a
	// conversation, so that nobody else calls meanwhile.
	claimFor = callFor + 10*time.Second
	// decideAgain is how often a change is decided anew because the payment
	// changed meanwhile.
	decideAgain = 8
	// awaitTimes and awaitGap are for how long one caller waits for another who
	// is at the same thing.
	awaitTimes, awaitGap = 25, 200 * time.Millisecond
)

var (
	// ErrNoProvider is returned for a provider that is not set up here.
	ErrNoProvider = errors.New("cashier: no such provider")
	// ErrUndecided is returned when something cannot be done until the provider
	// has said what became of a payment.
	ErrUndecided = errors.New("cashier: the payment is still being decided")
	// ErrPaid is returned when something cannot be done because money came.
	ErrPaid = errors.New("cashier: the order is paid")
	// ErrCannot is returned for something that a provider cannot do.
	ErrCannot = errors.New("cashier: the provider cannot do that")
)

// Config is what New needs. All fields but Reserve, Hold, Health and Wait are
// required.
type Config struct {
	Payments  *models.Payments
	Orders    *models.Orders
	Inbox     *models.Inbox
	Health    *models.Health // nil: how providers are is not noted
	Providers []providers.Provider
	Reserve   []string               // names of providers that reserve money first; it is taken by hand
	Hold      HoldRule               // what becomes of a reservation that is about to lapse, until settings say so
	Settings  func() models.Settings // what staff have set; nil, and settings with ID 0, leave it at Hold
	PublicURL string                 // the shop's address as browsers and providers see it, without a slash at the end
	NewID     func() string          // random, unguessable, letters and digits; of payments
	NewKey    func() string          // a UUID; of operations
	Log       *slog.Logger
	Pace      Pace
	Wait      func(ctx context.Context, d time.Duration) error // for somebody who is at the same thing; nil: real time
}

// Cashier starts, settles and gives up payments.
type Cashier struct {
	payments  *models.Payments
	orders    *models.Orders
	inbox     *models.Inbox
	health    *models.Health
	notes     notes
	hold      HoldRule
	settings  func() models.Settings
	providers map[string]providers.Provider
	names     []string
	reserve   []string
	publicURL string
	newID     func() string
	newKey    func() string
	log       *slog.Logger
	pace      Pace
	wait      func(ctx context.Context, d time.Duration) error
	asking    asking
	begun     sync.WaitGroup     // by Begin
	starts    singleflight.Group // one call to start per payment in this process; the claim does it for all
}

// New returns a cashier.
func New(cfg Config) *Cashier {
	c := &Cashier{
		payments: cfg.Payments, orders: cfg.Orders, inbox: cfg.Inbox, health: cfg.Health, hold: cmp.Or(cfg.Hold, HoldVoid), settings: cfg.Settings,
		providers: map[string]providers.Provider{}, publicURL: cfg.PublicURL,
		reserve: cfg.Reserve, newID: cfg.NewID, newKey: cfg.NewKey, log: cfg.Log, pace: cfg.Pace, wait: cfg.Wait,
	}
	if c.wait == nil {
		c.wait = wait
	}
	for _, p := range cfg.Providers {
		c.providers[p.Name()] = p
		c.names = append(c.names, p.Name())
	}
	return c
}

// wait lets real time pass.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Provider returns a provider by name; ok is false when it is not set up.
func (c *Cashier) Provider(name string) (p providers.Provider, ok bool) {
	p, ok = c.providers[name]
	return p, ok
}

// Providers returns every provider that is set up, in the order of the settings.
func (c *Cashier) Providers() []providers.Provider {
	all := make([]providers.Provider, len(c.names))
	for i, name := range c.names {
		all[i] = c.providers[name]
	}
	return all
}

// provider is Provider for a payment that exists already.
func (c *Cashier) provider(p models.Payment) (providers.Provider, error) {
	one, ok := c.providers[p.Provider]
	if !ok {
		return nil, fmt.Errorf("%w: %q, of payment %s; set it up again to settle what it has", ErrNoProvider, p.Provider, models.Mark(p.ID))
	}
	return one, nil
}

// NewPayment is a payment at the given provider, with fresh id and key.
func (c *Cashier) NewPayment(provider, method string) models.NewPayment {
	n := models.NewPayment{ID: c.newID(), Key: c.newKey(), Provider: provider, Method: method, Capture: models.CaptureAuto}
	if slices.Contains(c.reserve, provider) {
		n.Capture = models.CaptureManual
	}
	return n
}

// theirs is a payment in the words of the provider contract.
func theirs(p models.Payment) providers.Payment {
	t := providers.Payment{ID: p.ID, Ref: p.Ref, Amount: p.Amount, Data: p.Data}
	if p.Attached {
		t.ID = "" // the provider has another one's, or none
	}
	return t
}

// redo decides a change on a payment and what was asked about it, as they are
// now.
type redo func(now models.Payment, ops []models.Operation) models.Change

// record writes a change that is decided on the payment as it is now, and logs
// the step.
func (c *Cashier) record(ctx context.Context, id string, decide redo) (models.Payment, error) {
	var err error
	for range decideAgain {
		var before, after models.Payment
		var ops []models.Operation
		if before, ops, err = c.payments.Operations(ctx, id); err != nil {
			return before, err
		}
		change := decide(before, ops)
		after, _, err = c.payments.Record(ctx, change)
		if errors.Is(err, models.ErrStale) {
			continue
		}
		if err == nil {
			c.tell(ctx, before, after, change)
		}
		return after, err
	}
	return models.Payment{}, fmt.Errorf("cashier: record %s: %w", models.Mark(id), err)
}

// tell logs what a change did. A log names a payment by order, provider and
// ref, never by its ID, which leads to the order's page.
func (c *Cashier) tell(ctx context.Context, before, after models.Payment, change models.Change) {
	if before.State != after.State {
		c.log.InfoContext(ctx, "payment moved", "order", after.OrderID, "provider", after.Provider, "ref", after.Ref,
			"from", before.State, "to", after.State, "actor", change.Cause.Actor, "source", change.Cause.Source)
	}
	if !slices.Equal(before.Concerns, after.Concerns) || after.State == models.PaymentMismatch && before.State != after.State {
		c.log.ErrorContext(ctx, "payment needs a person", "order", after.OrderID, "provider", after.Provider, "ref", after.Ref,
			"state", after.State, "concerns", after.Concerns.String())
	}
}

// reportRow keeps a provider's answer as it came.
func reportRow(operation string, r providers.Report) *models.Report {
	return &models.Report{Operation: operation, Outcome: string(r.Outcome), Word: r.Word, HTTPStatus: int64(r.Status), Body: r.Raw}
}

// errorRow keeps a refusal, or the lack of an answer. It is nil for an error
// that is not the provider's.
func errorRow(err error) *models.Report {
	var call *providers.Error
	if !errors.As(err, &call) {
		return nil
	}
	return &models.Report{Operation: call.Op, Outcome: string(call.Kind), Word: call.Code, HTTPStatus: int64(call.Status), Body: call.Raw}
}
