package models

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/clause"
)

// EventMailAgain is that staff had a mail sent once more. Its FromState is the
// mail's ID, its Detail the mail's kind.
const EventMailAgain EventKind = "mail_again"

// againAfter is how long a mail is not sent once more after it was.
const againAfter = time.Minute

// ErrUnwritten is returned for a mail that has no text yet: it is on its way by
// itself.
var ErrUnwritten = errors.New("models: the mail is still to be written")

// Resend has a mail of an order sent once more. Within a minute it is done once;
// again tells whether this was the time.
//
// Errors: ErrNotFound; ErrUnwritten.
func (m *Mails) Resend(ctx context.Context, orderID, id int64, cause Cause) (again bool, err error) {
	err = m.db.Write(ctx, func(tx *gorm.DB) error {
		again = false
		if _, err := rowsOf[Order](tx, forUpdate()).Where("id = ?", orderID).First(ctx); err != nil {
			return named(err, "order")
		}
		mail, err := rowsOf[Mail](tx).Where("id = ? AND order_id = ?", id, orderID).First(ctx)
		if err != nil {
			return named(err, "mail")
		}
		if mail.Subject == "" {
			return fmt.Errorf("%w: mail %d", ErrUnwritten, id)
		}
		word := strconv.FormatInt(id, 10)
		lately, err := rowsOf[Event](tx).Where("order_id = ? AND kind = ? AND from_state = ? AND at > ?", orderID, EventMailAgain, word, tx.NowFunc().Add(-againAfter)).Find(ctx)
		if err != nil || len(lately) > 0 {
			return named(err, "events")
		}
		again = true
		if _, err := rowsOf[Mail](tx).Where("id = ?", id).Set(clause.Assignments(map[string]any{"sent_at": nil, "refused_at": nil})).Update(ctx); err != nil {
			return named(err, "mail")
		}
		if err := addEvent(ctx, tx, Event{OrderID: orderID, Kind: EventMailAgain, FromState: word, Detail: string(mail.Kind), Cause: cause}); err != nil {
			return err
		}
		return m.db.enqueue(ctx, tx, SendMail{MailID: id})
	})
	return again && err == nil, err
}
