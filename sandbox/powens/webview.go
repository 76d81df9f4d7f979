package powens

import (
	"bytes"
	"crypto/subtle"
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

// page is what a page shows.
type page struct {
	Page    string // data-page
	Title   string
	Base    string // path under which Powens is, without a slash at its end
	Self    string // path and query of this page
	Payee   string
	IBAN    string // grouped
	Label   string
	Total   string
	When    string // the execution, in words
	ID      string
	Banks   []bank
	Chosen  string // the bank that is marked
	Bank    bank
	Purses  []purse
	State   string
	Says    string
	BackTo  string // the shop's address for the state that the payment is in
	BackAt  string // the shop's host
	AtBank  bool   // the page is the bank's, not the webview's
	Cancels bool   // the page is about a cancellation
}

// parsePages parses the pages, once in a program: they are built in.
var parsePages = sync.OnceValues(func() (map[string]*template.Template, error) {
	pages := make(map[string]*template.Template)
	for _, name := range []string{"choose", "bank", "cancel", "done", "left", "link", "problem"} {
		t, err := template.ParseFS(pageFiles, "pages/layout.html", "pages/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("powens: page %s: %w", name, err)
		}
		pages[name] = t
	}
	return pages, nil
})

// draw draws a page into memory, so that a broken one is not half sent.
func (p *Provider) draw(status int, name string, data page, o *payment) world.Answer {
	var out bytes.Buffer
	if err := p.pages[name].ExecuteTemplate(&out, "layout", data); err != nil {
		return world.Text(http.StatusInternalServerError, "the page could not be drawn\n")
	}
	a := world.Answer{Status: status, Type: "text/html; charset=utf-8", Body: out.Bytes(), Header: pageHeader(data.BackTo)}
	if o != nil {
		a.Order, a.External = o.id, o.request.State
	}
	return a
}

// pageHeader are the headers of every page. A form's answer may only lead to
// where the buyer goes, because form-action holds for the redirect too. The
// address of the webview holds a token, so it is never a referrer.
func pageHeader(backTo string) http.Header {
	form := "'self'"
	if to := origin(backTo); to != "" {
		form += " " + to
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

// showPage answers GET of the webview. It changes nothing.
func (p *Provider) showPage(r *http.Request) world.Answer {
	o, data, problem := p.pageOf(r)
	if problem != nil {
		return *problem
	}
	switch data.State {
	case created:
		return p.chooseBank(http.StatusOK, data, o)
	case validating:
		if r.URL.Query().Get("step") == "banks" {
			return p.chooseBank(http.StatusOK, data, o)
		}
		data.Page, data.Title, data.AtBank = "powens-bank", "Approve the transfer", true
		data.Purses = purses()
		return p.draw(http.StatusOK, "bank", data, o)
	default:
		return p.draw(http.StatusOK, "done", data, o)
	}
}

func (p *Provider) chooseBank(status int, data page, o *payment) world.Answer {
	data.Page, data.Title = "powens-choose", "Choose your bank"
	data.Banks = banks()
	data.Chosen = orElse(data.Bank.UUID, data.Banks[0].UUID)
	return p.draw(status, "choose", data, o)
}

// submitPage answers POST of the webview: the buyer has chosen a bank, has
// approved or refused there, or leaves. A press on a page that is out of date
// is sent the way of what was decided.
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
	choice := form.Get("decision")
	if !slices.Contains([]string{"bank", "approve", "refuse", "leave"}, choice) {
		return p.problem(http.StatusBadRequest, data, "That button is not on this page.")
	}
	if choice != "bank" {
		if _, left := p.take(&a, buyerAbandons, "", o.refs()...); left {
			data.Page, data.Title = "powens-left", "You have left"
			answer := p.draw(http.StatusOK, "left", data, o)
			answer.Faults = a.Faults
			return answer
		}
	}
	next, says := p.press(o, choice, form)
	if says != "" {
		return p.problem(http.StatusBadRequest, data, says)
	}
	p.follow(r.Context(), o, next)
	to := next.sendTo
	if choice == "leave" {
		to = p.leaveTo(r, to)
	}
	return p.seeOther(o, orElse(to, data.Self))
}

// press does what a button does while the payment is open. It says what is
// wrong with the form, if anything.
func (p *Provider) press(o *payment, choice string, form url.Values) (next sequel, says string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.world.Clock.Now()
	if !o.open() {
		return sequel{sendTo: o.comeBack(false)}, ""
	}
	switch choice {
	case "bank":
		b, ok := bankOf(form.Get("bank"))
		if !ok {
			return sequel{}, "There is no such bank."
		}
		o.connector = b.UUID
		o.move(now, validating, "", "the buyer chose "+b.Name)
		return sequel{tell: o.state, plain: true}, ""
	case "leave":
		next, _ = p.decide(o, world.Decision{Decision: "leave"}) // an open payment takes it, as the next two
		return next, ""
	case "refuse":
		next, _ = p.decide(o, world.Decision{Decision: "cancel"})
		return next, ""
	}
	from, ok := purseOf(form.Get("account"))
	if !ok {
		return sequel{}, "There is no such account."
	}
	if from.Code != "" {
		o.move(now, rejected, from.Code, "the bank refused")
		return sequel{tell: o.state, sendTo: o.comeBack(false)}, ""
	}
	return p.approve(o, now), ""
}

// leaveTo is the webview's own redirect_uri, with what leaving adds: only the
// end of a bank's journey goes to the payment's address.
func (p *Provider) leaveTo(r *http.Request, to string) string {
	u, err := url.Parse(r.URL.Query().Get("redirect_uri"))
	added, parsed := url.Parse(to)
	if err != nil || parsed != nil {
		return to
	}
	q := u.Query()
	for name, values := range added.Query() {
		q[name] = values
	}
	if state := r.URL.Query().Get("state"); state != "" {
		q.Set("state", state)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// pageOf returns the payment of a webview's address, and what every page about
// it shows. The code must be a scoped token for this very payment.
func (p *Provider) pageOf(r *http.Request) (*payment, page, *world.Answer) {
	data := page{Base: pathOf(p.world.Site.Base(r, Name))}
	query := r.URL.Query()
	if says := p.wrongQuery(r, query); says != "" {
		a := p.problem(http.StatusBadRequest, data, says)
		return nil, data, &a
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o, ok := p.payments.Get(query.Get("payment_id"))
	if !ok || !p.opensPayment(query.Get("code"), o.id) {
		a := p.problem(http.StatusForbidden, data, "This link is not valid for this payment, or no longer. The shop can start a new one for you.")
		return nil, data, &a
	}
	query.Del("step")
	p.describe(&data, o)
	data.Self = data.Base + r.URL.Path + "?" + query.Encode()
	data.Page, data.Title = "powens-done", "This payment is decided"
	return o, data, nil
}

// wrongQuery says what is wrong with a webview's parameters, if anything.
func (p *Provider) wrongQuery(r *http.Request, query url.Values) string {
	for name := range query {
		if !slices.Contains([]string{"client_id", "redirect_uri", "code", "payment_id", "state", "domain", "step"}, name) {
			return "The shop sent a parameter that we do not know: " + name + "."
		}
	}
	back := query.Get("redirect_uri")
	switch {
	case query.Get("client_id") != p.config.ClientID:
		return "We do not know this shop."
	case origin(back) == "":
		return "The shop did not say where to go back to."
	case strings.HasPrefix(r.URL.Path, "/webview/") && query.Get("domain") == "":
		return "The shop did not say its domain."
	}
	return ""
}

// describe fills in what every page about a payment shows. The caller has the
// lock.
func (p *Provider) describe(data *page, o *payment) {
	data.ID, data.State = o.id, o.state
	describeTransfer(data, o.request.Instruction)
	data.Bank = p.bank(o)
	data.BackTo = o.comeBack(false)
	data.BackAt = strings.TrimPrefix(strings.TrimPrefix(origin(data.BackTo), "https://"), "http://")
}

// describeTransfer fills in what is paid, to whom and when.
func describeTransfer(data *page, in instruction) {
	data.Label = in.Label
	data.Payee, data.IBAN = in.Beneficiary.Label, inGroups(in.Beneficiary.Identification)
	data.Total = in.Currency + " " + grouped(in.Amount)
	switch in.Type {
	case instant:
		data.When = "At once"
	case firstOpenDay:
		data.When = "On the next working day"
	case deferred:
		data.When = "On " + in.Date
	case periodic:
		data.When = "Again and again (" + in.Frequency + "), from " + in.Start
		if in.End != "" {
			data.When += " to " + in.End
		}
	}
}

func inGroups(s string) string {
	var groups []string
	for len(s) > 4 {
		groups, s = append(groups, s[:4]), s[4:]
	}
	return strings.Join(append(groups, s), " ")
}

// showCancel answers GET of the bank's page where a buyer approves that a
// payment is cancelled.
func (p *Provider) showCancel(r *http.Request, id string) world.Answer {
	o, data, problem := p.cancelPage(r, id)
	if problem != nil {
		return *problem
	}
	if !data.Cancels {
		return p.draw(http.StatusOK, "done", data, o)
	}
	data.Page, data.Title = "powens-cancel", "Cancel the transfer"
	return p.draw(http.StatusOK, "cancel", data, o)
}

// submitCancel answers POST of that page.
func (p *Provider) submitCancel(r *http.Request, id string) world.Answer {
	o, data, problem := p.cancelPage(r, id)
	if problem != nil {
		return *problem
	}
	form, problem := p.form(r, data)
	if problem != nil {
		return *problem
	}
	choice := form.Get("decision")
	if choice != "cancel" && choice != "keep" {
		return p.problem(http.StatusBadRequest, data, "That button is not on this page.")
	}
	p.mu.Lock()
	var next sequel
	switch {
	case o.detail != cancelling:
	case choice == "cancel":
		next, _ = p.decide(o, world.Decision{Decision: "cancel"}) // one that is being cancelled takes it
	default:
		o.detail, o.validateURI = "", ""
		o.note(p.world.Clock.Now(), "the buyer wants to keep the payment")
		next = sequel{tell: o.state, sendTo: o.comeBack(false)}
	}
	to := o.comeBack(false)
	p.mu.Unlock()
	p.follow(r.Context(), o, next)
	return p.seeOther(o, to)
}

func (p *Provider) cancelPage(r *http.Request, id string) (*payment, page, *world.Answer) {
	data := page{Base: pathOf(p.world.Site.Base(r, Name))}
	p.mu.Lock()
	defer p.mu.Unlock()
	o, ok := p.payments.Get(id)
	mark := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	if !ok || subtle.ConstantTimeCompare([]byte(mark), []byte(p.mark(o))) != 1 {
		a := p.problem(http.StatusNotFound, data, "We do not know this transfer.")
		return nil, data, &a
	}
	p.describe(&data, o)
	data.Self, data.AtBank, data.Cancels = data.Base+r.URL.Path, true, o.detail == cancelling
	data.Page, data.Title = "powens-done", "This payment is decided"
	return o, data, nil
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
	data.Page, data.Title, data.Says = "powens-problem", "Something is not right", says
	return p.draw(status, "problem", data, nil)
}

func (p *Provider) seeOther(o *payment, to string) world.Answer {
	header := pageHeader(to)
	header["Location"] = []string{to}
	return world.Answer{Status: http.StatusSeeOther, Header: header, Order: o.id, External: o.request.State}
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
