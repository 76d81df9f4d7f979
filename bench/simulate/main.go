// Simulate plays a shop and its five providers, thousands of times and in one
// process, and says where an invariant of the design did not hold. The same seed
// gives the same run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"time"

	"till/bench/simulate/world"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "simulate:", err)
		os.Exit(1)
	}
}

// errBroken is why a simulation that found something ends badly.
var errBroken = errors.New("an invariant did not hold")

func run(ctx context.Context, args []string, out io.Writer) error {
	var cfg world.Series
	set := flag.NewFlagSet("simulate", flag.ContinueOnError)
	set.Uint64Var(&cfg.Seed, "seed", 1, "the first run's seed; the next one's is one more")
	set.IntVar(&cfg.Runs, "runs", 2000, "how many runs")
	set.IntVar(&cfg.Steps, "steps", world.DefaultSteps, "how many things happen in a run")
	set.StringVar((*string)(&cfg.Plant), "plant", "", fmt.Sprintf("a bug to be found: one of %v", world.Plants()))
	set.IntVar(&cfg.Most, "most", 10, "after so many findings it ends")
	set.BoolVar(&cfg.Trace, "v", false, "print every step of every run")
	count := set.Bool("count", false, "print what there was at the ends, and how often")
	if err := set.Parse(args); err != nil {
		return err
	}
	cfg.Out = out
	began := time.Now()
	sum, err := cfg.Run(ctx)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(out, "%s in %s\n", sum, time.Since(began).Round(time.Millisecond))
	if *count {
		for _, what := range slices.Sorted(maps.Keys(sum.Seen)) {
			_, _ = fmt.Fprintf(out, "%8d %s\n", sum.Seen[what], what)
		}
	}
	if len(sum.Found) > 0 {
		return errBroken
	}
	return nil
}
