package powens_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"till/providers"
	"till/providers/powens"
)

func monthly(times int) providers.SubscribeRequest {
	return providers.SubscribeRequest{StartRequest: request(), Unit: providers.Month, Count: 1, Times: times, Automatic: true}
}

func subscribe(t *testing.T, b bench, req providers.SubscribeRequest) (providers.Started, providers.Subscription) {
	t.Helper()
	to, s, err := b.Subscribe(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return to, s
}

func TestSubscribe_SendsWhatThePageNames(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to, s := subscribe(t, b, monthly(12))
	const want = `"label":"1001 Kauri Clay","amount":19.99,"currency":"EUR","execution_date_type":"periodic",` +
		`"frequency":"monthly","start_date":"2024-05-02","end_date":"2025-04-05","beneficiary":{`
	b.change(func(f *fake) {
		if got := string(f.payment(to.Ref).Body); !strings.Contains(got, want) || !strings.Contains(got, `"client_state":"p7k2m9"`) {
			t.Errorf("sent\n%s\nwithout\n%s", got, want)
		}
	})
	if got, want := b.log(), []string{"POST /2.0/payments", "POST /2.0/payments/501/scopedtoken"}; !slices.Equal(got, want) {
		t.Errorf("requests %q, want %q", got, want)
	}
	if to.Ref != "501" || to.URL == "" || to.Report.Outcome != providers.Open || to.Report.Amount != request().Amount {
		t.Errorf("got %+v", to)
	}
	if s.Token != "501" || s.PaymentID != "p7k2m9" || string(s.Data) != string(to.Data) || strings.Contains(string(s.Data), "scoped") {
		t.Errorf("got %+v", s)
	}
}

func TestSubscribe_Schedules(t *testing.T) {
	t.Parallel()
	may, january := time.Date(2024, 4, 30, 10, 0, 0, 0, time.UTC), time.Date(2024, 1, 30, 10, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		unit         providers.Interval
		count, times int
		now          time.Time
		want         string
	}{
		{providers.Day, 1, 0, may, `"frequency":"daily","start_date":"2024-05-01","beneficiary"`},
		{providers.Day, 1, 10, may, `"frequency":"daily","start_date":"2024-05-01","end_date":"2024-05-10"`},
		{providers.Day, 7, 2, may, `"frequency":"weekly","start_date":"2024-05-01","end_date":"2024-05-11"`},
		{providers.Week, 1, 1, may, `"frequency":"weekly","start_date":"2024-05-01","end_date":"2024-05-04"`},
		{providers.Week, 2, 3, may, `"frequency":"two-weekly","start_date":"2024-05-01","end_date":"2024-06-01"`},
		{providers.Day, 14, 0, may, `"frequency":"two-weekly"`},
		{providers.Month, 1, 2, january, `"frequency":"monthly","start_date":"2024-01-31","end_date":"2024-03-03"`}, // the last is on 29 February
		{providers.Month, 1, 3, january, `"frequency":"monthly","start_date":"2024-01-31","end_date":"2024-04-03"`},
		{providers.Month, 2, 0, may, `"frequency":"two-monthly"`},
		{providers.Month, 3, 5, may, `"frequency":"quarterly","start_date":"2024-05-01","end_date":"2025-05-04"`},
		{providers.Month, 4, 0, may, `"frequency":"four-monthly"`},
		{providers.Month, 6, 0, may, `"frequency":"semiannually"`},
		{providers.Month, 12, 0, may, `"frequency":"yearly"`},
		{providers.Year, 1, 2, may, `"frequency":"yearly","start_date":"2024-05-01","end_date":"2025-05-04"`},
		{providers.Month, 1, 0, time.Date(2024, 5, 1, 5, 0, 0, 0, time.FixedZone("NZDT", 13*3600)), `"start_date":"2024-05-01"`},
	} {
		b := setup(t, func(cfg *powens.Config) { cfg.Now = func() time.Time { return tt.now } })
		req := monthly(tt.times)
		req.Unit, req.Count = tt.unit, tt.count
		to, _ := subscribe(t, b, req)
		b.change(func(f *fake) {
			if got := string(f.payment(to.Ref).Body); !strings.Contains(got, tt.want) {
				t.Errorf("%d %s: %s is not in %s", tt.count, tt.unit, tt.want, got)
			}
		})
	}
}

func TestSubscribe_RefusesLocally(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, spoil := range map[string]func(*providers.SubscribeRequest){
		"by us":                  func(r *providers.SubscribeRequest) { r.Automatic = false },
		"every three days":       func(r *providers.SubscribeRequest) { r.Unit, r.Count = providers.Day, 3 },
		"every five months":      func(r *providers.SubscribeRequest) { r.Count = 5 },
		"every other year":       func(r *providers.SubscribeRequest) { r.Unit, r.Count = providers.Year, 2 },
		"never":                  func(r *providers.SubscribeRequest) { r.Count = 0 },
		"backwards":              func(r *providers.SubscribeRequest) { r.Count = -1 },
		"in another unit":        func(r *providers.SubscribeRequest) { r.Unit = "moon" },
		"fewer than none":        func(r *providers.SubscribeRequest) { r.Times = -1 },
		"more than there can be": func(r *providers.SubscribeRequest) { r.Times = 1 << 40 },
		"until nobody counts":    func(r *providers.SubscribeRequest) { r.Unit, r.Times = providers.Year, 9000 },
		"nothing to pay":         func(r *providers.SubscribeRequest) { r.Amount.Minor = 0 },
	} {
		req := monthly(0)
		spoil(&req)
		_, _, err := b.Subscribe(t.Context(), req)
		if e := asError(t, err); e.Kind != providers.KindRejected || e.Op != "subscribe" || e.Status != 0 {
			t.Errorf("%s: got %v", name, e)
		}
	}
	_, err := b.Charge(t.Context(), providers.Subscription{Token: "501"}, request())
	if e := asError(t, err); e.Kind != providers.KindRejected || e.Op != "charge" {
		t.Errorf("got %v", e)
	}
	if e := asError(t, b.Resubscribe(t.Context(), providers.Subscription{Token: "501"}, monthly(0))); e.Kind != providers.KindRejected || e.Op != "resubscribe" {
		t.Errorf("got %v", e)
	}
	if len(b.log()) != 0 || b.tokensIssued() != 0 {
		t.Errorf("sent %q", b.log())
	}
}

func TestSubscribe_LostAnswerIsFoundAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.onScope = func() (int, string) { return 503, "" }
	_, _, err := b.Subscribe(t.Context(), monthly(0))
	if e := asError(t, err); e.Kind != providers.KindUnavailable || e.Op != "subscribe" || b.opened() != 1 {
		t.Errorf("got %v", e)
	}
	b.change(func(f *fake) { f.onScope = nil })
	to, found, err := b.Find(t.Context(), request())
	if err != nil || !found || to.URL == "" || b.opened() != 1 {
		t.Fatalf("got %+v, %v, %v", to, found, err)
	}
	got, err := b.Subscription(t.Context(), providers.Subscription{PaymentID: "p7k2m9", Data: to.Data})
	if err != nil || got.Subscription.Token != to.Ref || got.Status != providers.SubscriptionPending {
		t.Errorf("got %+v, %v", got, err)
	}
	_, err = b.Subscription(t.Context(), providers.Subscription{PaymentID: "another"})
	if e := asError(t, err); e.Kind != providers.KindRejected || e.Op != "subscription" {
		t.Errorf("got %v", e)
	}
}

