package sandbox_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestConsole_EveryPage(t *testing.T) {
	s := setup(t)
	for path, says := range map[string]string{
		"/": "None yet", "/console/orders": "None yet", "/console/deliveries": "None yet", "/console/faults": "everybody behaves",
		"/console/requests": "/api/v1/oauth/token/",
	} {
		s.send("GET", path, "").want(200).has(says)
	}
	s.shop.says(500, "<b>no</b>")
	s.fault("callback_wrong_signature", `"times":1`)
	s.fault("callback_late", `"order":"o9"`)
	s.fault("order_wrong_amount", `"times":1`)
	o := s.paid("o1")
	s.create("<script>")
	for path, says := range map[string][]string{
		"/":                                {"iumiCash", s.base + "/iumicash", "says NZD 27.99", "callback wrong signature", "&lt;script&gt;", s.shop.URL},
		"/console/orders":                  {"o1", "completed"},
		"/console/orders/iumicash/" + o.ID: {"The money has moved.", "has not taken a callback", "NZD 25.99", "iumiCash took the money", `data-page="sandbox-order"`},
		"/console/deliveries":              {"d1", "waiting", s.deliveries()[0].Signature},
		"/console/deliveries/d1":           {"iumicash-signature", "&lt;b&gt;no&lt;/b&gt;", "Next try"},
		"/console/faults?order=" + o.ID:    {"happens to order", `name="order" value="` + o.ID + `"`, "used up", "order <span class=\"mono\">o9</span>"},
		"/console/requests":                {"POST /api/v1/orders/"},
	} {
		r := s.send("GET", path, "").want(200).has(says...)
		if strings.Contains(r.body, "<script") || strings.Contains(r.body, " style=") || strings.Contains(r.body, " on") && strings.Contains(r.body, "onclick") {
			t.Errorf("%s has script or inline style", path)
		}
		if csp := r.header.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'; style-src 'self'") {
			t.Errorf("%s: CSP %q", path, csp)
		}
	}
	for _, path := range []string{"/nothing", "/console/orders/iumicash/x", "/console/orders/acme/x", "/console/deliveries/d9"} {
		s.send("GET", path, "").want(404).has("There is nothing at this address")
	}
	s.send("GET", "/console/console.css", "").want(200)
	s.send("GET", "/iumicash/assets/pay.css", "").want(200)
}

func TestConsole_EveryButton(t *testing.T) {
	s := setup(t)
	o := s.create("o1")
	page := "/console/orders/iumicash/" + o.ID
	form := func(values ...string) url.Values {
		f := url.Values{"back": {page}}
		for i := 0; i < len(values); i += 2 {
			f.Set(values[i], values[i+1])
		}
		return f
	}
	add := func(fault string, values ...string) {
		t.Helper()
		s.press("/console/faults", form(append([]string{"provider", "iumicash", "fault", fault, "times", "1"}, values...)...)).want(303)
	}
	add("callback_held", "order", o.ID)
	add("order_wrong_amount", "amount", "2.00")
	add("slow", "endpoint", "token", "delay", "3s", "times", "0")
	r := s.press(page+"/decide", form("decision", "approve")).want(303)
	equal(t, "back", r.header.Get("Location"), page)
	equal(t, "truth", s.truth("o1").Told, 2599+2*200)
	s.press("/console/faults/3/remove", form()).want(303)
	s.press("/console/deliveries/d1/release", form()).want(303)
	s.press("/console/deliveries/d1/redeliver", form()).want(303)
	s.press(page+"/callback", form("status", "created")).want(303)
	s.press(page+"/callback", form("fault", "callback_wrong_signature")).want(303)
	s.press("/console/clock", form("advance", "1s")).want(303)
	told := s.shop.statuses()
	slices.Sort(told)
	equal(t, "tells", told, "[completed completed completed created]")
	s.press(page+"/decide", form("decision", "set", "status", "in_review")).want(303)
	equal(t, "truth", s.truth("o1").Status, "in_review")
	add("callback_held")
	s.press(page+"/decide", form("decision", "complete")).want(303)
	s.press("/console/release", form()).want(303)
	s.drain()
	equal(t, "released", len(s.shop.heard()), 5)
	s.press("/console/faults/clear", form()).want(303)
	s.control("GET", "/faults", "").has(`"rules":[]`)

	equal(t, "no foreign way back", s.press("/console/release", url.Values{"back": {"//evil.example/"}}).want(303).header.Get("Location"), "/")
	s.press(page+"/decide", form("decision", "approve")).want(422).has("the order is completed")
	s.press("/console/clock", form("advance", "soon")).want(422).has("90s")
	s.press("/console/faults", form("provider", "iumicash", "fault", "slow", "times", "often")).want(422)
	s.press("/console/faults/99/remove", form()).want(404)
	s.send("POST", "/console/reset", "", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site").want(403)
	s.send("POST", "/console/reset", "", "Content-Type", "application/x-www-form-urlencoded", "Origin", "https://evil.example").want(403)
	equal(t, "still there", s.truth("o1").Status, "completed")
	s.press("/console/reset", form()).want(303)
	s.control("GET", "/orders", "").has(`"orders":[]`)
}
