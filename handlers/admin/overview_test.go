package admin

import (
	"fmt"
	"html"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"till/models"
	"till/models/modelstest"
	"till/money"
	"till/providers"

	page "till/views/admin"
)

var needOn = regexp.MustCompile(`data-testid="need" data-need="([^"]*)" data-attention="([^"]*)">.*?<a class="[^"]*" href="([^"]*)">([^<]*)</a>`)

// needsOn is what needs a person, as the overview has it: kind, title, address.
func needsOn(body string) (all []string) {
	for _, m := range needOn.FindAllStringSubmatch(strings.ReplaceAll(body, "\n", " "), -1) {
		all = append(all, html.UnescapeString(m[1]+" | "+m[4]+" | "+m[3]))
	}
	return all
}

func (s *desk) needs(want ...string) {
	s.t.Helper()
	got := s.w.get(overviewURL)
	if have := needsOn(got.Body.String()); !slices.Equal(have, want) {
		s.t.Errorf("needs\n%s\nwant\n%s", strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
	if calm := strings.Contains(got.Body.String(), `data-testid="calm"`); calm != (len(want) == 0) {
		s.t.Errorf("says that nothing needs anybody: %t", calm)
	}
}

// bare is a desk in a shop without an order.
func bare(t *testing.T, test func(t *testing.T, s *desk)) {
	t.Helper()
	each(t, func(t *testing.T, b *bench) { test(t, &desk{bench: b, t: t, w: b.signedIn(t, ownerEmail)}) })
}

// A new shop is told what to do first; whoever may not do a thing has no link to
// it.
func TestOverview_Begin(t *testing.T) {
	bare(t, func(t *testing.T, s *desk) {
		done := func(got string) (all []string) {
			for _, m := range regexp.MustCompile(`data-testid="step" data-done="(\w+)"`).FindAllStringSubmatch(got, -1) {
				all = append(all, m[1])
			}
			return all
		}
		got := s.w.get(overviewURL)
		want(t, got, 200, "Nothing needs you now.", "Begin here", "Name the shop", `href="/admin/settings"`)
		if steps := done(got.Body.String()); !slices.Equal(steps, []string{"false", "true", "true", "false"}) { // products and providers are there
			t.Errorf("steps %v", steps)
		}
		if _, err := s.DB.SaveSettings(t.Context(), models.Settings{ShopName: "Kauri", TimeZone: "Pacific/Auckland", OpenSeconds: 3600, KeepSeconds: 3600, HoldRule: "void", HoldWarning: 3}, models.StaffActor(ownerEmail)); err != nil {
			t.Fatal(err)
		}
		if steps := done(s.w.get(overviewURL).Body.String()); !slices.Equal(steps, []string{"true", "true", "true", "false"}) {
			t.Errorf("steps %v", steps)
		}
		viewer := s.signedIn(t, viewerEmail).get(overviewURL)
		want(t, viewer, 200, "Begin here")
		lacks(t, viewer, ">Settings</a></p>")
		s.again()
		lacks(t, s.w.get(overviewURL), "Begin here")
	})
}

func TestOverview_Needs(t *testing.T) {
	bare(t, func(t *testing.T, s *desk) {
		s.again()
		s.needs()
		s.paid(2400) // a dollar less
		first := s.order.Number()
		item := fmt.Sprintf("item | The amount does not match | /admin/inbox/%d", s.item(models.AttentionMismatch).ID)
		s.needs(item)
		s.again().paid(2300)
		item = "item | The amount does not match | /admin/inbox"
		s.needs(item)
		want(t, s.w.get(overviewURL), 200, "2 wait in the inbox, the oldest since")

		s.again().reserved()
		until := s.Clock.Now().Add(2*24*time.Hour + time.Minute)
		s.hold(until)
		lapsing := "lapsing | 1 reservation is about to lapse | " + s.at("")
		s.needs(item, lapsing)

		s.again().paid(0)
		s.needs(item, lapsing, "pack | 1 order to pack | /admin/orders?todo=pack", "ship | 1 order to ship | /admin/orders?todo=ship")
		by := models.Cause{Actor: models.StaffActor(ownerEmail), Source: "dashboard"}
		if err := s.pages.Orders.Ship(t.Context(), s.order.ID, "", "", by); err != nil {
			t.Fatal(err)
		}
		s.needs(item, lapsing)

		s.Clock.Pass(time.Hour) // which is long enough to call
		late := s.w.get(overviewURL)
		want(t, late, 200, "No callback from The full", "It never called.")
		kinds := strings.Join(needsOn(late.Body.String()), "\n")
		if !strings.Contains(kinds, "callback | No callback from The full | /admin/deliveries?provider=full") || strings.Contains(kinds, "Acme") {
			t.Errorf("needs\n%s", kinds)
		}
		if !strings.Contains(kinds, "late | ") || !strings.Contains(kinds, " asked about in time | "+orderURL(first)) {
			t.Errorf("nobody asked for an hour:\n%s", kinds)
		}
		if _, err := s.pages.Deliveries.Receive(t.Context(), models.Delivery{Provider: "full", EventID: "1", Ref: s.pay.Ref, Body: []byte("{}")}); err != nil {
			t.Fatal(err)
		}
		lacks(t, s.w.get(overviewURL), "No callback from")
	})
}

// hold says when the payment's reservation lapses.
func (s *desk) hold(until time.Time) {
	s.t.Helper()
	p, err := s.pages.Payments.ByID(s.t.Context(), s.pay.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	c := models.Change{PaymentID: p.ID, Version: p.Version, Word: "reserved until", HoldUntil: &until, AskAt: p.AskAt, Cause: models.Cause{Actor: "provider", Source: "lookup"}}
	if _, _, err := s.pages.Payments.Record(s.t.Context(), c); err != nil {
		s.t.Fatal(err)
	}
}

// An approval that waits is a need, until it is decided.
func TestOverview_Approval(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.paid(0)
		if _, err := s.DB.SaveSettings(t.Context(), models.Settings{
			ShopName: "Kauri", TimeZone: "Pacific/Auckland", OpenSeconds: 3600, KeepSeconds: 3600, HoldRule: "void", HoldWarning: 3, Limits: models.Limits{"NZD": 100},
		}, models.StaffActor(ownerEmail)); err != nil {
			t.Fatal(err)
		}
		if _, err := models.NewApprovals(s.DB).Ask(t.Context(), models.Reservation{
			PaymentID: s.pay.ID, Kind: models.OperationRefund, Key: uuid.NewString(), Amount: money.Amount{Minor: 1000, Currency: "NZD"}, Note: "broken",
			Cause: models.Cause{Actor: models.StaffActor(managerEmail), Source: "dashboard"},
		}); err != nil {
			t.Fatal(err)
		}
		s.needs("approval | 1 refund waits for a second person | /admin/approvals",
			"pack | 1 order to pack | /admin/orders?todo=pack", "ship | 1 order to ship | /admin/orders?todo=ship")
	})
}

func TestOverview_Figures(t *testing.T) {
	bare(t, func(t *testing.T, s *desk) { // it is Saturday 7 March 2026, 01:00, in the shop
		if _, err := s.DB.BeginSettings(t.Context(), models.Settings{ShopName: "Kauri", TimeZone: "Pacific/Auckland", OpenSeconds: 3600, KeepSeconds: 3600, HoldRule: "void", HoldWarning: 3}); err != nil {
			t.Fatal(err)
		}
		s.again().paid(0)
		s.with(func(p *models.Placement) { p.Order.Test = true }).paid(0)
		got := s.w.get(overviewURL)
		want(t, got, 200, "Today, Saturday 7 March 2026, so far.", "NZD 25.00", "before: NZD 0.00", "100 %", "The full")
		if n := strings.Count(got.Body.String(), `data-testid="book"`); n != 1 {
			t.Errorf("%d currencies", n)
		}
		want(t, s.w.get(overviewURL+"?days=7"), 200, "Nothing in these days", "Saturday 28 February 2026 to Friday 6 March 2026")
		s.Clock.Pass(24 * time.Hour)
		s.w = s.signedIn(t, ownerEmail)
		want(t, s.w.get(overviewURL), 200, "Today, Sunday 8 March 2026", "before: NZD 25.00, down 100 %")
		want(t, s.w.get(overviewURL+"?days=7"), 200, "Sunday 1 March 2026 to Saturday 7 March 2026", "Saturday 7 March 2026: NZD 25.00 taken, NZD 0.00 refunded")
		want(t, s.w.get(overviewURL+"?days=7&figures=tests"), 200, "Figures of tests", "NZD 25.00")
		for _, odd := range []string{"?days=bogus", "?days=8", "?days=-1", "?days=99999999999999999999", "?figures=bogus", "?days=%00&figures=%ff"} {
			want(t, s.w.get(overviewURL+odd), 200, "Today, Sunday 8 March 2026")
			lacks(t, s.w.get(overviewURL+odd), "Figures of tests")
		}
	})
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for asked, want := range map[string]page.Span{
		"":   {Days: 1, From: "2026-03-01", To: "2026-03-01", BeforeFrom: "2026-02-28", BeforeTo: "2026-02-28"},
		"7":  {Days: 7, From: "2026-02-22", To: "2026-02-28", BeforeFrom: "2026-02-15", BeforeTo: "2026-02-21"},
		"30": {Days: 30, From: "2026-01-30", To: "2026-02-28", BeforeFrom: "2025-12-31", BeforeTo: "2026-01-29"},
		"90": {Days: 90, From: "2025-12-01", To: "2026-02-28", BeforeFrom: "2025-09-02", BeforeTo: "2025-11-30"},
	} {
		if got := span(asked, "2026-03-01"); got != want {
			t.Errorf("%q: %+v, want %+v", asked, got, want)
		}
	}
}

// Everybody on the staff may look, and nobody else; what the pages show leads
// nowhere that changes anything.
func TestOverviewRooms_Roles(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.paid(0)
		s.staff(t, clerkEmail, models.RoleClerk)
		s.staff(t, managerEmail, models.RoleManager)
		before := s.everything()
		for _, path := range []string{overviewURL, paymentsURL, refundsURL} {
			for _, email := range []string{ownerEmail, managerEmail, clerkEmail, viewerEmail} {
				want(t, s.signedIn(t, email).get(path), 200, email)
			}
			got := s.browser().get(path)
			want(t, got, http.StatusSeeOther)
			if to := got.Header().Get("Location"); !strings.HasPrefix(to, loginURL) {
				t.Errorf("%s leads strangers to %s", path, to)
			}
		}
		if after := s.everything(); after != before {
			t.Errorf("looking changed something:\n%s\n%s", before, after)
		}
	})
}

