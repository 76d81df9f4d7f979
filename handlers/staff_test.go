package handlers_test

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"till/cashier"
	"till/handlers"
	"till/handlers/web"
	"till/models"
	"till/models/modelstest"
	"till/money"
	"till/providers"
	"till/providers/providertest"
	"till/static"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // as the program does
	gin.SetMode(gin.ReleaseMode)
	os.Exit(m.Run())
}

// right is who may do something, as the page for everybody else says it.
type right struct {
	says string
	who  []models.Role
}

var (
	anybody   = right{"", models.Roles()}
	change    = right{"changes an order, or asks its provider,", []models.Role{models.RoleClerk, models.RoleManager, models.RoleOwner}}
	refund    = right{"gives money back", []models.Role{models.RoleManager, models.RoleOwner}}
	decide    = right{"decides about money that does not add up", []models.Role{models.RoleManager, models.RoleOwner}}
	sell      = right{"changes what is for sale", []models.Role{models.RoleManager, models.RoleOwner}}
	export    = right{"takes lists out of the house", []models.Role{models.RoleManager, models.RoleOwner}}
	books     = right{"reads statements of providers and banks in", []models.Role{models.RoleManager, models.RoleOwner}}
	readAudit = right{"reads what staff did", []models.Role{models.RoleManager, models.RoleOwner}}
	staff     = right{"changes who is on the staff", []models.Role{models.RoleOwner}}
	house     = right{"changes the settings of the shop", []models.Role{models.RoleOwner}}
)

// posts is every address of the dashboard that does something, with the right it
// needs. An address that is missing here fails the test: say who may.
var posts = map[string]right{
	"/admin/logout": anybody,

	"/admin/orders/:number/payments/:payment/settle":     change,
	"/admin/orders/:number/refunds":                      refund,
	"/admin/orders/:number/refunds/preview":              refund,
	"/admin/orders/:number/captures":                     change,
	"/admin/orders/:number/voids":                        change,
	"/admin/orders/:number/reversals":                    refund,
	"/admin/orders/:number/received":                     decide,
	"/admin/orders/:number/cancel":                       change,
	"/admin/orders/:number/operations/:operation/repeat": refund,
	"/admin/orders/:number/operations/:operation/forget": refund,
	"/admin/orders/:number/notes":                        change,
	"/admin/orders/:number/recompute":                    change,
	"/admin/orders/:number/mails/:mail/resend":           change,
	"/admin/orders/:number/pack":                         change,
	"/admin/orders/:number/unpack":                       change,
	"/admin/orders/:number/ship":                         change,
	"/admin/orders/:number/unship":                       change,
	"/admin/orders/views":                                anybody,
	"/admin/orders/views/:view/delete":                   anybody,
	"/admin/orders/bulk":                                 change,
	"/admin/orders/bulk/confirm":                         change,
	"/admin/approvals/:approval/approve":                 refund,
	"/admin/approvals/:approval/decline":                 refund,
	"/admin/approvals/:approval/withdraw":                refund,
	"/admin/inbox/:item/accept":                          decide,
	"/admin/inbox/:item/attach":                          decide,
	"/admin/deliveries/:id/redeliver":                    change,
	"/admin/providers/:provider/test":                    change,

	"/admin/staff/:member/role":                   staff,
	"/admin/staff/:member/disable":                staff,
	"/admin/staff/:member/enable":                 staff,
	"/admin/staff/:member/reset":                  staff,
	"/admin/staff/invitations":                    staff,
	"/admin/staff/invitations/:invitation/revoke": staff,
	"/admin/account/name":                         anybody,
	"/admin/account/password":                     anybody,
	"/admin/account/sessions/end":                 anybody,
	"/admin/account/sessions/end-others":          anybody,
	"/admin/account/second-factor":                anybody,
	"/admin/account/second-factor/confirm":        anybody,
	"/admin/account/second-factor/off":            anybody,
	"/admin/account/second-factor/codes":          anybody,
	"/admin/audit/export":                         readAudit,

	"/admin/products/new":                sell,
	"/admin/products/:id":                sell,
	"/admin/products/:id/archive":        sell,
	"/admin/products/:id/restore":        sell,
	"/admin/products/:id/up":             sell,
	"/admin/products/:id/down":           sell,
	"/admin/products/:id/picture":        sell,
	"/admin/products/:id/picture/remove": sell,

	"/admin/closes/check":                      books,
	"/admin/closes/export":                     export,
	"/admin/closes/:day/export":                export,
	"/admin/statements":                        books,
	"/admin/statements/uploads/:upload":        books,
	"/admin/statements/uploads/:upload/forget": books,
	"/admin/statements/:id/remove":             books,
	"/admin/statements/:id/export":             export,

	"/admin/settings":             house,
	"/admin/settings/logo":        house,
	"/admin/settings/logo/remove": house,
}

