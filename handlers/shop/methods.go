package shop

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"till/models"
	"till/money"
	"till/providers"
	"till/views/shop"
)

// listMethods bounds how long a checkout waits for a provider's own list.
const listMethods = 2 * time.Second

// methodJoint stands between a provider's name and one of its methods in a form.
const methodJoint = ":"

// methods are the ways to pay in a currency: each provider that takes it, or
// each of its own methods where it has several. All are asked at once, so that
// the slowest is all that a checkout waits for.
func (h Pages) methods(ctx context.Context, currency money.Currency) []shop.Method {
	all := h.Cashier.Providers()
	lists := make([][]shop.Method, len(all))
	var wg sync.WaitGroup
	for i, p := range all {
		if !slices.Contains(p.Currencies(), currency) {
			continue
		}
		lister, ok := p.(providers.MethodLister)
		if !ok {
			lists[i] = []shop.Method{{Name: p.Name(), Label: p.Label(), Provider: p.Label()}}
			continue
		}
		wg.Go(func() { lists[i] = h.listed(ctx, p, lister, currency) })
	}
	wg.Wait()
	return distinct(slices.Concat(lists...))
}

// listed are a provider's own methods. One that does not say which it has now is
// offered as one: its own page lets the buyer choose.
func (h Pages) listed(ctx context.Context, p providers.Provider, lister providers.MethodLister, currency money.Currency) []shop.Method {
	call, cancel := context.WithTimeout(ctx, listMethods)
	defer cancel()
	list, err := lister.Methods(call, currency)
	if err != nil {
		h.Log.WarnContext(ctx, "methods not listed", "provider", p.Name(), "err", err)
		return []shop.Method{{Name: p.Name(), Label: p.Label(), Provider: p.Label()}}
	}
	methods := make([]shop.Method, len(list))
	for i, m := range list {
		methods[i] = shop.Method{
			Name: methodName(p.Name(), m.Name), Label: m.Label, Provider: p.Label(),
			Hint: "You approve the payment at " + p.Label() + " and come back here.",
		}
	}
	return methods
}

// distinct says at whom it is of methods that would read alike.
func distinct(all []shop.Method) []shop.Method {
	count := map[string]int{}
	for _, m := range all {
		count[m.Label]++
	}
	for i := range all {
		if m := &all[i]; count[m.Label] > 1 && m.Label != m.Provider {
			m.Label += " (" + m.Provider + ")"
		}
	}
	return all
}

// preselected is the way to pay that an order page proposes: the one chosen
// before, unless its provider has declined a payment of this order.
func preselected(d models.OrderDetail, p models.Payment) string {
	declined := func(one models.Payment) bool { return one.Provider == p.Provider && one.State == models.PaymentFailed }
	if slices.ContainsFunc(d.Payments, declined) {
		return ""
	}
	return chosen(p)
}

// methodName is a way to pay as a form carries it.
func methodName(provider, method string) string {
	if method == "" {
		return provider
	}
	return provider + methodJoint + method
}

// methodOf takes methodName apart.
func methodOf(name string) (provider, method string) {
	provider, method, _ = strings.Cut(name, methodJoint)
	return provider, method
}

func offers(all []shop.Method, name string) bool {
	return slices.ContainsFunc(all, func(m shop.Method) bool { return m.Name == name })
}

// noMethod is why a form has no way to pay: none was chosen, or the chosen one
// is offered no more.
func noMethod(name string) string {
	if name == "" {
		return "Choose how to pay."
	}
	return "The way to pay that you chose is not offered any more. Choose another."
}

// chosen is the way a payment was made, as a form carries it.
func chosen(p models.Payment) string { return methodName(p.Provider, p.Method) }
