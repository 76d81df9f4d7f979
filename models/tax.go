package models

import (
	"math/bits"
	"strconv"
	"strings"

	"till/money"
)

// IncludedTax is the tax that an amount holds at a rate in hundredths of a
// percent, in whole minor units, half away from zero: of NZD 42.00 at 1500
// that is NZD 5.48.
func IncludedTax(a money.Amount, rate int64) money.Amount {
	if rate <= 0 {
		return money.Amount{Currency: a.Currency}
	}
	of := uint64(a.Minor) //nolint:gosec // the sign is taken off in the next line
	if a.Minor < 0 {
		of = -of
	}
	whole := uint64(rate) + 10000
	high, low := bits.Mul64(of, uint64(rate))
	tax, rest := bits.Div64(high, low, whole)
	if rest*2 >= whole {
		tax++
	}
	minor := int64(tax) //nolint:gosec // a part of of, which has room
	if a.Minor < 0 {
		minor = -minor
	}
	return money.Amount{Minor: minor, Currency: a.Currency}
}

// TaxLabel is a tax as people write it: "GST 15 %", "VAT 5.5 %"; empty when
// there is none.
func TaxLabel(name string, rate int64) string {
	if name == "" || rate <= 0 {
		return ""
	}
	percent := strconv.FormatInt(rate/100, 10)
	if part := rate % 100; part != 0 {
		percent += "." + strings.TrimRight(strconv.FormatInt(100+part, 10)[1:], "0")
	}
	return name + " " + percent + " %"
}
