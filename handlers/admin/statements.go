package admin

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
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
	statementsURL = "/admin/statements"
	// statementsPerPage is how many files a page of the list has.
	statementsPerPage = 50
	// linesAtOnce is how many lines of a file a page has.
	linesAtOnce = 100
	// firstLines is how many lines are shown before a file is read in.
	firstLines = 5
	// sendFor is how long a file may take to come.
	sendFor = 3 * time.Minute
)

// Statements is GET /admin/statements?before=&after=: files that were read in,
// newest first, and the form for another.
func (h Pages) Statements(c *gin.Context) error {
	var p page.StatementsPage
	if typed := h.draft(c, statementsURL); typed != nil {
		p.Provider = clean(typed.Get("provider"))
		p.Problems.File = "You were signed out before the file came, and it was not kept. Choose it again."
	}
	return h.showStatements(c, http.StatusOK, p)
}

func (h Pages) showStatements(c *gin.Context, status int, p page.StatementsPage) error {
	ctx, all, k := c.Request.Context(), models.NewStatements(h.DB), h.clock()
	before, after := cursor(c.Query("before")), cursor(c.Query("after"))
	rows, more, err := all.List(ctx, before, after, statementsPerPage)
	if err == nil && after > 0 && before == 0 && !more { // the way back ends at the first page, and that is a full one
		after = 0
		rows, more, err = all.List(ctx, 0, 0, statementsPerPage)
	}
	if err != nil {
		return err
	}
	back := after > 0 && before == 0
	switch n := len(rows); {
	case n > 0:
		if before > 0 || back {
			p.Newer = strconv.FormatInt(rows[0].ID, 10)
		}
		if more || back {
			p.Older = strconv.FormatInt(rows[n-1].ID, 10)
		}
	case before > 0:
		p.Newer = strconv.FormatInt(before-1, 10)
	}
	for _, r := range rows {
		p.Statements = append(p.Statements, h.statementRow(r, k))
	}
	if p.CanRead = has(member(c), rightBooks); p.CanRead {
		if p.Providers, err = h.booked(ctx, all.Providers); err != nil {
			return err
		}
	}
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, status, page.Statements(p))
}

func (h Pages) statementRow(r models.Statement, k clock) page.StatementRow {
	return page.StatementRow{
		ID: r.ID, Name: r.Name, Provider: h.label(r.Provider), FirstDay: r.FirstDay, LastDay: r.LastDay, Lines: r.Lines, Actor: actorWord(r.Actor), At: k.at(r.CreatedAt),
	}
}

// file is what came with the form for another statement.
type file struct {
	provider, name string
	body           []byte
}

// digest is what the file is known by.
func (f file) digest() string {
	sum := sha256.Sum256(f.body)
	return hex.EncodeToString(sum[:])
}

// sent reads the form for another statement. A file that is longer than one may
// be is read one byte further, so that it can be told.
func sent(c *gin.Context) (f file, err error) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxUpload)
	r, err := c.Request.MultipartReader()
	if err != nil {
		return f, fmt.Errorf("%w: %w", web.ErrBadRequest, err)
	}
	for {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return f, nil
		}
		if err != nil {
			return f, unread(err)
		}
		switch part.FormName() {
		case "provider":
			text, err := io.ReadAll(io.LimitReader(part, maxQuery))
			if err != nil {
				return f, unread(err)
			}
			f.provider = clean(string(text))
		case "file":
			f.name = clean(filepath.Base(part.FileName()))
			if f.body, err = io.ReadAll(io.LimitReader(part, models.MaxStatement+1)); err != nil {
				return f, unread(err)
			}
		}
	}
}

