package admin

import (
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"till/models"
	"till/money"
	"till/providers"

	page "till/views/admin"
)

const confirmURL = "/admin/orders/bulk/confirm"

var (
	outcomeIn = regexp.MustCompile(`data-outcome="([a-z_]+)"`)
	leftIn    = regexp.MustCompile(`data-testid="bulk-left"`)
)

// chosen asks for an action on orders and returns the form of the page that
// asks once more.
func (s *desk) chosen(action page.BulkAction, numbers ...string) (url.Values, *httptest.ResponseRecorder) {
	s.t.Helper()
	got := s.w.post(bulkURL, url.Values{"action": {string(action)}, "order": numbers, "query": {"status=paid"}})
	if got.Code != http.StatusOK {
		s.t.Fatalf("%d to %s", got.Code, action)
	}
	form := url.Values{}
	for _, m := range hidden.FindAllStringSubmatch(got.Body.String(), -1) {
		form.Add(m[1], html.UnescapeString(m[2]))
	}
	return form, got
}

// outcomes sends the form and reads what came of it, order by order.
func (s *desk) outcomes(form url.Values, want string) string {
	s.t.Helper()
	got := s.w.post(confirmURL, form)
	var all []string
	for _, m := range outcomeIn.FindAllStringSubmatch(got.Body.String(), -1) {
		all = append(all, m[1])
	}
	if is := strings.Join(all, " "); got.Code != http.StatusOK || is != want {
		s.t.Errorf("%d %q, want %q", got.Code, is, want)
	}
	return html.UnescapeString(got.Body.String())
}

func TestBulk_PackAndShip(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) { // 1001 is not paid
		s.again().paid(0)
		s.again().paid(0)
		form, got := s.chosen(page.BulkPack, "1001", "1002", "1003", "1003", "9999", "x")
		want(t, got, 200, "Mark as packed: 2 orders", "NZD 50.00", "The order is not paid.")
		if n := len(leftIn.FindAllString(got.Body.String(), -1)); n != 1 {
			t.Errorf("%d left out", n)
		}
		if s.count(t, "orders WHERE packed_at IS NOT NULL") != 0 {
			t.Fatal("asking packed")
		}
		for range 2 { // the same form twice is once, and says the same
			s.outcomes(form, "done done")
		}
		if n := s.count(t, "events WHERE kind = 'packed'"); n != 2 {
			t.Errorf("%d events", n)
		}
		_, got = s.chosen(page.BulkPack, "1002")
		want(t, got, 200, "None of them can be done", "It is packed already.")

		form, _ = s.chosen(page.BulkShip, "1002", "1003")
		form.Set("carrier", strings.Repeat("x", models.MaxCarrier+1))
		form.Set(page.TrackingField("1003"), strings.Repeat("x", models.MaxTracking+1))
		got = s.w.post(confirmURL, form)
		want(t, got, http.StatusUnprocessableEntity, "At most 80 characters", strings.Repeat("x", models.MaxTracking+1))
		if s.count(t, "orders WHERE shipped_at IS NOT NULL") != 0 {
			t.Fatal("it was refused and done")
		}
		form.Set("carrier", "Post")
		form.Set(page.TrackingField("1002"), "AB1")
		form.Set(page.TrackingField("1003"), "AB2")
		s.outcomes(form, "done done")
		if d := s.detailOf(1003); d.Carrier != "Post" || d.Tracking != "AB2" || s.detailOf(1002).Tracking != "AB1" {
			t.Errorf("%+v", d.Order)
		}
		form.Set("carrier", "DHL") // the same form with something else in it
		text := s.outcomes(form, "refused refused")
		if !strings.Contains(text, "The goods have left already.") || s.count(t, "mails WHERE kind = 'shipped'") != 2 {
			t.Error("not refused, or mailed twice")
		}
	})
}

