// Package shop fills a database with a shop's past of any size, for measuring.
// What it writes is what the shop itself would have written, so that `till
// verify` finds nothing; the same seed gives the same past.
package shop

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"till/models"
	"till/money"
)

// Past is how much happened.
type Past struct {
	Orders int
	Seed   uint64
	Until  time.Time      // the moment of the newest order
	Span   time.Duration  // from the oldest to that; 0 is two years
	Batch  func(done int) // told now and then how many are written; may be nil
}

// ErrNotEmpty is returned for a database that has orders already.
var ErrNotEmpty = errors.New("the database has orders already: name an empty one")

// Fill writes a past into a database of this version without orders.
func Fill(ctx context.Context, db *models.DB, p Past) error {
	if some, err := models.NewOrders(db).Any(ctx); err != nil || some {
		return errors.Join(err, notEmpty(some))
	}
	if p.Span == 0 {
		p.Span = 2 * 365 * 24 * time.Hour
	}
	products, err := stock(ctx, db)
	if err != nil {
		return err
	}
	f := &filler{Past: p, products: products, rand: rand.New(rand.NewPCG(p.Seed, 7)), next: map[string]int64{}} //nolint:gosec // the same seed, the same past
	if err := f.fill(ctx, db); err != nil {
		return err
	}
	return db.Count(ctx)
}

func notEmpty(some bool) error {
	if some {
		return ErrNotEmpty
	}
	return nil
}

// stock puts products on sale.
func stock(ctx context.Context, db *models.DB) ([]models.Product, error) {
	shapes, glazes := strings.Fields("Mug Bowl Plate Vase Jug Teapot Saucer Dish"), strings.Fields("Kauri Rata Kowhai Totara Rimu")
	var all []models.Product
	for i, shape := range shapes {
		for j, glaze := range glazes {
			minor := int64(1200 + 350*i + 90*j)
			all = append(all, models.Product{
				Slug: strings.ToLower(shape + "-" + glaze), Name: shape + " " + glaze, Description: "Thrown by hand, glazed in " + glaze + ".", Picture: "mug.svg",
				Prices: []models.Price{{Currency: "EUR", Minor: minor}, {Currency: "NZD", Minor: 2 * minor}, {Currency: "USD", Minor: minor + 100}},
			})
		}
	}
	products := models.NewProducts(db)
	if err := products.Import(ctx, all); err != nil {
		return nil, err
	}
	return products.All(ctx)
}

// filler writes one order after the other.
type filler struct {
	Past

	products []models.Product
	rand     *rand.Rand
	next     map[string]int64 // the last id of each table
	sink     *sink
}

const told = 20_000

func (f *filler) fill(ctx context.Context, db *models.DB) error {
	sink, err := open(ctx, db)
	if err != nil {
		return err
	}
	f.sink = sink
	f.next["orders"] = 1000
	for i := range f.Orders {
		if err := f.order(ctx, i); err != nil {
			return errors.Join(err, sink.abort())
		}
		if f.Batch != nil && (i+1)%told == 0 {
			f.Batch(i + 1)
		}
	}
	return sink.close(ctx)
}

func (f *filler) id(table string) int64 {
	f.next[table]++
	return f.next[table]
}

// key is a random word as ids and tokens are.
func (f *filler) key() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
	b := make([]byte, 26)
	for i := range b {
		b[i] = letters[f.rand.IntN(len(letters))]
	}
	return string(b)
}

func (f *filler) pick(words ...string) string { return words[f.rand.IntN(len(words))] }

// end is how an order came out.
type end int

const (
	endPaid end = iota
	endRefunded
	endPartly
	endFailed
	endAbandoned
	endCancelled
	endHeld
	endMismatch
)

// end is how the i-th order came out. What waits for a person does not grow with
// the shop: somebody looks after it.
func (f *filler) end(i int, age time.Duration) end {
	const waiting, oneIn = 40, 25
	n := f.rand.IntN(2000)
	switch every := max(f.Orders/waiting, oneIn); {
	case i%every == every/2:
		return endMismatch
	case n < 20 && age < 20*24*time.Hour:
		return endHeld
	case n < 80:
		return endRefunded
	case n < 120:
		return endPartly
	case n < 260:
		return endFailed
	case n < 360:
		return endAbandoned
	case n < 400:
		return endCancelled
	default:
		return endPaid
	}
}

var (
	firstNames = strings.Fields("Ann Bob Mere Tama Aroha Wiremu Chloé Zoë Jürgen Søren Łukasz María Ngaio Hana Oliver Amelia Jack Isla Noah Charlotte Liam Mia Lucas Ella Mason Ruby")
	lastNames  = strings.Fields("Lee Smith Ngata Parata Brown Müller Øster Novák García Tan Patel Kaur Walker Clark Hughes Wood Hall Green Baker Hill Scott Young King Wright Turner Moore")
	hosts      = []string{"gmail.com", "gmail.com", "gmail.com", "outlook.com", "xtra.co.nz", "example.test", "proton.me"}
	towns      = strings.Fields("Nelson Napier Dunedin Auckland Wellington Lyon Riga Berlin")
)

