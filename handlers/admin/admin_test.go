package admin

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"till/cashier"
	"till/handlers/web"
	"till/models"
	"till/models/modelstest"
	"till/money"
	"till/providers"
	"till/providers/providertest"

	page "till/views/admin"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // as the program does
	gin.SetMode(gin.ReleaseMode)
	os.Exit(m.Run())
}

const (
	ownerEmail  = "olive@shop.test"
	viewerEmail = "vera@shop.test"
	password    = "nine lives of a cat"
)

// passwordHash is made once: it is meant to be slow.
var passwordHash = sync.OnceValues(func() (string, error) { return HashPassword(password) })

// fake is a provider that can be asked, with an answer that tests choose.
type fake struct {
	mu      sync.Mutex
	refs    int
	answers map[string]providers.Report // by reference
	err     error                       // of every question
	asked   int
	during  func() // runs in the middle of a question
}

func (*fake) Name() string                 { return "acme" }
func (*fake) Label() string                { return "Acme <Pay>" }
func (*fake) Currencies() []money.Currency { return []money.Currency{"NZD"} }
func (*fake) PageOrigins() []string        { return []string{"https://pay.test"} }

func (*fake) Methods(context.Context, money.Currency) ([]providers.Method, error) {
	return nil, errWire
}

func (*fake) MethodLabel(name string) string { return "Called " + name }

func (f *fake) Start(_ context.Context, req providers.StartRequest) (providers.Started, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refs++
	ref := fmt.Sprintf("acme-%d", f.refs)
	f.answers[ref] = providers.Report{
		Ref: ref, PaymentID: req.PaymentID, Outcome: providers.Open, Amount: req.Amount, Word: "created", Status: 201, Raw: []byte(`{"status":"created"}`),
	}
	return providers.Started{Ref: ref, URL: "https://pay.test/" + ref, Data: json.RawMessage(`{}`), Report: f.answers[ref]}, nil
}

func (f *fake) Lookup(_ context.Context, p providers.Payment) (providers.Report, error) {
	f.mu.Lock()
	f.asked++
	r, err, during := f.answers[p.Ref], f.err, f.during
	f.mu.Unlock()
	if during != nil {
		during()
	}
	return r, err
}

func (*fake) Callback(providers.Delivery) (providers.Notice, error) { return providers.Notice{}, nil }

func (*fake) CallbackAnswer() providers.Answer { return providers.Answer{Status: 200} }

// say is what the provider answers about a payment from now on.
func (f *fake) say(ref string, o providers.Outcome, word string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.answers[ref]
	r.Outcome, r.Word, r.Status, r.Raw = o, word, 200, []byte(`{"status":"`+word+`"}`)
	f.answers[ref] = r
}

// fail is how every question ends from now on; nil ends that.
func (f *fake) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
}

func (f *fake) questions() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

// assets stand in for the embedded files.
type assets struct{}

func (assets) URL(name string) string     { return "/static/" + name }
func (assets) SRI(string) string          { return "sha384-x" }
func (assets) Picture(name string) string { return "/static/" + name }

type bench struct {
	modelstest.Bench
	pages    Pages
	engine   *gin.Engine
	pay      *fake
	full     *providertest.Fake // "full": can do everything
	log      *strings.Builder
	products map[string]models.Product
	owner    models.Staff
	viewer   models.Staff
}

// each runs a test on both databases, with an owner and a viewer.
func each(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Helper()
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, db modelstest.Bench) { test(t, setup(t, db, "http://shop.test")) })
}

