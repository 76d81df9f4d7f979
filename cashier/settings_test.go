package cashier_test

import (
	"testing"
	"time"

	"till/cashier"
	"till/models"
)

// What staff set about reservations counts for those that there are already, and
// from the next look on.
func TestHold_AsStaffSetIt(t *testing.T) {
	for rule, want := range map[cashier.HoldRule]models.OrderStatus{
		cashier.HoldVoid: models.OrderIssued, cashier.HoldCapture: models.OrderPaid, cashier.HoldKeep: models.OrderHold,
	} {
		t.Run(string(rule), func(t *testing.T) {
			full(t, func(t *testing.T, s *till) {
				cfg := s.config
				cfg.Hold, cfg.Settings = cashier.HoldVoid, s.DB.Known
				if rule == cashier.HoldVoid {
					cfg.Hold = cashier.HoldKeep
				}
				s.Cashier = cashier.New(cfg)
				s.reserved()
				first, err := s.DB.BeginSettings(t.Context(), models.Settings{ShopName: "Kauri", TimeZone: "UTC", HoldRule: string(cfg.Hold)}.OrDefaults())
				if err != nil {
					t.Fatal(err)
				}
				first.HoldRule, first.HoldWarning = string(rule), 6
				if _, err := s.DB.SaveSettings(t.Context(), first, models.StaffActor("ann@example.test")); err != nil {
					t.Fatal(err)
				}
				for range 21 { // the reservation lasts for 28 days
					s.sweep(24 * time.Hour)
				}
				s.want(t, models.OrderHold, "")
				s.sweep(25 * time.Hour)
				s.want(t, models.OrderHold, "lapsing")
				for range 10 {
					s.sweep(12 * time.Hour)
				}
				look := ""
				if rule == cashier.HoldKeep {
					look = "lapsing"
				}
				s.want(t, want, look)
			})
		})
	}
}
