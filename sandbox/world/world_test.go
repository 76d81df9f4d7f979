package world

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var start = time.Date(2024, 5, 1, 10, 0, 0, 0, time.UTC)

func setup(t *testing.T) *World {
	t.Helper()
	w := New(Options{Now: func() time.Time { return start }, Seed: 7, Log: slog.New(slog.DiscardHandler), MaxDeliveries: 3})
	t.Cleanup(w.Close)
	return w
}

func TestClock_ThingsHappenAtTheirTime(t *testing.T) {
	c := setup(t).Clock
	var mu sync.Mutex
	var story []string
	note := func(what string) func(context.Context) {
		return func(context.Context) {
			mu.Lock()
			defer mu.Unlock()
			story = append(story, what+" "+c.Now().Sub(start).String())
		}
	}
	c.After(3*time.Second, note("c"))
	c.After(time.Second, func(ctx context.Context) {
		note("a")(ctx)
		c.After(time.Second, note("b")) // follows within the same advance
	})
	drop := c.After(2*time.Second, note("dropped"))
	c.After(time.Minute, note("too late"))
	drop()
	drop()
	if err := c.Advance(t.Context(), 10*time.Second); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a 1s", "b 2s", "c 3s"}; !slices.Equal(story, want) {
		t.Errorf("got %q, want %q", story, want)
	}
	if got := c.Ahead(); got != 10*time.Second {
		t.Errorf("ahead %s", got)
	}
	if got := c.Pending(); got != 1 {
		t.Errorf("%d pending", got)
	}
}

