package models_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"till/models"
	"till/models/modelstest"

	"gorm.io/gorm"
)

// Twenty people save at once from the same page: one wins, and nobody's change
// is taken back unseen.
func TestSettings_AtOnce(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		first, err := b.DB.BeginSettings(t.Context(), models.Settings{ShopName: "Kauri", TimeZone: "UTC", OpenSeconds: 1, KeepSeconds: 1, HoldRule: "void", HoldWarning: 1})
		if err != nil {
			t.Fatal(err)
		}
		var saved atomic.Int64
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				mine := first
				mine.Headline = fmt.Sprint("by ", i)
				switch _, err := b.DB.SaveSettings(t.Context(), mine, models.StaffActor("ann@example.test")); {
				case err == nil:
					saved.Add(1)
				case !errors.Is(err, models.ErrStale):
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := count(t, b, "settings", "1 = 1"); saved.Load() != 1 || n != 2 {
			t.Errorf("%d saved, %d rows", saved.Load(), n)
		}
	})
}

// Several new processes come to a database from before there were words and
// bookings: it is counted once.
func TestCount_AtOnce(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		modelstest.Place(t, b, modelstest.Placement(t, modelstest.Catalogue(t, b), "acme"))
		before := count(t, b, "order_words", "1 = 1")
		err := b.DB.Write(t.Context(), func(tx *gorm.DB) error {
			return errors.Join(tx.Exec("DELETE FROM order_words").Error, tx.Exec("DELETE FROM figures").Error)
		})
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if err := b.DB.Count(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := count(t, b, "order_words", "1 = 1"); n != before || count(t, b, "figures", "orders = 1") != 1 {
			t.Errorf("%d words, want %d", n, before)
		}
	})
}
