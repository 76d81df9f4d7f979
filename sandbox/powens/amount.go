package powens

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
)

const (
	// maxWhole bounds the digits before the point. The wire sets no limit; this
	// one keeps every amount within an int64.
	maxWhole = 12
	// decimals are those of an amount in an answer.
	decimals = 10
)

var (
	errAmountShape   = errors.New("must be a number in plain decimal notation")
	errAmountPlaces  = errors.New("must have at most 2 decimals")
	errAmountSign    = errors.New("must be greater than 0")
	errAmountTooBig  = errors.New("is too large")
	errAmountLeading = errors.New("must not begin with a zero that means nothing")
)

// cents is an amount in hundredths.
type cents int64

// parseCents reads a decimal number without ever being a float. Zeros beyond
// the second decimal mean nothing and are let through; an exponent is not.
func parseCents(text string) (cents, error) {
	digits, negative := strings.CutPrefix(text, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	if !isDigits(whole) || (point && !isDigits(fraction)) {
		return 0, errAmountShape
	}
	fraction = strings.TrimRight(fraction, "0")
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

// String writes the amount with two decimals: "12.50". An amount here is never
// negative.
func (c cents) String() string {
	s := strconv.FormatInt(int64(c), 10)
	if len(s) < 3 {
		s = strings.Repeat("0", 3-len(s)) + s
	}
	return s[:len(s)-2] + "." + s[len(s)-2:]
}

// value is an amount as an answer shows it: a number with ten decimals, or a
// text when the fault says so.
type value struct {
	cents  cents
	quoted bool
}

// MarshalJSON implements json.Marshaler.
func (v value) MarshalJSON() ([]byte, error) {
	text := v.cents.String() + strings.Repeat("0", decimals-2)
	if v.quoted {
		return json.Marshal(text)
	}
	return []byte(text), nil
}

// currency is a currency as an answer shows it: an object, or a text when the
// fault says so.
type currency struct {
	code   string
	quoted bool
}

// MarshalJSON implements json.Marshaler.
func (c currency) MarshalJSON() ([]byte, error) {
	if c.quoted {
		return json.Marshal(c.code)
	}
	symbols := map[string]string{"EUR": "€", "GBP": "£", "USD": "$", "NZD": "$", "SBD": "$"}
	names := map[string]string{"EUR": "Euro", "GBP": "British Pound", "USD": "US Dollar", "NZD": "New Zealand Dollar", "SBD": "Solomon Islands Dollar"}
	return json.Marshal(map[string]any{
		"id": c.code, "symbol": orElse(symbols[c.code], c.code), "prefix": false, "crypto": false, "precision": 2,
		"marketcap": nil, "datetime": nil, "name": orElse(names[c.code], c.code),
	})
}

// grouped writes an amount for people: "1,234.50".
func grouped(c cents) string {
	whole, fraction, _ := strings.Cut(c.String(), ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	return whole + "." + fraction
}
