package models_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"till/models"
)

func TestGuess(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file string
		want models.Mapping
	}{
		"english": {
			"Transaction ID,Type,Gross amount,Fee,Net amount,Currency,Created date\nx,payment,\"1,234.50\",1.00,\"1,233.50\",NZD,2026-03-06\ny,refund,-5.00,0,-5.00,NZD,2026-03-07\nz,payout,-9.00,0,-9.00,NZD,2026-03-07\nw,fee,1.00,0,0,NZD,2026-03-07\n",
			models.Mapping{
				Ref: "Transaction ID", Amount: "Gross amount", Fee: "Fee", Net: "Net amount", Currency: "Currency", Date: "Created date", Layout: time.DateOnly, Kind: "Type",
				Refunds: []string{"refund"}, Fees: []string{"fee"}, Others: []string{"payout"},
			},
		},
		"german": {
			"Buchungstag;Referenz;Art;Betrag;Gebühr;Netto;Währung\n06.03.2026;x;Zahlung;1.234,50;1,00;1.233,50;EUR\n07.03.2026;y;Rückerstattung;-5,00;0,00;-5,00;EUR\n07.03.2026;z;Auszahlung;-9,00;0,00;-9,00;EUR\n",
			models.Mapping{
				Ref: "Referenz", Amount: "Betrag", Fee: "Gebühr", Net: "Netto", Currency: "Währung", Date: "Buchungstag", Layout: "02.01.2006", Kind: "Art", Comma: true,
				Refunds: []string{"Rückerstattung"}, Others: []string{"Auszahlung"},
			},
		},
		"french": {
			"Date;Référence;Montant;Frais;Net;Devise\n21/11/2026;x;12,50;0,50;12,00;EUR\n",
			models.Mapping{Ref: "Référence", Amount: "Montant", Fee: "Frais", Net: "Net", Currency: "Devise", Date: "Date", Layout: "02/01/2006", Comma: true},
		},
		"american days": {
			"ref,amount,date\nx,1.00,11/21/2026\n",
			models.Mapping{Ref: "ref", Amount: "amount", Date: "date", Layout: "01/02/2006"},
		},
		"a point in doubt is a point": {"ref,amount\nx,1.234\n", models.Mapping{Ref: "ref", Amount: "amount"}},
		"nothing to go by":            {"a,b\n1,2\n", models.Mapping{}},
		"paid is no id":               {"paid,status\n1,2\n", models.Mapping{}},
	} {
		table, err := models.ReadTable([]byte(c.file))
		if err != nil {
			t.Fatal(name, err)
		}
		got := table.Guess()
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, c.want)
		}
		if got.In = "NZD"; got.Ref != "" {
			if _, err := got.Read(table); err != nil && !strings.Contains(name, "doubt") {
				t.Errorf("%s: the guess cannot be read: %v", name, err)
			}
		}
	}
}

// Whatever the file, a guess names columns that there are, each for one thing.
func FuzzGuess(f *testing.F) {
	f.Add([]byte("Transaction ID,Type,Gross amount,Fee,Net amount,Currency,Created date\nx,payment,\"1,234.50\",1.00,\"1,233.50\",NZD,2026-03-06\n"))
	f.Add([]byte("Buchungstag;Referenz;Art;Betrag;Gebühr;Netto;Währung\n06.03.2026;x;Zahlung;1.234,50;1,00;1.233,50;EUR\n"))
	f.Add([]byte("id\tid sum\tfee net\n(1)\t\u22122\t\u00a0\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		table, err := models.ReadTable(file)
		if err != nil {
			return
		}
		m := table.Guess()
		seen := map[string]bool{"": true}
		for _, name := range []string{m.Ref, m.Amount, m.Fee, m.Net, m.Currency, m.Date, m.Kind} {
			if name != "" && (seen[name] || !slices.Contains(table.Head, name)) {
				t.Fatalf("column %q in %+v", name, m)
			}
			seen[name] = true
		}
		if m.Date != "" && !slices.Contains(models.DateLayouts(), m.Layout) {
			t.Fatalf("layout %q", m.Layout)
		}
		m.In = "NZD"
		lines, err := m.Read(table)
		if err == nil && len(lines) != len(table.Lines) {
			t.Fatalf("%d lines of %d", len(lines), len(table.Lines))
		}
	})
}
