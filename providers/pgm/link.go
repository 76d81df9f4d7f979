package pgm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"till/providers"
)

// linkAnswer is the answer of pay-by-link. The page's sample says resultCode,
// the prose below it result.
type linkAnswer struct {
	ResultCode text  `json:"resultCode"`
	Result     text  `json:"result"`
	PaymentID  ident `json:"paymentId"`
	Link       text  `json:"link"`
}

// MakeLink implements providers.LinkMaker. The link is the service's, not the
// method's: at its page the buyer may find other methods too.
//
// There is no idempotency key, so that it is sent once. The payment's id is
// optional in the answer: Started.Ref is empty where it is missing, and the
// callback will name the payment by our PaymentID. KO is a KindRejected, and so
// is a link on a host that is not allowed: nobody gets it, so it takes no money.
func (c *Client) MakeLink(ctx context.Context, req providers.StartRequest) (providers.Started, error) {
	const op = "link"
	way, err := c.checkStart(req)
	if err == nil {
		err = checkLink(way)
	}
	if err != nil {
		return providers.Started{}, rejected(op, err)
	}
	body, err := json.Marshal(newPayment{
		Amount: req.Amount.Minor, Currency: req.Amount.Currency, ShopTransactionID: req.PaymentID,
		SuccessRedirectURL: req.SuccessURL, FailureRedirectURL: req.ErrorURL,
	})
	if err != nil {
		return providers.Started{}, rejected(op, err)
	}
	reply, err := c.do(ctx, providers.Call{Op: op, Method: http.MethodPost, URL: c.address(way.Provider, "pay-by-link"), Body: body})
	if err != nil {
		return providers.Started{}, err
	}
	return c.linked(op, way, reply)
}

// Links reports whether MakeLink can be asked with a method. It is no part of
// the contract: there, all methods of a provider are taken to be alike.
func (c *Client) Links(method string) bool {
	way, ok := c.offered(method)
	return ok && checkLink(way) == nil
}

// checkLink says why a choice has no links. A service that no page describes is
// asked.
func checkLink(way choice) error {
	s, known := services()[way.Provider]
	switch {
	case way.Method == "":
		return fmt.Errorf("%s is an external integration: those have no pay by link", way)
	case known && !s.links:
		return fmt.Errorf("%s has no pay by link", s.label)
	default:
		return nil
	}
}

// linked puts the answer of pay-by-link in our words.
func (c *Client) linked(op string, way choice, reply providers.Reply) (providers.Started, error) {
	var out linkAnswer
	if err := json.Unmarshal(reply.Body, &out); err != nil {
		return providers.Started{}, unusable(op, reply, fmt.Errorf("the answer is no result: %w", err))
	}
	word := out.ResultCode
	if word == "" {
		word = out.Result
	}
	result := normal(word)
	switch {
	case result == "":
		return providers.Started{}, unusable(op, reply, errors.New("the answer has no result"))
	case result == resultKO:
		return providers.Started{}, refused(op, reply, resultKO, nil)
	case out.PaymentID != "" && checkRef(string(out.PaymentID)) != nil:
		return providers.Started{}, unusable(op, reply, checkRef(string(out.PaymentID)))
	case result != resultOK:
		return providers.Started{}, unusable(op, reply, errors.New("the answer has a result that we do not know"))
	case out.Link == "":
		return providers.Started{}, refused(op, reply, "", errors.New("the answer has no link"))
	}
	if err := c.checkPage(string(out.Link)); err != nil {
		return providers.Started{}, refused(op, reply, "", err)
	}
	// The OK is about the link. Kept as the payment's own it could be taken for
	// money where there is no status to ask for.
	return providers.Started{
		Ref: string(out.PaymentID), URL: string(out.Link), Data: place{choice: way, Result: resultRedirect}.save(),
		Report: providers.Report{
			Ref: string(out.PaymentID), Outcome: providers.Open, Word: string(word), Status: reply.Status, Raw: kept(reply),
		},
	}, nil
}
