package admin

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"till/models"
	"till/providers"
)

func broken(op string, kind providers.Kind, code string) error {
	return &providers.Error{Provider: "full", Op: op, Kind: kind, Status: 400, Code: code}
}

func TestCapture(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.reserved()
		want(t, s.see(), 200, "The money is reserved at The full and not taken.", "It is given back a day before, unless somebody takes it.", `data-status="hold"`)
		lacks(t, s.see(), "/refunds?", "/reversals?")
		got := s.w.get(s.at("/captures?payment=" + s.pay.ID))
		want(t, got, 200, "Take the reserved money?", "NZD 25.00 is reserved at The full.", "At most NZD 25.00.", `value="25.00"`)
		form := hiddenIn(t, got, s.at("/captures"))
		form.Set("amount", " 15.00 ")
		form.Set("note", "one mug\r\nis gone")
		s.does("/captures", form, "Taken: NZD 15.00.", `data-status="paid"`, "Capture: taken", "“one mug is gone”", "staff "+ownerEmail)
		if p := s.balances(1500, 0, 0); p.Released != 1000 {
			t.Errorf("released %d", p.Released)
		}
		s.does("/captures", form, "Taken: NZD 15.00.") // the same form once more
		if n := s.asked("capture"); n != 1 {
			t.Errorf("asked %d times for one form", n)
		}
		form.Set("amount", "10.00")
		s.refuses(s.at("/captures"), form, http.StatusConflict, "This form was sent before, with something else in it.")
	})
}

func TestCapture_OnlyWhole(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.full.WholeOnly = true
		s.reserved()
		got := s.w.get(s.at("/captures?payment=" + s.pay.ID))
		want(t, got, 200, "takes all of it or nothing", "Take NZD 25.00")
		form := hiddenIn(t, got, s.at("/captures"))
		other := s.form("amount", "10.00")
		s.refuses(s.at("/captures"), other, http.StatusConflict, "the payment has changed since you looked")
		s.does("/captures", form, "Taken: NZD 25.00.")
	})
}

// What is typed wrongly is said beside its field, and nothing typed is lost.
func TestCapture_TypedWrongly(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.reserved()
		for _, tt := range []struct{ amount, problem string }{
			{"", "Type an amount in figures, such as 25.00"},
			{"12,50", "Type an amount in figures, such as 25.00"},
			{"1e3", "Type an amount in figures"},
			{"12.505", "Type no more decimals than NZD has"},
			{"25.01", "At most NZD 25.00"},
			{"99999999999999999999", "At most NZD 25.00"},
			{"0", "Type more than nothing"},
			{"-5", "Type more than nothing"},
		} {
			s.refuses(s.at("/captures"), s.form("amount", tt.amount, "note", "because <b>"), http.StatusUnprocessableEntity,
				"There is a problem", tt.problem, `value="`+tt.amount+`"`, "because <b>")
		}
	})
}

func TestVoid(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.reserved()
		got := s.w.get(s.at("/voids?payment=" + s.pay.ID))
		want(t, got, 200, "Release the reserved money?", "Release NZD 25.00")
		form := hiddenIn(t, got, s.at("/voids"))
		s.does("/voids", form, "Released: NZD 25.00 is reserved no longer. Nothing was taken.", "Void: released")
		s.does("/voids", form, "Released: NZD 25.00")
		if n := s.asked("void"); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

func TestReverse(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.paid(0)
		got := s.w.get(s.at("/reversals?payment=" + s.pay.ID))
		want(t, got, 200, "Undo the whole payment?", "asked to undo the whole payment of NZD 25.00")
		form := hiddenIn(t, got, s.at("/reversals"))
		s.refuses(s.at("/reversals"), form, http.StatusUnprocessableEntity, "Say why, in a few words")
		form.Set("note", "fraud")
		s.does("/reversals", form, "Undone: The full has reversed the payment of NZD 25.00.", `data-status="reversed"`)
		s.does("/reversals", form, "Undone:")
		if n := s.asked("reverse"); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

// A page that is older than the payment: what it offers is refused, with the
// reason and the page as it is now.
func TestAct_Stale(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.reserved()
		capture, void := s.form("amount", "25.00"), s.form()
		s.does("/voids", s.form(), "Released")
		const gone = "That is not possible any more: the payment has changed since you looked. Nothing was done."
		for path, form := range map[string]url.Values{"/captures": capture, "/voids": void, "/reversals": s.form("note", "x")} {
			got := s.refuses(s.at(path), form, http.StatusConflict, "That was not done", gone, `data-page="admin-order"`, "Cancelled")
			lacks(t, got, "/captures?", "/voids?")
			want(t, s.w.get(s.at(path+"?payment="+s.pay.ID)), http.StatusConflict, gone)
		}
		s.again().paid(0)
		s.refuses(s.at("/cancel"), url.Values{"note": {"x"}}, http.StatusConflict, "The order is paid or closed by now.")
		s.refuses(s.at("/received"), url.Values{"note": {"x"}}, http.StatusConflict, "The order is paid or closed by now.")
		want(t, s.w.get(s.at("/cancel")), http.StatusConflict, "The order is paid or closed by now.")
	})
}

