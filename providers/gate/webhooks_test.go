package gate_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"till/providers"
	"till/providers/gate"
)

const callbacks = "https://shop.test/callbacks/gate"

func TestRegister(t *testing.T) {
	t.Parallel()
	t.Run("once, however often", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		for i, slash := range []string{"", "/", ""} {
			got, err := b.Register(t.Context(), callbacks+slash)
			if err != nil || got.ID != "hook-1" || got.New != (i == 0) || string(got.Secret) != hmacKey || got.PublicKey != "PEM" {
				t.Errorf("time %d: got %+v, %v", i+1, got, err)
			}
			if strings.Contains(fmt.Sprintf("%v %+v", got, got), hmacKey) {
				t.Error("the secret prints")
			}
		}
		want := object{"id": "hook-1", "url": callbacks + "/" + token, "version": "v0.6", "is_test": false, "all_events": true, "secret": hmacKey, "public_key": "PEM"}
		if got := fmt.Sprint(b.hooks); got != fmt.Sprint([]object{want}) {
			t.Errorf("webhooks %s", got)
		}
		if log := b.log(); !slices.Equal(log, []string{"GET /webhooks/", "POST /webhooks/", "GET /webhooks/", "GET /webhooks/"}) {
			t.Errorf("requests %q", log)
		}
	})
	t.Run("beside others, page by page", func(t *testing.T) {
		t.Parallel()
		b := setup(t, func(cfg *gate.Config) { cfg.Test = true })
		for i := range 3 {
			b.hooks = append(b.hooks, object{"id": i, "url": fmt.Sprintf("https://other%d.test/", i)})
		}
		first, err := b.Register(t.Context(), callbacks)
		if err != nil || !first.New || len(b.hooks) != 4 || b.hooks[3]["is_test"] != true {
			t.Fatalf("got %+v, %v", first, err)
		}
		again, err := b.Register(t.Context(), callbacks)
		if err != nil || again.New || again.ID != first.ID || len(b.hooks) != 4 {
			t.Errorf("got %+v, %v", again, err)
		}
	})
	t.Run("one that is not as it should be is mended", func(t *testing.T) {
		t.Parallel()
		for name, spoil := range map[string]func(object){
			"a few events":   func(h object) { h["all_events"] = false },
			"an old version": func(h object) { h["version"] = "v0.5" },
			"for tests":      func(h object) { h["is_test"] = true },
		} {
			b := setup(t)
			if _, err := b.Register(t.Context(), callbacks); err != nil {
				t.Fatal(err)
			}
			spoil(b.hooks[0])
			got, err := b.Register(t.Context(), callbacks)
			h := b.hooks[0]
			if err != nil || got.New || got.ID != "hook-1" || len(b.hooks) != 1 || h["all_events"] != true || h["version"] != "v0.6" || h["is_test"] != false {
				t.Errorf("%s: got %+v, %v; %v", name, got, err, h)
			}
		}
	})
	t.Run("a new token is a new address", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.hooks = []object{{"id": "hook-0", "url": callbacks + "/" + oldToken, "version": "v0.6", "all_events": true}}
		got, err := b.Register(t.Context(), callbacks)
		if err != nil || !got.New || len(b.hooks) != 2 {
			t.Errorf("got %+v, %v", got, err)
		}
	})
	t.Run("what is no address", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		for _, address := range []string{"", "/callbacks/gate", "ftp://shop.test/x", "https://shop.test/x?y=1", "https://shop.test/x#y", "http://["} {
			if _, err := b.Register(t.Context(), address); asError(t, err).Kind != providers.KindRejected {
				t.Errorf("%q: got %v", address, err)
			}
		}
		if len(b.log()) != 0 {
			t.Errorf("sent %q", b.log())
		}
	})
	t.Run("no answer to the registration is found the next time", func(t *testing.T) {
		t.Parallel()
		posts := 0
		b := setup(t, func(cfg *gate.Config) {
			cfg.Transport = always(func(r *http.Request) (int, string, string) {
				switch {
				case r.Method == http.MethodPost:
					posts++
					return 502, "text/html", "down, with " + token
				case posts > 0:
					return 200, "application/json", `{"results":[{"id":5,"url":"` + callbacks + `/` + token + `","version":"v0.6","all_events":true}]}`
				default:
					return 200, "application/json", `{"results":[]}`
				}
			})
		})
		_, err := b.Register(t.Context(), callbacks)
		if e := asError(t, err); e.Kind != providers.KindUnavailable || strings.Contains(err.Error()+string(e.Raw), token) {
			t.Errorf("got %v with %q", err, e.Raw)
		}
		if got, err := b.Register(t.Context(), callbacks); err != nil || got.ID != "5" || posts != 1 {
			t.Errorf("got %+v, %v after %d posts", got, err, posts)
		}
	})
	t.Run("what cannot be read", func(t *testing.T) {
		t.Parallel()
		for name, say := range map[string]func(*http.Request) (int, string, string){
			"no list": func(*http.Request) (int, string, string) { return 200, "application/json", `{}` },
			"no id": func(r *http.Request) (int, string, string) {
				if r.Method == http.MethodPost {
					return 201, "application/json", `{"url":"x","secret":"whsec_seen_by_nobody"}`
				}
				return 200, "application/json", `{"results":[]}`
			},
		} {
			b := setup(t, func(cfg *gate.Config) { cfg.Transport = always(say) })
			_, err := b.Register(t.Context(), callbacks)
			if e := asError(t, err); e.Kind != providers.KindUnavailable || len(e.Raw) != 0 {
				t.Errorf("%s: got %v", name, e)
			}
		}
	})
}
