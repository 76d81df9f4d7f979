package shop

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"till/handlers/web"
	"till/models"
	"till/money"
	"till/views/shop"

	"github.com/gin-gonic/gin"
)

// basket is the cart with today's prices and stock.
type basket struct {
	lines []basketLine
	total money.Amount
}

type basketLine struct {
	product  models.Product
	quantity int64
	unit     money.Amount // zero when not priced
	sum      money.Amount
	problem  shop.LineProblem
}

// buyable reports whether everything in it can be bought as it stands.
func (b basket) buyable() bool {
	return len(b.lines) > 0 && !slices.ContainsFunc(b.lines, func(l basketLine) bool { return l.problem != shop.ProblemNone })
}

// orderLines copies the basket as an order keeps it.
func (b basket) orderLines() []models.OrderLine {
	lines := make([]models.OrderLine, len(b.lines))
	for i, l := range b.lines {
		lines[i] = models.OrderLine{
			ProductID: l.product.ID, Slug: l.product.Slug, Name: l.product.Name, Picture: l.product.Picture,
			UnitMinor: l.unit.Minor, Quantity: l.quantity,
		}
	}
	return lines
}

// read fills a basket from the shopper's cookie and the catalogue.
func (h Pages) read(ctx context.Context, v web.Visit) (basket, error) {
	b := basket{total: money.Amount{Currency: v.Currency}}
	ids := make([]int64, len(v.Cart))
	for i, l := range v.Cart {
		ids[i] = l.ProductID
	}
	products, err := h.Products.ByIDs(ctx, ids)
	if err != nil {
		return b, err
	}
	own, err := h.held(ctx, v)
	if err != nil {
		return b, err
	}
	for _, l := range v.Cart {
		p, ok := products[l.ProductID]
		if !ok {
			continue // a cookie from before the catalogue began anew
		}
		p.Held -= own[p.ID]
		line := basketLine{product: p, quantity: l.Quantity}
		if line.unit, ok = p.In(v.Currency); ok {
			if line.sum, err = line.unit.Mul(l.Quantity); err != nil {
				return b, err
			}
		}
		line.problem = problem(p, l.Quantity, ok)
		if line.problem == shop.ProblemNone {
			if b.total, err = b.total.Add(line.sum); err != nil {
				return b, err
			}
		}
		b.lines = append(b.lines, line)
	}
	return b, nil
}

// held is what is kept for this browser's own order that waits for its payment:
// it makes room for the next one.
func (h Pages) held(ctx context.Context, v web.Visit) (map[int64]int64, error) {
	d, waits, err := h.waiting(ctx, v)
	if err != nil || !waits {
		return nil, err
	}
	return h.Orders.Held(ctx, d.ID)
}

func problem(p models.Product, quantity int64, priced bool) shop.LineProblem {
	left, counted := p.Available()
	switch {
	case p.ArchivedAt != nil:
		return shop.ProblemWithdrawn
	case !priced:
		return shop.ProblemNotPriced
	case counted && *p.Stock <= 0:
		return shop.ProblemSoldOut
	case counted && left == 0:
		return shop.ProblemKept
	case counted && left < quantity:
		return shop.ProblemTooMany
	default:
		return shop.ProblemNone
	}
}

// Cart is GET /cart.
func (h Pages) Cart(c *gin.Context) error {
	return h.cart(c, http.StatusOK, h.visit(c), "", "")
}

// cart draws the cart; a quantity that could not be read is shown as typed.
func (h Pages) cart(c *gin.Context, status int, v web.Visit, slug, typed string) error {
	ctx := c.Request.Context()
	b, err := h.read(ctx, v)
	if err != nil {
		return err
	}
	page := shop.CartPage{Frame: h.frame(v, "/cart")}
	if b.total.Minor > 0 { // else there is nothing that can be bought, and no sum of it
		page.Total = b.total.Format(web.Locale)
	}
	for _, l := range b.lines {
		line := shop.CartLine{
			Slug: l.product.Slug, Name: l.product.Name, Picture: l.product.Picture, Quantity: strconv.FormatInt(l.quantity, 10), Problem: l.problem,
		}
		if left, counted := l.product.Available(); counted {
			line.Left = int(left)
		}
		if l.unit.Minor != 0 {
			line.Unit, line.Total = l.unit.Format(web.Locale), l.sum.Format(web.Locale)
		}
		if l.product.Slug == slug {
			line.Quantity, line.Problem = typed, shop.ProblemQuantity
		}
		page.Lines = append(page.Lines, line)
	}
	if page.Pending, err = h.pending(ctx, v); err != nil {
		return err
	}
	return h.draw(c, status, v, shop.Cart(page))
}

