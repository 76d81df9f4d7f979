package powens

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
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of texts, in characters. Those of label and account label are OUR
// CHOICE: banks have them, the wire does not say.
const (
	maxState     = 2000
	maxLabel     = 140
	maxReference = 31
	maxName      = 255
	maxStatus    = 128
	maxAddress   = 512
)

const dateLayout = "2006-01-02"

var (
	errNotObject = errors.New("must be a JSON object")
	errNotUTF8   = errors.New("must be UTF-8")
)

// newPayment is a create request that holds: every field is there, of its type
// and within its bounds, and there is no other.
type newPayment struct {
	RedirectURI   string
	State         string
	Connector     string
	Instruction   instruction
	Payer         *account
	PayerIdentity identity
}

// instruction is the one instruction of a payment. Several at once are a
// commercial option that the sandbox has not; periodic ones are one that it has.
type instruction struct {
	Label       string
	Amount      cents
	Currency    string
	Type        string
	Date        string // of a deferred one
	Frequency   string // of a periodic one, as the next two
	Start, End  string
	Reference   string
	Beneficiary account
	Identity    identity
}

type account struct {
	Scheme         string `json:"scheme_name"`
	Identification string `json:"identification"`
	Label          string `json:"label"`
	Issuer         string `json:"issuer,omitempty"`
}

// identity is a person or an organisation: the fields as they came.
type identity map[string]string

// shown is an identity as an answer shows it. Which fields are sensitive is not
// documented. OUR CHOICE: what tells a person's name and birth.
func (id identity) shown(sensitive bool) map[string]string {
	out := maps.Clone(id)
	if !sensitive {
		for _, name := range []string{"first_name", "last_name", "birth_date", "birth_city", "birth_country"} {
			delete(out, name)
		}
	}
	return out
}

// problem is one complaint about one field, named by its path.
type problem struct {
	field, says string
	missing     bool
}

// parser gathers complaints while it reads. A field that is absent has been
// complained about and is nil for the others, which then keep quiet.
type parser struct {
	currencies []string
	today      string
	problems   []problem
}

func (p *parser) complain(field, says string) {
	p.problems = append(p.problems, problem{field: orElse(field, "body"), says: says})
}

// parsePayment reads a create request strictly. With any complaint it must not
// be used.
//
// OUR CHOICE where the wire is silent or speaks twice: a field that is not
// documented and one that comes twice are refused; both identities are
// required; an amount is a number or a text; id_connector, which is deprecated,
// is refused.
func parsePayment(body []byte, currencies []string, now time.Time) (newPayment, []problem) {
	p := &parser{currencies: currencies, today: now.UTC().Format(dateLayout)}
	fields := p.object("", body,
		[]string{"client_redirect_uri", "instructions", "payer_identity"},
		[]string{"client_state", "connector_uuid", "payer", "operator_identity"})
	in := newPayment{
		RedirectURI:   p.redirect("client_redirect_uri", fields["client_redirect_uri"]),
		State:         p.text("client_state", fields["client_state"], 0, maxState),
		Connector:     p.connector(fields["connector_uuid"]),
		Instruction:   p.instructions(fields["instructions"]),
		PayerIdentity: p.identity("payer_identity", fields["payer_identity"]),
	}
	p.identity("operator_identity", fields["operator_identity"])
	if raw, ok := fields["payer"]; ok {
		payer := p.account("payer", raw)
		in.Payer = &payer
	}
	return in, p.problems
}

