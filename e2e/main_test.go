package e2e_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// program is the built till. TestMain sets it before any test runs.
var program string

// wide is how many tests run at once. Most of what they do is wait: for a seat at
// a browser, for a timer of the shop's, for a provider that is slow on purpose.
const wide = 20

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "till-e2e-")
	if err != nil {
		return failed(err)
	}
	defer os.RemoveAll(dir)
	program = filepath.Join(dir, "till")
	build := exec.Command("go", "build", "-tags", "nomsgpack", "-o", program, "./cmd/till")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		return failed(fmt.Errorf("go build: %w\n%s", err, out))
	}
	if flag.Lookup("test.parallel").Value.String() == strconv.Itoa(runtime.GOMAXPROCS(0)) { // nobody chose another
		if err := flag.Set("test.parallel", strconv.Itoa(wide)); err != nil {
			return failed(err)
		}
	}
	stale, err := filepath.Glob(filepath.Join(pictures, "failed-*"))
	if err != nil {
		return failed(err)
	}
	for _, name := range stale {
		if err := os.Remove(name); err != nil {
			return failed(err)
		}
	}
	return m.Run()
}

func failed(err error) int {
	fmt.Fprintln(os.Stderr, "e2e:", err)
	return 1
}

// missing skips a test for want of something, or fails it where that is
// required.
func missing(t testing.TB, what, why string) {
	t.Helper()
	if strings.Contains(os.Getenv("TILL_TEST_REQUIRE"), what) {
		t.Fatalf("%s is required: %s", what, why)
	}
	t.Skipf("skipped for want of %s: %s", what, why)
}
