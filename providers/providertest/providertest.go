// Package providertest checks that a provider keeps the contract of package
// providers. Each provider's tests call Run with a bench of their own: the
// client under test and a fake of the provider, written from its documents.
package providertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"till/money"
	"till/providers"
)

// maxTries is how often a client may send one request at most.
const maxTries = 3

// Bench is a provider wired to a fake of its API, and the levers of that fake.
// The client under test should be built with a short [providers.Patience].
type Bench struct {
	Provider providers.Provider
	Server   *Server // the fake, behind the faults

	Opened func() int                              // payments that the fake has
	Set    func(ref, word string)                  // the fake's status word for a payment
	Words  map[providers.Outcome]string            // the status word for each outcome
	Sum    func(t *testing.T, ref string) (s Sums) // what the fake says was asked of the buyer

	Method    string // one of the provider's methods, where it lists some
	NoAmounts bool   // its answers do not say how much, so that a Report's Amount is zero
	Bare      bool   // the answer to a create says where to send the buyer and no amount; no later answer says where

	Person        func(ref string) // the fake has taken the whole amount, and waits for the merchant; nil where it never does
	Links         *Links           // for a LinkMaker
	Subscriptions *Subscriptions   // for a Subscriber

	Keyed    bool     // the provider knows idempotency keys: a second Start opens nothing
	Tokens   bool     // the provider hands out tokens, so a 401 is tried once more
	Optional []string // keys of an answer that may be missing

	Deliver         func(ref string) providers.Delivery // a genuine delivery
	Sign            func(body []byte) providers.Delivery
	Forge           func(body []byte) providers.Delivery // signed with a secret that is not ours
	SignatureHeader string                               // empty where the provider does not sign

	Secrets []string // that nothing may print
	Config  any      // what the provider was built from
}

// Sums is what the fake was asked to take, digit by digit.
type Sums struct {
	Amount string // as a decimal in major units
	Code   string
}

// Request is the payment that Run starts, in one currency and with two items
// that come to the amount.
func Request(amount money.Amount) providers.StartRequest {
	one := money.Amount{Minor: 1, Currency: amount.Currency}
	rest := money.Amount{Minor: amount.Minor - 1, Currency: amount.Currency}
	items := []providers.Item{{Name: "Crumb", Description: "The smallest thing there is", Unit: one, Quantity: 1}}
	if rest.Minor > 0 {
		items = append(items, providers.Item{Name: `Mug "blue" & <white>`, Unit: rest, Quantity: 1})
	}
	return providers.StartRequest{
		PaymentID: "p7k2m9", Key: "0b8f1f5e-3c1d-4b51-9a53-6a3a44a5a001", OrderNumber: "1001",
		Amount: amount, Items: items, Buyer: providers.Buyer{Name: "Ada Kauri", Email: "ada@example.test"},
		SuccessURL: "https://shop.test/return/p7k2m9/success", ErrorURL: "https://shop.test/return/p7k2m9/error",
		PendingURL: "https://shop.test/return/p7k2m9/pending", CallbackURL: "https://shop.test/callbacks/x",
	}
}

// suite is one bench and the request it is asked with.
type suite struct {
	Bench
	req   providers.StartRequest
	again func() suite // another bench, whose circuit breaker has seen nothing yet
}

