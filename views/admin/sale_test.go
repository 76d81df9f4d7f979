package admin

import (
	"regexp"
	"strings"
	"testing"

	"github.com/a-h/templ"

	"till/views/ui"
)

func theProducts() ProductsPage {
	return ProductsPage{
		Frame: staff(), CanSell: true, First: true, Any: true, Next: "7",
		Products: []ProductRow{
			{ID: 1, Name: "Everyday mug", Slug: "mug", Picture: "mug.svg", Prices: []string{"NZD 32.00", "USD 19.00"}, Position: 1, First: true},
			{ID: 2, Name: "Mānuka honey, 250 g", Slug: "honey", Prices: []string{"NZD 24.50"}, Stock: "5", Held: 3, Position: 2, Last: true},
		},
	}
}

func theProduct() ProductPage {
	return ProductPage{
		Frame: staff(), ID: 2, Name: "Mānuka honey, 250 g", Slug: "honey", Picture: "honey.svg", Version: 4, Held: 3, Changed: at(21, 14, 0, 0), CanSell: true,
		Form: ProductForm{
			Name: "Mānuka honey, 250 g", Slug: "honey", Description: "From the hills.\nKeep it dry.", Stock: "5", Seen: "5", Version: 4,
			Prices: []ProductPrice{{Currency: "NZD", Typed: "24.50"}, {Currency: "USD"}},
		},
	}
}

func theSettings() SettingsPage {
	return SettingsPage{
		Frame: staff(), CanSave: true, Logo: "sha256-abc", Version: 3,
		Form: SettingsForm{
			Version: 3, Name: "Kauri & Clay", Headline: "Small things", Contact: "hello@kauri.example", Address: "4 Wharf Road\nNelson", TaxName: "GST", TaxRate: "15",
			Zone: "Pacific/Auckland", Zones: []string{"Pacific/Auckland", "UTC"}, Open: "7", OpenUnit: "days", Keep: "30", KeepUnit: "minutes", Rule: "void", Warning: "3",
			Limits: []ProductPrice{{Currency: "NZD", Typed: "500.00"}},
		},
		History: []SettingsChange{{At: at(21, 14, 0, 0), Who: "staff ann@kauri.example", What: []string{"name: Kauri → Kauri & Clay"}}}, Older: "2",
	}
}

func theBulk(action BulkAction) BulkPage {
	return BulkPage{
		Frame: staff(), Action: action, Key: "7f1b", Back: "/admin/orders?status=paid", Mails: true, Totals: []string{"NZD 50.00", "USD 9.00"},
		Rows: []BulkRow{
			{Number: "1042", Name: "Ann Lee", Status: "paid", Amount: "NZD 50.00", Seen: "50.00"}, {Number: "1043", Name: "Bo", Status: "paid", Test: true, Amount: "USD 9.00", Seen: "9.00"},
		},
		Left: []BulkRow{{Number: "1044", Name: "Cy", Status: "issued", Amount: "NZD 5.00", Why: "The order is not paid."}},
	}
}

// wide is a list of orders that is narrowed by everything that there is.
func wide() OrdersPage {
	p := orders()
	p.Status, p.Query, p.Provider, p.Method, p.Currency, p.From, p.To = "paid", "mug nelson", "pgm", "pgm:stripe/credit-cards", "NZD", "10.00", "99.50"
	p.Since, p.Until, p.Todo, p.Tests, p.Sort, p.Needy = "2026-11-01", "2026-11-21", "pack", "all", "lowest", true
	p.Providers = []ui.Option{{Value: "pgm", Label: "Payment Gateway Manager"}}
	p.Methods = []ui.Option{{Value: "pgm:stripe/credit-cards", Label: "Card (Stripe)"}}
	p.Currencies = []ui.Option{{Value: "NZD", Label: "NZD"}}
	p.Views = []SavedView{{ID: 1, Name: "To pack", Query: "todo=pack"}, {ID: 2, Name: "Held for long", Query: "status=hold&sort=oldest"}}
	p.Exports, p.Changes, p.Refunds, p.Looked, p.Broad = true, true, true, true, []string{"mug"}
	return p
}

