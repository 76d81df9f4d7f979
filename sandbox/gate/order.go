package gate

import (
	"encoding/json"
	"slices"
	"time"

	"till/sandbox/world"
)

// The statuses, as the documents' clients spell them; those that no client has
// are OUR CHOICE: the label in snake case.
const (
	issued            = "issued"
	viewed            = "viewed"
	inProgress        = "in_progress"
	failed            = "failed"
	hold              = "hold"
	paid              = "paid"
	overdue           = "overdue"
	expired           = "expired"
	cancelled         = "cancelled"
	rejected          = "rejected"
	received          = "received"
	refundInitiated   = "refund_initiated"
	refunded          = "refunded"
	refundFailed      = "refund_failed"
	refundReversed    = "refund_reversed"
	reversalInitiated = "reversal_initiated"
	reversed          = "reversed"
	reversalFailed    = "reversal_failed"
	chargeback        = "chargeback"
	representation    = "representation"
	retrieval         = "retrieval"
	prearbitration    = "prearbitration"
	arbitration       = "arbitration"
	precompliance     = "precompliance"
	compliance        = "compliance"
	goodFaith         = "good_faith"
	fraudAdvice       = "fraud_advice"
	withdrawn         = "withdrawn"
)

// disputes are the statuses of a dispute.
func disputes() []string {
	return []string{
		chargeback, representation, retrieval, prearbitration, arbitration, precompliance, compliance, goodFaith, fraudAdvice,
	}
}

// next is the table of the documents: which status may follow which.
func next(status string) []string {
	first := []string{retrieval, chargeback, precompliance, goodFaith, fraudAdvice} // with which a dispute begins
	with := func(more ...string) []string { return append(more, first...) }
	return map[string][]string{
		issued:            {viewed, inProgress, overdue, expired, cancelled, rejected, received},
		viewed:            {inProgress, overdue, expired, cancelled, rejected, received},
		inProgress:        {paid, hold, failed},
		failed:            {inProgress, viewed, overdue, expired, cancelled, rejected},
		hold:              {paid, cancelled},
		paid:              with(refundInitiated, refunded, reversalInitiated, reversed, withdrawn),
		overdue:           {inProgress, cancelled, rejected, received},
		expired:           {cancelled},
		rejected:          {cancelled},
		received:          {cancelled},
		refundInitiated:   {refunded, refundFailed, refundReversed, paid},
		refunded:          with(refundInitiated, refundReversed),
		refundFailed:      {refundInitiated, refunded, paid},
		refundReversed:    with(refundInitiated, refunded, paid),
		reversalInitiated: {reversed, reversalFailed},
		reversalFailed:    {reversalInitiated, reversed, refundInitiated, refunded, paid},
		chargeback:        {representation, prearbitration, goodFaith},
		representation:    {prearbitration, arbitration, paid},
		retrieval:         {chargeback, paid},
		prearbitration:    {arbitration, paid, chargeback},
		arbitration:       {paid, chargeback},
		precompliance:     {compliance, paid, chargeback},
		compliance:        {paid, chargeback},
		goodFaith:         {paid, chargeback},
		fraudAdvice:       {chargeback, paid, refundInitiated, refunded},
		withdrawn:         with(refundInitiated, refunded),
	}[status]
}

const (
	maxSteps = 50 // that are kept of one order
	maxTries = 50 // declines that are kept of one order
)

// order is one order. The provider's lock guards it, but for id, request, base
// and createdAt, which never change. The states that it has been in are kept as
// they looked, because an old one may be told again.
type order struct {
	id        string
	request   newOrder
	base      string // where this Gate is, for links
	test      bool
	now       func() time.Time
	createdAt time.Time
	updatedAt time.Time
	status    string
	settled   string // paid or withdrawn: where an order rests after a part of it went back

	told     cents  // what it says the total is; by a fault not what was asked for
	currency string // that it says; by a fault not what was asked for
	number   string // the same

	attempts  int
	declines  []decline
	card      card // of the latest attempt
	challenge bool // the bank's check is awaited
	saved     *savedCard

	viewedAt, heldAt, capturedAt, paidAt time.Time
	due                                  time.Time // by this clock; zero without one

	taken    cents // captured, ever
	released cents // of a reservation that was captured in part
	back     cents // refunded
	undone   cents // refunds that were reversed
	pending  cents // the refund that is on its way
	latest   cents // the latest refund that was done
	returns  []world.Refund
	silent   bool // by a fault: does not say what was released

	notified bool
	deleted  bool
	pageURL  string // by a fault: not its own
	bare     bool   // by a fault: has no page
	late     bool   // by a fault: not in lists yet
	history  []change
	steps    []step
}

// decline is one attempt that the bank refused.
type decline struct {
	On          int64  `json:"on"`
	Description string `json:"description"`
}

// change is one entry of status_changes.
type change struct {
	NewStatus string `json:"new_status"`
	On        int64  `json:"on"`
}

// step is one thing that happened to an order and what it looked like then.
type step struct {
	at      time.Time
	status  string
	because string
	shown   object
}

