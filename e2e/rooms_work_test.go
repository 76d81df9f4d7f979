package e2e_test

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/csv"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/pquerna/otp/totp"
)

// The list of orders: narrowed, searched, kept as a view, packed and shipped in
// one go, and taken out as the file that shows the same.
func TestRooms_Orders(t *testing.T) {
	bothWays(t, func(t *testing.T, open func(*testing.T, string) *person) {
		h := furnish(t, "sqlite", "EUR", nil, "gate")
		for i, name := range []string{"Mere Tautahi", "Tom Aldridge", "Mere Hohepa"} {
			v := buyer(t, h, "gate:card", i+1)
			v.name = name
			returns(v)
			v.sees(v.order, "paid", patience)
		}
		waiting := buyer(t, h, "gate:card", 4)
		waiting.goes()

		p := open(t, h.url)
		p.comesIn(staffEmail)
		p.clicks("link", "Orders")
		p.lists("1004", "1003", "1002", "1001")
		p.chooses("Status", "Paid")
		p.clicks("button", "Find")
		p.lists("1003", "1002", "1001")
		p.typesInto("searchbox", "Search", "mere")
		p.clicks("button", "Find")
		p.lists("1003", "1001")
		p.opens("Save this view")
		p.types("Name of this view", "Mere paid")
		p.clicks("button", "Save")
		p.sees("Saved as “Mere paid”.")
		p.clicks("link", "Show all")
		p.lists("1004", "1003", "1002", "1001")
		p.clicks("link", "Mere paid")
		p.lists("1003", "1001")
		p.isInFile(h, "1003", "1001")

		p.ticks("1003", "1001")
		p.chooses("With the chosen orders", "Mark as packed")
		p.clicks("button", "Go on")
		p.at("admin-orders-bulk")
		p.look(p.named("admin-orders-bulk"))
		p.clicks("button", "Mark as packed, 2 orders")
		p.at("admin-orders-bulk-done")
		p.sees("Mark as packed: 2 of 2 done")
		p.look(p.named("admin-orders-bulk-done"))
		p.clicks("link", "Back to the list")
		p.lists("1003", "1001")
		p.ticks("1003", "1001")
		p.chooses("With the chosen orders", "Mark as shipped")
		p.clicks("button", "Go on")
		p.at("admin-orders-bulk")
		p.types("Tracking number of order 1001 (optional)", "NZ-1001")
		p.types("Tracking number of order 1003 (optional)", "NZ-1003")
		p.types("Carrier (optional)", "Kererū Post")
		p.clicks("button", "Mark as shipped, 2 orders")
		p.at("admin-orders-bulk-done")
		p.sees("Mark as shipped: 2 of 2 done")
		p.opensOrder("1003", "paid")
		p.sees("Kererū Post")
		p.sees("NZ-1003")
		p.opensOrder("1002", "paid")
		p.misses("button", "Not shipped after all")
		if got := signIn(t, h.url).get("/admin/orders.csv?q=NZ-1003"); strings.Contains(got.body, "\n1001,") {
			t.Errorf("order 1001 has the number of 1003: %s", got.body)
		}
	})
}

// lists waits until these orders are listed, in this order.
func (p *person) lists(numbers ...string) {
	p.t.Helper()
	p.at("admin-orders")
	eventually(p.t, soon, fmt.Sprintf("lists %v", numbers), func() (string, bool) {
		got, err := evaluate[[]string](p, `[...document.querySelectorAll('[data-testid="order"] th a')].map(a => a.innerText.replace(/\D/g, ''))`)
		return fmt.Sprint(got, err), slices.Equal(got, numbers)
	})
}

// ticks chooses orders of the list.
func (p *person) ticks(numbers ...string) {
	p.t.Helper()
	for _, n := range numbers {
		p.clicks("checkbox", "Choose order "+n)
	}
}

