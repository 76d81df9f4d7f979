package admin

import (
	"net/http"
	"strings"
	"testing"

	"till/models"
)

// sells gives the shop settings of its own.
func (s *desk) sells(change func(*models.Settings)) *desk {
	s.t.Helper()
	now, err := s.DB.Current(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	id := now.ID
	if id == 0 {
		now = models.Settings{
			ShopName: "Kauri <Old>", Address: "1 Queen Street\n\nAuckland", Contact: "hello@shop.test", ReceiptText: "GST number 12\nThank you.", TaxName: "GST", TaxRate: 1500,
			TimeZone: "Pacific/Auckland", OpenSeconds: 1, KeepSeconds: 1, HoldRule: "void", HoldWarning: 1,
		}
	}
	change(&now)
	if id == 0 {
		_, err = s.DB.BeginSettings(s.t.Context(), now)
	} else {
		_, err = s.DB.SaveSettings(s.t.Context(), now, "staff "+ownerEmail)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return s
}

func (s *desk) papers() []models.Document {
	s.t.Helper()
	all, err := models.NewDocuments(s.DB).OfOrder(s.t.Context(), s.order.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	return all
}

func paperAt(d models.Document) string { return "/documents/" + models.Order{ID: d.ID}.Number() }

// A paper says who the shop was when it was written, whatever it is called now.
func TestDocument(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.sells(func(*models.Settings) {}).honey().paid(0)
		want(t, s.see(), 200, "of which GST 15 %: NZD 7.13", "Receipt R-1", "What happens next by itself")
		s.sells(func(n *models.Settings) { n.ShopName, n.TaxRate = "Kauri New", 2000 })
		s.does("/refunds", s.refunding("13.00", "quantity-1", "1", "restock-1", "yes"), "Gone back")
		s.does("/refunds", s.refunding("5.00"), "Gone back")
		all := s.papers()
		if len(all) != 3 {
			t.Fatal(all)
		}
		got := s.w.get(s.at(paperAt(all[0])))
		want(t, got, 200, "Receipt R-1", "Kauri <Old>", "1 Queen Street", "GST number 12", "Honey", "NZD 9.90", "NZD 54.70", "Received", "GST 15 %: NZD 7.13", "with The full")
		lacks(t, got, "<nav", "TEST", "Kauri New", "Signed in as")
		got = s.w.get(s.at(paperAt(all[1])))
		want(t, got, 200, "Credit note C-1", "Kauri New", "Honey", "Given back", "NZD 13.00", "GST 15 %: NZD 1.70")
		lacks(t, got, "Mug", "NZD 54.70")
		want(t, s.w.get(s.at(paperAt(all[2]))), 200, "Credit note C-2", "NZD 5.00", "No goods came back.")

		want(t, s.w.get(s.at("/documents/999")), http.StatusNotFound)
		want(t, s.w.get(s.at("/documents/x")), http.StatusNotFound)
		s.again()
		want(t, s.w.get(s.at(paperAt(all[0]))), http.StatusNotFound) // another order's
	})
}

func TestDocument_Test(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.with(func(p *models.Placement) { p.Order.Test = true }).paid(0)
		all := s.papers()
		want(t, s.w.get(s.at(paperAt(all[0]))), 200, "TEST-R-1", `data-testid="test">TEST<`, "no real money has moved", "Kauri & Clay")
		want(t, s.w.get(s.at("/packing-slip")), 200, `data-testid="test">TEST<`)
	})
}

func TestPackingSlip(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.honey()
		want(t, s.w.get(s.at("/packing-slip")), 200, "Do not send it", "The order is not paid.")
		s.paid(0)
		got := s.w.get(s.at("/packing-slip"))
		want(t, got, 200, "Packing slip", "Ann Lee", "1 Kauri Road", "Mug", "Honey", "5 pieces in all.")
		lacks(t, got, "Do not send it", "<nav")
		if strings.Contains(got.Body.String(), "NZD") || strings.Contains(got.Body.String(), "12.50") {
			t.Error("it has a price")
		}
		s.w = s.signedIn(t, viewerEmail)
		want(t, s.w.get(s.at("/packing-slip")), 200)
	})
}

// The preview says what is tax, what stays, and the very mail that is sent.
func TestRefund_Preview(t *testing.T) {
	desks(t, func(t *testing.T, s *desk) {
		s.sells(func(*models.Settings) {}).honey().paid(0)
		got := s.w.post(s.at("/refunds/preview"), s.refunding("10.00"))
		want(t, got, 200, "of which GST 15 %: NZD 1.30", "NZD 44.70", "Order "+s.order.Number()+": NZD 10.00 is on its way back to you",
			"Hello Ann Lee,", "we have sent back NZD 10.00", "with The full", "Of this order, NZD 44.70 stays paid.", "http://shop.test/orders/"+s.order.Token, "ann@example.test")
		got = s.w.post(s.at("/refunds/preview"), s.refunding("54.70", "way", "outside"))
		want(t, got, 200, "we have given back NZD 54.70", "NZD 0.00")
		lacks(t, got, "stays paid")
	})
}
