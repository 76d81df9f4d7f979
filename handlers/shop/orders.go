package shop

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"till/cashier"
	"till/handlers/web"
	"till/models"
	"till/money"
	"till/providers"
	"till/views/shop"

	"github.com/gin-gonic/gin"
)

// looks are the pauses before a page that waits for news looks again. After
// the last one it stops and says what to do.
var looks = []int{2, 3, 4, 5, 6, 8, 10, 15, 20, 30}

func ignoreMissing(err error) error {
	if errors.Is(err, models.ErrNotFound) {
		return nil
	}
	return err
}

// Order is GET /orders/:token: the truth as we know it. It asks nobody and
// starts nothing; ?look counts how often the page has looked by itself.
func (h Pages) Order(c *gin.Context) error {
	d, err := h.Orders.ByToken(c.Request.Context(), c.Param("token"))
	if err != nil {
		return err
	}
	return h.order(c, http.StatusOK, d, "")
}

func (h Pages) order(c *gin.Context, status int, d models.OrderDetail, problem string) error {
	v := h.visit(c)
	if d.PaidAt != nil && models.IsOfForm(d.CheckoutKey, v.Form) {
		v.Bought() // the cart became this order
		if err := h.Visits.Save(c, v); err != nil {
			return err
		}
	}
	page, err := h.orderPage(c.Request.Context(), d)
	if err != nil {
		return err
	}
	page.Frame, page.Problem = h.frame(v, orderURL(d.Token)), problem
	if wait, next := refresh(c.Query("look")); waits(page.State) && wait > 0 {
		page.RefreshSeconds, page.RefreshURL = wait, orderURL(d.Token)+"?look="+strconv.Itoa(next)
	}
	return h.draw(c, status, v, shop.Order(page))
}

// waits reports whether news may come to a page by itself.
func waits(s shop.OrderState) bool { return s == shop.StateConfirming || s == shop.StateUnknown }

func refresh(look string) (wait, next int) {
	n, err := strconv.Atoi(look)
	if err != nil || n < 0 {
		n = 0
	}
	if n >= len(looks) {
		return 0, n
	}
	return looks[n], n + 1
}

// orderPage fills what the order page shows from rows.
func (h Pages) orderPage(ctx context.Context, d models.OrderDetail) (shop.OrderPage, error) {
	page := shop.OrderPage{
		Number: d.Number(), Token: d.Token, Status: string(d.Status), PlacedAt: h.Shop.Moment(d.CreatedAt),
		Lines: orderLines(d), Total: d.Total.Format(web.Locale), Name: d.Name, Email: d.Email, Address: web.AddressLines(d.Address),
		Mails: h.Shop.Mails,
	}
	if d.PaidAt != nil {
		page.PaidAt = h.Shop.Moment(*d.PaidAt)
	}
	if refunded := refunded(d); refunded.Minor > 0 {
		page.Refunded = refunded.Format(web.Locale)
	}
	p, ok := current(d)
	if !ok {
		page.State = shop.StateOpen
		return page, nil
	}
	page.Method = chosen(p)
	if one, ok := h.Cashier.Provider(p.Provider); ok {
		page.Provider = one.Label()
	}
	if p.AskedAt != nil {
		page.AskedAt = h.Shop.Clock(*p.AskedAt)
	}
	silent, err := h.silent(ctx, p)
	if err != nil {
		return page, err
	}
	page.State, page.Reason = face(d, p, silent)
	switch page.State { //nolint:exhaustive // the others have nothing to pay
	case shop.StateOpen, shop.StateNotPaid, shop.StateStartFailed:
		page.Methods = h.methods(ctx, d.Total.Currency)
		page.CanCancel = true
		if p.Live && p.State == models.PaymentRedirected {
			page.ContinueURL = p.RedirectURL
		}
	}
	return page, nil
}

// current is the payment that an order page is about: the one with money, the
// one being made, or the last one.
func current(d models.OrderDetail) (p models.Payment, ok bool) {
	if len(d.Payments) == 0 {
		return p, false
	}
	p = d.Payments[len(d.Payments)-1]
	for _, one := range d.Payments {
		if one.Live {
			p = one
		}
	}
	for _, one := range d.Payments {
		if one.State.HoldsMoney() || one.State == models.PaymentMismatch {
			return one, true
		}
	}
	return p, true
}

