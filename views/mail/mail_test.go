package mail

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite testdata")

func paid() OrderPaid {
	return OrderPaid{
		ShopName: "Kauri & Clay", Number: "1042", Name: "Mere Tautahi",
		Lines: []Line{
			{Name: "Tea bowl", Quantity: 2, Total: "NZD 56.00"},
			{Name: "Mānuka honey, 250 g", Quantity: 1, Total: "NZD 24.50"},
		},
		Rows:  []Row{{Label: "Delivery", Amount: "Free"}},
		Total: "NZD 80.50", PaidAt: "Saturday 21 November 2026, 14:32", Provider: "iumiCash",
		Address:  []string{"12 Rātā Street", "Nelson 7010", "New Zealand"},
		OrderURL: "https://shop.example/orders/9wq4k2m7x1", Contact: "hello@shop.example",
	}
}

func TestOrderPaid(t *testing.T) {
	hostile := paid()
	hostile.Name = "Eve\r\nBcc: all@shop.example"
	hostile.Lines = []Line{{Name: `<img src=x onerror="alert(1)">`, Quantity: 1, Total: "NZD 1.00"}}
	hostile.OrderURL = "javascript:alert(1)"
	bare := OrderPaid{
		ShopName: "Kauri & Clay", Number: "7", Total: "JPY 1200", PaidAt: "Sunday",
		OrderURL: "https://shop.example/orders/x",
	}
	for name, m := range map[string]OrderPaid{"paid": paid(), "hostile": hostile, "bare": bare} {
		t.Run(name, func(t *testing.T) {
			var html strings.Builder
			if err := m.HTML().Render(t.Context(), &html); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".html", html.String())
			golden(t, name+".txt", m.Subject()+"\n\n"+m.Text())
		})
	}
}

func TestRefunded(t *testing.T) {
	whole := Refunded{
		ShopName: "Kauri & Clay", Number: "1042", Name: "Mere Tautahi", Amount: "NZD 80.50", Provider: "Gate",
		OrderURL: "https://shop.example/orders/9wq4k2m7x1", Contact: "hello@shop.example",
	}
	part := whole
	part.Amount, part.Left, part.Provider, part.Name = "NZD 24.50", "NZD 56.00", "", "Eve\r\nBcc: all@shop.example"
	for name, m := range map[string]Refunded{"refunded": whole, "refunded_part": part} {
		t.Run(name, func(t *testing.T) {
			var html strings.Builder
			if err := m.HTML().Render(t.Context(), &html); err != nil {
				t.Fatal(err)
			}
			golden(t, name+".html", html.String())
			golden(t, name+".txt", m.Subject()+"\n\n"+m.Text())
		})
	}
}

func TestShipped(t *testing.T) {
	whole := Shipped{
		ShopName: "Kauri & Clay", Number: "1042", Name: "Mere Tautahi", Carrier: "NZ Post", Tracking: "AB123456785NZ", Lines: paid().Lines,
		Address: paid().Address, OrderURL: "https://shop.example/orders/9wq4k2m7x1", Contact: "hello@shop.example",
	}
	hostile := whole
	hostile.Name, hostile.Carrier, hostile.Tracking = "Eve\r\nBcc: all@shop.example", "<b>Post</b>", "1\r\n2<script>alert(1)</script>"
	hostile.ShopName, hostile.OrderURL = "Shop\r\nBcc: all@shop.example", "javascript:alert(1)"
	bare := Shipped{ShopName: "Kauri & Clay", Number: "7", OrderURL: "https://shop.example/orders/x"}
	for name, m := range map[string]Shipped{"shipped": whole, "shipped_hostile": hostile, "shipped_bare": bare} {
		t.Run(name, func(t *testing.T) {
			var html strings.Builder
			if err := m.HTML().Render(t.Context(), &html); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(html.String(), "<script") || strings.ContainsAny(m.Subject(), "\r\n") {
				t.Error("somebody wrote markup or a header")
			}
			golden(t, name+".html", html.String())
			golden(t, name+".txt", m.Subject()+"\n\n"+m.Text())
		})
	}
}

func TestOrderPaid_TextAndHTMLSayTheSame(t *testing.T) {
	m := paid()
	var html strings.Builder
	if err := m.HTML().Render(t.Context(), &html); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{m.Number, m.Total, m.Lines[0].Name, m.Lines[1].Total, m.Rows[0].Amount, m.PaidAt, m.OrderURL, m.Contact, m.Address[1]} {
		if !strings.Contains(m.Text(), want) {
			t.Errorf("the text lacks %q", want)
		}
		if !strings.Contains(html.String(), want) {
			t.Errorf("the HTML lacks %q", want)
		}
	}
}

func TestOrderPaid_NobodyWritesHeadersOrMarkup(t *testing.T) {
	m := paid()
	m.ShopName = "Shop\r\nBcc: all@shop.example"
	if got := m.Subject(); strings.ContainsAny(got, "\r\n") {
		t.Errorf("subject %q has a line break", got)
	}
	m.Name = "<script>alert(1)</script>"
	var html strings.Builder
	if err := m.HTML().Render(t.Context(), &html); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(html.String(), "<script") {
		t.Error("a name became markup")
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs from what is drawn now; look, then run with -update\n%s", path, got)
	}
}
