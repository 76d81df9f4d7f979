package models_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"till/models"
	"till/models/modelstest"
	"till/money"

	"gorm.io/gorm"
)

// till is a shop whose days are closed.
type till struct {
	*testing.T
	modelstest.Bench
	goods  map[string]models.Product
	closes *models.Closes
}

func eachTill(t *testing.T, zone string, test func(till)) {
	t.Helper()
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		_, err := b.DB.BeginSettings(t.Context(), models.Settings{
			ShopName: "Kauri", TimeZone: zone, OpenSeconds: 3600, KeepSeconds: 1800, HoldRule: "void", HoldWarning: 3,
		})
		if err != nil {
			t.Fatal(err)
		}
		test(till{T: t, Bench: b, goods: modelstest.Catalogue(t, b), closes: models.NewCloses(b.DB)})
	})
}

// order places an order of NZD 25.00 and returns its payment.
func (s till) order(provider string) models.Payment {
	s.Helper()
	p := modelstest.Placement(s.T, s.goods, provider)
	modelstest.Place(s.T, s.Bench, p)
	return s.payment(p.Payment.ID)
}

func (s till) payment(id string) models.Payment {
	s.Helper()
	pay, err := models.NewPayments(s.DB).ByID(s.Context(), id)
	if err != nil {
		s.Fatal(err)
	}
	return pay
}

// books records facts of a payment, with the state that goes with them.
func (s till) books(p models.Payment, state models.PaymentState, facts ...models.Fact) models.Payment {
	s.Helper()
	p = s.payment(p.ID)
	_, _, err := models.NewPayments(s.DB).Record(s.Context(), models.Change{PaymentID: p.ID, Version: p.Version, State: state, Ref: "ref-" + p.ID, Facts: facts, Cause: shopper})
	if err != nil {
		s.Fatal(err)
	}
	return s.payment(p.ID)
}

func (s till) fact(kind models.FactKind, minor int64) models.Fact {
	return models.Fact{Kind: kind, Amount: money.Amount{Minor: minor, Currency: "NZD"}}
}

func (s till) takes(provider string) models.Payment {
	s.Helper()
	return s.books(s.order(provider), models.PaymentPaid, s.fact(models.FactCaptured, 2500))
}

func (s till) givesBack(p models.Payment, minor int64) {
	s.Helper()
	s.books(p, "", s.fact(models.FactRefundReserved, minor), s.fact(models.FactRefunded, minor))
}

