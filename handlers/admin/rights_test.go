package admin

import (
	"net/http"
	"net/url"
	"testing"

	"till/models"
)

// Every action as every role: who may do it does it, who may not is told which
// right is missing, sees no button, and changes nothing.
func TestRights(t *testing.T) {
	const change, refund, decide = "Whoever changes an order, or asks its provider, needs the role clerk, manager or owner.",
		"Whoever gives money back needs the role manager or owner.", "Whoever decides about money that does not add up needs the role manager or owner."
	type action struct {
		name   string
		lacks  string // what the page of who may not says
		clerk  bool   // a clerk may
		button string // on page, for who may
		on     func(s *desk) (page, form, to string, typed url.Values)
	}
	ofOrder := func(verb string, pairs ...string) func(s *desk) (page, form, to string, typed url.Values) {
		return func(s *desk) (page, form, to string, typed url.Values) {
			return s.at(""), s.at("/" + verb + "?payment=" + s.pay.ID), s.at("/" + verb), s.form(pairs...)
		}
	}
	after := func(make func(s *desk), on func(s *desk) (page, form, to string, typed url.Values)) func(s *desk) (page, form, to string, typed url.Values) {
		return func(s *desk) (page, form, to string, typed url.Values) {
			make(s)
			return on(s)
		}
	}
	reserved, paid := func(s *desk) { s.reserved() }, func(s *desk) { s.paid(0) }
	ofOperation := func(verb string) func(s *desk) (page, form, to string, typed url.Values) {
		return func(s *desk) (page, form, to string, typed url.Values) {
			to = s.operationAt(s.paid(0).unanswered(), verb)
			return s.at(""), to, to, url.Values{"note": {"looked"}}
		}
	}
	for _, a := range []action{
		{"capture", change, true, "/captures?", after(reserved, ofOrder("captures", "amount", "25.00"))},
		{"void", change, true, "/voids?", after(reserved, ofOrder("voids"))},
		{"cancel", change, true, "/cancel\"", ofOrder("cancel", "note", "a mistake")},
		{"refund", refund, false, "/refunds?", after(paid, ofOrder("refunds", "amount", "10.00", "way", "provider", "reason", "broken"))},
		{"look at a refund", refund, false, "/refunds?", after(paid, func(s *desk) (page, form, to string, typed url.Values) {
			return s.at(""), "", s.at("/refunds/preview"), s.form("amount", "10.00", "way", "provider", "reason", "broken")
		})},
		{"reverse", refund, false, "/reversals?", after(paid, ofOrder("reversals", "note", "fraud"))},
		{"received", decide, false, "/received\"", ofOrder("received", "note", "in cash")},
		{"send again", refund, false, "/repeat\"", ofOperation("repeat")},
		{"give up", refund, false, "/forget\"", ofOperation("forget")},
		{"accept", decide, false, "Accept", func(s *desk) (page, form, to string, typed url.Values) {
			s.paid(2400)
			return inboxURL, "", itemAt(s.item(models.AttentionMismatch), "/accept"), url.Values{"reason": {"agreed"}}
		}},
		{"attach", decide, false, "Attach or accept", func(s *desk) (page, form, to string, typed url.Values) {
			return inboxURL, "", itemAt(s.lost("stray-"+s.order.Number()), "/attach"), url.Values{"order": {s.order.Number()}, "reason": {"they wrote"}}
		}},
		{"ask", change, true, "/settle", func(s *desk) (page, form, to string, typed url.Values) {
			return s.at(""), "", s.at("/payments/" + s.pay.ID + "/settle"), nil
		}},
	} {
		t.Run(a.name, func(t *testing.T) {
			desks(t, func(t *testing.T, s *desk) {
				s.staff(t, clerkEmail, models.RoleClerk)
				s.staff(t, managerEmail, models.RoleManager)
				for _, who := range []struct {
					email, role string
					may         bool
				}{{viewerEmail, "viewer", false}, {clerkEmail, "clerk", a.clerk}, {managerEmail, "manager", true}, {ownerEmail, "owner", true}} {
					s.w = s.signedIn(t, who.email)
					page, form, to, typed := a.on(s.again())
					if !who.may {
						lacks(t, s.w.get(page), a.button)
						if form != "" {
							want(t, s.w.get(form), http.StatusForbidden, "Your role is "+who.role, a.lacks)
						}
						s.refuses(to, typed, http.StatusForbidden, "You may not do that", "Your role is "+who.role, a.lacks)
						continue
					}
					want(t, s.w.get(page), http.StatusOK, a.button)
					if form != "" {
						want(t, s.w.get(form), http.StatusOK, `action="`+to)
					}
					before := s.everything()
					got := s.w.post(to, typed)
					if a.name == "look at a refund" {
						want(t, got, http.StatusOK, "Look once more")
						continue
					}
					want(t, got, http.StatusSeeOther)
					if a.name != "ask" && s.everything() == before {
						t.Errorf("%s did nothing", who.role)
					}
				}
			})
		})
	}
}

// Everybody who is signed in may look, at everything; nobody else may.
func TestRights_Look(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.paid(2400)
		item := itemAt(s.item(models.AttentionMismatch), "")
		viewer := s.signedIn(t, viewerEmail)
		for _, path := range []string{inboxURL, item, s.at(""), ordersURL} {
			want(t, viewer.get(path), http.StatusOK, viewerEmail)
			wantAway(t, s.browser().get(path), "/admin/login?next="+url.QueryEscape(path))
		}
		lacks(t, viewer.get(item), "<textarea", ">Refund<")
		wantAway(t, s.browser().post(item+"/accept", url.Values{"reason": {"x"}}), "/admin/login?next="+url.QueryEscape(item))
	})
}
