package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// box is a running sandbox, by its control, with a view to one provider.
type box struct {
	t        testing.TB
	url      string
	provider string
	client   *http.Client
	before   int // how often faults struck that were taken back since
}

// openBox starts a sandbox of its own for the shop at an address
// that has these settings.
func openBox(t testing.TB, shop string, settings ...string) *box {
	t.Helper()
	p := launch(t, command{args: []string{"sandbox", "--shop-url", shop, "--shop-name", shopName}, env: append([]string{"TILL_SANDBOX_ADDR=127.0.0.1:0"}, settings...)})
	return &box{t: t, url: "http://" + p.listening(t), provider: "iumicash", client: &http.Client{Timeout: 2 * patience}}
}

// at is the same sandbox with a view to another provider.
func (b *box) at(provider string) *box {
	other := *b
	other.provider = provider
	return &other
}

// settings is what a shop is told about the providers that the sandbox plays:
// what "till sandbox --env" prints of them.
func (b *box) settings(providers ...string) []string {
	b.t.Helper()
	printed := runs(b.t, command{args: []string{"sandbox", "--env", "--shop-name", shopName}, env: []string{"TILL_SANDBOX_ADDR=" + strings.TrimPrefix(b.url, "http://")}})
	var all []string
	for line := range strings.Lines(printed) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		provider, _, _ := strings.Cut(name, "_")
		if ok && slices.Contains(providers, strings.ToLower(provider)) {
			all = append(all, name+"="+strings.Trim(value, "'"))
		}
	}
	return all
}

// wish is a fault that is to strike.
type wish struct {
	Provider string `json:"provider"`
	Fault    string `json:"fault"`
	Total    string `json:"total,omitempty"`
	Endpoint string `json:"endpoint,omitempty"`
	Times    int    `json:"times,omitempty"`
	Delay    string `json:"delay,omitempty"`
	Word     string `json:"word,omitempty"`
	Amount   string `json:"amount,omitempty"`
}

// boxOrder is the truth about an order.
type boxOrder struct {
	Provider     string
	Ref          string
	ExternalID   string `json:"external_id"`
	Status       string
	Paid         bool
	Currency     string
	Minor        int64
	ToldCurrency string `json:"told_currency"`
	ToldMinor    int64  `json:"told_minor"`
	Page         string
	Money        boxMoney
}

// boxMoney is what has moved, in minor units.
type boxMoney struct {
	Authorized, Captured, Refunded int64
	Refunds                        []struct {
		Minor int64
		State string
	}
}

// honest reports whether the provider says the amount that was asked for.
func (o boxOrder) honest() bool { return o.Minor == o.ToldMinor && o.Currency == o.ToldCurrency }

// delivery is one callback with every try to deliver it.
type delivery struct {
	ID, Order, What, State string
	Faults                 []string
	Tries                  int
	Attempts               []struct {
		Status int
		Answer string
	}
}

// fault is one entry of the sandbox's catalogue.
type fault struct {
	Name, Strikes string
	Endpoints     []string
}

func (b *box) call(method, path string, in, out any) {
	b.t.Helper()
	if err := b.ask(method, path, in, out); err != nil {
		b.t.Fatal(err)
	}
}

// boxError is a refusal of the sandbox's control.
type boxError struct{ what string }

func (e *boxError) Error() string { return "sandbox: " + e.what }

func (b *box) ask(method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(b.t.Context()), method, b.url+"/control"+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := b.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return &boxError{method + " " + path + ": " + string(text)}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

// rule is a fault that was asked for.
type rule struct{ ID, Struck int }

// goesWrong has something go wrong from now on.
func (b *box) goesWrong(w wish) rule {
	b.t.Helper()
	w.Provider = b.provider
	var r rule
	b.call("POST", "/faults", w, &r)
	return r
}

// rules is every fault that was asked for and not taken back.
func (b *box) rules() []rule {
	b.t.Helper()
	var all struct{ Rules []rule }
	b.call("GET", "/faults", nil, &all)
	return all.Rules
}

// struck is how often the faults that were asked for have struck.
func (b *box) struck() int {
	b.t.Helper()
	n := b.before
	for _, r := range b.rules() {
		n += r.Struck
	}
	return n
}

// allIsWell takes every fault back.
func (b *box) allIsWell() {
	b.t.Helper()
	b.before = b.struck()
	b.call("DELETE", "/faults", nil, nil)
}

// catalogue is everything that can go wrong at the provider.
func (b *box) catalogue() []fault {
	b.t.Helper()
	var all struct {
		Providers []struct {
			Name   string
			Faults []fault
		}
	}
	b.call("GET", "/providers", nil, &all)
	for _, p := range all.Providers {
		if p.Name == b.provider {
			return p.Faults
		}
	}
	b.t.Fatalf("the sandbox plays no %s: %+v", b.provider, all)
	return nil
}

// orders lists every order, newest first.
func (b *box) orders() []boxOrder {
	b.t.Helper()
	var all struct{ Orders []boxOrder }
	b.call("GET", "/orders?limit=0", nil, &all)
	return all.Orders
}

// only is the one order there is.
func (b *box) only() boxOrder {
	b.t.Helper()
	all := b.orders()
	if len(all) != 1 {
		b.t.Fatalf("the provider has %d orders, want 1: %+v", len(all), all)
	}
	return all[0]
}

// decide does what the buyer, or the provider's own people, would do.
func (b *box) decide(ref, decision, status string) {
	b.t.Helper()
	b.call("POST", "/orders/"+b.provider+"/"+ref+"/decisions", map[string]string{"decision": decision, "status": status}, nil)
}

// calls sends a callback about the present state of an order.
func (b *box) calls(ref string) {
	b.t.Helper()
	b.call("POST", "/orders/"+b.provider+"/"+ref+"/callbacks", map[string]string{}, nil)
}

// deliveries lists the callbacks about an order, newest first.
func (b *box) deliveries(ref string) []delivery {
	b.t.Helper()
	var all struct{ Deliveries []delivery }
	b.call("GET", "/deliveries?limit=0&order="+ref, nil, &all)
	return all.Deliveries
}

// releases sends at once what is held, or waits, about one order.
func (b *box) releases(ref string) {
	b.t.Helper()
	for _, d := range b.deliveries(ref) {
		if d.State == "waiting" || d.State == "held" {
			_ = b.ask("POST", "/deliveries/"+d.ID+"/release", struct{}{}, nil) // it may have gone out meanwhile
		}
	}
}

// release sends what is held back.
func (b *box) release() { b.t.Helper(); b.call("POST", "/release", struct{}{}, nil) }

// lets time pass in the sandbox, and returns when what fell due has been done.
func (b *box) lets(pass time.Duration) {
	b.t.Helper()
	b.call("POST", "/clock", map[string]string{"advance": pass.String()}, nil)
}
