package admin

import (
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"

	"till/bench/shop"
	"till/models"
	"till/models/modelstest"
	"till/money"
)

// account is where money is counted.
type account struct {
	currency money.Currency
	test     bool
}

// accounts is what somebody says of each.
type accounts map[account]modelstest.Sum

// add leaves out what comes to nothing.
func (a accounts) add(of account, more modelstest.Sum) {
	if sum := a[of].Plus(more); sum != (modelstest.Sum{}) {
		a[of] = sum
	} else {
		delete(a, of)
	}
}

// Whatever the past of a shop was: the file of its orders, the overview, the daily
// closes and the file of those say the same of its money as its ledger.
func TestFigures_AllAgree(t *testing.T) {
	each(t, func(t *testing.T, b *bench) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		past := shop.Past{Orders: 600, Seed: seed, Until: b.Clock.Now(), Span: 40 * 24 * time.Hour}
		if err := shop.Fill(t.Context(), b.DB, past); err != nil {
			t.Fatal(err)
		}
		b.Clock.Pass(48 * time.Hour)
		if _, err := models.NewCloses(b.DB).CloseDays(t.Context()); err != nil {
			t.Fatal(err)
		}
		w := b.signedIn(t, ownerEmail)
		ledger := b.ledger(t)
		if len(ledger) < 3 {
			t.Fatalf("the ledger has %v", ledger)
		}
		file := accounts{}
		lines := read(t, w.get(ordersURL+".csv?test=all").Body.String())
		if len(lines) != past.Orders {
			t.Errorf("%d lines of %d orders", len(lines), past.Orders)
		}
		for _, l := range lines {
			c := money.Currency(l["currency"])
			sum := modelstest.Sum{Taken: minor(t, c, l["taken"]), Refunded: minor(t, c, l["refunded"]), Disputed: minor(t, c, l["disputed"])}
			if net := minor(t, c, l["net"]); net != sum.Net() {
				t.Errorf("order %s has %d left of %+v", l["number"], net, sum)
			}
			file.add(account{c, l["test"] == "yes"}, sum)
		}
		overview := accounts{}
		for _, test := range []bool{false, true} {
			figures, err := models.NewOverview(b.DB).ByMethod(t.Context(), "0000-00-00", "9999-99-99", test)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range figures {
				overview.add(account{f.Currency, test}, modelstest.Sum{Taken: f.TakenMinor, Refunded: f.RefundedMinor, Disputed: f.DisputedMinor})
			}
		}
		closes := accounts{}
		for _, test := range []bool{false, true} {
			for f, more := (models.CloseFilter{Test: test, Limit: 50}), true; more; {
				var all []models.Close
				var err error
				if all, more, err = models.NewCloses(b.DB).List(t.Context(), f); err != nil {
					t.Fatal(err)
				}
				for _, c := range all {
					f.Before = c.ID
					closes.add(account{c.Currency, c.Test}, modelstest.Sum{Taken: c.TakenMinor, Refunded: c.RefundedMinor, Disputed: c.DisputedMinor})
				}
			}
		}
		for name, said := range map[string]accounts{"the file of orders": file, "the overview": overview, "the daily closes": closes} {
			if fmt.Sprint(said) != fmt.Sprint(ledger) { // maps are printed in the order of their keys
				t.Errorf("%s: %v, and the ledger has %v", name, said, ledger)
			}
		}
	})
}

// ledger is what the facts come to.
func (b *bench) ledger(t *testing.T) accounts {
	t.Helper()
	pool, _, err := b.DB.SQL()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := pool.QueryContext(t.Context(), `SELECT f.kind, f.minor, f.currency, o.test FROM facts f JOIN payments p ON p.id = f.payment_id JOIN orders o ON o.id = p.order_id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	all := accounts{}
	for rows.Next() {
		var kind models.FactKind
		var n int64
		var of account
		if err := rows.Scan(&kind, &n, &of.currency, &of.test); err != nil {
			t.Fatal(err)
		}
		all.add(of, modelstest.Moved(kind, n))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// read is the lines of a file by the names of its columns.
func read(t *testing.T, text string) []map[string]string {
	t.Helper()
	r := csv.NewReader(strings.NewReader(text))
	all, err := r.ReadAll()
	if err != nil || len(all) == 0 {
		t.Fatal(all, err)
	}
	lines := make([]map[string]string, 0, len(all)-1)
	for _, l := range all[1:] {
		line := map[string]string{}
		for i, name := range all[0] {
			line[name] = l[i]
		}
		lines = append(lines, line)
	}
	return lines
}

// minor is an amount as a file has it.
func minor(t *testing.T, c money.Currency, text string) int64 {
	t.Helper()
	a, err := money.ParseDecimal(text, c)
	if err != nil {
		t.Fatal(strconv.Quote(text), err)
	}
	return a.Minor
}
