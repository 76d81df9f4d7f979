package pgm_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"till/providers"
	"till/providers/pgm"
)

func TestMakeLink(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to, err := b.MakeLink(t.Context(), request(card))
	if err != nil {
		t.Fatal(err)
	}
	if to.URL != b.server.URL+"/link/"+to.Ref || to.Report.Outcome != providers.Open || to.Report.Word != "OK" || to.Report.Status != 200 {
		t.Errorf("got %+v", to)
	}
	b.change(func(f *fake) {
		const want = `{"amount":1999,"currency":"EUR","shopTransactionId":"p7k2m9",` +
			`"successRedirectUrl":"https://shop.test/return/p7k2m9/success","failureRedirectUrl":"https://shop.test/return/p7k2m9/error"}`
		if got := f.payments[to.Ref].Body; got != want {
			t.Errorf("sent\n%s\nwant\n%s", got, want)
		}
	})
	for word, want := range map[string]providers.Outcome{"PENDING": providers.Open, "ACCEPTED": providers.Paid, "FAILED": providers.Declined} {
		b.set(to.Ref, word)
		if got, err := b.Lookup(t.Context(), payment(to)); err != nil || got.Outcome != want {
			t.Errorf("%s: got %+v, %v", word, got, err)
		}
	}
	b.set(to.Ref, "ACCEPTED")
	if got, err := b.Refund(t.Context(), payment(to), whole()); err != nil || got.State != providers.RefundDone {
		t.Errorf("got %+v, %v", got, err)
	}
	if got := b.log()[:2]; !slices.Equal(got, []string{"POST /v3/stripe/pay-by-link", "GET /v3/stripe/status?paymentId=" + to.Ref}) {
		t.Errorf("requests %q", got)
	}
}

// The OK of a link is no OK of money: where there is no status, nothing is paid.
func TestMakeLink_IsNotPaid(t *testing.T) {
	t.Parallel()
	for _, status := range []int{405, 422, 501} {
		b := setup(t)
		b.noStatus = status
		to, err := b.MakeLink(t.Context(), request(card))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := b.Lookup(t.Context(), payment(to)); err == nil {
			t.Errorf("%d: got %+v", status, got)
		}
	}
}

func TestMakeLink_Answers(t *testing.T) {
	t.Parallel()
	answered := func(t *testing.T, body string) (providers.Started, error) {
		t.Helper()
		b := setup(t, func(cfg *pgm.Config) {
			cfg.Transport = answers(200, "application/json", func() []byte { return []byte(body) })
		})
		return b.MakeLink(t.Context(), request(card))
	}
	for body, ref := range map[string]string{
		string(read(t, "link_ok.json")):    "payment-123456789",
		string(read(t, "link_prose.json")): "", // the callback will name it
		`{"resultCode":"ok","result":"KO","paymentId":7,"link":"https://checkout.stripe.com/1"}`:        "7",
		`{"resultCode":7,"result":"OK","paymentId":null,"link":"https://checkout.stripe.com/1","x":{}}`: "",
	} {
		to, err := answered(t, body)
		if err != nil || to.Ref != ref || to.URL == "" || to.Report.Outcome != providers.Open || string(to.Data) == "" {
			t.Errorf("%s: got %+v, %v", body, to, err)
		}
	}
	for body, want := range map[string]struct {
		kind providers.Kind
		code string
	}{
		string(read(t, "link_ko.json")):                                            {providers.KindRejected, "KO"},
		`{"result":"KO","paymentId":"p"}`:                                          {providers.KindRejected, "KO"},
		`{"resultCode":"OK","paymentId":"p"}`:                                      {providers.KindRejected, ""},
		`{"resultCode":"OK","link":"https://evil.example/1"}`:                      {providers.KindRejected, ""},
		`{"resultCode":"OK","link":"app://pay/1"}`:                                 {providers.KindRejected, ""},
		`{"resultCode":"OK","link":"https://checkout.stripe.com@evil.example/1"}`:  {providers.KindRejected, ""},
		`{"resultCode":"QUEUED","paymentId":"p","link":"https://buy.stripe.com/"}`: {providers.KindUnavailable, ""},
		`{"resultCode":"OK","paymentId":"a\nb","link":"https://buy.stripe.com/"}`:  {providers.KindUnavailable, ""},
		`{"paymentId":"p","link":"https://buy.stripe.com/1"}`:                      {providers.KindUnavailable, ""},
		`[]`: {providers.KindUnavailable, ""},
		``:   {providers.KindUnavailable, ""},
	} {
		to, err := answered(t, body)
		if e := asError(t, err); e.Kind != want.kind || e.Code != want.code || e.Op != "link" || string(e.Raw) != body || to.URL != "" {
			t.Errorf("%s: got %+v", body, e)
		}
	}
}

func TestMakeLink_RefusesLocally(t *testing.T) {
	t.Parallel()
	offer := []string{card, "stripe/pay-pal", "axerve/pay-pal", "satispay/satispay", "nexi/credit-cards", "soisy/soisy", "house-account", "fnmpay/bank-app"}
	has := []string{card, "stripe/pay-pal", "axerve/pay-pal", "fnmpay/bank-app"}
	b := setup(t, func(cfg *pgm.Config) { cfg.Methods = offer })
	for _, method := range append(offer, "adyen/credit-cards", "") {
		want := slices.Contains(has, method)
		_, err := b.MakeLink(t.Context(), request(method))
		if want != (err == nil) || b.Links(method) != want {
			t.Errorf("%s: got %v", method, err)
		}
		if want {
			continue
		}
		if e := asError(t, err); e.Kind != providers.KindRejected || e.Status != 0 {
			t.Errorf("%s: got %v", method, err)
		}
	}
	req := request(card)
	req.Amount.Currency = "NZD"
	if _, err := b.MakeLink(t.Context(), req); asError(t, err).Kind != providers.KindRejected {
		t.Errorf("got %v", err)
	}
	if n := b.opened(); n != len(has) {
		t.Errorf("%d links were made for %d", n, len(has))
	}
	for _, line := range b.log() {
		if !strings.HasPrefix(line, http.MethodPost+" /v3/") || !strings.HasSuffix(line, "/pay-by-link") {
			t.Errorf("sent %s", line)
		}
	}
}
