package admin

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"till/cashier"
	"till/models"
	"till/providers"
)

func wireAt(id int64, rest string) string {
	return deliveriesURL + "/" + strconv.FormatInt(id, 10) + rest
}

// rings has the provider call about the desk's payment, and nobody follow it yet.
func (s *desk) rings(ref, body string) int64 {
	s.t.Helper()
	id, err := s.pages.Deliveries.Receive(s.t.Context(), models.Delivery{
		Provider: "full", EventID: "event " + ref + strconv.Itoa(len(body)), Ref: ref, Word: "completed", Body: []byte(body),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

func (s *desk) lineCount(action string) int {
	return s.count(s.t, "audit WHERE action = '"+action+"'")
}

func TestDeliveries_In(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		want(t, s.w.get(deliveriesURL), http.StatusOK, "No callbacks yet")
		id := s.rings(s.pay.Ref, `{"id":1}`)
		s.rings("nobody's", `{"id":2}`)
		if _, err := s.pages.Deliveries.Match(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if _, err := s.pages.Deliveries.Match(t.Context(), id+1); err == nil {
			t.Fatal("somebody knows it")
		}
		s.rings(s.pay.Ref, `{"id":1}`) // once more
		if err := s.pages.Deliveries.Refuse(t.Context(), "acme", "signature"); err != nil {
			t.Fatal(err)
		}
		got := s.w.get(deliveriesURL)
		want(t, got, http.StatusOK, "Stored, not acted on yet", "No payment of ours", "came twice", "“completed”", s.pay.Ref, "Order "+s.order.Number(),
			"Refused at the door", "Bad signature", "2026-03-06", "Acme <Pay>", "The full")
		lacks(t, s.w.get(deliveriesURL+"?way=in&verdict=unmatched"), s.pay.Ref+"<")
		want(t, s.w.get(deliveriesURL+"?verdict=unmatched"), http.StatusOK, "nobody's")
		want(t, s.w.get(deliveriesURL+"?provider=acme"), http.StatusOK, "Nothing found")
		want(t, s.w.get(deliveriesURL+"?provider=gone&verdict=bogus&before=x&after=-1&way=sideways"), http.StatusOK, "Nothing found", "gone", "bogus")
		want(t, s.w.get(deliveriesURL+"?before=1"), http.StatusOK, "No more this way")
		want(t, s.w.get(deliveriesURL+"/0x1"), http.StatusNotFound)
		want(t, s.w.get(deliveriesURL+"/99"), http.StatusNotFound)
	})
}

// The pages of the list hang together, there and back.
func TestDeliveries_Pages(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		var last int64
		for i := range wiresPerPage + 3 {
			last = s.rings(fmt.Sprintf("stray-%d", i), "{}")
		}
		first := s.w.get(deliveriesURL)
		older := deliveriesURL + "?before=" + strconv.FormatInt(last-wiresPerPage+1, 10) + "&way=in"
		want(t, first, http.StatusOK, older, "stray-52<", "stray-3<")
		lacks(t, first, "stray-2<", "Newer")
		second := s.w.get(older)
		newer := deliveriesURL + "?after=" + strconv.FormatInt(last-wiresPerPage, 10) + "&way=in"
		want(t, second, http.StatusOK, "stray-2<", "stray-0<", newer)
		lacks(t, second, "stray-3<", "Older")
		want(t, s.w.get(newer), http.StatusOK, "stray-52<", older)
	})
}

func TestDeliveries_One(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		id := s.rings(s.pay.Ref, `{"token":"tok_4711","card":"4111 1111 1111 1111","amount":2500,"note":"<b>hi</b>"}`)
		if _, err := s.pages.Deliveries.Match(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		s.full.Say(s.pay.Ref, providers.Paid, 0)
		cause := models.Cause{Actor: "provider", Source: models.DeliverySource(id)}
		if _, err := s.pages.Cashier.Settle(t.Context(), s.pay.ID, cause); err != nil {
			t.Fatal(err)
		}
		if err := s.pages.Deliveries.Settled(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		got := s.w.get(wireAt(id, ""))
		want(t, got, http.StatusOK, "Settled after it", "Order "+s.order.Number(), `"amount": 2500`, "[hidden]", "411111******1111", "Callback received", "Captured", "Ask The full now")
		lacks(t, got, "tok_4711", "4111 1111", "Order placed")
		if strings.Contains(got.Body.String(), "<b>hi") {
			t.Error("what a provider wrote is markup")
		}
		lacks(t, s.signedIn(t, viewerEmail).get(wireAt(id, "")), "/redeliver")
	})
}

