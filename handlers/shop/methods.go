package shop

import (
	"context"
	"slices"
	"strings"
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
// each of its own methods where it has several. A provider that does not say
// which it has is offered as one.
func (h Pages) methods(ctx context.Context, currency money.Currency) []shop.Method {
	var all []shop.Method
	for _, p := range h.Cashier.Providers() {
		if !slices.Contains(p.Currencies(), currency) {
			continue
		}
		lister, ok := p.(providers.MethodLister)
		if !ok {
			all = append(all, shop.Method{Name: p.Name(), Label: p.Label()})
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, listMethods)
		list, err := lister.Methods(ctx, currency)
		cancel()
		if err != nil {
			h.Log.WarnContext(ctx, "methods not listed", "provider", p.Name(), "err", err)
			all = append(all, shop.Method{Name: p.Name(), Label: p.Label()})
		}
		for _, m := range list {
			all = append(all, shop.Method{
				Name: methodName(p.Name(), m.Name), Label: m.Label, Hint: "You approve the payment at " + p.Label() + " and come back here.",
			})
		}
	}
	return all
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

// chosen is the way a payment was made, as a form carries it.
func chosen(p models.Payment) string { return methodName(p.Provider, p.Method) }
