package world

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	deliveryTimeout = 10 * time.Second
	maxAnswer       = 4 << 10 // bytes of an answer that are read
	maxQuote        = 200     // bytes of an answer that are kept
	maxAttempts     = 20      // attempts that are kept; all are counted
	maxReplays      = 100
)

// State is what has become of a delivery.
type State string

const (
	// Waiting has an appointment with the clock: its first attempt or the next.
	Waiting State = "waiting"
	// Held waits for a person to release it.
	Held State = "held"
	// Following waits until another delivery was tried for the first time.
	Following State = "following"
	// Sending is being attempted now.
	Sending State = "sending"
	// Delivered was answered as the provider wants it. Final.
	Delivered State = "delivered"
	// Lost was never sent, on purpose. Final, but it can be sent again.
	Lost State = "lost"
	// Stopped is not tried any more because the order was pulled. Final.
	Stopped State = "stopped"
	// GivenUp was tried as often as the provider tries. Final.
	GivenUp State = "given_up"
)

// Message is a callback as its provider wrote it. Sign, Accepted and Retry are
// required.
type Message struct {
	Provider, Order, External string
	What                      string   // the state that it tells, for people
	Faults                    []string // what has been done to it
	URL                       string
	Body                      []byte // a JSON object
	Pad                       int    // bytes of padding put into the object when it is sent
	// Proof is the name of the header that has the signature, as Sign writes it;
	// empty for providers that do not sign.
	Proof string
	// Sign returns the headers of an attempt at that time over these bytes.
	Sign func(at time.Time, body []byte) http.Header
	// Accepted judges the answer.
	Accepted func(status int, answer []byte) bool
	// Retry is the wait before retry n, from 0, of that delivery; false gives up.
	Retry func(delivery string, n int) (time.Duration, bool)
	// Delivered is called after an accepted attempt; nil is fine.
	Delivered func()
}

// Plan is what happens to a message on its way. The zero Plan sends it once,
// as soon as possible, beside whatever else goes on.
type Plan struct {
	Lost, Held bool
	Delay      time.Duration
	Copies     int  // further deliveries of the same bytes
	AtOnce     bool // the first attempt is made before Send returns
}

// Attempt is one try to deliver.
type Attempt struct {
	At     time.Time `json:"at"`
	Status int       `json:"status"` // 0 when nobody answered
	Answer string    `json:"answer,omitempty"`
	Error  string    `json:"error,omitempty"`
}

// Delivery is one message on its way, as it stands now.
type Delivery struct {
	ID         string            `json:"id"` // "d1", "d2" …
	Provider   string            `json:"provider"`
	Order      string            `json:"order"`
	ExternalID string            `json:"external_id"`
	What       string            `json:"what"`
	Faults     []string          `json:"faults,omitempty"`
	ReplayOf   string            `json:"replay_of,omitempty"`
	State      State             `json:"state"`
	URL        string            `json:"url"`
	Header     map[string]string `json:"header"` // of the latest attempt, or of one made now
	Signature  string            `json:"signature"`
	Body       string            `json:"body"` // without the padding
	Pad        int               `json:"pad,omitempty"`
	CreatedAt  time.Time         `json:"created_at"`
	NextAt     *time.Time        `json:"next_at,omitempty"`
	Tries      int               `json:"tries"`
	Attempts   []Attempt         `json:"attempts"` // the latest 20
}

// Movable reports whether Release would send it.
func (d Delivery) Movable() bool {
	return d.State == Held || d.State == Waiting || d.State == Following
}

// Post is the post office of the sandbox.
type Post struct {
	clock *Clock
	http  *http.Client
	log   *slog.Logger

	mu   sync.Mutex
	n    int
	list *Keep[*letter]
}

// letter is a delivery with what it takes to make it. The lock of the post
// office guards it; message never changes.
type letter struct {
	message   Message
	view      Delivery
	drop      func() // takes the appointment back
	stop      bool   // no retry after the attempt under way
	tried     bool
	followers []follower
}

type follower struct {
	letter *letter
	delay  time.Duration
}

func newPost(clock *Clock, client *http.Client, log *slog.Logger, limit int) *Post {
	return &Post{clock: clock, http: client, log: log, list: NewKeep[*letter](limit)}
}

// Send takes a message and returns its deliveries: one, and one more for each
// copy of the plan.
func (p *Post) Send(ctx context.Context, m Message, plan Plan) []Delivery {
	letters := make([]*letter, 0, 1+plan.Copies)
	for range 1 + plan.Copies {
		letters = append(letters, p.accept(m, plan.state(), ""))
	}
	for _, l := range letters {
		switch {
		case plan.Lost, plan.Held:
		case plan.AtOnce:
			p.attempt(ctx, l)
		default:
			p.appoint(l, plan.Delay)
		}
	}
	return p.views(letters)
}

