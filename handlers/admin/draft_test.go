package admin

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"till/models"
)

const unsent = "You were signed out before this was sent. Nothing was done yet: look it over and send it again."

// away signs the owner out as time does, with the cookie left in the browser.
func (s *desk) away() { s.Clock.Pass(idleLife) }

// unsentForm sends a form when nobody is signed in any more, and returns what
// goes along with the login.
func (s *desk) unsentForm(path string, form url.Values) url.Values {
	s.t.Helper()
	got := s.refuses(path, form, http.StatusUnauthorized, "Nothing was done. Sign in, and you come back to the form with what you typed.")
	return hiddenIn(s.t, got, loginURL)
}

// login is who signs in, with what the page of the login had hidden in it.
func (s *desk) loginWith(email string, hidden url.Values) *httptest.ResponseRecorder {
	form := url.Values{"email": {email}, "password": {password}}
	for name, values := range hidden {
		form[name] = values
	}
	return s.w.post(loginURL, form)
}

// Every form of an order and of the inbox: what was typed is there again after
// the login, once, and can be sent.
func TestDraft_Forms(t *testing.T) {
	type form struct {
		name    string
		on      func(s *desk) (to, page string, typed url.Values)
		shows   []string
		enlists bool // the page asks once more before anything is done
	}
	ofOrder := func(verb string, pairs ...string) func(s *desk) (to, page string, typed url.Values) {
		return func(s *desk) (to, page string, typed url.Values) {
			return s.at("/" + verb), s.at("/" + verb), s.form(pairs...)
		}
	}
	for _, f := range []form{
		{"refund", func(s *desk) (to, page string, typed url.Values) {
			s.paid(0)
			return s.at("/refunds/preview"), s.at("/refunds"), s.form("amount", "7.77", "way", "outside", "reason", "broken spout")
		}, []string{`value="7.77"`, "broken spout"}, true},
		{"refund that was looked at", func(s *desk) (to, page string, typed url.Values) {
			s.paid(0)
			return s.at("/refunds"), s.at("/refunds"), s.form("amount", "7.77", "way", "outside", "reason", "broken spout")
		}, []string{`value="7.77"`, "broken spout"}, true},
		{"capture", func(s *desk) (to, page string, typed url.Values) {
			s.reserved()
			return ofOrder("captures", "amount", "24.00", "note", "a bit less")(s)
		}, []string{`value="24.00"`, "a bit less"}, false},
		{"void", func(s *desk) (to, page string, typed url.Values) {
			s.reserved()
			return ofOrder("voids", "note", "let it go")(s)
		}, []string{"let it go"}, false},
		{"reverse", func(s *desk) (to, page string, typed url.Values) {
			s.paid(0)
			return ofOrder("reversals", "note", "fraud, they say")(s)
		}, []string{"fraud, they say"}, false},
		{"received", ofOrder("received", "note", "in cash"), []string{"in cash"}, false},
		{"cancel", ofOrder("cancel", "note", "a slip"), []string{"a slip"}, false},
		{"forget", func(s *desk) (to, page string, typed url.Values) {
			at := s.operationAt(s.paid(0).unanswered(), "forget")
			return at, at, url.Values{"note": {"they rang"}}
		}, []string{"they rang"}, false},
		{"note", func(s *desk) (to, page string, typed url.Values) {
			return s.at("/notes"), s.at(""), aNote("She rang twice")
		}, []string{"She rang twice"}, false},
		{"ship", func(s *desk) (to, page string, typed url.Values) {
			s.paid(0)
			return s.at("/ship"), s.at("/ship"), url.Values{"carrier": {"NZ Post"}, "tracking": {"AB123"}}
		}, []string{`value="NZ Post"`, `value="AB123"`}, false},
		{"accept", func(s *desk) (to, page string, typed url.Values) {
			s.paid(2400)
			i := s.item(models.AttentionMismatch)
			return itemAt(i, "/accept"), itemAt(i, ""), url.Values{"reason": {"agreed by mail"}, "from": {"order"}}
		}, []string{"agreed by mail"}, false},
		{"attach", func(s *desk) (to, page string, typed url.Values) {
			i := s.lost("stray-" + s.order.Number())
			return itemAt(i, "/attach"), itemAt(i, ""), url.Values{"order": {s.order.Number()}, "reason": {"they wrote to us"}}
		}, []string{"they wrote to us", `value="1001"`}, false},
		{"many that are shipped", func(s *desk) (to, page string, typed url.Values) {
			s.paid(0)
			return confirmURL, "/admin/orders", url.Values{
				"action": {"ship"}, "order": {"1001", "x", "9999"}, "key": {uuid.NewString()}, "carrier": {"Tui Post"}, "tracking-1001": {"NZ 12"}, "query": {"status=paid"},
			}
		}, []string{"Mark as shipped: 1 order", `value="Tui Post"`, `value="NZ 12"`, `href="/admin/orders?status=paid"`}, false},
		{"many that are cancelled", func(s *desk) (to, page string, typed url.Values) {
			return confirmURL, "/admin/orders", url.Values{"action": {"cancel"}, "order": {"1001"}, "key": {uuid.NewString()}, "reason": {"they all asked"}}
		}, []string{"Cancel: 1 order", "they all asked"}, false},
		{"many that are chosen", func(s *desk) (to, page string, typed url.Values) {
			s.paid(0)
			return bulkURL, "/admin/orders", url.Values{"action": {"pack"}, "order": {"1001"}}
		}, []string{"Mark as packed: 1 order"}, true},
		{"view", func(s *desk) (to, page string, typed url.Values) {
			return "/admin/orders/views", "/admin/orders", url.Values{"name": {"Those that wait"}, "query": {"status=in_progress&before=1002"}}
		}, []string{`value="Those that wait"`, `value="status=in_progress"`}, true},
	} {
		t.Run(f.name, func(t *testing.T) {
			desks(t, func(t *testing.T, s *desk) {
				to, page, typed := f.on(s)
				s.away()
				hidden := s.unsentForm(to, typed)
				if hidden.Get("next") != page || hidden.Get("draft") == "" {
					t.Fatalf("leads to %v", hidden)
				}
				again := s.w.post(loginURL, url.Values{"email": {ownerEmail}, "password": {"wrong, all wrong"}, "next": hidden["next"], "draft": hidden["draft"]})
				want(t, again, 422)
				wantAway(t, s.loginWith(ownerEmail, hiddenIn(t, again, loginURL)), page)
				before := s.everything()
				got := s.w.get(page)
				want(t, got, 200, append([]string{unsent}, f.shows...)...)
				if s.everything() != before {
					t.Error("looking did something")
				}
				if !f.enlists { // what the page has now is what does it
					send := hiddenIn(t, got, to)
					for name, values := range typed {
						if _, hidden := send[name]; !hidden {
							send[name] = values
						}
					}
					if got := s.w.post(to, send); got.Code != http.StatusSeeOther && (to != confirmURL || got.Code != http.StatusOK) {
						t.Errorf("%d when it was sent again", got.Code)
					}
					if s.everything() == before {
						t.Error("nothing was done when it was sent again")
					}
					return
				}
				lacks(t, s.w.get(page+"?payment="+s.pay.ID), unsent, "broken spout", "Those that wait", "Mark as packed: 1 order") // once
			})
		})
	}
}

