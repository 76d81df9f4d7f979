package admin

import (
	"time"

	"github.com/a-h/templ"

	"till/money"
)

// pagesByName is every state of every page worth looking at.
func pagesByName() map[string]templ.Component {
	second := orders()
	second.Newer, second.Query, second.Status = "1043", "ann", StatusPaid
	return map[string]templ.Component{
		"login":             Login(LoginPage{Frame: visitor(), Next: "/admin/orders/1042"}),
		"login_wrong":       Login(LoginPage{Frame: visitor(), Email: "ann@kauri.example", Problem: LoginWrong}),
		"login_too_many":    Login(LoginPage{Frame: visitor(), Email: "ann@kauri.example", Problem: LoginTooMany, Wait: "about 5 minutes"}),
		"login_expired":     Login(LoginPage{Frame: visitor(), Problem: LoginExpired}),
		"login_signed_out":  Login(LoginPage{Frame: visitor(), Problem: LoginSignedOut}),
		"orders":            Orders(orders()),
		"orders_second":     Orders(second),
		"orders_none":       Orders(OrdersPage{Frame: calm()}),
		"orders_not_found":  Orders(OrdersPage{Frame: staff(), Any: true, Query: "nobody@", Status: StatusPaid}),
		"orders_calm":       Orders(OrdersPage{Frame: calm(), Any: true, Status: StatusAttention}),
		"orders_hostile":    Orders(hostileOrders()),
		"order_paid":        Order(paid()),
		"order_issued":      Order(issued()),
		"order_in_progress": Order(inProgress()),
		"order_unknown":     Order(unknown()),
		"order_failed_once": Order(failedOnce()),
		"order_mismatch":    Order(mismatch()),
		"order_refunds":     Order(refunds()),
		"order_crooked":     Order(crooked()),
		"order_hostile":     Order(hostileOrder()),
		"order_hold":        Order(hold()),
		"order_no_answer":   Order(noAnswer()),
		"order_refused":     Order(refused()),
		"order_outside":     Order(outsidePaid()),
		"order_disputed":    Order(disputed()),
		"inbox":             Inbox(inbox()),
		"inbox_clear":       Inbox(InboxPage{Frame: calm(), First: true}),
		"inbox_far":         Inbox(InboxPage{Frame: staff()}),
		"inbox_viewer":      Inbox(InboxPage{Frame: staff(), First: true, Items: []Item{{ID: 4, Kind: AttentionMismatch, Provider: "iumiCash", Amount: "NZD 92.00", Order: "1042", Opened: at(21, 9, 0, 0)}}}),
		"item":              InboxItem(ItemPage{Frame: staff(), Item: itemOf(AttentionMismatch), Back: BackOrder}),
		"item_stray":        InboxItem(stray()),
		"item_closed":       InboxItem(closed()),
		"refund":            Refund(refund()),
		"refund_problems":   Refund(refundProblems()),
		"refund_outside":    Refund(refundOutside()),
		"refund_review":     RefundReview(review()),
		"refund_second":     RefundReview(reviewSecond()),
		"order_whole":       Order(everything()),
		"order_note":        Order(noteWrong()),
		"approvals":         Approvals(ApprovalsPage{Frame: staff(), Items: []Approval{approval(ApprovalOpen), approval(ApprovalStuck)}, Limit: "NZD 50.00"}),
		"approvals_none":    Approvals(ApprovalsPage{Frame: calm()}),
		"approval":          ApprovalOf(approvalPage(ApprovalOpen)),
		"approval_stuck":    ApprovalOf(approvalPage(ApprovalStuck)),
		"approval_own":      ApprovalOf(approvalOwn()),
		"approval_declined": ApprovalOf(approvalPage(ApprovalDeclined)),
		"document_receipt":  PrintDocument(receipt()),
		"document_credit":   PrintDocument(creditNote()),
		"packing_slip":      PrintSlip(slip()),
		"ship":              Ship(ShipPage{Frame: staff(), Number: "1042", Address: []string{"Mere Tūhoe", "12 Pōhutukawa Road"}, Mails: true, Carrier: "NZ Post", Problems: ShipProblems{Carrier: "At most 80 characters, fewer with accents"}}),
		"act_capture":       Act(act(VerbCapture)),
		"act_void":          Act(act(VerbVoid)),
		"act_reverse":       Act(act(VerbReverse)),
		"act_received":      Act(act(VerbReceived)),
		"act_cancel":        Act(act(VerbCancel)),
		"act_repeat":        Act(act(VerbRepeat)),
		"act_forget":        Act(act(VerbForget)),
		"problem":           ProblemPage(Problem{Frame: staff(), Status: 404, Title: "There is no such order", Text: "No order has the number 9999. It may be a slip in the address."}),
		"problem_outside":   ProblemPage(Problem{Frame: visitor(), Status: 503, Title: "The shop is busy", Text: "The database did not answer in time. Nothing was changed. Try again in a moment.", Code: "req_7Q2M"}),
	}
}

