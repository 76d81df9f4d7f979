package admin

import (
	"context"
	"encoding/csv"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"till/models"
)

// aDay is a bench with two payments of NZD 25.00 on a closed day, and one on the
// day that is still open.
func aDay(t *testing.T, b *bench) (closed, open models.Order) {
	t.Helper()
	closed, _ = b.paid(t, nil)
	b.paid(t, nil)
	b.Clock.Pass(24 * time.Hour)
	b.closeDays(t)
	open, _ = b.paid(t, nil)
	return closed, open
}

func (b *bench) closeDays(t *testing.T) {
	t.Helper()
	if _, err := models.NewCloses(b.DB).CloseDays(t.Context()); err != nil {
		t.Fatal(err)
	}
}

const theDay = "2026-03-07" // in Auckland, where the bench's shop is

// zoned gives the bench the zone that its days are cut in.
func (b *bench) zoned(t *testing.T) {
	t.Helper()
	_, err := b.DB.BeginSettings(t.Context(), models.Settings{
		ShopName: "Kauri & Clay", TimeZone: "Pacific/Auckland", OpenSeconds: 3600, KeepSeconds: 1800, HoldRule: "void", HoldWarning: 3,
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestCloses(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.zoned(t)
		w := b.signedIn(t, viewerEmail)
		got := w.get(closesURL)
		want(t, got, http.StatusOK, "No day is closed yet", "shortly after its midnight in Pacific/Auckland")
		lacks(t, got, "Check the chain", "Download")
		closed, _ := aDay(t, b)
		w = b.signedIn(t, viewerEmail)
		got = w.get(closesURL)
		want(t, got, http.StatusOK, "Saturday 7 March 2026", "Acme <Pay>, NZD", "NZD 50.00", "Sunday 8 March 2026", "So far", "Not final", "NZD 25.00")
		want(t, w.get(closesURL+"?provider=full"), http.StatusOK, "Nothing found", "Show all")
		want(t, w.get(closesURL+"?currency=EUR&provider=acme"), http.StatusOK, "Nothing found")
		want(t, w.get(closesURL+"?provider=acme&currency=NZD"), http.StatusOK, "NZD 50.00", "So far")
		got = w.get(closesURL + "?figures=tests")
		want(t, got, http.StatusOK, "Nothing found")
		lacks(t, got, "So far", "NZD 50.00")
		day := w.get(closesURL + "/" + theDay)
		want(t, day, http.StatusOK, "Saturday 7 March 2026", "A day in Pacific/Auckland, closed", "It does not change any more", "Expected payout", "NZD 50.00",
			"Captured", orderURL(closed.Number()), "none: this is the first")
		lacks(t, day, "Download", "facts of")
		want(t, w.get(closesURL+"/"+theDay+"?figures=tests"), http.StatusOK, "No money of tests moved on this day")
		for _, none := range []string{"/2026-03-08", "/2026-3-7", "/yesterday", "/check"} {
			want(t, w.get(closesURL+none), http.StatusNotFound, "There is no such page")
		}
	})
}

// A page never cuts a day in two, and both ways lead through the same days.
func TestCloses_Turn(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.zoned(t)
		for range 32 { // two closes a day: more than a page
			b.paid(t, nil)
			b.paid(t, func(p *models.Placement) { p.Order.Test = true })
			s := &desk{bench: b, t: t}
			s.again().paid(0)
			b.Clock.Pass(24 * time.Hour)
		}
		b.Clock.Pass(time.Hour)
		b.closeDays(t)
		w := b.signedIn(t, viewerEmail)
		days := func(page string) (all []string) {
			for day := time.Date(2026, 3, 7, 0, 0, 0, 0, time.UTC); day.Month() < 5; day = day.AddDate(0, 0, 1) {
				if n := strings.Count(page, `href="/admin/closes/`+day.Format(time.DateOnly)); n == 1 {
					all = append(all, day.Format(time.DateOnly))
				} else if n > 1 {
					t.Errorf("%s stands there %d times", day, n)
				}
			}
			return all
		}
		first := w.get(closesURL)
		some := days(first.Body.String())
		if n := strings.Count(first.Body.String(), `data-testid="close"`); len(some) == 0 || n != 2*len(some) {
			t.Fatalf("%d closes of %d days", n, len(some))
		}
		older := link(t, seen(first), "next")
		second := w.get(older)
		rest := days(second.Body.String())
		if len(some)+len(rest) != 32 || slices.Contains(some, rest[len(rest)-1]) {
			t.Fatalf("%d days and %d days", len(some), len(rest))
		}
		lacks(t, second, `rel="next"`)
		if back := w.get(link(t, seen(second), "prev")); !slices.Equal(days(back.Body.String()), some) {
			t.Errorf("the way back leads to other days: %s", days(back.Body.String()))
		}
	})
}

