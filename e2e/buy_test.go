package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"
)

// The whole way of a first order, with a mouse: shelf, cart, a form with a
// mistake, the provider, the order page, the receipt; then the dashboard.
func TestBuy(t *testing.T) {
	t.Parallel()
	sit(t)
	h := setup(t, "sqlite")
	p := newPerson(t, h.url)
	p.goes("/cart")
	p.at("cart")
	p.sees("Your cart is empty")
	p.look("cart-empty")
	p.clicks("link", "Look around the shop")
	p.at("home")
	p.sees("Small things for the house, made slowly.")
	p.sees("Sold out")
	p.look("home")
	p.clicks("link", "Stoneware mug")
	p.at("product")
	p.sees("NZD 38.00")
	p.look("product")
	p.clicks("button", "Add to cart")
	p.at("cart")
	p.sees("Added Stoneware mug to your cart.")
	p.finds("link", "Cart, 1 item")
	p.types("Quantity of Stoneware mug", "2")
	p.clicks("button", "Update quantity of Stoneware mug")
	p.sees("NZD 76.00")
	p.look("cart")
	p.clicks("link", "Go to checkout")
	p.at("checkout")
	p.look("checkout")

	p.types("Full name", "Aroha Tamihana")
	p.types("E-mail", "aroha at example")
	p.chooses("Country", "New Zealand")
	p.types("Town or city", "Nelson")
	p.clicks("button", "Pay NZD 76.00 with iumiCash")
	p.sees("There is a problem")
	p.at("checkout")
	p.isOn("group", "There is a problem")
	email := p.finds("textbox", "E-mail")
	if !email.invalid || !strings.Contains(email.description, "Enter an e-mail address like name@example.com.") {
		t.Errorf("the field is not described by its problem: %+v", email)
	}
	for id, want := range map[string]string{"name": "Aroha Tamihana", "email": "aroha at example", "country": "NZ", "city": "Nelson", "line1": ""} {
		if got, err := evaluate[string](p, "document.getElementById('"+id+"').value"); err != nil || got != want {
			t.Errorf("the field %s has %q (%v), want %q", id, got, err, want)
		}
	}
	p.look("checkout-mistake")
	p.clicks("link", "Enter an e-mail address like name@example.com.")
	p.isOn("textbox", "E-mail")
	p.writes("aroha@example.test")
	p.types("Street and number", "1 Kauri Road")
	p.clicks("button", "Pay NZD 76.00 with iumiCash")

	p.paysAt("NZD 76.00", true)
	p.at("order")
	p.sees("Thank you, your order is paid")
	p.status("paid")
	p.finds("link", "Cart, empty")
	p.look("order-paid")
	p.clicks("link", "Receipt to print or keep")
	p.at("receipt")
	p.sees("Total paid NZD 76.00")
	p.finds("button", "Print")
	p.look("receipt")
	p.clicks("link", "Back to the order")
	p.at("order")

	p.goes("/admin")
	p.at("admin-login")
	p.look("admin-login")
	p.types("E-mail address", staffEmail)
	p.types("Password", "something else")
	p.clicks("button", "Sign in")
	p.sees("That e-mail address and password do not belong together.")
	p.look("admin-login-wrong")
	p.types("Password", staffPassword)
	p.clicks("button", "Sign in")
	p.at("admin-overview")
	p.clicks("link", "Orders")
	p.at("admin-orders")
	p.sees("Aroha Tamihana")
	p.look("admin-orders")
	p.typesInto("searchbox", "Search", "no such order")
	p.clicks("button", "Find")
	p.finds("link", "Show all orders")
	p.look("admin-orders-none-found")
	p.clicks("link", "Show all orders")
	p.clicks("link", "Order 1001")
	p.at("admin-order")
	p.status("paid")
	for _, text := range []string{
		"It is paid. The order can be sent.", "The ledger adds up.", "Order placed", "From Created to Redirected", "Captured NZD 76.00",
		"What iumiCash answered", "shopper, checkout",
	} {
		p.sees(text)
	}
	p.look("admin-order-paid")
	p.clicks("button", "Ask iumiCash now")
	p.sees("iumiCash says: completed.")
	p.at("admin-order")
	p.look("admin-order-asked")
	p.clicks("button", "Sign out")
	p.sees("You are signed out.")
	p.at("admin-login")
	p.look("admin-login-signed-out")
}

