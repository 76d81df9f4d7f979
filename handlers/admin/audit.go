package admin

import (
	"encoding/csv"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"till/handlers/web"
	"till/models"

	"github.com/gin-gonic/gin"

	page "till/views/admin"
)

// linesPerPage is how many lines a page of the audit has.
const linesPerPage = 50

// Audit is GET /admin/audit?actor=&action=&subject=&from=&to=&before=&after=:
// what staff did, newest first.
func (h Pages) Audit(c *gin.Context) error {
	if err := need(c, rightAudit); err != nil {
		return err
	}
	p, f := h.auditFilter(c.Request.URL.Query())
	return h.showAudit(c, http.StatusOK, p, f)
}

func (h Pages) showAudit(c *gin.Context, status int, p page.AuditPage, f models.AuditFilter) error {
	ctx, k := c.Request.Context(), h.clock()
	at := models.AuditCursor{Before: cursor(c.Query("before")), After: cursor(c.Query("after"))}
	all, err := models.NewAudits(h.DB).List(ctx, f, at, linesPerPage+1)
	if errors.Is(err, models.ErrNotFound) { // a cursor that nobody here wrote
		at = models.AuditCursor{}
		all, err = models.NewAudits(h.DB).List(ctx, f, at, linesPerPage+1)
	}
	if err != nil {
		return err
	}
	more := len(all) > linesPerPage
	switch {
	case more && at.After > 0:
		all = all[1:]
	case more:
		all = all[:linesPerPage]
	}
	for _, a := range all {
		p.Lines = append(p.Lines, page.AuditLine{
			At: k.at(a.At), Actor: actorWord(a.Actor), Action: page.AuditAction(a.Action), Subject: a.Subject, Detail: clean(a.Detail),
		})
	}
	if n := len(all); n > 0 {
		if at.Before > 0 || at.After > 0 && more {
			p.Newer = strconv.FormatInt(all[0].ID, 10)
		}
		if at.After > 0 || more {
			p.Older = strconv.FormatInt(all[n-1].ID, 10)
		}
	}
	members, err := h.Staff.All(ctx)
	if err != nil {
		return err
	}
	for _, one := range members {
		p.Actors = append(p.Actors, one.Email)
	}
	p.CanExport = has(member(c), rightExport)
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, status, page.Audit(p))
}

// actorWord is who did something: staff by their address alone.
func actorWord(actor string) string { return strings.TrimPrefix(actor, models.StaffActor("")) }

// auditFilter is what an address or a form asks for, as it was typed and as it is
// looked for. A day that is none is a problem, and not asked for.
func (h Pages) auditFilter(q url.Values) (p page.AuditPage, f models.AuditFilter) {
	p = page.AuditPage{
		Actor: clean(q.Get("actor")), Action: page.AuditAction(clean(q.Get("action"))), Subject: clean(q.Get("subject")), From: clean(q.Get("from")), To: clean(q.Get("to")),
	}
	f = models.AuditFilter{Action: string(p.Action), Subject: subjectOf(p.Subject)}
	switch p.Actor {
	case "", models.ActorNobody, models.ActorOperator, "till":
		f.Actor = p.Actor
	default:
		f.Actor = models.StaffActor(strings.ToLower(p.Actor))
	}
	var ok bool
	if f.From, ok = h.dayOf(p.From, 0); !ok {
		p.FromProblem = "Type a day, such as 2026-11-21"
	}
	if f.Until, ok = h.dayOf(p.To, 1); !ok {
		p.ToProblem = "Type a day, such as 2026-11-21"
	}
	return p, f
}

// subjectOf is what people type for what a line is about: a number is an
// order's, an address is a member's.
func subjectOf(typed string) string {
	if _, err := strconv.ParseUint(strings.TrimPrefix(typed, "#"), 10, 63); err == nil {
		return "order " + strings.TrimPrefix(typed, "#")
	}
	if strings.Contains(typed, "@") && !strings.Contains(typed, " ") {
		return models.StaffSubject(strings.ToLower(typed))
	}
	return typed
}

// dayOf is the beginning of a day that was typed, or of one some days later. A
// text that is no day is not ok; none is the zero time.
func (h Pages) dayOf(typed string, later int) (t time.Time, ok bool) {
	if typed == "" {
		return t, true
	}
	t, err := time.ParseInLocation(time.DateOnly, typed, h.clock().zone)
	if err != nil || t.Year() < 2000 || t.Year() > 2999 {
		return time.Time{}, false
	}
	return t.AddDate(0, 0, later), true
}

// ExportAudit is POST /admin/audit/export: the same lines as a file. That it was
// taken is a line itself.
func (h Pages) ExportAudit(c *gin.Context) error {
	if err := need(c, rightAudit); err != nil {
		return err
	}
	if err := need(c, rightExport); err != nil {
		return err
	}
	form, err := readForm(c)
	if err != nil {
		return err
	}
	ctx, all := c.Request.Context(), models.NewAudits(h.DB)
	p, f := h.auditFilter(form)
	if p.FromProblem != "" || p.ToProblem != "" {
		return h.showAudit(c, http.StatusUnprocessableEntity, p, f)
	}
	me := models.StaffActor(member(c).Email)
	if err := all.Add(ctx, models.Audit{Actor: me, Action: models.ActionAuditExported, Subject: "audit", Detail: p.Asked()}); err != nil {
		return err
	}
	c.Header("Content-Type", "text/csv; charset=utf-8")
	c.Header("Content-Disposition", `attachment; filename="audit.csv"`)
	c.Status(http.StatusOK)
	out := csv.NewWriter(c.Writer)
	write := func(cells ...string) error {
		for i := range cells {
			cells[i] = harmless(cells[i])
		}
		return out.Write(cells)
	}
	err = write("time", "actor", "action", "subject", "detail")
	if err == nil {
		err = all.Each(ctx, f, func(a models.Audit) error {
			return write(a.At.In(h.clock().zone).Format(time.RFC3339), a.Actor, a.Action, a.Subject, a.Detail)
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