// salePages is every state of the pages about products, settings, and many
// orders at once.
func salePages() map[string]templ.Component {
	looked, archived, none, refused := theProducts(), theProducts(), ProductsPage{Frame: staff(), First: true, CanSell: true}, theProducts()
	looked.CanSell, archived.Archived, refused.Refused = false, true, "Somebody else moved it. Nothing was done."
	searched := ProductsPage{Frame: staff(), First: true, Any: true, Query: "teapot"}
	wrong, gone, stale, seen := theProduct(), theProduct(), theProduct(), theProduct()
	wrong.Form.Problems = ProductProblems{Name: "Give it a name.", Slug: "Another product has it.", Stock: "Type a whole number."}
	wrong.Form.Prices[1] = ProductPrice{Currency: "USD", Typed: "1,5", Problem: "Type an amount in figures"}
	wrong.PictureProblem = "That file is not a picture."
	gone.Archived, seen.CanSell = true, false
	stale.Refused, stale.Now = "Somebody else changed this product.", []Now{{"Name", "Honey"}}
	settings, bad, read := theSettings(), theSettings(), theSettings()
	bad.Form.Problems = map[string]string{"name": "Give the shop a name.", "zone": "Choose a time zone.", "limit-NZD": "Type an amount, or nothing for no limit."}
	bad.Refused, bad.LogoBad, bad.Now = "Somebody else changed the settings.", "That is not a picture.", []Now{{"Name", "Rata"}}
	read.CanSave, read.Logo, read.Elsewhen = false, "", true
	problems := theBulk(BulkShip)
	problems.Carrier, problems.Tracking = "Tui Post", map[string]string{"1042": "NZ 12"}
	problems.Problems = map[string]string{"carrier": "At most 80 characters", TrackingField("1043"): "At most 80 characters"}
	reason := theBulk(BulkRefund)
	reason.Problems = map[string]string{"reason": "Say why, in a few words"}
	impossible := theBulk(BulkPack)
	impossible.Rows, impossible.Totals = nil, nil
	named, taken, noDay := wide(), wide(), wide()
	named.Form = ViewForm{Name: "Those that wait", Query: "status=paid", Problem: "You have 20 views"}
	taken.Form = ViewForm{Name: "To pack", Query: "status=paid", Replaces: "To pack"}
	noDay.Since, noDay.From, noDay.Problems = "yesterday", "much", map[string]string{"since": "Type a day", "from": "Type an amount"}
	return map[string]templ.Component{
		"products": Products(theProducts()), "products_viewer": Products(looked), "products_archived": Products(archived), "products_none": Products(none),
		"products_nothing": Products(searched), "products_refused": Products(refused),
		"product": Product(theProduct()), "product_new": Product(ProductPage{Frame: staff(), New: true, CanSell: true, Form: ProductForm{Prices: []ProductPrice{{Currency: "NZD"}}}}),
		"product_problems": Product(wrong), "product_archived": Product(gone), "product_stale": Product(stale), "product_viewer": Product(seen),
		"settings": Settings(settings), "settings_problems": Settings(bad), "settings_viewer": Settings(read),
		"bulk_pack": Bulk(theBulk(BulkPack)), "bulk_cancel": Bulk(theBulk(BulkCancel)), "bulk_ship_problems": Bulk(problems), "bulk_refund_problems": Bulk(reason), "bulk_none": Bulk(impossible),
		"bulk_done": BulkDone(BulkResult{Frame: staff(), Action: BulkShip, Back: "/admin/orders", Rows: []BulkResultRow{
			{Number: "1042", Name: "Ann Lee", Outcome: BulkHappened, Text: "Shipped."},
			{Number: "1043", Name: "Bo", Outcome: BulkRefused, Text: "The order is not paid."},
			{Number: "1044", Name: "Cy", Outcome: BulkSilent, Text: "There was no answer."},
			{Number: "1045", Name: "Di", Outcome: BulkUnderWay, Text: "On its way."},
		}}),
		"orders_wide": Orders(wide()), "orders_view_problem": Orders(named), "orders_view_taken": Orders(taken), "orders_wide_problems": Orders(noDay),
	}
}

func TestSalePages(t *testing.T) {
	for name, page := range salePages() {
		t.Run(name, func(t *testing.T) { golden(t, name, render(t, page)) })
	}
}