// A form that is sent again does nothing, whatever was done since.
func TestBulk_ReplayAfterUndo(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.paid(0) // 1001
		ctx, at := t.Context(), func() models.OrderDetail { return s.detailOf(1001) }
		undo := func(take func() error) {
			t.Helper()
			if err := take(); err != nil {
				t.Fatal(err)
			}
		}
		form, _ := s.chosen(page.BulkPack, "1001")
		s.outcomes(form, "done")
		undo(func() error { return s.pages.Orders.Unpack(ctx, 1001, by2(managerEmail)) })
		before := s.everything()
		if text := s.outcomes(form, "done"); !strings.Contains(text, "That was taken back since, and nothing was done now.") {
			t.Error(text)
		}
		if at().PackedAt != nil || s.everything() != before {
			t.Error("an old form packed again")
		}
		form, _ = s.chosen(page.BulkPack, "1001") // a new one does
		if s.outcomes(form, "done"); at().PackedAt == nil {
			t.Error("a new form did not pack")
		}

		form, _ = s.chosen(page.BulkShip, "1001")
		form.Set("carrier", "Post")
		s.outcomes(form, "done")
		undo(func() error { return s.pages.Orders.Unship(ctx, 1001, by2(managerEmail)) })
		before = s.everything()
		if text := s.outcomes(form, "done"); !strings.Contains(text, "That was taken back since") {
			t.Error(text)
		}
		form.Set("carrier", "DHL")
		if text := s.outcomes(form, "refused"); !strings.Contains(text, "This form was sent before, with something else in it.") {
			t.Error(text)
		}
		if at().ShippedAt != nil || s.everything() != before {
			t.Error("an old form shipped again")
		}
		form, _ = s.chosen(page.BulkShip, "1001")
		if s.outcomes(form, "done"); at().ShippedAt == nil {
			t.Error("a new form did not ship")
		}
	})
}

// A provider that does not say what became of the payment is no refusal.
func TestBulk_CancelWithoutAnswer(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		form, _ := s.chosen(page.BulkCancel, "1001")
		form.Set("reason", "They asked")
		s.full.Mu.Lock()
		s.full.CancErr = &providers.Error{Provider: "full", Op: "cancel", Kind: providers.KindUnavailable}
		s.full.Mu.Unlock()
		s.outcomes(form, "no_answer")
		if s.count(t, "orders WHERE cancelled_at IS NOT NULL") != 0 {
			t.Error("cancelled without an answer")
		}
	})
}

func TestBulk_Cancel(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) { // 1001 waits
		s.again().paid(0) // 1002
		form, got := s.chosen(page.BulkCancel, "1001", "1002")
		want(t, got, 200, "Cancel: 1 order", "The order is paid")
		want(t, s.w.post(confirmURL, form), http.StatusUnprocessableEntity, "Say why, in a few words")
		if s.count(t, "orders WHERE cancelled_at IS NOT NULL") != 0 {
			t.Fatal("cancelled without a reason")
		}
		form.Set("reason", "They asked")
		form.Add("order", "1002") // somebody writes a form of their own
		for range 2 {
			s.outcomes(form, "done refused")
		}
		if n := s.count(t, "events WHERE kind = 'cancelled' AND detail = 'They asked'"); n != 1 {
			t.Errorf("%d events", n)
		}
		form.Set("reason", "Another")
		s.outcomes(form, "refused refused")
	})
}

