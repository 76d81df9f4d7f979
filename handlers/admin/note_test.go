package admin

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"till/models"

	"github.com/google/uuid"
)

func aNote(text string) url.Values { return url.Values{"key": {uuid.NewString()}, "note": {text}} }

// A note stands in the timeline with its author, as text, with its line breaks;
// the same form twice is one.
func TestNote(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		form := hiddenIn(t, s.see(), s.at("/notes"))
		form.Set("note", " She rang:\r\nleave it <b>at</b> the door.\x00 ")
		s.does("/notes", form, "The note is kept.", "She rang:\nleave it <b>at</b> the door.", "staff "+ownerEmail)
		s.does("/notes", form, "The note is kept.")
		if n := s.count(t, "events WHERE kind = 'note'"); n != 1 {
			t.Errorf("%d notes", n)
		}
		if body := s.see().Body.String(); strings.Contains(body, "<b>at</b>") || !strings.Contains(body, "whitespace-pre-line") {
			t.Error("it is markup, or has lost its line breaks")
		}
		form.Set("note", "another")
		s.refuses(s.at("/notes"), form, http.StatusConflict, "This form was sent before, with something else in it.")
		s.refuses(s.at("/notes"), aNote(" \n "), http.StatusUnprocessableEntity, "Write something first")
		s.refuses(s.at("/notes"), aNote(strings.Repeat("ü", 2001)), http.StatusUnprocessableEntity, "At most 2000 characters: these are 2001", "üüü")
		s.does("/notes", aNote(strings.Repeat("ü", 2000)), "The note is kept.")
		s.refuses(s.at("/notes"), url.Values{"note": {"x"}}, http.StatusBadRequest)
		s.refuses("/admin/orders/9999/notes", aNote("x"), http.StatusNotFound)
		s.w = s.signedIn(t, viewerEmail)
		s.refuses(s.at("/notes"), aNote("x"), http.StatusForbidden, "changes an order")
		lacks(t, s.see(), "Keep the note", "Recompute from history", "Mark packed")
	})
}

// bend does to rows what no code of ours does.
func (s *desk) bend(statement string) {
	s.t.Helper()
	pool, _, err := s.DB.SQL()
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := pool.ExecContext(s.t.Context(), statement); err != nil {
		s.t.Fatal(err)
	}
}

// A row that says something else than its history is mended by one press, and
// what it said is said.
func TestRecompute(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.paid(0)
		s.does("/recompute", nil, "Everything agrees: 1 fact of 1 payment come to what is stored. Nothing was changed.")
		s.bend("UPDATE payments SET captured_minor = 9999 WHERE id = '" + s.pay.ID + "'")
		s.bend("UPDATE orders SET status = 'issued' WHERE id = " + s.order.Number())
		want(t, s.see(), 200, "The ledger does not add up")
		s.does("/recompute", nil, "Mended from history: captured of payment 1: NZD 25.00, was NZD 99.99; status: paid, was issued.", "Recomputed from history, and mended", `data-status="paid"`, "The ledger adds up.")
		s.balances(2500, 0, 0)
		s.refuses("/admin/orders/9999/recompute", nil, http.StatusNotFound)
		s.w = s.signedIn(t, viewerEmail)
		s.refuses(s.at("/recompute"), nil, http.StatusForbidden)
	})
}

func TestResend(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.paid(0)
		mails, err := s.pages.Mails.OfOrder(t.Context(), s.order.ID)
		if err != nil || len(mails) != 1 {
			t.Fatal(mails, err)
		}
		path := "/mails/" + models.Order{ID: mails[0].ID}.Number() + "/resend"
		lacks(t, s.see(), "Send it once more")
		s.refuses(s.at(path), nil, http.StatusConflict, "No mail server is set")
		s.pages.Shop.Mails = true
		s.engine = engine(t, s.pages)
		s.w.engine = s.engine
		s.refuses(s.at(path), nil, http.StatusConflict, "The mail is still to be written")
		if err := s.pages.Mails.Written(t.Context(), mails[0].ID, "Paid", "Kia ora"); err != nil {
			t.Fatal(err)
		}
		if err := s.pages.Mails.Sent(t.Context(), mails[0].ID); err != nil {
			t.Fatal(err)
		}
		s.Queue.Take("send_mail")
		want(t, s.see(), 200, "Send it once more", "Order confirmed, to ann@example.test")
		s.does(path, nil, "The mail is on its way once more.", "Sent once more: order confirmed")
		s.does(path, nil, "It was sent once more less than a minute ago.")
		if n := len(s.Queue.Take("send_mail")); n != 1 {
			t.Errorf("%d jobs", n)
		}
		first := s.order
		s.again()
		s.refuses(s.at(path), nil, http.StatusNotFound) // another order's
		s.refuses(s.at("/mails/x/resend"), nil, http.StatusNotFound)
		s.order = first
		s.w = s.signedIn(t, viewerEmail)
		s.refuses(s.at(path), nil, http.StatusForbidden)
	})
}

