package cashier

import (
	"context"
	"errors"
	"fmt"

	"till/models"
)

// Pay pays an open order at a provider: it goes on with the payment that is
// being made when it is at the same provider, and lets go of it for a new one
// when it is at another. Of several callers at once one makes the new payment,
// and all get it.
//
// Errors: ErrPaid and ErrUndecided when another payment must not be begun;
// models.ErrNotPayable when the order is closed; and those of Start.
func (c *Cashier) Pay(ctx context.Context, number int64, provider, method string, cause models.Cause) (models.Payment, error) {
	if _, ok := c.providers[provider]; !ok {
		return models.Payment{}, fmt.Errorf("%w: %q", ErrNoProvider, provider)
	}
	detail, err := c.orders.ByNumber(ctx, number)
	if err != nil {
		return models.Payment{}, err
	}
	for _, p := range detail.Payments {
		if err := bars(p); err != nil {
			return p, err
		}
	}
	if live, ok := detail.Live(); ok {
		if live.Provider == provider && live.Method == method && goesOn(live) {
			return c.goOn(ctx, live, cause)
		}
		if gone, err := c.turnAway(ctx, live, cause); err != nil {
			return gone, err
		}
	}
	next := c.NewPayment(provider, method)
	err = c.payments.Retry(ctx, number, next, cause)
	if errors.Is(err, models.ErrNotPayable) {
		return c.winner(ctx, number, err)
	}
	if err != nil {
		return models.Payment{}, err
	}
	return c.Start(ctx, next.ID, cause)
}

// bars says why no other payment may begin beside this one: there is money in
// it, or there may be soon. A payment that the shopper let go of and that was
// not heard of again does not bar.
func bars(p models.Payment) error {
	switch p.State {
	case models.PaymentPaid, models.PaymentAuthorized:
		return fmt.Errorf("%w: payment %s is %s", ErrPaid, models.Mark(p.ID), p.State)
	case models.PaymentProcessing, models.PaymentAccepted, models.PaymentMismatch:
		return fmt.Errorf("%w: payment %s is %s", ErrUndecided, models.Mark(p.ID), p.State)
	case models.PaymentCreated, models.PaymentRedirected, models.PaymentFailed, models.PaymentCancelled, models.PaymentExpired, models.PaymentUnknown:
	}
	return nil
}

// goesOn reports whether a live payment leads anywhere. One that was found
// without a page to send the shopper to does not.
func goesOn(live models.Payment) bool {
	return live.State != models.PaymentRedirected || live.RedirectURL != ""
}

// goOn takes a live payment up where it stands.
func (c *Cashier) goOn(ctx context.Context, live models.Payment, cause models.Cause) (models.Payment, error) {
	if starts(live) {
		return c.Start(ctx, live.ID, cause)
	}
	return live, nil
}

// turnAway lets go of a live payment so that another may begin. An answer of
// the provider that shows money on its way stops that; no answer does not: the
// payment stays open to late money, and a second success is found.
func (c *Cashier) turnAway(ctx context.Context, live models.Payment, cause models.Cause) (models.Payment, error) {
	if live.State == models.PaymentUnknown {
		return live, fmt.Errorf("%w: payment %s is %s", ErrUndecided, models.Mark(live.ID), live.State)
	}
	gone, err := c.giveUp(ctx, live, cause)
	if live.Ref == "" && errors.Is(err, ErrUndecided) {
		return live, err // it is being started, or the process died while it was: as good as unknown
	}
	if err != nil {
		c.log.WarnContext(ctx, "payment let go without the provider's word", "order", live.OrderID, "provider", live.Provider, "ref", live.Ref, "err", err)
		gone = live
	}
	if err := bars(gone); err != nil {
		return gone, err
	}
	return gone, c.payments.Supersede(ctx, gone.ID, cause)
}

// winner is the payment of whoever was quicker.
func (c *Cashier) winner(ctx context.Context, number int64, err error) (models.Payment, error) {
	detail, rerr := c.orders.ByNumber(ctx, number)
	if rerr != nil {
		return models.Payment{}, rerr
	}
	if live, ok := detail.Live(); ok {
		return c.Start(ctx, live.ID, Timer)
	}
	return models.Payment{}, err
}