func setup(t *testing.T, db modelstest.Bench, publicURL string) *bench {
	t.Helper()
	b := &bench{Bench: db, pay: &fake{answers: map[string]providers.Report{}}, full: providertest.NewFake("full"), log: &strings.Builder{}}
	log := slog.New(slog.NewJSONHandler(&guarded{out: b.log}, nil))
	zone, err := time.LoadLocation("Pacific/Auckland")
	if err != nil {
		t.Fatal(err)
	}
	shop := web.Shop{Name: "Kauri & Clay", Currencies: []money.Currency{"NZD"}, Location: zone, PublicURL: publicURL}
	orders, payments := models.NewOrders(db.DB), models.NewPayments(db.DB)
	seal, err := NewSeal(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	b.pages = Pages{
		Log: log, Shop: shop, DB: db.DB, Assets: assets{}, Seal: seal, Drafts: NewDrafts(seal), Sessions: NewSessions(models.NewStaffSessions(db.DB), shop.Secure()),
		Staff: models.NewStaff(db.DB), Throttles: models.NewThrottles(db.DB), Orders: orders, Payments: payments,
		Deliveries: models.NewDeliveries(db.DB), Mails: models.NewMails(db.DB), Inbox: models.NewInbox(db.DB), Products: models.NewProducts(db.DB),
		Cashier: cashier.New(cashier.Config{
			Payments: payments, Orders: orders, Inbox: models.NewInbox(db.DB), Providers: []providers.Provider{b.pay, b.full.Full()}, PublicURL: publicURL,
			NewID: rand.Text, NewKey: rand.Text, Log: log, Pace: cashier.Growing,
		}),
	}
	b.products = modelstest.Catalogue(t, db)
	b.owner, b.viewer = b.staff(t, ownerEmail, models.RoleOwner), b.staff(t, viewerEmail, models.RoleViewer)
	b.engine = engine(t, b.pages)
	return b
}

// engine has the rooms of the dashboard at their addresses.
func engine(t *testing.T, h Pages) *gin.Engine {
	t.Helper()
	r, room := gin.New(), web.Room{Log: h.Log, Problem: h.Problem}
	if err := r.SetTrustedProxies(nil); err != nil {
		t.Fatal(err)
	}
	r.Use(web.Identify(), web.Recover(room), web.SameOrigin(room))
	r.GET("/admin/login", room.Handle(h.LoginForm))
	r.POST("/admin/login", room.Handle(h.Login))
	r.GET("/admin/login/code", room.Handle(h.LoginCode))
	r.POST("/admin/login/code", room.Handle(h.CheckCode))
	r.GET("/admin/invitations/:token", room.Handle(h.Invitation))
	r.POST("/admin/invitations/:token", room.Handle(h.AcceptInvitation))
	staff := r.Group("/admin", h.Guard())
	staff.POST("/logout", room.Handle(h.Logout))
	staff.GET("/orders", room.Handle(h.List))
	staff.GET("/orders.csv", room.Handle(h.ExportOrders))
	staff.POST("/orders/views", room.Handle(h.SaveView))
	staff.POST("/orders/views/:view/delete", room.Handle(h.DeleteView))
	staff.POST("/orders/bulk", room.Handle(h.Bulk))
	staff.POST("/orders/bulk/confirm", room.Handle(h.BulkConfirm))
	staff.GET("/orders/:number", room.Handle(h.Order))
	staff.POST("/orders/:number/payments/:payment/settle", room.Handle(h.Settle))
	staff.GET("/orders/:number/refunds", room.Handle(h.AskRefund))
	staff.POST("/orders/:number/refunds", room.Handle(h.Refund))
	staff.POST("/orders/:number/refunds/preview", room.Handle(h.PreviewRefund))
	for _, verb := range []page.Verb{page.VerbCapture, page.VerbVoid, page.VerbReverse} {
		staff.GET("/orders/:number/"+string(verb), room.Handle(h.AskAct(verb)))
		staff.POST("/orders/:number/"+string(verb), room.Handle(h.Act(verb)))
	}
	for _, verb := range []page.Verb{page.VerbReceived, page.VerbCancel} {
		staff.GET("/orders/:number/"+string(verb), room.Handle(h.AskAct(verb)))
		staff.POST("/orders/:number/"+string(verb), room.Handle(h.Close(verb)))
	}
	for _, verb := range []page.Verb{page.VerbRepeat, page.VerbForget} {
		staff.GET("/orders/:number/operations/:operation/"+string(verb), room.Handle(h.AskDecide(verb)))
		staff.POST("/orders/:number/operations/:operation/"+string(verb), room.Handle(h.Decide(verb)))
	}
	staff.POST("/orders/:number/notes", room.Handle(h.Note))
	staff.POST("/orders/:number/recompute", room.Handle(h.Recompute))
	staff.POST("/orders/:number/mails/:mail/resend", room.Handle(h.Resend))
	staff.POST("/orders/:number/pack", room.Handle(h.Pack))
	staff.POST("/orders/:number/unpack", room.Handle(h.Unpack))
	staff.GET("/orders/:number/ship", room.Handle(h.AskShip))
	staff.POST("/orders/:number/ship", room.Handle(h.Ship))
	staff.POST("/orders/:number/unship", room.Handle(h.Unship))
	staff.GET("/orders/:number/documents/:document", room.Handle(h.Document))
	staff.GET("/orders/:number/packing-slip", room.Handle(h.PackingSlip))
	staff.GET("/approvals", room.Handle(h.Approvals))
	staff.GET("/approvals/:approval", room.Handle(h.Approval))
	staff.POST("/approvals/:approval/approve", room.Handle(h.Approve))
	staff.POST("/approvals/:approval/decline", room.Handle(h.Decline))
	staff.POST("/approvals/:approval/withdraw", room.Handle(h.Withdraw))
	staff.GET("", room.Handle(h.Overview))
	staff.GET("/payments", room.Handle(h.PaymentList))
	staff.GET("/refunds", room.Handle(h.RefundList))
	staff.GET("/inbox", room.Handle(h.Waiting))
	staff.GET("/inbox/:item", room.Handle(h.Item))
	staff.POST("/inbox/:item/accept", room.Handle(h.Accept))
	staff.POST("/inbox/:item/attach", room.Handle(h.Attach))
	staff.GET("/staff", room.Handle(h.Members))
	staff.GET("/staff/:member", room.Handle(h.Member))
	staff.POST("/staff/:member/role", room.Handle(h.SetRole))
	staff.POST("/staff/:member/disable", room.Handle(h.Disable))
	staff.POST("/staff/:member/enable", room.Handle(h.Enable))
	staff.POST("/staff/:member/reset", room.Handle(h.ResetFactor))
	staff.POST("/staff/invitations", room.Handle(h.Invite))
	staff.POST("/staff/invitations/:invitation/revoke", room.Handle(h.RevokeInvitation))
	staff.GET("/account", room.Handle(h.Account))
	staff.POST("/account/name", room.Handle(h.Rename))
	staff.POST("/account/password", room.Handle(h.ChangePassword))
	staff.POST("/account/sessions/end", room.Handle(h.EndSession))
	staff.POST("/account/sessions/end-others", room.Handle(h.EndOtherSessions))
	staff.GET("/account/second-factor", room.Handle(h.Factor))
	staff.POST("/account/second-factor", room.Handle(h.BeginFactor))
	staff.POST("/account/second-factor/confirm", room.Handle(h.ConfirmFactor))
	staff.POST("/account/second-factor/off", room.Handle(h.StopFactor))
	staff.POST("/account/second-factor/codes", room.Handle(h.RenewCodes))
	staff.GET("/audit", room.Handle(h.Audit))
	staff.POST("/audit/export", room.Handle(h.ExportAudit))
	staff.GET("/deliveries", room.Handle(h.Wires))
	staff.GET("/deliveries/:id", room.Handle(h.Wire))
	staff.POST("/deliveries/:id/redeliver", room.Handle(h.Redeliver))
	staff.GET("/providers", room.Handle(h.Lines))
	staff.POST("/providers/:provider/test", room.Handle(h.TestLine))
	staff.GET("/closes", room.Handle(h.Closes))
	staff.POST("/closes/check", room.Handle(h.CheckCloses))
	staff.POST("/closes/export", room.Handle(h.ExportCloses))
	staff.GET("/closes/:day", room.Handle(h.CloseOf))
	staff.POST("/closes/:day/export", room.Handle(h.ExportDay))
	staff.GET("/statements", room.Handle(h.Statements))
	staff.POST("/statements", room.Handle(h.SendStatement))
	staff.GET("/statements/uploads/:upload", room.Handle(h.AskMapping))
	staff.POST("/statements/uploads/:upload", room.Handle(h.ReadStatement))
	staff.POST("/statements/uploads/:upload/forget", room.Handle(h.ForgetUpload))
	staff.GET("/statements/:id", room.Handle(h.Statement))
	staff.GET("/statements/:id/remove", room.Handle(h.AskRemoveStatement))
	staff.POST("/statements/:id/remove", room.Handle(h.RemoveStatement))
	staff.POST("/statements/:id/export", room.Handle(h.ExportStatement))
	h.Drafts.Know(r.Routes())
	return r
}

// guarded lets several requests write one log.
type guarded struct {
	mu  sync.Mutex
	out *strings.Builder
}

func (g *guarded) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.out.Write(p)
}

