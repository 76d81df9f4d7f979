package vertex

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"till/money"
	"till/providers"
)

const (
	methodsFor   = 5 * time.Minute  // a list is good
	methodsStale = time.Hour        // it is better than none, while the gateway does not answer
	methodsPause = 30 * time.Second // before asking again after a failure
	methodsFetch = 15 * time.Second // for one fetch, tries and waits included

	typeCard     = "card"
	modeRedirect = "redirect"
)

// method is a way to pay as a create names it.
type method struct {
	InstrumentType string `json:"instrumentType,omitempty"`
	ProviderCode   string `json:"providerCode,omitempty"`
	AcquirerCode   string `json:"acquirerCode,omitempty"`
	EntryMode      string `json:"entryMode,omitempty"`
	DataEntryMode  string `json:"dataEntryMode,omitempty"`
}

// name is the method as one word that is kept with the payment: its five parts
// with slashes between them, such as "card/alps/lyra/cnp/redirect".
func (m method) name() string {
	parts := []string{m.InstrumentType, m.ProviderCode, m.AcquirerCode, m.EntryMode, m.DataEntryMode}
	for i, part := range parts {
		parts[i] = url.PathEscape(part)
	}
	return strings.Join(parts, "/")
}

// parseMethod reads what name has written. The empty name is the empty method:
// the buyer chooses on the gateway's page.
func parseMethod(name string) (method, error) {
	if name == "" {
		return method{}, nil
	}
	parts := strings.Split(name, "/")
	if len(parts) != 5 {
		return method{}, fmt.Errorf("%.80q is no way to pay", name)
	}
	for i, part := range parts {
		plain, err := url.PathUnescape(part)
		if err != nil {
			return method{}, fmt.Errorf("%.80q is no way to pay", name)
		}
		parts[i] = plain
	}
	m := method{parts[0], parts[1], parts[2], parts[3], parts[4]}
	if m.InstrumentType == "" || m.ProviderCode == "" {
		return method{}, fmt.Errorf("%.80q is no way to pay", name)
	}
	return m, nil
}

// label is the method for people: short where that tells it apart from the
// others, else with all that there is.
func (m method) label(alone bool) string {
	words := map[string]string{
		typeCard: "Card", "bank_transfer": "Bank transfer", "wallet": "Wallet", "crypto_wallet": "Crypto wallet", "voucher": "Voucher",
	}
	name := words[m.InstrumentType]
	if name == "" {
		name = capital(strings.ReplaceAll(m.InstrumentType, "_", " "))
	}
	var more []string
	if m.InstrumentType != typeCard && m.AcquirerCode != "" {
		more = []string{capital(m.AcquirerCode)}
	}
	if !alone {
		more = nil
		for _, part := range []string{m.AcquirerCode, m.ProviderCode, m.EntryMode} {
			if part != "" {
				more = append(more, capital(part))
			}
		}
	}
	if len(more) == 0 {
		return name
	}
	return name + " (" + strings.Join(more, ", ") + ")"
}

// among is the method's label beside others that may read alike.
func (m method) among(all []method) string {
	alike := slices.ContainsFunc(all, func(o method) bool { return o != m && o.label(true) == m.label(true) })
	return m.label(!alike)
}

