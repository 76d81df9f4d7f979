package e2e_test

import (
	"database/sql"
	"errors"
	"strings"
	"testing"

	_ "github.com/mattn/go-sqlite3" // to hold a database's lock
)

// Every face of an order page that is not on the way of a first order, for the
// shopper and for p.
func TestFaces(t *testing.T) {
	t.Parallel()
	sit(t)
	h := setup(t, "sqlite")
	p := newPerson(t, h.url)
	p.goes("/admin")
	p.signsIn(staffEmail, staffPassword)
	p.at("admin-overview")
	p.clicks("link", "Orders")
	p.at("admin-orders")
	p.look("admin-orders-empty")

	for i, face := range []struct {
		name    string
		wish    wish
		story   func(*visit)
		says    string
		verdict string
	}{
		{"start-failed", wish{Fault: "forbidden", Endpoint: "create", Times: 1}, asks, "We could not reach iumiCash", "Not paid yet"},
		{"unknown", wish{Fault: "answer_lost", Endpoint: "create"}, asks, "We do not know yet whether you paid", "gave no answer"},
		{"refused", wish{Fault: "create_balance_low"}, asks, "There was not enough money in your iumiCash account.", "declined the last payment"},
		{"attention", wish{Fault: "order_wrong_amount", Amount: "1.00"}, returns, looking, "another amount or currency"},
		{"cancelled", wish{}, cancelsHere, "This order is cancelled", "Nothing was taken for it."},
	} {
		if face.wish.Fault != "" {
			h.box.goesWrong(face.wish)
		}
		v := &visit{house: h, shopper: newShopper(t, h.url), email: face.name + "@example.test"}
		face.story(v)
		p.goes(v.order)
		p.at("order")
		p.sees(face.says)
		p.look("order-" + face.name)
		number := v.get(v.order).orderNumber()
		p.goes("/admin/orders/" + number)
		p.at("admin-order")
		p.sees(face.verdict)
		p.look("admin-order-" + face.name)
		h.box.allIsWell()
		h.box.call("POST", "/reset", map[string]int{"seed": 100 + i}, nil) // each face begins with no order there
	}
	p.clicks("link", "Orders")
	p.at("admin-orders")
	p.look("admin-orders-many")
	p.clicks("link", "Need attention 1")
	p.at("admin-orders")
	p.sees("Orders that need attention")
	p.look("admin-orders-attention")
}

// asks places an order and stays where the shop leads.
func asks(v *visit) {
	v.t().Helper()
	v.shops()
	if v.order = v.post("/checkout", v.details(v.email)).to; !strings.HasPrefix(v.order, v.url) {
		v.t().Fatalf("sent to %s", v.order)
	}
}

// Every page that says that something is not right.
func TestProblems(t *testing.T) {
	t.Parallel()
	sit(t)
	h := setup(t, "sqlite")
	p := newPerson(t, h.url)
	for _, address := range []string{"/products/none", "/orders/none", "/nowhere", "/return/none/success"} {
		p.goes(address)
		p.at("problem")
		p.sees("There is nothing at this address")
	}
	p.look("problem-404")
	p.goes("/cart/lines")
	p.at("problem")
	p.look("problem-405")

	// Another site sends a form of its own to us.
	p.goes("data:text/html,<form method=post action=" + h.url + "/cart/lines><input name=product value=stoneware-mug><button>Win a prize</button></form>")
	p.clicks("button", "Win a prize")
	p.at("problem")
	p.look("problem-403")

	// Somebody types the whole of a novel.
	p.goes("/products/stoneware-mug")
	p.at("product")
	_, err := evaluate[bool](p, `(() => {
		const f = document.getElementById('quantity')
		f.removeAttribute('maxlength')
		f.value = 'novel '.repeat(20000)
		return true
	})()`)
	p.must(err)
	p.clicks("button", "Add to cart")
	p.at("problem")
	p.look("problem-413")

	p.goes("/admin/orders/9999")
	p.signsIn(staffEmail, staffPassword)
	p.at("admin-problem")
	p.look("admin-problem-404")

	// Somebody else holds the database, for longer than we wait.
	p.goes("/products/stoneware-mug")
	p.clicks("button", "Add to cart")
	p.clicks("link", "Go to checkout")
	p.at("checkout")
	release := hold(t, h)
	p.types("Full name", "Aroha Tamihana")
	p.types("E-mail", "aroha@example.test")
	p.chooses("Country", "New Zealand")
	p.types("Street and number", "1 Kauri Road")
	p.types("Town or city", "Nelson")
	p.clicks("button", "Pay NZD 38.00 with iumiCash")
	p.at("problem")
	p.sees("We need a moment")
	p.look("problem-503")
	if n := len(h.box.orders()); n != 0 {
		t.Errorf("%d orders at the provider", n)
	}
	release()
	p.goes("/checkout")
	p.checksOut("NZD 38.00")
	p.paysAt("NZD 38.00", false)
	p.at("order")
	p.status("paid")
	p.sees("Order 1001")
}

// hold takes the shop's database for writing until it is released.
func hold(t *testing.T, h *house) (release func()) {
	t.Helper()
	var file string
	for _, s := range h.env {
		if name, ok := strings.CutPrefix(s, "TILL_DATABASE="); ok {
			file = name
		}
	}
	db, err := sql.Open("sqlite3", "file:"+file+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := errors.Join(tx.Rollback(), db.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// Somebody tries passwords.
func TestTooManyTries(t *testing.T) {
	t.Parallel()
	sit(t)
	h := setup(t, "sqlite")
	p := newPerson(t, h.url)
	p.goes("/admin/login")
	for range 6 {
		p.at("admin-login")
		p.types("E-mail address", staffEmail)
		p.types("Password", "open sesame, open sesame")
		p.clicks("button", "Sign in")
		p.isOn("group", "There is a problem")
	}
	p.sees("There were too many tries.")
	p.look("admin-login-too-many")
}

// The browser's complaints, and what axe finds, do fail a test.
func TestPerson_HearsAndLooks(t *testing.T) {
	t.Parallel()
	sit(t)
	h := setup(t, "sqlite")
	p := newPerson(t, h.url)
	p.goes("/")
	p.at("home")
	_, err := evaluate[bool](p, `(() => {
		const s = document.createElement('script')
		s.textContent = 'document.title = "broken in"'
		document.body.append(s)
		document.querySelector('main').insertAdjacentHTML('beforeend', '<img src="/static/none.svg"><p style="color:#eee;background:#fff">pale</p>')
		return true
	})()`)
	p.must(err)
	var heard []string
	eventually(t, soon, "the browser complains", func() (string, bool) {
		heard = append(heard, p.forgives()...)
		all := strings.Join(heard, "\n")
		return all, strings.Contains(all, "script-src") && strings.Contains(all, "style-src") && strings.Contains(all, "404")
	})
	all, err := p.violations()
	p.must(err)
	found := map[string]bool{}
	for _, v := range all {
		found[v.ID] = true
	}
	if !found["image-alt"] {
		t.Errorf("axe does not see a picture without a name: %+v", all)
	}
}
