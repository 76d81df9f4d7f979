package powens_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"till/sandbox/powens"
	"till/sandbox/world"
)

// begin is when every test begins, a Wednesday. The clock stands still unless it
// is moved.
var begin = time.Date(2024, 5, 1, 10, 0, 0, 123456000, time.UTC)

// stand is a Powens with a shop beside it.
type stand struct {
	t      *testing.T
	world  *world.World
	powens *powens.Provider
	base   string // of Powens
	shop   *shop
	bearer string
}

func setup(t *testing.T, change ...func(*powens.Config)) *stand {
	t.Helper()
	s := &stand{t: t, shop: newShop(t)}
	s.world = world.New(world.Options{
		Now: func() time.Time { return begin }, Seed: 7, Log: slog.New(slog.DiscardHandler),
		Site: world.Site{ShopURL: s.shop.URL, ShopName: "Kauri & Clay"},
	})
	var config powens.Config
	for _, c := range change {
		c(&config)
	}
	var err error
	if s.powens, err = powens.New(s.world, config); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.StripPrefix("/powens", s.powens))
	t.Cleanup(func() { s.world.Close(); server.Close() })
	s.base = server.URL + "/powens"
	s.signIn()
	return s
}

// shop is where webhooks come in.
type shop struct {
	*httptest.Server
	mu     sync.Mutex
	calls  []call
	status int
}

type call struct {
	path   string
	header http.Header
	body   []byte // as it came
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{status: http.StatusOK}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.calls = append(s.calls, call{path: r.URL.Path, header: r.Header, body: body})
		status := s.status
		s.mu.Unlock()
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s
}

// says makes the shop answer every webhook like this from now on.
func (s *shop) says(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

func (s *shop) heard() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

// states are those that the webhooks told, in order.
func (s *shop) states() []string {
	list := []string{}
	for _, c := range s.heard() {
		list = append(list, c.payment().State)
	}
	return list
}

// plain is the body without its compression.
func (c call) plain() []byte {
	if c.header.Get("Content-Encoding") != "gzip" {
		return c.body
	}
	r, err := gzip.NewReader(bytes.NewReader(c.body))
	if err != nil {
		return nil
	}
	body, _ := io.ReadAll(r)
	return body
}

func (c call) payment() wirePayment {
	var o wirePayment
	if json.Unmarshal(c.plain(), &o) != nil {
		o.State = "?"
	}
	return o
}

// signed reports whether a webhook is signed as the documents say.
func (c call) signed(key string) bool {
	return c.header.Get("BI-Signature") == powens.Sign(key, c.path, c.header.Get("BI-Signature-Date"), c.plain())
}

// The wire as this test reads it.
type wirePayment struct {
	ID           json.Number
	State        string
	StateDetail  *string        `json:"state_detail"`
	ErrorCode    *string        `json:"error_code"`
	ClientState  *string        `json:"client_state"`
	RedirectURI  string         `json:"client_redirect_uri"`
	RegisterDate string         `json:"register_date"`
	Connector    *string        `json:"connector_uuid"`
	ValidateURI  *string        `json:"validate_uri"`
	Event        json.Number    `json:"id_webhook_data"`
	Identity     map[string]any `json:"payer_identity"`
	Instructions []struct {
		Label       string
		Amount      json.RawMessage
		Currency    json.RawMessage
		Type        string  `json:"execution_date_type"`
		ExecDate    *string `json:"exec_date"`
		Reference   string  `json:"reference_id"`
		Beneficiary map[string]any
	}
}

func (o wirePayment) code() string {
	if o.ErrorCode == nil {
		return ""
	}
	return *o.ErrorCode
}

func (o wirePayment) amount() string { return string(o.Instructions[0].Amount) }

// reply is an answer with its body read.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

func (r reply) want(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("status %d, want %d; body %.300s", r.status, status, r.body)
	}
	return r
}

