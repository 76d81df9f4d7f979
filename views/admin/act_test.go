package admin

import (
	"strings"
	"testing"
)

// What a page says of money is true of the order too, whatever became of that
// meanwhile.
func TestActPage_SaysWhatTheOrderIs(t *testing.T) {
	const reserved = "NZD 92.00 is reserved at iumiCash. What you take is paid for good"
	const back = "NZD 92.00 is reserved at iumiCash and goes back to the shopper. Nothing was taken"
	const here = "You say that NZD 92.00 is here: in cash, say, or by bank transfer. The order becomes paid by your word"
	for _, tt := range []struct {
		name  string
		verb  Verb
		order Standing
		want  string
	}{
		{"open", VerbCapture, Standing{}, reserved + "; the order can be sent then."},
		{"cancelled", VerbCapture, Standing{Cancelled: true}, reserved + ". The order is cancelled: nothing is sent for it, and what you take has to go back. Release it instead."},
		{"cancelled after its time", VerbCapture, Standing{Cancelled: true, Expired: true, Test: true}, reserved + ". The order is cancelled: nothing is sent for it, and what you take has to go back. Release it instead."},
		{"paid otherwise", VerbCapture, Standing{Paid: true}, reserved + ". The order was paid with another payment before: what you take is too much, and has to go back. Release it instead."},
		{"expired", VerbCapture, Standing{Expired: true}, reserved + ". The order had expired and becomes paid all the same: before you send it, see that everything is still there."},
		{"a test", VerbCapture, Standing{Test: true}, reserved + ". It is a test order: nothing is to be sent."},
		{"open", VerbVoid, Standing{}, back + ". The order is unpaid then, and stays open."},
		{"a test", VerbVoid, Standing{Test: true}, back + ". The order is unpaid then, and stays open."},
		{"cancelled", VerbVoid, Standing{Cancelled: true}, back + ". The order stays cancelled."},
		{"paid otherwise", VerbVoid, Standing{Paid: true}, back + " of it. What another payment took stays as it is."},
		{"expired", VerbVoid, Standing{Expired: true}, back + ". The order stays expired, and unpaid."},
		{"open", VerbReceived, Standing{}, here + " and can be sent."},
		{"expired", VerbReceived, Standing{Expired: true}, here + ". The order had expired and becomes paid all the same: before you send it, see that everything is still there."},
		{"a test", VerbReceived, Standing{Test: true}, here + ". It is a test order: nothing is to be sent."},
	} {
		p := ActPage{Verb: tt.verb, Provider: "iumiCash", Money: "NZD 92.00", Order: tt.order}
		if got := p.consequence()[0]; got != tt.want {
			t.Errorf("%s of what is %s: %s", tt.verb, tt.name, got)
		}
	}
}

func TestOrderPage_SaysWhatThePaymentsCameTo(t *testing.T) {
	second := Payment{Provider: "Powens", State: PaymentAuthorized, Amount: nzd(9200), Balances: Balances{Authorized: 9200}}
	gone := Payment{Provider: "Powens", State: PaymentProcessing, Amount: nzd(9200)}
	for _, tt := range []struct {
		name string
		page func() OrderPage
		want string
	}{
		{"paid", paid, "It is paid. The order can be sent."},
		{"paid, as a test", func() OrderPage { p := paid(); p.Test = true; return p }, "It is paid, as a test. Nothing is to be sent."},
		{"paid after its time", func() OrderPage { p := paid(); p.Expired = true; return p }, "It is paid, though after its time. Before you send it, see that everything is still there."},
		{
			"paid, and something is wrong", func() OrderPage { p := paid(); p.Items = []Item{itemOf(AttentionSoldOut)}; return p },
			"It is paid. Before you send anything, look at what needs attention.",
		},
		{
			"paid, and reserved again", func() OrderPage { p := paid(); p.Payments = append([]Payment{second}, p.Payments...); return p },
			"It is paid. The order can be sent. Another payment has NZD 92.00 reserved that is not needed: release it.",
		},
		{"reserved", hold, "The money is reserved at iumiCash and not taken."},
		{
			"reserved with the older payment",
			func() OrderPage { p := hold(); p.Payments = append([]Payment{gone}, p.Payments...); return p },
			"The money is reserved at iumiCash and not taken.",
		},
		{"reserved, as a test", func() OrderPage { p := hold(); p.Test = true; return p }, "The money is reserved at iumiCash and not taken. It is a test: nothing is to be sent."},
		{
			"reserved after its time", func() OrderPage { p := hold(); p.Expired = true; return p },
			"The money is reserved at iumiCash and not taken. It came after the order's time: before you take it, see that everything is still there.",
		},
		{
			"cancelled, and still reserved", func() OrderPage { p := hold(); p.Status = StatusCancelled; return p },
			"Cancelled. NZD 92.00 is still reserved for it at iumiCash.",
		},
		{
			"paid once, and the money went", func() OrderPage { p := paid(); p.Status = StatusIssued; return p },
			"It was paid once and is not any more. Send nothing, and look at its payments below.",
		},
		{
			"paid once, and paid for again", func() OrderPage { p := paid(); p.Status = StatusInProgress; return p },
			"It was paid once and is not any more. A payment of it is still under way: send nothing before that is paid.",
		},
		{"under way", inProgress, "Not paid yet: the shopper agreed, and iumiCash has not said that the money is there."},
	} {
		if got := plain(tt.page().verdict()); got != tt.want {
			t.Errorf("%s: %s", tt.name, got)
		}
	}
}

// However an order ends up, what is said of it never has it sent for nothing.
func TestOrderPage_SendsOnlyWhatIsPaid(t *testing.T) {
	for _, s := range statuses() {
		for _, page := range []OrderPage{{Status: s}, {Status: s, Expired: true}, {Status: s, Test: true}, {Status: s, Paid: at(21, 14, 0, 0), Test: true}} {
			if says := page.verdict(); strings.Contains(says, "can be sent") && (s != StatusPaid && s != StatusReceived || page.Test) {
				t.Errorf("%s, test %v: %s", s, page.Test, says)
			}
		}
	}
}
