package cashier_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"till/cashier"
	"till/models"
	"till/providers"
)

// prober is a provider that can be asked for something harmless.
type prober struct {
	providers.Provider
	err   error
	asked int
}

func (p *prober) Probe(context.Context) error { p.asked++; return p.err }

// noted is a cashier that notes how providers are.
func (b *bench) noted() *models.Health {
	h := models.NewHealth(b.DB)
	b.config.Health = h
	b.Cashier = cashier.New(b.config)
	return h
}

func (b *bench) healthOf(t *testing.T, h *models.Health, provider string) models.ProviderHealth {
	t.Helper()
	all, err := h.All(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all[provider]
}

func callFails(kind providers.Kind, status int, reason providers.Reason, cause error) error {
	return &providers.Error{Provider: "acme", Op: "lookup", Kind: kind, Status: status, Reason: reason, Code: "ann@example.test", Err: cause}
}

func TestHealth_Noted(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		h := b.noted()
		b.start(t)
		begun := b.Clock.Now()
		if got := b.healthOf(t, h, "acme"); got.OKAt == nil || !got.OKAt.Equal(begun) || got.FailedAt != nil {
			t.Fatalf("after a start: %+v", got)
		}
		for _, tt := range []struct {
			name    string
			err     error
			failure string // empty: nothing is said of the provider, or that it answered
			ok      bool
		}{
			{"no usable answer", callFails(providers.KindUnavailable, 503, "", nil), "unavailable lookup 503", false},
			{"no answer in time", callFails(providers.KindUnavailable, 0, "", context.DeadlineExceeded), "unavailable lookup", false},
			{"nobody there", callFails(providers.KindUnreachable, 0, "", nil), "unreachable lookup", false},
			{"not let in", callFails(providers.KindUnauthorized, 401, "", nil), "unauthorized lookup 401", false},
			{"a no", callFails(providers.KindRejected, 404, "", nil), "rejected lookup 404", false},
			{"a no that is the buyer's", callFails(providers.KindRejected, 400, providers.ReasonLimit, nil), "", true},
			{"not worth sending", callFails(providers.KindRejected, 0, "", nil), "", false},
			{"whoever asked went away", callFails(providers.KindUnavailable, 0, "", context.Canceled), "", false},
			{"an answer", nil, "", true},
		} {
			b.Clock.Pass(time.Hour)
			before := b.healthOf(t, h, "acme")
			b.pay.Mu.Lock()
			b.pay.LookErr = tt.err
			b.pay.Mu.Unlock()
			if _, err := b.Settle(t.Context(), b.id, returned); (err != nil) != (tt.err != nil) {
				t.Fatal(tt.name, err)
			}
			got := b.healthOf(t, h, "acme")
			now := func(at *time.Time) bool { return at != nil && at.Equal(b.Clock.Now()) }
			if now(got.OKAt) != tt.ok || now(got.FailedAt) != (tt.failure != "") {
				t.Errorf("%s: %+v", tt.name, got)
			}
			if tt.failure == "" && got.Failure != before.Failure || tt.failure != "" && got.Failure != tt.failure {
				t.Errorf("%s: %q", tt.name, got.Failure)
			}
		}
	})
}

// A busy shop writes one note in a minute, of each kind.
func TestHealth_Seldom(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		h := b.noted()
		b.start(t)
		begun := b.Clock.Now()
		b.Clock.Pass(59 * time.Second)
		b.settle(t, returned)
		if got := b.healthOf(t, h, "acme"); !got.OKAt.Equal(begun) {
			t.Errorf("noted again after %s", got.OKAt.Sub(begun))
		}
		b.pay.Mu.Lock()
		b.pay.LookErr = callFails(providers.KindUnavailable, 500, "", nil)
		b.pay.Mu.Unlock()
		if _, err := b.Settle(t.Context(), b.id, returned); err == nil {
			t.Fatal("no error")
		}
		if got := b.healthOf(t, h, "acme"); got.FailedAt == nil || !got.FailedAt.Equal(b.Clock.Now()) {
			t.Error("another kind waits for its own minute alone")
		}
		b.pay.Mu.Lock()
		b.pay.LookErr = nil
		b.pay.Mu.Unlock()
		b.Clock.Pass(time.Second)
		b.settle(t, returned)
		if got := b.healthOf(t, h, "acme"); !got.OKAt.Equal(b.Clock.Now()) {
			t.Error("not noted after a minute")
		}
	})
}

// A note that cannot be written costs a line in the log, and no payment.
func TestHealth_NoteFails(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.noted()
		pool, _, err := b.DB.SQL()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pool.ExecContext(t.Context(), "DROP TABLE provider_health"); err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		var log strings.Builder
		b.config.Log = slog.New(slog.NewTextHandler(writer(func(p []byte) (int, error) {
			mu.Lock()
			defer mu.Unlock()
			return log.Write(p)
		}), nil))
		b.Cashier = cashier.New(b.config)
		b.start(t)
		if p := b.settle(t, returned); p.State != models.PaymentRedirected {
			t.Errorf("payment is %s", p.State)
		}
		mu.Lock()
		defer mu.Unlock()
		if !strings.Contains(log.String(), "health of a provider not noted") {
			t.Error("nobody hears of it")
		}
	})
}

type writer func(p []byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

func TestProbe(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		one := &prober{Provider: b.pay}
		b.config.Providers = []providers.Provider{one, b.other}
		h := b.noted()
		if err := b.Probe(t.Context(), "acme"); err != nil || one.asked != 1 {
			t.Fatal(one.asked, err)
		}
		b.Clock.Pass(time.Second)
		one.err = callFails(providers.KindUnauthorized, 401, "", nil)
		if err := b.Probe(t.Context(), "acme"); !errors.Is(err, one.err) {
			t.Fatal(err)
		}
		b.Clock.Pass(time.Second)
		one.err = nil
		if err := b.Probe(t.Context(), "acme"); err != nil {
			t.Fatal(err)
		}
		if got := b.healthOf(t, h, "acme"); !got.OKAt.Equal(b.Clock.Now()) || got.Failure != "unauthorized lookup 401" {
			t.Errorf("somebody waits for it, and reads %+v", got)
		}
		if err := b.Probe(t.Context(), "bank"); !errors.Is(err, cashier.ErrCannot) {
			t.Error(err)
		}
		if err := b.Probe(t.Context(), "nobody"); !errors.Is(err, cashier.ErrNoProvider) {
			t.Error(err)
		}
	})
}

func TestAbilities(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		for provider, want := range map[string]cashier.Abilities{
			"bank":   {},
			"acme":   {Find: true, Cancel: true},
			"full":   {Find: true, Cancel: true, Capture: true, CaptureParts: true, Void: true, Refund: true, Reverse: true, Received: true},
			"nobody": {},
		} {
			if got := b.Abilities(provider); got != want {
				t.Errorf("%s: %+v", provider, got)
			}
		}
		b.full.WholeOnly = true
		if b.Abilities("full").CaptureParts {
			t.Error("takes parts of what can only be taken as a whole")
		}
	})
}
