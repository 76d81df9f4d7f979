package models

import (
	"context"
	"fmt"
	"time"

	"till/money"

	"gorm.io/gorm"
)

// DocumentKind says which series a document belongs to.
type DocumentKind string

// The kinds of document.
const (
	DocumentReceipt    DocumentKind = "receipt"     // money was taken
	DocumentCreditNote DocumentKind = "credit_note" // money has gone back
)

// Document is a numbered paper about one fact. It is written in the transaction
// that makes the fact true, and its series has no gaps: receipts less credit
// notes is what was taken less what has gone back. The database refuses to
// change or delete one.
type Document struct {
	ID         int64
	Kind       DocumentKind
	Test       bool // tests have series of their own
	Number     int64
	OrderID    int64
	FactID     int64
	SettingsID *int64       // under which it was written; nil from before there were any
	Amount     money.Amount `gorm:"embedded"`
	At         time.Time
}

// Label is the document's number as people write it: R-17, C-3, TEST-R-5.
func (d Document) Label() string {
	letter := "R"
	if d.Kind == DocumentCreditNote {
		letter = "C"
	}
	if d.Test {
		letter = "TEST-" + letter
	}
	return fmt.Sprintf("%s-%d", letter, d.Number)
}

// documentOf is the document that a fact asks for; ok is false when it moves no
// money.
func documentOf(f Fact) (d Document, ok bool) {
	d = Document{FactID: f.ID, Amount: f.Amount}
	switch {
	case f.Kind == FactCaptured, f.Kind == FactRefundReversed, f.Kind == FactCorrected && f.Amount.Minor > 0:
		d.Kind = DocumentReceipt
	case f.Kind == FactRefunded, f.Kind == FactCorrected:
		d.Kind = DocumentCreditNote
		d.Amount.Minor = max(d.Amount.Minor, -d.Amount.Minor)
	default:
		return d, false
	}
	return d, true
}

// addDocuments numbers documents in their order and writes them. The row of a
// series is locked until the transaction ends, and goes back with it.
func addDocuments(ctx context.Context, tx *gorm.DB, all []Document) error {
	for _, kind := range []DocumentKind{DocumentReceipt, DocumentCreditNote} {
		for _, test := range []bool{false, true} {
			var some []Document
			for _, d := range all {
				if d.Kind == kind && d.Test == test {
					some = append(some, d)
				}
			}
			if len(some) == 0 {
				continue
			}
			var last int64
			err := tx.WithContext(ctx).Raw(`INSERT INTO series (kind, test, number) VALUES (?, ?, ?)
				ON CONFLICT (kind, test) DO UPDATE SET number = series.number + excluded.number RETURNING number`, kind, test, len(some)).Scan(&last).Error
			if err != nil {
				return named(err, "series of "+string(kind))
			}
			for i := range some {
				some[i].Number = last - int64(len(some)) + int64(i) + 1
			}
			if err := rowsOf[Document](tx).CreateInBatches(ctx, &some, 500); err != nil {
				return named(err, "documents")
			}
		}
	}
	return nil
}

// Documents reads numbered papers.
type Documents struct{ db *DB }

// NewDocuments returns the documents kept in db.
func NewDocuments(db *DB) *Documents { return &Documents{db} }

// OfOrder returns an order's documents, oldest first.
func (d *Documents) OfOrder(ctx context.Context, orderID int64) ([]Document, error) {
	all, err := rowsOf[Document](d.db.r).Where("order_id = ?", orderID).Order("id").Find(ctx)
	return all, named(err, "documents")
}

// ByID returns one document, or ErrNotFound.
func (d *Documents) ByID(ctx context.Context, id int64) (Document, error) {
	one, err := rowsOf[Document](d.db.r).Where("id = ?", id).First(ctx)
	return one, named(err, "document")
}
