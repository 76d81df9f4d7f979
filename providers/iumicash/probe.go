package iumicash

import (
	"context"

	"till/providers"
)

// testHost is where iumiCash lets vendors try.
const testHost = "sandbox-api.iumi.cash"

var (
	_ providers.Prober    = (*Client)(nil)
	_ providers.Describer = (*Client)(nil)
)

// Probe implements providers.Prober with POST /api/v1/oauth/token/. It is all
// that can be asked for without an order, and the token that comes is not kept.
func (c *Client) Probe(ctx context.Context) error {
	_, err := c.fetchToken(ctx)
	return err
}

// Setup implements providers.Describer.
func (c *Client) Setup() providers.Setup {
	return providers.Setup{Host: c.base.Host, Test: c.base.Host == testHost, Bell: providers.BellWithPayment}
}
