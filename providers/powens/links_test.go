package powens_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"till/money"
	"till/providers"
	"till/providers/powens"
)

const linkID = "0a0b0c0d-0000-4000-8000-000000000001"

func withLinks(cfg *powens.Config) {
	cfg.LinksURL = strings.TrimSuffix(cfg.BaseURL, "/2.0") + "/api/payment-links"
}

func makeLink(t *testing.T, b bench) (providers.Started, providers.Payment) {
	t.Helper()
	to, err := b.MakeLink(t.Context(), request())
	if err != nil {
		t.Fatal(err)
	}
	return to, payment(to)
}

func TestMakeLink_SendsWhatThePageNames(t *testing.T) {
	t.Parallel()
	b := setup(t, withLinks)
	to, _ := makeLink(t, b)
	const want = `{"amount":19.99,"currency":"EUR","label":"1001 Kauri Clay","execution_date_type":"instant",` +
		`"beneficiary":{"scheme_name":"iban","identification":"FR7630006000011234567890189","label":"Kauri \u0026 Clay"},` +
		`"beneficiary_identity":{"kind":"corporate","org_name":"Kauri et Clay","org_legal_status":"SAS","org_hq_address":"1 rue Verte, 75000 Paris",` +
		`"scheme_name":"siren","identification":"732829320"},"payer":null,"payer_identity":{"kind":"individual","first_name":"Ada","last_name":"Martin"},` +
		`"redirect":true,"redirect_uri":"https://shop.test/return/p7k2m9/pending","redirect_state":"p7k2m9"}`
	b.change(func(f *fake) {
		if got := string(f.links[0].Body); got != want {
			t.Errorf("sent\n%s\nwant\n%s", got, want)
		}
		if got := string(f.tokenBody); !strings.Contains(got, `"scope":"payment-links:admin"`) {
			t.Errorf("asked for a token with %s", got)
		}
	})
	if got, want := b.log(), []string{"POST /api/payment-links"}; !slices.Equal(got, want) {
		t.Errorf("requests %q, want %q", got, want)
	}
	r := to.Report
	if to.Ref != linkID || to.URL != "https://payment-links.powens.test/go/secret-"+linkID || r.Outcome != providers.Open || r.Amount != request().Amount ||
		r.PaymentID != "p7k2m9" || r.Word != "no attempt" || r.Ref != linkID {
		t.Errorf("got %+v", to)
	}
	if !strings.Contains(string(r.Raw), linkID) || strings.Contains(string(r.Raw), "secret-") {
		t.Errorf("kept %s", r.Raw)
	}
	if !slices.Contains(b.PageOrigins(), strings.TrimSuffix(b.cfg.BaseURL, "/2.0")) {
		t.Errorf("origins %q", b.PageOrigins())
	}
}

func TestMakeLink_FirstOpenDay(t *testing.T) {
	t.Parallel()
	b := setup(t, withLinks, func(cfg *powens.Config) { cfg.Execution = powens.FirstOpenDay })
	makeLink(t, b)
	b.change(func(f *fake) {
		if got := f.links[0].In.ExecutionDateType; got != "first_open_day" {
			t.Errorf("sent %q", got)
		}
	})
}

func TestMakeLink_RefusesLocally(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		with  func(*powens.Config)
		spoil func(*providers.StartRequest)
	}{
		"no links":               {func(*powens.Config) {}, func(*providers.StartRequest) {}},
		"deferred":               {func(cfg *powens.Config) { withLinks(cfg); cfg.Execution = powens.Deferred }, func(*providers.StartRequest) {}},
		"nothing to pay":         {withLinks, func(r *providers.StartRequest) { r.Amount.Minor = 0 }},
		"another currency":       {withLinks, func(r *providers.StartRequest) { r.Amount.Currency = "NZD" }},
		"nobody's name":          {withLinks, func(r *providers.StartRequest) { r.Buyer.Name = " " }},
		"a way back with a part": {withLinks, func(r *providers.StartRequest) { r.PendingURL += "#x" }},
	} {
		b, req := setup(t, tt.with), request()
		tt.spoil(&req)
		_, err := b.MakeLink(t.Context(), req)
		if e := asError(t, err); e.Kind != providers.KindRejected || e.Op != "link" || len(b.log()) != 0 || b.tokensIssued() != 0 {
			t.Errorf("%s: got %v, sent %q", name, e, b.log())
		}
	}
}

