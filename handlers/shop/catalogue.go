package shop

import (
	"net/http"

	"till/handlers/web"
	"till/models"
	"till/money"
	"till/views/shop"

	"github.com/gin-gonic/gin"
)

// Home is GET /: the shelf.
func (h Pages) Home(c *gin.Context) error {
	products, err := h.Products.All(c.Request.Context())
	if err != nil {
		return err
	}
	v := h.visit(c)
	page := shop.HomePage{Frame: h.frame(v, "/"), Headline: h.Shop.Now().Headline, Intro: h.Shop.Now().Intro}
	for _, p := range products {
		price, availability := offer(p, v.Currency)
		page.Products = append(page.Products, shop.Card{Slug: p.Slug, Name: p.Name, Picture: p.Picture, Price: price, Availability: availability})
	}
	return h.draw(c, http.StatusOK, v, shop.Home(page))
}

// offer is what a product costs in a currency, and whether it can be had.
func offer(p models.Product, currency money.Currency) (price string, a shop.Availability) {
	amount, ok := p.In(currency)
	if !ok {
		return "", shop.NotPriced
	}
	if p.Stock != nil && *p.Stock <= 0 {
		a = shop.SoldOut
	}
	return amount.Format(web.Locale), a
}

// Product is GET /products/:slug.
func (h Pages) Product(c *gin.Context) error {
	return h.product(c, http.StatusOK, c.Param("slug"), "", "")
}

func (h Pages) product(c *gin.Context, status int, slug, quantity, problem string) error {
	p, err := h.Products.BySlug(c.Request.Context(), slug)
	if err != nil {
		return err
	}
	v := h.visit(c)
	page := shop.ProductPage{
		Frame: h.frame(v, "/products/"+p.Slug), Slug: p.Slug, Name: p.Name, Description: p.Description, Picture: p.Picture,
		Quantity: quantity, Problem: problem,
	}
	page.Price, page.Availability = offer(p, v.Currency)
	for _, price := range p.Prices {
		page.SoldIn = append(page.SoldIn, string(price.Currency))
	}
	return h.draw(c, status, v, shop.Product(page))
}
