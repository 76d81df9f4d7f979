package admin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"till/handlers/web"
	"till/models"
	"till/money"

	"github.com/gin-gonic/gin"

	page "till/views/admin"
)

const approvalsURL = "/admin/approvals"

func (h Pages) approvals() *models.Approvals { return models.NewApprovals(h.DB) }

// Approvals is GET /admin/approvals: what waits for a second person.
func (h Pages) Approvals(c *gin.Context) error {
	ctx := c.Request.Context()
	all, err := h.approvals().Open(ctx)
	if err != nil {
		return err
	}
	settings, err := h.DB.Current(ctx)
	if err != nil {
		return err
	}
	p, k := page.ApprovalsPage{Limit: limits(settings.Limits)}, h.clock()
	for _, one := range all {
		p.Items = append(p.Items, h.approval(c, one, models.OrderDetail{Order: models.Order{ID: one.OrderID}}, k))
	}
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, http.StatusOK, page.Approvals(p))
}

// limits is the limits as people read them: "NZD 100.00, USD 80.00".
func limits(all models.Limits) string {
	var texts []string
	for _, currency := range slices.Sorted(maps.Keys(all)) {
		texts = append(texts, money.Amount{Minor: all[currency], Currency: currency}.Format(web.Locale))
	}
	return strings.Join(texts, ", ")
}

// approval is one of them as who looks sees it.
func (h Pages) approval(c *gin.Context, one models.Approval, d models.OrderDetail, k clock) page.Approval {
	me := by(c).Actor
	p := page.Approval{
		ID: one.ID, Order: d.Number(), Amount: one.Amount.Format(web.Locale), Outside: one.Done, Why: one.Note, AskedBy: one.AskedBy, Asked: k.at(one.AskedAt),
		State: page.ApprovalState(one.Decision), Reason: one.Reason, By: one.DecidedBy, Decided: k.maybe(one.DecidedAt),
	}
	if one.Stuck() {
		p.State = page.ApprovalStuck
	}
	may := one.Waits() && has(member(c), rightRefund)
	p.Decide, p.Withdraw = may && me != one.AskedBy, may && me == one.AskedBy
	pay, _ := d.Payment(one.PaymentID)
	p.Provider = h.label(pay.Provider)
	for _, l := range one.Lines {
		i := slices.IndexFunc(d.Lines, func(o models.OrderLine) bool { return o.Position == l.Position })
		if i < 0 {
			continue
		}
		text := strconv.FormatInt(l.Quantity, 10) + " × " + d.Lines[i].Name
		if l.Restock {
			text += ", back into the stock"
		}
		p.Goods = append(p.Goods, text)
	}
	return p
}

// approvalsOf are those of an order, newest first.
func (h Pages) approvalsOf(c *gin.Context, d models.OrderDetail, k clock) ([]page.Approval, error) {
	all, err := h.approvals().OfOrder(c.Request.Context(), d.ID)
	if err != nil {
		return nil, err
	}
	var list []page.Approval
	for _, one := range slices.Backward(all) {
		list = append(list, h.approval(c, one, d, k))
	}
	return list, nil
}

// Approval is GET /admin/approvals/:approval: what is asked for, and the forms
// that decide it.
func (h Pages) Approval(c *gin.Context) error {
	one, d, err := h.byApproval(c)
	if err != nil {
		return err
	}
	typed := h.draft(c, approvalURL(one)+"/decline").Get("reason")
	return h.showApproval(c, http.StatusOK, one, d, page.ApprovalPage{Reason: typed})
}

func approvalURL(one models.Approval) string {
	return approvalsURL + "/" + strconv.FormatInt(one.ID, 10)
}

func (h Pages) byApproval(c *gin.Context) (one models.Approval, d models.OrderDetail, err error) {
	text := c.Param("approval")
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(id, 10) != text {
		return one, d, fmt.Errorf("%w: approval by another word than its number", models.ErrNotFound)
	}
	if one, err = h.approvals().ByID(c.Request.Context(), id); err != nil {
		return one, d, err
	}
	d, err = h.Orders.ByNumber(c.Request.Context(), one.OrderID)
	return one, d, err
}

func (h Pages) showApproval(c *gin.Context, status int, one models.Approval, d models.OrderDetail, p page.ApprovalPage) error {
	p.One = h.approval(c, one, d, h.clock())
	pay, _ := d.Payment(one.PaymentID)
	p.Left, p.Tax = h.Cashier.Powers(pay).Left.Format(web.Locale), tax(d.Order, one.Amount)
	if one.Waits() && has(member(c), rightRefund) { // the mail leads to the shopper's own page
		p.Mail = h.refundedMail(d, pay, one.Amount, one.Done)
	}
	var err error
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, status, page.ApprovalOf(p))
}

