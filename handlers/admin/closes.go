package admin

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/handlers/web"
	"till/models"
	"till/money"
	"till/views/ui"

	"github.com/gin-gonic/gin"

	page "till/views/admin"
)

const (
	closesURL = "/admin/closes"
	// closesPerPage is how many closes a page has. A day is shown whole, unless it
	// has more than that.
	closesPerPage = 60
	// factsAtOnce is how many facts of each close a day shows, and factsPerPage of
	// one alone.
	factsAtOnce, factsPerPage = 5, 100
	// factsPerRead is how many facts a file is written from at a time.
	factsPerRead = 500
	// checkFor is how long the chain is checked while somebody waits. The answer
	// must leave within a minute.
	checkFor = 45 * time.Second
	// findingsSaid is how many findings are said in full.
	findingsSaid = 3
)

// bookClock is clock in the zone that days are cut in.
func (h Pages) bookClock(ctx context.Context) (clock, error) {
	k := h.clock()
	set, err := h.DB.Current(ctx)
	if err != nil {
		return k, err
	}
	if zone, err := models.Zone(set.TimeZone); err == nil && set.TimeZone != "" {
		k.zone = zone
	}
	return k, nil
}

// tests reports whether figures of tests are asked for: those are meant where
// there is nothing else.
func (h Pages) tests(asked string) bool {
	switch asked {
	case "tests":
		return true
	case "real":
		return false
	default:
		return h.Shop.Demo
	}
}

// Closes is GET /admin/closes?provider=&currency=&figures=&before=&after=:
// closed days, newest first, and those that are still open. What the address
// says and we cannot read is left out.
func (h Pages) Closes(c *gin.Context) error {
	ctx, closes := c.Request.Context(), models.NewCloses(h.DB)
	k, err := h.bookClock(ctx)
	if err != nil {
		return err
	}
	f := h.closeFilter(c.Request.URL.Query())
	p := page.ClosesPage{
		Provider: f.Provider, Currency: string(f.Currency), Tests: f.Test, Demo: h.Shop.Demo, Zone: k.zone.String(),
		CanCheck: has(member(c), rightBooks), CanExport: has(member(c), rightExport),
	}
	if p.Any, err = closes.Any(ctx); err != nil {
		return err
	}
	if p.Providers, err = h.booked(ctx, closes.Providers); err != nil {
		return err
	}
	if p.Currencies, err = closes.Currencies(ctx); err != nil {
		return err
	}
	for _, one := range h.Shop.Currencies {
		if !slices.Contains(p.Currencies, string(one)) {
			p.Currencies = append(p.Currencies, string(one))
		}
	}
	f.Before, f.After, f.Limit = cursor(c.Query("before")), cursor(c.Query("after")), closesPerPage
	rows, more, err := closes.List(ctx, f)
	if err == nil && f.After > 0 && f.Before == 0 && !more { // the way back ends at the first page, and that is a full one
		f.After = 0
		rows, more, err = closes.List(ctx, f)
	}
	if err != nil {
		return err
	}
	back := f.After > 0 && f.Before == 0
	if more {
		rows = wholeDays(rows, back)
	}
	switch n := len(rows); {
	case n > 0:
		if f.Before > 0 || back {
			p.Newer = strconv.FormatInt(rows[0].ID, 10)
		}
		if more || back {
			p.Older = strconv.FormatInt(rows[n-1].ID, 10)
		}
	case f.Before > 0:
		p.Newer = strconv.FormatInt(f.Before-1, 10)
	}
	p.Days = h.closedDays(rows)
	if f.Before == 0 && f.After == 0 {
		if p.Open, err = h.openDays(ctx, f); err != nil {
			return err
		}
	}
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, http.StatusOK, page.Closes(p))
}

// figures is tests for the audit.
func figures(tests bool) string {
	if tests {
		return "figures tests"
	}
	return "figures real"
}

// closeFilter is what an address or a form asks for.
func (h Pages) closeFilter(q url.Values) models.CloseFilter {
	f := models.CloseFilter{Provider: clean(q.Get("provider")), Test: h.tests(q.Get("figures"))}
	if one, err := money.ParseCurrency(q.Get("currency")); err == nil {
		f.Currency = one
	}
	return f
}

