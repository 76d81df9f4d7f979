package admin

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"till/handlers/web"
	"till/models"
	"till/money"

	"github.com/gin-gonic/gin"

	page "till/views/admin"
)

const (
	productsURL = "/admin/products"
	// productsPerPage is how many products a page of the list has.
	productsPerPage = 50
	maxPrice        = 1_000_000_000_000 // in minor units: a cart of fifty lines of 99 still adds up
	maxStock        = 1_000_000_000
)

var slugSyntax = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func productURL(id int64) string { return productsURL + "/" + strconv.FormatInt(id, 10) }

// Shelf is GET /admin/products?status=archived&q=&after=: what is for sale, in
// its order, or what is sold no longer.
func (h Pages) Shelf(c *gin.Context) error { return h.showShelf(c, http.StatusOK, "") }

func (h Pages) showShelf(c *gin.Context, status int, refused string) error {
	ctx := c.Request.Context()
	p := page.ProductsPage{Archived: c.Query("status") == "archived", Query: clean(c.Query("q")), Refused: refused, CanSell: has(member(c), rightSell)}
	position, id, _ := strings.Cut(c.Query("after"), ".")
	f := models.ProductFilter{Archived: p.Archived, Search: p.Query, After: models.Place{Position: cursor(position), ID: cursor(id)}, Limit: productsPerPage}
	rows, more, err := h.Products.List(ctx, f)
	if err != nil {
		return err
	}
	if p.First = f.After == (models.Place{}); len(rows) == 0 {
		if p.Any, err = h.Products.Any(ctx); err != nil {
			return err
		}
	}
	for i, one := range rows {
		p.Products = append(p.Products, page.ProductRow{
			ID: one.ID, Name: one.Name, Slug: one.Slug, Picture: one.Picture, Prices: h.prices(one), Stock: stock(one.Stock), Held: one.Held,
			Position: one.Position, First: i == 0 && p.First, Last: i == len(rows)-1 && !more,
		})
	}
	if more {
		last := rows[len(rows)-1]
		p.Next = fmt.Sprintf("%d.%d", last.Position, last.ID)
	}
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, status, page.Products(p))
}

// prices are those of a product, the shop's currencies first.
func (h Pages) prices(one models.Product) (all []string) {
	for _, currency := range h.Shop.Currencies {
		if price, ok := one.In(currency); ok {
			all = append(all, price.Format(web.Locale))
		}
	}
	return all
}

// stock is how many pieces there are, as it is typed; empty when they are not
// counted.
func stock(n *int64) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(*n, 10)
}

// NewProduct is GET /admin/products/new.
func (h Pages) NewProduct(c *gin.Context) error {
	if err := need(c, rightSell); err != nil {
		return err
	}
	p := page.ProductPage{New: true, CanSell: true}
	if typed := h.draft(c, productsURL+"/new"); typed != nil {
		p.Form, _ = h.productForm(typed)
	} else {
		p.Form = h.formOf(models.Product{})
	}
	return h.showProduct(c, http.StatusOK, p)
}

// AddProduct is POST /admin/products/new.
func (h Pages) AddProduct(c *gin.Context) error { return h.saveProduct(c, models.Product{}) }

// Product is GET /admin/products/:id.
func (h Pages) Product(c *gin.Context) error {
	one, err := h.product(c)
	if err != nil {
		return err
	}
	p := h.pageOf(c, one)
	if typed := h.draft(c, productURL(one.ID)); typed != nil {
		p.Form, _ = h.productForm(typed)
		if p.Form.Version != p.Version {
			p.Refused = "This product was changed while you were away. Below is what you had typed."
		}
	}
	return h.showProduct(c, http.StatusOK, p)
}

// ChangeProduct is POST /admin/products/:id.
func (h Pages) ChangeProduct(c *gin.Context) error {
	one, err := h.product(c)
	if err != nil {
		return err
	}
	return h.saveProduct(c, one)
}

// product is the one that the address names.
func (h Pages) product(c *gin.Context) (models.Product, error) {
	return h.Products.ByID(c.Request.Context(), cursor(c.Param("id")))
}

