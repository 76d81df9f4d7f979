package world

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"
)

const hugePadding = 8 << 20 // bytes

// Answer is what an endpoint answers: it works without HTTP, and the Door does
// the rest.
type Answer struct {
	Status int
	Header http.Header // besides Content-Type and Content-Length; nil is fine
	Type   string
	Body   []byte
	// Cut drops the connection instead of answering.
	Cut bool
	// Order and External are the names of the order in hand, when known.
	Order, External string
	// Faults are the names of those that struck inside the endpoint.
	Faults []string
}

// Wire is a fault of the wire. Before strikes before any work is done and
// instead of it when it returns true; After strikes once the work is done and
// can change the answer.
type Wire struct {
	Fault
	Before func(Rule) (Answer, bool)
	After  func(context.Context, Rule, Answer) Answer
}

// Wires are the faults of the wire that every provider can have: api are the
// endpoints that talk JSON with the shop, pages those that the buyer sees.
func (w *World) Wires(api, pages []string) []Wire {
	all := slices.Concat(api, pages)
	fault := func(name, says string, takes ...Param) Fault {
		return Fault{Name: name, Says: says, Strikes: "wire", Endpoints: all, Takes: takes}
	}
	apiFault := func(name, says string, takes ...Param) Fault {
		return Fault{Name: name, Says: says, Strikes: "wire", Endpoints: api, Takes: takes}
	}
	return []Wire{
		{
			Fault: fault("unavailable", "The provider is down: 503 with plain text, and nothing is done."),
			Before: func(Rule) (Answer, bool) {
				return Text(http.StatusServiceUnavailable, "upstream connect error or disconnect/reset before headers\n"), true
			},
		},
		{
			Fault: fault("broken", "The provider breaks: 500 with plain text, and nothing is done."),
			Before: func(Rule) (Answer, bool) {
				return Text(http.StatusInternalServerError, "Internal Server Error\n"), true
			},
		},
		{
			Fault: apiFault("rate_limited", "Too many requests: 429 with Retry-After, and nothing is done.",
				Param{Name: Delay, Default: "2s", Says: "what Retry-After says, in whole seconds"}),
			Before: func(r Rule) (Answer, bool) {
				a := Text(http.StatusTooManyRequests, "Too Many Requests\n")
				a.Header = http.Header{"Retry-After": {strconv.Itoa(int(time.Duration(r.Delay).Seconds()))}}
				return a, true
			},
		},
		{
			Fault:  fault("connection_cut", "The connection is cut before anything is done."),
			Before: func(Rule) (Answer, bool) { return Answer{Cut: true}, true },
		},
		{
			Fault: fault("slow", "The work is done at once, but the answer comes late.",
				Param{Name: Delay, Default: "20s", Says: "how late"}),
			After: func(ctx context.Context, r Rule, a Answer) Answer {
				if w.wait(ctx, time.Duration(r.Delay)) != nil {
					a.Cut = true
				}
				return a
			},
		},
		{
			Fault: apiFault("answer_not_json", "The work is done, but a proxy answers 200 with a page instead."),
			After: func(_ context.Context, _ Rule, a Answer) Answer {
				a.Status, a.Type, a.Body = http.StatusOK, "text/html; charset=utf-8", []byte("<!doctype html><title>Welcome</title><h1>It works!</h1>\n")
				return a
			},
		},
		{
			Fault: apiFault("answer_huge", "The work is done, but the answer has eight megabytes too many."),
			After: func(_ context.Context, _ Rule, a Answer) Answer {
				a.Body = Padded(a.Body, hugePadding)
				return a
			},
		},
		{
			Fault: fault("answer_lost", "The work is done, the money moves, but the connection is cut instead of an answer."),
			After: func(_ context.Context, _ Rule, a Answer) Answer {
				a.Cut = true
				return a
			},
		},
	}
}

// Text is an answer in plain text.
func Text(status int, body string) Answer {
	return Answer{Status: status, Type: "text/plain; charset=utf-8", Body: []byte(body)}
}

// Door is what a provider's endpoints stand behind: it asks which faults of the
// wire strike, has the work done, writes the request down and answers.
type Door struct {
	World    *World
	Provider string
	Wires    []Wire
}

// Serve answers one request to an endpoint. refs are the names of the order in
// the address, key is the idempotency key; both may be empty.
func (d Door) Serve(w http.ResponseWriter, r *http.Request, endpoint, key string, refs []string, work func() Answer) {
	answer, struck := d.before(endpoint, refs)
	if answer == nil {
		done := work()
		struck = append(struck, done.Faults...)
		if done.Order != "" {
			refs = []string{done.Order, done.External}
		}
		for _, wire := range d.Wires {
			if wire.After == nil || !slices.Contains(wire.Endpoints, endpoint) {
				continue
			}
			if rule, ok := d.World.Faults.Take(d.Provider, wire.Name, endpoint, refs...); ok {
				struck = append(struck, wire.Name)
				done = wire.After(r.Context(), rule, done)
			}
		}
		answer = &done
	}
	entry := Request{
		Provider: d.Provider, Endpoint: endpoint, Method: r.Method, Path: r.URL.Path, Key: key,
		Status: answer.Status, Order: answer.Order, Faults: struck,
	}
	if answer.Cut {
		entry.Status = 0
	}
	if entry.Order == "" && len(refs) > 0 {
		entry.Order = refs[0]
	}
	d.World.Requests.Add(entry)
	answer.Write(w)
}

func (d Door) before(endpoint string, refs []string) (*Answer, []string) {
	var struck []string
	for _, wire := range d.Wires {
		if wire.Before == nil || !slices.Contains(wire.Endpoints, endpoint) {
			continue
		}
		rule, ok := d.World.Faults.Take(d.Provider, wire.Name, endpoint, refs...)
		if !ok {
			continue
		}
		struck = append(struck, wire.Name)
		if answer, instead := wire.Before(rule); instead {
			return &answer, struck
		}
	}
	return nil, struck
}

// Write sends the answer.
func (a Answer) Write(w http.ResponseWriter) {
	if a.Cut {
		cut(w)
		return
	}
	for name, values := range a.Header {
		w.Header()[name] = values
	}
	if a.Type != "" {
		w.Header().Set("Content-Type", a.Type)
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(a.Body)))
	w.WriteHeader(a.Status)
	// An error here is the reader's going away; there is nobody left to tell.
	_, _ = w.Write(a.Body)
}

// cut ends the connection without an answer.
func cut(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // what net/http has for this where it cannot be hijacked
	}
	_ = conn.Close()
}