// seller is a provider and how it is paid with there.
type seller struct {
	provider, method string
	currency         money.Currency
	refunds          bool
}

var sellers = []seller{
	{"iumicash", "", "NZD", false},
	{"iumicash", "", "USD", false},
	{"powens", "", "EUR", false},
	{"pgm", "stripe/credit-cards", "EUR", true},
	{"pgm", "satispay/satispay", "EUR", true},
	{"gate", "card", "EUR", true},
	{"gate", "card", "EUR", true},
	{"vertex", "card", "NZD", true},
	{"vertex", "wallet", "USD", true},
}

var (
	shopper  = models.Cause{Actor: "shopper", Source: "checkout"}
	provider = models.Cause{Actor: "provider", Source: "return page"}
	ann      = models.Cause{Actor: "staff ann@example.test", Source: "dashboard"}
)

// order writes one order with everything that hangs on it.
func (f *filler) order(ctx context.Context, i int) error {
	step := f.Span / time.Duration(max(f.Orders, 1))
	at := f.Until.Add(-f.Span).Add(step * time.Duration(i+1)).Add(-time.Duration(f.rand.Int64N(int64(step) + 1))).UTC().Truncate(time.Microsecond)
	age := f.Until.Sub(at)
	how, with := f.end(i, age), sellers[f.rand.IntN(len(sellers))]
	for (how == endRefunded || how == endPartly || how == endHeld) && !with.refunds {
		with = sellers[f.rand.IntN(len(sellers))]
	}
	first, last := f.pick(firstNames...), f.pick(lastNames...)
	o := models.Order{
		ID: f.id("orders"), Token: f.key(), CheckoutKey: f.key(), Fingerprint: f.key(),
		Email: strings.ToLower(fmt.Sprintf("%s.%s%d@%s", models.Words(first)[0], models.Words(last)[0], f.rand.IntN(100_000), hosts[f.rand.IntN(len(hosts))])),
		Name:  first + " " + last, Address: models.Address{Line1: fmt.Sprintf("%d Kauri Road", 1+f.rand.IntN(200)), City: f.pick(towns...), Postcode: "7010", Country: "NZ"},
		Total: money.Amount{Currency: with.currency}, Provider: with.provider, Method: with.method,
		DueAt: at.Add(7 * 24 * time.Hour), CreatedAt: at, UpdatedAt: at,
	}
	var rows []any
	for n := range 1 + f.rand.IntN(2) {
		p := f.products[f.rand.IntN(len(f.products))]
		price, _ := p.In(with.currency)
		l := models.OrderLine{OrderID: o.ID, Position: int64(n), ProductID: p.ID, Slug: p.Slug, Name: p.Name, Picture: p.Picture, UnitMinor: price.Minor, Quantity: int64(1 + f.rand.IntN(3))}
		o.Total.Minor += l.UnitMinor * l.Quantity
		rows = append(rows, &l)
	}
	f.event(&rows, models.Event{OrderID: o.ID, Kind: models.EventPlaced, Cause: shopper, At: at})
	var payments []models.Payment
	if how == endPaid && f.rand.IntN(10) == 0 { // at the second try
		payments = append(payments, f.payment(&rows, o, with, endFailed, at))
		at = at.Add(3 * time.Minute)
	}
	payments = append(payments, f.payment(&rows, o, with, how, at))
	f.settle(&o, how, at, age)
	verdict := models.Derive(o, payments, nil)
	o.Status, o.Attention = verdict.Status, verdict.Attentions()
	for _, c := range verdict.Concerns {
		pay := c.Subject
		rows = append(rows, &models.InboxItem{ID: f.id("inbox"), Kind: c.Kind, Subject: c.Subject, Detail: c.Detail, Amount: c.Amount, OrderID: &o.ID, PaymentID: &pay, OpenedAt: at})
	}
	if err := f.sink.add(ctx, &o); err != nil {
		return err
	}
	for i := range payments {
		if err := f.sink.add(ctx, &payments[i]); err != nil {
			return err
		}
	}
	for _, row := range rows {
		if err := f.sink.add(ctx, row); err != nil {
			return err
		}
	}
	return nil
}

// settle is what an order has come to beside its money.
func (f *filler) settle(o *models.Order, how end, at time.Time, age time.Duration) {
	later := at.Add(2 * time.Minute)
	switch how {
	case endPaid, endRefunded, endPartly:
		o.PaidAt = &later
		if sent := at.Add(30 * time.Hour); age > 3*24*time.Hour {
			o.PackedAt, o.ShippedAt, o.Carrier, o.Tracking = &sent, &sent, "NZ Post", f.key()[:12]
		}
	case endCancelled:
		o.CancelledAt = &later
	case endFailed, endAbandoned:
		if gone := o.DueAt; age > 8*24*time.Hour {
			o.ExpiredAt = &gone
		}
	case endHeld, endMismatch:
	}
}

