package e2e_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// void are the elements without an end.
var void = []string{"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}

// checkHTML lists what is wrong with a page's HTML: elements that do not close
// or do not belong where they stand, ids that occur twice or are missing,
// pictures and fields without a name, handlers and styles of the policy's kind.
func checkHTML(source string) []string {
	doc, err := html.ParseWithOptions(strings.NewReader(source), html.ParseOptionEnableScripting(false))
	if err != nil {
		return []string{err.Error()}
	}
	c := &checker{doc: doc, ids: map[string]int{}}
	c.nesting(source)
	c.names()
	c.outline()
	return c.problems
}

type checker struct {
	doc      *html.Node
	ids      map[string]int
	problems []string
}

func (c *checker) wrong(format string, args ...any) {
	c.problems = append(c.problems, "HTML: "+fmt.Sprintf(format, args...))
}

// nesting compares the page as it is written with the page as a browser reads
// it. Where they differ, the browser had to mend something.
func (c *checker) nesting(source string) {
	if !strings.HasPrefix(strings.ToLower(strings.TrimSpace(source)), "<!doctype html>") {
		c.wrong("no doctype")
	}
	var written, open []string
	z := html.NewTokenizer(strings.NewReader(source))
	for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
		token := z.Token()
		switch {
		case kind == html.StartTagToken || kind == html.SelfClosingTagToken:
			written = append(written, strings.Join(append(slices.Clone(open), token.Data), " "))
			if token.Data == "noscript" {
				z.NextIsNotRawText()
			}
			if kind == html.StartTagToken && !slices.Contains(void, token.Data) {
				open = append(open, token.Data)
			}
		case kind == html.EndTagToken && len(open) > 0 && open[len(open)-1] == token.Data:
			open = open[:len(open)-1]
		case kind == html.EndTagToken:
			c.wrong("</%s> closes nothing, in %v", token.Data, open)
			return
		}
	}
	if len(open) > 0 {
		c.wrong("not closed: %v", open)
	}
	var read []string
	for n := range c.doc.Descendants() {
		if n.Type == html.ElementNode {
			read = append(read, path(n))
		}
	}
	for i := range max(len(written), len(read)) {
		if i >= len(written) || i >= len(read) || !strings.EqualFold(written[i], read[i]) {
			c.wrong("the browser reads something else than is written, from %v", at(written, i))
			return
		}
	}
}

func at(all []string, i int) string {
	if i < len(all) {
		return all[i]
	}
	return "the end"
}

func path(n *html.Node) string {
	var names []string
	for e := n; e != nil && e.Type == html.ElementNode; e = e.Parent {
		names = append([]string{e.Data}, names...)
	}
	return strings.Join(names, " ")
}

// names looks at what things are called.
func (c *checker) names() {
	labelled := map[string]bool{}
	for n := range c.doc.Descendants() {
		if id, ok := attr(n, "id"); ok {
			if c.ids[id]++; id == "" || c.ids[id] > 1 {
				c.wrong("id %q occurs %d times", id, c.ids[id])
			}
		}
		if n.Data == "label" {
			labelled[value(n, "for")] = true
		}
	}
	for n := range c.doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		c.refers(n)
		_, named := attr(n, "aria-label")
		kind := value(n, "type")
		switch n.Data {
		case "img":
			if _, ok := attr(n, "alt"); !ok {
				c.wrong("picture %q without alt", value(n, "src"))
			}
		case "input", "select", "textarea":
			if kind != "hidden" && kind != "submit" && !named && !labelled[value(n, "id")] && !strings.Contains(path(n), " label ") {
				c.wrong("field %q without a label", value(n, "name"))
			}
		case "button":
			if kind == "" {
				c.wrong("button %q without a type", words(n))
			}
		case "form":
			if value(n, "action") == "" || value(n, "method") == "" {
				c.wrong("form without action or method")
			}
		}
		for _, a := range n.Attr {
			if a.Key == "style" || strings.HasPrefix(a.Key, "on") || strings.HasPrefix(strings.ToLower(a.Val), "javascript:") {
				c.wrong("%s has %s=%q, which the policy forbids", n.Data, a.Key, a.Val)
			}
		}
	}
}

// refers looks at ids that an element names.
func (c *checker) refers(n *html.Node) {
	for _, name := range []string{"for", "aria-describedby", "aria-labelledby", "aria-controls", "list", "headers"} {
		for id := range strings.FieldsSeq(value(n, name)) {
			if c.ids[id] == 0 {
				c.wrong("%s of <%s> names %q, which is not there", name, n.Data, id)
			}
		}
	}
	if id, ok := strings.CutPrefix(value(n, "href"), "#"); ok && n.Data == "a" && c.ids[id] == 0 {
		c.wrong("a link leads to #%s, which is not there", id)
	}
}

// outline looks at the page as a whole.
func (c *checker) outline() {
	root := tagged(c.doc, "html")
	if len(root) == 0 || value(root[0], "lang") == "" {
		c.wrong("no language")
	}
	for _, one := range []string{"title", "main", "h1"} {
		if all := nodes(c.doc, func(n *html.Node) bool { return n.Data == one && n.Namespace == "" }); len(all) != 1 || words(all[0]) == "" {
			c.wrong("%d <%s>, want one that says something", len(all), one)
		}
	}
	level := 0
	for _, h := range nodes(c.doc, func(n *html.Node) bool {
		return len(n.Data) == 2 && n.Data[0] == 'h' && n.Data[1] >= '1' && n.Data[1] <= '6'
	}) {
		next := int(h.Data[1] - '0')
		if next > level+1 && level > 0 {
			c.wrong("<%s> %q follows <h%d>", h.Data, words(h), level)
		}
		level = next
	}
}

// The checker finds what it is there for.
func TestCheckHTML(t *testing.T) {
	t.Parallel()
	page := func(body string) string {
		return `<!doctype html><html lang="en"><head><title>T</title></head><body><main><h1>H</h1>` + body + `</main></body></html>`
	}
	if got := checkHTML(page(`<p>Good</p><noscript><p>Good</p></noscript><label for="a">A</label><input id="a" name="a">`)); len(got) > 0 {
		t.Errorf("a good page: %v", got)
	}
	for body, want := range map[string]string{
		`<div>`:                             "closes nothing",
		`</div>`:                            "closes nothing",
		`<p><div></div></p>`:                "reads something else",
		`<table><tr><td></td></tr></table>`: "reads something else",
		`<a href="/"><a href="/"></a></a>`:  "reads something else",
		`<i id="x"></i><i id="x"></i>`:      "occurs 2 times",
		`<img src="x">`:                     "without alt",
		`<input name="q">`:                  "without a label",
		`<label for="q">Q</label>`:          "not there",
		`<a href="#q">Q</a>`:                "not there",
		`<p aria-describedby="q"></p>`:      "not there",
		`<p style="color:red"></p>`:         "the policy forbids",
		`<h4>Deep</h4>`:                     "follows <h1>",
		`<h1>Again</h1>`:                    "2 <h1>",
		`<button>Go</button>`:               "without a type",
		`<form></form>`:                     "without action",
	} {
		if got := checkHTML(page(body)); !strings.Contains(strings.Join(got, "\n"), want) {
			t.Errorf("%s: got %v, want %q", body, got, want)
		}
	}
}
