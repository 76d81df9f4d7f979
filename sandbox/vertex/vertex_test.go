package vertex_test

import (
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

	"till/sandbox/vertex"
	"till/sandbox/world"
)

// begin is when every test begins. The clock stands still unless it is moved.
var begin = time.Date(2030, 6, 15, 10, 0, 0, 0, time.UTC)

// stand is a gateway in a world of its own, with a shop beside it.
type stand struct {
	t        *testing.T
	base     string
	world    *world.World
	provider *vertex.Provider
	shop     *shop
	browser  *http.Client
}

func setup(t *testing.T, change ...func(*vertex.Config)) *stand {
	t.Helper()
	s := &stand{t: t, shop: newShop(t)}
	s.world = world.New(world.Options{
		Now: func() time.Time { return begin }, Seed: 7, Log: slog.New(slog.DiscardHandler), Site: world.Site{ShopName: "Kauri & Clay"},
	})
	t.Cleanup(s.world.Close)
	config := vertex.Config{ClearAfter: 48 * time.Hour}
	for _, c := range change {
		c(&config)
	}
	var err error
	if s.provider, err = vertex.New(s.world, config); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.StripPrefix("/vertex", s.provider))
	t.Cleanup(server.Close)
	s.base = server.URL + "/vertex"
	s.browser = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return s
}

// shop is where callbacks come in.
type shop struct {
	*httptest.Server
	mu     sync.Mutex
	status int
	calls  []call
}

type call struct {
	path, signature string
	body            []byte
}

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{status: http.StatusOK}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls = append(s.calls, call{path: r.URL.Path, signature: r.Header.Get("api-notification-sign"), body: body})
		w.WriteHeader(s.status)
	}))
	t.Cleanup(s.Close)
	return s
}

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

// told are the states that the callbacks told, in order.
func (s *shop) told() string {
	var list []string
	for _, c := range s.heard() {
		var in struct{ Data details }
		if json.Unmarshal(c.body, &in) != nil {
			in.Data.OrderStatus = "?"
		}
		list = append(list, in.Data.OrderStatus)
	}
	return strings.Join(list, " ")
}

// details is the wire as this test reads it.
type details struct {
	ID             int64
	ShopID         int64
	OrderNumber    string
	OrderStatus    string
	Cost           cost
	TimeLimit      *string
	OrderCreatedAt string
	OrderPaidAt    *string
	AutoCapture    bool
	Payments       []struct {
		PaymentID, PaymentType, PaymentStatus, InstrumentType string
		Cost                                                  cost
		Card                                                  *struct{ MaskedNumber string }
	}
}

type cost struct {
	Amount   json.RawMessage
	Currency string
}

// payments is an order's payments in short: "payment completed 19.99".
func (d details) payments() string {
	var list []string
	for _, it := range d.Payments {
		list = append(list, it.PaymentType+" "+it.PaymentStatus+" "+strings.Trim(string(it.Cost.Amount), `"`))
	}
	return strings.Join(list, ", ")
}

// reply is an answer with its body read.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	body   string
	err    error
}

