// Package mail holds the letters Till writes to shoppers, each as plain text
// and as simple HTML that says the same. A letter is a function of its struct;
// its addresses are whole, because a mail knows no site.
package mail

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/a-h/templ"
)

// OrderPaid tells a shopper that the money for an order has arrived. All
// strings are ready to show.
type OrderPaid struct {
	ShopName string
	Number   string
	Name     string
	Lines    []Line
	Rows     []Row // between lines and total; may be empty
	Total    string
	Received string // what was taken, when that is not the total; else empty
	PaidAt   string // such as "Friday 21 November 2026, 14:32"
	Provider string // label, such as "iumiCash"; may be empty
	Address  []string
	OrderURL string // whole, with scheme and host
	Contact  string // e-mail address of the shop; may be empty
}

// Line is one line of the order.
type Line struct {
	Name     string
	Quantity int
	Total    string // with currency
}

// Row is one line between the goods and the total, such as delivery.
type Row struct {
	Label  string
	Amount string
}

// Subject is the mail's subject. It holds no line breaks, whatever the shop is
// called.
func (m OrderPaid) Subject() string {
	s := "Order " + m.Number + " is paid: " + cmp.Or(m.Received, m.Total)
	if m.ShopName != "" {
		s += " – " + m.ShopName
	}
	return strings.Join(strings.Fields(s), " ")
}

// HTML is the mail's HTML part.
func (m OrderPaid) HTML() templ.Component { return orderPaid(m) }

// Text is the mail's plain part.
func (m OrderPaid) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s,\n\n%s\n\n", greeting(m.Name), m.news())
	for _, l := range m.Lines {
		fmt.Fprintf(&b, "  %d × %s: %s\n", l.Quantity, oneLine(l.Name), l.Total)
	}
	for _, r := range m.Rows {
		fmt.Fprintf(&b, "  %s: %s\n", r.Label, r.Amount)
	}
	fmt.Fprintf(&b, "\n  Total: %s\n\n", m.Total)
	if len(m.Address) > 0 {
		fmt.Fprintf(&b, "We send it to:\n\n  %s\n", oneLine(m.Name))
		for _, l := range m.Address {
			fmt.Fprintf(&b, "  %s\n", oneLine(l))
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "Your order, and a receipt to print:\n%s\n\n%s\n", m.OrderURL, care)
	if m.Contact != "" {
		fmt.Fprintf(&b, "\nQuestions? Write to %s.\n", m.Contact)
	}
	fmt.Fprintf(&b, "\n%s\n", m.ShopName)
	return b.String()
}

// Refunded tells a shopper that money has gone back. All strings are ready to
// show.
type Refunded struct {
	ShopName string
	Number   string
	Name     string
	Amount   string // what went back
	Left     string // what of the order's money the shop keeps; empty when nothing
	Provider string // label, such as "iumiCash"; empty when it went another way
	OrderURL string // whole, with scheme and host
	Contact  string // e-mail address of the shop; may be empty
}

// Subject is the mail's subject. It holds no line breaks, whatever the shop is
// called.
func (m Refunded) Subject() string {
	s := "Order " + m.Number + ": " + m.Amount + " is on its way back to you"
	if m.Provider == "" {
		s = "Order " + m.Number + ": we have given back " + m.Amount
	}
	if m.ShopName != "" {
		s += " – " + m.ShopName
	}
	return strings.Join(strings.Fields(s), " ")
}

// HTML is the mail's HTML part.
func (m Refunded) HTML() templ.Component { return refunded(m) }

// Text is the mail's plain part.
func (m Refunded) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s,\n\n%s\n\n", greeting(m.Name), m.news())
	if m.Left != "" {
		fmt.Fprintf(&b, "%s\n\n", m.rest())
	}
	fmt.Fprintf(&b, "Your order:\n%s\n\n%s\n", m.OrderURL, care)
	if m.Contact != "" {
		fmt.Fprintf(&b, "\nQuestions? Write to %s.\n", m.Contact)
	}
	fmt.Fprintf(&b, "\n%s\n", m.ShopName)
	return b.String()
}

func (m Refunded) news() string {
	if m.Provider == "" {
		return "we have given back " + m.Amount + " for order " + m.Number + "."
	}
	return "we have sent back " + m.Amount + " for order " + m.Number + ", with " + m.Provider + ". Banks can take some days to show it."
}

func (m Refunded) rest() string { return "Of this order, " + m.Left + " stays paid." }

// Shipped tells a shopper that the goods have left. All strings are ready to
// show.
type Shipped struct {
	ShopName string
	Number   string
	Name     string
	Carrier  string // who carries them; may be empty
	Tracking string // the carrier's number; may be empty
	Lines    []Line // without Total
	Address  []string
	OrderURL string // whole, with scheme and host
	Contact  string // e-mail address of the shop; may be empty
}

// Subject is the mail's subject. It holds no line breaks, whatever the shop is
// called.
func (m Shipped) Subject() string {
	s := "Order " + m.Number + " is on its way"
	if m.ShopName != "" {
		s += " – " + m.ShopName
	}
	return oneLine(s)
}

// HTML is the mail's HTML part.
func (m Shipped) HTML() templ.Component { return shipped(m) }

// Text is the mail's plain part.
func (m Shipped) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s,\n\n%s\n\n", greeting(m.Name), m.news())
	if m.Tracking != "" {
		fmt.Fprintf(&b, "  %s: %s\n\n", trackingLabel, oneLine(m.Tracking))
	}
	for _, l := range m.Lines {
		fmt.Fprintf(&b, "  %d × %s\n", l.Quantity, oneLine(l.Name))
	}
	b.WriteString("\n")
	if len(m.Address) > 0 {
		fmt.Fprintf(&b, "It goes to:\n\n  %s\n", oneLine(m.Name))
		for _, l := range m.Address {
			fmt.Fprintf(&b, "  %s\n", oneLine(l))
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "Your order:\n%s\n\n%s\n", m.OrderURL, care)
	if m.Contact != "" {
		fmt.Fprintf(&b, "\nQuestions? Write to %s.\n", m.Contact)
	}
	fmt.Fprintf(&b, "\n%s\n", m.ShopName)
	return b.String()
}

const trackingLabel = "Tracking number"

func (m Shipped) news() string {
	s := "order " + m.Number + " has left us"
	if m.Carrier != "" {
		s += " with " + oneLine(m.Carrier)
	}
	return s + " and is on its way to you."
}

func greeting(who string) string {
	if name := oneLine(who); name != "" {
		return "Hello " + name
	}
	return "Hello"
}

func (m OrderPaid) news() string {
	s := "thank you. We received " + cmp.Or(m.Received, m.Total)
	if m.Provider != "" {
		s += " with " + m.Provider
	}
	return s + " for order " + m.Number + " on " + m.PaidAt + "."
}

const care = "Keep this link to yourself: whoever has it can see your order."

// oneLine keeps what people typed from drawing lines of its own.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
