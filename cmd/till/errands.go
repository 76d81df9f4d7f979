package main

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"sync"
	"time"

	"till/providers"
	"till/providers/gate"
	"till/providers/powens"
)

const (
	errandFor   = time.Minute // one try
	errandPause = 5 * time.Second
	errandMost  = time.Hour // between two tries
)

// errands does what is to be done at the providers when a shop begins, at all of
// them at once, and returns when it is done or ctx ends. Nobody waits for it to
// sell something. pause waits, and reports whether to go on.
func errands(ctx context.Context, accounts []account, publicURL string, log *slog.Logger, pause func(context.Context, time.Duration) bool) {
	var wg sync.WaitGroup
	for _, a := range accounts {
		if a.hook != "" {
			log.InfoContext(ctx, "this address of callbacks is to be known to the provider", "provider", a.Name(), "address", publicURL+a.hook)
		}
		if a.errand != nil {
			wg.Go(func() { a.errand.insist(ctx, publicURL, log.With("provider", a.Name()), pause) })
		}
	}
	wg.Wait()
}

// insist does an errand until it is done. A provider that refuses is not asked
// again, because a person has to change something first.
func (e errand) insist(ctx context.Context, publicURL string, log *slog.Logger, pause func(context.Context, time.Duration) bool) {
	for gap := errandPause; ; gap = min(2*gap, errandMost) {
		try, cancel := context.WithTimeout(ctx, errandFor)
		err := e(try, publicURL, log)
		cancel()
		if err == nil || ctx.Err() != nil {
			return
		}
		var call *providers.Error
		if errors.As(err, &call) && (call.Kind == providers.KindRejected || call.Kind == providers.KindUnauthorized) {
			log.ErrorContext(ctx, "the provider refused what the shop asks at its start", "err", err)
			return
		}
		log.WarnContext(ctx, "the provider did not answer what the shop asks at its start", "err", err, "again_in", gap.String())
		if !pause(ctx, gap) {
			return
		}
	}
}

// forAWhile waits, and reports whether ctx has not ended meanwhile.
func forAWhile(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// registerHook sees to it that the Gate calls the shop, which it does for nobody
// who has not asked.
func registerHook(client *gate.Client, base string) errand {
	return func(ctx context.Context, publicURL string, log *slog.Logger) error {
		if !reaches(base, publicURL) {
			log.WarnContext(ctx, "webhook not registered: from where the provider is, TILL_PUBLIC_URL leads nowhere")
			return nil
		}
		r, err := client.Register(ctx, publicURL+"/callbacks/gate")
		if err != nil {
			return err
		}
		log.InfoContext(ctx, "webhook is registered", "webhook", r.ID, "new", r.New, "hmac_offered", r.Secret != "", "rsa_offered", r.PublicKey != "")
		return nil
	}
}

// reaches reports whether a program at one address can be expected to reach
// another: one of this machine or network is not for the rest of the world.
func reaches(from, to string) bool {
	there, err := url.Parse(from)
	here, herr := url.Parse(to)
	return err == nil && herr == nil && (near(there.Hostname()) || !near(here.Hostname()))
}

// readBanks tells what the list of banks means for the settings.
func readBanks(client *powens.Client) errand {
	return func(ctx context.Context, _ string, log *slog.Logger) error {
		warnings, err := client.Warnings(ctx)
		for _, w := range warnings {
			log.WarnContext(ctx, "banks that shoppers may have", "warning", w)
		}
		return err
	}
}