func (s *stand) send(method, path, body string, header ...string) reply {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.base+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.browser.Do(req)
	if err != nil {
		return reply{t: s.t, err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return reply{t: s.t, status: resp.StatusCode, header: resp.Header, body: string(text), err: err}
}

// api is a request of the shop.
func (s *stand) api(method, path, body string) reply {
	s.t.Helper()
	return s.send(method, "/api/v1/"+path, body, "Api-Access-Token", vertex.DemoToken, "Content-Type", "application/json")
}

func (r reply) want(status int) reply {
	r.t.Helper()
	if r.err != nil || r.status != status {
		r.t.Fatalf("got %d %.300s %v, want %d", r.status, r.body, r.err, status)
	}
	return r
}

// refused wants the documented error shape.
func (r reply) refused(status int, says string) {
	r.t.Helper()
	r.want(status)
	var e map[string]string
	if err := json.Unmarshal([]byte(r.body), &e); err != nil || len(e) != 3 || e["code"] == "" || e["title"] == "" || !strings.Contains(e["detail"], says) {
		r.t.Errorf("got %s, want %q in it", r.body, says)
	}
}

func (r reply) data(into any) {
	r.t.Helper()
	in := struct{ Data any }{into}
	if err := json.Unmarshal([]byte(r.body), &in); err != nil {
		r.t.Fatalf("%v in %s", err, r.body)
	}
}

func (s *stand) orderJSON(number, settings string) string {
	return fmt.Sprintf(`{"shopId":115,"order":{"orderNumber":%q,"cost":{"amount":"19.99","currency":"NZD"}},
		"paymentSettings":{"redirectUrls":{"success":"%[2]s/ok","failure":"%[2]s/no"},"webhookUrl":"%[2]s/hook"%[3]s}}`, number, s.shop.URL, settings)
}

// create makes an order and returns the address of its page, without the base.
func (s *stand) create(number, settings string) string {
	s.t.Helper()
	var made struct{ OrderNumber, PaymentLink string }
	s.api("POST", "order", s.orderJSON(number, settings)).want(http.StatusOK).data(&made)
	if made.OrderNumber != number {
		s.t.Errorf("made %q", made.OrderNumber)
	}
	return strings.TrimPrefix(made.PaymentLink, s.base)
}

func (s *stand) read(number string) details {
	s.t.Helper()
	var d details
	s.api("GET", "order/115/"+number, "").want(http.StatusOK).data(&d)
	return d
}

// press posts the form of a page, as a browser does.
func (s *stand) press(page string, form url.Values) reply {
	s.t.Helper()
	return s.send("POST", page, form.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "same-origin")
}

func (s *stand) pay(page string) {
	s.t.Helper()
	s.press(page, url.Values{"decision": {"pay"}, "card": {"good"}}).want(http.StatusSeeOther)
}

func (s *stand) decide(number, decision string) string {
	s.t.Helper()
	_, to, err := s.provider.Decide(s.t.Context(), number, world.Decision{Decision: decision})
	if err != nil {
		s.t.Fatal(err)
	}
	s.drain()
	return to
}

func (s *stand) act(verb, number string) reply {
	s.t.Helper()
	return s.api("POST", "order/"+verb, `{"shopId":115,"orderNumber":"`+number+`"}`)
}

func (s *stand) refund(number, amount, more string) reply {
	s.t.Helper()
	return s.api("POST", "order/refund", `{"shopId":115,"orderNumber":"`+number+`","cost":{"amount":"`+amount+`","currency":"NZD"}`+more+`}`)
}

func (s *stand) fault(wish world.Wish) {
	s.t.Helper()
	wish.Provider = vertex.Name
	if _, err := s.world.Faults.Add(wish); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stand) advance(d time.Duration) {
	s.t.Helper()
	if err := s.world.Clock.Advance(s.t.Context(), d); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stand) drain() { s.advance(0) }

// is checks an order: its status, its payments, and what was called back.
func (s *stand) is(number, status, payments, told string) {
	s.t.Helper()
	d := s.read(number)
	if d.OrderStatus != status || d.payments() != payments || s.shop.told() != told {
		s.t.Errorf("the order is %s with %q, told %q; want %s with %q, told %q", d.OrderStatus, d.payments(), s.shop.told(), status, payments, told)
	}
}

func TestCreate(t *testing.T) {
	t.Parallel()
	s := setup(t)
	page := s.create("WEB-000123", `,"timeLimit":"2030-06-15T10:51:49.086Z"`)
	if !strings.HasPrefix(page, "/payment?page-id=") || !strings.Contains(page, "session-id=") {
		t.Errorf("the page is %s", page)
	}
	d := s.read("WEB-000123")
	if d.ID != 800001 || d.ShopID != 115 || d.OrderStatus != "in_progress" || string(d.Cost.Amount) != `"19.99"` || d.Cost.Currency != "NZD" ||
		*d.TimeLimit != "2030-06-15T10:51:49.086Z" || d.OrderCreatedAt != "2030-06-15T10:00:00.000Z" || d.OrderPaidAt != nil || !d.AutoCapture || d.Payments == nil {
		t.Errorf("got %+v", d)
	}
	s.api("POST", "order", s.orderJSON("WEB-000123", "")).refused(http.StatusBadRequest, "not unique")
	if s.create("WEB-000124", "") == page {
		t.Error("two orders have one page")
	}
}

func TestCreate_Refusals(t *testing.T) {
	t.Parallel()
	s := setup(t)
	good := s.orderJSON("o1", "")
	for _, tt := range []struct{ name, old, changed, says string }{
		{"no shop", `"shopId":115,`, ``, "shopId is required"},
		{"a shop in a text", `115`, `"115"`, "shopId must be a whole number"},
		{"no order", `"order":`, `"ordre":`, "body.ordre is not known"},
		{"no number", `"orderNumber":"o1",`, ``, "orderNumber is required"},
		{"a hyphen at its end", `"o1"`, `"o1-"`, "no hyphen at its ends"},
		{"an underscore", `"o1"`, `"o_1"`, "Latin letters"},
		{"a long number", `"o1"`, `"` + strings.Repeat("x", 256) + `"`, "at most 255"},
		{"an amount that is a number", `"19.99"`, `19.99`, "must be a text"},
		{"an amount of words", `"19.99"`, `"NaN"`, "must be a decimal"},
		{"an exponent", `"19.99"`, `"1e1"`, "must be a decimal"},
		{"nothing to pay", `"19.99"`, `"0.00"`, "greater than 0"},
		{"too many decimals", `"19.99"`, `"19.999"`, "more decimals"},
		{"decimals where there are none", `"19.99","currency":"NZD"`, `"19.9","currency":"CLP"`, "more decimals"},
		{"too much", `"19.99"`, `"1234567890123456"`, "too large"},
		{"another currency", `NZD`, `EUR`, "must be one of"},
		{"half a customer", `"paymentSettings"`, `"customer":{"firstName":"Ann"},"paymentSettings"`, "customer.lastName is required"},
		{"an unknown field", `"webhookUrl"`, `"webhook"`, "paymentSettings.webhook is not known"},
		{"a relative address", s.shop.URL + `/ok`, `/ok`, "absolute URL"},
		{"an address in an odd scheme", s.shop.URL + `/hook`, `ftp://x/`, "absolute URL"},
		{"a flag in a text", `"webhookUrl"`, `"autoCapture":"true","webhookUrl"`, "true or false"},
		{"a time that is past", `"webhookUrl"`, `"timeLimit":"2030-06-15T10:00:00Z","webhookUrl"`, "in the future"},
		{"a time without a zone", `"webhookUrl"`, `"timeLimit":"2030-06-16T10:00:00","webhookUrl"`, "RFC 3339"},
		{"a time elsewhere", `"webhookUrl"`, `"timeLimit":"2030-06-16T10:00:00+12:00","webhookUrl"`, "in UTC"},
		{"a method of nobody", `"webhookUrl"`, `"instrumentType":"card","providerCode":"alps","acquirerCode":"visa","webhookUrl"`, "none of the shop's"},
		{"half a method", `"webhookUrl"`, `"instrumentType":"card","webhookUrl"`, "none of the shop's"},
		{"a mode that it does not have", `"webhookUrl"`, `"instrumentType":"card","providerCode":"alps","acquirerCode":"lyra","dataEntryMode":"qr","webhookUrl"`, "none of the shop's"},
		{"a method of another currency", `"webhookUrl"`, `"instrumentType":"wallet","providerCode":"alps","acquirerCode":"gcash","webhookUrl"`, "not one of the method's"},
		{"a wallet to be captured", `"webhookUrl"`, `"instrumentType":"wallet","providerCode":"hills","acquirerCode":"moana","autoCapture":false,"webhookUrl"`, "cards only"},
		{"an odd design", `"paymentSettings"`, `"paymentPageDesign":{"alias":7},"paymentSettings"`, "paymentPageDesign.alias must be a text"},
		{"no JSON", good, `{`, "JSON object"},
		{"a field twice", `"shopId":115,`, `"shopId":115,"shopId":115,`, "twice"},
		{"something after it", good, good + "1", "JSON object"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := s.api("POST", "order", strings.Replace(good, tt.old, tt.changed, 1))
			r.t = t
			r.refused(http.StatusBadRequest, tt.says)
		})
	}
	s.t = t
	s.send("POST", "/api/v1/order", good, "Content-Type", "application/json").refused(http.StatusUnauthorized, "Api-Access-Token")
	s.send("POST", "/api/v1/order", good, "Api-Access-Token", vertex.DemoToken).refused(http.StatusBadRequest, "content type")
	s.api("POST", "order", strings.Replace(good, "115", "116", 1)).refused(http.StatusForbidden, "shop")
	s.api("POST", "order", strings.Repeat(" ", 70<<10)).refused(http.StatusBadRequest, "too large")
	s.api("GET", "order/116/o1", "").refused(http.StatusForbidden, "shop")
	s.api("GET", "order/kauri/o1", "").refused(http.StatusBadRequest, "shopId")
	s.api("GET", "order/115/o1", "").refused(http.StatusNotFound, "no such order")
	s.api("DELETE", "order", "").refused(http.StatusMethodNotAllowed, "method")
	s.api("GET", "orders", "").refused(http.StatusNotFound, "nothing")
	for _, verb := range []string{"cancel", "reject", "capture"} {
		s.act(verb, "o1").refused(http.StatusNotFound, "no such order")
		s.api("POST", "order/"+verb, `{"shopId":115}`).refused(http.StatusBadRequest, "orderNumber is required")
		s.api("POST", "order/"+verb, `{"shopId":115,"orderNumber":"o1","cost":{}}`).refused(http.StatusBadRequest, "cost is not known")
	}
	s.refund("o1", "1.00", "").refused(http.StatusNotFound, "no such order")
	if len(s.provider.Orders(0)) != 0 {
		t.Error("something was made")
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	s := setup(t)
	var list []map[string]any
	s.api("GET", "shops/115/payment-methods?currencies[]=NZD&instrumentTypes[]=card", "").want(http.StatusOK).data(&list)
	if len(list) != 5 { // the filters do nothing yet
		t.Errorf("got %d methods", len(list))
	}
	for i, m := range list {
		settings := fmt.Sprintf(`,"instrumentType":%q,"providerCode":%q,"acquirerCode":%q`, m["instrumentType"], m["providerCode"], m["acquirerCode"])
		if currencies, _ := m["currencies"].([]any); slices.Contains(currencies, any("NZD")) {
			s.create(fmt.Sprintf("o%d", i), settings)
		}
	}
	s.api("GET", "shops/115/payment-methods?x=1", "").refused(http.StatusBadRequest, "x is not known")
	s.api("GET", "shops/1/payment-methods", "").refused(http.StatusForbidden, "shop")
}

// The single-stage sequence of the seed, from create to clearing.
func TestSingleStage(t *testing.T) {
	t.Parallel()
	s := setup(t)
	page := s.create("o1", "")
	r := s.send("GET", page, "").want(http.StatusOK)
	for _, want := range []string{`data-page="vertex-pay"`, "NZD 19.99", "Kauri &amp; Clay", "o1", "Pay another amount"} {
		if !strings.Contains(r.body, want) {
			t.Errorf("%q is not on the page", want)
		}
	}
	if strings.Contains(r.body, "<script") || !strings.Contains(r.header.Get("Content-Security-Policy"), "form-action 'self' "+s.shop.URL) {
		t.Errorf("headers %v", r.header)
	}
	to := s.press(page, url.Values{"decision": {"pay"}, "card": {"good"}}).want(http.StatusSeeOther)
	if to.header.Get("Location") != s.shop.URL+"/ok" {
		t.Errorf("sent to %s", to.header.Get("Location"))
	}
	s.drain()
	s.is("o1", "in_progress", "payment in_progress 19.99", "") // the status has not changed
	if d := s.read("o1"); d.OrderPaidAt == nil || d.Payments[0].Card.MaskedNumber != "411111******1111" {
		t.Errorf("got %+v", d)
	}
	if again := s.press(page, url.Values{"decision": {"pay"}, "card": {"good"}}).want(http.StatusSeeOther); again.header.Get("Location") != s.shop.URL+"/ok" {
		t.Error("a second press goes elsewhere")
	}
	if !strings.Contains(s.send("GET", page, "").want(http.StatusOK).body, "You have paid") {
		t.Error("the page does not say that it is paid")
	}
	s.advance(48*time.Hour - time.Second)
	s.is("o1", "in_progress", "payment in_progress 19.99", "")
	s.advance(time.Second)
	s.is("o1", "completed", "payment completed 19.99", "completed")
	truth, err := s.provider.Order("o1")
	if err != nil || !truth.Paid || !truth.Notified || truth.ToldMinor != 1999 {
		t.Errorf("got %+v, %v", truth, err)
	}
}

func TestClearing_TakesFromOneToThreeDays(t *testing.T) {
	t.Parallel()
	s := setup(t, func(c *vertex.Config) { c.ClearAfter = 0 })
	for n := range 20 {
		s.pay(s.create(fmt.Sprintf("o%d", n), ""))
	}
	cleared := func() int {
		n := 0
		for _, o := range s.provider.Orders(0) {
			if o.Status == "completed" {
				n++
			}
		}
		return n
	}
	s.advance(24*time.Hour - time.Second)
	if cleared() != 0 {
		t.Error("cleared within a day")
	}
	s.advance(24 * time.Hour)
	if n := cleared(); n == 0 || n == 20 {
		t.Errorf("%d cleared after two days", n)
	}
	s.advance(24*time.Hour + time.Second)
	if cleared() != 20 {
		t.Error("not cleared after three days")
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		form     url.Values
		status   int
		to       string
		order    string
		payments string
		told     string
	}{
		{"pay", url.Values{"decision": {"pay"}, "card": {"good"}}, 303, "/ok", "in_progress", "payment in_progress 19.99", ""},
		{"declined", url.Values{"decision": {"pay"}, "card": {"declined"}}, 422, "", "in_progress", "payment failed 19.99", ""},
		{"wrong data", url.Values{"decision": {"pay"}, "card": {"wrong"}}, 303, "/no", "failed", "payment failed 19.99", "failed"},
		{"another amount", url.Values{"decision": {"other"}, "amount": {"5.00"}}, 303, "/ok", "in_progress", "payment in_progress 5.00", ""},
		{"no amount", url.Values{"decision": {"other"}, "amount": {"five"}}, 422, "", "in_progress", "", ""},
		{"leave", url.Values{"decision": {"leave"}}, 303, "/no", "in_progress", "", ""},
		{"no card", url.Values{"decision": {"pay"}}, 422, "", "in_progress", "", ""},
		{"no button of the page", url.Values{"decision": {"win"}}, 400, "", "in_progress", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := setup(t)
			page := s.create("o1", "")
			r := s.press(page, tt.form).want(tt.status)
			if to := strings.TrimPrefix(r.header.Get("Location"), s.shop.URL); to != tt.to {
				t.Errorf("sent to %s", to)
			}
			s.drain()
			s.is("o1", tt.order, tt.payments, tt.told)
		})
	}
	chosen := setup(t)
	page := chosen.create("o1", "")
	if !strings.Contains(chosen.send("GET", page, "").body, "Bank transfer by tui") {
		t.Error("there is no choice of methods")
	}
	chosen.press(page, url.Values{"decision": {"pay"}, "card": {"good"}, "method": {"Bank transfer by tui"}}).want(http.StatusSeeOther)
	if it := chosen.read("o1").Payments[0]; it.InstrumentType != "bank_transfer" || it.Card != nil {
		t.Errorf("paid by %+v", it)
	}
	fixed := chosen.create("o2", `,"instrumentType":"wallet","providerCode":"hills","acquirerCode":"moana"`)
	if body := chosen.send("GET", fixed, "").body; strings.Contains(body, "Bank transfer") || !strings.Contains(body, "Wallet by moana") {
		t.Error("the shop has chosen, and there is another")
	}
	held := chosen.create("o3", `,"autoCapture":false`)
	if strings.Contains(chosen.send("GET", held, "").body, "Bank transfer") {
		t.Error("a transfer cannot be reserved")
	}

	s := setup(t)
	page = s.create("o1", "")
	for _, address := range []string{"/payment", "/payment?session-id=x", strings.Replace(page, "page-id=", "page-id=1", 1)} {
		s.send("GET", address, "").want(http.StatusNotFound)
	}
	s.send("POST", page, "decision=pay&card=good", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site").want(http.StatusForbidden)
	s.is("o1", "in_progress", "", "")
	if sheet := s.send("GET", "/assets/pay.css", "").want(http.StatusOK); !strings.HasPrefix(sheet.header.Get("Content-Type"), "text/css") {
		t.Error("no style sheet")
	}
	s.press(page, url.Values{"decision": {"pay"}, "card": {"declined"}}).want(http.StatusUnprocessableEntity)
	s.pay(page)
	s.is("o1", "in_progress", "payment failed 19.99, payment in_progress 19.99", "")
	s.advance(48 * time.Hour)
	s.is("o1", "completed", "payment failed 19.99, payment completed 19.99", "completed")
}

// An order that says nothing of where the buyer goes keeps them on its page.
func TestPage_NowhereToGo(t *testing.T) {
	t.Parallel()
	s := setup(t, func(c *vertex.Config) { c.CallbackURL = "" })
	var made struct{ PaymentLink string }
	s.api("POST", "order", `{"shopId":115,"order":{"orderNumber":"o1","cost":{"amount":"7","currency":"CLP"}}}`).want(http.StatusOK).data(&made)
	page := strings.TrimPrefix(made.PaymentLink, s.base)
	r := s.press(page, url.Values{"decision": {"pay"}, "card": {"good"}}).want(http.StatusOK)
	if !strings.Contains(r.body, `data-page="vertex-done"`) || !strings.Contains(r.body, "CLP 7") {
		t.Errorf("got %s", r.body)
	}
	s.advance(48 * time.Hour)
	s.is("o1", "completed", "payment completed 7", "")
	if _, err := s.provider.Send(t.Context(), "o1", world.Call{}); err == nil {
		t.Error("sent nowhere")
	}
}

func TestTimeLimit(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.create("o1", `,"timeLimit":"2030-06-15T10:30:00Z"`)
	paid := s.create("o2", `,"timeLimit":"2030-06-15T10:30:00Z"`)
	s.pay(paid)
	s.advance(30*time.Minute - time.Second)
	s.is("o1", "in_progress", "", "")
	s.advance(time.Second)
	s.is("o1", "failed", "", "failed")
	s.is("o2", "in_progress", "payment in_progress 19.99", "failed")

	// The shop's clock was not moved on: its next order has half an hour too.
	s.create("o3", `,"timeLimit":"2030-06-15T10:30:00Z"`)
	s.advance(30*time.Minute - time.Second)
	s.is("o3", "in_progress", "", "failed")
	s.advance(time.Second)
	s.is("o3", "failed", "", "failed failed")
}

func TestTwoStages(t *testing.T) {
	t.Parallel()
	s := setup(t)
	for _, number := range []string{"captured", "voided", "lapsed"} {
		s.pay(s.create(number, `,"autoCapture":false`))
	}
	s.advance(10 * 24 * time.Hour)
	s.is("captured", "in_progress", "payment authorized 19.99", "")
	s.act("capture", "captured").want(http.StatusAccepted)
	s.drain()
	s.is("captured", "completed", "payment completed 19.99", "completed")
	s.act("capture", "captured").refused(http.StatusConflict, "completed")
	s.act("cancel", "captured").refused(http.StatusConflict, "completed")
	s.act("cancel", "voided").want(http.StatusAccepted)
	s.drain()
	s.is("voided", "cancelled", "payment cancelled 19.99", "completed cancelled")
	s.advance(18 * 24 * time.Hour)
	s.is("lapsed", "cancelled", "payment cancelled 19.99", "completed cancelled cancelled")
	s.act("capture", "lapsed").refused(http.StatusConflict, "cancelled")
	s.is("captured", "completed", "payment completed 19.99", "completed cancelled cancelled")
}

func TestCancelAndReject(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.create("open", "")
	s.act("reject", "open").refused(http.StatusPreconditionFailed, "no payment")
	s.act("capture", "open").refused(http.StatusPreconditionFailed, "of itself")
	s.act("cancel", "open").want(http.StatusAccepted)
	s.drain()
	s.is("open", "cancelled", "", "cancelled")
	s.act("cancel", "open").refused(http.StatusConflict, "cancelled")
	s.pay(s.create("busy", ""))
	s.act("cancel", "busy").refused(http.StatusConflict, "being processed")
	s.act("reject", "busy").want(http.StatusAccepted)
	s.drain()
	s.is("busy", "rejected", "payment cancelled 19.99", "cancelled rejected")
	s.advance(100 * time.Hour)
	s.is("busy", "rejected", "payment cancelled 19.99", "cancelled rejected")
}

func TestRefund(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.pay(s.create("o1", ""))
	s.refund("o1", "1.00", "").refused(http.StatusConflict, "in_progress")
	s.advance(48 * time.Hour)
	s.refund("o1", "20.00", "").refused(http.StatusPreconditionFailed, "left")
	s.api("POST", "order/refund", `{"shopId":115,"orderNumber":"o1","cost":{"amount":"1.00","currency":"USD"}}`).refused(http.StatusBadRequest, "currency")
	s.api("POST", "order/refund", `{"shopId":115,"orderNumber":"o1"}`).refused(http.StatusBadRequest, "cost is required")
	s.refund("o1", "1.00", `,"paymentId":"x"`).refused(http.StatusBadRequest, "paymentId")
	var answer map[string]string
	s.refund("o1", "10.00", "").want(http.StatusOK).data(&answer)
	if len(answer) != 2 || answer["orderNumber"] != "o1" || answer["operationType"] != "refund" {
		t.Errorf("got %v", answer)
	}
	s.drain()
	s.is("o1", "refunded", "payment completed 19.99, refund completed 10.00", "completed refunded")
	s.refund("o1", "10.00", "").refused(http.StatusPreconditionFailed, "left")
	s.refund("o1", "9.99", `,"paymentId":"`+s.read("o1").Payments[0].PaymentID+`"`).want(http.StatusOK)
	s.drain()
	s.is("o1", "refunded", "payment completed 19.99, refund completed 10.00, refund completed 9.99", "completed refunded refunded")
	s.refund("o1", "0.01", "").refused(http.StatusPreconditionFailed, "left")
	if o, _ := s.provider.Order("o1"); o.Paid {
		t.Error("all is back, and it is paid")
	}
}

func TestConfirmationMail(t *testing.T) {
	t.Parallel()
	s := setup(t)
	body := strings.Replace(s.orderJSON("o1", ""), `"paymentSettings"`, `"customer":{"customerId":null,"firstName":"Ann","lastName":"Lee","phone":"639170000000","email":"ann@example.test"},"paymentSettings"`, 1)
	s.api("POST", "order", body).want(http.StatusOK)
	s.create("o2", "")
	for number, want := range map[string]bool{"o1": true, "o2": false} {
		s.decide(number, "approve")
		o, err := s.provider.Order(number)
		mailed := slices.ContainsFunc(o.Steps, func(st world.Step) bool { return strings.Contains(st.Because, "mailed") })
		if err != nil || mailed != want {
			t.Errorf("%s: %+v", number, o.Steps)
		}
		if strings.Contains(fmt.Sprintf("%+v", o), "ann@") {
			t.Error("the address is shown")
		}
	}
}

func TestDecisions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name      string
		settings  string
		decisions string
		to        string
		status    string
		payments  string
		told      string
	}{
		{"approve", "", "approve", "/ok", "in_progress", "payment in_progress 19.99", ""},
		{"pay less", "", "pay_less", "/ok", "in_progress", "payment in_progress 9.99", ""},
		{"pay more, cleared", "", "pay_more complete", "/ok", "completed", "payment completed 39.98", "completed"},
		{"decline, then pay", "", "decline approve", "/ok", "in_progress", "payment failed 19.99, payment in_progress 19.99", ""},
		{"fail", "", "fail", "/no", "failed", "payment failed 19.99", "failed"},
		{"fail in clearing", "", "approve fail", "/no", "failed", "payment failed 19.99", "failed"},
		{"abandon", "", "abandon", "/no", "in_progress", "", ""},
		{"expire, and the money comes after all", "", "expire complete", "/ok", "completed", "payment completed 19.99", "failed completed"},
		{"cancel, and the money comes after all", "", "cancel complete", "/ok", "completed", "payment completed 19.99", "cancelled completed"},
		{"reserve", `,"autoCapture":false`, "approve", "/ok", "in_progress", "payment authorized 19.99", ""},
		{"reserve, lapse", `,"autoCapture":false`, "approve lapse", "", "cancelled", "payment cancelled 19.99", "cancelled"},
		{"refund in the panel", "", "complete refund", "/ok", "refunded", "payment completed 19.99, refund completed 19.99", "completed refunded"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := setup(t)
			s.create("o1", tt.settings)
			var to string
			for d := range strings.FieldsSeq(tt.decisions) {
				to = s.decide("o1", d)
			}
			if strings.TrimPrefix(to, s.shop.URL) != tt.to {
				t.Errorf("sent to %q", to)
			}
			s.is("o1", tt.status, tt.payments, tt.told)
		})
	}
	s := setup(t)
	s.create("o1", "")
	ask := func(d world.Decision) error { _, _, err := s.provider.Decide(t.Context(), "o1", d); return err }
	for _, d := range []world.Decision{{Decision: "win"}, {Decision: "lapse"}, {Decision: "refund"}, {Decision: "set"}, {Decision: "approve", Status: "x"}} {
		if ask(d) == nil {
			t.Errorf("%+v was done", d)
		}
	}
	if err := ask(world.Decision{Decision: "set", Status: "need_action"}); err != nil {
		t.Error(err)
	}
	s.is("o1", "need_action", "", "")
	if o, _ := s.provider.Order("800001"); !slices.Contains(o.Decisions, "complete") || slices.Contains(o.Decisions, "approve") {
		t.Errorf("now %q", o.Decisions)
	}
	if _, err := s.provider.Order("none"); err == nil {
		t.Error("found nothing")
	}
	s.provider.Reset()
	if len(s.provider.Orders(0)) != 0 {
		t.Error("something is left")
	}
	s.create("o1", "")
}