func calm() Frame {
	f := staff()
	f.Waiting, f.Inbox = 0, 0
	return f
}

func orders() OrdersPage {
	return OrdersPage{
		Frame: staff(), Any: true, Older: "1031",
		Orders: []OrderRow{
			{Number: "1042", Placed: at(21, 14, 58, 12), Name: "Mere Tūhoe", Email: "mere@example.test", Status: StatusPaid, Provider: "iumiCash", Total: "NZD 92.00"},
			{Number: "1041", Placed: at(21, 14, 40, 2), Name: "Tom Hall", Email: "tom.hall@example.test", Status: StatusViewed, Provider: "iumiCash", Total: "USD 22.50"},
			{Number: "1040", Placed: at(21, 13, 1, 44), Name: "Junior Sikua", Email: "junior.sikua@example.test", Status: StatusInProgress, Attention: true, Provider: "iumiCash", Total: "SBD 1,415.00"},
			{Number: "1039", Placed: at(21, 9, 12, 30), Name: "Wilhelmina Featherstonehaugh-Cholmondeley", Email: "wilhelmina.featherstonehaugh-cholmondeley@a-very-long-domain.example.test", Status: StatusFailed, Provider: "iumiCash", Total: "NZD 289.00"},
			{Number: "1038", Placed: at(20, 22, 5, 0), Name: "Ana Lee", Email: "ana@example.test", Status: StatusIssued, Total: "NZD 38.00"},
			{Number: "1037", Placed: at(20, 18, 33, 9), Name: "Pat Ono", Email: "pat@example.test", Status: StatusPartiallyRefunded, Provider: "iumiCash", Total: "NZD 154.00"},
			{Number: "1036", Placed: at(20, 8, 20, 51), Name: "Sam Field", Email: "sam@example.test", Status: StatusChargeback, Attention: true, Provider: "iumiCash", Total: "USD 172.00"},
			{Number: "1035", Placed: at(19, 11, 2, 27), Name: "Ruth Kahu", Email: "ruth@example.test", Status: StatusCancelled, Provider: "iumiCash", Total: "NZD 27.00"},
			{Number: "1034", Placed: at(18, 10, 15, 3), Name: "Lou Park", Email: "lou@example.test", Status: StatusExpired, Test: true, Provider: "iumiCash", Total: "NZD 12.50"},
			{Number: "1033", Placed: at(17, 16, 45, 40), Name: "Jo Brand", Email: "jo@example.test", Status: "something_new", Provider: "iumiCash", Total: "SBD 61.00"},
		},
	}
}

// issued is an order that nobody has tried to pay.
func issued() OrderPage {
	return OrderPage{
		Frame: staff(), Number: "1038", Status: StatusIssued, Placed: at(21, 14, 58, 12), Total: "NZD 92.00",
		Lines: []Line{
			{Name: "Stoneware mug", Slug: "stoneware-mug", Quantity: 1, Unit: "NZD 38.00", Total: "NZD 38.00"},
			{Name: "Linen tea towel", Slug: "linen-tea-towel", Quantity: 2, Unit: "NZD 27.00", Total: "NZD 54.00"},
		},
		Name: "Mere Tūhoe", Email: "mere@example.test",
		Address:  []string{"12 Pōhutukawa Road", "Kohimarama", "Auckland 1071", "New Zealand"},
		Timeline: []Event{{Kind: EventPlaced, Actor: "shopper", Source: "checkout", At: at(21, 14, 58, 12)}},
	}
}

const (
	firstID  = "7f3kq2m9x8w4v6t1r5p0n2b7c3"
	secondID = "a1b2c3d4e5f6g7h8j9k0m1n2p3"
)