func TestPaymentList(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		w := b.signedIn(t, viewerEmail)
		want(t, w.get(paymentsURL), 200, "No payments yet")
		open, _ := b.order(t, func(p *models.Placement) { p.Payment.Method = "by-card" })
		b.Clock.Pass(time.Second)
		paid, ref := b.paid(t, func(p *models.Placement) { p.Order.Test = true })
		b.Clock.Pass(time.Second)
		gone, _ := b.order(t, func(p *models.Placement) { p.Payment.Provider = "oldpay" })
		for _, tt := range []struct {
			query string
			want  []models.Order
			text  string
		}{
			{"", []models.Order{gone, paid, open}, "taken"},
			{"?provider=acme", []models.Order{paid, open}, "Acme <Pay>, Called by-card"},
			{"?provider=oldpay", []models.Order{gone}, ""},
			{"?state=paid", []models.Order{paid}, "TEST"},
			{"?state=paid&provider=oldpay", nil, "No payment is like that right now."},
			{"?state=bo%00gus%ff", nil, "Nothing found"},
			{"?ref=+" + ref.Ref + "+", []models.Order{paid}, ""},
			{"?ref=acme", nil, "No such payment has the reference “acme”."},
			{"?before=bogus&after=1-", []models.Order{gone, paid, open}, ""},
			{"?before=-5-x", []models.Order{gone, paid, open}, ""},
			{"?before=99999999999999999999-x", []models.Order{gone, paid, open}, ""},
			{"?before=1-x", nil, "No more payments"},
		} {
			got := w.get(paymentsURL + tt.query)
			want(t, got, 200, tt.text)
			var expect []string
			for _, o := range tt.want {
				expect = append(expect, o.Number())
			}
			if have := numbers(got.Body.String()); !slices.Equal(have, expect) {
				t.Errorf("%s lists %v, want %v", tt.query, have, expect)
			}
		}
	})
}

