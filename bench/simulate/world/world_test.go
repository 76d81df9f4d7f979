package world

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"till/models"
)

// runs is how many runs the simulation makes; TILL_TEST_RUNS says another
// number, and TILL_TEST_SEED where to begin.
const runs = 2000

func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

func TestEveryInvariantHoldsInEveryRun(t *testing.T) {
	n := uint64(runs)
	if testing.Short() || raced {
		n = 100
	}
	s := Series{Seed: number(t, "TILL_TEST_SEED", 1), Runs: int(number(t, "TILL_TEST_RUNS", n)), Most: 10}
	sum, err := s.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Log(sum)
	for _, r := range sum.Found {
		t.Errorf("seed %d: %v\n    %s", r.Seed, r.Broken, r.Command(0, ""))
	}
	if sum.Deaths == 0 || sum.Visits == 0 {
		t.Errorf("nothing went wrong: %s", sum)
	}
	if sum.Runs < runs {
		return // too few to meet everything
	}
	for _, what := range []string{
		"payment paid", "payment failed", "payment cancelled", "payment expired", "payment mismatch", "payment unknown", "payment processing",
		"operation capture succeeded", "operation capture failed", "operation void succeeded", "operation refund succeeded", "operation refund failed",
		"operation refund unknown", "operation reverse succeeded", "operation reverse failed", "operation cancel succeeded",
		"operation received succeeded", "order received", "order partially_refunded", "order refunded", "order reversed", "order cancelled", "order expired",
		"inbox second_payment", "inbox paid_after_cancel", "inbox mismatch", "inbox refund_unknown", "inbox refund_failed", "inbox refund_reversed",
		"inbox dispute", "inbox unknown", "inbox contradiction", "inbox sold_out", "inbox accepted",
	} {
		if sum.Seen[what] == 0 {
			t.Errorf("no run ended with %s", what)
		}
	}
}

func TestAPlantedBugIsFound(t *testing.T) {
	for _, plant := range Plants() {
		t.Run(string(plant), func(t *testing.T) {
			var out bytes.Buffer
			sum, err := Series{Seed: 1, Runs: 500, Plant: plant, Most: 1, Out: &out}.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if len(sum.Found) == 0 {
				t.Fatalf("not found in %d runs", sum.Runs)
			}
			found := sum.Found[0]
			t.Log(found.Broken)
			if command := found.Command(0, plant); !strings.Contains(out.String(), command+"\n") {
				t.Errorf("%q is not in\n%s", command, out.String())
			}
			again := Series{Seed: found.Seed, Runs: 1, Plant: plant}
			if sum, err = again.Run(t.Context()); err != nil || len(sum.Found) != 1 || !slices.Equal(sum.Found[0].Broken, found.Broken) {
				t.Errorf("the same seed finds %v, not %v: %v", sum.Found, found.Broken, err)
			}
			again.Plant = ""
			if sum, err = again.Run(t.Context()); err != nil || len(sum.Found) > 0 {
				t.Errorf("found without the plant, too: %v %v", sum.Found, err)
			}
		})
	}
	if _, err := (Series{Runs: 1, Plant: "no-such"}).Run(t.Context()); err == nil {
		t.Error("a plant that nobody knows is taken")
	}
}

func TestTheSameSeedTellsTheSameStory(t *testing.T) {
	template := newTemplate(t)
	tell := func(seed uint64) (string, string) {
		var story bytes.Buffer
		r, err := Run(t.Context(), Config{Seed: seed, Template: template, Trace: &story})
		if err != nil {
			t.Fatal(err)
		}
		return story.String(), r.Digest
	}
	last := ""
	for seed := uint64(1); seed <= 8; seed++ {
		story, digest := tell(seed)
		again, same := tell(seed)
		if story != again || digest != same {
			t.Errorf("seed %d told two stories, which part at:\n%s", seed, parting(story, again))
		}
		if story == last {
			t.Errorf("seeds %d and %d told the same", seed-1, seed)
		}
		last = story
	}
}

// parting is the first line that two stories do not share.
func parting(a, b string) string {
	as, bs := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(as), len(bs)) {
		if as[i] != bs[i] {
			return as[i] + "\n" + bs[i]
		}
	}
	return "the end of one"
}

