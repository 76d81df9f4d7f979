package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"
)

// shopper is a person with a browser that has neither script nor pictures: it
// keeps cookies, sends the forms that pages have, and follows no redirect by
// itself.
type shopper struct {
	t      testing.TB
	shop   string // its address
	client *http.Client
}

func newShopper(t testing.TB, shop string) *shopper {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true} // a killed shop leaves no half-open line behind
	return &shopper{t: t, shop: shop, client: &http.Client{
		Jar: jar, Transport: transport, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// page is an answer.
type page struct {
	status int
	url    *url.URL
	to     string // absolute address of a redirect
	body   string
	doc    *html.Node
}

func (p page) text() string { return words(p.doc) }

func (p page) String() string {
	return fmt.Sprintf("%d %s → %q: %.600s", p.status, p.url, p.to, p.text())
}

// name is the data-page of the page.
func (p page) name() string {
	for _, b := range tagged(p.doc, "body") {
		return value(b, "data-page")
	}
	return ""
}

// orderStatus is the machine's word of an order page, "" on others.
func (p page) orderStatus() string {
	for _, n := range marked(p.doc, "order-status") {
		return value(n, "data-status")
	}
	return ""
}

// orderNumber is the number on an order page, "" on others.
func (p page) orderNumber() string {
	for _, n := range marked(p.doc, "order-number") {
		return words(n)
	}
	return ""
}

// try makes one request and follows nothing. The error is the network's.
func (s *shopper) try(method, address string, form url.Values) (page, error) {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, address, body)
	if err != nil {
		return page{}, err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return page{}, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return page{}, err
	}
	p := page{status: resp.StatusCode, url: resp.Request.URL, body: string(text)}
	if to, err := resp.Location(); err == nil {
		p.to = to.String()
	}
	if p.doc, err = html.Parse(strings.NewReader(p.body)); err != nil {
		return page{}, err
	}
	return p, nil
}

// get and post are try where the network is not what is tested.
func (s *shopper) get(address string) page { s.t.Helper(); return s.must("GET", address, nil) }

func (s *shopper) post(address string, form url.Values) page {
	s.t.Helper()
	return s.must("POST", address, form)
}

func (s *shopper) must(method, address string, form url.Values) page {
	s.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = s.shop + address
	}
	p, err := s.try(method, address, form)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, address, err)
	}
	return p
}

// follow goes where a redirect leads, to its end.
func (s *shopper) follow(p page) page {
	s.t.Helper()
	for range 10 {
		if p.to == "" {
			return p
		}
		p = s.get(p.to)
	}
	s.t.Fatalf("goes round in circles: %s", p)
	return p
}

// form is what a page's form would send untouched: hidden fields, and what is
// chosen already. ok is false when the page has no form for that address.
func (p page) form(action string) (fields url.Values, ok bool) {
	for _, f := range tagged(p.doc, "form") {
		if to := value(f, "action"); to != action && p.absolute(to) != action {
			continue
		}
		fields = url.Values{}
		for _, in := range tagged(f, "input") {
			name := value(in, "name")
			_, on := attr(in, "checked")
			switch kind := value(in, "type"); {
			case name == "", (kind == "radio" || kind == "checkbox") && !on:
			default:
				fields.Add(name, value(in, "value"))
			}
		}
		return fields, true
	}
	return nil, false
}

// absolute is an address on the page as the browser understands it.
func (p page) absolute(address string) string {
	u, err := p.url.Parse(address)
	if err != nil {
		return ""
	}
	return u.String()
}

// link is the address of the first link that reads like this, "" for none.
func (p page) link(begins string) string {
	for _, a := range tagged(p.doc, "a") {
		if strings.HasPrefix(words(a), begins) {
			return p.absolute(value(a, "href"))
		}
	}
	return ""
}

