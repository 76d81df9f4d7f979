package vertex

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/money"
	"till/providers"
)

// What the settings may be.
const (
	SignHMAC   = "hmac"   // HMAC-SHA512 of the body under the secret
	SignConcat = "concat" // SHA-512 of the body followed by the secret

	CaptureAuto   = "auto"   // money is taken at once
	CaptureManual = "manual" // money is reserved, and taken by staff

	MailShop    = "shop"    // the shop writes to the buyer; the gateway is not told who pays
	MailGateway = "gateway" // the gateway is given name and e-mail, and writes to the buyer
)

// Config is what New needs. BaseURL, Token, ShopID, CallbackSecrets and Now are
// required; the rest has a default.
type Config struct {
	BaseURL string           // VERTEX_BASE_URL, such as https://gateway.stage.vertexgateway.com/api/v1
	Token   providers.Secret // VERTEX_TOKEN
	ShopID  string           // VERTEX_SHOP_ID, a whole number

	// CallbackSecrets is VERTEX_CALLBACK_SECRET: one, or several while the
	// secret is being changed.
	CallbackSecrets []providers.Secret

	SignMode string // VERTEX_SIGN_MODE: SignHMAC or SignConcat; empty is SignHMAC
	Capture  string // VERTEX_CAPTURE: CaptureAuto or CaptureManual; empty is CaptureAuto
	Mail     string // VERTEX_MAIL: MailShop or MailGateway; empty is MailShop

	// Currencies is VERTEX_CURRENCIES; nil is NZD, USD, SBD.
	Currencies []money.Currency

	// PageHosts is VERTEX_PAGE_HOSTS: hosts, with a port where it is not the
	// scheme's own, that a buyer may be sent to besides those of PageOrigins'
	// defaults.
	PageHosts []string

	Transport http.RoundTripper // what real requests go through; nil is a pool of its own
	Patience  providers.Patience
	Now       func() time.Time
}

// documentedPages is the origin of the test gateway's pay page. That of the live
// one is not documented.
const documentedPages = "https://payment-page.stage.vertexgateway.com"

// settings is a Config that was found good.
type settings struct {
	base       *url.URL
	shop       int64
	concat     bool // callbacks are signed in that mode
	manual     bool
	mails      bool // the gateway writes to the buyer
	currencies []money.Currency
	origins    []string // that a buyer may be sent to, lower case
}

// check reads cfg, and reports all that is wrong with it at once, each problem
// by the setting's name and without its value where that may be a secret.
func check(cfg Config) (settings, error) {
	base, baseErr := providers.CheckBase(name, "VERTEX_BASE_URL", cfg.BaseURL, "the access token")
	shop, shopErr := checkShop(cfg.ShopID)
	concat, signErr := checkChoice("VERTEX_SIGN_MODE", cfg.SignMode, SignHMAC, SignConcat)
	manual, captureErr := checkChoice("VERTEX_CAPTURE", cfg.Capture, CaptureAuto, CaptureManual)
	mails, mailErr := checkChoice("VERTEX_MAIL", cfg.Mail, MailShop, MailGateway)
	currencies, currencyErr := checkCurrencies(cfg.Currencies)
	hosts, hostsErr := providers.CheckHosts(name, "VERTEX_PAGE_HOSTS", cfg.PageHosts)
	err := errors.Join(baseErr, checkKeys(cfg), shopErr, signErr, captureErr, mailErr, currencyErr, hostsErr)
	if cfg.Now == nil {
		err = errors.Join(err, errors.New("vertex: a clock is required"))
	}
	if err != nil {
		return settings{}, err
	}
	return settings{
		base: base, shop: shop, concat: concat, manual: manual, mails: mails,
		currencies: currencies, origins: providers.Origins(base, hosts, pages(base)...),
	}, nil
}

// pages lists the origins of the gateway's pay pages: the documented test page,
// and the neighbour of that name where the base URL's host is called gateway as
// the documented one is.
func pages(base *url.URL) []string {
	rest, ok := strings.CutPrefix(strings.ToLower(base.Host), "gateway.")
	if !ok {
		return []string{documentedPages}
	}
	return []string{documentedPages, providers.Origin(&url.URL{Scheme: base.Scheme, Host: "payment-page." + rest})}
}

func checkShop(s string) (int64, error) {
	if s == "" {
		return 0, errors.New("vertex: VERTEX_SHOP_ID is required")
	}
	shop, err := strconv.ParseInt(s, 10, 64)
	if err != nil || shop < 1 {
		return 0, fmt.Errorf("vertex: VERTEX_SHOP_ID: %.40q is not a whole number above zero", s)
	}
	return shop, nil
}

func checkKeys(cfg Config) error {
	var problems []error
	switch {
	case cfg.Token == "":
		problems = append(problems, errors.New("vertex: VERTEX_TOKEN is required"))
	case strings.ContainsFunc(string(cfg.Token), func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		problems = append(problems, errors.New("vertex: VERTEX_TOKEN holds a space or another character that no header takes"))
	}
	switch {
	case len(cfg.CallbackSecrets) == 0:
		problems = append(problems, errors.New("vertex: VERTEX_CALLBACK_SECRET is required"))
	case slices.Contains(cfg.CallbackSecrets, ""):
		problems = append(problems, errors.New("vertex: VERTEX_CALLBACK_SECRET holds an empty secret, which anybody could sign with"))
	}
	return errors.Join(problems...)
}

// checkChoice reports whether a setting of two words has the second; empty is
// the first.
func checkChoice(setting, got, first, second string) (bool, error) {
	switch got {
	case "", first:
		return false, nil
	case second:
		return true, nil
	default:
		return false, fmt.Errorf("vertex: %s: %.40q is neither %s nor %s", setting, got, first, second)
	}
}

func checkCurrencies(in []money.Currency) ([]money.Currency, error) {
	if in == nil {
		return []money.Currency{"NZD", "USD", "SBD"}, nil
	}
	var problems []error
	if len(in) == 0 {
		problems = append(problems, errors.New("vertex: VERTEX_CURRENCIES is empty"))
	}
	for i, c := range in {
		switch {
		case !c.Valid():
			problems = append(problems, fmt.Errorf("vertex: VERTEX_CURRENCIES: %.12q is not a currency of ISO 4217", string(c)))
		case slices.Contains(in[:i], c):
			problems = append(problems, fmt.Errorf("vertex: VERTEX_CURRENCIES names %s twice", c))
		}
	}
	return slices.Clone(in), errors.Join(problems...)
}
