package providertest

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"till/money"
	"till/providers"
)

// Full is a Fake that can do all that is done to money after the start: take
// what is reserved, give it back, undo, and be told. It knows keys: what was
// done under one is not done again, and answered as it stands now.
type Full struct{ Finder }

var (
	_ providers.Capturer      = Full{}
	_ providers.WholeCapturer = Full{}
	_ providers.Refunder      = Full{}
	_ providers.Reverser      = Full{}
	_ providers.Receiver      = Full{}
)

// Full returns the fake with all its powers.
func (f *Fake) Full() Full { return Full{Finder{f}} }

// Reserve makes the books say that a payment's whole amount is reserved.
func (f *Fake) Reserve(ref string) {
	f.Say(ref, providers.Authorized, 0)
	f.Mu.Lock()
	defer f.Mu.Unlock()
	r := f.Books[ref]
	r.Authorized = r.Amount
	f.Books[ref] = r
}

// FinishRefund says what became of a payment's nth refund, counted from 0.
func (f *Fake) FinishRefund(ref string, n int, state providers.RefundState) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	r := f.Books[ref]
	before := done(r)
	r.Refunds = slices.Clone(r.Refunds) // reports that were handed out keep theirs
	r.Refunds[n].State, r.Refunds[n].Word = state, string(state)
	f.Books[ref] = sumUp(r, before)
}

// FinishReversal says what became of a payment's reversal.
func (f *Fake) FinishReversal(ref string, state providers.RefundState) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	f.Books[ref] = reversed(f.Books[ref], state)
}

// Capture implements providers.Capturer. A payment is captured once; what is
// not taken then is released.
func (f Full) Capture(_ context.Context, p providers.Payment, amount money.Amount, key string) (providers.Report, error) {
	return f.act("capture", p.Ref, key, func(r *providers.Report) string {
		whole := r.Authorized
		if whole == (money.Amount{}) {
			whole = r.Amount
		}
		if r.Outcome != providers.Authorized || amount.Currency != whole.Currency || amount.Sign() <= 0 || amount.Minor > whole.Minor ||
			f.WholeOnly && amount != whole {
			return ""
		}
		f.Captures++
		r.Outcome, r.Word, r.Authorized, r.Captured = providers.Paid, "captured", whole, amount
		return r.Ref
	})
}

// CapturesWhole implements providers.WholeCapturer.
func (f Full) CapturesWhole() bool {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	return f.WholeOnly
}

// Void implements providers.Capturer.
func (f Full) Void(_ context.Context, p providers.Payment, key string) (providers.Report, error) {
	return f.act("void", p.Ref, key, func(r *providers.Report) string {
		if r.Outcome != providers.Authorized {
			return ""
		}
		f.Voids++
		r.Outcome, r.Word = providers.Cancelled, "voided"
		return r.Ref
	})
}

// Refund implements providers.Refunder. More than what was taken and has
// neither gone back nor is about to is refused.
func (f Full) Refund(_ context.Context, p providers.Payment, req providers.RefundRequest) (providers.Refund, error) {
	f.Mu.Lock()
	defer f.Mu.Unlock()
	var made string
	report, err := f.actLocked("refund", p.Ref, req.Key, &made, func(r *providers.Report) string {
		if r.Reversal == providers.RefundPending || r.Reversal == providers.RefundDone ||
			req.Amount.Currency != r.Amount.Currency || req.Amount.Sign() <= 0 || req.Amount.Minor > left(*r) {
			return ""
		}
		f.Refunds++
		state := providers.RefundDone
		if f.RefundsPend {
			state = providers.RefundPending
		}
		before, ref := done(*r), fmt.Sprintf("%s-refund-%d", r.Ref, len(r.Refunds)+1)
		r.Refunds = append(slices.Clone(r.Refunds), providers.Refund{
			Ref: ref, State: state, Amount: req.Amount, Word: string(state), Status: http.StatusOK, Raw: []byte(`{"refund":"` + ref + `"}`),
		})
		*r = sumUp(*r, before)
		return ref
	})
	if err != nil {
		return providers.Refund{}, err
	}
	refund := report.Refunds[slices.IndexFunc(report.Refunds, func(o providers.Refund) bool { return o.Ref == made })]
	if f.SumsOnly {
		refund.Ref = ""
	}
	return refund, nil
}

