package admin

import (
	"slices"
	"strings"
	"testing"

	"till/money"
	"till/views/ui"
)

// Every word we know has a name, a shape and, for an order, a sentence that is
// no other's fallback.
func TestStatus_Words(t *testing.T) {
	all := append(statuses(), StatusCreated, StatusAttention)
	names := map[string]Status{}
	for _, s := range all {
		if s.word() == string(s) || s.icon() == ui.IconAsk {
			t.Errorf("%s has no name or no shape", s)
		}
		if other, ok := names[s.word()]; ok {
			t.Errorf("%s and %s are both called %q", s, other, s.word())
		}
		names[s.word()] = s
		verdict := OrderPage{Status: s, Total: "NZD 1.00"}.verdict()
		if s != StatusAttention && strings.Contains(verdict, "do not know this status") {
			t.Errorf("%s has no verdict", s)
		}
	}
	if s := Status("novelty"); s.word() != "novelty" || s.tone() != ui.Warn {
		t.Errorf("a word we do not know is %q, %s", s.word(), s.tone())
	}
}

func TestPaymentState_Words(t *testing.T) {
	for _, s := range []PaymentState{
		PaymentCreated, PaymentRedirected, PaymentProcessing, PaymentAuthorized, PaymentPaid, PaymentFailed, PaymentCancelled,
		PaymentExpired, PaymentUnknown, PaymentAccepted, PaymentMismatch,
	} {
		if s.word() == string(s) || s.meaning("iumiCash") == PaymentState("novelty").meaning("iumiCash") {
			t.Errorf("%s has no name or no meaning", s)
		}
	}
}

// Every reason to look has a name, what it means, a sentence and what accepting
// it does, none of which is the fallback.
func TestAttention_Words(t *testing.T) {
	novelty := itemOf("novelty")
	names := map[string]Attention{}
	for _, a := range []Attention{
		AttentionMismatch, AttentionSecondPayment, AttentionOverpayment, AttentionPaidAfterCancel, AttentionSoldOut, AttentionUnknown,
		AttentionRefundUnknown, AttentionRefundFailed, AttentionRefundReversed, AttentionContradiction, AttentionNeedAction, AttentionAccepted,
		AttentionClearingLate, AttentionLapsing, AttentionDispute, AttentionUnknownReference, AttentionRefundElsewhere, AttentionCaptureUnknown, AttentionUnanswered, AttentionUnauthorized, AttentionUnknownWord,
	} {
		i := itemOf(a)
		if a.word() == string(a) || a.advice() == Attention("novelty").advice() || i.sentence() == novelty.sentence() || i.consequence() == novelty.consequence() {
			t.Errorf("%s lacks words: %q, %q, %q", a, a.word(), i.sentence(), i.consequence())
		}
		if other, ok := names[a.word()]; ok {
			t.Errorf("%s and %s are both called %q", a, other, a.word())
		}
		names[a.word()] = a
	}
}

func TestOperation_State(t *testing.T) {
	for _, tt := range []struct {
		op   Operation
		want string
	}{
		{Operation{Kind: OperationRefund, State: OperationSucceeded}, "Gone back"},
		{Operation{Kind: OperationRefund, State: OperationSucceeded, Outside: true}, "Done outside"},
		{Operation{Kind: OperationCapture, State: OperationSucceeded}, "Taken"},
		{Operation{Kind: OperationVoid, State: OperationSucceeded}, "Released"},
		{Operation{Kind: OperationReverse, State: OperationSucceeded}, "Undone"},
		{Operation{Kind: OperationCancel, State: OperationSucceeded}, "Cancelled"},
		{Operation{Kind: OperationReceived, State: OperationSucceeded}, "Recorded"},
		{Operation{Kind: OperationStart, State: OperationSucceeded}, "Succeeded"},
		{Operation{Kind: OperationRefund, State: OperationFailed, Calls: 1}, "Did not happen"},
		{Operation{Kind: OperationRefund, State: OperationUnknown, Calls: 1}, "No answer"},
		{Operation{Kind: OperationRefund, State: OperationRequested}, "To be sent"},
		{Operation{Kind: OperationRefund, State: OperationRequested, Calls: 1}, "Being sent"},
		{Operation{Kind: OperationRefund, State: OperationRequested, Calls: 1, Pending: true}, "On its way"},
		{Operation{Kind: "novelty", State: "odd"}, "odd"},
	} {
		if got := tt.op.state(); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.op, got, tt.want)
		}
	}
}

