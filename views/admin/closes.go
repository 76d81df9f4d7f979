package admin

import (
	"net/url"
	"strconv"
	"time"

	"till/money"
	"till/views/ui"
)

// ClosesPage is the list of closed days, newest first.
type ClosesPage struct {
	Frame      Frame
	Provider   string // the chosen one; empty for all
	Currency   string // the chosen one; empty for all
	Tests      bool   // the figures are those of tests
	Demo       bool   // where nothing but tests is meant
	Providers  []ui.Option
	Currencies []string
	Open       []OpenDay // newest first; not on further pages
	Days       []ClosedDay
	Older      string // cursor for ?before=; empty on the last page
	Newer      string // cursor for ?after=; empty on the first page
	Any        bool   // whether a day was ever closed
	Zone       string // whose midnight ends a day
	CanCheck   bool
	CanExport  bool
}

// OpenDay is the figures of a day that is not closed.
type OpenDay struct {
	Day  string // 2026-11-21
	Rows []CloseRow
}

// ClosedDay is the closes of one day.
type ClosedDay struct {
	Day  string // 2026-11-21
	Rows []CloseRow
}

// CloseRow is what one provider's facts in one currency came to on one day, in
// minor units. Of a day that is not closed only the first three are known.
type CloseRow struct {
	ID                        int64
	Provider                  string // label
	Currency                  money.Currency
	Taken, Refunded, Disputed int64
	Fees, Reserved, Payout    int64
	Facts                     int64
	Previous, Hash            string
}

// ClosePage is one day.
type ClosePage struct {
	Frame     Frame
	Day       string // 2026-11-21
	Tests     bool
	Demo      bool
	Zone      string
	At        When
	Closes    []CloseDetail
	Alone     bool // one close of the day, with more of its facts
	CanExport bool
}

// CloseDetail is a close with some of its facts.
type CloseDetail struct {
	CloseRow
	List  []ClosedFact
	Next  string // cursor for ?after=; empty where the list ends
	Begun bool   // the list does not begin at the first
}

// ClosedFact is one fact that a day holds, or that a statement lacks.
type ClosedFact struct {
	Order  string // number
	Kind   FactKind
	Method string // empty when the provider has one
	Amount money.Amount
	Ref    string // the provider's, of this movement; may be empty
	Day    string // that it counts to
	At     When
}

func (p ClosesPage) page() ui.Page {
	return ui.Page{Name: "admin-closes", Title: "Daily close", Quiet: true}
}

func (p ClosesPage) filtered() bool {
	return p.Provider != "" || p.Currency != "" || p.Tests != p.Demo
}

func (p ClosesPage) providerChoice() ui.Choice {
	return keeping(ui.Choice{Name: "provider", Label: "Provider", Value: p.Provider, Empty: "All", Options: p.Providers}, p.Provider)
}

func (p ClosesPage) currencyChoice() ui.Choice {
	c := ui.Choice{Name: "currency", Label: "Currency", Value: p.Currency, Empty: "All"}
	for _, one := range p.Currencies {
		c.Options = append(c.Options, ui.Option{Value: one, Label: one})
	}
	return keeping(c, p.Currency)
}

// figuresOf is which figures an address asks for.
func figuresOf(tests bool) string {
	if tests {
		return "tests"
	}
	return "real"
}

func figuresChoice(tests bool) ui.Choice {
	return ui.Choice{Name: "figures", Label: "Figures", Value: figuresOf(tests), Options: []ui.Option{{Value: "real", Label: "Real orders"}, {Value: "tests", Label: "Tests"}}}
}

// turn is the list with the same filter at another place; empty for no place.
func (p ClosesPage) turn(cursor, value string) string {
	if value == "" {
		return ""
	}
	q := url.Values{cursor: {value}, "figures": {figuresOf(p.Tests)}}
	for name, v := range map[string]string{"provider": p.Provider, "currency": p.Currency} {
		if v != "" {
			q.Set(name, v)
		}
	}
	return "/admin/closes?" + q.Encode()
}

// emptiness says why there is nothing to see: a title and a sentence.
func (p ClosesPage) emptiness() (title, text string) {
	switch {
	case !p.Any:
		return "No day is closed yet", "A day is closed shortly after its midnight in " + p.Zone + ", the first time on the night after the first payment. From then on its figures never move: what is booked later counts to a later day."
	case p.Newer != "":
		return "No more days", "There are none further this way."
	default:
		return "Nothing found", "No closed day has figures like that."
	}
}

// dayTitle is a day as people say it: "Saturday 21 November 2026".
func dayTitle(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return t.Format("Monday 2 January 2006")
}

// dayURL is the page of a closed day.
func dayURL(day string, tests bool) string {
	return "/admin/closes/" + pathEscape(day) + "?figures=" + figuresOf(tests)
}

func dayID(day string) string { return "day-" + day }

func (r CloseRow) title() string { return r.Provider + ", " + string(r.Currency) }

func (r CloseRow) amount(minor int64) string { return amountOf(r.Currency, minor) }

func (r CloseRow) id() string { return "close-" + strconv.FormatInt(r.ID, 10) }

func (r CloseRow) facts() string { return strconv.FormatInt(r.Facts, 10) }

// shortHash is enough of a hash to compare two by eye.
func shortHash(hash string) string {
	const most = 12
	if len(hash) <= most {
		return hash
	}
	return hash[:most]
}

func (p ClosePage) page() ui.Page {
	return ui.Page{Name: "admin-close", Title: dayTitle(p.Day), Quiet: true}
}

func (p ClosePage) url() string { return dayURL(p.Day, p.Tests) }

// alone is the address of a close with its facts from a place on.
func (p ClosePage) alone(d CloseDetail, after string) string {
	u := p.url() + "&close=" + strconv.FormatInt(d.ID, 10)
	if after != "" {
		u += "&after=" + url.QueryEscape(after)
	}
	return u
}

func (f ClosedFact) amount() string { return amountOf(f.Amount.Currency, f.Amount.Minor) }
