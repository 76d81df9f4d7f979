package pgm

import "till/sandbox/world"

// Settings implements world.Provider.
func (p *Provider) Settings(base string) []world.Setting {
	return []world.Setting{
		{Name: "base_url", Value: base + "/v3"},
		{Name: "secret", Value: p.config.Secret},
		{Name: "callback_secret", Value: p.config.CallbackSecret},
	}
}

// money is what has truly moved. The wire has no list of refunds.
func (pay *payment) money() world.Money {
	captured := int64(0)
	if pay.paid() {
		captured = pay.request.Amount
	}
	states := map[string]world.RefundState{accepted: world.RefundDone, failed: world.RefundFailed}
	var refunds []world.Refund
	for _, r := range pay.refunds {
		state, ended := states[r.Status]
		if !ended {
			state = world.RefundPending
		}
		refunds = append(refunds, world.Refund{Minor: r.Minor, State: state, At: r.At})
	}
	return world.MoneyOf(pay.request.Currency, 0, captured, refunds)
}
