package admin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"time"

	"till/cashier"
	"till/handlers/web"
	"till/models"
	"till/money"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	page "till/views/admin"
)

const (
	// maxBulk is how many orders are done at a time.
	maxBulk = 50
	// bulkHands is how many of them at once: a provider may take its time.
	bulkHands = 8
	// bulkTime is how long all of them may take to be answered.
	bulkTime = 5 * time.Minute
)

// rightForBulk is what doing something to many orders needs: what it needs for
// one.
var rightForBulk = map[page.BulkAction]right{
	page.BulkPack:   rightChange,
	page.BulkShip:   rightChange,
	page.BulkCancel: rightChange,
	page.BulkRefund: rightRefund,
}

// bulk is something to be done to many orders.
type bulk struct {
	page.BulkPage
	orders   []models.OrderDetail // found, in the order of the form
	settings models.Settings
}

// Bulk is POST /admin/orders/bulk: what doing something to the chosen orders
// would do. Nothing is written.
func (h Pages) Bulk(c *gin.Context) error {
	b, form, err := h.bulk(c)
	if err != nil {
		return err
	}
	b.Back = listURL(form.Get("query"))
	switch {
	case b.Action == "":
		return h.back(c, b.Back, answer{text: "Choose what is to be done with the orders. Nothing was done.", alarm: true})
	case len(form["order"]) == 0:
		return h.back(c, b.Back, answer{text: "Choose the orders first, with the boxes beside them. Nothing was done.", alarm: true})
	case len(form["order"]) > maxBulk:
		return h.back(c, b.Back, answer{text: "At most " + strconv.Itoa(maxBulk) + " orders go at a time. Nothing was done.", alarm: true})
	}
	b.Key = uuid.NewString()
	return h.showBulk(c, http.StatusOK, b)
}

// BulkConfirm is POST /admin/orders/bulk/confirm: does it, to each order for
// itself, through the same calls as its own page. The same form twice does
// everything once, and says the same.
func (h Pages) BulkConfirm(c *gin.Context) error {
	b, form, err := h.bulk(c)
	if err != nil {
		return err
	}
	if b.Key, err = keyOf(form); err != nil {
		return err
	}
	if b.Action == "" || len(form["order"]) == 0 || len(form["order"]) > maxBulk {
		return fmt.Errorf("%w: orders of a form", web.ErrBadRequest)
	}
	b.fill(form)
	b.Problems = map[string]string{}
	if b.Action == page.BulkShip {
		if p := tooLong(b.Carrier, models.MaxCarrier); p != "" {
			b.Problems["carrier"] = p
		}
		for _, d := range b.orders {
			field := page.TrackingField(d.Number())
			if p := tooLong(form.Get(field), models.MaxTracking); p != "" {
				b.Problems[field] = p
			}
		}
	}
	if b.Action.NeedsWhy() && reason(b.Reason) == "" {
		b.Problems["reason"] = noReason
	}
	if len(b.Problems) > 0 {
		return h.showBulk(c, http.StatusUnprocessableEntity, b)
	}
	if t := time.Now().Add(bulkTime); true { //nolint:forbidigo // a socket's clock
		_ = http.NewResponseController(c.Writer).SetWriteDeadline(t)
	}
	results := h.doAll(context.WithoutCancel(c.Request.Context()), b, form, by(c))
	p := page.BulkResult{Action: b.Action, Back: b.Back, Rows: results}
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, http.StatusOK, page.BulkDone(p))
}

// fill is what was typed.
func (b *bulk) fill(form url.Values) {
	b.Back, b.Carrier, b.Reason, b.Tracking = listURL(form.Get("query")), form.Get("carrier"), form.Get("reason"), map[string]string{}
	for _, d := range b.orders {
		b.Tracking[d.Number()] = form.Get(page.TrackingField(d.Number()))
	}
}

