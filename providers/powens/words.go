package powens

import (
	"slices"
	"strings"
	"unicode"
)

// maxLabel is how long the text on the buyer's statement is at most. The wire
// sets no limit; banks do.
const maxLabel = 70 // characters

// particles are the words that a family name may begin with.
func particles() []string {
	return []string{
		"al", "ben", "bin", "da", "dal", "de", "degli", "dei", "del", "della", "den", "der", "des", "di", "do",
		"dos", "du", "el", "la", "las", "le", "los", "op", "ten", "ter", "van", "vom", "von", "zu", "zum", "zur",
	}
}

// splitName takes a name apart into the two that Powens wants, neither of them
// empty unless the whole is. No rule is right for everybody, and banks do not
// compare the payer's name, so it only has to be a fair guess: what stands
// before a comma is the family name; else the last word is, with the particles
// in front of it ("Ludwig | van Beethoven"); one word alone is both.
func splitName(name string) (first, last string) {
	if family, given, ok := strings.Cut(name, ","); ok {
		family, given = tidy(family), tidy(given)
		if family != "" && given != "" {
			return cut(given, maxName), cut(family, maxName)
		}
	}
	words := strings.Fields(tidy(strings.ReplaceAll(name, ",", " ")))
	switch len(words) {
	case 0:
		return "", ""
	case 1:
		return cut(words[0], maxName), cut(words[0], maxName)
	}
	at := len(words) - 1
	for at > 1 && slices.Contains(particles(), strings.ToLower(words[at-1])) {
		at--
	}
	return cut(strings.Join(words[:at], " "), maxName), cut(strings.Join(words[at:], " "), maxName)
}

// tidy is s with single spaces between its words, and nothing that cannot be
// seen.
func tidy(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r), r == unicode.ReplacementChar:
			return -1
		default:
			return r
		}
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

// cut is at most so many characters of s.
func cut(s string, limit int) string {
	n := 0
	for i := range s {
		if n == limit {
			return strings.TrimSpace(s[:i])
		}
		n++
	}
	return s
}

// statement is the text on the buyer's statement: the order's number first,
// and who is paid. It keeps to what every bank prints, and words without a
// letter or a digit are left out: with Powens' test connector, states before
// a lone dash at the beginning of the text decide what becomes of the payment.
func statement(order, merchant string) string {
	var words []string
	for _, word := range strings.Fields(strings.Map(printable, unaccented().Replace(order+" "+merchant))) {
		if strings.ContainsFunc(word, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
			words = append(words, word)
		}
	}
	return cut(strings.Join(words, " "), maxLabel)
}

// printable keeps the characters of SEPA's Latin set, but for the slash, which
// parts the states of the test connector.
func printable(r rune) rune {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.ContainsRune("-?:().,'+", r):
		return r
	case unicode.Is(unicode.Mn, r): // an accent on its own
		return -1
	default:
		return ' '
	}
}

// unaccented writes the letters of western Europe without their accents.
func unaccented() *strings.Replacer {
	return strings.NewReplacer(
		"à", "a", "á", "a", "â", "a", "ã", "a", "ä", "a", "å", "a", "æ", "ae", "ç", "c", "è", "e", "é", "e", "ê", "e", "ë", "e",
		"ì", "i", "í", "i", "î", "i", "ï", "i", "ñ", "n", "ò", "o", "ó", "o", "ô", "o", "õ", "o", "ö", "o", "ø", "o", "œ", "oe",
		"ß", "ss", "ù", "u", "ú", "u", "û", "u", "ü", "u", "ý", "y", "ÿ", "y", "’", "'", "–", "-",
		"À", "A", "Á", "A", "Â", "A", "Ã", "A", "Ä", "A", "Å", "A", "Æ", "AE", "Ç", "C", "È", "E", "É", "E", "Ê", "E", "Ë", "E",
		"Ì", "I", "Í", "I", "Î", "I", "Ï", "I", "Ñ", "N", "Ò", "O", "Ó", "O", "Ô", "O", "Õ", "O", "Ö", "O", "Ø", "O", "Œ", "OE",
		"Ù", "U", "Ú", "U", "Û", "U", "Ü", "U", "Ý", "Y", "Ÿ", "Y",
	)
}
