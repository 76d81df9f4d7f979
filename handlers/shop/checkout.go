package shop

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/mail"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"till/cashier"
	"till/handlers/web"
	"till/models"
	"till/money"
	"till/views/shop"

	"github.com/gin-gonic/gin"
)

const (
	// similarFor is how long ago much the same may have been bought without
	// asking whether it is meant.
	similarFor = time.Hour
)

// Checkout is GET /checkout: one page between cart and payment.
func (h Pages) Checkout(c *gin.Context) error {
	v := h.visit(c)
	b, err := h.read(c.Request.Context(), v)
	if err != nil {
		return err
	}
	if !b.buyable() { // the cart says what stands in the way
		c.Redirect(http.StatusSeeOther, "/cart")
		return nil
	}
	if v.Form == "" {
		v.Form = rand.Text()
		if err := h.Visits.Save(c, v); err != nil {
			return err
		}
	}
	page := h.checkoutPage(v, b, h.methods(c.Request.Context(), v.Currency), checkoutForm{})
	return h.draw(c, http.StatusOK, v, shop.Checkout(page))
}

// checkoutForm is the form as it was sent.
type checkoutForm struct {
	shop.CheckoutForm
	key   string // of the form
	shown shown
}

// checkoutPage is the page for a basket, with what was typed.
func (h Pages) checkoutPage(v web.Visit, b basket, methods []shop.Method, f checkoutForm) shop.CheckoutPage {
	page := shop.CheckoutPage{
		Frame: h.frame(v, "/checkout"), Form: f.CheckoutForm, Countries: web.Countries(), Methods: methods,
		Total: b.total.Format(web.Locale), Key: v.Form, Shown: b.shown().String(),
	}
	for _, l := range b.lines {
		page.Lines = append(page.Lines, shop.Line{
			Name: l.product.Name, Picture: l.product.Picture, Quantity: int(l.quantity), Unit: l.unit.Format(web.Locale), Total: l.sum.Format(web.Locale),
		})
	}
	return page
}

// Submit is POST /checkout: an order, its payment, and the way to the provider.
// Sent twice it is one order, and leads to the same place.
func (h Pages) Submit(c *gin.Context) error {
	ctx := c.Request.Context()
	posted, err := web.Form(c)
	if err != nil {
		return err
	}
	v := h.visit(c)
	b, err := h.read(ctx, v)
	if err != nil {
		return err
	}
	f := readCheckout(posted)
	if len(b.lines) == 0 {
		return h.ordered(c, v, f)
	}
	if !b.buyable() {
		c.Redirect(http.StatusSeeOther, "/cart")
		return nil
	}
	methods := h.methods(ctx, v.Currency)
	again := func(change func(*shop.CheckoutPage)) error {
		page := h.checkoutPage(v, b, methods, f)
		change(&page)
		return h.draw(c, http.StatusUnprocessableEntity, v, shop.Checkout(page))
	}
	f.check(methods)
	if len(f.Problems) > 0 {
		return again(func(*shop.CheckoutPage) {})
	}
	placement, old, err := h.placement(ctx, &v, b, f)
	if err != nil {
		return err
	}
	if old != nil {
		return h.send(c, *old, f.Method, byShopper)
	}
	if change, moved := f.shown.compare(b); moved {
		return again(func(p *shop.CheckoutPage) { p.PriceChange, p.CartChanged = change, change == nil })
	}
	if !f.Again {
		earlier, err := h.earlier(ctx, v, placement.Order)
		if err != nil {
			return err
		}
		if earlier != nil {
			return again(func(p *shop.CheckoutPage) { p.Earlier = earlier })
		}
	}
	return h.place(c, v, placement, f.Method)
}

// place writes the order and sends the shopper on. Something that was sold out
// since the basket was read is the cart's to tell.
func (h Pages) place(c *gin.Context, v web.Visit, p models.Placement, method string) error {
	order, _, err := h.Orders.Place(c.Request.Context(), p, byShopper)
	if errors.Is(err, models.ErrSoldOut) {
		c.Redirect(http.StatusSeeOther, "/cart")
		return nil
	}
	if err != nil {
		return err
	}
	v.Ordered(order.Token)
	if err := h.Visits.Save(c, v); err != nil {
		return err
	}
	return h.send(c, order, method, byShopper)
}

// ordered is for a form that comes when the cart is empty: sent again after its
// order was paid, or from a browser without cookies.
func (h Pages) ordered(c *gin.Context, _ web.Visit, f checkoutForm) error {
	to := "/cart"
	if f.key != "" {
		old, err := h.Orders.ByCheckout(c.Request.Context(), f.key)
		if err == nil {
			to = orderURL(old.Token)
		} else if !errors.Is(err, models.ErrNotFound) {
			return err
		}
	}
	c.Redirect(http.StatusSeeOther, to)
	return nil
}

