package shop

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/a-h/templ"

	"till/views/ui"
)

var update = flag.Bool("update", false, "rewrite testdata")

// assets names files without hashes, so that a change of style does not change
// the golden pages.
type assets struct{}

func (assets) URL(name string) string { return "/static/" + name }

func (assets) SRI(string) string { return "sha384-test" }

func (assets) Picture(name string) string { return "/static/pictures/" + name }

func frame(cart int) ui.Frame {
	return ui.Frame{
		ShopName: "Kauri & Clay", Assets: assets{}, Currency: "NZD", Currencies: []string{"NZD", "USD", "SBD"},
		CartCount: cart, Contact: "hello@shop.example", Demo: true,
	}
}

var goods = []Line{
	{Name: "Tea bowl", Picture: "bowl.svg", Quantity: 2, Unit: "NZD 28.00", Total: "NZD 56.00"},
	{Name: "Mānuka honey, 250 g", Picture: "honey.svg", Quantity: 1, Unit: "NZD 24.50", Total: "NZD 24.50"},
}

func home() HomePage {
	return HomePage{
		Frame:    frame(3),
		Headline: "Small things for the house, made slowly",
		Intro:    "Thrown, woven and bottled by eleven people around Tasman Bay. Delivery is free.",
		Products: []Card{
			{Slug: "tea-bowl", Name: "Tea bowl", Picture: "bowl.svg", Price: "NZD 28.00"},
			{Slug: "mug", Name: "Everyday mug", Picture: "mug.svg", Price: "NZD 32.00"},
			{Slug: "board", Name: "Kauri bread board, oiled twice", Picture: "board.svg", Price: "NZD 1,264.00"},
			{Slug: "honey", Name: "Mānuka honey, 250 g", Picture: "honey.svg", Price: "NZD 24.50", Availability: SoldOut},
			{Slug: "soap", Name: "Oat soap", Picture: "soap.svg", Availability: NotPriced},
			{Slug: "towel", Name: "Linen towel", Picture: "towel.svg", Price: "NZD 36.00"},
			{Slug: "candle", Name: "Beeswax candle", Picture: "candle.svg", Price: "NZD 18.00"},
		},
	}
}

func product() ProductPage {
	return ProductPage{
		Frame: frame(0), Slug: "tea-bowl", Name: "Tea bowl", Picture: "bowl.svg", Price: "NZD 28.00",
		Description: "A small bowl that sits well in two hands. Thrown in Nelson from local clay, glazed the green of wet kauri leaves.\n\n" +
			"Holds 250 ml. Goes in the dishwasher. No two are the same.",
	}
}

func cart() CartPage {
	return CartPage{
		Frame: frame(3), Total: "NZD 80.50",
		Lines: []CartLine{
			{Slug: "tea-bowl", Name: "Tea bowl", Picture: "bowl.svg", Quantity: "2", Unit: "NZD 28.00", Total: "NZD 56.00"},
			{Slug: "honey", Name: "Mānuka honey, 250 g", Picture: "honey.svg", Quantity: "1", Unit: "NZD 24.50", Total: "NZD 24.50"},
		},
	}
}

func checkout() CheckoutPage {
	return CheckoutPage{
		Frame: frame(3), Lines: goods, Rows: []Row{{Label: "Delivery", Amount: "Free"}}, Total: "NZD 80.50",
		Countries: []ui.Option{{Value: "NZ", Label: "New Zealand"}, {Value: "SB", Label: "Solomon Islands"}},
		Methods:   []Method{{Name: "iumicash", Label: "iumiCash"}},
		Key:       "k1", Shown: "s1",
		Form: CheckoutForm{Country: "NZ"},
	}
}

func typed() CheckoutForm {
	return CheckoutForm{
		Name: "Mere Tautahi", Email: "mere@mail.example", Line1: "12 Rātā Street", City: "Nelson", Postcode: "7010",
		Country: "NZ", Method: "iumicash",
	}
}

