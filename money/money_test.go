package money

import (
	"errors"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"
)

func TestAmount_Arithmetic(t *testing.T) {
	nzd := func(minor int64) Amount { return Amount{minor, "NZD"} }
	for _, tt := range []struct {
		name string
		got  func() (Amount, error)
		want Amount
		err  error
	}{
		{"add", func() (Amount, error) { return nzd(1250).Add(nzd(750)) }, nzd(2000), nil},
		{"add up to the edge", func() (Amount, error) { return nzd(math.MaxInt64 - 1).Add(nzd(1)) }, nzd(math.MaxInt64), nil},
		{"add over the edge", func() (Amount, error) { return nzd(math.MaxInt64).Add(nzd(1)) }, Amount{}, ErrOverflow},
		{"add under the edge", func() (Amount, error) { return nzd(math.MinInt64).Add(nzd(-1)) }, Amount{}, ErrOverflow},
		{"add another currency", func() (Amount, error) { return nzd(1).Add(Amount{1, "USD"}) }, Amount{}, ErrCurrency},
		{"add nothing of no currency", func() (Amount, error) { return nzd(1).Add(Amount{}) }, Amount{}, ErrCurrency},
		{"sub below zero", func() (Amount, error) { return nzd(1).Sub(nzd(3)) }, nzd(-2), nil},
		{"sub the smallest", func() (Amount, error) { return nzd(-1).Sub(nzd(math.MinInt64)) }, nzd(math.MaxInt64), nil},
		{"sub the smallest from zero", func() (Amount, error) { return nzd(0).Sub(nzd(math.MinInt64)) }, Amount{}, ErrOverflow},
		{"sub under the edge", func() (Amount, error) { return nzd(math.MinInt64).Sub(nzd(1)) }, Amount{}, ErrOverflow},
		{"sub another currency", func() (Amount, error) { return nzd(1).Sub(Amount{1, "USD"}) }, Amount{}, ErrCurrency},
		{"mul", func() (Amount, error) { return nzd(1250).Mul(3) }, nzd(3750), nil},
		{"mul by zero", func() (Amount, error) { return nzd(math.MinInt64).Mul(0) }, nzd(0), nil},
		{"mul two negatives", func() (Amount, error) { return nzd(-1250).Mul(-3) }, nzd(3750), nil},
		{"mul to the smallest", func() (Amount, error) { return nzd(math.MinInt64 / 2).Mul(2) }, nzd(math.MinInt64), nil},
		{"mul over the edge", func() (Amount, error) { return nzd(math.MaxInt64/2 + 1).Mul(2) }, Amount{}, ErrOverflow},
		{"mul far over the edge", func() (Amount, error) { return nzd(math.MaxInt64).Mul(math.MaxInt64) }, Amount{}, ErrOverflow},
		{"neg", func() (Amount, error) { return nzd(5).Neg() }, nzd(-5), nil},
		{"neg the smallest", func() (Amount, error) { return nzd(math.MinInt64).Neg() }, Amount{}, ErrOverflow},
		{"sum", func() (Amount, error) { return Sum("NZD", nzd(1), nzd(2), nzd(-4)) }, nzd(-1), nil},
		{"sum of none", func() (Amount, error) { return Sum("NZD") }, nzd(0), nil},
		{"sum with a stranger", func() (Amount, error) { return Sum("NZD", nzd(1), Amount{2, "SBD"}) }, Amount{}, ErrCurrency},
		{"sum over the edge", func() (Amount, error) { return Sum("NZD", nzd(math.MaxInt64), nzd(1)) }, Amount{}, ErrOverflow},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := tt.got(); got != tt.want || !errors.Is(err, tt.err) {
				t.Errorf("%v, %v; want %v, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestAmount_Order(t *testing.T) {
	small, big := Amount{-5, "NZD"}, Amount{3, "NZD"}
	if less, err := small.Less(big); !less || err != nil {
		t.Errorf("-5 < 3: %v, %v", less, err)
	}
	if less, err := big.Less(big); less || err != nil {
		t.Errorf("3 < 3: %v, %v", less, err)
	}
	if order, err := big.Cmp(small); order != 1 || err != nil {
		t.Errorf("3 against -5: %d, %v", order, err)
	}
	if _, err := small.Less(Amount{9, "USD"}); !errors.Is(err, ErrCurrency) {
		t.Errorf("NZD against USD: %v", err)
	}
	if small.Sign() != -1 || big.Sign() != 1 || (Amount{}).Sign() != 0 {
		t.Error("signs are wrong")
	}
	if small.IsZero() || !(Amount{0, "NZD"}).IsZero() {
		t.Error("IsZero is wrong")
	}
}

// Add, Sub and Mul are what integers of any size say, or ErrOverflow exactly
// where those do not fit in 64 bits.
func TestAmount_ArithmeticIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyMinor().Draw(t, "a"), anyMinor().Draw(t, "b")
		x, y := big.NewInt(a), big.NewInt(b)
		for name, op := range map[string]struct {
			got  func() (Amount, error)
			want *big.Int
		}{
			"add": {func() (Amount, error) { return Amount{a, "NZD"}.Add(Amount{b, "NZD"}) }, new(big.Int).Add(x, y)},
			"sub": {func() (Amount, error) { return Amount{a, "NZD"}.Sub(Amount{b, "NZD"}) }, new(big.Int).Sub(x, y)},
			"mul": {func() (Amount, error) { return Amount{a, "NZD"}.Mul(b) }, new(big.Int).Mul(x, y)},
		} {
			got, err := op.got()
			if op.want.IsInt64() != (err == nil) || err == nil && got.Minor != op.want.Int64() {
				t.Fatalf("%s of %d and %d = %d, %v; want %s", name, a, b, got.Minor, err, op.want)
			}
		}
	})
}

// anyMinor draws from all of int64, its edges and everyday prices.
func anyMinor() *rapid.Generator[int64] {
	return rapid.OneOf(
		rapid.Int64(),
		rapid.Int64Range(-100_000, 100_000),
		rapid.SampledFrom([]int64{math.MinInt64, math.MinInt64 + 1, -1, 0, 1, math.MaxInt64 - 1, math.MaxInt64}),
	)
}
