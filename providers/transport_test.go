package providers_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"till/providers"
)

const clientSecret = "hush-hush"

// wire is a provider without a network: one step per request, the last one for
// ever. What it does is written down.
type wire struct {
	mu     sync.Mutex
	steps  []step
	bodies []string
	at     []time.Time
}

type step func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	w.mu.Lock()
	body := ""
	if r.Body != nil {
		b, _ := io.ReadAll(r.Body)
		body = string(b)
	}
	w.bodies = append(w.bodies, body)
	w.at = append(w.at, time.Now())
	s := w.steps[min(len(w.bodies), len(w.steps))-1]
	w.mu.Unlock()
	return s(r)
}

func (w *wire) tries() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.bodies)
}

func status(code int, header ...string) step { return says(code, "body", header...) }

func says(code int, body string, header ...string) step {
	return func(r *http.Request) (*http.Response, error) {
		h := http.Header{}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: code, Header: h, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
}

func breaks(err error) step {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

func refuses() step {
	return breaks(&net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")})
}

// hangs until its context ends.
func hangs(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// trickles an answer whose body never ends.
func trickles(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: endless{r.Context()}, Request: r}, nil
}

type endless struct{ ctx context.Context }

func (e endless) Read([]byte) (int, error) { <-e.ctx.Done(); return 0, e.ctx.Err() }
func (endless) Close() error               { return nil }

func line(base http.RoundTripper, p providers.Patience) *providers.Line {
	return providers.NewLine("acme", providers.NewTransport(base, p, time.Now), time.Now, clientSecret)
}

func keyed() providers.Call {
	return providers.Call{Op: "start", Method: http.MethodPost, URL: "https://acme.test/pay", Body: []byte(`{"a":1}`), Repeatable: true}
}

func once() providers.Call {
	c := keyed()
	c.Repeatable = false
	return c
}

func get() providers.Call {
	return providers.Call{Op: "lookup", Method: http.MethodGet, URL: "https://acme.test/pay/1"}
}

func asError(t *testing.T, err error) *providers.Error {
	t.Helper()
	var e *providers.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *providers.Error", err)
	}
	return e
}

func TestLine_Do_TriesAndKinds(t *testing.T) {
	t.Parallel()
	eof := breaks(io.ErrUnexpectedEOF)
	for _, tt := range []struct {
		name  string
		call  providers.Call
		steps []step
		tries int
		want  providers.Kind // empty: an answer
	}{
		{"a create without a key is sent once", once(), []step{status(503), status(200)}, 1, providers.KindUnavailable},
		{"also when the connection breaks", once(), []step{eof, status(200)}, 1, providers.KindUnavailable},
		{"also when there is none", once(), []step{refuses(), status(200)}, 1, providers.KindUnreachable},
		{"with a key it is sent again", keyed(), []step{status(503), eof, status(200)}, 3, ""},
		{"three times at most", keyed(), []step{status(500)}, 3, providers.KindUnavailable},
		{"a read is sent again", get(), []step{status(502), status(504), status(200)}, 3, ""},
		{"a no is a no", keyed(), []step{status(400)}, 1, providers.KindRejected},
		{"501 will not change", get(), []step{status(501)}, 1, providers.KindUnavailable},
		{"a redirect is no answer", get(), []step{status(302, "Location", "https://evil.test/")}, 1, providers.KindUnavailable},
		{"nothing ever left", keyed(), []step{refuses()}, 3, providers.KindUnreachable},
		{"too many requests, then nobody there", keyed(), []step{status(429), refuses()}, 3, providers.KindUnreachable},
		{"it may have left before nobody was there", keyed(), []step{eof, refuses()}, 3, providers.KindUnavailable},
		{"it may have left before it was refused", keyed(), []step{eof, status(400)}, 2, providers.KindUnavailable},
		{"it may have left before the token was", keyed(), []step{status(503), status(401)}, 2, providers.KindUnavailable},
		{"it may have left before too many requests", keyed(), []step{eof, eof, status(429)}, 3, providers.KindUnavailable},
		{"a read leaves nothing behind", get(), []step{eof, status(404)}, 2, providers.KindRejected},
		{"the buyer went away", keyed(), []step{breaks(context.Canceled)}, 1, providers.KindUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &wire{steps: tt.steps}
				reply, err := line(w, providers.Patience{}).Do(t.Context(), tt.call)
				if w.tries() != tt.tries {
					t.Errorf("%d tries, want %d", w.tries(), tt.tries)
				}
				for _, body := range w.bodies {
					if body != string(tt.call.Body) {
						t.Errorf("sent %q", body)
					}
				}
				if tt.want == "" {
					if err != nil || reply.Status != 200 || string(reply.Raw()) != "body" {
						t.Errorf("got %+v, %v", reply, err)
					}
					return
				}
				if e := asError(t, err); e.Kind != tt.want || e.Provider != "acme" || e.Op != tt.call.Op {
					t.Errorf("got %+v, want %s", e, tt.want)
				}
			})
		})
	}
}

