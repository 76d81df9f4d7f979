package admin

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"till/handlers/web"
)

const goodHash = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

func TestHashPassword(t *testing.T) {
	t.Parallel()
	one, err := HashPassword(password)
	if err != nil || !strings.HasPrefix(one, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatal(one, err)
	}
	if other, err := HashPassword(password); err != nil || other == one {
		t.Error("two hashes share their salt", err)
	}
	h, err := parseHash(one)
	if err != nil {
		t.Fatal(err)
	}
	room := make(checks, 1)
	for try, want := range map[string]bool{password: true, password + " ": false, "": false, strings.ToUpper(password): false} {
		if ok, err := room.match(t.Context(), h, try); ok != want || err != nil {
			t.Errorf("%q matches: %v %v", try, ok, err)
		}
	}
	for _, bad := range []string{"", "seven77", strings.Repeat("a", MaxPassword+1)} {
		if _, err := HashPassword(bad); !errors.Is(err, ErrPassword) {
			t.Errorf("%d characters: %v", len(bad), err)
		}
	}
	if _, err := HashPassword(strings.Repeat("ō", MaxPassword)); err != nil {
		t.Error(err)
	}
}

func TestParseHash(t *testing.T) {
	t.Parallel()
	if h, err := parseHash(goodHash); err != nil || h.String() != goodHash {
		t.Fatal(h, err)
	}
	if h, err := parseHash(decoy().String()); err != nil || h.memory != hashMemory {
		t.Fatal("the decoy costs something else than a hash of ours", h, err)
	}
	for name, change := range map[string][2]string{
		"4 GiB of memory":        {"m=19456", "m=4194304"},
		"more than a number":     {"m=19456", "m=99999999999999999999"},
		"no memory":              {"m=19456", "m=0"},
		"negative":               {"m=19456", "m=-1"},
		"a zero in front":        {"m=19456", "m=019456"},
		"a thousand passes":      {"t=2", "t=1000"},
		"no pass":                {"t=2", "t=0"},
		"many lanes":             {"p=1", "p=200"},
		"no lane":                {"p=1", "p=0"},
		"lanes beyond a byte":    {"p=1", "p=257"},
		"another order":          {"m=19456,t=2", "t=2,m=19456"},
		"another version":        {"v=19", "v=16"},
		"another kind":           {"argon2id", "argon2i"},
		"no salt":                {"c2FsdHNhbHRzYWx0c2FsdA", ""},
		"a salt that is no text": {"c2FsdHNhbHRzYWx0c2FsdA", "!!!"},
		"a loose end in a salt":  {"c2FsdHNhbHRzYWx0c2FsdA", "c2FsdHNhbHRzYWx0c2FsdB"},
		"a long salt":            {"c2FsdHNhbHRzYWx0c2FsdA", strings.Repeat("AAAA", 100)},
		"a short key":            {strings.Repeat("A", 43), "AAAA"},
		"a line more":            {"$argon2id", "\n$argon2id"},
		"a part more":            {"$argon2id", "$$argon2id"},
	} {
		if h, err := parseHash(strings.Replace(goodHash, change[0], change[1], 1)); !errors.Is(err, errHash) {
			t.Errorf("%s was taken: %v", name, h)
		}
	}
}

// However many sign in, so many hashes are made at once and no more.
func TestChecks_Bound(t *testing.T) {
	t.Parallel()
	room := make(checks, 1)
	room <- struct{}{}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := room.match(ctx, decoy(), password); !errors.Is(err, context.Canceled) || errors.Is(err, web.ErrTooMany) {
		t.Errorf("somebody left while waiting: %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if ok, err := room.match(short, decoy(), password); ok || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("went in without a place: %v %v", ok, err)
	}
	<-room
	if _, err := room.match(t.Context(), decoy(), password); err != nil || len(room) != 0 {
		t.Errorf("%d still in there: %v", len(room), err)
	}
}

// Who waits too long for a place is told to come again.
func TestChecks_GiveUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		room := make(checks, 1)
		room <- struct{}{}
		if _, err := room.match(t.Context(), decoy(), password); !errors.Is(err, web.ErrTooMany) {
			t.Error(err)
		}
	})
}

func FuzzParseHash(f *testing.F) {
	f.Add(goodHash)
	f.Add(decoy().String())
	f.Add(strings.Replace(goodHash, "m=19456", "m=4194304", 1))
	f.Add("$argon2id$v=19$m=8,t=1,p=1$AAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAA")
	f.Add("$$$$$")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := parseHash(text)
		if err != nil {
			return
		}
		if h.memory > maxMemory || h.passes > maxPasses || h.passes == 0 || h.lanes > maxLanes || h.lanes == 0 || len(h.key) > maxBytes || len(h.key) == 0 {
			t.Fatalf("%q costs %+v", text, h)
		}
		if again, err := parseHash(h.String()); err != nil || h.String() != text || !bytes.Equal(again.key, h.key) {
			t.Fatalf("%q is written %q", text, h)
		}
	})
}

func TestPoor(t *testing.T) {
	t.Parallel()
	for _, password := range []string{
		"", "short", "elevenchars", "aaaaaaaaaaaa", "abababababab", "123456789012", "password1234", "PASSWORD!!!!", "qwertyuiop12", "letmein123456",
		"adminadmin123", "till-shop-demo-1", "ann.lee@shop.test", "ann.lee12345678", " leading-space-here", "trailing-space-here ", strings.Repeat("long", 60), "not utf-8 \xff\xfe here",
	} {
		if Poor(password, "ann.lee@shop.test") == "" {
			t.Errorf("%q is taken", password)
		}
	}
	for _, password := range []string{"correct horse battery", "three-kererū-in-a-rimu", "9x!Kq2#vLp0z", "passwords are hard to think of"} {
		if why := Poor(password, "ann.lee@shop.test"); why != "" {
			t.Errorf("%q is refused: %s", password, why)
		}
	}
}
