package models

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// guessFrom is how many lines of a statement a guess looks at.
const guessFrom = 200

// The words that columns go by, the surest first: in English, German and French.
var (
	wordsOfCurrency = []string{"currency", "ccy", "währung", "waehrung", "devise"}
	wordsOfDate     = []string{"date", "datum", "buchungstag", "day", "tag", "jour", "valuta", "created"}
	wordsOfFee      = []string{"fee", "fees", "gebühr", "gebuehr", "entgelt", "frais", "commission"}
	wordsOfNet      = []string{"net", "netto"}
	wordsOfKind     = []string{"type", "art", "kind", "typ", "vorgang", "nature", "category"}
	wordsOfRef      = []string{"reference", "ref", "referenz", "référence", "referen", "transaction", "transaktion", "payment", "id"}
	wordsOfAmount   = []string{"gross", "brutto", "brut", "amount", "betrag", "montant", "sum", "summe", "total"}

	wordsForRefund = []string{"refund", "erstattung", "rückzahlung", "remboursement", "chargeback"}
	wordsForFee    = []string{"fee", "gebühr", "entgelt", "frais", "commission"}
	wordsForOther  = []string{"payout", "auszahlung", "virement", "transfer", "withdrawal", "settlement", "adjustment"}
)

// Guess is how a table is probably read, by the words of its head and by what
// stands below. A person looks at it before anything is read in. What it cannot
// tell is empty; the currency of a file without a column for it always is.
func (t Table) Guess() Mapping {
	var m Mapping
	free := slices.Clone(t.Head)
	pick := func(words []string) string {
		for _, w := range words {
			for i, name := range free {
				if name != "" && called(name, w) {
					free[i] = ""
					return name
				}
			}
		}
		return ""
	}
	m.Currency, m.Date, m.Fee, m.Net = pick(wordsOfCurrency), pick(wordsOfDate), pick(wordsOfFee), pick(wordsOfNet)
	m.Kind, m.Ref, m.Amount = pick(wordsOfKind), pick(wordsOfRef), pick(wordsOfAmount)
	m.Comma = t.fits(commaAmount, m.Amount, m.Fee, m.Net) && !t.fits(plainAmount, m.Amount, m.Fee, m.Net)
	if m.Date != "" {
		m.Layout = time.DateOnly
		dates := t.column(m.Date)
		for _, layout := range DateLayouts() {
			if !slices.ContainsFunc(dates, func(v string) bool { _, err := time.Parse(layout, v); return err != nil }) {
				m.Layout = layout
				break
			}
		}
	}
	for _, w := range t.Words(m.Kind) {
		is := func(words []string) bool {
			return slices.ContainsFunc(words, func(one string) bool { return strings.Contains(strings.ToLower(w), one) })
		}
		switch {
		case strings.Contains(w, ","): // words are typed with commas between
		case is(wordsForRefund):
			m.Refunds = append(m.Refunds, w)
		case is(wordsForFee):
			m.Fees = append(m.Fees, w)
		case is(wordsForOther):
			m.Others = append(m.Others, w)
		}
	}
	return m
}

// called reports whether one word of a column's name is w, or begins with it
// where it is long enough to mean something.
func called(name, w string) bool {
	const long = 5
	for _, part := range strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) }) {
		if part == w || len(w) >= long && strings.HasPrefix(part, w) {
			return true
		}
	}
	return false
}

// column is what stands in a column, without what is empty, of the first lines.
func (t Table) column(name string) []string {
	at := slices.Index(t.Head, name)
	if name == "" || at < 0 {
		return nil
	}
	var all []string
	for _, line := range t.Lines[:min(len(t.Lines), guessFrom)] {
		if v := strings.TrimSpace(line[at]); v != "" {
			all = append(all, v)
		}
	}
	return all
}

// Words is what stands in a column of few different words, in the order in which
// they come; nil when there are many, or none.
func (t Table) Words(name string) []string {
	const most = 20
	var all []string
	for _, v := range t.column(name) {
		if !slices.Contains(all, v) {
			all = append(all, v)
		}
		if len(all) > most || len(v) > maxColumnName {
			return nil
		}
	}
	return all
}

func (t Table) fits(form *regexp.Regexp, names ...string) bool {
	for _, name := range names {
		if slices.ContainsFunc(t.column(name), func(v string) bool {
			return !form.MatchString(strings.Trim(strings.ReplaceAll(strings.ReplaceAll(v, "\u00A0", " "), "\u2212", "-"), "()"))
		}) {
			return false
		}
	}
	return true
}
