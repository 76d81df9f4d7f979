package admin

import (
	"math/bits"
	"strconv"

	"till/money"
)

// chart is bars by day: what was taken stands above a line, what went back
// hangs below it. Across it is measured in hundredths of a percent of its width,
// so that it is as wide as the page, and down it in pixels, so that its words
// have the size of the page's.
type chart struct {
	currency   money.Currency
	bars       []bar
	lines      []gridline
	days       []dayMark
	zero       int // of the line between the two
	title      string
	desc       string
	emptyWords string // instead of bars; empty where there are some
}

// bar is one day.
type bar struct {
	x, width string // percent
	up, down int    // pixels above and below the line
	top      int    // where the upper part begins
	title    string // the day with its figures
}

// gridline is a height with its amount.
type gridline struct {
	y     int
	label string
}

// dayMark is a day named below the bars.
type dayMark struct {
	x      string
	anchor string // of its text
	label  string
}

const (
	chartPlot = 180 // pixels from the highest amount to the lowest
	chartHead = 16  // above it, for the uppermost label
	chartFoot = 28  // below it, for the days
	chartGap  = 18  // between two labels
	whole     = 10000
)

func (chart) height() string { return strconv.Itoa(chartHead + chartPlot + chartFoot) }

func (chart) foot() string { return strconv.Itoa(chartHead + chartPlot + chartFoot - 6) }

func (c chart) baseline() string { return strconv.Itoa(c.zero) }

// newChart draws days that follow each other.
func newChart(currency money.Currency, days []DayRow) chart {
	c := chart{currency: currency}
	var most, least int64 // above and below the line
	for _, d := range days {
		up, down := d.parts()
		most, least = max(most, up), max(least, down)
	}
	c.title, c.desc = "Taken and refunded per day in "+string(currency), c.describe(days)
	if most == 0 && least == 0 {
		c.emptyWords = "Nothing was taken or refunded in these days."
	}
	most, least = nice(most), nice(least)
	above := chartPlot
	if least > 0 {
		above = 0
		if most > 0 { // halves, of which the sum can be counted; both have a place, however small
			above = min(max(scale(most/2, most/2+least/2+1, chartPlot), 1), chartPlot-1)
		}
	}
	below := chartPlot - above
	c.zero = chartHead + above
	if most > 0 && above >= chartGap {
		c.lines = append(c.lines, gridline{chartHead, c.amount(most)})
	}
	c.lines = append(c.lines, gridline{c.zero, c.amount(0)})
	if least > 0 && below >= chartGap {
		c.lines = append(c.lines, gridline{chartHead + chartPlot, c.amount(least)})
	}
	for i, d := range days {
		up, down := d.parts()
		one := bar{up: height(up, most, above), down: height(down, least, below), title: d.sentence(currency)}
		one.top = c.zero - one.up
		from, to := i*whole/len(days), (i+1)*whole/len(days)
		gap := (to - from) / 6
		one.x, one.width = percent(from+gap), percent(to-from-2*gap)
		c.bars = append(c.bars, one)
	}
	c.mark(days)
	return c
}

// mark names the first day, the last one, and one in the middle where there is
// room.
func (c *chart) mark(days []DayRow) {
	n := len(days)
	if n == 0 {
		return
	}
	if n == 1 {
		c.days = []dayMark{{percent(whole / 2), "middle", days[0].short()}}
		return
	}
	c.days = []dayMark{{percent(0), "start", days[0].short()}}
	if n >= 5 {
		c.days = append(c.days, dayMark{percent((2*(n/2) + 1) * whole / (2 * n)), "middle", days[n/2].short()})
	}
	c.days = append(c.days, dayMark{percent(whole), "end", days[n-1].short()})
}

// describe says what the bars show to those who cannot see them.
func (c chart) describe(days []DayRow) string {
	if len(days) == 0 {
		return ""
	}
	best := days[0]
	var taken, refunded int64
	for _, d := range days {
		taken, refunded = addUp(taken, d.Taken), addUp(refunded, d.Refunded)
		if d.Taken > best.Taken {
			best = d
		}
	}
	s := "From " + days[0].long() + " to " + days[len(days)-1].long() + ": " + c.amount(taken) + " taken, " + c.amount(refunded) + " refunded."
	if best.Taken > 0 {
		s += " The best day was " + best.long() + " with " + c.amount(best.Taken) + "."
	}
	return s + " The same numbers are in the table below."
}

func (c chart) amount(minor int64) string {
	return money.Amount{Minor: minor, Currency: c.currency}.Format(locale)
}

// parts is what stands above the line and what hangs below it. What came again
// of refunds stands with what was taken, and what a provider took back of it
// hangs with the refunds.
func (d DayRow) parts() (up, down int64) {
	up, down = max(d.Taken, 0), max(d.Refunded, 0)
	if d.Refunded < 0 {
		up = addUp(up, -d.Refunded)
	}
	if d.Taken < 0 {
		down = addUp(down, -d.Taken)
	}
	return up, down
}

// height is how many of so many pixels a part of a whole has: one at least,
// where there is anything.
func height(part, of int64, pixels int) int {
	if part <= 0 || of <= 0 {
		return 0
	}
	return max(1, scale(part, of, pixels))
}

// scale is part of all, of so many pixels, rounded down. All must be above 0,
// and not less than part.
func scale(part, all int64, pixels int) int {
	if part < 0 || all <= 0 || part > all || pixels < 0 {
		return 0
	}
	hi, lo := bits.Mul64(uint64(part), uint64(pixels))
	quotient, _ := bits.Div64(hi, lo, uint64(all)) // less than pixels, so that it fits
	return int(quotient)                           //nolint:gosec // not more than pixels
}

// nice is the least of 1, 2, 2.5, 5 and 10 times a power of ten that is not
// less than n; n itself where there is none.
func nice(n int64) int64 {
	if n <= 0 {
		return 0
	}
	const most = int64(1) << 62
	for step := int64(1); step <= most/10; step *= 10 {
		for _, tenths := range []int64{10, 20, 25, 50} {
			if v := step * tenths / 10; v >= n && step*tenths%10 == 0 {
				return v
			}
		}
	}
	return n
}

// addUp adds, and stays at the end of what can be counted.
func addUp(a, b int64) int64 {
	sum := a + b
	switch {
	case a > 0 && b > 0 && sum < 0:
		return 1<<63 - 1
	case a < 0 && b < 0 && sum >= 0:
		return -1 << 63
	default:
		return sum
	}
}

// percent writes hundredths of a percent.
func percent(n int) string {
	s := strconv.Itoa(n / 100)
	if rest := n % 100; rest > 0 {
		s += "." + strconv.Itoa(rest/10) + strconv.Itoa(rest%10)
	}
	return s + "%"
}

func (b bar) topAt() string { return strconv.Itoa(b.top) }

func (b bar) upBy() string { return strconv.Itoa(b.up) }

func (b bar) downBy() string { return strconv.Itoa(b.down) }

func (g gridline) at() string { return strconv.Itoa(g.y) }

// labelAt is where the label's letters stand.
func (g gridline) labelAt() string { return strconv.Itoa(g.y + 4) }
