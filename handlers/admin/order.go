package admin

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"till/handlers/web"
	"till/models"
	"till/providers"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	page "till/views/admin"
)

// Order is GET /admin/orders/:number: everything that we know of one order.
func (h Pages) Order(c *gin.Context) error {
	d, err := h.byNumber(c)
	if err != nil {
		return err
	}
	return h.showOrder(c, http.StatusOK, d, "")
}

// showOrder is the page of an order, with why something was not done.
func (h Pages) showOrder(c *gin.Context, status int, d models.OrderDetail, refused string) error {
	return h.showOrderWith(c, status, d, refused, noteForm{text: h.draft(c, orderURL(d.Number())+"/notes").Get("note"), key: uuid.NewString()})
}

// showOrderWith is showOrder with a note that somebody has begun.
func (h Pages) showOrderWith(c *gin.Context, status int, d models.OrderDetail, refused string, form noteForm) error {
	k, me := h.clock(), member(c)
	p := page.OrderPage{
		Number: d.Number(), Status: page.Status(d.Status), Test: d.Test, Placed: k.at(d.CreatedAt), Paid: k.maybe(d.PaidAt),
		Total: d.Total.Format(web.Locale), Lines: lines(d), Name: d.Name, Email: d.Email, Address: web.AddressLines(d.Address),
		Timeline: h.timeline(d, k), Refused: refused, Expired: d.ExpiredAt != nil,
		Held: k.maybe(d.HeldUntil), Tax: tax(d.Order, d.Total), Parcel: h.parcel(me, d, k),
		Notes: has(me, rightChange), Note: form.text, NoteKey: form.key, NoteWrong: form.problem,
	}
	if d.PaidAt == nil && d.CancelledAt == nil && d.ExpiredAt == nil {
		p.Due = k.at(d.DueAt)
	}
	if has(me, rightFor[page.VerbCancel]) { // whoever has that page can cancel the order
		p.Shopper = "/orders/" + d.Token
	}
	_, _, no := h.closable(d, page.VerbReceived)
	p.Receive = no == nil && has(me, rightFor[page.VerbReceived])
	_, _, no = h.closable(d, page.VerbCancel)
	p.Cancel = no == nil && has(me, rightFor[page.VerbCancel])
	var err error
	if p.Items, err = h.itemsOf(c, d, k); err != nil {
		return err
	}
	if p.Payments, err = h.payments(c, d, k); err != nil {
		return err
	}
	if p.Mails, err = h.mails(c, d.ID, k); err != nil {
		return err
	}
	if p.Approvals, err = h.approvalsOf(c, d, k); err != nil {
		return err
	}
	if p.Documents, err = h.documents(c.Request.Context(), d, k); err != nil {
		return err
	}
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, status, page.Order(p))
}

// byNumber is the order that the address means, or models.ErrNotFound. A number
// is written in one way only.
func (h Pages) byNumber(c *gin.Context) (models.OrderDetail, error) {
	text := c.Param("number")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n <= 0 || strconv.FormatInt(n, 10) != text {
		return models.OrderDetail{}, fmt.Errorf("%w: order by another word than its number", models.ErrNotFound)
	}
	return h.Orders.ByNumber(c.Request.Context(), n)
}

func lines(d models.OrderDetail) []page.Line {
	all := make([]page.Line, len(d.Lines))
	for i, l := range d.Lines {
		unit := d.Unit(l)
		sum := unit
		sum.Minor *= l.Quantity // the order's total was added up from these, checked for overflow
		all[i] = page.Line{Name: l.Name, Slug: l.Slug, Picture: l.Picture, Quantity: l.Quantity, Unit: unit.Format(web.Locale), Total: sum.Format(web.Locale)}
	}
	return all
}

// mails are an order's mails, newest first.
func (h Pages) mails(c *gin.Context, number int64, k clock) ([]page.Mail, error) {
	rows, err := h.Mails.OfOrder(c.Request.Context(), number)
	if err != nil {
		return nil, err
	}
	var all []page.Mail
	for _, m := range slices.Backward(rows) {
		one := page.Mail{
			ID: m.ID, Kind: page.MailKind(m.Kind), To: m.Recipient, Subject: m.Subject, Body: m.Body, Created: k.at(m.CreatedAt), Sent: k.maybe(m.SentAt),
			Resend: h.Shop.Mails && m.Subject != "" && has(member(c), rightChange),
		}
		if one.Subject == "" {
			one.Subject = "Still to be written"
		}
		all = append(all, one)
	}
	return all, nil
}