// SendStatement is POST /admin/statements: takes a file. Nothing is read in
// before somebody has said which column is what.
func (h Pages) SendStatement(c *gin.Context) error {
	if err := need(c, rightBooks); err != nil {
		return err
	}
	until, wire := time.Now().Add(sendFor), http.NewResponseController(c.Writer) //nolint:forbidigo // the wire knows no other clock
	_, _ = wire.SetReadDeadline(until), wire.SetWriteDeadline(until)             // a phone may be slow; where it cannot be set, the usual time stays
	ctx, all := c.Request.Context(), models.NewStatements(h.DB)
	f, err := sent(c)
	if err != nil {
		return err
	}
	p := page.StatementsPage{Provider: f.provider}
	offered, err := h.booked(ctx, all.Providers)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(offered, func(o ui.Option) bool { return o.Value == f.provider }) {
		p.Problems.Provider = "Choose whose file it is"
	}
	if len(f.body) == 0 {
		p.Problems.File = "Choose a file that is not empty"
	} else if _, err := models.ReadTable(f.body); err != nil {
		p.Problems.File = "This file cannot be read: " + notCSV(err) + ". It was not kept."
	}
	if p.Problems != (page.StatementProblems{}) {
		if p.Problems.File == "" {
			p.Problems.File = "Choose the file again: it was not kept"
		}
		return h.showStatements(c, http.StatusUnprocessableEntity, p)
	}
	first, err := all.ByDigest(ctx, f.provider, f.digest())
	if err == nil {
		row := h.statementRow(first, h.clock())
		p.Again, p.Problems.File = &row, "This file was read in before, as "+row.Name+". It was not kept a second time."
		return h.showStatements(c, http.StatusConflict, p)
	}
	if !errors.Is(err, models.ErrNotFound) {
		return err
	}
	if f.name == "" || f.name == "." || f.name == "/" {
		f.name = "statement.csv"
	}
	id, err := all.Keep(ctx, models.Upload{StaffID: member(c).ID, Provider: f.provider, Name: f.name, Digest: f.digest(), Body: f.body})
	if err != nil {
		return err
	}
	c.Redirect(http.StatusSeeOther, uploadURL(id))
	return nil
}

func uploadURL(id int64) string { return statementsURL + "/uploads/" + strconv.FormatInt(id, 10) }

func statementURL(id int64) string { return statementsURL + "/" + strconv.FormatInt(id, 10) }

// notCSV is why a file is no table.
func notCSV(err error) string {
	return strings.TrimPrefix(err.Error(), models.ErrNotCSV.Error()+": ")
}

// waitingFile is the file that the address means, or models.ErrNotFound when it
// does not wait any more, or not for whoever asks.
func (h Pages) waitingFile(c *gin.Context) (u models.Upload, t models.Table, err error) {
	id, err := idOf(c, "upload")
	if err != nil {
		return u, t, err
	}
	if u, err = models.NewStatements(h.DB).Upload(c.Request.Context(), id, member(c).ID); err != nil {
		return u, t, err
	}
	t, err = models.ReadTable(u.Body)
	return u, t, err
}

// idOf is a number of the address, or models.ErrNotFound.
func idOf(c *gin.Context, name string) (int64, error) {
	id, err := strconv.ParseInt(c.Param(name), 10, 64)
	if err != nil || strconv.FormatInt(id, 10) != c.Param(name) {
		return 0, fmt.Errorf("%w: %s by another word than its number", models.ErrNotFound, name)
	}
	return id, nil
}

// AskMapping is GET /admin/statements/uploads/:upload: which column is what.
func (h Pages) AskMapping(c *gin.Context) error {
	if err := need(c, rightBooks); err != nil {
		return err
	}
	u, t, err := h.waitingFile(c)
	if errors.Is(err, models.ErrNotFound) {
		return h.back(c, statementsURL, fileGone)
	}
	if err != nil {
		return err
	}
	p := h.mappingPage(u, t)
	if typed := h.draft(c, uploadURL(u.ID)); typed != nil {
		p.Form = typedMapping(typed)
	} else if p.Form, p.Known, err = h.prefilled(c.Request.Context(), u.Provider, t); err != nil {
		return err
	}
	m, problems := mappingOf(p.Form, t)
	if problems == (page.MappingForm{}) {
		preview(&p, m, t)
	}
	return h.showMapping(c, http.StatusOK, p, t)
}

// fileGone is said when a file does not wait any more.
var fileGone = answer{text: "That file is not kept here any more: it was read in, thrown away, or an hour is over. Send it again if you need it.", alarm: true}