// saveProduct adds a product, or changes the one given.
func (h Pages) saveProduct(c *gin.Context, one models.Product) error {
	if err := need(c, rightSell); err != nil {
		return err
	}
	form, err := web.Form(c)
	if err != nil {
		return err
	}
	typed, change := h.productForm(form)
	change.ID, change.Actor = one.ID, by(c).Actor
	p := h.pageOf(c, one)
	p.Form = typed
	if typed.Problems != (page.ProductProblems{}) || len(typed.PriceProblems()) > 0 {
		return h.showProduct(c, http.StatusUnprocessableEntity, p)
	}
	saved, err := h.Products.Save(c.Request.Context(), change)
	var sold *models.StockError
	switch {
	case errors.Is(err, models.ErrDuplicate):
		p.Form.Problems.Slug = "Another product has this address, for sale or archived. Choose another one."
		return h.showProduct(c, http.StatusUnprocessableEntity, p)
	case errors.As(err, &sold):
		p.Form.Seen = stock(sold.Now)
		p.Form.Problems.Stock = "There are " + orUncounted(sold.Now) + " by now: pieces were sold or came back after you opened this page. Count again, and save once more."
		p.Refused = "Nothing was saved: the stock is another one by now."
		return h.showProduct(c, http.StatusConflict, p)
	case errors.Is(err, models.ErrStale):
		return h.staleProduct(c, one.ID, typed)
	case err != nil:
		return err
	}
	a := answer{text: "Saved: " + saved.Name + "."}
	if one.ID == 0 {
		a.text = "Added: " + saved.Name + ". It is for sale wherever it has a price. Give it a picture below."
	}
	return h.back(c, productURL(saved.ID), a)
}

func orUncounted(n *int64) string {
	if n == nil {
		return "none that are counted"
	}
	return strconv.FormatInt(*n, 10)
}

// staleProduct shows a product as it is now, and what was typed when somebody
// else was quicker. Saving it once more counts from what is there now.
func (h Pages) staleProduct(c *gin.Context, id int64, typed page.ProductForm) error {
	one, err := h.Products.ByID(c.Request.Context(), id)
	if err != nil {
		return err
	}
	p := h.pageOf(c, one)
	p.Now = h.differing(one, typed)
	if typed.Stock == typed.Seen { // they did not touch it
		typed.Stock = stock(one.Stock)
	}
	typed.Version, typed.Seen = one.Version, stock(one.Stock)
	p.Form = typed
	p.Refused = "Somebody else changed this product while you did. Nothing of yours was saved. The fields hold what you typed; saving again replaces theirs."
	return h.showProduct(c, http.StatusConflict, p)
}

// differing is what a product has now where something else was typed.
func (h Pages) differing(one models.Product, typed page.ProductForm) (all []page.Now) {
	is := h.formOf(one)
	differs := func(label, now, typed string) {
		if now != typed {
			all = append(all, page.Now{Label: label, Text: now})
		}
	}
	differs("Name", is.Name, typed.Name)
	differs("Address", is.Slug, typed.Slug)
	differs("Description", is.Description, typed.Description)
	for i, price := range is.Prices {
		differs("Price in "+price.Currency, price.Typed, typed.Prices[i].Typed)
	}
	differs("Stock", is.Stock, typed.Stock)
	return all
}

// pageOf is the page of a product as it is.
func (h Pages) pageOf(c *gin.Context, one models.Product) page.ProductPage {
	p := page.ProductPage{
		ID: one.ID, New: one.ID == 0, Name: one.Name, Slug: one.Slug, Picture: one.Picture, Version: one.Version, Archived: one.ArchivedAt != nil,
		Held: one.Held, CanSell: has(member(c), rightSell), Form: h.formOf(one),
	}
	if one.ID != 0 {
		p.Changed = h.clock().at(one.UpdatedAt)
	}
	return p
}

func (h Pages) formOf(one models.Product) page.ProductForm {
	f := page.ProductForm{
		Name: one.Name, Slug: one.Slug, Description: one.Description, Stock: stock(one.Stock), Seen: stock(one.Stock), Version: one.Version,
	}
	for _, currency := range h.Shop.Currencies {
		typed := ""
		if price, ok := one.In(currency); ok {
			typed = price.Decimal()
		}
		f.Prices = append(f.Prices, page.ProductPrice{Currency: string(currency), Typed: typed})
	}
	return f
}

