package web

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

const requestIDKey = "request_id"

// RequestID names a request in the log and on its problem page.
func RequestID(c *gin.Context) string { return c.GetString(requestIDKey) }

// Identify gives every request an id.
func Identify() gin.HandlerFunc {
	return func(c *gin.Context) {
		id := strings.ToLower(rand.Text()[:12])
		c.Set(requestIDKey, id)
		c.Header("X-Request-Id", id)
	}
}

// AccessLog writes one line per request. The query is left out, and the path
// is the route's pattern: both hold what only the shopper should have.
func AccessLog(log *slog.Logger, now func() time.Time) gin.HandlerFunc {
	return func(c *gin.Context) {
		began := now()
		c.Next()
		level := slog.LevelInfo
		if strings.HasPrefix(c.FullPath(), "/static/") {
			level = slog.LevelDebug
		}
		log.Log(c.Request.Context(), level, "request", "method", c.Request.Method, "route", c.FullPath(),
			"status", c.Writer.Status(), "ms", now().Sub(began).Milliseconds(), "request_id", RequestID(c))
	}
}

// Recover turns a panic into the room's page for an error of ours.
func Recover(room Room) gin.HandlerFunc {
	recovered := gin.CustomRecoveryWithWriter(io.Discard, func(c *gin.Context, v any) {
		room.Log.ErrorContext(c.Request.Context(), "panic", "route", c.FullPath(), "request_id", RequestID(c), "value", Said(fmt.Errorf("%v", v)))
		room.Fail(c, errPanic)
	})
	return func(c *gin.Context) {
		recovered(c)
		if last := c.Errors.Last(); last != nil && errors.Is(last.Err, http.ErrAbortHandler) {
			panic(http.ErrAbortHandler) // gin takes it for an end; only the server cuts the answer off
		}
	}
}

// Headers says what a page may do: nothing inline, nothing from elsewhere, no
// frame, and forms that go to us. Browsers apply form-action to the redirect
// after a form too, so the providers' pages are named there.
func Headers(secure bool, formTargets []string) gin.HandlerFunc {
	policy := strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'", "manifest-src 'self'",
		"form-action " + strings.Join(append([]string{"'self'"}, formTargets...), " "),
		"frame-ancestors 'none'", "base-uri 'none'",
	}, "; ")
	return func(c *gin.Context) {
		h := c.Writer.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin") // no-referrer would make browsers send "Origin: null" with our own forms
		h.Set("X-Frame-Options", "DENY")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
		h.Set("Cache-Control", "no-store")
		if secure {
			h.Set("Strict-Transport-Security", "max-age=63072000")
		}
	}
}

// SameOrigin refuses a browser's cross-site POST, but for the given patterns: a
// provider may POST the shopper back to us.
func SameOrigin(room Room, except ...string) gin.HandlerFunc {
	check := http.NewCrossOriginProtection()
	for _, pattern := range except {
		check.AddInsecureBypassPattern(pattern)
	}
	return func(c *gin.Context) {
		if err := check.Check(c.Request); err != nil {
			room.Fail(c, ErrForbidden)
		}
	}
}
