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

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	page "till/views/admin"
)

// kindOf is the operation that a verb about a payment asks for.
var kindOf = map[page.Verb]models.OperationKind{
	page.VerbCapture: models.OperationCapture,
	page.VerbVoid:    models.OperationVoid,
	page.VerbReverse: models.OperationReverse,
}

// AskAct is GET /admin/orders/:number/captures?payment= and the like: what a
// verb would do, and the form that does it.
func (h Pages) AskAct(verb page.Verb) func(*gin.Context) error {
	return func(c *gin.Context) error {
		if err := need(c, rightFor[verb]); err != nil {
			return err
		}
		d, err := h.byNumber(c)
		if err != nil {
			return err
		}
		typed := h.draft(c, orderURL(d.Number())+"/"+string(verb))
		p, pay, err := h.act(d, verb, cmp.Or(c.Query("payment"), typed.Get("payment")))
		if err != nil {
			return h.refused(c, d.ID, err, pay)
		}
		p.Note, p.Amount = typed.Get("note"), orTyped(typed, p.Amount)
		if p.Payment != "" {
			p.Key = uuid.NewString()
		}
		return h.showAct(c, http.StatusOK, p)
	}
}

// Act is POST /admin/orders/:number/captures, /voids, /reversals: asks the
// provider. The same form twice is one operation.
func (h Pages) Act(verb page.Verb) func(*gin.Context) error {
	return func(c *gin.Context) error {
		if err := need(c, rightFor[verb]); err != nil {
			return err
		}
		form, d, err := h.form(c)
		if err != nil {
			return err
		}
		pay, ok := d.Payment(form.Get("payment"))
		if !ok {
			return noPayment(d)
		}
		key, err := keyOf(form)
		if err != nil {
			return err
		}
		r := models.Reservation{PaymentID: pay.ID, Kind: kindOf[verb], Key: key, Note: reason(form.Get("note")), Cause: by(c)}
		var typo error
		if verb == page.VerbCapture {
			r.Amount, typo = money.ParseDecimal(strings.TrimSpace(form.Get("amount")), pay.Amount.Currency)
		}
		if op, sent, err := sentBefore(d, r); sent {
			if err != nil || verb == page.VerbCapture && op.Amount != r.Amount {
				return h.refused(c, d.ID, errForm, pay)
			}
			return h.back(c, orderURL(d.Number()), h.came(op, pay.Provider))
		}
		p, _, illegal := h.act(d, verb, pay.ID)
		if illegal != nil {
			return h.refused(c, d.ID, illegal, pay)
		}
		p.Key, p.Note, p.Amount = r.Key, form.Get("note"), orTyped(form, p.Amount)
		if verb == page.VerbCapture {
			held := h.Cashier.Powers(pay).Held
			if !p.Parts && r.Amount != held { // the amount of a page that is older
				return h.refused(c, d.ID, models.ErrIllegal, pay)
			}
			p.Problems.Amount = amountProblem(r.Amount, typo, held)
		}
		p.Problems.Note = reasonProblem(verb, r.Note)
		if p.Problems != (page.ActProblems{}) {
			return h.showAct(c, http.StatusUnprocessableEntity, p)
		}
		op, err := h.Cashier.Do(c.Request.Context(), r)
		if err != nil {
			return h.refused(c, d.ID, err, pay)
		}
		return h.back(c, orderURL(d.Number()), h.came(op, pay.Provider))
	}
}

