package admin

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"till/money"
	"till/views/ui"
)

// StatementsPage is the list of files of providers and banks, newest first, with
// the form for another one.
type StatementsPage struct {
	Frame      Frame
	Provider   string // chosen in the form
	Providers  []ui.Option
	Problems   StatementProblems
	Again      *StatementRow // what the file was read in as before; nil when it was not
	Statements []StatementRow
	Older      string // cursor for ?before=; empty on the last page
	Newer      string // cursor for ?after=; empty on the first page
	CanRead    bool
}

// StatementProblems is what is wrong with the form for another file.
type StatementProblems struct{ Provider, File string }

// StatementRow is one file.
type StatementRow struct {
	ID       int64
	Name     string
	Provider string // label
	FirstDay string // 2026-11-21; empty when its lines have none
	LastDay  string
	Lines    int64
	Actor    string
	At       When
}

// MappingForm is what the columns of a file are, as typed, or what is wrong with
// that.
type MappingForm struct {
	Ref, Amount, Fee, Net string // columns
	Currency, In          string // a column, or one for all
	Date, Layout          string
	Kind                  string
	Refunds, Fees, Others string // words, with commas between
	Decimal               string // DecimalPoint or DecimalComma
}

// How amounts are written.
const (
	DecimalPoint = "point"
	DecimalComma = "comma"
)

// MappingPage asks which column of a file is what.
type MappingPage struct {
	Frame    Frame
	Upload   int64
	Digest   string
	Provider ui.Option
	Name     string // of the file
	Lines    int
	Head     []string
	First    [][]string  // some lines as they are
	Known    bool        // the form is as this provider's last file was read
	Words    []string    // that stand in the chosen column of kinds; may be empty
	Layouts  []ui.Option // of dates
	Form     MappingForm
	Problems MappingForm
	Read     []StatementLine // some lines as they would be read
	Readable bool            // all of them are
	FirstDay string          // that a line is of, where all can be read; empty when none has a day
	LastDay  string
}

// LineKind says what a line of a file tells: models' words.
type LineKind string

// The kinds of line.
const (
	LineTaken    LineKind = "taken"
	LineRefunded LineKind = "refunded"
	LineFee      LineKind = "fee"
	LineOther    LineKind = "other"
)

// LineVerdict is how a line and our ledger compare: models' words, and one more
// for what only we have.
type LineVerdict string

// The verdicts.
const (
	LineAgreed     LineVerdict = "agreed"
	LineDiffers    LineVerdict = "differs"
	LineTheirsOnly LineVerdict = "theirs_only"
	LineOursOnly   LineVerdict = "ours_only"
)

// StatementLine is one line of a file.
type StatementLine struct {
	Line   int64 // of the file; the head is 1
	Kind   LineKind
	Ref    string
	Day    string // empty when the file has none
	Amount money.Amount
	Fee    int64
	Net    int64
	Order  string // number; empty when it is none of ours
}

// StatementList is which lines of a file are shown.
type StatementList string

// The lists.
const (
	ListAgreed StatementList = "agreed"
	ListOurs   StatementList = "ours"
	ListTheirs StatementList = "theirs"
)

// StatementPage is one file, compared with what we have.
type StatementPage struct {
	Frame     Frame
	Row       StatementRow
	Tests     bool // what only we have is of tests
	Demo      bool
	Totals    []StatementTotal
	List      StatementList
	Lines     []StatementLine // agreed, or theirs only
	Differs   []StatementLine
	Ours      []ClosedFact
	Next      string // cursor for the list's next page
	NextMore  string // cursor for that of what differs
	Begun     bool   // a list does not begin at the first
	CanRemove bool
	CanExport bool
}

// StatementTotal is what the lines of one verdict come to in one currency.
type StatementTotal struct {
	Verdict  LineVerdict
	Currency money.Currency
	Lines    int64
	Minor    int64
	Fee      int64
	Net      int64
}

// StatementRemoval asks whether a file is to be forgotten.
type StatementRemoval struct {
	Frame   Frame
	Row     StatementRow
	Refused string
}

func (p StatementsPage) page() ui.Page {
	return ui.Page{Name: "admin-statements", Title: "Reconciliation", Quiet: true, Problem: len(p.problems()) > 0}
}

func (p StatementsPage) problems() []ui.FieldProblem {
	return problemsOf([2]string{"provider", p.Problems.Provider}, [2]string{"file", p.Problems.File})
}

func (p StatementsPage) provider() ui.Choice {
	return ui.Choice{Name: "provider", Label: "Whose file it is", Value: p.Provider, Empty: "Choose a provider", Options: p.Providers, Problem: p.Problems.Provider, Required: true}
}

func (p StatementsPage) turn(cursor, value string) string {
	if value == "" {
		return ""
	}
	return "/admin/statements?" + cursor + "=" + url.QueryEscape(value)
}

