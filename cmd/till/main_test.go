package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"till/models"
	"till/models/modelstest"
	"till/providers"
)

func TestMain(m *testing.M) {
	time.Local = time.UTC // as main does
	os.Exit(m.Run())
}

const testSecret = "a-secret-of-a-test-and-nothing-else"

// page is what a program has written so far.
type page struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.Write(b)
}

func (p *page) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.buf.String()
}

// finished is a program that has ended.
type finished struct {
	status         int
	stdout, stderr string
}

// finish runs a program that ends by itself.
func finish(t *testing.T, stdin string, environ []string, args ...string) finished {
	t.Helper()
	var stdout, stderr page
	status := run(t.Context(), outside{args: args, environ: environ, stdin: strings.NewReader(stdin), stdout: &stdout, stderr: &stderr})
	return finished{status, stdout.String(), stderr.String()}
}

// running is a program that goes on until it is stopped.
type running struct {
	stdout, stderr page
	stop           func() int
	done           <-chan struct{}
}

func start(t *testing.T, dir string, environ []string, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, done := &running{}, make(chan struct{})
	status := -1
	go func() {
		defer close(done)
		status = run(ctx, outside{args: args, environ: environ, dir: dir, stdin: strings.NewReader(""), stdout: &r.stdout, stderr: &r.stderr})
	}()
	r.done = done
	r.stop = sync.OnceValue(func() int {
		cancel()
		<-done
		return status
	})
	t.Cleanup(func() { r.stop() })
	return r
}

// find waits until one of the program's pages matches.
func (r *running) find(t *testing.T, p *page, pattern string) []string {
	t.Helper()
	wanted := regexp.MustCompile(pattern)
	deadline := time.NewTimer(3 * time.Minute) // a machine may be busy with other tests
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if found := wanted.FindStringSubmatch(p.String()); found != nil {
			return found
		}
		select {
		case <-tick.C:
		case <-r.done:
			t.Fatalf("it ended: %d\n%s%s", r.stop(), r.stdout.String(), r.stderr.String())
		case <-deadline.C:
			t.Fatalf("no %s in\n%s%s", pattern, r.stdout.String(), r.stderr.String())
		}
	}
}

// listening waits for the line with the address and returns it.
func (r *running) listening(t *testing.T) (line struct {
	Addr string `json:"addr"`
	Base string `json:"iumicash_base_url"`

	Powens string `json:"powens_base_url"`
	PGM    string `json:"pgm_base_url"`
	Gate   string `json:"gate_base_url"`
	Vertex string `json:"vertex_base_url"`
},
) {
	t.Helper()
	found := r.find(t, &r.stderr, `(?m)^.*"msg":"listening".*$`)
	if err := json.Unmarshal([]byte(found[0]), &line); err != nil {
		t.Fatal(err)
	}
	return line
}

func get(t *testing.T, client *http.Client, address string) (status int, body string) {
	t.Helper()
	res, err := client.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, res)
}

func read(t *testing.T, res *http.Response) (status int, body string) {
	t.Helper()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := res.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(raw)
}

func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar, Transport: &http.Transport{}, Timeout: 30 * time.Second}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

func TestServe(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			environ := []string{"TILL_ADDR=127.0.0.1:0", "TILL_SECRET=" + testSecret, "TILL_DATABASE=" + modelstest.Name(t, kind), "TILL_SHOP_NAME=Test & Sons", "TILL_SECERT=x"}
			imported := finish(t, string(demoCatalogue), environ, "catalogue", "import", "-")
			if imported.status != exitOK || !strings.Contains(imported.stdout, "Imported 12 products with 47 prices") {
				t.Fatalf("%+v", imported)
			}
			shop := start(t, "", environ, "serve")
			at := "http://" + shop.listening(t).Addr
			client := browser(t)
			status, body := get(t, client, at+"/")
			if status != http.StatusOK || !strings.Contains(body, "Test &amp; Sons") || !strings.Contains(body, "Stoneware mug") {
				t.Errorf("home page: %d %.500s", status, body)
			}
			for _, path := range []string{"/admin/login", "/-/healthz", "/-/ready"} {
				if status, body := get(t, client, at+path); status != http.StatusOK {
					t.Errorf("%s: %d %.200s", path, status, body)
				}
			}
			if status, _ := get(t, client, at+"/nothing"); status != http.StatusNotFound {
				t.Errorf("/nothing: %d", status)
			}
			if status := shop.stop(); status != exitOK {
				t.Errorf("stopped with %d: %s", status, shop.stderr.String())
			}
			for _, want := range []string{`"no such setting","name":"TILL_SECERT"`, "nobody can pay"} {
				if !strings.Contains(shop.stderr.String(), want) {
					t.Errorf("no %s in the log", want)
				}
			}
			if strings.Contains(shop.stderr.String(), testSecret) {
				t.Error("the log tells the secret")
			}
		})
	}
}

