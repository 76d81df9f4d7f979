package static

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

type colour [3]float64

var variable = regexp.MustCompile(`--([a-z]+): (\d+) (\d+) (\d+);`)

// palettes reads the colours where they are written, light and dark.
func palettes(t *testing.T) map[string]map[string]colour {
	t.Helper()
	source, err := os.ReadFile("src/app.css")
	if err != nil {
		t.Fatal(err)
	}
	light, rest, ok := strings.Cut(string(source), "@media (prefers-color-scheme: dark)")
	if !ok {
		t.Fatal("src/app.css has no dark colours")
	}
	dark, _, _ := strings.Cut(rest, "@layer")
	return map[string]map[string]colour{"light": colours(t, light), "dark": colours(t, dark)}
}

func colours(t *testing.T, css string) map[string]colour {
	t.Helper()
	out := map[string]colour{}
	for _, m := range variable.FindAllStringSubmatch(css, -1) {
		var c colour
		for i := range c {
			n, err := strconv.Atoi(m[2+i])
			if err != nil || n > 255 {
				t.Fatalf("%s is no colour", m[0])
			}
			c[i] = float64(n) / 255
		}
		out[m[1]] = c
	}
	return out
}

// contrast is the ratio of WCAG 2.2, 1.4.3.
func contrast(a, b colour) float64 {
	x, y := a.luminance(), b.luminance()
	return (math.Max(x, y) + 0.05) / (math.Min(x, y) + 0.05)
}

func (c colour) luminance() float64 {
	linear := func(v float64) float64 {
		if v <= 0.04045 {
			return v / 12.92
		}
		return math.Pow((v+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(c[0]) + 0.7152*linear(c[1]) + 0.0722*linear(c[2])
}

func TestColours_LightAndDarkHaveTheSameNames(t *testing.T) {
	p := palettes(t)
	for name := range p["light"] {
		if _, ok := p["dark"][name]; !ok {
			t.Errorf("%s has no dark colour", name)
		}
	}
	if len(p["light"]) != len(p["dark"]) || len(p["light"]) < 10 {
		t.Errorf("%d light colours, %d dark ones", len(p["light"]), len(p["dark"]))
	}
}

func TestColours_CanBeRead(t *testing.T) {
	for scheme, c := range palettes(t) {
		for _, tt := range []struct {
			front string
			backs string
			least float64
		}{
			{"ink", "paper surface field goodwash warnwash badwash", 7},
			{"muted", "paper surface field", 4.5},
			{"accent", "paper surface field goodwash warnwash badwash", 4.5},
			{"good", "paper surface goodwash", 4.5},
			{"warn", "paper surface warnwash", 4.5},
			{"bad", "paper surface field badwash", 4.5},
			{"onaccent", "accent", 4.5},
			{"onbad", "bad", 4.5},
			{"edge", "paper surface field", 3}, // where a control is: WCAG 2.2, 1.4.11
		} {
			for back := range strings.FieldsSeq(tt.backs) {
				if got := contrast(c[tt.front], c[back]); got < tt.least {
					t.Errorf("%s: %s on %s is %.2f, want %.1f", scheme, tt.front, back, got, tt.least)
				}
			}
		}
	}
}
