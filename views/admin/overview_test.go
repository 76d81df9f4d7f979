package admin

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/a-h/templ"

	"till/money"
	"till/views/ui"
)

func bookOf(currency money.Currency, taken, refunded []int64) Book {
	b := Book{Currency: currency}
	for i := range taken {
		d := DayRow{Day: fmt.Sprintf("2026-11-%02d", 14+i), Totals: Totals{Taken: taken[i], Refunded: refunded[i], Orders: 2, Attempts: 3, Succeeded: 2}}
		b.Days = append(b.Days, d)
		b.Now.Taken, b.Now.Refunded = b.Now.Taken+d.Taken, b.Now.Refunded+d.Refunded
		b.Now.Orders, b.Now.Attempts, b.Now.Succeeded = b.Now.Orders+2, b.Now.Attempts+3, b.Now.Succeeded+2
	}
	b.Before = Totals{Taken: 100000, Refunded: 5000, Orders: 14, Attempts: 20, Succeeded: 15}
	b.Methods = []MethodRow{
		{Provider: "Gate", Method: "card", Totals: Totals{Taken: b.Now.Taken, Refunded: b.Now.Refunded, Attempts: 18, Succeeded: 13}, Before: Totals{Attempts: 20, Succeeded: 15}},
		{Provider: "iumiCash", Totals: Totals{Attempts: 3, Succeeded: 1}},
	}
	return b
}

func overview() OverviewPage {
	return OverviewPage{
		Frame: staff(), Span: Span{7, "2026-11-14", "2026-11-20", "2026-11-07", "2026-11-13"},
		Needs: []Need{
			{Kind: NeedItem, Attention: AttentionMismatch, Count: 1, Order: "1042", Since: at(21, 9, 0, 0), URL: "/admin/inbox/4"},
			{Kind: NeedItem, Attention: AttentionRefundFailed, Count: 3, Order: "1036", Since: at(20, 9, 0, 0), URL: "/admin/inbox"},
			{Kind: NeedItem, Attention: AttentionUnknownReference, Count: 1, Since: at(20, 9, 0, 0), URL: "/admin/inbox/7"},
			{Kind: NeedLapsing, Count: 2, Since: at(23, 9, 0, 0), URL: "/admin/payments?state=authorized"},
			{Kind: NeedApproval, Count: 1, Since: at(21, 8, 0, 0), URL: "/admin/approvals"},
			{Kind: NeedJob, Job: "settle_delivery", Count: 1, Since: at(19, 8, 0, 0), URL: "/admin/deliveries/9"},
			{Kind: NeedRetry, Job: "tidy", Count: 2, Since: at(21, 8, 0, 0), URL: "/admin/deliveries"},
			{Kind: NeedMail, Count: 1, Since: at(21, 8, 0, 0), URL: "/admin/orders/1041"},
			{Kind: NeedLate, Count: 1, Since: at(21, 8, 0, 0), URL: "/admin/orders/1041"},
			{Kind: NeedCallback, Provider: "Gate", Since: at(20, 8, 0, 0), URL: "/admin/deliveries?provider=gate"},
			{Kind: NeedCallback, Provider: "Powens Pay", URL: "/admin/deliveries?provider=powens"},
			{Kind: NeedPack, Count: 99, More: true, URL: "/admin/orders?todo=pack"},
			{Kind: NeedShip, Count: 1, URL: "/admin/orders?todo=ship"},
		},
		Books: []Book{
			bookOf("NZD", []int64{92000, 0, 12345, 500000, 43000, 1, 77000}, []int64{0, 0, 4000, 0, 90000, 0, 0}),
			bookOf("JPY", []int64{0, 0, 0, 0, 0, 0, 0}, []int64{0, 0, 0, 0, 0, 0, 0}),
		},
	}
}