func (h Pages) mappingPage(u models.Upload, t models.Table) page.MappingPage {
	p := page.MappingPage{
		Upload: u.ID, Digest: u.Digest, Provider: ui.Option{Value: u.Provider, Label: h.label(u.Provider)}, Name: u.Name, Lines: len(t.Lines), Head: t.Head,
		First: t.Lines[:min(len(t.Lines), firstLines)],
	}
	for _, layout := range models.DateLayouts() {
		p.Layouts = append(p.Layouts, ui.Option{Value: layout, Label: models.DateExample(layout)})
	}
	return p
}

func (h Pages) showMapping(c *gin.Context, status int, p page.MappingPage, t models.Table) error {
	p.Words = t.Words(p.Form.Kind)
	var err error
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, status, page.MapColumns(p))
}

// prefilled is how the provider's last file was read, where this one has the same
// columns, and else a guess.
func (h Pages) prefilled(ctx context.Context, provider string, t models.Table) (f page.MappingForm, known bool, err error) {
	m, err := models.NewStatements(h.DB).MappingFor(ctx, provider)
	if err != nil && !errors.Is(err, models.ErrNotFound) {
		return f, false, err
	}
	known = err == nil
	for _, name := range []string{m.Ref, m.Amount, m.Fee, m.Net, m.Currency, m.Date, m.Kind} {
		known = known && (name == "" || slices.Contains(t.Head, name))
	}
	if !known {
		if m = t.Guess(); m.Currency == "" && len(h.Shop.Currencies) > 0 {
			m.In = h.Shop.Currencies[0]
		}
	}
	f = page.MappingForm{
		Ref: m.Ref, Amount: m.Amount, Fee: m.Fee, Net: m.Net, Currency: m.Currency, In: string(m.In), Date: m.Date, Layout: m.Layout, Kind: m.Kind,
		Refunds: strings.Join(m.Refunds, ", "), Fees: strings.Join(m.Fees, ", "), Others: strings.Join(m.Others, ", "), Decimal: page.DecimalPoint,
	}
	if m.Comma {
		f.Decimal = page.DecimalComma
	}
	return f, known, nil
}

// typedMapping is the form as it was typed.
func typedMapping(form url.Values) page.MappingForm {
	text := func(name string) string {
		const most = 1000
		v := []rune(strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(form.Get(name), ""), "\x00", "")))
		return string(v[:min(len(v), most)])
	}
	return page.MappingForm{
		Ref: text("ref"), Amount: text("amount"), Fee: text("fee"), Net: text("net"), Currency: text("currency"), In: strings.ToUpper(text("in")), Date: text("date"),
		Layout: text("layout"), Kind: text("kind"), Refunds: text("refunds"), Fees: text("fees"), Others: text("others"), Decimal: text("decimal"),
	}
}

// mappingOf is what a form says about a table, and what is wrong with it.
func mappingOf(f page.MappingForm, t models.Table) (m models.Mapping, wrong page.MappingForm) {
	taken := map[string]bool{}
	column := func(name string, needed bool, problem *string) string {
		switch {
		case name == "" && needed:
			*problem = "Choose a column"
		case name == "":
		case !slices.Contains(t.Head, name):
			*problem = "The file has no column of this name"
		case taken[name]:
			*problem = "This column is chosen twice"
		}
		taken[name] = true
		return name
	}
	m = models.Mapping{
		Ref: column(f.Ref, true, &wrong.Ref), Amount: column(f.Amount, true, &wrong.Amount), Fee: column(f.Fee, false, &wrong.Fee), Net: column(f.Net, false, &wrong.Net),
		Currency: column(f.Currency, false, &wrong.Currency), Date: column(f.Date, false, &wrong.Date), Kind: column(f.Kind, false, &wrong.Kind),
	}
	if m.Currency == "" {
		var err error
		if m.In, err = money.ParseCurrency(f.In); err != nil {
			wrong.In = "Type the three letters of a currency, such as NZD"
		}
	}
	if m.Date != "" {
		if m.Layout = f.Layout; !slices.Contains(models.DateLayouts(), m.Layout) {
			wrong.Layout = "Choose how days are written"
		}
	}
	if m.Kind != "" {
		m.Refunds, m.Fees, m.Others = words(f.Refunds), words(f.Fees), words(f.Others)
		doubled := func(some []string, others ...[]string) string {
			for _, w := range some {
				if slices.ContainsFunc(slices.Concat(others...), func(o string) bool { return strings.EqualFold(o, w) }) {
					return "“" + w + "” stands in two of these"
				}
			}
			return ""
		}
		wrong.Fees = doubled(m.Fees, m.Refunds)
		wrong.Others = doubled(m.Others, m.Refunds, m.Fees)
	}
	switch f.Decimal {
	case page.DecimalPoint:
	case page.DecimalComma:
		m.Comma = true
	default:
		wrong.Decimal = "Choose how amounts are written"
	}
	return m, wrong
}

