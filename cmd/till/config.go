package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/cashier"
	"till/handlers/web"
	"till/jobs"
	"till/models"
	"till/money"
	"till/providers"
)

const (
	defaultAddr        = "127.0.0.1:8080"
	defaultSandboxAddr = "127.0.0.1:8081"
	defaultDatabase    = "till.db"
	minSecret          = 32 // characters
)

// known is every setting there is.
func known() []string {
	all := []string{
		"TILL_ADDR", "TILL_PUBLIC_URL", "TILL_TRUSTED_PROXIES", "TILL_DATABASE", "TILL_SECRET", "TILL_CURRENCIES", "TILL_TIMEZONE",
		"TILL_SHOP_NAME", "TILL_SHOP_HEADLINE", "TILL_SHOP_INTRO", "TILL_SHOP_CONTACT",
		"TILL_SMTP_URL", "TILL_MAIL_FROM", "TILL_HOLD_RULE", "TILL_ORDER_OPEN_FOR", "TILL_SANDBOX_ADDR",
	}
	for _, o := range offers() {
		for _, name := range o.names {
			all = append(all, o.prefix+name)
		}
	}
	return all
}

// settings is the environment, and what was found wrong with it. A problem
// names its setting and never holds the value of one that may be secret.
type settings struct {
	values   map[string]string
	problems []string
}

func readSettings(environ []string) *settings {
	s := &settings{values: map[string]string{}}
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		s.values[name] = value
	}
	return s
}

// get is a setting without the space around it; an empty one is not set.
func (s *settings) get(name, fallback string) string {
	if v := strings.TrimSpace(s.values[name]); v != "" {
		return v
	}
	return fallback
}

// list is a setting of several words with commas between; nil when not set.
func (s *settings) list(name string) []string {
	v := s.get(name, "")
	if v == "" {
		return nil
	}
	words := strings.Split(v, ",")
	for i := range words {
		words[i] = strings.TrimSpace(words[i])
	}
	return words
}

func (s *settings) wrong(name, why string) { s.problems = append(s.problems, name+" "+why) }

// err is nil when nothing was wrong.
func (s *settings) err() error {
	if len(s.problems) == 0 {
		return nil
	}
	return &problemsError{what: "the settings", lines: s.problems}
}

