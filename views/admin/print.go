package admin

import (
	"strconv"

	"till/views/ui"
)

// DocumentPage is a numbered receipt or credit note, to be printed.
type DocumentPage struct {
	Frame    Frame
	Credit   bool   // a credit note: money has gone back
	Label    string // such as R-17
	Test     bool
	Date     string
	Seller   Seller
	Order    string // its number
	Name     string
	Email    string
	Address  []string
	Provider string // label; empty where nobody but us has the money
	Ref      string // the provider's reference of the payment; may be empty
	Lines    []Line // of a credit note only what came back; may be none
	Total    string // of the order
	Amount   string // what the document is about
	Tax      string // in that: "GST 15 %: NZD 5.48"; empty when it holds none
	Again    bool   // a receipt for money that had gone back and came again
	Text     []string
}

// Seller is who the shop was when a document was written.
type Seller struct {
	Name    string
	Address []string
	Contact string // e-mail address; may be empty
	Logo    string // address of the picture; empty when there is none
}

// Document is one document in the list of an order's.
type Document struct {
	ID     int64
	Label  string
	Credit bool
	Amount string
	At     When
}

// SlipPage is what goes into the parcel: no prices.
type SlipPage struct {
	Frame    Frame
	Order    string
	Test     bool
	Date     string // when the order was placed
	Seller   Seller
	Name     string
	Address  []string
	Lines    []Line
	Carrier  string // may be empty, as the next
	Tracking string
	Stop     string // why nothing is to be sent; empty when it is
}

func (p DocumentPage) page() ui.Page {
	return ui.Page{Name: "admin-document", Title: p.title() + " " + p.Label, Quiet: true}
}

func (p DocumentPage) title() string {
	if p.Credit {
		return "Credit note"
	}
	return "Receipt"
}

// amountLabel says what the document's amount is.
func (p DocumentPage) amountLabel() string {
	switch {
	case p.Credit:
		return "Given back"
	case p.Again:
		return "Received again"
	default:
		return "Received"
	}
}

func (p SlipPage) page() ui.Page {
	return ui.Page{Name: "admin-packing-slip", Title: "Packing slip for order " + p.Order, Quiet: true}
}

// pieces is how many pieces there are in all.
func (p SlipPage) pieces() string {
	var n int64
	for _, l := range p.Lines {
		n += l.Quantity
	}
	if n == 1 {
		return "1 piece"
	}
	return strconv.FormatInt(n, 10) + " pieces"
}

func (d Document) word() string {
	if d.Credit {
		return "Credit note"
	}
	return "Receipt"
}

func (p OrderPage) documentURL(d Document) string {
	return orderURL(p.Number) + "/documents/" + strconv.FormatInt(d.ID, 10)
}
