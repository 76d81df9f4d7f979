package sandbox_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// faults of a page's markup: what is not closed, not named, or not allowed.
func markup(page string) []string {
	var wrong, open []string
	ids, refers := map[string]int{}, []string{}
	void := []string{"br", "col", "hr", "img", "input", "link", "meta"}
	if !strings.HasPrefix(strings.ToLower(page), "<!doctype html>") {
		wrong = append(wrong, "no doctype")
	}
	z := html.NewTokenizer(strings.NewReader(page))
	for kind := z.Next(); kind != html.ErrorToken; kind = z.Next() {
		tag := z.Token()
		switch kind {
		case html.StartTagToken, html.SelfClosingTagToken:
			if !slices.Contains(void, tag.Data) {
				open = append(open, tag.Data)
			}
			if tag.Data == "script" || tag.Data == "style" {
				wrong = append(wrong, "a "+tag.Data)
			}
			for _, a := range tag.Attr {
				switch {
				case a.Key == "id":
					ids[a.Val]++
				case a.Key == "for" || strings.HasPrefix(a.Key, "aria-labelledby") || a.Key == "aria-describedby":
					refers = append(refers, strings.Fields(a.Val)...)
				case a.Key == "style" || strings.HasPrefix(a.Key, "on"):
					wrong = append(wrong, "an attribute "+a.Key)
				}
			}
		case html.EndTagToken:
			if len(open) == 0 || open[len(open)-1] != tag.Data {
				return append(wrong, fmt.Sprintf("</%s> within %v", tag.Data, open))
			}
			open = open[:len(open)-1]
		default:
		}
	}
	for id, n := range ids {
		if n > 1 {
			wrong = append(wrong, "the id "+id+" occurs twice")
		}
	}
	for _, id := range refers {
		if ids[id] == 0 {
			wrong = append(wrong, "nothing has the id "+id)
		}
	}
	if len(open) > 0 {
		wrong = append(wrong, fmt.Sprintf("never closed: %v", open))
	}
	return wrong
}

func TestMarkup_FindsWhatIsWrong(t *testing.T) {
	for page, want := range map[string]string{
		`<!doctype html><p id="a">x<br></p>`:                   "[]",
		`<p>x</p>`:                                             "[no doctype]",
		`<!doctype html><p><b>x</p></b>`:                       "[</p> within [p b]]",
		`<!doctype html><p id="a"></p><p id="a"></p>`:          "[the id a occurs twice]",
		`<!doctype html><label for="a">x</label>`:              "[nothing has the id a]",
		`<!doctype html><p onclick="x" style="y"></p><script>`: "[an attribute onclick an attribute style a script never closed: [script]]",
	} {
		equal(t, page, markup(page), want)
	}
}

// Every page of the console and every provider's, of orders of all kinds.
func TestPages_AreWellFormed(t *testing.T) {
	s := setup(t)
	paths := []string{
		"/", "/console/orders", "/console/deliveries", "/console/requests", "/console/faults", "/console/faults?provider=gate&order=o1", "/console/nothing",
		"/iumicash/checkout/x/", "/powens/2.0/auth/webview/payment", "/pgm/page/x", "/gate/checkout/x/", "/vertex/payment",
	}
	for _, name := range names() {
		k := s.at(name)
		k.fault("callback_late", `"total":"12.50"`)
		k.create("open", want{minor: 1250})
		k.paid("paid", 990)
		k.create("left", want{minor: 990})
		k.decide("left", "abandon").want(200)
		paths = append(paths, "/console/faults?provider="+name)
	}
	for _, o := range s.sandbox.Orders(0) {
		paths = append(paths, "/console/orders/"+o.Provider+"/"+o.Ref)
		if o.Page != "" {
			paths = append(paths, strings.TrimPrefix(o.Page, s.base))
		}
	}
	for _, d := range s.sandbox.Deliveries(3, "") {
		paths = append(paths, "/console/deliveries/"+d.ID)
	}
	if len(paths) < 40 {
		t.Errorf("only %d pages", len(paths))
	}
	for _, path := range paths {
		page := s.send("GET", path, "")
		if !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %d %s", path, page.status, page.header.Get("Content-Type"))
		}
		for _, wrong := range markup(page.body) {
			t.Errorf("%s: %s", path, wrong)
		}
	}
}
