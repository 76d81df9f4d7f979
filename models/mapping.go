package models

import (
	"bytes"
	"database/sql/driver"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"till/money"
)

// Mapping says which column of a statement is what, by the words of its head.
type Mapping struct {
	Ref      string         `json:"ref"`
	Amount   string         `json:"amount"`
	Fee      string         `json:"fee,omitempty"`      // may be empty
	Net      string         `json:"net,omitempty"`      // may be empty; where it is there it decides the fee
	Currency string         `json:"currency,omitempty"` // empty: all is in In
	In       money.Currency `json:"in,omitempty"`
	Date     string         `json:"date,omitempty"`    // may be empty
	Layout   string         `json:"layout,omitempty"`  // of dates, as Go writes it
	Kind     string         `json:"kind,omitempty"`    // empty: the sign tells, negative is gone back
	Refunds  []string       `json:"refunds,omitempty"` // the words of Kind that mean gone back
	Fees     []string       `json:"fees,omitempty"`    // that mean a fee of its own
	Others   []string       `json:"others,omitempty"`  // that mean neither, such as a payout
	Comma    bool           `json:"comma,omitempty"`   // 1.234,56 rather than 1,234.56
}

// Scan implements sql.Scanner.
func (m *Mapping) Scan(v any) error {
	var raw []byte
	switch v := v.(type) {
	case string:
		raw = []byte(v)
	case []byte:
		raw = v
	default:
		return fmt.Errorf("models: mapping from %T", v)
	}
	*m = Mapping{}
	if err := json.Unmarshal(raw, m); err != nil {
		return fmt.Errorf("models: mapping: %w", err)
	}
	return nil
}

// Value implements driver.Valuer.
func (m Mapping) Value() (driver.Value, error) {
	raw, err := json.Marshal(m)
	return string(raw), err
}

// DateLayouts are the ways in which statements write days, the most common
// first.
func DateLayouts() []string {
	return []string{time.DateOnly, time.RFC3339, time.DateTime, "02.01.2006", "02/01/2006", "01/02/2006", "2006/01/02", "20060102"}
}

// DateExample is a day as a layout writes it.
func DateExample(layout string) string {
	return time.Date(2026, 11, 21, 14, 30, 0, 0, time.UTC).Format(layout)
}

// The bounds of a statement.
const (
	MaxStatement      = 10 << 20 // bytes
	MaxStatementLines = 50_000
	maxColumns        = 200
	maxColumnName     = 100 // bytes
)

// maxMoved bounds an amount of a statement, in minor units, so that no sum of a
// file is too large to be one.
const maxMoved = 1e13

// ErrNotCSV is returned for a file that is no table of text with a head.
var ErrNotCSV = errors.New("models: not a CSV file")

// Table is a statement as read, before anybody said which column is what.
type Table struct {
	Head  []string
	Lines [][]string
}

// ReadTable reads a CSV file: UTF-8, with commas, semicolons or tabs between.
// Errors: ErrNotCSV, with the reason.
func ReadTable(file []byte) (Table, error) {
	file = bytes.TrimPrefix(file, []byte("\xEF\xBB\xBF"))
	switch {
	case len(file) > MaxStatement:
		return Table{}, fmt.Errorf("%w: it is longer than %d MB", ErrNotCSV, MaxStatement>>20)
	case bytes.IndexByte(file, 0) >= 0 || !utf8.Valid(file):
		return Table{}, fmt.Errorf("%w: it is not text in UTF-8", ErrNotCSV)
	}
	first, _, _ := bytes.Cut(file, []byte("\n"))
	r := csv.NewReader(bytes.NewReader(file))
	r.Comma = ','
	for _, c := range []rune{';', '\t'} {
		if bytes.Count(first, []byte(string(c))) > bytes.Count(first, []byte(string(r.Comma))) {
			r.Comma = c
		}
	}
	var t Table
	for {
		line, err := r.Read()
		switch {
		case errors.Is(err, io.EOF):
			return t, t.check()
		case err != nil:
			var at *csv.ParseError
			if errors.As(err, &at) {
				return Table{}, fmt.Errorf("%w: line %d: %w", ErrNotCSV, at.Line, at.Err)
			}
			return Table{}, fmt.Errorf("%w: %w", ErrNotCSV, err)
		case t.Head == nil:
			for i := range line {
				line[i] = strings.TrimSpace(line[i])
			}
			t.Head = line
		default:
			if t.Lines = append(t.Lines, line); len(t.Lines) > MaxStatementLines {
				return Table{}, fmt.Errorf("%w: it has more than %d lines", ErrNotCSV, MaxStatementLines)
			}
		}
	}
}