func TestShip(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.refuses(s.at("/pack"), nil, http.StatusConflict, "The order is not paid. Nothing was changed.")
		want(t, s.w.get(s.at("/ship")), http.StatusConflict, "The order is not paid.")
		s.paid(0)
		s.does("/pack", nil, "Marked as packed.", "Packed, and still here")
		s.does("/unpack", nil, "Marked as not packed after all.", "Not packed yet")
		s.does("/pack", nil, "Marked as packed.")
		want(t, s.w.get(s.at("/ship")), 200, "Has order "+s.order.Number()+" left?", "1 Kauri Road")
		s.refuses(s.at("/ship"), url.Values{"carrier": {strings.Repeat("x", 81)}, "tracking": {"AB <1>"}}, http.StatusUnprocessableEntity, "At most 80 characters", "AB <1>")
		form := url.Values{"carrier": {"NZ Post"}, "tracking": {"AB <1>"}}
		s.does("/ship", form, "Marked as shipped.", "Left with NZ Post", "AB <1>", "Shipped with NZ Post AB <1>")
		s.does("/ship", form, "Marked as shipped.")
		if n := s.count(t, "events WHERE kind = 'shipped'"); n != 1 {
			t.Errorf("shipped %d times", n)
		}
		s.refuses(s.at("/ship"), url.Values{"carrier": {"DHL"}}, http.StatusConflict, "The goods have left already.")
		s.refuses(s.at("/pack"), nil, http.StatusConflict, "The goods have left already.")
		s.does("/unship", nil, "Marked as not shipped after all.")
		s.does("/ship", form, "Marked as shipped.")
		s.Clock.Pass(25 * time.Hour)
		s.w = s.signedIn(t, ownerEmail)
		s.refuses(s.at("/unship"), nil, http.StatusConflict, "that is not taken back any more")
		s.w = s.signedIn(t, viewerEmail)
		for _, path := range []string{"/pack", "/unpack", "/ship", "/unship"} {
			s.refuses(s.at(path), form, http.StatusForbidden)
		}
		want(t, s.w.get(s.at("/ship")), http.StatusForbidden)
	})
}

// Every order says why it is in its state, by whose word, and what comes next.
func TestOrder_Why(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		want(t, s.see(), 200, "Why it is in this state", "From Created to Redirected", "What happens next by itself", "We ask The full again",
			"When it is not paid by then, the order is given up", "14 Mar") // seven days on, in Auckland
		s.full.Reserve(s.pay.Ref)
		s.settle()
		want(t, s.see(), 200, "From Redirected to Authorised", "provider, callback 1", "The reservation of NZD 25.00 lapses. It is given back a day before")
		s.again().paid(0)
		got := s.see()
		want(t, got, 200, "From Redirected to Paid", "The last answer of The full. Asked how it stands: paid")
		lacks(t, got, "the order is given up")
		s.again()
		want(t, s.w.get(s.at("/cancel")), 200)
		s.does("/cancel", url.Values{"note": {"a mistake"}}, "Order cancelled", "a mistake", "staff "+ownerEmail)
	})
}

// A reservation that has come since the page of the cancel was drawn is not
// given back unseen, and one that has gone is not promised.
func TestCancel_OtherReservation(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		form := hiddenIn(t, s.w.get(s.at("/cancel")), s.at("/cancel"))
		form.Set("note", "a mistake")
		s.reserved()
		s.refuses(s.at("/cancel"), form, http.StatusConflict, "What is reserved for the order has changed since you looked. Nothing was done.", `data-status="hold"`)
		seen := hiddenIn(t, s.w.get(s.at("/cancel")), s.at("/cancel"))
		if !strings.Contains(seen.Get("reserved"), "25.00") {
			t.Fatal(seen)
		}
		seen.Set("note", "a mistake")
		s.does("/voids", s.form(), "Released")
		s.refuses(s.at("/cancel"), seen, http.StatusConflict, "What is reserved for the order has changed since you looked.")
		form = hiddenIn(t, s.w.get(s.at("/cancel")), s.at("/cancel"))
		form.Set("note", "a mistake")
		s.does("/cancel", form, "The order is cancelled.")
	})
}
