package cashier_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"till/cashier"
	"till/models"
	"till/models/modelstest"
	"till/money"
	"till/providers"
	"till/providers/providertest"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // as the program does
	os.Exit(m.Run())
}

var (
	shopper  = models.Cause{Actor: "shopper", Source: "checkout"}
	returned = models.Cause{Actor: "shopper", Source: "return page"}
	callback = models.Cause{Actor: "provider", Source: "callback 1"}
)

type bench struct {
	modelstest.Bench
	*cashier.Cashier
	config cashier.Config
	pay    *providertest.Fake // "acme": finds and cancels
	other  *providertest.Fake // "bank": neither
	full   *providertest.Fake // "full": can do everything
	orders *models.Orders
	inbox  *models.Inbox
	order  models.Order
	id     string // of the order's first payment
}

// each runs a test on both databases, with an order of NZD 25.00 placed.
func each(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Helper()
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, db modelstest.Bench) {
		b := &bench{Bench: db, pay: providertest.NewFake("acme"), full: providertest.NewFake("full"), other: providertest.NewFake("bank"), orders: models.NewOrders(db.DB), inbox: models.NewInbox(db.DB)}
		b.config = cashier.Config{
			Payments: models.NewPayments(db.DB), Orders: b.orders, Inbox: b.inbox, Providers: []providers.Provider{providertest.Finder{Fake: b.pay}, b.other, b.full.Full()},
			PublicURL: "https://shop.test", NewID: rand.Text, NewKey: rand.Text, Log: slog.New(slog.DiscardHandler), Pace: cashier.Growing,
		}
		b.Cashier = cashier.New(b.config)
		b.order, b.id = b.place(t, "acme")
		test(t, b)
	})
}

func (b *bench) place(t *testing.T, provider string) (models.Order, string) {
	t.Helper()
	p := modelstest.Placement(t, modelstest.Catalogue(t, b.Bench), provider)
	return modelstest.Place(t, b.Bench, p), p.Payment.ID
}

func (b *bench) start(t *testing.T) models.Payment {
	t.Helper()
	p, err := b.Start(t.Context(), b.id, shopper)
	if err != nil || p.State != models.PaymentRedirected || p.RedirectURL == "" {
		t.Fatalf("%+v %v", p, err)
	}
	return p
}

func (b *bench) settle(t *testing.T, cause models.Cause) models.Payment {
	t.Helper()
	p, err := b.Settle(t.Context(), b.id, cause)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (b *bench) detail(t *testing.T) models.OrderDetail {
	t.Helper()
	d, err := b.orders.ByNumber(t.Context(), b.order.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range d.Payments { // invariant 12, after every test that looks
		var facts []models.Fact
		for _, f := range d.Facts {
			if f.PaymentID == p.ID {
				facts = append(facts, f)
			}
		}
		if got := models.Fold(p.Amount.Currency, facts); got != p.Balances {
			t.Errorf("payment %s has balances %+v, its facts come to %+v", p.ID, p.Balances, got)
		}
	}
	items, err := b.inbox.OfOrder(t.Context(), b.order.ID)
	if err != nil {
		t.Fatal(err)
	}
	v := models.Derive(d.Order, d.Payments, items)
	if v.Status != d.Status || v.Attentions().String() != d.Attention.String() {
		t.Errorf("order says %s %q, its rows say %s %q", d.Status, d.Attention, v.Status, v.Attentions())
	}
	var open models.Attentions
	for _, i := range items {
		if i.ClosedAt == nil {
			open = append(open, i.Kind)
		}
	}
	slices.Sort(open)
	if got := slices.Compact(open); got.String() != d.Attention.String() {
		t.Errorf("the inbox has %q, the order %q", got, d.Attention)
	}
	return d
}

func (b *bench) want(t *testing.T, status models.OrderStatus, attention string) models.OrderDetail {
	t.Helper()
	d := b.detail(t)
	if d.Status != status || d.Attention.String() != attention {
		t.Fatalf("order is %s %q, want %s %q", d.Status, d.Attention, status, attention)
	}
	return d
}

func unavailable(op string) error {
	return &providers.Error{Provider: "acme", Op: op, Kind: providers.KindUnavailable, Status: 503, Raw: []byte("upstream")}
}

func TestPaid(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		p := b.start(t)
		b.want(t, models.OrderViewed, "")
		b.pay.Say(p.Ref, providers.Paid, 0)
		p = b.settle(t, returned)
		if p.State != models.PaymentPaid || p.Captured != 2500 || p.AskAt != nil {
			t.Fatalf("%+v", p)
		}
		d := b.want(t, models.OrderPaid, "")
		if len(d.Facts) != 1 || d.Facts[0].Source != "return page" || d.Facts[0].Amount != p.Amount {
			t.Fatalf("ledger %+v", d.Facts)
		}
	})
}

