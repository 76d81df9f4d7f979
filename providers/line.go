package providers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// maxRaw is how much of an answer is kept for staff, in bytes.
const maxRaw = 64 << 10

// Line is a client's line to one provider: every request of every client goes
// through [Line.Do]. It is safe for concurrent use.
type Line struct {
	provider string
	http     *http.Client
	now      func() time.Time
	secrets  *[]Secret // behind a pointer, so that %+v shows none
}

// NewLine returns a line for the provider of that name over a transport of
// [NewTransport]. It keeps no cookies and follows no redirect: a POST that is
// redirected becomes a GET and loses its body, and a token would follow it to
// whatever host the answer names.
//
// The secrets, and the token of each call, are taken out of what is kept of an
// answer, should the provider have echoed one.
func NewLine(provider string, transport http.RoundTripper, now func() time.Time, secrets ...Secret) *Line {
	return &Line{
		provider: provider,
		http: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		now: now, secrets: &secrets,
	}
}

// Call is one request to a provider.
type Call struct {
	Op     string // for Error.Op
	Method string
	URL    string // absolute
	Header http.Header
	Body   []byte // nil when there is none

	// Repeatable says that sending the request again does nothing new at the
	// provider, because it carries an idempotency key or has no effect.
	Repeatable bool

	// Tokens provide the Bearer token, when the provider wants one. After a
	// 401 the token is dropped and the call is made once more.
	Tokens *Tokens
}

// Reply is what a provider answered.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte // bounded

	clean func([]byte) []byte // takes our credentials out
}

// IsJSON reports whether the answer says that it is JSON. An error page of a
// proxy is not.
func (r Reply) IsJSON() bool {
	t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return err == nil && (t == "application/json" || strings.HasSuffix(t, "+json"))
}

// Raw is the answer for staff: the body without our credentials, cut at 64 KiB;
// nil when it is empty.
func (r Reply) Raw() []byte {
	if len(r.Body) == 0 {
		return nil
	}
	raw := r.Body
	if r.clean != nil {
		raw = r.clean(raw)
	}
	return bytes.Clone(raw[:min(len(raw), maxRaw)])
}

// Do makes a call and returns the answer when its status is 2xx. Otherwise the
// error is an [*Error], and the Reply is what came, or empty.
//
// The error's Kind is what is known after all tries together: a first try that
// timed out makes a later "connection refused" or "too many requests" no proof
// that nothing happened. Do returns when ctx ends, and never later than all
// tries and their waits take.
func (l *Line) Do(ctx context.Context, call Call) (Reply, error) {
	var t trail
	if call.Tokens == nil {
		return l.send(ctx, call, "", &t)
	}
	token, err := call.Tokens.Get(ctx)
	if err != nil {
		return Reply{}, l.noToken(call, &t, err)
	}
	reply, err := l.send(ctx, call, token, &t)
	if reply.Status != http.StatusUnauthorized {
		return reply, err
	}
	call.Tokens.Drop(token)
	token, again := call.Tokens.Get(ctx)
	if again != nil {
		return Reply{}, l.noToken(call, &t, again)
	}
	return l.send(ctx, call, token, &t)
}

