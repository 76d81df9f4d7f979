// Package gate is the Gate of Cardaq, DECTA and Appla-X as the sandbox plays it:
// the orders API v0.6, webhooks, the hosted card page with its bank's check, and
// paying server to server with test cards. What the documents leave open is
// decided here and marked OUR CHOICE.
//
// It is written from the documents alone and shares no code with the shop's
// client, so that one wrong reading cannot hide another.
package gate

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"sync"
	"time"

	"till/sandbox/world"
)

const (
	// Name is the provider's name in addresses.
	Name = "gate"
	// APIPath is where the API is below the provider's own address.
	APIPath = "/api/v0.6"

	// DemoSecretKey is the key set in an unconfigured sandbox. It opens nothing
	// else.
	DemoSecretKey = "sbx_gate_secret_key_1" //nolint:gosec // a published value of the sandbox, not a secret
	// DemoHookSecret is what callbacks are signed with by HMAC. Their RSA key is
	// in the folder keys.
	DemoHookSecret = "sbx_gate_hook_secret_1" //nolint:gosec // the same

	defaultRetryUnit = time.Second
	defaultMaxOrders = 5000
	maxHooks         = 100
	maxBody          = 64 << 10 // bytes of a request body; the wire sets no limit

	holdFor    = 28 * 24 * time.Hour // then a reservation is cancelled; from the page "General Payment Flow"
	clearAfter = 24 * time.Hour      // OUR CHOICE: from then on a payment cannot be reversed, only refunded
	minute     = time.Minute
)

// Config is what can be set about the Gate. The zero Config is the demo's.
type Config struct {
	// SecretKey is the key set's.
	SecretKey string
	// HookSecret signs the callbacks in X-Webhook-Signature.
	HookSecret string
	// NoRSA leaves X-Signature out of the callbacks, which takes a millisecond to
	// make.
	NoRSA bool
	// Test makes it a key set for tests: orders say is_test, and only webhooks
	// for tests are called.
	Test bool
	// Currencies of the terminal; nil means EUR, GBP, NZD and USD. The first is
	// the brand's default.
	Currencies []string
	// RatePerMinute is how many requests of the API are taken in a minute; zero
	// means any number.
	RatePerMinute int
	// RetryUnit is how long one second of the schedule of callbacks lasts; zero
	// means a second. Smaller values compress the schedule.
	RetryUnit time.Duration
	// MaxOrders bounds the memory, the oldest go first; zero means 5000.
	MaxOrders int
}

func (c Config) orDefaults() Config {
	if c.SecretKey == "" {
		c.SecretKey = DemoSecretKey
	}
	if c.HookSecret == "" {
		c.HookSecret = DemoHookSecret
	}
	if c.Currencies == nil {
		c.Currencies = []string{"EUR", "GBP", "NZD", "USD"}
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
	key        *rsa.PrivateKey

	mu       sync.Mutex
	made     int // orders
	orders   *world.Keep[*order]
	byNumber map[string]*order // the newest of each number
	known    int               // clients ever made, and their cards
	clients  *world.Keep[*client]
	hooked   int // webhooks ever made
	hooks    []*hook
	rate     rate
}

// rate counts the requests of one minute.
type rate struct {
	since time.Time
	n     int
}

var _ world.Provider = (*Provider)(nil)

// New makes a Gate in the given world and offers its faults there. The error
// says that a setting makes no sense.
func New(w *world.World, config Config) (*Provider, error) {
	if config.RatePerMinute < 0 || config.RetryUnit < 0 || config.MaxOrders < 0 || config.Currencies != nil && len(config.Currencies) == 0 {
		return nil, errors.New("gate: new: a duration or a bound is negative, or there is no currency")
	}
	pages, err := parsePages()
	if err != nil {
		return nil, err
	}
	key, err := demoKey()
	if err != nil {
		return nil, err
	}
	p := &Provider{
		world: w, config: config.orDefaults(), pages: pages, crossCheck: http.NewCrossOriginProtection(), key: key,
		byNumber: make(map[string]*order),
	}
	p.orders = world.NewKeep[*order](p.config.MaxOrders)
	p.clients = world.NewKeep[*client](p.config.MaxOrders)
	p.routes = p.allRoutes()
	p.faults = p.allFaults()
	p.door = world.Door{World: w, Provider: Name, Wires: p.faults.wires}
	w.Faults.Offer(Name, p.faults.catalogue())
	return p, nil
}

// Name implements world.Provider.
func (p *Provider) Name() string { return Name }

// Title implements world.Provider.
func (p *Provider) Title() string { return "Gate" }

// Reset implements world.Provider. Webhooks stay: like the key set they belong
// to the shop, not to an order.
func (p *Provider) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.made, p.known, p.rate = 0, 0, rate{}
	p.orders.Clear()
	p.clients.Clear()
	clear(p.byNumber)
}