// The whole way of every outcome from every kind of state a lookup may meet.
func TestSettle_EveryOutcome(t *testing.T) {
	for _, tt := range []struct {
		outcome providers.Outcome
		minor   int64
		state   models.PaymentState
		status  models.OrderStatus
		look    string
		asks    bool
	}{
		{providers.Unknown, 0, models.PaymentRedirected, models.OrderViewed, "", true},
		{"a word nobody knows", 0, models.PaymentRedirected, models.OrderViewed, "", true},
		{providers.Open, 0, models.PaymentRedirected, models.OrderViewed, "", true},
		{providers.Processing, 0, models.PaymentProcessing, models.OrderInProgress, "", true},
		{providers.Authorized, 0, models.PaymentAuthorized, models.OrderHold, "", true},
		{providers.NeedsPerson, 0, models.PaymentProcessing, models.OrderInProgress, "need_action", true},
		{providers.Accepted, 0, models.PaymentAccepted, models.OrderInProgress, "accepted", true},
		{providers.Paid, 0, models.PaymentPaid, models.OrderPaid, "", false},
		{providers.Declined, 0, models.PaymentFailed, models.OrderFailed, "", false},
		{providers.Cancelled, 0, models.PaymentCancelled, models.OrderIssued, "", false},
		{providers.Expired, 0, models.PaymentExpired, models.OrderIssued, "", false},
		{providers.Paid, 2499, models.PaymentMismatch, models.OrderInProgress, "mismatch", true},
		{providers.Paid, 2501, models.PaymentMismatch, models.OrderInProgress, "mismatch", true},
		{providers.Processing, 1, models.PaymentMismatch, models.OrderInProgress, "mismatch", true},
	} {
		t.Run(fmt.Sprintf("%s %d", tt.outcome, tt.minor), func(t *testing.T) {
			each(t, func(t *testing.T, b *bench) {
				p := b.start(t)
				b.pay.Say(p.Ref, tt.outcome, tt.minor)
				for range 3 { // the second and third time change nothing
					p = b.settle(t, callback)
				}
				if p.State != tt.state || (p.AskAt != nil) != tt.asks {
					t.Fatalf("%s, asked again: %v", p.State, p.AskAt)
				}
				d := b.want(t, tt.status, tt.look)
				if moves := moved(d); moves > 2 {
					t.Fatalf("%d moves: %+v", moves, d.Events)
				}
			})
		})
	}
}

func moved(d models.OrderDetail) (n int) {
	for _, e := range d.Events {
		if e.Kind == models.EventState {
			n++
		}
	}
	return n
}

// A mismatch ships nothing, keeps what was taken in the ledger, and ends when
// the provider corrects itself.
func TestMismatch_Corrected(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		p := b.start(t)
		b.pay.Say(p.Ref, providers.Paid, 9900)
		if p = b.settle(t, callback); p.Captured != 9900 {
			t.Fatalf("%+v", p.Balances)
		}
		if mails := b.Queue.Take("send_mail"); len(mails) != 0 {
			t.Fatal("a mismatch was confirmed by mail")
		}
		b.pay.Say(p.Ref, providers.Paid, 2500)
		if p = b.settle(t, callback); p.State != models.PaymentPaid || p.Captured != 2500 {
			t.Fatalf("%s %+v", p.State, p.Balances)
		}
		b.want(t, models.OrderPaid, "")
	})
}

