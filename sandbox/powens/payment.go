package powens

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"till/sandbox/world"
)

// The states of a payment of one instruction.
const (
	created    = "created"
	validating = "validating"
	pending    = "pending"
	done       = "done"
	accepted   = "accepted"
	rejected   = "rejected"
	expired    = "expired"
)

// Error codes that the sandbox itself gives.
const (
	byUser   = "CancelledByUser"
	byClient = "CancelledByClient"
	noFunds  = "insufficientFunds"
	noReason = "noSpecifiedReason"
)

const cancelling = "cancelling"

// zoneless is how Powens writes times: seconds and no zone. OUR CHOICE: they
// are UTC.
const zoneless = "2006-01-02 15:04:05"

const maxSteps = 50 // that are kept of one payment

// payment is one payment. The provider's lock guards it, but for id, request,
// base and createdAt, which never change. The states that it has been in are
// kept as they looked, because an old one may be told again.
type payment struct {
	id          string
	request     newPayment
	base        string // where this Powens is, for links
	createdAt   time.Time
	updatedAt   time.Time
	state       string
	detail      string
	code        string
	connector   string
	validateURI string
	backTo      string // client_redirect_uri, which a cancellation may change
	backState   string // client_state that the buyer comes back with
	toldAmount  cents  // what it says; by a fault not what was asked for
	toldCode    string
	toldIBAN    string
	noState     bool // by a fault: answers do not show client_state
	notified    bool
	page        string // the webview, once there is a token for it
	drop        func() // takes back the appointment for its expiry
	moves       int    // counts moves, so that what was to follow an old one does not
	steps       []step
}

// step is one thing that happened to a payment and what it looked like then.
type step struct {
	at      time.Time
	because string
	shown   wirePayment
}

type wirePayment struct {
	ID               json.Number       `json:"id"`
	State            string            `json:"state"`
	StateDetail      *string           `json:"state_detail"`
	Action           *string           `json:"action"`
	ErrorCode        *string           `json:"error_code"`
	ErrorDescription *string           `json:"error_description"`
	Fields           []string          `json:"fields"`
	ValidateURI      *string           `json:"validate_uri"`
	ConnectorUUID    *string           `json:"connector_uuid"`
	IDConnector      *int              `json:"id_connector"`
	Mechanism        *string           `json:"validate_mechanism"`
	RegisterDate     string            `json:"register_date"`
	RedirectURI      string            `json:"client_redirect_uri"`
	ClientState      *string           `json:"client_state,omitempty"`
	Payer            *account          `json:"payer"`
	PayerIdentity    map[string]string `json:"payer_identity"`
	Instructions     []wireInstruction `json:"instructions"`
	Event            json.Number       `json:"id_webhook_data,omitempty"`
}

type wireInstruction struct {
	Label         string            `json:"label"`
	Amount        value             `json:"amount"`
	Currency      currency          `json:"currency"`
	Type          string            `json:"execution_date_type"`
	ExecDate      *string           `json:"exec_date"`
	Frequency     string            `json:"frequency,omitempty"`
	Start         string            `json:"start_date,omitempty"`
	End           string            `json:"end_date,omitempty"`
	Reference     string            `json:"reference_id"`
	State         *string           `json:"state"`
	Beneficiary   wireBeneficiary   `json:"beneficiary"`
	BenefIdentity map[string]string `json:"beneficiary_identity"`
}

type wireBeneficiary struct {
	ID int `json:"id"`
	account
	IDAccount    *int    `json:"id_account"`
	BIC          *string `json:"bic"`
	DisabledDate *string `json:"disabled_date"`
	MerchantName *string `json:"merchant_name"`
}

// refs are both names of a payment.
func (o *payment) refs() []string { return []string{o.id, o.request.State} }

// move takes the payment to a state and writes it down.
func (o *payment) move(now time.Time, state, code, because string) {
	o.state, o.code, o.detail, o.validateURI, o.updatedAt = state, code, "", "", now
	o.moves++
	o.note(now, because)
	if o.final() {
		o.drop()
	}
}

// note writes something down that did not change the state. Of a very long
// story the first step and the latest are kept.
func (o *payment) note(now time.Time, because string) {
	if len(o.steps) >= maxSteps {
		o.steps = slices.Delete(o.steps, 1, 2)
	}
	o.steps = append(o.steps, step{at: now, because: because, shown: o.show()})
}

