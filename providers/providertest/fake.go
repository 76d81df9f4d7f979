package providertest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"

	"till/money"
	"till/providers"
)

// Fake is a provider in memory that keeps its own books, behind a wire that
// breaks on demand: for tests of what is built on the contract. It can neither
// look up by our reference nor cancel; see Finder. Nor can it move money that it
// has; see Full.
type Fake struct {
	name string

	Mu       sync.Mutex // guards what follows
	Books    map[string]providers.Report
	ByKey    map[string]string // idempotency key to reference
	Creates  int               // payments made, not requests
	Cancels  int
	StartErr error // what the next start says, once
	Lost     bool  // with StartErr: the books are written all the same
	NoPage   bool  // a start opens a payment to which nobody can be sent
	LookErr  error
	CancErr  error
	OnLookup func() // runs in the middle of a lookup, before its answer leaves

	// Of the powers of Full, each by its operation: "capture", "void", "refund",
	// "reverse", "received".
	Errs        map[string]error    // what the next one says, once
	LostOps     map[string]bool     // with Errs: it is done all the same
	OnAct       func()              // runs once, after the next was done and before its answer leaves
	Keys        map[string][]string // the key of every one that was asked for, in order
	Captures    int                 // those that were done, not requests
	Voids       int
	Refunds     int
	Reversals   int
	Receipts    int
	RefundsPend bool // refunds and reversals stay pending until FinishRefund and FinishReversal
	WholeOnly   bool // what is reserved is captured as a whole or not at all
	SumsOnly    bool // refunds have no reference and are not listed: only their sum is told

	Lookups atomic.Int64

	done map[string]string // operation and key to what it made: the refund's reference, or the payment's
}

var (
	_ providers.Provider  = (*Fake)(nil)
	_ providers.Finder    = Finder{}
	_ providers.Canceller = Finder{}
)

// NewFake returns a fake that goes by the given name.
func NewFake(name string) *Fake {
	return &Fake{
		name: name, Books: map[string]providers.Report{}, ByKey: map[string]string{},
		Errs: map[string]error{}, LostOps: map[string]bool{}, Keys: map[string][]string{},
		done: map[string]string{},
	}
}

// Name implements providers.Provider.
func (f *Fake) Name() string { return f.name }

// Label implements providers.Provider.
func (f *Fake) Label() string { return "The " + f.name }

// Currencies implements providers.Provider.
func (*Fake) Currencies() []money.Currency { return []money.Currency{"NZD", "USD", "JPY", "KWD"} }

// PageOrigins implements providers.Provider.
func (*Fake) PageOrigins() []string { return []string{"https://pay.test"} }

// Start implements providers.Provider.
func (f *Fake) Start(_ context.Context, req providers.StartRequest) (providers.Started, error) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	err := f.StartErr
	f.StartErr = nil
	if err != nil && !f.Lost {
		return providers.Started{}, err
	}
	ref, ok := f.ByKey[req.Key]
	if !ok {
		f.Creates++
		ref = fmt.Sprintf("%s-%d", f.name, f.Creates)
		f.ByKey[req.Key] = ref
		f.Books[ref] = providers.Report{Ref: ref, PaymentID: req.PaymentID, Outcome: providers.Open, Amount: req.Amount, Word: "open", Raw: []byte(`{"status":"open"}`)}
	}
	if err != nil {
		return providers.Started{}, err
	}
	if f.NoPage {
		return providers.Started{Ref: ref, Report: f.Books[ref]},
			&providers.Error{Provider: f.name, Op: "start", Kind: providers.KindRejected, Status: http.StatusOK, Err: errors.New("no page")}
	}
	return providers.Started{Ref: ref, URL: "https://pay.test/" + ref, Data: json.RawMessage(`{"self":"x"}`), Report: f.Books[ref]}, nil
}

// Lookup implements providers.Provider.
func (f *Fake) Lookup(_ context.Context, p providers.Payment) (providers.Report, error) {
	f.Lookups.Add(1)
	f.Mu.Lock()
	r, err, hook := f.told(f.Books[p.Ref]), f.LookErr, f.OnLookup
	f.Mu.Unlock()
	if hook != nil {
		hook()
	}
	return r, err
}

// told is a report as it leaves the fake. Mu is held.
func (f *Fake) told(r providers.Report) providers.Report {
	if f.SumsOnly {
		r.Refunds = nil
	}
	return r
}

// Callback implements providers.Provider: a delivery is {"ref": …} with the
// header Signature: good.
func (f *Fake) Callback(d providers.Delivery) (providers.Notice, error) {
	var body struct{ ID, Ref, Word string }
	if d.Header.Get("Signature") != "good" {
		return providers.Notice{}, providers.ErrSignature
	}
	if err := json.Unmarshal(d.Body, &body); err != nil || body.Ref == "" {
		return providers.Notice{}, providers.ErrMalformed
	}
	return providers.Notice{EventID: body.ID + string(d.Body), Ref: body.Ref, Word: body.Word}, nil
}

// CallbackAnswer implements providers.Provider.
func (*Fake) CallbackAnswer() providers.Answer {
	return providers.Answer{Status: http.StatusOK, ContentType: "text/plain", Body: "OK"}
}

// Say sets what the books say of a payment from now on. minor 0 keeps the
// amount.
func (f *Fake) Say(ref string, o providers.Outcome, minor int64) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	r := f.Books[ref]
	r.Outcome, r.Word, r.Raw = o, string(o), []byte(`{"status":"`+string(o)+`"}`)
	if minor != 0 {
		r.Amount.Minor = minor
	}
	f.Books[ref] = r
}

// Finder is a Fake that can look up by key, and cancel.
type Finder struct{ *Fake }

// Find implements providers.Finder.
func (f Finder) Find(ctx context.Context, req providers.StartRequest) (providers.Started, bool, error) {
	f.Mu.Lock()
	_, ok := f.ByKey[req.Key]
	f.Mu.Unlock()
	if !ok {
		return providers.Started{}, false, nil
	}
	s, err := f.Start(ctx, req)
	return s, true, err
}

// Cancel implements providers.Canceller: only an open payment can be cancelled.
func (f Finder) Cancel(_ context.Context, p providers.Payment, _ string) (providers.Report, error) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	f.Cancels++
	if f.CancErr != nil {
		return providers.Report{}, f.CancErr
	}
	r := f.Books[p.Ref]
	if r.Outcome == providers.Open {
		r.Outcome, r.Word = providers.Cancelled, "cancelled"
		f.Books[p.Ref] = r
	}
	return r, nil
}
