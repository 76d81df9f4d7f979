package world

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	maxRules = 200
	maxTimes = 1_000_000
	maxDelay = 24 * time.Hour
	maxKnown = 20_000 // names of orders, of which each has two
)

// Names of what a Fault may take.
const (
	Delay  = "delay"  // a duration, as in "1.5s"
	Word   = "word"   // a text
	Amount = "amount" // a decimal amount, as in "1.00"
)

// Fault is one way to go wrong, as a person chooses it. What it does stands in
// the value that carries it (Wire, Callback, or a provider's own kind), so that
// adding a fault is adding a value to a list.
type Fault struct {
	Name    string `json:"name"`    // snake_case, unique within its provider
	Says    string `json:"says"`    // one sentence for people
	Strikes string `json:"strikes"` // "wire", "order", "buyer" or "callback"
	// Endpoints are those it can be aimed at; empty when aiming makes no sense.
	Endpoints []string `json:"endpoints,omitempty"`
	Takes     []Param  `json:"takes,omitempty"`
	// ByHand says that a single callback can be sent with it (see Call).
	ByHand bool `json:"by_hand,omitempty"`
}

// Param is something that a Fault can be told.
type Param struct {
	Name    string             `json:"name"` // Delay, Word or Amount
	Default string             `json:"default"`
	Says    string             `json:"says"`
	Check   func(string) error `json:"-"` // nil: anything goes
}

// Rule says that a fault strikes. It has the fault's parameters, filled in.
type Rule struct {
	ID       int    `json:"id"`
	Provider string `json:"provider"`
	Fault    string `json:"fault"`
	// Order is the provider's or the shop's name of the one order that is meant;
	// empty means every order.
	Order string `json:"order"`
	// Total means only orders of that amount, in major units as people write it:
	// "42.50"; empty means any.
	Total string `json:"total"`
	// Orders means only the next so many orders that it could strike, each as
	// often as it can; 0 means any number. Met is how many there were so far.
	Orders int `json:"orders"`
	Met    int `json:"met"`
	// Share means so many of a hundred, by the seed: of the orders, or of the
	// requests for a fault of the wire. 0 means all.
	Share int `json:"share"`
	// Endpoint is the one endpoint that is meant; empty means all it can strike.
	Endpoint string `json:"endpoint"`
	// Times is how often it strikes; 0 means always.
	Times  int      `json:"times"`
	Struck int      `json:"struck"`
	Delay  Duration `json:"delay"`
	Word   string   `json:"word"`
	Amount string   `json:"amount"`
}

// Spent reports whether the rule has struck as often as it may.
func (r Rule) Spent() bool { return r.Times > 0 && r.Struck >= r.Times }

// Duration is a time.Duration that is text in JSON: "1.5s".
type Duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. Empty is zero.
func (d *Duration) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = 0
		return nil
	}
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("world: duration: %w", err)
	}
	*d = Duration(parsed)
	return nil
}

func (d Duration) String() string { return time.Duration(d).String() }

// Wish is a rule as it is asked for, with everything as text. Provider and
// Fault are required.
type Wish struct {
	Provider string `json:"provider"`
	Fault    string `json:"fault"`
	Order    string `json:"order"`
	Total    string `json:"total"`
	Orders   int    `json:"orders"`
	Share    int    `json:"share"`
	Endpoint string `json:"endpoint"`
	Times    int    `json:"times"`
	Delay    string `json:"delay"`
	Word     string `json:"word"`
	Amount   string `json:"amount"`
}

// Faults holds what can go wrong and what is to go wrong.
type Faults struct {
	sum func(labels []any) [sha256.Size]byte

	mu        sync.Mutex
	catalogue map[string][]Fault
	rules     []*standing
	n         int
	known     *Keep[*met]
	counts    map[string]int // orders met, by provider
}

// standing is a rule with what it remembers.
type standing struct {
	Rule
	wire   bool
	orders map[*met]bool
	asked  int // requests of which it might have struck its share
}

// met is an order as the faults know it. n counts those of its provider, so
// that what depends on it does not depend on the shop's names.
type met struct {
	provider string
	n        int
	ref      string // the provider's name; empty until it has one
	total    string
}

func newFaults(sum func([]any) [sha256.Size]byte) *Faults {
	return &Faults{sum: sum, catalogue: make(map[string][]Fault), known: NewKeep[*met](maxKnown), counts: make(map[string]int)}
}

