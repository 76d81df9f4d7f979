package gate_test

import (
	"encoding/hex"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"till/providers"
	"till/providers/gate"
)

func TestCallback_Token(t *testing.T) {
	t.Parallel()
	for _, verify := range []string{gate.VerifyNone, gate.VerifyHMAC} {
		b := setup(t, func(cfg *gate.Config) {
			cfg.CallbackVerify = verify
			if verify == gate.VerifyHMAC {
				cfg.CallbackKeys = []providers.Secret{hmacKey}
			}
		})
		d := signHMAC(hmacKey, read(t, "callback_vector.json"))
		for _, known := range []string{token, oldToken} {
			d.Secret = known
			if _, err := b.Callback(d); err != nil {
				t.Errorf("%s: %v", verify, err)
			}
		}
		bad := []string{"", token + "x", token[:len(token)-1], strings.ToUpper(token), token + oldToken, "[secret]"}
		for i := range token {
			changed := []byte(token)
			changed[i] ^= 1
			bad = append(bad, string(changed))
		}
		for _, unknown := range bad {
			d.Secret = unknown
			if n, err := b.Callback(d); !errors.Is(err, providers.ErrSignature) || n != (providers.Notice{}) {
				t.Errorf("%s, %q: got %+v, %v", verify, unknown, n, err)
			}
		}
	}
}

func TestCallback_Vectors(t *testing.T) {
	t.Parallel()
	const signature = "a9956edf90552e18777892c2133c30840ec53a6c6a7959eed431d53034225e39"
	body := read(t, "callback_vector.json")
	pem := string(read(t, "callback_vector.pem"))
	for _, tt := range []struct {
		verify, key, header, value string
	}{
		{gate.VerifyHMAC, hmacKey, "X-Webhook-Signature", signature},
		{gate.VerifyHMAC, hmacKey, "x-webhook-signature", strings.ToUpper(signature)},
		{gate.VerifyRSA, pem, "X-Signature", string(read(t, "callback_vector.rsa"))},
		{gate.VerifyRSA, strings.ReplaceAll(pem, "\n", `\n`), "x-signature", string(read(t, "callback_vector.rsa"))},
	} {
		b := setup(t, func(cfg *gate.Config) {
			cfg.CallbackVerify, cfg.CallbackKeys = tt.verify, []providers.Secret{providers.Secret(tt.key)}
		})
		n, err := b.Callback(delivery(body, tt.header, tt.value))
		if err != nil || n.Ref != "5f1c9a3e-7d2b-4c7e-9a51-0c2f6f0f1a01" || n.PaymentID != "p7k2m9" || n.Word != "paid" || len(n.EventID) != 64 {
			t.Errorf("%s: got %+v, %v", tt.verify, n, err)
		}
		for i := range tt.value { // every byte of the signature counts, but for the case of hex
			changed := []byte(tt.value)
			changed[i] ^= 1
			if _, err := b.Callback(delivery(body, tt.header, string(changed))); !errors.Is(err, providers.ErrSignature) {
				t.Errorf("%s: byte %d changed: got %v", tt.verify, i, err)
			}
		}
	}
}

