package admin

import (
	"math/big"
	"net/url"
	"strconv"
	"strings"
	"time"

	"till/money"
	"till/views/ui"
)

// OverviewPage is the first page of the dashboard: what needs a person, and how
// the shop does.
type OverviewPage struct {
	Frame Frame
	Needs []Need
	Begin *Begin // what to do first; nil when the shop has an order
	Span  Span
	Tests bool // the figures are those of tests
	Demo  bool // where nothing but tests is meant
	Books []Book
}

// Begin is what a new shop does first, and what of it is done.
type Begin struct {
	Named     bool // staff have saved the settings
	Products  bool
	Providers bool
	MayName   bool // whoever looks may do it, as the next one
	MaySell   bool
}

// Span is the days that figures are shown of, and those that they are compared
// with: 2026-11-21.
type Span struct {
	Days                 int // 1 is today so far
	From, To             string
	BeforeFrom, BeforeTo string
}

// Spans are the periods to choose from, in days.
var Spans = []int{1, 7, 30, 90}

// Totals is what some days come to in one currency, in minor units.
type Totals struct {
	Taken, Refunded, Disputed   int64
	Orders, Attempts, Succeeded int64
}

// Net is what was taken and neither went back nor is disputed.
func (t Totals) Net() int64 { return t.Taken - t.Refunded - t.Disputed }

// Book is the figures of one currency.
type Book struct {
	Currency money.Currency
	Now      Totals
	Before   Totals
	Methods  []MethodRow
	Days     []DayRow // of the chart: they follow each other
}

// MethodRow is the figures of one method of one provider.
type MethodRow struct {
	Provider string // label
	Method   string // empty when the provider has one
	Totals
	Before Totals
}

// DayRow is the figures of one day.
type DayRow struct {
	Day string // 2026-11-21
	Totals
}

// NeedKind is why a person is needed.
type NeedKind string

// The kinds of need, the most pressing first.
const (
	NeedItem     NeedKind = "item"     // of the inbox
	NeedLapsing  NeedKind = "lapsing"  // reservations that end soon
	NeedApproval NeedKind = "approval" // refunds that wait for a second person
	NeedJob      NeedKind = "job"      // work that was given up
	NeedRetry    NeedKind = "retry"    // work that is tried again
	NeedMail     NeedKind = "mail"     // mails that cannot be sent
	NeedLate     NeedKind = "late"     // questions that were not asked in time
	NeedCallback NeedKind = "callback" // a provider that does not call
	NeedPack     NeedKind = "pack"
	NeedShip     NeedKind = "ship"
)

// Need is one line of what needs a person now.
type Need struct {
	Kind      NeedKind
	Attention Attention // of items
	Count     int
	More      bool   // there are more than Count
	Order     string // number of the first of them; may be empty
	Provider  string // label
	Since     When
	Days      int    // how many days a warning comes before
	Job       string // what is to be done
	URL       string // where it can be handled
}

func (p OverviewPage) page() ui.Page {
	return ui.Page{Name: "admin-overview", Title: "Overview", Quiet: true}
}

// url is the overview with another period, or other figures.
func (p OverviewPage) url(days int, tests bool) string {
	q := url.Values{}
	if days != Spans[0] {
		q.Set("days", strconv.Itoa(days))
	}
	switch {
	case tests && !p.Demo:
		q.Set("figures", "tests")
	case !tests && p.Demo:
		q.Set("figures", "real")
	}
	if len(q) == 0 {
		return "/admin"
	}
	return "/admin?" + q.Encode()
}

// spanName is a period to choose.
func spanName(days int) string {
	if days == 1 {
		return "Today"
	}
	return strconv.Itoa(days) + " days"
}

// says is which days are shown, and which they are compared with.
func (s Span) says() string {
	if s.Days == 1 {
		return "Today, " + longDay(s.To) + ", so far. Compared with all of yesterday."
	}
	return "Whole days, " + longDay(s.From) + " to " + longDay(s.To) + ", compared with the " + strconv.Itoa(s.Days) + " days before. Today joins them when it is over."
}

