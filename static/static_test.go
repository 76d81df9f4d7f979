package static

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/andybalholm/brotli"
)

func setup(t *testing.T) *Set {
	t.Helper()
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func get(t *testing.T, s *Set, method, url string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	res := w.Result()
	t.Cleanup(func() { _ = res.Body.Close() })
	return res
}

func TestSet_URL_NamesItsContent(t *testing.T) {
	s := setup(t)
	for _, name := range []string{"app.css", "till.js", "icons/favicon.svg", "pictures/placeholder.svg"} {
		i := strings.LastIndex(name, ".")
		want := regexp.MustCompile("^/static/" + regexp.QuoteMeta(name[:i]) + `\.[0-9a-f]{12}` + regexp.QuoteMeta(name[i:]) + "$")
		if got := s.URL(name); !want.MatchString(got) {
			t.Errorf("URL(%q) = %q, want %v", name, got, want)
		}
		if got := s.SRI(name); !strings.HasPrefix(got, "sha384-") {
			t.Errorf("SRI(%q) = %q", name, got)
		}
		if res := get(t, s, http.MethodGet, s.URL(name)); res.StatusCode != http.StatusOK {
			t.Errorf("GET %s = %d", s.URL(name), res.StatusCode)
		}
	}
	if a, b := setup(t).URL("app.css"), s.URL("app.css"); a != b {
		t.Errorf("two processes name the same file %q and %q", a, b)
	}
}

func TestSet_Picture_UnknownNamesGetAPlaceholder(t *testing.T) {
	s := setup(t)
	want := s.URL(placeholder)
	for _, name := range []string{"", "nobody-drew-this.svg", "../app.css", "placeholder.svg", "/etc/passwd"} {
		if got := s.Picture(name); got != want {
			t.Errorf("Picture(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestSet_Handler_ServesTheBestEncoding(t *testing.T) {
	s := setup(t)
	plain := read(t, get(t, s, http.MethodGet, s.URL("app.css")).Body)
	for _, tt := range []struct{ name, accept, want string }{
		{"nothing said", "", ""},
		{"a browser", "gzip, deflate, br, zstd", "br"},
		{"only gzip", "gzip", "gzip"},
		{"old spelling", "x-gzip", "gzip"},
		{"upper case", "GZIP", "gzip"},
		{"brotli refused", "br;q=0, gzip", "gzip"},
		{"brotli refused, spelt long", "br;q=0.000, gzip", "gzip"},
		{"gzip liked better", "br;q=0.5, gzip;q=0.8", "gzip"},
		{"identity liked better", "br;q=0.5, identity", ""},
		{"anything", "*", "br"},
		{"anything but brotli", "br;q=0, *", "gzip"},
		{"only what we do not have", "zstd", ""},
		{"nothing at all", "*;q=0", ""},
		{"all refused but gzip", "*;q=0, gzip;q=0.1", "gzip"},
		{"all refused, identity too", "identity;q=0, br;q=0, gzip;q=0", ""},
		{"unreadable weight is left out", "br;q=high, gzip", "gzip"},
		{"weight above one is left out", "br;q=1.5, gzip", "gzip"},
		{"a minus is no weight", "br;q=-1, gzip", "gzip"},
		{"too many decimals", "br;q=0.12345, gzip", "gzip"},
		{"blanks", "  br ; q=0.9 ,gzip ;q=0.8", "br"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := get(t, s, http.MethodGet, s.URL("app.css"), "Accept-Encoding", tt.accept)
			if got := res.Header.Get("Content-Encoding"); got != tt.want {
				t.Fatalf("Content-Encoding = %q, want %q", got, tt.want)
			}
			if got := decode(t, tt.want, res.Body); !bytes.Equal(got, plain) {
				t.Errorf("decoded body differs from the file")
			}
			if got := res.Header.Get("Vary"); got != "Accept-Encoding" {
				t.Errorf("Vary = %q", got)
			}
			if got := res.Header.Get("Content-Type"); got != "text/css; charset=utf-8" {
				t.Errorf("Content-Type = %q", got)
			}
			if got := res.Header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" {
				t.Errorf("Cache-Control = %q", got)
			}
		})
	}
}

func TestSet_Handler_AcceptEncodingInTwoLines(t *testing.T) {
	s := setup(t)
	res := get(t, s, http.MethodGet, s.URL("app.css"), "Accept-Encoding", "gzip", "Accept-Encoding", "br")
	if got := res.Header.Get("Content-Encoding"); got != "br" {
		t.Errorf("Content-Encoding = %q, want br", got)
	}
}

func TestSet_Handler_NotModified(t *testing.T) {
	s := setup(t)
	url := s.URL("app.css")
	plain := get(t, s, http.MethodGet, url).Header.Get("ETag")
	br := get(t, s, http.MethodGet, url, "Accept-Encoding", "br").Header.Get("ETag")
	if plain == "" || plain == br {
		t.Fatalf("tags %q and %q must differ", plain, br)
	}
	for _, tt := range []struct {
		name, accept, match string
		want                int
	}{
		{"same", "br", br, http.StatusNotModified},
		{"weak", "br", "W/" + br, http.StatusNotModified},
		{"one of several", "br", `"x", ` + br, http.StatusNotModified},
		{"any", "", "*", http.StatusNotModified},
		{"the other encoding", "br", plain, http.StatusOK},
		{"another file", "br", `"0123456789ab"`, http.StatusOK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := get(t, s, http.MethodGet, url, "Accept-Encoding", tt.accept, "If-None-Match", tt.match)
			if res.StatusCode != tt.want {
				t.Errorf("status = %d, want %d", res.StatusCode, tt.want)
			}
			if body := read(t, res.Body); tt.want == http.StatusNotModified && len(body) != 0 {
				t.Errorf("304 with %d bytes", len(body))
			}
		})
	}
}

func TestSet_Handler_Refuses(t *testing.T) {
	s := setup(t)
	for _, tt := range []struct {
		name, method, url string
		want              int
	}{
		{"no hash", http.MethodGet, "/static/app.css", http.StatusNotFound},
		{"old hash", http.MethodGet, "/static/app.000000000000.css", http.StatusNotFound},
		{"the folder", http.MethodGet, "/static/", http.StatusNotFound},
		{"up and away", http.MethodGet, "/static/../go.mod", http.StatusNotFound},
		{"post", http.MethodPost, s.URL("app.css"), http.StatusMethodNotAllowed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			res := get(t, s, tt.method, tt.url)
			if res.StatusCode != tt.want {
				t.Errorf("status = %d, want %d", res.StatusCode, tt.want)
			}
			if got := res.Header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control = %q: a refusal must not be kept", got)
			}
		})
	}
}

