package world

import (
	"bytes"
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"till/cashier"
	"till/models"
	"till/models/modelstest"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
)

// crowd is a shop of two processes on one database, where many people come at
// once.
type crowd struct {
	*world
	t     *testing.T
	bag   *mailbag
	jobs  *modelstest.Queue
	shops []*process
}

func newCrowd(t *testing.T, kind string, reserves ...string) *crowd {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	c := &crowd{t: t, bag: &mailbag{}, jobs: &modelstest.Queue{}}
	c.world = lifecycleWorld(t, c.bag, reserves...)
	var err error
	if c.db, err = models.Open(t.Context(), models.Options{Name: modelstest.Name(t, kind), Now: c.clock.now, Queue: c.jobs}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.db.Close() })
	if err := c.db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.queue = &queue{}
	if c.queue.pool, _, err = c.db.SQL(); err != nil {
		t.Fatal(err)
	}
	c.payments, c.orders, c.inbox, c.deliveries = models.NewPayments(c.db), models.NewOrders(c.db), models.NewInbox(c.db), models.NewDeliveries(c.db)
	many := int64(1000)
	err = models.NewProducts(c.db).Import(t.Context(), []models.Product{
		{Slug: "mug", Name: "Mug", Description: "Holds tea.", Picture: "mug.svg", Prices: euros(1250)},
		{Slug: "oil", Name: "Oil", Description: "Green.", Picture: "oil.svg", Stock: &many, Prices: euros(333)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.products, err = models.NewProducts(c.db).All(t.Context()); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	for range 2 {
		p := lifecycleProcess(t, c.world, line{c.world, comes}, log, rand.Text, uuid.NewString)
		p.door = c.newDoor(p, log)
		c.shops = append(c.shops, p)
	}
	c.shop = c.shops[0]
	if err := c.shop.introduce(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c
}

// meeting holds everybody back who has an answer of a provider in hand until
// all have one, or are done without.
type meeting struct {
	mu      sync.Mutex
	missing int
	waited  int
	all     chan struct{}
}

func newMeeting(n int) *meeting { return &meeting{missing: n, all: make(chan struct{})} }

type guest struct {
	at   *meeting
	once sync.Once
}

type guestKey struct{}

// comes is where a question was answered, as the line has it.
func comes(req *http.Request) {
	g, ok := req.Context().Value(guestKey{}).(*guest)
	if !ok || req.Method != http.MethodGet {
		return
	}
	g.once.Do(func() {
		g.at.arrive(1)
		<-g.at.all
	})
}

// leaves is for who had nothing to ask.
func (g *guest) leaves() { g.once.Do(func() { g.at.arrive(0) }) }

func (m *meeting) arrive(waits int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.waited += waits
	if m.missing--; m.missing == 0 {
		close(m.all)
	}
}

// together does many things at once, all of which hold an answer of the
// provider before any may write what it says.
func (c *crowd) together(n int, do func(ctx context.Context, i int)) *meeting {
	m := newMeeting(n)
	var wg sync.WaitGroup
	for i := range n {
		g := &guest{at: m}
		wg.Go(func() {
			defer g.leaves()
			do(context.WithValue(c.ctx, guestKey{}, g), i)
		})
	}
	wg.Wait()
	return m
}

// hears takes a callback in at a process's door, and does the jobs there are.
func (c *crowd) hears(ctx context.Context, p *process, l letter) {
	req := httptest.NewRequestWithContext(ctx, http.MethodPost, shopURL+l.path, bytes.NewReader(l.body))
	req.Header = asRead(l.header)
	got := httptest.NewRecorder()
	p.door.ServeHTTP(got, req)
	if one, _ := p.Provider(l.name()); got.Code != one.CallbackAnswer().Status {
		c.t.Errorf("a callback was answered %d", got.Code)
	}
	c.works(ctx, p)
}

// works does the jobs there are, as somebody of their own.
func (c *crowd) works(ctx context.Context, p *process) {
	mine := *c.world
	mine.ctx, mine.shop = ctx, p
	for _, j := range c.jobs.Take(models.SettleDelivery{}.Kind()) {
		job, _ := j.(models.SettleDelivery)
		if job.DeliveryID == 0 {
			continue
		}
		if _, err := mine.settles(job.DeliveryID); err != nil {
			c.t.Errorf("job: %v", err)
		}
	}
}

// eachDatabase runs a test on SQLite, and on PostgreSQL where there is one.
func eachDatabase(t *testing.T, test func(t *testing.T, kind string)) {
	t.Helper()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, kind)
		})
	}
}

