package shop_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"till/models"
	"till/money"
	"till/providers"
)

// The tests of this file are named after real failures of other systems; the
// numbers are those of docs/failures.md.

// Two payments after a refresh: the page is drawn twice, both forms are sent.
func TestFailure01_TwoFormsOnePayment(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		s := b.browser(t)
		s.add("mug", "2")
		first, second := s.form(), s.form()
		var wg sync.WaitGroup
		led := make([]string, 10)
		for i := range led {
			form := first
			if i%2 == 1 {
				form = second
			}
			wg.Go(func() { led[i] = s.post("/checkout", form).to })
		}
		wg.Wait()
		for _, to := range led {
			if to != "https://pay.test/acme-1" {
				t.Fatalf("led to %v", led)
			}
		}
		if d := b.detail(t); b.orders(t) != 1 || len(d.Payments) != 1 || b.acme.Creates != 1 {
			t.Fatalf("%d orders, %d payments, %d created", b.orders(t), len(d.Payments), b.acme.Creates)
		}
	})
}

// A declined payment ended the purchase: the same order, and another way to
// pay one click away.
func TestFailure09_DeclineKeepsTheOrder(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		s := b.browser(t)
		s.order()
		d := b.detail(t)
		b.acme.Say("acme-1", providers.Declined, 0)
		s.get("/return/" + d.Payments[0].ID + "/error")
		page := s.status(d.Token, "failed")
		for _, want := range []string{"1 Kauri Road", "Mug", "The bank", "did not accept the payment"} {
			if !strings.Contains(page.body, want) {
				t.Errorf("the page does not say %q", want)
			}
		}
		if cart := s.get("/cart"); !strings.Contains(cart.body, "/cart/lines/mug") {
			t.Error("the cart is empty")
		}
		if a := s.post("/orders/"+d.Token+"/payments", url.Values{"method": {"bank"}}); a.to != "https://pay.test/bank-1" {
			t.Fatalf("led to %q", a.to)
		}
		b.bank.Say("bank-1", providers.Paid, 0)
		live, ok := b.detail(t).Live()
		if !ok || live.Provider != "bank" {
			t.Fatalf("%+v", live)
		}
		s.get("/return/" + live.ID + "/success")
		s.status(d.Token, "paid")
		if b.orders(t) != 1 {
			t.Errorf("%d orders", b.orders(t))
		}
	})
}

// Paid twice, because a screen showed an error although the payment had gone
// through.
func TestFailure10_NeverFailedWithoutAWord(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		s := b.browser(t)
		s.order()
		d := b.detail(t)
		b.acme.Say("acme-1", providers.Paid, 0)
		b.acme.LookErr = &providers.Error{Provider: "acme", Op: "lookup", Kind: providers.KindUnavailable}
		s.get("/return/" + d.Payments[0].ID + "/error")
		page := s.status(d.Token, "viewed")
		if strings.Contains(strings.ToLower(page.body), "failed") || !strings.Contains(page.body, "We are confirming your payment") {
			t.Fatal(page.body)
		}
		b.acme.Mu.Lock()
		b.acme.LookErr = nil
		b.acme.Mu.Unlock()
		s.get("/return/" + d.Payments[0].ID + "/pending")
		s.status(d.Token, "paid")

		s.add("mug", "2") // the very same again
		form := s.form()
		again := s.post("/checkout", form)
		if again.status != http.StatusUnprocessableEntity || !strings.Contains(again.body, "/orders/"+d.Token) {
			t.Fatalf("%d: no warning with a way to the paid order", again.status)
		}
		if b.orders(t) != 1 || b.acme.Creates != 1 {
			t.Fatal("an order was placed")
		}
		if a := s.post("/checkout", with(form, "again", "yes")); a.to != "https://pay.test/acme-2" {
			t.Fatalf("meant so: %d %q", a.status, a.to)
		}
		stranger := b.browser(t) // who knows a shopper's address learns nothing of what they bought
		stranger.add("mug", "2")
		if a := stranger.post("/checkout", stranger.form()); a.to != "https://pay.test/acme-3" || b.orders(t) != 3 {
			t.Fatalf("another browser: %d %q, %d orders\n%s", a.status, a.to, b.orders(t), read(a.body))
		}
	})
}

