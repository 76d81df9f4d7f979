package admin

import (
	"net/url"

	"till/views/ui"
)

// OrdersPage is the list of orders, newest first.
type OrdersPage struct {
	Frame  Frame
	Status Status // the chosen filter; empty for all
	Query  string // the search, as typed; empty for none
	Orders []OrderRow
	Older  string // cursor for ?before=; empty on the last page
	Newer  string // cursor for ?after=; empty on the first page
	Any    bool   // whether the shop has an order at all: an empty page says something else then
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
	Provider  string // label of the last payment's provider; may be empty
	Total     string // with currency
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

// filtered reports whether fewer than all orders are asked for.
func (p OrdersPage) filtered() bool { return p.Status != "" || p.Query != "" }

// url is the list with the same filter at another place.
func (p OrdersPage) url(cursor, value string) string {
	q := url.Values{cursor: {value}}
	if p.Status != "" {
		q.Set("status", string(p.Status))
	}
	if p.Query != "" {
		q.Set("q", p.Query)
	}
	return "/admin/orders?" + q.Encode()
}

func (p OrdersPage) search() ui.Field {
	return ui.Field{
		Name: "q", Label: "Search", Type: "search", Value: p.Query, MaxLength: 200, Autocomplete: "off",
		Hint: "Order number, e-mail address, or the provider's reference",
	}
}

// statusChoice offers every status, and keeps one that we do not know.
func (p OrdersPage) statusChoice() ui.Choice {
	c := ui.Choice{Name: "status", Label: "Status", Value: string(p.Status), Empty: "All"}
	known := p.Status == ""
	for _, s := range append([]Status{StatusAttention}, statuses()...) {
		c.Options = append(c.Options, ui.Option{Value: string(s), Label: s.word()})
		known = known || s == p.Status
	}
	if !known {
		c.Options = append(c.Options, ui.Option{Value: string(p.Status), Label: p.Status.word()})
	}
	return c
}

// emptiness says why there is nothing to see: a title and a sentence.
func (p OrdersPage) emptiness() (title, text string) {
	switch {
	case !p.Any:
		return "No orders yet", "An order appears here the moment somebody places one, paid or not. Place the first one yourself: put something in the cart and go to the checkout."
	case p.Status == StatusAttention && p.Query == "" && p.Frame.Inbox > 0:
		return "No order needs attention", "What waits in the inbox belongs to none of them so far."
	case p.Status == StatusAttention && p.Query == "":
		return "Nothing needs attention", "An order appears here when its money does not add up: the amount differs, it was paid twice, or a provider contradicts itself."
	case p.Query != "" && p.Status != "":
		return "Nothing found", "No order has the status “" + p.Status.word() + "” and matches “" + p.Query + "”. The search looks at whole order numbers, at e-mail addresses from their beginning, and at whole references."
	case p.Query != "":
		return "Nothing found", "No order matches “" + p.Query + "”. The search looks at whole order numbers, at e-mail addresses from their beginning, and at whole references."
	case p.Status != "":
		return "Nothing found", "No order has the status “" + p.Status.word() + "” right now."
	default:
		return "No more orders", "There are none further this way."
	}
}

func (r OrderRow) url() string { return orderURL(r.Number) }
