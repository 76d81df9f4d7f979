package vertex

import (
	"context"

	"till/providers"
)

var (
	_ providers.Prober    = (*Client)(nil)
	_ providers.Describer = (*Client)(nil)
)

// Probe implements providers.Prober with GET /shops/{shopId}/payment-methods,
// past the list that is kept.
func (c *Client) Probe(ctx context.Context) error {
	_, err := c.askOffers(ctx, "probe")
	return err
}

// Setup implements providers.Describer.
func (c *Client) Setup() providers.Setup {
	return providers.Setup{Host: c.base.Host, Bell: providers.BellWithPayment}
}
