package main

import (
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
	Seed    int64  `default:"1" help:"Where everything invented comes from: the same seed and the same calls give the same ids, tokens and waits."`
	ShopURL string `placeholder:"URL" help:"The shop that it plays for, as a link on the console."`
}

// Help is the manual page.
func (sandboxCmd) Help() string {
	return `Plays the payment providers over HTTP, with their pages and signed callbacks, and misbehaves when it is told
to: on its console (/), and for programs below /control. Everything is in memory. Nothing here is real money.

It writes one JSON object per line to standard error; the one with "msg":"listening" has the address, and as
"iumicash_base_url" what a shop needs as IUMICASH_BASE_URL.

Settings, as environment variables:

    TILL_SANDBOX_ADDR      where to listen; 127.0.0.1:8081; port 0 is any free one
    IUMICASH_CLIENT_ID     the shop's credentials at the played iumiCash; sbx_client
    IUMICASH_CLIENT_SECRET and sbx_client_secret_1

Examples:

    till sandbox
    IUMICASH_BASE_URL=http://127.0.0.1:8081/iumicash \
      IUMICASH_CLIENT_ID=sbx_client IUMICASH_CLIENT_SECRET=sbx_client_secret_1 \
      TILL_SECRET=... till serve

Exit status: 0 stopped as asked; 1 it could not go on; 2 a setting must be changed first.`
}

// Run serves the sandbox.
func (c sandboxCmd) Run(ctx context.Context, o *outside) error {
	set := readSettings(o.environ)
	addr := set.addr("TILL_SANDBOX_ADDR", defaultSandboxAddr)
	if u, err := url.Parse(c.ShopURL); c.ShopURL != "" && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		set.wrong("--shop-url", "is not an address like http://127.0.0.1:8080")
	}
	if err := set.err(); err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(o.stderr, nil))
	box, err := sandbox.New(sandbox.Config{
		Now: now, Seed: c.Seed, Log: log, ShopURL: c.ShopURL,
		IumiCash: sandbox.IumiCash{ClientID: set.get("IUMICASH_CLIENT_ID", ""), ClientSecret: set.get("IUMICASH_CLIENT_SECRET", "")},
	})
	if err != nil {
		return err
	}
	ln, err := listen(ctx, "TILL_SANDBOX_ADDR", addr)
	if err != nil {
		box.Close()
		return err
	}
	return serveSandbox(ctx, ln, box, log)
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
	log.InfoContext(ctx, "listening", "addr", ln.Addr().String(), "iumicash_base_url", urlOf(ln)+"/iumicash")
	select {
	case err := <-failed:
		return fmt.Errorf("sandbox: %w", err)
	case <-ctx.Done():
		return shutdown(ctx, srv, boxFinish)
	}
}
