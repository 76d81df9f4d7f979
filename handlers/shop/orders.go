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
	page, err := h.orderPage(c.Request.Context(), d)
	if err != nil {
		return err
	}
	page.Problem = problem
	return h.drawOrder(c, status, d, page)
}

func (h Pages) drawOrder(c *gin.Context, status int, d models.OrderDetail, page shop.OrderPage) error {
	v := h.visit(c)
	if (d.PaidAt != nil || given(page.State)) && models.IsOfForm(d.CheckoutKey, v.Form) {
		v.Bought() // the cart became this order
		if err := h.Visits.Save(c, v); err != nil {
			return err
		}
	}
	page.Frame = h.frame(v, orderURL(d.Token))
	if wait, next := refresh(c.Query("look")); waits(page) && wait > 0 {
		page.RefreshSeconds, page.RefreshURL = wait, orderURL(d.Token)+"?look="+strconv.Itoa(next)
	}
	return h.draw(c, status, v, shop.Order(page))
}

// waits reports whether news may come to a page by itself.
func waits(p shop.OrderPage) bool {
	return p.State == shop.StateConfirming && !p.Late || p.State == shop.StateClearing || p.State == shop.StateUnknown
}

// given reports whether the shopper has done all there is to do, although the
// money is not here yet.
func given(s shop.OrderState) bool {
	return s == shop.StateReserved || s == shop.StateAccepted || s == shop.StateClearing
}

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
		Mails: h.Shop.Mails, Parcel: parcel(d.Order),
	}
	if d.PaidAt != nil {
		page.PaidAt = h.Shop.Moment(*d.PaidAt)
	}
	p, ok := current(d)
	if !ok {
		page.State = shop.StateOpen
		return page, nil
	}
	page.Money = h.money(d, p)
	page.Direct = p.Outside
	one, known := h.Cashier.Provider(p.Provider)
	if known && !p.Outside {
		page.Provider = one.Label()
	}
	if p.AskedAt != nil {
		page.AskedAt = h.clock(*p.AskedAt)
	}
	silent, err := h.silent(ctx, p)
	if err != nil {
		return page, err
	}
	s := situation{OrderDetail: d, payment: p, silent: silent, slow: known && slow(one)}
	page.State, page.Reason = s.face()
	page.Late = s.needs(models.AttentionClearingLate) ||
		page.State == shop.StateConfirming && p.State == models.PaymentProcessing && h.Payments.Now().Sub(p.UpdatedAt) >= slowAfter
	page.Looking = s.needs(models.AttentionPaidAfterCancel, models.AttentionMismatch, models.AttentionUnknown)
	page.Doubtful = s.needs(models.AttentionSoldOut, models.AttentionContradiction)
	switch page.State { //nolint:exhaustive // the others have nothing to pay
	case shop.StateOpen, shop.StateNotPaid, shop.StateStartFailed:
		page.Methods = h.methods(ctx, d.Total.Currency)
		page.Method = preselected(d, p)
		page.CanCancel, page.Held = true, reserved(d)
		if d.HeldUntil != nil {
			page.HeldUntil = h.Shop.Clock(*d.HeldUntil)
		}
		if p.Live && p.State == models.PaymentRedirected {
			page.ContinueURL = p.RedirectURL
		}
	}
	return page, nil
}

// parcel is how far the goods have got. That they are packed is told only while
// they are going to leave.
func parcel(o models.Order) shop.Parcel {
	if o.ShippedAt != nil {
		return shop.Parcel{Left: true, Carrier: o.Carrier, Tracking: o.Tracking}
	}
	return shop.Parcel{Packed: o.PackedAt != nil && o.MayShip() == nil}
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
	live, ok := d.Live()
	if goesOn := ok && chosen(live) == method; !goesOn && !offers(h.methods(c.Request.Context(), d.Total.Currency), method) {
		return h.order(c, http.StatusUnprocessableEntity, d, noMethod(method))
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
		h.Log.InfoContext(c.Request.Context(), "order not sent to its provider", "order", o.ID, "provider", provider, "err", web.Said(err))
	}
	if errors.Is(err, models.ErrSoldOut) {
		v := h.visit(c)
		v.Flash = "Somebody else is buying the last of these. Look again in half an hour, or cancel this order and change it."
		if err := h.Visits.Save(c, v); err != nil {
			return err
		}
	}
	if err == nil && p.State == models.PaymentRedirected && p.RedirectURL != "" {
		c.Redirect(http.StatusSeeOther, p.RedirectURL)
		return nil
	}
	c.Redirect(http.StatusSeeOther, orderURL(o.Token))
	return nil
}

// Cancel is POST /orders/:token/cancel. It asks the provider first. Where the
// money is not as the page said that the form was on, nothing is done: the page
// is shown again as things are now.
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
	if d, err = h.asked(ctx, d, "order page"); err != nil {
		return err
	}
	if reserved(d) != form.Get("reserved") {
		return h.notCancelled(c, d)
	}
	v, to := h.visit(c), orderURL(d.Token)
	err = h.Cashier.Cancel(ctx, d.ID, "by the shopper", models.Cause{Actor: "shopper", Source: "order page"})
	switch {
	case err == nil && form.Get("then") == "cart":
		to, v.Flash = "/cart", "Order "+d.Number()+" is cancelled. Change what you like."
	case err == nil:
	case errors.Is(err, cashier.ErrPaid):
		if d, err = h.Orders.ByToken(ctx, d.Token); err != nil {
			return err
		}
		return h.notCancelled(c, d)
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

// notCancelled is the page of an order about whose money the page before said
// something else.
func (h Pages) notCancelled(c *gin.Context, d models.OrderDetail) error {
	page, err := h.orderPage(c.Request.Context(), d)
	if err != nil {
		return err
	}
	page.Kept = true
	return h.drawOrder(c, http.StatusConflict, d, page)
}

// asked is an order after its provider was asked about the payment that is being
// made: whoever lets go of it must know what money that lets go. Without an
// answer it is the order as we have it.
func (h Pages) asked(ctx context.Context, d models.OrderDetail, source string) (models.OrderDetail, error) {
	live, ok := d.Live()
	if !ok || live.Ref == "" {
		return d, nil
	}
	call, cancel := context.WithTimeout(ctx, settleOnReturn)
	defer cancel()
	_, err := h.Cashier.Settle(call, live.ID, models.Cause{Actor: "shopper", Source: source})
	if errors.Is(err, models.ErrUnavailable) && call.Err() == nil {
		return d, err
	}
	if err != nil { // whoever lets go of it asks the provider to, and hears no or nothing
		h.Log.WarnContext(ctx, "not settled before it is let go", "order", d.ID, "provider", live.Provider, "err", web.Said(err))
	}
	return h.Orders.ByNumber(ctx, d.ID)
}

// reserved is how much of the shopper's money is reserved for an order and not
// taken, in minor units; "" for none.
func reserved(d models.OrderDetail) string {
	var sum int64
	for _, p := range d.Payments {
		sum += p.Held().Minor
	}
	if sum == 0 {
		return ""
	}
	return strconv.FormatInt(sum, 10)
}
