package ui

import "github.com/a-h/templ"

// Tone is what a part wants to say beyond its words. It chooses a colour and
// always a shape too, so that nobody depends on the colour.
type Tone string

// The tones.
const (
	Plain Tone = "plain" // nothing special
	Info  Tone = "info"  // worth knowing
	Good  Tone = "good"  // done, paid
	Warn  Tone = "warn"  // wants attention, not wrong
	Bad   Tone = "bad"   // went wrong, or refused
)

// Kind is how much a button asks to be pressed.
type Kind string

// The kinds of button. A page has at most one primary.
const (
	Primary   Kind = "primary"
	Secondary Kind = "secondary"
	Danger    Kind = "danger"
	Quiet     Kind = "quiet" // looks like a link
)

// Action is a button that submits the form it stands in.
type Action struct {
	Label string
	Kind  Kind
	Busy  string // what it says after it was pressed, where script runs; empty keeps the label
	Wide  bool   // fills its column
	Name  string // with Value: what this button adds to the form; both may be empty
	Value string
	About string // for readers who cannot see where it stands, as in "Remove" + "Tea bowl"; may be empty
}

// Field is one input with its label, hint and problem. Its id is its name,
// unless ID says otherwise.
type Field struct {
	Name         string
	ID           string // where the same name stands on one page twice
	Label        string
	Type         string // "text" when empty
	Value        string // as typed
	Hint         string
	Problem      string // empty when there is none
	Autocomplete string // an HTML autofill word; empty writes none
	InputMode    string
	MaxLength    int // characters, 0 for no bound
	Required     bool
	Optional     bool // adds "(optional)" to the label
	Narrow       bool // as wide as a postcode, not as its column
	Attrs        templ.Attributes
}

// Option is one choice of a Select or of Radios.
type Option struct {
	Value string
	Label string
	Hint  string // a sentence below the label; Radios only
	Mark  string // a word mark at the right; Radios only
	Group string // heading of the options that it stands with; Radios only, of neighbours, empty for none
}

// Choice is a field with a fixed set of answers: for Select and Radios.
type Choice struct {
	Name         string
	ID           string // where the same name stands on one page twice
	Label        string // of a Select, or the legend of Radios
	Value        string // the chosen one; empty for none
	Empty        string // first line of a Select with no value, such as "Choose a country"; may be empty
	Options      []Option
	Hint         string
	Problem      string
	Autocomplete string
	Required     bool
	LegendHidden bool // Radios below a heading that says the same
}

// FieldProblem is one line of the error summary.
type FieldProblem struct {
	Field string // id of the field it is about; empty makes a line without a link
	Text  string
}

func (f Field) id() string { return firstOf(f.ID, f.Name) }

func (f Field) kind() string { return firstOf(f.Type, "text") }

func (f Field) describedBy() string { return describedBy(f.id(), f.Hint, f.Problem) }

func (c Choice) id() string { return firstOf(c.ID, c.Name) }

func (c Choice) describedBy() string { return describedBy(c.id(), c.Hint, c.Problem) }

// optionID gives the first radio the id of the group, so that the error
// summary's link lands on something that can be focused.
func (c Choice) optionID(i int) string {
	if i == 0 {
		return c.id()
	}
	return c.id() + "-" + c.Options[i].Value
}

// run is neighbouring options of one group.
type run struct {
	label    string
	from, to int
}

func (c Choice) groups() []run {
	var all []run
	for i, o := range c.Options {
		if n := len(all); n > 0 && all[n-1].label == o.Group {
			all[n-1].to = i + 1
		} else {
			all = append(all, run{o.Group, i, i + 1})
		}
	}
	return all
}

func describedBy(id, hint, problem string) string {
	switch {
	case hint != "" && problem != "":
		return id + "-hint " + id + "-problem"
	case hint != "":
		return id + "-hint"
	case problem != "":
		return id + "-problem"
	default:
		return ""
	}
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (k Kind) class() string {
	switch k {
	case Primary:
		return "btn btn-primary"
	case Danger:
		return "btn btn-danger"
	case Quiet:
		return "btn btn-quiet"
	case Secondary:
		return "btn btn-secondary"
	default:
		return "btn btn-secondary"
	}
}

func (t Tone) notice() string {
	switch t {
	case Good:
		return "notice notice-good"
	case Warn:
		return "notice notice-warn"
	case Bad:
		return "notice notice-bad"
	case Plain, Info:
		return "notice"
	default:
		return "notice"
	}
}

func (t Tone) pill() string {
	switch t {
	case Good:
		return "pill pill-good"
	case Warn:
		return "pill pill-warn"
	case Bad:
		return "pill pill-bad"
	case Info:
		return "pill pill-info"
	case Plain:
		return "pill"
	default:
		return "pill"
	}
}

func (t Tone) icon() IconName {
	switch t {
	case Good:
		return IconCheck
	case Warn:
		return IconWarn
	case Bad:
		return IconStop
	case Info:
		return IconInfo
	case Plain:
		return IconDot
	default:
		return IconDot
	}
}

// Ink is the class that colours text or a shape in the tone.
func (t Tone) Ink() string {
	switch t {
	case Good:
		return "text-good"
	case Warn:
		return "text-warn"
	case Bad:
		return "text-bad"
	case Info:
		return "text-accent"
	case Plain:
		return "text-muted"
	default:
		return "text-muted"
	}
}
