// Package world simulates a shop and its five payment providers: random
// shoppers, staff, banks, misdelivered callbacks, bad networks, a process that
// dies and one that interrupts, all in one goroutine and from one seed. After
// every run the invariants of the design are checked, and the providers' books
// against ours: what differs must wait in the inbox.
package world

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"till/cashier"
	"till/models"
	"till/sandbox"
)

const (
	// DefaultSteps is how many things happen in a run. Short runs find more in
	// the same time: a bug needs few steps, and luck.
	DefaultSteps = 45

	shopURL = "http://shop.test"
	boxURL  = "https://sandbox.test"
)

// Config is what a run is made of. Only Template is required.
type Config struct {
	Seed     uint64
	Steps    int       // 0 is DefaultSteps
	Template *Template // the database it begins with
	Plant    Plant     // a bug to be found; empty for none
	Trace    io.Writer // gets a line for every step; nil discards
}

// Broken is one invariant that does not hold.
type Broken struct {
	Rule string // a word for it, such as "books"
	Says string
}

func (b Broken) String() string { return b.Rule + ": " + b.Says }

// Result is what a run came to.
type Result struct {
	Seed     uint64
	Broken   []Broken
	Orders   int
	Payments int
	Deaths   int            // of the process
	Visits   int            // things that happened while a provider was being asked
	Digest   string         // of how it ended
	Seen     map[string]int // what was there at the end, such as "operation refund failed"
}

// Command replays a run.
func (r Result) Command(steps int, plant Plant) string {
	more := ""
	if steps != 0 && steps != DefaultSteps {
		more = fmt.Sprintf(" -steps %d", steps)
	}
	if plant != "" {
		more += fmt.Sprintf(" -plant %s", plant)
	}
	return fmt.Sprintf("go run -tags nomsgpack ./bench/simulate -seed %d -runs 1%s -v", r.Seed, more)
}

// world is one run.
type world struct {
	ctx    context.Context
	rng    *rand.Rand
	clock  *clock
	trace  io.Writer
	plant  Plant
	path   string
	box    *sandbox.Sandbox
	manual map[string]bool // providers at which money is reserved first
	hold   cashier.HoldRule

	db         *models.DB
	payments   *models.Payments
	orders     *models.Orders
	inbox      *models.Inbox
	deliveries *models.Deliveries
	products   []models.Product
	shop       *process // serves
	other      *process // visits while the shop waits for an answer
	queue      *queue

	storm  storm
	doom   doom
	late   []letter        // callbacks that are still on their way
	missed map[string]bool // orders at providers, of which a doorbell was lost for good
	// touched are orders of which somebody gave money back on the provider's pages.
	touched map[string]bool
	calm    bool   // nothing goes wrong any more
	shut    bool   // nobody answers at the shop
	depth   int    // of visits
	news    bool   // something has changed at a provider, and nobody has asked yet
	focus   string // the payment in hand
	keys    int
	result  Result
}

// Run makes one run. The error says that it could not be made.
func Run(ctx context.Context, cfg Config) (Result, error) {
	w, err := newWorld(ctx, cfg)
	if err != nil {
		return Result{Seed: cfg.Seed}, fmt.Errorf("seed %d: %w", cfg.Seed, err)
	}
	defer w.close()
	steps := cfg.Steps
	if steps == 0 {
		steps = DefaultSteps
	}
	if err := w.run(steps); err != nil {
		return w.result, fmt.Errorf("seed %d: %w", cfg.Seed, err)
	}
	return w.result, nil
}

// run ends at the first step after which something is broken.
func (w *world) run(steps int) error {
	for n := range steps {
		if err := w.step(n); err != nil || len(w.result.Broken) > 0 {
			return err
		}
	}
	w.finish()
	if len(w.result.Broken) > 0 {
		return nil
	}
	return w.truth()
}