// One file is left behind, so that a copy of it is a copy of everything.
func TestServe_LeavesOneFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	shop := start(t, "", []string{"TILL_ADDR=127.0.0.1:0", "TILL_SECRET=" + testSecret, "TILL_DATABASE=" + filepath.Join(dir, "shop.db")}, "serve")
	shop.listening(t)
	shop.stop()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("%v %v", left, err)
	}
}

func TestServe_CannotBegin(t *testing.T) {
	t.Parallel()
	good := []string{"TILL_ADDR=127.0.0.1:0", "TILL_SECRET=" + testSecret}
	taken := start(t, t.TempDir(), []string{"TILL_SANDBOX_ADDR=127.0.0.1:0"}, "sandbox").listening(t).Addr
	for _, tt := range []struct {
		name, setting, says string
		status              int
	}{
		{"address in use", "TILL_ADDR=" + taken, "TILL_ADDR chooses another", exitFailed},
		{"no such folder", "TILL_DATABASE=/nowhere/at/all/till.db", "there is no folder /nowhere/at/all", exitFailed},
		{"a folder", "TILL_DATABASE=" + t.TempDir(), "cannot open the database", exitFailed},
		{"no PostgreSQL", "TILL_DATABASE=postgres://till:hunter2@127.0.0.1:1/till", "cannot open the database postgres://127.0.0.1:1/till", exitFailed},
		{"half a URL", "TILL_DATABASE=postgres://till:hunter2%zz@127.0.0.1/till", "TILL_DATABASE is not a URL", exitUsage},
		{"another database", "TILL_DATABASE=mysql://till:hunter2@127.0.0.1/till", "TILL_DATABASE begins with", exitUsage},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			environ := append([]string{"TILL_DATABASE=" + filepath.Join(t.TempDir(), "till.db")}, good...)
			got := finish(t, "", append(environ, tt.setting), "serve")
			if got.status != tt.status || !strings.Contains(got.stderr, tt.says) || strings.Contains(got.stderr, "hunter2") {
				t.Errorf("%+v", got)
			}
		})
	}
}

// Five providers from a sandbox's own lines: the shop offers them, the Gate has
// its address, the log says where the others are to call, and no secret.
func TestServe_FiveProviders(t *testing.T) {
	t.Parallel()
	box := start(t, "", []string{"TILL_SANDBOX_ADDR=127.0.0.1:0"}, "sandbox").listening(t)
	lines := finish(t, "", []string{"TILL_SANDBOX_ADDR=" + box.Addr}, "sandbox", "--env")
	if lines.status != exitOK {
		t.Fatalf("%+v", lines)
	}
	environ := []string{
		"TILL_ADDR=127.0.0.1:0", "TILL_SECRET=" + testSecret, "TILL_DATABASE=" + filepath.Join(t.TempDir(), "shop.db"), "TILL_CURRENCIES=NZD,EUR",
	}
	environ = append(environ, strings.Split(strings.ReplaceAll(lines.stdout, "'", ""), "\n")...) // as a shell does
	if got := finish(t, string(demoCatalogue), environ, "catalogue", "import", "-"); got.status != exitOK {
		t.Fatalf("%+v", got)
	}
	shop := start(t, "", environ, "serve")
	at := "http://" + shop.listening(t).Addr
	shop.find(t, &shop.stderr, `"msg":"webhook is registered"`)
	shop.find(t, &shop.stderr, `"address":"`+at+`/callbacks/powens"`)
	shop.find(t, &shop.stderr, `"address":"`+at+`/callbacks/pgm/{PGM_CALLBACK_SECRET}"`)

	for currency, methods := range map[string][]string{
		"NZD": {"iumicash", "gate:card", "vertex:card/alps/lyra/cnp/redirect"},
		"EUR": {"powens", "pgm:stripe/credit-cards", "pgm:satispay/satispay", "pgm:house-account", "gate:card"},
	} {
		client := browser(t)
		for path, form := range map[string]url.Values{"/currency": {"currency": {currency}}, "/cart/lines": {"product": {"stoneware-mug"}, "quantity": {"1"}}} {
			res, err := client.PostForm(at+path, form)
			if err != nil {
				t.Fatal(err)
			}
			if status, body := read(t, res); status != http.StatusOK {
				t.Fatalf("%s: %d %.300s", path, status, body)
			}
		}
		_, body := get(t, client, at+"/checkout")
		for _, method := range methods {
			if !strings.Contains(body, `value="`+method+`"`) {
				t.Errorf("%s is not offered for %s", method, currency)
			}
		}
	}
	if status := shop.stop(); status != exitOK {
		t.Errorf("stopped with %d", status)
	}
	for line := range strings.Lines(lines.stdout) {
		name, value, _ := strings.Cut(strings.TrimSpace(strings.ReplaceAll(line, "'", "")), "=")
		if regexp.MustCompile(`_(CLIENT_SECRET|WEBHOOK_KEY|SECRET|SECRET_KEY|CALLBACK_\w+|TOKEN)$`).MatchString(name) && len(value) > 4 && strings.Contains(shop.stderr.String(), value) {
			t.Errorf("the log tells %s", name)
		}
	}
}