// What the provider refuses, or gives no answer to, is said as it is.
func TestAct_ProviderSaysNo(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.reserved()
		s.breaks("capture", broken("capture", providers.KindRejected, "CARD_GONE"))
		s.does("/captures", s.form("amount", "25.00"), "The full refused the capture of NZD 25.00: CARD_GONE. No money was taken.", "notice-warn", "Did not happen")
		s.balances(0, 0, 0)
		s.breaks("capture", broken("capture", providers.KindUnreachable, ""))
		s.does("/captures", s.form("amount", "25.00"), "The full could not be reached, so nothing was done. We send the capture of NZD 25.00 by ourselves")
		s.refuses(s.at("/captures"), s.form("amount", "25.00"), http.StatusConflict, "has no outcome yet. Wait for that, then try again.")
		s.refuses(s.at("/voids"), s.form(), http.StatusConflict, "has no outcome yet. Wait for that, then try again.")

		s.again().reserved()
		s.breaks("capture", broken("capture", providers.KindUnavailable, ""))
		s.does("/captures", s.form("amount", "25.00"), "The full gave no answer. It may have done the capture of NZD 25.00 or not: do not send it again.", "No answer")
	})
}

func TestAct_ManyAtOnce(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.reserved()
		form := s.form("amount", "25.00")
		var wg sync.WaitGroup
		for range 8 {
			w := s.browser()
			w.cookies["till-staff"] = s.w.cookies["till-staff"]
			wg.Go(func() {
				if got := w.post(s.at("/captures"), form); got.Code != http.StatusSeeOther {
					t.Errorf("answered %d", got.Code)
				}
			})
		}
		wg.Wait()
		if n := len(s.operations(models.OperationCapture)); n != 1 || s.full.Captures != 1 {
			t.Errorf("one form made %d captures", n)
		}
	})
}

func TestAct_Unreadable(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.reserved()
		no := s.form("amount", "25.00")
		no.Del("key")
		s.refuses(s.at("/captures"), no, http.StatusBadRequest, "We could not read that")
		s.refuses(s.at("/captures"), s.form("key", "mine", "amount", "25.00"), http.StatusBadRequest)
		s.refuses(s.at("/captures"), s.form("payment", "none", "amount", "25.00"), http.StatusNotFound, "There is no such page")
		s.refuses("/admin/orders/9999/captures", s.form("amount", "25.00"), http.StatusNotFound)
		want(t, s.w.get(s.at("/captures")), http.StatusNotFound)
		here := s.pay.ID
		s.again().reserved()
		s.refuses(s.at("/captures"), s.form("payment", here, "amount", "25.00"), http.StatusNotFound) // another order's
		s.refuses(s.at("/operations/9999/forget"), url.Values{"note": {"x"}}, http.StatusNotFound)
		s.refuses(s.at("/operations/x/repeat"), nil, http.StatusNotFound)
	})
}

func TestReceived(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		got := s.w.get(s.at("/received"))
		want(t, got, 200, "Was it paid in another way?", "You say that NZD 25.00 is here", "The full is told first", "How it was paid")
		s.refuses(s.at("/received"), url.Values{"note": {"  "}}, http.StatusUnprocessableEntity, "Say why, in a few words")
		s.does("/received", url.Values{"note": {"in cash"}}, "Recorded: NZD 25.00 was paid in another way. The order can be sent.", `data-status="received"`, "“in cash”")
		s.refuses(s.at("/received"), url.Values{"note": {"in cash"}}, http.StatusConflict, "The order is paid or closed by now.")
		if n := s.asked("received"); n != 1 {
			t.Errorf("told %d times", n)
		}
	})
}