// What is under way is not called done, and what nobody knows is not called
// under way.
func TestOrderPage_Refunding(t *testing.T) {
	refund := func(s OperationState, pending bool) Operation {
		return Operation{Kind: OperationRefund, State: s, Pending: pending}
	}
	for _, tt := range []struct {
		name string
		ops  []Operation
		want string
	}{
		{"asked for", []Operation{refund(OperationRequested, false)}, "A refund was asked for, and is not on its way to the shopper yet."},
		{"sent", []Operation{refund(OperationRequested, true)}, "A refund is on its way to the shopper."},
		{"one sent, one not", []Operation{refund(OperationRequested, true), refund(OperationRequested, false)}, "A refund is on its way to the shopper."},
		{
			"one sent, one without an answer",
			[]Operation{refund(OperationRequested, true), refund(OperationUnknown, false)},
			"A refund was asked for, and iumiCash never answered: it is on its way to the shopper or not.",
		},
	} {
		p := OrderPage{Status: StatusRefundInitiated, Payments: []Payment{{Provider: "iumiCash", Operations: tt.ops}}}
		if got := p.verdict(); got != tt.want {
			t.Errorf("%s: %s", tt.name, got)
		}
	}
}

// A cancelled order says what became of money that came for it.
func TestOrderPage_Cancelled(t *testing.T) {
	for _, tt := range []struct {
		name string
		b    Balances
		want string
	}{
		{"nothing came", Balances{}, "Cancelled. Nothing was taken for it."},
		{"gone back", Balances{Captured: 10, Refunded: 10}, "Cancelled. The money that came for it has gone back."},
		{"going back", Balances{Captured: 10, Refunded: 4, RefundPending: 6}, "Cancelled. The money that came for it is on its way back."},
		{"kept", Balances{Captured: 10, Refunded: 4}, "Cancelled. Money that came for it is kept."},
	} {
		p := OrderPage{Status: StatusCancelled, Payments: []Payment{{Balances: tt.b}}}
		if got := p.verdict(); got != tt.want {
			t.Errorf("%s: %s", tt.name, got)
		}
	}
}

// Only what may be done is offered, and at most one step is the one to take.
func TestOrderPage_Steps(t *testing.T) {
	labels := func(p OrderPage) (all []string) {
		for _, l := range p.steps() {
			all = append(all, string(l.kind)+" "+l.label)
		}
		return all
	}
	one := paid()
	if got := labels(one); got != nil {
		t.Errorf("who may do nothing is offered %q", got)
	}
	one.Payments[0].Powers = Powers{Capture: true, Void: true, Refund: true, Reverse: true}
	one.Receive, one.Cancel = true, true
	want := []string{"primary Capture", "secondary Void", "secondary Refund", "secondary Reverse", "secondary Paid another way", "secondary Cancel the order"}
	if got := labels(one); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	two := failedOnce()
	two.Payments[0].Powers, two.Payments[1].Powers = Powers{Capture: true}, Powers{Capture: true}
	if got := labels(two); !slices.Equal(got, []string{"primary Capture payment 2", "secondary Capture payment 1"}) {
		t.Errorf("%q", got)
	}
}

// The page says all is clear only when nothing waits anywhere.
func TestInboxPage_Clear(t *testing.T) {
	for _, tt := range []struct {
		name string
		page InboxPage
		want bool
	}{
		{"nothing waits", InboxPage{}, true},
		{"something waits", InboxPage{Frame: Frame{Inbox: 1}, Items: []Item{{}}}, false},
		{"something waits elsewhere", InboxPage{Frame: Frame{Inbox: 1}}, false},
		{"something came meanwhile", InboxPage{Items: []Item{{}}}, false},
	} {
		if got := strings.Contains(render(t, Inbox(tt.page.dressed())), "All clear"); got != tt.want {
			t.Errorf("%s: all clear %v", tt.name, got)
		}
	}
}

// dressed is the page with a frame that can be drawn.
func (p InboxPage) dressed() InboxPage {
	n := p.Frame.Inbox
	p.Frame = staff()
	p.Frame.Inbox = n
	return p
}

