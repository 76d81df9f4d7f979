package iumicash

import (
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"till/sandbox/world"
)

// tokenAnswer is the answer of the token endpoint. It has both tokens and both
// lifetimes, although the documents' prose says that refresh tokens never
// expire.
type tokenAnswer struct {
	Scope       string `json:"scope"`
	Access      string `json:"access_token"`
	Type        string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"`
	Refresh     string `json:"refresh_token"`
	RefreshLife int    `json:"refresh_token_expires_in"`
	Nonce       string `json:"nonce"`
}

// token answers POST /api/v1/oauth/token/: who is asking stands in the header,
// what is asked for in a JSON body.
func (p *Provider) token(r *http.Request) world.Answer {
	if !p.isClient(r) {
		return refusal(http.StatusUnauthorized, invalidAuthz, "client authentication failed")
	}
	body, problem := jsonBody(r)
	if problem != nil {
		return *problem
	}
	grant, problems := parseGrant(body)
	if len(problems) > 0 {
		return invalid(problems)
	}
	switch grant.kind {
	case "client_credentials":
	case "refresh_token":
		if !p.holds(p.refresh, grant.refresh) {
			return refusal(http.StatusUnauthorized, invalidAuthz, "the refresh token is not valid")
		}
	default:
		// The page where a buyer would be given a code belongs to revision B, so
		// there is no code that could be right.
		return refusal(http.StatusUnauthorized, invalidAuthz, "the code is not valid")
	}
	return p.issue()
}

func (p *Provider) isClient(r *http.Request) bool {
	id, secret, ok := r.BasicAuth()
	idRight := subtle.ConstantTimeCompare([]byte(id), []byte(p.config.ClientID)) == 1
	secretRight := subtle.ConstantTimeCompare([]byte(secret), []byte(p.config.ClientSecret)) == 1
	return ok && idRight && secretRight
}

// grant is a token request that holds.
type grant struct{ kind, refresh string }

func parseGrant(body []byte) (grant, []fieldError) {
	fields, err := readObject(body)
	if err != nil {
		return grant{}, []fieldError{{Field: "body", Message: err.Error()}}
	}
	p := &parser{}
	kind := ""
	if raw, ok := fields["grant_type"]; ok {
		kind = p.text("grant_type", raw, true)
	}
	allowed := []string{"grant_type", "state"}
	switch kind {
	case "client_credentials":
	case "refresh_token":
		allowed = append(allowed, "refresh_token")
	case "authorization_code":
		allowed = append(allowed, "code", "redirect_uri")
	case "":
		if fields["grant_type"] == nil {
			p.complain("grant_type", "is required")
		}
		return grant{}, p.problems
	default:
		p.complain("grant_type", "is not a known grant type")
		return grant{}, p.problems
	}
	g := grant{kind: kind}
	for _, name := range allowed[1:] {
		if raw, ok := fields[name]; ok {
			text := p.text(name, raw, name != "state")
			if name == "refresh_token" {
				g.refresh = text
			}
		} else if name == "code" || name == "refresh_token" {
			p.complain(name, "is required")
		}
	}
	p.unknown("", fields, allowed)
	return g, p.problems
}

// issue makes a pair of tokens.
func (p *Provider) issue() world.Answer {
	var a world.Answer
	life := p.config.TokenLife
	if rule, ok := p.take(&a, tokenShort, "token"); ok {
		life = time.Duration(rule.Delay)
	}
	now := p.world.Clock.Now()
	p.mu.Lock()
	p.issued++
	n := p.issued
	t := tokenAnswer{
		Scope: "profile email", Type: "Bearer", ExpiresIn: int(life.Seconds()), RefreshLife: int(refreshLife.Seconds()),
		Access:  "sbx-at-" + p.world.Hex(32, Name, "access", n),
		Refresh: "sbx-rt-" + p.world.Hex(32, Name, "refresh", n),
		Nonce:   now.Format("2006-01-02T15:04:05Z") + p.world.Hex(6, Name, "nonce", n),
	}
	p.access.Put(t.Access, now.Add(life))
	p.refresh.Put(t.Refresh, now.Add(refreshLife))
	p.mu.Unlock()
	answer := answerJSON(http.StatusOK, t)
	answer.Faults = a.Faults
	answer.Header = http.Header{"Cache-Control": {"no-store"}, "Pragma": {"no-cache"}}
	return answer
}

// holds reports whether a token was issued and has not expired.
func (p *Provider) holds(tokens *world.Keep[time.Time], token string) bool {
	now := p.world.Clock.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	until, ok := tokens.Get(token)
	return ok && now.Before(until)
}

// revoke makes every access token worthless.
func (p *Provider) revoke() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.access.Clear()
}

// isBearer reports whether the request carries an access token that holds.
func (p *Provider) isBearer(r *http.Request) bool {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.EqualFold(scheme, "Bearer") && p.holds(p.access, token)
}
