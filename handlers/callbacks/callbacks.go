// Package callbacks is where providers' deliveries come in. A callback is a
// doorbell: it is verified, stored with the job that follows it, and answered.
package callbacks

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"till/models"
	"till/providers"

	"github.com/gin-gonic/gin"
)

// maxBody bounds one delivery, in bytes.
const maxBody = 256 << 10

// keeper stores deliveries, and counts those that were refused.
type keeper interface {
	Receive(ctx context.Context, d models.Delivery) (int64, error)
	Refuse(ctx context.Context, provider, reason string) error
}

// Callbacks receives deliveries. All fields are required.
type Callbacks struct {
	Log      *slog.Logger
	Provider func(name string) (providers.Provider, bool)
	Keeper   keeper
}

// Receive is POST /callbacks/:provider. It answers as the provider wants it
// when the delivery is committed; 4xx for one that is not the provider's, or
// cannot be read; 5xx when it should come again.
func (h Callbacks) Receive(c *gin.Context) error {
	p, ok := h.Provider(c.Param("provider"))
	if !ok {
		return models.ErrNotFound
	}
	ctx := c.Request.Context()
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxBody))
	if err != nil {
		var tooBig *http.MaxBytesError
		if errors.As(err, &tooBig) {
			return h.refuse(ctx, p, "too large", err)
		}
		return errors.Join(providers.ErrMalformed, err) // cut off on the way; it comes again
	}
	notice, err := p.Callback(providers.Delivery{
		Method: c.Request.Method, Path: c.Request.URL.Path, Header: c.Request.Header, Body: body, Secret: c.Param("secret"),
	})
	switch {
	case errors.Is(err, providers.ErrIgnored):
	case errors.Is(err, providers.ErrSignature):
		return h.refuse(ctx, p, "signature", err)
	case err != nil:
		return h.refuse(ctx, p, "malformed", errors.Join(providers.ErrMalformed, err))
	default:
		_, err = h.Keeper.Receive(ctx, models.Delivery{
			Provider: p.Name(), EventID: notice.EventID, Ref: notice.Ref, Payment: notice.PaymentID, Word: notice.Word, Body: body,
		})
		if err != nil {
			return err
		}
	}
	a := p.CallbackAnswer()
	c.Data(a.Status, a.ContentType, []byte(a.Body))
	return nil
}

// refuse counts a delivery and keeps nothing else of it.
func (h Callbacks) refuse(ctx context.Context, p providers.Provider, reason string, err error) error {
	h.Log.WarnContext(ctx, "callback refused", "provider", p.Name(), "reason", reason)
	if cerr := h.Keeper.Refuse(ctx, p.Name(), reason); cerr != nil {
		h.Log.ErrorContext(ctx, "refused callback not counted", "provider", p.Name(), "err", cerr)
	}
	return err
}