// inProgress is an order whose shopper agreed a moment ago.
func inProgress() OrderPage {
	p := issued()
	p.Number, p.Status, p.Shopper = "1042", StatusInProgress, "/orders/k3jq9x7m2w8v4t6r1p5n0b7c3a"
	p.Payments = []Payment{{
		ID: firstID, State: PaymentProcessing, Live: true, Provider: "iumiCash", Ref: "3fa85f64-5717-4562-b3fc-2c963f66afa6",
		Word: "approved", Amount: nzd(9200), Started: at(21, 14, 58, 12), Asked: 3, LastAsk: at(21, 14, 59, 2),
		NextAsk: at(21, 14, 59, 42), CanAsk: true,
		Operations: []Operation{{
			Kind: OperationStart, Key: "0b0f6f0e-6a3c-4b34-9a55-3c7d6a0f2b11", State: OperationSucceeded, Amount: "NZD 92.00", Calls: 1,
			Actor: "shopper", Source: "checkout", At: at(21, 14, 58, 12),
		}},
		Reports: []Report{
			{Operation: "lookup", Outcome: "processing", Word: "approved", Status: 200, Body: []byte(`{"id":"3fa85f64-5717-4562-b3fc-2c963f66afa6","status":"approved","amount":{"currency":"NZD","value":92.00},"links":[{"rel":"self","href":"https://api.iumicash.example/v1/orders/3fa85f64"}]}`), Times: 3, First: at(21, 14, 58, 40), Last: at(21, 14, 59, 2)},
			{Operation: "start", Outcome: "open", Word: "created", Status: 201, Body: []byte(`{"id":"3fa85f64-5717-4562-b3fc-2c963f66afa6","status":"created"}`), Times: 1, First: at(21, 14, 58, 13), Last: at(21, 14, 58, 13)},
		},
	}}
	p.Timeline = append([]Event{
		{Kind: EventState, Payment: firstID, From: "redirected", To: "processing", Detail: "approved", Actor: "shopper", Source: "return page", At: at(21, 14, 58, 40)},
		{Kind: EventState, Payment: firstID, From: "created", To: "redirected", Detail: "created", Actor: "shopper", Source: "checkout", At: at(21, 14, 58, 13)},
		{Kind: EventPaymentCreated, Payment: firstID, Detail: "iumicash", Actor: "shopper", Source: "checkout", At: at(21, 14, 58, 12)},
	}, p.Timeline...)
	return p
}

// paid is an order that went as it should.
func paid() OrderPage {
	p := inProgress()
	p.Status, p.Paid = StatusPaid, at(21, 14, 59, 42)
	pay := &p.Payments[0]
	pay.State, pay.Word, pay.Asked, pay.NextAsk, pay.LastAsk = PaymentPaid, "captured", 0, When{}, at(21, 14, 59, 42)
	pay.Balances = Balances{Captured: 9200}
	pay.Facts = []Fact{{Kind: FactCaptured, Amount: nzd(9200), Ref: pay.Ref, Actor: "provider", Source: "callback 7", At: at(21, 14, 59, 42)}}
	pay.Deliveries = []Delivery{{
		EventID: "evt_2f9c", Word: "captured", Verdict: VerdictSettled, Times: 2, Received: at(21, 14, 59, 41), Settled: at(21, 14, 59, 42),
		Body: []byte(`{"event":"order.captured","order":"3fa85f64-5717-4562-b3fc-2c963f66afa6"}`),
	}}
	pay.Reports = append([]Report{{Operation: "lookup", Outcome: "paid", Word: "captured", Status: 200, Body: []byte(`{"status":"captured"}`), Times: 1, First: at(21, 14, 59, 42), Last: at(21, 14, 59, 42)}}, pay.Reports...)
	p.Timeline = append([]Event{
		{Kind: EventState, Payment: firstID, From: "processing", To: "paid", Detail: "captured", Actor: "provider", Source: "callback 7", At: at(21, 14, 59, 42)},
		{Kind: EventCaptured, Payment: firstID, Amount: "NZD 92.00", Actor: "provider", Source: "callback 7", At: at(21, 14, 59, 42)},
		{Kind: EventCallback, Payment: firstID, Detail: "captured", Actor: "provider", Source: "callback 7", At: at(21, 14, 59, 41)},
	}, p.Timeline...)
	p.Mails = []Mail{{
		To: p.Email, Subject: "Your order 1042 is paid", Created: at(21, 14, 59, 42),
		Body: "Kia ora Mere,\n\nthank you. We received NZD 92.00 for your order 1042.\n\nKauri & Clay\n",
	}}
	return p
}

// unknown is an order whose start had no answer.
func unknown() OrderPage {
	p := inProgress()
	p.Frame.Flash = "We asked iumiCash: no answer."
	pay := &p.Payments[0]
	pay.State, pay.Ref, pay.Word, pay.Asked, pay.Deliveries = PaymentUnknown, "", "", 1, nil
	pay.Operations[0].State, pay.Operations[0].Calls, pay.Operations[0].Code = OperationUnknown, 2, "timeout"
	pay.Reports = []Report{{Operation: "start", Outcome: "unavailable", Times: 2, First: at(21, 14, 58, 32), Last: at(21, 14, 59, 2)}}
	p.Timeline = []Event{
		{Kind: EventState, Payment: firstID, From: "created", To: "unknown", Actor: "shopper", Source: "checkout", At: at(21, 14, 58, 32)},
		{Kind: EventNoAnswer, Payment: firstID, Detail: "no answer", Actor: "shopper", Source: "checkout", At: at(21, 14, 58, 32)},
		p.Timeline[len(p.Timeline)-1],
	}
	return p
}

