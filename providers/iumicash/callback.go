package iumicash

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"

	"till/providers"
)

const signatureHeader = "iumicash-signature"

// Callback implements providers.Provider. The signature is the hex HMAC-SHA256
// of the raw body under the client secret, or under a former one that is still
// accepted. Source: iumiCash, "Callback", revision A.
//
// The message has no event id, no time and no nonce, so a replay cannot be told
// from a delivery that is tried again, and need not be: EventID is the body's
// hash, both are the same delivery, and both only make us ask. The caller
// must ask again for a repeated EventID too while the payment is open, because
// the order may have moved on since the first one.
func (c *Client) Callback(d providers.Delivery) (providers.Notice, error) {
	if !c.signed(d) {
		return providers.Notice{}, providers.ErrSignature
	}
	var o order
	if err := json.Unmarshal(d.Body, &o); err != nil {
		return providers.Notice{}, fmt.Errorf("iumicash: callback: %w: %w", providers.ErrMalformed, err)
	}
	if err := checkRef(o.ID); err != nil {
		return providers.Notice{}, fmt.Errorf("iumicash: callback: %w: %w", providers.ErrMalformed, err)
	}
	hash := sha256.Sum256(d.Body)
	return providers.Notice{
		EventID: hex.EncodeToString(hash[:]), Ref: o.ID, PaymentID: o.ExternalID, Word: string(o.Status),
	}, nil
}

// signed reports whether exactly one signature came and one of our secrets made
// it. All secrets are tried, so that the time taken does not say which.
func (c *Client) signed(d providers.Delivery) bool {
	values := d.Header.Values(signatureHeader)
	if len(values) != 1 {
		return false
	}
	got, err := hex.DecodeString(values[0])
	if err != nil {
		return false
	}
	ok := false
	for _, secret := range c.keys.accepted {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(d.Body)
		if hmac.Equal(mac.Sum(nil), got) {
			ok = true
		}
	}
	return ok
}

// CallbackAnswer implements providers.Provider: the two bytes that iumiCash
// takes for "stored", with status 200. Anything else is delivered again, for
// weeks.
func (*Client) CallbackAnswer() providers.Answer {
	return providers.Answer{Status: http.StatusOK, ContentType: "text/plain", Body: "OK"}
}
