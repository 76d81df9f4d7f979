package admin

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"till/models"
	"till/providers"
)

var (
	rowLink = regexp.MustCompile(`href="/admin/orders/(\d+)"`)
	pageRef = regexp.MustCompile(`rel="(prev|next)" href="([^"]+)"`)
)

// numbers are the orders on a list, as the page has them.
func numbers(page string) []string {
	var all []string
	for _, m := range rowLink.FindAllStringSubmatch(page, -1) {
		all = append(all, m[1])
	}
	return all
}

// way is where a page of the list leads; empty for nowhere.
func way(page, rel string) string {
	for _, m := range pageRef.FindAllStringSubmatch(page, -1) {
		if m[1] == rel {
			return strings.ReplaceAll(m[2], "&amp;", "&")
		}
	}
	return ""
}

func TestList(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		w := b.signedIn(t, viewerEmail)
		want(t, w.get("/admin/orders"), 200, "No orders yet")

		open, first := b.order(t, func(p *models.Placement) { p.Payment.Method = "by-card" })                         // 1001
		paid, _ := b.paid(t, func(p *models.Placement) { p.Order.Email, p.Order.Test = "bob@example.test", true })    // 1002
		odd, second := b.order(t, func(p *models.Placement) { p.Order.Email, p.Order.Name = "eve@x.test", "<b>Eve" }) // 1003
		b.pay.mu.Lock()
		r := b.pay.answers[second.Ref]
		r.Outcome, r.Word, r.Amount.Minor = providers.Paid, "completed", 1
		b.pay.answers[second.Ref] = r
		b.pay.mu.Unlock()
		if _, err := b.pages.Cashier.Settle(t.Context(), second.ID, cashierTimer); err != nil {
			t.Fatal(err)
		}
		gone, _ := b.order(t, func(p *models.Placement) { p.Payment.Provider = "oldpay" }) // 1004

		for _, tt := range []struct {
			query string
			want  []models.Order
			text  string
		}{
			{"", []models.Order{gone, odd, open}, "NZD 25.00"},
			{"?test=all", []models.Order{gone, odd, paid, open}, "NZD 25.00"},
			{"?status=paid", nil, "Tests are not shown"},
			{"?status=paid&test=test", []models.Order{paid}, "TEST"},
			{"?test=real&sort=oldest", []models.Order{open, odd, gone}, "Orders, oldest first"},
			{"?status=viewed", []models.Order{open}, "Acme <Pay>"},
			{"?status=needs_attention", []models.Order{odd}, "Orders that need attention"},
			{"?status=refunded", nil, "No order has the status “Refunded” right now."},
			{"?q=1002&test=all", []models.Order{paid}, ""},
			{"?q=%231002&test=all", []models.Order{paid}, ""},
			{"?q=+BOB%40example.test+&test=all", []models.Order{paid}, ""},
			{"?q=mug+lee", []models.Order{gone, open}, ""},
			{"?provider=oldpay", []models.Order{gone}, ""},
			{"?method=acme:by-card", []models.Order{open}, "Acme <Pay>, Called by-card"},
			{"?currency=nzd&from=25&to=25.00&sort=highest", []models.Order{gone, odd, open}, ""},
			{"?currency=NZD&from=25.01", nil, "No order is all that is chosen."},
			{"?since=2026-03-07&until=2026-03-07", []models.Order{gone, odd, open}, ""},
			{"?until=2026-03-06", nil, "Nothing found"},
			{"?since=2026-03-08", nil, "Nothing found"},
			{"?attention=yes", []models.Order{odd}, ""},
			{"?attention=yes&status=viewed", nil, "Nothing found"},
			{"?todo=pack", nil, "Nothing to pack"},
			{"?todo=ship&test=test", []models.Order{paid}, ""},
			{"?sort=lowest&currency=NZD&before=99", []models.Order{open, odd, gone}, ""},
			{"?q=eve%40", []models.Order{odd}, "<b>Eve"},
			{"?q=" + first.Ref, []models.Order{open}, ""},
			{"?q=" + first.ID, []models.Order{open}, ""},
			{"?q=bob%00%ff&test=all", []models.Order{paid}, ""},
			{"?q=nobody", nil, "No order matches “nobody”."},
			{"?q=bob&status=viewed", nil, "matches “bob”"},
			{"?q=%27%20OR%201%3D1%20--", nil, "Nothing found"},
			{"?q=" + strings.Repeat("a", 5000), nil, "Nothing found"},
			{"?q=99999999999999999999999", nil, "Nothing found"},
			{"?before=1003", []models.Order{open}, ""},
			{"?before=bogus&after=-4", []models.Order{gone, odd, open}, ""},
			{"?before=1", nil, "No more orders"},
		} {
			got := w.get("/admin/orders" + tt.query)
			want(t, got, 200, tt.text)
			var expect []string
			for _, o := range tt.want {
				expect = append(expect, o.Number())
			}
			if have := numbers(got.Body.String()); !slices.Equal(have, expect) {
				t.Errorf("%s lists %v, want %v", tt.query, have, expect)
			}
			if strings.Contains(got.Body.String(), "<b>Eve") {
				t.Errorf("%s: a name is markup", tt.query)
			}
			if n := strings.Count(got.Body.String(), `data-testid="waiting">1<`); n == 0 {
				t.Errorf("%s: the frame does not count the order that needs attention", tt.query)
			}
		}
	})
}

