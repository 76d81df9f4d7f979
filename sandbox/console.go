package sandbox

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"till/sandbox/world"
)

//go:embed pages
var pageFiles embed.FS

const (
	overviewRows = 8
	pageRows     = 200
	maxForm      = 16 << 10 // bytes
)

// consoleRoutes is the sandbox for people. Everything works without script;
// every change is a POST of a form on one of these pages.
func (s *Sandbox) consoleRoutes(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", s.showOverview)
	mux.HandleFunc("GET /console/orders", s.showOrders)
	mux.HandleFunc("GET /console/orders/{provider}/{ref}", s.showOrder)
	mux.HandleFunc("GET /console/deliveries", s.showDeliveries)
	mux.HandleFunc("GET /console/deliveries/{id}", s.showDelivery)
	mux.HandleFunc("GET /console/faults", s.showFaults)
	mux.HandleFunc("GET /console/requests", s.showRequests)
	mux.HandleFunc("GET /console/console.css", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-cache")
		http.ServeFileFS(w, r, pageFiles, "pages/console.css")
	})

	post := func(path string, do func(*http.Request) error) {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) { s.submit(w, r, do) })
	}
	post("/console/orders/{provider}/{ref}/decide", s.submitDecision)
	post("/console/orders/{provider}/{ref}/callback", s.submitCallback)
	post("/console/faults", s.submitFault)
	post("/console/faults/clear", func(*http.Request) error { s.world.Faults.Clear(); return nil })
	post("/console/faults/{id}/remove", func(r *http.Request) error { _, err := s.removeFault(r); return err })
	post("/console/deliveries/{id}/redeliver", func(r *http.Request) error { _, err := s.redeliver(r, again{}); return err })
	post("/console/deliveries/{id}/release", func(r *http.Request) error { _, err := s.release(r, empty{}); return err })
	post("/console/release", func(*http.Request) error { s.world.Post.ReleaseHeld(); return nil })
	post("/console/clock", s.submitClock)
	post("/console/reset", func(*http.Request) error { s.Reset(s.world.Seed()); return nil })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.refuse(w, r, world.ErrNotFound) })
}

// parsePages parses the pages, once in a program: they are built in.
var parsePages = sync.OnceValues(func() (map[string]*template.Template, error) {
	funcs := template.FuncMap{
		"when":  func(t time.Time) string { return t.Format("15:04:05.000") },
		"exact": func(t time.Time) string { return t.Format("Monday 2 January 2006, 15:04:05.000000 UTC") },
		"words": func(s string) string { return strings.ReplaceAll(s, "_", " ") },
		"args":  func(d world.Delivery, back string) moves { return moves{Delivery: d, Back: back} },
		"sentence": func(s string) string {
			return strings.ToUpper(s[:1]) + strings.ReplaceAll(s[1:], "_", " ")
		},
		"label": func(s string) string {
			words := strings.NewReplacer("_id", " ID", "_", " ", "url", "URL", "hmac", "HMAC", "rsa", "RSA").Replace(s)
			return strings.ToUpper(words[:1]) + words[1:]
		},
		"lines": func(s string) bool { return strings.Contains(s, "\n") },
		"money": major,
		"durations": func() []jump {
			return []jump{{"10s", "10 seconds"}, {"1m", "a minute"}, {"1h", "an hour"}, {"24h", "a day"}, {"96h", "4 days"}, {"672h", "28 days"}}
		},
	}
	pages := make(map[string]*template.Template)
	for _, name := range []string{"overview", "orders", "order", "deliveries", "delivery", "faults", "requests", "problem"} {
		t, err := template.New(name).Funcs(funcs).ParseFS(pageFiles, "pages/layout.html", "pages/parts.html", "pages/"+name+".html")
		if err != nil {
			return nil, fmt.Errorf("sandbox: page %s: %w", name, err)
		}
		pages[name] = t
	}
	return pages, nil
})

// jump is a way that the clock is often moved.
type jump struct{ By, Says string }

// moves is what the buttons beside a delivery need.
type moves struct {
	Delivery world.Delivery
	Back     string
}

// frame is what every page of the console has.
type frame struct {
	Page    string // data-page
	Title   string
	ShopURL string
	Back    string // where a form on this page comes back to
	Clock   clockView
	Seed    int64
	Wrong   int // rules that may still strike
	Held    int // deliveries that wait to be released
}

func (s *Sandbox) frame(page, title, back string) frame {
	f := frame{
		Page: page, Title: title, ShopURL: s.config.ShopURL, Back: back,
		Clock: s.clock(), Seed: s.world.Seed(), Held: s.world.Post.Held(),
	}
	for _, rule := range s.world.Faults.Rules() {
		if !rule.Spent() {
			f.Wrong++
		}
	}
	return f
}