// Reverse implements providers.Reverser. What was paid stays paid and is
// reversed; what was on its way or reserved is cancelled.
func (f Full) Reverse(_ context.Context, p providers.Payment, key string) (providers.Report, error) {
	return f.act("reverse", p.Ref, key, func(r *providers.Report) string {
		moving := r.Outcome == providers.Paid || r.Outcome == providers.Processing || r.Outcome == providers.Authorized
		if !moving || r.Outside || r.Reversal == providers.RefundPending || r.Reversal == providers.RefundDone || len(r.Refunds) > 0 {
			return ""
		}
		f.Reversals++
		state := providers.RefundDone
		if f.RefundsPend {
			state = providers.RefundPending
		}
		*r = reversed(*r, state)
		return r.Ref
	})
}

// Received implements providers.Receiver.
func (f Full) Received(_ context.Context, p providers.Payment, key string) (providers.Report, error) {
	return f.act("received", p.Ref, key, func(r *providers.Report) string {
		if r.Outcome == providers.Paid || r.Outcome == providers.Authorized {
			return ""
		}
		f.Receipts++
		r.Outcome, r.Word, r.Outside = providers.Paid, "received", true
		return r.Ref
	})
}

// act does something to a payment's books, and answers what they say then.
func (f Full) act(op, ref, key string, do func(*providers.Report) string) (providers.Report, error) {
	f.Mu.Lock()
	var made string
	r, err := f.actLocked(op, ref, key, &made, do)
	told, hook := f.told(r), f.OnAct
	f.OnAct = nil
	f.Mu.Unlock()
	if hook != nil {
		hook()
	}
	return told, err
}

// actLocked is act under Mu. do returns what it made, and nothing when it may
// not; it must leave the books alone then.
func (f Full) actLocked(op, ref, key string, made *string, do func(*providers.Report) string) (providers.Report, error) {
	f.Keys[op] = append(f.Keys[op], key)
	err := f.Errs[op]
	delete(f.Errs, op)
	if err != nil && !f.LostOps[op] {
		return providers.Report{}, err
	}
	r, known := f.Books[ref]
	id := op + " " + key
	if *made = f.done[id]; *made == "" && known {
		if *made = do(&r); *made != "" {
			r.Raw = []byte(`{"status":"` + r.Word + `"}`)
			f.Books[ref], f.done[id] = r, *made
		}
	}
	switch {
	case err != nil:
		return providers.Report{}, err
	case *made == "":
		return providers.Report{}, &providers.Error{Provider: f.name, Op: op, Kind: providers.KindRejected, Status: http.StatusConflict, Code: "not_possible"}
	}
	return r, nil
}

// left is what was taken and has neither gone back nor is about to.
func left(r providers.Report) int64 {
	taken := r.Captured.Minor
	if r.Outside {
		return 0
	}
	if r.Captured == (money.Amount{}) && (r.Outcome == providers.Paid || r.Outcome == providers.Accepted) {
		taken = r.Amount.Minor
	}
	return taken - r.Refunded.Minor - sum(r, providers.RefundPending)
}

// done is what has gone back by refunds that are listed.
func done(r providers.Report) int64 { return sum(r, providers.RefundDone) }

func sum(r providers.Report, state providers.RefundState) (minor int64) {
	for _, one := range r.Refunds {
		if one.State == state {
			minor += one.Amount.Minor
		}
	}
	return minor
}

// sumUp is a report whose listed refunds came to before, and have changed. What
// a test wrote into Refunded besides stays there.
func sumUp(r providers.Report, before int64) providers.Report {
	r.Refunded.Currency = r.Amount.Currency
	r.Refunded.Minor += done(r) - before
	return r
}

// reversed is a report of a payment whose reversal has got this far.
func reversed(r providers.Report, state providers.RefundState) providers.Report {
	r.Reversal, r.Word = state, "reversal "+string(state)
	if state == providers.RefundDone && r.Outcome != providers.Paid {
		r.Outcome = providers.Cancelled
	}
	return r
}
