package admin

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"till/models"
	"till/models/modelstest"
	"till/money"
	"till/providers"
)

// refunding is a filled-in form, as the page before the last step sends it.
func (s *desk) refunding(amount string, pairs ...string) url.Values {
	return s.form(append([]string{"amount", amount, "way", "provider", "reason", "one was broken"}, pairs...)...)
}

// Form, preview, and the money goes back: every step by what the page before it
// offers.
func TestRefund(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.paid(0)
		want(t, s.see(), 200, `href="`+strings.ReplaceAll(s.at("/refunds?payment="+s.pay.ID), "&", "&amp;")+`"`)
		got := s.w.get(s.at("/refunds?payment=" + s.pay.ID))
		want(t, got, 200, "Refund of order "+s.order.Number(), "NZD 25.00 can go back.", "2 at NZD 12.50 each", "The full gives it back")
		lacks(t, got, "restock-") // mugs are not counted
		form := hiddenIn(t, got, s.at("/refunds/preview"))
		form.Set("amount", "10")
		form.Set("way", "provider")
		form.Set("reason", "one was <broken>")
		before := s.everything()
		got = s.w.post(s.at("/refunds/preview"), form)
		want(t, got, 200, "Look once more", "The full is asked to give NZD 10.00 back to the shopper. That cannot be taken back.",
			"NZD 15.00", "one was <broken>", "does not change", "The shopper gets a mail when the money has gone back", "Give back NZD 10.00")
		if s.everything() != before {
			t.Error("looking at it changed something")
		}
		send := hiddenIn(t, got, s.at("/refunds"))
		if send.Get("key") != form.Get("key") {
			t.Error("the key was lost on the way")
		}

		change := hiddenIn(t, got, s.at("/refunds/preview"))
		change.Set("step", "change")
		again := s.w.post(s.at("/refunds/preview"), change)
		want(t, again, 200, `value="10.00"`, "one was <broken>")
		if key := hiddenIn(t, again, s.at("/refunds/preview")).Get("key"); key == "" || key == form.Get("key") {
			t.Errorf("changed, and still %q", key)
		}

		s.does("/refunds", send, "Gone back: The full has given NZD 10.00 back to the shopper.", `data-status="partially_refunded"`, "Refund: gone back", "“one was <broken>”")
		s.balances(2500, 0, 1000)
		s.does("/refunds", send, "Gone back: The full has given NZD 10.00 back") // the same form twice
		if s.full.Refunds != 1 || len(s.operations(models.OperationRefund)) != 1 {
			t.Error("one form made two refunds")
		}
		s.does("/refunds", s.refunding("15.00"), "Gone back", `data-status="refunded"`)
		lacks(t, s.see(), "/refunds?")
		want(t, s.w.get(s.at("/refunds?payment="+s.pay.ID)), http.StatusConflict, "That is not possible any more")
		s.does("/refunds", send, "Gone back: The full has given NZD 10.00 back") // and once more, when nothing is left
	})
}

func TestRefund_SameKeySomethingElse(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.paid(0)
		form := s.refunding("10.00")
		s.does("/refunds", form, "Gone back")
		for field, other := range map[string]string{"amount": "9.00", "reason": "another", "way": "outside", "quantity-0": "1"} {
			changed := url.Values{}
			for k, v := range form {
				changed[k] = v
			}
			changed.Set(field, other)
			s.refuses(s.at("/refunds"), changed, http.StatusConflict, "This form was sent before, with something else in it.")
		}
		s.again().paid(0)
		form.Set("payment", s.pay.ID) // another order's
		s.refuses(s.at("/refunds"), form, http.StatusConflict, "This form was sent before, with something else in it.")
	})
}