// bulkDraft is the page that asks once more, with what somebody had chosen and
// typed when their session was over; asks is false when that was nothing, or
// nothing that they may do.
func (h Pages) bulkDraft(c *gin.Context) (b bulk, asks bool) {
	typed := h.draft(c, bulkURL+"/confirm")
	if typed == nil {
		typed = h.draft(c, bulkURL)
	}
	b, err := h.bulkOf(c, typed)
	if err != nil || b.Action == "" || len(b.orders) == 0 {
		return b, false
	}
	b.fill(typed)
	if b.Key, err = keyOf(typed); err != nil {
		b.Key = uuid.NewString()
	}
	return b, true
}

const bulkURL = ordersURL + "/bulk"

// bulk reads which orders are meant, and for what.
func (h Pages) bulk(c *gin.Context) (b bulk, form url.Values, err error) {
	if form, err = readForm(c); err != nil {
		return b, nil, err
	}
	b, err = h.bulkOf(c, form)
	return b, form, err
}

// bulkOf is what a form asks to do with orders.
func (h Pages) bulkOf(c *gin.Context, form url.Values) (b bulk, err error) {
	b.Action = page.BulkAction(form.Get("action"))
	if b.Action != "" {
		r, known := rightForBulk[b.Action]
		if !known {
			return b, fmt.Errorf("%w: action of a form", web.ErrBadRequest)
		}
		if err := need(c, r); err != nil {
			return b, err
		}
	} else if err := need(c, rightChange); err != nil {
		return b, err
	}
	if b.settings, err = h.DB.Current(c.Request.Context()); err != nil {
		return b, err
	}
	if len(form["order"]) > maxBulk {
		return b, nil
	}
	seen := map[int64]bool{}
	for _, text := range form["order"] {
		number, err := strconv.ParseInt(text, 10, 64)
		if err != nil || seen[number] {
			continue
		}
		seen[number] = true
		d, err := h.Orders.ByNumber(c.Request.Context(), number)
		if errors.Is(err, models.ErrNotFound) {
			continue
		}
		if err != nil {
			return b, err
		}
		b.orders = append(b.orders, d)
	}
	return b, nil
}

// listURL is the list that somebody came from.
func listURL(query string) string {
	if q, err := url.ParseQuery(query); err == nil && len(q) > 0 && len(query) <= maxViewQuery {
		return ordersURL + "?" + q.Encode()
	}
	return ordersURL
}

// showBulk says what will happen to each order, and which are left out.
func (h Pages) showBulk(c *gin.Context, status int, b bulk) error {
	totals := map[money.Currency]money.Amount{}
	b.Mails = h.Shop.Mails
	for _, d := range b.orders {
		amount, why := h.possible(b, d)
		row := page.BulkRow{Number: d.Number(), Name: d.Name, Status: page.Status(d.Status), Test: d.Test, Amount: amount.Format(web.Locale), Seen: amount.Decimal(), Why: why}
		if why != "" {
			b.Left = append(b.Left, row)
			continue
		}
		b.Rows = append(b.Rows, row)
		sum, err := amount.Add(cmpAmount(totals[amount.Currency], amount.Currency))
		if err != nil {
			return fmt.Errorf("admin: total of %s: %w", amount.Currency, err)
		}
		totals[amount.Currency] = sum
	}
	for _, currency := range slices.Sorted(maps.Keys(totals)) {
		b.Totals = append(b.Totals, totals[currency].Format(web.Locale))
	}
	var err error
	if b.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, status, page.Bulk(b.BulkPage))
}

func cmpAmount(a money.Amount, currency money.Currency) money.Amount {
	a.Currency = currency
	return a
}

// possible is what an order counts for, and why it is left out; "" when it is
// not.
func (h Pages) possible(b bulk, d models.OrderDetail) (amount money.Amount, why string) {
	amount = d.Total
	switch b.Action {
	case page.BulkPack, page.BulkShip:
		var unfit *models.UnfitError
		if errors.As(d.MayShip(), &unfit) {
			return amount, stays(unfit.Why)
		}
		if b.Action == page.BulkPack && d.PackedAt != nil {
			return amount, "It is packed already."
		}
		return amount, ""
	case page.BulkCancel:
		pay, _, err := h.closable(d, page.VerbCancel)
		return amount, h.refusal(err, pay)
	case page.BulkRefund:
		_, amount, why = h.wholeRefund(b, d)
		return amount, why
	default:
		return amount, "That is not possible."
	}
}

