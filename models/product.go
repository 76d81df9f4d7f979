package models

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"till/money"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// Product is one thing for sale.
type Product struct {
	ID          int64
	Slug        string // its word in addresses
	Name        string
	Description string
	Picture     string     // a file's name below static/pictures, or the Digest of a Picture
	Position    int64      // order on the home page, from 0
	Stock       *int64     // pieces left; nil when they are not counted. Below 0: sold more than there were
	ArchivedAt  *time.Time // set when no longer sold; old orders still show it
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Version     int64   // goes up with every change but that of the stock
	Prices      []Price `gorm:"foreignKey:ProductID"`
	Held        int64   `gorm:"-"` // of Stock, kept for people who are paying
}

// Available is how many pieces can be ordered now; ok is false when they are
// not counted.
func (p Product) Available() (n int64, ok bool) {
	if p.Stock == nil {
		return 0, false
	}
	return max(*p.Stock-p.Held, 0), true
}

// Price is what one product costs in one currency.
type Price struct {
	ProductID int64          `gorm:"primaryKey"`
	Currency  money.Currency `gorm:"primaryKey"`
	Minor     int64
}

// In returns the product's price in a currency; ok is false when it has none.
func (p Product) In(c money.Currency) (price money.Amount, ok bool) {
	for _, one := range p.Prices {
		if one.Currency == c {
			return money.Amount{Minor: one.Minor, Currency: c}, true
		}
	}
	return money.Amount{}, false
}

// Products reads and writes the catalogue.
type Products struct{ db *DB }

// NewProducts returns the catalogue kept in db.
func NewProducts(db *DB) *Products { return &Products{db} }

// All returns what is for sale, in catalogue order, with prices.
func (p *Products) All(ctx context.Context) ([]Product, error) {
	all, err := withPrices(p.db.r).Where("archived_at IS NULL").Order("position, id").Find(ctx)
	if err != nil {
		return all, named(err, "products")
	}
	return all, p.held(ctx, all)
}

// BySlug returns one product that is for sale, or ErrNotFound.
func (p *Products) BySlug(ctx context.Context, slug string) (Product, error) {
	one, err := withPrices(p.db.r).Where("slug = ? AND archived_at IS NULL", slug).First(ctx)
	if err != nil {
		return one, named(err, "product "+slug)
	}
	all := []Product{one}
	err = p.held(ctx, all)
	return all[0], err
}

