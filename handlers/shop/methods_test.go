package shop_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"till/models"
	"till/models/modelstest"
	"till/money"
	"till/providers"
	"till/providers/providertest"
)

// choosy is a provider with several ways to pay, or one that does not say which.
type choosy struct {
	*providertest.Fake
	list []providers.Method
	err  error
}

func (c choosy) Methods(context.Context, money.Currency) ([]providers.Method, error) {
	return c.list, c.err
}

func (choosy) MethodLabel(name string) string { return name }

// abroad takes one currency, and no other.
type abroad struct {
	*providertest.Fake
	only money.Currency
}

func (a abroad) Currencies() []money.Currency { return []money.Currency{a.only} }

// beside runs a test on both databases, with more providers.
func beside(t *testing.T, more func() []providers.Provider, test func(t *testing.T, b *bench)) {
	t.Helper()
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, db modelstest.Bench) { test(t, setup(t, db, more()...)) })
}

var (
	radio  = regexp.MustCompile(`name="method" value="([^"]*)"( checked)?`)
	labels = regexp.MustCompile(`<label class="stretch[^>]*>([^<]*)<`)
)

// ways are the ways to pay on a page, and the one that is preselected.
func ways(page string) (all []string, chosen string) {
	for _, m := range radio.FindAllStringSubmatch(page, -1) {
		all = append(all, m[1])
		if m[2] != "" {
			chosen = m[1]
		}
	}
	return all, chosen
}

func named(page string) (all []string) {
	for _, m := range labels.FindAllStringSubmatch(page, -1) {
		all = append(all, m[1])
	}
	return all
}

func TestMethods_OneListThatDoesNotCome(t *testing.T) {
	beside(t, func() []providers.Provider {
		return []providers.Provider{
			choosy{providertest.NewFake("down"), nil, errors.New("no answer")},
			choosy{providertest.NewFake("up"), []providers.Method{{Name: "card", Label: "Card"}, {Name: "wallet", Label: "Wallet"}}, nil},
		}
	}, func(t *testing.T, b *bench) {
		s := b.browser(t)
		s.add("mug", "1")
		page := s.get("/checkout")
		all, chosen := ways(page.body)
		if want := []string{"acme", "bank", "down", "up:card", "up:wallet"}; page.status != http.StatusOK || !slices.Equal(all, want) || chosen != "" {
			t.Fatalf("%d, %v, %q is chosen; want %v", page.status, all, chosen, want)
		}
		text := strings.ToLower(read(page.body))
		for _, bad := range []string{"problem", "could not", "sorry", "no answer", "unavailable"} {
			if strings.Contains(text, bad) {
				t.Errorf("the page says %q", bad)
			}
		}
		if a := s.post("/checkout", with(fill(page.body), "method", "up:wallet")); a.to != "https://pay.test/up-1" || b.detail(t).Payments[0].Method != "wallet" {
			t.Fatalf("%d %q", a.status, a.to)
		}
	})
}

func TestMethods_ManyAreGroupedAndToldApart(t *testing.T) {
	beside(t, func() []providers.Provider {
		list := []providers.Method{{Name: "card", Label: "Card"}, {Name: "wallet", Label: "Wallet"}, {Name: "bank", Label: "Bank transfer"}}
		return []providers.Provider{
			choosy{providertest.NewFake("one"), list, nil}, choosy{providertest.NewFake("two"), list, nil},
		}
	}, func(t *testing.T, b *bench) {
		s := b.browser(t)
		s.add("mug", "1")
		page := s.get("/checkout").body
		want := []string{
			"The acme", "The bank", "Card (The one)", "Wallet (The one)", "Bank transfer (The one)", "Card (The two)", "Wallet (The two)", "Bank transfer (The two)",
		}
		if got := named(page); !slices.Equal(got, want) {
			t.Errorf("labels %q, want %q", got, want)
		}
		for _, legend := range []string{">With The one</legend>", ">With The two</legend>", ">How to pay</legend>"} {
			if !strings.Contains(page, legend) {
				t.Errorf("no %s", legend)
			}
		}
	})
}

// The provider that has just declined is not put forward again; one that the
// shopper only turned away from is.
func TestPayAgain_WhatIsPreselected(t *testing.T) {
	table := []struct {
		name  string
		story func(s *story)
		want  string
	}{
		{"declined", func(s *story) { s.says(providers.Declined, nil) }, ""},
		{"stopped by the shopper", func(s *story) { s.says(providers.Cancelled, nil) }, "full"},
		{"too late", func(s *story) { s.says(providers.Expired, nil) }, "full"},
		{"declined, then stopped elsewhere", func(s *story) { s.says(providers.Declined, nil).another("bank").says(providers.Cancelled, nil) }, "bank"},
		{"declined, then stopped at the same", func(s *story) { s.says(providers.Declined, nil).another("full").says(providers.Cancelled, nil) }, ""},
	}
	tellAll(t, func(t *testing.T, h *story) {
		for _, tt := range table {
			t.Run(tt.name, func(t *testing.T) {
				s := h.begin(t)
				tt.story(s)
				all, chosen := ways(s.browser(t).get("/orders/" + s.token).body)
				if want := []string{"acme", "bank", "full", "slow"}; !slices.Equal(all, want) || chosen != tt.want {
					t.Fatalf("%v, %q is chosen; want %v, %q", all, chosen, want, tt.want)
				}
			})
		}
	})
}

