package admin

import (
	"bytes"
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"till/views/ui"
)

// Way is which way something went over the wire.
type Way string

// The ways, each with a tab of its own.
const (
	WayIn  Way = "in"  // callbacks of providers
	WayOut Way = "out" // mails to shoppers
)

// ways is every tab, in their order.
var ways = []struct {
	way  Way
	name string
}{
	{WayIn, "Callbacks in"},
	{WayOut, "Mails out"},
}

// DeliveriesPage is what came in or went out, newest first.
type DeliveriesPage struct {
	Frame     Frame
	Way       Way
	Provider  string  // the chosen one; empty for all
	Verdict   Verdict // the chosen one; empty for all
	Providers []ui.Option
	In        []DeliveryRow
	Out       []MailRow
	Older     string    // cursor for ?before=; empty on the last page
	Newer     string    // cursor for ?after=; empty on the first page
	Refusals  []Refusal // callbacks that were refused; on the first page alone
	Unsent    bool      // no mail server is set
}

// DeliveryRow is one callback of the list.
type DeliveryRow struct {
	ID       int64
	Provider string // label
	EventID  string
	Ref      string // the provider's id of the payment
	Word     string // the status word it carried; may be empty
	Verdict  Verdict
	Times    int64  // how often it came
	At       When   // the first time
	Order    string // number; empty while nobody knows whose it is
}

// MailKind is what a mail is about: models' words.
type MailKind string

// The kinds of mail.
const (
	MailOrderPaid MailKind = "order_paid"
	MailRefunded  MailKind = "refunded"
	MailShipped   MailKind = "shipped"
)

// MailRow is one mail of the list.
type MailRow struct {
	Kind     MailKind
	Order    string // number
	To       string // empty for who may not read it
	State    MailState
	Attempts int64 // how often a mail server was asked to take it
	At       When  // when it was asked for
	Sent     When
}

// MailState is how far a mail has got.
type MailState string

// The states of a mail.
const (
	MailSent    MailState = "sent"
	MailWaiting MailState = "waiting"
	MailRefused MailState = "refused" // nobody has this address, says the mail server
	MailKept    MailState = "kept"    // no mail server is set
)

// Refusal is how many callbacks were refused on one day.
type Refusal struct {
	Day      string // 2026-11-21
	Provider string // label
	Reason   string // models' words
	Times    int64
}

// DeliveryPage is one callback.
type DeliveryPage struct {
	Frame    Frame
	Row      DeliveryRow
	Last     When
	Settled  When // zero when it has not led to a settle
	Body     []byte
	Payment  string  // our id; empty while nobody knows it
	Timeline []Event // what it brought about, newest first
	CanAgain bool    // who looks may have it followed again
}

func (p DeliveriesPage) page() ui.Page {
	return ui.Page{Name: "admin-deliveries", Title: p.title(), Quiet: true}
}

func (p DeliveriesPage) title() string {
	for _, w := range ways {
		if w.way == p.Way {
			return "Deliveries: " + lower(w.name)
		}
	}
	return "Deliveries"
}

func wayURL(w Way) string { return "/admin/deliveries?" + url.Values{"way": {string(w)}}.Encode() }

// url is the list with the same filter at another place.
func (p DeliveriesPage) url(cursor, value string) string {
	q := url.Values{"way": {string(p.Way)}, cursor: {value}}
	if p.Provider != "" {
		q.Set("provider", p.Provider)
	}
	if p.Verdict != "" {
		q.Set("verdict", string(p.Verdict))
	}
	return "/admin/deliveries?" + q.Encode()
}

func (p DeliveriesPage) filtered() bool { return p.Provider != "" || p.Verdict != "" }

// first reports whether nothing is further up.
func (p DeliveriesPage) first() bool { return p.Newer == "" }

func (p DeliveriesPage) empty() bool { return len(p.In) == 0 && len(p.Out) == 0 }

// providerChoice keeps one that is not set up any more.
func (p DeliveriesPage) providerChoice() ui.Choice {
	c := ui.Choice{Name: "provider", Label: "Provider", Value: p.Provider, Empty: "All", Options: p.Providers}
	for _, o := range p.Providers {
		if o.Value == p.Provider {
			return c
		}
	}
	if p.Provider != "" {
		c.Options = append(append([]ui.Option{}, p.Providers...), ui.Option{Value: p.Provider, Label: p.Provider})
	}
	return c
}

func (p DeliveriesPage) verdictChoice() ui.Choice {
	c := ui.Choice{Name: "verdict", Label: "What was made of it", Value: string(p.Verdict), Empty: "All"}
	known := p.Verdict == ""
	for _, v := range []Verdict{VerdictNew, VerdictSettled, VerdictUnmatched} {
		c.Options = append(c.Options, ui.Option{Value: string(v), Label: v.word()})
		known = known || v == p.Verdict
	}
	if !known {
		c.Options = append(c.Options, ui.Option{Value: string(p.Verdict), Label: p.Verdict.word()})
	}
	return c
}

