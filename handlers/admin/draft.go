package admin

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"time"

	"till/handlers/web"
	"till/models"

	"github.com/gin-gonic/gin"
)

const (
	// draftLife is how long what was typed waits for its login.
	draftLife = time.Hour
	// maxDraft bounds what is kept of a form, in bytes as it was sent.
	maxDraft = 64 << 10
	// maxUpload bounds how much of a form with files is read to find what was
	// typed beside them.
	maxUpload = 16 << 20
	// maxLoginForm is a login with a draft in it.
	maxLoginForm = 2 * maxDraft
	draftPurpose = "draft"
	draftTaken   = "draft" // key in a gin.Context
)

// draft is a form that was sent when nobody was signed in any more.
type draft struct {
	Action  string    `json:"action"`          // path that it was sent to
	Values  string    `json:"values"`          // as a form
	StaffID int64     `json:"staff,omitempty"` // whose session it was; 0 when nobody knows
	At      time.Time `json:"at"`
}

// fresh reports whether a draft still waits, for this person.
func (d *draft) fresh(staffID int64, now time.Time) bool {
	return d != nil && d.StaffID == staffID && now.Sub(d.At) < draftLife
}

// Drafts carries forms over a login, and knows which page each is on.
type Drafts struct {
	seal  *Seal
	pages map[string]bool // patterns of pages, with every parameter as ":"
}

// NewDrafts returns drafts that travel under a seal. It knows no page until Know.
func NewDrafts(seal *Seal) *Drafts { return &Drafts{seal: seal} }

// Know tells which addresses there are. Call it once, when all are there.
func (d *Drafts) Know(routes gin.RoutesInfo) {
	d.pages = map[string]bool{}
	for _, r := range routes {
		if r.Method == http.MethodGet {
			d.pages[anonymous(r.Path)] = true
		}
	}
}

// anonymous is a pattern without the names of its parameters.
func anonymous(pattern string) string {
	parts := strings.Split(pattern, "/")
	for i, p := range parts {
		if strings.HasPrefix(p, ":") {
			parts[i] = ":"
		}
	}
	return strings.Join(parts, "/")
}

// page is the page that a form was on: what is shown at its own address, or at
// the nearest one above. "" when there is none below /admin.
func (d *Drafts) page(c *gin.Context) string {
	pattern, at := strings.Split(anonymous(c.FullPath()), "/"), strings.Split(c.Request.URL.Path, "/")
	if len(pattern) != len(at) {
		return "" // a parameter with a slash in it
	}
	for n := len(at); n > 2; n-- {
		if !d.pages[strings.Join(pattern[:n], "/")] {
			continue
		}
		for i := range at[:n] {
			at[i] = url.PathEscape(at[i])
		}
		return strings.Join(at[:n], "/")
	}
	return ""
}

// secret reports whether a field is never kept.
func secret(name string) bool {
	return strings.Contains(name, "password") || name == "code"
}

// keep seals what was typed into the form of this request; "" when that is
// nothing, or too much.
func (h Pages) keep(c *gin.Context) (string, error) {
	values := typed(c)
	for name := range values {
		if secret(name) {
			values.Del(name)
		}
	}
	d := draft{Action: c.Request.URL.Path, Values: values.Encode(), At: h.Payments.Now()}
	if d.Values == "" || len(d.Values) > maxDraft {
		return "", nil
	}
	var err error
	if d.StaffID, err = h.Sessions.whose(c.Request); err != nil {
		return "", err
	}
	if d.StaffID == 0 { // whose it is nobody knows, and whoever signs in next may be another
		return "", nil
	}
	raw, err := json.Marshal(d)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(h.Drafts.seal.close(draftPurpose, raw)), nil
}

// typed is what a form says beside its files, or nothing where it cannot be
// read.
func typed(c *gin.Context) url.Values {
	kind, params, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if err != nil {
		return nil
	}
	if kind != "multipart/form-data" {
		form, err := web.Form(c)
		if err != nil {
			return nil
		}
		return form
	}
	all, left := url.Values{}, int64(maxDraft)
	r := multipart.NewReader(http.MaxBytesReader(c.Writer, c.Request.Body, maxUpload), params["boundary"])
	for {
		part, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			return nil
		}
		if part.FileName() != "" || part.FormName() == "" {
			continue
		}
		text, err := io.ReadAll(io.LimitReader(part, left+1))
		if left -= int64(len(text)); err != nil || left < 0 {
			return nil
		}
		all.Add(part.FormName(), string(text))
	}
}

// unseal is the draft that came along with a login, or nil for what is none of
// ours, or too old.
func (h Pages) unseal(text string) *draft {
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil
	}
	raw, err := h.Drafts.seal.open(draftPurpose, sealed)
	if err != nil {
		return nil
	}
	var d draft
	if json.Unmarshal(raw, &d) != nil || h.Payments.Now().Sub(d.At) >= draftLife {
		return nil
	}
	return &d
}

// draft is what somebody had typed into the form with the given action when
// their session was over: after the login they come back to the page of that
// form, and it shows these values once. It is nil when there is nothing.
func (h Pages) draft(c *gin.Context, action string) url.Values {
	if c.Request.Method != http.MethodGet {
		return nil
	}
	u, err := url.Parse(action)
	if err != nil {
		return nil
	}
	d, err := h.Sessions.takeDraft(c.Request, c.Writer, u.Path)
	if err != nil { // it is shown all the same, and once more where the database can only be read
		h.Log.WarnContext(c.Request.Context(), "draft not forgotten", "staff_id", member(c).ID, "err", err)
	}
	if !d.fresh(member(c).ID, h.Payments.Now()) {
		return nil
	}
	values, err := url.ParseQuery(d.Values)
	if err != nil {
		return nil
	}
	clear := url.Values{}
	for name, all := range values {
		for _, one := range all {
			clear.Add(name, strings.ReplaceAll(strings.ToValidUTF8(one, ""), "\x00", ""))
		}
	}
	c.Set(draftTaken, true)
	return clear
}

// wideForm reads a form that may carry a draft.
func wideForm(c *gin.Context) (url.Values, error) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxLoginForm)
	if err := c.Request.ParseForm(); err != nil {
		var tooBig *http.MaxBytesError
		if errors.As(err, &tooBig) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", web.ErrBadRequest, err)
	}
	return c.Request.PostForm, nil
}

// whose is whose session the browser's cookie was, for as long as that is known;
// 0 when it is not.
func (s *Sessions) whose(r *http.Request) (int64, error) {
	cookie, err := r.Cookie(s.name)
	if err != nil || len(cookie.Value) != tokenLength {
		return 0, nil //nolint:nilerr // no cookie of ours
	}
	id, err := s.rows.Whose(r.Context(), digest(cookie.Value))
	if errors.Is(err, models.ErrNotFound) {
		return 0, nil
	}
	return id, err
}

// drafted reports whether a form waits for its page.
func (s *Sessions) drafted(r *http.Request) bool {
	sess, err := s.Get(r, s.name)
	return err == nil && loginOf(sess).Draft != nil
}

// takeDraft returns the draft for a form, and forgets it. It is returned even
// when it cannot be forgotten.
func (s *Sessions) takeDraft(r *http.Request, w http.ResponseWriter, action string) (*draft, error) {
	sess, err := s.Get(r, s.name)
	if err != nil {
		return nil, err
	}
	l := loginOf(sess)
	d := l.Draft
	if d == nil || d.Action != action {
		return nil, nil
	}
	l.Draft = nil
	return d, s.Save(r, w, sess)
}
