package powens_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"till/providers"
	"till/providers/powens"
	"till/providers/providertest"
)

const (
	clientID     = "sbx_client"
	clientSecret = `sbx_"client"_secret_1`
	webhookKey   = "sbx_webhook_key_1"
	ourIBAN      = "FR7630006000011234567890189"
	otherIBAN    = "DE89370400440532013000"
	signedAt     = "2024-05-01T10:00:00.123456Z"
	path         = "/webhooks/powens"
)

// clock is a time that a test moves.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// object is a JSON object.
type object = map[string]any

// fake is Powens as its page describes it. It refuses what the page does not
// name.
type fake struct {
	mu       sync.Mutex
	server   *providertest.Server
	payments []*fakePayment
	links    []*fakeLink
	tokens   map[string]string // that are good, and their scope
	scoped   map[string]int    // scoped token → payment
	issued   int
	requests []string // method, path and query

	tokenBody      []byte            // of the last token request
	connectors     []json.RawMessage // of the list
	shape          func(o object)    // last change to a payment before it is sent
	onCancel       func(p *fakePayment) (status int, code string)
	onScope        func() (status int, body string) // in place of a scoped token; status 0 is not in place
	ignoresFilters bool
	onToken        func(w http.ResponseWriter) bool // in place of a service token
	onLink         func() (status int, body string) // in place of an answer about a link, once it is done; status 0 is not in place
	linkShape      func(o object)                   // last change to a link before it is sent
}

type fakePayment struct {
	ID                  int
	State, Code, State2 string // state, error_code, state_detail
	Action, Approve     string // action, validate_uri
	Connector           string
	Reference           string
	Registered          time.Time
	Body                []byte // of the create
	Create              fakeCreate
}

type fakeCreate struct {
	RedirectURI   string            `json:"client_redirect_uri"`
	ClientState   string            `json:"client_state"`
	Instructions  []fakeInstruction `json:"instructions"`
	PayerIdentity map[string]string `json:"payer_identity"`
}

type fakeInstruction struct {
	Label               string            `json:"label"`
	Amount              json.Number       `json:"amount"`
	Currency            string            `json:"currency"`
	ExecutionDateType   string            `json:"execution_date_type"`
	ExecutionDate       string            `json:"execution_date"`
	Frequency           string            `json:"frequency"`
	Start               string            `json:"start_date"`
	End                 string            `json:"end_date"`
	Beneficiary         map[string]string `json:"beneficiary"`
	BeneficiaryIdentity map[string]string `json:"beneficiary_identity"`
}

func newFake(t testing.TB) *fake {
	t.Helper()
	f := &fake{tokens: map[string]string{}, scoped: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2.0/auth/token", f.token)
	mux.HandleFunc("POST /2.0/payments", f.authorized(f.create))
	mux.HandleFunc("GET /2.0/payments", f.authorized(f.list))
	mux.HandleFunc("GET /2.0/payments/{id}", f.authorized(f.read))
	mux.HandleFunc("POST /2.0/payments/{id}", f.authorized(f.cancel))
	mux.HandleFunc("POST /2.0/payments/{id}/scopedtoken", f.authorized(f.scopedToken))
	mux.HandleFunc("GET /2.0/connectors", f.authorized(f.listConnectors))
	mux.HandleFunc("GET /api/payment-links", f.authorizedLinks(f.listLinks))
	mux.HandleFunc("POST /api/payment-links", f.authorizedLinks(f.createLink))
	mux.HandleFunc("GET /api/payment-links/{id}", f.authorizedLinks(f.readLink))
	mux.HandleFunc("POST /api/payment-links/{id}", f.authorizedLinks(f.revokeLink))
	f.server = providertest.NewServer(t, mux, func(r *http.Request) bool { return r.URL.Path == "/2.0/auth/token" })
	return f
}

func (f *fake) token(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.issued++
	f.tokenBody, _ = io.ReadAll(r.Body)
	if f.onToken != nil && f.onToken(w) {
		return
	}
	var in map[string]string
	good := json.Unmarshal(f.tokenBody, &in) == nil && len(in) == 4 && r.Header.Get("Content-Type") == "application/json" &&
		r.Header.Get("Authorization") == "" && in["grant_type"] == "client_credentials" &&
		in["client_id"] == clientID && in["client_secret"] == clientSecret && slices.Contains([]string{"payments:admin", "payment-links:admin"}, in["scope"])
	if !good {
		fail(w, http.StatusUnauthorized, "unauthorized")
		return
	}
	token := fmt.Sprintf("svc-token-%d", f.issued)
	f.tokens[token] = in["scope"]
	w.Header().Set("Content-Type", "application/json")
	_, _ = fmt.Fprintf(w, `{"token":%q,"scope":%q}`, token, in["scope"])
}

// revoke makes every token that was handed out bad.
func (f *fake) revoke() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.tokens)
}