// booked is the providers that can be chosen: those that are set up, and those
// that used says.
func (h Pages) booked(ctx context.Context, used func(context.Context) ([]string, error)) ([]ui.Option, error) {
	names, err := used(ctx)
	if err != nil {
		return nil, err
	}
	var all []ui.Option
	for _, one := range h.Cashier.Providers() {
		all = append(all, ui.Option{Value: one.Name(), Label: one.Label()})
	}
	for _, name := range names {
		if !slices.ContainsFunc(all, func(o ui.Option) bool { return o.Value == name }) {
			all = append(all, ui.Option{Value: name, Label: h.label(name)})
		}
	}
	return all, nil
}

// wholeDays leaves the day out that goes on beyond the page, so that it is shown
// whole on the next, unless there is no other.
func wholeDays(rows []models.Close, newerFollow bool) []models.Close {
	cut := rows[len(rows)-1].Day
	if newerFollow {
		cut = rows[0].Day
	}
	some := slices.DeleteFunc(slices.Clone(rows), func(r models.Close) bool { return r.Day == cut })
	if len(some) == 0 {
		return rows
	}
	return some
}

// closedDays is closes by day. Those of a day are in the order in which they
// were written.
func (h Pages) closedDays(rows []models.Close) []page.ClosedDay {
	var days []page.ClosedDay
	for _, r := range rows {
		if n := len(days); n == 0 || days[n-1].Day != r.Day {
			days = append(days, page.ClosedDay{Day: r.Day})
		}
		day := &days[len(days)-1]
		day.Rows = slices.Insert(day.Rows, 0, h.closeRow(r))
	}
	return days
}

func (h Pages) closeRow(r models.Close) page.CloseRow {
	return page.CloseRow{
		ID: r.ID, Provider: h.label(r.Provider), Currency: r.Currency, Taken: r.TakenMinor, Refunded: r.RefundedMinor, Disputed: r.DisputedMinor,
		Fees: r.FeesMinor, Reserved: r.ReservedMinor, Payout: r.PayoutMinor, Facts: r.Facts, Previous: r.Previous, Hash: r.Hash,
	}
}

// openDays is the figures of days that are not closed yet.
func (h Pages) openDays(ctx context.Context, f models.CloseFilter) ([]page.OpenDay, error) {
	figures, err := models.NewCloses(h.DB).Open(ctx, f.Test)
	if err != nil {
		return nil, err
	}
	var days []page.OpenDay
	for _, one := range figures {
		if f.Provider != "" && f.Provider != one.Provider || f.Currency != "" && f.Currency != one.Currency {
			continue
		}
		if n := len(days); n == 0 || days[n-1].Day != one.Day {
			days = append(days, page.OpenDay{Day: one.Day})
		}
		day := &days[len(days)-1]
		day.Rows = append(day.Rows, page.CloseRow{
			Provider: h.label(one.Provider), Currency: one.Currency, Taken: one.TakenMinor, Refunded: one.RefundedMinor, Disputed: one.DisputedMinor,
		})
	}
	return days, nil
}

// ofDay is the closes of the day that the address names, or models.ErrNotFound.
func (h Pages) ofDay(c *gin.Context) (day string, all []models.Close, err error) {
	day = c.Param("day")
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		return "", nil, fmt.Errorf("%w: a day by another word than its date", models.ErrNotFound)
	}
	all, err = models.NewCloses(h.DB).OfDay(c.Request.Context(), day)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%w: close of %s", models.ErrNotFound, day)
	}
	return day, all, err
}

