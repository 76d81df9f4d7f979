package world

import "time"

// Callback is a fault of the post: what happens to a callback on its way,
// whatever stands in it.
type Callback struct {
	Fault
	Change func(Rule, *Plan)
}

// Callbacks are the faults of the post that every provider can have.
func Callbacks() []Callback {
	const strikes = "callback"
	return []Callback{
		{Fault{
			Name: "callback_lost", Says: "The callback is never sent.", Strikes: strikes, ByHand: true,
		}, func(_ Rule, p *Plan) { p.Lost = true }},
		{Fault{
			Name: "callback_late", Says: "The callback comes late.", Strikes: strikes, ByHand: true,
			Takes: []Param{{Name: Delay, Default: "30s", Says: "how late"}},
		}, func(r Rule, p *Plan) { p.Delay = time.Duration(r.Delay) }},
		{Fault{
			Name: "callback_held", Says: "The callback waits until it is released here.", Strikes: strikes, ByHand: true,
		}, func(_ Rule, p *Plan) { p.Held = true }},
		{Fault{
			Name: "callback_doubled", Says: "The callback is sent twice at the same time.", Strikes: strikes, ByHand: true,
		}, func(_ Rule, p *Plan) { p.Copies = 1 }},
		{Fault{
			Name: "callback_before_return", Says: "The callback is sent and answered before the buyer is sent back to the shop.", Strikes: strikes, ByHand: true,
		}, func(_ Rule, p *Plan) { p.AtOnce = true }},
		{Fault{
			Name: "callback_after_return", Says: "The callback is sent a moment after the buyer was sent back to the shop.", Strikes: strikes, ByHand: true,
			Takes: []Param{{Name: Delay, Default: "2s", Says: "how long after"}},
		}, func(r Rule, p *Plan) { p.Delay = time.Duration(r.Delay) }},
	}
}

// Plan asks which faults of the post strike the next callback about an order,
// and returns what is to happen to it, with the names of those faults.
func (f *Faults) Plan(provider string, callbacks []Callback, refs ...string) (Plan, []string) {
	var plan Plan
	var struck []string
	for _, c := range callbacks {
		if rule, ok := f.Take(provider, c.Name, "", refs...); ok {
			c.Change(rule, &plan)
			struck = append(struck, c.Name)
		}
	}
	return plan, struck
}
