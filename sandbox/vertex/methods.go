package vertex

import (
	"net/http"
	"slices"
	"strings"

	"till/sandbox/world"
)

// method is one way to pay that the shop has. OUR CHOICE: the list itself; the
// fields after the modes are those of the documented list of payout methods.
type method struct {
	Provider     string   `json:"providerCode"`
	Acquirer     string   `json:"acquirerCode"`
	Type         string   `json:"instrumentType"`
	Entry        *string  `json:"entryMode"` // of cards alone
	Modes        []string `json:"dataEntryModes"`
	AllowedCards []string `json:"allowedCards"`
	TransferType *string  `json:"transferType"`
	Currencies   []string `json:"currencies"`
	Regions      []string `json:"regions"`
	Default      bool     `json:"isDefault"`
}

func (m method) entry() string {
	if m.Entry == nil {
		return ""
	}
	return *m.Entry
}

// title is the method for people.
func (m method) title() string {
	name := strings.ReplaceAll(m.Type, "_", " ")
	if name == "" {
		return ""
	}
	return strings.ToUpper(name[:1]) + name[1:] + " by " + m.Acquirer
}

// allMethods are the shop's: two that any shop can offer, one for small change,
// one that needs card data on the shop's own pages, and one of another land.
func allMethods(currencies []string) []method {
	own := slices.DeleteFunc(slices.Clone(currencies), func(c string) bool { return c == "PHP" })
	cnp := "cnp"
	card := func(acquirer string, first bool, modes ...string) method {
		return method{
			Provider: "alps", Acquirer: acquirer, Type: "card", Entry: &cnp, Modes: modes, AllowedCards: []string{},
			Currencies: currencies, Regions: []string{"NZ", "SB", "PH"}, Default: first,
		}
	}
	return []method{
		card("lyra", true, "redirect"),
		card("andes", false, "h2h"),
		{
			Provider: "hills", Acquirer: "moana", Type: "wallet", Modes: []string{"redirect", "qr"}, AllowedCards: []string{},
			Currencies: own, Regions: []string{"NZ", "SB"},
		},
		{
			Provider: "hills", Acquirer: "tui", Type: "bank_transfer", Modes: []string{"redirect", "instruction"}, AllowedCards: []string{},
			Currencies: own, Regions: []string{"NZ"},
		},
		{
			Provider: "alps", Acquirer: "gcash", Type: "wallet", Modes: []string{"redirect"}, AllowedCards: []string{},
			Currencies: []string{"PHP"}, Regions: []string{"PH"},
		},
	}
}

// choice are the methods that the buyer of an order may choose from on the page:
// none when the shop has chosen.
func (p *Provider) choice(o *order) []method {
	if o.request.Settings.Method.Type != "" {
		return nil
	}
	return slices.DeleteFunc(allMethods(p.config.Currencies), func(m method) bool {
		return !slices.Contains(m.Modes, "redirect") || !slices.Contains(m.Currencies, o.request.Cost.currency) ||
			!o.request.Settings.AutoCapture && m.Type != "card"
	})
}

// listMethods answers GET /shops/{shopId}/payment-methods. Its two filters are
// documented as not implemented yet, so they are taken and do nothing.
func (p *Provider) listMethods(r *http.Request, part map[string]string) world.Answer {
	if problem := p.letIn(r, part["shop"]); problem != nil {
		return *problem
	}
	for name := range r.URL.Query() {
		if name != "currencies[]" && name != "instrumentTypes[]" {
			return invalid("Parameter " + name + " is not known")
		}
	}
	var a world.Answer
	list := allMethods(p.config.Currencies)
	if _, ok := p.take(&a, methodsNone, "methods"); ok {
		list = []method{}
	}
	answer := success(http.StatusOK, list)
	answer.Faults = a.Faults
	return answer
}
