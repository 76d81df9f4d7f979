package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"till/providers"
	"till/sandbox"
)

// pauses counts how long an errand would have waited, and lets it go on.
type pauses []time.Duration

func (p *pauses) wait(_ context.Context, d time.Duration) bool {
	*p = append(*p, d)
	return true
}

func logTo(b *bytes.Buffer) *slog.Logger { return slog.New(slog.NewJSONHandler(b, nil)) }

func TestErrand_Insists(t *testing.T) {
	t.Parallel()
	fails := func(kind providers.Kind) error { return &providers.Error{Provider: "gate", Op: "register", Kind: kind} }
	unavailable, rejected := fails(providers.KindUnavailable), fails(providers.KindRejected)
	for _, tt := range []struct {
		name    string
		answers []error
		waits   string
		says    string
	}{
		{"done at once", []error{nil}, "[]", ""},
		{"silent at first", []error{unavailable, fails(providers.KindUnreachable), errors.New("cut"), nil}, "[5s 10s 20s]", "did not answer"},
		{"refused", []error{rejected}, "[]", "refused"},
		{"wrong key", []error{fails(providers.KindUnauthorized)}, "[]", "refused"},
		{"silent, then refused", []error{unavailable, rejected}, "[5s]", "refused"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			waited, asked := pauses{}, 0
			e := errand(func(context.Context, string, *slog.Logger) error { asked++; return tt.answers[asked-1] })
			e.insist(t.Context(), "http://127.0.0.1:8080", logTo(&log), waited.wait)
			if asked != len(tt.answers) || fmt.Sprint([]time.Duration(waited)) != tt.waits || !strings.Contains(log.String(), tt.says) {
				t.Errorf("asked %d times, waited %v, said %s", asked, waited, log.String())
			}
		})
	}
}

func TestErrand_WaitsNoLongerThanAnHour(t *testing.T) {
	t.Parallel()
	waited, asked := pauses{}, 0
	e := errand(func(context.Context, string, *slog.Logger) error {
		if asked++; asked < 20 {
			return errors.New("cut")
		}
		return nil
	})
	e.insist(t.Context(), "", slog.New(slog.DiscardHandler), waited.wait)
	if len(waited) != 19 || waited[18] != time.Hour {
		t.Errorf("%v", waited)
	}
}

func TestErrand_EndsWithTheShop(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	asked := 0
	e := errand(func(context.Context, string, *slog.Logger) error { asked++; return errors.New("cut") })
	e.insist(ctx, "", slog.New(slog.DiscardHandler), func(ctx context.Context, _ time.Duration) bool {
		cancel()
		return forAWhile(ctx, time.Hour)
	})
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
}