// Meet tells of an order before the first Take about it: the provider's name of
// it, empty when it has none yet, the shop's, and the amount for people. The
// same order may be met again.
func (f *Faults) Meet(provider, ref, external, total string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	order, ok := f.known.Get(provider + "/" + external)
	if !ok || external == "" || order.ref != "" && order.ref != ref {
		f.counts[provider]++
		order = &met{provider: provider, n: f.counts[provider]}
	}
	order.ref, order.total = ref, plain(total)
	for _, name := range []string{ref, external} {
		if name != "" {
			f.known.Put(provider+"/"+name, order)
		}
	}
}

// plain is an amount without the zeros that change nothing, so that 42.50 is
// 42.5.
func plain(amount string) string {
	if strings.Contains(amount, ".") {
		amount = strings.TrimRight(strings.TrimRight(amount, "0"), ".")
	}
	return amount
}

// Offer says which faults a provider knows. It is called once by each.
func (f *Faults) Offer(provider string, faults []Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.catalogue[provider] = faults
}

// Catalogue lists what a provider offers.
func (f *Faults) Catalogue(provider string) []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.catalogue[provider])
}

// Add makes a rule, or returns a RefusedError that says what is wrong with it.
func (f *Faults) Add(wish Wish) (Rule, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	rule, err := f.rule(wish)
	if err != nil {
		return Rule{}, err
	}
	if len(f.rules) >= maxRules {
		f.rules = slices.DeleteFunc(f.rules, func(r *standing) bool { return r.Spent() })
	}
	if len(f.rules) >= maxRules {
		return Rule{}, &RefusedError{Says: fmt.Sprintf("there are %d rules already; take some back first", maxRules)}
	}
	f.n++
	rule.ID = f.n
	at := slices.IndexFunc(f.catalogue[rule.Provider], func(k Fault) bool { return k.Name == rule.Fault })
	wire := f.catalogue[rule.Provider][at].Strikes == "wire"
	f.rules = append(f.rules, &standing{Rule: rule, wire: wire, orders: make(map[*met]bool)})
	return rule, nil
}

// Check returns the rule that a wish would make, without making it.
func (f *Faults) Check(wish Wish) (Rule, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rule(wish)
}

func (f *Faults) rule(wish Wish) (Rule, error) {
	rule := Rule{
		Provider: wish.Provider, Fault: wish.Fault, Order: wish.Order, Total: wish.Total, Orders: wish.Orders, Share: wish.Share,
		Endpoint: wish.Endpoint, Times: wish.Times,
	}
	known, ok := f.catalogue[wish.Provider]
	if !ok {
		return rule, &RefusedError{Says: fmt.Sprintf("there is no provider %q", wish.Provider)}
	}
	at := slices.IndexFunc(known, func(k Fault) bool { return k.Name == wish.Fault })
	if at < 0 {
		return rule, &RefusedError{Says: fmt.Sprintf("%s knows no fault %q", wish.Provider, wish.Fault)}
	}
	fault := known[at]
	if wish.Endpoint != "" && !slices.Contains(fault.Endpoints, wish.Endpoint) {
		return rule, &RefusedError{Says: fmt.Sprintf("%s cannot strike endpoint %q; it can strike %q", fault.Name, wish.Endpoint, fault.Endpoints)}
	}
	if err := wish.aims(); err != nil {
		return rule, err
	}
	return rule, fault.fill(&rule, wish)
}

var amountText = regexp.MustCompile(`^[0-9]{1,15}(\.[0-9]{1,4})?$`)

// aims checks what says whom a rule is meant for, and how often.
func (wish Wish) aims() error {
	switch {
	case wish.Times < 0 || wish.Times > maxTimes:
		return &RefusedError{Says: fmt.Sprintf("times is a number from 0 (always) to %d", maxTimes)}
	case wish.Orders < 0 || wish.Orders > maxTimes:
		return &RefusedError{Says: fmt.Sprintf("orders is a number from 0 (any) to %d", maxTimes)}
	case wish.Share < 0 || wish.Share > 100:
		return &RefusedError{Says: "share is a number from 0 (all) to 100"}
	case wish.Total != "" && !amountText.MatchString(wish.Total):
		return &RefusedError{Says: "total is an amount as in 42.50"}
	case wish.Order != "" && (wish.Total != "" || wish.Orders != 0 || wish.Share != 0):
		return &RefusedError{Says: "a rule is for one order, or for those of a total, the next few or a share; not for both"}
	}
	return nil
}

