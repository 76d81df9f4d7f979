package admin

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"till/cashier"
	"till/models"
	"till/models/modelstest"
	"till/money"
	"till/providers"
)

var cashierTimer = cashier.Timer

const evil = `<script>alert("x")</script>`

func TestOrder(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		order, pay := b.paid(t, nil)
		_, err := b.pages.Deliveries.Receive(t.Context(), models.Delivery{
			Provider: "acme", EventID: "evt-1", Ref: pay.Ref, Word: "finished", Body: []byte(`{"hello":"there"}`),
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.pages.Deliveries.Match(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		mails, err := b.pages.Mails.OfOrder(t.Context(), order.ID)
		if err != nil || len(mails) != 1 {
			t.Fatal(mails, err)
		}
		w := b.signedIn(t, ownerEmail)
		want(t, w.get(orderURL(order.Number())), 200, "Still to be written")
		if err := b.pages.Mails.Written(t.Context(), mails[0].ID, "Your order is paid", "Kia ora Ann"); err != nil {
			t.Fatal(err)
		}
		got := w.get(orderURL(order.Number()))
		want(t, got, 200,
			`data-status="paid"`, "It is paid. The order can be sent.", "2 × ", "NZD 12.50", "Mug",
			"Ann Lee", "ann@example.test", "1 Kauri Road", "Nelson 7010", "New Zealand", "/orders/"+order.Token,
			"with Acme <Pay>", pay.Ref, pay.ID, "completed", "The ledger adds up.", "+NZD 25.00",
			"Start", "called once", "Asked how it stands: paid", "HTTP 200", "Start: not decided yet", "HTTP 201", `"status": "created"`,
			"“finished”", "evt-1", `"hello": "there"`, "Stored, not acted on yet",
			"Your order is paid", "Kia ora Ann", "Kept here, not sent",
			"Order placed", "Payment written, to be made with Acme <Pay>", "From Created to Redirected", "From Redirected to Paid", "Captured NZD 25.00",
			"shopper, return page", "provider, callback 1",
			"01:00", // 12:00 UTC in Auckland, the day after
			"Ask Acme <Pay> now",
		)
		report := got.Body.String()
		if strings.Index(report, "Asked how it stands: paid") > strings.Index(report, "Start: not decided yet") {
			t.Error("the answers are not newest first")
		}
	})
}

// Everything that came from outside is text on the page, whatever it looks like.
func TestOrder_Hostile(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		order, pay := b.order(t, func(p *models.Placement) {
			p.Order.Name, p.Order.Email = evil, evil+"@x.test"
			p.Order.Address = models.Address{Line1: evil, Line2: evil, City: evil, Region: evil, Postcode: evil, Country: "ZZ"}
			p.Lines[0].Name = evil
		})
		b.pay.say(pay.Ref, providers.Declined, evil)
		w := b.signedIn(t, ownerEmail)
		want(t, w.post(orderURL(order.Number())+"/payments/"+pay.ID+"/settle", nil), http.StatusSeeOther)
		got := w.get(orderURL(order.Number()))
		want(t, got, 200, evil, "says: "+evil)
		if body := got.Body.String(); strings.Contains(body, "<script>alert") {
			t.Error("something from outside is markup")
		}
	})
}

func TestOrder_TwoPayments(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		order, first := b.order(t, nil)
		b.pay.say(first.Ref, providers.Declined, "failed")
		if _, err := b.pages.Cashier.Settle(t.Context(), first.ID, cashierTimer); err != nil {
			t.Fatal(err)
		}
		b.Clock.Pass(time.Minute)
		second, err := b.pages.Cashier.Pay(t.Context(), order.ID, "acme", "", models.Cause{Actor: "shopper", Source: "order page"})
		if err != nil {
			t.Fatal(err)
		}
		w := b.signedIn(t, ownerEmail)
		got := w.get(orderURL(order.Number()))
		want(t, got, 200, "Ask Acme <Pay> now about payment 1", "Ask Acme <Pay> now about payment 2")
		if body := got.Body.String(); strings.Index(body, second.Ref) > strings.Index(body, first.Ref) {
			t.Error("payments are not newest first")
		}

		b.pay.say(first.Ref, providers.Paid, "completed") // late money, then the second one too
		b.pay.say(second.Ref, providers.Paid, "completed")
		for _, id := range []string{first.ID, second.ID} {
			want(t, w.post(orderURL(order.Number())+"/payments/"+id+"/settle", nil), http.StatusSeeOther)
		}
		want(t, w.get(orderURL(order.Number())), 200, "Paid twice", "Needs attention: paid twice")
		want(t, w.get("/admin/orders"), 200, `data-testid="waiting">1<`)
	})
}

