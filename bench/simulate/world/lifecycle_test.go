package world

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"till/models"
)

// lifecycle is what becomes of one order of EUR 19.16 at a provider.
type lifecycle struct {
	provider, method string
	reserve          bool   // money is reserved first
	steps            string // as goes takes them
	end              string // as story.brief says it
}

func (l lifecycle) String() string {
	name := l.provider
	if l.reserve {
		name += " reserves"
	}
	return name + ": " + l.steps
}

func (l lifecycle) all() []string { return strings.Split(l.steps, ", ") }

// drops reports whether the shopper cancels the order on the way.
func (l lifecycle) drops() bool { return strings.Contains(l.steps, "drop") }

const (
	stripe   = "stripe/credit-cards"
	satispay = "satispay/satispay"
)

func lifecycles() []lifecycle {
	return []lifecycle{
		{"iumicash", "", false, "approve", "paid, paid 1916-0, 1 mails, 1 sold"},
		{"iumicash", "", false, "cancel", "issued, cancelled 0-0, 0 mails, 0 sold"},
		{"iumicash", "", false, "cancel, complete", "paid, paid 1916-0, 1 mails, 1 sold"},
		{"iumicash", "", false, "fault order_stays_approved, approve, complete", "paid, paid 1916-0, 1 mails, 1 sold"},
		{"iumicash", "", false, "lie completed, lie cancelled, approve, lie created", "paid, paid 1916-0, 1 mails, 1 sold"},
		{"iumicash", "", false, "lie completed, cancel, lie captured", "issued, cancelled 0-0, 0 mails, 0 sold"},
		{"iumicash", "", false, "drop, complete", "cancelled, paid 1916-0, 0 mails, 0 sold paid_after_cancel"},

		{"powens", "", false, "approve", "paid, paid 1916-0, 1 mails, 1 sold"},
		{"powens", "", false, "leave, decline", "failed, failed 0-0, 0 mails, 0 sold"},
		{"powens", "", false, "expire, complete", "paid, paid 1916-0, 1 mails, 1 sold"},
		{"powens", "", false, "cancel, complete", "paid, paid 1916-0, 1 mails, 1 sold"},
		{"powens", "", false, "fault order_stays_pending, approve, complete", "paid, paid 1916-0, 1 mails, 1 sold"},
		{"powens", "", false, "fault order_stays_pending, approve, reject", "failed, failed 0-0, 0 mails, 0 sold"},
		{"powens", "", false, "fault order_stays_pending, approve, accept", "in_progress, accepted 0-0, 0 mails, 0 sold accepted"},
		{"powens", "", false, "fault order_stays_pending, approve, accept, complete", "paid, paid 1916-0, 1 mails, 1 sold"},
		{"powens", "", false, "lie done, lie rejected, approve, lie expired", "paid, paid 1916-0, 1 mails, 1 sold"},
		{"powens", "", false, "drop, complete", "cancelled, paid 1916-0, 0 mails, 0 sold paid_after_cancel"},

		{"pgm", stripe, false, "approve", "paid, paid 1916-0, 1 mails, 1 sold"},
		{"pgm", satispay, false, "cancel, complete", "paid, paid 1916-0, 1 mails, 1 sold"},
		{"pgm", stripe, false, "expire", "failed, failed 0-0, 0 mails, 0 sold"},
		{"pgm", stripe, false, "lie ACCEPTED, lie FAILED, approve, lie PENDING", "paid, paid 1916-0, 1 mails, 1 sold"},
		{"pgm", stripe, false, "approve, ask, do refund", "refunded, paid 1916-1916, 2 mails, 1 sold"},
		{"pgm", satispay, false, "approve, ask, do refund 500, do refund 400", "partially_refunded, paid 1916-900, 3 mails, 1 sold"},
		{"pgm", stripe, false, "approve, refund", "paid, paid 1916-0, 1 mails, 1 sold refund_elsewhere"},
		{"pgm", stripe, false, "approve, ask, fault refund_pending, do refund, refund_done", "refunded, paid 1916-1916, 2 mails, 1 sold"},
		{"pgm", stripe, false, "approve, ask, fault refund_pending, do refund, refund_failed", "refund_failed, paid 1916-0, 1 mails, 1 sold refund_failed"},
		{"pgm", stripe, false, "approve, ask, do refund, refund_failed", "refund_reversed, paid 1916-0, 2 mails, 1 sold refund_reversed"},
		{"pgm", satispay, false, "drop, complete", "cancelled, paid 1916-1916, 1 mails, 0 sold"},

		{"gate", "", false, "view, approve", "paid, paid 1916-0, 1 mails, 1 sold"},
		{"gate", "", false, "decline, approve", "paid, paid 1916-0, 1 mails, 1 sold"},
		{"gate", "", false, "reject, complete", "paid, paid 1916-0, 1 mails, 1 sold"},
		{"gate", "", false, "expire", "issued, expired 0-0, 0 mails, 0 sold"},
		{"gate", "", false, "complete, refund_part, refund", "refunded, paid 1916-1916, 1 mails, 1 sold"},
		{"gate", "", false, "complete, ask, do refund 500, do refund", "refunded, paid 1916-1916, 3 mails, 1 sold"},
		{"gate", "", false, "complete, ask, fault refund_slow, do refund 500, refund_done", "partially_refunded, paid 1916-500, 2 mails, 1 sold"},
		{"gate", "", false, "complete, ask, fault refund_slow, do refund, refund_fail", "refund_failed, paid 1916-0, 1 mails, 1 sold refund_failed"},
		{"gate", "", false, "complete, ask, do refund 500, refund_reverse", "refund_reversed, paid 1916-0, 2 mails, 1 sold refund_reversed"},
		{"gate", "", false, "complete, refund, refund_reverse", "refund_reversed, paid 1916-0, 1 mails, 1 sold refund_reversed"},
		{"gate", "", false, "complete, reverse", "reversed, paid 1916-1916, 1 mails, 1 sold"},
		{"gate", "", false, "complete, ask, do reverse", "reversed, paid 1916-1916, 2 mails, 1 sold"},
		{"gate", "", false, "complete, ask, fault reversal_slow, do reverse, reversal_done", "reversed, paid 1916-1916, 2 mails, 1 sold"},
		{"gate", "", false, "complete, ask, fault reversal_slow, do reverse, reversal_fail", "reversal_failed, paid 1916-0, 1 mails, 1 sold refund_failed"},
		{"gate", "", false, "complete, chargeback, representation, won", "paid, paid 1916-0, 1 mails, 1 sold"},
		{"gate", "", false, "complete, retrieval, chargeback, prearbitration", "prearbitration, paid 1916-0, 1 mails, 1 sold dispute"},
		{"gate", "", false, "lie paid, lie cancelled, complete", "paid, paid 1916-0, 1 mails, 1 sold"},
		{"gate", "", false, "drop, complete", "cancelled, paid 1916-1916, 1 mails, 0 sold"},
		{"gate", "", true, "view, approve", "hold, authorized 0-0, 0 mails, 0 sold"},
		{"gate", "", true, "complete, capture", "paid, paid 1916-0, 1 mails, 1 sold"},
		{"gate", "", true, "view, approve, capture, refund_part", "partially_refunded, paid 1916-958, 1 mails, 1 sold"},
		{"gate", "", true, "complete, cancel", "issued, cancelled 0-0, 0 mails, 0 sold"},
		{"gate", "", true, "complete, ask, do capture 1000, do refund 300", "partially_refunded, paid 1000-300, 2 mails, 1 sold"},
		{"gate", "", true, "complete, ask, do void", "issued, cancelled 0-0, 0 mails, 0 sold"},
		{"gate", "", true, "complete, ask, do void, complete", "hold, authorized 0-0, 0 mails, 0 sold"},

		{"vertex", "", false, "approve, complete", "paid, paid 1916-0, 1 mails, 1 sold"},
		{"vertex", "", false, "decline, approve, complete", "paid, paid 1916-0, 1 mails, 1 sold"},
		{"vertex", "", false, "approve, fail, complete", "paid, paid 1916-0, 1 mails, 1 sold"},
		{"vertex", "", false, "cancel, complete", "paid, paid 1916-0, 1 mails, 1 sold"},
		{"vertex", "", false, "expire", "issued, expired 0-0, 0 mails, 0 sold"},
		{"vertex", "", false, "approve, complete, refund", "refunded, paid 1916-1916, 1 mails, 1 sold"},
		{"vertex", "", false, "approve, complete, ask, do refund 500, do refund 400", "partially_refunded, paid 1916-900, 3 mails, 1 sold"},
		{"vertex", "", false, "approve, complete, ask, do refund 500, refund", "refunded, paid 1916-1916, 2 mails, 1 sold"},
		{"vertex", "", false, "approve, ask, do reverse", "issued, cancelled 0-0, 0 mails, 0 sold"},
		{"vertex", "", false, "approve, complete, ask, do reverse", "paid, paid 1916-0, 1 mails, 1 sold"},
		{"vertex", "", false, "lie completed, lie failed, approve, complete, lie refunded", "paid, paid 1916-0, 1 mails, 1 sold"},
		{"vertex", "", false, "pay_less, complete", "in_progress, mismatch 958-0, 0 mails, 0 sold mismatch"},
		{"vertex", "", false, "drop, complete", "cancelled, paid 1916-1916, 1 mails, 0 sold"},
		{"vertex", "", true, "approve", "hold, authorized 0-0, 0 mails, 0 sold"},
		{"vertex", "", true, "approve, lapse", "issued, cancelled 0-0, 0 mails, 0 sold"},
		{"vertex", "", true, "approve, ask, do capture, do refund 500, do refund", "refunded, paid 1916-1916, 3 mails, 1 sold"},
		{"vertex", "", true, "approve, ask, do void", "issued, cancelled 0-0, 0 mails, 0 sold"},
		{"vertex", "", true, "approve, ask, do void, complete", "paid, paid 1916-0, 1 mails, 1 sold"},
	}
}

