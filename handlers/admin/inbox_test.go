package admin

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"till/models"
	"till/money"
	"till/providers"
)

var sentences = regexp.MustCompile(`data-testid="sentence">([^<]*)<`)

// What waits is said in a sentence, oldest first, and all is clear only when
// nothing waits.
func TestInbox(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		want(t, s.w.get(inboxURL), 200, "All clear", `data-testid="inbox-count">0<`)
		s.paid(2400)
		mismatch := s.order
		s.lost("stray <1>")
		got := s.w.get(inboxURL)
		want(t, got, 200,
			"The full has another amount or currency than order "+mismatch.Number()+" costs.", "NZD 24.00", orderURL(mismatch.Number()),
			"The full told us of a payment that nobody here knows. Its reference is stray <1>.", "Attach or accept", `data-testid="inbox-count">2<`)
		if all := sentences.FindAllString(got.Body.String(), -1); len(all) != 2 || !strings.Contains(all[0], "another amount") {
			t.Errorf("not oldest first: %q", all)
		}
		for _, path := range []string{inboxURL, inboxURL + "?after=1000", ordersURL, ordersURL + "?status=needs_attention", ordersURL + "?status=paid", s.at("")} {
			page := s.w.get(path)
			want(t, page, 200, `data-testid="inbox-count">2<`)
			lacks(t, page, "All clear", "Nothing needs attention")
		}
		if all := numbers(s.w.get(ordersURL + "?status=needs_attention").Body.String()); len(all) != 1 || all[0] != mismatch.Number() {
			t.Errorf("orders that need attention: %v", all)
		}

		wantAway(t, s.w.post(itemAt(s.item(models.AttentionMismatch), "/accept"), url.Values{"reason": {"agreed"}}), inboxURL)
		page := s.w.get(ordersURL + "?status=needs_attention") // what is left belongs to no order
		want(t, page, 200, "No order needs attention", "What waits in the inbox belongs to none of them so far.")
		lacks(t, page, "All clear", "Nothing needs attention")
		wantAway(t, s.w.post(itemAt(s.item(models.AttentionUnknownReference), "/accept"), url.Values{"reason": {"not ours"}}), inboxURL)
		want(t, s.w.get(inboxURL), 200, "All clear", "Accepted as it is.")
	})
}

// Every page of a long inbox, from the oldest item to the newest.
func TestInbox_Pages(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		for i := range 2*itemsPerPage + 1 {
			id, err := s.pages.Deliveries.Receive(t.Context(), models.Delivery{Provider: "full", EventID: fmt.Sprint(i), Ref: fmt.Sprintf("stray-%02d", i), Body: []byte("{}")})
			if err != nil {
				t.Fatal(err)
			}
			_, _ = s.pages.Deliveries.Match(t.Context(), id)
		}
		s.Clock.Pass(time.Hour)
		if err := s.pages.Cashier.Strays(t.Context()); err != nil {
			t.Fatal(err)
		}
		var seen []string
		at := inboxURL
		for range 3 {
			page := s.w.get(at)
			for _, m := range sentences.FindAllStringSubmatch(page.Body.String(), -1) {
				seen = append(seen, m[1])
			}
			at = way(page.Body.String(), "next")
		}
		if at != "" || len(seen) != 2*itemsPerPage+1 {
			t.Fatalf("%d items, and then %q", len(seen), at)
		}
		for i, sentence := range seen {
			if want := fmt.Sprintf("Its reference is stray-%02d.", i); !strings.HasSuffix(sentence, want) {
				t.Errorf("item %d: %s", i, sentence)
			}
		}
		want(t, s.w.get(inboxURL+"?after=x"), 200, "stray-00")
		want(t, s.w.get(inboxURL+"?after=9999"), 200, "Nothing further this way", "From the beginning")
	})
}