// With a link that may be there, nothing may say that nothing happened, and its
// address is kept nowhere.
func TestMakeLink_WithoutUsableAnswer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		status     int
		kind       providers.Kind
	}{
		{"down", `{"code":"bug"}`, 503, providers.KindUnavailable},
		{"too many", ``, 429, providers.KindUnreachable},
		{"refused", `{"code":"invalidValue"}`, 400, providers.KindRejected},
		{"not our scope", `{"code":"forbidden"}`, 403, providers.KindUnauthorized},
		{"no JSON", `https://payment-links.powens.test/go/secret-1`, 200, providers.KindUnavailable},
		{"no id", `{"url":"https://payment-links.powens.test/go/secret-1"}`, 200, providers.KindUnavailable},
		{"an odd id", `{"id":17,"url":"https://payment-links.powens.test/go/secret-1"}`, 200, providers.KindUnavailable},
		{"no address", `{"id":"` + linkID + `"}`, 200, providers.KindUnavailable},
		{"an odd address", `{"id":"` + linkID + `","url":"javascript:secret-1"}`, 200, providers.KindUnavailable},
		{"an address in the clear", `{"id":"` + linkID + `","url":"http://payment-links.powens.test/go/secret-1"}`, 200, providers.KindUnavailable},
		{"another payment's", `{"id":"` + linkID + `","redirect_state":"x","url":"https://payment-links.powens.test/go/secret-1"}`, 200, providers.KindUnavailable},
		{"an amount that is none", `{"id":"` + linkID + `","amount":"x","url":"https://payment-links.powens.test/go/secret-1"}`, 200, providers.KindUnavailable},
		{"no end", `{"url":"https://payment-links.powens.test/go/secret-1","x":"` + strings.Repeat("x", 1<<20), 200, providers.KindUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, withLinks)
			b.onLink = func() (int, string) { return tt.status, tt.body }
			_, err := b.MakeLink(t.Context(), request())
			e := asError(t, err)
			if e.Kind != tt.kind || e.Op != "link" || len(b.log()) != 1 {
				t.Errorf("got %v after %q", e, b.log())
			}
			if strings.Contains(string(e.Raw)+e.Error(), "secret-1") {
				t.Errorf("an address is kept in %q", e.Raw)
			}
			b.change(func(f *fake) { f.onLink = nil })
			to, found, err := b.Find(t.Context(), request())
			if err != nil || !found || to.Ref != linkID || to.URL == "" || to.Report.Outcome != providers.Open {
				t.Errorf("then found %+v, %v, %v", to, found, err)
			}
			b.change(func(f *fake) {
				if len(f.links) != 1 {
					t.Errorf("%d links", len(f.links))
				}
			})
		})
	}
}

