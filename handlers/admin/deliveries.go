package admin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"till/handlers/web"
	"till/models"
	"till/providers"
	"till/views/ui"

	"github.com/gin-gonic/gin"

	page "till/views/admin"
)

const (
	deliveriesURL = "/admin/deliveries"
	// wiresPerPage is how many callbacks, or mails, a page has.
	wiresPerPage = 50
	// refusedDays is how far back refused callbacks are shown, in days.
	refusedDays = 14
)

// Wires is GET /admin/deliveries?way=&provider=&verdict=&before=&after=: what
// came in or went out, newest first. What the address says and we cannot read
// is left out.
func (h Pages) Wires(c *gin.Context) error {
	p := page.DeliveriesPage{Way: page.WayIn}
	fill := h.callbacks
	if c.Query("way") == string(page.WayOut) {
		p.Way, p.Unsent, fill = page.WayOut, !h.Shop.Mails, h.mailsOut
	}
	if err := fill(c, &p); err != nil {
		return err
	}
	var err error
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, http.StatusOK, page.Deliveries(p))
}

// callbacks is one page of callbacks.
func (h Pages) callbacks(c *gin.Context, p *page.DeliveriesPage) error {
	ctx, k := c.Request.Context(), h.clock()
	p.Provider, p.Verdict = clean(c.Query("provider")), page.Verdict(clean(c.Query("verdict")))
	for _, one := range h.Cashier.Providers() {
		p.Providers = append(p.Providers, ui.Option{Value: one.Name(), Label: one.Label()})
	}
	var rows []models.DeliveryRow
	err := h.wires(c, p, func(before, after int64) (ids []int64, more bool, err error) {
		rows, more, err = h.Deliveries.List(ctx, models.DeliveryFilter{
			Provider: p.Provider, Verdict: models.DeliveryVerdict(p.Verdict), Before: before, After: after, Limit: wiresPerPage,
		})
		for _, r := range rows {
			ids = append(ids, r.ID)
		}
		return ids, more, err
	})
	if err != nil {
		return err
	}
	for _, r := range rows {
		p.In = append(p.In, h.wire(r.Delivery, r.OrderID, k))
	}
	if p.Newer != "" {
		return nil
	}
	refused, err := h.Deliveries.RefusalsSince(ctx, k.now.UTC().AddDate(0, 0, 1-refusedDays).Format(time.DateOnly))
	for _, r := range refused {
		p.Refusals = append(p.Refusals, page.Refusal{Day: r.Day, Provider: h.label(r.Provider), Reason: r.Reason, Times: r.Times})
	}
	return err
}

// mailsOut is one page of mails. Whose they are is for those who work with
// orders.
func (h Pages) mailsOut(c *gin.Context, p *page.DeliveriesPage) error {
	k, reads := h.clock(), has(member(c), rightChange)
	var rows []models.Mail
	err := h.wires(c, p, func(before, after int64) (ids []int64, more bool, err error) {
		rows, more, err = h.Mails.List(c.Request.Context(), before, after, wiresPerPage)
		for _, r := range rows {
			ids = append(ids, r.ID)
		}
		return ids, more, err
	})
	if err != nil {
		return err
	}
	for _, m := range rows {
		one := page.MailRow{
			Kind: page.MailKind(m.Kind), Order: strconv.FormatInt(m.OrderID, 10), State: h.mailState(m), Attempts: m.Attempts,
			At: k.at(m.CreatedAt), Sent: k.maybe(m.SentAt),
		}
		if reads {
			one.To = m.Recipient
		}
		p.Out = append(p.Out, one)
	}
	return nil
}

func (h Pages) mailState(m models.Mail) page.MailState {
	switch {
	case m.SentAt != nil:
		return page.MailSent
	case m.RefusedAt != nil:
		return page.MailRefused
	case !h.Shop.Mails:
		return page.MailKept
	default:
		return page.MailWaiting
	}
}

// wires reads one page of a list by its IDs, newest first, and says where the
// next ones are.
func (h Pages) wires(c *gin.Context, p *page.DeliveriesPage, list func(before, after int64) (ids []int64, more bool, err error)) error {
	before, after := cursor(c.Query("before")), cursor(c.Query("after"))
	ids, more, err := list(before, after)
	if err == nil && after > 0 && before == 0 && !more { // the way back ends at the first page, and that is a full one
		after = 0
		ids, more, err = list(0, 0)
	}
	if err != nil {
		return err
	}
	switch {
	case len(ids) == 0 && before > 0:
		p.Newer = strconv.FormatInt(before-1, 10)
	case len(ids) == 0:
	default:
		if before > 0 || after > 0 {
			p.Newer = strconv.FormatInt(ids[0], 10)
		}
		if more || after > 0 {
			p.Older = strconv.FormatInt(ids[len(ids)-1], 10)
		}
	}
	return nil
}

