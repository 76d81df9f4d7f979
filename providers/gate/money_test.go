package gate_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"till/money"
	"till/providers"
	"till/providers/gate"
)

// reserved is a started payment whose money is on hold.
func reserved(t *testing.T, b bench) providers.Payment {
	t.Helper()
	req := request()
	req.Reserve = true
	to, err := b.Start(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	b.set(to.Ref, "hold")
	return payment(to)
}

// paid is a payment that is taken.
func paid(t *testing.T, b bench) providers.Payment {
	t.Helper()
	to, p := start(t, b)
	b.set(to.Ref, "paid")
	return p
}

// forget drops what was asked for until now.
func forget(b bench) { b.change(func(f *fake) { f.requests = nil }) }

func TestHold_SaysWhenItLapses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		days int
		want time.Duration
	}{{0, 28 * 24 * time.Hour}, {7, 7 * 24 * time.Hour}} {
		b := setup(t, func(cfg *gate.Config) { cfg.HoldDays = tt.days })
		p := reserved(t, b)
		got, err := b.Lookup(t.Context(), p)
		since := clock().Add(time.Second) // the fake's second change
		if err != nil || got.Outcome != providers.Authorized || got.Authorized != p.Amount || !got.HoldUntil.Equal(since.Add(tt.want)) {
			t.Errorf("got %+v, %v", got, err)
		}
		b.change(func(f *fake) { f.shape = func(o object) { delete(o, "status_changes") } })
		if got, err = b.Lookup(t.Context(), p); err != nil || !got.HoldUntil.IsZero() || got.Authorized != p.Amount {
			t.Errorf("without a history: got %+v, %v", got, err)
		}
	}
}

func TestCapture(t *testing.T) {
	t.Parallel()
	t.Run("whole", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		p := reserved(t, b)
		forget(b)
		got, err := b.Capture(t.Context(), p, p.Amount, "key")
		if err != nil || got.Outcome != providers.Paid || got.Captured != p.Amount || got.Authorized != p.Amount {
			t.Errorf("got %+v, %v", got, err)
		}
		path := "/orders/" + p.Ref + "/"
		if log := b.log(); !slices.Equal(log, []string{"POST " + path + "capture/", "GET " + path}) {
			t.Errorf("requests %q", log)
		}
	})
	t.Run("in part, and the rest is released", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		p := reserved(t, b)
		got, err := b.Capture(t.Context(), p, eur(1500), "key")
		if err != nil || got.Outcome != providers.Paid || got.Captured != eur(1500) || got.Amount != p.Amount {
			t.Errorf("got %+v, %v", got, err)
		}
		if got, err = b.Lookup(t.Context(), p); err != nil || got.Captured != eur(1500) {
			t.Errorf("looked up: got %+v, %v", got, err)
		}
	})
	t.Run("in part, and then all of it undone", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		p := reserved(t, b)
		if _, err := b.Capture(t.Context(), p, eur(1500), "key"); err != nil {
			t.Fatal(err)
		}
		b.change(func(f *fake) { f.order(p.Ref).Released = 1500 })
		b.set(p.Ref, "reversed")
		if got, err := b.Lookup(t.Context(), p); err != nil || got.Captured != (money.Amount{}) || got.Reversal != providers.RefundDone {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("in part, where the order does not say what is released", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		p := reserved(t, b)
		b.change(func(f *fake) { f.shape = func(o object) { delete(o, "transaction_details") } })
		if got, err := b.Capture(t.Context(), p, eur(1500), "key"); err != nil || got.Captured != eur(1500) {
			t.Errorf("got %+v, %v", got, err)
		}
		if got, err := b.Lookup(t.Context(), p); err != nil || got.Captured != (money.Amount{}) {
			t.Errorf("looked up: got %+v, %v", got, err)
		}
	})
	t.Run("once", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		p := reserved(t, b)
		if _, err := b.Capture(t.Context(), p, eur(1500), "key"); err != nil {
			t.Fatal(err)
		}
		_, err := b.Capture(t.Context(), p, eur(499), "key-2")
		if e := asError(t, err); e.Kind != providers.KindRejected || e.Code != "action_not_permitted" || e.Op != "capture" {
			t.Errorf("got %+v", e)
		}
	})
	t.Run("what was never reserved", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		p := paid(t, b)
		if got, err := b.Capture(t.Context(), p, p.Amount, "key"); asError(t, err).Kind != providers.KindRejected {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("what cannot be asked for", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		p := reserved(t, b)
		forget(b)
		for _, a := range []money.Amount{eur(0), eur(-1), eur(2000), {Minor: 100, Currency: "USD"}, {}} {
			if _, err := b.Capture(t.Context(), p, a, "key"); asError(t, err).Kind != providers.KindRejected {
				t.Errorf("%s: got %v", a, err)
			}
		}
		if len(b.log()) != 0 {
			t.Errorf("sent %q", b.log())
		}
	})
}

