package gate

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
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

const (
	maxDigits   = 2    // decimals: the smallest documented price is 0.01
	minToken    = 16   // characters of a callback token
	maxToken    = 128  // of the same: it is a part of an address
	minRSA      = 2048 // bits of a callback key
	maxTries    = 100  // attempts to pay one order
	oneDay      = 24 * time.Hour
	tries       = 5  // attempts to pay one order, where the setting is 0
	longestHold = 28 // days; from the page "General Payment Flow"
)

// The ways to verify a callback, beside the token in its address.
const (
	VerifyNone = "none" // the token alone
	VerifyHMAC = "hmac" // X-Webhook-Signature, as Appla-X's SDK has it
	VerifyRSA  = "rsa"  // X-Signature, as CHIP has it
)

// Config is what New needs. BaseURL, SecretKey, CallbackTokens and Now are
// required; the rest has a default.
type Config struct {
	BaseURL   string           // GATE_BASE_URL with the version, such as https://gate.decta.com/api/v0.6
	SecretKey providers.Secret // GATE_SECRET_KEY, of the key set

	// CallbackTokens is GATE_CALLBACK_TOKEN: the last part of the address that
	// callbacks come to. The first is the one that Register registers, the
	// others are former ones that are still accepted.
	CallbackTokens []providers.Secret

	// CallbackVerify is GATE_CALLBACK_VERIFY: VerifyNone, which is also the
	// empty one, VerifyHMAC or VerifyRSA. The token is required with each.
	CallbackVerify string

	// CallbackKeys is GATE_CALLBACK_KEY: with VerifyHMAC secrets, with VerifyRSA
	// public keys in PEM, whose line ends may be written as \n. Any of them will
	// do, so that a key can be changed.
	CallbackKeys []providers.Secret

	// Currencies is GATE_CURRENCIES; nil is EUR, GBP, USD.
	Currencies []money.Currency

	// PageHosts is GATE_PAGE_HOSTS: hosts, with a port where it is not the
	// scheme's own, that a buyer may be sent to besides the host of BaseURL.
	PageHosts []string

	Label       string // GATE_LABEL: what buyers know the acquirer as, such as Cardaq; empty is Gate
	Brand       string // GATE_BRAND: the brand's id, for a key set that has several; may be empty
	Test        bool   // GATE_TEST: the key set is one for tests
	MaxAttempts int    // GATE_MAX_ATTEMPTS: to pay one order; 0 is 5
	HoldDays    int    // GATE_HOLD_DAYS: how long the acquirer keeps a reservation, 1 to 28; 0 is 28

	Transport http.RoundTripper // what real requests go through; nil is a pool of its own
	Patience  providers.Patience
	Now       func() time.Time
}

// settings is a Config that was found good.
type settings struct {
	base        *url.URL
	currencies  []money.Currency
	origins     []string // that a buyer may be sent to, lower case
	label       string
	brand       string
	test        bool
	maxAttempts int
	hold        time.Duration
}

// check reads cfg, and reports all that is wrong with it at once, each problem
// by the setting's name and without its value where that may be a secret.
func check(cfg Config) (settings, *keys, error) {
	base, baseErr := providers.CheckBase(name, "GATE_BASE_URL", cfg.BaseURL, "the secret key")
	k, keysErr := checkKeys(cfg)
	currencies, currencyErr := checkCurrencies(cfg.Currencies)
	hosts, hostsErr := providers.CheckHosts(name, "GATE_PAGE_HOSTS", cfg.PageHosts)
	err := errors.Join(baseErr, keysErr, currencyErr, hostsErr, checkNumbers(cfg))
	if cfg.Now == nil {
		err = errors.Join(err, errors.New("gate: a clock is required"))
	}
	if err != nil {
		return settings{}, nil, err
	}
	s := settings{
		base: base, currencies: currencies, origins: providers.Origins(base, hosts), label: cfg.Label, brand: cfg.Brand, test: cfg.Test,
		maxAttempts: cfg.MaxAttempts, hold: time.Duration(cfg.HoldDays) * oneDay,
	}
	if s.label == "" {
		s.label = label
	}
	if s.maxAttempts == 0 {
		s.maxAttempts = tries
	}
	if s.hold == 0 {
		s.hold = longestHold * oneDay
	}
	return s, k, nil
}