// A payer who pays another sum brings the order to need_action.
func TestAnotherAmount(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.create("o1", "")
	s.decide("o1", "pay_less")
	s.advance(48 * time.Hour)
	s.is("o1", "need_action", "payment completed 9.99", "need_action")
	o, err := s.provider.Order("o1")
	if err != nil || o.ToldMinor != 999 || o.Minor != 1999 || !slices.Equal(o.Decisions, []string{"fail", "cancel", "complete", "set"}) {
		t.Errorf("got %+v, %v", o, err)
	}
	s.decide("o1", "complete")
	s.is("o1", "completed", "payment completed 9.99", "need_action completed")
}

func TestCallback_Retries(t *testing.T) {
	t.Parallel()
	s := setup(t, func(c *vertex.Config) { c.CallbackURL = "http://127.0.0.1:1/unused" })
	s.create("o1", "")
	s.shop.says(http.StatusInternalServerError)
	s.decide("o1", "cancel")
	for _, step := range []struct {
		after time.Duration
		calls int
	}{{0, 1}, {time.Second, 2}, {5 * time.Second, 3}, {24 * time.Second, 3}, {time.Second, 4}, {time.Hour, 4}} {
		s.advance(step.after)
		if n := len(s.shop.heard()); n != step.calls {
			t.Errorf("after %s: %d calls, want %d", step.after, n, step.calls)
		}
	}
	if d := s.world.Post.Latest(1, "o1")[0]; d.State != world.GivenUp {
		t.Errorf("it is %s", d.State)
	}
	s.shop.says(http.StatusAccepted)
	if _, err := s.world.Post.Replay("d1", 1, 0); err != nil {
		t.Fatal(err)
	}
	s.drain()
	if d := s.world.Post.Latest(1, "o1")[0]; d.State != world.Delivered {
		t.Errorf("it is %s", d.State)
	}
}

