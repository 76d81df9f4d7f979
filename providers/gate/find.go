package gate

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"till/providers"
)

const (
	pageSize = 20  // orders: a page of whole ones stays far below what is read of an answer
	maxPages = 100 // of a list that are read for one question
	maxQuery = 2048
)

// errTooMany says that a list was not read to its end.
var errTooMany = errors.New("there are too many orders to be sure that this one is not there")

// Find implements providers.Finder by the order number, which is the payment's
// id. The documents describe neither how orders are sorted nor what the search
// looks at, and a payment that is there and not found would be opened twice. So
// a search that finds nothing is believed only when it finds another order by
// its number; where it does not, all orders are read. found is false when one
// of the two was certain.
//
// Of several orders under the number it is the one that got furthest. It is
// read by its id then, for the lists hold other buyers' orders. A refusal is
// one of the question and says nothing about the payment: Find never fails with
// KindRejected.
func (c *Client) Find(ctx context.Context, req providers.StartRequest) (providers.Started, bool, error) {
	s, found, err := c.find(ctx, req)
	var e *providers.Error
	if errors.As(err, &e) && e.Kind == providers.KindRejected {
		e.Kind = providers.KindUnavailable
	}
	return s, found, err
}

func (c *Client) find(ctx context.Context, req providers.StartRequest) (providers.Started, bool, error) {
	o, report, err := c.locate(ctx, "find", req.PaymentID)
	if err != nil || o.ID == "" {
		return providers.Started{}, false, err
	}
	s, _ := c.started(o, report, page) // an order that cannot be shown is found, with an empty URL
	return s, true, nil
}

// locate reads the order of a number; the zero order when there is certainly
// none.
func (c *Client) locate(ctx context.Context, op, number string) (order, providers.Report, error) {
	if number == "" {
		return order{}, providers.Report{}, rejected(op, errors.New("a payment id is required"))
	}
	best, err := c.search(ctx, number)
	if err == nil && best.ID == "" {
		best, err = c.makeSure(ctx, number)
	}
	if err != nil || best.ID == "" {
		return order{}, providers.Report{}, err
	}
	return c.get(ctx, op, providers.Payment{ID: number, Ref: best.ID})
}

// search asks the Gate's search for a number.
func (c *Client) search(ctx context.Context, number string) (listed, error) {
	var best listed
	err := c.pages(ctx, url.Values{"quick_search": {number}}, func(lines []listed, _ bool) (bool, error) {
		best = furthest(best, lines, number)
		return true, nil
	})
	return best, err
}

// makeSure looks for a number that the search has not found: on the first page
// of the plain list, then, unless the search is shown to work, on the others.
func (c *Client) makeSure(ctx context.Context, number string) (listed, error) {
	var best listed
	tried := false
	err := c.pages(ctx, url.Values{}, func(lines []listed, last bool) (bool, error) {
		best = furthest(best, lines, number)
		if best.ID != "" || last || tried {
			return best.ID == "", nil
		}
		tried = true
		works, err := c.searchWorks(ctx, lines)
		return !works, err
	})
	return best, err
}

// searchWorks reports whether the search finds one of these orders by its
// number.
func (c *Client) searchWorks(ctx context.Context, lines []listed) (bool, error) {
	at := slices.IndexFunc(lines, func(o listed) bool { return o.number() != "" })
	if at < 0 {
		return false, nil
	}
	known, err := c.search(ctx, lines[at].number())
	return known.ID != "", err
}

// listed is what a list's line must have to be of use.
type listed struct {
	ID     string          `json:"id"`
	Number json.RawMessage `json:"number"` // may be null, but not missing
	Status text            `json:"status"`
}

func (o listed) number() string {
	var number text
	_ = json.Unmarshal(o.Number, &number) // text takes anything
	return string(number)
}

// check refuses a line that may be the order in question without saying so.
func (o listed) check() error {
	if len(o.Number) == 0 {
		return errors.New("a line does not say its number")
	}
	return checkRef(o.ID)
}

// furthest is the order of that number that got furthest, or the one before.
func furthest(best listed, lines []listed, number string) listed {
	for _, o := range lines {
		if o.number() == number && (best.ID == "" || rank(o) > rank(best)) {
			best = o
		}
	}
	return best
}

// rank says how much an order of some number is the one that counts.
func rank(o listed) int {
	switch meaningOf(string(o.Status)).outcome {
	case providers.Paid:
		return 5
	case providers.Authorized:
		return 4
	case providers.Processing:
		return 3
	case providers.Open:
		return 2
	case providers.Unknown:
		return 1
	default:
		return 0
	}
}

// pages reads a list of orders page by page, until more says that it has seen
// enough or the list ends. Not to have reached the end of a list that goes on
// is an error.
func (c *Client) pages(ctx context.Context, query url.Values, more func(lines []listed, last bool) (bool, error)) error {
	query.Set("page_size", strconv.Itoa(pageSize))
	next := query.Encode()
	for range maxPages {
		lines, following, err := c.page(ctx, next)
		if err != nil {
			return err
		}
		goOn, err := more(lines, following == "")
		if err != nil || !goOn || following == "" {
			return err
		}
		next = following
	}
	return &providers.Error{Provider: name, Op: "find", Kind: providers.KindUnavailable, Err: errTooMany}
}

// page reads one page, and returns the query of the next, if there is one.
func (c *Client) page(ctx context.Context, query string) ([]listed, string, error) {
	const op = "find"
	reply, err := c.do(ctx, providers.Call{Op: op, Method: http.MethodGet, URL: c.address(ordersPath) + "?" + query})
	if err != nil {
		return nil, "", err
	}
	lines, next, err := readPage[listed](reply.Body, query)
	for _, o := range lines {
		if err == nil {
			err = o.check()
		}
	}
	if err != nil {
		return nil, "", unlisted(op, reply, err)
	}
	return lines, next, nil
}

// readPage reads the envelope of every list.
func readPage[T any](body []byte, query string) (lines []T, next string, err error) {
	var list struct {
		Next    json.RawMessage `json:"next"`
		Results *[]T            `json:"results"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, "", err
	}
	if list.Results == nil {
		return nil, "", errors.New("it has no results")
	}
	next, err = nextQuery(list.Next, query)
	return *list.Results, next, err
}

// unlisted is the error for a list that cannot be read. The list is not kept,
// since it is about other buyers.
func unlisted(op string, reply providers.Reply, err error) error {
	return &providers.Error{
		Provider: name, Op: op, Kind: providers.KindUnavailable, Status: reply.Status, Err: fmt.Errorf("the answer is no list: %w", err),
	}
}

// nextQuery is the query of the page after the one of the given query; empty
// after the last. The link to it is never followed, for the key would go with
// it: its query is asked at our own address. A link that is no address is taken
// for a cursor.
func nextQuery(raw json.RawMessage, query string) (string, error) {
	var link *string
	if !missing(raw) && json.Unmarshal(raw, &link) != nil {
		return "", errors.New("its next page is no text")
	}
	if link == nil || *link == "" {
		return "", nil
	}
	u, err := url.Parse(*link)
	if err != nil || len(*link) > maxQuery {
		return "", errors.New("its next page is no address")
	}
	next := u.Query().Encode()
	if next == "" {
		values, _ := url.ParseQuery(query) // it is our own
		values.Set("cursor", *link)
		next = values.Encode()
	}
	if next == query {
		return "", errors.New("its next page is this page")
	}
	return next, nil
}
