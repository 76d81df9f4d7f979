package pgm

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"

	"till/providers"
)

// eventHeader is sent by gateway managers that are Till; no page names it.
const eventHeader = "X-Pgm-Event-Id"

// Callback implements providers.Provider. A gateway manager does not sign: the
// secret is the last part of the address that it was told to call, and any
// former one that is still accepted will do. The body is read in the spelling of
// version 3 and of version 2.
//
// It has no event id, no time and no amount. EventID is made from the body, so
// that two partial refunds that both went well are one event to it: the caller
// must ask again for a repeated EventID too.
func (c *Client) Callback(d providers.Delivery) (providers.Notice, error) {
	if !c.admitted(d.Secret) {
		return providers.Notice{}, providers.ErrSignature
	}
	var s status
	if err := json.Unmarshal(d.Body, &s); err != nil {
		return providers.Notice{}, fmt.Errorf("pgm: callback: %w: %w", providers.ErrMalformed, err)
	}
	if err := checkRef(string(s.PaymentID)); err != nil {
		return providers.Notice{}, fmt.Errorf("pgm: callback: %w: %w", providers.ErrMalformed, err)
	}
	return providers.Notice{
		EventID: eventID(d), Ref: string(s.PaymentID), PaymentID: string(s.ShopTransactionID), Word: s.told(),
	}, nil
}

// admitted reports whether the address was one of ours. All secrets are tried
// over their hashes, so that the time taken says neither which nor how long.
func (c *Client) admitted(secret string) bool {
	got := sha256.Sum256([]byte(secret))
	ok := 0
	for _, s := range c.keys.accepted {
		want := sha256.Sum256([]byte(s))
		ok |= subtle.ConstantTimeCompare(got[:], want[:])
	}
	return ok == 1
}

// told is the word of a callback, for people.
func (s status) told() string {
	switch {
	case s.Status != "":
		return s.word()
	case string(s.IsSuccessful) == "true":
		return "successful"
	case string(s.IsSuccessful) == "false":
		return "not successful"
	default:
		return ""
	}
}

func eventID(d providers.Delivery) string {
	h := sha256.New()
	h.Write(d.Body)
	if id := d.Header.Get(eventHeader); id != "" {
		h.Write([]byte("\x00" + id))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// CallbackAnswer implements providers.Provider. What a gateway manager wants to
// hear is not documented; any 2xx is taken for good.
func (*Client) CallbackAnswer() providers.Answer {
	return providers.Answer{Status: http.StatusOK, ContentType: "application/json", Body: "{}"}
}