// What is typed wrongly is said beside its field, in the preview and in the last
// step, and nothing typed is lost.
func TestRefund_TypedWrongly(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.honey().paid(0)
		for _, tt := range []struct {
			name, amount, mugs, honey, way, reason, problem string
		}{
			{"nothing", "", "", "", "provider", "x", "Type an amount, or choose pieces below"},
			{"a comma", "12,50", "", "", "provider", "x", "Type an amount in figures, such as 54.70"},
			{"words", "all", "", "", "provider", "x", "Type an amount in figures"},
			{"decimals", "0.001", "", "", "provider", "x", "Type no more decimals than NZD has"},
			{"too much", "54.71", "", "", "provider", "x", "At most NZD 54.70"},
			{"far too much", "99999999999999999999", "", "", "provider", "x", "At most NZD 54.70"},
			{"zero", "0.00", "", "", "provider", "x", "Type more than nothing"},
			{"less", "-1", "", "", "provider", "x", "Type more than nothing"},
			{"too many", "1", "3", "", "provider", "x", "At most 2 can come back"},
			{"a part of one", "1", "", "0.5", "provider", "x", "Type how many in figures, or nothing"},
			{"fewer than none", "1", "-1", "", "provider", "x", "Type how many in figures, or nothing"},
			{"no way", "1", "", "", "", "x", "Choose how it goes back"},
			{"another way", "1", "", "", "pigeon", "x", "Choose how it goes back"},
			{"no reason", "1", "", "", "provider", " \n ", "Say why, in a few words"},
		} {
			form := s.refunding(tt.amount, "quantity-0", tt.mugs, "quantity-1", tt.honey, "restock-1", "yes", "way", tt.way, "reason", tt.reason)
			typed := []string{tt.problem, `value="` + tt.amount + `"`, `name="restock-1" value="yes" checked`, "There is a problem"}
			if tt.mugs != "" {
				typed = append(typed, `value="`+tt.mugs+`"`)
			}
			t.Log(tt.name)
			s.refuses(s.at("/refunds/preview"), form, http.StatusUnprocessableEntity, typed...)
			s.refuses(s.at("/refunds"), form, http.StatusConflict, tt.problem, "What you looked at is not so any more. Nothing was done.")
		}
		s.refuses(s.at("/refunds/preview"), s.refunding("1", "payment", "none"), http.StatusNotFound)
		s.refuses(s.at("/refunds"), s.refunding("1", "payment", "none"), http.StatusNotFound)
		s.refuses(s.at("/refunds"), s.refunding("1", "key", "mine"), http.StatusBadRequest)
		s.refuses(s.at("/refunds/preview"), s.refunding("1", "key", ""), http.StatusBadRequest)
		want(t, s.w.get(s.at("/refunds")), http.StatusNotFound)
	})
}

// Pieces come back into the stock when the money has gone back: those that are
// counted, as often as was chosen, and never more of them than were sold.
func TestRefund_OfPieces(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.honey().paid(0)
		if n := s.stock("honey"); n != 2 {
			t.Fatalf("%d left", n)
		}
		got := s.w.post(s.at("/refunds/preview"), s.refunding("", "quantity-0", "1", "restock-0", "yes", "quantity-1", "2", "restock-1", "yes"))
		want(t, got, 200, "Give back NZD 32.30", "NZD 22.40", "1 × Mug", "2 × Honey", "2 × Honey, when the money has gone back. There are 2 now.")
		lacks(t, got, "1 × Mug, when", "The chosen pieces cost")
		s.full.RefundsPend = true
		s.does("/refunds", hiddenIn(t, got, s.at("/refunds")), "On its way: The full has the refund of NZD 32.30 in hand and has not said how it ended.",
			"A refund is on its way to the shopper.")
		s.balances(5470, 3230, 0)
		if n := s.stock("honey"); n != 2 {
			t.Errorf("%d are back before the money", n)
		}
		s.full.FinishRefund(s.pay.Ref, 0, providers.RefundDone)
		s.settle()
		if n := s.stock("honey"); n != 4 {
			t.Errorf("%d after 2 came back", n)
		}

		form := s.w.get(s.at("/refunds?payment=" + s.pay.ID))
		want(t, form, 200, "2 at NZD 12.50 each, 1 of them refunded before", "3 at NZD 9.90 each, 2 of them refunded before")
		s.refuses(s.at("/refunds/preview"), s.refunding("5", "quantity-1", "2"), 422, "At most 1 can come back")
		got = s.w.post(s.at("/refunds/preview"), s.refunding("5.00", "quantity-1", "1"))
		want(t, got, 200, "The chosen pieces cost NZD 9.90, and NZD 5.00 goes back.", "does not change")
		s.full.RefundsPend = false
		s.does("/refunds", hiddenIn(t, got, s.at("/refunds")), "Gone back")
		if n := s.stock("honey"); n != 4 {
			t.Errorf("%d although none was to come back", n)
		}
		want(t, s.w.get(s.at("/refunds?payment="+s.pay.ID)), 200, "All 3 were refunded before.")
	})
}

