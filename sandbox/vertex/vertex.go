// Package vertex is Vertex Gateway as the sandbox plays it: the merchant API of
// its documents, the hosted page where a buyer pays, the days of clearing after
// that, and the signed callbacks. What the documents leave open is decided here
// and marked OUR CHOICE.
//
// It is written from the documents alone and shares no code with the shop's
// client, so that one wrong reading cannot hide another.
package vertex

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"sync"
	"time"

	"till/sandbox/world"
)

const (
	// Name is the provider's name in addresses.
	Name = "vertex"

	// DemoToken is the access token in an unconfigured sandbox.
	DemoToken = "6f9619ff-8b86-4d01-b42d-00cf4fc964ff" //nolint:gosec // a published value of the sandbox, not a secret
	// DemoShopID is the shop.
	DemoShopID = 115
	// DemoCallbackSecret is what callbacks are signed with.
	DemoCallbackSecret = "sbx_vertex_callback_1" //nolint:gosec // a published value of the sandbox, not a secret

	// SignHMAC and SignConcat are the two formulas of a signature.
	SignHMAC = "hmac"
	// SignConcat is the other.
	SignConcat = "concat"

	day              = 24 * time.Hour
	defaultHold      = 28 * day
	defaultRetryUnit = time.Second
	defaultMaxOrders = 5000
	maxBody          = 64 << 10 // bytes of a request body; the wire sets no limit
)

// Config is what can be set about Vertex Gateway. The zero Config is the demo's.
type Config struct {
	// Token, ShopID and CallbackSecret are what the merchant panel shows.
	Token          string
	ShopID         int64
	CallbackSecret string
	// SignMode is SignHMAC or SignConcat; empty is SignHMAC.
	SignMode string
	// CallbackURL is the shop's standard address for callbacks, for orders that
	// bring none of their own; empty: those have none.
	CallbackURL string
	// Currencies the shop may use; nil means NZD, USD, SBD, PHP and CLP.
	Currencies []string
	// ClearAfter is how long clearing takes; zero means from 1 to 3 days, as the
	// seed has it.
	ClearAfter time.Duration
	// HoldFor is how long money stays reserved; zero means 28 days.
	HoldFor time.Duration
	// RetryUnit is how long one second of the schedule of callbacks lasts; zero
	// means a second. Smaller values compress the schedule.
	RetryUnit time.Duration
	// MaxOrders bounds the memory, the oldest go first; zero means 5000.
	MaxOrders int
}

func (c Config) orDefaults() Config {
	if c.Token == "" {
		c.Token = DemoToken
	}
	if c.ShopID == 0 {
		c.ShopID = DemoShopID
	}
	if c.CallbackSecret == "" {
		c.CallbackSecret = DemoCallbackSecret
	}
	if c.SignMode == "" {
		c.SignMode = SignHMAC
	}
	if c.Currencies == nil {
		c.Currencies = []string{"NZD", "USD", "SBD", "PHP", "CLP"}
	}
	if c.HoldFor == 0 {
		c.HoldFor = defaultHold
	}
	if c.RetryUnit == 0 {
		c.RetryUnit = defaultRetryUnit
	}
	if c.MaxOrders == 0 {
		c.MaxOrders = defaultMaxOrders
	}
	return c
}

func (c Config) check() error {
	switch {
	case c.ClearAfter < 0, c.HoldFor < 0, c.RetryUnit < 0, c.MaxOrders < 0, c.ShopID < 0:
		return errors.New("vertex: new: a duration, a bound or the shop is negative")
	case c.SignMode != "" && c.SignMode != SignHMAC && c.SignMode != SignConcat:
		return fmt.Errorf("vertex: new: sign mode %q is neither %s nor %s", c.SignMode, SignHMAC, SignConcat)
	default:
		return nil
	}
}

