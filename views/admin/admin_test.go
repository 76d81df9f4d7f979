package admin

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"

	"till/money"
	"till/views/ui"
)

var update = flag.Bool("update", false, "rewrite the golden pages in testdata")

// Every state of every page, as a browser gets it. Look at the difference in
// testdata when one changes.
func TestPages(t *testing.T) {
	for name, page := range pagesByName() {
		t.Run(name, func(t *testing.T) {
			golden(t, name, render(t, page))
		})
	}
}

// A page that shows what others typed must show it as text, wherever it is.
func TestPages_HostileInput(t *testing.T) {
	for name, page := range map[string]templ.Component{
		"orders": Orders(hostileOrders()),
		"order":  Order(hostileOrder()),
		"login":  Login(LoginPage{Frame: visitor(), Email: evil, Next: evil, Problem: LoginTooMany, Wait: evil}),
		"inbox":  Inbox(InboxPage{Frame: hostileFrame(), Items: []Item{hostileItem()}, Next: evil}),
		"item":   InboxItem(ItemPage{Frame: hostileFrame(), Item: hostileItem(), Back: evil, Refused: evil, Accept: ItemForm{evil, evil, evil, evil}, Attach: ItemForm{evil, evil, evil, evil}}),
		"refund": Refund(hostileRefund()),
		"review": RefundReview(RefundPreview{Form: hostileRefund(), Back: evil, After: evil, Worth: evil, Goods: []string{evil}, Stock: []string{evil}, Tax: evil, Keeps: evil, Limit: evil, Mail: MailText{evil, evil, evil}}),
		"approval": ApprovalOf(ApprovalPage{
			Frame: hostileFrame(), Refused: evil, Left: evil, Tax: evil, Mail: MailText{evil, evil, evil}, Reason: evil, Problem: evil,
			One: Approval{Order: evil, Provider: evil, Amount: evil, Goods: []string{evil}, Why: evil, AskedBy: evil, State: ApprovalState(evil), Reason: evil, By: evil, Decide: true},
		}),
		"approvals": Approvals(ApprovalsPage{Frame: hostileFrame(), Limit: evil, Items: []Approval{{Order: evil, Amount: evil, Why: evil, AskedBy: evil}}}),
		"document":  PrintDocument(hostileDocument()),
		"slip": PrintSlip(SlipPage{
			Frame: hostileFrame(), Order: evil, Date: evil, Seller: hostileDocument().Seller, Name: evil, Address: []string{evil}, Lines: []Line{{Name: evil, Slug: evil}},
			Carrier: evil, Tracking: evil, Stop: evil,
		}),
		"ship":    Ship(ShipPage{Frame: hostileFrame(), Number: evil, Address: []string{evil}, Carrier: evil, Tracking: evil, Problems: ShipProblems{evil, evil}}),
		"act":     Act(ActPage{Frame: hostileFrame(), Number: evil, Verb: VerbForget, Name: evil, Payment: evil, Provider: evil, Money: evil, Amount: evil, Note: evil, Key: evil, Operation: Operation{Kind: evil, Amount: evil, Actor: evil, Note: evil}, Problems: ActProblems{evil, evil}}),
		"problem": ProblemPage(Problem{Frame: staff(), Title: evil, Text: evil, Code: evil}),
	} {
		t.Run(name, func(t *testing.T) {
			html := render(t, page)
			if !strings.Contains(html, "&lt;script&gt;") {
				t.Error("the test did not reach the page")
			}
			for _, bad := range []string{"<script>alert", "<img src=x", `" onfocus=`, "javascript:alert(1)", "\x00", "\x1b", "\u202e"} {
				if strings.Contains(html, bad) {
					t.Errorf("the page contains %q", bad)
				}
			}
		})
	}
}