// outside are the addresses that do something for who is not signed in yet.
var outside = []string{"/admin/login", "/admin/login/code", "/admin/invitations/:token"}

// office is the whole program's addresses over a shop with one of everything.
type office struct {
	modelstest.Bench
	t      *testing.T
	engine *gin.Engine
	people map[models.Role]models.Staff
	params map[string]string // of addresses
}

func offices(t *testing.T, test func(t *testing.T, o *office)) {
	t.Helper()
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) { test(t, open(t, b)) })
}

func open(t *testing.T, b modelstest.Bench) *office {
	t.Helper()
	ctx, full, log := t.Context(), providertest.NewFake("full"), slog.New(slog.DiscardHandler)
	orders, payments := models.NewOrders(b.DB), models.NewPayments(b.DB)
	desk := cashier.New(cashier.Config{
		Payments: payments, Orders: orders, Inbox: models.NewInbox(b.DB), Providers: []providers.Provider{full.Full()}, PublicURL: "http://shop.test",
		NewID: rand.Text, NewKey: uuid.NewString, Log: log, Pace: cashier.Growing,
	})
	assets, err := static.New()
	if err != nil {
		t.Fatal(err)
	}
	h, err := handlers.New(handlers.Deps{
		Log: log, DB: b.DB, Cashier: desk, Assets: assets, NewID: rand.Text, Secret: "a secret that is long enough for this test",
		Shop: web.Shop{Name: "Kauri & Clay", Currencies: []money.Currency{"NZD"}, Location: time.UTC, PublicURL: "http://shop.test"},
	})
	if err != nil {
		t.Fatal(err)
	}
	engine, ok := h.(*gin.Engine)
	if !ok {
		t.Fatalf("the addresses are %T", h)
	}
	o := &office{Bench: b, t: t, engine: engine, people: map[models.Role]models.Staff{}}
	for _, r := range models.Roles() {
		if o.people[r], err = models.NewStaff(b.DB).Add(ctx, string(r)+"@shop.test", r, "hash"); err != nil {
			t.Fatal(err)
		}
	}
	other, err := models.NewStaff(b.DB).Add(ctx, "other@shop.test", models.RoleViewer, "hash")
	if err != nil {
		t.Fatal(err)
	}

	p := modelstest.Placement(t, modelstest.Catalogue(t, b), "full")
	order := modelstest.Place(t, b, p)
	pay, err := desk.Start(ctx, p.Payment.ID, models.Cause{Actor: "shopper", Source: "checkout"})
	if err != nil {
		t.Fatal(err)
	}
	full.Say(pay.Ref, providers.Paid, 0)
	if _, err = desk.Settle(ctx, pay.ID, models.Cause{Actor: "provider", Source: "callback 1"}); err != nil {
		t.Fatal(err)
	}
	full.Mu.Lock()
	full.Errs["refund"] = &providers.Error{Provider: "full", Op: "refund", Kind: providers.KindUnavailable}
	full.Mu.Unlock()
	op, err := desk.Do(ctx, models.Reservation{
		PaymentID: pay.ID, Kind: models.OperationRefund, Key: uuid.NewString(), Amount: money.Amount{Minor: 100, Currency: "NZD"}, Note: "chipped",
		Cause: models.Cause{Actor: "staff owner@shop.test", Source: "dashboard"},
	})
	if err != nil || op.State != models.OperationUnknown {
		t.Fatal(op, err)
	}
	id := func(n int64) string { return strconv.FormatInt(n, 10) }
	o.params = map[string]string{"number": order.Number(), "payment": pay.ID, "operation": id(op.ID), "member": id(other.ID), "provider": "full"}
	return o
}

// posts are the addresses that do something behind the login.
func (o *office) posts() (all []string) {
	for _, r := range o.engine.Routes() {
		if r.Method == http.MethodPost && strings.HasPrefix(r.Path, "/admin/") && !slices.Contains(outside, r.Path) {
			all = append(all, r.Path)
		}
	}
	slices.Sort(all)
	return all
}

// at is an address of something that is there, or of the first of its kind.
func (o *office) at(pattern string) string {
	parts := strings.Split(pattern, "/")
	for i, p := range parts {
		if name, ok := strings.CutPrefix(p, ":"); ok {
			if parts[i] = o.params[name]; parts[i] == "" {
				parts[i] = "1"
			}
		}
	}
	return strings.Join(parts, "/")
}