// payments are an order's payments, newest first, each with what hangs on it.
func (h Pages) payments(c *gin.Context, d models.OrderDetail, k clock) ([]page.Payment, error) {
	ctx := c.Request.Context()
	reports, err := h.Payments.Reports(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	deliveries, err := h.Deliveries.OfOrder(ctx, d.ID)
	if err != nil {
		return nil, err
	}
	me := member(c)
	var all []page.Payment
	for _, p := range slices.Backward(d.Payments) {
		one := page.Payment{
			ID: p.ID, State: page.PaymentState(p.State), Live: p.Live, Provider: h.label(p.Provider), Ref: p.Ref, Word: p.Word,
			Reason: p.Reason, Amount: p.Amount, Manual: p.Capture == models.CaptureManual, Started: k.at(p.CreatedAt),
			Asked: p.Asked, LastAsk: k.maybe(p.AskedAt), NextAsk: k.maybe(p.AskAt),
			CanAsk: has(me, rightChange) && h.askable(d, p) == "", Powers: h.powers(me, p), Balances: page.Balances(p.Balances),
			HoldUntil: k.maybe(p.HoldUntil), Hold: h.holdRule(), Dispute: page.Status(p.Dispute),
			Outside: p.Provider == models.Outside,
		}
		for _, f := range d.Facts {
			if f.PaymentID == p.ID {
				one.Facts = append(one.Facts, page.Fact{
					Kind: page.FactKind(f.Kind), Amount: f.Amount, Ref: f.Ref, Actor: f.Actor, Source: f.Source, At: k.at(f.At),
				})
			}
		}
		for _, op := range d.Operations {
			if op.PaymentID == p.ID {
				one.Operations = append(one.Operations, operation(op, k, has(me, rightForOperation(op.Kind))))
			}
		}
		for _, r := range slices.Backward(reports) {
			if r.PaymentID == p.ID {
				one.Reports = append(one.Reports, page.Report{
					Operation: r.Operation, Outcome: r.Outcome, Word: r.Word, Status: r.HTTPStatus, Body: r.Body, Times: r.Times,
					First: k.at(r.FirstAt), Last: k.at(r.LastAt),
				})
			}
		}
		for _, b := range slices.Backward(deliveries) {
			if b.PaymentID != nil && *b.PaymentID == p.ID {
				one.Deliveries = append(one.Deliveries, page.Delivery{
					EventID: b.EventID, Word: b.Word, Verdict: page.Verdict(b.Verdict), Times: b.Times,
					Received: k.at(b.ReceivedAt), Settled: k.maybe(b.SettledAt), Body: b.Body,
				})
			}
		}
		all = append(all, one)
	}
	return all, nil
}

// operation is one thing asked of a provider; may tells whether who looks may
// decide about it when there was no answer.
func operation(op models.Operation, k clock, may bool) page.Operation {
	one := page.Operation{
		ID: op.ID, Kind: page.OperationKind(op.Kind), Key: op.Key, State: page.OperationState(op.State), Pending: op.PendingAt != nil,
		Outside: op.Code == "outside", Decide: may && undecided(op), Code: op.Code, Note: op.Note, Calls: op.Calls,
		Actor: op.Actor, Source: op.Source, At: k.at(op.CreatedAt),
	}
	if op.Amount.Minor != 0 {
		one.Amount = op.Amount.Format(web.Locale)
	}
	return one
}

// askable says, as a sentence, why a payment's provider cannot be asked about
// it; empty when it can.
func (h Pages) askable(d models.OrderDetail, p models.Payment) string {
	label := h.label(p.Provider)
	one, ok := h.Cashier.Provider(p.Provider)
	switch {
	case p.Provider == models.Outside:
		return "Nobody can be asked: staff said that it was paid outside."
	case !ok:
		return label + " is not set up here any more. Set it up again to ask it."
	case p.Ref != "":
		return ""
	case !heard(d, p):
		return label + " has not heard of this payment, so there is nothing to ask."
	}
	if _, ok := one.(providers.Finder); !ok {
		return label + " cannot look up a payment whose start had no answer. Look for it in " + label + "'s own pages."
	}
	return ""
}

// heard reports whether a provider may know of a payment although we have no
// reference of it.
func heard(d models.OrderDetail, p models.Payment) bool {
	return slices.ContainsFunc(d.Operations, func(op models.Operation) bool {
		return op.PaymentID == p.ID && op.Kind == models.OperationStart && op.MayHaveBeenHeard()
	})
}