func TestDraft_SecondFactor(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		secret, _ := s.enrol(t, s.w)
		s.away()
		hidden := s.unsentForm(s.at("/cancel"), url.Values{"note": {"a slip"}})
		wantAway(t, s.loginWith(ownerEmail, hidden), codeURL)
		want(t, s.w.post(codeURL, url.Values{"code": {"not it"}}), 422)
		wantAway(t, s.w.post(codeURL, url.Values{"code": {s.codeAt(t, secret, 0)}}), s.at("/cancel"))
		want(t, s.w.get(s.at("/cancel")), 200, unsent, "a slip")
		lacks(t, s.w.get(s.at("/cancel")), unsent, "a slip")
	})
}

// What somebody typed is theirs.
func TestDraft_SomebodyElse(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.staff(t, managerEmail, models.RoleManager)
		s.away()
		hidden := s.unsentForm(s.at("/cancel"), url.Values{"note": {"a slip"}})
		wantAway(t, s.loginWith(managerEmail, hidden), s.at("/cancel"))
		lacks(t, s.w.get(s.at("/cancel")), unsent, "a slip")

		stranger := s.browser() // nobody knows whose session it was
		wantAway(t, stranger.post(s.at("/cancel"), url.Values{"note": {"a slip"}}), "/admin/login?next="+url.QueryEscape(s.at("/cancel")))
	})
}

func TestDraft_TooOld(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.away()
		hidden := s.unsentForm(s.at("/cancel"), url.Values{"note": {"a slip"}})
		s.Clock.Pass(draftLife)
		wantAway(t, s.loginWith(ownerEmail, hidden), s.at("/cancel"))
		lacks(t, s.w.get(s.at("/cancel")), unsent, "a slip")

		hidden = s.unsentFormAnew(s.at("/cancel"), url.Values{"note": {"a slip"}})
		wantAway(t, s.loginWith(ownerEmail, hidden), s.at("/cancel"))
		s.Clock.Pass(draftLife)
		lacks(t, s.w.get(s.at("/cancel")), unsent, "a slip") // nor later, in a session that goes on
	})
}

func (s *desk) unsentFormAnew(path string, form url.Values) url.Values {
	s.t.Helper()
	s.w = s.signedIn(s.t, ownerEmail)
	s.away()
	return s.unsentForm(path, form)
}