func TestDeliveries_Out(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		want(t, s.w.get(deliveriesURL+"?way=out"), http.StatusOK, "No mails yet", "No mail server is set")
		s.paid(0)
		mails, err := s.pages.Mails.OfOrder(t.Context(), s.order.ID)
		if err != nil || len(mails) != 1 {
			t.Fatal(mails, err)
		}
		s.staff(t, clerkEmail, models.RoleClerk)
		out := deliveriesURL + "?way=out"
		want(t, s.signedIn(t, clerkEmail).get(out), http.StatusOK, "Order confirmed", "Kept, not sent", "not tried", s.order.Email, "Order "+s.order.Number())
		viewer := s.signedIn(t, viewerEmail)
		got := viewer.get(out)
		want(t, got, http.StatusOK, "Order confirmed", "hidden from your role")
		lacks(t, got, s.order.Email)

		s.pages.Shop.Mails = true
		s.engine = engine(t, s.pages)
		w := s.signedIn(t, ownerEmail)
		got = w.get(out)
		want(t, got, http.StatusOK, "Waiting")
		lacks(t, got, "No mail server is set")
		if err := s.pages.Mails.NotSent(t.Context(), mails[0].ID, true); err != nil {
			t.Fatal(err)
		}
		want(t, w.get(out), http.StatusOK, "Refused", "tried once")
		if err := s.pages.Mails.Sent(t.Context(), mails[0].ID); err != nil {
			t.Fatal(err)
		}
		want(t, w.get(out), http.StatusOK, "tried twice, sent")
	})
}

// A callback of a known payment is followed as if it came now: its provider is
// asked. Twice is harmless.
func TestRedeliver(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		id := s.rings(s.pay.Ref, "{}")
		if _, err := s.pages.Deliveries.Match(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		s.full.Say(s.pay.Ref, providers.Paid, 0)
		for i, said := range []string{"The payment was redirected and is paid now.", "The payment is paid, as before."} {
			wantAway(t, s.w.post(wireAt(id, "/redeliver"), nil), wireAt(id, ""))
			want(t, s.w.get(wireAt(id, "")), http.StatusOK, said, "Settled after it", "staff "+ownerEmail)
			if n := s.lineCount("redelivered"); n != i+1 {
				t.Errorf("%d lines of audit", n)
			}
		}
		s.balances(2500, 0, 0)
		if n := s.count(t, "facts"); n != 1 {
			t.Errorf("%d facts", n)
		}
	})
}

func TestRedeliver_NoAnswer(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		id := s.rings(s.pay.Ref, "{}")
		s.full.Mu.Lock()
		s.full.LookErr = &providers.Error{Provider: "full", Op: "lookup", Kind: providers.KindUnavailable, Status: 503}
		s.full.Mu.Unlock()
		wantAway(t, s.w.post(wireAt(id, "/redeliver"), nil), wireAt(id, ""))
		want(t, s.w.get(wireAt(id, "")), http.StatusOK, "The full could not answer (HTTP 503)", "Stored, not acted on yet")
	})
}

// One that nobody knew is looked up again, and met when its payment is there by
// now.
func TestRedeliver_Unmatched(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		id := s.rings("late-1", "{}")
		if _, err := s.pages.Deliveries.Match(t.Context(), id); err == nil {
			t.Fatal("somebody knows it")
		}
		wantAway(t, s.w.post(wireAt(id, "/redeliver"), nil), wireAt(id, ""))
		want(t, s.w.get(wireAt(id, "")), http.StatusOK, "Still nobody here knows", "No payment of ours", "Look for its payment again", "To the inbox")
		if n := s.lineCount("redelivered"); n != 1 {
			t.Errorf("%d lines of audit", n)
		}
		s.full.Mu.Lock()
		r := s.full.Books[s.pay.Ref]
		r.Ref, r.Outcome = "late-1", providers.Paid
		s.full.Books["late-1"] = r
		s.full.Mu.Unlock()
		pool, _, err := s.DB.SQL()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pool.ExecContext(t.Context(), "UPDATE payments SET ref = 'late-1'"); err != nil {
			t.Fatal(err)
		}
		wantAway(t, s.w.post(wireAt(id, "/redeliver"), nil), wireAt(id, ""))
		want(t, s.w.get(wireAt(id, "")), http.StatusOK, "is paid now", "Settled after it", "Order "+s.order.Number())
	})
}

