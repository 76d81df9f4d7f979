package e2e_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// seats is how many browsers there are at once.
var seats = make(chan struct{}, 2)

// browserPath is where a Chromium is, or an error.
func browserPath() (string, error) {
	for _, name := range []string{"/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("no chromium in PATH")
}

// sit waits for a seat at a browser until the test ends. It comes before
// anything that takes room.
func sit(t *testing.T) {
	t.Helper()
	if _, err := browserPath(); err != nil {
		missing(t, "chromium", err.Error())
	}
	select {
	case seats <- struct{}{}:
		t.Cleanup(func() { <-seats })
	case <-time.After(10 * patience):
		t.Fatal("no seat at a browser")
	}
}

// openBrowser starts a browser with a fresh profile and one window. A second
// window would not do: the one behind gets no frames, and its clicks no answer.
func openBrowser(t *testing.T) (ctx context.Context, stop func()) {
	t.Helper()
	path, err := browserPath()
	if err != nil {
		missing(t, "chromium", err.Error())
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("headless", "new"), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("lang", "en-NZ"),
	)
	if os.Getuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	all, stopAll := chromedp.NewExecAllocator(context.Background(), options...)
	window, _ := chromedp.NewContext(all)
	ctx, cancel := context.WithTimeout(window, visitFor)
	if err := chromedp.Do(window); err != nil {
		t.Fatalf("%s does not start: %v", path, err)
	}
	return ctx, func() {
		cancel()
		closing, done := context.WithTimeout(window, soon)
		defer done()
		if err := chromedp.Cancel(closing); err != nil {
			t.Logf("closing the browser: %v", err)
		}
		stopAll()
	}
}
