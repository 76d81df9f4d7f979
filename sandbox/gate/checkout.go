package gate

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

// page is what a hosted page shows.
type page struct {
	Page    string // data-page
	Title   string
	Base    string // path under which the Gate is, without a slash at its end
	Self    string // path of this order's page, with a slash at its end
	Vendor  string
	Order   string
	Shop    string // the shop's number of the order
	Lines   []pageLine
	Total   string
	Cards   []pageCard
	Card    string // the last four digits of the card that is being checked
	Reserve bool   // the money is only reserved
	Decline string // why the latest attempt failed
	Tries   int64  // that are left; 0 is not said
	Status  string
	Paid    bool
	Waiting bool
	Decided bool   // nothing is left to do on the page
	BackTo  string // the shop's address for the state that the order is in
	Leave   string // the shop's address for who does not want to pay now
	Text    string // of a problem
}

type pageLine struct {
	Name, Description, Unit, Sum string
	Count                        int64
}

type pageCard struct{ Key, Number, Does string }

// parsePages parses the pages, once in a program: they are built in.
var parsePages = sync.OnceValues(func() (map[string]*template.Template, error) {
	pages := make(map[string]*template.Template)
	for _, name := range []string{"pay", "bank", "done", "left", "problem"} {
		t, err := template.ParseFS(pageFiles, "pages/layout.html", "pages/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("gate: page %s: %w", name, err)
		}
		pages[name] = t
	}
	return pages, nil
})