func TestFind_Links(t *testing.T) {
	t.Parallel()
	t.Run("none", func(t *testing.T) {
		t.Parallel()
		b := setup(t, withLinks)
		if _, found, err := b.Find(t.Context(), request()); err != nil || found {
			t.Errorf("got %v, %v", found, err)
		}
	})
	t.Run("a payment goes first, and then no link is asked for", func(t *testing.T) {
		t.Parallel()
		b := setup(t, withLinks)
		to, _ := start(t, b)
		got, found, err := b.Find(t.Context(), request())
		if err != nil || !found || got.Ref != to.Ref || slices.Contains(b.log(), "GET /api/payment-links") {
			t.Errorf("got %+v, %v, %v; %q", got, found, err, b.log())
		}
	})
	t.Run("one that is good goes before one that is revoked", func(t *testing.T) {
		t.Parallel()
		b := setup(t, withLinks)
		for range 3 {
			makeLink(t, b)
		}
		b.change(func(f *fake) {
			f.links[0].RevokedAt, f.links[2].RevokedAt = "2024-04-01 10:00:00", "2024-04-01T10:00:00Z"
		})
		got, found, err := b.Find(t.Context(), request())
		if err != nil || !found || got.Ref != "0a0b0c0d-0000-4000-8000-000000000002" || got.URL == "" {
			t.Errorf("got %+v, %v, %v", got, found, err)
		}
	})
	t.Run("one that is paid has no page", func(t *testing.T) {
		t.Parallel()
		b := setup(t, withLinks)
		makeLink(t, b)
		b.pay(linkID, "done")
		got, found, err := b.Find(t.Context(), request())
		if err != nil || !found || got.Ref != linkID || got.URL != "" || got.Report.Outcome != providers.Paid {
			t.Errorf("got %+v, %v, %v", got, found, err)
		}
	})
	for name, tt := range map[string]struct {
		status int
		body   string
		want   providers.Kind
	}{
		"refused":       {400, `{"code":"invalidValue"}`, providers.KindUnavailable},
		"not there":     {404, ``, providers.KindUnavailable},
		"an object":     {200, `{"payment_links":[]}`, providers.KindUnavailable},
		"null":          {200, `null`, providers.KindUnavailable},
		"too long":      {200, `["` + strings.Repeat("x", 1<<20), providers.KindUnavailable},
		"not our scope": {403, `{"code":"forbidden"}`, providers.KindUnauthorized},
	} {
		b := setup(t, withLinks, func(cfg *powens.Config) {
			cfg.Transport = wire(func(r *http.Request) (int, string, string) {
				if strings.HasSuffix(r.URL.Path, "/payment-links") {
					return tt.status, "application/json", tt.body
				}
				return 200, "application/json", `{"payments":[]}`
			})
		})
		_, found, err := b.Find(t.Context(), request())
		if e := asError(t, err); found || e.Kind != tt.want || e.Op != "find" || tt.status == 200 && e.Raw != nil {
			t.Errorf("%s: got %v, %+v", name, found, e)
		}
	}
}

// What a link says of itself, while no payment has come of it.
func TestLookup_LinkWithoutPayment(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		shape func(object)
		want  providers.Outcome
		word  string
	}{
		{"as it was made", func(object) {}, providers.Open, "no attempt"},
		{"no attempt", func(o object) { o["attempt_state"] = nil }, providers.Open, "no attempt"},
		{"nothing but its id", func(o object) {
			for k := range o {
				if k != "id" {
					delete(o, k)
				}
			}
		}, providers.Open, "no attempt"},
		{"odd types", func(o object) {
			for _, k := range []string{"attempt_state", "revoked_at", "last_payment_id", "reference_id", "redirect_state", "url", "payer", "label"} {
				o[k] = object{"odd": true}
			}
		}, providers.Open, "no attempt"},
		{"an attempt that it does not name", func(o object) { o["attempt_state"] = "done" }, providers.Unknown, "done"},
		{"revoked", func(o object) { o["revoked_at"] = "2024-05-01T09:59:59Z" }, providers.Cancelled, "revoked"},
		{"revoked just now", func(o object) { o["revoked_at"] = "2024-05-01T10:00:00.000Z" }, providers.Cancelled, "revoked"},
		{"revoked in another zone", func(o object) { o["revoked_at"] = "2024-05-01T11:59:59+02:00" }, providers.Cancelled, "revoked"},
		{"to be revoked", func(o object) { o["revoked_at"] = "2024-05-01T10:00:01Z" }, providers.Open, "no attempt"},
		{"revoked, in no zone, half a day ago", func(o object) { o["revoked_at"] = "2024-04-30 22:00:00" }, providers.Cancelled, "revoked"},
		{"revoked, in no zone, which may be to come", func(o object) { o["revoked_at"] = "2024-04-30T22:00:01.5" }, providers.Open, "no attempt"},
		{"revoked on an odd day", func(o object) { o["revoked_at"] = "yesterday" }, providers.Open, "no attempt"},
	} {
		b := setup(t, withLinks)
		_, p := makeLink(t, b)
		b.change(func(f *fake) { f.linkShape = tt.shape })
		got, err := b.Lookup(t.Context(), p)
		if err != nil || got.Outcome != tt.want || got.Word != tt.word || got.Ref != linkID || got.PaymentID != "p7k2m9" || got.Status != 200 {
			t.Errorf("%s: got %+v, %v", tt.name, got, err)
		}
		if got.Amount != p.Amount && got.Amount != (money.Amount{}) {
			t.Errorf("%s: amount %s", tt.name, got.Amount)
		}
	}
}