// held fills in how much of the stock is kept for people who are paying.
func (p *Products) held(ctx context.Context, all []Product) error {
	var ids []int64
	for _, one := range all {
		if one.Stock != nil {
			ids = append(ids, one.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	var sums []struct {
		ProductID int64
		Held      int64
	}
	err := p.db.r.WithContext(ctx).Model(&StockHold{}).Where("product_id IN ? AND until > ?", ids, p.db.Now()).
		Select("product_id, SUM(quantity) AS held").Group("product_id").Scan(&sums).Error
	for _, s := range sums {
		for i := range all {
			if all[i].ID == s.ProductID {
				all[i].Held = s.Held
			}
		}
	}
	return named(err, "holds")
}

// ByIDs returns the products with the given ids, archived ones too, by id.
func (p *Products) ByIDs(ctx context.Context, ids []int64) (map[int64]Product, error) {
	byID := make(map[int64]Product, len(ids))
	if len(ids) == 0 {
		return byID, nil
	}
	all, err := withPrices(p.db.r).Where("id IN ?", ids).Find(ctx)
	if err == nil {
		err = p.held(ctx, all)
	}
	for _, one := range all {
		byID[one.ID] = one
	}
	return byID, named(err, "products by id")
}

func withPrices(db *gorm.DB) query[Product] {
	return rowsOf[Product](db).Preload("Prices", "currency")
}

// Import makes the catalogue be exactly what is given, in that order: products
// are made or changed by slug, and those not given are archived. All or nothing.
func (p *Products) Import(ctx context.Context, all []Product) error {
	return p.db.Write(ctx, func(tx *gorm.DB) error {
		now := tx.NowFunc()
		kept := make([]string, 0, len(all))
		for i, one := range all {
			one.Position = int64(i)
			if err := importOne(ctx, tx, one, now); err != nil {
				return err
			}
			kept = append(kept, one.Slug)
		}
		gone := rowsOf[Product](tx).Where("archived_at IS NULL")
		if len(kept) > 0 {
			gone = gone.Where("slug NOT IN ?", kept)
		}
		_, err := gone.Set(clause.Assignments(map[string]any{"archived_at": now, "updated_at": now, "version": gorm.Expr("version + 1")})).Update(ctx)
		return named(err, "archive products")
	})
}

func importOne(ctx context.Context, tx *gorm.DB, one Product, now time.Time) error {
	what := "product " + one.Slug
	old, err := rowsOf[Product](tx, forUpdate()).Where("slug = ?", one.Slug).First(ctx)
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		one.ID, one.Version, one.CreatedAt, one.UpdatedAt, one.ArchivedAt = 0, 1, now, now, nil
		if err := tx.Omit(clause.Associations).Create(&one).Error; err != nil {
			return named(err, what)
		}
	case err != nil:
		return named(err, what)
	default:
		one.ID = old.ID
		_, err = rowsOf[Product](tx).Where("id = ?", old.ID).Set(clause.Assignments(map[string]any{
			"name": one.Name, "description": one.Description, "picture": one.Picture, "position": one.Position,
			"stock": one.Stock, "archived_at": nil, "updated_at": now, "version": old.Version + 1,
		})).Update(ctx)
		if err != nil {
			return named(err, what)
		}
	}
	if _, err := rowsOf[Price](tx).Where("product_id = ?", one.ID).Delete(ctx); err != nil {
		return named(err, "prices of "+what)
	}
	for _, price := range one.Prices {
		price.ProductID = one.ID
		if err := rowsOf[Price](tx).Create(ctx, &price); err != nil {
			return named(err, fmt.Sprintf("price of %s in %s", what, price.Currency))
		}
	}
	return nil
}

// ProductChange is a product as a member of staff wants it.
type ProductChange struct {
	ID          int64 // 0: a new one
	Version     int64 // of the product as they saw it
	Slug        string
	Name        string
	Description string
	Prices      []Price          // in the currencies of In; none there: not sold for it
	In          []money.Currency // what Prices is about; prices in others stay
	Stock       *int64           // nil: not counted
	Seen        *int64           // the stock as they saw it
	Actor       string
}

// StockError is returned for a stock that was counted from another number than
// there is by now: pieces were sold meanwhile, or came back.
type StockError struct{ Now *int64 }

func (e *StockError) Error() string { return "models: the stock is " + counted(e.Now) + " by now" }

// Save adds a product, at the end, or changes one. The stock is left alone
// unless staff want another than they saw.
//
// Errors: ErrStale when somebody else has changed it, *StockError, ErrDuplicate
// for a slug that is taken.
func (p *Products) Save(ctx context.Context, c ProductChange) (saved Product, err error) {
	err = p.db.Write(ctx, func(tx *gorm.DB) error {
		now := tx.NowFunc()
		if c.ID == 0 {
			saved, err = p.add(ctx, tx, c, now)
			return err
		}
		old, err := lockProduct(ctx, tx, c.ID, c.Version)
		if err != nil {
			return err
		}
		saved = old
		saved.Slug, saved.Name, saved.Description, saved.Prices = c.Slug, c.Name, c.Description, c.prices(old.Prices)
		if !sameStock(c.Stock, c.Seen) {
			if !sameStock(c.Seen, old.Stock) {
				return &StockError{old.Stock}
			}
			saved.Stock = c.Stock
		}
		detail := saved.differences(old)
		if detail == "" {
			return nil
		}
		saved.Version, saved.UpdatedAt = old.Version+1, now
		_, err = rowsOf[Product](tx).Where("id = ?", c.ID).Set(clause.Assignments(map[string]any{
			"slug": saved.Slug, "name": saved.Name, "description": saved.Description, "stock": saved.Stock, "version": saved.Version, "updated_at": now,
		})).Update(ctx)
		if err != nil {
			return named(err, "product "+c.Slug)
		}
		if err := setPrices(ctx, tx, saved); err != nil {
			return err
		}
		return addAudit(ctx, tx, Audit{Actor: c.Actor, Action: "product_changed", Subject: saved.subject(), Detail: detail})
	})
	return saved, err
}

// add writes a new product at the end of the catalogue.
func (p *Products) add(ctx context.Context, tx *gorm.DB, c ProductChange, now time.Time) (Product, error) {
	one := Product{
		Slug: c.Slug, Name: c.Name, Description: c.Description, Stock: c.Stock, Prices: c.prices(nil), CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	err := tx.Model(&Product{}).Where("archived_at IS NULL").Select("COALESCE(MAX(position), -1) + 1").Scan(&one.Position).Error
	if err != nil {
		return one, named(err, "last product")
	}
	if err := tx.Omit(clause.Associations).Create(&one).Error; err != nil {
		return one, named(err, "product "+c.Slug)
	}
	for i := range one.Prices {
		one.Prices[i].ProductID = one.ID
	}
	if err := setPrices(ctx, tx, one); err != nil {
		return one, err
	}
	return one, addAudit(ctx, tx, Audit{Actor: c.Actor, Action: "product_added", Subject: one.subject(), Detail: one.differences(Product{})})
}

// prices are those that a product has afterwards.
func (c ProductChange) prices(before []Price) []Price {
	all := slices.Clone(c.Prices)
	for _, one := range before {
		if !slices.Contains(c.In, one.Currency) {
			all = append(all, one)
		}
	}
	for i := range all {
		all[i].ProductID = c.ID
	}
	slices.SortFunc(all, func(a, b Price) int { return cmp.Compare(a.Currency, b.Currency) })
	return all
}

func setPrices(ctx context.Context, tx *gorm.DB, p Product) error {
	if _, err := rowsOf[Price](tx).Where("product_id = ?", p.ID).Delete(ctx); err != nil {
		return named(err, "prices of product "+p.Slug)
	}
	for _, price := range p.Prices {
		if err := rowsOf[Price](tx).Create(ctx, &price); err != nil {
			return named(err, fmt.Sprintf("price of %s in %s", p.Slug, price.Currency))
		}
	}
	return nil
}

func (p Product) subject() string { return fmt.Sprintf("product %d", p.ID) }

// differences is what became of an older product, for the audit; empty when
// nothing did.
func (p Product) differences(old Product) string {
	var all []string
	differs := func(what, before, after string) {
		if before != after {
			all = append(all, fmt.Sprintf("%s %s → %s", what, cmp.Or(before, "none"), cmp.Or(after, "none")))
		}
	}
	differs("name", old.Name, p.Name)
	differs("slug", old.Slug, p.Slug)
	if old.Description != p.Description {
		all = append(all, "description")
	}
	var in []money.Currency
	for _, price := range slices.Concat(old.Prices, p.Prices) {
		if !slices.Contains(in, price.Currency) {
			in = append(in, price.Currency)
		}
	}
	for _, c := range in {
		differs("price", old.priced(c), p.priced(c))
	}
	differs("stock", counted(old.Stock), counted(p.Stock))
	return strings.Join(all, "; ")
}

func (p Product) priced(c money.Currency) string {
	price, ok := p.In(c)
	if !ok {
		return "not in " + string(c)
	}
	return price.String()
}

func sameStock(a, b *int64) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

func counted(stock *int64) string {
	if stock == nil {
		return "not counted"
	}
	return strconv.FormatInt(*stock, 10)
}

// lockProduct reads a product, with prices, for a change to what was seen of it.
func lockProduct(ctx context.Context, tx *gorm.DB, id, version int64) (Product, error) {
	one, err := rowsOf[Product](tx, forUpdate()).Where("id = ?", id).First(ctx)
	if err != nil {
		return one, named(err, "product")
	}
	if one.Version != version {
		return one, fmt.Errorf("%w: product %d", ErrStale, id)
	}
	one.Prices, err = rowsOf[Price](tx).Where("product_id = ?", id).Order("currency").Find(ctx)
	return one, named(err, "prices")
}

// SetPicture gives a product another picture, and with nil none. ErrStale when
// somebody else has changed the product.
func (p *Products) SetPicture(ctx context.Context, id, version int64, picture *Picture, actor string) error {
	return p.db.Write(ctx, func(tx *gorm.DB) error {
		old, err := lockProduct(ctx, tx, id, version)
		if err != nil {
			return err
		}
		digest := ""
		if picture != nil {
			digest = picture.Digest
			if err := addPicture(ctx, tx, *picture); err != nil {
				return err
			}
		}
		if digest == old.Picture {
			return nil
		}
		_, err = rowsOf[Product](tx).Where("id = ?", id).
			Set(clause.Assignments(map[string]any{"picture": digest, "version": version + 1, "updated_at": tx.NowFunc()})).Update(ctx)
		if err != nil {
			return named(err, "picture of product")
		}
		detail := fmt.Sprintf("picture %s → %s", cmp.Or(old.Picture, "none"), cmp.Or(digest, "none"))
		return addAudit(ctx, tx, Audit{Actor: actor, Action: "product_changed", Subject: old.subject(), Detail: detail})
	})
}

// Archive takes a product off the shelf, or brings it back; where it is that
// way already it changes nothing. Orders keep what they have.
func (p *Products) Archive(ctx context.Context, id int64, archived bool, actor string) error {
	return p.db.Write(ctx, func(tx *gorm.DB) error {
		one, err := rowsOf[Product](tx, forUpdate()).Where("id = ?", id).First(ctx)
		if err != nil {
			return named(err, "product")
		}
		if (one.ArchivedAt != nil) == archived {
			return nil
		}
		now := tx.NowFunc()
		set, action := map[string]any{"archived_at": nil, "version": one.Version + 1, "updated_at": now}, "product_restored"
		if archived {
			set["archived_at"], action = now, "product_archived"
		}
		if _, err := rowsOf[Product](tx).Where("id = ?", id).Set(clause.Assignments(set)).Update(ctx); err != nil {
			return named(err, "product "+one.Slug)
		}
		return addAudit(ctx, tx, Audit{Actor: actor, Action: action, Subject: one.subject(), Detail: one.Name})
	})
}

// Move puts a product one place further up, or down. seen is the Position that
// it had on the page: when it has another by now, the error is ErrStale. At the
// end of the catalogue it changes nothing.
func (p *Products) Move(ctx context.Context, id int64, up bool, seen int64, actor string) error {
	return p.db.Write(ctx, func(tx *gorm.DB) error {
		all, err := rowsOf[Product](tx, forUpdate()).Where("archived_at IS NULL").Order("id").Find(ctx) // one order of locks for all
		if err != nil {
			return named(err, "products")
		}
		slices.SortFunc(all, func(a, b Product) int { return cmp.Or(cmp.Compare(a.Position, b.Position), cmp.Compare(a.ID, b.ID)) })
		i := slices.IndexFunc(all, func(one Product) bool { return one.ID == id })
		if i < 0 {
			return fmt.Errorf("%w: product %d", ErrNotFound, id)
		}
		if all[i].Position != seen {
			return fmt.Errorf("%w: place of product %d", ErrStale, id)
		}
		j := i + 1
		if up {
			j = i - 1
		}
		if j < 0 || j >= len(all) {
			return nil
		}
		places := make(map[int64]int64, 2)
		if all[i].Position != all[j].Position {
			places[all[i].ID], places[all[j].ID] = all[j].Position, all[i].Position
		} else { // both came back from the archive, or so: the places are given out anew
			all[i], all[j] = all[j], all[i]
			for k, one := range all {
				places[one.ID] = int64(k)
			}
		}
		for _, one := range all {
			place, ok := places[one.ID]
			if !ok || place == one.Position {
				continue
			}
			if _, err := rowsOf[Product](tx).Where("id = ?", one.ID).Update(ctx, "position", place); err != nil {
				return named(err, "place of product")
			}
		}
		way := map[bool]string{true: "up", false: "down"}[up]
		return addAudit(ctx, tx, Audit{Actor: actor, Action: "product_moved", Subject: fmt.Sprintf("product %d", id), Detail: way})
	})
}

// ByID returns one product, archived or not, or ErrNotFound.
func (p *Products) ByID(ctx context.Context, id int64) (Product, error) {
	all, err := p.ByIDs(ctx, []int64{id})
	if err != nil {
		return Product{}, err
	}
	one, ok := all[id]
	if !ok {
		return one, fmt.Errorf("%w: product %d", ErrNotFound, id)
	}
	return one, nil
}

// ProductFilter says which products a list has, and which part of it.
type ProductFilter struct {
	Archived bool   // those that are no longer sold; else those that are
	Search   string // every word is to be found in name or slug; empty for all
	After    Place  // the list begins behind it; the zero Place is the beginning
	Limit    int
}

// Place is where a product stands in the catalogue.
type Place struct{ Position, ID int64 }

// List returns one part of the catalogue, in its order, and whether there are
// more.
func (p *Products) List(ctx context.Context, f ProductFilter) (all []Product, more bool, err error) {
	shelf := "archived_at IS NULL"
	if f.Archived {
		shelf = "archived_at IS NOT NULL"
	}
	q := p.db.r.WithContext(ctx).Model(&Product{}).Where(shelf).Order("position, id")
	if f.After != (Place{}) {
		q = q.Where("(position, id) > (?, ?)", f.After.Position, f.After.ID)
	}
	words := Words(f.Search)
	if len(words) == 0 {
		q = q.Limit(f.Limit + 1)
	}
	var rows []Product
	// A catalogue is small, and no database folds letters as Words does: so the
	// names are read, and searched here.
	if err := q.Select("id, name, slug").Find(&rows).Error; err != nil {
		return nil, false, named(err, "products")
	}
	ids := make([]int64, 0, f.Limit)
	for _, one := range rows {
		text := strings.Join(Words(one.Name+" "+one.Slug), " ")
		if slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(text, w) }) {
			continue
		}
		if more = len(ids) == f.Limit; more {
			break
		}
		ids = append(ids, one.ID)
	}
	byID, err := p.ByIDs(ctx, ids)
	for _, id := range ids {
		if one, ok := byID[id]; ok {
			all = append(all, one)
		}
	}
	return all, more, err
}

// Any reports whether there is a product at all, archived ones too.
func (p *Products) Any(ctx context.Context) (bool, error) {
	ids, err := rowsOf[Product](p.db.r).Select("id").Limit(1).Find(ctx)
	return len(ids) > 0, named(err, "products")
}
