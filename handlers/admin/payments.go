package admin

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"till/handlers/web"
	"till/models"
	"till/views/ui"

	"github.com/gin-gonic/gin"

	page "till/views/admin"
)

const (
	paymentsURL = "/admin/payments"
	// paymentsPerPage is how many payments a page of the list has.
	paymentsPerPage = 50
)

// PaymentList is GET /admin/payments?provider=&state=&ref=&before=&after=:
// newest first. What the address says and we cannot read is left out.
func (h Pages) PaymentList(c *gin.Context) error {
	ctx, k := c.Request.Context(), h.clock()
	p := page.PaymentsPage{Provider: clean(c.Query("provider")), State: page.PaymentState(clean(c.Query("state"))), Ref: clean(c.Query("ref"))}
	f := models.PaymentFilter{
		Provider: p.Provider, State: models.PaymentState(p.State), Ref: p.Ref,
		Before: place(c.Query("before")), After: place(c.Query("after")), Limit: paymentsPerPage,
	}
	rows, more, err := h.Payments.List(ctx, f)
	if err == nil && f.Before.ID == "" && f.After.ID != "" && !more { // the way back ends at the first page, and that is a full one
		f.After = models.PaymentPlace{}
		rows, more, err = h.Payments.List(ctx, f)
	}
	if err != nil {
		return err
	}
	if n := len(rows); n > 0 {
		if f.Before.ID != "" || f.After.ID != "" {
			p.Newer = placeOf(rows[0])
		}
		if more || f.Before.ID == "" && f.After.ID != "" {
			p.Older = placeOf(rows[n-1])
		}
	}
	if p.Any = len(rows) > 0; !p.Any {
		if p.Any, err = h.Payments.Any(ctx); err != nil {
			return err
		}
	}
	for _, one := range h.Cashier.Providers() {
		p.Providers = append(p.Providers, ui.Option{Value: one.Name(), Label: one.Label()})
	}
	p.Providers = append(p.Providers, ui.Option{Value: models.Outside, Label: h.label(models.Outside)})
	for _, r := range rows {
		p.Payments = append(p.Payments, page.PaymentRow{
			ID: r.ID, Order: strconv.FormatInt(r.OrderID, 10), Test: r.Test, Begun: k.at(r.CreatedAt), Provider: h.label(r.Provider), Method: h.methodLabel(r.Provider, r.Method),
			Ref: r.Ref, State: page.PaymentState(r.State), Amount: r.Amount, Balances: page.Balances(r.Balances), Outside: r.Outside,
			NextAsk: k.maybe(r.AskAt), Late: r.AskAt != nil && k.now.Sub(*r.AskAt) > lateBy,
		})
	}
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, http.StatusOK, page.Payments(p))
}

// place is a place in the list out of an address: microseconds, a dash, and a
// payment's id. It is the zero place when it is none.
func place(s string) models.PaymentPlace {
	at, id, ok := strings.Cut(clean(s), "-")
	micro, err := strconv.ParseInt(at, 10, 64)
	if !ok || err != nil || id == "" || micro < 0 || micro > maxMicro {
		return models.PaymentPlace{}
	}
	return models.PaymentPlace{At: time.UnixMicro(micro).UTC(), ID: id}
}

// maxMicro is the end of the year 9999, after which a time has no place in a
// list that is sorted as text.
const maxMicro = 253402300799_999999

func placeOf(r models.PaymentRow) string {
	return strconv.FormatInt(r.CreatedAt.UnixMicro(), 10) + "-" + r.ID
}
