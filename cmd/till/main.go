// Command till is all of Till: the shop with its dashboard, the same as a demo
// with a sandbox beside it, and the few things that an owner does from a
// terminal. Everything is wired by hand here, and nowhere else.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // TILL_TIMEZONE works where the system has no table of zones

	"github.com/alecthomas/kong"
)

// version is set when a release is built.
var version = "dev"

// The exit statuses.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2 // the command line, the settings or a file must be changed first
)

func main() {
	time.Local = time.UTC // jobs and SQLite keep times as local text
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, outside{
		args: os.Args[1:], environ: os.Environ(), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr,
	}))
}

// outside is what the program has of the world, so that a test can be it.
type outside struct {
	args    []string
	environ []string // NAME=value
	dir     string   // where the demo keeps its file; empty is the current folder
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
}

// now is the real time.
func now() time.Time { return time.Now().UTC() }

// cli is the command line. Each command says the rest itself.
type cli struct {
	Serve     serveCmd   `cmd:"" help:"Run the shop and its dashboard."`
	Demo      demoCmd    `cmd:"" help:"Try it: a shop with a past, and payment providers that are only played."`
	Sandbox   sandboxCmd `cmd:"" help:"Run only the played payment providers."`
	Migrate   migrateCmd `cmd:"" help:"Bring the database to this version, and do nothing else."`
	Verify    verifyCmd  `cmd:"" help:"Prove that the books are right, and change nothing."`
	Catalogue struct {
		Import importCmd `cmd:"" help:"Make the catalogue what a file says."`
		Export exportCmd `cmd:"" help:"Write the catalogue as such a file."`
	} `cmd:"" help:"What is for sale, as a CSV file."`
	Staff struct {
		Add          staffAddCmd      `cmd:"" help:"Let somebody into the dashboard."`
		Password     staffPasswordCmd `cmd:"" help:"Give somebody a new password."`
		SecondFactor staffFactorCmd   `cmd:"" help:"Turn off a second factor that was lost."`
	} `cmd:"" help:"Who may see the dashboard."`
	Version versionCmd `cmd:"" help:"Print the version."`
}

const description = `Till is a self-hosted checkout: one program, one file of data. Shoppers fill a cart and pay on their
payment provider's own page; the shop's staff see every order, payment and fact about it in a dashboard.

First steps:

    till demo                                               a shop to try
    till catalogue import products.csv                      your own: its shelf,
    till staff add --email you@shop.example --role owner    its staff,
    till serve                                              and its door

Settings are environment variables; "till serve --help" lists them.

Exit status: 0 done; 1 it did not work; 2 the command line, the settings or a file must be changed first, and every
problem was named.`

// run is the whole program. It returns the exit status.
func run(ctx context.Context, o outside) int {
	var c cli
	left := -1
	parser, err := kong.New(&c, kong.Name("till"), kong.Description(description), kong.Writers(o.stdout, o.stderr),
		kong.Exit(func(status int) { left = status }), kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(&o))
	if err != nil {
		_, _ = fmt.Fprintln(o.stderr, "till:", err)
		return exitFailed
	}
	command, err := parser.Parse(o.args)
	if left >= 0 { // --help has been printed
		return left
	}
	if err != nil {
		_, _ = fmt.Fprintf(o.stderr, "till: %v\nRun \"till --help\" to see what there is.\n", err)
		return exitUsage
	}
	return o.status(command.Run())
}

// status tells of an error and turns it into an exit status.
func (o *outside) status(err error) int {
	var p *problemsError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &p):
		_, _ = fmt.Fprint(o.stderr, p.list())
		return exitUsage
	default:
		_, _ = fmt.Fprintln(o.stderr, "till:", err)
		return exitFailed
	}
}

// problemsError is everything that is wrong with what somebody wrote.
type problemsError struct {
	what  string // "the settings", "products.csv"
	lines []string
}

// Error implements error.
func (p *problemsError) Error() string {
	return fmt.Sprintf("%s: %s", p.what, strings.Join(p.lines, "; "))
}

func (p *problemsError) list() string {
	noun := "problems"
	if len(p.lines) == 1 {
		noun = "problem"
	}
	return fmt.Sprintf("till: %d %s with %s:\n  %s\n", len(p.lines), noun, p.what, strings.Join(p.lines, "\n  "))
}

type versionCmd struct{}

// Run prints the version and what it was built from.
func (versionCmd) Run(o *outside) error {
	built := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				built = " " + s.Value[:min(12, len(s.Value))]
			}
		}
	}
	_, err := fmt.Fprintf(o.stdout, "till %s%s %s %s/%s\n", version, built, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
