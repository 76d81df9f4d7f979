package models_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"till/models"
	"till/models/modelstest"

	"gorm.io/gorm"
)

func ptr[T any](v T) *T { return &v }

// shelfOf fills a shop with n orders from number 1001 on, each of which has
// other values by its number, without going the long way.
func fill(t *testing.T, b modelstest.Bench, n int) {
	t.Helper()
	series := "WITH RECURSIVE s (n) AS (SELECT 1001 UNION ALL SELECT n + 1 FROM s WHERE n < ?) "
	dated := "datetime('2026-03-01', '+' || n || ' minutes') || '+00:00'"
	if models.IsPostgres(b.Name) {
		dated = "TIMESTAMPTZ '2026-03-01 00:00:00+00' + n * INTERVAL '1 minute'"
	}
	mod := func(m int, of ...string) string {
		s := "CASE n % " + fmt.Sprint(m)
		for i, v := range of {
			s += fmt.Sprintf(" WHEN %d THEN '%s'", i, v)
		}
		return s + " ELSE '" + of[len(of)-1] + "' END"
	}
	const token = "'abcdefghijklmnopqrstuvwxyz' || n"
	for _, sql := range []string{
		"INSERT INTO orders (id, token, checkout_key, fingerprint, email, name, line1, line2, city, region, postcode, country, total_minor, total_currency, status, attention, provider, method, test, due_at, paid_at, created_at, updated_at, packed_at) " +
			series + "SELECT n, " + token + ", n || '', '', 'buyer' || n || '@example.test', 'Ann', '', '', '', '', '', 'NZ', 1 + n % 97, " + mod(3, "NZD", "USD") + ", " +
			mod(7, "paid", "issued", "refunded", "chargeback", "paid") + ", " + mod(11, "dispute", "") + ", " + mod(5, "acme", "gate", "gate") + ", " + mod(10, "", "card", "") + ", n % 4 = 0, " +
			dated + ", NULL, " + dated + ", " + dated + ", CASE WHEN n % 14 = 0 THEN " + dated + " END FROM s",
		"INSERT INTO order_words (word, order_id) " + series + "SELECT 'everybody', n FROM s",
		"INSERT INTO order_words (word, order_id) " + series + "SELECT 'buyer' || n, n FROM s",
		"INSERT INTO order_words (word, order_id) " + series + "SELECT " + mod(2, "red", "green") + ", n FROM s",
		"INSERT INTO order_words (word, order_id) " + series + "SELECT 'rare', n FROM s WHERE n % 1000 = 1",
	} {
		if err := raw(t, b, sql, 1000+n); err != nil {
			t.Fatal(err)
		}
	}
	if models.IsPostgres(b.Name) {
		if err := raw(t, b, "ANALYZE orders, order_words"); err != nil {
			t.Fatal(err)
		}
	}
}

// filters are one for each thing that a list can be asked for.
func filters() map[string]models.OrderFilter {
	noon := time.Date(2026, 3, 1, 20, 0, 0, 0, time.UTC)
	return map[string]models.OrderFilter{
		"all":               {},
		"status":            {Status: models.OrderPaid},
		"provider":          {Provider: "acme"},
		"status, provider":  {Status: models.OrderPaid, Provider: "gate"},
		"method":            {Provider: "gate", Method: ptr("card")},
		"no method":         {Provider: "gate", Method: ptr("")},
		"currency":          {Currency: "USD"},
		"amounts":           {Currency: "USD", From: ptr(int64(20)), To: ptr(int64(30))},
		"one amount":        {Currency: "USD", From: ptr(int64(20)), To: ptr(int64(20))},
		"since":             {Since: &noon},
		"until":             {Until: &noon},
		"days":              {Since: &noon, Until: ptr(noon.Add(time.Hour))},
		"needs attention":   {Needy: true},
		"to pack":           {ToPack: true},
		"to ship":           {ToShip: true},
		"real":              {Test: ptr(false)},
		"tests":             {Test: ptr(true)},
		"a number":          {Search: "#1042"},
		"a word of all":     {Search: "everybody"},
		"a beginning":       {Search: "BUYER104"},
		"a broad beginning": {Search: "buyer"},
		"two words":         {Search: "everybody red"},
		"a rare word":       {Search: "everybody rare"},
		"all at once": {
			Status: models.OrderPaid, Provider: "gate", Currency: "NZD", From: ptr(int64(5)), To: ptr(int64(90)), Since: ptr(noon.Add(-time.Hour)),
			Until: ptr(noon.Add(24 * time.Hour)), Test: ptr(false), Search: "everybody",
		},
	}
}

