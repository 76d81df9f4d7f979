package world

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"

	"github.com/gin-gonic/gin"
)

// Series is many runs, as many at a time as there are processors.
type Series struct {
	Seed  uint64 // of the first run
	Runs  int
	Steps int // of each; 0 is DefaultSteps
	Plant Plant
	Most  int       // after so many findings no new run begins; 0 for no end
	Dir   string    // where databases are kept; empty is in memory where that is possible
	Out   io.Writer // gets every finding, in the order of the seeds
	Trace bool      // with every step of every run
}

// Summary is what a series came to.
type Summary struct {
	Runs, Orders, Payments, Deaths, Visits int
	Found                                  []Result // the runs in which something was broken
	Seen                                   map[string]int
}

func (s Summary) String() string {
	return fmt.Sprintf("%d runs, %d orders, %d payments, %d deaths of the process, %d interruptions: %d broken",
		s.Runs, s.Orders, s.Payments, s.Deaths, s.Visits, len(s.Found))
}

// Run makes the runs. The error says that one could not be made.
func (s Series) Run(ctx context.Context) (Summary, error) {
	if s.Plant != "" && !slices.Contains(Plants(), s.Plant) {
		return Summary{}, fmt.Errorf("nobody knows how to plant %q; there are %v", s.Plant, Plants())
	}
	if s.Runs < 1 || s.Steps < 0 {
		return Summary{}, fmt.Errorf("%d runs of %d steps are none", s.Runs, s.Steps)
	}
	gin.SetMode(gin.ReleaseMode)
	template, err := NewTemplate(ctx, s.Dir)
	if err != nil {
		return Summary{}, err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var mu sync.Mutex
	sum := Summary{Seen: map[string]int{}}
	next := 0
	take := func() (seed uint64, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		if next >= s.Runs || ctx.Err() != nil || s.Most > 0 && len(sum.Found) >= s.Most {
			return 0, false
		}
		next++
		return s.Seed + uint64(next-1), true //nolint:gosec // not negative
	}
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), s.Runs) {
		wg.Go(func() {
			for seed, ok := take(); ok; seed, ok = take() {
				var trace bytes.Buffer
				cfg := Config{Seed: seed, Steps: s.Steps, Template: template, Plant: s.Plant}
				if s.Trace {
					cfg.Trace = &trace
				}
				r, err := Run(ctx, cfg)
				mu.Lock()
				if err != nil {
					stop(err)
				}
				sum.add(r)
				_, _ = s.out().Write(trace.Bytes())
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if err := context.Cause(ctx); err != nil {
		return sum, err
	}
	slices.SortFunc(sum.Found, func(a, b Result) int { return int(a.Seed) - int(b.Seed) }) //nolint:gosec // near each other
	for _, r := range sum.Found {
		for _, b := range r.Broken {
			_, _ = fmt.Fprintf(s.out(), "seed %d: %s\n", r.Seed, b)
		}
		_, _ = fmt.Fprintf(s.out(), "    %s\n", r.Command(s.Steps, s.Plant))
	}
	return sum, nil
}

func (s Series) out() io.Writer {
	if s.Out == nil {
		return io.Discard
	}
	return s.Out
}

func (s *Summary) add(r Result) {
	s.Runs++
	s.Orders += r.Orders
	s.Payments += r.Payments
	s.Deaths += r.Deaths
	s.Visits += r.Visits
	for what, n := range r.Seen {
		s.Seen[what] += n
	}
	if len(r.Broken) > 0 {
		s.Found = append(s.Found, r)
	}
}
