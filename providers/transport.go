package providers

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/failsafe-go/failsafe-go/retrypolicy"
	"github.com/failsafe-go/failsafe-go/timeout"
)

const (
	maxAnswer    = 1 << 20          // bytes of an answer that are read
	jitter       = 0.2              // of each wait, either way
	breakerFails = 5                // of the last breakerSpan tries open the breaker
	breakerSpan  = 10               // tries
	farAhead     = 30 * 24 * 3600   // seconds; a longer Retry-After is read as this
	idleConns    = 16               // kept open per provider
	idleFor      = 90 * time.Second // and for this long
)

// errTooLong is the cause when an answer has more than maxAnswer bytes.
var errTooLong = fmt.Errorf("answer is longer than %d bytes", maxAnswer)

// Patience is how long a transport bears with a provider. A zero field takes
// the value named beside it.
type Patience struct {
	Tries   int           // 3: how often a request is sent at most, the first time included
	PerTry  time.Duration // 8 s: for one try, from dialling to the answer's last byte
	Wait    time.Duration // 200 ms: before the second try; doubled for the third
	MaxWait time.Duration // 2 s: the longest wait; a Retry-After beyond it ends the tries instead
	Cool    time.Duration // 5 s: how long an open breaker refuses before it lets one try through
}

func (p Patience) orDefault() Patience {
	if p.Tries == 0 {
		p.Tries = 3
	}
	if p.PerTry == 0 {
		p.PerTry = 8 * time.Second
	}
	if p.Wait == 0 {
		p.Wait = 200 * time.Millisecond
	}
	if p.MaxWait == 0 {
		p.MaxWait = max(2*time.Second, p.Wait)
	}
	if p.Cool == 0 {
		p.Cool = 5 * time.Second
	}
	return p
}

// Repeatable marks the requests made with the returned context as safe to send
// more than once. Only that, or being a GET or HEAD, gets a request more than
// one try: a create that carries no idempotency key must never be marked.
func Repeatable(ctx context.Context) context.Context {
	return context.WithValue(ctx, repeatableKey{}, true)
}

type repeatableKey struct{}

func repeatable(req *http.Request) bool {
	if req.Method == http.MethodGet || req.Method == http.MethodHead {
		return true
	}
	marked, _ := req.Context().Value(repeatableKey{}).(bool)
	return marked
}

// NewTransport returns base with more tries for what may be repeated, a circuit
// breaker over all requests, and a limit on the time of each try. One transport
// serves one provider, because the breaker judges all of its traffic together.
// A nil base is a pool of connections of its own.
//
// The answer's body is read within the try, at most maxAnswer bytes and one, and
// handed on from memory: so a body that trickles is cut off like any other slow
// try, one that breaks off is tried again, and none is left open.
func NewTransport(base http.RoundTripper, p Patience, now func() time.Time) http.RoundTripper {
	p = p.orDefault()
	if base == nil {
		base = newPool()
	}
	breaker := circuitbreaker.NewBuilder[*http.Response]().
		HandleIf(unwell).
		WithFailureThresholdRatio(breakerFails, breakerSpan).
		WithSuccessThreshold(1).
		WithDelay(p.Cool).
		Build()
	perTry := timeout.New[*http.Response](p.PerTry)
	retry := retrypolicy.NewBuilder[*http.Response]().
		HandleIf(func(resp *http.Response, err error) bool { return worthAnother(resp, err, p.MaxWait, now()) }).
		WithMaxAttempts(p.Tries).
		WithBackoff(p.Wait, max(p.MaxWait, p.Wait+1)).
		WithJitterFactor(jitter).
		WithDelayFunc(func(exec failsafe.ExecutionAttempt[*http.Response]) time.Duration {
			return askedDelay(exec.LastResult(), now())
		}).
		ReturnLastFailure().
		Build()
	return &transport{
		base:     tap{base},
		once:     failsafe.With[*http.Response](breaker, perTry),
		repeated: failsafe.With[*http.Response](retry, breaker, perTry),
	}
}

func newPool() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   idleConns,
		IdleConnTimeout:       idleFor,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		ExpectContinueTimeout: time.Second,
	}
}

type transport struct {
	base     http.RoundTripper
	once     failsafe.Executor[*http.Response]
	repeated failsafe.Executor[*http.Response]
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	executor := t.once
	if repeatable(req) {
		executor = t.repeated
	}
	body, err := bodyBytes(req)
	if err != nil {
		return nil, err
	}
	return executor.WithContext(req.Context()).GetWithExecution(
		func(exec failsafe.Execution[*http.Response]) (*http.Response, error) {
			again := req.Clone(exec.Context())
			if body != nil {
				again.Body = io.NopCloser(bytes.NewReader(body))
				again.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
			}
			return t.base.RoundTrip(again)
		})
}