func TestKindOf(t *testing.T) {
	t.Parallel()
	for kind, codes := range map[providers.Kind][]int{
		providers.KindRejected:     {400, 402, 404, 405, 410, 412, 413, 415, 422, 451},
		providers.KindUnauthorized: {401, 403},
		providers.KindUnreachable:  {425, 429},
		providers.KindUnavailable:  {100, 101, 301, 302, 307, 408, 409, 500, 501, 502, 503, 504, 520, 599},
	} {
		for _, code := range codes {
			if got := providers.KindOf(code); got != kind {
				t.Errorf("%d is %s, want %s", code, got, kind)
			}
		}
	}
}

func TestLine_Do_RetryAfter(t *testing.T) {
	t.Parallel()
	in := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	for _, tt := range []struct {
		name, header string
		tries        int
		least, most  time.Duration // between the first two tries
		want         time.Duration // in the error
	}{
		{"seconds", "2", 3, 2 * time.Second, 4 * time.Second, 2 * time.Second},
		{"too long to keep anybody", "3", 1, 0, 0, 3 * time.Second},
		{"hours", "7200", 1, 0, 0, 2 * time.Hour},
		{"beyond reason", "99999999999", 1, 0, 0, 30 * 24 * time.Hour},
		{"a date", "+2", 3, 2 * time.Second, 4 * time.Second, 0},
		{"a date that is past", "-60", 3, 100 * time.Millisecond, time.Second, 0},
		{"garbage", "soon", 3, 100 * time.Millisecond, time.Second, 0},
		{"below nought", "-1", 3, 100 * time.Millisecond, time.Second, 0},
		{"none", "", 3, 100 * time.Millisecond, time.Second, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				header := tt.header
				switch header {
				case "+2":
					header = in(2 * time.Second)
				case "-60":
					header = in(-time.Minute)
				}
				w := &wire{steps: []step{status(429, "Retry-After", header)}}
				_, err := line(w, providers.Patience{}).Do(t.Context(), keyed())
				e := asError(t, err)
				if w.tries() != tt.tries || e.RetryAfter != tt.want || e.Kind != providers.KindUnreachable {
					t.Fatalf("%d tries, then %+v", w.tries(), e)
				}
				if tt.tries > 1 {
					if gap := w.at[1].Sub(w.at[0]); gap < tt.least || gap > tt.most {
						t.Errorf("waited %s", gap)
					}
				}
			})
		})
	}
}

// The wait has a random part: it must never make us early.
func TestLine_Do_NeverComesEarly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for range 50 {
			w := &wire{steps: []step{status(503, "Retry-After", "2"), status(200)}}
			if _, err := line(w, providers.Patience{}).Do(t.Context(), keyed()); err != nil {
				t.Fatal(err)
			}
			if gap := w.at[1].Sub(w.at[0]); gap < 2*time.Second {
				t.Fatalf("came after %s", gap)
			}
		}
	})
}

