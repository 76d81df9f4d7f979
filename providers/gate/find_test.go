package gate_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"till/providers"
	"till/providers/gate"
)

// crowd opens n payments of other buyers.
func crowd(t *testing.T, b bench, n int) {
	t.Helper()
	for range n {
		req := request()
		req.PaymentID = fmt.Sprintf("other%04d", b.opened())
		if _, err := b.Start(t.Context(), req); err != nil {
			t.Fatal(err)
		}
	}
	forget(b)
}

// asked counts the lists that were asked for.
func asked(b bench) (searches, plain int) {
	for _, r := range b.log() {
		switch {
		case strings.Contains(r, "quick_search="):
			searches++
		case strings.HasPrefix(r, "GET /orders/?"):
			plain++
		}
	}
	return searches, plain
}

func TestFind(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name           string
		before, after  int // orders of others
		there, blind   bool
		found          bool
		searches, many int // lists asked for
	}{
		{"there, and the search says so", 30, 30, true, false, true, 1, 0},
		{"not there, in a shop of one page", 3, 0, false, false, false, 1, 1},
		{"not there, in an empty shop", 0, 0, false, false, false, 1, 1},
		{"not there, and the search is shown to work", 70, 0, false, false, false, 2, 1},
		{"there on the first page, behind a search that looks elsewhere", 70, 5, true, true, true, 1, 1},
		{"there on a later page", 30, 50, true, true, true, 2, 3},
		{"there on the last page", 0, 70, true, true, true, 2, 4},
		{"not there, and all pages say so", 70, 0, false, true, false, 2, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			crowd(t, b, tt.before)
			var want providers.Started
			if tt.there {
				want, _ = start(t, b)
			}
			crowd(t, b, tt.after)
			b.change(func(f *fake) { f.blind = tt.blind })
			to, found, err := b.Find(t.Context(), request())
			if err != nil || found != tt.found || to.Ref != want.Ref || to.URL != want.URL {
				t.Errorf("got %+v, %v, %v", to, found, err)
			}
			if tt.found && (to.Report.Outcome != providers.Open || to.Report.Amount != request().Amount || strings.Contains(string(to.Report.Raw), "other0")) {
				t.Errorf("got %+v with %s", to.Report, to.Report.Raw)
			}
			if searches, plain := asked(b); searches != tt.searches || plain != tt.many {
				t.Errorf("%d searches and %d lists, want %d and %d: %q", searches, plain, tt.searches, tt.many, b.log())
			}
			if n := b.opened(); n != tt.before+tt.after+map[bool]int{true: 1}[tt.there] {
				t.Errorf("%d orders", n)
			}
		})
	}
}

// Only the number itself counts, not one that it is a part of.
func TestFind_IsExact(t *testing.T) {
	t.Parallel()
	b, req := setup(t), request()
	req.PaymentID = "p7k2m99"
	if _, err := b.Start(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	if to, found, err := b.Find(t.Context(), request()); err != nil || found {
		t.Errorf("got %+v, %v, %v", to, found, err)
	}
}

// Should there be several, the one that counts is the one with the money.
func TestFind_SeveralOfOneNumber(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ladder := []string{"cancelled", "something_new", "viewed", "in_progress", "hold", "paid"}
	var refs []string
	for range ladder {
		to, _ := start(t, b)
		refs = append(refs, to.Ref)
	}
	for top := range ladder {
		for i, ref := range refs {
			b.set(ref, ladder[(i+top)%len(ladder)])
		}
		to, found, err := b.Find(t.Context(), request())
		if want := refs[(len(ladder)-1-top)%len(refs)]; err != nil || !found || to.Ref != want || to.Report.Outcome != providers.Paid || to.URL != "" {
			t.Errorf("got %+v, %v, %v; want %s", to, found, err, want)
		}
		b.set(to.Ref, "cancelled")
		if to, found, err = b.Find(t.Context(), request()); err != nil || !found || to.Report.Outcome != providers.Authorized {
			t.Errorf("next best: got %+v, %v, %v", to, found, err)
		}
	}
}

// Whatever cannot be read, or says no to the question, leaves it unknown.
func TestFind_NeverSaysNoByMistake(t *testing.T) {
	t.Parallel()
	const line = `{"id":"o1","number":"x1","status":"issued"}`
	for name, tt := range map[string]struct {
		status int
		body   string
		kind   providers.Kind
	}{
		"refused":                {400, `{"quick_search":[{"code":"invalid"}]}`, providers.KindUnavailable},
		"not there":              {404, `{}`, providers.KindUnavailable},
		"another key":            {401, `{}`, providers.KindUnauthorized},
		"down":                   {503, `{}`, providers.KindUnavailable},
		"no list":                {200, `[]`, providers.KindUnavailable},
		"no results":             {200, `{"next":null}`, providers.KindUnavailable},
		"null results":           {200, `{"next":null,"results":null}`, providers.KindUnavailable},
		"a line without number":  {200, `{"next":null,"results":[{"id":"o1","status":"issued"}]}`, providers.KindUnavailable},
		"a line without id":      {200, `{"next":null,"results":[{"number":"x1"}]}`, providers.KindUnavailable},
		"a line that is none":    {200, `{"next":null,"results":["o1"]}`, providers.KindUnavailable},
		"an odd next page":       {200, `{"next":2,"results":[` + line + `]}`, providers.KindUnavailable},
		"a next page of nothing": {200, `{"next":"http://[","results":[` + line + `]}`, providers.KindUnavailable},
		"the same page for ever": {200, `{"next":"https://gate.decta.com/?cursor=a","results":[` + line + `]}`, providers.KindUnavailable},
		"the same cursor":        {200, `{"next":"abc","results":[` + line + `]}`, providers.KindUnavailable},
		"not JSON":               {200, `<html>`, providers.KindUnavailable},
	} {
		b := setup(t, func(cfg *gate.Config) {
			cfg.Transport = always(func(*http.Request) (int, string, string) { return tt.status, "application/json", tt.body })
		})
		to, found, err := b.Find(t.Context(), request())
		if found || asError(t, err).Kind != tt.kind {
			t.Errorf("%s: got %+v, %v, %v", name, to, found, err)
		}
	}
	b, req := setup(t), request()
	req.PaymentID = ""
	if _, found, err := b.Find(t.Context(), req); found || asError(t, err).Kind != providers.KindUnavailable {
		t.Errorf("no id: got %v, %v", found, err)
	}
}

// A list without end is given up, and nothing is concluded from it.
func TestFind_ListWithoutEnd(t *testing.T) {
	t.Parallel()
	n := 0
	b := setup(t, func(cfg *gate.Config) {
		cfg.Transport = always(func(r *http.Request) (int, string, string) {
			n++
			if r.URL.Query().Get("quick_search") != "" {
				return 200, "application/json", `{"next":null,"results":[]}`
			}
			if r.URL.Host == "evil.example" {
				t.Error("the key went to another host")
			}
			return 200, "application/json", fmt.Sprintf(`{"next":"https://evil.example/?cursor=%d","results":[{"id":"o","number":"x"}]}`, n)
		})
	})
	if _, found, err := b.Find(t.Context(), request()); found || asError(t, err).Kind != providers.KindUnavailable || n > 200 {
		t.Errorf("got %v, %v after %d requests", found, err, n)
	}
}