// bodyBytes reads what every try sends; nil when there is nothing to send.
func bodyBytes(req *http.Request) ([]byte, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return nil, nil
	}
	defer func() { _ = req.Body.Close() }()
	return io.ReadAll(req.Body)
}

// unwell says which ends of a try count against the provider. A buyer who went
// away, and a provider that asks for patience, do not.
func unwell(resp *http.Response, err error) bool {
	if err != nil {
		return !errors.Is(err, context.Canceled)
	}
	return resp.StatusCode >= http.StatusInternalServerError
}

// worthAnother says after which ends of a try the next one may fare better. The
// wait that the provider asks for is kept or, when it is too long to keep a
// caller for, there is no next try.
func worthAnother(resp *http.Response, err error, maxWait time.Duration, now time.Time) bool {
	if err != nil {
		var untrusted *tls.CertificateVerificationError
		return !errors.Is(err, context.Canceled) && !errors.Is(err, circuitbreaker.ErrOpen) && !errors.As(err, &untrusted)
	}
	switch resp.StatusCode {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return retryAfter(resp.Header, now) <= maxWait
	default:
		return false
	}
}

// askedDelay is the wait before the next try as the provider asked for it, or
// -1 for the ordinary one. The policy's jitter may take a part of it off, so
// that part is laid on top: never earlier than asked.
func askedDelay(resp *http.Response, now time.Time) time.Duration {
	if resp == nil {
		return -1
	}
	d := retryAfter(resp.Header, now)
	if d == 0 {
		return -1
	}
	return d + time.Duration(float64(d)*jitter/(1-jitter)) + time.Millisecond
}

// retryAfter reads the header of that name, in seconds or as a date; 0 when it
// is missing, past or unreadable.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0
	}
	if seconds, err := strconv.ParseInt(v, 10, 64); err == nil {
		return time.Duration(min(max(seconds, 0), farAhead)) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), farAhead*time.Second)
}

// tap is the innermost layer: one real try. It reads the body and writes down
// in the trail what is known of the try's effect.
type tap struct{ base http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t tap) RoundTrip(req *http.Request) (*http.Response, error) {
	trail := trailOf(req.Context())
	var asked, got atomic.Bool // for a connection
	ctx := httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GetConn: func(string) {
			asked.Store(true)
			if !resent(req) {
				got.Store(false)
			}
		},
		GotConn: func(httptrace.GotConnInfo) { got.Store(true) },
	})
	resp, err := t.base.RoundTrip(req.WithContext(ctx))
	if err != nil {
		trail.failed(mayHaveLeft(err, asked.Load(), got.Load()))
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if closing := resp.Body.Close(); err == nil {
		err = closing
	}
	if err != nil {
		trail.failed(true)
		return nil, fmt.Errorf("reading the answer: %w", err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	trail.answered(Reply{Status: resp.StatusCode, Header: resp.Header, Body: body})
	return resp, nil
}

// resent reports whether net/http may send a request again of itself, on a new
// connection, after the first one had taken some of it. All others it sends
// again only when the old connection took nothing.
func resent(req *http.Request) bool {
	return req.Header.Get("Idempotency-Key") != "" || req.Header.Get("X-Idempotency-Key") != ""
}

// mayHaveLeft says whether a failed try may have reached the provider. It has
// certainly not when the pool was asked for a connection and never gave one:
// the name was not found, nothing listened, TLS was not agreed on. A base that
// does not trace is judged by its error.
func mayHaveLeft(err error, asked, got bool) bool {
	if asked {
		return got
	}
	return !isDial(err)
}

// trail is what is known of one call across its tries.
type trail struct {
	mu    sync.Mutex
	maybe bool   // a try may have had an effect at the provider
	last  *Reply // the last try's answer; nil when it had none
}

type trailKey struct{}

func withTrail(ctx context.Context, t *trail) context.Context {
	return context.WithValue(ctx, trailKey{}, t)
}

// trailOf returns the trail of a call, or one that nobody reads.
func trailOf(ctx context.Context) *trail {
	if t, ok := ctx.Value(trailKey{}).(*trail); ok {
		return t
	}
	return &trail{}
}

// begin forgets the last answer, which belonged to an exchange with another
// token, and keeps what may have happened.
func (t *trail) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = nil
}

func (t *trail) failed(maybe bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = nil
	t.maybe = t.maybe || maybe
}

func (t *trail) answered(r Reply) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = &r
	t.maybe = t.maybe || KindOf(r.Status) == KindUnavailable
}

func (t *trail) read() (maybe bool, last *Reply) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.maybe, t.last
}