// Run checks everything that every provider must do.
func Run(t *testing.T, setup func(t *testing.T) Bench) {
	t.Helper()
	for _, tt := range []struct {
		name string
		run  func(*testing.T, suite)
	}{
		{"a start says where to send the buyer", start},
		{"starting twice with one key opens one payment", startTwice},
		{"twenty starts at once with one key open one payment", startAtOnce},
		{"a payment of which only the reference is known can be looked up", whosever},
		{"each status word is reported in our words", words},
		{"a word that we do not know is unknown", unknownWord},
		{"amounts are exact in every currency", amounts},
		{"a start whose answer is lost is found again", lostAnswer},
		{"a provider that cannot be reached has done nothing", unreachable},
		{"a slow provider is left when the context ends", slow},
		{"a token that is refused is replaced once", refusedToken},
		{"credentials that stay refused are unauthorized", unauthorized},
		{"a plain-text 503 is unavailable", plainText503},
		{"too many requests has done nothing, and says when to come back", tooMany},
		{"a redirect is not followed", notFollowed},
		{"an answer without end is cut off", oversized},
		{"an answer that is no JSON is unavailable", notJSON},
		{"unknown fields and missing ones are tolerated", fields},
		{"a delivery names its payment", delivery},
		{"a delivery with any byte changed is refused", changedByte},
		{"a delivery signed by another is refused", forged},
		{"a signed delivery that cannot be read is malformed", malformed},
		{"cancelling answers what the provider says afterwards", cancel},
		{"cancelling a paid payment says that it is paid", cancelPaid},
		{"no secret is printed or kept", secrets},
		{"asking for something harmless does nothing", probe},
		{"asking for something harmless says what is wrong", probeFails},
		{"how it is set up is said without a secret", describes},
		{"what waits for a person says what money is there", needsPerson},
		{"a link is looked up like a payment", link},
		{"a link whose answer is lost is not made again", linkLost},
		{"a link is in no error", linkSecrets},
		{"a subscription begins with its first payment", subscribe},
		{"a subscription whose answer is lost is not begun again", subscribeLost},
		{"each status of a subscription is reported in our words", subscriptionWords},
		{"a charge takes one payment", charge},
		{"what a subscription takes from now on", resubscribe},
		{"a subscription that is ended stays so", unsubscribe},
		{"a subscription's token is in no error", subscriptionSecrets},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.run(t, newSuite(t, setup))
		})
	}
}

func newSuite(t *testing.T, setup func(t *testing.T) Bench) suite {
	t.Helper()
	b := setup(t)
	req := Request(money.Amount{Minor: 1999, Currency: b.Provider.Currencies()[0]})
	req.Method = b.Method
	return suite{Bench: b, req: req, again: func() suite { return newSuite(t, setup) }}
}

func (s suite) mustStart(t *testing.T) providers.Started {
	t.Helper()
	to, err := s.Provider.Start(t.Context(), s.req)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	return to
}

func (s suite) payment(to providers.Started) providers.Payment {
	return providers.Payment{ID: s.req.PaymentID, Ref: to.Ref, Amount: s.req.Amount, Data: to.Data}
}

// says is the amount in the provider's answers about a payment of this one.
func (s suite) says(amount money.Amount) money.Amount {
	if s.NoAmounts {
		return money.Amount{}
	}
	return amount
}

// wantKind asserts that err is a whole *providers.Error of this kind.
func (s suite) wantKind(t *testing.T, err error, want providers.Kind) *providers.Error {
	t.Helper()
	var e *providers.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *providers.Error", err)
	}
	if e.Kind != want {
		t.Fatalf("got %q (%v), want %q", e.Kind, e, want)
	}
	if e.Provider != s.Provider.Name() || e.Op == "" {
		t.Errorf("the error does not say whose it is: %+v", e)
	}
	return e
}

func start(t *testing.T, s suite) {
	to := s.mustStart(t)
	if to.Ref == "" || to.URL == "" || to.Report.Outcome != providers.Open ||
		to.Report.Amount != s.says(s.req.Amount) && (!s.Bare || to.Report.Amount != (money.Amount{})) {
		t.Errorf("got %+v", to)
	}
	if !slices.ContainsFunc(s.Provider.PageOrigins(), func(o string) bool { return strings.HasPrefix(to.URL, o+"/") }) {
		t.Errorf("%q is on none of %q", to.URL, s.Provider.PageOrigins())
	}
	if s.Provider.Name() == "" || s.Provider.Label() == "" || s.Provider.Name() != strings.ToLower(s.Provider.Name()) {
		t.Errorf("name %q, label %q", s.Provider.Name(), s.Provider.Label())
	}
}