func TestBulk_Refund(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) { // 1001 is not paid
		s.again().paid(0)                                                        // 1002
		s.honey().paid(0)                                                        // 1003, NZD 54.70
		s.again().paid(0)                                                        // 1004
		s.with(func(p *models.Placement) { p.Order.Total.Minor = 2500 }).paid(0) // 1005
		current, err := s.DB.Current(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		current.Limits = models.Limits{"NZD": 5000}
		current.ShopName, current.TimeZone, current.HoldRule = "Shop", "Pacific/Auckland", "void"
		if err := s.limit(current); err != nil {
			t.Fatal(err)
		}
		form, got := s.chosen(page.BulkRefund, "1001", "1002", "1003", "1004")
		want(t, got, 200, "Give all money back: 2 orders", "NZD 50.00", "It needs a second person: open the order.", "There is no money to give back.")
		want(t, s.w.post(confirmURL, form), http.StatusUnprocessableEntity, "Say why, in a few words")
		if s.asked("refund") != 0 {
			t.Fatal("asked without a reason")
		}
		form.Set("reason", "Recalled")
		form.Add("order", "1003")
		form.Add(page.SeenField("1003"), "54.70")
		for range 2 {
			text := s.outcomes(form, "done done refused")
			if !strings.Contains(text, "Gone back") || !strings.Contains(text, "It needs a second person") {
				t.Error(text)
			}
		}
		if n := s.count(t, "operations WHERE kind = 'refund'"); n != 2 || s.asked("refund") != 2 {
			t.Errorf("%d refunds, asked %d times", n, s.asked("refund"))
		}
		// what was looked at has changed meanwhile
		form, _ = s.chosen(page.BulkRefund, "1005")
		form.Set("reason", "Recalled")
		p := s.detailOf(1005).Payments[0]
		if _, err := s.pages.Cashier.Do(t.Context(), models.Reservation{
			PaymentID: p.ID, Kind: models.OperationRefund, Key: "other", Amount: money.Amount{Minor: 500, Currency: "NZD"}, Note: "part", Cause: by2(managerEmail),
		}); err != nil {
			t.Fatal(err)
		}
		if text := s.outcomes(form, "refused"); !strings.Contains(text, "could go back now. Nothing was done.") {
			t.Error(text)
		}
		// no answer is not a no
		form, _ = s.chosen(page.BulkRefund, "1005")
		form.Set("reason", "Recalled")
		s.breaks("refund", &providers.Error{Provider: "full", Op: "refund", Kind: providers.KindUnavailable})
		before := s.asked("refund")
		for range 2 {
			s.outcomes(form, "no_answer")
		}
		if n := s.asked("refund"); n != before+1 {
			t.Errorf("asked %d times", n-before)
		}
	})
}

// limit makes settings count, whether there were some or not.
func (s *desk) limit(now models.Settings) error {
	if now.ID != 0 {
		_, err := s.DB.SaveSettings(s.t.Context(), now, models.StaffActor(ownerEmail))
		return err
	}
	now.OpenSeconds, now.KeepSeconds, now.HoldWarning = 3600, 60, 1
	_, err := s.DB.BeginSettings(s.t.Context(), now)
	return err
}

func TestBulk_Refuses(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.paid(0)
		many := url.Values{"action": {"pack"}}
		for range maxBulk + 1 {
			many.Add("order", "1001")
		}
		for _, form := range []url.Values{many, {"action": {"pack"}}, {"action": {""}, "order": {"1001"}}} {
			wantAway(t, s.w.post(bulkURL, form), "/admin/orders")
			want(t, s.w.get("/admin/orders"), 200, "Nothing was done.")
		}
		s.refuses(bulkURL, url.Values{"action": {"burn"}, "order": {"1001"}}, 400)
		s.refuses(confirmURL, url.Values{"action": {"pack"}, "order": {"1001"}, "key": {"x"}}, 400)
		many.Set("key", "6f0e0e3c-4a0e-4df0-9a8a-3d9a3f8f2c11")
		s.refuses(confirmURL, many, 400)
		form, _ := s.chosen(page.BulkRefund, "1001")
		form.Set("reason", "x")
		s.staff(t, clerkEmail, models.RoleClerk)
		s.staff(t, managerEmail, models.RoleManager)
		for email, may := range map[string]map[string]int{
			viewerEmail:  {"pack": 403, "ship": 403, "cancel": 403, "refund": 403},
			clerkEmail:   {"pack": 200, "ship": 200, "cancel": 200, "refund": 403},
			managerEmail: {"pack": 200, "ship": 200, "cancel": 200, "refund": 200},
		} {
			w := s.signedIn(t, email)
			for action, status := range may {
				f := url.Values{"action": {action}, "order": {"1001"}}
				if got := w.post(bulkURL, f); got.Code != status {
					t.Errorf("%s asks for %s: %d", email, action, got.Code)
				}
				if status != 403 {
					continue
				}
				before := s.everything()
				f = url.Values{"action": {action}, "order": {"1001"}, "key": form["key"], "reason": {"x"}}
				if got := w.post(confirmURL, f); got.Code != 403 || s.everything() != before {
					t.Errorf("%s does %s: %d", email, action, got.Code)
				}
			}
		}
	})
}
