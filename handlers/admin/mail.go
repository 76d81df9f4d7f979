package admin

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"till/handlers/web"
	"till/models"
	"till/money"
	"till/views/mail"

	"github.com/gin-gonic/gin"

	page "till/views/admin"
)

// Resend is POST /admin/orders/:number/mails/:mail/resend: sends a mail once
// more. A double click is once.
func (h Pages) Resend(c *gin.Context) error {
	if err := need(c, rightChange); err != nil {
		return err
	}
	d, err := h.byNumber(c)
	if err != nil {
		return err
	}
	id, err := strconv.ParseInt(c.Param("mail"), 10, 64)
	if err != nil {
		return models.ErrNotFound
	}
	if !h.Shop.Mails {
		return h.showOrder(c, http.StatusConflict, d, "No mail server is set, so that mails are only kept here. Nothing was sent.")
	}
	again, err := h.Mails.Resend(c.Request.Context(), d.ID, id, by(c))
	switch {
	case errors.Is(err, models.ErrUnwritten):
		return h.showOrder(c, http.StatusConflict, d, "The mail is still to be written, and is sent by itself then. Nothing was done.")
	case err != nil:
		return err
	case !again:
		return h.back(c, orderURL(d.Number()), answer{text: "It was sent once more less than a minute ago. It is not sent again now."})
	}
	return h.back(c, orderURL(d.Number()), answer{text: "The mail is on its way once more."})
}

// refundedMail is the mail that the shopper gets when an amount of a payment has
// gone back, as the job that sends it writes it.
func (h Pages) refundedMail(d models.OrderDetail, pay models.Payment, amount money.Amount, outside bool) page.MailText {
	m := mail.Refunded{
		ShopName: h.Shop.Now().Name, Contact: h.Shop.Now().Contact, Number: d.Number(), Name: d.Name, Amount: amount.Format(web.Locale),
		OrderURL: h.Shop.PublicURL + "/orders/" + url.PathEscape(d.Token),
	}
	if !outside {
		if p, ok := h.Cashier.Provider(pay.Provider); ok {
			m.Provider = p.Label()
		}
	}
	if left := keeps(d, amount); left.Minor > 0 {
		m.Left = left.Format(web.Locale)
	}
	return page.MailText{To: d.Email, Subject: m.Subject(), Text: m.Text()}
}

// keeps is what of an order's money stays here when an amount more has gone back.
func keeps(d models.OrderDetail, amount money.Amount) money.Amount {
	left := money.Amount{Minor: -amount.Minor, Currency: d.Total.Currency}
	for _, p := range d.Payments {
		left.Minor += p.Captured - p.Refunded
	}
	return left
}
