package vertex

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"till/sandbox/world"
)

//go:embed pages
var pageFiles embed.FS

const maxForm = 4 << 10 // bytes

// card is something that a visitor can pay with.
type card struct{ Key, Name, Note string }

// cards are the test cards, or what stands for them with another method. OUR
// CHOICE: all of them; the documents name none.
func cards(m method) []card {
	what := map[string]string{"wallet": "Wallet", "bank_transfer": "Account"}[m.Type]
	if what == "" {
		what = "Card"
	}
	return []card{
		{"good", what + " ending in 1111", "Everything works. The money is cleared in one to three days."},
		{"declined", what + " ending in 0002", "Is declined. You can try again."},
		{"wrong", what + " ending in 0069", "The data is wrong, which ends the order."},
	}
}

// page is what a hosted page shows.
type page struct {
	Page    string // data-page
	Title   string
	Base    string // path under which the gateway is, without a slash at its end
	Self    string // address of this order's page
	Vendor  string
	Number  string // the shop's of the order
	Total   string
	Amount  string // the same without the currency
	Until   string
	Method  string   // chosen by the shop; empty when the buyer chooses
	Methods []string // to choose from
	Cards   []card
	Hold    bool // reserved first
	Status  string
	Paid    bool
	BackTo  string // the shop's address for the state that the order is in
	Says    string // what is wrong
}

// parsePages parses the pages, once in a program: they are built in.
var parsePages = sync.OnceValues(func() (map[string]*template.Template, error) {
	pages := make(map[string]*template.Template)
	for _, name := range []string{"pay", "done", "left", "problem"} {
		t, err := template.ParseFS(pageFiles, "pages/layout.html", "pages/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("vertex: page %s: %w", name, err)
		}
		pages[name] = t
	}
	return pages, nil
})

// draw draws a page into memory, so that a broken one is not half sent.
func (p *Provider) draw(status int, name string, data page, o *order) world.Answer {
	var out bytes.Buffer
	if err := p.pages[name].ExecuteTemplate(&out, "layout", data); err != nil {
		return world.Text(http.StatusInternalServerError, "the page could not be drawn\n")
	}
	a := world.Answer{Status: status, Type: "text/html; charset=utf-8", Body: out.Bytes(), Header: pageHeader(o)}
	if o != nil {
		a.Order, a.External = o.id, o.request.Number
	}
	return a
}

// pageHeader are the headers of every hosted page. A form's answer may only
// lead to where the order says that the buyer goes, because form-action holds
// for the redirect too.
func pageHeader(o *order) http.Header {
	form := "'self'"
	if o != nil {
		form = strings.Join([]string{form, origin(o.request.Settings.Success), origin(o.request.Settings.Failure)}, " ")
	}
	return http.Header{
		"Cache-Control": {"no-store"},
		"Content-Security-Policy": {"default-src 'none'; style-src 'self'; base-uri 'none'; " +
			"frame-ancestors 'none'; form-action " + form},
		"Referrer-Policy":        {"same-origin"},
		"X-Content-Type-Options": {"nosniff"},
	}
}

var plainHost = regexp.MustCompile(`^[A-Za-z0-9.\-]+(:[0-9]+)?$|^\[[0-9A-Fa-f:]+\](:[0-9]+)?$`)

// origin is scheme and host of an address, empty when they are not plain.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || !plainHost.MatchString(u.Host) {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// showPage answers GET /payment. It changes nothing.
func (p *Provider) showPage(r *http.Request) world.Answer {
	o, data, problem := p.pageOf(r)
	if problem != nil {
		return *problem
	}
	if data.Status != "" {
		return p.draw(http.StatusOK, "done", data, o)
	}
	return p.draw(http.StatusOK, "pay", data, o)
}

// submitPage answers POST /payment: the buyer has pressed a button. A second
// press is sent the way of the first.
func (p *Provider) submitPage(r *http.Request) world.Answer {
	o, data, problem := p.pageOf(r)
	if problem != nil {
		return *problem
	}
	form, problem := p.form(r, data)
	if problem != nil {
		return *problem
	}
	var a world.Answer
	if _, left := p.take(&a, buyerAbandons, "", o.names()...); left {
		data.Page, data.Title = "vertex-left", "You have left"
		answer := p.draw(http.StatusOK, "left", data, o)
		answer.Faults = a.Faults
		return answer
	}
	p.mu.Lock()
	next, says, known := p.press(o, form)
	to := o.sendTo()
	p.mu.Unlock()
	p.callback(r.Context(), o, next)
	switch {
	case !known:
		return p.problem(http.StatusBadRequest, data, "That button is not on this page.")
	case says != "":
		data.Says = says
		return p.draw(http.StatusUnprocessableEntity, "pay", data, o)
	case to == "": // the shop has not said where to
		_, data, _ = p.pageOf(r)
		return p.draw(http.StatusOK, "done", data, o)
	}
	return p.seeOther(o, to)
}

