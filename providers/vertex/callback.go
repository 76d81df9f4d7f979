package vertex

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"

	"till/providers"
)

const signatureHeader = "api-notification-sign"

// Callback implements providers.Provider. The signature is 128 hex digits of
// SHA-512, made with a secret over the raw body; which formula, the setting
// says, because no copy of the documents shows it. Source: Vertex Gateway,
// "Callbacks"; the modes are our choice.
//
// The message has no event id and no time, so EventID is the body's hash: a
// delivery that is tried again has the same, and so has a replay, which only
// makes us ask. An order of another shop that the same secret signs for is
// ErrIgnored.
func (c *Client) Callback(d providers.Delivery) (providers.Notice, error) {
	if !c.signed(d) {
		return providers.Notice{}, providers.ErrSignature
	}
	var in struct {
		Data details `json:"data"`
	}
	if err := json.Unmarshal(d.Body, &in); err != nil {
		return providers.Notice{}, fmt.Errorf("vertex: callback: %w: %w", providers.ErrMalformed, err)
	}
	if err := checkNumber(string(in.Data.OrderNumber)); err != nil {
		return providers.Notice{}, fmt.Errorf("vertex: callback: %w: %w", providers.ErrMalformed, err)
	}
	if c.anotherShops(in.Data) {
		return providers.Notice{}, fmt.Errorf("vertex: callback: %w: an order of another shop", providers.ErrIgnored)
	}
	hash := sha256.Sum256(d.Body)
	return providers.Notice{
		EventID: hex.EncodeToString(hash[:]), Ref: string(in.Data.OrderNumber),
		PaymentID: string(in.Data.OrderNumber), Word: string(in.Data.OrderStatus),
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
		if subtle.ConstantTimeCompare(c.sign(secret, d.Body), got) == 1 {
			ok = true
		}
	}
	return ok
}

// sign makes the signature of a body in the mode of VERTEX_SIGN_MODE.
func (c *Client) sign(secret providers.Secret, body []byte) []byte {
	if c.concat {
		h := sha512.New()
		h.Write(body)
		h.Write([]byte(secret))
		return h.Sum(nil)
	}
	mac := hmac.New(sha512.New, []byte(secret))
	mac.Write(body)
	return mac.Sum(nil)
}

// CallbackAnswer implements providers.Provider: 200 and nothing else. What the
// gateway expects is not documented.
func (*Client) CallbackAnswer() providers.Answer {
	return providers.Answer{Status: http.StatusOK}
}