// placement is the order that a form and a basket make, or the one that they
// made before. An order that was closed since does not count: the form begins
// another one, the same for every copy of it.
func (h Pages) placement(ctx context.Context, v *web.Visit, b basket, f checkoutForm) (models.Placement, *models.Order, error) {
	lines := b.orderLines()
	order := models.Order{
		Token: rand.Text(), Fingerprint: models.Fingerprint(f.Email, lines), Email: strings.ToLower(f.Email), Name: f.Name,
		Address: models.Address{Line1: f.Line1, Line2: f.Line2, City: f.City, Region: f.Region, Postcode: f.Postcode, Country: f.Country},
		Total:   b.total, Test: h.Shop.Demo, DueAt: h.Payments.Now().Add(h.Shop.OpenFor()),
	}
	if f.key != "" {
		v.Form = f.key
	}
	for {
		order.CheckoutKey = models.CheckoutKey(v.Form, order, lines)
		old, err := h.Orders.ByCheckoutKey(ctx, order.CheckoutKey)
		switch {
		case errors.Is(err, models.ErrNotFound):
			return models.Placement{Order: order, Lines: lines, Payment: h.Cashier.NewPayment(methodOf(f.Method))}, nil, nil
		case err != nil:
			return models.Placement{}, nil, err
		case old.CancelledAt == nil && old.ExpiredAt == nil:
			return models.Placement{}, &old, nil
		}
		next := sha256.Sum256([]byte(old.CheckoutKey))
		v.Form = hex.EncodeToString(next[:16])
	}
}

