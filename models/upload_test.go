package models_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"till/models"
)

// clerk is a member of staff.
func (s till) clerk(email string) models.Staff {
	s.Helper()
	one, err := models.NewStaff(s.DB).Add(s.Context(), email, models.RoleManager, "hash")
	if err != nil {
		s.Fatal(err)
	}
	return one
}

// A file waits for an hour, for who sent it and nobody else.
func TestUploads(t *testing.T) {
	eachTill(t, "UTC", func(s till) {
		all, ann, bo := models.NewStatements(s.DB), s.clerk("ann@example.test"), s.clerk("bo@example.test")
		keep := func(who models.Staff, name string) int64 {
			s.Helper()
			id, err := all.Keep(s.Context(), models.Upload{StaffID: who.ID, Provider: "acme", Name: name, Digest: "abc", Body: []byte("a,b\n")})
			if err != nil {
				s.Fatal(err)
			}
			return id
		}
		id := keep(ann, "march.csv")
		if _, err := all.Upload(s.Context(), id, bo.ID); !errors.Is(err, models.ErrNotFound) {
			s.Errorf("somebody else sees it: %v", err)
		}
		if err := all.Forget(s.Context(), id, bo.ID); err != nil || count(s.T, s.Bench, "uploads", "1=1") != 1 {
			s.Errorf("somebody else threw it away: %v", err)
		}
		s.Clock.Pass(30 * time.Minute)
		if again := keep(ann, "april.csv"); again != id {
			s.Errorf("the same file is kept twice: %d and %d", id, again)
		}
		s.Clock.Pass(59 * time.Minute)
		if one, err := all.Upload(s.Context(), id, ann.ID); err != nil || one.Name != "april.csv" || string(one.Body) != "a,b\n" {
			s.Errorf("%+v %v", one, err)
		}
		s.Clock.Pass(time.Minute)
		if _, err := all.Upload(s.Context(), id, ann.ID); !errors.Is(err, models.ErrNotFound) {
			s.Errorf("after an hour: %v", err)
		}
		other := keep(bo, "may.csv")
		if n := count(s.T, s.Bench, "uploads", "1=1"); n != 1 {
			s.Errorf("%d files are kept, one is too old", n)
		}
		if err := all.Forget(s.Context(), other, bo.ID); err != nil || count(s.T, s.Bench, "uploads", "1=1") != 0 {
			s.Errorf("not forgotten: %v", err)
		}
	})
}

// Twenty people read the same file in at once: it is read in once, and nothing
// else is kept.
func TestStatements_Crowd(t *testing.T) {
	eachTill(t, "UTC", func(s till) {
		p := s.takes("acme")
		all, ann := models.NewStatements(s.DB), s.clerk("ann@example.test")
		id, err := all.Keep(s.Context(), models.Upload{StaffID: ann.ID, Provider: "acme", Name: "march.csv", Digest: "abc", Body: []byte("a,b\n")})
		if err != nil {
			s.Fatal(err)
		}
		n := models.NewStatement{
			Provider: "acme", Name: "march.csv", Digest: "abc", Mapping: models.Mapping{Ref: "a", Amount: "b", In: "NZD"}, Upload: id, Actor: "staff ann@example.test",
			Lines: []models.StatementLine{{Position: 1, Kind: models.LineTaken, Ref: p.Ref, Currency: "NZD", Minor: 2500, FeeMinor: 75, NetMinor: 2425}},
		}
		var mu sync.Mutex
		var wg sync.WaitGroup
		read := 0
		for range 20 {
			wg.Go(func() {
				_, err := all.Add(s.Context(), n)
				if err != nil && !isDuplicate(err) {
					s.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					read++
				}
			})
		}
		wg.Wait()
		if read != 1 {
			s.Errorf("read in %d times", read)
		}
		for table, want := range map[string]int64{"statements": 1, "statement_lines": 1, "fees": 1, "uploads": 0} {
			if n := count(s.T, s.Bench, table, "1=1"); n != want {
				s.Errorf("%d rows of %s, want %d", n, table, want)
			}
		}
		if n := count(s.T, s.Bench, "audit", "action = ?", models.AuditStatementRead); n != 1 {
			s.Errorf("%d lines of audit", n)
		}
		one, err := all.ByDigest(s.Context(), "acme", "abc")
		if err != nil || one.Name != "march.csv" {
			s.Errorf("%+v %v", one, err)
		}
		if _, err := all.ByDigest(s.Context(), "bank", "abc"); !errors.Is(err, models.ErrNotFound) {
			s.Errorf("of another provider: %v", err)
		}
	})
}

