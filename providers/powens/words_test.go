package powens

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSplitName(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("é", 300)
	for name, want := range map[string][2]string{
		"Ada Martin":               {"Ada", "Martin"},
		"  Ada \t Martin\n":        {"Ada", "Martin"},
		"Ada Maria Martin":         {"Ada Maria", "Martin"},
		"Martin, Ada Maria":        {"Ada Maria", "Martin"},
		"de la Cruz, Juan":         {"Juan", "de la Cruz"},
		"Juan Carlos de la Cruz":   {"Juan Carlos", "de la Cruz"},
		"Ludwig van Beethoven":     {"Ludwig", "van Beethoven"},
		"Jean-Luc Le Goff":         {"Jean-Luc", "Le Goff"},
		"Van Morrison":             {"Van", "Morrison"},
		"Valéry Giscard d’Estaing": {"Valéry Giscard", "d’Estaing"},
		"Madonna":                  {"Madonna", "Madonna"},
		"Martin,":                  {"Martin", "Martin"},
		", Ada":                    {"Ada", "Ada"},
		",":                        {"", ""},
		"":                         {"", ""},
		" \u00a0\u200b":            {"", ""},
		"Aroha\u00a0Tamihana":      {"Aroha", "Tamihana"},
		"王 小明":                     {"王", "小明"},
		"Ada\x00 Mar\u202etin":     {"Ada", "Martin"},
		"Ada \xff Martin":          {"Ada", "Martin"},
		"de la":                    {"de", "la"},
		"Ada " + long:              {"Ada", long[:2*255]},
		long:                       {long[:2*255], long[:2*255]},
	} {
		first, last := splitName(name)
		if first != want[0] || last != want[1] {
			t.Errorf("%.40q: %.40q, %.40q; want %.40q", name, first, last, want)
		}
	}
}

func TestStatement(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ order, merchant, want string }{
		{"1001", "Kauri & Clay", "1001 Kauri Clay"},
		{"KC-1001", "Café de l’Été", "KC-1001 Cafe de l'Ete"},
		{"ORD1", "- rjct/err -", "ORD1 rjct err"},
		{"ORD1/2", "Œuvre", "ORD1 2 OEuvre"},
		{"ORD1", "Cafe\u0301 王", "ORD1 Cafe"},
		{"ORD1", strings.Repeat("Abcdefghi ", 10), "ORD1 " + strings.Repeat("Abcdefghi ", 6) + "Abcde"},
		{"王", "王", ""},
	} {
		if got := statement(tt.order, tt.merchant); got != tt.want {
			t.Errorf("%q, %q: %q, want %q", tt.order, tt.merchant, got, tt.want)
		}
	}
}

func FuzzWords(f *testing.F) {
	f.Add("Juan Carlos de la Cruz")
	f.Add("Martin, Ada")
	f.Add("pdng/rjct - ORD1")
	sepa := regexp.MustCompile(`^[A-Za-z0-9?:().,'+-]+( [A-Za-z0-9?:().,'+-]+)*$`)
	grammar := regexp.MustCompile(`/| - `)
	f.Fuzz(func(t *testing.T, s string) {
		first, last := splitName(s)
		if (first == "") != (last == "") {
			t.Errorf("%q: %q, %q", s, first, last)
		}
		for _, part := range []string{first, last} {
			if !utf8.ValidString(part) || utf8.RuneCountInString(part) > 255 || strings.TrimSpace(part) != part {
				t.Errorf("%q: %q", s, part)
			}
		}
		if got := statement(s, s); got != "" && (len(got) > 70 || !sepa.MatchString(got) || grammar.MatchString(got)) {
			t.Errorf("%q: %q", s, got)
		}
	})
}

func TestIdentifications(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"FR7630006000011234567890189": true, "DE89370400440532013000": true, "GB82WEST12345698765432": true, "NO9386011117947": true,
		"FR7600000000000000000000000": true, // of the page's example
		"FR7630006000011234567890188": false, "fr7630006000011234567890189": false, "FR76 3000": false, "": false, "FR": false,
		"7630006000011234567890189FR": false, "FR76300060000112345678901-9": false, "FR7630006000011234567890189000000000000": false,
	} {
		if isIBAN(s) != want {
			t.Errorf("IBAN %q: %v", s, !want)
		}
	}
	for s, want := range map[string]bool{
		"732829320": true, "000000000": true, "552100554": true, "732829321": false, "73282932": false, "7328293200": false, "73282932O": false, "": false,
	} {
		if isSIREN(s) != want {
			t.Errorf("SIREN %q: %v", s, !want)
		}
	}
}
