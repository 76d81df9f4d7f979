package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	screen "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const (
	// soon bounds every wait of a person for a page.
	soon = 20 * time.Second
	// blink bounds one exchange with the browser.
	blink = 3 * time.Second
	// visitFor bounds what one browser is used for.
	visitFor = 3 * time.Minute
)

// person uses a browser as people do: finds things by what they are and what
// they are called, clicks, types, reads. Whatever is done waits until it can be.
type person struct {
	t      *testing.T
	ctx    context.Context
	shop   string
	script bool
	email  string // that checksOut types

	mu       sync.Mutex
	document network.RequestID // of the page on screen
	troubles []string          // what the browser complained about
}

// newPerson opens a browser, with script.
func newPerson(t *testing.T, shop string) *person { return openWindow(t, shop, true) }

// newPlainPerson is newPerson without script.
func newPlainPerson(t *testing.T, shop string) *person { return openWindow(t, shop, false) }

func openWindow(t *testing.T, shop string, script bool) *person {
	t.Helper()
	ctx, stop := openBrowser(t)
	p := &person{t: t, ctx: ctx, shop: shop, script: script, email: "aroha@example.test"}
	t.Cleanup(func() {
		if t.Failed() {
			p.shoot("failed-" + strings.NewReplacer("/", "-", " ", "-").Replace(t.Name()))
			t.Logf("the window shows %s:\n%s", p.address(), p.read())
		}
		stop()
		p.complains()
	})
	p.must(chromedp.Listen(ctx, p.hears))
	_, err := chromedp.Call(ctx, log.Enable, cdp.Empty{})
	p.must(err)
	_, err = chromedp.Call(ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	p.must(err)
	_, err = chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !script})
	p.must(err)
	p.resize(desk, light)
	return p
}

func (p *person) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// hears listens to the browser. A page that breaks its own policy, throws, or
// cannot load a part of itself is a trouble.
func (p *person) hears(ev any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := ev.(type) {
	case *network.EventResponseReceived:
		if e.Type == network.ResourceTypeDocument {
			p.document = e.RequestID
		} else if e.Response.Status >= 400 {
			p.troubles = append(p.troubles, fmt.Sprintf("%d for %s", e.Response.Status, e.Response.URL))
		}
	case *log.EventEntryAdded:
		if e.Entry.Source != log.EntrySourceNetwork { // those are heard above
			p.troubles = append(p.troubles, fmt.Sprintf("%s %s: %s (%s)", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL))
		}
	case *runtime.EventExceptionThrown:
		p.troubles = append(p.troubles, "exception: "+e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		p.troubles = append(p.troubles, "console "+string(e.Type))
	}
}

// complains fails the test when the browser had troubles.
func (p *person) complains() {
	p.t.Helper()
	for _, one := range p.forgives() {
		p.t.Errorf("the browser complains: %s", one)
	}
}

// forgives returns the troubles so far and forgets them.
func (p *person) forgives() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.troubles
	p.troubles = nil
	return all
}

// goes types an address in.
func (p *person) goes(address string) {
	p.t.Helper()
	if strings.HasPrefix(address, "/") {
		address = p.shop + address
	}
	if err := chromedp.Do(p.ctx, chromedp.Navigate(address)); err != nil {
		p.t.Fatalf("going to %s: %v", address, err)
	}
}

// goesBack presses the browser's Back button.
func (p *person) goesBack() {
	p.t.Helper()
	been, err := chromedp.Call(p.ctx, screen.GetNavigationHistory, cdp.Empty{})
	p.must(err)
	before := been.Entries[been.CurrentIndex-1].ID
	_, err = chromedp.Call(p.ctx, screen.NavigateToHistoryEntry, screen.NavigateToHistoryEntryParams{EntryID: before})
	p.must(err)
}

// evaluate asks the page something that no person could read. It works without
// script, too.
// A page that goes away meanwhile is waited for.
func evaluate[T any](p *person, expression string) (v T, err error) {
	for range 5 {
		err = p.briefly(func(ctx context.Context) error {
			v, err = chromedp.Run(ctx, chromedp.Evaluate[T](expression))
			return err
		})
		if err == nil {
			break
		}
	}
	return v, err
}

// briefly bounds one exchange with the browser: one that falls into the moment
// when a page gives way to the next may never be answered.
func (p *person) briefly(do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(p.ctx, blink)
	defer cancel()
	return do(ctx)
}

// address is where the window is.
func (p *person) address() string {
	at, err := evaluate[string](p, "location.href")
	if err != nil {
		return err.Error()
	}
	return at
}

// read is all text on the page that can be seen.
func (p *person) read() string {
	text, err := evaluate[string](p, `(() => {
		if (!document.body) return ''
		const options = [...document.querySelectorAll('select')].map(s => s.innerText).filter(Boolean)
		return options.reduce((text, o) => text.replace(o, ' '), document.body.innerText)
	})()`) // without what is folded into lists
	if err != nil {
		return err.Error()
	}
	return plain(text)
}