// Close is POST /admin/orders/:number/received and /cancel: what is said about
// an order as a whole.
func (h Pages) Close(verb page.Verb) func(*gin.Context) error {
	return func(c *gin.Context) error {
		if err := need(c, rightFor[verb]); err != nil {
			return err
		}
		form, d, err := h.form(c)
		if err != nil {
			return err
		}
		p, pay, err := h.act(d, verb, "")
		if err != nil {
			return h.refused(c, d.ID, err, pay)
		}
		if verb == page.VerbCancel && form.Get("reserved") != p.Reserved { // what came, or went, is not given back unseen
			return h.refused(c, d.ID, errReserved, pay)
		}
		why := reason(form.Get("note"))
		p.Note = form.Get("note")
		if p.Problems.Note = reasonProblem(verb, why); p.Problems.Note != "" {
			return h.showAct(c, http.StatusUnprocessableEntity, p)
		}
		ctx := context.WithoutCancel(c.Request.Context()) // whoever asked may leave; what is begun is finished
		said := answer{text: "Recorded: " + d.Total.Format(web.Locale) + " was paid in another way. " + sendable(p.Order)}
		if verb == page.VerbCancel {
			said = answer{text: with("The order is cancelled", ", and given back is ", p.Reserved) + "."}
			err = h.Cashier.Cancel(ctx, d.ID, why, by(c))
		} else {
			err = h.Cashier.Received(ctx, d.ID, why, by(c))
		}
		if err != nil {
			return h.refused(c, d.ID, err, pay)
		}
		return h.back(c, orderURL(d.Number()), said)
	}
}

// form is what was sent about the order that the address means.
func (h Pages) form(c *gin.Context) (url.Values, models.OrderDetail, error) {
	form, err := readForm(c)
	if err != nil {
		return nil, models.OrderDetail{}, err
	}
	d, err := h.byNumber(c)
	return form, d, err
}

// readForm is a form without what no row could hold.
func readForm(c *gin.Context) (url.Values, error) {
	form, err := web.Form(c)
	for _, values := range form {
		for i := range values {
			values[i] = strings.ReplaceAll(strings.ToValidUTF8(values[i], ""), "\x00", "")
		}
	}
	return form, err
}

// keyOf is the key that came with a form.
func keyOf(form url.Values) (string, error) {
	key, err := uuid.Parse(form.Get("key"))
	if err != nil {
		return "", fmt.Errorf("%w: key of a form: %w", web.ErrBadRequest, err)
	}
	return key.String(), nil
}

func noPayment(d models.OrderDetail) error {
	return fmt.Errorf("%w: no such payment of order %s", models.ErrNotFound, d.Number())
}

// sentBefore finds the operation that the same form made when it was sent
// before. An error says that the key is another thing's.
func sentBefore(d models.OrderDetail, r models.Reservation) (op models.Operation, sent bool, err error) {
	i := slices.IndexFunc(d.Operations, func(op models.Operation) bool { return op.Key == r.Key })
	if i < 0 {
		return op, false, nil
	}
	if op = d.Operations[i]; op.PaymentID != r.PaymentID || op.Kind != r.Kind {
		return op, true, errForm
	}
	return op, true, nil
}

// act is the page of a verb, as things are now, or why it is not possible: with
// the payment that is in the way.
func (h Pages) act(d models.OrderDetail, verb page.Verb, payment string) (p page.ActPage, pay models.Payment, err error) {
	p = page.ActPage{Number: d.Number(), Verb: verb, Money: d.Total.Format(web.Locale), Order: standing(d)}
	switch verb {
	case page.VerbReceived, page.VerbCancel:
		pay, p.Asks, err = h.closable(d, verb)
		p.Provider = h.label(pay.Provider)
		reserved := money.Amount{Currency: d.Total.Currency}
		for _, one := range d.Payments {
			reserved.Minor += h.Cashier.Powers(one).Held.Minor
		}
		if verb == page.VerbCancel && reserved.Minor > 0 {
			p.Reserved = reserved.Format(web.Locale)
		}
		return p, pay, err
	case page.VerbCapture, page.VerbVoid, page.VerbReverse, page.VerbRepeat, page.VerbForget:
	}
	pay, ok := d.Payment(payment)
	if !ok {
		return p, pay, noPayment(d)
	}
	p.Payment, p.Provider, p.Name = pay.ID, h.label(pay.Provider), name(d, pay)
	w := h.Cashier.Powers(pay)
	may := map[page.Verb]bool{page.VerbCapture: w.Capture, page.VerbVoid: w.Void, page.VerbReverse: w.Reverse}[verb]
	if !may {
		return p, pay, fmt.Errorf("%w: %s of payment %s, which is %s", models.ErrIllegal, verb, models.Mark(pay.ID), pay.State)
	}
	p.Parts, p.Amount = w.CaptureParts, w.Held.Decimal()
	p.Money = w.Held.Format(web.Locale)
	if verb == page.VerbReverse {
		if pay.Disputed > 0 {
			p.Disputed = money.Amount{Minor: pay.Disputed, Currency: pay.Amount.Currency}.Format(web.Locale)
		}
		p.Money = pay.Amount.Format(web.Locale)
		if pay.Captured > 0 {
			p.Money = w.Left.Format(web.Locale)
		}
	}
	return p, pay, nil
}