func hostileDocument() DocumentPage {
	return DocumentPage{
		Frame: hostileFrame(), Label: evil, Date: evil, Seller: Seller{evil, []string{evil}, evil, evil}, Order: evil, Name: evil, Email: evil, Address: []string{evil},
		Provider: evil, Ref: evil, Lines: []Line{{Name: evil, Unit: evil, Total: evil}}, Total: evil, Amount: evil, Tax: evil, Text: []string{evil},
	}
}

func hostileRefund() RefundPage {
	return RefundPage{
		Frame: hostileFrame(), Number: evil, Name: evil, Payment: evil, Provider: evil, AtProvider: true, Total: evil, Left: evil, Unanswered: evil, Disputed: evil,
		Lines: []RefundLine{{Name: evil, Unit: evil, Of: 2, Left: 1, Restocks: true, Quantity: evil, Problem: evil}}, Amount: evil, Way: RefundWay(evil),
		Reason: evil, Key: evil, Refused: evil, Problems: RefundProblems{evil, evil, evil},
	}
}

func render(t *testing.T, page templ.Component) string {
	t.Helper()
	var b bytes.Buffer
	if err := page.Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// golden compares what this package draws of a page with its file, one tag to a
// line so that a difference can be read. The document around it is ui's.
func golden(t *testing.T, name, html string) {
	t.Helper()
	file := filepath.Join("testdata", name+".html")
	_, html, found := strings.Cut(html, "Skip to the content</a>")
	if !found {
		t.Fatal("the page is not a ui.Document")
	}
	html = strings.TrimSuffix(html, "</body></html>")
	got := strings.ReplaceAll(html, "><", ">\n<") + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatalf("%v; run go test ./views/admin -update", err)
	}
	if got != string(want) {
		t.Errorf("%s differs from %s at %s", name, file, firstDifference(got, string(want)))
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return "line " + strings.TrimSpace(g[i]) + ", want " + strings.TrimSpace(w[i])
		}
	}
	return "its end"
}

// assets stands in for the static files.
type assets struct{}

func (assets) URL(name string) string     { return "/static/" + name }
func (assets) SRI(string) string          { return "" }
func (assets) Picture(name string) string { return "/static/pictures/" + name }

func visitor() Frame {
	return Frame{Frame: ui.Frame{ShopName: "Kauri & Clay", Assets: assets{}, Demo: true}}
}

func staff() Frame {
	f := visitor()
	f.Email, f.Waiting, f.Inbox = "ann@kauri.example", 2, 3
	return f
}

// evil is what an attacker may put into any text that we show.
const evil = `"><script>alert(1)</script><img src=x onerror=alert(1)>`

func nzd(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "NZD"} }

// at is a moment of the day that the pages are read on, in a shop in New
// Zealand.
func at(day, hour, minute, second int) When {
	zone := time.FixedZone("NZDT", 13*60*60)
	now := time.Date(2026, 11, 21, 15, 4, 0, 0, zone)
	return At(time.Date(2026, 11, day, hour, minute, second, 0, zone), now, zone)
}

func TestAt(t *testing.T) {
	zone := time.FixedZone("NZDT", 13*60*60)
	now := time.Date(2026, 11, 21, 15, 4, 0, 0, zone)
	for _, tt := range []struct {
		name string
		t    time.Time
		want When
	}{
		{"never", time.Time{}, When{}},
		{
			"today there, yesterday in UTC", time.Date(2026, 11, 20, 12, 30, 5, 0, time.UTC),
			When{"2026-11-21T01:30:05+13:00", "01:30", "Saturday 21 November 2026, 01:30:05 NZDT"},
		},
		{
			"this year", time.Date(2026, 3, 2, 9, 0, 0, 0, zone),
			When{"2026-03-02T09:00:00+13:00", "2 Mar, 09:00", "Monday 2 March 2026, 09:00:00 NZDT"},
		},
		{
			"the same day of another year", time.Date(2025, 11, 21, 9, 0, 0, 0, zone),
			When{"2025-11-21T09:00:00+13:00", "21 Nov 2025", "Friday 21 November 2025, 09:00:00 NZDT"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := At(tt.t, now, zone); got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}
