package admin

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"till/handlers/web"
	"till/models"

	"github.com/gin-gonic/gin"

	page "till/views/admin"
)

// perPage is how many orders a page of the list has.
const perPage = 50

// maxQuery bounds what is searched for, in characters.
const maxQuery = 200

func orderURL(number string) string { return ordersURL + "/" + url.PathEscape(number) }

// List is GET /admin/orders?status=&q=&before=&after=: newest first. What the
// address says and we cannot read is left out: a list is better than a refusal.
func (h Pages) List(c *gin.Context) error {
	p := page.OrdersPage{Status: page.Status(clean(c.Query("status"))), Query: clean(c.Query("q"))}
	f := models.OrderFilter{Search: p.Query, Before: cursor(c.Query("before")), After: cursor(c.Query("after")), Limit: perPage}
	if p.Status == page.StatusAttention {
		f.Needy = true
	} else {
		f.Status = models.OrderStatus(p.Status)
	}
	rows, err := h.rows(c, &p, f)
	if err != nil {
		return err
	}
	if p.Any = len(rows) > 0; !p.Any {
		if p.Any, err = h.Orders.Any(c.Request.Context()); err != nil {
			return err
		}
	}
	k := h.clock()
	for _, o := range rows {
		p.Orders = append(p.Orders, page.OrderRow{
			Number: o.Number(), Placed: k.at(o.CreatedAt), Name: o.Name, Email: o.Email, Status: page.Status(o.Status),
			Test: o.Test, Attention: len(o.Attention) > 0, Provider: h.label(o.Provider), Total: o.Total.Format(web.Locale),
		})
	}
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, http.StatusOK, page.Orders(p))
}

// rows reads one page of rows and says where the next ones are.
func (h Pages) rows(c *gin.Context, p *page.OrdersPage, f models.OrderFilter) ([]models.OrderRow, error) {
	rows, more, err := h.Orders.List(c.Request.Context(), f)
	if err == nil && f.After > 0 && f.Before == 0 && !more { // the way back ends at the first page, and that is a full one
		f.After = 0
		rows, more, err = h.Orders.List(c.Request.Context(), f)
	}
	if err != nil {
		return nil, err
	}
	back := f.Before > 0
	switch {
	case len(rows) == 0 && back:
		p.Newer = strconv.FormatInt(f.Before-1, 10) // the one that was asked for less than is still to be seen
	case len(rows) == 0:
	default:
		first, last := rows[0].Number(), rows[len(rows)-1].Number()
		if back || f.After > 0 {
			p.Newer = first
		}
		if more || f.After > 0 {
			p.Older = last
		}
	}
	return rows, nil
}

// cursor is an order's number out of an address; 0 when it is none.
func cursor(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// clean makes a text out of an address fit to be looked for.
func clean(s string) string {
	s = strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", ""))
	if runes := []rune(s); len(runes) > maxQuery {
		return string(runes[:maxQuery])
	}
	return s
}

// label is a provider's name as people know it; that of one which is not set up
// here any more is the word its rows carry.
func (h Pages) label(provider string) string {
	if one, ok := h.Cashier.Provider(provider); ok {
		return one.Label()
	}
	if provider == models.Outside {
		return "Paid outside"
	}
	return provider
}