// chartTitle is what the chart shows.
func (s Span) chartTitle() string {
	if s.Days == 1 {
		return "The last 7 days, today so far"
	}
	return "Day by day"
}

// longDay is a day as people write it; one that is none stays as it is.
func longDay(day string) string { return dayAs(day, "Monday 2 January 2006") }

func shortDay(day string) string { return dayAs(day, "2 January 2006") }

func dayAs(day, layout string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return t.Format(layout)
}

func (d DayRow) short() string { return dayAs(d.Day, "2 Jan") }

func (d DayRow) long() string { return dayAs(d.Day, "2 January") }

// sentence is the day with what was taken and refunded.
func (d DayRow) sentence(c money.Currency) string {
	return longDay(d.Day) + ": " + amountOf(c, d.Taken) + " taken, " + amountOf(c, d.Refunded) + " refunded"
}

func amountOf(c money.Currency, minor int64) string {
	return money.Amount{Minor: minor, Currency: c}.Format(locale)
}

func (b Book) amount(minor int64) string { return amountOf(b.Currency, minor) }

func (b Book) id(part string) string { return part + "-" + strings.ToLower(string(b.Currency)) }

func (b Book) chart() chart { return newChart(b.Currency, b.Days) }

// rate is how many of the payments that were begun had success.
func (t Totals) rate() string {
	if t.Attempts <= 0 {
		return "–"
	}
	return ratio(t.Succeeded, t.Attempts).String() + " %"
}

// bookFigure is one number of a book, with the one before.
type bookFigure struct {
	name   string
	value  string
	before string
	change string // how much more or less; empty where that says nothing
	testid string
}

// figures are the numbers of a book, money first.
func (b Book) figures() []bookFigure {
	now, before := b.Now, b.Before
	inMoney := func(name, testid string, n, was int64) bookFigure {
		return bookFigure{name, b.amount(n), b.amount(was), change(n, was), testid}
	}
	count := func(name, testid string, n, was int64) bookFigure {
		return bookFigure{name, strconv.FormatInt(n, 10), strconv.FormatInt(was, 10), change(n, was), testid}
	}
	return []bookFigure{
		inMoney("Taken", "taken", now.Taken, before.Taken),
		inMoney("Refunded", "refunded", now.Refunded, before.Refunded),
		inMoney("Disputed", "disputed", now.Disputed, before.Disputed),
		inMoney("Net", "net", now.Net(), before.Net()),
		count("Orders", "orders", now.Orders, before.Orders),
		count("Payments begun", "attempts", now.Attempts, before.Attempts),
		{name: "Of these with success", value: now.rate(), before: before.rate(), testid: "rate"},
	}
}

// change is how much more or less it is than before, in whole percents.
func change(now, before int64) string {
	switch {
	case now == before:
		return "no change"
	case before <= 0 || now < 0:
		return "" // a part of nothing
	case now > before:
		return "up " + ratio(now-before, before).String() + " %"
	default:
		return "down " + ratio(before-now, before).String() + " %"
	}
}

// ratio is part of whole in percents, rounded.
func ratio(part, of int64) *big.Int {
	n := new(big.Int).Mul(big.NewInt(part), big.NewInt(200))
	n.Add(n, big.NewInt(of))
	return n.Quo(n, new(big.Int).Mul(big.NewInt(of), big.NewInt(2)))
}

// name is the method with its provider.
func (m MethodRow) name() string { return with(m.Provider, ", ", m.Method) }

// count is how many there are, or how many at least.
func (n Need) count() string {
	if n.More {
		return strconv.Itoa(n.Count) + "+"
	}
	return strconv.Itoa(n.Count)
}

// many reports whether it is about more than one.
func (n Need) many() bool { return n.Count > 1 || n.More }

// of is a count with its noun.
func (n Need) of(one, several string) string {
	if n.many() {
		return n.count() + " " + several
	}
	return "1 " + one
}

