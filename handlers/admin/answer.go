package admin

import (
	"cmp"
	"errors"
	"net/http"

	"till/cashier"
	"till/handlers/web"
	"till/models"

	"github.com/gin-gonic/gin"

	page "till/views/admin"
)

// answer is what to say once about what was just done.
type answer struct {
	text  string
	alarm bool // it did not go as it should
}

// back sends a browser to a page that says once what was done.
func (h Pages) back(c *gin.Context, to string, a answer) error {
	if err := h.Sessions.say(c.Request, c.Writer, a); err != nil {
		return h.orLogin(c, err)
	}
	c.Redirect(http.StatusSeeOther, to)
	return nil
}

// came says exactly what came of an operation.
func (h Pages) came(op models.Operation, provider string) answer {
	label, what := h.label(provider), subject(op)
	switch op.State {
	case models.OperationSucceeded:
		return answer{text: done(op, label)}
	case models.OperationFailed:
		return answer{text: with(label+" refused "+what, ": ", clean(op.Code)) + ". " + nothing(op.Kind), alarm: true}
	case models.OperationUnknown:
		return answer{text: label + " gave no answer. It may have done " + what + " or not: do not send it again. We ask what became of it.", alarm: true}
	case models.OperationRequested:
	}
	switch {
	case op.PendingAt != nil:
		return answer{text: "On its way: " + label + " has " + what + " in hand and has not said how it ended. We ask."}
	case op.Claimed(h.Payments.Now()):
		return answer{text: label + " is being asked for " + what + " right now. Look again in a moment, and do not send it again."}
	case op.Calls == 0:
		return answer{text: "Written down, and not sent yet: " + what + " waits for what was asked before it. It is sent by itself; do not send it again."}
	default:
		return answer{text: label + " could not be reached, so nothing was done. We send " + what + " by ourselves; do not send it again.", alarm: true}
	}
}

// nothing says what it means that an operation did not happen.
func nothing(kind models.OperationKind) string {
	switch kind {
	case models.OperationRefund, models.OperationReverse:
		return "No money went back."
	case models.OperationCapture:
		return "No money was taken."
	case models.OperationStart, models.OperationVoid, models.OperationCancel, models.OperationReceived, models.OperationRenew:
		return "Look at the payment as it is now."
	default:
		return "Look at the payment as it is now."
	}
}

// subject is an operation in the middle of a sentence.
func subject(op models.Operation) string {
	of := op.Amount.Format(web.Locale)
	switch op.Kind {
	case models.OperationRefund:
		return "the refund of " + of
	case models.OperationCapture:
		return "the capture of " + of
	case models.OperationVoid:
		return "the release of " + of
	case models.OperationReverse:
		return "the reversal of " + of
	case models.OperationReceived:
		return "the word that it was paid outside"
	case models.OperationCancel:
		return "the cancellation"
	case models.OperationStart, models.OperationRenew:
		return "the payment of " + of
	default:
		return string(op.Kind)
	}
}

// done is an operation that succeeded, as a sentence.
func done(op models.Operation, label string) string {
	of := op.Amount.Format(web.Locale)
	switch op.Kind {
	case models.OperationRefund:
		if op.Code == "outside" {
			return "Recorded: " + of + " was given back in another way. " + label + " was not asked."
		}
		return "Gone back: " + label + " has given " + of + " back to the shopper."
	case models.OperationCapture:
		return "Taken: " + of + "."
	case models.OperationVoid:
		return "Released: " + of + " is reserved no longer. Nothing was taken."
	case models.OperationReverse:
		return "Undone: " + label + " has reversed the payment of " + of + "."
	case models.OperationReceived:
		return "Recorded: " + of + " was paid in another way, and " + label + " knows."
	case models.OperationCancel:
		return label + " has cancelled the payment."
	case models.OperationStart, models.OperationRenew:
		return label + " has done it."
	default:
		return label + " has done it."
	}
}

// with joins two parts, or leaves the first alone when there is no second.
func with(first, joint, second string) string {
	if second == "" {
		return first
	}
	return first + joint + second
}

// errForm is returned for a form whose key was used with something else in it.
var errForm = errors.New("admin: the form was sent before, with something else in it")

// errReserved is returned for a cancel whose page did not name what would be
// given back by it.
var errReserved = errors.New("admin: another amount is reserved than the form says")

// refusal is why something that was legal when its page was drawn cannot be done
// now, as a sentence; "" for an error that is of another kind.
func (h Pages) refusal(err error, p models.Payment) string {
	label := cmp.Or(h.label(p.Provider), "The provider")
	var (
		left *models.BalanceError
		over *models.LimitError
	)
	switch {
	case err == nil:
		return ""
	case errors.As(err, &left):
		return "Only " + left.Left.Format(web.Locale) + " is left. Nothing was done."
	case errors.Is(err, models.ErrBusy):
		return "Something else was asked of " + label + " about this payment and has no outcome yet. Wait for that, then try again. Nothing was done."
	case errors.Is(err, cashier.ErrCannot):
		return label + " cannot do that. Nothing was done."
	case errors.Is(err, cashier.ErrPaid):
		return "The order is paid by now, or money is reserved for it. Nothing was done."
	case errors.Is(err, cashier.ErrUndecided):
		return label + " has not said what became of the payment, so the order stays as it is. Ask it again, or try later."
	case errors.Is(err, models.ErrNotPayable):
		return "The order is paid or closed by now. Nothing was done."
	case errors.As(err, &over):
		return "One person may give back " + over.Limit.Format(web.Locale) + " of a payment in a day. Refund it, and somebody else is asked to agree. Nothing was done."
	case errors.Is(err, models.ErrLimit):
		return "Nobody else has agreed to it, so nothing went back."
	case errors.Is(err, errReserved):
		return "What is reserved for the order has changed since you looked. Nothing was done."
	case errors.Is(err, errForm), errors.Is(err, models.ErrDuplicate):
		return "This form was sent before, with something else in it. Look at what came of that. Nothing was done now."
	case errors.Is(err, models.ErrIllegal):
		return "That is not possible any more: the payment has changed since you looked. Nothing was done."
	case errors.Is(err, models.ErrStale):
		return "Somebody else has settled this meanwhile. Nothing was done."
	default:
		return ""
	}
}

// refused answers with the order as it is now, and why what was asked for was
// not done. Any other error stays one.
func (h Pages) refused(c *gin.Context, number int64, err error, p models.Payment) error {
	why := h.refusal(err, p)
	if why == "" || errors.Is(err, models.ErrUnavailable) {
		return err
	}
	h.Log.InfoContext(c.Request.Context(), "staff refused", "order", number, "provider", p.Provider, "ref", p.Ref, "staff_id", member(c).ID, "err", err)
	d, err := h.Orders.ByNumber(c.Request.Context(), number)
	if err != nil {
		return err
	}
	return h.showOrder(c, http.StatusConflict, d, why)
}

// by is who is signed in, as a cause.
func by(c *gin.Context) models.Cause {
	return models.Cause{Actor: "staff " + member(c).Email, Source: "dashboard"}
}

// powers is what who looks may do about a payment now.
func (h Pages) powers(me models.Staff, p models.Payment) page.Powers {
	w := h.Cashier.Powers(p)
	return page.Powers{
		Capture: w.Capture && has(me, rightFor[page.VerbCapture]), Void: w.Void && has(me, rightFor[page.VerbVoid]),
		Refund: w.Record && has(me, rightRefund), Reverse: w.Reverse && has(me, rightFor[page.VerbReverse]),
	}
}