// isInFile compares the file that the list offers with the list.
func (p *person) isInFile(h *house, numbers ...string) {
	p.t.Helper()
	p.finds("link", "Download as a file (CSV)")
	at, err := evaluate[string](p, `document.querySelector('a[download]').href`)
	p.must(err)
	rows, err := csv.NewReader(strings.NewReader(signIn(p.t, h.url).get(at).body)).ReadAll()
	p.must(err)
	var got []string
	for _, row := range rows[1:] {
		got = append(got, row[0])
	}
	if !slices.Equal(got, numbers) {
		p.t.Errorf("the file has the orders %v, the screen %v", got, numbers)
	}
}

// One order: a note, a refund that takes two people, the books added up again, a
// mail once more, and the receipt on paper.
func TestRooms_Order(t *testing.T) {
	bothWays(t, func(t *testing.T, open func(*testing.T, string) *person) {
		letters := openPost(t)
		h := furnish(t, "sqlite", "EUR", []string{"TILL_SMTP_URL=smtp://" + letters.addr + "?tls=off", "TILL_MAIL_FROM=hello@kauri.example"}, "gate")
		h.hires("manager")
		owner := signIn(t, h.url)
		owner.setsLimit("EUR", "20.00")
		v := buyer(t, h, "gate:card", 2)
		returns(v)
		v.sees(v.order, "paid", patience)

		p := open(t, h.url)
		p.comesIn(emailOf("manager"))
		p.opensOrder("1001", "paid")
		p.types("Write a note", "She would like it in blue.")
		p.clicks("button", "Keep the note")
		p.sees("The note is kept. It stands in the timeline.")
		p.sees("She would like it in blue.")
		p.clicks("button", "Recompute from history")
		p.sees("Everything agrees: 1 fact of 1 payment come to what is stored.")
		eventually(t, patience, "the mail has come", func() (string, bool) { return fmt.Sprint(letters.got()), len(letters.got()) == 1 })
		p.opensOrder("1001", "paid")
		p.clicks("button", p.called("button", "Send it once more", ""))
		p.sees("The mail is on its way once more.")
		eventually(t, patience, "the mail has come again", func() (string, bool) { return fmt.Sprint(letters.got()), len(letters.got()) == 2 })

		p.clicks("link", "Refund")
		p.at("admin-refund")
		p.types("Amount", "25.00")
		p.types("Why", "broken in the post")
		p.clicks("button", "Look at it first")
		p.at("admin-refund-preview")
		p.sees("One person may give back EUR 20.00 of a payment in a day.")
		p.look(p.named("admin-refund-two-people"))
		p.clicks("button", "Ask a second person")
		p.sees("Asked: somebody else has to agree before EUR 25.00 goes back. Nothing has gone back yet.")
		if o := h.box.only(); o.Money.Refunded != 0 {
			t.Errorf("at the provider: %+v", o.Money)
		}
		p.clicks("link", "Look at it")
		p.at("admin-approval")
		p.misses("button", "Agree, and give back EUR 25.00") // who asked cannot agree
		p.look(p.named("admin-approval-own"))
		p.clicks("button", "Sign out")
		p.sees("You are signed out.")
		p.comesIn(staffEmail)
		p.clicks("link", "1 refund waits for a second person")
		p.at("admin-approvals")
		p.clicks("link", "EUR 25.00 for order 1001")
		p.at("admin-approval")
		p.look(p.named("admin-approval"))
		p.clicks("button", "Agree, and give back EUR 25.00")
		p.at("admin-order")
		p.sees("Gone back: Gate has given EUR 25.00 back to the shopper.")
		p.status("partially_refunded")
		if o := h.box.only(); o.Money.Refunded != 2500 {
			t.Errorf("at the provider: %+v", o.Money)
		}

		p.clicks("link", "Receipt R-1")
		p.at("admin-document")
		p.sees("Receipt R-1")
		p.sees("EUR 42.00")
		p.look(p.named("admin-receipt"))
		p.clicks("link", "Order 1001")
		p.at("admin-order")
		p.clicks("link", "Credit note C-1")
		p.at("admin-document")
		p.sees("EUR 25.00")
		p.look(p.named("admin-credit-note"))
	})
}

