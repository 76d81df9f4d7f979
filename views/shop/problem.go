package shop

import (
	"strconv"

	"till/views/ui"
)

// ProblemPage says that a request could not be answered: what happened, what
// it means for the shopper's money, what to do.
type ProblemPage struct {
	Frame        ui.Frame
	Status       int    // 400, 403, 404, 405, 413, 422, 429, 500, 503; others read as 500
	OrderURL     string // page of the order it is about; may be empty
	RetrySeconds int    // for 429 and 503; 0 when not known
	RetryURL     string // the page to look at again; may be empty
	RequestID    string // to mention when writing to us; may be empty
}

func (p ProblemPage) page() ui.Page {
	return ui.Page{Name: "problem", Title: p.Headline(), Problem: true, Quiet: true}
}

// Headline says what happened in a few words.
func (p ProblemPage) Headline() string {
	switch p.Status {
	case 400, 422:
		return "We could not read that"
	case 403:
		return "That came from another site"
	case 404:
		return "There is nothing at this address"
	case 405:
		return "This page cannot do that"
	case 413:
		return "That was too much to send"
	case 429:
		return "That was a lot of tries"
	case 503:
		return "We need a moment"
	default:
		return "Something went wrong on our side"
	}
}

// second and third leave the first place to the way on that comes before them.
func (p ProblemPage) second() ui.Kind {
	if p.RetryURL != "" {
		return ui.Secondary
	}
	return ui.Primary
}

func (p ProblemPage) third() ui.Kind {
	if p.OrderURL != "" {
		return ui.Secondary
	}
	return p.second()
}

func (p ProblemPage) happened() string {
	switch p.Status {
	case 400, 422:
		return "Your browser sent something this page does not understand. It may have been cut off on the way."
	case 403:
		return "To protect you, this shop only takes forms sent from its own pages. Yours seems to come from somewhere else."
	case 404:
		return "The product may be sold no more, or the link may be missing a piece at its end."
	case 405:
		return "The address is right, but it takes another kind of request."
	case 413:
		return "What your browser sent is larger than this page takes."
	case 429:
		return "More requests came from your connection than this page takes in a short time."
	case 503:
		return "The shop cannot read or write its books at the moment."
	default:
		return "The page could not be made. We have noted what happened."
	}
}

func (p ProblemPage) money() string {
	switch p.Status {
	case 404:
		return "If you were looking for an order: nothing has happened to it or to its payment."
	case 500, 503:
		return "If you were paying, please do not pay again before you have looked at your order page. It always shows how your payment stands."
	case 400, 403, 405, 413, 422, 429:
		return "Nothing was ordered and nothing was charged by this."
	default:
		return "If you were paying, please do not pay again before you have looked at your order page. It always shows how your payment stands."
	}
}

func (p ProblemPage) todo() string {
	switch p.Status {
	case 403:
		return "Open the shop again and go on from there."
	case 404:
		return "Check the link, or look around the shop."
	case 429:
		return "Wait " + wait(p.RetrySeconds) + ", then try again."
	case 503:
		return "Try again in " + wait(p.RetrySeconds) + "."
	case 413:
		return "Go back and send less."
	case 400, 405, 422:
		return "Go back one page and try again."
	default:
		return "Try again in a minute."
	}
}

func wait(seconds int) string {
	switch {
	case seconds <= 0:
		return "a minute"
	case seconds < 60:
		return strconv.Itoa(seconds) + " seconds"
	case seconds < 120:
		return "a minute"
	default:
		return strconv.Itoa((seconds+59)/60) + " minutes"
	}
}