// capital makes a word of the wire look like a name.
func capital(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// offer is one item of the gateway's list.
type offer struct {
	method
	currencies []string // nil when the item does not say
	first      bool
}

// readOffers reads the list, leaving out what cannot be offered: items without
// the two codes that an order must name, and those that need the buyer's data to
// be entered anywhere but on the gateway's own page.
func readOffers(body []byte) ([]offer, error) {
	var raw []json.RawMessage
	if err := open(body, &raw); err != nil {
		return nil, err
	}
	offers := []offer{}
	for _, r := range raw {
		var in struct {
			ProviderCode   text            `json:"providerCode"`
			AcquirerCode   text            `json:"acquirerCode"`
			InstrumentType text            `json:"instrumentType"`
			EntryMode      text            `json:"entryMode"`
			DataEntryModes json.RawMessage `json:"dataEntryModes"`
			Currencies     json.RawMessage `json:"currencies"`
			IsDefault      flag            `json:"isDefault"`
		}
		if json.Unmarshal(r, &in) != nil || in.InstrumentType == "" || in.ProviderCode == "" {
			continue
		}
		one := offer{
			method: method{
				InstrumentType: string(in.InstrumentType), ProviderCode: string(in.ProviderCode),
				AcquirerCode: string(in.AcquirerCode), EntryMode: string(in.EntryMode),
			},
			currencies: readWords(in.Currencies), first: in.IsDefault.yes,
		}
		if modes := readWords(in.DataEntryModes); len(modes) > 0 {
			if !slices.Contains(modes, modeRedirect) {
				continue
			}
			one.DataEntryMode = modeRedirect
		}
		offers = append(offers, one)
	}
	slices.SortStableFunc(offers, func(a, b offer) int {
		switch {
		case a.first == b.first:
			return 0
		case a.first:
			return -1
		default:
			return 1
		}
	})
	return offers, nil
}

// readWords reads a list of texts; nil when it is none.
func readWords(raw json.RawMessage) []string {
	var in []text
	if json.Unmarshal(raw, &in) != nil {
		return nil
	}
	var out []string
	for _, t := range in {
		if t != "" {
			out = append(out, string(t))
		}
	}
	return out
}

// Methods implements providers.MethodLister with GET
// /shops/{shopId}/payment-methods. The gateway's own filters are not working yet,
// so the list is filtered here: by currency, and to cards alone where money is
// to be reserved first, which only they can do.
//
// A list is kept for five minutes. While the gateway does not answer, one of the
// last hour is used, and it is asked every half minute at most.
func (c *Client) Methods(ctx context.Context, currency money.Currency) ([]providers.Method, error) {
	offers, err := c.offers.get(ctx)
	if err != nil {
		return nil, err
	}
	var fit []method
	for _, o := range offers {
		takes := len(o.currencies) == 0 || slices.Contains(o.currencies, string(currency))
		if takes && (!c.manual || o.InstrumentType == typeCard) && !slices.Contains(fit, o.method) {
			fit = append(fit, o.method)
		}
	}
	list := make([]providers.Method, 0, len(fit))
	for _, m := range fit {
		list = append(list, providers.Method{Name: m.name(), Label: m.among(fit)})
	}
	return list, nil
}

// MethodLabel implements providers.MethodLister with the list that was fetched
// last, however old, to know which labels must tell more.
func (c *Client) MethodLabel(name string) string {
	m, err := parseMethod(name)
	if err != nil || name == "" {
		return name
	}
	var all []method
	for _, o := range c.offers.last() {
		if !slices.Contains(all, o.method) {
			all = append(all, o.method)
		}
	}
	return m.among(all)
}

// fetchOffers asks for the list.
func (c *Client) fetchOffers(ctx context.Context) ([]offer, error) {
	return c.askOffers(ctx, "methods")
}

func (c *Client) askOffers(ctx context.Context, op string) ([]offer, error) {
	reply, err := c.do(ctx, op, http.MethodGet, nil, "shops", c.shopID(), "payment-methods")
	if err != nil {
		return nil, err
	}
	offers, err := readOffers(reply.Body)
	if err != nil {
		return nil, unusable(op, reply, err)
	}
	return offers, nil
}

// offers keeps the gateway's list for all who ask, and fetches the next one once
// for all of them. It is a cache: a restart only costs a fetch.
type offers struct {
	fetch  func(ctx context.Context) ([]offer, error)
	now    func() time.Time
	flight singleflight.Group

	mu   sync.Mutex
	list []offer
	at   time.Time // of the list; zero while there is none
	err  error     // of the last fetch
	fail time.Time // when that was
}

func newOffers(fetch func(ctx context.Context) ([]offer, error), now func() time.Time) *offers {
	return &offers{fetch: fetch, now: now}
}

// Format implements fmt.Formatter.
func (*offers) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[methods]") }

// known is an answer that a fetch has given.
type known struct {
	list []offer
	err  error
}

// get returns a list that is good enough, or what fetch failed with, or an
// Error with ctx's.
func (o *offers) get(ctx context.Context) ([]offer, error) {
	if k, ok := o.kept(); ok {
		return k.list, k.err
	}
	select {
	case r := <-o.flight.DoChan("", func() (any, error) { return o.renew(ctx), nil }):
		k, _ := r.Val.(known)
		return k.list, k.err
	case <-ctx.Done():
		if list, ok := o.stale(); ok {
			return list, nil
		}
		return nil, &providers.Error{Provider: name, Op: "methods", Kind: providers.KindUnavailable, Err: ctx.Err()}
	}
}

// kept is the answer that needs no question, if there is one.
func (o *offers) kept() (known, bool) {
	o.mu.Lock()
	fresh := !o.at.IsZero() && o.now().Sub(o.at) < methodsFor
	paused := o.err != nil && o.now().Sub(o.fail) < methodsPause
	k := known{list: o.list, err: o.err}
	o.mu.Unlock()
	switch {
	case fresh:
		return known{list: k.list}, true
	case paused:
		return o.orStale(k.err), true
	default:
		return known{}, false
	}
}

// orStale is the answer after a failure: an old list, where there is one.
func (o *offers) orStale(err error) known {
	if list, ok := o.stale(); ok {
		return known{list: list}
	}
	return known{err: err}
}

// last is the list that was fetched last, if any was.
func (o *offers) last() []offer {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.list
}

func (o *offers) stale() ([]offer, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.list, !o.at.IsZero() && o.now().Sub(o.at) < methodsStale
}

// renew makes one fetch, whose time is no caller's own: one who goes away takes
// the list from nobody else.
func (o *offers) renew(ctx context.Context) known {
	if k, ok := o.kept(); ok { // fetched between a look and this flight
		return k
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), methodsFetch)
	defer cancel()
	list, err := o.fetch(ctx)
	o.mu.Lock()
	if o.err = err; err == nil {
		o.list, o.at = list, o.now()
	} else {
		o.fail = o.now()
	}
	o.mu.Unlock()
	if err != nil {
		return o.orStale(err)
	}
	return known{list: list}
}
