package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/handlers/web"
	"till/models"
	"till/money"

	"github.com/gin-gonic/gin"

	page "till/views/admin"
)

// documents are an order's receipts and credit notes, oldest first.
func (h Pages) documents(ctx context.Context, d models.OrderDetail, k clock) ([]page.Document, error) {
	all, err := models.NewDocuments(h.DB).OfOrder(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	var list []page.Document
	for _, one := range all {
		list = append(list, page.Document{
			ID: one.ID, Label: one.Label(), Credit: one.Kind == models.DocumentCreditNote, Amount: one.Amount.Format(web.Locale), At: k.at(one.At),
		})
	}
	return list, nil
}

// Document is GET /admin/orders/:number/documents/:document: a receipt or credit
// note, to be printed as it was when it was written.
func (h Pages) Document(c *gin.Context) error {
	d, err := h.byNumber(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	id, err := strconv.ParseInt(c.Param("document"), 10, 64)
	if err != nil {
		return fmt.Errorf("%w: document by another word than its number", models.ErrNotFound)
	}
	one, err := models.NewDocuments(h.DB).ByID(ctx, id)
	if err != nil {
		return err
	}
	if one.OrderID != d.ID {
		return fmt.Errorf("%w: no such document of order %s", models.ErrNotFound, d.Number())
	}
	settings, err := h.under(ctx, one.SettingsID)
	if err != nil {
		return err
	}
	p := page.DocumentPage{
		Credit: one.Kind == models.DocumentCreditNote, Label: one.Label(), Test: one.Test,
		Date: one.At.In(h.zone(settings)).Format("Monday 2 January 2006"), Seller: h.seller(settings), Order: d.Number(),
		Name: d.Name, Email: d.Email, Address: web.AddressLines(d.Address), Total: d.Total.Format(web.Locale), Amount: one.Amount.Format(web.Locale),
		Tax: tax(d.Order, one.Amount), Text: textLines(settings.ReceiptText),
	}
	i := slices.IndexFunc(d.Facts, func(f models.Fact) bool { return f.ID == one.FactID })
	if i < 0 {
		return fmt.Errorf("admin: document %d is about no fact of order %s", one.ID, d.Number())
	}
	fact := d.Facts[i]
	p.Again = fact.Kind == models.FactRefundReversed
	if pay, ok := d.Payment(fact.PaymentID); ok && pay.Provider != models.Outside {
		p.Provider, p.Ref = h.label(pay.Provider), cmp.Or(fact.Ref, pay.Ref)
	}
	p.Lines = lines(d)
	if p.Credit || p.Again {
		if p.Lines, err = h.returned(ctx, d, fact); err != nil {
			return err
		}
	}
	p.Frame = h.outside()
	return web.Render(c, http.StatusOK, page.PrintDocument(p))
}

// PackingSlip is GET /admin/orders/:number/packing-slip: what is in the parcel,
// without prices.
func (h Pages) PackingSlip(c *gin.Context) error {
	d, err := h.byNumber(c)
	if err != nil {
		return err
	}
	settings, err := h.under(c.Request.Context(), nil)
	if err != nil {
		return err
	}
	p := page.SlipPage{
		Frame: h.outside(), Order: d.Number(), Test: d.Test, Date: d.CreatedAt.In(h.zone(settings)).Format("Monday 2 January 2006"), Seller: h.seller(settings),
		Name: d.Name, Address: web.AddressLines(d.Address), Carrier: d.Carrier, Tracking: d.Tracking,
	}
	for _, l := range d.Lines {
		p.Lines = append(p.Lines, page.Line{Name: l.Name, Slug: l.Slug, Quantity: l.Quantity})
	}
	var unfit *models.UnfitError
	if errors.As(d.MayShip(), &unfit) && unfit.Why != models.UnfitShipped {
		p.Stop = stays(unfit.Why)
	}
	return web.Render(c, http.StatusOK, page.PrintSlip(p))
}

// under is the settings that a paper was written under, or those of now.
func (h Pages) under(ctx context.Context, id *int64) (models.Settings, error) {
	if id == nil {
		return h.DB.Current(ctx)
	}
	return h.DB.SettingsByID(ctx, *id)
}

func (h Pages) zone(s models.Settings) *time.Location {
	if z, err := models.Zone(s.TimeZone); err == nil && s.TimeZone != "" {
		return z
	}
	return h.Shop.Now().Location
}

// seller is who the shop was, or, where that was never saved, is.
func (h Pages) seller(s models.Settings) page.Seller {
	if s.ID == 0 {
		return page.Seller{Name: h.Shop.Now().Name, Contact: h.Shop.Now().Contact}
	}
	one := page.Seller{Name: s.ShopName, Address: textLines(s.Address), Contact: s.Contact}
	if s.Logo != "" {
		one.Logo = h.Assets.Picture(s.Logo)
	}
	return one
}

// textLines are the lines of a text that is not empty.
func textLines(text string) []string {
	var all []string
	for l := range strings.Lines(text) {
		if l = strings.TrimSpace(l); l != "" {
			all = append(all, l)
		}
	}
	return all
}

// tax is what of an amount is tax: "GST 15 %: NZD 5.48"; empty when none is.
func tax(o models.Order, a money.Amount) string {
	label := models.TaxLabel(o.TaxName, o.TaxRate)
	if label == "" {
		return ""
	}
	return label + ": " + models.IncludedTax(a, o.TaxRate).Format(web.Locale)
}

// returned are the pieces that the refund behind a fact was for.
func (h Pages) returned(ctx context.Context, d models.OrderDetail, fact models.Fact) ([]page.Line, error) {
	op, ok := refundOf(d, fact)
	if !ok {
		return nil, nil
	}
	all, err := h.Payments.RefundLines(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	var list []page.Line
	for _, l := range all {
		i := slices.IndexFunc(d.Lines, func(o models.OrderLine) bool { return o.Position == l.Position })
		if l.OperationID != op.ID || i < 0 {
			continue
		}
		unit := d.Unit(d.Lines[i])
		sum := unit
		sum.Minor *= l.Quantity // no more than the order's total, which was checked for overflow
		list = append(list, page.Line{
			Name: d.Lines[i].Name, Slug: d.Lines[i].Slug, Quantity: l.Quantity, Unit: unit.Format(web.Locale), Total: sum.Format(web.Locale),
		})
	}
	return list, nil
}

// refundOf is the refund that a fact is the end of: the provider's name for it
// says which, or else the time at which both were written.
func refundOf(d models.OrderDetail, fact models.Fact) (best models.Operation, ok bool) {
	var gap time.Duration
	for _, op := range d.Operations {
		if op.PaymentID != fact.PaymentID || op.Kind != models.OperationRefund || op.Amount != fact.Amount {
			continue
		}
		if fact.Ref != "" && op.Ref == fact.Ref {
			return op, true
		}
		if op.Ref != "" && fact.Ref != "" || op.Open() {
			continue
		}
		if away := op.UpdatedAt.Sub(fact.At).Abs(); !ok || away < gap {
			best, gap, ok = op, away, true
		}
	}
	return best, ok
}
