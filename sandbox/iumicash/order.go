package iumicash

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"till/sandbox/world"
)

// The documented states. No page says what each means; the sandbox goes
// created → approved → completed, or created → cancelled.
const (
	created   = "created"
	approved  = "approved"
	captured  = "captured"
	completed = "completed"
	cancelled = "cancelled"
)

// zoneless is how iumiCash writes times: microseconds and no zone. OUR CHOICE:
// they are UTC.
const zoneless = "2006-01-02T15:04:05.000000"

const maxSteps = 50 // that are kept of one order

// order is one order. The provider's lock guards it, but for id, request, base
// and createdAt, which never change. The states that it has been in are kept as
// they looked, because an old one may be told again.
type order struct {
	id        string
	request   newOrder
	base      string // where this iumiCash is, for links
	createdAt time.Time
	updatedAt time.Time
	status    string
	told      []item // what it says the items are; by a fault not those asked for
	notified  bool
	bare      bool   // by a fault: links and context as in revision B
	selfURL   string // by a fault: not its own
	pageURL   string // by a fault: not its own
	steps     []step
	keys      []string // the RequestIds that brought it about, oldest first
}

// step is one thing that happened to an order and what it looked like then.
type step struct {
	at      time.Time
	because string
	shown   wireOrder
}

type wireOrder struct {
	ID         string      `json:"id"`
	ExternalID string      `json:"external_id"`
	CreatedAt  string      `json:"created_at"`
	UpdatedAt  string      `json:"updated_at"`
	Status     string      `json:"status"`
	Items      []wireItem  `json:"items"`
	Context    *appContext `json:"application_context,omitempty"`
	Links      []wireLink  `json:"links"`
}

type wireItem struct {
	Name        string     `json:"name"`
	Description string     `json:"description"`
	Amount      wireAmount `json:"amount"`
	Count       int64      `json:"count"`
}

type wireAmount struct {
	Value    value  `json:"value"`
	Currency string `json:"currency_code"`
}

type wireLink struct {
	Link   string `json:"link"`
	Rel    string `json:"rel"`
	Method string `json:"method"`
}

// move takes the order to a status and writes it down.
func (o *order) move(now time.Time, status, because string) {
	o.status, o.updatedAt = status, now
	o.note(now, because)
}

// note writes something down that did not change the order. Of a very long
// story the first step and the latest are kept.
func (o *order) note(now time.Time, because string) {
	if len(o.steps) >= maxSteps {
		o.steps = slices.Delete(o.steps, 1, 2)
	}
	o.steps = append(o.steps, step{at: now, because: because, shown: o.show()})
}

// show is the order as the API shows it now.
func (o *order) show() wireOrder {
	shown := wireOrder{
		ID: o.id, ExternalID: o.request.ExternalID, Status: o.status,
		CreatedAt: o.createdAt.Format(zoneless), UpdatedAt: o.updatedAt.Format(zoneless),
		Items: make([]wireItem, 0, len(o.told)), Links: o.links(),
	}
	for _, it := range o.told {
		shown.Items = append(shown.Items, wireItem{
			Name: it.Name, Description: it.Description, Count: it.Count,
			Amount: wireAmount{Value: value{cents: it.Unit}, Currency: it.Currency},
		})
	}
	if !o.bare {
		context := o.request.Context
		shown.Context = &context
	}
	return shown
}

func (o *order) links() []wireLink {
	self := o.base + "/api/v1/orders/" + o.id + "/"
	if o.selfURL != "" {
		self = o.selfURL
	}
	links := []wireLink{{Link: self, Rel: "self", Method: "get"}}
	if o.bare {
		return links
	}
	return append(links,
		wireLink{Link: o.page(), Rel: "approve", Method: "get"},
		wireLink{Link: o.base + "/api/v1/orders/" + o.id + "/capture/", Rel: "capture", Method: "post"},
		wireLink{Link: o.base + "/api/v1/orders/" + o.id + "/cancel/", Rel: "cancel", Method: "post"},
	)
}

func (o *order) page() string {
	if o.pageURL != "" {
		return o.pageURL
	}
	return o.base + "/checkout/" + o.id + "/"
}

// paid reports whether the money has moved.
func (o *order) paid() bool { return o.status == captured || o.status == completed }

// open reports whether the buyer can still decide.
func (o *order) open() bool { return o.status == created }

