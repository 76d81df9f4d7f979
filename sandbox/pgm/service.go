package pgm

import (
	"net/http"
	"slices"
	"time"
)

// service is a payment service behind the gateway manager. Those that want card
// fields or a token from the buyer's browser are not enabled here.
type service struct {
	title    string
	methods  []string // none for an external integration
	external bool
	kind     string   // of its page: card, app, instalments
	data     []string // providerData that it knows, all of it texts and none required; nil for an external one is anything
	noRefund bool

	links       bool     // has pay by link
	schedules   []string // methods of subscriptions that it charges; an external one has ""
	starts      []string // methods of subscriptions that the shop charges
	interval    string   // the only one that they can have; empty for all
	agree       []string // providerData that schedule and start know
	limited     bool     // start wants authenticationAmount, the most that one charge may be
	tokenAtOnce bool     // the answer has the token; else it comes into being on the page
	expireBy    string   // the verb of expire
	expireNamed bool     // which wants the shopTransactionId in the query

	// How long a buyer has, and how the rest goes, is not documented. OUR CHOICE:
	// near to what each service is known for.
	life         time.Duration
	clears       time.Duration // from the buyer's consent to the money
	staysOpen    bool          // the way back decides nothing, nor does a card that is refused
	mobile       bool          // has a link for phones
	atOnce       bool          // pays without a page: result OK
	metadataName string        // of the one field that its metadata has
}

func services() map[string]service {
	return map[string]service{
		"stripe": {
			title: "Stripe", methods: []string{"credit-cards", "pay-pal"}, kind: "card", data: []string{"productName", "buyerEmail"},
			life: 24 * time.Hour, staysOpen: true, metadataName: "paymentIntentId",
			links: true, schedules: []string{"credit-cards", "pay-pal"}, interval: "MONTH", agree: []string{"productName", "buyerEmail"},
			expireBy: http.MethodPost, expireNamed: true,
		},
		"satispay": {title: "Satispay", methods: []string{"satispay"}, kind: "app", data: []string{}, life: 15 * time.Minute, mobile: true},
		"nexi": {
			title: "Nexi", methods: []string{"credit-cards"}, kind: "card", data: []string{"language", "expirationDate"}, life: time.Hour,
		},
		"axerve": {
			title: "Axerve", methods: []string{"pay-pal", "satispay"}, kind: "app", data: []string{"buyerName", "buyerEmail", "serverRedirect"}, life: time.Hour,
			links: true, starts: []string{"pay-pal"}, interval: "DAY", agree: []string{"buyerName", "buyerEmail", "serverRedirect"}, limited: true,
			tokenAtOnce: true, expireBy: http.MethodDelete,
		},
		"soisy": {
			title: "Soisy", methods: []string{"soisy"}, kind: "instalments", noRefund: true, life: 72 * time.Hour, clears: 48 * time.Hour,
			data: []string{
				"email", "firstname", "lastname", "instalments", "vatId", "vatCountry", "fiscalCode", "mobilePhone", "city", "province",
				"address", "civicNumber", "postalCode", "zeroInterestRate",
			},
		},
		"house-account": {
			title: "House account", external: true, atOnce: true,
			schedules: []string{""}, starts: []string{""}, tokenAtOnce: true, expireBy: http.MethodDelete,
		},
	}
}

// has reports whether a service has a method. An external one has none, and is
// asked without.
func (s service) has(method string) bool {
	if s.external {
		return method == ""
	}
	for _, m := range s.methods {
		if m == method {
			return true
		}
	}
	return false
}

// offers reports whether a service has an operation, with a method where one
// stands in the address.
func (s service) offers(c call) bool {
	switch c.endpoint {
	case "pay_by_link":
		return s.links
	case "schedule":
		return len(s.schedules) > 0 && (c.way == "" || slices.Contains(s.schedules, c.way))
	case "start", "charge":
		return len(s.starts) > 0 && (c.way == "" || slices.Contains(s.starts, c.way))
	default:
		return true
	}
}