// A shopper who came back before the confirmation met an error page, and one
// whose payment was declined met a thank-you page: both addresses show what the
// provider says, and nothing else.
func TestFailure11_ReturnPages(t *testing.T) {
	for _, outcome := range []string{"success", "error", "pending"} {
		for _, tt := range []struct {
			name string
			say  providers.Outcome
			err  error
			want string
		}{
			{"paid", providers.Paid, nil, "your order is paid"},
			{"pending", providers.Processing, nil, "We are confirming your payment"},
			{"declined", providers.Declined, nil, "This order is not paid yet"},
			{"cancelled", providers.Cancelled, nil, "You stopped the payment"},
			{"not decided", providers.Open, nil, "This order is not paid yet"},
			{"no answer", providers.Open, &providers.Error{Kind: providers.KindUnavailable}, "We are confirming your payment"},
		} {
			t.Run(outcome+" address, "+tt.name, func(t *testing.T) {
				each(t, func(t *testing.T, b *bench) {
					s := b.browser(t)
					s.order()
					d := b.detail(t)
					b.acme.Say("acme-1", tt.say, 0)
					b.acme.LookErr = tt.err
					a := s.get("/return/" + d.Payments[0].ID + "/" + outcome + "?status=success&paid=1")
					if a.status != http.StatusSeeOther {
						t.Fatal(a.status)
					}
					if page := s.get(a.to); !strings.Contains(page.body, tt.want) {
						t.Fatalf("the page does not say %q:\n%s", tt.want, page.body)
					}
				})
			})
		}
	}
}

// The page that waits looks again a bounded number of times, then says what to
// do; it needs no script for that.
func TestConfirmingPageIsBounded(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		s := b.browser(t)
		s.order()
		d := b.detail(t)
		b.acme.Say("acme-1", providers.Processing, 0)
		s.get("/return/" + d.Payments[0].ID + "/success")
		path, n := "/orders/"+d.Token, 0
		for n < 50 {
			page := s.get(path)
			next := attr(page.body, "data-refresh-url")
			if next == "" {
				if !strings.Contains(page.body, "This takes longer than usual") {
					t.Fatal(page.body)
				}
				break
			}
			if !strings.Contains(page.body, `http-equiv="refresh"`) {
				t.Fatal("without script nothing happens")
			}
			path, n = next, n+1
		}
		if n == 0 || n > 20 {
			t.Fatalf("looked %d times", n)
		}
	})
}

// An empty cart after the bank's page: the provider came back by POST, and the
// cookie did not come along.
func TestFailure12_ReturnByPostWithoutCookie(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.browser(t).order()
		d := b.detail(t)
		b.acme.Say("acme-1", providers.Paid, 0)
		other := b.browser(t) // no cookie of ours
		req, _ := http.NewRequest(http.MethodPost, b.srv.URL+"/return/"+d.Payments[0].ID+"/success", strings.NewReader("x=1"))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", "https://pay.test")
		req.Header.Set("Sec-Fetch-Site", "cross-site")
		if a := other.do(req); a.status != http.StatusSeeOther || a.to != "/orders/"+d.Token {
			t.Fatalf("%d %q", a.status, a.to)
		}
		other.status(d.Token, "paid")
	})
}

// Browser Back from the provider's page emptied the cart.
func TestFailure13_BackFromTheProvider(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		s := b.browser(t)
		s.order()
		d := b.detail(t)
		cart := s.get("/cart")
		for _, want := range []string{"/orders/" + d.Token, "/cart/lines/mug"} {
			if !strings.Contains(cart.body, want) {
				t.Errorf("the cart does not show %q", want)
			}
		}
		if page := s.status(d.Token, "viewed"); !strings.Contains(page.body, "https://pay.test/acme-1") {
			t.Error("the order page has no way on")
		}
		if a := s.post("/checkout", s.form()); a.to != "https://pay.test/acme-1" || b.orders(t) != 1 {
			t.Errorf("the same again led to %q, %d orders", a.to, b.orders(t))
		}
		s.add("honey", "1") // and now something else: the payment before is given up
		if a := s.post("/checkout", s.form()); a.to != "https://pay.test/acme-2" {
			t.Fatalf("%d %q", a.status, a.to)
		}
		old, err := models.NewOrders(b.DB).ByToken(t.Context(), d.Token)
		if err != nil || old.Status != models.OrderCancelled || b.acme.Cancels != 1 {
			t.Fatalf("%s, %d cancelled there, %v", old.Status, b.acme.Cancels, err)
		}
		if now := b.detail(t); now.ID == old.ID || now.Total.Minor != 3490 {
			t.Fatalf("%+v", now.Order)
		}
	})
}

