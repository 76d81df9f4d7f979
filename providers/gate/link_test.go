package gate_test

import (
	"testing"

	"till/providers"
	"till/providers/gate"
)

func TestMakeLink(t *testing.T) {
	t.Parallel()
	t.Run("is the order's link", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		_, started := b.Start(t.Context(), request())
		to, err := b.MakeLink(t.Context(), request())
		if started != nil || err != nil || to.URL != b.server.URL+"/invoice/"+to.Ref+"/" || to.Report.Outcome != providers.Open {
			t.Fatalf("got %+v, %v", to, err)
		}
		if one, two := string(b.orders[0].Body), string(b.orders[1].Body); one != two {
			t.Errorf("made\n%s\nand not as a start is\n%s", two, one)
		}
		b.set(to.Ref, "paid")
		if got, err := b.Lookup(t.Context(), payment(to)); err != nil || got.Outcome != providers.Paid || got.Captured != eur(1999) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	for _, tt := range []struct {
		name       string
		link, page any
		want       string
	}{
		{"its page, without a link", nil, "https://pay.example/1", "https://pay.example/1"},
		{"its page, with a link to another host", "https://evil.example/1", "https://pay.example/1", "https://pay.example/1"},
		{"the link, without a page", "https://pay.example/1", nil, "https://pay.example/1"},
		{"the link, whatever its page is", "https://pay.example/1", "https://evil.example/1", "https://pay.example/1"},
		{"neither", "javascript:alert(1)", 7, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(cfg *gate.Config) { cfg.PageHosts = []string{"pay.example"} })
			b.shape = func(o object) { o["link"], o["full_page_checkout"] = tt.link, tt.page }
			to, err := b.MakeLink(t.Context(), request())
			if tt.want != "" {
				if err != nil || to.URL != tt.want {
					t.Errorf("got %q, %v", to.URL, err)
				}
				return
			}
			if e := asError(t, err); e.Kind != providers.KindRejected || e.Op != "link" || b.order(b.orders[0].ID).Status != "cancelled" {
				t.Errorf("got %+v; the order is %s", e, b.orders[0].Status)
			}
		})
	}
	t.Run("whose answer is lost is found", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		made, err := b.MakeLink(t.Context(), request())
		to, found, again := b.Find(t.Context(), request())
		if err != nil || again != nil || !found || to.Ref != made.Ref || to.URL != b.server.URL+"/pay/"+to.Ref+"/" {
			t.Errorf("got %+v, %v, %v, %v", to, found, err, again)
		}
	})
	t.Run("of what cannot be asked for", func(t *testing.T) {
		t.Parallel()
		b, req := setup(t), request()
		req.Buyer.Email = ""
		if _, err := b.MakeLink(t.Context(), req); asError(t, err).Kind != providers.KindRejected || len(b.log()) != 0 {
			t.Errorf("got %v, sent %q", err, b.log())
		}
	})
}