func TestMismatch_OtherCurrencyAndOtherPayment(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		p := b.start(t)
		b.pay.Mu.Lock()
		r := b.pay.Books[p.Ref]
		r.Outcome, r.Word, r.Amount.Currency = providers.Paid, "completed", "USD"
		b.pay.Books[p.Ref] = r
		b.pay.Mu.Unlock()
		for range 3 {
			p = b.settle(t, callback)
		}
		d := b.want(t, models.OrderInProgress, "mismatch")
		if p.State != models.PaymentMismatch || p.Captured != 0 || len(d.Facts) != 1 || d.Facts[0].Amount.Currency != "USD" {
			t.Fatalf("%+v %+v", p, d.Facts)
		}
	})
}

// Nothing takes paid back; a provider that tries is a matter for a person, once.
func TestPaidIsSticky(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		p := b.start(t)
		b.pay.Say(p.Ref, providers.Paid, 0)
		b.settle(t, callback)
		b.pay.Say(p.Ref, providers.Cancelled, 0)
		for range 3 {
			p = b.settle(t, callback)
		}
		if p.State != models.PaymentPaid || p.Captured != 2500 {
			t.Fatalf("%+v", p)
		}
		d := b.want(t, models.OrderPaid, "contradiction")
		n := 0
		for _, e := range d.Events {
			if e.Kind == models.EventContradiction {
				n++
			}
		}
		if n != 1 {
			t.Fatalf("told %d times", n)
		}
	})
}

func TestProviderDownAtStart_NothingIsLost(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		for _, kind := range []providers.Kind{providers.KindUnreachable, providers.KindUnauthorized} {
			b.pay.StartErr = &providers.Error{Provider: "acme", Op: "start", Kind: kind}
			p, err := b.Start(t.Context(), b.id, shopper)
			if err == nil || p.State != models.PaymentCreated || p.AskAt != nil {
				t.Fatalf("%s: %+v %v", kind, p, err)
			}
			b.want(t, models.OrderIssued, "")
		}
		if p, err := b.Pay(t.Context(), b.order.ID, "acme", "", shopper); err != nil || p.ID != b.id || p.RedirectURL == "" {
			t.Fatalf("tried again: %+v %v", p, err)
		}
		if b.pay.Creates != 1 {
			t.Fatalf("%d created", b.pay.Creates)
		}
	})
}

func TestDeclinedAtStart(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.pay.StartErr = &providers.Error{Provider: "acme", Op: "start", Kind: providers.KindRejected, Status: 400, Code: "ACCOUNT_BALANCE_IS_LOW", Reason: providers.ReasonBalance}
		p, err := b.Start(t.Context(), b.id, shopper)
		if err == nil || p.State != models.PaymentFailed || p.Reason != string(providers.ReasonBalance) || p.Live {
			t.Fatalf("%+v %v", p, err)
		}
		b.want(t, models.OrderFailed, "")
		p, err = b.Pay(t.Context(), b.order.ID, "bank", "", shopper)
		if err != nil || p.ID == b.id || p.Provider != "bank" || p.RedirectURL == "" {
			t.Fatalf("paying otherwise: %+v %v", p, err)
		}
		b.want(t, models.OrderViewed, "")
	})
}

// The process died between the commit and the answer: whether the provider
// heard is not known, so it is looked for and never made twice.
func TestDeathDuringStart(t *testing.T) {
	for name, heard := range map[string]bool{"the provider had heard": true, "it had not": false} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, b *bench) {
				payments := models.NewPayments(b.DB)
				op, err := payments.Start(t.Context(), b.id)
				if err != nil {
					t.Fatal(err)
				}
				if _, ok, err := payments.Claim(t.Context(), op.ID, 30*time.Second); err != nil || !ok {
					t.Fatal(ok, err)
				}
				if heard {
					_, _ = b.pay.Start(t.Context(), providers.StartRequest{PaymentID: b.id, Key: op.Key, Amount: money.Amount{Minor: 2500, Currency: "NZD"}})
					b.pay.Say("acme-1", providers.Paid, 0) // and the shopper paid on a page that was still open
				}
				b.Clock.Pass(time.Minute)
				if n, err := b.Sweep(t.Context()); err != nil || n != 1 {
					t.Fatal(n, err)
				}
				want := models.OrderViewed
				if heard {
					want = models.OrderPaid
				}
				b.want(t, want, "")
				if b.pay.Creates != 1 {
					t.Fatalf("%d created", b.pay.Creates)
				}
			})
		})
	}
}

