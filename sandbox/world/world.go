// Package world is what all providers of the sandbox stand on: one clock that
// can be moved, one seed that every invented value comes from, the post office
// that delivers callbacks, the rules about what goes wrong, and the list of
// requests that came in.
//
// It knows no provider. A provider is a folder beside it that imports world
// and nothing else; package sandbox puts them together. Nothing here imports
// anything of the shop's.
package world

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

var (
	// ErrNotFound says that there is no such order, delivery or rule.
	ErrNotFound = errors.New("world: not found")
	// ErrClosed says that the sandbox has been closed and does nothing more.
	ErrClosed = errors.New("world: closed")
)

// RefusedError is a request to the sandbox's own control that cannot be done
// as it was asked. Says is a sentence for the person who asked.
type RefusedError struct{ Says string }

// Error implements error.
func (e *RefusedError) Error() string { return "world: refused: " + e.Says }

// Options are what a World is made of. Now and Log are required.
type Options struct {
	Now  func() time.Time
	Seed int64
	Log  *slog.Logger
	// HTTP delivers the callbacks; nil means a client of the World's own. It never
	// follows redirects and never waits longer than 10 s, whatever it was told.
	HTTP *http.Client
	Site Site
	// NoJitter takes the random part out of the waits between two tries of a
	// callback, so that they are round.
	NoJitter bool
	// Wait is how an answer that a fault makes late is waited for; nil waits until
	// the World's clock has moved on by that much. An error cuts the connection.
	Wait func(context.Context, time.Duration) error
	// MaxDeliveries and MaxRequests bound the memory; the oldest go first.
	// Zero means 4000 and 1000.
	MaxDeliveries, MaxRequests int
}

// Site is what the sandbox's pages and links say about addresses.
type Site struct {
	// PublicURL is where people and programs reach the sandbox; empty means
	// wherever the request in hand came to.
	PublicURL string
	// ShopURL and ShopName are the shop that it plays for; both may be empty.
	ShopURL, ShopName string
}

// Base is the address under which a provider is reached, without a slash at
// its end: http://127.0.0.1:8081/iumicash.
func (s Site) Base(r *http.Request, provider string) string {
	return s.Root(r) + "/" + provider
}

// Root is the address of the sandbox itself, without a slash at its end.
func (s Site) Root(r *http.Request) string {
	if s.PublicURL != "" {
		return strings.TrimRight(s.PublicURL, "/")
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// World is the shared ground. All its parts are safe for concurrent use, and
// none holds a lock while it talks to anybody.
type World struct {
	Clock    *Clock
	Post     *Post
	Faults   *Faults
	Requests *Requests
	Log      *slog.Logger
	Site     Site

	seed     atomic.Int64
	noJitter bool
	wait     func(context.Context, time.Duration) error
	idle     func()
}

// New makes a world. It starts no goroutine: Run does.
func New(o Options) *World {
	w := &World{Log: o.Log, Site: o.Site, noJitter: o.NoJitter, wait: o.Wait, idle: func() {}}
	w.seed.Store(o.Seed)
	client := http.Client{}
	if o.HTTP != nil {
		client = *o.HTTP
	} else {
		transport := &http.Transport{MaxIdleConnsPerHost: maxBusy, IdleConnTimeout: time.Minute}
		client.Transport = transport
		w.idle = transport.CloseIdleConnections
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	w.Clock = newClock(o.Now)
	if w.wait == nil {
		w.wait = w.Clock.Sleep
	}
	w.Post = newPost(w.Clock, &client, o.Log, orElse(o.MaxDeliveries, 4000))
	w.Faults = newFaults(w.sum)
	w.Requests = newRequests(w.Clock, orElse(o.MaxRequests, 1000))
	return w
}

// Run lets time pass: it makes every delivery when it is due, until ctx ends,
// and then closes the world.
func (w *World) Run(ctx context.Context) {
	w.Clock.run(ctx)
	w.Close()
}

// Close cancels deliveries under way and waits for them. A second call does
// nothing.
func (w *World) Close() {
	w.Clock.close()
	w.idle()
}

// Reset forgets everything and goes back to the given seed and to the real
// time. Deliveries under way are finished but no longer known.
func (w *World) Reset(seed int64) {
	w.seed.Store(seed)
	w.Clock.reset()
	w.Post.reset()
	w.Faults.reset()
	w.Requests.reset()
}

func orElse(n, fallback int) int {
	if n == 0 {
		return fallback
	}
	return n
}
