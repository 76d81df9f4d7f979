package shop_test

import (
	"context"
	"crypto/rand"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"till/models"
	"till/models/modelstest"
	"till/money"
	"till/providers"
	"till/providers/providertest"
)

var (
	staff    = models.Cause{Actor: "staff ann@example.test", Source: "dashboard"}
	callback = models.Cause{Actor: "full", Source: "callback"}
)

// patient is a provider that can do everything, and takes days to move money.
type patient struct{ providertest.Full }

func (patient) NextAsk(providers.Outcome, int) time.Duration { return time.Hour }

// story is an order of NZD 25.00 that has been opened at a provider which can do
// everything, and its shopper.
type story struct {
	*bench
	t     *testing.T
	full  *providertest.Fake
	slow  *providertest.Fake
	id    int64
	token string
	p     models.Payment
}

// tell runs a test on both databases.
func tell(t *testing.T, test func(t *testing.T, s *story)) {
	t.Helper()
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, db modelstest.Bench) { test(t, house(t, db).begin(t)) })
}

// tellAll runs a test of many stories on both databases, in one shop each.
func tellAll(t *testing.T, test func(t *testing.T, h *story)) {
	t.Helper()
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, db modelstest.Bench) { test(t, house(t, db)) })
}

// house is a shop in which stories can begin.
func house(t *testing.T, db modelstest.Bench) *story {
	t.Helper()
	s := &story{t: t, full: providertest.NewFake("full"), slow: providertest.NewFake("slow")}
	s.bench = setup(t, db, s.full.Full(), patient{s.slow.Full()})
	return s
}

// begin begins a story beside those that the shop has seen, as if there were
// none: the clock stands where it stood, and every provider behaves.
func (s *story) begin(t *testing.T) *story {
	t.Helper()
	began := s.Clock.Now()
	t.Cleanup(func() { s.Clock.Pass(began.Sub(s.Clock.Now())) })
	s.full.CancErr, s.full.RefundsPend, s.full.Lost = nil, false, false
	next := &story{bench: s.bench, t: t, full: s.full, slow: s.slow}
	return next.opens("full")
}

