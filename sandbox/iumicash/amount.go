package iumicash

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

var (
	errAmountShape   = errors.New("must be a number in plain decimal notation")
	errAmountPlaces  = errors.New("must have at most 2 decimals")
	errAmountSign    = errors.New("must be greater than 0")
	errAmountTooBig  = errors.New("is too large")
	errAmountLeading = errors.New("must not begin with a zero that means nothing")
)

// cents is an amount in hundredths. All currencies of iumiCash have two
// decimals.
type cents int64

// parseCents reads a decimal number as JSON writes it, without ever being a
// float. Notation with an exponent is refused.
func parseCents(text string) (cents, error) {
	digits, negative := strings.CutPrefix(text, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	if !isDigits(whole) || (point && !isDigits(fraction)) {
		return 0, errAmountShape
	}
	switch {
	case len(whole) > 1 && whole[0] == '0':
		return 0, errAmountLeading
	case len(whole) > maxWhole:
		return 0, errAmountTooBig
	case len(fraction) > 2:
		return 0, errAmountPlaces
	}
	n, err := strconv.ParseInt(whole+(fraction + "00")[:2], 10, 64)
	if err != nil {
		return 0, errAmountShape
	}
	if negative || n == 0 {
		return 0, errAmountSign
	}
	return cents(n), nil
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

// MarshalJSON writes a bare JSON number with two decimals, as the documents'
// examples have it.
func (c cents) MarshalJSON() ([]byte, error) { return []byte(c.String()), nil }

// value is an amount as one answer shows it: a number, or a text when the fault
// says so.
type value struct {
	cents  cents
	quoted bool
}

// MarshalJSON implements json.Marshaler.
func (v value) MarshalJSON() ([]byte, error) {
	if v.quoted {
		return json.Marshal(v.cents.String())
	}
	return v.cents.MarshalJSON()
}
