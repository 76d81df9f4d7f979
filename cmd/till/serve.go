package main

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"till/money"
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
    TILL_TRUSTED_PROXIES    the proxies in front, as addresses or networks with
                            commas between, such as 10.0.0.0/8: who asks is read
                            from the X-Forwarded-For of these alone; none
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
    TILL_HOLD_RULE          what becomes of reserved money that nobody has taken a
                            day before the reservation lapses: void, it is given
                            back; capture, it is taken; keep, nothing is done. Staff
                            are told three days before; void
    TILL_ORDER_OPEN_FOR     how long an order waits for its money before it expires,
                            such as 48h or 30m, at least 1s; 168h

TILL_TIMEZONE, TILL_SHOP_*, TILL_HOLD_RULE and TILL_ORDER_OPEN_FOR are what a new shop begins with. From then on the
settings page of the dashboard says, where they can be changed while the shop runs; a warning in the log names each of
them that says something else.

A provider is on when one of its settings is there. Where several secrets are possible, they have commas between them;
the page of the provider in docs/providers says more about each.

iumiCash:

    IUMICASH_BASE_URL       https://api.iumi.cash
    IUMICASH_CLIENT_ID      as iumiCash gave it to you
    IUMICASH_CLIENT_SECRET  as iumiCash gave it to you; their callbacks are signed
                            with it
    IUMICASH_CALLBACK_SECRETS
                            former secrets that callbacks may still be signed with
    IUMICASH_CURRENCIES     what it takes here; SBD,NZD,USD
    IUMICASH_PAID_STATUSES  the words that mean paid; captured,completed
    IUMICASH_APPROVE_HOSTS  further hosts that shoppers may be sent to

Powens Pay, which is bank transfers:

    POWENS_BASE_URL         https://{domain}.biapi.pro/2.0
    POWENS_CLIENT_ID        as Powens gave it to you
    POWENS_CLIENT_SECRET    as Powens gave it to you
    POWENS_WEBHOOK_KEY      the secret_key of the webhook; several
    POWENS_WEBHOOK_PATH     its path as registered, where a proxy rewrites it
    POWENS_WEBHOOK_TOLERANCE
                            how far its date may be from our clock, such as 5m;
                            any distance
    POWENS_WEBVIEW_URL      their pages, where they are not below the base URL
    POWENS_LINKS_URL        their payment links; unset, there are none
    POWENS_EXECUTION        instant, first_open_day or deferred; instant
    POWENS_EXECUTION_DAYS   in how many days, when deferred; 1
    POWENS_ACCEPTED         what a payment is that the bank took and will say no
                            more about: hold, it waits for a person, or paid; hold
    POWENS_CURRENCIES       what your banks move; EUR
    POWENS_BENEFICIARY_IBAN the account that is paid into
    POWENS_BENEFICIARY_LABEL
                            its holder, as shoppers know them
    POWENS_BENEFICIARY_ORG_NAME
                            who that is: the registered name,
    POWENS_BENEFICIARY_ORG_LEGAL_STATUS
                            the legal form,
    POWENS_BENEFICIARY_ORG_ADDRESS
                            the head office in one line,
    POWENS_BENEFICIARY_SIREN
                            and the SIREN

The Payment Gateway Manager, in euros only:

    PGM_BASE_URL            https://payments.example.com/v3
    PGM_METHODS             what shoppers choose from:
                            stripe/credit-cards,satispay/satispay
    PGM_LABEL               what shoppers read where no method has a name of its
                            own; Payment Gateway Manager
    PGM_SECRET              the key of the gateway in front of it
    PGM_SECRET_HEADER       the header it goes in; secret
    PGM_CALLBACK_SECRET     ends the address of callbacks; several
    PGM_PAGE_HOSTS          further hosts that shoppers may be sent to

The Gate of Cardaq, DECTA or Appla-X, which is cards:

    GATE_BASE_URL           https://gate.decta.com/api/v0.6
    GATE_SECRET_KEY         of the key set
    GATE_CALLBACK_TOKEN     ends the address of callbacks; several
    GATE_CALLBACK_VERIFY    none, hmac or rsa: what is checked besides; none
    GATE_CALLBACK_KEY       the webhook's secret, or its public key in PEM; several
    GATE_CAPTURE            auto, or manual: money is reserved first, and taken from
                            the dashboard; auto
    GATE_CURRENCIES         what your terminal takes; EUR,GBP,USD
    GATE_PAGE_HOSTS         further hosts that shoppers may be sent to
    GATE_LABEL              the acquirer's name as shoppers know it; Gate
    GATE_BRAND              the brand's id, when the key set has several
    GATE_TEST               true for a key set for tests; false
    GATE_MAX_ATTEMPTS       how often one order may be tried to pay; 5
    GATE_HOLD_DAYS          how long money stays reserved, up to 28 days; 28

Vertex Gateway:

    VERTEX_BASE_URL         https://gateway.stage.vertexgateway.com/api/v1
    VERTEX_TOKEN            the access token
    VERTEX_SHOP_ID          the shop's number
    VERTEX_CALLBACK_SECRET  what callbacks are signed with; several
    VERTEX_SIGN_MODE        how they are: hmac or concat; hmac
    VERTEX_CAPTURE          auto, or manual as above; auto
    VERTEX_MAIL             shop or gateway: who writes to the shopper that the
                            payment succeeded; shop
    VERTEX_CURRENCIES       what your account takes; NZD,USD,SBD
    VERTEX_PAGE_HOSTS       further hosts that shoppers may be sent to

The Gate calls nobody unasked: the shop registers itself there when it starts, and tries again while there is no
answer. Powens and the Payment Gateway Manager must be told by hand where to call; the address is in the log.

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
	if err := set.begin(ctx, c, db, log); err != nil {
		return errors.Join(err, ln.Close())
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
	for _, p := range c.Providers {
		if !slices.ContainsFunc(p.Currencies(), func(one money.Currency) bool { return slices.Contains(c.Shop.Currencies, one) }) {
			log.WarnContext(ctx, "a provider takes no currency of the shop, and is never offered", "provider", p.Name())
		}
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