// standing is what the order of a verb has come to already.
func standing(d models.OrderDetail) page.Standing {
	return page.Standing{Paid: d.PaidAt != nil, Cancelled: d.CancelledAt != nil, Expired: d.ExpiredAt != nil, Test: d.Test}
}

// sendable says whether an order that is paid now can be sent.
func sendable(o page.Standing) string {
	switch {
	case o.Test:
		return "It is a test order: nothing is to be sent."
	case o.Expired:
		return "It had expired: before you send it, see that everything is still there."
	default:
		return "The order can be sent."
	}
}

// closable says why an order cannot be cancelled, or be said to be paid outside,
// now: the cashier asks the same once more. Else asks tells whether the provider
// of a payment is asked for it first, and pay is that one.
func (h Pages) closable(d models.OrderDetail, verb page.Verb) (pay models.Payment, asks bool, err error) {
	if d.PaidAt != nil || d.CancelledAt != nil || d.ExpiredAt != nil && verb == page.VerbCancel || d.Status == models.OrderCreated {
		return pay, false, fmt.Errorf("%w: order %s is %s", models.ErrNotPayable, d.Number(), d.Status)
	}
	for _, p := range d.Payments {
		illegal := fmt.Errorf("%w: payment %s is %s", models.ErrIllegal, models.Mark(p.ID), p.State)
		switch p.State {
		case models.PaymentPaid, models.PaymentProcessing, models.PaymentAccepted, models.PaymentMismatch:
			return p, false, illegal
		case models.PaymentAuthorized:
			if verb != page.VerbCancel || !h.Cashier.Powers(p).Void {
				return p, false, illegal
			}
		case models.PaymentCreated, models.PaymentRedirected, models.PaymentFailed, models.PaymentCancelled, models.PaymentExpired, models.PaymentUnknown:
		}
		if p.Live && p.Ref == "" && heard(d, p) {
			return p, false, illegal
		}
		if p.Live && p.Ref != "" || p.State == models.PaymentAuthorized {
			pay, asks = p, true
		}
	}
	return pay, asks, nil
}

// AskDecide is GET /admin/orders/:number/operations/:operation/repeat and
// /forget: what that would do, and the form that does it.
func (h Pages) AskDecide(verb page.Verb) func(*gin.Context) error {
	return func(c *gin.Context) error {
		d, err := h.byNumber(c)
		if err != nil {
			return err
		}
		p, pay, err := h.decision(c, d, verb)
		if err != nil {
			return h.refused(c, d.ID, err, pay)
		}
		p.Note = h.draft(c, c.Request.URL.Path).Get("note")
		return h.showAct(c, http.StatusOK, p)
	}
}