// words is what somebody typed with commas between.
func words(typed string) []string {
	var all []string
	for _, w := range strings.Split(typed, ",") {
		if w = strings.TrimSpace(w); w != "" && !slices.Contains(all, w) {
			all = append(all, w)
		}
	}
	return all
}

// preview shows the first lines as they would be read, up to the first that
// cannot be, and what the whole table is, when all of it can.
func preview(p *page.MappingPage, m models.Mapping, t models.Table) {
	lines, err := m.Read(t)
	p.Readable = err == nil
	if err != nil {
		lines = nil
		for n := 1; n <= min(firstLines, len(t.Lines)); n++ {
			some, err := m.Read(models.Table{Head: t.Head, Lines: t.Lines[:n]})
			if err != nil {
				break
			}
			lines = some
		}
	}
	for i, l := range lines {
		if i < firstLines {
			p.Read = append(p.Read, statementLine(l))
		}
		if p.Readable && l.Day != "" {
			p.LastDay = max(p.LastDay, l.Day)
			p.FirstDay = min(cmp.Or(p.FirstDay, l.Day), l.Day)
		}
	}
}

func statementLine(l models.StatementLine) page.StatementLine {
	one := page.StatementLine{
		Line: l.Position + 1, Kind: page.LineKind(l.Kind), Ref: l.Ref, Day: l.Day, Amount: money.Amount{Minor: l.Minor, Currency: l.Currency}, Fee: l.FeeMinor, Net: l.NetMinor,
	}
	if l.OrderID > 0 {
		one.Order = strconv.FormatInt(l.OrderID, 10)
	}
	return one
}

// unreadable says which line cannot be read, beside the column that it is about.
func unreadable(err error, m models.Mapping) (wrong page.MappingForm) {
	var line *models.LineError
	if !errors.As(err, &line) {
		wrong.Ref = "The file cannot be read like this"
		return wrong
	}
	says := fmt.Sprintf("Line %d, column “%s”: “%s” %s", line.Line, line.Column, line.Value, line.Why)
	switch line.Column {
	case m.Amount:
		wrong.Amount = says
	case m.Fee:
		wrong.Fee = says
	case m.Net:
		wrong.Net = says
	case m.Currency:
		wrong.Currency = says
	case m.Date:
		wrong.Date = says
	default:
		wrong.Ref = says
	}
	return wrong
}