// draw draws a page into memory, so that a broken one is not half sent.
func (p *Provider) draw(status int, name string, data page, o *order) world.Answer {
	var out bytes.Buffer
	data.Page = "gate-" + name
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
		for _, to := range []string{o.request.Success, o.request.InProgress, o.request.Failure, o.request.Cancel} {
			if from := origin(to); from != "" && !strings.Contains(form, " "+from) {
				form += " " + from
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

// showPage answers GET /checkout/{id}/. The Gate itself writes down that the
// page was opened, and says so.
func (p *Provider) showPage(r *http.Request, id string) world.Answer {
	o, problem := p.orderOfPage(r, id)
	if problem != nil {
		return *problem
	}
	var told []news
	p.mu.Lock()
	if o.status == issued {
		told = p.onView(o, p.world.Clock.Now())
	}
	data, payable := p.pageOf(r, o), o.payable()
	p.mu.Unlock()
	p.callback(r.Context(), o, told)
	if !payable {
		data.Title = "This payment is decided"
		return p.draw(http.StatusOK, "done", data, o)
	}
	data.Title = "Pay by card"
	return p.draw(http.StatusOK, "pay", data, o)
}

// submitPage answers POST /checkout/{id}/: the buyer pays with a card or
// refuses to. A second press is sent the way of the first.
func (p *Provider) submitPage(r *http.Request, id string) world.Answer {
	o, form, problem := p.formOf(r, id)
	if problem != nil {
		return *problem
	}
	c, known := cardOf(form.Get("card"))
	decision := form.Get("decision")
	if decision != "reject" && (decision != "pay" || !known) {
		return p.problem(r, http.StatusBadRequest, "That button or that card is not on this page.")
	}
	if a, left := p.hasLeft(r, o); left {
		return a
	}
	var told []news
	p.mu.Lock()
	switch now := p.world.Clock.Now(); {
	case !o.payable():
	case decision == "reject":
		told = p.onReject(o, now)
	default:
		told = p.onAttempt(o, c, now)
	}
	to := o.goes()
	if o.challenge {
		to = p.pageOf(r, o).Self + "3ds/"
	}
	p.mu.Unlock()
	p.callback(r.Context(), o, told)
	return p.seeOther(r, o, to)
}

// showBank answers GET /checkout/{id}/3ds/: the bank's own check.
func (p *Provider) showBank(r *http.Request, id string) world.Answer {
	o, problem := p.orderOfPage(r, id)
	if problem != nil {
		return *problem
	}
	p.mu.Lock()
	data, waits := p.pageOf(r, o), o.challenge
	p.mu.Unlock()
	if !waits {
		return p.seeOther(r, o, data.Self)
	}
	data.Title = "Confirm with your bank"
	return p.draw(http.StatusOK, "bank", data, o)
}

// submitBank answers POST /checkout/{id}/3ds/.
func (p *Provider) submitBank(r *http.Request, id string) world.Answer {
	o, form, problem := p.formOf(r, id)
	if problem != nil {
		return *problem
	}
	decision := form.Get("decision")
	if decision != "confirm" && decision != "refuse" {
		return p.problem(r, http.StatusBadRequest, "That button is not on this page.")
	}
	if a, left := p.hasLeft(r, o); left {
		return a
	}
	var told []news
	p.mu.Lock()
	switch now := p.world.Clock.Now(); {
	case !o.challenge:
	case decision == "confirm":
		told = p.onSuccess(o, now)
	default:
		told = p.onFailure(o, "3-D Secure authentication failed", now)
	}
	to := o.goes()
	p.mu.Unlock()
	p.callback(r.Context(), o, told)
	return p.seeOther(r, o, to)
}

// hasLeft shows the page of a buyer who has left, where a fault says so.
func (p *Provider) hasLeft(r *http.Request, o *order) (world.Answer, bool) {
	if _, left := p.struck(buyerAbandons, o); !left {
		return world.Answer{}, false
	}
	p.mu.Lock()
	p.onAbandon(o, p.world.Clock.Now())
	data := p.pageOf(r, o)
	p.mu.Unlock()
	data.Title = "You have left"
	a := p.draw(http.StatusOK, "left", data, o)
	a.Faults = []string{buyerAbandons}
	return a, true
}

// orderOfPage finds the order of a page.
func (p *Provider) orderOfPage(r *http.Request, id string) (*order, *world.Answer) {
	p.mu.Lock()
	o, ok := p.byID(id)
	p.mu.Unlock()
	if !ok || o.bare {
		a := p.problem(r, http.StatusNotFound, "We do not know this payment. The shop can start a new one for you.")
		return nil, &a
	}
	return o, nil
}

// formOf reads a form of one of our own pages.
func (p *Provider) formOf(r *http.Request, id string) (*order, url.Values, *world.Answer) {
	o, problem := p.orderOfPage(r, id)
	if problem != nil {
		return nil, nil, problem
	}
	if err := p.crossCheck.Check(r); err != nil {
		a := p.problem(r, http.StatusForbidden, "This form came from another site, so nothing was done.")
		return nil, nil, &a
	}
	r.Body = http.MaxBytesReader(nil, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		a := p.problem(r, http.StatusBadRequest, "This form could not be read, so nothing was done.")
		return nil, nil, &a
	}
	return o, r.PostForm, nil
}

// pageOf is what every page about an order shows. The caller has the lock.
func (p *Provider) pageOf(r *http.Request, o *order) page {
	data := page{
		Base: pathOf(p.world.Site.Base(r, Name)), Vendor: p.vendor(o), Order: o.id, Shop: o.request.Number,
		Total: o.request.Currency + " " + grouped(o.total()), Reserve: o.request.SkipCapture, Status: o.status,
		Paid: o.status == hold || o.taken > 0, Waiting: o.status == inProgress, Decided: !o.payable() && !o.challenge, BackTo: o.goes(), Leave: orElse(o.request.Cancel, o.request.Failure),
	}
	data.Self = data.Base + "/checkout/" + o.id + "/"
	for _, it := range o.request.Products {
		line, _ := it.Price.times(it.Quantity) // it is part of a total that fits
		data.Lines = append(data.Lines, pageLine{
			Name: it.Title, Description: it.Description, Count: it.Quantity, Unit: grouped(it.Price), Sum: grouped(line),
		})
	}
	for _, c := range cards() {
		number := c.pan[:4] + " " + c.pan[4:8] + " " + c.pan[8:12] + " " + c.pan[12:]
		data.Cards = append(data.Cards, pageCard{c.key, number, strings.ToUpper(c.does[:1]) + c.does[1:] + "."})
	}
	if n := len(o.declines); n > 0 && o.status == failed {
		data.Decline = o.declines[n-1].Description
		data.Tries = max(0, o.request.MaxAttempts-int64(o.attempts))
	}
	if o.card.pan != "" {
		data.Card = o.card.pan[len(o.card.pan)-4:]
	}
	return data
}

// vendor is how the Gate knows the shop: by the name in the sandbox's settings,
// else by the host to which the buyer goes back.
func (p *Provider) vendor(o *order) string {
	if p.world.Site.ShopName != "" {
		return p.world.Site.ShopName
	}
	return strings.TrimPrefix(strings.TrimPrefix(origin(o.request.Success), "https://"), "http://")
}

func (p *Provider) problem(r *http.Request, status int, says string) world.Answer {
	data := page{Base: pathOf(p.world.Site.Base(r, Name)), Title: "Something is not right", Text: says}
	return p.draw(status, "problem", data, nil)
}

// seeOther sends the buyer on. An order without a way back shows its own page.
func (p *Provider) seeOther(r *http.Request, o *order, to string) world.Answer {
	if to == "" {
		to = pathOf(p.world.Site.Base(r, Name)) + "/checkout/" + o.id + "/"
	}
	header := pageHeader(o)
	header["Location"] = []string{to}
	return world.Answer{Status: http.StatusSeeOther, Header: header, Order: o.id, External: o.request.Number}
}

// style answers with the pages' style sheet.
func style() world.Answer {
	sheet, _ := pageFiles.ReadFile("pages/pay.css") // it is built in
	return world.Answer{
		Status: http.StatusOK, Type: "text/css; charset=utf-8", Body: sheet,
		Header: http.Header{"Cache-Control": {"no-cache"}, "X-Content-Type-Options": {"nosniff"}},
	}
}
