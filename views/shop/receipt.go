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
	Refunded string // with currency; empty when nothing went back
	Name     string
	Email    string
	Address  []string
	Seller   []string // the shop's address and numbers, a line each; may be empty
}

func (p ReceiptPage) page() ui.Page {
	return ui.Page{Name: "receipt", Title: "Receipt for order " + p.Number, Quiet: true}
}