func TestCallback_Signature(t *testing.T) {
	t.Parallel()
	for mode := range map[string]bool{vertex.SignHMAC: true, vertex.SignConcat: true} {
		s := setup(t, func(c *vertex.Config) { c.SignMode = mode })
		s.create("o1", "")
		s.decide("o1", "cancel")
		c := s.shop.heard()[0]
		if c.signature != vertex.Sign(mode, vertex.DemoCallbackSecret, c.body) || len(c.signature) != 128 || c.path != "/hook" {
			t.Errorf("%s: got %+v", mode, c)
		}
		var in struct{ Data details }
		if err := json.Unmarshal(c.body, &in); err != nil || in.Data.OrderNumber != "o1" || in.Data.ShopID != 115 || in.Data.ID != 800001 {
			t.Errorf("got %s", c.body)
		}
	}
	// Made with openssl: dgst -sha512, with and without -hmac sbx_vertex_callback_1.
	body := []byte(`{"data":{"id":800003,"shopId":115,"orderNumber":"WEB-000123","orderStatus":"cancelled","cost":{"amount":"56.99","currency":"PHP"},"payments":[]}}`)
	for mode, want := range map[string]string{
		vertex.SignHMAC: "3404be679aee1f7c27d7d103065e040a2adf4ab0d01a42a0951703f2a13c1c9f" +
			"d4ef275279f2c1f7272804ff68be88d92d3a23cc5d7f4dd912d7fc99a3ff5f3f",
		vertex.SignConcat: "84cab8fc81fa5671a1cac9cf4312cba27fb9925924b7bdb975bb933fefb4b990" +
			"f4a28acf62c56793745e5df52ad8b3bfd07a01db5ee432575c204024aeb90b7c",
	} {
		if got := vertex.Sign(mode, vertex.DemoCallbackSecret, body); got != want {
			t.Errorf("%s: got %s", mode, got)
		}
	}
}

