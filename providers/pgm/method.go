package pgm

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"till/providers"
)

const maxName = 64 // characters of a provider or a method

// service is a payment service behind the gateway manager, as its table of who
// knows how to do what has it. Source: the providers' pages of v3.
type service struct {
	label    string
	methods  []string // those that need nothing but an amount and a buyer who can be sent away
	needs    string   // what the other methods need, and a page of ours cannot ask for; may be empty
	noRefund bool
	hosts    []string                                        // of its pages, from the service's own documents
	data     func(req providers.StartRequest) map[string]any // providerData; nil when it takes none that we have

	links       bool                                            // has pay by link
	schedules   []string                                        // methods of subscriptions that the service charges
	starts      []string                                        // methods of subscriptions that we charge
	startNeeds  string                                          // what those need that we cannot have; may be empty
	interval    string                                          // the only one that subscriptions can have; empty for all
	agree       func(req providers.StartRequest) map[string]any // providerData of schedule and start
	expireNamed bool                                            // expire wants the shopTransactionId besides
}

func services() map[string]service {
	return map[string]service{
		"adyen": {label: "Adyen", needs: "card fields that Adyen's script encrypts in the browser"},
		"axerve": {
			label: "Axerve", methods: []string{"pay-pal", "satispay"}, needs: "a token that Axerve's or the wallet's script makes in the browser", data: axerveData,
			links: true, starts: []string{"pay-pal"}, interval: "DAY", agree: axerveAgree,
		},
		"braintree": {label: "Braintree", needs: "a customer from Braintree's vault, made by its script in the browser"},
		"flowpay":   {label: "FlowPay", needs: "the fiscal codes of both sides and an IBAN", noRefund: true},
		"nexi":      {label: "Nexi", methods: []string{"credit-cards"}},
		"satispay": {
			label: "Satispay", methods: []string{"satispay"}, hosts: []string{"online.satispay.com"},
			startNeeds: "an authorisation token, and no page says how to ask for one", expireNamed: true,
		},
		"scalapay": {label: "Scalapay", needs: "the buyer's address and the date of a journey"},
		"soisy":    {label: "Soisy", methods: []string{"soisy"}, noRefund: true, data: soisyData},
		"stripe": {
			label: "Stripe", methods: []string{"credit-cards", "pay-pal"}, hosts: []string{"buy.stripe.com", "checkout.stripe.com"}, data: stripeData,
			links: true, schedules: []string{"credit-cards", "pay-pal"}, interval: "MONTH", agree: stripeData, expireNamed: true,
		},
	}
}

func axerveData(req providers.StartRequest) map[string]any {
	return filled(map[string]any{"buyerName": req.Buyer.Name, "buyerEmail": req.Buyer.Email})
}

// axerveAgree has besides how much may be taken at each payment, in minor units.
func axerveAgree(req providers.StartRequest) map[string]any {
	return filled(map[string]any{
		"buyerName": req.Buyer.Name, "buyerEmail": req.Buyer.Email, "authenticationAmount": req.Amount.Minor,
	})
}

func soisyData(req providers.StartRequest) map[string]any {
	return filled(map[string]any{"email": req.Buyer.Email})
}

func stripeData(req providers.StartRequest) map[string]any {
	product := ""
	if req.OrderNumber != "" {
		product = "Order " + req.OrderNumber
	}
	return filled(map[string]any{"productName": product, "buyerEmail": req.Buyer.Email})
}

// filled leaves out what is empty; nil when all is.
func filled(m map[string]any) map[string]any {
	for k, v := range m {
		if v == "" {
			delete(m, k)
		}
	}
	if len(m) == 0 {
		return nil
	}
	return m
}

// choice is one way to pay. An external integration has no method.
type choice struct {
	Provider string
	Method   string
}

func (c choice) String() string {
	if c.Method == "" {
		return c.Provider
	}
	return c.Provider + "/" + c.Method
}

// parseChoice reads a choice; ok is false for what can be none in an address.
func parseChoice(s string) (c choice, ok bool) {
	provider, method, two := strings.Cut(s, "/")
	return choice{Provider: provider, Method: method}, isName(provider) && (!two || isName(method))
}

func isName(s string) bool {
	return s != "" && len(s) <= maxName && strings.Trim(s, ".") != "" && !strings.ContainsFunc(s, func(r rune) bool { return !unreserved(r) })
}

func checkMethods(in []string) ([]choice, error) {
	var problems []error
	if len(in) == 0 {
		problems = append(problems, errors.New("pgm: PGM_METHODS is required, such as stripe/credit-cards,satispay/satispay"))
	}
	var all []choice
	for _, s := range in {
		c, ok := parseChoice(strings.TrimSpace(s))
		if !ok {
			problems = append(problems, fmt.Errorf("pgm: PGM_METHODS: %.80q is not provider/method, nor an external integration's name", s))
			continue
		}
		if err := c.check(); err != nil {
			problems = append(problems, fmt.Errorf("pgm: PGM_METHODS: %w", err))
		}
		if slices.Contains(all, c) {
			problems = append(problems, fmt.Errorf("pgm: PGM_METHODS names %s twice", c))
		}
		all = append(all, c)
	}
	return all, errors.Join(problems...)
}

// check refuses what is known not to work. A service that no page describes is
// let through: there are newer gateway managers than the pages.
func (c choice) check() error {
	s, known := services()[c.Provider]
	switch {
	case !known, slices.Contains(s.methods, c.Method):
		return nil
	case s.needs != "":
		return fmt.Errorf("%s cannot be offered: it needs %s", c, s.needs)
	case c.Method == "":
		return fmt.Errorf("%s needs a method: %s", c.Provider, strings.Join(s.methods, ", "))
	default:
		return fmt.Errorf("%s has no method %s; it has %s", c.Provider, c.Method, strings.Join(s.methods, ", "))
	}
}

// label is a choice as shoppers know it.
func (c choice) label() string {
	switch c.Method {
	case "credit-cards":
		return "Card"
	case "applepay":
		return "Apple Pay"
	case "googlepay":
		return "Google Pay"
	case "pay-pal":
		return "PayPal"
	case "wire-transfer":
		return "Bank transfer"
	case "":
		return c.service()
	}
	if s, ok := services()[c.Method]; ok { // satispay, scalapay and soisy are methods too
		return s.label
	}
	return human(c.Method)
}

// service is the provider as people know it.
func (c choice) service() string {
	if s, ok := services()[c.Provider]; ok {
		return s.label
	}
	return human(c.Provider)
}

// human makes words of a name: "my-provider" is My provider.
func human(name string) string {
	words := strings.Join(strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("-._~", r) }), " ")
	if words == "" {
		return name
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

// labelled are the choices with their labels; two that would read alike say by
// whom they are.
func labelled(choices []choice) []providers.Method {
	count := make(map[string]int)
	for _, c := range choices {
		count[c.label()]++
	}
	all := make([]providers.Method, 0, len(choices))
	for _, c := range choices {
		label := c.label()
		if count[label] > 1 {
			label += " (" + c.service() + ")"
		}
		all = append(all, providers.Method{Name: c.String(), Label: label})
	}
	return all
}
