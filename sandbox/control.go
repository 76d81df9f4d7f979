package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"till/sandbox/world"
)

const (
	maxControl  = 64 << 10 // bytes of a request body
	maxAdvance  = 5 * 365 * 24 * time.Hour
	maxWait     = time.Minute // that a request for the clock may take
	listDefault = 100
)

// controlRoutes is the sandbox for programs. Requests that change something
// carry JSON and say so, which no page of another site can do unasked.
func (s *Sandbox) controlRoutes(mux *http.ServeMux) {
	get := func(path string, do func(*http.Request) (any, error)) {
		mux.Handle("GET "+path, answering(do))
	}
	get("/control/providers", s.listProviders)
	get("/control/orders", s.listOrders)
	get("/control/orders/{provider}/{ref}", s.oneOrder)
	get("/control/faults", s.listFaults)
	get("/control/deliveries", s.listDeliveries)
	get("/control/deliveries/{id}", s.oneDelivery)
	get("/control/requests", s.listRequests)
	get("/control/clock", s.readClock)

	mux.Handle("POST /control/orders/{provider}/{ref}/decisions", posting(http.StatusOK, s.decide))
	mux.Handle("POST /control/orders/{provider}/{ref}/callbacks", posting(http.StatusCreated, s.sendCallback))
	mux.Handle("POST /control/faults", posting(http.StatusCreated, s.addFault))
	mux.Handle("DELETE /control/faults", answering(s.clearFaults))
	mux.Handle("DELETE /control/faults/{id}", answering(s.removeFault))
	mux.Handle("POST /control/deliveries/{id}/redeliver", posting(http.StatusCreated, s.redeliver))
	mux.Handle("POST /control/deliveries/{id}/release", posting(http.StatusOK, s.release))
	mux.Handle("POST /control/release", posting(http.StatusOK, s.releaseHeld))
	mux.Handle("POST /control/clock", posting(http.StatusOK, s.moveClock))
	mux.Handle("POST /control/drain", posting(http.StatusOK, s.drain))
	mux.Handle("POST /control/reset", posting(http.StatusOK, s.resetAll))
	mux.Handle("/control/", answering(func(*http.Request) (any, error) { return nil, world.ErrNotFound }))
}

// errMediaType says that a body was not declared as JSON.
var errMediaType = errors.New("sandbox: the content type must be application/json")

// answering is an endpoint that reads no body.
func answering(do func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := do(r)
		answer(w, http.StatusOK, v, err)
	})
}

// posting is an endpoint with a JSON body of type T. Fields that T does not
// have are refused.
func posting[T any](status int, do func(*http.Request, T) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := readJSON[T](w, r)
		if err != nil {
			answer(w, 0, nil, err)
			return
		}
		v, err := do(r, body)
		answer(w, status, v, err)
	})
}

func readJSON[T any](w http.ResponseWriter, r *http.Request) (T, error) {
	var body T
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return body, errMediaType
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControl))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		return body, &world.RefusedError{Says: "the body is not as it should be: " + err.Error()}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return body, &world.RefusedError{Says: "there is something after the JSON object"}
	}
	return body, nil
}

// problem is the body of every answer that is an error.
type problem struct {
	Error string `json:"error"`
}