// failedOnce is an order that was declined and is now being paid again.
func failedOnce() OrderPage {
	p := inProgress()
	p.Status = StatusViewed
	first := p.Payments[0]
	first.State, first.Live, first.Word, first.Reason, first.Asked, first.NextAsk = PaymentFailed, false, "failed", "balance", 0, When{}
	second := p.Payments[0]
	second.ID, second.Ref, second.State, second.Word, second.Asked, second.Reports = secondID, "9b2e", PaymentRedirected, "created", 0, nil
	p.Payments = []Payment{second, first}
	p.Timeline = append([]Event{
		{Kind: EventState, Payment: secondID, From: "created", To: "redirected", Actor: "shopper", Source: "order page", At: at(21, 15, 1, 3)},
		{Kind: EventPaymentCreated, Payment: secondID, Detail: "iumicash", Actor: "shopper", Source: "order page", At: at(21, 15, 1, 2)},
		{Kind: EventState, Payment: firstID, From: "processing", To: "failed", Detail: "failed", Actor: "till", Source: "timer", At: at(21, 14, 59, 2)},
	}, p.Timeline...)
	return p
}

// mismatch is an order for which the provider has money of another currency.
func mismatch() OrderPage {
	p := paid()
	p.Status, p.Paid, p.Mails = StatusInProgress, When{}, nil
	p.Items = []Item{itemOf(AttentionContradiction), itemOf(AttentionMismatch)}
	pay := &p.Payments[0]
	pay.State, pay.Balances = PaymentMismatch, Balances{}
	pay.Facts[0].Amount = money.Amount{Minor: 9200, Currency: "USD"}
	p.Timeline[1].Amount = pay.Facts[0].Amount.Format(locale)
	p.Timeline = append([]Event{
		{Kind: EventAttention, To: "contradiction,mismatch", Actor: "till", Source: "ledger", At: at(21, 14, 59, 43)},
		{Kind: EventContradiction, Payment: firstID, Detail: "reversed", Actor: "staff ann@kauri.example", Source: "dashboard", At: at(21, 14, 59, 43)},
	}, p.Timeline[1:]...)
	return p
}

// refunds is an order with every kind of fact on its ledger.
func refunds() OrderPage {
	p := paid()
	p.Status = StatusPartiallyRefunded
	p.Frame.Flash = ""
	pay := &p.Payments[0]
	pay.Manual, pay.CanAsk = true, true
	ann := func(k FactKind, minor int64, hour int) Fact {
		return Fact{Kind: k, Amount: nzd(minor), Actor: "staff ann@kauri.example", Source: "dashboard", At: at(21, hour, 0, 0)}
	}
	pay.Facts = []Fact{
		ann(FactAuthorized, 9200, 1), ann(FactReleased, 200, 2), ann(FactCaptured, 9500, 3), ann(FactCorrected, -500, 4),
		ann(FactRefundReserved, 3000, 5), ann(FactRefunded, 2000, 6), ann(FactRefundFailed, 500, 7), ann(FactRefundReversed, 100, 8),
		ann(FactDisputed, 400, 9), ann(FactDisputeClosed, 300, 10),
	}
	pay.Balances = Balances{Authorized: 9200, Released: 200, Captured: 9000, RefundPending: 500, Refunded: 1900, Disputed: 100}
	for i := len(pay.Facts) - 1; i >= 0; i-- {
		f := pay.Facts[i]
		p.Timeline = append(p.Timeline, Event{Kind: EventKind(f.Kind), Payment: firstID, Amount: f.Amount.Format("en"), Actor: f.Actor, Source: f.Source, At: f.At})
	}
	return p
}

// crooked is an order whose row says something else than its facts.
func crooked() OrderPage {
	p := paid()
	p.Items = []Item{itemOf(AttentionSoldOut), itemOf(AttentionSecondPayment), itemOf(AttentionPaidAfterCancel), itemOf(AttentionUnknown), itemOf("new_reason")}
	p.Payments[0].Balances.Captured = 9300
	return p
}

func hostileOrders() OrdersPage {
	return OrdersPage{
		Frame: hostileFrame(), Any: true, Query: evil, Status: Status(evil), Older: evil, Newer: evil,
		Orders: []OrderRow{{Number: evil, Placed: When{evil, evil, evil}, Name: evil, Email: evil, Status: Status(evil), Provider: evil, Total: evil, Attention: true}},
	}
}

func hostileFrame() Frame {
	f := staff()
	f.ShopName, f.Flash, f.Email = evil, evil, evil
	return f
}