// plain is a text with single, ordinary spaces.
func plain(text string) string { return strings.Join(strings.Fields(text), " ") }

// at waits for a page of this name, loaded.
func (p *person) at(name string) {
	p.t.Helper()
	eventually(p.t, soon, "at the page "+name, func() (string, bool) {
		at, err := evaluate[string](p, "document.readyState + ' ' + (document.body ? document.body.dataset.page : '')")
		if err != nil {
			return err.Error(), false
		}
		return at, at == "complete "+name
	})
}

// sees waits for a text, wherever it stands.
func (p *person) sees(text string) { p.t.Helper(); p.seesWithin(soon, text) }

func (p *person) seesWithin(within time.Duration, text string) {
	p.t.Helper()
	eventually(p.t, within, "sees "+text, func() (string, bool) {
		all := p.read()
		return all, strings.Contains(all, text)
	})
}

// status waits for the machine's word of an order page.
func (p *person) status(want string) {
	p.t.Helper()
	eventually(p.t, soon, "the order is "+want, func() (string, bool) {
		got, err := evaluate[string](p, `document.querySelector('[data-testid="order-status"]')?.dataset.status ?? ''`)
		return fmt.Sprint(got, err), got == want
	})
}

// thing is something on the page as assistive technology is told of it.
type thing struct {
	role, name, description string
	invalid                 bool
	id                      cdp.BackendNodeID
}

func (g thing) String() string { return g.role + " " + fmt.Sprintf("%q", g.name) }

func thingOf(n *accessibility.Node) thing {
	text := func(v *accessibility.Value) string {
		var s string
		if v != nil {
			_ = json.Unmarshal(v.Value, &s) // what is no text has none
		}
		return plain(s)
	}
	g := thing{role: text(n.Role), name: text(n.Name), description: text(n.Description), id: n.BackendDOMNodeID}
	for _, prop := range n.Properties {
		if prop.Name == accessibility.PropertyNameInvalid {
			g.invalid = text(prop.Value) == "true"
		}
	}
	return g
}

// things lists what is on the page with a role.
func (p *person) things(role string) (all []thing, err error) {
	err = p.briefly(func(ctx context.Context) error {
		doc, err := chromedp.Call(ctx, dom.GetDocument, dom.GetDocumentParams{})
		if err != nil {
			return err
		}
		found, err := chromedp.Call(ctx, accessibility.QueryAXTree, accessibility.QueryAXTreeParams{BackendNodeID: doc.Root.BackendNodeID, Role: role})
		for _, n := range found.Nodes {
			if !n.Ignored {
				all = append(all, thingOf(n))
			}
		}
		return err
	})
	return all, err
}

// finds waits for something by what it is and what it is called.
func (p *person) finds(role, name string) thing {
	p.t.Helper()
	var found thing
	eventually(p.t, soon, fmt.Sprintf("finds %s %q", role, name), func() (string, bool) {
		all, err := p.things(role)
		i := slices.IndexFunc(all, func(g thing) bool { return g.name == name })
		if i < 0 {
			return fmt.Sprint(all, err, " on ", p.read()), false
		}
		found = all[i]
		return "", true
	})
	return found
}

// finds that there is none.
func (p *person) misses(role, name string) {
	p.t.Helper()
	all, err := p.things(role)
	p.must(err)
	if slices.ContainsFunc(all, func(g thing) bool { return g.name == name }) {
		p.t.Errorf("there is a %s %q", role, name)
	}
}

// clicks points at something and clicks, where it can be seen.
func (p *person) clicks(role, name string) {
	p.t.Helper()
	var err error
	eventually(p.t, soon, fmt.Sprintf("clicks %s %q", role, name), func() (string, bool) {
		err = p.point(p.finds(role, name))
		return fmt.Sprint(err), err == nil
	})
}

func (p *person) point(g thing) error {
	var x, y float64
	err := p.briefly(func(ctx context.Context) error {
		if _, err := chromedp.Call(ctx, dom.ScrollIntoViewIfNeeded, dom.ScrollIntoViewIfNeededParams{BackendNodeID: g.id}); err != nil {
			return err
		}
		place, err := chromedp.Call(ctx, dom.GetContentQuads, dom.GetContentQuadsParams{BackendNodeID: g.id})
		if err != nil {
			return err
		}
		if len(place.Quads) == 0 {
			return fmt.Errorf("%s has no place on the screen", g)
		}
		q := place.Quads[0]
		x, y = (q[0]+q[2]+q[4]+q[6])/4, (q[1]+q[3]+q[5]+q[7])/4
		return nil
	})
	if err != nil {
		return err
	}
	return p.sent(chromedp.MouseClickXY(x, y))
}

// sent has the mouse or the keyboard do something. When what it does leads to
// another page, the old one may not answer any more.
func (p *person) sent(action chromedp.Action[chromedp.Void]) error {
	err := p.briefly(func(ctx context.Context) error { return chromedp.Do(ctx, action) })
	if errors.Is(err, context.DeadlineExceeded) && p.ctx.Err() == nil {
		p.t.Logf("%s: the browser did not answer in time", p.address())
		return nil
	}
	return err
}

