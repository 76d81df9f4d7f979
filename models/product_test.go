package models_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"till/models"
	"till/models/modelstest"
	"till/money"
)

const seller = "staff mona@shop.test"

var inNZD = []money.Currency{"NZD"}

// asSeen is the change that leaves a product as it is.
func asSeen(p models.Product) models.ProductChange {
	c := models.ProductChange{
		ID: p.ID, Version: p.Version, Slug: p.Slug, Name: p.Name, Description: p.Description, In: inNZD, Stock: p.Stock, Seen: p.Stock, Actor: seller,
	}
	for _, price := range p.Prices {
		if price.Currency == "NZD" {
			c.Prices = append(c.Prices, price)
		}
	}
	return c
}

// audits are the audit's lines about a subject, oldest first.
func audits(t *testing.T, b modelstest.Bench, subject string) (lines []string) {
	t.Helper()
	pool, _, err := b.DB.SQL()
	if err != nil {
		t.Fatal(err)
	}
	rows, err := pool.QueryContext(t.Context(), "SELECT actor, action, detail FROM audit WHERE subject = '"+subject+"' ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var actor, action, detail string
		if err := rows.Scan(&actor, &action, &detail); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, actor+": "+action+": "+detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

func some(n int64) *int64 { return &n }

func TestProducts_Save(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		ctx, products := t.Context(), models.NewProducts(b.DB)
		modelstest.Catalogue(t, b)
		added, err := products.Save(ctx, models.ProductChange{Slug: "tea", Name: "Tea", In: inNZD, Prices: []models.Price{{Currency: "NZD", Minor: 700}}, Stock: some(3), Actor: seller})
		if err != nil {
			t.Fatal(err)
		}
		one, err := products.BySlug(ctx, "tea")
		if err != nil || one.ID != added.ID || one.Position != 2 || *one.Stock != 3 || len(one.Prices) != 1 || one.Prices[0].Minor != 700 {
			t.Fatalf("%+v %v", one, err)
		}
		if _, err := products.Save(ctx, models.ProductChange{Slug: "tea", Name: "Other", Actor: seller}); !errors.Is(err, models.ErrDuplicate) {
			t.Fatalf("the same slug twice: %v", err)
		}

		mug, err := products.BySlug(ctx, "mug")
		if err != nil {
			t.Fatal(err)
		}
		c := asSeen(mug)
		c.Name, c.Slug, c.Stock, c.Prices[0].Minor = "Big mug", "big-mug", some(9), 1300
		if _, err := products.Save(ctx, c); err != nil {
			t.Fatal(err)
		}
		now, err := products.ByID(ctx, mug.ID)
		if err != nil || now.Name != "Big mug" || now.Slug != "big-mug" || *now.Stock != 9 || now.Version != mug.Version+1 || len(now.Prices) != 2 || now.Prices[0].Minor != 1300 || now.Prices[1].Minor != 800 {
			t.Fatalf("%+v %v", now, err)
		}
		if _, err := products.Save(ctx, c); !errors.Is(err, models.ErrStale) {
			t.Fatalf("a stale page: %v", err)
		}
		c = asSeen(now)
		c.Slug = "tea"
		if _, err := products.Save(ctx, c); !errors.Is(err, models.ErrDuplicate) {
			t.Fatalf("another one's slug: %v", err)
		}
		c = asSeen(now)
		c.Prices = nil
		if _, err := products.Save(ctx, c); err != nil {
			t.Fatal(err)
		}
		if now, err = products.ByID(ctx, mug.ID); err != nil || len(now.Prices) != 1 || now.Prices[0].Currency != "USD" {
			t.Fatalf("sold in %+v %v", now.Prices, err)
		}
		if same, err := products.Save(ctx, asSeen(now)); err != nil || same.Version != now.Version {
			t.Fatalf("nothing changed: %d, then %d: %v", now.Version, same.Version, err)
		}
		want := []string{
			seller + ": product_changed: name Mug → Big mug; slug mug → big-mug; price NZD 12.50 → NZD 13.00; stock not counted → 9",
			seller + ": product_changed: price NZD 13.00 → not in NZD",
		}
		if got := audits(t, b, fmt.Sprintf("product %d", mug.ID)); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		want = []string{seller + ": product_added: name none → Tea; slug none → tea; price not in NZD → NZD 7.00; stock not counted → 3"}
		if got := audits(t, b, fmt.Sprintf("product %d", added.ID)); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// A page that is stale about the stock must not undo a sale.
func TestProducts_Save_Sold(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		ctx, products := t.Context(), models.NewProducts(b.DB)
		honey := modelstest.Catalogue(t, b)["honey"]
		if err := raw(t, b, "UPDATE products SET stock = 4 WHERE slug = 'honey'"); err != nil { // as a sale does
			t.Fatal(err)
		}
		c := asSeen(honey)
		c.Stock = some(9)
		_, err := products.Save(ctx, c)
		var sold *models.StockError
		if !errors.As(err, &sold) || *sold.Now != 4 {
			t.Fatalf("counted from 5: %v", err)
		}
		c.Stock, c.Name = some(5), "Bush honey" // the number as it was seen: the stock is not what they change
		if _, err := products.Save(ctx, c); err != nil {
			t.Fatal(err)
		}
		now, err := products.ByID(ctx, honey.ID)
		if err != nil || *now.Stock != 4 || now.Name != "Bush honey" {
			t.Fatalf("%+v %v", now, err)
		}
		c = asSeen(now)
		c.Stock = nil
		if _, err := products.Save(ctx, c); err != nil {
			t.Fatal(err)
		}
		want := []string{seller + ": product_changed: name Honey → Bush honey", seller + ": product_changed: stock 4 → not counted"}
		if got := audits(t, b, fmt.Sprintf("product %d", honey.ID)); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// Twenty change one product from the same page: one wins, and the others are
// told.
func TestProducts_Save_OneWinner(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		ctx, products := t.Context(), models.NewProducts(b.DB)
		mug := modelstest.Catalogue(t, b)["mug"]
		var won, stale int
		var mu sync.Mutex
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				c := asSeen(mug)
				c.Name = fmt.Sprintf("Mug %d", i)
				_, err := products.Save(ctx, c)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					won++
				case errors.Is(err, models.ErrStale):
					stale++
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if won != 1 || stale != 19 {
			t.Fatalf("%d won, %d were stale", won, stale)
		}
		if got := audits(t, b, fmt.Sprintf("product %d", mug.ID)); len(got) != 1 {
			t.Errorf("%q", got)
		}
	})
}

func TestProducts_Move(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		ctx, products := t.Context(), models.NewProducts(b.DB)
		var catalogue []models.Product
		for _, slug := range []string{"a", "b", "c", "d"} {
			catalogue = append(catalogue, models.Product{Slug: slug, Name: slug})
		}
		if err := products.Import(ctx, catalogue); err != nil {
			t.Fatal(err)
		}
		order := func() (slugs string, at map[string]models.Product) {
			t.Helper()
			all, err := products.All(ctx)
			if err != nil {
				t.Fatal(err)
			}
			at = map[string]models.Product{}
			for _, one := range all {
				slugs += one.Slug
				at[one.Slug] = one
			}
			return slugs, at
		}
		for _, tt := range []struct {
			slug string
			up   bool
			want string
		}{
			{"c", true, "acbd"}, {"c", true, "cabd"}, {"c", true, "cabd"}, {"d", false, "cabd"}, {"a", false, "cbad"},
		} {
			_, at := order()
			if err := products.Move(ctx, at[tt.slug].ID, tt.up, at[tt.slug].Position, seller); err != nil {
				t.Fatal(err)
			}
			if got, _ := order(); got != tt.want {
				t.Fatalf("%s up %v: %s, want %s", tt.slug, tt.up, got, tt.want)
			}
		}
		_, at := order()
		if err := products.Move(ctx, at["b"].ID, true, 3, seller); !errors.Is(err, models.ErrStale) {
			t.Fatalf("from a stale page: %v", err)
		}
		if err := raw(t, b, "UPDATE products SET position = 0"); err != nil {
			t.Fatal(err)
		}
		if err := products.Move(ctx, at["b"].ID, false, 0, seller); err != nil {
			t.Fatal(err)
		}
		if got, at := order(); got != "acbd" || at["d"].Position != 3 {
			t.Fatalf("all in one place, then b down: %s", got)
		}
		if got := audits(t, b, fmt.Sprintf("product %d", at["b"].ID)); !slices.Equal(got, []string{seller + ": product_moved: down"}) {
			t.Errorf("%q", got)
		}
	})
}

