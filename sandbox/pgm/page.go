package pgm

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"

	"till/sandbox/world"
)

//go:embed pages
var pageFiles embed.FS

const maxForm = 4 << 10 // bytes

// payer is a card, a phone or a person that a buyer can pay with here.
type payer struct {
	Key, Name, Note string
	// Refusal is why this one cannot pay, empty for one who can.
	Refusal string
}

// payers are what a kind of page offers. None of them is real.
func payers(kind string) []payer {
	switch kind {
	case "card":
		return []payer{
			{Key: "works", Name: "4242 4242 4242 4242", Note: "Works."},
			{Key: "declined", Name: "4000 0000 0000 0002", Note: "The bank says no.", Refusal: "Your bank has declined this card."},
			{Key: "empty", Name: "4000 0000 0000 9995", Note: "There is not enough money.", Refusal: "There is not enough money on this card."},
		}
	case "wallet":
		return []payer{
			{Key: "works", Name: "giulia@wallet.example", Note: "Everything works."},
			{Key: "declined", Name: "marco@wallet.example", Note: "The account is limited.", Refusal: "This account cannot pay at the moment."},
		}
	case "instalments":
		return []payer{
			{Key: "works", Name: "Sofia Conti", Note: "Is granted six instalments. The shop has the money two days later."},
			{Key: "declined", Name: "Luca Greco", Note: "Is not granted any.", Refusal: "We cannot offer you instalments for this purchase."},
		}
	default:
		return []payer{
			{Key: "works", Name: "Giulia Ferri · +39 333 555 0101", Note: "Confirms in the app."},
			{Key: "declined", Name: "Marco Riva · +39 333 555 0102", Note: "Refuses in the app.", Refusal: "The payment was refused in the app."},
		}
	}
}

// kind is the page's kind: what one pays with.
func (pay *payment) kind() string {
	switch pay.method {
	case "pay-pal":
		return "wallet"
	case "satispay":
		return "app"
	default:
		return pay.service.kind
	}
}

// page is what a hosted page shows.
type page struct {
	View    string // which of the contents
	Page    string // data-page
	Title   string
	Base    string // path under which the gateway manager is, without a slash at its end
	Self    string // path of this payment's page
	Brand   string // for the look
	Mark    string // the service's name
	Vendor  string
	Order   string // the payment's id
	Shop    string // the shop's name of it
	Product string
	Terms   string // how often this is paid; empty for a single payment
	Email   string
	Total   string
	Kind    string
	Payers  []payer
	Chosen  string
	Alert   string
	Status  string
	Paid    bool
	Waiting bool // agreed to, and the money still to come
	BackTo  string
	Button  string
}

// parsePages parses the pages, once in a program: they are built in.
var parsePages = sync.OnceValues(func() (*template.Template, error) {
	t, err := template.ParseFS(pageFiles, "pages/*.html")
	if err != nil {
		return nil, fmt.Errorf("pgm: pages: %w", err)
	}
	return t, nil
})

// draw draws a page into memory, so that a broken one is not half sent.
func (p *Provider) draw(status int, data page, pay *payment) world.Answer {
	var out bytes.Buffer
	if err := p.page.ExecuteTemplate(&out, "layout", data); err != nil {
		return world.Text(http.StatusInternalServerError, "the page could not be drawn\n")
	}
	a := world.Answer{Status: status, Type: "text/html; charset=utf-8", Body: out.Bytes(), Header: pageHeader(pay)}
	if pay != nil {
		a = about(a, pay)
	}
	return a
}

// pageHeader are the headers of every hosted page. A form's answer may only
// lead to where the payment says that the buyer goes, because form-action holds
// for the redirect too.
func pageHeader(pay *payment) http.Header {
	form := "'self'"
	if pay != nil {
		for _, to := range []string{origin(pay.request.Success), origin(pay.request.Failure)} {
			if to != "" && !strings.HasSuffix(form, to) {
				form += " " + to
			}
		}
	}
	return http.Header{
		"Cache-Control": {"no-store"},
		"Content-Security-Policy": {"default-src 'none'; style-src 'self'; base-uri 'none'; " +
			"frame-ancestors 'none'; form-action " + form},
		"Referrer-Policy":        {"same-origin"},
		"X-Content-Type-Options": {"nosniff"},
	}
}

// origin is scheme and host of an address, empty when they are not plain.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || !plainHost(u.Host) {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

func plainHost(host string) bool {
	ok, _ := regexp.MatchString(`^[A-Za-z0-9.\-]+(:[0-9]+)?$|^\[[0-9A-Fa-f:]+\](:[0-9]+)?$`, host)
	return ok
}

// servePage serves the page of a payment: GET shows it and changes nothing, POST
// is a button on it.
func (p *Provider) servePage(w http.ResponseWriter, r *http.Request, id string) {
	endpoint, do := "page", p.showPage
	if r.Method == http.MethodPost {
		endpoint, do = "decide", p.submitPage
	}
	p.door.Serve(w, r, endpoint, "", p.names(id), func() world.Answer {
		if r.Method != http.MethodGet && r.Method != http.MethodPost {
			a := refusal(http.StatusMethodNotAllowed, "the method must be GET or POST")
			a.Header = http.Header{"Allow": {"GET, POST"}}
			return a
		}
		return do(r, id)
	})
}

