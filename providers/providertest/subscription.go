package providertest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"till/money"
	"till/providers"
)

// Subscriptions are the levers of a fake that has subscriptions.
type Subscriptions struct {
	Method    string             // where another than Bench.Method has them
	Automatic bool               // the provider takes the money itself
	Unit      providers.Interval // of the subscription that is begun; empty is Month
	Count     int                // of those between two payments; 0 is 1
	Times     int                // payments in all; 0 for no end
	Opened    func() int         // subscriptions that the fake has; nil is Bench.Opened

	Agree   func(ref string)                          // the buyer makes the first payment, and by it agrees to the others
	Words   map[providers.SubscriptionStatus]string   // the status word for each status
	Set     func(token, word string)                  // the fake's status word for a subscription
	Sum     func(t *testing.T, token string) (s Sums) // what will be taken from now on; nil where that cannot be changed
	Deliver func(ref string) providers.Delivery       // a genuine delivery about the first payment; nil is Bench.Deliver

	First       providers.Outcome // of the first payment, once the buyer has agreed; empty is Paid
	Before      int               // requests of a Subscribe that come before the one that begins it
	BeforeTake  int               // requests of a Charge that come before the one that takes the money
	Charged     func() int        // further payments that the fake has taken; nil where the provider takes them itself
	SecretToken bool              // the token is a credential: whoever has it can charge or end
}

// subscriber is the suite with its levers filled in, and the request to begin
// with; ok is false when they do not apply.
func (s suite) subscriber(t *testing.T) (_ suite, sub providers.Subscriber, req providers.SubscribeRequest, ok bool) {
	t.Helper()
	sub, ok = s.Provider.(providers.Subscriber)
	if !ok || s.Subscriptions == nil {
		t.Log("does not apply: this provider has no subscriptions, or its bench plays none")
		return s, nil, req, false
	}
	l := *s.Subscriptions
	if l.Method != "" {
		s.req.Method = l.Method
	}
	if l.Opened == nil {
		l.Opened = s.Opened
	}
	if l.Deliver == nil {
		l.Deliver = s.Deliver
	}
	if l.First == "" {
		l.First = providers.Paid
	}
	if l.Unit == "" {
		l.Unit = providers.Month
	}
	l.Count = max(l.Count, 1)
	s.Subscriptions = &l
	return s, sub, providers.SubscribeRequest{
		StartRequest: s.req, Unit: l.Unit, Count: l.Count, Times: l.Times, Automatic: l.Automatic,
	}, true
}

// agreed begins a subscription and makes its first payment.
func (s suite) agreed(t *testing.T, sub providers.Subscriber, req providers.SubscribeRequest) (providers.Started, providers.Subscription) {
	t.Helper()
	to, begun, err := sub.Subscribe(t.Context(), req)
	if err != nil {
		t.Fatalf("subscribe: %v", err)
	}
	s.Subscriptions.Agree(to.Ref)
	got, err := sub.Subscription(t.Context(), begun)
	if err != nil || got.Subscription.Token == "" {
		t.Fatalf("after the first payment: %+v, %v", got, err)
	}
	return to, got.Subscription
}

