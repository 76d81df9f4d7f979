package admin

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// line is a wire to a database that can be cut.
type line struct {
	name string // of the database, by way of the line
	at   string // where the line begins
	to   string // where it leads

	mu     sync.Mutex
	accept net.Listener
	open   []net.Conn
}

func newLine(t *testing.T, name string) *line {
	t.Helper()
	u, err := url.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	l := &line{to: u.Host, at: "127.0.0.1:0"}
	l.mend(t)
	u.Host = l.at
	l.name = u.String()
	t.Cleanup(l.cut)
	return l
}

// mend lets connections through, from now on.
func (l *line) mend(t *testing.T) {
	t.Helper()
	var listen net.ListenConfig
	accept, err := listen.Listen(t.Context(), "tcp", l.at)
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	l.accept, l.at = accept, accept.Addr().String()
	l.mu.Unlock()
	go func() {
		for {
			near, err := accept.Accept()
			if err != nil {
				return
			}
			var dial net.Dialer
			far, err := dial.DialContext(t.Context(), "tcp", l.to)
			if err != nil {
				_ = near.Close()
				continue
			}
			l.mu.Lock()
			l.open = append(l.open, near, far)
			l.mu.Unlock()
			go pipe(near, far)
			go pipe(far, near)
		}
	}()
}

func pipe(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_, _ = to.Close(), from.Close()
}

// cut breaks every connection and takes no more.
func (l *line) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.accept.Close()
	for _, c := range l.open {
		_ = c.Close()
	}
	l.open = nil
}