// Decide is POST to the same: an operation without an answer is sent again, or
// given up.
func (h Pages) Decide(verb page.Verb) func(*gin.Context) error {
	return func(c *gin.Context) error {
		form, d, err := h.form(c)
		if err != nil {
			return err
		}
		p, pay, err := h.decision(c, d, verb)
		if err != nil {
			return h.refused(c, d.ID, err, pay)
		}
		ctx := context.WithoutCancel(c.Request.Context())
		if key := form.Get("key"); key != "" && key != p.Key {
			return h.refused(c, d.ID, models.ErrStale, pay) // it was sent once more meanwhile
		}
		if verb == page.VerbRepeat {
			op, err := h.Cashier.Repeat(ctx, p.Operation.ID, by(c))
			if err != nil {
				return h.refused(c, d.ID, err, pay)
			}
			return h.back(c, orderURL(d.Number()), h.came(op, pay.Provider))
		}
		why := reason(form.Get("note"))
		p.Note = form.Get("note")
		if p.Problems.Note = reasonProblem(verb, why); p.Problems.Note != "" {
			return h.showAct(c, http.StatusUnprocessableEntity, p)
		}
		if err := h.Cashier.Forget(ctx, p.Operation.ID, why, by(c)); err != nil {
			return h.refused(c, d.ID, err, pay)
		}
		op, err := h.Payments.Operation(ctx, p.Operation.ID)
		if err != nil {
			return err
		}
		return h.back(c, orderURL(d.Number()), answer{text: "Written down: " + subject(op) + " did not happen."})
	}
}

// decision is the page about an operation without an answer, or why there is
// nothing to decide.
func (h Pages) decision(c *gin.Context, d models.OrderDetail, verb page.Verb) (p page.ActPage, pay models.Payment, err error) {
	id, err := strconv.ParseInt(c.Param("operation"), 10, 64)
	i := slices.IndexFunc(d.Operations, func(op models.Operation) bool { return err == nil && op.ID == id })
	if i < 0 {
		return p, pay, fmt.Errorf("%w: no such operation of order %s", models.ErrNotFound, d.Number())
	}
	op := d.Operations[i]
	if err := need(c, rightForOperation(op.Kind)); err != nil {
		return p, pay, err
	}
	pay, _ = d.Payment(op.PaymentID)
	if !undecided(op) {
		return p, pay, fmt.Errorf("%w: operation %d is %s", models.ErrIllegal, id, op.State)
	}
	return page.ActPage{
		Number: d.Number(), Verb: verb, Name: name(d, pay), Payment: pay.ID, Provider: h.label(pay.Provider),
		Money: op.Amount.Format(web.Locale), Operation: operation(op, h.clock(), true), Key: strconv.FormatInt(op.Calls, 10),
	}, pay, nil
}

// undecided reports whether only a person can say what became of an operation.
func undecided(op models.Operation) bool {
	return op.Kind != models.OperationStart && op.State == models.OperationUnknown
}

func (h Pages) showAct(c *gin.Context, status int, p page.ActPage) error {
	var err error
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, status, page.Act(p))
}

// name is how pages call one payment of several; "" for the only one.
func name(d models.OrderDetail, pay models.Payment) string {
	if len(d.Payments) < 2 {
		return ""
	}
	i := slices.IndexFunc(d.Payments, func(p models.Payment) bool { return p.ID == pay.ID })
	return "Payment " + strconv.Itoa(i+1)
}

// orTyped is the amount that was typed, or another one when no such field was
// sent.
func orTyped(form url.Values, other string) string {
	if form.Has("amount") {
		return form.Get("amount")
	}
	return other
}

// reason is what was typed as a reason, fit to be kept.
func reason(typed string) string {
	s := strings.Join(strings.Fields(typed), " ")
	if runes := []rune(s); len(runes) > page.MaxReason {
		return string(runes[:page.MaxReason])
	}
	return s
}

func reasonProblem(verb page.Verb, why string) string {
	if why == "" && verb.NeedsWhy() {
		return noReason
	}
	return ""
}

const noReason = "Say why, in a few words"

// amountProblem is what is wrong with an amount that was typed, as a sentence.
func amountProblem(a money.Amount, err error, left money.Amount) string {
	most := left.Format(web.Locale)
	switch {
	case errors.Is(err, money.ErrPrecision):
		return "Type no more decimals than " + string(left.Currency) + " has"
	case errors.Is(err, money.ErrOverflow):
		return "At most " + most
	case err != nil:
		return "Type an amount in figures, such as " + left.Decimal()
	case a.Minor <= 0:
		return "Type more than nothing"
	case a.Minor > left.Minor:
		return "At most " + most
	default:
		return ""
	}
}