func order(state OrderState, status string) OrderPage {
	return OrderPage{
		Frame: frame(0), Number: "1042", Token: "9wq4k2m7x1", Status: status, State: state, Provider: "iumiCash",
		PlacedAt: "Saturday 21 November 2026, 14:30", AskedAt: "14:32",
		Lines: goods, Rows: []Row{{Label: "Delivery", Amount: "Free"}}, Total: "NZD 80.50",
		Name: "Mere Tautahi", Email: "mere@mail.example", Mails: true,
		Address: []string{"12 Rātā Street", "Nelson 7010", "New Zealand"},
	}
}

var (
	oneMethod = []Method{{Name: "iumicash", Label: "iumiCash"}}
	manyWays  = []Method{
		{Name: "iumicash", Label: "iumiCash", Provider: "iumiCash"},
		{Name: "powens", Label: "Powens", Provider: "Powens"},
		{Name: "gate:card", Label: "Card (Gate)", Provider: "Gate"},
		{Name: "pgm:a", Label: "Satispay", Provider: "Payment Gateway Manager"},
		{Name: "pgm:b", Label: "House account", Provider: "Payment Gateway Manager"},
		{Name: "pgm:c", Label: "Card (Stripe)", Provider: "Payment Gateway Manager"},
		{Name: "vertex:a", Label: "Card (Vertex)", Provider: "Vertex"},
		{Name: "vertex:b", Label: "Wallet (Moana)", Provider: "Vertex"},
		{Name: "vertex:c", Label: "Bank transfer (Tui, with a name that is rather long)", Provider: "Vertex"},
	}
	twoMethods = []Method{{Name: "iumicash", Label: "iumiCash"}, {Name: "powens", Label: "Powens Pay", Hint: "A transfer from your bank, approved in its app."}}
)

const hostileText = `"><script>alert(1)</script><img src=x onerror=alert(1)>`

// pages is every state of every page.
func pages() map[string]templ.Component {
	all := map[string]templ.Component{
		"home":        Home(home()),
		"home-empty":  Home(HomePage{Frame: frame(0), Headline: "Small things for the house, made slowly"}),
		"product":     Product(product()),
		"cart":        Cart(cart()),
		"cart-empty":  Cart(CartPage{Frame: frame(0)}),
		"checkout":    Checkout(checkout()),
		"receipt":     Receipt(receipt()),
		"problem-404": Problem(ProblemPage{Frame: frame(1), Status: 404}),
	}
	for _, part := range []map[string]templ.Component{productStates(), cartStates(), checkoutStates(), orderStates(), rest()} {
		for name, page := range part {
			all[name] = page
		}
	}
	return all
}

func productStates() map[string]templ.Component {
	soldOut, notPriced, refused := product(), product(), product()
	soldOut.Availability = SoldOut
	notPriced.Availability, notPriced.Price, notPriced.SoldIn = NotPriced, "", []string{"USD", "SBD"}
	refused.Quantity, refused.Problem = "many", "Type a whole number from 1 to 99."
	return map[string]templ.Component{
		"product-sold-out": Product(soldOut), "product-not-priced": Product(notPriced), "product-422": Product(refused),
	}
}

func cartStates() map[string]templ.Component {
	trouble, waiting, flash := cart(), cart(), cart()
	trouble.Lines = append(trouble.Lines,
		CartLine{Slug: "soap", Name: "Oat soap", Picture: "soap.svg", Quantity: "1", Problem: ProblemNotPriced},
		CartLine{Slug: "candle", Name: "Beeswax candle", Picture: "candle.svg", Quantity: "4", Unit: "NZD 18.00", Total: "NZD 72.00", Problem: ProblemTooMany, Left: 3},
		CartLine{Slug: "mug", Name: "Everyday mug", Picture: "mug.svg", Quantity: "1", Unit: "NZD 32.00", Problem: ProblemSoldOut},
		CartLine{Slug: "old-jug", Name: "Old jug", Picture: "placeholder.svg", Quantity: "1", Problem: ProblemWithdrawn},
		CartLine{Slug: "towel", Name: "Linen towel", Picture: "towel.svg", Quantity: "lots", Unit: "NZD 36.00", Problem: ProblemQuantity},
	)
	waiting.Pending = &PendingOrder{Number: "1042", Total: "NZD 80.50", URL: "/orders/9wq4k2m7x1", CancelURL: "/orders/9wq4k2m7x1/cancel"}
	flash.Frame.Flash = "Removed Oat soap."
	notSold := CartPage{Frame: frame(1), Lines: trouble.Lines[2:3]}
	one := cart()
	one.Lines = one.Lines[:1]
	return map[string]templ.Component{
		"cart-trouble": Cart(trouble), "cart-pending": Cart(waiting), "cart-flash": Cart(flash),
		"cart-not-sold": Cart(notSold), "cart-one": Cart(one),
	}
}