// A product with a picture is added, seen in the shop and bought. A text that
// calls itself a picture is refused, and nothing of it is kept.
func TestRooms_Products(t *testing.T) {
	bothWays(t, func(t *testing.T, open func(*testing.T, string) *person) {
		h := furnish(t, "sqlite", "EUR", nil, "gate")
		p := open(t, h.url)
		p.comesIn(staffEmail)
		p.clicks("link", "Products")
		p.at("admin-products")
		p.clicks("link", "Add a product")
		p.at("admin-product")
		p.clicks("button", "Add the product")
		p.sees("There is a problem")
		p.look(p.named("admin-product-mistake"))
		p.types("Name", "Tea bowl")
		p.types("EUR", "33.00")
		p.types("Pieces in stock", "2")
		p.clicks("button", "Add the product")
		p.sees("See it in the shop")
		p.attaches(painted(t))
		p.clicks("button", "Use this picture")
		p.at("admin-product")
		eventually(t, soon, "the picture is shown", func() (string, bool) {
			at := p.picture()
			return at, strings.HasPrefix(at, "/pictures/")
		})
		is, kept := p.picture(), h.rows("pictures")

		text := filepath.Join(t.TempDir(), "bowl.png")
		p.must(os.WriteFile(text, []byte("this is no picture at all"), 0o600))
		p.attaches(text)
		p.clicks("button", "Use this picture")
		p.sees("There is a problem")
		p.look(p.named("admin-product-no-picture"))
		if p.picture() != is || h.rows("pictures") != kept {
			t.Errorf("the text was kept: picture %s, was %s; %d pictures, were %d", p.picture(), is, h.rows("pictures"), kept)
		}

		p.clicks("link", "See it in the shop")
		p.at("product")
		p.sees("EUR 33.00")
		if shown, err := evaluate[bool](p, `[...document.images].some(i => i.src.includes('/pictures/') && i.naturalWidth > 0)`); err != nil || !shown {
			t.Errorf("the shop does not show the picture: %v", err)
		}
		p.look(p.named("product-with-picture"))
		p.clicks("button", "Add to cart")
		p.at("cart")
		p.fillsIn()
		p.pays("EUR 33.00")
		p.at("gate-pay")
		p.clicks("button", "Pay EUR 33.00")
		p.at("order")
		p.status("paid")
		p.goes("/admin/products?q=tea")
		p.at("admin-products")
		p.sees("1")
		if stock := words(marked(signIn(t, h.url).get("/admin/products?q=tea").doc, "stock")[0]); !strings.HasPrefix(stock, "1") {
			t.Errorf("the stock says %q", stock)
		}
	})
}

// picture is where the product's picture is, without the shop.
func (p *person) picture() string {
	p.t.Helper()
	at, err := evaluate[string](p, `document.querySelector('section[aria-labelledby="picture-title"] img').getAttribute('src')`)
	p.must(err)
	return at
}

// attaches chooses a file in the page's field for files.
func (p *person) attaches(file string) {
	p.t.Helper()
	eventually(p.t, soon, "there is a field for files", func() (string, bool) {
		there, err := evaluate[bool](p, `document.readyState === 'complete' && !!document.querySelector('input[type=file]')`)
		return fmt.Sprint(err), there
	})
	field, err := evaluate[*runtime.RemoteObject](p, "document.querySelector('input[type=file]')")
	p.must(err)
	p.must(p.briefly(func(ctx context.Context) error {
		_, err := chromedp.Call(ctx, dom.SetFileInputFiles, dom.SetFileInputFilesParams{Files: []string{file}, ObjectID: field.ObjectID})
		return err
	}))
}

// painted is a small picture in a file.
func painted(t *testing.T) string {
	t.Helper()
	pic := image.NewRGBA(image.Rect(0, 0, 48, 48))
	for x := range 48 {
		for y := range 48 {
			pic.Set(x, y, color.RGBA{R: uint8(x * 5), G: uint8(y * 5), B: 120, A: 255})
		}
	}
	name := filepath.Join(t.TempDir(), "bowl.png")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, pic); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return name
}