// Accepting says what it does, wants a reason, and does it once.
func TestAccept(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.paid(2400)
		item := s.item(models.AttentionMismatch)
		want(t, s.see(), 200, `data-status="in_progress"`, "The amount does not match", itemAt(item, "?from=order"))
		want(t, s.w.get(itemAt(item, "?from=order")), 200, "The order becomes paid with the money that is there", `name="from" value="order"`)
		s.refuses(itemAt(item, "/accept"), url.Values{"reason": {" "}}, 422, "Say why, in a few words", "There is a problem")
		wantAway(t, s.w.post(itemAt(item, "/accept"), url.Values{"reason": {"agreed by phone"}, "from": {"order"}}), s.at(""))
		want(t, s.see(), 200, "Accepted as it is.", `data-status="paid"`, "Accepted as it is: the amount does not match", "agreed by phone", "staff "+ownerEmail)
		s.refuses(itemAt(item, "/accept"), url.Values{"reason": {"again"}}, 409, "It is settled already.", "Accepted by staff "+ownerEmail+": agreed by phone")
		s.refuses(itemAt(item, "/accept"), nil, 409, "It is settled already.")
		got := s.w.get(itemAt(item, ""))
		want(t, got, 200, "This is settled", "agreed by phone")
		lacks(t, got, "<textarea")
	})
}

// Where there is no money there is nothing to accept.
func TestAccept_WithoutMoney(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.full.Say(s.pay.Ref, providers.Processing, 2400)
		s.settle()
		s.refuses(itemAt(s.item(models.AttentionMismatch), "/accept"), url.Values{"reason": {"fine"}}, 409,
			"No money was taken for this payment, so there is nothing to accept.", "fine")
	})
}

func TestAccept_WhatABankTook(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.full.Say(s.pay.Ref, providers.Accepted, 0)
		s.settle()
		item := s.item(models.AttentionAccepted)
		want(t, s.w.get(itemAt(item, "")), 200, "The bank took the order to pay NZD 25.00", "You say that the money has come.")
		wantAway(t, s.w.post(itemAt(item, "/accept"), url.Values{"reason": {"it is in the account"}}), inboxURL)
		s.balances(2500, 0, 0)
		want(t, s.see(), 200, `data-status="paid"`)
	})
}

// An item whose cause went away by itself says so.
func TestItem_Gone(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.paid(2400)
		item := s.item(models.AttentionMismatch)
		s.paid(2500)
		want(t, s.w.get(itemAt(item, "")), 200, "This is settled", "Its cause went away by itself.")
		s.refuses(itemAt(item, "/accept"), url.Values{"reason": {"x"}}, 409, "It is settled already.")
		for _, path := range []string{"/admin/inbox/9999", "/admin/inbox/x"} {
			want(t, s.w.get(path), http.StatusNotFound)
			s.refuses(path+"/accept", url.Values{"reason": {"x"}}, http.StatusNotFound)
			s.refuses(path+"/attach", url.Values{"reason": {"x"}}, http.StatusNotFound)
		}
	})
}

func TestAttach(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.full.Say(s.pay.Ref, providers.Declined, 0)
		s.settle()
		item := s.lost("stray-1")
		want(t, s.w.get(itemAt(item, "")), 200, "Attach to an order", "its provider is asked about it at once")
		for _, tt := range []struct{ order, reason, problem string }{
			{"", "they wrote", "Type the number of an order, such as 1042"},
			{"ten", "they wrote", "Type the number of an order, such as 1042"},
			{"-1", "they wrote", "Type the number of an order, such as 1042"},
			{"9999", "they wrote", "There is no order 9999"},
			{s.order.Number(), " ", "Say how you know, in a few words"},
		} {
			s.refuses(itemAt(item, "/attach"), url.Values{"order": {tt.order}, "reason": {tt.reason}}, 422, tt.problem, `value="`+tt.order+`"`, tt.reason)
		}
		wantAway(t, s.w.post(itemAt(item, "/attach"), url.Values{"order": {" #" + s.order.Number()}, "reason": {"they wrote"}}), s.at(""))
		want(t, s.see(), 200, "The payment stray-1 is order "+s.order.Number()+"'s now. The full says: paid.", `data-status="paid"`, "Said to be this order's: stray-1", "they wrote")
		s.refuses(itemAt(item, "/attach"), url.Values{"order": {s.order.Number()}, "reason": {"they wrote"}}, 409, "It is settled already.", "Attached to an order by staff "+ownerEmail)

		s.again().paid(2400)
		s.refuses(itemAt(s.item(models.AttentionMismatch), "/attach"), url.Values{"order": {s.order.Number()}, "reason": {"x"}}, 409, "Only a payment that nobody knows can be attached.")
	})
}

