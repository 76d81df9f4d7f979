package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"till/models"
	"till/money"
)

const (
	maxTable    = 16 << 20          // bytes
	maxProblems = 100               // that are listed
	maxMinor    = 1_000_000_000_000 // of a price: a cart of fifty lines of 99 still adds up
	maxStock    = 1_000_000_000
)

// columns are those of a catalogue file, in the order that they are written.
func columns() []string {
	return []string{"slug", "name", "description", "picture", "currency", "price", "stock"}
}

var slugSyntax = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// table reads a catalogue file: one row per product and currency, the rows of
// one product saying the same about it. It goes on after a problem, so that all
// are known at once.
type table struct {
	file     string // as problems name it
	at       map[string]int
	products []models.Product
	bySlug   map[string]int // place in products
	first    map[string]int // line on which a product was first named
	pairs    map[string]int // line of a product's price in a currency
	problems []string
	dropped  int // problems beyond maxProblems
}

// parseTable reads the catalogue in a file, in its order, or fails with a
// problemsError that names every line at fault.
func parseTable(file string, raw []byte) ([]models.Product, error) {
	t := &table{file: file, bySlug: map[string]int{}, first: map[string]int{}, pairs: map[string]int{}}
	if t.text(&raw) {
		t.read(raw)
	}
	if len(t.problems) == 0 && len(t.products) == 0 {
		t.wrong(1, "there is no product in it; an empty catalogue is not imported")
	}
	if t.dropped > 0 {
		t.problems = append(t.problems, fmt.Sprintf("and %d more", t.dropped))
	}
	if len(t.problems) > 0 {
		return nil, &problemsError{what: file, lines: t.problems}
	}
	return t.products, nil
}

func (t *table) wrong(line int, format string, args ...any) {
	if len(t.problems) >= maxProblems {
		t.dropped++
		return
	}
	t.problems = append(t.problems, fmt.Sprintf("%s:%d: ", t.file, line)+fmt.Sprintf(format, args...))
}

// text takes a byte order mark off, and reports whether the file is UTF-8.
func (t *table) text(raw *[]byte) bool {
	*raw = bytes.TrimPrefix(*raw, []byte("\ufeff"))
	if len(*raw) > maxTable {
		t.wrong(1, "the file has more than %d bytes", maxTable)
		return false
	}
	line := 0
	for l := range bytes.Lines(*raw) {
		line++
		if !utf8.Valid(l) {
			t.wrong(line, "is not UTF-8; save the file as \"CSV UTF-8\"")
		}
	}
	return len(t.problems) == 0
}

// read takes the file apart. A row that cannot be read as CSV is a problem like
// any other.
func (t *table) read(raw []byte) {
	r := csv.NewReader(bytes.NewReader(raw))
	r.FieldsPerRecord = -1
	for head := true; ; head = false {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return
		}
		var bad *csv.ParseError
		if errors.As(err, &bad) {
			t.wrong(bad.StartLine, "%s", quoting(bad))
			if head {
				return
			}
			continue
		}
		if err != nil {
			t.wrong(1, "%v", err)
			return
		}
		line, _ := r.FieldPos(0)
		if !head {
			t.row(line, row)
		} else if !t.head(line, row) {
			return
		}
	}
}

func quoting(err *csv.ParseError) string {
	if errors.Is(err.Err, csv.ErrQuote) {
		return `has a quoted cell that does not end well; inside one, " is written as ""`
	}
	if errors.Is(err.Err, csv.ErrBareQuote) {
		return `has a " inside a cell that is not quoted`
	}
	return err.Err.Error()
}

// head reads the names of the columns, in any order.
func (t *table) head(line int, row []string) bool {
	t.at = map[string]int{}
	if len(row) == 1 && strings.ContainsAny(row[0], ";\t") {
		t.wrong(line, "the cells are to be separated by commas")
		return false
	}
	for i, cell := range row {
		name := strings.ToLower(strings.TrimSpace(cell))
		switch _, twice := t.at[name]; {
		case !slices.Contains(columns(), name):
			t.wrong(line, "there is no column %.40q; there are %s", cell, strings.Join(columns(), ", "))
		case twice:
			t.wrong(line, "column %s is there twice", name)
		default:
			t.at[name] = i
		}
	}
	for _, name := range columns() {
		if _, ok := t.at[name]; !ok && name != "stock" {
			t.wrong(line, "column %s is missing", name)
		}
	}
	return len(t.problems) == 0
}