func (t Table) check() error {
	if len(t.Head) < 2 {
		return fmt.Errorf("%w: its first line names fewer than two columns", ErrNotCSV)
	}
	if len(t.Head) > maxColumns {
		return fmt.Errorf("%w: it has more than %d columns", ErrNotCSV, maxColumns)
	}
	if len(t.Lines) == 0 {
		return fmt.Errorf("%w: there is nothing below its first line", ErrNotCSV)
	}
	seen := map[string]bool{}
	for _, name := range t.Head {
		if len(name) > maxColumnName {
			return fmt.Errorf("%w: the name of a column is longer than %d letters", ErrNotCSV, maxColumnName)
		}
		if name != "" && seen[name] {
			return fmt.Errorf("%w: two columns are called %q", ErrNotCSV, name)
		}
		seen[name] = true
	}
	return nil
}

// LineError says what is wrong with one line of a statement.
type LineError struct {
	Line   int // of the file; the head is 1
	Column string
	Value  string // shortened
	Why    string
}

// Error implements error.
func (e *LineError) Error() string {
	return fmt.Sprintf("line %d, %s %q: %s", e.Line, e.Column, e.Value, e.Why)
}

// Read makes lines out of a table. Every line must be readable: an error is a
// *LineError for the first that is not, or says which column the table lacks.
func (m Mapping) Read(t Table) ([]StatementLine, error) {
	column := map[string]int{}
	for _, name := range []string{m.Ref, m.Amount, m.Fee, m.Net, m.Currency, m.Date, m.Kind} {
		if name == "" {
			continue
		}
		at := slices.Index(t.Head, name)
		if at < 0 {
			return nil, fmt.Errorf("models: mapping: the file has no column %q", name)
		}
		column[name] = at
	}
	if m.Ref == "" || m.Amount == "" || m.Currency == "" && m.In == "" {
		return nil, errors.New("models: mapping: reference, amount and currency are needed")
	}
	lines := make([]StatementLine, 0, len(t.Lines))
	var costs, credits int // of takings, by the sign that the file gives a fee
	for i, cells := range t.Lines {
		r := lineReader{mapping: m, column: column, cells: cells, line: i + 2}
		l, err := r.read()
		if err != nil {
			return nil, err
		}
		l.Position = int64(i + 1)
		switch {
		case l.Kind == LineTaken && l.FeeMinor > 0:
			costs++
		case l.Kind == LineTaken && l.FeeMinor < 0:
			credits++
		}
		lines = append(lines, l)
	}
	negative := credits > costs // a file in which what is kept is written with a minus
	for i := range lines {
		r := lineReader{mapping: m, column: column, cells: t.Lines[i], line: i + 2}
		r.settle(&lines[i], negative)
	}
	return lines, nil
}

// settle turns a fee as the file writes it into what it costs, and finds the
// net. A fee that came back is negative.
func (r lineReader) settle(l *StatementLine, negative bool) {
	if l.Kind == LineFee {
		return
	}
	if r.cell(r.mapping.Net) != "" {
		if l.Kind == LineRefunded && l.NetMinor > 0 {
			l.NetMinor = -l.NetMinor
		}
		l.FeeMinor = l.Minor - l.NetMinor
		return
	}
	if negative {
		l.FeeMinor = -l.FeeMinor
	}
	l.NetMinor = l.Minor - l.FeeMinor
}

// lineReader reads one line.
type lineReader struct {
	mapping Mapping
	column  map[string]int
	cells   []string
	line    int
}

func (r lineReader) cell(name string) string {
	if name == "" {
		return ""
	}
	return strings.TrimSpace(r.cells[r.column[name]])
}

