package money

import (
	"errors"
	"slices"
	"testing"

	"github.com/bojanz/currency"
)

// Every difference between our table and the library that formats for us
// would print an amount wrongly, so each must be known and have a reason.
func TestExponents_AgainstLibrary(t *testing.T) {
	knownDigits := map[Currency]string{} // code: reason; the two agree today
	knownMissing := map[Currency]string{}

	theirs := currency.GetCurrencyCodes()
	for _, code := range theirs {
		c := Currency(code)
		digits, _ := currency.GetDigits(code)
		switch {
		case !c.Valid():
			if knownMissing[c] == "" {
				t.Errorf("%s is in the library and not in our table", c)
			}
		case int(digits) != c.Digits() && knownDigits[c] == "":
			t.Errorf("%s has %d decimals here and %d in the library", c, c.Digits(), digits)
		}
	}
	for c := range exponents {
		if !slices.Contains(theirs, string(c)) {
			t.Errorf("%s is in our table and not in the library, which could not format it", c)
		}
	}
}

// The exceptions of ISO 4217 written out once more, so that a slip in the
// table and the same slip in the library do not cancel out. All others are 2.
func TestExponents_Exceptions(t *testing.T) {
	want := map[int][]Currency{
		0: {
			"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF",
			"UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF",
		},
		3: {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"},
		4: {"CLF", "UYW"},
	}
	got := map[int][]Currency{}
	for _, c := range allCurrencies() {
		if d := c.Digits(); d != 2 {
			got[d] = append(got[d], c)
		}
	}
	for _, d := range []int{0, 1, 3, 4} {
		if !slices.Equal(got[d], want[d]) {
			t.Errorf("%d decimals: %v, want %v", d, got[d], want[d])
		}
	}
	// CLDR's and golang.org/x/text's cash rounding of these is 0.
	for _, c := range []Currency{"HUF", "TWD", "IDR", "MRU", "MGA", "RSD", "PKR", "COP"} {
		if c.Digits() != 2 {
			t.Errorf("%s has %d decimals, want 2", c, c.Digits())
		}
	}
}

func TestParseCurrency(t *testing.T) {
	for _, code := range []string{"NZD", "USD", "SBD", "EUR", "JPY", "KWD", "CLF", "XCG"} {
		if c, err := ParseCurrency(code); err != nil || string(c) != code {
			t.Errorf("%s: %q, %v", code, c, err)
		}
	}
	for _, code := range []string{
		"", "nzd", "Nzd", " NZD", "NZD ", "NZ", "NZDD", "€", "554",
		"XAU", "XAG", "XPT", "XPD", "XDR", "XSU", "XUA", "XBA", "XTS", "XXX", // no minor unit
		"HRK", "DEM", "BGN", "ANG", "ZWL", "SLL", "CUC", "VEF", // gone
		"BTC",
	} {
		if c, err := ParseCurrency(code); !errors.Is(err, ErrUnknownCurrency) || c != "" {
			t.Errorf("%q: %q, %v; want ErrUnknownCurrency", code, c, err)
		}
	}
}

func allCurrencies() []Currency {
	var all []Currency
	for c := range exponents {
		all = append(all, c)
	}
	slices.Sort(all)
	return all
}