// row reads one price of one product.
func (t *table) row(line int, row []string) {
	if len(row) != len(t.at) {
		t.wrong(line, "has %d cells where the first line has %d", len(row), len(t.at))
		return
	}
	before := len(t.problems) + t.dropped
	cell := func(name string) string {
		if i, ok := t.at[name]; ok {
			return strings.TrimSpace(row[i])
		}
		return ""
	}
	p := models.Product{
		Slug: t.slug(line, cell("slug")), Name: t.words(line, "name", cell("name"), 1, 200, false),
		Description: t.words(line, "description", cell("description"), 0, 5000, true),
		Picture:     t.picture(line, cell("picture")), Stock: t.stock(line, cell("stock")),
	}
	price := t.price(line, cell("currency"), cell("price"))
	if p.Slug == "" {
		return
	}
	if price.Currency != "" {
		pair := p.Slug + " " + string(price.Currency)
		if other, twice := t.pairs[pair]; twice {
			t.wrong(line, "%s has a price in %s already, on line %d", p.Slug, price.Currency, other)
		} else {
			t.pairs[pair] = line
		}
	}
	i, known := t.bySlug[p.Slug]
	if !known {
		t.first[p.Slug], i = line, len(t.products)
		t.bySlug[p.Slug] = i
		t.products = append(t.products, p)
	} else {
		t.same(line, t.products[i], p)
	}
	if len(t.problems)+t.dropped == before {
		t.products[i].Prices = append(t.products[i].Prices, price)
	}
}

// same wants what two rows say about one product to be the same.
func (t *table) same(line int, a, b models.Product) {
	differs := func(name string) {
		t.wrong(line, "%s of %s differs from line %d", name, a.Slug, t.first[a.Slug])
	}
	if a.Name != b.Name {
		differs("name")
	}
	if a.Description != b.Description {
		differs("description")
	}
	if a.Picture != b.Picture {
		differs("picture")
	}
	if (a.Stock == nil) != (b.Stock == nil) || a.Stock != nil && *a.Stock != *b.Stock {
		differs("stock")
	}
}

func (t *table) slug(line int, s string) string {
	switch {
	case s == "":
		t.wrong(line, "slug is empty")
	case len(s) > 80 || !slugSyntax.MatchString(s):
		t.wrong(line, "slug %.40q is not made of a-z, 0-9 and single hyphens between, at most 80 of them", s)
	default:
		return s
	}
	return ""
}

func (t *table) words(line int, name, s string, least, most int, lines bool) string {
	n := utf8.RuneCountInString(s)
	switch {
	case n < least:
		t.wrong(line, "%s is empty", name)
	case n > most:
		t.wrong(line, "%s has %d characters, and may have %d", name, n, most)
	case strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && (!lines || r != '\n') }):
		t.wrong(line, "%s has a control character in it", name)
	}
	return s
}

func (t *table) picture(line int, s string) string {
	if strings.ContainsAny(s, `/\`) || len(s) > 100 || strings.ContainsFunc(s, unicode.IsControl) {
		t.wrong(line, "picture %.40q is not a file's name without a folder", s)
	}
	return s
}

func (t *table) stock(line int, s string) *int64 {
	if s == "" {
		return nil // not counted
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > maxStock || n < -maxStock { // below zero: sold more than there were
		t.wrong(line, "stock %.40q is not a whole number; nothing means that it is not counted", s)
		return nil
	}
	return &n
}

func (t *table) price(line int, code, decimal string) models.Price {
	currency, err := money.ParseCurrency(code)
	if err != nil {
		t.wrong(line, "currency %.12q is not one of ISO 4217, such as NZD", code)
		return models.Price{}
	}
	amount, err := money.ParseDecimal(decimal, currency)
	switch {
	case errors.Is(err, money.ErrPrecision):
		t.wrong(line, "price %.40q has more decimals than %s, which has %d", decimal, currency, currency.Digits())
	case errors.Is(err, money.ErrOverflow), err == nil && amount.Minor > maxMinor:
		t.wrong(line, "price %.40q is more than anything costs", decimal)
	case err != nil:
		t.wrong(line, "price %.40q is not a number like 12.50", decimal)
	case amount.Minor <= 0:
		t.wrong(line, "price %.40q is not more than nothing", decimal)
	default:
		return models.Price{Currency: currency, Minor: amount.Minor}
	}
	return models.Price{Currency: currency}
}

// writeTable writes products as parseTable reads them. Cells that a spreadsheet
// would take for a formula are left as they are: it is the shop's own text, and
// what is exported must be what is imported.
func writeTable(w io.Writer, products []models.Product) error {
	out := csv.NewWriter(w)
	if err := out.Write(columns()); err != nil {
		return err
	}
	for _, p := range products {
		stock := ""
		if p.Stock != nil {
			stock = strconv.FormatInt(*p.Stock, 10)
		}
		for _, price := range p.Prices {
			amount := money.Amount{Minor: price.Minor, Currency: price.Currency}
			err := out.Write([]string{p.Slug, p.Name, p.Description, p.Picture, string(price.Currency), amount.Decimal(), stock})
			if err != nil {
				return err
			}
		}
	}
	out.Flush()
	return out.Error()
}
