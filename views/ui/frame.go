// Package ui holds what all pages are made of: the frame around them, form
// fields, notices, pills, icons. Shop, dashboard and mail pages are built from
// it, and it knows none of them. A part is a function of plain values; nothing
// here reads a request, a global or a clock.
package ui

import "strconv"

// Frame is what surrounds a page. Every page struct carries one, filled anew
// for every request.
type Frame struct {
	ShopName   string
	Logo       string // digest of a picture that stands for the name; empty when there is none
	Assets     Assets
	Currency   string   // the chosen one, an ISO 4217 code
	Currencies []string // all that may be chosen; with fewer than two no chooser is drawn
	CartCount  int      // pieces in the cart, not lines
	Back       string   // where changing the currency returns to: a path of ours, empty means "/"
	Flash      string   // one sentence about what was just done, such as "Removed Tea bowl."; may be empty
	Contact    string   // e-mail address people can write to; may be empty
	Demo       bool     // says on every page that no real money moves
}

// Assets finds the files that pages refer to. *static.Set is one.
type Assets interface {
	// URL is the address of a file such as "app.css", with its content hash.
	URL(name string) string
	// SRI is the integrity value of the same file.
	SRI(name string) string
	// Picture is the address of a product's picture such as "mug.svg"; a name
	// nobody drew yields a placeholder.
	Picture(name string) string
}

// Page is what a page tells the frame about itself.
type Page struct {
	Name    string // the machine's word for the page: <body data-page="…">
	Title   string // without the shop's name
	Problem bool   // the page reports a problem: its title begins with "Problem: "
	Quiet   bool   // no currency chooser: the amounts on this page are fixed

	// RefreshSeconds above 0 makes the browser look at RefreshURL by itself.
	// Where script runs it does so behind the page, and goes there only when
	// there is something new, so that nobody is interrupted while reading.
	RefreshSeconds int
	RefreshURL     string
}

// title is what a screen reader says first on a new page, so it begins with
// what is new.
func (p Page) title(f Frame) string {
	title := p.Title
	if f.ShopName != "" && title != f.ShopName {
		title += " – " + f.ShopName
	}
	if f.Flash != "" {
		title = f.Flash + " " + title
	}
	if p.Problem {
		title = "Problem: " + title
	}
	return title
}

func (p Page) refresh() string {
	return strconv.Itoa(p.RefreshSeconds) + ";url=" + p.RefreshURL
}

func (f Frame) back() string {
	if f.Back == "" {
		return "/"
	}
	return f.Back
}

func (f Frame) cartLabel() string {
	switch f.CartCount {
	case 0:
		return "Cart, empty"
	case 1:
		return "Cart, 1 item"
	default:
		return "Cart, " + strconv.Itoa(f.CartCount) + " items"
	}
}
