package models_test

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"till/models"
	"till/models/modelstest"
	"till/money"

	"gorm.io/gorm"
	"pgregory.net/rapid"
)

// tallied is what the facts come to, told without the books: by day, currency,
// provider, method and test.
type tallied map[models.Figure][6]int64

func (t tallied) add(key models.Figure, orders, attempts, succeeded, taken, refunded, disputed int64) {
	sum := t[key]
	for i, n := range []int64{orders, attempts, succeeded, taken, refunded, disputed} {
		sum[i] += n
	}
	if sum == ([6]int64{}) {
		delete(t, key)
		return
	}
	t[key] = sum
}

// rows reads a whole table.
func rows[T any](t testing.TB, db *models.DB, order string) []T {
	t.Helper()
	var all []T
	if err := db.Write(context.Background(), func(tx *gorm.DB) (err error) {
		all, err = gorm.G[T](tx).Order(order).Find(context.Background())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// fold tallies orders, payments and facts; facts by the day of their booking.
func fold(t testing.TB, db *models.DB, zone *time.Location) tallied {
	t.Helper()
	all, orders, payments := tallied{}, map[int64]models.Order{}, map[string]models.Payment{}
	for _, o := range rows[models.Order](t, db, "id") {
		orders[o.ID] = o
	}
	days := map[int64]models.Booking{}
	for _, b := range rows[models.Booking](t, db, "fact_id") {
		days[b.FactID] = b
	}
	facts := rows[models.Fact](t, db, "id")
	moneyed, placed := map[string]bool{}, map[int64]bool{}
	for _, f := range facts {
		if f.Kind == models.FactAuthorized || f.Kind == models.FactCaptured {
			moneyed[f.PaymentID] = true
		}
	}
	begun := map[string]int64{} // by what was asked first about it
	for _, op := range rows[models.Operation](t, db, "id DESC") {
		begun[op.PaymentID] = op.ID
	}
	written := rows[models.Payment](t, db, "id")
	slices.SortFunc(written, func(a, b models.Payment) int { return cmp.Compare(begun[a.ID], begun[b.ID]) })
	for _, p := range written {
		payments[p.ID] = p
		key := models.Figure{Day: models.Day(p.CreatedAt, zone), Test: orders[p.OrderID].Test, Currency: p.Amount.Currency, Provider: p.Provider, Method: p.Method}
		all.add(key, 0, 1, 0, 0, 0, 0)
		if !placed[p.OrderID] {
			placed[p.OrderID] = true
			all.add(key, 1, 0, 0, 0, 0, 0)
		}
		if moneyed[p.ID] {
			all.add(key, 0, 0, 1, 0, 0, 0)
		}
	}
	for _, f := range facts {
		p, b := payments[f.PaymentID], days[f.ID]
		if b.Day != models.Day(f.At, zone) {
			t.Fatalf("fact %d of %s is booked on %q, want %s", f.ID, f.At, b.Day, models.Day(f.At, zone))
		}
		key := models.Figure{Day: b.Day, Test: b.Test, Currency: f.Amount.Currency, Provider: p.Provider, Method: p.Method}
		sum := modelstest.Moved(f.Kind, f.Amount.Minor)
		all.add(key, 0, 0, 0, sum.Taken, sum.Refunded, sum.Disputed)
	}
	return all
}

// figured is the figures that the overview reads, without those that are all
// zero.
func figured(t testing.TB, db *models.DB) tallied {
	t.Helper()
	all := tallied{}
	o, byDay, byMethod := models.NewOverview(db), tallied{}, tallied{}
	for _, f := range rows[models.Figure](t, db, "day") {
		for into, key := range map[*tallied]models.Figure{
			&all:      {Day: f.Day, Test: f.Test, Currency: f.Currency, Provider: f.Provider, Method: f.Method},
			&byDay:    {Day: f.Day, Test: f.Test, Currency: f.Currency},
			&byMethod: {Test: f.Test, Currency: f.Currency, Provider: f.Provider, Method: f.Method},
		} {
			into.add(key, f.Orders, f.Attempts, f.Succeeded, f.TakenMinor, f.RefundedMinor, f.DisputedMinor)
		}
	}
	for _, test := range []bool{false, true} {
		for _, q := range []struct {
			want tallied
			read func(ctx context.Context, from, to string, test bool) ([]models.Figure, error)
		}{{byDay, o.ByDay}, {byMethod, o.ByMethod}} {
			figures, err := q.read(context.Background(), "0000-00-00", "9999-99-99", test)
			if err != nil {
				t.Fatal(err)
			}
			got := tallied{}
			for _, f := range figures {
				got.add(models.Figure{Day: f.Day, Test: test, Currency: f.Currency, Provider: f.Provider, Method: f.Method}, f.Orders, f.Attempts, f.Succeeded, f.TakenMinor, f.RefundedMinor, f.DisputedMinor)
			}
			for _, some := range []tallied{got, q.want} {
				for key := range some {
					if key.Test == test && got[key] != q.want[key] {
						t.Fatalf("the overview has %v of %+v, and its figures come to %v", got[key], key, q.want[key])
					}
				}
			}
		}
	}
	return all
}

// soundBooks checks that figures are the fold of the ledger, that papers come
// to what was taken less what went back, that their numbers have no gap, and
// that verify agrees.
func soundBooks(t testing.TB, db *models.DB, zone *time.Location) {
	t.Helper()
	want, got := fold(t, db, zone), figured(t, db)
	for _, all := range []tallied{got, want} {
		for key := range all {
			if got[key] != want[key] {
				t.Fatalf("the figures of %+v are %v, and the ledger comes to %v", key, got[key], want[key])
			}
		}
	}
	type purse struct {
		test     bool
		currency money.Currency
	}
	kept := map[purse]int64{}
	for key, sum := range want {
		kept[purse{key.Test, key.Currency}] += sum[3] - sum[4]
	}
	numbers := map[string][]int64{}
	for _, d := range rows[models.Document](t, db, "id") {
		series, _, _ := strings.Cut(d.Label(), fmt.Sprint("-", d.Number))
		numbers[series] = append(numbers[series], d.Number)
		sign := int64(1)
		if d.Kind == models.DocumentCreditNote {
			sign = -1
		}
		kept[purse{d.Test, d.Amount.Currency}] -= sign * d.Amount.Minor
	}
	for p, rest := range kept {
		if rest != 0 {
			t.Errorf("receipts less credit notes differ by %d from what was taken less what went back, %+v", rest, p)
		}
	}
	for series, all := range numbers {
		slices.Sort(all)
		for i, n := range all {
			if n != int64(i+1) {
				t.Fatalf("%s has the numbers %v", series, all)
			}
		}
	}
	if _, err := db.Verify(context.Background(), func(f models.Finding) error {
		t.Errorf("verify: order %d %s: %s, not %s", f.Order, f.What, f.Expected, f.Found)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// ledgerHand does to one payment what providers, staff and banks do.
type ledgerHand struct {
	db       *models.DB
	payments *models.Payments
}

func (h ledgerHand) record(id string, change func(p models.Payment, c *models.Change)) error {
	for {
		p, err := h.payments.ByID(context.Background(), id)
		if err != nil {
			return err
		}
		c := models.Change{PaymentID: id, Version: p.Version, Cause: models.Cause{Actor: "provider", Source: "test"}}
		change(p, &c)
		if c.State == p.State || c.State != "" && !p.State.CanMove(c.State) {
			c.State = ""
		}
		_, _, err = h.payments.Record(context.Background(), c)
		if !errors.Is(err, models.ErrStale) {
			return err
		}
	}
}

// step is one thing that may happen to a payment; size is drawn. What the
// payment does not allow is not done.
func (h ledgerHand) step(what string, id string, size int64) error {
	of := func(kind models.FactKind, minor int64, c money.Currency) models.Fact {
		return models.Fact{Kind: kind, Amount: money.Amount{Minor: minor, Currency: c}}
	}
	switch what {
	case "authorize":
		return h.record(id, func(p models.Payment, c *models.Change) {
			if p.Authorized == 0 && p.Captured == 0 {
				c.State, c.Facts = models.PaymentAuthorized, []models.Fact{of(models.FactAuthorized, p.Amount.Minor, p.Amount.Currency)}
			}
		})
	case "capture":
		return h.record(id, func(p models.Payment, c *models.Change) {
			if p.Captured == 0 {
				minor := p.Amount.Minor
				if p.Authorized > 0 {
					minor = 1 + size%p.Amount.Minor
				}
				c.State, c.Facts = models.PaymentPaid, []models.Fact{of(models.FactCaptured, minor, p.Amount.Currency)}
			}
		})
	case "foreign":
		return h.record(id, func(p models.Payment, c *models.Change) {
			if p.Captured == 0 {
				c.State, c.Facts = models.PaymentMismatch, []models.Fact{of(models.FactCaptured, 1+size, "USD")}
			}
		})
	case "correct":
		return h.record(id, func(p models.Payment, c *models.Change) {
			down := min(size, p.Left().Minor)
			switch {
			case p.Captured == 0:
			case size%2 == 0:
				c.Facts = []models.Fact{of(models.FactCorrected, 1+size, p.Amount.Currency)}
			case down > 0:
				c.Facts = []models.Fact{of(models.FactCorrected, -down, p.Amount.Currency)}
			}
		})
	case "refund", "refund outside":
		_, _, err := h.payments.Reserve(context.Background(), models.Reservation{
			PaymentID: id, Kind: models.OperationRefund, Key: rand.Text(), Amount: money.Amount{Minor: 1 + size, Currency: "NZD"},
			Done: what == "refund outside", Cause: models.Cause{Actor: "staff mona@shop.test", Source: "dashboard"},
		})
		if errors.Is(err, models.ErrBalance) || errors.Is(err, models.ErrIllegal) {
			return nil
		}
		return err
	case "refunded", "refund failed":
		return h.record(id, func(p models.Payment, c *models.Change) {
			if p.RefundPending == 0 {
				return
			}
			minor, kind := 1+size%p.RefundPending, models.FactRefunded
			if what == "refund failed" {
				kind = models.FactRefundFailed
			}
			c.Facts = []models.Fact{of(kind, minor, p.Amount.Currency)}
		})
	case "came back":
		return h.record(id, func(p models.Payment, c *models.Change) {
			if p.Refunded > 0 {
				c.Facts = []models.Fact{of(models.FactRefundReversed, 1+size%p.Refunded, p.Amount.Currency)}
			}
		})
	case "dispute":
		return h.record(id, func(p models.Payment, c *models.Change) {
			if p.Captured > 0 {
				c.Facts = []models.Fact{of(models.FactDisputed, 1+size, p.Amount.Currency)}
			}
		})
	case "dispute closed":
		return h.record(id, func(p models.Payment, c *models.Change) {
			if p.Disputed > 0 {
				c.Facts = []models.Fact{of(models.FactDisputeClosed, 1+size%p.Disputed, p.Amount.Currency)}
			}
		})
	case "test":
		return h.record(id, func(_ models.Payment, c *models.Change) { c.Test = true })
	case "fail":
		return h.record(id, func(p models.Payment, c *models.Change) {
			if p.Captured == 0 && p.Authorized == 0 {
				c.State = models.PaymentFailed
			}
		})
	default:
		return fmt.Errorf("nobody knows how to %q", what)
	}
}

var ledgerSteps = []string{
	"authorize", "capture", "capture", "capture", "foreign", "correct", "refund", "refund", "refund outside", "refunded", "refunded",
	"refund failed", "came back", "dispute", "dispute closed", "test", "fail",
}

// place writes an order with a payment at one of a few providers.
func (h ledgerHand) place(t testing.TB, products map[string]models.Product, pick int64) string {
	p := modelstest.Placement(t, products, []string{"acme", "zeta"}[pick%2])
	p.Payment.Method = []string{"", "card", "bank"}[pick%3]
	p.Order.Test = pick%5 == 0
	p.Order.DueAt = h.db.Now().Add(24 * time.Hour)
	if _, placed, err := models.NewOrders(h.db).Place(context.Background(), p, shopper); err != nil || !placed {
		t.Fatal(placed, err)
	}
	return p.Payment.ID
}

// again pays an order whose payment came to nothing in another way.
func (h ledgerHand) again(id string) (string, error) {
	p, err := h.payments.ByID(context.Background(), id)
	if err != nil || p.Live {
		return "", err
	}
	n := models.NewPayment{ID: rand.Text(), Key: rand.Text(), Provider: "acme", Method: "bank", Capture: models.CaptureAuto}
	if err := h.payments.Retry(context.Background(), p.OrderID, n, shopper); errors.Is(err, models.ErrNotPayable) {
		return "", nil
	} else if err != nil {
		return "", err
	}
	return n.ID, nil
}

// zones are where days are cut in these tests, with a moment some hours before
// a clock there is changed. In UTC none ever is.
var zones = map[string]time.Time{
	"Pacific/Auckland forward": time.Date(2026, 9, 26, 9, 0, 0, 0, time.UTC),
	"Pacific/Auckland back":    time.Date(2026, 4, 4, 9, 0, 0, 0, time.UTC),
	"UTC":                      time.Date(2026, 12, 31, 18, 0, 0, 0, time.UTC),
	"America/St_Johns back":    time.Date(2026, 10, 31, 22, 0, 0, 0, time.UTC),
}

// Whatever happens to orders, in whatever order, over the days around a change
// of the clocks: the books follow from the ledger. A shop opened anew finds the
// same.
func TestFigures_FollowFromTheLedger(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		for where, from := range zones {
			t.Run(kind+" "+where, func(t *testing.T) {
				t.Parallel()
				name, _, _ := strings.Cut(where, " ")
				zone, err := models.Zone(name)
				if err != nil {
					t.Fatal(err)
				}
				b := modelstest.Open(t, kind)
				products := modelstest.Catalogue(t, b)
				b.Clock.Pass(from.Sub(b.Clock.Now()))
				if _, err := b.DB.BeginSettings(t.Context(), models.Settings{ShopName: "Shop", TimeZone: name, OpenSeconds: 1, KeepSeconds: 1, HoldRule: "void", HoldWarning: 3}); err != nil {
					t.Fatal(err)
				}
				h := ledgerHand{b.DB, models.NewPayments(b.DB)}
				var ids []string
				closed := map[int64]models.Close{}
				rapid.Check(t, func(rt *rapid.T) {
					ids = append(ids, h.place(t, products, rapid.Int64Range(0, 29).Draw(rt, "placed")))
					for range rapid.IntRange(1, 5).Draw(rt, "steps") {
						id := ids[len(ids)-1-rapid.IntRange(0, min(2, len(ids)-1)).Draw(rt, "order")]
						if err := h.step(rapid.SampledFrom(ledgerSteps).Draw(rt, "step"), id, rapid.Int64Range(0, 2000).Draw(rt, "size")); err != nil {
							rt.Fatal(err)
						}
						other, err := h.again(id)
						if err != nil {
							rt.Fatal(err)
						}
						if other != "" {
							ids = append(ids, other)
						}
						b.Clock.Pass(time.Duration(rapid.IntRange(1, 3600).Draw(rt, "seconds")) * time.Second)
						if rapid.IntRange(0, 9).Draw(rt, "close") == 0 {
							soundCloses(t, b.DB, closed)
						}
					}
					b.Clock.Pass(3 * time.Hour) // so that a few of them are days
				})
				soundBooks(t, b.DB, zone)
				soundOrders(t, b.DB)
				b.Clock.Pass(48 * time.Hour)
				soundCloses(t, b.DB, closed)
				if len(closed) < 3 {
					t.Errorf("only %d closes", len(closed))
				}
				if n := count(t, b, "bookings", "close_id IS NULL"); n != 0 {
					t.Errorf("%d facts are of no close", n)
				}
				days := map[string]bool{}
				for key := range fold(t, b.DB, zone) {
					days[key.Day] = true
				}
				if len(days) < 3 {
					t.Errorf("all of it happened within %d days", len(days))
				}

				again, err := models.Open(t.Context(), models.Options{Name: b.Name, Now: b.Clock.Now, Queue: b.Queue})
				if err != nil {
					t.Fatal(err)
				}
				defer func() {
					if err := again.Close(); err != nil {
						t.Error(err)
					}
				}()
				if err := again.Migrate(t.Context()); err != nil {
					t.Fatal(err)
				}
				soundBooks(t, again, zone)
			})
		}
	}
}

// soundCloses closes days, and checks that every close is what its facts come
// to, and that those before are as they were.
func soundCloses(t testing.TB, db *models.DB, before map[int64]models.Close) {
	t.Helper()
	if _, err := models.NewCloses(db).CloseDays(context.Background()); err != nil {
		t.Fatal(err)
	}
	payments, facts := map[string]models.Payment{}, map[int64]models.Fact{}
	for _, p := range rows[models.Payment](t, db, "id") {
		payments[p.ID] = p
	}
	for _, f := range rows[models.Fact](t, db, "id") {
		facts[f.ID] = f
	}
	sums, counted := map[int64]modelstest.Sum{}, map[int64]int64{}
	all := rows[models.Close](t, db, "id")
	byID := map[int64]models.Close{}
	for _, c := range all {
		byID[c.ID] = c
	}
	for _, b := range rows[models.Booking](t, db, "fact_id") {
		if b.CloseID == nil {
			continue
		}
		f, c := facts[b.FactID], byID[*b.CloseID]
		if p := payments[f.PaymentID]; p.Provider != c.Provider || f.Amount.Currency != c.Currency || b.Test != c.Test || b.Day > c.Day {
			t.Fatalf("fact %+v, booked as %+v, is in the close %+v", f, b, c)
		}
		counted[c.ID]++
		sums[c.ID] = sums[c.ID].Plus(modelstest.Moved(f.Kind, f.Amount.Minor))
	}
	for _, c := range all {
		got, want := modelstest.Sum{Taken: c.TakenMinor, Refunded: c.RefundedMinor, Disputed: c.DisputedMinor}, sums[c.ID]
		if got != want || c.PayoutMinor != want.Net() || c.Facts != counted[c.ID] {
			t.Fatalf("the close %+v has %d facts that come to %+v", c, counted[c.ID], want)
		}
		if old, ok := before[c.ID]; ok && old != c {
			t.Fatalf("the close %+v was %+v", c, old)
		}
		before[c.ID] = c
	}
	if len(all) != len(before) {
		t.Fatalf("%d closes, and there were %d", len(all), len(before))
	}
	if _, err := models.NewCloses(db).Check(context.Background(), func(f models.Finding) error { t.Errorf("%+v", f); return nil }); err != nil {
		t.Fatal(err)
	}
}

// soundOrders checks what an export says of each order's money. Money of another
// currency than the order's is none of it: it waits in the inbox.
func soundOrders(t testing.TB, db *models.DB) {
	t.Helper()
	payments, want, ids := map[string]models.Payment{}, map[int64]modelstest.Sum{}, []int64{}
	for _, p := range rows[models.Payment](t, db, "id") {
		payments[p.ID] = p
	}
	for _, f := range rows[models.Fact](t, db, "id") {
		p := payments[f.PaymentID]
		if f.Amount.Currency != p.Amount.Currency {
			continue
		}
		want[p.OrderID] = want[p.OrderID].Plus(modelstest.Moved(f.Kind, f.Amount.Minor))
	}
	for _, o := range rows[models.Order](t, db, "id") {
		ids = append(ids, o.ID)
	}
	got, err := models.NewOrders(db).Sums(context.Background(), ids)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if g := got[id]; (modelstest.Sum{Taken: g.Taken, Refunded: g.Refunded, Disputed: g.Disputed}) != want[id] {
			t.Errorf("order %d: %+v, and its facts come to %+v", id, g, want[id])
		}
	}
}

// A clock that is put forward or back makes a day of 23 or 25 hours, and money
// counts to the day that the clock in the shop showed.
func TestFigures_DayOfTheShop(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		products := modelstest.Catalogue(t, b)
		if _, err := b.DB.BeginSettings(t.Context(), models.Settings{ShopName: "Shop", TimeZone: "Pacific/Auckland", OpenSeconds: 1, KeepSeconds: 1, HoldRule: "void", HoldWarning: 3}); err != nil {
			t.Fatal(err)
		}
		h := ledgerHand{b.DB, models.NewPayments(b.DB)}
		want := map[string]int64{}
		for _, tt := range []struct{ at, day string }{
			{"2026-04-04T10:59:59Z", "2026-04-04"}, // 23:59:59 NZDT
			{"2026-04-04T11:00:00Z", "2026-04-05"}, // 00:00 NZDT
			{"2026-04-04T13:30:00Z", "2026-04-05"}, // 02:30, the first time
			{"2026-04-04T14:30:00Z", "2026-04-05"}, // 02:30, the second time
			{"2026-04-05T11:59:59Z", "2026-04-05"}, // 25 hours later
			{"2026-04-05T12:00:00Z", "2026-04-06"},
			{"2026-09-26T11:59:59Z", "2026-09-26"}, // NZST
			{"2026-09-26T12:00:00Z", "2026-09-27"},
			{"2026-09-27T10:59:59Z", "2026-09-27"}, // 23 hours later
			{"2026-09-27T11:00:00Z", "2026-09-28"},
		} {
			at, err := time.Parse(time.RFC3339, tt.at)
			if err != nil {
				t.Fatal(err)
			}
			b.Clock.Pass(at.Sub(b.Clock.Now()))
			if err := h.step("capture", h.place(t, products, 1), 0); err != nil {
				t.Fatal(err)
			}
			want[tt.day] += 2500
		}
		got := map[string]int64{}
		for key, sum := range figured(t, b.DB) {
			got[key.Day] += sum[3]
		}
		if !maps.Equal(got, want) {
			t.Errorf("taken %v, want %v", got, want)
		}
	})
}

// Twenty at once, on different orders and on the same ones: the numbers have no
// gap, and the figures miss nothing.
func TestFigures_AtOnce(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		products := modelstest.Catalogue(t, b)
		h := ledgerHand{b.DB, models.NewPayments(b.DB)}
		ids := make([]string, 20)
		var wg sync.WaitGroup
		for i := range ids {
			wg.Go(func() {
				ids[i] = h.place(t, products, int64(i))
				for _, what := range []string{"capture", "refund outside", "dispute"} {
					if err := h.step(what, ids[i], int64(100+i)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		for i := range 20 { // on the first five, four hands each
			wg.Go(func() {
				what := []string{"refund outside", "refund", "correct", "refunded"}[i%4]
				if err := h.step(what, ids[i/4], int64(10+i)); err != nil {
					t.Error(what, err)
				}
			})
		}
		wg.Wait()
		soundBooks(t, b.DB, time.UTC)
		if n := count(t, b, "documents", "kind = 'receipt'"); n < 20 {
			t.Errorf("%d receipts", n)
		}
	})
}

// Money that came another way is a payment that was begun, too: as many have
// money as were begun, or fewer.
func TestFigures_PaidOutside(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		s := newShelf(t, b)
		p := s.issued()
		s.record(models.Change{PaymentID: p.ID, Version: p.Version, State: models.PaymentFailed, Cause: shopper})
		b.Clock.Pass(time.Second)
		n := models.NewPayment{ID: rand.Text(), Key: rand.Text()}
		if _, err := s.payments.PaidOutside(t.Context(), p.OrderID, n, "cash", shopper); err != nil {
			t.Fatal(err)
		}
		soundBooks(t, b.DB, time.UTC)
		key := models.Figure{Day: "2026-03-06", Currency: "NZD", Provider: models.Outside}
		if got, want := figured(t, b.DB)[key], [6]int64{0, 1, 1, 2500, 0, 0}; got != want {
			t.Errorf("%v, want %v", got, want)
		}
		if o, err := models.NewOrders(b.DB).ByNumber(t.Context(), p.OrderID); err != nil || o.Provider != models.Outside {
			t.Errorf("lists show the order with %q: %v", o.Provider, err)
		}
	})
}

// Each corruption of the books is found, and told as what it is.
func TestVerify_Books(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			for _, tt := range []struct {
				name, statements string // with :p for the payment and :f for its fact
				want             []string
			}{
				{"a figure that is too much", "UPDATE figures SET taken_minor = taken_minor + 1", []string{"0 figures, taken in NZD by acme on 2026-03-06: 2500, not 2501"}},
				{"a figure that is gone", "DELETE FROM figures", []string{
					"0 figures, taken in NZD by acme on 2026-03-06: 2500, not 0", "0 figures, orders in NZD by acme: 1, not 0",
					"0 figures, payments in NZD by acme: 1, not 0", "0 figures, payments that had money in NZD by acme: 1, not 0",
				}},
				{
					"a figure of nothing",
					"INSERT INTO figures (day, test, currency, provider, method, orders, attempts, succeeded, taken_minor, refunded_minor, disputed_minor) VALUES ('2026-03-06', TRUE, 'USD', 'zeta', 'card', 0, 2, 0, 0, 5, 0)",
					[]string{"0 figures, refunded in USD by zeta card on 2026-03-06, tests: 0, not 5", "0 figures, payments in USD by zeta card, tests: 0, not 2"},
				},
				{"success that was not", "UPDATE figures SET succeeded = 2", []string{"0 figures, payments that had money in NZD by acme: 1, not 2"}},
				{"an order that was not", "UPDATE figures SET orders = 0", []string{"0 figures, orders in NZD by acme: 1, not 0"}},
				{"another day", "UPDATE bookings SET day = '2026-03-07'", []string{
					"0 figures, taken in NZD by acme on 2026-03-06: 0, not 2500", "0 figures, taken in NZD by acme on 2026-03-07: 2500, not 0",
				}},
				{"a day that no clock showed", "UPDATE bookings SET day = '2026-03-09'; UPDATE figures SET day = '2026-03-09'", []string{":o day of fact :f of payment :p: 2026-03-06 to 2026-03-07, not 2026-03-09"}},
				{"a test that is none", "UPDATE bookings SET test = TRUE; UPDATE figures SET test = TRUE", []string{
					":o booking of fact :f of payment :p: a real one, not a test", ":o document of fact :f of payment :p: TEST-R over NZD 25.00 for order :o, not R over NZD 25.00 for order :o",
					"0 figures, orders in NZD by acme: 1, not 0", "0 figures, payments in NZD by acme: 1, not 0", "0 figures, payments that had money in NZD by acme: 1, not 0",
					"0 figures, orders in NZD by acme, tests: 0, not 1", "0 figures, payments in NZD by acme, tests: 0, not 1", "0 figures, payments that had money in NZD by acme, tests: 0, not 1",
				}},
				{"no booking", "DELETE FROM bookings", []string{":o booking of fact :f of payment :p: a day, not nothing", "0 figures, taken in NZD by acme on 2026-03-06: 0, not 2500"}},
				{"no document", "DELETE FROM documents", []string{":o document of fact :f of payment :p: R over NZD 25.00 for order :o, not nothing", "0 last number of R: 0, not 1"}},
				{"another amount", "UPDATE documents SET minor = 2400", []string{":o document of fact :f of payment :p: R over NZD 25.00 for order :o, not R over NZD 24.00 for order :o"}},
				{"another kind", "UPDATE documents SET kind = 'credit_note'", []string{
					":o document of fact :f of payment :p: R over NZD 25.00 for order :o, not C over NZD 25.00 for order :o", "0 last number of R: 0, not 1", "0 last number of C: 1, not 0",
				}},
				{"a gap", "UPDATE documents SET number = 3", []string{"0 numbers of R: 1 to 1, not up to 3", "0 last number of R: 3, not 1"}},
				{"a number that nobody has", "UPDATE series SET number = 4", []string{"0 last number of R: 1, not 4"}},
				{
					"a paper about no money",
					"INSERT INTO facts (payment_id, kind, minor, currency, ref, actor, source, at) SELECT payment_id, 'refund_failed', 1, currency, '', '', '', at FROM facts; INSERT INTO facts (payment_id, kind, minor, currency, ref, actor, source, at) SELECT payment_id, 'refund_reserved', 1, currency, '', '', '', at FROM facts WHERE kind = 'captured'; INSERT INTO bookings (fact_id, day, test) SELECT id, '2026-03-06', FALSE FROM facts WHERE kind <> 'captured'; INSERT INTO documents (kind, test, number, order_id, fact_id, minor, currency, at) SELECT 'receipt', FALSE, 2, order_id, fact_id + 1, minor, currency, at FROM documents; UPDATE series SET number = 2",
					[]string{":o document of fact :g of payment :p: nothing, not R over NZD 25.00 for order :o"},
				},
			} {
				t.Run(tt.name, func(t *testing.T) {
					s := newShelf(t, modelstest.Open(t, kind))
					pay := s.paid()
					if lines, _ := s.verify(); lines != nil {
						t.Fatalf("before: %q", lines)
					}
					s.unlock(kind)
					fact := rows[models.Fact](t, s.DB, "id")[0].ID
					for statement := range strings.SplitSeq(tt.statements, ";") {
						s.sql(statement)
					}
					var want []string
					for _, line := range tt.want {
						want = append(want, strings.NewReplacer(":p", pay.ID, ":o", fmt.Sprint(pay.OrderID), ":f", fmt.Sprint(fact), ":g", fmt.Sprint(fact+1)).Replace(line))
					}
					lines, _ := s.verify()
					if !slices.Equal(lines, want) {
						t.Errorf("found\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
					}
				})
			}
		})
	}
}

// A payment that succeeds when the shop's clocks are another zone's is counted
// as one of the day on which it was begun; its money is of the day it came.
func TestFigures_AnotherZoneMeanwhile(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		products := modelstest.Catalogue(t, b)
		first, err := b.DB.BeginSettings(t.Context(), models.Settings{ShopName: "Shop", TimeZone: "UTC"}.OrDefaults())
		if err != nil {
			t.Fatal(err)
		}
		h := ledgerHand{b.DB, models.NewPayments(b.DB)}
		placed := h.place(t, products, 1) // 12:00 on 6 March, which is 7 March in Auckland
		b.Clock.Pass(time.Minute)
		first.TimeZone = "Pacific/Auckland"
		if _, err := b.DB.SaveSettings(t.Context(), first, "staff ann@example.test"); err != nil {
			t.Fatal(err)
		}
		b.Clock.Pass(time.Minute)
		if err := h.step("capture", placed, 0); err != nil {
			t.Fatal(err)
		}
		var all []models.Figure
		pool, _, err := b.DB.SQL()
		if err != nil {
			t.Fatal(err)
		}
		rows, err := pool.QueryContext(t.Context(), "SELECT day, attempts, succeeded, taken_minor FROM figures ORDER BY day")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var f models.Figure
			if err := rows.Scan(&f.Day, &f.Attempts, &f.Succeeded, &f.TakenMinor); err != nil {
				t.Fatal(err)
			}
			all = append(all, f)
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		want := []models.Figure{{Day: "2026-03-06", Attempts: 1, Succeeded: 1}, {Day: "2026-03-07", TakenMinor: 2500}}
		if !slices.Equal(all, want) {
			t.Errorf("%+v, want %+v", all, want)
		}
	})
}