// rows is how many rows a table of the shop has.
func (h *house) rows(table string) (n int) {
	h.t.Helper()
	for _, s := range h.env {
		file, ok := strings.CutPrefix(s, "TILL_DATABASE=")
		if !ok {
			continue
		}
		db, err := sql.Open("sqlite3", "file:"+file+"?mode=ro")
		if err != nil {
			h.t.Fatal(err)
		}
		defer db.Close()
		if err := db.QueryRowContext(h.t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
			h.t.Fatal(err)
		}
	}
	return n
}

// The shop has another name: the next page of it says so.
func TestRooms_Settings(t *testing.T) {
	bothWays(t, func(t *testing.T, open func(*testing.T, string) *person) {
		h := furnish(t, "sqlite", "EUR", nil, "gate")
		p := open(t, h.url)
		p.comesIn(staffEmail)
		p.clicks("link", "Settings")
		p.at("admin-settings")
		p.types(p.called("textbox", "Name", "shop"), "")
		p.clicks("button", "Save the settings")
		p.sees("There is a problem")
		p.look(p.named("admin-settings-mistake"))
		p.types(p.called("textbox", "Name", "shop"), "Rimu & Stone")
		p.clicks("button", "Save the settings")
		p.sees("Saved. It counts from now on.")
		p.goes("/")
		p.at("home")
		p.sees("Rimu & Stone")
		if strings.Contains(p.read(), shopName) {
			t.Errorf("the old name is there still: %s", p.read())
		}
	})
}

// Somebody is invited, joins in a browser of their own, turns on the second
// factor, and needs it from then on; a session elsewhere is ended; the audit
// tells all of it.
func TestRooms_Staff(t *testing.T) {
	bothWays(t, func(t *testing.T, open func(*testing.T, string) *person) {
		h := furnish(t, "sqlite", "EUR", nil, "gate")
		elsewhere := signIn(t, h.url)
		p := open(t, h.url)
		p.comesIn(staffEmail)
		p.clicks("link", "Staff")
		p.at("admin-staff")
		p.types("E-mail address", "tama@shop.example")
		p.clicks("radio", p.called("radio", "Clerk", ""))
		p.clicks("button", "Make a link")
		p.at("admin-invited")
		p.look(p.named("admin-invited"))
		link, err := evaluate[string](p, `document.querySelector('[data-testid="link"]').textContent.trim()`)
		p.must(err)

		tama := open(t, h.url)
		tama.goes(link)
		tama.at("admin-invitation")
		tama.look(p.named("admin-invitation"))
		tama.types("Your name (optional)", "Tama")
		tama.types("New password", "a heron on the jetty")
		tama.types("Once more", "a heron on the jetty")
		tama.clicks("button", "Join")
		tama.sees("Welcome. You are on the staff of " + shopName + " now.")
		tama.clicks("link", "Your account")
		tama.at("admin-account")
		tama.clicks("button", "Turn it on")
		tama.at("admin-factor")
		secret, err := evaluate[string](tama, `document.querySelector('[data-testid="secret"]').textContent.replace(/\s/g, '')`)
		p.must(err)
		began := time.Now()
		tama.types("Code", code(t, secret, began))
		tama.clicks("button", "Turn it on")
		tama.at("admin-codes")
		tama.look(p.named("admin-codes"))
		tama.clicks("link", "I have kept them")
		tama.at("admin-account")
		tama.clicks("button", "Sign out")
		tama.at("admin-login")
		tama.types("E-mail address", "tama@shop.example")
		tama.types("Password", "a heron on the jetty")
		tama.clicks("button", "Sign in")
		tama.at("admin-login-code")
		tama.types("Code", "000000")
		tama.clicks("button", tama.called("button", "Sign in", ""))
		tama.at("admin-login-code")
		tama.sees("There is a problem")
		tama.look(p.named("admin-login-code-wrong"))
		tama.types("Code", code(t, secret, began.Add(30*time.Second))) // each counts once
		tama.clicks("button", tama.called("button", "Sign in", ""))
		tama.at("admin-overview")

		p.clicks("link", "Your account")
		p.at("admin-account")
		p.clicks("button", p.called("button", "End it", ""))
		p.sees("That session is ended.")
		if again := elsewhere.get("/admin/orders"); !strings.Contains(again.to, "/admin/login") {
			t.Errorf("the ended session is answered %s", again)
		}

		p.clicks("link", "Audit")
		p.at("admin-audit")
		for _, line := range []string{"Invited somebody", "Accepted an invitation", "Turned on their second factor", "Signed in", "Signed out", "Was not let in", "Ended sessions elsewhere"} {
			p.sees(line)
		}
		p.chooses("What", "Invited somebody")
		p.clicks("button", "Find")
		p.sees("tama@shop.example")
		p.look(p.named("admin-audit-narrowed"))
	})
}

