package cashier

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"till/models"
	"till/money"
	"till/providers"
)

// Start opens a payment at its provider, or finds the one that was opened
// before, and returns the payment as it is then. The shopper is to be sent to
// its RedirectURL when it is redirected.
//
// The operation with its key was committed with the payment; the provider sees
// the same key until an outcome is known. An error means that the provider
// refused it, was not reached, or did not answer: the payment's state says
// which, and the order can be paid all the same.
func (c *Cashier) Start(ctx context.Context, id string, cause models.Cause) (models.Payment, error) {
	// A shopper who leaves does not cut the line in the middle of a call.
	ctx = context.WithoutCancel(ctx)
	v, err, _ := c.starts.Do(id, func() (any, error) { return c.start(ctx, id, cause) })
	pay, ok := v.(models.Payment)
	if !ok {
		return models.Payment{}, fmt.Errorf("cashier: start %s: %w", models.Mark(id), err)
	}
	return pay, err
}

func (c *Cashier) start(ctx context.Context, id string, cause models.Cause) (models.Payment, error) {
	pay, err := c.payments.ByID(ctx, id)
	if err != nil || !starts(pay) {
		return pay, err
	}
	p, err := c.provider(pay)
	if err != nil {
		return pay, err
	}
	detail, err := c.orders.OfPayment(ctx, id)
	if err != nil {
		return pay, err
	}
	op, err := c.payments.Start(ctx, id)
	if err != nil {
		return pay, err
	}
	op, mine, err := c.payments.Claim(ctx, op.ID, claimFor)
	if err != nil {
		return pay, err
	}
	if !mine {
		return c.await(ctx, id)
	}
	call, cancel := context.WithTimeout(ctx, callFor)
	defer cancel()
	started, err := open(call, p, c.request(detail, pay, op), op)
	c.heard(ctx, pay.Provider, err)
	return c.recordStart(ctx, pay, op, started, err, cause)
}

// starts reports whether a payment is still to be opened or found.
func starts(p models.Payment) bool {
	return p.Ref == "" && (p.State == models.PaymentCreated || p.State == models.PaymentUnknown)
}

// errNoFinder is why a payment stays unknown for good.
var errNoFinder = errors.New("cashier: the provider cannot look up a payment whose start had no answer")

var (
	// errNotFound is why nobody knows more after a look than before.
	errNotFound = errors.New("cashier: looking for the payment had no success")
	// errRefused is why a start that was refused although it may have been heard
	// before came to nothing: there is no trace of it.
	errRefused = errors.New("cashier: the provider refused the payment and does not have it")
)

// open starts a payment. One that the provider may have heard of is looked for
// first: only a provider that is sure not to have it is asked again, and not
// when it has refused it since.
func open(ctx context.Context, p providers.Provider, req providers.StartRequest, op models.Operation) (providers.Started, error) {
	if op.MayHaveBeenHeard() {
		f, ok := p.(providers.Finder)
		if !ok {
			return providers.Started{}, errNoFinder
		}
		s, found, err := f.Find(ctx, req)
		switch {
		case err != nil && s.Ref == "":
			return s, fmt.Errorf("%w: %w", errNotFound, err)
		case err != nil || found:
			return s, err
		case op.State == models.OperationUnknown && op.Code != "":
			return s, &providers.Error{Provider: p.Name(), Op: "start", Kind: providers.KindRejected, Code: op.Code, Err: errRefused}
		}
	}
	return p.Start(ctx, req)
}

// request is built from rows only, so that it is the same each time.
func (c *Cashier) request(d models.OrderDetail, pay models.Payment, op models.Operation) providers.StartRequest {
	back := c.publicURL + "/return/" + pay.ID
	req := providers.StartRequest{
		PaymentID: pay.ID, Key: op.Key, OrderNumber: d.Number(), Amount: pay.Amount,
		Buyer: providers.Buyer{Name: d.Name, Email: d.Email}, Method: pay.Method, Reserve: pay.Capture == models.CaptureManual,
		Begun: pay.CreatedAt, Due: d.DueAt,
		SuccessURL: back + "/success", ErrorURL: back + "/error", PendingURL: back + "/pending",
		CallbackURL: c.publicURL + "/callbacks/" + pay.Provider,
	}
	for _, l := range d.Lines {
		req.Items = append(req.Items, providers.Item{
			Name: l.Name, Description: "Order " + d.Number(), Quantity: l.Quantity,
			Unit: money.Amount{Minor: l.UnitMinor, Currency: pay.Amount.Currency},
		})
	}
	return req
}