// send is one exchange with one token.
func (l *Line) send(ctx context.Context, call Call, token Secret, t *trail) (Reply, error) {
	t.begin()
	req, err := newRequest(withTrail(ctx, t), call, token)
	if err != nil {
		return Reply{}, l.fail(call, t, KindUnreachable, Reply{}, err)
	}
	if ctx.Err() != nil {
		return l.silent(ctx, call, t, token, ctx.Err())
	}
	resp, err := l.http.Do(req)
	if err != nil {
		return l.silent(ctx, call, t, token, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return Reply{}, l.fail(call, t, KindUnavailable, Reply{Status: resp.StatusCode}, err)
	}
	return l.judge(call, t, token, Reply{Status: resp.StatusCode, Header: resp.Header, Body: body})
}

// silent is the end of an exchange that the transport gave up. When the last
// try had an answer and it was the wait after it that ended, that answer says
// more than the wait's end does.
func (l *Line) silent(ctx context.Context, call Call, t *trail, token Secret, err error) (Reply, error) {
	maybe, last := t.read()
	if last != nil {
		return l.judge(call, t, token, *last)
	}
	kind := KindUnreachable
	if maybe {
		kind = KindUnavailable
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return Reply{}, l.fail(call, t, kind, Reply{}, err)
}

// judge turns an answer into the caller's result.
func (l *Line) judge(call Call, t *trail, token Secret, reply Reply) (Reply, error) {
	var cause error
	reply.clean = l.without(token)
	tooLong := len(reply.Body) > maxAnswer
	if tooLong {
		cause = errTooLong
		reply.Body = reply.Body[:maxAnswer]
	}
	ok := reply.Status >= 200 && reply.Status < 300
	switch {
	case ok && !tooLong:
		return reply, nil
	case ok:
		return reply, l.fail(call, t, KindUnavailable, reply, cause)
	default:
		return reply, l.fail(call, t, KindOf(reply.Status), reply, cause)
	}
}

// without returns a function that takes the line's secrets and the call's token
// out of an answer.
func (l *Line) without(token Secret) func([]byte) []byte {
	return func(raw []byte) []byte {
		for _, s := range append(slices.Clone(*l.secrets), token) {
			if s != "" {
				raw = bytes.ReplaceAll(raw, []byte(s), []byte("[secret]"))
			}
		}
		return raw
	}
}

// fail builds the error of a call. Where an earlier try may have had an effect,
// no later one can say that nothing happened.
func (l *Line) fail(call Call, t *trail, kind Kind, reply Reply, cause error) *Error {
	if maybe, _ := t.read(); maybe && call.Method != http.MethodGet {
		kind = KindUnavailable
	}
	var wrapped *url.Error // its text has the URL, and some carry a secret
	if errors.As(cause, &wrapped) {
		cause = wrapped.Err
	}
	return &Error{
		Provider: l.provider, Op: call.Op, Kind: kind, Status: reply.Status,
		RetryAfter: retryAfter(reply.Header, l.now()), Raw: reply.Raw(), Err: cause,
	}
}

// noToken is the error of a call that could not be made for want of a token:
// the provider has not heard of it, whatever became of the token's own request.
func (l *Line) noToken(call Call, t *trail, err error) *Error {
	e := l.fail(call, t, KindUnreachable, Reply{}, fmt.Errorf("no token: %w", err))
	var inner *Error
	if !errors.As(err, &inner) {
		return e
	}
	if inner.Kind == KindUnauthorized && e.Kind == KindUnreachable {
		e.Kind = KindUnauthorized
	}
	e.RetryAfter, e.Raw = inner.RetryAfter, inner.Raw
	return e
}

func newRequest(ctx context.Context, call Call, token Secret) (*http.Request, error) {
	if call.Repeatable {
		ctx = Repeatable(ctx)
	}
	var body io.Reader
	if call.Body != nil {
		body = bytes.NewReader(call.Body)
	}
	req, err := http.NewRequestWithContext(ctx, call.Method, call.URL, body)
	if err != nil {
		return nil, err
	}
	if call.Header != nil {
		req.Header = call.Header.Clone()
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Till")
	if call.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+string(token))
	}
	return req, nil
}

// KindOf sorts an answer that is not 2xx by its status alone.
//
// 429 and 425 are KindUnreachable, because with both the provider says that it
// did not take the request up: nothing happened, and it may be sent again after
// Error.RetryAfter. 408 looks alike, but proxies also send it for a provider
// that was too slow, after it had the whole request: unknown. 409 means that
// what we ask for clashes with what is there, a payment under the same key or
// number among others: only a look at the provider tells. A redirect is not
// followed, so it is no answer. The rest of 4xx is a no.
func KindOf(status int) Kind {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return KindUnauthorized
	case status == http.StatusTooManyRequests, status == http.StatusTooEarly:
		return KindUnreachable
	case status == http.StatusRequestTimeout, status == http.StatusConflict:
		return KindUnavailable
	case status >= 400 && status < 500:
		return KindRejected
	default:
		return KindUnavailable
	}
}

// isDial reports whether a connection could not be made.
func isDial(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}
