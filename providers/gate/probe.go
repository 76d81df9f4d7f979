package gate

import (
	"context"
	"net/http"

	"till/providers"
)

var (
	_ providers.Prober    = (*Client)(nil)
	_ providers.Describer = (*Client)(nil)
)

// Probe implements providers.Prober with GET /webhooks/: unlike the list of
// orders it says nothing about buyers.
func (c *Client) Probe(ctx context.Context) error {
	const op = "probe"
	reply, err := c.do(ctx, providers.Call{Op: op, Method: http.MethodGet, URL: c.address(webhooksPath)})
	if err != nil {
		return err
	}
	if _, _, err := readPage[hook](reply.Body, ""); err != nil {
		return unlisted(op, reply, err)
	}
	return nil
}

// Setup implements providers.Describer.
func (c *Client) Setup() providers.Setup {
	return providers.Setup{Host: c.base.Host, Test: c.test, Secret: c.keys.tokens[0], Bell: providers.BellRegistered}
}