// What each state means for the subscription and for its payment, before its
// first day and from then on.
func TestSubscription_States(t *testing.T) {
	t.Parallel()
	const bank = "0f2b1c7e-5a0d-5a53-8e2f-6a1c0b7d4e01"
	for _, tt := range []struct {
		state, code, connector string
		rule                   powens.Rule
		status                 providers.SubscriptionStatus
		before, after          providers.Outcome
	}{
		{"created", "", "", "", providers.SubscriptionPending, providers.Open, providers.Open},
		{"validating", "", bank, "", providers.SubscriptionPending, providers.Open, providers.Open},
		{"pending", "", bank, "", providers.SubscriptionActive, providers.Processing, providers.Processing},
		{"done", "", bank, "", providers.SubscriptionExpired, providers.Paid, providers.Paid},
		{"accepted", "", bank, powens.Hold, providers.SubscriptionUnknown, providers.Accepted, providers.Accepted},
		{"accepted", "", bank, powens.Paid, providers.SubscriptionActive, providers.Paid, providers.Paid},
		// What was stopped after a while may have paid by then.
		{"rejected", "CancelledByUser", bank, "", providers.SubscriptionCanceled, providers.Cancelled, providers.Unknown},
		{"rejected", "insufficientFunds", bank, "", providers.SubscriptionCanceled, providers.Declined, providers.Unknown},
		{"expired", "", bank, "", providers.SubscriptionUnknown, providers.Expired, providers.Unknown},
		// Where nobody chose a bank, none can have.
		{"rejected", "CancelledByClient", "", "", providers.SubscriptionCanceled, providers.Cancelled, providers.Cancelled},
		{"expired", "", "", "", providers.SubscriptionCanceled, providers.Expired, providers.Expired},
		{"partial", "", bank, "", providers.SubscriptionUnknown, providers.Unknown, providers.Unknown},
		{"in_review", "", bank, "", providers.SubscriptionUnknown, providers.Unknown, providers.Unknown},
	} {
		b := setup(t, func(cfg *powens.Config) { cfg.Accepted = tt.rule })
		to, s := subscribe(t, b, monthly(0))
		b.change(func(f *fake) {
			one := f.payment(to.Ref)
			one.State, one.Code, one.Connector = tt.state, tt.code, tt.connector
		})
		for _, want := range []providers.Outcome{tt.before, tt.after} {
			got, err := b.Subscription(t.Context(), s)
			if err != nil || got.Status != tt.status || !strings.HasPrefix(got.Word, tt.state) || got.HTTPStatus != 200 || len(got.Raw) == 0 ||
				got.Subscription.Token != s.Token || string(got.Subscription.Data) != string(s.Data) {
				t.Errorf("%s: got %+v, %v; want %s", tt.state, got, err, tt.status)
			}
			for name, data := range map[string][]byte{"with": to.Data, "without": nil} {
				p := payment(to)
				p.Data = data
				if r, err := b.Lookup(t.Context(), p); err != nil || r.Outcome != want || r.Amount != p.Amount {
					t.Errorf("%s, %s what was kept: got %+v, %v; want %s", tt.state, name, r, err, want)
				}
			}
			b.clock.move(24 * time.Hour)
		}
	}
}

