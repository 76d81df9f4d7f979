package admin

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"till/models"
	"till/providers"
)

// strict is a desk at which a refund above NZD 10.00 needs a second person.
func (s *desk) strict() *desk {
	s.staff(s.t, managerEmail, models.RoleManager)
	return s.sells(func(n *models.Settings) { n.Limits = models.Limits{"NZD": 1000} })
}

func (s *desk) approvals() []models.Approval {
	s.t.Helper()
	all, err := models.NewApprovals(s.DB).OfOrder(s.t.Context(), s.order.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

// asksFor has who is signed in ask for a refund above the limit.
func (s *desk) asksFor(amount string, pairs ...string) models.Approval {
	s.t.Helper()
	s.does("/refunds", s.refunding(amount, pairs...), "Asked: somebody else has to agree before")
	all := s.approvals()
	return all[len(all)-1]
}

func (s *desk) as(email string) *desk {
	s.w = s.signedIn(s.t, email)
	return s
}

func TestApproval(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.strict().again().paid(0)
		form := s.refunding("20.00", "quantity-0", "1")
		want(t, s.w.post(s.at("/refunds/preview"), form), 200, "A second person has to agree before NZD 20.00 goes back.", "Ask a second person", "One person may give back NZD 10.00 of a payment in a day.")
		s.does("/refunds", form, "Asked: somebody else has to agree before NZD 20.00 goes back.", "A refund waits for a second person", "staff "+ownerEmail+" asked to give NZD 20.00 back: “one was broken”.")
		s.does("/refunds", form, "Asked: somebody else has to agree") // the same form twice
		s.balances(2500, 0, 0)
		all := s.approvals()
		if len(all) != 1 || s.asked("refund") != 0 {
			t.Fatal(all, s.asked("refund"))
		}
		at := approvalURL(all[0])
		form.Set("amount", "19.00")
		s.refuses(s.at("/refunds"), form, http.StatusConflict, "This form was sent before, with something else in it.")

		got := s.w.get(at)
		want(t, got, 200, "Refund of NZD 20.00 for order "+s.order.Number(), "You asked for it, so that somebody else decides.", "Withdraw it", "1 × Mug", "GST 15 %: NZD 2.61")
		lacks(t, got, "Decline it", "Agree, and")
		s.refuses(at+"/approve", nil, http.StatusConflict, "You asked for it yourself: somebody else has to decide. Nothing was done.")
		s.refuses(at+"/decline", url.Values{"reason": {"x"}}, http.StatusConflict, "You asked for it yourself")

		s.as(viewerEmail)
		for _, verb := range []string{"/approve", "/decline", "/withdraw"} {
			s.refuses(at+verb, url.Values{"reason": {"x"}}, http.StatusForbidden, "gives money back")
		}
		got = s.w.get(at)
		want(t, got, 200, "Waiting")
		lacks(t, got, "Agree, and", s.order.Token) // the mail leads to the shopper's own page
		s.staff(t, clerkEmail, models.RoleClerk)
		s.as(clerkEmail).refuses(at+"/approve", nil, http.StatusForbidden)

		s.as(managerEmail)
		want(t, s.w.get(approvalsURL), 200, "NZD 20.00", "for order "+s.order.Number(), "more than NZD 10.00 of one payment in a day", at)
		s.refuses(at+"/withdraw", nil, http.StatusConflict, "Only who asked for it can withdraw it.")
		want(t, s.w.get(at), 200, "Agree, and give back NZD 20.00", "we have sent back NZD 20.00")
		wantAway(t, s.w.post(at+"/approve", nil), s.at(""))
		want(t, s.see(), 200, "Gone back: The full has given NZD 20.00 back to the shopper.", "A second person agreed to the refund", "approval 1")
		wantAway(t, s.w.post(at+"/approve", nil), s.at("")) // a double click
		want(t, s.see(), 200, "Gone back: The full has given NZD 20.00 back")
		s.balances(2500, 0, 2000)
		if s.full.Refunds != 1 {
			t.Errorf("%d refunds", s.full.Refunds)
		}
		s.refuses(at+"/decline", url.Values{"reason": {"x"}}, http.StatusConflict, "staff "+managerEmail+" has agreed to it already.")
		want(t, s.w.get(approvalsURL), 200, "Nothing waits")
		for action, n := range map[string]int{"approval_asked": 1, "approval_given": 1} {
			if got := s.count(t, "audit WHERE action = '"+action+"'"); got != n {
				t.Errorf("%d lines of audit %s", got, action)
			}
		}
	})
}

// Small refunds of a day count together.
func TestApproval_InParts(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.strict().paid(0)
		s.does("/refunds", s.refunding("6.00"), "Gone back")
		s.does("/refunds", s.refunding("4.01"), "Asked: somebody else")
		s.does("/refunds", s.refunding("4.00"), "Gone back")
		s.refuses(s.at("/reversals"), s.form("note", "x"), http.StatusConflict)
		s.again().paid(0)
		s.refuses(s.at("/reversals"), s.form("note", "x"), http.StatusConflict, "One person may give back NZD 10.00 of a payment in a day.")
		s.does("/refunds", s.refunding("25.00", "way", "outside"), "Asked: somebody else")
		s.balances(2500, 0, 0)
		s.as(managerEmail)
		at := approvalURL(s.approvals()[0])
		want(t, s.w.get(at), 200, "Agree, and record NZD 25.00 as given back")
		wantAway(t, s.w.post(at+"/approve", nil), s.at(""))
		want(t, s.see(), 200, "Recorded: NZD 25.00 was given back in another way.")
	})
}

