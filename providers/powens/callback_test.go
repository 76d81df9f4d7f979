package powens_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"till/providers"
	"till/providers/powens"
)

const vector = "bzHOaCVcxHeWa0Op9kjL3aInPYI5tzGIB7E8W7bno7g="

func delivery(at, signature string, body []byte) providers.Delivery {
	h := http.Header{}
	h.Set("bi-signature-date", at)
	h.Set("bi-signature", signature)
	return providers.Delivery{Method: http.MethodPost, Path: path, Header: h, Body: body}
}

func TestCallback_Vector(t *testing.T) {
	t.Parallel()
	body := read(t, "callback_vector.json")
	if len(body) != 48 {
		t.Fatalf("the vector has %d bytes, want 48", len(body))
	}
	n, err := setup(t).Callback(delivery(signedAt, vector, body))
	if want := (providers.Notice{EventID: "9001", Ref: "501", Word: "done"}); err != nil || n != want {
		t.Errorf("got %+v, %v", n, err)
	}
}

// Each part of what is signed counts, byte by byte.
func TestCallback_EveryPartIsSigned(t *testing.T) {
	t.Parallel()
	b, body := setup(t), read(t, "callback_vector.json")
	for name, change := range map[string]func(*providers.Delivery){
		"the method":                func(d *providers.Delivery) { d.Method = http.MethodPut },
		"the path":                  func(d *providers.Delivery) { d.Path = "/callbacks/powens" },
		"a slash at the path's end": func(d *providers.Delivery) { d.Path += "/" },
		"the full address":          func(d *providers.Delivery) { d.Path = "https://shop.example" + path },
		"the date":                  func(d *providers.Delivery) { d.Header.Set("BI-Signature-Date", "2024-05-01T10:00:00.123457Z") },
		"the date's spelling":       func(d *providers.Delivery) { d.Header.Set("BI-Signature-Date", "2024-05-01T10:00:00.123456+00:00") },
		"no date":                   func(d *providers.Delivery) { d.Header.Del("BI-Signature-Date") },
		"an empty date":             func(d *providers.Delivery) { d.Header.Set("BI-Signature-Date", "") },
		"two dates":                 func(d *providers.Delivery) { d.Header.Add("BI-Signature-Date", signedAt) },
		"a line feed in it":         func(d *providers.Delivery) { d.Header.Set("BI-Signature", vector[:4]+"\n"+vector[4:]) },
		"no padding":                func(d *providers.Delivery) { d.Header.Set("BI-Signature", strings.TrimRight(vector, "=")) },
		"another alphabet":          func(d *providers.Delivery) { d.Header.Set("BI-Signature", strings.ReplaceAll(vector, "z", "-")) },
	} {
		d := delivery(signedAt, vector, body)
		change(&d)
		if n, err := b.Callback(d); !errors.Is(err, providers.ErrSignature) || n != (providers.Notice{}) {
			t.Errorf("%s: got %+v, %v", name, n, err)
		}
	}
	for i := range vector {
		for _, mask := range []byte{1, 2, 0x20} {
			changed := []byte(vector)
			changed[i] ^= mask
			if _, err := b.Callback(delivery(signedAt, string(changed), body)); !errors.Is(err, providers.ErrSignature) {
				t.Errorf("signature byte %d changed: %v", i, err)
			}
		}
	}
	for i := range signedAt {
		changed := []byte(signedAt)
		changed[i] ^= 1
		if _, err := b.Callback(delivery(string(changed), vector, body)); !errors.Is(err, providers.ErrSignature) {
			t.Errorf("date byte %d changed: %v", i, err)
		}
	}
}

// Of what is signed no byte can become any other: neither in the body, nor in
// the path, the method, the date or the signature.
func TestCallback_EveryByteOfEveryValue(t *testing.T) {
	t.Parallel()
	b := setup(t)
	good := sign(webhookKey, read(t, "callback_vector.json"))
	if _, err := b.Callback(good); err != nil {
		t.Fatal(err)
	}
	for what, part := range map[string]struct {
		whole string
		put   func(*providers.Delivery, string)
	}{
		"body":      {string(good.Body), func(d *providers.Delivery, s string) { d.Body = []byte(s) }},
		"path":      {good.Path, func(d *providers.Delivery, s string) { d.Path = s }},
		"method":    {good.Method, func(d *providers.Delivery, s string) { d.Method = s }},
		"date":      {signedAt, func(d *providers.Delivery, s string) { d.Header.Set("BI-Signature-Date", s) }},
		"signature": {good.Header.Get("BI-Signature"), func(d *providers.Delivery, s string) { d.Header.Set("BI-Signature", s) }},
	} {
		changed := []byte(part.whole)
		for i, was := range changed {
			for n := 1; n < 256; n++ {
				changed[i] = was ^ byte(n)
				d := good
				d.Header = good.Header.Clone()
				part.put(&d, string(changed))
				if n, err := b.Callback(d); !errors.Is(err, providers.ErrSignature) || n != (providers.Notice{}) {
					t.Fatalf("%s, byte %d as %#x: got %+v, %v", what, i, changed[i], n, err)
				}
			}
			changed[i] = was
		}
	}
}

