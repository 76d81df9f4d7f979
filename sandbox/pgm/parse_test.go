package pgm

import (
	"encoding/json"
	"strings"
	"testing"
)

const goodPayment = `{"amount":500,"currency":"EUR","shopTransactionId":"123456789","successRedirectUrl":"http://example.com/ok",` +
	`"failureRedirectUrl":"http://example.com/ko","providerData":{}}`

func TestParsePayment_AllComplaintsAtOnce(t *testing.T) {
	_, problems := parsePayment([]byte(`{"amount":"1","currency":"NZD","x":1,"successRedirectUrl":"no"}`), services()["stripe"])
	want := `shopTransactionId is required; "x" is not a known field; amount must be a whole number above 0; currency must be EUR; successRedirectUrl must be an absolute URL`
	if got := strings.Join(problems, "; "); got != want {
		t.Errorf("got\n%s, want\n%s", got, want)
	}
}

func TestDecimal(t *testing.T) {
	for minor, want := range map[int64]string{1: "0.01", 10: "0.10", 99: "0.99", 100: "1.00", 123456: "1,234.56", 100000000: "1,000,000.00"} {
		if got := grouped(minor); got != want {
			t.Errorf("%d is %s, want %s", minor, got, want)
		}
	}
}

func TestOrigin(t *testing.T) {
	for address, want := range map[string]string{
		"https://shop.example/return?x=1": "https://shop.example", "http://127.0.0.1:8080/a": "http://127.0.0.1:8080",
		"http://[::1]:8080/a": "http://[::1]:8080", "https://a;script-src/b": "", "https://a b/": "", "javascript:alert(1)": "", "/a": "", "": "",
	} {
		if got := origin(address); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}

// Whatever comes in, it either has complaints or is a payment that holds.
func FuzzParsePayment(f *testing.F) {
	f.Add([]byte(goodPayment))
	const agreed = `{"amount":200,"currency":"EUR","shopTransactionId":"1","subscriptionInfo":`
	f.Add([]byte(agreed + `{"interval":"DAY","intervalCount":1,"expiresAfter":1},"providerData":{"authenticationAmount":200}}`))
	f.Add([]byte(agreed + `{"token":"0987654321"},"providerData":{}}`))
	for _, body := range []string{``, `{}`, `[]`, `null`, `{"amount":1.0}`, `{"amount":1,"amount":2}`, "{\"currency\":\"\xff\"}", `{"providerData":{"a":{}}}`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		asked, problems := parsePayment(body, services()["stripe"])
		if len(problems) == 0 && (asked.Amount < 1 || asked.Currency != "EUR" || asked.ShopID == "" || !json.Valid(body)) {
			t.Fatalf("passed: %+v", asked)
		}
		sub, problems := parseSubscription(body, services()["axerve"])
		if len(problems) == 0 && (sub.Amount < 1 || sub.ShopID == "" || sub.Info.Interval != "DAY" || sub.Info.Count < 1 || sub.Info.Times < 0 || sub.Limit < 1) {
			t.Fatalf("passed: %+v", sub)
		}
		charge, problems := parseCharge(body, services()["axerve"])
		if len(problems) == 0 && (charge.Amount < 1 || charge.ShopID == "" || charge.Token == "") {
			t.Fatalf("passed: %+v", charge)
		}
		back, problems := parseRefund(body)
		if len(problems) == 0 && (back.Amount < 1 || back.PaymentID == "") {
			t.Fatalf("passed: %+v", back)
		}
	})
}