func overviewPages() map[string]templ.Component {
	calmly := overview()
	calmly.Frame, calmly.Needs, calmly.Books, calmly.Tests, calmly.Span = calm(), nil, nil, true, Span{1, "2026-11-21", "2026-11-21", "2026-11-20", "2026-11-20"}
	begun := OverviewPage{Frame: calm(), Begin: &Begin{Named: true, Providers: true, MayName: true, MaySell: true}}
	viewer := OverviewPage{Frame: calm(), Demo: true, Tests: true, Begin: &Begin{}}
	list := PaymentsPage{
		Frame: staff(), Any: true, Provider: "gate", State: "bogus", Ref: "ref", Older: "7-x", Newer: "9-y",
		Providers: []ui.Option{{Value: "gate", Label: "Gate"}},
		Payments: []PaymentRow{
			{ID: firstID, Order: "1042", Begun: at(21, 14, 58, 12), Provider: "Gate", Method: "card", Ref: "3fa85f64", State: PaymentPaid, Amount: nzd(9200), Balances: Balances{Captured: 9200, RefundPending: 1000, Refunded: 2000, Disputed: 500}},
			{ID: secondID, Order: "1041", Test: true, Begun: at(20, 14, 0, 0), Provider: "iumiCash", State: PaymentAuthorized, Amount: nzd(5000), Balances: Balances{Authorized: 5000, Released: 1000}, NextAsk: at(21, 16, 0, 0)},
			{ID: secondID, Order: "1040", Begun: at(20, 13, 0, 0), Provider: "iumiCash", State: PaymentUnknown, Amount: nzd(5000), NextAsk: at(21, 9, 0, 0), Late: true},
			{ID: secondID, Order: "1039", Begun: at(20, 12, 0, 0), Provider: "Paid outside", State: PaymentPaid, Outside: true, Amount: nzd(5000), Balances: Balances{Captured: 5000}},
		},
	}
	refund := func(s OperationState, change func(*RefundRow)) RefundRow {
		r := RefundRow{Operation: Operation{ID: 3, Kind: OperationRefund, State: s, Amount: "NZD 10.00", Note: "broken", Calls: 1, Actor: "staff mona@shop.test", At: at(21, 14, 0, 0)}, Order: "1042", Provider: "Gate", Method: "card"}
		if change != nil {
			change(&r)
		}
		return r
	}
	refunds := RefundsPage{Frame: staff(), Any: true, State: OperationUnknown, Older: "3", Refunds: []RefundRow{
		refund(OperationRequested, func(r *RefundRow) { r.Calls = 0 }), refund(OperationRequested, func(r *RefundRow) { r.Pending, r.Test = true, true }),
		refund(OperationSucceeded, nil), refund(OperationSucceeded, func(r *RefundRow) { r.Outside, r.Code, r.Note = true, "outside", "" }),
		refund(OperationFailed, func(r *RefundRow) { r.Code = "insufficient_funds" }), refund(OperationUnknown, nil),
	}}
	return map[string]templ.Component{
		"overview":          Overview(overview()),
		"overview_calm":     Overview(calmly),
		"overview_begin":    Overview(begun),
		"overview_viewer":   Overview(viewer),
		"payments":          Payments(list),
		"payments_none":     Payments(PaymentsPage{Frame: calm()}),
		"payments_no_ref":   Payments(PaymentsPage{Frame: calm(), Any: true, Ref: "nobody's"}),
		"payments_no_state": Payments(PaymentsPage{Frame: calm(), Any: true, State: PaymentMismatch}),
		"refunds":           Refunds(refunds),
		"refunds_none":      Refunds(RefundsPage{Frame: calm()}),
		"refunds_no_state":  Refunds(RefundsPage{Frame: calm(), Any: true, State: OperationFailed}),
	}
}

func TestOverviewPages(t *testing.T) {
	for name, page := range overviewPages() {
		t.Run(name, func(t *testing.T) {
			html := render(t, page)
			if strings.Contains(html, " style=") {
				t.Error("a style attribute is not applied under our policy")
			}
			golden(t, name, html)
		})
	}
}

