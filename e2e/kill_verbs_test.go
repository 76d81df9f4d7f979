package e2e_test

import (
	"fmt"
	"net/url"
	"testing"
)

// The shop is killed while it waits for the answer to something that staff asked
// of the provider. What was heard there is known here when the shop is back, and
// was heard once.
func TestKill_Verbs(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		name     string
		goal     goal
		settings []string
		endpoint string
	}{
		{"refund", wantsBack, nil, "refund"},
		{"capture", wantsTaken, []string{"GATE_CAPTURE=manual"}, "capture"},
	} {
		for _, kind := range []string{"sqlite", "postgres"} {
			t.Run(one.name+" "+kind, func(t *testing.T) {
				t.Parallel()
				h := furnish(t, kind, "EUR", one.settings, "gate")
				v := &visit{house: h, shopper: newShopper(t, h.url), email: "aroha@example.test"}
				v.method = "gate:card"
				returns(v)
				number := v.sees(v.order, one.goal.from, patience).orderNumber()
				h.box.goesWrong(wish{Fault: "slow", Endpoint: one.endpoint, Times: 1, Delay: "10m"})
				v.killedWhile(number, one.goal)
				h.box.allIsWell()
				h.open()

				v.sees(v.order, one.goal.status, patience)
				o := v.only()
				if !one.goal.there(o) || o.Money.Captured != o.Minor || one.goal.verb == "refunds" && (o.Money.Refunded != o.Minor || len(o.Money.Refunds) != 1) {
					t.Errorf("at the provider: %+v", o)
				}
				got := signIn(t, h.url).order(number)
				done := 0
				for _, op := range got.asked {
					if op.kind == one.goal.kind {
						done++
					}
				}
				if done != 1 || !got.agrees || len(got.attention) > 0 || len(got.captured) != 1 {
					t.Errorf("asked %d times: %s", done, got)
				}
			})
		}
	}
}

// killedWhile asks for something, and kills the shop as soon as the provider has
// done it and before it answers.
func (v *visit) killedWhile(number string, g goal) {
	v.t().Helper()
	staff := signIn(v.t(), v.url)
	action, form := "/admin/orders/"+number+"/"+g.verb, url.Values(nil)
	if g.verb == "refunds" {
		action, form = staff.refundForm(number, staff.left(number), "provider")
	} else {
		form = staff.filled(staff.about(number, g.verb), action, g.fields)
	}
	cut := make(chan error, 1)
	go func() {
		_, err := staff.try("POST", v.url+action, form)
		cut <- err
	}()
	eventually(v.t(), patience, "the provider has done it", func() (string, bool) {
		o := v.only()
		return fmt.Sprintf("%+v", o), g.there(o)
	})
	v.serve.kill()
	if err := <-cut; err == nil {
		v.t().Error("it was answered before the kill")
	}
}