// press does what a button does. says is why the buyer stays on the page. The
// caller has the lock.
func (p *Provider) press(o *order, form url.Values) (next sequel, says string, known bool) {
	decision := form.Get("decision")
	o.choose(p.choice(o), form.Get("method"))
	switch {
	case decision != "pay" && decision != "other" && decision != "leave":
		return sequel{}, "", false
	case !o.open():
		return sequel{}, "", true
	case decision == "leave":
		o.note(p.world.Clock.Now(), "the buyer left without paying")
		return sequel{}, "", true
	case decision == "other":
		other, err := parseAmount(form.Get("amount"), o.cost.currency)
		if err != nil {
			return sequel{}, "That amount " + err.Error() + ".", true
		}
		return p.pay(o, other), "", true
	}
	switch form.Get("card") {
	case "good":
		return p.pay(o, o.cost), "", true
	case "declined":
		p.decline(o)
		return sequel{}, "It was declined, and nothing was taken. You can try again.", true
	case "wrong":
		return p.fail(o), "", true
	default:
		return sequel{}, "Choose what to pay with.", true
	}
}

// pageOf returns the order and what every page about it shows.
func (p *Provider) pageOf(r *http.Request) (*order, page, *world.Answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	data := page{Base: pathOf(p.world.Site.Base(r, Name))}
	query := r.URL.Query()
	o, ok := p.bySession[query.Get("session-id")]
	if !ok || o.linkless || query.Get("page-id") != o.pageID {
		a := p.problem(http.StatusNotFound, data, "We do not know this payment. The shop can start a new one for you.")
		return nil, data, &a
	}
	set := o.request.Settings
	data.Page, data.Title = "vertex-pay", "Pay "+p.vendor(o)
	data.Self = data.Base + "/payment?" + url.Values{"session-id": {o.session}, "page-id": {o.pageID}}.Encode()
	data.Vendor, data.Number, data.Total, data.Amount = p.vendor(o), o.request.Number, o.cost.grouped(), o.cost.String()
	data.Method, data.Cards, data.Hold, data.BackTo = set.Method.title(), cards(set.Method), !set.AutoCapture, o.sendTo()
	for _, m := range p.choice(o) {
		data.Methods = append(data.Methods, m.title())
	}
	if !set.TimeLimit.IsZero() {
		data.Until = set.TimeLimit.Format("2 January 2006, 15:04 UTC")
	}
	if !o.open() {
		data.Page, data.Title, data.Status, data.Paid = "vertex-done", "This payment is decided", o.status, o.live()
	}
	return o, data, nil
}

// vendor is how the gateway knows the shop: by the name in the sandbox's
// settings, else by the host to which the buyer goes back.
func (p *Provider) vendor(o *order) string {
	if p.world.Site.ShopName != "" {
		return p.world.Site.ShopName
	}
	_, host, _ := strings.Cut(origin(o.request.Settings.Success), "://")
	if host == "" {
		return "shop " + o.id
	}
	return host
}

// form reads a form of one of our own pages.
func (p *Provider) form(r *http.Request, data page) (url.Values, *world.Answer) {
	if err := p.crossCheck.Check(r); err != nil {
		a := p.problem(http.StatusForbidden, data, "This form came from another site, so nothing was done.")
		return nil, &a
	}
	r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		a := p.problem(http.StatusBadRequest, data, "This form could not be read, so nothing was done.")
		return nil, &a
	}
	return r.PostForm, nil
}

func (p *Provider) problem(status int, data page, says string) world.Answer {
	data.Page, data.Title, data.Says = "vertex-problem", "Something is not right", says
	return p.draw(status, "problem", data, nil)
}

func (p *Provider) seeOther(o *order, to string) world.Answer {
	header := pageHeader(o)
	header["Location"] = []string{to}
	return world.Answer{Status: http.StatusSeeOther, Header: header, Order: o.id, External: o.request.Number}
}

// style answers with the pages' style sheet.
func (p *Provider) style(*http.Request) world.Answer {
	sheet, _ := pageFiles.ReadFile("pages/pay.css") // it is built in
	return world.Answer{
		Status: http.StatusOK, Type: "text/css; charset=utf-8", Body: sheet,
		Header: http.Header{"Cache-Control": {"no-cache"}, "X-Content-Type-Options": {"nosniff"}},
	}
}

func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "/" + Name
	}
	return u.Path
}
