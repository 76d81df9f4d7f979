package providers

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	tokenMargin = 60 * time.Second // a token with less time left is replaced
	tokenFetch  = 30 * time.Second // for one fetch, tries and waits included
)

// Token is a provider's access token.
type Token struct {
	Value   Secret
	Expires time.Time // zero when the provider does not say: good until refused
}

// Tokens keeps a provider's access token for all who call, and fetches the next
// one once for all of them. It is a cache: a restart only costs a fetch.
type Tokens struct {
	fetch  func(ctx context.Context) (Token, error)
	now    func() time.Time
	flight singleflight.Group

	mu  sync.Mutex
	cur *Token // nil when there is none
}

// NewTokens returns an empty cache over fetch. The context that fetch gets is
// no caller's own: one who goes away takes the token from nobody else.
func NewTokens(fetch func(ctx context.Context) (Token, error), now func() time.Time) *Tokens {
	return &Tokens{fetch: fetch, now: now}
}

// Format implements fmt.Formatter: whatever the verb, no token is shown.
func (*Tokens) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "[tokens]") }

// Get returns a token with some time left, or what fetch failed with, or
// ctx.Err. A token that is new but short-lived is returned too.
func (t *Tokens) Get(ctx context.Context) (Secret, error) {
	if v, ok := t.fresh(); ok {
		return v, nil
	}
	select {
	case r := <-t.flight.DoChan("", func() (any, error) { return t.renew(ctx) }):
		if r.Err != nil {
			return "", r.Err
		}
		v, _ := r.Val.(Secret)
		return v, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// Drop forgets this token, and only this: of fifty calls that were refused with
// the old one, the last must not throw the new one away.
func (t *Tokens) Drop(token Secret) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cur != nil && t.cur.Value == token {
		t.cur = nil
	}
}

func (t *Tokens) renew(ctx context.Context) (Secret, error) {
	if v, ok := t.fresh(); ok { // fetched between a look and this flight
		return v, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokenFetch)
	defer cancel()
	token, err := t.fetch(ctx)
	if err != nil {
		return "", err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cur = &token
	return token.Value, nil
}

func (t *Tokens) fresh() (Secret, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cur == nil {
		return "", false
	}
	ok := t.cur.Expires.IsZero() || t.cur.Expires.Sub(t.now()) >= tokenMargin
	return t.cur.Value, ok
}
