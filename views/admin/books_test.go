package admin

import (
	"strings"
	"testing"

	"github.com/a-h/templ"

	"till/money"
	"till/views/ui"
)

// What a file says is shown as text, wherever it is.
func TestBooks_HostileInput(t *testing.T) {
	fact := ClosedFact{Order: evil, Kind: FactKind(evil), Method: evil, Ref: evil, Amount: money.Amount{Currency: "NZD"}}
	line := StatementLine{Kind: LineKind(evil), Ref: evil, Day: evil, Order: evil, Amount: money.Amount{Currency: "NZD"}}
	row := StatementRow{Name: evil, Provider: evil, FirstDay: evil, LastDay: evil, Actor: evil}
	form := MappingForm{evil, evil, evil, evil, evil, evil, evil, evil, evil, evil, evil, evil, evil}
	for name, page := range map[string]templ.Component{
		"closes":     Closes(ClosesPage{Frame: hostileFrame(), Provider: evil, Currency: evil, Zone: evil, Days: []ClosedDay{{evil, []CloseRow{{Provider: evil, Currency: "NZD"}}}}}),
		"close":      CloseOf(ClosePage{Frame: hostileFrame(), Day: evil, Zone: evil, Closes: []CloseDetail{{CloseRow: CloseRow{Provider: evil, Hash: evil, Previous: evil}, List: []ClosedFact{fact}, Next: evil}}}),
		"statements": Statements(StatementsPage{Frame: hostileFrame(), Provider: evil, Problems: StatementProblems{evil, evil}, Again: &row, Statements: []StatementRow{row}, CanRead: true, Older: evil}),
		"statement":  Statement(StatementPage{Frame: hostileFrame(), Row: row, List: ListTheirs, Lines: []StatementLine{line}, Differs: []StatementLine{line}, Next: evil, NextMore: evil}),
		"ours":       Statement(StatementPage{Frame: hostileFrame(), Row: row, List: ListOurs, Ours: []ClosedFact{fact}, Next: evil}),
		"removal":    RemoveStatement(StatementRemoval{Frame: hostileFrame(), Row: row, Refused: evil}),
		"mapping": MapColumns(MappingPage{
			Frame: hostileFrame(), Digest: evil, Provider: ui.Option{Value: evil, Label: evil}, Name: evil, Head: []string{evil}, First: [][]string{{evil}},
			Words: []string{evil}, Form: form, Problems: form, Read: []StatementLine{line},
		}),
	} {
		html := render(t, page)
		if !strings.Contains(html, "&lt;script&gt;") {
			t.Errorf("%s: the test did not reach the page", name)
		}
		for _, bad := range []string{"<script>alert", "<img src=x", `" onfocus=`, "\x00"} {
			if strings.Contains(html, bad) {
				t.Errorf("%s contains %q", name, bad)
			}
		}
	}
}

// A date that was read wrong is seen before the file is read in.
func TestMapping_Days(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ first, last, want string }{
		{"", "", "All 3 lines can be read. These are the first."},
		{"2026-03-07", "2026-03-07", "All 3 lines can be read. These are the first. They are of 7 March 2026."},
		{"2026-03-01", "2026-06-09", "All 3 lines can be read. These are the first. They are of 1 March 2026 to 9 June 2026."},
		{"2001-03-01", "2026-03-31", "All 3 lines can be read. These are the first. They are of 1 March 2001 to 31 March 2026. That is a long time: look whether the dates are right."},
	} {
		if got := (MappingPage{Lines: 3, FirstDay: tt.first, LastDay: tt.last}).readable(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