func (f *fake) tokensIssued() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.issued
}

func (f *fake) log() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.requests)
}

func (f *fake) authorized(next http.HandlerFunc) http.HandlerFunc {
	return f.scope("payments:admin", next)
}

func (f *fake) authorizedLinks(next http.HandlerFunc) http.HandlerFunc {
	return f.scope("payment-links:admin", next)
}

func (f *fake) scope(wanted string, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.requests = append(f.requests, r.Method+" "+r.URL.RequestURI())
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		switch f.tokens[token] {
		case "":
			fail(w, http.StatusUnauthorized, "unauthorized")
			return
		case wanted:
		default:
			fail(w, http.StatusForbidden, "forbidden")
			return
		}
		next(w, r)
	}
}

// strict decodes a body that has no field but those of v.
func strict(r *http.Request, v any) ([]byte, bool) {
	body, _ := io.ReadAll(r.Body)
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.DisallowUnknownFields()
	return body, dec.Decode(v) == nil && r.Header.Get("Content-Type") == "application/json"
}

func (f *fake) create(w http.ResponseWriter, r *http.Request) {
	var in fakeCreate
	body, ok := strict(r, &in)
	if !ok || in.RedirectURI == "" || strings.Contains(in.RedirectURI, "?") || len(in.ClientState) > 2000 || len(in.Instructions) != 1 ||
		in.PayerIdentity["first_name"] == "" || in.PayerIdentity["last_name"] == "" {
		fail(w, http.StatusBadRequest, "invalidValue")
		return
	}
	it := in.Instructions[0]
	if it.Label == "" || it.Beneficiary["identification"] == "" || it.BeneficiaryIdentity["identification"] == "" ||
		(it.ExecutionDateType == "deferred") != (it.ExecutionDate != "") || (it.ExecutionDateType == "periodic") != (it.Start != "" && it.Frequency != "") {
		fail(w, http.StatusBadRequest, "missingParameter")
		return
	}
	f.send(w, f.add(in, body))
}

func (f *fake) add(in fakeCreate, body []byte) *fakePayment {
	id := 501 + len(f.payments)
	p := &fakePayment{ID: id, State: "created", Body: body, Create: in, Reference: fmt.Sprintf("own-%d", id)}
	f.payments = append(f.payments, p)
	return p
}

func (f *fake) of(r *http.Request) *fakePayment {
	for _, p := range f.payments {
		if strconv.Itoa(p.ID) == r.PathValue("id") {
			return p
		}
	}
	return nil
}

func (f *fake) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit, _ := strconv.Atoi(q.Get("limit"))
	offset, _ := strconv.Atoi(q.Get("offset"))
	if q.Has("reference_id") {
		page := []json.RawMessage{}
		for _, p := range f.payments {
			if p.Reference == q.Get("reference_id") || f.ignoresFilters {
				page = append(page, f.json(p))
			}
		}
		answerJSON(w, object{"payments": page})
		return
	}
	for name := range q {
		if !slices.Contains([]string{"filter", "min_date", "limit", "offset"}, name) {
			fail(w, http.StatusBadRequest, "invalidValue")
			return
		}
	}
	since, err := time.Parse("2006-01-02", q.Get("min_date"))
	if err != nil || q.Get("filter") != "register_date" || limit < 1 || limit > 1000 {
		fail(w, http.StatusBadRequest, "invalidValue")
		return
	}
	page := []json.RawMessage{}
	for _, p := range f.payments {
		if p.Registered.IsZero() || !p.Registered.Before(since) {
			page = append(page, f.json(p))
		}
	}
	page = page[min(offset, len(page)):]
	answerJSON(w, object{"payments": page[:min(limit, len(page))]})
}

