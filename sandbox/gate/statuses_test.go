package gate_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"till/sandbox"
)

// way is a line of the table in the README: a word of an order's status, what the
// Gate calls it, and the steps that lead there.
type way struct {
	word, status string
	steps        []string
}

// ways reads the table.
func ways(t *testing.T) []way {
	t.Helper()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "## A way to each status\n")
	table, _, _ := strings.Cut(rest, "\n## ")
	var all []way
	line := regexp.MustCompile("(?m)^\\| `(\\w+)` \\| `(\\w+)` \\|(.*)\\|$")
	step := regexp.MustCompile("`([^`]+)`")
	for _, m := range line.FindAllStringSubmatch(table, -1) {
		w := way{word: m[1], status: m[2]}
		for _, one := range step.FindAllStringSubmatch(m[3], -1) {
			w.steps = append(w.steps, one[1])
		}
		all = append(all, w)
	}
	return all
}

// words are those of an order's status in the shop.
const words = "issued viewed in_progress hold paid received failed rejected overdue expired cancelled refund_initiated " +
	"partially_refunded refunded refund_failed refund_reversed reversal_initiated reversed reversal_failed chargeback representation " +
	"retrieval prearbitration arbitration precompliance compliance good_faith fraud_advice"

// Every status can be reached from outside, by the ways that the README has, and
// the shop is told of each but "overdue", for which no event is known.
func TestAWayToEachStatus(t *testing.T) {
	all := ways(t)
	for word := range strings.FieldsSeq(words) {
		if !slices.ContainsFunc(all, func(w way) bool { return w.word == word }) {
			t.Errorf("the README has no way to %s", word)
		}
	}
	for _, w := range all {
		t.Run(w.word+": "+strings.Join(w.steps, ", "), func(t *testing.T) {
			t.Parallel()
			if !slices.Contains(strings.Fields(words), w.word) {
				t.Fatalf("%s is no status of an order", w.word)
			}
			b := newBox(t)
			b.walk(w.steps)
			var order struct {
				Status   string
				Refunded json.Number `json:"amount_refunded"`
				Total    json.Number
			}
			b.api("GET", "orders/"+b.ref+"/", "", &order)
			if order.Status != w.status {
				t.Errorf("the order is %s, want %s", order.Status, w.status)
			}
			if part := order.Refunded != "0.0" && order.Refunded != order.Total; part != (w.word == "partially_refunded" || strings.Contains(strings.Join(w.steps, " "), "_part")) {
				t.Errorf("%s of %s went back", order.Refunded, order.Total)
			}
			if told := b.told(); told != w.status && w.status != "overdue" {
				t.Errorf("the shop was told %s", told)
			}
		})
	}
}

// box is a sandbox, a shop that has a webhook there, and one order.
type box struct {
	t    *testing.T
	base string
	ref  string

	mu     sync.Mutex
	latest string // status that the shop was told
}

func newBox(t *testing.T) *box {
	t.Helper()
	b := &box{t: t}
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var order struct{ Status string }
		if json.NewDecoder(r.Body).Decode(&order) == nil {
			b.mu.Lock()
			b.latest = order.Status
			b.mu.Unlock()
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(shop.Close)
	now := time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC)
	s, err := sandbox.New(sandbox.Config{Now: func() time.Time { return now }, Seed: 7})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	b.base = server.URL
	b.api("POST", "webhooks/", fmt.Sprintf(`{"title":"shop","version":"v0.6","url":"%s/hooks","all_events":true}`, shop.URL), nil)
	return b
}

func (b *box) told() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.latest
}

// walk makes an order, with what the first steps say of it, and takes the others.
func (b *box) walk(steps []string) {
	b.t.Helper()
	fields := map[string]any{
		"client": map[string]any{"email": "buyer@example.test"}, "products": []any{map[string]any{"title": "Tea", "price": 12.35, "quantity": 2}},
	}
	for len(steps) > 0 {
		name, value, ok := strings.Cut(steps[0], ": ")
		if !ok {
			break
		}
		switch name {
		case "due":
			ahead, err := time.ParseDuration(value)
			if err != nil {
				b.t.Fatal(err)
			}
			fields[name] = time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC).Add(ahead).Unix()
		default:
			fields[name] = json.RawMessage(value)
		}
		steps = steps[1:]
	}
	body, err := json.Marshal(fields)
	if err != nil {
		b.t.Fatal(err)
	}
	var order struct{ ID string }
	b.api("POST", "orders/", string(body), &order)
	b.ref = order.ID
	b.drain()
	for _, step := range steps {
		b.take(step)
		b.drain()
	}
}

func (b *box) take(step string) {
	b.t.Helper()
	verb, what, _ := strings.Cut(step, " ")
	switch verb {
	case "fault":
		b.control("faults", fmt.Sprintf(`{"provider":"gate","fault":%q,"order":%q,"times":1}`, what, b.ref))
	case "clock":
		b.control("clock", fmt.Sprintf(`{"advance":%q}`, what))
	default:
		b.control("orders/gate/"+b.ref+"/decisions", fmt.Sprintf(`{"decision":%q}`, step))
	}
}

func (b *box) drain() { b.control("drain", `{}`) }

func (b *box) control(path, body string) {
	b.t.Helper()
	b.send("POST", b.base+"/control/"+path, body, nil)
}

func (b *box) api(method, path, body string, into any) {
	b.t.Helper()
	b.send(method, b.base+"/gate/api/v0.6/"+path, body, into)
}

// send makes a request that must go well.
func (b *box) send(method, address, body string, into any) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+sandbox.GateSecretKey)
	client := &http.Client{}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode >= 300 {
		b.t.Fatalf("%s %s %s: %d %s, %v", method, address, body, resp.StatusCode, text, err)
	}
	if into == nil {
		return
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		b.t.Fatal(err)
	}
}
