package powens

import (
	"strings"
)

// Bounds of an IBAN, in characters (ISO 13616).
const (
	minIBAN = 15
	maxIBAN = 34
)

// compact takes all spaces out of an identification that people write in
// groups.
func compact(s string) string { return strings.Join(strings.Fields(s), "") }

// isIBAN reports whether s, in capitals and without spaces, has the form of an
// IBAN and check digits that fit: the first four characters moved to the end
// and letters read as 10 to 35, it leaves 1 when divided by 97.
func isIBAN(s string) bool {
	if len(s) < minIBAN || len(s) > maxIBAN || !isCapital(s[0]) || !isCapital(s[1]) || !isDigit(s[2]) || !isDigit(s[3]) {
		return false
	}
	rest := 0
	for _, b := range []byte(s[4:] + s[:4]) {
		switch {
		case isDigit(b):
			rest = (rest*10 + int(b-'0')) % 97
		case isCapital(b):
			rest = (rest*100 + int(b-'A') + 10) % 97
		default:
			return false
		}
	}
	return rest == 1
}

// isSIREN reports whether s is the number of a French company: nine digits
// that pass Luhn's check.
func isSIREN(s string) bool {
	if len(s) != 9 {
		return false
	}
	sum := 0
	for i, b := range []byte(s) {
		if !isDigit(b) {
			return false
		}
		n := int(b - '0')
		if i%2 == 1 {
			n *= 2
		}
		sum += n/10 + n%10
	}
	return sum%10 == 0
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

func isCapital(b byte) bool { return 'A' <= b && b <= 'Z' }
