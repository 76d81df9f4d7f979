package gate

import "till/sandbox/world"

// Settings implements world.Provider.
func (p *Provider) Settings(base string) []world.Setting {
	return []world.Setting{
		{Name: "base_url", Value: base + APIPath},
		{Name: "secret_key", Value: p.config.SecretKey},
		{Name: "callback_hmac_key", Value: p.config.HookSecret},
		{Name: "callback_rsa_key", Value: publicPEM(p.key)},
	}
}

// money is what has truly moved.
func (o *order) money() world.Money {
	authorized := int64(0)
	if o.status == hold {
		authorized = int64(o.total())
	}
	return world.MoneyOf(o.request.Currency, authorized, int64(o.taken), o.returns)
}