func TestLine_Do_IsBounded(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]step{"no answer": hangs, "an answer that trickles": trickles} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, from := &wire{steps: []step{s}}, time.Now()
				_, err := line(w, providers.Patience{}).Do(t.Context(), keyed())
				if e := asError(t, err); e.Kind != providers.KindUnavailable {
					t.Errorf("got %v", e)
				}
				if took := time.Since(from); w.tries() != 3 || took < 24*time.Second || took > 30*time.Second {
					t.Errorf("%d tries in %s", w.tries(), took)
				}
			})
		})
	}
	t.Run("the caller's deadline is sooner", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			from := time.Now()
			_, err := line(&wire{steps: []step{hangs}}, providers.Patience{}).Do(ctx, keyed())
			if e := asError(t, err); e.Kind != providers.KindUnavailable || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", e)
			}
			if took := time.Since(from); took != 3*time.Second {
				t.Errorf("took %s", took)
			}
		})
	})
	t.Run("the deadline comes in a wait, after an answer that says more", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := line(&wire{steps: []step{status(429, "Retry-After", "2")}}, providers.Patience{}).Do(ctx, keyed())
			if e := asError(t, err); e.Kind != providers.KindUnreachable || e.Status != 429 || e.RetryAfter != 2*time.Second {
				t.Errorf("got %+v", e)
			}
		})
	})
	t.Run("the deadline had passed before", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		w := &wire{steps: []step{status(200)}}
		_, err := line(w, providers.Patience{}).Do(ctx, keyed())
		if e := asError(t, err); e.Kind != providers.KindUnreachable || w.tries() != 0 {
			t.Errorf("got %v after %d tries", e, w.tries())
		}
	})
}

func TestLine_Do_BreakerOpensAndCloses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{steps: []step{status(500), status(500), status(500), status(500), status(500), status(200)}}
		l := line(w, providers.Patience{})
		for range 5 {
			_, err := l.Do(t.Context(), once())
			if e := asError(t, err); e.Kind != providers.KindUnavailable {
				t.Fatalf("got %v", e)
			}
		}
		for range 3 {
			_, err := l.Do(t.Context(), once())
			if e := asError(t, err); e.Kind != providers.KindUnreachable || w.tries() != 5 {
				t.Fatalf("got %v after %d tries", e, w.tries())
			}
		}
		time.Sleep(5 * time.Second) // of the bubble's clock
		for range 3 {
			if _, err := l.Do(t.Context(), once()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestLine_Do_BreakerOpensBetweenTries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{steps: []step{says(500, "first"), says(500, "second")}}
		l := line(w, providers.Patience{})
		for range 4 {
			_, _ = l.Do(t.Context(), once())
		}
		_, err := l.Do(t.Context(), keyed()) // its first try opens the breaker
		if e := asError(t, err); e.Kind != providers.KindUnavailable || e.Status != 500 || string(e.Raw) != "second" || w.tries() != 5 {
			t.Errorf("got %+v after %d tries", e, w.tries())
		}
	})
}

func TestLine_Do_BuyersWhoLeaveDoNotOpenTheBreaker(t *testing.T) {
	t.Parallel()
	w := &wire{steps: []step{breaks(context.Canceled)}}
	l := line(w, providers.Patience{})
	for range 20 {
		_, _ = l.Do(t.Context(), once())
	}
	if w.tries() != 20 {
		t.Errorf("%d tries", w.tries())
	}
}

func TestLine_Do_KeepsNoCredentialAndNoMoreThanItMust(t *testing.T) {
	t.Parallel()
	tokens := providers.NewTokens(func(context.Context) (providers.Token, error) {
		return providers.Token{Value: "bearer-token"}, nil
	}, time.Now)
	call := once()
	call.Tokens = tokens
	body := "Authorization: Bearer bearer-token; key hush-hush; " + strings.Repeat("x", 100<<10)
	for _, code := range []int{200, 400} {
		reply, err := line(&wire{steps: []step{says(code, body)}}, providers.Patience{}).Do(t.Context(), call)
		raw := reply.Raw()
		if err != nil {
			raw = asError(t, err).Raw
		}
		if bytes.Contains(raw, []byte("bearer-token")) || bytes.Contains(raw, []byte("hush")) || len(raw) != 64<<10 {
			t.Errorf("%d: %d bytes kept: %.80q", code, len(raw), raw)
		}
	}
}

func TestLine_Do_CutsLongAnswers(t *testing.T) {
	t.Parallel()
	for size, ok := range map[int]bool{1 << 20: true, 1<<20 + 1: false} {
		w := &wire{steps: []step{says(200, strings.Repeat("x", size))}}
		reply, err := line(w, providers.Patience{}).Do(t.Context(), get())
		if (err == nil) != ok || len(reply.Body) != 1<<20 {
			t.Errorf("%d bytes: %d read, %v", size, len(reply.Body), err)
		}
		if !ok && asError(t, err).Kind != providers.KindUnavailable {
			t.Errorf("got %v", err)
		}
	}
}