// link is where the page before or after this one is.
func link(t *testing.T, page, rel string) string {
	t.Helper()
	_, rest, ok := strings.Cut(page, `rel="`+rel+`" href="`)
	to, _, _ := strings.Cut(rest, `"`)
	if !ok {
		t.Fatalf("no page is %s", rel)
	}
	return to
}

// A day with many facts shows some of each close, and all of them on pages of
// their own.
func TestCloseOf_Facts(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.zoned(t)
		_, pay := b.order(t, nil)
		for range 130 {
			now, err := b.pages.Payments.ByID(t.Context(), pay.ID)
			if err != nil {
				t.Fatal(err)
			}
			fact := models.Fact{Kind: models.FactCaptured, Amount: pay.Amount}
			if _, _, err := b.pages.Payments.Record(t.Context(), models.Change{PaymentID: pay.ID, Version: now.Version, Facts: []models.Fact{fact}, Cause: models.Cause{Actor: "provider", Source: "callback 1"}}); err != nil {
				t.Fatal(err)
			}
		}
		b.Clock.Pass(24 * time.Hour)
		b.closeDays(t)
		w := b.signedIn(t, viewerEmail)
		rows := func(path string) int { return strings.Count(w.get(path).Body.String(), `data-testid="fact"`) }
		at := closesURL + "/" + theDay
		want(t, w.get(at), http.StatusOK, "All 130 facts")
		if n := rows(at); n != factsAtOnce {
			t.Errorf("%d facts of the whole day", n)
		}
		alone := at + "?figures=real&close=1"
		if n := rows(alone); n != factsPerPage {
			t.Errorf("%d facts of one close", n)
		}
		next := link(t, seen(w.get(alone)), "next")
		if n := rows(next); n != 30 {
			t.Errorf("%d facts on the next page", n)
		}
		want(t, w.get(next), http.StatusOK, "To the beginning", "The whole day")
		lacks(t, w.get(next), `rel="next"`)
		want(t, w.get(at+"?close=77&after=5"), http.StatusOK, "All 130 facts") // no close of this day
	})
}

func TestCheckCloses(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.zoned(t)
		b.staff(t, clerkEmail, models.RoleClerk)
		w := b.signedIn(t, ownerEmail)
		check := func(texts ...string) {
			t.Helper()
			wantAway(t, w.post(closesURL+"/check", nil), closesURL)
			want(t, w.get(closesURL), http.StatusOK, texts...)
		}
		check("No day is closed yet, so there is nothing to check.")
		aDay(t, b)
		w = b.signedIn(t, ownerEmail)
		check("The chain holds: the only close there is follows from its facts.")
		b.Clock.Pass(24 * time.Hour)
		b.closeDays(t)
		w = b.signedIn(t, ownerEmail)
		check("The chain holds: all 2 closes follow from their facts and from each other.")
		for _, email := range []string{viewerEmail, clerkEmail} {
			w := b.signedIn(t, email)
			lacks(t, w.get(closesURL), "Check the chain")
			want(t, w.post(closesURL+"/check", nil), http.StatusForbidden, "Whoever reads statements of providers and banks in needs the role manager or owner.")
		}
		ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		defer cancel()
		if said, err := b.pages.check(ctx); err != nil || !said.alarm || !strings.HasPrefix(said.text, "Not finished: 0 closes were looked at") {
			t.Errorf("when there is no time: %+v %v", said, err)
		}
		pool, _, err := b.DB.SQL()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pool.ExecContext(t.Context(), "UPDATE bookings SET close_id = NULL"); err != nil {
			t.Fatal(err)
		}
		check("The chain does not hold. 2 things do not follow: close of "+theDay, "till verify")
		if !strings.Contains(b.log.String(), "closes do not follow") {
			t.Error("the log does not say so")
		}
	})
}

