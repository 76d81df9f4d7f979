package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"time"

	"till/sandbox"
)

// boxFinish is for requests in hand at the sandbox, which may be slow on
// purpose.
const boxFinish = time.Second

type sandboxCmd struct {
	Seed     int64  `default:"1" help:"Where everything invented comes from: the same seed and the same calls give the same ids, tokens and waits."`
	ShopURL  string `placeholder:"URL" help:"The shop that it plays for: a link on the console, and whom the Payment Gateway Manager calls."`
	ShopName string `placeholder:"NAME" help:"Whom one pays, on the providers' pages."`
	Env      bool   `help:"Print what a shop sets to use all five, and end."`
}

// Help is the manual page.
func (sandboxCmd) Help() string {
	return `Plays iumiCash, Powens, the Payment Gateway Manager, the Gate and Vertex Gateway over HTTP, with their pages
and their callbacks, and misbehaves when it is told to: on its console (/), and for programs below /control. Everything is
in memory. Nothing here is real money.

It writes one JSON object per line to standard error; the one with "msg":"listening" has the address, and as
"iumicash_base_url", "powens_base_url" and so on what a shop needs as IUMICASH_BASE_URL, POWENS_BASE_URL and so on.

With --env it serves nothing and prints the lines of a shop's .env: base URLs, and the credentials that are not in the
environment already. What the environment has is what the sandbox takes: IUMICASH_CLIENT_ID and _CLIENT_SECRET, POWENS_CLIENT_ID,
_CLIENT_SECRET and _WEBHOOK_KEY, PGM_SECRET and _CALLBACK_SECRET, GATE_SECRET_KEY and _CALLBACK_KEY, VERTEX_TOKEN, _SHOP_ID and
_CALLBACK_SECRET, and the providers' _CURRENCIES. So never start it where real ones are set.

Powens and the Payment Gateway Manager take EUR: a shop offers them when it has prices in it.

Settings, as environment variables:

    TILL_SANDBOX_ADDR      where to listen; 127.0.0.1:8081; port 0 is any free one

Examples:

    till sandbox --shop-url http://127.0.0.1:8080
    till sandbox --env >> .env

Exit status: 0 stopped as asked, or printed; 1 it could not go on; 2 a setting must be changed first.`
}

// Run serves the sandbox, or prints how to use it.
func (c sandboxCmd) Run(ctx context.Context, o *outside) error {
	set := readSettings(o.environ)
	addr := set.addr("TILL_SANDBOX_ADDR", defaultSandboxAddr)
	if u, err := url.Parse(c.ShopURL); c.ShopURL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		set.wrong("--shop-url", "is not an address like http://127.0.0.1:8080")
	}
	if _, port, err := net.SplitHostPort(addr); c.Env && err == nil && port == "0" {
		set.wrong("TILL_SANDBOX_ADDR", "has the port 0, which --env cannot know the address of")
	}
	play := set.playedBy()
	if err := set.err(); err != nil {
		return err
	}
	play.Now, play.Seed, play.ShopURL, play.ShopName = now, c.Seed, c.ShopURL, c.ShopName
	log := slog.New(slog.NewJSONHandler(o.stderr, nil))
	play.Log = log
	box, err := sandbox.New(play)
	if err != nil {
		return err
	}
	if c.Env {
		defer box.Close()
		return c.env(o, set, addr, box)
	}
	ln, err := listen(ctx, "TILL_SANDBOX_ADDR", addr)
	if err != nil {
		box.Close()
		return err
	}
	return serveSandbox(ctx, ln, box, log)
}

// env prints what a shop sets.
func (c sandboxCmd) env(o *outside, set *settings, addr string, box *sandbox.Sandbox) error {
	at, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return err
	}
	for _, l := range set.played(box.Providers(urlAt(at)), cmp.Or(c.ShopName, "Your shop")) {
		if err := o.say("%s", l.dotenv()); err != nil {
			return err
		}
	}
	return nil
}

// serveSandbox answers on ln until ctx ends.
func serveSandbox(ctx context.Context, ln net.Listener, box *sandbox.Sandbox, log *slog.Logger) error {
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	ran := make(chan struct{})
	go func() { defer close(ran); box.Run(running) }()
	defer func() { stop(); <-ran }()
	srv := newServer(box.Handler(), log)
	srv.WriteTimeout = 10 * time.Minute // slow on purpose
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	at := []slog.Attr{slog.String("addr", ln.Addr().String())}
	for _, p := range box.Providers(urlOf(ln)) {
		at = append(at, slog.String(p.Name+"_base_url", p.BaseURL))
	}
	log.LogAttrs(ctx, slog.LevelInfo, "listening", at...)
	select {
	case err := <-failed:
		return fmt.Errorf("sandbox: %w", err)
	case <-ctx.Done():
		return shutdown(ctx, srv, boxFinish)
	}
}