// types puts a text into a field in place of what is there.
func (p *person) types(label, text string) { p.t.Helper(); p.typesInto("textbox", label, text) }

// typesInto is types for fields that are no plain ones.
func (p *person) typesInto(role, label, text string) {
	p.t.Helper()
	p.clicks(role, label)
	p.writes(text)
}

// writes types over what the focused field has.
func (p *person) writes(text string) {
	p.t.Helper()
	p.must(p.sent(chromedp.KeyEvent("a", chromedp.KeyModifiers(chromedp.ModifierCtrl))))
	if text == "" {
		p.presses(kb.Backspace)
		return
	}
	_, err := chromedp.Call(p.ctx, input.InsertText, input.InsertTextParams{Text: text})
	p.must(err)
}

// chooses picks from a list as one does with the keyboard: by its first letters.
func (p *person) chooses(label, option string) {
	p.t.Helper()
	g := p.finds("combobox", label)
	_, err := chromedp.Call(p.ctx, dom.Focus, dom.FocusParams{BackendNodeID: g.id})
	p.must(err)
	p.presses(option)
}

// presses presses keys, one after the other.
func (p *person) presses(keys string) {
	p.t.Helper()
	p.must(p.sent(chromedp.KeyEvent(keys)))
}

// holds is what has the focus.
func (p *person) holds() (thing, error) {
	object, err := evaluate[*runtime.RemoteObject](p, "document.activeElement")
	if err != nil {
		return thing{}, err
	}
	no := false
	ctx, cancel := context.WithTimeout(p.ctx, blink)
	defer cancel()
	tree, err := chromedp.Call(ctx, accessibility.GetPartialAXTree, accessibility.GetPartialAXTreeParams{ObjectID: object.ObjectID, FetchRelatives: &no})
	if err != nil || len(tree.Nodes) == 0 {
		return thing{}, err
	}
	return thingOf(tree.Nodes[0]), nil
}

// isOn waits until the focus is on something.
func (p *person) isOn(role, name string) {
	p.t.Helper()
	eventually(p.t, soon, fmt.Sprintf("the focus is on %s %q", role, name), func() (string, bool) {
		g, err := p.holds()
		return fmt.Sprint(g, err), g.role == role && g.name == name
	})
}

// tabsTo presses Tab until the focus is on something, and sees on the way where
// the focus is.
func (p *person) tabsTo(role, name string) {
	p.t.Helper()
	var way []string
	for range 80 {
		p.presses(kb.Tab)
		g, err := p.holds()
		p.must(err)
		way = append(way, g.String())
		if g.role != "RootWebArea" {
			p.seesFocus(g)
		}
		if g.role == role && g.name == name {
			return
		}
	}
	p.t.Fatalf("no way to %s %q with Tab: %v", role, name, way)
}

// seesFocus fails when nothing shows where the focus is.
func (p *person) seesFocus(g thing) {
	p.t.Helper()
	ring, err := evaluate[bool](p, `(() => {
		let e = document.activeElement
		for (; e && e !== document.body; e = e.parentElement) {
			const s = getComputedStyle(e)
			if (s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) > 0 || s.boxShadow !== 'none') return true
			if (e.parentElement?.matches(':focus-within') !== true) break
		}
		return false
	})()`)
	p.must(err)
	if !ring {
		p.t.Errorf("nothing shows that the focus is on %s", g)
	}
}

// source is the page's HTML as it came.
func (p *person) source() string {
	p.t.Helper()
	var source string
	eventually(p.t, soon, "the page has come", func() (string, bool) {
		p.mu.Lock()
		id := p.document
		p.mu.Unlock()
		body, err := chromedp.Call(p.ctx, network.GetResponseBody, network.GetResponseBodyParams{RequestID: id})
		source = string(body.Body)
		return fmt.Sprint(err), err == nil && source != ""
	})
	return source
}

// resize makes the window another one.
func (p *person) resize(w window, s scheme) {
	p.t.Helper()
	_, err := chromedp.Call(p.ctx, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: w.width, Height: w.height, DeviceScaleFactor: 1, Mobile: w.touch,
	})
	p.must(err)
	_, err = chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: string(s)}, {Name: "prefers-reduced-motion", Value: "reduce"}},
	})
	p.must(err)
}

// whole is a picture of the page from top to bottom.
func (p *person) whole() ([]byte, error) {
	size, err := chromedp.Call(p.ctx, screen.GetLayoutMetrics, cdp.Empty{})
	if err != nil {
		return nil, err
	}
	yes := true
	shot, err := chromedp.Call(p.ctx, screen.CaptureScreenshot, screen.CaptureScreenshotParams{
		Format: screen.CaptureScreenshotFormatPng, CaptureBeyondViewport: &yes, OptimizeForSpeed: &yes,
		Clip: &screen.Viewport{Width: size.CSSContentSize.Width, Height: size.CSSContentSize.Height, Scale: 1},
	})
	return shot.Data, err
}
