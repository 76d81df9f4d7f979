package world

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"till/cashier"
	"till/models"
	"till/money"
	"till/providers"
	"till/providers/gate"
	"till/providers/iumicash"
	"till/providers/pgm"
	"till/providers/powens"
	"till/providers/vertex"
	"till/sandbox"

	"github.com/gin-gonic/gin"
	"github.com/mattn/go-sqlite3"
)

// lifecycleStand is a world in which nothing happens by chance: a shop with the
// five real clients, the five providers, one order, and a mailbag with what the
// providers would have told the shop, which hears it when the test says.
type lifecycleStand struct {
	*world
	t         *testing.T
	bag       *mailbag
	number    int64  // of the order
	payment   string // the id of its first payment
	meanwhile func() // done once: after a provider has answered, and before the shop has the answer
	saved     []*sqlite3.SQLiteConn
}

// mailbag takes the providers' callbacks, thanks for each as the shop would,
// and keeps its bytes.
type mailbag struct {
	w       *world
	letters []letter
}

// RoundTrip implements http.RoundTripper.
func (b *mailbag) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	l := letter{path: req.URL.Path, header: req.Header.Clone(), body: body}
	b.letters = append(b.letters, l)
	return b.w.thank(req, l), nil
}

// line takes the shop's questions to the providers. Nothing goes wrong on it,
// and no time passes.
type line struct {
	w     *world
	after func(*http.Request) // once the provider has answered; may be nil
}

// RoundTrip implements http.RoundTripper.
func (l line) RoundTrip(req *http.Request) (*http.Response, error) {
	got, err := l.w.ask(req)
	if err != nil {
		return nil, err
	}
	if l.after != nil {
		l.after(req)
	}
	resp := got.Result()
	resp.Request = req
	return resp, nil
}

