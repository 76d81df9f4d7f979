package world

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"
)

// Seed is the number that everything invented comes from.
func (w *World) Seed() int64 { return w.seed.Load() }

// Hex returns n lower-case hex digits, at most 64, that depend only on the
// seed and on the labels. It is a source of stable names, not of secrets: who
// knows the seed knows them all.
func (w *World) Hex(n int, labels ...any) string {
	sum := w.sum(labels)
	return hex.EncodeToString(sum[:])[:n]
}

// Jitter returns a duration in [0, limit) that depends only on the seed and on
// the labels, and so not on which of two things happened to come first. In a
// world without jitter it is 0.
func (w *World) Jitter(limit time.Duration, labels ...any) time.Duration {
	if limit <= 0 || w.noJitter {
		return 0
	}
	sum := w.sum(labels)
	return time.Duration(binary.BigEndian.Uint32(sum[:4])) % limit
}

func (w *World) sum(labels []any) [sha256.Size]byte {
	return sha256.Sum256(fmt.Appendf(nil, "%d %q", w.seed.Load(), labels))
}
