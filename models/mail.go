package models

import (
	"context"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// MailKind says what a mail is about.
type MailKind string

// The kinds of mail.
const (
	MailOrderPaid MailKind = "order_paid" // the order is paid: once per order
	MailRefunded  MailKind = "refunded"   // money has gone back: once per refund, and never before it has
	MailShipped   MailKind = "shipped"    // the goods have left: once per order
)

// Mail is one mail to a shopper: one per order and kind, or per operation and
// kind. It is written, and sent where a mail server is set, by the job that
// comes with it.
type Mail struct {
	ID          int64
	OrderID     int64
	OperationID *int64 // the refund that it tells of
	Kind        MailKind
	Recipient   string
	Subject     string     // empty until written
	Body        string     // as plain text
	Attempts    int64      // how often a mail server was asked to take it
	RefusedAt   *time.Time // when one said that nobody has this address
	SentAt      *time.Time
	CreatedAt   time.Time
}

// Mails reads and writes mails.
type Mails struct{ db *DB }

// NewMails returns the mails kept in db.
func NewMails(db *DB) *Mails { return &Mails{db} }

func (db *DB) addMail(ctx context.Context, tx *gorm.DB, order Order, kind MailKind, operation *int64) error {
	m := Mail{OrderID: order.ID, OperationID: operation, Kind: kind, Recipient: order.Email}
	if err := rowsOf[Mail](tx).Create(ctx, &m); err != nil {
		return named(err, "mail of order "+order.Number())
	}
	return db.enqueue(ctx, tx, SendMail{MailID: m.ID})
}

// Now is the database's clock.
func (m *Mails) Now() time.Time { return m.db.Now() }

// ByID returns one mail, or ErrNotFound.
func (m *Mails) ByID(ctx context.Context, id int64) (Mail, error) {
	mail, err := rowsOf[Mail](m.db.r).Where("id = ?", id).First(ctx)
	return mail, named(err, "mail")
}

// OfOrder returns an order's mails, oldest first.
func (m *Mails) OfOrder(ctx context.Context, orderID int64) ([]Mail, error) {
	all, err := rowsOf[Mail](m.db.r).Where("order_id = ?", orderID).Order("id").Find(ctx)
	return all, named(err, "mails")
}

// Written keeps what a mail says: what is kept first stays.
func (m *Mails) Written(ctx context.Context, id int64, subject, body string) error {
	return m.update(ctx, "id = ? AND subject = ''", id, map[string]any{"subject": subject, "body": body})
}

// Sent keeps that a mail server has taken a mail.
func (m *Mails) Sent(ctx context.Context, id int64) error {
	return m.update(ctx, "id = ?", id, map[string]any{"sent_at": m.db.Now(), "refused_at": nil, "attempts": gorm.Expr("attempts + 1")})
}

// NotSent keeps that a mail server was asked to take a mail and did not; refused
// says that it never will.
func (m *Mails) NotSent(ctx context.Context, id int64, refused bool) error {
	set := map[string]any{"attempts": gorm.Expr("attempts + 1")}
	if refused {
		set["refused_at"] = m.db.Now()
	}
	return m.update(ctx, "id = ?", id, set)
}

func (m *Mails) update(ctx context.Context, where string, id int64, set map[string]any) error {
	return m.db.Write(ctx, func(tx *gorm.DB) error {
		_, err := rowsOf[Mail](tx).Where(where, id).Set(clause.Assignments(set)).Update(ctx)
		return named(err, "mail")
	})
}