// One whose provider is not set up any more can be read, and not followed.
func TestRedeliver_ProviderGone(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		id := s.rings(s.pay.Ref, "{}")
		h := s.pages
		h.Cashier = cashier.New(cashier.Config{Payments: h.Payments, Orders: h.Orders, Inbox: h.Inbox, Log: h.Log, Pace: cashier.Growing})
		s.engine = engine(t, h)
		w := s.signedIn(t, ownerEmail)
		wantAway(t, w.post(wireAt(id, "/redeliver"), nil), wireAt(id, ""))
		want(t, w.get(wireAt(id, "")), http.StatusOK, "full is not set up here any more")
	})
}

// Whoever only looks may not have a callback followed, or a line tested; all
// others may.
func TestWires_Rights(t *testing.T) {
	const lacking = "Whoever changes an order, or asks its provider, needs the role clerk, manager or owner."
	desks(t, func(t *testing.T, s *desk) {
		id := s.rings(s.pay.Ref, "{}")
		s.probes(nil)
		for email, role := range map[string]models.Role{clerkEmail: models.RoleClerk, managerEmail: models.RoleManager} {
			s.staff(t, email, role)
		}
		posts := []string{wireAt(id, "/redeliver"), providersURL + "/full/test"}
		for _, path := range posts {
			if at := s.browser().post(path, nil).Header().Get("Location"); !strings.HasPrefix(at, loginURL) {
				t.Errorf("nobody in particular is sent to %q", at)
			}
			s.w = s.signedIn(t, viewerEmail)
			before := s.lineCount("redelivered") + s.lineCount("line_tested") + int(s.full.Lookups.Load())
			want(t, s.w.post(path, nil), http.StatusForbidden, "You may not do that", lacking)
			if after := s.lineCount("redelivered") + s.lineCount("line_tested") + int(s.full.Lookups.Load()); after != before {
				t.Errorf("%s: refused and done", path)
			}
		}
		for _, path := range []string{deliveriesURL, deliveriesURL + "?way=out", wireAt(id, ""), providersURL} {
			got := s.w.get(path)
			want(t, got, http.StatusOK, viewerEmail)
			lacks(t, got, "/redeliver", "/test\"")
		}
		for _, email := range []string{clerkEmail, managerEmail, ownerEmail} {
			w := s.signedIn(t, email)
			for _, path := range posts {
				want(t, w.post(path, nil), http.StatusSeeOther)
			}
			want(t, w.get(wireAt(id, "")), http.StatusOK, "/redeliver")
			want(t, w.get(providersURL), http.StatusOK, "/full/test")
		}
		if n := s.lineCount("redelivered") + s.lineCount("line_tested"); n != 6 {
			t.Errorf("%d lines of audit", n)
		}
	})
}

// probed is a provider that says how it is set up, and can be asked for something
// harmless.
type probed struct {
	providers.Provider
	err error
}

func (p *probed) Probe(context.Context) error { return p.err }

func (*probed) Setup() providers.Setup {
	return providers.Setup{Host: "api.full.test", Test: true, Secret: "s3cret-part", Bell: providers.BellByHand}
}