func TestPayAgain_NotInACurrencyThatIsNotTaken(t *testing.T) {
	beside(t, func() []providers.Provider {
		return []providers.Provider{abroad{providertest.NewFake("usonly"), "USD"}}
	}, func(t *testing.T, b *bench) {
		s := b.browser(t)
		s.order()
		d := b.detail(t)
		b.acme.Say("acme-1", providers.Declined, 0)
		s.get("/return/" + d.Payments[0].ID + "/error")
		if all, _ := ways(s.get("/orders/" + d.Token).body); !slices.Equal(all, []string{"acme", "bank"}) {
			t.Errorf("offered %v", all)
		}
		before := b.detail(t)
		for _, method := range []string{"usonly", "usonly:card", "nobody", ""} {
			why := "The way to pay that you chose is not offered any more. Choose another."
			if method == "" {
				why = "Choose how to pay."
			}
			a := s.post("/orders/"+d.Token+"/payments", url.Values{"method": {method}})
			if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, why) {
				t.Errorf("%q: %d", method, a.status)
			}
		}
		if after := b.detail(t); len(after.Payments) != len(before.Payments) || len(after.Events) != len(before.Events) || after.Status != models.OrderFailed {
			t.Fatalf("%s, %d payments", after.Status, len(after.Payments))
		}
	})
}

// A page that is open goes on although the list does not come now.
func TestPayAgain_GoesOnWithoutTheList(t *testing.T) {
	list := &choosy{Fake: providertest.NewFake("up"), list: []providers.Method{{Name: "card", Label: "Card"}}}
	t.Parallel()
	b := setup(t, modelstest.Open(t, "sqlite"), list)
	s := b.browser(t)
	s.add("mug", "2")
	if a := s.post("/checkout", with(s.form(), "method", "up:card")); a.to != "https://pay.test/up-1" {
		t.Fatalf("%d %q", a.status, a.to)
	}
	list.list, list.err = nil, errors.New("no answer")
	d := b.detail(t)
	if a := s.post("/orders/"+d.Token+"/payments", url.Values{"method": {"up:card"}}); a.to != "https://pay.test/up-1" || list.Creates != 1 {
		t.Fatalf("%d %q, %d begun", a.status, a.to, list.Creates)
	}
}

// The books cannot be read: the way back in is one click, and sends no form.
func TestProblem_TryAgain(t *testing.T) {
	t.Parallel()
	b := setup(t, modelstest.Open(t, "sqlite"))
	s := b.browser(t)
	s.add("mug", "2")
	form := s.form()
	if err := b.DB.Close(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		a    answer
		want string
	}{
		{"a page", s.get("/products/mug?from=home"), "/products/mug?from=home"},
		{"an order", s.get("/orders/x?look=3"), "/orders/x?look=3"},
		{"the way back", s.get("/return/x/success"), "/return/x/success"},
		{"the way back by POST", s.post("/return/x/success", nil), "/return/x/success"},
		{"the checkout", s.post("/checkout", form), "/checkout"},
		{"a line of the cart", s.post("/cart/lines", url.Values{"product": {"mug"}}), "/cart"},
		{"paying again", s.post("/orders/x/payments", url.Values{"method": {"acme"}}), "/orders/x"},
		{"an address that leads elsewhere", s.get("//evil.test/x"), ""},
	} {
		link := `href="` + tt.want + `">Try again<`
		if tt.want != "" && (tt.a.status < 500 || !strings.Contains(tt.a.body, link)) {
			t.Errorf("%s: %d, no %s", tt.name, tt.a.status, link)
		}
		if strings.Contains(tt.a.body, `href="//`) {
			t.Errorf("%s: a link to another site", tt.name)
		}
	}
}

func TestCart_NoTotalOfNothing(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		s := b.browser(t)
		s.add("honey", "1")
		s.post("/currency", url.Values{"currency": {"USD"}})
		if a := s.get("/cart"); !strings.Contains(a.body, "Not sold in USD") || strings.Contains(a.body, `data-testid="total"`) {
			t.Fatal(read(a.body))
		}
		s.add("mug", "1")
		if a := s.get("/cart"); !strings.Contains(read(a.body), "Total USD 8.00") {
			t.Fatal(read(a.body))
		}
	})
}

// An order that may yet be paid waits in the cart, whatever stood in its way.
func TestCart_AnOrderThatWaits(t *testing.T) {
	for name, says := range map[string]providers.Report{
		"open":     {Outcome: providers.Open},
		"overdue":  {Outcome: providers.Open, Reason: providers.ReasonOverdue},
		"declined": {Outcome: providers.Declined},
		"rejected": {Outcome: providers.Cancelled, Reason: providers.ReasonRejected},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, b *bench) {
				s := b.browser(t)
				s.order()
				d := b.detail(t)
				r := b.acme.Books["acme-1"]
				r.Outcome, r.Reason, r.Word = says.Outcome, says.Reason, name
				b.acme.Books["acme-1"] = r
				s.get("/return/" + d.Payments[0].ID + "/error")
				if a := s.get("/cart"); !strings.Contains(a.body, "Order "+d.Number()+" is waiting for its payment") {
					t.Fatal(read(a.body))
				}
			})
		})
	}
}
