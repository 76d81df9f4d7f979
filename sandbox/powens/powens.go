// Package powens is Powens Pay as the sandbox plays it: service tokens,
// payments of one instruction, periodic ones too, payment links, scoped tokens, the webview where a buyer picks a
// bank and the bank's page where they approve, connectors, and the signed
// webhook. What the documents leave open is decided here and marked OUR CHOICE.
//
// It is written from the documents alone and shares no code with the shop's
// client, so that one wrong reading cannot hide another.
package powens

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"till/sandbox/world"
)

const (
	// Name is the provider's name in addresses.
	Name = "powens"

	// DemoClientID is the client in an unconfigured sandbox.
	DemoClientID = "sbx_client"
	// DemoClientSecret is its secret. It opens nothing but the sandbox.
	DemoClientSecret = "sbx_powens_secret_1" //nolint:gosec // a published value of the sandbox, not a secret
	// DemoWebhookKey is what webhooks are signed with until another key is made.
	DemoWebhookKey = "sbx_webhook_key_1"
	// DemoConfigToken is the configuration token, which makes such keys.
	DemoConfigToken = "sbx_config_token_1" //nolint:gosec // a published value of the sandbox, not a secret

	tokenLife  = 30 * time.Minute
	scopedLife = 7 * 24 * time.Hour
	expiry     = 30 * 24 * time.Hour // payment.manual_expire_time_days

	defaultPhaseUnit = time.Second
	defaultFlush     = time.Minute // between two runs of the flusher, of which nothing is documented
	defaultMaxOrders = 5000
	maxTokens        = 1000
	maxBody          = 64 << 10 // bytes of a request body; the wire sets no limit
)

// Config is what can be set about Powens. The zero Config is the demo's.
type Config struct {
	// ClientID and ClientSecret are the client's credentials.
	ClientID, ClientSecret string
	// WebhookKey signs the webhooks, until POST /webhooks/auth makes another.
	WebhookKey string
	// ConfigToken is the bearer of POST /webhooks/auth.
	ConfigToken string
	// WebhookURL is what is registered for PAYMENT_STATE_UPDATED. Empty is
	// /callbacks/powens of the shop: that of the world's site, or else of where
	// the buyer comes back to.
	WebhookURL string
	// Currencies that banks move, all with two decimals; nil is EUR.
	Currencies []string
	// PhaseUnit is how long one second of a documented phase lasts, of which
	// there are 15 s for instant payments and 15 min for others; zero means a
	// second. Smaller values compress the phases.
	PhaseUnit time.Duration
	// FlushEvery is the time between two tries of a webhook; zero means a minute.
	FlushEvery time.Duration
	// MaxOrders bounds the memory, the oldest go first; zero means 5000.
	MaxOrders int
}

func (c Config) orDefaults() Config {
	c.ClientID = orElse(c.ClientID, DemoClientID)
	c.ClientSecret = orElse(c.ClientSecret, DemoClientSecret)
	c.WebhookKey = orElse(c.WebhookKey, DemoWebhookKey)
	c.ConfigToken = orElse(c.ConfigToken, DemoConfigToken)
	c.PhaseUnit = orElse(c.PhaseUnit, defaultPhaseUnit)
	c.FlushEvery = orElse(c.FlushEvery, defaultFlush)
	c.MaxOrders = orElse(c.MaxOrders, defaultMaxOrders)
	if c.Currencies == nil {
		c.Currencies = []string{"EUR"}
	}
	return c
}

func orElse[T comparable](v, fallback T) T {
	var none T
	if v == none {
		return fallback
	}
	return v
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
	made      int          // payments
	issued    int          // tokens of both kinds
	events    int          // payloads of webhooks
	requestID atomic.Int64 // of error bodies
	key       string
	keys      int // that were made
	payments  *world.Keep[*payment]
	byState   map[string]*payment // by client_state, the latest
	tokens    *world.Keep[service]
	scoped    *world.Keep[scoped]
	linked    int // payment links
	links     *world.Keep[*payLink]
	byMark    map[string]*payLink // by the last part of their address
}

// service is a service token.
type service struct {
	scopes []string
	until  time.Time
}

// scoped is a token for one payment.
type scoped struct {
	payment string
	until   time.Time
}

var _ world.Provider = (*Provider)(nil)

// New makes a Powens in the given world and offers its faults there. The error
// says that a setting makes no sense.
func New(w *world.World, config Config) (*Provider, error) {
	if config.PhaseUnit < 0 || config.FlushEvery < 0 || config.MaxOrders < 0 {
		return nil, errors.New("powens: new: a duration or a bound is negative")
	}
	pages, err := parsePages()
	if err != nil {
		return nil, err
	}
	p := &Provider{
		world: w, config: config.orDefaults(), pages: pages, crossCheck: http.NewCrossOriginProtection(),
		byState: make(map[string]*payment), byMark: make(map[string]*payLink),
		tokens: world.NewKeep[service](maxTokens), scoped: world.NewKeep[scoped](maxTokens),
	}
	p.key = p.config.WebhookKey
	p.payments = world.NewKeep[*payment](p.config.MaxOrders)
	p.links = world.NewKeep[*payLink](p.config.MaxOrders)
	p.routes = p.allRoutes()
	p.faults = p.allFaults()
	p.door = world.Door{World: w, Provider: Name, Wires: p.faults.wires}
	w.Faults.Offer(Name, p.faults.catalogue())
	return p, nil
}

// Name implements world.Provider.
func (p *Provider) Name() string { return Name }

// Title implements world.Provider.
func (p *Provider) Title() string { return "Powens" }

// Reset implements world.Provider.
func (p *Provider) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made, p.issued, p.events, p.keys, p.linked = 0, 0, 0, 0, 0
	p.requestID.Store(0)
	p.key = p.config.WebhookKey
	p.payments.Clear()
	p.tokens.Clear()
	p.scoped.Clear()
	clear(p.byState)
	p.links.Clear()
	clear(p.byMark)
}

// Orders implements world.Provider.
func (p *Provider) Orders(limit int) []world.Order {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := []world.Order{}
	for o := range p.payments.Newest {
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

// find takes Powens' id or the shop's client_state. The caller has the lock.
func (p *Provider) find(ref string) (*payment, error) {
	if o, ok := p.payments.Get(ref); ok {
		return o, nil
	}
	if o, ok := p.byState[ref]; ok {
		return o, nil
	}
	return nil, fmt.Errorf("powens: payment %q: %w", ref, world.ErrNotFound)
}

// nextID is the next payment's id: a whole number, in a range that comes from
// the seed. The caller has the lock.
func (p *Provider) nextID() string {
	p.made++
	// Six hex digits are always a number.
	base, _ := strconv.ParseInt(p.world.Hex(6, Name, "ids"), 16, 64)
	return strconv.FormatInt(100_000+base*100_000/16+int64(p.made), 10)
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
//	approve   what the buyer's approval at the bank does, with its faults
//	cancel    the buyer refuses at the bank, or approves a cancellation
//	decline   the bank refuses: not enough money
//	leave     the buyer leaves the webview by its cancel link; nothing is decided
//	abandon   nothing, but it is written down
//	complete  the money arrives: from any state but done, a late one too
//	accept    the bank took it and says no more
//	reject    the bank refuses after all
//	expire    nobody ever heard how it ended
//	set       the state becomes any word, silently: no webhook, no faults; an
//	          error code may follow behind a slash
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
	p.follow(ctx, o, next)
	p.mu.Lock()
	defer p.mu.Unlock()
	return o.view(), next.sendTo, nil
}
