package models_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"till/models"
	"till/models/modelstest"
	"till/money"
)

var ann = models.Cause{Actor: models.StaffActor("ann@example.test"), Source: "dashboard"}

// parcel is a paid order whose goods are here.
type parcel struct {
	modelstest.Bench
	*testing.T
	orders *models.Orders
	id     int64
	pay    models.Payment
}

func newParcel(t *testing.T, b modelstest.Bench) *parcel {
	t.Helper()
	p := modelstest.Placement(t, modelstest.Catalogue(t, b), "acme")
	order := modelstest.Place(t, b, p)
	pay, err := models.NewPayments(b.DB).ByID(t.Context(), p.Payment.ID)
	if err != nil {
		t.Fatal(err)
	}
	return &parcel{b, t, models.NewOrders(b.DB), order.ID, pay}
}

func newPaidParcel(t *testing.T, b modelstest.Bench) *parcel {
	t.Helper()
	p := newParcel(t, b)
	p.record(paid(p.pay, "test"))
	return p
}

func (p *parcel) record(c models.Change) {
	p.Helper()
	c.Version = p.pay.Version
	pay, _, err := models.NewPayments(p.DB).Record(p.Context(), c)
	if err != nil {
		p.Fatal(err)
	}
	p.pay = pay
}

func (p *parcel) fact(kinds ...models.FactKind) {
	p.Helper()
	c := models.Change{PaymentID: p.pay.ID, State: p.pay.State, Word: p.pay.Word, Cause: models.Cause{Actor: "provider", Source: "test"}}
	for _, k := range kinds {
		c.Facts = append(c.Facts, models.Fact{Kind: k, Amount: money.Amount{Minor: 2500, Currency: "NZD"}})
	}
	p.record(c)
}

func (p *parcel) read() models.OrderDetail {
	p.Helper()
	d, err := p.orders.ByNumber(p.Context(), p.id)
	if err != nil {
		p.Fatal(err)
	}
	return d
}

// rows is how much there is of all that packing and shipping may write.
func (p *parcel) rows() string {
	p.Helper()
	d := p.read()
	return fmt.Sprint(count(p.T, p.Bench, "events", "1=1"), count(p.T, p.Bench, "audit", "1=1"), count(p.T, p.Bench, "mails", "1=1"),
		count(p.T, p.Bench, "order_words", "1=1"), len(p.Queue.Take("send_mail")), d.PackedAt, d.ShippedAt, d.Carrier, d.Tracking, d.UpdatedAt)
}

func (p *parcel) said(kind models.EventKind) (all []models.Event) {
	for _, e := range p.read().Events {
		if e.Kind == kind {
			all = append(all, e)
		}
	}
	return all
}

func (p *parcel) refuse(err, want error) {
	p.Helper()
	var unfit, other *models.UnfitError
	errors.As(want, &other)
	if !errors.Is(err, models.ErrIllegal) || !errors.As(err, &unfit) || *unfit != *other {
		p.Fatalf("%v, want %v", err, want)
	}
}

func TestOrders_PackAndShip(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		p := newPaidParcel(t, b)
		b.Queue.Take("send_mail")
		for range 2 { // the same again changes nothing
			if err := p.orders.Pack(t.Context(), p.id, ann); err != nil {
				t.Fatal(err)
			}
		}
		if d := p.read(); d.PackedAt == nil || d.ShippedAt != nil || len(p.said(models.EventPacked)) != 1 {
			t.Fatalf("%+v", d.Order)
		}
		for range 2 {
			if err := p.orders.Ship(t.Context(), p.id, " NZ\nPost ", "AB 12", ann); err != nil {
				t.Fatal(err)
			}
		}
		d, said := p.read(), p.said(models.EventShipped)
		if d.ShippedAt == nil || d.Carrier != "NZ Post" || d.Tracking != "AB 12" || len(said) != 1 || said[0].Detail != "NZ Post AB 12" {
			t.Fatalf("%+v %+v", d.Order, said)
		}
		if n := count(t, b, "mails", "kind = 'shipped' AND order_id = ?", p.id); n != 1 || len(b.Queue.Take("send_mail")) != 1 {
			t.Errorf("%d mails", n)
		}
		if n := count(t, b, "audit", "actor = ? AND action IN ('packed','shipped') AND subject = ?", ann.Actor, "order 1001"); n != 2 {
			t.Errorf("%d lines of the audit", n)
		}
		if n := count(t, b, "order_words", "word = '12' AND order_id = ?", p.id); n != 1 {
			t.Error("not found by its tracking number")
		}
		before := p.rows()
		p.refuse(p.orders.Ship(t.Context(), p.id, "DHL", "AB 12", ann), &models.UnfitError{Why: models.UnfitShipped})
		p.refuse(p.orders.Pack(t.Context(), p.id, ann), &models.UnfitError{Why: models.UnfitShipped})
		p.refuse(p.orders.Unpack(t.Context(), p.id, ann), &models.UnfitError{Why: models.UnfitShipped})
		if after := p.rows(); after != before {
			t.Errorf("a refusal wrote: %s, then %s", before, after)
		}
	})
}