// productForm reads what was typed about a product, and what is wrong with it.
func (h Pages) productForm(form url.Values) (page.ProductForm, models.ProductChange) {
	f := page.ProductForm{
		Name: strings.TrimSpace(form.Get("name")), Slug: strings.TrimSpace(form.Get("slug")),
		Description: strings.TrimSpace(strings.ReplaceAll(form.Get("description"), "\r\n", "\n")),
		Stock:       strings.TrimSpace(form.Get("stock")), Seen: strings.TrimSpace(form.Get("seen")), Version: cursor(form.Get("version")),
	}
	if f.Slug == "" {
		f.Slug = slugOf(f.Name)
	}
	f.Problems.Name = unfit(f.Name, 1, 200, false, "Give it a name.")
	f.Problems.Description = unfit(f.Description, 0, 5000, true, "")
	if len(f.Slug) > 80 || !slugSyntax.MatchString(f.Slug) {
		f.Problems.Slug = "Use a to z, 0 to 9 and single hyphens between them, such as tea-bowl; at most 80."
	}
	change := models.ProductChange{Version: f.Version, Slug: f.Slug, Name: f.Name, Description: f.Description, In: h.Shop.Currencies}
	for _, currency := range h.Shop.Currencies {
		one := page.ProductPrice{Currency: string(currency), Typed: strings.TrimSpace(form.Get("price-" + string(currency)))}
		if one.Typed != "" {
			amount, err := money.ParseDecimal(one.Typed, currency)
			if err != nil || amount.Minor <= 0 || amount.Minor > maxPrice {
				one.Problem = "Write an amount above zero such as " + money.Amount{Minor: 1250, Currency: currency}.Decimal() + ", or nothing where it is not sold in " + string(currency) + "."
			} else {
				change.Prices = append(change.Prices, models.Price{Currency: currency, Minor: amount.Minor})
			}
		}
		f.Prices = append(f.Prices, one)
	}
	var ok bool
	if change.Stock, ok = parseStock(f.Stock); !ok {
		f.Problems.Stock = "Write a whole number, or nothing when pieces are not counted."
	}
	if change.Seen, ok = parseStock(f.Seen); !ok {
		f.Seen = ""
	}
	return f, change
}

func parseStock(s string) (*int64, bool) {
	if s == "" {
		return nil, true
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > maxStock || n < -maxStock {
		return nil, false
	}
	return &n, true
}

// unfit says what is wrong with a text; empty when nothing is.
func unfit(s string, least, most int, lines bool, missing string) string {
	n := utf8.RuneCountInString(s)
	switch {
	case n < least:
		return missing
	case n > most:
		return fmt.Sprintf("That is %d characters long, and may have %d.", n, most)
	case !utf8.ValidString(s), strings.ContainsFunc(s, func(r rune) bool { return unicode.IsControl(r) && (!lines || r != '\n') }):
		return "There is a character in it that cannot be shown. Type it again."
	default:
		return ""
	}
}

// slugOf makes a product's address of its name.
func slugOf(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return ' '
	}, strings.Join(models.Words(name), " "))
	slug := strings.Join(strings.Fields(plain), "-")
	if len(slug) > 80 {
		slug = strings.TrimRight(slug[:80], "-")
	}
	return slug
}

func (h Pages) showProduct(c *gin.Context, status int, p page.ProductPage) error {
	var err error
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, status, page.Product(p))
}

// ArchiveProduct is POST /admin/products/:id/archive, and restore.
func (h Pages) ArchiveProduct(archived bool) func(c *gin.Context) error {
	return func(c *gin.Context) error {
		if err := need(c, rightSell); err != nil {
			return err
		}
		one, err := h.product(c)
		if err != nil {
			return err
		}
		if err := h.Products.Archive(c.Request.Context(), one.ID, archived, by(c).Actor); err != nil {
			return err
		}
		a := answer{text: "Archived: " + one.Name + " is no longer sold. Orders keep what they have."}
		if !archived {
			a.text = "Back for sale: " + one.Name + "."
		}
		return h.back(c, productURL(one.ID), a)
	}
}

// MoveProduct is POST /admin/products/:id/up, and down: a place in the list.
func (h Pages) MoveProduct(up bool) func(c *gin.Context) error {
	return func(c *gin.Context) error {
		if err := need(c, rightSell); err != nil {
			return err
		}
		form, err := web.Form(c)
		if err != nil {
			return err
		}
		one, err := h.product(c)
		if err != nil {
			return err
		}
		err = h.Products.Move(c.Request.Context(), one.ID, up, cursor(form.Get("position")), by(c).Actor)
		if errors.Is(err, models.ErrStale) {
			return h.showShelf(c, http.StatusConflict, one.Name+" has another place by now. Nothing was moved; below is the order as it is.")
		}
		if err != nil {
			return err
		}
		return h.back(c, productsURL, answer{text: "Moved: " + one.Name + "."})
	}
}
