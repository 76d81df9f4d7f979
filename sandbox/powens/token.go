package powens

import (
	"crypto/subtle"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/sandbox/world"
)

// Scopes of a service token.
const (
	scopeAdmin     = "payments:admin"
	scopeRead      = "payments:read-only"
	scopeSensitive = "payments:allow-sensitive"
	scopeValidate  = "payments:validate"
	scopeCancel    = "payments:cancel"
	scopeOld       = "payments" // a deprecated name of admin
)

func scopes() []string {
	return []string{scopeAdmin, scopeRead, scopeSensitive, scopeValidate, scopeCancel, scopeOld}
}

// token answers POST /auth/token. The body is flat, so it may be a form too.
func (p *Provider) token(r *http.Request) world.Answer {
	fields, problem := p.flatBody(r)
	if problem != nil {
		return *problem
	}
	read := &parser{}
	raw, err := json.Marshal(fields)
	if err != nil {
		return p.refusal(http.StatusBadRequest, "invalidValue", "the body cannot be read")
	}
	read.object("", raw, []string{"grant_type", "client_id", "client_secret"}, []string{"scope"})
	grant := read.word("grant_type", fields["grant_type"], []string{"client_credentials"})
	id := read.text("client_id", fields["client_id"], 1, maxName)
	secret := read.text("client_secret", fields["client_secret"], 1, maxName)
	wanted := []string{scopeAdmin}
	if given, ok := fields["scope"]; ok {
		wanted, ok = scopesOf(given)
		if !ok || slices.ContainsFunc(wanted, func(s string) bool { return s != scopeLinks && !slices.Contains(scopes(), s) }) {
			read.complain("scope", "holds a scope that cannot be granted")
		}
	}
	if len(read.problems) > 0 || grant == "" {
		return p.invalid(read.problems)
	}
	idRight := subtle.ConstantTimeCompare([]byte(id), []byte(p.config.ClientID)) == 1
	secretRight := subtle.ConstantTimeCompare([]byte(secret), []byte(p.config.ClientSecret)) == 1
	if !idRight || !secretRight {
		// OUR CHOICE: neither status nor code is documented.
		return p.refusal(http.StatusUnauthorized, "unauthorized", "the client's credentials are wrong")
	}
	return p.issue(wanted)
}

// flatBody reads a body without depth: JSON or a form.
func (p *Provider) flatBody(r *http.Request) (map[string]json.RawMessage, *world.Answer) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return p.objectBody(r)
	}
	body, problem := p.readBody(r)
	if problem != nil {
		return nil, problem
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		a := p.refusal(http.StatusBadRequest, "invalidValue", "the form cannot be read")
		return nil, &a
	}
	fields := make(map[string]json.RawMessage)
	for name := range maps.Keys(form) {
		fields[name], _ = json.Marshal(form.Get(name)) // a text marshals
	}
	return fields, nil
}

// issue makes a service token. Its answer says nothing of its life.
func (p *Provider) issue(wanted []string) world.Answer {
	var a world.Answer
	life := tokenLife
	if rule, ok := p.take(&a, tokenShort, "token"); ok {
		life = time.Duration(rule.Delay)
	}
	now := p.world.Clock.Now()
	p.mu.Lock()
	p.issued++
	value := "sbx-svc-" + p.world.Hex(40, Name, "service", p.issued)
	p.tokens.Put(value, service{scopes: wanted, until: now.Add(life)})
	p.mu.Unlock()
	answer := answerJSON(http.StatusOK, map[string]string{"token": value, "scope": strings.Join(wanted, " ")})
	answer.Faults = a.Faults
	answer.Header = http.Header{"Cache-Control": {"no-store"}}
	return answer
}

// revoke makes every service token worthless.
func (p *Provider) revoke() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.tokens.Clear()
}

// allowed returns why a request may not go on: it has no service token that
// holds, or one without any of the scopes. admin covers them all.
func (p *Provider) allowed(r *http.Request, wanted ...string) *world.Answer {
	token, ok := p.service(r)
	if !ok {
		a := p.unauthorised()
		return &a
	}
	for _, scope := range token.scopes {
		if scope == scopeAdmin || scope == scopeOld || slices.Contains(wanted, scope) {
			return nil
		}
	}
	a := p.forbidden()
	return &a
}

// service returns the request's service token.
func (p *Provider) service(r *http.Request) (service, bool) {
	now := p.world.Clock.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	token, ok := p.tokens.Get(bearer(r))
	return token, ok && now.Before(token.until)
}

func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}

// scopedToken answers POST /payments/{id}/scopedtoken.
func (p *Provider) scopedToken(r *http.Request, id string) world.Answer {
	if problem := p.allowed(r, scopeValidate); problem != nil {
		return *problem
	}
	fields, problem := p.objectBody(r)
	if problem != nil {
		return *problem
	}
	wanted, ok := scopesOf(fields["scope"])
	if !ok || len(fields) != 1 || !slices.Equal(wanted, []string{scopeValidate}) {
		return p.refusal(http.StatusBadRequest, "invalidValue", "scope must be payments:validate, and nothing else")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	o, ok := p.payments.Get(id)
	if !ok {
		return p.noPayment()
	}
	value := p.openWebview(o)
	answer := answerJSON(http.StatusOK, map[string]any{
		"token": value, "scope": scopeValidate, "expires_in": int(scopedLife.Seconds()), "id_payment": json.Number(id),
	})
	answer.Header = http.Header{"Cache-Control": {"no-store"}}
	answer.Order, answer.External = o.id, o.request.State
	return answer
}

// opensPayment reports whether a code is a scoped token for this payment. The
// caller has the lock.
func (p *Provider) opensPayment(code, id string) bool {
	token, ok := p.scoped.Get(code)
	return ok && token.payment == id && p.world.Clock.Now().Before(token.until)
}

// makeKey answers POST /webhooks/auth: a key to sign webhooks with, shown once.
// OUR CHOICE: it signs from now on, which the console would have to be told of.
func (p *Provider) makeKey(r *http.Request) world.Answer {
	if subtle.ConstantTimeCompare([]byte(bearer(r)), []byte(p.config.ConfigToken)) != 1 {
		return p.unauthorised()
	}
	fields, problem := p.objectBody(r)
	if problem != nil {
		return *problem
	}
	read := &parser{}
	for name := range fields {
		if name != "type" && name != "name" {
			read.complain(name, "is not a known field")
		}
	}
	kind := read.word("type", fields["type"], []string{"hmac_signature"})
	label := read.text("name", fields["name"], 1, maxName)
	if len(read.problems) > 0 || kind == "" || label == "" {
		return p.invalid(read.problems)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keys++
	p.key = "sbx_webhook_" + p.world.Hex(32, Name, "key", p.keys)
	return answerJSON(http.StatusOK, map[string]any{
		"id": json.Number(strconv.Itoa(p.keys)), "type": kind, "name": label, "config": map[string]string{"secret_key": p.key},
	})
}