// What cannot be asked is not offered, and says why to who asks all the same.
func TestOrder_CannotAsk(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		w := b.signedIn(t, ownerEmail)
		old, oldPay := b.order(t, func(p *models.Placement) { p.Payment.Provider = "oldpay" })
		fresh := modelstest.Placement(t, b.products, "acme")
		freshOrder, freshPay := modelstest.Place(t, b.Bench, fresh), fresh.Payment.ID
		for _, tt := range []struct {
			order models.Order
			pay   string
			text  string
		}{
			{old, oldPay.ID, "oldpay is not set up here any more."},
			{freshOrder, freshPay, "Acme <Pay> has not heard of this payment, so there is nothing to ask."},
		} {
			lacks(t, w.get(orderURL(tt.order.Number())), "/settle")
			wantAway(t, w.post(orderURL(tt.order.Number())+"/payments/"+tt.pay+"/settle", nil), orderURL(tt.order.Number()))
			want(t, w.get(orderURL(tt.order.Number())), 200, tt.text)
			lacks(t, w.get(orderURL(tt.order.Number())), tt.text) // said once
		}
		if b.pay.questions() != 0 {
			t.Error("asked about what cannot be asked about")
		}
	})
}

func TestSettle(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		order, pay := b.order(t, nil)
		at := orderURL(order.Number())
		w := b.signedIn(t, ownerEmail)
		ask := func(text string) {
			t.Helper()
			wantAway(t, w.post(at+"/payments/"+pay.ID+"/settle", url.Values{}), at)
			got := w.get(at)
			want(t, got, 200, text)
		}
		broken := func(kind providers.Kind, status int) error {
			return &providers.Error{Provider: "acme", Op: "lookup", Kind: kind, Status: status, Raw: []byte("upstream"), Err: errWire}
		}
		ask("Acme <Pay> says: created. The payment is redirected, as before.")
		b.pay.fail(broken(providers.KindUnavailable, 0))
		ask("Acme <Pay> did not answer; we ask again at 01:00. Nothing was changed.")
		b.pay.fail(broken(providers.KindUnavailable, 503))
		ask("Acme <Pay> could not answer (HTTP 503); we ask again at 01:00.")
		b.pay.fail(broken(providers.KindUnreachable, 0))
		ask("Acme <Pay> could not be reached; we ask again at 01:01.")
		b.pay.fail(broken(providers.KindUnauthorized, 401))
		ask("does not accept our credentials (HTTP 401), so check its settings; we ask again")
		b.pay.fail(broken(providers.KindRejected, 404))
		ask("Acme <Pay> refused the question (HTTP 404); we ask again")
		b.pay.fail(nil)
		b.pay.say(pay.Ref, providers.Paid, "completed")
		ask("Acme <Pay> says: completed. The payment was redirected and is paid now.")
		ask("Acme <Pay> says: completed. The payment is paid, as before.")

		d, err := b.pages.Orders.ByNumber(t.Context(), order.ID)
		if err != nil {
			t.Fatal(err)
		}
		by := models.Cause{Actor: "staff " + ownerEmail, Source: "dashboard"}
		if d.Status != models.OrderPaid || len(d.Facts) != 1 || d.Facts[0].Cause != by {
			t.Errorf("%s %+v", d.Status, d.Facts)
		}
		if !slices.ContainsFunc(d.Events, func(e models.Event) bool { return e.ToState == "paid" && e.Cause == by }) {
			t.Errorf("the timeline does not say who: %+v", d.Events)
		}
		want(t, w.get(at), 200, "staff "+ownerEmail+", dashboard")
	})
}

// A failure that is not the provider's is a page for it, with nothing of its
// text.
func TestSettle_OurFault(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		order, pay := b.order(t, nil)
		w := b.signedIn(t, ownerEmail)
		b.pay.fail(errWire)
		got := w.post(orderURL(order.Number())+"/payments/"+pay.ID+"/settle", nil)
		want(t, got, http.StatusInternalServerError, "It is our mistake, and it is in the log.")
		lacks(t, got, errWire.Error())
	})
}

func TestSettle_Viewer(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		order, pay := b.order(t, nil)
		b.pay.say(pay.Ref, providers.Paid, "completed")
		w := b.signedIn(t, viewerEmail)
		at := orderURL(order.Number())
		lacks(t, w.get(at), "/settle")
		reports := b.count(t, "reports")
		want(t, w.post(at+"/payments/"+pay.ID+"/settle", nil), http.StatusForbidden,
			"You may not do that", "Your role is viewer", "needs the role clerk, manager or owner", viewerEmail)
		if b.pay.questions() != 0 || b.count(t, "facts") != 0 || b.count(t, "reports") != reports {
			t.Error("something was done all the same")
		}
	})
}