func (f *fake) read(w http.ResponseWriter, r *http.Request) {
	p := f.of(r)
	if p == nil {
		fail(w, http.StatusNotFound, "notFound")
		return
	}
	f.send(w, p)
}

func (f *fake) cancel(w http.ResponseWriter, r *http.Request) {
	p := f.of(r)
	var in struct {
		Cancel      bool   `json:"cancel"`
		RedirectURI string `json:"client_redirect_uri"`
		ClientState string `json:"client_state"`
	}
	_, ok := strict(r, &in)
	switch {
	case p == nil:
		fail(w, http.StatusNotFound, "notFound")
	case !ok, !in.Cancel, strings.Contains(in.RedirectURI, "?"):
		fail(w, http.StatusBadRequest, "invalidValue")
	case f.onCancel != nil:
		if status, code := f.onCancel(p); status >= 300 {
			fail(w, status, code)
			return
		}
		f.send(w, p)
	case p.State != "created":
		fail(w, http.StatusConflict, "invalidValue")
	default:
		p.State, p.Code = "rejected", "CancelledByClient"
		f.send(w, p)
	}
}

func (f *fake) scopedToken(w http.ResponseWriter, r *http.Request) {
	p := f.of(r)
	var in struct {
		Scope []string `json:"scope"`
	}
	_, ok := strict(r, &in)
	switch {
	case p == nil:
		fail(w, http.StatusNotFound, "notFound")
		return
	case !ok, !slices.Equal(in.Scope, []string{"payments:validate"}):
		fail(w, http.StatusBadRequest, "invalidValue")
		return
	}
	if f.onScope != nil {
		if status, body := f.onScope(); status != 0 {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return
		}
	}
	token := fmt.Sprintf("scoped/token+%d", len(f.scoped)+1)
	f.scoped[token] = p.ID
	answerJSON(w, object{"token": token, "scope": "payments:validate", "expires_in": 604800, "id_payment": p.ID})
}

func (f *fake) listConnectors(w http.ResponseWriter, r *http.Request) {
	limit, _ := strconv.Atoi(r.URL.Query().Get("limit"))
	offset, _ := strconv.Atoi(r.URL.Query().Get("offset"))
	page := f.connectors[min(offset, len(f.connectors)):]
	answerJSON(w, object{"connectors": append([]json.RawMessage{}, page[:min(limit, len(page))]...)})
}

func (f *fake) send(w http.ResponseWriter, p *fakePayment) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(f.json(p))
}

func answerJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// json is a payment as the API shows it: the currency is an object, the amount
// has ten decimals.
func (f *fake) json(p *fakePayment) []byte {
	it := p.Create.Instructions[0]
	whole, part, _ := strings.Cut(it.Amount.String(), ".")
	beneficiary := object{"id": 7, "id_account": nil, "bic": nil, "disabled_date": nil, "merchant_name": nil}
	for k, v := range it.Beneficiary {
		beneficiary[k] = v
	}
	out := object{
		"id": p.ID, "state": p.State, "state_detail": orNull(p.State2), "action": orNull(p.Action), "error_code": orNull(p.Code), "error_description": nil,
		"fields": []any{}, "validate_uri": orNull(p.Approve), "connector_uuid": orNull(p.Connector), "id_connector": nil, "validate_mechanism": nil,
		"register_date": "2024-05-01 12:00:00", "client_redirect_uri": p.Create.RedirectURI, "client_state": p.Create.ClientState,
		"payer": nil, "payer_identity": object{"kind": "individual"},
		"instructions": []object{{
			"amount": json.Number(whole + "." + (part + "0000000000")[:10]),
			"currency": object{
				"id": it.Currency, "symbol": "€", "prefix": false, "crypto": false, "precision": 2, "marketcap": nil, "datetime": nil, "name": "Euro",
			},
			"label": it.Label, "execution_date_type": it.ExecutionDateType, "exec_date": nil, "reference_id": p.Reference, "start_date": orNull(it.Start), "state": nil,
			"beneficiary": beneficiary, "beneficiary_identity": it.BeneficiaryIdentity,
		}},
	}
	if f.shape != nil {
		f.shape(out)
	}
	b, _ := json.Marshal(out)
	return b
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func fail(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(object{"code": code, "description": "text for logs", "message": nil, "request_id": 123})
}

func (f *fake) payment(ref string) *fakePayment {
	for _, p := range f.payments {
		if strconv.Itoa(p.ID) == ref {
			return p
		}
	}
	return nil
}

func (f *fake) set(ref, state string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.payment(ref).State = state
}

func (f *fake) change(do func(f *fake)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do(f)
}

func (f *fake) opened() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.payments)
}