func answer(w http.ResponseWriter, status int, v any, err error) {
	if err != nil {
		status, v = statusOf(err), problem{Error: saysOf(err)}
	}
	body, err := json.Marshal(v)
	if err != nil {
		status, body = http.StatusInternalServerError, []byte(`{"error":"the answer could not be written"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	// An error here is the reader's going away; there is nobody left to tell.
	_, _ = w.Write(append(body, '\n'))
}

func statusOf(err error) int {
	var refused *world.RefusedError
	switch {
	case errors.Is(err, world.ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, errMediaType):
		return http.StatusUnsupportedMediaType
	case errors.As(err, &refused):
		return http.StatusUnprocessableEntity
	case errors.Is(err, world.ErrClosed), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

func saysOf(err error) string {
	var refused *world.RefusedError
	if errors.As(err, &refused) {
		return refused.Says
	}
	return err.Error()
}

func (s *Sandbox) listProviders(r *http.Request) (any, error) {
	return map[string]any{"providers": s.Providers(s.world.Site.Root(r))}, nil
}

func limitOf(r *http.Request) (int, error) {
	text := r.FormValue("limit")
	if text == "" {
		return listDefault, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, &world.RefusedError{Says: "limit is a whole number; 0 is everything"}
	}
	return n, nil
}

func (s *Sandbox) listOrders(r *http.Request) (any, error) {
	limit, err := limitOf(r)
	if err != nil {
		return nil, err
	}
	return map[string]any{"orders": s.Orders(limit)}, nil
}

func (s *Sandbox) oneOrder(r *http.Request) (any, error) {
	return s.Order(r.PathValue("provider"), r.PathValue("ref"))
}

// decided is what a decision came to.
type decided struct {
	Order     world.Order `json:"order"`
	ReturnURL string      `json:"return_url"` // where the buyer's browser would be sent; empty: nowhere
}

func (s *Sandbox) decide(r *http.Request, d world.Decision) (any, error) {
	order, to, err := s.decideOn(r.Context(), r.PathValue("provider"), r.PathValue("ref"), d)
	if err != nil {
		return nil, err
	}
	return decided{Order: order, ReturnURL: to}, nil
}

func (s *Sandbox) sendCallback(r *http.Request, c world.Call) (any, error) {
	sent, err := s.Send(r.Context(), r.PathValue("provider"), r.PathValue("ref"), c)
	if err != nil {
		return nil, err
	}
	return map[string]any{"deliveries": sent}, nil
}

func (s *Sandbox) listFaults(*http.Request) (any, error) {
	return map[string]any{"rules": s.world.Faults.Rules()}, nil
}

func (s *Sandbox) addFault(_ *http.Request, wish world.Wish) (any, error) {
	return s.world.Faults.Add(wish)
}

func (s *Sandbox) clearFaults(*http.Request) (any, error) {
	return map[string]any{"removed": s.world.Faults.Clear()}, nil
}

func (s *Sandbox) removeFault(r *http.Request) (any, error) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		return nil, fmt.Errorf("sandbox: rule %q: %w", r.PathValue("id"), world.ErrNotFound)
	}
	if err := s.world.Faults.Remove(id); err != nil {
		return nil, err
	}
	return map[string]any{"removed": 1}, nil
}

func (s *Sandbox) listDeliveries(r *http.Request) (any, error) {
	limit, err := limitOf(r)
	if err != nil {
		return nil, err
	}
	return map[string]any{"deliveries": s.world.Post.Latest(limit, r.FormValue("order"))}, nil
}

func (s *Sandbox) oneDelivery(r *http.Request) (any, error) {
	d, ok := s.world.Post.Delivery(r.PathValue("id"))
	if !ok {
		return nil, fmt.Errorf("sandbox: delivery %q: %w", r.PathValue("id"), world.ErrNotFound)
	}
	return d, nil
}

// again asks for a delivery to be sent again.
type again struct {
	Times int            `json:"times"` // 0 is 1
	Delay world.Duration `json:"delay"`
}

func (s *Sandbox) redeliver(r *http.Request, a again) (any, error) {
	if a.Times == 0 {
		a.Times = 1
	}
	sent, err := s.world.Post.Replay(r.PathValue("id"), a.Times, time.Duration(a.Delay))
	if err != nil {
		return nil, err
	}
	return map[string]any{"deliveries": sent}, nil
}

// empty is the body of requests that say nothing: {}.
type empty struct{}

func (s *Sandbox) release(r *http.Request, _ empty) (any, error) {
	return s.world.Post.Release(r.PathValue("id"))
}

func (s *Sandbox) releaseHeld(*http.Request, empty) (any, error) {
	return map[string]any{"released": s.world.Post.ReleaseHeld()}, nil
}

func (s *Sandbox) listRequests(r *http.Request) (any, error) {
	limit, err := limitOf(r)
	if err != nil {
		return nil, err
	}
	return map[string]any{"requests": s.world.Requests.Latest(limit)}, nil
}

// clockView is the time.
type clockView struct {
	Now   time.Time      `json:"now"`
	Ahead world.Duration `json:"ahead"` // of the real time
	// Pending is how many things are to happen later: callbacks, slow answers.
	Pending int `json:"pending"`
	// Next is when the first of them happens; nil when nothing is to.
	Next *time.Time `json:"next,omitempty"`
}

func (s *Sandbox) clock() clockView {
	view := clockView{Now: s.world.Clock.Now(), Ahead: world.Duration(s.world.Clock.Ahead()), Pending: s.world.Clock.Pending()}
	if next, ok := s.world.Clock.Next(); ok {
		view.Next = &next
	}
	return view
}

func (s *Sandbox) readClock(*http.Request) (any, error) { return s.clock(), nil }

// clockMove asks for the time to be moved on.
type clockMove struct {
	Advance world.Duration `json:"advance"`
}

func (s *Sandbox) moveClock(r *http.Request, move clockMove) (any, error) {
	if err := s.advance(r.Context(), time.Duration(move.Advance)); err != nil {
		return nil, err
	}
	return s.clock(), nil
}

func (s *Sandbox) advance(ctx context.Context, d time.Duration) error {
	if err := checkAdvance(d); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	return s.world.Clock.Advance(ctx, d)
}

func checkAdvance(d time.Duration) error {
	if d < 0 || d > maxAdvance {
		return &world.RefusedError{Says: "advance is a duration from 0s to " + maxAdvance.String() + "; time does not go back"}
	}
	return nil
}

func (s *Sandbox) drain(r *http.Request, _ empty) (any, error) {
	ctx, cancel := context.WithTimeout(r.Context(), maxWait)
	defer cancel()
	if err := s.world.Clock.Drain(ctx); err != nil {
		return nil, err
	}
	return s.clock(), nil
}

// restart asks for everything to be forgotten.
type restart struct {
	Seed *int64 `json:"seed"` // nil keeps the seed
}

func (s *Sandbox) resetAll(_ *http.Request, again restart) (any, error) {
	seed := s.world.Seed()
	if again.Seed != nil {
		seed = *again.Seed
	}
	s.Reset(seed)
	return map[string]any{"seed": seed}, nil
}