func newTemplate(t *testing.T) *Template {
	t.Helper()
	template, err := NewTemplate(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return template
}

// Every rule that looks at the end is broken by hand once, behind the back of
// the shop, in a world in which it held.
func TestEveryRuleCanBeBroken(t *testing.T) {
	template := newTemplate(t)
	for _, one := range []struct{ rule, by string }{
		{"derive", "UPDATE orders SET status = 'issued' WHERE paid_at IS NOT NULL"},
		{"inbox", "UPDATE inbox SET closed_at = opened_at, resolution = 'gone' WHERE closed_at IS NULL AND order_id IS NOT NULL"},
		{"mail", "DELETE FROM mails WHERE kind = 'order_paid'"},
		{"mail", "DELETE FROM mails WHERE kind = 'refunded'"},
		{"mail", "UPDATE operations SET state = 'failed' WHERE kind = 'refund' AND state = 'succeeded'"},
		{"stock", "DELETE FROM stock_movements WHERE reason = 'sold'"},
		{"fold", "UPDATE payments SET captured_minor = captured_minor + 1 WHERE state = 'paid'"},
		{"invented", "UPDATE payments SET captured_minor = captured_minor + 1 WHERE state = 'paid'"},
		{"books", "UPDATE payments SET captured_minor = captured_minor - 1 WHERE state = 'paid' AND refunded_minor = 0"},
		{"stray", "UPDATE payments SET ref = '', state = 'failed' WHERE state = 'paid' AND provider <> 'outside'"},
		{"open", "UPDATE operations SET state = 'unknown' WHERE kind = 'cancel' AND state = 'failed'"},
		{"open", "UPDATE payments SET state = 'unknown', ask_at = NULL WHERE state = 'cancelled'"},
		{"refused", `UPDATE payments SET ref = '' WHERE state = 'cancelled' AND ref <> '';
			UPDATE operations SET state = 'failed' WHERE kind = 'start' AND payment_id IN (SELECT id FROM payments WHERE ref = '')`},
		{"elsewhere", "UPDATE operations SET state = 'failed' WHERE kind = 'refund' AND state = 'succeeded'"},
		{"cancelled", "UPDATE orders SET cancelled_at = paid_at WHERE paid_at IS NOT NULL"},
		{"reserved", "UPDATE payments SET refund_pending_minor = captured_minor - refunded_minor + 1 WHERE state = 'paid'"},
		{"live", "UPDATE payments SET live = 1"},
	} {
		t.Run(one.rule+" by "+one.by, func(t *testing.T) {
			for seed := uint64(1); ; seed++ {
				if seed > 60 {
					t.Fatal("no run in which it could be broken, or nobody saw it")
				}
				if w := ended(t, template, seed); w != nil && w.breaks(t, one.by) && w.sees(t, one.rule) {
					return
				}
			}
		})
	}
}

// ended is a world at its end, or nil when something is broken in it already.
func ended(t *testing.T, template *Template, seed uint64) *world {
	t.Helper()
	w, err := newWorld(t.Context(), Config{Seed: seed, Template: template})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.close)
	if err := w.run(DefaultSteps); err != nil {
		t.Fatal(err)
	}
	if len(w.result.Broken) > 0 {
		return nil
	}
	return w
}

// breaks reports whether there was something to break.
func (w *world) breaks(t *testing.T, by string) bool {
	t.Helper()
	for _, line := range []string{"PRAGMA ignore_check_constraints = ON", "DROP INDEX payments_live", "DELETE FROM refund_lines"} {
		if _, err := w.queue.pool.ExecContext(t.Context(), line); err != nil {
			t.Fatal(err)
		}
	}
	done, err := w.queue.pool.ExecContext(t.Context(), by)
	if err != nil {
		t.Fatal(err)
	}
	n, err := done.RowsAffected()
	if err != nil {
		t.Fatal(err)
	}
	return n > 0
}

// sees reports whether a rule is found broken.
func (w *world) sees(t *testing.T, rule string) bool {
	t.Helper()
	w.glance()
	if err := w.truth(); err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(w.result.Broken, func(b Broken) bool { return b.Rule == rule })
}

func TestADeadProcessDoesNothing(t *testing.T) {
	template := newTemplate(t)
	for _, one := range []struct {
		name   string
		doom   doom
		orders int // that are there after its death
		asked  int // that the providers know of
	}{
		{"before the order is written", doom{in: 1}, 0, 0},
		{"after that", doom{in: 1, after: true}, 1, 0},
		{"before the provider is called", doom{in: 3}, 1, 0},
		{"after that", doom{in: 3, after: true}, 1, 1},
		{"before the answer is written", doom{in: 4}, 1, 1},
	} {
		t.Run(one.name, func(t *testing.T) {
			w, err := newWorld(t.Context(), Config{Seed: 1, Template: template})
			if err != nil {
				t.Fatal(err)
			}
			defer w.close()
			w.box.Clear()
			w.calm, w.shop.providers = true, w.shop.providers[4:] // Vertex starts with one call
			w.doom = one.doom
			w.place()
			if !w.doom.dead {
				t.Fatal("it lives")
			}
			w.asks() // whatever it does now has no effect
			orders, asked := w.numbers("SELECT id FROM orders"), w.box.Orders(0)
			if len(orders) != one.orders || len(asked) != one.asked {
				t.Errorf("%d orders here and %d there, want %d and %d", len(orders), len(asked), one.orders, one.asked)
			}
			if err := w.bury(); err != nil {
				t.Fatal(err)
			}
			w.finish()
			if err := w.truth(); err != nil || len(w.result.Broken) > 0 {
				t.Errorf("after the restart: %v %v", w.result.Broken, err)
			}
			if one.asked == 1 && w.texts("SELECT ref FROM payments")[0] == "" {
				t.Error("what the provider was asked for was not found again")
			}
		})
	}
}

func TestAnErrorThatNobodyPromisedIsAFinding(t *testing.T) {
	w, err := newWorld(t.Context(), Config{Seed: 1, Template: newTemplate(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	w.heard("a refund", models.ErrBalance)
	if len(w.result.Broken) > 0 {
		t.Errorf("one that is promised is found: %v", w.result.Broken)
	}
	w.heard("a refund", models.ErrMove)
	w.guard("a step", func() { panic("no") })
	if len(w.result.Broken) != 2 || w.result.Broken[0].Rule != "surprise" || w.result.Broken[1].Rule != "panic" {
		t.Errorf("found %v", w.result.Broken)
	}
}
