package models

import (
	"context"
	"errors"
	"fmt"
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
	Picture     string     // a file's name below static/pictures
	Position    int64      // order on the home page, from 0
	Stock       *int64     // pieces left; nil when they are not counted. Below 0: sold more than there were
	ArchivedAt  *time.Time // set when no longer sold; old orders still show it
	CreatedAt   time.Time
	UpdatedAt   time.Time
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

func withPrices(db *gorm.DB) gorm.ChainInterface[Product] {
	return gorm.G[Product](db).Preload("Prices", func(db gorm.PreloadBuilder) error {
		db.Order("currency")
		return nil
	})
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
		gone := gorm.G[Product](tx).Where("archived_at IS NULL")
		if len(kept) > 0 {
			gone = gone.Where("slug NOT IN ?", kept)
		}
		_, err := gone.Set(clause.Assignments(map[string]any{"archived_at": now, "updated_at": now})).Update(ctx)
		return named(err, "archive products")
	})
}

func importOne(ctx context.Context, tx *gorm.DB, one Product, now time.Time) error {
	what := "product " + one.Slug
	old, err := gorm.G[Product](tx, forUpdate()).Where("slug = ?", one.Slug).First(ctx)
	switch {
	case errors.Is(err, gorm.ErrRecordNotFound):
		one.ID, one.CreatedAt, one.UpdatedAt, one.ArchivedAt = 0, now, now, nil
		if err := tx.Omit(clause.Associations).Create(&one).Error; err != nil {
			return named(err, what)
		}
	case err != nil:
		return named(err, what)
	default:
		one.ID = old.ID
		_, err = gorm.G[Product](tx).Where("id = ?", old.ID).Set(clause.Assignments(map[string]any{
			"name": one.Name, "description": one.Description, "picture": one.Picture, "position": one.Position,
			"stock": one.Stock, "archived_at": nil, "updated_at": now,
		})).Update(ctx)
		if err != nil {
			return named(err, what)
		}
	}
	if _, err := gorm.G[Price](tx).Where("product_id = ?", one.ID).Delete(ctx); err != nil {
		return named(err, "prices of "+what)
	}
	for _, price := range one.Prices {
		price.ProductID = one.ID
		if err := gorm.G[Price](tx).Create(ctx, &price); err != nil {
			return named(err, fmt.Sprintf("price of %s in %s", what, price.Currency))
		}
	}
	return nil
}