// What people typed is shown as text, wherever it is.
func TestSalePages_HostileInput(t *testing.T) {
	form := ProductForm{
		Name: evil, Slug: evil, Description: evil, Prices: []ProductPrice{{evil, evil, evil}}, Stock: evil, Seen: evil, Problems: ProductProblems{evil, evil, evil, evil},
	}
	now := []Now{{evil, evil}}
	settings := SettingsForm{
		Name: evil, Headline: evil, Intro: evil, Contact: evil, Address: evil, Receipt: evil, TaxName: evil, TaxRate: evil, Zone: evil, Open: evil, OpenUnit: evil, Keep: evil,
		KeepUnit: evil, Rule: evil, Warning: evil, Zones: []string{evil}, Limits: []ProductPrice{{evil, evil, evil}}, Problems: map[string]string{"name": evil, "zone": evil, "rule": evil},
	}
	row := BulkRow{Number: evil, Name: evil, Status: Status(evil), Amount: evil, Seen: evil, Why: evil}
	list := hostileOrders()
	list.Status, list.Query, list.Provider, list.Method, list.Currency, list.From, list.To = Status(evil), evil, evil, evil, evil, evil, evil
	list.Since, list.Until, list.Todo, list.Tests, list.Sort, list.Broad = evil, evil, evil, evil, evil, []string{evil}
	list.Providers = []ui.Option{{Value: evil, Label: evil}}
	list.Views, list.Form, list.Any = []SavedView{{ID: 1, Name: evil, Query: evil}}, ViewForm{evil, evil, evil, evil}, true
	for name, page := range map[string]templ.Component{
		"products": Products(ProductsPage{Frame: hostileFrame(), Query: evil, Next: evil, Refused: evil, CanSell: true, Products: []ProductRow{{ID: 1, Name: evil, Slug: evil, Picture: evil, Prices: []string{evil}, Stock: evil}}}),
		"product":  Product(ProductPage{Frame: hostileFrame(), ID: 1, Name: evil, Slug: evil, Picture: evil, CanSell: true, Form: form, Now: now, Refused: evil, PictureProblem: evil}),
		"settings": Settings(SettingsPage{
			Frame: hostileFrame(), CanSave: true, Logo: evil, Form: settings, Now: now, Refused: evil, LogoBad: evil, History: []SettingsChange{{Who: evil, What: []string{evil}}}, Older: evil,
		}),
		"bulk": Bulk(BulkPage{
			Frame: hostileFrame(), Action: BulkShip, Key: evil, Back: "/admin/orders?q=" + evil, Rows: []BulkRow{row}, Left: []BulkRow{row}, Totals: []string{evil}, Carrier: evil,
			Tracking: map[string]string{evil: evil}, Problems: map[string]string{"carrier": evil, TrackingField(evil): evil},
		}),
		"bulk reason": Bulk(BulkPage{Frame: hostileFrame(), Action: BulkAction(evil), Rows: []BulkRow{row}, Reason: evil}),
		"bulk done":   BulkDone(BulkResult{Frame: hostileFrame(), Action: BulkAction(evil), Back: "javascript:alert(1)", Rows: []BulkResultRow{{Number: evil, Name: evil, Outcome: BulkOutcome(evil), Text: evil}}}),
		"orders":      Orders(list),
	} {
		t.Run(name, func(t *testing.T) {
			html := render(t, page)
			if !strings.Contains(html, "&lt;script&gt;") {
				t.Error("the test did not reach the page")
			}
			for _, bad := range []string{"<script>alert", "<img src=x", `" onfocus=`, "javascript:alert(1)"} {
				if strings.Contains(html, bad) {
					t.Errorf("the page contains %q", bad)
				}
			}
		})
	}
}

var (
	idsIn      = regexp.MustCompile(`\sid="([^"]*)"`)
	pointersIn = regexp.MustCompile(`\s(?:for|aria-describedby|aria-labelledby)="([^"]*)"`)
	textless   = regexp.MustCompile(`<(?:area|base|br|col|embed|hr|img|input|link|meta|source|track|wbr)\b`)
	tagIn      = regexp.MustCompile(`<(/?)([a-z][a-z0-9]*)\b[^>]*?(/?)>`)
)

// Every element is closed where it was opened, no name is given twice, and what
// points at another points at something.
func TestSalePages_Whole(t *testing.T) {
	for name, page := range salePages() {
		html, seen := render(t, page), map[string]bool{}
		for _, m := range idsIn.FindAllStringSubmatch(html, -1) {
			if seen[m[1]] {
				t.Errorf("%s: id %q twice", name, m[1])
			}
			seen[m[1]] = true
		}
		for _, m := range pointersIn.FindAllStringSubmatch(html, -1) {
			for id := range strings.FieldsSeq(m[1]) {
				if !seen[id] {
					t.Errorf("%s: %s points at nothing", name, m[0])
				}
			}
		}
		if n := strings.Count(html, "<h1"); n != 1 {
			t.Errorf("%s: %d h1", name, n)
		}
		var open []string
		for _, m := range tagIn.FindAllStringSubmatch(html, -1) {
			switch {
			case m[3] != "" || textless.MatchString(m[0]):
			case m[1] == "":
				open = append(open, m[2])
			case len(open) == 0 || open[len(open)-1] != m[2]:
				t.Fatalf("%s: %s closes %v", name, m[0], open)
			default:
				open = open[:len(open)-1]
			}
		}
		if len(open) > 0 {
			t.Errorf("%s: %v are never closed", name, open)
		}
	}
}