func TestSet_Handler_Head(t *testing.T) {
	s := setup(t)
	res := get(t, s, http.MethodHead, s.URL("till.js"), "Accept-Encoding", "br")
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Length") == "" || len(read(t, res.Body)) != 0 {
		t.Errorf("HEAD = %d, length %q", res.StatusCode, res.Header.Get("Content-Length"))
	}
}

func TestSet_Handler_ADrawingMayOnlyStyleItself(t *testing.T) {
	s := setup(t)
	res := get(t, s, http.MethodGet, s.URL(placeholder))
	if got := res.Header.Get("Content-Security-Policy"); !strings.Contains(got, "default-src 'none'") || !strings.Contains(got, "sandbox") {
		t.Errorf("policy of a drawing = %q", got)
	}
}

func TestLoad_UnknownKind(t *testing.T) {
	if _, err := load(fstest.MapFS{"font.woff2": {Data: []byte("x")}}); err == nil {
		t.Error("a kind of file nobody knows how to serve was taken")
	}
}

func decode(t *testing.T, enc string, r io.Reader) []byte {
	t.Helper()
	switch enc {
	case "br":
		return read(t, brotli.NewReader(r))
	case "gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			t.Fatal(err)
		}
		return read(t, z)
	default:
		return read(t, r)
	}
}

func read(t *testing.T, r io.Reader) []byte {
	t.Helper()
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
