package money

import (
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

func TestParseDecimal(t *testing.T) {
	for _, tt := range []struct {
		text     string
		currency Currency
		want     int64
		err      error
	}{
		{"12", "NZD", 1200, nil},
		{"12.5", "NZD", 1250, nil},
		{"12.50", "NZD", 1250, nil},
		{"12.5000000000", "NZD", 1250, nil},
		{"0", "NZD", 0, nil},
		{"-0", "NZD", 0, nil},
		{"-0.00", "NZD", 0, nil},
		{"0.01", "NZD", 1, nil},
		{"-0.01", "NZD", -1, nil},
		{"-42.50", "NZD", -4250, nil},
		{"0." + strings.Repeat("0", 500), "NZD", 0, nil},
		{"1250", "JPY", 1250, nil},
		{"1250.00", "JPY", 1250, nil},
		{"1.25", "KWD", 1250, nil},
		{"0.0001", "CLF", 1, nil},
		{"92233720368547758.07", "NZD", math.MaxInt64, nil},
		{"-92233720368547758.08", "NZD", math.MinInt64, nil},
		{"9223372036854775807", "JPY", math.MaxInt64, nil},

		{"12.505", "NZD", 0, ErrPrecision},
		{"12.5000000001", "NZD", 0, ErrPrecision},
		{"0.5", "JPY", 0, ErrPrecision},
		{"1.2505", "KWD", 0, ErrPrecision},
		{"92233720368547758.08", "NZD", 0, ErrOverflow},
		{"-92233720368547758.09", "NZD", 0, ErrOverflow},
		{"9223372036854775808", "JPY", 0, ErrOverflow},
		{"9223372036854775807", "NZD", 0, ErrOverflow},
		{strings.Repeat("9", 5000), "NZD", 0, ErrOverflow},
		{"1", "XAU", 0, ErrUnknownCurrency},
		{"1", "", 0, ErrUnknownCurrency},
		{"1", "nzd", 0, ErrUnknownCurrency},
	} {
		got, err := ParseDecimal(tt.text, tt.currency)
		if !errors.Is(err, tt.err) || err == nil && got != (Amount{tt.want, tt.currency}) || err != nil && got != (Amount{}) {
			t.Errorf("%.40q as %s = %v, %v; want %d, %v", tt.text, tt.currency, got, err, tt.want, tt.err)
		}
	}
}

func TestParseDecimal_Refuses(t *testing.T) {
	for _, text := range []string{
		"", " ", " 1", "1 ", "1\n", "+1", "--1", "- 1", "-", "1-", "1e3", "1E3", "1.5e0", "NaN", "nan", "Inf", "-Infinity",
		"1,5", "1,234.50", "1'234", "1_000", ".5", "5.", ".", "1.2.3", "007", "00", "-01", "0x10", "1/2",
		"NZD 1", "$1", "1 NZD", "１２", "١٢", "1\x00", "1\u00a0", "true", `"1"`,
	} {
		if got, err := ParseDecimal(text, "NZD"); !errors.Is(err, ErrSyntax) {
			t.Errorf("%q = %v, %v; want ErrSyntax", text, got, err)
		}
	}
}

func TestParseDecimal_ErrorIsShort(t *testing.T) {
	_, err := ParseDecimal(strings.Repeat("x", 100_000), "NZD")
	if len(err.Error()) > 120 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}

func TestParseJSON(t *testing.T) {
	for _, tt := range []struct {
		raw      string
		currency Currency
		want     int64
		err      error
	}{
		{`12.5`, "NZD", 1250, nil},
		{`"12.50"`, "NZD", 1250, nil},
		{" 12.5\n", "NZD", 1250, nil},
		{`1.25e1`, "NZD", 1250, nil},
		{`1.25E+1`, "NZD", 1250, nil},
		{`125000e-4`, "NZD", 1250, nil},
		{`1250000000000000000000000e-23`, "NZD", 1250, nil},
		{`0.000000000000000000000125e23`, "NZD", 1250, nil},
		{`-0`, "NZD", 0, nil},
		{`0e999999999999999999999`, "NZD", 0, nil},
		{`0.0e-999999999999999999999`, "NZD", 0, nil},
		{`1e0000000000000000000001`, "JPY", 10, nil},
		{`1e18`, "JPY", 1_000_000_000_000_000_000, nil},
		{`9.223372036854775807e18`, "JPY", math.MaxInt64, nil},
		{`"\u0031\u0032"`, "NZD", 1200, nil},
		// The nearest float64 to 0.1+0.2 is not thirty cents, and we say so.
		{`0.30000000000000004`, "NZD", 0, ErrPrecision},
		// 2^53+1: a float64 would lose the one.
		{`9007199254740993`, "JPY", 9007199254740993, nil},

		{`1e-3`, "NZD", 0, ErrPrecision},
		{`1e-99999999999999999999`, "NZD", 0, ErrPrecision},
		{`1e19`, "JPY", 0, ErrOverflow},
		{`1e99999999`, "NZD", 0, ErrOverflow},
		{`1e999999999999999999999`, "NZD", 0, ErrOverflow},
		{``, "NZD", 0, ErrSyntax},
		{`null`, "NZD", 0, ErrSyntax},
		{`true`, "NZD", 0, ErrSyntax},
		{`[1]`, "NZD", 0, ErrSyntax},
		{`{}`, "NZD", 0, ErrSyntax},
		{`""`, "NZD", 0, ErrSyntax},
		{`"`, "NZD", 0, ErrSyntax},
		{`"1`, "NZD", 0, ErrSyntax},
		{`"1""`, "NZD", 0, ErrSyntax},
		{`" 1"`, "NZD", 0, ErrSyntax},
		{`"1.25e1"`, "NZD", 0, ErrSyntax},
		{`1 2`, "NZD", 0, ErrSyntax},
		{`012`, "NZD", 0, ErrSyntax},
		{`+1`, "NZD", 0, ErrSyntax},
		{`1e`, "NZD", 0, ErrSyntax},
		{`1e+`, "NZD", 0, ErrSyntax},
		{`1.e1`, "NZD", 0, ErrSyntax},
		{`NaN`, "NZD", 0, ErrSyntax},
		{`1`, "XXX", 0, ErrUnknownCurrency},
	} {
		got, err := ParseJSON(json.RawMessage(tt.raw), tt.currency)
		if !errors.Is(err, tt.err) || err == nil && got != (Amount{tt.want, tt.currency}) {
			t.Errorf("%s as %s = %v, %v; want %d, %v", tt.raw, tt.currency, got, err, tt.want, tt.err)
		}
	}
}

// Failure 20 (a refund of ¥5,800 became ¥58): no decimal is taken for granted,
// on the way in, on the way out, or in what people read.
func TestFailure20_ExponentOfEachCurrency(t *testing.T) {
	for _, tt := range []struct {
		minor             int64
		currency          Currency
		decimal, text, en string
	}{
		{5800, "JPY", "5800", "JPY 5800", "JPY\u00a05,800"},
		{5800, "EUR", "58.00", "EUR 58.00", "EUR\u00a058.00"},
		{5800, "KWD", "5.800", "KWD 5.800", "KWD\u00a05.800"},
		{-5800, "JPY", "-5800", "JPY -5800", "-JPY\u00a05,800"},
		{-5, "EUR", "-0.05", "EUR -0.05", "-EUR\u00a00.05"},
		{5, "KWD", "0.005", "KWD 0.005", "KWD\u00a00.005"},
		{0, "JPY", "0", "JPY 0", "JPY\u00a00"},
		{0, "EUR", "0.00", "EUR 0.00", "EUR\u00a00.00"},
		{5800, "IDR", "58.00", "IDR 58.00", "IDR\u00a058.00"},
		{5800, "CLF", "0.5800", "CLF 0.5800", "CLF\u00a00.5800"},
		{math.MinInt64, "EUR", "-92233720368547758.08", "EUR -92233720368547758.08", "-EUR\u00a092,233,720,368,547,758.08"},
		{math.MaxInt64, "JPY", "9223372036854775807", "JPY 9223372036854775807", "JPY\u00a09,223,372,036,854,775,807"},
	} {
		a := Amount{tt.minor, tt.currency}
		for what, p := range map[string][2]string{
			"Decimal":    {a.Decimal(), tt.decimal},
			"String":     {a.String(), tt.text},
			"Format":     {a.Format("en"), tt.en},
			"JSONNumber": {a.JSONNumber().String(), tt.decimal},
		} {
			if p[0] != p[1] {
				t.Errorf("%s of %d %s = %q, want %q", what, tt.minor, tt.currency, p[0], p[1])
			}
		}
		if back, err := ParseDecimal(tt.decimal, tt.currency); back != a || err != nil {
			t.Errorf("%s read back as %v, %v", tt.decimal, back, err)
		}
	}
}

func TestAmount_Format(t *testing.T) {
	for _, tt := range []struct {
		amount       Amount
		locale, want string
	}{
		{Amount{1250, "NZD"}, "en-NZ", "NZD 12.50"},
		{Amount{123450, "NZD"}, "en-NZ", "NZD 1,234.50"},
		{Amount{123450, "NZD"}, "en", "NZD 1,234.50"},
		{Amount{123450, "EUR"}, "de", "1.234,50 EUR"},
		{Amount{-123450, "EUR"}, "de", "-1.234,50 EUR"},
		{Amount{123450, "CHF"}, "de-CH", "CHF 1'234.50"},
		{Amount{12345678, "INR"}, "en-IN", "INR 1,23,456.78"},
		{Amount{123450, "SBD"}, "xx-unknown", "SBD 1,234.50"},
		{Amount{123450, "SBD"}, "", "SBD 1,234.50"},
		{Amount{1250, "XAU"}, "en", "XAU 1250"},
		{Amount{}, "en", "0"},
	} {
		got := strings.ReplaceAll(tt.amount.Format(tt.locale), "\u00a0", " ")
		if got != tt.want {
			t.Errorf("%v in %q = %q, want %q", tt.amount, tt.locale, got, tt.want)
		}
	}
	if got := (Amount{1250, "NZD"}).Format("en"); got != "NZD\u00a012.50" {
		t.Errorf("%q has an ordinary space in it", got)
	}
}

func TestAmount_JSONNumberIsANumber(t *testing.T) {
	b, err := json.Marshal(map[string]any{"total": Amount{123450, "NZD"}.JSONNumber()})
	if string(b) != `{"total":1234.50}` || err != nil {
		t.Errorf("%s, %v", b, err)
	}
}

// What is printed reads back as what it was, for every currency, through every
// way in; and people see the same digits.
func TestAmount_RoundTrip(t *testing.T) {
	currencies := allCurrencies()
	rapid.Check(t, func(t *rapid.T) {
		a := Amount{anyMinor().Draw(t, "minor"), rapid.SampledFrom(currencies).Draw(t, "currency")}
		if got, err := ParseDecimal(a.Decimal(), a.Currency); got != a || err != nil {
			t.Fatalf("ParseDecimal(%s) = %v, %v", a.Decimal(), got, err)
		}
		if got, err := ParseJSON(json.RawMessage(a.JSONNumber()), a.Currency); got != a || err != nil {
			t.Fatalf("ParseJSON(%s) = %v, %v", a.JSONNumber(), got, err)
		}
		if got, err := ParseJSON(json.RawMessage(`"`+a.Decimal()+`"`), a.Currency); got != a || err != nil {
			t.Fatalf("ParseJSON(%q) = %v, %v", a.Decimal(), got, err)
		}
		for _, locale := range []string{"en", "en-NZ", "de", "fr-CH", "en-IN"} {
			if shown := onlyDigits(a.Format(locale)); shown != onlyDigits(a.Decimal()) {
				t.Fatalf("%s in %s shows %q", a, locale, shown)
			}
		}
	})
}

func onlyDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return r
		}
		return -1
	}, s)
}