func TestEvent_What(t *testing.T) {
	for _, tt := range []struct {
		event        Event
		what, detail string
	}{
		{Event{Kind: EventPlaced}, "Order placed", ""},
		{Event{Kind: EventPaymentCreated, Detail: "iumicash"}, "Payment written, to be made with iumicash", ""},
		{Event{Kind: EventState, From: "redirected", To: "paid", Detail: "captured"}, "From Redirected to Paid", "The provider's word: “captured”"},
		{Event{Kind: EventState, From: "redirected", To: "novelty"}, "From Redirected to novelty", ""},
		{Event{Kind: EventSuperseded}, "The shopper turned to another payment", ""},
		{Event{Kind: EventCancelAsked}, "The provider was asked to cancel", ""},
		{Event{Kind: EventCancelled, Detail: "the shopper asked"}, "Order cancelled", "the shopper asked"},
		{Event{Kind: EventExpired}, "Order expired", ""},
		{Event{Kind: EventAttention, To: "mismatch,sold_out"}, "Needs attention: the amount does not match, sold out", ""},
		{Event{Kind: EventAttention, From: "mismatch"}, "No longer needs attention", ""},
		{Event{Kind: EventContradiction, Detail: "reversed"}, "The provider contradicts itself; nothing was changed", "The provider's word: “reversed”"},
		{Event{Kind: EventCallback, Detail: "captured"}, "Callback received", "The provider's word: “captured”"},
		{Event{Kind: EventNoAnswer, Detail: "not reached"}, "No answer from the provider", "not reached"},
		{Event{Kind: EventProviderRefused, Detail: "USER_LIMIT"}, "The provider refused", "USER_LIMIT"},
		{Event{Kind: EventCaptured, Amount: "NZD 92.00"}, "Captured NZD 92.00", ""},
		{Event{Kind: EventKind(FactDisputed), Amount: "NZD 92.00"}, "Disputed NZD 92.00", ""},
		{Event{Kind: EventOperation, From: "refund", To: "requested", Detail: "broken"}, "Refund: asked for", "broken"},
		{Event{Kind: EventOperation, From: "refund", To: "pending"}, "Refund: on its way", ""},
		{Event{Kind: EventOperation, From: "refund", To: "succeeded"}, "Refund: gone back", ""},
		{Event{Kind: EventOperation, From: "refund", To: "done outside"}, "Refund: done outside", ""},
		{Event{Kind: EventOperation, From: "capture", To: "failed", Detail: "CARD_GONE"}, "Capture: did not happen", "CARD_GONE"},
		{Event{Kind: EventOperation, From: "refund", To: "failed", Detail: "refund_failed"}, "Refund: did not happen", "refund failed"},
		{Event{Kind: EventCallback, Detail: "in_progress"}, "Callback received", "The provider's word: “in progress”"},
		{Event{Kind: EventOperation, From: "void", To: "unknown"}, "Void: no answer", ""},
		{Event{Kind: EventOperation, From: "reverse", To: "succeeded"}, "Reversal: undone", ""},
		{Event{Kind: EventOperation, From: "received", To: "succeeded", Detail: "in cash"}, "Paid outside: recorded", "in cash"},
		{Event{Kind: EventOperation, From: "novelty", To: "odd"}, "novelty: odd", ""},
		{Event{Kind: EventDispute, To: "chargeback"}, "Disputed: chargeback", ""},
		{Event{Kind: EventDispute, From: "retrieval", To: "good_faith"}, "The dispute went from retrieval to good faith", ""},
		{Event{Kind: EventDispute, From: "chargeback"}, "The dispute is over", ""},
		{Event{Kind: EventAccepted, From: "mismatch", Detail: "by phone"}, "Accepted as it is: the amount does not match", "by phone"},
		{Event{Kind: EventAttached, From: "9f2e", Detail: "they wrote"}, "Said to be this order's: 9f2e", "they wrote"},
		{Event{Kind: "novelty", Detail: "more"}, "novelty", "more"},
	} {
		if what, detail := tt.event.what(), tt.event.detail(); what != tt.what || detail != tt.detail {
			t.Errorf("%s: %q, %q; want %q, %q", tt.event.Kind, what, detail, tt.what, tt.detail)
		}
	}
}

func TestPayment_Ledger(t *testing.T) {
	p := refunds().Payments[0]
	var amounts, held []string
	for _, r := range p.ledger().rows {
		amounts, held = append(amounts, plain(r.amount)), append(held, plain(r.held))
	}
	if want := []string{
		"NZD 92.00", "NZD 2.00", "+NZD 95.00", "-NZD 5.00", "NZD 30.00", "-NZD 20.00", "NZD 5.00", "+NZD 1.00", "-NZD 4.00", "+NZD 3.00",
	}; !slices.Equal(amounts, want) {
		t.Errorf("amounts %v, want %v", amounts, want)
	}
	if want := []string{
		"NZD 0.00", "NZD 0.00", "NZD 95.00", "NZD 90.00", "NZD 90.00", "NZD 70.00", "NZD 70.00", "NZD 71.00", "NZD 67.00", "NZD 70.00",
	}; !slices.Equal(held, want) {
		t.Errorf("held %v, want %v", held, want)
	}
	if tone, text := p.ledger().check(); tone != ui.Good {
		t.Errorf("the ledger of refunds: %s", text)
	}
}

