package pgm

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"unicode/utf8"
)

const maxShopID = 255 // characters; the wire sets no limit

var (
	errNotObject = errors.New("must be a JSON object")
	errNotUTF8   = errors.New("must be UTF-8")
)

// newPayment is the body of a pay that holds.
type newPayment struct {
	Amount   int64             `json:"amount"`
	Currency string            `json:"currency"`
	ShopID   string            `json:"shopTransactionId"`
	Success  string            `json:"successRedirectUrl"`
	Failure  string            `json:"failureRedirectUrl"`
	Data     map[string]string `json:"providerData"`
}

// newRefund is the body of a refund that holds.
type newRefund struct {
	Amount    int64
	PaymentID string
}

// parsePayment reads the body of a pay strictly: amount, currency and
// shopTransactionId are required, fields that no page names are refused. With
// any complaint it must not be used.
func parsePayment(body []byte, s service) (newPayment, []string) {
	p := &parser{}
	fields := p.object("", body, []string{"amount", "currency", "shopTransactionId"}, []string{"successRedirectUrl", "failureRedirectUrl", "providerData"})
	out := newPayment{
		Amount: p.amount(fields["amount"]), Currency: p.currency(fields["currency"]), ShopID: p.text("shopTransactionId", fields["shopTransactionId"]),
		Success: p.url("successRedirectUrl", fields["successRedirectUrl"]), Failure: p.url("failureRedirectUrl", fields["failureRedirectUrl"]),
	}
	if len(out.ShopID) > maxShopID {
		p.complain("shopTransactionId", "is too long")
	}
	out.Data = p.data(fields["providerData"], s)
	return out, p.problems
}

// parseRefund reads the body of a refund in the same way. No service here takes
// providerData for it.
func parseRefund(body []byte) (newRefund, []string) {
	p := &parser{}
	fields := p.object("", body, []string{"amount", "currency", "paymentId"}, []string{"providerData"})
	out := newRefund{Amount: p.amount(fields["amount"]), PaymentID: p.text("paymentId", fields["paymentId"])}
	p.currency(fields["currency"])
	p.data(fields["providerData"], service{data: []string{}})
	return out, p.problems
}

// parser gathers complaints while it reads. A field that is absent is nil, and
// has been complained about where it is required.
type parser struct{ problems []string }

func (p *parser) complain(field, message string) {
	if field == "" {
		field = "the body"
	}
	p.problems = append(p.problems, field+" "+message)
}

func (p *parser) object(path string, raw json.RawMessage, required, optional []string) map[string]json.RawMessage {
	fields, err := readObject(raw)
	if err != nil {
		p.complain(path, err.Error())
		return nil
	}
	for _, name := range required {
		if _, ok := fields[name]; !ok {
			p.complain(name, "is required")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(required, name) && !slices.Contains(optional, name) {
			p.complain(strconv.Quote(name), "is not a known field")
		}
	}
	return fields
}

// amount is a whole number of minor units. Anything else, 12.0 and 1e3 among
// it, is refused, because half of a cent is what a wrong unit looks like.
func (p *parser) amount(raw json.RawMessage) int64 {
	if raw == nil {
		return 0
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	if err != nil || n <= 0 {
		p.complain("amount", "must be a whole number above 0")
		return 0
	}
	return n
}

func (p *parser) currency(raw json.RawMessage) string {
	code := p.text("currency", raw)
	if code != "" && code != "EUR" {
		p.complain("currency", "must be EUR")
	}
	return code
}

func (p *parser) text(path string, raw json.RawMessage) string {
	if raw == nil {
		return ""
	}
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		p.complain(path, "must be a string")
		return ""
	}
	if *s == "" {
		p.complain(path, "must not be empty")
	}
	return *s
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

// data reads providerData. What an external integration is sent is its own
// affair, and not kept.
func (p *parser) data(raw json.RawMessage, s service) map[string]string {
	if raw == nil {
		return nil
	}
	if s.external {
		if _, err := readObject(raw); err != nil {
			p.complain("providerData", err.Error())
		}
		return nil
	}
	out := make(map[string]string)
	fields := p.object("providerData", raw, nil, s.data)
	for name, value := range fields {
		out[name] = p.text("providerData."+name, value)
	}
	return out
}

// readObject reads one JSON object and nothing after it. The standard decoder is
// more lenient than a strict server: it takes the last of two fields of one
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
			return nil, errors.New("has the field " + strconv.Quote(name) + " twice")
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
