package powens

import "till/sandbox/world"

// Settings implements world.Provider. The webhook key is the one of now.
func (p *Provider) Settings(base string) []world.Setting {
	p.mu.Lock()
	defer p.mu.Unlock()
	return []world.Setting{
		{Name: "base_url", Value: base + "/2.0"},
		{Name: "links_url", Value: base + "/api/payment-links"},
		{Name: "client_id", Value: p.config.ClientID},
		{Name: "client_secret", Value: p.config.ClientSecret},
		{Name: "webhook_key", Value: p.key},
		{Name: "config_token", Value: p.config.ConfigToken},
	}
}

// money is what has truly moved: nothing is known to have before done, and
// Powens gives nothing back.
func (o *payment) money() world.Money {
	captured := int64(0)
	if o.state == done {
		captured = int64(o.request.Instruction.Amount)
	}
	return world.MoneyOf(o.request.Instruction.Currency, 0, captured, nil)
}