// Where the answer says neither which day nor which bank, it is taken for one
// that may have paid.
func TestSubscription_SaysLittle(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.shape = func(o object) {
		delete(o, "connector_uuid")
		for _, it := range o["instructions"].([]object) {
			delete(it, "start_date")
			delete(it, "execution_date_type")
		}
	}
	to, _ := subscribe(t, b, monthly(0))
	b.set(to.Ref, "rejected")
	p := payment(to)
	if r, err := b.Lookup(t.Context(), p); err != nil || r.Outcome != providers.Declined {
		t.Errorf("before its first day: got %+v, %v", r, err)
	}
	b.clock.move(24 * time.Hour)
	if r, err := b.Lookup(t.Context(), p); err != nil || r.Outcome != providers.Unknown {
		t.Errorf("on its first day: got %+v, %v", r, err)
	}
	b.clock.move(-24 * time.Hour)
	p.Data = nil
	b.change(func(f *fake) {
		f.shape = func(o object) {
			delete(o, "connector_uuid")
			for _, it := range o["instructions"].([]object) {
				delete(it, "start_date")
			}
		}
	})
	if r, err := b.Lookup(t.Context(), p); err != nil || r.Outcome != providers.Unknown {
		t.Errorf("without a day: got %+v, %v", r, err)
	}
}

func TestUnsubscribe(t *testing.T) {
	t.Parallel()
	prepare := func(t *testing.T, state string) (bench, providers.Subscription) {
		t.Helper()
		b := setup(t)
		to, s := subscribe(t, b, monthly(0))
		b.change(func(f *fake) {
			f.payment(to.Ref).State, f.payment(to.Ref).Connector = state, "0f2b1c7e-5a0d-5a53-8e2f-6a1c0b7d4e01"
		})
		b.clock.move(100 * 24 * time.Hour)
		return b, s
	}
	for _, tt := range []struct {
		name, state string
		kind        providers.Kind // empty for no error
		on          func(*fakePayment) (int, string)
	}{
		{"before the buyer agreed", "created", "", nil},
		{"while it goes on", "pending", "", func(p *fakePayment) (int, string) { p.State, p.Code = "rejected", "cancelledByUser"; return 200, "" }},
		{"one that is over", "done", "", nil},
		{"one that was ended", "rejected", "", nil},
		{"the bank cannot", "pending", providers.KindRejected, func(*fakePayment) (int, string) { return 400, "notSupported" }},
		{"the buyer must approve", "pending", providers.KindRejected, func(p *fakePayment) (int, string) {
			p.State2, p.Approve = "cancelling", "https://bank.example/approve"
			return 200, ""
		}},
		{"the bank says no more, and pays on", "accepted", providers.KindRejected, nil},
		{"nothing more is heard, and the bank may pay on", "expired", providers.KindRejected, nil},
		{"heard, and nothing comes of it", "pending", providers.KindUnavailable, func(*fakePayment) (int, string) { return 200, "" }},
		{"no answer", "pending", providers.KindUnavailable, func(*fakePayment) (int, string) { return 503, "" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, s := prepare(t, tt.state)
			b.onCancel = tt.on
			err := b.Unsubscribe(t.Context(), s)
			if tt.kind == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			e := asError(t, err)
			if e.Kind != tt.kind || e.Op != "unsubscribe" || strings.Contains(e.Error(), "bank.example") {
				t.Errorf("got %+v", e)
			}
			if at, err := b.Approval(t.Context(), providers.Payment{ID: s.PaymentID, Ref: s.Token, Data: s.Data}); err != nil || (at != "") != (e.Code == "approvalNeeded") {
				t.Errorf("approved at %q, %v", at, err)
			}
			cancels := slices.DeleteFunc(b.log(), func(r string) bool { return r != "POST /2.0/payments/501" })
			if len(cancels) != 1 {
				t.Errorf("asked %d times", len(cancels))
			}
		})
	}
	t.Run("one that is not there", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		if e := asError(t, b.Unsubscribe(t.Context(), providers.Subscription{PaymentID: "x", Token: "9"})); e.Kind != providers.KindUnavailable || e.Status != http.StatusNotFound {
			t.Errorf("got %+v", e)
		}
		if e := asError(t, b.Unsubscribe(t.Context(), providers.Subscription{PaymentID: "x"})); e.Kind != providers.KindRejected {
			t.Errorf("got %+v", e)
		}
	})
}
