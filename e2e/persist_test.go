package e2e_test

import (
	"fmt"
	"net/url"
	"slices"
)

// goal is what staff want of a provider, and how they see in its own pages that
// it is so.
type goal struct {
	verb, kind   string // as in addresses, and as operations are called
	from, status string // of the order before and then
	there        func(boxOrder) bool
	fields       url.Values
}

// The goals that staff have.
var (
	wantsBack   = goal{verb: "refunds", kind: "refund", from: "paid", status: "refunded", there: func(o boxOrder) bool { return o.Money.Refunded > 0 }}
	wantsTaken  = goal{verb: "captures", kind: "capture", from: "hold", status: "paid", there: func(o boxOrder) bool { return o.Money.Captured > 0 }}
	wantsFree   = goal{verb: "voids", kind: "void", from: "hold", status: "issued", there: func(o boxOrder) bool { return o.Money.Authorized == 0 }}
	wantsUndone = goal{verb: "reversals", kind: "reverse", from: "paid", status: "reversed", there: func(o boxOrder) bool { return o.Money.Refunded > 0 }, fields: reason("a test")}
	wantsCash   = goal{verb: "received", kind: "received", from: "viewed", status: "received", there: func(o boxOrder) bool { return o.Paid }, fields: reason("in cash")}
)

// Staff do it whatever goes wrong, as careful people do: what was refused is asked
// for again; what had no answer is looked up at the provider, and asked for again
// only when it is not there.
func givesBack(v *visit)  { returns(v); v.persists(wantsBack) }
func takesIt(v *visit)    { returns(v); v.persists(wantsTaken) }
func releases(v *visit)   { returns(v); v.persists(wantsFree) }
func undoes(v *visit)     { returns(v); v.persists(wantsUndone) }
func isPaidCash(v *visit) { v.goes(); v.persists(wantsCash) }

func (v *visit) persists(g goal) {
	v.t().Helper()
	v.sees(v.order, g.from, patience)
	number := v.get(v.order).orderNumber()
	for range 4 {
		v.does(number, g)
		if v.hears(number, g) {
			break
		}
	}
	v.sees(v.order, g.status, patience)
	if o := v.mine()[0]; o.Money.Refunded > o.Money.Captured || !g.there(o) {
		v.t().Errorf("at the provider it is %+v", o)
	}
}

// does it, where it is offered: the shop may be at it by itself.
func (v *visit) does(number string, g goal) {
	v.t().Helper()
	action, fields := "/admin/orders/"+number+"/"+g.verb, g.fields
	to := v.staff.get("/admin/orders/" + number).leads(action)
	if to == "" {
		return
	}
	at := v.staff.get(to)
	if g.verb == "refunds" && at.name() == "admin-refund" {
		preview := url.Values{"amount": {at.left()}, "way": {"provider"}, "reason": {"broken in the post"}}
		at, fields = v.staff.sends(at, action+"/preview", preview), nil
	}
	if _, ok := at.form(action); ok {
		v.staff.sends(at, action, fields)
	}
}

// hears waits for what becomes of what was asked, and reports whether it is done.
func (v *visit) hears(number string, g goal) (done bool) {
	v.t().Helper()
	eventually(v.t(), patience, "what became of "+g.verb+" is known", func() (string, bool) {
		now := v.staff.order(number)
		done = now.status == g.status
		open := slices.ContainsFunc(now.asked, func(o operationView) bool {
			return o.kind == g.kind && (o.state == "unknown" || o.state == "requested")
		})
		switch {
		case done, !open:
			return "", true
		case g.there(v.mine()[0]):
			if v.staff.canAsk(number) {
				v.staff.asks(number)
			}
		case now.forget != "":
			form := v.staff.get(now.forget)
			v.staff.sends(form, form.url.Path, reason("it is not in the provider's pages"))
		case v.staff.canAsk(number):
			v.staff.asks(number)
		}
		return fmt.Sprint(now), false
	})
	return done
}
