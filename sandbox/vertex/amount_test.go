package vertex

import (
	"strings"
	"testing"
	"time"
)

func TestAmount(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1 NZD": "NZD 1.00", "0.01 NZD": "NZD 0.01", "12.5 NZD": "NZD 12.50", "99999999999999.99 NZD": "NZD 99,999,999,999,999.99",
		"1234567 CLP": "CLP 1,234,567", "1.5 KWD": "KWD 1.500", "999.999 KWD": "KWD 999.999", "0.001 KWD": "KWD 0.001",
	} {
		value, currency, _ := strings.Cut(text, " ")
		a, err := parseAmount(value, currency)
		if err != nil || a.grouped() != want {
			t.Errorf("%s: %s, %v", text, a.grouped(), err)
		}
		if again, err := parseAmount(a.String(), currency); err != nil || again != a {
			t.Errorf("%s: %s is read back as %v, %v", text, a, again, err)
		}
	}
	for _, text := range []string{
		"", "-", ".", "1.", ".5", "0", "0.00", "-1", "+1", "1e2", "1.005", "01", "1,00", " 1", "1 ", "0x1", "١", "123456789012345", "NaN", "null",
	} {
		if a, err := parseAmount(text, "NZD"); err == nil {
			t.Errorf("%q is %s", text, a)
		}
	}
	for delta, want := range map[string]int64{"100": 1350, "-100": 1150, "-99999": 1} {
		if got := (amount{1250, "NZD"}).plus(delta); checkDelta(delta) != nil || got.minor != want {
			t.Errorf("%s: got %d", delta, got.minor)
		}
	}
	for _, delta := range []string{"", "-", "1.00", "x", "123456789012345"} {
		if checkDelta(delta) == nil {
			t.Errorf("%q passed", delta)
		}
	}
}

const goodOrder = `{"shopId":115,"order":{"orderNumber":"WEB-000123","cost":{"amount":"56.99","currency":"PHP"}},
	"customer":{"customerId":"1","firstName":"Ann","lastName":"Lee","middleName":null,"phone":"639170000000","email":"ann@example.test"},
	"paymentSettings":{"instrumentType":"card","providerCode":"alps","acquirerCode":"lyra","entryMode":"cnp","dataEntryMode":"redirect",
	"autoCapture":true,"timeLimit":"2030-06-15T10:51:49.086Z","redirectUrls":{"success":"https://shop.example/ok","failure":"https://shop.example/fail"},
	"webhookUrl":"https://shop.example/hooks/vertex/x"},"paymentPageDesign":{"alias":"default","format":"redirect"}}`

func orderParser() *parser {
	currencies := []string{"NZD", "PHP", "CLP"}
	return &parser{now: time.Date(2030, 6, 15, 10, 0, 0, 0, time.UTC), currencies: currencies, methods: allMethods(currencies)}
}

// The example of the documents is taken as it is.
func TestParseOrder_TheExample(t *testing.T) {
	t.Parallel()
	p := orderParser()
	in := p.parseOrder([]byte(goodOrder))
	if len(p.problems) > 0 || in.Number != "WEB-000123" || in.Cost != (amount{5699, "PHP"}) || in.Email != "ann@example.test" || !in.Customer ||
		in.Settings.Method.Acquirer != "lyra" || !in.Settings.AutoCapture || in.Settings.Failure != "https://shop.example/fail" {
		t.Errorf("got %+v, %q", in, p.problems)
	}
}

// Whatever comes in, it either has complaints or is an order that holds.
func FuzzParseOrder(f *testing.F) {
	f.Add([]byte(goodOrder))
	for _, body := range []string{``, `{}`, `[]`, `null`, `{"order":{}}`, `{"shopId":115,"shopId":1}`, "{\"shopId\":\"\xff\"}", `{"paymentSettings":null,"customer":{}}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p := orderParser()
		in := p.parseOrder(body)
		for _, says := range p.problems {
			if !strings.HasPrefix(says, "Parameter ") {
				t.Errorf("complains %q", says)
			}
		}
		if len(p.problems) > 0 {
			return
		}
		again, err := parseAmount(in.Cost.String(), in.Cost.currency)
		if err != nil || again != in.Cost || in.Cost.minor < 1 || !number.MatchString(in.Number) {
			t.Fatalf("passed with %+v", in)
		}
	})
}
