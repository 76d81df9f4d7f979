package cashier_test

import (
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"till/cashier"
	"till/models"
	"till/providers"
)

// lines keeps a log.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

type line map[string]any

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) all() (all []line) {
	for one := range strings.Lines(l.String()) {
		var read line
		if json.Unmarshal([]byte(one), &read) == nil {
			all = append(all, read)
		}
	}
	return all
}

func (l *lines) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// without is a shop where one provider is not set up.
func (b *bench) without(provider string, log *lines) *cashier.Cashier {
	config := b.config
	config.Log = log.logger()
	config.Providers = slices.DeleteFunc(slices.Clone(config.Providers), func(p providers.Provider) bool { return p.Name() == provider })
	return cashier.New(config)
}

// The ID of a payment leads to the order's page, through the return page. No
// line of the log has it, whatever goes wrong; what is about a payment names its
// order, its provider and the provider's reference.
func TestLog_NamesNoPayment(t *testing.T) {
	full(t, func(t *testing.T, s *till) {
		log := &lines{}
		s.Cashier = s.without("", log)
		ctx, ids := t.Context(), []string{s.p.ID}
		s.pay.LookErr = unavailable("lookup")
		_, _ = s.Settle(ctx, s.p.ID, callback)
		s.pay.LookErr = nil
		s.pay.Reserve(s.p.Ref)
		s.settle(t, callback)
		s.pay.Errs["capture"] = unavailable("capture")
		op := s.do(s.ask(models.OperationCapture, 0), models.OperationUnknown)
		s.pay.Errs["capture"] = unavailable("capture")
		_, _ = s.Repeat(ctx, op.ID, ann)
		s.pay.Errs["capture"] = unavailable("capture")
		s.sweep(time.Hour)
		_ = s.Cancel(ctx, s.order.ID, "no", ann)
		s.pay.Say(s.p.Ref, providers.Paid, 9900)
		s.settle(t, callback)
		_, errs := s.Do(ctx, s.ask(models.OperationVoid, 0))
		for _, broken := range []string{"start", "none"} {
			order, id := s.place(t, "full")
			ids = append(ids, id)
			if broken == "start" {
				s.pay.StartErr = refused("start")
			}
			_, _ = s.Start(ctx, id, shopper)
			_, _ = s.Pay(ctx, order.ID, "bank", "", shopper)
			_, _ = s.without("full", log).Settle(ctx, id, callback)
		}
		_, id := s.place(t, "bank")
		ids = append(ids, id)
		s.other.StartErr, s.other.Lost = unavailable("start"), true
		_, _ = s.Start(ctx, id, shopper)
		s.other.Mu.Lock()
		s.other.Books["bank-9"] = providers.Report{Ref: "bank-9", PaymentID: "another"}
		s.other.Mu.Unlock()
		_, _ = s.Adopt(ctx, id, "bank-9", callback)
		s.sweep(time.Hour)

		text, about := log.String()+errs.Error(), 0
		for _, id := range ids {
			if strings.Contains(text, id) {
				t.Errorf("payment %s is in the log:\n%s", id, text)
			}
		}
		for _, l := range log.all() {
			if l["provider"] == nil {
				continue
			}
			about++
			if _, ok := l["ref"]; !ok || l["order"] == nil {
				t.Errorf("not named by order, provider and ref: %v", l)
			}
		}
		if about < 8 {
			t.Fatalf("%d lines about payments:\n%s", about, text)
		}
	})
}