func hostileOrder() OrderPage {
	when := When{evil, evil, evil}
	return OrderPage{
		Frame: hostileFrame(), Number: evil, Status: Status(evil), Items: []Item{hostileItem()}, Refused: evil, Placed: when, Paid: when, Total: evil,
		Lines: []Line{{Name: evil, Slug: evil, Quantity: 1, Unit: evil, Total: evil}},
		Name:  evil, Email: evil, Address: []string{evil}, Shopper: "javascript:alert(1)",
		Payments: []Payment{{
			ID: evil, State: PaymentState(evil), Provider: evil, Ref: evil, Word: evil, Reason: evil, Amount: nzd(1), Started: when, CanAsk: true,
			Powers: Powers{true, true, true, true}, HoldUntil: when, Hold: HoldRule(evil), Dispute: Status(evil),
			Facts:      []Fact{{Kind: FactKind(evil), Amount: nzd(1), Ref: evil, Actor: evil, Source: evil, At: when}},
			Operations: []Operation{{Kind: OperationKind(evil), Key: evil, State: OperationState(evil), Amount: evil, Code: evil, Note: evil, Decide: true, Calls: 1, Actor: evil, Source: evil, At: when}},
			Reports:    []Report{{Operation: evil, Outcome: evil, Word: evil, Status: 200, Body: []byte(`{"a":"` + "\x00\x1b[31m\u202e" + `</pre><script>alert(1)</script>`), Times: 1, First: when, Last: when}},
			Deliveries: []Delivery{{EventID: evil, Word: evil, Verdict: Verdict(evil), Times: 1, Received: when, Settled: when, Body: []byte(evil)}},
		}},
		Timeline: []Event{
			{Kind: EventKind(evil), Payment: evil, From: evil, To: evil, Detail: evil, Amount: evil, Actor: evil, Source: evil, At: when},
			{Kind: EventState, From: evil, To: evil, Detail: evil, Actor: evil, Source: evil, At: when},
			{Kind: EventAttention, To: evil, Actor: evil, Source: evil, At: when},
			{Kind: EventOperation, From: evil, To: evil, Detail: evil, Actor: evil, Source: evil, At: when},
			{Kind: EventDispute, From: evil, To: evil, Detail: evil, Actor: evil, Source: evil, At: when},
			{Kind: EventAccepted, From: evil, Detail: evil, Actor: evil, Source: evil, At: when},
			{Kind: EventAttached, From: evil, Detail: evil, Actor: evil, Source: evil, At: when},
		},
		Mails: []Mail{{To: evil, Subject: evil, Body: evil, Created: when, Sent: when}},
	}
}

// itemOf is an item of each kind, about order 1042.
func itemOf(kind Attention) Item {
	i := Item{
		ID: 3, Kind: kind, Provider: "iumiCash", Amount: "NZD 92.00", Order: "1042", Payment: firstID, Opened: at(21, 9, 0, 0), CanDecide: true,
	}
	switch kind {
	case AttentionContradiction:
		i.Detail = "reversed"
	case AttentionDispute:
		i.Detail = string(StatusChargeback)
	case AttentionUnknownReference:
		i.Provider, i.Amount, i.Order, i.Payment, i.Detail = "Gate", "", "", "", "9f2e-77"
	case AttentionMismatch, AttentionSecondPayment:
		i.Refund = RefundURL("1042", firstID, "92.00")
	default:
	}
	return i
}

func hostileItem() Item {
	when := When{evil, evil, evil}
	return Item{ID: 1, Kind: evil, Provider: evil, Amount: evil, Detail: evil, Order: evil, Payment: evil, Opened: when, CanDecide: true, Refund: "javascript:alert(1)"}
}

func inbox() InboxPage {
	p := InboxPage{Frame: staff(), First: true, Next: "25"}
	p.Frame.Flash, p.Frame.Alarm = "iumiCash gave no answer.", true
	for n, kind := range []Attention{
		AttentionMismatch, AttentionSecondPayment, AttentionOverpayment, AttentionPaidAfterCancel, AttentionSoldOut, AttentionUnknown,
		AttentionRefundUnknown, AttentionRefundFailed, AttentionRefundReversed, AttentionContradiction, AttentionNeedAction, AttentionAccepted,
		AttentionClearingLate, AttentionLapsing, AttentionDispute, AttentionUnknownReference, AttentionRefundElsewhere, AttentionCaptureUnknown, AttentionUnanswered, AttentionUnauthorized, AttentionUnknownWord, "new_reason",
	} {
		i := itemOf(kind)
		i.ID = int64(n + 1)
		p.Items = append(p.Items, i)
	}
	return p
}

func stray() ItemPage {
	return ItemPage{
		Frame: staff(), Item: itemOf(AttentionUnknownReference), Back: BackInbox,
		Attach: ItemForm{Order: "99", Reason: "", OrderProblem: "There is no order 99", ReasonProblem: "Say how you know, in a few words"},
		Accept: ItemForm{ReasonProblem: "Say why, in a few words"},
	}
}

func closed() ItemPage {
	p := ItemPage{Frame: staff(), Item: itemOf(AttentionMismatch), Refused: "It is settled already. Nothing was done now."}
	p.Item.Closed, p.Item.Closing, p.Item.CanDecide = at(21, 15, 0, 0), "Accepted by staff bob@kauri.example: agreed by phone", false
	return p
}