// A signature of the other mode, or of none, is no signature.
func TestCallback_OtherMode(t *testing.T) {
	t.Parallel()
	key, _ := rsaKeys()
	body := read(t, "callback_vector.json")
	b := setup(t, func(cfg *gate.Config) {
		cfg.CallbackVerify, cfg.CallbackKeys = gate.VerifyRSA, []providers.Secret{publicPEM(t, key)}
	})
	wrongHeader := signRSA(t, key, body)
	wrongHeader.Header = http.Header{"X-Webhook-Signature": wrongHeader.Header["X-Signature"]}
	for name, d := range map[string]providers.Delivery{
		"hmac": signHMAC(hmacKey, body), "none": delivery(body, "", ""), "another header": wrongHeader,
		"hmac with the public key": signHMAC(string(publicPEM(t, key)), body),
	} {
		if _, err := b.Callback(d); !errors.Is(err, providers.ErrSignature) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestCallback_FormerKeys(t *testing.T) {
	t.Parallel()
	one, other := rsaKeys()
	body := read(t, "callback_vector.json")
	b := setup(t, func(cfg *gate.Config) {
		cfg.CallbackVerify, cfg.CallbackKeys = gate.VerifyRSA, []providers.Secret{publicPEM(t, one), publicPEM(t, other)}
	})
	if _, err := b.Callback(signRSA(t, one, body)); err != nil {
		t.Error(err)
	}
	if _, err := b.Callback(signRSA(t, other, body)); err != nil {
		t.Error(err)
	}
}

func TestCallback_Events(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const id = `"id":"5f1c9a3e"`
	for _, tt := range []struct {
		name, body, word string
		err              error
	}{
		{"an order without an event", `{` + id + `,"status":"paid"}`, "paid", nil},
		{"an event that the list has", `{` + id + `,"status":"paid","event_type":"order.payment_success"}`, "paid", nil},
		{"an event in no form that is known", `{` + id + `,"status":"paid","event_type":"payment"}`, "paid", nil},
		{"an event that it has not", `{` + id + `,"status":"chargeback","event_type":"order.chargeback"}`, "chargeback", nil},
		{"no status", `{` + id + `,"event_type":"order.hold"}`, "order.hold", nil},
		{"nothing but an id", `{` + id + `}`, "", nil},
		{"odd types", `{` + id + `,"number":{},"status":[],"event_type":7,"transaction_details":"x","status_changes":1}`, "7", nil},
		{"a transfer", `{` + id + `,"event_type":"transfer.withdrawn"}`, "", providers.ErrIgnored},
		{"a transfer that has no id", `{"event_type":"transfer.withdrawn"}`, "", providers.ErrIgnored},
		{"an id that is a path", `{"id":".."}`, "", providers.ErrMalformed},
	} {
		n, err := b.Callback(delivery([]byte(tt.body), "", ""))
		if !errors.Is(err, tt.err) || n.Word != tt.word {
			t.Errorf("%s: got %+v, %v", tt.name, n, err)
		}
	}
}

// Two refunds of one second look alike but for the sum.
func TestCallback_EventsOfOneSecond(t *testing.T) {
	t.Parallel()
	b := setup(t)
	to, _ := start(t, b)
	first, err := b.Callback(delivery(b.body(to.Ref, "order.invoice_refunded"), "", ""))
	if err != nil {
		t.Fatal(err)
	}
	b.change(func(f *fake) { f.order(to.Ref).Refunded = 500 })
	second, err := b.Callback(delivery(b.body(to.Ref, "order.invoice_refunded"), "", ""))
	if err != nil || second.EventID == first.EventID {
		t.Errorf("got %+v, %v", second, err)
	}
}

func FuzzCallback(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, file := range files {
		f.Add(token, "a9956edf90552e18777892c2133c30840ec53a6c6a7959eed431d53034225e39", read(f, filepath.Base(file)))
	}
	c, err := gate.New(gate.Config{
		BaseURL: "https://gate.decta.com/api/v0.6", SecretKey: secretKey, CallbackTokens: []providers.Secret{token}, Now: clock,
		CallbackVerify: gate.VerifyHMAC, CallbackKeys: []providers.Secret{hmacKey},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, secret, signature string, body []byte) {
		genuine := signHMAC(hmacKey, body)
		forged := providers.Delivery{Header: http.Header{"X-Webhook-Signature": {signature}}, Body: body, Secret: secret}
		right := secret == token && strings.EqualFold(signature, genuine.Header.Get("X-Webhook-Signature"))
		if _, err := hex.DecodeString(signature); err != nil {
			right = false
		}
		if _, err := c.Callback(forged); !right && !errors.Is(err, providers.ErrSignature) {
			t.Fatalf("a forged delivery: %v", err)
		}
		n, err := c.Callback(genuine)
		if err != nil && !errors.Is(err, providers.ErrMalformed) && !errors.Is(err, providers.ErrIgnored) {
			t.Fatalf("a signed delivery: %v", err)
		}
		if err == nil && (n.Ref == "" || n.EventID == "") {
			t.Fatalf("a notice about nothing: %+v", n)
		}
	})
}
