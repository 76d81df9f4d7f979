package pgm

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"till/providers"
)

const (
	defaultHeader     = "secret" // what the gateway in front of a gateway manager reads its key from
	minCallbackSecret = 16       // characters
)

// Config is what New needs. BaseURL, Methods, CallbackSecrets and Now are
// required; the rest has a default.
type Config struct {
	BaseURL string // PGM_BASE_URL, with the version: https://pay.example/v3

	// Methods is PGM_METHODS: what shoppers can choose from, in this order.
	// Each is provider/method, such as stripe/credit-cards, or the bare name of
	// an external integration.
	Methods []string

	Label string // PGM_LABEL: what shoppers read where no method is named; empty is Payment Gateway Manager

	// Secret is PGM_SECRET, the key of the gateway in front; empty sends none,
	// for a gateway manager that is reached directly.
	Secret       providers.Secret
	SecretHeader string // PGM_SECRET_HEADER; empty is "secret"

	// CallbackSecrets is PGM_CALLBACK_SECRET: the last part of the address that
	// callbacks come to. Several are accepted while it is being changed.
	CallbackSecrets []providers.Secret

	// PageHosts is PGM_PAGE_HOSTS: hosts, with a port where it is not the
	// scheme's own, that a buyer may be sent to besides the host of BaseURL and
	// those of Stripe and Satispay.
	PageHosts []string

	// PublicURL is TILL_PUBLIC_URL. Till speaks this API itself, and a gateway
	// manager that is Till would ask itself for ever; empty is not compared.
	PublicURL string

	Transport http.RoundTripper // what real requests go through; nil is a pool of its own
	Patience  providers.Patience
	Now       func() time.Time
}

// settings is a Config that was found good.
type settings struct {
	base    *url.URL
	choices []choice
	label   string
	header  string
	origins []string // that a buyer may be sent to, lower case
}

// check reads cfg, and reports all that is wrong with it at once, each problem
// by the setting's name and without its value where that may be a secret.
func check(cfg Config) (settings, error) {
	base, baseErr := checkBase(cfg.BaseURL, cfg.PublicURL)
	choices, methodsErr := checkMethods(cfg.Methods)
	header, headerErr := checkHeader(cfg.SecretHeader)
	hosts, hostsErr := providers.CheckHosts(name, "PGM_PAGE_HOSTS", cfg.PageHosts)
	err := errors.Join(baseErr, methodsErr, headerErr, checkLabel(cfg.Label), checkSecret(cfg.Secret), checkCallbackSecrets(cfg), hostsErr)
	if cfg.Now == nil {
		err = errors.Join(err, errors.New("pgm: a clock is required"))
	}
	if err != nil {
		return settings{}, err
	}
	return settings{base: base, choices: choices, label: cmp.Or(cfg.Label, label), header: header, origins: origins(base, choices, hosts)}, nil
}

func checkBase(s, public string) (*url.URL, error) {
	base, err := providers.CheckBase(name, "PGM_BASE_URL", s, "the key")
	if err != nil {
		return nil, err
	}
	if own, err := url.Parse(public); err == nil && own.Host != "" && providers.Origin(own) == providers.Origin(base) {
		return nil, errors.New("pgm: PGM_BASE_URL is TILL_PUBLIC_URL's own address: Till would call itself")
	}
	return base, nil
}

func checkLabel(s string) error {
	switch {
	case utf8.RuneCountInString(s) > maxName:
		return fmt.Errorf("pgm: PGM_LABEL is longer than %d characters", maxName)
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		return errors.New("pgm: PGM_LABEL has a character that cannot be printed")
	}
	return nil
}

func checkHeader(s string) (string, error) {
	taken := []string{
		"accept", "accept-encoding", "connection", "content-length", "content-type", "host", "te", "trailer", "transfer-encoding", "upgrade", "user-agent",
	}
	switch {
	case s == "":
		return defaultHeader, nil
	case strings.ContainsFunc(s, func(r rune) bool { return !unreserved(r) }):
		return "", errors.New("pgm: PGM_SECRET_HEADER is not the name of a header")
	case slices.Contains(taken, strings.ToLower(s)):
		return "", fmt.Errorf("pgm: PGM_SECRET_HEADER: %s has another meaning", s)
	}
	return s, nil
}

func checkSecret(s providers.Secret) error {
	v := string(s)
	if strings.TrimSpace(v) != v || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' }) {
		return errors.New("pgm: PGM_SECRET cannot be sent in a header: only visible ASCII, and no space at an end")
	}
	return nil
}

func checkCallbackSecrets(cfg Config) error {
	var problems []error
	if len(cfg.CallbackSecrets) == 0 {
		problems = append(problems, errors.New("pgm: PGM_CALLBACK_SECRET is required: callbacks are not signed"))
	}
	for _, s := range cfg.CallbackSecrets {
		switch {
		case len(s) < minCallbackSecret:
			problems = append(problems, fmt.Errorf("pgm: PGM_CALLBACK_SECRET: one is shorter than %d characters, which can be guessed", minCallbackSecret))
		case strings.ContainsFunc(string(s), func(r rune) bool { return !unreserved(r) }):
			problems = append(problems, errors.New("pgm: PGM_CALLBACK_SECRET stands in an address: only letters, digits and - . _ ~"))
		case s == cfg.Secret:
			problems = append(problems, errors.New("pgm: PGM_CALLBACK_SECRET must differ from PGM_SECRET: addresses end up in logs"))
		}
	}
	return errors.Join(problems...)
}

// unreserved reports whether a character stands for itself in an address (RFC
// 3986, section 2.3).
func unreserved(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._~", r)
}

// origins lists the scheme and host of the pages that may be trusted with a
// buyer: the base URL's own, those of the services on offer by https, and those
// of the setting by https or by the scheme of the base URL, which is http with a
// sandbox.
func origins(base *url.URL, choices []choice, hosts []string) []string {
	var known []string
	for _, c := range choices {
		for _, host := range services()[c.Provider].hosts {
			known = append(known, "https://"+host)
		}
	}
	return providers.Origins(base, hosts, known...)
}
