package providertest

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"till/providers"
)

// probe asks for something harmless, and checks that it was: nothing is there
// that was not there before.
func probe(t *testing.T, s suite) {
	p, ok := s.Provider.(providers.Prober)
	if !ok {
		t.Log("does not apply: this provider can be asked for nothing harmless")
		return
	}
	opened := s.Opened()
	for range 2 {
		if err := p.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if s.Opened() != opened {
		t.Errorf("%d payments before, %d after", opened, s.Opened())
	}
	s.Server.Close()
	s.wantKind(t, p.Probe(t.Context()), providers.KindUnreachable)
}

// probeFails meets the answers that say something about the line. One who only
// asks for a token never meets them, since those always pass.
func probeFails(t *testing.T, s suite) {
	p, ok := s.Provider.(providers.Prober)
	if !ok {
		t.Log("does not apply: this provider can be asked for nothing harmless")
		return
	}
	s.Server.set(0, nil)
	if err := p.Probe(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.Server.Seen() == 0 {
		t.Log("does not apply: this provider is only asked for a token")
		return
	}
	for name, one := range map[string]struct {
		fault fault
		want  providers.Kind
	}{
		"credentials": {answer(http.StatusUnauthorized, "application/json", `{}`), providers.KindUnauthorized},
		"a right":     {answer(http.StatusForbidden, "application/json", `{}`), providers.KindUnauthorized},
		"busy":        {askPatience, providers.KindUnreachable},
		"down":        {answer(http.StatusServiceUnavailable, "text/plain", "down"), providers.KindUnavailable},
		"moved":       {redirect, providers.KindUnavailable},
		"another":     {answer(http.StatusOK, "text/html", "<h1>Welcome</h1>"), providers.KindUnavailable},
		"no list":     {answer(http.StatusOK, "application/json", `{}`), providers.KindUnavailable},
		"not there":   {answer(http.StatusNotFound, "text/plain", "no"), providers.KindRejected},
	} {
		fresh := s.again()
		fresh.Server.set(-1, one.fault)
		again, ok := fresh.Provider.(providers.Prober)
		if !ok {
			t.Fatal("another client can do less")
		}
		err := again.Probe(t.Context())
		var e *providers.Error
		if !errors.As(err, &e) || e.Kind != one.want {
			t.Errorf("%s: got %v, want %s", name, err, one.want)
		}
	}
	s.saysNone(t, map[string]func(s suite) (func() error, []string){
		"probe": func(s suite) (func() error, []string) {
			again, _ := s.Provider.(providers.Prober)
			return func() error { return again.Probe(t.Context()) }, s.Secrets
		},
	})
}

// describes checks what a provider says about itself: where it is asked, and
// nothing that is secret.
func describes(t *testing.T, s suite) {
	d, ok := s.Provider.(providers.Describer)
	if !ok {
		t.Log("does not apply: this provider does not say")
		return
	}
	got := d.Setup()
	if "http://"+got.Host != s.Server.URL {
		t.Errorf("asked at %q, not at %q", s.Server.URL, got.Host)
	}
	switch got.Bell {
	case providers.BellWithPayment, providers.BellRegistered, providers.BellByHand:
	default:
		t.Errorf("learns the address %q", got.Bell)
	}
	if signs := s.SignatureHeader != ""; signs == (got.Secret != "") && !signs {
		t.Error("neither signs nor has a secret address")
	}
	for _, secret := range s.Secrets {
		if strings.Contains(got.Host+got.Path, secret) {
			t.Error("says a secret")
		}
	}
}
