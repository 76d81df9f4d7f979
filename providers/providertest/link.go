package providertest

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"till/providers"
)

// Links are the levers of a fake that makes links. The zero value is for a
// provider whose links are payments like any other.
type Links struct {
	Method    string                              // where another than Bench.Method has links
	Opened    func() int                          // links that the fake has; nil is Bench.Opened
	Pay       func(ref string)                    // the buyer opens the link and pays; nil sets the word for Paid
	Deliver   func(ref string) providers.Delivery // a genuine delivery about what was paid by a link; nil is Bench.Deliver
	Silent    bool                                // a delivery about what was paid by a link names neither the link nor our payment
	Elsewhere bool                                // links lead to pages that PageOrigins does not list
}

// linkMaker is the suite with its link levers filled in; ok is false when they
// do not apply.
func (s suite) linkMaker(t *testing.T) (_ suite, maker providers.LinkMaker, ok bool) {
	t.Helper()
	maker, ok = s.Provider.(providers.LinkMaker)
	if !ok || s.Links == nil {
		t.Log("does not apply: this provider makes no links, or its bench plays none")
		return s, nil, false
	}
	l := *s.Links
	if l.Method != "" {
		s.req.Method = l.Method
	}
	if l.Opened == nil {
		l.Opened = s.Opened
	}
	if l.Pay == nil {
		l.Pay = func(ref string) { s.Set(ref, s.Words[providers.Paid]) }
	}
	if l.Deliver == nil {
		l.Deliver = s.Deliver
	}
	s.Links = &l
	return s, maker, true
}

// onPages reports whether an address is on a page that buyers may be sent to.
func (s suite) onPages(address string) bool {
	return slices.ContainsFunc(s.Provider.PageOrigins(), func(o string) bool { return strings.HasPrefix(address, o+"/") })
}

func needsPerson(t *testing.T, s suite) {
	if s.Person == nil {
		t.Log("does not apply: this provider waits for nobody")
		return
	}
	to := s.mustStart(t)
	s.Person(to.Ref)
	got, err := s.Provider.Lookup(t.Context(), s.payment(to))
	if err != nil || got.Outcome != providers.NeedsPerson || got.Captured != s.req.Amount || got.Word == "" || got.Ref != to.Ref || len(got.Raw) == 0 {
		t.Errorf("got %+v, %v, want %s that %s is there of", got, err, providers.NeedsPerson, s.req.Amount)
	}
	if p, ok := s.Provider.(providers.Pacer); ok {
		for _, asked := range []int{0, 100, 10_000} {
			if wait := p.NextAsk(providers.NeedsPerson, asked); wait <= 0 {
				t.Errorf("after %d looks it is asked again in %s", asked, wait)
			}
		}
	}
	if f, ok := s.Provider.(providers.Finder); ok {
		if found, there, err := f.Find(t.Context(), s.req); err != nil || !there || found.URL != "" || found.Report.Outcome != providers.NeedsPerson {
			t.Errorf("found %+v, %v, %v", found, there, err)
		}
	}
}

func link(t *testing.T, s suite) {
	s, maker, ok := s.linkMaker(t)
	if !ok {
		return
	}
	to, err := maker.MakeLink(t.Context(), s.req)
	if err != nil {
		t.Fatal(err)
	}
	if to.Ref == "" || to.URL == "" || to.Report.Outcome != providers.Open || s.Links.Opened() != 1 {
		t.Errorf("got %+v; %d made", to, s.Links.Opened())
	}
	if !s.Links.Elsewhere && !s.onPages(to.URL) {
		t.Errorf("%q is on none of %q", to.URL, s.Provider.PageOrigins())
	}
	p := s.payment(to)
	if got, err := s.Provider.Lookup(t.Context(), p); err != nil || got.Outcome != providers.Open || got.Amount != s.says(s.req.Amount) {
		t.Errorf("nobody has paid: got %+v, %v", got, err)
	}
	s.Links.Pay(to.Ref)
	got, err := s.Provider.Lookup(t.Context(), p)
	if err != nil || got.Outcome != providers.Paid || got.Amount != s.says(s.req.Amount) || got.PaymentID != "" && got.PaymentID != s.req.PaymentID {
		t.Errorf("paid: got %+v, %v", got, err)
	}
	if s.Links.Silent {
		return
	}
	n, err := s.Provider.Callback(s.Links.Deliver(to.Ref))
	if err != nil || n.Ref != to.Ref && n.PaymentID != s.req.PaymentID {
		t.Errorf("the delivery is about %+v, %v, which names neither %q nor %q", n, err, to.Ref, s.req.PaymentID)
	}
}

// linkLost: a link that was asked for without an answer may exist, so that it is
// not asked for again, and a look for it must not say that there is none.
func linkLost(t *testing.T, s suite) {
	s, maker, ok := s.linkMaker(t)
	if !ok {
		return
	}
	s.Server.set(-1, loseAnswer)
	_, err := maker.MakeLink(t.Context(), s.req)
	s.wantKind(t, err, providers.KindUnavailable)
	if n := s.Server.Seen(); s.Links.Opened() != 1 || n != 1 && !s.Keyed {
		t.Fatalf("%d made with %d requests", s.Links.Opened(), n)
	}
	s.Server.set(0, nil)
	if f, ok := s.Provider.(providers.Finder); ok {
		if _, found, err := f.Find(t.Context(), s.req); err == nil && !found {
			t.Error("the link is there, and is said not to be: it would be made again")
		}
	}
	for name, f := range map[string]fault{
		"503": answer(http.StatusServiceUnavailable, "text/plain", "down"), "cut off": huge, "moved": redirect, "no JSON": answer(http.StatusOK, "text/html", "<html>"),
	} {
		s.Server.set(-1, f)
		_, err := maker.MakeLink(t.Context(), s.req)
		s.wantKind(t, err, providers.KindUnavailable)
		if n := s.Server.Seen(); n != 1 && !s.Keyed {
			t.Errorf("%s: asked %d times", name, n)
		}
	}
	s.Server.set(-1, askPatience)
	_, err = maker.MakeLink(t.Context(), s.req)
	s.wantKind(t, err, providers.KindUnreachable)
}

func linkSecrets(t *testing.T, s suite) {
	if _, _, ok := s.linkMaker(t); !ok {
		return
	}
	s.saysNone(t, map[string]func(s suite) (func() error, []string){
		"link": func(s suite) (func() error, []string) {
			s, maker, _ := s.linkMaker(t)
			return func() error { _, err := maker.MakeLink(t.Context(), s.req); return err }, s.Secrets
		},
		"lookup": func(s suite) (func() error, []string) {
			s, maker, _ := s.linkMaker(t)
			to, err := maker.MakeLink(t.Context(), s.req)
			if err != nil {
				t.Fatal(err)
			}
			return func() error { _, err := s.Provider.Lookup(t.Context(), s.payment(to)); return err }, append(slices.Clone(s.Secrets), to.URL)
		},
	})
}