// The payment that was made by a link is found through it, in any state.
func TestLookup_LinkWithPayment(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		state, code string
		want        providers.Outcome
		revoked     providers.Outcome // of a link that can be used no more
	}{
		{"created", "", providers.Open, providers.Open},
		{"validating", "", providers.Open, providers.Open},
		{"pending", "", providers.Processing, providers.Processing},
		{"done", "", providers.Paid, providers.Paid},
		{"accepted", "", providers.Accepted, providers.Accepted},
		{"partial", "", providers.Unknown, providers.Unknown},
		{"in_review", "", providers.Unknown, providers.Unknown},
		// The same link can be paid by again, as long as it is good.
		{"rejected", "insufficientFunds", providers.Open, providers.Cancelled},
		{"rejected", "CancelledByUser", providers.Open, providers.Cancelled},
		{"expired", "", providers.Open, providers.Cancelled},
	} {
		for _, reference := range []bool{true, false} {
			b := setup(t, withLinks)
			_, p := makeLink(t, b)
			b.change(func(f *fake) {
				if !reference {
					f.links[0].Reference = ""
				}
			})
			made := b.pay(linkID, tt.state)
			b.change(func(*fake) { made.Code = tt.code })
			word := tt.state
			if tt.code != "" {
				word += " (" + tt.code + ")"
			}
			for _, want := range []providers.Outcome{tt.want, tt.revoked} {
				got, err := b.Lookup(t.Context(), p)
				if err != nil || got.Outcome != want || got.Word != word || got.Amount != p.Amount || got.Ref != linkID || got.PaymentID != "p7k2m9" || got.Reason != "" {
					t.Errorf("%s, %v: got %+v, %v; want %s", word, reference, got, err, want)
				}
				if !strings.Contains(string(got.Raw), `"id":501`) || strings.Contains(string(got.Raw), "secret-") {
					t.Errorf("%s: kept %s", word, got.Raw)
				}
				b.change(func(f *fake) { f.links[0].RevokedAt = "2024-04-01 10:00:00" })
			}
		}
	}
}

