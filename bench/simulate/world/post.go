package world

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
)

// letter is a callback that is still on its way.
type letter struct {
	path   string
	header http.Header
	body   []byte
}

// post takes callbacks from the providers to the shop, badly.
type post struct{ w *world }

// RoundTrip implements http.RoundTripper.
func (p post) RoundTrip(req *http.Request) (*http.Response, error) {
	w := p.w
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	l := letter{path: req.URL.Path, header: req.Header.Clone(), body: body}
	if w.shut {
		w.note("  callback %s: nobody answers", l.name())
		return nil, io.ErrUnexpectedEOF
	}
	fate := 100
	if !w.calm {
		fate = w.rng.IntN(100)
	}
	switch {
	case fate < 6: // the provider tries again
		w.note("  callback %s did not arrive", l.name())
		return nil, io.ErrUnexpectedEOF
	case fate < 12: // a proxy said 200, and that was all it did
		w.note("  callback %s was lost for good", l.name())
		w.miss(l)
		return w.thank(req, l), nil
	case fate < 18: // it comes later, beside what the provider sends meanwhile
		w.note("  callback %s is late", l.name())
		w.late = append(w.late, l)
		return nil, io.ErrUnexpectedEOF
	case fate < 22: // it is taken, and the provider does not hear so
		w.deliver(l)
		return nil, io.ErrUnexpectedEOF
	case fate < 28:
		w.deliver(l)
	}
	got := w.deliver(l)
	if got == nil {
		return nil, io.ErrUnexpectedEOF
	}
	resp := got.Result()
	resp.Request = req
	return resp, nil
}

// deliver brings a callback to the shop; nil when nobody was there.
func (w *world) deliver(l letter) *httptest.ResponseRecorder {
	if w.doom.dead {
		return nil
	}
	req := httptest.NewRequestWithContext(w.ctx, http.MethodPost, shopURL+l.path, bytes.NewReader(l.body))
	req.Header = asRead(l.header)
	got := httptest.NewRecorder()
	w.shop.door.ServeHTTP(got, req)
	w.note("  callback %s: %d", l.name(), got.Code)
	if w.doom.dead {
		return nil
	}
	return got
}

// thank answers as the shop would.
func (w *world) thank(req *http.Request, l letter) *http.Response {
	name, _, _ := strings.Cut(strings.TrimPrefix(l.path, "/callbacks/"), "/")
	p, ok := w.shop.Provider(name)
	if !ok {
		return answer(req, http.StatusNotFound, "")
	}
	a := p.CallbackAnswer()
	return answer(req, a.Status, a.Body)
}

// name is the part of a callback's address that is no secret.
func (l letter) name() string {
	parts := strings.Split(strings.TrimPrefix(l.path, "/callbacks/"), "/")
	return parts[0]
}

// miss keeps which order's doorbell was lost: after that only somebody who asks
// learns what it was about.
func (w *world) miss(l letter) {
	for _, o := range w.box.Orders(0) {
		if bytes.Contains(l.body, []byte(o.Ref)) || o.ExternalID != "" && bytes.Contains(l.body, []byte(o.ExternalID)) {
			w.missed[o.Provider+"/"+o.Ref] = true
		}
	}
}
