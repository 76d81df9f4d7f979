package gate

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"till/providers"
)

const (
	hmacHeader = "X-Webhook-Signature"
	rsaHeader  = "X-Signature"

	orderEvents = "order." // how the names of events about orders begin
)

// Callback implements providers.Provider. No page says how deliveries are
// signed, so the token in the address is required always, and with it what
// GATE_CALLBACK_VERIFY asks for: nothing, the hex HMAC-SHA256 of the raw body in
// X-Webhook-Signature, or its base64 RSA PKCS #1 v1.5 signature with SHA-256 in
// X-Signature.
//
// The body is the order, with no id of the event. EventID is the body's hash:
// order, status and time of change would take two refunds of one second for
// one. A delivery that comes again has the same, and so does a replay, which
// only makes us ask. An event that is not about an order is ErrIgnored.
func (c *Client) Callback(d providers.Delivery) (providers.Notice, error) {
	if known, signed := c.isKnown(d.Secret), c.isSigned(d); !known || !signed {
		return providers.Notice{}, providers.ErrSignature
	}
	var event struct {
		Type text `json:"event_type"`
	}
	if json.Unmarshal(d.Body, &event) == nil && isOther(string(event.Type)) {
		return providers.Notice{}, providers.ErrIgnored
	}
	var o order
	if err := json.Unmarshal(d.Body, &o); err != nil {
		return providers.Notice{}, fmt.Errorf("gate: callback: %w: %w", providers.ErrMalformed, err)
	}
	if err := checkRef(o.ID); err != nil {
		return providers.Notice{}, fmt.Errorf("gate: callback: %w: %w", providers.ErrMalformed, err)
	}
	hash := sha256.Sum256(d.Body)
	n := providers.Notice{EventID: hex.EncodeToString(hash[:]), Ref: o.ID, PaymentID: string(o.Number), Word: string(o.Status)}
	if n.Word == "" {
		n.Word = string(event.Type)
	}
	return n, nil
}

// isOther reports whether an event has a name, and not one of an order's.
func isOther(event string) bool {
	return strings.Contains(event, ".") && !strings.HasPrefix(event, orderEvents)
}

// isKnown reports whether an address ends in one of our tokens. Hashes are
// compared, and all of them, so that the time taken says nothing.
func (c *Client) isKnown(token string) bool {
	got := sha256.Sum256([]byte(token))
	ok := 0
	for _, t := range c.keys.tokens {
		want := sha256.Sum256([]byte(t))
		ok |= subtle.ConstantTimeCompare(got[:], want[:])
	}
	return ok == 1
}

// isSigned reports whether a delivery is signed as the settings ask.
func (c *Client) isSigned(d providers.Delivery) bool {
	switch c.keys.verify {
	case VerifyHMAC:
		return c.hasHMAC(d)
	case VerifyRSA:
		return c.hasRSA(d)
	default:
		return true
	}
}

// hasHMAC reports whether exactly one signature came and one of our secrets
// made it. All secrets are tried, so that the time taken does not say which.
func (c *Client) hasHMAC(d providers.Delivery) bool {
	got, err := hex.DecodeString(only(d.Header, hmacHeader))
	if err != nil {
		return false
	}
	ok := false
	for _, key := range c.keys.hmac {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write(d.Body)
		if hmac.Equal(mac.Sum(nil), got) {
			ok = true
		}
	}
	return ok
}

// hasRSA reports whether exactly one signature came and one of our keys says
// that it is right.
func (c *Client) hasRSA(d providers.Delivery) bool {
	got, err := base64.StdEncoding.Strict().DecodeString(only(d.Header, rsaHeader))
	if err != nil {
		return false
	}
	hash := sha256.Sum256(d.Body)
	for _, key := range c.keys.rsa {
		if rsa.VerifyPKCS1v15(key, crypto.SHA256, hash[:], got) == nil {
			return true
		}
	}
	return false
}

// only is the value of a header that came once; empty for another number.
func only(h http.Header, key string) string {
	values := h.Values(key)
	if len(values) != 1 {
		return ""
	}
	return values[0]
}

// CallbackAnswer implements providers.Provider: any 2xx will do.
func (*Client) CallbackAnswer() providers.Answer {
	return providers.Answer{Status: http.StatusOK, ContentType: "text/plain", Body: "OK"}
}