func TestCallback_Rotation(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *powens.Config) { cfg.WebhookKeys = []providers.Secret{webhookKey, "old", "older"} })
	body := read(t, "payment_done.json")
	for _, key := range []string{webhookKey, "old", "older"} {
		if _, err := b.Callback(sign(key, body)); err != nil {
			t.Errorf("%s: %v", key, err)
		}
	}
	for _, key := range []string{"oldest", ""} {
		if _, err := b.Callback(sign(key, body)); !errors.Is(err, providers.ErrSignature) {
			t.Errorf("%q: %v", key, err)
		}
	}
}

// Behind a proxy that rewrites paths, the registered one is what was signed.
func TestCallback_RegisteredPath(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *powens.Config) { cfg.WebhookPath = path })
	d := delivery(signedAt, vector, read(t, "callback_vector.json"))
	d.Path = "/inner/callbacks/powens"
	if _, err := b.Callback(d); err != nil {
		t.Error(err)
	}
}

func TestCallback_Tolerance(t *testing.T) {
	t.Parallel()
	body := read(t, "callback_vector.json")
	for _, tt := range []struct {
		name      string
		tolerance time.Duration
		ahead     time.Duration // our clock, of the date
		ok        bool
	}{
		{"any age by default", 0, 1000 * time.Hour, true},
		{"any time to come by default", 0, -1000 * time.Hour, true},
		{"in time", 5 * time.Minute, 0, true},
		{"just in time", 5 * time.Minute, 5 * time.Minute, true},
		{"too old", 5 * time.Minute, 5*time.Minute + time.Microsecond, false},
		{"a little early", 5 * time.Minute, -5 * time.Minute, true},
		{"too early", 5 * time.Minute, -5*time.Minute - time.Microsecond, false},
	} {
		b := setup(t, func(cfg *powens.Config) { cfg.WebhookTolerance = tt.tolerance })
		b.clock.move(123456*time.Microsecond + tt.ahead)
		_, err := b.Callback(delivery(signedAt, vector, body))
		if tt.ok && err != nil || !tt.ok && !errors.Is(err, providers.ErrSignature) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	b := setup(t, func(cfg *powens.Config) { cfg.WebhookTolerance = time.Hour })
	for _, at := range []string{"yesterday", "1714557600", "2024-05-01 10:00:00"} {
		h := delivery(at, signature(webhookKey, "POST."+path+"."+at+".", body), body)
		if _, err := b.Callback(h); !errors.Is(err, providers.ErrSignature) {
			t.Errorf("%q: %v", at, err)
		}
	}
}

func TestCallback_EventID(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := map[string]string{}
	for _, body := range []string{
		`{"id":501,"state":"done","id_webhook_data":9001}`, `{"id":501,"state":"done","id_webhook_data":"9002"}`,
		`{"id":501,"state":"done"}`, `{"id":501,"state":"pending"}`, `{"id":501,"state":"done","id_webhook_data":{}}`,
	} {
		n, err := b.Callback(sign(webhookKey, []byte(body)))
		if err != nil || n.EventID == "" || ids[n.EventID] != "" {
			t.Errorf("%s: got %+v, %v", body, n, err)
		}
		ids[n.EventID] = body
	}
	if ids["9001"] == "" || ids["9002"] == "" {
		t.Errorf("got %q", ids)
	}
	n, err := b.Callback(sign(webhookKey, []byte(`{"id":501,"state":"rejected","error_code":"insufficientFunds","client_state":"p7k2m9","id_webhook_data":1}`)))
	if want := (providers.Notice{EventID: "1", Ref: "501", PaymentID: "p7k2m9", Word: "rejected (insufficientFunds)"}); err != nil || n != want {
		t.Errorf("got %+v, %v", n, err)
	}
}

// packed is a delivery as it comes with compression switched on: signed as it
// is without.
func packed(t testing.TB, d providers.Delivery) providers.Delivery {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(d.Body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	d.Header, d.Body = d.Header.Clone(), out.Bytes()
	d.Header.Set("Content-Encoding", "gzip")
	return d
}

func TestCallback_Gzip(t *testing.T) {
	t.Parallel()
	b := setup(t)
	plain := delivery(signedAt, vector, read(t, "callback_vector.json"))
	good := packed(t, plain)
	if n, err := b.Callback(good); err != nil || n.EventID != "9001" {
		t.Errorf("got %+v, %v", n, err)
	}
	encoded := func(encoding string, d providers.Delivery) providers.Delivery {
		d.Header = d.Header.Clone()
		d.Header.Set("Content-Encoding", encoding)
		return d
	}
	if _, err := b.Callback(encoded("identity", plain)); err != nil {
		t.Errorf("identity: %v", err)
	}
	if _, err := b.Callback(encoded(" GZIP", good)); err != nil {
		t.Errorf("in capitals: %v", err)
	}
	bytesSigned := good
	bytesSigned.Header = good.Header.Clone()
	bytesSigned.Header.Set("BI-Signature", signature(webhookKey, "POST."+path+"."+signedAt+".", good.Body))
	short, trailing := good, good
	short.Body, trailing.Body = good.Body[:len(good.Body)-1], append(bytes.Clone(good.Body), 'x')
	for name, d := range map[string]providers.Delivery{
		"signed as packed": bytesSigned, "not packed at all": encoded("gzip", plain), "cut off": short, "with more behind": trailing,
		"another compression": encoded("br", good), "packed, but not said to be": encoded("", good),
		"larger than a delivery may be": packed(t, sign(webhookKey, []byte(`{"id":501,"state":"done","x":"`+strings.Repeat("x", 256<<10)+`"}`))),
		"a bomb":                        bomb(t),
	} {
		if n, err := b.Callback(d); !errors.Is(err, providers.ErrSignature) || n != (providers.Notice{}) {
			t.Errorf("%s: got %+v, %v", name, n, err)
		}
	}
	for i := range good.Body {
		changed := good
		changed.Body = bytes.Clone(good.Body)
		changed.Body[i] ^= 1
		n, err := b.Callback(changed)
		if err == nil && n.EventID == "9001" && n.Ref == "501" && n.Word == "done" {
			continue // a byte of gzip's own header that changes nothing inside
		}
		if !errors.Is(err, providers.ErrSignature) {
			t.Errorf("byte %d changed: got %+v, %v", i, n, err)
		}
	}
}

// bomb is twenty megabytes in a few kilobytes.
func bomb(t *testing.T) providers.Delivery {
	t.Helper()
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, io.LimitReader(zeros{}, 20<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	d := delivery(signedAt, vector, out.Bytes())
	d.Header.Set("Content-Encoding", "gzip")
	return d
}

type zeros struct{}

// Read implements io.Reader.
func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func FuzzCallback(f *testing.F) {
	for _, body := range seeds(f, "*.json") {
		f.Add(vector, signedAt, body, false)
		f.Add(vector, "", packed(f, providers.Delivery{Header: http.Header{}, Body: body}).Body, true)
	}
	c, err := powens.New(config(newClock()))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, got, at string, body []byte, zip bool) {
		d := providers.Delivery{
			Method: http.MethodPost, Path: path, Body: body,
			Header: http.Header{"Bi-Signature": {got}, "Bi-Signature-Date": {at}},
		}
		if zip {
			d.Header.Set("Content-Encoding", "gzip")
		}
		if _, err := c.Callback(d); err == nil && (zip || got != signature(webhookKey, "POST."+path+"."+at+".", body)) && got != vector {
			t.Fatal("a forged delivery")
		}
		genuine := sign(webhookKey, body)
		if zip && len(body) <= 256<<10 {
			genuine = packed(t, genuine)
		}
		n, err := c.Callback(genuine)
		if err != nil && !errors.Is(err, providers.ErrMalformed) {
			t.Fatalf("a signed delivery: %v", err)
		}
		if err == nil && (n.Ref == "" || n.EventID == "" || n.Word == "") {
			t.Fatalf("a notice about nothing: %+v", n)
		}
	})
}