// Twenty move at once: every product keeps a place of its own.
func TestProducts_Move_AtOnce(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		ctx, products := t.Context(), models.NewProducts(b.DB)
		var catalogue []models.Product
		for i := range 6 {
			catalogue = append(catalogue, models.Product{Slug: fmt.Sprint("p", i), Name: "P"})
		}
		if err := products.Import(ctx, catalogue); err != nil {
			t.Fatal(err)
		}
		before, err := products.All(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				one := before[i%6]
				if err := products.Move(ctx, one.ID, i%2 == 0, one.Position, seller); err != nil && !errors.Is(err, models.ErrStale) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		after, err := products.All(ctx)
		if err != nil || len(after) != 6 {
			t.Fatal(after, err)
		}
		for i, one := range after {
			if one.Position != int64(i) {
				t.Errorf("%s is at %d, want %d", one.Slug, one.Position, i)
			}
		}
	})
}

func TestProducts_Archive(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		ctx, products := t.Context(), models.NewProducts(b.DB)
		all := modelstest.Catalogue(t, b)
		order := modelstest.Place(t, b, modelstest.Placement(t, all, "full"))
		for range 2 {
			if err := products.Archive(ctx, all["mug"].ID, true, seller); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := products.BySlug(ctx, "mug"); !errors.Is(err, models.ErrNotFound) {
			t.Fatalf("still sold: %v", err)
		}
		if _, _, err := models.NewOrders(b.DB).Place(ctx, modelstest.Placement(t, all, "full"), models.Cause{Actor: "shopper", Source: "checkout"}); !errors.Is(err, models.ErrSoldOut) {
			t.Fatalf("ordered from an old page: %v", err)
		}
		d, err := models.NewOrders(b.DB).ByNumber(ctx, order.ID)
		if err != nil || d.Lines[0].Name != "Mug" || d.Lines[0].UnitMinor != 1250 {
			t.Fatalf("%+v %v", d.Lines, err)
		}
		for range 2 {
			if err := products.Archive(ctx, all["mug"].ID, false, seller); err != nil {
				t.Fatal(err)
			}
		}
		if one, err := products.BySlug(ctx, "mug"); err != nil || len(one.Prices) != 2 {
			t.Fatal(one, err)
		}
		want := []string{seller + ": product_archived: Mug", seller + ": product_restored: Mug"}
		if got := audits(t, b, fmt.Sprintf("product %d", all["mug"].ID)); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		if err := products.Archive(ctx, 99, true, seller); !errors.Is(err, models.ErrNotFound) {
			t.Fatal(err)
		}
	})
}

