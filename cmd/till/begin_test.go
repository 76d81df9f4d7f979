package main

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"till/providers"
)

// The environment gives a new shop its first settings. Afterwards the dashboard
// wins, and the log names what the environment says otherwise.
func TestSettings_Begin(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	db, err := openDatabase(ctx, providers.Secret(filepath.Join(t.TempDir(), "till.db")), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	secret := "TILL_SECRET=" + strings.Repeat("s", minSecret)
	begins := func(environ ...string) string {
		t.Helper()
		var out bytes.Buffer
		set := readSettings(append(environ, secret))
		c, err := set.loadConfig(time.Now)
		if err != nil {
			t.Fatal(err)
		}
		if err := set.begin(ctx, c, db, slog.New(slog.NewJSONHandler(&out, nil))); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	first := []string{"TILL_SHOP_NAME=Kauri", "TILL_TIMEZONE=Pacific/Auckland", "TILL_ORDER_OPEN_FOR=3s", "TILL_HOLD_RULE=keep"}
	if said := begins(first...); said != "" {
		t.Fatal(said)
	}
	s, err := db.Current(ctx)
	if err != nil || s.ShopName != "Kauri" || s.TimeZone != "Pacific/Auckland" || s.OpenFor() != 3*time.Second || s.HoldRule != "keep" || s.Actor != "till" {
		t.Fatalf("%+v %v", s, err)
	}
	if said := begins(first...) + begins(); said != "" {
		t.Fatalf("the same, and nothing at all: %s", said)
	}
	s.ShopName = "Clay"
	if _, err := db.SaveSettings(ctx, s, "staff olive@shop.test"); err != nil {
		t.Fatal(err)
	}
	said := begins(append(first, "TILL_ORDER_OPEN_FOR=48h")...)
	if strings.Count(said, "\n") != 2 || !strings.Contains(said, `"TILL_SHOP_NAME"`) || !strings.Contains(said, `"TILL_ORDER_OPEN_FOR"`) {
		t.Fatal(said)
	}
	if now, err := db.Current(ctx); err != nil || now.ShopName != "Clay" || now.OpenFor() != 3*time.Second {
		t.Fatalf("%+v %v", now, err)
	}
}

func TestSettings_OpenFor(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"": 168 * time.Hour, "1s": time.Second, "30m": 30 * time.Minute, "0s": 0, "1500ms": 0, "-1h": 0, "9000h": 0, "a week": 0} {
		set := readSettings([]string{"TILL_ORDER_OPEN_FOR=" + text})
		got := set.openFor()
		if want == 0 {
			if set.err() == nil {
				t.Errorf("%q is taken for %v", text, got)
			}
		} else if got != want || set.err() != nil {
			t.Errorf("%q is %v, want %v: %v", text, got, want, set.err())
		}
	}
}