// Approve is POST /admin/approvals/:approval/approve: a second person agrees,
// and the money goes back. One that was agreed to and never became a refund is
// carried on, with the same key: it is one refund.
func (h Pages) Approve(c *gin.Context) error {
	if err := need(c, rightRefund); err != nil {
		return err
	}
	one, d, err := h.byApproval(c)
	if err != nil {
		return err
	}
	cause := by(c)
	ctx := context.WithoutCancel(c.Request.Context()) // whoever agreed may leave; what is begun is finished
	switch {
	case one.Decision == models.DecisionApproved && one.DecidedBy == cause.Actor && one.OperationID != nil: // the same form once more
		op, err := h.Payments.Operation(ctx, *one.OperationID)
		if err != nil {
			return err
		}
		pay, _ := d.Payment(one.PaymentID)
		return h.back(c, orderURL(d.Number()), h.came(op, pay.Provider))
	case one.Stuck() && one.AskedBy == cause.Actor:
		err = models.ErrOwn
	case !one.Stuck():
		one, err = h.approvals().Approve(ctx, one.ID, cause)
	}
	if err != nil {
		return h.notDecided(c, err)
	}
	pay, _ := d.Payment(one.PaymentID)
	cause.Source = "approval " + strconv.FormatInt(one.ID, 10)
	op, err := h.Cashier.Do(ctx, one.Reservation(cause))
	if err != nil {
		return h.notDecided(c, err)
	}
	return h.back(c, orderURL(d.Number()), h.came(op, pay.Provider))
}

// Decline is POST /admin/approvals/:approval/decline.
func (h Pages) Decline(c *gin.Context) error {
	if err := need(c, rightRefund); err != nil {
		return err
	}
	form, err := readForm(c)
	if err != nil {
		return err
	}
	one, d, err := h.byApproval(c)
	if err != nil {
		return err
	}
	why := reason(form.Get("reason"))
	if why == "" && one.Waits() {
		return h.showApproval(c, http.StatusUnprocessableEntity, one, d, page.ApprovalPage{Reason: form.Get("reason"), Problem: noReason})
	}
	if one, err = h.approvals().Decline(c.Request.Context(), one.ID, why, by(c)); err != nil {
		return h.notDecided(c, err)
	}
	return h.back(c, orderURL(d.Number()), answer{text: "Declined: the refund of " + one.Amount.Format(web.Locale) + " is not made."})
}

// Withdraw is POST /admin/approvals/:approval/withdraw, by who asked.
func (h Pages) Withdraw(c *gin.Context) error {
	if err := need(c, rightRefund); err != nil {
		return err
	}
	one, d, err := h.byApproval(c)
	if err != nil {
		return err
	}
	if one, err = h.approvals().Withdraw(c.Request.Context(), one.ID, by(c)); err != nil {
		return h.notDecided(c, err)
	}
	return h.back(c, orderURL(d.Number()), answer{text: "Withdrawn: the refund of " + one.Amount.Format(web.Locale) + " is not made."})
}

// notDecided answers with the approval as it is now, and why nothing was done.
// Any other error stays one.
func (h Pages) notDecided(c *gin.Context, err error) error {
	one, d, readErr := h.byApproval(c)
	if readErr != nil {
		return readErr
	}
	pay, _ := d.Payment(one.PaymentID)
	why := h.refusal(err, pay)
	switch {
	case errors.Is(err, models.ErrUnavailable):
		return err
	case errors.Is(err, models.ErrStale):
		why = decided(one)
	case errors.Is(err, models.ErrOwn) && by(c).Actor == one.AskedBy:
		why = "You asked for it yourself: somebody else has to decide. Nothing was done."
	case errors.Is(err, models.ErrOwn):
		why = "Only who asked for it can withdraw it. You can decline it. Nothing was done."
	}
	if why == "" {
		return err
	}
	h.Log.InfoContext(c.Request.Context(), "staff refused", "order", d.ID, "approval", one.ID, "staff_id", member(c).ID, "err", err)
	return h.showApproval(c, http.StatusConflict, one, d, page.ApprovalPage{Refused: why})
}

// decided says who was quicker, and with what.
func decided(one models.Approval) string {
	switch one.Decision {
	case models.DecisionApproved:
		return one.DecidedBy + " has agreed to it already. Nothing was done now."
	case models.DecisionDeclined:
		return one.DecidedBy + " has declined it: " + one.Reason + ". Nothing was done."
	case models.DecisionWithdrawn:
		return one.DecidedBy + " has withdrawn it. Nothing was done."
	default:
		return "Somebody else has decided it meanwhile. Nothing was done."
	}
}

// asked says what became of what a second person is wanted for.
func asked(one models.Approval) answer {
	of := one.Amount.Format(web.Locale)
	switch one.Decision {
	case models.DecisionApproved:
		return answer{text: one.DecidedBy + " has agreed to the refund of " + of + "."}
	case models.DecisionDeclined, models.DecisionWithdrawn:
		return answer{text: decided(one), alarm: true}
	default:
		return answer{text: "Asked: somebody else has to agree before " + of + " goes back. Nothing has gone back yet."}
	}
}