// code is the code of a second factor at a time.
func code(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	six, err := totp.GenerateCode(secret, at)
	if err != nil {
		t.Fatal(err)
	}
	return six
}

// The session ends while a refund is being typed: after the login the form is
// there with all that was typed, and nothing went back meanwhile.
func TestRooms_SessionExpires(t *testing.T) {
	bothWays(t, func(t *testing.T, open func(*testing.T, string) *person) {
		h := furnish(t, "sqlite", "EUR", nil, "gate")
		v := buyer(t, h, "gate:card", 1)
		returns(v)
		v.sees(v.order, "paid", patience)
		p := open(t, h.url)
		p.comesIn(staffEmail)
		p.opensOrder("1001", "paid")
		p.clicks("link", "Refund")
		p.at("admin-refund")
		p.types("Amount", "7.50")
		p.types("Why", "chipped at the rim")
		elsewhere := signIn(t, h.url)
		elsewhere.sends(elsewhere.get("/admin/account"), "/admin/account/sessions/end-others", nil)
		p.clicks("button", "Look at it first")
		p.signsIn(staffEmail, staffPassword)
		p.at("admin-refund")
		p.sees("You were signed out before this was sent. Nothing was done yet: look it over and send it again.")
		p.look(p.named("admin-refund-recovered"))
		for id, want := range map[string]string{"amount": "7.50", "reason": "chipped at the rim"} {
			if got, err := evaluate[string](p, "document.getElementById('"+id+"').value"); err != nil || got != want {
				t.Errorf("the field %s has %q (%v), want %q", id, got, err, want)
			}
		}
		if o := h.box.only(); o.Money.Refunded != 0 {
			t.Errorf("at the provider: %+v", o.Money)
		}
		p.clicks("button", "Look at it first")
		p.at("admin-refund-preview")
		p.clicks("button", "Give back EUR 7.50")
		p.at("admin-order")
		p.status("partially_refunded")
	})
}

// The first page says what was done today: money, orders, and what waits.
func TestRooms_Overview(t *testing.T) {
	bothWays(t, func(t *testing.T, open func(*testing.T, string) *person) {
		h := furnish(t, "sqlite", "EUR", nil, "gate")
		p := open(t, h.url)
		p.comesIn(staffEmail)
		p.sees("Begin here")
		p.look(p.named("admin-overview-begin"))
		desk := signIn(t, h.url)
		for mugs := range 3 {
			v := buyer(t, h, "gate:card", mugs+1)
			v.staff = desk
			if mugs < 2 {
				returns(v)
				v.sees(v.order, "paid", patience)
			} else {
				v.goes()
			}
		}
		desk.refunds("1001", "5.00", "provider")
		p.goes("/admin")
		p.at("admin-overview")
		p.clicks("link", "Today")
		p.at("admin-overview")
		p.sees("so far. Compared with all of yesterday.")
		taken, back := int64(0), int64(0)
		for _, o := range h.box.orders() {
			taken, back = taken+o.Money.Captured, back+o.Money.Refunded
		}
		for what, want := range map[string]string{
			"taken": euros(taken), "refunded": euros(back), "net": euros(taken - back), "orders": "3", "attempts": "3", "rate": "67 %",
		} {
			got, err := evaluate[string](p, `document.querySelector('[data-testid="book"][data-currency="EUR"] [data-testid="`+what+`"] dd span').innerText`)
			if err != nil || plain(got) != want {
				t.Errorf("%s is %q (%v), want %q", what, got, err, want)
			}
		}
		p.sees("2 orders to pack")
		p.look(p.named("admin-overview-today"))
	})
}