func TestNew_Refusals(t *testing.T) {
	t.Parallel()
	w := world.New(world.Options{Now: func() time.Time { return begin }, Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(w.Close)
	for name, c := range map[string]vertex.Config{
		"a negative time": {ClearAfter: -1}, "a negative hold": {HoldFor: -1}, "an odd mode": {SignMode: "md5"}, "a negative shop": {ShopID: -1},
	} {
		if _, err := vertex.New(w, c); err == nil || !strings.HasPrefix(err.Error(), "vertex: new: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// One order, many hands: exactly one of them pays.
func TestPay_OneWinner(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.create("o1", "")
	var wg sync.WaitGroup
	won := make(chan string, 50)
	for range 50 {
		wg.Go(func() {
			if _, _, err := s.provider.Decide(t.Context(), "o1", world.Decision{Decision: "approve"}); err == nil {
				won <- "approve"
			}
			s.provider.Orders(0)
		})
	}
	wg.Wait()
	if len(won) != 1 {
		t.Errorf("%d paid", len(won))
	}
	s.is("o1", "in_progress", "payment in_progress 19.99", "")
}

func TestMaxOrders(t *testing.T) {
	t.Parallel()
	s := setup(t, func(c *vertex.Config) { c.MaxOrders = 2 })
	page := s.create("o1", `,"timeLimit":"2030-06-15T10:30:00Z"`)
	s.create("o2", "")
	s.create("o3", "")
	s.api("GET", "order/115/o1", "").want(http.StatusNotFound)
	s.send("GET", page, "").want(http.StatusNotFound)
	s.advance(time.Hour)
	if len(s.provider.Orders(0)) != 2 || len(s.provider.Orders(1)) != 1 || s.shop.told() != "" {
		t.Error("the forgotten order lives on")
	}
}