// opens places an order and sends its shopper to a provider.
func (s *story) opens(provider string) *story {
	s.t.Helper()
	o := modelstest.Place(s.t, s.Bench, modelstest.Placement(s.t, s.products, provider))
	s.id, s.token = o.ID, o.Token
	d, err := models.NewOrders(s.DB).ByNumber(s.t.Context(), o.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	if s.p, err = s.cashier.Start(s.t.Context(), d.Payments[0].ID, models.Cause{Actor: "shopper", Source: "checkout"}); err != nil {
		s.t.Fatal(err)
	}
	return s
}

// says has the provider say what became of the payment, and be heard.
func (s *story) says(o providers.Outcome, change func(*providers.Report)) *story {
	s.t.Helper()
	fake := map[string]*providertest.Fake{"acme": s.acme, "bank": s.bank, "full": s.full, "slow": s.slow}[s.p.Provider]
	fake.Say(s.p.Ref, o, 0)
	if change != nil {
		fake.Mu.Lock()
		r := fake.Books[s.p.Ref]
		change(&r)
		fake.Books[s.p.Ref] = r
		fake.Mu.Unlock()
	}
	return s.heard()
}

func (s *story) heard() *story {
	s.t.Helper()
	if _, err := s.cashier.Settle(s.t.Context(), s.p.ID, callback); err != nil {
		s.t.Fatal(err)
	}
	return s
}

func (s *story) paid() *story { return s.says(providers.Paid, nil) }

func (s *story) reserved() *story {
	s.full.Reserve(s.p.Ref)
	return s.heard()
}

// does has staff do something about the payment's money.
func (s *story) does(kind models.OperationKind, minor int64) *story {
	s.t.Helper()
	r := models.Reservation{PaymentID: s.p.ID, Kind: kind, Key: rand.Text(), Note: "because", Cause: staff}
	if minor > 0 {
		r.Amount = money.Amount{Minor: minor, Currency: "NZD"}
	}
	if _, err := s.cashier.Do(s.t.Context(), r); err != nil {
		s.t.Fatal(err)
	}
	return s
}

// another has the shopper turn to another provider.
func (s *story) another(provider string) *story {
	s.t.Helper()
	s.Clock.Pass(time.Minute)
	var err error
	if s.p, err = s.cashier.Pay(s.t.Context(), s.id, provider, "", models.Cause{Actor: "shopper", Source: "order page"}); err != nil {
		s.t.Fatal(err)
	}
	return s
}

func (s *story) cancelled() *story {
	s.t.Helper()
	if err := s.cashier.Cancel(s.t.Context(), s.id, "changed their mind", staff); err != nil {
		s.t.Fatal(err)
	}
	return s
}

// accepted has staff take the one open item of a kind as it is.
func (s *story) accepted(kind models.Attention) *story {
	s.t.Helper()
	items, err := models.NewInbox(s.DB).Open(s.t.Context(), 0, 100)
	if err != nil {
		s.t.Fatal(err)
	}
	i := slices.IndexFunc(items, func(i models.InboxItem) bool { return i.Kind == kind && *i.OrderID == s.id })
	if i < 0 {
		s.t.Fatalf("no open item %s in %+v", kind, items)
	}
	if err := s.cashier.Accept(s.t.Context(), items[i].ID, "as it is", staff); err != nil {
		s.t.Fatal(err)
	}
	return s
}

// refused is what a provider says that does not do what it was asked.
func refused(op string) error {
	return &providers.Error{Provider: "full", Op: op, Kind: providers.KindRejected, Status: 400, Code: "no"}
}

func unanswered(op string) error {
	return &providers.Error{Provider: "full", Op: op, Kind: providers.KindUnavailable}
}

// scene is how an order came to where it is, and what its page must say then.
type scene struct {
	name   string
	story  func(s *story)
	status models.OrderStatus
	state  string
	says   []string
	never  []string
	pays   bool // it can be paid, or paid again
}

const takesDays = "Money that we send back can take a few working days to arrive in your account."

// unpaid are the scenes of orders without money.
func unpaid() []scene {
	return []scene{
		{"not decided", func(*story) {}, models.OrderViewed, "open", []string{"This order is not paid yet", "Nothing was charged."}, nil, true},
		{"the time is over, and it is still taken", func(s *story) {
			s.says(providers.Open, func(r *providers.Report) { r.Reason = providers.ReasonOverdue })
		}, models.OrderOverdue, "open", []string{"The time to pay it is over, but The full still takes your payment."}, nil, true},
		{
			"declined", func(s *story) { s.says(providers.Declined, nil) }, models.OrderFailed, "not_paid",
			[]string{"The full did not accept the payment. Nothing was charged."},
			nil, true,
		},
		{"refused by the shopper", func(s *story) {
			s.says(providers.Cancelled, func(r *providers.Report) { r.Reason = providers.ReasonRejected })
		}, models.OrderRejected, "not_paid", []string{"You stopped the payment at The full. Nothing was charged."}, nil, true},
		{
			"let go by the shop", func(s *story) { s.reserved().does(models.OperationVoid, 0) }, models.OrderIssued, "not_paid",
			[]string{"What was reserved for it is let go. Nothing was charged."},
			[]string{"You stopped"},
			true,
		},
		{"stopped by the shop", func(s *story) {
			s.says(providers.Processing, nil).does(models.OperationReverse, 0)
		}, models.OrderIssued, "not_paid", []string{"We stopped the payment at The full before any money came."}, []string{"You stopped"}, true},
		{
			"another amount, sent back", func(s *story) {
				s.says(providers.Paid, func(r *providers.Report) { r.Amount.Minor = 100 }).does(models.OperationRefund, 0).heard()
			}, models.OrderIssued, "not_paid",
			[]string{"What came for it was not what it costs, so we sent it back.", "Sent back Friday 6 March 2026 NZD 1.00"},
			[]string{"Nothing was charged"},
			true,
		},
		{"nobody paid in time", func(s *story) {
			s.Clock.Pass(8 * 24 * time.Hour)
			if err := s.cashier.Expire(s.t.Context(), s.id); err != nil {
				s.t.Fatal(err)
			}
		}, models.OrderExpired, "expired", []string{"It was not paid in time, and nothing was charged."}, nil, false},
		{"cancelled", func(s *story) { s.cancelled() }, models.OrderCancelled, "cancelled", []string{"Nothing will be charged for it."}, nil, false},
		{
			"cancelled while reserved", func(s *story) { s.reserved().cancelled() }, models.OrderCancelled, "cancelled",
			[]string{"NZD 25.00 was reserved for it and is let go. Nothing was taken."},
			nil, false,
		},
	}
}

// moving are the scenes of orders whose money is on its way, or may be.
func moving() []scene {
	return []scene{
		{
			"on its way", func(s *story) { s.says(providers.Processing, nil) }, models.OrderInProgress, "confirming",
			[]string{"We are confirming your payment", "Please do not pay again."},
			[]string{"three working days"},
			false,
		},
		{"on its way for an hour where it takes seconds", func(s *story) {
			s.says(providers.Processing, nil)
			s.Clock.Pass(time.Hour)
		}, models.OrderInProgress, "confirming", []string{"This takes longer than usual", "Last asked at 12:00."}, []string{"a few seconds"}, false},
		{
			"on its way for days", func(s *story) { s.opens("slow").says(providers.Processing, nil) }, models.OrderInProgress, "clearing",
			[]string{"You have paid; your bank is moving the money, which takes one to three working days.", `data-refresh-url="/orders/`},
			nil, false,
		},
		{"on its way for too long", func(s *story) {
			s.opens("slow").says(providers.Processing, nil)
			s.Clock.Pass(5 * 24 * time.Hour)
			s.heard()
			s.Clock.Pass(24 * time.Hour)
		}, models.OrderInProgress, "clearing", []string{"Last asked at 12:00 on Wednesday 11 March 2026.", "that takes longer than it should. We are looking at it."}, []string{"three working days"}, false},
		{"on its way where the shopper turned away, and another is open", func(s *story) {
			first := s.p
			s.full.CancErr = unanswered("cancel")
			s.another("bank")
			s.p = first
			s.says(providers.Processing, nil)
		}, models.OrderInProgress, "confirming", []string{"Please do not pay again."}, []string{"https://pay.test/"}, false},
		{
			"taken by the bank", func(s *story) { s.says(providers.Accepted, nil) }, models.OrderInProgress, "accepted",
			[]string{"Your bank has taken the order to pay", "There is nothing more for you to do.", "when the money is here"},
			nil, false,
		},
		{"no answer", func(s *story) {
			s.full.StartErr, s.full.Lost = unanswered("start"), true
			o := modelstest.Place(s.t, s.Bench, modelstest.Placement(s.t, s.products, "full"))
			s.token = o.Token
			d, err := models.NewOrders(s.DB).ByNumber(s.t.Context(), o.ID)
			if err != nil {
				s.t.Fatal(err)
			}
			if _, err := s.cashier.Start(s.t.Context(), d.Payments[0].ID, staff); err == nil {
				s.t.Fatal("the answer was not lost")
			}
		}, models.OrderInProgress, "unknown", []string{"We do not know yet whether you paid"}, nil, false},
		{"another amount", func(s *story) {
			s.says(providers.Paid, func(r *providers.Report) { r.Amount.Minor = 100 })
		}, models.OrderInProgress, "attention", []string{"We are looking at your payment", "Please do not pay again.", "Taken NZD 1.00"}, nil, false},
		{
			"a person must decide", func(s *story) { s.says(providers.NeedsPerson, nil) }, models.OrderInProgress, "attention",
			[]string{"We are looking at your payment"},
			nil, false,
		},
		{"reserved", func(s *story) { s.reserved() }, models.OrderHold, "reserved", []string{
			"NZD 25.00 is reserved in your account, and not taken.", "The reservation ends by Friday 3 April 2026.",
			"Reserved, not taken NZD 25.00",
		}, []string{"is paid", "We received"}, false},
	}
}

// settled are the scenes of orders that were paid.
func settled() []scene {
	thanks := "Thank you, your order is paid"
	return []scene{
		{"paid", func(s *story) { s.paid() }, models.OrderPaid, "paid", []string{thanks, "We received NZD 25.00."}, []string{"Taken"}, false},
		{
			"a part was taken", func(s *story) { s.reserved().does(models.OperationCapture, 1000) }, models.OrderPaid, "paid",
			[]string{thanks, "We took NZD 10.00. The other NZD 15.00 was only reserved, and is let go.", "Total NZD 25.00", "Taken NZD 10.00"},
			[]string{"received NZD 25.00"},
			false,
		},
		{"another amount, agreed to", func(s *story) {
			s.says(providers.Paid, func(r *providers.Report) { r.Amount.Minor = 2400 }).accepted(models.AttentionMismatch)
		}, models.OrderPaid, "paid", []string{"We took NZD 24.00 for it, and no more."}, nil, false},
		{"paid outside", func(s *story) {
			if err := s.cashier.Received(s.t.Context(), s.id, "in the shop", staff); err != nil {
				s.t.Fatal(err)
			}
		}, models.OrderReceived, "paid", []string{thanks, "We received NZD 25.00 straight from you."}, []string{"with The full"}, false},
		{
			"paid twice", func(s *story) { s.twice() }, models.OrderPaid, "overpaid",
			[]string{"We received NZD 50.00. NZD 25.00 of that is more than it costs.", "Please do not pay again."},
			nil, false,
		},
		{"paid twice, and one is being sent back", func(s *story) {
			s.full.RefundsPend = true
			s.twice().does(models.OperationRefund, 0)
		}, models.OrderRefundInitiated, "refunding", []string{"We asked The full to send NZD 25.00 back to you; NZD 25.00 stays paid."}, nil, false},
		{"paid, and another amount came besides", func(s *story) {
			first := s.p
			s.full.CancErr = unanswered("cancel")
			s.another("bank").paid()
			s.p = first
			s.says(providers.Paid, func(r *providers.Report) { r.Amount.Minor = 100 })
		}, models.OrderPaid, "paid", []string{"We received NZD 26.00.", "We are still looking at another payment for it."}, []string{"Next we pack"}, false},
		{
			"paid, and more was sold than there is", func(s *story) { s.gone().paid() }, models.OrderPaid, "paid",
			[]string{thanks, "We received NZD 25.00.", "one of us has to look at your order, and then writes to you."},
			[]string{"Next we pack"},
			false,
		},
		{
			"paid, and the provider takes that back", func(s *story) { s.paid().says(providers.Declined, nil) }, models.OrderPaid, "paid",
			[]string{"one of us has to look at your order, and then writes to you."},
			[]string{"Next we pack"},
			false,
		},
		{
			"the bank asks, in its first stage", func(s *story) { s.disputed(providers.DisputeRetrieval) }, models.OrderRetrieval, "disputed",
			[]string{"Your bank has asked us about this payment"},
			nil, false,
		},
	}
}

// gone has everything be sold while the shopper pays. The shelf is full again
// for the next story.
func (s *story) gone() *story {
	s.t.Helper()
	s.t.Cleanup(func() { s.shelve(s.products["mug"].Stock) })
	none := int64(0)
	s.shelve(&none)
	return s
}

func (s *story) shelve(stock *int64) {
	s.t.Helper()
	mug := s.products["mug"]
	mug.Stock = stock
	if err := models.NewProducts(s.DB).Import(context.WithoutCancel(s.t.Context()), []models.Product{mug, s.products["honey"]}); err != nil {
		s.t.Fatal(err)
	}
}

// twice has two payments of one order be paid; p is the first.
func (s *story) twice() *story {
	s.t.Helper()
	first := s.p
	s.full.CancErr = unanswered("cancel")
	s.another("bank").paid()
	s.p = first
	return s.paid()
}

func (s *story) disputed(stage providers.Dispute) *story {
	s.t.Helper()
	return s.paid().says(providers.Paid, func(r *providers.Report) { r.Dispute = stage })
}

// returned are the scenes of orders whose money goes back, went back, or should.
func returned() []scene {
	later := func(s *story, refund providers.RefundState) {
		s.full.FinishRefund(s.p.Ref, 0, refund)
		s.heard()
	}
	return []scene{
		{
			"a refund on its way", func(s *story) {
				s.full.RefundsPend = true
				s.paid().does(models.OperationRefund, 1000)
			}, models.OrderRefundInitiated, "refunding",
			[]string{"We asked The full to send NZD 10.00 back to you; NZD 15.00 stays paid.", "Being sent back NZD 10.00", "Stays paid NZD 15.00"},
			[]string{"Sent back"},
			false,
		},
		{"a refund without an answer", func(s *story) {
			s.full.Errs["refund"] = unanswered("refund")
			s.paid().does(models.OperationRefund, 1000)
		}, models.OrderRefundInitiated, "refunding", []string{"and have no clear answer yet. We are looking at it."}, []string{"Sent back"}, false},
		{
			"partly refunded", func(s *story) { s.paid().does(models.OperationRefund, 1000) }, models.OrderPartiallyRefunded, "partly_refunded",
			[]string{"We sent back NZD 10.00 of the NZD 25.00 that you paid; NZD 15.00 stays paid.", "Sent back Friday 6 March 2026 NZD 10.00", "Stays paid NZD 15.00", takesDays},
			nil, false,
		},
		{"refunded on two days", func(s *story) {
			s.paid().does(models.OperationRefund, 1000)
			s.Clock.Pass(3 * 24 * time.Hour)
			s.does(models.OperationRefund, 0)
		}, models.OrderRefunded, "refunded", []string{
			"We sent back NZD 25.00, which is all that you paid.", "Sent back Friday 6 March 2026 NZD 10.00", "Sent back Monday 9 March 2026 NZD 15.00",
		}, []string{"Stays paid"}, false},
		{"a part was taken and went back", func(s *story) {
			s.reserved().does(models.OperationCapture, 1000).does(models.OperationRefund, 0)
		}, models.OrderRefunded, "refunded", []string{"We sent back NZD 10.00, which is all that you paid.", "Taken NZD 10.00"}, nil, false},
		{"a refund that did not happen", func(s *story) {
			s.full.RefundsPend = true
			s.paid().does(models.OperationRefund, 1000)
			later(s, providers.RefundFailed)
		}, models.OrderRefundFailed, "refund_stuck", []string{"We could not send the money back yet", "We are looking at it."}, []string{"Sent back"}, false},
		{
			"a refund that came back", func(s *story) {
				s.paid().does(models.OperationRefund, 1000)
				s.Clock.Pass(3 * 24 * time.Hour)
				later(s, providers.RefundReversed)
			}, models.OrderRefundReversed, "refund_came_back",
			[]string{"The money we sent back came back to us", "Sent back Friday 6 March 2026 NZD 10.00", "Came back to us Monday 9 March 2026 NZD 10.00"},
			nil, false,
		},
		{"being undone", func(s *story) {
			s.full.RefundsPend = true
			s.paid().does(models.OperationReverse, 0)
		}, models.OrderReversalInitiated, "refunding", []string{"We asked The full to send NZD 25.00 back to you."}, nil, false},
		{
			"undone", func(s *story) { s.paid().does(models.OperationReverse, 0) }, models.OrderReversed, "reversed",
			[]string{"Your payment was undone", "NZD 25.00 went back to you.", "Sent back Friday 6 March 2026 NZD 25.00"},
			nil, false,
		},
		{"not undone", func(s *story) {
			s.full.RefundsPend = true
			s.paid().does(models.OperationReverse, 0)
			s.full.FinishReversal(s.p.Ref, providers.RefundFailed)
			s.heard()
		}, models.OrderReversalFailed, "refund_stuck", []string{"We could not send the money back yet"}, nil, false},
		{"cancelled, and money on its way back", func(s *story) {
			s.full.RefundsPend = true
			s.cancelled().paid()
		}, models.OrderCancelled, "cancelled", []string{"This order is cancelled", "Money came for it all the same. We asked The full to send NZD 25.00 back to you."}, []string{"Nothing will be charged"}, false},
		{
			"cancelled, and money sent back", func(s *story) { s.cancelled().paid() }, models.OrderCancelled, "cancelled",
			[]string{"This order is cancelled", "NZD 25.00 went back to you.", "Sent back Friday 6 March 2026 NZD 25.00"},
			nil, false,
		},
		{"cancelled, and money that could not be sent back", func(s *story) {
			s.full.Errs["refund"] = refused("refund")
			s.cancelled().paid()
		}, models.OrderCancelled, "cancelled", []string{"This order is cancelled", "we could not send it back yet. We are looking at it."}, []string{"went back"}, false},
		{
			"cancelled, and money that only people can send back", func(s *story) { s.opens("acme").cancelled().paid() }, models.OrderCancelled, "cancelled",
			[]string{"Money came for it all the same: NZD 25.00. It goes back to you; we are looking at it."},
			nil, false,
		},
		{"cancelled, and money that is kept", func(s *story) {
			s.opens("acme").cancelled().paid().accepted(models.AttentionPaidAfterCancel)
		}, models.OrderCancelled, "cancelled", []string{"We have NZD 25.00 of yours that came for it."}, []string{"looking"}, false},
	}
}

// disputes are the scenes of every further stage of a dispute: to a shopper
// they are one.
func disputes() (all []scene) {
	for stage, status := range map[providers.Dispute]models.OrderStatus{
		providers.DisputeChargeback: models.OrderChargeback, providers.DisputeRepresentation: models.OrderRepresentation,
		providers.DisputePrearbitration: models.OrderPrearbitration, providers.DisputeArbitration: models.OrderArbitration,
		providers.DisputePrecompliance: models.OrderPrecompliance, providers.DisputeCompliance: models.OrderCompliance,
		providers.DisputeGoodFaith: models.OrderGoodFaith, providers.DisputeFraudAdvice: models.OrderFraudAdvice,
	} {
		all = append(all, scene{
			"the bank asks: " + string(stage), func(s *story) { s.disputed(stage) }, status, "disputed",
			[]string{"Your bank has asked us about this payment", "There is nothing for you to do here."},
			[]string{"chargeback", "fraud"},
			false,
		})
	}
	return all
}

func scenes() []scene { return slices.Concat(unpaid(), moving(), settled(), returned(), disputes()) }

// What the rows say is what the shopper reads, and nothing more.
func TestOrder_SaysWhatTheRowsSay(t *testing.T) {
	tellAll(t, func(t *testing.T, h *story) {
		for _, one := range scenes() {
			t.Run(one.name, func(t *testing.T) {
				s := h.begin(t)
				one.story(s)
				one.check(t, s.browser(t).status(s.token, string(one.status)), s.token)
			})
		}
	})
}

func (one scene) check(t *testing.T, page answer, token string) {
	t.Helper()
	if got := attr(page.body, "data-state"); got != one.state {
		t.Errorf("the page is in state %q, want %q", got, one.state)
	}
	text := read(page.body)
	for _, want := range one.says {
		if !strings.Contains(text, want) && !strings.Contains(page.body, want) {
			t.Errorf("the page does not say %q:\n%s", want, text)
		}
	}
	for _, bad := range append(one.never, "failed", "error") {
		if strings.Contains(text, bad) || strings.HasPrefix(bad, "http") && strings.Contains(page.body, bad) {
			t.Errorf("the page says %q:\n%s", bad, text)
		}
	}
	if gives := strings.Contains(page.body, "/receipt"); gives != slices.Contains(receipted, one.state) {
		t.Errorf("there is a receipt: %v", gives)
	}
	if pays := strings.Contains(page.body, `action="/orders/`+token+`/payments"`); pays != one.pays {
		t.Errorf("there is a button to pay: %v", pays)
	}
}

// receipted are the states of orders that were paid.
var receipted = []string{"paid", "overpaid", "refunding", "partly_refunded", "refunded", "reversed", "refund_stuck", "refund_came_back", "disputed"}

func TestOrder_EveryStatusHasItsScene(t *testing.T) {
	shown := map[models.OrderStatus]bool{}
	for _, one := range scenes() {
		shown[one.status] = true
	}
	for _, status := range models.OrderStatuses() {
		if !shown[status] {
			t.Errorf("no scene ends %s", status)
		}
	}
}

// A page without a button is not enough: the form may have been kept.
func TestOrder_NoSecondPaymentWhileMoneyMoves(t *testing.T) {
	tellAll(t, func(t *testing.T, h *story) {
		for _, o := range []providers.Outcome{providers.Processing, providers.Accepted, providers.Authorized, providers.Paid, providers.NeedsPerson} {
			t.Run(string(o), func(t *testing.T) {
				s := h.begin(t).says(o, nil)
				a := s.browser(t).post("/orders/"+s.token+"/payments", url.Values{"method": {"bank"}})
				d, err := models.NewOrders(s.DB).ByNumber(t.Context(), s.id)
				if err != nil {
					t.Fatal(err)
				}
				if a.to != "/orders/"+s.token || len(d.Payments) != 1 || s.bank.Creates != 0 {
					t.Fatalf("led to %q; %d payments, %d begun elsewhere", a.to, len(d.Payments), s.bank.Creates)
				}
			})
		}
	})
}

// What was reserved, or takes days, is given as far as the shopper is
// concerned: the cart became the order.
func TestOrder_TheCartIsEmptyOnceAllIsDone(t *testing.T) {
	for o, empty := range map[providers.Outcome]bool{
		providers.Authorized: true, providers.Accepted: true, providers.Processing: false,
	} {
		t.Run(string(o), func(t *testing.T) {
			each(t, func(t *testing.T, b *bench) {
				s := b.browser(t)
				s.order()
				d := b.detail(t)
				b.acme.Say("acme-1", o, 0)
				s.get(s.get("/return/" + d.Payments[0].ID + "/success").to)
				if got := !strings.Contains(s.get("/cart").body, "/cart/lines/mug"); got != empty {
					t.Fatalf("the cart is empty: %v", got)
				}
			})
		})
	}
}

func TestReceipt_WhatWasTakenAndWhatStays(t *testing.T) {
	table := []struct {
		name  string
		story func(s *story)
		says  []string
		never []string
	}{
		{"paid", func(s *story) { s.paid() }, []string{"Total paid NZD 25.00", "with The full"}, []string{"Taken"}},
		{"a part was taken", func(s *story) { s.reserved().does(models.OperationCapture, 1000) }, []string{"Total NZD 25.00", "Taken NZD 10.00"}, []string{"Total paid", "Stays"}},
		{
			"a part went back", func(s *story) { s.paid().does(models.OperationRefund, 1000) },
			[]string{"Total NZD 25.00", "Taken NZD 25.00", "Sent back Friday 6 March 2026 NZD 10.00", "Stays paid NZD 15.00"},
			[]string{"Total paid"},
		},
		{"all went back", func(s *story) { s.paid().does(models.OperationRefund, 0) }, []string{"Taken NZD 25.00", "Sent back Friday 6 March 2026 NZD 25.00"}, []string{"Total paid", "Stays"}},
		{"a part is being sent back", func(s *story) {
			s.full.RefundsPend = true
			s.paid().does(models.OperationRefund, 1000)
		}, []string{"Being sent back NZD 10.00", "Stays paid NZD 15.00"}, []string{"Total paid", "Sent back"}},
		{"paid outside", func(s *story) {
			if err := s.cashier.Received(s.t.Context(), s.id, "in the shop", staff); err != nil {
				s.t.Fatal(err)
			}
		}, []string{"Total paid NZD 25.00", "straight to us"}, []string{"with The full"}},
	}
	tellAll(t, func(t *testing.T, h *story) {
		for _, tt := range table {
			t.Run(tt.name, func(t *testing.T) {
				s := h.begin(t)
				tt.story(s)
				a := s.browser(t).get("/orders/" + s.token + "/receipt")
				text := read(a.body)
				for _, want := range tt.says {
					if a.status != http.StatusOK || !strings.Contains(text, want) {
						t.Errorf("%d: the receipt does not say %q:\n%s", a.status, want, text)
					}
				}
				for _, bad := range tt.never {
					if strings.Contains(text, bad) {
						t.Errorf("the receipt says %q:\n%s", bad, text)
					}
				}
			})
		}
	})
}

func TestReceipt_NoneForWhatIsNotTaken(t *testing.T) {
	tell(t, func(t *testing.T, s *story) {
		s.reserved()
		if a := s.browser(t).get("/orders/" + s.token + "/receipt"); a.status != http.StatusNotFound {
			t.Fatalf("%d", a.status)
		}
	})
}

var (
	markup = regexp.MustCompile(`(?s)<head>.*?</head>|<[^>]*>`)
	spaces = regexp.MustCompile(`[\s\x{a0}]+`)
)

// read is a page as it is read out.
func read(page string) string {
	return spaces.ReplaceAllString(html.UnescapeString(markup.ReplaceAllString(page, " ")), " ")
}