func euros(minor int64) string { return fmt.Sprintf("EUR %d.%02d", minor/100, minor%100) }

// A callback is looked at and followed again, and every provider that can be
// asked for something harmless says that its connection works.
func TestRooms_Wires(t *testing.T) {
	bothWays(t, func(t *testing.T, open func(*testing.T, string) *person) {
		h := furnish(t, "sqlite", "EUR,NZD", nil, "gate", "powens", "pgm", "iumicash", "vertex")
		v := buyer(t, h, "gate:card", 1)
		returns(v)
		v.sees(v.order, "paid", patience)
		eventually(t, patience, "the callback is there", func() (string, bool) {
			at := signIn(t, h.url).get("/admin/deliveries")
			return at.String(), at.leads("/admin/deliveries/") != ""
		})
		p := open(t, h.url)
		p.comesIn(staffEmail)
		p.clicks("link", "Deliveries")
		p.at("admin-deliveries")
		to, err := evaluate[string](p, `document.querySelector('[data-testid="delivery"] th a').getAttribute('href')`)
		p.must(err)
		p.goes(to)
		p.at("admin-delivery")
		p.clicks("button", "Ask Gate now")
		p.at("admin-delivery")
		p.sees("Gate says:")
		p.look(p.named("admin-delivery-again"))
		if got := signIn(t, h.url).order("1001"); len(got.captured) != 1 || !got.agrees {
			t.Errorf("%s", got)
		}
		p.clicks("link", "Providers")
		for _, label := range []string{"Gate", "Powens", "iumiCash", "Vertex Gateway"} {
			p.at("admin-providers")
			p.clicks("button", p.called("button", "Test the connection", "to "+label))
			p.sees(label + " works: it answered")
		}
		if p.has("button", "Test the connection to Payment Gateway Manager") { // which names nothing that could be asked for
			t.Error("a connection can be tested that cannot")
		}
		p.look(p.named("admin-providers-tested"))
	})
}

// A day that is not over is shown as far as it is. Days that are over are closed,
// and each role may look at them.
func TestRooms_Closes(t *testing.T) {
	bothWays(t, func(t *testing.T, open func(*testing.T, string) *person) {
		h := furnish(t, "sqlite", "EUR", nil, "gate")
		p := open(t, h.url)
		p.comesIn(staffEmail)
		p.clicks("link", "Daily close")
		p.at("admin-closes")
		p.look(p.named("admin-closes-empty"))
		v := buyer(t, h, "gate:card", 2)
		returns(v)
		v.sees(v.order, "paid", patience)
		p.goes("/admin/closes")
		p.at("admin-closes")
		p.sees("So far")
		p.sees("EUR 42.00")
		p.look(p.named("admin-closes-so-far"))
	})
}

// The days of a shop with a past, as each role sees them.
func TestRooms_ClosedDay(t *testing.T) {
	t.Parallel()
	sit(t)
	dir := t.TempDir()
	d := openDemoIn(t, dir)
	database := []string{"TILL_DATABASE=" + filepath.Join(dir, "till-demo.db")}
	var day string
	owner := signInAs(t, d.shop, d.email, d.password)
	eventually(t, patience, "a day is closed", func() (string, bool) {
		at := owner.get("/admin/closes")
		day = strings.TrimPrefix(closedDay.FindString(at.body), "/admin/closes/")
		return at.String(), day != ""
	})
	r := room{pattern: "/closes/:day", page: "admin-close", who: everybody}
	owner.opens("/admin/closes/"+day, r, "owner")
	for _, role := range everybody[1:] {
		runs(t, command{args: []string{"staff", "add", "--email", emailOf(role), "--role", role}, env: database, stdin: staffPassword + "\n"})
		signInAs(t, d.shop, emailOf(role), staffPassword).opens("/admin/closes/"+day, r, role)
	}
	p := newPerson(t, d.shop)
	p.goes("/admin/login")
	p.signsIn(d.email, d.password)
	p.at("admin-overview")
	p.clicks("link", "Daily close")
	p.at("admin-closes")
	p.look("admin-closes-closed")
	p.clicks("button", "Check the chain")
	p.sees("The chain holds")
	p.goes("/admin/closes/" + day)
	p.at("admin-close")
	p.sees("It does not change any more.")
	p.look(r.name())
}

