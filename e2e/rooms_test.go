package e2e_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"mime/multipart"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"golang.org/x/net/html"
)

// The roles of staff, the mightiest first.
var (
	everybody = []string{"owner", "manager", "clerk", "viewer"}
	clerks    = everybody[:3]
	managers  = everybody[:2]
)

// The rights, in the words of the page that says that one is missing.
const (
	toChange = "Whoever changes an order, or asks its provider, needs the role"
	toRefund = "Whoever gives money back needs the role"
	toDecide = "Whoever decides about money that does not add up needs the role"
	toSell   = "Whoever changes what is for sale needs the role"
	toExport = "Whoever takes lists out of the house needs the role"
	toRead   = "Whoever reads statements of providers and banks in needs the role"
	toAudit  = "Whoever reads what staff did needs the role"
)

// room is one page of the dashboard.
type room struct {
	pattern string   // as handlers/routes.go has it, below /admin
	page    string   // what the page calls itself; "" for a file
	who     []string // the roles that may open it; nobody: it is tried elsewhere
	lacks   string   // what the page says to the others

	// at finds out where it is, with what the owner sees; nil where that is said
	// by the pattern.
	at func(s stage, owner office) string
}

// rooms is every page of the dashboard.
func rooms() []room {
	order := func(which, rest string) func(stage, office) string {
		return func(s stage, _ office) string { return "/admin/orders/" + s.orders[which] + rest }
	}
	linked := func(which, rest string) func(stage, office) string {
		return func(s stage, owner office) string {
			at := "/admin/orders/" + s.orders[which]
			return owner.linked(at, at+".*"+rest)
		}
	}
	first := func(list, like string) func(stage, office) string {
		return func(_ stage, owner office) string { return owner.linked(list, like) }
	}
	return []room{
		{pattern: "", page: "admin-overview", who: everybody},
		{pattern: "/orders", page: "admin-orders", who: everybody},
		{pattern: "/orders.csv", who: managers, lacks: toExport},
		{pattern: "/orders/:number", page: "admin-order", who: everybody, at: order("paid", "")},
		{pattern: "/orders/:number/refunds", page: "admin-refund", who: managers, lacks: toRefund, at: linked("paid", "/refunds")},
		{pattern: "/orders/:number/captures", page: "admin-act", who: clerks, lacks: toChange, at: linked("hold", "/captures")},
		{pattern: "/orders/:number/voids", page: "admin-act", who: clerks, lacks: toChange, at: linked("hold", "/voids")},
		{pattern: "/orders/:number/reversals", page: "admin-act", who: managers, lacks: toRefund, at: linked("paid", "/reversals")},
		{pattern: "/orders/:number/received", page: "admin-act", who: managers, lacks: toDecide, at: linked("viewed", "/received")},
		{pattern: "/orders/:number/cancel", page: "admin-act", who: clerks, lacks: toChange, at: linked("viewed", "/cancel")},
		{pattern: "/orders/:number/operations/:operation/repeat", page: "admin-act", who: managers, lacks: toRefund, at: linked("unknown", "/repeat")},
		{pattern: "/orders/:number/operations/:operation/forget", page: "admin-act", who: managers, lacks: toRefund, at: linked("unknown", "/forget")},
		{pattern: "/orders/:number/ship", page: "admin-ship", who: clerks, lacks: toChange, at: order("paid", "/ship")},
		{pattern: "/orders/:number/documents/:document", page: "admin-document", who: everybody, at: linked("paid", "/documents/")},
		{pattern: "/orders/:number/packing-slip", page: "admin-packing-slip", who: everybody, at: order("paid", "/packing-slip")},
		{pattern: "/approvals", page: "admin-approvals", who: everybody},
		{pattern: "/approvals/:approval", page: "admin-approval", who: everybody, at: first("/admin/approvals", "/admin/approvals/")},
		{pattern: "/payments", page: "admin-payments", who: everybody},
		{pattern: "/refunds", page: "admin-refunds", who: everybody},
		{pattern: "/products", page: "admin-products", who: everybody},
		{pattern: "/products/new", page: "admin-product", who: managers, lacks: toSell},
		{pattern: "/products/:id", page: "admin-product", who: everybody, at: first("/admin/products", `/admin/products/\d`)},
		{pattern: "/settings", page: "admin-settings", who: everybody},
		{pattern: "/inbox", page: "admin-inbox", who: everybody},
		{pattern: "/inbox/:item", page: "admin-inbox-item", who: everybody, at: first("/admin/inbox", "/admin/inbox/")},
		{pattern: "/deliveries", page: "admin-deliveries", who: everybody},
		{pattern: "/deliveries/:id", page: "admin-delivery", who: everybody, at: first("/admin/deliveries", "/admin/deliveries/")},
		{pattern: "/providers", page: "admin-providers", who: everybody},
		{pattern: "/staff", page: "admin-staff", who: everybody},
		{pattern: "/staff/:member", page: "admin-member", who: everybody, at: first("/admin/staff", "/admin/staff/")},
		{pattern: "/account", page: "admin-account", who: everybody},
		{pattern: "/account/second-factor", page: "admin-factor", who: everybody},
		{pattern: "/audit", page: "admin-audit", who: managers, lacks: toAudit},
		{pattern: "/closes", page: "admin-closes", who: everybody},
		{pattern: "/closes/:day"}, // TestRooms_ClosedDay: a day that is over takes a shop with a past
		{pattern: "/statements", page: "admin-statements", who: everybody},
		{pattern: "/statements/uploads/:upload", page: "admin-mapping", who: managers, lacks: toRead},
		{pattern: "/statements/:id", page: "admin-statement", who: everybody, at: func(s stage, _ office) string { return s.statement }},
		{pattern: "/statements/:id/remove", page: "admin-statement-remove", who: managers, lacks: toRead, at: func(s stage, _ office) string { return s.statement + "/remove" }},
	}
}

