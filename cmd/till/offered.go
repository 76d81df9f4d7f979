package main

import (
	"strings"

	"till/handlers/admin"
)

// offerLabels is what people call the providers that there are, by the prefix of
// their settings.
var offerLabels = map[string]string{
	"IUMICASH_": "iumiCash",
	"POWENS_":   "Powens Pay",
	"PGM_":      "Payment Gateway Manager",
	"GATE_":     "Gate",
	"VERTEX_":   "Vertex Gateway",
}

// offered is every provider that can be set up, for who wonders how.
func offered() []admin.Offer {
	var all []admin.Offer
	for _, o := range offers() {
		one := admin.Offer{Name: strings.ToLower(strings.TrimSuffix(o.prefix, "_")), Label: offerLabels[o.prefix]}
		for _, name := range o.names {
			one.Settings = append(one.Settings, o.prefix+name)
		}
		all = append(all, one)
	}
	return all
}