// CloseOf is GET /admin/closes/:day?figures=&close=&after=: one closed day, or
// one of its closes with all of its facts.
func (h Pages) CloseOf(c *gin.Context) error {
	ctx, closes := c.Request.Context(), models.NewCloses(h.DB)
	day, all, err := h.ofDay(c)
	if err != nil {
		return err
	}
	k := h.clock()
	p := page.ClosePage{
		Day: day, Tests: h.tests(c.Query("figures")), Demo: h.Shop.Demo, Zone: all[0].TimeZone, At: k.at(all[0].At), CanExport: has(member(c), rightExport),
	}
	one, after := cursor(c.Query("close")), int64(0)
	p.Alone = slices.ContainsFunc(all, func(r models.Close) bool { return r.ID == one && r.Test == p.Tests })
	limit := factsAtOnce
	if p.Alone {
		limit, after = factsPerPage, cursor(c.Query("after"))
	}
	for _, r := range all {
		if r.Test != p.Tests || p.Alone && r.ID != one {
			continue
		}
		facts, more, err := closes.Facts(ctx, r.ID, after, limit)
		if err != nil {
			return err
		}
		d := page.CloseDetail{CloseRow: h.closeRow(r), List: h.closedFacts(r.Provider, facts, k), Begun: after > 0}
		if more {
			d.Next = strconv.FormatInt(facts[len(facts)-1].ID, 10)
		}
		p.Closes = append(p.Closes, d)
	}
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, http.StatusOK, page.CloseOf(p))
}

func (h Pages) closedFacts(provider string, facts []models.ClosedFact, k clock) []page.ClosedFact {
	all := make([]page.ClosedFact, 0, len(facts))
	for _, f := range facts {
		all = append(all, page.ClosedFact{
			Order: strconv.FormatInt(f.OrderID, 10), Kind: page.FactKind(f.Kind), Method: h.methodLabel(provider, f.Method), Amount: f.Amount, Ref: f.Ref, Day: f.Day, At: k.at(f.At),
		})
	}
	return all
}

// CheckCloses is POST /admin/closes/check: proves that every close follows from
// its facts and from the one before. It only reads.
func (h Pages) CheckCloses(c *gin.Context) error {
	if err := need(c, rightBooks); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), checkFor)
	defer cancel()
	said, err := h.check(ctx)
	if err != nil {
		return err
	}
	return h.back(c, closesURL, said)
}

// check checks the chain for as long as ctx lives, and says what came of it.
func (h Pages) check(ctx context.Context) (answer, error) {
	var texts []string
	found := 0
	n, err := models.NewCloses(h.DB).Check(ctx, func(f models.Finding) error {
		if found++; found <= findingsSaid {
			texts = append(texts, f.Text())
		}
		return nil
	})
	late := errors.Is(ctx.Err(), context.DeadlineExceeded)
	if err != nil && !late {
		return answer{}, err
	}
	looked := many(int(n), "close", "closes")
	if found > 0 {
		h.Log.ErrorContext(ctx, "closes do not follow", "closes", n, "found", found)
		text := "The chain does not hold. " + many(found, "thing does", "things do") + " not follow: " + strings.Join(texts, "; ")
		if found > findingsSaid {
			text += "; and more"
		}
		return answer{text: text + ". Whoever runs the shop can list them all with “till verify”.", alarm: true}, nil
	}
	switch {
	case late:
		return answer{text: "Not finished: " + looked + " were looked at in the time there was, and follow from their facts and from each other. Whoever runs the shop can check all of them with “till verify”.", alarm: true}, nil
	case n == 0:
		return answer{text: "No day is closed yet, so there is nothing to check."}, nil
	case n == 1:
		return answer{text: "The chain holds: the only close there is follows from its facts."}, nil
	default:
		return answer{text: "The chain holds: all " + looked + " follow from their facts and from each other."}, nil
	}
}

