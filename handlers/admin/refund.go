package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"till/handlers/web"
	"till/models"
	"till/money"
	"till/providers"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	page "till/views/admin"
)

// refund is a refund that is being made up, with what is known about it.
type refund struct {
	page.RefundPage
	order    models.OrderDetail
	payment  models.Payment
	left     money.Amount
	products map[int64]models.Product
	amount   money.Amount
	worth    money.Amount // what the chosen pieces cost
	lines    []models.RefundLine
}

// AskRefund is GET /admin/orders/:number/refunds?payment=&amount=: the form.
func (h Pages) AskRefund(c *gin.Context) error {
	if err := need(c, rightRefund); err != nil {
		return err
	}
	d, err := h.byNumber(c)
	if err != nil {
		return err
	}
	typed := h.draft(c, orderURL(d.Number())+"/refunds/preview")
	if typed == nil {
		typed = h.draft(c, orderURL(d.Number())+"/refunds")
	}
	r, err := h.refund(c, d, cmp.Or(c.Query("payment"), typed.Get("payment")))
	if err != nil {
		return h.refused(c, d.ID, err, r.payment)
	}
	r.Amount = clean(c.Query("amount"))
	if typed != nil {
		r.fill(typed)
	}
	r.Key = uuid.NewString()
	return h.showRefund(c, http.StatusOK, r)
}

// PreviewRefund is POST /admin/orders/:number/refunds/preview: what a refund
// would do. Nothing is written.
func (h Pages) PreviewRefund(c *gin.Context) error {
	if err := need(c, rightRefund); err != nil {
		return err
	}
	form, d, err := h.form(c)
	if err != nil {
		return err
	}
	r, err := h.refund(c, d, form.Get("payment"))
	if err != nil {
		return h.refused(c, d.ID, err, r.payment)
	}
	if err := r.read(form); err != nil {
		return err
	}
	if form.Get("step") == "change" {
		r.Key = uuid.NewString() // what is changed is another refund
		return h.showRefund(c, http.StatusOK, r)
	}
	if !r.check() {
		return h.showRefund(c, http.StatusUnprocessableEntity, r)
	}
	p := r.preview()
	p.Tax, p.Keeps = tax(d.Order, r.amount), keeps(d, r.amount).Format(web.Locale)
	p.Mail = h.refundedMail(d, r.payment, r.amount, r.Way == page.RefundOutside)
	var over *models.LimitError
	if err := h.approvals().Needed(c.Request.Context(), r.payment, r.amount, by(c).Actor); errors.As(err, &over) {
		p.Limit = over.Limit.Format(web.Locale)
	} else if err != nil {
		return err
	}
	if p.Form.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, http.StatusOK, page.RefundReview(p))
}

// Refund is POST /admin/orders/:number/refunds: gives money back. The same form
// twice is one refund.
func (h Pages) Refund(c *gin.Context) error {
	if err := need(c, rightRefund); err != nil {
		return err
	}
	form, d, err := h.form(c)
	if err != nil {
		return err
	}
	ctx := c.Request.Context()
	r, illegal := h.refund(c, d, form.Get("payment"))
	if illegal != nil && !errors.Is(illegal, models.ErrIllegal) {
		return illegal
	}
	if err := r.read(form); err != nil {
		return err
	}
	fine := r.check()
	want := models.Reservation{
		PaymentID: r.payment.ID, Kind: models.OperationRefund, Key: r.Key, Amount: r.amount, Lines: r.lines, Note: reason(r.Reason),
		Done: r.Way == page.RefundOutside, Cause: by(c),
	}
	if op, sent, err := sentBefore(d, want); sent {
		if err == nil {
			want.Amount, want.Lines = r.sent(form)
			same, lookErr := h.sameRefund(ctx, d, op, want)
			if lookErr != nil {
				return lookErr
			}
			if !same {
				err = errForm
			}
		}
		if err != nil {
			return h.refused(c, d.ID, err, r.payment)
		}
		return h.back(c, orderURL(d.Number()), h.came(op, r.payment.Provider))
	}
	switch one, err := h.approvals().ByKey(ctx, r.Key); { // the same form, when a second person was asked
	case errors.Is(err, models.ErrNotFound):
	case err != nil:
		return err
	default:
		want.Amount, want.Lines = r.sent(form)
		if !one.Asks(want) {
			return h.refused(c, d.ID, errForm, r.payment)
		}
		return h.back(c, orderURL(d.Number()), asked(one))
	}
	if illegal != nil {
		return h.refused(c, d.ID, illegal, r.payment)
	}
	if seen := form.Get("seen"); !fine || seen != "" && seen != r.Seen {
		r.Refused = "What you looked at is not so any more. Nothing was done."
		r.Key = uuid.NewString()
		return h.showRefund(c, http.StatusConflict, r)
	}
	op, err := h.Cashier.Do(ctx, want)
	var balance *models.BalanceError
	switch {
	case errors.As(err, &balance): // somebody was quicker
		if d, err = h.Orders.ByNumber(ctx, d.ID); err != nil {
			return err
		}
		now, err := h.refund(c, d, r.payment.ID)
		if err != nil {
			return h.refused(c, d.ID, err, r.payment)
		}
		if err := now.read(form); err != nil {
			return err
		}
		now.check()
		now.Refused, now.Key = "What you looked at is not so any more. Nothing was done.", uuid.NewString()
		return h.showRefund(c, http.StatusConflict, now)
	case errors.Is(err, models.ErrLimit):
		one, err := h.approvals().Ask(ctx, want)
		if err != nil {
			return h.refused(c, d.ID, err, r.payment)
		}
		return h.back(c, orderURL(d.Number()), asked(one))
	case err != nil:
		return h.refused(c, d.ID, err, r.payment)
	case op.Amount != want.Amount: // the same form, with something else in it, at the same moment
		return h.refused(c, d.ID, errForm, r.payment)
	}
	return h.back(c, orderURL(d.Number()), h.came(op, r.payment.Provider))
}

