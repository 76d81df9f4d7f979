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
	Shop     string   // who the shop was when it was paid
	Logo     string   // its picture then; may be empty
	Seller   []string // the shop's address and numbers, a line each; may be empty
	Note     string   // what the shop says below every receipt; may be empty
	Label    string   // the receipt's own number, such as R-17; empty where it has none
	Tax      string   // in what was taken: "GST 15 %: NZD 5.48"; empty when it holds none
	Papers   []Paper  // the other documents about this order, oldest first
}

// Paper is another numbered document about an order.
type Paper struct {
	Label  string // such as C-3
	Credit bool   // a credit note; else a receipt
	Amount string
	Day    string
	Tax    string // in Amount; empty when it holds none
}

func (p Paper) word() string {
	if p.Credit {
		return "Credit note"
	}
	return "Receipt"
}

func (p ReceiptPage) page() ui.Page {
	return ui.Page{Name: "receipt", Title: "Receipt for order " + p.Number, Quiet: true}
}

// whole reports whether all that the order costs was taken and is still here.
func (p ReceiptPage) whole() bool { return !p.Money.moved(p.Total) }
