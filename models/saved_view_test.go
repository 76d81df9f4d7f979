package models_test

import (
	"errors"
	"fmt"
	"testing"

	"till/models"
	"till/models/modelstest"
)

func TestSavedViews(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		views, ids := models.NewSavedViews(b.DB), map[string]int64{}
		for _, email := range []string{"ann@example.test", "bo@example.test"} {
			if err := raw(t, b, "INSERT INTO staff (email, role, password_hash, created_at, updated_at) VALUES (?, 'clerk', 'x', ?, ?)", email, b.Clock.Now(), b.Clock.Now()); err != nil {
				t.Fatal(err)
			}
			who, err := models.NewStaff(b.DB).ByEmail(t.Context(), email)
			if err != nil {
				t.Fatal(err)
			}
			ids[email] = who.ID
		}
		me, other := ids["ann@example.test"], ids["bo@example.test"]
		save := func(who int64, name, query string, replace bool, want error) {
			t.Helper()
			if err := views.Save(t.Context(), models.SavedView{StaffID: who, Name: name, Query: query}, replace); !errors.Is(err, want) || want == nil && err != nil {
				t.Fatalf("%s: %v, want %v", name, err, want)
			}
		}
		has := func(who int64, want string) []models.SavedView {
			t.Helper()
			all, err := views.Of(t.Context(), who)
			got := ""
			for _, v := range all {
				got += v.Name + "=" + v.Query + " "
			}
			if err != nil || got != want {
				t.Fatalf("%q, want %q (%v)", got, want, err)
			}
			return all
		}
		save(me, "paid", "status=paid", false, nil)
		save(me, "paid", "status=paid", false, nil)
		save(me, "paid", "status=hold", false, models.ErrDuplicate)
		has(me, "paid=status=paid ")
		save(other, "paid", "status=viewed", false, nil)
		save(me, "paid", "status=hold", true, nil)
		mine := has(me, "paid=status=hold ")
		has(other, "paid=status=viewed ")
		if err := views.Delete(t.Context(), other, mine[0].ID); !errors.Is(err, models.ErrNotFound) {
			t.Fatalf("another's: %v", err)
		}
		has(me, "paid=status=hold ")
		if err := views.Delete(t.Context(), me, mine[0].ID); err != nil {
			t.Fatal(err)
		}
		has(me, "")
		for i := range models.MaxSavedViews {
			save(me, fmt.Sprintf("%03d", i), "q=1", false, nil)
		}
		save(me, "one too many", "q=1", false, models.ErrFull)
		save(me, "007", "q=2", true, nil)
		if n := count(t, b, "saved_views", "staff_id = ?", me); n != models.MaxSavedViews {
			t.Errorf("%d views", n)
		}
	})
}
