package admin

import (
	"strconv"
	"strings"

	"till/models"

	"github.com/gin-gonic/gin"
)

// Recompute is POST /admin/orders/:number/recompute: derives what is stored
// about an order from its history once more, and mends what differs.
func (h Pages) Recompute(c *gin.Context) error {
	if err := need(c, rightChange); err != nil {
		return err
	}
	d, err := h.byNumber(c)
	if err != nil {
		return err
	}
	r, err := h.Orders.Recompute(c.Request.Context(), d.ID, by(c))
	if err != nil {
		return err
	}
	if len(r.Mended) > 0 {
		h.Log.ErrorContext(c.Request.Context(), "stored rows did not follow from the ledger", "order", d.ID, "mended", len(r.Mended), "left", len(r.Left))
	}
	return h.back(c, orderURL(d.Number()), recomputed(r))
}

// recomputed says what came of it.
func recomputed(r models.Recomputed) answer {
	if len(r.Mended)+len(r.Left) == 0 {
		return answer{text: "Everything agrees: " + many(r.Facts, "fact", "facts") + " of " + many(r.Payments, "payment", "payments") + " come to what is stored. Nothing was changed."}
	}
	var said []string
	if len(r.Mended) > 0 {
		said = append(said, "Mended from history: "+findings(r.Mended)+".")
	}
	if len(r.Left) > 0 {
		said = append(said, "Left as it is, because no rule says what is right: "+findings(r.Left)+". Somebody who knows the database must look.")
	}
	return answer{text: strings.Join(said, " "), alarm: true}
}

func findings(all []models.Finding) string {
	texts := make([]string, len(all))
	for i, f := range all {
		texts[i] = f.Text()
	}
	return strings.Join(texts, "; ")
}

// many is a number of things with their word.
func many(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + more
}
