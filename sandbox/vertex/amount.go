package vertex

import (
	"errors"
	"strconv"
	"strings"
)

// maxWhole bounds the digits of one amount before the point. The wire sets no
// limit; this one keeps every sum within an int64.
const maxWhole = 14

var (
	errAmountShape  = errors.New("must be a decimal in a text, with a period")
	errAmountPlaces = errors.New("has more decimals than its currency")
	errAmountSign   = errors.New("must be greater than 0")
	errAmountTooBig = errors.New("is too large")
)

// amount is money in minor units.
type amount struct {
	minor    int64
	currency string
}

// digits is the number of decimals of a currency, from ISO 4217, of those that a
// sandbox may be set to use; 2 for all others.
func digits(currency string) int {
	switch currency {
	case "CLP", "JPY", "KRW", "VUV", "XPF", "PYG", "UGX", "VND", "ISK":
		return 0
	case "KWD", "BHD", "JOD", "OMR", "TND", "IQD", "LYD":
		return 3
	default:
		return 2
	}
}

// parseAmount reads a decimal, without ever being a float.
func parseAmount(text, currency string) (amount, error) {
	places := digits(currency)
	whole, fraction, point := strings.Cut(text, ".")
	if !isDigits(whole) || point && !isDigits(fraction) || len(whole) > 1 && whole[0] == '0' {
		return amount{}, errAmountShape
	}
	switch {
	case len(whole) > maxWhole:
		return amount{}, errAmountTooBig
	case len(fraction) > places:
		return amount{}, errAmountPlaces
	}
	n, err := strconv.ParseInt(whole+(fraction + "000")[:places], 10, 64)
	if err != nil {
		return amount{}, errAmountShape
	}
	if n == 0 {
		return amount{}, errAmountSign
	}
	return amount{n, currency}, nil
}

func isDigits(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}

// String writes the amount with the decimals of its currency: "12.50", "1250".
// An amount here is never negative.
func (a amount) String() string {
	places := digits(a.currency)
	s := strconv.FormatInt(a.minor, 10)
	if places == 0 {
		return s
	}
	if missing := places + 1 - len(s); missing > 0 {
		s = strings.Repeat("0", missing) + s
	}
	return s[:len(s)-places] + "." + s[len(s)-places:]
}

// grouped writes an amount for people: "NZD 1,234.50".
func (a amount) grouped() string {
	whole, fraction, point := strings.Cut(a.String(), ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if point {
		whole += "." + fraction
	}
	return a.currency + " " + whole
}

// plus adds an amount that checkDelta has let through, in minor units of the
// same size. The sum is never less than the smallest amount.
func (a amount) plus(delta string) amount {
	text, less := strings.CutPrefix(delta, "-")
	n, _ := strconv.ParseInt(text, 10, 64)
	if less {
		n = -n
	}
	return amount{max(1, a.minor+n), a.currency}
}

// checkDelta refuses what plus cannot add.
func checkDelta(s string) error {
	text := strings.TrimPrefix(s, "-")
	if !isDigits(text) || len(text) > maxWhole {
		return errors.New("is a whole number of minor units, as in 100 or -100")
	}
	return nil
}