// draw draws a page into memory, so that a broken one is not half sent.
func (s *Sandbox) draw(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	var out bytes.Buffer
	if err := s.pages[name].ExecuteTemplate(&out, "layout", data); err != nil {
		s.config.Log.ErrorContext(r.Context(), "page not drawn", "page", name, "error", err)
		http.Error(w, "the page could not be drawn", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	// An error here is the reader's going away; there is nobody left to tell.
	_, _ = out.WriteTo(w)
}

// submit does what a form asks for and goes back to the page that it was on.
func (s *Sandbox) submit(w http.ResponseWriter, r *http.Request, do func(*http.Request) error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	if err := r.ParseForm(); err != nil {
		s.refuse(w, r, &world.RefusedError{Says: "the form could not be read"})
		return
	}
	if err := do(r); err != nil {
		s.refuse(w, r, err)
		return
	}
	w.Header().Set("Location", backOf(r))
	w.WriteHeader(http.StatusSeeOther)
}

// backOf is the page of the console to go back to. Any other address is not
// followed.
func backOf(r *http.Request) string {
	if back := r.PostForm.Get("back"); strings.HasPrefix(back, "/console/") {
		return back
	}
	return "/"
}

type problemPage struct {
	frame
	Says string
}

func (s *Sandbox) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := statusOf(err)
	says := saysOf(err)
	if status == http.StatusNotFound {
		says = "There is nothing at this address. The sandbox may have been reset, or have forgotten what is old."
	}
	s.draw(w, r, status, "problem", problemPage{frame: s.frame("sandbox-problem", "That did not work", backOf(r)), Says: says})
}

type overviewPage struct {
	frame
	Providers  []Provider
	Rules      []world.Rule
	Orders     []world.Order
	Deliveries []world.Delivery
	Requests   []world.Request
}

func (s *Sandbox) showOverview(w http.ResponseWriter, r *http.Request) {
	s.draw(w, r, http.StatusOK, "overview", overviewPage{
		frame:     s.frame("sandbox-overview", "Overview", "/"),
		Providers: s.Providers(s.world.Site.Root(r)), Rules: s.liveRules(), Orders: s.Orders(overviewRows),
		Deliveries: s.world.Post.Latest(overviewRows, ""), Requests: s.world.Requests.Latest(overviewRows),
	})
}

func (s *Sandbox) liveRules() []world.Rule {
	return slices.DeleteFunc(s.world.Faults.Rules(), world.Rule.Spent)
}

type ordersPage struct {
	frame
	Orders []world.Order
}

func (s *Sandbox) showOrders(w http.ResponseWriter, r *http.Request) {
	s.draw(w, r, http.StatusOK, "orders", ordersPage{
		frame: s.frame("sandbox-orders", "Orders", "/console/orders"), Orders: s.Orders(pageRows),
	})
}

type orderPage struct {
	frame
	Order      world.Order
	Decisions  []choices
	Forge      string   // the fault that forges a callback; empty where there is none
	Past       []string // the states that it has been in, oldest first, each once
	Callbacks  []world.Fault
	Rules      []world.Rule
	Deliveries []world.Delivery
	Wire       string
}

func (s *Sandbox) showOrder(w http.ResponseWriter, r *http.Request) {
	p, err := s.provider(r.PathValue("provider"))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	order, err := p.Order(r.PathValue("ref"))
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	data := orderPage{
		frame: s.frame("sandbox-order", p.Title()+": "+orElse(order.ExternalID, order.Ref), "/console/orders/"+order.Provider+"/"+order.Ref),
		Order: order, Decisions: choicesOf(order), Deliveries: s.world.Post.Latest(pageRows, order.Ref), Wire: indented(order.Wire),
	}
	for _, step := range order.Steps {
		if !slices.Contains(data.Past, step.Status) {
			data.Past = append(data.Past, step.Status)
		}
	}
	for _, f := range s.world.Faults.Catalogue(p.Name()) {
		if f.Strikes == "callback" && f.ByHand {
			data.Callbacks = append(data.Callbacks, f)
			if slices.Contains([]string{"callback_wrong_signature", "callback_wrong_secret"}, f.Name) {
				data.Forge = f.Name
			}
		}
	}
	for _, rule := range s.liveRules() {
		if rule.Provider == order.Provider && rule.Order != "" && (rule.Order == order.Ref || rule.Order == order.ExternalID) {
			data.Rules = append(data.Rules, rule)
		}
	}
	s.draw(w, r, http.StatusOK, "order", data)
}

type deliveriesPage struct {
	frame
	Deliveries []world.Delivery
}

func (s *Sandbox) showDeliveries(w http.ResponseWriter, r *http.Request) {
	s.draw(w, r, http.StatusOK, "deliveries", deliveriesPage{
		frame: s.frame("sandbox-deliveries", "Callbacks", "/console/deliveries"), Deliveries: s.world.Post.Latest(pageRows, ""),
	})
}

type deliveryPage struct {
	frame
	Delivery world.Delivery
	Pretty   string
}

func (s *Sandbox) showDelivery(w http.ResponseWriter, r *http.Request) {
	d, ok := s.world.Post.Delivery(r.PathValue("id"))
	if !ok {
		s.refuse(w, r, world.ErrNotFound)
		return
	}
	s.draw(w, r, http.StatusOK, "delivery", deliveryPage{
		frame: s.frame("sandbox-delivery", "Callback "+d.ID, "/console/deliveries/"+d.ID), Delivery: d, Pretty: indented([]byte(d.Body)),
	})
}

// faultGroup is the faults that strike in one place.
type faultGroup struct {
	Title, Says string
	Faults      []world.Fault
}

type faultsPage struct {
	frame
	Provider  world.Provider // whose faults are shown
	Providers []world.Provider
	Order     string // the one order that new rules are about; empty: every order
	Rules     []world.Rule
	Groups    []faultGroup
}

func (s *Sandbox) showFaults(w http.ResponseWriter, r *http.Request) {
	order := r.FormValue("order")
	p, err := s.faultsOf(r.FormValue("provider"), order)
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	back := "/console/faults?provider=" + p.Name()
	if order != "" {
		back += "&order=" + template.URLQueryEscaper(order)
	}
	s.draw(w, r, http.StatusOK, "faults", faultsPage{
		frame: s.frame("sandbox-faults", "What goes wrong", back), Provider: p, Providers: s.providers,
		Order: order, Rules: s.world.Faults.Rules(), Groups: s.faultGroups(p.Name()),
	})
}

// faultsOf is the provider of that name; without a name the one that has the
// order, else the first.
func (s *Sandbox) faultsOf(name, order string) (world.Provider, error) {
	if name != "" {
		return s.provider(name)
	}
	for _, p := range s.providers {
		if _, err := p.Order(order); err == nil {
			return p, nil
		}
	}
	return s.providers[0], nil
}

func (s *Sandbox) faultGroups(provider string) []faultGroup {
	strikes := []string{"callback", "order", "buyer", "wire"}
	groups := []faultGroup{
		{Title: "Callbacks", Says: "What the provider sends to the shop after a decision."},
		{Title: "The order itself", Says: "What the provider holds to be true, in every answer and callback."},
		{Title: "The buyer", Says: "The person who was sent to the provider's page."},
		{Title: "The wire", Says: "What comes back when the shop, or a browser, asks the provider for something."},
	}
	for _, f := range s.world.Faults.Catalogue(provider) {
		if at := slices.Index(strikes, f.Strikes); at >= 0 {
			groups[at].Faults = append(groups[at].Faults, f)
		}
	}
	return slices.DeleteFunc(groups, func(g faultGroup) bool { return len(g.Faults) == 0 })
}

type requestsPage struct {
	frame
	Requests []world.Request
}

func (s *Sandbox) showRequests(w http.ResponseWriter, r *http.Request) {
	s.draw(w, r, http.StatusOK, "requests", requestsPage{
		frame: s.frame("sandbox-requests", "Requests", "/console/requests"), Requests: s.world.Requests.Latest(pageRows),
	})
}

func (s *Sandbox) submitDecision(r *http.Request) error {
	_, err := s.decide(r, world.Decision{Decision: r.PostForm.Get("decision"), Status: r.PostForm.Get("status")})
	return err
}

func (s *Sandbox) submitCallback(r *http.Request) error {
	_, err := s.sendCallback(r, world.Call{Status: r.PostForm.Get("status"), Fault: r.PostForm.Get("fault")})
	return err
}

func (s *Sandbox) submitFault(r *http.Request) error {
	wish := world.Wish{
		Provider: r.PostForm.Get("provider"), Fault: r.PostForm.Get("fault"), Order: r.PostForm.Get("order"),
		Total: r.PostForm.Get("total"), Endpoint: r.PostForm.Get("endpoint"),
		Delay: r.PostForm.Get(world.Delay), Word: r.PostForm.Get(world.Word), Amount: r.PostForm.Get(world.Amount),
	}
	for _, number := range []struct {
		field, says string
		into        *int
	}{
		{"times", "how often is a whole number; 0 is always", &wish.Times},
		{"orders", "of how many orders is a whole number; nothing is any number", &wish.Orders},
		{"share", "the share is a whole number from 1 to 100; nothing is all", &wish.Share},
	} {
		text := r.PostForm.Get(number.field)
		n, err := strconv.Atoi(text)
		if err != nil && text != "" {
			return &world.RefusedError{Says: number.says}
		}
		*number.into = n
	}
	_, err := s.world.Faults.Add(wish)
	return err
}

func (s *Sandbox) submitClock(r *http.Request) error {
	d, err := time.ParseDuration(r.PostForm.Get("advance"))
	if err != nil {
		return &world.RefusedError{Says: "a duration is written like 90s, 15m or 24h"}
	}
	if err := s.advance(r.Context(), d); err != nil {
		return fmt.Errorf("sandbox: advance: %w", err)
	}
	return nil
}

// indented is JSON for people; what is not JSON stays as it is.
func indented(raw []byte) string {
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		return string(raw)
	}
	return out.String()
}