func checkoutStates() map[string]templ.Component {
	states := map[string]func(*CheckoutPage){
		"checkout-two-methods":  func(p *CheckoutPage) { p.Methods, p.Form = twoMethods, typed() },
		"checkout-many-methods": func(p *CheckoutPage) { p.Methods = manyWays },
		"checkout-no-methods":   func(p *CheckoutPage) { p.Methods = nil },
		"checkout-422": func(p *CheckoutPage) {
			p.Methods, p.Form = twoMethods, typed()
			p.Form.Email, p.Form.Line1, p.Form.Country, p.Form.Method = "mere@", "", "", ""
			p.Form.Problems = map[string]string{
				"email":   "Type an e-mail address like name@example.com.",
				"line1":   "Type the street and number.",
				"country": "Choose the country we send to.",
				"method":  "Choose how you want to pay.",
			}
		},
		"checkout-price-changed": func(p *CheckoutPage) {
			p.Form = typed()
			p.PriceChange = &PriceChange{
				Lines:    []ChangedLine{{Name: "Mānuka honey, 250 g", Old: "NZD 22.00", New: "NZD 24.50"}},
				OldTotal: "NZD 78.00", NewTotal: "NZD 80.50",
			}
		},
		"checkout-cart-changed": func(p *CheckoutPage) { p.Form, p.CartChanged = typed(), true },
		"checkout-already-paid": func(p *CheckoutPage) {
			p.Form = typed()
			p.Earlier = &EarlierOrder{Number: "1041", Total: "NZD 80.50", When: "12 minutes ago", URL: "/orders/x1", Paid: true}
		},
		"checkout-already-paying": func(p *CheckoutPage) {
			p.Form = typed()
			p.Earlier = &EarlierOrder{Number: "1041", Total: "NZD 80.50", When: "12 minutes ago", URL: "/orders/x1"}
		},
		"checkout-already-paid-untick": func(p *CheckoutPage) {
			p.Form = typed()
			p.Earlier = &EarlierOrder{Number: "1041", Total: "NZD 80.50", When: "12 minutes ago", URL: "/orders/x1", Paid: true}
			p.Form.Problems = map[string]string{"again": "Tick the box if you want to buy it once more."}
		},
		"checkout-unreachable": func(p *CheckoutPage) { p.Form, p.Unreachable = typed(), "iumiCash" },
		"checkout-429":         func(p *CheckoutPage) { p.Form, p.RetrySeconds = typed(), 30 },
	}
	out := map[string]templ.Component{}
	for name, change := range states {
		p := checkout()
		change(&p)
		out[name] = Checkout(p)
	}
	return out
}