// payment is one attempt to pay, with its facts and what else it left behind.
func (f *filler) payment(rows *[]any, o models.Order, with seller, how end, at time.Time) models.Payment {
	later := at.Add(2 * time.Minute)
	p := models.Payment{
		ID: f.key(), OrderID: o.ID, Provider: with.provider, Method: with.method, Ref: strings.ToLower(f.key()), Amount: o.Total, Capture: models.CaptureAuto,
		State: models.PaymentPaid, Word: "paid", Version: 3, AskedAt: &later, CreatedAt: at, UpdatedAt: later,
	}
	start := models.Operation{ID: f.id("operations"), PaymentID: p.ID, Kind: models.OperationStart, Key: f.key(), State: models.OperationSucceeded, Amount: p.Amount, Calls: 1, Cause: shopper, CreatedAt: at, UpdatedAt: at}
	*rows = append(*rows, &start)
	switch how {
	case endFailed:
		p.State, p.Word, p.Reason = models.PaymentFailed, "failed", "declined"
	case endAbandoned:
		p.State, p.Word = models.PaymentExpired, "expired"
	case endCancelled:
		p.State, p.Word = models.PaymentCancelled, "cancelled"
	case endMismatch:
		p.State, p.Word = models.PaymentMismatch, "paid"
	case endHeld:
		until := at.Add(28 * 24 * time.Hour)
		p.State, p.Word, p.Capture, p.HoldUntil, p.Authorized, p.Live = models.PaymentAuthorized, "hold", models.CaptureManual, &until, p.Amount.Minor, true
		f.fact(rows, p, models.FactAuthorized, p.Amount.Minor, provider, later)
	case endPaid, endRefunded, endPartly:
		p.Captured = p.Amount.Minor
		f.fact(rows, p, models.FactCaptured, p.Amount.Minor, provider, later)
		*rows = append(*rows, &models.Mail{ID: f.id("mails"), OrderID: o.ID, Kind: models.MailOrderPaid, Recipient: o.Email, Subject: "Your order " + o.Number(), Body: "Thank you.", SentAt: &later, CreatedAt: later})
	}
	f.event(rows, models.Event{OrderID: o.ID, PaymentID: &p.ID, Kind: models.EventState, FromState: string(models.PaymentRedirected), ToState: string(p.State), Detail: p.Word, Cause: provider, At: later})
	if back := map[end]int64{endRefunded: p.Amount.Minor, endPartly: p.Amount.Minor / 2}[how]; back > 0 {
		then := later.Add(time.Duration(f.rand.Int64N(int64(20 * 24 * time.Hour)))).Truncate(time.Microsecond)
		if then.After(f.Until) {
			then = f.Until
		}
		p.Refunded, p.UpdatedAt = back, then
		f.fact(rows, p, models.FactRefundReserved, back, ann, then)
		f.fact(rows, p, models.FactRefunded, back, ann, then)
		amount := money.Amount{Minor: back, Currency: p.Amount.Currency}
		*rows = append(*rows, &models.Operation{ID: f.id("operations"), PaymentID: p.ID, Kind: models.OperationRefund, Key: f.key(), State: models.OperationSucceeded, Amount: amount, Note: "came back", Calls: 1, Cause: ann, CreatedAt: then, UpdatedAt: then})
		f.event(rows, models.Event{OrderID: o.ID, PaymentID: &p.ID, Kind: models.EventOperation, FromState: string(models.OperationRefund), ToState: string(models.OperationSucceeded), Detail: "came back", Cause: ann, At: then})
	}
	if f.rand.IntN(2) == 0 {
		*rows = append(*rows, &models.Delivery{
			ID: f.id("deliveries"), Provider: p.Provider, EventID: f.key(), Ref: p.Ref, PaymentID: &p.ID, Word: p.Word, Verdict: models.DeliverySettled,
			Body: []byte(`{"id":"` + p.Ref + `","status":"` + p.Word + `"}`), Times: 1, ReceivedAt: later, LastAt: later, SettledAt: &later,
		})
	}
	return p
}

func (f *filler) event(rows *[]any, e models.Event) {
	e.ID = f.id("events")
	*rows = append(*rows, &e)
}

func (f *filler) fact(rows *[]any, p models.Payment, kind models.FactKind, minor int64, cause models.Cause, at time.Time) {
	*rows = append(*rows, &models.Fact{
		ID: f.id("facts"), PaymentID: p.ID, Kind: kind, Amount: money.Amount{Minor: minor, Currency: p.Amount.Currency}, Ref: p.Ref, Cause: cause, At: at,
	})
}