// A refund that did not happen leaves the pieces to be refunded again.
func TestRefund_RefusedLeavesThePieces(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.honey().paid(0)
		s.breaks("refund", broken("refund", providers.KindRejected, "NO_FUNDS"))
		s.does("/refunds", s.refunding("29.70", "quantity-1", "3", "restock-1", "yes"),
			"The full refused the refund of NZD 29.70: NO_FUNDS. No money went back.", "Did not happen", "notice-warn", `data-status="paid"`)
		s.balances(5470, 0, 0)
		if n := s.stock("honey"); n != 2 || s.full.Refunds != 0 {
			t.Errorf("%d in stock, %d refunds", n, s.full.Refunds)
		}
		s.does("/refunds", s.refunding("29.70", "quantity-1", "3", "restock-1", "yes"), "Gone back")
		if n := s.stock("honey"); n != 5 {
			t.Errorf("%d in stock", n)
		}
	})
}

func TestRefund_NoAnswer(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.paid(0)
		s.breaks("refund", broken("refund", providers.KindUnavailable, ""))
		form := s.refunding("10.00")
		s.does("/refunds", form, "The full gave no answer. It may have done the refund of NZD 10.00 or not: do not send it again.",
			"A refund without an answer", "Send it again", "It did not happen", `data-status="refund_initiated"`, "it is on its way to the shopper or not.")
		s.does("/refunds", form, "do not send it again") // the same form does not
		if n := s.asked("refund"); n != 1 {
			t.Fatalf("asked %d times", n)
		}
		s.balances(2500, 1000, 0)
		const warning = "The full never said what became of NZD 10.00. Do not ask for the same money again"
		want(t, s.w.get(s.at("/refunds?payment="+s.pay.ID)), 200, "NZD 15.00 can go back.", warning)
		want(t, s.w.post(s.at("/refunds/preview"), s.refunding("5.00")), 200, warning)
		s.does("/refunds", s.refunding("5.00"), "Written down, and not sent yet: the refund of NZD 5.00 waits for what was asked before it.", "To be sent")

		s.again().paid(0)
		s.breaks("refund", broken("refund", providers.KindUnreachable, ""))
		s.does("/refunds", s.refunding("10.00"), "The full could not be reached, so nothing was done. We send the refund of NZD 10.00 by ourselves; do not send it again.",
			"A refund was asked for, and is not on its way to the shopper yet.")
		s.settle()
		s.balances(2500, 0, 1000)
	})
}

func TestRefund_MadeOutside(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.paid(0)
		got := s.w.post(s.at("/refunds/preview"), s.refunding("10.00", "way", "outside"))
		want(t, got, 200, "You write down that NZD 10.00 went back to the shopper in another way. The full is not asked for anything.",
			"Record NZD 10.00 as given back", "The shopper gets a mail about it.")
		send := hiddenIn(t, got, s.at("/refunds"))
		for range 2 {
			s.does("/refunds", send, "Recorded: NZD 10.00 was given back in another way. The full was not asked.", "Done outside", "Refund: done outside")
		}
		s.balances(2500, 0, 1000)
		if n := s.asked("refund"); n != 0 {
			t.Errorf("asked %d times", n)
		}
	})
}

// A provider that cannot give money back is never asked to.
func TestRefund_OnlyOutside(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		order, pay := b.paid(t, nil) // at one that can do nothing more
		w := b.signedIn(t, ownerEmail)
		at := orderURL(order.Number())
		want(t, w.get(at+"/refunds?payment="+pay.ID), 200, "Acme <Pay> cannot be asked to give it back. Do that in another way first, and write it down here.")
		s := &desk{bench: b, t: t, w: w, order: order, pay: pay}
		s.does("/refunds", s.refunding("10.00"), "Recorded: NZD 10.00 was given back in another way. Acme <Pay> was not asked.")
		s.balances(2500, 0, 1000)
	})
}