// Money is seen whichever attempt brought it, and all of it.
func TestLookup_LinkWithSeveralPayments(t *testing.T) {
	t.Parallel()
	eur := func(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }
	for _, tt := range []struct {
		states []string // first to last
		want   providers.Outcome
		amount money.Amount
		word   string
	}{
		{[]string{"done", "created"}, providers.Paid, eur(1999), "done"},
		{[]string{"created", "done"}, providers.Paid, eur(1999), "done"},
		{[]string{"done", "rejected", "expired"}, providers.Paid, eur(1999), "done"},
		{[]string{"done", "done"}, providers.Paid, eur(3998), "done"},
		{[]string{"done", "pending", "done", "done"}, providers.Paid, eur(5997), "done"},
		{[]string{"accepted", "pending"}, providers.Accepted, eur(1999), "accepted"},
		{[]string{"pending", "rejected"}, providers.Processing, eur(1999), "pending"},
		{[]string{"odd", "created"}, providers.Unknown, eur(1999), "odd"},
		{[]string{"rejected", "created"}, providers.Open, eur(1999), "created"},
		{[]string{"expired", "rejected"}, providers.Open, eur(1999), "rejected"},
	} {
		b := setup(t, withLinks)
		_, p := makeLink(t, b)
		for _, state := range tt.states {
			b.pay(linkID, state)
		}
		got, err := b.Lookup(t.Context(), p)
		if err != nil || got.Outcome != tt.want || got.Amount != tt.amount || got.Word != tt.word || got.Ref != linkID {
			t.Errorf("%q: got %+v, %v", tt.states, got, err)
		}
	}
}

// Another payment is never taken for one of the link.
func TestLookup_LinkIgnoresOtherPayments(t *testing.T) {
	t.Parallel()
	b := setup(t, withLinks)
	_, p := makeLink(t, b)
	other, _ := start(t, b)
	b.set(other.Ref, "done")
	b.change(func(f *fake) { f.ignoresFilters = true })
	if got, err := b.Lookup(t.Context(), p); err != nil || got.Outcome != providers.Open || got.Word != "no attempt" {
		t.Errorf("got %+v, %v", got, err)
	}
	b.change(func(f *fake) { f.links[0].Last = 501 }) // but one that the link names is
	if got, err := b.Lookup(t.Context(), p); err != nil || got.Outcome != providers.Paid {
		t.Errorf("got %+v, %v", got, err)
	}
}

