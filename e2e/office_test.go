package e2e_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// office is the dashboard, with somebody signed in.
type office struct {
	*shopper
}

func signIn(t testing.TB, shop string) office {
	t.Helper()
	return signInAs(t, shop, staffEmail, staffPassword)
}

func signInAs(t testing.TB, shop, email, password string) office {
	t.Helper()
	o := office{newShopper(t, shop)}
	p := o.post("/admin/login", url.Values{"email": {email}, "password": {password}})
	if p.status != 303 || !strings.HasSuffix(p.to, "/admin") {
		t.Fatalf("not signed in: %s", p)
	}
	return o
}

// lent is the dashboard as one of several tests at once uses it.
func (o office) lent(t testing.TB) office {
	mine := *o.shopper
	mine.t = t
	return office{&mine}
}

// orderView is one order as the dashboard shows it.
type orderView struct {
	number    string
	status    string
	attention []string // in the page's words
	payments  []paymentView
	captured  []entry // facts of captured money, oldest first
	agrees    bool    // every ledger adds up
	waiting   int     // callbacks that are stored and not acted on
	mails     int
	kinds     []string
	asked     []operationView // of the provider, the oldest first
	forget    string          // address of the form that says that one without an answer did not happen
}

// operationView is one thing that was asked of a provider.
type operationView struct{ kind, state string }

// paymentView is one payment of an order.
type paymentView struct{ state, ref, id string }

// entry is one line of the timeline.
type entry struct{ what, by string }

func (v orderView) String() string {
	return fmt.Sprintf("order %s is %q, attention %q, payments %+v, captured %+v, asked %+v, %d callbacks wait, %d mails",
		v.number, v.status, v.attention, v.payments, v.captured, v.asked, v.waiting, v.mails)
}

// order reads the page of one order.
func (o office) order(number string) orderView {
	o.t.Helper()
	p := o.get("/admin/orders/" + number)
	if p.name() != "admin-order" {
		o.t.Fatalf("no page of order %s: %s", number, p)
	}
	v := orderView{number: number, status: p.orderStatus(), agrees: true, mails: len(marked(p.doc, "mail"))}
	for _, box := range marked(p.doc, "attention") {
		for _, dt := range tagged(box, "dt") {
			v.attention = append(v.attention, words(dt))
		}
	}
	for _, pay := range marked(p.doc, "payment") {
		v.payments = append(v.payments, paymentView{state: value(pay, "data-state"), ref: figure(pay, "'s reference"), id: figure(pay, "Our id")})
	}
	for _, ledger := range marked(p.doc, "ledger") {
		says := words(ledger)
		v.agrees = v.agrees && (strings.Contains(says, "No money has moved.") || strings.Contains(says, "The ledger adds up."))
	}
	for _, line := range marked(p.doc, "timeline") {
		for _, li := range slices.Backward(tagged(line, "li")) {
			kind := value(li, "data-kind")
			v.kinds = append(v.kinds, kind)
			if kind == "captured" {
				text := tagged(li, "p")
				v.captured = append(v.captured, entry{what: words(text[0]), by: words(text[len(text)-2])})
			}
		}
	}
	for _, one := range marked(p.doc, "operation") {
		v.asked = append(v.asked, operationView{value(one, "data-operation"), value(one, "data-state")})
	}
	if v.forget = p.leads("/forget"); !strings.Contains(v.forget, "/orders/"+number+"/") {
		v.forget = ""
	}
	for _, d := range marked(p.doc, "delivery") {
		if strings.Contains(words(d), "not acted on yet") {
			v.waiting++
		}
	}
	return v
}

// figure is what stands beside a label in a list of figures, by the label's end.
func figure(n *html.Node, label string) string {
	for _, dt := range tagged(n, "dt") {
		if !strings.HasSuffix(words(dt), label) {
			continue
		}
		for dd := dt.NextSibling; dd != nil; dd = dd.NextSibling {
			if dd.Data == "dd" {
				return words(dd)
			}
		}
	}
	return ""
}

// listed is one line of the list of orders.
type listed struct {
	number, status, email string
	needy                 bool
}

// list reads every page of the list.
func (o office) list(query string) []listed {
	o.t.Helper()
	var all []listed
	for at := "/admin/orders?q=" + url.QueryEscape(query); at != ""; {
		p := o.get(at)
		if p.name() != "admin-orders" {
			o.t.Fatalf("no list of orders: %s", p)
		}
		for _, row := range marked(p.doc, "order") {
			line := listed{needy: strings.Contains(words(row), "Needs attention")}
			line.number = strings.TrimPrefix(words(tagged(row, "a")[0]), "Order ")
			line.status = value(marked(row, "status")[0], "data-status")
			line.email = words(tagged(row, "bdi")[1])
			all = append(all, line)
		}
		at = p.link("Older")
	}
	return all
}
