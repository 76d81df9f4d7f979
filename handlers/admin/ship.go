package admin

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"till/handlers/web"
	"till/models"

	"github.com/gin-gonic/gin"

	page "till/views/admin"
)

// parcel is how far an order's goods have got, and what who looks may say about
// that.
func (h Pages) parcel(me models.Staff, d models.OrderDetail, k clock) page.Parcel {
	may := has(me, rightChange)
	return page.Parcel{
		Packed: k.maybe(d.PackedAt), Shipped: k.maybe(d.ShippedAt), Carrier: d.Carrier, Tracking: d.Tracking,
		Pack: may && d.PackedAt == nil && d.MayPack() == nil, Unpack: may && d.MayUnpack() == nil,
		Ship: may && d.MayShip() == nil, Unship: may && d.MayUnship(k.now) == nil,
	}
}

// Pack is POST /admin/orders/:number/pack; Unpack and Unship are the like.
func (h Pages) Pack(c *gin.Context) error {
	return h.moveParcel(c, "Marked as packed.", func(id int64) error { return h.Orders.Pack(c.Request.Context(), id, by(c)) })
}

// Unpack takes back that the goods are packed.
func (h Pages) Unpack(c *gin.Context) error {
	return h.moveParcel(c, "Marked as not packed after all.", func(id int64) error { return h.Orders.Unpack(c.Request.Context(), id, by(c)) })
}

// Unship takes back that the goods have left.
func (h Pages) Unship(c *gin.Context) error {
	return h.moveParcel(c, "Marked as not shipped after all. A mail that was sent stays sent.", func(id int64) error { return h.Orders.Unship(c.Request.Context(), id, by(c)) })
}

func (h Pages) moveParcel(c *gin.Context, said string, move func(id int64) error) error {
	if err := need(c, rightChange); err != nil {
		return err
	}
	d, err := h.byNumber(c)
	if err != nil {
		return err
	}
	if err := move(d.ID); err != nil {
		return h.unfit(c, d.ID, err)
	}
	return h.back(c, orderURL(d.Number()), answer{text: said})
}

// unfit answers with the order as it is now, and why its goods do not move.
func (h Pages) unfit(c *gin.Context, number int64, err error) error {
	var unfit *models.UnfitError
	if !errors.As(err, &unfit) {
		return err
	}
	d, readErr := h.Orders.ByNumber(c.Request.Context(), number)
	if readErr != nil {
		return readErr
	}
	return h.showOrder(c, http.StatusConflict, d, stays(unfit.Why)+" Nothing was changed.")
}

// stays is why goods stay where they are, as a sentence.
func stays(why models.Unfit) string {
	switch why {
	case models.UnfitUnpaid:
		return "The order is not paid."
	case models.UnfitCancelled:
		return "The order is cancelled."
	case models.UnfitReturning:
		return "Its money is going back."
	case models.UnfitReturned:
		return "Its money has gone back."
	case models.UnfitDisputed:
		return "The shopper's bank disputes the payment."
	case models.UnfitShipped:
		return "The goods have left already."
	case models.UnfitNotPacked:
		return "The goods are not marked as packed."
	case models.UnfitNotShipped:
		return "The goods are not marked as shipped."
	case models.UnfitLate:
		return "The goods left longer ago than a day: that is not taken back any more."
	case models.UnfitWords:
		return "The carrier's name or number is too long."
	default:
		return "That is not possible now."
	}
}

// AskShip is GET /admin/orders/:number/ship: with whom the goods left.
func (h Pages) AskShip(c *gin.Context) error {
	if err := need(c, rightChange); err != nil {
		return err
	}
	d, err := h.byNumber(c)
	if err != nil {
		return err
	}
	if err := d.MayShip(); err != nil {
		return h.unfit(c, d.ID, err)
	}
	form := h.draft(c, orderURL(d.Number())+"/ship")
	return h.showShip(c, http.StatusOK, d, page.ShipPage{Carrier: form.Get("carrier"), Tracking: form.Get("tracking")})
}

// Ship is POST to the same: the goods have left. The same form twice is once.
func (h Pages) Ship(c *gin.Context) error {
	if err := need(c, rightChange); err != nil {
		return err
	}
	form, d, err := h.form(c)
	if err != nil {
		return err
	}
	p := page.ShipPage{Carrier: form.Get("carrier"), Tracking: form.Get("tracking")}
	p.Problems.Carrier = tooLong(p.Carrier, models.MaxCarrier)
	p.Problems.Tracking = tooLong(p.Tracking, models.MaxTracking)
	if p.Problems != (page.ShipProblems{}) {
		return h.showShip(c, http.StatusUnprocessableEntity, d, p)
	}
	if err := h.Orders.Ship(c.Request.Context(), d.ID, p.Carrier, p.Tracking, by(c)); err != nil {
		return h.unfit(c, d.ID, err)
	}
	said := "Marked as shipped."
	if h.Shop.Mails {
		said += " The shopper gets a mail about it, once."
	}
	return h.back(c, orderURL(d.Number()), answer{text: said})
}

func tooLong(typed string, most int) string { //nolint:unparam // two limits that happen to be the same
	if len(strings.Join(strings.Fields(typed), " ")) > most {
		return "At most " + strconv.Itoa(most) + " characters, fewer with accents"
	}
	return ""
}

func (h Pages) showShip(c *gin.Context, status int, d models.OrderDetail, p page.ShipPage) error {
	p.Number, p.Address, p.Mails = d.Number(), append([]string{d.Name}, web.AddressLines(d.Address)...), h.Shop.Mails
	var err error
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, status, page.Ship(p))
}
