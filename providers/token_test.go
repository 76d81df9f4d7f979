package providers_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"till/providers"
)

func TestTokens_OneFetchForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fetches := 0
		tokens := providers.NewTokens(func(context.Context) (providers.Token, error) {
			fetches++
			time.Sleep(time.Second) // of the bubble's clock
			return providers.Token{Value: "t1", Expires: time.Now().Add(time.Hour)}, nil
		}, time.Now)
		got := make(chan providers.Secret, 50)
		for range 50 {
			go func() { v, _ := tokens.Get(t.Context()); got <- v }()
		}
		for range 50 {
			if v := <-got; v != "t1" {
				t.Errorf("got %q", string(v))
			}
		}
		if fetches != 1 {
			t.Errorf("%d fetches", fetches)
		}
	})
}

func TestTokens_DropOnlyWhatWasRefused(t *testing.T) {
	t.Parallel()
	fetches := 0
	tokens := providers.NewTokens(func(context.Context) (providers.Token, error) {
		fetches++
		return providers.Token{Value: providers.Secret(fmt.Sprintf("t%d", fetches))}, nil
	}, time.Now)
	first, _ := tokens.Get(t.Context())
	tokens.Drop(first)
	second, _ := tokens.Get(t.Context())
	tokens.Drop(first) // a call that was slow to be refused
	third, _ := tokens.Get(t.Context())
	if string(second) != "t2" || string(third) != "t2" {
		t.Errorf("%q, then %q", string(second), string(third))
	}
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		if s := fmt.Sprintf(verb, tokens); strings.Contains(s, "t2") {
			t.Errorf("%s", s)
		}
	}
}

func TestTokens_AFetchThatFailsIsNotKept(t *testing.T) {
	t.Parallel()
	down := errors.New("down")
	err := down
	tokens := providers.NewTokens(func(context.Context) (providers.Token, error) {
		return providers.Token{Value: "t"}, err
	}, time.Now)
	if _, got := tokens.Get(t.Context()); !errors.Is(got, down) {
		t.Errorf("got %v", got)
	}
	err = nil
	if v, got := tokens.Get(t.Context()); got != nil || string(v) != "t" {
		t.Errorf("got %q, %v", string(v), got)
	}
}

// A fetch outlives the caller who began it, and ends all the same.
func TestTokens_AFetchIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ended := make(chan time.Time, 1)
		tokens := providers.NewTokens(func(ctx context.Context) (providers.Token, error) {
			<-ctx.Done()
			ended <- time.Now()
			return providers.Token{}, ctx.Err()
		}, time.Now)
		ctx, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		from := time.Now()
		if _, err := tokens.Get(ctx); !errors.Is(err, context.DeadlineExceeded) || time.Since(from) != time.Second {
			t.Errorf("got %v after %s", err, time.Since(from))
		}
		if took := (<-ended).Sub(from); took != 30*time.Second {
			t.Errorf("the fetch took %s", took)
		}
	})
}
