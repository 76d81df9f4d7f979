package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/money"
	"till/providers"
	"till/providers/gate"
	"till/providers/iumicash"
	"till/providers/pgm"
	"till/providers/powens"
	"till/providers/vertex"
)

// offer is a provider that settings turn on: one of them is enough.
type offer struct {
	prefix string   // of its settings
	names  []string // of the settings, without the prefix
	open   func(g group) (account, error)
}

// account is a provider that was set up.
type account struct {
	providers.Provider
	reserves bool   // money is reserved first, and taken by hand
	hook     string // the path of callbacks, where somebody has to tell the provider; never with its secret
	errand   errand // nil where there is none
}

// errand is what the shop does once at a provider when it begins, beside its
// work. After an error it is done again.
type errand func(ctx context.Context, publicURL string, log *slog.Logger) error

// offers is every provider there is, in the order in which shoppers see them.
func offers() []offer {
	return []offer{
		{"IUMICASH_", []string{"BASE_URL", "CLIENT_ID", "CLIENT_SECRET", "CALLBACK_SECRETS", "CURRENCIES", "PAID_STATUSES", "APPROVE_HOSTS"}, openIumiCash},
		{"POWENS_", []string{
			"BASE_URL", "CLIENT_ID", "CLIENT_SECRET", "WEBHOOK_KEY", "WEBHOOK_PATH", "WEBHOOK_TOLERANCE", "WEBVIEW_URL", "LINKS_URL",
			"EXECUTION", "EXECUTION_DAYS", "ACCEPTED", "CURRENCIES", "BENEFICIARY_IBAN", "BENEFICIARY_LABEL",
			"BENEFICIARY_ORG_NAME", "BENEFICIARY_ORG_LEGAL_STATUS", "BENEFICIARY_ORG_ADDRESS", "BENEFICIARY_SIREN",
		}, openPowens},
		{"PGM_", []string{"BASE_URL", "METHODS", "LABEL", "SECRET", "SECRET_HEADER", "CALLBACK_SECRET", "PAGE_HOSTS"}, openPGM},
		{"GATE_", []string{
			"BASE_URL", "SECRET_KEY", "CALLBACK_TOKEN", "CALLBACK_VERIFY", "CALLBACK_KEY", "CAPTURE", "CURRENCIES", "PAGE_HOSTS",
			"LABEL", "BRAND", "TEST", "MAX_ATTEMPTS", "HOLD_DAYS",
		}, openGate},
		{"VERTEX_", []string{
			"BASE_URL", "TOKEN", "SHOP_ID", "CALLBACK_SECRET", "SIGN_MODE", "CAPTURE", "MAIL", "CURRENCIES", "PAGE_HOSTS",
		}, openVertex},
	}
}

// accounts sets up every provider of which a setting is there. publicURL is the
// shop's address as far as it is known.
func (s *settings) accounts(publicURL string, now func() time.Time) []account {
	var all []account
	for _, o := range offers() {
		if !slices.ContainsFunc(o.names, func(name string) bool { return s.values[o.prefix+name] != "" }) {
			continue
		}
		one, err := o.open(group{s, o.prefix, publicURL, now})
		if err == nil {
			all = append(all, one)
			continue
		}
		said := strings.ToLower(strings.TrimSuffix(o.prefix, "_")) + ": "
		for line := range strings.SplitSeq(err.Error(), "\n") {
			s.problems = append(s.problems, strings.TrimPrefix(line, said))
		}
	}
	return all
}

func openIumiCash(g group) (account, error) {
	client, err := iumicash.New(iumicash.Config{
		BaseURL: g.text("BASE_URL"), ClientID: g.text("CLIENT_ID"), ClientSecret: g.secret("CLIENT_SECRET"),
		CallbackSecrets: g.secrets("CALLBACK_SECRETS"), Currencies: g.currencies(),
		PaidStatuses: g.words("PAID_STATUSES"), ApproveHosts: g.words("APPROVE_HOSTS"), Now: g.now,
	})
	return account{Provider: client}, err
}

func openPowens(g group) (account, error) {
	cfg := powens.Config{
		BaseURL: g.text("BASE_URL"), ClientID: g.text("CLIENT_ID"), ClientSecret: g.secret("CLIENT_SECRET"),
		WebhookKeys: g.secrets("WEBHOOK_KEY"), WebhookPath: g.text("WEBHOOK_PATH"), WebhookTolerance: g.duration("WEBHOOK_TOLERANCE"),
		WebviewURL: g.text("WEBVIEW_URL"), LinksURL: g.text("LINKS_URL"), Execution: powens.Execution(g.text("EXECUTION")), ExecutionDays: g.count("EXECUTION_DAYS"),
		Accepted: powens.Rule(g.text("ACCEPTED")), Currencies: g.currencies(),
		Beneficiary: powens.Beneficiary{
			IBAN: g.text("BENEFICIARY_IBAN"), Label: g.text("BENEFICIARY_LABEL"), OrgName: g.text("BENEFICIARY_ORG_NAME"),
			OrgLegalStatus: g.text("BENEFICIARY_ORG_LEGAL_STATUS"), OrgAddress: g.text("BENEFICIARY_ORG_ADDRESS"), SIREN: g.text("BENEFICIARY_SIREN"),
		},
		Now: g.now,
	}
	client, err := powens.New(cfg)
	return account{Provider: client, hook: cmp.Or(cfg.WebhookPath, "/callbacks/powens"), errand: readBanks(client)}, err
}