// emptiness says why there is nothing to see: a title and a sentence.
func (p DeliveriesPage) emptiness() (title, text string) {
	switch {
	case !p.first():
		return "No more this way", "What there is stands further up."
	case p.filtered():
		return "Nothing found", "No callback is like this."
	case p.Way == WayOut:
		return "No mails yet", "A mail appears here when an order is paid, when it leaves, and when money goes back."
	default:
		return "No callbacks yet", "A callback appears here when a provider tells us that a payment has changed. Under Providers stands where each must send them."
	}
}

func (r DeliveryRow) url() string { return "/admin/deliveries/" + strconv.FormatInt(r.ID, 10) }

func (r DeliveryRow) name() string { return "Callback " + strconv.FormatInt(r.ID, 10) }

func (k MailKind) word() string {
	switch k {
	case MailOrderPaid:
		return "Order confirmed"
	case MailRefunded:
		return "Refund confirmed"
	case MailShipped:
		return "Order shipped"
	default:
		return string(k)
	}
}

func (s MailState) word() string {
	switch s {
	case MailSent:
		return "Sent"
	case MailWaiting:
		return "Waiting"
	case MailRefused:
		return "Refused"
	case MailKept:
		return "Kept, not sent"
	default:
		return string(s)
	}
}

func (s MailState) tone() ui.Tone {
	switch s {
	case MailSent:
		return ui.Good
	case MailWaiting:
		return ui.Info
	case MailRefused:
		return ui.Bad
	case MailKept:
		return ui.Plain
	default:
		return ui.Plain
	}
}

// tries is how often it was tried, where that is worth a word.
func (m MailRow) tries() string {
	if m.Attempts == 0 {
		return "not tried"
	}
	return "tried " + times(m.Attempts)
}

func (r Refusal) reason() string {
	switch r.Reason {
	case "signature":
		return "Bad signature, or a wrong address"
	case "malformed":
		return "Not readable"
	case "too large":
		return "Too large"
	default:
		return r.Reason
	}
}

func (p DeliveryPage) page() ui.Page {
	return ui.Page{Name: "admin-delivery", Title: p.Row.name(), Quiet: true}
}

// sentence says what was made of it.
func (p DeliveryPage) sentence() string {
	switch p.Row.Verdict {
	case VerdictNew:
		return "It is stored, and its payment has not been settled after it yet. We ask " + p.Row.Provider + " about it by ourselves."
	case VerdictSettled:
		return "We asked " + p.Row.Provider + " about its payment, and wrote down what it said. What a callback says itself is not believed."
	case VerdictUnmatched:
		return "No payment of ours has its reference. We look again for an hour; after ten minutes it is in the inbox as well."
	default:
		return "We do not know this word."
	}
}

// again is what following it again does, on the button.
func (p DeliveryPage) again() string {
	if p.Payment == "" {
		return "Look for its payment again"
	}
	return "Ask " + p.Row.Provider + " now"
}

func (p DeliveryPage) text() string { return string(masked([]byte(pretty(p.Body)))) }

// hiddenValue stands where something was that nobody needs to read.
const hiddenValue = "[hidden]"

var (
	// secretKey is the name of a field that holds a credential, or what a card
	// or an account can be used by.
	secretKey = regexp.MustCompile(`(?i)(secret|token|password|passwd|authorization|credential|api_?key|private_?key|signature|hmac|cvv|cvc|cvn|security_?code|^pan$|card_?(number|no)$|^iban$|account_?number)`)
	// jsonMember is a name and its value in JSON, where the value is no list or object.
	jsonMember = regexp.MustCompile(`"((?:[^"\\]|\\.)*)"(\s*:\s*)("(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*)`)
	// longNumber is as long as that of a card, with or without spaces between.
	longNumber = regexp.MustCompile(`[0-9](?:[ -]?[0-9]){12,18}`)
	// formMember is the same in a form.
	formMember = regexp.MustCompile(`([A-Za-z0-9_.%\[\]-]+)=([^&\s]*)`)
)

// masked is a body without secrets: fields by their names, and card numbers
// wherever they are.
func masked(body []byte) []byte {
	if json.Valid(body) {
		body = jsonMember.ReplaceAllFunc(body, func(m []byte) []byte {
			part := jsonMember.FindSubmatch(m)
			if !secretKey.Match(part[1]) || bytes.Equal(part[3], []byte(`""`)) {
				return m
			}
			return []byte(`"` + string(part[1]) + `"` + string(part[2]) + `"` + hiddenValue + `"`)
		})
	} else {
		body = formMember.ReplaceAllFunc(body, func(m []byte) []byte {
			part := formMember.FindSubmatch(m)
			if !secretKey.Match(part[1]) || len(part[2]) == 0 {
				return m
			}
			return []byte(string(part[1]) + "=" + hiddenValue)
		})
	}
	return longNumber.ReplaceAllFunc(body, func(m []byte) []byte {
		digits := strings.NewReplacer(" ", "", "-", "").Replace(string(m))
		if !luhn(digits) {
			return m
		}
		return []byte(digits[:6] + strings.Repeat("*", len(digits)-10) + digits[len(digits)-4:])
	})
}

// luhn reports whether digits pass the check that card numbers do.
func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		n := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}

// shortened is the beginning of a text that is too long for a column.
func shortened(s string) string {
	const most = 17
	runes := []rune(s)
	if len(runes) <= most {
		return s
	}
	return string(runes[:most-1]) + "…"
}
