package shop

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"till/handlers/web"
	"till/models"
	"till/views/shop"

	"github.com/gin-gonic/gin"
)

// Receipt is GET /orders/:token/receipt. An order without money has none. It has
// the numbers of the order's documents, and stays as it was when the first of
// them was written, whatever the shop is called since.
func (h Pages) Receipt(c *gin.Context) error {
	ctx := c.Request.Context()
	d, err := h.Orders.ByToken(ctx, c.Param("token"))
	if err != nil {
		return err
	}
	p, ok := current(d)
	if !ok || d.PaidAt == nil {
		return models.ErrNotFound
	}
	v := h.visit(c)
	frame := h.frame(v, orderURL(d.Token))
	papers, err := models.NewDocuments(h.DB).OfOrder(ctx, d.ID)
	if err != nil {
		return err
	}
	first := slices.IndexFunc(papers, func(one models.Document) bool { return one.Kind == models.DocumentReceipt })
	if first >= 0 {
		if h.Shop, err = h.under(ctx, papers[first].SettingsID); err != nil {
			return err
		}
	}
	then := h.Shop.Now()
	page := shop.ReceiptPage{
		Frame: frame, Number: d.Number(), Token: d.Token, PlacedAt: h.Shop.Moment(d.CreatedAt), PaidAt: h.Shop.Moment(*d.PaidAt),
		Ref: p.Ref, Lines: orderLines(d), Total: d.Total.Format(web.Locale), Name: d.Name, Email: d.Email, Address: web.AddressLines(d.Address),
		Money: h.money(d, p), Direct: p.Outside, Shop: then.Name, Logo: then.Logo, Note: then.Receipt,
	}
	if then.Address != "" {
		page.Seller = strings.Split(then.Address, "\n")
	}
	if one, ok := h.Cashier.Provider(p.Provider); ok && !p.Outside {
		page.Provider = one.Label()
	}
	if first >= 0 {
		page.Label, page.Tax = papers[first].Label(), h.tax(d.Order, papers[first])
		for i, one := range papers {
			if i != first {
				page.Papers = append(page.Papers, shop.Paper{
					Label: one.Label(), Credit: one.Kind == models.DocumentCreditNote, Amount: one.Amount.Format(web.Locale), Day: h.day(one.At), Tax: h.tax(d.Order, one),
				})
			}
		}
	}
	return h.draw(c, http.StatusOK, v, shop.Receipt(page))
}

// under is the shop as it was under some settings; as it is now for none.
func (h Pages) under(ctx context.Context, id *int64) (web.Shop, error) {
	if id == nil {
		return h.Shop, nil
	}
	set, err := h.DB.SettingsByID(ctx, *id)
	then := h.Shop
	then.Live = func() models.Settings { return set }
	return then, err
}

// tax is what of a document's amount is tax: "GST 15 %: NZD 5.48"; empty when
// none is.
func (h Pages) tax(o models.Order, one models.Document) string {
	label := models.TaxLabel(o.TaxName, o.TaxRate)
	if label == "" {
		return ""
	}
	return label + ": " + models.IncludedTax(one.Amount, o.TaxRate).Format(web.Locale)
}
