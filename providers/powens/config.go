package powens

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"till/money"
	"till/providers"
)

// Limits of the wire, in characters.
const (
	maxName    = 255
	maxStatus  = 128
	maxAddress = 512
	maxState   = 2000
)

// maxDays bounds POWENS_EXECUTION_DAYS. The wire sets no limit, each bank has
// its own.
const maxDays = 365

// powensPages is where Powens shows its webview for domains that do not do it
// themselves.
const powensPages = "https://webview.powens.com"

// Execution says when the bank is to move the money. The values are the wire's.
type Execution string

// The executions that a single payment can have.
const (
	Instant      Execution = "instant"
	FirstOpenDay Execution = "first_open_day"
	Deferred     Execution = "deferred" // on the day that POWENS_EXECUTION_DAYS says
)

// periodic is the execution of a subscription, which is no setting.
const periodic Execution = "periodic"

// Rule says what a payment is that the bank took and will say no more about.
type Rule string

// The rules for Powens' state "accepted".
const (
	Hold Rule = "hold" // it waits for a person
	Paid Rule = "paid" // it counts as paid, at the shop's risk
)

// Beneficiary is the merchant: the account that is paid into, and whose it is.
// All fields are required.
type Beneficiary struct {
	IBAN           string // POWENS_BENEFICIARY_IBAN; spaces are fine
	Label          string // POWENS_BENEFICIARY_LABEL: the account's holder, as buyers know them
	OrgName        string // POWENS_BENEFICIARY_ORG_NAME
	OrgLegalStatus string // POWENS_BENEFICIARY_ORG_LEGAL_STATUS, such as SAS
	OrgAddress     string // POWENS_BENEFICIARY_ORG_ADDRESS: of the head office, in one line
	SIREN          string // POWENS_BENEFICIARY_SIREN: nine digits; spaces are fine
}

// Config is what New needs. BaseURL, ClientID, ClientSecret, WebhookKeys,
// Beneficiary and Now are required; the rest has a default.
type Config struct {
	BaseURL      string           // POWENS_BASE_URL, such as https://shop.biapi.pro/2.0
	ClientID     string           // POWENS_CLIENT_ID
	ClientSecret providers.Secret // POWENS_CLIENT_SECRET

	// WebhookKeys is POWENS_WEBHOOK_KEY: the secret_key that webhooks are signed
	// with, and while it is being changed the former one as well.
	WebhookKeys []providers.Secret

	// WebhookPath is POWENS_WEBHOOK_PATH: the path of our listener as it is
	// registered with Powens, for a proxy that rewrites paths. Empty is the
	// path that a delivery came to.
	WebhookPath string

	// WebhookTolerance is POWENS_WEBHOOK_TOLERANCE: how far a delivery's date may
	// be from our clock, either way. 0 is any distance.
	WebhookTolerance time.Duration

	// WebviewURL is POWENS_WEBVIEW_URL: where Powens shows its pages, without
	// parameters. Empty is BaseURL and /auth/webview/payment.
	WebviewURL string

	// LinksURL is POWENS_LINKS_URL: where Powens keeps payment links, as in
	// https://payment-links.powens.com/api/payment-links. Empty is no payment
	// links, which are a product of their own.
	LinksURL string

	Execution     Execution // POWENS_EXECUTION; empty is Instant
	ExecutionDays int       // POWENS_EXECUTION_DAYS: days until a Deferred payment; 0 is 1
	Accepted      Rule      // POWENS_ACCEPTED; empty is Hold

	// Currencies is POWENS_CURRENCIES; nil is EUR, which is what accounts with
	// an IBAN take nearly everywhere.
	Currencies []money.Currency

	Beneficiary Beneficiary

	Transport http.RoundTripper // what real requests go through; nil is a pool of its own
	Patience  providers.Patience
	Now       func() time.Time
}

// settings is a Config that was found good.
type settings struct {
	base        *url.URL
	webview     *url.URL
	links       *url.URL // nil when there are no payment links
	clientID    string
	webhookPath string
	tolerance   time.Duration
	execution   Execution
	days        int
	accepted    Rule
	currencies  []money.Currency
	beneficiary newAccount
	merchant    newIdentity
}

