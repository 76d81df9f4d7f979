// Package web is what all rooms of handlers share: how a handler is run, how a
// page is drawn, how an error becomes a status, the cookie of a shopper, and
// the middleware around everything.
package web

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"till/cashier"
	"till/models"
	"till/money"
	"till/providers"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"
)

// Locale is how amounts are written.
const Locale = "en"

// Shop is what the shop is called and how it tells money and time.
type Shop struct {
	Name       string
	Headline   string // one sentence about the shop
	Intro      string // one more; may be empty
	Contact    string // e-mail address people can write to; may be empty
	Currencies []money.Currency
	Location   *time.Location
	Demo       bool
	Mails      bool   // mails are sent, not only kept
	PublicURL  string // without a slash at the end
	Logo       string // digest of a picture; empty when there is none
	Address    string // lines as on a letter; may be empty
	Receipt    string // below every receipt; may be empty

	// Live is what staff have set meanwhile; nil, and settings with ID 0, leave
	// the shop as it is here.
	Live func() models.Settings
}

// Now is the shop as its settings are now.
func (s Shop) Now() Shop {
	set := s.settings()
	if set.ID == 0 {
		return s
	}
	s.Name, s.Headline, s.Intro, s.Contact, s.Logo = set.ShopName, set.Headline, set.Intro, set.Contact, set.Logo
	s.Address, s.Receipt = set.Address, set.ReceiptText
	if zone, err := models.Zone(set.TimeZone); err == nil {
		s.Location = zone
	}
	return s
}

// OpenFor is how long an order that is placed now waits for its money.
func (s Shop) OpenFor() time.Duration { return s.settings().OpenFor() }

func (s Shop) settings() models.Settings {
	if s.Live == nil {
		return models.Settings{}
	}
	return s.Live()
}

// Secure reports whether browsers reach the shop over TLS only.
func (s Shop) Secure() bool {
	u, err := url.Parse(s.PublicURL)
	return err == nil && u.Scheme == "https"
}

// Moment is a time as shoppers read it: "Friday 6 March 2026, 14:32".
func (s Shop) Moment(t time.Time) string {
	return t.In(s.Now().Location).Format("Monday 2 January 2006, 15:04")
}

// Clock is the time of day as shoppers read it.
func (s Shop) Clock(t time.Time) string { return t.In(s.Now().Location).Format("15:04") }

// Room runs the handlers of one part of the site.
type Room struct {
	Log *slog.Logger
	// Problem draws the room's page for an error.
	Problem func(c *gin.Context, status int) templ.Component
}

// Handle makes a Gin handler of one that may fail: its error becomes a page
// and, when it is our fault, a log line.
func (r Room) Handle(h func(c *gin.Context) error) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := h(c); err != nil {
			r.Fail(c, err)
		}
	}
}

// Fail answers with the page for an error. Nothing may have been written yet.
func (r Room) Fail(c *gin.Context, err error) {
	status := Status(err)
	if status >= http.StatusInternalServerError {
		r.Log.ErrorContext(c.Request.Context(), "request failed", "route", c.FullPath(), "status", status,
			"request_id", RequestID(c), "err", Said(err))
	}
	if status == http.StatusServiceUnavailable {
		c.Header("Retry-After", "10")
	}
	c.Abort()
	if r.Problem == nil {
		c.String(status, "%s\n", http.StatusText(status))
		return
	}
	if err := Render(c, status, r.Problem(c, status)); err != nil {
		c.String(status, "%s\n", http.StatusText(status))
	}
}

// opener is what opens an order page, as rand.Text writes it: the token of an
// order, and the id of a payment, by its way back.
var opener = regexp.MustCompile(`[A-Z2-7]{26,}`)

// Said is an error's text for the log, without what opens an order page.
func Said(err error) string { return opener.ReplaceAllString(err.Error(), "…") }

// Render draws the whole page before the first byte leaves, so that a page that
// fails half-way becomes a clean error.
func Render(c *gin.Context, status int, page templ.Component) error {
	var buf bytes.Buffer
	if err := page.Render(c.Request.Context(), &buf); err != nil {
		return fmt.Errorf("web: draw the page: %w", err)
	}
	c.Data(status, "text/html; charset=utf-8", buf.Bytes())
	return nil
}

var (
	// ErrBadRequest is returned for a request that cannot be read.
	ErrBadRequest = errors.New("web: bad request")
	// ErrForbidden is returned for a request that its sender may not make.
	ErrForbidden = errors.New("web: forbidden")
	// ErrMethod is returned for a method that an address does not take.
	ErrMethod = errors.New("web: method not allowed")
	errPanic  = errors.New("web: panic")
	// ErrTooMany is returned for one try too many.
	ErrTooMany = errors.New("web: too many tries")
)

// Status is the only place where an error becomes an HTTP status.
func Status(err error) int {
	var tooBig *http.MaxBytesError
	switch {
	case errors.Is(err, models.ErrNotFound), errors.Is(err, cashier.ErrNoProvider):
		return http.StatusNotFound
	case errors.Is(err, models.ErrUnavailable):
		return http.StatusServiceUnavailable
	case errors.Is(err, providers.ErrSignature):
		return http.StatusUnauthorized
	case errors.Is(err, providers.ErrMalformed), errors.Is(err, ErrBadRequest):
		return http.StatusBadRequest
	case errors.Is(err, ErrForbidden):
		return http.StatusForbidden
	case errors.Is(err, ErrMethod):
		return http.StatusMethodNotAllowed
	case errors.Is(err, ErrTooMany):
		return http.StatusTooManyRequests
	case errors.As(err, &tooBig):
		return http.StatusRequestEntityTooLarge
	default:
		return http.StatusInternalServerError
	}
}

// maxForm bounds a form, in bytes.
const maxForm = 64 << 10

// Form reads a form once, bounded. What the address carries is not part of it.
func Form(c *gin.Context) (url.Values, error) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxForm)
	if err := c.Request.ParseForm(); err != nil {
		var tooBig *http.MaxBytesError
		if errors.As(err, &tooBig) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", ErrBadRequest, err)
	}
	return c.Request.PostForm, nil
}
