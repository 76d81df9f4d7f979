package shop_test

import (
	"bytes"
	"image"
	"image/png"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"till/models"
	"till/money"
)

// set has staff change something about the shop.
func (b *bench) set(t *testing.T, change func(s *models.Settings)) models.Settings {
	t.Helper()
	now, err := b.DB.Current(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if now.ID == 0 {
		if now, err = b.DB.BeginSettings(t.Context(), models.Settings{ShopName: "Kauri & Clay", TimeZone: "UTC"}.OrDefaults()); err != nil {
			t.Fatal(err)
		}
	}
	change(&now)
	if now, err = b.DB.SaveSettings(t.Context(), now, staff.Actor); err != nil {
		t.Fatal(err)
	}
	return now
}

// logo gives the shop a picture, and returns its address.
func (b *bench) logo(t *testing.T) string {
	t.Helper()
	var raw bytes.Buffer
	if err := png.Encode(&raw, image.NewGray(image.Rect(0, 0, 3, 2))); err != nil {
		t.Fatal(err)
	}
	one, err := models.NewPictures(b.DB).Read(t.Context(), raw.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.DB.SaveLogo(t.Context(), b.set(t, func(s *models.Settings) { s.ShopName = "Kauri & Wool" }), &one, staff.Actor); err != nil {
		t.Fatal(err)
	}
	return "/pictures/" + one.Digest
}

func TestSettings_OnThePages(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		s := b.browser(t)
		b.set(t, func(s *models.Settings) {
			s.ShopName, s.Headline, s.Intro, s.Contact = "Rata & Wool", "Warm things", "From two sheep.", "hello@rata.test"
		})
		text := read(s.get("/").body)
		for _, want := range []string{"Rata & Wool", "Warm things", "From two sheep.", "hello@rata.test"} {
			if !strings.Contains(text, want) {
				t.Errorf("the home page does not say %q", want)
			}
		}
		at := b.logo(t)
		for _, page := range []string{"/", "/cart", "/products/mug"} {
			if a := s.get(page); !strings.Contains(a.body, `src="`+at+`"`) || !strings.Contains(a.body, "Kauri &amp; Wool") {
				t.Errorf("%s has no logo or name", page)
			}
		}
	})
}

func TestPicture(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		at := b.logo(t)
		ask := func(method, path, tag string) (*http.Response, string) {
			t.Helper()
			req, err := http.NewRequestWithContext(t.Context(), method, b.srv.URL+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if tag != "" {
				req.Header.Set("If-None-Match", tag)
			}
			got, err := b.srv.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = got.Body.Close() }()
			body, err := io.ReadAll(got.Body)
			if err != nil {
				t.Fatal(err)
			}
			return got, string(body)
		}
		whole, body := ask(http.MethodGet, at, "")
		tag := whole.Header.Get("ETag")
		if whole.StatusCode != http.StatusOK || !strings.HasPrefix(body, "\xff\xd8") || whole.Header.Get("Content-Type") != "image/jpeg" || len(tag) < 10 ||
			whole.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Fatalf("%d %v", whole.StatusCode, whole.Header)
		}
		if head, none := ask(http.MethodHead, at, ""); head.StatusCode != http.StatusOK || none != "" || head.ContentLength != int64(len(body)) || head.Header.Get("ETag") != tag {
			t.Errorf("HEAD: %d %v %q", head.StatusCode, head.Header, none)
		}
		if same, none := ask(http.MethodGet, at, tag); same.StatusCode != http.StatusNotModified || none != "" {
			t.Errorf("what is there already: %d %q", same.StatusCode, none)
		}
		if other, again := ask(http.MethodGet, at, `"another"`); other.StatusCode != http.StatusOK || again != body {
			t.Errorf("what was another: %d", other.StatusCode)
		}
		for _, method := range []string{http.MethodGet, http.MethodHead} {
			if got, _ := ask(method, "/pictures/none", tag); got.StatusCode != http.StatusNotFound {
				t.Errorf("%s: %d", method, got.StatusCode)
			}
		}
	})
}