// unknown lists the settings that look like ours and are none: most likely
// misspelt.
func (s *settings) unknown() []string {
	var names []string
	all := known()
	for name := range s.values {
		ours := strings.HasPrefix(name, "TILL_") && !strings.HasPrefix(name, "TILL_TEST_") ||
			slices.ContainsFunc(offers(), func(o offer) bool { return strings.HasPrefix(name, o.prefix) })
		if ours && !slices.Contains(all, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// config is what a shop is made of. It is read once, at start. Its fields are
// exported because fmt calls no String of one that is not, and would print a
// Secret.
type config struct {
	Addr      string           // host:port; port 0 picks a free one
	Database  providers.Secret // a file's path, or a URL that may hold a password
	Secret    providers.Secret // what the keys of cookies are made from
	Shop      web.Shop         // its PublicURL is empty when it follows from where we listen
	SMTP      *jobs.SMTP       // nil: mails are kept and not sent
	Hold      cashier.HoldRule // what becomes of a reservation that is about to lapse
	OpenFor   time.Duration    // how long an order waits for its money
	Providers []account
	Proxies   []string // addresses and networks of the proxies in front; none is believed when empty
}

// loadConfig reads the settings of a shop, or returns every problem at once.
func (s *settings) loadConfig(now func() time.Time) (config, error) {
	c := config{Addr: s.addr("TILL_ADDR", defaultAddr), Database: s.database(), Secret: s.secret(), Shop: s.shop(), SMTP: s.smtp(), Hold: s.hold(), OpenFor: s.openFor(), Proxies: s.proxies()}
	c.Shop.PublicURL, c.Shop.Mails = s.publicURL(c.Addr), c.SMTP != nil
	c.Providers = s.accounts(cmp.Or(c.Shop.PublicURL, "http://"+c.Addr), now)
	return c, s.err()
}

// addr is where to listen.
func (s *settings) addr(name, fallback string) string {
	v := s.get(name, fallback)
	_, port, err := net.SplitHostPort(v)
	if err != nil {
		s.wrong(name, fmt.Sprintf("is %q, which is not host:port, such as %s", v, fallback))
		return v
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		s.wrong(name, fmt.Sprintf("has the port %q, which is none", port))
	}
	return v
}

// database is the name of the database, for models.Open.
func (s *settings) database() providers.Secret {
	v := s.get("TILL_DATABASE", defaultDatabase)
	if scheme, _, ok := strings.Cut(v, "://"); ok && !models.IsPostgres(v) {
		s.wrong("TILL_DATABASE", fmt.Sprintf("begins with %q; it is a file's path, or a URL that begins with postgres://", scheme+"://"))
	} else if _, err := url.Parse(v); ok && err != nil {
		s.wrong("TILL_DATABASE", "is not a URL; special characters of a password are written as %40 and so on")
	}
	return providers.Secret(v)
}

func (s *settings) secret() providers.Secret {
	v := s.values["TILL_SECRET"]
	switch {
	case v == "":
		s.wrong("TILL_SECRET", "is required: at least 32 random characters, such as openssl rand -base64 32 prints")
	case len(v) < minSecret:
		s.wrong("TILL_SECRET", fmt.Sprintf("has %d characters and needs at least %d, such as openssl rand -base64 32 prints", len(v), minSecret))
	}
	return providers.Secret(v)
}

// publicURL is the shop's address as browsers and the provider see it. Empty
// means that it is where we listen, which only works on the same machine.
func (s *settings) publicURL(addr string) string {
	const name = "TILL_PUBLIC_URL"
	v := strings.TrimSuffix(s.get(name, ""), "/")
	if v == "" {
		if host, _, err := net.SplitHostPort(addr); err == nil && !loopback(host) {
			s.wrong(name, "is required, because TILL_ADDR is not only for this machine: the shop's address as shoppers and the payment provider see it")
		}
		return ""
	}
	u, err := url.Parse(v)
	switch {
	case err != nil, u.Hostname() == "", u.Scheme != "http" && u.Scheme != "https":
		s.wrong(name, "is not an address like https://shop.example")
	case u.User != nil, u.RawQuery != "", u.Fragment != "", u.Path != "":
		s.wrong(name, "must be scheme and host alone, such as https://shop.example: the shop lives at the root of its host")
	case u.Scheme == "http" && !near(u.Hostname()):
		s.wrong(name, "must be https: cookies and addresses of shoppers travel to it; http is for this machine and private networks")
	}
	return v
}

// proxies are the addresses and networks from which X-Forwarded-For is
// believed.
func (s *settings) proxies() []string {
	const name = "TILL_TRUSTED_PROXIES"
	all := s.list(name)
	for _, one := range all {
		network, err := netip.ParsePrefix(one)
		if err != nil {
			addr, addrErr := netip.ParseAddr(one)
			if addrErr != nil || addr.Zone() != "" {
				s.wrong(name, fmt.Sprintf("has %.50q, which is no address or network like 10.0.0.0/8", one))
			}
			continue
		}
		switch {
		case network.Bits() == 0:
			s.wrong(name, fmt.Sprintf("has %q, which is everybody: anybody could say to be anybody else", one))
		case network != network.Masked():
			s.wrong(name, fmt.Sprintf("has %q, which is no network; %s is", one, network.Masked()))
		}
	}
	return all
}

// loopback reports whether a host is this machine alone.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// near reports whether a host is this machine or one of a private network.
func near(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback() || ip.IsPrivate()
	}
	return !strings.Contains(host, ".") || strings.HasSuffix(host, ".localhost") || strings.HasSuffix(host, ".test")
}

func (s *settings) shop() web.Shop {
	shop := web.Shop{
		Name: s.get("TILL_SHOP_NAME", "Our shop"), Headline: s.get("TILL_SHOP_HEADLINE", "Good to see you."),
		Intro: s.get("TILL_SHOP_INTRO", ""), Contact: s.get("TILL_SHOP_CONTACT", ""), Location: time.UTC,
	}
	if shop.Contact != "" && !isEmail(shop.Contact) {
		s.wrong("TILL_SHOP_CONTACT", fmt.Sprintf("is %q, which is no e-mail address", shop.Contact))
	}
	if zone := s.get("TILL_TIMEZONE", "UTC"); zone != "UTC" {
		location, err := time.LoadLocation(zone)
		if err != nil || zone == "Local" {
			s.wrong("TILL_TIMEZONE", fmt.Sprintf("is %q, which is no time zone like Pacific/Auckland", zone))
		} else {
			shop.Location = location
		}
	}
	words := s.list("TILL_CURRENCIES")
	if words == nil {
		words = []string{"NZD", "USD", "SBD"}
	}
	for _, code := range words {
		c, err := money.ParseCurrency(code)
		switch {
		case err != nil:
			s.wrong("TILL_CURRENCIES", fmt.Sprintf("has %q, which is no currency of ISO 4217; codes like NZD, with commas between", code))
		case slices.Contains(shop.Currencies, c):
			s.wrong("TILL_CURRENCIES", "names "+code+" twice")
		default:
			shop.Currencies = append(shop.Currencies, c)
		}
	}
	return shop
}

// isEmail reports whether text is an address and nothing else.
func isEmail(text string) bool {
	a, err := mail.ParseAddress(text)
	return err == nil && a.Address == text
}

func (s *settings) smtp() *jobs.SMTP {
	server, from := s.get("TILL_SMTP_URL", ""), s.get("TILL_MAIL_FROM", "")
	switch {
	case server == "" && from == "":
		return nil
	case server == "":
		s.wrong("TILL_SMTP_URL", "is required with TILL_MAIL_FROM")
		return nil
	case from == "":
		s.wrong("TILL_MAIL_FROM", `is required with TILL_SMTP_URL: the sender of mails, such as "Shop <hello@shop.example>"`)
		from = "x@shop.invalid" // to find what else is wrong
	}
	smtp, err := jobs.ParseSMTP(server, from)
	switch {
	case errors.Is(err, jobs.ErrSender):
		s.wrong("TILL_MAIL_FROM", err.Error())
	case err != nil:
		s.wrong("TILL_SMTP_URL", err.Error())
	}
	return smtp
}

// openFor is how long an order waits for its money.
func (s *settings) openFor() time.Duration {
	const name = "TILL_ORDER_OPEN_FOR"
	text := s.get(name, "168h")
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second || d > 366*24*time.Hour || d%time.Second != 0 {
		s.wrong(name, fmt.Sprintf("is %q; it is a time in whole seconds such as 168h or 30m, from 1s to a year", text))
	}
	return d
}

// begin gives a new shop its first settings. From then on those of the dashboard
// count, and the environment is compared with them: whoever changes it and sees
// no change should find out why.
func (s *settings) begin(ctx context.Context, c config, db *models.DB, log *slog.Logger) error {
	first := models.Settings{
		ShopName: c.Shop.Name, Headline: c.Shop.Headline, Intro: c.Shop.Intro, Contact: c.Shop.Contact, TimeZone: c.Shop.Location.String(),
		OpenSeconds: int64(c.OpenFor / time.Second), HoldRule: string(c.Hold),
	}.OrDefaults()
	now, err := db.BeginSettings(ctx, first)
	if err != nil {
		return err
	}
	for _, one := range []struct {
		name    string
		differs bool
	}{
		{"TILL_SHOP_NAME", first.ShopName != now.ShopName},
		{"TILL_SHOP_HEADLINE", first.Headline != now.Headline},
		{"TILL_SHOP_INTRO", first.Intro != now.Intro},
		{"TILL_SHOP_CONTACT", first.Contact != now.Contact},
		{"TILL_TIMEZONE", first.TimeZone != now.TimeZone},
		{"TILL_ORDER_OPEN_FOR", first.OpenSeconds != now.OpenSeconds},
		{"TILL_HOLD_RULE", first.HoldRule != now.HoldRule},
	} {
		if one.differs && s.get(one.name, "") != "" {
			log.WarnContext(ctx, "the dashboard has set this otherwise, and wins", "name", one.name)
		}
	}
	return nil
}

// hold is what becomes of reserved money that nobody has taken in time.
func (s *settings) hold() cashier.HoldRule {
	const name = "TILL_HOLD_RULE"
	rule := cashier.HoldRule(s.get(name, string(cashier.HoldVoid)))
	switch rule {
	case cashier.HoldVoid, cashier.HoldCapture, cashier.HoldKeep:
	default:
		s.wrong(name, fmt.Sprintf("is %q; it is void, capture or keep", rule))
	}
	return rule
}
