package main

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"till/models"
	"till/money"
)

const head = "slug,name,description,picture,currency,price,stock\n"

func TestParseTable(t *testing.T) {
	t.Parallel()
	three := int64(3)
	mug := models.Product{
		Slug: "mug", Name: "Mug", Description: "Holds \"tea\",\nand more", Picture: "mug.svg", Stock: &three,
		Prices: []models.Price{{Currency: "NZD", Minor: 1250}, {Currency: "JPY", Minor: 900}},
	}
	rows := "mug,Mug,\"Holds \"\"tea\"\",\nand more\",mug.svg,NZD,12.5,3\nmug,Mug,\"Holds \"\"tea\"\",\nand more\",mug.svg,JPY,900,3\n"
	for name, file := range map[string]string{
		"plain":            head + rows,
		"byte order mark":  "\ufeff" + head + rows,
		"CRLF":             strings.ReplaceAll(head+rows, "\n", "\r\n"),
		"no end":           strings.TrimSuffix(head+rows, "\n"),
		"empty lines":      head + "\n" + rows + "\n\n",
		"space and case":   "Slug , NAME,description,picture,currency,price,stock\n" + strings.ReplaceAll(rows, ",Mug,", ", Mug ,"),
		"another order":    "stock,price,currency,slug,picture,name,description\n3,12.50,NZD,mug,mug.svg,Mug,\"Holds \"\"tea\"\",\nand more\"\n3,900,JPY,mug,mug.svg,Mug,\"Holds \"\"tea\"\",\nand more\"\n",
		"with another one": head + strings.Replace(rows, "\nmug", "\nbowl,Bowl,,,NZD,1,\nmug", 1),
	} {
		got, err := parseTable("x.csv", []byte(file))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !reflect.DeepEqual(got[0], mug) {
			t.Errorf("%s: %+v", name, got[0])
		}
	}
	got, err := parseTable("x.csv", []byte("slug,name,description,picture,currency,price\nmug,Mug,,,NZD,1\n"))
	if err != nil || got[0].Stock != nil {
		t.Errorf("without a column stock: %+v %v", got, err)
	}
}

// Every problem is named, with its line, and nothing is imported.
func TestParseTable_AllProblemsAtOnce(t *testing.T) {
	t.Parallel()
	file := head +
		"Mug,Mug,,mug.svg,NZD,1,\n" + // 2
		",Mug,,mug.svg,NZD,1,\n" + // 3
		"jar,,,jar.svg,NZD,1,\n" + // 4
		"bowl,Bowl,,bowl.svg,XXX,1,\n" + // 5
		"bowl,Bowl,,bowl.svg,JPY,12.50,\n" + // 6
		"bowl,Bowl,,bowl.svg,NZD,0,\n" + // 7
		"bowl,Bowl,,bowl.svg,USD,-1,\n" + // 8
		"bowl,Bowl,,bowl.svg,EUR,1e3,\n" + // 9
		"bowl,Bowls,\"deep\n and wide\",bowls.svg,KWD,1.250,7\n" + // 10, 11
		"hook,Hook,,a/b.svg,NZD,1,many\n" + // 12
		"hook,Hook,,,NZD,1,1.5\n" + // 13
		"oil,Oil,,oil.svg,NZD,1,\n" + // 14
		"oil,Oil,,oil.svg,NZD,2,\n" + // 15
		"wax,Wax\n" + // 16
		"wax,\"Wax\" x,,,NZD,1,\n" + // 17
		"wax,Wa\x07x,,,NZD,99999999999999999999,\n" // 18
	got, err := parseTable("shop.csv", []byte(file))
	var p *problemsError
	if !errors.As(err, &p) || got != nil {
		t.Fatal(got, err)
	}
	for _, want := range []string{
		`shop.csv:2: slug "Mug"`, "shop.csv:3: slug is empty", "shop.csv:4: name is empty", `shop.csv:5: currency "XXX"`,
		`shop.csv:6: price "12.50" has more decimals than JPY, which has 0`, `shop.csv:7: price "0" is not more than nothing`,
		`shop.csv:8: price "-1" is not more than nothing`, `shop.csv:9: price "1e3" is not a number`, "shop.csv:10: name of bowl differs from line 5",
		"shop.csv:10: description of bowl differs", "shop.csv:10: picture of bowl differs", "shop.csv:10: stock of bowl differs",
		`shop.csv:12: picture "a/b.svg"`, `shop.csv:12: stock "many"`, `shop.csv:13: stock "1.5"`, "shop.csv:15: oil has a price in NZD already, on line 14",
		"shop.csv:16: has 2 cells where the first line has 7", "shop.csv:17: has a quoted cell", "shop.csv:18: name has a control character",
		`shop.csv:18: price "99999999999999999999" is more than anything costs`,
	} {
		if !slices.ContainsFunc(p.lines, func(line string) bool { return strings.HasPrefix(line, want) }) {
			t.Errorf("no %s in\n%s", want, strings.Join(p.lines, "\n"))
		}
	}
}