// sameRefund reports whether an operation is what the same form asks for.
func (h Pages) sameRefund(ctx context.Context, d models.OrderDetail, op models.Operation, want models.Reservation) (bool, error) {
	all, err := h.Payments.RefundLines(ctx, d.ID)
	if err != nil {
		return false, err
	}
	var before []models.RefundLine
	for _, l := range all {
		if l.OperationID == op.ID {
			l.OperationID = 0
			before = append(before, l)
		}
	}
	same := op.Amount == want.Amount && op.Note == want.Note && (op.Code == "outside") == want.Done && slices.Equal(before, want.Lines)
	return same, nil
}

// refund is the form for a payment as it is now. It is models.ErrIllegal when
// nothing of the payment can go back.
func (h Pages) refund(c *gin.Context, d models.OrderDetail, payment string) (refund, error) {
	r := refund{order: d}
	pay, ok := d.Payment(payment)
	if !ok {
		return r, noPayment(d)
	}
	w := h.Cashier.Powers(pay)
	provider, _ := h.Cashier.Provider(pay.Provider)
	_, can := provider.(providers.Refunder)
	taken := money.Amount{Minor: pay.Captured, Currency: pay.Amount.Currency}
	r.payment, r.left = pay, w.Left
	r.RefundPage = page.RefundPage{
		Seen:   strconv.FormatInt(r.payment.Version, 10),
		Number: d.Number(), Name: name(d, pay), Payment: pay.ID, Provider: h.label(pay.Provider), AtProvider: can,
		Total: taken.Format(web.Locale), Left: w.Left.Format(web.Locale), Way: page.RefundAtProvider,
	}
	if !can {
		r.Way = page.RefundOutside
	}
	var silent int64
	for _, op := range d.Operations {
		if op.PaymentID == pay.ID && op.Kind == models.OperationRefund && op.State == models.OperationUnknown {
			silent += op.Amount.Minor
		}
	}
	if pay.Disputed > 0 {
		r.Disputed = money.Amount{Minor: pay.Disputed, Currency: pay.Amount.Currency}.Format(web.Locale)
	}
	if silent > 0 {
		r.Unanswered = money.Amount{Minor: silent, Currency: pay.Amount.Currency}.Format(web.Locale)
	}
	var err error
	if r.Lines, r.products, err = h.refundLines(c, d); err != nil {
		return r, err
	}
	if !w.Record {
		return r, fmt.Errorf("%w: refund of payment %s, which is %s", models.ErrIllegal, models.Mark(pay.ID), pay.State)
	}
	return r, nil
}