// signIn opens a session and returns its cookie.
func (o *office) signIn(one models.Staff) *http.Cookie {
	o.t.Helper()
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	token := base64.RawURLEncoding.EncodeToString(raw)
	sum := sha256.Sum256([]byte(token))
	err := models.NewStaffSessions(o.DB).Begin(o.t.Context(), models.SignIn{
		Digest: base64.RawURLEncoding.EncodeToString(sum[:]), StaffID: one.ID, Hash: one.PasswordHash, Data: []byte("{}"), Life: time.Hour,
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return &http.Cookie{Name: "till-staff", Value: token}
}

func (o *office) post(path string, form url.Values, cookie *http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "http://shop.test"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if cookie != nil {
		r.AddCookie(cookie)
	}
	out := httptest.NewRecorder()
	o.engine.ServeHTTP(out, r)
	return out
}

// everything is all that the database has.
func (o *office) everything() string {
	o.t.Helper()
	pool, postgres, err := o.DB.SQL()
	if err != nil {
		o.t.Fatal(err)
	}
	tables := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
	if postgres {
		tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() ORDER BY table_name"
	}
	var names []string
	rows, err := pool.QueryContext(o.t.Context(), tables)
	if err != nil {
		o.t.Fatal(err)
	}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			o.t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := rows.Err(); err != nil {
		o.t.Fatal(err)
	}
	_ = rows.Close()
	var all strings.Builder
	for _, name := range names {
		lines := o.lines("SELECT * FROM " + name)
		slices.Sort(lines)
		fmt.Fprintf(&all, "%s %v\n", name, lines)
	}
	return all.String()
}

func (o *office) lines(query string) (all []string) {
	o.t.Helper()
	pool, _, err := o.DB.SQL()
	if err != nil {
		o.t.Fatal(err)
	}
	rows, err := pool.QueryContext(o.t.Context(), query)
	if err != nil {
		o.t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		o.t.Fatal(err)
	}
	for rows.Next() {
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			o.t.Fatal(err)
		}
		all = append(all, fmt.Sprint(values))
	}
	if err := rows.Err(); err != nil {
		o.t.Fatal(err)
	}
	return all
}

// Every address that does something is in the table, and the table has no other.
func TestStaff_Table(t *testing.T) {
	t.Parallel()
	o := open(t, modelstest.Open(t, "sqlite"))
	all := o.posts()
	for _, path := range all {
		if _, ok := posts[path]; !ok {
			t.Errorf("POST %s is in no table: say in posts of this test which right it needs", path)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(posts)) {
		if !slices.Contains(all, path) {
			t.Errorf("POST %s is in the table, and there is no such address", path)
		}
	}
}

// Nobody does anything without a session: what was to be done is not, and the
// login is next.
func TestStaff_NobodySignedIn(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		before := o.everything()
		typed := url.Values{"reason": {"x"}, "note": {"x"}, "key": {uuid.NewString()}, "email": {"x@shop.test"}, "role": {"owner"}}
		for _, path := range o.posts() {
			for name, form := range map[string]url.Values{"empty": nil, "typed": typed} {
				got := o.post(o.at(path), form, nil)
				away := got.Code == http.StatusSeeOther && strings.HasPrefix(got.Header().Get("Location"), "/admin/login")
				asks := got.Code == http.StatusUnauthorized && strings.Contains(got.Body.String(), `action="/admin/login"`)
				if !away && !asks {
					t.Errorf("POST %s, %s: answered %d %s", path, name, got.Code, got.Header().Get("Location"))
				}
			}
		}
		if o.everything() != before {
			t.Error("something was written")
		}
	})
}

// Every address as every role: who may is not stopped, and whoever may not is
// told which right is missing, and nothing is written.
func TestStaff_Roles(t *testing.T) {
	offices(t, func(t *testing.T, o *office) {
		for _, path := range o.posts() {
			need, ok := posts[path]
			if !ok {
				continue // TestStaff_Table says so
			}
			for _, role := range []models.Role{models.RoleViewer, models.RoleClerk, models.RoleManager, models.RoleOwner} {
				cookie := o.signIn(o.people[role])
				before := ""
				if !slices.Contains(need.who, role) {
					before = o.everything()
				}
				got := o.post(o.at(path), nil, cookie)
				if slices.Contains(need.who, role) {
					if got.Code == http.StatusForbidden || got.Code >= http.StatusInternalServerError || strings.HasPrefix(got.Header().Get("Location"), "/admin/login?next") {
						t.Errorf("POST %s as %s: %d %s", path, role, got.Code, got.Header().Get("Location"))
					}
					continue
				}
				if got.Code != http.StatusForbidden || !strings.Contains(got.Body.String(), "Whoever "+need.says) {
					t.Errorf("POST %s as %s: %d, want 403 that says who %s", path, role, got.Code, need.says)
				}
				if o.everything() != before {
					t.Errorf("POST %s as %s was refused and wrote something", path, role)
				}
			}
		}
	})
}