// Only what we have sealed is shown, and what is secret is never sealed.
func TestDraft_Seal(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		hidden := s.unsentFormAnew(accountURL+"/name", url.Values{"name": {"Olive"}, "old_password": {password}, "password": {password}, "code": {"123456"}})
		if d := s.pages.unseal(hidden.Get("draft")); d == nil || d.Values != "name=Olive" || d.Action != accountURL+"/name" {
			t.Fatalf("%+v", d)
		}
		if strings.Contains(hidden.Get("draft"), "Olive") {
			t.Error("it can be read")
		}
		wantAway(t, s.browser().post(accountURL+"/password", url.Values{"old_password": {password}, "new_password": {password}}), "/admin/login?next=%2Fadmin%2Faccount")
		other, err := NewSeal(bytes.Repeat([]byte{1}, 32))
		if err != nil {
			t.Fatal(err)
		}
		sealed := hidden.Get("draft")
		first := "A"
		if sealed[0] == 'A' {
			first = "B"
		}
		for name, text := range map[string]string{"changed": first + sealed[1:], "cut": sealed[:40], "none": "", "no text": "%%%", "another kind": string(s.pages.Seal.close("second factor", []byte("{}")))} {
			if d := s.pages.unseal(text); d != nil {
				t.Errorf("%s: %+v", name, d)
			}
		}
		h := s.pages
		h.Drafts = NewDrafts(other)
		if d := h.unseal(sealed); d != nil {
			t.Error("another shop's")
		}
		hidden.Set("draft", first+sealed[1:])
		wantAway(t, s.loginWith(ownerEmail, hidden), accountURL)
		lacks(t, s.w.get(accountURL), unsent)
	})
}

// What is long comes back whole, and what is too long does not come back.
func TestDraft_Size(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		long := strings.Repeat("word ", 12000)
		hidden := s.unsentFormAnew(s.at("/cancel"), url.Values{"note": {long}})
		got := s.w.post(loginURL, url.Values{"email": {ownerEmail}, "password": {"wrong, all wrong"}, "next": hidden["next"], "draft": hidden["draft"]})
		want(t, got, 422)
		wantAway(t, s.loginWith(ownerEmail, hidden), s.at("/cancel"))
		want(t, s.w.get(s.at("/cancel")), 200, long)
		wantAway(t, s.browser().post(s.at("/cancel"), url.Values{"note": {strings.Repeat("word ", 14000)}}), "/admin/login?next="+url.QueryEscape(s.at("/cancel")))
	})
}

// Of a form with files the rest is kept.
func TestDraft_Files(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		send := func(file int) *httptest.ResponseRecorder {
			var body bytes.Buffer
			w := multipart.NewWriter(&body)
			part, err := w.CreateFormFile("picture", "mug.png")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := part.Write(make([]byte, file)); err != nil {
				t.Fatal(err)
			}
			if err := w.WriteField("note", "a slip"); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			r := httptest.NewRequest(http.MethodPost, "http://shop.test"+s.at("/cancel"), &body)
			r.Header.Set("Content-Type", w.FormDataContentType())
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			for name, value := range s.w.cookies {
				r.AddCookie(&http.Cookie{Name: name, Value: value})
			}
			out := httptest.NewRecorder()
			s.engine.ServeHTTP(out, r)
			return out
		}
		s.away()
		got := send(2 << 20)
		want(t, got, 401)
		if d := s.pages.unseal(hiddenIn(t, got, loginURL).Get("draft")); d == nil || d.Values != "note=a+slip" {
			t.Errorf("%+v", d)
		}
		want(t, send(maxUpload), 303)
	})
}

// A form that came too late for its order is not sent by coming back.
func TestDraft_Page(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		for path, page := range map[string]string{
			s.at("/payments/" + s.pay.ID + "/settle"): s.at(""), s.at("/refunds/preview"): s.at("/refunds"), staffURL + "/invitations": staffURL,
			staffURL + "/7/role": staffURL + "/7", accountURL + "/sessions/end": accountURL, "/admin/inbox/7/accept": "/admin/inbox/7",
			"/admin/audit/export": "/admin/audit", staffURL + "/invitations/7/revoke": staffURL,
		} {
			wantAway(t, s.browser().post(path, nil), "/admin/login?next="+url.QueryEscape(page))
		}
		wantAway(t, s.browser().post("/admin/logout", url.Values{"a": {"b"}}), loginURL)
	})
}

func TestDraft_ReadOnly(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		if strings.HasPrefix(s.Name, "postgres") {
			t.Skip("the file is made read-only")
		}
		hidden := s.unsentFormAnew(s.at("/cancel"), url.Values{"note": {"a slip"}})
		wantAway(t, s.loginWith(ownerEmail, hidden), s.at("/cancel"))
		s.freeze(t, true)
		want(t, s.w.get(s.at("/cancel")), 200, "a slip")
		s.freeze(t, false)
		want(t, s.w.get(s.at("/cancel")), 200, "a slip")
		s.Clock.Pass(time.Minute)
		lacks(t, s.w.get(s.at("/cancel")), "a slip")
	})
}