// silent reports whether the provider gave no answer when it was last asked
// about a payment that the shopper was sent away for.
func (h Pages) silent(ctx context.Context, p models.Payment) (bool, error) {
	if p.State != models.PaymentRedirected || p.AskedAt == nil {
		return false, nil
	}
	r, err := h.Payments.LastReport(ctx, p.ID)
	if err != nil {
		return true, ignoreMissing(err)
	}
	answered := providers.Outcome(r.Outcome) == providers.Open && !r.LastAt.Before(p.AskedAt.Add(-time.Second))
	return !answered, nil
}

// face is which face of the order page the rows come to, and why when it is
// not paid.
func face(d models.OrderDetail, p models.Payment, silent bool) (shop.OrderState, shop.Reason) {
	for _, why := range d.Attention {
		switch why {
		case models.AttentionMismatch, models.AttentionSecondPayment, models.AttentionPaidAfterCancel, models.AttentionUnknown:
			return shop.StateAttention, shop.ReasonNone
		case models.AttentionSoldOut, models.AttentionContradiction: // staff's, while the shopper has paid
		}
	}
	switch d.Status {
	case models.OrderPaid, models.OrderReceived:
		return shop.StatePaid, shop.ReasonNone
	case models.OrderHold:
		return shop.StateReserved, shop.ReasonNone
	case models.OrderCancelled:
		return shop.StateCancelled, shop.ReasonNone
	case models.OrderExpired:
		return shop.StateExpired, shop.ReasonNone
	case models.OrderRefundInitiated, models.OrderReversalInitiated:
		return shop.StateRefunding, shop.ReasonNone
	case models.OrderPartiallyRefunded:
		return shop.StatePartlyRefunded, shop.ReasonNone
	case models.OrderRefunded, models.OrderReversed:
		return shop.StateRefunded, shop.ReasonNone
	case models.OrderRefundFailed, models.OrderRefundReversed, models.OrderReversalFailed, models.OrderChargeback, models.OrderRepresentation,
		models.OrderRetrieval, models.OrderPrearbitration, models.OrderArbitration, models.OrderPrecompliance, models.OrderCompliance,
		models.OrderGoodFaith, models.OrderFraudAdvice:
		return shop.StateAttention, shop.ReasonNone
	case models.OrderCreated, models.OrderIssued, models.OrderViewed, models.OrderInProgress, models.OrderFailed, models.OrderRejected, models.OrderOverdue:
	}
	return open(d, p, silent)
}

// open is face for an order without money, by its payment.
func open(d models.OrderDetail, p models.Payment, silent bool) (shop.OrderState, shop.Reason) {
	switch p.State {
	case models.PaymentProcessing:
		return shop.StateConfirming, shop.ReasonNone
	case models.PaymentAccepted:
		return shop.StateAccepted, shop.ReasonNone
	case models.PaymentUnknown:
		return shop.StateUnknown, shop.ReasonNone
	case models.PaymentMismatch:
		return shop.StateAttention, shop.ReasonNone
	case models.PaymentFailed:
		return shop.StateNotPaid, reasonFor(p.Reason)
	case models.PaymentCancelled:
		return shop.StateNotPaid, shop.ReasonCancelled
	case models.PaymentExpired:
		return shop.StateNotPaid, shop.ReasonExpired
	case models.PaymentRedirected:
		if silent && p.Live {
			return shop.StateConfirming, shop.ReasonNone
		}
		return shop.StateOpen, shop.ReasonNone
	case models.PaymentCreated:
		return created(d, p), shop.ReasonNone
	case models.PaymentPaid, models.PaymentAuthorized:
		return shop.StateConfirming, shop.ReasonNone // more is to come before the order is covered
	}
	return shop.StateConfirming, shop.ReasonNone
}

// created tells a payment that is being started, or was not tried, from one
// whose provider was not reached.
func created(d models.OrderDetail, p models.Payment) shop.OrderState {
	for _, op := range d.Operations {
		if op.PaymentID != p.ID || op.Kind != models.OperationStart || op.Calls == 0 {
			continue
		}
		if op.MayHaveBeenHeard() {
			return shop.StateUnknown
		}
		return shop.StateStartFailed
	}
	return shop.StateOpen
}

func reasonFor(word string) shop.Reason {
	switch providers.Reason(word) {
	case providers.ReasonBalance:
		return shop.ReasonBalance
	case providers.ReasonLimit:
		return shop.ReasonLimit
	case providers.ReasonInactive:
		return shop.ReasonInactive
	case providers.ReasonBlocked:
		return shop.ReasonBlocked
	case providers.ReasonNone:
		return shop.ReasonDeclined
	default:
		return shop.ReasonDeclined
	}
}

