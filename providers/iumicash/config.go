package iumicash

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"till/money"
	"till/providers"
)

// maxDigits is the most decimals that an amount has on iumiCash's wire.
const maxDigits = 2

// Config is what New needs. BaseURL, ClientID, ClientSecret and Now are
// required; the rest has a default.
type Config struct {
	BaseURL      string           // IUMICASH_BASE_URL, such as https://sandbox-api.iumi.cash
	ClientID     string           // IUMICASH_CLIENT_ID
	ClientSecret providers.Secret // IUMICASH_CLIENT_SECRET; also signs the callbacks

	// CallbackSecrets are former client secrets (IUMICASH_CALLBACK_SECRETS) that
	// callbacks may still be signed with while the secret is being changed.
	CallbackSecrets []providers.Secret

	// Currencies is IUMICASH_CURRENCIES; nil is SBD, NZD, USD.
	Currencies []money.Currency

	// PaidStatuses is IUMICASH_PAID_STATUSES: the status words that mean that
	// the money is taken; nil is captured, completed.
	PaidStatuses []string

	// ApproveHosts is IUMICASH_APPROVE_HOSTS: hosts, with a port where it is
	// not the scheme's own, that a buyer may be sent to besides the host of
	// BaseURL and iumiCash's two documented ones.
	ApproveHosts []string

	Transport http.RoundTripper // what real requests go through; nil is a pool of its own
	Patience  providers.Patience
	Now       func() time.Time
}

// documented are the hosts of iumiCash's sandbox and production.
func documented() []string { return []string{"sandbox-api.iumi.cash", "api.iumi.cash"} }

// settings is a Config that was found good.
type settings struct {
	base       *url.URL
	currencies []money.Currency
	paid       []string // lower case
	origins    []string // that a buyer may be sent to, lower case
}

// check reads cfg, and reports all that is wrong with it at once, each problem
// by the setting's name and without its value where that may be a secret.
func check(cfg Config) (settings, error) {
	base, baseErr := checkBase(cfg.BaseURL)
	currencies, currencyErr := checkCurrencies(cfg.Currencies)
	paid, paidErr := checkPaid(cfg.PaidStatuses)
	hosts, hostsErr := checkHosts(cfg.ApproveHosts)
	err := errors.Join(baseErr, checkKeys(cfg), currencyErr, paidErr, hostsErr)
	if cfg.Now == nil {
		err = errors.Join(err, errors.New("iumicash: a clock is required"))
	}
	if err != nil {
		return settings{}, err
	}
	return settings{base: base, currencies: currencies, paid: paid, origins: origins(base, hosts)}, nil
}

// origins lists the scheme and host of the pages that may be trusted with a
// buyer: the base URL's own, iumiCash's documented ones by https, and those of
// the setting by https or by the scheme of the base URL, which is http with a
// sandbox.
func origins(base *url.URL, hosts []string) []string {
	all := []string{origin(base)}
	for _, host := range documented() {
		all = append(all, "https://"+host)
	}
	for _, host := range hosts {
		all = append(all, "https://"+host, base.Scheme+"://"+host)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// origin is the scheme and host of an address.
func origin(u *url.URL) string { return strings.ToLower(u.Scheme + "://" + u.Host) }

func checkBase(s string) (*url.URL, error) {
	base, err := url.Parse(s)
	switch {
	case s == "":
		return nil, errors.New("iumicash: IUMICASH_BASE_URL is required")
	case err != nil, base.Hostname() == "", base.Scheme != "http" && base.Scheme != "https":
		return nil, errors.New("iumicash: IUMICASH_BASE_URL is not an absolute http or https address")
	case base.User != nil, base.RawQuery != "", base.Fragment != "":
		return nil, errors.New("iumicash: IUMICASH_BASE_URL must not hold a user, a query or a fragment")
	case base.Scheme == "http" && !near(base.Hostname()):
		return nil, errors.New("iumicash: IUMICASH_BASE_URL must be https: the client secret travels to it")
	default:
		return base, nil
	}
}

// near reports whether a host is this machine or one of a private network,
// where a sandbox may run without a certificate.
func near(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback() || ip.IsPrivate()
	}
	return !strings.Contains(host, ".")
}

func checkKeys(cfg Config) error {
	var problems []error
	switch {
	case cfg.ClientID == "":
		problems = append(problems, errors.New("iumicash: IUMICASH_CLIENT_ID is required"))
	case strings.Contains(cfg.ClientID, ":"):
		problems = append(problems, errors.New("iumicash: IUMICASH_CLIENT_ID must not hold a colon, which ends it in Basic authentication"))
	}
	if cfg.ClientSecret == "" {
		problems = append(problems, errors.New("iumicash: IUMICASH_CLIENT_SECRET is required"))
	}
	if slices.Contains(cfg.CallbackSecrets, "") {
		problems = append(problems, errors.New("iumicash: IUMICASH_CALLBACK_SECRETS holds an empty secret, which anybody could sign with"))
	}
	return errors.Join(problems...)
}

func checkCurrencies(in []money.Currency) ([]money.Currency, error) {
	if in == nil {
		return []money.Currency{"SBD", "NZD", "USD"}, nil
	}
	var problems []error
	if len(in) == 0 {
		problems = append(problems, errors.New("iumicash: IUMICASH_CURRENCIES is empty"))
	}
	for i, c := range in {
		switch {
		case !c.Valid():
			problems = append(problems, fmt.Errorf("iumicash: IUMICASH_CURRENCIES: %.12q is not a currency of ISO 4217", string(c)))
		case c.Digits() > maxDigits:
			problems = append(problems, fmt.Errorf("iumicash: IUMICASH_CURRENCIES: %s has more than %d decimals", c, maxDigits))
		case slices.Contains(in[:i], c):
			problems = append(problems, fmt.Errorf("iumicash: IUMICASH_CURRENCIES names %s twice", c))
		}
	}
	return slices.Clone(in), errors.Join(problems...)
}

func checkPaid(in []string) ([]string, error) {
	if in == nil {
		return []string{statusCaptured, statusCompleted}, nil
	}
	var problems []error
	if len(in) == 0 {
		problems = append(problems, errors.New("iumicash: IUMICASH_PAID_STATUSES is empty: no order could ever be paid"))
	}
	paid := make([]string, 0, len(in))
	for _, s := range in {
		word := normal(s)
		switch word {
		case "":
			problems = append(problems, errors.New("iumicash: IUMICASH_PAID_STATUSES holds an empty word"))
		case statusCreated, statusCancelled, statusCanceled:
			problems = append(problems, fmt.Errorf("iumicash: IUMICASH_PAID_STATUSES: %s never means paid", word))
		default:
			paid = append(paid, word)
		}
	}
	return paid, errors.Join(problems...)
}

func checkHosts(in []string) ([]string, error) {
	var problems []error
	hosts := make([]string, 0, len(in))
	for _, s := range in {
		host := strings.ToLower(strings.TrimSpace(s))
		u, err := url.Parse("https://" + host)
		if err != nil || host == "" || u.Host != host || u.Hostname() == "" {
			problems = append(problems, fmt.Errorf("iumicash: IUMICASH_APPROVE_HOSTS: %.80q is not a host", s))
			continue
		}
		hosts = append(hosts, host)
	}
	return hosts, errors.Join(problems...)
}
