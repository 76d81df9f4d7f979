package admin

import (
	"strings"
	"testing"

	"github.com/a-h/templ"

	"till/views/ui"
)

// The pages about what goes over the wires, as a browser gets them.
func TestWirePages(t *testing.T) {
	for name, page := range map[string]templ.Component{
		"deliveries":         Deliveries(wiresIn()),
		"deliveries_none":    Deliveries(DeliveriesPage{Frame: calm(), Way: WayIn}),
		"deliveries_mails":   Deliveries(wiresOut()),
		"delivery":           DeliveryDetail(wire()),
		"delivery_unmatched": DeliveryDetail(DeliveryPage{Frame: staff(), Row: DeliveryRow{ID: 8, Provider: "Gate", EventID: "e8", Ref: "r8", Verdict: VerdictUnmatched, Times: 3, At: at(21, 9, 0, 0)}, Last: at(21, 9, 5, 0), Body: []byte("id=8&token=abc")}),
		"providers":          Providers(lines()),
		"providers_none":     Providers(ProvidersPage{Frame: calm(), Off: lines().Off}),
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, render(t, page)) })
	}
}

func TestWirePages_HostileInput(t *testing.T) {
	row := DeliveryRow{ID: 1, Provider: evil, EventID: evil, Ref: evil, Word: evil, Verdict: evil, Times: 2, Order: evil}
	for name, page := range map[string]templ.Component{
		"in":       Deliveries(DeliveriesPage{Frame: hostileFrame(), Way: WayIn, Provider: evil, Verdict: evil, Providers: []ui.Option{{Value: evil, Label: evil}}, In: []DeliveryRow{row}, Older: evil, Newer: evil, Refusals: []Refusal{{evil, evil, evil, 1}}}),
		"out":      Deliveries(DeliveriesPage{Frame: hostileFrame(), Way: WayOut, Out: []MailRow{{Kind: evil, Order: evil, To: evil, State: evil}}}),
		"delivery": DeliveryDetail(DeliveryPage{Frame: hostileFrame(), Row: row, Body: []byte(evil + "\x00\x1b\u202e"), Payment: evil, CanAgain: true, Timeline: []Event{{Kind: evil, Detail: evil, Actor: evil, Source: evil}}}),
		"providers": Providers(ProvidersPage{
			Frame: hostileFrame(), Refused: evil, Off: []ProviderOff{{evil, evil, []string{evil}}},
			On: []ProviderCard{{Name: "x", Label: evil, Host: evil, Currencies: []string{evil}, Methods: []string{evil}, Callback: evil, Secret: evil, Bell: evil, Failed: at(21, 9, 0, 0), Failure: evil, CanTest: true}},
		}),
	} {
		t.Run(name, func(t *testing.T) {
			html := render(t, page)
			if !strings.Contains(html, "&lt;script&gt;") {
				t.Error("the test did not reach the page")
			}
			for _, bad := range []string{"<script>alert", "<img src=x", `" onfocus=`, "javascript:alert(1)", "\x00", "\x1b", "\u202e"} {
				if strings.Contains(html, bad) {
					t.Errorf("the page contains %q", bad)
				}
			}
		})
	}
}

// A body is shown without what opens an account or a card.
func TestMasked(t *testing.T) {
	for _, tt := range []struct{ name, body, want string }{
		{"nothing secret", `{"id":"p-1","amount":1999.00,"n":12345678901234567890}`, `{"id":"p-1","amount":1999.00,"n":12345678901234567890}`},
		{"by name", `{"token":"t","Client_Secret" : "s","a":{"cvv":123,"apiKey":"k"},"empty_token":""}`, `{"token":"[hidden]","Client_Secret" : "[hidden]","a":{"cvv":"[hidden]","apiKey":"[hidden]"},"empty_token":""}`},
		{"a quote in it", `{"token":"a\"b","b":"c"}`, `{"token":"[hidden]","b":"c"}`},
		{"a card number", `{"note":"paid with 4111-1111 11111111 today","ref":"4111111111111112"}`, `{"note":"paid with 411111******1111 today","ref":"4111111111111112"}`},
		{"as a number", `{"card":4111111111111111}`, `{"card":411111******1111}`},
		{"a masked one", `{"card":"411111******1111"}`, `{"card":"411111******1111"}`},
		{"an account", `{"iban":"FR7630006000011234567890189","beneficiary":"x"}`, `{"iban":"[hidden]","beneficiary":"x"}`},
		{"a form", `id=7&access_token=abc&x=1`, `id=7&access_token=[hidden]&x=1`},
		{"broken JSON", `{"token=abc`, `{"token=[hidden]`},
		{"nothing", ``, ``},
	} {
		if got := string(masked([]byte(tt.body))); got != tt.want {
			t.Errorf("%s:\n%s, want\n%s", tt.name, got, tt.want)
		}
	}
}

