package money

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/bojanz/currency"
)

// decimalSyntax is a JSON number without an exponent; jsonSyntax is a JSON
// number (RFC 8259, section 6).
var (
	decimalSyntax = regexp.MustCompile(`^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?$`)
	jsonSyntax    = regexp.MustCompile(`^(-?)(0|[1-9][0-9]*)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?$`)
)

// ParseDecimal reads an amount in major units: "12", "12.5" and "12.50" are
// NZD 12.50 or less of it, "-3" is money going the other way, and "-0" is
// zero. Decimals beyond those of the currency are welcome as long as they are
// zeros ("12.5000000000"), because some providers send ten of them.
//
// Refused with ErrSyntax: anything that is not digits with at most one point
// between digits and at most one minus in front: "", "+1", "1e3", "NaN",
// "1,5", ".5", "5.", " 1", "007". Refused otherwise: ErrPrecision for "0.001"
// of a currency with two decimals, ErrOverflow, ErrUnknownCurrency.
func ParseDecimal(s string, c Currency) (Amount, error) {
	return parse(decimalSyntax, s, c)
}

// ParseJSON reads an amount in major units from a raw JSON value: a number, in
// any form JSON allows (12.5, 1.25e1), or a string that ParseDecimal accepts.
// It is computed from the digits as they came. null, and any other value, is
// ErrSyntax; the other errors are those of ParseDecimal.
func ParseJSON(raw json.RawMessage, c Currency) (Amount, error) {
	raw = bytes.Trim(raw, " \t\r\n")
	if len(raw) == 0 || raw[0] != '"' {
		return parse(jsonSyntax, string(raw), c)
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return Amount{}, fmt.Errorf("%w: %.40q", ErrSyntax, raw)
	}
	return ParseDecimal(s, c)
}

func parse(syntax *regexp.Regexp, s string, c Currency) (Amount, error) {
	if !c.Valid() {
		return Amount{}, fmt.Errorf("%w: %.12q", ErrUnknownCurrency, string(c))
	}
	part := syntax.FindStringSubmatch(s)
	if part == nil {
		return Amount{}, fmt.Errorf("%w: %.40q", ErrSyntax, s)
	}
	exponent := ""
	if len(part) > 4 {
		exponent = part[4]
	}
	minor, err := shift(part[1], part[2]+part[3], c.Digits()-len(part[3]), exponent)
	if err != nil {
		return Amount{}, fmt.Errorf("%w: %.40q as %s", err, s, c)
	}
	return Amount{minor, c}, nil
}

// shift is sign digits x 10^(places+exponent), when that is a whole number
// which fits in 64 bits.
func shift(sign, digits string, places int, exponent string) (int64, error) {
	digits = strings.TrimLeft(digits, "0")
	if digits == "" {
		return 0, nil // before the exponent is looked at: 0e999999999 is zero
	}
	e, ok := smallInt(exponent)
	if !ok && strings.HasPrefix(exponent, "-") {
		return 0, ErrPrecision
	}
	if !ok {
		return 0, ErrOverflow
	}
	whole := strings.TrimRight(digits, "0")
	places += e + len(digits) - len(whole)
	if places < 0 {
		return 0, ErrPrecision
	}
	if len(whole)+places > maxDigits {
		return 0, ErrOverflow
	}
	n, err := strconv.ParseInt(sign+whole+strings.Repeat("0", places), 10, 64)
	if err != nil {
		return 0, ErrOverflow // it is made of digits, so nothing else can be wrong
	}
	return n, nil
}

// maxDigits is the length of the largest int64.
const maxDigits = 19

// smallInt reads an exponent of at most eight digits, "" being 0. Beyond that
// no amount that a body of bearable size can hold is a whole number of minor
// units that fits.
func smallInt(s string) (int, bool) {
	digits := strings.TrimLeft(strings.TrimLeft(s, "+-"), "0")
	if digits == "" {
		return 0, true
	}
	if len(digits) > 8 {
		return 0, false
	}
	n, err := strconv.Atoi(digits)
	if strings.HasPrefix(s, "-") {
		n = -n
	}
	return n, err == nil
}

// Decimal is the amount in major units with all the decimals of its currency
// and nothing else: "12.50", for JPY "1250", for KWD "1.250". ParseDecimal
// reads it back.
func (a Amount) Decimal() string {
	s := strconv.FormatUint(magnitude(a.Minor), 10)
	if d := a.Currency.Digits(); d > 0 {
		if missing := d + 1 - len(s); missing > 0 {
			s = strings.Repeat("0", missing) + s
		}
		s = s[:len(s)-d] + "." + s[len(s)-d:]
	}
	if a.Minor < 0 {
		return "-" + s
	}
	return s
}

// String is the amount for logs, tests and files: "NZD 12.50". People read
// Format.
func (a Amount) String() string {
	return strings.TrimPrefix(string(a.Currency)+" "+a.Decimal(), " ")
}

// JSONNumber is the amount in major units for a JSON body that wants a number:
// encoding/json writes it digit by digit as Decimal has it.
func (a Amount) JSONNumber() json.Number {
	return json.Number(a.Decimal())
}

// Format is the amount as people of a locale ("en-NZ", "de") write it, always
// with the code, which stands for one currency where "$" stands for many:
// "NZD 1,234.50", "1.234,50 EUR". The spaces are non-breaking, so that a price
// stays on one line. All decimals of the currency are shown. An unknown locale
// is formatted as English.
func (a Amount) Format(locale string) string {
	number, err := currency.NewAmount(a.Decimal(), string(a.Currency))
	if err != nil {
		return a.String() // not a currency, so there is no custom to follow
	}
	f := currency.NewFormatter(currency.NewLocale(locale))
	f.CurrencyDisplay = currency.DisplayCode
	f.MinDigits = uint8(a.Currency.Digits()) //nolint:gosec // 0 to 4
	f.MaxDigits = f.MinDigits
	return f.Format(number)
}
