package world

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

const (
	// maxBusy is how many things may happen at once: a slow shop holds up at
	// most this many deliveries, not all of them.
	maxBusy = 32
	// maxNap is the longest the clock sleeps before it looks again, for the
	// case that the time was moved behind its back.
	maxNap = time.Minute
)

// Clock is the sandbox's own time: the time it was given plus what it was
// moved on by. It also holds what is to happen later. Things that are due
// happen in goroutines of their own, at most 32 at once.
type Clock struct {
	base   func() time.Time
	wake   chan struct{} // something may be due earlier than was thought
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	offset  time.Duration
	tasks   taskHeap
	seq     int
	busy    int
	closed  bool
	changed chan struct{} // closed and replaced whenever something ended
}

func newClock(base func() time.Time) *Clock {
	c := &Clock{base: base, wake: make(chan struct{}, 1), changed: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// Now is the sandbox's time, in UTC.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

func (c *Clock) now() time.Time { return c.base().Add(c.offset).UTC() }

// Ahead is how far the clock was moved on.
func (c *Clock) Ahead() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset
}

// Pending is how many things are to happen later.
func (c *Clock) Pending() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.tasks)
}

// Next is when the next thing is to happen; false when nothing is to.
func (c *Clock) Next() (time.Time, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.tasks) == 0 {
		return time.Time{}, false
	}
	return c.tasks[0].due.UTC(), true
}

// Step does the first thing that is due, in the caller's own goroutine, and
// reports whether there was one. Of things due at the same time the one that was
// asked for first is the first. It is for a world that nobody runs.
func (c *Clock) Step(ctx context.Context) bool {
	c.mu.Lock()
	if c.closed || !c.due() {
		c.mu.Unlock()
		return false
	}
	t, _ := heap.Pop(&c.tasks).(*task)
	c.busy++
	c.wg.Add(1)
	c.mu.Unlock()
	defer c.wg.Done()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.ctx, cancel)()
	t.run(ctx)
	c.ended()
	return true
}

// Walk moves the time on by d as Advance does, but does one thing after the
// other in the caller's own goroutine, and says how many there were. The same
// calls so give the same story. The error is the context's, or ErrClosed.
func (c *Clock) Walk(ctx context.Context, d time.Duration) (n int, err error) {
	target := c.Now().Add(d)
	for {
		for c.Step(ctx) {
			n++
			if err := ctx.Err(); err != nil {
				return n, err
			}
		}
		c.mu.Lock()
		closed, last := c.closed, len(c.tasks) == 0 || c.tasks[0].due.After(target)
		switch {
		case closed:
		case last:
			c.moveTo(target)
		default:
			c.moveTo(c.tasks[0].due)
		}
		c.mu.Unlock()
		switch {
		case closed:
			return n, ErrClosed
		case last:
			return n, ctx.Err()
		}
	}
}

// After has run called once in d, by this clock. The returned function takes
// the appointment back; it does nothing once run has begun. The context that
// run gets ends when the world is closed. On a closed clock nothing happens.
func (c *Clock) After(d time.Duration, run func(context.Context)) (drop func()) {
	return c.after(d, run, func() {})
}

func (c *Clock) after(d time.Duration, run func(context.Context), dropped func()) (drop func()) {
	c.mu.Lock()
	c.seq++
	t := &task{due: c.now().Add(d), seq: c.seq, run: run, dropped: dropped}
	heap.Push(&c.tasks, t)
	c.mu.Unlock()
	c.nudge()
	return func() { c.drop(t) }
}

// Sleep waits until d has passed by this clock. It returns early with an error
// when ctx ends or the world is closed; after a reset it returns at once.
func (c *Clock) Sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	done := make(chan struct{})
	drop := c.after(d, func(context.Context) { close(done) }, func() { close(done) })
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		drop()
		return ctx.Err()
	case <-c.ctx.Done():
		return ErrClosed
	}
}

// Advance moves the time on by d. What falls due on the way happens at its own
// time and is finished before Advance returns, with everything that follows
// from it within d. A callback that fails is so tried again as often as the
// schedule has room for.
func (c *Clock) Advance(ctx context.Context, d time.Duration) error {
	target := c.Now().Add(d)
	for {
		if err := c.Drain(ctx); err != nil {
			return err
		}
		c.mu.Lock()
		last := len(c.tasks) == 0 || c.tasks[0].due.After(target)
		if last {
			c.moveTo(target)
		} else {
			c.moveTo(c.tasks[0].due)
		}
		c.mu.Unlock()
		if last {
			return c.Drain(ctx)
		}
	}
}

// Drain waits until nothing is due and nothing is under way.
func (c *Clock) Drain(ctx context.Context) error {
	for {
		c.dispatch()
		c.mu.Lock()
		closed, quiet, changed := c.closed, c.busy == 0 && !c.due(), c.changed
		c.mu.Unlock()
		switch {
		case closed:
			return ErrClosed
		case quiet:
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (c *Clock) moveTo(t time.Time) {
	if d := t.Sub(c.now()); d > 0 {
		c.offset += d
	}
}

func (c *Clock) due() bool {
	return len(c.tasks) > 0 && !c.tasks[0].due.After(c.now())
}

// run keeps time until ctx ends.
func (c *Clock) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		c.dispatch()
		timer.Reset(c.nap())
		select {
		case <-ctx.Done():
			return
		case <-c.ctx.Done():
			return
		case <-c.wake:
		case <-timer.C:
		}
	}
}

// nap is how long nothing will be due. While everybody is busy it is long,
// because whoever ends looks for the next thing itself.
func (c *Clock) nap() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.tasks) == 0 || c.busy >= maxBusy {
		return maxNap
	}
	return min(maxNap, max(0, c.tasks[0].due.Sub(c.now())))
}

func (c *Clock) nudge() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *Clock) dispatch() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.closed && c.busy < maxBusy && c.due() {
		t, _ := heap.Pop(&c.tasks).(*task)
		c.busy++
		c.wg.Go(func() { c.work(t) })
	}
}

func (c *Clock) work(t *task) {
	t.run(c.ctx)
	c.ended()
	c.dispatch()
	c.nudge()
}

// ended tells those who wait that something was done.
func (c *Clock) ended() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy--
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *Clock) drop(t *task) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.index >= 0 {
		heap.Remove(&c.tasks, t.index)
	}
}

func (c *Clock) reset() {
	c.mu.Lock()
	dropped := c.tasks
	c.tasks, c.offset = nil, 0
	for _, t := range dropped {
		t.index = -1
	}
	c.mu.Unlock()
	for _, t := range dropped {
		t.dropped()
	}
}

func (c *Clock) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.wg.Wait()
}

// task is one thing to happen later. index is its place in the heap, -1 when
// it is no longer there.
type task struct {
	due     time.Time
	seq     int
	index   int
	run     func(context.Context)
	dropped func()
}

// taskHeap implements heap.Interface: the earliest first, and of two at the
// same time the one that was asked for first.
type taskHeap []*task

func (h taskHeap) Len() int { return len(h) }

func (h taskHeap) Less(i, j int) bool {
	if h[i].due.Equal(h[j].due) {
		return h[i].seq < h[j].seq
	}
	return h[i].due.Before(h[j].due)
}

func (h taskHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

// Push implements heap.Interface.
func (h *taskHeap) Push(x any) {
	t, _ := x.(*task)
	t.index = len(*h)
	*h = append(*h, t)
}

// Pop implements heap.Interface.
func (h *taskHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	old[len(old)-1] = nil
	t.index = -1
	*h = old[:len(old)-1]
	return t
}