// ReadStatement is POST /admin/statements/uploads/:upload: shows how the file
// would be read, or reads it in. Done twice is done once: the second time leads
// to what the first has read.
func (h Pages) ReadStatement(c *gin.Context) error {
	if err := need(c, rightBooks); err != nil {
		return err
	}
	form, err := readForm(c)
	if err != nil {
		return err
	}
	ctx, all := c.Request.Context(), models.NewStatements(h.DB)
	u, t, err := h.waitingFile(c)
	if errors.Is(err, models.ErrNotFound) {
		return h.readBefore(c, form.Get("provider"), form.Get("digest"))
	}
	if err != nil {
		return err
	}
	p := h.mappingPage(u, t)
	p.Form = typedMapping(form)
	m, wrong := mappingOf(p.Form, t)
	if p.Problems = wrong; wrong != (page.MappingForm{}) {
		return h.showMapping(c, http.StatusUnprocessableEntity, p, t)
	}
	lines, err := m.Read(t)
	if err != nil {
		p.Problems = unreadable(err, m)
		preview(&p, m, t)
		return h.showMapping(c, http.StatusUnprocessableEntity, p, t)
	}
	if form.Get("do") != "read" {
		preview(&p, m, t)
		return h.showMapping(c, http.StatusOK, p, t)
	}
	one, err := all.Add(ctx, models.NewStatement{
		Provider: u.Provider, Name: u.Name, Digest: u.Digest, Mapping: m, Lines: lines, Test: h.Shop.Demo, Actor: by(c).Actor, Upload: u.ID,
	})
	if errors.Is(err, models.ErrDuplicate) {
		return h.readBefore(c, u.Provider, u.Digest)
	}
	if err != nil {
		return err
	}
	return h.back(c, statementURL(one.ID), answer{text: "Read in: " + many(len(lines), "line", "lines") + " of " + one.Name + "."})
}

// readBefore leads to what a file was read in as before, or says that it is gone.
func (h Pages) readBefore(c *gin.Context, provider, digest string) error {
	one, err := models.NewStatements(h.DB).ByDigest(c.Request.Context(), clean(provider), clean(digest))
	if errors.Is(err, models.ErrNotFound) {
		return h.back(c, statementsURL, fileGone)
	}
	if err != nil {
		return err
	}
	return h.back(c, statementURL(one.ID), answer{text: "This file was read in before, by " + actorWord(one.Actor) + ". Nothing was read in a second time."})
}

// ForgetUpload is POST /admin/statements/uploads/:upload/forget.
func (h Pages) ForgetUpload(c *gin.Context) error {
	if err := need(c, rightBooks); err != nil {
		return err
	}
	id, err := idOf(c, "upload")
	if err != nil {
		return err
	}
	if err := models.NewStatements(h.DB).Forget(c.Request.Context(), id, member(c).ID); err != nil {
		return err
	}
	return h.back(c, statementsURL, answer{text: "The file was thrown away. Nothing of it was read in."})
}

// statement is the one that the address means, or models.ErrNotFound.
func (h Pages) statement(c *gin.Context) (models.Statement, error) {
	id, err := idOf(c, "id")
	if err != nil {
		return models.Statement{}, err
	}
	return models.NewStatements(h.DB).ByID(c.Request.Context(), id)
}

// Statement is GET /admin/statements/:id?list=&figures=&after=&differs=: one
// file, compared with what we have.
func (h Pages) Statement(c *gin.Context) error {
	one, err := h.statement(c)
	if err != nil {
		return err
	}
	ctx, k, all := c.Request.Context(), h.clock(), models.NewStatements(h.DB)
	p := page.StatementPage{
		Row: h.statementRow(one, k), Tests: h.tests(c.Query("figures")), Demo: h.Shop.Demo, List: page.StatementList(c.Query("list")),
		CanRemove: has(member(c), rightBooks), CanExport: has(member(c), rightExport),
	}
	if p.Totals, err = h.statementTotals(ctx, one, p.Tests); err != nil {
		return err
	}
	if !slices.Contains([]page.StatementList{page.ListAgreed, page.ListOurs, page.ListTheirs}, p.List) {
		p.List = firstList(p.Totals)
	}
	after := clean(c.Query("after"))
	p.Begun = after != "" || c.Query("differs") != ""
	var more bool
	switch p.List {
	case page.ListOurs:
		var facts []models.ClosedFact
		if facts, more, err = all.OursOnly(ctx, one, p.Tests, factPlace(after), linesAtOnce); more {
			last := facts[len(facts)-1]
			p.Next = last.Day + "." + strconv.FormatInt(last.ID, 10)
		}
		p.Ours = h.closedFacts(one.Provider, facts, k)
	case page.ListTheirs:
		if p.Differs, p.NextMore, err = h.linesOf(ctx, one.ID, models.LineDiffers, c.Query("differs")); err == nil {
			p.Lines, p.Next, err = h.linesOf(ctx, one.ID, models.LineTheirsOnly, after)
		}
	case page.ListAgreed:
		p.Lines, p.Next, err = h.linesOf(ctx, one.ID, models.LineAgreed, after)
	}
	if err != nil {
		return err
	}
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, http.StatusOK, page.Statement(p))
}

