package models_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"till/models"
	"till/money"
)

func TestIncludedTax(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ minor, rate, want int64 }{
		{4200, 1500, 548}, // 547.83
		{2500, 1500, 326}, // 326.09
		{115, 1500, 15},   // without a rest
		{1, 10000, 1},     // half a unit goes up
		{-1, 10000, -1},   // away from zero
		{-4200, 1500, -548},
		{3, 10000, 2},
		{0, 1500, 0},
		{4200, 0, 0},
		{4200, -5, 0},
		{1055, 550, 55},
		{math.MaxInt64, 10000, 4611686018427387904},
		{math.MinInt64, 10000, -4611686018427387904},
	} {
		got := models.IncludedTax(money.Amount{Minor: tt.minor, Currency: "NZD"}, tt.rate)
		if got != (money.Amount{Minor: tt.want, Currency: "NZD"}) {
			t.Errorf("%d at %d: %v, want %d", tt.minor, tt.rate, got, tt.want)
		}
	}
}

// The tax is what arithmetic without bounds says, to the nearest unit.
func TestIncludedTax_Exact(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		minor, rate := r.Int64()>>r.IntN(60), 1+r.Int64N(10000)
		got := models.IncludedTax(money.Amount{Minor: minor, Currency: "NZD"}, rate).Minor
		// twice the error, as a part of 10000+rate, is at most one whole
		off := new(big.Int).Mul(big.NewInt(minor), big.NewInt(rate))
		off.Sub(off, new(big.Int).Mul(big.NewInt(got), big.NewInt(10000+rate)))
		if off.Abs(off).Lsh(off, 1).Cmp(big.NewInt(10000+rate)) > 0 {
			t.Fatalf("%d at %d: %d", minor, rate, got)
		}
	}
}

func TestTaxLabel(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		rate int64
		want string
	}{
		{"GST", 1500, "GST 15 %"}, {"VAT", 550, "VAT 5.5 %"}, {"VAT", 1925, "VAT 19.25 %"}, {"VAT", 5, "VAT 0.05 %"}, {"", 1500, ""}, {"GST", 0, ""},
	} {
		if got := models.TaxLabel(tt.name, tt.rate); got != tt.want {
			t.Errorf("%q, want %q", got, tt.want)
		}
	}
}
