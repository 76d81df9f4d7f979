package admin

import (
	"context"
	"errors"
	"strconv"
	"time"

	"till/models"
	"till/providers"

	"github.com/gin-gonic/gin"
)

// settleFor bounds how long staff wait for a provider's answer.
const settleFor = 10 * time.Second

// Settle is POST /admin/orders/:number/payments/:payment/settle: asks the
// provider now. The order page says what came of it.
func (h Pages) Settle(c *gin.Context) error {
	if err := need(c, rightChange); err != nil {
		return err
	}
	d, err := h.byNumber(c)
	if err != nil {
		return err
	}
	p, ok := d.Payment(c.Param("payment"))
	if !ok {
		return noPayment(d)
	}
	sentence := h.askable(d, p)
	if sentence == "" {
		ctx, cancel := context.WithTimeout(c.Request.Context(), settleFor)
		defer cancel()
		after, err := h.Cashier.Settle(ctx, p.ID, by(c))
		if sentence, err = h.outcome(p, after, err); err != nil {
			return err
		}
	}
	return h.back(c, orderURL(d.Number()), answer{text: sentence})
}

// outcome is what came of a question, as a sentence. What is not the provider's
// doing stays an error.
func (h Pages) outcome(before, after models.Payment, err error) (string, error) {
	label := h.label(before.Provider)
	var call *providers.Error
	switch {
	case err == nil:
	case errors.Is(err, models.ErrStale):
		return "Somebody else was asking at the same time. The payment is " + string(after.State) + ".", nil
	case errors.Is(err, models.ErrUnavailable), !errors.As(err, &call):
		return "", err
	default:
		return h.noAnswer(label, after, call), nil
	}
	said := label + " gave no word."
	if after.Word != "" {
		said = label + " says: " + clean(after.Word) + "."
	}
	if before.State == after.State {
		return said + " The payment is " + string(after.State) + ", as before.", nil
	}
	return said + " The payment was " + string(before.State) + " and is " + string(after.State) + " now.", nil
}

// noAnswer is why a question had no usable answer, and when it is asked again.
func (h Pages) noAnswer(label string, after models.Payment, call *providers.Error) string {
	why := label + " did not answer"
	switch call.Kind {
	case providers.KindUnavailable:
		if call.Status != 0 {
			why = label + " could not answer (HTTP " + strconv.Itoa(call.Status) + ")"
		}
	case providers.KindUnreachable:
		why = label + " could not be reached"
	case providers.KindUnauthorized:
		why = label + " does not accept our credentials (HTTP " + strconv.Itoa(call.Status) + "), so check its settings"
	case providers.KindRejected:
		why = label + " refused the question (HTTP " + strconv.Itoa(call.Status) + ")"
	}
	if after.AskAt == nil {
		return why + ". Nothing was changed."
	}
	return why + "; we ask again " + h.clock().soon(*after.AskAt) + ". Nothing was changed."
}
