package admin

import (
	"net/url"
	"strconv"
	"strings"

	"till/views/ui"
)

// MaxViewName bounds what a saved view is called, in characters.
const MaxViewName = 60

// OrdersPage is a list of orders. What it is narrowed to is as it was typed.
type OrdersPage struct {
	Frame    Frame
	Status   Status // the chosen filter; empty for all
	Query    string // the search; empty for none
	Provider string
	Method   string // with its provider: "pgm:stripe/credit-cards"
	Currency string
	From     string // amount
	To       string
	Since    string // day
	Until    string
	Todo     string // "pack", "ship"
	Tests    string // "real", "test", "all"; empty for what the shop shows by itself
	Needy    bool   // only those that need attention
	Sort     string
	Problems map[string]string // by field

	Providers  []ui.Option
	Methods    []ui.Option
	Currencies []ui.Option

	Orders  []OrderRow
	Older   string   // cursor for ?before=; empty on the last page
	Newer   string   // cursor for ?after=; empty on the first page
	Looked  bool     // we stopped looking before we knew whether there are more
	Broad   []string // words of the search that too many words begin with
	Any     bool     // whether the shop has an order at all: an empty page says something else then
	Demo    bool     // tests are shown where nothing else is asked for
	Views   []SavedView
	Form    ViewForm
	Exports bool // who looks may take the list out of the house
	Changes bool // who looks may change orders
	Refunds bool // who looks may give money back
}

// OrderRow is one order in the list.
type OrderRow struct {
	Number    string
	Placed    When
	Name      string
	Email     string
	Status    Status
	Test      bool
	Attention bool
	Packed    bool
	Shipped   bool
	Provider  string // label of the last payment's provider; may be empty
	Total     string // with currency
}

// SavedView is a filter with a name.
type SavedView struct {
	ID    int64
	Name  string
	Query string // of the list's address
}

func (v SavedView) url() string { return "/admin/orders?" + v.Query }

func (v SavedView) deleteURL() string {
	return "/admin/orders/views/" + strconv.FormatInt(v.ID, 10) + "/delete"
}

// ViewForm gives the filter of a list a name. It is empty until it was sent and
// refused.
type ViewForm struct {
	Name     string
	Query    string
	Problem  string
	Replaces string // the name is another filter's, which would be replaced
}

func (p OrdersPage) page() ui.Page {
	return ui.Page{Name: "admin-orders", Title: p.title(), Quiet: true}
}

func (p OrdersPage) title() string {
	if p.Status == StatusAttention {
		return "Orders that need attention"
	}
	return "Orders"
}

func (p OrdersPage) room() room {
	if p.Status == StatusAttention {
		return roomNeedy
	}
	return roomOrders
}

// values are the filter as an address has it, without a place.
func (p OrdersPage) values() url.Values {
	q := url.Values{}
	for name, v := range map[string]string{
		"status": string(p.Status), "q": p.Query, "provider": p.Provider, "method": p.Method, "currency": p.Currency, "from": p.From, "to": p.To,
		"since": p.Since, "until": p.Until, "todo": p.Todo, "test": p.Tests, "sort": p.Sort,
	} {
		if v != "" {
			q.Set(name, v)
		}
	}
	if p.Needy && p.Status != StatusAttention {
		q.Set("attention", "yes")
	}
	return q
}

// filtered reports whether fewer than all orders are asked for.
func (p OrdersPage) filtered() bool {
	q := p.values()
	q.Del("sort")
	return len(q) > 0
}

// narrow reports whether a filter that is folded away was used.
func (p OrdersPage) narrow() bool {
	q := p.values()
	q.Del("status")
	q.Del("q")
	return len(q) > 0 || len(p.Problems) > 0
}

// url is the list with the same filter at another place; empty for no place.
func (p OrdersPage) url(cursor, value string) string {
	if value == "" {
		return ""
	}
	q := p.values()
	q.Set(cursor, value)
	return "/admin/orders?" + q.Encode()
}

