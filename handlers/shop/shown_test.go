package shop

import (
	"net/url"
	"testing"

	"till/money"
)

// Whatever a form carries as its summary, reading it does not fail, what was
// read is what would be written, and it is never taken for more than it says.
func FuzzReadShown(f *testing.F) {
	for _, s := range []string{"", "NZD", "NZD 1*2@1250", "NZD 1*2@1250 7*1@990", "USD -1*-2@-3", "NZD 9223372036854775807*9223372036854775807@1", "NZD 1*2@3junk"} {
		f.Add(s)
	}
	b := basket{total: money.Amount{Minor: 2500, Currency: "NZD"}, lines: []basketLine{{quantity: 2, unit: money.Amount{Minor: 1250, Currency: "NZD"}}}}
	b.lines[0].product.ID = 1
	f.Fuzz(func(t *testing.T, text string) {
		s := readShown(text)
		if again := readShown(s.String()); again.String() != s.String() {
			t.Fatalf("%q, then %q", s, again)
		}
		if _, moved := s.compare(b); !moved && (len(s.lines) != 1 || s.lines[0].minor < 1250) {
			t.Fatalf("%q agrees to less than is charged", text)
		}
	})
}

// A form that somebody wrote: no value makes reading it fail, and what is
// accepted can be stored and printed.
func FuzzReadCheckout(f *testing.F) {
	f.Add("name=Ann&email=ann@example.test&line1=1+Road&city=Nelson&country=NZ&method=acme&key=K&shown=NZD")
	f.Add("email=%00&name=%ff%fe")
	f.Fuzz(func(t *testing.T, raw string) {
		posted, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		form := readCheckout(posted)
		form.check(nil)
		for _, s := range []string{form.Name, form.Line1, form.City} {
			for _, r := range s {
				if r < 0x20 && len(form.Problems) == 1 { // the method alone
					t.Fatalf("%q was accepted", s)
				}
			}
		}
	})
}
