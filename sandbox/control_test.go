package sandbox_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"till/sandbox"
)

func TestControl_RefusesWhatIsNotAskedProperly(t *testing.T) {
	s := setup(t)
	for _, tt := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
	}{
		{"a form", "POST", "/reset", "a=b", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415},
		{"plain text", "POST", "/reset", "{}", []string{"Content-Type", "text/plain"}, 415},
		{"no type", "POST", "/reset", "{}", []string{"Content-Type", ""}, 415},
		{"another site", "POST", "/reset", "{}", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"another site deletes", "DELETE", "/faults", "", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"too large", "POST", "/drain", `{"x":"` + strings.Repeat("x", 70<<10) + `"}`, nil, 422},
		{"unknown field", "POST", "/clock", `{"advance":"1s","by":1}`, nil, 422},
		{"back in time", "POST", "/clock", `{"advance":"-1s"}`, nil, 422},
		{"no duration", "POST", "/clock", `{"advance":"soon"}`, nil, 422},
		{"too far", "POST", "/clock", `{"advance":"100000h"}`, nil, 422},
		{"no such address", "GET", "/refunds", "", nil, 404},
		{"no such method", "PUT", "/clock", "{}", nil, 404},
		{"no such delivery", "GET", "/deliveries/d9", "", nil, 404},
		{"no such delivery to send", "POST", "/deliveries/d9/redeliver", "{}", nil, 404},
		{"no such delivery to release", "POST", "/deliveries/d9/release", "{}", nil, 404},
		{"no such rule", "DELETE", "/faults/x", "", nil, 404},
		{"no such order", "POST", "/orders/iumicash/x/callbacks", "{}", nil, 404},
		{"bad limit", "GET", "/orders?limit=many", "", nil, 422},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := s.send(tt.method, "/control"+tt.path, tt.body, tt.header...)
			r.t = t
			r.want(tt.status)
		})
	}
	s.control("GET", "/clock", "").want(200).has(`"now":"2024-05-01T10:00:00.123456Z","ahead":"0s","pending":0`)
}

func TestControl_Deliveries(t *testing.T) {
	s := setup(t)
	s.shop.says(503, "database is locked")
	o := s.paid("o1")
	d := s.deliveries()[0]
	equal(t, "what was said", d.Attempts[0].Answer, "database is locked")
	equal(t, "signature", d.Signature, s.shop.heard()[0].signature)
	equal(t, "body", d.Body, string(s.shop.heard()[0].body))

	s.shop.says(200, "OK")
	s.control("POST", "/deliveries/d1/release", `{}`).want(200)
	s.drain()
	equal(t, "released before its time", s.deliveries()[0].State, "delivered")

	s.control("POST", "/deliveries/d1/redeliver", `{"times":3,"delay":"10s"}`).want(201).has(`"id":"d4"`, `"replay_of":"d1"`)
	s.advance("10s")
	calls := s.shop.heard()
	equal(t, "calls", len(calls), 5)
	equal(t, "the same bytes", string(calls[4].body), string(calls[0].body))
	equal(t, "the same signature", calls[4].signature, calls[0].signature)
	s.control("POST", "/deliveries/d1/redeliver", `{"times":1000}`).want(422)
	s.control("POST", "/deliveries/d1/redeliver", `{"delay":"-1s"}`).want(422)

	post := func(body string) reply { return s.control("POST", "/orders/iumicash/o1/callbacks", body) }
	post(`{"status":"created"}`).want(201).has(`"what":"created"`)
	post(`{"fault":"callback_wrong_signature"}`).want(201).has(`"faults":["callback_wrong_signature"]`)
	post(`{"fault":"callback_wrong_amount","amount":"5.00"}`).want(201)
	post(`{"fault":"callback_doubled"}`).want(201).has(`"id":"d9"`)
	post(`{"status":"cancelled"}`).want(422)
	post(`{"fault":"callback_out_of_order"}`).want(422)
	post(`{"fault":"earthquake"}`).want(422)
	s.drain()
	equal(t, "all of them", len(s.shop.heard()), 10)
	s.control("GET", "/deliveries?order=o1&limit=0", "").want(200).has(`"d9"`)
	s.control("GET", "/deliveries?order="+o.ID, "").want(200).has(`"d9"`)
	s.control("GET", "/deliveries?order=o2", "").want(200).has(`{"deliveries":[]}`)
	s.control("GET", "/deliveries/d9", "").want(200).has(`"id":"d9"`)
}

func TestControl_NobodyIsAtTheShop(t *testing.T) {
	s := setup(t)
	s.shop.CloseClientConnections()
	s.shop.Close()
	s.paid("o1")
	d := s.deliveries()[0]
	equal(t, "state", d.State, "waiting")
	equal(t, "status", d.Attempts[0].Status, 0)
	equal(t, "an error", d.Attempts[0].Error != "", true)
}

func TestControl_Reset(t *testing.T) {
	s := setup(t)
	first := s.create("o1")
	s.fault("callback_held", "")
	s.decide("o1", "approve")
	s.advance("1h")
	s.control("POST", "/reset", `{}`).want(200).has(`{"seed":7}`)
	for path, want := range map[string]string{
		"/orders": `{"orders":[]}`, "/deliveries": `{"deliveries":[]}`, "/requests": `{"requests":[]}`, "/faults": `{"rules":[]}`,
		"/clock": `"ahead":"0s","pending":0`,
	} {
		s.control("GET", path, "").want(200).has(want)
	}
	s.api("GET", "orders/"+first.ID+"/", "").word(401, "INVALID_AUTHZ")
	s.signIn()
	equal(t, "the same ids again", s.create("o1").ID, first.ID)
	s.control("POST", "/reset", `{"seed":8}`).want(200)
	s.signIn()
	if s.create("o1").ID == first.ID {
		t.Error("another seed, the same ids")
	}
}

func TestControl_WorksWhileTheSandboxRuns(t *testing.T) {
	s := setup(t, func(c *sandbox.Config) { c.Now = time.Now; c.IumiCash.RetryUnit = time.Millisecond })
	done := make(chan struct{})
	go func() { s.sandbox.Run(t.Context()); close(done) }()
	s.shop.says(503, "no")
	o := s.create("o1")
	s.decide("o1", "approve")
	s.until("the fourth try", func() bool { return len(s.shop.heard()) >= 4 })
	s.shop.says(200, "OK")
	s.until("the shop has taken it", func() bool { return s.truth(o.ID).Notified })
	s.sandbox.Close()
	<-done
	s.control("POST", "/drain", "{}").want(http.StatusServiceUnavailable)
}
