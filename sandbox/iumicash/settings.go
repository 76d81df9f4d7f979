package iumicash

import "till/sandbox/world"

// Settings implements world.Provider.
func (p *Provider) Settings(base string) []world.Setting {
	return []world.Setting{
		{Name: "base_url", Value: base},
		{Name: "client_id", Value: p.config.ClientID},
		{Name: "client_secret", Value: p.config.ClientSecret},
	}
}

// money is what has truly moved. iumiCash gives nothing back by itself.
func (o *order) money() world.Money {
	captured := int64(0)
	if o.paid() {
		captured = int64(o.total())
	}
	return world.MoneyOf(o.currency(), 0, captured, nil)
}
