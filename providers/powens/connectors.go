package powens

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"till/providers"
)

// Bounds of the list of connectors, whose entries are some kilobytes each.
const (
	connectorsPage  = 100
	connectorsPages = 20
)

const maxNamed = 5 // banks that a warning names

// Connector is a bank that Powens reaches.
type Connector struct {
	UUID string
	Name string

	// Executions lists when this bank can be told to move money; nil when the
	// answer does not say.
	Executions []Execution

	// Untracked lists the executions after which the bank may say no more than
	// that it took the payment. It means something only where Tracked.
	Untracked []Execution

	// Tracked says that the answer had such a list, be it an empty one. Without,
	// each execution may end that way.
	Tracked bool
}

// MayEndAccepted reports whether a payment at this bank can end as accepted:
// taken, and nothing more will be heard of it.
func (c Connector) MayEndAccepted(e Execution) bool {
	return !c.Tracked || slices.Contains(c.Untracked, e)
}

// Offers reports whether this bank can be told to move money then. One that
// does not say is taken to.
func (c Connector) Offers(e Execution) bool {
	return c.Executions == nil || slices.Contains(c.Executions, e)
}

// Connectors lists the banks that take payments, with GET /connectors. It asks
// anew each time.
func (c *Client) Connectors(ctx context.Context) ([]Connector, error) {
	const op = "connectors"
	banks := []Connector{}
	for n := range connectorsPages {
		query := url.Values{"limit": {strconv.Itoa(connectorsPage)}, "offset": {strconv.Itoa(n * connectorsPage)}}
		reply, err := c.do(ctx, providers.Call{
			Op: op, Method: http.MethodGet, URL: c.address("connectors") + "?" + query.Encode(), Repeatable: true,
		})
		if err != nil {
			return nil, err
		}
		var page struct {
			Connectors *[]json.RawMessage `json:"connectors"`
		}
		if err := json.Unmarshal(reply.Body, &page); err != nil || page.Connectors == nil {
			return nil, unusable(op, reply, errors.New("the answer is no list of connectors"))
		}
		for _, raw := range *page.Connectors {
			if bank, pays := readConnector(raw); pays {
				banks = append(banks, bank)
			}
		}
		if len(*page.Connectors) < connectorsPage {
			break
		}
	}
	return banks, nil
}

// Warnings says in sentences for staff what the list of banks means for the
// settings: which banks do not offer POWENS_EXECUTION, and at which a payment
// may end as accepted. It is empty when there is nothing to warn of.
func (c *Client) Warnings(ctx context.Context) ([]string, error) {
	banks, err := c.Connectors(ctx)
	if err != nil {
		return nil, err
	}
	var without, silent []string
	for _, b := range banks {
		switch {
		case !b.Offers(c.execution):
			without = append(without, b.Name)
		case b.MayEndAccepted(c.execution):
			silent = append(silent, b.Name)
		}
	}
	var out []string
	if len(without) > 0 {
		out = append(out, fmt.Sprintf("%d of %d banks do not offer %s payments: %s.", len(without), len(banks), c.execution, some(without)))
	}
	if len(silent) > 0 {
		out = append(out, fmt.Sprintf("%d of %d banks may take a payment and then say no more about it, which is settled by POWENS_ACCEPTED (%s): %s.",
			len(silent), len(banks), c.accepted, some(silent)))
	}
	return out, nil
}

// some is the first few names of many.
func some(names []string) string {
	if len(names) <= maxNamed {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNamed], ", "), len(names)-maxNamed)
}

// readConnector decodes one connector, and reports whether it takes payments.
// Lists have been seen as bare text, null and empty objects: text is a list of
// one, but only a true list of untracked executions proves that the others are
// tracked.
func readConnector(raw json.RawMessage) (bank Connector, pays bool) {
	var in struct {
		UUID     text            `json:"uuid"`
		Name     text            `json:"name"`
		Products json.RawMessage `json:"products"`
		Settings json.RawMessage `json:"payment_settings"`
	}
	if json.Unmarshal(raw, &in) != nil {
		return Connector{}, false
	}
	products, _ := texts[string](in.Products)
	if !slices.Contains(products, "pay") {
		return Connector{}, false
	}
	bank = Connector{UUID: cut(tidy(string(in.UUID)), maxWord), Name: cut(tidy(string(in.Name)), maxWord)}
	if bank.Name == "" {
		bank.Name = bank.UUID
	}
	var settings struct {
		Executions json.RawMessage `json:"execution_date_types"`
		Untracked  json.RawMessage `json:"partial_status_tracking"`
	}
	if json.Unmarshal(in.Settings, &settings) != nil {
		return bank, true
	}
	bank.Executions, _ = texts[Execution](settings.Executions)
	bank.Untracked, bank.Tracked = texts[Execution](settings.Untracked)
	return bank, true
}

// texts reads a list of texts, of which other values are left out. A bare text
// is a list of one, and anything else none; whole is false for both.
func texts[T ~string](raw json.RawMessage) (list []T, whole bool) {
	var items []json.RawMessage
	if json.Unmarshal(raw, &items) == nil && items != nil {
		list = []T{}
		for _, item := range items {
			var one text
			if json.Unmarshal(item, &one) == nil && one != "" {
				list = append(list, T(one))
			}
		}
		return list, true
	}
	var one text
	if json.Unmarshal(raw, &one) == nil && one != "" {
		return []T{T(one)}, false
	}
	return nil, false
}
