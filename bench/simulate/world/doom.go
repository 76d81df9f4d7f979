package world

import (
	"errors"
	"time"

	"github.com/mattn/go-sqlite3"
)

// doom is how the process dies: at a commit or a call to a provider, before it
// or right after it. A dead process still runs, but nothing that it does has an
// effect: its commits are rolled back, and its requests never leave. Then it is
// started again.
type doom struct {
	in    int  // commits and calls until it dies; 0 for never
	after bool // that commit or call is still done
	dead  bool
}

// foretell draws when the process dies, if it does.
func (w *world) foretell() {
	w.doom = doom{}
	if !w.calm && w.chance(9) {
		w.doom = doom{in: 1 + w.rng.IntN(10), after: w.chance(50)}
	}
}

// survives counts one commit or call, and reports whether it has its effect.
func (d *doom) survives() bool {
	if d.dead {
		return false
	}
	if d.in == 0 {
		return true
	}
	if d.in--; d.in > 0 {
		return true
	}
	d.dead = true
	return d.after
}

// watchCommits has every commit of the writing connection, of which there is
// one, ask whether the process lives.
func (w *world) watchCommits() error {
	conn, err := w.queue.pool.Conn(w.ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // back into the pool
	err = conn.Raw(func(driver any) error {
		lite, ok := driver.(*sqlite3.SQLiteConn)
		if !ok {
			return errors.New("world: not SQLite")
		}
		lite.RegisterCommitHook(func() int {
			if w.doom.survives() {
				return 0
			}
			return 1 // rolled back
		})
		return nil
	})
	if err != nil || w.plant == "" {
		return err
	}
	return w.plant.sow(w.ctx, conn)
}

// bury starts the shop again if it has died.
func (w *world) bury() error {
	if !w.doom.dead {
		w.doom = doom{}
		return nil
	}
	w.result.Deaths++
	w.doom = doom{}
	if err := w.db.Close(); err != nil {
		return err
	}
	w.clock.pass(time.Duration(1+w.rng.IntN(40)) * time.Second)
	w.note("the process died and is started again")
	return w.open()
}