// What cannot be read is said beside its field, and nothing is listed.
func TestList_Unreadable(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		for query, said := range map[string]string{
			"status=bogus":                           "“bogus” is no status",
			"status=bo%00gus%ff":                     "“bogus” is no status",
			"provider=nobody":                        "No order was made with “nobody”",
			"method=full:x":                          "No order was made with “full:x”",
			"currency=ZZZ":                           "“ZZZ” is no currency",
			"from=5":                                 "Choose the currency of this amount, too",
			"to=5":                                   "Choose the currency of this amount, too",
			"currency=NZD&from=five":                 "Type an amount in figures, such as 42.50",
			"currency=NZD&from=1.001":                "Type no more decimals than NZD has",
			"currency=JPY&to=-1":                     "such as 4250",
			"currency=NZD&from=9&to=8":               "This is less than the amount before it",
			"since=21.11.2026":                       "Type a day like 2026-11-21",
			"until=2026-02-30":                       "Type a day like 2026-11-21",
			"since=2026-03-08&until=2026-03-07":      "This is before the first day",
			"todo=dance":                             "“dance” is nothing that is to do",
			"test=maybe":                             "Choose real orders, tests, or both",
			"sort=sideways":                          "“sideways” is no order of a list",
			"sort=lowest":                            "choose it, too",
			"sort=highest&status=paid&currency=%3Cb": "“&lt;B” is no currency",
		} {
			for _, path := range []string{"/admin/orders?", "/admin/orders.csv?"} {
				got := s.w.get(path + query)
				want(t, got, http.StatusUnprocessableEntity, "There is a problem")
				if body := got.Body.String(); !strings.Contains(body, said) || len(numbers(body)) > 0 {
					t.Errorf("%s%s does not say %q, or lists", path, query, said)
				}
			}
		}
		if n := s.count(t, "audit WHERE action = 'orders_exported'"); n != 0 {
			t.Errorf("%d exports", n)
		}
	})
}

// From the newest to the oldest and back, every order is seen once each way,
// also while others are placed.
func TestList_Pages(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		place := func(n int) {
			for range n {
				b.order(t, func(p *models.Placement) { p.Payment.Provider = "oldpay" })
			}
		}
		place(2*perPage + 3)
		w := b.signedIn(t, ownerEmail)
		first := w.get("/admin/orders?q=ann%40").Body.String()
		if have := numbers(first); len(have) != perPage || have[0] != "1103" || way(first, "prev") != "" {
			t.Fatalf("first page %v, back %q", have, way(first, "prev"))
		}
		second := w.get(way(first, "next")).Body.String()
		third := w.get(way(second, "next")).Body.String()
		if have := numbers(third); !slices.Equal(have, []string{"1003", "1002", "1001"}) || way(third, "next") != "" {
			t.Fatalf("third page %v, on %q", have, way(third, "next"))
		}
		seen := slices.Concat(numbers(first), numbers(second), numbers(third))
		if len(slices.Compact(seen)) != 2*perPage+3 || !slices.IsSortedFunc(seen, func(a, b string) int { return strings.Compare(b, a) }) {
			t.Fatalf("seen %v", seen)
		}
		back := w.get(way(third, "prev")).Body.String()
		if !slices.Equal(numbers(back), numbers(second)) || way(back, "prev") == "" || way(back, "next") == "" {
			t.Errorf("back is %v", numbers(back))
		}
		place(1)
		top := w.get(way(back, "prev")).Body.String()
		if have := numbers(top); len(have) != perPage {
			t.Errorf("top has %d", len(have))
		}
		newest := w.get(way(top, "prev")).Body.String() // full again, and the first
		if have := numbers(newest); len(have) != perPage || have[0] != "1104" || way(newest, "prev") != "" {
			t.Errorf("newest is %v, back %q", have, way(newest, "prev"))
		}
		empty := w.get("/admin/orders?before=1001").Body.String()
		if have := numbers(w.get(way(empty, "prev")).Body.String()); len(have) != perPage || have[perPage-1] != "1001" {
			t.Errorf("from beyond the end back to %v", have)
		}
	})
}

func TestClean(t *testing.T) {
	t.Parallel()
	for in, out := range map[string]string{" a b ": "a b", "a\x00b": "ab", "\xff": "", strings.Repeat("ō", 300): strings.Repeat("ō", maxQuery)} {
		if got := clean(in); got != out {
			t.Errorf("%q becomes %q", in, got)
		}
	}
}

func TestOrder_Missing(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.order(t, nil)
		w := b.signedIn(t, ownerEmail)
		for _, number := range []string{"9999", "0", "-1", "01001", "+1001", "1001x", "1001.0", "99999999999999999999", "%00", "%27"} {
			want(t, w.get("/admin/orders/"+number), http.StatusNotFound, "There is no such order", ownerEmail)
		}
	})
}