func (b *bench) staff(t *testing.T, email string, role models.Role) models.Staff {
	t.Helper()
	hash, err := passwordHash()
	if err != nil {
		t.Fatal(err)
	}
	one, err := b.pages.Staff.Add(t.Context(), email, role, hash)
	if err != nil {
		t.Fatal(err)
	}
	return one
}

// order places an order of NZD 25.00, changed by change, and sends its shopper
// to the provider.
func (b *bench) order(t *testing.T, change func(*models.Placement)) (models.Order, models.Payment) {
	t.Helper()
	p := modelstest.Placement(t, b.products, "acme")
	if change != nil {
		change(&p)
	}
	order := modelstest.Place(t, b.Bench, p)
	if p.Payment.Provider != "acme" {
		pay, err := b.pages.Payments.ByID(t.Context(), p.Payment.ID)
		if err != nil {
			t.Fatal(err)
		}
		return order, pay
	}
	pay, err := b.pages.Cashier.Start(t.Context(), p.Payment.ID, models.Cause{Actor: "shopper", Source: "checkout"})
	if err != nil {
		t.Fatal(err)
	}
	return order, pay
}

// paid is order, paid for.
func (b *bench) paid(t *testing.T, change func(*models.Placement)) (models.Order, models.Payment) {
	t.Helper()
	order, pay := b.order(t, change)
	b.pay.say(pay.Ref, providers.Paid, "completed")
	pay, err := b.pages.Cashier.Settle(t.Context(), pay.ID, models.Cause{Actor: "shopper", Source: "return page"})
	if err != nil {
		t.Fatal(err)
	}
	return order, pay
}

