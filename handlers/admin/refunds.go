package admin

import (
	"net/http"
	"strconv"

	"till/handlers/web"
	"till/models"

	"github.com/gin-gonic/gin"

	page "till/views/admin"
)

const (
	refundsURL = "/admin/refunds"
	// refundsPerPage is how many refunds a page of the list has.
	refundsPerPage = 50
)

// RefundList is GET /admin/refunds?state=&before=&after=: newest first. What the
// address says and we cannot read is left out.
func (h Pages) RefundList(c *gin.Context) error {
	ctx, k := c.Request.Context(), h.clock()
	p := page.RefundsPage{State: page.OperationState(clean(c.Query("state")))}
	f := models.RefundFilter{State: models.OperationState(p.State), Before: cursor(c.Query("before")), After: cursor(c.Query("after")), Limit: refundsPerPage}
	rows, more, err := h.Payments.Refunds(ctx, f)
	if err == nil && f.After > 0 && f.Before == 0 && !more { // the way back ends at the first page, and that is a full one
		f.After = 0
		rows, more, err = h.Payments.Refunds(ctx, f)
	}
	if err != nil {
		return err
	}
	if n := len(rows); n > 0 {
		if f.Before > 0 || f.After > 0 {
			p.Newer = strconv.FormatInt(rows[0].ID, 10)
		}
		if more || f.Before == 0 && f.After > 0 {
			p.Older = strconv.FormatInt(rows[n-1].ID, 10)
		}
	} else if f.Before > 0 {
		p.Newer = strconv.FormatInt(f.Before-1, 10) // the one that was asked for less than is still to be seen
	}
	if p.Any = len(rows) > 0; !p.Any {
		if p.Any, err = h.Payments.AnyRefund(ctx); err != nil {
			return err
		}
	}
	for _, r := range rows {
		p.Refunds = append(p.Refunds, page.RefundRow{
			Operation: page.Operation{
				ID: r.ID, Kind: page.OperationKind(r.Kind), State: page.OperationState(r.State), Pending: r.PendingAt != nil,
				Outside: r.Code == models.CodeOutside, Amount: r.Amount.Format(web.Locale), Code: r.Code, Note: r.Note, Calls: r.Calls,
				Actor: r.Actor, Source: r.Source, At: k.at(r.CreatedAt),
			},
			Order: strconv.FormatInt(r.OrderID, 10), Test: r.Test, Provider: h.label(r.Provider), Method: h.methodLabel(r.Provider, r.Method),
		})
	}
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, http.StatusOK, page.Refunds(p))
}
