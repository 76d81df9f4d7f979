package admin

import (
	"net/url"
	"strconv"

	"till/views/ui"
)

// ProductsPage is a part of the catalogue, in its order.
type ProductsPage struct {
	Frame    Frame
	Products []ProductRow
	Archived bool   // those that are no longer sold; else those that are
	Query    string // the search, as typed; empty for none
	First    bool   // this is where the list begins
	Next     string // cursor for ?after=; empty on the last page
	Any      bool   // there is a product somewhere; only known where none is listed
	Refused  string // why what was asked for was not done; empty when nothing was
	CanSell  bool   // who looks may change it
}

// ProductRow is one product in the list.
type ProductRow struct {
	ID       int64
	Name     string
	Slug     string
	Picture  string
	Prices   []string // with currency
	Stock    string   // empty when pieces are not counted
	Held     int64    // of the stock, kept for people who are paying
	Position int64
	First    bool // nothing is above it
	Last     bool // nothing is below it
}

// ProductPage is one product, or a new one.
type ProductPage struct {
	Frame          Frame
	ID             int64
	New            bool
	Name           string // as it is saved
	Slug           string
	Picture        string
	Version        int64
	Archived       bool
	Held           int64
	Changed        When
	CanSell        bool
	Form           ProductForm
	Now            []Now  // what is saved where something else was typed
	Refused        string // why what was asked for was not done; empty when nothing was
	PictureProblem string
}

// ProductForm is what was typed about a product, and what is wrong with it.
type ProductForm struct {
	Name        string
	Slug        string
	Description string
	Prices      []ProductPrice
	Stock       string
	Seen        string // the stock that it was counted from
	Version     int64
	Problems    ProductProblems
}

// ProductProblems is what is wrong with each field; empty where nothing is.
type ProductProblems struct{ Name, Slug, Description, Stock string }

// ProductPrice is the price in one currency, as typed.
type ProductPrice struct{ Currency, Typed, Problem string }

// Now is a field as it is saved.
type Now struct{ Label, Text string }

// PriceProblems is what is wrong with prices.
func (f ProductForm) PriceProblems() (all []ui.FieldProblem) {
	for _, one := range f.Prices {
		if one.Problem != "" {
			all = append(all, ui.FieldProblem{Field: "price-" + one.Currency, Text: one.Currency + ": " + one.Problem})
		}
	}
	return all
}

func (p ProductsPage) page() ui.Page {
	return ui.Page{Name: "admin-products", Title: p.title(), Quiet: true, Problem: p.Refused != ""}
}

func (p ProductsPage) title() string {
	if p.Archived {
		return "Archived products"
	}
	return "Products"
}

func (p ProductsPage) search() ui.Field {
	return ui.Field{Name: "q", Label: "Search", Type: "search", Value: p.Query, MaxLength: 200, Autocomplete: "off", Hint: "Words of the name, or of the address"}
}

func (p ProductsPage) statusChoice() ui.Choice {
	c := ui.Choice{Name: "status", Label: "Which", Options: []ui.Option{{Value: "", Label: "For sale"}, {Value: "archived", Label: "Archived"}}}
	if p.Archived {
		c.Value = "archived"
	}
	return c
}

// movable reports whether places can be changed here: the whole order is seen.
func (p ProductsPage) movable() bool { return p.CanSell && !p.Archived && p.Query == "" }

func (p ProductsPage) nextURL() string {
	q := url.Values{"after": {p.Next}}
	if p.Archived {
		q.Set("status", "archived")
	}
	if p.Query != "" {
		q.Set("q", p.Query)
	}
	return "/admin/products?" + q.Encode()
}

// emptiness says why there is nothing to see: a title and a sentence.
func (p ProductsPage) emptiness() (title, text string) {
	switch {
	case p.Query != "":
		return "Nothing found", "No product here has “" + p.Query + "” in its name or address."
	case !p.First:
		return "No more products", "There are none further this way."
	case p.Archived:
		return "Nothing is archived", "A product that you archive on its page is no longer sold, and waits here. Orders keep what they have of it."
	case p.Any:
		return "Nothing is for sale", "All products are archived. Bring one back, or add another."
	default:
		return "No products yet", "What you sell appears here, and on the home page in the same order. Add the first one; a whole list can be read in with “till catalogue import”."
	}
}

func productURL(id int64) string { return "/admin/products/" + strconv.FormatInt(id, 10) }

func (r ProductRow) url() string { return productURL(r.ID) }

// counted is the stock in words.
func (r ProductRow) counted() string {
	if r.Stock == "" {
		return "not counted"
	}
	return r.Stock
}

func held(n int64) string { return strconv.FormatInt(n, 10) + " kept for people who are paying" }

// short reports whether none are left, or fewer.
func (r ProductRow) short() bool {
	n, err := strconv.ParseInt(r.Stock, 10, 64)
	return err == nil && n-r.Held <= 0
}

func (p ProductPage) page() ui.Page {
	return ui.Page{Name: "admin-product", Title: p.title(), Quiet: true, Problem: p.Refused != "" || len(p.problems()) > 0}
}

func (p ProductPage) title() string {
	if p.New {
		return "New product"
	}
	return p.Name
}

func (p ProductPage) action() string {
	if p.New {
		return "/admin/products/new"
	}
	return productURL(p.ID)
}

// problems is everything that is wrong with what was sent, in the order of the
// page.
func (p ProductPage) problems() []ui.FieldProblem {
	var all []ui.FieldProblem
	add := func(field, text string) {
		if text != "" {
			all = append(all, ui.FieldProblem{Field: field, Text: text})
		}
	}
	add("picture", p.PictureProblem)
	add("name", p.Form.Problems.Name)
	add("slug", p.Form.Problems.Slug)
	add("description", p.Form.Problems.Description)
	all = append(all, p.Form.PriceProblems()...)
	add("stock", p.Form.Problems.Stock)
	return all
}

func (p ProductPage) name() ui.Field {
	return ui.Field{Name: "name", Label: "Name", Value: p.Form.Name, Problem: p.Form.Problems.Name, MaxLength: 200, Required: true, Autocomplete: "off"}
}

func (p ProductPage) slug() ui.Field {
	return ui.Field{
		Name: "slug", Label: "Address", Value: p.Form.Slug, Problem: p.Form.Problems.Slug, MaxLength: 80, Optional: p.New, Autocomplete: "off",
		Hint: "Its word in links: /products/" + firstOf(p.Form.Slug, "tea-bowl") + ". Left empty it is made from the name; old links break when it changes.",
	}
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (p ProductPage) description() ui.Field {
	return ui.Field{Name: "description", Label: "Description", Value: p.Form.Description, Problem: p.Form.Problems.Description, MaxLength: 5000, Optional: true}
}

func (o ProductPrice) field() ui.Field {
	return ui.Field{Name: "price-" + o.Currency, Label: o.Currency, Value: o.Typed, Problem: o.Problem, InputMode: "decimal", Autocomplete: "off", MaxLength: 20, Narrow: true}
}

func (p ProductPage) stock() ui.Field {
	f := ui.Field{
		Name: "stock", Label: "Pieces in stock", Value: p.Form.Stock, Problem: p.Form.Problems.Stock, InputMode: "numeric", Autocomplete: "off", MaxLength: 11, Narrow: true,
		Hint: "Nothing when they are not counted.",
	}
	if p.Held > 0 {
		f.Hint += " Of these, " + held(p.Held) + "."
	}
	return f
}

func (p ProductPage) version() string { return strconv.FormatInt(p.Form.Version, 10) }

func (p ProductPage) savedVersion() string { return strconv.FormatInt(p.Version, 10) }