func newWorld(ctx context.Context, cfg Config) (_ *world, err error) {
	w := &world{
		ctx: ctx, rng: rand.New(rand.NewPCG(cfg.Seed, 0x7111)), //nolint:gosec // the same seed must give the same run
		clock: newClock(), trace: cfg.Trace, plant: cfg.Plant, missed: map[string]bool{}, touched: map[string]bool{}, result: Result{Seed: cfg.Seed, Seen: map[string]int{}},
	}
	if w.trace == nil {
		w.trace = io.Discard
	}
	w.manual = map[string]bool{"gate": w.chance(55), "vertex": w.chance(55)}
	w.hold = []cashier.HoldRule{cashier.HoldVoid, cashier.HoldCapture, cashier.HoldKeep}[w.rng.IntN(3)]
	if w.path, err = cfg.Template.copy(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.close()
		}
	}()
	euros := []string{"EUR"}
	w.box, err = sandbox.New(sandbox.Config{
		Now: w.clock.now, Seed: w.rng.Int64(), PublicURL: boxURL, ShopURL: shopURL, HTTP: &http.Client{Transport: post{w}},
		Wait:     func(_ context.Context, d time.Duration) error { w.clock.pass(d); return nil },
		IumiCash: sandbox.IumiCash{Currencies: euros}, Gate: sandbox.Gate{NoRSA: true, Currencies: euros}, Vertex: sandbox.Vertex{Currencies: euros},
	})
	if err != nil {
		return nil, err
	}
	w.calm = true // until the shop is open
	if err := w.open(); err != nil {
		return nil, err
	}
	if w.products, err = models.NewProducts(w.db).All(ctx); err != nil {
		return nil, err
	}
	if err := w.shop.introduce(ctx); err != nil {
		return nil, err
	}
	w.calm = false
	w.note("hold %s, reserves %v", w.hold, w.reserving())
	return w, w.conspire()
}

// open starts the shop on the database that is there, as a restart does.
func (w *world) open() (err error) {
	w.queue = &queue{}
	if w.db, err = models.Open(w.ctx, models.Options{Name: w.path, Now: w.clock.now, Queue: w.queue}); err != nil {
		return err
	}
	if w.queue.pool, _, err = w.db.SQL(); err != nil {
		return err
	}
	if err := w.watchCommits(); err != nil {
		return err
	}
	w.payments, w.orders, w.inbox, w.deliveries = models.NewPayments(w.db), models.NewOrders(w.db), models.NewInbox(w.db), models.NewDeliveries(w.db)
	if w.shop, err = w.newProcess(); err != nil {
		return err
	}
	w.other, err = w.newProcess()
	return err
}

// close leaves nothing behind.
func (w *world) close() {
	if w.db != nil {
		_ = w.db.Close()
	}
	if w.box != nil {
		w.box.Close()
	}
	_ = os.RemoveAll(filepath.Dir(w.path))
}

// note writes a line of the trace.
func (w *world) note(format string, args ...any) {
	_, _ = fmt.Fprintf(w.trace, "%s %s%s\n", w.clock.now().Format("01-02 15:04:05.000"), strings.Repeat("    ", w.depth), fmt.Sprintf(format, args...))
}

func (w *world) broken(rule, format string, args ...any) {
	b := Broken{Rule: rule, Says: fmt.Sprintf(format, args...)}
	w.result.Broken = append(w.result.Broken, b)
	w.note("BROKEN %s", b)
}

// chance is true in so many of a hundred cases.
func (w *world) chance(percent int) bool { return w.rng.IntN(100) < percent }

// pick is one of them, or the zero value when there is none.
func pick[T any](w *world, all []T) (one T, ok bool) {
	if len(all) == 0 {
		return one, false
	}
	return all[w.rng.IntN(len(all))], true
}

// newID is random, unguessable to nobody, and the same for the same seed.
func (w *world) newID() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	id := make([]byte, 26)
	for i := range id {
		id[i] = letters[w.rng.IntN(len(letters))]
	}
	return string(id)
}

func (w *world) newKey() string {
	w.keys++
	return fmt.Sprintf("%08x-0000-4000-8000-%012x", w.rng.Uint32(), w.keys)
}

// heard sorts what a call to the shop returned: what it may return by design is
// traced, and anything else is a bug.
func (w *world) heard(what string, err error) {
	if err == nil {
		return
	}
	w.note("%s: %v", what, err)
	if !w.doom.dead && !byDesign(err) {
		w.broken("surprise", "%s: %v", what, err)
	}
}

// quiet is a log that only listens for errors that the design does not know.
type quiet struct{ w *world }

// Enabled implements slog.Handler.
func (quiet) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }

// Handle implements slog.Handler.
func (q quiet) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if err, ok := a.Value.Any().(error); ok && !q.w.doom.dead && !byDesign(err) {
			q.w.broken("surprise", "logged: %s: %v", r.Message, err)
		}
		return true
	})
	return nil
}

// WithAttrs implements slog.Handler.
func (q quiet) WithAttrs([]slog.Attr) slog.Handler { return q }

// WithGroup implements slog.Handler.
func (q quiet) WithGroup(string) slog.Handler { return q }

// guard turns a panic into a finding.
func (w *world) guard(what string, f func()) {
	defer func() {
		if p := recover(); p != nil {
			w.broken("panic", "%s: %v\n%s", what, p, debug.Stack())
		}
	}()
	f()
}

var errDead = errors.New("world: the process is dead")