// firstList is the list that wants a person: what only one of us has.
func firstList(totals []page.StatementTotal) page.StatementList {
	list := page.ListAgreed
	for _, t := range totals {
		switch t.Verdict {
		case page.LineDiffers, page.LineTheirsOnly:
			return page.ListTheirs
		case page.LineOursOnly:
			list = page.ListOurs
		case page.LineAgreed:
		}
	}
	return list
}

// linesOf is one page of lines with a verdict, and the cursor of the next.
func (h Pages) linesOf(ctx context.Context, id int64, verdict models.LineVerdict, after string) (lines []page.StatementLine, next string, err error) {
	rows, more, err := models.NewStatements(h.DB).LinesOf(ctx, id, verdict, cursor(after), linesAtOnce)
	for _, r := range rows {
		lines = append(lines, statementLine(r))
	}
	if more {
		next = strconv.FormatInt(rows[len(rows)-1].Position, 10)
	}
	return lines, next, err
}

// factPlace is a place out of an address: a day, a point, and a fact's id. It is
// the zero place when it is none.
func factPlace(s string) models.FactPlace {
	day, id, ok := strings.Cut(s, ".")
	if _, err := time.Parse(time.DateOnly, day); err != nil || !ok || cursor(id) == 0 {
		return models.FactPlace{}
	}
	return models.FactPlace{Day: day, FactID: cursor(id)}
}

// statementTotals is what a file comes to, by currency, and beside it what only
// we have.
func (h Pages) statementTotals(ctx context.Context, one models.Statement, tests bool) ([]page.StatementTotal, error) {
	theirs, err := models.NewStatements(h.DB).Totals(ctx, one.ID)
	if err != nil {
		return nil, err
	}
	ours, err := models.NewStatements(h.DB).OursOnlyTotals(ctx, one, tests)
	if err != nil {
		return nil, err
	}
	var all []page.StatementTotal
	for _, t := range theirs {
		all = append(all, page.StatementTotal{Verdict: page.LineVerdict(t.Verdict), Currency: t.Currency, Lines: t.Lines, Minor: t.Minor, Fee: t.FeeMinor, Net: t.NetMinor})
	}
	for _, t := range ours {
		all = append(all, page.StatementTotal{Verdict: page.LineOursOnly, Currency: t.Currency, Lines: t.Lines, Minor: t.Minor})
	}
	turn := []page.LineVerdict{page.LineAgreed, page.LineDiffers, page.LineTheirsOnly, page.LineOursOnly}
	slices.SortStableFunc(all, func(a, b page.StatementTotal) int {
		if by := strings.Compare(string(a.Currency), string(b.Currency)); by != 0 {
			return by
		}
		return slices.Index(turn, a.Verdict) - slices.Index(turn, b.Verdict)
	})
	return all, nil
}

// AskRemoveStatement is GET /admin/statements/:id/remove.
func (h Pages) AskRemoveStatement(c *gin.Context) error {
	if err := need(c, rightBooks); err != nil {
		return err
	}
	one, err := h.statement(c)
	if err != nil {
		return err
	}
	return h.showRemoval(c, http.StatusOK, one, "")
}

func (h Pages) showRemoval(c *gin.Context, status int, one models.Statement, refused string) error {
	f, err := h.frame(c)
	if err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, status, page.RemoveStatement(page.StatementRemoval{Frame: f, Row: h.statementRow(one, h.clock()), Refused: refused}))
}

// RemoveStatement is POST /admin/statements/:id/remove: forgets a file. Done
// twice is done once.
func (h Pages) RemoveStatement(c *gin.Context) error {
	if err := need(c, rightBooks); err != nil {
		return err
	}
	one, err := h.statement(c)
	if err == nil {
		err = models.NewStatements(h.DB).Remove(c.Request.Context(), one.ID, by(c).Actor)
	}
	switch {
	case errors.Is(err, models.ErrNotFound):
		return h.back(c, statementsURL, answer{text: "There is no such file any more. Nothing was changed now."})
	case err != nil:
		return err
	}
	return h.back(c, statementsURL, answer{text: "Removed: " + one.Name + " of " + h.label(one.Provider) + ". It can be read in again."})
}