// sendTo is where the browser goes: "success" to success_url, any other status
// to error_url. OUR CHOICE: approved counts as success, because the buyer did
// approve.
func (o *order) sendTo() string {
	if o.paid() || o.status == approved {
		return o.request.Context.SuccessURL
	}
	return o.request.Context.ErrorURL
}

// at returns the latest look of the order in a status; empty means now.
func (o *order) at(status string) (wireOrder, bool) {
	if status == "" {
		return o.show(), true
	}
	for _, s := range slices.Backward(o.steps) {
		if s.shown.Status == status {
			return s.shown, true
		}
	}
	return wireOrder{}, false
}

func (o *order) currency() string { return o.request.Items[0].Currency }

func (o *order) total() cents { return sum(o.request.Items) }

func (o *order) view() world.Order {
	// What an order looks like always marshals: it is made of texts and numbers.
	wire, _ := json.Marshal(o.show())
	v := world.Order{
		Provider: Name, Ref: o.id, ExternalID: o.request.ExternalID, Status: o.status, Paid: o.paid(),
		Currency: o.currency(), Minor: int64(o.total()), Amount: o.total().String(),
		ToldCurrency: o.told[0].Currency, ToldMinor: int64(sum(o.told)), ToldAmount: sum(o.told).String(),
		Money: o.money(), Notified: o.notified, CreatedAt: o.createdAt, UpdatedAt: o.updatedAt,
		Decisions: o.decisions(), Wire: wire,
	}
	if !o.bare {
		v.Page = o.page()
	}
	for _, s := range o.steps {
		v.Steps = append(v.Steps, world.Step{At: s.at, Status: s.shown.Status, Because: s.because})
	}
	return v
}

func (o *order) decisions() []string {
	var possible []string
	if o.open() {
		possible = append(possible, "approve", "cancel", "abandon")
	}
	if o.status != completed {
		possible = append(possible, "complete")
	}
	return append(possible, "set")
}

// sequel is what follows a decision once the lock is free again.
type sequel struct {
	tell   string        // the status that a callback tells; empty means no callback
	sendTo string        // where the browser goes; empty means nowhere
	later  time.Duration // when the money arrives after all; 0 means never
}

// decide takes the order through a decision. The caller has the lock.
func (p *Provider) decide(o *order, d world.Decision) (sequel, error) {
	now := p.world.Clock.Now()
	switch {
	case d.Decision == "set":
		if err := checkWord(d.Status); err != nil {
			return sequel{}, &world.RefusedError{Says: "the decision set needs a status that " + err.Error()}
		}
		o.move(now, d.Status, "set by hand")
		return sequel{}, nil
	case !slices.Contains([]string{"approve", "cancel", "abandon", "complete"}, d.Decision):
		return sequel{}, &world.RefusedError{Says: fmt.Sprintf("there is no decision %q; there are approve, cancel, complete, abandon and set", d.Decision)}
	case !slices.Contains(o.decisions(), d.Decision):
		return sequel{}, &world.RefusedError{Says: fmt.Sprintf("the order is %s; now it can only be decided %q", o.status, o.decisions())}
	}
	switch d.Decision {
	case "approve":
		return p.approve(o, now), nil
	case "cancel":
		o.move(now, cancelled, "the buyer cancelled")
	case "complete":
		o.move(now, completed, "the money arrived")
	case "abandon":
		o.note(now, "the buyer left without a decision")
		return sequel{}, nil
	}
	return sequel{tell: o.status, sendTo: o.sendTo()}, nil
}

// approve does what the buyer's approval does, as far as no fault is in its way.
func (p *Provider) approve(o *order, now time.Time) sequel {
	end := ending{status: completed}
	for _, f := range p.faults.orders {
		if f.approve == nil {
			continue
		}
		if rule, ok := p.world.Faults.Take(Name, f.Name, "", o.id, o.request.ExternalID); ok {
			f.approve(rule, o, &end)
		}
	}
	o.move(now, approved, "the buyer approved")
	if end.status != approved {
		o.move(now, end.status, "iumiCash took the money")
	}
	return sequel{tell: o.status, sendTo: o.sendTo(), later: end.later}
}

// ending is how an approval ends.
type ending struct {
	status string
	later  time.Duration // when it completes after all; 0 means never
}

func sum(items []item) cents {
	// parseOrder has seen to it that the sum fits, and a fault adds little.
	n, _ := total(items)
	return n
}
