// Package shop is where shoppers' requests come in: shelf, cart, checkout, the
// way back from the provider, and the order page.
package shop

import (
	"crypto/rand"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"till/cashier"
	"till/handlers/web"
	"till/models"
	"till/money"
	"till/views/shop"
	"till/views/ui"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"
)

// Pages is every page of the shop. All fields are required.
type Pages struct {
	Log      *slog.Logger
	Shop     web.Shop
	Assets   ui.Assets
	Visits   *web.Visits
	DB       *models.DB
	Products *models.Products
	Orders   *models.Orders
	Payments *models.Payments
	Cashier  *cashier.Cashier
	NewID    func() string
}

var byShopper = models.Cause{Actor: "shopper", Source: "checkout"}

// visit is the browser's visit, with a currency that the shop has.
func (h Pages) visit(c *gin.Context) web.Visit {
	v := h.Visits.Get(c)
	if !slices.Contains(h.Shop.Currencies, v.Currency) {
		v.Currency = h.Shop.Currencies[0]
	}
	return v
}

// frame is what surrounds a page for this browser.
func (h Pages) frame(v web.Visit, back string) ui.Frame {
	now := h.Shop.Now()
	f := ui.Frame{
		ShopName: now.Name, Logo: now.Logo, Assets: h.Assets, Currency: string(v.Currency), CartCount: v.Pieces(), Back: back,
		Flash: v.Flash, Contact: now.Contact, Demo: h.Shop.Demo,
	}
	for _, c := range h.Shop.Currencies {
		f.Currencies = append(f.Currencies, string(c))
	}
	return f
}

// draw draws a page. A flash is shown once.
func (h Pages) draw(c *gin.Context, status int, v web.Visit, page templ.Component) error {
	if v.Flash != "" {
		v.Flash = ""
		if err := h.Visits.Save(c, v); err != nil {
			return err
		}
	}
	return web.Render(c, status, page)
}

// Problem is the page for an error.
func (h Pages) Problem(c *gin.Context, status int) templ.Component {
	p := shop.ProblemPage{Frame: h.frame(h.visit(c), "/"), Status: status, RequestID: web.RequestID(c)}
	if token := c.Param("token"); token != "" && status >= 500 {
		p.OrderURL = orderURL(token)
	}
	if status == http.StatusServiceUnavailable {
		p.RetrySeconds = 10
	}
	if status == http.StatusTooManyRequests || status >= 500 {
		p.RetryURL = retry(c)
	}
	return shop.Problem(p)
}

// retry is the page to look at again when a request could not be answered: the
// same one, or the one with the form that was sent. What was sent is not sent
// again.
func retry(c *gin.Context) string {
	path := c.Request.URL.Path
	switch {
	case c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead || strings.HasPrefix(path, "/return/"):
		return local(c.Request.URL.RequestURI())
	case c.Param("token") != "":
		return orderURL(c.Param("token"))
	case strings.HasPrefix(path, "/cart/"):
		return "/cart"
	case path == "/checkout":
		return path
	default:
		return "/"
	}
}

// Currency is POST /currency: the prices to show from now on. An amount in the
// cart belongs to no currency, so the cart stays.
func (h Pages) Currency(c *gin.Context) error {
	form, err := web.Form(c)
	if err != nil {
		return err
	}
	v := h.visit(c)
	if chosen := money.Currency(form.Get("currency")); slices.Contains(h.Shop.Currencies, chosen) && chosen != v.Currency {
		v.Currency, v.Form = chosen, rand.Text() // other prices are another checkout
		if err := h.Visits.Save(c, v); err != nil {
			return err
		}
	}
	c.Redirect(303, local(form.Get("back")))
	return nil
}

// local is a path of ours, or the home page: a form must not lead elsewhere.
func local(path string) string {
	if len(path) > 0 && len(path) < 300 && path[0] == '/' && (len(path) == 1 || path[1] != '/' && path[1] != '\\') && !hasControl(path) {
		return path
	}
	return "/"
}

func hasControl(s string) bool {
	return slices.ContainsFunc([]byte(s), func(b byte) bool { return b < 0x20 || b == 0x7f || b == '\\' })
}

func orderURL(token string) string { return "/orders/" + token }