// refused is an answer with the documented error body.
func (r reply) refused(status int, code string) reply {
	r.t.Helper()
	r.want(status)
	var e map[string]any
	if err := json.Unmarshal([]byte(r.body), &e); err != nil || len(e) != 4 || e["code"] != code || e["description"] == "" || e["request_id"] == nil {
		r.t.Fatalf("error %s, want %q with a description", r.body, code)
	}
	if got := r.header.Get("Content-Type"); got != "application/json" {
		r.t.Errorf("content type %q", got)
	}
	return r
}

func (r reply) has(texts ...string) reply {
	r.t.Helper()
	for _, text := range texts {
		if !strings.Contains(r.body, text) {
			r.t.Errorf("%q is not in %s", text, r.body)
		}
	}
	return r
}

func (r reply) payment() wirePayment {
	r.t.Helper()
	var o wirePayment
	r.into(&o)
	return o
}

func (r reply) into(v any) {
	r.t.Helper()
	if err := json.Unmarshal([]byte(r.body), v); err != nil {
		r.t.Fatalf("%v in %.300s", err, r.body)
	}
}

// try sends a request and returns the error of the connection, if any.
func (s *stand) try(method, address, body string, header ...string) (reply, error) {
	s.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = s.base + address
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return reply{t: s.t}, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return reply{t: s.t, status: resp.StatusCode, header: resp.Header, body: string(answer)}, err
}