// earlier is an order of this browser, paid or perhaps soon to be, that looks
// like the one to be placed; nil when there is none. The order of this browser that waits for
// its payment makes room: it is cancelled, unless its provider says that it is
// paid or about to be.
func (h Pages) earlier(ctx context.Context, v web.Visit, o models.Order) (*shop.EarlierOrder, error) {
	d, waits, err := h.waiting(ctx, v)
	if err != nil {
		return nil, err
	}
	if waits {
		if d, err = h.asked(ctx, d, "checkout"); err != nil {
			return nil, err
		}
		err := h.Cashier.Cancel(ctx, d.ID, "the shopper changed the cart or the address", byShopper)
		if err != nil && !errors.Is(err, cashier.ErrPaid) && !errors.Is(err, cashier.ErrUndecided) && !errors.Is(err, models.ErrNotPayable) {
			return nil, err
		}
	}
	since := h.Payments.Now().Add(-similarFor)
	if _, err := h.Orders.Similar(ctx, o.Fingerprint, since); err != nil {
		return nil, ignoreMissing(err)
	}
	for _, token := range v.Orders { // one of another browser is nobody's business here
		d, err := h.Orders.ByToken(ctx, token)
		if errors.Is(err, models.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if d.Fingerprint == o.Fingerprint && !d.CreatedAt.Before(since) && mayBePaid(d.Status) {
			return &shop.EarlierOrder{
				Total: d.Total.Format(web.Locale), When: h.ago(d.CreatedAt), Number: d.Number(), URL: orderURL(d.Token), Paid: d.PaidAt != nil,
			}, nil
		}
	}
	return nil, nil //nolint:nilnil // there is none, and that is no error
}

// mayBePaid reports whether an order is paid or may yet be without anybody's
// doing.
func mayBePaid(s models.OrderStatus) bool {
	return s == models.OrderPaid || s == models.OrderReceived || s == models.OrderHold || s == models.OrderInProgress
}

func (h Pages) ago(t time.Time) string {
	switch minutes := int(h.Payments.Now().Sub(t).Minutes()); minutes {
	case 0:
		return "a moment ago"
	case 1:
		return "a minute ago"
	default:
		return strconv.Itoa(minutes) + " minutes ago"
	}
}

// readCheckout reads what was typed, without white space at its ends.
func readCheckout(posted url.Values) checkoutForm {
	get := func(name string) string { return strings.TrimSpace(posted.Get(name)) }
	return checkoutForm{
		CheckoutForm: shop.CheckoutForm{
			Name: get("name"), Email: get("email"), Line1: get("line1"), Line2: get("line2"), City: get("city"), Region: get("region"),
			Postcode: get("postcode"), Country: get("country"), Method: get("method"), Again: get("again") != "", Problems: map[string]string{},
		},
		key: readKey(get("key")), shown: readShown(get("shown")),
	}
}

// check says what is wrong, field by field.
func (f *checkoutForm) check(methods []shop.Method) {
	for _, one := range []struct {
		name, value, missing string
		most                 int
	}{
		{"name", f.Name, "Enter your name.", 100},
		{"email", f.Email, "Enter your e-mail address.", 254},
		{"line1", f.Line1, "Enter the street and house number.", 200},
		{"line2", f.Line2, "", 200},
		{"city", f.City, "Enter the town or city.", 100},
		{"region", f.Region, "", 100},
		{"postcode", f.Postcode, "", 20},
		{"country", f.Country, "Choose a country.", 2},
	} {
		switch {
		case one.value == "" && one.missing != "":
			f.Problems[one.name] = one.missing
		case utf8.RuneCountInString(one.value) > one.most:
			f.Problems[one.name] = fmt.Sprintf("This is too long: at most %d characters.", one.most)
		case !utf8.ValidString(one.value) || strings.ContainsFunc(one.value, unicode.IsControl):
			f.Problems[one.name] = "This has a character that cannot be printed. Type it again."
		}
	}
	if f.Email != "" && f.Problems["email"] == "" && !isEmail(f.Email) {
		f.Problems["email"] = "Enter an e-mail address like name@example.com."
	}
	if f.Country != "" && !web.IsCountry(f.Country) {
		f.Problems["country"] = "Choose a country."
	}
	if !offers(methods, f.Method) {
		f.Problems["method"] = noMethod(f.Method)
	}
}

// readKey is a form's key, or "" for what is none of ours.
func readKey(s string) string {
	if len(s) > 64 || strings.ContainsFunc(s, func(r rune) bool { return r > unicode.MaxASCII || !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		return ""
	}
	return s
}

// isEmail reports whether mail could reach an address like this. Whether it
// does, only a mail can tell.
func isEmail(s string) bool {
	a, err := mail.ParseAddress(s)
	if err != nil || a.Address != s {
		return false
	}
	_, host, _ := strings.Cut(s, "@")
	return strings.Contains(host, ".") && !strings.HasSuffix(host, ".") && !strings.ContainsAny(s, " \t\"<>")
}

// shown is what a summary said, as the form carries it: what the shopper agreed
// to. Nobody gains by forging it, since what is charged is never more than
// today's prices and never more than this.
type shown struct {
	currency money.Currency
	lines    []shownLine
}

type shownLine struct {
	product, quantity, minor int64
}

func (b basket) shown() shown {
	s := shown{currency: b.total.Currency}
	for _, l := range b.lines {
		s.lines = append(s.lines, shownLine{l.product.ID, l.quantity, l.unit.Minor})
	}
	return s
}

// String is the summary as text: "NZD 3*2@1250 7*1@990".
func (s shown) String() string {
	parts := []string{string(s.currency)}
	for _, l := range s.lines {
		parts = append(parts, fmt.Sprintf("%d*%d@%d", l.product, l.quantity, l.minor))
	}
	return strings.Join(parts, " ")
}

// readShown reads String back. What it cannot read was not shown.
func readShown(text string) shown {
	parts := strings.Fields(text)
	if len(parts) == 0 {
		return shown{}
	}
	s := shown{currency: money.Currency(parts[0])}
	for _, part := range parts[1:] {
		var l shownLine
		if n, err := fmt.Sscanf(part, "%d*%d@%d", &l.product, &l.quantity, &l.minor); n != 3 || err != nil {
			return shown{}
		}
		s.lines = append(s.lines, l)
	}
	return s
}

// compare reports whether the basket is not what was shown, or costs more. The
// change is nil when it is the goods that differ. A price that fell passes.
func (s shown) compare(b basket) (change *shop.PriceChange, moved bool) {
	now := b.shown()
	same := s.currency == now.currency && slices.EqualFunc(s.lines, now.lines, func(a, b shownLine) bool {
		return a.product == b.product && a.quantity == b.quantity
	})
	if !same {
		return nil, true
	}
	was := money.Amount{Currency: s.currency}
	change = &shop.PriceChange{NewTotal: b.total.Format(web.Locale)}
	for i, l := range s.lines {
		before := money.Amount{Minor: l.minor, Currency: s.currency}
		sum, err := before.Mul(l.quantity)
		if err == nil {
			was, err = was.Add(sum)
		}
		if err != nil {
			return nil, true
		}
		if l.minor != now.lines[i].minor {
			change.Lines = append(change.Lines, shop.ChangedLine{
				Name: b.lines[i].product.Name, Old: before.Format(web.Locale), New: b.lines[i].unit.Format(web.Locale),
			})
		}
	}
	change.OldTotal = was.Format(web.Locale)
	return change, b.total.Minor > was.Minor
}
