// Package iumicash is iumiCash as the sandbox plays it: the vendor API of its
// documents' revision of 2022-10-10, the hosted page where a buyer signs in and
// approves, and the signed callbacks. What the documents leave open is decided
// here and marked OUR CHOICE.
//
// It is written from the documents alone and shares no code with the shop's
// client, so that one wrong reading cannot hide another.
package iumicash

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
	Name = "iumicash"

	// DemoClientID is the vendor in an unconfigured sandbox.
	DemoClientID = "sbx_client"
	// DemoClientSecret is its secret. It opens nothing but the sandbox.
	DemoClientSecret = "sbx_client_secret_1" //nolint:gosec // a published value of the sandbox, not a secret

	defaultTokenLife = 8 * time.Hour
	refreshLife      = 24 * time.Hour
	defaultRetryUnit = time.Second
	defaultMaxOrders = 5000
	maxTokens        = 1000
	maxBody          = 64 << 10 // bytes of a request body; the wire sets no limit
)

// Config is what can be set about iumiCash. The zero Config is the demo's.
type Config struct {
	// ClientID and ClientSecret are the vendor's credentials; the secret is also
	// the key of the callbacks' signature.
	ClientID, ClientSecret string
	// TokenLife is how long an access token holds; zero means 8 hours.
	TokenLife time.Duration
	// Currencies the vendor may use; nil means SBD, NZD and USD.
	Currencies []string
	// RetryUnit is how long one second of the documented schedule of callbacks
	// lasts; zero means a second. Smaller values compress the schedule.
	RetryUnit time.Duration
	// MaxOrders bounds the memory, the oldest go first; zero means 5000.
	MaxOrders int
}

func (c Config) orDefaults() Config {
	if c.ClientID == "" {
		c.ClientID = DemoClientID
	}
	if c.ClientSecret == "" {
		c.ClientSecret = DemoClientSecret
	}
	if c.TokenLife == 0 {
		c.TokenLife = defaultTokenLife
	}
	if c.Currencies == nil {
		c.Currencies = []string{"SBD", "NZD", "USD"}
	}
	if c.RetryUnit == 0 {
		c.RetryUnit = defaultRetryUnit
	}
	if c.MaxOrders == 0 {
		c.MaxOrders = defaultMaxOrders
	}
	return c
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

	mu         sync.Mutex
	made       int // orders
	issued     int // tokens
	orders     *world.Keep[*order]
	byExternal map[string]*order
	byRequest  map[string]request
	access     *world.Keep[time.Time] // until when each access token holds
	refresh    *world.Keep[time.Time]
}

// request is a POST that was done under a RequestId.
type request struct {
	print string // what was asked for; another print under the same id is refused
	order *order
}

var _ world.Provider = (*Provider)(nil)

// New makes an iumiCash in the given world and offers its faults there. The
// error says that a setting makes no sense.
func New(w *world.World, config Config) (*Provider, error) {
	if config.TokenLife < 0 || config.RetryUnit < 0 || config.MaxOrders < 0 {
		return nil, errors.New("iumicash: new: a duration or a bound is negative")
	}
	pages, err := parsePages()
	if err != nil {
		return nil, err
	}
	p := &Provider{
		world: w, config: config.orDefaults(), pages: pages, crossCheck: http.NewCrossOriginProtection(),
		byExternal: make(map[string]*order), byRequest: make(map[string]request),
		access: world.NewKeep[time.Time](maxTokens), refresh: world.NewKeep[time.Time](maxTokens),
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
func (p *Provider) Title() string { return "iumiCash" }

// Reset implements world.Provider.
func (p *Provider) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made, p.issued = 0, 0
	p.orders.Clear()
	p.access.Clear()
	p.refresh.Clear()
	clear(p.byExternal)
	clear(p.byRequest)
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

// find takes iumiCash's id or the shop's. The caller has the lock.
func (p *Provider) find(ref string) (*order, error) {
	if o, ok := p.orders.Get(ref); ok {
		return o, nil
	}
	if o, ok := p.byExternal[ref]; ok {
		return o, nil
	}
	return nil, fmt.Errorf("iumicash: order %q: %w", ref, world.ErrNotFound)
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
//	approve   what the buyer's Approve does, with its faults
//	cancel    what the buyer's Cancel does
//	complete  the money arrives: from any state but completed, a late one too
//	abandon   nothing, but it is written down
//	set       the status becomes any word, silently: no callback, no faults
func (p *Provider) Decide(ctx context.Context, ref string, d world.Decision) (world.Order, string, error) {
	if d.Status != "" && d.Decision != "set" {
		return world.Order{}, "", &world.RefusedError{Says: "status is for the decision set alone"}
	}
	var sequel sequel
	p.mu.Lock()
	o, err := p.find(ref)
	if err == nil {
		sequel, err = p.decide(o, d)
	}
	p.mu.Unlock()
	if err != nil {
		return world.Order{}, "", err
	}
	p.callback(ctx, o, sequel)
	p.mu.Lock()
	defer p.mu.Unlock()
	return o.view(), sequel.sendTo, nil
}
