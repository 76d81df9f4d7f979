package admin

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"till/handlers/web"
	"till/models"
	"till/money"

	"github.com/gin-gonic/gin"

	page "till/views/admin"
)

const (
	inboxURL = "/admin/inbox"
	// itemsPerPage is how many items a page of the inbox has.
	itemsPerPage = 25
)

// Waiting is GET /admin/inbox?after=: what waits for a person, oldest first.
func (h Pages) Waiting(c *gin.Context) error {
	ctx, k := c.Request.Context(), h.clock()
	after := cursor(c.Query("after"))
	items, err := h.Inbox.Open(ctx, after, itemsPerPage+1)
	if err != nil {
		return err
	}
	p := page.InboxPage{First: after == 0}
	if len(items) > itemsPerPage {
		items = items[:itemsPerPage]
		p.Next = strconv.FormatInt(items[len(items)-1].ID, 10)
	}
	var ids []int64
	for _, i := range items {
		if i.OrderID != nil {
			ids = append(ids, *i.OrderID)
		}
	}
	orders, err := h.Orders.WithPayments(ctx, ids)
	if err != nil {
		return err
	}
	for _, i := range items {
		var d models.OrderDetail
		if i.OrderID != nil {
			d = orders[*i.OrderID]
		}
		one, err := h.item(c, i, d, k)
		if err != nil {
			return err
		}
		p.Items = append(p.Items, one)
	}
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, http.StatusOK, page.Inbox(p))
}

