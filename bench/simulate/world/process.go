package world

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/cashier"
	"till/handlers/callbacks"
	"till/models"
	"till/money"
	"till/providers"
	"till/providers/gate"
	"till/providers/iumicash"
	"till/providers/pgm"
	"till/providers/powens"
	"till/providers/vertex"
	"till/sandbox"

	"github.com/gin-gonic/gin"
)

// hookToken ends the address that the Gate calls.
const hookToken = "sbx-gate-callback-1" //nolint:gosec // opens nothing

// process is one process of the shop, with clients of its own.
type process struct {
	*cashier.Cashier
	gate      *gate.Client
	providers []providers.Provider
	methods   map[string][]string
	door      http.Handler // takes callbacks
}

// patience never waits in real time: whether to try again is decided as ever,
// and the breaker lets the next request through.
var patience = providers.Patience{Wait: 1, MaxWait: 1, Cool: 1}

// newProcess wires a shop as the program does.
func (w *world) newProcess() (*process, error) {
	p := &process{methods: map[string][]string{}}
	if err := w.clients(p); err != nil {
		return nil, err
	}
	log := slog.New(quiet{w: w})
	p.Cashier = cashier.New(cashier.Config{
		Payments: w.payments, Orders: w.orders, Inbox: w.inbox, Providers: p.providers, Reserve: w.reserving(), Hold: w.hold,
		PublicURL: shopURL, NewID: w.newID, NewKey: w.newKey, Log: log, Pace: cashier.Growing,
		Wait: func(context.Context, time.Duration) error { return errAlone },
	})
	p.door = w.newDoor(p, log)
	return p, nil
}

// errAlone is why nobody waits for somebody else here: there is one goroutine.
var errAlone = errors.New("the other one stands still as long as we wait")

// reserving names the providers at which money is reserved first.
func (w *world) reserving() []string {
	return slices.DeleteFunc([]string{"gate", "vertex"}, func(name string) bool { return !w.manual[name] })
}

func (w *world) clients(p *process) error {
	base := map[string]string{}
	for _, one := range w.box.Providers(boxURL) {
		base[one.Name] = one.BaseURL
	}
	var wire http.RoundTripper = wire{w}
	if w.plant == TimeoutAsFailure {
		wire = refusing{wire}
	}
	euros, now := []money.Currency{"EUR"}, w.clock.now
	capture := vertex.CaptureAuto
	if w.manual["vertex"] {
		capture = vertex.CaptureManual
	}
	iumi, err1 := iumicash.New(iumicash.Config{
		BaseURL: base["iumicash"], ClientID: sandbox.IumiCashClientID, ClientSecret: sandbox.IumiCashClientSecret,
		Currencies: euros, Transport: wire, Patience: patience, Now: now,
	})
	bank, err2 := powens.New(powens.Config{
		BaseURL: base["powens"], ClientID: sandbox.PowensClientID, ClientSecret: sandbox.PowensClientSecret,
		WebhookKeys: []providers.Secret{sandbox.PowensWebhookKey}, Currencies: euros,
		Beneficiary: powens.Beneficiary{
			IBAN: "FR7630006000011234567890189", Label: "The shop", OrgName: "The shop", OrgLegalStatus: "SAS",
			OrgAddress: "1 rue Verte, 75000 Paris", SIREN: "732829320",
		},
		Transport: wire, Patience: patience, Now: now,
	})
	p.methods["pgm"] = []string{"stripe/credit-cards", "satispay/satispay"}
	hub, err3 := pgm.New(pgm.Config{
		BaseURL: base["pgm"], Methods: p.methods["pgm"], Secret: sandbox.PGMSecret,
		CallbackSecrets: []providers.Secret{sandbox.PGMCallbackSecret}, PublicURL: shopURL, Transport: wire, Patience: patience, Now: now,
	})
	door, err4 := gate.New(gate.Config{
		BaseURL: base["gate"], SecretKey: sandbox.GateSecretKey, CallbackTokens: []providers.Secret{hookToken},
		CallbackVerify: gate.VerifyHMAC, CallbackKeys: []providers.Secret{sandbox.GateHookSecret}, Currencies: euros,
		Transport: wire, Patience: patience, Now: now,
	})
	vert, err5 := vertex.New(vertex.Config{
		BaseURL: base["vertex"], Token: sandbox.VertexToken, ShopID: strconv.Itoa(sandbox.VertexShopID),
		CallbackSecrets: []providers.Secret{sandbox.VertexCallbackSecret}, Capture: capture, Currencies: euros,
		Transport: wire, Patience: patience, Now: now,
	})
	p.gate = door
	p.providers = []providers.Provider{iumi, bank, hub, door, vert}
	return errors.Join(err1, err2, err3, err4, err5)
}

// introduce does what a shop does when it opens for the first time.
func (p *process) introduce(ctx context.Context) error {
	_, err := p.gate.Register(ctx, shopURL+"/callbacks/gate")
	return err
}

// newDoor is the part of the shop's server that providers call.
func (w *world) newDoor(p *process, log *slog.Logger) http.Handler {
	h := callbacks.Callbacks{Log: log, Provider: p.Provider, Keeper: w.deliveries}
	receive := func(c *gin.Context) {
		switch err := h.Receive(c); {
		case err == nil:
		case errors.Is(err, providers.ErrSignature), errors.Is(err, providers.ErrMalformed), errors.Is(err, models.ErrNotFound):
			c.Status(http.StatusBadRequest)
		default:
			if !w.doom.dead {
				w.heard("a callback", err)
			}
			c.Status(http.StatusInternalServerError)
		}
		c.Writer.WriteHeaderNow()
	}
	e := gin.New()
	e.POST("/callbacks/:provider", receive)
	e.POST("/callbacks/:provider/:secret", receive)
	return e
}

// byDesign reports whether an error is one that the shop's parts promise.
func byDesign(err error) bool {
	var call *providers.Error
	if errors.As(err, &call) {
		return true
	}
	for _, known := range []error{
		cashier.ErrPaid, cashier.ErrUndecided, cashier.ErrCannot, models.ErrNotPayable, models.ErrSoldOut, models.ErrBalance, models.ErrIllegal,
		models.ErrBusy, models.ErrNotFound, providers.ErrSignature, providers.ErrMalformed, providers.ErrIgnored,
	} {
		if errors.Is(err, known) {
			return true
		}
	}
	return strings.Contains(err.Error(), "the provider cannot look up a payment whose start had no answer")
}