// hold is an order whose money waits to be taken.
func hold() OrderPage {
	p := paid()
	p.Status, p.Paid, p.Mails, p.Receive, p.Cancel = StatusHold, When{}, nil, false, true
	pay := &p.Payments[0]
	pay.State, pay.Word, pay.Manual, pay.CanAsk = PaymentAuthorized, "held", true, true
	pay.Powers = Powers{Capture: true, Void: true}
	pay.HoldUntil, pay.Hold = At(time.Date(2026, 12, 19, 14, 59, 42, 0, time.UTC), time.Date(2026, 11, 21, 2, 4, 0, 0, time.UTC), time.UTC), HoldVoid
	pay.Balances = Balances{Authorized: 9200}
	pay.Facts[0].Kind = FactAuthorized
	return p
}

// noAnswer is an order with a refund that nobody knows the end of.
func noAnswer() OrderPage {
	p := paid()
	p.Status, p.Items = StatusRefundInitiated, []Item{itemOf(AttentionRefundUnknown)}
	p.Frame.Flash, p.Frame.Alarm = "iumiCash gave no answer. It may have done the refund of NZD 20.00 or not: do not send it again. We ask what became of it.", true
	pay := &p.Payments[0]
	pay.CanAsk, pay.Powers = true, Powers{Refund: true}
	pay.Balances.RefundPending = 2000
	pay.Facts = append(pay.Facts, Fact{Kind: FactRefundReserved, Amount: nzd(2000), Actor: "staff ann@kauri.example", Source: "dashboard", At: at(21, 15, 1, 0)})
	ask := func(o Operation) Operation {
		o.Key, o.Amount, o.Actor, o.Source, o.At = "5d8b1f6e-2a3c-4b34-9a55-3c7d6a0f2b11", "NZD 20.00", "staff ann@kauri.example", "dashboard", at(21, 15, 1, 0)
		return o
	}
	pay.Operations = append(pay.Operations,
		ask(Operation{ID: 9, Kind: OperationRefund, State: OperationUnknown, Note: "One mug was broken", Calls: 1, Decide: true}),
		ask(Operation{ID: 10, Kind: OperationRefund, State: OperationRequested, Pending: true, Note: "Came too late", Calls: 1}),
		ask(Operation{ID: 11, Kind: OperationRefund, State: OperationRequested}),
		ask(Operation{ID: 12, Kind: OperationRefund, State: OperationFailed, Code: "no_funds", Calls: 1}),
		ask(Operation{ID: 13, Kind: OperationRefund, State: OperationSucceeded, Code: "outside", Outside: true, Note: "Paid back in cash"}),
	)
	p.Timeline = append([]Event{
		{Kind: EventOperation, Payment: firstID, From: "refund", To: "unknown", Detail: "One mug was broken", Actor: "staff ann@kauri.example", Source: "dashboard", At: at(21, 15, 1, 2)},
		{Kind: EventOperation, Payment: firstID, From: "refund", To: "requested", Detail: "One mug was broken", Actor: "staff ann@kauri.example", Source: "dashboard", At: at(21, 15, 1, 0)},
		{Kind: EventOperation, Payment: firstID, From: "refund", To: "pending", Detail: "Came too late", Actor: "staff ann@kauri.example", Source: "dashboard", At: at(21, 15, 1, 0)},
		{Kind: EventOperation, Payment: firstID, From: "refund", To: "done outside", Detail: "Paid back in cash", Actor: "staff ann@kauri.example", Source: "dashboard", At: at(21, 15, 1, 0)},
		{Kind: EventAccepted, Payment: firstID, From: "mismatch", Detail: "agreed by phone", Actor: "staff ann@kauri.example", Source: "dashboard", At: at(21, 15, 0, 0)},
	}, p.Timeline...)
	return p
}

// refused is an order about which something was asked for too late.
func refused() OrderPage {
	p := paid()
	p.Refused = "That is not possible any more: the payment has changed since you looked. Nothing was done."
	p.Payments[0].Powers = Powers{Refund: true, Reverse: true}
	return p
}

// outsidePaid is an order that staff have the money for.
func outsidePaid() OrderPage {
	p := paid()
	p.Status = StatusReceived
	pay := p.Payments[0]
	pay.ID, pay.Provider, pay.Ref, pay.Word, pay.Outside, pay.CanAsk, pay.Deliveries, pay.Reports = secondID, "Paid outside", "", "", true, false, nil, nil
	pay.Powers = Powers{Refund: true}
	pay.Operations = []Operation{{ID: 2, Kind: OperationReceived, State: OperationSucceeded, Amount: "NZD 92.00", Note: "In cash", Actor: "staff ann@kauri.example", Source: "dashboard", At: at(21, 15, 0, 0)}}
	given := p.Payments[0]
	given.State, given.Live, given.Balances, given.Facts = PaymentCancelled, false, Balances{}, nil
	p.Payments = []Payment{pay, given}
	return p
}