// whosever asks as a member of staff does who found a payment at the provider.
func whosever(t *testing.T, s suite) {
	to := s.mustStart(t)
	r, err := s.Provider.Lookup(t.Context(), providers.Payment{Ref: to.Ref, Amount: s.req.Amount})
	if err != nil || r.Ref != to.Ref || r.PaymentID != s.req.PaymentID && r.PaymentID != "" || r.Outcome != providers.Open {
		t.Errorf("got %+v, %v", r, err)
	}
}

func startTwice(t *testing.T, s suite) {
	if !s.Keyed {
		t.Log("does not apply: this provider knows no keys")
		return
	}
	first, second := s.mustStart(t), s.mustStart(t)
	if first.Ref != second.Ref || s.Opened() != 1 {
		t.Errorf("%q then %q, %d opened", first.Ref, second.Ref, s.Opened())
	}
}

func startAtOnce(t *testing.T, s suite) {
	if !s.Keyed {
		t.Log("does not apply: this provider knows no keys")
		return
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := s.Provider.Start(t.Context(), s.req); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if s.Opened() != 1 {
		t.Errorf("%d opened", s.Opened())
	}
}

func words(t *testing.T, s suite) {
	to := s.mustStart(t)
	for want, word := range s.Words {
		s.Set(to.Ref, word)
		got, err := s.Provider.Lookup(t.Context(), s.payment(to))
		if err != nil {
			t.Fatalf("%q: %v", word, err)
		}
		if got.Outcome != want || got.Amount != s.says(s.req.Amount) || got.Word != word || got.Ref != to.Ref {
			t.Errorf("%q: got %+v, want %s of %s", word, got, want, s.req.Amount)
		}
		if got.PaymentID != "" && got.PaymentID != s.req.PaymentID {
			t.Errorf("%q: payment id %q", word, got.PaymentID)
		}
		if got.Status != http.StatusOK && got.Status != http.StatusCreated || len(got.Raw) == 0 {
			t.Errorf("%q: status %d, %d bytes kept", word, got.Status, len(got.Raw))
		}
	}
}

func unknownWord(t *testing.T, s suite) {
	to := s.mustStart(t)
	s.Set(to.Ref, "never_heard_of")
	got, err := s.Provider.Lookup(t.Context(), s.payment(to))
	if err != nil || got.Outcome != providers.Unknown || got.Word != "never_heard_of" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func amounts(t *testing.T, s suite) {
	for _, currency := range s.Provider.Currencies() {
		for i, minor := range []int64{1, 10, 99, 100, 1999, 1_000_000_07, 9_007_199_254_740_993} { // the last: 2^53+1
			amount := money.Amount{Minor: minor, Currency: currency}
			req := Request(amount)
			req.Method = s.Method
			req.PaymentID = fmt.Sprintf("p%s%d", currency, i)
			req.Key = fmt.Sprintf("0b8f1f5e-3c1d-4b51-9a53-%s%09d", currency, i)
			to, err := s.Provider.Start(t.Context(), req)
			if err != nil {
				t.Fatalf("%s: %v", amount, err)
			}
			if got := s.Sum(t, to.Ref); got.Amount != amount.Decimal() || got.Code != string(currency) {
				t.Errorf("%s: the provider was asked for %+v", amount, got)
			}
			p := providers.Payment{ID: req.PaymentID, Ref: to.Ref, Amount: amount, Data: to.Data}
			if got, err := s.Provider.Lookup(t.Context(), p); err != nil || got.Amount != s.says(amount) {
				t.Errorf("%s: read back as %s, %v", amount, got.Amount, err)
			}
		}
	}
}

func lostAnswer(t *testing.T, s suite) {
	s.Server.set(-1, loseAnswer)
	_, err := s.Provider.Start(t.Context(), s.req)
	s.wantKind(t, err, providers.KindUnavailable)
	if n := s.Opened(); n != 1 {
		t.Fatalf("%d opened", n)
	}
	finder, ok := s.Provider.(providers.Finder)
	if !ok {
		return
	}
	s.Server.set(0, nil)
	to, found, err := finder.Find(t.Context(), s.req)
	if err != nil || !found || to.Ref == "" || to.URL == "" && !s.Bare || s.Opened() != 1 {
		t.Errorf("got %+v, %v, %v; %d opened", to, found, err, s.Opened())
	}
}

func unreachable(t *testing.T, s suite) {
	to := s.mustStart(t)
	s.Server.Close()
	_, err := s.Provider.Start(t.Context(), s.req)
	s.wantKind(t, err, providers.KindUnreachable)
	_, err = s.Provider.Lookup(t.Context(), s.payment(to))
	s.wantKind(t, err, providers.KindUnreachable)
}

func slow(t *testing.T, s suite) {
	to := s.mustStart(t)
	for name, call := range map[string]func(context.Context) error{
		"start":  func(ctx context.Context) error { _, err := s.Provider.Start(ctx, s.req); return err },
		"lookup": func(ctx context.Context) error { _, err := s.Provider.Lookup(ctx, s.payment(to)); return err },
	} {
		s.Server.set(-1, hang)
		ctx, leave := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- call(ctx) }()
		<-s.Server.arrived
		leave()
		err := <-ended
		s.wantKind(t, err, providers.KindUnavailable)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want the context's error", name, err)
		}
	}
}

