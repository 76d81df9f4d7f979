package cashier

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"till/models"
	"till/providers"
)

const (
	noteGap = time.Minute // between two notes of one kind about one provider
	noteFor = time.Second // for a note: a payment waits behind it
)

// notes is how lately each kind of note was made, so that a busy shop does not
// write one with every call. A restart only costs a note.
type notes struct {
	mu   sync.Mutex
	made map[[2]string]time.Time
}

// due reports whether a note is to be made now, and takes it as made.
func (n *notes) due(provider, kind string, now time.Time) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.made == nil {
		n.made = map[[2]string]time.Time{}
	}
	key := [2]string{provider, kind}
	if last, ok := n.made[key]; ok && now.Sub(last) < noteGap {
		return false
	}
	n.made[key] = now
	return true
}

// heard notes how a call of a provider went. It returns nothing: whatever
// becomes of the note, the payment goes on.
func (c *Cashier) heard(ctx context.Context, provider string, err error) {
	kind, failure, tells := verdict(err)
	if c.health == nil || !tells || !c.notes.due(provider, kind, c.payments.Now()) {
		return
	}
	c.note(ctx, provider, failure)
}

func (c *Cashier) note(ctx context.Context, provider, failure string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteFor)
	defer cancel()
	if err := c.health.Note(ctx, provider, failure); err != nil {
		c.log.WarnContext(ctx, "health of a provider not noted", "provider", provider, "err", err)
	}
}

// verdict is what the end of a call says about its provider: nothing where we
// made no call, or gave it up ourselves. A no with a reason that a buyer can act
// on is an answer like another.
func verdict(err error) (kind, failure string, tells bool) {
	var call *providers.Error
	switch {
	case err == nil:
		return "ok", "", true
	case !errors.As(err, &call), errors.Is(err, context.Canceled):
		return "", "", false
	case call.Kind == providers.KindRejected && call.Status == 0:
		return "", "", false // not worth sending
	case call.Kind == providers.KindRejected && call.Reason != providers.ReasonNone:
		return "ok", "", true
	}
	failure = string(call.Kind) + " " + call.Op
	if call.Status != 0 {
		failure += " " + strconv.Itoa(call.Status)
	}
	return string(call.Kind), failure, true
}

// Abilities is what a provider can do at all. What can be done about one payment
// of it, Powers says.
type Abilities struct {
	Capture      bool // reserve money first and take it later
	CaptureParts bool // else only all of it
	Void         bool
	Refund       bool
	Reverse      bool
	Cancel       bool
	Find         bool // after a start without an answer
	Subscribe    bool
	Link         bool // make links to pay by
	Received     bool // be told that a payment was made outside
	Probe        bool // be asked for something harmless
}

// Abilities says what a provider that is set up here can do.
func (c *Cashier) Abilities(provider string) Abilities {
	p, any := c.providers[provider], models.Payment{Provider: provider}
	a := Abilities{
		Capture: c.can(any, models.OperationCapture), Void: c.can(any, models.OperationVoid), Refund: c.can(any, models.OperationRefund),
		Reverse: c.can(any, models.OperationReverse), Cancel: c.can(any, models.OperationCancel), Received: c.can(any, models.OperationReceived),
	}
	a.CaptureParts = a.Capture && !c.capturesWhole(any)
	_, a.Find = p.(providers.Finder)
	_, a.Subscribe = p.(providers.Subscriber)
	_, a.Link = p.(providers.LinkMaker)
	_, a.Probe = p.(providers.Prober)
	return a
}

// Probe asks a provider for something harmless, and notes how that went.
//
// Errors: ErrNoProvider; ErrCannot for one of which nothing harmless is known;
// else the provider's own.
func (c *Cashier) Probe(ctx context.Context, provider string) error {
	one, ok := c.providers[provider]
	if !ok {
		return fmt.Errorf("%w: %q", ErrNoProvider, provider)
	}
	p, ok := one.(providers.Prober)
	if !ok {
		return fmt.Errorf("%w: probe at %s", ErrCannot, provider)
	}
	ctx, cancel := context.WithTimeout(ctx, callFor)
	defer cancel()
	err := p.Probe(ctx)
	if kind, failure, tells := verdict(err); tells && c.health != nil {
		c.notes.due(provider, kind, c.payments.Now())
		c.note(ctx, provider, failure) // somebody is waiting to read it
	}
	return err
}
