package admin

import (
	"encoding/csv"
	"net/http"
	"strings"
	"time"

	"till/handlers/web"
	"till/models"
	"till/money"

	"github.com/gin-gonic/gin"
)

const (
	// exportBatch is how many orders are read at once.
	exportBatch = 500
	// exportGap is how long one batch may take to be sent.
	exportGap = time.Minute
)

// exportHead is the first line of the file.
var exportHead = []string{
	"number", "placed", "status", "needs_attention", "name", "email", "country", "provider", "method", "references", "currency", "total", "taken",
	"refunded", "disputed", "net", "packed", "shipped", "carrier", "tracking", "test",
}

// ExportOrders is GET /admin/orders.csv?…: every order that the same address
// lists, as a file. It is read and sent in batches, each of which is the state of
// its own moment, so that no transaction lasts as long as somebody downloads.
// What breaks off in the middle is cut off, so that it does not look whole.
func (h Pages) ExportOrders(c *gin.Context) error {
	if err := need(c, rightExport); err != nil {
		return err
	}
	ctx, query := c.Request.Context(), c.Request.URL.Query()
	q, err := h.askedFor(c, query)
	if err != nil {
		return err
	}
	if len(q.page.Problems) > 0 {
		return h.showOrders(c, http.StatusUnprocessableEntity, q.page.Form)
	}
	f := q.filter
	f.Before, f.After, f.Limit = 0, 0, exportBatch
	batch, err := h.Orders.Page(ctx, f)
	if err != nil {
		return err
	}
	query.Del("before")
	query.Del("after")
	query.Del("q") // may be a shopper's address
	line := models.Audit{Actor: by(c).Actor, Action: "orders_exported", Subject: "orders", Detail: query.Encode()}
	if f.Search != "" {
		line.Detail = strings.TrimPrefix(line.Detail+"&q=…", "&")
	}
	if err := models.NewAudits(h.DB).Add(ctx, line); err != nil {
		return err
	}
	name := "orders-" + models.Day(h.Payments.Now(), h.Shop.Now().Location) + ".csv"
	c.Header("Content-Type", "text/csv; charset=utf-8")
	c.Header("Content-Disposition", `attachment; filename="`+name+`"`)
	c.Header("Cache-Control", "no-store")
	c.Status(http.StatusOK)
	w, control := csv.NewWriter(c.Writer), http.NewResponseController(c.Writer)
	err = w.Write(exportHead)
	for err == nil {
		_ = control.SetWriteDeadline(time.Now().Add(exportGap)) //nolint:forbidigo // a socket's clock, which a test's recorder has not
		if err = h.writeOrders(c, w, batch.Rows); err != nil {
			break
		}
		if err = control.Flush(); err != nil {
			break
		}
		switch n := len(batch.Rows); {
		case batch.More:
			f.Before = batch.Rows[n-1].ID
		case batch.Looked != 0:
			f.Before = batch.Looked
		default:
			return nil
		}
		batch, err = h.Orders.Page(ctx, f)
	}
	return h.cutOff(c, err)
}

// cutOff ends an answer that has begun: the half that was sent is not to pass
// for the whole. It does not return.
func (h Pages) cutOff(c *gin.Context, err error) error {
	h.Log.WarnContext(c.Request.Context(), "export broken off", "request_id", web.RequestID(c), "err", web.Said(err))
	panic(http.ErrAbortHandler)
}

// writeOrders writes a batch, with what its payments come to.
func (h Pages) writeOrders(c *gin.Context, w *csv.Writer, rows []models.OrderRow) error {
	ids := make([]int64, len(rows))
	for i, o := range rows {
		ids[i] = o.ID
	}
	sums, err := h.Orders.Sums(c.Request.Context(), ids)
	if err != nil {
		return err
	}
	zone := h.Shop.Now().Location
	for _, o := range rows {
		if err := w.Write(exportLine(o.Order, sums[o.ID], zone)); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// exportLine is an order as a line of the file.
func exportLine(o models.Order, s models.OrderSum, zone *time.Location) []string {
	amount := func(minor int64) string { return money.Amount{Minor: minor, Currency: o.Total.Currency}.Decimal() }
	moment := func(t *time.Time) string {
		if t == nil {
			return ""
		}
		return t.In(zone).Format(time.RFC3339)
	}
	test := "no"
	if o.Test {
		test = "yes"
	}
	line := []string{
		o.Number(), moment(&o.CreatedAt), string(o.Status), o.Attention.String(), o.Name, o.Email, o.Country, o.Provider, o.Method, strings.Join(s.Refs, " "),
		string(o.Total.Currency), amount(o.Total.Minor), amount(s.Taken), amount(s.Refunded), amount(s.Disputed), amount(s.Net()),
		moment(o.PackedAt), moment(o.ShippedAt), o.Carrier, o.Tracking, test,
	}
	for _, i := range exportTexts {
		line[i] = harmless(line[i])
	}
	return line
}

// exportTexts are the columns that hold what people and providers wrote; the
// others are ours, and a negative amount stays a number.
var exportTexts = []int{4, 5, 6, 7, 8, 9, 18, 19}

// harmless keeps a spreadsheet from taking a text for a formula.
func harmless(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}
