package vertex

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const maxText = 255 // characters, as documented

// newOrder is a create-order request that holds: what is required is there, all
// is of its type and within its bounds, and nothing else is there.
type newOrder struct {
	ShopID   int64
	Number   string
	Cost     amount
	Email    string // empty: the gateway mails nobody
	Customer bool
	Settings settings
}

type settings struct {
	Method      method // empty: the buyer chooses
	AutoCapture bool
	TimeLimit   time.Time // zero: none
	Success     string    // where the buyer goes back to; empty: nowhere
	Failure     string
	WebhookURL  string // empty: the shop's standard address
}

// number is how an order number looks: Latin letters, digits and hyphens, none
// of these at its ends.
var number = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?$`)

// parser gathers complaints while it reads.
type parser struct {
	now        time.Time
	currencies []string
	methods    []method
	problems   []string
}

func (p *parser) complain(field, says string) {
	p.problems = append(p.problems, "Parameter "+field+" "+says)
}

// parseOrder reads a create-order request strictly. With any complaint the
// order must not be used.
//
// OUR CHOICE where the documents are silent: a field that they do not name and
// one that comes twice are refused, null is the same as nothing where a field is
// optional, and a method must be one of the shop's, as a whole.
func (p *parser) parseOrder(body []byte) newOrder {
	fields := p.object("body", body, "shopId", "order", "customer", "paymentSettings", "paymentPageDesign")
	order := p.object("order", p.required("order", fields["order"]), "orderNumber", "cost")
	in := newOrder{
		ShopID: p.whole("shopId", fields["shopId"]),
		Number: p.number("order.orderNumber", order["orderNumber"]),
		Cost:   p.cost("order.cost", order["cost"]),
	}
	in.Email, in.Customer = p.customer(fields["customer"])
	in.Settings = p.settings(fields["paymentSettings"], in.Cost.currency)
	design := p.object("paymentPageDesign", optional(fields["paymentPageDesign"]), "alias", "format")
	for _, name := range []string{"alias", "format"} { // the sandbox has one design
		p.text("paymentPageDesign."+name, design[name])
	}
	return in
}

func (p *parser) customer(raw json.RawMessage) (email string, given bool) {
	fields := p.object("customer", optional(raw), "customerId", "firstName", "lastName", "middleName", "phone", "email")
	if fields == nil {
		return "", false
	}
	for _, name := range []string{"firstName", "lastName"} {
		if p.text("customer."+name, fields[name]) == "" {
			p.complain("customer."+name, "is required")
		}
	}
	for _, name := range []string{"customerId", "middleName"} {
		p.text("customer."+name, fields[name])
	}
	phone, email := p.text("customer.phone", fields["phone"]), p.text("customer.email", fields["email"])
	if phone != "" && !isDigits(strings.TrimPrefix(phone, "+")) {
		p.complain("customer.phone", "must be international")
	}
	if email != "" && !strings.Contains(email, "@") {
		p.complain("customer.email", "must be an address")
	}
	return email, true
}

func (p *parser) settings(raw json.RawMessage, currency string) settings {
	const path = "paymentSettings."
	fields := p.object("paymentSettings", optional(raw), "instrumentType", "providerCode", "acquirerCode", "entryMode",
		"dataEntryMode", "autoCapture", "timeLimit", "redirectUrls", "webhookUrl")
	urls := p.object(path+"redirectUrls", optional(fields["redirectUrls"]), "success", "failure")
	s := settings{
		AutoCapture: p.flag(path+"autoCapture", fields["autoCapture"], true),
		TimeLimit:   p.later(path+"timeLimit", fields["timeLimit"]),
		Success:     p.url(path+"redirectUrls.success", urls["success"]),
		Failure:     p.url(path+"redirectUrls.failure", urls["failure"]),
		WebhookURL:  p.url(path+"webhookUrl", fields["webhookUrl"]),
	}
	wanted := asked{
		kind: p.text(path+"instrumentType", fields["instrumentType"]), provider: p.text(path+"providerCode", fields["providerCode"]),
		acquirer: p.text(path+"acquirerCode", fields["acquirerCode"]), entry: p.text(path+"entryMode", fields["entryMode"]),
		mode: p.text(path+"dataEntryMode", fields["dataEntryMode"]),
	}
	if wanted == (asked{}) {
		return s
	}
	s.Method = p.method(wanted, currency)
	if !s.AutoCapture && s.Method.Type != "" && s.Method.Type != "card" {
		p.complain(path+"autoCapture", "can be false for cards only")
	}
	return s
}

// asked is a method as an order names it.
type asked struct{ kind, provider, acquirer, entry, mode string }

// method finds the one of the shop's methods that is meant.
func (p *parser) method(a asked, currency string) method {
	at := slices.IndexFunc(p.methods, func(m method) bool {
		return m.Type == a.kind && m.Provider == a.provider && m.Acquirer == a.acquirer &&
			(a.entry == "" || m.entry() == a.entry) && (a.mode == "" || slices.Contains(m.Modes, a.mode))
	})
	switch {
	case at < 0:
		p.complain("paymentSettings.instrumentType", "with its codes and modes is none of the shop's methods")
	case currency != "" && !slices.Contains(p.methods[at].Currencies, currency):
		p.complain("order.cost.currency", "is not one of the method's")
	default:
		return p.methods[at]
	}
	return method{}
}

// cost reads an amount with its currency.
func (p *parser) cost(path string, raw json.RawMessage) amount {
	fields := p.object(path, p.required(path, raw), "amount", "currency")
	if fields == nil {
		return amount{}
	}
	currency := p.text(path+".currency", p.required(path+".currency", fields["currency"]))
	if currency != "" && !slices.Contains(p.currencies, currency) {
		p.complain(path+".currency", fmt.Sprintf("must be one of %q", p.currencies))
		return amount{}
	}
	text := p.text(path+".amount", p.required(path+".amount", fields["amount"]))
	if text == "" {
		return amount{}
	}
	a, err := parseAmount(text, currency)
	if err != nil {
		p.complain(path+".amount", err.Error())
	}
	return a
}

func (p *parser) number(path string, raw json.RawMessage) string {
	s := p.text(path, p.required(path, raw))
	if s != "" && !number.MatchString(s) {
		p.complain(path, "must have Latin letters, digits and hyphens only, no hyphen at its ends")
	}
	return s
}

// object reads an object that has no fields but the named ones; nil when there
// is none.
func (p *parser) object(path string, raw json.RawMessage, names ...string) map[string]json.RawMessage {
	if raw == nil {
		return nil
	}
	fields, err := readObject(raw)
	if err != nil {
		p.complain(path, err.Error())
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(names, name) {
			p.complain(path+"."+name, "is not known")
		}
	}
	return fields
}

func (p *parser) required(path string, raw json.RawMessage) json.RawMessage {
	if raw = optional(raw); raw == nil {
		p.complain(path, "is required")
	}
	return raw
}

func optional(raw json.RawMessage) json.RawMessage {
	if string(raw) == "null" {
		return nil
	}
	return raw
}

func (p *parser) text(path string, raw json.RawMessage) string {
	if raw = optional(raw); raw == nil {
		return ""
	}
	var s string
	switch err := json.Unmarshal(raw, &s); {
	case err != nil:
		p.complain(path, "must be a text")
		return ""
	case s == "":
		p.complain(path, "must not be empty")
	case utf8.RuneCountInString(s) > maxText && !strings.HasSuffix(path, "Url") && !strings.Contains(path, "redirectUrls"):
		p.complain(path, fmt.Sprintf("must have at most %d characters", maxText))
	}
	return s
}

func (p *parser) whole(path string, raw json.RawMessage) int64 {
	if raw = p.required(path, raw); raw == nil {
		return 0
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil {
		p.complain(path, "must be a whole number")
	}
	return n
}

func (p *parser) flag(path string, raw json.RawMessage, absent bool) bool {
	switch string(optional(raw)) {
	case "":
		return absent
	case "true":
		return true
	case "false":
	default:
		p.complain(path, "must be true or false")
	}
	return false
}

// later reads a time that is still to come.
func (p *parser) later(path string, raw json.RawMessage) time.Time {
	s := p.text(path, raw)
	if s == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, s)
	switch _, offset := at.Zone(); {
	case err != nil, offset != 0:
		p.complain(path, "must be a time in RFC 3339, in UTC")
	case !at.After(p.now):
		p.complain(path, "must be in the future")
	}
	return at.UTC()
}

func (p *parser) url(path string, raw json.RawMessage) string {
	s := p.text(path, raw)
	if s == "" {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" {
		p.complain(path, "must be an absolute URL")
		return ""
	}
	return s
}

// about is the body of cancel, reject, capture and refund. OUR CHOICE, as no
// copy shows it: the first two fields, and for refund the other two.
type about struct {
	ShopID    int64
	Number    string
	PaymentID string
	Cost      amount
}

func (p *parser) parseAbout(body []byte, refund bool) about {
	names := []string{"shopId", "orderNumber"}
	if refund {
		names = append(names, "paymentId", "cost")
	}
	fields := p.object("body", body, names...)
	in := about{ShopID: p.whole("shopId", fields["shopId"]), Number: p.number("orderNumber", fields["orderNumber"])}
	if refund {
		in.PaymentID, in.Cost = p.text("paymentId", fields["paymentId"]), p.cost("cost", fields["cost"])
	}
	return in
}

var errNotObject = errors.New("must be a JSON object in UTF-8")

// readObject reads one JSON object and nothing after it. The standard decoder
// is more lenient than a strict server: it takes the last of two fields of one
// name, matches names in any case and mends broken UTF-8.
func readObject(raw []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(raw) {
		return nil, errNotObject
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errNotObject
	}
	fields := make(map[string]json.RawMessage)
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, errNotObject
		}
		if _, twice := fields[name]; twice {
			return nil, fmt.Errorf("has the field %q twice", name)
		}
		var one json.RawMessage
		if err := d.Decode(&one); err != nil {
			return nil, errNotObject
		}
		fields[name] = one
	}
	if _, err := d.Token(); err != nil {
		return nil, errNotObject
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errNotObject
	}
	return fields, nil
}