// wholeRefund is the payments that have money which can go back, and how much
// that is together.
func (h Pages) wholeRefund(b bulk, d models.OrderDetail) (all []models.Payment, sum money.Amount, why string) {
	sum = money.Amount{Currency: d.Total.Currency}
	for _, p := range d.Payments {
		if p.Left().Minor <= 0 {
			continue
		}
		switch {
		case p.Disputed > 0:
			return nil, p.Left(), "The shopper's bank disputes the payment: open the order."
		case !h.Cashier.Powers(p).Refund:
			return nil, p.Left(), h.label(p.Provider) + " cannot be asked to give this back: open the order."
		}
		all = append(all, p)
		sum.Minor += p.Left().Minor
	}
	switch {
	case len(all) == 0:
		return nil, sum, "There is no money to give back."
	case len(all) > 1:
		return nil, sum, "It has several payments with money: open the order."
	case b.settings.Limits.Above(sum):
		return nil, sum, secondPerson
	}
	return all, sum, ""
}

const secondPerson = "It needs a second person: open the order."

// doAll does it to each order, a few at a time.
func (h Pages) doAll(ctx context.Context, b bulk, form url.Values, cause models.Cause) []page.BulkResultRow {
	rows := make([]page.BulkResultRow, len(b.orders))
	var wg sync.WaitGroup
	hands := make(chan struct{}, bulkHands)
	for i, d := range b.orders {
		wg.Go(func() {
			hands <- struct{}{}
			defer func() { <-hands }()
			defer func() { // it runs apart from the request, whose own guard does not see it
				if v := recover(); v != nil {
					h.Log.ErrorContext(ctx, "panic", "order", d.ID, "stack", string(debug.Stack()))
					rows[i] = page.BulkResultRow{Number: d.Number(), Name: d.Name, Outcome: page.BulkSilent, Text: "Something went wrong here. Look at the order before you do it again."}
				}
			}()
			rows[i] = h.doOne(ctx, b, d, form.Get(page.SeenField(d.Number())), cause)
			rows[i].Number, rows[i].Name = d.Number(), d.Name
		})
	}
	wg.Wait()
	return rows
}

// doOne does it to one order, and says what came of that.
func (h Pages) doOne(ctx context.Context, b bulk, d models.OrderDetail, seen string, cause models.Cause) page.BulkResultRow {
	done := func(text string) page.BulkResultRow {
		return page.BulkResultRow{Outcome: page.BulkHappened, Text: text}
	}
	refused := func(text string) page.BulkResultRow {
		return page.BulkResultRow{Outcome: page.BulkRefused, Text: text}
	}
	var err error
	switch b.Action {
	case page.BulkPack:
		if err = h.Orders.PackOnce(ctx, d.ID, b.Key, cause); err == nil {
			return done("Packed." + since(movedBy(d, models.EventPacked, b.Key) && d.PackedAt == nil))
		}
	case page.BulkShip:
		if err = h.Orders.ShipOnce(ctx, d.ID, b.Key, b.Carrier, b.Tracking[d.Number()], cause); err == nil {
			return done("Shipped." + since(movedBy(d, models.EventShipped, b.Key) && d.ShippedAt == nil))
		}
	case page.BulkCancel:
		why := reason(b.Reason)
		if cancelledBy(d, why, cause) { // by the same form, sent before
			return done("Cancelled.")
		}
		var pay models.Payment
		if pay, _, err = h.closable(d, page.VerbCancel); err == nil {
			if err = h.Cashier.Cancel(ctx, d.ID, why, cause); err == nil {
				return done("Cancelled.")
			}
		}
		if errors.Is(err, models.ErrUnavailable) {
			break
		}
		if text := h.refusal(err, pay); text != "" {
			row := refused(text)
			if errors.Is(err, cashier.ErrUndecided) {
				row.Outcome = page.BulkSilent
			}
			return row
		}
	case page.BulkRefund:
		return h.refundWhole(ctx, b, d, seen, cause)
	}
	var unfit *models.UnfitError
	if errors.As(err, &unfit) {
		return refused(stays(unfit.Why))
	}
	if errors.Is(err, models.ErrDuplicate) {
		return refused(h.refusal(err, models.Payment{}))
	}
	return h.silent(ctx, d, err)
}