// While a start is under way, or died there, another payment must not begin.
func TestPay_NotBesideAStartUnderWay(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		payments := models.NewPayments(b.DB)
		op, err := payments.Start(t.Context(), b.id)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok, err := payments.Claim(t.Context(), op.ID, 30*time.Second); err != nil || !ok {
			t.Fatal(ok, err)
		}
		for range 2 {
			if _, err := b.Pay(t.Context(), b.order.ID, "bank", "", shopper); !errors.Is(err, cashier.ErrUndecided) || b.other.Creates != 0 {
				t.Fatalf("%v, %d begun elsewhere", err, b.other.Creates)
			}
			b.Clock.Pass(time.Minute)
		}
	})
}

// A provider that cannot be asked is never asked to create twice; a person is.
func TestLostAnswer_NobodyToAsk(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.order, b.id = b.place(t, "bank")
		b.other.StartErr, b.other.Lost = unavailable("start"), true
		if p, err := b.Start(t.Context(), b.id, shopper); err == nil || p.State != models.PaymentUnknown {
			t.Fatalf("%+v %v", p, err)
		}
		b.Clock.Pass(time.Minute)
		if _, err := b.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, _ = b.Pay(t.Context(), b.order.ID, "bank", "", shopper)
		b.want(t, models.OrderInProgress, "unknown")
		if b.other.Creates != 1 {
			t.Fatalf("%d created", b.other.Creates)
		}
	})
}

// But a callback that names the payment and its reference is enough to ask by.
func TestLostAnswer_AdoptedFromACallback(t *testing.T) {
	for _, tt := range []struct {
		name, ref string
		status    models.OrderStatus
	}{
		{"the right reference", "bank-1", models.OrderPaid},
		{"a reference of somebody else's payment", "bank-2", models.OrderInProgress},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, b *bench) {
				b.order, b.id = b.place(t, "bank")
				b.other.StartErr, b.other.Lost = unavailable("start"), true
				if _, err := b.Start(t.Context(), b.id, shopper); err == nil {
					t.Fatal("the answer was to be lost")
				}
				b.other.Mu.Lock()
				b.other.Books["bank-2"] = providers.Report{Ref: "bank-2", PaymentID: "another", Outcome: providers.Paid, Amount: b.order.Total}
				b.other.Mu.Unlock()
				b.other.Say("bank-1", providers.Paid, 0)
				for range 2 {
					if _, err := b.Adopt(t.Context(), b.id, tt.ref, callback); err != nil {
						t.Fatal(err)
					}
				}
				if d := b.detail(t); d.Status != tt.status || b.other.Creates != 1 {
					t.Fatalf("%s, %d created", d.Status, b.other.Creates)
				}
			})
		})
	}
}

func TestSettle_NoAnswerPlansTheNextQuestion(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.start(t)
		b.pay.LookErr = &providers.Error{Provider: "acme", Op: "lookup", Kind: providers.KindUnavailable, Status: 503, RetryAfter: 10 * time.Minute}
		p, err := b.Settle(t.Context(), b.id, cashier.Timer)
		if err == nil || p.State != models.PaymentRedirected {
			t.Fatalf("%+v %v", p, err)
		}
		if got := p.AskAt.Sub(b.Clock.Now()); got != 10*time.Minute {
			t.Fatalf("asks again in %s, though told to wait ten minutes", got)
		}
	})
}