// show is the payment as the API shows it now.
func (o *payment) show() wirePayment {
	in := o.request.Instruction
	shown := wirePayment{
		ID: json.Number(o.id), State: o.state, StateDetail: orNull(o.detail), ErrorCode: orNull(o.code), Fields: []string{},
		ValidateURI: orNull(o.validateURI), ConnectorUUID: orNull(o.connector), RegisterDate: o.createdAt.Format(zoneless),
		RedirectURI: o.backTo, Payer: o.request.Payer, PayerIdentity: o.request.PayerIdentity.shown(false),
		Instructions: []wireInstruction{{
			Label: in.Label, Amount: value{cents: o.toldAmount}, Currency: currency{code: o.toldCode}, Type: in.Type, ExecDate: orNull(in.Date),
			Frequency: in.Frequency, Start: in.Start, End: in.End,
			Reference: in.Reference, BenefIdentity: in.Identity.shown(false),
			Beneficiary: wireBeneficiary{
				ID:      1,
				account: account{Scheme: in.Beneficiary.Scheme, Identification: o.toldIBAN, Label: in.Beneficiary.Label, Issuer: in.Beneficiary.Issuer},
			},
		}},
	}
	if o.connector != "" {
		shown.Mechanism = orNull("webauth")
	}
	if !o.noState {
		shown.ClientState = orNull(o.request.State)
	}
	return shown
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// final reports whether the state is one that never changes again.
func (o *payment) final() bool {
	return slices.Contains([]string{done, accepted, rejected, expired, "partial"}, o.state)
}

// open reports whether the buyer can still decide.
func (o *payment) open() bool { return o.state == created || o.state == validating }

// comeBack is where the browser goes, with what the documents add to it: the
// address of the payment after a bank's page, and that of the webview, which is
// redirectURI, when the buyer left the webview.
func (o *payment) comeBack(left bool) string {
	u, err := url.Parse(o.backTo)
	if err != nil {
		return o.backTo
	}
	q := url.Values{"id_payment": {o.id}, "payment_state": {o.state}}
	if o.backState != "" {
		q.Set("state", o.backState)
	}
	if left {
		q.Set("error", "cancelled")
	}
	if o.code != "" {
		q.Set("error_code", o.code)
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// at returns the latest look of the payment in a state; empty means now.
func (o *payment) at(state string) (wirePayment, bool) {
	if state == "" {
		return o.show(), true
	}
	for _, s := range slices.Backward(o.steps) {
		if s.shown.State == state {
			return s.shown, true
		}
	}
	return wirePayment{}, false
}

func (o *payment) view() world.Order {
	// What a payment looks like always marshals: it is made of texts and numbers.
	wire, _ := json.Marshal(o.show())
	in := o.request.Instruction
	v := world.Order{
		Provider: Name, Ref: o.id, ExternalID: o.request.State, Status: o.state, Paid: o.state == done,
		Currency: in.Currency, Minor: int64(in.Amount), Amount: in.Amount.String(),
		ToldCurrency: o.toldCode, ToldMinor: int64(o.toldAmount), ToldAmount: o.toldAmount.String(),
		Money: o.money(), Notified: o.notified, CreatedAt: o.createdAt, UpdatedAt: o.updatedAt,
		Page: o.page, Decisions: o.decisions(), Wire: wire,
	}
	for _, s := range o.steps {
		v.Steps = append(v.Steps, world.Step{At: s.at, Status: s.shown.State, Because: s.because})
	}
	return v
}

func (o *payment) decisions() []string {
	var possible []string
	switch {
	case o.open():
		possible = append(possible, "approve", "cancel", "decline", "leave", "abandon", "expire")
	case o.detail == cancelling:
		possible = append(possible, "cancel", "abandon", "accept", "reject", "expire")
	case !o.final():
		possible = append(possible, "accept", "reject", "expire")
	}
	if o.state != done {
		possible = append(possible, "complete")
	}
	return append(possible, "set")
}

// sequel is what follows a decision once the lock is free again.
type sequel struct {
	tell   string  // the state that a webhook tells; empty means no webhook
	plain  bool    // no fault strikes the webhook
	sendTo string  // where the browser goes; empty means nowhere
	later  []stage // what becomes of the payment after that
	moves  int     // the payment's moves when later was planned
}

// decide takes the payment through a decision. The caller has the lock.
func (p *Provider) decide(o *payment, d world.Decision) (sequel, error) {
	now := p.world.Clock.Now()
	all := []string{"approve", "cancel", "decline", "leave", "abandon", "complete", "accept", "reject", "expire"}
	switch {
	case d.Decision == "set":
		state, code, _ := strings.Cut(d.Status, "/")
		if err := checkWord(state); err != nil {
			return sequel{}, &world.RefusedError{Says: "the decision set needs a status that " + err.Error()}
		}
		o.move(now, state, code, "set by hand")
		return sequel{}, nil
	case !slices.Contains(all, d.Decision):
		return sequel{}, &world.RefusedError{Says: fmt.Sprintf("there is no decision %q; there are %q and set", d.Decision, all)}
	case !slices.Contains(o.decisions(), d.Decision):
		return sequel{}, &world.RefusedError{Says: fmt.Sprintf("the payment is %s; now it can only be decided %q", o.state, o.decisions())}
	}
	switch d.Decision {
	case "approve":
		return p.approve(o, now), nil
	case "abandon":
		o.note(now, "the buyer left without a decision")
		return sequel{}, nil
	case "leave":
		o.note(now, "the buyer left the webview")
		return sequel{sendTo: o.comeBack(true)}, nil
	}
	p.end(o, now, d.Decision)
	next := sequel{tell: o.state}
	if d.Decision == "cancel" || d.Decision == "decline" {
		next.sendTo = o.comeBack(false)
	}
	return next, nil
}

// end takes a payment to the final state of a decision.
func (p *Provider) end(o *payment, now time.Time, decision string) {
	switch decision {
	case "cancel":
		if o.detail == cancelling {
			o.move(now, rejected, byClient, "the buyer approved the cancellation")
			return
		}
		o.move(now, rejected, byUser, "the buyer refused at the bank")
	case "decline":
		o.move(now, rejected, noFunds, "the bank refused")
	case "complete":
		o.move(now, done, "", "the money arrived")
	case "accept":
		o.move(now, accepted, "", "the bank took it and will say no more")
	case "reject":
		o.move(now, rejected, noReason, "the bank refused after all")
	case "expire":
		o.move(now, expired, "", "nobody ever heard how it ended")
	}
}

// approve does what the buyer's approval does, as far as no fault is in its
// way. Several states in one instant are told as the last of them.
func (p *Provider) approve(o *payment, now time.Time) sequel {
	stages := p.journey(o)
	for _, f := range p.faults.orders {
		if rule, ok := p.world.Faults.Take(Name, f.Name, "", o.refs()...); ok {
			stages = f.approve(rule, o, stages)
		}
	}
	if o.state == created {
		o.move(now, validating, "", "the buyer went to the bank")
	}
	for len(stages) > 0 && stages[0].due(now) == 0 {
		o.move(now, stages[0].state, stages[0].code, stages[0].because)
		stages = stages[1:]
	}
	return sequel{tell: o.state, sendTo: o.comeBack(false), later: stages, moves: o.moves}
}

// follow does what follows a decision: the webhook, and the appointments for
// what becomes of the payment later. The caller does not have the lock.
func (p *Provider) follow(ctx context.Context, o *payment, next sequel) {
	p.callback(ctx, o, next)
	if len(next.later) == 0 {
		return
	}
	stage := next.later[0]
	p.world.Clock.After(stage.due(p.world.Clock.Now()), func(ctx context.Context) { p.advance(ctx, o, next) })
}

// advance takes a payment to its next stage, unless something else has become
// of it.
func (p *Provider) advance(ctx context.Context, o *payment, planned sequel) {
	stage := planned.later[0]
	p.mu.Lock()
	still := o.moves == planned.moves
	var next sequel
	if still {
		o.move(p.world.Clock.Now(), stage.state, stage.code, stage.because)
		next = sequel{tell: o.state, later: planned.later[1:], moves: o.moves}
	}
	p.mu.Unlock()
	p.follow(ctx, o, next)
}

// expireLater makes an appointment for the end of a payment of which nothing
// definite is ever heard. OUR CHOICE: one that the bank makes again and again
// does not end so. The caller has the lock.
func (p *Provider) expireLater(o *payment) {
	o.drop = p.world.Clock.After(expiry, func(ctx context.Context) {
		p.mu.Lock()
		var next sequel
		if !o.final() && (o.request.Instruction.Type != periodic || o.open()) {
			o.move(p.world.Clock.Now(), expired, "", "nothing definite was heard for 30 days")
			next = sequel{tell: o.state}
		}
		p.mu.Unlock()
		p.follow(ctx, o, next)
	})
}