// Files say the same as the pages, and that they were taken is written down.
func TestExportCloses(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.zoned(t)
		b.staff(t, clerkEmail, models.RoleClerk)
		closed, _ := aDay(t, b)
		w := b.signedIn(t, ownerEmail)
		want(t, w.get(closesURL), http.StatusOK, `action="/admin/closes/export"`)
		got := w.post(closesURL+"/export", url.Values{"provider": {"acme"}, "currency": {"NZD"}})
		want(t, got, http.StatusOK)
		if kind := got.Header().Get("Content-Disposition"); kind != `attachment; filename="closes.csv"` {
			t.Errorf("sent as %s", kind)
		}
		rows, err := csv.NewReader(got.Body).ReadAll()
		if err != nil || len(rows) != 2 || strings.Join(rows[1][:12], "|") != theDay+"|Pacific/Auckland|acme|NZD|false|2|50.00|0.00|0.00|0.00|0.00|50.00" || len(rows[1][12]) != 64 {
			t.Errorf("%q %v", rows, err)
		}
		got = w.post(closesURL+"/"+theDay+"/export", nil)
		want(t, got, http.StatusOK)
		rows, err = csv.NewReader(got.Body).ReadAll()
		if err != nil || len(rows) != 3 || strings.Join(rows[1], "|") != theDay+"|acme|NZD|false|2026-03-07T01:00:00+13:00|"+closed.Number()+"|captured||acme-1|25.00" {
			t.Errorf("%q %v", rows, err)
		}
		want(t, w.post(closesURL+"/2026-03-08/export", nil), http.StatusNotFound)
		if n := b.count(t, "audit WHERE action = 'closes_exported'"); n != 2 {
			t.Errorf("%d lines of audit", n)
		}
		want(t, w.get("/admin/audit?action=closes_exported"), http.StatusOK, "Took daily closes out as a file", "close of "+theDay, "figures real, provider acme, currency NZD")
		for _, email := range []string{viewerEmail, clerkEmail} {
			w := b.signedIn(t, email)
			for _, path := range []string{closesURL, closesURL + "/" + theDay} {
				lacks(t, w.get(path), "Download as CSV")
				want(t, w.post(path+"/export", nil), http.StatusForbidden, "Whoever takes lists out of the house needs the role manager or owner.")
			}
		}
		if n := b.count(t, "audit WHERE action = 'closes_exported'"); n != 2 {
			t.Errorf("a refusal was written down: %d lines of audit", n)
		}
	})
}

// A file that breaks off is cut off.
func TestDownload_BrokenOff(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		b.zoned(t)
		aDay(t, b)
		w := b.signedIn(t, ownerEmail)
		pool, _, err := b.DB.SQL()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pool.ExecContext(t.Context(), "ALTER TABLE bookings RENAME TO elsewhere"); err != nil {
			t.Fatal(err)
		}
		if text, err := b.overTheWire(t, w, http.MethodPost, closesURL+"/"+theDay+"/export", nil); err == nil {
			t.Errorf("it looks whole: %q", text)
		}
		if !strings.Contains(b.log.String(), "export broken off") {
			t.Error("the log does not say so")
		}
	})
}