// Cancelling asks first.
func TestCancel(t *testing.T) {
	for _, tt := range []struct {
		name    string
		prepare func(b *bench, p models.Payment)
		want    error
		status  models.OrderStatus
	}{
		{"still open there", func(*bench, models.Payment) {}, nil, models.OrderCancelled},
		{"paid meanwhile", func(b *bench, p models.Payment) { b.pay.Say(p.Ref, providers.Paid, 0) }, cashier.ErrPaid, models.OrderPaid},
		{"on its way", func(b *bench, p models.Payment) { b.pay.Say(p.Ref, providers.Processing, 0) }, cashier.ErrUndecided, models.OrderInProgress},
		{"no answer", func(b *bench, _ models.Payment) { b.pay.CancErr = unavailable("cancel") }, cashier.ErrUndecided, models.OrderViewed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, b *bench) {
				tt.prepare(b, b.start(t))
				err := b.Cancel(t.Context(), b.order.ID, "changed my mind", shopper)
				if !errors.Is(err, tt.want) {
					t.Fatalf("got %v, want %v", err, tt.want)
				}
				b.want(t, tt.status, "")
			})
		})
	}
}

func TestExpire(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		p := b.start(t)
		b.Clock.Pass(8 * 24 * time.Hour)
		b.pay.Say(p.Ref, providers.Processing, 0)
		if err := b.ExpireOrders(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.want(t, models.OrderInProgress, "")
		b.pay.Say(p.Ref, providers.Cancelled, 0)
		b.settle(t, cashier.Timer)
		b.Clock.Pass(2 * time.Hour)
		if err := b.ExpireOrders(t.Context()); err != nil {
			t.Fatal(err)
		}
		b.want(t, models.OrderExpired, "")
		b.pay.Say(p.Ref, providers.Paid, 0) // late money is money
		b.settle(t, callback)
		b.want(t, models.OrderPaid, "")
	})
}

// Late money for an order that the shopper cancelled: recorded, not shipped,
// and a person is told.
func TestPaidAfterCancel(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		p := b.start(t)
		if err := b.Cancel(t.Context(), b.order.ID, "", shopper); err != nil {
			t.Fatal(err)
		}
		b.pay.Say(p.Ref, providers.Paid, 0)
		for range 2 {
			p = b.settle(t, callback)
		}
		if d := b.want(t, models.OrderCancelled, "paid_after_cancel"); p.Captured != 2500 || d.PaidAt != nil {
			t.Fatalf("%+v", d)
		}
		if mails := b.Queue.Take("send_mail"); len(mails) != 0 {
			t.Fatal("a cancelled order was confirmed")
		}
	})
}

// The shopper turns from one provider to another; both succeed.
func TestSecondSuccessIsFound(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		first := b.start(t)
		b.pay.CancErr = unavailable("cancel")
		second, err := b.Pay(t.Context(), b.order.ID, "bank", "", shopper)
		if err != nil || second.ID == first.ID {
			t.Fatal(second, err)
		}
		b.other.Say(second.Ref, providers.Paid, 0)
		if _, err := b.Settle(t.Context(), second.ID, callback); err != nil {
			t.Fatal(err)
		}
		b.want(t, models.OrderPaid, "")
		b.pay.Say(first.Ref, providers.Paid, 0)
		b.settle(t, callback)
		b.want(t, models.OrderPaid, "second_payment")
		if mails := b.Queue.Take("send_mail"); len(mails) != 1 {
			t.Fatalf("%d mails", len(mails))
		}
	})
}

// A provider that did not hear that the shopper turned away hears it later.
func TestTurnedAway_TheTimerTellsTheProvider(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.start(t)
		b.pay.CancErr = unavailable("cancel")
		if _, err := b.Pay(t.Context(), b.order.ID, "bank", "", shopper); err != nil {
			t.Fatal(err)
		}
		b.pay.CancErr = nil
		b.Clock.Pass(time.Minute)
		if p := b.settle(t, cashier.Timer); p.State != models.PaymentCancelled || p.AskAt != nil {
			t.Fatalf("%+v", p)
		}
	})
}