// matches is the filter in Go, over a row and its words.
func matches(f models.OrderFilter, o models.Order, words []string) bool {
	is := func(want bool) bool { return want }
	switch {
	case f.Status != "" && o.Status != f.Status, f.Provider != "" && o.Provider != f.Provider, f.Method != nil && o.Method != *f.Method:
		return false
	case f.Currency != "" && o.Total.Currency != f.Currency, f.From != nil && o.Total.Minor < *f.From, f.To != nil && o.Total.Minor > *f.To:
		return false
	case f.Since != nil && o.CreatedAt.Before(*f.Since), f.Until != nil && !o.CreatedAt.Before(*f.Until):
		return false
	case is(f.Needy) && len(o.Attention) == 0, f.ToShip && o.MayShip() != nil, f.ToPack && (o.MayPack() != nil || o.PackedAt != nil):
		return false
	case f.Test != nil && o.Test != *f.Test:
		return false
	}
	for _, term := range models.Words(f.Search) {
		if term != o.Number() && !slices.ContainsFunc(words, func(w string) bool { return strings.HasPrefix(w, term) }) {
			return false
		}
	}
	return true
}

var sorts = []models.OrderSort{models.SortNewest, models.SortOldest, models.SortHighest, models.SortLowest}

func before(s models.OrderSort) func(a, b models.Order) int {
	return func(a, b models.Order) int {
		n := int(a.ID - b.ID)
		if s == models.SortHighest || s == models.SortLowest {
			if d := int(a.Total.Minor - b.Total.Minor); d != 0 {
				n = d
			}
		}
		if s == models.SortNewest || s == models.SortHighest {
			return -n
		}
		return n
	}
}

// Every filter and every sort shows what it says, once, on the way there and
// on the way back.
func TestOrders_Page_ShowsEach(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		fill(t, b, 300)
		orders := models.NewOrders(b.DB)
		every, _, err := orders.List(t.Context(), models.OrderFilter{Limit: 1000})
		if err != nil || len(every) != 300 {
			t.Fatal(len(every), err)
		}
		wordsOf := map[int64][]string{}
		var all []models.OrderWord
		if err := b.DB.Write(t.Context(), func(tx *gorm.DB) error { return tx.Find(&all).Error }); err != nil {
			t.Fatal(err)
		}
		for _, w := range all {
			wordsOf[w.OrderID] = append(wordsOf[w.OrderID], w.Word)
		}
		for name, f := range filters() {
			for _, sort := range sorts {
				f := f
				if f.Sort = sort; (sort == models.SortHighest || sort == models.SortLowest) && f.Currency == "" {
					f.Currency = "NZD"
				}
				var want []models.Order
				for _, o := range every {
					if matches(f, o.Order, wordsOf[o.ID]) {
						want = append(want, o.Order)
					}
				}
				slices.SortFunc(want, before(sort))
				if f.Search == "buyer" { // of which not every word is looked for
					want = slices.DeleteFunc(want, func(o models.Order) bool { return o.ID > 1000+20 })
				}
				walks(t, orders, fmt.Sprintf("%s %s", name, sort), f, want)
			}
		}
	})
}

// walks goes over a list in small pages, there and back.
func walks(t *testing.T, orders *models.Orders, name string, f models.OrderFilter, want []models.Order) {
	t.Helper()
	number := func(o models.Order) int64 { return o.ID }
	f.Limit = 7
	if len(want) > 100 {
		f.Limit = 61
	}
	var there []int64
	for {
		p, err := orders.Page(t.Context(), f)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, o := range p.Rows {
			there = append(there, o.ID)
		}
		if p.Looked != 0 || p.More != (len(there) < len(want)) {
			t.Fatalf("%s: more %v, looked %d after %d of %d", name, p.More, p.Looked, len(there), len(want))
		}
		if !p.More {
			break
		}
		f.Before = there[len(there)-1]
	}
	if !slices.Equal(there, numbersOf(want, number)) {
		t.Fatalf("%s:\n got %v\nwant %v", name, there, numbersOf(want, number))
	}
	if len(there) == 0 {
		return
	}
	back := []int64{there[len(there)-1]}
	for f.Before, f.After = 0, back[0]; ; f.After = back[0] {
		p, err := orders.Page(t.Context(), f)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var ids []int64
		for _, o := range p.Rows {
			ids = append(ids, o.ID)
		}
		back = append(ids, back...)
		if !p.More {
			break
		}
	}
	if !slices.Equal(back, there) {
		t.Fatalf("%s back:\n got %v\nwant %v", name, back, there)
	}
}

func numbersOf(all []models.Order, number func(models.Order) int64) (ids []int64) {
	for _, o := range all {
		ids = append(ids, number(o))
	}
	return ids
}

