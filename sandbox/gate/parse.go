package gate

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
	"time"
	"unicode/utf8"
)

const (
	maxProducts = 1000      // the wire sets no limit
	maxQuantity = 1_000_000 // the wire sets no limit
	maxText     = 2000      // characters; the wire sets no limit
	maxAttempts = 1000
	allFields   = "__all__"
)

const notObject = "Invalid data. Expected a dictionary."

// fault is one complaint, as the wire has it.
type fault struct {
	Message string `json:"message"`
	Code    string `json:"code"`
}

// complaints are the body of a 400: fields to lists of faults, or to the
// complaints about what is in them. OUR CHOICE for what is nested, and for the
// lines of products: each has its own, empty when it is right.
type complaints map[string]any

func (c complaints) add(field, code, message string) {
	list, _ := c[field].([]fault)
	c[field] = append(list, fault{message, code})
}

// general is a complaint about no field.
func general(code, message string) complaints {
	return complaints{allFields: []fault{{message, code}}}
}

// newOrder is a create request that holds: what is required is there, all that
// is there is known and of its type and within its bounds.
type newOrder struct {
	Client      object
	Products    []product
	Currency    string
	Number      string
	Success     string
	InProgress  string
	Failure     string
	Cancel      string
	Language    string
	Notes       string
	Referrer    string
	Due         int64
	MaxAttempts int64
	DenyOverdue bool
	SkipCapture bool
	SetupFuture string // what the card is saved for; empty when it is not
	ForceSave   bool
	Scenario    string // what a saved card is charged for; empty when the buyer pays
}

// saved is the client whose card is saved or charged, and the saved card that is
// charged; both may be empty.
func (o newOrder) saved() (client, method string) {
	client, _ = o.Client["original_client"].(string)
	method, _ = o.Client["recurring_payment_method"].(string)
	return client, method
}

type product struct {
	Title, Description string
	Price              cents // of one
	Quantity           int64
}

// parser gathers complaints while it reads.
type parser struct{ complaints complaints }

// parseOrder reads a create request strictly. With any complaint the order must
// not be used. OUR CHOICE where the wire is silent: a field that is not
// documented is refused, as is one that comes twice; null is as good as nothing
// for what is not required; a due time must lie ahead.
func parseOrder(body []byte, currencies []string, now time.Time) (newOrder, complaints) {
	fields, ok := readObject(body)
	if !ok {
		return newOrder{}, general("invalid", notObject)
	}
	p := &parser{complaints{}}
	o := newOrder{
		Client: p.client(fields["client"]), Products: p.products(fields["products"]), Currency: p.currency(fields["currency"], currencies),
		Number: p.text("number", fields["number"]), Language: p.text("language", fields["language"]),
		Notes: p.text("notes", fields["notes"]), Referrer: p.text("referrer", fields["referrer"]),
		Success: p.url("success_redirect", fields["success_redirect"]), InProgress: p.url("in_progress_redirect", fields["in_progress_redirect"]),
		Failure: p.url("failure_redirect", fields["failure_redirect"]), Cancel: p.url("cancel_redirect", fields["cancel_redirect"]),
		Due: p.whole("due", fields["due"], now.Unix()+1, 1<<40), MaxAttempts: p.whole("max_payment_attempts", fields["max_payment_attempts"], 1, maxAttempts),
		DenyOverdue: p.flag("deny_overdue_payment", fields["deny_overdue_payment"]), SkipCapture: p.flag("skip_capture", fields["skip_capture"]),
		SetupFuture: p.scenario("setup_future_use", fields["setup_future_use"]), ForceSave: p.flag("force_save_method", fields["force_save_method"]),
		Scenario: p.scenario("use_scenario", fields["use_scenario"]),
	}
	p.saving(o)
	p.others(fields)
	if _, fits := total(o.Products); !fits {
		p.complaints.add("products", "max_value", "The total is too large.")
	}
	return o, p.complaints
}

// understood are the fields that parseOrder reads.
func understood() []string {
	return []string{
		"client", "products", "currency", "number", "language", "notes", "referrer", "success_redirect", "in_progress_redirect",
		"failure_redirect", "cancel_redirect", "due", "max_payment_attempts", "deny_overdue_payment", "skip_capture",
		"setup_future_use", "force_save_method", "use_scenario",
	}
}

// known are the other fields that the documents name. They are taken, and do
// nothing here.
func known() []string {
	return []string{
		"is_test", "is_moto", "pan_first", "verify_card", "use_verified_card", "save_card", "custom_invoice_url", "brand",
		"terminal_processing_id", "payment_system", "dynamic_descriptor", "sdwo_merchant_id", "subtotal_override",
		"total_tax_override", "total_discount_override", "total_override", "request_client_info",
		"recurring_number", "sca_exemption", "enable_avs", "service_location",
	}
}

func (p *parser) others(fields map[string]json.RawMessage) {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(understood(), name) && !slices.Contains(known(), name) {
			p.complaints.add(name, "unknown_field", "This field is not known.")
		}
	}
}

// client reads the buyer. Of its many fields only the address must be there.
func (p *parser) client(raw json.RawMessage) object {
	if missing(raw) {
		p.complaints.add("client", "required", "This field is required.")
		return nil
	}
	fields, ok := readObject(raw)
	if !ok {
		p.complaints.add("client", "invalid", notObject)
		return nil
	}
	inner := &parser{complaints{}}
	email := inner.text("email", fields["email"])
	switch {
	case inner.complaints["email"] != nil:
	case email == "":
		inner.complaints.add("email", "required", "This field is required.")
	case !strings.Contains(strings.Trim(email, "@"), "@"):
		inner.complaints.add("email", "invalid", "Enter a valid email address.")
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(ofClient(), name) {
			inner.complaints.add(name, "unknown_field", "This field is not known.")
		}
	}
	out := object{"email": email, "original_client": nil, "recurring_payment_method": nil}
	for _, name := range []string{"original_client", "recurring_payment_method"} {
		if id := inner.text(name, fields[name]); id != "" {
			out[name] = id
		}
	}
	if len(inner.complaints) > 0 {
		p.complaints["client"] = inner.complaints
	}
	return out
}

