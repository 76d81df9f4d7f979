package jobs

import (
	"strings"
	"testing"

	"till/models"
)

// A mail is written by the shop as its settings are when it is.
func TestMail_ShopAsItIsNow(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			b := paid(t, kind, nil)
			now := models.Settings{ShopName: "Rata & Wool", Contact: "hello@rata.test", TimeZone: "Europe/Paris"}.OrDefaults()
			if _, err := b.DB.BeginSettings(t.Context(), now); err != nil {
				t.Fatal(err)
			}
			run(t, b.Runner)
			eventually(t, "written", func() bool { return b.mail(t).Subject != "" })
			m := b.mail(t)
			if want := "Order " + b.order.Number() + " is paid: NZD 25.00 – Rata & Wool"; m.Subject != want {
				t.Errorf("%q, want %q", m.Subject, want)
			}
			for _, part := range []string{"Rata & Wool", "hello@rata.test", "Friday 6 March 2026, 13:00"} {
				if !strings.Contains(m.Body, part) {
					t.Errorf("no %q in %s", part, m.Body)
				}
			}
			if strings.Contains(m.Body, shop.Name) || strings.Contains(m.Body, shop.Contact) {
				t.Errorf("the shop of before is in %s", m.Body)
			}
		})
	}
}