func (s *stand) send(method, address, body string, header ...string) reply {
	s.t.Helper()
	r, err := s.try(method, address, body, header...)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// api calls Powens with the token in hand.
func (s *stand) api(method, path, body string) reply {
	s.t.Helper()
	return s.send(method, "/2.0/"+path, body, "Authorization", "Bearer "+s.bearer)
}

const goodGrant = `{"grant_type":"client_credentials","client_id":"sbx_client","client_secret":"sbx_powens_secret_1","scope":"payments:admin"}`

// token asks for a service token with a scope.
func (s *stand) token(scope string) string {
	s.t.Helper()
	var answer struct{ Token string }
	s.send("POST", "/2.0/auth/token", strings.Replace(goodGrant, `"payments:admin"`, scope, 1)).want(200).into(&answer)
	return answer.Token
}

func (s *stand) signIn() {
	s.t.Helper()
	s.bearer = s.token(`"payments:admin"`)
}

// object is a JSON object.
type object = map[string]any

// paymentJSON is a create request that holds, with changes.
func (s *stand) paymentJSON(state string, changes ...func(payment, instruction object)) string {
	s.t.Helper()
	instruction := object{
		"label": "KC-1001 Kauri Clay", "amount": json.Number("9.90"), "currency": "EUR", "execution_date_type": "instant",
		"beneficiary": object{"scheme_name": "iban", "identification": "FR7630006000011234567890189", "label": "Kauri & Clay"},
		"beneficiary_identity": object{
			"kind": "corporate", "org_name": "Kauri & Clay", "org_legal_status": "SAS", "org_hq_address": "1 rue Verte, Paris",
			"scheme_name": "siren", "identification": "732829320",
		},
	}
	payment := object{
		"client_redirect_uri": s.shop.URL + "/return/" + state + "/pending", "client_state": state, "instructions": []any{instruction},
		"payer_identity": object{"kind": "individual", "first_name": "Ada", "last_name": "Martin"},
	}
	for _, change := range changes {
		change(payment, instruction)
	}
	body, err := json.Marshal(payment)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(body)
}

// typed changes a request's execution.
func typed(kind, date string) func(payment, instruction object) {
	return func(_, instruction object) {
		instruction["execution_date_type"] = kind
		if date != "" {
			instruction["execution_date"] = date
		}
	}
}

// scheduled changes a request into a periodic one.
func scheduled(frequency, start, end string) func(payment, instruction object) {
	return func(_, instruction object) {
		instruction["execution_date_type"] = "periodic"
		for name, value := range map[string]string{"frequency": frequency, "start_date": start, "end_date": end} {
			if value != "" {
				instruction[name] = value
			}
		}
	}
}

// at preselects a bank.
func at(bank string) func(payment, instruction object) {
	uuids := map[string]string{
		"azur": "0f2b1c7e-5a0d-5a53-8e2f-6a1c0b7d4e01", "slow": "0f2b1c7e-5a0d-5a53-8e2f-6a1c0b7d4e02", "silent": "0f2b1c7e-5a0d-5a53-8e2f-6a1c0b7d4e03",
		"asks": "0f2b1c7e-5a0d-5a53-8e2f-6a1c0b7d4e04", "test": "338178e6-3d01-564f-9a7b-52ca442459bf",
	}
	return func(payment, _ object) { payment["connector_uuid"] = uuids[bank] }
}

// create makes a payment that is expected to be made.
func (s *stand) create(state string, changes ...func(payment, instruction object)) wirePayment {
	s.t.Helper()
	return s.api("POST", "payments", s.paymentJSON(state, changes...)).want(http.StatusOK).payment()
}

func (s *stand) read(id json.Number) wirePayment {
	s.t.Helper()
	return s.api("GET", "payments/"+id.String(), "").want(http.StatusOK).payment()
}

// scoped asks for a payment's scoped token.
func (s *stand) scoped(id json.Number) string {
	s.t.Helper()
	var answer struct{ Token string }
	s.api("POST", "payments/"+id.String()+"/scopedtoken", `{"scope":["payments:validate"]}`).want(200).into(&answer)
	return answer.Token
}

// webview is the address of a payment's pages.
func (s *stand) webview(o wirePayment) string {
	s.t.Helper()
	return "/2.0/auth/webview/payment?" + url.Values{
		"client_id": {"sbx_client"}, "redirect_uri": {s.shop.URL + "/left"}, "code": {s.scoped(o.ID)}, "payment_id": {o.ID.String()}, "state": {*o.ClientState},
	}.Encode()
}

// press posts a form of a page, as a browser does.
func (s *stand) press(address string, form string) reply {
	s.t.Helper()
	return s.send("POST", address, form, "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
}

// fault sets a rule.
func (s *stand) fault(name string, change ...func(*world.Wish)) {
	s.t.Helper()
	wish := world.Wish{Provider: "powens", Fault: name}
	for _, c := range change {
		c(&wish)
	}
	if _, err := s.world.Faults.Add(wish); err != nil {
		s.t.Fatal(err)
	}
}

func aimed(endpoint string, times int) func(*world.Wish) {
	return func(w *world.Wish) { w.Endpoint, w.Times = endpoint, times }
}

func word(text string) func(*world.Wish)  { return func(w *world.Wish) { w.Word = text } }
func delay(text string) func(*world.Wish) { return func(w *world.Wish) { w.Delay = text } }
func plus(text string) func(*world.Wish)  { return func(w *world.Wish) { w.Amount = text } }

func (s *stand) drain() {
	s.t.Helper()
	if err := s.world.Clock.Drain(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stand) advance(d time.Duration) {
	s.t.Helper()
	if err := s.world.Clock.Advance(s.t.Context(), d); err != nil {
		s.t.Fatal(err)
	}
}

// decide decides, delivers what is due and says where the buyer is sent.
func (s *stand) decide(ref, decision string) string {
	s.t.Helper()
	_, to, err := s.powens.Decide(s.t.Context(), ref, world.Decision{Decision: decision})
	if err != nil {
		s.t.Fatal(err)
	}
	s.drain()
	return to
}

// paid makes a payment and has it approved.
func (s *stand) paid(state string, changes ...func(payment, instruction object)) wirePayment {
	s.t.Helper()
	o := s.create(state, changes...)
	s.decide(state, "approve")
	return o
}

func (s *stand) truth(ref string) world.Order {
	s.t.Helper()
	o, err := s.powens.Order(ref)
	if err != nil {
		s.t.Fatal(err)
	}
	return o
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want)
	if g != w {
		t.Errorf("%s: got %s, want %s", what, g, w)
	}
}