// "Change items" and nothing changed after all: the shopper must get through.
func TestCancelledAndOrderedAgain(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		s := b.browser(t)
		s.order()
		first := b.detail(t)
		if a := s.post("/orders/"+first.Token+"/cancel", url.Values{"then": {"cart"}}); a.to != "/cart" {
			t.Fatalf("%d %q", a.status, a.to)
		}
		s.status(first.Token, "cancelled")
		form := s.form()
		for range 2 {
			if a := s.post("/checkout", form); a.to != "https://pay.test/acme-2" {
				t.Fatalf("%d %q", a.status, a.to)
			}
		}
		b.acme.Say("acme-2", providers.Paid, 0)
		second := b.detail(t)
		s.get("/return/" + second.Payments[0].ID + "/success")
		s.status(second.Token, "paid")
		if cart := s.get("/cart"); strings.Contains(cart.body, "/cart/lines/mug") || b.orders(t) != 2 {
			t.Fatalf("%d orders; the cart must be empty", b.orders(t))
		}
	})
}

// The cart is edited in another tab while the bank's page is open.
func TestFailure14_EditInAnotherTab(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		s := b.browser(t)
		s.order()
		d := b.detail(t)
		s.add("honey", "3") // tab B
		b.acme.Say("acme-1", providers.Paid, 0)
		s.get("/return/" + d.Payments[0].ID + "/success") // tab A
		s.status(d.Token, "paid")
		if after := b.detail(t); len(after.Lines) != 1 || after.Payments[0].Captured != 2500 {
			t.Fatalf("%+v", after)
		}
		if cart := s.get("/cart"); !strings.Contains(cart.body, "/cart/lines/honey") {
			t.Fatal("tab B's cart was emptied by tab A's order")
		}
	})
}

// Somebody changes the cart in another tab between summary and submit.
func TestFailure14_SummaryOfAnotherCart(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		s := b.browser(t)
		s.add("mug", "2")
		form := s.form()
		s.add("honey", "1")
		if a := s.post("/checkout", form); a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "34.90") {
			t.Fatalf("%d", a.status)
		}
		if b.orders(t) != 0 {
			t.Fatal("an order for something else than shown")
		}
	})
}

// The price rose between summary and submit, and was charged.
func TestFailure15_APriceThatRoseIsShownFirst(t *testing.T) {
	for _, tt := range []struct {
		name  string
		minor int64
		pass  bool
	}{{"rose", 1300, false}, {"fell", 1200, true}, {"stayed", 1250, true}} {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, b *bench) {
				s := b.browser(t)
				s.add("mug", "2")
				form := s.form()
				mug := b.products["mug"]
				mug.Prices = []models.Price{{Currency: "NZD", Minor: tt.minor}}
				if err := models.NewProducts(b.DB).Import(t.Context(), []models.Product{mug}); err != nil {
					t.Fatal(err)
				}
				a := s.post("/checkout", form)
				if tt.pass {
					if a.status != http.StatusSeeOther || b.detail(t).Total.Minor != 2*tt.minor {
						t.Fatalf("%d, total %s", a.status, b.detail(t).Total)
					}
					return
				}
				if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "25.00") || !strings.Contains(a.body, "26.00") {
					t.Fatalf("%d: old and new must be shown", a.status)
				}
				if b.orders(t) != 0 || b.acme.Creates != 0 {
					t.Fatal("charged without having been shown")
				}
				if a := s.post("/checkout", fill(a.body)); a.status != http.StatusSeeOther || b.detail(t).Total.Minor != 2600 {
					t.Fatalf("agreed to: %d", a.status)
				}
			})
		})
	}
}