// A page looks at so many orders and says where it stopped; going on from there
// finds all.
func TestOrders_Page_StopsLooking(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		const n = models.Reach*2 + 500
		fill(t, b, n)
		if err := raw(t, b, "UPDATE orders SET method = 'odd' WHERE id IN (1003, ?, ?)", 1000+models.Reach/2, 1000+n-5); err != nil {
			t.Fatal(err)
		}
		if err := raw(t, b, "INSERT INTO order_words SELECT 'everyone', id FROM orders WHERE id IN (1003, ?)", 1000+n-5); err != nil {
			t.Fatal(err)
		}
		orders := models.NewOrders(b.DB)
		for name, f := range map[string]models.OrderFilter{
			"an amount among all": {Currency: "NZD", From: ptr(int64(1)), To: ptr(int64(90)), Status: "issued", Limit: 5000, Test: ptr(true)},
			"words of all":        {Search: "everybody everyo", Status: models.OrderPaid, Limit: 2000},
			"two colours":         {Search: "green red", Limit: 10},
			"by amount":           {Sort: models.SortLowest, Currency: "USD", Status: "chargeback", Test: ptr(true), Limit: 3000},
			"of some days":        {Since: ptr(time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)), Search: "green red", Status: "issued", Test: ptr(true), Limit: 9},
		} {
			f := f
			var got []int64
			stops := 0
			for range 40 {
				p, err := orders.Page(t.Context(), f)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				for _, o := range p.Rows {
					got = append(got, o.ID)
				}
				switch {
				case p.More:
					f.Before = got[len(got)-1]
					continue
				case p.Looked != 0:
					stops++
					f.Before = p.Looked
					continue
				}
				break
			}
			if stops == 0 && name != "an amount among all" && name != "words of all" && name != "by amount" {
				t.Errorf("%s: never stopped, and found %d", name, len(got))
			}
			seen := slices.Clone(got)
			slices.Sort(seen)
			if len(slices.Compact(seen)) != len(got) {
				t.Errorf("%s: some twice", name)
			}
		}
		// going back stops too, and comes to the same
		f := models.OrderFilter{Search: "green red", Limit: 10, After: 1001}
		p, err := orders.Page(t.Context(), f)
		if err != nil || len(p.Rows) != 0 || p.Looked <= 1001 {
			t.Errorf("back: %d rows, looked %d %v", len(p.Rows), p.Looked, err)
		}
	})
}

func TestOrders_Page_Search(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		products := modelstest.Catalogue(t, b)
		place := func(email, name string) models.Order {
			p := modelstest.Placement(t, products, "acme")
			p.Order.Email, p.Order.Name = email, name
			return modelstest.Place(t, b, p)
		}
		zoe, eve := place("zoe.ng@shop.test", "Zoë O'Hara"), place("eve+tea@x.test", "Ēve Smith")
		orders, payments := models.NewOrders(b.DB), models.NewPayments(b.DB)
		d, err := orders.ByNumber(t.Context(), eve.ID)
		if err != nil {
			t.Fatal(err)
		}
		pay := d.Payments[0]
		if _, _, err := payments.Record(t.Context(), models.Change{PaymentID: pay.ID, Version: pay.Version, State: models.PaymentRedirected, Ref: "TX_991-A"}); err != nil {
			t.Fatal(err)
		}
		for search, want := range map[string][]int64{
			"1001": {zoe.ID}, "#1001": {zoe.ID}, " # 1001 ": {zoe.ID}, "zoe": {zoe.ID}, "ZOË": {zoe.ID}, "hara": {zoe.ID}, "o'hara": {zoe.ID},
			"zoe.ng@shop": {zoe.ID}, "ng": {zoe.ID}, "x.test": {eve.ID}, "eve smith": {eve.ID}, "smith eve": {eve.ID}, "zoe smith": nil,
			"tx_991-a": {eve.ID}, "tx_99": {eve.ID}, "mug": {eve.ID, zoe.ID}, "mug 1001": {zoe.ID}, "1001 mug": {zoe.ID}, "1001 1002": nil,
			pay.ID: {eve.ID}, pay.ID + " mug": {eve.ID}, "99999999999999999999": nil, "-1": nil, "0": nil, "%": nil, "_": nil, "#": nil, "' OR 1=1 --": nil,
			"mug\x00": nil, "\xff": nil, "": {eve.ID, zoe.ID}, "  ": {eve.ID, zoe.ID}, strings.Repeat("a ", 50) + "mug": nil,
		} {
			rows, more, err := orders.List(t.Context(), models.OrderFilter{Search: search, Limit: 9})
			var got []int64
			for _, o := range rows {
				got = append(got, o.ID)
			}
			if err != nil || more || !slices.Equal(got, want) {
				t.Errorf("%q finds %v, want %v (%v)", search, got, want, err)
			}
		}
		all, err := orders.Methods(t.Context())
		if err != nil || len(all) != 1 || all[0] != (models.OrderMethod{Provider: "acme"}) {
			t.Errorf("methods %v %v", all, err)
		}
		_, err = orders.Page(t.Context(), models.OrderFilter{Sort: models.SortLowest, Currency: "NZD", Before: 9999, Limit: 9})
		if !errors.Is(err, models.ErrNotFound) {
			t.Errorf("after an order that is not there: %v", err)
		}
		for name, f := range map[string]models.OrderFilter{"by amount": {Sort: models.SortLowest}, "amounts": {From: ptr(int64(1))}, "method": {Method: ptr("")}} {
			if _, err := orders.Page(t.Context(), f); err == nil {
				t.Errorf("%s without its other half", name)
			}
		}
	})
}

