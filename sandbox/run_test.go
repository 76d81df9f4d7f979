package sandbox_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"till/sandbox"
)

// deaf is a shop, without a network, that is slow to answer and takes nothing.
type deaf struct{ calls chan time.Time }

func (d deaf) RoundTrip(r *http.Request) (*http.Response, error) {
	d.calls <- time.Now()
	select {
	case <-time.After(100 * time.Millisecond):
		return &http.Response{StatusCode: http.StatusBadGateway, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
}

// In a bubble the time is not real, and the test fails when a goroutine is left.
func TestRun_KeepsTimeAndLeavesNobodyBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shop := deaf{calls: make(chan time.Time, 100)}
		s, err := sandbox.New(sandbox.Config{Now: time.Now, Seed: 7, HTTP: &http.Client{Transport: shop}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { s.Run(ctx); close(ended) }()

		call := func(method, path, body string, header ...string) string {
			r := httptest.NewRequestWithContext(ctx, method, path, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			for i := 0; i < len(header); i += 2 {
				r.Header.Set(header[i], header[i+1])
			}
			w := httptest.NewRecorder()
			s.Handler().ServeHTTP(w, r)
			return w.Body.String()
		}
		token := call("POST", "/iumicash/api/v1/oauth/token", `{"grant_type":"client_credentials"}`, "Authorization", "Basic c2J4X2NsaWVudDpzYnhfY2xpZW50X3NlY3JldF8x")
		_, token, _ = strings.Cut(token, `"access_token":"`)
		token, _, _ = strings.Cut(token, `"`)
		call("POST", "/iumicash/api/v1/orders/", `{"external_id":"o1","items":[{"name":"Mug","description":"","amount":{"value":1,"currency_code":"SBD"},"count":1}],
			"application_context":{"callback_url":"http://shop.example/cb","success_url":"http://shop.example/ok","error_url":"http://shop.example/no"}}`,
			"Authorization", "Bearer "+token)
		begin := time.Now()
		call("POST", "/control/orders/iumicash/o1/decisions", `{"decision":"approve"}`)

		last := begin
		for n := -1; n < 5; n++ {
			at := <-shop.calls
			if n >= 0 {
				least := time.Second<<n + 100*time.Millisecond
				if wait := at.Sub(last); wait < least || wait > least+time.Second {
					t.Errorf("retry %d after %s, want about %s", n, wait, least)
				}
			}
			last = at
		}
		// One call is under way: the end does not wait for its answer.
		stop()
		<-ended
		if late := time.Since(last); late > 50*time.Millisecond {
			t.Errorf("the end took %s", late)
		}
		s.Close()
	})
}

func TestNew_Refusals(t *testing.T) {
	now := func() time.Time { return start }
	for name, config := range map[string]sandbox.Config{
		"no clock":      {},
		"negative life": {Now: now, IumiCash: sandbox.IumiCash{TokenLife: -1}},
		"negative unit": {Now: now, IumiCash: sandbox.IumiCash{RetryUnit: -1}},
	} {
		if _, err := sandbox.New(config); err == nil || !strings.HasPrefix(err.Error(), "sandbox: new: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