// A transfer to somebody else is no payment of ours.
func TestLookup_LinkPaysAnother(t *testing.T) {
	t.Parallel()
	b := setup(t, withLinks)
	_, p := makeLink(t, b)
	made := b.pay(linkID, "done")
	b.change(func(*fake) {
		made.Create.Instructions[0].Beneficiary = map[string]string{"scheme_name": "iban", "identification": otherIBAN, "label": "x"}
	})
	if got, err := b.Lookup(t.Context(), p); err != nil || got.Amount != (money.Amount{Currency: "EUR"}) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestLookup_LinkFails(t *testing.T) {
	t.Parallel()
	full := `{"payments":[` + strings.TrimSuffix(strings.Repeat(`{"id":1,"state":"done"},`, 200), ",") + `]}`
	link := `{"id":"` + linkID + `","reference_id":"r","url":"https://x.test/secret-1","last_payment_id":501}`
	for _, tt := range []struct {
		name, link, list, one string
		kind                  providers.Kind
	}{
		{"another link", `{"id":"0a0b0c0d-0000-4000-8000-000000000002","url":"secret-1"}`, "", "", providers.KindUnavailable},
		{"another payment's", `{"id":"` + linkID + `","redirect_state":"x","url":"secret-1"}`, "", "", providers.KindUnavailable},
		{"no JSON", `secret-1`, "", "", providers.KindUnavailable},
		{"no list", link, `{}`, "", providers.KindUnavailable},
		{"too many", strings.Replace(link, `"last_payment_id":501`, `"last_payment_id":null`, 1), full, "", providers.KindUnavailable},
		{"its payment is not there", link, `{"payments":[]}`, `{"code":"notFound"}`, providers.KindUnavailable},
		{"paid, but not how much", link, `{"payments":[{"id":501,"state":"done","instructions":[{"reference_id":"r","amount":"x"}]}]}`, "", providers.KindUnavailable},
		{"more than there is", link, `{"payments":[` +
			`{"id":501,"state":"done","instructions":[{"reference_id":"r","amount":92233720368547758.07,"currency":"EUR"}]},` +
			`{"id":502,"state":"done","instructions":[{"reference_id":"r","amount":1,"currency":"EUR"}]}]}`, "", providers.KindUnavailable},
	} {
		b := setup(t, withLinks, func(cfg *powens.Config) {
			cfg.Transport = wire(func(r *http.Request) (int, string, string) {
				switch {
				case strings.Contains(r.URL.Path, "payment-links"):
					return 200, "application/json", tt.link
				case strings.HasSuffix(r.URL.Path, "/payments"):
					return 200, "application/json", tt.list
				default:
					return 404, "application/json", tt.one
				}
			})
		})
		_, err := b.Lookup(t.Context(), providers.Payment{ID: "p7k2m9", Ref: linkID})
		e := asError(t, err)
		if e.Kind != tt.kind || e.Op != "lookup" || strings.Contains(string(e.Raw)+e.Error(), "secret-1") {
			t.Errorf("%s: got %+v", tt.name, e)
		}
	}
	off := setup(t)
	for name, call := range map[string]func(providers.Payment) error{
		"lookup": func(p providers.Payment) error { _, err := off.Lookup(t.Context(), p); return err },
		"cancel": func(p providers.Payment) error { _, err := off.Cancel(t.Context(), p, "k"); return err },
	} {
		if e := asError(t, call(providers.Payment{ID: "p7k2m9", Ref: linkID})); e.Kind != providers.KindUnreachable || len(off.log()) != 0 {
			t.Errorf("%s without links: got %v", name, e)
		}
	}
}

func TestCancel_Link(t *testing.T) {
	t.Parallel()
	prepare := func(t *testing.T, states ...string) (bench, providers.Payment) {
		t.Helper()
		b := setup(t, withLinks)
		_, p := makeLink(t, b)
		for _, state := range states {
			b.pay(linkID, state)
		}
		return b, p
	}
	for _, tt := range []struct {
		name   string
		states []string
		want   providers.Outcome
		word   string
	}{
		{"nobody has paid", nil, providers.Cancelled, "revoked"},
		{"somebody has begun to", []string{"created"}, providers.Cancelled, "rejected (CancelledByClient)"},
		{"somebody has tried to", []string{"rejected"}, providers.Cancelled, "rejected"},
		{"it is paid", []string{"done"}, providers.Paid, "done"},
		{"it is paid, and begun again", []string{"done", "created"}, providers.Paid, "done"},
		{"the bank says no more", []string{"accepted"}, providers.Accepted, "accepted"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, p := prepare(t, tt.states...)
			for range 2 { // the second time it is revoked already, which is a 404
				got, err := b.Cancel(t.Context(), p, "k")
				if err != nil || got.Outcome != tt.want || got.Word != tt.word || got.Amount != p.Amount || got.Ref != linkID {
					t.Errorf("got %+v, %v", got, err)
				}
			}
			asked := slices.DeleteFunc(b.log(), func(r string) bool { return !strings.HasPrefix(r, "POST /2.0/payments/") })
			if begun := slices.Contains(tt.states, "created"); (len(asked) > 0) != begun || len(asked) > 1 {
				t.Errorf("asked to cancel %q", asked)
			}
			if log := b.log(); log[1] != "POST /api/payment-links/"+linkID+":revoke" {
				t.Errorf("requests %q", log)
			}
			b.change(func(f *fake) {
				for _, one := range f.payments {
					if one.State == "created" {
						t.Errorf("payment %d can still be paid", one.ID)
					}
				}
			})
		})
	}
	t.Run("too far", func(t *testing.T) {
		t.Parallel()
		b, p := prepare(t, "pending")
		_, err := b.Cancel(t.Context(), p, "k")
		if e := asError(t, err); e.Kind != providers.KindRejected || e.Status != http.StatusConflict {
			t.Errorf("got %+v", e)
		}
	})
	t.Run("the buyer must approve", func(t *testing.T) {
		t.Parallel()
		b, p := prepare(t, "pending")
		b.onCancel = func(p *fakePayment) (int, string) {
			p.State2, p.Approve = "cancelling", "https://bank.example/approve"
			return 200, ""
		}
		got, err := b.Cancel(t.Context(), p, "k")
		if err != nil || got.Outcome != providers.Processing || got.Word != "pending (cancelling)" {
			t.Errorf("got %+v, %v", got, err)
		}
		if at, err := b.Approval(t.Context(), p); err != nil || at != "https://bank.example/approve" {
			t.Errorf("approved at %q, %v", at, err)
		}
	})
	t.Run("nothing to approve", func(t *testing.T) {
		t.Parallel()
		b, p := prepare(t, "pending")
		if at, err := b.Approval(t.Context(), p); err != nil || at != "" {
			t.Errorf("approved at %q, %v", at, err)
		}
	})
	t.Run("one that is not there", func(t *testing.T) {
		t.Parallel()
		b := setup(t, withLinks)
		_, err := b.Cancel(t.Context(), providers.Payment{ID: "x", Ref: linkID}, "k")
		if e := asError(t, err); e.Kind != providers.KindUnavailable || e.Op != "cancel" {
			t.Errorf("got %+v", e)
		}
	})
	t.Run("no answer, and it is not sent again", func(t *testing.T) {
		t.Parallel()
		b, p := prepare(t, "created")
		b.onLink = func() (int, string) { return 503, "" }
		_, err := b.Cancel(t.Context(), p, "k")
		revokes := slices.DeleteFunc(b.log(), func(s string) bool { return !strings.HasSuffix(s, ":revoke") })
		if e := asError(t, err); e.Kind != providers.KindUnavailable || len(revokes) != 1 {
			t.Errorf("got %+v after %q", e, revokes)
		}
		b.change(func(f *fake) {
			if f.payments[0].State != "created" {
				t.Error("a payment was cancelled while the link may be good")
			}
		})
	})
	t.Run("revoked, but then silence", func(t *testing.T) {
		t.Parallel()
		b, p := prepare(t, "created")
		b.onCancel = func(*fakePayment) (int, string) { return 503, "" }
		_, err := b.Cancel(t.Context(), p, "k")
		if e := asError(t, err); e.Kind != providers.KindUnavailable {
			t.Errorf("got %+v", e)
		}
	})
}