// What is set already is not printed, because it may be a real secret.
func TestSandbox_Env(t *testing.T) {
	t.Parallel()
	got := finish(t, "", []string{"TILL_SANDBOX_ADDR=0.0.0.0:9000", "IUMICASH_CLIENT_SECRET=hunter2", "GATE_CALLBACK_VERIFY=none", "GATE_BASE_URL=https://gate.example"},
		"sandbox", "--env", "--shop-name", "Ann's")
	for _, want := range []string{
		"IUMICASH_BASE_URL='http://127.0.0.1:9000/iumicash'\n", "IUMICASH_CLIENT_ID='sbx_client'\n", "POWENS_BASE_URL='http://127.0.0.1:9000/powens/2.0'\n",
		"PGM_BASE_URL='http://127.0.0.1:9000/pgm/v3'\n", "GATE_BASE_URL='http://127.0.0.1:9000/gate/api/v0.6'\n", "VERTEX_BASE_URL='http://127.0.0.1:9000/vertex/api/v1'\n",
		`POWENS_BENEFICIARY_LABEL='Ann'\''s'` + "\n", "VERTEX_SHOP_ID='115'\n",
	} {
		if !strings.Contains(got.stdout, want) {
			t.Errorf("no %s in %s", want, got.stdout)
		}
	}
	if strings.Contains(got.stdout, "hunter2") || strings.Contains(got.stdout, "IUMICASH_CLIENT_SECRET") || strings.Contains(got.stdout, "GATE_CALLBACK_KEY") || got.status != exitOK || got.stderr != "" {
		t.Errorf("%+v", got)
	}
}