func (r StatementRow) url() string { return "/admin/statements/" + strconv.FormatInt(r.ID, 10) }

// days says which days its lines are of.
func (r StatementRow) days() string {
	switch r.FirstDay {
	case "":
		return "names no days"
	case r.LastDay:
		return r.FirstDay
	default:
		return r.FirstDay + " to " + r.LastDay
	}
}

func (r StatementRow) lines() string { return plural(r.Lines, "line", "lines") }

func plural(n int64, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.FormatInt(n, 10) + " " + more
}

func (p MappingPage) page() ui.Page {
	return ui.Page{Name: "admin-mapping", Title: "Which column is what", Quiet: true, Problem: len(p.problems()) > 0}
}

func (p MappingPage) url() string {
	return "/admin/statements/uploads/" + strconv.FormatInt(p.Upload, 10)
}

func (p MappingPage) problems() []ui.FieldProblem {
	w := p.Problems
	return problemsOf(
		[2]string{"ref", w.Ref}, [2]string{"amount", w.Amount}, [2]string{"fee", w.Fee}, [2]string{"net", w.Net}, [2]string{"decimal", w.Decimal},
		[2]string{"currency", w.Currency}, [2]string{"in", w.In}, [2]string{"date", w.Date}, [2]string{"layout", w.Layout}, [2]string{"kind", w.Kind},
		[2]string{"refunds", w.Refunds}, [2]string{"fees", w.Fees}, [2]string{"others", w.Others},
	)
}

// column is the choice of one column.
func (p MappingPage) column(name, label, value, problem, empty, hint string) ui.Choice {
	c := ui.Choice{Name: name, Label: label, Value: value, Empty: empty, Hint: hint, Problem: problem}
	for _, one := range p.Head {
		if one != "" {
			c.Options = append(c.Options, ui.Option{Value: one, Label: one})
		}
	}
	return keeping(c, value)
}

func (p MappingPage) ref() ui.Choice {
	return p.column("ref", "Reference", p.Form.Ref, p.Problems.Ref, "Choose a column", "The provider’s of a payment, or ours.")
}

func (p MappingPage) amount() ui.Choice {
	return p.column("amount", "Amount", p.Form.Amount, p.Problems.Amount, "Choose a column", "Before fees.")
}

func (p MappingPage) fee() ui.Choice {
	return p.column("fee", "Fee", p.Form.Fee, p.Problems.Fee, "None", "What was kept of each amount.")
}

func (p MappingPage) net() ui.Choice {
	return p.column("net", "Net", p.Form.Net, p.Problems.Net, "None", "Where it is there, it decides the fee.")
}

func (p MappingPage) currency() ui.Choice {
	return p.column("currency", "Currency", p.Form.Currency, p.Problems.Currency, "One for all lines", "Of each line, where it has one.")
}

func (p MappingPage) in() ui.Field {
	return ui.Field{Name: "in", Label: "The one currency", Value: p.Form.In, Problem: p.Problems.In, Hint: "Three letters, where no column names it.", Autocomplete: "off", MaxLength: 3, Narrow: true}
}

func (p MappingPage) date() ui.Choice {
	return p.column("date", "Day", p.Form.Date, p.Problems.Date, "None", "Without one, nobody can say what the file lacks.")
}

func (p MappingPage) layout() ui.Choice {
	return keeping(ui.Choice{Name: "layout", Label: "How days are written", Value: p.Form.Layout, Options: p.Layouts, Problem: p.Problems.Layout, Hint: "21 November 2026, as the file has it."}, p.Form.Layout)
}

func (p MappingPage) decimal() ui.Choice {
	return ui.Choice{
		Name: "decimal", Label: "How amounts are written", Value: p.Form.Decimal, Problem: p.Problems.Decimal,
		Options: []ui.Option{{Value: DecimalPoint, Label: "1,234.56"}, {Value: DecimalComma, Label: "1.234,56"}},
	}
}

func (p MappingPage) kind() ui.Choice {
	return p.column("kind", "Kind of line", p.Form.Kind, p.Problems.Kind, "None: negative amounts went back", "")
}

func (p MappingPage) words(name, label, value, problem string) ui.Field {
	return ui.Field{Name: name, Label: label, Value: value, Problem: problem, Optional: true, Autocomplete: "off", MaxLength: 1000}
}

// shownCell is a cell of the file, as long as a column has room for.
func shownCell(s string) string { return shortened(strings.TrimSpace(s)) }

func (p MappingPage) lines() string { return plural(int64(p.Lines), "line", "lines") }

// readable says that every line can be read.
func (p MappingPage) readable() string {
	if p.Lines == 1 {
		return "Its only line can be read."
	}
	return "All " + p.lines() + " can be read. These are the first." + p.days()
}