// name is what pictures of it are called.
func (r room) name() string {
	if r.pattern == "" {
		return "room-overview"
	}
	return "room" + strings.NewReplacer("/", "-", ":", "", ".", "-").Replace(r.pattern)
}

// Every page that the dashboard has is in the list above, and no other.
func TestRooms_AllAreThere(t *testing.T) {
	t.Parallel()
	there, listed := staffPages(t), []string{}
	for _, r := range rooms() {
		listed = append(listed, r.pattern)
		if !slices.Contains(there, r.pattern) {
			t.Errorf("no page at /admin%s", r.pattern)
		}
	}
	for _, pattern := range there {
		if !slices.Contains(listed, pattern) {
			t.Errorf("no line for the page /admin%s", pattern)
		}
	}
	if len(there) < 35 {
		t.Errorf("only %d pages were found in the list of addresses", len(there))
	}
}

// staffPages reads the addresses of all pages for staff out of the list of
// addresses.
func staffPages(t *testing.T) (all []string) {
	t.Helper()
	verbs := map[string]string{}
	sources, err := filepath.Glob("../views/admin/act*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(sources, "../handlers/routes.go") {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if spec, ok := n.(*ast.ValueSpec); ok && len(spec.Names) == 1 && len(spec.Values) == 1 {
				if lit, ok := spec.Values[0].(*ast.BasicLit); ok && lit.Kind == token.STRING {
					verbs[spec.Names[0].Name] = unquoted(t, lit)
				}
			}
			loop, ok := n.(*ast.RangeStmt)
			if ok {
				for _, pattern := range patterns(t, loop.Body) {
					for _, one := range loop.X.(*ast.CompositeLit).Elts {
						verb, known := verbs[one.(*ast.SelectorExpr).Sel.Name]
						if !known {
							t.Fatalf("nothing says what %s is in an address", one.(*ast.SelectorExpr).Sel.Name)
						}
						all = append(all, pattern+verb)
					}
				}
				return false
			}
			if call, ok := n.(*ast.ExprStmt); ok {
				all = append(all, patterns(t, call)...)
			}
			return true
		})
	}
	return all
}

