package main

import (
	"errors"
	"strings"
	"testing"
)

func TestReplay(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), []string{"-seed", "3", "-runs", "1", "-v", "-count"}, &out); err != nil && !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	for _, want := range []string{"a shopper orders for", "the weather clears", "1 runs, ", "payment "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestAFindingIsAnError(t *testing.T) {
	var out strings.Builder
	err := run(t.Context(), []string{"-runs", "100", "-plant", "no-reserve", "-most", "1"}, &out)
	if !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
	if !strings.Contains(out.String(), "go run -tags nomsgpack ./bench/simulate -seed ") || !strings.Contains(out.String(), " -runs 1 -plant no-reserve -v\n") {
		t.Errorf("nothing to replay it by in\n%s", out.String())
	}
}

func TestWrongArguments(t *testing.T) {
	for _, args := range [][]string{{"-seed", "-1"}, {"-plant", "oak"}, {"-what"}, {"-runs", "0"}, {"-steps", "-3"}} {
		var out strings.Builder
		if err := run(t.Context(), args, &out); err == nil || errors.Is(err, errBroken) {
			t.Errorf("%q: %v", args, err)
		}
		if strings.Contains(out.String(), "runs,") {
			t.Errorf("%q was run: %s", args, out.String())
		}
	}
}