// wire is one callback as the list has it.
func (h Pages) wire(d models.Delivery, order *int64, k clock) page.DeliveryRow {
	one := page.DeliveryRow{
		ID: d.ID, Provider: h.label(d.Provider), EventID: d.EventID, Ref: d.Ref, Word: d.Word, Verdict: page.Verdict(d.Verdict),
		Times: d.Times, At: k.at(d.ReceivedAt),
	}
	if order != nil {
		one.Order = strconv.FormatInt(*order, 10)
	}
	return one
}

// Wire is GET /admin/deliveries/:id: one callback, with what was made of it.
func (h Pages) Wire(c *gin.Context) error {
	d, err := h.deliveryByID(c)
	if err != nil {
		return err
	}
	ctx, k := c.Request.Context(), h.clock()
	p := page.DeliveryPage{Last: k.at(d.LastAt), Settled: k.maybe(d.SettledAt), Body: d.Body, CanAgain: has(member(c), rightChange)}
	var number *int64
	if d.PaymentID != nil {
		p.Payment = *d.PaymentID
		order, err := h.Orders.OfPayment(ctx, p.Payment)
		if err != nil {
			return err
		}
		number = &order.ID
		order.Events = slices.DeleteFunc(order.Events, func(e models.Event) bool { return e.Source != models.DeliverySource(d.ID) })
		order.Facts = slices.DeleteFunc(order.Facts, func(f models.Fact) bool { return f.Source != models.DeliverySource(d.ID) })
		p.Timeline = h.timeline(order, k)
	}
	p.Row = h.wire(d, number, k)
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, http.StatusOK, page.DeliveryDetail(p))
}

// deliveryByID is the callback that the address means, or models.ErrNotFound.
func (h Pages) deliveryByID(c *gin.Context) (models.Delivery, error) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil || strconv.FormatInt(id, 10) != c.Param("id") {
		return models.Delivery{}, fmt.Errorf("%w: callback by another word than its number", models.ErrNotFound)
	}
	return h.Deliveries.ByID(c.Request.Context(), id)
}

// Redeliver is POST /admin/deliveries/:id/redeliver: follows a callback as if it
// came now. Its provider is asked, so doing it twice changes nothing.
func (h Pages) Redeliver(c *gin.Context) error {
	if err := need(c, rightChange); err != nil {
		return err
	}
	d, err := h.deliveryByID(c)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), settleFor)
	defer cancel()
	cause := models.Cause{Actor: by(c).Actor, Source: models.DeliverySource(d.ID)}
	said, settled, err := h.follow(ctx, d, cause)
	if err != nil {
		return err
	}
	if err := h.Deliveries.Redelivered(context.WithoutCancel(ctx), d.ID, settled, said, cause); err != nil {
		return err
	}
	return h.back(c, deliveriesURL+"/"+strconv.FormatInt(d.ID, 10), answer{text: said, alarm: !settled})
}

// follow settles the payment that a callback is about, as the job does that
// comes with it, and says what came of it.
func (h Pages) follow(ctx context.Context, d models.Delivery, cause models.Cause) (said string, settled bool, err error) {
	label := h.label(d.Provider)
	var pay models.Payment
	if d.PaymentID != nil {
		pay, err = h.Payments.ByID(ctx, *d.PaymentID)
	} else {
		pay, err = h.Deliveries.Match(ctx, d.ID)
	}
	if errors.Is(err, models.ErrNotFound) {
		return "Still nobody here knows a payment with this reference. Nothing was changed.", false, nil
	}
	if err != nil {
		return "", false, err
	}
	if _, ok := h.Cashier.Provider(pay.Provider); !ok {
		return label + " is not set up here any more. Set it up again to ask it.", false, nil
	}
	after := pay
	if pay.Ref == "" {
		after, err = h.Cashier.Adopt(ctx, pay.ID, d.Ref, cause)
	}
	if err == nil && after.Ref != "" {
		after, err = h.Cashier.Settle(ctx, pay.ID, cause)
	}
	said, failed := h.outcome(pay, after, err)
	var call *providers.Error
	switch {
	case failed != nil:
		return "", false, failed
	case after.Ref == "" && err == nil:
		return "Our own start of this payment has no answer yet, so it cannot be settled. We ask again by ourselves.", false, nil
	case errors.As(err, &call):
		return said, false, nil
	default:
		return said, true, nil
	}
}