// patterns lists the addresses of staff.GET calls below a node, as far as they
// are literal.
func patterns(t *testing.T, below ast.Node) (all []string) {
	t.Helper()
	ast.Inspect(below, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		to, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || to.Sel.Name != "GET" {
			return true
		}
		if on, ok := to.X.(*ast.Ident); !ok || on.Name != "staff" {
			return true
		}
		at := call.Args[0]
		if sum, ok := at.(*ast.BinaryExpr); ok {
			at = sum.X
		}
		lit, ok := at.(*ast.BasicLit)
		if !ok {
			t.Fatal("an address of a page begins with something that is no text")
		}
		all = append(all, unquoted(t, lit))
		return true
	})
	return all
}

func unquoted(t *testing.T, lit *ast.BasicLit) string {
	t.Helper()
	text, err := strconv.Unquote(lit.Value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// stage is a shop in which every page has something to show.
type stage struct {
	*house
	staff     map[string]office // by role
	orders    map[string]string // numbers, by what became of the order
	uploads   map[string]string // by role: where a file waits to be read in
	statement string            // where a file is that was read in
}

func (s stage) owner() office { return s.staff["owner"] }

// address is where a room is for a role.
func (s stage) address(t *testing.T, r room, role string) string {
	t.Helper()
	switch {
	case r.pattern == "/statements/uploads/:upload":
		if own := s.uploads[role]; own != "" {
			return own
		}
		return s.uploads["owner"]
	case r.at != nil:
		return r.at(s, s.owner().lent(t))
	default:
		return "/admin" + r.pattern
	}
}

// linked is where the first link on a page leads whose address is like this.
func (o office) linked(at, like string) string {
	o.t.Helper()
	p, means := o.get(at), regexp.MustCompile(like)
	for _, a := range tagged(p.doc, "a") {
		if to := value(a, "href"); means.MatchString(to) {
			return to
		}
	}
	o.t.Fatalf("no link to %s: %s", like, p)
	return ""
}

// emailOf is how somebody with a role signs in.
func emailOf(role string) string {
	if role == "owner" {
		return staffEmail
	}
	return role + "@shop.example"
}

// hires adds somebody in a role.
func (h *house) hires(role string) {
	h.t.Helper()
	runs(h.t, command{args: []string{"staff", "add", "--email", emailOf(role), "--role", role}, env: h.env, stdin: staffPassword + "\n"})
}

// signedIn is the dashboard with somebody of a role signed in.
func (h *house) signedIn(role string) office {
	h.t.Helper()
	return signInAs(h.t, h.url, emailOf(role), staffPassword)
}

// setStage makes a shop with an order for every page, by what shoppers, the Gate
// and staff do.
func setStage(t *testing.T, kind string) stage {
	t.Helper()
	s := stage{
		house: furnish(t, kind, "EUR,NZD", []string{"GATE_CAPTURE=manual"}, "gate", "pgm"),
		staff: map[string]office{}, orders: map[string]string{}, uploads: map[string]string{},
	}
	for _, role := range everybody {
		if role != "owner" {
			s.hires(role)
		}
		s.staff[role] = s.signedIn(role)
		o := s.staff[role]
		o.sends(o.get("/admin/account"), "/admin/account/second-factor", nil)
	}
	taken := staff("captures", nil)
	for i, one := range []struct {
		what string
		how  func(*visit)
	}{
		{"viewed", goesToThePage},
		{"hold", presses("approve")},
		{"paid", inTurn(presses("approve"), taken)},
		{"refunded", inTurn(presses("approve"), taken, refund(""))},
		{"refund_failed", inTurn(presses("approve"), taken, fails("refund_slow"), refund(""), portal("refund_fail", ""))},
		{"chargeback", inTurn(presses("approve"), taken, portal("chargeback", ""))},
		{"unknown", inTurn(presses("approve"), taken, silence, refund("5.00"))},
		{"waiting", inTurn(presses("approve"), taken)},
	} {
		v := buyer(t, s.house, "gate:card", i+1)
		v.staff = s.owner()
		one.how(v)
		s.orders[one.what] = v.get(v.order).orderNumber()
		if status := one.what; status != "unknown" && status != "waiting" {
			v.sees(v.order, status, patience)
		}
	}
	s.owner().setsLimit("EUR", "50.00")
	s.staff["manager"].refunds(s.orders["waiting"], "100.00", "provider")
	eventually(t, patience, "something waits in the inbox", func() (string, bool) {
		p := s.owner().get("/admin/inbox")
		return p.String(), p.leads("/admin/inbox/") != ""
	})
	for _, role := range managers {
		s.uploads[role] = s.staff[role].uploads("gate", role+".csv", "Reference,Amount,Date\nnobody-knows,1.00,2026-11-20\n")
	}
	read := s.owner().uploads("gate", "read.csv", "Reference,Amount,Date\nnobody-knows,2.00,2026-11-20\n")
	s.statement = strings.TrimPrefix(s.owner().sends(s.owner().get(read), read, url.Values{"do": {"read"}}).url.String(), s.url)
	return s
}

// silence has the next refund be asked for without an answer, and without effect.
func silence(v *visit) {
	v.rules = append(v.rules, v.box.goesWrong(wish{Fault: "unavailable", Endpoint: "refund", Times: 1, Total: v.total()}))
}

// setsLimit has refunds above an amount wait for a second person.
func (o office) setsLimit(currency, amount string) {
	o.t.Helper()
	if p := o.sends(o.get("/admin/settings"), "/admin/settings", url.Values{"limit-" + currency: {amount}}); !strings.Contains(p.text(), "Saved.") {
		o.t.Fatalf("not saved: %s", p)
	}
}

// uploads sends a statement, and returns where it waits to be read in.
func (o office) uploads(provider, name, text string) string {
	o.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if err := form.WriteField("provider", provider); err != nil {
		o.t.Fatal(err)
	}
	part, err := form.CreateFormFile("file", name)
	if err != nil {
		o.t.Fatal(err)
	}
	if _, err := part.Write([]byte(text)); err != nil {
		o.t.Fatal(err)
	}
	if err := form.Close(); err != nil {
		o.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(o.t.Context(), http.MethodPost, o.shop+"/admin/statements", &body)
	if err != nil {
		o.t.Fatal(err)
	}
	req.Header.Set("Content-Type", form.FormDataContentType())
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	resp, err := o.client.Do(req)
	if err != nil {
		o.t.Fatal(err)
	}
	defer resp.Body.Close()
	to, err := resp.Location()
	if err != nil {
		o.t.Fatalf("the file was not taken: %s", resp.Status)
	}
	return to.Path
}

// Every page as each role, as a browser without script gets it: it is there, or
// says which right is missing, and is good HTML.
func TestRooms_Roles(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := setStage(t, kind)
			for _, r := range rooms() {
				if r.who == nil {
					continue
				}
				for _, role := range everybody {
					t.Run(r.name()+" "+role, func(t *testing.T) { s.staff[role].lent(t).opens(s.address(t, r, role), r, role) })
				}
			}
		})
	}
}