// An order waits for as long as the settings say when it is placed.
func TestSettings_OpenFor(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		s := b.browser(t)
		s.order()
		before := b.detail(t)
		if got := before.DueAt.Sub(before.CreatedAt); got != (models.Settings{}).OpenFor() {
			t.Errorf("without settings an order waits for %s", got)
		}
		b.set(t, func(s *models.Settings) { s.OpenSeconds = 90 * 60 })
		b.browser(t).order()
		after := b.detail(t)
		if got := after.DueAt.Sub(after.CreatedAt); after.ID == before.ID || got != 90*time.Minute {
			t.Errorf("an order waits for %s", got)
		}
	})
}

// The page of an order tells how far its goods have got.
func TestOrder_Parcel(t *testing.T) {
	tell(t, func(t *testing.T, s *story) {
		s.paid()
		orders := models.NewOrders(s.DB)
		does := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		says := func(want string, never ...string) {
			t.Helper()
			text := read(s.browser(t).get("/orders/" + s.token).body)
			if !strings.Contains(text, want) {
				t.Errorf("the page does not say %q:\n%s", want, text)
			}
			for _, bad := range never {
				if strings.Contains(text, bad) {
					t.Errorf("the page says %q:\n%s", bad, text)
				}
			}
		}
		says("Next we pack your order.", "Parcel")
		does(orders.Pack(t.Context(), s.id, staff))
		says("Parcel Packed", "Next we pack")
		does(orders.Ship(t.Context(), s.id, "Tui Post", "NZ 12", staff))
		says("Parcel On its way with Tui Post, tracking number NZ 12", "Packed", "Next we pack")
		does(orders.Unship(t.Context(), s.id, staff))
		says("Parcel Packed", "Tui Post")
		s.does(models.OperationRefund, 0)
		says("sent back", "Parcel") // nothing leaves any more
	})
}

// A receipt has the number of its document, names the tax as the dashboard's
// does, and stays as it was when it was written.
func TestReceipt_Numbered(t *testing.T) {
	tell(t, func(t *testing.T, s *story) {
		taxed := func(o models.Order) { // as an order of a shop with a tax is placed
			t.Helper()
			pool, _, err := s.DB.SQL()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := pool.ExecContext(t.Context(), "UPDATE orders SET tax_name = 'GST', tax_rate = 1500 WHERE id = "+o.Number()); err != nil {
				t.Fatal(err)
			}
		}
		old := s.set(t, func(set *models.Settings) {
			set.ShopName, set.Address, set.ReceiptText, set.TimeZone = "Kauri & Clay", "4 Wharf Road\nNelson", "GST number 12", "Pacific/Auckland"
		})
		taxed(models.Order{ID: s.id})
		s.paid()
		s.set(t, func(set *models.Settings) {
			set.ShopName, set.Address, set.ReceiptText, set.TimeZone = "Rata & Wool", "1 Elsewhere", "Another text", "UTC"
		})
		papers, err := models.NewDocuments(s.DB).OfOrder(t.Context(), s.id)
		if err != nil || len(papers) != 1 || *papers[0].SettingsID != old.ID {
			t.Fatalf("%+v %v", papers, err)
		}
		says := func(wants ...string) {
			t.Helper()
			a := s.browser(t).get("/orders/" + s.token + "/receipt")
			text := read(a.body)
			for _, want := range wants {
				if a.status != http.StatusOK || !strings.Contains(text, want) {
					t.Errorf("%d: the receipt does not say %q:\n%s", a.status, want, text)
				}
			}
			for _, bad := range []string{"1 Elsewhere", "Another text"} {
				if strings.Contains(text, bad) {
					t.Errorf("the receipt says %q:\n%s", bad, text)
				}
			}
		}
		tax := models.IncludedTax(money.Amount{Minor: 2500, Currency: "NZD"}, 1500).Format("en")
		says("Receipt "+papers[0].Label()+" Order", "Kauri & Clay 4 Wharf Road Nelson", "GST number 12", "Saturday 7 March 2026, 01:00", "of which GST 15 %: "+strings.ReplaceAll(tax, "\u00a0", " "))
		s.does(models.OperationRefund, 1000)
		if papers, err = models.NewDocuments(s.DB).OfOrder(t.Context(), s.id); err != nil || len(papers) != 2 {
			t.Fatalf("%+v %v", papers, err)
		}
		says("Receipt "+papers[0].Label(), "Credit note "+papers[1].Label()+" of Saturday 7 March 2026: NZD 10.00 of which GST 15 %: NZD 1.30")
	})
}