// The provider does not answer about it: it is the order's all the same, and the
// page says so.
func TestAttach_NoAnswer(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		item := s.lost("stray-1")
		s.full.Mu.Lock()
		s.full.LookErr = broken("lookup", providers.KindUnavailable, "")
		s.full.Mu.Unlock()
		wantAway(t, s.w.post(itemAt(item, "/attach"), url.Values{"order": {s.order.Number()}, "reason": {"they wrote"}}), s.at(""))
		want(t, s.see(), 200, "The full has not answered about it yet; we ask again.", "stray-1")
	})
}

// What would be settled by giving money back leads there, with the amount; what
// would be paid twice by it does not.
func TestInbox_Refund(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.paid(2400)
		refund := s.at("/refunds?amount=24.00&payment=" + s.pay.ID)
		for _, path := range []string{inboxURL, s.at(""), itemAt(s.item(models.AttentionMismatch), "")} {
			want(t, s.w.get(path), 200, `href="`+refund+`"`)
		}
		want(t, s.w.get(refund), 200, `value="24.00"`)

		s.again().paid(0)
		s.full.Mu.Lock()
		r := s.full.Books[s.pay.Ref]
		r.Captured = money.Amount{Minor: 2600, Currency: "NZD"}
		s.full.Books[s.pay.Ref] = r
		s.full.Mu.Unlock()
		s.settle()
		want(t, s.see(), 200, "Paid too much", "was paid with NZD 1.00 more than it costs.", `href="`+s.at("/refunds?amount=1.00&payment="+s.pay.ID)+`"`)

		s.again().paid(0).unanswered()
		got := s.w.get(itemAt(s.item(models.AttentionRefundUnknown), ""))
		want(t, got, 200, "The full never answered a refund of order "+s.order.Number()+". NZD 10.00 is on its way back or not.")
		lacks(t, got, "/refunds?")
	})
}

// Money for an order that was paid twice goes back by the payment that is one
// too many.
func TestInbox_SecondPayment(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		first := s.pay
		s.full.Mu.Lock()
		s.full.CancErr = broken("cancel", providers.KindUnavailable, "")
		s.full.Mu.Unlock()
		s.Clock.Pass(time.Minute)
		second, err := s.pages.Cashier.Pay(t.Context(), s.order.ID, "acme", "", models.Cause{Actor: "shopper", Source: "order page"})
		if err != nil {
			t.Fatal(err)
		}
		s.bench.pay.say(second.Ref, providers.Paid, "completed")
		if _, err := s.pages.Cashier.Settle(t.Context(), second.ID, cashierTimer); err != nil {
			t.Fatal(err)
		}
		s.paid(0)
		want(t, s.w.get(inboxURL), 200, "was paid more than once: NZD 25.00 more was taken than it costs.", `href="`+s.at("/refunds?amount=25.00&payment="+second.ID)+`"`)
		want(t, s.see(), 200, "Refund payment 1", "Refund payment 2", "Reverse payment 1")
		s.pay = first
		want(t, s.w.get(s.at("/refunds?payment="+first.ID)), 200, "Payment 1, paid with The full")
		s.does("/refunds", s.refunding("25.00"), "Gone back")
		want(t, s.w.get(inboxURL), 200, "All clear")
	})
}
