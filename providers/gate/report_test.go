package gate_test

import (
	"slices"
	"testing"

	"till/money"
	"till/providers"
)

// What is reported in each status of the table, by the way that leads there: the
// table in docs/providers/gate.md is this one.
func TestReport_InEveryStatus(t *testing.T) {
	t.Parallel()
	const whole = 1999
	one := func(state providers.RefundState, word string) []providers.Refund {
		return []providers.Refund{{State: state, Word: word}}
	}
	type says struct {
		outcome  providers.Outcome
		reason   providers.Reason
		held     int64 // of the sums -1 is none said
		captured int64
		back     int64
		refunds  []providers.Refund
		reversal providers.RefundState
		dispute  providers.Dispute
		outside  bool
	}
	waiting := says{outcome: providers.Open, held: -1, captured: -1}
	over := func(o providers.Outcome) says { return says{outcome: o, held: -1, captured: -1} }
	paid := says{outcome: providers.Paid, held: -1, captured: whole}
	with := func(s says, change func(*says)) says { change(&s); return s }
	dispute := func(d providers.Dispute) says { return with(paid, func(s *says) { s.dispute = d }) }
	for _, tt := range []struct {
		name    string
		path    []string // of statuses, the last of which it is in
		reserve bool
		back    int64
		release int64
		want    says
	}{
		{"issued", nil, false, 0, 0, waiting},
		{"viewed", []string{"viewed"}, false, 0, 0, waiting},
		{"in progress", []string{"viewed", "in_progress"}, false, 0, 0, over(providers.Processing)},
		{"failed", []string{"in_progress", "failed"}, false, 0, 0, with(waiting, func(s *says) { s.reason = providers.ReasonDeclined })},
		{"on hold", []string{"in_progress", "hold"}, true, 0, 0, says{outcome: providers.Authorized, held: whole, captured: -1}},
		{"paid", []string{"in_progress", "paid"}, false, 0, 0, paid},
		{"paid after a hold, as a whole", []string{"hold", "paid"}, true, 0, 0, says{outcome: providers.Paid, held: whole, captured: -1}},
		{"paid after a hold, in part", []string{"hold", "paid"}, true, 0, 500, says{outcome: providers.Paid, held: whole, captured: 1499}},
		{"withdrawn", []string{"paid", "withdrawn"}, false, 0, 0, paid},
		{"received", []string{"received"}, false, 0, 0, with(paid, func(s *says) { s.outside = true })},
		{"overdue", []string{"overdue"}, false, 0, 0, with(waiting, func(s *says) { s.reason = providers.ReasonOverdue })},
		{"expired", []string{"expired"}, false, 0, 0, over(providers.Expired)},
		{"cancelled", []string{"cancelled"}, false, 0, 0, over(providers.Cancelled)},
		{"cancelled after too many attempts", []string{"failed", "cancelled"}, false, 0, 0, over(providers.Cancelled)},
		{"cancelled after a hold", []string{"hold", "cancelled"}, true, 0, 0, says{outcome: providers.Cancelled, held: whole, captured: -1}},
		{"rejected", []string{"viewed", "rejected"}, false, 0, 0, with(over(providers.Cancelled), func(s *says) { s.reason = providers.ReasonRejected })},
		{"refund initiated", []string{"paid", "refund_initiated"}, false, 0, 0, with(paid, func(s *says) { s.refunds = one(providers.RefundPending, "refund_initiated") })},
		{"a second refund initiated", []string{"paid", "refund_initiated"}, false, 500, 0, with(paid, func(s *says) {
			s.back, s.refunds = 500, one(providers.RefundPending, "refund_initiated")
		})},
		{"partially refunded", []string{"paid", "refund_initiated", "paid"}, false, 500, 0, with(paid, func(s *says) { s.back = 500 })},
		{"partially refunded, and called refunded", []string{"paid", "refunded"}, false, 500, 0, with(paid, func(s *says) {
			s.back, s.refunds = 500, one(providers.RefundDone, "refunded")
		})},
		{"refunded", []string{"paid", "refunded"}, false, whole, 0, with(paid, func(s *says) {
			s.back, s.refunds = whole, one(providers.RefundDone, "refunded")
		})},
		{"refund failed", []string{"paid", "refund_initiated", "refund_failed"}, false, 0, 0, with(paid, func(s *says) { s.refunds = one(providers.RefundFailed, "refund_failed") })},
		{"a second refund failed", []string{"paid", "refund_initiated", "refund_failed"}, false, 500, 0, with(paid, func(s *says) {
			s.back, s.refunds = 500, one(providers.RefundFailed, "refund_failed")
		})},
		{"refund reversed", []string{"paid", "refunded", "refund_reversed"}, false, 0, 0, with(paid, func(s *says) { s.refunds = one(providers.RefundReversed, "refund_reversed") })},
		{"reversal initiated", []string{"paid", "reversal_initiated"}, false, 0, 0, with(paid, func(s *says) { s.reversal = providers.RefundPending })},
		{"reversed", []string{"paid", "reversed"}, false, 0, 0, with(paid, func(s *says) { s.reversal = providers.RefundDone })},
		{"reversal failed", []string{"paid", "reversal_failed"}, false, 0, 0, with(paid, func(s *says) { s.reversal = providers.RefundFailed })},
		{"retrieval", []string{"paid", "retrieval"}, false, 0, 0, dispute(providers.DisputeRetrieval)},
		{"chargeback", []string{"paid", "chargeback"}, false, 0, 0, dispute(providers.DisputeChargeback)},
		{"representation", []string{"paid", "chargeback", "representation"}, false, 0, 0, dispute(providers.DisputeRepresentation)},
		{"prearbitration", []string{"paid", "chargeback", "prearbitration"}, false, 0, 0, dispute(providers.DisputePrearbitration)},
		{"arbitration", []string{"paid", "chargeback", "prearbitration", "arbitration"}, false, 0, 0, dispute(providers.DisputeArbitration)},
		{"precompliance", []string{"paid", "precompliance"}, false, 0, 0, dispute(providers.DisputePrecompliance)},
		{"compliance", []string{"paid", "precompliance", "compliance"}, false, 0, 0, dispute(providers.DisputeCompliance)},
		{"good faith", []string{"paid", "good_faith"}, false, 0, 0, dispute(providers.DisputeGoodFaith)},
		{"fraud advice", []string{"paid", "fraud_advice"}, false, 0, 0, dispute(providers.DisputeFraudAdvice)},
		{"a dispute after a part went back", []string{"paid", "chargeback"}, false, 500, 0, with(dispute(providers.DisputeChargeback), func(s *says) { s.back = 500 })},
		{"a dispute after a refund that was reversed", []string{"paid", "refunded", "refund_reversed", "chargeback"}, false, 0, 0, with(dispute(providers.DisputeChargeback), func(s *says) {
			s.refunds = one(providers.RefundReversed, "refund_reversed")
		})},
		{"a later stage of it", []string{"paid", "refunded", "refund_reversed", "chargeback", "representation"}, false, 0, 0, with(dispute(providers.DisputeRepresentation), func(s *says) {
			s.refunds = one(providers.RefundReversed, "refund_reversed")
		})},
		{"a dispute after a refund that was paid again", []string{"refund_failed", "paid", "chargeback"}, false, 0, 0, dispute(providers.DisputeChargeback)},
		{"won", []string{"paid", "chargeback", "representation", "paid"}, false, 0, 0, paid},
		{"a payout", []string{"created"}, false, 0, 0, with(over(providers.Unknown), func(s *says) { s.reason = providers.ReasonPayout })},
		{"a new word", []string{"in_review"}, false, 0, 0, over(providers.Unknown)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, req := setup(t), request()
			req.Reserve = tt.reserve
			to, err := b.Start(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			for _, status := range tt.path {
				b.set(to.Ref, status)
			}
			b.change(func(f *fake) { f.order(to.Ref).Refunded, f.order(to.Ref).Released = tt.back, tt.release })
			got, err := b.Lookup(t.Context(), payment(to))
			if err != nil {
				t.Fatal(err)
			}
			sum := func(n int64) money.Amount {
				if n < 0 {
					return money.Amount{}
				}
				return eur(n)
			}
			w := tt.want
			if got.Outcome != w.outcome || got.Reason != w.reason || got.Reversal != w.reversal || got.Dispute != w.dispute || got.Outside != w.outside ||
				got.Authorized != sum(w.held) || got.Captured != sum(w.captured) || got.Refunded != sum(w.back) || got.Amount != eur(whole) ||
				!slices.EqualFunc(got.Refunds, w.refunds, func(a, b providers.Refund) bool {
					return show(providers.Report{Refunds: []providers.Refund{a}}) == show(providers.Report{Refunds: []providers.Refund{b}})
				}) {
				t.Errorf("got %s", show(got))
			}
		})
	}
}

