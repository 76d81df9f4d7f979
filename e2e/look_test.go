package e2e_test

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/chromedp"
)

// pictures is where every page is left as a person sees it.
const pictures = "out"

// axe is what looks at pages for those who cannot see, hear or point.
//
//go:embed testdata/axe.min.js
var axe string

// window is a size to look at pages in.
type window struct {
	name          string
	width, height int64
	touch         bool
}

// scheme is light or dark.
type scheme string

const light, dark scheme = "light", "dark"

var (
	desk  = window{name: "1440", width: 1440, height: 900}
	phone = window{name: "360", width: 360, height: 740, touch: true}
)

// look examines the page on screen, on a phone and on a desk, by day and by
// night: whether it is good HTML, holds in the window, and stands up to axe. It
// leaves pictures of it.
func (p *person) look(name string) {
	p.t.Helper()
	for _, problem := range checkHTML(p.source()) {
		p.t.Errorf("%s: %s", name, problem)
	}
	for _, w := range []window{phone, desk} {
		for _, s := range []scheme{light, dark} {
			p.resize(w, s)
			p.shoot(fmt.Sprintf("%s-%s-%s", name, w.name, s))
			p.fits(name, w)
			if p.script {
				p.axe(fmt.Sprintf("%s (%s, %s)", name, w.name, s))
			}
		}
	}
	p.resize(desk, light)
}

// shoot leaves a picture.
func (p *person) shoot(name string) {
	p.t.Helper()
	shot, err := p.whole()
	if err == nil {
		err = os.MkdirAll(pictures, 0o750)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(pictures, name+".png"), shot, 0o600)
	}
	if err != nil {
		p.t.Errorf("no picture of %s: %v", name, err)
	}
}

// fits fails when the page is wider than its window.
func (p *person) fits(name string, w window) {
	p.t.Helper()
	wide, err := evaluate[int64](p, "document.documentElement.scrollWidth")
	p.must(err)
	if wide > w.width {
		p.t.Errorf("%s is %d wide in a window of %d", name, wide, w.width)
	}
}

// violation is what axe found.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct {
		Target []any
		HTML   string
		Why    string
	}
}

// axe fails for everything that axe finds.
func (p *person) axe(name string) {
	p.t.Helper()
	all, err := p.violations()
	if err != nil {
		p.t.Fatalf("%s: axe: %v", name, err)
	}
	for _, v := range all {
		for _, n := range v.Nodes {
			p.t.Errorf("%s: axe: %s (%s): %s\n  %v %s\n  %s", name, v.ID, v.Impact, v.Help, n.Target, n.HTML, strings.ReplaceAll(n.Why, "\n", "\n  "))
		}
	}
}

func (p *person) violations() ([]violation, error) {
	if err := chromedp.Do(p.ctx, chromedp.Evaluate[chromedp.Void]("if (!window.axe) {"+axe+"}\n;undefined")); err != nil {
		return nil, err
	}
	return chromedp.Run(p.ctx, chromedp.Evaluate[[]violation](`
		axe.run(document, {
			runOnly: {type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']},
			resultTypes: ['violations'],
		}).then(r => r.violations.map(v => ({
			id: v.id, impact: v.impact, help: v.help,
			nodes: v.nodes.map(n => ({target: n.target, html: n.html.slice(0, 200), why: n.failureSummary})),
		})))`, chromedp.EvalAwaitPromise))
}
