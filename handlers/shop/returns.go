package shop

import (
	"context"
	"errors"
	"net/http"
	"time"

	"till/handlers/web"
	"till/models"

	"github.com/gin-gonic/gin"
)

// settleOnReturn bounds how long a returning shopper waits for the provider.
const settleOnReturn = 4 * time.Second

// Return is GET and POST /return/:payment/success|error|pending: the way back
// from the provider's page. It needs no cookie, since a provider that POSTs the
// shopper back is another site. It believes neither the last word of its
// address nor a query: it asks.
func (h Pages) Return(c *gin.Context) error {
	switch c.Param("outcome") {
	case "success", "error", "pending":
	default:
		return models.ErrNotFound
	}
	id := c.Param("payment")
	d, err := h.Orders.OfPayment(c.Request.Context(), id)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), settleOnReturn)
	defer cancel()
	_, err = h.Cashier.Settle(ctx, id, models.Cause{Actor: "shopper", Source: "return page"})
	if errors.Is(err, models.ErrUnavailable) && ctx.Err() == nil {
		return err
	}
	if err != nil { // the order page shows what we have; the timer asks again
		h.Log.WarnContext(ctx, "not settled on return", "order", d.ID, "err", web.Said(err))
	}
	c.Redirect(http.StatusSeeOther, orderURL(d.Token))
	return nil
}