// title is what it is, in a few words.
func (n Need) title() string {
	switch n.Kind {
	case NeedItem:
		return n.Attention.word()
	case NeedLapsing:
		return n.of("reservation is about to lapse", "reservations are about to lapse")
	case NeedApproval:
		return n.of("refund waits for a second person", "refunds wait for a second person")
	case NeedJob:
		return n.of("job was given up", "jobs were given up") + ": " + n.job()
	case NeedRetry:
		return n.of("job had no success yet", "jobs had no success yet") + ": " + n.job()
	case NeedMail:
		return n.of("mail could not be sent", "mails could not be sent")
	case NeedLate:
		return n.of("payment was not asked about in time", "payments were not asked about in time")
	case NeedCallback:
		return "No callback from " + n.Provider
	case NeedPack:
		return n.of("order to pack", "orders to pack")
	case NeedShip:
		return n.of("order to ship", "orders to ship")
	default:
		return string(n.Kind)
	}
}

// job is what a job does. A word that we do not know is shown as it is.
func (n Need) job() string {
	switch n.Job {
	case "settle_delivery":
		return "settling after a callback"
	case "send_mail":
		return "sending a mail"
	case "tidy":
		return "tidying"
	default:
		return n.Job
	}
}

// text says more about it, as a sentence that may be followed by a time.
func (n Need) text() string {
	switch n.Kind {
	case NeedItem:
		if n.many() {
			return n.count() + " wait in the inbox, the oldest since"
		}
		return "waits in the inbox since"
	case NeedLapsing:
		return "Take the money or give it back. The first one ends"
	case NeedApproval:
		return "Whoever asked cannot agree. The oldest was asked for"
	case NeedJob:
		return "It is not tried again by itself. The oldest is from"
	case NeedRetry:
		return "It is tried again by itself. The oldest is from"
	case NeedMail:
		return "The mail server did not take it. The oldest is from"
	case NeedLate:
		return "The timer is behind, or the provider is not set up any more. The first was due"
	case NeedCallback:
		if n.Since.known() {
			return "Payments are settled by asking, which takes longer. Check the address that it calls. No callback since"
		}
		return "It never called. Payments are settled by asking, which takes longer. Check the address that it calls."
	case NeedPack, NeedShip:
		return "Paid for, and still here."
	default:
		return ""
	}
}

func (n Need) tone() ui.Tone {
	switch n.Kind {
	case NeedItem, NeedLapsing, NeedApproval, NeedMail, NeedLate, NeedCallback:
		return ui.Warn
	case NeedJob:
		return ui.Bad
	case NeedRetry, NeedPack, NeedShip:
		return ui.Info
	default:
		return ui.Warn
	}
}

func (n Need) icon() ui.IconName {
	switch n.Kind {
	case NeedItem, NeedApproval:
		return ui.IconPerson
	case NeedLapsing, NeedLate, NeedRetry:
		return ui.IconClock
	case NeedJob, NeedMail, NeedCallback:
		return ui.IconWarn
	case NeedPack, NeedShip:
		return ui.IconArrow
	default:
		return ui.IconWarn
	}
}

// step is one thing that a new shop does.
type step struct {
	done  bool
	title string
	text  string
	href  string // empty for what is not done in the dashboard, or not by whoever looks
	link  string
}

func (b Begin) steps() []step {
	name := step{done: b.Named, title: "Name the shop", text: "Its name, address and time zone stand on every page and receipt."}
	if b.MayName {
		name.href, name.link = "/admin/settings", "Settings"
	}
	products := step{done: b.Products, title: "Add products", text: "With a price in each currency that you sell in."}
	if b.MaySell {
		products.href, products.link = "/admin/products", "Products"
	}
	return []step{
		name, products,
		{b.Providers, "Set a payment provider up", "Its keys stand in the settings of the program, not here: see running.md. The page of the providers says what is there.", "/admin/providers", "Providers"},
		{false, "Place a test order", "Put something in the cart, go to the checkout, and pay. It appears here the moment that you place it.", "/", "Open the shop"},
	}
}
