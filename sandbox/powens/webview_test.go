package powens_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"
)

const (
	azur   = "decision=bank&bank=0f2b1c7e-5a0d-5a53-8e2f-6a1c0b7d4e01"
	silent = "decision=bank&bank=0f2b1c7e-5a0d-5a53-8e2f-6a1c0b7d4e03"
)

// A buyer's whole way, as a browser goes it.
func TestWebview(t *testing.T) {
	t.Parallel()
	s := setup(t)
	o := s.create("p1")
	view := s.webview(o)
	r := s.send("GET", view, "").want(200).has(`data-page="powens-choose"`, "Kauri &amp; Clay", "EUR 9.90", "FR76 3000 6000", "At once", "KC-1001 Kauri Clay", "Banque Azur", "Sandbox: no real money")
	equal(t, "referrer", r.header.Get("Referrer-Policy"), "same-origin")
	equal(t, "policy", strings.Contains(r.header.Get("Content-Security-Policy"), "form-action 'self' "+s.shop.URL), true)
	equal(t, "a GET decides nothing", s.read(o.ID).State, "created")

	here := s.press(view, azur).want(303).header.Get("Location")
	s.drain()
	equal(t, "stays in the webview", strings.HasPrefix(here, "/powens/2.0/auth/webview/payment?"), true)
	equal(t, "is told", s.shop.states(), "[validating]")
	equal(t, "the bank is known", *s.read(o.ID).Connector, "0f2b1c7e-5a0d-5a53-8e2f-6a1c0b7d4e01")
	s.send("GET", view, "").want(200).has(`data-page="powens-bank"`, "Approve EUR 9.90", "Compte courant", "step=banks")
	s.send("GET", view+"&step=banks", "").want(200).has(`data-page="powens-choose"`)

	to := s.press(view, "decision=approve&account=current").want(303).header.Get("Location")
	s.drain()
	equal(t, "goes back", to, s.shop.URL+"/return/p1/pending?id_payment="+o.ID.String()+"&payment_state=done&state=p1")
	equal(t, "is told", s.shop.states(), "[validating done]")
	equal(t, "pressed again, the same way", s.press(view, "decision=refuse").want(303).header.Get("Location"), to)
	equal(t, "and nothing changes", s.read(o.ID).State, "done")
	s.send("GET", view, "").want(200).has(`data-page="powens-done"`, "This transfer is done", "Return to")
}

func TestWebview_Endings(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		bank, form string
		state      string // of the payment
		to         string // without the payment's id
	}{
		"refused at the bank": {azur, "decision=refuse", "rejected CancelledByUser", "/return/p1/pending?error_code=CancelledByUser&payment_state=rejected&state=p1"},
		"no money":            {azur, "decision=approve&account=empty", "rejected insufficientFunds", "/return/p1/pending?error_code=insufficientFunds&payment_state=rejected&state=p1"},
		"over a limit":        {azur, "decision=approve&account=limit", "rejected invalidAmount", "/return/p1/pending?error_code=invalidAmount&payment_state=rejected&state=p1"},
		"a silent bank":       {silent, "decision=approve&account=current", "accepted ", "/return/p1/pending?payment_state=accepted&state=p1"},
		"left at once":        {"", "decision=leave", "created ", "/left?error=cancelled&payment_state=created&state=p1"},
		"left at the bank":    {azur, "decision=leave", "validating ", "/left?error=cancelled&payment_state=validating&state=p1"},
		"approved at once":    {"", "decision=approve&account=current", "done ", "/return/p1/pending?payment_state=done&state=p1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setup(t)
			o := s.create("p1")
			view := s.webview(o)
			if tt.bank != "" {
				s.press(view, tt.bank).want(303)
			}
			to, err := url.Parse(s.press(view, tt.form).want(303).header.Get("Location"))
			if err != nil {
				t.Fatal(err)
			}
			q := to.Query()
			equal(t, "id_payment", q.Get("id_payment"), o.ID)
			q.Del("id_payment")
			to.RawQuery = q.Encode()
			equal(t, "goes to", strings.TrimPrefix(to.String(), s.shop.URL), tt.to)
			got := s.read(o.ID)
			equal(t, "state", got.State+" "+got.code(), tt.state)
		})
	}
}

// The webview has three addresses.
func TestWebview_Spellings(t *testing.T) {
	t.Parallel()
	s := setup(t)
	view := s.webview(s.create("p1"))
	_, query, _ := strings.Cut(view, "?")
	for _, address := range []string{"/2.0/auth/webview/payment?", "/2.0/auth/webview/fr/payment?", "/webview/fr/payment?domain=shop.biapi.pro&"} {
		s.send("GET", address+query, "").want(200).has("Choose your bank")
	}
	s.send("GET", "/webview/fr/payment?"+query, "").want(400)
}

func TestWebview_RefusesWhatIsNotItsOwn(t *testing.T) {
	t.Parallel()
	s := setup(t)
	o, other := s.create("p1"), s.create("p2")
	good, err := url.Parse(s.webview(o))
	if err != nil {
		t.Fatal(err)
	}
	with := func(name, value string) string {
		q := good.Query()
		q.Set(name, value)
		if value == "" {
			q.Del(name)
		}
		return good.Path + "?" + q.Encode()
	}
	for name, tt := range map[string]struct {
		address string
		status  int
	}{
		"another payment's code": {with("payment_id", other.ID.String()), 403},
		"no code":                {with("code", ""), 403},
		"a service token":        {with("code", s.bearer), 403},
		"a payment that is not":  {with("payment_id", "1"), 403},
		"another client":         {with("client_id", "x"), 400},
		"no way back":            {with("redirect_uri", ""), 400},
		"script as a way back":   {with("redirect_uri", "javascript:alert(1)"), 400},
		"an unknown parameter":   {with("lang", "fr"), 400},
	} {
		r := s.send("GET", tt.address, "")
		if r.status != tt.status || !strings.Contains(r.body, `data-page="powens-problem"`) {
			t.Errorf("%s: %d %.200s", name, r.status, r.body)
		}
	}
	view := good.String()
	s.press(view, "decision=maybe").want(400)
	s.press(view, "decision=bank&bank=x").want(400)
	s.press(view, "decision=approve&account=x").want(400)
	s.send("POST", view, "decision=approve&account=current", "Content-Type", "application/x-www-form-urlencoded", "Sec-Fetch-Site", "cross-site").want(403)
	s.press(view, "decision=approve&account="+strings.Repeat("x", 5<<10)).want(400)
	equal(t, "nothing was decided", s.read(o.ID).State, "created")

	s.advance(7 * 24 * time.Hour)
	s.send("GET", view, "").want(403)
	s.signIn()
	s.send("GET", s.webview(o), "").want(200)
}

// What a shop wrote cannot become a page's own.
func TestWebview_Escapes(t *testing.T) {
	t.Parallel()
	s := setup(t)
	o := s.create("p1", func(_, i object) {
		i["label"] = `<b>"x"</b>`
		i["beneficiary"].(object)["label"] = "<script>alert(1)</script>"
	})
	r := s.send("GET", s.webview(o), "").want(200)
	for _, never := range []string{"<b>", "<script>"} {
		if strings.Contains(r.body, never) {
			t.Errorf("%s is on the page", never)
		}
	}
	var wire struct {
		Instructions []struct{ Label string }
	}
	if err := json.Unmarshal(s.truth("p1").Wire, &wire); err != nil || wire.Instructions[0].Label != `<b>"x"</b>` {
		t.Errorf("%v %+v", err, wire)
	}
}
