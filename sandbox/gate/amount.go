package gate

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
)

// maxWhole bounds the digits before the point of one amount. The wire sets no
// limit; this one keeps every sum within an int64.
const maxWhole = 12

// cents is an amount in hundredths. All currencies of this Gate have two
// decimals.
type cents int64

// parseCents reads a decimal number as JSON writes it, without ever being a
// float. Notation with an exponent is refused. The fault is the zero one when
// all is well.
func parseCents(text string) (cents, fault) {
	notNumber := fault{"A valid number is required.", "invalid"}
	digits, negative := strings.CutPrefix(text, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	switch {
	case !isDigits(whole) || point && !isDigits(fraction), len(whole) > 1 && whole[0] == '0':
		return 0, notNumber
	case len(whole) > maxWhole:
		return 0, fault{"Ensure that there are no more than 12 digits before the decimal point.", "max_whole_digits"}
	case len(strings.TrimRight(fraction, "0")) > 2:
		return 0, fault{"Ensure that there are no more than 2 decimal places.", "max_decimal_places"}
	}
	n, err := strconv.ParseInt(whole+(fraction + "00")[:2], 10, 64)
	switch {
	case err != nil:
		return 0, notNumber
	case negative, n == 0:
		return 0, fault{"Ensure this value is greater than or equal to 0.01.", "min_value"}
	}
	return cents(n), fault{}
}

func isDigits(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}

// times multiplies, and reports whether the product fits.
func (c cents) times(count int64) (cents, bool) {
	if count != 0 && int64(c) > math.MaxInt64/count {
		return 0, false
	}
	return c * cents(count), true
}

// String writes the amount with two decimals: "12.50". An amount here is never
// negative.
func (c cents) String() string {
	s := strconv.FormatInt(int64(c), 10)
	if len(s) < 3 {
		s = strings.Repeat("0", 3-len(s)) + s
	}
	return s[:len(s)-2] + "." + s[len(s)-2:]
}

// number is the amount as the API writes it: a number, with as few decimals as
// it takes and at least one, as the documents' 0.3 has it.
func (c cents) number() json.Number {
	return json.Number(strings.TrimSuffix(c.String(), "0"))
}

// grouped writes an amount for people: "1,234.50".
func grouped(c cents) string {
	whole, fraction, _ := strings.Cut(c.String(), ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return whole + "." + fraction
}

// plus adds an amount that checkDelta has let through. The sum is never less
// than the smallest price.
func plus(c cents, delta string) cents {
	text, less := strings.CutPrefix(delta, "-")
	d, _ := parseCents(text)
	if less {
		d = -d
	}
	return max(1, c+d)
}

func checkDelta(s string) error {
	if _, wrong := parseCents(strings.TrimPrefix(s, "-")); wrong != (fault{}) {
		return errors.New("is an amount such as 1.00 or -1.00")
	}
	return nil
}