// disputed is an order whose money the shopper's bank wants back.
func disputed() OrderPage {
	p := paid()
	p.Status, p.Items = StatusChargeback, []Item{itemOf(AttentionDispute)}
	pay := &p.Payments[0]
	pay.Dispute, pay.Balances.Disputed = StatusChargeback, 9200
	pay.Facts = append(pay.Facts, Fact{Kind: FactDisputed, Amount: nzd(9200), Actor: "provider", Source: "callback 9", At: at(21, 15, 2, 0)})
	p.Timeline = append([]Event{
		{Kind: EventDispute, Payment: firstID, To: "chargeback", Actor: "provider", Source: "callback 9", At: at(21, 15, 2, 0)},
		{Kind: EventAttached, Payment: firstID, From: "9f2e-77", Detail: "the buyer showed the receipt", Actor: "staff ann@kauri.example", Source: "dashboard", At: at(21, 15, 0, 0)},
	}, p.Timeline...)
	return p
}

func refund() RefundPage {
	return RefundPage{
		Frame: staff(), Number: "1042", Payment: firstID, Provider: "iumiCash", AtProvider: true, Total: "NZD 92.00", Left: "NZD 72.00",
		Lines: []RefundLine{
			{Position: 0, Name: "Stoneware mug", Unit: "NZD 38.00", Of: 1, Left: 1, Restocks: true},
			{Position: 1, Name: "Linen tea towel", Unit: "NZD 27.00", Of: 2, Left: 1},
			{Position: 2, Name: "Manuka honey", Unit: "NZD 9.00", Of: 2, Left: 0, Restocks: true},
		},
		Way: RefundAtProvider, Key: "5d8b1f6e-2a3c-4b34-9a55-3c7d6a0f2b11",
	}
}

func refundProblems() RefundPage {
	p := refund()
	p.Name, p.Unanswered, p.Disputed, p.Amount = "Payment 2", "NZD 20.00", "NZD 92.00", "12,50"
	p.Lines[0].Quantity, p.Lines[0].Restock, p.Lines[0].Problem = "3", true, "At most 1 can come back"
	p.Way = ""
	p.Problems = RefundProblems{Amount: "Type an amount in figures, such as 72.00", Way: "Choose how it goes back", Reason: "Say why, in a few words"}
	p.Refused = "What you looked at is not so any more. Nothing was done."
	return p
}

func refundOutside() RefundPage {
	p := refund()
	p.AtProvider, p.Way = false, RefundOutside
	return p
}

func review() RefundPreview {
	p := refund()
	p.Amount, p.Reason, p.Unanswered = "30.00", "One mug was broken", "NZD 20.00"
	p.Lines[0].Quantity, p.Lines[0].Restock = "1", true
	return RefundPreview{
		Tax: "GST 15 %: NZD 3.91", Keeps: "NZD 62.00", Mail: MailText{To: "mere@example.test", Subject: "Order 1042: NZD 30.00 is on its way back to you", Text: "Hello Mere,\n\nwe have sent back NZD 30.00.\n"},
		Form: p, Back: "NZD 30.00", After: "NZD 42.00", Worth: "NZD 38.00", Goods: []string{"1 × Stoneware mug"},
		Stock: []string{"1 × Stoneware mug, when the money has gone back. There are 4 now."},
	}
}

func reviewSecond() RefundPreview {
	p := review()
	p.Limit = "NZD 20.00"
	return p
}

// everything is an order with everything on its page.
func everything() OrderPage {
	p := paid()
	p.Tax, p.Notes, p.NoteKey = "GST 15 %: NZD 12.00", true, "5d8b1f6e-2a3c-4b34-9a55-3c7d6a0f2b11"
	p.Lines[0].Picture = "mug.svg"
	p.Payments[0].NextAsk = at(22, 15, 0, 0)
	p.Approvals = []Approval{approval(ApprovalOpen), approval(ApprovalDeclined)}
	p.Documents = []Document{{ID: 3, Label: "R-17", Amount: "NZD 92.00", At: at(21, 14, 59, 42)}, {ID: 4, Label: "C-3", Credit: true, Amount: "NZD 20.00", At: at(21, 15, 1, 0)}}
	p.Parcel = Parcel{Packed: at(21, 15, 0, 0), Shipped: at(21, 15, 2, 0), Carrier: "NZ Post", Tracking: "AB123", Pack: true, Unpack: true, Ship: true, Unship: true}
	p.Mails[0].ID, p.Mails[0].Kind, p.Mails[0].Resend = 9, MailOrderPaid, true
	p.Timeline = append([]Event{
		{Kind: EventNote, From: "key", Detail: "She rang:\nleave it <at> the door.", Actor: "staff ann@kauri.example", Source: "dashboard", At: at(21, 15, 3, 0)},
		{Kind: EventRecomputed, Detail: "captured of payment 1: NZD 92.00, was NZD 93.00", Actor: "staff ann@kauri.example", Source: "dashboard", At: at(21, 15, 2, 0)},
		{Kind: EventMailAgain, From: "9", Detail: "order_paid", Actor: "staff ann@kauri.example", Source: "dashboard", At: at(21, 15, 2, 0)},
		{Kind: EventApprovalDenied, Payment: firstID, Detail: "NZD 60.00: not ours", Actor: "staff bob@kauri.example", Source: "dashboard", At: at(21, 15, 1, 0)},
		{Kind: EventShipped, Detail: "NZ Post AB123", Actor: "staff ann@kauri.example", Source: "dashboard", At: at(21, 15, 0, 0)},
	}, p.Timeline...)
	return p
}

