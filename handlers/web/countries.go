package web

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"till/models"
	"till/views/ui"

	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// Countries is every country with its English name, by name: ISO 3166-1
// alpha-2 as the Unicode library knows it, without its groupings and the
// islands that the post knows as part of a country.
var Countries = sync.OnceValue(func() []ui.Option {
	apart := []string{"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"}
	names := display.English.Regions()
	var all []ui.Option
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			code := string([]rune{a, b})
			r, err := language.ParseRegion(code)
			if err != nil || !r.IsCountry() || r.String() != code || r.Canonicalize() != r || slices.Contains(apart, code) {
				continue
			}
			if name := names.Name(r); name != "" {
				all = append(all, ui.Option{Value: code, Label: name})
			}
		}
	}
	slices.SortFunc(all, func(a, b ui.Option) int { return cmp.Compare(a.Label, b.Label) })
	return all
})

// CountryName is a country's name, or its code when it has none.
func CountryName(code string) string {
	for _, c := range Countries() {
		if c.Value == code {
			return c.Label
		}
	}
	return code
}

// IsCountry reports whether a code is one of Countries.
func IsCountry(code string) bool {
	return slices.ContainsFunc(Countries(), func(c ui.Option) bool { return c.Value == code })
}

// AddressLines is an address as a label has it, without the name.
func AddressLines(a models.Address) []string {
	town := strings.TrimSpace(a.City + " " + a.Postcode)
	lines := []string{a.Line1, a.Line2, town, a.Region, CountryName(a.Country)}
	return slices.DeleteFunc(lines, func(s string) bool { return s == "" })
}
