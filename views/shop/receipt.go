package shop

import "till/views/ui"

// ReceiptPage is what the shopper prints or keeps.
type ReceiptPage struct {
	Frame    ui.Frame
	Number   string // of the order
	Token    string // of the order page
	PlacedAt string
	PaidAt   string
	Provider string // label, such as "iumiCash"
	Ref      string // the provider's reference of the payment; may be empty
	Lines    []Line
	Rows     []Row
	Total    string
	Money    Money
	Direct   bool // paid outside, straight to the shop
	Name     string
	Email    string
	Address  []string
	Seller   []string // the shop's address and numbers, a line each; may be empty
	Note     string   // what the shop says below every receipt; may be empty
}

func (p ReceiptPage) page() ui.Page {
	return ui.Page{Name: "receipt", Title: "Receipt for order " + p.Number, Quiet: true}
}

// whole reports whether all that the order costs was taken and is still here.
func (p ReceiptPage) whole() bool { return !p.Money.moved(p.Total) }