var closedDay = regexp.MustCompile(`/admin/closes/\d{4}-\d{2}-\d{2}`)

// A provider's file is read in: what both have, what only we have, and what only
// the file has.
func TestRooms_Statements(t *testing.T) {
	bothWays(t, func(t *testing.T, open func(*testing.T, string) *person) {
		h := furnish(t, "sqlite", "EUR", nil, "gate")
		var refs []string
		for mugs := range 3 {
			v := buyer(t, h, "gate:card", mugs+1)
			returns(v)
			v.sees(v.order, "paid", patience)
			refs = append(refs, v.only().Ref)
		}
		zone, err := time.LoadLocation("Pacific/Auckland")
		if err != nil {
			t.Fatal(err)
		}
		today := time.Now().In(zone).Format("02.01.2006")
		text := strings.Join([]string{
			"Wann;Wer;Betrag;Kosten",
			today + ";" + refs[0] + ";21,00;0,50",
			today + ";" + refs[1] + ";40,00;0,80", // it was 42.00
			today + ";somebody-else;99,00;1,00", "",
		}, "\n")
		file := filepath.Join(t.TempDir(), "november.csv")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p := open(t, h.url)
		p.comesIn(staffEmail)
		p.clicks("link", "Reconciliation")
		p.at("admin-statements")
		p.chooses("Whose file it is", "Gate")
		p.attaches(file)
		p.clicks("button", "Send the file")
		p.at("admin-mapping")
		p.chooses("Reference", "Wer")
		p.chooses("Amount", "Betrag")
		p.chooses("Fee", "Kosten")
		p.types("The one currency", "EUR")
		p.clicks("radio", "1.234,56")
		p.chooses("Day", "Wann")
		p.chooses("How days are written", "21.11.2026")
		p.clicks("button", "Look at it first")
		p.sees("All 3 lines can be read.")
		p.look(p.named("admin-mapping-previewed"))
		p.clicks("button", "Read it in")
		p.at("admin-statement")
		p.sees("Read in: 3 lines of november.csv.")
		p.counts("Agreed", "1001")
		p.look(p.named("admin-statement-agreed"))
		p.counts("Ours only", "1002", "1003")
		p.look(p.named("admin-statement-ours"))
		p.counts("Theirs only", "1002", "none")
		p.sees("somebody-else")
		p.look(p.named("admin-statement-theirs"))
	})
}

// counts turns to one list of a statement, and finds it as long as the orders
// are, with each of them.
func (p *person) counts(list string, orders ...string) {
	p.t.Helper()
	name := fmt.Sprintf("%s %d", list, len(orders))
	p.clicks("link", name)
	eventually(p.t, soon, "the list "+name, func() (string, bool) {
		here, err := evaluate[string](p, `document.querySelector('nav[aria-label="Lists"] [aria-current]')?.innerText ?? ''`)
		return fmt.Sprint(here, err), plain(here) == name
	})
	for _, order := range orders {
		p.sees(order)
	}
}

