package ui

import (
	"strings"
	"testing"

	"github.com/a-h/templ"
)

type assets struct{}

func (assets) URL(name string) string { return "/static/" + name }

func (assets) SRI(string) string { return "sha384-test" }

func (assets) Picture(name string) string { return "/static/pictures/" + name }

func draw(t *testing.T, c templ.Component) string {
	t.Helper()
	var b strings.Builder
	if err := c.Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPage_Title_BeginsWithTheNews(t *testing.T) {
	shop := Frame{ShopName: "Kauri & Clay"}
	flash := shop
	flash.Flash = "Removed Oat soap."
	for _, tt := range []struct {
		name  string
		frame Frame
		page  Page
		want  string
	}{
		{"plain", shop, Page{Title: "Cart"}, "Cart – Kauri & Clay"},
		{"home says the name once", shop, Page{Title: "Kauri & Clay"}, "Kauri & Clay"},
		{"problem", shop, Page{Title: "Cart", Problem: true}, "Problem: Cart – Kauri & Clay"},
		{"flash", flash, Page{Title: "Cart"}, "Removed Oat soap. Cart – Kauri & Clay"},
		{"no shop", Frame{}, Page{Title: "Cart"}, "Cart"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.page.title(tt.frame); got != tt.want {
				t.Errorf("title = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLayout_CurrencyChooser(t *testing.T) {
	f := Frame{ShopName: "Shop", Assets: assets{}, Currency: "USD", Currencies: []string{"NZD", "USD"}, Back: "/products/mug"}
	html := draw(t, Layout(f, Page{Name: "home", Title: "Shop"}))
	for _, want := range []string{`action="/currency"`, `name="back" value="/products/mug"`, `<option value="USD" selected>`, `data-page="home"`} {
		if !strings.Contains(html, want) {
			t.Errorf("the layout lacks %s", want)
		}
	}
	if html := draw(t, Layout(f, Page{Quiet: true})); strings.Contains(html, "/currency") {
		t.Error("a quiet page offers currencies")
	}
	f.Currencies = f.Currencies[:1]
	if html := draw(t, Layout(f, Page{})); strings.Contains(html, "/currency") {
		t.Error("one currency is no choice")
	}
}

func TestLayout_CartCount(t *testing.T) {
	for n, want := range map[int]string{0: "Cart, empty", 1: "Cart, 1 item", 12: "Cart, 12 items"} {
		if html := draw(t, Layout(Frame{Assets: assets{}, CartCount: n}, Page{})); !strings.Contains(html, `aria-label="`+want+`"`) {
			t.Errorf("%d in the cart: the link does not say %q", n, want)
		}
	}
}

func TestInput_SaysWhatIsWrong(t *testing.T) {
	f := Field{Name: "email", Label: "E-mail", Value: `a"b`, Hint: "For the receipt.", Problem: "Type an address."}
	html := draw(t, Input(f))
	for _, want := range []string{
		`for="email"`, `id="email"`, `aria-invalid="true"`, `aria-describedby="email-hint email-problem"`,
		`id="email-hint"`, `id="email-problem"`, `value="a&#34;b"`,
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the field lacks %s", want)
		}
	}
	f.Hint, f.Problem = "", ""
	if html := draw(t, Input(f)); strings.Contains(html, "aria-") {
		t.Errorf("a good field has something to say: %s", html)
	}
}

// The summary's link must land on something that can take the focus.
func TestRadios_FirstHasTheGroupsID(t *testing.T) {
	html := draw(t, Radios(Choice{Name: "method", Label: "How to pay", Value: "b", Options: []Option{{Value: "a", Label: "A"}, {Value: "b", Label: "B"}}}))
	if !strings.Contains(html, `type="radio" id="method" name="method" value="a"`) || !strings.Contains(html, `id="method-b" name="method" value="b" checked`) {
		t.Errorf("radios = %s", html)
	}
}

func TestPill_IsAWordAndAShape(t *testing.T) {
	shapes := map[string]Tone{}
	for _, tone := range []Tone{Plain, Info, Good, Warn, Bad} {
		html := draw(t, Pill(tone, "Word"))
		if !strings.Contains(html, "Word") {
			t.Errorf("%s: no word", tone)
		}
		shape := html[strings.Index(html, "<svg"):strings.Index(html, "</svg>")]
		if other, ok := shapes[shape]; ok {
			t.Errorf("%s and %s differ by colour only", tone, other)
		}
		shapes[shape] = tone
	}
}

func TestRadios_Groups(t *testing.T) {
	html := draw(t, Radios(Choice{Name: "way", Label: "How", Value: "c", Options: []Option{
		{Value: "a", Label: "A"}, {Value: "b", Label: "B", Group: "One"}, {Value: "c", Label: "C", Group: "One"}, {Value: "d", Label: "D", Group: "Two"},
	}}))
	if n := strings.Count(html, "<fieldset"); n != 3 {
		t.Errorf("%d fieldsets: one for all, one for each group", n)
	}
	one, two := strings.Index(html, ">One</legend>"), strings.Index(html, ">Two</legend>")
	for label, wants := range map[string]bool{"A": false, "B": true, "C": true, "D": false} {
		at := strings.Index(html, ">"+label+"</label>")
		if inOne := at > one && at < two; inOne != wants || at < 0 {
			t.Errorf("%s stands at %d, between %d and %d: %v", label, at, one, two, inOne)
		}
	}
	if strings.Count(html, " checked") != 1 || !strings.Contains(html, `id="way-c" name="way" value="c" checked`) {
		t.Error("not the chosen one is checked")
	}
}