func TestPayment_Ledger_DoesNotAddUp(t *testing.T) {
	for name, spoil := range map[string]func(p *Payment){
		"row has more":          func(p *Payment) { p.Balances.Captured++ },
		"row has a refund":      func(p *Payment) { p.Balances.Refunded = 1 },
		"row reserved a refund": func(p *Payment) { p.Balances.RefundPending = 1 },
		"fact is missing":       func(p *Payment) { p.Facts = nil },
		"fact is there twice":   func(p *Payment) { p.Facts = append(p.Facts, p.Facts[0]) },
		"fact of another currency": func(p *Payment) {
			p.Facts[0].Amount = money.Amount{Minor: 9200, Currency: "USD"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := paid().Payments[0]
			if tone, text := p.ledger().check(); tone != ui.Good {
				t.Fatalf("before: %s", text)
			}
			spoil(&p)
			tone, text := p.ledger().check()
			if tone != ui.Bad || !strings.Contains(text, "by the facts and") {
				t.Errorf("the page says: %s", text)
			}
		})
	}
}

// Failure 20: the ledger has the decimals of its currency, not ours.
func TestFailure20_LedgerInYen(t *testing.T) {
	p := Payment{
		Amount: money.Amount{Minor: 5800, Currency: "JPY"}, Balances: Balances{Captured: 5800, Refunded: 5800},
		Facts: []Fact{
			{Kind: FactCaptured, Amount: money.Amount{Minor: 5800, Currency: "JPY"}},
			{Kind: FactRefundReserved, Amount: money.Amount{Minor: 5800, Currency: "JPY"}},
			{Kind: FactRefunded, Amount: money.Amount{Minor: 5800, Currency: "JPY"}},
		},
	}
	l := p.ledger()
	if got := plain(l.rows[2].amount); got != "-JPY 5,800" {
		t.Errorf("a refund of 5800 yen shows as %q", got)
	}
	if got := plain(l.held); got != "JPY 0" {
		t.Errorf("after it %q is held", got)
	}
}

func TestPretty(t *testing.T) {
	for _, tt := range []struct{ name, body, want string }{
		{"nothing", "", ""},
		{"JSON", `{"a":[1,2.50],"b":"ü"}`, "{\n  \"a\": [\n    1,\n    2.50\n  ],\n  \"b\": \"ü\"\n}"},
		{"a number beyond a float", `{"a":9007199254740993}`, "{\n  \"a\": 9007199254740993\n}"},
		{"plain text", "Service Unavailable\r\nTry later\n", "Service Unavailable\nTry later\n"},
		{"half of JSON", `{"a":`, `{"a":`},
		{"control characters", "a\x00b\x1b[31mc\u202ed\te", "a\ufffdb\ufffd[31mc\ufffdd\te"},
		{"not UTF-8", "a\xff\xfeb", "a\ufffdb"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := pretty([]byte(tt.body)); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzPretty(f *testing.F) {
	f.Add([]byte(`{"a":[1]}`))
	f.Add([]byte("\x00\u202e\xff"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if got := pretty(body); strings.ContainsAny(got, "\x00\x1b\x7f\u202e\u2066") {
			t.Errorf("%q shows as %q", body, got)
		}
	})
}

func TestOrdersPage_URL(t *testing.T) {
	p := OrdersPage{Status: StatusPaid, Query: "a&b=c#d@example.test"}
	if got, want := p.url("before", "1031"), "/admin/orders?before=1031&q=a%26b%3Dc%23d%40example.test&status=paid"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := (OrdersPage{}).url("after", "1031"), "/admin/orders?after=1031"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestOrderPage_Ask(t *testing.T) {
	one, two := inProgress(), failedOnce()
	if a := one.ask(one.Payments[0], true); a.Label != "Ask iumiCash now" || a.Kind != ui.Primary {
		t.Errorf("one payment: %q, %s", a.Label, a.Kind)
	}
	if a := two.ask(two.Payments[1], false); a.Label != "Ask iumiCash now about payment 1" || a.Kind != ui.Secondary {
		t.Errorf("of two payments the first: %q, %s", a.Label, a.Kind)
	}
	done := paid()
	if a := done.ask(done.Payments[0], true); a.Kind != ui.Secondary {
		t.Errorf("about a paid payment: %s", a.Kind)
	}
	if got, want := one.askURL(one.Payments[0]), "/admin/orders/1042/payments/"+firstID+"/settle"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// plain is text with ordinary spaces.
func plain(s string) string { return strings.ReplaceAll(s, "\u00a0", " ") }