// Return page, callback, timer and staff all settle a payment that the provider
// has just taken. Each has the provider's answer in hand before any writes.
func TestLifecycle_ManySettleAtOnce(t *testing.T) {
	n := 50
	if testing.Short() {
		n = 15
	}
	paid := []lifecycle{
		{provider: "iumicash", steps: "approve"},
		{provider: "powens", steps: "approve"},
		{provider: "pgm", method: stripe, steps: "approve"},
		{provider: "gate", steps: "view, approve"},
		{provider: "gate", reserve: true, steps: "view, approve"},
		{provider: "vertex", steps: "approve, complete"},
		{provider: "vertex", reserve: true, steps: "approve"},
	}
	eachDatabase(t, func(t *testing.T, kind string) {
		for _, l := range paid {
			t.Run(l.String(), func(t *testing.T) {
				t.Parallel()
				var reserves []string
				if l.reserve {
					reserves = []string{l.provider}
				}
				c := newCrowd(t, kind, reserves...)
				number, id := lifecycleOrder(t, c.world, c.shop, l.provider, l.method)
				p, err := c.payments.ByID(t.Context(), id)
				if err != nil {
					t.Fatal(err)
				}
				for _, step := range l.all() {
					if _, _, err := c.box.Decide(t.Context(), l.provider, p.Ref, step); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := c.box.Deliver(t.Context()); err != nil {
					t.Fatal(err)
				}
				letters := slices.Clone(c.bag.letters)
				c.clock.pass(time.Minute) // the timer's question is due
				met := c.together(n, func(ctx context.Context, i int) {
					shop := c.shops[i%2]
					cause := []models.Cause{shopper("return page"), staff, cashier.Timer}[i%3]
					var err error
					switch {
					case i%5 == 0 && len(letters) > 0:
						c.hears(ctx, shop, letters[i/5%len(letters)])
					case i%10 == 1:
						_, err = shop.Sweep(ctx)
					default:
						_, err = shop.Settle(ctx, id, cause)
					}
					if err != nil {
						t.Errorf("%d: %v", i, err)
					}
				})
				c.works(t.Context(), c.shop)
				if met.waited < n/2 {
					t.Errorf("only %d of %d met", met.waited, n)
				}
				c.paidOnce(number, l)
			})
		}
	})
}

// paidOnce checks that one of many recorded what the provider has.
func (c *crowd) paidOnce(number int64, l lifecycle) {
	c.t.Helper()
	d, err := c.orders.ByNumber(c.ctx, number)
	if err != nil {
		c.t.Fatal(err)
	}
	mails, err := models.NewMails(c.db).OfOrder(c.ctx, d.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	state, fact, status, once := models.PaymentPaid, models.FactCaptured, models.OrderPaid, 1
	if l.reserve {
		state, fact, status, once = models.PaymentAuthorized, models.FactAuthorized, models.OrderHold, 0
	}
	moves := 0
	for _, e := range d.Events {
		if e.Kind == models.EventState && e.ToState == string(state) {
			moves++
		}
	}
	p := d.Payments[0]
	if p.State != state || moves != 1 || d.Status != status {
		c.t.Errorf("the payment is %s after %d steps there, the order %s", p.State, moves, d.Status)
	}
	if len(d.Facts) != 1 || d.Facts[0].Kind != fact || d.Facts[0].Amount != p.Amount || models.Fold("EUR", d.Facts) != p.Balances {
		c.t.Errorf("the ledger has %+v", d.Facts)
	}
	sold := c.texts("SELECT quantity || '' FROM stock_movements")
	if len(mails) != once || len(sold) != once || once == 1 && (mails[0].Kind != models.MailOrderPaid || sold[0] != "-2") {
		c.t.Errorf("%d mails, stock moved by %v", len(mails), sold)
	}
	for _, says := range c.texts("SELECT verdict FROM deliveries WHERE verdict <> 'settled'") {
		c.t.Errorf("a callback is %s", says)
	}
}

// Twenty times the shopper presses Pay again, each time another provider's
// button, at two processes at once.
func TestLifecycle_ManyPayAgainAtOnce(t *testing.T) {
	eachDatabase(t, func(t *testing.T, kind string) {
		for _, first := range []string{"iumicash", "powens", "pgm", "gate", "vertex"} {
			t.Run(first, func(t *testing.T) {
				t.Parallel()
				c := newCrowd(t, kind)
				methods := map[string]string{"pgm": stripe}
				number, _ := lifecycleOrder(t, c.world, c.shop, first, methods[first])
				names := []string{"iumicash", "powens", "gate", "vertex", "pgm"}
				c.together(20, func(ctx context.Context, i int) {
					name := names[i%len(names)]
					_, err := c.shops[i/len(names)%2].Pay(ctx, number, name, methods[name], shopper("order page"))
					if err != nil && !byDesign(err) {
						t.Errorf("pay at %s: %v", name, err)
					}
				})
				c.askOn(12 * time.Hour)
				live := c.oneLive(number)
				for _, o := range c.box.Orders(0) {
					open := slices.Contains(o.Decisions, "approve")
					switch {
					case o.Ref == live.Ref || o.ExternalID == live.ID:
						if !open {
							t.Errorf("the live payment is %s at %s", o.Status, o.Provider)
						}
					case open && o.Provider != "pgm": // which cannot be asked to close a page
						t.Errorf("%s at %s is open beside the live one at %s", o.ExternalID, o.Provider, live.Provider)
					}
				}
				c.allPay(number)
			})
		}
	})
}

// askOn has the timer ask what is due, while time passes.
func (c *crowd) askOn(d time.Duration) {
	c.t.Helper()
	end := c.clock.now().Add(d)
	for range 200 {
		at, ok, err := c.shop.NextDue(c.ctx)
		if err != nil {
			c.t.Fatal(err)
		}
		if !ok || at.After(end) {
			return
		}
		c.clock.reach(at)
		if _, err := c.shop.Sweep(c.ctx); err != nil {
			c.t.Fatal(err)
		}
	}
}

func (c *crowd) oneLive(number int64) models.Payment {
	c.t.Helper()
	d, err := c.orders.ByNumber(c.ctx, number)
	if err != nil {
		c.t.Fatal(err)
	}
	live := slices.DeleteFunc(slices.Clone(d.Payments), func(p models.Payment) bool { return !p.Live })
	if len(live) != 1 || live[0].State != models.PaymentRedirected || live[0].RedirectURL == "" {
		c.t.Fatalf("live are %+v", live)
	}
	return live[0]
}

// allPay has the shopper pay on every page that is still open: the first money
// pays the order, and more of it is seen.
func (c *crowd) allPay(number int64) {
	c.t.Helper()
	paid := int64(0)
	for _, o := range c.box.Orders(0) {
		if !slices.Contains(o.Decisions, "approve") {
			continue
		}
		decisions := []string{"approve"}
		if o.Provider == "vertex" {
			decisions = append(decisions, "complete")
		}
		for _, d := range decisions {
			if _, _, err := c.box.Decide(c.ctx, o.Provider, o.Ref, d); err != nil {
				c.t.Fatal(err)
			}
		}
		paid += 1916
	}
	if _, err := c.box.Deliver(c.ctx); err != nil {
		c.t.Fatal(err)
	}
	for _, l := range c.bag.letters {
		c.hears(c.ctx, c.shop, l)
	}
	d, err := c.orders.ByNumber(c.ctx, number)
	if err != nil {
		c.t.Fatal(err)
	}
	captured := int64(0)
	for _, p := range d.Payments {
		captured += p.Captured
	}
	mails, err := models.NewMails(c.db).OfOrder(c.ctx, d.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	if d.PaidAt == nil || captured != paid || len(mails) != 1 || paid > 1916 != slices.Contains(d.Attention, models.AttentionSecondPayment) {
		c.t.Errorf("the providers have %d, the order is %s [%s] with %d and %d mails", paid, d.Status, d.Attention, captured, len(mails))
	}
}