// exportURL is the file of what the list shows, on all its pages.
func (p OrdersPage) exportURL() string {
	return strings.TrimSuffix("/admin/orders.csv?"+p.values().Encode(), "?")
}

// listQuery is the filter in the address of a list.
func listQuery(list string) string {
	_, query, _ := strings.Cut(list, "?")
	return query
}

func (p OrdersPage) search() ui.Field {
	return ui.Field{
		Name: "q", Label: "Search", Type: "search", Value: p.Query, MaxLength: 200, Autocomplete: "off",
		Hint: "Number, name, e-mail address, product, reference or payment: whole words or how they begin",
	}
}

// statusChoice offers every status.
func (p OrdersPage) statusChoice() ui.Choice {
	c := ui.Choice{Name: "status", Label: "Status", Value: string(p.Status), Empty: "All", Problem: p.Problems["status"]}
	for _, s := range append([]Status{StatusAttention}, statuses()...) {
		c.Options = append(c.Options, ui.Option{Value: string(s), Label: s.word()})
	}
	return c
}

func (p OrdersPage) providerChoice() ui.Choice {
	return ui.Choice{Name: "provider", Label: "Provider", Value: p.Provider, Empty: "All", Options: p.Providers, Problem: p.Problems["provider"]}
}

func (p OrdersPage) methodChoice() ui.Choice {
	return ui.Choice{Name: "method", Label: "Method", Value: p.Method, Empty: "All", Options: p.Methods, Problem: p.Problems["method"]}
}

func (p OrdersPage) currencyChoice() ui.Choice {
	return keeping(ui.Choice{Name: "currency", Label: "Currency", Value: p.Currency, Empty: "All", Options: p.Currencies, Problem: p.Problems["currency"]}, p.Currency)
}

func (p OrdersPage) amount(name, label, value string) ui.Field {
	return ui.Field{
		Name: name, Label: label, Value: value, InputMode: "decimal", Autocomplete: "off", MaxLength: 30, Hint: "Such as 42.50, in the currency beside it", Problem: p.Problems[name],
	}
}

func (p OrdersPage) day(name, label, value string) ui.Field {
	return ui.Field{Name: name, Label: label, Value: value, Type: "date", Autocomplete: "off", Problem: p.Problems[name]}
}

func (p OrdersPage) todoChoice() ui.Choice {
	return ui.Choice{Name: "todo", Label: "Goods", Value: p.Todo, Empty: "All", Problem: p.Problems["todo"], Options: []ui.Option{
		{Value: "pack", Label: "To pack"}, {Value: "ship", Label: "To ship"},
	}}
}

func (p OrdersPage) testChoice() ui.Choice {
	c := ui.Choice{Name: "test", Label: "Tests", Value: p.Tests, Empty: "Only real orders", Problem: p.Problems["test"], Options: []ui.Option{
		{Value: "test", Label: "Only tests"}, {Value: "all", Label: "Real orders and tests"},
	}}
	if p.Demo {
		c.Empty, c.Options = "Real orders and tests", []ui.Option{{Value: "real", Label: "Only real orders"}, {Value: "test", Label: "Only tests"}}
	}
	if p.Problems["test"] == "" {
		return keeping(c, map[string]string{"real": "Only real orders", "all": "Real orders and tests"}[p.Tests])
	}
	return c
}

func (p OrdersPage) sortChoice() ui.Choice {
	return ui.Choice{Name: "sort", Label: "Sorted by", Value: p.Sort, Empty: "Newest first", Problem: p.Problems["sort"], Options: []ui.Option{
		{Value: "oldest", Label: "Oldest first"}, {Value: "highest", Label: "Highest amount first"}, {Value: "lowest", Label: "Lowest amount first"},
	}}
}

// sorted is the order of the list in words.
func (p OrdersPage) sorted() string {
	for _, o := range p.sortChoice().Options {
		if o.Value == p.Sort {
			return lower(o.Label)
		}
	}
	return "newest first"
}