func orderStates() map[string]templ.Component {
	states := map[string]struct {
		state  OrderState
		status string
		change func(*OrderPage)
	}{
		"order-paid":   {StatePaid, "paid", func(p *OrderPage) { p.PaidAt, p.Money = "Saturday 21 November 2026, 14:32", took("NZD 80.50") }},
		"order-packed": {StatePaid, "paid", func(p *OrderPage) { p.Money, p.Parcel = took("NZD 80.50"), Parcel{Packed: true} }},
		"order-shipped": {StatePaid, "paid", func(p *OrderPage) {
			p.Money, p.Parcel = took("NZD 80.50"), Parcel{Left: true, Carrier: "Tui Post", Tracking: "NZ 1234 5678"}
		}},
		"order-shipped-plainly": {StatePartlyRefunded, "partially_refunded", func(p *OrderPage) { p.Money, p.Parcel = backTo("NZD 56.00"), Parcel{Left: true} }},
		"order-paid-part": {StatePaid, "paid", func(p *OrderPage) {
			p.Money = Money{Taken: "NZD 56.00", Stays: "NZD 56.00", LetGo: "NZD 24.50", Less: true}
		}},
		"order-received":        {StatePaid, "received", func(p *OrderPage) { p.Money, p.Direct, p.Provider = took("NZD 80.50"), true, "" }},
		"order-confirming":      {StateConfirming, "in_progress", func(p *OrderPage) { p.RefreshSeconds, p.RefreshURL = 5, "/orders/9wq4k2m7x1?look=2" }},
		"order-confirming-long": {StateConfirming, "in_progress", nil},
		"order-unknown":         {StateUnknown, "in_progress", func(p *OrderPage) { p.Methods = oneMethod }},
		"order-accepted":        {StateAccepted, "in_progress", nil},
		"order-clearing":        {StateClearing, "in_progress", func(p *OrderPage) { p.RefreshSeconds, p.RefreshURL = 5, "/orders/9wq4k2m7x1?look=2" }},
		"order-clearing-late":   {StateClearing, "in_progress", func(p *OrderPage) { p.Late = true }},
		"order-reserved": {StateReserved, "hold", func(p *OrderPage) {
			p.Money = Money{Reserved: "NZD 80.50", Until: "Saturday 19 December 2026"}
		}},
		"order-open": {StateOpen, "in_progress", func(p *OrderPage) {
			p.ContinueURL, p.Methods, p.Method, p.CanCancel = "https://pay.iumicash.example/checkout/65f0", oneMethod, "iumicash", true
		}},
		"order-open-no-page": {StateOpen, "viewed", func(p *OrderPage) { p.Methods, p.CanCancel = oneMethod, true }},
		"order-not-paid-balance": {StateNotPaid, "failed", func(p *OrderPage) {
			p.Reason, p.Methods, p.CanCancel = ReasonBalance, oneMethod, true
		}},
		"order-not-paid-cancelled": {StateNotPaid, "failed", func(p *OrderPage) {
			p.Reason, p.Methods, p.Method, p.CanCancel = ReasonCancelled, twoMethods, "iumicash", true
		}},
		"order-not-paid-422": {StateNotPaid, "failed", func(p *OrderPage) {
			p.Reason, p.Methods, p.Problem = ReasonDeclined, twoMethods, "Choose how you want to pay."
		}},
		"order-not-paid-new-word": {StateNotPaid, "failed", func(p *OrderPage) { p.Reason, p.Methods = "moon_phase", oneMethod }},
		"order-start-failed":      {StateStartFailed, "failed", func(p *OrderPage) { p.Methods, p.CanCancel = oneMethod, true }},
		"order-refunding": {StateRefunding, "refund_initiated", func(p *OrderPage) {
			p.Money = took("NZD 80.50")
			p.Money.Pending, p.Money.Stays = "NZD 24.50", "NZD 56.00"
		}},
		"order-refunding-unanswered": {StateRefunding, "refund_initiated", func(p *OrderPage) {
			p.Money = Money{Taken: "NZD 80.50", Pending: "NZD 80.50", Unanswered: true}
		}},
		"order-partly-refunded": {StatePartlyRefunded, "partially_refunded", func(p *OrderPage) { p.Money = backTo("NZD 56.00") }},
		"order-refunded": {StateRefunded, "refunded", func(p *OrderPage) {
			p.Money = Money{Taken: "NZD 80.50", Sent: "NZD 80.50", Refunds: []Refund{
				{Amount: "NZD 24.50", Day: "Monday 23 November 2026"}, {Amount: "NZD 56.00", Day: "Tuesday 24 November 2026"},
			}}
		}},
		"order-reversed": {StateReversed, "reversed", func(p *OrderPage) {
			p.Money = Money{Taken: "NZD 80.50", Sent: "NZD 80.50", Refunds: []Refund{{Amount: "NZD 80.50", Day: "Monday 23 November 2026"}}}
		}},
		"order-refund-stuck": {StateRefundStuck, "refund_failed", func(p *OrderPage) {
			p.Money = took("NZD 80.50")
			p.Money.Stuck = true
		}},
		"order-refund-came-back": {StateRefundCameBack, "refund_reversed", func(p *OrderPage) {
			p.Money = took("NZD 80.50")
			p.Money.Refunds = []Refund{{Amount: "NZD 24.50", Day: "Monday 23 November 2026"}, {Amount: "NZD 24.50", Day: "Friday 27 November 2026", CameBack: true}}
		}},
		"order-disputed": {StateDisputed, "chargeback", func(p *OrderPage) { p.Money = took("NZD 80.50") }},
		"order-overpaid": {StateOverpaid, "paid", func(p *OrderPage) {
			p.Money = Money{Taken: "NZD 161.00", Stays: "NZD 161.00", Over: "NZD 80.50"}
		}},
		"order-cancelled-refunding": {StateCancelled, "cancelled", func(p *OrderPage) {
			p.Money = Money{Taken: "NZD 80.50", Pending: "NZD 80.50"}
		}},
		"order-cancelled-refunded": {StateCancelled, "cancelled", func(p *OrderPage) {
			p.Money = Money{Taken: "NZD 80.50", Sent: "NZD 80.50", Refunds: []Refund{{Amount: "NZD 80.50", Day: "Monday 23 November 2026"}}}
		}},
		"order-cancelled-stuck": {StateCancelled, "cancelled", func(p *OrderPage) {
			p.Money, p.Looking = took("NZD 80.50"), true
			p.Money.Stuck = true
		}},
		"order-cancelled-money":  {StateCancelled, "cancelled", func(p *OrderPage) { p.Money, p.Looking = took("NZD 80.50"), true }},
		"order-cancelled-kept":   {StateCancelled, "cancelled", func(p *OrderPage) { p.Money = took("NZD 80.50") }},
		"order-cancelled-let-go": {StateCancelled, "cancelled", func(p *OrderPage) { p.Money = Money{LetGo: "NZD 80.50"} }},
		"order-overdue": {StateOpen, "overdue", func(p *OrderPage) {
			p.Reason, p.ContinueURL, p.Methods = ReasonOverdue, "https://pay.iumicash.example/checkout/65f0", oneMethod
		}},
		"order-not-paid-many": {StateNotPaid, "failed", func(p *OrderPage) { p.Reason, p.Methods, p.CanCancel = ReasonDeclined, manyWays, true }},
		"order-not-paid-returned": {StateNotPaid, "issued", func(p *OrderPage) {
			p.Reason, p.Methods = ReasonReturned, oneMethod
			p.Money = Money{Taken: "NZD 1.00", Sent: "NZD 1.00", Refunds: []Refund{{Amount: "NZD 1.00", Day: "Monday 23 November 2026"}}}
		}},
		"order-attention":     {StateAttention, "in_progress", nil},
		"order-paid-doubtful": {StatePaid, "paid", func(p *OrderPage) { p.Money, p.Doubtful = took("NZD 80.50"), true }},
		"order-kept-reserved": {StateReserved, "hold", func(p *OrderPage) {
			p.Money, p.Kept = Money{Reserved: "NZD 80.50", Until: "Friday 27 November 2026"}, true
		}},
		"order-kept-paid":  {StatePaid, "paid", func(p *OrderPage) { p.Money, p.Kept = took("NZD 80.50"), true }},
		"order-kept-moved": {StateOpen, "viewed", func(p *OrderPage) { p.Kept, p.CanCancel, p.Methods = true, true, oneMethod }},
		"order-cancelled":  {StateCancelled, "cancelled", nil},
		"order-expired":    {StateExpired, "expired", nil},
		"order-new-state":  {"levitating", "levitating", nil},
	}
	out := map[string]templ.Component{}
	for name, s := range states {
		p := order(s.state, s.status)
		if s.change != nil {
			s.change(&p)
		}
		out[name] = Order(p)
	}
	return out
}

