package admin

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"till/handlers/web"

	"golang.org/x/crypto/argon2"
)

// What a new hash costs: 19 MiB, two passes, one lane, as OWASP's password
// storage cheat sheet has it for argon2id.
const (
	hashMemory = 19 << 10 // KiB
	hashPasses = 2
	hashLanes  = 1
	saltLength = 16
	keyLength  = 32
)

// What a stored hash may cost at most. Its own text says how much memory it
// takes, and a row must not be able to take it all.
const (
	maxMemory = 64 << 10 // KiB
	maxPasses = 8
	maxLanes  = 4
	maxBytes  = 64 // of a salt, and of a key
)

// MinPassword and MaxPassword bound a password's length, in characters.
const (
	MinPassword = 8
	MaxPassword = 200
)

// A password that somebody chooses has goodPassword characters at least, of which
// fewestDistinct are different.
const (
	goodPassword   = 12
	fewestDistinct = 5
)

const (
	// checksAtOnce bounds the memory that signing in takes, together with
	// maxMemory.
	checksAtOnce = 4
	// checkWait is how long a check waits for its turn.
	checkWait = 5 * time.Second
)

var (
	// ErrPassword is returned for a password that is too short or too long.
	ErrPassword = fmt.Errorf("admin: a password has %d to %d characters", MinPassword, MaxPassword)
	errHash     = errors.New("admin: not a password hash that we can check")
)

// HashPassword returns the argon2id hash of a password in its text form, as
// models.Staff keeps it: "$argon2id$v=19$m=19456,t=2,p=1$salt$key". Each call
// takes a fresh salt. Errors: ErrPassword.
func HashPassword(password string) (string, error) {
	if n := utf8.RuneCountInString(password); n < MinPassword || n > MaxPassword {
		return "", ErrPassword
	}
	h := hash{memory: hashMemory, passes: hashPasses, lanes: hashLanes, salt: make([]byte, saltLength), key: make([]byte, keyLength)}
	_, _ = rand.Read(h.salt) // never fails
	h.key = h.of(password)
	return h.String(), nil
}

// hash is one argon2id hash.
type hash struct {
	memory uint32 // KiB
	passes uint32
	lanes  uint8
	salt   []byte
	key    []byte
}

// decoy is a hash that no password has. Checking it takes as long as checking
// anybody's.
func decoy() hash {
	return hash{memory: hashMemory, passes: hashPasses, lanes: hashLanes, salt: make([]byte, saltLength), key: make([]byte, keyLength)}
}

// String is the hash's text form.
func (h hash) String() string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.memory, h.passes, h.lanes,
		base64.RawStdEncoding.EncodeToString(h.salt), base64.RawStdEncoding.EncodeToString(h.key))
}

// of is the key that a password has with this hash's salt and cost.
func (h hash) of(password string) []byte {
	return argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.lanes, uint32(len(h.key))) //nolint:gosec // at most maxBytes
}

// parseHash reads a stored hash, or fails with errHash: for any other text than
// String would write, and for one that costs more than we spend.
func parseHash(text string) (hash, error) {
	part := strings.Split(text, "$")
	if len(part) != 6 {
		return hash{}, errHash
	}
	cost := strings.Split(part[3], ",")
	if len(cost) != 3 {
		return hash{}, errHash
	}
	var (
		h                     hash
		errs                  [5]error
		memory, passes, lanes uint32
	)
	memory, errs[0] = number(cost[0], "m=")
	passes, errs[1] = number(cost[1], "t=")
	lanes, errs[2] = number(cost[2], "p=")
	h.salt, errs[3] = base64.RawStdEncoding.Strict().DecodeString(part[4])
	h.key, errs[4] = base64.RawStdEncoding.Strict().DecodeString(part[5])
	if errors.Join(errs[:]...) != nil {
		return hash{}, errHash
	}
	dear := memory > maxMemory || passes > maxPasses || lanes > maxLanes || len(h.salt) > maxBytes || len(h.key) > maxBytes
	weak := passes < 1 || lanes < 1 || memory < 8*lanes || len(h.salt) < 8 || len(h.key) < 16
	if dear || weak {
		return hash{}, errHash
	}
	h.memory, h.passes, h.lanes = memory, passes, uint8(lanes) //nolint:gosec // at most maxLanes
	if h.String() != text {
		return hash{}, errHash // another version, another order, a zero in front
	}
	return h, nil
}

func number(text, name string) (uint32, error) {
	digits, ok := strings.CutPrefix(text, name)
	if !ok {
		return 0, errHash
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), err
}

// checks is the room there is for checking passwords: as many at once as it
// has places.
type checks chan struct{}

// match reports whether a password has the given hash. Errors are those of in.
func (c checks) match(ctx context.Context, h hash, password string) (ok bool, err error) {
	err = c.in(ctx, func() error {
		ok = subtle.ConstantTimeCompare(h.of(password), h.key) == 1
		return nil
	})
	return ok, err
}

// in runs f when there is a place. It waits for one: web.ErrTooMany when there is
// none for a while.
func (c checks) in(ctx context.Context, f func() error) error {
	turn, cancel := context.WithTimeout(ctx, checkWait)
	defer cancel()
	select {
	case c <- struct{}{}:
		defer func() { <-c }()
	case <-turn.Done():
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("admin: check a password: %w", err)
		}
		return fmt.Errorf("%w: no place to check a password", web.ErrTooMany)
	}
	return f()
}

// Poor says why a password is none for somebody with the given address, as the end
// of a sentence; "" for one that will do.
func Poor(password, email string) string {
	n := utf8.RuneCountInString(password)
	distinct := map[rune]bool{}
	for _, r := range password {
		distinct[r] = true
	}
	lower := strings.ToLower(password)
	user, _, _ := strings.Cut(strings.ToLower(email), "@")
	switch {
	case !utf8.ValidString(password):
		return "it is not UTF-8"
	case n < goodPassword:
		return fmt.Sprintf("it has %d characters and needs at least %d", n, goodPassword)
	case n > MaxPassword:
		return fmt.Sprintf("it has %d characters and may have at most %d", n, MaxPassword)
	case strings.TrimSpace(password) != password:
		return "it begins or ends with a space, which nobody sees when signing in"
	case len(distinct) < fewestDistinct:
		return "it is the same few characters over and over"
	case lower == strings.ToLower(email), len(user) > 3 && strings.Trim(strings.ReplaceAll(lower, user, ""), "0123456789!.-_ ") == "":
		return "it is your own address"
	case guessable(lower):
		return "everybody would guess it"
	default:
		return ""
	}
}

// guessable reports whether little is left of a password when the words and
// rows of keys that people take are taken out.
func guessable(lower string) bool {
	for _, silly := range []string{
		"password", "passwort", "passw0rd", "p@ssword", "p@ssw0rd", "letmein", "welcome", "changeme", "secret", "admin", "administrator", "iloveyou",
		"qwertyuiop", "qwertzuiop", "qwerty", "qwertz", "asdfghjkl", "zxcvbnm", "1q2w3e4r5t", "1q2w3e4r", "abcdefghijkl", "abcdef", "abc",
		"1234567890", "123456789", "12345678", "1234567", "123456", "12345", "1234", "123", "0987654321", "987654321", "till", "shop", "demo",
	} {
		lower = strings.ReplaceAll(lower, silly, "")
	}
	return utf8.RuneCountInString(strings.Trim(lower, "0123456789!?.-_*# ")) < 4
}