// count is how many rows of a table there are.
func (b *bench) count(t *testing.T, table string) (n int) {
	t.Helper()
	pool, _, err := b.DB.SQL()
	if err != nil {
		t.Fatal(err)
	}
	if err := pool.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// freeze makes a SQLite file refuse every write, or take them again.
func (b *bench) freeze(t *testing.T, frozen bool) {
	t.Helper()
	pool, _, err := b.DB.SQL()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pool.ExecContext(t.Context(), fmt.Sprintf("PRAGMA query_only = %t", frozen)); err != nil {
		t.Fatal(err)
	}
}

// browser keeps cookies and follows nothing.
type browser struct {
	engine  http.Handler
	host    string // where it calls from
	cookies map[string]string
}

func (b *bench) browser() *browser {
	return &browser{engine: b.engine, host: "192.0.2.1:1234", cookies: map[string]string{}}
}

func (w *browser) send(method, path string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://shop.test"+path, strings.NewReader(form.Encode()))
	r.RemoteAddr = w.host
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for name, value := range w.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	out := httptest.NewRecorder()
	w.engine.ServeHTTP(out, r)
	for _, c := range out.Result().Cookies() {
		if w.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(w.cookies, c.Name)
		}
	}
	return out
}

func (w *browser) get(path string) *httptest.ResponseRecorder {
	return w.send(http.MethodGet, path, nil)
}

func (w *browser) post(path string, form url.Values) *httptest.ResponseRecorder {
	return w.send(http.MethodPost, path, form)
}

func (w *browser) login(email, password string) *httptest.ResponseRecorder {
	return w.post("/admin/login", url.Values{"email": {email}, "password": {password}})
}

// signedIn is a browser of somebody who is signed in. The password is not asked
// for: checking one is meant to be slow.
func (b *bench) signedIn(t *testing.T, email string) *browser {
	t.Helper()
	one, err := b.pages.Staff.ByEmail(t.Context(), email)
	if err != nil {
		t.Fatal(err)
	}
	out := httptest.NewRecorder()
	in := models.SignIn{StaffID: one.ID, Hash: one.PasswordHash, Agent: "Firefox on Linux", Address: "192.0.2.1"}
	begin := func(in models.SignIn) error { return b.pages.Sessions.rows.Begin(t.Context(), in) }
	if err := b.pages.Sessions.open(httptest.NewRequest(http.MethodPost, "http://shop.test/admin/login", nil), out, in, data{}, begin); err != nil {
		t.Fatal(err)
	}
	w := b.browser()
	for _, c := range out.Result().Cookies() {
		w.cookies[c.Name] = c.Value
	}
	return w
}

// seen is a page as a reader has it: a space is a space.
func seen(got *httptest.ResponseRecorder) string {
	return strings.ReplaceAll(html.UnescapeString(got.Body.String()), "\u00a0", " ")
}

// want checks a status, and texts that a reader of the page sees.
func want(t *testing.T, got *httptest.ResponseRecorder, status int, texts ...string) {
	t.Helper()
	if got.Code != status {
		t.Fatalf("answered %d, want %d", got.Code, status)
	}
	seen := seen(got)
	for _, text := range texts {
		if !strings.Contains(seen, text) {
			t.Errorf("page lacks %q", text)
		}
	}
}

// wantAway checks a redirect.
func wantAway(t *testing.T, got *httptest.ResponseRecorder, to string) {
	t.Helper()
	want(t, got, http.StatusSeeOther)
	if at := got.Header().Get("Location"); at != to {
		t.Fatalf("leads to %q, want %q", at, to)
	}
}