// A list of steps that does not end in the status says nothing about refunds.
func TestReport_DisputeWithoutAStory(t *testing.T) {
	t.Parallel()
	step := func(word any) object { return object{"new_status": word, "on": 1} }
	for name, steps := range map[string]any{
		"none":             nil,
		"no list":          "chargeback",
		"the newest first": []object{step("chargeback"), step("refund_failed"), step("paid")},
		"broken off":       []object{step("paid"), step("refund_failed")},
		"only the dispute": []object{step("chargeback"), step("Chargeback")},
		"odd":              []any{7, step("refund_failed"), step(object{}), step("chargeback")},
	} {
		b := setup(t)
		to, p := start(t, b)
		b.change(func(f *fake) { f.shape = func(o object) { o["status_changes"] = steps } })
		b.set(to.Ref, "chargeback")
		if got, err := b.Lookup(t.Context(), p); err != nil || len(got.Refunds) != 0 || got.Dispute != providers.DisputeChargeback {
			t.Errorf("%s: got %s, %v", name, show(got), err)
		}
	}
}

func TestReport_Test(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		flag   any
		status string
		want   bool
	}{{true, "paid", true}, {false, "paid", false}, {nil, "paid", false}, {"yes", "paid", false}, {false, "test", true}} {
		b := setup(t)
		to, p := start(t, b)
		b.change(func(f *fake) { f.shape = func(o object) { o["is_test"] = tt.flag } })
		b.set(to.Ref, tt.status)
		if got, err := b.Lookup(t.Context(), p); err != nil || got.Test != tt.want {
			t.Errorf("%v, %s: got %v, %v", tt.flag, tt.status, got.Test, err)
		}
	}
}

// Where it is not known whose a payment is, an answer about anybody's will do.
func TestLookup_OfAnybodys(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to, p := start(t, b)
	p.ID = ""
	if got, err := b.Lookup(t.Context(), p); err != nil || got.PaymentID != "p7k2m9" || got.Ref != to.Ref {
		t.Errorf("got %+v, %v", got, err)
	}
}