func orderLines(d models.OrderDetail) []shop.Line {
	lines := make([]shop.Line, len(d.Lines))
	for i, l := range d.Lines {
		unit := d.Unit(l)
		sum := unit
		sum.Minor *= l.Quantity // the order's total was added up from these, checked for overflow
		lines[i] = shop.Line{Name: l.Name, Picture: l.Picture, Quantity: int(l.Quantity), Unit: unit.Format(web.Locale), Total: sum.Format(web.Locale)}
	}
	return lines
}

// Pay is POST /orders/:token/payments: goes on with the payment, or begins
// another one on the same order.
func (h Pages) Pay(c *gin.Context) error {
	form, err := web.Form(c)
	if err != nil {
		return err
	}
	d, err := h.Orders.ByToken(c.Request.Context(), c.Param("token"))
	if err != nil {
		return err
	}
	method := form.Get("method")
	if !offers(h.methods(c.Request.Context(), d.Total.Currency), method) {
		return h.order(c, http.StatusUnprocessableEntity, d, "Choose how to pay.")
	}
	return h.send(c, d.Order, method, models.Cause{Actor: "shopper", Source: "order page"})
}

// send brings the shopper to the provider's page, or to the order page, which
// says how it stands.
func (h Pages) send(c *gin.Context, o models.Order, method string, cause models.Cause) error {
	provider, method := methodOf(method)
	p, err := h.Cashier.Pay(c.Request.Context(), o.ID, provider, method, cause)
	if err != nil && errors.Is(err, models.ErrUnavailable) {
		return err
	}
	if err != nil {
		h.Log.InfoContext(c.Request.Context(), "order not sent to its provider", "order", o.ID, "provider", provider, "err", err)
	}
	if err == nil && p.State == models.PaymentRedirected && p.RedirectURL != "" {
		c.Redirect(http.StatusSeeOther, p.RedirectURL)
		return nil
	}
	c.Redirect(http.StatusSeeOther, orderURL(o.Token))
	return nil
}

// Cancel is POST /orders/:token/cancel. It asks the provider first; the order
// page says what came of it.
func (h Pages) Cancel(c *gin.Context) error {
	form, err := web.Form(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	d, err := h.Orders.ByToken(ctx, c.Param("token"))
	if err != nil {
		return err
	}
	v, to := h.visit(c), orderURL(d.Token)
	err = h.Cashier.Cancel(ctx, d.ID, "by the shopper", models.Cause{Actor: "shopper", Source: "order page"})
	switch {
	case err == nil && form.Get("then") == "cart":
		to, v.Flash = "/cart", "Order "+d.Number()+" is cancelled. Change what you like."
	case err == nil:
	case errors.Is(err, cashier.ErrPaid):
		v.Flash = "This order is paid already, so it was not cancelled."
	case errors.Is(err, cashier.ErrUndecided):
		v.Flash = "We could not cancel it: the payment is still being decided. Look again in a minute."
	case errors.Is(err, models.ErrNotPayable):
	default:
		return err
	}
	if err := h.Visits.Save(c, v); err != nil {
		return err
	}
	c.Redirect(http.StatusSeeOther, to)
	return nil
}

// Receipt is GET /orders/:token/receipt. An order without money has none.
func (h Pages) Receipt(c *gin.Context) error {
	d, err := h.Orders.ByToken(c.Request.Context(), c.Param("token"))
	if err != nil {
		return err
	}
	p, ok := current(d)
	if !ok || d.PaidAt == nil {
		return models.ErrNotFound
	}
	v := h.visit(c)
	page := shop.ReceiptPage{
		Frame: h.frame(v, orderURL(d.Token)), Number: d.Number(), Token: d.Token, PlacedAt: h.Shop.Moment(d.CreatedAt), PaidAt: h.Shop.Moment(*d.PaidAt),
		Ref: p.Ref, Lines: orderLines(d), Total: d.Total.Format(web.Locale), Name: d.Name, Email: d.Email, Address: web.AddressLines(d.Address),
	}
	if one, ok := h.Cashier.Provider(p.Provider); ok {
		page.Provider = one.Label()
	}
	if back := refunded(d); back.Minor > 0 {
		page.Refunded = back.Format(web.Locale)
	}
	return h.draw(c, http.StatusOK, v, shop.Receipt(page))
}

// refunded is what went back to the shopper, of all the order's payments.
func refunded(d models.OrderDetail) money.Amount {
	sum := money.Amount{Currency: d.Total.Currency}
	for _, p := range d.Payments {
		sum.Minor += p.Refunded
	}
	return sum
}