func TestOverviewPages_HostileInput(t *testing.T) {
	for name, page := range map[string]templ.Component{
		"overview": Overview(OverviewPage{Frame: hostileFrame(), Span: Span{7, evil, evil, evil, evil}, Needs: []Need{
			{Kind: evil, Attention: evil, Job: evil, Provider: evil, Order: evil, URL: "/admin"},
			{Kind: NeedCallback, Provider: evil},
			{Kind: NeedJob, Job: evil},
			{Kind: NeedItem, Attention: evil, Order: evil, Count: 1},
		}, Books: []Book{{Currency: "NZD", Days: []DayRow{{Day: evil}}, Methods: []MethodRow{{Provider: evil, Method: evil}}}}}),
		"payments": Payments(PaymentsPage{
			Frame: hostileFrame(), Any: true, Provider: evil, State: evil, Ref: evil, Older: evil, Newer: evil, Providers: []ui.Option{{Value: evil, Label: evil}},
			Payments: []PaymentRow{{Order: evil, Provider: evil, Method: evil, Ref: evil, State: evil}},
		}),
		"refunds": Refunds(RefundsPage{Frame: hostileFrame(), Any: true, State: evil, Older: evil, Newer: evil, Refunds: []RefundRow{
			{Operation: Operation{State: evil, Amount: evil, Code: evil, Note: evil, Actor: evil}, Order: evil, Provider: evil, Method: evil},
		}}),
	} {
		t.Run(name, func(t *testing.T) {
			html := render(t, page)
			if !strings.Contains(html, "&lt;script&gt;") {
				t.Error("the test did not reach the page")
			}
			for _, bad := range []string{"<script>alert", "<img src=x", `" onfocus=`} {
				if strings.Contains(html, bad) {
					t.Errorf("the page contains %q", bad)
				}
			}
		})
	}
}

// Every word about a need is there, for one and for several.
func TestNeed_Words(t *testing.T) {
	for _, kind := range []NeedKind{NeedItem, NeedLapsing, NeedApproval, NeedJob, NeedRetry, NeedMail, NeedLate, NeedCallback, NeedPack, NeedShip} {
		one, many := Need{Kind: kind, Attention: AttentionMismatch, Count: 1}, Need{Kind: kind, Attention: AttentionMismatch, Count: 99, More: true}
		if one.title() == string(kind) || one.text() == "" || one.tone() == "" {
			t.Errorf("%s has no words", kind)
		}
		if kind != NeedCallback && kind != NeedItem && (!strings.HasPrefix(one.title(), "1 ") || !strings.HasPrefix(many.title(), "99+ ")) {
			t.Errorf("%s: %q and %q", kind, one.title(), many.title())
		}
	}
}

func TestChange(t *testing.T) {
	for _, tt := range []struct {
		now, before int64
		want        string
	}{
		{150, 100, "up 50 %"},
		{100, 150, "down 33 %"},
		{0, 100, "down 100 %"},
		{100, 100, "no change"},
		{0, 0, "no change"},
		{100, 0, ""},
		{100, -5, ""},
		{-5, 100, ""},
		{math.MaxInt64, 1, "up 922337203685477580600 %"},
		{math.MaxInt64, math.MaxInt64 - 1, "up 0 %"},
	} {
		if got := change(tt.now, tt.before); got != tt.want {
			t.Errorf("%d after %d: %q, want %q", tt.now, tt.before, got, tt.want)
		}
	}
	for want, tt := range map[string]Totals{"–": {}, "67 %": {Attempts: 3, Succeeded: 2}, "100 %": {Attempts: 7, Succeeded: 7}} {
		if got := tt.rate(); got != want {
			t.Errorf("%+v: %q, want %q", tt, got, want)
		}
	}
}

func TestNice(t *testing.T) {
	for n, want := range map[int64]int64{0: 0, -3: 0, 1: 1, 2: 2, 3: 5, 6: 10, 11: 20, 21: 25, 26: 50, 51: 100, 12345: 20000, 4 * 1e18: 4 * 1e18, math.MaxInt64: math.MaxInt64} {
		if got := nice(n); got != want {
			t.Errorf("%d is drawn up to %d, want %d", n, got, want)
		}
	}
}

