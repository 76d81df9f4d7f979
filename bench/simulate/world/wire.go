package world

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"
)

// trouble is what can happen to a request of the shop's.
type trouble string

const (
	noTrouble   trouble = ""
	unreachable trouble = "not reached"    // it never left
	lost        trouble = "lost"           // it left and never arrived
	answerLost  trouble = "answer lost"    // the work was done
	slow        trouble = "slow"           // the work was done, and nobody waited so long
	unavailable trouble = "503"            // nothing was done
	broke       trouble = "500 after work" // the work was done
	garbage     trouble = "garbage"        // the work was done
	cutShort    trouble = "cut short"      // the work was done, and half the answer is missing
	tooMany     trouble = "429"            // nothing was done
)

func troubles() []trouble {
	return []trouble{unreachable, lost, answerLost, answerLost, slow, unavailable, broke, garbage, cutShort, tooMany}
}

// storm is trouble that lasts for some requests, so that a client that tries
// again does not always get through.
type storm struct {
	kind trouble
	left int
}

// weather draws the trouble of the next request.
func (w *world) weather() trouble {
	if w.calm {
		return noTrouble
	}
	if w.storm.left > 0 {
		w.storm.left--
		return w.storm.kind
	}
	if !w.chance(7) {
		return noTrouble
	}
	kind, _ := pick(w, troubles())
	w.storm = storm{kind: kind, left: w.rng.IntN(5)}
	return kind
}

// wire takes the shop's requests to the providers, and may have something
// happen while their answers are on the way.
type wire struct{ w *world }

// RoundTrip implements http.RoundTripper.
func (t wire) RoundTrip(req *http.Request) (*http.Response, error) {
	w := t.w
	if !w.doom.survives() {
		return nil, errDead
	}
	kind := w.weather()
	what := req.Method + " " + strings.TrimPrefix(req.URL.String(), boxURL)
	if kind != noTrouble {
		what += " (" + string(kind) + ")"
	}
	w.clock.pass(40 * time.Millisecond)
	switch kind {
	case unreachable:
		w.note("  %s", what)
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	case lost:
		w.note("  %s", what)
		w.clock.pass(8 * time.Second)
		return nil, context.DeadlineExceeded
	case unavailable:
		w.note("  %s", what)
		return answer(req, http.StatusServiceUnavailable, "upstream connect error\n"), nil
	case tooMany:
		w.note("  %s", what)
		resp := answer(req, http.StatusTooManyRequests, "")
		resp.Header.Set("Retry-After", "7")
		return resp, nil
	case noTrouble, answerLost, slow, broke, garbage, cutShort:
	}
	got, err := w.ask(req)
	if err != nil {
		w.note("  %s: %v", what, err)
		return nil, err
	}
	w.note("  %s: %d", what, got.Code)
	if w.doom.dead {
		return nil, errDead
	}
	if !w.calm && w.depth == 0 && w.interrupted(req) {
		w.visit()
		if w.doom.dead {
			return nil, errDead
		}
	}
	switch kind {
	case answerLost:
		return nil, io.ErrUnexpectedEOF
	case slow:
		w.clock.pass(20 * time.Second)
		return nil, context.DeadlineExceeded
	case broke:
		return answer(req, http.StatusInternalServerError, "Internal Server Error\n"), nil
	case garbage:
		return answer(req, http.StatusOK, "<html><body>Welcome to the hotel's Wi-Fi</body></html>"), nil
	case cutShort:
		resp := got.Result()
		body := got.Body.Bytes()
		_ = resp.Body.Close()
		resp.Body = io.NopCloser(bytes.NewReader(body[:len(body)/2]))
		return resp, nil
	case noTrouble, unreachable, lost, unavailable, tooMany:
	}
	resp := got.Result()
	resp.Request = req
	return resp, nil
}

// ask has a provider answer.
func (w *world) ask(req *http.Request) (got *httptest.ResponseRecorder, err error) {
	defer func() {
		if p := recover(); p != nil {
			if e, ok := p.(error); !ok || !errors.Is(e, http.ErrAbortHandler) {
				panic(p)
			}
			err = io.ErrUnexpectedEOF
		}
	}()
	there := req.Clone(req.Context())
	there.RequestURI = req.URL.RequestURI()
	there.Header = asRead(req.Header)
	there.Host = req.URL.Host
	if there.Body == nil {
		there.Body = http.NoBody
	}
	got = httptest.NewRecorder()
	w.box.Handler().ServeHTTP(got, there)
	return got, nil
}

// asRead is a header as a server reads it.
func asRead(h http.Header) http.Header {
	read := http.Header{}
	for name, values := range h {
		read[http.CanonicalHeaderKey(name)] = values
	}
	return read
}

func answer(req *http.Request, status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: req}
}

// interrupted draws whether somebody else comes before the answer does. When
// there is news, whoever asks is seldom the only one.
func (w *world) interrupted(req *http.Request) bool {
	odds := 8
	if req.Method == http.MethodGet && w.news {
		odds, w.news = 45, false
	}
	return w.chance(odds)
}

// visit is what happens while the shop waits for an answer.
func (w *world) visit() {
	w.depth++
	w.result.Visits++
	defer func() { w.depth-- }()
	w.note("meanwhile")
	if p, err := w.payments.ByID(w.ctx, w.focus); err == nil && w.chance(50) && !w.waits(p) {
		// Callback, return page and timer like to come together.
		w.note("the shopper comes back to %s", p.ID)
		_, err = w.other.Settle(w.ctx, p.ID, shopper("return page"))
		w.heard("return page", err)
		return
	}
	w.act()
}
