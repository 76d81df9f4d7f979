package main

import (
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"till/handlers/admin"
	"till/models"
	"till/providers"
	"till/sandbox"
)

//go:embed demo/catalogue.csv
var demoCatalogue []byte

const (
	demoFile  = "till-demo.db"
	demoName  = "Kauri & Clay"
	demoStaff = "owner@kauri-and-clay.test"

	demoClearing = 36 * time.Hour // from paid at Vertex to completed; the real one takes from one to three days
)

type demoCmd struct {
	Keep bool `help:"Go on with the till-demo.db of the last time instead of beginning afresh."`
}

// Help is the manual page.
func (demoCmd) Help() string {
	return `Opens a shop to click through: a catalogue, some orders with a past, a dashboard, and beside it a sandbox that
plays five payment providers, with a console on which callbacks can be made to come late, twice, forged or never. The
addresses and a login are printed; everything stays on this machine, and no money is real.

It keeps its data in till-demo.db in the current folder and DELETES that file when it begins, because the sandbox
remembers nothing of an earlier run. With --keep it does not: orders are all there, but the sandbox knows those of the
last time no more, so that asking about them finds nothing. The login's password is new each time.

Settings, as environment variables:

    TILL_ADDR              of shop and dashboard; 127.0.0.1:8080
    TILL_SANDBOX_ADDR      of the sandbox; 127.0.0.1:8081; port 0 is any free one
    TILL_TIMEZONE          of the times on pages; Pacific/Auckland

Warnings and errors go to standard error as JSON.

Examples:

    till demo
    TILL_ADDR=127.0.0.1:0 TILL_SANDBOX_ADDR=127.0.0.1:0 till demo

Exit status: 0 stopped as asked; 1 it could not go on; 2 a setting must be changed first.`
}

// demo is a demo that is wired and not open yet.
type demo struct {
	*shop
	clock    *shiftedClock
	database string
	password string // of demoStaff
	shopLn   net.Listener
	boxLn    net.Listener
	box      *sandbox.Sandbox
	loud     slog.LevelVar // what is logged
}

// Run opens the demo.
func (c demoCmd) Run(ctx context.Context, o *outside) (err error) {
	set := readSettings(o.environ)
	if set.get("TILL_TIMEZONE", "") == "" {
		set.values["TILL_TIMEZONE"] = "Pacific/Auckland"
	}
	addr, boxAddr := set.addr("TILL_ADDR", defaultAddr), set.addr("TILL_SANDBOX_ADDR", defaultSandboxAddr)
	zone := set.shop().Location.String()
	if err := set.err(); err != nil {
		return err
	}
	d := &demo{clock: &shiftedClock{}, database: filepath.Join(o.dir, demoFile)}
	d.loud.Set(slog.LevelError + 1) // what goes wrong in the past was meant to
	log := slog.New(slog.NewJSONHandler(o.stderr, &slog.HandlerOptions{Level: &d.loud}))
	if d.shopLn, err = listen(ctx, "TILL_ADDR", addr); err != nil { // first, because a demo that runs already has the file open
		return err
	}
	if d.boxLn, err = listen(ctx, "TILL_SANDBOX_ADDR", boxAddr); err != nil {
		return errors.Join(err, d.shopLn.Close())
	}
	if !c.Keep {
		if err := removeDatabase(d.database); err != nil {
			return errors.Join(err, d.shopLn.Close(), d.boxLn.Close())
		}
	}
	db, err := openDatabase(ctx, providers.Secret(d.database), d.clock.now)
	if err != nil {
		return errors.Join(err, d.shopLn.Close(), d.boxLn.Close())
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := d.wire(ctx, db, zone, log); err != nil {
		return errors.Join(err, d.shopLn.Close(), d.boxLn.Close())
	}
	return d.open(ctx, o, log)
}

// removeDatabase removes a SQLite file with what belongs to it.
func removeDatabase(path string) error {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("cannot begin afresh: %w", err)
		}
	}
	return nil
}