// signsIn signs in to the dashboard.
func (p *person) signsIn(email, password string) {
	p.t.Helper()
	p.at("admin-login")
	p.types("E-mail address", email)
	p.types("Password", password)
	p.clicks("button", "Sign in")
}

// paysAt signs in at the provider with the wallet that can pay, and approves.
func (p *person) paysAt(total string, looks bool) {
	p.t.Helper()
	p.at("iumicash-login")
	if looks {
		p.look("iumicash-login")
	}
	p.clicks("button", "Sign in")
	p.at("iumicash-confirm")
	p.sees(total)
	if looks {
		p.look("iumicash-confirm")
	}
	p.clicks("button", "Approve "+total)
}

// orders brings a person from the shelf to the provider's page with a mug.
func (p *person) orders() {
	p.t.Helper()
	p.goes("/products/stoneware-mug")
	p.at("product")
	p.clicks("button", "Add to cart")
	p.at("cart")
	p.clicks("link", "Go to checkout")
	p.checksOut("NZD 38.00")
}

// checksOut fills the form in and sends it, to pay with iumiCash.
func (p *person) checksOut(total string) {
	p.t.Helper()
	p.at("checkout")
	p.saysWho()
	p.picksMethod("iumiCash")
	p.pays(total)
}

// saysWho fills in who orders and where it goes.
func (p *person) saysWho() {
	p.t.Helper()
	p.types("Full name", "Aroha Tamihana")
	p.types("E-mail", p.email)
	p.chooses("Country", "New Zealand")
	p.types("Street and number", "1 Kauri Road")
	p.types("Town or city", "Nelson")
	p.types("Postcode (optional)", "7010")
}

// A wallet without money, a change of mind at the provider, and the same order
// paid after all.
func TestPayAgain(t *testing.T) {
	t.Parallel()
	sit(t)
	h := setup(t, "sqlite")
	p := newPerson(t, h.url)
	p.orders()
	p.at("iumicash-login")
	p.clicks("radio", "Ben Siota +677 74 55 102 The balance is too low for anything.")
	p.clicks("button", "Sign in")
	p.at("iumicash-confirm")
	p.clicks("button", "Approve NZD 38.00")
	p.at("iumicash-declined")
	p.sees("Your balance is too low")
	p.look("iumicash-declined")
	p.clicks("link", "Return to "+shopName)
	p.at("order")
	p.sees("This order is not paid yet")
	p.sees("Order 1001")
	p.status("viewed")
	p.look("order-open")

	p.clicks("link", "Continue at iumiCash")
	p.at("iumicash-confirm") // Ben is still signed in there
	p.clicks("button", "Cancel and go back")
	p.at("order")
	p.sees("You stopped the payment at iumiCash")
	p.status("issued")
	p.look("order-cancelled-there")

	p.clicks("button", "Pay NZD 38.00 with iumiCash")
	p.at("iumicash-confirm")
	p.clicks("button", "Use another wallet")
	p.paysAt("NZD 38.00", false)
	p.at("order")
	p.sees("Thank you, your order is paid")
	p.sees("Order 1001")
	p.status("paid")
	if v := signIn(t, h.url).order("1001"); v.status != "paid" || len(v.payments) != 2 || len(v.captured) != 1 {
		t.Errorf("%s", v)
	}
}

