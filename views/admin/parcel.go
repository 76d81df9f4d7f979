package admin

import "till/views/ui"

// Parcel is how far an order's goods have got, and what may be said about that.
type Parcel struct {
	Packed   When
	Shipped  When
	Carrier  string // may be empty, as the next
	Tracking string
	Pack     bool // who looks may say that it is packed, as the next three
	Unpack   bool
	Ship     bool
	Unship   bool
}

// ShipPage asks with whom an order's goods left.
type ShipPage struct {
	Frame    Frame
	Number   string
	Address  []string // where it goes, with the name
	Carrier  string   // as typed, as the next
	Tracking string
	Mails    bool // the shopper gets a mail that says so
	Problems ShipProblems
}

// ShipProblems is what is wrong with the form, field by field.
type ShipProblems struct {
	Carrier  string
	Tracking string
}

func (p ShipPage) page() ui.Page {
	return ui.Page{Name: "admin-ship", Title: p.title(), Quiet: true, Problem: len(p.problems()) > 0}
}

func (p ShipPage) title() string { return "Has order " + p.Number + " left?" }

func (p ShipPage) url() string { return orderURL(p.Number) + "/ship" }

func (p ShipPage) problems() []ui.FieldProblem {
	var all []ui.FieldProblem
	if p.Problems.Carrier != "" {
		all = append(all, ui.FieldProblem{Field: "carrier", Text: p.Problems.Carrier})
	}
	if p.Problems.Tracking != "" {
		all = append(all, ui.FieldProblem{Field: "tracking", Text: p.Problems.Tracking})
	}
	return all
}

func (p ShipPage) carrier() ui.Field {
	return ui.Field{
		Name: "carrier", Label: "Who carries it", Value: p.Carrier, Problem: p.Problems.Carrier, MaxLength: 80, Optional: true, Autocomplete: "off",
		Hint: "Such as NZ Post.",
	}
}

func (p ShipPage) tracking() ui.Field {
	return ui.Field{
		Name: "tracking", Label: "Their number for it", Value: p.Tracking, Problem: p.Problems.Tracking, MaxLength: 80, Optional: true, Autocomplete: "off", Narrow: false,
	}
}

// state says where the goods are.
func (p Parcel) state() string {
	switch {
	case p.Shipped.known():
		return with("Left", " with ", p.Carrier)
	case p.Packed.known():
		return "Packed, and still here"
	default:
		return "Not packed yet"
	}
}