func TestPay_Refuses(t *testing.T) {
	for _, tt := range []struct {
		name    string
		outcome providers.Outcome
		want    error
	}{
		{"paid", providers.Paid, cashier.ErrPaid},
		{"reserved", providers.Authorized, cashier.ErrPaid},
		{"on its way", providers.Processing, cashier.ErrUndecided},
		{"accepted by the bank", providers.Accepted, cashier.ErrUndecided},
	} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, b *bench) {
				p := b.start(t)
				b.pay.Say(p.Ref, tt.outcome, 0) // and nobody has told us yet
				if _, err := b.Pay(t.Context(), b.order.ID, "bank", "", shopper); !errors.Is(err, tt.want) {
					t.Fatalf("got %v, want %v", err, tt.want)
				}
				if d := b.detail(t); len(d.Payments) != 1 || b.other.Creates != 0 {
					t.Fatalf("%d payments, %d created", len(d.Payments), b.other.Creates)
				}
			})
		})
	}
}

// Twenty pay again at once, at two providers: one live payment, and whatever
// was opened beside it is told to take nothing.
func TestPay_TwentyAtOnce(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.start(t)
		b.pay.Say(b.settle(t, callback).Ref, providers.Declined, 0)
		b.settle(t, callback)
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				p, err := b.Pay(t.Context(), b.order.ID, []string{"acme", "full"}[i%2], "", shopper)
				if err == nil && p.State == models.PaymentRedirected && p.RedirectURL == "" || p.State.HoldsMoney() {
					t.Errorf("sent to %+v", p)
				}
			})
		}
		wg.Wait()
		d := b.detail(t)
		live, open := 0, 0
		for _, p := range d.Payments {
			if p.Live {
				live++
			}
			if !p.State.Ended() {
				open++
			}
		}
		if live != 1 || open != 1 {
			for _, p := range d.Payments {
				t.Logf("%s %s live %v ref %q", p.Provider, p.State, p.Live, p.Ref)
			}
			t.Fatalf("%d live payments, %d open", live, open)
		}
		at := 0
		for _, fake := range []*providertest.Fake{b.pay, b.full} {
			fake.Mu.Lock()
			for _, r := range fake.Books {
				if r.Outcome == providers.Open {
					at++
				}
			}
			fake.Mu.Unlock()
		}
		if at != 1 {
			t.Fatalf("%d payments are open at the providers", at)
		}
	})
}

// The provider refuses to start a payment that it has opened all the same, and
// somebody pays it: a verified callback names it.
func TestRefusedStart_PaidAllTheSame(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.pay.StartErr, b.pay.Lost = &providers.Error{Provider: "acme", Op: "start", Kind: providers.KindRejected, Status: 400, Code: "no"}, true
		if p, err := b.Start(t.Context(), b.id, shopper); err == nil || p.State != models.PaymentFailed {
			t.Fatal(p.State, err)
		}
		b.pay.Say("acme-1", providers.Paid, 0)
		if p, err := b.Adopt(t.Context(), b.id, "acme-1", callback); err != nil || p.State != models.PaymentPaid {
			t.Fatalf("%+v %v", p, err)
		}
		b.want(t, models.OrderPaid, "")
	})
}

// The provider has opened a payment to which the shopper cannot be sent: it is
// told to take nothing, and money that comes all the same is found.
func TestStart_OpenedWithoutAPage(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.pay.NoPage = true
		if p, err := b.Start(t.Context(), b.id, shopper); err == nil || p.State != models.PaymentFailed || p.Ref == "" || p.AskAt == nil {
			t.Fatalf("%+v %v", p, err)
		}
		b.want(t, models.OrderFailed, "")
		b.Clock.Pass(time.Minute)
		if _, err := b.Sweep(t.Context()); err != nil || b.pay.Cancels != 1 {
			t.Fatal(b.pay.Cancels, err)
		}
		b.pay.Say("acme-1", providers.Paid, 0)
		b.settle(t, callback)
		b.want(t, models.OrderPaid, "")
	})
}