// took is the money of an order of which this much was taken and no more moved.
func took(amount string) Money { return Money{Taken: amount, Stays: amount} }

// backTo is took of which NZD 24.50 went back.
func backTo(stays string) Money {
	return Money{Taken: "NZD 80.50", Sent: "NZD 24.50", Stays: stays, Refunds: []Refund{{Amount: "NZD 24.50", Day: "Monday 23 November 2026"}}}
}

func receipt() ReceiptPage {
	return ReceiptPage{
		Frame: frame(0), Number: "1042", Token: "9wq4k2m7x1", PlacedAt: "Saturday 21 November 2026, 14:30",
		PaidAt: "Saturday 21 November 2026, 14:32", Provider: "iumiCash", Ref: "65f0c1d2e3a4b5c6d7e8f901",
		Lines: goods, Rows: []Row{{Label: "Delivery", Amount: "Free"}}, Total: "NZD 80.50",
		Name: "Mere Tautahi", Email: "mere@mail.example", Address: []string{"12 Rātā Street", "Nelson 7010", "New Zealand"},
		Money: took("NZD 80.50"), Shop: "Kauri & Clay",
		Seller: []string{"4 Wharf Road", "Nelson 7010, New Zealand", "hello@shop.example"},
	}
}

func rest() map[string]templ.Component {
	out := map[string]templ.Component{}
	for _, status := range []int{400, 403, 405, 413, 422, 429, 500, 503, 599} {
		p := ProblemPage{Frame: frame(0), Status: status, RetrySeconds: 90, RequestID: "r-7c1e"}
		if status == 503 {
			p.OrderURL = "/orders/9wq4k2m7x1"
		}
		if status == 429 || status >= 500 {
			p.RetryURL = "/checkout"
		}
		out["problem-"+strconv.Itoa(status)] = Problem(p)
	}
	refunded := receipt()
	refunded.Money = backTo("NZD 56.00")
	out["receipt-refunded"] = Receipt(refunded)
	numbered := receipt()
	numbered.Money, numbered.Label, numbered.Tax = backTo("NZD 56.00"), "R-17", "GST 15 %: NZD 10.50"
	numbered.Papers = []Paper{
		{Label: "C-3", Credit: true, Amount: "NZD 24.50", Day: "Monday 23 November 2026", Tax: "GST 15 %: NZD 3.20"}, {Label: "R-18", Amount: "NZD 24.50", Day: "Friday 27 November 2026"},
	}
	out["receipt-numbered"] = Receipt(numbered)
	evilReceipt := receipt()
	evilReceipt.Shop, evilReceipt.Label, evilReceipt.Tax, evilReceipt.Note, evilReceipt.Papers = hostileText, hostileText, hostileText, hostileText, []Paper{{Label: hostileText, Day: hostileText, Tax: hostileText}}
	out["receipt-hostile"] = Receipt(evilReceipt)
	part := receipt()
	part.Money = Money{Taken: "NZD 56.00", Stays: "NZD 56.00", Less: true}
	out["receipt-part"] = Receipt(part)
	direct := receipt()
	direct.Provider, direct.Ref, direct.Direct = "", "", true
	out["receipt-direct"] = Receipt(direct)

	evilProduct := product()
	evilProduct.Name, evilProduct.Description, evilProduct.Quantity, evilProduct.Problem = hostileText, hostileText, hostileText, hostileText
	out["product-hostile"] = Product(evilProduct)
	evilCheckout := checkout()
	evilCheckout.Key, evilCheckout.Shown = hostileText, hostileText
	evilCheckout.Form = CheckoutForm{Name: hostileText, Email: hostileText, Line1: hostileText, Problems: map[string]string{"name": hostileText, "email": hostileText}}
	out["checkout-hostile"] = Checkout(evilCheckout)
	evilOrder := order(StateOpen, hostileText)
	evilOrder.Name, evilOrder.Email, evilOrder.Address, evilOrder.Provider = hostileText, hostileText, []string{hostileText}, hostileText
	evilOrder.Parcel = Parcel{Left: true, Carrier: hostileText, Tracking: hostileText}
	evilOrder.Methods, evilOrder.CanCancel, evilOrder.ContinueURL = []Method{{Name: hostileText, Label: hostileText}}, true, "javascript:alert(1)"
	out["order-hostile"] = Order(evilOrder)
	return out
}