// opens opens a page as a role.
func (o office) opens(at string, r room, role string) {
	o.t.Helper()
	p := o.get(at)
	if !slices.Contains(r.who, role) {
		says := p.text()
		if p.status != http.StatusForbidden || p.name() != "admin-problem" || !strings.Contains(says, r.lacks) || !strings.Contains(says, "Your role is "+role) {
			o.t.Errorf("%s as %s says %s, want 403 with %q", at, role, p, r.lacks)
		}
	} else if p.status != http.StatusOK || p.name() != r.page {
		o.t.Errorf("%s as %s is %s, want the page %q", at, role, p, r.page)
	}
	if r.page == "" && p.status == http.StatusOK {
		return // a file
	}
	for _, problem := range checkHTML(p.body) {
		o.t.Errorf("%s as %s: %s", at, role, problem)
	}
}

// Every page as each role in a browser, with script and without: nothing breaks
// the policy, axe finds nothing, and the same forms are there. The owner's are
// looked at by day and night, on a desk and a phone.
func TestRooms_Browser(t *testing.T) {
	t.Parallel()
	if _, err := browserPath(); err != nil {
		missing(t, "chromium", err.Error())
	}
	s := setStage(t, "sqlite")
	all := slices.DeleteFunc(rooms(), func(r room) bool { return r.page == "" })
	for few := range slices.Chunk(all, 8) { // a browser is used for minutes only
		for _, role := range everybody {
			t.Run(few[0].name()+" and on, "+role, func(t *testing.T) {
				t.Parallel()
				sit(t)
				p := newPerson(t, s.url)
				p.takesOver(s.staff[role])
				for _, r := range few {
					p.visits(s, r, role)
					if role == "owner" {
						p.look(r.name())
					} else {
						p.axe(r.name() + " as " + role)
					}
				}
			})
		}
		t.Run(few[0].name()+" and on, without script", func(t *testing.T) {
			t.Parallel()
			sit(t)
			p := newPlainPerson(t, s.url)
			p.takesOver(s.owner())
			for _, r := range few {
				p.visits(s, r, "owner")
			}
		})
	}
}

