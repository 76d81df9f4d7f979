package models_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"till/models"
	"till/models/modelstest"
	"till/money"
)

const keeper = "staff olive@shop.test"

// begun is a shop with its first settings.
func begun(t *testing.T, b modelstest.Bench) models.Settings {
	t.Helper()
	s, err := b.DB.BeginSettings(t.Context(), models.Settings{ShopName: "Kauri", TimeZone: "Pacific/Auckland"}.OrDefaults())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSettings_OrDefaults(t *testing.T) {
	t.Parallel()
	var none models.Settings
	if none.OpenFor() != 7*24*time.Hour || none.KeepFor() != 30*time.Minute || none.WarnBefore() != 3*24*time.Hour || none.OrDefaults().HoldRule != "void" {
		t.Fatalf("%+v", none.OrDefaults())
	}
	s := models.Settings{OpenSeconds: 1, KeepSeconds: 90, HoldWarning: 5, HoldRule: "keep"}
	if s.OpenFor() != time.Second || s.KeepFor() != 90*time.Second || s.WarnBefore() != 5*24*time.Hour || s.OrDefaults().HoldRule != "keep" {
		t.Fatalf("%+v", s.OrDefaults())
	}
	for d, want := range map[time.Duration]string{
		7 * 24 * time.Hour: "7 days", 25 * time.Hour: "1 day 1 hour", 90 * time.Second: "1 minute 30 seconds", 2 * time.Second: "2 seconds", 0: "",
	} {
		if got := models.Lasting(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

// The first settings are those of the environment, once; afterwards every
// change is a row, and a line of the audit.
func TestDB_SaveSettings(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		ctx := t.Context()
		first := begun(t, b)
		again, err := b.DB.BeginSettings(ctx, models.Settings{ShopName: "Other"}.OrDefaults())
		if err != nil || again.ID != first.ID || again.ShopName != "Kauri" {
			t.Fatalf("%+v %v", again, err)
		}
		s := first
		s.ShopName, s.TaxName, s.TaxRate, s.OpenSeconds, s.Limits = "Kauri & Clay", "GST", 1500, 3600, models.Limits{"NZD": 50000}
		second, err := b.DB.SaveSettings(ctx, s, keeper)
		if err != nil || second.ID == first.ID || second.Actor != keeper {
			t.Fatalf("%+v %v", second, err)
		}
		if _, err := b.DB.SaveSettings(ctx, s, keeper); !errors.Is(err, models.ErrStale) {
			t.Fatalf("from the page before: %v", err)
		}
		same, err := b.DB.SaveSettings(ctx, second, keeper)
		if err != nil || same.ID != second.ID {
			t.Fatalf("nothing changed, and there is row %d: %v", same.ID, err)
		}
		rows, err := b.DB.SettingsBefore(ctx, second.ID, 10)
		if err != nil || len(rows) != 2 || rows[0].ID != second.ID || rows[1].ID != first.ID {
			t.Fatalf("%+v %v", rows, err)
		}
		want := []string{keeper + ": settings_saved: name: Kauri → Kauri & Clay; tax: none → GST 15.00 %; orders wait: 7 days → 1 hour; refund limit: none → NZD 500.00"}
		if got := audits(t, b, fmt.Sprintf("settings %d", second.ID)); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// Twenty save from the same page: one wins.
func TestDB_SaveSettings_OneWinner(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		first := begun(t, b)
		var won int
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				s := first
				s.ShopName = fmt.Sprint("Shop ", i)
				_, err := b.DB.SaveSettings(t.Context(), s, keeper)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won++
				} else if !errors.Is(err, models.ErrStale) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if rows, err := b.DB.SettingsBefore(t.Context(), 1000, 30); err != nil || won != 1 || len(rows) != 2 {
			t.Fatalf("%d won, %d rows: %v", won, len(rows), err)
		}
	})
}

func TestDB_SaveLogo(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		ctx, pictures := t.Context(), models.NewPictures(b.DB)
		first := begun(t, b)
		logo := models.Picture{Digest: "sha256-abc", Mime: "image/png", Width: 1, Height: 2, Body: []byte("logo")}
		stale := first
		stale.ID--
		if _, err := b.DB.SaveLogo(ctx, stale, &logo, keeper); !errors.Is(err, models.ErrStale) {
			t.Fatal(err)
		}
		if _, err := pictures.ByDigest(ctx, logo.Digest); !errors.Is(err, models.ErrNotFound) {
			t.Fatalf("refused, and kept: %v", err)
		}
		second, err := b.DB.SaveLogo(ctx, first, &logo, keeper)
		if err != nil || second.Logo != logo.Digest || second.ShopName != "Kauri" {
			t.Fatalf("%+v %v", second, err)
		}
		if kept, err := pictures.ByDigest(ctx, logo.Digest); err != nil || string(kept.Body) != "logo" || kept.Height != 2 {
			t.Fatalf("%+v %v", kept, err)
		}
		third, err := b.DB.SaveLogo(ctx, second, nil, keeper)
		if err != nil || third.Logo != "" {
			t.Fatalf("%+v %v", third, err)
		}
		if _, err := b.DB.SaveLogo(ctx, third, &logo, keeper); err != nil {
			t.Fatalf("the same picture again: %v", err)
		}
	})
}

// What one process saves another knows a second later; the one that saved it
// knows at once.
func TestDB_Live(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		ctx := t.Context()
		other := modelstest.OpenNamed(t, b.Name)
		name := func(db *models.DB) string {
			t.Helper()
			s, err := db.Live(ctx)
			if err != nil {
				t.Fatal(err)
			}
			return s.ShopName
		}
		if name(b.DB) != "" || name(other.DB) != "" {
			t.Fatal("there are none yet")
		}
		s := begun(t, b)
		if name(b.DB) != "Kauri" || name(other.DB) != "" {
			t.Fatal("who saved it knows at once, and the other one has just looked")
		}
		other.Clock.Pass(time.Second)
		if name(other.DB) != "Kauri" {
			t.Fatal("a second later the other one does not know")
		}
		s.ShopName = "Clay"
		if _, err := other.DB.SaveSettings(ctx, s, keeper); err != nil {
			t.Fatal(err)
		}
		b.Clock.Pass(time.Second)
		if name(b.DB) != "Clay" || b.DB.Known().ShopName != "Clay" {
			t.Fatal("a second later the first one does not know")
		}
	})
}

// Pieces are kept for as long as the settings say when they are ordered.
func TestSettings_KeepFor(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		products := modelstest.Catalogue(t, b)
		s := begun(t, b)
		s.KeepSeconds = 90
		if _, err := b.DB.SaveSettings(t.Context(), s, keeper); err != nil {
			t.Fatal(err)
		}
		p := modelstest.Placement(t, products, "full")
		honey := products["honey"]
		p.Lines = []models.OrderLine{{ProductID: honey.ID, Slug: honey.Slug, Name: honey.Name, UnitMinor: 990, Quantity: 3}}
		p.Order.Total = money.Amount{Minor: 2970, Currency: "NZD"}
		modelstest.Place(t, b, p)
		b.Clock.Pass(89 * time.Second)
		if one, err := models.NewProducts(b.DB).ByID(t.Context(), honey.ID); err != nil || one.Held != 3 {
			t.Fatalf("after 89 s %d are held: %v", one.Held, err)
		}
		b.Clock.Pass(time.Second)
		if one, err := models.NewProducts(b.DB).ByID(t.Context(), honey.ID); err != nil || one.Held != 0 {
			t.Fatalf("after 90 s %d are held: %v", one.Held, err)
		}
	})
}