// From the newest to the oldest and back, each payment is seen once, although
// all were begun at the same moment.
func TestPaymentList_Pages(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		for range 2*paymentsPerPage + 3 {
			modelstest.Place(t, b.Bench, modelstest.Placement(t, b.products, "oldpay"))
		}
		w := b.signedIn(t, ownerEmail)
		first := w.get(paymentsURL + "?provider=oldpay").Body.String()
		second := w.get(way(first, "next")).Body.String()
		third := w.get(way(second, "next")).Body.String()
		seen := slices.Concat(numbers(first), numbers(second), numbers(third))
		slices.Sort(seen)
		if len(slices.Compact(seen)) != 2*paymentsPerPage+3 || len(numbers(third)) != 3 || way(third, "next") != "" || way(first, "prev") != "" {
			t.Fatalf("%d, %d and %d", len(numbers(first)), len(numbers(second)), len(numbers(third)))
		}
		back := w.get(way(third, "prev")).Body.String()
		if !slices.Equal(numbers(back), numbers(second)) {
			t.Errorf("back is %v", numbers(back))
		}
		if top := w.get(way(back, "prev")).Body.String(); !slices.Equal(numbers(top), numbers(first)) || way(top, "prev") != "" {
			t.Errorf("top is %v", numbers(top))
		}
	})
}