// comesIn signs in at the front door of the dashboard.
func (p *person) comesIn(email string) {
	p.t.Helper()
	p.goes("/admin/login")
	p.signsIn(email, staffPassword)
	p.at("admin-overview")
}

// takesOver goes on with a session that was begun elsewhere: signing in as often
// as there are windows would be too many tries.
func (p *person) takesOver(o office) {
	p.t.Helper()
	at, err := url.Parse(p.shop)
	p.must(err)
	for _, c := range o.client.Jar.Cookies(at) {
		_, err := chromedp.Call(p.ctx, network.SetCookie, network.SetCookieParams{Name: c.Name, Value: c.Value, URL: p.shop})
		p.must(err)
	}
}

// visits opens a page as somebody of a role, and finds the forms that were sent.
func (p *person) visits(s stage, r room, role string) {
	p.t.Helper()
	p.goes(s.address(p.t, r, role))
	if slices.Contains(r.who, role) {
		p.at(r.page)
	} else {
		p.at("admin-problem")
		p.sees(r.lacks)
	}
	doc, err := html.ParseWithOptions(strings.NewReader(p.source()), html.ParseOptionEnableScripting(false))
	p.must(err)
	shown, err := evaluate[[]string](p, `[...document.forms].map(f => [f.getAttribute('method'), f.getAttribute('action'),
		...new Set([...f.elements].map(e => e.name).filter(Boolean))].join(' '))`)
	p.must(err)
	if sent := formsOf(doc); !slices.Equal(sent, shown) {
		p.t.Errorf("%s as %s: the page was sent with the forms\n%s\nand shows\n%s", r.name(), role, strings.Join(sent, "\n"), strings.Join(shown, "\n"))
	}
}

// formsOf lists the forms of a page: method, address, and names of the fields.
func formsOf(doc *html.Node) []string {
	all := []string{}
	for _, f := range tagged(doc, "form") {
		parts := []string{value(f, "method"), value(f, "action")}
		for _, e := range nodes(f, func(n *html.Node) bool {
			return slices.Contains([]string{"input", "select", "textarea", "button"}, n.Data)
		}) {
			if name := value(e, "name"); name != "" && !slices.Contains(parts[2:], name) {
				parts = append(parts, name)
			}
		}
		all = append(all, strings.Join(parts, " "))
	}
	return all
}
