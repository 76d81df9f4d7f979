package admin

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/handlers/web"
	"till/models"
	"till/money"
	"till/providers"
	"till/views/ui"

	"github.com/gin-gonic/gin"

	page "till/views/admin"
)

// perPage is how many orders a page of the list has.
const perPage = 50

// maxQuery bounds what is searched for, in characters.
const maxQuery = 200

func orderURL(number string) string { return ordersURL + "/" + url.PathEscape(number) }

// List is GET /admin/orders?…: the orders that the address asks for. What it
// says and we cannot read is said beside the field, and nothing is listed.
func (h Pages) List(c *gin.Context) error {
	if !h.Sessions.drafted(c.Request) {
		return h.showOrders(c, http.StatusOK, page.ViewForm{})
	}
	if b, asks := h.bulkDraft(c); asks {
		return h.showBulk(c, http.StatusOK, b)
	}
	return h.showOrders(c, http.StatusOK, h.viewDraft(c))
}

// showOrders is the list, with the form that gives it a name as it was sent.
func (h Pages) showOrders(c *gin.Context, status int, form page.ViewForm) error {
	ctx := c.Request.Context()
	q, err := h.askedFor(c, c.Request.URL.Query())
	if err != nil {
		return err
	}
	p := q.page
	p.Form = form
	if len(p.Problems) > 0 {
		status = http.StatusUnprocessableEntity
	} else if err := h.rows(c, &p, q.filter); err != nil {
		return err
	}
	if p.Any = len(p.Orders) > 0; !p.Any {
		if p.Any, err = h.Orders.Any(ctx); err != nil {
			return err
		}
	}
	views, err := models.NewSavedViews(h.DB).Of(ctx, member(c).ID)
	if err != nil {
		return err
	}
	for _, v := range views {
		p.Views = append(p.Views, page.SavedView{ID: v.ID, Name: v.Name, Query: v.Query})
	}
	me := member(c)
	p.Exports, p.Changes, p.Refunds = has(me, rightExport), has(me, rightChange), has(me, rightRefund)
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, status, page.Orders(p))
}

// rows reads one page of rows and says where the next ones are.
func (h Pages) rows(c *gin.Context, p *page.OrdersPage, f models.OrderFilter) error {
	ctx := c.Request.Context()
	found, err := h.Orders.Page(ctx, f)
	if errors.Is(err, models.ErrNotFound) { // the order that the address went on from
		f.Before, f.After = 0, 0
		found, err = h.Orders.Page(ctx, f)
	}
	if err == nil && f.After > 0 && f.Before == 0 && !found.More && found.Looked == 0 { // the way back ends at the first page, and that is a full one
		f.After = 0
		found, err = h.Orders.Page(ctx, f)
	}
	if err != nil {
		return err
	}
	number := func(id int64) string { return strconv.FormatInt(id, 10) }
	rows, forth := found.Rows, f.Before > 0 || f.After == 0
	if len(rows) > 0 {
		if f.Before > 0 || f.After > 0 {
			p.Newer = rows[0].Number()
		}
		if found.More || f.After > 0 {
			p.Older = rows[len(rows)-1].Number()
		}
	} else if f.Before > 0 {
		p.Newer = number(f.Before)
		if f.Sort == models.SortNewest {
			p.Newer = number(f.Before - 1) // the one that was asked for less than is still to be seen
		}
	}
	if found.Looked != 0 && forth {
		p.Older, p.Looked = number(found.Looked), true
	} else if found.Looked != 0 {
		p.Newer, p.Looked = number(found.Looked), true
	}
	p.Broad = found.Broad
	k := h.clock()
	for _, o := range rows {
		p.Orders = append(p.Orders, page.OrderRow{
			Number: o.Number(), Placed: k.at(o.CreatedAt), Name: o.Name, Email: o.Email, Status: page.Status(o.Status), Test: o.Test,
			Attention: len(o.Attention) > 0, Provider: h.label(o.Provider), Total: o.Total.Format(web.Locale), Packed: o.PackedAt != nil, Shipped: o.ShippedAt != nil,
		})
	}
	return nil
}

// listAsk is what the address of a list asks for: as typed, with what is wrong
// with it, and as a filter.
type listAsk struct {
	page   page.OrdersPage
	filter models.OrderFilter
}

// askedFor reads the address of a list.
func (h Pages) askedFor(c *gin.Context, query url.Values) (q listAsk, err error) {
	get := func(name string) string { return clean(query.Get(name)) }
	p := &q.page
	p.Problems = map[string]string{}
	p.Status, p.Query, p.Currency, p.From, p.To = page.Status(get("status")), get("q"), strings.ToUpper(get("currency")), get("from"), get("to")
	p.Since, p.Until, p.Provider, p.Method, p.Todo, p.Tests, p.Sort = get("since"), get("until"), get("provider"), get("method"), get("todo"), get("test"), get("sort")
	p.Needy, p.Demo = get("attention") == "yes" || p.Status == page.StatusAttention, h.Shop.Demo
	q.filter = models.OrderFilter{Search: p.Query, Needy: p.Needy, Before: cursor(query.Get("before")), After: cursor(query.Get("after")), Limit: perPage}
	if err := h.choices(c, p); err != nil {
		return q, err
	}
	q.read(h.Shop.Now().Location)
	return q, nil
}