// Back from the provider's page, more than once: the order waits, the cart is
// as it was, and both ways out of it work.
func TestBackFromTheProvider(t *testing.T) {
	t.Parallel()
	sit(t)
	h := setup(t, "sqlite")
	p := newPerson(t, h.url)
	p.orders()
	p.at("iumicash-login")
	p.goesBack()
	p.at("checkout")
	p.finds("button", "Pay NZD 38.00 with iumiCash") // and not "Sending you to iumiCash…"
	p.clicks("link", "Back to the cart")
	p.at("cart")
	p.sees("Order 1001 is waiting for its payment")
	p.finds("link", "Stoneware mug")
	p.look("cart-order-waiting")
	p.clicks("link", "Continue to pay")
	p.at("order")
	p.clicks("link", "Continue at iumiCash")
	p.at("iumicash-login")
	p.goesBack()
	p.at("order")
	p.goes("/cart")
	p.at("cart")
	p.clicks("button", "Change items and cancel order 1001")
	p.sees("Order 1001 is cancelled. Change what you like.")
	p.at("cart")
	p.look("cart-order-cancelled")
	p.types("Quantity of Stoneware mug", "3")
	p.clicks("button", "Update quantity of Stoneware mug")
	p.sees("NZD 114.00")
	p.clicks("link", "Go to checkout")
	p.checksOut("NZD 114.00")
	p.paysAt("NZD 114.00", false)
	p.at("order")
	p.status("paid")
	p.sees("Order 1002")
	for _, o := range h.box.orders() {
		if want := o.Minor == 11400; o.Paid != want {
			t.Errorf("paid %v: %+v", o.Paid, o)
		}
	}
}

// Prices in another currency, and what is not sold in it.
func TestCurrency(t *testing.T) {
	t.Parallel()
	sit(t)
	h := setup(t, "sqlite")
	p := newPerson(t, h.url)
	p.goes("/products/manuka-honey")
	p.at("product")
	p.clicks("button", "Add to cart")
	p.at("cart")
	p.sees("NZD 24.50")
	p.chooses("Prices in", "USD")
	p.clicks("button", "Change currency") // an arrow key sends nothing by itself
	p.at("cart")
	p.sees("Not sold in USD")
	p.misses("link", "Go to checkout")
	p.look("cart-not-sold")
	p.goes("/products/manuka-honey")
	p.at("product")
	p.sees("Not sold in USD")
	p.look("product-not-sold")
	p.goes("/")
	p.at("home")
	p.sees("USD 22.50")
	p.look("home-usd")
	// With a pointer the choice is sent at once.
	_, err := evaluate[bool](p, `(() => {
		const s = document.getElementById('currency')
		s.dispatchEvent(new PointerEvent('pointerdown', {bubbles: true}))
		s.value = 'SBD'
		return s.dispatchEvent(new Event('change', {bubbles: true}))
	})()`)
	p.must(err)
	p.sees("SBD 186.00")
	p.goes("/products/linen-towel")
	p.at("product")
	p.look("product-sold-out")
	p.goes("/cart")
	p.clicks("button", "Remove Mānuka honey")
	p.sees("Your cart is empty")
	p.goes("/products/stoneware-mug")
	p.at("product")
	p.types("Quantity", "0")
	p.clicks("button", "Add to cart")
	p.sees("Type a whole number from 1 to 99.")
	p.isOn("group", "There is a problem")
	p.look("product-mistake")
	p.types("Quantity", "1")
	p.clicks("button", "Add to cart")
	p.at("cart")
	p.clicks("link", "Go to checkout")
	p.checksOut("SBD 186.00")
	p.paysAt("SBD 186.00", false)
	p.at("order")
	p.status("paid")
	if o := h.box.only(); o.Currency != "SBD" || o.Minor != 18600 {
		t.Errorf("%+v", o)
	}
}