// What only we have is shown by day, place after place, and adds up.
func TestStatements_OursOnly(t *testing.T) {
	eachTill(t, "UTC", func(s till) {
		var paid []models.Payment
		for range 3 {
			paid = append(paid, s.takes("acme"), s.takes("acme"))
			s.Clock.Pass(24 * time.Hour)
		}
		s.takes("bank")
		s.givesBack(paid[0], 700) // on the fourth day
		all := models.NewStatements(s.DB)
		one, err := all.Add(s.Context(), models.NewStatement{
			Provider: "acme", Name: "x.csv", Digest: rand.Text(), Actor: "staff ann@example.test",
			Lines: []models.StatementLine{
				{Position: 1, Kind: models.LineTaken, Ref: paid[2].Ref, Day: "2026-03-07", Currency: "NZD", Minor: 2500, NetMinor: 2500},
				{Position: 2, Kind: models.LineTaken, Ref: "strange", Day: "2026-03-09", Currency: "NZD", Minor: 100, NetMinor: 100},
			},
		})
		if err != nil {
			s.Fatal(err)
		}
		var got []string
		for at, more := (models.FactPlace{}), true; more; {
			var some []models.ClosedFact
			if some, more, err = all.OursOnly(s.Context(), one, false, at, 1); err != nil {
				s.Fatal(err)
			}
			for _, f := range some {
				at = models.FactPlace{Day: f.Day, FactID: f.ID}
				got = append(got, fmt.Sprintf("%s %s %d", f.Day, f.Kind, f.Amount.Minor))
			}
		}
		const want = "2026-03-07 captured 2500|2026-03-08 captured 2500|2026-03-08 captured 2500|2026-03-09 refunded 700"
		if strings.Join(got, "|") != want {
			s.Errorf("ours only %q", got)
		}
		totals, err := all.OursOnlyTotals(s.Context(), one, false)
		if err != nil || len(totals) != 1 || totals[0].Lines != 4 || totals[0].Minor != 6800 || totals[0].Currency != "NZD" {
			s.Errorf("totals %+v %v", totals, err)
		}
		if tests, err := all.OursOnlyTotals(s.Context(), one, true); err != nil || len(tests) != 0 {
			s.Errorf("of tests %+v %v", tests, err)
		}
	})
}

// Lists turn both ways.
func TestCloses_Pages(t *testing.T) {
	eachTill(t, "UTC", func(s till) {
		for range 4 {
			s.takes("acme")
			s.Clock.Pass(24 * time.Hour)
		}
		s.takes("bank")
		s.Clock.Pass(24 * time.Hour)
		s.closesDays()
		list := func(f models.CloseFilter) string {
			s.Helper()
			f.Limit = 2
			rows, more, err := s.closes.List(s.Context(), f)
			if err != nil {
				s.Fatal(err)
			}
			var ids []string
			for _, r := range rows {
				ids = append(ids, fmt.Sprint(r.ID))
			}
			return fmt.Sprint(strings.Join(ids, " "), " ", more)
		}
		for want, f := range map[string]models.CloseFilter{
			"5 4 true":  {},
			"3 2 true":  {Before: 4},
			"1 false":   {Before: 2},
			"3 2 true ": {After: 1},
			"5 4 false": {After: 3},
			"4 3 true":  {Provider: "acme"},
			"5 false":   {Provider: "bank", Currency: "NZD"},
			" false":    {Currency: "EUR"},
			" false ":   {Test: true},
		} {
			if got := list(f); got != strings.TrimSuffix(want, " ") {
				s.Errorf("%+v: %q, want %q", f, got, want)
			}
		}
		providers, err := s.closes.Providers(s.Context())
		if err != nil || strings.Join(providers, " ") != "acme bank" {
			s.Errorf("providers %q %v", providers, err)
		}
		currencies, err := s.closes.Currencies(s.Context())
		if err != nil || strings.Join(currencies, " ") != "NZD" {
			s.Errorf("currencies %q %v", currencies, err)
		}
	})
}

// till verify looks at the closes too.
func TestVerify_Closes(t *testing.T) {
	eachTill(t, "UTC", func(s till) {
		for range 2 {
			s.takes("acme")
			s.Clock.Pass(24 * time.Hour)
		}
		s.closesDays()
		verify := func() (all []string) {
			s.Helper()
			_, err := s.DB.Verify(s.Context(), func(f models.Finding) error { all = append(all, f.What); return nil })
			if err != nil {
				s.Fatal(err)
			}
			return all
		}
		if found := verify(); len(found) != 0 {
			s.Fatalf("found %q", found)
		}
		pool, _, err := s.DB.SQL()
		if err != nil {
			s.Fatal(err)
		}
		if _, err := pool.ExecContext(s.Context(), "UPDATE bookings SET close_id = NULL WHERE fact_id = (SELECT MIN(fact_id) FROM bookings)"); err != nil {
			s.Fatal(err)
		}
		if found := verify(); len(found) != 1 || found[0] != "close of 2026-03-06, acme in NZD" {
			s.Errorf("a fact was taken out of a close, and it found %q", found)
		}
	})
}
