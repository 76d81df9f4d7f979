package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait for something that takes a moment, on a machine
// that has other things to do.
const patience = 60 * time.Second

// journal keeps what a process writes and wakes those who wait for a line.
type journal struct {
	mu    sync.Mutex
	text  bytes.Buffer
	wrote chan struct{} // closed and made anew with every write
}

func newJournal() *journal { return &journal{wrote: make(chan struct{})} }

// Write implements io.Writer.
func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	close(j.wrote)
	j.wrote = make(chan struct{})
	return j.text.Write(b)
}

func (j *journal) read() (text string, more <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String(), j.wrote
}

// process is a running till.
type process struct {
	name string
	cmd  *exec.Cmd
	out  *journal // standard output
	log  *journal // standard error
	done chan struct{}
	err  error // of Wait; read it after done
}

// command is how a process is started.
type command struct {
	args  []string
	env   []string // NAME=value, beside PATH and HOME
	dir   string   // empty: a fresh folder, which is also HOME
	stdin string
}

func (c command) cmd(t testing.TB) *exec.Cmd {
	t.Helper()
	if c.dir == "" {
		c.dir = t.TempDir()
	}
	cmd := exec.Command(program, c.args...)
	cmd.Dir = c.dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + c.dir}, c.env...)
	cmd.Stdin = strings.NewReader(c.stdin)
	dieTogether(cmd)
	return cmd
}

// launch starts a process that goes on until the test ends. When the test
// failed, what it wrote is told.
func launch(t testing.TB, c command) *process {
	t.Helper()
	p := &process{name: "till " + strings.Join(c.args, " "), cmd: c.cmd(t), out: newJournal(), log: newJournal(), done: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { defer close(p.done); p.err = p.cmd.Wait() }()
	t.Cleanup(func() {
		p.kill()
		if t.Failed() {
			out, _ := p.out.read()
			log, _ := p.log.read()
			t.Logf("%s wrote:\n%s%s", p.name, lastLines(out, 40), lastLines(log, 40))
		}
	})
	return p
}

// kill ends a process as a power cut does, and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// stop ends a process as an operator does, and returns how it ended.
func (p *process) stop(t testing.TB) error {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.done:
		return p.err
	case <-time.After(patience):
		return fmt.Errorf("%s is still there after %s", p.name, patience)
	}
}

// awaits waits until find finds something in what is written.
func awaits[T any](t testing.TB, p *process, j *journal, what string, find func(text string) (T, bool)) T {
	t.Helper()
	late := time.After(patience)
	for {
		text, more := j.read()
		if v, ok := find(text); ok {
			return v
		}
		select {
		case <-more:
		case <-p.done:
			text, _ = j.read()
			if v, ok := find(text); ok {
				return v
			}
			t.Fatalf("%s ended (%v) before it wrote %s", p.name, p.err, what)
		case <-late:
			t.Fatalf("%s did not write %s within %s", p.name, what, patience)
		}
	}
}

// listening waits until a process says where it listens.
func (p *process) listening(t testing.TB) (addr string) {
	t.Helper()
	return awaits(t, p, p.log, "where it listens", func(text string) (string, bool) {
		for line := range strings.Lines(text) {
			var entry struct{ Msg, Addr string }
			if json.Unmarshal([]byte(line), &entry) == nil && entry.Msg == "listening" {
				return entry.Addr, true
			}
		}
		return "", false
	})
}

// runs runs a command to its end, which must be a good one, and returns what it
// printed.
func runs(t testing.TB, c command) string {
	t.Helper()
	cmd := c.cmd(t)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("till %s: %v\n%s%s", strings.Join(c.args, " "), err, out.String(), errs.String())
	}
	return out.String()
}

func lastLines(text string, n int) string {
	lines := strings.SplitAfter(text, "\n")
	if len(lines) > n {
		lines = append([]string{"…\n"}, lines[len(lines)-n:]...)
	}
	return strings.Join(lines, "")
}

// ports gives every process that must come back to its port one that nothing
// else is given by chance: it is below those that outgoing connections get.
var ports struct {
	mu   sync.Mutex
	next int
}

func freePort(t testing.TB) string {
	t.Helper()
	ports.mu.Lock()
	defer ports.mu.Unlock()
	if ports.next == 0 {
		ports.next = 20000 + rand.IntN(8000)
	}
	for range 200 {
		ports.next++
		addr := fmt.Sprintf("127.0.0.1:%d", ports.next)
		if ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr); err == nil {
			_ = ln.Close()
			return addr
		}
	}
	t.Fatal("no free port")
	return ""
}

// copyFile copies a closed database.
func copyFile(t testing.TB, from, to string) {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	out, err := os.Create(filepath.Clean(to))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
}