// Two of the staff do something to the same order at the same moment: it happens
// once, and who was later is told.
func TestRooms_TwoAtOnce(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			h := furnish(t, kind, "EUR", nil, "gate")
			h.hires("manager")
			desks := []office{signIn(t, h.url), h.signedIn("manager")}
			for mugs := range 3 {
				v := buyer(t, h, "gate:card", mugs+1)
				returns(v)
				v.sees(v.order, "paid", patience)
			}

			action, first := desks[0].refundForm("1001", "21.00", "provider")
			_, second := desks[1].refundForm("1001", "21.00", "provider")
			got := atOnce(desks, func(i int, o office) page { return o.follow(o.post(action, []url.Values{first, second}[i])) })
			eventually(t, patience, "the money is back", func() (string, bool) {
				v := desks[0].order("1001")
				return v.String(), v.status == "refunded"
			})
			if told := tells(got, "Gone back"); told != 1 {
				t.Errorf("%d were told that the money went back: %v", told, got)
			}
			for _, o := range h.box.orders() {
				if o.Minor == 2100 && (o.Money.Refunded != 2100 || len(o.Money.Refunds) != 1) {
					t.Errorf("at the provider: %+v", o.Money)
				}
			}

			got = atOnce(desks, func(_ int, o office) page { return o.follow(o.post("/admin/orders/1002/pack", url.Values{})) })
			packed := slices.DeleteFunc(desks[0].order("1002").kinds, func(kind string) bool { return kind != "packed" })
			if len(packed) != 1 {
				t.Errorf("packed %d times: %v", len(packed), got)
			}

			desks[0].setsLimit("EUR", "1.00")
			h.hires("clerk")
			runs(t, command{args: []string{"staff", "add", "--email", "second@shop.example", "--role", "manager"}, env: h.env, stdin: staffPassword + "\n"})
			signInAs(t, h.url, "second@shop.example", staffPassword).refunds("1003", "63.00", "provider")
			at := desks[0].linked("/admin/approvals", "/admin/approvals/")
			got = atOnce(desks, func(i int, o office) page {
				if i == 0 {
					return o.follow(o.post(at+"/approve", url.Values{}))
				}
				return o.follow(o.post(at+"/decline", url.Values{"reason": {"it can be mended"}}))
			})
			var back int64
			for _, o := range h.box.orders() {
				if o.Minor == 6300 {
					back = o.Money.Refunded
				}
			}
			agreed, declined := tells(got, "Gone back: Gate has given EUR 63.00 back"), tells(got, "Declined: the refund of EUR 63.00 is not made.")
			if agreed+declined != 1 || back != int64(agreed)*6300 {
				t.Errorf("%d agreed, %d declined, %d went back: %v", agreed, declined, back, got)
			}
			if late := tells(got, "That was not done"); late != 1 {
				t.Errorf("%d were told that they were late: %v", late, got)
			}
		})
	}
}

// atOnce has everybody do something at the same moment.
func atOnce(desks []office, do func(i int, o office) page) []page {
	got := make([]page, len(desks))
	var all sync.WaitGroup
	gun := make(chan struct{})
	for i, o := range desks {
		all.Go(func() { <-gun; got[i] = do(i, o) })
	}
	close(gun)
	all.Wait()
	return got
}

// tells is how many pages say something.
func tells(pages []page, what string) (n int) {
	for _, p := range pages {
		if strings.Contains(p.text(), what) {
			n++
		}
	}
	return n
}

// post is a mail server that takes everything.
type post struct {
	addr  string
	mu    sync.Mutex
	mails []string
}

func openPost(t *testing.T) *post {
	t.Helper()
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	o := &post{addr: ln.Addr().String()}
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			go o.serve(conn)
		}
	}()
	return o
}

// got is every mail that came.
func (o *post) got() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.mails)
}

func (o *post) serve(conn net.Conn) {
	defer conn.Close()
	say := func(line string) { _, _ = fmt.Fprintf(conn, "%s\r\n", line) }
	say("220 test ESMTP")
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		switch verb, _, _ := strings.Cut(strings.ToUpper(lines.Text()), " "); verb {
		case "EHLO":
			say("250-test\r\n250 8BITMIME")
		case "DATA":
			say("354 go on")
			var b strings.Builder
			for lines.Scan() && lines.Text() != "." {
				b.WriteString(lines.Text() + "\n")
			}
			o.mu.Lock()
			o.mails = append(o.mails, b.String())
			o.mu.Unlock()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 fine")
		}
	}
}