// The shopper is back before the money: the page looks again by itself, and
// turns to paid without a hand.
func TestConfirming(t *testing.T) {
	t.Parallel()
	sit(t)
	h := setup(t, "sqlite")
	for _, fault := range []string{"callback_lost", "order_stays_approved"} {
		h.box.goesWrong(wish{Fault: fault})
	}
	p := newPerson(t, h.url)
	p.orders()
	p.paysAt("NZD 38.00", false)
	p.at("order")
	p.sees("We are confirming your payment")
	p.sees("Please do not pay again.")
	p.status("in_progress")
	p.look("order-confirming")
	order := p.address()
	h.box.decide(h.box.only().Ref, "complete", "")
	p.seesWithin(patience, "Thank you, your order is paid")
	p.at("order")
	p.status("paid")

	// A page that has looked often enough says what to do.
	h.box.allIsWell()
	h.box.goesWrong(wish{Fault: "order_stays_approved"})
	p.email = "tama@example.test"
	p.orders()
	p.at("iumicash-confirm")
	p.clicks("button", "Approve NZD 38.00")
	p.at("order")
	if p.address() == order {
		t.Fatal("the same order")
	}
	p.goes(p.address() + "?look=10")
	p.sees("This takes longer than usual")
	p.sees("You can close this page")
	p.finds("link", "Check again")
	p.look("order-takes-longer")
}

// The same first order without script, with a page that looks again by itself.
func TestPlain(t *testing.T) {
	t.Parallel()
	sit(t)
	h := setup(t, "sqlite")
	p := newPlainPerson(t, h.url)
	p.goes("/")
	p.at("home")
	p.look("plain-home")
	p.chooses("Prices in", "USD")
	p.clicks("button", "Change currency")
	p.sees("USD 22.50")
	p.clicks("link", "Stoneware mug")
	p.at("product")
	p.clicks("button", "Add to cart")
	p.at("cart")
	p.clicks("link", "Go to checkout")
	p.at("checkout")
	p.clicks("button", "Pay USD 22.50 with iumiCash")
	p.sees("There is a problem")
	p.isOn("group", "There is a problem")
	p.look("plain-checkout-mistake")
	for _, fault := range []string{"callback_lost", "order_stays_approved"} {
		h.box.goesWrong(wish{Fault: fault})
	}
	p.checksOut("USD 22.50")
	p.paysAt("USD 22.50", false)
	p.at("order")
	p.sees("We are confirming your payment")
	p.look("plain-order-confirming")
	h.box.decide(h.box.only().Ref, "complete", "")
	p.seesWithin(patience, "Thank you, your order is paid")
	p.at("order")
	p.status("paid")
	p.look("plain-order-paid")
	p.clicks("link", "Receipt to print or keep")
	p.at("receipt")
	p.misses("button", "Print") // which would do nothing

	p.goes("/admin/orders/1001")
	p.signsIn(staffEmail, staffPassword)
	p.at("admin-order") // where they were going
	p.status("paid")
	p.sees("Captured USD 22.50")
	p.look("plain-admin-order")
}

// The first order with no mouse: Tab, letters, Enter.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	sit(t)
	h := setup(t, "sqlite")
	p := newPerson(t, h.url)
	p.goes("/")
	p.at("home")
	p.tabsTo("link", "Skip to the content")
	p.shoot("keyboard-skip")
	p.presses(kb.Enter)
	p.tabsTo("link", "Stoneware mug")
	p.shoot("keyboard-focus")
	p.presses(kb.Enter)
	p.at("product")
	p.tabsTo("textbox", "Quantity")
	p.writes("2")
	p.tabsTo("button", "Add to cart")
	p.presses(kb.Enter)
	p.at("cart")
	p.tabsTo("link", "Go to checkout")
	p.presses(kb.Enter)
	p.at("checkout")
	for _, field := range []struct{ role, label, typed string }{
		{"textbox", "Full name", "Aroha Tamihana"},
		{"textbox", "E-mail", "aroha@example.test"},
		{"combobox", "Country", "New Zealand"},
		{"textbox", "Street and number", "1 Kauri Road"},
		{"textbox", "Town or city", "Nelson"},
	} {
		p.tabsTo(field.role, field.label)
		p.presses(field.typed)
	}
	p.tabsTo("radio", "iumiCash")
	p.tabsTo("button", "Pay NZD 76.00 with iumiCash")
	p.shoot("keyboard-pay")
	p.presses(kb.Enter)
	p.at("iumicash-login")
	p.tabsTo("radio", "Aroha Tamihana +64 21 555 0101 Everything works.")
	p.tabsTo("button", "Sign in")
	p.presses(kb.Enter)
	p.at("iumicash-confirm")
	p.tabsTo("button", "Approve NZD 76.00")
	p.presses(kb.Enter)
	p.at("order")
	p.status("paid")
	p.tabsTo("link", "Receipt to print or keep")
	p.presses(kb.Enter)
	p.at("receipt")

	p.goes("/admin")
	p.at("admin-login")
	p.tabsTo("textbox", "E-mail address")
	p.presses(staffEmail)
	p.tabsTo("textbox", "Password")
	p.presses(staffPassword + kb.Enter)
	p.at("admin-overview")
	p.tabsTo("link", "Orders")
	p.presses(kb.Enter)
	p.at("admin-orders")
	p.tabsTo("link", "Order 1001")
	p.presses(kb.Enter)
	p.at("admin-order")
	p.status("paid")
	p.tabsTo("button", "Ask iumiCash now")
	p.presses(kb.Enter)
	p.sees("iumiCash says: completed.")
}

