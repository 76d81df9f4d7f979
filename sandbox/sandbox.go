// Package sandbox is a world of payment providers to try a shop against: they
// speak the providers' real wire protocols over HTTP, show hosted pages, sign
// and deliver callbacks, and misbehave when they are told to. It is also a
// program of its own, and the README beside this file is its manual.
//
// Under one address stand each provider under its name (/iumicash), a console
// for people (/) and the same in JSON for tests (/control). Everything is in
// memory and bounded, and everything invented comes from a seed: the same seed
// and the same calls give the same ids, tokens and waits.
//
// It imports nothing of the shop's, so that a wrong reading of a protocol
// cannot cancel itself out. What providers share lives in sandbox/world; each
// provider is a folder of its own and knows no other.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"till/sandbox/gate"
	"till/sandbox/iumicash"
	"till/sandbox/pgm"
	"till/sandbox/powens"
	"till/sandbox/vertex"
	"till/sandbox/world"
)

// The credentials of each provider where the Config names none.
const (
	IumiCashClientID     = iumicash.DemoClientID
	IumiCashClientSecret = iumicash.DemoClientSecret

	PowensClientID     = powens.DemoClientID
	PowensClientSecret = powens.DemoClientSecret
	PowensWebhookKey   = powens.DemoWebhookKey
	PowensConfigToken  = powens.DemoConfigToken

	PGMSecret         = pgm.DemoSecret
	PGMCallbackSecret = pgm.DemoCallbackSecret

	GateSecretKey  = gate.DemoSecretKey
	GateHookSecret = gate.DemoHookSecret

	VertexToken          = vertex.DemoToken
	VertexShopID         = vertex.DemoShopID
	VertexCallbackSecret = vertex.DemoCallbackSecret
)

// What can be set about each provider; the zero values are the demo's.
type (
	// IumiCash configures iumiCash.
	IumiCash = iumicash.Config
	// Powens configures Powens Pay.
	Powens = powens.Config
	// PGM configures the Payment Gateway Manager.
	PGM = pgm.Config
	// Gate configures the Gate.
	Gate = gate.Config
	// Vertex configures Vertex Gateway.
	Vertex = vertex.Config
)

// Config is what a sandbox is made of. Only Now is required.
type Config struct {
	// Now is the real time. The sandbox's own clock is it plus what it was moved
	// on by. A function that stands still makes a world that moves only when it
	// is told to.
	Now func() time.Time
	// Seed is where everything invented comes from.
	Seed int64
	// Log gets a line for every callback; nil discards.
	Log *slog.Logger
	// HTTP delivers callbacks; nil means a client of the sandbox's own.
	HTTP *http.Client
	// PublicURL is where people and programs reach the sandbox, without a path;
	// it begins every link. Empty means wherever a request came to, which is
	// right on a machine of one's own and with a port that is not known yet.
	PublicURL string
	// NoJitter takes the random part out of the waits between two tries of a
	// callback, so that they are round.
	NoJitter bool
	// Wait is how an answer that a fault makes late is waited for. Nil waits until
	// the sandbox's clock has moved on by that much, which takes somebody who
	// moves it meanwhile. An error cuts the connection.
	Wait func(context.Context, time.Duration) error
	// ShopURL is shown as a link on the console, ShopName as whom one pays; both
	// may be empty.
	ShopURL, ShopName string
	// The providers; the zero value of each is the demo's.
	IumiCash IumiCash
	Powens   Powens
	PGM      PGM
	Gate     Gate
	Vertex   Vertex
}

// Sandbox is a running world.
type Sandbox struct {
	config    Config
	world     *world.World
	providers []world.Provider
	pages     map[string]*template.Template
	handler   http.Handler
}

// New makes a sandbox. It starts nothing: Run does.
func New(config Config) (*Sandbox, error) {
	if config.Now == nil {
		return nil, errors.New("sandbox: new: Config.Now is required")
	}
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	w := world.New(world.Options{
		Now: config.Now, Seed: config.Seed, Log: config.Log, HTTP: config.HTTP, NoJitter: config.NoJitter, Wait: config.Wait,
		Site: world.Site{PublicURL: config.PublicURL, ShopURL: config.ShopURL, ShopName: config.ShopName},
	})
	providers, err := newProviders(w, config)
	if err != nil {
		return nil, fmt.Errorf("sandbox: new: %w", err)
	}
	pages, err := parsePages()
	if err != nil {
		return nil, err
	}
	s := &Sandbox{config: config, world: w, providers: providers, pages: pages}
	s.handler = s.routes()
	return s, nil
}

// newProviders makes them in the order in which everybody lists them.
func newProviders(w *world.World, config Config) ([]world.Provider, error) {
	iumi, err1 := iumicash.New(w, config.IumiCash)
	pow, err2 := powens.New(w, config.Powens)
	hub, err3 := pgm.New(w, config.PGM)
	dor, err4 := gate.New(w, config.Gate)
	vert, err5 := vertex.New(w, config.Vertex)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return nil, err
	}
	return []world.Provider{iumi, pow, hub, dor, vert}, nil
}

// Handler is the whole sandbox: providers, console and control. It may be
// served before Run is called; only time stands still until then.
func (s *Sandbox) Handler() http.Handler { return s.handler }

// Run delivers callbacks when they are due, until ctx ends; then it cancels
// those under way, waits for them and returns. A sandbox runs once.
func (s *Sandbox) Run(ctx context.Context) { s.world.Run(ctx) }

// Close does what the end of Run does, for a sandbox that was never run. It may
// be called at any time and more than once.
func (s *Sandbox) Close() { s.world.Close() }

// routes puts the house together. Providers answer for every address under
// their name themselves: a mux would clean paths and redirect.
func (s *Sandbox) routes() http.Handler {
	own := http.NewCrossOriginProtection().Handler(s.ownRoutes())
	providers := make(map[string]http.Handler)
	for _, p := range s.providers {
		providers[p.Name()] = http.StripPrefix("/"+p.Name(), p)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		if p, ok := providers[name]; ok {
			p.ServeHTTP(w, r)
			return
		}
		own.ServeHTTP(w, r)
	})
}

func (s *Sandbox) ownRoutes() http.Handler {
	mux := http.NewServeMux()
	s.controlRoutes(mux)
	s.consoleRoutes(mux)
	return mux
}

func (s *Sandbox) provider(name string) (world.Provider, error) {
	for _, p := range s.providers {
		if p.Name() == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("sandbox: provider %q: %w", name, world.ErrNotFound)
}
