package iumicash

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"unicode/utf8"
)

const (
	maxItems = 1000      // the wire sets no limit
	maxCount = 1_000_000 // the wire sets no limit
)

var (
	errNotObject = errors.New("must be a JSON object")
	errNotUTF8   = errors.New("must be UTF-8")
)

// newOrder is a create-order request that holds: every field is there, of its
// type and within its bounds, and there is no other.
type newOrder struct {
	ExternalID string     `json:"external_id"`
	Items      []item     `json:"items"`
	Context    appContext `json:"application_context"`
}

type item struct {
	Name        string `json:"name"`
	Description string `json:"description"`
	Unit        cents  `json:"unit"` // the price of one
	Currency    string `json:"currency"`
	Count       int64  `json:"count"`
}

// appContext is where iumiCash calls and where it sends the buyer.
type appContext struct {
	CallbackURL string `json:"callback_url"`
	SuccessURL  string `json:"success_url"`
	ErrorURL    string `json:"error_url"`
}

// fieldError is one complaint about one field, named by its path.
type fieldError struct {
	Field   string `json:"field"`
	Message string `json:"message"`
}

// parseOrder reads a create-order request strictly. With any complaint the
// order must not be used.
//
// OUR CHOICE where the wire is silent: a field that is not documented, one that
// comes twice and one that is missing are all refused; name must not be empty,
// description may be; all items have one currency.
func parseOrder(body []byte, currencies []string) (newOrder, []fieldError) {
	p := &parser{currencies: currencies}
	fields := p.object("", body, "external_id", "items", "application_context")
	order := newOrder{
		ExternalID: p.text("external_id", fields["external_id"], true),
		Items:      p.items(fields["items"]),
		Context:    p.context(fields["application_context"]),
	}
	p.oneCurrency(order.Items)
	if _, ok := total(order.Items); !ok {
		p.complain("items", "the total is too large")
	}
	return order, p.problems
}

// parser gathers complaints while it reads. A field that is absent has been
// complained about by object and is nil for the others, which then keep quiet.
type parser struct {
	currencies []string
	problems   []fieldError
}

func (p *parser) complain(field, message string) {
	if field == "" {
		field = "body"
	}
	p.problems = append(p.problems, fieldError{Field: field, Message: message})
}

// object reads an object that has exactly the named fields.
func (p *parser) object(path string, raw json.RawMessage, names ...string) map[string]json.RawMessage {
	if raw == nil {
		return nil
	}
	fields, err := readObject(raw)
	if err != nil {
		p.complain(path, err.Error())
		return nil
	}
	for _, name := range names {
		if _, ok := fields[name]; !ok {
			p.complain(join(path, name), "is required")
		}
	}
	p.unknown(path, fields, names)
	return fields
}

// unknown complains about every field that is not one of the named.
func (p *parser) unknown(path string, fields map[string]json.RawMessage, names []string) {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(names, name) {
			p.complain(join(path, name), "is not a known field")
		}
	}
}

func (p *parser) items(raw json.RawMessage) []item {
	if raw == nil {
		return nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil || list == nil {
		p.complain("items", "must be a list")
		return nil
	}
	if len(list) == 0 || len(list) > maxItems {
		p.complain("items", fmt.Sprintf("must have from 1 to %d items", maxItems))
		return nil
	}
	items := make([]item, 0, len(list))
	for i, one := range list {
		items = append(items, p.item("items["+strconv.Itoa(i)+"]", one))
	}
	return items
}

func (p *parser) item(path string, raw json.RawMessage) item {
	fields := p.object(path, raw, "name", "description", "amount", "count")
	amount := p.object(join(path, "amount"), fields["amount"], "value", "currency_code")
	return item{
		Name:        p.text(join(path, "name"), fields["name"], true),
		Description: p.text(join(path, "description"), fields["description"], false),
		Unit:        p.cents(join(path, "amount.value"), amount["value"]),
		Currency:    p.currency(join(path, "amount.currency_code"), amount["currency_code"]),
		Count:       p.count(join(path, "count"), fields["count"]),
	}
}

func (p *parser) context(raw json.RawMessage) appContext {
	const path = "application_context"
	fields := p.object(path, raw, "callback_url", "success_url", "error_url")
	return appContext{
		CallbackURL: p.url(join(path, "callback_url"), fields["callback_url"]),
		SuccessURL:  p.url(join(path, "success_url"), fields["success_url"]),
		ErrorURL:    p.url(join(path, "error_url"), fields["error_url"]),
	}
}

func (p *parser) text(path string, raw json.RawMessage, filled bool) string {
	if raw == nil {
		return ""
	}
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		p.complain(path, "must be a string")
		return ""
	}
	if filled && *s == "" {
		p.complain(path, "must not be empty")
	}
	return *s
}

func (p *parser) cents(path string, raw json.RawMessage) cents {
	if raw == nil {
		return 0
	}
	c, err := parseCents(string(raw))
	if err != nil {
		p.complain(path, err.Error())
	}
	return c
}

func (p *parser) currency(path string, raw json.RawMessage) string {
	code := p.text(path, raw, true)
	if code != "" && !slices.Contains(p.currencies, code) {
		p.complain(path, fmt.Sprintf("must be one of %q", p.currencies))
	}
	return code
}

func (p *parser) count(path string, raw json.RawMessage) int64 {
	if raw == nil {
		return 0
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || n < 1 || n > maxCount {
		p.complain(path, fmt.Sprintf("must be a whole number from 1 to %d", maxCount))
		return 0
	}
	return n
}

func (p *parser) url(path string, raw json.RawMessage) string {
	s := p.text(path, raw, true)
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

func (p *parser) oneCurrency(items []item) {
	for i, it := range items {
		if it.Currency != items[0].Currency {
			p.complain(fmt.Sprintf("items[%d].amount.currency_code", i), "must be the same for all items")
			return
		}
	}
}

// total is the sum over the items; false when it does not fit.
func total(items []item) (cents, bool) {
	var sum cents
	for _, it := range items {
		line, ok := it.Unit.times(it.Count)
		if !ok || sum+line < sum {
			return 0, false
		}
		sum += line
	}
	return sum, true
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// readObject reads one JSON object and nothing after it. The standard decoder
// is more lenient than a strict server: it takes the last of two fields of one
// name, matches names in any case and mends broken UTF-8.
func readObject(raw []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(raw) {
		return nil, errNotUTF8
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