// An order that was given up at its provider and is then paid in cash: nobody
// has that money but us, and the page says so.
func TestReceived_OfNobody(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.full.Say(s.pay.Ref, providers.Declined, 0)
		s.settle().Clock.Pass(time.Minute)
		lacks(t, s.w.get(s.at("/received")), "is told first")
		s.does("/received", url.Values{"note": {"in cash"}}, "Payment 2: ", " paid outside", "Staff said that the money came in another way.")
		lacks(t, s.see(), "outside's reference", "Ask Paid outside")
		want(t, s.w.get(ordersURL), 200, "Paid outside")
		d := s.detail()
		s.pay = d.Payments[1]
		want(t, s.w.get(s.at("/refunds?payment="+s.pay.ID)), 200, "Do that in another way first, and write it down here.")
		s.does("/refunds", s.form("amount", "5.00", "way", "provider", "reason", "one was broken"), "Recorded: NZD 5.00 was given back in another way.")
		s.balances(2500, 0, 500)
	})
}

func TestReceived_ProviderRefuses(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.breaks("received", broken("received", providers.KindRejected, "no"))
		got := s.w.post(s.at("/received"), url.Values{"note": {"in cash"}})
		want(t, got, http.StatusConflict, "The full has not said what became of the payment, so the order stays as it is.", `data-status="viewed"`)
		s.balances(0, 0, 0)
	})
}

func TestCancel(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		want(t, s.w.get(s.at("/cancel")), 200, "Cancel order "+s.order.Number()+"?", "The full is asked first.")
		s.refuses(s.at("/cancel"), nil, http.StatusUnprocessableEntity, "Say why, in a few words")
		s.does("/cancel", url.Values{"note": {"a mistake"}}, "The order is cancelled.", `data-status="cancelled"`, "a mistake")
		s.refuses(s.at("/cancel"), url.Values{"note": {"again"}}, http.StatusConflict, "The order is paid or closed by now.")

		s.again().reserved()
		got := s.w.get(s.at("/cancel"))
		want(t, got, 200, "NZD 25.00 is reserved and goes back to the shopper.")
		form := hiddenIn(t, got, s.at("/cancel"))
		form.Set("note", "a mistake")
		s.does("/cancel", form, "The order is cancelled, and given back is NZD 25.00.")
		if p := s.balances(0, 0, 0); p.Released != 2500 {
			t.Errorf("released %d", p.Released)
		}
	})
}

// The provider is asked first: money that has come meanwhile stops it.
func TestCancel_PaidMeanwhile(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.full.Say(s.pay.Ref, providers.Paid, 0)
		want(t, s.w.post(s.at("/cancel"), url.Values{"note": {"a mistake"}}), http.StatusConflict, "The order is paid by now", `data-status="paid"`)
		if d := s.detail(); d.CancelledAt != nil {
			t.Error("cancelled all the same")
		}
	})
}

func TestDecide_SendAgain(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		op := s.paid(0).unanswered()
		want(t, s.see(), 200, "No answer", "Send it again", "It did not happen", "A refund without an answer", "“broken”", "staff "+managerEmail)
		want(t, s.w.get(s.operationAt(op, "repeat")), 200, "Send it again?", "it may be done twice", "Refund ", "NZD 10.00", "broken")
		wantAway(t, s.w.post(s.operationAt(op, "repeat"), nil), s.at(""))
		got := s.see()
		want(t, got, 200, "Gone back: The full has given NZD 10.00 back to the shopper.")
		lacks(t, got, "Send it again")
		s.balances(2500, 0, 1000)
		s.refuses(s.operationAt(op, "repeat"), nil, http.StatusConflict, "That was not done")
		s.refuses(s.operationAt(op, "forget"), url.Values{"note": {"x"}}, http.StatusConflict, "That was not done")
		keys := s.full.Keys["refund"]
		if len(keys) != 2 || keys[0] != keys[1] || s.full.Refunds != 1 {
			t.Errorf("%d refunds under %v", s.full.Refunds, keys)
		}
	})
}

