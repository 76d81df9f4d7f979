// Seed fills an empty database with a shop's past of any size.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"till/bench/shop"
	"till/handlers/admin"
	"till/jobs"
	"till/models"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "seed:", err)
		os.Exit(1)
	}
}

const (
	owner    = "owner@example.test"
	password = "kauri-rata-kowhai-totara" //nolint:gosec // of a shop that nobody owns
)

func run(ctx context.Context, args []string, out io.Writer) (err error) {
	time.Local = time.UTC
	set := flag.NewFlagSet("seed", flag.ContinueOnError)
	name := set.String("database", "till-seed.db", "an empty database: a file, or postgres://…")
	p := shop.Past{Until: time.Now().UTC()}
	set.IntVar(&p.Orders, "orders", 10_000, "how many orders")
	set.Uint64Var(&p.Seed, "seed", 1, "the same seed gives the same past")
	days := set.Int("days", 730, "from the oldest order to now")
	if err := set.Parse(args); err != nil {
		return err
	}
	p.Span = time.Duration(*days) * 24 * time.Hour
	db, err := models.Open(ctx, models.Options{Name: *name, Now: time.Now})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Migrate(ctx); err != nil {
		return err
	}
	if err := jobs.Migrate(ctx, db); err != nil {
		return err
	}
	began := time.Now()
	p.Batch = func(done int) {
		_, _ = fmt.Fprintf(out, "%9d orders after %s\n", done, time.Since(began).Round(time.Second))
	}
	if err := shop.Fill(ctx, db, p); err != nil {
		return err
	}
	hash, err := admin.HashPassword(password)
	if err != nil {
		return err
	}
	if _, err := models.NewStaff(db).Add(ctx, owner, models.RoleOwner, hash); err != nil && !errors.Is(err, models.ErrDuplicate) {
		return err
	}
	_, err = fmt.Fprintf(out, "%d orders in %s after %s. Sign in as %s with %s\n", p.Orders, *name, time.Since(began).Round(time.Second), owner, password)
	return err
}