func (s till) closesDays() int {
	s.Helper()
	n, err := s.closes.CloseDays(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return n
}

// closed is every close in its order, a line each.
func (s till) closed() string {
	s.Helper()
	all, _, err := s.closes.List(s.Context(), models.CloseFilter{Limit: 100})
	if err != nil {
		s.Fatal(err)
	}
	var lines []string
	for _, c := range all {
		lines = append([]string{fmt.Sprintf("%s %s %s: %d facts, taken %d, refunded %d, fees %d, reserved %d, payout %d",
			c.Day, c.Provider, c.Currency, c.Facts, c.TakenMinor, c.RefundedMinor, c.FeesMinor, c.ReservedMinor, c.PayoutMinor)}, lines...)
	}
	return strings.Join(lines, "\n")
}

func (s till) checks() []string {
	s.Helper()
	var found []string
	_, err := s.closes.Check(s.Context(), func(f models.Finding) error { found = append(found, f.What); return nil })
	if err != nil {
		s.Fatal(err)
	}
	return found
}

func TestCloses_ADay(t *testing.T) {
	eachTill(t, "Pacific/Auckland", func(s till) {
		mug := s.takes("acme")
		s.takes("bank")
		s.books(s.order("acme"), models.PaymentAuthorized, s.fact(models.FactAuthorized, 2500))
		s.givesBack(mug, 1000)
		if n := s.closesDays(); n != 0 {
			s.Fatalf("closed %d days while the day was not over", n)
		}
		s.Clock.Pass(24 * time.Hour)
		if n := s.closesDays(); n != 1 {
			s.Fatalf("closed %d days", n)
		}
		const first = "2026-03-07 acme NZD: 4 facts, taken 2500, refunded 1000, fees 0, reserved 2500, payout 1500\n" +
			"2026-03-07 bank NZD: 1 facts, taken 2500, refunded 0, fees 0, reserved 0, payout 2500"
		if got := s.closed(); got != first {
			s.Fatalf("closed\n%s", got)
		}
		s.givesBack(mug, 1500) // a day later: it counts to that day, and the closed one stays
		s.Clock.Pass(48 * time.Hour)
		s.closesDays()
		if got := s.closed(); got != first+"\n2026-03-08 acme NZD: 2 facts, taken 0, refunded 1500, fees 0, reserved 2500, payout -1500" {
			s.Fatalf("closed\n%s", got)
		}
		if n := s.closesDays(); n != 0 {
			s.Errorf("closed %d days a second time", n)
		}
		if found := s.checks(); len(found) != 0 {
			s.Errorf("found %q", found)
		}
	})
}

// What was reserved at the end of a day is said even when it was taken before
// the day was closed.
func TestCloses_ReservedAtTheEndOfTheDay(t *testing.T) {
	eachTill(t, "UTC", func(s till) {
		held := s.books(s.order("acme"), models.PaymentAuthorized, s.fact(models.FactAuthorized, 2500))
		s.Clock.Pass(13 * time.Hour)
		s.books(held, models.PaymentPaid, s.fact(models.FactCaptured, 2500))
		s.closesDays()
		if got := s.closed(); got != "2026-03-06 acme NZD: 1 facts, taken 0, refunded 0, fees 0, reserved 2500, payout 0" {
			s.Fatalf("closed\n%s", got)
		}
	})
}

// The night in which clocks go back has 25 hours, and they all count to one day.
func TestCloses_ClocksGoBack(t *testing.T) {
	eachTill(t, "Pacific/Auckland", func(s till) {
		s.Clock.Pass(time.Date(2026, 4, 4, 11, 30, 0, 0, time.UTC).Sub(s.Clock.Now())) // 5 April 00:30 NZDT
		for range 25 {
			s.takes("acme")
			s.Clock.Pass(time.Hour)
		}
		s.Clock.Pass(24 * time.Hour)
		s.closesDays()
		if got := s.closed(); !strings.HasPrefix(got, "2026-04-05 acme NZD: 25 facts, taken 62500") { // from 00:30 NZDT to 23:30 NZST
			s.Fatalf("closed\n%s", got)
		}
	})
}

// Twenty processes close the same days while money comes in: every fact stands
// in one close, and the chain holds.
func TestCloses_Crowd(t *testing.T) {
	eachTill(t, "UTC", func(s till) {
		for range 3 {
			s.takes("acme")
			s.Clock.Pass(24 * time.Hour)
		}
		late := make([]models.Payment, 5)
		for i := range late {
			late[i] = s.order("acme")
		}
		var wg sync.WaitGroup
		for range 20 {
			wg.Go(func() {
				if _, err := s.closes.CloseDays(s.Context()); err != nil {
					s.Error(err)
				}
			})
		}
		for _, p := range late {
			wg.Go(func() { s.books(p, models.PaymentPaid, s.fact(models.FactCaptured, 2500)) })
		}
		wg.Wait()
		s.Clock.Pass(24 * time.Hour)
		s.closesDays()
		var n int64
		if n = count(s.T, s.Bench, "bookings", "close_id IS NULL"); n != 0 {
			s.Errorf("%d facts are in no close", n)
		}
		if n := count(s.T, s.Bench, "closes", "1=1"); n != 4 {
			s.Errorf("%d closes:\n%s", n, s.closed())
		}
		if found := s.checks(); len(found) != 0 {
			s.Errorf("found %q", found)
		}
	})
}

// A close cannot be changed, and a fact that somebody bends is found.
func TestCloses_Bent(t *testing.T) {
	eachTill(t, "UTC", func(s till) {
		s.takes("acme")
		s.Clock.Pass(24 * time.Hour)
		s.takes("acme")
		s.Clock.Pass(24 * time.Hour)
		s.closesDays()
		for _, bend := range []string{"UPDATE closes SET taken_minor = 1", "DELETE FROM closes", "UPDATE documents SET minor = 1", "DELETE FROM documents"} {
			err := s.DB.Write(s.Context(), func(tx *gorm.DB) error { return tx.Exec(bend).Error })
			if err == nil || !strings.Contains(err.Error(), "append-only") {
				s.Errorf("%s: %v", bend, err)
			}
		}
		if found := s.checks(); len(found) != 0 {
			s.Fatalf("found %q", found)
		}
		err := s.DB.Write(s.Context(), func(tx *gorm.DB) error {
			return tx.Exec("UPDATE bookings SET close_id = (SELECT MAX(id) FROM closes) WHERE fact_id = (SELECT MIN(fact_id) FROM bookings)").Error
		})
		if err != nil {
			s.Fatal(err)
		}
		if found := s.checks(); len(found) != 2 {
			s.Errorf("moved a fact from one close to another, and found %q", found)
		}
	})
}

// Receipts and credit notes follow the money and have no gaps, whatever was
// rolled back between them.
func TestDocuments(t *testing.T) {
	eachTill(t, "UTC", func(s till) {
		var wg sync.WaitGroup
		for i := range 20 {
			p := s.order("acme")
			wg.Go(func() {
				if i%4 == 3 {
					err := s.DB.Write(s.Context(), func(tx *gorm.DB) error { return fmt.Errorf("for nothing: %s", p.ID) })
					if err == nil {
						s.Error("was kept")
					}
					return
				}
				p = s.books(p, models.PaymentPaid, s.fact(models.FactCaptured, 2500))
				s.givesBack(p, 500)
			})
		}
		wg.Wait()
		for _, kind := range []models.DocumentKind{models.DocumentReceipt, models.DocumentCreditNote} {
			if n, most := count(s.T, s.Bench, "documents", "kind = ?", kind), s.highest(kind); n != 15 || most != 15 {
				s.Errorf("%d of kind %s, the highest number %d", n, kind, most)
			}
		}
	})
}

func (s till) highest(kind models.DocumentKind) (n int64) {
	s.Helper()
	err := s.DB.Write(s.Context(), func(tx *gorm.DB) error {
		return tx.Raw("SELECT MAX(number) FROM documents WHERE kind = ?", kind).Scan(&n).Error
	})
	if err != nil {
		s.Fatal(err)
	}
	return n
}

const statement = `Reference;Betrag;Gebühr;Netto;Datum;Art
%s;25,00;0,75;24,25;06.03.2026;Zahlung
%s;-10,00;0,00;-10,00;06.03.2026;Erstattung
%s;24,00;0,72;23,28;07.03.2026;Zahlung
nobody-knows;1.234,50;0,00;1.234,50;07.03.2026;Zahlung
payout-1;-40,00;0,00;-40,00;07.03.2026;Auszahlung
`

func TestStatements(t *testing.T) {
	eachTill(t, "UTC", func(s till) {
		agreed, differs, ours := s.takes("acme"), s.takes("acme"), s.takes("acme")
		s.givesBack(agreed, 1000)
		s.takes("bank")
		table, err := models.ReadTable(fmt.Appendf(nil, statement, agreed.Ref, agreed.ID, differs.Ref))
		if err != nil {
			s.Fatal(err)
		}
		m := models.Mapping{
			Ref: "Reference", Amount: "Betrag", Fee: "Gebühr", Net: "Netto", In: "NZD", Date: "Datum", Layout: "02.01.2006",
			Kind: "Art", Refunds: []string{"erstattung"}, Others: []string{"Auszahlung"}, Comma: true,
		}
		lines, err := m.Read(table)
		if err != nil {
			s.Fatal(err)
		}
		in := models.NewStatements(s.DB)
		n := models.NewStatement{Provider: "acme", Name: "march.csv", Digest: rand.Text(), Mapping: m, Lines: lines, Actor: "staff ann@example.test"}
		one, err := in.Add(s.Context(), n)
		if err != nil {
			s.Fatal(err)
		}
		if _, err := in.Add(s.Context(), n); !isDuplicate(err) {
			s.Errorf("the same file twice: %v", err)
		}
		for verdict, want := range map[models.LineVerdict]string{
			models.LineAgreed:     "1 taken 2500 75 2425|2 refunded -1000 0 -1000|5 other -4000 0 -4000",
			models.LineDiffers:    "3 taken 2400 72 2328",
			models.LineTheirsOnly: "4 taken 123450 0 123450",
		} {
			got, _, err := in.LinesOf(s.Context(), one.ID, verdict, 0, 10)
			if err != nil {
				s.Fatal(err)
			}
			var all []string
			for _, l := range got {
				all = append(all, fmt.Sprintf("%d %s %d %d %d", l.Position, l.Kind, l.Minor, l.FeeMinor, l.NetMinor))
			}
			if strings.Join(all, "|") != want {
				s.Errorf("%s: %q, want %q", verdict, all, want)
			}
		}
		left, _, err := in.OursOnly(s.Context(), one, false, models.FactPlace{}, 10)
		if err != nil || len(left) != 2 || left[0].PaymentID != differs.ID || left[1].PaymentID != ours.ID {
			s.Errorf("ours only: %+v %v", left, err)
		}
		if kept, err := in.MappingFor(s.Context(), "acme"); err != nil || kept.Ref != "Reference" || !kept.Comma {
			s.Errorf("kept %+v %v", kept, err)
		}
		s.Clock.Pass(24 * time.Hour)
		s.closesDays()
		if got := s.closed(); !strings.HasPrefix(got, "2026-03-06 acme NZD: 5 facts, taken 7500, refunded 1000, fees 147, reserved 0, payout 6353\n") {
			s.Errorf("closed\n%s", got)
		}
		if err := in.Remove(s.Context(), one.ID, "staff ann@example.test"); err != nil {
			s.Error(err)
		}
		if _, err := in.Add(s.Context(), n); err != nil {
			s.Errorf("not read in again: %v", err)
		}
		s.Clock.Pass(48 * time.Hour)
		s.closesDays()
		if got := s.closed(); !strings.Contains(got, "2026-03-07 acme NZD: 0 facts, taken 0, refunded 0, fees 0, ") {
			s.Errorf("what was booked back and what was told anew do not make nothing:\n%s", got)
		}
		if found := s.checks(); len(found) != 0 {
			s.Errorf("found %q", found)
		}
	})
}

func TestMapping_Refused(t *testing.T) {
	t.Parallel()
	m := models.Mapping{Ref: "ref", Amount: "amount", In: "NZD", Date: "day", Layout: time.DateOnly}
	for name, c := range map[string]struct{ file, want string }{
		"no text":             {"a\x00,b\n1,2\n", "not text"},
		"not UTF-8":           {"a,b\n\xff,2\n", "not text"},
		"one column":          {"ref\nx\n", "fewer than two"},
		"only a head":         {"ref,amount\n", "nothing below"},
		"a sea of columns":    {strings.Repeat("x,", 200) + "y\n", "more than 200 columns"},
		"an endless name":     {"ref," + strings.Repeat("x", 101) + "\ny,1\n", "longer than 100 letters"},
		"two of a name":       {"ref,ref\nx,y\n", "two columns"},
		"ragged":              {"ref,amount,day\nx,1\n", "line 2"},
		"no such column":      {"ref,sum,day\nx,1,2026-01-01\n", `no column "amount"`},
		"a comma in doubt":    {"ref,amount,day\nx,\"1,5\",2026-01-01\n", "line 2, amount"},
		"too many decimals":   {"ref,amount,day\nx,1.005,2026-01-01\n", "not an amount of NZD"},
		"words for an amount": {"ref,amount,day\nx,one,2026-01-01\n", "not an amount"},
		"more than there is":  {"ref,amount,day\nx,99999999999999.00,2026-01-01\n", "more than anybody moves"},
		"no day":              {"ref,amount,day\nx,1.00,yesterday\n", "not a day"},
		"endless":             {"ref,amount,day\nx,99999999999999999999,2026-01-01\n", "not an amount of NZD"},
	} {
		table, err := models.ReadTable([]byte(c.file))
		if err == nil {
			_, err = m.Read(table)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReadTable(f *testing.F) {
	f.Add([]byte("ref,amount,day\nx,\"1,234.50\",2026-01-01\n"))
	f.Add([]byte("\xEF\xBB\xBFref;amount;day\nx;-1.234,50;2026-01-01\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		table, err := models.ReadTable(file)
		if err != nil {
			return
		}
		for _, comma := range []bool{false, true} {
			m := models.Mapping{Ref: table.Head[0], Amount: table.Head[1], In: "NZD", Comma: comma}
			lines, err := m.Read(table)
			if err == nil && len(lines) != len(table.Lines) {
				t.Fatalf("%d lines of %d", len(lines), len(table.Lines))
			}
			for _, l := range lines {
				if l.NetMinor != l.Minor-l.FeeMinor {
					t.Fatalf("does not add up: %+v", l)
				}
			}
		}
	})
}

func isDuplicate(err error) bool { return errors.Is(err, models.ErrDuplicate) }

// A fee is what the provider keeps: whatever sign the file gives it, with or
// without a net, and also when some of it comes back.
func TestMapping_Fees(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, lines, want string }{
		{"written as a cost", "a,10.00,0.30,,pay\nb,-10.00,0.00,,back\n", "1000 30 970|-1000 0 -1000"},
		{"written with a minus", "a,10.00,-0.30,,pay\nb,-10.00,0.00,,back\n", "1000 30 970|-1000 0 -1000"},
		{"given back", "a,10.00,-0.30,,pay\nb,-10.00,0.30,,back\n", "1000 30 970|-1000 -30 -970"},
		{"given back, as a cost", "a,10.00,0.30,,pay\nb,-10.00,-0.30,,back\n", "1000 30 970|-1000 -30 -970"},
		{"by the net", "a,10.00,,9.70,pay\nb,-10.00,,-9.70,back\n", "1000 30 970|-1000 -30 -970"},
		{"a net that is not there", "a,10.00,0.30,,pay\nb,10.00,0.30,9.70,pay\n", "1000 30 970|1000 30 970"},
		{"of its own", "a,-0.50,,,fee\nb,0.50,,,fee\n", "0 50 -50|0 -50 50"},
	} {
		table, err := models.ReadTable([]byte("ref,amount,fee,net,kind\n" + c.lines))
		if err != nil {
			t.Fatal(err)
		}
		m := models.Mapping{Ref: "ref", Amount: "amount", Fee: "fee", Net: "net", In: "NZD", Kind: "kind", Refunds: []string{"back"}, Fees: []string{"fee"}}
		lines, err := m.Read(table)
		if err != nil {
			t.Fatal(c.name, err)
		}
		var got []string
		for _, l := range lines {
			got = append(got, fmt.Sprintf("%d %d %d", l.Minor, l.FeeMinor, l.NetMinor))
		}
		if strings.Join(got, "|") != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// A million orders make no day slower to close, and no statement slower to read:
// each walks an index of what it is about.
func TestBooks_Plans(t *testing.T) {
	eachTill(t, "UTC", func(s till) {
		p := s.takes("acme")
		s.Clock.Pass(48 * time.Hour)
		in := models.NewStatements(s.DB)
		n := models.NewStatement{
			Provider: "acme", Name: "march.csv", Digest: "abc", Mapping: models.Mapping{Ref: "a", Amount: "b", In: "NZD"}, Actor: "staff ann@example.test",
			Lines: []models.StatementLine{{Position: 1, Kind: models.LineTaken, Ref: p.Ref, Currency: "NZD", Minor: 2500, NetMinor: 2500}},
		}
		callback, err := models.NewDeliveries(s.DB).Receive(s.Context(), models.Delivery{Provider: "acme", EventID: "late", Ref: p.Ref, Payment: p.ID, Body: []byte("{}")})
		if err != nil {
			s.Fatal(err)
		}
		var one models.Statement
		for _, q := range []struct {
			name string
			run  func() error
		}{
			{"closing a day", func() error { _, err := s.closes.CloseDays(s.Context()); return err }},
			{"a statement is read in", func() (err error) { one, err = in.Add(s.Context(), n); return err }},
			{"facts of a close", func() error { _, _, err := s.closes.Facts(s.Context(), 1, 0, 50); return err }},
			{"a day's closes", func() error { _, err := s.closes.OfDay(s.Context(), "2026-03-06"); return err }},
			{"what is open", func() error { _, err := s.closes.Open(s.Context(), false); return err }},
			{"ours only", func() error { _, _, err := in.OursOnly(s.Context(), one, false, models.FactPlace{}, 50); return err }},
			{"ours only, in all", func() error { _, err := in.OursOnlyTotals(s.Context(), one, false); return err }},
			{"lines", func() error { _, _, err := in.LinesOf(s.Context(), one.ID, models.LineAgreed, 1, 50); return err }},
			{"an order's page", func() error { _, err := models.NewOrders(s.DB).ByNumber(s.Context(), p.OrderID); return err }},
			{"a callback", func() error { _, err := models.NewDeliveries(s.DB).Match(s.Context(), callback); return err }},
			{"who is asked next", func() error {
				_, err := models.NewPayments(s.DB).DueAt(s.Context(), "acme", time.Minute, 10)
				return err
			}},
			{"callbacks that nobody knew", func() error { return models.NewInbox(s.DB).Strays(s.Context(), s.Clock.Now()) }},
			{"an order's mails", func() error { _, err := models.NewMails(s.DB).OfOrder(s.Context(), p.OrderID); return err }},
			{"an order's papers", func() error { _, err := models.NewDocuments(s.DB).OfOrder(s.Context(), p.OrderID); return err }},
		} {
			plans := plansOf(s.T, s.Bench, q.run)
			if len(plans) == 0 {
				s.Errorf("%s: nothing was asked", q.name)
			}
			for _, plan := range plans {
				for _, big := range []string{"facts", "bookings", "payments", "operations", "events", "documents", "fees", "statement_lines", "orders", "order_lines", "mails", "approvals", "stock_movements", "f", "b", "p", "l"} {
					if strings.Contains(plan, "SCAN "+big+"\n") || strings.Contains(plan, "Seq Scan on "+big+" ") {
						s.Errorf("%s reads all of %s:\n%s", q.name, big, plan)
					}
				}
				if strings.Contains(plan, "SEARCH b USING INTEGER PRIMARY KEY (rowid>?)") || strings.Contains(plan, "INDEX payments_provider (") || strings.Contains(plan, "payments_provider on") {
					s.Errorf("%s reads all that was ever booked, or paid:\n%s", q.name, plan)
				}
			}
		}
	})
}

// A shop that goes back to the version before, and comes again, has its orders
// and its money, and the same books.
func TestMigrations_DownAndUpAgain(t *testing.T) {
	eachTill(t, "UTC", func(s till) {
		p := s.takes("acme")
		s.givesBack(p, 1000)
		s.books(s.order("bank"), models.PaymentAuthorized, s.fact(models.FactAuthorized, 2500))
		if err := models.NewOrders(s.DB).Ship(s.Context(), p.OrderID, "NZ Post", "NZ-1", shopper); err != nil {
			s.Fatal(err)
		}
		ann := s.clerk("ann@example.test")
		sessions := models.NewStaffSessions(s.DB)
		for _, in := range []models.SignIn{{Digest: "half", Half: true}, {Digest: "whole"}} {
			in.StaffID, in.Hash, in.Life, in.Data = ann.ID, ann.PasswordHash, time.Hour, []byte("{}")
			if err := sessions.Begin(s.Context(), in); err != nil {
				s.Fatal(err)
			}
		}
		bo := s.clerk("bo@example.test")
		if err := raw(s.T, s.Bench, fmt.Sprintf("UPDATE staff SET disabled_at = created_at WHERE id = %d", bo.ID)); err != nil {
			s.Fatal(err)
		}
		before := rows[models.Figure](s.T, s.DB, "day, provider")
		papers := rows[models.Document](s.T, s.DB, "id")
		if err := s.DB.DownTo(s.Context(), 2); err != nil {
			s.Fatal(err)
		}
		if n := count(s.T, s.Bench, "facts", "1 = 1"); n != 4 {
			s.Errorf("%d facts are left, of 4", n)
		}
		if n := count(s.T, s.Bench, "staff_sessions", "digest = 'half'"); n != 0 {
			s.Error("who had still to show a second factor is signed in")
		}
		if n := count(s.T, s.Bench, "staff", "email LIKE 'bo%' AND password_hash = 'shut out'"); n != 1 {
			s.Error("who was shut out can sign in")
		}
		if err := s.DB.Migrate(s.Context()); err != nil {
			s.Fatal(err)
		}
		if after := rows[models.Figure](s.T, s.DB, "day, provider"); !slices.Equal(after, before) {
			s.Errorf("figures %+v, and before %+v", after, before)
		}
		again := rows[models.Document](s.T, s.DB, "id")
		if len(again) != len(papers) {
			s.Fatalf("%d papers, and %d before", len(again), len(papers))
		}
		for i := range papers {
			if again[i].Label() != papers[i].Label() || again[i].Amount != papers[i].Amount || again[i].FactID != papers[i].FactID {
				s.Errorf("%+v, and before %+v", again[i], papers[i])
			}
		}
		soundBooks(s.T, s.DB, time.UTC)
		if err := s.DB.DownTo(s.Context(), 0); err != nil {
			s.Error(err)
		}
	})
}
