package admin

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"till/cashier"
	"till/handlers/web"
	"till/models"
	"till/providers"

	"github.com/gin-gonic/gin"

	page "till/views/admin"
)

const (
	providersURL = "/admin/providers"
	// methodsFor bounds how long the page waits for one provider's ways to pay.
	methodsFor = 2 * time.Second
)

// Offer is a provider that can be set up.
type Offer struct {
	Name     string
	Label    string
	Settings []string // their names
}

// Lines is GET /admin/providers: what is set up, how it is, and what is not set
// up.
func (h Pages) Lines(c *gin.Context) error { return h.showLines(c, http.StatusOK, "") }

func (h Pages) showLines(c *gin.Context, status int, refused string) error {
	p := page.ProvidersPage{Refused: refused}
	health, err := models.NewHealth(h.DB).All(c.Request.Context())
	if err != nil {
		return err
	}
	for _, one := range h.Cashier.Providers() {
		card, err := h.card(c, one, health[one.Name()])
		if err != nil {
			return err
		}
		p.On = append(p.On, card)
	}
	for _, o := range h.Offers {
		if _, on := h.Cashier.Provider(o.Name); !on {
			p.Off = append(p.Off, page.ProviderOff{Name: o.Name, Label: o.Label, Settings: o.Settings})
		}
	}
	if p.Frame, err = h.frame(c); err != nil {
		return h.orLogin(c, err)
	}
	return web.Render(c, status, page.Providers(p))
}

// card is one provider as who looks may see it.
func (h Pages) card(c *gin.Context, one providers.Provider, health models.ProviderHealth) (page.ProviderCard, error) {
	ctx, k, me := c.Request.Context(), h.clock(), member(c)
	can := h.Cashier.Abilities(one.Name())
	card := page.ProviderCard{
		Name: one.Name(), Label: one.Label(), OK: k.maybe(health.OKAt), Failed: k.maybe(health.FailedAt), Failure: page.Failure(health.Failure),
		Worse:   health.FailedAt != nil && (health.OKAt == nil || health.FailedAt.After(*health.OKAt)),
		CanTest: can.Probe && has(me, rightChange),
		Abilities: page.Abilities{
			Capture: can.Capture, CaptureParts: can.CaptureParts, Void: can.Void, Refund: can.Refund, Reverse: can.Reverse,
			Cancel: can.Cancel, Find: can.Find, Subscribe: can.Subscribe, Link: can.Link, Received: can.Received,
		},
	}
	for _, currency := range one.Currencies() {
		card.Currencies = append(card.Currencies, string(currency))
	}
	h.methods(ctx, one, &card)
	h.bell(one, has(me, rightHouse), &card)
	at, ok, err := h.Deliveries.Newest(ctx, one.Name())
	if err != nil {
		return card, err
	}
	if ok {
		card.Heard = k.at(at)
	}
	if card.Open, err = h.Payments.OpenAt(ctx, one.Name()); err != nil {
		return card, err
	}
	if card.More = card.Open > models.MaxOpen; card.More {
		card.Open = models.MaxOpen
	}
	return card, nil
}

// methods are a provider's ways to pay in all of its currencies. One that must
// be asked for them and does not answer soon holds up nobody.
func (Pages) methods(ctx context.Context, one providers.Provider, card *page.ProviderCard) {
	lister, ok := one.(providers.MethodLister)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, methodsFor)
	defer cancel()
	seen := map[string]bool{}
	for _, currency := range one.Currencies() {
		all, err := lister.Methods(ctx, currency)
		if err != nil {
			card.NoMethods = true
			return
		}
		for _, m := range all {
			if !seen[m.Name] {
				seen[m.Name] = true
				card.Methods = append(card.Methods, m.Label)
			}
		}
	}
}

// bell is where a provider's callbacks must be sent. The part of it that is a
// secret is only for who may read it.
func (h Pages) bell(one providers.Provider, reads bool, card *page.ProviderCard) {
	var set providers.Setup
	if d, ok := one.(providers.Describer); ok {
		set = d.Setup()
	}
	card.Host, card.Test, card.Bell = set.Host, set.Test, page.Bell(set.Bell)
	path := set.Path
	if path == "" {
		path = "/callbacks/" + one.Name()
	}
	card.Callback = h.Shop.PublicURL + path
	switch {
	case set.Secret == "":
	case reads:
		card.Callback, card.Secret = card.Callback+"/", string(set.Secret)
	default:
		card.Callback, card.Hidden = card.Callback+"/…", true
	}
}

// TestLine is POST /admin/providers/:provider/test: asks a provider for
// something harmless, and says what came of it.
func (h Pages) TestLine(c *gin.Context) error {
	if err := need(c, rightChange); err != nil {
		return err
	}
	name := c.Param("provider")
	one, ok := h.Cashier.Provider(name)
	if !ok {
		return cashier.ErrNoProvider
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), settleFor)
	defer cancel()
	err := h.Cashier.Probe(ctx, name)
	if errors.Is(err, cashier.ErrCannot) {
		return h.showLines(c, http.StatusConflict, one.Label()+" names nothing that can be asked for without a payment, so its connection cannot be tested. The next payment will tell.")
	}
	a, err := h.tested(one, err)
	if err != nil {
		return err
	}
	if err := models.NewHealth(h.DB).Probed(context.WithoutCancel(ctx), name, a.text, by(c)); err != nil {
		return err
	}
	return h.back(c, providersURL, a)
}

// tested is what came of a test, as a sentence. What is not the provider's doing
// stays an error.
func (h Pages) tested(one providers.Provider, err error) (answer, error) {
	label, at := one.Label(), ""
	if d, ok := one.(providers.Describer); ok {
		at = with("", " at ", d.Setup().Host)
	}
	if err == nil {
		return answer{text: label + " works: it answered" + at + " and accepts our credentials."}, nil
	}
	var call *providers.Error
	if !errors.As(err, &call) {
		return answer{}, err
	}
	status := ""
	if call.Status != 0 {
		status = " (HTTP " + strconv.Itoa(call.Status) + ")"
	}
	text := ""
	switch call.Kind {
	case providers.KindUnauthorized:
		text = label + " refused our credentials" + status + ". Check " + h.settingsOf(one.Name()) + "."
	case providers.KindRejected:
		text = label + " answered" + at + " and refused the question" + status + ". Its address may be another one."
	case providers.KindUnreachable:
		text = "No answer: " + label + " could not be reached" + at + status + "."
		if call.Status == http.StatusTooManyRequests {
			text = label + " answered" + at + " that it is asked too often" + status + ". Try again later."
		}
	case providers.KindUnavailable:
		text = "No usable answer from " + label + at + status + "."
	}
	return answer{text: text, alarm: true}, nil
}

// settingsOf names the settings of a provider that a mistake may be in.
func (h Pages) settingsOf(name string) string {
	for _, o := range h.Offers {
		if o.Name == name && len(o.Settings) > 0 {
			prefix, _, _ := strings.Cut(o.Settings[0], "_")
			return "the settings that begin with " + prefix + "_"
		}
	}
	return "its settings"
}