// Provider implements world.Provider.
type Provider struct {
	world      *world.World
	config     Config
	door       world.Door
	routes     []route
	faults     faults
	pages      map[string]*template.Template
	crossCheck *http.CrossOriginProtection

	mu        sync.Mutex
	made      int // orders
	orders    *world.Keep[*order]
	byNumber  map[string]*order
	bySession map[string]*order
}

var _ world.Provider = (*Provider)(nil)

// New makes a Vertex Gateway in the given world and offers its faults there. The
// error says that a setting makes no sense.
func New(w *world.World, config Config) (*Provider, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	pages, err := parsePages()
	if err != nil {
		return nil, err
	}
	p := &Provider{
		world: w, config: config.orDefaults(), pages: pages, crossCheck: http.NewCrossOriginProtection(),
		byNumber: make(map[string]*order), bySession: make(map[string]*order),
	}
	p.orders = world.NewKeep[*order](p.config.MaxOrders)
	p.routes = p.allRoutes()
	p.faults = p.allFaults()
	p.door = world.Door{World: w, Provider: Name, Wires: p.faults.wires}
	w.Faults.Offer(Name, p.faults.catalogue())
	return p, nil
}

// Name implements world.Provider.
func (p *Provider) Name() string { return Name }

// Title implements world.Provider.
func (p *Provider) Title() string { return "Vertex Gateway" }

// Reset implements world.Provider.
func (p *Provider) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for o := range p.orders.Newest {
		o.epoch++ // its deadlines are another world's
	}
	p.made = 0
	p.orders.Clear()
	clear(p.byNumber)
	clear(p.bySession)
}

// Orders implements world.Provider.
func (p *Provider) Orders(limit int) []world.Order {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := []world.Order{}
	for o := range p.orders.Newest {
		list = append(list, o.view())
		if len(list) == limit {
			break
		}
	}
	return list
}

// Order implements world.Provider.
func (p *Provider) Order(ref string) (world.Order, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o, err := p.find(ref)
	if err != nil {
		return world.Order{}, err
	}
	return o.view(), nil
}

// find takes the gateway's id or the shop's order number. The caller has the
// lock.
func (p *Provider) find(ref string) (*order, error) {
	if o, ok := p.orders.Get(ref); ok {
		return o, nil
	}
	if o, ok := p.byNumber[ref]; ok {
		return o, nil
	}
	return nil, fmt.Errorf("vertex: order %q: %w", ref, world.ErrNotFound)
}

// take asks whether one of the faults that an endpoint looks for itself
// strikes, and notes it in the answer.
func (p *Provider) take(a *world.Answer, fault, endpoint string, refs ...string) (world.Rule, bool) {
	rule, ok := p.world.Faults.Take(Name, fault, endpoint, refs...)
	if ok {
		a.Faults = append(a.Faults, fault)
	}
	return rule, ok
}

// Decide implements world.Provider.
//
//	approve   the buyer pays, with its faults
//	pay_less  the buyer pays half of it
//	pay_more  the buyer pays double
//	decline   one attempt fails, and the buyer may try again
//	fail      the buyer gives wrong data: the order fails; or clearing fails
//	abandon   nothing, but it is written down
//	complete  the money is cleared: from any state that is not paid, a late one too
//	cancel    the merchant's staff cancel in the panel
//	expire    the pay time is over
//	lapse     what is reserved is released
//	refund    the merchant's staff refund what is left, in the panel
//	set       the status becomes any word, silently: no callback, no faults
func (p *Provider) Decide(ctx context.Context, ref string, d world.Decision) (world.Order, string, error) {
	if d.Status != "" && d.Decision != "set" {
		return world.Order{}, "", &world.RefusedError{Says: "status is for the decision set alone"}
	}
	var next sequel
	p.mu.Lock()
	o, err := p.find(ref)
	if err == nil {
		next, err = p.decide(o, d)
	}
	p.mu.Unlock()
	if err != nil {
		return world.Order{}, "", err
	}
	p.callback(ctx, o, next)
	p.mu.Lock()
	defer p.mu.Unlock()
	return o.view(), next.sendTo, nil
}