func (plan Plan) state() State {
	switch {
	case plan.Lost:
		return Lost
	case plan.Held:
		return Held
	}
	return Waiting
}

// SendAfter takes a message that is to follow another delivery: delay after
// that one's first attempt, or after now if that is over, lost or forgotten.
func (p *Post) SendAfter(first string, m Message, delay time.Duration) Delivery {
	l := p.accept(m, Following, "")
	p.mu.Lock()
	leader, ok := p.list.Get(first)
	waits := ok && !leader.tried && leader.view.State != Lost
	if waits {
		leader.followers = append(leader.followers, follower{letter: l, delay: delay})
	}
	p.mu.Unlock()
	if !waits {
		p.appoint(l, delay)
	}
	return p.views([]*letter{l})[0]
}

// Replay sends the bytes of a delivery again, in n new deliveries.
func (p *Post) Replay(id string, n int, delay time.Duration) ([]Delivery, error) {
	if n < 1 || n > maxReplays {
		return nil, &RefusedError{Says: fmt.Sprintf("times is a number from 1 to %d", maxReplays)}
	}
	if delay < 0 || delay > maxDelay {
		return nil, &RefusedError{Says: "delay is from 0s to " + maxDelay.String()}
	}
	p.mu.Lock()
	original, ok := p.list.Get(id)
	p.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("world: delivery %q: %w", id, ErrNotFound)
	}
	letters := make([]*letter, 0, n)
	for range n {
		l := p.accept(original.message, Waiting, id)
		p.appoint(l, delay)
		letters = append(letters, l)
	}
	return p.views(letters), nil
}

// Release sends a delivery now that is held or has an appointment later.
func (p *Post) Release(id string) (Delivery, error) {
	p.mu.Lock()
	l, ok := p.list.Get(id)
	if !ok {
		p.mu.Unlock()
		return Delivery{}, fmt.Errorf("world: delivery %q: %w", id, ErrNotFound)
	}
	state, movable := l.view.State, l.view.Movable()
	p.mu.Unlock()
	if !movable {
		return Delivery{}, &RefusedError{Says: fmt.Sprintf("delivery %s is %s; only one that is held or waiting can be released", id, state)}
	}
	p.appoint(l, 0)
	return p.views([]*letter{l})[0], nil
}

// ReleaseHeld sends all deliveries that are held, oldest first, and says how
// many there were.
func (p *Post) ReleaseHeld() int {
	var held []*letter
	p.mu.Lock()
	for l := range p.list.Newest {
		if l.view.State == Held {
			held = append(held, l)
		}
	}
	p.mu.Unlock()
	slices.Reverse(held)
	for _, l := range held {
		p.appoint(l, 0)
	}
	return len(held)
}

// Held is how many deliveries wait to be released.
func (p *Post) Held() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for l := range p.list.Newest {
		if l.view.State == Held {
			n++
		}
	}
	return n
}

// Stop gives up every delivery about an order: the shop has pulled it.
func (p *Post) Stop(provider, order string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.list.Newest {
		if l.view.Provider != provider || l.view.Order != order {
			continue
		}
		l.stop = true
		if l.view.Movable() {
			l.unappoint()
			l.view.State = Stopped
		}
	}
}

// Delivery returns one delivery.
func (p *Post) Delivery(id string) (Delivery, bool) {
	p.mu.Lock()
	l, ok := p.list.Get(id)
	p.mu.Unlock()
	if !ok {
		return Delivery{}, false
	}
	return p.views([]*letter{l})[0], true
}

// Latest returns up to limit deliveries, newest first; 0 means all. With an
// order, by the provider's or the shop's name, only those about it.
func (p *Post) Latest(limit int, order string) []Delivery {
	p.mu.Lock()
	defer p.mu.Unlock()
	found := []Delivery{}
	for l := range p.list.Newest {
		if order != "" && order != l.view.Order && order != l.view.ExternalID {
			continue
		}
		found = append(found, l.copy())
		if len(found) == limit {
			break
		}
	}
	return found
}

// accept writes a message down.
func (p *Post) accept(m Message, state State, replayOf string) *letter {
	now := p.clock.Now()
	l := &letter{message: m, drop: func() {}, view: Delivery{
		Provider: m.Provider, Order: m.Order, ExternalID: m.External, What: m.What, Faults: m.Faults,
		ReplayOf: replayOf, State: state, URL: m.URL, Body: string(m.Body), Pad: m.Pad, CreatedAt: now,
		Header: flat(m.Sign(now, m.bytes())),
	}}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	l.view.Signature = l.view.Header[m.Proof]
	l.view.ID = "d" + strconv.Itoa(p.n)
	if old, forgot := p.list.Put(l.view.ID, l); forgot {
		old.stop = true
		old.unappoint()
	}
	return l
}

