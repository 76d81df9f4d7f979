package admin

import (
	"strings"

	"till/views/ui"
)

// ProvidersPage is what is set up, how it is, and what is not set up.
type ProvidersPage struct {
	Frame   Frame
	On      []ProviderCard
	Off     []ProviderOff
	Refused string // why a test was not made; empty when nothing was asked for
}

// ProviderCard is one provider that is set up.
type ProviderCard struct {
	Name       string // as rows and addresses carry it
	Label      string
	Host       string // that its API is asked at; empty when it does not say
	Test       bool   // it says that no real money is meant
	Currencies []string
	Methods    []string // as shoppers read them; empty for a provider of one way
	NoMethods  bool     // it lists its ways, and could not be asked just now
	Callback   string   // the address of its callbacks, without the part that is secret
	Secret     string   // that part, for who may read it
	Hidden     bool     // there is such a part, and who looks may not read it
	Bell       Bell
	Abilities  Abilities
	OK         When // when it last answered as it should
	Failed     When // when it last did not
	Failure    Failure
	Worse      bool // the last that we know of is a failure
	Heard      When // its last callback
	Open       int64
	More       bool // there are more open than were counted
	CanTest    bool
}

// Bell is how a provider learns where to send its callbacks: the contract's
// words.
type Bell string

// The ways.
const (
	BellWithPayment Bell = "with each payment"
	BellRegistered  Bell = "registered"
	BellByHand      Bell = "by hand"
)

// Failure is how a call failed: its kind, what was asked, and the HTTP status,
// such as "unavailable lookup 503".
type Failure string

// Abilities is what a provider can do at all.
type Abilities struct {
	Capture, CaptureParts, Void, Refund, Reverse, Cancel, Find, Subscribe, Link, Received bool
}

// ability is one line of the table.
type ability struct {
	what string
	can  bool
}

// ProviderOff is a provider that is not set up.
type ProviderOff struct {
	Name     string
	Label    string
	Settings []string
}

func (p ProvidersPage) page() ui.Page {
	return ui.Page{Name: "admin-providers", Title: "Providers", Quiet: true, Problem: p.Refused != ""}
}

// lines is the table of what a provider can do.
func (a Abilities) lines() []ability {
	return []ability{
		{"Reserve first, take later", a.Capture},
		{"Take a part of what is reserved", a.CaptureParts},
		{"Give back what is reserved", a.Void},
		{"Refund, all of it or a part", a.Refund},
		{"Undo a payment as a whole", a.Reverse},
		{"Cancel what nobody has paid", a.Cancel},
		{"Find a payment after a lost answer", a.Find},
		{"Subscriptions", a.Subscribe},
		{"Pay by link", a.Link},
		{"Be told of money that came outside", a.Received},
	}
}

func (a ability) word() string {
	if a.can {
		return "Yes"
	}
	return "No"
}

func (c ProviderCard) anchor() string { return "provider-" + c.Name }

func (c ProviderCard) testURL() string { return "/admin/providers/" + pathEscape(c.Name) + "/test" }

// state is how it is, as a pill.
func (c ProviderCard) state() (tone ui.Tone, word string) {
	switch {
	case c.Worse:
		return ui.Warn, "The last call failed"
	case c.OK.known():
		return ui.Good, "Works"
	default:
		return ui.Plain, "Not called yet"
	}
}

// bell says how the provider learns the address.
func (c ProviderCard) bell() string {
	switch c.Bell {
	case BellWithPayment:
		return "It goes along with each payment: nothing is to be done there."
	case BellRegistered:
		return "The shop registers it there when it starts: nothing is to be done there."
	case BellByHand:
		return "Somebody must type it in at " + c.Label + "."
	default:
		return ""
	}
}

// words says in ours what went wrong.
func (f Failure) words() string {
	kind, about, _ := strings.Cut(string(f), " ")
	op, status, _ := strings.Cut(about, " ")
	said := op
	if status != "" {
		said = with(op, ", HTTP ", status)
	}
	switch kind {
	case "rejected":
		return "It refused what we asked (" + said + ")."
	case "unauthorized":
		return "It did not accept our credentials (" + said + ")."
	case "unreachable":
		return "It could not be reached (" + said + ")."
	case "unavailable":
		return "It gave no usable answer (" + said + ")."
	default:
		return orEmpty(string(f))
	}
}

// docs is where it is written how to set one up.
func (o ProviderOff) docs() string { return "docs/providers/" + o.Name + ".md" }