// Much the same was paid a moment ago: nobody pays twice by accident.
func TestBoughtAlready(t *testing.T) {
	t.Parallel()
	sit(t)
	h := setup(t, "sqlite")
	p := newPerson(t, h.url)
	p.orders()
	p.paysAt("NZD 38.00", false)
	p.at("order")
	p.status("paid")
	p.goes("/products/stoneware-mug")
	p.at("product")
	p.clicks("button", "Add to cart")
	p.at("cart")
	p.clicks("link", "Go to checkout")
	p.at("checkout")
	p.types("Full name", "Aroha Tamihana")
	p.types("E-mail", "aroha@example.test")
	p.chooses("Country", "New Zealand")
	p.types("Street and number", "1 Kauri Road")
	p.types("Town or city", "Nelson")
	p.clicks("button", "Pay NZD 38.00 with iumiCash")
	p.sees("You may have paid for this already")
	p.isOn("group", "You may have paid for this already")
	p.finds("link", "Look at order 1001")
	p.look("checkout-bought-already")
	if len(h.box.orders()) != 1 {
		t.Error("another order was made without asking")
	}
	p.clicks("checkbox", "I want to buy it once more")
	p.clicks("button", "Pay NZD 38.00 with iumiCash")
	p.at("iumicash-confirm") // still signed in there
	p.clicks("button", "Approve NZD 38.00")
	p.at("order")
	p.status("paid")
	p.sees("Order 1002")
}

// A price rises while the shopper fills the form in: they see both, and nothing
// is charged before they agree.
func TestPriceRises(t *testing.T) {
	t.Parallel()
	sit(t)
	h := setup(t, "sqlite")
	p := newPerson(t, h.url)
	p.goes("/products/kauri-bread-board")
	p.at("product")
	p.clicks("button", "Add to cart")
	p.at("cart")
	p.clicks("link", "Go to checkout")
	p.at("checkout")
	catalogue, err := os.ReadFile("testdata/catalogue.csv")
	p.must(err)
	dearer := filepath.Join(t.TempDir(), "dearer.csv")
	p.must(os.WriteFile(dearer, []byte(strings.ReplaceAll(string(catalogue), "NZD,96.00", "NZD,104.00")), 0o600))
	runs(t, command{args: []string{"catalogue", "import", dearer}, env: h.env})
	p.types("Full name", "Aroha Tamihana")
	p.types("E-mail", "aroha@example.test")
	p.chooses("Country", "New Zealand")
	p.types("Street and number", "1 Kauri Road")
	p.types("Town or city", "Nelson")
	p.clicks("button", "Pay NZD 96.00 with iumiCash")
	p.sees("A price changed while you were here")
	p.isOn("group", "A price changed while you were here")
	p.sees("was NZD 96.00, now NZD 104.00")
	p.look("checkout-price-changed")
	if len(h.box.orders()) != 0 {
		t.Error("an order was made without asking")
	}
	p.clicks("button", "Pay NZD 104.00 with iumiCash")
	p.paysAt("NZD 104.00", false)
	p.at("order")
	p.status("paid")
}