// No page reads a whole table, or sorts more than it shows.
func TestOrders_Page_Plans(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		fill(t, b, 5000)
		orders := models.NewOrders(b.DB)
		var mu sync.Mutex
		var heard []string
		b.DB.Watch(func(sql string) {
			mu.Lock()
			defer mu.Unlock()
			heard = append(heard, sql)
		})
		pool, postgres, err := b.DB.SQL()
		if err != nil {
			t.Fatal(err)
		}
		conn, err := pool.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		explain := func(sql string) string {
			prefix := "EXPLAIN QUERY PLAN "
			if postgres {
				prefix = "EXPLAIN "
			}
			rows, err := conn.QueryContext(t.Context(), prefix+sql)
			if err != nil {
				t.Fatalf("%s: %v", sql, err)
			}
			defer rows.Close()
			var plan []string
			for rows.Next() {
				var line string
				var skip int
				if postgres {
					err = rows.Scan(&line)
				} else {
					err = rows.Scan(&skip, &skip, &skip, &line)
				}
				if err != nil {
					t.Fatal(err)
				}
				plan = append(plan, line)
			}
			if err := rows.Err(); err != nil {
				t.Fatal(err)
			}
			return strings.Join(plan, "\n")
		}
		check := func(name string) {
			t.Helper()
			if len(heard) == 0 {
				t.Fatalf("%s: nothing was heard", name)
			}
			for _, sql := range heard {
				if !strings.HasPrefix(sql, "SELECT") && !strings.HasPrefix(sql, "WITH") {
					continue
				}
				plan := explain(sql)
				bad := []string{"SCAN orders\n", "SCAN o\n", "SCAN w\n", "SCAN order_words\n", "TEMP B-TREE"}
				if postgres {
					bad = []string{"Seq Scan on orders", "Seq Scan on order_words", "Seq Scan on payments", "Sort"}
				}
				for _, b := range bad {
					if b == "SCAN o\n" && !strings.Contains(sql, "WHERE") {
						continue // in the order of the numbers, and as far as the page goes
					}
					if strings.Contains(plan+"\n", b) && (!fewRows(sql) || b != "TEMP B-TREE" && b != "Sort") {
						t.Errorf("%s: %s\nin\n%s\n%s", name, b, sql, plan)
					}
				}
			}
			heard = nil
		}
		if postgres {
			for _, sql := range []string{"SET enable_seqscan = off", "SET enable_bitmapscan = off", "SET enable_sort = off", "SET enable_incremental_sort = off"} {
				if _, err := conn.ExecContext(t.Context(), sql); err != nil {
					t.Fatal(err)
				}
			}
		}
		for name, f := range filters() {
			for _, sort := range sorts {
				for _, from := range [][2]int64{{0, 0}, {3000, 0}, {0, 3000}} {
					f := f
					f.Sort, f.Before, f.After, f.Limit = sort, from[0], from[1], 50
					if (sort == models.SortHighest || sort == models.SortLowest) && f.Currency == "" {
						f.Currency = "NZD"
					}
					if _, err := orders.Page(t.Context(), f); err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					check(fmt.Sprintf("%s %s %v", name, sort, from))
				}
			}
		}
		if _, err := orders.Methods(t.Context()); err != nil {
			t.Fatal(err)
		}
		check("methods")
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
}

// fewRows reports whether a statement sorts orders that it names, or the few
// words that a search stands for.
func fewRows(sql string) bool {
	return strings.Contains(sql, "o.id IN (") || strings.Contains(sql, "ORDER BY n")
}