// A shop that has its settings already goes on with them.
func TestSandbox_TakesTheShopsCredentials(t *testing.T) {
	t.Parallel()
	box := start(t, "", []string{
		"TILL_SANDBOX_ADDR=127.0.0.1:0", "IUMICASH_CLIENT_ID=own-1", "IUMICASH_CLIENT_SECRET=own-2", "POWENS_CLIENT_ID=own-3", "POWENS_CLIENT_SECRET=own-4",
		"POWENS_WEBHOOK_KEY=own-5,former", "PGM_SECRET=own-6", "PGM_CALLBACK_SECRET=own-7,former", "GATE_SECRET_KEY=own-8", "GATE_CALLBACK_VERIFY=hmac",
		"GATE_CALLBACK_KEY=own-9,former", "VERTEX_TOKEN=own-10", "VERTEX_SHOP_ID=7", "VERTEX_CALLBACK_SECRET=own-11,former", "VERTEX_SIGN_MODE=concat",
	}, "sandbox", "--shop-name", "Ann's")
	_, body := get(t, browser(t), "http://"+box.listening(t).Addr+"/control/providers")
	for n := 1; n <= 11; n++ {
		if !strings.Contains(body, fmt.Sprintf(`"own-%d"`, n)) {
			t.Errorf("own-%d is not a credential", n)
		}
	}
	for _, want := range []string{`"value":"7"`, `"value":"concat"`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(box.stderr.String(), "own-") {
		t.Error("the log tells a credential")
	}
}

func TestSandbox(t *testing.T) {
	t.Parallel()
	box := start(t, t.TempDir(), []string{"TILL_SANDBOX_ADDR=127.0.0.1:0"}, "sandbox", "--seed", "7", "--shop-url", "http://127.0.0.1:8080")
	line := box.listening(t)
	if at := "http://" + line.Addr; line.Base != at+"/iumicash" || line.Powens != at+"/powens/2.0" || line.PGM != at+"/pgm/v3" || line.Gate != at+"/gate/api/v0.6" || line.Vertex != at+"/vertex/api/v1" {
		t.Errorf("%+v", line)
	}
	client := browser(t)
	if status, body := get(t, client, "http://"+line.Addr+"/control/providers"); status != http.StatusOK || !strings.Contains(body, line.Base) {
		t.Errorf("%d %.300s", status, body)
	}
	if status := box.stop(); status != exitOK {
		t.Errorf("stopped with %d: %s", status, box.stderr.String())
	}
}

// demoOrders is the number of the last order of the demo's past.
const demoOrders = 1029

var demoEnviron = []string{"TILL_ADDR=127.0.0.1:0", "TILL_SANDBOX_ADDR=127.0.0.1:0"}

// opened is a demo that has greeted.
type opened struct {
	*running
	shop, sandbox, password string
}

func openDemo(t *testing.T, dir string, args ...string) opened {
	t.Helper()
	d := opened{running: start(t, dir, demoEnviron, append([]string{"demo"}, args...)...)}
	d.find(t, &d.stdout, "Ctrl-C")
	d.shop = d.find(t, &d.stdout, `Shop +(http://\S+)`)[1]
	d.sandbox = d.find(t, &d.stdout, `Sandbox +(http://\S+)`)[1]
	d.password = d.find(t, &d.stdout, `\n +([a-z0-9]{4}(?:-[a-z0-9]{4}){3})\n`)[1]
	return d
}

// signIn returns the dashboard's list of orders as somebody sees it who types
// what the demo has printed.
func (d opened) signIn(t *testing.T, client *http.Client) string {
	t.Helper()
	res, err := client.PostForm(d.shop+"/admin/login", url.Values{"email": {demoStaff}, "password": {d.password}})
	if err != nil {
		t.Fatal(err)
	}
	if status, body := read(t, res); status != http.StatusOK || !strings.Contains(body, `data-page="admin-overview"`) {
		t.Fatalf("after signing in: %d %.2000s", status, body)
	}
	status, body := get(t, client, d.shop+"/admin/orders")
	if status != http.StatusOK || !strings.Contains(body, "1001") {
		t.Fatalf("the list of orders: %d %.2000s", status, body)
	}
	return body
}

func TestDemo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDemo(t, dir)
	client := browser(t)
	if status, body := get(t, client, d.shop+"/"); status != http.StatusOK || !strings.Contains(body, "Kauri &amp; Clay") {
		t.Errorf("shop: %d %.300s", status, body)
	}
	if status, body := get(t, client, d.sandbox+"/"); status != http.StatusOK {
		t.Errorf("sandbox: %d %.300s", status, body)
	}
	orders := d.signIn(t, client)
	for number := 1001; number <= demoOrders; number++ {
		if !strings.Contains(orders, fmt.Sprintf(`href="/admin/orders/%d"`, number)) {
			t.Errorf("no order %d", number)
		}
	}
	if d.stderr.String() != "" {
		t.Errorf("it complains: %s", d.stderr.String())
	}
	if status := d.stop(); status != exitOK {
		t.Errorf("stopped with %d", status)
	}

	kept := openDemo(t, dir, "--keep")
	if kept.password == d.password {
		t.Error("the password is the one of the last time")
	}
	if body := kept.signIn(t, browser(t)); strings.Contains(body, fmt.Sprintf(`href="/admin/orders/%d"`, demoOrders+1)) {
		t.Error("--keep made a second past")
	}
	kept.stop()
}