func (r lineReader) wrong(column, why string) error {
	v := []rune(r.cell(column))
	return &LineError{Line: r.line, Column: column, Value: string(v[:min(len(v), 40)]), Why: why}
}

func (r lineReader) read() (StatementLine, error) {
	m := r.mapping
	l := StatementLine{Ref: r.cell(m.Ref), Currency: m.In}
	if len(l.Ref) > maxWord {
		return l, r.wrong(m.Ref, "is too long for a reference")
	}
	if m.Currency != "" {
		c, err := money.ParseCurrency(strings.ToUpper(r.cell(m.Currency)))
		if err != nil {
			return l, r.wrong(m.Currency, "is not a currency")
		}
		l.Currency = c
	}
	if m.Date != "" {
		t, err := time.Parse(m.Layout, r.cell(m.Date))
		if err != nil {
			return l, r.wrong(m.Date, "is not a day written as "+DateExample(m.Layout))
		}
		l.Day = t.Format(time.DateOnly)
	}
	amount, err := r.amount(m.Amount, l.Currency)
	if err != nil {
		return l, err
	}
	fee, err := r.amount(m.Fee, l.Currency)
	if err != nil {
		return l, err
	}
	net, err := r.amount(m.Net, l.Currency)
	if err != nil {
		return l, err
	}
	l.Kind = m.kind(r.cell(m.Kind), amount)
	switch l.Kind {
	case LineFee:
		l.FeeMinor, l.NetMinor = -amount, amount // what is kept has a minus here, and what came back has none
		return l, nil
	case LineRefunded:
		l.Minor = min(amount, -amount)
	case LineTaken, LineOther:
		l.Minor = amount
	}
	l.FeeMinor, l.NetMinor = fee, net // as the file has them: see settle
	return l, nil
}

// kind is what a word of the statement, or else the sign, tells.
func (m Mapping) kind(word string, minor int64) LineKind {
	is := func(words []string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(w, word) })
	}
	switch {
	case m.Kind == "" && minor < 0:
		return LineRefunded
	case m.Kind == "":
		return LineTaken
	case is(m.Refunds):
		return LineRefunded
	case is(m.Fees):
		return LineFee
	case is(m.Others):
		return LineOther
	default:
		return LineTaken
	}
}

var (
	plainAmount = regexp.MustCompile(`^[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d+)?$`)
	commaAmount = regexp.MustCompile(`^[+-]?(\d+|\d{1,3}([. ]\d{3})+)(,\d+)?$`)
)

// amount reads a cell in minor units; an empty one is 0, but for the amount
// itself. A comma that could be read in two ways is refused.
func (r lineReader) amount(column string, c money.Currency) (int64, error) {
	v := strings.ReplaceAll(strings.ReplaceAll(r.cell(column), "\u00A0", " "), "\u2212", "-")
	if v == "" && column != r.mapping.Amount {
		return 0, nil
	}
	negative := strings.HasPrefix(v, "(") && strings.HasSuffix(v, ")")
	if negative {
		v = v[1 : len(v)-1]
	}
	form, example := plainAmount, "1,234.56"
	if r.mapping.Comma {
		form, example = commaAmount, "1.234,56"
	}
	if !form.MatchString(v) {
		return 0, r.wrong(column, "is not an amount written as "+example)
	}
	if r.mapping.Comma {
		v = strings.NewReplacer(".", "", " ", "", ",", ".").Replace(v)
	} else {
		v = strings.ReplaceAll(v, ",", "")
	}
	v = strings.TrimPrefix(v, "+")
	whole, rest, _ := strings.Cut(strings.TrimPrefix(v, "-"), ".")
	whole = strings.TrimLeft(whole, "0")
	if whole == "" {
		whole = "0"
	}
	text := whole
	if rest != "" {
		text += "." + rest
	}
	if strings.HasPrefix(v, "-") != negative {
		text = "-" + text
	}
	a, err := money.ParseDecimal(text, c)
	if err != nil {
		return 0, r.wrong(column, "is not an amount of "+string(c))
	}
	if a.Minor > maxMoved || a.Minor < -maxMoved {
		return 0, r.wrong(column, "is more than anybody moves at once")
	}
	return a.Minor, nil
}