func TestSettle_NotOfThisOrder(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		one, _ := b.order(t, nil)
		_, pay := b.order(t, nil)
		w := b.signedIn(t, ownerEmail)
		for _, path := range []string{
			orderURL(one.Number()) + "/payments/" + pay.ID + "/settle", orderURL(one.Number()) + "/payments/none/settle",
			"/admin/orders/9999/payments/" + pay.ID + "/settle", orderURL(one.Number()) + "/payments/%00%ff/settle",
		} {
			want(t, w.post(path, nil), http.StatusNotFound)
		}
		if b.pay.questions() != 0 {
			t.Error("asked about another order's payment")
		}
	})
}

// The rows of one commit have one time or nearly so; the timeline stands in the
// order in which things happened, and a fact beside the step it belongs to.
func TestTimeline(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 6, 12, 0, 0, 0, time.UTC)
	id, other := "p1", "p2"
	shopper, timer := models.Cause{Actor: "shopper", Source: "return page"}, models.Cause{Actor: "till", Source: "timer"}
	event := func(n int64, kind models.EventKind, pay *string, to string, cause models.Cause, after time.Duration) models.Event {
		return models.Event{ID: n, PaymentID: pay, Kind: kind, ToState: to, Cause: cause, At: noon.Add(after)}
	}
	fact := func(n int64, pay string, kind models.FactKind, cause models.Cause, after time.Duration) models.Fact {
		return models.Fact{ID: n, PaymentID: pay, Kind: kind, Amount: money.Amount{Minor: 1, Currency: "NZD"}, Cause: cause, At: noon.Add(after)}
	}
	for _, tt := range []struct {
		name   string
		events []models.Event
		facts  []models.Fact
		want   string // newest first
	}{
		{"nothing", nil, nil, ""},
		{
			"a clock that stands still",
			[]models.Event{
				event(1, models.EventPlaced, nil, "", shopper, 0), event(2, models.EventState, &id, "redirected", shopper, 0),
				event(3, models.EventState, &id, "paid", timer, 0), event(4, models.EventAttention, nil, "sold_out", timer, 0),
				event(5, models.EventState, &other, "paid", timer, 0), event(6, models.EventAttention, nil, "second_payment", timer, 0),
			},
			[]models.Fact{fact(1, id, models.FactCaptured, timer, 0), fact(2, other, models.FactCaptured, timer, 0)},
			"attention captured:p2 state:p2 attention captured:p1 state:p1 state:p1 placed",
		},
		{"a clock that runs", []models.Event{
			event(1, models.EventPlaced, nil, "", shopper, 0), event(2, models.EventState, &id, "paid", timer, 10*time.Microsecond),
			event(3, models.EventAttention, nil, "sold_out", timer, 30*time.Microsecond),
		}, []models.Fact{fact(1, id, models.FactCaptured, timer, 20*time.Microsecond)}, "attention captured:p1 state:p1 placed"},
		{"a callback kept at the time it came", []models.Event{
			event(1, models.EventPlaced, nil, "", shopper, 0), event(2, models.EventState, &id, "paid", timer, time.Minute),
			event(3, models.EventCallback, &id, "", shopper, time.Second),
		}, nil, "state:p1 callback:p1 placed"},
		{
			"facts without a step",
			[]models.Event{event(1, models.EventPlaced, nil, "", shopper, 0)},
			[]models.Fact{fact(1, id, models.FactCorrected, timer, time.Hour), fact(2, id, models.FactCorrected, timer, -time.Hour)},
			"corrected:p1 placed corrected:p1",
		},
	} {
		var h Pages
		h.Cashier = cashier.New(cashier.Config{})
		var got []string
		for _, e := range h.timeline(models.OrderDetail{Events: tt.events, Facts: tt.facts}, clock{noon, time.UTC}) {
			word := string(e.Kind)
			if e.Payment != "" {
				word += ":" + e.Payment
			}
			got = append(got, word)
		}
		if all := strings.Join(got, " "); all != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, all, tt.want)
		}
	}
}

// A page of a whole payment, in the order in which a real one was recorded.
func TestTimeline_OfAPayment(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		order, _ := b.paid(t, nil)
		body := b.signedIn(t, ownerEmail).get(orderURL(order.Number())).Body.String()
		var kinds []string
		for _, m := range regexp.MustCompile(`data-kind="(\w+)"`).FindAllStringSubmatch(body, -1) {
			kinds = append(kinds, m[1])
		}
		if got := strings.Join(kinds, " "); got != "captured state state payment_created placed" {
			t.Errorf("%s", got)
		}
	})
}