func TestApproval_Declined(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.strict().paid(0)
		form := s.refunding("20.00")
		s.does("/refunds", form, "Asked:")
		one := s.approvals()[0]
		at := approvalURL(one)
		s.as(managerEmail)
		s.refuses(at+"/decline", nil, http.StatusUnprocessableEntity, "Say why, in a few words")
		wantAway(t, s.w.post(at+"/decline", url.Values{"reason": {"not <ours>"}}), s.at(""))
		want(t, s.see(), 200, "Declined: the refund of NZD 20.00 is not made.", "A second person declined the refund", "not <ours>")
		s.refuses(at+"/approve", nil, http.StatusConflict, "staff "+managerEmail+" has declined it: not <ours>.")
		s.as(ownerEmail)
		s.does("/refunds", form, "has declined it: not <ours>. Nothing was done.")
		s.balances(2500, 0, 0)

		one = s.asksFor("20.00")
		wantAway(t, s.w.post(approvalURL(one)+"/withdraw", nil), s.at(""))
		want(t, s.see(), 200, "Withdrawn: the refund of NZD 20.00 is not made.")
		s.refuses(approvalURL(one)+"/withdraw", nil, http.StatusConflict, "has withdrawn it.")
	})
}

// What is left is looked at again when somebody agrees.
func TestApproval_NotPossibleAnyMore(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.strict().paid(0)
		one := s.asksFor("20.00")
		s.as(managerEmail).does("/refunds", s.refunding("10.00"), "Gone back")
		s.refuses(approvalURL(one)+"/approve", nil, http.StatusConflict, "Only NZD 15.00 is left. Nothing was done.", "Waiting")
	})
}

// Whoever agreed was interrupted: it is seen, and carried on by anybody else,
// however often, as one refund.
func TestApproval_CarriedOn(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.strict().paid(0)
		one := s.asksFor("20.00")
		if _, err := models.NewApprovals(s.DB).Approve(t.Context(), one.ID, models.Cause{Actor: "staff " + managerEmail, Source: "dashboard"}); err != nil {
			t.Fatal(err)
		}
		want(t, s.see(), 200, "agreed, and then no refund was written.")
		s.refuses(approvalURL(one)+"/approve", nil, http.StatusConflict, "You asked for it yourself")
		s.staff(t, "otto@shop.test", models.RoleOwner)
		s.as("otto@shop.test")
		want(t, s.w.get(approvalsURL), 200, "Agreed to, not done")
		want(t, s.w.get(approvalURL(one)), 200, "Carry on, and give back NZD 20.00")
		wantAway(t, s.w.post(approvalURL(one)+"/approve", nil), s.at(""))
		s.balances(2500, 0, 2000)
		s.as(managerEmail)
		wantAway(t, s.w.post(approvalURL(one)+"/approve", nil), s.at(""))
		s.balances(2500, 0, 2000)
		if s.full.Refunds != 1 {
			t.Errorf("%d refunds", s.full.Refunds)
		}
	})
}

// The provider gives no answer: it is an operation like any other from then on.
func TestApproval_NoAnswer(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.strict().paid(0)
		one := s.asksFor("20.00")
		s.breaks("refund", broken("refund", providers.KindUnavailable, ""))
		s.as(managerEmail)
		wantAway(t, s.w.post(approvalURL(one)+"/approve", nil), s.at(""))
		want(t, s.see(), 200, "The full gave no answer. It may have done the refund of NZD 20.00 or not", "Send it again")
		wantAway(t, s.w.post(approvalURL(one)+"/approve", nil), s.at(""))
		if n := s.asked("refund"); n != 1 {
			t.Errorf("asked %d times", n)
		}
	})
}

// Two decide at once: one does, the other sees what happened.
func TestApproval_TwoAtOnce(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.strict().paid(0)
		one := s.asksFor("20.00")
		s.staff(t, "otto@shop.test", models.RoleOwner)
		var (
			wg   sync.WaitGroup
			mu   sync.Mutex
			away int
		)
		for _, w := range []*browser{s.signedIn(t, managerEmail), s.signedIn(t, "otto@shop.test")} {
			wg.Go(func() {
				got := w.post(approvalURL(one)+"/approve", nil)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case got.Code == http.StatusSeeOther:
					away++
				case got.Code != http.StatusConflict || !strings.Contains(got.Body.String(), "has agreed to it already."):
					t.Errorf("answered %d", got.Code)
				}
			})
		}
		wg.Wait()
		s.balances(2500, 0, 2000)
		if away == 0 || s.full.Refunds != 1 {
			t.Errorf("%d won, %d refunds", away, s.full.Refunds)
		}
	})
}

func TestApprovals_Unreadable(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.strict()
		for _, path := range []string{"/99", "/x", "/01"} {
			want(t, s.w.get(approvalsURL+path), http.StatusNotFound)
			s.refuses(approvalsURL+path+"/approve", nil, http.StatusNotFound)
			s.refuses(approvalsURL+path+"/decline", url.Values{"reason": {"x"}}, http.StatusNotFound)
		}
	})
}