// check reads cfg, and reports all that is wrong with it at once, each problem
// by the setting's name and without its value where that may be a secret.
func check(cfg Config) (settings, error) {
	base, baseErr := checkBase(cfg.BaseURL)
	webview, webviewErr := checkWebview(cfg.WebviewURL, base)
	links, linksErr := checkLinks(cfg.LinksURL)
	days, execErr := checkExecution(cfg)
	accepted, ruleErr := checkAccepted(cfg.Accepted)
	currencies, currencyErr := checkCurrencies(cfg.Currencies)
	beneficiary, benErr := checkBeneficiary(cfg.Beneficiary)
	err := errors.Join(baseErr, checkKeys(cfg), checkWebhook(cfg), webviewErr, linksErr, execErr, ruleErr, currencyErr, benErr)
	if cfg.Now == nil {
		err = errors.Join(err, errors.New("powens: a clock is required"))
	}
	if err != nil {
		return settings{}, err
	}
	return settings{
		base: base, webview: webview, links: links, clientID: cfg.ClientID,
		webhookPath: cfg.WebhookPath, tolerance: cfg.WebhookTolerance,
		execution: orElse(cfg.Execution, Instant), days: days, accepted: accepted, currencies: currencies,
		beneficiary: newAccount{SchemeName: "iban", Identification: beneficiary.IBAN, Label: beneficiary.Label},
		merchant: newIdentity{
			Kind: "corporate", OrgName: beneficiary.OrgName, OrgLegalStatus: beneficiary.OrgLegalStatus,
			OrgHQAddress: beneficiary.OrgAddress, SchemeName: "siren", Identification: beneficiary.SIREN,
		},
	}, nil
}

func checkBase(s string) (*url.URL, error) {
	base, err := providers.CheckBase(name, "POWENS_BASE_URL", strings.TrimRight(s, "/"), "the client secret")
	if err != nil {
		return nil, err
	}
	if !strings.HasSuffix(base.Path, "/2.0") {
		return nil, errors.New("powens: POWENS_BASE_URL must end in /2.0, the version of the API that is spoken here")
	}
	return base, nil
}

// checkWebview reads the address of Powens' pages in any of its documented
// spellings. Under the base URL the host says whose pages they are; anywhere
// else the parameter domain must.
func checkWebview(s string, base *url.URL) (*url.URL, error) {
	if base == nil {
		base = &url.URL{} // it is at fault, which is said elsewhere
	}
	if s == "" {
		return base.JoinPath("auth/webview/payment"), nil
	}
	if strings.ContainsAny(s, "{}") {
		return nil, errors.New("powens: POWENS_WEBVIEW_URL holds braces: write the language and the domain out, as in " + powensPages + "/en/payment")
	}
	u, err := providers.CheckBase(name, "POWENS_WEBVIEW_URL", s, "a token")
	if err != nil {
		return nil, err
	}
	if !strings.HasSuffix(u.Path, "/payment") {
		return nil, errors.New("powens: POWENS_WEBVIEW_URL must end in /payment")
	}
	if providers.Origin(u) != providers.Origin(base) || !strings.HasPrefix(u.Path, base.Path+"/auth/webview/") {
		u.RawQuery = url.Values{"domain": {base.Host}}.Encode()
	}
	return u, nil
}

// checkLinks reads the address of the payment links; nil when there are none.
func checkLinks(s string) (*url.URL, error) {
	if s == "" {
		return nil, nil
	}
	u, err := providers.CheckBase(name, "POWENS_LINKS_URL", strings.TrimRight(s, "/"), "a token")
	if err != nil {
		return nil, err
	}
	if !strings.HasSuffix(u.Path, "/payment-links") {
		return nil, errors.New("powens: POWENS_LINKS_URL must end in /payment-links")
	}
	return u, nil
}

func checkKeys(cfg Config) error {
	var problems []error
	if cfg.ClientID == "" {
		problems = append(problems, errors.New("powens: POWENS_CLIENT_ID is required"))
	}
	if cfg.ClientSecret == "" {
		problems = append(problems, errors.New("powens: POWENS_CLIENT_SECRET is required"))
	}
	switch {
	case len(cfg.WebhookKeys) == 0:
		problems = append(problems, errors.New("powens: POWENS_WEBHOOK_KEY is required"))
	case slices.Contains(cfg.WebhookKeys, ""):
		problems = append(problems, errors.New("powens: POWENS_WEBHOOK_KEY holds an empty key, which anybody could sign with"))
	}
	return errors.Join(problems...)
}