// atSandbox is a shop's providers as a sandbox plays them, and the log of what
// is done there.
func atSandbox(t *testing.T, environ ...string) (box *sandbox.Sandbox, accounts []account, set *settings) {
	t.Helper()
	box, err := sandbox.New(sandbox.Config{Now: now, ShopURL: "http://127.0.0.1:8080"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(box.Handler())
	t.Cleanup(func() { server.Close(); box.Close() })
	set = readSettings(append([]string{"TILL_SECRET=" + testSecret}, environ...))
	for _, l := range set.played(box.Providers(server.URL), "Kauri & Clay") {
		set.values[l.name] = l.value
	}
	c, err := set.loadConfig(now)
	if err != nil {
		t.Fatal(err)
	}
	return box, c.Providers, set
}

// hooks counts how often the Gate was asked to make a webhook.
func hooks(box *sandbox.Sandbox) (made int) {
	for _, r := range box.Requests(0) {
		if r.Method == "POST" && strings.Contains(r.Path, "webhooks") && r.Status < 300 {
			made++
		}
	}
	return made
}

// At every start the Gate has the shop's address once, the other two are named
// with theirs, and no log holds a secret.
func TestErrands_AtTheSandbox(t *testing.T) {
	t.Parallel()
	box, accounts, set := atSandbox(t)
	var log bytes.Buffer
	for range 2 {
		errands(t.Context(), accounts, "http://127.0.0.1:8080", logTo(&log), forAWhile)
	}
	if n := hooks(box); n != 1 {
		t.Errorf("%d webhooks were made", n)
	}
	for _, want := range []string{
		`"address":"http://127.0.0.1:8080/callbacks/powens"`, `"address":"http://127.0.0.1:8080/callbacks/pgm/{PGM_CALLBACK_SECRET}"`,
		`"new":true`, `"new":false`, "POWENS_ACCEPTED",
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in %s", want, log.String())
		}
	}
	for name, value := range set.values {
		if _, secret, _ := strings.Cut(name, "_"); (strings.Contains(secret, "SECRET") || strings.Contains(secret, "TOKEN") || strings.Contains(secret, "KEY")) &&
			strings.Contains(log.String(), value) {
			t.Errorf("the log tells %s", name)
		}
	}
}

func TestErrands_WrongKeyAtTheGate(t *testing.T) {
	t.Parallel()
	box, accounts, _ := atSandbox(t, "GATE_SECRET_KEY=hunter2-hunter2")
	var log bytes.Buffer
	errands(t.Context(), accounts, "http://127.0.0.1:8080", logTo(&log), func(context.Context, time.Duration) bool {
		t.Error("it would ask again")
		return false
	})
	if !strings.Contains(log.String(), "refused what the shop asks") || strings.Contains(log.String(), "hunter2") {
		t.Error(log.String())
	}
	if n := hooks(box); n != 0 {
		t.Errorf("%d webhooks were made", n)
	}
}

// A Gate of the wide world is not told an address of this machine.
func TestErrands_GateCannotReachTheShop(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		base, public string
		reaches      bool
	}{
		{"https://gate.decta.com/api/v0.6", "http://127.0.0.1:8080", false},
		{"https://gate.decta.com/api/v0.6", "http://localhost:8080", false},
		{"https://gate.decta.com/api/v0.6", "http://192.168.1.7:8080", false},
		{"https://gate.decta.com/api/v0.6", "http://shop:8080", false},
		{"https://gate.decta.com/api/v0.6", "https://shop.example", true},
		{"http://127.0.0.1:8081/gate/api/v0.6", "http://127.0.0.1:8080", true},
		{"http://sandbox:8081/gate/api/v0.6", "https://shop.example", true},
	} {
		if got := reaches(tt.base, tt.public); got != tt.reaches {
			t.Errorf("%s to %s: %v", tt.base, tt.public, got)
		}
	}
	var log bytes.Buffer
	err := registerHook(nil, "https://gate.invalid/api/v0.6")(t.Context(), "http://127.0.0.1:8080", logTo(&log)) // it would not survive asking
	if err != nil || !strings.Contains(log.String(), "webhook not registered") {
		t.Error(err, log.String())
	}
}

// Settings that are each right and together sell nothing are told of.
func TestWarn(t *testing.T) {
	t.Parallel()
	euros := []string{
		"TILL_SECRET=" + testSecret, "PGM_BASE_URL=https://pay.example/v3", "PGM_METHODS=satispay/satispay", "PGM_CALLBACK_SECRET=sixteen-letters-or-more",
	}
	for _, tt := range []struct {
		currencies   string
		never, taken bool // a provider is never offered; every currency is taken
	}{{"NZD", true, false}, {"NZD,EUR", false, false}, {"EUR", false, true}} {
		c, problems := load(t, append(euros, "TILL_CURRENCIES="+tt.currencies)...)
		if problems != nil {
			t.Fatal(problems)
		}
		var log bytes.Buffer
		warn(t.Context(), c, logTo(&log))
		if got := strings.Contains(log.String(), `is never offered","provider":"pgm"`); got != tt.never {
			t.Errorf("%s: %s", tt.currencies, log.String())
		}
		if got := !strings.Contains(log.String(), `no provider takes a currency of the shop","currency":"NZD"`); got != tt.taken {
			t.Errorf("%s: %s", tt.currencies, log.String())
		}
	}
}
