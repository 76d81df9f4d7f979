package powens

import (
	"bytes"
	"compress/gzip"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"till/providers"
)

const (
	signatureHeader = "BI-Signature"
	dateHeader      = "BI-Signature-Date"

	maxPlain = 256 << 10 // bytes of a delivery when it is unpacked
)

// Callback implements providers.Provider for PAYMENT_STATE_UPDATED. The
// signature is the base64 HMAC-SHA256, under one of the webhook keys, of
// METHOD.path.date.body: the path as it is registered, the date as its header
// has it, the body as it is without compression. Source: Powens, "Webhooks",
// and the path, which is not plain there, from implementations that agree.
//
// Each payload has its own id_webhook_data, which a delivery that is tried
// again keeps. The date is not held against it unless a tolerance is set,
// because it is not known whether deliveries are signed anew when they are
// tried again; a replay only makes us ask.
func (c *Client) Callback(d providers.Delivery) (providers.Notice, error) {
	body, err := unpacked(d)
	if err != nil {
		return providers.Notice{}, fmt.Errorf("powens: callback: %w: %w", providers.ErrSignature, err)
	}
	if !c.signed(d, body) {
		return providers.Notice{}, providers.ErrSignature
	}
	var p payment
	if err := json.Unmarshal(body, &p); err != nil {
		return providers.Notice{}, fmt.Errorf("powens: callback: %w: %w", providers.ErrMalformed, err)
	}
	if p.ID == "" || p.State == "" {
		return providers.Notice{}, fmt.Errorf("powens: callback: %w: no payment's id or no state", providers.ErrMalformed)
	}
	return providers.Notice{EventID: eventID(p, body), Ref: string(p.ID), PaymentID: string(p.ClientState), Word: p.word()}, nil
}

// eventID is what Powens gives each payload, or else the payload's hash.
func eventID(p payment, body []byte) string {
	if p.EventID != "" {
		return string(p.EventID)
	}
	hash := sha256.Sum256(body)
	return hex.EncodeToString(hash[:])
}

// signed reports whether exactly one signature and date came, and one of our
// keys made it. All keys are tried, so that the time taken does not say which.
func (c *Client) signed(d providers.Delivery, body []byte) bool {
	signatures, dates := d.Header.Values(signatureHeader), d.Header.Values(dateHeader)
	if len(signatures) != 1 || len(dates) != 1 || !c.timely(dates[0]) {
		return false
	}
	path := orElse(c.webhookPath, d.Path)
	ok := false
	for _, key := range c.keys.accepted {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(d.Method + "." + path + "." + dates[0] + "."))
		mac.Write(body)
		if hmac.Equal([]byte(base64.StdEncoding.EncodeToString(mac.Sum(nil))), []byte(signatures[0])) {
			ok = true
		}
	}
	return ok
}

// timely reports whether a date is within the tolerance, before or after now.
func (c *Client) timely(date string) bool {
	if c.tolerance == 0 {
		return date != ""
	}
	at, err := time.Parse(time.RFC3339, date) // also reads a fraction
	return err == nil && at.Sub(c.now()).Abs() <= c.tolerance
}

// unpacked is the body without its compression. What is inside is not known to
// be Powens' yet, so it is read no further than a delivery may be long.
func unpacked(d providers.Delivery) ([]byte, error) {
	switch strings.ToLower(strings.TrimSpace(d.Header.Get("Content-Encoding"))) {
	case "", "identity":
		return d.Body, nil
	case "gzip":
	default:
		return nil, errors.New("a compression that Powens does not document")
	}
	r, err := gzip.NewReader(bytes.NewReader(d.Body))
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(r, maxPlain+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxPlain {
		return nil, fmt.Errorf("more than %d bytes when unpacked", maxPlain)
	}
	return body, r.Close()
}

// CallbackAnswer implements providers.Provider: any 2xx acknowledges.
func (*Client) CallbackAnswer() providers.Answer {
	return providers.Answer{Status: http.StatusOK, ContentType: "text/plain", Body: "OK"}
}