func ofClient() []string {
	return []string{
		"email", "phone", "first_name", "last_name", "birth_date", "personal_code", "brand_name", "legal_name", "registration_nr",
		"vat_payer_nr", "legal_address", "address", "country", "state", "city", "zip_code", "bank_account", "bank_code", "cc", "bcc",
		"send_to_email", "send_to_phone", "original_client", "recurring_payment_method", "recurring_card", "recurring_paused", "account_type",
	}
}

func (p *parser) products(raw json.RawMessage) []product {
	var list []json.RawMessage
	switch {
	case missing(raw):
		p.complaints.add("products", "required", "This field is required.")
		return nil
	case json.Unmarshal(raw, &list) != nil:
		p.complaints.add("products", "not_a_list", "Expected a list of items.")
		return nil
	case len(list) == 0, len(list) > maxProducts:
		p.complaints.add("products", "invalid", "This list must have from 1 to "+strconv.Itoa(maxProducts)+" items.")
		return nil
	}
	products := make([]product, 0, len(list))
	lines := make([]complaints, 0, len(list))
	wrong := false
	for _, one := range list {
		line, problems := readProduct(one)
		products, lines = append(products, line), append(lines, problems)
		wrong = wrong || len(problems) > 0
	}
	if wrong {
		p.complaints["products"] = lines
	}
	return products
}

func readProduct(raw json.RawMessage) (product, complaints) {
	fields, ok := readObject(raw)
	if !ok {
		return product{}, general("invalid", notObject)
	}
	p := &parser{complaints{}}
	line := product{
		Title: p.text("title", fields["title"]), Description: p.text("description", fields["description"]),
		Quantity: p.whole("quantity", fields["quantity"], 1, maxQuantity),
	}
	if missing(fields["quantity"]) {
		line.Quantity = 1
	}
	if line.Title == "" && p.complaints["title"] == nil {
		p.complaints.add("title", "required", "This field is required.")
	}
	line.Price = p.cents("price", fields["price"], true)
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains([]string{"title", "price", "quantity", "description", "tax", "tax_percent", "discount_percent", "discount_amount", "image_url"}, name) {
			p.complaints.add(name, "unknown_field", "This field is not known.")
		}
	}
	return line, p.complaints
}

func (p *parser) currency(raw json.RawMessage, currencies []string) string {
	code := p.text("currency", raw)
	switch {
	case p.complaints["currency"] != nil:
	case code == "":
		return currencies[0]
	case !slices.Contains(currencies, code):
		p.complaints.add("currency", "invalid_choice", "This is not a valid choice.")
	}
	return code
}

func (p *parser) text(field string, raw json.RawMessage) string {
	if missing(raw) {
		return ""
	}
	var s string
	switch err := json.Unmarshal(raw, &s); {
	case err != nil:
		p.complaints.add(field, "invalid", "Not a valid string.")
		return ""
	case utf8.RuneCountInString(s) > maxText:
		p.complaints.add(field, "max_length", "Ensure this field has no more than "+strconv.Itoa(maxText)+" characters.")
	}
	return s
}

func (p *parser) url(field string, raw json.RawMessage) string {
	s := p.text(field, raw)
	if s == "" {
		return ""
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
		p.complaints.add(field, "invalid", "Enter a valid URL.")
	}
	return s
}

func (p *parser) flag(field string, raw json.RawMessage) bool {
	var b bool
	if !missing(raw) && json.Unmarshal(raw, &b) != nil {
		p.complaints.add(field, "invalid", "Must be a valid boolean.")
	}
	return b
}

func (p *parser) whole(field string, raw json.RawMessage, least, most int64) int64 {
	if missing(raw) {
		return 0
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	switch {
	case err != nil:
		p.complaints.add(field, "invalid", "A valid integer is required.")
	case n < least:
		p.complaints.add(field, "min_value", "Ensure this value is greater than or equal to "+strconv.FormatInt(least, 10)+".")
	case n > most:
		p.complaints.add(field, "max_value", "Ensure this value is less than or equal to "+strconv.FormatInt(most, 10)+".")
	}
	return n
}

func (p *parser) cents(field string, raw json.RawMessage, required bool) cents {
	if missing(raw) {
		if required {
			p.complaints.add(field, "required", "This field is required.")
		}
		return 0
	}
	c, wrong := parseCents(string(raw))
	if wrong != (fault{}) {
		p.complaints.add(field, wrong.Code, wrong.Message)
	}
	return c
}

// total is the sum over the products; false when it does not fit.
func total(products []product) (cents, bool) {
	var sum cents
	for _, it := range products {
		line, ok := it.Price.times(it.Quantity)
		if !ok || sum+line < sum {
			return 0, false
		}
		sum += line
	}
	return sum, true
}

func missing(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// readObject reads one JSON object and nothing after it. The standard decoder
// is more lenient than a strict server: it takes the last of two fields of one
// name, matches names in any case and mends broken UTF-8.
func readObject(raw []byte) (map[string]json.RawMessage, bool) {
	if !utf8.Valid(raw) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, false
	}
	fields := make(map[string]json.RawMessage)
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, false
		}
		var one json.RawMessage
		if _, twice := fields[name]; twice || d.Decode(&one) != nil {
			return nil, false
		}
		fields[name] = one
	}
	if _, err := d.Token(); err != nil {
		return nil, false
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, false
	}
	return fields, true
}
