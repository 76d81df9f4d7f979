package vertex

import (
	"strconv"

	"till/sandbox/world"
)

// Settings implements world.Provider.
func (p *Provider) Settings(base string) []world.Setting {
	return []world.Setting{
		{Name: "base_url", Value: base + "/api/v1"},
		{Name: "token", Value: p.config.Token},
		{Name: "shop_id", Value: strconv.FormatInt(p.config.ShopID, 10)},
		{Name: "callback_secret", Value: p.config.CallbackSecret},
		{Name: "sign_mode", Value: p.config.SignMode},
	}
}

// money is what has truly moved. What is being cleared counts as neither
// reserved nor taken.
func (o *order) money() world.Money {
	reserved := int64(0)
	for _, it := range o.payments(authorized) {
		reserved += it.cost.minor
	}
	states := map[string]world.RefundState{completed: world.RefundDone, failed: world.RefundFailed}
	var refunds []world.Refund
	for _, it := range o.items {
		if it.kind != refundType {
			continue
		}
		state, ended := states[it.status]
		if !ended {
			state = world.RefundPending
		}
		refunds = append(refunds, world.Refund{Minor: it.cost.minor, State: state, At: it.at})
	}
	return world.MoneyOf(o.cost.currency, reserved, o.taken(), refunds)
}