func refusedToken(t *testing.T, s suite) {
	if !s.Tokens {
		t.Log("does not apply: this provider has no tokens")
		return
	}
	to := s.mustStart(t)
	s.Server.set(1, answer(http.StatusUnauthorized, "application/json", `{}`))
	if _, err := s.Provider.Lookup(t.Context(), s.payment(to)); err != nil {
		t.Error(err)
	}
	if n := s.Server.Seen(); n != 2 {
		t.Errorf("%d requests, want the refused one and one more", n)
	}
}

func unauthorized(t *testing.T, s suite) {
	s.Server.set(-1, answer(http.StatusUnauthorized, "application/json", `{}`))
	_, err := s.Provider.Start(t.Context(), s.req)
	s.wantKind(t, err, providers.KindUnauthorized)
	if n := s.Server.Seen(); n > 2 {
		t.Errorf("%d requests", n)
	}
}

func plainText503(t *testing.T, s suite) {
	s.Server.set(-1, answer(http.StatusServiceUnavailable, "text/plain", "upstream is down"))
	_, err := s.Provider.Start(t.Context(), s.req)
	e := s.wantKind(t, err, providers.KindUnavailable)
	if e.Status != http.StatusServiceUnavailable || string(e.Raw) != "upstream is down" {
		t.Errorf("got %+v with %q", e, e.Raw)
	}
	if n := s.Server.Seen(); n > maxTries || !s.Keyed && n != 1 {
		t.Errorf("%d requests", n)
	}
}

func tooMany(t *testing.T, s suite) {
	s.Server.set(-1, askPatience)
	_, err := s.Provider.Start(t.Context(), s.req)
	e := s.wantKind(t, err, providers.KindUnreachable)
	if e.RetryAfter.Seconds() != 120 || s.Server.Seen() != 1 {
		t.Errorf("come back after %s, %d requests", e.RetryAfter, s.Server.Seen())
	}
}

func notFollowed(t *testing.T, s suite) {
	s.Server.set(-1, redirect)
	_, err := s.Provider.Start(t.Context(), s.req)
	s.wantKind(t, err, providers.KindUnavailable)
	if n := s.Server.Seen(); n != 1 {
		t.Errorf("%d requests", n)
	}
}

func oversized(t *testing.T, s suite) {
	to := s.mustStart(t)
	s.Server.set(-1, huge)
	_, err := s.Provider.Start(t.Context(), s.req)
	e := s.wantKind(t, err, providers.KindUnavailable)
	if len(e.Raw) > 64<<10 {
		t.Errorf("%d bytes kept", len(e.Raw))
	}
	_, err = s.Provider.Lookup(t.Context(), s.payment(to))
	s.wantKind(t, err, providers.KindUnavailable)
}