// longFile is how many days a file may tell of before a wrong date is more
// likely than so many.
const longFile = 100

// days is what the lines are of, so that a date which was read wrong is seen
// before everything since then counts as missing from the file.
func (p MappingPage) days() string {
	first, err := time.Parse(time.DateOnly, p.FirstDay)
	last, err2 := time.Parse(time.DateOnly, p.LastDay)
	if err != nil || err2 != nil {
		return ""
	}
	if first.Equal(last) {
		return " They are of " + shortDay(p.FirstDay) + "."
	}
	said := " They are of " + shortDay(p.FirstDay) + " to " + shortDay(p.LastDay) + "."
	if last.Sub(first) > longFile*24*time.Hour {
		said += " That is a long time: look whether the dates are right."
	}
	return said
}

func (k LineKind) word() string {
	switch k {
	case LineTaken:
		return "Taken"
	case LineRefunded:
		return "Refunded"
	case LineFee:
		return "Fee"
	case LineOther:
		return "Something else"
	default:
		return string(k)
	}
}

func (v LineVerdict) word() string {
	switch v {
	case LineAgreed:
		return "Agreed"
	case LineDiffers:
		return "Differs"
	case LineTheirsOnly:
		return "Theirs only"
	case LineOursOnly:
		return "Ours only"
	default:
		return string(v)
	}
}

func (v LineVerdict) tone() ui.Tone {
	switch v {
	case LineAgreed:
		return ui.Good
	case LineDiffers, LineTheirsOnly, LineOursOnly:
		return ui.Warn
	default:
		return ui.Plain
	}
}

func (l StatementLine) amount(minor int64) string { return amountOf(l.Amount.Currency, minor) }

func (l StatementLine) line() string { return strconv.FormatInt(l.Line, 10) }

func (t StatementTotal) amount(minor int64) string { return amountOf(t.Currency, minor) }

func (t StatementTotal) lines() string { return strconv.FormatInt(t.Lines, 10) }

func (p StatementPage) page() ui.Page {
	return ui.Page{Name: "admin-statement", Title: p.Row.Name, Quiet: true}
}

// currencies are those of the totals, in their order.
func (p StatementPage) currencies() []money.Currency {
	var all []money.Currency
	for _, t := range p.Totals {
		if len(all) == 0 || all[len(all)-1] != t.Currency {
			all = append(all, t.Currency)
		}
	}
	return all
}

func (p StatementPage) totalsIn(c money.Currency) []StatementTotal {
	var all []StatementTotal
	for _, t := range p.Totals {
		if t.Currency == c {
			all = append(all, t)
		}
	}
	return all
}

// count is how many lines have one of some verdicts.
func (p StatementPage) count(verdicts ...LineVerdict) (n int64) {
	for _, t := range p.Totals {
		for _, v := range verdicts {
			if t.Verdict == v {
				n += t.Lines
			}
		}
	}
	return n
}

// statementTab is one of the lists, with how much is in it.
type statementTab struct {
	list  StatementList
	label string
	count int64
}

func (t statementTab) number() string { return strconv.FormatInt(t.count, 10) }

func (p StatementPage) tabs() []statementTab {
	return []statementTab{
		{ListAgreed, "Agreed", p.count(LineAgreed)},
		{ListOurs, "Ours only", p.count(LineOursOnly)},
		{ListTheirs, "Theirs only", p.count(LineDiffers, LineTheirsOnly)},
	}
}

func (p StatementPage) url(list StatementList, more ...string) string {
	q := url.Values{"list": {string(list)}}
	if p.Tests != p.Demo {
		q.Set("figures", figuresOf(p.Tests))
	}
	for i := 0; i+1 < len(more); i += 2 {
		if more[i+1] != "" {
			q.Set(more[i], more[i+1])
		}
	}
	return p.Row.url() + "?" + q.Encode()
}

func (p StatementPage) otherFigures() string {
	q := url.Values{"list": {string(ListOurs)}, "figures": {figuresOf(!p.Tests)}}
	return p.Row.url() + "?" + q.Encode()
}

// sentence says what the chosen list is.
func (p StatementPage) sentence() string {
	switch p.List {
	case ListAgreed:
		return "The same is in our ledger. Fees of their own and payouts are here too: there is nothing of ours to compare them with."
	case ListOurs:
		if p.Row.FirstDay == "" {
			return "The file names no days, so nobody can say what it lacks."
		}
		return "Our ledger has these, " + p.Row.days() + ", and no file tells of them. At the edges of a file that is often a matter of a day."
	case ListTheirs:
		return "Our ledger does not have these."
	default:
		return ""
	}
}

func (p StatementRemoval) page() ui.Page {
	return ui.Page{Name: "admin-statement-remove", Title: "Remove " + p.Row.Name, Quiet: true, Problem: p.Refused != ""}
}