// plays plays a whole lifecycle. The shop hears nothing of it.
func (l lifecycle) plays(t *testing.T, template *Template) *lifecycleStand {
	t.Helper()
	s := newLifecycleStand(t, template, l)
	for _, step := range l.all() {
		s.goes(step)
	}
	return s
}

// hearAll brings letters in one order, and a job runs after each.
func (s *lifecycleStand) hearAll(letters []letter) {
	s.t.Helper()
	for _, l := range letters {
		s.hear(l)
	}
}

// mostCallbacks of one lifecycle are brought in every order there is.
const mostCallbacks = 6

// Whatever the providers told, in whatever order it is heard, how often, and
// whether at all: one look at the truth and everything stands as it stands when
// nothing was heard.
func TestLifecycle_NoOrderOfCallbacksMatters(t *testing.T) {
	template := lifecycleTemplate(t)
	for _, l := range lifecycles() {
		t.Run(l.String(), func(t *testing.T) {
			t.Parallel()
			if l.drops() {
				l.everyOrderAnew(t, template)
				return
			}
			s := l.plays(t, template)
			s.save(0)
			letters := slices.Clone(s.bag.letters)
			s.goes("ask")
			want := s.story()
			if s.sound("asked"); want.brief != l.end {
				t.Errorf("ends as %q, not %q", want.brief, l.end)
			}
			c := &comparison{s: s, letters: letters, want: want}
			switch n := len(letters); {
			case n > mostCallbacks:
				t.Fatalf("%d callbacks", n)
			case n > 4 && testing.Short(), n == 0:
			default:
				c.walk(0, nil, upTo(n))
			}
			for i := range letters {
				c.try([]int{i}) // and every other one is lost
				for _, at := range []int{0, i, len(letters)} {
					c.try(slices.Insert(upTo(len(letters)), at, i))
				}
			}
			c.timerAlone()
			if len(s.bag.letters) > len(letters) {
				t.Errorf("hearing of it made the provider write %d letters more", len(s.bag.letters)-len(letters))
			}
			t.Logf("%d callbacks, heard in %d orders", len(letters), c.tried)
		})
	}
}

