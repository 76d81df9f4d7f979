// Package static holds the files that browsers fetch beside the pages: the
// style sheet, a little script, icons, product pictures. They are embedded,
// and served under addresses that name their content, so that a browser keeps
// them for ever and still never shows an old one.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"crypto/sha512"
	"embed"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/andybalholm/brotli"
)

//go:embed app.css till.js icons/*.svg pictures/*.svg
var embedded embed.FS

// Prefix is where Set.Handler expects to be mounted.
const Prefix = "/static/"

const (
	pictures    = "pictures/"
	placeholder = pictures + "placeholder.svg"
	uploaded    = "sha256-"
)

// errType is a file whose kind nobody told us how to serve.
var errType = errors.New("unknown kind of file")

// Set is all files, hashed and compressed. It never changes after New.
type Set struct {
	byName map[string]*file // by name in the tree: "icons/favicon.svg"
	byPath map[string]*file // by hashed name: "icons/favicon.0123456789ab.svg"
}

// file is one file, once for every encoding that makes it smaller.
type file struct {
	path   string // hashed name
	kind   string // media type
	sri    string
	hash   string
	bodies map[encoding][]byte
}

// New reads, hashes and compresses the embedded files. It takes a fraction of
// a second, so it is called once, at start.
func New() (*Set, error) { return load(embedded) }

func load(files fs.FS) (*Set, error) {
	s := &Set{byName: map[string]*file{}, byPath: map[string]*file{}}
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		f, err := newFile(name, body)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		s.byName[name], s.byPath[f.path] = f, f
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("static: read the files: %w", err)
	}
	return s, nil
}

func newFile(name string, body []byte) (*file, error) {
	kind, err := kindOf(name)
	if err != nil {
		return nil, err
	}
	sum, integrity := sha256.Sum256(body), sha512.Sum384(body)
	ext := path.Ext(name)
	f := &file{
		kind:   kind,
		hash:   hex.EncodeToString(sum[:6]),
		sri:    "sha384-" + base64.StdEncoding.EncodeToString(integrity[:]),
		bodies: map[encoding][]byte{identity: body},
	}
	f.path = strings.TrimSuffix(name, ext) + "." + f.hash + ext
	for enc, compress := range map[encoding]func([]byte) ([]byte, error){brotliCoded: brotliOf, gzipCoded: gzipOf} {
		small, err := compress(body)
		if err != nil {
			return nil, err
		}
		if len(small) < len(body) {
			f.bodies[enc] = small
		}
	}
	return f, nil
}

// kindOf does not ask the system's table of types, which differs by machine.
func kindOf(name string) (string, error) {
	switch ext := path.Ext(name); ext {
	case ".css":
		return "text/css; charset=utf-8", nil
	case ".js":
		return "text/javascript; charset=utf-8", nil
	case ".svg":
		return "image/svg+xml", nil
	default:
		return "", fmt.Errorf("%w %q", errType, ext)
	}
}

func brotliOf(body []byte) ([]byte, error) {
	var out bytes.Buffer
	w := brotli.NewWriterLevel(&out, brotli.BestCompression)
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func gzipOf(body []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// URL is the address of a file: "app.css" gives "/static/app.0123456789ab.css".
// A name we do not have gives an address that answers 404.
func (s *Set) URL(name string) string {
	if f, ok := s.byName[name]; ok {
		return Prefix + f.path
	}
	return Prefix + name
}

// SRI is the integrity value of a file, for link and script elements; empty
// for a name we do not have.
func (s *Set) SRI(name string) string {
	if f, ok := s.byName[name]; ok {
		return f.sri
	}
	return ""
}

// Picture is the address of a product's picture as the catalogue names it,
// such as "mug.svg". A name nobody drew, also an empty one, gives a
// placeholder. A name that begins with sha256- is a picture that staff have
// uploaded, which the shop serves from its database.
func (s *Set) Picture(name string) string {
	if strings.HasPrefix(name, uploaded) {
		return "/pictures/" + url.PathEscape(name)
	}
	if _, ok := s.byName[pictures+name]; ok {
		return s.URL(pictures + name)
	}
	return s.URL(placeholder)
}

// Handler serves the files under Prefix, by GET and HEAD. Only hashed
// addresses are answered, so every answer may be kept for ever.
func (s *Set) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			refuse(w, http.StatusMethodNotAllowed)
			return
		}
		f, ok := s.byPath[strings.TrimPrefix(r.URL.Path, Prefix)]
		if !ok {
			refuse(w, http.StatusNotFound)
			return
		}
		f.serve(w, r)
	})
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	enc := choose(strings.Join(r.Header.Values("Accept-Encoding"), ","), f.bodies)
	tag := f.tag(enc)
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	h.Set("ETag", tag)
	if matches(strings.Join(r.Header.Values("If-None-Match"), ","), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := f.bodies[enc]
	h.Set("Content-Type", f.kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("X-Content-Type-Options", "nosniff")
	if f.kind == "image/svg+xml" {
		// A drawing styles itself, which the pages' own policy forbids, and
		// does nothing else, even where it is opened on its own.
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox")
	}
	if enc != identity {
		h.Set("Content-Encoding", string(enc))
	}
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return
	}
	// A browser that went away has no use for the error either.
	_, _ = w.Write(body)
}

// tag differs by encoding: it names bytes, and these differ.
func (f *file) tag(enc encoding) string {
	if enc == identity {
		return `"` + f.hash + `"`
	}
	return `"` + f.hash + "-" + string(enc) + `"`
}

// matches reports whether If-None-Match names the tag. Weak tags match too:
// RFC 9110, 13.1.2.
func matches(header, tag string) bool {
	for field := range strings.SplitSeq(header, ",") {
		field = strings.TrimSpace(field)
		if field == "*" || strings.TrimPrefix(field, "W/") == tag {
			return true
		}
	}
	return false
}

func refuse(w http.ResponseWriter, status int) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, http.StatusText(status), status)
}
