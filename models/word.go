package models

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"
	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// OrderWord is a word that an order is found by: of its buyer's name, of its
// products, its e-mail address, and what providers call its payments.
type OrderWord struct {
	Word    string `gorm:"primaryKey"`
	OrderID int64  `gorm:"primaryKey"`
}

// maxWord bounds a word, in bytes; what is longer is found by its beginning.
const maxWord = 120

// Words are the words of a text as orders are found by them: lower case,
// without accents, each once. An e-mail address and a reference are one word.
func Words(text string) []string {
	plain, _, err := transform.String(transform.Chain(norm.NFKD, runes.Remove(runes.In(unicode.Mn)), norm.NFC), text)
	if err != nil {
		plain = text
	}
	all := strings.FieldsFunc(strings.ToLower(plain), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune(`"',;:()[]{}<>/\|!?#`, r)
	})
	kept := all[:0]
	for _, w := range all {
		w = strings.Trim(w, ".-_+*&")
		if len(w) > maxWord {
			w = strings.ToValidUTF8(w[:maxWord], "")
		}
		if w != "" && !slices.Contains(kept, w) {
			kept = append(kept, w)
		}
	}
	return kept
}

// wordsOf is every word of a new order.
func wordsOf(o Order, lines []OrderLine) []string {
	texts := []string{o.Email, o.Name}
	if local, domain, ok := strings.Cut(o.Email, "@"); ok {
		texts = append(texts, strings.NewReplacer(".", " ", "_", " ", "-", " ", "+", " ").Replace(local), domain)
	}
	for _, l := range lines {
		texts = append(texts, l.Name, l.Slug)
	}
	return Words(strings.Join(texts, " "))
}

// addWords lets an order be found by words; those that it has already change
// nothing.
func addWords(ctx context.Context, tx *gorm.DB, orderID int64, words []string) error {
	if len(words) == 0 {
		return nil
	}
	rows := make([]OrderWord, len(words))
	for i, w := range words {
		rows[i] = OrderWord{Word: w, OrderID: orderID}
	}
	return named(tx.WithContext(ctx).Clauses(clause.OnConflict{DoNothing: true}).CreateInBatches(&rows, 200).Error, "words of an order")
}