func (f *fake) sum(_ *testing.T, ref string) providertest.Sums {
	f.mu.Lock()
	defer f.mu.Unlock()
	it := f.payment(ref).Create.Instructions[0]
	return providertest.Sums{Amount: it.Amount.String(), Code: it.Currency}
}

// event is the body of a delivery about a payment as it is now.
func (f *fake) event(ref string, n int) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	p := f.payment(ref)
	return append(bytes.TrimSuffix(f.json(p), []byte("}")), fmt.Sprintf(`,"id_webhook_data":%d}`, n)...)
}

func signature(key, message string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(message))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func sign(key string, body []byte) providers.Delivery {
	h := http.Header{}
	h.Set("BI-Signature-Date", signedAt)
	h.Set("BI-Signature", signature(key, "POST."+path+"."+signedAt+".", body))
	return providers.Delivery{Method: http.MethodPost, Path: path, Header: h, Body: body}
}

// bench is a client, its fake and its clock.
type bench struct {
	*fake
	*powens.Client
	clock *clock
	cfg   powens.Config
}

func config(c *clock) powens.Config {
	return powens.Config{
		BaseURL: "https://shop.biapi.pro/2.0", ClientID: clientID, ClientSecret: clientSecret,
		WebhookKeys: []providers.Secret{webhookKey}, Now: c.now,
		Beneficiary: powens.Beneficiary{
			IBAN: "FR76 3000 6000 0112 3456 7890 189", Label: "Kauri & Clay", OrgName: "Kauri et Clay", OrgLegalStatus: "SAS",
			OrgAddress: "1 rue Verte, 75000 Paris", SIREN: "732 829 320",
		},
		Patience: providers.Patience{Wait: time.Nanosecond, MaxWait: time.Microsecond},
	}
}

func setup(t testing.TB, with ...func(*powens.Config)) bench {
	t.Helper()
	f, c := newFake(t), newClock()
	cfg := config(c)
	cfg.BaseURL = f.server.URL + "/2.0"
	for _, w := range with {
		w(&cfg)
	}
	client, err := powens.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return bench{fake: f, Client: client, clock: c, cfg: cfg}
}

// roundTrip is a wire without a network.
type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// wire answers every request but the token's from one function.
func wire(answer func(*http.Request) (status int, contentType, body string)) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		status, contentType, body := 200, "application/json", `{"token":"svc-token-1","token_type":"Bearer"}`
		if !strings.HasSuffix(r.URL.Path, "/auth/token") {
			status, contentType, body = answer(r)
		}
		h := http.Header{}
		if contentType != "" {
			h.Set("Content-Type", contentType)
		}
		return &http.Response{
			StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
			Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		}, nil
	})
}

// fakeLink is a payment link.
type fakeLink struct {
	ID        string
	In        fakeLinkIn
	Body      []byte
	Reference string
	Last      int
	RevokedAt string
	Attempt   string
}

type fakeLinkIn struct {
	Reference           string            `json:"reference_id"`
	Amount              json.Number       `json:"amount"`
	Currency            string            `json:"currency"`
	Label               string            `json:"label"`
	ExecutionDateType   string            `json:"execution_date_type"`
	Beneficiary         map[string]string `json:"beneficiary"`
	BeneficiaryIdentity map[string]string `json:"beneficiary_identity"`
	Payer               *json.RawMessage  `json:"payer"`
	PayerIdentity       map[string]string `json:"payer_identity"`
	Redirect            bool              `json:"redirect"`
	RedirectURI         string            `json:"redirect_uri"`
	RedirectState       string            `json:"redirect_state"`
}