// pending is the order of this browser that waits for its payment: the newest.
func (h Pages) pending(ctx context.Context, v web.Visit) (*shop.PendingOrder, error) {
	d, ok, err := h.waiting(ctx, v)
	if err != nil || !ok {
		return nil, err
	}
	return &shop.PendingOrder{
		Number: d.Number(), Total: d.Total.Format(web.Locale), URL: orderURL(d.Token), CancelURL: orderURL(d.Token) + "/cancel",
	}, nil
}

// waiting is the newest order of this browser when nobody has paid it yet and
// somebody still may.
func (h Pages) waiting(ctx context.Context, v web.Visit) (d models.OrderDetail, ok bool, err error) {
	if len(v.Orders) == 0 {
		return d, false, nil
	}
	d, err = h.Orders.ByToken(ctx, v.Orders[0])
	if err != nil {
		return d, false, ignoreMissing(err)
	}
	switch d.Status {
	case models.OrderIssued, models.OrderViewed, models.OrderFailed, models.OrderRejected, models.OrderOverdue:
		return d, true, nil
	default:
		return d, false, nil
	}
}

// AddLine is POST /cart/lines: a product into the cart, on top of those there.
func (h Pages) AddLine(c *gin.Context) error {
	form, err := web.Form(c)
	if err != nil {
		return err
	}
	slug, typed := form.Get("product"), form.Get("quantity")
	p, err := h.Products.BySlug(c.Request.Context(), slug)
	if err != nil {
		return err
	}
	if typed == "" {
		typed = "1"
	}
	n, ok := quantity(typed)
	if !ok || n == 0 {
		return h.product(c, http.StatusUnprocessableEntity, slug, typed, "Type a whole number from 1 to 99.")
	}
	v := h.visit(c)
	sum := min(v.Quantity(p.ID)+n, web.MaxQuantity)
	if !v.Set(p.ID, sum) {
		return h.product(c, http.StatusUnprocessableEntity, slug, typed, "Your cart has room for 50 different things. Take something out first.")
	}
	v.Flash = fmt.Sprintf("Added %s to your cart.", p.Name)
	if err := h.Visits.Save(c, v); err != nil {
		return err
	}
	c.Redirect(http.StatusSeeOther, "/cart")
	return nil
}

// SetLine is POST /cart/lines/:product: so many of a product; 0 removes it.
func (h Pages) SetLine(c *gin.Context) error {
	form, err := web.Form(c)
	if err != nil {
		return err
	}
	v, slug, typed := h.visit(c), c.Param("product"), form.Get("quantity")
	b, err := h.read(c.Request.Context(), v)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(b.lines, func(l basketLine) bool { return l.product.Slug == slug })
	if i < 0 {
		return models.ErrNotFound
	}
	n, ok := quantity(typed)
	if !ok {
		return h.cart(c, http.StatusUnprocessableEntity, v, slug, typed)
	}
	v.Set(b.lines[i].product.ID, n)
	if n == 0 {
		v.Flash = fmt.Sprintf("Removed %s.", b.lines[i].product.Name)
	}
	if err := h.Visits.Save(c, v); err != nil {
		return err
	}
	c.Redirect(http.StatusSeeOther, "/cart")
	return nil
}

// quantity reads what was typed: 0 to 99.
func quantity(typed string) (n int64, ok bool) {
	n, err := strconv.ParseInt(strings.TrimSpace(typed), 10, 64)
	return n, err == nil && n >= 0 && n <= web.MaxQuantity
}