// recordStart writes what came of a call to start. The answer holds for the
// payment whatever happened to the row meanwhile, so it is decided again on a
// newer one rather than dropped.
func (c *Cashier) recordStart(ctx context.Context, pay models.Payment, op models.Operation, s providers.Started, callErr error, cause models.Cause) (models.Payment, error) {
	if callErr == nil {
		mails := c.mailsBuyer(ctx, pay)
		return c.record(ctx, pay.ID, func(now models.Payment, ops []models.Operation) models.Change {
			change := c.read(now, ops, "start", s.Report, cause)
			change.Ref, change.RedirectURL, change.Data, change.Mailed = s.Ref, s.URL, s.Data, mails
			change.Operations = append(change.Operations, models.Outcome{ID: op.ID, State: models.OperationSucceeded, Heard: true})
			if change.State == "" && starts(now) {
				change.State = models.PaymentRedirected // a word that we do not know; the shopper can go there all the same
			}
			return change
		})
	}
	level := slog.LevelWarn
	if kindOf(callErr) == providers.KindUnauthorized {
		level = slog.LevelError // nobody can pay until a person mends the settings
	}
	c.log.Log(ctx, level, "start had no success", "order", pay.OrderID, "provider", pay.Provider, "ref", s.Ref, "err", callErr)
	after, err := c.record(ctx, pay.ID, func(now models.Payment, _ []models.Operation) models.Change {
		return c.notStarted(now, op, s, callErr, cause)
	})
	if err != nil {
		return after, errors.Join(callErr, err)
	}
	return after, fmt.Errorf("cashier: start %s: %w", models.Mark(pay.ID), callErr)
}

// mailsBuyer reports whether the provider confirms the payment to the buyer
// itself. When that cannot be told we do.
func (c *Cashier) mailsBuyer(ctx context.Context, pay models.Payment) bool {
	m, ok := c.providers[pay.Provider].(providers.Mailer)
	if !ok {
		return false
	}
	d, err := c.orders.OfPayment(ctx, pay.ID)
	return err == nil && m.MailsBuyer(providers.Buyer{Name: d.Name, Email: d.Email})
}

// notStarted is what an error does: a refusal ends the payment, a provider that
// was not reached, or does not know us, leaves it as it was, and no answer makes
// it unknown. So does a refusal of what may have been heard before: it may be
// refused because it is there. One that was opened although the buyer cannot be
// sent there is asked about like any other.
func (c *Cashier) notStarted(now models.Payment, op models.Operation, s providers.Started, err error, cause models.Cause) models.Change {
	change := models.Change{PaymentID: now.ID, Version: now.Version, Report: errorRow(err), Cause: cause}
	outcome := models.Outcome{ID: op.ID, State: models.OperationUnknown, Heard: true}
	kind := kindOf(err)
	var call *providers.Error
	if errors.As(err, &call) {
		outcome.Code, change.Reason = call.Code, string(call.Reason)
	}
	heardBefore := op.MayHaveBeenHeard()
	refused := kind == providers.KindRejected && !errors.Is(err, errNotFound)
	gone := errors.Is(err, errRefused)
	if gone {
		change.Reason, change.Report = now.Reason, nil // it was said before
	}
	switch {
	case refused && (!heardBefore || s.Ref != "" || gone):
		if now.State.CanMove(models.PaymentFailed) {
			change.State = models.PaymentFailed
		}
		outcome.State = models.OperationFailed
		change.Events = []models.Event{{Kind: models.EventProviderRefused, Detail: outcome.Code}}
		if s.Ref != "" {
			change.Ref, change.Data, change.AskAt = s.Ref, s.Data, c.retry(now, nil, err)
		}
	case !heardBefore && (kind == providers.KindUnreachable || kind == providers.KindUnauthorized):
		outcome.State, outcome.Heard = models.OperationRequested, false
		change.Events = []models.Event{{Kind: models.EventNoAnswer, Detail: string(kind)}}
	default:
		switch {
		case refused:
			outcome.Code = cmp.Or(outcome.Code, "refused") // the next look decides
		default:
			outcome.Code, change.Reason = op.Code, "" // a refusal before this holds
		}
		if now.State == models.PaymentCreated {
			change.State = models.PaymentUnknown
			change.Events = []models.Event{{Kind: models.EventNoAnswer, Detail: string(kind)}}
		}
		if !errors.Is(err, errNoFinder) {
			change.AskAt = c.retry(now, nil, err)
		}
	}
	change.Operations = []models.Outcome{outcome}
	return change
}

// kindOf sorts an error. One that is not a provider's leaves everything open.
func kindOf(err error) providers.Kind {
	var call *providers.Error
	if errors.As(err, &call) {
		return call.Kind
	}
	return providers.KindUnavailable
}

// await waits a moment for another process that is starting the payment.
func (c *Cashier) await(ctx context.Context, id string) (models.Payment, error) {
	for range awaitTimes {
		pay, err := c.payments.ByID(ctx, id)
		if err != nil || !starts(pay) {
			return pay, err
		}
		op, err := c.payments.Start(ctx, id)
		if err != nil || !op.Claimed(c.payments.Now()) {
			return pay, err
		}
		if err := c.wait(ctx, awaitGap); err != nil {
			return pay, err
		}
	}
	return c.payments.ByID(ctx, id)
}

// findStarted settles a payment that has no reference. Nothing is done unless
// the provider may know of it: a start that never left is the shopper's to
// repeat. A page that is only being looked at does not start anything either.
func (c *Cashier) findStarted(ctx context.Context, pay models.Payment, cause models.Cause) (models.Payment, error) {
	if !starts(pay) || cause.Actor == "shopper" {
		return pay, nil
	}
	op, err := c.payments.Start(ctx, pay.ID)
	if err != nil || !op.MayHaveBeenHeard() {
		return pay, err
	}
	return c.Start(ctx, pay.ID, cause)
}
