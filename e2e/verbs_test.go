package e2e_test

import (
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

// leads is where the first link with this in its address leads, "" for none.
func (p page) leads(with string) string {
	for _, a := range nodes(p.doc, func(n *html.Node) bool { return n.Data == "a" && strings.Contains(value(n, "href"), with) }) {
		return p.absolute(value(a, "href"))
	}
	return ""
}

// acts does what a verb of an order's page does, through its own form, and
// returns the page that it leads to.
func (o office) acts(number, verb string, fields url.Values) page {
	o.t.Helper()
	action := "/admin/orders/" + number + "/" + verb
	return o.follow(o.post(action, o.filled(o.about(number, verb), action, fields)))
}

// about is the page of a verb.
func (o office) about(number, verb string) page {
	o.t.Helper()
	at := o.get("/admin/orders/" + number)
	to := at.leads("/orders/" + number + "/" + verb)
	if to == "" {
		o.t.Fatalf("order %s offers no %s: %s", number, verb, at)
	}
	return o.get(to)
}

// sends sends the form that a page has for an address, filled in, and follows.
func (o office) sends(at page, action string, fields url.Values) page {
	o.t.Helper()
	return o.follow(o.post(action, o.filled(at, action, fields)))
}

// filled is the form that a page has for an address, filled in.
func (o office) filled(at page, action string, fields url.Values) url.Values {
	o.t.Helper()
	form, ok := at.form(action)
	if !ok {
		o.t.Fatalf("no form for %s: %s", action, at)
	}
	for name, values := range fields {
		form[name] = values
	}
	return form
}

// refunds gives an amount back through both steps of the form; it goes at the
// "provider", or was given back "outside".
func (o office) refunds(number, amount, way string) page {
	o.t.Helper()
	action, form := o.refundForm(number, amount, way)
	return o.follow(o.post(action, form))
}

// refundForm is the last form of a refund.
func (o office) refundForm(number, amount, way string) (action string, form url.Values) {
	o.t.Helper()
	action = "/admin/orders/" + number + "/refunds"
	preview := o.sends(o.about(number, "refunds"), action+"/preview", url.Values{"amount": {amount}, "way": {way}, "reason": {"broken in the post"}})
	if preview.name() != "admin-refund-preview" {
		o.t.Fatalf("no preview of a refund: %s", preview)
	}
	return action, o.filled(preview, action, nil)
}

// accepts accepts what waits for a person about an order.
func (o office) accepts(number, why string) page {
	o.t.Helper()
	at := o.get("/admin/orders/" + number)
	to := at.leads("/admin/inbox/")
	if to == "" {
		o.t.Fatalf("order %s has nothing to accept: %s", number, at)
	}
	item := o.get(to)
	action := strings.TrimSuffix(item.url.Path, "/") + "/accept"
	return o.sends(item, action, url.Values{"reason": {why}})
}

// asks has the provider be asked about an order's payment now.
func (o office) asks(number string) page {
	o.t.Helper()
	at, to := o.askable(number)
	if to == "" {
		o.t.Fatalf("nobody can be asked about order %s: %s", number, at)
	}
	return o.sends(at, to, nil)
}

func (o office) canAsk(number string) bool { o.t.Helper(); _, to := o.askable(number); return to != "" }

func (o office) askable(number string) (at page, to string) {
	o.t.Helper()
	at = o.get("/admin/orders/" + number)
	for _, f := range tagged(at.doc, "form") {
		if to = at.absolute(value(f, "action")); strings.HasSuffix(to, "/settle") {
			return at, to
		}
	}
	return at, ""
}

// left is how much of the first payment can go back, without its currency.
func (o office) left(number string) string {
	o.t.Helper()
	return o.get("/admin/orders/" + number).left()
}

// left is how much can go back, on a page that says so.
func (p page) left() string {
	for _, n := range marked(p.doc, "left") {
		_, amount, _ := strings.Cut(words(n), " ")
		return strings.ReplaceAll(amount, ",", "")
	}
	return ""
}