// probes makes "full" a provider whose line can be tested, with how that ends.
func (s *desk) probes(err error) *probed {
	s.t.Helper()
	one := &probed{Provider: s.full.Full(), err: err}
	s.pages.Offers = []Offer{{Name: "full", Label: "Full", Settings: []string{"FULL_BASE_URL"}}, {Name: "gate", Label: "Gate", Settings: []string{"GATE_BASE_URL", "GATE_SECRET_KEY"}}}
	s.pages.Cashier = cashier.New(cashier.Config{
		Payments: s.pages.Payments, Orders: s.pages.Orders, Inbox: s.pages.Inbox, Health: models.NewHealth(s.DB), Providers: []providers.Provider{one, s.bench.pay},
		NewID: func() string { return "x" }, NewKey: func() string { return "y" }, Log: s.pages.Log, Pace: cashier.Growing,
	})
	s.engine = engine(s.t, s.pages)
	s.w = s.signedIn(s.t, ownerEmail)
	return one
}

func TestProviders(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.probes(nil)
		got := s.w.get(providersURL)
		want(t, got, http.StatusOK, "The full", "Acme <Pay>", "TEST", "api.full.test", "http://shop.test/callbacks/full/s3cret-part", "http://shop.test/callbacks/acme",
			"Somebody must type it in at The full.", "Not called yet", "Pay by link", "Not set up", "GATE_SECRET_KEY", "docs/providers/gate.md")
		lacks(t, got, "FULL_BASE_URL")
		if n := strings.Count(seen(got), "Test the connection"); n != 1 {
			t.Errorf("%d lines can be tested", n)
		}
		for _, email := range []string{managerEmail, clerkEmail} {
			s.staff(t, email, map[string]models.Role{managerEmail: models.RoleManager, clerkEmail: models.RoleClerk}[email])
			got := s.signedIn(t, email).get(providersURL)
			want(t, got, http.StatusOK, "http://shop.test/callbacks/full/…", "hidden from your role")
			lacks(t, got, "s3cret-part")
		}
		id := s.rings(s.pay.Ref, "{}")
		wantAway(t, s.w.post(wireAt(id, "/redeliver"), nil), wireAt(id, ""))
		got = s.w.get(providersURL)
		want(t, got, http.StatusOK, "Works", `<span data-testid="open">1`)
		s.full.Mu.Lock()
		s.full.LookErr = &providers.Error{Provider: "full", Op: "lookup", Kind: providers.KindUnavailable, Status: 502, Code: "ann@example.test", Raw: []byte("bob@example.test")}
		s.full.Mu.Unlock()
		s.Clock.Pass(time.Hour)
		want(t, s.w.post(wireAt(id, "/redeliver"), nil), http.StatusSeeOther)
		got = s.w.get(providersURL)
		want(t, got, http.StatusOK, "The last call failed", "It gave no usable answer (lookup, HTTP 502).")
		lacks(t, got, "ann@example.test", "bob@example.test")
	})
}

func TestProviders_Test(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		one := s.probes(nil)
		fails := func(kind providers.Kind, status int) error {
			return &providers.Error{Provider: "full", Op: "probe", Kind: kind, Status: status, Code: "secret code"}
		}
		for i, tt := range []struct {
			err  error
			want string
		}{
			{nil, "The full works: it answered at api.full.test and accepts our credentials."},
			{fails(providers.KindUnauthorized, 401), "The full refused our credentials (HTTP 401). Check the settings that begin with FULL_."},
			{fails(providers.KindUnreachable, 0), "No answer: The full could not be reached at api.full.test."},
			{fails(providers.KindUnreachable, 429), "asked too often (HTTP 429)"},
			{fails(providers.KindUnavailable, 503), "No usable answer from The full at api.full.test (HTTP 503)."},
			{fails(providers.KindRejected, 404), "refused the question (HTTP 404)"},
		} {
			one.err = tt.err
			s.Clock.Pass(time.Minute)
			wantAway(t, s.w.post(providersURL+"/full/test", nil), providersURL)
			got := s.w.get(providersURL)
			want(t, got, http.StatusOK, tt.want)
			lacks(t, got, "secret code")
			if n := s.lineCount("line_tested"); n != i+1 {
				t.Errorf("%d lines of audit", n)
			}
		}
		before := s.lineCount("line_tested")
		want(t, s.w.post(providersURL+"/acme/test", nil), http.StatusConflict, "Acme <Pay> names nothing that can be asked for")
		want(t, s.w.post(providersURL+"/nobody/test", nil), http.StatusNotFound)
		if s.lineCount("line_tested") != before {
			t.Error("what was not done was written down")
		}
	})
}
