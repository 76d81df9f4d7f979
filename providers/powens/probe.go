package powens

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"till/providers"
)

var (
	_ providers.Prober    = (*Client)(nil)
	_ providers.Describer = (*Client)(nil)
)

// Probe implements providers.Prober with a service token of its own, since the
// one that is kept says nothing about the credentials of now, and then GET
// /connectors for one of them.
func (c *Client) Probe(ctx context.Context) error {
	const op = "probe"
	reply, err := c.doWith(ctx, providers.NewTokens(c.fetchToken(scopeAdmin), c.now), providers.Call{
		Op: op, Method: http.MethodGet, URL: c.address("connectors") + "?limit=1", Repeatable: true,
	})
	if err != nil {
		return err
	}
	var page struct {
		Connectors *[]json.RawMessage `json:"connectors"`
	}
	if err := json.Unmarshal(reply.Body, &page); err != nil || page.Connectors == nil {
		return unusable(op, reply, errors.New("the answer is no list of connectors"))
	}
	return nil
}

// Setup implements providers.Describer.
func (c *Client) Setup() providers.Setup {
	return providers.Setup{Host: c.base.Host, Path: c.webhookPath, Bell: providers.BellByHand}
}
