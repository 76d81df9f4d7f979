package pgm

import "till/providers"

var _ providers.Describer = (*Client)(nil)

// Setup implements providers.Describer. There is no Probe: the documents name
// nothing that can be asked for without a payment.
func (c *Client) Setup() providers.Setup {
	return providers.Setup{Host: c.base.Host, Secret: c.keys.accepted[0], Bell: providers.BellByHand}
}
