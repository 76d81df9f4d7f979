package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"till/cashier"
	"till/handlers"
	"till/jobs"
	"till/models"
	"till/providers"
	"till/static"
)

const (
	migrateFor = 2 * time.Minute
	finishFor  = 25 * time.Second // for requests in hand: longer than a conversation with a provider
)

// shop is a shop that is wired and not open yet.
type shop struct {
	db      *models.DB
	cashier *cashier.Cashier
	runner  *jobs.Runner
	handler http.Handler
	log     *slog.Logger

	accounts   []account
	publicURL  string
	introduced chan struct{} // closed when the providers know of the shop, or refused to
}

// newShop wires a shop by hand, in the order of its dependencies, over an open
// database. The config's PublicURL is set by now.
func newShop(c config, db *models.DB, log *slog.Logger) (*shop, error) {
	assets, err := static.New()
	if err != nil {
		return nil, err
	}
	var sellers []providers.Provider
	var reserve []string
	for _, a := range c.Providers {
		sellers = append(sellers, a.Provider)
		if a.reserves {
			reserve = append(reserve, a.Name())
		}
	}
	desk := cashier.New(cashier.Config{
		Payments: models.NewPayments(db), Orders: models.NewOrders(db), Inbox: models.NewInbox(db), Health: models.NewHealth(db), Providers: sellers, Reserve: reserve, Hold: c.Hold, Settings: db.Known,
		PublicURL: c.Shop.PublicURL, NewID: rand.Text, NewKey: uuid.NewString, Log: log, Pace: cashier.Growing,
	})
	runner, err := jobs.New(jobs.Options{
		DB: db, Cashier: desk, SMTP: c.SMTP, Log: log,
		Shop: jobs.Shop{Name: c.Shop.Name, Contact: c.Shop.Contact, PublicURL: c.Shop.PublicURL, Location: c.Shop.Location},
	})
	if err != nil {
		return nil, err
	}
	db.SetQueue(runner)
	gin.SetMode(gin.ReleaseMode)
	handler, err := handlers.New(handlers.Deps{
		Log: log, DB: db, Cashier: desk, Assets: assets, Shop: c.Shop, Secret: c.Secret, NewID: rand.Text, Hold: c.Hold, Proxies: c.Proxies, Offers: offered(),
	})
	if err != nil {
		return nil, err
	}
	return &shop{
		db: db, cashier: desk, runner: runner, handler: handler, log: log, accounts: c.Providers, publicURL: c.Shop.PublicURL, introduced: make(chan struct{}),
	}, nil
}

// serve answers on ln and does jobs until ctx ends or a part fails. Then it
// refuses new requests, finishes those in hand, and then the job in hand.
func (s *shop) serve(ctx context.Context, ln net.Listener) error {
	srv := newServer(s.handler, s.log)
	failed := make(chan error, 2)
	go func() { failed <- srv.Serve(ln) }()
	working, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		if err := s.runner.Run(working); err != nil {
			failed <- err
		}
	}()
	s.log.InfoContext(ctx, "listening", "addr", ln.Addr().String())
	go func() {
		defer close(s.introduced)
		errands(working, s.accounts, s.publicURL, s.log, forAWhile)
	}()

	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		s.log.InfoContext(ctx, "stopping")
	}
	err = errors.Join(err, shutdown(ctx, srv, finishFor))
	stopWork()
	<-worked
	<-s.introduced
	return err
}

// newServer is an HTTP server that nobody can hold up for ever.
func newServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: h, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 20 * time.Second,
		WriteTimeout: time.Minute, // a checkout waits for the provider
		IdleTimeout:  2 * time.Minute, MaxHeaderBytes: 32 << 10,
	}
}

// shutdown refuses new requests and waits for those in hand, for a while.
func shutdown(ctx context.Context, srv *http.Server, patience time.Duration) error {
	stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	err := srv.Shutdown(stopping)
	if errors.Is(err, context.DeadlineExceeded) {
		return srv.Close()
	}
	return err
}

// listen opens an address. Port 0 is a free one.
func listen(ctx context.Context, setting, addr string) (net.Listener, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w; %s chooses another address, and port 0 any that is free", addr, err, setting)
	}
	return ln, nil
}

// urlOf is where a program on this machine reaches a listener.
func urlOf(ln net.Listener) string {
	if at, ok := ln.Addr().(*net.TCPAddr); ok {
		return urlAt(at)
	}
	return "http://" + ln.Addr().String()
}

func urlAt(at *net.TCPAddr) string {
	if at.IP == nil || at.IP.IsUnspecified() {
		at = &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: at.Port}
	}
	return "http://" + at.String()
}

// openDatabase opens a database and brings it to this version. Several
// processes may do so at once.
func openDatabase(ctx context.Context, name providers.Secret, now func() time.Time) (*models.DB, error) {
	shown := databaseLabel(name)
	if dir := filepath.Dir(string(name)); !models.IsPostgres(string(name)) {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("cannot open the database %s: there is no folder %s", shown, dir)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, migrateFor)
	defer cancel()
	db, err := models.Open(ctx, models.Options{Name: string(name), Now: now})
	if err != nil {
		return nil, fmt.Errorf("cannot open the database %s: %w", shown, err)
	}
	if err := db.Migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot bring the database %s to this version: %w", shown, err), db.Close())
	}
	if err := jobs.Migrate(ctx, db); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot bring the database %s to this version: %w", shown, err), db.Close())
	}
	return db, nil
}

// databaseLabel is a database's name as it may be shown: without a password.
func databaseLabel(name providers.Secret) string {
	if !models.IsPostgres(string(name)) {
		return string(name)
	}
	u, err := url.Parse(string(name))
	if err != nil {
		return "at TILL_DATABASE"
	}
	return "postgres://" + u.Host + u.Path
}
