package shop

import "till/views/ui"

// HomePage is the shelf.
type HomePage struct {
	Frame    ui.Frame
	Headline string // one sentence about the shop
	Intro    string // one more, smaller; may be empty
	Products []Card // in the order they are shown
}

// Card is a product on the shelf.
type Card struct {
	Slug         string
	Name         string
	Picture      string // file name, such as "mug.svg"
	Price        string // with currency; empty when not priced in the chosen one
	Availability Availability
}

func (p HomePage) page() ui.Page {
	return ui.Page{Name: "home", Title: p.Frame.ShopName}
}

func (c Card) note(currency string) string {
	switch c.Availability {
	case SoldOut:
		return "Sold out"
	case NotPriced:
		return "Not sold in " + currency
	case Available:
		return ""
	default:
		return ""
	}
}