func TestLine_Do_SaysNoURL(t *testing.T) {
	t.Parallel()
	call := get()
	for _, u := range []string{"https://acme.test/pay?token=hidden", "http://[hidden", "https://acme.test/%zzhidden"} {
		call.URL = u
		_, err := line(&wire{steps: []step{refuses()}}, providers.Patience{Wait: 1}).Do(t.Context(), call)
		if strings.Contains(asError(t, err).Error(), "token=hidden") {
			t.Errorf("got %v", err)
		}
	}
}

// zeroes is a body without end that counts what is read of it.
type zeroes struct{ read int }

func (z *zeroes) Read(p []byte) (int, error) { z.read += len(p); return len(p), nil }
func (*zeroes) Close() error                 { return nil }

func TestLine_Do_ReadsNoMoreThanItKeeps(t *testing.T) {
	t.Parallel()
	body := &zeroes{}
	_, err := line(&wire{steps: []step{func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: body, Request: r}, nil
	}}}, providers.Patience{}).Do(t.Context(), get())
	if e := asError(t, err); e.Kind != providers.KindUnavailable || body.read > 1<<20+1 {
		t.Errorf("got %v after %d bytes", e, body.read)
	}
}

// net/http asks for a second connection when the first, kept from before,
// turned out dead without having taken anything.
func TestLine_Do_OldConnection(t *testing.T) {
	t.Parallel()
	died := func(r *http.Request) (*http.Response, error) {
		trace := httptrace.ContextClientTrace(r.Context())
		trace.GetConn("acme.test:443")
		trace.GotConn(httptrace.GotConnInfo{Reused: true})
		trace.GetConn("acme.test:443")
		return nil, errors.New("no route")
	}
	for header, want := range map[string]providers.Kind{"X-Other": providers.KindUnreachable, "Idempotency-Key": providers.KindUnavailable} {
		call := once()
		call.Header = http.Header{header: {"k"}}
		_, err := line(&wire{steps: []step{died}}, providers.Patience{}).Do(t.Context(), call)
		if e := asError(t, err); e.Kind != want {
			t.Errorf("%s: got %v, want %s", header, e, want)
		}
	}
}

func TestLine_Do_OverRealConnections(t *testing.T) {
	t.Parallel()
	quick := providers.Patience{Wait: 1, MaxWait: 2}
	ask := func(t *testing.T, url string) *providers.Error {
		t.Helper()
		call := keyed()
		call.URL = url
		_, err := line(nil, quick).Do(t.Context(), call)
		return asError(t, err)
	}
	t.Run("nothing listens", func(t *testing.T) {
		t.Parallel()
		srv := httptest.NewServer(http.NotFoundHandler())
		srv.Close()
		if e := ask(t, srv.URL); e.Kind != providers.KindUnreachable {
			t.Errorf("got %v", e)
		}
	})
	t.Run("the certificate is not trusted", func(t *testing.T) {
		t.Parallel()
		srv := httptest.NewUnstartedServer(http.NotFoundHandler())
		srv.Config.ErrorLog = log.New(io.Discard, "", 0)
		srv.StartTLS()
		defer srv.Close()
		if e := ask(t, srv.URL); e.Kind != providers.KindUnreachable {
			t.Errorf("got %v", e)
		}
	})
	t.Run("no TLS where there should be", func(t *testing.T) {
		t.Parallel()
		srv := httptest.NewServer(http.NotFoundHandler())
		defer srv.Close()
		if e := ask(t, "https"+strings.TrimPrefix(srv.URL, "http")); e.Kind != providers.KindUnreachable {
			t.Errorf("got %v", e)
		}
	})
	t.Run("the connection breaks after the request", func(t *testing.T) {
		t.Parallel()
		srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
		defer srv.Close()
		if e := ask(t, srv.URL); e.Kind != providers.KindUnavailable || e.Status != 0 {
			t.Errorf("got %v", e)
		}
	})
	t.Run("the answer breaks off", func(t *testing.T) {
		t.Parallel()
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("half"))
		}))
		defer srv.Close()
		if e := ask(t, srv.URL); e.Kind != providers.KindUnavailable {
			t.Errorf("got %v", e)
		}
	})
	t.Run("a redirect is not followed", func(t *testing.T) {
		t.Parallel()
		var elsewhere bool
		mux := http.NewServeMux()
		mux.Handle("/pay", http.RedirectHandler("/elsewhere", http.StatusPermanentRedirect))
		mux.HandleFunc("/elsewhere", func(http.ResponseWriter, *http.Request) { elsewhere = true })
		srv := httptest.NewServer(mux)
		e := ask(t, srv.URL+"/pay")
		srv.Close()
		if e.Kind != providers.KindUnavailable || e.Status != http.StatusPermanentRedirect || elsewhere {
			t.Errorf("got %v", e)
		}
	})
}

