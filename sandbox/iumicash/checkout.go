package iumicash

import (
	"bytes"
	"crypto/subtle"
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

// The four documented codes about the buyer.
const (
	codeLimit     = "USER_PAYMENT_LIMIT"
	codeNotActive = "USER_NOT_ACTIVE"
	codeBalance   = "ACCOUNT_BALANCE_IS_LOW"
	codeDisabled  = "DISABLED_BY_USER"
)

const (
	walletCookie = "iumi_wallet"
	maxForm      = 4 << 10 // bytes
)

// wallet is somebody with whom a visitor can sign in.
type wallet struct {
	Key, Name, Phone, Note string
	// Code is why this one cannot pay, empty for one who can. How iumiCash shows
	// that to a buyer is not documented. OUR CHOICE: the page says so, the order
	// stays created, and nobody is called.
	Code string
}

func wallets() []wallet {
	return []wallet{
		{Key: "aroha", Name: "Aroha Tamihana", Phone: "+64 21 555 0101", Note: "Everything works."},
		{Key: "ben", Name: "Ben Siota", Phone: "+677 74 55 102", Note: "The balance is too low for anything.", Code: codeBalance},
		{Key: "cleo", Name: "Cleo Vaai", Phone: "+64 21 555 0103", Note: "Every payment is over her own limit.", Code: codeLimit},
		{Key: "daniel", Name: "Daniel Ofa", Phone: "+677 74 55 104", Note: "His wallet is not active yet.", Code: codeNotActive},
		{Key: "ema", Name: "Ema Lolo", Phone: "+64 21 555 0105", Note: "She has blocked this shop.", Code: codeDisabled},
	}
}

func walletOf(key string) (wallet, bool) {
	for _, w := range wallets() {
		if w.Key == key {
			return w, true
		}
	}
	return wallet{}, false
}

// decline is what the buyer reads when their wallet cannot pay.
type decline struct{ Title, Text, Code string }

func declineOf(w wallet) decline {
	d := decline{Code: w.Code}
	switch w.Code {
	case codeBalance:
		d.Title, d.Text = "Your balance is too low", "There is not enough money in this wallet for this payment."
	case codeLimit:
		d.Title, d.Text = "This payment is over your limit", "You have set a limit for payments, and this one is above it."
	case codeNotActive:
		d.Title, d.Text = "Your wallet is not active", "It must be activated before you can pay with it."
	case codeDisabled:
		d.Title, d.Text = "You have blocked this shop", "You told iumiCash not to pay this shop any more."
	}
	return d
}

// page is what a hosted page shows.
type page struct {
	Page    string // data-page
	Title   string
	Base    string // path under which iumiCash is, without a slash at its end
	Self    string // path of this order's page, with a slash at its end
	Vendor  string
	Order   string
	Shop    string // the shop's name of the order
	Lines   []pageLine
	Total   string
	Wallet  wallet
	Wallets []wallet
	Decline decline
	Status  string
	BackTo  string // the shop's address for the state that the order is in
	Paid    bool
}

type pageLine struct {
	Name, Description, Unit, Sum string
	Count                        int64
}

// parsePages parses the pages, once in a program: they are built in.
var parsePages = sync.OnceValues(func() (map[string]*template.Template, error) {
	pages := make(map[string]*template.Template)
	for _, name := range []string{"login", "confirm", "declined", "done", "left", "problem"} {
		t, err := template.ParseFS(pageFiles, "pages/layout.html", "pages/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("iumicash: page %s: %w", name, err)
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
		a.Order, a.External = o.id, o.request.ExternalID
	}
	return a
}

// pageHeader are the headers of every hosted page. A form's answer may only
// lead to where the order says that the buyer goes, because form-action holds
// for the redirect too.
func pageHeader(o *order) http.Header {
	form := "'self'"
	if o != nil {
		form += " " + origin(o.request.Context.SuccessURL) + " " + origin(o.request.Context.ErrorURL)
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

// showPage answers GET /checkout/{id}/. It changes nothing.
func (p *Provider) showPage(r *http.Request, id string) world.Answer {
	o, data, problem := p.pageOf(r, id)
	if problem != nil {
		return *problem
	}
	who, known := p.signedIn(r)
	switch {
	case !p.isOpen(o):
		return p.draw(http.StatusOK, "done", data, o)
	case !known:
		data.Page, data.Title = "iumicash-login", "Sign in"
		data.Wallets = wallets()
		return p.draw(http.StatusOK, "login", data, o)
	}
	data.Wallet = who
	data.Page, data.Title = "iumicash-confirm", "Confirm your payment"
	return p.draw(http.StatusOK, "confirm", data, o)
}

// submitPage answers POST /checkout/{id}/: the buyer has pressed Approve or
// Cancel. A second press of either is sent the way of the first.
func (p *Provider) submitPage(r *http.Request, id string) world.Answer {
	o, data, problem := p.pageOf(r, id)
	if problem != nil {
		return *problem
	}
	form, problem := p.form(r, data)
	if problem != nil {
		return *problem
	}
	choice := form.Get("decision")
	if choice != "approve" && choice != "cancel" {
		return p.problem(http.StatusBadRequest, data, "That button is not on this page.")
	}
	who, known := p.signedIn(r)
	if !known {
		return p.seeOther(o, data.Self)
	}
	var a world.Answer
	if _, left := p.take(&a, buyerAbandons, "", o.id, o.request.ExternalID); left {
		data.Page, data.Title = "iumicash-left", "You have left"
		answer := p.draw(http.StatusOK, "left", data, o)
		answer.Faults = a.Faults
		return answer
	}
	if choice == "approve" && who.Code != "" && p.isOpen(o) {
		data.Wallet, data.Decline = who, declineOf(who)
		data.Page, data.Title = "iumicash-declined", data.Decline.Title
		return p.draw(http.StatusUnprocessableEntity, "declined", data, o)
	}

	p.mu.Lock()
	var next sequel
	if o.open() {
		next, _ = p.decide(o, world.Decision{Decision: choice}) // an open order takes both
	}
	to := o.sendTo()
	p.mu.Unlock()
	p.callback(r.Context(), o, next)
	return p.seeOther(o, to)
}

// login answers POST /checkout/{id}/login.
func (p *Provider) login(r *http.Request, id string) world.Answer {
	o, data, problem := p.pageOf(r, id)
	if problem != nil {
		return *problem
	}
	form, problem := p.form(r, data)
	if problem != nil {
		return *problem
	}
	who, ok := walletOf(form.Get("wallet"))
	if !ok {
		return p.problem(http.StatusBadRequest, data, "There is no such wallet.")
	}
	return p.withCookie(r, p.seeOther(o, data.Self), data, who.Key+"."+p.mark(who.Key))
}

// logout answers POST /checkout/{id}/logout.
func (p *Provider) logout(r *http.Request, id string) world.Answer {
	o, data, problem := p.pageOf(r, id)
	if problem != nil {
		return *problem
	}
	if _, problem := p.form(r, data); problem != nil {
		return *problem
	}
	return p.withCookie(r, p.seeOther(o, data.Self), data, "")
}

// pageOf returns the order and what every page about it shows.
func (p *Provider) pageOf(r *http.Request, id string) (*order, page, *world.Answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	data := page{Base: pathOf(p.world.Site.Base(r, Name))}
	o, ok := p.orders.Get(id)
	if !ok || o.bare {
		a := p.problem(http.StatusNotFound, data, "We do not know this payment. The shop can start a new one for you.")
		return nil, data, &a
	}
	data.Self = data.Base + "/checkout/" + o.id + "/"
	data.Vendor = p.vendor(o)
	data.Order, data.Shop = o.id, o.request.ExternalID
	data.Total = o.currency() + " " + grouped(o.total())
	for _, it := range o.request.Items {
		line, _ := it.Unit.times(it.Count) // it is part of a total that fits
		data.Lines = append(data.Lines, pageLine{
			Name: it.Name, Description: it.Description, Count: it.Count, Unit: grouped(it.Unit), Sum: grouped(line),
		})
	}
	data.Page, data.Title = "iumicash-done", "This payment is decided"
	data.Status, data.Paid, data.BackTo = o.status, o.paid(), o.sendTo()
	return o, data, nil
}

// vendor is how iumiCash knows the shop: by the name in the sandbox's settings,
// else by the host to which the buyer goes back.
func (p *Provider) vendor(o *order) string {
	if p.world.Site.ShopName != "" {
		return p.world.Site.ShopName
	}
	return strings.TrimPrefix(strings.TrimPrefix(origin(o.request.Context.SuccessURL), "https://"), "http://")
}

func (p *Provider) isOpen(o *order) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return o.open()
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
	data.Page, data.Title, data.Decline.Text = "iumicash-problem", "Something is not right", says
	return p.draw(status, "problem", data, nil)
}

func (p *Provider) seeOther(o *order, to string) world.Answer {
	header := pageHeader(o)
	header["Location"] = []string{to}
	return world.Answer{Status: http.StatusSeeOther, Header: header, Order: o.id, External: o.request.ExternalID}
}

// mark makes a cookie ours. It is no secret: the sandbox guards nothing.
func (p *Provider) mark(key string) string { return p.world.Hex(32, Name, "wallet", key) }

func (p *Provider) signedIn(r *http.Request) (wallet, bool) {
	cookie, err := r.Cookie(walletCookie)
	if err != nil {
		return wallet{}, false
	}
	key, mark, _ := strings.Cut(cookie.Value, ".")
	if subtle.ConstantTimeCompare([]byte(mark), []byte(p.mark(key))) != 1 {
		return wallet{}, false
	}
	return walletOf(key)
}

// withCookie signs a browser in, or out with an empty value. Over plain HTTP, as
// on one's own machine, a secure cookie would not come back.
func (p *Provider) withCookie(r *http.Request, a world.Answer, data page, value string) world.Answer {
	cookie := http.Cookie{ //nolint:gosec // Secure is set where the sandbox is reached over HTTPS
		Name: walletCookie, Value: value, Path: data.Base + "/checkout/", HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(p.world.Site.Root(r), "https:"),
	}
	if value == "" {
		cookie.MaxAge = -1
	}
	a.Header["Set-Cookie"] = []string{cookie.String()}
	return a
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

// grouped writes an amount for people: "1,234.50".
func grouped(c cents) string {
	whole, fraction, _ := strings.Cut(c.String(), ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return whole + "." + fraction
}
