package shop

import (
	"strings"

	"till/views/ui"
)

// ProductPage is one product and the button that puts it into the cart.
type ProductPage struct {
	Frame        ui.Frame
	Slug         string
	Name         string
	Description  string // a blank line begins a new paragraph
	Picture      string // file name, such as "mug.svg"
	Price        string // with currency; empty when not priced in the chosen one
	Availability Availability
	SoldIn       []string // currencies it has a price in; used when NotPriced
	Quantity     string   // as typed; empty means "1"
	Problem      string   // about the quantity, beside its field; empty when there is none
}

func (p ProductPage) page() ui.Page {
	return ui.Page{Name: "product", Title: p.Name, Problem: p.Problem != ""}
}

func (p ProductPage) paragraphs() []string {
	var out []string
	for _, s := range strings.Split(strings.ReplaceAll(p.Description, "\r\n", "\n"), "\n\n") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

func (p ProductPage) quantity() ui.Field {
	value := p.Quantity
	if value == "" {
		value = "1"
	}
	return ui.Field{
		Name: "quantity", Label: "Quantity", Value: value, Problem: p.Problem,
		InputMode: "numeric", MaxLength: 3, Narrow: true, Required: true,
	}
}

func (p ProductPage) problems() []ui.FieldProblem {
	if p.Problem == "" {
		return nil
	}
	return []ui.FieldProblem{{Field: "quantity", Text: p.Problem}}
}

// notSold explains what to do about a currency the product has no price in.
func (p ProductPage) notSold() string {
	s := "This is not sold in " + p.Frame.Currency + "."
	if len(p.SoldIn) > 0 {
		s += " Choose " + strings.Join(p.SoldIn, " or ") + " at the top of the page to see its price."
	}
	return s
}
