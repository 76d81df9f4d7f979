package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"till/models/modelstest"
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
	deadline := time.NewTimer(60 * time.Second)
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
			if imported.status != exitOK || !strings.Contains(imported.stdout, "Imported 12 products with 35 prices") {
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

func TestSandbox(t *testing.T) {
	t.Parallel()
	box := start(t, t.TempDir(), []string{"TILL_SANDBOX_ADDR=127.0.0.1:0"}, "sandbox", "--seed", "7", "--shop-url", "http://127.0.0.1:8080")
	line := box.listening(t)
	if line.Base != "http://"+line.Addr+"/iumicash" {
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
	status, body := read(t, res)
	if status != http.StatusOK || !strings.Contains(body, "1001") {
		t.Fatalf("after signing in: %d %.2000s", status, body)
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
	for number := 1001; number <= 1013; number++ {
		if !strings.Contains(orders, fmt.Sprint(number)) {
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
	if body := kept.signIn(t, browser(t)); strings.Contains(body, "1014") {
		t.Error("--keep made a second past")
	}
	kept.stop()
}

// Every state that a dashboard has to show is in the demo's past, and the
// sandbox agrees with what the shop believes.
func TestDemo_Past(t *testing.T) {
	t.Parallel()
	d := openDemo(t, t.TempDir())
	client := browser(t)
	d.signIn(t, client)
	for status, want := range map[string]int{"paid": 6, "expired": 1, "cancelled": 1, "issued": 1, "failed": 1, "in_progress": 2, "viewed": 1} {
		_, body := get(t, client, d.shop+"/admin/orders?status="+status)
		if got := len(regexp.MustCompile(`href="/admin/orders/10\d\d"`).FindAllString(body, -1)); got < want {
			t.Errorf("%d orders are %s, want %d", got, status, want)
		}
	}
	_, body := get(t, client, d.sandbox+"/control/orders")
	var sandbox struct {
		Orders []struct {
			Status string
			Paid   bool
		}
	}
	if err := json.Unmarshal([]byte(body), &sandbox); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, o := range sandbox.Orders {
		count[o.Status]++
	}
	want := map[string]int{"completed": 7, "cancelled": 3, "approved": 1, "created": 1} // one of the completed with another amount
	for status, n := range want {
		if count[status] != n {
			t.Errorf("the sandbox has %d orders %s, want %d", count[status], status, n)
		}
	}
	if _, body := get(t, client, d.sandbox+"/control/faults"); !strings.Contains(body, `"rules":[]`) {
		t.Errorf("faults are left over: %s", body)
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

func TestMigrate(t *testing.T) {
	t.Parallel()
	environ := []string{"TILL_DATABASE=" + filepath.Join(t.TempDir(), "shop.db")}
	for range 2 {
		if got := finish(t, "", environ, "migrate"); got.status != exitOK || !strings.Contains(got.stdout, "shop.db is at this version") {
			t.Fatalf("%+v", got)
		}
	}
}