// A slip is undone in time; the mail is one, whatever was undone.
func TestOrders_Unship(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		p := newPaidParcel(t, b)
		b.Queue.Take("send_mail")
		do := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		p.refuse(p.orders.Unship(t.Context(), p.id, ann), &models.UnfitError{Why: models.UnfitNotShipped})
		p.refuse(p.orders.Unpack(t.Context(), p.id, ann), &models.UnfitError{Why: models.UnfitNotPacked})
		do(p.orders.Pack(t.Context(), p.id, ann))
		do(p.orders.Unpack(t.Context(), p.id, ann))
		do(p.orders.Ship(t.Context(), p.id, "DHL", "1", ann))
		do(p.orders.Unship(t.Context(), p.id, ann))
		if d := p.read(); d.PackedAt != nil || d.ShippedAt != nil || d.Carrier != "" || d.Tracking != "" || len(p.said(models.EventUnshipped)) != 1 {
			t.Fatalf("%+v", d.Order)
		}
		do(p.orders.Ship(t.Context(), p.id, "Post", "2", ann))
		if n, jobs := count(t, b, "mails", "kind = 'shipped'"), len(b.Queue.Take("send_mail")); n != 1 || jobs != 2 {
			t.Fatalf("%d mails, asked for %d times", n, jobs)
		}
		mails, err := models.NewMails(b.DB).OfOrder(t.Context(), p.id)
		do(err)
		do(models.NewMails(b.DB).Written(t.Context(), mails[len(mails)-1].ID, "On its way", "…"))
		do(p.orders.Unship(t.Context(), p.id, ann))
		do(p.orders.Ship(t.Context(), p.id, "Post", "3", ann))
		if n, jobs := count(t, b, "mails", "kind = 'shipped'"), len(b.Queue.Take("send_mail")); n != 1 || jobs != 0 {
			t.Fatalf("%d mails, and %d jobs for one that was written", n, jobs)
		}
		b.Clock.Pass(models.UnshipFor + time.Second)
		before := p.rows()
		p.refuse(p.orders.Unship(t.Context(), p.id, ann), &models.UnfitError{Why: models.UnfitLate})
		if after := p.rows(); after != before {
			t.Errorf("a refusal wrote: %s, then %s", before, after)
		}
	})
}

func TestOrders_Ship_OnlyWhatIsPaidFor(t *testing.T) {
	t.Parallel()
	unfit := func(why models.Unfit) error { return &models.UnfitError{Why: why} }
	for name, tt := range map[string]struct {
		make func(t *testing.T, b modelstest.Bench) *parcel
		want error // nil: it may leave
	}{
		"not paid": {newParcel, unfit(models.UnfitUnpaid)},
		"cancelled": {func(t *testing.T, b modelstest.Bench) *parcel {
			p := newParcel(t, b)
			p.record(models.Change{PaymentID: p.pay.ID, State: models.PaymentFailed})
			if closed, err := p.orders.Close(t.Context(), p.id, models.EventCancelled, "", ann); err != nil || !closed {
				t.Fatal(closed, err)
			}
			return p
		}, unfit(models.UnfitCancelled)},
		"money on its way back": {func(t *testing.T, b modelstest.Bench) *parcel {
			p := newPaidParcel(t, b)
			p.fact(models.FactRefundReserved)
			return p
		}, unfit(models.UnfitReturning)},
		"money gone back": {func(t *testing.T, b modelstest.Bench) *parcel {
			p := newPaidParcel(t, b)
			p.fact(models.FactRefundReserved, models.FactRefunded)
			return p
		}, unfit(models.UnfitReturned)},
		"disputed": {func(t *testing.T, b modelstest.Bench) *parcel {
			p := newPaidParcel(t, b)
			if err := raw(t, b, "UPDATE orders SET status = 'chargeback'"); err != nil {
				t.Fatal(err)
			}
			return p
		}, unfit(models.UnfitDisputed)},
		"a refund that failed": {func(t *testing.T, b modelstest.Bench) *parcel {
			p := newPaidParcel(t, b)
			p.fact(models.FactRefundReserved)
			p.fact(models.FactRefundFailed)
			return p
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
				p := tt.make(t, b)
				b.Queue.Take("send_mail")
				before := p.rows()
				pack, ship := p.orders.Pack(t.Context(), p.id, ann), p.orders.Ship(t.Context(), p.id, "Post", "1", ann)
				if tt.want == nil {
					if pack != nil || ship != nil {
						t.Fatal(pack, ship)
					}
					return
				}
				p.refuse(pack, tt.want)
				p.refuse(ship, tt.want)
				if after := p.rows(); after != before {
					t.Errorf("a refusal wrote: %s, then %s", before, after)
				}
			})
		})
	}
}