// Every state that a dashboard has to show is in the demo's past, and the
// sandbox agrees with what the shop believes.
func TestDemo_Past(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := openDemo(t, dir)
	client := browser(t)
	d.signIn(t, client)
	for status, want := range map[string]int{
		"paid": 11, "hold": 1, "expired": 1, "cancelled": 2, "issued": 1, "failed": 2, "in_progress": 4, "viewed": 1, "refunded": 1,
		"partially_refunded": 1, "refund_failed": 1, "received": 1, "chargeback": 1, "reversed": 1,
	} {
		_, body := get(t, client, d.shop+"/admin/orders?status="+status)
		orders := map[string]bool{} // wide and narrow screens have a table each
		for _, link := range regexp.MustCompile(`href="/admin/orders/10\d\d"`).FindAllString(body, -1) {
			orders[link] = true
		}
		if len(orders) != want {
			t.Errorf("%d orders are %s, want %d", len(orders), status, want)
		}
	}
	_, body := get(t, client, d.sandbox+"/control/orders")
	var sandbox struct {
		Orders []struct{ Provider, Status string }
	}
	if err := json.Unmarshal([]byte(body), &sandbox); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, o := range sandbox.Orders {
		count[o.Provider+" "+o.Status]++
	}
	want := map[string]int{
		"iumicash completed": 7, // one of them with another amount, one after it was cancelled
		"iumicash cancelled": 3, "iumicash approved": 1, "powens done": 1, "powens accepted": 1,
		"pgm ACCEPTED": 1, "pgm REFUND ACCEPTED": 1, "pgm FAILED": 1, "pgm PENDING": 1,
		"gate paid": 3, "gate hold": 1, "gate cancelled": 1, "gate failed": 1, "gate refunded": 2, "gate refund_failed": 1, "gate reversed": 1, "gate chargeback": 1,
		"vertex completed": 1, "vertex in_progress": 1,
	}
	if !maps.Equal(count, want) {
		t.Errorf("the sandbox has %v, want %v", count, want)
	}
	if _, body := get(t, client, d.sandbox+"/control/faults"); !strings.Contains(body, `"rules":[]`) {
		t.Errorf("faults are left over: %s", body)
	}
	d.stop()
	db, err := openDatabase(t.Context(), providers.Secret(filepath.Join(dir, demoFile)), now)
	if err != nil {
		t.Fatal(err)
	}
	items, err := models.NewInbox(db).Open(t.Context(), 0, 100)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	var waiting []string
	for _, item := range items {
		waiting = append(waiting, fmt.Sprintf("%s %d", item.Kind, *item.OrderID))
	}
	if want := []string{"refund_failed 1013", "accepted 1015", "second_payment 1020", "dispute 1002", "mismatch 1021"}; !slices.Equal(waiting, want) {
		t.Errorf("the inbox has %v, want %v", waiting, want)
	}
}

func TestDemo_BeginsAfresh(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, demoFile), []byte("not a database"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := openDemo(t, dir)
	d.signIn(t, browser(t))
}

func TestCommandLine(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args   string
		status int
		says   string
	}{
		{"--help", exitOK, "Exit status"},
		{"serve --help", exitOK, "TILL_SECRET"},
		{"demo --help", exitOK, "DELETES"},
		{"sandbox --help", exitOK, "TILL_SANDBOX_ADDR"},
		{"migrate --help", exitOK, "TILL_DATABASE"},
		{"verify --help", exitOK, "TILL_DATABASE"},
		{"catalogue import --help", exitOK, "slug"},
		{"catalogue export --help", exitOK, "TILL_DATABASE"},
		{"staff add --help", exitOK, "--role"},
		{"staff password --help", exitOK, "--email"},
		{"version", exitOK, "till dev"},
		{"", exitUsage, "till --help"},
		{"sell", exitUsage, "sell"},
		{"serve --port 8080", exitUsage, "--port"},
		{"staff add --email ann@shop.test --role queen", exitUsage, "queen"},
		{"staff add --email ann --role owner", exitUsage, "no e-mail address"},
		{"catalogue import", exitUsage, "file"},
		{"catalogue import nowhere.csv", exitFailed, "nowhere.csv"},
		{"sandbox --shop-url nowhere", exitUsage, "--shop-url"},
		{"sandbox --env", exitOK, "VERTEX_TOKEN"},
		{"sandbox --name Ann", exitUsage, "--name"},
	} {
		t.Run(tt.args, func(t *testing.T) {
			t.Parallel()
			got := finish(t, "", nil, strings.Fields(tt.args)...)
			if got.status != tt.status || !strings.Contains(got.stdout+got.stderr, tt.says) {
				t.Errorf("%+v", got)
			}
			if strings.HasSuffix(tt.args, "--help") && !strings.Contains(got.stdout, "Exit status") {
				t.Error("it does not say what its exit status means")
			}
		})
	}
}

func TestSandbox_CannotBegin(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ setting, args, says string }{
		{"VERTEX_SHOP_ID=ours", "sandbox", "VERTEX_SHOP_ID"},
		{"GATE_TEST=perhaps", "sandbox --env", "GATE_TEST"},
		{"TILL_SANDBOX_ADDR=127.0.0.1:0", "sandbox --env", "TILL_SANDBOX_ADDR has the port 0"},
	} {
		got := finish(t, "", []string{"TILL_SANDBOX_ADDR=127.0.0.1:8081", tt.setting}, strings.Fields(tt.args)...)
		if got.status != exitUsage || !strings.Contains(got.stderr, tt.says) || got.stdout != "" {
			t.Errorf("%s: %+v", tt.setting, got)
		}
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	environ := []string{"TILL_DATABASE=" + filepath.Join(t.TempDir(), "shop.db")}
	for range 2 {
		if got := finish(t, "", environ, "migrate"); got.status != exitOK || !strings.Contains(got.stdout, "shop.db is at this version") {
			t.Fatalf("%+v", got)
		}
	}
}