func TestProducts_List(t *testing.T) {
	t.Parallel()
	modelstest.Each(t, func(t *testing.T, b modelstest.Bench) {
		ctx, products := t.Context(), models.NewProducts(b.DB)
		if any, err := products.Any(ctx); any || err != nil {
			t.Fatal(any, err)
		}
		var catalogue []models.Product
		for _, name := range []string{"Tea bowl", "Tea towel", "Ākina mug", "Mug, 100%", "Soap"} {
			catalogue = append(catalogue, models.Product{Slug: strings.ReplaceAll(strings.Join(models.Words(name), "-"), "%", ""), Name: name})
		}
		if err := products.Import(ctx, catalogue); err != nil {
			t.Fatal(err)
		}
		soap, err := products.BySlug(ctx, "soap")
		if err != nil {
			t.Fatal(err)
		}
		if err := products.Archive(ctx, soap.ID, true, seller); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			name, search string
			archived     bool
			want         string
		}{
			{"all that is sold", "", false, "Tea bowl|Tea towel|Ākina mug|Mug, 100%"},
			{"what is not", "", true, "Soap"},
			{"a word", "TEA", false, "Tea bowl|Tea towel"},
			{"two words", "towel tea", false, "Tea towel"},
			{"a part of one", "ow", false, "Tea bowl|Tea towel"},
			{"without the macron", "akina", false, "Ākina mug"},
			{"with it", "ĀKINA", false, "Ākina mug"},
			{"a slug", "mug-100", false, "Mug, 100%"},
			{"a wild card is a letter", "%", false, "Mug, 100%"},
			{"nothing of the kind", "coat", false, ""},
			{"sold no longer", "soap", false, ""},
			{"found there", "soap", true, "Soap"},
		} {
			var got []string
			f := models.ProductFilter{Archived: tt.archived, Search: tt.search, Limit: 1}
			for more := true; more; {
				var all []models.Product
				if all, more, err = products.List(ctx, f); err != nil {
					t.Fatal(err)
				}
				for _, one := range all {
					got, f.After = append(got, one.Name), models.Place{Position: one.Position, ID: one.ID}
				}
				if len(all) == 0 && more {
					t.Fatal("more, and none to go on from")
				}
			}
			if s := strings.Join(got, "|"); s != tt.want {
				t.Errorf("%s: %q, want %q", tt.name, s, tt.want)
			}
		}
	})
}