// ExportCloses is POST /admin/closes/export: the closed days of a filter as a
// file.
func (h Pages) ExportCloses(c *gin.Context) error {
	if err := need(c, rightExport); err != nil {
		return err
	}
	form, err := readForm(c)
	if err != nil {
		return err
	}
	f := h.closeFilter(form)
	detail := []string{figures(f.Test)}
	if f.Provider != "" {
		detail = append(detail, "provider "+f.Provider)
	}
	if f.Currency != "" {
		detail = append(detail, "currency "+string(f.Currency))
	}
	out := booksFile{
		name: "closes.csv", action: models.AuditClosesExported, subject: "closes", detail: strings.Join(detail, ", "),
		head: []string{"day", "time zone", "provider", "currency", "test", "facts", "taken", "refunded", "disputed", "fees", "reserved", "expected payout", "hash", "hash before"},
	}
	return h.download(c, out, func(ctx context.Context, write func(...cell) error) error {
		f := f
		f.Limit = factsPerRead
		for more := true; more; {
			var rows []models.Close
			var err error
			if rows, more, err = models.NewCloses(h.DB).List(ctx, f); err != nil {
				return err
			}
			for _, r := range rows {
				f.Before = r.ID
				minor := func(n int64) cell { return amountCell(money.Amount{Minor: n, Currency: r.Currency}) }
				err := write(
					textCell(r.Day), textCell(r.TimeZone), textCell(r.Provider), textCell(string(r.Currency)), textCell(strconv.FormatBool(r.Test)), textCell(strconv.FormatInt(r.Facts, 10)),
					minor(r.TakenMinor), minor(r.RefundedMinor), minor(r.DisputedMinor), minor(r.FeesMinor), minor(r.ReservedMinor), minor(r.PayoutMinor),
					textCell(r.Hash), textCell(r.Previous),
				)
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// ExportDay is POST /admin/closes/:day/export: every fact of a closed day as a
// file.
func (h Pages) ExportDay(c *gin.Context) error {
	if err := need(c, rightExport); err != nil {
		return err
	}
	form, err := readForm(c)
	if err != nil {
		return err
	}
	day, all, err := h.ofDay(c)
	if err != nil {
		return err
	}
	tests := h.tests(form.Get("figures"))
	out := booksFile{
		name: "close-" + day + ".csv", action: models.AuditClosesExported, subject: "close of " + day, detail: figures(tests),
		head: []string{"closed day", "provider", "currency", "test", "time", "order", "kind", "method", "reference", "amount"},
	}
	k := h.clock()
	return h.download(c, out, func(ctx context.Context, write func(...cell) error) error {
		for _, r := range all {
			if r.Test != tests {
				continue
			}
			for after, more := int64(0), true; more; {
				var facts []models.ClosedFact
				var err error
				if facts, more, err = models.NewCloses(h.DB).Facts(ctx, r.ID, after, factsPerRead); err != nil {
					return err
				}
				for _, f := range facts {
					after = f.ID
					err := write(
						textCell(r.Day), textCell(r.Provider), textCell(string(f.Amount.Currency)), textCell(strconv.FormatBool(r.Test)), textCell(f.At.In(k.zone).Format(time.RFC3339)),
						textCell(strconv.FormatInt(f.OrderID, 10)), textCell(string(f.Kind)), textCell(f.Method), textCell(f.Ref), amountCell(f.Amount),
					)
					if err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}

// cell is one cell of a file.
type cell string

// textCell is a cell that somebody else may have written.
func textCell(s string) cell { return cell(harmless(s)) }

// amountCell is an amount: a minus in front of it makes no formula.
func amountCell(a money.Amount) cell { return cell(a.Decimal()) }

// booksFile is a list that leaves the house as a file.
type booksFile struct {
	name                    string
	action, subject, detail string // of the audit
	head                    []string
}

// download writes a file as it is read, and cuts it off where it breaks. That it
// was taken is a line of the audit, from before the first byte.
func (h Pages) download(c *gin.Context, f booksFile, each func(ctx context.Context, write func(...cell) error) error) error {
	ctx := c.Request.Context()
	line := models.Audit{Actor: models.StaffActor(member(c).Email), Action: f.action, Subject: f.subject, Detail: f.detail}
	if err := models.NewAudits(h.DB).Add(ctx, line); err != nil {
		return err
	}
	c.Header("Content-Type", "text/csv; charset=utf-8")
	c.Header("Content-Disposition", `attachment; filename="`+f.name+`"`)
	c.Status(http.StatusOK)
	out := csv.NewWriter(c.Writer)
	err := out.Write(f.head)
	if err == nil {
		err = each(ctx, func(cells ...cell) error {
			texts := make([]string, len(cells))
			for i, one := range cells {
				texts[i] = string(one)
			}
			return out.Write(texts)
		})
	}
	if out.Flush(); err == nil {
		err = out.Error()
	}
	if err != nil {
		return h.cutOff(c, err)
	}
	return nil
}
