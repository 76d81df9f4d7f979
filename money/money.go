// Package money is where amounts live: whole minor units of one ISO 4217
// currency, with the exact way in from text and JSON and the exact way out.
// Nothing in it, and nothing that uses it, passes an amount through a
// floating-point number. It imports nothing of ours.
package money

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/bits"
)

var (
	// ErrCurrency is returned when amounts of two currencies meet.
	ErrCurrency = errors.New("money: currencies differ")
	// ErrUnknownCurrency is returned for a code that is not an active ISO
	// 4217 currency with a minor unit.
	ErrUnknownCurrency = errors.New("money: unknown currency")
	// ErrOverflow is returned when a result does not fit in 64 bits of minor
	// units.
	ErrOverflow = errors.New("money: amount overflows")
	// ErrSyntax is returned for text that is not a plain decimal number.
	ErrSyntax = errors.New("money: not an amount")
	// ErrPrecision is returned for a number with more decimals than its
	// currency has: it is refused, never rounded.
	ErrPrecision = errors.New("money: too many decimals")
)

// Amount is a signed number of minor units: {1250, "NZD"} is NZD 12.50. Two
// amounts are equal when == says so. The zero value belongs to no currency and
// meets no other amount.
type Amount struct {
	Minor    int64
	Currency Currency
}

// Add returns a+b, or ErrCurrency, or ErrOverflow.
func (a Amount) Add(b Amount) (Amount, error) {
	if err := a.meets(b); err != nil {
		return Amount{}, err
	}
	if b.Minor > 0 && a.Minor > math.MaxInt64-b.Minor || b.Minor < 0 && a.Minor < math.MinInt64-b.Minor {
		return Amount{}, fmt.Errorf("%w: %s + %s", ErrOverflow, a, b)
	}
	return Amount{a.Minor + b.Minor, a.Currency}, nil
}

// Sub returns a-b, or ErrCurrency, or ErrOverflow. The result may be negative.
func (a Amount) Sub(b Amount) (Amount, error) {
	if err := a.meets(b); err != nil {
		return Amount{}, err
	}
	if b.Minor < 0 && a.Minor > math.MaxInt64+b.Minor || b.Minor > 0 && a.Minor < math.MinInt64+b.Minor {
		return Amount{}, fmt.Errorf("%w: %s - %s", ErrOverflow, a, b)
	}
	return Amount{a.Minor - b.Minor, a.Currency}, nil
}

// Mul returns n times a, or ErrOverflow.
func (a Amount) Mul(n int64) (Amount, error) {
	hi, lo := bits.Mul64(magnitude(a.Minor), magnitude(n))
	minor, ok := signed((a.Minor < 0) != (n < 0), lo)
	if hi != 0 || !ok {
		return Amount{}, fmt.Errorf("%w: %d x %s", ErrOverflow, n, a)
	}
	return Amount{minor, a.Currency}, nil
}

// Neg returns -a. ErrOverflow is for the one number that has no opposite.
func (a Amount) Neg() (Amount, error) {
	return a.Mul(-1)
}

// IsZero reports whether no money is meant, in whatever currency.
func (a Amount) IsZero() bool { return a.Minor == 0 }

// Sign is -1, 0 or 1.
func (a Amount) Sign() int { return cmp.Compare(a.Minor, 0) }

// Cmp is -1 when a is less than b, 0 when they are equal, 1 when a is more.
// Amounts of two currencies have no order: ErrCurrency.
func (a Amount) Cmp(b Amount) (int, error) {
	if err := a.meets(b); err != nil {
		return 0, err
	}
	return cmp.Compare(a.Minor, b.Minor), nil
}

// Less reports whether a is less than b, or returns ErrCurrency.
func (a Amount) Less(b Amount) (bool, error) {
	order, err := a.Cmp(b)
	return order < 0, err
}

// Sum adds amounts of currency c; without any it is zero in c. An amount of
// another currency is ErrCurrency. ErrOverflow depends on the order only when
// signs are mixed.
func Sum(c Currency, amounts ...Amount) (Amount, error) {
	total := Amount{Currency: c}
	for _, a := range amounts {
		var err error
		if total, err = total.Add(a); err != nil {
			return Amount{}, err
		}
	}
	return total, nil
}

func (a Amount) meets(b Amount) error {
	if a.Currency != b.Currency {
		return fmt.Errorf("%w: %q and %q", ErrCurrency, a.Currency, b.Currency)
	}
	return nil
}

// magnitude is |n|, right for the smallest int64 as well.
func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n) //nolint:gosec // two's complement: right for the smallest int64 too
	}
	return uint64(n)
}

// signed puts a sign on a magnitude, and reports whether it fits.
func signed(negative bool, m uint64) (int64, bool) {
	if negative {
		return -int64(m), m <= -math.MinInt64 //nolint:gosec // two's complement: -int64(1<<63) is the smallest int64
	}
	return int64(m), m <= math.MaxInt64 //nolint:gosec // the second result says whether the first is right
}
