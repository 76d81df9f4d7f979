package sandbox_test

import (
	"testing"
	"time"

	"till/sandbox"
)

// A simulation makes hundreds of sandboxes in one process.
func BenchmarkNew(b *testing.B) {
	now := func() time.Time { return start }
	for b.Loop() {
		s, err := sandbox.New(sandbox.Config{Now: now})
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}