func TestLine_Do_RefusedToken(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		steps   []step
		fetches []error // by the second and later fetches
		want    providers.Kind
		tries   int
	}{
		{"a new one is good", []step{status(401), status(200)}, nil, "", 2},
		{"a new one is no better", []step{status(401)}, nil, providers.KindUnauthorized, 2},
		{"there is no new one", []step{status(401)}, []error{errors.New("no")}, providers.KindUnreachable, 1},
		{"we are locked out", []step{status(401)}, []error{&providers.Error{Kind: providers.KindUnauthorized}}, providers.KindUnauthorized, 1},
		{"a try may have left before", []step{status(503), status(401), refuses()}, nil, providers.KindUnavailable, 5},
		{"and there is no new one", []step{status(503), status(401)}, []error{errors.New("no")}, providers.KindUnavailable, 2},
		{"403 is not about the token", []step{status(403)}, nil, providers.KindUnauthorized, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			fetches := 0
			tokens := providers.NewTokens(func(context.Context) (providers.Token, error) {
				fetches++
				if fetches > 1 && len(tt.fetches) > 0 {
					return providers.Token{}, tt.fetches[0]
				}
				return providers.Token{Value: providers.Secret(fmt.Sprintf("t%d", fetches))}, nil
			}, time.Now)
			w, call := &wire{steps: tt.steps}, keyed()
			call.Tokens = tokens
			_, err := line(w, providers.Patience{Wait: 1, MaxWait: 2}).Do(t.Context(), call)
			if w.tries() != tt.tries || fetches > 2 {
				t.Errorf("%d tries, %d fetches", w.tries(), fetches)
			}
			if tt.want == "" && err == nil {
				return
			}
			if e := asError(t, err); e.Kind != tt.want {
				t.Errorf("got %v, want %s", e, tt.want)
			}
		})
	}
}

// The refusal of the first token must not pass for the answer to the second.
func TestLine_Do_LeavesAfterTheTokenWasRefused(t *testing.T) {
	t.Parallel()
	ctx, leave := context.WithCancel(t.Context())
	fetches := 0
	call := keyed()
	call.Tokens = providers.NewTokens(func(context.Context) (providers.Token, error) {
		fetches++
		return providers.Token{Value: "t"}, nil
	}, time.Now)
	w := &wire{steps: []step{status(401), func(r *http.Request) (*http.Response, error) {
		leave()
		return nil, &net.OpError{Op: "dial", Err: context.Canceled}
	}}}
	_, err := line(w, providers.Patience{}).Do(ctx, call)
	if e := asError(t, err); e.Kind != providers.KindUnreachable || e.Status != 0 || !errors.Is(err, context.Canceled) || fetches != 2 {
		t.Errorf("got %+v", e)
	}
	breaker := &wire{steps: []step{status(500), status(500), status(500), status(500), status(401), status(500), status(200)}}
	l := line(breaker, providers.Patience{})
	call.Repeatable = false
	for range 4 {
		_, _ = l.Do(t.Context(), call)
	}
	for range 2 { // the second finds the breaker open
		_, err = l.Do(t.Context(), call)
	}
	if e := asError(t, err); e.Kind != providers.KindUnreachable || breaker.tries() != 6 {
		t.Errorf("got %+v after %d tries", e, breaker.tries())
	}
}

func TestReply_IsJSON(t *testing.T) {
	t.Parallel()
	for contentType, want := range map[string]bool{
		"application/json": true, "Application/JSON; charset=utf-8": true, "application/problem+json": true,
		"": false, "text/html": false, "text/plain; a=application/json": false, ";;": false,
	} {
		if got := (providers.Reply{Header: http.Header{"Content-Type": {contentType}}}).IsJSON(); got != want {
			t.Errorf("%q: %v", contentType, got)
		}
	}
}