func FuzzParseDecimal(f *testing.F) {
	for _, s := range []string{"12", "12.50", "-0.01", "12.5000000000", "1e3", "", "007", "92233720368547758.08", "NaN", "٣"} {
		f.Add(s, "NZD")
		f.Add(s, "JPY")
	}
	f.Add("1.250", "KWD")
	f.Fuzz(func(t *testing.T, s, code string) {
		c := Currency(code)
		a, err := ParseDecimal(s, c)
		if err != nil {
			if a != (Amount{}) {
				t.Fatalf("%q: an amount and an error", s)
			}
			return
		}
		agrees(t, a, s, c)
	})
}

func FuzzParseJSON(f *testing.F) {
	for _, s := range []string{"12", `"12.50"`, "1.25e1", "-0", "1e999999999", "1e-2", "null", `"\u0031"`, "[1]", "0e99999999999"} {
		f.Add([]byte(s), "NZD")
		f.Add([]byte(s), "JPY")
	}
	f.Fuzz(func(t *testing.T, raw []byte, code string) {
		c := Currency(code)
		a, err := ParseJSON(raw, c)
		if err != nil {
			if a != (Amount{}) {
				t.Fatalf("%q: an amount and an error", raw)
			}
			return
		}
		var text string
		if json.Unmarshal(raw, &text) != nil {
			var n json.Number
			if err := json.Unmarshal(raw, &n); err != nil {
				t.Fatalf("%q is not JSON and became %v: %v", raw, a, err)
			}
			text = n.String()
		}
		agrees(t, a, text, c)
	})
}

// agrees checks an amount against the same text read as a fraction of
// integers, and that it prints and reads back as itself.
func agrees(t *testing.T, a Amount, text string, c Currency) {
	t.Helper()
	if a.Currency != c || !c.Valid() {
		t.Fatalf("%q in %q became %v", text, c, a)
	}
	if back, err := ParseDecimal(a.Decimal(), c); back != a || err != nil {
		t.Fatalf("%v reads back as %v, %v", a, back, err)
	}
	if strings.ContainsAny(text, "eE") && a.Minor == 0 {
		return // 0e999999999 is zero, and a very long fraction
	}
	want, ok := new(big.Rat).SetString(text)
	if !ok {
		t.Fatalf("%q is not a number and became %v", text, a)
	}
	scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(c.Digits())), nil)
	want.Mul(want, new(big.Rat).SetInt(scale))
	if !want.IsInt() || want.Num().Cmp(big.NewInt(a.Minor)) != 0 {
		t.Fatalf("%q in %s is %s minor units and became %d", text, c, want, a.Minor)
	}
}
