package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"
)

type serveCmd struct{}

// Help is the manual page.
func (serveCmd) Help() string {
	return `Answers shoppers and staff until it gets SIGINT or SIGTERM; then it refuses new requests, finishes
those in hand and the job in hand, and closes the database. A second signal stops it at once, which loses nothing either.

It writes one JSON object per line to standard error; the one with "msg":"listening" has the address. The database is
brought to this version first.

Settings, as environment variables. All problems with them are named at once:

    TILL_ADDR               where to listen; 127.0.0.1:8080; port 0 is any free one
    TILL_PUBLIC_URL         https://shop.example, the shop's address as shoppers and
                            providers see it; required unless TILL_ADDR is for this
                            machine alone
    TILL_DATABASE           a file, till.db, or postgres://user:password@host/name
    TILL_SECRET             required: 32 random characters or more that nobody
                            knows. With another one all carts are empty
    TILL_CURRENCIES         what prices are shown in, the default one first;
                            NZD,USD,SBD
    TILL_TIMEZONE           of times on pages and in mails, such as
                            Pacific/Auckland; UTC
    TILL_SHOP_NAME          on every page and mail
    TILL_SHOP_HEADLINE      one sentence on the home page
    TILL_SHOP_INTRO         one more, below it
    TILL_SHOP_CONTACT       an e-mail address that shoppers may write to
    TILL_SMTP_URL           smtp://user:password@host:587 or smtps://host:465. TLS
                            is a must, but for smtp://host:25?tls=off. Without it
                            mails are kept in the database
    TILL_MAIL_FROM          the sender of mails: Shop <hello@shop.example>

iumiCash is on when its settings are there:

    IUMICASH_BASE_URL       https://api.iumi.cash
    IUMICASH_CLIENT_ID      as iumiCash gave it to you
    IUMICASH_CLIENT_SECRET  as iumiCash gave it to you; their callbacks are signed
                            with it
    IUMICASH_CALLBACK_SECRETS
                            former secrets that callbacks may still be signed with
    IUMICASH_CURRENCIES     what it takes here; SBD,NZD,USD
    IUMICASH_PAID_STATUSES  the words that mean paid; captured,completed
    IUMICASH_APPROVE_HOSTS  further hosts that shoppers may be sent to

Examples:

    till serve
    TILL_DATABASE=postgres://till:secret@db/till TILL_ADDR=:8080 \
      TILL_PUBLIC_URL=https://shop.example till serve

Exit status: 0 stopped as asked; 1 it could not go on; 2 a setting must be changed first.`
}

// Run serves the shop.
func (serveCmd) Run(ctx context.Context, o *outside) (err error) {
	set := readSettings(o.environ)
	c, err := set.loadConfig(now)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewJSONHandler(o.stderr, nil))
	for _, name := range set.unknown() {
		log.WarnContext(ctx, "no such setting", "name", name)
	}
	warn(ctx, c, log)
	db, err := openDatabase(ctx, c.Database, now)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	ln, err := listen(ctx, "TILL_ADDR", c.Addr)
	if err != nil {
		return err
	}
	if c.Shop.PublicURL == "" {
		c.Shop.PublicURL = urlOf(ln)
	}
	s, err := newShop(c, db, log)
	if err != nil {
		return errors.Join(err, ln.Close())
	}
	return s.serve(ctx, ln)
}

// warn says what works and is most likely not meant.
func warn(ctx context.Context, c config, log *slog.Logger) {
	if len(c.Providers) == 0 {
		log.WarnContext(ctx, "no payment provider is set up: nobody can pay")
		return
	}
	for _, currency := range c.Shop.Currencies {
		taken := false
		for _, p := range c.Providers {
			taken = taken || slices.Contains(p.Currencies(), currency)
		}
		if !taken {
			log.WarnContext(ctx, "no provider takes a currency of the shop", "currency", currency)
		}
	}
}

type migrateCmd struct{}

// Help is the manual page.
func (migrateCmd) Help() string {
	return `Makes and changes the tables of the database that TILL_DATABASE names, and ends. The other commands do
that by themselves when they begin; this is for doing it at a time of your own, or as another user of the database.
It may be run any number of times, by several processes at once. Make a copy of the database first.

Settings: TILL_DATABASE, a file (till.db) or postgres://user:password@host/name.

Exit status: 0 the database is at this version; 1 it could not be changed; 2 the setting must be changed first.`
}

// Run migrates and ends.
func (migrateCmd) Run(ctx context.Context, o *outside) error {
	return withDatabase(ctx, o, func(b *books) error { return b.say("%s is at this version.", b.label) })
}
