package e2e_test

import (
	"regexp"
	"strings"
	"testing"
)

// What the README promises: one command in an empty folder, and what it prints
// is enough to buy something and to see it in the dashboard.
func TestDemo(t *testing.T) {
	t.Parallel()
	sit(t)
	d := openDemo(t)
	for _, way := range []struct {
		name string
		open func(*testing.T, string) *person
	}{{"with script", newPerson}, {"without script", newPlainPerson}} {
		t.Run(way.name, func(t *testing.T) {
			p := way.open(t, d.shop)
			prefix := "demo-"
			if !p.script {
				prefix, p.email = "demo-plain-", "tama@example.test"
			}
			p.goes(d.shop)
			p.at("home")
			p.sees("A demonstration: no real money moves.")
			p.look(prefix + "home")
			p.clicks("link", "Stoneware mug")
			p.at("product")
			p.look(prefix + "product")
			p.clicks("button", "Add to cart")
			p.at("cart")
			p.clicks("link", "Go to checkout")
			p.checksOut("NZD 38.00")
			p.paysAt("NZD 38.00", false)
			p.at("order")
			p.sees("Thank you, your order is paid")
			p.status("paid")
			p.look(prefix + "order-paid")
			number, err := evaluate[string](p, `document.querySelector('[data-testid="order-number"]').textContent`)
			p.must(err)

			p.goes(d.shop + "/admin")
			p.signsIn(d.email, d.password)
			p.at("admin-overview")
			p.look(prefix + "admin-overview")
			p.clicks("link", "Orders")
			p.at("admin-orders")
			for _, past := range []string{"On hold", "Paid", "iumiCash", "Powens", "Payment Gateway Manager", "Gate", "Vertex Gateway"} {
				p.sees(past)
			}
			p.look(prefix + "admin-orders")
			p.clicks("link", "Order "+number)
			p.at("admin-order")
			p.status("paid")
			p.sees("Timeline")
			p.sees("Captured NZD 38.00")
			p.look(prefix + "admin-order")
			p.goes(d.box)
			p.at("sandbox-overview")
			p.look(prefix + "sandbox")
		})
	}
}

// demo is what a demo prints.
type demo struct{ shop, box, email, password string }

func openDemo(t *testing.T) demo { t.Helper(); return openDemoIn(t, t.TempDir()) }

// openDemoIn is openDemo in a folder that is known.
func openDemoIn(t *testing.T, dir string) demo {
	t.Helper()
	p := launch(t, command{args: []string{"demo"}, dir: dir, env: []string{"TILL_ADDR=127.0.0.1:0", "TILL_SANDBOX_ADDR=127.0.0.1:0"}})
	greeting := awaits(t, p, p.out, "its greeting", func(text string) (string, bool) { return text, strings.Contains(text, "Ctrl-C") })
	finds := func(pattern string) string {
		m := regexp.MustCompile(pattern).FindStringSubmatch(greeting)
		if m == nil {
			t.Fatalf("no %s in the greeting:\n%s", pattern, greeting)
		}
		return m[1]
	}
	for _, provider := range []string{"iumiCash", "Powens", "Payment Gateway Manager", "Gate", "Vertex"} {
		if !strings.Contains(greeting, provider) {
			t.Errorf("the greeting does not say how to pay with %s:\n%s", provider, greeting)
		}
	}
	return demo{
		shop: finds(`Shop\s+(http://127\.0\.0\.1:[0-9]+)\n`), box: finds(`Sandbox\s+(http://127\.0\.0\.1:[0-9]+)\n`),
		email: finds(`\s(\S+@\S+)\n`), password: finds(`@\S+\n\s+(\S+)\n`),
	}
}