// itemsOf is what waits about one order.
func (h Pages) itemsOf(c *gin.Context, d models.OrderDetail, k clock) ([]page.Item, error) {
	items, err := h.Inbox.OfOrder(c.Request.Context(), d.ID)
	if err != nil {
		return nil, err
	}
	var all []page.Item
	for _, i := range items {
		if i.ClosedAt != nil {
			continue
		}
		one, err := h.item(c, i, d, k)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// item is one item as who looks may see it. The order is empty for one that
// belongs to none.
func (h Pages) item(c *gin.Context, i models.InboxItem, d models.OrderDetail, k clock) (page.Item, error) {
	one := page.Item{
		ID: i.ID, Kind: page.Attention(i.Kind), Detail: i.Detail, Opened: k.at(i.OpenedAt), Closed: k.maybe(i.ClosedAt), Closing: closing(i),
		CanDecide: i.ClosedAt == nil && has(member(c), rightDecide),
	}
	if i.Amount != (money.Amount{}) {
		one.Amount = i.Amount.Format(web.Locale)
	}
	if i.OrderID != nil {
		one.Order = d.Number()
	}
	if i.PaymentID != nil {
		one.Payment = *i.PaymentID
		if p, ok := d.Payment(one.Payment); ok {
			one.Provider = h.label(p.Provider)
		}
	}
	if i.DeliveryID != nil {
		from, err := h.Deliveries.ByID(c.Request.Context(), *i.DeliveryID)
		if err != nil {
			return one, err
		}
		one.Provider = h.label(from.Provider)
	}
	if i.ClosedAt == nil && has(member(c), rightRefund) {
		one.Refund = h.refundOf(i, d)
	}
	return one, nil
}

// closing says how an item left the inbox.
func closing(i models.InboxItem) string {
	switch i.Resolution {
	case models.ResolutionAccepted:
		return with("Accepted by "+i.Actor, ": ", i.Reason)
	case models.ResolutionAttached:
		return with("Attached to an order by "+i.Actor, ": ", i.Reason)
	case models.ResolutionGone:
		return "Its cause went away by itself."
	default:
		return ""
	}
}

// refundOf is where the money that an item is about goes back; "" where giving
// it back does not settle it, or would pay twice.
func (h Pages) refundOf(i models.InboxItem, d models.OrderDetail) string {
	switch i.Kind {
	case models.AttentionMismatch, models.AttentionSecondPayment, models.AttentionOverpayment, models.AttentionPaidAfterCancel,
		models.AttentionSoldOut, models.AttentionRefundFailed, models.AttentionRefundReversed:
	case models.AttentionUnknown, models.AttentionRefundUnknown, models.AttentionRefundElsewhere, models.AttentionCaptureUnknown,
		models.AttentionUnanswered, models.AttentionUnauthorized,
		models.AttentionUnknownWord, models.AttentionContradiction, models.AttentionNeedAction, models.AttentionAccepted,
		models.AttentionClearingLate, models.AttentionLapsing, models.AttentionDispute, models.AttentionUnknownReference:
		return ""
	default:
		return ""
	}
	var from models.Payment // the newest that has the money: of two it is the one too many
	for _, p := range d.Payments {
		if h.Cashier.Powers(p).Record && (i.PaymentID == nil || *i.PaymentID == p.ID) {
			from = p
		}
	}
	if from.ID == "" {
		return ""
	}
	amount := from.Left()
	if i.Amount.Currency == amount.Currency && i.Amount.Minor > 0 && i.Amount.Minor < amount.Minor {
		amount = i.Amount
	}
	return page.RefundURL(d.Number(), from.ID, amount.Decimal())
}

// Item is GET /admin/inbox/:item: one item, with what may be done about it.
func (h Pages) Item(c *gin.Context) error {
	i, err := h.itemByID(c)
	if err != nil {
		return err
	}
	p, at := page.ItemPage{Back: page.Back(c.Query("from"))}, inboxURL+"/"+strconv.FormatInt(i.ID, 10)
	if kept := h.draft(c, at+"/accept"); kept != nil {
		p.Back, p.Accept = page.Back(kept.Get("from")), page.ItemForm{Reason: kept.Get("reason")}
	} else if kept := h.draft(c, at+"/attach"); kept != nil {
		p.Attach = page.ItemForm{Order: kept.Get("order"), Reason: kept.Get("reason")}
	}
	return h.showItem(c, http.StatusOK, i, p)
}

// itemByID is the item that the address means, or models.ErrNotFound.
func (h Pages) itemByID(c *gin.Context) (models.InboxItem, error) {
	id, err := strconv.ParseInt(c.Param("item"), 10, 64)
	if err != nil {
		return models.InboxItem{}, fmt.Errorf("%w: item by another word than its number", models.ErrNotFound)
	}
	return h.Inbox.ByID(c.Request.Context(), id)
}

func (h Pages) showItem(c *gin.Context, status int, i models.InboxItem, p page.ItemPage) error {
	var d models.OrderDetail
	var err error
	if i.OrderID != nil {
		if d, err = h.Orders.ByNumber(c.Request.Context(), *i.OrderID); err != nil {
			return err
		}
	}
	if p.Item, err = h.item(c, i, d, h.clock()); err != nil {
		return err
	}
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, status, page.InboxItem(p))
}

// itemForm is what was sent about an item.
func (h Pages) itemForm(c *gin.Context) (form url.Values, i models.InboxItem, err error) {
	if err := need(c, rightDecide); err != nil {
		return nil, i, err
	}
	if form, err = readForm(c); err != nil {
		return nil, i, err
	}
	i, err = h.itemByID(c)
	return form, i, err
}

// Accept is POST /admin/inbox/:item/accept: takes what an item has as it is.
func (h Pages) Accept(c *gin.Context) error {
	form, i, err := h.itemForm(c)
	if err != nil {
		return err
	}
	p := page.ItemPage{Back: page.Back(form.Get("from")), Accept: page.ItemForm{Reason: form.Get("reason")}}
	why := reason(form.Get("reason"))
	if why == "" && i.ClosedAt == nil {
		p.Accept.ReasonProblem = noReason
		return h.showItem(c, http.StatusUnprocessableEntity, i, p)
	}
	if err := h.Cashier.Accept(c.Request.Context(), i.ID, why, by(c)); err != nil {
		return h.itemRefused(c, i, p, err, "No money was taken for this payment, so there is nothing to accept. Nothing was done.")
	}
	to := inboxURL
	if p.Back == page.BackOrder && i.OrderID != nil {
		to = orderURL(strconv.FormatInt(*i.OrderID, 10))
	}
	return h.back(c, to, answer{text: "Accepted as it is. It is in the timeline with your reason."})
}

// Attach is POST /admin/inbox/:item/attach: says whose a payment is that nobody
// here knew, and asks its provider.
func (h Pages) Attach(c *gin.Context) error {
	form, i, err := h.itemForm(c)
	if err != nil {
		return err
	}
	p := page.ItemPage{Attach: page.ItemForm{Order: form.Get("order"), Reason: form.Get("reason")}}
	why := reason(form.Get("reason"))
	if why == "" {
		p.Attach.ReasonProblem = "Say how you know, in a few words"
	}
	ctx := c.Request.Context()
	number, err := strconv.ParseInt(strings.TrimPrefix(strings.TrimSpace(p.Attach.Order), "#"), 10, 64)
	if err != nil || number <= 0 {
		p.Attach.OrderProblem = "Type the number of an order, such as 1042"
	} else if _, err := h.Orders.ByNumber(ctx, number); errors.Is(err, models.ErrNotFound) {
		p.Attach.OrderProblem = "There is no order " + strconv.FormatInt(number, 10)
	} else if err != nil {
		return err
	}
	if i.ClosedAt == nil && (p.Attach.OrderProblem != "" || p.Attach.ReasonProblem != "") {
		return h.showItem(c, http.StatusUnprocessableEntity, i, p)
	}
	if i.ClosedAt != nil {
		err := fmt.Errorf("%w: inbox item %d is closed", models.ErrStale, i.ID)
		return h.itemRefused(c, i, page.ItemPage{}, err, "")
	}
	pay, err := h.Cashier.Attach(ctx, i.ID, number, why, by(c))
	if err != nil {
		return h.itemRefused(c, i, p, err, "Only a payment that nobody knows can be attached. Nothing was done.")
	}
	said := "The payment " + pay.Ref + " is order " + strconv.FormatInt(number, 10) + "'s now. "
	if pay.AskedAt == nil {
		said += h.label(pay.Provider) + " has not answered about it yet; we ask again."
	} else {
		said += h.label(pay.Provider) + " says: " + clean(pay.Word) + "."
	}
	return h.back(c, orderURL(strconv.FormatInt(number, 10)), answer{text: said})
}

// itemRefused answers with an item as it is now, and why nothing was done:
// illegal, where that is the reason.
func (h Pages) itemRefused(c *gin.Context, i models.InboxItem, p page.ItemPage, err error, illegal string) error {
	switch {
	case errors.Is(err, models.ErrStale):
		p.Refused = "It is settled already. Nothing was done now."
	case errors.Is(err, models.ErrIllegal):
		p.Refused = illegal
	case errors.Is(err, models.ErrDuplicate):
		p.Refused = "The payment is one of an order's by now. Nothing was done."
	default:
		return err
	}
	now, err := h.Inbox.ByID(c.Request.Context(), i.ID)
	if err != nil {
		return err
	}
	return h.showItem(c, http.StatusConflict, now, p)
}