func subscribe(t *testing.T, s suite) {
	s, sub, req, ok := s.subscriber(t)
	if !ok {
		return
	}
	to, begun, err := sub.Subscribe(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if to.Ref == "" || to.Report.Outcome != providers.Open || begun.PaymentID != req.PaymentID || begun.Method != req.Method || s.Subscriptions.Opened() != 1 {
		t.Errorf("got %+v and %+v; %d begun", to, begun, s.Subscriptions.Opened())
	}
	if to.URL != "" && !s.onPages(to.URL) {
		t.Errorf("%q is on none of %q", to.URL, s.Provider.PageOrigins())
	}
	if got, err := sub.Subscription(t.Context(), begun); err != nil || got.Status != providers.SubscriptionPending {
		t.Errorf("before the first payment: got %+v, %v", got, err)
	}
	s.Subscriptions.Agree(to.Ref)
	if got, err := s.Provider.Lookup(t.Context(), s.payment(to)); err != nil || got.Outcome != s.Subscriptions.First || got.Amount != s.says(req.Amount) {
		t.Errorf("the first payment: got %+v, %v", got, err)
	}
	n, err := s.Provider.Callback(s.Subscriptions.Deliver(to.Ref))
	if err != nil || n.Ref != to.Ref && n.PaymentID != req.PaymentID {
		t.Errorf("the delivery is about %+v, %v, which names neither %q nor %q", n, err, to.Ref, req.PaymentID)
	}
	got, err := sub.Subscription(t.Context(), begun)
	if err != nil || got.Status != providers.SubscriptionActive || got.Word == "" || got.HTTPStatus != http.StatusOK || len(got.Raw) == 0 {
		t.Errorf("after it: got %+v, %v", got, err)
	}
	kept := got.Subscription
	if kept.Token == "" || kept.PaymentID != req.PaymentID || kept.Method != req.Method {
		t.Errorf("to be kept: %+v", kept)
	}
	if again, err := sub.Subscription(t.Context(), kept); err != nil || again.Status != got.Status || again.Subscription.Token != kept.Token {
		t.Errorf("asked by its token: got %+v, %v", again, err)
	}
}

func subscribeLost(t *testing.T, s suite) {
	s, sub, req, ok := s.subscriber(t)
	if !ok {
		return
	}
	s.Server.setAfter(s.Subscriptions.Before, loseAnswer)
	_, _, err := sub.Subscribe(t.Context(), req)
	s.wantKind(t, err, providers.KindUnavailable)
	if n := s.Server.Seen(); s.Subscriptions.Opened() != 1 || n != 1+s.Subscriptions.Before && !s.Keyed {
		t.Fatalf("%d begun with %d requests", s.Subscriptions.Opened(), n)
	}
	s.Server.set(0, nil)
	if f, ok := s.Provider.(providers.Finder); ok {
		if _, found, err := f.Find(t.Context(), req.StartRequest); err == nil && !found {
			t.Error("the first payment is there, and is said not to be: it would be asked for again")
		}
	}
	s.Server.set(-1, askPatience)
	_, _, err = sub.Subscribe(t.Context(), req)
	s.wantKind(t, err, providers.KindUnreachable)
}

func subscriptionWords(t *testing.T, s suite) {
	s, sub, req, ok := s.subscriber(t)
	if !ok {
		return
	}
	if s.Subscriptions.Set == nil {
		t.Log("does not apply: a subscription has no status word of its own")
		return
	}
	_, begun := s.agreed(t, sub, req)
	for want, word := range s.Subscriptions.Words {
		s.Subscriptions.Set(begun.Token, word)
		if got, err := sub.Subscription(t.Context(), begun); err != nil || got.Status != want || got.Word != word {
			t.Errorf("%q: got %+v, %v, want %s", word, got, err, want)
		}
	}
	s.Subscriptions.Set(begun.Token, "never_heard_of")
	if got, err := sub.Subscription(t.Context(), begun); err != nil || got.Status != providers.SubscriptionUnknown || got.Word != "never_heard_of" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// further is the request of a payment after the first.
func (s suite) further(n int) providers.StartRequest {
	req := s.req
	req.PaymentID += fmt.Sprintf("n%d", n)
	req.Key = fmt.Sprintf("0b8f1f5e-3c1d-4b51-9a53-%012d", n)
	return req
}

func charge(t *testing.T, s suite) {
	s, sub, req, ok := s.subscriber(t)
	if !ok {
		return
	}
	first, begun := s.agreed(t, sub, req)
	s.Server.set(0, nil)
	if s.Subscriptions.Charged == nil {
		_, err := sub.Charge(t.Context(), begun, s.further(1))
		s.wantKind(t, err, providers.KindRejected)
		if n := s.Server.Seen(); n != 0 {
			t.Errorf("the provider was asked %d times for what it does itself", n)
		}
		return
	}
	to, err := sub.Charge(t.Context(), begun, s.further(1))
	if err != nil || to.Ref == first.Ref || s.Subscriptions.Charged() != 1 {
		t.Fatalf("got %+v, %v; %d charged", to, err, s.Subscriptions.Charged())
	}
	p := providers.Payment{ID: s.further(1).PaymentID, Ref: to.Ref, Amount: s.req.Amount, Data: to.Data}
	if got, err := s.Provider.Lookup(t.Context(), p); err != nil || got.Amount != s.says(s.req.Amount) || got.PaymentID != "" && got.PaymentID != p.ID {
		t.Errorf("got %+v, %v", got, err)
	}
	s.Server.setAfter(s.Subscriptions.BeforeTake, loseAnswer)
	_, err = sub.Charge(t.Context(), begun, s.further(2))
	s.wantKind(t, err, providers.KindUnavailable)
	if s.Subscriptions.Charged() != 2 {
		t.Errorf("%d charged, the second without an answer", s.Subscriptions.Charged())
	}
	for name, f := range map[string]fault{
		"503": answer(http.StatusServiceUnavailable, "text/plain", "down"), "no end": huge, "nothing in it": answer(http.StatusOK, "application/json", "{}"),
	} {
		s, sub, req, _ := s.again().subscriber(t)
		_, begun := s.agreed(t, sub, req)
		s.Server.set(-1, f)
		_, err := sub.Charge(t.Context(), begun, s.further(1))
		s.wantKind(t, err, providers.KindUnavailable)
		if n := s.Server.Seen(); n != 1 && !s.Keyed {
			t.Errorf("%s: sent %d times", name, n)
		}
		s.Server.Close()
		_, err = sub.Charge(t.Context(), begun, s.further(1))
		s.wantKind(t, err, providers.KindUnreachable)
	}
}

func resubscribe(t *testing.T, s suite) {
	s, sub, req, ok := s.subscriber(t)
	if !ok {
		return
	}
	_, begun := s.agreed(t, sub, req)
	change := req
	change.StartRequest = Request(money.Amount{Minor: 2999, Currency: req.Amount.Currency})
	change.Method, change.Count = req.Method, 2*req.Count
	s.Server.set(0, nil)
	err := sub.Resubscribe(t.Context(), begun, change)
	if s.Subscriptions.Sum == nil {
		s.wantKind(t, err, providers.KindRejected)
		if n := s.Server.Seen(); n != 0 {
			t.Errorf("the provider was asked %d times for what cannot be", n)
		}
		return
	}
	if got := s.Subscriptions.Sum(t, begun.Token); err != nil || got.Amount != change.Amount.Decimal() || got.Code != string(change.Amount.Currency) {
		t.Errorf("%+v will be taken; %v", got, err)
	}
	if got, err := sub.Subscription(t.Context(), begun); err != nil || got.Status != providers.SubscriptionActive {
		t.Errorf("got %+v, %v", got, err)
	}
	s.Server.set(-1, answer(http.StatusServiceUnavailable, "text/plain", "down"))
	s.wantKind(t, sub.Resubscribe(t.Context(), begun, change), providers.KindUnavailable)
}

func unsubscribe(t *testing.T, s suite) {
	s, sub, req, ok := s.subscriber(t)
	if !ok {
		return
	}
	_, begun := s.agreed(t, sub, req)
	for range 2 {
		if err := sub.Unsubscribe(t.Context(), begun); err != nil {
			t.Fatal(err)
		}
		got, err := sub.Subscription(t.Context(), begun)
		if err != nil || got.Status != providers.SubscriptionCanceled && got.Status != providers.SubscriptionExpired {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	s.Server.Close()
	s.wantKind(t, sub.Unsubscribe(t.Context(), begun), providers.KindUnreachable)
}

func subscriptionSecrets(t *testing.T, s suite) {
	if _, _, _, ok := s.subscriber(t); !ok {
		return
	}
	if s.Subscriptions.SecretToken {
		s.keepsNoToken(t)
	}
	type act func(s suite, sub providers.Subscriber, begun providers.Subscription, req providers.SubscribeRequest) error
	calls := map[string]func(s suite) (func() error, []string){}
	for what, do := range map[string]act{
		"subscription": func(_ suite, sub providers.Subscriber, begun providers.Subscription, _ providers.SubscribeRequest) error {
			_, err := sub.Subscription(t.Context(), begun)
			return err
		},
		"charge": func(s suite, sub providers.Subscriber, begun providers.Subscription, _ providers.SubscribeRequest) error {
			_, err := sub.Charge(t.Context(), begun, s.further(1))
			return err
		},
		"resubscribe": func(_ suite, sub providers.Subscriber, begun providers.Subscription, req providers.SubscribeRequest) error {
			req.Amount.Minor++ // or it might be nothing to ask for
			return sub.Resubscribe(t.Context(), begun, req)
		},
		"unsubscribe": func(_ suite, sub providers.Subscriber, begun providers.Subscription, _ providers.SubscribeRequest) error {
			return sub.Unsubscribe(t.Context(), begun)
		},
	} {
		calls[what] = func(s suite) (func() error, []string) {
			s, sub, req, _ := s.subscriber(t)
			_, begun := s.agreed(t, sub, req)
			hidden := slices.Clone(s.Secrets)
			if s.Subscriptions.SecretToken {
				hidden = append(hidden, begun.Token)
			}
			return func() error { return do(s, sub, begun, req) }, hidden
		}
	}
	s.saysNone(t, calls)
}

// keepsNoToken asserts that no answer that is kept holds a subscription's token.
func (s suite) keepsNoToken(t *testing.T) {
	t.Helper()
	s, sub, req, _ := s.subscriber(t)
	to, begun := s.agreed(t, sub, req)
	got, err := sub.Subscription(t.Context(), begun)
	if err != nil || strings.Contains(string(got.Raw), begun.Token) || strings.Contains(string(to.Report.Raw), begun.Token) {
		t.Errorf("the token is kept: %q and %q, %v", got.Raw, to.Report.Raw, err)
	}
	if paid, err := s.Provider.Lookup(t.Context(), s.payment(to)); err != nil || strings.Contains(string(paid.Raw), begun.Token) {
		t.Errorf("the token is kept with the first payment: %q, %v", paid.Raw, err)
	}
	if s.Subscriptions.Charged == nil {
		return
	}
	if again, err := sub.Charge(t.Context(), begun, s.further(1)); err != nil || strings.Contains(string(again.Report.Raw), begun.Token) {
		t.Errorf("the token is kept with a charge: %q, %v", again.Report.Raw, err)
	}
}
