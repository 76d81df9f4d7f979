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
	"strings"
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
	out := p.payment(fields)
	out.Success, out.Failure = p.url("successRedirectUrl", fields["successRedirectUrl"]), p.url("failureRedirectUrl", fields["failureRedirectUrl"])
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

// newSubscription is the body of a schedule, a start or an update that holds.
type newSubscription struct {
	newPayment
	Info  period
	Limit int64 // authenticationAmount; 0 where there is none
}

// newCharge is the body of a subscription's pay that holds.
type newCharge struct {
	newPayment
	Token string
}

// parseSubscription reads the body of a schedule or a start as strictly.
func parseSubscription(body []byte, s service) (newSubscription, []string) {
	p := &parser{}
	out := p.subscription(body, s)
	if s.limited && out.Limit == 0 {
		p.complain("providerData.authenticationAmount", "is required")
	}
	return out, p.problems
}

// parseUpdate reads that of an update, which has the same fields.
func parseUpdate(body []byte, s service) (newSubscription, []string) {
	p := &parser{}
	return p.subscription(body, s), p.problems
}

// parseCharge reads that of a subscription's pay.
func parseCharge(body []byte, s service) (newCharge, []string) {
	p := &parser{}
	fields := p.object("", body, []string{"amount", "currency", "shopTransactionId", "subscriptionInfo"}, []string{"providerData"})
	out := newCharge{newPayment: p.payment(fields)}
	if raw := fields["subscriptionInfo"]; raw != nil {
		out.Token = p.text("subscriptionInfo.token", p.object("subscriptionInfo", raw, []string{"token"}, nil)["token"])
	}
	s.data = []string{}
	p.data(fields["providerData"], s)
	return out, p.problems
}

// parser gathers complaints while it reads. A field that is absent is nil, and
// has been complained about where it is required.
type parser struct{ problems []string }

// payment reads what every payment has.
func (p *parser) payment(fields map[string]json.RawMessage) newPayment {
	out := newPayment{
		Amount: p.amount(fields["amount"]), Currency: p.currency(fields["currency"]), ShopID: p.text("shopTransactionId", fields["shopTransactionId"]),
	}
	if len(out.ShopID) > maxShopID {
		p.complain("shopTransactionId", "is too long")
	}
	return out
}

// subscription reads the body of a schedule, a start or an update.
func (p *parser) subscription(body []byte, s service) newSubscription {
	fields := p.object("", body, []string{"amount", "currency", "shopTransactionId", "subscriptionInfo"}, []string{"providerData"})
	out := newSubscription{newPayment: p.payment(fields)}
	if raw := fields["subscriptionInfo"]; raw != nil {
		info := p.object("subscriptionInfo", raw, []string{"interval", "intervalCount"}, []string{"expiresAfter"})
		out.Info = period{
			Interval: p.text("subscriptionInfo.interval", info["interval"]), Count: p.count("subscriptionInfo.intervalCount", info["intervalCount"]),
			Times: p.count("subscriptionInfo.expiresAfter", info["expiresAfter"]),
		}
		units := []string{"DAY", "WEEK", "MONTH", "YEAR"}
		if s.interval != "" {
			units = []string{s.interval}
		}
		if unit := out.Info.Interval; unit != "" && !slices.Contains(units, unit) {
			p.complain("subscriptionInfo.interval", "must be one of "+strings.Join(units, ", "))
		}
	}
	raw := fields["providerData"]
	if raw == nil || s.external {
		p.data(raw, s)
		return out
	}
	known := s.agree
	if s.limited {
		known = append(slices.Clone(known), "authenticationAmount")
	}
	out.Data = make(map[string]string)
	for name, value := range p.object("providerData", raw, nil, known) {
		if name == "authenticationAmount" {
			out.Limit = int64(p.count("providerData.authenticationAmount", value))
			continue
		}
		out.Data[name] = p.text("providerData."+name, value)
	}
	return out
}

// count is a whole number above 0; 0 when it is absent.
func (p *parser) count(path string, raw json.RawMessage) int {
	if raw == nil {
		return 0
	}
	n, err := strconv.ParseInt(string(raw), 10, 32)
	if err != nil || n <= 0 {
		p.complain(path, "must be a whole number above 0")
		return 0
	}
	return int(n)
}

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