func TestVoid(t *testing.T) {
	t.Parallel()
	t.Run("releases", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		p := reserved(t, b)
		for range 2 { // the second time it is done already
			got, err := b.Void(t.Context(), p, "key")
			if err != nil || got.Outcome != providers.Cancelled || got.Authorized != p.Amount || got.Captured != (money.Amount{}) {
				t.Errorf("got %+v, %v", got, err)
			}
		}
	})
	t.Run("not what is taken", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, err := b.Void(t.Context(), paid(t, b), "key")
		if e := asError(t, err); e.Kind != providers.KindRejected || e.Code != "action_not_permitted" || e.Op != "void" {
			t.Errorf("got %+v", e)
		}
	})
}

func TestRefund(t *testing.T) {
	t.Parallel()
	t.Run("in parts, then the rest", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		p := paid(t, b)
		for i, minor := range []int64{500, 500, 999} {
			got, err := b.Refund(t.Context(), p, providers.RefundRequest{Key: "key", Amount: eur(minor)})
			if err != nil || got.State != providers.RefundDone || got.Amount != eur(minor) || len(got.Raw) == 0 || got.Status != 200 {
				t.Errorf("part %d: got %+v, %v", i, got, err)
			}
		}
		got, err := b.Lookup(t.Context(), p)
		if err != nil || got.Refunded != p.Amount || got.Word != "refunded" || got.Captured != p.Amount {
			t.Errorf("got %+v, %v", got, err)
		}
		_, err = b.Refund(t.Context(), p, providers.RefundRequest{Key: "key", Amount: eur(1)})
		if e := asError(t, err); e.Kind != providers.KindRejected || e.Code != "action_not_permitted" || e.Op != "refund" {
			t.Errorf("one more: got %+v", e)
		}
	})
	t.Run("is sent once, between two looks", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		p := paid(t, b)
		forget(b)
		if _, err := b.Refund(t.Context(), p, providers.RefundRequest{Key: "key", Amount: p.Amount, Whole: true, Note: "broken"}); err != nil {
			t.Fatal(err)
		}
		path := "/orders/" + p.Ref + "/"
		if log := b.log(); !slices.Equal(log, []string{"GET " + path, "POST " + path + "refund/", "GET " + path}) {
			t.Errorf("requests %q", log)
		}
	})
	t.Run("on its way", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		p := paid(t, b)
		b.change(func(f *fake) { f.keepRefund = true })
		got, err := b.Refund(t.Context(), p, providers.RefundRequest{Key: "key", Amount: eur(500)})
		if err != nil || got.State != providers.RefundPending || got.Word != "refund_initiated" {
			t.Errorf("got %+v, %v", got, err)
		}
		b.set(p.Ref, "refund_failed")
		report, err := b.Lookup(t.Context(), p)
		if err != nil || report.Outcome != providers.Paid || len(report.Refunds) != 1 || report.Refunds[0].State != providers.RefundFailed || report.Refunded != eur(0) {
			t.Errorf("later: got %+v, %v", report, err)
		}
	})
	t.Run("not beside one that is on its way", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		p := paid(t, b)
		b.change(func(f *fake) { f.keepRefund = true })
		if _, err := b.Refund(t.Context(), p, providers.RefundRequest{Key: "key", Amount: eur(500)}); err != nil {
			t.Fatal(err)
		}
		forget(b)
		_, err := b.Refund(t.Context(), p, providers.RefundRequest{Key: "key-2", Amount: eur(300)})
		if e := asError(t, err); e.Kind != providers.KindRejected || e.Status != 0 {
			t.Errorf("got %+v", e)
		}
		if log := b.log(); !slices.Equal(log, []string{"GET /orders/" + p.Ref + "/"}) {
			t.Errorf("requests %q", log)
		}
		b.set(p.Ref, "refund_failed")
		if got, err := b.Refund(t.Context(), p, providers.RefundRequest{Key: "key-3", Amount: eur(300)}); err != nil || got.State != providers.RefundPending {
			t.Errorf("once it has failed: got %+v, %v", got, err)
		}
	})
	t.Run("an order that still speaks of an earlier refund", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		p := paid(t, b)
		b.set(p.Ref, "refund_failed")
		b.change(func(f *fake) {
			f.keepRefund = true
			f.shape = func(o object) { o["status"] = "refund_failed" }
		})
		got, err := b.Refund(t.Context(), p, providers.RefundRequest{Key: "key", Amount: eur(500)})
		if err != nil || got.State != providers.RefundPending {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("an order that does not say how much went back", func(t *testing.T) {
		t.Parallel()
		for _, tt := range []struct {
			part int64
			want providers.RefundState
		}{{500, providers.RefundPending}, {1999, providers.RefundDone}} {
			b := setup(t)
			p := paid(t, b)
			b.change(func(f *fake) { f.shape = func(o object) { delete(o, "amount_refunded") } })
			got, err := b.Refund(t.Context(), p, providers.RefundRequest{Key: "key", Amount: eur(tt.part)})
			if err != nil || got.State != tt.want {
				t.Errorf("%d: got %+v, %v", tt.part, got, err)
			}
		}
	})
	t.Run("no answer is not a no", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		p := paid(t, b)
		b.change(func(f *fake) { f.lose = "refund" })
		forget(b)
		_, err := b.Refund(t.Context(), p, providers.RefundRequest{Key: "key", Amount: eur(500)})
		if e := asError(t, err); e.Kind != providers.KindUnavailable {
			t.Errorf("got %+v", e)
		}
		if n := strings.Count(strings.Join(b.log(), "\n"), "refund/"); n != 1 {
			t.Errorf("sent %d times", n)
		}
		if got, err := b.Lookup(t.Context(), p); err != nil || got.Refunded != eur(500) {
			t.Errorf("the truth: got %+v, %v", got, err)
		}
	})
	t.Run("a look that fails before it leaves nothing behind", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(cfg *gate.Config) {
			cfg.Transport = always(func(r *http.Request) (int, string, string) {
				if r.Method == http.MethodPost {
					t.Error("a refund was sent")
				}
				return 503, "text/plain", "down"
			})
		})
		_, err := b.Refund(t.Context(), providers.Payment{Ref: "r", Amount: eur(500)}, providers.RefundRequest{Amount: eur(500)})
		if e := asError(t, err); e.Kind != providers.KindUnreachable {
			t.Errorf("got %+v", e)
		}
	})
	t.Run("a look that fails after it leaves it on its way", func(t *testing.T) {
		t.Parallel()
		sent := false
		b := setup(t, func(cfg *gate.Config) {
			cfg.Transport = always(func(r *http.Request) (int, string, string) {
				switch {
				case r.Method == http.MethodPost:
					sent = true
					return 200, "application/json", `{}`
				case sent:
					return 503, "text/plain", "down"
				default:
					return 200, "application/json", `{"id":"r","status":"paid","currency":"EUR","total":5}`
				}
			})
		})
		got, err := b.Refund(t.Context(), providers.Payment{Ref: "r", Amount: eur(500)}, providers.RefundRequest{Amount: eur(500)})
		if err != nil || got.State != providers.RefundPending || got.Status != 200 || string(got.Raw) != `{}` {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("what cannot be asked for", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		p := paid(t, b)
		forget(b)
		for _, a := range []money.Amount{eur(0), eur(-1), {Minor: 100, Currency: "USD"}} {
			if _, err := b.Refund(t.Context(), p, providers.RefundRequest{Amount: a}); asError(t, err).Kind != providers.KindRejected {
				t.Errorf("%s: got %v", a, err)
			}
		}
		if len(b.log()) != 0 {
			t.Errorf("sent %q", b.log())
		}
	})
}

func TestReverse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := paid(t, b)
	for range 2 { // the second time it is on its way already
		got, err := b.Reverse(t.Context(), p, "key")
		if err != nil || got.Outcome != providers.Paid || got.Reversal != providers.RefundPending {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	b.set(p.Ref, "withdrawn")
	_, err := b.Reverse(t.Context(), p, "key")
	if e := asError(t, err); e.Kind != providers.KindRejected || e.Code != "action_not_permitted" || e.Op != "reverse" {
		t.Errorf("got %+v", e)
	}
}

func TestReceived(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, p := start(t, b)
	for range 2 {
		got, err := b.Received(t.Context(), p, "key")
		if err != nil || got.Outcome != providers.Paid || got.Word != "received" || got.Authorized != (money.Amount{}) || got.Captured != p.Amount {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	if got, err := b.Cancel(t.Context(), p, "key"); err != nil || got.Outcome != providers.Cancelled {
		t.Errorf("taken back: got %+v, %v", got, err)
	}
	_, err := b.Received(t.Context(), p, "key")
	if e := asError(t, err); e.Kind != providers.KindRejected || e.Op != "received" {
		t.Errorf("got %+v", e)
	}
}

// What was heard and cannot be looked at afterwards is unknown.
func TestVerbs_HeardButThenSilence(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *gate.Config) {
		cfg.Transport = always(func(r *http.Request) (int, string, string) {
			if r.Method == http.MethodPost {
				return 204, "", ""
			}
			return 404, "application/json", `{"__all__":[{"code":"not_found"}]}`
		})
	})
	p := providers.Payment{Ref: "r", Amount: eur(500)}
	for op, do := range map[string]func() (providers.Report, error){
		"cancel":   func() (providers.Report, error) { return b.Cancel(t.Context(), p, "") },
		"void":     func() (providers.Report, error) { return b.Void(t.Context(), p, "") },
		"reverse":  func() (providers.Report, error) { return b.Reverse(t.Context(), p, "") },
		"received": func() (providers.Report, error) { return b.Received(t.Context(), p, "") },
		"capture":  func() (providers.Report, error) { return b.Capture(t.Context(), p, eur(500), "") },
	} {
		_, err := do()
		if e := asError(t, err); e.Kind != providers.KindUnavailable || e.Op != op {
			t.Errorf("%s: got %v", op, err)
		}
	}
}

// Only what does nothing new the second time is sent again.
func TestVerbs_Repeats(t *testing.T) {
	t.Parallel()
	p := providers.Payment{Ref: "r", Amount: eur(500)}
	for op, want := range map[string]int{"cancel": 3, "capture": 1, "reverse": 1, "received": 1} {
		n := 0
		b := setup(t, func(cfg *gate.Config) {
			cfg.Transport = always(func(*http.Request) (int, string, string) { n++; return 503, "text/plain", "down" })
		})
		var err error
		switch op {
		case "cancel":
			_, err = b.Cancel(t.Context(), p, "")
		case "capture":
			_, err = b.Capture(t.Context(), p, eur(500), "")
		case "reverse":
			_, err = b.Reverse(t.Context(), p, "")
		case "received":
			_, err = b.Received(t.Context(), p, "")
		}
		if asError(t, err).Kind != providers.KindUnavailable || n != want {
			t.Errorf("%s: sent %d times, want %d; %v", op, n, want, err)
		}
	}
}

// A key set may be allowed to sell and not to refund.
func TestVerbs_KeyThatMayNot(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *gate.Config) {
		cfg.Transport = always(func(r *http.Request) (int, string, string) {
			if r.Method == http.MethodPost {
				return 403, "application/json", `{"__all__":[{"code":"permission_denied"}]}`
			}
			return 200, "application/json", `{"id":"r","status":"paid","currency":"EUR","total":5}`
		})
	})
	_, err := b.Refund(t.Context(), providers.Payment{Ref: "r", Amount: eur(500)}, providers.RefundRequest{Amount: eur(500)})
	if e := asError(t, err); e.Kind != providers.KindUnauthorized || e.Code != "permission_denied" {
		t.Errorf("got %+v", e)
	}
}