func TestParseTable_Heads(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ file, want string }{
		{"", "there is no product in it"},
		{head, "there is no product in it"},
		{"slug;name;price\n", "separated by commas"},
		{"slug,name,description,picture,currency,price,colour\n", `there is no column "colour"`},
		{"slug,name,description,picture,currency\n", "column price is missing"},
		{"slug,slug,name,description,picture,currency,price\n", "column slug is there twice"},
		{head + "mug,Caf\xe9,,,NZD,1,\n", "x.csv:2: is not UTF-8"},
		{"\xff\xfes\x00l\x00u\x00g\x00", "is not UTF-8"},
		{`"slug`, "quoted cell"},
		{head + strings.Repeat("x\n", 300), "and 200 more"},
	} {
		_, err := parseTable("x.csv", []byte(tt.file))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%.60q: %v, want %s", tt.file, err, tt.want)
		}
	}
}

// FuzzParseTable: no file makes it panic, problems have lines, and what is read
// is written and read as the same.
func FuzzParseTable(f *testing.F) {
	f.Add(demoCatalogue)
	for _, s := range []string{
		"", head, head + "mug,Mug,,,NZD,1,\n", "\ufeff" + head + "a,\"b\r\nc\",d,e,JPY,1,-5\r\n", head + "=1+1,=1+1,@x,-y,KWD,1.250,\n", `"`, head + "\"\n", "slug;name\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		products, err := parseTable("x.csv", raw)
		if err != nil {
			var p *problemsError
			if !errors.As(err, &p) || len(p.lines) == 0 || products != nil {
				t.Fatalf("%v %v", products, err)
			}
			return
		}
		again(t, products)
	})
}

type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func again(t failer, products []models.Product) {
	t.Helper()
	var file bytes.Buffer
	if err := writeTable(&file, products); err != nil {
		t.Fatalf("%v", err)
	}
	back, err := parseTable("x.csv", file.Bytes())
	if err != nil || !reflect.DeepEqual(back, products) {
		t.Fatalf("%v\n%s\nwas %+v\nis  %+v", err, file.String(), products, back)
	}
}

func TestTable_RoundTrip(t *testing.T) {
	t.Parallel()
	text := func(most int, lines bool) *rapid.Generator[string] {
		letters := []rune("aÄ日🫖 ,;\"'=+-@#|\\/")
		if lines {
			letters = append(letters, '\n')
		}
		return rapid.Map(rapid.StringOfN(rapid.SampledFrom(letters), 1, most, -1), func(s string) string { return "x" + strings.TrimSpace(s) })
	}
	currencies := []money.Currency{"NZD", "JPY", "KWD", "CLF", "USD"}
	rapid.Check(t, func(t *rapid.T) {
		slugs := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-z0-9]{1,5}(-[a-z0-9]{1,5})?`), 1, 8, rapid.ID[string]).Draw(t, "slugs")
		products := make([]models.Product, 0, len(slugs))
		for _, slug := range slugs {
			p := models.Product{
				Slug: slug, Name: text(20, false).Draw(t, "name"), Description: text(80, true).Draw(t, "description"), Picture: rapid.SampledFrom([]string{"", "mug.svg"}).Draw(t, "picture"),
			}
			if rapid.Bool().Draw(t, "counted") {
				n := rapid.Int64Range(-5, 1000).Draw(t, "stock")
				p.Stock = &n
			}
			for _, c := range currencies[:rapid.IntRange(1, len(currencies)).Draw(t, "prices")] {
				p.Prices = append(p.Prices, models.Price{Currency: c, Minor: rapid.Int64Range(1, maxMinor).Draw(t, "minor")})
			}
			products = append(products, p)
		}
		again(t, products)
	})
}

// Export and import together change nothing, through the commands themselves.
func TestCatalogue_ExportThenImport(t *testing.T) {
	t.Parallel()
	environ := []string{"TILL_DATABASE=" + filepath.Join(t.TempDir(), "shop.db")}
	csv := func() string {
		got := finish(t, "", environ, "catalogue", "export")
		if got.status != exitOK {
			t.Fatalf("%+v", got)
		}
		return got.stdout
	}
	if got := csv(); got != head {
		t.Errorf("an empty catalogue: %q", got)
	}
	if got := finish(t, string(demoCatalogue), environ, "catalogue", "import", "-"); got.status != exitOK || got.stderr != "" {
		t.Fatalf("%+v", got)
	}
	first := csv()
	if got := finish(t, first, environ, "catalogue", "import", "-"); got.status != exitOK {
		t.Fatalf("%+v", got)
	}
	if second := csv(); second != first {
		t.Errorf("was\n%s\nis\n%s", first, second)
	}

	bad := strings.Replace(first, "38.00", "38.005", 1)
	if got := finish(t, bad, environ, "catalogue", "import", "-"); got.status != exitUsage || !strings.Contains(got.stderr, "standard input:") {
		t.Errorf("%+v", got)
	}
	if now := csv(); now != first {
		t.Error("a file with a problem was half imported")
	}
	odd := fmt.Sprintf("%smug,Mug,,nobody-drew-it.svg,NZD,1,\n", head)
	if got := finish(t, odd, environ, "catalogue", "import", "--check", "-"); got.status != exitOK || !strings.Contains(got.stderr, "placeholder") {
		t.Errorf("%+v", got)
	}
	if now := csv(); now != first {
		t.Error("--check changed something")
	}
}