// wire puts the demo together, and fills its database. The shop is set up as
// any other that uses the sandbox.
func (d *demo) wire(ctx context.Context, db *models.DB, zone string, log *slog.Logger) error {
	shopURL := urlOf(d.shopLn)
	var err error
	d.box, err = sandbox.New(sandbox.Config{
		Now: d.clock.now, Seed: time.Now().UnixNano(), // another one each time: --keep has the references of the last
		Log: log, ShopURL: shopURL, ShopName: demoName, Vertex: sandbox.Vertex{ClearAfter: demoClearing},
	})
	if err != nil {
		return err
	}
	set := readSettings([]string{
		"TILL_ADDR=" + strings.TrimPrefix(shopURL, "http://"), "TILL_PUBLIC_URL=" + shopURL, "TILL_SECRET=" + rand.Text() + rand.Text(),
		"TILL_TIMEZONE=" + zone, "TILL_CURRENCIES=NZD,EUR,USD,SBD",
		"TILL_SHOP_NAME=" + demoName, "TILL_SHOP_HEADLINE=Small things for the house, made slowly.",
		"TILL_SHOP_INTRO=Stoneware, wool, oil and honey from a handful of makers around Aotearoa. We pack every order ourselves.",
		"TILL_SHOP_CONTACT=hello@kauri-and-clay.test",
	})
	for _, l := range set.played(d.box.Providers(urlOf(d.boxLn)), demoName) {
		set.values[l.name] = l.value
	}
	c, err := set.loadConfig(d.clock.now)
	if err != nil {
		return err
	}
	c.Shop.Demo = true
	if err := set.begin(ctx, c, db, log); err != nil {
		return err
	}
	if d.shop, err = newShop(c, db, log); err != nil {
		return err
	}
	products, err := parseTable("catalogue.csv", demoCatalogue)
	if err != nil {
		return err
	}
	if have, err := models.NewProducts(db).All(ctx); err != nil || len(have) == 0 {
		if err = errors.Join(err, models.NewProducts(db).Import(ctx, products)); err != nil {
			return err
		}
	}
	return d.letIn(ctx)
}

// letIn gives the demo's owner a new password.
func (d *demo) letIn(ctx context.Context) error {
	text := strings.ToLower(rand.Text()[:16])
	d.password = text[:4] + "-" + text[4:8] + "-" + text[8:12] + "-" + text[12:]
	hash, err := admin.HashPassword(d.password)
	if err != nil {
		return err
	}
	staff := models.NewStaff(d.db)
	one, err := staff.ByEmail(ctx, demoStaff)
	if errors.Is(err, models.ErrNotFound) {
		_, err = staff.Add(ctx, demoStaff, models.RoleOwner, hash)
		return err
	}
	if err != nil {
		return err
	}
	if err := staff.ForgetTOTP(ctx, one.ID); err != nil { // sealed with the secret of another day
		return err
	}
	return staff.SetPassword(ctx, one.ID, hash)
}

// open serves shop and sandbox, gives the shop a past, and greets. The sandbox
// is the last to stop, because the shop may still be talking to it.
func (d *demo) open(ctx context.Context, o *outside, log *slog.Logger) error {
	all, ctx := errgroup.WithContext(ctx)
	boxCtx, stopBox := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBox()
	all.Go(func() error { return serveSandbox(boxCtx, d.boxLn, d.box, log) })
	all.Go(func() error {
		defer stopBox()
		return d.serve(ctx, d.shopLn)
	})
	all.Go(func() error {
		select {
		case <-d.introduced: // the Gate calls nobody before
		case <-ctx.Done():
		}
		err := d.remember(ctx)
		d.clock.catchUp()
		d.loud.Set(slog.LevelWarn)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot give the demo a past: %w", err)
		}
		return o.say("%s", d.greeting())
	})
	return all.Wait()
}

func (d *demo) greeting() string {
	shopURL := urlOf(d.shopLn)
	return fmt.Sprintf(`
  %s is open.

    Shop        %s
    Dashboard   %s/admin
                %s
                %s
    Sandbox     %s

  Put something in the cart and pay. The currency, chosen at the top, decides how:

    NZD  iumiCash, card (Gate), card, wallet or bank transfer (Vertex)
    EUR  bank transfer (Powens), card, Satispay or house account (Payment Gateway Manager), card (Gate)
    USD  as NZD
    SBD  iumiCash, card, wallet or bank transfer (Vertex)

  The sandbox plays their pages: approve there, decline, or go away. At Vertex the money takes a day and a half: move the
  clock on, on the sandbox's console. There, too, callbacks can be lost, late, doubled or forged, and answers as well.

  In the dashboard an order on hold waits for its money to be taken, and what does not add up waits in the inbox.
  "TILL_DATABASE=%s till verify" proves the books meanwhile.

  Ctrl-C closes the shop. The next demo begins afresh; "till demo --keep" goes on with %s.
`, demoName, shopURL, shopURL, demoStaff, d.password, urlOf(d.boxLn), d.database, d.database)
}