// choices are what a list can be narrowed to, beside what never changes.
func (h Pages) choices(c *gin.Context, p *page.OrdersPage) error {
	methods, err := h.Orders.Methods(c.Request.Context())
	if err != nil {
		return err
	}
	add := func(all *[]ui.Option, value, label string) {
		if !slices.ContainsFunc(*all, func(o ui.Option) bool { return o.Value == value }) {
			*all = append(*all, ui.Option{Value: value, Label: label})
		}
	}
	for _, one := range h.Cashier.Providers() {
		add(&p.Providers, one.Name(), one.Label())
	}
	for _, m := range methods {
		if m.Provider == "" {
			continue
		}
		add(&p.Providers, m.Provider, h.label(m.Provider))
		if m.Method != "" {
			add(&p.Methods, m.Provider+":"+m.Method, with(h.label(m.Provider), ", ", h.methodLabel(m.Provider, m.Method)))
		}
	}
	for _, currency := range h.Shop.Currencies {
		add(&p.Currencies, string(currency), string(currency))
	}
	return nil
}

// read makes the filter of what was typed, or says what is wrong.
func (q *listAsk) read(zone *time.Location) {
	p, f := &q.page, &q.filter
	wrong := func(field, text string) { p.Problems[field] = text }
	switch status := models.OrderStatus(p.Status); {
	case p.Status == "" || p.Status == page.StatusAttention:
	case slices.Contains(append(models.OrderStatuses(), models.OrderCreated), status):
		f.Status = status
	default:
		wrong("status", "“"+string(p.Status)+"” is no status of an order. Choose one")
	}
	offers := func(all []ui.Option, value string) bool {
		return slices.ContainsFunc(all, func(o ui.Option) bool { return o.Value == value })
	}
	if f.Provider = p.Provider; p.Provider != "" && !offers(p.Providers, p.Provider) {
		wrong("provider", "No order was made with “"+p.Provider+"”. Choose one")
	}
	if p.Method != "" {
		provider, method, _ := strings.Cut(p.Method, ":")
		switch {
		case !offers(p.Methods, p.Method):
			wrong("method", "No order was made with “"+p.Method+"”. Choose one")
		case p.Provider != "" && p.Provider != provider:
			wrong("method", "This is a method of another provider")
		default:
			f.Provider, f.Method = provider, &method
		}
	}
	if p.Currency != "" {
		currency, err := money.ParseCurrency(p.Currency)
		if err != nil {
			wrong("currency", "“"+p.Currency+"” is no currency. Choose one")
		}
		f.Currency = currency
	}
	f.From, f.To = q.amount("from", p.From), q.amount("to", p.To)
	if f.From != nil && f.To != nil && *f.From > *f.To {
		wrong("to", "This is less than the amount before it")
	}
	q.days(zone)
	switch p.Todo {
	case "":
	case "pack":
		f.ToPack = true
	case "ship":
		f.ToShip = true
	default:
		wrong("todo", "“"+p.Todo+"” is nothing that is to do. Choose one")
	}
	yes, no := true, false
	switch p.Tests {
	case "":
		if !p.Demo {
			f.Test = &no
		}
	case "real":
		f.Test = &no
	case "test":
		f.Test = &yes
	case "all":
	default:
		wrong("test", "Choose real orders, tests, or both")
	}
	f.Sort = models.OrderSort(p.Sort)
	switch f.Sort {
	case models.SortNewest, models.SortOldest:
	case "newest":
		f.Sort = models.SortNewest
	case models.SortHighest, models.SortLowest:
		if f.Currency == "" {
			wrong("sort", "Amounts are compared within one currency: choose it, too")
		}
	default:
		wrong("sort", "“"+p.Sort+"” is no order of a list. Choose one")
	}
}

func (q *listAsk) amount(field, typed string) *int64 {
	if typed == "" {
		return nil
	}
	if q.filter.Currency == "" {
		q.page.Problems[field] = "Choose the currency of this amount, too"
		return nil
	}
	a, err := money.ParseDecimal(typed, q.filter.Currency)
	switch {
	case errors.Is(err, money.ErrPrecision):
		q.page.Problems[field] = "Type no more decimals than " + string(q.filter.Currency) + " has"
	case err != nil || a.Minor < 0:
		q.page.Problems[field] = "Type an amount in figures, such as " + money.Amount{Minor: 4250, Currency: q.filter.Currency}.Decimal()
	default:
		return &a.Minor
	}
	return nil
}

// days are from the beginning of the first to the end of the last, as a clock
// in the shop shows them.
func (q *listAsk) days(zone *time.Location) {
	read := func(field, typed string, add int) *time.Time {
		if typed == "" {
			return nil
		}
		day, err := time.Parse(time.DateOnly, typed)
		if err != nil {
			q.page.Problems[field] = "Type a day like 2026-11-21"
			return nil
		}
		at := time.Date(day.Year(), day.Month(), day.Day()+add, 0, 0, 0, 0, zone)
		return &at
	}
	f := &q.filter
	f.Since, f.Until = read("since", q.page.Since, 0), read("until", q.page.Until, 1)
	if f.Since != nil && f.Until != nil && !f.Since.Before(*f.Until) {
		q.page.Problems["until"] = "This is before the first day"
	}
}

// cursor is an order's number out of an address; 0 when it is none.
func cursor(s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return n
}

// clean makes a text out of an address fit to be looked for.
func clean(s string) string {
	s = strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(s, ""), "\x00", ""))
	if runes := []rune(s); len(runes) > maxQuery {
		return string(runes[:maxQuery])
	}
	return s
}

// label is a provider's name as people know it; that of one which is not set up
// here any more is the word its rows carry.
func (h Pages) label(provider string) string {
	if one, ok := h.Cashier.Provider(provider); ok {
		return one.Label()
	}
	if provider == models.Outside {
		return "Paid outside"
	}
	return provider
}

// methodLabel is a provider's method for people; empty where it has but one.
func (h Pages) methodLabel(provider, method string) string {
	if one, ok := h.Cashier.Provider(provider); ok && method != "" {
		if lister, ok := one.(providers.MethodLister); ok {
			return lister.MethodLabel(method)
		}
	}
	return method
}