// comparison brings the letters of a finished lifecycle to the shop as it was
// before it heard any.
type comparison struct {
	s       *lifecycleStand
	letters []letter
	want    story
	tried   int
}

func upTo(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

// walk goes through every order of what is left, and hears what many of them
// begin with once for all.
func (c *comparison) walk(depth int, heard, left []int) {
	if len(left) == 0 {
		c.compare(heard)
		return
	}
	c.s.save(depth + 1)
	for i, next := range left {
		if depth == 0 {
			c.s.load(0)
		} else {
			c.s.load(depth + 1)
		}
		c.s.hear(c.letters[next])
		c.walk(depth+1, append(slices.Clone(heard), next), slices.Concat(left[:i], left[i+1:]))
	}
}

// try brings letters in one order.
func (c *comparison) try(order []int) {
	c.s.load(0)
	for _, i := range order {
		c.s.hear(c.letters[i])
	}
	c.compare(order)
}

func (c *comparison) compare(heard any) {
	c.s.t.Helper()
	c.tried++
	got := c.s.story()
	c.s.sound(heard)
	if got != c.want {
		c.s.t.Fatalf("heard %v: ends as\n%s%s\nwith nothing heard as\n%s%s", heard, got.end, got.books, c.want.end, c.want.books)
	}
}

// timerAlone has nobody tell the shop anything: it asks when it has planned to.
// It has planned nothing when the provider had said its last word, and nothing
// that the shop asked for is open: who then acts there must be heard, or looked at.
func (c *comparison) timerAlone() {
	c.s.t.Helper()
	c.s.load(0)
	if p := c.s.pay(); p.AskAt == nil && (p.State == models.PaymentPaid || p.State.Ended()) {
		return
	}
	c.s.timer()
	c.compare("nothing")
}

// timer asks what is planned for the next three days, at its time.
func (s *lifecycleStand) timer() {
	s.t.Helper()
	end := s.clock.now().Add(3 * 24 * time.Hour)
	for range 200 {
		at, ok, err := s.shop.NextDue(s.ctx)
		if err != nil {
			s.t.Fatal(err)
		}
		if !ok || at.After(end) {
			return
		}
		s.clock.reach(at)
		if _, err := s.shop.Sweep(s.ctx); err != nil {
			s.t.Fatal(err)
		}
		s.work(20)
	}
}

// everyOrderAnew is for a lifecycle at whose end the shop sends money back:
// every order of callbacks needs a provider of its own.
func (l lifecycle) everyOrderAnew(t *testing.T, template *Template) {
	t.Helper()
	tried, want := 0, story{}
	try := func(hears func(*lifecycleStand)) {
		t.Helper()
		s := l.plays(t, template)
		hears(s)
		s.goes("ask") // brings what follows
		got := s.story()
		if s.sound("anew"); got.brief != l.end {
			t.Errorf("ends as %q, not %q", got.brief, l.end)
		}
		if tried++; tried == 1 {
			want = got
		} else if got != want {
			t.Errorf("ends as\n%s%s\nwith nothing heard as\n%s%s", got.end, got.books, want.end, want.books)
		}
	}
	try(func(*lifecycleStand) {})
	try((*lifecycleStand).timer)
	n := len(l.plays(t, template).bag.letters)
	for _, order := range permutations(n) {
		try(func(s *lifecycleStand) {
			letters := slices.Clone(s.bag.letters)
			for i, at := range order {
				s.hear(letters[at])
				if i == 0 {
					s.hear(letters[at])
				}
			}
			for _, l := range s.bag.letters[n:] {
				s.hear(l) // about what the shop did then
			}
		})
	}
	for i := range n {
		try(func(s *lifecycleStand) { s.hear(s.bag.letters[i]) })
	}
	t.Logf("%d callbacks, %d ways to hear them", n, tried)
}

func permutations(n int) (all [][]int) {
	if n == 0 {
		return [][]int{nil}
	}
	for _, shorter := range permutations(n - 1) {
		for at := range n {
			all = append(all, slices.Insert(slices.Clone(shorter), at, n-1))
		}
	}
	return all
}

// seedsOf is how often every lifecycle of a provider is played while the shop
// hears of it: so many times in all for each provider.
func seedsOf(provider string) int {
	n := 0
	for _, l := range lifecycles() {
		if l.provider == provider {
			n++
		}
	}
	if testing.Short() {
		return 1
	}
	return max(3, 1+50/n)
}

// The lifecycle goes on step by step, after each of which the shop hears all
// that was ever told, in any order. Half the time the next step happens, and is
// told to another process, while the shop waits for an answer: what it then
// hears is not true any more.
func TestLifecycle_HeardOnTheWay(t *testing.T) {
	template := lifecycleTemplate(t)
	for _, l := range lifecycles() {
		t.Run(l.String(), func(t *testing.T) {
			t.Parallel()
			quiet := l.plays(t, template)
			quiet.goes("ask")
			want := quiet.story()
			late := 0
			for seed := range seedsOf(l.provider) {
				s := newLifecycleStand(t, template, l)
				late += s.onTheWay(l, rand.New(rand.NewPCG(uint64(seed), 3)))
				s.sound(seed)
				if got := s.story(); got.end != want.end {
					t.Errorf("seed %d: ends as\n%s%s\nwith nothing heard as\n%s%s", seed, got.end, got.books, want.end, want.books)
				}
				s.sound(seed)
			}
			t.Logf("%d answers were old when they came", late)
		})
	}
}

// onTheWay plays a lifecycle while the shop hears of it, and says how often an
// answer was not true any more when it came.
func (s *lifecycleStand) onTheWay(l lifecycle, rng *rand.Rand) (late int) {
	s.t.Helper()
	steps := l.all()
	next := func() {
		step := steps[0]
		steps = steps[1:]
		s.goes(step)
	}
	s.bag.letters = nil
	for len(steps) > 0 {
		next()
		letters := slices.Clone(s.bag.letters)
		rng.Shuffle(len(letters), func(i, j int) { letters[i], letters[j] = letters[j], letters[i] })
		if rng.IntN(2) == 0 && len(steps) > 0 && !strings.Contains(steps[0], " ") {
			s.meanwhile = func() {
				late++
				next()
				s.hear(s.bag.letters[rng.IntN(len(s.bag.letters))])
			}
		}
		s.hearAll(letters)
		s.meanwhile = nil
	}
	letters := slices.Clone(s.bag.letters)
	rng.Shuffle(len(letters), func(i, j int) { letters[i], letters[j] = letters[j], letters[i] })
	s.hearAll(letters)
	s.goes("ask")
	return late
}