// appoint makes an appointment for the next attempt, in place of any other. It
// does nothing to a letter that is being sent or that is finished with.
func (p *Post) appoint(l *letter, delay time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !l.view.Movable() {
		return
	}
	l.unappoint()
	l.view.State = Waiting
	at := p.clock.Now().Add(delay)
	l.view.NextAt = &at
	l.drop = p.clock.After(delay, func(ctx context.Context) { p.attempt(ctx, l) })
}

func (l *letter) unappoint() {
	l.drop()
	l.drop, l.view.NextAt = func() {}, nil
}

// attempt makes one try, writes down what came of it, and sees to what follows.
func (p *Post) attempt(ctx context.Context, l *letter) {
	p.mu.Lock()
	if l.view.State != Waiting {
		p.mu.Unlock()
		return
	}
	l.unappoint()
	l.view.State = Sending
	p.mu.Unlock()

	now, body := p.clock.Now(), l.message.bytes()
	header := l.message.Sign(now, body)
	try, accepted := p.deliver(ctx, l.message, header, body)
	try.At = now
	p.log.InfoContext(ctx, "callback attempted", slog.String("provider", l.message.Provider),
		slog.String("order", l.message.Order), slog.Int("status", try.Status), slog.Bool("accepted", accepted))

	followers := p.record(l, try, flat(header), accepted)
	for _, f := range followers {
		p.appoint(f.letter, f.delay)
	}
	if accepted && l.message.Delivered != nil {
		l.message.Delivered()
	}
}

// record writes an attempt down and makes the next appointment. It returns
// those that have been waiting for this one.
func (p *Post) record(l *letter, try Attempt, header map[string]string, accepted bool) []follower {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.tried = true
	l.view.Header, l.view.Signature = header, header[l.message.Proof]
	l.view.Tries++
	l.view.Attempts = append(l.view.Attempts, try)
	if len(l.view.Attempts) > maxAttempts {
		l.view.Attempts = slices.Clone(l.view.Attempts[1:])
	}
	wait, again := l.message.Retry(l.view.ID, l.view.Tries-1)
	switch {
	case accepted:
		l.view.State = Delivered
	case l.stop:
		l.view.State = Stopped
	case !again:
		l.view.State = GivenUp
	default:
		l.view.State = Waiting
		at := p.clock.Now().Add(wait)
		l.view.NextAt = &at
		l.drop = p.clock.After(wait, func(ctx context.Context) { p.attempt(ctx, l) })
	}
	followers := l.followers
	l.followers = nil
	return followers
}

func (p *Post) deliver(ctx context.Context, m Message, header http.Header, body []byte) (Attempt, bool) {
	ctx, cancel := context.WithTimeout(ctx, deliveryTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL, bytes.NewReader(body))
	if err != nil {
		return Attempt{Error: err.Error()}, false
	}
	req.Header = header
	resp, err := p.http.Do(req)
	if err != nil {
		return Attempt{Error: err.Error()}, false
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return Attempt{Status: resp.StatusCode, Error: err.Error()}, false
	}
	return Attempt{Status: resp.StatusCode, Answer: string(answer[:min(len(answer), maxQuote)])},
		m.Accepted(resp.StatusCode, answer)
}

func (p *Post) views(letters []*letter) []Delivery {
	p.mu.Lock()
	defer p.mu.Unlock()
	views := make([]Delivery, 0, len(letters))
	for _, l := range letters {
		views = append(views, l.copy())
	}
	return views
}

func (p *Post) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.list.Newest {
		l.stop = true
		l.unappoint()
	}
	p.n = 0
	p.list.Clear()
}

func (l *letter) copy() Delivery {
	view := l.view
	view.Attempts = append([]Attempt{}, l.view.Attempts...)
	return view
}

// bytes is the body as it is sent.
func (m Message) bytes() []byte {
	if m.Pad == 0 {
		return m.Body
	}
	return Padded(m.Body, m.Pad)
}

// Padded puts a field of n bytes at the beginning of a JSON object that has at
// least one field, so that a reader who stops early has read nothing of it.
func Padded(object []byte, n int) []byte {
	padded := make([]byte, 0, len(object)+n+len(`{"padding":"",`))
	padded = append(padded, `{"padding":"`...)
	padded = append(padded, bytes.Repeat([]byte("x"), n)...)
	padded = append(padded, `",`...)
	return append(padded, bytes.TrimPrefix(object, []byte("{"))...)
}

func flat(header http.Header) map[string]string {
	m := make(map[string]string, len(header))
	for name, values := range header {
		m[name] = strings.Join(values, ", ")
	}
	return m
}