func TestFailure_Words(t *testing.T) {
	for failure, want := range map[Failure]string{
		"unavailable lookup 503": "It gave no usable answer (lookup, HTTP 503).",
		"unreachable start":      "It could not be reached (start).",
		"unauthorized token 401": "It did not accept our credentials (token, HTTP 401).",
		"rejected refund 400":    "It refused what we asked (refund, HTTP 400).",
		"odd":                    "odd",
		"":                       "(empty)",
	} {
		if got := failure.words(); got != want {
			t.Errorf("%q: %q", failure, got)
		}
	}
}

func wiresIn() DeliveriesPage {
	return DeliveriesPage{
		Frame: staff(), Way: WayIn, Verdict: VerdictUnmatched, Providers: []ui.Option{{Value: "gate", Label: "Gate"}}, Older: "3", Newer: "9",
		In: []DeliveryRow{
			{ID: 8, Provider: "Gate", EventID: "0f3c7e1a9b2d4c5e6f708192a3b4c5d6", Ref: "3f2b8c1e-1111-4a2b-9c3d-5e6f7a8b9c0d", Word: "paid", Verdict: VerdictSettled, Times: 3, At: at(21, 9, 0, 0), Order: "1042"},
			{ID: 7, Provider: "iumiCash", EventID: "e7", Ref: "", Verdict: VerdictUnmatched, Times: 1, At: at(20, 9, 0, 0)},
			{ID: 4, Provider: "old", EventID: "e4", Ref: "r4", Verdict: VerdictNew, Times: 1, At: at(20, 8, 0, 0)},
		},
		Refusals: []Refusal{{"2026-11-21", "Gate", "signature", 12}, {"2026-11-20", "iumiCash", "malformed", 1}, {"2026-11-20", "iumiCash", "too large", 1}, {"2026-11-19", "Gate", "odd", 1}},
	}
}

func wiresOut() DeliveriesPage {
	return DeliveriesPage{
		Frame: staff(), Way: WayOut, Unsent: true,
		Out: []MailRow{
			{Kind: MailOrderPaid, Order: "1042", To: "mere@example.test", State: MailSent, Attempts: 1, At: at(21, 9, 0, 0), Sent: at(21, 9, 0, 2)},
			{Kind: MailRefunded, Order: "1041", State: MailKept, At: at(21, 8, 0, 0)},
			{Kind: MailShipped, Order: "1040", State: MailWaiting, Attempts: 2, At: at(21, 8, 0, 0)},
			{Kind: MailOrderPaid, Order: "1039", To: "tom@example.test", State: MailRefused, Attempts: 1, At: at(21, 7, 0, 0)},
		},
	}
}

func wire() DeliveryPage {
	return DeliveryPage{
		Frame: staff(), Row: wiresIn().In[0], Last: at(21, 9, 30, 0), Settled: at(21, 9, 0, 1), Body: []byte(`{"id":"x","api_secret":"y"}`), Payment: "p", CanAgain: true,
		Timeline: []Event{{Kind: EventCallback, Detail: "paid", Actor: "provider", Source: "callback 8", At: at(21, 9, 0, 0)}},
	}
}

func lines() ProvidersPage {
	all := Abilities{true, true, true, true, true, true, true, true, true, true}
	return ProvidersPage{
		Frame: staff(),
		On: []ProviderCard{
			{
				Name: "gate", Label: "Gate", Host: "gate.decta.com", Test: true, Currencies: []string{"EUR", "GBP"}, Methods: []string{"Card"}, Callback: "https://shop.test/callbacks/gate/",
				Secret: "tok-0123456789abcdef", Bell: BellRegistered, Abilities: all, OK: at(21, 9, 0, 0), Failed: at(20, 9, 0, 0), Failure: "unavailable lookup 503", Heard: at(21, 8, 59, 0), Open: 4, CanTest: true,
			},
			{Name: "pgm", Label: "Payment Gateway Manager", Host: "pgm.example", Currencies: []string{"EUR"}, NoMethods: true, Callback: "https://shop.test/callbacks/pgm/…", Hidden: true, Bell: BellByHand, OK: at(20, 9, 0, 0), Failed: at(21, 9, 0, 0), Failure: "unauthorized start 401", Worse: true, Open: 1000, More: true},
			{Name: "iumicash", Label: "iumiCash", Currencies: []string{"NZD"}, Callback: "https://shop.test/callbacks/iumicash", Bell: BellWithPayment},
		},
		Off: []ProviderOff{{"vertex", "Vertex Gateway", []string{"VERTEX_BASE_URL", "VERTEX_TOKEN"}}},
	}
}
