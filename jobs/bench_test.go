package jobs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"till/cashier"
	"till/models"
	"till/models/modelstest"
	"till/money"
	"till/providers"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // as the program does
	os.Exit(m.Run())
}

// fake is a provider that says what it is told to.
type fake struct {
	mu      sync.Mutex
	outcome providers.Outcome
	err     error
	asked   int
	hold    chan struct{} // a lookup waits here when set
	arrived chan struct{} // and says so here
}

func (*fake) Name() string                 { return "acme" }
func (*fake) Label() string                { return "Acme Pay" }
func (*fake) PageOrigins() []string        { return []string{"https://pay.test"} }
func (*fake) Currencies() []money.Currency { return []money.Currency{"NZD"} }

func (*fake) Start(_ context.Context, req providers.StartRequest) (providers.Started, error) {
	ref := "ref-" + req.PaymentID
	return providers.Started{Ref: ref, URL: "https://pay.test/" + ref, Report: providers.Report{Ref: ref, PaymentID: req.PaymentID, Outcome: providers.Open, Amount: req.Amount, Word: "created"}}, nil
}

func (f *fake) Lookup(ctx context.Context, p providers.Payment) (providers.Report, error) {
	f.mu.Lock()
	f.asked++
	outcome, err, hold := f.outcome, f.err, f.hold
	f.mu.Unlock()
	if hold != nil {
		f.arrived <- struct{}{}
		select {
		case <-hold:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			return providers.Report{}, &providers.Error{Provider: "acme", Op: "lookup", Kind: providers.KindUnavailable, Err: ctx.Err()}
		}
	}
	return providers.Report{Ref: p.Ref, PaymentID: p.ID, Outcome: outcome, Amount: p.Amount, Word: string(outcome)}, err
}

func (*fake) Callback(providers.Delivery) (providers.Notice, error) { return providers.Notice{}, nil }

func (*fake) CallbackAnswer() providers.Answer { return providers.Answer{Status: 200} }

func (f *fake) say(o providers.Outcome, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.outcome, f.err = o, err
}

// block makes the next lookups wait until release is called.
func (f *fake) block() (release func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	hold := make(chan struct{})
	f.hold, f.arrived = hold, make(chan struct{}, 10)
	return func() {
		f.mu.Lock()
		f.hold = nil
		f.mu.Unlock()
		close(hold)
	}
}

func (f *fake) times() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

// bench is a shop with one order of NZD 25.00, and a runner that is not running.
type bench struct {
	modelstest.Bench
	*Runner
	pay        *fake
	cashier    *cashier.Cashier
	deliveries *models.Deliveries
	orders     *models.Orders
	mails      *models.Mails
	order      models.Order
	payment    string
}

var shop = Shop{Name: "Kauri & Clay", Contact: "hello@shop.test", PublicURL: "https://shop.test", Location: time.FixedZone("NZDT", 13*3600)}

// each runs a test on both databases.
func each(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Helper()
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, db modelstest.Bench) { test(t, setup(t, db, nil)) })
}

func setup(t *testing.T, db modelstest.Bench, smtp *SMTP) *bench {
	t.Helper()
	if err := Migrate(t.Context(), db.DB); err != nil {
		t.Fatal(err)
	}
	b := &bench{
		Bench: db, pay: &fake{outcome: providers.Open}, deliveries: models.NewDeliveries(db.DB),
		orders: models.NewOrders(db.DB), mails: models.NewMails(db.DB),
	}
	log := slog.New(slog.DiscardHandler)
	b.cashier = cashier.New(cashier.Config{
		Payments: models.NewPayments(db.DB), Orders: b.orders, Inbox: models.NewInbox(db.DB), Providers: []providers.Provider{b.pay},
		PublicURL: shop.PublicURL, NewID: rand.Text, NewKey: rand.Text, Log: log, Pace: cashier.Growing,
	})
	b.Runner = b.another(t, smtp)
	b.DB.SetQueue(b.Runner)
	p := modelstest.Placement(t, modelstest.Catalogue(t, db), "acme")
	b.order, b.payment = modelstest.Place(t, db, p), p.Payment.ID
	return b
}

// another is a second runner over the same database, as after a restart.
func (b *bench) another(t *testing.T, smtp *SMTP) *Runner {
	t.Helper()
	r, err := New(Options{DB: b.DB, Cashier: b.cashier, Shop: shop, SMTP: smtp, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// run starts a runner; stop ends it and waits.
func run(t *testing.T, r *Runner) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func (b *bench) start(t *testing.T) models.Payment {
	t.Helper()
	p, err := b.cashier.Start(t.Context(), b.payment, models.Cause{Actor: "shopper", Source: "checkout"})
	if err != nil || p.Ref == "" {
		t.Fatalf("%+v %v", p, err)
	}
	return p
}

// ring is a callback arriving.
func (b *bench) ring(t *testing.T, event string) int64 {
	t.Helper()
	id, err := b.deliveries.Receive(t.Context(), models.Delivery{
		Provider: "acme", EventID: event, Ref: "ref-" + b.payment, Word: "paid", Body: []byte("{}"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// asks asks for jobs in one transaction: no worker sees one of them alone.
func (b *bench) asks(t *testing.T, jobs ...models.JobArgs) {
	t.Helper()
	pool, _, err := b.DB.SQL()
	if err != nil {
		t.Fatal(err)
	}
	tx, err := pool.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	for _, args := range jobs {
		if err := b.InsertTx(t.Context(), tx, args); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

func (b *bench) jobs(t *testing.T, kind string) []*rivertype.JobRow {
	t.Helper()
	res, err := b.client.JobList(t.Context(), river.NewJobListParams().Kinds(kind))
	if err != nil {
		t.Fatal(err)
	}
	return res.Jobs
}

func (b *bench) delivery(t *testing.T, id int64) models.Delivery {
	t.Helper()
	one, err := b.deliveries.ByID(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return one
}

// eventually waits until ok, or fails after a generous while.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.NewTimer(30 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatal("never: " + what)
		}
	}
}

func (b *bench) settled(t *testing.T, id int64) {
	t.Helper()
	eventually(t, fmt.Sprintf("delivery %d settled", id), func() bool { return b.delivery(t, id).Verdict == models.DeliverySettled })
}

var errDown = &providers.Error{Provider: "acme", Op: "lookup", Kind: providers.KindUnavailable, Err: errors.New("down")}