func openPGM(g group) (account, error) {
	client, err := pgm.New(pgm.Config{
		BaseURL: g.text("BASE_URL"), Methods: g.words("METHODS"), Label: g.text("LABEL"), Secret: g.secret("SECRET"), SecretHeader: g.text("SECRET_HEADER"),
		CallbackSecrets: g.secrets("CALLBACK_SECRET"), PageHosts: g.words("PAGE_HOSTS"), PublicURL: g.publicURL, Now: g.now,
	})
	return account{Provider: client, hook: "/callbacks/pgm/{PGM_CALLBACK_SECRET}"}, err
}

func openGate(g group) (account, error) {
	cfg := gate.Config{
		BaseURL: g.text("BASE_URL"), SecretKey: g.secret("SECRET_KEY"), CallbackTokens: g.secrets("CALLBACK_TOKEN"),
		CallbackVerify: g.text("CALLBACK_VERIFY"), CallbackKeys: g.secrets("CALLBACK_KEY"), Currencies: g.currencies(),
		PageHosts: g.words("PAGE_HOSTS"), Label: g.text("LABEL"), Brand: g.text("BRAND"), Test: g.either("TEST", "false", "true"),
		MaxAttempts: g.count("MAX_ATTEMPTS"), HoldDays: g.count("HOLD_DAYS"), Now: g.now,
	}
	manual := g.manual()
	client, err := gate.New(cfg)
	return account{Provider: client, reserves: manual, errand: registerHook(client, cfg.BaseURL)}, err
}

func openVertex(g group) (account, error) {
	cfg := vertex.Config{
		BaseURL: g.text("BASE_URL"), Token: g.secret("TOKEN"), ShopID: g.text("SHOP_ID"), CallbackSecrets: g.secrets("CALLBACK_SECRET"),
		SignMode: g.text("SIGN_MODE"), Capture: vertex.CaptureAuto, Mail: g.text("MAIL"), Currencies: g.currencies(),
		PageHosts: g.words("PAGE_HOSTS"), Now: g.now,
	}
	manual := g.manual()
	if manual {
		cfg.Capture = vertex.CaptureManual
	}
	client, err := vertex.New(cfg)
	return account{Provider: client, reserves: manual}, err
}

// group is the settings of one provider, which are named without their prefix.
type group struct {
	*settings
	prefix    string
	publicURL string
	now       func() time.Time
}

func (g group) text(name string) string { return g.get(g.prefix+name, "") }

func (g group) secret(name string) providers.Secret { return providers.Secret(g.text(name)) }

func (g group) words(name string) []string { return g.list(g.prefix + name) }

func (g group) secrets(name string) []providers.Secret { return each[providers.Secret](g.words(name)) }

// currencies are as they were written: each provider says which it can take.
func (g group) currencies() []money.Currency { return each[money.Currency](g.words("CURRENCIES")) }

// each is nil when there are no words.
func each[T ~string](words []string) []T {
	if words == nil {
		return nil
	}
	all := make([]T, len(words))
	for i, w := range words {
		all[i] = T(w)
	}
	return all
}

// count is 0 when not set.
func (g group) count(name string) int {
	v := g.text(name)
	if v == "" {
		return 0
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		g.wrong(g.prefix+name, fmt.Sprintf("is %.20q, which is no whole number from 1 on", v))
		return 0
	}
	return n
}

// duration is 0 when not set.
func (g group) duration(name string) time.Duration {
	v := g.text(name)
	if v == "" || v == "0" {
		return 0
	}
	d, err := time.ParseDuration(v)
	if err != nil {
		g.wrong(g.prefix+name, fmt.Sprintf("is %.20q, which is no time like 90s or 5m", v))
	}
	return d
}

// manual reports whether money is reserved first.
func (g group) manual() bool { return g.either("CAPTURE", "auto", "manual") }

// either reports whether a setting is the second of two words. The first is
// what it is when not set.
func (g group) either(name, usual, other string) bool {
	switch v := g.text(name); v {
	case "", usual:
		return false
	case other:
		return true
	default:
		g.wrong(g.prefix+name, fmt.Sprintf("is %.20q, which is neither %s nor %s", v, usual, other))
		return false
	}
}