// movedBy reports whether a form has packed or shipped an order before.
func movedBy(d models.OrderDetail, kind models.EventKind, key string) bool {
	return slices.ContainsFunc(d.Events, func(e models.Event) bool { return e.Kind == kind && e.FromState == key })
}

// since is what is added where a form did its work when it was sent before, and
// somebody has taken that back.
func since(undone bool) string {
	if !undone {
		return ""
	}
	return " That was taken back since, and nothing was done now."
}

// silent is what is said when we cannot tell whether it was done.
func (h Pages) silent(ctx context.Context, d models.OrderDetail, err error) page.BulkResultRow {
	h.Log.ErrorContext(ctx, "order of many failed", "order", d.ID, "err", web.Said(err))
	return page.BulkResultRow{Outcome: page.BulkSilent, Text: "There was no answer. Open the order and look what became of it; the same form sent again does nothing twice."}
}

// cancelledBy reports whether an order was cancelled by somebody, for a reason.
func cancelledBy(d models.OrderDetail, why string, cause models.Cause) bool {
	return slices.ContainsFunc(d.Events, func(e models.Event) bool {
		return e.Kind == models.EventCancelled && e.Actor == cause.Actor && e.Detail == why
	})
}

// refundWhole gives all of an order's money back. Its key follows from the
// form's and the payment, so that the same form is one refund of each.
func (h Pages) refundWhole(ctx context.Context, b bulk, d models.OrderDetail, seen string, cause models.Cause) page.BulkResultRow {
	space, err := uuid.Parse(b.Key)
	if err != nil {
		return page.BulkResultRow{Outcome: page.BulkRefused, Text: "The form has no key."}
	}
	for _, p := range d.Payments {
		r := models.Reservation{PaymentID: p.ID, Kind: models.OperationRefund, Key: uuid.NewSHA1(space, []byte(p.ID)).String()}
		if op, sent, err := sentBefore(d, r); sent && err == nil {
			return h.refunded(op, p)
		}
	}
	all, sum, why := h.wholeRefund(b, d)
	if why != "" {
		return page.BulkResultRow{Outcome: page.BulkRefused, Text: why}
	}
	if seen != sum.Decimal() {
		return page.BulkResultRow{Outcome: page.BulkRefused, Text: "What you looked at is not so any more: " + sum.Format(web.Locale) + " could go back now. Nothing was done."}
	}
	p := all[0]
	op, err := h.Cashier.Do(ctx, models.Reservation{
		PaymentID: p.ID, Kind: models.OperationRefund, Key: uuid.NewSHA1(space, []byte(p.ID)).String(), Amount: sum, Note: reason(b.Reason), Cause: cause,
	})
	switch {
	case err == nil:
		return h.refunded(op, p)
	case errors.Is(err, models.ErrLimit):
		return page.BulkResultRow{Outcome: page.BulkRefused, Text: secondPerson}
	case errors.Is(err, models.ErrUnavailable):
		return h.silent(ctx, d, err)
	}
	if text := h.refusal(err, p); text != "" {
		return page.BulkResultRow{Outcome: page.BulkRefused, Text: text}
	}
	return h.silent(ctx, d, err)
}

// refunded is what came of a refund.
func (h Pages) refunded(op models.Operation, p models.Payment) page.BulkResultRow {
	row := page.BulkResultRow{Outcome: page.BulkHappened, Text: h.came(op, p.Provider).text}
	switch op.State {
	case models.OperationFailed:
		row.Outcome = page.BulkRefused
	case models.OperationUnknown:
		row.Outcome = page.BulkSilent
	case models.OperationRequested:
		row.Outcome = page.BulkUnderWay
	case models.OperationSucceeded:
	}
	return row
}
