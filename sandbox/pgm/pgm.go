// Package pgm is a Payment Gateway Manager as the sandbox plays it: the
// provider API of version 3, the payment services behind it with the pages where
// a buyer pays and the subscriptions that they charge by themselves, and the notification to PAYMENT_CALLBACK_URL. What the pages
// leave open is decided here and marked OUR CHOICE.
//
// It is written from the pages alone and shares no code with the shop's client,
// so that one wrong reading cannot hide another.
package pgm

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"sync"
	"time"

	"till/sandbox/world"
)

const (
	// Name is the provider's name in addresses.
	Name = "pgm"

	// DemoSecret is the key that an unconfigured sandbox wants in the header
	// "secret". It opens nothing but the sandbox.
	DemoSecret = "sbx_pgm_secret_1" //nolint:gosec // a published value of the sandbox, not a secret
	// DemoCallbackSecret ends the address that callbacks go to where none is
	// configured.
	DemoCallbackSecret = "sbx-pgm-callback-1" //nolint:gosec // a published value of the sandbox, not a secret

	defaultRetryUnit   = time.Second
	defaultMaxPayments = 5000
	maxBody            = 64 << 10 // bytes of a request body; the wire sets no limit
)

// Config is what can be set about the gateway manager. The zero Config is the
// demo's.
type Config struct {
	// Secret is what the gateway in front wants in the header "secret".
	Secret string
	// CallbackURL is PAYMENT_CALLBACK_URL. Empty is /callbacks/pgm/ and
	// CallbackSecret at the shop that the sandbox plays for; without a shop nobody
	// is called.
	CallbackURL    string
	CallbackSecret string
	// Life is how long a buyer has to decide; zero is each service's own.
	Life time.Duration
	// RetryUnit is the wait before a callback is tried again for the first time;
	// zero means a second. It doubles each time.
	RetryUnit time.Duration
	// MaxPayments bounds the memory, the oldest go first; zero means 5000.
	MaxPayments int
}

func (c Config) orDefaults() Config {
	if c.Secret == "" {
		c.Secret = DemoSecret
	}
	if c.CallbackSecret == "" {
		c.CallbackSecret = DemoCallbackSecret
	}
	if c.RetryUnit == 0 {
		c.RetryUnit = defaultRetryUnit
	}
	if c.MaxPayments == 0 {
		c.MaxPayments = defaultMaxPayments
	}
	return c
}

// Provider implements world.Provider.
type Provider struct {
	world      *world.World
	config     Config
	door       world.Door
	services   map[string]service
	faults     faults
	page       *template.Template
	crossCheck *http.CrossOriginProtection

	mu       sync.Mutex
	made     int // payments
	payments *world.Keep[*payment]
	byShop   map[string]*payment // by shopTransactionId, the latest that the shop made
	agreed   int                 // subscriptions
	subs     map[string]*subscription
}

var _ world.Provider = (*Provider)(nil)

// New makes a gateway manager in the given world and offers its faults there.
// The error says that a setting makes no sense.
func New(w *world.World, config Config) (*Provider, error) {
	if config.Life < 0 || config.RetryUnit < 0 || config.MaxPayments < 0 {
		return nil, errors.New("pgm: new: a duration or a bound is negative")
	}
	page, err := parsePages()
	if err != nil {
		return nil, err
	}
	p := &Provider{
		world: w, config: config.orDefaults(), services: services(), page: page, crossCheck: http.NewCrossOriginProtection(),
		byShop: make(map[string]*payment), subs: make(map[string]*subscription),
	}
	p.payments = world.NewKeep[*payment](p.config.MaxPayments)
	p.faults = p.allFaults()
	p.door = world.Door{World: w, Provider: Name, Wires: p.faults.wires}
	w.Faults.Offer(Name, p.faults.catalogue())
	return p, nil
}

// Name implements world.Provider.
func (p *Provider) Name() string { return Name }

// Title implements world.Provider.
func (p *Provider) Title() string { return "Payment Gateway Manager" }

// Reset implements world.Provider.
func (p *Provider) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made, p.agreed = 0, 0
	p.payments.Clear()
	clear(p.byShop)
	clear(p.subs)
}

// Orders implements world.Provider.
func (p *Provider) Orders(limit int) []world.Order {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := []world.Order{}
	for pay := range p.payments.Newest {
		list = append(list, pay.view())
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
	pay, err := p.find(ref)
	if err != nil {
		return world.Order{}, err
	}
	return pay.view(), nil
}

// Refund is one refund as it truly is. The wire has no list of them.
type Refund struct {
	Minor  int64
	Status string // ACCEPTED, FAILED, PENDING
	At     time.Time
}

// Refunds lists the refunds of a payment, oldest first, those that failed too.
func (p *Provider) Refunds(ref string) ([]Refund, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pay, err := p.find(ref)
	if err != nil {
		return nil, err
	}
	return append([]Refund{}, pay.refunds...), nil
}

// find takes the paymentId or the shop's own. The caller has the lock.
func (p *Provider) find(ref string) (*payment, error) {
	if pay, ok := p.payments.Get(ref); ok {
		return pay, nil
	}
	if pay, ok := p.byShop[ref]; ok {
		return pay, nil
	}
	return nil, fmt.Errorf("pgm: payment %q: %w", ref, world.ErrNotFound)
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

// callbackURL is where notifications go; empty when nobody is to be called.
func (p *Provider) callbackURL() string {
	shop := strings.TrimRight(p.world.Site.ShopURL, "/")
	if p.config.CallbackURL != "" || shop == "" {
		return p.config.CallbackURL
	}
	return shop + "/callbacks/" + Name + "/" + p.config.CallbackSecret
}

// Decide implements world.Provider.
//
//	approve        what the buyer's consent does, with its faults
//	decline        the service says no
//	cancel         what the buyer's way back does: at Stripe it leaves the payment open
//	expire         the page's time is over
//	complete       the money arrives: from any state but ACCEPTED, a late one too
//	refund         all that is left is paid back from the hub's back office
//	refund_done    the last refund has gone back
//	refund_failed  the last refund has not, or not after all
//	abandon        nothing, but it is written down
//	cancel_subscription  the service ends the subscription that the payment began, and tells nobody
//	set            the status becomes any word, silently: no callback, no faults
func (p *Provider) Decide(ctx context.Context, ref string, d world.Decision) (world.Order, string, error) {
	if d.Status != "" && d.Decision != "set" {
		return world.Order{}, "", &world.RefusedError{Says: "status is for the decision set alone"}
	}
	p.mu.Lock()
	pay, err := p.find(ref)
	var next sequel
	if err == nil {
		next, err = p.decide(pay, d)
	}
	p.mu.Unlock()
	if err != nil {
		return world.Order{}, "", err
	}
	if next.tell {
		p.callback(ctx, pay)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return pay.view(), next.sendTo, nil
}
