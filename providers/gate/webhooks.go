package gate

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"till/providers"
)

const (
	hookTitle   = "Till"
	hookVersion = "v0.6"
)

// newHook is the body of a webhook's registration. It asks for all events,
// because the printed list of their names breaks off before the disputes, and
// each of them is only a doorbell.
type newHook struct {
	Title     string `json:"title"`
	Version   string `json:"version"`
	URL       string `json:"url"`
	IsTest    bool   `json:"is_test"`
	AllEvents bool   `json:"all_events"`
}

// hook is a webhook as the Gate answers and lists it.
type hook struct {
	ID        text   `json:"id"`
	URL       text   `json:"url"`
	Version   text   `json:"version"`
	IsTest    flag   `json:"is_test"`
	AllEvents flag   `json:"all_events"`
	Secret    secret `json:"secret"`     // as Appla-X's SDK has it
	PublicKey text   `json:"public_key"` // as CHIP has it
}

// secret is text that does not print.
type secret struct{ providers.Secret }

// UnmarshalJSON implements json.Unmarshaler.
func (s *secret) UnmarshalJSON(b []byte) error {
	var t text
	err := t.UnmarshalJSON(b)
	s.Secret = providers.Secret(t)
	return err
}

// Registration is a webhook that the Gate has for this shop.
type Registration struct {
	ID  string
	New bool // it was not there before

	// Secret and PublicKey are what GATE_CALLBACK_KEY may be set to with "hmac"
	// and "rsa", where the Gate says them; both may be empty.
	Secret    providers.Secret
	PublicKey string
}

// Register sees to it that the Gate calls the shop: callbackURL is the address
// of this provider's callbacks, to which the first of the callback tokens is
// added as the last part. A webhook for that address is left as it is when it
// is as it should be, mended when it is not, and made when there is none, so
// that Register may be called at every start.
//
// Webhooks for former tokens are left alone; delete them in the portal.
func (c *Client) Register(ctx context.Context, callbackURL string) (Registration, error) {
	const op = "register"
	u, err := url.Parse(callbackURL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "" {
		return Registration{}, rejected(op, errors.New("the callback address is not an absolute one without a query"))
	}
	want := newHook{
		Title: hookTitle, Version: hookVersion, IsTest: c.test, AllEvents: true,
		URL: strings.TrimRight(callbackURL, "/") + "/" + string(c.keys.tokens[0]),
	}
	have, err := c.hookFor(ctx, op, want.URL)
	switch {
	case err != nil:
		return Registration{}, err
	case have.ID != "" && have.as(want):
		return have.registration(false), nil
	case have.ID != "":
		return c.putHook(ctx, op, http.MethodPut, webhooksPath+url.PathEscape(string(have.ID))+"/", want)
	default:
		return c.putHook(ctx, op, http.MethodPost, webhooksPath, want)
	}
}

// as reports whether a webhook is as it should be.
func (h hook) as(want newHook) bool {
	return bool(h.AllEvents) && bool(h.IsTest) == want.IsTest && string(h.Version) == want.Version
}

func (h hook) registration(isNew bool) Registration {
	return Registration{ID: string(h.ID), New: isNew, Secret: h.Secret.Secret, PublicKey: string(h.PublicKey)}
}

// hookFor looks for the webhook of an address; the zero hook when there is none.
func (c *Client) hookFor(ctx context.Context, op, address string) (hook, error) {
	query := ""
	for range maxPages {
		reply, err := c.do(ctx, providers.Call{Op: op, Method: http.MethodGet, URL: c.address(webhooksPath) + query})
		if err != nil {
			return hook{}, err
		}
		hooks, next, err := readPage[hook](reply.Body, strings.TrimPrefix(query, "?"))
		if err != nil {
			return hook{}, unlisted(op, reply, err)
		}
		for _, h := range hooks {
			if string(h.URL) == address {
				return h, nil
			}
		}
		if next == "" {
			return hook{}, nil
		}
		query = "?" + next
	}
	return hook{}, &providers.Error{
		Provider: name, Op: op, Kind: providers.KindUnreachable, Err: errors.New("there are too many webhooks"),
	}
}

// putHook makes a webhook, or writes over one, which may be repeated.
func (c *Client) putHook(ctx context.Context, op, method, path string, want newHook) (Registration, error) {
	body, err := json.Marshal(want)
	if err != nil {
		return Registration{}, rejected(op, err)
	}
	reply, err := c.do(ctx, providers.Call{
		Op: op, Method: method, URL: c.address(path), Body: body, Repeatable: method == http.MethodPut,
	})
	if err != nil {
		return Registration{}, err
	}
	var h hook
	if err := json.Unmarshal(reply.Body, &h); err != nil || h.ID == "" {
		return Registration{}, &providers.Error{ // without Raw: it may hold a secret
			Provider: name, Op: op, Kind: providers.KindUnavailable, Status: reply.Status, Err: errors.New("the answer is no webhook"),
		}
	}
	return h.registration(method == http.MethodPost), nil
}