func noteWrong() OrderPage {
	p := issued()
	p.Notes, p.Note, p.NoteKey, p.NoteWrong, p.Due, p.Held = true, "  ", "k", "Write something first", at(28, 14, 58, 12), at(21, 15, 28, 0)
	return p
}

func approval(s ApprovalState) Approval {
	a := Approval{
		ID: 7, Order: "1042", Provider: "iumiCash", Amount: "NZD 60.00", Goods: []string{"1 × Stoneware mug, back into the stock"}, Why: "One mug was broken",
		AskedBy: "staff ann@kauri.example", Asked: at(21, 14, 0, 0), State: s,
	}
	switch s {
	case ApprovalOpen:
		a.Decide = true
	case ApprovalStuck:
		a.Decide, a.By, a.Decided = true, "staff bob@kauri.example", at(21, 15, 0, 0)
	case ApprovalApproved, ApprovalDeclined, ApprovalWithdrawn:
		a.By, a.Decided, a.Reason = "staff bob@kauri.example", at(21, 15, 0, 0), "not ours"
	}
	return a
}

func approvalPage(s ApprovalState) ApprovalPage {
	return ApprovalPage{Frame: staff(), One: approval(s), Left: "NZD 92.00", Tax: "GST 15 %: NZD 7.83", Mail: MailText{To: "mere@example.test", Subject: "Back", Text: "Hello"}}
}

func approvalOwn() ApprovalPage {
	p := approvalPage(ApprovalOpen)
	p.One.Decide, p.One.Withdraw, p.Refused = false, true, "You asked for it yourself: somebody else has to decide. Nothing was done."
	return p
}

func receipt() DocumentPage {
	return DocumentPage{
		Frame: staff(), Label: "R-17", Date: "Saturday 21 November 2026", Order: "1042", Name: "Mere Tūhoe", Email: "mere@example.test",
		Seller:  Seller{Name: "Kauri & Clay", Address: []string{"1 Queen Street", "Auckland"}, Contact: "hello@kauri.example", Logo: "/static/logo.png"},
		Address: []string{"12 Pōhutukawa Road", "Auckland 1071"}, Provider: "iumiCash", Ref: "9b2e",
		Lines: issued().Lines, Total: "NZD 92.00", Amount: "NZD 92.00", Tax: "GST 15 %: NZD 12.00", Text: []string{"GST number 12-345-678", "Thank you."},
	}
}

func creditNote() DocumentPage {
	p := receipt()
	p.Credit, p.Test, p.Label, p.Lines, p.Amount = true, true, "TEST-C-3", nil, "NZD 5.00"
	return p
}

func slip() SlipPage {
	return SlipPage{
		Frame: staff(), Order: "1042", Date: "Saturday 21 November 2026", Seller: receipt().Seller, Name: "Mere Tūhoe", Address: receipt().Address,
		Lines: issued().Lines, Carrier: "NZ Post", Tracking: "AB123", Stop: "Its money has gone back.",
	}
}

func act(v Verb) ActPage {
	p := ActPage{
		Frame: staff(), Number: "1042", Verb: v, Payment: firstID, Provider: "iumiCash", Money: "NZD 92.00", Key: "5d8b1f6e-2a3c-4b34-9a55-3c7d6a0f2b11",
	}
	switch v {
	case VerbCapture:
		p.Parts, p.Amount, p.Problems.Amount = true, "920", "At most NZD 92.00"
	case VerbReceived, VerbCancel:
		p.Payment, p.Key, p.Asks = "", "", true
	case VerbRepeat, VerbForget:
		p.Key = ""
		p.Operation = Operation{ID: 9, Kind: OperationRefund, State: OperationUnknown, Amount: "NZD 20.00", Note: "One mug was broken", Actor: "staff ann@kauri.example", At: at(21, 15, 1, 0)}
	case VerbReverse:
		p.Disputed = "NZD 92.00"
	case VerbVoid:
	}
	return p
}