// picks puts a product into the cart.
func (s *shopper) picks(slug string) {
	s.t.Helper()
	product := s.get("/products/" + slug)
	form, ok := product.form("/cart/lines")
	if !ok {
		s.t.Fatalf("no form on %s", product)
	}
	if p := s.post("/cart/lines", form); p.status != http.StatusSeeOther {
		s.t.Fatalf("not in the cart: %s", p)
	}
}

// details fills the checkout form in.
func (s *shopper) details(email string) url.Values {
	s.t.Helper()
	p := s.get("/checkout")
	form, ok := p.form("/checkout")
	if !ok {
		s.t.Fatalf("no checkout form on %s", p)
	}
	for name, value := range map[string]string{
		"name": "Aroha Tamihana", "email": email, "line1": "1 Kauri Road", "city": "Nelson", "postcode": "7010", "country": "NZ",
	} {
		form.Set(name, value)
	}
	if form.Get("method") != "iumicash" {
		s.t.Fatalf("iumiCash is not chosen: %v", form)
	}
	return form
}

// signs signs in on the provider's page with the wallet that can pay.
func (s *shopper) signs(provider string) page {
	s.t.Helper()
	p := s.patiently("GET", provider, nil)
	if form, ok := p.form(provider + "login"); ok {
		form.Set("wallet", "aroha")
		p = s.patiently("GET", s.patiently("POST", provider+"login", form).to, nil)
	}
	return p
}

// decides presses Approve or Cancel on the provider's page, and returns where
// the browser is sent: "" when it stays.
func (s *shopper) decides(provider, decision string) (to string) {
	s.t.Helper()
	for range 5 {
		p := s.signs(provider)
		if back := p.link("Return to"); back != "" { // decided already; the answer was lost
			return back
		}
		p, err := s.try("POST", provider, url.Values{"decision": {decision}})
		if err == nil && p.status < 500 {
			return p.to
		}
	}
	s.t.Fatal("the provider takes no decision")
	return ""
}

// patiently reloads a page that is broken, as people do.
func (s *shopper) patiently(method, address string, form url.Values) page {
	s.t.Helper()
	var p page
	var err error
	for range 5 {
		if p, err = s.try(method, address, form); err == nil && p.status < 500 {
			return p
		}
	}
	s.t.Fatalf("%s %s: %s, %v", method, address, p, err)
	return p
}

// goesToPay places an order and goes on until the provider's page is reached,
// pressing what the order page offers. It returns the order page's address and
// the provider's page; that one is "" when the order page offers nothing more.
func (s *shopper) goesToPay(email string) (order, provider string) {
	s.t.Helper()
	s.picks("stoneware-mug")
	p := s.post("/checkout", s.details(email))
	if p.status != http.StatusSeeOther {
		s.t.Fatalf("no order: %s", p)
	}
	if !strings.HasPrefix(p.to, s.shop) {
		return s.latestOrder(), p.to
	}
	order = p.to
	eventually(s.t, patience, "the order page knows what to do", func() (string, bool) {
		at := s.get(order)
		pay, canPay := at.form(strings.TrimPrefix(order, s.shop) + "/payments")
		switch {
		case at.link("Continue at") != "":
			provider = at.link("Continue at")
		case canPay && at.orderStatus() == "issued": // the provider was not reached: try again
			if again := s.post(order+"/payments", pay); !strings.HasPrefix(again.to, s.shop) {
				provider = again.to
			}
		}
		return at.String(), provider != "" || at.orderStatus() == "failed"
	})
	return order, provider
}

// latestOrder is the page of the order that waits for its payment, as the cart
// leads to it.
func (s *shopper) latestOrder() string {
	s.t.Helper()
	p := s.get("/cart")
	to := p.link("Continue to pay")
	if to == "" {
		s.t.Fatalf("the cart knows of no order: %s", p)
	}
	return to
}

// sees waits until the order page says a status.
func (s *shopper) sees(order, status string, within time.Duration) page {
	s.t.Helper()
	var p page
	eventually(s.t, within, "the order page says "+status, func() (string, bool) {
		p = s.get(order)
		return p.String(), p.orderStatus() == status
	})
	return p
}
