package vertex_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"till/money"
	"till/providers"
	"till/providers/vertex"
)

// hold starts a payment whose money is reserved.
func hold(t *testing.T, b bench) providers.Payment {
	t.Helper()
	return pay(t, b, "in_progress", func(o *fakeOrder) {
		o.AutoCapture = false
		o.add("payment", "authorized", o.Amount)
	})
}

func paid(t *testing.T, b bench) providers.Payment {
	t.Helper()
	return pay(t, b, "completed", func(o *fakeOrder) { o.add("payment", "completed", o.Amount) })
}

func TestVerbs(t *testing.T) {
	t.Parallel()
	type act func(b bench, p providers.Payment) (providers.Report, error)
	cancel := func(b bench, p providers.Payment) (providers.Report, error) { return b.Cancel(t.Context(), p, key) }
	void := func(b bench, p providers.Payment) (providers.Report, error) { return b.Void(t.Context(), p, key) }
	reverse := func(b bench, p providers.Payment) (providers.Report, error) { return b.Reverse(t.Context(), p, key) }
	capture := func(b bench, p providers.Payment) (providers.Report, error) {
		return b.Capture(t.Context(), p, p.Amount, key)
	}
	open := func(t *testing.T, b bench) providers.Payment { return start(t, b) }
	clearing := func(t *testing.T, b bench) providers.Payment {
		return pay(t, b, "in_progress", func(o *fakeOrder) { o.add("payment", "in_progress", o.Amount) })
	}
	gone := func(t *testing.T, b bench) providers.Payment {
		return pay(t, b, "cancelled", func(o *fakeOrder) { o.add("payment", "cancelled", o.Amount) })
	}
	stuck := func(t *testing.T, b bench) providers.Payment {
		return pay(t, b, "need_action", func(o *fakeOrder) { o.add("payment", "completed", o.Amount) })
	}
	for _, tt := range []struct {
		name   string
		from   func(*testing.T, bench) providers.Payment
		do     act
		refuse int
		slow   bool
		sent   string
		want   providers.Outcome
		fails  providers.Kind
	}{
		{"cancel what nobody paid", open, cancel, 0, false, "cancel", providers.Cancelled, ""},
		{"cancel what is reserved", hold, cancel, 0, false, "cancel", providers.Cancelled, ""},
		{"cancel what is paid", paid, cancel, 0, false, "cancel", providers.Paid, ""},
		{"cancel what is on its way, and may not be", clearing, cancel, 409, false, "cancel", providers.Processing, ""},
		{"cancel what is open, and may not be", open, cancel, 412, false, "cancel", "", providers.KindRejected},
		{"cancel, with something wrong in it", open, cancel, 400, false, "cancel", "", providers.KindRejected},
		{"cancel, and not let in", open, cancel, 403, false, "cancel", "", providers.KindUnauthorized},
		{"cancel, and it breaks", open, cancel, 500, false, "cancel", "", providers.KindUnavailable},
		{"cancel, and it takes its time", open, cancel, 0, true, "cancel", providers.Open, ""},
		{"void", hold, void, 0, false, "cancel", providers.Cancelled, ""},
		{"void what has lapsed", gone, void, 0, false, "cancel", providers.Cancelled, ""},
		{"void what stays reserved", hold, void, 422, false, "cancel", "", providers.KindRejected},
		{"reverse", clearing, reverse, 0, false, "reject", providers.Cancelled, ""},
		{"reverse, and it takes its time", clearing, reverse, 0, true, "reject", providers.Processing, ""},
		{"reverse what cannot be", clearing, reverse, 422, false, "reject", "", providers.KindRejected},
		{"reverse what waits for a person", stuck, reverse, 0, false, "reject", "", providers.KindRejected},
		{"cancel what waits for a person", stuck, cancel, 0, false, "cancel", providers.NeedsPerson, ""},
		{"reverse what is paid", paid, reverse, 0, false, "reject", "", providers.KindRejected},
		{"capture", hold, capture, 0, false, "capture", providers.Paid, ""},
		{"capture, and it takes its time", hold, capture, 0, true, "capture", providers.Authorized, ""},
		{"capture what is taken", paid, capture, 0, false, "", providers.Paid, ""},
		{"capture what has lapsed", gone, capture, 0, false, "capture", providers.Cancelled, ""},
		{"capture what is not reserved", open, capture, 0, false, "capture", "", providers.KindRejected},
		{"capture what may not be", hold, capture, 412, false, "capture", "", providers.KindRejected},
		{"capture, and it breaks", hold, capture, 502, false, "capture", "", providers.KindUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			p := tt.from(t, b)
			b.change(func() { b.slow, b.refuse["/api/v1/order/"+tt.sent] = tt.slow, tt.refuse })
			got, err := tt.do(b, p)
			if n := b.count("POST /api/v1/order/" + tt.sent); tt.sent != "" && n != 1 {
				t.Errorf("sent %d times", n)
			}
			if tt.sent != "" && b.last() != `{"shopId":115,"orderNumber":"p7k2m9"}` {
				t.Errorf("sent %s", b.last())
			}
			if tt.fails != "" {
				wantKind(t, err, tt.fails)
				return
			}
			if err != nil || got.Outcome != tt.want || got.Amount != nzd(1999) {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestReverse_SaysHowFar(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := pay(t, b, "in_progress", func(o *fakeOrder) { o.add("payment", "in_progress", o.Amount) })
	b.change(func() { b.slow = true })
	if got, err := b.Reverse(t.Context(), p, key); err != nil || got.Reversal != providers.RefundPending {
		t.Errorf("got %+v, %v", got, err)
	}
	b.of(p.Ref, func(o *fakeOrder) { o.done("reject") })
	if got := lookup(t, b, p); got.Reversal != providers.RefundDone || got.Outcome != providers.Cancelled {
		t.Errorf("got %+v", got)
	}
}

// What waits for a person cannot be refunded beyond what is there either.
func TestRefund_WaitsForAPerson(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := pay(t, b, "failed", func(o *fakeOrder) { o.add("payment", "completed", "5.00") })
	_, err := b.Refund(t.Context(), p, providers.RefundRequest{Key: key, Amount: nzd(501)})
	if e := wantKind(t, err, providers.KindRejected); e.Status != 0 || b.count("POST /api/v1/order/refund") != 0 {
		t.Errorf("the gateway was asked: %v", e)
	}
	_, err = b.Refund(t.Context(), p, providers.RefundRequest{Key: key, Amount: nzd(500)})
	if e := wantKind(t, err, providers.KindRejected); e.Status != http.StatusConflict || b.count("POST /api/v1/order/refund") != 1 {
		t.Errorf("got %v", e)
	}
}

// A capture has no amount on the wire.
func TestCapture_TheWholeOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := hold(t, b)
	for _, amount := range []money.Amount{nzd(1998), nzd(2000), {Minor: 1999, Currency: "USD"}} {
		_, err := b.Capture(t.Context(), p, amount, key)
		if e := wantKind(t, err, providers.KindRejected); b.count("POST /api/v1/order/capture") != 0 || e.Err == nil {
			t.Errorf("%s: got %v", amount, e)
		}
	}
	if !b.CapturesWhole() {
		t.Error("it says that a part can be captured")
	}
	b.of(p.Ref, func(o *fakeOrder) { o.Payments[0]["cost"] = object{"amount": "19.98", "currency": "NZD"} })
	if _, err := b.Capture(t.Context(), p, nzd(1999), key); err == nil {
		t.Error("captured another sum than is reserved")
	}
}

// What is heard and then met with silence is not known; what was never asked for
// has not happened.
func TestVerbs_Silence(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(c *vertex.Client, p providers.Payment) error{
		"cancel": func(c *vertex.Client, p providers.Payment) error { _, err := c.Cancel(t.Context(), p, key); return err },
		"reverse": func(c *vertex.Client, p providers.Payment) error {
			_, err := c.Reverse(t.Context(), p, key)
			return err
		},
	} {
		for _, status := range []int{404, 500} {
			c, err := vertex.New(config(func(cfg *vertex.Config) {
				cfg.Transport = answers(func(r *http.Request) (int, string) {
					if r.Method == http.MethodPost {
						return 202, `{"data":{}}`
					}
					return status, `{"code":"x"}`
				})
			}))
			if err != nil {
				t.Fatal(err)
			}
			if e := asError(t, do(c, providers.Payment{Ref: "p1"})); e.Kind != providers.KindUnavailable {
				t.Errorf("%s, then %d: got %v", name, status, e)
			}
		}
	}
	b := setup(t)
	p := paid(t, b)
	b.change(func() { b.refuse["/api/v1/order/115/p7k2m9"] = 503 })
	_, err := b.Capture(t.Context(), p, p.Amount, key)
	wantKind(t, err, providers.KindUnreachable)
	_, err = b.Refund(t.Context(), p, providers.RefundRequest{Key: key, Amount: nzd(100)})
	wantKind(t, err, providers.KindUnreachable)
	for _, r := range b.log()[1:] {
		if strings.HasPrefix(r, "POST") {
			t.Errorf("asked for %s", r)
		}
	}
	for name, err := range map[string]error{
		"cancel":  second(b.Cancel(t.Context(), providers.Payment{Ref: "a/b"}, key)),
		"capture": second(b.Capture(t.Context(), providers.Payment{Ref: ""}, nzd(1), key)),
		"refund":  secondRefund(b.Refund(t.Context(), providers.Payment{Ref: "-"}, providers.RefundRequest{Amount: nzd(1)})),
	} {
		if e := asError(t, err); e.Kind != providers.KindRejected {
			t.Errorf("%s: got %v", name, e)
		}
	}
}

func second(_ providers.Report, err error) error { return err }

func secondRefund(_ providers.Refund, err error) error { return err }

func TestRefund(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := paid(t, b)
	got, err := b.Refund(t.Context(), p, providers.RefundRequest{Key: key, Amount: nzd(1000)})
	if err != nil || got.Ref != "pay-2" || got.State != providers.RefundDone || got.Amount != nzd(1000) || got.Word != "completed" || got.Status != 200 {
		t.Errorf("got %+v, %v", got, err)
	}
	if want := `{"shopId":115,"orderNumber":"p7k2m9","cost":{"amount":"10.00","currency":"NZD"}}`; b.last() != want {
		t.Errorf("sent %s, want %s", b.last(), want)
	}
	for _, amount := range []money.Amount{nzd(1000), nzd(0), nzd(-1), {Minor: 1, Currency: "USD"}} {
		_, err = b.Refund(t.Context(), p, providers.RefundRequest{Key: key, Amount: amount})
		if e := wantKind(t, err, providers.KindRejected); e.Status != 0 {
			t.Errorf("%s: the gateway was asked: %v", amount, e)
		}
	}
	if got, err = b.Refund(t.Context(), p, providers.RefundRequest{Key: key, Amount: nzd(999), Whole: true}); err != nil || got.Ref != "pay-3" {
		t.Errorf("the rest: got %+v, %v", got, err)
	}
	if r := lookup(t, b, p); r.Refunded != nzd(1999) || r.Outcome != providers.Paid || r.Word != "refunded" {
		t.Errorf("got %+v", r)
	}
}

func TestRefund_WhatTheAnswerDoesNotSay(t *testing.T) {
	t.Parallel()
	ask := providers.RefundRequest{Key: key, Amount: nzd(500)}
	t.Run("on its way", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		p := paid(t, b)
		b.change(func() { b.slow = true })
		got, err := b.Refund(t.Context(), p, ask)
		if err != nil || got.State != providers.RefundPending || got.Ref != "" || got.Amount != nzd(500) || got.Word != "refund" {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("the answer is lost, the refund is not", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		p := paid(t, b)
		b.change(func() { b.lose = "refund" })
		got, err := b.Refund(t.Context(), p, ask)
		if err != nil || got.Ref != "pay-2" || got.State != providers.RefundDone || b.count("POST /api/v1/order/refund") != 1 {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("no answer, and no refund yet", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		p := paid(t, b)
		b.change(func() { b.refuse["/api/v1/order/refund"] = 502 })
		_, err := b.Refund(t.Context(), p, ask)
		wantKind(t, err, providers.KindUnavailable)
		if b.count("POST /api/v1/order/refund") != 1 {
			t.Error("sent again")
		}
	})
	for status, want := range map[int]providers.Kind{
		400: providers.KindRejected, 404: providers.KindRejected, 409: providers.KindRejected, 412: providers.KindRejected,
		422: providers.KindRejected, 401: providers.KindUnauthorized, 429: providers.KindUnreachable,
	} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			p := paid(t, b)
			b.change(func() { b.refuse["/api/v1/order/refund"] = status })
			_, err := b.Refund(t.Context(), p, ask)
			wantKind(t, err, want)
		})
	}
	t.Run("refused, for a proxy's first try was heard", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		p := paid(t, b)
		b.change(func() {
			b.refuse["/api/v1/order/refund"] = 409
			b.after = func(string) { // runs after the first look
				b.after = nil
				b.orders[p.Ref].add("refund", "in_progress", "5.00")
			}
		})
		_, err := b.Refund(t.Context(), p, ask)
		if e := wantKind(t, err, providers.KindUnavailable); e.Status != 409 {
			t.Errorf("got %v", e)
		}
	})
	t.Run("another's turn", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		p := paid(t, b)
		asked, answer := make(chan struct{}), make(chan struct{})
		b.change(func() {
			b.after = func(path string) {
				if strings.HasSuffix(path, "/refund") {
					close(asked)
					<-answer
				}
			}
		})
		first := make(chan error, 1)
		go func() { _, err := b.Refund(t.Context(), p, ask); first <- err }()
		<-asked
		ctx, leave := context.WithCancel(t.Context())
		leave()
		_, err := b.Refund(ctx, p, ask)
		if e := wantKind(t, err, providers.KindUnreachable); !errors.Is(e, context.Canceled) {
			t.Errorf("got %v", err)
		}
		close(answer)
		if err := <-first; err != nil {
			t.Error(err)
		}
	})
	t.Run("two alike at once, from two processes", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		p := paid(t, b)
		b.change(func() {
			b.after = func(path string) {
				if strings.HasSuffix(path, "/refund") {
					b.orders[p.Ref].add("refund", "completed", "5.00")
				}
			}
		})
		got, err := b.Refund(t.Context(), p, ask)
		if err != nil || got.Ref != "" || got.State != providers.RefundPending || got.Amount != nzd(500) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("refunds without an id", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		p := pay(t, b, "refunded", func(o *fakeOrder) {
			o.add("payment", "completed", o.Amount)
			o.add("refund", "completed", "5.00")
		})
		b.change(func() {
			b.shape = func(o object) {
				payments, _ := o["payments"].([]object)
				for _, it := range payments {
					delete(it, "paymentId")
				}
			}
		})
		got, err := b.Refund(t.Context(), p, ask)
		if err != nil || got.Ref != "" || got.State != providers.RefundDone {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

// The order was paid in several payments: each refund names the smallest that
// has enough left.
func TestRefund_SeveralPayments(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := pay(t, b, "completed", func(o *fakeOrder) {
		o.add("payment", "completed", "14.99")
		o.add("payment", "failed", "19.99")
		o.add("payment", "completed", "5.00")
	})
	for i, tt := range []struct {
		minor int64
		from  string
	}{{300, "pay-3"}, {300, "pay-1"}, {1199, "pay-1"}, {200, "pay-3"}} {
		if _, err := b.Refund(t.Context(), p, providers.RefundRequest{Key: key, Amount: nzd(tt.minor)}); err != nil {
			t.Fatalf("refund %d: %v", i+1, err)
		}
		if !strings.Contains(b.last(), `"paymentId":"`+tt.from+`"`) {
			t.Errorf("refund %d: sent %s, want it from %s", i+1, b.last(), tt.from)
		}
	}
	whole := setup(t)
	q := pay(t, whole, "completed", func(o *fakeOrder) {
		o.add("payment", "completed", "14.99")
		o.add("payment", "completed", "5.00")
	})
	_, err := whole.Refund(t.Context(), q, providers.RefundRequest{Key: key, Amount: nzd(1999), Whole: true})
	if e := wantKind(t, err, providers.KindRejected); e.Err == nil || !strings.Contains(e.Err.Error(), "one by one") {
		t.Errorf("got %v", e)
	}
}

// Fifty at once: no more goes back than was taken, and no two say that they are
// the same refund.
func TestRefund_Many(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := paid(t, b)
	var wg sync.WaitGroup
	var mu sync.Mutex
	refs := map[string]int{}
	for range 50 {
		wg.Go(func() {
			got, err := b.Refund(t.Context(), p, providers.RefundRequest{Key: key, Amount: nzd(100)})
			if err != nil {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			refs[got.Ref]++
		})
	}
	wg.Wait()
	if r := lookup(t, b, p); r.Refunded != nzd(1900) || len(refs) != 19 {
		t.Errorf("%s went back of %s, as %v", r.Refunded, r.Amount, refs)
	}
}
