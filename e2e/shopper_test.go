package e2e_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
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
	name   string // "" for Aroha Tamihana
	method string // how they pay
	mugs   int    // how many they buy
	boards int
	help   func(page) // what is done when the order page offers nothing; nil is waiting
	client *http.Client
}

func newShopper(t testing.TB, shop string) *shopper {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true} // a killed shop leaves no half-open line behind
	return &shopper{t: t, shop: shop, method: "iumicash", mugs: 1, client: &http.Client{
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
		for _, area := range tagged(f, "textarea") {
			fields.Add(value(area, "name"), inner(area))
		}
		for _, list := range tagged(f, "select") {
			fields.Add(value(list, "name"), chosen(list))
		}
		return fields, true
	}
	return nil, false
}

// chosen is the value that a list would send untouched.
func chosen(list *html.Node) string {
	all := tagged(list, "option")
	for _, o := range all {
		if _, on := attr(o, "selected"); on {
			return value(o, "value")
		}
	}
	if len(all) == 0 {
		return ""
	}
	return value(all[0], "value")
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

// shops puts into the cart what the shopper buys.
func (s *shopper) shops() {
	s.t.Helper()
	s.picks("stoneware-mug", s.mugs)
	if s.boards > 0 {
		s.picks("kauri-bread-board", s.boards)
	}
}

// picks puts pieces of a product into the cart.
func (s *shopper) picks(slug string, pieces int) {
	s.t.Helper()
	product := s.get("/products/" + slug)
	form, ok := product.form("/cart/lines")
	if !ok {
		s.t.Fatalf("no form on %s", product)
	}
	form.Set("quantity", strconv.Itoa(pieces))
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
	if s.name != "" {
		form.Set("name", s.name)
	}
	s.chooses(p, form)
	return form
}

// chooses chooses how to pay, which must be offered.
func (s *shopper) chooses(p page, form url.Values) {
	s.t.Helper()
	offered := nodes(p.doc, func(n *html.Node) bool {
		return n.Data == "input" && value(n, "name") == "method" && value(n, "value") == s.method
	})
	if len(offered) == 0 {
		s.t.Fatalf("%s is not offered: %s", s.method, p)
	}
	form.Set("method", s.method)
}

// answers is what a buyer fills into a provider's page, by its name, to come to
// a decision. What is not said there stays as it is.
var answers = map[string]map[string]url.Values{
	"iumicash-login":    {"": {"wallet": {"aroha"}}},
	"iumicash-confirm":  {"approve": {"decision": {"approve"}}, "cancel": {"decision": {"cancel"}}},
	"iumicash-declined": {"approve": {"decision": {"approve"}}, "cancel": {"decision": {"cancel"}}},
	"gate-pay": {
		"approve": {"decision": {"pay"}, "card": {"good"}}, "decline": {"decision": {"pay"}, "card": {"declined"}},
		"ask": {"decision": {"pay"}, "card": {"secure"}}, "pend": {"decision": {"pay"}, "card": {"slow"}}, "reject": {"decision": {"reject"}},
	},
	"gate-bank":    {"ask": {"decision": {"confirm"}}},
	"vertex-pay":   {"approve": {"decision": {"pay"}, "card": {"good"}}, "decline": {"decision": {"pay"}, "card": {"wrong"}}, "leave": {"decision": {"leave"}}},
	"pgm-pay":      {"approve": {"decision": {"approve"}}, "cancel": {"decision": {"cancel"}}},
	"pgm-declined": {"approve": {"decision": {"approve"}}, "cancel": {"decision": {"cancel"}}},
	"powens-choose": {
		"": {"decision": {"bank"}, "bank": {"0f2b1c7e-5a0d-5a53-8e2f-6a1c0b7d4e01"}}, "leave": {"decision": {"leave"}},
		"accept": {"decision": {"bank"}, "bank": {"0f2b1c7e-5a0d-5a53-8e2f-6a1c0b7d4e03"}},
	},
	"powens-bank": {"approve": {"decision": {"approve"}}, "accept": {"decision": {"approve"}}, "cancel": {"decision": {"refuse"}}},
}

// decides comes to a decision on the provider's pages, and returns where the
// browser is sent: "" when it stays there.
func (s *shopper) decides(provider, decision string) (to string) {
	s.t.Helper()
	at := provider
	for range 10 {
		p, err := s.try("GET", at, nil)
		if err != nil || p.status >= 500 {
			continue // it is broken, and people reload
		}
		if back := p.link("Return to"); back != "" { // decided already; the answer was lost
			return back
		}
		if p.to != "" {
			at = p.to
			continue
		}
		action, form, last := p.answer(decision)
		if form == nil {
			s.t.Fatalf("nobody can %s on %s", decision, p)
		}
		sent, err := s.try("POST", action, form)
		switch {
		case err != nil || sent.status >= 500:
		case sent.to == "", strings.HasPrefix(sent.to, s.shop):
			return sent.to
		case last && sent.name() == "" && decision == "decline":
			return ""
		default:
			at = sent.to
		}
	}
	s.t.Fatal("the provider takes no decision")
	return ""
}

// answer fills in the form of a provider's page.
func (p page) answer(decision string) (action string, form url.Values, last bool) {
	fields, last := answers[p.name()][decision]
	if !last {
		fields = answers[p.name()][""]
	}
	for _, f := range tagged(p.doc, "form") {
		action = p.absolute(value(f, "action"))
		if form, _ = p.form(action); fields != nil {
			for name, values := range fields {
				form[name] = values
			}
			return action, form, last
		}
	}
	return "", nil, false
}

// goesToPay places an order and goes on until the provider's page is reached,
// pressing what the order page offers. It returns the order page's address and
// the provider's page; that one is "" when the order page offers nothing more.
func (s *shopper) goesToPay(email string) (order, provider string) {
	s.t.Helper()
	s.shops()
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
		case canPay && at.orderStatus() != "failed": // the provider was not reached, or what it made leads nowhere: try again
			s.chooses(at, pay)
			if again := s.post(order+"/payments", pay); !strings.HasPrefix(again.to, s.shop) {
				provider = again.to
			}
		case s.help != nil:
			s.help(at)
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