func lifecycleTemplate(t *testing.T) *Template {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	template, err := NewTemplate(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	return template
}

// lifecycleWorld is a world with providers and without a shop.
func lifecycleWorld(t *testing.T, bag *mailbag, reserves ...string) *world {
	t.Helper()
	w := &world{
		ctx: t.Context(), rng: rand.New(rand.NewPCG(7, 11)), clock: newClock(), trace: io.Discard, calm: true, hold: cashier.HoldKeep,
		missed: map[string]bool{}, touched: map[string]bool{}, manual: map[string]bool{}, result: Result{Seen: map[string]int{}},
	}
	for _, name := range reserves {
		w.manual[name] = true
	}
	bag.w = w
	euros := []string{"EUR"}
	var err error
	w.box, err = sandbox.New(sandbox.Config{
		Now: w.clock.now, Seed: 7, PublicURL: boxURL, ShopURL: shopURL, NoJitter: true, HTTP: &http.Client{Transport: bag},
		Wait:     func(context.Context, time.Duration) error { return nil },
		IumiCash: sandbox.IumiCash{Currencies: euros}, Gate: sandbox.Gate{NoRSA: true, Currencies: euros}, Vertex: sandbox.Vertex{Currencies: euros},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.box.Close)
	return w
}

// newLifecycleStand places an order at a provider, and opens its payment there.
func newLifecycleStand(t *testing.T, template *Template, l lifecycle) *lifecycleStand {
	t.Helper()
	s := &lifecycleStand{t: t, bag: &mailbag{}}
	var reserves []string
	if l.reserve {
		reserves = []string{l.provider}
	}
	s.world = lifecycleWorld(t, s.bag, reserves...)
	var err error
	if s.path, err = template.copy(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.close)
	if err := s.open(); err != nil {
		t.Fatal(err)
	}
	after := func(req *http.Request) {
		if f := s.meanwhile; f != nil && req.Method == http.MethodGet {
			s.meanwhile = nil
			s.depth++
			f()
			s.depth--
		}
	}
	log := slog.New(quiet{w: s.world})
	s.shop = lifecycleProcess(t, s.world, line{s.world, after}, log, s.newID, s.newKey)
	s.other = lifecycleProcess(t, s.world, line{s.world, nil}, log, s.newID, s.newKey)
	s.shop.door = s.newDoor(s.shop, log)
	if s.products, err = models.NewProducts(s.db).All(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.shop.introduce(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.number, s.payment = lifecycleOrder(t, s.world, s.shop, l.provider, l.method)
	return s
}

// lifecycleProcess wires a shop's process over any way to the providers.
func lifecycleProcess(t *testing.T, w *world, way http.RoundTripper, log *slog.Logger, newID, newKey func() string) *process {
	t.Helper()
	p := &process{methods: map[string][]string{"pgm": {"stripe/credit-cards", "satispay/satispay"}}}
	base := map[string]string{}
	for _, one := range w.box.Providers(boxURL) {
		base[one.Name] = one.BaseURL
	}
	euros, now := []money.Currency{"EUR"}, w.clock.now
	capture := vertex.CaptureAuto
	if w.manual["vertex"] {
		capture = vertex.CaptureManual
	}
	iumi, err1 := iumicash.New(iumicash.Config{
		BaseURL: base["iumicash"], ClientID: sandbox.IumiCashClientID, ClientSecret: sandbox.IumiCashClientSecret,
		Currencies: euros, Transport: way, Patience: patience, Now: now,
	})
	bank, err2 := powens.New(powens.Config{
		BaseURL: base["powens"], ClientID: sandbox.PowensClientID, ClientSecret: sandbox.PowensClientSecret,
		WebhookKeys: []providers.Secret{sandbox.PowensWebhookKey}, Currencies: euros,
		Beneficiary: powens.Beneficiary{
			IBAN: "FR7630006000011234567890189", Label: "The shop", OrgName: "The shop", OrgLegalStatus: "SAS",
			OrgAddress: "1 rue Verte, 75000 Paris", SIREN: "732829320",
		},
		Transport: way, Patience: patience, Now: now,
	})
	hub, err3 := pgm.New(pgm.Config{
		BaseURL: base["pgm"], Methods: p.methods["pgm"], Secret: sandbox.PGMSecret,
		CallbackSecrets: []providers.Secret{sandbox.PGMCallbackSecret}, PublicURL: shopURL, Transport: way, Patience: patience, Now: now,
	})
	door, err4 := gate.New(gate.Config{
		BaseURL: base["gate"], SecretKey: sandbox.GateSecretKey, CallbackTokens: []providers.Secret{hookToken},
		CallbackVerify: gate.VerifyHMAC, CallbackKeys: []providers.Secret{sandbox.GateHookSecret}, Currencies: euros,
		Transport: way, Patience: patience, Now: now,
	})
	vert, err5 := vertex.New(vertex.Config{
		BaseURL: base["vertex"], Token: sandbox.VertexToken, ShopID: strconv.Itoa(sandbox.VertexShopID),
		CallbackSecrets: []providers.Secret{sandbox.VertexCallbackSecret}, Capture: capture, Currencies: euros,
		Transport: way, Patience: patience, Now: now,
	})
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		t.Fatal(err)
	}
	p.gate = door
	p.providers = []providers.Provider{iumi, bank, hub, door, vert}
	p.Cashier = cashier.New(cashier.Config{
		Payments: w.payments, Orders: w.orders, Inbox: w.inbox, Providers: p.providers, Reserve: w.reserving(), Hold: w.hold,
		PublicURL: shopURL, NewID: newID, NewKey: newKey, Log: log, Pace: cashier.Growing,
	})
	return p
}

// lifecycleOrder is an order of a mug and two bottles of oil, for EUR 19.16. The
// oil is counted. Its shopper is on the provider's page.
func lifecycleOrder(t *testing.T, w *world, p *process, provider, method string) (number int64, payment string) {
	t.Helper()
	var lines []models.OrderLine
	total := int64(0)
	for _, one := range w.products {
		quantity := map[string]int64{"mug": 1, "oil": 2}[one.Slug]
		if quantity == 0 {
			continue
		}
		price, _ := one.In("EUR")
		l := models.OrderLine{ProductID: one.ID, Slug: one.Slug, Name: one.Name, Picture: one.Picture, UnitMinor: price.Minor, Quantity: quantity}
		lines, total = append(lines, l), total+price.Minor*quantity
	}
	const email = "ann@example.test"
	order := models.Order{
		Token: w.newID(), CheckoutKey: w.newID(), Fingerprint: models.Fingerprint(email, lines), Email: email, Name: "Ann Lee",
		Address: models.Address{Line1: "1 Kauri Road", City: "Nelson", Postcode: "7010", Country: "NZ"},
		Total:   money.Amount{Minor: total, Currency: "EUR"}, DueAt: w.clock.now().Add(7 * 24 * time.Hour),
	}
	pay := p.NewPayment(provider, method)
	placed, _, err := w.orders.Place(t.Context(), models.Placement{Order: order, Lines: lines, Payment: pay}, shopper("checkout"))
	if err != nil {
		t.Fatal(err)
	}
	started, err := p.Start(t.Context(), pay.ID, shopper("checkout"))
	if err != nil || started.Ref == "" {
		t.Fatalf("not started: %+v %v", started, err)
	}
	return placed.ID, pay.ID
}

// goes takes one step of the lifecycle, and lets the provider write its letters
// about it. A step is what a buyer, a bank or the provider's staff decide there,
// or begins with a word: "ask" is staff's, "do" is an operation of theirs, "drop"
// is the shopper's cancelling the order, "fault" has the next thing go wrong at
// the provider, and "lie" has it send a callback that is signed and not true.
func (s *lifecycleStand) goes(step string) {
	s.t.Helper()
	p := s.pay()
	what, rest, _ := strings.Cut(step, " ")
	var err error
	switch what {
	case "ask":
		_, err = s.till().Settle(s.ctx, s.payment, staff)
	case "drop":
		err = s.till().Cancel(s.ctx, s.number, "changed my mind", shopper("order page"))
	case "do":
		kind, minor, _ := strings.Cut(rest, " ")
		r := models.Reservation{PaymentID: s.payment, Kind: models.OperationKind(kind), Key: s.newKey(), Note: "as asked for", Cause: staff}
		if minor != "" {
			r.Amount.Currency = "EUR"
			r.Amount.Minor, err = strconv.ParseInt(minor, 10, 64)
		}
		if err == nil {
			_, err = s.till().Do(s.ctx, r)
		}
	case "fault":
		_, err = s.box.Add(sandbox.Wish{Provider: p.Provider, Fault: rest, Times: 1})
	case "lie":
		_, err = s.box.Send(s.ctx, p.Provider, p.Ref, sandbox.Call{Fault: "callback_wrong_status", Word: rest})
	default:
		var o sandbox.Order
		o, _, err = s.box.Decide(s.ctx, p.Provider, p.Ref, step)
		s.touched[o.Provider+"/"+o.Ref] = true
	}
	if err == nil {
		_, err = s.box.Deliver(s.ctx)
	}
	if err != nil {
		s.t.Fatalf("%s: %v", step, err)
	}
}

func (s *lifecycleStand) pay() models.Payment {
	s.t.Helper()
	p, err := s.payments.ByID(s.ctx, s.payment)
	if err != nil {
		s.t.Fatal(err)
	}
	return p
}

// hear delivers one letter at the shop's door, and does the jobs there are.
func (s *lifecycleStand) hear(l letter) {
	s.t.Helper()
	s.clock.pass(100 * time.Millisecond)
	p, _ := s.shop.Provider(l.name())
	if got := s.deliver(l); got.Code != p.CallbackAnswer().Status {
		s.t.Fatalf("a callback of %s was answered %d: %s", l.name(), got.Code, got.Body)
	}
	s.work(20)
}

// save remembers the database as it is, and load brings it there again.
func (s *lifecycleStand) save(depth int) {
	s.t.Helper()
	for len(s.saved) <= depth {
		conn, err := (&sqlite3.SQLiteDriver{}).Open(":memory:")
		lite, ok := conn.(*sqlite3.SQLiteConn)
		if err != nil || !ok {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() { _ = lite.Close() })
		s.saved = append(s.saved, lite)
	}
	s.onDisk(func(disk *sqlite3.SQLiteConn) error { return copyPages(s.saved[depth], disk) })
}

func (s *lifecycleStand) load(depth int) {
	s.t.Helper()
	s.onDisk(func(disk *sqlite3.SQLiteConn) error { return copyPages(disk, s.saved[depth]) })
}

func (s *lifecycleStand) onDisk(do func(*sqlite3.SQLiteConn) error) {
	s.t.Helper()
	conn, err := s.queue.pool.Conn(s.ctx)
	if err == nil {
		err = errors.Join(conn.Raw(func(driver any) error {
			lite, ok := driver.(*sqlite3.SQLiteConn)
			if !ok {
				return errors.New("not SQLite")
			}
			return do(lite)
		}), conn.Close())
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func copyPages(to, from *sqlite3.SQLiteConn) error {
	b, err := to.Backup("main", from, "main")
	if err != nil {
		return err
	}
	_, err = b.Step(-1)
	return errors.Join(err, b.Finish())
}

// story is how everything stands at the end.
type story struct {
	brief string // as a table has it: order, payment, money taken and given back, mails, pieces sold, and what a person must look at
	end   string // all that must not depend on what was heard when; the provider's word is the one last heard
	books string // the sums of the ledger
}

func (s *lifecycleStand) story() story {
	s.t.Helper()
	d, err := s.orders.ByNumber(s.ctx, s.number)
	if err != nil {
		s.t.Fatal(err)
	}
	items, err := s.inbox.OfOrder(s.ctx, s.number)
	if err != nil {
		s.t.Fatal(err)
	}
	mails, err := models.NewMails(s.db).OfOrder(s.ctx, s.number)
	if err != nil {
		s.t.Fatal(err)
	}
	account{w: s.world, d: d, items: items, mails: mails}.check()
	sold := s.texts("SELECT reason || ' ' || quantity FROM stock_movements ORDER BY id")
	p := d.Payments[0]
	st := story{brief: strings.TrimSpace(fmt.Sprintf("%s, %s %d-%d, %d mails, %d sold %s", d.Status, p.State, p.Captured, p.Refunded, len(mails), len(sold), d.Attention))}
	var end, books strings.Builder
	fmt.Fprintf(&end, "order %s [%s] paid %v cancelled %v, stock %v\n", d.Status, d.Attention, d.PaidAt != nil, d.CancelledAt != nil, sold)
	for _, p := range d.Payments {
		fmt.Fprintf(&end, "payment %s reserved %d captured %d pending %d refunded %d disputed %d %q %q %q [%s]\n", p.State,
			p.Held().Minor, p.Captured, p.RefundPending, p.Refunded, p.Disputed, p.Refund, p.Reversal, p.Dispute, p.Concerns)
	}
	for _, op := range d.Operations {
		fmt.Fprintf(&end, "%s %s %s\n", op.Kind, op.State, op.Amount)
	}
	for _, m := range mails {
		fmt.Fprintf(&end, "mail %s\n", m.Kind)
	}
	sums := map[models.FactKind]int64{}
	for _, f := range d.Facts {
		sums[f.Kind] += f.Amount.Minor
	}
	for _, kind := range slices.Sorted(maps.Keys(sums)) {
		fmt.Fprintf(&books, "%s %d\n", kind, sums[kind])
	}
	st.end, st.books = end.String(), books.String()
	return st
}

// sound fails the test when an invariant was found broken on the way.
func (s *lifecycleStand) sound(when any) {
	s.t.Helper()
	if len(s.result.Broken) > 0 {
		s.t.Fatalf("%v: %v", when, s.result.Broken)
	}
}