func (f *fake) createLink(w http.ResponseWriter, r *http.Request) {
	var in fakeLinkIn
	body, ok := strict(r, &in)
	if !ok || !in.Redirect || in.RedirectURI == "" || in.RedirectState == "" || in.Label == "" || in.Currency == "" ||
		!slices.Contains([]string{"instant", "first_open_day"}, in.ExecutionDateType) || !bytes.Contains(body, []byte(`"payer":null`)) ||
		in.Beneficiary["identification"] == "" || in.BeneficiaryIdentity["identification"] == "" || in.PayerIdentity["last_name"] == "" {
		fail(w, http.StatusBadRequest, "invalidValue")
		return
	}
	n := len(f.links) + 1
	l := &fakeLink{ID: fmt.Sprintf("0a0b0c0d-0000-4000-8000-%012d", n), In: in, Body: body, Reference: fmt.Sprintf("of-link-%d", n), Attempt: "unavailable"}
	f.links = append(f.links, l)
	f.sendLink(w, l)
}

func (f *fake) link(ref string) *fakeLink {
	for _, l := range f.links {
		if l.ID == ref {
			return l
		}
	}
	return nil
}

func (f *fake) readLink(w http.ResponseWriter, r *http.Request) {
	if l := f.link(r.PathValue("id")); l != nil {
		f.sendLink(w, l)
		return
	}
	fail(w, http.StatusNotFound, "notFound")
}

func (f *fake) revokeLink(w http.ResponseWriter, r *http.Request) {
	ref, revokes := strings.CutSuffix(r.PathValue("id"), ":revoke")
	l := f.link(ref)
	if !revokes || l == nil || l.RevokedAt != "" {
		fail(w, http.StatusNotFound, "notFound")
		return
	}
	l.RevokedAt = "2024-05-01 10:00:00"
	if f.onLink != nil {
		if status, body := f.onLink(); status != 0 {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return
		}
	}
	w.WriteHeader(http.StatusNoContent)
}

func (f *fake) listLinks(w http.ResponseWriter, _ *http.Request) {
	all := []json.RawMessage{[]byte(`7`), []byte(`{"redirect_state":"p7k2m9","id":"17"}`)}
	for _, l := range f.links {
		all = append(all, f.linkJSON(l))
	}
	answerJSON(w, all)
}

func (f *fake) sendLink(w http.ResponseWriter, l *fakeLink) {
	w.Header().Set("Content-Type", "application/json")
	if f.onLink != nil {
		if status, body := f.onLink(); status != 0 {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
			return
		}
	}
	_, _ = w.Write(f.linkJSON(l))
}

func (f *fake) linkJSON(l *fakeLink) []byte {
	out := object{
		"id": l.ID, "reference_id": l.Reference, "amount": l.In.Amount, "currency": l.In.Currency, "label": l.In.Label,
		"execution_date_type": l.In.ExecutionDateType, "beneficiary": l.In.Beneficiary, "beneficiary_identity": l.In.BeneficiaryIdentity,
		"payer": nil, "payer_identity": l.In.PayerIdentity, "operator_identity": nil, "redirect": true, "redirect_uri": l.In.RedirectURI,
		"redirect_state": l.In.RedirectState, "last_payment_id": nil, "url": "https://payment-links.powens.test/go/secret-" + l.ID,
		"revoked_at": orNull(l.RevokedAt), "attempt_state": orNull(l.Attempt),
	}
	if l.Last != 0 {
		out["last_payment_id"] = l.Last
	}
	if f.linkShape != nil {
		f.linkShape(out)
	}
	b, _ := json.Marshal(out)
	return b
}

// pay makes a payment by a link, as its page does, with a client_state of the
// link's own.
func (f *fake) pay(ref, state string) *fakePayment {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.link(ref)
	in := fakeCreate{ClientState: "of the link", RedirectURI: l.In.RedirectURI, PayerIdentity: l.In.PayerIdentity}
	in.Instructions = append(in.Instructions, fakeInstruction{
		Label: l.In.Label, Amount: l.In.Amount, Currency: l.In.Currency, ExecutionDateType: l.In.ExecutionDateType,
		Beneficiary: l.In.Beneficiary, BeneficiaryIdentity: l.In.BeneficiaryIdentity,
	})
	p := f.add(in, nil)
	p.State, p.Reference = state, l.Reference
	l.Last, l.Attempt = p.ID, state
	return p
}
