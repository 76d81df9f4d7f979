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

// match reports whether a password has the given hash. It waits for a place:
// web.ErrTooMany when there is none for a while.
func (c checks) match(ctx context.Context, h hash, password string) (bool, error) {
	turn, cancel := context.WithTimeout(ctx, checkWait)
	defer cancel()
	select {
	case c <- struct{}{}:
		defer func() { <-c }()
	case <-turn.Done():
		if err := ctx.Err(); err != nil {
			return false, fmt.Errorf("admin: check a password: %w", err)
		}
		return false, fmt.Errorf("%w: no place to check a password", web.ErrTooMany)
	}
	return subtle.ConstantTimeCompare(h.of(password), h.key) == 1, nil
}
