package powens

import (
	"encoding/json"
	"testing"
	"time"
)

func TestCents(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1": "1.00", "0.01": "0.01", "12.5": "12.50", "12.50": "12.50", "12.5000000000": "12.50", "999999999999.99": "999999999999.99", "100": "100.00",
	} {
		c, err := parseCents(text)
		if err != nil || c.String() != want {
			t.Errorf("%s: %s, %v", text, c, err)
		}
	}
	for _, text := range []string{
		"", "-", ".", "1.", ".5", "0", "0.00", "-1", "+1", "1e2", "1.005", "01", "1,00", " 1", "1 ", "0x1", "١", "1000000000000", "NaN", `"1"`, "null", "--1", "1.-1",
	} {
		if c, err := parseCents(text); err == nil {
			t.Errorf("%q is %s", text, c)
		}
	}
	for minor, want := range map[cents]string{1: "0.01", 123: "1.23", 123456: "1,234.56", 100000000: "1,000,000.00"} {
		if got := grouped(minor); got != want {
			t.Errorf("%d is %s, want %s", minor, got, want)
		}
	}
	shown, err := json.Marshal([]any{value{cents: 990}, value{cents: 990, quoted: true}, currency{code: "EUR", quoted: true}})
	if want := `[9.9000000000,"9.9000000000","EUR"]`; err != nil || string(shown) != want {
		t.Errorf("%s, %v; want %s", shown, err, want)
	}
}

func TestOrigin(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"https://shop.example/return?x=1": "https://shop.example", "http://127.0.0.1:8080/a": "http://127.0.0.1:8080",
		"http://[::1]:8080/a": "http://[::1]:8080", "https://a;script-src/b": "", "https://a b/": "", "javascript:alert(1)": "", "/a": "", "": "",
	} {
		if got := origin(address); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}

const goodPayment = `{"client_redirect_uri":"https://shop.example/return/powens","client_state":"opaque-random-state","instructions":[{
	"label":"ORD1001 Shop","amount":9.90,"currency":"EUR","execution_date_type":"instant",
	"beneficiary":{"scheme_name":"iban","identification":"FR7600000000000000000000000","label":"Shop"},
	"beneficiary_identity":{"kind":"corporate","org_name":"Shop","org_legal_status":"SAS",
	"org_hq_address":"1 rue Verte, 75000 Paris","scheme_name":"siren","identification":"000000000"}}],
	"payer_identity":{"kind":"individual","first_name":"Ada","last_name":"Martin","external_ref":"cust_42"}}`

// Whatever comes in, it either has complaints or is a payment that holds.
func FuzzParsePayment(f *testing.F) {
	f.Add([]byte(goodPayment))
	for _, body := range []string{``, `{}`, `[]`, `null`, `{"instructions":[{}]}`, `{"client_state":1}`, `{"a":1,"a":2}`, "{\"client_state\":\"\xff\"}"} {
		f.Add([]byte(body))
	}
	now := time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC)
	if _, problems := parsePayment([]byte(goodPayment), []string{"EUR"}, now); len(problems) > 0 {
		f.Fatalf("the page's own example is refused: %+v", problems)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		asked, problems := parsePayment(body, []string{"EUR", "GBP"}, now)
		if len(problems) > 0 {
			for _, p := range problems {
				if p.field == "" || p.says == "" {
					t.Errorf("an empty complaint: %+v", p)
				}
			}
			return
		}
		in := asked.Instruction
		if asked.RedirectURI == "" || in.Amount < 1 || in.Label == "" || in.Currency == "" || in.Type == "" || in.Beneficiary.Identification == "" ||
			len(in.Identity) == 0 || asked.PayerIdentity["last_name"] == "" && asked.PayerIdentity["kind"] == "individual" || (in.Type == deferred) != (in.Date != "") {
			t.Fatalf("passed with something missing: %+v", asked)
		}
		o := &payment{id: "1", request: asked, backTo: asked.RedirectURI, toldAmount: in.Amount, toldCode: in.Currency}
		if shown, err := json.Marshal(o.show()); err != nil || !json.Valid(shown) {
			t.Fatalf("%v %s", err, shown)
		}
		o.comeBack(true)
	})
}
