package vertex_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"till/money"
	"till/providers"
	"till/providers/vertex"
)

const manyMethods = `[
	{"providerCode":"alps","acquirerCode":"lyra","instrumentType":"card","entryMode":"cnp","dataEntryModes":["redirect","h2h"],"currencies":["NZD","PHP"]},
	{"providerCode":"alps","acquirerCode":"direct","instrumentType":"card","entryMode":"cnp","dataEntryModes":["h2h"],"currencies":["NZD"]},
	{"providerCode":"hills","acquirerCode":"gcash","instrumentType":"wallet","entryMode":null,"dataEntryModes":["qr","redirect"],"currencies":["NZD"],"isDefault":true},
	{"providerCode":"hills","acquirerCode":"gcash","instrumentType":"wallet","entryMode":null,"dataEntryModes":["redirect"],"currencies":["NZD"]},
	{"providerCode":"alps","instrumentType":"bank_transfer"},
	{"providerCode":"alps","acquirerCode":"x/y","instrumentType":"buy_now","dataEntryModes":"redirect","currencies":{}},
	{"providerCode":"alps","acquirerCode":"shop","instrumentType":"voucher","currencies":["PHP"]},
	{"acquirerCode":"lyra","instrumentType":"card"},
	{"providerCode":"alps"}, null, 7, "card"]`

func TestMethods(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, list string
		currency   money.Currency
		capture    string
		want       []providers.Method
	}{
		{"the page's own", string(dataOf(t, "methods.json")), "PHP", "", []providers.Method{{Name: "card/alps/lyra/cnp/redirect", Label: "Card"}}},
		{"in another currency", string(dataOf(t, "methods.json")), "NZD", "", []providers.Method{}},
		{"none", `[]`, "NZD", "", []providers.Method{}},
		{"many", manyMethods, "NZD", "", []providers.Method{
			{Name: "wallet/hills/gcash//redirect", Label: "Wallet (Gcash)"},
			{Name: "card/alps/lyra/cnp/redirect", Label: "Card"},
			{Name: "bank_transfer/alps///", Label: "Bank transfer"},
			{Name: "buy_now/alps/x%2Fy//", Label: "Buy now (X/y)"},
		}},
		{"to be reserved", manyMethods, "NZD", vertex.CaptureManual, []providers.Method{{Name: "card/alps/lyra/cnp/redirect", Label: "Card"}}},
		{
			"alike", `[{"providerCode":"alps","acquirerCode":"lyra","instrumentType":"card"},{"providerCode":"hills","instrumentType":"card","entryMode":"moto"}]`,
			"NZD", "",
			[]providers.Method{{Name: "card/alps/lyra//", Label: "Card (Lyra, Alps)"}, {Name: "card/hills//moto/", Label: "Card (Hills, Moto)"}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(cfg *vertex.Config) { cfg.Capture = tt.capture })
			b.change(func() { b.methods = json.RawMessage(tt.list) })
			got, err := b.Methods(t.Context(), tt.currency)
			if err != nil || len(got) != len(tt.want) {
				t.Fatalf("got %+v, %v", got, err)
			}
			for i, m := range got {
				if m != tt.want[i] {
					t.Errorf("got %+v, want %+v", m, tt.want[i])
				}
				req := request()
				req.PaymentID, req.Method = "p"+string(rune('a'+i)), m.Name
				if _, err := b.Start(t.Context(), req); err != nil {
					t.Errorf("%s cannot be paid with: %v", m.Name, err)
				}
			}
			if b.count("GET /api/v1/shops/115/payment-methods") != 1 {
				t.Errorf("asked %q", b.log())
			}
		})
	}
}

// What a payment was made with has a name before the list was ever fetched, and
// when it is on no list any more.
func TestMethodLabel(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.change(func() {
		b.methods = json.RawMessage(`[{"providerCode":"alps","acquirerCode":"lyra","instrumentType":"card"},{"providerCode":"hills","instrumentType":"card"}]`)
	})
	says := func(name, want string) {
		t.Helper()
		if got := b.MethodLabel(name); got != want {
			t.Errorf("%s is called %q, want %q", name, got, want)
		}
	}
	says("card/alps/lyra//", "Card")
	if _, err := b.Methods(t.Context(), "NZD"); err != nil {
		t.Fatal(err)
	}
	says("card/alps/lyra//", "Card (Lyra, Alps)")
	says("wallet/hills/gcash//redirect", "Wallet (Gcash)")
	says("of another day", "of another day")
	says("", "")
}

func dataOf(t *testing.T, file string) json.RawMessage {
	t.Helper()
	var in struct{ Data json.RawMessage }
	if err := json.Unmarshal(read(t, file), &in); err != nil {
		t.Fatal(err)
	}
	return in.Data
}

func TestMethods_Cache(t *testing.T) {
	t.Parallel()
	const list = "/api/v1/shops/115/payment-methods"
	b := setup(t)
	ask := func(want int, wantErr bool) {
		t.Helper()
		got, err := b.Methods(t.Context(), "NZD")
		if (err != nil) != wantErr || !wantErr && len(got) != 1 {
			t.Errorf("got %+v, %v", got, err)
		}
		if err != nil {
			asError(t, err)
		}
		if n := b.count("GET " + list); n != want {
			t.Errorf("asked %d times, want %d", n, want)
		}
	}
	ask(1, false)
	b.clock.move(5*time.Minute - 1)
	ask(1, false)
	b.clock.move(1)
	ask(2, false)
	b.change(func() { b.refuse[list] = 400 })
	b.clock.move(5 * time.Minute)
	ask(3, false) // an old one is better than none
	ask(3, false) // and nobody is asked at once again
	b.clock.move(30 * time.Second)
	ask(4, false)
	b.clock.move(time.Hour)
	ask(5, true)
	ask(5, true)
	b.change(func() { b.refuse[list] = 0 })
	b.clock.move(30 * time.Second)
	ask(6, false)
	for _, body := range []string{`{}`, `{"data":{}}`, `{"data":null}`, `x`} {
		c, err := vertex.New(config(func(cfg *vertex.Config) {
			cfg.Transport = answers(func(*http.Request) (int, string) { return 200, body })
		}))
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Methods(t.Context(), "NZD")
		if e := wantKind(t, err, providers.KindUnavailable); e.Op != "methods" {
			t.Errorf("%s: got %v", body, e)
		}
	}
}

func TestMethods_AskedOnceForAll(t *testing.T) {
	t.Parallel()
	asked, answer := make(chan struct{}), make(chan struct{})
	var once sync.Once
	c, err := vertex.New(config(func(cfg *vertex.Config) {
		cfg.Transport = answers(func(*http.Request) (int, string) {
			once.Do(func() { close(asked) })
			<-answer
			return 200, string(read(t, "methods.json"))
		})
	}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, leave := context.WithCancel(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { _, err := c.Methods(ctx, "PHP"); first <- err }()
	<-asked
	go func() { _, err := c.Methods(t.Context(), "PHP"); second <- err }()
	leave()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("who went away got %v", err)
	}
	close(answer)
	if err := <-second; err != nil {
		t.Errorf("who stayed got %v", err)
	}
}