func TestDecide_GiveUp(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		op := s.paid(0).unanswered()
		s.balances(2500, 1000, 0)
		want(t, s.w.get(s.operationAt(op, "forget")), 200, "Did it not happen?", "How you know")
		s.refuses(s.operationAt(op, "forget"), nil, http.StatusUnprocessableEntity, "Say why, in a few words")
		wantAway(t, s.w.post(s.operationAt(op, "forget"), url.Values{"note": {"not in their pages"}}), s.at(""))
		want(t, s.see(), 200, "Written down: the refund of NZD 10.00 did not happen.", "not in their pages", "Refund: did not happen")
		s.balances(2500, 0, 0)
		if n := s.asked("refund"); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

// The hold rule of the shop is the one that the page tells of.
func TestOrder_HoldRule(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.reserved()
		s.pages.Hold = "capture"
		s.engine = engine(t, s.pages)
		s.w.engine = s.engine
		got := s.see()
		want(t, got, 200, "It is taken by itself a day before, unless somebody gives it back.", "4 Apr") // 28 days on, in Auckland
		lacks(t, got, "It is given back a day before")
	})
}

func TestOrder_Dispute(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.paid(0)
		s.full.Mu.Lock()
		r := s.full.Books[s.pay.Ref]
		r.Dispute = providers.DisputeChargeback
		s.full.Books[s.pay.Ref] = r
		s.full.Mu.Unlock()
		s.settle()
		want(t, s.see(), 200, `data-status="chargeback"`, "The shopper's bank disputes NZD 25.00 of order "+s.order.Number()+": chargeback.", "Disputed: chargeback", `data-testid="dispute"`)
		const twice = "The shopper's bank wants NZD 25.00 back."
		want(t, s.w.get(s.at("/refunds?payment="+s.pay.ID)), 200, twice, "What is refunded as well goes back twice.")
		want(t, s.w.get(s.at("/reversals?payment="+s.pay.ID)), 200, twice, "What is undone as well goes back twice.")
		s.full.Mu.Lock()
		r.Dispute, r.Word = "", "paid again"
		s.full.Books[s.pay.Ref] = r
		s.full.Mu.Unlock()
		s.settle()
		got := s.see()
		want(t, got, 200, "The dispute is over")
		lacks(t, got, `data-testid="dispute"`)
	})
}

// A paid order does not say how often it was asked about since.
func TestOrder_PaidSaysNothingOfSilence(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		for range 3 {
			s.settle()
		}
		want(t, s.see(), 200, "without news")
		s.paid(0)
		for range 3 {
			s.settle()
		}
		lacks(t, s.see(), "without news")
	})
}

func TestReason(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ typed, want string }{
		{"", ""}, {" \r\n\t ", ""}, {" one \n two ", "one two"}, {strings.Repeat("ü", 600), strings.Repeat("ü", 500)},
	} {
		if got := reason(tt.typed); got != tt.want {
			t.Errorf("%q: %q", tt.typed, got)
		}
	}
}

// What is refused is written down without the payment's ID, which leads to the
// order's page.
func TestAct_LogsNoPayment(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		refused := func(verb string, pairs ...string) {
			t.Helper()
			if got := s.w.post(s.at("/"+verb), s.form(pairs...)); got.Code != http.StatusConflict {
				t.Errorf("%s: %d", verb, got.Code)
			}
		}
		refused("voids", "note", "x")
		refused("captures", "amount", "1.00")
		refused("refunds", "amount", "1.00", "way", "provider", "reason", "x")
		s.paid(0)
		refused("cancel", "note", "x")
		s.again().reserved()
		refused("received", "note", "x")
		text := s.log.String()
		if n := strings.Count(text, `"staff refused"`); n < 4 {
			t.Errorf("%d lines tell of a refusal:\n%s", n, text)
		}
		for _, p := range append(s.detailOf(1001).Payments, s.detailOf(1002).Payments...) {
			if strings.Contains(text, p.ID) || !strings.Contains(text, models.Mark(p.ID)) {
				t.Errorf("the log has payment %s, or nothing about it:\n%s", p.ID, text)
			}
		}
	})
}
