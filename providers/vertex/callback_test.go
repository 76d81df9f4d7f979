package vertex_test

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"till/providers"
	"till/providers/vertex"
)

// The vectors were made with openssl: dgst -sha512, with and without -hmac.
const (
	vectorHMAC = "3404be679aee1f7c27d7d103065e040a2adf4ab0d01a42a0951703f2a13c1c9f" +
		"d4ef275279f2c1f7272804ff68be88d92d3a23cc5d7f4dd912d7fc99a3ff5f3f"
	vectorConcat = "84cab8fc81fa5671a1cac9cf4312cba27fb9925924b7bdb975bb933fefb4b990" +
		"f4a28acf62c56793745e5df52ad8b3bfd07a01db5ee432575c204024aeb90b7c"
)

func TestCallback_Vectors(t *testing.T) {
	t.Parallel()
	body := read(t, "callback.json")
	if len(body) != 145 {
		t.Fatalf("the vector has %d bytes, want 145", len(body))
	}
	for mode, vectors := range map[string][2]string{"": {vectorHMAC, vectorConcat}, "hmac": {vectorHMAC, vectorConcat}, "concat": {vectorConcat, vectorHMAC}} {
		c, err := vertex.New(config(func(cfg *vertex.Config) { cfg.SignMode = mode }))
		if err != nil {
			t.Fatal(err)
		}
		n, err := c.Callback(signed(vectors[0], body))
		if err != nil || n.Ref != "WEB-000123" || n.PaymentID != "WEB-000123" || n.Word != "cancelled" || len(n.EventID) != 64 {
			t.Errorf("%s: got %+v, %v", mode, n, err)
		}
		if _, err := c.Callback(signed(vectors[1], body)); !errors.Is(err, providers.ErrSignature) {
			t.Errorf("%s: the other mode's passed: %v", mode, err)
		}
	}
}

func TestCallback_Secrets(t *testing.T) {
	t.Parallel()
	c, err := vertex.New(config())
	if err != nil {
		t.Fatal(err)
	}
	body := read(t, "callback.json")
	for s, want := range map[string]error{secret: nil, former: nil, stranger: providers.ErrSignature, "": providers.ErrSignature, token: providers.ErrSignature} {
		if _, err := c.Callback(signed(signHMAC(s, body), body)); !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", s, err, want)
		}
	}
}

// Every single changed byte is refused, and every changed digit of the signature.
func TestCallback_EveryByte(t *testing.T) {
	t.Parallel()
	body := read(t, "callback.json")
	for mode, vector := range map[string]string{"hmac": vectorHMAC, "concat": vectorConcat} {
		c, err := vertex.New(config(func(cfg *vertex.Config) { cfg.SignMode = mode }))
		if err != nil {
			t.Fatal(err)
		}
		for i := range body {
			changed := []byte(string(body))
			for x := range 255 {
				changed[i] = body[i] ^ byte(x+1)
				if _, err := c.Callback(signed(vector, changed)); !errors.Is(err, providers.ErrSignature) {
					t.Fatalf("%s: byte %d: %v", mode, i, err)
				}
			}
		}
		for i := range vector {
			other := "0"
			if vector[i] == '0' {
				other = "1"
			}
			if _, err := c.Callback(signed(vector[:i]+other+vector[i+1:], body)); !errors.Is(err, providers.ErrSignature) {
				t.Fatalf("%s: digit %d: %v", mode, i, err)
			}
		}
	}
}

func TestCallback_Bodies(t *testing.T) {
	t.Parallel()
	c, err := vertex.New(config())
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]error{
		`{"data":{"orderNumber":"p1"}}`:                                           nil,
		`{"data":{"orderNumber":123,"orderStatus":7,"payments":{},"shopId":"?"}}`: nil,
		`{"data":{"orderNumber":"p1","shopId":116}}`:                              providers.ErrIgnored,
		`{"data":{"orderNumber":"p1","shopId":"116"}}`:                            providers.ErrIgnored,
		`{"data":{"orderNumber":"../x"}}`:                                         providers.ErrMalformed,
		`{"data":{"orderNumber":{}}}`:                                             providers.ErrMalformed,
		`{"data":[]}`:                                                             providers.ErrMalformed,
		`{"orderNumber":"p1"}`:                                                    providers.ErrMalformed,
	} {
		if _, err := c.Callback(signed(signHMAC(secret, []byte(body)), []byte(body))); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", body, err, want)
		}
	}
	if a := c.CallbackAnswer(); a.Status != 200 || a.Body != "" {
		t.Errorf("answers %+v", a)
	}
}

func seeds(f *testing.F, glob string) [][]byte {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", glob))
	if err != nil || len(files) == 0 {
		f.Fatalf("no seeds %s: %v", glob, err)
	}
	var out [][]byte
	for _, file := range files {
		out = append(out, read(f, filepath.Base(file)))
	}
	return out
}

func FuzzCallback(f *testing.F) {
	for _, body := range seeds(f, "*.json") {
		f.Add(vectorHMAC, body)
	}
	c, err := vertex.New(config())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, signature string, body []byte) {
		genuine := signHMAC(secret, body)
		_, err := c.Callback(signed(signature, body))
		if !strings.EqualFold(signature, genuine) && !strings.EqualFold(signature, signHMAC(former, body)) && !errors.Is(err, providers.ErrSignature) {
			t.Fatalf("a forged delivery: %v", err)
		}
		n, err := c.Callback(signed(genuine, body))
		if err != nil && !errors.Is(err, providers.ErrMalformed) && !errors.Is(err, providers.ErrIgnored) {
			t.Fatalf("a signed delivery: %v", err)
		}
		if err == nil && (n.Ref == "" || n.EventID == "") {
			t.Fatalf("a notice about nothing: %+v", n)
		}
	})
}

func FuzzOrder(f *testing.F) {
	for _, body := range seeds(f, "order_*.json") {
		f.Add(body)
	}
	const ref = "WEB-000123"
	var body []byte
	c, err := vertex.New(config(func(cfg *vertex.Config) {
		cfg.Transport = answers(func(*http.Request) (int, string) { return 200, string(body) })
	}))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		body = in
		got, err := c.Lookup(t.Context(), providers.Payment{ID: ref, Ref: ref})
		if err != nil {
			if e := asError(t, err); e.Kind != providers.KindUnavailable {
				t.Fatalf("got %v", err)
			}
			return
		}
		if got.Ref != ref || got.Refunded.Minor < 0 || got.Outcome == providers.Paid && got.Amount.Currency == "" {
			t.Fatalf("got %+v", got)
		}
	})
}

func FuzzMethods(f *testing.F) {
	f.Add(read(f, "methods.json"))
	f.Add([]byte(`{"data":` + manyMethods + `}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := vertex.New(config(func(cfg *vertex.Config) {
			cfg.Transport = answers(func(r *http.Request) (int, string) {
				if r.Method == http.MethodPost {
					return 200, `{"data":{"paymentLink":"https://payment-page.stage.vertexgateway.com/x"}}`
				}
				return 200, string(body)
			})
		}))
		if err != nil {
			t.Fatal(err)
		}
		list, err := c.Methods(t.Context(), "NZD")
		if err != nil {
			asError(t, err)
			return
		}
		for _, m := range list {
			req := request()
			req.Method = m.Name
			if _, err := c.Start(t.Context(), req); err != nil || m.Label == "" {
				t.Fatalf("%+v cannot be paid with: %v", m, err)
			}
		}
	})
}