// Orders implements world.Provider.
func (p *Provider) Orders(limit int) []world.Order {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := []world.Order{}
	for o := range p.orders.Newest {
		if o.deleted {
			continue
		}
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

// find takes the Gate's id or the shop's number. The caller has the lock.
func (p *Provider) find(ref string) (*order, error) {
	if o, ok := p.byID(ref); ok {
		return o, nil
	}
	if o, ok := p.byNumber[ref]; ok && !o.deleted {
		return o, nil
	}
	return nil, fmt.Errorf("gate: order %q: %w", ref, world.ErrNotFound)
}

// byID is an order that was not deleted. The caller has the lock.
func (p *Provider) byID(id string) (*order, bool) {
	o, ok := p.orders.Get(id)
	return o, ok && !o.deleted
}

// struck asks whether a fault strikes an order.
func (p *Provider) struck(fault string, o *order) (world.Rule, bool) {
	return p.world.Faults.Take(Name, fault, "", o.id, o.request.Number)
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

// Decide implements world.Provider. What the buyer does, as on the page:
//
//	approve   pays with a card that works
//	decline   pays with a card that the bank refuses
//	pend      pays, and the attempt stays in progress
//	reject    refuses to pay
//	view      opens the page
//	abandon   nothing, but it is written down
//
// What time, the bank, the merchant's portal and the processing centre do:
//
//	complete         the money arrives: from any state without money, a closed one too
//	fail             the attempt that is running fails
//	cancel           as the API's
//	capture          of the whole reservation
//	received         as the API's
//	refund           of all that is left
//	refund_part      of half of what is left
//	refund_done refund_fail refund_reverse       of the latest refund
//	reverse          as the API's
//	reversal_done reversal_fail                  of the reversal that is running
//	withdraw         passes the money on to the merchant
//	overdue expire   the due date goes by, and late payment is taken, or is not
//	forget_card      deletes the card that was saved with the order
//	won              ends a dispute for the merchant: paid again
//	chargeback …     the stages of a dispute, by their words
//	set              the status becomes any word, silently: no callback, no faults
func (p *Provider) Decide(ctx context.Context, ref string, d world.Decision) (world.Order, string, error) {
	if d.Status != "" && d.Decision != "set" {
		return world.Order{}, "", &world.RefusedError{Says: "status is for the decision set alone"}
	}
	var told []news
	to := ""
	p.mu.Lock()
	o, err := p.find(ref)
	if err == nil {
		told, to, err = p.decide(o, d)
	}
	p.mu.Unlock()
	if err != nil {
		return world.Order{}, "", err
	}
	p.callback(ctx, o, told)
	p.mu.Lock()
	defer p.mu.Unlock()
	return o.view(), to, nil
}

// decide takes the order through a decision, and says where the buyer goes. The
// caller has the lock.
func (p *Provider) decide(o *order, d world.Decision) ([]news, string, error) {
	now := p.world.Clock.Now()
	if d.Decision == "set" {
		if err := checkWord(d.Status); err != nil {
			return nil, "", &world.RefusedError{Says: "the decision set needs a status that " + err.Error()}
		}
		o.status = d.Status
		o.note(now, "set by hand")
		return nil, "", nil
	}
	for _, one := range decisions() {
		if one.name != d.Decision {
			continue
		}
		if !one.possible(o) {
			return nil, "", &world.RefusedError{Says: fmt.Sprintf("the order is %s; now it can only be decided %q", o.status, o.decisions())}
		}
		told := one.do(p, o, now)
		to := ""
		if one.goes != nil {
			to = one.goes(o)
		}
		return told, to, nil
	}
	return nil, "", &world.RefusedError{Says: fmt.Sprintf("there is no decision %q; now there are %q", d.Decision, o.decisions())}
}

// decision is something that can be decided.
type decision struct {
	name     string
	possible func(*order) bool
	do       func(*Provider, *order, time.Time) []news
	goes     func(*order) string // where the buyer goes; nil is nowhere
}

// decisions is the list of all but "set": adding one is adding a value.
func decisions() []decision {
	in := func(statuses ...string) func(*order) bool {
		return func(o *order) bool { return slices.Contains(statuses, o.status) }
	}
	pay := func(key string) func(*Provider, *order, time.Time) []news {
		c, _ := cardOf(key)
		return func(p *Provider, o *order, now time.Time) []news { return p.onAttempt(o, c, now) }
	}
	list := []decision{
		{"approve", (*order).payable, pay("good"), (*order).goes},
		{"decline", (*order).payable, pay("declined"), (*order).goes},
		{"pend", (*order).payable, pay("slow"), (*order).goes},
		{"reject", (*order).payable, (*Provider).onReject, (*order).goes},
		{"view", in(issued), (*Provider).onView, nil},
		{"abandon", (*order).payable, (*Provider).onAbandon, nil},
		{"complete", (*order).unpaid, (*Provider).onSuccess, (*order).goes},
		{"fail", in(inProgress), func(p *Provider, o *order, now time.Time) []news {
			return p.onFailure(o, "The bank did not answer", now)
		}, (*order).goes},
		{"cancel", (*order).cancellable, (*Provider).onCancel, nil},
		{"capture", in(hold), func(p *Provider, o *order, now time.Time) []news { return p.onCapture(o, o.total(), now) }, nil},
		{"refund", (*order).refundable, func(p *Provider, o *order, now time.Time) []news { return p.onRefund(o, o.left(), now) }, nil},
		{"refund_part", func(o *order) bool { return o.refundable() && o.left() > 1 }, func(p *Provider, o *order, now time.Time) []news { return p.onRefund(o, o.left()/2, now) }, nil},
		{"refund_done", in(refundInitiated), (*Provider).onRefundDone, nil},
		{"refund_fail", in(refundInitiated), (*Provider).onRefundFailed, nil},
		{"refund_reverse", (*order).hasRefund, (*Provider).onRefundReversed, nil},
		{"reverse", (*order).reversible, (*Provider).onReverse, nil},
		{"reversal_done", in(reversalInitiated), (*Provider).onReversalDone, nil},
		{"reversal_fail", in(reversalInitiated), (*Provider).onReversalFailed, nil},
		{"withdraw", in(paid), (*Provider).onWithdraw, nil},
		{"received", (*order).receivable, (*Provider).onReceived, nil},
		{"overdue", func(o *order) bool { return o.canMove(overdue) }, (*Provider).onOverdue, nil},
		{"expire", func(o *order) bool { return o.canMove(expired) }, (*Provider).onExpire, nil},
		{"forget_card", func(o *order) bool { return o.card.pan != "" && o.saved != nil && !o.saved.gone }, (*Provider).onForgetCard, nil},
		{"won", func(o *order) bool { return slices.Contains(disputes(), o.status) && o.canMove(paid) }, (*Provider).onWon, nil},
	}
	for _, stage := range disputes() {
		list = append(list, decision{
			stage, func(o *order) bool { return o.canMove(stage) },
			func(_ *Provider, o *order, now time.Time) []news {
				return o.move(now, stage, "order."+stage, "a dispute: "+stage)
			}, nil,
		})
	}
	return list
}