func lacks(t *testing.T, got *httptest.ResponseRecorder, texts ...string) {
	t.Helper()
	seen := seen(got)
	for _, text := range texts {
		if strings.Contains(seen, text) {
			t.Errorf("page has %q", text)
		}
	}
}

func TestGuard(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		order, pay := b.order(t, nil)
		settle := orderURL(order.Number()) + "/payments/" + pay.ID + "/settle"
		nobody := b.browser()
		wantAway(t, nobody.get("/admin/orders?status=paid&q=ann%40x"), "/admin/login?next=%2Fadmin%2Forders%3Fstatus%3Dpaid%26q%3Dann%2540x")
		wantAway(t, nobody.get(orderURL(order.Number())), "/admin/login?next=%2Fadmin%2Forders%2F"+order.Number())
		wantAway(t, nobody.post(settle, nil), "/admin/login?next=%2Fadmin%2Forders%2F"+order.Number())
		wantAway(t, nobody.post("/admin/logout", nil), "/admin/login")
		if b.pay.questions() != 0 {
			t.Error("somebody who is not signed in made us ask")
		}

		stranger := b.browser()
		stranger.cookies["till-staff"] = newToken()
		wantAway(t, stranger.get("/admin/orders"), "/admin/login?next=%2Fadmin%2Forders")
		want(t, stranger.get("/admin/login"), 200, "You were signed out because nothing happened for a while.")

		owner := b.signedIn(t, ownerEmail)
		want(t, owner.get("/admin/orders"), 200, ownerEmail)
		wantAway(t, owner.get("/admin/login?next=/admin/orders/"+order.Number()), orderURL(order.Number()))
	})
}

func TestGuard_CrossSite(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		order, pay := b.order(t, nil)
		owner := b.signedIn(t, ownerEmail)
		r := httptest.NewRequest(http.MethodPost, orderURL(order.Number())+"/payments/"+pay.ID+"/settle", nil)
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.AddCookie(&http.Cookie{Name: "till-staff", Value: owner.cookies["till-staff"]})
		out := httptest.NewRecorder()
		b.engine.ServeHTTP(out, r)
		want(t, out, http.StatusForbidden, "The request did not come from a page of this dashboard")
		if b.pay.questions() != 0 {
			t.Error("another site made us ask")
		}
	})
}

// A database that cannot be read says nothing about who is signed in.
func TestDatabaseGone(t *testing.T) {
	t.Parallel()
	name := modelstest.Name(t, "postgres")
	line := newLine(t, name)
	b := setup(t, modelstest.OpenNamed(t, line.name), "http://shop.test")
	order, _ := b.order(t, nil)
	owner := b.signedIn(t, ownerEmail)
	want(t, owner.get("/admin/orders"), 200, order.Number())
	line.cut()
	for range 20 { // each connection of the pool breaks in the middle of one question
		if owner.get("/admin/orders").Code == http.StatusServiceUnavailable {
			break
		}
	}
	for _, path := range []string{"/admin/orders", orderURL(order.Number()), "/admin/login"} {
		got := owner.get(path)
		want(t, got, http.StatusServiceUnavailable, "The database did not answer")
		lacks(t, got, "Need attention", "dial", "127.0.0.1")
		if got.Header().Get("Retry-After") == "" {
			t.Error("does not say when to try again")
		}
	}
	want(t, owner.login(ownerEmail, password), http.StatusServiceUnavailable)
	want(t, owner.post("/admin/logout", nil), http.StatusServiceUnavailable)
	if owner.cookies["till-staff"] == "" {
		t.Error("the cookie was taken away")
	}
	line.mend(t)
	want(t, owner.get("/admin/orders"), 200, order.Number())
}

// Where the database can only be read, staff may look and nothing more.
func TestDatabaseReadOnly(t *testing.T) {
	t.Parallel()
	b := setup(t, modelstest.Open(t, "sqlite"), "http://shop.test")
	order, pay := b.order(t, nil)
	owner := b.signedIn(t, ownerEmail)
	b.freeze(t, true)
	defer b.freeze(t, false)
	b.Clock.Pass(touchEvery)
	want(t, owner.get("/admin/orders"), 200, order.Number())
	want(t, owner.post(orderURL(order.Number())+"/payments/"+pay.ID+"/settle", nil), http.StatusServiceUnavailable, "The database did not answer")
	want(t, b.browser().login(ownerEmail, password), http.StatusServiceUnavailable)
	want(t, owner.post("/admin/logout", nil), http.StatusServiceUnavailable)
	want(t, owner.get("/admin/orders"), 200)
}

var errWire = errors.New("connection reset by peer")