// Whatever the amounts, every bar stands within the picture, on the line, and
// as high as its share; and none is lost for being small.
func TestChart(t *testing.T) {
	position := regexp.MustCompile(`^\d{1,2}(\.\d\d)?%$`)
	for _, tt := range []struct {
		name            string
		taken, refunded []int64
	}{
		{"ordinary", []int64{92000, 0, 12345, 500000, 43000, 1, 77000}, []int64{0, 0, 4000, 0, 90000, 0, 0}},
		{"nothing", make([]int64, 7), make([]int64, 7)},
		{"one day", []int64{5}, []int64{5}},
		{"ninety days", append(make([]int64, 89), 100), make([]int64, 90)},
		{"only refunds", []int64{0, 0}, []int64{10, 20}},
		{"money that came again", []int64{0, 10}, []int64{-10, 0}},
		{"money that was taken back", []int64{-10, 5}, []int64{1, 1}},
		{"the most there is", []int64{math.MaxInt64, 1}, []int64{math.MaxInt64, 1}},
		{"both ends", []int64{math.MaxInt64, math.MinInt64 + 1}, []int64{math.MinInt64 + 1, math.MaxInt64}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := Book{Currency: "NZD"}
			for i := range tt.taken {
				b.Days = append(b.Days, DayRow{Day: fmt.Sprintf("2026-11-%02d", 1+i%30), Totals: Totals{Taken: tt.taken[i], Refunded: tt.refunded[i]}})
			}
			c := b.chart()
			if len(c.bars) != len(tt.taken) {
				t.Fatalf("%d bars", len(c.bars))
			}
			for i, one := range c.bars {
				up, down := b.Days[i].parts()
				if one.top < chartHead || one.top+one.up != c.zero || c.zero+one.down > chartHead+chartPlot {
					t.Errorf("day %d is outside: %+v, the line is at %d", i, one, c.zero)
				}
				if (up > 0) != (one.up > 0) || (down > 0) != (one.down > 0) {
					t.Errorf("day %d of %d and %d is drawn %d and %d high", i, up, down, one.up, one.down)
				}
				for j, other := range c.bars {
					otherUp, otherDown := b.Days[j].parts()
					if up > otherUp && one.up < other.up || down > otherDown && one.down < other.down {
						t.Errorf("day %d has more than day %d and is drawn lower", i, j)
					}
				}
				if !position.MatchString(one.x) || !position.MatchString(one.width) || one.width == "0%" {
					t.Errorf("day %d stands at %s and is %s wide", i, one.x, one.width)
				}
			}
			for i := 1; i < len(c.lines); i++ {
				if c.lines[i].y-c.lines[i-1].y < chartGap {
					t.Errorf("labels %+v are upon each other", c.lines)
				}
			}
			if html := render(t, drawing(c, "x")); strings.Count(html, "<rect") != rects(c) || !strings.Contains(html, `role="img"`) || !strings.Contains(html, `<desc id="x-desc">From `) {
				t.Error(html)
			}
			if table := render(t, dayTable(b)); strings.Count(table, "<tr ") != len(tt.taken)+1 {
				t.Errorf("the table has %d rows", strings.Count(table, "<tr "))
			}
		})
	}
}

func rects(c chart) (n int) {
	for _, b := range c.bars {
		if b.up > 0 {
			n++
		}
		if b.down > 0 {
			n++
		}
	}
	return n
}

func TestChart_Percent(t *testing.T) {
	for n, want := range map[int]string{0: "0%", 5: "0.05%", 50: "0.50%", 1234: "12.34%", 10000: "100%"} {
		if got := percent(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
	if got := strconv.Itoa(scale(math.MaxInt64, math.MaxInt64, 180)); got != "180" {
		t.Error(got)
	}
}
