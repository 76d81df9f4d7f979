package e2e_test

import (
	"reflect"
	"runtime"
	"strings"

	"golang.org/x/net/html"
)

// attr is an attribute's value; ok is false where there is none.
func attr(n *html.Node, name string) (value string, ok bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

// value is attr of an attribute that may be missing.
func value(n *html.Node, name string) string {
	v, _ := attr(n, name)
	return v
}

// nodes lists the elements below n that match, in the order of the document.
func nodes(n *html.Node, match func(*html.Node) bool) []*html.Node {
	var found []*html.Node
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && match(d) {
			found = append(found, d)
		}
	}
	return found
}

// tagged lists the elements of one name.
func tagged(n *html.Node, tag string) []*html.Node {
	return nodes(n, func(e *html.Node) bool { return e.Data == tag })
}

// marked lists the elements with a data-testid.
func marked(n *html.Node, id string) []*html.Node {
	return nodes(n, func(e *html.Node) bool { return value(e, "data-testid") == id })
}

// words is the text of an element as people read it, with single spaces.
func words(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
			b.WriteByte(' ')
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// inner is the text of an element as it was written.
func inner(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// storyName is the name of a function of this package.
func storyName(f any) string {
	name := runtime.FuncForPC(reflect.ValueOf(f).Pointer()).Name()
	name = name[strings.LastIndex(name, "e2e_test.")+len("e2e_test."):]
	name, _, _ = strings.Cut(name, ".")
	return name
}