// object reads an object that has all of the required fields and besides only
// optional ones.
func (p *parser) object(path string, raw json.RawMessage, required, optional []string) map[string]json.RawMessage {
	if raw == nil {
		return nil
	}
	fields, err := readObject(raw)
	if err != nil {
		p.complain(path, err.Error())
		return nil
	}
	for _, name := range required {
		if _, ok := fields[name]; !ok {
			p.problems = append(p.problems, problem{field: join(path, name), says: "is required", missing: true})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !slices.Contains(required, name) && !slices.Contains(optional, name) {
			p.complain(join(path, name), "is not a known field")
		}
	}
	return fields
}

func (p *parser) instructions(raw json.RawMessage) instruction {
	if raw == nil {
		return instruction{}
	}
	var list []json.RawMessage
	if err := json.Unmarshal(raw, &list); err != nil || len(list) == 0 {
		p.complain("instructions", "must be a list that is not empty")
		return instruction{}
	}
	if len(list) > 1 {
		p.complain("instructions", "must be one: bulk payments are not enabled for this client")
		return instruction{}
	}
	return p.instruction("instructions[0]", list[0])
}

func (p *parser) instruction(path string, raw json.RawMessage) instruction {
	fields := p.object(path, raw,
		[]string{"amount", "currency", "label", "execution_date_type", "beneficiary", "beneficiary_identity"},
		[]string{"execution_date", "reference_id", "frequency", "start_date", "end_date"})
	in := instruction{
		Label:       p.text(join(path, "label"), fields["label"], 1, maxLabel),
		Amount:      p.cents(join(path, "amount"), fields["amount"]),
		Currency:    p.word(join(path, "currency"), fields["currency"], p.currencies),
		Type:        p.word(join(path, "execution_date_type"), fields["execution_date_type"], []string{firstOpenDay, instant, deferred, periodic}),
		Reference:   p.text(join(path, "reference_id"), fields["reference_id"], 1, maxReference),
		Beneficiary: p.account(join(path, "beneficiary"), fields["beneficiary"]),
		Identity:    p.identity(join(path, "beneficiary_identity"), fields["beneficiary_identity"]),
	}
	p.schedule(path, &in, fields)
	date, given := fields["execution_date"]
	switch {
	case in.Type == deferred && !given:
		p.problems = append(p.problems, problem{field: join(path, "execution_date"), says: "is required", missing: true})
	case in.Type != deferred && given:
		p.complain(join(path, "execution_date"), "is for deferred payments alone")
	case given:
		in.Date = p.date(join(path, "execution_date"), date)
	}
	return in
}

// schedule reads when a periodic payment is made. OUR CHOICE: it may begin
// today.
func (p *parser) schedule(path string, in *instruction, fields map[string]json.RawMessage) {
	for _, name := range []string{"frequency", "start_date", "end_date"} {
		_, given := fields[name]
		switch {
		case given && in.Type != periodic:
			p.complain(join(path, name), "is for periodic payments alone")
			return
		case !given && in.Type == periodic && name != "end_date":
			p.problems = append(p.problems, problem{field: join(path, name), says: "is required", missing: true})
		}
	}
	in.Frequency = p.word(join(path, "frequency"), fields["frequency"], frequencies())
	if raw := fields["start_date"]; raw != nil {
		in.Start = p.date(join(path, "start_date"), raw)
	}
	if raw := fields["end_date"]; raw != nil {
		in.End = p.date(join(path, "end_date"), raw)
		if in.End != "" && in.End < in.Start {
			p.complain(join(path, "end_date"), "is before the start")
		}
	}
}

var (
	iban     = regexp.MustCompile(`^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$`)
	sortCode = regexp.MustCompile(`^[0-9]{14}$`)
)

func (p *parser) account(path string, raw json.RawMessage) account {
	fields := p.object(path, raw, []string{"scheme_name", "identification", "label"}, []string{"issuer"})
	in := account{
		Scheme:         p.word(join(path, "scheme_name"), fields["scheme_name"], []string{"iban", "sort_code_account_number"}),
		Identification: p.text(join(path, "identification"), fields["identification"], 1, maxName),
		Label:          p.text(join(path, "label"), fields["label"], 1, maxName),
		Issuer:         p.text(join(path, "issuer"), fields["issuer"], 1, maxName),
	}
	forms := map[string]*regexp.Regexp{"iban": iban, "sort_code_account_number": sortCode}
	if form := forms[in.Scheme]; form != nil && in.Identification != "" && !form.MatchString(in.Identification) {
		p.complain(join(path, "identification"), "does not have the form of its scheme")
	}
	return in
}

// schemes are the scheme_name values of each kind of identity.
func schemes(kind string) []string {
	switch kind {
	case "corporate":
		return []string{"siren", "euid", "incorporation_number"}
	case "non_profit":
		return []string{"siren", "euid", "incorporation_number", "rna"}
	case "government":
		return []string{"incorporation_number"}
	default:
		return []string{"national_id_number", "passport_number", "alien_reg_number"}
	}
}

func (p *parser) identity(path string, raw json.RawMessage) identity {
	if raw == nil {
		return nil
	}
	fields := p.object(path, raw, nil, []string{
		"kind", "first_name", "last_name", "birth_date", "birth_city", "birth_country", "scheme_name", "identification", "org_name",
		"org_legal_status", "org_hq_address", "org_business_address", "id_user", "external_ref", "nationality", "postal_address", "email",
		"issuer", "ultimate_owner_text", "ultimate_owner_extra_text", "pep",
	})
	if fields == nil {
		return nil
	}
	id := identity{"kind": "individual"}
	limits := map[string]int{"org_legal_status": maxStatus, "org_hq_address": maxAddress, "org_business_address": maxAddress, "postal_address": maxAddress}
	for name, value := range fields {
		if name != "pep" && name != "id_user" {
			id[name] = p.text(join(path, name), value, 1, orElse(limits[name], maxName))
		}
	}
	if !slices.Contains([]string{"individual", "corporate", "non_profit", "government"}, id["kind"]) {
		p.complain(join(path, "kind"), "is not a known kind")
		return id
	}
	mandatory := []string{"scheme_name", "identification"}
	if id["kind"] == "individual" {
		mandatory = []string{"first_name", "last_name"}
	}
	for _, name := range mandatory {
		if _, ok := fields[name]; !ok {
			p.problems = append(p.problems, problem{field: join(path, name), says: "is required", missing: true})
		}
	}
	if scheme := id["scheme_name"]; scheme != "" && !slices.Contains(schemes(id["kind"]), scheme) {
		p.complain(join(path, "scheme_name"), "is not one of this kind")
	}
	return id
}

func (p *parser) text(path string, raw json.RawMessage, least, most int) string {
	if raw == nil {
		return ""
	}
	var s *string
	if err := json.Unmarshal(raw, &s); err != nil || s == nil {
		p.complain(path, "must be a string")
		return ""
	}
	if n := utf8.RuneCountInString(*s); n < least || n > most {
		p.complain(path, fmt.Sprintf("must have from %d to %d characters", least, most))
	}
	return *s
}

func (p *parser) word(path string, raw json.RawMessage, words []string) string {
	s := p.text(path, raw, 1, maxName)
	if s != "" && !slices.Contains(words, s) {
		p.complain(path, fmt.Sprintf("must be one of %q", words))
		return ""
	}
	return s
}

func (p *parser) cents(path string, raw json.RawMessage) cents {
	if raw == nil {
		return 0
	}
	text := string(raw)
	var quoted string
	if json.Unmarshal(raw, &quoted) == nil && text != "null" {
		text = quoted
	}
	c, err := parseCents(text)
	if err != nil {
		p.complain(path, err.Error())
	}
	return c
}

func (p *parser) date(path string, raw json.RawMessage) string {
	s := p.text(path, raw, 1, len(dateLayout))
	if _, err := time.Parse(dateLayout, s); err != nil {
		p.complain(path, "must be a date like 2024-05-01")
		return ""
	}
	if s < p.today {
		p.complain(path, "must not be past")
	}
	return s
}

func (p *parser) connector(raw json.RawMessage) string {
	uuid := p.text("connector_uuid", raw, 1, maxName)
	if _, known := bankOf(uuid); uuid != "" && !known {
		p.complain("connector_uuid", "is not a known connector")
	}
	return uuid
}

func (p *parser) redirect(path string, raw json.RawMessage) string {
	s := p.text(path, raw, 1, maxState)
	if s == "" {
		return ""
	}
	u, err := url.Parse(s)
	switch {
	case err != nil, u.Scheme != "https" && u.Scheme != "http", u.Host == "":
		p.complain(path, "must be an absolute URL")
	case u.RawQuery != "", u.ForceQuery:
		p.complain(path, "must not have query parameters")
	}
	return s
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

// scopesOf reads a scope, which is a text, with spaces between several, or a
// list of texts.
func scopesOf(raw json.RawMessage) ([]string, bool) {
	var one *string
	if json.Unmarshal(raw, &one) == nil && one != nil {
		list := strings.Fields(*one)
		return list, len(list) > 0
	}
	var list []string
	err := json.Unmarshal(raw, &list)
	return list, err == nil && len(list) > 0
}
