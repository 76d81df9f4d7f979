// Package admin holds the pages of the dashboard: login, the list of orders,
// one order, and what staff see when something went wrong. A page is a function
// of its struct. What a state is called, which colour it has and what may be
// done about it is decided here, by a method with a switch; which rows it is
// about is decided in handlers.
package admin

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"till/views/ui"
)

// Frame is what surrounds every page of the dashboard.
type Frame struct {
	ui.Frame        // of the shop's only ShopName, Assets, Flash and Demo are looked at
	Email    string // who is signed in; empty before login
	Waiting  int    // orders that need attention
	Inbox    int    // items that wait in the inbox
	Alarm    bool   // the flash tells of something that did not go as it should

	Recovered bool // a form on the page has what was typed before the login
}

// When is a moment as the pages show it. The zero value is "never" and shows
// as a dash.
type When struct {
	Machine string // for <time datetime>, RFC 3339
	Short   string // "14:32" today, "20 Nov, 14:32" this year, "20 Nov 2025" before
	Exact   string // "Friday 21 November 2026, 14:32:05 NZDT"
}

// At is t as a clock in zone shows it to somebody who reads the page at now.
// A zero t is the zero When.
func At(t, now time.Time, zone *time.Location) When {
	if t.IsZero() {
		return When{}
	}
	t, now = t.In(zone), now.In(zone)
	short := "2 Jan 2006"
	switch {
	case t.Year() == now.Year() && t.YearDay() == now.YearDay():
		short = "15:04"
	case t.Year() == now.Year():
		short = "2 Jan, 15:04"
	}
	return When{
		Machine: t.Format(time.RFC3339),
		Short:   t.Format(short),
		Exact:   t.Format("Monday 2 January 2006, 15:04:05 MST"),
	}
}

// known reports whether it ever happened.
func (w When) known() bool { return w.Machine != "" }

// Problem is a page that says what went wrong and what to do, inside the
// dashboard. Frame.Email may be empty: then there is no navigation.
type Problem struct {
	Frame  Frame
	Status int    // HTTP status of the answer
	Title  string // what happened
	Text   string // what it means and what to do
	Code   string // the request's id, for whoever reads the log; may be empty
}

func (p Problem) page() ui.Page {
	return ui.Page{Name: "admin-problem", Title: p.Title, Problem: true, Quiet: true}
}

func orderURL(number string) string { return "/admin/orders/" + pathEscape(number) }

func pathEscape(part string) string { return url.PathEscape(part) }

// times is how often something happened.
func times(n int64) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	default:
		return strconv.FormatInt(n, 10) + " times"
	}
}

// with joins two parts, or leaves the first alone when there is no second.
func with(first, joint, second string) string {
	if second == "" {
		return first
	}
	return first + joint + second
}

// spoken is a machine's word as people write it: "refund_failed" becomes
// "refund failed". Whatever is more than such words stays as it is.
func spoken(text string) string {
	if !machineWord.MatchString(text) {
		return text
	}
	return strings.ReplaceAll(text, "_", " ")
}

var machineWord = regexp.MustCompile(`^[a-z0-9]+(_[a-z0-9]+)+$`)

// quoted is somebody else's word, as said by them; empty when they said none.
func quoted(word string) string {
	if word == "" {
		return ""
	}
	return "“" + spoken(word) + "”"
}

// orEmpty says so where there is nothing to show.
func orEmpty(text string) string {
	if text == "" {
		return "(empty)"
	}
	return text
}

// flashTone is how the flash is said.
func (f Frame) flashTone() ui.Tone {
	if f.Alarm {
		return ui.Warn
	}
	return ui.Info
}

// lower makes the beginning of a sentence the middle of one.
func lower(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(unicode.ToLower(first)) + s[size:]
}

// upper makes the middle of a sentence the beginning of one.
func upper(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(unicode.ToUpper(first)) + s[size:]
}
