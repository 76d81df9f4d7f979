package iumicash

import (
	"errors"
	"fmt"
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

// documented are the origins of iumiCash's sandbox and production.
func documented() []string { return []string{"https://sandbox-api.iumi.cash", "https://api.iumi.cash"} }

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
	base, baseErr := providers.CheckBase(name, "IUMICASH_BASE_URL", cfg.BaseURL, "the client secret")
	currencies, currencyErr := checkCurrencies(cfg.Currencies)
	paid, paidErr := checkPaid(cfg.PaidStatuses)
	hosts, hostsErr := providers.CheckHosts(name, "IUMICASH_APPROVE_HOSTS", cfg.ApproveHosts)
	err := errors.Join(baseErr, checkKeys(cfg), currencyErr, paidErr, hostsErr)
	if cfg.Now == nil {
		err = errors.Join(err, errors.New("iumicash: a clock is required"))
	}
	if err != nil {
		return settings{}, err
	}
	return settings{base: base, currencies: currencies, paid: paid, origins: providers.Origins(base, hosts, documented()...)}, nil
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
