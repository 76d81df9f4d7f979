package providertest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strconv"
	"sync"
	"testing"
)

// Server puts a provider's fake on a real port, and makes the wire to it go
// wrong when told to. Faults meet only the requests that the provider's own
// calls are about: those for a token, if it has them, always pass.
type Server struct {
	URL string

	fake    http.Handler
	isToken func(*http.Request) bool
	srv     *httptest.Server
	arrived chan struct{} // one for each request that is left hanging

	mu    sync.Mutex
	fault fault
	skip  int // how many requests pass before the fault
	left  int // how many requests the fault still meets; -1 is all
	seen  int // requests, without those for a token
}

type fault func(s *Server, w http.ResponseWriter, r *http.Request)

// NewServer serves fake until the test ends. isToken tells requests for a
// token; nil where the provider has none.
func NewServer(t testing.TB, fake http.Handler, isToken func(*http.Request) bool) *Server {
	t.Helper()
	if isToken == nil {
		isToken = func(*http.Request) bool { return false }
	}
	s := &Server{fake: fake, isToken: isToken, arrived: make(chan struct{}, 64)}
	s.srv = httptest.NewUnstartedServer(s)
	s.srv.Config.SetKeepAlivesEnabled(false) // so that nothing is sent on an old connection after Close
	s.srv.Start()
	s.URL = s.srv.URL
	t.Cleanup(s.srv.Close)
	return s
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.isToken(r) {
		s.fake.ServeHTTP(w, r)
		return
	}
	s.mu.Lock()
	s.seen++
	f := s.fault
	switch {
	case s.skip > 0:
		s.skip--
		f = nil
	case s.left == 0:
		f = nil
	case s.left > 0:
		s.left--
	}
	s.mu.Unlock()
	if f == nil {
		s.fake.ServeHTTP(w, r)
		return
	}
	f(s, w, r)
}

// Seen is how many requests came, without those for a token.
func (s *Server) Seen() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seen
}

// Close stops listening, so that nothing can connect any more.
func (s *Server) Close() { s.srv.Close() }

// set makes the next n requests meet f; -1 is every one, 0 is none.
func (s *Server) set(n int, f fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault, s.skip, s.left, s.seen = f, 0, n, 0
}

// setAfter makes every request after the next skip ones meet f.
func (s *Server) setAfter(skip int, f fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault, s.skip, s.left, s.seen = f, skip, -1, 0
}

// loseAnswer does what was asked and then breaks the connection.
func loseAnswer(s *Server, _ http.ResponseWriter, r *http.Request) {
	s.fake.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// hang does nothing until the client goes away.
func hang(s *Server, _ http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // or the server would not notice that the client goes
	s.arrived <- struct{}{}
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// answer gives one answer, whatever was asked.
func answer(status int, contentType, body string) fault {
	return func(_ *Server, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// askPatience answers 429 with a Retry-After that nobody waits for in a request.
func askPatience(_ *Server, w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Retry-After", "120")
	w.WriteHeader(http.StatusTooManyRequests)
}

// echo answers with the request as it came, credentials and all, as a careless
// proxy's error page does.
func echo(_ *Server, w http.ResponseWriter, r *http.Request) {
	dump, _ := httputil.DumpRequest(r, true)
	w.Header().Set("Content-Type", "text/plain")
	w.WriteHeader(http.StatusBadGateway)
	_, _ = w.Write(dump)
}

// redirect answers with a permanent redirect to a page of the same server.
func redirect(_ *Server, w http.ResponseWriter, r *http.Request) {
	http.Redirect(w, r, "/elsewhere", http.StatusMovedPermanently)
}

// huge answers with a valid JSON string of 3 MiB.
func huge(_ *Server, w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"x":"`))
	_, _ = w.Write(bytes.Repeat([]byte("x"), 3<<20))
	_, _ = w.Write([]byte(`"}`))
}

// reshape hands the fake's answer on with every object in it changed.
func reshape(change func(object map[string]any)) fault {
	return func(s *Server, w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		s.fake.ServeHTTP(rec, r)
		body := rec.Body.Bytes()
		var v any
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.UseNumber()
		if dec.Decode(&v) == nil {
			walk(v, change)
			body, _ = json.Marshal(v)
		}
		for k, values := range rec.Header() {
			w.Header()[k] = values
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.WriteHeader(rec.Code)
		_, _ = w.Write(body)
	}
}

func walk(v any, change func(map[string]any)) {
	switch v := v.(type) {
	case map[string]any:
		for _, inner := range v {
			walk(inner, change)
		}
		change(v)
	case []any:
		for _, inner := range v {
			walk(inner, change)
		}
	}
}