// news is what the shop is told about one step.
type news struct {
	event  string
	status string
	shown  object
}

// move takes the order to a status, writes it down, and returns what is told
// of it; without an event nothing is.
func (o *order) move(now time.Time, status, event, because string) []news {
	o.status = status
	o.history = append(o.history, change{status, now.Unix()})
	if len(o.history) > maxSteps {
		o.history = slices.Delete(o.history, 1, 2)
	}
	return o.tell(now, event, because)
}

// tell writes down something that happened within a status.
func (o *order) tell(now time.Time, event, because string) []news {
	o.updatedAt = now
	o.note(now, because)
	if event == "" {
		return nil
	}
	return []news{{event: event, status: o.status, shown: o.show(full)}}
}

// note writes something down. Of a very long story the first step and the
// latest are kept.
func (o *order) note(now time.Time, because string) {
	if len(o.steps) >= maxSteps {
		o.steps = slices.Delete(o.steps, 1, 2)
	}
	o.steps = append(o.steps, step{at: now, status: o.status, because: because, shown: o.show(full)})
}

// at returns the latest look of the order in a status; empty means now.
func (o *order) at(status string) (object, bool) {
	if status == "" {
		return o.show(full), true
	}
	for _, s := range slices.Backward(o.steps) {
		if s.status == status {
			return s.shown, true
		}
	}
	return nil, false
}

func (o *order) canMove(status string) bool { return slices.Contains(next(o.status), status) }

// payable reports whether an attempt to pay may begin.
func (o *order) payable() bool { return o.canMove(inProgress) }

// unpaid reports whether no money has come, whatever else has become of it.
func (o *order) unpaid() bool {
	return o.taken == 0 && o.status != hold && o.status != received
}

func (o *order) cancellable() bool {
	return slices.Contains([]string{issued, viewed, overdue, expired, rejected, hold, received, failed}, o.status)
}

func (o *order) receivable() bool { return o.canMove(received) }

// left is what may still go back.
func (o *order) left() cents { return o.taken - o.back }

func (o *order) refundable() bool {
	return o.left() > 0 && (o.canMove(refundInitiated) || o.status == refunded)
}

func (o *order) hasRefund() bool {
	return o.latest > 0 && slices.Contains([]string{paid, withdrawn, refunded, refundInitiated}, o.status)
}

// reversible reports whether the payment as a whole can be undone: nothing has
// gone back, and it is not cleared.
func (o *order) reversible() bool {
	return o.back == 0 && o.canMove(reversalInitiated) && o.now().Before(o.cleared())
}

// cleared is when the money is passed on between the banks; zero before it is
// taken.
func (o *order) cleared() time.Time {
	if o.paidAt.IsZero() {
		return time.Time{}
	}
	return o.paidAt.Add(clearAfter)
}

// actions are the permitted ones.
func (o *order) actions() []string {
	list := []string{}
	for _, a := range []struct {
		name string
		ok   bool
	}{
		{"capture", o.status == hold},
		{"cancel", o.cancellable()},
		{"delete", o.receivable()},
		{"received", o.receivable()},
		{"refund", o.refundable()},
		{"reverse", o.reversible()},
	} {
		if a.ok {
			list = append(list, a.name)
		}
	}
	return list
}

// total is what was asked for. parseOrder has seen to it that the sum fits.
func (o *order) total() cents {
	n, _ := total(o.request.Products)
	return n
}

func (o *order) page() string {
	if o.pageURL != "" {
		return o.pageURL
	}
	return o.base + "/checkout/" + o.id + "/"
}

// goes is where the buyer's browser goes.
func (o *order) goes() string {
	r := o.request
	switch {
	case o.status == inProgress:
		return orElse(r.InProgress, r.Success)
	case o.status == hold, o.status == received, o.taken > 0:
		return r.Success
	case o.status == cancelled, o.status == rejected:
		return orElse(r.Cancel, r.Failure)
	default:
		return r.Failure
	}
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

func (o *order) decisions() []string {
	var possible []string
	for _, d := range decisions() {
		if d.possible(o) {
			possible = append(possible, d.name)
		}
	}
	return append(possible, "set")
}

func (o *order) view() world.Order {
	// What an order looks like always marshals: it is made of texts and numbers.
	wire, _ := json.Marshal(o.show(full))
	v := world.Order{
		Provider: Name, Ref: o.id, ExternalID: o.request.Number, Status: o.status,
		Paid:     o.taken > 0 && o.status != reversed || o.status == received,
		Currency: o.request.Currency, Minor: int64(o.total()), Amount: o.total().String(),
		ToldCurrency: o.currency, ToldMinor: int64(o.told), ToldAmount: o.told.String(),
		Money: o.money(), Notified: o.notified, CreatedAt: o.createdAt, UpdatedAt: o.updatedAt, Decisions: o.decisions(), Wire: wire,
	}
	if !o.bare {
		v.Page = o.page()
	}
	for _, s := range o.steps {
		v.Steps = append(v.Steps, world.Step{At: s.at, Status: s.status, Because: s.because})
	}
	return v
}