func TestRefundList(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		want(t, s.w.get(refundsURL), 200, "No refunds yet")
		s.paid(0)
		s.unanswered()
		asked := s.order.Number()
		s.again().paid(0)
		s.breaks("refund", &providers.Error{Provider: "full", Op: "refund", Kind: providers.KindRejected, Code: "too_late"})
		refund := func(done bool) {
			t.Helper()
			if _, err := s.pages.Cashier.Do(t.Context(), models.Reservation{
				PaymentID: s.pay.ID, Kind: models.OperationRefund, Key: uuid.NewString(), Amount: money.Amount{Minor: 500, Currency: "NZD"}, Note: "<b>late", Done: done,
				Cause: models.Cause{Actor: models.StaffActor(managerEmail), Source: "dashboard"},
			}); err != nil {
				t.Fatal(err)
			}
		}
		refund(false)
		s.breaks("refund", nil)
		refund(true)
		other := s.order.Number()
		got := s.w.get(refundsURL)
		want(t, got, 200, "No answer", "It may have happened or not.", "Did not happen", "too_late", "Done outside", "<b>late", "staff "+managerEmail, "NZD 10.00")
		for query, expect := range map[string][]string{
			"": {other, other, asked}, "?state=unknown": {asked}, "?state=failed": {other}, "?state=succeeded": {other}, "?state=requested": nil, "?state=bogus%00": nil,
			"?before=1": nil, "?before=x&after=-1": {other, other, asked},
		} {
			if have := numbers(s.w.get(refundsURL + query).Body.String()); !slices.Equal(have, expect) {
				t.Errorf("%s lists %v, want %v", query, have, expect)
			}
		}
	})
}
