package sandbox

import (
	"context"
	"slices"
	"time"

	"till/sandbox/world"
)

// What the methods below take and give, as JSON has it under /control.
type (
	// Order is one order as its provider truly knows it.
	Order = world.Order
	// Money is what of an order has truly moved, in minor units.
	Money = world.Money
	// Refund is one refund.
	Refund = world.Refund
	// Setting is one thing that a shop must be told.
	Setting = world.Setting
	// Wish asks for something to go wrong.
	Wish = world.Wish
	// Rule says what goes wrong.
	Rule = world.Rule
	// Fault is one way to go wrong.
	Fault = world.Fault
	// Call is a callback to be sent by hand.
	Call = world.Call
	// Delivery is a callback on its way.
	Delivery = world.Delivery
	// Request is one request that a provider got.
	Request = world.Request
	// RefusedError says why something cannot be done.
	RefusedError = world.RefusedError
)

// The states of a refund.
const (
	RefundPending  = world.RefundPending
	RefundDone     = world.RefundDone
	RefundFailed   = world.RefundFailed
	RefundReversed = world.RefundReversed
)

var (
	// ErrNotFound says that there is no such provider, order, delivery or rule.
	ErrNotFound = world.ErrNotFound
	// ErrClosed says that the sandbox was closed.
	ErrClosed = world.ErrClosed
)

// Provider is one provider as a shop sees it.
type Provider struct {
	Name     string    `json:"name"`
	Title    string    `json:"title"`
	BaseURL  string    `json:"base_url"` // what a shop sets
	Settings []Setting `json:"settings"` // the base URL first
	Faults   []Fault   `json:"faults"`
}

// Providers lists the providers of a sandbox that is reached at root, an
// address without a slash at its end: "http://127.0.0.1:8081".
func (s *Sandbox) Providers(root string) []Provider {
	list := make([]Provider, 0, len(s.providers))
	for _, p := range s.providers {
		settings := p.Settings(root + "/" + p.Name())
		list = append(list, Provider{
			Name: p.Name(), Title: p.Title(), BaseURL: settings[0].Value, Settings: settings,
			Faults: s.world.Faults.Catalogue(p.Name()),
		})
	}
	return list
}

// Now is the sandbox's time.
func (s *Sandbox) Now() time.Time { return s.world.Clock.Now() }

// Next is when the next thing is to happen: a callback, the end of clearing, a
// due date. It is false when nothing is to.
func (s *Sandbox) Next() (time.Time, bool) { return s.world.Clock.Next() }

// Deliver does what is due at the sandbox's time, one thing after the other in
// the caller's goroutine: the earliest first, and of two at the same time the
// one that was asked for first. What follows from it and is due too is done as
// well. It says how many things there were. The error is the context's.
//
// It is for a sandbox that nobody runs. Where Run does the same, who does what
// is chance.
func (s *Sandbox) Deliver(ctx context.Context) (n int, err error) { return s.world.Clock.Walk(ctx, 0) }

// Step does the first thing that is due, as Deliver does, and reports whether
// there was one.
func (s *Sandbox) Step(ctx context.Context) bool { return s.world.Clock.Step(ctx) }

// Advance moves the sandbox's time on by d, and does on the way what falls due,
// each thing at its own time and as Deliver does. It says how many there were.
func (s *Sandbox) Advance(ctx context.Context, d time.Duration) (n int, err error) {
	if err := checkAdvance(d); err != nil {
		return 0, err
	}
	return s.world.Clock.Walk(ctx, d)
}

// Orders lists up to limit orders of all providers, newest first; 0 means all.
// Of orders made at the same instant those of the provider that is listed first
// are first.
func (s *Sandbox) Orders(limit int) []Order {
	all := []Order{}
	for _, p := range s.providers {
		all = append(all, p.Orders(limit)...)
	}
	slices.SortStableFunc(all, func(a, b Order) int { return b.CreatedAt.Compare(a.CreatedAt) })
	if limit > 0 && len(all) > limit {
		all = all[:limit]
	}
	return all
}

// Order returns one order, by the provider's name of it or the shop's.
func (s *Sandbox) Order(provider, ref string) (Order, error) {
	p, err := s.provider(provider)
	if err != nil {
		return Order{}, err
	}
	return p.Order(ref)
}

// Decide does to an order what the buyer, the provider's staff or the bank
// would: "approve", "decline", "cancel" … An order lists what is possible now,
// and anything else is a RefusedError. The address is where the buyer's browser
// is sent, empty when it stays where it is. Callbacks wait for Deliver.
func (s *Sandbox) Decide(ctx context.Context, provider, ref, decision string) (Order, string, error) {
	return s.decideOn(ctx, provider, ref, world.Decision{Decision: decision})
}

// SetStatus makes the order's status any word, silently: nobody is called, no
// fault strikes, no money moves.
func (s *Sandbox) SetStatus(ctx context.Context, provider, ref, status string) (Order, error) {
	order, _, err := s.decideOn(ctx, provider, ref, world.Decision{Decision: "set", Status: status})
	return order, err
}

func (s *Sandbox) decideOn(ctx context.Context, provider, ref string, d world.Decision) (Order, string, error) {
	p, err := s.provider(provider)
	if err != nil {
		return Order{}, "", err
	}
	return p.Decide(ctx, ref, d)
}

// Send sends a callback about an order that nothing has caused.
func (s *Sandbox) Send(ctx context.Context, provider, ref string, call Call) ([]Delivery, error) {
	p, err := s.provider(provider)
	if err != nil {
		return nil, err
	}
	return p.Send(ctx, ref, call)
}

// Add has something go wrong, or returns a RefusedError that says what is wrong
// with the wish.
func (s *Sandbox) Add(wish Wish) (Rule, error) { return s.world.Faults.Add(wish) }

// Rules lists what is to go wrong, oldest first, what is used up too.
func (s *Sandbox) Rules() []Rule { return s.world.Faults.Rules() }

// Remove takes one rule back, or returns ErrNotFound.
func (s *Sandbox) Remove(rule int) error { return s.world.Faults.Remove(rule) }

// Clear takes all rules back, and says how many there were.
func (s *Sandbox) Clear() int { return s.world.Faults.Clear() }

// Deliveries lists up to limit callbacks, newest first; 0 means all. With an
// order, by either name, only those about it.
func (s *Sandbox) Deliveries(limit int, order string) []Delivery {
	return s.world.Post.Latest(limit, order)
}

// Replay sends the bytes of a delivery again, in n new deliveries.
func (s *Sandbox) Replay(delivery string, n int, delay time.Duration) ([]Delivery, error) {
	return s.world.Post.Replay(delivery, n, delay)
}

// Release has a delivery sent at the next Deliver that is held or waits.
func (s *Sandbox) Release(delivery string) (Delivery, error) { return s.world.Post.Release(delivery) }

// Requests lists up to limit requests, newest first; 0 means all.
func (s *Sandbox) Requests(limit int) []Request { return s.world.Requests.Latest(limit) }

// Reset forgets everything and goes back to the given seed and to the real time.
// The Gate's webhooks stay: they belong to the shop.
func (s *Sandbox) Reset(seed int64) {
	s.world.Reset(seed)
	for _, p := range s.providers {
		p.Reset()
	}
}