func notJSON(t *testing.T, s suite) {
	to := s.mustStart(t)
	for _, body := range []string{"", "<html>Welcome</html>", "[]", `"ok"`, "null", "{}", `{"id":`} {
		s.Server.set(-1, answer(http.StatusOK, "application/json", body))
		_, err := s.Provider.Start(t.Context(), s.req)
		s.wantKind(t, err, providers.KindUnavailable)
		_, err = s.Provider.Lookup(t.Context(), s.payment(to))
		s.wantKind(t, err, providers.KindUnavailable)
	}
}

func fields(t *testing.T, s suite) {
	to := s.mustStart(t)
	s.Server.set(-1, reshape(func(o map[string]any) {
		o["x_new"] = map[string]any{"a": []any{1, "two", nil}}
		for _, k := range s.Optional {
			delete(o, k)
		}
	}))
	got, err := s.Provider.Lookup(t.Context(), s.payment(to))
	if err != nil || got.Outcome != providers.Open || got.Amount != s.says(s.req.Amount) {
		t.Errorf("missing: got %+v, %v", got, err)
	}
	s.Server.set(-1, reshape(func(o map[string]any) {
		for _, k := range s.Optional {
			o[k] = map[string]any{"odd": true}
		}
	}))
	got, err = s.Provider.Lookup(t.Context(), s.payment(to))
	if err != nil || got.Outcome != providers.Open || got.Amount != s.says(s.req.Amount) {
		t.Errorf("of odd types: got %+v, %v", got, err)
	}
}

func delivery(t *testing.T, s suite) {
	to := s.mustStart(t)
	d := s.Deliver(to.Ref)
	n, err := s.Provider.Callback(d)
	if err != nil || n.Ref != to.Ref || n.EventID == "" || n.PaymentID != "" && n.PaymentID != s.req.PaymentID {
		t.Fatalf("got %+v, %v", n, err)
	}
	again, err := s.Provider.Callback(d)
	if err != nil || again != n {
		t.Errorf("delivered again: got %+v, %v", again, err)
	}
	s.Set(to.Ref, s.Words[providers.Paid])
	other, err := s.Provider.Callback(s.Deliver(to.Ref))
	if err != nil || other.EventID == n.EventID {
		t.Errorf("another event has the same id: %+v, %v", other, err)
	}
	if a := s.Provider.CallbackAnswer(); a.Status < 200 || a.Status > 299 {
		t.Errorf("a stored delivery is answered %+v", a)
	}
}

func changedByte(t *testing.T, s suite) {
	if s.SignatureHeader == "" {
		t.Log("does not apply: this provider does not sign")
		return
	}
	d := s.Deliver(s.mustStart(t).Ref)
	whole := d.Body
	for i := range whole {
		for _, mask := range []byte{1, 0x20, 0x80} {
			d.Body = bytes.Clone(whole)
			d.Body[i] ^= mask
			s.refused(t, fmt.Sprintf("byte %d changed", i), d)
		}
	}
	d.Body = whole[:len(whole)-1]
	s.refused(t, "one byte less", d)
	d.Body = append(bytes.Clone(whole), '\n')
	s.refused(t, "one byte more", d)
}

func forged(t *testing.T, s suite) {
	if s.SignatureHeader == "" {
		t.Log("does not apply: this provider does not sign")
		return
	}
	d := s.Deliver(s.mustStart(t).Ref)
	s.refused(t, "another secret", s.Forge(d.Body))
	good := d.Header.Get(s.SignatureHeader)
	for name, values := range map[string][]string{
		"no signature": nil, "an empty one": {""}, "two of them": {good, good}, "half of it": {good[:len(good)/2]},
		"garbage": {"zz" + good}, "one too long": {good + good},
	} {
		d.Header = d.Header.Clone()
		d.Header[http.CanonicalHeaderKey(s.SignatureHeader)] = values
		s.refused(t, name, d)
	}
}

func (s suite) refused(t *testing.T, what string, d providers.Delivery) {
	t.Helper()
	n, err := s.Provider.Callback(d)
	if !errors.Is(err, providers.ErrSignature) || n != (providers.Notice{}) {
		t.Fatalf("%s: got %+v, %v", what, n, err)
	}
}