func TestClock_ManyAtOnce(t *testing.T) {
	c := setup(t).Clock
	var mu sync.Mutex
	n := 0
	for range 500 {
		c.After(time.Second, func(context.Context) { mu.Lock(); n++; mu.Unlock() })
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := c.Advance(t.Context(), time.Second); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n != 500 {
		t.Errorf("%d of 500 happened", n)
	}
}

func TestClock_Sleep(t *testing.T) {
	w := setup(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Clock.Sleep(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if got := w.Clock.Pending(); got != 0 {
		t.Errorf("%d pending after it was cancelled", got)
	}
	slept := make(chan error)
	go func() { slept <- w.Clock.Sleep(t.Context(), time.Hour) }()
	for w.Clock.Pending() == 0 {
		continue
	}
	w.Reset(7)
	if err := <-slept; err != nil {
		t.Errorf("reset: %v", err)
	}
	go func() { slept <- w.Clock.Sleep(t.Context(), time.Hour) }()
	for w.Clock.Pending() == 0 {
		continue
	}
	w.Close()
	if err := <-slept; !errors.Is(err, ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	w.Close()
	if err := w.Clock.Advance(t.Context(), time.Second); !errors.Is(err, ErrClosed) {
		t.Errorf("advance after the end: %v", err)
	}
}

func TestClock_DrainHasADeadline(t *testing.T) {
	c := setup(t).Clock
	release := make(chan struct{})
	c.After(0, func(context.Context) { <-release })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Drain(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(release)
	if err := c.Drain(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestKeep(t *testing.T) {
	k := NewKeep[int](3)
	for n := range 100 {
		old, forgot := k.Put(strconv.Itoa(n), n)
		if forgot != (n >= 3) || (forgot && old != n-3) {
			t.Fatalf("after %d: forgot %d, %v", n, old, forgot)
		}
	}
	if got := slices.Collect(k.Newest); !slices.Equal(got, []int{99, 98, 97}) {
		t.Errorf("kept %v", got)
	}
	if len(k.order) > 7 {
		t.Errorf("remembers %d names", len(k.order))
	}
	if _, ok := k.Get("96"); ok {
		t.Error("96 is still there")
	}
	k.Clear()
	if k.Len() != 0 || len(slices.Collect(k.Newest)) != 0 {
		t.Error("not cleared")
	}
}

func TestSeed(t *testing.T) {
	w := setup(t)
	a := w.Hex(24, "order", 1)
	if a != w.Hex(24, "order", 1) || a == w.Hex(24, "order", 2) || a == w.Hex(24, "order1") || len(a) != 24 {
		t.Errorf("hex %s", a)
	}
	for n := range 100 {
		if j := w.Jitter(time.Second, n); j < 0 || j >= time.Second {
			t.Errorf("jitter %s", j)
		}
	}
	if w.Jitter(0, 1) != 0 {
		t.Error("jitter of nothing")
	}
	w.Reset(8)
	if a == w.Hex(24, "order", 1) {
		t.Error("two seeds, one name")
	}
}

func message(to string) Message {
	return Message{
		Provider: "acme", Order: "a1", External: "o1", What: "paid", URL: to, Body: []byte(`{"id":"a1"}`),
		Sign:     func(time.Time, []byte) http.Header { return http.Header{} },
		Accepted: func(status int, _ []byte) bool { return status/100 == 2 },
		Retry: func(_ string, n int) (time.Duration, bool) {
			waits := []time.Duration{time.Second, 5 * time.Second, 25 * time.Second}
			if n >= len(waits) {
				return 0, false
			}
			return waits[n], true
		},
	}
}

// A provider may give up, and an old delivery that is forgotten is never made.
func TestPost_GivesUpAndForgets(t *testing.T) {
	w := setup(t)
	d := w.Post.Send(t.Context(), message("http://127.0.0.1:1/"), Plan{})[0]
	if err := w.Clock.Advance(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	now, _ := w.Post.Delivery(d.ID)
	if now.State != GivenUp || now.Tries != 4 {
		t.Errorf("%s after %d tries", now.State, now.Tries)
	}
	if got := now.Attempts[3].At.Sub(start); got != 31*time.Second {
		t.Errorf("the last try came after %s", got)
	}
	for range 4 {
		w.Post.Send(t.Context(), message("http://127.0.0.1:1/"), Plan{Delay: time.Minute})
	}
	if got := w.Clock.Pending(); got != 3 {
		t.Errorf("%d pending, but only 3 deliveries are kept", got)
	}
	if _, ok := w.Post.Delivery(d.ID); ok {
		t.Error("the oldest is still there")
	}
}

func TestPost_NoSuchAddress(t *testing.T) {
	w := setup(t)
	d := w.Post.Send(t.Context(), message("http://\x7f/"), Plan{AtOnce: true})[0]
	if d.State != Waiting || d.Attempts[0].Error == "" {
		t.Errorf("%+v", d)
	}
}

func TestPadded(t *testing.T) {
	if got := string(Padded([]byte(`{"id":1}`), 3)); got != `{"padding":"xxx","id":1}` {
		t.Error(got)
	}
}

func TestFaults_Bounded(t *testing.T) {
	f := newFaults(func([]any) (sum [32]byte) { return sum })
	f.Offer("acme", []Fault{{Name: "x"}})
	for range maxRules {
		if _, err := f.Add(Wish{Provider: "acme", Fault: "x", Times: 1}); err != nil {
			t.Fatal(err)
		}
	}
	var refused *RefusedError
	if _, err := f.Add(Wish{Provider: "acme", Fault: "x"}); !errors.As(err, &refused) || !strings.Contains(err.Error(), "200") {
		t.Errorf("got %v", err)
	}
	f.Take("acme", "x", "")
	if _, err := f.Add(Wish{Provider: "acme", Fault: "x"}); err != nil {
		t.Errorf("a spent rule did not make room: %v", err)
	}
}

func TestClock_WalkDoesOneThingAfterTheOther(t *testing.T) {
	c := setup(t).Clock
	var story []string // without a lock: everything happens in this goroutine
	note := func(what string) func(context.Context) {
		return func(context.Context) { story = append(story, what+" "+c.Now().Sub(start).String()) }
	}
	c.After(2*time.Second, note("c"))
	c.After(time.Second, func(ctx context.Context) {
		note("a")(ctx)
		c.After(0, note("b")) // follows at once, and before what comes later
	})
	c.After(2*time.Second, note("d"))
	c.After(time.Hour, note("too late"))
	if c.Step(t.Context()) {
		t.Error("did something before its time")
	}
	next, ok := c.Next()
	if !ok || !next.Equal(start.Add(time.Second)) {
		t.Errorf("next %s, %v", next, ok)
	}
	n, err := c.Walk(t.Context(), time.Minute)
	if want := []string{"a 1s", "b 1s", "c 2s", "d 2s"}; n != 4 || err != nil || !slices.Equal(story, want) {
		t.Errorf("%d things, %v: %q, want %q", n, err, story, want)
	}
	if got := c.Ahead(); got != time.Minute {
		t.Errorf("ahead %s", got)
	}
}

func TestClock_WalkEndsWithItsContextAndItsWorld(t *testing.T) {
	w := setup(t)
	ctx, cancel := context.WithCancel(t.Context())
	did := 0
	w.Clock.After(time.Second, func(context.Context) { did++; cancel() })
	w.Clock.After(time.Second, func(context.Context) { did++ })
	if n, err := w.Clock.Walk(ctx, time.Minute); n != 1 || did != 1 || !errors.Is(err, context.Canceled) {
		t.Errorf("%d things, %d done, %v", n, did, err)
	}
	w.Close()
	if n, err := w.Clock.Walk(t.Context(), time.Minute); n != 0 || did != 1 || !errors.Is(err, ErrClosed) {
		t.Errorf("%d things, %d done, %v", n, did, err)
	}
}

// What is being done by hand ends with the world, and Close waits for it.
func TestClock_CloseEndsAStep(t *testing.T) {
	w := setup(t)
	began, ended := make(chan struct{}), false
	w.Clock.After(0, func(ctx context.Context) {
		close(began)
		<-ctx.Done()
		ended = true
	})
	go w.Clock.Step(t.Context())
	<-began
	w.Close()
	if !ended {
		t.Error("it goes on")
	}
}

func TestKeep_TheSameNameAgain(t *testing.T) {
	k := NewKeep[int](2)
	k.Put("a", 1)
	k.Put("a", 2)
	k.Put("b", 3)
	if got := slices.Collect(k.Newest); !slices.Equal(got, []int{3, 2}) {
		t.Errorf("kept %v", got)
	}
	if old, forgot := k.Put("c", 4); !forgot || old != 2 {
		t.Errorf("forgot %d, %v", old, forgot)
	}
}

func TestFaults_KnowOrdersByEitherName(t *testing.T) {
	w := setup(t)
	f := w.Faults
	f.Offer("acme", []Fault{{Name: "x", Strikes: "order"}})
	if _, err := f.Add(Wish{Provider: "acme", Fault: "x", Total: "10.00"}); err != nil {
		t.Fatal(err)
	}
	strikes := func(refs ...string) bool {
		_, ok := f.Take("acme", "x", "", refs...)
		return ok
	}
	f.Meet("acme", "", "o1", "10") // before the provider has a name for it
	f.Meet("acme", "a1", "o1", "10")
	f.Meet("acme", "a2", "o1", "20.00") // the shop uses its name again
	f.Meet("acme", "a3", "", "10.0")    // and has none for this one
	f.Meet("other", "a9", "o9", "10.00")
	for _, tt := range []struct {
		name string
		refs []string
		want bool
	}{
		{"the first, by the provider's name", []string{"a1", "o1"}, true},
		{"the second", []string{"a2", "o1"}, false},
		{"without a name of the shop's", []string{"a3", ""}, true},
		{"of another provider", []string{"a9", "o9"}, false},
		{"not known", []string{"a7"}, false},
		{"none in hand", nil, false},
	} {
		if got := strikes(tt.refs...); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
	w.Reset(7)
	if strikes("a1") {
		t.Error("the rule has outlived a reset")
	}
}
