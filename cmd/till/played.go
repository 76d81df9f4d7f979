package main

import (
	"slices"
	"strings"

	"till/providers/gate"
	"till/sandbox"
)

// line is a setting and its value.
type line struct{ name, value string }

// played is what a shop sets to use the played providers, every one of them.
// What is set already is left out, for it may be a real credential; only base
// URLs are not.
func (s *settings) played(all []sandbox.Provider, shopName string) []line {
	var lines []line
	for _, p := range all {
		prefix := strings.ToUpper(p.Name) + "_"
		for _, one := range p.Settings {
			if name := prefix + strings.ToUpper(one.Name); slices.Contains(known(), name) {
				lines = append(lines, line{name, one.Value})
			}
			if p.Name == "gate" && one.Name == "callback_hmac_key" && s.get("GATE_CALLBACK_VERIFY", gate.VerifyHMAC) == gate.VerifyHMAC {
				lines = append(lines, line{"GATE_CALLBACK_VERIFY", gate.VerifyHMAC}, line{"GATE_CALLBACK_KEY", one.Value})
			}
		}
	}
	lines = append(lines, chosen(shopName)...)
	return slices.DeleteFunc(lines, func(l line) bool { return !strings.HasSuffix(l.name, "_BASE_URL") && s.get(l.name, "") != "" })
}

// chosen is what a shop chooses about its providers besides: what it is called,
// and how it is paid.
func chosen(shopName string) []line {
	return []line{
		{"POWENS_BENEFICIARY_IBAN", "FR7630006000011234567890189"},
		{"POWENS_BENEFICIARY_LABEL", shopName},
		{"POWENS_BENEFICIARY_ORG_NAME", shopName},
		{"POWENS_BENEFICIARY_ORG_LEGAL_STATUS", "SAS"},
		{"POWENS_BENEFICIARY_ORG_ADDRESS", "1 rue Verte, 75000 Paris"},
		{"POWENS_BENEFICIARY_SIREN", "732829320"},
		{"PGM_METHODS", "stripe/credit-cards,satispay/satispay,house-account"},
		{"GATE_CALLBACK_TOKEN", "sbx-gate-callback-1"},
		{"GATE_CURRENCIES", "EUR,GBP,NZD,USD"},
	}
}

// dotenv is a setting as a shell reads it.
func (l line) dotenv() string {
	return l.name + "='" + strings.ReplaceAll(l.value, "'", `'\''`) + "'"
}

// playedBy is what a sandbox is configured with so that a shop with these
// settings can use it.
func (s *settings) playedBy() sandbox.Config {
	first := func(name string) string {
		if words := s.list(name); words != nil {
			return words[0]
		}
		return ""
	}
	c := sandbox.Config{
		IumiCash: sandbox.IumiCash{ClientID: s.get("IUMICASH_CLIENT_ID", ""), ClientSecret: s.get("IUMICASH_CLIENT_SECRET", "")},
		Powens: sandbox.Powens{
			ClientID: s.get("POWENS_CLIENT_ID", ""), ClientSecret: s.get("POWENS_CLIENT_SECRET", ""),
			WebhookKey: first("POWENS_WEBHOOK_KEY"), Currencies: s.list("POWENS_CURRENCIES"),
		},
		PGM:  sandbox.PGM{Secret: s.get("PGM_SECRET", ""), CallbackSecret: first("PGM_CALLBACK_SECRET")},
		Gate: sandbox.Gate{SecretKey: s.get("GATE_SECRET_KEY", ""), Currencies: s.list("GATE_CURRENCIES")},
		Vertex: sandbox.Vertex{
			Token: s.get("VERTEX_TOKEN", ""), CallbackSecret: first("VERTEX_CALLBACK_SECRET"), SignMode: s.get("VERTEX_SIGN_MODE", ""),
			Currencies: s.list("VERTEX_CURRENCIES"),
		},
	}
	c.Gate.Test = group{settings: s, prefix: "GATE_"}.either("TEST", "false", "true")
	if s.get("GATE_CALLBACK_VERIFY", "") == gate.VerifyHMAC {
		c.Gate.HookSecret = first("GATE_CALLBACK_KEY")
	}
	c.Vertex.ShopID = int64(group{settings: s, prefix: "VERTEX_"}.count("SHOP_ID"))
	return c
}