func checkWebhook(cfg Config) error {
	var problems []error
	if cfg.WebhookPath != "" && (!strings.HasPrefix(cfg.WebhookPath, "/") || strings.ContainsAny(cfg.WebhookPath, "?#")) {
		problems = append(problems, errors.New("powens: POWENS_WEBHOOK_PATH is not a path: it begins with a slash and has no query"))
	}
	if cfg.WebhookTolerance < 0 {
		problems = append(problems, errors.New("powens: POWENS_WEBHOOK_TOLERANCE is negative"))
	}
	return errors.Join(problems...)
}

func checkExecution(cfg Config) (days int, err error) {
	days = cfg.ExecutionDays
	switch cfg.Execution {
	case Deferred:
		if days < 0 || days > maxDays {
			return 0, fmt.Errorf("powens: POWENS_EXECUTION_DAYS is not from 1 to %d", maxDays)
		}
		return max(days, 1), nil
	case "", Instant, FirstOpenDay:
		if days != 0 {
			return 0, errors.New("powens: POWENS_EXECUTION_DAYS is for POWENS_EXECUTION=deferred alone")
		}
		return 0, nil
	default:
		return 0, fmt.Errorf("powens: POWENS_EXECUTION: %.30q is none of instant, first_open_day, deferred", string(cfg.Execution))
	}
}

func checkAccepted(rule Rule) (Rule, error) {
	switch rule {
	case "", Hold:
		return Hold, nil
	case Paid:
		return Paid, nil
	default:
		return "", fmt.Errorf("powens: POWENS_ACCEPTED: %.30q is none of hold, paid", string(rule))
	}
}

func checkCurrencies(in []money.Currency) ([]money.Currency, error) {
	if in == nil {
		return []money.Currency{"EUR"}, nil
	}
	var problems []error
	if len(in) == 0 {
		problems = append(problems, errors.New("powens: POWENS_CURRENCIES is empty"))
	}
	for i, c := range in {
		switch {
		case !c.Valid():
			problems = append(problems, fmt.Errorf("powens: POWENS_CURRENCIES: %.12q is not a currency of ISO 4217", string(c)))
		case slices.Contains(in[:i], c):
			problems = append(problems, fmt.Errorf("powens: POWENS_CURRENCIES names %s twice", c))
		}
	}
	return slices.Clone(in), errors.Join(problems...)
}

// checkBeneficiary returns the merchant as the wire wants it.
func checkBeneficiary(b Beneficiary) (Beneficiary, error) {
	const prefix = "POWENS_BENEFICIARY_"
	var problems []error
	clean := func(setting, value string, limit int) string {
		value = strings.Join(strings.Fields(value), " ")
		switch {
		case value == "":
			problems = append(problems, fmt.Errorf("powens: %s%s is required", prefix, setting))
		case utf8.RuneCountInString(value) > limit:
			problems = append(problems, fmt.Errorf("powens: %s%s is longer than %d characters", prefix, setting, limit))
		}
		return value
	}
	out := Beneficiary{
		IBAN:           strings.ToUpper(compact(clean("IBAN", b.IBAN, maxName))),
		Label:          clean("LABEL", b.Label, maxName),
		OrgName:        clean("ORG_NAME", b.OrgName, maxName),
		OrgLegalStatus: clean("ORG_LEGAL_STATUS", b.OrgLegalStatus, maxStatus),
		OrgAddress:     clean("ORG_ADDRESS", b.OrgAddress, maxAddress),
		SIREN:          compact(clean("SIREN", b.SIREN, maxName)),
	}
	if out.IBAN != "" && !isIBAN(out.IBAN) {
		problems = append(problems, errors.New("powens: POWENS_BENEFICIARY_IBAN is not an IBAN: its check digits do not fit"))
	}
	if out.SIREN != "" && !isSIREN(out.SIREN) {
		problems = append(problems, errors.New("powens: POWENS_BENEFICIARY_SIREN is not a SIREN: nine digits, the last of which checks the others"))
	}
	return out, errors.Join(problems...)
}

func orElse[T comparable](v, fallback T) T {
	var none T
	if v == none {
		return fallback
	}
	return v
}