func (p *Provider) showPage(r *http.Request, id string) world.Answer {
	pay, data, open := p.pageOf(r, id)
	switch {
	case pay == nil:
		return p.problem(http.StatusNotFound, data, "We do not know this payment. The shop can start a new one for you.")
	case !open:
		return p.draw(http.StatusOK, data, pay)
	}
	data.View, data.Page, data.Title = "pay", "pgm-pay", data.Button
	return p.draw(http.StatusOK, data, pay)
}

// submitPage is the buyer pressing a button. A second press of any is sent the
// way of the first.
func (p *Provider) submitPage(r *http.Request, id string) world.Answer {
	pay, data, open := p.pageOf(r, id)
	if pay == nil {
		return p.problem(http.StatusNotFound, data, "We do not know this payment. The shop can start a new one for you.")
	}
	form, problem := p.form(r, data)
	if problem != nil {
		return *problem
	}
	choice := form.Get("decision")
	at := slices.IndexFunc(data.Payers, func(y payer) bool { return y.Key == form.Get("payer") })
	if choice != "cancel" && (choice != "approve" || at < 0) {
		return p.problem(http.StatusBadRequest, data, "That button is not on this page.")
	}
	var a world.Answer
	if _, left := p.take(&a, buyerAbandons, "", pay.id, pay.request.ShopID); left {
		data.View, data.Page, data.Title = "left", "pgm-left", "You have left"
		answer := p.draw(http.StatusOK, data, pay)
		answer.Faults = a.Faults
		return answer
	}
	if choice == "approve" && data.Payers[at].Refusal != "" {
		choice = "decline"
		if open && pay.service.staysOpen {
			data.View, data.Page, data.Title = "pay", "pgm-declined", data.Button
			data.Alert, data.Chosen = data.Payers[at].Refusal, data.Payers[at].Key
			return p.draw(http.StatusUnprocessableEntity, data, pay)
		}
	}
	p.mu.Lock()
	next := sequel{sendTo: pay.sendTo()}
	if pay.open() {
		next, _ = p.decide(pay, world.Decision{Decision: choice}) // an open payment takes all three
	}
	p.mu.Unlock()
	if next.tell {
		p.callback(r.Context(), pay)
	}
	return seeOther(pay, orElse(next.sendTo, data.Self))
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// pageOf returns the payment, what every page about it shows, and whether it can
// still be decided. There is no page for one that was made without, and then the
// payment is nil.
func (p *Provider) pageOf(r *http.Request, id string) (pay *payment, data page, open bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	data = page{Base: pathOf(p.world.Site.Base(r, Name)), Mark: p.Title(), Brand: Name}
	pay, ok := p.payments.Get(id)
	if !ok || pay.result != resultRedirect {
		return nil, data, false
	}
	data.Self = data.Base + "/page/" + pay.id
	data.Brand, data.Mark, data.Kind = pay.provider, pay.service.title, pay.kind()
	data.Vendor = p.vendor(pay)
	data.Order, data.Shop = pay.id, pay.request.ShopID
	data.Product = pay.request.Data["productName"]
	data.Email = orElse(pay.request.Data["buyerEmail"], pay.request.Data["email"])
	if pay.sub != nil && pay.sub.first == pay {
		data.Terms = pay.sub.terms()
	}
	data.Total = "€ " + grouped(pay.request.Amount)
	data.Payers = payers(data.Kind)
	data.Chosen = data.Payers[0].Key
	data.Button = "Pay " + data.Total
	if data.Kind == "instalments" {
		data.Button = "Ask for instalments"
	}
	data.View, data.Page, data.Title = "done", "pgm-done", "This payment is decided"
	data.Status, data.Paid, data.Waiting, data.BackTo = pay.status, pay.paid(), pay.settling, pay.sendTo()
	return pay, data, pay.open()
}

// vendor is how the service knows the shop: by the name in the sandbox's
// settings, else by the host to which the buyer goes back.
func (p *Provider) vendor(pay *payment) string {
	if p.world.Site.ShopName != "" {
		return p.world.Site.ShopName
	}
	_, host, _ := strings.Cut(origin(pay.request.Success), "://")
	return orElse(host, "the shop")
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
	data.View, data.Page, data.Title, data.Alert = "problem", "pgm-problem", "Something is not right", says
	return p.draw(status, data, nil)
}

func seeOther(pay *payment, to string) world.Answer {
	header := pageHeader(pay)
	header["Location"] = []string{to}
	return about(world.Answer{Status: http.StatusSeeOther, Header: header}, pay)
}

// style answers with the pages' style sheet.
func (p *Provider) style() world.Answer {
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

// grouped writes an amount for people: "1,234.50".
func grouped(minor int64) string {
	whole, fraction, _ := strings.Cut(decimal(minor), ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return whole + "." + fraction
}
