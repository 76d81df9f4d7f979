package world

import "till/sandbox"

// mischief is what the providers themselves may do to some of a run's orders:
// all that is bad and can be lived with. Left out is what nobody could see
// through, such as a payment that its provider never lists.
func mischief() []sandbox.Wish {
	all := map[string][]string{
		"iumicash": {"order_wrong_amount", "order_wrong_currency", "order_stays_approved"},
		"powens": {
			"cancel_not_supported", "cancel_needs_buyer", "order_wrong_amount", "order_wrong_currency", "order_stays_pending",
			"order_accepted", "order_rejected", "order_expired",
		},
		"pgm": {
			"pay_ok", "pay_ok_not_paid", "pay_pending", "pay_ko", "pay_result", "pay_no_id", "pay_no_page", "payment_stays_pending",
			"payment_fails_later", "refund_ko", "refund_pending", "refund_fails_later", "refund_done_then_fails", "refund_calls_back",
		},
		"gate": {
			"order_stays_in_progress", "hold_lapses", "capture_untold", "capture_refused", "cancel_refused", "refund_refused", "refund_slow",
			"refund_fails", "reversal_refused", "reversal_slow", "reversal_fails", "order_no_page", "order_wrong_amount", "order_wrong_currency",
		},
		"vertex": {
			"refund_pending", "refund_fails_later", "refund_refused", "order_no_payment_link", "order_amount_changed", "order_wrong_currency",
			"order_clears_after", "order_never_clears", "order_fails_clearing", "order_needs_action",
		},
	}
	var wishes []sandbox.Wish
	for _, provider := range []string{"iumicash", "powens", "pgm", "gate", "vertex"} {
		for _, fault := range append(all[provider], "callback_out_of_order", "callback_stale_replay", "callback_before_return", "callback_wrong_status") {
			wishes = append(wishes, sandbox.Wish{Provider: provider, Fault: fault, Share: 60})
		}
	}
	return wishes
}

// conspire draws what of it happens in this run.
func (w *world) conspire() error {
	if w.chance(40) {
		return nil
	}
	for range 1 + w.rng.IntN(5) {
		wish, _ := pick(w, mischief())
		if _, err := w.box.Add(wish); err != nil {
			return err
		}
		w.note("%s may be up to %s", wish.Provider, wish.Fault)
	}
	return nil
}
