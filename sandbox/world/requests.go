package world

import (
	"slices"
	"strconv"
	"sync"
	"time"
)

const maxKept = 200 // bytes of a text that came in

// Request is one request that a provider got, as far as it may be written
// down: no body, no query, no header but the idempotency key.
type Request struct {
	N        int       `json:"n"` // counts from 1
	At       time.Time `json:"at"`
	Provider string    `json:"provider"`
	Endpoint string    `json:"endpoint"` // "create", "read" … as faults call it; empty for an unknown address
	Method   string    `json:"method"`
	Path     string    `json:"path"`
	Key      string    `json:"request_id,omitempty"`
	Status   int       `json:"status"` // 0 when the connection was cut without an answer
	Order    string    `json:"order,omitempty"`
	Faults   []string  `json:"faults,omitempty"` // those that struck it
}

// Requests is the list of the latest requests.
type Requests struct {
	clock *Clock

	mu   sync.Mutex
	n    int
	list *Keep[Request]
}

func newRequests(clock *Clock, limit int) *Requests {
	return &Requests{clock: clock, list: NewKeep[Request](limit)}
}

// Add writes a request down; N and At are filled in, and what is too long to
// keep is cut.
func (q *Requests) Add(r Request) {
	r.At = q.clock.Now()
	r.Path, r.Key = r.Path[:min(len(r.Path), maxKept)], r.Key[:min(len(r.Key), maxKept)]
	q.mu.Lock()
	defer q.mu.Unlock()
	q.n++
	r.N = q.n
	q.list.Put(strconv.Itoa(r.N), r)
}

// Latest returns up to limit requests, newest first; 0 means all.
func (q *Requests) Latest(limit int) []Request {
	q.mu.Lock()
	defer q.mu.Unlock()
	return firstOf(limit, q.list)
}

func (q *Requests) reset() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.n = 0
	q.list.Clear()
}

func firstOf[T any](limit int, k *Keep[T]) []T {
	all := slices.AppendSeq([]T{}, k.Newest)
	if limit > 0 && len(all) > limit {
		all = all[:limit]
	}
	return all
}
