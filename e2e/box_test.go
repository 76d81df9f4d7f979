package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"
)

// box is a running sandbox, by its control.
type box struct {
	t      testing.TB
	url    string
	client *http.Client
	before int // how often faults struck that were taken back since
}

// openBox starts a sandbox of its own.
func openBox(t testing.TB) *box {
	t.Helper()
	p := launch(t, command{args: []string{"sandbox"}, env: []string{"TILL_SANDBOX_ADDR=127.0.0.1:0"}})
	return &box{t: t, url: "http://" + p.listening(t), client: &http.Client{Timeout: 2 * patience}}
}

// wish is a fault that is to strike.
type wish struct {
	Provider string `json:"provider"`
	Fault    string `json:"fault"`
	Endpoint string `json:"endpoint,omitempty"`
	Times    int    `json:"times,omitempty"`
	Delay    string `json:"delay,omitempty"`
	Word     string `json:"word,omitempty"`
	Amount   string `json:"amount,omitempty"`
}

// boxOrder is the truth about an order.
type boxOrder struct {
	Ref          string
	ExternalID   string `json:"external_id"`
	Status       string
	Paid         bool
	Currency     string
	Minor        int64
	ToldCurrency string `json:"told_currency"`
	ToldMinor    int64  `json:"told_minor"`
	Page         string
}

// honest reports whether the provider says the amount that was asked for.
func (o boxOrder) honest() bool { return o.Minor == o.ToldMinor && o.Currency == o.ToldCurrency }

// delivery is one callback with every try to deliver it.
type delivery struct {
	ID, Order, What, State string
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
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.url+"/control"+path, body)
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

// goesWrong has something go wrong from now on.
func (b *box) goesWrong(w wish) {
	b.t.Helper()
	w.Provider = "iumicash"
	b.call("POST", "/faults", w, nil)
}

// struck is how often the faults that were asked for have struck.
func (b *box) struck() int {
	b.t.Helper()
	var all struct{ Rules []struct{ Struck int } }
	b.call("GET", "/faults", nil, &all)
	n := b.before
	for _, r := range all.Rules {
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

// catalogue is everything that can go wrong at iumiCash.
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
		if p.Name == "iumicash" {
			return p.Faults
		}
	}
	b.t.Fatalf("the sandbox plays no iumiCash: %+v", all)
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
	b.call("POST", "/orders/iumicash/"+ref+"/decisions", map[string]string{"decision": decision, "status": status}, nil)
}

// calls sends a callback about the present state of an order.
func (b *box) calls(ref string) {
	b.t.Helper()
	b.call("POST", "/orders/iumicash/"+ref+"/callbacks", map[string]string{}, nil)
}

// deliveries lists the callbacks about an order, newest first.
func (b *box) deliveries(ref string) []delivery {
	b.t.Helper()
	var all struct{ Deliveries []delivery }
	b.call("GET", "/deliveries?limit=0&order="+ref, nil, &all)
	return all.Deliveries
}

// release sends what is held back.
func (b *box) release() { b.t.Helper(); b.call("POST", "/release", struct{}{}, nil) }

// lets time pass in the sandbox, and returns when what fell due has been done.
func (b *box) lets(pass time.Duration) {
	b.t.Helper()
	b.call("POST", "/clock", map[string]string{"advance": pass.String()}, nil)
}