// The two scopes have a token each, and one that is refused is replaced.
func TestLinks_Token(t *testing.T) {
	t.Parallel()
	b := setup(t, withLinks)
	_, p := makeLink(t, b)
	b.pay(linkID, "done")
	for range 3 {
		if _, err := b.Lookup(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if n := b.tokensIssued(); n != 2 {
		t.Errorf("%d tokens issued, want one for each scope", n)
	}
	b.revoke()
	if _, err := b.Lookup(t.Context(), p); err != nil || b.tokensIssued() != 4 {
		t.Errorf("%v, %d tokens issued", err, b.tokensIssued())
	}
	if said := fmt.Sprintf("%+v %#v", b.Client, b.Client); strings.Contains(said, "svc-token") {
		t.Errorf("a token is in %q", said)
	}
	b.clock.move(time.Hour)
	if _, err := b.Lookup(t.Context(), p); err != nil || b.tokensIssued() != 6 {
		t.Errorf("%v, %d tokens issued", err, b.tokensIssued())
	}
}

func TestMakeLink_Amounts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ amount, currency string }{
		{`19.99`, `"EUR"`},
		{`"19.9900000000"`, `{"id":"EUR","precision":2}`},
	} {
		b := setup(t, withLinks)
		b.linkShape = func(o object) {
			o["amount"], o["currency"] = json.RawMessage(tt.amount), json.RawMessage(tt.currency)
		}
		if to, _ := makeLink(t, b); to.Report.Amount != request().Amount {
			t.Errorf("%s %s: got %s", tt.amount, tt.currency, to.Report.Amount)
		}
	}
}