// refundLines are the order's lines with what of them was not refunded before.
// Pieces that never left the stock cannot come back to it.
func (h Pages) refundLines(c *gin.Context, d models.OrderDetail) ([]page.RefundLine, map[int64]models.Product, error) {
	ctx := c.Request.Context()
	before, err := h.Payments.RefundLines(ctx, d.ID)
	if err != nil {
		return nil, nil, err
	}
	ids := make([]int64, len(d.Lines))
	for i, l := range d.Lines {
		ids[i] = l.ProductID
	}
	products, err := h.Products.ByIDs(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	gone := map[int64]int64{} // pieces by position
	for _, l := range before {
		i := slices.IndexFunc(d.Operations, func(op models.Operation) bool { return op.ID == l.OperationID })
		if i >= 0 && d.Operations[i].State != models.OperationFailed {
			gone[l.Position] += l.Quantity
		}
	}
	var all []page.RefundLine
	for _, l := range d.Lines {
		p, known := products[l.ProductID]
		all = append(all, page.RefundLine{
			Position: l.Position, Name: l.Name, Unit: d.Unit(l).Format(web.Locale), Of: l.Quantity, Left: max(0, l.Quantity-gone[l.Position]),
			Restocks: d.PaidAt != nil && known && p.Stock != nil,
		})
	}
	return all, products, nil
}

// read takes over what was typed.
func (r *refund) read(form url.Values) error {
	key, err := keyOf(form)
	if err != nil {
		return err
	}
	r.Key = key
	r.fill(form)
	return nil
}

// fill takes over what is in the fields.
func (r *refund) fill(form url.Values) {
	r.Amount, r.Reason = form.Get("amount"), form.Get("reason")
	if way := page.RefundWay(form.Get("way")); r.AtProvider || way == page.RefundOutside {
		r.Way = way
	}
	for i := range r.Lines {
		l := &r.Lines[i]
		l.Quantity = form.Get(page.RefundQuantity(l.Position))
		l.Restock = l.Restocks && form.Get(page.RefundRestock(l.Position)) != ""
	}
}

// sent is what a form that was looked at asks for, whatever is left by now.
func (r *refund) sent(form url.Values) (amount money.Amount, lines []models.RefundLine) {
	amount, _ = money.ParseDecimal(strings.TrimSpace(form.Get("amount")), r.left.Currency) // else no refund is the same
	for _, l := range r.Lines {
		if n, _ := pieces(l.Quantity, l.Of); n > 0 {
			lines = append(lines, models.RefundLine{Position: l.Position, Quantity: n, Restock: l.Restock})
		}
	}
	return amount, lines
}

// check says beside each field what is wrong with it, and reports whether
// nothing is.
func (r *refund) check() bool {
	r.worth = money.Amount{Currency: r.left.Currency}
	fine := true
	for i := range r.Lines {
		l := &r.Lines[i]
		n, problem := pieces(l.Quantity, l.Left)
		if l.Problem = problem; problem != "" {
			fine = false
		}
		if n == 0 || problem != "" {
			continue
		}
		r.lines = append(r.lines, models.RefundLine{Position: l.Position, Quantity: n, Restock: l.Restock})
		r.worth.Minor += n * r.order.Lines[i].UnitMinor // no more than the order's total, which was checked for overflow
	}
	r.Problems = page.RefundProblems{}
	var err error
	switch {
	case strings.TrimSpace(r.Amount) != "":
		r.amount, err = money.ParseDecimal(strings.TrimSpace(r.Amount), r.left.Currency)
		r.Problems.Amount = amountProblem(r.amount, err, r.left)
	case len(r.lines) == 0 && fine:
		r.Problems.Amount = "Type an amount, or choose pieces below"
	case fine:
		r.amount = r.worth
		if r.worth.Minor > r.left.Minor {
			r.Problems.Amount = "The chosen pieces cost " + r.worth.Format(web.Locale) + ". At most " + r.left.Format(web.Locale) + " can go back"
		} else if r.worth.Minor == 0 {
			r.Problems.Amount = "The chosen pieces cost nothing. Type an amount"
		}
	}
	if r.Way != page.RefundAtProvider && r.Way != page.RefundOutside || r.Way == page.RefundAtProvider && !r.AtProvider {
		r.Problems.Way = "Choose how it goes back"
	}
	if reason(r.Reason) == "" {
		r.Problems.Reason = noReason
	}
	return fine && r.Problems == page.RefundProblems{}
}

// pieces is how many pieces were typed, or what is wrong with that.
func pieces(typed string, left int64) (n int64, problem string) {
	typed = strings.TrimSpace(typed)
	if typed == "" {
		return 0, ""
	}
	n, err := strconv.ParseInt(typed, 10, 64)
	switch {
	case err != nil || n < 0:
		return 0, "Type how many in figures, or nothing"
	case n > left:
		return 0, "At most " + strconv.FormatInt(left, 10) + " can come back"
	default:
		return n, ""
	}
}

// preview is what a refund that was checked will do.
func (r *refund) preview() page.RefundPreview {
	r.Amount = r.amount.Decimal() // what is looked at is what is sent
	after := money.Amount{Minor: r.left.Minor - r.amount.Minor, Currency: r.left.Currency}
	p := page.RefundPreview{Form: r.RefundPage, Back: r.amount.Format(web.Locale), After: after.Format(web.Locale)}
	if len(r.lines) > 0 && r.worth != r.amount {
		p.Worth = r.worth.Format(web.Locale)
	}
	for _, l := range r.lines {
		i := slices.IndexFunc(r.order.Lines, func(o models.OrderLine) bool { return o.Position == l.Position })
		sold := r.order.Lines[i]
		p.Goods = append(p.Goods, strconv.FormatInt(l.Quantity, 10)+" × "+sold.Name)
		if stock := r.products[sold.ProductID].Stock; l.Restock && stock != nil {
			p.Stock = append(p.Stock, fmt.Sprintf("%d × %s, when the money has gone back. There are %d now.", l.Quantity, sold.Name, *stock))
		}
	}
	return p
}

func (h Pages) showRefund(c *gin.Context, status int, r refund) error {
	var err error
	if r.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, status, page.Refund(r.RefundPage))
}
