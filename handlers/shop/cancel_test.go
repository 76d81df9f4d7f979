package shop_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"till/models"
	"till/providers"
)

// cancels sends the form that cancels, from a page that was shown when nothing
// was reserved.
func (s *story) cancels(then string) (answer, models.OrderDetail) {
	s.t.Helper()
	page := s.browser(s.t).get("/orders/" + s.token)
	if reserved := hidden(page.body, "reserved"); !strings.Contains(page.body, `name="reserved"`) || reserved != "" {
		s.t.Fatalf("the page says that %q is reserved", reserved)
	}
	return s.cancelsAfter(func() {}, then)
}

func (s *story) cancelsAfter(meanwhile func(), then string) (answer, models.OrderDetail) {
	s.t.Helper()
	meanwhile()
	a := s.browser(s.t).post("/orders/"+s.token+"/cancel", url.Values{"reserved": {""}, "then": {then}})
	d, err := models.NewOrders(s.DB).ByNumber(s.t.Context(), s.id)
	if err != nil {
		s.t.Fatal(err)
	}
	return a, d
}

// What is reserved or paid while a page that says otherwise is open is not let go
// by that page's form: it is shown as it is now.
func TestCancel_NotWhatThePageSaid(t *testing.T) {
	for _, tt := range []struct {
		name      string
		meanwhile func(s *story)
		status    models.OrderStatus
		says      string
	}{
		{"reserved, and we know", func(s *story) { s.reserved() }, models.OrderHold, "NZD 25.00 was reserved for this order since the page before was made"},
		{"reserved, and only the provider knows", func(s *story) { s.full.Reserve(s.p.Ref) }, models.OrderHold, "NZD 25.00 was reserved for this order since"},
		{"paid, and we know", func(s *story) { s.paid() }, models.OrderPaid, "This order was paid since the page before was made"},
		{"paid, and only the provider knows", func(s *story) { s.full.Say(s.p.Ref, providers.Paid, 0) }, models.OrderPaid, "This order was paid since"},
	} {
		for _, then := range []string{"", "cart"} {
			t.Run(tt.name+" "+then, func(t *testing.T) {
				tell(t, func(t *testing.T, s *story) {
					a, d := s.cancelsAfter(func() { tt.meanwhile(s) }, then)
					if a.status != http.StatusConflict || attr(a.body, "data-status") != string(tt.status) {
						t.Fatalf("%d to %q, %s", a.status, a.to, attr(a.body, "data-status"))
					}
					for _, text := range []string{"The order is not cancelled", tt.says, "please write to us"} {
						if !strings.Contains(read(a.body), text) {
							t.Errorf("no %q in %s", text, read(a.body))
						}
					}
					asked := slices.ContainsFunc(d.Operations, func(op models.Operation) bool { return op.Kind != models.OperationStart })
					if d.CancelledAt != nil || d.Status != tt.status || asked || s.full.Cancels+s.full.Voids+s.full.Refunds != 0 {
						t.Errorf("%s; %+v; %d cancelled, %d released, %d refunded there", d.Status, d.Operations, s.full.Cancels, s.full.Voids, s.full.Refunds)
					}
				})
			})
		}
	}
}

// Nothing has changed since the page: the order is cancelled, there too.
func TestCancel_AsThePageSaid(t *testing.T) {
	tell(t, func(t *testing.T, s *story) {
		a, d := s.cancels("")
		if a.status != http.StatusSeeOther || a.to != "/orders/"+s.token || d.Status != models.OrderCancelled || s.full.Cancels != 1 {
			t.Fatalf("%d to %q, %s, %d cancelled there", a.status, a.to, d.Status, s.full.Cancels)
		}
	})
}

// A form that says that something is reserved which is not is of another page.
func TestCancel_MoreThanThereIs(t *testing.T) {
	tell(t, func(t *testing.T, s *story) {
		a := s.browser(t).post("/orders/"+s.token+"/cancel", url.Values{"reserved": {"2500"}})
		d := s.detail(t)
		if a.status != http.StatusConflict || !strings.Contains(read(a.body), "cancel it below if you still want to") || d.CancelledAt != nil || s.full.Cancels != 0 {
			t.Fatalf("%d, %s, %d cancelled there: %s", a.status, d.Status, s.full.Cancels, read(a.body))
		}
	})
}

// A provider that says nothing now does not stop the question whether it cancels.
func TestCancel_NoAnswerBefore(t *testing.T) {
	tell(t, func(t *testing.T, s *story) {
		s.full.LookErr = unanswered("lookup")
		a, d := s.cancels("")
		if a.status != http.StatusSeeOther || d.Status != models.OrderCancelled || s.full.Cancels != 1 {
			t.Fatalf("%d, %s, %d cancelled there", a.status, d.Status, s.full.Cancels)
		}
	})
}

// The same for an order that makes room for the next one.
func TestCheckout_ReservedMeanwhileIsKept(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		s := b.browser(t)
		s.order()
		first := b.detail(t)
		b.acme.Reserve("acme-1")
		s.add("honey", "1")
		if a := s.post("/checkout", s.form()); a.to != "https://pay.test/acme-2" {
			t.Fatalf("%d %q", a.status, a.to)
		}
		d, err := models.NewOrders(b.DB).ByNumber(t.Context(), first.ID)
		if err != nil || d.Status != models.OrderHold || d.CancelledAt != nil || b.acme.Cancels != 0 {
			t.Fatalf("%s, %d cancelled there, %v", d.Status, b.acme.Cancels, err)
		}
	})
}