// ways are what the two directions of the list are called.
func (p OrdersPage) ways() (back, forth string) {
	switch p.Sort {
	case "oldest":
		return "Older", "Newer"
	case "highest":
		return "Higher", "Lower"
	case "lowest":
		return "Lower", "Higher"
	default:
		return "Newer", "Older"
	}
}

func (p OrdersPage) problems() (all []ui.FieldProblem) {
	for _, field := range []string{"status", "currency", "from", "to", "since", "until", "provider", "method", "todo", "test", "sort"} {
		if text := p.Problems[field]; text != "" {
			all = append(all, ui.FieldProblem{Field: field, Text: text})
		}
	}
	return all
}

// broadly says that a search is not whole.
func (p OrdersPage) broadly() string {
	return "Very many words begin with “" + strings.Join(p.Broad, "” and “") + "”, and only the first of them are looked for. Type more of it to see all."
}

func (p OrdersPage) bulkChoice() ui.Choice {
	c := ui.Choice{Name: "action", Label: "With the chosen orders", Empty: "Choose what to do"}
	for _, a := range []BulkAction{BulkPack, BulkShip, BulkCancel, BulkRefund} {
		if a != BulkRefund || p.Refunds {
			c.Options = append(c.Options, ui.Option{Value: string(a), Label: a.word()})
		}
	}
	return c
}

func (p OrdersPage) viewName() ui.Field {
	return ui.Field{Name: "name", Label: "Name of this view", Value: p.Form.Name, MaxLength: MaxViewName, Autocomplete: "off", Required: true, Problem: p.Form.Problem, Hint: "For you alone"}
}

// emptiness says why there is nothing to see: a title and a sentence.
func (p OrdersPage) emptiness() (title, text string) {
	switch {
	case !p.Any:
		return "No orders yet", "An order appears here the moment somebody places one, paid or not. Place the first one yourself: put something in the cart and go to the checkout."
	case len(p.Problems) > 0:
		return "Nothing is listed", "What is chosen above cannot be read as a whole. Mend it, and find again."
	case p.Looked:
		return "Nothing so far", "We have looked through very many orders, and none of them is what is asked for. There may be some further on."
	case p.Status == StatusAttention && p.only("status") && p.Frame.Inbox > 0:
		return "No order needs attention", "What waits in the inbox belongs to none of them so far."
	case p.Status == StatusAttention && p.only("status"):
		return "Nothing needs attention", "An order appears here when its money does not add up: the amount differs, it was paid twice, or a provider contradicts itself."
	case p.Todo != "" && p.only("todo"):
		return "Nothing to " + p.Todo, "An order appears here when it is paid and its goods are still here."
	case p.Query != "" && p.only("q"):
		return "Nothing found", "No order matches “" + p.Query + "”. " + searched + p.hidden()
	case p.Query != "":
		return "Nothing found", "No order matches “" + p.Query + "” and all else that is chosen. " + searched
	case p.Status != "" && p.only("status"):
		return "Nothing found", "No order has the status “" + p.Status.word() + "” right now." + p.hidden()
	case p.filtered():
		return "Nothing found", "No order is all that is chosen." + p.hidden()
	case p.hidden() != "":
		return "No more orders", "There are none further this way." + p.hidden()
	default:
		return "No more orders", "There are none further this way."
	}
}

const searched = "The search looks at whole words and at how words begin; of several, each must be there."

// hidden says that tests are not looked at.
func (p OrdersPage) hidden() string {
	if p.Demo || p.Tests != "" {
		return ""
	}
	return " Tests are not shown; choose them among the filters."
}

// only reports whether nothing but one thing narrows the list.
func (p OrdersPage) only(name string) bool {
	q := p.values()
	q.Del("sort")
	return len(q) == 1 && q.Has(name)
}

func (r OrderRow) url() string { return orderURL(r.Number) }