// ExportStatement is POST /admin/statements/:id/export: one of the lists as a
// file.
func (h Pages) ExportStatement(c *gin.Context) error {
	if err := need(c, rightExport); err != nil {
		return err
	}
	form, err := readForm(c)
	if err != nil {
		return err
	}
	one, err := h.statement(c)
	if err != nil {
		return err
	}
	out := booksFile{
		name: fmt.Sprintf("statement-%d-%s.csv", one.ID, page.ListTheirs), action: models.AuditStatementExported, subject: fmt.Sprintf("statement %d", one.ID),
		head: []string{"compared", "line", "kind", "reference", "day", "currency", "amount", "fee", "net", "order"},
	}
	verdicts := []models.LineVerdict{models.LineDiffers, models.LineTheirsOnly}
	switch list := page.StatementList(form.Get("list")); list {
	case page.ListOurs:
		tests := h.tests(form.Get("figures"))
		out.name, out.detail = fmt.Sprintf("statement-%d-%s.csv", one.ID, list), "ours only, "+figures(tests)
		return h.download(c, out, h.eachOurs(one, tests))
	case page.ListAgreed:
		verdicts = []models.LineVerdict{models.LineAgreed}
		out.name, out.detail = fmt.Sprintf("statement-%d-%s.csv", one.ID, list), "agreed"
	case page.ListTheirs:
		out.detail = "theirs only"
	default:
		return fmt.Errorf("%w: no list %q", web.ErrBadRequest, clean(string(list)))
	}
	return h.download(c, out, h.eachLine(one, verdicts))
}

// eachLine writes the lines of a file that have one of some verdicts.
func (h Pages) eachLine(one models.Statement, verdicts []models.LineVerdict) func(context.Context, func(...cell) error) error {
	return func(ctx context.Context, write func(...cell) error) error {
		for _, verdict := range verdicts {
			for after, more := int64(0), true; more; {
				var lines []models.StatementLine
				var err error
				if lines, more, err = models.NewStatements(h.DB).LinesOf(ctx, one.ID, verdict, after, factsPerRead); err != nil {
					return err
				}
				for _, l := range lines {
					after = l.Position
					minor := func(n int64) cell { return amountCell(money.Amount{Minor: n, Currency: l.Currency}) }
					row := statementLine(l)
					err := write(
						textCell(string(verdict)), textCell(strconv.FormatInt(row.Line, 10)), textCell(string(l.Kind)), textCell(l.Ref), textCell(l.Day), textCell(string(l.Currency)),
						minor(l.Minor), minor(l.FeeMinor), minor(l.NetMinor), textCell(row.Order),
					)
					if err != nil {
						return err
					}
				}
			}
		}
		return nil
	}
}

// eachOurs writes what only we have.
func (h Pages) eachOurs(one models.Statement, tests bool) func(context.Context, func(...cell) error) error {
	return func(ctx context.Context, write func(...cell) error) error {
		var after models.FactPlace
		for more := true; more; {
			var facts []models.ClosedFact
			var err error
			if facts, more, err = models.NewStatements(h.DB).OursOnly(ctx, one, tests, after, factsPerRead); err != nil {
				return err
			}
			for _, f := range facts {
				after = models.FactPlace{Day: f.Day, FactID: f.ID}
				moved := f.Amount
				if f.Kind == models.FactRefunded {
					moved.Minor = -moved.Minor
				}
				err := write(
					"ours_only", "", textCell(string(f.Kind)), textCell(f.Ref), textCell(f.Day), textCell(string(f.Amount.Currency)), amountCell(moved), "", "",
					textCell(strconv.FormatInt(f.OrderID, 10)),
				)
				if err != nil {
					return err
				}
			}
		}
		return nil
	}
}