func draw(t *testing.T, page templ.Component) string {
	t.Helper()
	var b strings.Builder
	if err := page.Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPages(t *testing.T) {
	for name, page := range pages() {
		t.Run(name, func(t *testing.T) {
			got, path := draw(t, page), filepath.Join("testdata", name+".html")
			if *update {
				if err := os.MkdirAll("testdata", 0o750); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("%s differs from what is drawn now; look, then run with -update", path)
			}
		})
	}
}

func TestPages_NoGoldenPageIsLeftOver(t *testing.T) {
	files, err := filepath.Glob("testdata/*.html")
	if err != nil {
		t.Fatal(err)
	}
	all := pages()
	for _, f := range files {
		if _, ok := all[strings.TrimSuffix(filepath.Base(f), ".html")]; !ok {
			t.Errorf("%s belongs to no page", f)
		}
	}
}

var (
	tags     = regexp.MustCompile(`<[^>]*>`)
	values   = regexp.MustCompile(`="[^"]*"`)
	inline   = regexp.MustCompile(`\s(style|on[a-z]+)=`)
	ids      = regexp.MustCompile(`\sid="([^"]*)"`)
	pointers = regexp.MustCompile(`\s(?:for|aria-describedby|aria-labelledby)="([^"]*)"`)
	local    = regexp.MustCompile(`href="#([^"]*)"`)
)

// What the policy forbids must not be on a page, or the page is not what was
// looked at.
func TestPages_KeepTheContentPolicy(t *testing.T) {
	for name, page := range pages() {
		html := draw(t, page)
		for _, tag := range tags.FindAllString(html, -1) {
			if inline.MatchString(values.ReplaceAllString(tag, "=")) {
				t.Errorf("%s: inline style or script in %s", name, tag)
			}
		}
		for _, bad := range []string{"<style", "<script>", "javascript:"} {
			if strings.Contains(html, bad) {
				t.Errorf("%s: has %q", name, bad)
			}
		}
	}
}

func TestPages_PointAtWhatIsThere(t *testing.T) {
	for name, page := range pages() {
		html, seen := draw(t, page), map[string]bool{}
		for _, m := range ids.FindAllStringSubmatch(html, -1) {
			if seen[m[1]] {
				t.Errorf("%s: id %q twice", name, m[1])
			}
			seen[m[1]] = true
		}
		for _, m := range append(pointers.FindAllStringSubmatch(html, -1), local.FindAllStringSubmatch(html, -1)...) {
			for id := range strings.FieldsSeq(m[1]) {
				if !seen[id] {
					t.Errorf("%s: %s points at nothing", name, m[0])
				}
			}
		}
		if n := strings.Count(html, "<h1"); n != 1 {
			t.Errorf("%s: %d h1", name, n)
		}
	}
}

// features.md 10: a page never says more than the provider did. Shoppers do
// not hear our own words for things either.
func TestPages_SpeakToShoppers(t *testing.T) {
	for name, page := range pages() {
		if strings.HasSuffix(name, "-hostile") {
			continue // its words are not ours
		}
		text := strings.ToLower(tags.ReplaceAllString(draw(t, page), " "))
		for _, word := range []string{"failed", "failure", "error", "attempt", "operation", "ledger", "transaction", "invalid"} {
			if strings.Contains(text, word) {
				t.Errorf("%s: says %q", name, word)
			}
		}
	}
}

// features.md, woocommerce#51929: what arrives with the whole page is not
// announced, so the summary takes the focus and the title says so.
func TestPages_OneFocusAfterARefusal(t *testing.T) {
	for name, page := range pages() {
		html := draw(t, page)
		focus, summaries := strings.Count(html, " autofocus"), strings.Count(html, "data-summary")
		if focus != summaries || focus > 1 {
			t.Errorf("%s: %d summaries, %d elements take the focus", name, summaries, focus)
		}
		if focus == 1 && !strings.Contains(html, "<title>Problem: ") {
			t.Errorf("%s: the title does not say that there is a problem", name)
		}
	}
}

// features.md 25: where money may have moved, nothing invites to pay again,
// whatever the handler offers.
func TestOrder_NoSecondPaymentWhileInDoubt(t *testing.T) {
	for _, state := range []OrderState{
		StateConfirming, StateClearing, StateUnknown, StateAccepted, StateReserved, StatePaid, StateRefunding, StatePartlyRefunded,
		StateRefunded, StateReversed, StateRefundStuck, StateRefundCameBack, StateDisputed, StateOverpaid, StateAttention, StateCancelled,
		StateExpired, "levitating",
	} {
		p := order(state, "x")
		p.Methods, p.ContinueURL = twoMethods, "https://pay.iumicash.example/checkout/65f0"
		html := draw(t, Order(p))
		if strings.Contains(html, "/payments") || strings.Contains(html, p.ContinueURL) {
			t.Errorf("%s: the page offers to pay", state)
		}
	}
}

func TestOrder_PaidOnlyWhenPaid(t *testing.T) {
	for _, state := range []OrderState{
		StateOpen, StateNotPaid, StateStartFailed, StateConfirming, StateClearing, StateUnknown, StateAccepted, StateReserved,
		StateAttention, StateCancelled, StateExpired, "levitating",
	} {
		html := draw(t, Order(order(state, "x")))
		for _, word := range []string{"Thank you", "We received", "/receipt"} {
			if strings.Contains(html, word) {
				t.Errorf("%s: the page says %q", state, word)
			}
		}
	}
}

// features.md 11: the page that waits looks a bounded number of times. The
// bound is the handler's; the page stops as soon as it is not asked to go on.
func TestOrder_LooksAgainOnlyWhenTold(t *testing.T) {
	p := order(StateConfirming, "in_progress")
	if html := draw(t, Order(p)); strings.Contains(html, "refresh") || !strings.Contains(html, "Check again") {
		t.Error("after the last time the page must stop and offer to check")
	}
	p.RefreshSeconds, p.RefreshURL = 5, "/orders/9wq4k2m7x1?look=2"
	if html := draw(t, Order(p)); !strings.Contains(html, `content="5;url=/orders/9wq4k2m7x1?look=2"`) {
		t.Error("the page does not look again by itself")
	}
}

func TestCart_CannotCheckOutWithAProblem(t *testing.T) {
	for _, problem := range []LineProblem{ProblemSoldOut, ProblemKept, ProblemWithdrawn, ProblemNotPriced, ProblemTooMany, ProblemQuantity} {
		p := cart()
		p.Lines[1].Problem = problem
		if p.CanCheckout() {
			t.Errorf("%s: the cart can be checked out", problem)
		}
		if strings.Contains(draw(t, Cart(p)), `href="/checkout"`) {
			t.Errorf("%s: the cart leads to the checkout", problem)
		}
	}
	if !cart().CanCheckout() {
		t.Error("a good cart cannot be checked out")
	}
}

func TestCheckout_TheButtonSaysWhatItCosts(t *testing.T) {
	p := checkout()
	if html := draw(t, Checkout(p)); !strings.Contains(html, ">Pay NZD 80.50 with iumiCash<") {
		t.Error("one method: the button must name amount and method")
	}
	p.Methods = twoMethods
	if html := draw(t, Checkout(p)); !strings.Contains(html, ">Pay NZD 80.50<") {
		t.Error("two methods: the button must name the amount")
	}
}

func TestWait(t *testing.T) {
	for seconds, want := range map[int]string{0: "a minute", 30: "30 seconds", 60: "a minute", 119: "a minute", 120: "2 minutes", 121: "3 minutes"} {
		if got := wait(seconds); got != want {
			t.Errorf("wait(%d) = %q, want %q", seconds, got, want)
		}
	}
}

func TestOptions(t *testing.T) {
	few := options(twoMethods)
	if len(few) != 2 || few[0].Hint == "" || few[1].Hint == "" || few[0].Group != "" {
		t.Errorf("a few say how each goes, and stand in no group: %+v", few)
	}
	many, groups := options(manyWays), map[string]int{}
	for _, o := range many {
		if o.Hint != "" {
			t.Errorf("%s: the same hint %d times is noise", o.Label, len(many))
		}
		groups[o.Group]++
	}
	if len(many) != len(manyWays) || groups[""] != 3 || groups["With Vertex"] != 3 || groups["With Payment Gateway Manager"] != 3 {
		t.Errorf("%v", groups)
	}
	if many[0].Group != "" || many[2].Group != "" {
		t.Error("those that stand alone come first, so that no heading seems to be theirs")
	}
}
