package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// What the dashboard says about providers that are not set up is so: each has a
// name, settings that are read, and a page in docs/providers.
func TestOffered(t *testing.T) {
	t.Parallel()
	all := offered()
	if len(all) != len(offers()) {
		t.Fatalf("%d offered", len(all))
	}
	for _, o := range all {
		if o.Label == "" || len(o.Settings) == 0 {
			t.Errorf("%+v", o)
		}
		for _, name := range o.Settings {
			if !slices.Contains(known(), name) {
				t.Errorf("%s is no setting", name)
			}
		}
		if _, err := os.Stat(filepath.Join("..", "..", "docs", "providers", o.Name+".md")); err != nil {
			t.Error(err)
		}
	}
}