// A form without its summary, or with one that somebody wrote: nothing that
// was not shown is charged.
func TestFailure15_NoSummaryNoCharge(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		s := b.browser(t)
		s.add("mug", "2")
		form := s.form()
		for _, shown := range []string{"", "NZD", "NZD 1*2", "USD 1*2@1250", "NZD 1*2@1", "NZD 1*2@99999999999999999999", "NZD 1*9223372036854775807@9223372036854775807"} {
			if a := s.post("/checkout", with(form, "shown", shown)); a.status != http.StatusUnprocessableEntity {
				t.Errorf("%q: %d", shown, a.status)
			}
		}
		if b.orders(t) != 0 {
			t.Fatal("an order was placed")
		}
	})
}

// ¥5,800 became ¥58: what is shown, what is asked of the provider, what is
// written down and what the receipt says is the same money in every currency.
func TestFailure20_DecimalsOfTheCurrency(t *testing.T) {
	for currency, tt := range map[money.Currency]struct {
		minor int64
		shown string
	}{"JPY": {5800, "5,800"}, "NZD": {5800, "58.00"}, "KWD": {5800, "5.800"}} {
		t.Run(string(currency), func(t *testing.T) {
			each(t, func(t *testing.T, b *bench) {
				mug := b.products["mug"]
				mug.Prices = []models.Price{{Currency: currency, Minor: tt.minor}}
				if err := models.NewProducts(b.DB).Import(t.Context(), []models.Product{mug}); err != nil {
					t.Fatal(err)
				}
				s, want := b.browser(t), string(currency)+"\u00a0"+tt.shown
				s.post("/currency", url.Values{"currency": {string(currency)}})
				s.add("mug", "1")
				a := s.post("/checkout", s.form())
				d := b.detail(t)
				asked := b.acme.Books[d.Payments[0].Ref].Amount
				if a.to != "https://pay.test/acme-1" || asked != (money.Amount{Minor: tt.minor, Currency: currency}) {
					t.Fatalf("the provider was asked for %s", asked)
				}
				b.acme.Say("acme-1", providers.Paid, 0)
				s.get("/return/" + d.Payments[0].ID + "/success")
				for _, path := range []string{"/orders/" + d.Token, "/orders/" + d.Token + "/receipt"} {
					if page := s.get(path); !strings.Contains(page.body, want) {
						t.Errorf("%s does not show %s", path, want)
					}
				}
				if after := b.detail(t); after.Payments[0].Captured != tt.minor {
					t.Errorf("captured %d", after.Payments[0].Captured)
				}
			})
		})
	}
}

// No answer to the start: the page says that we do not know, offers no second
// payment, and shows the truth when it is there.
func TestFailure25_UnknownIsSaid(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		s := b.browser(t)
		s.add("mug", "2")
		b.acme.StartErr, b.acme.Lost = &providers.Error{Provider: "acme", Op: "start", Kind: providers.KindUnavailable}, true
		s.post("/checkout", s.form())
		d := b.detail(t)
		page := s.status(d.Token, "in_progress")
		if !strings.Contains(page.body, "We do not know yet") || strings.Contains(page.body, `action="/orders/`+d.Token+`/payments"`) {
			t.Fatal(page.body)
		}
		if a := s.post("/orders/"+d.Token+"/payments", url.Values{"method": {"bank"}}); a.to != "/orders/"+d.Token || b.bank.Creates != 0 {
			t.Fatalf("%q, %d begun elsewhere", a.to, b.bank.Creates)
		}
		b.acme.Say("acme-1", providers.Paid, 0)
		b.Clock.Pass(10 * time.Second)
		if _, err := b.cashier.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
		s.status(d.Token, "paid")
		if b.acme.Creates != 1 {
			t.Fatalf("%d created", b.acme.Creates)
		}
	})
}

// Whatever only looks changes nothing: mail scanners open links.
func TestGetStartsNothing(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		s := b.browser(t)
		s.order()
		d := b.detail(t)
		before := b.detail(t)
		scanner := b.browser(t)
		for range 5 {
			for _, path := range []string{"/orders/" + d.Token, "/orders/" + d.Token + "/receipt", "/orders/" + d.Token + "/cancel", "/orders/" + d.Token + "/payments", "/return/" + d.Payments[0].ID + "/error", "/checkout"} {
				scanner.get(path)
			}
		}
		after := b.detail(t)
		if after.Status != before.Status || len(after.Payments) != 1 || len(after.Events) != len(before.Events) || b.acme.Creates != 1 || b.acme.Cancels != 0 {
			t.Fatalf("%+v", after)
		}
	})
}