// checkKeys reads all credentials.
func checkKeys(cfg Config) (*keys, error) {
	k := &keys{bearer: cfg.SecretKey, tokens: slices.Clone(cfg.CallbackTokens), verify: cfg.CallbackVerify}
	var problems []error
	if cfg.SecretKey == "" {
		problems = append(problems, errors.New("gate: GATE_SECRET_KEY is required"))
	}
	problems = append(problems, checkTokens(cfg.CallbackTokens))
	switch cfg.CallbackVerify {
	case "", VerifyNone:
		if len(cfg.CallbackKeys) > 0 {
			problems = append(problems, errors.New("gate: GATE_CALLBACK_KEY is set, but GATE_CALLBACK_VERIFY is none: nothing would use it"))
		}
	case VerifyHMAC:
		k.hmac = slices.Clone(cfg.CallbackKeys)
		if len(k.hmac) == 0 || slices.Contains(k.hmac, "") {
			problems = append(problems, errors.New("gate: GATE_CALLBACK_KEY is missing or holds an empty secret, which anybody could sign with"))
		}
	case VerifyRSA:
		var err error
		k.rsa, err = checkRSA(cfg.CallbackKeys)
		problems = append(problems, err)
	default:
		problems = append(problems, fmt.Errorf("gate: GATE_CALLBACK_VERIFY: %.12q is not one of none, hmac, rsa", cfg.CallbackVerify))
	}
	return k, errors.Join(problems...)
}

func checkTokens(in []providers.Secret) error {
	if len(in) == 0 {
		return errors.New("gate: GATE_CALLBACK_TOKEN is required: without it anybody could ring")
	}
	for _, token := range in {
		if len(token) < minToken || len(token) > maxToken || strings.ContainsFunc(string(token), notInToken) {
			return fmt.Errorf("gate: GATE_CALLBACK_TOKEN must have %d to %d letters, digits, - or _", minToken, maxToken)
		}
	}
	return nil
}

func notInToken(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

func checkRSA(in []providers.Secret) ([]*rsa.PublicKey, error) {
	if len(in) == 0 {
		return nil, errors.New("gate: GATE_CALLBACK_KEY is required with GATE_CALLBACK_VERIFY=rsa")
	}
	out := make([]*rsa.PublicKey, 0, len(in))
	for _, text := range in {
		key := publicKey(strings.ReplaceAll(string(text), `\n`, "\n"))
		if key == nil || key.N.BitLen() < minRSA {
			return nil, fmt.Errorf("gate: GATE_CALLBACK_KEY must be a public RSA key of at least %d bits in PEM", minRSA)
		}
		out = append(out, key)
	}
	return out, nil
}

// publicKey reads a key in either form of PEM; nil when it is none.
func publicKey(text string) *rsa.PublicKey {
	block, _ := pem.Decode([]byte(strings.TrimSpace(text)))
	if block == nil {
		return nil
	}
	if key, err := x509.ParsePKCS1PublicKey(block.Bytes); err == nil {
		return key
	}
	parsed, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil
	}
	key, _ := parsed.(*rsa.PublicKey)
	return key
}

func checkCurrencies(in []money.Currency) ([]money.Currency, error) {
	if in == nil {
		return []money.Currency{"EUR", "GBP", "USD"}, nil
	}
	var problems []error
	if len(in) == 0 {
		problems = append(problems, errors.New("gate: GATE_CURRENCIES is empty"))
	}
	for i, c := range in {
		switch {
		case !c.Valid():
			problems = append(problems, fmt.Errorf("gate: GATE_CURRENCIES: %.12q is not a currency of ISO 4217", string(c)))
		case c.Digits() > maxDigits:
			problems = append(problems, fmt.Errorf("gate: GATE_CURRENCIES: %s has more than %d decimals", c, maxDigits))
		case slices.Contains(in[:i], c):
			problems = append(problems, fmt.Errorf("gate: GATE_CURRENCIES names %s twice", c))
		}
	}
	return slices.Clone(in), errors.Join(problems...)
}

func checkNumbers(cfg Config) error {
	var problems []error
	if cfg.MaxAttempts < 0 || cfg.MaxAttempts > maxTries {
		problems = append(problems, fmt.Errorf("gate: GATE_MAX_ATTEMPTS is not from 1 to %d", maxTries))
	}
	if cfg.HoldDays < 0 || cfg.HoldDays > longestHold {
		problems = append(problems, fmt.Errorf("gate: GATE_HOLD_DAYS is not from 1 to %d", longestHold))
	}
	return errors.Join(problems...)
}