func malformed(t *testing.T, s suite) {
	if s.Sign == nil {
		t.Log("does not apply: this provider does not sign")
		return
	}
	for _, body := range []string{"", "{", "[]", "null", `"x"`, "{}", `{"id":7}`, "\xff\xfe", `{"id":"` + strings.Repeat("x", 5000) + `"}`} {
		if _, err := s.Provider.Callback(s.Sign([]byte(body))); !errors.Is(err, providers.ErrMalformed) {
			t.Errorf("%.20q: got %v", body, err)
		}
	}
}

func cancel(t *testing.T, s suite) {
	c, ok := s.Provider.(providers.Canceller)
	if !ok {
		t.Log("does not apply: this provider cannot be told to cancel")
		return
	}
	to := s.mustStart(t)
	for range 2 {
		got, err := c.Cancel(t.Context(), s.payment(to), "0b8f1f5e-3c1d-4b51-9a53-6a3a44a5a002")
		if err != nil || got.Outcome != providers.Cancelled || got.Amount != s.says(s.req.Amount) {
			t.Errorf("got %+v, %v", got, err)
		}
	}
}

func cancelPaid(t *testing.T, s suite) {
	c, ok := s.Provider.(providers.Canceller)
	if !ok {
		t.Log("does not apply: this provider cannot be told to cancel")
		return
	}
	to := s.mustStart(t)
	s.Set(to.Ref, s.Words[providers.Paid])
	got, err := c.Cancel(t.Context(), s.payment(to), "0b8f1f5e-3c1d-4b51-9a53-6a3a44a5a003")
	if err != nil || got.Outcome != providers.Paid {
		t.Errorf("got %+v, %v", got, err)
	}
}

func secrets(t *testing.T, s suite) {
	to := s.mustStart(t)
	s.saysNone(t, map[string]func(s suite) (func() error, []string){
		"start": func(s suite) (func() error, []string) {
			return func() error { _, err := s.Provider.Start(t.Context(), s.req); return err }, s.Secrets
		},
		"lookup": func(s suite) (func() error, []string) {
			p := s.payment(s.mustStart(t))
			return func() error { _, err := s.Provider.Lookup(t.Context(), p); return err }, s.Secrets
		},
	})
	var said []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		said = append(said, fmt.Sprintf(verb, s.Provider))
	}
	said = append(said, fmt.Sprintf("%v %+v %#v", s.Config, s.Config, s.Config), fmt.Sprintf("%+v", to))
	for _, text := range said {
		for _, secret := range s.Secrets {
			if strings.Contains(text, secret) {
				t.Fatalf("%q is in %.300q", secret, text)
			}
		}
	}
}

// saysNone asserts that whatever goes wrong with a call, its error has none of
// the secrets in its text, or in the answer that it kept, as they are or as a
// part of an address. Each call makes ready what it needs, on a bench of its
// own.
func (s suite) saysNone(t *testing.T, calls map[string]func(s suite) (call func() error, secrets []string)) {
	t.Helper()
	for what, ready := range calls {
		for name, f := range map[string]fault{
			"an echo": echo, "no answer": loseAnswer, "no end": huge, "moved": redirect, "nobody there": nil,
			"not let in": answer(http.StatusUnauthorized, "text/plain", "no"), "no": answer(http.StatusBadRequest, "application/json", `{}`),
		} {
			fresh := s.again()
			call, secrets := ready(fresh)
			if fresh.Server.set(-1, f); f == nil {
				fresh.Server.Close()
			}
			err := call()
			var e *providers.Error
			if !errors.As(err, &e) {
				t.Fatalf("%s, %s: got %v, want a *providers.Error", what, name, err)
			}
			said := fmt.Sprintf("%v %+v %#v %s", err, *e, *e, e.Raw)
			for _, secret := range secrets {
				if strings.Contains(said, secret) || strings.Contains(said, url.PathEscape(secret)) {
					t.Errorf("%s, %s: %q is in %.300q", what, name, secret, said)
				}
			}
		}
	}
}
