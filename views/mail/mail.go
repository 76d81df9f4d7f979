// Package mail holds the letters Till writes to shoppers, each as plain text
// and as simple HTML that says the same. A letter is a function of its struct;
// its addresses are whole, because a mail knows no site.
package mail

import (
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
	s := "Order " + m.Number + " is paid: " + m.Total
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
	fmt.Fprintf(&b, "%s,\n\n%s\n\n", m.greeting(), m.news())
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
	fmt.Fprintf(&b, "Your order, and a receipt to print:\n%s\n\n%s\n", m.OrderURL, m.care())
	if m.Contact != "" {
		fmt.Fprintf(&b, "\nQuestions? Write to %s.\n", m.Contact)
	}
	fmt.Fprintf(&b, "\n%s\n", m.ShopName)
	return b.String()
}

func (m OrderPaid) greeting() string {
	if name := oneLine(m.Name); name != "" {
		return "Hello " + name
	}
	return "Hello"
}

func (m OrderPaid) news() string {
	s := "thank you. We received " + m.Total
	if m.Provider != "" {
		s += " with " + m.Provider
	}
	return s + " for order " + m.Number + " on " + m.PaidAt + "."
}

func (m OrderPaid) care() string {
	return "Keep this link to yourself: whoever has it can see your order."
}

// oneLine keeps what people typed from drawing lines of its own.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