// Somebody else was quicker: the form comes back as it was typed, with what is
// left now.
func TestRefund_Stale(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.paid(0)
		mine := hiddenIn(t, s.w.post(s.at("/refunds/preview"), s.refunding("20.00", "quantity-0", "1")), s.at("/refunds"))
		s.does("/refunds", s.refunding("10.00"), "Gone back")
		got := s.refuses(s.at("/refunds"), mine, http.StatusConflict, "That was not done", "What you looked at is not so any more. Nothing was done.",
			"At most NZD 15.00", `value="20.00"`, "one was broken", `name="quantity-0" type="text" value="1"`)
		if key := hiddenIn(t, got, s.at("/refunds/preview")).Get("key"); key == mine.Get("key") {
			t.Error("the old key lives on")
		}
		s.does("/refunds", s.refunding("15.00"), "Gone back")
		s.refuses(s.at("/refunds"), mine, http.StatusConflict, "That is not possible any more", `data-page="admin-order"`)
	})
}

// Two people give back the same money at the same moment.
func TestFailure18_TwoRefundsAtOnce(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.paid(0)
		answers := make([]int, 6)
		var wg sync.WaitGroup
		for i := range answers {
			w, form := s.browser(), s.refunding("15.00")
			w.cookies["till-staff"] = s.w.cookies["till-staff"]
			wg.Go(func() { answers[i] = w.post(s.at("/refunds"), form).Code })
		}
		wg.Wait()
		done := 0
		for _, status := range answers {
			switch status {
			case http.StatusSeeOther:
				done++
			case http.StatusConflict:
			default:
				t.Errorf("answered %d", status)
			}
		}
		if done != 1 || s.full.Refunds != 1 {
			t.Errorf("%v, %d refunds", answers, s.full.Refunds)
		}
		s.balances(2500, 0, 1500)
	})
}

// One form sent many times at the same moment is one refund.
func TestRefund_OneFormAtOnce(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.paid(0)
		form := s.refunding("5.00")
		var wg sync.WaitGroup
		for range 6 {
			w := s.browser()
			w.cookies["till-staff"] = s.w.cookies["till-staff"]
			wg.Go(func() {
				if got := w.post(s.at("/refunds"), form); got.Code != http.StatusSeeOther {
					t.Errorf("answered %d", got.Code)
				}
			})
		}
		wg.Wait()
		if s.full.Refunds != 1 || len(s.operations(models.OperationRefund)) != 1 {
			t.Errorf("%d refunds", s.full.Refunds)
		}
	})
}

// Failure 20: yen have no decimals, and a refund of 5800 of them is that.
func TestFailure20_RefundInYen(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.with(func(p *models.Placement) {
			p.Order.Total = money.Amount{Minor: 5800, Currency: "JPY"}
			p.Lines[0].UnitMinor = 2900
		}).paid(0)
		s.refuses(s.at("/refunds/preview"), s.refunding("58.00"), 200, "Give back JPY 58")
		s.refuses(s.at("/refunds/preview"), s.refunding("0.5"), 422, "Type no more decimals than JPY has")
		s.does("/refunds", s.refunding("5800"), "Gone back: The full has given JPY 5,800 back")
		s.balances(5800, 0, 5800)
	})
}

// Pieces of an order that never left the stock do not come back to it.
func TestRefund_NothingLeftTheStock(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.honey().paid(5000) // not what it costs: a mismatch, and nothing was sold
		got := s.w.get(s.at("/refunds?payment=" + s.pay.ID))
		want(t, got, 200, "NZD 50.00 can go back.")
		lacks(t, got, "Back into the stock")
		s.does("/refunds", s.refunding("50.00", "quantity-1", "3", "restock-1", "yes"), "Gone back")
		if n := s.stock("honey"); n != 5 {
			t.Errorf("%d in stock", n)
		}
	})
}

// Where the database can only be read nothing is given back, and the form can be
// sent again later.
func TestRefund_DatabaseReadOnly(t *testing.T) {
	t.Parallel()
	b := setup(t, modelstest.Open(t, "sqlite"), "http://shop.test")
	s := &desk{bench: b, t: t, w: b.signedIn(t, ownerEmail)}
	s.again().paid(0)
	form := s.refunding("10.00")
	s.freeze(t, true)
	s.refuses(s.at("/refunds"), form, http.StatusServiceUnavailable, "The database did not answer")
	s.freeze(t, false)
	s.does("/refunds", form, "Gone back")
}