func TestOrders_Ship_Words(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		p := newPaidParcel(t, b)
		before := p.rows()
		p.refuse(p.orders.Ship(t.Context(), p.id, strings.Repeat("x", models.MaxCarrier+1), "", ann), &models.UnfitError{Why: models.UnfitWords})
		p.refuse(p.orders.Ship(t.Context(), p.id, "", strings.Repeat("x", models.MaxTracking+1), ann), &models.UnfitError{Why: models.UnfitWords})
		for _, err := range []error{
			p.orders.Ship(t.Context(), 7, "", "", ann), p.orders.Pack(t.Context(), 7, ann), p.orders.Unpack(t.Context(), 7, ann), p.orders.Unship(t.Context(), 7, ann),
		} {
			if !errors.Is(err, models.ErrNotFound) {
				t.Errorf("no such order: %v", err)
			}
		}
		if after := p.rows(); strings.Fields(after)[0] != strings.Fields(before)[0] {
			t.Errorf("a refusal wrote: %s, then %s", before, after)
		}
	})
}

// Twenty at once, with two carriers: one wins, the others of the same carrier
// are told that it is so, the others are refused.
func TestOrders_Ship_AtOnce(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		p := newPaidParcel(t, b)
		b.Queue.Take("send_mail")
		var wg sync.WaitGroup
		var mu sync.Mutex
		done := map[string]int{}
		for i := range 20 {
			carrier := []string{"Post", "DHL"}[i%2]
			wg.Go(func() {
				err := p.orders.Ship(context.WithoutCancel(t.Context()), p.id, carrier, "1", ann)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					done[carrier]++
				} else if !errors.Is(err, models.ErrIllegal) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if len(done) != 1 || done[p.read().Carrier] != 10 {
			t.Errorf("%v, and %s has it", done, p.read().Carrier)
		}
		if n := count(t, b, "mails", "kind = 'shipped'"); n != 1 || len(p.said(models.EventShipped)) != 1 || len(b.Queue.Take("send_mail")) != 1 {
			t.Errorf("%d mails, %d events", n, len(p.said(models.EventShipped)))
		}
	})
}

// What an order may is one list in Go and in SQL.
func TestOrder_MayShip_IsWhatIsToShip(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		p := newPaidParcel(t, b)
		for _, status := range models.OrderStatuses() {
			if err := raw(t, b, "UPDATE orders SET status = ?", status); err != nil {
				t.Fatal(err)
			}
			rows, _, err := p.orders.List(t.Context(), models.OrderFilter{ToShip: true, Limit: 9})
			if err != nil {
				t.Fatal(err)
			}
			may := p.read().MayShip() == nil
			if listed := slices.ContainsFunc(rows, func(o models.OrderRow) bool { return o.ID == p.id }); listed != may {
				t.Errorf("%s: may %v, listed %v", status, may, listed)
			}
		}
	})
}

// The same form at once and again is one packing, and one parcel.
func TestOrders_OncePerForm(t *testing.T) {
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		p := newPaidParcel(t, b)
		many := func(do func() error) {
			t.Helper()
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					if err := do(); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
		pack := func() error { return p.orders.PackOnce(t.Context(), p.id, "form", ann) }
		ship := func(carrier string) error { return p.orders.ShipOnce(t.Context(), p.id, "form", carrier, "12", ann) }
		many(pack)
		if err := p.orders.Unpack(t.Context(), p.id, ann); err != nil {
			t.Fatal(err)
		}
		many(pack)
		if n := count(t, b, "events", "kind = 'packed'"); n != 1 || p.read().PackedAt != nil {
			t.Errorf("packed %d times", n)
		}
		many(func() error { return ship("Post") })
		if err := p.orders.Unship(t.Context(), p.id, ann); err != nil {
			t.Fatal(err)
		}
		many(func() error { return ship("Post") })
		p.Queue.Take("send_mail")
		before := p.rows()
		if err := ship("DHL"); !errors.Is(err, models.ErrDuplicate) || p.rows() != before {
			t.Errorf("with another carrier: %v", err)
		}
		if n := count(t, b, "events", "kind = 'shipped'"); n != 1 || p.read().ShippedAt != nil {
			t.Errorf("shipped %d times", n)
		}
	})
}
