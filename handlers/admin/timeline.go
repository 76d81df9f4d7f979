package admin

import (
	"cmp"
	"slices"
	"time"

	"till/handlers/web"
	"till/models"

	page "till/views/admin"
)

// timeline is an order's events and facts together, newest first.
func (h Pages) timeline(d models.OrderDetail, k clock) []page.Event {
	events := slices.Clone(d.Events)
	slices.SortStableFunc(events, func(a, b models.Event) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.ID, b.ID)) })
	after := map[int][]models.Fact{} // facts by the event that they follow
	for _, f := range d.Facts {
		i := follows(events, f)
		after[i] = append(after[i], f)
	}
	var all []page.Event
	for i := -1; i < len(events); i++ {
		if i >= 0 {
			all = append(all, h.event(events[i], k))
		}
		for _, f := range after[i] {
			one := page.Event{
				Kind: page.EventKind(f.Kind), Payment: f.PaymentID, Amount: f.Amount.Format(web.Locale), Actor: f.Actor, Source: f.Source, At: k.at(f.At),
			}
			if p, _ := d.Payment(f.PaymentID); f.Ref != p.Ref { // the payment's own is said where the payment is
				one.Detail = f.Ref
			}
			all = append(all, one)
		}
	}
	slices.Reverse(all)
	return all
}

// follows is the place of the event that a fact comes after; -1 for none. The
// rows of one commit may have the same time, and those of the next one too: a
// fact stands with the step that was taken by the same answer.
func follows(events []models.Event, f models.Fact) int {
	place, step := -1, -1
	for i, e := range events {
		if e.At.After(f.At) {
			break
		}
		place = i
		if e.Kind == models.EventState && e.At.Equal(f.At) && e.PaymentID != nil && *e.PaymentID == f.PaymentID && e.Cause == f.Cause {
			step = i
		}
	}
	if step >= 0 {
		return step
	}
	return place
}

func (h Pages) event(e models.Event, k clock) page.Event {
	one := page.Event{
		Kind: page.EventKind(e.Kind), From: e.FromState, To: e.ToState, Detail: e.Detail, Actor: e.Actor, Source: e.Source, At: k.at(e.At),
	}
	if e.PaymentID != nil {
		one.Payment = *e.PaymentID
	}
	if e.Kind == models.EventPaymentCreated {
		one.Detail = h.label(e.Detail)
	}
	return one
}

// soon is a time to come, in the middle of a sentence.
func (k clock) soon(t time.Time) string {
	short := k.at(t).Short
	if t.In(k.zone).Format(time.DateOnly) == k.now.In(k.zone).Format(time.DateOnly) {
		return "at " + short
	}
	return "on " + short
}