// fill puts the parameters into the rule: those wished, else the defaults.
func (fault Fault) fill(rule *Rule, wish Wish) error {
	wished := map[string]string{Delay: wish.Delay, Word: wish.Word, Amount: wish.Amount}
	for _, param := range fault.Takes {
		value := wished[param.Name]
		delete(wished, param.Name)
		if value == "" {
			value = param.Default
		}
		if err := param.set(rule, value); err != nil {
			return err
		}
	}
	for _, name := range []string{Delay, Word, Amount} {
		if wished[name] != "" {
			return &RefusedError{Says: fault.Name + " takes no " + name}
		}
	}
	return nil
}

func (p Param) set(rule *Rule, value string) error {
	if p.Check != nil {
		if err := p.Check(value); err != nil {
			return &RefusedError{Says: p.Name + ": " + err.Error()}
		}
	}
	switch p.Name {
	case Word:
		rule.Word = value
	case Amount:
		rule.Amount = value
	case Delay:
		if err := rule.Delay.UnmarshalText([]byte(value)); err != nil {
			return &RefusedError{Says: fmt.Sprintf("delay %q is no duration; write 1.5s or 2m", value)}
		}
		if rule.Delay < 0 || time.Duration(rule.Delay) > maxDelay {
			return &RefusedError{Says: "delay is from 0s to " + maxDelay.String()}
		}
	}
	return nil
}

// Take asks whether a fault strikes now, and counts it if so. refs are the
// names of the order in hand, none when it is not known. A rule for this very
// order comes before one for every order, and of two alike the older.
func (f *Faults) Take(provider, fault, endpoint string, refs ...string) (Rule, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var candidates []*standing
	for _, r := range f.rules {
		if r.Provider != provider || r.Fault != fault || r.Spent() || (r.Endpoint != "" && r.Endpoint != endpoint) {
			continue
		}
		if r.Order != "" && slices.Contains(refs, r.Order) {
			r.Struck++
			return r.Rule, true
		}
		if r.Order == "" {
			candidates = append(candidates, r)
		}
	}
	if candidates == nil {
		return Rule{}, false
	}
	order := f.who(provider, refs)
	for _, r := range candidates {
		if f.means(r, order) {
			r.Struck++
			return r.Rule, true
		}
	}
	return Rule{}, false
}

// who is the order that was met under one of these names; nil when none was.
func (f *Faults) who(provider string, refs []string) *met {
	for _, ref := range refs {
		if order, ok := f.known.Get(provider + "/" + ref); ok && ref != "" {
			return order
		}
	}
	return nil
}

// means reports whether a rule is for the order in hand, which may be nil.
func (f *Faults) means(r *standing, order *met) bool {
	switch {
	case r.Total != "" && (order == nil || order.total != plain(r.Total)),
		r.Share > 0 && !f.shares(r, order),
		r.Orders > 0 && (order == nil || !r.orders[order] && len(r.orders) >= r.Orders):
		return false
	}
	if r.Orders > 0 {
		r.orders[order] = true
		r.Met = len(r.orders)
	}
	return true
}

// shares draws a lot: one for each order, which stays the same whichever rule
// asks, or one for each request that a fault of the wire could strike.
func (f *Faults) shares(r *standing, order *met) bool {
	var lot [sha256.Size]byte
	switch {
	case r.wire:
		r.asked++
		lot = f.sum([]any{"share of requests", r.Provider, r.Fault, r.ID, r.asked})
	case order != nil:
		lot = f.sum([]any{"share of orders", r.Provider, r.Fault, order.n})
	default:
		return false
	}
	return binary.BigEndian.Uint32(lot[:4])%100 < uint32(r.Share) //nolint:gosec // from 1 to 100
}

// Rules lists all rules, the spent ones too, oldest first.
func (f *Faults) Rules() []Rule {
	f.mu.Lock()
	defer f.mu.Unlock()
	rules := make([]Rule, 0, len(f.rules))
	for _, r := range f.rules {
		rules = append(rules, r.Rule)
	}
	return rules
}

// Remove takes one rule back, or returns ErrNotFound.
func (f *Faults) Remove(id int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	before := len(f.rules)
	f.rules = slices.DeleteFunc(f.rules, func(r *standing) bool { return r.ID == id })
	if len(f.rules) == before {
		return fmt.Errorf("world: rule %d: %w", id, ErrNotFound)
	}
	return nil
}

// Clear takes all rules back and says how many there were.
func (f *Faults) Clear() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := len(f.rules)
	f.rules = nil
	return n
}

func (f *Faults) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules, f.n = nil, 0
	f.known.Clear()
	clear(f.counts)
}
